"""`feedmill status` as a person at a terminal sees it: colours that repeat what the words say, and how far off each time is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commandline import feedmill
from feedmill.cli.terminal import Cell, print_line, print_table, relative, span
from feedmill.configfile import read_config
from feedmill.consumer.remember import address_key
from feedmill.posts.record import to_epoch
from feedmill.state.ledger import Ledger, SourceState
from feedmill.state.lock import writing
from sites import CONFIG

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
NAMES = ("well", "same", "torn", "bad", "left", "off", "late", "new")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose sources are in every state; no test changes it."""
    tmp_path = tmp_path_factory.mktemp("site")
    sources = "".join(
        f"  - {{name: {name}, url: 'https://{name}.example.org/', enabled: {str(name != 'off').lower()}}}\n" for name in NAMES
    )
    text = f"{CONFIG}sources:\n{sources}"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "posts").mkdir()
    config = read_config(text, root=tmp_path, environ={})
    keys = {source.name: address_key(source.url) for source in config.sources}
    now = to_epoch(datetime.now(UTC))
    known: dict[str, dict[str, Any]] = {
        "well": {"last_result": "ok", "next_fetch": now + 5 * 3600 - 60, "rule": "every 1h"},
        "same": {"last_result": "not-modified", "next_fetch": now + 4 * 86_400 - 60, "rule": "every 1h"},
        "torn": {"last_result": "partial", "next_fetch": now + 600, "rule": "ttl 2h", "gap_at": now - 60, "error": "line 5"},
        "bad": {"last_result": "failed", "next_fetch": now + 600, "rule": "back-off", "failures": 3, "error": "[red]x\x1b[31m[/red]"},
        "left": {"last_result": "gone", "next_fetch": now, "rule": "", "error": "410"},
        "off": {"last_result": "ok", "next_fetch": now, "rule": "every 1h"},
        "late": {"last_result": "ok", "next_fetch": now - 2 * 3600 - 60, "rule": "every 1h"},
    }
    states = {
        name: SourceState(url_key=keys[name], last_fetch=now - 3 * 86_400, due=state["next_fetch"], **state)
        for name, state in known.items()
    }
    with contextlib.closing(Ledger(config.state_path)) as ledger:
        ledger.settle([], marks={}, states=states, held={}, now=now)
    return tmp_path


@contextlib.contextmanager
def terminal(*, columns: int) -> Iterator[tuple[int, int]]:
    """A pseudo-terminal, as (the end of the person, the end of the program)."""
    person, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    try:
        yield person, program
    finally:
        os.close(person)


def at_terminal(root: Path, *, columns: int = 200, **environ: str) -> list[str]:
    """Run `feedmill status` in a process of its own at a terminal; return what it shows by lines."""
    command = [sys.executable, "-c", "from feedmill.cli import main; main()", "--config", str(root / "config.yaml"), "status"]
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "COLORTERM")}
    environment = clean | {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm-256color", "TZ": "UTC"} | environ
    with terminal(columns=columns) as (person, program):
        running = subprocess.Popen(command, stdout=program, stderr=program, stdin=subprocess.DEVNULL, env=environment)
        os.close(program)
        shown = b""
        while part := _read(person):
            shown += part
        assert running.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n").splitlines()


def _read(person: int) -> bytes:
    try:
        return os.read(person, 65_536)
    except OSError as exc:
        if exc.errno != errno.EIO:  # Linux's word for a terminal that nobody writes to any more
            raise
        return b""


@pytest.fixture(scope="module")
def lines(site: Path) -> list[str]:
    """What a wide terminal with colours shows."""
    return at_terminal(site)


def row(lines: list[str], name: str) -> str:
    return next(line for line in lines if ESCAPE.sub("", line).startswith(f"{name} "))


def test_a_terminal_shows_colours_and_how_far_off_times_are(lines: list[str]) -> None:
    green, yellow, red, dim = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m"
    assert f"{green}ok" in row(lines, "well")
    assert f"{green}not-modified" in row(lines, "same")
    assert f"{yellow}partial" in row(lines, "torn")
    assert f"{yellow}a gap is suspected; line 5" in row(lines, "torn")
    assert f"{red}failed" in row(lines, "bad")
    assert f"{red}gone" in row(lines, "left")
    assert all(part.startswith(dim) for part in re.findall(r"\x1b\[[1-9][0-9;]*m", row(lines, "off")))
    assert f"{yellow}overdue" in row(lines, "late")
    assert "\x1b" not in row(lines, "new")
    assert "3 d ago" in row(lines, "well")
    assert "in 4 h" in row(lines, "well")
    assert "in 3 d" in row(lines, "same")
    assert ", 2 h ago" in row(lines, "late")
    assert lines[-2] == f"{yellow}due since 2 h: is a daemon or cron job running?\x1b[0m"
    assert lines[-1] == "8 sources, 2 failing, 0 posts in total"


def test_what_upstream_wrote_is_no_markup_and_steers_no_terminal(lines: list[str]) -> None:
    shown = ESCAPE.sub("", row(lines, "bad"))
    assert shown.rstrip().endswith(r"[red]x\x1b[31m[/red]")


def test_no_color_means_no_escape_at_all_and_a_narrow_terminal_folds(site: Path, lines: list[str]) -> None:
    plain = at_terminal(site, columns=100, NO_COLOR="1")
    assert not any("\x1b" in line for line in plain)
    assert max(map(len, plain)) <= 100
    words = [{word for line in shown if "─" not in line for word in ESCAPE.sub("", line).split()} for shown in (plain, lines)]
    assert {"overdue", "suspected;", "partial", "failed", "gone"} & words[1] <= words[0]


def test_elsewhere_there_are_no_colours_and_no_distances(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm-256color", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "COLORTERM": "truecolor"}.items():
        monkeypatch.setenv(name, value)
    said = feedmill(site, "status").out
    assert "\x1b" not in said
    assert " ago" not in said
    assert "overdue" in row(said.splitlines(), "late")
    assert said.splitlines()[-2:] == ["due since 2 h: is a daemon or cron job running?", "8 sources, 2 failing, 0 posts in total"]


def test_while_somebody_is_at_work_nothing_is_asked(site: Path) -> None:
    with writing(site / ".feedmill" / "sync.lock"):
        said = feedmill(site, "status").out
        assert feedmill(site, "status", "--json").document["unattended_since"] is None
    assert "cron" not in said
    assert "overdue" in said
    document = feedmill(site, "status", "--json").document
    late = next(source for source in document["sources"] if source["name"] == "late")
    assert (late["overdue"], document["unattended_since"]) == (True, late["next_fetch"])


def test_named_sources_alone_are_counted(site: Path) -> None:
    said = feedmill(site, "status", "bad", "well").out.splitlines()
    assert said[-1] == "2 sources, 1 failing, 0 posts in total"
    assert not any("cron" in line for line in said)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=12, seconds=59), "12 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(hours=48), "2 d"),
        (timedelta(days=400), "400 d"),
        (timedelta(0), "0 min"),
    ],
)
def test_a_length_of_time(time: timedelta, text: str) -> None:
    assert span(time.total_seconds()) == text
    if time:
        assert relative(time.total_seconds()) == f"in {text}"
        assert relative(-time.total_seconds()) == f"{text} ago"


@pytest.mark.parametrize("seconds", [0, 59, -59, 0.5])
def test_within_a_minute_is_now(seconds: float) -> None:
    assert relative(seconds) == "now"


class Screen(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_cell_with_a_style_and_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(screen):
        print_table(("name", "number"), [("a", Cell(1234, "red")), (Cell("[b]", "green"), 5)])
        print_line("[b] \x1b[0m", "yellow")
        screen.flush()
    _, _, first, second, line = screen.buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert first.split() == ["a", "\x1b[31m", "1,234\x1b[0m"]
    assert second.split() == ["\x1b[32m[b]", "\x1b[0m", "5"]
    assert line == "\x1b[33m[b] \\x1b[0m\x1b[0m"
