"""The schema of state.db, as the list of scripts that made it: what must not be forgotten, and what sync remembers."""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE memory (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
    """,
    """
    CREATE TABLE sources (source INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL);
    CREATE TABLE articles (
        article INTEGER PRIMARY KEY, source INTEGER NOT NULL, key TEXT NOT NULL,
        guid TEXT NOT NULL, link TEXT NOT NULL, title TEXT NOT NULL, date INTEGER, text TEXT NOT NULL, content TEXT NOT NULL,
        status TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, planned TEXT NOT NULL,
        first_seen INTEGER NOT NULL, posted INTEGER NOT NULL, changes INTEGER NOT NULL, changed_at INTEGER NOT NULL,
        UNIQUE (source, key));
    CREATE INDEX articles_by_status ON articles (source, status);
    CREATE TABLE marks (
        source INTEGER NOT NULL, mark TEXT NOT NULL, article INTEGER NOT NULL, seen INTEGER NOT NULL,
        PRIMARY KEY (source, mark)) WITHOUT ROWID;
    CREATE INDEX marks_by_article ON marks (article);
    CREATE TABLE hosts (host TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # The order in which posts were first published, for each feed by its id: what archive documents are cut from.
    """
    CREATE TABLE chains (
        chain INTEGER PRIMARY KEY, feed TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, posts INTEGER NOT NULL, pages INTEGER NOT NULL);
    CREATE TABLE chained (
        chain INTEGER NOT NULL, post TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (chain, post)) WITHOUT ROWID;
    """,
)
