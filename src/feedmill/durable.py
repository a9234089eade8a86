"""Files that are whole or absent: write beside, fsync, rename, fsync the folder. The only place that opens files for writing.

A rename without the fsync before it leaves an empty file after a power cut, one without the fsync of the folder after it
loses the new name (both measured on ext4).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from feedmill.errors import StorageError

#: Names of files being written: hidden, and with a suffix that no reader takes for a post or a feed.
TEMP_PREFIX = ".feedmill-"
TEMP_SUFFIX = ".tmp"
#: From so many files or folders on, one syncfs costs less than an fsync for each (a third to a seventh of the time for 1,500 files).
_WORTH_SYNCFS = 32
_BUFFER = 256 * 1024


def is_temporary(name: str) -> bool:
    """True for the name of a file that a writer left behind (or is writing now)."""
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)


_ADVICE = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some space and run again",
    errno.EACCES: "give this user permission and run again",
    errno.EPERM: "give this user permission and run again",
    errno.EROFS: "make the file system writable and run again",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run again",
    errno.EEXIST: "a file stands where a folder is needed: move it away",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away",
    errno.EISDIR: "a folder stands where a file is needed: move it away",
    errno.ENAMETOOLONG: "shorten the path of the project or of the category",
}


def reason_of(exc: OSError, *, advice: str = "") -> str:
    """Return why a file operation failed and what to do: `advice`, or what helps against errors of its number."""
    hint = advice or _ADVICE.get(exc.errno or 0, "")
    return f"{exc.strerror or exc}" + (f"; {hint}" if hint else "")


def storage_error(exc: OSError, path: Path | str, *, doing: str) -> StorageError:
    """Return the message for a failed file operation: what, where, why and what to do."""
    return StorageError(f"cannot {doing} {path}: {reason_of(exc)}")


@contextlib.contextmanager
def storage(path: Path | str, *, doing: str) -> Iterator[None]:
    """Turn an OSError inside the block into a StorageError that names `path` and what was being done."""
    try:
        yield
    except OSError as exc:
        raise storage_error(exc, path, doing=doing) from exc


def make_folder(folder: Path) -> list[Path]:
    """Create `folder` and what is missing above it; return the folders that gained a name and want an fsync. Raises StorageError."""
    changed: list[Path] = []
    missing = folder
    with storage(folder, doing="create"):
        while not missing.is_dir():
            changed.append(missing.parent)
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)
    return changed


def make_durable_folder(folder: Path) -> None:
    """Create `folder` and what is missing above it, so that what is made durable in it can be found. Raises StorageError."""
    for changed in make_folder(folder):
        sync_folder(changed)


def stage(target: Path, chunks: Iterable[bytes], *, finish: Callable[[int], object] = os.fsync) -> Path:
    """Write `chunks` to a new temporary file beside `target` (whose folder exists) and return its path; `finish` makes it durable.

    The permissions are those of an existing file, else the process's default (a link's are 0777 and mean nothing). Nothing is
    left on failure. Raises StorageError.
    """
    with storage(target, doing="write"):
        temporary = target.parent / f"{TEMP_PREFIX}{os.urandom(8).hex()}{TEMP_SUFFIX}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb", _BUFFER) as file:
                with contextlib.suppress(FileNotFoundError):
                    status = os.lstat(target)
                    if stat.S_ISREG(status.st_mode):
                        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
                file.writelines(chunks)
                file.flush()
                finish(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    return temporary


def _leave(descriptor: int) -> None:
    """What is not made durable file by file is made so by `FileSystems.sync`."""


class FileSystems:
    """The file systems on which a long batch stands: one barrier for all that was written there instead of an fsync for each file."""

    def __init__(self) -> None:
        #: Descriptors by device.
        self._opened: dict[int, int] = {}

    @property
    def are_honest(self) -> bool:
        """Whether their barrier can be believed."""
        return _has_honest_syncfs()

    def add(self, folder: Path) -> None:
        """Note the file system of a folder: errors of all that is written there after that are told by `sync`. Raises StorageError."""
        with storage(folder, doing="read"):
            device = os.stat(folder).st_dev
            if device not in self._opened:
                self._opened[device] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def sync(self) -> None:
        """Wait until all that was written there is on disk, and forget them. Raises StorageError."""
        if not self._opened:
            return
        import ctypes  # 5 ms, for long batches alone: the standard library has no syncfs

        library = ctypes.CDLL(None, use_errno=True)
        try:
            for descriptor in self._opened.values():
                if library.syncfs(descriptor) != 0:
                    number = ctypes.get_errno()
                    raise storage_error(OSError(number, os.strerror(number)), "a file system", doing="fsync")
        finally:
            self.forget()

    def forget(self) -> None:
        """Let go of them."""
        while self._opened:
            os.close(self._opened.popitem()[1])


@cache
def _has_honest_syncfs() -> bool:
    """Linux has told of failed writes in syncfs since 5.8; without that a full disk would go unnoticed."""
    if sys.platform != "linux":
        return False
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or (int(release[1]), int(release[2])) < (5, 8):
        return False
    try:
        import ctypes

        return hasattr(ctypes.CDLL(None), "syncfs")
    except (ImportError, OSError):  # a Python without libffi, or without shared libraries
        return False


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises StorageError."""
    with storage(folder, doing="fsync"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sync_folders(folders: Collection[Path]) -> None:
    """Make the names in `folders` durable. Raises StorageError."""
    if len(folders) < _WORTH_SYNCFS or not _has_honest_syncfs():
        for folder in folders:
            sync_folder(folder)
        return
    file_systems = FileSystems()
    try:
        for folder in folders:
            file_systems.add(folder)
        file_systems.sync()
    finally:
        file_systems.forget()


@contextlib.contextmanager
def scratch_folder(place: Path) -> Iterator[Path]:
    """A folder for files in `place`, which only this user reads, for the block; what cannot be removed then, `sweep` takes.

    Raises StorageError. (Importing tempfile takes 2 % of a publish of one post.)
    """
    folder = place / f"{TEMP_PREFIX}{os.urandom(8).hex()}{TEMP_SUFFIX}"
    with storage(place, doing="write to"):
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            with os.scandir(folder) as entries:
                for entry in entries:
                    os.unlink(entry.path)
            folder.rmdir()


def replace(target: Path, data: bytes) -> None:
    """Put `data` at `target`, over what stands there: readers see the old bytes or the new ones. Raises StorageError."""
    batch = Batch()
    batch.add(target, (data,))
    batch.commit()


def write_new(target: Path, data: bytes) -> None:
    """Put `data` at `target`, where nothing may stand yet (not even a dangling link). Raises StorageError, FileExistsError."""
    batch = Batch()
    batch.add_new(target, (data,))
    if batch.commit():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def _link_new(temporary: Path, target: Path) -> bool:
    """Give a staged file its name, where nothing has it; the temporary name goes either way. Raises StorageError."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as exc:
        raise storage_error(exc, target, doing="write") from exc
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return True


class Batch:
    """Files that change together: every one is whole on disk before the first takes its place."""

    def __init__(self, file_systems: FileSystems | None = None) -> None:
        """`file_systems`: what makes a long batch durable; its own where nobody gives one."""
        self._staged: list[tuple[Path, Path]] = []
        self._only_new: set[Path] = set()
        self._folders: set[Path] = set()
        self._made: list[Path] = []
        #: Those with staged files that are not durable yet.
        self._unsettled = file_systems or FileSystems()

    def add(self, target: Path, chunks: Iterable[bytes]) -> os.stat_result:
        """Stage one file and return the status it will have at its place. On failure the whole batch is dropped.

        The first files are durable at once, those of a long batch with `settle`.
        """
        try:
            self._make_folder(target.parent)
            temporary = self._stage(target, chunks, is_long=len(self._staged) >= _WORTH_SYNCFS)
        except BaseException:
            self.drop()
            raise
        with storage(temporary, doing="read"):
            return os.stat(temporary)

    def _stage(self, target: Path, chunks: Iterable[bytes], *, is_long: bool) -> Path:
        """Stage one file of a batch; what a long one has is left to `settle`."""
        is_left = is_long and self._unsettled.are_honest
        if is_left:
            self._unsettled.add(target.parent)
        temporary = stage(target, chunks, finish=_leave if is_left else os.fsync)
        self._staged.append((temporary, target))
        return temporary

    def add_new(self, target: Path, chunks: Iterable[bytes]) -> None:
        """Stage a file for a place where nothing may stand when it is committed. On failure the whole batch is dropped."""
        self.add(target, chunks)
        self._only_new.add(target)

    def add_many(self, files: Mapping[Path, bytes], *, only_new: Iterable[Path]) -> None:
        """Stage files by their places; where `only_new` says so, nothing may stand there. As `add` on failure."""
        self._only_new.update(only_new)
        is_long = len(files) >= _WORTH_SYNCFS
        try:
            for folder in {target.parent for target in files}:
                self._make_folder(folder)
            for target, data in files.items():
                self._stage(target, (data,), is_long=is_long)
        except BaseException:
            self.drop()
            raise
        self.settle()

    def settle(self) -> None:
        """Make all that was staged durable; `commit` does it where it was not done before. On failure the whole batch is dropped."""
        try:
            self._unsettled.sync()
        except BaseException:
            self.drop()
            raise

    def _make_folder(self, folder: Path) -> None:
        gained = make_folder(folder)
        self._folders.update(gained)
        self._made.extend([folder, *folder.parents][: len(gained)])

    def commit(self, *, spare: Collection[Path] = ()) -> list[Path]:
        """Put every staged file into its place and make the names durable. Raises StorageError.

        Returns the places that were left as they are: those of `add_new` where something had come to stand, and those to `spare`.
        """
        self.settle()
        occupied: list[Path] = []
        try:
            while self._staged:
                temporary, target = self._staged[-1]
                if target in spare:
                    with storage(temporary, doing="remove"):
                        os.unlink(temporary)
                    occupied.append(target)
                elif target not in self._only_new:
                    with storage(target, doing="replace"):
                        os.replace(temporary, target)
                elif not _link_new(temporary, target):
                    occupied.append(target)
                self._staged.pop()
                self._folders.add(target.parent)
        finally:
            folders, self._folders = self._folders, set()
            self.drop()
            _sync_folders([folder for folder in sorted(folders) if folder.is_dir()])  # one that was made for what failed is gone again
        return occupied

    def drop(self) -> None:
        """Remove what was staged and not yet committed, and folders that were made for it."""
        for temporary, _ in self._staged:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        self._staged.clear()
        self._unsettled.forget()
        for folder in sorted(self._made, key=lambda folder: len(folder.parts), reverse=True):
            with contextlib.suppress(OSError):  # not empty: something came to stand in it
                folder.rmdir()
        self._made.clear()


def sweep(folders: Iterable[Path]) -> None:
    """Remove the temporary files and folders that a killed writer left in `folders` (only while holding the writers' lock)."""
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if is_temporary(entry.name):
                    with contextlib.suppress(OSError):
                        _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        import shutil  # only after a crash

        shutil.rmtree(entry.path)
    else:
        os.unlink(entry.path)
