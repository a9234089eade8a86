"""What a sync did, for people and for scripts."""

from __future__ import annotations

from dataclasses import dataclass, field

from feedmill.config import SourceConfig
from feedmill.consumer.desk import Done
from feedmill.consumer.remember import moment
from feedmill.consumer.targets import shown_url
from feedmill.state.ledger import SourceState
from feedmill.upstream import Result

#: Results of sources that were asked and gave nothing.
_VAIN = frozenset({"failed", "gone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source after a sync; times are RFC 3339 in UTC, `url` is without secrets."""

    name: str
    url: str
    result: Result
    new: int = 0
    updated: int = 0
    skipped: int = 0
    #: One line; None where nothing went wrong.
    error: str | None = None
    next_fetch: str | None = None
    next_rule: str = ""
    #: What was left alone: the post or entry, and why.
    notes: tuple[tuple[str, str], ...] = ()
    #: Whether the source was asked in this sync.
    is_asked: bool = False
    #: Whether it has failed for a week, and this is the first that is said of it.
    is_dead: bool = False


@dataclass(frozen=True, slots=True)
class SyncReport:
    """A sync's sources, in the order of the configuration."""

    #: As asyncio's runner ends it has its task written out, with all that it returned (measured: a thirtieth of a poll of 600).
    sources: tuple[SourceReport, ...] = field(repr=False)
    #: Posts that sources' `keep` had no room for, relative to the folder of posts.
    pruned: tuple[str, ...] = ()

    @property
    def is_in_vain(self) -> bool:
        """Whether sources were asked, and every one of them failed."""
        asked = [source for source in self.sources if source.is_asked]
        return bool(asked) and all(source.result in _VAIN for source in asked)


def report_source(source: SourceConfig, state: SourceState, result: Result, *, done: Done | None = None) -> SourceReport:
    """Return the report of a source; `done` is what came of it in this sync, None where it was not asked."""
    is_asked = done is not None and result != "not-due"
    return SourceReport(
        name=source.name,
        url=shown_url(source.url_as_written or source.url),
        result=result,
        new=done.new if done else 0,
        updated=done.updated if done else 0,
        skipped=len(done.skipped) if done else 0,
        error=state.error or None if is_asked or result == "gone" else None,
        next_fetch=None if result in ("gone", "disabled") else moment(state.next_fetch),
        next_rule="" if result == "disabled" else state.rule,
        notes=done.skipped if done else (),
        is_asked=is_asked,
        is_dead=done.is_dead if done else False,
    )
