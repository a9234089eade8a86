"""Where feeds went that are no more, as the last publish remembered it in the state database: what 301 and 410 are answered by."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from feedmill.producer.formats import ATOM, document_of
from feedmill.service.singleflight import SingleFlight
from feedmill.state.database import open_to_read

#: Seconds for which what is known is not compared with the database.
_FRESH = 5.0
#: A file that changed so lately (nanoseconds) may change again without another time of modification.
_TICK = 2_000_000_000
#: Seconds to wait for a database that is locked; in WAL mode no writer locks readers out.
_BUSY_TIMEOUT = 0.5
_MOST = 200_000

#: What tells that the database is the one that was read: inode, time of modification and size of its file and of its WAL.
_Version = tuple[int, ...]


class Moved:
    """All that is remembered, held in memory: a flood of requests for what never was costs one look every five seconds."""

    def __init__(self, state_path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path, self._monotonic = state_path, monotonic
        self._table: dict[str, str] = {}
        self._version: _Version = ()
        self._fresh_until = float("-inf")
        self._looks: SingleFlight[str, None] = SingleFlight()

    async def __call__(self, path: str) -> str | None:
        """Return where the feed of this path (decoded, relative to the folder of feeds) is now; "" where it is gone for good.

        None where nothing is known, and as long as the database could never be read: nothing is raised.
        """
        if self._monotonic() >= self._fresh_until:
            await self._looks.run("look", self._look)
        folder, _, name = path.rpartition("/")
        if document_of(name) is None:
            return None
        target = self._table.get(f"{folder}/{ATOM.file}")  # which stands for every document of a feed
        return f"{target.rpartition('/')[0]}/{name}" if target else target

    async def _look(self) -> None:
        await asyncio.to_thread(self._refresh)
        self._fresh_until = self._monotonic() + _FRESH

    def _refresh(self) -> None:
        """Read the table where the database has changed; one that cannot be read now leaves what is known."""
        try:
            version, is_settled = self._look_at_files()
            if version == self._version:
                return
            self._table = _read(self._path)
            self._version = version if is_settled else ()
        except FileNotFoundError:
            self._table, self._version = {}, ()
        except (sqlite3.Error, OSError, ValueError):
            self._version = ()

    def _look_at_files(self) -> tuple[_Version, bool]:
        """Return the version, and whether it has been the same for a while. Raises OSError."""
        files = [os.stat(self._path)]
        with contextlib.suppress(FileNotFoundError):
            files.append(os.stat(self._path.with_name(f"{self._path.name}-wal")))
        version = tuple(number for file in files for number in (file.st_ino, file.st_mtime_ns, file.st_size))
        return version, all(abs(time.time_ns() - file.st_mtime_ns) > _TICK for file in files)


def _read(path: Path) -> dict[str, str]:
    """Return what is remembered. Raises sqlite3.Error, OSError."""
    with contextlib.closing(open_to_read(path, timeout=_BUSY_TIMEOUT)[0]) as connection:
        rows = connection.execute("SELECT key, value FROM memory WHERE kind='moved' LIMIT ?", (_MOST,)).fetchall()
    return {file: target for file, target in rows if isinstance(file, str) and isinstance(target, str)}
