"""What pages show, read from the catalog and the folder of posts and never written: every published feed, and single posts.

All of it blocks. One thread does all the calls: the connection belongs to it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from feedmill.config import Config
from feedmill.errors import PostError
from feedmill.model import Post
from feedmill.posts.catalog import MIGRATIONS, PUBLISHED
from feedmill.posts.format import MAX_POST_BYTES, decode
from feedmill.posts.record import to_epoch
from feedmill.posts.store import POST_SUFFIXES, Stamp, read_post
from feedmill.producer.categories import FeedKey
from feedmill.producer.feedtree import FeedLine, feed_line
from feedmill.producer.formats import FORMATS
from feedmill.producer.site import Site
from feedmill.state.database import open_to_read

logger = logging.getLogger(__name__)

#: What tells that the catalog says what it said: inode of its file and SQLite's data_version. None while it cannot be read.
Version = tuple[int, ...] | None

#: Seconds for which a catalog that could not be read is left alone, unless its file changes.
_PATIENCE = 1.0
#: Seconds a statement waits for a writer; in WAL mode it hardly ever has to.
_BUSY_TIMEOUT = 2.0
_MAX_PATH = 4096
#: What a damaged catalog raises: pages that make no sense, or make sense and hold what is no JSON or no number.
_TROUBLE = (sqlite3.Error, OSError, ValueError, TypeError)
_SUFFIX = re.compile(rf"(?:{'|'.join(map(re.escape, POST_SUFFIXES))})$", re.IGNORECASE)
_LONGEST_SUFFIX = max(map(len, POST_SUFFIXES))

_FEEDS = """
    SELECT f.kind, f.path, d.format, d.file, d.entries, d.updated, coalesce(p.posts, 0)
    FROM feeds f JOIN documents d USING (feed)
    LEFT JOIN (SELECT feed, count(*) AS posts FROM placements WHERE date <= :now GROUP BY feed) p USING (feed)
    WHERE d.page = 0 AND d.digest <> '' """
# "." and "/" follow each other in ASCII: everything between them begins with `path.`.
_POST = f"""
    SELECT f.path, f.mtime_ns, f.ctime_ns, f.size, p.id, p.date, p.updated FROM files f JOIN posts p USING (file)
    WHERE f.path > :path || '.' AND f.path < :path || '/' AND length(f.path) <= length(:path) + {_LONGEST_SUFFIX}
        AND p.status = '{PUBLISHED}' AND p.date <= :now"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Holdings:
    """All published feeds: the root, categories as the tree lists them, tags."""

    feeds: tuple[FeedLine, ...] = ()
    #: False when the catalog cannot be read; one that is not there yet is only empty.
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class ShelfMark:
    """A published post, found and not yet read; equal marks stand for the same text."""

    #: Relative to the folder of posts, with "/"; behind links, if there are any.
    path: str
    real_path: str
    stamp: Stamp
    inode: int
    id: str
    #: In force, epoch seconds.
    date: int
    updated: int
    #: False when the file changed after it was catalogued.
    is_catalogued: bool


class Found(NamedTuple):
    """A post as it is now, with the times in force (epoch seconds)."""

    post: Post
    date: int
    updated: int


class _FeedRow(NamedTuple):
    """A document with a feed's newest entries."""

    kind: str
    path: str
    format: str
    file: str
    entries: int
    updated: int
    posts: int


class _Row(NamedTuple):
    path: str
    mtime_ns: int
    ctime_ns: int
    size: int
    id: str
    date: int
    updated: int


class Library:
    """Reads the catalog of one configuration, through a connection that cannot write."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._site = Site.of(config)
        self._path = config.catalog_path
        self._connection: sqlite3.Connection | None = None
        #: What the file looked like when it was opened, and whether the connection sees what is written since.
        self._opened: tuple[int, ...] = (0,)
        self._is_live = True
        #: What the file looked like at the last look, and when it last could not be read; when that was (monotonic seconds).
        self._seen: tuple[int, ...] = ()
        self._bad: tuple[int, ...] = ()
        self._bad_since = 0.0
        #: What is wrong and has been logged; "" while all is well.
        self._complaint = ""

    def close(self) -> None:
        """Let go of the catalog (in the thread that used it)."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def version(self) -> Version:
        """Return what changes whenever the catalog does; None while it is absent or cannot be read. A few microseconds."""
        with self._reading() as connection:
            if connection is not None:
                return *self._opened, _number(connection, "data_version")
        return None

    def holdings(self) -> Holdings:
        """Return every published feed as of the last publish."""
        with self._reading() as connection:
            if connection is None:
                return Holdings(is_readable=not self._complaint)
            connection.execute("BEGIN")  # what follows is of one state
            try:
                now = connection.execute("SELECT value FROM meta WHERE key='now'").fetchone()
                rows = connection.execute(_FEEDS, {"now": int(now[0]) if now else 0}).fetchall()
            finally:
                connection.execute("COMMIT")
            self._complaint = ""
            return Holdings(tuple(self._lines(_FeedRow(*row) for row in rows)))
        return Holdings(is_readable=False)

    def _lines(self, rows: Iterable[_FeedRow]) -> list[FeedLine]:
        """Return the feeds as the tree lists them, each with its documents in the order of formats."""
        order = {name: place for place, name in enumerate(FORMATS)}
        found: dict[FeedKey, list[_FeedRow]] = {}
        for row in rows:
            if row.format in order:
                found.setdefault(FeedKey(row.kind, tuple(map(str, json.loads(row.path)))), []).append(row)
        return [self._line(key, sorted(found[key], key=lambda row: order[row.format])) for key in sorted(found)]

    def _line(self, key: FeedKey, documents: Sequence[_FeedRow]) -> FeedLine:
        first = documents[0]
        return feed_line(
            key,
            self._config,
            files=[(row.format, row.file) for row in documents],
            feeds_url=self._site.feeds_url,
            posts=first.posts,
            entries=first.entries,
            updated=first.updated,
        )

    def find_post(self, path: str, *, now: int) -> ShelfMark | None:
        """Return the published post whose file is `path` (decoded, below the folder of posts) but for its suffix, due at `now`.

        None for everything else: drafts, refused posts, those to come, and files that are not (or no longer) inside the folder.
        """
        if not 0 < len(path) <= _MAX_PATH or not _is_utf8(path):
            return None
        rows: list[_Row] = []
        with self._reading() as connection:
            if connection is not None:
                rows = [_Row(*row) for row in connection.execute(_POST, {"path": path, "now": now})]
        same = [row for row in rows if _SUFFIX.sub("", row.path) == path]
        marks = (self._mark(row) for row in sorted(same, key=_preference))
        return next((mark for mark in marks if mark is not None), None)

    def _mark(self, row: _Row) -> ShelfMark | None:
        """Look at the file without following a link out of the folder."""
        folder = os.path.realpath(self._config.posts_dir)
        real = os.path.realpath(os.path.join(folder, row.path))
        if not real.startswith(f"{folder}/"):
            return None
        try:
            status = os.lstat(real)
        except OSError:
            return None
        stamp = Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        is_catalogued = stamp == (row.mtime_ns, row.ctime_ns, row.size)
        real_path = real.removeprefix(f"{folder}/")
        return ShelfMark(row.path, real_path, stamp, status.st_ino, row.id, row.date, row.updated, is_catalogued)

    def read_post(self, mark: ShelfMark, *, now: int) -> Found | None:
        """Return the post as its file says it is now; None when it cannot be read or may no longer be shown at `now`.

        A file that changed after it was catalogued speaks for itself: it may have become a draft, or be meant for later.
        """
        folder = os.path.realpath(self._config.posts_dir)
        try:
            data = read_post(folder, mark.real_path, limit=MAX_POST_BYTES)
            post = decode(data, name=mark.path.rpartition("/")[2], zone=self._config.site.zone).post
        except (PostError, FileNotFoundError):
            return None
        if mark.is_catalogued:
            return Found(post, mark.date, mark.updated)
        date = mark.date if post.date is None else to_epoch(post.date)
        updated = max(date, to_epoch(post.updated)) if post.updated else date
        return Found(post, date, updated) if post.is_published and date <= now else None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give the connection, None where there is none; an error inside ends the block, and the next one begins anew."""
        connection = None
        try:
            connection = self._connect()
        except _TROUBLE as exc:
            self._give_up(exc)
        try:
            yield connection
        except _TROUBLE as exc:
            self._give_up(exc)

    def _connect(self) -> sqlite3.Connection | None:
        """Return a connection to the file that has the catalog's name now. Raises sqlite3.Error, OSError."""
        try:
            status = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            self.close()
            self._complaint = ""
            return None
        self._seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._connection is not None and status.st_ino == self._opened[0] and (self._is_live or self._seen == self._opened):
            return self._connection
        self.close()
        if self._seen == self._bad and time.monotonic() - self._bad_since < _PATIENCE:
            return None
        self._opened = self._seen
        self._connection, self._is_live = _open(self._path)
        return self._connection

    def _give_up(self, exc: Exception) -> None:
        self.close()
        self._bad, self._bad_since = self._seen, time.monotonic()
        complaint = f"{type(exc).__name__}: {str(exc)[:120]}"
        if complaint != self._complaint:
            logger.warning("%s cannot be read: %s; the pages go without it until the next publish", self._path, complaint)
        self._complaint = complaint


def _open(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open the catalog for reading alone, as `open_to_read` does. Raises sqlite3.Error, also for another schema."""
    connection, is_live = open_to_read(path, timeout=_BUSY_TIMEOUT)
    if (version := _number(connection, "user_version")) != len(MIGRATIONS):
        connection.close()
        raise sqlite3.DatabaseError(f"schema {version}, this version reads {len(MIGRATIONS)}")
    return connection, is_live


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _preference(row: _Row) -> tuple[int, str]:
    """Of files that differ in their suffix alone, the one listed first in POST_SUFFIXES is shown."""
    suffix = row.path[row.path.rindex(".") :].lower()
    return POST_SUFFIXES.index(suffix), row.path


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
