"""The child in the cage: it reads requests from standard input, runs one task at a time under limits, and answers in frames.

What it runs reads hostile documents, so nothing here trusts the task: not its answer's size, not what it prints, not that it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import math
import os
import resource
import select
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, BinaryIO

from feedmill.crew import become_helper, find_task
from feedmill.errors import UpstreamError

#: Before a request: the bytes of its JSON (task, arguments) and of the body that follows it.
REQUEST = struct.Struct(">QQ")
#: Before an answer: four letters that no accident writes, whether the child wants to be replaced after it, and the bytes that follow.
ANSWER = struct.Struct(">4s?Q")
MAGIC = b"mill"
#: Lines of an answer are about this long, so that its reader, which decodes line by line, is never long in one call.
LINE = 1 << 18

#: Descriptors a child may hold: its three pipes, /proc, and what an import needs for a moment.
_DESCRIPTORS = 32
#: A child that has grown by this part of its memory limit asks to be replaced: what one huge document left is not the next one's burden.
_GROWN = 4

_PAGE = resource.getpagesize()
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: object) -> bytes:
    """Return `value` as JSON in UTF-8; half a surrogate pair, which hostile text may hold, passes."""
    return _dump(value).encode("utf-8", "surrogatepass")


def pack(kind: str, value: Any) -> bytes:
    """Return an answer: a line with its kind and value, and lines of items for the lists in a value that is a mapping."""
    if not isinstance(value, dict):
        return to_json([kind, value])
    lists = {key: items for key, items in value.items() if isinstance(key, str) and isinstance(items, list)}
    lines = [to_json([kind, {key: [] if key in lists else held for key, held in value.items()}])]
    for key, items in lists.items():
        lines.extend(_lines_of(to_json(key), items))
    return b"\n".join(lines)


def _lines_of(key: bytes, items: list[Any]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for item in items:
        held.append(to_json(item))
        size += len(held[-1])
        if size > LINE:
            yield b"[%b,[%b]]" % (key, b",".join(held))
            held, size = [], 0
    if held:
        yield b"[%b,[%b]]" % (key, b",".join(held))


def take_line(line: bytes, answer: list[Any]) -> None:
    """Add a line of what `pack` made to `answer`, which becomes [kind, value]. Raises ValueError for anything else."""
    try:
        head, tail = json.loads(line)
        if answer:
            answer[1][head].extend(tail)
        else:
            answer.extend((str(head), tail))
    except (LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise ValueError("not a line of an answer") from exc


class _Confined:
    """This process under limits that it cannot undo, the one on processor time excepted, which each task gets anew."""

    def __init__(self, *, cpu: float, memory: int) -> None:
        """`cpu`: seconds for a task. `memory`: bytes of address space above what this process has now."""
        self._cpu = cpu
        self._watch = select.poll()
        self._watch.register(0, 0)
        self._flags = fcntl.fcntl(0, fcntl.F_GETFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        if sys.platform != "linux":  # there SIGIO ends a process by itself, even inside a call that holds the interpreter
            signal.signal(signal.SIGIO, lambda *_: os._exit(0))
        self._statm = os.open("/proc/self/statm", os.O_RDONLY) if os.path.exists("/proc/self/statm") else None
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_NOFILE, _DESCRIPTORS)
        _limit(resource.RLIMIT_FSIZE, 0)
        size = self._size()
        _limit(resource.RLIMIT_AS, size + memory)
        self._grown = size + memory // _GROWN

    def _size(self) -> int:
        """Bytes of address space; a guess where the system does not say."""
        return (1 << 28) if self._statm is None else int(os.pread(self._statm, 40, 0).split()[0]) * _PAGE

    @property
    def has_grown(self) -> bool:
        return self._size() > self._grown

    def begin_task(self) -> None:
        """Set the limit on processor time from what is used so far, and end with the parent from now on, whatever the task does."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(used.ru_utime + used.ru_stime + self._cpu)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
        fcntl.fcntl(0, fcntl.F_SETFL, self._flags | os.O_ASYNC)
        if self._watch.poll(0):
            os._exit(0)  # the parent went before the signal was asked for

    def end_task(self) -> None:
        """Let the next request come without a signal."""
        fcntl.fcntl(0, fcntl.F_SETFL, self._flags)


def _limit(kind: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already, or the system has no such limit
        resource.setrlimit(kind, (value, value))


def _frame(answer: bytes, *, is_last: bool) -> bytes:
    return ANSWER.pack(MAGIC, is_last, len(answer)) + answer


def _send(answers: BinaryIO, frame: bytes) -> None:
    try:
        answers.write(frame)
        answers.flush()
    except BrokenPipeError:
        os._exit(0)  # the parent has gone; there is nobody to tell


def _answer(request: bytes, body: bytes) -> bytes:
    """Run the task that `request` names. Raises MemoryError, nothing else."""
    try:
        task, arguments = json.loads(request)
        return pack("value", find_task(task)(arguments, body))
    except UpstreamError as exc:
        return pack("error", str(exc))
    except MemoryError:
        raise
    except Exception as exc:  # the parsers raise nearly everything on hostile input, and any of it is that document's fault alone
        return pack("failed", type(exc).__name__)


def serve(preloaded: Sequence[str], *, cpu: float, memory: int, niceness: int) -> None:
    """Be a child in the cage until the input ends."""
    answers = become_helper()
    with contextlib.suppress(OSError):
        os.nice(niceness)
    for module in preloaded:
        import_module(module)
    gc.freeze()  # what is loaded stays; the collector need not look at it again
    # Libraries quote the document in their warnings, and a person's terminal obeys what is quoted.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    confined = _Confined(cpu=cpu, memory=memory)
    out_of_memory = _frame(pack("memory", None), is_last=True)
    _send(answers, _frame(pack("ready", None), is_last=False))
    requests = sys.stdin.buffer
    while len(prefix := requests.read(REQUEST.size)) == REQUEST.size:
        try:
            _send(answers, _run(requests, prefix, confined))
        except MemoryError:
            os.write(answers.fileno(), out_of_memory)
            os._exit(0)  # what is left of this process is not worth another document


def _run(requests: BinaryIO, prefix: bytes, confined: _Confined) -> bytes:
    """Read the rest of a request and return the frame that answers it. Raises MemoryError."""
    head, length = REQUEST.unpack(prefix)
    request, body = requests.read(head), requests.read(length)
    confined.begin_task()
    answer = _answer(request, body)
    confined.end_task()
    return _frame(answer, is_last=confined.has_grown)


if __name__ == "__main__":
    _limits = json.loads(sys.argv[1])
    serve(sys.argv[2:], **_limits)
