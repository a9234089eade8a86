"""What a run of the harness keeps, as JSON in build/bench: works, each done by several programs, and the numbers of every round.

Nothing but the standard library: the plots are made by the interpreter of .venv-bench.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

#: Numbers of one round by quantity: seconds, bytes, answers a second (aims.QUANTITIES says which).
Numbers = dict[str, float]


@dataclass(frozen=True)
class Series:
    """One program's rounds of one work."""

    name: str
    rounds: tuple[Mapping[str, float], ...]

    def values(self, quantity: str) -> list[float]:
        """One number a round."""
        return [numbers[quantity] for numbers in self.rounds]

    def median(self, quantity: str) -> float:
        """The middle of all rounds."""
        return statistics.median(self.values(quantity))

    def spread(self, quantity: str) -> tuple[float, float]:
        """The least and the most."""
        values = self.values(quantity)
        return min(values), max(values)


@dataclass
class Work:
    """One thing that several programs did; `outcome` is what came out of each, `complaints` what was not as it should be."""

    kind: str
    size: int
    unit: str
    rounds: dict[str, list[Numbers]] = field(default_factory=dict)
    outcome: dict[str, dict[str, int]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def series(self) -> list[Series]:
        """A series for every program, ours first."""
        return [Series(name, tuple(rounds)) for name, rounds in self.rounds.items()]

    def fastest(self, name: str, quantity: str = "wall") -> Series | None:
        """The series of a program in its fastest form: reader has two."""
        named = [one for one in self.series if one.name == name or one.name.startswith(f"{name},")]
        return min(named, key=lambda one: one.median(quantity), default=None)

    def compare_outcomes(self) -> None:
        """Complain of every program from which something else came than from the first."""
        outcomes = list(self.outcome.items())
        for name, outcome in outcomes[1:]:
            if outcome != outcomes[0][1]:
                self.complaints.append(f"{name} has {tell_outcome(outcome)}; {outcomes[0][0]} has {tell_outcome(outcomes[0][1])}")


def tell_outcome(outcome: Mapping[str, int]) -> str:
    """In words."""
    return ", ".join(f"{count:,} {what}" for what, count in outcome.items())


@dataclass
class Part:
    """One part of the harness, as it was run."""

    name: str
    machine: dict[str, str] = field(default_factory=dict)
    date: str = ""
    seconds: float = 0.0
    load_before: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)

    def meet(self, name: str, version: str, *, otherwise: str) -> bool:
        """Note the version of a program, or that it is not measured; return whether it is there."""
        if version:
            self.versions[name] = version
        else:
            self.missing[name] = otherwise
        return bool(version)

    def begin(self, kind: str, size: int, unit: str) -> Work:
        """Return a new work of this part, and say so."""
        print(f"{self.name}: {kind}, {size:,} {unit}", file=sys.stderr, flush=True)
        work = Work(kind, size, unit)
        self.works.append(work)
        return work

    @property
    def complaints(self) -> list[str]:
        """All that was not as it should be, each once."""
        return list(dict.fromkeys(f"{work.kind}, {work.size:,} {work.unit}: {said}" for work in self.works for said in work.complaints))


@dataclass(frozen=True)
class Turn:
    """What one program does in a round, told its number; `most`: in so many rounds at most, and where that is one, without warming up."""

    name: str
    run: Callable[[int], Numbers]
    most: int | None = None


def take_turns(work: Work, turns: Sequence[Turn], rounds: int, *, before: Callable[[int], object] = lambda _: None) -> None:
    """Have all programs do the work in turn (A B A B …), so that a machine that slows down slows all; round 0 is not counted."""
    for number in range(rounds + 1):
        before(number)
        for turn in turns:
            most = rounds if turn.most is None else turn.most
            if number <= most and (number or most > 1 or turn.most is None):
                numbers = turn.run(number)
                if number:
                    work.rounds.setdefault(turn.name, []).append(numbers)


def begin_part(name: str, *, load: float) -> Part:
    """Return a part that begins now, on this machine; `load`: how busy that was before anything was measured."""
    return Part(name, describe_machine(), f"{datetime.now(UTC):%Y-%m-%d}", load_before=round(load, 2))


def describe_machine() -> dict[str, str]:
    """What it is measured on."""
    model = _line_of("/proc/cpuinfo", "model name") or platform.machine()
    memory = _line_of("/proc/meminfo", "MemTotal").partition(" ")[0]
    return {
        "cores": str(os.cpu_count()),
        "processor": model,
        "memory": f"{int(memory or 0) * 1024 / 1e9:.0f} GB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
    }


def _line_of(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def save(part: Part, folder: Path) -> None:
    """Keep a part, in the place of what was there of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part.name}.json").write_text(json.dumps(asdict(part), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> list[Part]:
    """Return all parts that are kept."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [Part(**one | {"works": [Work(**work) for work in one["works"]]}) for one in found]
