"""The lists beside the feeds: written where they differ, taken away when they say nothing, never over a person's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from listed import SITE, UPDATED, category, files, tag

from feedmill.config import Config
from feedmill.configfile import read_config
from feedmill.producer.categories import FeedKey
from feedmill.producer.listing import LISTS, Listed, stage_lists
from feedmill.producer.sink import DrySink, FolderSink

MOVED = {"旧/atom.xml": "A/atom.xml", "gone/atom.xml": ""}
KEYS = (category(), category("A"), category("A", "b"), tag("t"))
BEGINNINGS = {
    "opml.xml": b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- feedmill: of an earlier version -->\n<opml/>',
    "index.html": b"<!DOCTYPE html><!-- feedmill: of an earlier version -->",
    "_redirects": b"# feedmill: of an earlier version\n",
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "feeds").mkdir()
    return read_config(SITE + "feeds: {formats: [atom, json], overrides: {A: {title: 甲, limit: 2}}}\n", root=tmp_path, environ={})


def listed(*keys: FeedKey, posts: int = 3, updated: int = UPDATED) -> list[Listed]:
    return [Listed(key, f"{' / '.join(key.path)} - 每日新闻", files(key, ("atom", "json")), posts, min(posts, 50), updated) for key in keys]


def write(config: Config, feeds: list[Listed], moved: dict[str, str] | None = None) -> list[str]:
    sink = FolderSink(config.feeds_dir)
    removed = stage_lists(sink, feeds, config=config, moved=moved or {})
    sink.commit(removed)
    return removed


def stamps(config: Config) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in config.feeds_dir.iterdir()}


def test_all_three_are_written_and_nothing_else(config: Config) -> None:
    assert write(config, listed(*KEYS), MOVED) == []
    assert sorted(stamps(config)) == sorted(LISTS)
    texts = {name: (config.feeds_dir / name).read_text(encoding="utf-8") for name in LISTS}
    assert texts["_redirects"].splitlines()[1:] == ["/feeds/%E6%97%A7/atom.xml /feeds/A/atom.xml 301"]
    assert 'text="甲" title="A - 每日新闻" xmlUrl="https://news.example.org/feeds/A/atom.xml"' in texts["opml.xml"]
    assert "<ownerName>编辑部</ownerName>" in texts["opml.xml"]
    assert '<a href="A/b/feed.json">JSON</a>' in texts["index.html"]


def test_the_same_feeds_in_any_order_touch_nothing(config: Config) -> None:
    write(config, listed(*KEYS), MOVED)
    before = stamps(config)
    assert write(config, listed(*reversed(KEYS)), dict(reversed(MOVED.items()))) == []
    assert stamps(config) == before


def test_only_what_differs_is_written(config: Config) -> None:
    write(config, listed(*KEYS), MOVED)
    before = stamps(config)
    write(config, listed(*KEYS, posts=4), MOVED)
    after = stamps(config)
    assert {name for name in LISTS if after[name] != before[name]} == {"index.html"}


def test_the_limit_of_a_feed_says_how_many_of_its_posts_are_in_it(config: Config) -> None:
    write(config, listed(category(), posts=51))
    assert "订阅里是最新的 50 篇" in (config.feeds_dir / "index.html").read_text(encoding="utf-8")
    write(config, listed(category(), posts=50))
    assert "订阅里是" not in (config.feeds_dir / "index.html").read_text(encoding="utf-8")


def test_a_feed_without_posts_has_no_date(config: Config) -> None:
    write(config, listed(category(), posts=0, updated=0))
    assert b"<time" not in (config.feeds_dir / "index.html").read_bytes()
    assert b"1970" not in (config.feeds_dir / "opml.xml").read_bytes()


def test_redirects_that_say_nothing_any_more_go(config: Config) -> None:
    write(config, listed(*KEYS), MOVED)
    assert write(config, listed(*KEYS), {"gone/atom.xml": ""}) == ["_redirects"]
    assert sorted(stamps(config)) == ["index.html", "opml.xml"]
    assert write(config, listed(*KEYS)) == []


@pytest.mark.parametrize("name", LISTS)
def test_an_older_one_of_ours_is_replaced(config: Config, name: str) -> None:
    (config.feeds_dir / name).write_bytes(BEGINNINGS[name])
    write(config, listed(*KEYS), MOVED)
    assert b"an earlier version" not in (config.feeds_dir / name).read_bytes()


PLACES: dict[str, Callable[[Path], object]] = {
    "a person's own": lambda path: path.write_bytes(b"mine\n"),
    "an empty file": lambda path: path.touch(),
    "a folder": lambda path: path.mkdir(),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_what_else_stands_there_is_left_alone(config: Config, name: str, make: Callable[[Path], object]) -> None:
    place = config.feeds_dir / name
    make(place)
    before = os.lstat(place)
    assert write(config, listed(*KEYS), MOVED) == []
    assert write(config, listed(*KEYS)) == (["_redirects"] if name != "_redirects" else [])
    assert (os.lstat(place).st_ino, os.lstat(place).st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_dry_run_writes_nothing(config: Config) -> None:
    assert stage_lists(DrySink(config.feeds_dir), listed(*KEYS), config=config, moved=MOVED) == []
    assert list(config.feeds_dir.iterdir()) == []
