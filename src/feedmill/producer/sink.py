"""Where feeds are written: the seam between what was rendered and the folder that readers see."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from feedmill.durable import Batch, storage, sync_folder
from feedmill.producer.documents import FileStamp

#: The stamp of a folder, a link, a pipe: nothing that was written here, and nothing to read.
NOT_A_FILE = FileStamp(0, 0, -2)


class FeedSink(Protocol):
    """A tree of feed files, by path relative to it with "/". Nothing that was staged is seen by anybody before `commit`."""

    def look(self, file: str) -> FileStamp | None:
        """Return the stamp of a file, None where there is none."""

    def read(self, file: str) -> bytes:
        """Return the bytes of a file. Raises StorageError."""

    def stage(self, file: str, chunks: Iterable[bytes]) -> FileStamp:
        """Prepare a file and return the stamp it will have. Raises StorageError; then nothing at all was changed."""

    def settle(self) -> None:
        """Make what was staged durable. Raises StorageError; then nothing at all was changed."""

    def commit(self, removed: Iterable[str]) -> None:
        """Put every staged file in its place and take the `removed` ones away. Raises StorageError."""


class FolderSink:
    """The folder of feeds on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._root = folder, os.fspath(folder)
        self._batch = Batch()

    def look(self, file: str) -> FileStamp | None:
        try:
            status = os.lstat(f"{self._root}/{file}")  # a Path for each of thousands of documents takes three times as long
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return NOT_A_FILE
        if not stat.S_ISREG(status.st_mode):
            return NOT_A_FILE
        return FileStamp(status.st_mtime_ns, status.st_ino, status.st_size)

    def read(self, file: str) -> bytes:
        with storage(self._folder / file, doing="read"):
            return (self._folder / file).read_bytes()

    def stage(self, file: str, chunks: Iterable[bytes]) -> FileStamp:
        status = self._batch.add(self._folder / file, chunks)
        return FileStamp(status.st_mtime_ns, status.st_ino, status.st_size)

    def settle(self) -> None:
        self._batch.settle()

    def commit(self, removed: Iterable[str]) -> None:
        self._batch.commit()
        for file in removed:
            path = self._folder / file
            with storage(path, doing="remove"), contextlib.suppress(FileNotFoundError):
                path.unlink()
            self._remove_empty(path.parent)

    def drop(self) -> None:
        """Remove what was staged and not committed."""
        self._batch.drop()

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._folder and folder.is_relative_to(self._folder):
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass  # somebody else took it away
            except OSError:
                break
            folder = folder.parent
        if folder.is_dir():
            sync_folder(folder)


def stage_ours(sink: FeedSink, file: str, wanted: bytes, is_ours: Callable[[bytes], bool]) -> None:
    """Stage a file where none stands, or another one of ours; what a person put there is left alone. Raises StorageError."""
    stamp = sink.look(file)
    if stamp is not None:
        found = sink.read(file) if stamp.size > 0 else b""
        if found == wanted or not is_ours(found):
            return
    sink.stage(file, (wanted,))


class DrySink(FolderSink):
    """The folder of feeds, of which everything is read and nothing changed."""

    def stage(self, file: str, chunks: Iterable[bytes]) -> FileStamp:
        return FileStamp(0, 0, sum(map(len, chunks)))

    def settle(self) -> None:
        """Nothing was staged."""

    def commit(self, removed: Iterable[str]) -> None:
        """Change nothing."""
