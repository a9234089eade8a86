"""Builders: a project folder with posts, publishing it, reading what came out."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import feedparser

from feedmill.configfile import read_config
from feedmill.producer.listing import LISTS
from feedmill.producer.publish import Request, publish
from feedmill.producer.report import Report
from feedmill.producer.stylesheet import STYLESHEET

#: After every fixed date of the tests, before everything that is meant to be in the future.
NOW = datetime(2026, 6, 1, tzinfo=UTC)

CONFIG = """\
site:
  title: 每日新闻
  url: https://news.example.org/
  author: 编辑部
  language: zh-CN
  timezone: Asia/Shanghai
"""


@dataclass
class Project:
    """A project in a folder of its own."""

    root: Path
    extra: str = ""
    base: str = CONFIG
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "posts").mkdir(parents=True, exist_ok=True)

    @property
    def config(self):
        return read_config(self.base + self.extra, root=self.root, environ=self.environ)

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file below posts/."""
        file = self.root / "posts" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def post(self, path: str, **keys: str) -> Path:
        """Write a post with these front-matter keys (values as YAML) and the key `body`."""
        return self.write(path, make_post(**keys))

    def publish(self, *names: str, now: datetime = NOW, is_full: bool = False, is_dry: bool = False) -> Report:
        return publish(self.config, Request(names, is_full=is_full, is_dry=is_dry), now=now)

    def feeds(self) -> dict[str, bytes]:
        """Return every file below feeds/ but the stylesheet and the lists by its path there."""
        folder = self.root / "feeds"
        others = {folder / name for name in (STYLESHEET, *LISTS)}
        files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file not in others)
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}

    def parsed(self, file: str = "atom.xml"):
        """Return a feed as feedparser reads it."""
        return feedparser.parse(io.BytesIO((self.root / "feeds" / file).read_bytes()))

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return (mtime, inode) of every file of a feed: equal before and after means that nothing was written."""
        folder = self.root / "feeds"
        found = ((file, os.stat(file)) for file in folder.rglob("*") if file.is_file() and file.relative_to(folder).as_posix() not in LISTS)
        return {file.relative_to(folder).as_posix(): (status.st_mtime_ns, status.st_ino) for file, status in found}


def make_post(body: str = "<p>正文</p>", **keys: str) -> str:
    """Return a post file; without keys it has a title, a category and a date."""
    front = {"title": "标题", "categories": "[新闻]", "date": "2026-01-02 03:04:05"} | keys
    lines = [f"{key}: {value}" for key, value in front.items() if value is not None]
    return "---\n" + "\n".join(lines) + f"\n---\n\n<div>\n{body}\n</div>\n"


def changed(report: Report) -> list[str]:
    """Return the paths of the feeds that a publish wrote."""
    return [feed.path for feed in report.feeds if feed.changed]


def ids(parsed) -> dict[str, str]:
    """Return entry ids by title."""
    return {entry.title: entry.id for entry in parsed.entries}
