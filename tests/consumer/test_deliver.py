"""Plans become files and rows: names, adoption, people's edits, foreign files, and what a crash leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from feedmill.config import SourceConfig
from feedmill.consumer.decide import Known, decide
from feedmill.consumer.deliver import Deliverer
from feedmill.consumer.plan import Delivery
from feedmill.posts.format import decode
from feedmill.state.ledger import PLANNED, PRUNED, STORED, Ledger, SourceState
from sites import Project
from upstream import make_document, make_entry, moment

NOW = int(moment("2026-06-01").timestamp())
SOURCE = SourceConfig(name="s", url="https://upstream.example.org/feed", categories=("新闻", "A/B"))
ENTRY = make_entry("g1", "https://upstream.example.org/1", "再谈：机会", "2026-01-02", "<p>old</p>")
EDITED = make_entry("g1", "https://upstream.example.org/1", "再谈：机会", "2026-01-02", "<p>new</p>")


@dataclass
class Sync:
    """A project, its ledger, and documents that are delivered one after the other."""

    project: Project
    source: SourceConfig = SOURCE
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.project.root / ".feedmill" / "state.db")

    def take(self, *entries, now: int = NOW, source: SourceConfig | None = None, settle: bool = True) -> Delivery:
        source = source or self.source
        number = self.ledger.number(source.name)
        known = Known(
            number=number,
            name=source.name,
            articles=self.ledger.articles(source.name),
            marks=self.ledger.marks(source.name),
            keep=source.keep,
        )
        plan = decide(make_document(*entries), known, now=now)
        delivery = Delivery(source=source, number=number, plan=plan, state=SourceState(etag="x"))
        deliverer = Deliverer(self.project.config, self.ledger if settle else Unsettled(self.ledger))
        try:
            deliverer.deliver([delivery], now=now)
        except PowerCut:
            return delivery
        return delivery

    def files(self) -> dict[str, str]:
        posts = self.project.root / "posts"
        return {path.relative_to(posts).as_posix(): path.read_text() for path in sorted(posts.rglob("*")) if path.is_file()}


class PowerCut(Exception):
    """The process ends here."""


class Unsettled:
    """A ledger that is told what is planned, and never that it is done."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def plan(self, articles) -> None:
        self._ledger.plan(articles)

    def settle(self, *_: object, **__: object) -> None:
        raise PowerCut


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Sync]:
    sync = Sync(Project(tmp_path))
    with closing(sync.ledger):
        yield sync


def test_a_new_entry_becomes_a_post_in_the_house_format(sync: Sync) -> None:
    delivery = sync.take(ENTRY)
    ((path, text),) = sync.files().items()
    assert delivery.new == [path]
    assert path.startswith("新闻/A_B-") and path.endswith(".md") and "/2026-01-02-再谈-机会-" in path
    assert text == (
        "---\ntitle: '再谈：机会'\ncategories: \n - 新闻\n - A/B\nheadimg: ''\nauthor: \ncomments: false\n"
        "date: Fri, 02 Jan 2026 00:00:00 GMT\nthumbnail: ''\nlink: 'https://upstream.example.org/1'\nguid: 'g1'\nsource: s\n---\n\n"
        "<div>\n<p>old</p>\n</div>\n"
    ).replace("author: \n", "author: ''\n")
    assert sync.ledger.states()["s"] == SourceState(etag="x")
    assert list(sync.ledger.marks("s")) == [ENTRY.mark]


def test_the_same_document_again_writes_nothing(sync: Sync) -> None:
    sync.take(ENTRY)
    stamps = {path: os.stat(sync.project.root / "posts" / path).st_mtime_ns for path in sync.files()}
    again = sync.take(ENTRY)
    assert (again.new, again.updated) == ([], [])
    assert stamps == {path: os.stat(sync.project.root / "posts" / path).st_mtime_ns for path in sync.files()}


def test_an_edited_entry_rewrites_its_post_in_place_and_says_when(sync: Sync) -> None:
    (path,) = sync.take(ENTRY).new
    assert sync.take(EDITED).updated == [path]
    assert "<p>new</p>" in sync.files()[path]
    assert "date: Fri, 02 Jan 2026 00:00:00 GMT" in sync.files()[path]
    assert "updated: Mon, 01 Jun 2026 00:00:00 GMT" in sync.files()[path]


def test_a_post_that_a_person_edited_is_kept_and_said_once_for_each_edition(sync: Sync) -> None:
    (path,) = sync.take(ENTRY).new
    file = sync.project.root / "posts" / path
    file.write_text(file.read_text().replace("old", "mine"))
    kept = sync.take(EDITED)
    assert "mine" in file.read_text()
    assert [what for what, _ in kept.skipped] == [path]
    assert sync.take(EDITED).skipped == []


@pytest.mark.parametrize("changed", [False, True], ids=["the-same-document", "a-later-document"])
def test_a_crash_between_files_and_ledger_is_made_whole(sync: Sync, changed: bool) -> None:
    sync.take(ENTRY, settle=False)
    assert [article.status for article in sync.ledger.articles("s")] == [PLANNED]
    before = sync.files()
    sync.take(EDITED if changed else ENTRY)
    assert list(sync.files()) == list(before)
    assert ("new" in next(iter(sync.files().values()))) is changed
    (article,) = sync.ledger.articles("s")
    assert (article.status, bool(article.digest), article.planned) == (STORED, True, "")


def test_a_crash_after_a_rewrite_is_no_persons_edit(sync: Sync) -> None:
    (path,) = sync.take(ENTRY).new
    sync.take(EDITED, settle=False)
    newest = make_entry("g1", "https://upstream.example.org/1", "再谈：机会", "2026-01-02", "<p>newest</p>")
    assert sync.take(newest).updated == [path]


def test_an_undated_entry_has_one_file_however_often_it_crashed(sync: Sync) -> None:
    entry = make_entry("g1", title="T")
    for day in range(3):
        sync.take(entry, now=NOW + day * 86400, settle=False)
    sync.take(entry, now=NOW + 5 * 86400)
    assert len(sync.files()) == 1
    assert "date: Mon, 01 Jun 2026 00:00:00 GMT" in next(iter(sync.files().values()))


def test_with_the_ledger_deleted_a_post_is_adopted_and_not_written_twice(sync: Sync, tmp_path: Path) -> None:
    (path,) = sync.take(ENTRY).new
    sync.ledger.close()
    os.unlink(tmp_path / ".feedmill" / "state.db")
    sync.ledger = Ledger(tmp_path / ".feedmill" / "state.db")
    sync.take(ENTRY)
    assert list(sync.files()) == [path]


def test_E5_a_file_of_somebody_else_is_never_overwritten(sync: Sync) -> None:
    (path,) = sync.take(ENTRY).new
    file = sync.project.root / "posts" / path
    sync.ledger.close()
    os.unlink(sync.project.root / ".feedmill" / "state.db")
    sync.ledger = Ledger(sync.project.root / ".feedmill" / "state.db")
    file.write_text("---\ntitle: mine\n---\nmine\n")
    (other,) = sync.take(ENTRY).new
    assert other != path
    assert file.read_text().endswith("mine\n")


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "outward"])
def test_E5_what_stands_in_the_way_is_left_alone_and_named(sync: Sync, tmp_path: Path, kind: str) -> None:
    (path,) = sync.take(ENTRY).new
    file = tmp_path / "posts" / path
    file.unlink()
    sync.ledger.close()
    os.unlink(tmp_path / ".feedmill" / "state.db")
    sync.ledger = Ledger(tmp_path / ".feedmill" / "state.db")
    outside = tmp_path / "outside"
    outside.mkdir()
    if kind == "link":
        file.symlink_to(outside / "target")
    elif kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        file.parent.rmdir()
        file.parent.symlink_to(outside)
    delivery = sync.take(ENTRY)
    assert delivery.new == []
    assert len(delivery.skipped) == 1
    assert list(outside.iterdir()) == []
    assert sync.ledger.marks("s") == {}


def test_two_sources_with_one_guid_have_two_posts(sync: Sync) -> None:
    sync.take(ENTRY)
    sync.take(ENTRY, source=replace(SOURCE, name="t"))
    posts = [decode(text.encode(), name="x.md", zone=sync.project.config.site.zone).post for text in sync.files().values()]
    assert sorted((post.guid, post.source) for post in posts) == [("g1", "s"), ("g1", "t")]


def test_old_posts_are_removed_for_good_but_not_those_that_a_person_edited(sync: Sync, tmp_path: Path) -> None:
    entries = [make_entry(f"g{n}", title=f"T{n}", date=f"2026-01-0{n}") for n in range(1, 6)]
    paths = sync.take(*entries).new
    edited = tmp_path / "posts" / paths[0]
    edited.write_text(edited.read_text() + "\n")
    kept = replace(SOURCE, keep=2)
    removed = Deliverer(sync.project.config, sync.ledger).prune(kept, now=NOW)
    assert sorted(removed) == sorted(paths[1:3])
    assert len(sync.files()) == 3
    assert sync.take(*entries, source=kept).new == []
    assert {article.status for article in sync.ledger.articles("s")} == {STORED, PRUNED}


def test_what_a_person_saves_while_a_post_is_rewritten_is_theirs(sync: Sync) -> None:
    (path,) = sync.take(ENTRY).new
    file = sync.project.root / "posts" / path

    class Meanwhile(Unsettled):
        def plan(self, articles) -> None:
            super().plan(articles)
            file.write_text(file.read_text().replace("old", "mine"))

        def settle(self, *args: object, **over: object) -> None:
            self._ledger.settle(*args, **over)

    number = sync.ledger.number("s")
    known = Known(number=number, name="s", articles=sync.ledger.articles("s"), marks=sync.ledger.marks("s"))
    plan = decide(make_document(EDITED), known, now=NOW)
    delivery = Delivery(source=SOURCE, number=number, plan=plan, state=SourceState(etag="x"))
    Deliverer(sync.project.config, Meanwhile(sync.ledger)).deliver([delivery], now=NOW)
    assert "mine" in file.read_text()
    assert (delivery.updated, len(delivery.skipped)) == ([], 1)
    assert sync.ledger.states()["s"].etag == ""
