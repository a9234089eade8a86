"""Work that many ask for at once and that is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SingleFlight(Generic[Key, Result]):
    """Runs one piece of work for each key at a time; whoever asks meanwhile gets the same result, or the same exception."""

    def __init__(self) -> None:
        self._flights: dict[Key, asyncio.Future[Result]] = {}

    async def run(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return what `work` returns, or what it is about to return already. Goes on when the one who asked is cancelled."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(work())
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: Key, flight: asyncio.Future[Result]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # taken note of, also where nobody is left who waits for it
