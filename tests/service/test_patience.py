"""How long a client that does not take its answer is borne with, and how many connections there may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from feedmill.service.patience import BUSY, HEAD, IDLE, NEW, PARTING, Outflow, Watch, WireCounts, WireLimits, room_for

LIMITS = WireLimits(stall_seconds=20, slowest=1000)


def stuck_at(left_at: dict[int, int], *, drained_at: dict[int, int] | None = None, until: int = 200) -> int | None:
    """Return the second at which a client is given up of whom `left_at` says how much it had not taken by then."""
    outflow = Outflow(left_at[0], 0)
    left = left_at[0]
    for now in range(1, until):
        left = left_at.get(now, left)
        outflow.drained((drained_at or {}).get(now, 0))
        if outflow.is_stuck(left, now, LIMITS):
            return now
    return None


@pytest.mark.parametrize(
    ("left_at", "given_up"),
    [
        pytest.param({0: 10**6}, 20, id="takes nothing"),
        pytest.param({0: 10**6, 5: 9 * 10**5}, 25, id="takes some, then nothing"),
        pytest.param({second: 10**6 - 2000 * second for second in range(200)}, None, id="takes 2 kB a second"),
        pytest.param({second: 10**6 - 1000 * second for second in range(200)}, None, id="takes 1 kB a second"),
        pytest.param({second: 10**6 - 500 * second for second in range(200)}, 20, id="takes 500 bytes a second"),
        pytest.param({second: 10**6 - second for second in range(200)}, 20, id="takes a byte a second"),
        pytest.param({second: 10**6 - 16384 * (second // 15) for second in range(200)}, 20, id="takes too little, in lumps"),
        pytest.param({second: 10**6 - 32768 * (second // 15) for second in range(200)}, None, id="takes enough, in lumps"),
        pytest.param({second: 10**6 - min(second, 50) * 5000 for second in range(200)}, 70, id="takes much, then nothing"),
        pytest.param({second: 10**6 + 100 * second for second in range(200)}, 20, id="takes nothing, and more is to be taken"),
    ],
)
def test_a_client_is_given_up_when_it_takes_too_little(left_at, given_up):
    assert stuck_at(left_at) == given_up


def test_what_was_filled_up_again_counts_as_taken():
    every_fifth = dict.fromkeys(range(0, 200, 5), 49152)
    assert stuck_at({0: 60_000}, drained_at=every_fifth) is None
    assert stuck_at({0: 60_000}, drained_at=dict.fromkeys(range(0, 50, 5), 49152)) == 65


@pytest.mark.parametrize(
    ("wanted", "descriptors", "room"),
    [(1000, 8192, 1000), (1000, 1128, 1000), (1000, 1024, 896), (1000, 256, 128), (1000, 40, 20), (1000, 1, 1), (10, 1024, 10)],
)
def test_some_descriptors_are_kept_for_other_things(wanted, descriptors, room):
    assert room_for(wanted, descriptors) == room


def test_the_usual_limits():
    limits = WireLimits()
    assert (limits.head_seconds, limits.stall_seconds, limits.slowest, limits.sweep_seconds) == (10, 20, 1000, 1)
    assert (limits.head_bytes, limits.fields, limits.url_bytes, limits.max_connections) == (65536, 100, 8192, 4000)


class Clock:
    """As much of an event loop as a watch needs; its time stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Any, Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Any, argument: Any) -> object:
        self.due.append((self.now + delay, call, argument))
        return object()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.due and self.due[0][0] <= end:
            self.now, call, argument = self.due.pop(0)
            call(argument)
        self.now = end


@dataclass(eq=False)
class Talker:
    """A connection at some phase, with `left` bytes that its client has not taken; `end` is what was done to it."""

    phase: int
    since: float
    left: int = 0
    end: str = ""
    outflow: Outflow | None = None
    timeout_keep_alive: int = 15
    server_state: Any = field(default_factory=lambda: SimpleNamespace(total_requests=0))

    @property
    def transport(self) -> Any:
        return self

    def get_write_buffer_size(self) -> int:
        return self.left

    def close(self) -> None:
        self.end = self.end or "closed"

    def abort(self) -> None:
        self.end = self.end or "aborted"

    def refuse(self, status: int) -> None:
        self.end = self.end or str(status)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watched(clock: Clock, *phases: int, **limits: Any) -> tuple[Watch, list[Talker]]:
    """A watch and connections in it, each of them a second younger than the one before."""
    watch = Watch(WireLimits(**limits), WireCounts())
    talkers = [Talker(phase, clock.now - len(phases) + age) for age, phase in enumerate(phases)]
    assert all(watch.admit(talker, clock) for talker in talkers)
    return watch, talkers


@pytest.mark.parametrize(
    ("phase", "seconds", "end"), [(NEW, 10, "closed"), (HEAD, 10, "408"), (IDLE, 15, "closed"), (BUSY, 1000, ""), (PARTING, 2, "aborted")]
)
def test_every_phase_has_its_time(clock, phase, seconds, end):
    _, [talker] = watched(clock, phase)
    clock.wait(seconds - 1.5)
    assert talker.end == ""
    clock.wait(1.5)
    assert talker.end == end


@pytest.mark.parametrize(("phase", "seconds"), [(IDLE, 15), (PARTING, 2)])
def test_the_time_begins_when_the_answer_has_been_taken(clock, phase, seconds):
    _, [talker] = watched(clock, phase)
    talker.left = 10**6
    for _ in range(40):
        clock.wait(1)
        talker.left -= 2000
    talker.left = 0
    clock.wait(seconds - 1)
    assert talker.end == ""
    clock.wait(1)
    assert talker.end


def test_nothing_is_left_in_the_loop_after_the_last_connection(clock):
    watch, talkers = watched(clock, NEW, BUSY)
    for talker in talkers:
        watch.forget(talker)
    clock.wait(3)
    assert (clock.due, watch.counts.open) == ([], 0)
    assert watch.admit(Talker(NEW, clock.now), clock)
    assert len(clock.due) == 1


def test_who_has_waited_longest_makes_room(clock):
    watch, talkers = watched(clock, BUSY, HEAD, IDLE, NEW, max_connections=4)
    talkers[2].since += 10  # was answered again
    for _ in range(4):
        watch.admit(Talker(BUSY, clock.now), clock)
    assert [talker.end for talker in talkers] == ["", "503", "closed", "closed"]
    assert watch.counts.evicted == 3


def test_who_was_busy_meanwhile_is_not_the_one_that_waited_longest(clock):
    watch, talkers = watched(clock, IDLE, IDLE, IDLE, max_connections=3)
    assert watch.admit(Talker(IDLE, clock.now), clock)
    talkers[1].since = clock.now + 1
    assert watch.admit(Talker(IDLE, clock.now), clock)
    assert [talker.end for talker in talkers] == ["closed", "", "closed"]


def test_who_takes_an_answer_does_not_make_room(clock):
    watch, [talker] = watched(clock, IDLE, max_connections=1)
    talker.left = 1
    assert not watch.admit(Talker(NEW, clock.now), clock)
    talker.left = 0
    assert not watch.admit(Talker(NEW, clock.now), clock)  # nobody looks again so soon …
    assert watch.admit(Talker(NEW, clock.now, server_state=SimpleNamespace(total_requests=1)), clock)  # … unless one was answered
    assert talker.end == "closed"


def test_few_linger_and_are_beside_the_places_that_count(clock):
    watch, talkers = watched(clock, *[PARTING] * 100, max_connections=100)
    assert sum(watch.part(talker) for talker in talkers) == 64
    assert all(watch.admit(Talker(BUSY, clock.now), clock) for _ in range(100))
    clock.wait(3)
    assert sum(talker.end == "aborted" for talker in talkers) == 64
