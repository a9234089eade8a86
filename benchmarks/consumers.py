"""Feed consumers as their users run them: feedmill, the library `reader`, and newsboat; each has a folder and one command a poll."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_CONFIG = """\
site: {title: 基准, url: "https://bench.example/", author: x, language: zh-CN, timezone: UTC}
sync: {allow_networks: [127.0.0.0/8], every: 1h}
sources:
"""


class Consumer(Protocol):
    """Something that polls feeds and keeps their entries."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def subscribe(self, home: Path, urls: Sequence[str]) -> None:
        """Make `home` the folder of a user who has subscribed and never polled; the part that is not measured."""

    def poll(self) -> list[str]:
        """The command, run in `home`, that polls every feed whether it is due or not, and ends."""

    def stored(self, home: Path) -> int:
        """How many entries are kept."""


@dataclass(frozen=True)
class Feedmill:
    """The command of the environment that runs the benchmark."""

    name: str = "feedmill"

    def subscribe(self, home: Path, urls: Sequence[str]) -> None:
        """Write config.yaml."""
        sources = [f'  - {{name: feed-{number}, url: "{url}", categories: [基准, 频道{number}]}}\n' for number, url in enumerate(urls)]
        (home / "config.yaml").write_text(_CONFIG + "".join(sources), encoding="utf-8")

    def poll(self) -> list[str]:
        """Without publishing, which no other consumer does."""
        return [_feedmill(), "--config", "config.yaml", "sync", "--force", "--no-publish", "--json"]

    def stored(self, home: Path) -> int:
        """Posts on disk."""
        return sum(1 for _ in (home / "posts").rglob("*.md"))


@dataclass(frozen=True)
class Reader:
    """reader in a process of its own, run by the interpreter that has it, updating with so many threads."""

    python: Path
    workers: int

    @property
    def name(self) -> str:
        """With the number of workers, which is what differs."""
        return f"reader, {self.workers} worker{'s' if self.workers > 1 else ''}"

    def subscribe(self, home: Path, urls: Sequence[str]) -> None:
        """Add the feeds to a new database."""
        (home / "urls").write_text("\n".join(urls))
        subprocess.run([*_reader(self.python), "subscribe", "reader.db", "urls"], cwd=home, check=True)

    def poll(self) -> list[str]:
        """Through readerpeer.py."""
        return [*_reader(self.python), "poll", "reader.db", str(self.workers)]

    def stored(self, home: Path) -> int:
        """Rows of its table."""
        return _count(home / "reader.db", "SELECT count(*) FROM entries")


@dataclass(frozen=True)
class Newsboat:
    """newsboat without its terminal."""

    name: str = "newsboat, 8 threads"

    def subscribe(self, home: Path, urls: Sequence[str]) -> None:
        """Write its two files."""
        (home / "urls").write_text("\n".join(urls) + "\n")
        (home / "config").write_text("auto-reload no\nreload-threads 8\n")

    def poll(self) -> list[str]:
        """Its cache stays between polls."""
        return ["newsboat", "-u", "urls", "-c", "cache.db", "-C", "config", "-x", "reload"]

    def stored(self, home: Path) -> int:
        """Rows of its table."""
        return _count(home / "cache.db", "SELECT count(*) FROM rss_item")


def find_feedmill() -> tuple[list[Consumer], str]:
    """Return feedmill and its version, or nothing and why."""
    version = _said([_feedmill(), "--version"])
    if not version:
        return [], "feedmill: not measured, it is not installed beside this Python (run `make bench`)"
    return [Feedmill()], version.replace(", version", "")


def find_readers(python: Path) -> tuple[list[Consumer], str]:
    """Return reader with its default of one worker and with eight, and its version; or nothing and why."""
    version = _said([*_reader(python), "version"])
    if not version:
        return [], f"reader: not measured, {python} has none (run `make bench`)"
    return [Reader(python, 1), Reader(python, 8)], f"reader {version}"


def find_newsboat() -> tuple[list[Consumer], str]:
    """Return newsboat and its version, or nothing and why."""
    if shutil.which("newsboat") is None:
        return [], "newsboat: not measured, it is not installed (apt-get install newsboat)"
    return [Newsboat()], _said(["newsboat", "-v"]).partition(" - ")[0]


def environment(home: Path) -> dict[str, str]:
    """This process's environment for a consumer in `home`: a home of its own, and no proxy between it and the origin."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"HOME": str(home)}


def _feedmill() -> str:
    return str(Path(sys.executable).with_name("feedmill"))


def _reader(python: Path) -> list[str]:
    return [str(python), str(Path(__file__).with_name("readerpeer.py"))]


def _said(command: Sequence[str]) -> str:
    """Return the first line of what `command` prints; "" where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def _count(database: Path, query: str) -> int:
    with closing(sqlite3.connect(database)) as opened:
        return int(opened.execute(query).fetchone()[0])
