"""The command line: reads arguments, calls a use case, prints what it says. Decides nothing."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from feedmill import __version__
from feedmill.errors import ConfigError, FeedmillError

if TYPE_CHECKING:
    from feedmill.config import Config
    from feedmill.model import Problem, Progress
    from feedmill.producer.report import Report

#: With more changed posts than this a person who waits at a terminal is shown how far it is.
_LONG_WORK = 1000
#: Feeds listed by name after a publish; the rest is counted.
_LISTED = 20

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _config_option(function: _Command) -> _Command:
    option = click.option(
        "--config", "config_path", default="config.yaml", show_default=True, metavar="FILE", help="The project's configuration."
    )
    return option(function)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@_config_option
@click.version_option(__version__, prog_name="feedmill")
@click.pass_context
def feedmill(context: click.Context, config_path: str) -> None:
    """Keeps a folder of posts and the world's feeds in step.

    Exit status: 0 done, 1 problems (with --strict, or found by check), 2 usage or configuration, 3 storage.
    """
    context.obj = config_path


def _publish_options(function: _Command) -> _Command:
    for decorate in reversed(
        (
            click.argument("categories", nargs=-1, metavar="[CATEGORY]..."),
            click.option("--full", is_flag=True, help="Read and render everything anew, whatever the catalog says."),
            click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing."),
            click.option("--strict", is_flag=True, help="Exit with 1 when a post was skipped."),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        )
    ):
        function = decorate(function)
    return function


@feedmill.command()
@_publish_options
@click.pass_obj
def publish(config_path: str, categories: tuple[str, ...], *, full: bool, dry_run: bool, strict: bool, as_json: bool) -> None:
    """Bring feeds/ up to date with posts/.

    CATEGORY names a feed, with all below it, as "A/B"; none means every feed.
    """
    _publish(config_path, categories, full=full, dry_run=dry_run, strict=strict, as_json=as_json)


@click.command("publish-feed", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@_config_option
@click.version_option(__version__, prog_name="feedmill")
@_publish_options
def publish_alone(config_path: str, categories: tuple[str, ...], *, full: bool, dry_run: bool, strict: bool, as_json: bool) -> None:
    """Bring feeds/ up to date with posts/ (the same as `feedmill publish`).

    CATEGORY names a feed, with all below it, as "A/B"; none means every feed.
    """
    _publish(config_path, categories, full=full, dry_run=dry_run, strict=strict, as_json=as_json)


def _publish(config_path: str, categories: tuple[str, ...], *, full: bool, dry_run: bool, strict: bool, as_json: bool) -> None:
    from feedmill.producer.publish import Request
    from feedmill.producer.publish import publish as run

    config = _load(config_path)
    with _progress_bar() as progress:
        report = run(config, Request(categories, is_full=full, is_dry=dry_run), now=datetime.now(UTC), progress=progress)
    for problem in report.skipped:
        _say(f"{_where(problem)}: skipped: {_safe(problem.message)}")
    for problem in report.fresh:
        _say(f"{_where(problem)}: published, but: {_safe(problem.message)}")
    if as_json:
        _print_json(_publish_json(report))
    else:
        _print_published(report, verb="would write" if dry_run else "wrote")
    if strict and report.skipped:
        sys.exit(1)


def _publish_json(report: Report) -> dict[str, Any]:
    def shown(problems: Sequence[Problem]) -> list[dict[str, Any]]:
        return [{"path": problem.path, "line": problem.line, "reason": problem.message} for problem in problems]

    return {
        "posts": report.posts,
        "skipped": shown(report.skipped),
        "repaired": shown(report.repaired),
        "feeds": [asdict(feed) for feed in report.feeds],
        "removed": list(report.removed),
    }


def _print_published(report: Report, *, verb: str) -> None:
    changed = [feed for feed in report.feeds if feed.changed]
    if changed:
        click.echo(" entries  feed")
    for feed in changed[:_LISTED]:
        click.echo(f"{feed.entries:>8}  {_safe(feed.path)}")
    if len(changed) > _LISTED:
        click.echo(f"          and {len(changed) - _LISTED:,} more")
    for path in report.removed:
        click.echo(f" removed  {_safe(path)}")
    skipped = f", skipped {_count(len(report.skipped), 'file')}" if report.skipped else ""
    click.echo(f"{_count(report.posts, 'post')}, {_count(len(report.feeds), 'feed')}: {verb} {len(changed):,}{skipped}")


@feedmill.command()
@click.option("--write-ids", is_flag=True, help="Write the id of every post without guid into its file first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def check(config_path: str, *, write_ids: bool, as_json: bool) -> None:
    """Look for problems in the configuration, every post and every published feed.

    Exits with 1 when there are any.
    """
    from feedmill.producer.check import check as run
    from feedmill.producer.check import config_problems

    try:
        config = _load(config_path)
    except ConfigError as exc:
        if not exc.problems:
            raise
        problems: Sequence[Problem] = config_problems(exc, config_path)
    else:
        unwritten = _write_ids(config) if write_ids else []
        problems = [*unwritten, *run(config, config_path=config_path, now=datetime.now(UTC))]
    if as_json:
        _print_json({"problems": [asdict(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(f"{_where(problem)}: {_safe(problem.message)} [{problem.rule}]")
        click.echo(_count(len(problems), "problem") if problems else "no problems")
    if problems:
        sys.exit(1)


def _write_ids(config: Config) -> list[Problem]:
    from feedmill.producer.write_ids import write_ids

    count, problems = write_ids(config)
    _say(f"wrote ids into {_count(count, 'file')}")
    return problems


@feedmill.command()
@click.argument("folder", default=".", metavar="[DIR]")
@click.option(
    "--from", "source", metavar="FILE", help="Take over the settings of a Hexo or Jekyll site (_config.yml) or a Hugo site (hugo.toml)."
)
def init(folder: str, source: str | None) -> None:
    """Make a ready project in DIR: config.yaml, posts/, feeds/."""
    from feedmill.scaffold import scaffold

    made = scaffold(Path(folder), source=Path(source) if source else None, now=datetime.now(UTC))
    for line in made.lines():
        click.echo(line)


def _load(path: str) -> Config:
    from feedmill.configfile import load_config

    return load_config(Path(path), environ=os.environ)


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """Show how far long work is, where a person waits at a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    shown: dict[str, Any] = {}

    def progress(what: str, done: int, total: int) -> None:
        if total <= _LONG_WORK and not shown:
            return
        if not shown:
            from rich.console import Console
            from rich.progress import Progress as Bar

            shown["bar"] = Bar(console=Console(stderr=True), transient=True)
            shown["bar"].start()
        if what not in shown:
            shown[what] = shown["bar"].add_task(what, total=total)
        shown["bar"].update(shown[what], completed=done, total=total)

    try:
        yield progress
    finally:
        if shown:
            shown["bar"].stop()


def _where(problem: Problem) -> str:
    return f"{_safe(problem.path)}:{problem.line}" if problem.line else _safe(problem.path)


def _safe(text: str) -> str:
    """Return one line without control characters: names and reasons may quote text that anybody wrote."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _say(text: str) -> None:
    click.echo(text, err=True)


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace"))


def _run(command: click.Command) -> NoReturn:
    gc.set_threshold(50_000, 20, 50)  # one short run of values without cycles: looking for some takes a tenth of it
    logging.basicConfig(level=logging.WARNING, format="feedmill: %(message)s")
    try:
        command.main(standalone_mode=False)
    except FeedmillError as exc:
        _say("feedmill: " + "\n".join(map(_safe, str(exc).split("\n"))))
        sys.exit(exc.exit_status)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("feedmill: interrupted; nothing is half-written")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)


def main() -> NoReturn:
    """Run `feedmill`."""
    _run(feedmill)


def publish_feed() -> NoReturn:
    """Run `publish-feed`."""
    _run(publish_alone)
