"""The cage: hostile documents are parsed in a few child processes under limits, and a child that breaks costs one document alone.

A child speaks frames of JSON over its pipes, never pickle. It ends with its parent, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from feedmill.consumer.caged import ANSWER, MAGIC, REQUEST, take_line, to_json
from feedmill.crew import command_of, cores, import_path
from feedmill.errors import UpstreamError

#: More children than this do not make a machine faster; each holds some 30 MB.
MAX_CHILDREN = 4
#: How long work waits before another child is started for it, in seconds; and for how many times as long there must be more of it
#: than was done meanwhile: a start takes as long as reading many documents.
_PATIENCE, _WORTH_A_START = 0.5, 2
#: A child has this long to start, however busy the machine is.
_START = timedelta(seconds=60)
#: And this long to be gone once it has closed its pipe.
_DYING = timedelta(seconds=2)
#: A body is written in pieces of this size, so that it is not copied as a whole.
_PIECE = 1 << 18

_GARBAGE = "the reader answered with garbage"


@dataclass(frozen=True, slots=True, kw_only=True)
class CageLimits:
    """What one document may cost."""

    cpu: timedelta = timedelta(seconds=20)
    wall: timedelta = timedelta(seconds=30)
    #: Bytes of address space above what a child has once it is ready.
    memory: int = 512 * 2**20
    #: Bytes of an answer.
    answer: int = 64 * 2**20
    #: By how much others go first (nice): whom the parent serves meanwhile.
    niceness: int = 0


class _Broken(Exception):
    """A child is of no more use; the message says for a person what the document did to it."""


class _Child:
    """One child process and the pipes to it. After any exception of a method it can only be ended."""

    def __init__(self, process: Process, limits: CageLimits) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout
        self._limits = limits
        #: False once the child has asked to be replaced.
        self.is_fit = True

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._answers.at_eof()

    async def become_ready(self) -> None:
        """Wait until it has loaded what it needs. Raises _Broken."""
        try:
            async with asyncio.timeout(_START.total_seconds()):
                await self._receive()
        except (TimeoutError, _Broken) as exc:
            raise _Broken(f"the parser could not be started ({exc or 'it took too long'})") from exc

    async def ask(self, request: bytes, body: bytes) -> tuple[str, Any]:
        """Send a request and return the kind and the value of its answer. Raises _Broken."""
        try:
            async with asyncio.timeout(self._limits.wall.total_seconds()):
                # What a child writes before it has read everything must not make the two wait for each other.
                sending = asyncio.create_task(self._send(request, body))
                try:
                    return await self._receive()
                finally:
                    sending.cancel()
        except TimeoutError as exc:
            raise _Broken(f"reading it took more than {self._limits.wall.total_seconds():g} s") from exc

    async def _send(self, request: bytes, body: bytes) -> None:
        with contextlib.suppress(OSError):  # it has died, and _receive hears of that too
            self._requests.write(REQUEST.pack(len(request), len(body)) + request)
            view = memoryview(body)
            for start in range(0, len(body), _PIECE):
                self._requests.write(view[start : start + _PIECE])
                await self._requests.drain()

    async def _receive(self) -> tuple[str, Any]:
        """Return the kind and the value of the next answer, its length checked before it is read. Raises _Broken."""
        answer: list[Any] = []
        try:
            magic, is_last, length = ANSWER.unpack(await self._answers.readexactly(ANSWER.size))
            if magic != MAGIC:
                raise _Broken(_GARBAGE)
            if length > self._limits.answer:
                raise _Broken(f"its answer was over {self._limits.answer / 2**20:g} MiB")
            self.is_fit = not is_last
            # A line at a time: the decoder never lets go of the interpreter, not even in a thread.
            async for line in self._lines(length):
                take_line(line, answer)
        except (asyncio.IncompleteReadError, OSError) as exc:
            raise _Broken(await self._cause_of_death()) from exc
        except ValueError as exc:
            raise _Broken(_GARBAGE) from exc
        return answer[0], answer[1]

    async def _lines(self, length: int) -> AsyncIterator[bytes]:
        """Yield the lines of the next `length` bytes. Raises IncompleteReadError."""
        line: list[bytes] = []
        while length:
            read = await self._answers.read(min(length, _PIECE))
            if not read:
                raise asyncio.IncompleteReadError(b"", length)
            length -= len(read)
            first, *others = read.split(b"\n")
            line.append(first)
            for other in others:
                yield b"".join(line)
                line = [other]
        yield b"".join(line)

    async def _cause_of_death(self) -> str:
        # Its input stays open until it is dead: closing it is a signal of its own.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DYING.total_seconds()):
                await self._process.wait()
        status = self._process.returncode
        if status is None:  # it has only closed its pipe
            return _GARBAGE
        if status == -signal.SIGXCPU:
            return f"reading it took more than {self._limits.cpu.total_seconds():g} s of processor time"
        if status < 0:
            names = {int(known): known.name for known in signal.Signals}
            return f"the parser crashed ({names.get(-status, f'signal {-status}')})"
        return f"the parser ended early (exit status {status})"

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
        while await self._answers.read(_PIECE):
            pass
        await self._process.wait()


class Cage:
    """A context in which tasks run in child processes under limits. Children start at the first run and serve all later ones."""

    def __init__(
        self,
        size: int | None = None,
        limits: CageLimits = CageLimits(),
        *,
        preload: Sequence[str] = ("feedmill.consumer.reading",),
        python: str = sys.executable,
    ) -> None:
        """`size`: children at most; None takes one for every core, at most four. `preload`: modules they load before they are ready.

        `python` runs the children.
        """
        self._python = python
        self._size = size or min(cores(), MAX_CHILDREN)
        self._limits = limits
        self._preload = tuple(preload)
        #: How many children may be at work now, and a semaphore of so many slots.
        self._room = 1
        self._slots = asyncio.Semaphore(self._room)
        self._growing: asyncio.TimerHandle | None = None
        #: Runs that wait for a slot, and runs that had an answer.
        self._waiting, self._answered = 0, 0
        self._children: set[_Child] = set()
        self._starting = 0
        self._idle: list[_Child] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False
        #: Children that died or were killed over a task.
        self.killed = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all children at once; runs that are not done fail."""
        self._is_closed = True
        if self._growing:
            self._growing.cancel()
        for child in self._children:
            child.kill()
        for _slot in range(self._room):
            await self._slots.acquire()  # until no run is left that holds a child
        for child in tuple(self._idle):
            self._retire(child)
        await asyncio.gather(*self._ending)

    async def warm(self, children: int | None = None) -> None:
        """Start so many children now (None: all) and wait until they are ready. Raises UpstreamError when one cannot be started."""
        wanted = self._size if children is None else min(children, self._size)
        while self._room < wanted:
            self._grow()
        outcomes = await asyncio.gather(*(self._warm_one() for _ in range(wanted)), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    def _want_more(self) -> None:
        """Let another child start when work has waited for a while and is much: starting one takes as long as reading many documents."""
        if self._slots.locked() and self._room < self._size and self._growing is None:
            self._growing = asyncio.get_running_loop().call_later(_PATIENCE, self._grow_if_busy, self._answered)

    def _grow_if_busy(self, answered_before: int) -> None:
        self._growing = None
        if self._slots.locked() and not self._is_closed:
            if self._waiting > _WORTH_A_START * (self._answered - answered_before):
                self._grow()
            self._want_more()

    def _grow(self) -> None:
        self._room += 1
        self._slots.release()

    async def _warm_one(self) -> None:
        async with self._slots:
            if len(self._children) + self._starting < self._size:
                self._idle.append(await self._start())

    async def run(self, task: str, arguments: Mapping[str, Any], body: bytes) -> Any:
        """Return what the function that `task` names ("feedmill.module:function") makes of `arguments` (JSON) and `body` in a child.

        A large answer should be a mapping with lists of many small items: it is decoded in steps. Cancelling a run ends its child.
        Raises UpstreamError, with a reason for a person, when the task raised, overran a limit or broke its child;
        ValueError for a task that is not feedmill's.
        """
        if not task.startswith("feedmill."):
            raise ValueError(f"{task} is no task of feedmill")
        request = to_json([task, dict(arguments)])
        async with self._slot():
            child = await self._take()
            try:
                kind, value = await child.ask(request, body)
            except BaseException as exc:  # a cancelled run too has a child in the middle of its task
                self.killed += not self._is_closed
                self._retire(child)
                if isinstance(exc, _Broken):
                    raise UpstreamError(str(exc)) from exc
                raise
            if child.is_fit:
                self._idle.append(child)
            else:
                self.killed += kind == "memory"
                self._retire(child)
            self._answered += 1
        return self._outcome(kind, value)

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            self._want_more()
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    def _outcome(self, kind: str, value: Any) -> Any:
        match kind:
            case "value":
                return value
            case "error":
                raise UpstreamError(str(value))
            case "memory":
                raise UpstreamError(f"reading it took more memory than {self._limits.memory / 2**20:g} MiB")
        raise UpstreamError(f"the parser failed: {value}")

    async def _take(self) -> _Child:
        """Return a child that is ready, the one used last first: a quiet cage keeps few of them in memory."""
        if self._is_closed:
            raise UpstreamError("the parser was ended")
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            self.killed += 1
            self._retire(child)
        return await self._start()

    async def _start(self) -> _Child:
        limits = {"cpu": self._limits.cpu.total_seconds(), "memory": self._limits.memory, "niceness": self._limits.niceness}
        command = command_of("feedmill.consumer.caged", json.dumps(limits), *self._preload, python=self._python)
        self._starting += 1
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=_environment(), limit=_PIECE)
        except OSError as exc:
            raise UpstreamError(f"the parser could not be started ({exc.strerror})") from exc
        finally:
            self._starting -= 1
        child = _Child(process, self._limits)
        self._children.add(child)
        if self._is_closed:
            child.kill()
        try:
            await child.become_ready()
        except BaseException as exc:
            self._retire(child)
            if isinstance(exc, _Broken):
                raise UpstreamError(str(exc)) from exc
            raise
        return child

    def _retire(self, child: _Child) -> None:
        """Kill a child and see to it that it is waited for."""
        child.kill()
        self._children.discard(child)
        ending = asyncio.get_running_loop().create_task(child.ended())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


_KEPT = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV"})
#: The C library gives large blocks back at once; left to itself it learns from one large document to keep as much for ever.
_FRUGAL = {"MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_TRIM_THRESHOLD_": str(2**22)}


def _environment() -> dict[str, str]:
    """Return what a Python needs to start: not the tokens that config.yaml takes from the environment."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PYTHON", "LC_", "LD_", "DYLD_")) or name in _KEPT}
    return kept | _FRUGAL | {"PYTHONPATH": import_path()}
