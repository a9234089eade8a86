"""A project under siege: syncs with hostile sources beside a good one, and what must hold after every such sync.

    with besieged(tmp_path) as siege:
        reports = siege.run([Case("page", b"<html>", error="HTML page")])

The hostile sources answered well once, and then with the fault. Whatever it is: the good source has its posts, nothing was
written outside the project's folders, the state is sound, feeds are published and well-formed, what upstream said is harmless
to a browser, no secret is written or said anywhere, the fault's own source kept what it had, and time and memory were bounded.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from faultorigin import FaultOrigin, Received, Reply
from feedmill.consumer.guard import Guard
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.sync import Request, sync
from feedmill.consumer.syncreport import SourceReport, SyncReport
from feedmill.model import Post
from feedmill.posts.format import decode
from feedmill.state.ledger import Ledger, SourceState
from fetching import LoopbackGuard
from posts.test_html import assert_safe
from syncing import Synced
from upstream import rss, rss_item

#: Stands in files that no document may reach, and in fields that go to no other host.
CANARY = "CANARY-7f3a51"
#: What a parent may gain and what its children may hold together: 300 MB and 512 MB.
MEMORY = 812 * 2**20
ATOM = "{http://www.w3.org/2005/Atom}"
GOOD = ("Title 1", "Title 2", "Title 3")
BEFORE = Reply(body=rss(rss_item(900, title="Before", link="https://before.example.org/the-one-before")), headers={"ETag": '"before"'})


@dataclass(frozen=True)
class Case:
    """A hostile source: its name, its answer, and what a sync must make of it."""

    name: str
    answer: Reply | bytes | int | Callable[[Received], Reply]
    result: str = "failed"
    #: What the one line of the error says (a regular expression, searched); "" where nothing may be said, None where something may.
    error: str | None = ""
    new: int = 0
    #: Judges the posts that this answer gave, in the order of their titles.
    check: Callable[[list[Post]], object] = bool


@dataclass
class Siege:
    """A project, its hostile sources, and their hosts."""

    up: Synced
    folder: Path
    records: list[logging.LogRecord]
    #: More keys of every hostile source, and what replaces parts of the surroundings.
    keys: str = ""
    around: dict[str, Any] = field(default_factory=dict)
    #: Seconds that a sync with the faults may take; what a spec row allows, three times over.
    patience: float = 15.0
    reports: list[SyncReport] = field(default_factory=list)

    @property
    def secret(self) -> Path:
        """A file outside the project that says the canary."""
        return self.folder / "secret"

    @property
    def origin(self) -> FaultOrigin:
        return self.up.origin

    def subscribe(self, cases: Sequence[Case]) -> None:
        """Configure the good source and the hostile ones."""
        self.up.others = "".join(
            f"  - name: {case.name}\n    url: {self.origin.url(f'/{case.name}')}\n    categories: [敌]\n    tags: true\n"
            f"    headers: {{Authorization: Bearer {CANARY}, X-Api-Key: {CANARY}}}\n{self.keys}"
            for case in cases
        )

    def sync(self, *names: str, **over: Any) -> SyncReport:
        """Sync, whether due or not."""
        around = {"guard": LoopbackGuard(), "limits": self.up.limits} | self.around
        surroundings = Surroundings(now=lambda: self.up.clock.now, chance=lambda: 0.5, **around)
        report = sync(self.up.project.config, Request(names, **({"is_forced": True} | over)), around=surroundings)
        self.reports.append(report)
        self.up.clock.pass_(minutes=1)
        return report

    def run(self, cases: Sequence[Case], *, has_before: bool = True) -> dict[str, SourceReport]:
        """Sync with the good answers, then with the faults; judge all that must hold, and return the sources' reports."""
        self.subscribe(cases)
        if has_before:
            for case in cases:
                self.origin.add(f"/{case.name}", BEFORE)
            before = self.sync(*(case.name for case in cases)).sources
            assert {source.new for source in before} == {1}, before
        for case in cases:
            self.origin.add(f"/{case.name}", Reply(body=case.answer) if isinstance(case.answer, bytes) else case.answer)
        self.up.serve(rss(*(rss_item(number) for number in (1, 2, 3))))
        stood, surely = tree(self.folder), {case.name: self.state(case.name) for case in cases}
        with bounded(self.patience):
            report = self.sync()
        found = {source.name: source for source in report.sources}
        assert (found["up"].result, found["up"].new, found["up"].error) == ("ok", 3, None)
        for case in cases:
            self.judge(case, found[case.name], surely[case.name], has_before=has_before)
        self.judge_all(stood)
        return found

    def judge(self, case: Case, report: SourceReport, before: SourceState, *, has_before: bool) -> None:
        """Judge what became of one hostile source."""
        said = report.error or ""
        assert (report.result, report.new) == (case.result, case.new), f"{case.name}: {report}"
        if case.error is not None:
            assert bool(said) == bool(case.error) and re.search(case.error, said), f"{case.name}: {said!r}"
        assert said.isprintable() and len(said) < 400
        posts = sorted(self.posts(case.name), key=lambda post: post.title)
        assert len(posts) == case.new + has_before, case.name
        if case.result in ("failed", "partial", "gone"):
            after = self.state(case.name)
            assert (after.etag, after.last_modified, after.body) == (before.etag, before.last_modified, before.body), case.name
        case.check([post for post in posts if post.title != "Before"])

    def judge_all(self, before: dict[str, bytes]) -> None:
        """Judge what holds whatever upstream said: files, state, feeds, secrets."""
        assert {post.title for post in self.posts("up")} == set(GOOD)
        after = tree(self.folder)
        ours = ("project/posts/新闻/", "project/posts/敌/", "project/.feedmill/")
        assert {name for name in after.items() ^ before.items() if not name[0].startswith(ours)} == set()
        for name in self.up.files:
            assert re.fullmatch(r"(新闻|敌)/[\w.-]+\.md", name), name
            assert len(name.encode()) < 255
        assert not [name for name in after if name.endswith(".tmp")]
        with closing(sqlite3.connect(self.up.root / ".feedmill" / "state.db")) as database:
            assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        for post in self.posts():
            judge_post(post)
        self.publish()
        self.judge_secrets()

    def publish(self) -> None:
        """Publish, and judge the feeds."""
        report = self.up.project.publish(now=self.up.clock.now)
        assert report.skipped == ()
        feeds = self.up.project.feeds()
        assert {"atom.xml", "新闻/atom.xml"} <= feeds.keys()
        for name, feed in feeds.items():
            if name.endswith(".xml"):
                judge_feed(feed)

    def judge_secrets(self) -> None:
        """The canary is in the one file where it was put, and nobody has said it."""
        for name, data in tree(self.folder).items():
            assert name == "secret" or CANARY.encode() not in data, name
        formatter = logging.Formatter("%(message)s")
        said = [formatter.format(record) + repr(record.__dict__) for record in self.records] + [repr(report) for report in self.reports]
        assert not [line for line in said if CANARY in line]

    def posts(self, *sources: str) -> list[Post]:
        """The posts of these sources, of all where none is named."""
        zone = self.up.project.config.site.zone
        read = [decode(text.encode(), name=name, zone=zone) for name, text in self.up.files.items()]
        assert [one.problems for one in read if one.problems] == []
        return [one.post for one in read if not sources or one.post.source in sources]

    def state(self, name: str) -> SourceState:
        """What is remembered of a source."""
        with closing(Ledger(self.up.root / ".feedmill" / "state.db")) as ledger:
            return ledger.states().get(name, SourceState())


@contextmanager
def besieged(folder: Path) -> Iterator[Siege]:
    """A project below `folder` with an origin of its own; everything that is logged is kept."""
    (folder / "secret").write_text(CANARY, encoding="utf-8")
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with FaultOrigin() as origin:
            yield Siege(Synced(folder / "project", origin), folder, records)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def only(port: int) -> Guard:
    """A guard that lets pass loopback's one port."""
    return LoopbackGuard([f"127.0.0.1:{port}"])


def judge_post(post: Post) -> None:
    """A post is harmless: its body to another parser, its addresses, its lines."""
    assert_harmless(post.body)
    for address in (post.link, post.headimg, post.thumbnail):
        assert re.match(r"https?://[^\s<>\"]+\Z|\Z", address), address
    for line, most in ((post.title, 512), (post.author, 200), *((tag, 100) for tag in post.tags)):
        assert line == " ".join(line.split()) and len(line) <= most
        assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", line)
    assert len(post.tags) <= 100
    assert post.extra == ()


def assert_harmless(html: str) -> None:
    """The oracle of the HTML policy; what fails is shown."""
    try:
        assert_safe(html)
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {html[:2_000]!r}") from failure


def judge_feed(feed: bytes) -> None:
    """A feed is well-formed, and what it carries is harmless to another parser."""
    root = etree.parse(io.BytesIO(feed), etree.XMLParser(resolve_entities=False)).getroot()
    for entry in root.iter(f"{ATOM}entry"):
        for text in (*entry.iter(f"{ATOM}content"), *entry.iter(f"{ATOM}summary")):
            assert text.get("type", "text") in ("text", "html")
            assert len(text) == 0
            if text.get("type") == "html":
                assert_harmless(text.text or "")
        for title in entry.iter(f"{ATOM}title"):
            assert title.get("type", "text") == "text"
        for link in entry.iter(f"{ATOM}link"):
            assert re.match("https?://", link.get("href", ""))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; folders and links count as what they are."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path).encode()
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Fail when the block takes longer, when what this process gains and its children hold is too much at once, or a child is left.

    What the process held before, it holds of other tests: a worker of pytest grows to hundreds of megabytes.
    """
    over, peak, others = threading.Event(), [0], set(children())
    before = memory(others)

    def sample() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], memory(others) - before)

    sampler = threading.Thread(target=sample)
    sampler.start()
    began = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - began
        over.set()
        sampler.join()
    assert took < seconds, f"{took:.1f} s"
    assert peak[0] < MEMORY, f"{peak[0] / 2**20:.0f} MiB"
    assert set(children()) <= others


def children() -> list[int]:
    """The processes that this one has started and that live (or wait for it to look at them)."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def memory(others: Collection[int] = ()) -> int:
    """Bytes that this process and its children but `others` hold now, shared pages counted once."""
    total = 0
    for process in {*children()} - {*others} | {os.getpid()}:
        with suppress(OSError):  # it has just ended
            line = next(line for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
            total += int(line.split()[1]) * 1024
    return total
