"""Publishing for the daemon, in a warm child process: one run at a time, tried again after a failure, whatever becomes of the child.

A run that is killed is as good as one that never began: the next publish goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from feedmill.crew import command_of
from feedmill.errors import ConfigError, FeedmillError, StorageError
from feedmill.service.printerchild import Defect, Printed, PrinterChild, PrinterLimits, PrintingError

logger = logging.getLogger(__name__)

__all__ = ["Printed", "Printer", "PrinterLimits", "PrintingError", "Settings"]

_COMMAND = tuple(command_of("feedmill.service.printer"))
_LIMITS = PrinterLimits()
_ENDED = "publishing has ended"
#: Seconds between two runs: who waits for the project's lock looks every 50 ms whether it is free, and so comes in between.
_TURN = 0.12


@dataclass(frozen=True, slots=True)
class Settings:
    """The text of a config.yaml that was found good; the file itself may be broken since."""

    text: str
    #: The folder that relative paths start from.
    root: Path
    name: str = "config.yaml"


class Printer:
    """A context in which posts are published, one run at a time. The child starts with `warm` or at the first run.

    `on_report` and `on_failure` hear of every run, in the event loop. A failed run is tried again later by itself,
    unless the configuration is what it failed of.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_report: Callable[[Printed], None] = lambda _: None,
        on_failure: Callable[[FeedmillError], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limits: PrinterLimits = _LIMITS,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        """`clock` tells the time (aware) that a run is given. `command` is what runs the child."""
        #: What the next run works by; set it when the configuration has changed.
        self.settings = settings
        self._on_report, self._on_failure, self._clock = on_report, on_failure, clock
        self._limits = limits
        self._command = tuple(command)
        self._child: PrinterChild | None = None
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        #: The run that was asked for and has not begun.
        self._wanted: asyncio.Future[Printed] | None = None
        #: The posts that it is to look at; None: all of them.
        self._paths: frozenset[str] | None = None
        #: True until a run has looked at all posts, and after one that failed.
        self._is_unsure = True
        self._runner: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        #: Failed runs in a row.
        self.failures = 0
        #: Children that died or were killed over a run, or died without one.
        self.deaths = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close(within=self._limits.ending)

    @property
    def is_running(self) -> bool:
        """True while a run is in hand."""
        return self._runner is not None

    @property
    def pid(self) -> int | None:
        """The process id of the child that is there now."""
        return self._child.pid if self._child is not None and self._child.is_alive else None

    async def warm(self) -> None:
        """Start the child now and wait until it is ready. Raises PrintingError."""
        await self._take()
        if self._runner is None and self._timer is None:
            self._rest()

    def request(self, paths: frozenset[str] | None = None) -> None:
        """Ask for a run that begins after this call; any number of requests while one is in hand make one more.

        `paths`: the only posts (relative to their folder) that may have changed since the request before; None: any may have.
        """
        if not self._is_closed:
            self._want(paths)

    async def publish(self) -> Printed:
        """As `request`, and wait for that run. Raises StorageError, ConfigError or PrintingError."""
        if self._is_closed:
            raise PrintingError(_ENDED)
        return await asyncio.shield(self._want(None))

    def _want(self, paths: frozenset[str] | None) -> asyncio.Future[Printed]:
        self._stop_timer()
        if self._wanted is None:
            self._paths = frozenset()
        self._paths = None if paths is None or self._paths is None else self._paths | paths
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_future()
            self._wanted.add_done_callback(lambda future: future.cancelled() or future.exception())  # nobody may be waiting
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run_all())
        return self._wanted

    async def _run_all(self) -> None:
        """Run as often as is wanted."""
        try:
            while (wanted := self._wanted) is not None and not self._is_closed:
                self._wanted = None
                self._stop_timer()
                try:
                    printed = await self._run()
                except FeedmillError as exc:
                    wanted.set_exception(exc)
                    self._fail(exc)
                except BaseException:
                    wanted.set_exception(PrintingError(_ENDED))
                    raise
                else:
                    self.failures = 0
                    wanted.set_result(printed)
                    asyncio.get_running_loop().call_soon(self._on_report, printed)
                    self._rest()
                if self._wanted is not None:
                    await asyncio.sleep(_TURN)
        finally:
            self._runner = None

    def _fail(self, exc: FeedmillError) -> None:
        self.failures += 1
        asyncio.get_running_loop().call_soon(self._on_failure, exc)
        if isinstance(exc, ConfigError):
            self._rest()
        elif not self._is_closed:
            self._set_timer(self._limits.retry_after(self.failures), self.request)

    async def _run(self) -> Printed:
        """Have the child publish. Raises FeedmillError."""
        paths = None if self._is_unsure else self._paths
        self._is_unsure = True
        child = await self._take()
        settings = {"text": self.settings.text, "root": os.path.abspath(self.settings.root), "name": self.settings.name}
        try:
            listed = None if paths is None else sorted(paths)
            printed = await child.print({"config": settings, "now": self._clock().timestamp(), "paths": listed})
        except (ConfigError, StorageError, Defect):
            raise
        except BaseException:  # a cancelled run too has a child in the middle of it
            self._lose(child)
            raise
        self._is_unsure = False
        return printed

    async def _take(self) -> PrinterChild:
        """Return the child; start one where there is none, or it died. Raises PrintingError."""
        async with self._starting:
            if self._child is not None:
                if self._child.is_alive:
                    return self._child
                logger.warning("the publishing process died while it had nothing to do; another is started")
                self._lose(self._child)
            self._child = child = await PrinterChild.start(self._command, self._limits)
            if self._is_closed:
                child.kill()
            try:
                await child.become_ready()
            except BaseException:
                self._lose(child)
                raise
            return child

    def _lose(self, child: PrinterChild) -> None:
        """Give up a child that died or that must."""
        self.deaths += not self._is_closed
        self._retire(child)

    def _retire(self, child: PrinterChild) -> None:
        """Kill a child and see to it that it is waited for."""
        child.kill()
        if self._child is child:
            self._child = None
        ending = asyncio.get_running_loop().create_task(child.ended())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _rest(self) -> None:
        """From now on there is no work."""
        if self._limits.idle is not None and self._wanted is None and not self._is_closed:
            self._set_timer(self._limits.idle, self._end_idle)

    def _end_idle(self) -> None:
        if self._child is not None and self._runner is None:
            self._retire(self._child)

    def _set_timer(self, seconds: float, what: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, what)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self, *, within: float) -> None:
        """Begin no further run, wait up to `within` seconds for the one in hand, end the child."""
        self._is_closed = True
        self._stop_timer()
        if (runner := self._runner) is not None:
            await asyncio.wait({runner}, timeout=within)
            runner.cancel()
            await asyncio.wait({runner})
        if self._wanted is not None:
            self._wanted.set_exception(PrintingError(_ENDED))
            self._wanted = None
        if self._child is not None:
            self._retire(self._child)
        if self._ending:  # one that waits for a disk that is gone cannot be killed
            await asyncio.wait(self._ending, timeout=self._limits.dying)
