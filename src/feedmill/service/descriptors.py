"""How many files and connections the process may have open, and what becomes of a connection when that is too few."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
import time
from typing import Any

logger = logging.getLogger(__name__)

#: More than this is of no use to a server of a thousand connections.
_MOST_DESCRIPTORS = 8192
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: More connections than this do not wait to be accepted.
_MOST_WAITING = 4096
_SAY_AGAIN_SECONDS = 60.0


def raise_descriptor_limit() -> int:
    """Let the process have as many files open as it may, within reason; returns how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def guard_accepting(loop: asyncio.AbstractEventLoop) -> None:
    """Have connections closed for which there is no descriptor, as uvloop does by itself; say so in one line a minute.

    asyncio alone tries `backlog` times, logs each, and does it all again a second later: 340,000 lines in five seconds (measured on
    Python 3.11 with the backlog of 2048 and a hundred clients).
    """
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return
    spare = _Spare()
    before = loop.get_exception_handler()
    said_at = float("-inf")

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said_at
        exc = context.get("exception")
        if isinstance(exc, OSError) and exc.errno in _NO_DESCRIPTOR and "accept" in context.get("message", ""):
            spare.spend_on(context["socket"].fileno())
            # Not at once: without a free descriptor, accept fails also when nobody waits, and asyncio would go on trying.
            loop.call_soon(spare.keep)
            if time.monotonic() - said_at >= _SAY_AGAIN_SECONDS:
                said_at = time.monotonic()
                logger.warning("connections are turned away: %s; raise the limit of open files", exc.strerror)
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


class _Spare:
    """A descriptor that is kept for the moment when there is none."""

    def __init__(self) -> None:
        self._descriptor = -1
        self.keep()

    def keep(self) -> None:
        """Take one, unless there is none or it is there."""
        if self._descriptor < 0:
            with contextlib.suppress(OSError):
                self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def spend_on(self, listener: int) -> None:
        """Accept and close all who wait at a listening socket."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        channel = socket.socket(fileno=listener)
        with contextlib.suppress(OSError):  # nobody is left, or someone else took the descriptor
            for _ in range(_MOST_WAITING):
                channel.accept()[0].close()
        channel.detach()
