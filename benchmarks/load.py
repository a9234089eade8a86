"""What a daemon is like under load: a thousand readers, a hundred sources of which a third are hostile, five hundred slow clients.

    python benchmarks/load.py [--posts N] [--scale S] [--part N] [--write]

Every part has a daemon of its own, with 10,000 posts and ten sources that it polls once a minute; it is told to end (SIGTERM) while
everybody is still connected. The load shares the machine's cores with it. Exit status 1 where a limit was missed.
With --write the table goes into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import processes
from load_figures import Crowd, Figures, Part, describe, table, write
from load_foes import KINDS, LINGERING, STEADY
from serving_latency import Memory
from serving_servers import FEEDMILL, Server, feedmill, free_port, running
from serving_site import CONFIG, BenchSite
from serving_strain import DUE, Publishing, Strain, quiet

HERE = Path(__file__).resolve().parent
#: The feeds that are read: that of everything, and some of the others.
_FEEDS = 20
#: So many of the newest posts are edited at a time.
_EDITED = 200
_BETWEEN_EDITS = 4.0
#: A daemon has new sources within so many seconds; to ask for /metrics is work for it.
_NOTICED, _ASK = 3.0, 1.0
#: All of a hundred sources are exchanged after so many seconds at the latest, done with or not.
_LONGEST_TURN = 45.0
_FIRST_PUBLISH = 120.0
_LONGEST_END = 15.0
_CHILDREN_END = 2.0
#: How long after the start of a part it is asked when sources are due next.
_SETTLED = 15.0


class LoadSite(BenchSite):
    """The site of all parts: every source is polled once a minute, which is as often as can be."""

    def __init__(self, folder: Path, posts: int, *, origin: int) -> None:
        """`origin`: the port of load_foes.py."""
        self._origin = origin
        super().__init__(folder, posts)
        self.write_edition()
        numbers = {int(path.stem[1:]): path for path in (folder / "posts").rglob("p*.md")}
        self._newest = [numbers[number] for number in sorted(numbers)[-_EDITED:]]

    def subscribe(self, sources: dict[str, str]) -> None:
        """Write config.yaml with these sources beside the steady ones: kinds by name."""
        kinds = {f"steady-{number}": "steady" for number in range(STEADY)} | sources
        place = f"http://127.0.0.1:{self._origin}"
        listed = (f'{{name: {name}, url: "{place}/{kind}?{name}", every: 1m, categories: [来客, {name}]}}' for name, kind in kinds.items())
        fresh = self.folder / "config.yaml.new"
        fresh.write_text(CONFIG.format(sources=", ".join(listed)), encoding="utf-8")
        fresh.replace(self.folder / "config.yaml")

    def write_edition(self) -> None:
        """Write all posts, and from then on the newest ones anew."""
        if not self.edition:
            super().write_edition()
            return
        before, self.edition = f"第 {self.edition} 版", self.edition + 1
        for path in self._newest:
            path.write_text(path.read_text(encoding="utf-8").replace(before, f"第 {self.edition} 版"), encoding="utf-8")


class Syncing(Strain):
    """Ninety sources that were never fetched, and others as soon as these are done with: no source is polled more than once a minute."""

    def turn(self) -> None:
        key = time.monotonic_ns() // 1_000_000
        self._site.subscribe({f"{kind}-{key}-{number}": kind for kind, count in KINDS.items() for number in range(count)})
        until = time.monotonic() + _LONGEST_TURN
        self._over.wait(_NOTICED)
        while time.monotonic() < until and self._daemon.number(DUE) > LINGERING:
            if self._over.wait(_ASK):
                return
        self.turns += 1

    def settle(self) -> None:
        self._site.subscribe({})


class Editing(Publishing):
    """Posts are edited, and some seconds after that is published, again."""

    def turn(self) -> None:
        super().turn()
        self._over.wait(_BETWEEN_EDITS)


PARTS = (
    Part("nothing", 20),
    Part("1,000 readers", 40, readers=1000),
    Part("1,000 readers, 100 sources, edits", 80, readers=1000, strains=(Syncing, Editing)),
    Part("1,000 readers, 500 slow clients", 40, readers=1000, rate=300.0, slow=500),
)


class Loader:
    """Puts one daemon after the other under its load."""

    def __init__(self, site: LoadSite, folder: Path, *, origin: Server, scale: float) -> None:
        self._site, self._folder, self._origin, self._scale = site, folder, origin, scale

    def run(self, part: Part) -> Figures:
        """Measure one part."""
        figures = Figures(part)
        with feedmill("daemon", self._site.folder) as daemon, Memory(daemon.pid) as memory:
            if not quiet(daemon, within=_FIRST_PUBLISH):
                figures.complaints.append(f"the daemon was still at work after {_FIRST_PUBLISH:.0f} s")
            memory.parent = memory.all = 0
            with ExitStack() as stack:
                crowd = stack.enter_context(self._crowd(daemon, part)) if part.readers else None
                self._measure(figures, daemon, crowd)
                figures.parent, figures.all = memory.parent, memory.all
                self._end(figures, daemon)
        figures.judge()
        return figures

    def _measure(self, figures: Figures, daemon: Server, crowd: subprocess.Popen[str] | None) -> None:
        strains = [kind(self._site, daemon) for kind in figures.part.strains]
        before, cpu, waited, begin = numbers(daemon), processes.cpu_alone(daemon.pid), waited_for_core(daemon.pid), time.monotonic()
        with ExitStack() as stack:
            for strain in strains:
                stack.enter_context(strain)
            time.sleep(min(_SETTLED, self._scale * figures.part.seconds))
            asked_at, due = time.time(), next_fetches(self._site.folder)
            time.sleep(max(0.0, self._scale * figures.part.seconds - (time.monotonic() - begin)))
            figures.seconds = time.monotonic() - begin
            figures.cpu = (processes.cpu_alone(daemon.pid) - cpu) / figures.seconds
            figures.waited = (waited_for_core(daemon.pid) - waited) / figures.seconds
            figures.crowd = told(crowd) if crowd else None
            figures.lates = lateness(due, json.loads(self._origin.get("asked").body), since=asked_at)
            after = numbers(daemon)
        figures.counted = {name: value - before.get(name, 0.0) if is_of_part(name) else value for name, value in after.items()}
        figures.turns = {type(strain).__name__.lower(): strain.turns for strain in strains}
        figures.complaints += [strain.trouble for strain in strains if strain.trouble]
        figures.complaints += [f"{name} was not done once" for name, count in figures.turns.items() if not count]
        if strains and not figures.counted.get('fetches_total{result="ok"}'):
            figures.complaints.append("nothing was fetched: the figures show nothing")

    @contextmanager
    def _crowd(self, daemon: Server, part: Part) -> Iterator[subprocess.Popen[str]]:
        """Have readers and slow clients for the block."""
        listed = self._folder / "paths"
        listed.write_text("\n".join(self._site.feeds()[:_FEEDS]), encoding="utf-8")
        given = map(str, (daemon.port, part.rate, part.readers, part.slow, listed))
        with subprocess.Popen(
            [sys.executable, str(HERE / "load_readers.py"), *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            try:
                if process.stdout.readline() != "ready\n":
                    sys.exit("the readers failed")
                yield process
            finally:
                process.kill()

    def _end(self, figures: Figures, daemon: Server) -> None:
        """Tell the daemon to end, and note how that went."""
        family, begin = processes._tree(daemon.pid), time.monotonic()
        os.kill(daemon.pid, signal.SIGTERM)
        while (ended := os.waitid(os.P_PID, daemon.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)) is None:
            if time.monotonic() - begin > _LONGEST_END:
                break
            time.sleep(0.01)
        figures.ended = time.monotonic() - begin
        if ended is None or ended.si_status:
            figures.complaints.append(f"the daemon ended with {ended.si_status if ended else 'nothing'}")
        time.sleep(_CHILDREN_END)
        if left := [pid for pid in family[1:] if processes._resident(pid)]:
            figures.complaints.append(f"{len(left)} children outlived the daemon by {_CHILDREN_END:g} s")


def numbers(daemon: Server) -> dict[str, float]:
    """Return all that /metrics says of feedmill. Raises OSError."""
    lines = [line.rpartition(" ") for line in daemon.get("metrics").body.decode().splitlines() if line.startswith("feedmill_")]
    return {name.removeprefix("feedmill_"): float(value) for name, _, value in lines}


def waited_for_core(pid: int) -> float:
    """Return for how many seconds the first thread of a process could have run, and others did; 0 where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def is_of_part(name: str) -> bool:
    """Whether a number of /metrics is counted in a part; the others are as they are at its end, or since the daemon's start."""
    return name.partition("{")[0].endswith(("_total", "_count", "_sum"))


def next_fetches(site: Path) -> dict[str, float]:
    """Return when the steady sources are due next, in epoch seconds, as `feedmill status` says."""
    names = [f"steady-{number}" for number in range(STEADY)]
    done = subprocess.run([FEEDMILL, "status", "--json", *names], cwd=site, capture_output=True, check=True)
    return {one["name"]: datetime.fromisoformat(one["next_fetch"]).timestamp() for one in json.loads(done.stdout)["sources"]}


def lateness(due: dict[str, float], asked: dict[str, float], *, since: float) -> list[float]:
    """Return by how many seconds each source was fetched late, of those that were due meanwhile: one that was not is late until now."""
    now = time.time()
    return [(asked[name] if asked[name] > since else now) - at for name, at in due.items() if asked[name] > since or at < now]


def told(crowd: subprocess.Popen[str]) -> Crowd:
    """Have the readers stop and return what they saw."""
    assert crowd.stdin
    assert crowd.stdout
    crowd.stdin.close()
    said = Crowd()
    vars(said).update(json.loads(crowd.stdout.readline()))
    return said


def measure(folder: Path, given: argparse.Namespace) -> list[Figures]:
    """Make the site in `folder` and measure all parts that are wanted."""
    port = free_port()
    (folder / "site").mkdir()
    with running("origin", [sys.executable, str(HERE / "load_foes.py"), str(port)], port, cwd=folder) as origin:
        site = LoadSite(folder / "site", given.posts, origin=port)
        subprocess.run([FEEDMILL, "publish"], cwd=site.folder, check=True, stdout=subprocess.DEVNULL)
        loader = Loader(site, folder, origin=origin, scale=given.scale)
        measured = []
        for part in PARTS[given.part - 1 : given.part] if given.part else PARTS:
            measured.append(loader.run(part))
            print(f"{part.title}: done; load {os.getloadavg()[0]:.2f}", flush=True)
    return measured


def main() -> None:
    """Measure, print, and write where that is wanted."""
    parser = argparse.ArgumentParser(description="A daemon under load.")
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--scale", type=float, default=1.0, help="of the parts' times")
    parser.add_argument("--part", type=int, choices=range(len(PARTS) + 1), default=0, help="one alone; 0: all")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/reliability.md")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends the servers too
    described = describe()
    with tempfile.TemporaryDirectory(prefix="feedmill-load-") as folder:
        measured = measure(Path(folder), given)
    complaints = [f"{one.part.title}: {complaint}" for one in measured for complaint in one.complaints]
    lines = [
        f"{described}; {given.posts:,} posts.",
        "",
        *table(measured),
        *([""] if complaints else []),
        *(f"- {complaint}" for complaint in complaints),
    ]
    print("\n".join(lines))
    if given.write:
        write(lines)
    if complaints:
        sys.exit(1)


if __name__ == "__main__":
    main()
