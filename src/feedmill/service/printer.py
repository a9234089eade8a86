"""The child process that publishes for the daemon: apart, so that readers are served meanwhile, and warm, so that an edit takes no imports.

It writes the line `ready`, then reads a request a line: {"config": {"text", "root", "name"}, "now": epoch seconds, "paths": of the
posts that may have changed, or null}. It answers in lines, each a JSON list of a kind and a value: `log`, `progress` and `feeds` while
there are such, then one `report` or `error`.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from feedmill.crew import become_helper
from feedmill.errors import ConfigError, StorageError
from feedmill.text import clean_text, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedmill.config import Config
    from feedmill.model import Problem
    from feedmill.producer.report import Report

logger = logging.getLogger("feedmill.service.printer")  # this module runs as __main__

#: What a publish with something to do loads, and what a helper of it is not asked for.
_PRELOADED = (
    "email.utils",
    "feedmill.configfile",
    "feedmill.posts.html",
    "feedmill.posts.indexing",
    "feedmill.posts.refresh",
    "feedmill.producer.plan",
    "feedmill.producer.press",
    "feedmill.producer.publish",
    "feedmill.producer.render",
    "importlib.metadata",
    "tempfile",
)
#: Serving goes first: added to the niceness of the daemon.
_NICENESS = 5
#: Problems that are told one by one; the rest is counted.
LISTED = 100
#: Feeds in a line (two paths of 4 kB each at most): a line is short enough to be decoded between two answers to readers.
_FEEDS = 100
#: Seconds between two signs of life.
_PULSE = 1.0
#: Characters of one message, and lines of one traceback.
_MESSAGE, _TRACEBACK = 1000, 40


class _Answers:
    """The lines that go to the daemon; whichever thread says something, no line is broken by another."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last_pulse = 0.0

    def say(self, kind: str, value: Any) -> None:
        """Write one line. Ends this process when nobody reads it."""
        line = json.dumps([kind, value], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
        try:
            with self._lock:
                self._stream.write(line)
                self._stream.flush()
        except BrokenPipeError:
            os._exit(0)

    def progress(self, what: str, done: int, total: int) -> None:
        """Give a sign of life, at most one a second."""
        now = time.monotonic()
        if now >= self._last_pulse + _PULSE:
            self._last_pulse = now
            self.say("progress", [what, done, total])


class _LogLines(logging.Handler):
    """What is logged here goes to the daemon's log."""

    def __init__(self, answers: _Answers) -> None:
        super().__init__(logging.WARNING)
        self._answers = answers

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as one line of text, a traceback as further ones."""
        lines = [one_line(record.getMessage())]
        if record.exc_info:
            told = clean_text("".join(traceback.format_exception(*record.exc_info)))
            lines += [line for line in told.splitlines() if line.strip(" ^")][-_TRACEBACK:]
        for line in lines:
            self._answers.say("log", [record.levelno, record.name, shorten(line, _MESSAGE)])


class _Input:
    """Standard input, whose end is the end of this process: at once, even inside a call that never lets go of the interpreter."""

    def __init__(self) -> None:
        self._flags = fcntl.fcntl(0, fcntl.F_GETFL)
        self._watch = select.poll()
        self._watch.register(0, 0)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        if sys.platform != "linux":  # there SIGIO ends a process by itself
            signal.signal(signal.SIGIO, lambda *_: os._exit(0))

    @contextmanager
    def ends_us(self) -> Iterator[None]:
        """Have the kernel send SIGIO when the other end is closed, which it is however the daemon ends; nothing may be sent meanwhile."""
        fcntl.fcntl(0, fcntl.F_SETFL, self._flags | os.O_ASYNC)
        if self._watch.poll(0):
            os._exit(0)  # it was closed before the signal was asked for
        try:
            yield
        finally:
            fcntl.fcntl(0, fcntl.F_SETFL, self._flags)


class _Printing:
    """Requests, one after the other, and the configuration of the last one, which is mostly that of the next."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._settings: dict[str, str] = {}
        self._config: Config | None = None

    def answer(self, request: dict[str, Any]) -> tuple[str, Any]:
        """Publish, and return the last line that is to be said: whatever goes wrong is an answer too."""
        try:
            return "report", self._publish(request)
        except ConfigError as exc:
            return _failure("config", exc)
        except (StorageError, OSError) as exc:
            return _failure("storage", exc)
        except Exception as exc:
            logger.exception("publishing failed")
            return _failure("crash", f"{type(exc).__name__}: {exc}")

    def _publish(self, request: dict[str, Any]) -> dict[str, Any]:
        from feedmill.producer.publish import Request, publish

        started = time.monotonic()
        config = self._configured(request["config"])
        now = datetime.fromtimestamp(request["now"], UTC)
        paths = None if request["paths"] is None else frozenset(request["paths"])
        report = publish(config, Request(paths=paths), now=now, progress=self._answers.progress)
        changed = [(feed.path, feed.category, feed.entries) for feed in report.feeds if feed.changed]
        for start in range(0, len(changed), _FEEDS):
            self._answers.say("feeds", changed[start : start + _FEEDS])
        return _shown(report) | {"next_due": report.next_due, "seconds": round(time.monotonic() - started, 3)}

    def _configured(self, settings: dict[str, str]) -> Config:
        """Return the configuration; its text is read once. Raises ConfigError."""
        from feedmill.configfile import read_config

        if self._config is None or settings != self._settings:
            self._config = None
            self._config = read_config(settings["text"], root=Path(settings["root"]), environ=os.environ, name=settings["name"])
            self._settings = settings
        return self._config


def _failure(kind: str, reason: object) -> tuple[str, Any]:
    return "error", [kind, shorten(one_line(str(reason)), _MESSAGE)]


def _shown(report: Report) -> dict[str, Any]:
    """Return a report as JSON without its feeds; long lists are cut and counted."""
    return {
        "posts": report.posts,
        "feeds": len(report.feeds),
        "archives": len(report.archives),
        "skipped": _problems(report.skipped),
        "skipped_in_all": len(report.skipped),
        "fresh": _problems(report.fresh),
        "fresh_in_all": len(report.fresh),
        "repaired_in_all": len(report.repaired),
        "removed": report.removed[:LISTED],
        "removed_in_all": len(report.removed),
    }


def _problems(problems: Sequence[Problem]) -> list[tuple[object, ...]]:
    return [(*problem[:-1], shorten(problem.message, _MESSAGE)) for problem in problems[:LISTED]]


def _give_back() -> None:
    """Give the memory of the last run back to the system: 9 of 68 MB after a first publish of 10,000 posts (measured, in 20 ms)."""
    gc.collect()
    with suppress(OSError, AttributeError):  # a system without glibc
        ctypes.CDLL(None).malloc_trim(0)


def _leave_ending_to_the_daemon() -> None:
    """Hear no signal that goes to all processes of a terminal or a service: the daemon hears it too, and ends this one in order."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def serve() -> None:
    """Publish at each request until the input ends."""
    _leave_ending_to_the_daemon()
    answers = _Answers(become_helper())
    with suppress(OSError):
        os.nice(_NICENESS)
    logging.basicConfig(level=logging.WARNING, handlers=[_LogLines(answers)])
    for module in _PRELOADED:
        import_module(module)
    gc.collect()
    gc.freeze()  # what is loaded stays; the collector need not look at it again
    source, printing = _Input(), _Printing(answers)
    answers.say("ready", None)
    for line in sys.stdin.buffer:
        with source.ends_us():
            kind, value = printing.answer(json.loads(line))
        answers.say(kind, value)  # not before: the next request may follow at once
        _give_back()


if __name__ == "__main__":
    serve()
