"""A week of the daemon's syncing in virtual time: 200 sources, every kind of schedule and fault, judged by a model of its own.

The clock jumps from one moment at which something is due to the next (and sometimes a while further, as after a suspend); what is
fetched goes over real connections to an origin in the same loop, which knows the virtual time of every request.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from faultorigin import Reply
from feedmill.consumer.fetch import Limits
from feedmill.consumer.hosts import HostGate
from feedmill.errors import StorageError
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.service.syncing import Syncing
from fetching import PublicLoopbackGuard
from service.syncworld import Asked, Heard, LoopOrigin, World, lines, opened, until
from syncing import Clock
from upstream import rss, rss_item

logger = logging.getLogger(__name__)

SEED = 4_2026
#: A Thursday; the clocks of Berlin go back on the Sunday.
START = datetime(2026, 10, 22, 0, 20, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3600, 86400
WEEK = 7 * DAY
#: Real seconds after which a fetch that hangs is given up, while the clock goes on; far more than any other takes.
DEADLINE = 6.0
#: A fetch is put off by so many seconds where it would fall into the first minute of an hour.
OFF_THE_HOUR = 11 * 60
CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")

#: How many sources have which interval. Some 5,000 fetches in all.
INTERVALS = {"15m": 2, "30m": 1, "1h": 5, "3h": 9, "6h": 42, "12h": 72, "24h": 39, "auto": 14}
SECONDS = {"15m": HOUR // 4, "30m": HOUR // 2, "1h": HOUR, "3h": 3 * HOUR, "6h": 6 * HOUR, "12h": 12 * HOUR, "24h": DAY}
CRONS = (
    "*/30 8-17 * * 1-5",
    "0 */4 * * *",
    "15 3 * * *",
    "0 2 * * *",
    "30 2 * * sun",
    "0 9 * * mon,wed,fri",
    "5,35 * * * sat-sun",
    "45 23 * * 7",
    "0 12 25 10 *",
    "10 0-23/6 24-26 * *",
    "7 7 1-7 * *",
    "20 6 * oct 4",
    "0 0 29 2 *",
    "59 23 31 12 *",
    "0,30 12 * * *",
    "1 1-5 * 10-11 *",
)
#: What is wrong with a source; the rest have nothing wrong with them.
FAULTS = ("flaky", "lost", "gone", "torn", "garbage", "busy", "hangs", "shuffled", "redirects", "moved", "fresh", "ttl", "skips", "silent")


@dataclass(eq=False)
class Feed:
    """A feed as its publisher keeps it, and what the model knows of its source."""

    name: str
    every: str
    fault: str
    host: str
    rng: random.Random
    #: When its entries are published, in epoch seconds, ascending.
    published: list[int]
    asked: list[int] = field(default_factory=list)
    #: When it is to be fetched next, as was announced; None: never again.
    due: int | None = 0
    failures: int = 0
    #: What the last answer was ("ok", "failed", "gone", "torn", "hangs"), and for how long it asked to stay away.
    last: str = ""
    retry: int = 0
    #: How many entries were seen whole, and how many were there at the last request.
    whole: int = 0
    seen: int = 0
    fetches: int = 0
    _made: tuple[int, bytes] = (-1, b"")

    def count(self, now: int) -> int:
        return sum(moment <= now for moment in self.published)

    def document(self, count: int) -> bytes:
        if self._made[0] != count:
            head = f"<title>{self.name}</title><link>https://example.org/</link><description>d</description>"
            if self.fault == "ttl":
                head += "<ttl>600</ttl>"
            if self.fault == "skips":
                head += "<skipHours><hour>1</hour><hour>2</hour><hour>3</hour></skipHours>"
            self._made = count, rss(*(self.item(number) for number in reversed(range(count))), head=head)
        return self._made[1]

    def item(self, number: int) -> str:
        return rss_item(
            number,
            guid=f"urn:{self.name}:{number}",
            link=f"https://example.org/{self.name}/{number}",
            title=f"{self.name} {number}",
            pubDate=f"{from_epoch(self.published[number]):%a, %d %b %Y %H:%M:%S} GMT",
        )

    def answer(self, asked: Asked, now: int) -> Reply | None:
        """What a request gets; None: nothing, ever."""
        self.last, self.retry, count = "ok", 0, self.count(now)
        self.seen, chance = count, self.rng.random()
        match self.fault:
            case "flaky" if chance < 0.4:
                self.last = "failed"
                return Reply(status=self.rng.choice((500, 502, 504)), body=b"oops")
            case "lost" if 2 * DAY < now - to_epoch(START) < 4 * DAY:
                self.last = "failed"
                return Reply(status=404)
            case "gone" if now - to_epoch(START) > 1.5 * DAY:
                self.last = "gone"
                return Reply(status=410)
            case "garbage" if chance < 0.4:
                self.last = "failed"
                return Reply(body=self.rng.choice((b"<!DOCTYPE html><title>Just a moment</title><p>Hello", self.rng.randbytes(500), b"{}")))
            case "busy" if chance < 0.3:
                self.last, self.retry = "failed", self.rng.randrange(HOUR, 10 * HOUR)
                return Reply(status=self.rng.choice((429, 503)), headers={"Retry-After": str(self.retry)})
            case "hangs" if len(self.asked) in (1, 3):
                self.last = "hangs"
                return None
            case "torn" if chance < 0.4:
                self.last = "torn"
                body = self.document(count)
                return Reply(body=body, cut=self.rng.randrange(60, len(body)))
        return self._document(asked, count)

    def _document(self, asked: Asked, count: int) -> Reply:
        self.whole = count
        headers = {"Cache-Control": f"max-age={8 * HOUR}"} if self.fault == "fresh" else {}
        if self.fault == "shuffled":
            numbers = self.rng.sample(range(count), count)
            return Reply(body=rss(*(self.item(number) for number in numbers)))
        if self.fault == "silent":
            return Reply(body=self.document(count))
        if asked.fields.get("if-none-match") == f'"{count}"':
            return Reply(status=304, headers=headers)
        return Reply(body=self.document(count), headers={"ETag": f'"{count}"', **headers})

    # What the schedule must make of it

    def bounds(self, now: int) -> tuple[int, int]:
        """The first and the last moment at which it may be fetched next, from what README and DESIGN promise."""
        if self.every in CRONS:
            return self._cron_bounds(now)
        if self.every == "auto":
            return now + HOUR // 4, now + DAY * 11 // 10 + OFF_THE_HOUR
        interval = SECONDS[self.every]
        if self.retry > interval:
            return now + self.retry, now + self.retry + interval // 10 + OFF_THE_HOUR
        # Who says when to come again is not backed off from.
        wait = interval if self.retry else max(min(interval * 2**self.failures, DAY), interval)
        if not self.failures:
            wait = max(interval, {"fresh": 8 * HOUR, "ttl": 10 * HOUR}.get(self.fault, 0))
        latest = now + wait * 11 // 10 + OFF_THE_HOUR
        return now + wait, latest + (4 * HOUR if self.fault == "skips" else 0)

    def _cron_bounds(self, now: int) -> tuple[int, int]:
        fires = [fire for fire in fires_of(self.every) if fire > now]
        if not fires:
            return to_epoch(START) + WEEK + DAY, 2**40
        return fires[0], fires[0] if not self.failures else 2**40


@cache
def minutes() -> list[tuple[int, tuple[int, ...]]]:
    """Every minute of the week and of the day after, in epoch seconds and as the five numbers that cron lines speak of."""
    begin = to_epoch(START) // 60 * 60
    walls = ((moment, from_epoch(moment).astimezone(ZONE)) for moment in range(begin, begin + WEEK + DAY, 60))
    return [(moment, (wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday())) for moment, wall in walls]


@cache
def fires_of(line: str) -> list[int]:
    """Every moment at which a cron line fires, found by looking at every minute; crontab(5): either day will do where both are named."""
    minute, hour, day, month, weekday = (numbers_of(text) for text in line.split())
    weekday |= {7} if 0 in weekday else set()
    is_either = "*" not in line.split()[2] + line.split()[4]
    return [
        moment
        for moment, (m, h, d, mon, wd) in minutes()
        if m in minute and h in hour and mon in month and (d in day or wd in weekday if is_either else d in day and wd in weekday)
    ]


def numbers_of(text: str) -> set[int]:
    names, found = {"sun": 7, "mon": 1, "wed": 3, "fri": 5, "sat": 6, "oct": 10}, set()
    for part in text.split(","):
        base, _, step = part.partition("/")
        low, _, high = base.partition("-")
        first = 0 if low == "*" else int(names.get(low, low))
        last = 99 if low == "*" else int(names.get(high, high)) if high else first
        found |= set(range(first, last + 1, int(step or 1)))
    return found


class Everywhere(AbstractResolver):
    """Every name is this machine's."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked.append(time.monotonic())
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


def make_feeds(rng: random.Random) -> dict[str, Feed]:
    """200 feeds: every interval and cron line, every fault with several intervals."""
    schedules = [every for every, count in INTERVALS.items() for _ in range(count)] + list(CRONS)
    faults = [FAULTS[number // 2 % len(FAULTS)] if number % 2 else "" for number in range(len(schedules))]
    feeds, begin = {}, to_epoch(START)
    for number, (every, fault) in enumerate(zip(schedules, faults, strict=True)):
        # The fastest wander through ever new hosts; what hangs, in its own time, keeps nobody else from its host.
        wrong = "roams" if every in ("15m", "30m") else "" if every in CRONS and fault not in ("flaky", "shuffled") else fault
        host = f"own{number}.example" if wrong == "hangs" else f"host{number // 2}.example"
        gains = rng.randrange(20, 40) if every == "auto" else rng.randrange(7) if rng.random() < 0.45 else 0
        before = [begin - rng.randrange(HOUR, 60 * DAY) for _ in range(rng.randrange(1, 5))]
        after = [begin + rng.randrange(WEEK) for _ in range(gains)]
        name = f"s{number:03}"
        feeds[name] = Feed(name, every, wrong, host, random.Random(f"{SEED} {name}"), sorted(before + after))
    return feeds


@dataclass
class Week:
    """The week: what is asked and heard, and everything that was not as the model says."""

    root: Path
    clock: Clock = field(default_factory=lambda: Clock(START))
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))
    wrong: list[str] = field(default_factory=list)
    #: Names asked since the last look, and those that are waited for.
    asked: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    #: Sources whose fetch hangs while the clock goes on.
    hanging: set[str] = field(default_factory=set)
    #: Sources whose fetch was cut off: they may have been asked for nothing.
    cut: set[str] = field(default_factory=set)
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    looks: int = 0
    hosts: int = 0

    def __post_init__(self) -> None:
        self.feeds = make_feeds(self.rng)
        self.done = asyncio.Event()
        self.resolver = Everywhere()
        self.guard = PublicLoopbackGuard(())
        self.gate = HostGate(per_host=2, spacing=timedelta(0), now=lambda: self.clock.now)

    @property
    def now(self) -> int:
        return to_epoch(self.clock.now)

    def world(self, port: int) -> World:
        self.port = port
        feeds = self.feeds.values()
        sources = {feed.name: f'url: "http://{feed.host}:{port}/{feed.name}", every: "{feed.every}"' for feed in feeds}
        around = {
            "chance": random.Random(SEED).random,
            "guard": self.guard,
            "gate": self.gate,
            "resolver": self.resolver,
            "limits": Limits(deadline=timedelta(seconds=DEADLINE), connect=timedelta(seconds=DEADLINE)),
        }
        return World(self.root, sources, clock=self.clock, around=around, heard=deque(maxlen=10), hear=self.hear, zone=str(ZONE))

    # What happens

    def answer(self, asked: Asked) -> Reply | None:
        *way, name = asked.path.strip("/").split("/")
        feed = self.feeds[name]
        if not way:
            self.asked.append(name)
            feed.asked.append(self.now)
            if feed.fault == "roams":
                self.hosts += 1
                return Reply(status=302, headers={"Location": f"http://n{self.hosts}.cdn.example:{self.port}/at/{name}"})
            if feed.fault in ("redirects", "moved"):
                status = 302 if feed.fault == "redirects" else 301
                return Reply(status=status, headers={"Location": f"http://{feed.host}:{self.port}/at/{name}"})
        reply = feed.answer(asked, self.now)
        if feed.fault == "roams" and reply is not None:
            reply = replace(reply, ending="close")  # nobody comes back to that host
        if feed.retry:
            self.held[feed.host] = max(self.held[feed.host], self.now + feed.retry)
        if reply is None:
            self.hanging.add(name)
            self._no_longer_wait_for(name)
        return reply

    def hear(self, one: Heard) -> None:
        name, state = one.report.name, one.state
        feed = self.feeds[name]
        self.hanging.discard(name)
        self._no_longer_wait_for(name)
        if one.report.result == "not-due":
            if state.next_fetch != self.held[feed.host]:
                self.say(feed, f"held until {self.held[feed.host]}, and next at {state.next_fetch}")
        else:
            self._judge(feed, one)
        feed.due = None if one.report.result == "gone" else state.next_fetch

    def _judge(self, feed: Feed, one: Heard) -> None:
        """Compare what became of a fetch with what was answered, and when it is fetched next with the schedule."""
        results = {"ok": {"ok", "not-modified"}, "failed": {"failed"}, "hangs": {"failed"}, "gone": {"gone"}}
        feed.fetches += 1
        if one.report.result not in results.get(feed.last, {"ok", "partial", "failed"}):
            self.say(feed, f"answered {feed.last}, and it is {one.report.result}: {one.report.error}")
        feed.failures = feed.failures + 1 if one.report.result in ("failed", "gone") else 0
        if one.state.failures != feed.failures:
            self.say(feed, f"{one.state.failures} failures instead of {feed.failures}")
        fetched, upcoming = one.state.last_fetch or 0, one.state.next_fetch or 0
        if not feed.asked[-1] <= fetched <= self.now:
            self.say(feed, f"asked at {feed.asked[-1]}, and it says {fetched}")
        if one.report.result != "gone":
            earliest, latest = feed.bounds(fetched)
            if not earliest <= upcoming <= latest:
                self.say(feed, f"{feed.last} at {fetched}, next in {upcoming - fetched} s, not {earliest - fetched} to {latest - fetched}")
            if feed.fault == "skips" and from_epoch(upcoming).hour in (1, 2, 3):
                self.say(feed, f"next at {from_epoch(upcoming)}, an hour that it skips")

    def say(self, feed: Feed, what: str) -> None:
        self.wrong.append(f"{feed.name} ({feed.every}, {feed.fault or 'well'}): {what}")

    def _no_longer_wait_for(self, name: str) -> None:
        self.waiting.discard(name)
        if not self.waiting:
            self.done.set()

    # The drive

    def due(self) -> set[str]:
        now = self.now
        return {feed.name for feed in self.feeds.values() if feed.due is not None and feed.due <= now} - self.hanging

    def on(self) -> None:
        """Move the clock to the next moment at which anything is due, and now and then on from there."""
        upcoming = min(feed.due for feed in self.feeds.values() if feed.due is not None and feed.name not in self.hanging)
        late, chance = 0, self.rng.random()
        if chance < 0.002:
            late = self.rng.randrange(HOUR, 3 * HOUR)
        elif chance < 0.5:
            late = self.rng.randrange(600)
        self.clock.now = from_epoch(max(upcoming, self.now) + late)

    async def look(self, syncing: Syncing) -> None:
        """Look at what is due as the daemon does; wait for all of it, but for what hangs."""
        expected = self.due()
        self.looks += 1
        self.asked.clear()
        self.guard.sockets.clear()
        self.waiting |= expected
        claimed = await syncing.tick()
        if claimed != len(expected):
            self.wrong.append(f"{claimed} sources were claimed at {self.clock.now}, not {len(expected)}")
        try:
            async with asyncio.timeout(60):
                while self.waiting:
                    self.done.clear()
                    await self.done.wait()
        except TimeoutError:
            raise AssertionError(f"never heard of {sorted(self.waiting)}; {self.said}") from None
        self._compare(expected)

    def _compare(self, expected: set[str]) -> None:
        """Everything that was due was asked once, and nothing else; but for hosts that asked everybody to stay away."""
        asked = Counter(self.asked)
        held = {name for name in expected if self.held[self.feeds[name].host] > self.now}
        for name in sorted(expected - asked.keys() - held):
            self.say(self.feeds[name], f"due, and not asked at {self.clock.now}")
        for name in sorted(asked.keys() - expected):
            self.say(self.feeds[name], f"asked at {self.clock.now}, before {self.feeds[name].due}")
        for name, times in asked.items():
            if times > 1:
                self.say(self.feeds[name], f"asked {times} times at {self.clock.now}")

    async def go_on_until(self, syncing: Syncing, end: int) -> None:
        while self.now < end:
            self.on()
            await self.look(syncing)
            assert len(self.wrong) < 50, self.said

    @property
    def said(self) -> str:
        return f"seed {SEED}, after {(self.now - to_epoch(START)) / DAY:.2f} days:\n{lines(self.wrong)}"

    def take_over(self, world: World) -> None:
        """Of sources whose fetch was cut off by the end of a daemon the ledger tells whether that was before or after it was noted."""
        states = world.states
        for name in self.waiting | self.hanging:
            feed, state = self.feeds[name], states.get(name)
            if state is None or state.next_fetch is None:
                continue  # nothing was ever noted of it: it is due as it was
            feed.due = None if state.last_result == "gone" else state.next_fetch
            feed.failures = state.failures
        self.cut |= self.waiting
        self.waiting.clear()
        self.hanging.clear()


def size_of_all(others: Collection[str]) -> dict[str, int]:
    """What must not grow: memory in kB, its children's too, files, tasks, threads, children but `others`, which other tests have left."""
    gc.collect()
    children = [child for child in CHILDREN.read_text().split() if child not in others]
    links = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]
    return {
        "memory": resident("self"),
        "theirs": sum(resident(child) for child in children),
        "files": sum(not link.startswith("socket:") for link in links),
        "sockets": sum(link.startswith("socket:") for link in links),
        "tasks": len(asyncio.all_tasks()),
        "children": len(children),
    }


def resident(process: str) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def stored(world: World) -> Counter[str]:
    """How many posts have which guid, by looking at their files."""
    found: Counter[str] = Counter()
    for text in world.files.values():
        found.update(line.partition(": ")[2].strip("'\"") for line in text.splitlines() if line.startswith("guid:"))
    return found


@pytest.mark.long
@pytest.mark.skipif(not CHILDREN.exists(), reason="what a process holds is seen in /proc")
def test_a_week_of_200_sources(tmp_path: Path) -> None:
    begun, work = time.monotonic(), time.process_time()

    async def main() -> None:
        week = Week(tmp_path)
        async with LoopOrigin(week.answer) as origin:
            await live(week, week.world(origin.port))
        judge(week, week.world(origin.port))
        fetches = sum(feed.fetches for feed in week.feeds.values())
        logger.info(
            "%d looks, %d fetches, %.1f s, %.1f s of work", week.looks, fetches, time.monotonic() - begun, time.process_time() - work
        )
        assert fetches > 4_500

    asyncio.run(main())
    assert time.process_time() - work < 60  # so that it is no longer on a machine that does nothing else


async def live(week: Week, world: World) -> None:
    """The week: a restart in order after a day, one in the middle of everything before the second is over, and nobody beside it."""
    begin, others = to_epoch(START), CHILDREN.read_text().split()
    async with opened(world) as syncing:
        await started(syncing)
        await week.look(syncing)
        assert sum(feed.fetches for feed in week.feeds.values()) > 150
        await week.go_on_until(syncing, begin + DAY)
        refuse_another(world)
    week.take_over(world)
    async with opened(world) as syncing:
        await started(syncing)
        await week.go_on_until(syncing, begin + int(1.9 * DAY))
        refuse_another(world)
        # What a busy host said to a request that is cut off, nobody would know of.
        while len(due := week.due()) < 4 or any(week.feeds[name].fault == "busy" for name in due):
            if due:
                await week.look(syncing)
            week.clock.pass_(minutes=10)
        week.asked.clear()
        week.waiting |= due
        assert await syncing.tick() == len(due)
        while not week.asked:
            await asyncio.sleep(0)
    assert week.waiting, "nothing was cut off"
    week.take_over(world)
    async with opened(world) as syncing:
        await started(syncing)
        await week.go_on_until(syncing, begin + 2 * DAY)
        await syncing.quiet()
        before = size_of_all(others)
        for day in (3, 4, 5, 6, 7):
            await week.go_on_until(syncing, begin + day * DAY)
            refuse_another(world)
        await syncing.quiet()
        judge_growth(before, size_of_all(others))
        judge_tables(week, syncing)


async def started(syncing: Syncing) -> None:
    assert await syncing.tick() == 0
    await syncing.quiet()


def refuse_another(world: World) -> None:
    with pytest.raises(StorageError, match=f"pid {os.getpid()}"):
        world.syncing().start()


def judge_growth(before: dict[str, int], after: dict[str, int]) -> None:
    """What is open and under way is the same at the end of the second day and of the seventh, and memory nearly so."""
    logger.info("%s, then %s", before, after)
    said = f"seed {SEED}: {before}, then {after}"
    assert after["files"] - 2 * after["children"] == before["files"] - 2 * before["children"], said  # each has two pipes
    assert after["tasks"] == before["tasks"], said
    assert after["sockets"] < 300, said  # both ends of a kept connection to every host
    assert after["children"] <= before["children"] + 2, said
    assert after["memory"] - before["memory"] < 4_000, said
    assert after["theirs"] < 110_000 * max(after["children"], 2), said


def judge_tables(week: Week, syncing: Syncing) -> None:
    assert week.hosts > 1001
    assert len(week.gate._places) <= 1001
    session = syncing._session
    assert session is not None and session._client is not None
    recent = sum(asked > time.monotonic() - 11 for asked in week.resolver.asked)
    assert len(session._client[0]._route.resolver._known) <= 1001 + recent  # type: ignore[attr-defined]
    assert len(session._states) == len(syncing._sources) == 200
    assert (syncing._flying, len(syncing._rounds)) == ({}, 0)


def judge(week: Week, world: World) -> None:
    """Whatever was published is stored once; nobody starved; who is gone was left alone."""
    assert week.wrong == [], week.said
    posts = stored(world)
    assert [guid for guid, count in posts.items() if count > 1] == [], f"seed {SEED}"
    for feed in week.feeds.values():
        found = {guid for guid in posts if guid.startswith(f"urn:{feed.name}:")}
        assert {f"urn:{feed.name}:{number}" for number in range(feed.whole)} <= found, f"seed {SEED}: {feed.name}"
        assert found <= {f"urn:{feed.name}:{number}" for number in range(feed.seen)}, f"seed {SEED}: {feed.name}"
        if feed.fault == "gone" and feed.every not in CRONS:
            late = sum(moment > to_epoch(START) + 1.5 * DAY for moment in feed.asked)
            assert late == 1 or (late == 2 and feed.name in week.cut), f"seed {SEED}: {feed.name}"
            assert feed.due is None
        else:
            assert feed.due is None or feed.due > to_epoch(START) + WEEK - 3 * HOUR, f"seed {SEED}: {feed.name} starves"
    assert world.temporary == []
    kinds = Counter(feed.fault for feed in week.feeds.values())
    assert all(kinds[fault] for fault in (*FAULTS, "roams", ""))


def test_H15_the_daemons_scheduler_runs_what_is_late_leaves_out_what_overlaps_and_survives_what_fails() -> None:
    runs: Counter[str] = Counter()
    left_out, failed = [], []

    async def main() -> None:
        may_end = asyncio.Event()

        async def late() -> None:
            runs["late"] += 1

        async def look() -> None:
            runs["look"] += 1
            if runs["look"] == 1:
                raise OSError("the disk")
            if runs["look"] == 2:
                await may_end.wait()

        scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1})
        scheduler.add_listener(left_out.append, EVENT_JOB_MAX_INSTANCES)
        scheduler.add_listener(failed.append, EVENT_JOB_ERROR)
        scheduler.add_job(late, "interval", hours=1, next_run_time=datetime.now(UTC) - timedelta(hours=5))
        scheduler.add_job(look, "interval", seconds=0.02)
        scheduler.start()
        try:
            await until(lambda: len(left_out) >= 3)
            assert runs == {"late": 1, "look": 2}
            may_end.set()
            await until(lambda: runs["look"] >= 4)
        finally:
            scheduler.shutdown(wait=False)
        assert (len(failed), runs["late"]) == (1, 1)

    asyncio.run(main())
