"""Tells the hubs (WebSub) what changed: sends the pings that are due, beside everything else and without the writers' lock."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from feedmill.producer.hubs import Answer, Ping, Settlement, Verdict, shown_hub
from feedmill.producer.pingqueue import Claimed, PingQueue, Waiting
from feedmill.urls import without_userinfo

if TYPE_CHECKING:
    import aiohttp

    from feedmill.config import Config

#: Pings for one hub on their way at once, and pings that are claimed for one hub at once.
_AT_ONCE, _BATCH = 4, 256
#: Loaded for the first ping, and beside the loop: aiohttp takes 0.2 s.
_WIRE = "feedmill.producer.pingwire"


@dataclass(frozen=True, slots=True, kw_only=True)
class PingLimits:
    """How long a turn may take: no request begins after `starting`, and none takes longer than `answer`."""

    answer: timedelta = timedelta(seconds=10)
    starting: timedelta = timedelta(seconds=20)


#: For a command that somebody waits for: ten seconds in all.
BRIEF = PingLimits(answer=timedelta(seconds=5), starting=timedelta(seconds=4))
_LIMITS = PingLimits()


@dataclass(slots=True)
class HubTurn:
    """What one hub made of its pings in a turn."""

    results: Counter[str] = field(default_factory=Counter)
    #: Why a ping was not taken: the first reason, for people; "" where all were taken.
    reason: str = ""


@dataclass(slots=True)
class Turn:
    """What was sent in a turn, and what waits after it."""

    #: By the address of the hub as people may see it.
    hubs: dict[str, HubTurn] = field(default_factory=dict)
    waiting: Waiting = field(default_factory=Waiting)
    #: Whether something was due that must wait for the end of a publish.
    is_held: bool = False

    @property
    def results(self) -> Counter[str]:
        """Pings by what became of them: taken, refused, failed; given-up ones are among the last two, or were not sent at all."""
        return sum((hub.results for hub in self.hubs.values()), Counter[str]())

    def complaints(self) -> list[tuple[str, str]]:
        """Return, for every hub that took not all, its address and a sentence on it."""
        return [(name, _complaint(name, hub)) for name, hub in self.hubs.items() if hub.reason]


def _complaint(name: str, hub: HubTurn) -> str:
    lost = hub.results["given-up"]
    if lost:
        feeds = "1 changed feed" if lost == 1 else f"{lost:,} changed feeds"
        return f"hub {name}: {hub.reason}; it will not hear of {feeds}: check its address in feeds.hub, or take it out"
    return f"hub {name}: {hub.reason}; it is told again later"


async def send_due(config: Config, *, now: Callable[[], float] = time.time, limits: PingLimits = _LIMITS) -> Turn:
    """Send the pings that are due and note what became of them. `now` tells the time in epoch seconds.

    A hub in trouble is left alone for the rest of the turn. Raises StorageError.
    """
    turn = Turn()
    if not config.feeds.hub or not os.path.exists(config.state_path):
        return turn
    queue = PingQueue(config.state_path, config.feeds.hub)
    loop = asyncio.get_running_loop()
    until = loop.time() + limits.starting.total_seconds()
    while loop.time() < until:
        claimed = await asyncio.to_thread(queue.claim, now=int(now()), limit=_BATCH)
        turn.is_held = claimed.is_held
        if not claimed.pings:
            break
        answers = await _ask(claimed, config, until=until, patience=limits.answer.total_seconds(), now=now)
        done = await asyncio.to_thread(queue.settle, claimed, answers, now=int(now()))
        _count(turn, answers, done)
    turn.waiting = await asyncio.to_thread(queue.waiting, now=int(now()))
    return turn


def send_now(config: Config) -> list[str]:
    """As `send_due`, for a command, in ten seconds at most; return a sentence on every hub that did not take its pings."""
    turn = asyncio.run(send_due(config, limits=BRIEF))
    return [sentence for _, sentence in turn.complaints()]


def _count(turn: Turn, answers: Mapping[Ping, Answer], done: Settlement) -> None:
    for ping, answer in answers.items():
        hub = turn.hubs.setdefault(shown_hub(ping.hub), HubTurn())
        hub.results[answer.verdict.value] += 1
        hub.reason = hub.reason or answer.reason
    for ping in done.given_up:
        turn.hubs[shown_hub(ping.hub)].results["given-up"] += 1


async def _ask(claimed: Claimed, config: Config, *, until: float, patience: float, now: Callable[[], float]) -> dict[Ping, Answer]:
    """Send pings, those for different hubs beside each other; return the answers, which may be fewer."""
    await asyncio.to_thread(import_module, _WIRE)
    from feedmill.producer.pingwire import open_session, send

    answers: dict[Ping, Answer] = {}
    addresses = {without_userinfo(hub): hub for hub in config.feeds.hub}
    loop = asyncio.get_running_loop()
    troubled: set[str] = set()

    async def work(session: aiohttp.ClientSession, pings: Iterator[Ping]) -> None:
        for ping in pings:
            if ping.hub in troubled or loop.time() >= until:
                return
            answers[ping] = answer = await send(session, replace(ping, hub=addresses[ping.hub]), proxy=config.sync.proxy, now=now)
            if answer.verdict is Verdict.FAILED:
                troubled.add(ping.hub)

    async with open_session(patience=patience) as session, asyncio.TaskGroup() as group:
        for hub in dict.fromkeys(ping.hub for ping in claimed.pings):
            shared = iter([ping for ping in claimed.pings if ping.hub == hub])
            for _ in range(_AT_ONCE):
                group.create_task(work(session, shared))
    return answers
