"""What is to be done about a document, what became of it, and how that is told to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from feedmill.config import SourceConfig
from feedmill.state.ledger import Article, Ledger, SourceState
from feedmill.upstream import Entry


@dataclass(frozen=True, slots=True)
class Step:
    """An entry and the article that it is, as the ledger will have it; `before` is what the ledger has now."""

    entry: Entry
    article: Article
    before: Article | None = None


@dataclass(slots=True, kw_only=True)
class SyncPlan:
    """What a document asks for."""

    #: Posts to write, the oldest first, and posts to rewrite.
    new: list[Step] = field(default_factory=list)
    updated: list[Step] = field(default_factory=list)
    #: Articles of which only the ledger's row changes.
    noted: list[Article] = field(default_factory=list)
    #: The key of every mark that is new in the ledger, "" for one that is known.
    marks: dict[str, str] = field(default_factory=dict)
    #: Entries that a rule keeps out, as (title or guid, reason).
    skipped: list[tuple[str, str]] = field(default_factory=list)
    #: Whether the document shares nothing with what was known: entries may have come and gone between two fetches.
    is_gap: bool = False
    #: Whether at least one entry was known before.
    has_known: bool = False
    #: Whether an edition waits for its time: the document is to be asked for whole.
    is_waiting: bool = False
    #: Entries in the document, read or not.
    entries: int = 0


@dataclass(slots=True, kw_only=True)
class Delivery:
    """A source's plan on its way, and what became of it."""

    source: SourceConfig
    #: The source's in the ledger; 0 where there is no plan.
    number: int
    plan: SyncPlan | None
    #: What is remembered of the source once everything is done.
    state: SourceState
    #: Until when this source's host has asked everybody to stay away, by host (epoch seconds).
    held: Mapping[str, int] = field(default_factory=dict)
    #: Posts written and rewritten, relative to the folder of posts.
    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    #: (title or path, reason) of what was left alone.
    skipped: list[tuple[str, str]] = field(default_factory=list)
    #: Rows of the ledger that hold when all is done, and keys of articles that were left out.
    rows: list[Article] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)


def settle(ledger: Ledger, deliveries: Sequence[Delivery], *, now: int) -> None:
    """Tell the ledger, in one transaction, that these deliveries are done: articles, marks, validators, schedule. Raises StorageError."""
    ledger.settle(
        [row for delivery in deliveries for row in delivery.rows],
        marks={delivery.number: _marks(delivery) for delivery in deliveries if delivery.plan is not None},
        states={delivery.source.name: settled_state(delivery) for delivery in deliveries},
        held=_longest(delivery.held for delivery in deliveries),
        now=now,
    )


def settled_state(delivery: Delivery) -> SourceState:
    """Return the state to keep: where an entry was left out, the next request asks for the whole document again."""
    is_open = bool(delivery.failed) or (delivery.plan is not None and delivery.plan.is_waiting)
    return replace(delivery.state, etag="", last_modified="", body="") if is_open else delivery.state


def _marks(delivery: Delivery) -> dict[str, str]:
    """Return the marks to note: those of entries that were left out stay unknown."""
    plan = delivery.plan or SyncPlan()
    return {mark: key for mark, key in plan.marks.items() if key not in delivery.failed}


def _longest(holds: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return until when each host is left alone: the longest wish counts."""
    longest: dict[str, int] = {}
    for hold in holds:
        for host, until in hold.items():
            longest[host] = max(until, longest.get(host, 0))
    return longest
