"""The use case `sync`: fetches the sources that are due and brings their new entries into the folder of posts.

`fetching` does the round of those that are due; one thread, the desk, decides and writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from feedmill.config import Config, SourceConfig
from feedmill.consumer import remember
from feedmill.consumer.cage import Cage
from feedmill.consumer.desk import Desk
from feedmill.consumer.schedule import is_due
from feedmill.consumer.selection import choose
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport, SyncReport, report_source
from feedmill.errors import StorageError
from feedmill.model import Progress
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.state.database import Unreadable, copy_database, move_aside
from feedmill.state.ledger import SourceState
from feedmill.state.lock import writing

T = TypeVar("T")

_ATTEMPTS = 3
#: So many documents that are read from end to end are work for every core.
_MANY = 8


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


class _Sync:
    """One sync, from the first look at the posts to the last report. What it does without, with nothing to ask, is loaded late."""

    def __init__(
        self, config: Config, request: Request, sources: Sequence[SourceConfig], state: Path, around: Surroundings, progress: Progress
    ) -> None:
        self._config, self._request, self._sources = config, request, sources
        self._state, self._around, self._progress = state, around, progress
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedmill-desk")

    async def run(self) -> SyncReport:
        """Do it."""
        async with AsyncExitStack() as stack:
            stack.callback(self._thread.shutdown)
            self._desk = await self._at_desk(lambda: Desk(self._config, self._state, is_dry=self._request.is_dry))
            stack.push_async_callback(self._at_desk, self._desk.close)
            states = await self._at_desk(self._desk.open)
            found = [(source, remember.for_source(states.get(source.name, SourceState()), source)) for source in self._sources]
            now = self._around.now()
            asked = [(source, state) for source, state in found if self._is_asked(source, state, now)]
            reports = {report.name: report for report in await self._fetch(asked, stack)}
            pruned = await self._at_desk(lambda: self._desk.prune(self._sources, now=to_epoch(self._around.now())))
        return SyncReport(tuple(reports.get(source.name) or _unasked(source, state) for source, state in found), tuple(pruned))

    async def _at_desk(self, work: Callable[[], T], /) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _is_asked(self, source: SourceConfig, state: SourceState, now: datetime) -> bool:
        if not source.enabled or remember.is_gone(state):
            return False
        due, last = (None if seconds is None else from_epoch(seconds) for seconds in (state.due, state.last_fetch))
        return self._request.is_forced or is_due(due, now=now, since=last)

    async def _fetch(self, asked: Sequence[tuple[SourceConfig, SourceState]], stack: AsyncExitStack) -> list[SourceReport]:
        self._progress("fetching", 0, len(asked))
        if not asked:
            return []
        warming: list[asyncio.Task[None]] = []
        stack.push_async_callback(_ended, warming)
        cage = await stack.enter_async_context(Cage(limits=self._around.cage))
        if any(state.last_result != "not-modified" for _, state in asked):
            # There will be documents: their readers start while this process loads the client. One reads a few new entries in less
            # time than another takes to start.
            strangers = sum(not state.body for _, state in asked)
            warming.append(asyncio.create_task(cage.warm(1 if strangers < _MANY else None)))
            await asyncio.sleep(0)
        from feedmill.consumer.fetching import Means, Round
        from feedmill.consumer.outbound import open_client

        client, gate = await stack.enter_async_context(open_client(self._config, self._around))
        means = Means(
            config=self._config,
            around=self._around,
            client=client,
            gate=gate,
            cage=cage,
            desk=self._desk,
            at_desk=self._at_desk,
            progress=self._progress,
        )
        return await Round(means).run(asked)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for tasks that somebody else has ended; whoever needed them has said what was wrong."""
    await asyncio.gather(*tasks, return_exceptions=True)


def _unasked(source: SourceConfig, state: SourceState) -> SourceReport:
    if not source.enabled:
        return report_source(source, state, "disabled")
    return report_source(source, state, "gone" if remember.is_gone(state) else "not-due")
