"""The index of post files, used by both halves: what each file said when it was last read. A cache: delete it at will.

Beside it, in the same file, stand the producer's tables (what was published); `producer.published` has their queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from feedmill.model import Problem
from feedmill.posts.store import Stamp, make_stamp
from feedmill.state.database import BATCH, BUSY_TIMEOUT, Unreadable, open_or_rebuild, reading

#: A post's place in the site: `published` stands in feeds (from its date on), the others do not.
PUBLISHED, DRAFT, REFUSED, DUPLICATE = "published", "draft", "refused", "duplicate"

MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE files (
        file INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE,
        mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, size INTEGER NOT NULL);
    CREATE TABLE posts (
        file INTEGER PRIMARY KEY, digest TEXT NOT NULL, status TEXT NOT NULL,
        id TEXT NOT NULL, claim TEXT, source TEXT NOT NULL,
        date INTEGER NOT NULL, updated INTEGER NOT NULL, filing TEXT NOT NULL,
        span TEXT NOT NULL, record TEXT NOT NULL, notes TEXT);
    CREATE INDEX posts_by_id ON posts (id);
    CREATE INDEX posts_by_claim ON posts (claim) WHERE claim IS NOT NULL;
    CREATE INDEX posts_by_date ON posts (date) WHERE status = 'published';
    CREATE INDEX posts_with_notes ON posts (file) WHERE notes IS NOT NULL;
    CREATE TABLE feeds (
        feed INTEGER PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL, file TEXT NOT NULL UNIQUE, id TEXT NOT NULL,
        mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL,
        entries INTEGER NOT NULL, is_stale INTEGER NOT NULL, UNIQUE (kind, path));
    CREATE TABLE placements (
        feed INTEGER NOT NULL, date INTEGER NOT NULL, file INTEGER NOT NULL,
        PRIMARY KEY (feed, date, file)) WITHOUT ROWID;
    CREATE INDEX placements_by_file ON placements (file);
    CREATE TABLE members (
        feed INTEGER NOT NULL, file INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (feed, file)) WITHOUT ROWID;
    CREATE INDEX members_by_file ON members (file);
    """,
    # A feed has a document for every format, and archive documents; a post has a position in the order of first publication.
    """
    CREATE TABLE documents (
        document INTEGER PRIMARY KEY, feed INTEGER NOT NULL, format TEXT NOT NULL, page INTEGER NOT NULL, file TEXT NOT NULL UNIQUE,
        mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL,
        entries INTEGER NOT NULL, updated INTEGER NOT NULL, is_stale INTEGER NOT NULL, UNIQUE (feed, page, format));
    INSERT INTO documents
        SELECT feed, feed, 'atom', 0, file, mtime_ns, inode, size, digest, entries, 0, 1 FROM feeds;
    CREATE TABLE categories (
        feed INTEGER PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL, folder TEXT NOT NULL UNIQUE, id TEXT NOT NULL,
        UNIQUE (kind, path));
    INSERT INTO categories
        SELECT feed, kind, path, substr(file, 1, max(0, length(file) - length('/atom.xml'))), id FROM feeds;
    DROP TABLE feeds;
    ALTER TABLE categories RENAME TO feeds;
    DROP TABLE members;
    CREATE TABLE members (
        document INTEGER NOT NULL, file INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (document, file)) WITHOUT ROWID;
    CREATE INDEX members_by_file ON members (file);
    ALTER TABLE placements ADD COLUMN position INTEGER;
    CREATE INDEX placements_by_position ON placements (feed, position) WHERE position IS NOT NULL;
    """,
    # How many posts stand in a feed; NULL where that is to be counted.
    # And the files that could not be read when they were looked at last.
    "ALTER TABLE feeds ADD COLUMN posts INTEGER; CREATE INDEX files_unread ON files (path) WHERE size = -1;",
)


class Row(NamedTuple):
    """A post file in the catalog; `date` and `updated` are those in force (epoch seconds)."""

    file: int
    path: str
    digest: str
    status: str
    id: str
    #: The id that its guid asks for; None for a post without guid.
    claim: str | None
    source: str
    date: int
    #: Never before `date`.
    updated: int
    #: Where it is filed, as JSON [categories, tags]: most posts share theirs with many others.
    filing: str
    #: Where the body lies in the file's bytes, as JSON [start, length]; [] where it is written in another way.
    span: str
    #: Everything but the body, as JSON.
    record: str
    #: JSON list of [line, rule, message]; None when there is nothing to mend.
    notes: str | None


_ROW = """
    SELECT p.file, f.path, p.digest, p.status, p.id, p.claim, p.source, p.date, p.updated, p.filing, p.span, p.record, p.notes
    FROM posts p JOIN files f USING (file) """


class Catalog:
    """The catalog's file; all changes of a run are one transaction (`begin` … `commit`)."""

    def __init__(self, path: Path, *, patience: float = BUSY_TIMEOUT) -> None:
        """Open or create it; a damaged one is moved aside and rebuilt. `patience`: seconds to wait for another run. Raises StorageError."""
        self.path = path
        self.connection = open_or_rebuild(path, MIGRATIONS, patience=patience)

    def close(self) -> None:
        """Undo what was not committed and let go of the file."""
        self.connection.close()

    def begin(self) -> None:
        """Begin the run's transaction."""
        with reading(self.path):
            self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Keep what was changed since `begin`."""
        with reading(self.path):
            self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Forget what was changed since `begin`."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def meta(self, key: str) -> str | None:
        """Return a fact about the catalog as a whole."""
        with reading(self.path):
            row = self.connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Note a fact about the catalog as a whole."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def stamps(self) -> dict[str, tuple[int, Stamp]]:
        """Return file number and stamp of every known file, by path."""
        with reading(self.path):
            rows = self.connection.execute("SELECT path, file, mtime_ns, ctime_ns, size FROM files").fetchall()
        return {row[0]: (row[1], make_stamp(row[2:])) for row in rows}

    def stamps_of(self, paths: Iterable[str]) -> dict[str, tuple[int, Stamp]]:
        """Return file number and stamp of those of `paths` that are known."""
        rows = self._raw("SELECT path, file, mtime_ns, ctime_ns, size FROM files WHERE path IN", paths)
        return {path: (file, Stamp(mtime, ctime, size)) for path, file, mtime, ctime, size in rows}

    def unread(self) -> list[str]:
        """Return the paths of files that could not be read, and are to be read again."""
        with reading(self.path):
            return [row[0] for row in self.connection.execute("SELECT path FROM files WHERE size = -1")]

    def count_files(self) -> int:
        """Return how many files are known."""
        with reading(self.path):
            return int(self.connection.execute("SELECT count(*) FROM files").fetchone()[0])

    def restamp(self, stamps: Iterable[tuple[Stamp, int]]) -> None:
        """Note new stamps of files whose bytes are the same, by file number."""
        rows = [(*stamp, file) for stamp, file in stamps]
        self.connection.executemany("UPDATE files SET mtime_ns=?, ctime_ns=?, size=? WHERE file=?", rows)

    def add_files(self, files: Iterable[tuple[str, Stamp]]) -> dict[str, int]:
        """Add new files; return their numbers by path."""
        last = self.connection.execute("SELECT coalesce(max(file), 0) FROM files").fetchone()[0]
        rows = [(number, path, *stamp) for number, (path, stamp) in enumerate(files, start=last + 1)]
        self.connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?)", rows)
        return {path: number for number, path, *_ in rows}

    def remove(self, files: Iterable[int]) -> None:
        """Remove files and what they said."""
        numbers = [(file,) for file in files]
        for table in ("files", "posts"):
            self.connection.executemany(f"DELETE FROM {table} WHERE file=?", numbers)  # noqa: S608

    def put(self, rows: Iterable[Row]) -> None:
        """Add or replace what is known of posts (their files are known already)."""
        # All of a row but its path.
        self.connection.executemany("INSERT OR REPLACE INTO posts VALUES (?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)", rows)

    def set_ids(self, ids: Iterable[tuple[str, int]]) -> None:
        """Note the ids of posts, by file number."""
        self.connection.executemany("UPDATE posts SET id=? WHERE file=?", ids)

    def rows(self, files: Iterable[int]) -> Iterator[Row]:
        """Yield the posts of these file numbers."""
        yield from self._select(f"{_ROW}WHERE p.file IN", files)

    def filed(self, files: Iterable[int]) -> Iterator[tuple[int, int, str]]:
        """Yield file number, date and filing of those of these posts that are published."""
        for file, date, filing in self._raw("SELECT file, date, filing FROM posts WHERE status='published' AND file IN", files):
            self._refuse_zeros(filing)
            yield file, date, filing

    def rows_claiming(self, claims: Iterable[str]) -> Iterator[Row]:
        """Yield the posts whose guids ask for one of these ids, and posts without guid that bear one."""
        wanted = list(claims)
        yield from self._select(f"{_ROW}WHERE p.claim IN", wanted)
        yield from self._select(f"{_ROW}WHERE p.claim IS NULL AND p.id IN", wanted)

    def bearers(self, entry_id: str) -> list[int]:
        """Return the file numbers of the posts that bear an id."""
        with reading(self.path):
            return [row[0] for row in self.connection.execute("SELECT file FROM posts WHERE id=?", (entry_id,))]

    def _select(self, query: str, values: Iterable[int] | Iterable[str]) -> Iterator[Row]:
        for row in map(Row._make, self._raw(query, values)):
            self._refuse_zeros(f"{row.filing}{row.record}{row.notes}")
            yield row

    def _refuse_zeros(self, text: str) -> None:
        """A long record goes on in a page of its own, which SQLite gives out as it is; JSON has no zeros."""
        if "\0" in text:
            raise Unreadable(self.path, "it is damaged (zeros in a record)")

    def _raw(self, query: str, values: Iterable[int] | Iterable[str]) -> Iterator[tuple[Any, ...]]:
        wanted = list(values)
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            with reading(self.path):
                yield from self.connection.execute(f"{query} ({','.join('?' * len(part))})", part).fetchall()

    def became_due(self, since: int, until: int) -> list[int]:
        """Return the file numbers of published posts dated after one and up to the other moment (either order, epoch seconds)."""
        first, last = sorted((since, until))
        with reading(self.path):
            query = "SELECT file FROM posts WHERE status='published' AND date > ? AND date <= ?"
            return [row[0] for row in self.connection.execute(query, (first, last))]

    def next_due(self, now: int) -> int | None:
        """Return when the next of the published posts is due that are dated after `now` (epoch seconds); None when none is."""
        with reading(self.path):
            row = self.connection.execute("SELECT min(date) FROM posts WHERE status='published' AND date > ?", (now,)).fetchone()
        return None if row[0] is None else int(row[0])

    def count_published(self, now: int) -> int:
        """Return how many posts stand in feeds at `now` (epoch seconds)."""
        with reading(self.path):
            row = self.connection.execute("SELECT count(*) FROM posts WHERE status='published' AND date <= ?", (now,)).fetchone()
        return int(row[0])

    def notes(self) -> list[tuple[int, str, Problem]]:
        """Return (file number, status of the post, problem) for everything there is to mend, by path."""
        with reading(self.path):
            query = """
                SELECT p.file, f.path, p.status, p.notes FROM posts p JOIN files f USING (file)
                WHERE p.notes IS NOT NULL ORDER BY +f.path"""  # else SQLite goes through all files by path (measured: 150 ms of 100,000)
            rows = self.connection.execute(query).fetchall()
        return [(file, status, Problem(path, *note)) for file, path, status, notes in rows for note in json.loads(notes)]
