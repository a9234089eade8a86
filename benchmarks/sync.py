"""Polling feeds beside `reader` and newsboat: a first sync, a poll with one new entry in each feed, and a poll with nothing new.

    python benchmarks/sync.py [--rounds N] [--reader PYTHON] [--peers-only]

Every consumer polls the same origin on loopback as a process of its own, with a folder of its own; they take turns
(A B C A B C ...), so that a machine that slows down slows all. What counts are the ratios of one run, never seconds.
That all did the same work is checked after each poll: what the origin answered, and how many entries are kept.
The origin is origin.py in ../shared/bench where there is one, or the program that $FEEDMILL_BENCH_ORIGIN names, or the one here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consumers import Consumer, environment, find_feedmill, find_newsboat, find_readers
from processes import Measure, Series, measure

HERE = Path(__file__).resolve().parent
#: Straight to the origin, whatever proxy the environment names.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Work:
    """What is measured: a heading, what the origin must have answered, and how much faster than whom feedmill is to be."""

    title: str
    answers: dict[str, int]
    targets: dict[str, float]
    is_poll: bool = True


FEEDS, ENTRIES, CHARACTERS = 60, 50, 3000
#: Small ones: a 304 carries no feed, and filling 600 of the other kind takes minutes.
SOURCES, FEW, SHORT = 600, 10, 300
#: A poll may take so many times the memory of reader's.
MEMORY = 4

FIRST = Work(f"First sync: {FEEDS} feeds of {ENTRIES} entries of 3 kB", {"200": FEEDS, "304": 0}, {"reader": 4}, is_poll=False)
NEW = Work(f"Poll: {FEEDS} feeds of {ENTRIES} entries, one of them new in each", {"200": FEEDS, "304": 0}, {"reader": 15, "newsboat": 1})
IDLE = Work(f"Poll: {SOURCES} feeds, nothing new (all 304)", {"200": 0, "304": SOURCES}, {"reader": 2})


@dataclass
class Origin:
    """The running origin, seen from here."""

    port: int
    feeds: int

    @property
    def urls(self) -> list[str]:
        """Addresses of the feeds."""
        return [f"http://127.0.0.1:{self.port}/f/{number}.xml" for number in range(self.feeds)]

    def bump(self) -> None:
        """Give every feed a new entry, and have all of them made before anybody is measured."""
        _DIRECT.open(f"http://127.0.0.1:{self.port}/bump", data=b"").close()
        self.warm()

    def warm(self) -> None:
        """Have every feed made."""
        for url in self.urls:
            _DIRECT.open(url).close()
        self.answers()

    def answers(self) -> dict[str, int]:
        """What was answered since the last question."""
        with _DIRECT.open(f"http://127.0.0.1:{self.port}/stats") as answer:
            return json.load(answer)


@contextmanager
def serving(feeds: int, entries: int, characters: int) -> Iterator[Origin]:
    """Run an origin on a free port for the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(find_origin()), str(port), str(entries), str(characters)])
    origin = Origin(port, feeds)
    try:
        for _ in range(100):
            try:
                origin.answers()
                break
            except OSError:
                time.sleep(0.1)
        origin.warm()
        yield origin
    finally:
        process.terminate()
        process.wait()


def find_origin() -> Path:
    """The program that serves the feeds."""
    named = os.environ.get("FEEDMILL_BENCH_ORIGIN")
    shared = HERE.parent.parent / "shared" / "bench" / "origin.py"
    return Path(named) if named else shared if shared.is_file() else HERE / "origin.py"


@dataclass
class Trial:
    """One work done by all consumers in turn; `complaints` are the polls that did not do it."""

    work: Work
    origin: Origin
    consumers: Sequence[Consumer]
    folder: Path
    runs: dict[str, list[Measure]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    _homes: dict[str, Path] = field(default_factory=dict)

    def subscribe(self, consumer: Consumer) -> None:
        """Give the consumer a new folder and its subscriptions.

        The old one stays till the end: just after thousands of files were removed, ext4 takes ten times as long to make a file.
        """
        home = Path(tempfile.mkdtemp(prefix=consumer.name.replace(", ", "-").replace(" ", "-") + "-", dir=self.folder))
        self._homes[consumer.name] = home
        consumer.subscribe(home, self.origin.urls)

    def poll(self, consumer: Consumer) -> Measure:
        """Poll once."""
        home = self._homes[consumer.name]
        try:
            return measure(consumer.poll(), cwd=home, env=environment(home))
        except subprocess.CalledProcessError as exc:
            sys.exit(f"{consumer.name} failed:\n{exc.stderr.decode(errors='replace')}")

    def poll_checked(self, consumer: Consumer, *, entries: int) -> None:
        """Poll, keep the measure, and complain unless the poll did the whole work and left `entries` in all."""
        self.origin.answers()
        self.runs.setdefault(consumer.name, []).append(self.poll(consumer))
        answers, stored = self.origin.answers(), consumer.stored(self._homes[consumer.name])
        if answers != self.work.answers:
            self.complaints.append(f"{consumer.name} was answered {answers}, expected {self.work.answers}")
        if stored != entries:
            self.complaints.append(f"{consumer.name} keeps {stored:,} entries, expected {entries:,}")

    def series(self) -> list[Series]:
        """The runs but for each consumer's first, which found cold caches."""
        return [Series(name, tuple(runs[1:])) for name, runs in self.runs.items()]


def first_sync(trial: Trial, rounds: int) -> None:
    """Poll into an empty folder, again and again."""
    for _ in range(rounds + 1):
        for consumer in trial.consumers:
            trial.subscribe(consumer)
            trial.poll_checked(consumer, entries=FEEDS * ENTRIES)


def one_new(trial: Trial, rounds: int) -> None:
    """Poll after every feed got one new entry."""
    for consumer in trial.consumers:
        trial.subscribe(consumer)
        trial.poll(consumer)
    for number in range(1, rounds + 2):
        trial.origin.bump()
        for consumer in trial.consumers:
            trial.poll_checked(consumer, entries=FEEDS * (ENTRIES + number))


def nothing_new(trial: Trial, rounds: int) -> None:
    """Poll when nothing has changed."""
    for consumer in trial.consumers:
        trial.subscribe(consumer)
        trial.poll(consumer)
        trial.poll(consumer)  # newsboat keeps no validators of a feed that it sees for the first time
    for _ in range(rounds + 1):
        for consumer in trial.consumers:
            trial.poll_checked(consumer, entries=SOURCES * FEW)


def fastest(series: Sequence[Series], name: str) -> Series | None:
    """The series of a consumer in its fastest form: reader has two."""
    return min((one for one in series if one.name.startswith(name)), key=lambda one: one.wall, default=None)


def report(trial: Trial) -> None:
    """Print the rows and how feedmill stands to the others."""
    series = trial.series()
    print(f"\n{trial.work.title}")
    for one in series:
        print(f"  {one.row()}")
    ours = fastest(series, "feedmill")
    for name in ("reader", "newsboat"):
        theirs = fastest(series, name)
        if ours is not None and theirs is not None:
            print(f"  {compare(ours, theirs, target=trial.work.targets.get(name))}")
            if name == "reader" and trial.work.is_poll:
                print(f"  {compare_memory(ours, theirs)}")
    for complaint in dict.fromkeys(trial.complaints):
        print(f"  NOT THE SAME WORK: {complaint}")


def compare(ours: Series, theirs: Series, *, target: float | None) -> str:
    """How many times as long the other took, and whether that is what was aimed at."""
    ratio = theirs.wall / ours.wall
    aim = "" if target is None else f"; aim {target:g}: {'reached' if ratio >= target else 'MISSED'}"
    return f"{theirs.name} takes {ratio:.2f} times as long as feedmill ({theirs.cpu / ours.cpu:.2f} times the processor time){aim}"


def compare_memory(ours: Series, theirs: Series) -> str:
    """How many times the other's memory feedmill takes, all processes together."""
    ratio = ours.memory / theirs.memory
    once = f" ({ours.proportional / theirs.proportional:.2f} where shared pages count once)" if theirs.proportional else ""
    verdict = "reached" if ratio <= MEMORY else "MISSED"
    return f"feedmill takes {ratio:.2f} times the memory of {theirs.name}{once}; aim at most {MEMORY}: {verdict}"


def describe_machine() -> str:
    """The processor, its load before anything was measured, and the software."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, load {os.getloadavg()[0]:.2f} before; {system}"


def main() -> None:
    """Measure and print; exit status 1 where consumers did not do the same work."""
    parser = argparse.ArgumentParser(description="Polling beside reader and newsboat.")
    parser.add_argument("--rounds", type=int, default=5, help="polls of each kind by each consumer, one uncounted before them")
    parser.add_argument(
        "--reader", type=Path, default=HERE.parent / ".venv-bench" / "bin" / "python", help="an interpreter that has reader"
    )
    parser.add_argument("--peers-only", action="store_true", help="leave feedmill out")
    given = parser.parse_args()
    peers = [find_readers(given.reader.absolute()), find_newsboat()]
    found = peers if given.peers_only else [find_feedmill(), *peers]
    consumers = [consumer for group, _ in found for consumer in group]
    print("; ".join(version for _, version in found))
    print(f"{describe_machine()}\n{given.rounds} round(s); median (spread), all processes of a consumer together")
    complaints = 0
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as folder:
        with serving(FEEDS, ENTRIES, CHARACTERS) as origin:
            for work, run in ((FIRST, first_sync), (NEW, one_new)):
                trial = Trial(work, origin, consumers, Path(folder))
                run(trial, given.rounds)
                report(trial)
                complaints += len(trial.complaints)
        with serving(SOURCES, FEW, SHORT) as origin:
            trial = Trial(IDLE, origin, consumers, Path(folder))
            nothing_new(trial, given.rounds)
            report(trial)
            complaints += len(trial.complaints)
    if complaints:
        sys.exit(1)


if __name__ == "__main__":
    main()
