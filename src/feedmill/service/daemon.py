"""The daemon: one process that syncs when sources are due, publishes what changed, and serves the feeds, until it is told to end.

APScheduler calls; the state says what is due. What may take long (fetching, publishing, watching) are tasks and processes of their
own, so that no look at the clock is late because of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from feedmill.config import Config
from feedmill.consumer.cage import CageLimits
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport
from feedmill.model import Problem
from feedmill.posts.record import from_epoch
from feedmill.service.health import Health
from feedmill.service.lifecycle import Signals
from feedmill.service.metrics import Counts, Metrics
from feedmill.service.pings import Pings
from feedmill.service.printing import Printed, Printer, PrintingError, Settings
from feedmill.service.reloading import Reloader
from feedmill.service.server import WebServer, open_web
from feedmill.service.syncing import Syncing
from feedmill.service.systemd import Notifier
from feedmill.service.watching import Change, Watch
from feedmill.state.ledger import SourceState

logger = logging.getLogger(__name__)

#: How often the daemon looks at what is due, in seconds.
TICK = 1.0
#: Documents are read at this niceness: readers are served first.
_NICENESS = 5
#: How often is published what no notification tells of, in seconds: posts whose time has come, feeds that somebody took away; …
LOOK = 60.0
#: … and how often all posts are looked at, whatever was told: one can be a link to another.
SCAN = 300.0
#: How long a publish in hand may take when the daemon ends, and then everything else, in seconds; below 10 together.
_PRINT_GRACE, _GRACE = 4.0, 4.0


class Daemon:
    """One daemon; `run` returns when it was told to end."""

    def __init__(
        self, path: Path, *, host: str = "", port: int | None = None, is_serving: bool = True, around: Surroundings | None = None
    ) -> None:
        """`host` and `port` go before the configured ones. `is_serving`: whether there is a server at all.

        Raises ConfigError, StorageError when it cannot begin: another daemon has the lock, another program the port.
        """
        self._reloader = Reloader(path)
        config = self._reloader.config
        self._around = around or Surroundings(cage=CageLimits(niceness=_NICENESS))
        self._notifier = Notifier()
        #: What is counted; /metrics shows it.
        self.counts, self._health = Counts(), Health(is_daemon=True)
        self._metrics = Metrics(self.counts, asked=self._numbers)
        self._syncing = Syncing(config, around=self._around, heard=self._hear)
        self._syncing.start()
        self._web: WebServer | None = None
        if is_serving:
            self._web = open_web(config, counts=self.counts, health=self._health, metrics=self._metrics, host=host, port=port)
        self._printer = Printer(self._settings(), on_report=self._printed, on_failure=self._not_printed)
        self._pings = Pings(self.counts, now=self._around.now)
        self._watch: Watch | None = None
        self._scheduler = self._schedule()
        self._clock: asyncio.Task[None] | None = None
        self._is_ending = False
        self._last_tick: float | None = None
        self._reloads: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        #: Skipped posts that were named: once each, not at every run.
        self._named: set[Problem] = set()

    def _settings(self) -> Settings:
        """What the publishing child works by: the text that was found good, for the file may be broken since."""
        path = self._reloader.path
        return Settings(self._reloader.read.text, path.parent, str(path))

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        signals = Signals(reload=self._reload)
        tasks: list[asyncio.Task[Any]] = []
        signals.listen()
        try:
            if self._web:
                tasks.append(asyncio.create_task(self._web.run()))
                await self._web.started()
            await self._watch_over(self._reloader.config)
            async with self._reloading:
                await self._read_anew()  # what was saved between reading it and watching it
            self._printer.request()
            self._scheduler.start()
            self._clock = asyncio.create_task(self._watch_clock())
            self._say_ready()
            await signals.until_stop_or_end([*tasks, self._clock])
        finally:
            await self._end(tasks)

    async def _watch_over(self, config: Config) -> None:
        """Listen to the folder of posts of `config` and no longer to another's."""
        if self._watch is not None:
            await self._watch.__aexit__()
        self._watch = Watch(config.posts_dir, self._reloader.path, heard=self._noticed)
        await self._watch.__aenter__()

    def _say_ready(self) -> None:
        self._health.is_ready = True
        config = self._reloader.config
        where = f"serving {', '.join(self._web.addresses)}" if self._web else "serving nothing"
        logger.info("ready: %s; sources: %d", where, sum(source.enabled for source in config.sources))
        self._notifier.ready(f"{where}; sources: {len(config.sources)}")

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        """End in order: nothing new is begun, what is being written is written, the rest is undone."""
        logger.info("ending")
        self._is_ending = True
        self._notifier.stopping()
        if self._scheduler.running:
            self._scheduler.pause()  # its shutdown cancels a tick that has begun, and logs that as an error
        if self._web:
            self._web.stop()
        for task in (*self._reloads, *([self._clock] if self._clock else [])):
            task.cancel()
        try:
            async with asyncio.timeout(_PRINT_GRACE + _GRACE):
                closing = [self._printer.close(within=_PRINT_GRACE), self._syncing.close(), self._pings.close()]
                if self._watch is not None:
                    closing.append(self._watch.__aexit__())
                for failure in await asyncio.gather(*closing, return_exceptions=True):
                    if failure is not None:
                        logger.error("ending: %s: %s", type(failure).__name__, failure)
                if tasks:
                    await asyncio.wait(tasks)
        except TimeoutError:
            logger.error("something did not end in time and is left; what it was writing is whole, or undone by the next start")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        logger.info("ended")

    # What the scheduler calls

    def _schedule(self) -> AsyncIOScheduler:
        # No job is ever too late to run (the default drops what is a second late), and none runs twice at once.
        scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1})
        scheduler.add_job(self._tick, "interval", seconds=TICK, id="tick", next_run_time=datetime.now(UTC))
        scheduler.add_job(self._publish, "interval", seconds=LOOK, id="look")
        scheduler.add_job(self._publish_all, "interval", seconds=SCAN, id="scan")
        scheduler.add_listener(self._left_out, EVENT_JOB_MAX_INSTANCES)
        scheduler.add_listener(self._failed, EVENT_JOB_ERROR)
        return scheduler

    async def _tick(self) -> None:
        if self._is_ending:
            return
        now = asyncio.get_running_loop().time()
        if self._last_tick is not None:
            self.counts.tick_lag = max(0.0, now - self._last_tick - TICK)
            self.counts.tick_lag_most = max(self.counts.tick_lag_most, self.counts.tick_lag)
        self._last_tick = now
        self.counts.ticks += 1
        await self._syncing.tick()
        self._pings.look(self._reloader.config)
        self._health.last_tick, self._health.sync_trouble = datetime.now(UTC), self._syncing.trouble
        self._notifier.alive()

    async def _watch_clock(self) -> None:
        """Run everything now when the clock of the machine was set back: APScheduler would stand still until it is where it was."""
        while True:
            await asyncio.sleep(TICK)
            now = datetime.now(UTC)
            if self._scheduler.get_job("tick").next_run_time > now + timedelta(seconds=2 * TICK):
                logger.warning("the clock was set back; everything that is due is looked at anew")
                for job in ("tick", "look", "scan"):
                    self._scheduler.modify_job(job, next_run_time=now)

    async def _publish(self) -> None:
        """Ask for a publish of no post that changed; a coroutine, for APScheduler runs plain functions in a thread."""
        self._printer.request(frozenset())

    async def _publish_all(self) -> None:
        self._printer.request()

    def _left_out(self, _: object) -> None:
        self.counts.ticks_skipped += 1

    def _failed(self, _: object) -> None:
        self.counts.jobs_failed += 1  # APScheduler has logged it, with the traceback

    # What the parts say

    def _hear(self, report: SourceReport, state: SourceState) -> None:
        counts = self.counts
        counts.fetches[report.result] += 1
        counts.posts_new += report.new
        counts.posts_updated += report.updated
        if report.new or report.updated:
            logger.info("source %s: %d new, %d updated", report.name, report.new, report.updated)
            if self._watch is None or self._watch.is_polling:  # else the Watch tells which files they are
                self._printer.request()
        if report.error and (report.result != "failed" or state.failures <= 1):
            logger.warning("source %s: %s: %s", report.name, report.result, report.error)
        for what, why in report.notes[:5]:
            logger.info("source %s: %s: %s", report.name, what, why)

    def _printed(self, printed: Printed) -> None:
        counts = self.counts
        counts.publishes["done"] += 1
        counts.posts = printed.posts
        counts.feeds_written += len(printed.changed)
        self._metrics.published(printed.seconds)
        if self._health.publish_trouble:
            logger.info("publishing works again")
        self._health.last_publish, self._health.publish_trouble = datetime.now(UTC), ""
        self._say_problems(printed)
        self._pings.hurry()
        if printed.changed or printed.archives or printed.removed:
            archives = f" and {printed.archives} archive documents" if printed.archives else ""
            told = "published: wrote %d of %d feeds%s, removed %d, in %.2f s"
            logger.info(told, len(printed.changed), printed.feeds, archives, printed.removed_in_all, printed.seconds)
        if printed.next_due is not None:
            # A post that waits for its time; whoever comes later knows of a later one.
            self._scheduler.add_job(self._publish, "date", run_date=from_epoch(printed.next_due), id="due", replace_existing=True)

    def _say_problems(self, printed: Printed) -> None:
        for problem in printed.skipped:
            if problem not in self._named:
                logger.warning("%s:%d: skipped: %s", problem.path, problem.line, problem.message)
        self._named = set(printed.skipped)
        for problem in printed.fresh:
            logger.warning("%s:%d: published, but: %s", problem.path, problem.line, problem.message)

    def _not_printed(self, exc: Exception) -> None:
        if self._is_ending and isinstance(exc, PrintingError):
            return  # we have ended its process ourselves
        self.counts.publishes["failed"] += 1
        if str(exc) != self._health.publish_trouble:
            logger.error("not published: %s", exc)
        self._health.publish_trouble = str(exc)

    def _noticed(self, change: Change, paths: frozenset[str] | None) -> None:
        if self._is_ending:
            return
        if change is Change.CONFIG:
            self._reload()
            return
        self._syncing.posts_changed()
        if change is Change.POSTS:
            self._printer.request(paths)

    def _numbers(self) -> Iterator[tuple[str, str, float]]:
        due, overdue = self._syncing.due(self._around.now())
        yield "sources_due", "Sources that are due, being fetched or not", due
        yield "sources_overdue", "Sources that have been due for five minutes and are not being fetched", overdue
        yield "fetches_left_out_total", "Sources that were due again while they were still being fetched", self._syncing.overlaps
        yield "children_killed_total", "Children that died or were killed over a document", self._syncing.children_killed
        yield "printers_died_total", "Publishing processes that died", self._printer.deaths
        if self._web:
            yield from self._web.numbers()

    # Reloading

    def _reload(self) -> None:
        task = asyncio.create_task(self._reload_and_tell())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload_and_tell(self) -> None:
        self._notifier.reloading()
        try:
            async with self._reloading:
                await self._read_anew()
        finally:
            if not self._is_ending:
                self._notifier.ready(f"sources: {len(self._reloader.config.sources)}")

    async def _read_anew(self) -> None:
        """Put in force what config.yaml says now, if that is something else, and everybody can work by it."""
        while (found := await asyncio.to_thread(self._reloader.look)) is not None:
            before = self._reloader.config
            is_taken = self._reloader.take(found, lambda read: self._syncing.adopt(read.config))
            self.counts.reloads["taken" if is_taken else "refused"] += 1
            if not is_taken:
                return
            self._printer.settings = self._settings()
            self._printer.request()
            if self._web:
                await self._web.adopt(found.config)
            if found.config.posts_dir == before.posts_dir:
                return
            await self._watch_over(found.config)  # which hears nothing of what was saved since it was read
