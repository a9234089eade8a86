"""The child process that publishes, as the daemon sees it: the pipes to it, what its lines say, and what it died of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from feedmill.crew import import_path
from feedmill.errors import ConfigError, FeedmillError, StorageError
from feedmill.model import Problem

#: Bytes of one line of the child. A hundred feeds stand in one as a rule, and are decoded within a millisecond.
LINE = 1 << 22
_GARBAGE = "the publishing process answered with garbage"


class PrintingError(FeedmillError):
    """The child that publishes died, hung, could not be started or met a defect of ours. What it was doing is done by the next run."""


@dataclass(frozen=True, slots=True)
class PrintedFeed:
    """One feed that was written; `path` is relative to the project."""

    path: str
    category: str
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What a publish did. Paths are relative to the project; long lists are cut, with the number in all beside them."""

    posts: int
    #: Feeds in all, and those that were written.
    feeds: int
    #: Archive documents that were written.
    archives: int = 0
    changed: tuple[PrintedFeed, ...]
    skipped: tuple[Problem, ...]
    skipped_in_all: int
    #: Posts read in this run that were published in spite of a defect.
    fresh: tuple[Problem, ...]
    fresh_in_all: int
    repaired_in_all: int
    removed: tuple[str, ...]
    removed_in_all: int
    #: Epoch seconds of the first post that is still to come; None when there is none, or it is not known.
    next_due: int | None
    #: What the run took.
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterLimits:
    """Times in seconds."""

    #: A child has so long to start, however busy the machine is.
    start: float = 60.0
    #: A child that gives no sign of life for so long is killed: it waits at most a minute for the lock.
    silence: float = 300.0
    #: A child has so long to be gone once it has closed its pipe, or was killed.
    dying: float = 2.0
    #: Bytes of an answer.
    answer: int = 64 * 2**20
    #: A child without work for so long is ended, for its memory; None keeps it.
    idle: float | None = 600.0
    #: A failed run is tried again after so long, then twice as long, …
    retry: float = 5.0
    #: … and at the longest after this.
    retry_at_most: float = 300.0
    #: Leaving the context waits so long for the run in hand.
    ending: float = 5.0

    def retry_after(self, failures: int) -> float:
        """Return the time to wait after so many failures in a row."""
        return min(self.retry * 2.0 ** min(failures - 1, 30), self.retry_at_most)


class PrinterChild:
    """One child process and the pipes to it. After any exception of a method it can only be killed."""

    def __init__(self, process: Process, limits: PrinterLimits) -> None:
        """`process` is one of `start`, whose child `become_ready` must still wait for."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout
        self._limits = limits

    @classmethod
    async def start(cls, command: Sequence[str], limits: PrinterLimits) -> Self:
        """Start one, with the environment, where the secrets of config.yaml are, and no descriptor but its pipes. Raises PrintingError."""
        environment = os.environ | {"PYTHONPATH": import_path()}
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment, limit=LINE)
        except OSError as exc:
            raise PrintingError(f"the publishing process could not be started ({exc.strerror})") from exc
        return cls(process, limits)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._answers.at_eof()

    async def become_ready(self) -> None:
        """Wait until it has loaded what it needs. Raises PrintingError."""
        try:
            async with asyncio.timeout(self._limits.start):
                kind = ""
                while kind != "ready":
                    kind, value = await self._receive()
                    if kind == "log":
                        _log(value)
        except TimeoutError as exc:
            raise PrintingError("the publishing process took too long to start") from exc

    async def print(self, request: dict[str, Any]) -> Printed:
        """Have it publish. Raises StorageError, ConfigError, PrintingError; of the last one alone the child may not live on."""
        loop = asyncio.get_running_loop()
        changed: list[PrintedFeed] = []
        left = self._limits.answer
        try:
            async with asyncio.timeout(self._limits.silence) as patience:
                await self._send(request)
                while True:
                    kind, value, size = await self._receive_sized()
                    patience.reschedule(loop.time() + self._limits.silence)
                    left -= size
                    if left < 0:
                        raise PrintingError(f"the answer of the publishing process was over {self._limits.answer / 2**20:g} MiB")
                    if kind in ("report", "error"):
                        return _finished(kind, value, changed)
                    if kind == "log":
                        _log(value)
                    elif kind == "feeds":
                        changed.extend(PrintedFeed(*feed) for feed in value)
                    await asyncio.sleep(0)  # lines that have come already would be decoded in one go
        except TimeoutError as exc:
            raise PrintingError(f"the publishing process gave no sign of life for {self._limits.silence:g} s") from exc
        except (ValueError, TypeError, LookupError) as exc:
            raise PrintingError(_GARBAGE) from exc

    async def _send(self, request: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # it has died, and _receive hears of that too
            self._requests.write(json.dumps(request).encode() + b"\n")
            await self._requests.drain()

    async def _receive(self) -> tuple[str, Any]:
        kind, value, _size = await self._receive_sized()
        return kind, value

    async def _receive_sized(self) -> tuple[str, Any, int]:
        """Return kind, value and bytes of the next line. Raises PrintingError."""
        try:
            line = await self._answers.readline()
            if line.endswith(b"\n"):
                kind, value = json.loads(line)
                return str(kind), value, len(line)
        except OSError:
            pass
        except (ValueError, TypeError, RecursionError) as exc:
            raise PrintingError(_GARBAGE) from exc
        raise PrintingError(await self._cause_of_death())

    async def _cause_of_death(self) -> str:
        # Its input stays open until it is dead: closing it is a signal of its own.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.dying):
                await self._process.wait()
        status = self._process.returncode
        if status is None:  # it has only closed its pipe
            return _GARBAGE
        if status >= 0:
            return f"the publishing process ended early (exit status {status})"
        names = {int(known): known.name for known in signal.Signals}
        guess = ", perhaps for want of memory" if status == -signal.SIGKILL else ""
        return f"the publishing process was ended by {names.get(-status, f'signal {-status}')}{guess}"

    def kill(self) -> None:
        """End it at once, without waiting for that."""
        if self._process.returncode is None:
            # Not Process.kill, which polls first and can so take the exit status from the thread that waits for it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until a killed child is gone and its pipes are closed."""
        if not self._requests.is_closing():
            self._requests.transport.abort()
        with contextlib.suppress(OSError):
            while await self._answers.read(LINE):
                pass
        await self._process.wait()


def _finished(kind: str, value: Any, changed: Sequence[PrintedFeed]) -> Printed:
    """Return what the last line of an answer says. Raises what it says, ValueError, TypeError or LookupError when it makes no sense."""
    if kind == "error":
        of, message = value
        raise {"config": ConfigError, "storage": StorageError, "crash": Defect}[of](str(message))
    problems = {name: tuple(Problem(*problem) for problem in value[name]) for name in ("skipped", "fresh")}
    return Printed(**value | problems | {"removed": tuple(value["removed"]), "changed": tuple(changed)})


class Defect(PrintingError):
    """Publishing raised what it should not; the child goes on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"publishing failed: {reason}")


def _log(value: Any) -> None:
    """Log what the child has logged."""
    level, name, message = value
    logging.getLogger(str(name)).log(int(level), "%s", message)
