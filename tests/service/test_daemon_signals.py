"""SIGTERM and Ctrl-C at any moment (faults H9): the daemon ends in order, and the next one finds nothing half-done."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Received, Reply
from feedmill.posts.format import decode
from hostile import flood, gzip_bomb
from service.daemonrun import Offset, Running, configure, make_project, running, start_with_clock, titles, with_sources
from sites import Project
from upstream import items

#: How often a daemon is told to end, by seed: 200 times in all by FEEDMILL_SIGNALS=100.
ROUNDS = int(os.environ.get("FEEDMILL_SIGNALS", "10"))
#: What it is told after: words of its log; "" is the moment from which it listens to signals.
MARKS = ("", " ready: ", " ready: ", " new, ", " new, ", " published: ")
#: So much later at most, in seconds.
SPAN = 0.4


@dataclass
class World:
    """A project whose good sources gain an entry with every fetch, beside slow and hostile ones."""

    project: Project
    origin: FaultOrigin
    clock: Offset
    #: The numbers of the entries that each good source has told of.
    told: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place in range(3):
            path = f"/good{place}"
            self.told[path] = []
            self.origin.add(path, self._grow)
        self.origin.add("/drips", Reply(body=items(*range(900, 950)), pace=(500, 0.2)))
        self.origin.add("/hangs", Reply(body=items(960), delay=30))
        self.origin.add("/many", Reply(body=flood(300)))
        self.origin.add("/bomb", Reply(body=gzip_bomb(), headers={"Content-Encoding": "gzip"}))
        self.origin.add("/resets", Reply(body=items(970), cut=100, ending="reset"))
        sources = with_sources(self.origin, *self.told, "/drips", "/hangs", "/many", "/bomb", "/resets")
        configure(self.project, f"feeds: {{limit: 9999}}\n{sources}")

    def _grow(self, got: Received) -> Reply:
        told = self.told[got.path]
        told.append(1000 * (int(got.path[-1]) + 1) + len(told))
        return Reply(body=items(*told[-40:]))

    def starts(self) -> Running:
        """A daemon that has just begun to listen to signals; everything is due."""
        self.clock.pass_(days=3)
        started = start_with_clock(self.project.root, self.clock, self.project.root.with_name("log"))
        started.until(lambda: _catches(started.process.pid, signal.SIGTERM))
        return started

    def check(self) -> set[str]:
        """Nothing is half-written, doubled or held; returns what is there, by guid."""
        files = list((self.project.root / "posts").rglob("*.md"))
        zone = self.project.config.site.zone
        posts = [decode(file.read_bytes(), name=file.name, zone=zone).post for file in files]
        assert all(post.title and (post.body.strip() or post.source == "many") for post in posts)
        assert [key for key, count in Counter((post.source, post.guid) for post in posts).items() if count > 1] == []
        with (self.project.root / ".feedmill" / "sync.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return {post.guid for post in posts}

    @property
    def temporary(self) -> list[Path]:
        """What a writer left behind."""
        return list(self.project.root.rglob(".feedmill-*.tmp"))


def _catches(pid: int, number: signal.Signals) -> bool:
    """True when a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    with FaultOrigin() as origin:
        yield World(make_project(folder), origin, Offset(folder / "clock"))


@pytest.mark.long
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc: no way to see that a process listens to signals")
@pytest.mark.parametrize("seed", [1, 2])
def test_H9_a_daemon_ends_in_order_whenever_it_is_told(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with world_in(tmp_path) as world:
        for _ in range(ROUNDS):
            daemon = world.starts()
            mark = chance.choice(MARKS)
            daemon.until(lambda daemon=daemon, mark=mark: mark in daemon.log)
            time.sleep(chance.uniform(0, SPAN))
            number = chance.choice([signal.SIGTERM, signal.SIGINT])
            if chance.random() < 0.5:  # a second and a third time, and a reload
                for more in (number, signal.SIGTERM, signal.SIGHUP):
                    daemon.tell(more)
                    time.sleep(chance.uniform(0, 0.1))
            assert daemon.end(number) == 0, daemon.log
            assert daemon.lines(" ended"), daemon.log
            assert not daemon.lines("ERROR"), daemon.log
            world.check()
        # The next start finishes what was begun, loses nothing and leaves nothing.
        world.clock.pass_(days=3)
        with running(world.project.root, clock=world.clock) as daemon:
            daemon.until(lambda: set(titles(daemon)) >= {f"Title {told[-1]}" for told in world.told.values() if told})
            daemon.until(lambda: not world.temporary)
        assert world.check() >= {f"urn:item:{number}" for told in world.told.values() for number in told}
        assert any(world.told.values())
