"""Real processes, killed by the kernel at their file-system calls, SQLite's own among them; and calls that the kernel refuses.

`strace` stops the process at the k-th call of one name and kills it there, or has the call fail. Where it is missing, or tracing is
forbidden, the tests skip and say so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crashworld import feed_of, lasting, parse_all, tree
from faultlayer import clone

from faultorigin import FaultOrigin, Reply
from feedmill.configfile import read_config
from feedmill.durable import is_temporary
from feedmill.producer.publish import Request, publish
from sites import CONFIG, make_post

logger = logging.getLogger(__name__)

#: Calls that change what is on disk.
CALLS = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,ftruncate"
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")
SCRIPTS = {
    "publish": "from feedmill.cli import publish_feed; publish_feed()",
    "sync": "import sys; sys.argv[1:] = ['sync', '--force']; from feedmill.cli import main; main()",
}


@pytest.fixture(scope="module", autouse=True)
def strace() -> str:
    """The program, where it may trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("no strace: no process is killed at its system calls")
    done = subprocess.run([found, "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    return found


@dataclass
class Traced:
    """A project, a command in it, and what that command comes to when nothing disturbs it."""

    start: Path
    work: Path
    script: str
    after: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    def command(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it in the folder of work, below strace where there are options."""
        tracer = ["strace", "-f", "-qq", *options] if options else []
        return subprocess.run(
            [*tracer, sys.executable, "-c", self.script],
            cwd=self.work,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def again(self) -> None:
        if self.work.exists():
            shutil.rmtree(self.work)
        clone(self.start, self.work)

    def points(self, log: Path) -> list[tuple[str, int]]:
        """Return the calls of an undisturbed run that are about this project: name and number among those of its thread."""
        self.again()
        done = self.command("-y", "-o", str(log), "-e", f"trace={CALLS}")
        assert done.returncode == 0, done.stderr
        self.after, self.facts = tree(self.work), lasting(self.work)
        parse_all(self.after)
        counts: Counter[tuple[str, str]] = Counter()
        found = set()
        for line in log.read_text(errors="replace").splitlines():
            if match := _LINE.match(line):
                thread, name, rest = match.groups()
                counts[thread, name] += 1
                if str(self.work) in rest and not (name == "openat" and "O_RDONLY" in rest and "O_DIRECTORY" not in rest):
                    found.add((name, counts[thread, name]))
        return sorted(found)

    def judge(self) -> None:
        """Run it again with nothing in its way: as if nothing had happened."""
        if self.script == SCRIPTS["publish"]:  # here, for a process takes twenty times as long
            config = read_config((self.work / "config.yaml").read_text(), root=self.work, environ={})
            publish(config, Request(), now=datetime.now(UTC))
        else:
            done = self.command()
            assert done.returncode == 0, done.stderr
        assert tree(self.work) == self.after
        assert [path.name for path in self.work.rglob("*") if is_temporary(path.name) or ".unreadable" in path.name] == []
        for name in ("state.db", "catalog.db"):
            with contextlib.closing(sqlite3.connect(self.work / ".feedmill" / name)) as database:
                assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert lasting(self.work) == self.facts

    def judge_torn(self, before: dict[str, bytes]) -> None:
        for file, data in tree(self.work).items():
            if not is_temporary(file.rpartition("/")[2]):
                assert data in (before.get(file), self.after.get(file)), f"{file} is torn"


def _publishing(root: Path) -> Traced:
    """Published once; then a post is edited and its category renamed."""
    start = root / "start"
    (start / "posts").mkdir(parents=True)
    (start / "config.yaml").write_text(CONFIG)
    post = start / "posts" / "a.md"
    post.write_text(make_post(categories="[A]"))
    traced = Traced(start, root / "work", SCRIPTS["publish"])
    traced.again()
    assert traced.command().returncode == 0
    shutil.rmtree(start)
    clone(traced.work, start)
    post.write_text(make_post("<p>edited</p>", categories="[B]"))
    return traced


@contextlib.contextmanager
def _syncing(root: Path) -> Iterator[Traced]:
    """Synced once; then upstream has an entry more and one in another edition."""
    with FaultOrigin() as origin:
        start = root / "start"
        (start / "posts").mkdir(parents=True)
        sources = f"sync:\n  allow_networks: [127.0.0.0/8]\nsources:\n  - {{name: up, url: {origin.url('/feed')}, categories: [A]}}\n"
        (start / "config.yaml").write_text(CONFIG + sources)
        traced = Traced(start, root / "work", SCRIPTS["sync"])
        origin.add("/feed", Reply(body=feed_of((1, "one"), (2, "two"))))
        traced.again()
        assert traced.command().returncode == 0
        shutil.rmtree(start)
        clone(traced.work, start)
        body = feed_of((1, "one"), (2, "two"), (3, "three"))
        fresh = Reply(body=body, headers={"ETag": '"2"'})
        origin.add("/feed", lambda got: Reply(status=304) if got.header("if-none-match") == '"2"' else fresh)
        yield traced


def _enumerate(traced: Traced, points: list[tuple[str, int]], how: Callable[[str], str], statuses: tuple[int, ...]) -> list[str]:
    """Disturb the command at each of `points`. How many calls a run makes varies by a few: a point that one does not reach is no fault."""
    before, wrong = tree(traced.start), []
    for name, number in points:
        traced.again()
        done = traced.command("-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:{how(name)}:when={number}")
        try:
            assert done.returncode in statuses, (done.returncode, done.stderr[-400:])
            assert "Traceback" not in done.stderr, done.stderr[-600:]
            traced.judge_torn(before)
            traced.judge()
        except AssertionError as exc:
            wrong.append(f"{how(name)} at {name} {number}: {exc}"[:700])
    return wrong


#: Calls of which only some are tried: SQLite makes dozens of them, one like the other.
_MANY = frozenset({"pwrite64", "openat", "write"})
_ERRORS = {"fsync": "EIO", "fdatasync": "EIO", "pwrite64": "ENOSPC", "write": "ENOSPC", "rename": "EIO", "ftruncate": "ENOSPC"}


def _thinned(points: list[tuple[str, int]], *, every: int, offset: int = 0) -> list[tuple[str, int]]:
    """Every point of the rare calls, and every so-many-th of the frequent ones."""
    many = [point for point in points if point[0] in _MANY]
    return sorted({*many[offset::every], *(point for point in points if point[0] not in _MANY)})


def _kill(_: str) -> str:
    return "signal=SIGKILL"


def _refuse(name: str) -> str:
    return f"error={_ERRORS[name]}"


def _report(wrong: list[str], tried: int, record_property: Callable[[str, object], None]) -> None:
    record_property("crash points", tried)
    logger.warning("%d crash and error points", tried)
    assert not wrong, "\n".join(wrong[:10])
    assert tried


@pytest.mark.long
def test_H7_publish_feed_is_killed_at_its_system_calls(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    traced = _publishing(tmp_path)
    points = _thinned(traced.points(tmp_path / "log"), every=24)
    _report(_enumerate(traced, points, _kill, (-signal.SIGKILL, 0)), len(points), record_property)


@pytest.mark.long
def test_H4_publish_feed_is_refused_its_system_calls(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    traced = _publishing(tmp_path)
    points = _thinned([point for point in traced.points(tmp_path / "log") if point[0] in _ERRORS], every=24, offset=1)
    _report(_enumerate(traced, points, _refuse, (0, 3)), len(points), record_property)


@pytest.mark.long
def test_H7_a_sync_is_killed_at_its_system_calls(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with _syncing(tmp_path) as traced:
        points = _thinned(traced.points(tmp_path / "log"), every=20)[::6]
        _report(_enumerate(traced, points, _kill, (-signal.SIGKILL, 0)), len(points), record_property)
