"""How long readers wait for `feedmill daemon` while it does something else."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import processes
from serving_servers import Server, feedmill, free_port, running
from serving_site import BenchSite
from serving_strain import Hostile, Publishing, Strain, quiet
from serving_wrk import CONNECTIONS, Blast, blast

HERE = Path(__file__).resolve().parent
#: p99 of what readers at a steady rate wait, in seconds.
AIM = 0.050
#: The feeds that are read: that of everything, and some of the others.
_FEEDS = 20
#: A part goes on until its publish or its sync has been done once, for so long at most.
_PATIENCE = 120.0
_FIRST_PUBLISH, _REST = 300.0, 120.0
_SAMPLE = 0.25
PARTS = {"nothing else": (), "publishing": (Publishing,), "syncing": (Hostile,), "publishing and syncing": (Publishing, Hostile)}


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


@dataclass(frozen=True)
class Run:
    """One part, once."""

    sight: Sight
    #: None without wrk.
    blast: Blast | None
    #: How often everything was published, and sources were exchanged; seconds that the readers read.
    turns: dict[str, int]
    seconds: float
    parent: int
    all: int


@dataclass
class Part:
    """What the daemon did, and how readers fared in every round."""

    name: str
    runs: list[Run] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """Median over the rounds."""
        return statistics.median(run.sight.p99 for run in self.runs)

    @property
    def rows(self) -> list[str]:
        """Lines of the table."""
        sights = [run.sight for run in self.runs]
        p99s = [sight.p99 * 1e3 for sight in sights]
        verdict = f"aim p99 < {AIM * 1e3:.0f} ms: {'reached' if self.p99 < AIM else 'MISSED'}"
        middle = {name: statistics.median(getattr(sight, name) for sight in sights) * 1e3 for name in ("p50", "p999", "lag_p99")}
        most = max(sight.most for sight in sights) * 1e3
        turns = ", ".join(f"{sum(run.turns[name] for run in self.runs)} x {name}" for name in self.runs[0].turns)
        answers = " and ".join(f"{sum(sight.answers.get(code, 0) for sight in sights):,} x {code}" for code in ("304", "200"))
        lines = [
            f"Beside {self.name}",
            f"  steady readers  p50 {middle['p50']:.1f} ms, p99 {self.p99 * 1e3:.1f} ms ({min(p99s):.1f}-{max(p99s):.1f}), "
            f"p99.9 {middle['p999']:.1f} ms, longest {most:.0f} ms; {verdict}",
            f"  {answers} in {sum(run.seconds for run in self.runs):.0f} s; the readers' own lag: p99 {middle['lag_p99']:.1f} ms"
            + (f"; {turns}" if turns else ""),
        ]
        blasts = [run.blast for run in self.runs if run.blast]
        if blasts:
            rate, p99 = (statistics.median(getattr(one, name) for one in blasts) for name in ("rate", "p99"))
            lines.append(f"  wrk, 304s       {rate:,.0f}/s, p99 {p99 * 1e3:.1f} ms, longest {max(one.most for one in blasts) * 1e3:.0f} ms")
        memory = f"{max(run.parent for run in self.runs) / 1e6:.0f} MB resident in the parent"
        lines.append(f"  memory          {memory}, {max(run.all for run in self.runs) / 1e6:.0f} MB in all processes, shared pages once")
        return lines + [f"  NOT AS IT SHOULD BE: {complaint}" for complaint in dict.fromkeys(self.complaints)]


class Watcher:
    """One daemon, put under every strain in turn, again and again."""

    def __init__(self, site: BenchSite, folder: Path, *, wrk: str | None, seconds: float, rate: float) -> None:
        self._site, self._folder, self._wrk, self._seconds, self._rate = site, folder, wrk, seconds, rate

    def watch(self, rounds: int) -> list[Part]:
        """Return what readers saw in so many rounds."""
        parts = [Part(name) for name in PARTS]
        foes = free_port()
        origin = [sys.executable, str(HERE / "serving_foes.py"), str(foes)]
        # A daemon that has fetched before: the first fetch loads what fetching takes, once in its life.
        self._site.subscribe({"news-0": f"http://127.0.0.1:{foes}/news?0"})
        with running("origin", origin, foes, cwd=self._folder), feedmill("daemon", self._site.folder) as daemon:
            if not quiet(daemon, within=_FIRST_PUBLISH):
                sys.exit(f"the daemon was still at work after {_FIRST_PUBLISH:.0f} s")
            for _ in range(rounds):
                for part in parts:
                    kinds = PARTS[part.name]
                    strains = [kind(self._site, daemon, port=foes) if kind is Hostile else kind(self._site, daemon) for kind in kinds]
                    self._run(part, daemon, strains)
                    if not quiet(daemon, within=_REST):
                        part.complaints.append(f"the daemon was still at work {_REST:.0f} s later")
        return parts

    def _run(self, part: Part, daemon: Server, strains: list[Strain]) -> None:
        """Read for some seconds, and until every strain was there once; then have wrk read."""
        paths = self._site.feeds()[:_FEEDS]
        with ExitStack() as stack:
            memory = stack.enter_context(Memory(daemon.pid))
            for strain in strains:
                stack.enter_context(strain)
            with reading(daemon, paths, rate=self._rate, folder=self._folder) as sight:
                begin = time.monotonic()
                while time.monotonic() - begin < _PATIENCE:
                    time.sleep(0.1)
                    if time.monotonic() - begin >= self._seconds and all(strain.turns for strain in strains):
                        break
                took = time.monotonic() - begin
            blasted = self._blast(daemon, paths[0])
        turns = {type(strain).__name__.lower(): strain.turns for strain in strains}
        part.runs.append(Run(sight, blasted, turns, took, memory.parent, memory.all))
        part.complaints += [f"{name} was not done within {_PATIENCE:.0f} s" for name, count in turns.items() if not count]
        part.complaints += [strain.trouble for strain in strains if strain.trouble]
        part.complaints += [f"{count} x {why}" for why, count in sight.failed.items()]
        part.complaints += [f"{count} answers {code}" for code, count in sight.answers.items() if code not in ("200", "304")]

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
