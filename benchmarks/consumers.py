"""Feed consumers as their users run them: feedmill, the library `reader`, and newsboat; each has a folder and one command a poll."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from processes import FEEDMILL, version_of
from results import Part

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
        return [FEEDMILL, "--config", "config.yaml", "sync", "--force", "--no-publish", "--json"]

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


def find_consumers(part: Part, python: Path) -> list[Consumer]:
    """Return feedmill and those of its peers that are installed; reader, which `python` has, with one worker, its default, and eight."""
    found: list[Consumer] = [Feedmill()]
    if part.meet("reader", version_of([*_reader(python), "version"]), otherwise="make .venv-bench/ready"):
        found += [Reader(python, 1), Reader(python, 8)]
    if part.meet("newsboat", version_of(["newsboat", "-v"]), otherwise="apt-get install newsboat"):
        found.append(Newsboat())
    return found


def environment(home: Path) -> dict[str, str]:
    """This process's environment for a consumer in `home`: a home of its own, and no proxy between it and the origin."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"HOME": str(home)}


def _reader(python: Path) -> list[str]:
    return [str(python), str(Path(__file__).with_name("readerpeer.py"))]


def _count(database: Path, query: str) -> int:
    with closing(sqlite3.connect(database)) as opened:
        return int(opened.execute(query).fetchone()[0])
