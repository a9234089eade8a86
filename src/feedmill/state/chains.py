"""In which order the posts of each feed were first published: what archive documents are cut from. Append-only; a deleted post keeps
its place, so no boundary ever moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from feedmill.state.database import BATCH, reading


class Chain(NamedTuple):
    """The order of one feed."""

    #: How many posts an archive document holds.
    size: int
    #: How many posts were ever published: the next one gets this position.
    posts: int = 0
    #: How many archive documents there are.
    pages: int = 0


class Chains:
    """The orders of all feeds, by feed id. What is changed is kept here until `write`, inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._sql, self._path = connection, path
        self._changed: dict[str, Chain] = {}
        self._added: dict[str, dict[str, int]] = {}

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._changed)

    def chain(self, feed_id: str) -> Chain | None:
        """Return what is known of a feed's order; None where nothing is."""
        if feed_id in self._changed:
            return self._changed[feed_id]
        with reading(self._path):
            row = self._sql.execute("SELECT size, posts, pages FROM chains WHERE feed=?", (feed_id,)).fetchone()
        return Chain(*row) if row else None

    def positions(self, feed_id: str, posts: Iterable[str]) -> dict[str, int]:
        """Return the positions of those posts, by id, that have one in a feed's order."""
        wanted = list(posts)
        known = self._added.get(feed_id, {})
        found = {post: known[post] for post in wanted if post in known}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            query = f"""
                SELECT post, position FROM chained JOIN chains USING (chain)
                WHERE feed=? AND post IN ({",".join("?" * len(part))})"""  # noqa: S608
            with reading(self._path):
                found.update(self._sql.execute(query, (feed_id, *part)).fetchall())
        return found

    def note(self, feed_id: str, chain: Chain, positions: Mapping[str, int]) -> None:
        """Note a feed's order as it is now; `positions`: of the posts that are new in it, by id."""
        self._changed[feed_id] = chain
        self._added.setdefault(feed_id, {}).update(positions)

    def write(self) -> None:
        """Write what was noted."""
        for feed_id, chain in self._changed.items():
            query = """
                INSERT INTO chains (feed, size, posts, pages) VALUES (?, ?, ?, ?)
                ON CONFLICT (feed) DO UPDATE SET size=excluded.size, posts=excluded.posts, pages=excluded.pages RETURNING chain"""
            (number,) = self._sql.execute(query, (feed_id, chain.size, chain.posts, chain.pages)).fetchone()
            rows = [(number, post, position) for post, position in self._added.get(feed_id, {}).items()]
            self._sql.executemany("INSERT OR REPLACE INTO chained VALUES (?, ?, ?)", rows)

    def forget(self) -> None:
        """Forget what was noted and not written."""
        self._changed.clear()
        self._added.clear()
