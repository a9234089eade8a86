"""The documents that feeds were published as, and where in the bytes of each an entry lies.

A document is also the store of its rendered entries: as long as it is the file that was written (same time, size and inode), an
entry that did not change is copied from it instead of being rendered again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from feedmill.posts.catalog import Catalog
from feedmill.state.database import BATCH, reading


def piece_digest(data: bytes) -> str:
    """Return the fingerprint of a rendered entry (BLAKE2b, 64 bits, hexadecimal)."""
    return blake2b(data, digest_size=8).hexdigest()


class FileStamp(NamedTuple):
    """What tells that a file is the one that was written: nanoseconds, inode number, bytes. Size -1: none is known."""

    mtime_ns: int
    inode: int
    size: int


UNKNOWN = FileStamp(0, 0, -1)


class Document(NamedTuple):
    """A file of a feed as it was last published."""

    number: int
    #: The feed's number.
    feed: int
    #: By name.
    format: str
    #: 0 for the newest entries; archive documents count from 1, the oldest.
    page: int
    #: Relative to the folder of feeds, with "/".
    file: str
    stamp: FileStamp
    #: BLAKE2b of the file's bytes; "" when it was never written.
    digest: str
    entries: int
    #: The newest `updated` among its entries, epoch seconds; 0 where there is none.
    updated: int
    #: True when its posts changed and it was not written since.
    is_stale: bool


class Piece(NamedTuple):
    """Where an entry's bytes lie: in the document with number `document`, from byte `start`; `digest` is of those bytes."""

    document: int
    start: int
    length: int
    digest: str


_COLUMNS = "document, feed, format, page, file, mtime_ns, inode, size, digest, entries, updated, is_stale"


class Documents:
    """The documents' tables in the catalog's file; every change belongs to the catalog's transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._sql = catalog, catalog.connection

    def all(self) -> list[Document]:
        """Return every known document, by feed number, page and format."""
        return self._select("")

    def heads_and_stale(self) -> list[Document]:
        """Return the documents with the newest entries, and those that must be looked at again, in the same order."""
        return self._select("WHERE page=0 OR is_stale=1")

    def _select(self, which: str) -> list[Document]:
        with reading(self._catalog.path):
            rows = self._sql.execute(f"SELECT {_COLUMNS} FROM documents {which} ORDER BY feed, page, format").fetchall()  # noqa: S608
        return [
            Document(number, feed, kind, page, file, FileStamp(*stamp), digest, entries, updated, bool(stale))
            for number, feed, kind, page, file, *stamp, digest, entries, updated, stale in rows
        ]

    def add(self, feed: int, kind: str, *, page: int, file: str, before: Document | None = None) -> Document:
        """Note a document that is to be written; `before`: what was known of its file before all was forgotten."""
        stamp, digest = (before.stamp, before.digest) if before else (UNKNOWN, "")
        query = f"INSERT INTO documents ({_COLUMNS.partition(', ')[2]}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 1)"  # noqa: S608
        number = self._sql.execute(query, (feed, kind, page, file, *stamp, digest)).lastrowid or 0
        return Document(number, feed, kind, page, file, stamp, digest, 0, 0, is_stale=True)

    def mark_heads_stale(self, feeds: Iterable[int]) -> None:
        """Note that the documents with the newest entries of feeds must be looked at again, now or in a later run."""
        self._sql.executemany("UPDATE documents SET is_stale=1 WHERE feed=? AND page=0", [(feed,) for feed in feeds])

    def mark_pages_stale(self, feed: int, pages: Iterable[int]) -> None:
        """Note that these archive documents of a feed must be looked at again."""
        self._sql.executemany("UPDATE documents SET is_stale=1 WHERE feed=? AND page=?", [(feed, page) for page in pages])

    def wrote(self, document: Document, stamp: FileStamp, digest: str, *, entries: int, updated: int) -> None:
        """Note that a document's file is up to date."""
        query = "UPDATE documents SET mtime_ns=?, inode=?, size=?, digest=?, entries=?, updated=?, is_stale=0 WHERE document=?"
        self._sql.execute(query, (*stamp, digest, entries, updated, document.number))

    def mark_stale_with(self, numbers: Sequence[int]) -> None:
        """Note that the documents in which these posts stand must be looked at again."""
        for start in range(0, len(numbers), BATCH):
            part = numbers[start : start + BATCH]
            those = f"SELECT document FROM members WHERE file IN ({','.join('?' * len(part))})"  # noqa: S608
            self._sql.execute(f"UPDATE documents SET is_stale=1 WHERE document IN ({those})", part)  # noqa: S608

    def forget(self, files: Iterable[int]) -> None:
        """Forget the rendered entries of posts; the documents that they stand in must be looked at again."""
        numbers = list(files)
        self.mark_stale_with(numbers)
        self._sql.executemany("DELETE FROM members WHERE file=?", [(file,) for file in numbers])

    def drop_all(self) -> None:
        """Forget every document."""
        for table in ("documents", "members"):
            self._sql.execute(f"DELETE FROM {table}")  # noqa: S608

    def drop_of(self, feeds: Iterable[int]) -> None:
        """Forget every document of feeds."""
        numbers = [(feed,) for feed in feeds]
        self._sql.executemany("DELETE FROM members WHERE document IN (SELECT document FROM documents WHERE feed=?)", numbers)
        self._sql.executemany("DELETE FROM documents WHERE feed=?", numbers)

    def drop(self, document: Document) -> None:
        """Forget one document."""
        self._sql.execute("DELETE FROM members WHERE document=?", (document.number,))
        self._sql.execute("DELETE FROM documents WHERE document=?", (document.number,))

    def pieces_of(self, document: Document) -> dict[int, Piece]:
        """Return where in a document's own file the entries of its posts lie, by file number."""
        query = "SELECT file, start, length, digest FROM members WHERE document=?"
        return {file: Piece(document.number, *piece) for file, *piece in self._sql.execute(query, (document.number,))}

    def pieces_elsewhere(self, file: int) -> list[Piece]:
        """Return every place where an entry of a post lies, in any format, smallest document number first."""
        query = "SELECT document, start, length, digest FROM members WHERE file=? ORDER BY document"
        return [Piece(*row) for row in self._sql.execute(query, (file,))]

    def set_pieces(self, document: Document, pieces: Iterable[tuple[int, int, int, str]]) -> None:
        """Note what a document's new file holds: rows of (file number, start, length, digest)."""
        self._sql.execute("DELETE FROM members WHERE document=?", (document.number,))
        self._sql.executemany(f"INSERT INTO members VALUES ({document.number}, ?, ?, ?, ?)", pieces)  # noqa: S608
