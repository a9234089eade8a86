"""Power is lost while a real process publishes or syncs, on a real ext4; see `powerloss`. Then the disk is judged, and used again.

Where nothing can be mounted the tests skip and say so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from crashworld import FEEDS, Tree, feed_of, lasting, parse_all, tree
from powerloss import LOG_LOST, LOG_WRITTEN, Cut, Ended, Refused, Runner, copy_disk, cut_power, make_disk, mounted

from commandline import feedmill
from faultorigin import FaultOrigin, Received, Reply
from feedmill.durable import is_temporary, sync_folder
from feedmill.posts.indexing import digest_of
from feedmill.state.ledger import STORED
from feedmill.state.schema import MIGRATIONS
from sites import CONFIG, make_post

pytestmark = pytest.mark.long

logger = logging.getLogger(__name__)

Record = Callable[[str, object], None]
Work = Callable[..., contextlib.AbstractContextManager["Powered"]]

#: At how many calls the power goes: in the ordinary run; in the long one, where it is the first run of its kind, and later.
FEW, FIRST, LATER = 5, 12, 30
_GUID = re.compile(rb"^guid: (.+)$", re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def _power_can_be_cut(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where this machine has no such disks."""
    if os.geteuid() != 0:
        pytest.skip("not root: no file system is mounted, and no power cut")
    folder = tmp_path_factory.mktemp("power")
    try:
        make_disk(folder / "disk.img")
        with mounted(folder / "disk.img", folder / "disk"):
            cut_power(folder / "disk", LOG_LOST)
    except Refused as exc:
        pytest.skip(f"no power is cut: {exc}")
    finally:
        (folder / "disk.img").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def runner(_power_can_be_cut: None) -> Iterator[Runner]:
    """What runs the commands of all tests."""
    with Runner() as made:
        yield made


@dataclass
class Powered:
    """A disk that is one project, a command in it, and what that command comes to when nothing disturbs it."""

    home: Path
    runner: Runner
    arguments: tuple[str, ...]
    before: Tree = field(init=False)
    after: Tree = field(init=False)
    facts: dict[str, Any] = field(init=False)
    calls: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.start, self.image, self.root = self.home / "start.img", self.home / "disk.img", self.home / "disk"

    def begin(self, write: Callable[[Path], None], change: Callable[[Path], None] | None) -> None:
        """Make the disk that every run begins with; where there is a `change`, after a first run. See what a run comes to."""
        make_disk(self.start)
        with mounted(self.start, self.root):
            write(self.root)
            if change is not None:
                self._run_whole()
                change(self.root)
        copy_disk(self.start, self.image)
        with mounted(self.image, self.root):
            self.before = tree(self.root)
            self.calls = self._run_whole().calls.splitlines()
            self.after, self.facts = tree(self.root), lasting(self.root)
        parse_all(self.before | self.after)

    def _run_whole(self) -> Ended:
        ended = self.runner.run(self.root, self.arguments)
        assert ended.status == 0, ended.said
        return ended

    def try_one(self, cut: Cut) -> None:
        """Run the command until the power goes, at the latest after its end, and look at what is left when it is back."""
        copy_disk(self.start, self.image)
        with mounted(self.image, self.root):
            ended = self.runner.run(self.root, self.arguments, cut=cut)
            cut_power(self.root, cut.log)
        assert ended.status in (0, 3) and "Traceback" not in ended.said, (ended.status, ended.said[-600:])
        with mounted(self.image, self.root):
            self.judge(ended)
            feedmill(self.root, *self.arguments)
            self.judge_next()
            cut_power(self.root, LOG_LOST)  # nobody waits for what is thrown away

    def judge(self, ended: Ended) -> None:
        """What is there is whole, and what was said to be there is there."""
        found = {file: data for file, data in tree(self.root).items() if not is_temporary(file.rpartition("/")[2])}
        for file, data in found.items():
            assert data in (self.before.get(file), self.after.get(file)), f"{file} is torn, or nobody's: {data[:80]!r}"
        lost = (self.before.keys() & self.after.keys()) - found.keys()
        assert not lost, f"gone: {sorted(lost)}"
        parse_all(found)
        self._judge_memory(found)
        if ended.status == 0:
            assert self.after.items() <= found.items(), "it had said that it was done"

    def _judge_memory(self, found: Tree) -> None:
        """The databases are sound, and say of no post what is not so. Copies are asked: the next run is to find them as they are."""
        posts = {file: data for file, data in found.items() if file.startswith("posts/")}
        doubled = [guid for guid, times in Counter(guid for data in posts.values() for guid in _GUID.findall(data)).items() if times > 1]
        assert not doubled, f"doubled: {doubled}"
        with tempfile.TemporaryDirectory(dir=self.home) as name:
            copy = Path(name)
            if (self.root / ".feedmill").exists():
                shutil.copytree(self.root / ".feedmill", copy / ".feedmill")
            check_databases(copy)
            if has_tables(copy):
                self._judge_ledger(lasting(copy), posts)

    def _judge_ledger(self, memory: Mapping[str, list[tuple[str, ...]]], posts: Tree) -> None:
        """Posts are durable before the ledger says so, and the ledger before the validators."""
        for _, key, status, path, digest, planned in memory["articles"]:
            assert status != STORED or digest_of(posts.get(f"posts/{path}", b"")) in (digest, planned), (
                f"{key} is called stored, and is not"
            )
        if memory["validators"] == self.facts["validators"]:
            assert memory["articles"] == self.facts["articles"], "upstream will not be asked again for what the ledger does not know"
            assert posts == {file: data for file, data in self.after.items() if file.startswith("posts/")}

    def judge_next(self) -> None:
        """After the next run: as if nothing had happened."""
        now = tree(self.root)
        assert now.keys() == self.after.keys(), sorted(now.keys() ^ self.after.keys())
        assert now == self.after, [file for file, data in now.items() if data != self.after[file]]
        left = [path.name for path in self.root.rglob("*") if is_temporary(path.name) or ".unreadable" in path.name]
        assert not left, f"left behind: {left}"
        check_databases(self.root)
        assert lasting(self.root) == self.facts


def check_databases(root: Path) -> None:
    """Both databases are sound, where they are there."""
    for file in (root / ".feedmill").glob("*.db"):
        with contextlib.closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)], file.name


def has_tables(root: Path) -> bool:
    """Whether the state has been made to its end."""
    file = root / ".feedmill" / "state.db"
    if not file.exists():
        return False
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


# Projects


def _posts(root: Path, posts: dict[str, str]) -> None:
    for name, text in posts.items():
        (root / "posts" / name).write_text(text)


def _new_posts(root: Path) -> None:
    (root / "config.yaml").write_text(CONFIG + FEEDS)
    (root / "posts").mkdir()
    _posts(root, {f"{day}.md": make_post(title=f"Post {day}", categories="[A]", date=f"2026-01-0{day} 00:00:00") for day in (1, 2, 3)})


def _changed_posts(root: Path) -> None:
    """A post is edited, one is removed, one moves to another category, one is new."""
    (root / "posts" / "2.md").unlink()
    _posts(root, {"1.md": make_post("<p>edited</p>", title="Post 1", categories="[A]", date="2026-01-01 00:00:00")})
    _posts(root, {"3.md": make_post(title="Post 3", categories="[B]", date="2026-01-03 00:00:00")})
    _posts(root, {"5.md": make_post("<p>new</p>", title="Post 5", categories="[A]", date="2026-01-05 00:00:00")})


def _document(edited: str, *entries: tuple[int, str]) -> bytes:
    """As `feed_of`; says when its entries were edited, for else it would be when they are stored."""
    document = feed_of(*entries).replace(b"<rss ", b'<rss xmlns:atom="http://www.w3.org/2005/Atom" ')
    return document.replace(b"<description>", f"<atom:updated>{edited}T00:00:00Z</atom:updated><description>".encode())


@contextlib.contextmanager
def publishing(home: Path, runner: Runner, *, is_first: bool) -> Iterator[Powered]:
    """The first publish, or the second."""
    powered = Powered(home, runner, ("publish",))
    powered.begin(_new_posts, None if is_first else _changed_posts)
    yield powered


@contextlib.contextmanager
def syncing(home: Path, runner: Runner, *, is_first: bool) -> Iterator[Powered]:
    """The first sync; or the second, for which upstream has an entry in another edition and two that are new."""
    documents = [
        _document("2026-05-10", (1, "one"), (2, "two")),
        _document("2026-05-20", (1, "one"), (2, "two, edited"), (3, "three"), (4, "four")),
    ]
    current = 0

    def answer(got: Received) -> Reply:
        etag = f'"{current}"'
        return Reply(status=304) if got.header("if-none-match") == etag else Reply(body=documents[current], headers={"ETag": etag})

    def write(root: Path) -> None:
        sources = f"sync:\n  allow_networks: [127.0.0.0/8]\nsources:\n  - {{name: up, url: {origin.url('/feed')}, categories: [A]}}\n"
        (root / "config.yaml").write_text(CONFIG + sources)
        (root / "posts").mkdir()

    def change(_: Path) -> None:
        nonlocal current
        current = 1

    with FaultOrigin() as origin:
        origin.add("/feed", answer)
        powered = Powered(home, runner, ("sync", "--force"))
        powered.begin(write, None if is_first else change)
        yield powered


# Tests


def _enumerate(powered: Powered, many: int, record_property: Record) -> None:
    """Cut the power at `many` points, evenly spread from the first call to the end, half of them each way."""
    last = len(powered.calls)
    cuts = [Cut(round(index * last / (many - 1)), (LOG_LOST, LOG_WRITTEN)[index % 2]) for index in range(many)]
    wrong = []
    for cut in cuts:
        try:
            powered.try_one(cut)
        except Exception as exc:
            wrong.append(f"{cut}, before {[*powered.calls, 'the end'][cut.number]}: {type(exc).__name__}: {exc}"[:900])
    record_property("crash points", len(cuts))
    logger.warning("%d points of %d calls", len(cuts), last)
    assert not wrong, f"{len(wrong)} of {len(cuts)} points:\n" + "\n".join(wrong[:10])


@pytest.mark.parametrize("work", [publishing, syncing])
def test_H4_H8_power_loss_leaves_nothing_torn_or_lost_and_the_next_run_makes_it_whole(
    work: Work, tmp_path: Path, runner: Runner, record_property: Record
) -> None:
    with work(tmp_path, runner, is_first=False) as powered:
        _enumerate(powered, FEW, record_property)


@pytest.mark.long
@pytest.mark.parametrize("many", [FIRST, LATER], ids=["first", "later"])
@pytest.mark.parametrize("work", [publishing, syncing])
def test_H4_H8_power_loss_at_many_points_leaves_nothing_torn_or_lost_and_the_next_run_makes_it_whole(
    work: Work, many: int, tmp_path: Path, runner: Runner, record_property: Record
) -> None:
    with work(tmp_path, runner, is_first=many == FIRST) as powered:
        _enumerate(powered, many, record_property)


@pytest.mark.parametrize(("log", "left"), [(LOG_LOST, {}), (LOG_WRITTEN, {"posts/a.md": b""})], ids=["log lost", "log written"])
def test_the_disk_loses_what_was_not_made_durable(log: int, left: Tree, tmp_path: Path) -> None:
    """The instrument itself: a rename without the fsync before it leaves no file, or an empty one."""
    image, root = tmp_path / "disk.img", tmp_path / "disk"
    make_disk(image)
    with mounted(image, root):
        (root / "posts").mkdir()
        sync_folder(root)
        (root / "new").write_bytes(b"all of it")
        (root / "new").rename(root / "posts" / "a.md")
        cut_power(root, log)
    with mounted(image, root):
        assert tree(root) == left
