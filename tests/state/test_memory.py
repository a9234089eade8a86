"""The contract of Memory, over every implementation of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.errors import StorageError
from feedmill.state import database
from feedmill.state.memory import DatabaseMemory, Memory
from feedmill.state.schema import MIGRATIONS


class PlainMemory:
    """Memory in a dictionary that outlives it, as a file does."""

    def __init__(self, kept: dict[tuple[str, str], str]) -> None:
        self._kept = kept
        self._noted: dict[tuple[str, str], str | None] = {}

    def recall(self, kind: str, key: str) -> str | None:
        return (self._kept | self._noted).get((kind, key))

    def recall_all(self, kind: str) -> Mapping[str, str]:
        return {key: value for (of, key), value in (self._kept | self._noted).items() if of == kind and value is not None}

    def note(self, kind: str, key: str, value: str | None) -> None:
        self._noted[kind, key] = value

    def commit(self) -> None:
        after = self._kept | self._noted
        self._kept.clear()
        self._kept.update({known: value for known, value in after.items() if value is not None})
        self._noted.clear()


#: Opens the same memory anew: what a later run finds.
Opener = Callable[[], Memory]


@pytest.fixture(params=["database", "plain"])
def remember(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    if request.param == "plain":
        kept: dict[tuple[str, str], str] = {}
        yield lambda: PlainMemory(kept)
        return
    opened: list[DatabaseMemory] = []

    def open_one() -> Memory:
        opened.append(DatabaseMemory(tmp_path / ".feedmill" / "state.db"))
        return opened[-1]

    yield open_one
    for memory in opened:
        memory.close()


def test_nothing_is_remembered_at_first(remember: Opener) -> None:
    memory = remember()
    assert memory.recall("feed", "a") is None
    assert memory.recall_all("feed") == {}
    memory.commit()


def test_what_is_noted_is_recalled_at_once_and_after_a_commit(remember: Opener) -> None:
    memory = remember()
    memory.note("feed", "新媒体", "名")
    assert memory.recall("feed", "新媒体") == "名"
    assert memory.recall_all("feed") == {"新媒体": "名"}
    memory.commit()
    assert memory.recall("feed", "新媒体") == "名"
    assert remember().recall_all("feed") == {"新媒体": "名"}


def test_what_was_not_committed_is_forgotten(remember: Opener) -> None:
    memory = remember()
    memory.note("feed", "a", "1")
    memory.commit()
    memory.note("feed", "a", "2")
    memory.note("feed", "b", "3")
    later = remember()
    assert later.recall("feed", "a") == "1"
    assert later.recall("feed", "b") is None


def test_a_later_note_takes_the_place_of_an_earlier_one(remember: Opener) -> None:
    memory = remember()
    for value in ("1", "2", "1", "1"):
        memory.note("feed", "a", value)
        assert memory.recall("feed", "a") == value
        memory.commit()
        assert remember().recall("feed", "a") == value


def test_a_note_that_is_taken_back_before_the_commit(remember: Opener) -> None:
    memory = remember()
    memory.note("feed", "a", "1")
    memory.commit()
    memory.note("feed", "a", "2")
    memory.note("feed", "a", "1")
    memory.commit()
    assert remember().recall_all("feed") == {"a": "1"}


def test_what_is_forgotten(remember: Opener) -> None:
    memory = remember()
    memory.note("moved", "a", "1")
    memory.note("feed", "a", "2")
    memory.commit()
    memory.note("moved", "a", None)
    memory.note("moved", "never known", None)
    assert memory.recall("moved", "a") is None
    assert memory.recall_all("moved") == {}
    assert remember().recall("moved", "a") == "1"
    memory.commit()
    assert remember().recall_all("moved") == {}
    assert remember().recall_all("feed") == {"a": "2"}
    memory.note("moved", "a", "3")
    memory.commit()
    assert remember().recall_all("moved") == {"a": "3"}


def test_kinds_do_not_mix(remember: Opener) -> None:
    memory = remember()
    memory.note("feed", "a", "1")
    memory.note("claim", "a", "2")
    memory.commit()
    memory.note("claim", "b", "3")
    assert memory.recall_all("feed") == {"a": "1"}
    assert memory.recall_all("claim") == {"a": "2", "b": "3"}
    assert memory.recall("first-seen", "a") is None


def test_an_empty_value_is_remembered(remember: Opener) -> None:
    memory = remember()
    memory.note("claim", "urn:1", "")
    assert memory.recall("claim", "urn:1") == ""
    memory.commit()
    assert remember().recall("claim", "urn:1") == ""


def test_committing_twice_is_committing_once(remember: Opener) -> None:
    memory = remember()
    memory.note("feed", "a", "1")
    memory.commit()
    memory.commit()
    assert remember().recall_all("feed") == {"a": "1"}


def test_what_is_given_out_is_a_copy(remember: Opener) -> None:
    memory = remember()
    memory.note("feed", "a", "1")
    given_out = dict(memory.recall_all("feed"))
    memory.note("feed", "b", "2")
    assert given_out == {"a": "1"}


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("note"), st.sampled_from(["feed", "claim"]), WORDS, st.one_of(st.none(), WORDS)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("reopen")),
    ),
    max_size=12,
)


@settings(max_examples=30)
@given(steps=STEPS)
def test_the_database_remembers_what_the_plain_one_does(
    steps: list[tuple[str | None, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, kept = tmp_path_factory.mktemp("memory") / "state.db", {}
    one, other = DatabaseMemory(path), PlainMemory(kept)
    for name, *arguments in steps:
        if name == "note":
            one.note(*arguments)
            other.note(*arguments)
        elif name == "commit":
            one.commit()
            other.commit()
        else:
            one.close()
            one, other = DatabaseMemory(path), PlainMemory(kept)
        for kind in ("feed", "claim"):
            assert one.recall_all(kind) == other.recall_all(kind)
    one.close()


# the database alone


def test_a_commit_while_another_process_writes_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    memory = DatabaseMemory(tmp_path / "state.db", patience=0.05)
    other = database.open_database(tmp_path / "state.db", MIGRATIONS)
    other.execute("BEGIN IMMEDIATE")
    memory.note("feed", "a", "1")
    with pytest.raises(StorageError, match="other running feedmill processes"):
        memory.commit()
    other.execute("ROLLBACK")
    memory.commit()
    memory.close()
    assert other.execute("SELECT * FROM memory").fetchall() == [("feed", "a", "1")]
    other.close()


def test_a_commit_that_fails_halfway_keeps_nothing_of_it(tmp_path: Path) -> None:
    memory = DatabaseMemory(tmp_path / "state.db")
    memory.note("feed", "a", "1")
    memory.note("feed", "b", "\ud800")  # no database holds this
    with pytest.raises(UnicodeEncodeError):
        memory.commit()
    memory.close()
    later = DatabaseMemory(tmp_path / "state.db")
    assert later.recall_all("feed") == {}
    later.close()


def test_a_damaged_memory_begins_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all" * 100)
    memory = DatabaseMemory(tmp_path / "state.db")
    memory.note("feed", "a", "1")
    memory.commit()
    memory.close()
    assert len(caplog.records) == 1
    assert "state.db.unreadable-1" in caplog.text


def test_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    """SQLite's synchronous=FULL (2): in WAL mode NORMAL does not wait for the disk at a commit."""
    memory = DatabaseMemory(tmp_path / "state.db")
    assert memory._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    memory.close()
