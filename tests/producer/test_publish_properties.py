"""However the posts came to be what they are, the feeds are the same: step by step, all at once, with or without a catalog."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedmill.errors import PostError
from feedmill.producer.publish import Request, publish
from sites import NOW, Project, changed

pytestmark = pytest.mark.long

PATHS = ["a.md", "b.md", "x/a.md", "x/c.md", "2026-01-03-dated.md", "h.html"]
CATEGORIES = [None, "[A]", "[A, B]", "[[A, B], [C]]", "[a]", "['A/B']", "[C, B]"]
KEYS = {
    "title": st.sampled_from(["甲", "乙", "<b>&", "''"]),
    "categories": st.sampled_from(CATEGORIES),
    "date": st.sampled_from(["2026-01-01", "2026-01-02 08:00:00", "2026-07-01", "Invalid Date", None]),
    "guid": st.sampled_from([None, None, "urn:x:1", "'7'"]),
    "source": st.sampled_from([None, "one", "two"]),
    "updated": st.sampled_from([None, "2026-02-01"]),
    "draft": st.sampled_from([None, None, "true"]),
    "body": st.sampled_from(["<p>一</p>", "<p>二 <a href='x'>x</a></p>", ""]),
}
POSTS = st.fixed_dictionaries(KEYS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(PATHS), POSTS),
        st.tuples(st.just("remove"), st.sampled_from(PATHS)),
        st.tuples(st.just("move"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
        st.tuples(st.just("copy"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
        st.tuples(st.just("wait"), st.integers(0, 60)),
        st.tuples(st.just("publish"), st.sampled_from([(), ("A",), ("/",)])),
    ),
    min_size=1,
    max_size=9,
)


class Story:
    """A project in which things happen."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root)
        self.now = NOW
        for number in range(7):  # never more than half of the posts may go
            self.project.post(f"fixed/{number}.md", title=f"定{number}", categories="[A, B]", date=f"2025-01-0{number + 1}")

    def take(self, step) -> None:
        kind, *facts = step
        posts = self.project.root / "posts"
        if kind == "write":
            self.project.post(facts[0], **facts[1])
        elif kind == "remove":
            (posts / facts[0]).unlink(missing_ok=True)
        elif kind in ("move", "copy") and (posts / facts[0]).exists() and facts[0] != facts[1]:
            (posts / facts[1]).parent.mkdir(exist_ok=True)
            shutil.copy2(posts / facts[0], posts / facts[1])
            if kind == "move":
                (posts / facts[0]).unlink()
        elif kind == "wait":
            self.now += timedelta(days=facts[0])
        elif kind == "publish":
            names = facts[0] if "A" not in facts[0] else ("A/B",)
            self.project.publish(*names, now=self.now)


@given(STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_incremental_path_gives_the_bytes_of_the_full_one(steps):
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder) / "site")
        project = story.project
        project.publish(now=story.now)
        for step in steps:
            story.take(step)
        project.publish(now=story.now)
        feeds = project.feeds()
        assert changed(project.publish(now=story.now)) == []

        full = project.publish(now=story.now, is_full=True)
        assert (changed(full), full.removed, project.feeds()) == ([], (), feeds)

        (project.root / ".feedmill" / "catalog.db").unlink()
        rebuilt = project.publish(now=story.now)
        assert (changed(rebuilt), rebuilt.removed, project.feeds()) == ([], (), feeds)

        elsewhere = Project(Path(folder) / "elsewhere")
        shutil.copytree(project.root / "posts", elsewhere.root / "posts", dirs_exist_ok=True)
        (elsewhere.root / ".feedmill").mkdir()
        shutil.copy(project.root / ".feedmill" / "state.db", elsewhere.root / ".feedmill")
        elsewhere.publish(now=story.now)
        assert elsewhere.feeds() == feeds


@given(STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_looking_at_what_changed_alone_gives_the_bytes_of_looking_at_all(steps):
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder) / "site")
        project = story.project
        project.publish(now=story.now)
        for step in steps:
            if step[0] != "publish":
                story.take(step)
                paths = frozenset(path for path in step[1:3] if path in PATHS)
                publish(project.config, Request(paths=paths), now=story.now)
        feeds = project.feeds()
        assert changed(project.publish(now=story.now)) == []
        full = project.publish(now=story.now, is_full=True)
        assert (changed(full), full.removed, project.feeds()) == ([], (), feeds)


def test_what_is_not_looked_at_is_as_it_was(tmp_path):
    project = Project(tmp_path)
    project.post("a.md", title="A", categories="[A]")
    project.post("b.md", title="B", categories="[B]")
    (tmp_path / "posts" / "link.md").symlink_to("nowhere")
    before = project.publish()
    project.post("a.md", title="edited", categories="[A]")
    project.post("b.md", title="edited, too", categories="[B]")
    report = publish(project.config, Request(paths=frozenset({"a.md"})), now=NOW)
    assert sorted(changed(report)) == ["feeds/A/atom.xml", "feeds/atom.xml"]
    assert report.skipped == before.skipped != ()
    assert sorted(changed(project.publish())) == ["feeds/B/atom.xml", "feeds/atom.xml"]


def test_what_could_not_be_read_is_read_again_whatever_is_told(tmp_path, monkeypatch):
    project = Project(tmp_path)
    for name in "ab":
        project.post(f"{name}.md", title=name, categories="[A]")
    project.publish()
    project.post("b.md", title="edited", categories="[A]")

    def refused(*_, **__):
        raise PostError("Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr("feedmill.posts.indexing.read_post", refused)
        assert len(publish(project.config, Request(paths=frozenset({"b.md"})), now=NOW).skipped) == 1
    assert publish(project.config, Request(paths=frozenset()), now=NOW).skipped == ()
    assert {entry.title for entry in project.parsed().entries} == {"a", "edited"}


def test_a_post_that_changed_unheard_is_found_when_its_feed_is_to_be_rendered(tmp_path):
    project = Project(tmp_path)
    project.post("a.md", title="a")
    project.publish()
    project.post("a.md", title="edited")
    shutil.rmtree(tmp_path / "feeds")
    publish(project.config, Request(paths=frozenset()), now=NOW)
    assert [entry.title for entry in project.parsed().entries] == ["edited"]


@given(st.lists(POSTS, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_folder_means_nothing(posts, random):
    order = list(enumerate(posts))
    results = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder))
            for number, keys in order:
                file = project.post(f"{number}.md", **keys)
                os.utime(file, (1_700_000_000, 1_700_000_000 + number))
            project.publish()
            results.append(project.feeds())
        random.shuffle(order)
    assert results[0] == results[1]


def test_entry_ids_are_unique_in_every_feed(tmp_path):
    project = Project(tmp_path)
    for number in range(4):
        project.post(f"{number}.md", title=str(number), guid="urn:x:1", source=f"s{number}")
    project.publish()
    entries = [entry.id for entry in project.parsed().entries]
    assert len(entries) == len(set(entries)) == 4
