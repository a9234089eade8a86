"""How a service begins and ends: the loop, the signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Coroutine
from typing import Any

_ENDING = (signal.SIGTERM, signal.SIGINT)


class _Early:
    """Hears the signals to end while there is no loop yet: they would kill the process, or, the first one of a container, be lost."""

    def __init__(self) -> None:
        self.is_asked = False

    def __call__(self, *_: object) -> None:
        self.is_asked = True


class Signals:
    """What a person or a service manager says to a running service."""

    def __init__(self, *, reload: Callable[[], object]) -> None:
        self._reload = reload
        #: Set when the service is to end.
        self.stop = asyncio.Event()

    def listen(self) -> None:
        """Hear SIGTERM and SIGINT (end) and SIGHUP (read the configuration anew) from now on, and until the process is gone.

        Not by the loop's `add_signal_handler`: when a loop is closed the signals are what they were in the beginning, and a second
        Ctrl-C kills the process in its last tenth of a second (measured: 2 of 80 ends).
        """
        self._loop = asyncio.get_running_loop()
        for number in (*_ENDING, signal.SIGHUP):
            early = signal.signal(number, self._hear)
            if isinstance(early, _Early) and early.is_asked:
                self.stop.set()

    def _hear(self, number: int, _: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.stop.set if number in _ENDING else self._reload_unless_ending)

    def _reload_unless_ending(self) -> None:
        if not self.stop.is_set():
            self._reload()

    async def until_stop_or_end(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Wait until the service is to end, or one of `tasks`, which never end by themselves, has; raise what that one raised."""
        waiting = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in tasks:
            if task.done():
                task.result()


def run_service(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run what `main` makes, in uvloop's loop. A signal to end that comes before it listens is heard when it does."""
    for number in _ENDING:
        signal.signal(number, _Early())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is asked for is about to be read
    import uvloop

    async def run() -> None:
        service = main()
        gc.freeze()  # what is loaded by now stays: looking through it again and again would halt every answer
        gc.set_threshold(10_000, 20, 50)
        await service

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    finally:
        for number in (*_ENDING, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # alone this holds until the interpreter is gone
