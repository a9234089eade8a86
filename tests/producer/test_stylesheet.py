"""feed.css: written beside the feeds, named by each of them, and never over a person's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
from lxml import etree

from feedmill.producer.check import check
from feedmill.producer.feedcss import FEED_CSS
from feedmill.producer.stylesheet import is_ours, stylesheet_for
from sites import NOW, Project, changed

OWN = b"feed { color: red }\n"
OLDER = b"/* feedmill: the one of an earlier version */\nfeed { color: blue }\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, extra="feeds: {tags: true}\n")
    project.post("a.md", categories="[A, 乙 b]", tags="[t]")
    return project


def css(project: Project) -> Path:
    return project.root / "feeds" / "feed.css"


def test_every_feed_names_it_relatively_from_where_it_lies(project: Project) -> None:
    project.publish()
    assert css(project).read_bytes() == FEED_CSS.encode()
    assert len(project.feeds()) == 4
    for file, data in project.feeds().items():
        lines = data.split(b"\n")
        assert lines[0] == b'<?xml version="1.0" encoding="utf-8"?>'
        (instruction,) = etree.fromstring(data).getroottree().xpath("/processing-instruction()")
        assert dict(instruction.attrib) == {"type": "text/css", "href": stylesheet_for(file)}
        assert urljoin(f"https://cdn.example.org/x/{file}", instruction.get("href")) == "https://cdn.example.org/x/feed.css"


@pytest.mark.parametrize(
    ("file", "reference"), [("atom.xml", "feed.css"), ("A/atom.xml", "../feed.css"), ("tags/A/B/atom.xml", "../../../feed.css")]
)
def test_the_reference(file: str, reference: str) -> None:
    assert stylesheet_for(file) == reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FEED_CSS.encode(), True),
        (OLDER, True),
        (OWN, False),
        (b"", False),
        (b"/* mine */\n/* feedmill */", False),
        (b"feedmill { }", False),
        (b"/*\nfeedmill: */", False),
        (b"/* for feedmill: mine */", False),
        (b"\n/* feedmill: */", False),
    ],
)
def test_whose_it_is_stands_in_its_first_line(text: bytes, expected: bool) -> None:
    assert is_ours(text) is expected


def test_it_is_no_feed(project: Project) -> None:
    report = project.publish()
    assert all(feed.path.endswith("/atom.xml") for feed in report.feeds)
    assert report.skipped == ()


def test_a_run_with_nothing_to_do_does_not_touch_it(project: Project) -> None:
    project.publish()
    before = project.stamps()
    project.publish()
    project.publish(is_full=True)
    assert "feed.css" in before
    assert project.stamps() == before


def test_one_that_is_missing_comes_back_and_no_feed_is_written(project: Project) -> None:
    project.publish()
    css(project).unlink()
    before = project.stamps()
    assert changed(project.publish()) == []
    assert css(project).read_bytes() == FEED_CSS.encode()
    assert {file: stamp for file, stamp in project.stamps().items() if file != "feed.css"} == before


def test_a_dry_run_writes_none(project: Project) -> None:
    project.publish(is_dry=True)
    assert not (project.root / "feeds").exists()
    project.publish()
    css(project).unlink()
    project.publish(is_dry=True)
    assert not css(project).exists()


def test_an_older_one_of_ours_is_replaced_when_feeds_are_written(project: Project) -> None:
    css(project).parent.mkdir()
    css(project).write_bytes(OLDER)
    project.publish()
    assert css(project).read_bytes() == FEED_CSS.encode()


PLACES: dict[str, Callable[[Path], object]] = {
    "a person's own": lambda path: path.write_bytes(OWN),
    "an empty file": lambda path: path.touch(),
    "a folder": lambda path: path.mkdir(),
    "a link to nowhere": lambda path: path.symlink_to("nowhere.css"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_what_else_stands_there_is_left_alone_and_used(project: Project, make: Callable[[Path], object]) -> None:
    css(project).parent.mkdir()
    make(css(project))
    before = os.lstat(css(project))
    report = project.publish()
    assert (os.lstat(css(project)).st_ino, os.lstat(css(project)).st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert report.skipped == ()
    assert b'href="feed.css"' in project.feeds()["atom.xml"]
    assert changed(project.publish()) == []


def test_it_stays_when_the_last_post_goes(project: Project) -> None:
    project.publish()
    (project.root / "posts" / "a.md").unlink()
    project.publish(is_full=True)
    assert css(project).exists()


@pytest.mark.parametrize("name", ["feed.css", "Feed.CSS", "index.html", "opml.xml", "_redirects", "atom.xml", "rss.xml", "feed.json"])
def test_no_category_takes_the_place_of_a_file(project: Project, name: str) -> None:
    project.extra = f"feeds: {{overrides: {{C: {{slug: {name}}}}}}}\n"
    project.post("b.md", categories=f"[{name}]")
    project.post("c.md", categories="[C]")
    report = project.publish()
    folders = {feed.category: feed.path.split("/")[1] for feed in report.feeds}
    assert all(folders[category].casefold() != name.casefold() for category in (name, "C"))
    assert css(project).is_file()


def test_check_finds_nothing_wrong_with_it(project: Project) -> None:
    project.publish()
    assert [problem for problem in check(project.config, config_path="config.yaml", now=NOW) if problem.path.startswith("feeds")] == []
