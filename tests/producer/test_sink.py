"""The contract of FeedSink over the folder of feeds; a dry one reads the same and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedmill.durable import is_temporary, stage, sweep
from feedmill.errors import StorageError
from feedmill.producer.documents import FileStamp
from feedmill.producer.sink import DrySink, FolderSink

OLD = b"<feed>old</feed>"


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    """A folder of two feeds, and what is not ours."""
    folder = tmp_path / "feeds"
    for file in ("atom.xml", "新媒体/人人/atom.xml"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(OLD)
    (folder / "CNAME").write_text("a person's own")
    return folder


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return inode, time and bytes of everything below a folder, folders too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = os.lstat(path)
        found[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def seen(folder: Path) -> dict[str, bytes]:
    """Return what a reader of the feeds sees."""
    return {name: data for name, data in files(folder).items() if not is_temporary(Path(name).name)}


# looking and reading, dry or not


@pytest.mark.parametrize("kind", [FolderSink, DrySink])
def test_a_file_is_looked_at_and_read(feeds: Path, kind: type[FolderSink]) -> None:
    sink = kind(feeds)
    status = os.stat(feeds / "新媒体/人人/atom.xml")
    assert sink.look("新媒体/人人/atom.xml") == FileStamp(status.st_mtime_ns, status.st_ino, len(OLD))
    assert sink.read("新媒体/人人/atom.xml") == OLD


@pytest.mark.parametrize("kind", [FolderSink, DrySink])
@pytest.mark.parametrize("file", ["gone.xml", "gone/atom.xml", "atom.xml/atom.xml"])
def test_where_no_file_is_there_is_no_stamp_and_nothing_to_read(feeds: Path, kind: type[FolderSink], file: str) -> None:
    sink = kind(feeds)
    assert sink.look(file) is None
    with pytest.raises(StorageError, match="cannot read"):
        sink.read(file)


@pytest.mark.parametrize("kind", [FolderSink, DrySink])
def test_what_cannot_be_looked_at_is_not_taken_for_ours_or_for_nothing(feeds: Path, kind: type[FolderSink]) -> None:
    stamp = kind(feeds).look("x" * 300)
    assert stamp is not None
    assert stamp.size < -1


@pytest.mark.parametrize("kind", [FolderSink, DrySink])
def test_a_link_is_not_taken_for_the_file_that_it_leads_to(feeds: Path, kind: type[FolderSink]) -> None:
    (feeds / "link.xml").symlink_to("nowhere")
    assert kind(feeds).look("link.xml") is not None
    (feeds / "other.xml").symlink_to("atom.xml")
    assert kind(feeds).look("other.xml") != kind(feeds).look("atom.xml")


@pytest.mark.parametrize("kind", [FolderSink, DrySink])
def test_a_stage_tells_the_size_that_the_file_will_have(feeds: Path, kind: type[FolderSink]) -> None:
    sink = kind(feeds)
    assert sink.stage("a.xml", [b"one", b"", b"three"]).size == 8
    sink.drop()


# the folder


def test_nothing_is_seen_before_the_commit_and_everything_after_it(feeds: Path) -> None:
    sink = FolderSink(feeds)
    before = seen(feeds)
    stamps = {file: sink.stage(file, [b"new ", file.encode()]) for file in ("atom.xml", "a/b/atom.xml")}
    assert seen(feeds) == before
    sink.commit([])
    assert files(feeds) == before | {"atom.xml": b"new atom.xml", "a/b/atom.xml": b"new a/b/atom.xml"}
    assert {file: sink.look(file) for file in stamps} == stamps


def test_a_drop_leaves_everything_as_it_was(feeds: Path) -> None:
    before = files(feeds)
    sink = FolderSink(feeds)
    sink.stage("atom.xml", [b"new"])
    sink.drop()
    sink.commit([])
    assert files(feeds) == before


def test_a_stage_that_fails_changes_nothing_at_all(feeds: Path) -> None:
    before = files(feeds)
    sink = FolderSink(feeds)
    sink.stage("atom.xml", [b"new"])
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        sink.stage("atom.xml/atom.xml", [b"new"])
    assert files(feeds) == before
    sink.commit([])
    assert files(feeds) == before


def test_chunks_that_fail_change_nothing_at_all(feeds: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the other half is spoiled")

    before = files(feeds)
    sink = FolderSink(feeds)
    sink.stage("new.xml", [b"new"])
    with pytest.raises(RuntimeError, match="spoiled"):
        sink.stage("atom.xml", chunks())
    sink.commit([])
    assert files(feeds) == before


def test_a_file_in_the_folders_place_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "feeds").write_text("x")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        FolderSink(tmp_path / "feeds").stage("atom.xml", [b"new"])


def test_removed_files_go_with_the_folders_that_are_empty_then(feeds: Path) -> None:
    FolderSink(feeds).commit(["新媒体/人人/atom.xml"])
    assert sorted(path.name for path in feeds.iterdir()) == ["CNAME", "atom.xml"]


def test_a_folder_that_holds_anything_else_stays(feeds: Path) -> None:
    (feeds / "新媒体" / "note.txt").write_text("mine")
    FolderSink(feeds).commit(["新媒体/人人/atom.xml"])
    assert [path.relative_to(feeds).as_posix() for path in (feeds / "新媒体").rglob("*")] == ["新媒体/note.txt"]


def test_removing_a_whole_tree_in_any_order(feeds: Path) -> None:
    removed = ["新媒体/atom.xml", "新媒体/人人/atom.xml", "新媒体/人人/a/b/atom.xml"]
    sink = FolderSink(feeds)
    for order in (removed, removed[::-1]):
        for file in removed:
            sink.stage(file, [b"new"])
        sink.commit([])
        sink.commit(order)
        assert not (feeds / "新媒体").exists()


def test_the_folder_of_feeds_itself_stays(feeds: Path) -> None:
    (feeds / "CNAME").unlink()
    FolderSink(feeds).commit(["atom.xml", "新媒体/人人/atom.xml"])
    assert list(feeds.iterdir()) == []


@pytest.mark.parametrize("file", ["gone.xml", "新媒体/gone/atom.xml", "gone/a/atom.xml"])
def test_removing_what_is_gone_already_is_no_error(feeds: Path, file: str) -> None:
    before = tree(feeds)
    FolderSink(feeds).commit([file])
    assert tree(feeds) == before


def test_removing_from_a_folder_of_feeds_that_is_gone_is_no_error(tmp_path: Path) -> None:
    FolderSink(tmp_path / "gone").commit(["a/atom.xml"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_a_file_should_go_is_a_storage_error(feeds: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot remove .*新媒体"):
        FolderSink(feeds).commit(["新媒体"])
    assert (feeds / "新媒体" / "人人" / "atom.xml").exists()


def test_a_link_is_removed_and_not_what_it_leads_to(feeds: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    (feeds / "link.xml").symlink_to(tmp_path / "elsewhere")
    FolderSink(feeds).commit(["link.xml"])
    assert not (feeds / "link.xml").is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "x"


def test_a_sink_can_be_used_again(feeds: Path) -> None:
    sink = FolderSink(feeds)
    for number in range(3):
        sink.stage("atom.xml", [str(number).encode()])
        sink.commit([])
        assert sink.read("atom.xml") == str(number).encode()


# the dry one


def test_a_dry_sink_changes_nothing(feeds: Path) -> None:
    before = tree(feeds)
    sink = DrySink(feeds)
    sink.stage("atom.xml", [b"new"])
    sink.stage("new/folder/atom.xml", [b"new"])
    sink.commit(["新媒体/人人/atom.xml", "gone.xml"])
    sink.drop()
    assert tree(feeds) == before


def test_a_dry_sink_makes_no_folder_of_feeds(tmp_path: Path) -> None:
    sink = DrySink(tmp_path / "feeds")
    sink.stage("a/atom.xml", [b"new"])
    sink.commit(["b/atom.xml"])
    assert list(tmp_path.iterdir()) == []


# leftovers


def test_sweeping_takes_what_killed_writers_left_and_nothing_else(feeds: Path) -> None:
    before = files(feeds)
    left = [stage(feeds / "atom.xml", [b"half"]), stage(feeds / "新媒体" / "atom.xml", [b"half"])]
    (feeds / ".feedmill-notes").write_text("mine")
    sweep([feeds, feeds / "新媒体", feeds / "gone", feeds / "atom.xml"])
    assert not any(path.exists() for path in left)
    assert files(feeds) == before | {".feedmill-notes": b"mine"}


def test_sweeping_does_not_follow_links(feeds: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").write_text("x")
    (feeds / ".feedmill-0123456789abcdef.tmp").symlink_to(tmp_path / "elsewhere")
    sweep([feeds])
    assert (tmp_path / "elsewhere" / "kept").exists()
    assert not (feeds / ".feedmill-0123456789abcdef.tmp").is_symlink()


@pytest.mark.parametrize("kind", [FolderSink, DrySink])
def test_settling_shows_nothing_yet(feeds: Path, kind: type[FolderSink]) -> None:
    before, sink = seen(feeds), kind(feeds)
    for number in range(40):
        sink.stage(f"{number}/atom.xml", [b"new"])
    sink.settle()
    assert seen(feeds) == before
    sink.commit([])
    assert len(seen(feeds)) == len(before) + (40 if kind is FolderSink else 0)
