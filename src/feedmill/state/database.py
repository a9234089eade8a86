"""SQLite files that heal: opened in WAL mode, migrated by a list of steps, moved aside and begun anew when unreadable."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from feedmill.durable import make_durable_folder, storage
from feedmill.errors import StorageError

logger = logging.getLogger(__name__)

#: How long a statement waits for another process's transaction, in seconds.
BUSY_TIMEOUT = 10.0
#: How many values one statement takes (SQLite allows 32,766).
BATCH = 500
#: Bytes of a page: SQLite's default.
_PAGE = 4096
_SIDE_FILES = ("", "-wal", "-shm")
#: Primary result codes that mean "this file is not (or no longer) a database": SQLITE_CORRUPT and SQLITE_NOTADB.
_UNREADABLE = (11, 26)
#: Primary result codes of a folder in which nothing may be made: SQLITE_READONLY and SQLITE_CANTOPEN.
_MAY_NOT = (8, 14)


class Unreadable(Exception):
    """The database at `path` is damaged, or of a schema that this version does not know: nothing in it can be trusted."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def open_database(path: Path, migrations: Sequence[str], *, patience: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """Open (or create) the database at `path` with every script of `migrations` applied, each in one transaction.

    `patience`: seconds for which a statement waits for another process's transaction.
    `user_version` counts the scripts applied. Raises Unreadable for damage and for a newer schema, StorageError for the rest.
    """
    make_durable_folder(path.parent)
    _refuse_cut(path)
    try:
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, factory=_Connection)
    except sqlite3.Error as exc:
        raise StorageError(f"cannot open {path}: {exc}; give this user permission, or remove the file") from exc
    connection.path = path
    try:
        with reading(path):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            _migrate(connection, migrations, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_cut(path: Path) -> None:
    """Raise Unreadable for a file that ends inside a page: SQLite would read what is missing as zeros and empty values."""
    with storage(path, doing="read"), contextlib.suppress(FileNotFoundError):
        # With a WAL the end may be in there: the process that was writing it over was killed.
        if path.is_file() and path.stat().st_size % _PAGE and not path.with_name(f"{path.name}-wal").exists():
            raise Unreadable(path, "it is damaged (it ends inside a page)")


def _migrate(connection: sqlite3.Connection, migrations: Sequence[str], path: Path) -> None:
    version = _version(connection)
    if version > len(migrations):
        raise Unreadable(path, f"it was written by a newer feedmill (schema {version}, this one knows {len(migrations)})")
    if version < 0:
        raise Unreadable(path, f"it is damaged (schema {version})")
    for number, script in enumerate(migrations[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")
        except (StorageError, Unreadable):
            connection.rollback()
            if _version(connection) < number:  # else another process has just taken this step
                raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class _Connection(sqlite3.Connection):
    """A connection every statement of which raises our errors, whoever runs it: damage shows wherever a page is first read."""

    path: Path

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor(_Cursor).execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor(_Cursor).executemany(*arguments)

    def executescript(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor(_Cursor).executescript(*arguments)


class _Cursor(sqlite3.Cursor):
    connection: _Connection

    def execute(self, *arguments: Any) -> Self:
        with self._given_up_on_error():
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Self:
        with self._given_up_on_error():
            return super().executemany(*arguments)

    @contextlib.contextmanager
    def _given_up_on_error(self) -> Iterator[None]:
        """Let go of a statement that failed: the traceback holds this cursor, and while it is open so are the database's files."""
        try:
            with reading(self.connection.path):
                yield
        except BaseException:
            self.close()
            raise

    def executescript(self, *arguments: Any) -> sqlite3.Cursor:
        with reading(self.connection.path):
            return super().executescript(*arguments)

    def fetchone(self) -> Any:
        with reading(self.connection.path):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with reading(self.connection.path):
            return super().fetchall()

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except sqlite3.Error as exc:
            raise _our_error(exc, self.connection.path) from exc


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn SQLite's errors inside the block into Unreadable (damage) or StorageError (disk, permission, lock)."""
    try:
        yield
    except sqlite3.Error as exc:
        raise _our_error(exc, path) from exc


def _our_error(exc: sqlite3.Error, path: Path) -> Unreadable | StorageError:
    code = (getattr(exc, "sqlite_errorcode", None) or 0) & 0xFF
    # Neither has a code of its own: another schema, and text of which a page was overwritten.
    is_strange = isinstance(exc, sqlite3.OperationalError) and str(exc).startswith(("no such", "Could not decode"))
    if code in _UNREADABLE or is_strange or isinstance(exc, sqlite3.IntegrityError):
        return Unreadable(path, f"it is damaged ({str(exc)[:80]})")
    return StorageError(f"{path}: {exc}; check free space, permissions and other running feedmill processes")


def open_or_rebuild(path: Path, migrations: Sequence[str], *, patience: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """As `open_database`, but a file that cannot be used is moved aside, said in one line, and begun anew. Raises StorageError."""
    try:
        return open_database(path, migrations, patience=patience)
    except Unreadable as exc:
        move_aside(exc)
        return open_database(path, migrations, patience=patience)


def move_aside(damage: Unreadable) -> Path:
    """Rename the database (and its WAL) to the first free `<name>.unreadable-N` and return that name. Raises StorageError."""
    path, number = damage.path, 1
    while (aside := path.with_name(f"{path.name}.unreadable-{number}")).exists():
        number += 1
    for suffix in _SIDE_FILES:
        with storage(path, doing="move away"), contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    logger.warning("%s cannot be used: %s; moved to %s and rebuilt", path, damage.reason, aside.name)
    return aside


def open_to_read(path: Path, *, timeout: float) -> tuple[sqlite3.Connection, bool]:
    """Open a database that others write, for reading alone; also return whether what they write from now on will be seen.

    Even to read SQLite makes the WAL's index beside the database. Where this user may make nothing there, and there is no WAL, the file
    by itself is read, as it is now. `timeout` in seconds. Raises sqlite3.Error, OSError: the caller knows what a reader does about it.
    """
    try:
        return _connect_to_read(path, "mode=ro", timeout), True
    except sqlite3.OperationalError as exc:
        wal = path.with_name(f"{path.name}-wal")
        if (getattr(exc, "sqlite_errorcode", 0) & 0xFF) not in _MAY_NOT or (wal.exists() and wal.stat().st_size):
            raise
        return _connect_to_read(path, "immutable=1", timeout), False


def _connect_to_read(path: Path, how: str, timeout: float) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=timeout, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only=1")
        connection.execute("PRAGMA user_version").fetchone()  # SQLite looks at nothing before it is asked
    except BaseException:
        connection.close()
        raise
    return connection


def copy_database(path: Path, folder: Path) -> Path:
    """Copy the database with its WAL into `folder` and return the copy's path (nothing is copied where there is none).

    Raises StorageError.
    """
    import shutil

    copy = folder / path.name
    for suffix in ("", "-wal"):
        with storage(path, doing="copy"), contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    return copy
