"""What `status` says: how every source is doing, read from the state and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from feedmill.config import Config, SourceConfig
from feedmill.consumer.remember import for_source, is_gap_suspected, is_gone, moment
from feedmill.consumer.selection import choose
from feedmill.consumer.targets import shown_url
from feedmill.errors import StorageError
from feedmill.posts.record import to_epoch
from feedmill.state.database import Unreadable, open_database
from feedmill.state.ledger import Ledger, SourceState


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
    return [_status(source, states.get(source.name, SourceState()), counts.get(source.name, 0), now) for source in sources]


def _status(source: SourceConfig, known: SourceState, posts: int, now: datetime) -> SourceStatus:
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
    )
