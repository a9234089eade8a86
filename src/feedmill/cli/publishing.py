"""The commands about posts and feeds: publish (and publish-feed), check, init."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feedmill import __version__
from feedmill.cli.terminal import config_option, count, load, print_json, progress_bar, safe, say, where, with_options
from feedmill.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from feedmill.config import Config
    from feedmill.model import Problem
    from feedmill.producer.publish import Request
    from feedmill.producer.report import Report

#: Feeds listed by name after a publish; the rest is counted.
_LISTED = 20

_publish_options = with_options(
    click.argument("categories", nargs=-1, metavar="[CATEGORY]..."),
    click.option("--full", is_flag=True, help="Read and render everything anew, whatever the catalog says."),
    click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing."),
    click.option("--strict", is_flag=True, help="Exit with 1 when a post was skipped."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
)


@click.command()
@_publish_options
@click.pass_obj
def publish(config_path: str, categories: tuple[str, ...], *, full: bool, dry_run: bool, strict: bool, as_json: bool) -> None:
    """Bring feeds/ up to date with posts/.

    CATEGORY names a feed, with all below it, as "A/B"; none means every feed.
    """
    _publish(config_path, categories, full=full, dry_run=dry_run, strict=strict, as_json=as_json)


@click.command("publish-feed", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@config_option
@click.version_option(__version__, prog_name="feedmill")
@_publish_options
def publish_alone(config_path: str, categories: tuple[str, ...], *, full: bool, dry_run: bool, strict: bool, as_json: bool) -> None:
    """Bring feeds/ up to date with posts/ (the same as `feedmill publish`).

    CATEGORY names a feed, with all below it, as "A/B"; none means every feed.
    """
    _publish(config_path, categories, full=full, dry_run=dry_run, strict=strict, as_json=as_json)


def _publish(config_path: str, categories: tuple[str, ...], *, full: bool, dry_run: bool, strict: bool, as_json: bool) -> None:
    from feedmill.producer.publish import Request

    config = load(config_path)
    report = run_publish(config, Request(categories, is_full=full, is_dry=dry_run))
    if as_json:
        print_json(publish_json(report))
    else:
        print_published(report, verb="would write" if dry_run else "wrote")
    if not dry_run:
        tell_hubs(config)
    if strict and report.skipped:
        sys.exit(1)


def run_publish(config: Config, request: Request) -> Report:
    """Publish, and say what was skipped or mended."""
    from feedmill.producer.publish import publish as run

    with progress_bar() as progress:
        report = run(config, request, now=datetime.now(UTC), progress=progress)
    for problem in report.skipped:
        say(f"{where(problem)}: skipped: {safe(problem.message)}")
    for problem in report.fresh:
        say(f"{where(problem)}: published, but: {safe(problem.message)}")
    return report


def tell_hubs(config: Config) -> None:
    """Tell the hubs what changed, in ten seconds at most; what they do not take is sent with the next run."""
    if not config.feeds.hub:
        return
    from feedmill.producer.pingqueue import PingQueue

    try:
        if PingQueue(config.state_path, config.feeds.hub).has_due(now=int(datetime.now(UTC).timestamp())):
            from feedmill.producer.pinging import send_now

            sys.stdout.flush()  # the report is there before anybody is waited for
            for sentence in send_now(config):
                say(safe(sentence))
    except StorageError as exc:
        say(f"the hubs are told with the next run: {safe(str(exc))}")


def publish_json(report: Report) -> dict[str, Any]:
    """Return a publish as `--json` has it."""

    def shown(problems: Sequence[Problem]) -> list[dict[str, Any]]:
        return [{"path": problem.path, "line": problem.line, "reason": problem.message} for problem in problems]

    return {
        "posts": report.posts,
        "skipped": shown(report.skipped),
        "repaired": shown(report.repaired),
        "feeds": [feed._asdict() for feed in report.feeds],
        "archives": [feed._asdict() for feed in report.archives],
        "removed": list(report.removed),
    }


def print_published(report: Report, *, verb: str) -> None:
    """Print the feeds that were written, the first by name, and a closing line."""
    feeds = [feed for feed in report.feeds if feed.changed]
    changed = [*feeds, *report.archives]
    if changed:
        click.echo(" entries  feed")
    for feed in changed[:_LISTED]:
        click.echo(f"{feed.entries:>8}  {safe(feed.path)}")
    if len(changed) > _LISTED:
        click.echo(f"          and {len(changed) - _LISTED:,} more")
    for path in report.removed:
        click.echo(f" removed  {safe(path)}")
    skipped = f", skipped {count(len(report.skipped), 'file')}" if report.skipped else ""
    archives = f" and {count(len(report.archives), 'archive document')}" if report.archives else ""
    click.echo(f"{count(report.posts, 'post')}, {count(len(report.feeds), 'feed')}: {verb} {len(feeds):,}{archives}{skipped}")


@click.command()
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
        config = load(config_path)
    except ConfigError as exc:
        if not exc.problems:
            raise
        problems: Sequence[Problem] = config_problems(exc, config_path)
    else:
        unwritten = _write_ids(config) if write_ids else []
        problems = [*unwritten, *run(config, config_path=config_path, now=datetime.now(UTC))]
    if as_json:
        print_json({"problems": [problem._asdict() for problem in problems]})
    else:
        for problem in problems:
            click.echo(f"{where(problem)}: {safe(problem.message)} [{problem.rule}]")
        click.echo(count(len(problems), "problem") if problems else "no problems")
    if problems:
        sys.exit(1)


def _write_ids(config: Config) -> list[Problem]:
    from feedmill.producer.write_ids import write_ids

    written, problems = write_ids(config)
    say(f"wrote ids into {count(written, 'file')}")
    return problems


@click.command()
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
