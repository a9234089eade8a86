"""What every command needs of the terminal: the configuration, a progress bar, one-line texts, JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

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
    """Print the one JSON document of a command, without characters that steer a terminal: U+009B begins an escape as ESC does."""
    text = json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode()
    click.echo(re.sub(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", lambda found: f"\\u{ord(found[0]):04x}", text).encode())


class Cell(NamedTuple):
    """What stands in a table, with the style (rich's words, such as "red") that a terminal with colours shows it in."""

    value: object
    style: str = ""


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows of values, or of Cells, under a header: fitted to a terminal, whole lines without colours elsewhere."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(header):
        is_count = bool(rows) and all(isinstance(row[number].value, int) for row in cells)
        table.add_column(name, justify="right" if is_count else "left", overflow="fold")
    for row in cells:
        # Text, for in a str "[red]" would be markup.
        table.add_row(*(Text(f"{value:,}" if isinstance(value, int) else safe(str(value)), style=style) for value, style in row))
    _print(table)


def print_line(text: str, style: str) -> None:
    """Print a line, in a style where the terminal has colours."""
    from rich.text import Text

    _print(Text(safe(text), style=style))


def _print(shown: RenderableType) -> None:
    console = _console()
    with console.capture() as written:
        console.print(shown)
    click.echo("\n".join(line.rstrip() for line in written.get().rstrip("\n").split("\n")))


def _console() -> Console:
    """Colours and a limited width are for terminals alone; https://no-color.org/ means not even bold here."""
    from rich.console import Console

    is_plain = not is_terminal() or bool(os.environ.get("NO_COLOR"))
    return Console(
        highlight=False,
        width=None if is_terminal() else _WIDE,
        force_terminal=is_terminal(),
        color_system=None if is_plain else "auto",
    )


def is_terminal() -> bool:
    """Whether a person reads along."""
    return sys.stdout.isatty()


_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def span(seconds: float) -> str:
    """Return a length of time in its largest unit, cut off: "12 min", "3 h", from two days on "2 d"."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size * (2 if unit == "d" else 1) or unit == "min")
    return f"{int(seconds // size)} {unit}"


def relative(seconds: float) -> str:
    """Return when something is that lies `seconds` ahead (negative: back): "in 12 min", "3 h ago", "now" within a minute."""
    if abs(seconds) < 60:
        return "now"
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(-seconds)} ago"
