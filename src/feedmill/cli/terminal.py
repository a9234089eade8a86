"""What every command needs of the terminal: the configuration, a progress bar, one-line texts, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from feedmill.config import Config
    from feedmill.model import Problem, Progress

Command = TypeVar("Command", bound=Callable[..., Any])

#: With more changed posts, or more sources to fetch, than this a person who waits at a terminal is shown how far it is.
LONG_WORK = {"fetching": 3}
_LONG_WORK = 1000
#: Characters of a line where no terminal says how many there are: no row is ever cut.
_WIDE = 1_000_000


def config_option(function: Command) -> Command:
    """Add `--config`."""
    option = click.option(
        "--config", "config_path", default="config.yaml", show_default=True, metavar="FILE", help="The project's configuration."
    )
    return option(function)


def with_options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds options in the order in which they are given."""

    def decorate(function: Command) -> Command:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def load(path: str) -> Config:
    """Return the configuration of a project. Raises ConfigError."""
    from feedmill.configfile import load_config

    return load_config(Path(path), environ=os.environ)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show how far long work is, where a person waits at a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    shown: dict[str, Any] = {}

    def progress(what: str, done: int, total: int) -> None:
        if total <= LONG_WORK.get(what, _LONG_WORK) and not shown:
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


def where(problem: Problem) -> str:
    """Return the file and line of a problem."""
    return f"{safe(problem.path)}:{problem.line}" if problem.line else safe(problem.path)


def safe(text: str) -> str:
    """Return one line without control characters: names and reasons may quote text that anybody wrote."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def count(number: int, what: str, many: str = "") -> str:
    """Return "1 post", "2 posts"; `many` is a plural that is not made with an s."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def say(text: str) -> None:
    """Print a line for a person to stderr."""
    click.echo(text, err=True)


def print_json(document: dict[str, Any]) -> None:
    """Print the one JSON document of a command."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace"))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header: fitted to a terminal, whole lines elsewhere."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(header):
        is_count = bool(rows) and all(isinstance(row[number], int) for row in rows)
        table.add_column(name, justify="right" if is_count else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else safe(str(cell))) for cell in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as written:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in written.get().rstrip("\n").split("\n")))
