"""Manners towards public hosts: few requests at once, some time between two of them, and none while a host asks for quiet."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

#: The longest random addition to the time between two starts, as a share of it.
_JITTER_SHARE = 0.5
#: So many hosts are known before those that need no manners any more are forgotten.
_MANY = 1000


class HeldHostError(Exception):
    """The host has asked everybody to stay away until `until`; no request was made."""

    def __init__(self, host: str, until: datetime) -> None:
        super().__init__(f"{host} is not asked before {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
        self.until = until


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Place:
    """What is known of one host."""

    room: asyncio.Semaphore
    #: Whoever is next to start waits in here, so that starts keep their distance though several run at once.
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: On the monotonic clock, in seconds: nobody starts before.
    next_start: float = float("-inf")
    #: How many wait for their turn here or have it.
    guests: int = 0


class HostGate:
    """Lets requests through to each public host: at most `per_host` at once, and `spacing` (and up to half of it more) between starts."""

    def __init__(
        self,
        *,
        per_host: int,
        spacing: timedelta,
        chance: Callable[[], float] = random.random,
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`chance` returns a number from 0 to 1; `sleep` and `monotonic` speak in seconds; `now` is aware."""
        self._per_host = per_host
        self._spacing = spacing.total_seconds()
        self._chance = chance
        self._now = now
        self._sleep = sleep
        self._monotonic = monotonic
        self._places: dict[str, _Place] = {}
        self._held: dict[str, datetime] = {}

    def hold(self, host: str, until: datetime) -> None:
        """Let nobody through to `host` before `until` (aware); a shorter hold never undoes a longer one."""
        key = _key(host)
        self._held[key] = max(until, self._held.get(key, until))

    def held(self, host: str) -> datetime | None:
        """Return until when `host` is left alone; None when it may be asked."""
        until = self._held.get(_key(host))
        return until if until is not None and until > self._now() else None

    @asynccontextmanager
    async def turn(self, host: str, *, within: asyncio.Semaphore | None = None) -> AsyncIterator[None]:
        """Wait for a turn at `host` and keep it for the block. Raises HeldHostError when the host is held, or gets held in the meantime.

        `within` is what bounds all requests together. It is taken last: who waits for a host must not keep others from theirs.
        """
        self._raise_when_held(host)
        if len(self._places) > _MANY:
            self._forget()
        place = self._places.setdefault(_key(host), _Place(asyncio.Semaphore(self._per_host)))
        slots = within or asyncio.Semaphore(1)
        place.guests += 1
        try:
            async with place.room:
                await self._start(host, place, slots)
                try:
                    yield
                finally:
                    slots.release()
        finally:
            place.guests -= 1

    async def _start(self, host: str, place: _Place, slots: asyncio.Semaphore) -> None:
        """Return when the next request to the host may start, with a slot taken. Raises HeldHostError."""
        async with place.door:
            await self._wait(host, place)
            await slots.acquire()
            try:
                self._raise_when_held(host)
            except HeldHostError:
                slots.release()
                raise
            place.next_start = self._monotonic() + self._spacing * (1 + _JITTER_SHARE * self._chance())

    def _forget(self) -> None:
        """Forget the hosts that may be asked at once and whose turn nobody waits for: a daemon meets ever new ones."""
        now, moment = self._monotonic(), self._now()
        self._places = {key: place for key, place in self._places.items() if place.guests or place.next_start > now}
        self._held = {key: until for key, until in self._held.items() if until > moment}

    async def _wait(self, host: str, place: _Place) -> None:
        self._raise_when_held(host)
        while (left := place.next_start - self._monotonic()) > 0:
            await self._sleep(left)
            self._raise_when_held(host)

    def _raise_when_held(self, host: str) -> None:
        if (until := self.held(host)) is not None:
            raise HeldHostError(host, until)


def _key(host: str) -> str:
    return host.lower().rstrip(".")
