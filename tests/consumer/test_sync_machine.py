"""Sync against a model of upstream and of a person: whatever happens between and in the middle of syncs, every article has one post."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from faultorigin import FaultOrigin, Received, Reply
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.sync import Request, sync
from feedmill.consumer.syncreport import SourceReport
from feedmill.errors import StorageError
from feedmill.posts.format import decode
from feedmill.posts.record import to_epoch
from statemachines import play
from syncing import FEED, Synced
from upstream import LONG_TEXT, rss, rss_item

#: The longest that any source waits, with room to spare.
LONGEST = timedelta(days=32)
FAULTS = ["none", "none", "none", "500", "cut", "torn", "page", "late"]
LOSSES = ["deleted", "emptied", "noise"]


class Crash(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Item:
    """One entry as upstream has it now; `uid` is in its link and in its text, and never changes."""

    uid: int
    guid: str
    edition: int = 0
    is_dated: bool = True

    @property
    def text(self) -> str:
        return f"<p>E{self.uid}.{self.edition}. {LONG_TEXT}</p><p>end of {self.uid}.{self.edition}</p>"

    @property
    def source(self) -> str:
        over = {"guid": self.guid, "link": f"https://upstream.example.org/of/{self.uid}", "title": f"Entry {self.uid}"}
        over["description"] = self.text
        return rss_item(self.uid, **over, **({} if self.is_dated else {"pubDate": ""}))


class SyncMachine(RuleBasedStateMachine):
    """The model: what upstream shows, what it ever showed, what must be stored, what a person did."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.root = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "site"
        self.up = Synced(self.root, self.stack.enter_context(FaultOrigin()))
        self.up.origin.add(FEED, self.answer)
        self.fault = "none"
        self.items: list[Item] = []
        self.count = 0
        #: By uid, every edition that was ever shown.
        self.shown: dict[int, set[int]] = {}
        #: What was shown to a sync that said that all is well.
        self.must: set[int] = set()
        #: What a person removed; of these, what no sync has seen yet; and what may come back because nobody can know better.
        self.deleted: set[int] = set()
        self.unseen: set[int] = set()
        self.doubtful: set[int] = set()
        self.renamed: set[int] = set()
        #: What a person wrote, by uid.
        self.edited: dict[int, bytes] = {}
        self.is_settled = False

    def teardown(self) -> None:
        self.stack.close()

    # upstream

    @property
    def body(self) -> bytes:
        return rss(*(item.source for item in self.items))

    def answer(self, got: Received) -> Reply:
        body = self.body
        tag = f'"{hashlib.blake2b(body).hexdigest()[:16]}"'
        whole = Reply(body=body, headers={"ETag": tag})
        match self.fault:
            case "500":
                return Reply(status=500)
            case "cut":
                return replace(whole, cut=len(body) * 2 // 3)
            case "torn":
                return Reply(body=body[: len(body) // 2], headers={"ETag": tag})
            case "page":
                return Reply(body=b"<html><title>Log in</title></html>", headers={"ETag": '"page"'})
            case "late":
                return Reply(status=503, headers={"Retry-After": "120"})
        return Reply(status=304, headers={"ETag": tag}) if got.header("if-none-match") == tag else whole

    @initialize(count=st.integers(1, 5))
    def begin(self, count: int) -> None:
        self.add(count, is_dated=True)

    @rule(count=st.integers(1, 3), is_dated=st.booleans())
    def add(self, count: int, is_dated: bool) -> None:
        for _ in range(count):
            self.count += 1
            self.items.insert(0, Item(self.count, f"urn:first:{self.count}", is_dated=is_dated))

    @rule(what=st.sampled_from(["edit", "remove", "reorder", "rename one", "rename all"]), number=st.integers(0, 99))
    def upstream_changes(self, what: str, number: int) -> None:
        place = number % len(self.items)
        if what == "edit":
            self.items[place] = replace(self.items[place], edition=self.items[place].edition + 1)
        elif what == "remove" and len(self.items) > 1:
            del self.items[place]
        elif what == "reorder":
            random.Random(number).shuffle(self.items)
        elif what.startswith("rename"):
            self.count += 1
            for where, item in enumerate(self.items):
                if what == "rename all" or where == place:
                    self.items[where] = replace(item, guid=f"urn:again:{self.count}:{item.uid}")
                    self.renamed.add(item.uid)

    # a person

    @property
    def posts(self) -> dict[int, list[Path]]:
        """The post files by uid; each can be read and is a whole edition that was shown."""
        found: dict[int, list[Path]] = {}
        for name, text in self.up.files.items():
            post = decode(text.encode(), name=name, zone=self.up.project.config.site.zone).post
            uid = int(post.link.rpartition("/")[2])
            said = [
                edition for edition in self.shown[uid] if f"E{uid}.{edition}. " in post.body and f"end of {uid}.{edition}<" in post.body
            ]
            assert len(said) == 1, f"no whole edition: {text}"
            found.setdefault(uid, []).append(self.root / "posts" / name)
        return found

    @rule(what=st.sampled_from(["edits", "deletes", "moves", "moves"]), number=st.integers(0, 99), is_newest=st.booleans())
    def person(self, what: str, number: int, is_newest: bool) -> None:
        posts = self.posts
        if not posts:
            return
        uid = max(posts) if is_newest else sorted(posts)[number % len(posts)]
        path = posts[uid][0]
        if what == "edits":
            path.write_bytes(path.read_bytes() + "\n我的话\n".encode())
            self.edited[uid] = path.read_bytes()
        elif what == "moves":
            self.count += 1
            place = self.root / "posts" / "mine" / f"{self.count}.md"
            place.parent.mkdir(exist_ok=True)
            path.rename(place)
        else:
            path.unlink()
            self.edited.pop(uid, None)
            self.deleted.add(uid)
            self.unseen.add(uid)
            if not self.is_settled or uid in self.doubtful:
                self.doubt({uid})

    def doubt(self, uids: set[int]) -> None:
        """Nobody can know that these were removed, or under which name they come again."""
        self.doubtful |= uids
        self.deleted -= uids
        self.must -= uids

    # time, and what befalls the ledger

    @rule(hours=st.sampled_from([-8760, -1, 1, 25, 300, 8760]))
    def jump(self, hours: int) -> None:
        self.up.clock.pass_(hours=hours)

    @precondition(lambda self: (self.root / ".feedmill" / "state.db").exists())
    @rule(number=st.integers(0, 99))
    def lose_ledger(self, number: int) -> None:
        state = self.root / ".feedmill" / "state.db"
        how = LOSSES[number % len(LOSSES)]
        self.up.lose_state()
        if how == "emptied":
            state.write_bytes(b"")
        elif how == "noise":
            state.write_bytes(random.Random(1).randbytes(9000))
        self.doubt(set(self.unseen) | (self.deleted & self.renamed))
        self.is_settled = False

    @rule()
    def publish(self) -> None:
        project = self.up.project
        try:
            report = project.publish(now=self.up.clock.now)
        except StorageError:  # most posts are gone
            report = project.publish(now=self.up.clock.now, is_full=True)
        assert report.skipped == ()

    # syncs

    def run(self, *, now: Callable[[], None] = lambda: None, progress: Callable[[int], None] = lambda _: None) -> SourceReport:
        """Sync; `now` is called whenever the time is asked for, `progress` whenever something is said."""
        self.up.clock.pass_(minutes=1)
        for item in self.items:
            self.shown.setdefault(item.uid, set()).add(item.edition)

        def tell() -> object:
            now()
            return self.up.clock.now

        around = Surroundings(now=tell, chance=lambda: 0.5, limits=self.up.limits)  # type: ignore[arg-type]
        request = Request(is_forced=True)
        return sync(self.up.project.config, request, around=around, progress=lambda _, done, __: progress(done)).sources[0]

    @rule(fault=st.sampled_from(FAULTS))
    def sync(self, fault: str) -> None:
        self.fault = fault
        report = self.run()
        self.fault = "none"
        wanted = {
            "none": {"ok", "not-modified"},
            "torn": {"partial", "failed"},
            "cut": {"partial", "failed"},
            "late": {"failed", "not-due"},
        }
        # A body that was read before is known at its first byte, whatever is wrong with the transfer.
        assert report.result in wanted.get(fault, {"failed"}) | ({"not-due"} if fault == "none" else set()), report
        if report.result in ("ok", "not-modified"):
            self.must |= {item.uid for item in self.items} - self.deleted - self.doubtful
        self.is_settled, self.unseen = True, set()
        assert report.next_fetch is not None
        now, then = to_epoch(self.up.clock.now), self.up.state.next_fetch
        assert then is not None
        assert now <= then <= now + LONGEST.total_seconds(), (now, then)
        self.check()

    @rule()
    def sync_well(self) -> None:
        self.sync("none")

    @rule(seam=st.sampled_from(["clock", "progress"]), at=st.integers(1, 4))
    def crash(self, seam: str, at: int) -> None:
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1
            if calls == at:
                raise Crash

        try:
            self.run(**{"now" if seam == "clock" else "progress": count})
        except Crash:
            self.is_settled = False
            return
        self.is_settled, self.unseen = True, set()

    def check(self) -> None:
        """What holds once a sync is through."""
        posts = self.posts
        assert not [uid for uid, paths in posts.items() if len(paths) > 1], self.up.files
        assert self.must - self.deleted <= posts.keys()
        assert not self.deleted & posts.keys()
        for uid, data in self.edited.items():
            assert [path.read_bytes() for path in posts.get(uid, [])] == [data]
        assert not list(self.root.rglob("*.tmp"))
        with closing(sqlite3.connect(self.root / ".feedmill" / "state.db")) as database:
            assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]

    @invariant()
    def nothing_is_torn(self) -> None:
        assert all(self.posts.values())


def test_D3_D5_D7_H12_every_article_has_one_post_whatever_happens() -> None:
    play(SyncMachine, examples=4, steps=14)


@pytest.mark.long
def test_D3_D5_D7_H12_every_article_has_one_post_whatever_happens_for_long() -> None:
    play(SyncMachine, examples=8, steps=25)


def test_a_double_is_noticed() -> None:
    """The check of the machine fails where it should."""
    machine = SyncMachine()
    try:
        machine.begin(3)
        machine.sync("none")
        (path,) = machine.posts[1]
        shutil.copy(path, path.with_name("copy.md"))
        with pytest.raises(AssertionError):
            machine.check()
    finally:
        machine.teardown()
