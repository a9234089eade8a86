"""The daemon as people meet it: a process that publishes what they save, syncs when it is time, and takes over what they configure."""

from __future__ import annotations

import asyncio
import io
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from faultorigin import FaultOrigin, Received, Reply
from feedmill.service.daemon import Daemon
from feedmill.service.metrics import Counts
from service.daemonrun import FEED, Offset, Running, configure, make_project, running, titles, with_sources
from service.syncworld import until
from sites import CONFIG, make_post
from upstream import items

#: An edit is published within this time (docs/service.md); on a machine that does much else, one of three is.
PROMISED = 2.0
TRIES = 3


def quickest(daemon: Running, save: Callable[[str], None], holds: Callable[[str], bool]) -> float:
    """Save again and again, each time something else, until one save was served in time; return how long that one took."""
    took = []
    for number in range(TRIES):
        save(f"{number}")
        took.append(daemon.until(lambda number=number: holds(f"{number}")))
        if took[-1] < PROMISED:
            break
    return min(took)


@pytest.mark.long
def test_what_is_saved_under_posts_is_served_within_two_seconds(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    posts = project.root / "posts"
    for number in range(TRIES):
        project.post(f"old{number}.md", title=f"Old {number}")
    with running(project.root) as daemon:
        daemon.until_published()
        changes: list[tuple[Callable[[str], object], Callable[[str], bool]]] = [
            (lambda n: project.post("a.md", title=f"Edited {n}"), lambda n: f"Edited {n}" in titles(daemon)),
            # A folder that comes with a post in it, and one more post in that folder once it is known.
            (lambda n: project.post(f"new {n}/deep/a.md", title=f"Added {n}"), lambda n: f"Added {n}" in titles(daemon)),
            (lambda n: project.post("new 0/deep/b.md", title=f"Beside {n}"), lambda n: f"Beside {n}" in titles(daemon)),
            (lambda n: (posts / f"old{n}.md").unlink(), lambda n: f"Old {n}" not in titles(daemon)),
        ]
        took = [quickest(daemon, save, holds) for save, holds in changes]
        assert max(took) < PROMISED, took


@pytest.mark.long
def test_a_post_appears_when_its_time_comes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="Now")
    with running(project.root) as daemon:
        daemon.until_published()
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
        project.post("b.md", title="Later", date=due.isoformat())
        while datetime.now(UTC) < due - timedelta(seconds=0.3):
            assert titles(daemon) == ["Now"]
        daemon.until(lambda: "Later" in titles(daemon))
        assert datetime.now(UTC) >= due
        assert daemon.number("feedmill_jobs_failed_total") == 0


def save_beside(file: Path, text: str) -> None:
    """As gedit, VS Code and Emacs: the new text beside, renamed over."""
    beside = file.with_name(f".{file.name}.swp")
    beside.write_text(text)
    beside.rename(file)


def save_with_backup(file: Path, text: str) -> None:
    """As vim: the old text becomes a backup, a new file is written, the backup goes."""
    file.rename(backup := file.with_name(f"{file.name}~"))
    file.write_text(text)
    backup.unlink()


def save_in_pieces(file: Path, text: str) -> None:
    """Over half a second, never quiet for long."""
    with file.open("w", encoding="utf-8") as stream:
        for start in range(0, len(text), len(text) // 5):
            stream.write(text[start : start + len(text) // 5])
            stream.flush()
            time.sleep(0.1)


@pytest.mark.long
def test_however_an_editor_saves_no_reader_sees_a_half_or_misses_the_post(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="Post", body="<p>old</p>")
    project.post("b.md", title="Other")
    saves = (save_beside, save_with_backup, save_in_pieces)

    def is_clean(save: Callable[[Path, str], None], number: int) -> bool:
        """Save, and say whether everything that was served until the new text came was whole."""
        begin, end = f"begin{number}", f"end{number}"
        text = make_post(title="Post", body=f"<p>{begin}</p>" + "<p>words and words</p>" * 200 + f"<p>{end}</p>")
        served: list[str] = []
        saving = threading.Thread(target=save, args=(project.root / "posts" / "a.md", text))
        saving.start()
        daemon.until(lambda: served.append(daemon.get(FEED).body.decode()) or end in served[-1])
        saving.join()
        return all("<title>Post</title>" in body and (begin not in body or end in body) for body in served)

    with running(project.root) as daemon:
        daemon.until_published()
        for kind, save in enumerate(saves):
            # A machine that does much else may stop an editor in the middle of it for long.
            assert any(is_clean(save, 10 * kind + number) for number in range(TRIES)), save


@pytest.mark.long
def test_a_new_entry_upstream_becomes_a_post_and_is_served(tmp_path: Path) -> None:
    held = {"body": items(1, 2), "tag": '"1"'}

    def answer(got: Received) -> Reply:
        is_known = got.header("if-none-match") == held["tag"]
        return Reply(status=304 if is_known else 200, body=b"" if is_known else held["body"], headers={"ETag": held["tag"]})

    clock = Offset(tmp_path / "clock")
    with FaultOrigin() as origin:
        origin.add("/up", answer)
        project = make_project(tmp_path, with_sources(origin, "/up"))
        with running(project.root, clock=clock) as daemon:
            daemon.until(lambda: titles(daemon) == ["Title 2", "Title 1"])
            first = daemon.get(FEED)
            assert first.headers["content-type"] == "application/atom+xml; charset=utf-8"

            clock.pass_(minutes=2)
            daemon.until(lambda: daemon.number('feedmill_fetches_total{result="not-modified"}') == 1)
            assert daemon.get(FEED, If_None_Match=first.headers["etag"]).status == 304

            held |= {"body": items(1, 2, 3), "tag": '"2"'}
            clock.pass_(minutes=2)
            daemon.until(lambda: titles(daemon) == ["Title 3", "Title 2", "Title 1"])
            assert daemon.get(FEED, If_None_Match=first.headers["etag"]).status == 200
            assert [got.header("if-none-match") for got in origin.requests("/up")] == ["", '"1"', '"1"']
            daemon.until(lambda: daemon.number("feedmill_posts_new_total") == daemon.number("feedmill_posts") == 3)
            assert len(list((project.root / "posts" / "新闻").glob("*.md"))) == 3
            assert [line.rpartition("INFO ")[2] for line in daemon.lines("source up")] == [
                "source up: 2 new, 0 updated",
                "source up: 1 new, 0 updated",
            ]
    assert [line.rpartition(" ")[2] for line in daemon.log.splitlines()[-2:]] == ["ending", "ended"]


SHORT = "feeds: {limit: 1}\n"


@pytest.mark.long
def test_H14_a_changed_configuration_is_taken_over_and_a_broken_one_is_not(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="A", date="2026-01-02")
    project.post("b.md", title="B", date="2026-01-01")
    for name in "CD":
        project.post(f"../elsewhere/{name}.md", title=name)
    with FaultOrigin() as origin, running(project.root) as daemon:
        daemon.until(lambda: titles(daemon) == ["A", "B"])
        file = project.root / "config.yaml"
        save_beside(file, CONFIG + SHORT)
        daemon.until(lambda: titles(daemon) == ["A"])

        save_with_backup(file, f"{CONFIG}{SHORT}unknown: 1\n")
        daemon.until(lambda: daemon.lines("ERROR", "line 8: unknown", "the configuration from before stays in force"))
        project.post("a.md", title="A2", date="2026-01-02")  # and work goes on
        daemon.until(lambda: titles(daemon) == ["A2"])
        daemon.tell(signal.SIGHUP)
        configure(project, SHORT)
        daemon.until(lambda: daemon.lines("config.yaml is as it was before"))
        assert len(daemon.lines("line 8")) == 1

        origin.add("/late", Reply(body=items(7)))
        configure(project, with_sources(origin, "/late"), base=CONFIG.replace("每日新闻", "Another"))
        daemon.until(lambda: titles(daemon) == ["Title 7", "A2", "B"])
        assert feedparser.parse(io.BytesIO(daemon.get(FEED).body)).feed.title == "Another"

        configure(project, "feeds: {dir: public}\nposts: {dir: elsewhere}\n")
        daemon.until(lambda: sorted(titles(daemon)) == ["C", "D"])
        project.post("../elsewhere/C.md", title="C2")  # this folder is watched now
        daemon.until(lambda: sorted(titles(daemon)) == ["C2", "D"])
        assert (project.root / "public" / "atom.xml").exists()


class Stumbling(Daemon):
    """A daemon some of whose jobs go wrong."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, is_serving=False)
        self.ran: Counter[str] = Counter()

    def _schedule(self) -> AsyncIOScheduler:
        scheduler = super()._schedule()
        scheduler.add_job(self._raise, "interval", seconds=0.2, args=[ValueError("planned")], id="raises")
        scheduler.add_job(self._raise, "interval", seconds=0.2, args=[SystemExit(3)], id="exits")
        scheduler.add_job(self._dawdle, "interval", seconds=0.2, id="dawdles")
        scheduler.add_job(self._come, "date", run_date=datetime.now(UTC) - timedelta(hours=1), id="late")
        return scheduler

    async def _raise(self, exc: BaseException) -> None:
        self.ran[type(exc).__name__] += 1
        raise exc

    async def _dawdle(self) -> None:
        self.ran["dawdled"] += 1
        await asyncio.sleep(0.7)

    async def _come(self) -> None:
        self.ran["late"] += 1


@pytest.mark.long
def test_H15_no_job_stops_the_clock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        daemon = Stumbling(make_project(tmp_path).root / "config.yaml")
        async with running_here(daemon) as counts:
            await until(lambda: min(daemon.ran["ValueError"], daemon.ran["SystemExit"], daemon.ran["dawdled"]) >= 2 and counts.ticks >= 2)
            assert daemon.ran["late"] == 1
            assert counts.jobs_failed >= 4
            assert counts.ticks_skipped >= 1  # the one that dawdles

    asyncio.run(main())
    assert "ValueError: planned" in caplog.text


class SetBack(Daemon):
    """A daemon that takes the clock of its machine to have been set back by an hour."""

    def _schedule(self) -> AsyncIOScheduler:
        scheduler = super()._schedule()
        for job in ("tick", "scan"):
            scheduler.modify_job(job, next_run_time=datetime.now(UTC) + timedelta(hours=1))
        return scheduler


@pytest.mark.long
def test_D7_a_clock_that_was_set_back_stops_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_here(SetBack(make_project(tmp_path).root / "config.yaml", is_serving=False)) as counts:
            await until(lambda: counts.ticks >= 2)

    asyncio.run(main())


@asynccontextmanager
async def running_here(daemon: Daemon) -> AsyncIterator[Counts]:
    """Run a daemon in this loop for the block; gives what it counts."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    task = asyncio.create_task(daemon.run())
    try:
        yield daemon.counts
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for number, handler in before.items():
            signal.signal(number, handler)
