"""The server alone: what `feedmill serve` leaves running beside a cron job, or on a machine to which feeds/ is copied."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from feedmill.service.health import Health
from feedmill.service.lifecycle import Signals
from feedmill.service.metrics import Counts, Metrics
from feedmill.service.reloading import Reloader
from feedmill.service.server import open_web
from feedmill.service.systemd import Notifier
from feedmill.service.watched import WatchedFile

logger = logging.getLogger(__name__)

#: How often the configuration is looked at, and systemd's watchdog fed, in seconds.
_LOOK = 2.0
_GRACE = 6.0


class Serving:
    """One server; `run` returns when it was told to end."""

    def __init__(self, path: Path, *, host: str = "", port: int | None = None) -> None:
        """`host` and `port` go before the configured ones. Raises ConfigError, StorageError when it cannot listen."""
        self._file = WatchedFile(path.absolute())
        self._reloader = Reloader(path)
        self._notifier = Notifier()
        counts, self._health = Counts(), Health(is_daemon=False)
        self._web = open_web(self._reloader.config, counts=counts, health=self._health, metrics=Metrics(counts), host=host, port=port)
        self._reloads: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._is_ending = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        signals = Signals(reload=self._reload)
        signals.listen()
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(work) for work in (self._web.run(), self._look())]
        try:
            await self._web.started()
            self._say_ready()
            await signals.until_stop_or_end(tasks)
        finally:
            self._is_ending = True
            self._notifier.stopping()
            self._web.stop()
            await asyncio.wait(tasks[:1], timeout=_GRACE)
            for task in (*tasks, *self._reloads):
                task.cancel()
            await asyncio.gather(*tasks, *self._reloads, return_exceptions=True)
            logger.info("ended")

    def _say_ready(self) -> None:
        self._health.is_ready = True
        where = f"serving {', '.join(self._web.addresses)}"
        logger.info("ready: %s", where)
        self._notifier.ready(where)

    async def _look(self) -> None:
        """Look every few seconds whether the configuration is another one; its server needs no quicker answer."""
        while True:
            self._notifier.alive()
            await asyncio.sleep(_LOOK)
            if await asyncio.to_thread(self._is_changed):
                self._reload()

    def _is_changed(self) -> bool:
        return self._file.has_moved() and self._file.has_changed()

    def _reload(self) -> None:
        task = asyncio.create_task(self._read_anew())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _read_anew(self) -> None:
        self._notifier.reloading()
        try:
            async with self._reloading:
                found = await asyncio.to_thread(self._reloader.look)
                if found is not None and self._reloader.take(found):
                    await self._web.adopt(found.config)
        finally:
            if not self._is_ending:
                self._notifier.ready(f"serving {', '.join(self._web.addresses)}")
