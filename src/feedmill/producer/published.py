"""What was published: feed files, the posts that stand in each, and where in its bytes each entry lies.

A feed file is also the store of its rendered entries: as long as it is the file that was written (same time, size and inode),
an entry that did not change is copied from it instead of being rendered again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from feedmill.posts.catalog import BATCH, Catalog
from feedmill.producer.categories import FeedKey
from feedmill.state.database import reading


def piece_digest(data: bytes) -> str:
    """Return the fingerprint of a rendered entry (BLAKE2b, 64 bits, hexadecimal)."""
    return blake2b(data, digest_size=8).hexdigest()


class FileStamp(NamedTuple):
    """What tells that a feed file is the one that was written: nanoseconds, inode number, bytes. Size -1: none is known."""

    mtime_ns: int
    inode: int
    size: int


UNKNOWN = FileStamp(0, 0, -1)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as it was last published."""

    number: int
    key: FeedKey
    #: Relative to the folder of feeds, with "/".
    file: str
    id: str
    stamp: FileStamp
    #: BLAKE2b of the file's bytes; "" when it was never written.
    digest: str
    entries: int
    #: True when its posts changed and it was not written since.
    is_stale: bool


class Member(NamedTuple):
    """A post in a feed's window; times in epoch seconds."""

    file: int
    id: str
    date: int
    updated: int


class Piece(NamedTuple):
    """Where an entry's bytes lie: in the feed with number `feed`, from byte `start`; `digest` is of those bytes."""

    feed: int
    start: int
    length: int
    digest: str


class Published:
    """The producer's tables in the catalog's file; every change belongs to the catalog's transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._sql = catalog.connection

    def feeds(self) -> dict[FeedKey, Feed]:
        """Return every known feed by what it is about."""
        with reading(self.catalog.path):
            rows = self._sql.execute(
                "SELECT feed, kind, path, file, id, mtime_ns, inode, size, digest, entries, is_stale FROM feeds"
            ).fetchall()
        made = (
            Feed(number, FeedKey(kind, tuple(json.loads(path))), file, entry_id, FileStamp(*stamp), digest, entries, bool(stale))
            for number, kind, path, file, entry_id, *stamp, digest, entries, stale in rows
        )
        return {feed.key: feed for feed in made}

    def add_feed(self, key: FeedKey, file: str, feed_id: str) -> Feed:
        """Note a feed that is to be written."""
        path = json.dumps(key.path, ensure_ascii=False)
        query = "INSERT INTO feeds (kind, path, file, id, mtime_ns, inode, size, digest, entries, is_stale) VALUES (?,?,?,?,?,?,?,?,?,1)"
        number = self._sql.execute(query, (key.kind, path, file, feed_id, *UNKNOWN, "", 0)).lastrowid or 0
        return Feed(number, key, file, feed_id, UNKNOWN, "", 0, is_stale=True)

    def set_id(self, key: FeedKey, feed_id: str) -> None:
        """Give a feed another id, if it is known."""
        path = json.dumps(key.path, ensure_ascii=False)
        self._sql.execute("UPDATE feeds SET id=? WHERE kind=? AND path=?", (feed_id, key.kind, path))

    def drop_all(self) -> None:
        """Forget every feed and what stood in it."""
        for table in ("feeds", "placements", "members"):
            self._sql.execute(f"DELETE FROM {table}")  # noqa: S608

    def mark_stale(self, numbers: Iterable[int]) -> None:
        """Note that feeds must be looked at again, now or, where only some are asked for, in a later run."""
        self._sql.executemany("UPDATE feeds SET is_stale=1 WHERE feed=?", [(number,) for number in numbers])

    def wrote(self, feed: Feed, stamp: FileStamp, digest: str, entries: int) -> None:
        """Note that a feed's file is up to date."""
        query = "UPDATE feeds SET mtime_ns=?, inode=?, size=?, digest=?, entries=?, is_stale=0 WHERE feed=?"
        self._sql.execute(query, (*stamp, digest, entries, feed.number))

    def unplace(self, files: Iterable[int]) -> set[int]:
        """Take posts out of their feeds and forget their rendered entries; return the numbers of those feeds."""
        numbers = list(files)
        affected = self.feeds_with(numbers)
        if affected:
            self._sql.executemany("DELETE FROM placements WHERE file=?", [(file,) for file in numbers])
            self._sql.executemany("DELETE FROM members WHERE file=?", [(file,) for file in numbers])
        return affected

    def place(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Put posts into feeds: rows of (feed number, date in epoch seconds, file number)."""
        self._sql.executemany("INSERT OR REPLACE INTO placements VALUES (?, ?, ?)", rows)

    def feeds_with(self, files: Iterable[int]) -> set[int]:
        """Return the numbers of the feeds in which these posts stand."""
        numbers = list(files)
        found: set[int] = set()
        for start in range(0, len(numbers), BATCH):
            part = numbers[start : start + BATCH]
            query = f"SELECT DISTINCT feed FROM placements WHERE file IN ({','.join('?' * len(part))})"  # noqa: S608
            found.update(row[0] for row in self._sql.execute(query, part))
        return found

    def count_posts(self, feed: Feed) -> int:
        """Return how many posts stand in a feed, those to come and those beyond its window too."""
        return int(self._sql.execute("SELECT count(*) FROM placements WHERE feed=?", (feed.number,)).fetchone()[0])

    def posts_in(self, feed: Feed) -> list[int]:
        """Return the file numbers of all these posts."""
        return [row[0] for row in self._sql.execute("SELECT file FROM placements WHERE feed=?", (feed.number,))]

    def drop_empty_feeds(self) -> None:
        """Forget feeds in which no post stands (dated in the future or not) and of which no file is left; the root stays."""
        query = """
            SELECT feed FROM feeds WHERE path <> '[]' AND digest = ''
            AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.feed = feeds.feed)"""
        for number in self._sql.execute(query).fetchall():
            for table in ("feeds", "members"):
                self._sql.execute(f"DELETE FROM {table} WHERE feed=?", number)  # noqa: S608

    def window(self, feed: Feed, *, limit: int, now: int) -> list[Member]:
        """Return the newest `limit` posts of a feed at `now` (epoch seconds): newest first, then by id."""
        query = """
            SELECT p.file, p.id, p.date, p.updated FROM placements AS place CROSS JOIN posts AS p ON p.file = place.file
            WHERE place.feed = ? AND place.date <= ? ORDER BY place.date DESC, p.id LIMIT ?"""
        with reading(self.catalog.path):
            return [Member(*row) for row in self._sql.execute(query, (feed.number, now, limit))]

    def pieces_of(self, feed: Feed) -> dict[int, Piece]:
        """Return where in a feed's own file the entries of its posts lie, by file number."""
        query = "SELECT file, start, length, digest FROM members WHERE feed=?"
        return {file: Piece(feed.number, *piece) for file, *piece in self._sql.execute(query, (feed.number,))}

    def pieces_elsewhere(self, file: int) -> list[Piece]:
        """Return every place where the entry of a post lies, smallest feed number first."""
        query = "SELECT feed, start, length, digest FROM members WHERE file=? ORDER BY feed"
        return [Piece(*row) for row in self._sql.execute(query, (file,))]

    def set_pieces(self, feed: Feed, pieces: Iterable[tuple[int, int, int, str]]) -> None:
        """Note what a feed's new file holds: rows of (file number, start, length, digest)."""
        self._sql.execute("DELETE FROM members WHERE feed=?", (feed.number,))
        self._sql.executemany(f"INSERT INTO members VALUES ({feed.number}, ?, ?, ?, ?)", pieces)  # noqa: S608
