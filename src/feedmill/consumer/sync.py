"""The use case `sync`: fetches the sources that are due and brings their new entries into the folder of posts.

`session` keeps open what that takes; `fetching` does the round of those that are due; one thread, the desk, decides and writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from feedmill.config import Config, SourceConfig
from feedmill.consumer import remember
from feedmill.consumer.schedule import is_due
from feedmill.consumer.selection import choose
from feedmill.consumer.session import Session
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport, SyncReport, report_source
from feedmill.errors import StorageError
from feedmill.model import Progress
from feedmill.posts.record import from_epoch
from feedmill.state.database import Unreadable, copy_database, move_aside
from feedmill.state.ledger import SourceState
from feedmill.state.lock import writing

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
    then nothing is half-written, what could be stored is stored, and the rest is done by the next sync.
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
                return asyncio.run(_sync(config, request, sources, state, around, progress))
            except Unreadable as damage:
                move_aside(damage)
    raise StorageError(f"{config.state_path} cannot be kept: it was damaged again as soon as it was made; check the disk")


async def _sync(
    config: Config, request: Request, sources: Sequence[SourceConfig], state: Path, around: Surroundings, progress: Progress
) -> SyncReport:
    async with Session(config, state=state, around=around, is_dry=request.is_dry, progress=progress) as session:
        found = session.known(sources)
        now = around.now()
        asked = [(source, known) for source, known in found if _is_asked(source, known, request, now)]
        reports = {report.name: report for report in await session.fetch(asked)}
        pruned = await session.prune(sources)
    if session.trouble:
        raise session.trouble
    return SyncReport(tuple(reports.get(source.name) or _unasked(source, known) for source, known in found), tuple(pruned))


def _is_asked(source: SourceConfig, state: SourceState, request: Request, now: datetime) -> bool:
    if not source.enabled or remember.is_gone(state):
        return False
    due, last = (None if seconds is None else from_epoch(seconds) for seconds in (state.due, state.last_fetch))
    return request.is_forced or is_due(due, now=now, since=last)


def _unasked(source: SourceConfig, state: SourceState) -> SourceReport:
    if not source.enabled:
        return report_source(source, state, "disabled")
    return report_source(source, state, "gone" if remember.is_gone(state) else "not-due")
