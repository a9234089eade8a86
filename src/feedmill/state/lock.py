"""The one lock among processes that write posts, feeds or state: flock, which the kernel releases however a process ends.

The standard library's flock instead of the filelock package, whose import alone takes 50 to 80 ms (measured), a quarter of
what a publish with nothing to do may take.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from feedmill.durable import make_durable_folder, storage
from feedmill.errors import StorageError

#: How long a writer waits for another, in seconds, and how often it looks.
PATIENCE = 60.0
_INTERVAL = 0.05


@contextlib.contextmanager
def writing(path: Path, *, patience: float = PATIENCE, hurry: threading.Event | None = None) -> Iterator[None]:
    """Hold the lock at `path` for the block. Raises StorageError, naming the holder, when it is not free within `patience` seconds.

    Once `hurry` is set nobody is waited for.

    The descriptor is closed on exec, so that no helper process keeps the lock alive.
    """
    make_durable_folder(path.parent)
    with storage(path, doing="open"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with storage(path, doing="lock"):
            _acquire(descriptor, path, patience, hurry or threading.Event())
        with storage(path, doing="write"):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, patience: float, hurry: threading.Event) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as exc:
            if time.monotonic() >= deadline or hurry.is_set():
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise StorageError(f"{path} is held by another feedmill process (pid {holder}): wait for it, or end it") from exc
            time.sleep(_INTERVAL)
