"""The daemon's syncing: claims what is due, fetches it in rounds that run beside each other, begins anew after a failing disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from feedmill.config import Config, SourceConfig
from feedmill.consumer import remember
from feedmill.consumer.schedule import is_due
from feedmill.consumer.session import Heard, Known, Session
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport
from feedmill.errors import FeedmillError, StorageError
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.state.database import Unreadable, move_aside
from feedmill.state.ledger import SourceState
from feedmill.state.lock import writing

logger = logging.getLogger(__name__)

#: Posts are compared with the ledger before a round, where something was heard of them and at the latest after this time.
STOCK_LIFE = timedelta(minutes=10)
#: Where that takes longer than this many seconds (50,000 posts and more), it may take a twentieth of the time at most: posts that a
#: round stores are heard of too.
_LONG_STOCK, _STOCK_SHARE = 0.25, 20
#: A source that has been due for so long, and is not being fetched, is overdue.
OVERDUE = timedelta(minutes=5)
#: After a failing disk nothing is tried for so long, doubled with every further failure.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
#: `feedmill status` looks for a moment whether somebody has the lock, in seconds.
_MOMENT = 0.2
#: What a source that is still being fetched waits till it counts as an overlap, where its interval is no fixed one.
_USUAL = timedelta(hours=1)


class Syncing:
    """Fetches sources when they are due, for as long as it is open. Every method runs in the loop; `tick` never waits for a source."""

    def __init__(self, config: Config, *, around: Surroundings | None = None, heard: Heard = lambda *_: None) -> None:
        self._config = self._wanted = config
        self._around, self._heard = around or Surroundings(), heard
        #: By path. Beside the wanted one that of the state before, for as long as its session is open.
        self._locks: dict[Path, contextlib.ExitStack] = {}
        self._session: Session | None = None
        self._opening: asyncio.Task[None] | None = None
        self._closing = asyncio.Lock()
        self._rounds: set[asyncio.Task[None]] = set()
        #: Those that are enabled, as they are configured now.
        self._sources: dict[str, SourceConfig] = {}
        #: When each source is to be looked at next, in epoch seconds: when it is due, and while it is fetched when that is an overlap.
        self._looks: dict[str, int] = {}
        #: The round that fetches a source now.
        self._flying: dict[str, object] = {}
        self._damage: Unreadable | None = None
        self._is_broken = False
        self._failures, self._not_before = 0, self._around.now()
        self._last_look = self._not_before
        #: When the posts were compared with the ledger last, and whether something was heard of them since.
        self._stocked_at = self._not_before
        self._is_stock_old = True
        #: Until when it is not done again, by the monotonic clock in seconds.
        self._no_stock_before = 0.0
        self._killed = 0
        #: Sources that were due again while they were still being fetched.
        self.overlaps = 0
        #: What keeps syncing from going on; "" where nothing does.
        self.trouble = ""

    def start(self) -> None:
        """Take the sync lock. Raises StorageError, naming the holder, when another sync or daemon has it."""
        path = self._wanted.sync_lock_path
        if path not in self._locks:
            taken = contextlib.ExitStack()
            taken.enter_context(writing(path, patience=_MOMENT))
            self._locks[path] = taken

    async def tick(self) -> int:
        """Claim what is due now and begin to fetch it; return how many sources that are."""
        now = self._around.now()
        if self._is_broken or self._must_reopen():
            if not self._rounds:
                await self._close_session()
            return 0
        if self._session is None:
            self._begin_to_open(now)
            return 0
        if self._wanted is not self._config:
            self._config = self._wanted
            self._session.adopt(self._config)
            self._look_again()
        claimed = self._claim(now)
        if not claimed and not self._rounds:
            self._failures, self.trouble = 0, ""  # the sources of a round that failed would be due
        if claimed:
            task = asyncio.create_task(self._round(self._session, claimed))
            self._flying.update((source.name, task) for source, _ in claimed)
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)
        return len(claimed)

    def adopt(self, config: Config) -> None:
        """Go on with another configuration as soon as that is possible. Raises StorageError when its state is another daemon's."""
        before, self._wanted = self._wanted, config
        try:
            self.start()
        except StorageError:
            self._wanted = before
            raise
        if _ground(config) != _ground(before):
            self._failures, self._not_before = 0, self._around.now()  # what it stood still for may be mended

    def posts_changed(self) -> None:
        """Hear that people may have moved or deleted posts: they are compared with the ledger before the next round."""
        self._is_stock_old = True

    def due(self, now: datetime) -> tuple[int, int]:
        """Return how many sources are due (being fetched or not), and how many are overdue."""
        epoch = to_epoch(now)
        waiting = [at for name, at in self._looks.items() if at <= epoch and name not in self._flying]
        late = epoch - OVERDUE.total_seconds()
        return len(waiting) + len(self._flying), sum(at < late for at in waiting)

    @property
    def children_killed(self) -> int:
        """Child processes that died or were killed over a document."""
        return self._killed + (self._session.children_killed if self._session else 0)

    async def quiet(self) -> None:
        """Wait until no round is under way."""
        while pending := [task for task in (*self._rounds, self._opening) if task and not task.done()]:
            await asyncio.wait(pending)

    async def close(self) -> None:
        """End what is being fetched, let the batch in hand be written, and give the lock back."""
        tasks = [*self._rounds, *([self._opening] if self._opening else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close_session()
        self._let_go(None)

    # The session

    def _must_reopen(self) -> bool:
        return self._session is not None and _ground(self._wanted) != _ground(self._config)

    def _begin_to_open(self, now: datetime) -> None:
        if self._opening is None and not now < self._not_before <= now + _LONGEST_PAUSE:
            self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        self._config = self._wanted
        self._let_go(self._config.sync_lock_path)
        try:
            session = Session(self._config, around=self._around, heard=self._hear)
            self._note_stock()
            self._session = await session.__aenter__()
            self._look_again()
        except Unreadable as damage:
            self._damage = damage
            self._stumble(damage)
        except FeedmillError as exc:
            self._stumble(exc)
        except Exception as exc:
            logger.exception("syncing: an error in feedmill itself")
            self._stumble(exc)
        finally:
            self._opening = None

    def _note_stock(self) -> None:
        """Note that the posts are compared with the ledger now: what is heard of them from here on is for the next time."""
        self._stocked_at, self._is_stock_old = self._around.now(), False

    async def _take_stock(self, session: Session) -> None:
        began = time.monotonic()
        if began < self._no_stock_before:
            return
        self._note_stock()
        await session.take_stock()
        taken = time.monotonic() - began
        self._no_stock_before = began + (taken * _STOCK_SHARE if taken > _LONG_STOCK else 0.0)

    async def _close_session(self) -> None:
        async with self._closing:
            session, self._session = self._session, None
            self._is_broken = False
            if session is not None:
                self._killed += session.children_killed
                try:
                    await session.__aexit__(None, None, None)
                except (StorageError, Unreadable) as exc:
                    logger.warning("syncing: %s", exc)
            damage, self._damage = self._damage, None
            if damage is not None:
                try:
                    await asyncio.to_thread(move_aside, damage)
                except StorageError as exc:
                    logger.warning("syncing: %s", exc)

    def _let_go(self, path: Path | None) -> None:
        """Give every lock back but that at `path`."""
        for other in self._locks.keys() - {path}:
            self._locks.pop(other).close()

    def _stumble(self, exc: Exception) -> None:
        """Begin anew after a pause: the disk may be full, the database may have been taken away."""
        if self._is_broken:
            return  # another round has met the same
        self._failures += 1
        pause = min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        self._not_before = self._around.now() + pause
        self._is_broken = True
        if str(exc) != self.trouble:
            logger.error("syncing stands still: %s; trying again in %d s", exc, pause.total_seconds())
        self.trouble = str(exc)

    # What is due

    def _look_again(self) -> None:
        """Note when every source is due: with a new session, other sources, or a clock that went back."""
        self._sources = {source.name: source for source in self._config.sources if source.enabled}
        self._looks = {name: at for name, at in self._looks.items() if name in self._sources and name in self._flying}
        self._note(name for name in self._sources if name not in self._flying)

    def _note(self, names: Iterable[str]) -> None:
        """Note when these sources, as they are configured now, are to be looked at."""
        assert self._session is not None
        now = self._around.now()
        for source, state in self._session.known(self._sources[name] for name in names if name in self._sources):
            if remember.is_gone(state):
                self._looks.pop(source.name, None)
            else:
                self._looks[source.name] = _due_at(state, now)

    def _claim(self, now: datetime) -> list[Known]:
        """Return the sources to fetch now: those that are due, and at the time when they are due, not a tenth of their interval early."""
        assert self._session is not None
        went_back, self._last_look = now < self._last_look, now
        if went_back:
            self._look_again()
        epoch = to_epoch(now)
        claimed = []
        due = [self._sources[name] for name, at in self._looks.items() if at <= epoch]
        for source, state in self._session.known(due):
            if source.name not in self._flying:
                claimed.append((source, state))
            else:
                self.overlaps += 1
                logger.warning("source %s is due again while it is still being fetched: left out this time", source.name)
            interval = self._config.interval(source)
            self._looks[source.name] = to_epoch(now + (interval if isinstance(interval, timedelta) else _USUAL))
        return claimed

    async def _round(self, session: Session, claimed: Sequence[Known]) -> None:
        """Fetch these sources; only a disk on which nothing can be noted ends a round early."""
        try:
            if self._is_stock_old or abs(self._around.now() - self._stocked_at) > STOCK_LIFE:
                await self._take_stock(session)
            await session.fetch(claimed)
            await self._prune(session, [source for source, _ in claimed])
            if not self._is_broken:
                self._failures, self.trouble = 0, ""
        except Unreadable as damage:
            self._damage = damage
            self._stumble(damage)
        except FeedmillError as exc:
            self._stumble(exc)
        except Exception as exc:
            logger.exception("syncing: an error in feedmill itself")
            self._stumble(exc)
        finally:
            mine = asyncio.current_task()
            names = [source.name for source, _ in claimed if self._flying.get(source.name) is mine]
            for name in names:
                del self._flying[name]
            self._note(names)

    async def _prune(self, session: Session, sources: Sequence[SourceConfig]) -> None:
        """Remove what these sources keep no more. A folder that cannot be written to holds nobody up: it is tried again next time."""
        try:
            for path in await session.prune(sources):
                logger.info("removed %s: its source keeps no more", path)
        except StorageError as exc:
            logger.warning("old posts could not be removed: %s", exc)

    def _hear(self, report: SourceReport, state: SourceState) -> None:
        """Take note of a source that is done, long before its round may be."""
        self._flying.pop(report.name, None)
        self._note([report.name])
        self._heard(report, state)


def _due_at(state: SourceState, now: datetime) -> int:
    """Return when a source is due: now where it was never fetched, and where the clock has gone back behind its last fetch."""
    if state.next_fetch is None:
        return to_epoch(now)
    since = None if state.last_fetch is None else from_epoch(state.last_fetch)
    return min(state.next_fetch, to_epoch(now)) if is_due(from_epoch(state.next_fetch), now=now, since=since) else state.next_fetch


def _ground(config: Config) -> tuple[object, ...]:
    """Return what a session stands on: with other sources alone it goes on."""
    return config.site, config.posts, config.sync, config.html, config.feeds_url, config.root
