"""The commands that change which sources there are: add, remove, opml import, opml export."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from feedmill.cli.terminal import count, load, safe, say
from feedmill.configaddresses import parse_category_path
from feedmill.errors import ConfigError, UpstreamError

if TYPE_CHECKING:
    from feedmill.config import Config
    from feedmill.consumer.subscribe import Found


@click.command()
@click.argument("url")
@click.option("--category", metavar="A/B/C", help="Where its posts go; left out: a category of the feed's title.")
@click.option("--name", help="Its name in config.yaml, of a-z, 0-9 and `-`; left out: made from the title.")
@click.pass_obj
def add(config_path: str, url: str, *, category: str | None, name: str | None) -> None:
    """Find the feed behind URL (a feed, or any page of its site) and add it to config.yaml."""
    from feedmill.consumer.adding import look_up
    from feedmill.consumer.targets import shown_url
    from feedmill.sourceediting import NewSource, add_sources, edit_config, source_name

    config = load(config_path)
    categories = _categories(category)
    try:
        found = look_up(config, url)
    except UpstreamError as exc:
        raise ConfigError(f"{exc}; nothing was added") from exc
    _refuse_known(config, found)
    title = found.title or found.url
    chosen = name or source_name(found.title, found.url, taken={source.name for source in config.sources})
    source = NewSource(name=chosen, url=found.url, title=found.title, categories=categories or (title,))
    edit_config(Path(config_path), lambda text: add_sources(text, [source]), environ=os.environ)
    click.echo(f"added {chosen}: {safe(title)}, {count(found.entries, 'entry', 'entries')} now, {safe(shown_url(found.url))}")
    for other in found.others:
        say(f"also there: {safe(other.url)} ({safe(other.title or other.type)})")
    click.echo(f"its posts will go to {safe('/'.join(source.categories))}; fetch them with `feedmill sync {chosen}`")


def _categories(category: str | None) -> tuple[str, ...]:
    if category is None:
        return ()
    try:
        names = tuple(name for name in parse_category_path(category).split("/") if name)
        if not names:
            raise ValueError("")
    except ValueError as exc:
        raise ConfigError(f"--category {category!r}: {str(exc) or 'it is no category'}; write it like News/Site") from exc
    return names


def _refuse_known(config: Config, found: Found) -> None:
    from feedmill.consumer.targets import shown_url

    for source in config.sources:
        if source.url == found.url:
            raise ConfigError(f"{shown_url(found.url)} is the source {source.name} already; nothing was added")


@click.command()
@click.argument("name")
@click.pass_obj
def remove(config_path: str, name: str) -> None:
    """Take the source NAME out of config.yaml; its posts stay."""
    from feedmill.sourceediting import edit_config, remove_source

    edit_config(Path(config_path), lambda text: remove_source(text, name), environ=os.environ)
    click.echo(f"removed {safe(name)}; its posts stay")


@click.group()
def opml() -> None:
    """Take lists of subscriptions in and give them out."""


@opml.command("import")
@click.argument("file", type=click.File("rb"))
@click.pass_obj
def import_(config_path: str, file: IO[bytes]) -> None:
    """Add the feeds of an OPML FILE (`-`: standard input) to config.yaml; its folders become categories."""
    from feedmill.opmlsources import import_sources
    from feedmill.sourceediting import add_sources, edit_config

    sources, notes = import_sources(load(config_path), file.read())
    _say_all(notes)
    if sources:
        edit_config(Path(config_path), lambda text: add_sources(text, sources), environ=os.environ)
    click.echo(f"added {count(len(sources), 'source')}")


@opml.command("export")
@click.pass_obj
def export(config_path: str) -> None:
    """Print the sources as OPML 2.0; those whose address holds a secret are left out."""
    from feedmill.opmlsources import write_opml

    document, left_out = write_opml(load(config_path))
    click.echo(document.rstrip(b"\n"))
    _say_all(f"{name}: left out, its address holds a secret" for name in left_out)


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        say(safe(line))
