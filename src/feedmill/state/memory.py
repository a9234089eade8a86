"""What must not be forgotten: choices that were made once and that subscribers now rely on.

post-id      path of a post without guid               -> [its entry id, title, date], where path and date alone give another
claim        guid that posts of several sources carry  -> the source whose post bears it as its id
first-seen   entry id of a post without a date         -> modification time of its file when first seen (epoch seconds)
feed         [kind, *path] of a category or tag        -> [last segment of its folder ("" where that is configured), feed id]
moved        file of a feed that is no more            -> the file that took its place, "" where none did; both relative to feeds/
ping         [hub, address of a feed that changed]     -> JSON: attempts, due, since, refusals, changes (producer/hubs.py)
run          "unfinished"                              -> "yes" while a publish is under way
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from feedmill.state.chains import Chains
from feedmill.state.database import BUSY_TIMEOUT, open_or_rebuild, reading
from feedmill.state.schema import MIGRATIONS

#: Kind and key of the mark that a publish is under way.
UNFINISHED = ("run", "unfinished")


class Memory(Protocol):
    """Remembered choices. What is noted is durable once `commit` has returned; `recall` sees what was noted before that."""

    def recall(self, kind: str, key: str) -> str | None:
        """Return what is remembered of `key`, None when nothing is."""

    def recall_all(self, kind: str) -> Mapping[str, str]:
        """Return everything that is remembered of one kind, by key."""

    def note(self, kind: str, key: str, value: str | None) -> None:
        """Remember `value` for `key`, in place of what was; None: forget it."""

    def commit(self) -> None:
        """Make durable what was noted, all of it or nothing. Raises StorageError."""


class DatabaseMemory:
    """Memory in the state database; a database that cannot be read is moved aside and begun anew."""

    def __init__(self, path: Path, *, patience: float = BUSY_TIMEOUT) -> None:
        """`patience`: seconds to wait for another process's transaction. Raises StorageError."""
        self._path = path
        self._noted: dict[tuple[str, str], str | None] = {}
        self._connection = open_or_rebuild(path, MIGRATIONS, patience=patience)
        self._connection.execute("PRAGMA synchronous=FULL")  # what subscribers rely on survives a power cut
        #: The orders of first publication; `commit` makes them durable too.
        self.chains = Chains(self._connection, path)

    def recall(self, kind: str, key: str) -> str | None:
        if (kind, key) in self._noted:
            return self._noted[kind, key]
        with reading(self._path):
            row = self._connection.execute("SELECT value FROM memory WHERE kind=? AND key=?", (kind, key)).fetchone()
        return row[0] if row else None

    def recall_all(self, kind: str) -> dict[str, str]:
        with reading(self._path):
            found = dict(self._connection.execute("SELECT key, value FROM memory WHERE kind=?", (kind,)).fetchall())
        known = found | {key: value for (noted, key), value in self._noted.items() if noted == kind}
        return {key: value for key, value in known.items() if value is not None}

    def note(self, kind: str, key: str, value: str | None) -> None:
        if self.recall(kind, key) != value:
            self._noted[kind, key] = value

    def commit(self) -> None:
        if not (self._noted or self.chains.is_changed):
            return
        rows = [(*known, value) for known, value in self._noted.items() if value is not None]
        forgotten = [known for known, value in self._noted.items() if value is None]
        with reading(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", rows)
            self._connection.executemany("DELETE FROM memory WHERE kind=? AND key=?", forgotten)
            self.chains.write()
        self._noted.clear()
        self.chains.forget()  # it is durable

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
