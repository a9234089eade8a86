"""Reading a file that strangers name: regular files below one folder, whole, and never through a symbolic link.

Every folder on the way is opened by itself, from the one above it, so that nothing is gained by putting a link in its place meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import NamedTuple, Protocol

# Device, inode, modification and change time in nanoseconds, size.
Stamp = tuple[int, int, int, int, int]

_TRIES = 5
_PAUSE = 0.01
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
# Without O_NONBLOCK the open of a pipe that nobody writes to never ends.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: What says that there is no such file: not there, a link where none may be, a name that no file can have, a socket.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENXIO, errno.ENODEV})


class Seen(NamedTuple):
    """A file as it was when it was open."""

    stamp: Stamp
    #: In whole epoch seconds, never in the future.
    modified: int
    #: How long ago the last change of the file was, in seconds.
    age: float
    #: None where the stamp was known.
    data: bytes | None


class Reader(Protocol):
    """What `read_guarded` is."""

    def __call__(self, root: bytes, file: str, *, biggest: int, known: Stamp | None = None) -> Seen | None: ...


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what changes whenever a file does."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def is_absent(exc: OSError) -> bool:
    """Whether an error says no more than that there is no such file."""
    return exc.errno in _ABSENT


def read_guarded(root: bytes, file: str, *, biggest: int, known: Stamp | None = None) -> Seen | None:
    """Return the regular file `file`, relative to `root` with "/" and free of `..`; None where there is none of at most `biggest` bytes.

    Only `root` itself may be a link. A file with the stamp `known` is looked at and not read. One that changes while it is read is
    read again. Raises OSError, with EAGAIN where it goes on changing.
    """
    try:
        descriptor = _open(root, file.encode("utf-8").split(b"/"))
    except OSError as exc:
        if is_absent(exc):
            return None
        raise
    try:
        return _read(descriptor, biggest=biggest, known=known)
    finally:
        os.close(descriptor)


def _open(root: bytes, segments: list[bytes]) -> int:
    folder = os.open(root, _FOLDER)
    try:
        for segment in segments[:-1]:
            inner = os.open(segment, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(segments[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _read(descriptor: int, *, biggest: int, known: Stamp | None) -> Seen | None:
    for attempt in range(_TRIES):
        if attempt:
            # The usual change is that another file took its name; that is over by now.
            time.sleep(_PAUSE * (attempt - 1))
            os.lseek(descriptor, 0, os.SEEK_SET)
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or before.st_size > biggest:
            return None
        stamp, now = stamp_of(before), time.time_ns()
        modified = min(before.st_mtime_ns, now) // 1_000_000_000
        age = (now - before.st_ctime_ns) / 1e9
        if stamp == known:
            return Seen(stamp, modified, age, None)
        data = _content(descriptor, before.st_size)
        if data is not None and stamp_of(os.fstat(descriptor)) == stamp:
            return Seen(stamp, modified, age, data)
    raise OSError(errno.EAGAIN, "the file goes on changing while it is read")


def _content(descriptor: int, size: int) -> bytes | None:
    """Return exactly `size` bytes; None where there are more or fewer."""
    chunks: list[bytes] = []
    left = size + 1
    while left > 0 and (chunk := os.read(descriptor, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks) if left == 1 else None
