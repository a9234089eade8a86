"""Files are whole or absent, whatever goes wrong: full disks, missing permission, things in the way, a writer that is killed."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedmill import durable
from feedmill.durable import (
    TEMP_PREFIX,
    TEMP_SUFFIX,
    Batch,
    FileSystems,
    is_temporary,
    make_folder,
    replace,
    scratch_folder,
    stage,
    storage_error,
    sweep,
    sync_folder,
    write_new,
)
from feedmill.errors import StorageError
from machine import mounted, without_root_rights

OLD = b"what stood here before\n"
#: More than the small disk of these tests holds.
TOO_MUCH = b"x" * 400_000


def everything(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` with its bytes, temporary ones too."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def default_mode() -> int:
    """The permissions of a file that this process creates."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    with mounted(tmp_path / "disk", "size=256k") as folder:
        yield folder


@pytest.fixture
def other_user() -> Iterator[Path]:
    """A folder that anybody may look into, while this process is somebody who may do no more than that."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old").write_bytes(OLD)
        folder.chmod(0o555)
        with without_root_rights():
            if os.access(folder, os.W_OK, effective_ids=True):
                pytest.skip("this user may write everywhere")
            yield folder
        folder.chmod(0o755)


# replace


def test_replace_writes_new_files_with_their_folders_and_leaves_nothing_beside_them(tmp_path: Path) -> None:
    replace(tmp_path / "a" / "b" / "c.xml", b"new")
    assert everything(tmp_path) == {"a/b/c.xml": b"new"}
    assert mode_of(tmp_path / "a" / "b" / "c.xml") == default_mode()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664], ids=oct)
def test_replace_keeps_the_permissions_of_the_file(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "a.xml"
    target.write_bytes(OLD)
    target.chmod(mode)
    replace(target, b"new")
    assert (target.read_bytes(), mode_of(target)) == (b"new", mode)


def test_replace_takes_the_place_of_a_link_and_not_its_0777(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(OLD)
    link = tmp_path / "feeds" / "atom.xml"
    link.parent.mkdir()
    link.symlink_to(elsewhere)
    replace(link, b"new")
    assert not link.is_symlink()
    assert mode_of(link) == default_mode()
    assert (link.read_bytes(), elsewhere.read_bytes()) == (b"new", OLD)


def test_a_reader_sees_the_old_bytes_or_the_new_ones(tmp_path: Path) -> None:
    target = tmp_path / "a.xml"
    versions = [b"0" * 200_000, b"1" * 300_000]
    replace(target, versions[0])
    seen: list[bytes] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(target.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(20):
        replace(target, versions[turn % 2])
    done.set()
    reader.join()
    assert seen
    assert set(seen) <= set(versions)


WRITER = """
import sys
from pathlib import Path
from feedmill.durable import replace
target, versions = Path(sys.argv[1]), [b"0" * 300_000, b"1" * 200_000]
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    replace(target, versions[turn % 2])
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.xml"
    environment = os.environ | {"PYTHONPATH": str(Path(durable.__file__).parents[1])}
    chance = random.Random(7)
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(target)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(chance.uniform(0.001, 0.03))
            writer.kill()
        for name, data in everything(tmp_path).items():
            assert is_temporary(name) or data in (b"0" * 300_000, b"1" * 200_000)


@pytest.mark.parametrize("write", [replace, write_new], ids=["replace", "write_new"])
def test_files_are_durable_before_they_are_seen_and_their_names_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    events: list[tuple[str, int]] = []

    def noted(name: str, real: Callable[..., None], identify: Callable[..., int]) -> None:
        def call(*arguments: object) -> None:
            events.append((name, identify(*arguments)))
            real(*arguments)

        monkeypatch.setattr(os, name, call)

    noted("fsync", os.fsync, lambda descriptor: os.fstat(descriptor).st_ino)
    noted("replace", os.replace, lambda source, _: os.stat(source).st_ino)
    noted("link", os.link, lambda source, _: os.stat(source).st_ino)
    target = tmp_path / "a" / "b" / "c.xml"
    write(target, b"new")
    file, *folders = (os.stat(path).st_ino for path in (target, target.parent, target.parent.parent, tmp_path))
    appears = next(number for number, (name, _) in enumerate(events) if name != "fsync")
    assert events[:appears] == [("fsync", file)]
    assert events[appears][1] == file
    assert {inode for name, inode in events[appears + 1 :] if name == "fsync"} == set(folders)


# what goes wrong


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "permission"),
        (errno.EPERM, "permission"),
        (errno.EROFS, "writable"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOTDIR, "move it away"),
        (errno.EEXIST, "move it away"),
        (errno.EISDIR, "move it away"),
        (errno.ENAMETOOLONG, "shorten"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_errors_say_what_where_why_and_what_to_do(number: int, advice: str) -> None:
    error = storage_error(OSError(number, os.strerror(number)), Path("feeds/atom.xml"), doing="write")
    assert str(error).startswith(f"cannot write feeds/atom.xml: {os.strerror(number)}; ")
    assert advice in str(error)
    assert error.exit_status == 3


def test_an_error_without_advice_has_no_loose_end() -> None:
    assert str(storage_error(OSError(errno.EIO, "Input/output error"), "a", doing="fsync")) == "cannot fsync a: Input/output error"
    assert str(storage_error(OSError("odd"), "a", doing="read")) == "cannot read a: odd"


@pytest.mark.parametrize("write", [replace, write_new], ids=["replace", "write_new"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(small_disk: Path, write: Callable[[Path, bytes], None]) -> None:
    replace(small_disk / "old.xml", OLD)
    name = "old.xml" if write is replace else "new.xml"
    with pytest.raises(StorageError, match=f"cannot write .*{name}: No space left on device; free some space"):
        write(small_disk / name, TOO_MUCH)
    assert everything(small_disk) == {"old.xml": OLD}
    write(small_disk / name, b"small")
    assert everything(small_disk)[name] == b"small"


def test_a_disk_without_inodes_is_a_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k,nr_inodes=3") as disk:
        replace(disk / "a.xml", OLD)
        (disk / "filler").touch()
        with pytest.raises(StorageError, match="free some space"):
            replace(disk / "a.xml", b"new")
        assert everything(disk) == {"a.xml": OLD, "filler": b""}


def test_a_read_only_disk_is_an_error_with_advice(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k") as disk:
        replace(disk / "a.xml", OLD)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(StorageError, match="make the file system writable"):
            replace(disk / "a.xml", b"new")
        assert everything(disk) == {"a.xml": OLD}


def test_a_limit_on_file_sizes_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(OLD)
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom feedmill.durable import replace\nfrom feedmill.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n    replace(Path(sys.argv[1]), b'x' * 400_000)\nexcept StorageError as exc:\n    print(exc)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(durable.__file__).parents[1])}
    command = [sys.executable, "-c", script, str(tmp_path / "a.xml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert everything(tmp_path) == {"a.xml": OLD}


@pytest.mark.parametrize("name", ["old", "new", "folder/new"])
def test_a_folder_of_another_user_is_an_error_with_advice(other_user: Path, name: str) -> None:
    with pytest.raises(StorageError, match="Permission denied; give this user permission"):
        replace(other_user / name, b"new")
    assert everything(other_user) == {"old": OLD}


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "feeds").write_bytes(OLD)
    for target in (tmp_path / "feeds" / "atom.xml", tmp_path / "feeds" / "a" / "atom.xml"):
        with pytest.raises(StorageError, match="a file stands where a folder is needed"):
            replace(target, b"new")
    assert everything(tmp_path) == {"feeds": OLD}


def test_a_folder_where_a_file_is_needed(tmp_path: Path) -> None:
    (tmp_path / "atom.xml").mkdir()
    with pytest.raises(StorageError, match="a folder stands where a file is needed"):
        replace(tmp_path / "atom.xml", b"new")
    assert everything(tmp_path) == {}


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="shorten the path"):
        replace(tmp_path / ("x" * 256) / "atom.xml", b"new")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_while_it_is_made_leaves_no_file_and_no_descriptor(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise LookupError("the second half is missing")

    before = open_descriptors()
    for _ in range(5):
        with pytest.raises(LookupError):
            stage(tmp_path / "a.xml", chunks())
    assert list(tmp_path.iterdir()) == []
    assert open_descriptors() == before


def test_refused_permissions_leave_no_file_and_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xml").write_bytes(OLD)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)  # what some network and FAT file systems answer
    before = open_descriptors()
    with pytest.raises(StorageError, match="permission"):
        stage(tmp_path / "a.xml", [b"new"])
    assert everything(tmp_path) == {"a.xml": OLD}
    assert open_descriptors() == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (tmp_path / "a.xml").write_bytes(OLD)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(StorageError, match="Input/output error"):
            replace(tmp_path / "a.xml", b"new")
    assert everything(tmp_path) == {"a.xml": OLD}


# write_new


def test_write_new_writes_where_nothing_stands(tmp_path: Path) -> None:
    write_new(tmp_path / "a" / "b.md", b"new")
    assert everything(tmp_path) == {"a/b.md": b"new"}
    assert mode_of(tmp_path / "a" / "b.md") == default_mode()
    assert os.stat(tmp_path / "a" / "b.md").st_nlink == 1


@pytest.mark.parametrize("what", ["file", "folder", "link", "dangling link", "fifo"])
def test_write_new_never_overwrites(tmp_path: Path, what: str) -> None:
    target, elsewhere = tmp_path / "a.md", tmp_path / "elsewhere"
    make = {
        "file": lambda: target.write_bytes(OLD),
        "folder": target.mkdir,
        "link": lambda: (elsewhere.write_bytes(OLD), target.symlink_to(elsewhere)),
        "dangling link": lambda: target.symlink_to(elsewhere),
        "fifo": lambda: os.mkfifo(target),
    }
    make[what]()
    before = everything(tmp_path), os.lstat(target), sorted(os.listdir(tmp_path))
    with pytest.raises(FileExistsError):
        write_new(target, b"new")
    assert (everything(tmp_path), os.lstat(target), sorted(os.listdir(tmp_path))) == before
    assert elsewhere.exists() == (what == "link")


def test_of_many_writers_of_one_new_file_exactly_one_wins(tmp_path: Path) -> None:
    results: list[bytes | None] = []

    def write(data: bytes) -> None:
        try:
            write_new(tmp_path / "a.md", data)
        except FileExistsError:
            results.append(None)
        else:
            results.append(data)

    writers = [threading.Thread(target=write, args=(bytes([65 + number]) * 50_000,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(results) == 8
    (winner,) = (data for data in results if data is not None)
    assert everything(tmp_path) == {"a.md": winner}


# folders


def test_make_folder_names_the_folders_that_want_an_fsync(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b" / "c") == [tmp_path / "a" / "b", tmp_path / "a", tmp_path]
    assert make_folder(tmp_path / "a" / "b" / "c") == []
    assert make_folder(tmp_path / "a" / "x") == [tmp_path / "a"]


def test_sync_folder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot fsync .*gone"):
        sync_folder(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{TEMP_PREFIX}0123456789abcdef{TEMP_SUFFIX}", True),
        ("atom.xml", False),
        ("post.md", False),
        (".feedmill-deleted", False),
        (".feedmill", False),
        ("notes.tmp", False),
        (".notes.tmp", False),
    ],
)
def test_temporary_names(name: str, *, expected: bool) -> None:
    assert is_temporary(name) is expected


def test_staged_files_have_temporary_names(tmp_path: Path) -> None:
    temporary = stage(tmp_path / "a.md", [b"one", b"two"])
    assert is_temporary(temporary.name)
    assert everything(tmp_path) == {temporary.name: b"onetwo"}


# Batch


def test_a_batch_is_seen_when_it_is_committed_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(OLD)
    batch = Batch()
    stamps = {name: batch.add(tmp_path / name, [b"new ", name.encode()]) for name in ("a.xml", "b/c.xml")}
    assert {name: data for name, data in everything(tmp_path).items() if not is_temporary(Path(name).name)} == {"a.xml": OLD}
    batch.commit()
    assert everything(tmp_path) == {"a.xml": b"new a.xml", "b/c.xml": b"new b/c.xml"}
    for name, stamp in stamps.items():
        now = os.stat(tmp_path / name)
        assert (now.st_mtime_ns, now.st_ino, now.st_size) == (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size)
    batch.commit()
    assert len(everything(tmp_path)) == 2


def old_feeds(folder: Path) -> dict[str, bytes]:
    for number in range(4):
        (folder / f"{number}").mkdir()
        (folder / f"{number}" / "atom.xml").write_bytes(OLD + bytes([48 + number]))
    return everything(folder)


def test_a_batch_drops_everything_when_one_file_cannot_be_made(tmp_path: Path) -> None:
    before = old_feeds(tmp_path)
    batch = Batch()
    for number in range(3):
        batch.add(tmp_path / f"{number}" / "atom.xml", [b"new"])
    with pytest.raises(StorageError):
        batch.add(tmp_path / "3" / "atom.xml" / "x", [b"new"])
    assert everything(tmp_path) == before
    batch.commit()
    assert everything(tmp_path) == before


def test_a_batch_drops_everything_on_a_full_disk(small_disk: Path) -> None:
    before = old_feeds(small_disk)
    batch = Batch()
    with pytest.raises(StorageError, match="free some space"):
        for number in range(4):
            batch.add(small_disk / f"{number}" / "atom.xml", [b"x" * 100_000])
    assert everything(small_disk) == before


def test_a_batch_can_be_dropped(tmp_path: Path) -> None:
    before = old_feeds(tmp_path)
    batch = Batch()
    batch.add(tmp_path / "0" / "atom.xml", [b"new"])
    batch.drop()
    batch.commit()
    assert everything(tmp_path) == before


def test_a_commit_that_fails_leaves_whole_files_and_nothing_staged(tmp_path: Path) -> None:
    before = old_feeds(tmp_path)
    (tmp_path / "folder").mkdir()
    batch = Batch()
    for name in ("0/atom.xml", "folder", "1/atom.xml"):
        batch.add(tmp_path / name, [b"new"])
    with pytest.raises(StorageError, match=r"cannot replace .*folder: .*a folder stands where a file is needed"):
        batch.commit()
    after = everything(tmp_path)
    assert after.keys() == before.keys()
    assert all(data in (before[name], b"new") for name, data in after.items())


@pytest.mark.parametrize("count", [1, durable._WORTH_SYNCFS + 3], ids=["a-file-at-a-time", "all-at-once"])
def test_many_files_are_put_in_their_places_together(tmp_path: Path, count: int) -> None:
    files = {tmp_path / f"{number % 3}" / f"{number}.md": str(number).encode() for number in range(count)}
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "0.md").write_bytes(b"mine")
    batch = durable.Batch()
    batch.add_many(files, only_new=files)
    assert not any(place.exists() for place in files if place.name != "0.md")
    assert batch.commit() == [tmp_path / "0" / "0.md"]
    assert {place.read_bytes() for place in files} == {b"mine", *(str(number).encode() for number in range(1, count))}
    assert not [place for place in tmp_path.rglob("*") if durable.is_temporary(place.name)]


def test_of_many_files_of_which_one_cannot_be_written_none_is_left(tmp_path: Path) -> None:
    files = {tmp_path / "new" / f"{number}.md": b"x" for number in range(50)} | {tmp_path / ("n" * 300) / "x.md": b"x"}
    with pytest.raises(StorageError):
        durable.Batch().add_many(files, only_new=())
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_is_this_users_alone_and_goes_with_what_is_in_it(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert (folder.parent, is_temporary(folder.name), folder.stat().st_mode & 0o777) == (tmp_path, True, 0o700)
        (folder / "a").write_bytes(b"x")
    assert not list(tmp_path.iterdir())


def test_what_stays_of_a_scratch_folder_is_swept_away(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "deep").mkdir()
    assert list(tmp_path.iterdir()) == [folder]
    sweep([tmp_path])
    assert not list(tmp_path.iterdir())


def test_a_scratch_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write to"), scratch_folder(tmp_path / "missing"):
        pass


class Barrier(FileSystems):
    """One that waits for no disk, and does `at_sync` in its place where there is something to wait for."""

    def __init__(self, at_sync: Callable[[], object], *, are_honest: bool = True) -> None:
        super().__init__()
        self._at_sync, self._are_honest = at_sync, are_honest

    @property
    def are_honest(self) -> bool:
        return self._are_honest

    def sync(self) -> None:
        if self._opened:
            self.forget()
            self._at_sync()


def test_a_long_batch_is_durable_before_any_of_it_is_seen(tmp_path: Path) -> None:
    synced: list[list[Path]] = []
    batch = Batch(Barrier(lambda: synced.append([path for path in tmp_path.iterdir() if not is_temporary(path.name)])))
    for number in range(40):
        batch.add(tmp_path / str(number), (b"x",))
    assert synced == []
    batch.settle()
    batch.commit()
    assert synced == [[]]
    assert len(list(tmp_path.iterdir())) == 40


def test_a_long_batch_that_does_not_get_to_the_disk_changes_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        raise StorageError("cannot fsync")

    batch = Batch(Barrier(fail))
    for number in range(40):
        batch.add(tmp_path / str(number), (b"x",))
    with pytest.raises(StorageError):
        batch.commit()
    assert not list(tmp_path.iterdir())


def test_without_syncfs_every_file_of_a_long_batch_is_durable_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    batch = Batch(Barrier(synced.clear, are_honest=False))
    for number in range(40):
        batch.add(tmp_path / str(number), (b"x",))
    assert len(synced) == 40
    batch.commit()
    assert len(synced) == 41
