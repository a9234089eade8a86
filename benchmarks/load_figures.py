"""The figures of load.py: what one part of it showed, which promises were kept, and the table in docs/reliability.md."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from serving_latency import Sight
from serving_strain import Strain

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- made by benchmarks/load.py: begin -->", "<!-- made by benchmarks/load.py: end -->"
#: What is promised (seconds, bytes).
WAIT, MEMORY, IDLE_MEMORY, LATE, ENDING = 0.050, 300e6, 150e6, 1.0, 10.0


@dataclass(frozen=True)
class Part:
    """What is done to a daemon, for how many seconds."""

    title: str
    seconds: float
    readers: int = 0
    #: Questions of all readers in a second.
    rate: float = 500.0
    slow: int = 0
    strains: tuple[type[Strain], ...] = ()


@dataclass
class Crowd(Sight):
    """What load_readers.py saw; `cpu` is its share of a core, `p99_304` of the readers who had what there was."""

    p99_304: float = 0.0
    closed: int = 0
    again: int = 0
    slow: int = 0
    held_most: int = 0
    cpu: float = 0.0
    seconds: float = 0.0

    @property
    def errors(self) -> dict[str, int]:
        """What was no answer that a reader can use, by kind."""
        return self.failed | {f"status {code}": count for code, count in self.answers.items() if code not in ("200", "304")}


@dataclass
class Figures:
    """One part, measured."""

    part: Part
    crowd: Crowd | None = None
    #: What /metrics counted meanwhile; ticks and lags since the daemon's start.
    counted: dict[str, float] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    #: By how many seconds each steady source was late.
    lates: list[float] = field(default_factory=list)
    seconds: float = 0.0
    #: The daemon's own share of a core, and the share of the time for which its loop waited for one.
    cpu: float = 0.0
    waited: float = 0.0
    parent: int = 0
    all: int = 0
    ended: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Note every promise that was not kept."""
        limit = MEMORY if self.part.readers else IDLE_MEMORY
        promises = {
            f"99 % within {WAIT * 1e3:.0f} ms": self.crowd is None or self.crowd.p99 < WAIT,
            f"no errors: {self.crowd.errors if self.crowd else ''}": self.crowd is None or not self.crowd.errors,
            f"{limit / 1e6:.0f} MB in the parent": self.parent < limit,
            f"timer late by {LATE:g} s at most": self.counted["tick_lag_most_seconds"] < LATE,
            "no look left out": not self.counted["ticks_skipped_total"],
            "no source overdue, none left out": not self.counted["sources_overdue"] and not self.counted["fetches_left_out_total"],
            "no error in feedmill": not self.counted["jobs_failed_total"] and not self.counted["printers_died_total"],
            f"ended within {ENDING:g} s": self.ended < ENDING,
        }
        self.complaints += [f"MISSED: {promise}" for promise, is_kept in promises.items() if not is_kept]


def table(measured: list[Figures]) -> Iterator[str]:
    """The figures, a column for each part."""
    yield "| beside | " + " | ".join(one.part.title for one in measured) + " | limit |"
    yield "|---|" + "---|" * (len(measured) + 1)
    for title, limit, cell in ROWS:
        yield f"| {title} | " + " | ".join(cell(one) for one in measured) + f" | {limit} |"


def _of_readers(show: Callable[[Crowd], str]) -> Callable[[Figures], str]:
    return lambda one: show(one.crowd) if one.crowd else "–"


def _counted(*names: str) -> Callable[[Figures], str]:
    return lambda one: " / ".join(f"{one.counted.get(name, 0.0):,.0f}" for name in names)


def _late(one: Figures) -> str:
    return f"{statistics.median(one.lates):.1f} s, {max(one.lates):.1f} s ({len(one.lates)})" if one.lates else "–"


#: What the table says: a title, the limit, and how a part is shown.
ROWS: tuple[tuple[str, str, Callable[[Figures], str]], ...] = (
    ("answers a second", "", _of_readers(lambda crowd: f"{crowd.count / crowd.seconds:,.0f}")),
    ("304 / 200", "", _of_readers(lambda crowd: f"{crowd.answers.get('304', 0):,} / {crowd.answers.get('200', 0):,}")),
    ("wait of readers: median", "", _of_readers(lambda crowd: f"{crowd.p50 * 1e3:.1f} ms")),
    ("99 %", f"{WAIT * 1e3:.0f} ms", _of_readers(lambda crowd: f"{crowd.p99 * 1e3:.1f} ms")),
    ("99 % of those who had what there was (304)", "", _of_readers(lambda crowd: f"{crowd.p99_304 * 1e3:.1f} ms")),
    ("longest", "", _of_readers(lambda crowd: f"{crowd.most * 1e3:.0f} ms")),
    ("errors", "0", _of_readers(lambda crowd: ", ".join(f"{count} x {why}" for why, count in crowd.errors.items()) or "0")),
    ("connections that had to be opened anew / questions asked anew", "", _of_readers(lambda crowd: f"{crowd.closed:,} / {crowd.again:,}")),
    ("connections of slow clients: at once / in all", "", _of_readers(lambda crowd: f"{crowd.held_most:,} / {crowd.slow:,}")),
    ("closed by the server: too slow / to make room", "", _counted("connections_timed_out_total", "connections_evicted_total")),
    ("the clients' own lag: 99 %; share of a core", "", _of_readers(lambda crowd: f"{crowd.lag_p99 * 1e3:.1f} ms; {crowd.cpu:.0%}")),
    ("the daemon's own share of a core / of the time it waited for one", "", lambda one: f"{one.cpu:.0%} / {one.waited:.0%}"),
    (
        "memory of the daemon itself",
        f"{MEMORY / 1e6:.0f} MB; idle {IDLE_MEMORY / 1e6:.0f} MB",
        lambda one: f"{one.parent / 1e6:.0f} MB",
    ),
    ("memory of all its processes, shared pages once", "", lambda one: f"{one.all / 1e6:.0f} MB"),
    ("hundreds of sources exchanged / editions published", "", lambda one: " / ".join(map(str, one.turns.values())) or "–"),
    ("fetches: good / failed", "", _counted('fetches_total{result="ok"}', 'fetches_total{result="failed"}')),
    ("posts stored / publishes / feeds written", "", _counted("posts_new_total", 'publishes_total{outcome="done"}', "feeds_written_total")),
    ("children killed over a document", "", _counted("children_killed_total")),
    (
        "looks at what is due / left out",
        "one a second / 0",
        lambda one: f"{_counted('ticks_total', 'ticks_skipped_total')(one)} in {one.seconds:.0f} s",
    ),
    ("timer late by at most", f"{LATE:g} s", lambda one: f"{one.counted['tick_lag_most_seconds']:.2f} s"),
    ("steady sources fetched late: median, most", "", _late),
    ("sources overdue / left out", "0 / 0", _counted("sources_overdue", "fetches_left_out_total")),
    ("from SIGTERM to the end", f"{ENDING:g} s", lambda one: f"{one.ended:.2f} s"),
)


def describe() -> str:
    """What was measured, on what, and when."""
    system = f"Python {platform.python_version()} on {platform.system()} {platform.release().partition('-')[0]} {platform.machine()}"
    return f"`make load` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before, {system}"


def write(lines: list[str]) -> None:
    """Put the lines into the page, in the place of those of the last time."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{PAGE.name} has no place between {BEGIN} and {END}")
    PAGE.write_text("\n".join([before + begin, "", *lines, "", end + after]), encoding="utf-8")
