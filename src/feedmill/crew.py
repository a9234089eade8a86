"""Work spread over processes: this one and, for long lists, a helper process for every further core.

Helpers speak lines of JSON over pipes (never pickle). They inherit no lock and no descriptor, and end by themselves when
their parent does, however it ends: the end of their input is the end of them.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, BinaryIO, Self

logger = logging.getLogger(__name__)

#: A task takes what all items share and a chunk of items, and returns a list of results; everything is JSON.
Task = Callable[[dict[str, Any], list[Any]], list[Any]]

#: Below this many items a helper process costs more than it brings (it takes about 0.2 s of processor time to start).
WORTH_HELPERS = 400
#: More helpers than this only wait for the parent.
MAX_HELPERS = 7
#: Chunks that a helper has at once: it works on one while this process, which works too, comes to send the next.
_AHEAD = 2
#: Modules that a helper loads before it is asked for anything: they are what it will be asked for.
_PRELOADED = ("feedmill.posts.indexing", "feedmill.producer.render")


def find_task(name: str) -> Callable[..., Any]:
    """Return the function that "module:function" names. Raises ValueError for a name outside feedmill, else what the import raises."""
    module, _, function = name.partition(":")
    if not module.startswith("feedmill."):
        raise ValueError(f"{name} is no task of feedmill")
    task: Callable[..., Any] = getattr(import_module(module), function)
    return task


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def command_of(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """Return the command line that runs `module` of feedmill in `python`, which is to be one like this."""
    # -P: what stands in the current folder (a queue.py of the user's) is not imported in place of the library's.
    return [python, "-P", "-m", module, *arguments]


def import_path() -> str:
    """Return the PYTHONPATH with which another Python imports what this one does."""
    return os.pathsep.join(entry or os.getcwd() for entry in sys.path)


def become_helper() -> BinaryIO:
    """Make this process a helper; return the stream of its answers, which standard output no longer is."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process in order
    gc.set_threshold(50_000, 20, 50)  # values without cycles: looking for some takes a tenth of the time
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    return answers


class _Helper:
    """One helper process and the pipes to it."""

    def __init__(self, python: str) -> None:
        environment = os.environ | {"PYTHONPATH": import_path()}
        command = command_of("feedmill.crew", *_PRELOADED, python=python)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603

    def send(self, request: bytes) -> None:
        """Send a request line; the helper reads it while it works on the one before. Raises OSError when it has died."""
        if self._process.stdin is None:
            raise OSError("no pipe")
        self._process.stdin.write(request)
        self._process.stdin.flush()

    def receive(self) -> list[Any]:
        """Wait for the answer to the first request that has none. Raises OSError or ValueError when the helper has died or failed."""
        if self._process.stdout is None:
            raise OSError("no pipe")
        answer: list[Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        """Close its input, which ends it, and wait for that."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


class Crew:
    """A context in which lists of work are done on all cores; helpers start at the first long list and serve all later ones."""

    def __init__(self, size: int | None = None, *, python: str = sys.executable) -> None:
        """`size`: processes in all, this one included; None takes as many as this process may use cores. `python` runs the helpers."""
        self._python = python
        self._size = min(size or cores(), 1 + MAX_HELPERS)
        self._helpers: list[_Helper] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            helper.end()
        self._helpers.clear()

    def expect(self, items: int) -> None:
        """Start the helpers now if a list of `items` will come: they load while this process prepares it."""
        if items < WORTH_HELPERS or self._helpers:
            return
        try:
            for _ in range(self._size - 1):
                self._helpers.append(_Helper(self._python))
        except OSError as exc:
            logger.warning("a helper process cannot be started (%s); its work is done here", exc)

    def run(self, task: str, common: dict[str, Any], items: Sequence[Any], *, chunk: int = 64) -> Iterator[list[Any]]:
        """Yield the results of `task` ("module:function") over chunks of `items`, in no particular order."""
        if not items:
            return  # without loading the task's module: a publish with nothing to do has none
        function: Task = find_task(task)
        self.expect(len(items))
        chunks = deque(list(items[start : start + chunk]) for start in range(0, len(items), chunk))
        done: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        helpers = self._helpers if len(items) > chunk else []
        threads = [threading.Thread(target=self._feed, args=(helper, task, common, chunks, done)) for helper in helpers]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) or chunks:
                mine = _take(chunks)
                if mine is not None:
                    yield function(common, mine)
                yield from _drain(done, wait=bool(threads) and not chunks)
            yield from _drain(done, wait=False)
        finally:
            # After an early end (the caller has stopped, the task failed) no helper may be busy with this list when the next begins.
            chunks.clear()
            for thread in threads:
                thread.join()

    def _feed(
        self, helper: _Helper, task: str, common: dict[str, Any], chunks: deque[list[Any]], done: queue.SimpleQueue[list[Any]]
    ) -> None:
        """Let one helper take chunks until there are none; one that fails gives its chunks back and takes no more."""
        sent: deque[list[Any]] = deque()
        try:
            while True:
                while len(sent) < _AHEAD and (chunk := _take(chunks)) is not None:
                    sent.append(chunk)
                    helper.send(json.dumps([task, common, chunk]).encode() + b"\n")
                if not sent:
                    return
                done.put(helper.receive())
                sent.popleft()
        except (OSError, ValueError) as exc:
            logger.warning("a helper process ended early (%s); its work is done here", exc)
            self._helpers = [other for other in self._helpers if other is not helper]
            helper.end()
            chunks.extend(sent)


def _take(chunks: deque[list[Any]]) -> list[Any] | None:
    try:
        return chunks.popleft()
    except IndexError:
        return None


def _drain(done: queue.SimpleQueue[list[Any]], *, wait: bool) -> Iterator[list[Any]]:
    with contextlib.suppress(queue.Empty):
        if wait:
            yield done.get(timeout=0.01)
        while True:
            yield done.get_nowait()


def serve(preloaded: Sequence[str]) -> None:
    """Be a helper: read a request a line from standard input, write an answer a line, end with the input or its reader."""
    answers = become_helper()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_ahead, args=(requests,), daemon=True).start()
    for module in preloaded:
        import_module(module)
    while line := requests.get():
        task, common, items = json.loads(line)
        answer = json.dumps(find_task(task)(common, items)).encode() + b"\n"
        try:
            answers.write(answer)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # the parent has gone; there is nobody to tell


def _read_ahead(requests: queue.SimpleQueue[bytes]) -> None:
    """Take every request at once: a parent that waits to send one would not read the answer that is waiting to be sent."""
    try:
        with os.fdopen(0, "rb", closefd=False) as lines:  # sys.stdin is taken down at the end, which must not meet this thread in it
            for line in lines:
                requests.put(line)
    finally:
        requests.put(b"")


if __name__ == "__main__":
    serve(sys.argv[1:])
