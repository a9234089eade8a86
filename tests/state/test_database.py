"""Databases heal: whatever stands at their place, opening gives one that works, and what was moved aside is said in one line."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feedmill.errors import StorageError
from feedmill.state import database
from feedmill.state.database import Unreadable, copy_database, move_aside, open_database, open_or_rebuild, reading

STEPS = (
    "CREATE TABLE notes (number INTEGER PRIMARY KEY, text TEXT NOT NULL);",
    "ALTER TABLE notes ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'; CREATE INDEX by_colour ON notes (colour);",
    "CREATE TABLE log (line TEXT NOT NULL); INSERT INTO log SELECT text FROM notes;",
)
ROWS = 400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The place of a database with 400 notes on many pages."""
    place = tmp_path / ".feedmill" / "state.db"
    with closing(open_database(place, STEPS[:1])) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO notes VALUES (?, ?)", ((number, f"文 {number} " * 20) for number in range(ROWS)))
        connection.execute("COMMIT")
    return place


def count(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("SELECT count(*) FROM notes NOT INDEXED").fetchone()[0]
    return number


def version(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def aside(path: Path) -> list[str]:
    """Return the names of what was moved aside, without WAL and shared memory."""
    return sorted(file.name for file in path.parent.iterdir() if ".unreadable-" in file.name and not file.name.endswith(("-wal", "-shm")))


# opening and migrating


def test_a_missing_database_is_made_with_its_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "a" / "b" / "state.db"
    with closing(open_or_rebuild(place, STEPS)) as connection:
        assert version(connection) == len(STEPS)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert caplog.records == []
    assert aside(place) == []


def test_migrations_apply_once_and_in_order(path: Path) -> None:
    for known in range(1, len(STEPS) + 1):
        for _ in range(2):
            with closing(open_database(path, STEPS[:known])) as connection:
                assert (version(connection), count(connection)) == (known, ROWS)
    with closing(open_database(path, STEPS)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT line) FROM log").fetchone() == (ROWS, ROWS)
        assert connection.execute("SELECT DISTINCT colour FROM notes").fetchall() == [("red",)]


def test_a_migration_applies_wholly_or_not_at_all(path: Path) -> None:
    broken = (*STEPS[:1], "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(Unreadable, match="no such table: nowhere"):
        open_database(path, broken)
    with closing(open_database(path, STEPS[:1])) as connection:
        assert version(connection) == 1
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name='half'").fetchone() == (0,)


def test_processes_that_open_a_new_database_at_once_migrate_it_once(tmp_path: Path) -> None:
    place, barrier = tmp_path / "state.db", threading.Barrier(6)
    outcomes: list[object] = []

    def open_it() -> None:
        barrier.wait()
        try:
            with closing(open_database(place, STEPS)) as connection:
                outcomes.append(version(connection))
        except Exception as exc:
            outcomes.append(exc)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [len(STEPS)] * 6


# damage


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(3).randbytes(30_000))


def text(path: Path) -> None:
    path.write_text("title: not a database\n" * 500, encoding="utf-8")


def head_overwritten(path: Path) -> None:
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_inside_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def root_page_overwritten(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + random.Random(5).randbytes(4096) + data[8192:])


def leaf_page_overwritten(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: 4096 * 6] + random.Random(5).randbytes(4096) + data[4096 * 7 :])


def newer_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")


def negative_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=-2")


def no_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE notes; PRAGMA user_version=1;")


DAMAGE = [
    garbage,
    text,
    head_overwritten,
    cut_in_half,
    cut_inside_a_page,
    root_page_overwritten,
    leaf_page_overwritten,
    newer_schema,
    negative_schema,
    no_tables,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_moved_aside_said_in_one_line_and_begun_anew(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(path)
    broken = path.read_bytes()
    for _ in range(2):  # what only shows when a page is read makes the caller move the file and come again
        try:
            with closing(open_or_rebuild(path, STEPS[:1])) as connection:
                notes = count(connection)
        except Unreadable as exc:
            move_aside(exc)
    assert notes == 0
    assert aside(path) == ["state.db.unreadable-1"]
    assert path.with_name("state.db.unreadable-1").read_bytes() == broken
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(path) in record.getMessage()
    assert "state.db.unreadable-1" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_an_empty_file_becomes_a_database(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"")
    with closing(open_or_rebuild(path, STEPS)) as connection:
        assert count(connection) == 0
    assert caplog.records == []


def test_any_overwritten_page_is_noticed_or_does_not_matter(path: Path) -> None:
    """Reading everything gives the right notes or says that the file cannot be trusted: never another error."""
    good = path.read_bytes()
    expected = [(number, f"文 {number} " * 20) for number in range(ROWS)]
    chance = random.Random(11)
    for page in range(len(good) // 4096):
        path.write_bytes(good[: page * 4096] + chance.randbytes(4096) + good[(page + 1) * 4096 :])
        with pytest.raises(Unreadable), closing(open_database(path, STEPS[:1])) as connection:
            assert connection.execute("SELECT number, text FROM notes").fetchall() == expected


def test_text_that_was_overwritten_is_damage(path: Path) -> None:
    """A long text lies on pages of its own, which SQLite takes as they are."""
    with closing(open_database(path, STEPS[:1])) as connection:
        connection.execute("INSERT INTO notes VALUES (-1, ?)", ("长" * 9000,))
    path.write_bytes(path.read_bytes().replace("长".encode() * 100, b"\xff" * 300))
    with closing(open_database(path, STEPS[:1])) as connection, pytest.raises(Unreadable, match="damaged"):
        connection.execute("SELECT text FROM notes WHERE number=-1").fetchone()


@pytest.mark.parametrize("leftover", ["-wal", "-shm"])
def test_leftovers_beside_a_good_database_do_no_harm(path: Path, leftover: str) -> None:
    path.with_name(path.name + leftover).write_bytes(random.Random(1).randbytes(40_000))
    with closing(open_or_rebuild(path, STEPS[:1])) as connection:
        assert count(connection) == ROWS
    assert aside(path) == []


def test_the_wal_of_a_killed_process_is_read(path: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom feedmill.state.database import open_database\n"
        "connection = open_database(Path(sys.argv[1]), ['x'])\n"
        "connection.execute(\"INSERT INTO notes VALUES (1000, 'late')\")\nos.kill(os.getpid(), 9)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(database.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=False)
    assert path.with_name("state.db-wal").stat().st_size
    with closing(open_or_rebuild(path, STEPS[:1])) as connection:
        assert count(connection) == ROWS + 1


def test_what_is_moved_aside_never_overwrites_what_was_moved_before(path: Path) -> None:
    for number in range(1, 4):
        path.write_text(f"damage {number} " * 1000)
        open_or_rebuild(path, STEPS).close()
        assert aside(path) == [f"state.db.unreadable-{n}" for n in range(1, number + 1)]
    assert path.with_name("state.db.unreadable-2").read_text().startswith("damage 2 ")


def test_a_wal_goes_with_its_database(path: Path) -> None:
    path.with_name("state.db-wal").write_bytes(b"wal")
    moved = move_aside(Unreadable(path, "it is damaged"))
    assert not path.exists()
    assert not path.with_name("state.db-wal").exists()
    assert moved.with_name(moved.name + "-wal").read_bytes() == b"wal"


def test_moving_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert move_aside(Unreadable(tmp_path / "gone.db", "it is damaged")) == tmp_path / "gone.db.unreadable-1"


def test_a_database_that_cannot_be_moved_is_a_storage_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(StorageError, match=r"cannot move away .*state.db: Permission denied; give this user permission"):
        move_aside(Unreadable(path, "it is damaged"))


# errors that are no damage


def test_a_folder_in_its_place_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StorageError, match=r"state\.db"):
        open_or_rebuild(tmp_path / "state.db", STEPS)
    assert aside(tmp_path / "state.db") == []


def test_a_file_where_its_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / ".feedmill").write_text("x")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        open_or_rebuild(tmp_path / ".feedmill" / "state.db", STEPS)


@pytest.fixture
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process's transaction that does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO notes VALUES (1000, 'x')")
        yield connection


@pytest.mark.usefixtures("held")
def test_a_lock_of_another_process_is_a_storage_error_and_not_damage(path: Path) -> None:
    with closing(open_or_rebuild(path, STEPS[:1], patience=0.05)) as connection:
        assert count(connection) == ROWS
        with pytest.raises(StorageError, match="database is locked; check"):
            connection.execute("BEGIN IMMEDIATE")
    assert aside(path) == []


STATEMENTS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "execute": lambda connection: connection.execute("SELECT 1 FROM nowhere"),
    "executemany": lambda connection: connection.executemany("INSERT INTO notes VALUES (?, ?)", [(1, "twice"), (1, "twice")]),
    "executescript": lambda connection: connection.executescript("SELECT * FROM nowhere;"),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_every_statement_of_a_connection_raises_our_errors(path: Path, statement: Callable[[sqlite3.Connection], object]) -> None:
    with closing(open_database(path, STEPS[:1])) as connection, pytest.raises(Unreadable) as caught:
        statement(connection)
    assert caught.value.path == path
    assert isinstance(caught.value.__cause__, sqlite3.Error)


@pytest.mark.parametrize(
    "read",
    [lambda rows: rows.fetchall(), list, lambda rows: [rows.fetchone() for _ in range(ROWS)]],
    ids=["fetchall", "iteration", "fetchone"],
)
def test_damage_that_shows_while_rows_are_read_is_ours_too(path: Path, read: Callable[[sqlite3.Cursor], object]) -> None:
    leaf_page_overwritten(path)
    with closing(open_database(path, STEPS[:1])) as connection, pytest.raises(Unreadable, match="malformed"):
        read(connection.execute("SELECT number, text FROM notes"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sqlite3.DatabaseError("database disk image is malformed"), 11),
        (sqlite3.DatabaseError("file is not a database"), 26),
        (sqlite3.OperationalError("disk I/O error"), 10),
        (sqlite3.OperationalError("database or disk is full"), 13),
        (sqlite3.OperationalError("attempt to write a readonly database"), 8),
        (sqlite3.DatabaseError("malformed, with an extended code"), 11 | 1 << 8),
    ],
    ids=["corrupt", "not a database", "input/output", "full", "read-only", "extended code"],
)
def test_which_errors_mean_damage(error: sqlite3.Error, expected: int) -> None:
    error.sqlite_errorcode = expected
    with pytest.raises(Unreadable if expected & 0xFF in (11, 26) else StorageError), reading(Path("state.db")):
        raise error


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(LookupError), reading(tmp_path):
        raise LookupError


# copies for dry runs


def test_a_copy_has_what_is_committed_and_shares_nothing(path: Path, tmp_path: Path) -> None:
    with closing(open_database(path, STEPS[:1])) as connection:
        connection.execute("INSERT INTO notes VALUES (1000, 'only in the WAL')")
        copy = copy_database(path, tmp_path)
        assert copy == tmp_path / "state.db"
        with closing(open_database(copy, STEPS[:1])) as other:
            assert count(other) == ROWS + 1
            other.execute("DELETE FROM notes")
        assert count(connection) == ROWS + 1


def test_a_copy_of_nothing_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    assert copy_database(tmp_path / "state.db", tmp_path / "copy") == tmp_path / "copy" / "state.db"
    assert list((tmp_path / "copy").iterdir()) == []


def test_a_copy_that_cannot_be_made_is_a_storage_error(path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot copy .* is needed: move it away"):
        copy_database(path.parent, path.parent.parent / "nowhere")
