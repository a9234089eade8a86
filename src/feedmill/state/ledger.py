"""The sync ledger: which upstream articles are known, where their posts are, and how every source is doing.

It is memory of what the posts themselves say (`consumer/stock.py` makes it anew from them), and of the schedule.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from feedmill.errors import StorageError
from feedmill.state.database import open_or_rebuild
from feedmill.state.schema import MIGRATIONS

#: An article's status. PLANNED: its file is about to be written; STORED: it has a post; DELETED: a person removed the post;
#: PRUNED: it is older than the source's `keep`.
PLANNED, STORED, DELETED, PRUNED = "planned", "stored", "deleted", "pruned"

#: A mark that no document has shown for so long is forgotten; its article never is. In seconds.
MARK_LIFE = 30 * 86400
#: How often the time of a mark that is still there is brought up to date, in seconds.
_MARK_REFRESH = 7 * 86400
#: Kind, key and value in `memory` of the note that the articles were once made from the posts.
_BUILT = ("ledger", "built", "yes")
#: Kind and key of the note which files beside the synced posts were looked at.
_STRANGERS = ("ledger", "strangers")


class Article(NamedTuple):
    """One upstream article, in the order of its table's columns. Times are epoch seconds, digests hexadecimal."""

    #: 0 for one that is not in the ledger yet.
    article: int
    source: int
    #: Its identity within the source, for good; its post's `guid`.
    key: str
    #: What upstream last said of it: guid, normalised link, folded title, publication, and a digest of its text ("" when short).
    guid: str
    link: str
    title: str
    date: int | None
    text: str
    #: Digest of all that makes a post of it; "" when it is not known (the ledger was made from posts).
    content: str
    status: str
    #: Its post, relative to the folder of posts; "" where it has none.
    path: str
    #: Digests of the post's bytes as last written and as last planned; "" where a person wrote them.
    digest: str
    planned: str
    first_seen: int
    #: The `date` of its post.
    posted: int
    #: How often its content changed without a week's rest, and when it last did.
    changes: int
    changed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is remembered of a source between syncs. Addresses that may hold secrets are kept as digests."""

    #: Digest of the configured address: under another one everything below is forgotten.
    url_key: str = ""
    #: Where the source moved for good; and the proof under way: digest of the target, fetches that agreed, time of the first.
    moved_to: str = ""
    move_key: str = ""
    move_count: int = 0
    move_since: int = 0
    #: Validators of the last answer, and the address that gave them; where that may hold a secret, "#" and its digest.
    validators_for: str = ""
    etag: str = ""
    last_modified: str = ""
    #: Digest of the last body that was read from end to end.
    body: str = ""
    last_fetch: int | None = None
    last_result: str = ""
    error: str = ""
    #: From when on it is due; None: at once. `next_fetch` is what people are shown.
    due: int | None = None
    next_fetch: int | None = None
    rule: str = ""
    #: schedule.Pace as JSON.
    pace: str = ""
    failures: int = 0
    failing_since: int | None = None
    is_told: bool = False
    #: When a document last shared no entry with what was known.
    gap_at: int | None = None
    title: str = ""


_DEFAULTS = asdict(SourceState())


def state_to_json(state: SourceState) -> str:
    """Return `state` as JSON, without what has its default."""
    found = ((key, getattr(state, key), default) for key, default in _DEFAULTS.items())
    return json.dumps({key: value for key, value, default in found if value != default}, ensure_ascii=False)


def state_from_json(text: str) -> SourceState:
    """The inverse of `state_to_json`; keys of another version are passed over."""
    return SourceState(**{key: value for key, value in json.loads(text).items() if key in _DEFAULTS})


class Ledger:
    """The ledger's tables in state.db. One thread uses one; what a method says is written is durable when it returns."""

    def __init__(self, path: Path, opener: Callable[[Path, Sequence[str]], sqlite3.Connection] = open_or_rebuild) -> None:
        """Open or create the database; by default one that cannot be read is moved aside and begun anew. Raises StorageError."""
        self.path = path
        self._connection = opener(path, MIGRATIONS)
        self._connection.execute("PRAGMA synchronous=FULL")
        self._inode = os.stat(path).st_ino

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, in the file that still stands at its path: a commit to one that was removed would be lost unseen."""
        try:
            is_there = os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise StorageError(f"{self.path} was removed or replaced while it was in use: nothing more was written; run again")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    # What is asked

    def is_built(self) -> bool:
        """False while the articles have never been made from the posts: a new ledger, or one that was lost."""
        row = self._connection.execute("SELECT value FROM memory WHERE kind=? AND key=?", _BUILT[:2]).fetchone()
        return row is not None and row[0] == _BUILT[2]

    def strangers(self) -> list[str]:
        """Return the digests that `take_over` was last given."""
        row = self._connection.execute("SELECT value FROM memory WHERE kind=? AND key=?", _STRANGERS).fetchone()
        return row[0].split() if row else []

    def states(self) -> dict[str, SourceState]:
        """Return every source's state by name."""
        return {name: state_from_json(text) for name, text in self._connection.execute("SELECT name, state FROM sources").fetchall()}

    def marks(self, name: str) -> dict[str, int]:
        """Return the article of every mark that is known of a source."""
        query = "SELECT mark, article FROM marks WHERE source=(SELECT source FROM sources WHERE name=?)"
        return dict(self._connection.execute(query, (name,)).fetchall())

    def articles(self, name: str) -> list[Article]:
        """Return every article of a source, the oldest in the ledger first."""
        query = "SELECT * FROM articles WHERE source=(SELECT source FROM sources WHERE name=?) ORDER BY article"
        return [Article._make(row) for row in self._connection.execute(query, (name,)).fetchall()]

    def posts(self) -> dict[str, str]:
        """Return the status of every post file that sync wrote and nobody removed, by path."""
        query = "SELECT path, status FROM articles WHERE status IN (?, ?) AND path != ''"
        return dict(self._connection.execute(query, (STORED, PLANNED)).fetchall())

    def at_paths(self, paths: Iterable[str]) -> list[tuple[str, Article]]:
        """Return the articles whose posts stand at `paths`, each with its source's name."""
        wanted = set(paths)
        query = "SELECT s.name, a.* FROM articles a JOIN sources s USING (source) WHERE a.status IN (?, ?)"
        rows = self._connection.execute(query, (STORED, PLANNED)).fetchall()
        return [(row[0], article) for row in rows if (article := Article._make(row[1:])).path in wanted]

    def with_status(self, status: str) -> list[tuple[str, Article]]:
        """Return all articles of one status, each with its source's name."""
        query = "SELECT s.name, a.* FROM articles a JOIN sources s USING (source) WHERE a.status=?"
        return [(row[0], Article._make(row[1:])) for row in self._connection.execute(query, (status,)).fetchall()]

    def counts(self) -> dict[str, int]:
        """Return how many posts each source has, by name."""
        query = "SELECT s.name, count(*) FROM articles a JOIN sources s USING (source) WHERE a.status=? GROUP BY s.name"
        return dict(self._connection.execute(query, (STORED,)).fetchall())

    def held_hosts(self, now: int) -> dict[str, int]:
        """Return the hosts that asked everybody to stay away, and until when (epoch seconds)."""
        return dict(self._connection.execute("SELECT host, until FROM hosts WHERE until > ?", (now,)).fetchall())

    # What is written

    def number(self, name: str) -> int:
        """Return a source's number, giving it one if need be."""
        row = self._connection.execute("SELECT source FROM sources WHERE name=?", (name,)).fetchone()
        if row is None:
            with self._writing():
                self._connection.execute("INSERT OR IGNORE INTO sources (name, state) VALUES (?, '{}')", (name,))
            return self.number(name)
        return int(row[0])

    def plan(self, articles: Iterable[Article]) -> None:
        """Write down what is about to be written to disk: an article's path, times and the digest of its post to come."""
        rows = [tuple(article)[1:] for article in articles]
        if rows:
            with self._writing():
                self._put(rows)

    def settle(
        self,
        articles: Iterable[Article],
        *,
        marks: Mapping[int, Mapping[str, str]],
        states: Mapping[str, SourceState],
        held: Mapping[str, int],
        now: int,
    ) -> None:
        """Write down what is done, in one transaction: articles; by source number the key of each mark's article; states; held hosts."""
        with self._writing():
            self._put([tuple(article)[1:] for article in articles])
            for source, found in marks.items():
                self._set_marks(source, found, now)
            self._connection.executemany(
                "INSERT INTO sources (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state=excluded.state",
                [(name, state_to_json(state)) for name, state in states.items()],
            )
            self._connection.executemany(
                "INSERT INTO hosts VALUES (?, ?) ON CONFLICT (host) DO UPDATE SET until=max(until, excluded.until)", list(held.items())
            )
            self._connection.execute("DELETE FROM hosts WHERE until <= ?", (now,))

    def _put(self, rows: Sequence[tuple[Any, ...]]) -> None:
        names = Article._fields[1:]
        changed = ", ".join(f"{name}=excluded.{name}" for name in names[2:])
        query = (
            f"INSERT INTO articles ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608 - our own names
            f"ON CONFLICT (source, key) DO UPDATE SET {changed}"
        )
        self._connection.executemany(query, rows)

    def _set_marks(self, source: int, found: Mapping[str, str], now: int) -> None:
        """Note the marks of a document: key of the article for a new one, "" for one that is known and still there."""
        rows = [(source, mark, now, source, key) for mark, key in found.items() if key]
        query = "INSERT OR REPLACE INTO marks SELECT ?, ?, article, ? FROM articles WHERE source=? AND key=?"
        self._connection.executemany(query, rows)
        if rows:
            # An edition that upstream took back must be read again when it comes again.
            known = dict(self._connection.execute("SELECT mark, article FROM marks WHERE source=?", (source,)).fetchall())
            renewed = {known[mark] for mark, key in found.items() if key and mark in known}
            past = [(source, mark) for mark, article in known.items() if article in renewed and mark not in found]
            self._connection.executemany("DELETE FROM marks WHERE source=? AND mark=?", past)
        still = [(now, source, mark, now - _MARK_REFRESH) for mark, key in found.items() if not key]
        self._connection.executemany("UPDATE marks SET seen=? WHERE source=? AND mark=? AND seen < ?", still)
        self._connection.execute("DELETE FROM marks WHERE source=? AND seen < ?", (source, now - MARK_LIFE))

    def rebuild(self, articles: Mapping[str, Sequence[Article]]) -> None:
        """Take over articles that were made from posts, by source name, and note that this was done."""
        with self._writing():
            self._add(articles)
            self._connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", _BUILT)

    def take_over(self, articles: Mapping[str, Sequence[Article]], *, strangers: Iterable[str]) -> None:
        """Take over articles that were made from posts that it did not know, by source name; note digests of the files looked at."""
        with self._writing():
            self._add(articles)
            self._connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", (*_STRANGERS, " ".join(strangers)))

    def _add(self, articles: Mapping[str, Sequence[Article]]) -> None:
        for name, found in articles.items():
            self._connection.execute("INSERT OR IGNORE INTO sources (name, state) VALUES (?, '{}')", (name,))
            number = self._connection.execute("SELECT source FROM sources WHERE name=?", (name,)).fetchone()[0]
            self._put([tuple(article._replace(source=number))[1:] for article in found])

    def revise(self, articles: Iterable[Article]) -> None:
        """Replace articles that are in the ledger."""
        with self._writing():
            self._put([tuple(article)[1:] for article in articles])

    def forget(self, articles: Collection[Article]) -> None:
        """Drop articles with their marks, and let their sources be fetched whole again: they are to come back."""
        with self._writing():
            self._connection.executemany("DELETE FROM marks WHERE article=?", [(article.article,) for article in articles])
            self._connection.executemany("DELETE FROM articles WHERE article=?", [(article.article,) for article in articles])
            for source in {article.source for article in articles}:
                row = self._connection.execute("SELECT name, state FROM sources WHERE source=?", (source,)).fetchone()
                kept = {key: value for key, value in json.loads(row[1]).items() if key not in ("etag", "last_modified", "body")}
                self._connection.execute("UPDATE sources SET state=? WHERE source=?", (json.dumps(kept, ensure_ascii=False), source))

    def reset_states(self, names: Iterable[str]) -> None:
        """Forget how these sources were doing; their articles stay."""
        with self._writing():
            self._connection.executemany("UPDATE sources SET state='{}' WHERE name=?", [(name,) for name in names])
