"""`posts/.feedmill-deleted`, as feedmill and people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from feedmill.consumer.tombstones import NAME, add_tombstones, load_tombstones
from feedmill.errors import StorageError


@pytest.mark.parametrize(
    ("data", "guids"),
    [
        pytest.param(b"", set(), id="empty"),
        pytest.param(b"a\nb\n", {"a", "b"}, id="lines"),
        pytest.param(b"a\r\nb\r\n", {"a", "b"}, id="crlf"),
        pytest.param(b"\n\na\n\n\nb\n\n", {"a", "b"}, id="blank-lines"),
        pytest.param(b"a\nb", {"a", "b"}, id="no-final-newline"),
        pytest.param(b"  a \t\nb  \n", {"a", "b"}, id="outer-white-space"),
        pytest.param(b"\xef\xbb\xbfa\nb\n", {"a", "b"}, id="byte-order-mark"),
        pytest.param("标识 一\nurn:x:é\n".encode(), {"标识 一", "urn:x:é"}, id="any-language"),
        pytest.param(b"a\n\xff\xfe\nb\n", {"a", "\ufffd\ufffd", "b"}, id="not-utf-8"),
    ],
)
def test_what_people_write_is_read(tmp_path: Path, data: bytes, guids: set[str]) -> None:
    (tmp_path / NAME).write_bytes(data)
    assert load_tombstones(tmp_path) == guids


def test_without_a_file_there_are_none_and_nothing_to_add_makes_none(tmp_path: Path) -> None:
    assert load_tombstones(tmp_path) == frozenset()
    add_tombstones(tmp_path, [])
    add_tombstones(tmp_path, ["", " \n"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"", b"a\nb\n", id="empty"),
        pytest.param(b"a\n", b"a\nb\n", id="one-is-there"),
        pytest.param(b"x", b"x\na\nb\n", id="no-final-newline"),
        pytest.param(b"x\r\n\r\na\r\n", b"x\r\n\r\na\r\nb\n", id="crlf"),
        pytest.param(b"\xff\n", b"\xff\na\nb\n", id="bytes-that-stay"),
    ],
)
def test_what_stands_in_the_file_stays_byte_for_byte(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / NAME).write_bytes(before)
    add_tombstones(tmp_path, ["a", "b", "a"])
    assert (tmp_path / NAME).read_bytes() == after
    stamp = (tmp_path / NAME).stat()
    add_tombstones(tmp_path, ["b", "a"])
    assert (tmp_path / NAME).stat() == stamp, "it was written again for nothing"


@pytest.mark.parametrize(
    "guid", ["a\nb", "a\x85b", "a\u2028b", "a\x0cb", "a\x1cb", "\ufeffa", " a ", "a\x00b", "a\ud800b", "# a", "é" * 5000]
)
def test_a_guid_is_one_line_and_known_again(tmp_path: Path, guid: str) -> None:
    add_tombstones(tmp_path, ["first", guid])
    assert (tmp_path / NAME).read_bytes().count(b"\n") == 2
    assert len(load_tombstones(tmp_path)) == 2
    before = (tmp_path / NAME).read_bytes()
    add_tombstones(tmp_path, [guid])
    assert (tmp_path / NAME).read_bytes() == before


def test_a_file_that_cannot_be_read_is_an_error_of_storage(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(StorageError, match="a folder stands where a file is needed"):
        load_tombstones(tmp_path)
