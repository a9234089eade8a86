"""One new post in a large site whose daemon is running: how soon it stands in the feeds."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aims import DAEMON
from options import Options
from processes import Watch
from publishers import OURS
from publishing import Site
from results import Numbers, Part, Turn, take_turns

#: Lines of the daemon's log, and of daemonpeer.py.
_READY, _PUBLISHED, _TOLD, _DONE = "( INFO ready: )", r"published: wrote .* in ([\d.]+) s$", r"^told ([\d.]+)$", r"^done ([\d.]+)$"
#: The daemon looks at all posts when it starts, and begins nothing within a moment of the last publish.
_START, _REST, _PATIENCE, _LOOK = 120.0, 1.0, 30.0, 0.02


def measure_daemon(part: Part, options: Options) -> None:
    """Write one post after the other."""
    site = options.sites.get(OURS, options.many_posts)
    site.publish()
    work = part.begin(DAEMON, options.many_posts, "posts")
    with running(site.folder) as daemon:
        take_turns(work, [Turn(OURS.name, partial(publish_next, site, daemon))], options.rounds)


@dataclass
class Daemon:
    """A running daemon and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, pattern: str, *, since: int, within: float) -> str:
        """Wait for a line, written after the first `since` characters of the log; return what it says."""
        until = time.monotonic() + within
        while time.monotonic() < until and self.process.poll() is None:
            for line in self.text[since:].splitlines():
                if found := re.search(pattern, line):
                    return found[1]
            time.sleep(_LOOK)
        sys.exit(f"the daemon did not say {pattern} within {within:g} s:\n{self.text[-2000:]}")

    @property
    def text(self) -> str:
        """All that it has said."""
        return self.log.read_text(encoding="utf-8")


@contextmanager
def running(site: Path) -> Iterator[Daemon]:
    """Run the daemon for the block; it has looked at every post when the block begins."""
    log = site / "daemon.log"
    with log.open("wb") as opened:
        command = [sys.executable, str(Path(__file__).with_name("daemonpeer.py"))]
        process = subprocess.Popen(command, cwd=site, stdin=subprocess.DEVNULL, stdout=opened, stderr=opened)
    daemon = Daemon(process, log)
    try:
        for line in (_READY, _DONE):
            daemon.wait_for(line, since=0, within=_START)
        yield daemon
    finally:
        process.terminate()
        process.wait()


def publish_next(site: Site, daemon: Daemon, _: int) -> Numbers:
    """Write one new post and wait until it stands in the feeds.

    `written` counts from the writing of the post, `seen` from the moment the daemon was told that the change is over, both until it
    knows that all feeds are on disk; `run` is what the publishing process says of itself.
    """
    time.sleep(_REST)
    since = len(daemon.text)
    began = time.monotonic()
    number = site.add()
    run = daemon.wait_for(_PUBLISHED, since=since, within=_PATIENCE)
    told, done = (float(daemon.wait_for(pattern, since=since, within=_PATIENCE)) for pattern in (_TOLD, _DONE))
    if not site.has(number):
        sys.exit("the daemon has not published the new post")
    watch = Watch(daemon.process.pid)
    watch.look()
    return {"seen": done - told, "written": done - began, "run": float(run), "memory": watch.peak, "proportional": watch.proportional}
