"""What `status` says: how every source is doing, read from the state alone; and whether anybody is there to fetch."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from feedmill.config import Config, SourceConfig
from feedmill.configvalues import Every
from feedmill.consumer.remember import for_source, is_gap_suspected, is_gone, moment
from feedmill.consumer.selection import choose
from feedmill.consumer.targets import shown_url
from feedmill.errors import StorageError
from feedmill.posts.catalog import MIGRATIONS, PUBLISHED
from feedmill.posts.record import to_epoch
from feedmill.state.database import Unreadable, open_database
from feedmill.state.ledger import Ledger, SourceState

#: A source is overdue so long after its time, and a whole interval (of cron lines and `auto`: an hour): an hourly cron job comes by
#: within that.
_GRACE = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
#: Results of sources that give no posts now.
_FAILING = frozenset({"failed", "gone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source as it stands; times are RFC 3339 in UTC, addresses without secrets."""

    name: str
    url: str
    enabled: bool
    #: A word of `model.Result`; None where it was never fetched.
    last_result: str | None
    last_fetch: str | None
    next_fetch: str | None
    next_rule: str
    failures: int
    posts: int
    gap_suspected: bool
    error: str | None
    #: Where the source moved for good; None where it did not.
    moved: str | None
    #: Whether its next fetch should have been long ago.
    overdue: bool

    @property
    def is_failing(self) -> bool:
        """Whether the last fetch gave nothing, of a source that is to be fetched."""
        return self.enabled and self.last_result in _FAILING


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All sources that were asked for, and what there is beside them."""

    sources: tuple[SourceStatus, ...]
    #: Published posts of the whole folder, where they were ever published and no source was named; else those of the sources.
    posts: int
    #: When the first of the overdue sources should have been fetched (RFC 3339), where nobody is at work; else None.
    unattended_since: str | None


def overview(config: Config, names: Sequence[str], *, now: datetime) -> Overview:
    """Return how the sources of these names are doing, all without any. Raises as `source_statuses` does."""
    sources = tuple(source_statuses(config, names, now=now))
    of_folder = None if names else _published(config.catalog_path, to_epoch(now))
    overdue = [one.next_fetch for one in sources if one.overdue and one.next_fetch]
    return Overview(
        sources=sources,
        posts=sum(one.posts for one in sources) if of_folder is None else of_folder,
        unattended_since=min(overdue) if overdue and not is_at_work(config.sync_lock_path) else None,
    )


def source_statuses(config: Config, names: Sequence[str], *, now: datetime) -> list[SourceStatus]:
    """Return the status of the sources of these names, all without any.

    Raises ConfigError for a name that is no source's, StorageError for a state that cannot be read.
    """
    sources = choose(config, names)
    states: dict[str, SourceState] = {}
    counts: dict[str, int] = {}
    if config.state_path.exists():
        try:
            with contextlib.closing(Ledger(config.state_path, open_database)) as ledger:
                states, counts = ledger.states(), ledger.counts()
        except Unreadable as exc:
            raise StorageError(f"{exc}; `feedmill sync` makes it anew from the posts") from exc
    return [
        _status(config, source, states.get(source.name, SourceState()), posts=counts.get(source.name, 0), now=now) for source in sources
    ]


def _status(config: Config, source: SourceConfig, known: SourceState, *, posts: int, now: datetime) -> SourceStatus:
    state = for_source(known, source)
    is_asked = source.enabled and not is_gone(state)
    return SourceStatus(
        name=source.name,
        url=shown_url(source.url_as_written or source.url),
        enabled=source.enabled,
        last_result=state.last_result or None,
        last_fetch=moment(state.last_fetch),
        next_fetch=(moment(state.next_fetch) or moment(to_epoch(now))) if is_asked else None,
        next_rule=(state.rule or "never fetched: due at once") if is_asked else "gone (410)" if source.enabled else "disabled",
        failures=state.failures,
        posts=posts,
        gap_suspected=is_gap_suspected(state, to_epoch(now)),
        error=state.error or None,
        moved=state.moved_to or None,
        overdue=is_asked and _is_overdue(state, config.interval(source), now),
    )


def _is_overdue(state: SourceState, every: Every, now: datetime) -> bool:
    """False too for a source that was never fetched: nobody knows since when it waits."""
    if state.next_fetch is None:
        return False
    grace = max(_GRACE, every if isinstance(every, timedelta) else _HOUR)
    return to_epoch(now) > state.next_fetch + grace.total_seconds()


def _published(path: Path, now: int) -> int | None:
    """Return how many posts stand in feeds (epoch seconds); None where the catalog does not say."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(open_database(path, MIGRATIONS)) as connection:
            return int(connection.execute("SELECT count(*) FROM posts WHERE status=? AND date <= ?", (PUBLISHED, now)).fetchone()[0])
    except (Unreadable, StorageError):
        return None  # whoever publishes next mends it, or says what is wrong


def is_at_work(path: Path) -> bool:
    """Whether a sync or a daemon holds the lock at `path`. Waits for nobody, and writes nothing.

    A shared lock is tried, for some microseconds: who holds the lock notices nothing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # another user's: nothing is claimed of it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
