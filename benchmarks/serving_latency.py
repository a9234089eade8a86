"""How long readers wait for `feedmill daemon` while it does something else."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import processes
from options import Options
from results import Numbers, Work
from serving_servers import Server, feedmill, free_port, running
from serving_site import BenchSite
from serving_strain import Hostile, Publishing, Strain, quiet
from serving_wrk import CONNECTIONS, Blast, blast

HERE = Path(__file__).resolve().parent
#: Questions of all steady readers in a second.
_RATE = 1000
#: The feeds that are read: that of everything, and some of the others.
_FEEDS = 20
#: A part goes on until its publish or its sync has been done once, for so long at most.
_PATIENCE = 120.0
_FIRST_PUBLISH, _REST = 300.0, 120.0
_SAMPLE = 0.25
STRAINS = {"nothing else": (), "publishing": (Publishing,), "syncing": (Hostile,), "publishing and syncing": (Publishing, Hostile)}


class Memory(threading.Thread):
    """The most resident memory of a process, and the most proportional of it and all its children, in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.parent = self.all = 0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_SAMPLE):  # seldom: the kernel looks through all pages of a process for it
            self.parent = max(self.parent, processes._resident(self._pid))
            self.all = max(self.all, sum(map(processes._proportional, processes._tree(self._pid))))

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


@dataclass
class Sight:
    """What readers saw in one run (serving_readers.Seen), times in seconds."""

    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    most: float = 0.0
    count: int = 0
    lag_p99: float = 0.0
    lag_most: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    bytes: int = 0


class Watcher:
    """One daemon, put under every strain in turn, again and again."""

    def __init__(self, site: BenchSite, options: Options, *, wrk: str | None) -> None:
        self._site, self._folder, self._seconds, self._wrk = site, options.folder, options.seconds, wrk

    def watch(self, work: Work, rounds: int) -> None:
        """Note what readers saw in so many rounds."""
        foes = free_port()
        origin = [sys.executable, str(HERE / "serving_foes.py"), str(foes)]
        # A daemon that has fetched before: the first fetch loads what fetching takes, once in its life.
        self._site.subscribe({"news-0": f"http://127.0.0.1:{foes}/news?0"})
        with running("origin", origin, foes, cwd=self._folder), feedmill("daemon", self._site.folder) as daemon:
            if not quiet(daemon, within=_FIRST_PUBLISH):
                sys.exit(f"the daemon was still at work after {_FIRST_PUBLISH:.0f} s")
            for _ in range(rounds):
                for name, kinds in STRAINS.items():
                    strains = [kind(self._site, daemon, port=foes) if kind is Hostile else kind(self._site, daemon) for kind in kinds]
                    work.rounds.setdefault(name, []).append(self._run(work, name, daemon, strains))
                    if not quiet(daemon, within=_REST):
                        work.complaints.append(f"the daemon was still at work {_REST:.0f} s after {name}")

    def _run(self, work: Work, name: str, daemon: Server, strains: list[Strain]) -> Numbers:
        """Read for some seconds, and until every strain was there once; then have wrk read."""
        paths = self._site.feeds()[:_FEEDS]
        with ExitStack() as stack:
            memory = stack.enter_context(Memory(daemon.pid))
            for strain in strains:
                stack.enter_context(strain)
            with reading(daemon, paths, rate=_RATE, folder=self._folder) as sight:
                begin = time.monotonic()
                while time.monotonic() - begin < _PATIENCE:
                    time.sleep(0.1)
                    if time.monotonic() - begin >= self._seconds and all(strain.turns for strain in strains):
                        break
            blasted = self._blast(daemon, paths[0])
        complaints = [f"{type(strain).__name__} was not done within {_PATIENCE:.0f} s" for strain in strains if not strain.turns]
        complaints += [strain.trouble for strain in strains if strain.trouble]
        complaints += [f"{count} x {why}" for why, count in sight.failed.items()]
        complaints += [f"{count} answers {code}" for code, count in sight.answers.items() if code not in ("200", "304")]
        work.complaints += [f"{name}: {complaint}" for complaint in complaints]
        seen = {"p50": sight.p50, "p99": sight.p99, "p999": sight.p999, "most": sight.most, "lag": sight.lag_p99}
        return seen | ({"rate": blasted.rate} if blasted else {}) | {"memory": memory.parent, "proportional": memory.all}

    def _blast(self, daemon: Server, path: str) -> Blast | None:
        if self._wrk is None:
            return None
        fields = {"If-None-Match": daemon.get(path).headers["etag"]}
        return blast(self._wrk, daemon, path, headers=fields, seconds=self._seconds, folder=self._folder)


@contextmanager
def reading(daemon: Server, paths: list[str], *, rate: float, folder: Path) -> Iterator[Sight]:
    """Have readers at a steady rate for the block, in a process of their own; what they saw is there after it."""
    sight = Sight()
    listed = folder / "paths"
    listed.write_text("\n".join(paths), encoding="utf-8")
    command = [sys.executable, str(HERE / "serving_readers.py"), str(daemon.port), str(rate), str(CONNECTIONS), str(listed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield sight
    finally:
        said, _ = process.communicate()
    if process.returncode:
        sys.exit("the readers failed")
    vars(sight).update(json.loads(said))
