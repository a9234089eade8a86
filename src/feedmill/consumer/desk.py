"""The one thread of a sync that touches disk: it owns the ledger, decides what documents ask for, and has it carried out in batches."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from feedmill.config import Config, SourceConfig
from feedmill.consumer.measuring import measured, questions
from feedmill.consumer.plan import Delivery, SyncPlan, settle, settled_state
from feedmill.consumer.remember import Reading, Timing, after_failure, after_hold, after_success, after_trouble, is_long_dead
from feedmill.consumer.schedule import Observed
from feedmill.consumer.stock import Stock, take_stock
from feedmill.durable import sweep
from feedmill.posts.record import from_epoch
from feedmill.state.ledger import Article, Ledger, SourceState
from feedmill.state.lock import writing
from feedmill.upstream import Failed, FeedDocument, Fetched, NotModified

if TYPE_CHECKING:
    from feedmill.consumer.deliver import Deliverer

#: Publication times of so many articles tell how often a source has news.
_RECENT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A source that was fetched; `document` is None for a 304, a body that is known, and every failure."""

    source: SourceConfig
    state: SourceState
    outcome: Fetched | NotModified | Failed
    timing: Timing
    document: FeedDocument | None = None
    #: By which the body that was fetched is known again.
    body: str = ""
    #: Bytes of enclosures whose length the document does not say, by address.
    lengths: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] | None = None
    #: Whether its posts cannot be written: `outcome` says why, and upstream is not to blame.
    is_trouble: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a job."""

    state: SourceState
    new: int = 0
    updated: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    #: Whether the source is to be called dead, now and only now.
    is_dead: bool = False


class Desk:
    """Ledger and posts for one sync. Every method runs in the same thread; a dry one works on a copy of the ledger and writes no post."""

    def __init__(self, config: Config, state_path: Path, *, is_dry: bool) -> None:
        self._config, self._is_dry = config, is_dry
        self._ledger = Ledger(state_path)
        self._stock = Stock(frozenset(), ())
        self._hurry = threading.Event()

    def adopt(self, config: Config) -> None:
        """Go on with another configuration, in which only the sources differ (from any thread)."""
        self._config = config

    def hurry(self) -> None:
        """Wait for no other writer from now on: the process is to end (from any thread)."""
        self._hurry.set()

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._is_dry else writing(self._config.lock_path, hurry=self._hurry)

    @cached_property
    def _deliverer(self) -> Deliverer:
        from feedmill.consumer.deliver import Deliverer  # 40 ms, and most polls bring no document

        return Deliverer(self._config, self._ledger)

    def open(self) -> dict[str, SourceState]:
        """Bring the ledger in step with the posts, and return what is remembered of every source. Raises StorageError."""
        with self._alone():
            self._stock = take_stock(self._config, self._ledger, is_dry=self._is_dry)
            if not self._is_dry:
                sweep({path.parent for path in self._stock.leftovers})
            states = self._ledger.states()
            gone = states.keys() - {source.name for source in self._config.sources}
            self._ledger.reset_states(name for name in gone if states[name] != SourceState())
        return {name: state for name, state in states.items() if name not in gone}

    def held_hosts(self, now: int) -> dict[str, int]:
        """Return the hosts that asked everybody to stay away, and until when (epoch seconds)."""
        return self._ledger.held_hosts(now)

    def marks(self, name: str) -> list[str]:
        """Return the marks of all that is known of a source."""
        return list(self._ledger.marks(name))

    def questions(self, job: Job) -> list[str]:
        """Return the addresses of enclosures whose length is to be asked for before `job` is finished. Raises StorageError."""
        if job.document is None or self._is_dry:
            return []
        plan = self._decide(job, job.document, self._ledger.articles(job.source.name), 0)
        return questions(plan, is_open=self._deliverer.lacks_length)

    def finish(self, jobs: Sequence[Job]) -> list[Done]:
        """Do all that is left to do about these sources, in one go. Raises StorageError: then nothing of it is known."""
        with self._alone():
            deliveries = [self._delivery(job) for job in jobs]
            now = max(job.timing.epoch for job in jobs)
            if any(delivery.plan for delivery in deliveries) and not self._is_dry:
                self._deliverer.deliver(deliveries, now=now)
            elif not self._is_dry:
                settle(self._ledger, deliveries, now=now)
        return [self._done(job, delivery) for job, delivery in zip(jobs, deliveries, strict=True)]

    def prune(self, sources: Sequence[SourceConfig], *, now: int) -> list[str]:
        """Remove the posts that these sources' `keep` has no room for. Returns their paths. Raises StorageError."""
        kept = [source for source in sources if source.keep is not None and source.enabled]
        if not kept or self._is_dry:
            return []
        with self._alone():
            return [path for source in kept for path in self._deliverer.prune(source, now=now)]

    def _delivery(self, job: Job) -> Delivery:
        number, plan = 0, None
        if isinstance(job.outcome, Failed):
            state = _after_failing(job, job.outcome)
            if is_long_dead(state, job.timing.epoch):
                state = replace(state, is_told=True)
        else:
            reading = None
            if job.document is not None:
                number, articles = self._ledger.number(job.source.name), self._ledger.articles(job.source.name)
                plan = measured(self._decide(job, job.document, articles, number), job.lengths)
                reading = _reading(job.document, plan, articles)
            state = after_success(job.state, job.source, job.outcome, body=job.body, reading=reading, timing=job.timing)
        return Delivery(source=job.source, number=number, plan=plan, state=state, held=job.held or {})

    def _decide(self, job: Job, document: FeedDocument, articles: Sequence[Article], number: int) -> SyncPlan:
        from feedmill.consumer.decide import Known, decide

        known = Known(
            number=number,
            name=job.source.name,
            articles=articles,
            marks=self._ledger.marks(job.source.name),
            keep=job.source.keep,
            tombstones=self._stock.tombstones_of(job.source.name),
        )
        return decide(document, known, now=job.timing.epoch)

    def _done(self, job: Job, delivery: Delivery) -> Done:
        plan = delivery.plan or SyncPlan()
        return Done(
            state=settled_state(delivery),
            new=len(plan.new) if self._is_dry else len(delivery.new),
            updated=len(plan.updated) if self._is_dry else len(delivery.updated),
            skipped=tuple(plan.skipped if self._is_dry else delivery.skipped),
            is_dead=delivery.state.is_told and not job.state.is_told,
        )


def _after_failing(job: Job, failure: Failed) -> SourceState:
    if failure.held_until:
        return after_hold(job.state, failure.held_until)
    if job.is_trouble:
        return after_trouble(job.state, failure.reason, timing=job.timing)
    return after_failure(job.state, failure, timing=job.timing)


def _reading(document: FeedDocument, plan: SyncPlan, articles: Sequence[Article]) -> Reading:
    dates = [article.date for article in (*articles, *(step.article for step in plan.new)) if article.date is not None]
    recent = tuple(from_epoch(date) for date in sorted(dates, reverse=True)[:_RECENT])
    new = len(plan.new)
    return Reading(
        hints=document.hints,
        observed=Observed(dates=recent, entries=plan.entries, new=new),
        has_known=plan.has_known,
        is_gap=plan.is_gap,
        is_torn=document.is_torn,
        complaint=document.complaint,
        title=document.title,
    )
