"""Publish against a model of a folder: after every publish the feeds are those of a full publish of a copy, and hold what they should."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import feedparser
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lxml import etree

from sites import NOW, Project, changed
from statemachines import play

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS_URL = "https://news.example.org/feeds/"
LIMIT = 4
CATEGORIES = ["甲", "甲/乙", "丙", "丁/戊"]
#: Days from now: what is past, of today, and to come.
DAYS = [-200, -30, -3, -2, -1, 1, 3, 40]


@dataclass(frozen=True)
class Written:
    """A post as its author has it."""

    uid: int
    path: str
    category: str
    date: datetime
    has_guid: bool
    edition: int = 0

    @property
    def title(self) -> str:
        return f"t{self.uid}"

    @property
    def folders(self) -> set[str]:
        """The folders of the feeds that it belongs into."""
        parts = self.category.split("/")
        return {"", *("/".join(parts[: number + 1]) + "/" for number in range(len(parts)))}


class PublishMachine(RuleBasedStateMachine):
    """The posts, the settings, and the ids that were published."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.root = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.now = NOW
        self.posts: dict[int, Written] = {}
        self.count = 0
        self.formats = ["atom"]
        self.history = True
        self.ids: dict[int, str] = {}
        #: Posts that were moved, and those that were edited, since the last publish: one that was both is another post to feedmill.
        self.moved: set[int] = set()
        self.revised: set[int] = set()

    def teardown(self) -> None:
        self.stack.close()

    def project(self, name: str = "site") -> Project:
        extra = f"feeds:\n  limit: {LIMIT}\n  history: {str(self.history).lower()}\n  formats: [{', '.join(self.formats)}]\n"
        return Project(self.root / name, extra=extra)

    def save(self, post: Written) -> None:
        self.posts[post.uid] = post
        guid = {"guid": f"urn:mine:{post.uid}"} if post.has_guid else {}
        body = f"<p>text {post.uid} edition {post.edition}</p>"
        categories = json.dumps(post.category.split("/"), ensure_ascii=False)
        keys = {"title": post.title, "categories": categories, "date": f"{post.date:%Y-%m-%d %H:%M:%S}"} | guid
        self.project().post(post.path, **keys, body=body)

    @initialize(days=st.lists(st.sampled_from(DAYS), min_size=5, max_size=9))
    def begin(self, days: list[int]) -> None:
        for number, day in enumerate(days):
            self.write(day, CATEGORIES[number % 3], has_guid=bool(number % 2))

    @rule(day=st.sampled_from(DAYS), category=st.sampled_from(CATEGORIES), has_guid=st.booleans())
    def write(self, day: int, category: str, has_guid: bool) -> None:
        self.count += 1
        self.save(Written(self.count, f"p{self.count}.md", category, self.date(day), has_guid))

    def date(self, day: int) -> datetime:
        return self.now + timedelta(days=day, seconds=self.count)

    def choose(self, data: st.DataObject, *, but: set[int]) -> Written | None:
        uids = sorted(uid for uid, post in self.posts.items() if uid not in but or post.has_guid)
        return self.posts[data.draw(st.sampled_from(uids))] if uids else None

    def revise(self, post: Written, **over: object) -> None:
        self.revised.add(post.uid)
        self.save(replace(post, **over))  # type: ignore[arg-type]

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        if post := self.choose(data, but=self.moved):
            self.revise(post, edition=post.edition + 1)

    @rule(data=st.data(), day=st.sampled_from(DAYS))
    def retime(self, data: st.DataObject, day: int) -> None:
        if post := self.choose(data, but=self.moved):
            self.revise(post, date=self.date(day))

    @rule(data=st.data(), folder=st.sampled_from(["", "x/", "x/y/"]))
    def move(self, data: st.DataObject, folder: str) -> None:
        if post := self.choose(data, but=self.revised):
            self.count += 1
            self.moved.add(post.uid)
            old, path = self.root / "site" / "posts" / post.path, f"{folder}m{self.count}.md"
            new = self.root / "site" / "posts" / path
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            self.posts[post.uid] = replace(post, path=path)

    @precondition(lambda self: len(self.posts) > 4)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.posts)))
        (self.root / "site" / "posts" / self.posts.pop(uid).path).unlink()
        self.ids.pop(uid, None)

    @rule(old=st.sampled_from(CATEGORIES), new=st.sampled_from([*CATEGORIES, "新名"]))
    def rename_category(self, old: str, new: str) -> None:
        posts = [post for post in self.posts.values() if post.category == old]
        if not any(post.uid in self.moved and not post.has_guid for post in posts):
            for post in posts:
                self.revise(post, category=new)

    @rule(formats=st.sampled_from([["atom"], ["atom", "rss", "json"], ["rss"], ["json", "atom"]]))
    def choose_formats(self, formats: list[str]) -> None:
        self.formats = formats

    @rule()
    def switch_history(self) -> None:
        self.history = not self.history

    @rule(days=st.sampled_from([1, 2, 5, 60]))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(is_full=st.booleans())
    def publish(self, is_full: bool) -> None:
        project = self.project()
        there = {path.relative_to(project.root / "posts").as_posix() for path in (project.root / "posts").rglob("*.md")}
        assert there == {post.path for post in self.posts.values()}
        report = project.publish(now=self.now, is_full=is_full or len(self.moved) * 2 > len(self.posts))
        assert report.skipped == ()
        self.moved, self.revised = set(), set()
        feeds = project.feeds()
        assert changed(project.publish(now=self.now)) == []
        assert feeds == self.copied()
        self.check(feeds)

    def copied(self) -> dict[str, bytes]:
        """The feeds of a full publish of a copy: the posts and what is remembered, no catalog and no feeds."""
        shutil.rmtree(self.root / "copy", ignore_errors=True)
        project = self.project("copy")
        shutil.copytree(self.root / "site" / "posts", project.root / "posts", dirs_exist_ok=True)
        (project.root / ".feedmill").mkdir()
        shutil.copy(self.root / "site" / ".feedmill" / "state.db", project.root / ".feedmill")
        project.publish(now=self.now, is_full=True)
        return project.feeds()

    def check(self, feeds: dict[str, bytes]) -> None:
        """Every due post stands in each of its feeds; ids stay."""
        due: dict[str, list[Written]] = {"": []}
        for post in self.posts.values():
            if post.date <= self.now - LOCAL:
                for folder in post.folders:
                    due.setdefault(folder, []).append(post)
        suffixes = {"atom": ("atom", ".xml"), "rss": ("rss", ".xml"), "json": ("feed", ".json")}
        for name in self.formats:
            stem, suffix = suffixes[name]
            heads = {file.removesuffix(f"{stem}{suffix}") for file in feeds if file.rpartition("/")[2] == f"{stem}{suffix}"}
            assert heads == due.keys(), (name, heads)
            for folder, posts in due.items():
                pages = [file for file in feeds if file.rpartition("/")[0] == folder.rstrip("/") and _is_page(file, stem, suffix)]
                found = Counter(title for file in pages for title in _titles(feeds[file], name))
                wanted = sorted(posts, key=lambda post: post.date, reverse=True)
                if not self.history:
                    wanted = wanted[:LIMIT]
                assert found == Counter(post.title for post in wanted), (name, folder)
        if "atom" in self.formats and self.history:
            for folder in due:
                self.check_chain(feeds, f"{folder}atom.xml")
        self.check_ids(feeds)

    def check_chain(self, feeds: dict[str, bytes], file: str) -> None:
        """A reader that follows the links sees every document of the feed once."""
        seen: list[str] = []
        place: str | None = file
        while place is not None:
            assert place not in seen
            seen.append(place)
            links = [link for link in etree.fromstring(feeds[place]).findall(f"{ATOM}link") if link.get("rel") == "prev-archive"]
            place = unquote(str(links[0].get("href")).removeprefix(FEEDS_URL)) if links else None
        folder = file.removesuffix("atom.xml")
        assert sorted(seen) == sorted(
            one for one in feeds if one.rpartition("/")[0] == folder.rstrip("/") and _is_page(one, "atom", ".xml")
        )

    def check_ids(self, feeds: dict[str, bytes]) -> None:
        """One id a post, in whatever document, and the one that was published first."""
        found: dict[int, set[str]] = {}
        for file, data in feeds.items():
            if file.endswith(".json"):
                pairs = [(item["title"], item["id"]) for item in json.loads(data)["items"]]
            else:
                pairs = [(entry.title, entry.id) for entry in feedparser.parse(io.BytesIO(data)).entries]
            for title, entry_id in pairs:
                found.setdefault(int(title[1:]), set()).add(entry_id)
        assert all(len(ids) == 1 for ids in found.values()), found
        assert len(set().union(*found.values())) == len(found)
        for uid, ids in found.items():
            (entry_id,) = ids
            assert self.ids.setdefault(uid, entry_id) == entry_id, self.posts[uid]


#: Dates without a zone are in the site's, which is ahead of UTC by this.
LOCAL = timedelta(hours=-8)


def _is_page(file: str, stem: str, suffix: str) -> bool:
    name = file.rpartition("/")[2].removesuffix(suffix)
    return file.endswith(suffix) and (name == stem or name.rpartition("-")[0] == stem)


def _titles(data: bytes, name: str) -> list[str]:
    if name == "json":
        return [item["title"] for item in json.loads(data)["items"]]
    root = etree.fromstring(data)
    entries = root.iter(f"{ATOM}entry") if name == "atom" else root.iter("item")
    return [str(entry.findtext(f"{ATOM}title" if name == "atom" else "title")) for entry in entries]


def test_D9_G8_G9_feeds_are_those_of_a_full_publish_whatever_was_done() -> None:
    play(PublishMachine, examples=6, steps=16)


@pytest.mark.long
def test_D9_G8_G9_feeds_are_those_of_a_full_publish_whatever_was_done_for_long() -> None:
    play(PublishMachine, examples=12, steps=30)


def test_a_feed_that_lacks_a_post_is_noticed() -> None:
    """The check of the machine fails where it should."""
    machine = PublishMachine()
    try:
        machine.begin([-1, -2, -3, -30, -200])
        machine.publish(is_full=False)
        feeds = machine.project().feeds()
        machine.check(feeds)
        feeds["atom.xml"] = feeds["atom.xml"].replace(b">t1<", b">t2<")
        with pytest.raises(AssertionError):
            machine.check(feeds)
    finally:
        machine.teardown()
