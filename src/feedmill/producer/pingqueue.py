"""Pings that wait, in the state database, beside whoever publishes or syncs: read without a lock, changed in moments.

Nobody here holds the writers' lock. What is changed is changed only where it is still what was read, so that a feed that changed
again meanwhile, and is noted anew, stays noted.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from feedmill.errors import StorageError
from feedmill.producer.hubs import KIND, Answer, Ping, Settlement, Verdict, next_due, read_ping, select_due, settle
from feedmill.state.database import Unreadable, open_database
from feedmill.state.memory import UNFINISHED
from feedmill.state.schema import MIGRATIONS
from feedmill.urls import without_userinfo

#: How long a transaction of somebody else is waited for, in seconds; what could not be noted is sent once more.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """Pings that this process alone sends now."""

    #: As they are kept while they are sent, and as they were before.
    pings: Mapping[Ping, Ping] = field(default_factory=dict)
    #: Whether something is due that must wait for the end of a publish.
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many pings wait, and when the next is due (epoch seconds, not before now)."""

    count: int = 0
    next_due: int | None = None


class PingQueue:
    """The pings for some hubs in the database at `path`. A method opens it anew, and may be called from any thread.

    Raises StorageError when the database cannot be used now; one that is damaged is left to who has the writers' lock.
    """

    def __init__(self, path: Path, hubs: Sequence[str]) -> None:
        self._path, self._hubs = path, frozenset(map(without_userinfo, hubs))

    def has_due(self, *, now: int) -> bool:
        """Whether anything is to be sent now; a database that is not there is not made."""
        return self._path.exists() and self.waiting(now=now).next_due == now

    def waiting(self, *, now: int) -> Waiting:
        """Say what waits."""
        with self._opened() as connection:
            pings = self._read(connection)
        return Waiting(len(pings), next_due(pings, now=now))

    def claim(self, *, now: int, limit: int) -> Claimed:
        """Take what is due, at most `limit` a hub; nothing while a publish is under way, or was cut short: not all files are in place."""
        with self._opened() as connection:
            due = select_due(self._read(connection), now=now, limit=limit)
            if not due:
                return Claimed()
            with _changing(connection):
                if _is_unfinished(connection):
                    return Claimed(is_held=True)
                pairs = [(ping.claimed(now), ping) for ping in due]
                return Claimed({claim: ping for claim, ping in pairs if _replace(connection, ping.key, ping.value, claim.value)})

    def settle(self, claimed: Claimed, answers: Mapping[Ping, Answer], *, now: int) -> Settlement:
        """Note what became of the pings that were claimed. Those without an answer were not sent."""
        unsent = {claim: before for claim, before in claimed.pings.items() if claim not in answers}
        troubled = {ping.hub for ping, answer in answers.items() if answer.verdict is Verdict.FAILED}
        known = {ping.key: ping.value for ping in claimed.pings}
        with self._opened() as connection:
            waiting = self._read(connection) if troubled else []
            others = [ping for ping in waiting if ping.hub in troubled and ping.key not in known]
            known |= {ping.key: ping.value for ping in others}
            done = settle(answers, list(unsent.values()), others, now=now)
            with _changing(connection):
                replaced = {key for key, value in done.changes.items() if _replace(connection, key, known[key], value)}
        return Settlement(done.changes, [ping for ping in done.given_up if ping.key in replaced])

    def _read(self, connection: sqlite3.Connection) -> list[Ping]:
        rows = connection.execute("SELECT key, value FROM memory WHERE kind=?", (KIND,)).fetchall()
        return [ping for row in rows if (ping := read_ping(*row)) is not None and ping.hub in self._hubs]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(open_database(self._path, MIGRATIONS)) as connection:
                connection.execute(f"PRAGMA busy_timeout={int(_PATIENCE * 1000)}")
                yield connection
        except Unreadable as exc:
            raise StorageError(str(exc)) from exc


@contextlib.contextmanager
def _changing(connection: sqlite3.Connection) -> Iterator[None]:
    """Change what is there in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _is_unfinished(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT value FROM memory WHERE kind=? AND key=?", UNFINISHED).fetchone()
    return row is not None and row[0] == "yes"


def _replace(connection: sqlite3.Connection, key: str, before: str, after: str | None) -> bool:
    """Put `after` (None: nothing) in the place of `before`; False when something else is there by now."""
    if after is None:
        done = connection.execute("DELETE FROM memory WHERE kind=? AND key=? AND value=?", (KIND, key, before))
    else:
        done = connection.execute("UPDATE memory SET value=? WHERE kind=? AND key=? AND value=?", (after, KIND, key, before))
    return done.rowcount == 1
