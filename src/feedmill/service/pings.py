"""The daemon's pings to hubs: sent beside everything else, at once after a publish, and when one that failed is due again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from feedmill.config import Config
from feedmill.errors import StorageError
from feedmill.producer.pinging import Turn, send_due
from feedmill.service.metrics import Counts

logger = logging.getLogger(__name__)

#: How often the queue is looked at of which nothing was heard, in seconds: a publish beside the daemon may have left something there.
_LOOK = 60


class Pings:
    """Sends what is due, a turn at a time, in a task of its own. Every method runs in the loop; `look` waits for nothing."""

    def __init__(self, counts: Counts, *, now: Callable[[], datetime]) -> None:
        self._counts, self._now = counts, now
        self._turn: asyncio.Task[None] | None = None
        #: When to look again, and when that was decided, in epoch seconds.
        self._next = self._last = 0.0
        #: Hubs in trouble, each of which was told of, and what else was.
        self._troubled: set[str] = set()
        self._trouble = ""

    def hurry(self) -> None:
        """Look at the queue with the next `look`, or once more after the turn in hand: something was published."""
        self._next = 0.0

    def look(self, config: Config) -> None:
        """Begin a turn where something may be due and none is under way."""
        now = self._now().timestamp()
        if now < self._last:
            self._next = 0.0  # the clock went back
        if not config.feeds.hub:
            self._counts.pings_waiting = 0
            return
        if self._turn is not None or now < self._next:
            return
        self._last, self._next = now, now + _LOOK
        self._turn = asyncio.create_task(self._run(config))

    async def close(self) -> None:
        """End the turn in hand; what it has not noted is sent again after the next start."""
        if (turn := self._turn) is not None:
            turn.cancel()
            await asyncio.gather(turn, return_exceptions=True)

    async def _run(self, config: Config) -> None:
        try:
            turn = await send_due(config, now=lambda: self._now().timestamp())
        except StorageError as exc:
            self._say_once(f"the hubs cannot be told of changes now: {exc}")
        except Exception:  # the border: it is recorded, and the next look begins anew
            logger.exception("telling the hubs: an error in feedmill itself")
        else:
            self._say_once("")
            self._note(turn)
        finally:
            self._turn = None

    def _note(self, turn: Turn) -> None:
        self._counts.pings.update(turn.results)
        self._counts.pings_waiting = turn.waiting.count
        if turn.waiting.next_due is not None and not turn.is_held:
            self._next = min(self._next, float(turn.waiting.next_due))
        for name, hub in turn.hubs.items():
            if not hub.reason and name in self._troubled:
                self._troubled.discard(name)
                logger.info("hub %s hears again", name)
        for name, sentence in turn.complaints():
            if name not in self._troubled or turn.hubs[name].results["given-up"]:
                logger.warning("%s", sentence)
            self._troubled.add(name)

    def _say_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = trouble
