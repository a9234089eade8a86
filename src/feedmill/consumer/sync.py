"""The use case `sync`: fetches the sources that are due and brings their new entries into the folder of posts.

One task a source fetches and has the document read in the cage; one thread, the desk, decides and writes in batches. What a
source does wrong is a value that is recorded; only a failing disk ends a sync.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from feedmill.config import Config, SourceConfig
from feedmill.consumer import remember
from feedmill.consumer.cage import Cage
from feedmill.consumer.crossing import document_from_json
from feedmill.consumer.desk import Desk, Done, Job
from feedmill.consumer.fetch import Request as FetchRequest
from feedmill.consumer.freshness import retry_after
from feedmill.consumer.remember import Timing, address_of, validators_for
from feedmill.consumer.schedule import is_due
from feedmill.consumer.selection import choose
from feedmill.consumer.surroundings import Surroundings, open_client
from feedmill.consumer.syncreport import SourceReport, SyncReport, report_source
from feedmill.errors import StorageError, UpstreamError
from feedmill.model import Failed, FeedDocument, Fetched, FetchOutcome, Progress
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.state.database import Unreadable, copy_database, move_aside
from feedmill.state.ledger import SourceState
from feedmill.state.lock import writing

logger = logging.getLogger(__name__)

T = TypeVar("T")

READ_TASK = "feedmill.consumer.reading:read_task"
#: Sources whose posts and ledger are written in one go.
BATCH = 32
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a sync."""

    #: Sources to sync; empty: all.
    names: tuple[str, ...] = ()
    #: Whether sources are fetched that are not due yet.
    is_forced: bool = False
    is_dry: bool = False


def sync(
    config: Config, request: Request = Request(), *, around: Surroundings | None = None, progress: Progress = lambda *_: None
) -> SyncReport:
    """Fetch what is due, store what is new. Nothing is published.

    Raises ConfigError for a name that is no source's, StorageError for a failing disk and when another sync holds the lock:
    then nothing is half-written, and what was not done is done by the next sync.
    """
    around = around or Surroundings()
    sources = choose(config, request.names)
    with ExitStack() as stack:
        state = config.state_path
        if request.is_dry:
            import tempfile

            state = copy_database(state, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feedmill-"))))
        else:
            stack.enter_context(writing(config.sync_lock_path, patience=0))
        for _ in range(_ATTEMPTS):
            try:
                return asyncio.run(_Sync(config, request, sources, state, around, progress).run())
            except Unreadable as damage:
                move_aside(damage)
    raise StorageError(f"{config.state_path} cannot be kept: it was damaged again as soon as it was made; check the disk")


@dataclass(slots=True)
class _Waiting:
    """A job at the desk's door."""

    job: Job
    done: asyncio.Future[Done] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class _Sync:
    """One sync, from the first look at the posts to the last report."""

    def __init__(
        self, config: Config, request: Request, sources: Sequence[SourceConfig], state: Path, around: Surroundings, progress: Progress
    ) -> None:
        self._config, self._request, self._sources = config, request, sources
        self._state, self._around, self._progress = state, around, progress
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedmill-desk")
        self._door: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._finished = 0

    async def run(self) -> SyncReport:
        """Do it."""
        async with AsyncExitStack() as stack:
            stack.callback(self._thread.shutdown)
            self._desk = await self._at_desk(lambda: Desk(self._config, self._state, is_dry=self._request.is_dry))
            stack.push_async_callback(self._at_desk, self._desk.close)
            states = await self._at_desk(self._desk.open)
            self._client, self._gate = await stack.enter_async_context(open_client(self._config, self._around))
            self._cage = await stack.enter_async_context(Cage(limits=self._around.cage))
            await self._hold_hosts()
            reports = await self._fetch_all(states)
            pruned = await self._at_desk(lambda: self._desk.prune(to_epoch(self._around.now())))
        return SyncReport(tuple(reports), tuple(pruned))

    async def _at_desk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _hold_hosts(self) -> None:
        held = await self._at_desk(lambda: self._desk.held_hosts(to_epoch(self._around.now())))
        for host, until in held.items():
            self._gate.hold(host, from_epoch(until))

    async def _fetch_all(self, states: dict[str, SourceState]) -> list[SourceReport]:
        now = self._around.now()
        found = [(source, remember.for_source(states.get(source.name, SourceState()), source)) for source in self._sources]
        due = [source.name for source, state in found if self._is_asked(source, state, now)]
        self._progress("fetching", 0, len(due))
        desk_work = asyncio.create_task(self._serve_desk())
        wanted = set(due)
        tasks = [
            asyncio.create_task(self._source(source, state, len(due)))
            if source.name in wanted
            else asyncio.create_task(self._unasked(source, state))
            for source, state in found
        ]
        try:
            return list(await _all_of(tasks))
        finally:
            desk_work.cancel()
            await asyncio.gather(desk_work, return_exceptions=True)

    def _is_asked(self, source: SourceConfig, state: SourceState, now: datetime) -> bool:
        if not source.enabled or remember.is_gone(state):
            return False
        due, last = (None if seconds is None else from_epoch(seconds) for seconds in (state.due, state.last_fetch))
        return self._request.is_forced or is_due(due, now=now, since=last)

    async def _unasked(self, source: SourceConfig, state: SourceState) -> SourceReport:
        result = "disabled" if not source.enabled else "gone" if remember.is_gone(state) else "not-due"
        return report_source(source, state, result)  # type: ignore[arg-type]

    async def _source(self, source: SourceConfig, state: SourceState, total: int) -> SourceReport:
        """Fetch, read and store one source; whatever goes wrong with it, the others go on."""
        try:
            job = await self._fetch(source, state)
            done = await self._store(job)
        except (StorageError, Unreadable):
            raise
        except Exception as exc:
            # The one border of this kind: a fault of ours in one source neither stops the others nor comes back at once.
            logger.exception("source %s: an error in feedmill itself", source.name)
            failure = Failed(reason=f"an error in feedmill itself ({type(exc).__name__}); please report it")
            job = self._job(source, state, failure)
            done = await self._store(job)
        self._finished += 1
        self._progress("fetching", self._finished, total)
        if done.is_dead:
            logger.warning("source %s has failed for a week: %s; mend its url, or set `enabled: false`", source.name, done.state.error)
        is_held = isinstance(job.outcome, Failed) and job.outcome.held_until is not None
        return report_source(source, done.state, "not-due" if is_held else done.state.last_result, done=done)  # type: ignore[arg-type]

    async def _fetch(self, source: SourceConfig, state: SourceState) -> Job:
        url = address_of(state, source)
        outcome = await self._client.fetch(FetchRequest(url=url, headers=source.headers, validators=validators_for(state, url)))
        if isinstance(outcome, Failed):
            return self._job(source, state, outcome, held=self._hold(outcome))
        if not isinstance(outcome, Fetched) or (outcome.is_complete and remember.body_key(outcome.body) == state.body):
            return self._job(source, state, outcome)
        try:
            return self._job(source, state, outcome, document=await self._read(source, outcome))
        except UpstreamError as exc:
            return self._job(source, state, Failed(reason=str(exc), status=outcome.status, headers=outcome.headers))

    async def _read(self, source: SourceConfig, fetched: Fetched) -> FeedDocument:
        known = await self._at_desk(lambda: self._desk.marks(source.name))
        arguments = {
            "url": fetched.url,
            "content_type": fetched.headers.get("content-type", ""),
            "known": known,
            "is_complete": fetched.is_complete,
            "embeds": sorted(self._config.html.embeds),
        }
        return document_from_json(await self._cage.run(READ_TASK, arguments, fetched.body))

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
        held: dict[str, int] | None = None,
    ) -> Job:
        timing = Timing(
            every=self._config.interval(source), zone=self._config.site.zone, now=self._around.now(), chance=self._around.chance()
        )
        return Job(source=source, state=state, outcome=outcome, timing=timing, document=document, held=held)

    async def _store(self, job: Job) -> Done:
        waiting = _Waiting(job)
        await self._door.put(waiting)
        return await waiting.done

    async def _serve_desk(self) -> None:
        """Take what waits at the desk's door, in batches, until cancelled."""
        while True:
            waiting = [await self._door.get()]
            while len(waiting) < BATCH and not self._door.empty():
                waiting.append(self._door.get_nowait())
            await self._finish(waiting)

    async def _finish(self, waiting: Sequence[_Waiting]) -> None:
        jobs = [one.job for one in waiting]
        try:
            results = await self._at_desk(lambda: self._desk.finish(jobs))
        except Exception as exc:
            if len(waiting) > 1 and not isinstance(exc, StorageError | Unreadable):
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
