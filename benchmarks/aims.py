"""What is to be reached, and whether it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results import Work


@dataclass(frozen=True)
class Target:
    """A bound for the median of one quantity of one work.

    With a `peer`, `at_least` is how many times as good feedmill is (times: theirs by ours; rates: ours by theirs), and `at_most`
    ours by theirs. With `beside`, the same work of that size takes the peer's place. Else `at_most` is absolute: seconds or bytes.
    """

    kind: str
    size: int
    unit: str
    quantity: str = "wall"
    peer: str = ""
    beside: int = 0
    at_least: float | None = None
    at_most: float | None = None
    program: str = "feedmill"

    def judge(self, works: Sequence[Work]) -> Verdict:
        """Return what was measured of it."""
        work = _find(works, self.kind, self.size)
        ours = work.fastest(self.program, self.quantity) if work else None
        if work is None or ours is None:
            return Verdict(self, None)
        value = ours.median(self.quantity)
        if self.peer or self.beside:
            other = work if self.peer else _find(works, self.kind, self.beside)
            theirs = other.fastest(self.peer or self.program, self.quantity) if other else None
            if theirs is None:
                return Verdict(self, None)
            value /= theirs.median(self.quantity)
            if self.at_least is not None and self.quantity != "rate":
                value = 1 / value
        return Verdict(self, value)


@dataclass(frozen=True)
class Verdict:
    """What was measured of a target; None: nothing was, for want of the work or of the peer."""

    target: Target
    value: float | None

    @property
    def is_reached(self) -> bool | None:
        """None where it was not measured."""
        if self.value is None:
            return None
        least, most = self.target.at_least, self.target.at_most
        return (least is None or self.value >= least) and (most is None or self.value <= most)

    @property
    def word(self) -> str:
        """For the table."""
        return {True: "reached", False: "**missed**", None: "not measured"}[self.is_reached]


def _find(works: Sequence[Work], kind: str, size: int) -> Work | None:
    return next((work for work in works if (work.kind, work.size) == (kind, size)), None)


COLD, NOOP, ONE = "Cold publish", "No-op publish", "Publish of one new post"
DAEMON = "One new post, in the daemon"
FORMATS = "Cold publish, by what is published"
FIRST, NEW, IDLE = "First sync", "Poll with one new entry in each feed", "Poll with nothing new (304)"
POLL = "Poll in the daemon, 95 % 304"
RATES = "Answers of one worker"
WAITS = "Waits of readers"
START = "Start"
#: The conditional request that aggregators send.
AS_READERS = "304, as readers ask"

TARGETS = (
    Target(COLD, 10_000, "posts", peer="Hugo", at_least=1.2),
    Target(COLD, 10_000, "posts", "memory", peer="Hugo", at_most=0.25),
    Target(COLD, 10_000, "posts", peer="Pelican", at_least=8),
    Target(COLD, 100_000, "posts", peer="Hugo", at_least=1),
    Target(COLD, 100_000, "posts", "memory", at_most=500e6),
    Target(NOOP, 100_000, "posts", at_most=1),
    Target(NOOP, 100_000, "posts", peer="Hugo", at_least=10),
    Target(ONE, 10_000, "posts", peer="Hugo", at_least=8),
    Target(ONE, 100_000, "posts", beside=10_000, at_most=2),
    Target(DAEMON, 100_000, "posts", "seen", at_most=0.150),
    Target(FIRST, 60, "feeds", peer="reader", at_least=5),
    Target(NEW, 60, "feeds", peer="reader", at_least=20),
    Target(NEW, 60, "feeds", peer="newsboat", at_least=1.2),
    Target(NEW, 60, "feeds", "memory", peer="reader", at_most=4),
    Target(IDLE, 600, "feeds", peer="reader", at_least=2),
    Target(IDLE, 600, "feeds", "memory", peer="reader", at_most=4),
    Target(POLL, 3_000, "feeds", at_most=6),
    Target(POLL, 3_000, "feeds", "memory", at_most=250e6),
    Target(f"{RATES}: 304, If-None-Match alone", 50, "connections", "rate", peer="nginx", at_least=0.5),
    Target(f"{RATES}: {AS_READERS}", 50, "connections", "rate", peer="nginx", at_least=0.5),
    Target(f"{RATES}: 200, gzip", 50, "connections", "rate", peer="nginx", at_least=1),
    Target(WAITS, 10_000, "posts", "p99", at_most=0.050, program="nothing else"),
    Target(WAITS, 10_000, "posts", "p99", at_most=0.050, program="publishing"),
    Target(WAITS, 10_000, "posts", "p99", at_most=0.050, program="syncing"),
    Target(WAITS, 10_000, "posts", "p99", at_most=0.050, program="publishing and syncing"),
    Target(START, 1, "command", at_most=0.15, program="feedmill --help"),
    Target(START, 1, "command", at_most=0.3, program="publish-feed on the sample posts, nothing new"),
)
