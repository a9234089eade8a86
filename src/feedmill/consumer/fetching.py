"""One round of fetching: a task a source that asks, has the document read in the cage, and hands it to the desk, which writes in batches.

What a source does wrong is a value that is recorded; only a disk on which nothing can be noted ends a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from feedmill.config import Config, SourceConfig
from feedmill.consumer import remember
from feedmill.consumer.aside import aside
from feedmill.consumer.cage import Cage
from feedmill.consumer.crossing import document_from_json
from feedmill.consumer.desk import Desk, Done, Job
from feedmill.consumer.fetch import Client
from feedmill.consumer.fetch import Request as FetchRequest
from feedmill.consumer.freshness import retry_after
from feedmill.consumer.hosts import HostGate
from feedmill.consumer.measuring import ask, has_unmeasured
from feedmill.consumer.remember import Timing, address_of, asked_address, validators_for
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport, report_source
from feedmill.errors import StorageError, UpstreamError
from feedmill.model import Progress
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.state.database import Unreadable
from feedmill.state.ledger import SourceState
from feedmill.upstream import Failed, FeedDocument, Fetched, FetchOutcome

logger = logging.getLogger(__name__)

T = TypeVar("T")

READ_TASK = "feedmill.consumer.reading:read_task"
#: Sources that brought a body, and sources in all, whose posts and ledger are written in one go.
BATCH, MOST = 32, 512
#: How long a batch waits for more, in seconds.
LINGER = 0.1
#: Bytes of bodies that may wait for a reader before fetching pauses.
MAX_WAITING = 64_000_000


class AtDesk(Protocol):
    """Does work in the one thread that touches disk, and waits for it."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return what `work` returns."""


@dataclass(slots=True)
class _Waiting:
    """A job at the desk's door."""

    job: Job
    done: asyncio.Future[Done] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def brings_body(self) -> bool:
        return isinstance(self.job.outcome, Fetched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a round works with."""

    config: Config
    around: Surroundings
    client: Client
    gate: HostGate
    cage: Cage
    desk: Desk
    at_desk: AtDesk
    progress: Progress = lambda *_: None
    #: Hears of every source as soon as it is done, and of its new state.
    heard: Callable[[SourceReport, SourceState], None] = lambda *_: None


class Round:
    """Fetches the sources that it is given, and has stored what is new in them."""

    def __init__(self, means: Means) -> None:
        self._config, self._around, self._client, self._gate = means.config, means.around, means.client, means.gate
        self._cage, self._desk, self._at_desk = means.cage, means.desk, means.at_desk
        self._progress, self._heard = means.progress, means.heard
        #: What kept a source from being stored while others were; None where nothing did.
        self.trouble: StorageError | None = None
        self._door: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._total = self._finished = 0
        #: Bytes of the bodies that wait for a reader, and whether they are few enough to fetch more.
        self._bytes, self._calm = 0, asyncio.Event()
        self._calm.set()
        #: Jobs that are still to come to the door.
        self._expected = 0

    async def run(self, sources: Sequence[tuple[SourceConfig, SourceState]]) -> list[SourceReport]:
        """Fetch these sources, all that is due of a sync, and return their reports in the same order. Raises StorageError."""
        self._total = self._expected = len(sources)
        await self._hold_hosts()
        desk_work = asyncio.create_task(self._serve_desk())
        tasks = [asyncio.create_task(self._source(source, state)) for source, state in sources]
        try:
            return list(await _all_of(tasks))
        finally:
            desk_work.cancel()
            await asyncio.gather(desk_work, return_exceptions=True)

    async def _hold_hosts(self) -> None:
        held = await self._at_desk(lambda: self._desk.held_hosts(to_epoch(self._around.now())))
        for host, until in held.items():
            self._gate.hold(host, from_epoch(until))

    async def _source(self, source: SourceConfig, state: SourceState) -> SourceReport:
        """Fetch, read and store one source; whatever goes wrong with it, the others go on."""
        try:
            job = await self._fetch(source, state)
            done = await self._store(job)
        except Unreadable:
            raise
        except StorageError as exc:
            # One folder that cannot be written to keeps its own sources waiting; where not even that can be noted, the round ends.
            self.trouble = self.trouble or exc
            job = replace(self._job(source, state, Failed(reason=str(exc))), is_trouble=True)
            self._expected += 1
            done = await self._store(job)
        except Exception as exc:
            # The one border of this kind: a fault of ours in one source neither stops the others nor comes back at once.
            logger.exception("source %s: an error in feedmill itself", source.name)
            failure = Failed(reason=f"an error in feedmill itself ({type(exc).__name__}); please report it")
            job = self._job(source, state, failure)
            self._expected += 1
            done = await self._store(job)
        self._finished += 1
        self._progress("fetching", self._finished, self._total)
        if done.is_dead:
            logger.warning("source %s has failed for a week: %s; mend its url, or set `enabled: false`", source.name, done.state.error)
        is_held = isinstance(job.outcome, Failed) and job.outcome.held_until is not None
        report = report_source(source, done.state, "not-due" if is_held else done.state.last_result, done=done)  # type: ignore[arg-type]
        self._heard(report, done.state)
        return report

    async def _fetch(self, source: SourceConfig, state: SourceState) -> Job:
        url = address_of(state, source)
        await self._calm.wait()
        outcome = await self._client.fetch(FetchRequest(url=url, headers=source.headers, validators=validators_for(state, url)))
        if isinstance(outcome, Failed):
            if outcome.status == 410 and outcome.url != asked_address(url):
                outcome = replace(outcome, status=404)  # where it redirected to is gone, which is not the source's own word
            return self._job(source, state, outcome, held=self._hold(outcome))
        if not isinstance(outcome, Fetched):
            return self._job(source, state, outcome)
        body = await aside(lambda: remember.body_key(outcome.body), size=len(outcome.body))
        if outcome.is_complete and body == state.body:
            return self._job(source, state, outcome, body=body)
        try:
            job = self._job(source, state, outcome, document=await self._read(source, outcome), body=body)
        except UpstreamError as exc:
            return self._job(source, state, Failed(reason=str(exc), status=outcome.status, headers=outcome.headers))
        return await self._measured(job, named_by=outcome.url)

    async def _measured(self, job: Job, *, named_by: str) -> Job:
        """Return `job` with the lengths that its document does not say of new enclosures, as far as their hosts say them."""
        if job.document is None or not has_unmeasured(job.document):
            return job
        addresses = await self._at_desk(lambda: self._desk.questions(job))
        return replace(job, lengths=await ask(self._client, addresses, named_by=named_by))

    async def _read(self, source: SourceConfig, fetched: Fetched) -> FeedDocument:
        known = await self._at_desk(lambda: self._desk.marks(source.name))
        arguments = {
            "url": fetched.url,
            "content_type": fetched.headers.get("content-type", ""),
            "known": known,
            "is_complete": fetched.is_complete,
            "embeds": sorted(self._config.html.embeds),
        }
        self._hold_bytes(len(fetched.body))
        try:
            return document_from_json(await self._cage.run(READ_TASK, arguments, fetched.body))
        finally:
            self._hold_bytes(-len(fetched.body))

    def _hold_bytes(self, more: int) -> None:
        """Count the bodies that wait for a reader; while they are many, no further one is fetched."""
        self._bytes += more
        if self._bytes > MAX_WAITING:
            self._calm.clear()
        else:
            self._calm.set()

    def _hold(self, failure: Failed) -> dict[str, int]:
        """Keep everybody away from a host that asked for it (429 and 503 with Retry-After), in this sync and later ones."""
        until = retry_after(failure.headers, now=self._around.now()) if failure.status in (429, 503) else None
        host = urlsplit(failure.url).hostname
        if until is None or not host:
            return {}
        self._gate.hold(host, until)
        return {host: to_epoch(until)}

    def _job(
        self,
        source: SourceConfig,
        state: SourceState,
        outcome: FetchOutcome,
        *,
        document: FeedDocument | None = None,
        body: str = "",
        held: dict[str, int] | None = None,
    ) -> Job:
        timing = Timing(
            every=self._config.interval(source), zone=self._config.site.zone, now=self._around.now(), chance=self._around.chance()
        )
        return Job(source=source, state=state, outcome=outcome, timing=timing, document=document, body=body, held=held)

    async def _store(self, job: Job) -> Done:
        waiting = _Waiting(job)
        await self._door.put(waiting)
        return await waiting.done

    async def _serve_desk(self) -> None:
        """Take what waits at the desk's door, in batches, until cancelled."""
        while True:
            waiting = [await self._next()]
            bodies = int(waiting[0].brings_body)
            with contextlib.suppress(TimeoutError):
                # A batch of one takes as many commits as one of many: more may come for a moment.
                async with asyncio.timeout(LINGER):
                    while self._expected and bodies < BATCH and len(waiting) < MOST:
                        waiting.append(await self._next())
                        bodies += waiting[-1].brings_body
            await self._finish(waiting)

    async def _next(self) -> _Waiting:
        waiting = await self._door.get()
        self._expected -= 1
        return waiting

    async def _finish(self, waiting: Sequence[_Waiting]) -> None:
        jobs = [one.job for one in waiting]
        try:
            results = await self._at_desk(lambda: self._desk.finish(jobs))
        except Exception as exc:
            if len(waiting) > 1 and not isinstance(exc, Unreadable):
                for one in waiting:  # one of them is at fault: each for itself
                    await self._finish([one])
                return
            for one in waiting:
                if not one.done.done():
                    one.done.set_exception(exc)
            return
        for one, done in zip(waiting, results, strict=True):
            if not one.done.done():
                one.done.set_result(done)


async def _all_of(tasks: Sequence[asyncio.Task[T]]) -> Sequence[T]:
    """Wait for all tasks; the first that raises ends the others."""
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
