"""Where feeds went that are no more: read from the state database without ever being in the way, or failing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from feedmill.service.moved import Moved
from feedmill.state.memory import DatabaseMemory
from machine import without_root_rights
from sites import Project


class Clock:
    """Monotonic seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def remember(path: Path, **moves: str | None) -> None:
    with closing(DatabaseMemory(path)) as memory:
        for file, target in moves.items():
            memory.note("moved", f"{file}/atom.xml", target and f"{target}/atom.xml")
        memory.commit()


def ask(moved: Moved, *files: str) -> list[str | None]:
    async def all_of_them() -> list[str | None]:
        return [await moved(f"{file}/atom.xml") for file in files]

    return asyncio.run(all_of_them())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "a #?%41 folder" / "state.db"
    path.parent.mkdir()
    remember(path, A="B", C="")
    return path


def test_moved_gone_and_unknown(state: Path) -> None:
    assert ask(Moved(state), "A", "C", "B", "a", "") == ["B/atom.xml", "", None, None, None]


def test_what_a_publish_remembers_is_what_a_server_answers_by(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.post("1.md", categories="[甲, 乙]")
    project.post("2.md", categories="[F]")
    project.publish()
    clock = Clock()
    moved = Moved(project.config.state_path, monotonic=clock)
    assert ask(moved, "甲", "甲/乙") == [None, None]
    project.post("1.md", categories="[丙, 乙]")
    project.publish()
    clock.now += 6
    assert ask(moved, "甲", "甲/乙", "丙") == ["丙/atom.xml", "丙/乙/atom.xml", None]
    (tmp_path / "posts" / "1.md").unlink()
    project.publish()
    clock.now += 6
    assert ask(moved, "甲", "甲/乙", "丙", "丙/乙") == ["", "", "", ""]
    project.post("1.md", categories="[甲]")
    project.publish()
    clock.now += 6
    assert ask(moved, "甲", "甲/乙") == [None, ""]


def test_a_change_is_seen_after_five_seconds_and_not_before(state: Path) -> None:
    clock = Clock()
    moved = Moved(state, monotonic=clock)
    assert ask(moved, "A") == ["B/atom.xml"]
    remember(state, A=None, D="E")
    clock.now += 4.9
    assert ask(moved, "A", "D") == ["B/atom.xml", None]
    clock.now += 0.2
    assert ask(moved, "A", "D") == [None, "E/atom.xml"]


def test_a_change_within_the_tick_of_a_clock_is_seen(state: Path) -> None:
    clock = Clock()
    moved = Moved(state, monotonic=clock)
    for number in range(5):
        remember(state, A=f"B{number}")
        clock.now += 6
        assert ask(moved, "A") == [f"B{number}/atom.xml"]


def test_a_database_that_did_not_change_is_not_read_again(state: Path) -> None:
    """Its bytes are spoilt, its times are not."""
    os.utime(state, ns=(1, 1))
    clock = Clock()
    moved = Moved(state, monotonic=clock)
    assert ask(moved, "A") == ["B/atom.xml"]
    for file in state.parent.iterdir():
        os.utime(file, ns=(1, 1))
    clock.now += 6
    assert ask(moved, "A") == ["B/atom.xml"]
    status = os.stat(state)
    state.write_bytes(b"x" * status.st_size)
    os.utime(state, ns=(status.st_atime_ns, status.st_mtime_ns))
    clock.now += 6
    assert ask(moved, "A") == ["B/atom.xml"]


def spoil(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    os.truncate(path, 5000)


def other(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE memory (x)")


def bytes_(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO memory VALUES ('moved', x'ff00', 7)")
        connection.execute("INSERT INTO memory VALUES ('moved', 'D/atom.xml', x'07')")
        connection.commit()


def no_text(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO memory VALUES ('moved', CAST(x'ff' AS TEXT), '')")
        connection.commit()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def missing(path: Path) -> None:
    path.unlink()


def no_folder(path: Path) -> None:
    path.unlink()
    path.parent.rename(path.parent.with_name("elsewhere"))


TROUBLES = [spoil, empty, cut, other, bytes_, no_text, folder, missing, no_folder]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_database_that_cannot_be_read_says_nothing_and_is_read_when_it_can_be(state: Path, trouble: Callable[[Path], None]) -> None:
    for file in state.parent.glob("*-*"):
        file.unlink()
    trouble(state)
    clock = Clock()
    moved = Moved(state, monotonic=clock)
    assert ask(moved, "D") == [None]
    assert ask(moved, "A")[0] in (None, "B/atom.xml")
    if state.is_dir():
        state.rmdir()
    for file in state.parent.glob("state.db*"):
        file.unlink()
    remember(state, A="Z")
    clock.now += 6
    assert ask(moved, "A") == ["Z/atom.xml"]


def test_what_was_known_outlives_a_database_that_is_damaged_and_not_one_that_is_gone(state: Path) -> None:
    clock = Clock()
    moved = Moved(state, monotonic=clock)
    assert ask(moved, "A") == ["B/atom.xml"]
    spoil(state)
    clock.now += 6
    assert ask(moved, "A") == ["B/atom.xml"]
    for file in state.parent.iterdir():
        file.unlink()
    clock.now += 6
    assert ask(moved, "A") == [None]
    assert not list(state.parent.iterdir()), "looking makes no file"


def test_a_writer_in_the_middle_of_its_work_is_not_waited_for(state: Path) -> None:
    with closing(sqlite3.connect(state, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("DELETE FROM memory")
        assert ask(Moved(state), "A") == ["B/atom.xml"]
        writer.execute("ROLLBACK")


def test_a_database_that_is_locked_whole_says_nothing(state: Path) -> None:
    with closing(sqlite3.connect(state, isolation_level=None)) as owner:
        owner.execute("PRAGMA journal_mode=DELETE")
        owner.execute("BEGIN EXCLUSIVE")
        assert ask(Moved(state), "A") == [None]


def test_a_flood_of_requests_for_what_never_was_is_one_look(state: Path) -> None:
    moved = Moved(state, monotonic=Clock())
    threads: set[str] = set()

    class Noted(Moved):
        looks = 0

        def _refresh(self) -> None:
            type(self).looks += 1
            threads.add(threading.current_thread().name)
            super()._refresh()

    moved = Noted(state, monotonic=Clock())

    async def flood() -> None:
        answers = await asyncio.gather(*(moved(f"{number}/atom.xml") for number in range(2000)))
        assert set(answers) == {None}

    asyncio.run(flood())
    assert Noted.looks == 1
    assert threading.main_thread().name not in threads, "the loop goes on meanwhile"


def test_a_folder_where_nothing_may_be_written() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = Path(name) / "state" / "state.db"
        path.parent.mkdir()
        remember(path, A="B")
        assert [file.name for file in path.parent.iterdir()] == ["state.db"]
        assert ask(Moved(path.with_name("none.db")), "A") == [None]  # and everything is imported that nobody may not read
        path.parent.chmod(0o555)
        with without_root_rights():
            if os.access(path.parent, os.W_OK, effective_ids=True):
                pytest.skip("this user may write everywhere")
            assert ask(Moved(path), "A") == ["B/atom.xml"]
        path.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("A/rss.xml", "B/rss.xml"),
        ("A/feed-3.json", "B/feed-3.json"),
        ("A/atom-12.xml", "B/atom-12.xml"),
        ("C/rss-1.xml", ""),
        ("A/index.html", None),
        ("A/", None),
        ("A/atom-0.xml", None),
    ],
)
def test_all_documents_of_a_feed_go_with_it(state: Path, path: str, target: str | None) -> None:
    async def one() -> str | None:
        return await Moved(state)(path)

    assert asyncio.run(one()) == target
