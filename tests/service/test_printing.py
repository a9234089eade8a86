"""Posts are published by a child process, once at a time and again after a failure, whatever becomes of the child or of its parent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

import feedmill
from feedmill.errors import ConfigError, FeedmillError, StorageError
from feedmill.service.printerchild import Defect
from feedmill.service.printing import Printed, Printer, PrinterLimits, PrintingError, Settings
from feedmill.state.lock import writing
from sites import NOW, Project

SOURCE = Path(feedmill.__file__).parents[1]
SECONDS = 30
#: Times for children that answer at once.
BRISK = PrinterLimits(retry=0.02)

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what other processes do is seen in /proc")

#: A child that does with each request what its second argument says, which may set `answer`; a later child reports {posts: its number}.
FAKE = """
import json, os, signal, sys, time
from pathlib import Path

def say(kind, value=None):
    os.write(1, json.dumps([kind, value]).encode() + b"\\n")

folder = Path(sys.argv[1])
number = len(list(folder.iterdir()))
(folder / str(os.getpid())).touch()
deed = sys.argv[2] if number == 0 else ""
if deed == "never ready":
    time.sleep(600)
say("ready")
for run, line in enumerate(sys.stdin.buffer):
    with open(folder.parent / "runs", "a") as runs:
        runs.write(line.decode())
    answer = "report", {
        "posts": number, "feeds": 0, "skipped": [], "skipped_in_all": 0, "fresh": [], "fresh_in_all": 0, "repaired_in_all": 0,
        "removed": [], "removed_in_all": 0, "next_due": None, "seconds": 0.0}
    exec(deed)
    say(*answer)
"""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run with an end to it, so that a hang is a failure."""

    async def within() -> None:
        async with asyncio.timeout(2 * SECONDS):
            await main

    asyncio.run(within())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_gone(process):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.02)


def settings_of(project: Project) -> Settings:
    return Settings(project.base + project.extra, project.root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "site")
    made.post("a.md", title="一", date="2026-01-02 03:04:05")
    return made


class Fakes:
    """Printers whose children are `FAKE`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "children").mkdir()

    def printer(self, deed: str = "pass", limits: PrinterLimits = BRISK, **over: Any) -> Printer:
        command = [sys.executable, "-c", FAKE, str(self.folder / "children"), deed]
        return Printer(Settings("text", self.folder), limits=limits, command=command, **over)

    @property
    def runs(self) -> int:
        runs = self.folder / "runs"
        return len(runs.read_text().splitlines()) if runs.exists() else 0


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path)


# what is published


@needs_proc
def test_posts_are_published_and_the_report_says_what_was_done(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    project.post("later.md", title="后", date="2026-07-01 00:00:00")
    project.post("b.md", title="二", categories="[甲, 乙]", date="2026-01-03 00:00:00")
    for number in range(120):
        project.write(f"bad/{number}.md", "no front matter")
    (project.root / ".feedmill").mkdir()
    (project.root / ".feedmill" / "catalog.db").write_bytes(b"no database at all" * 500)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)), writing(project.root / "another.lock"):
            async with Printer(settings_of(project), clock=lambda: NOW) as printer:
                await printer.warm()
                child = printer.pid
                first = await printer.publish()
                held = {os.readlink(descriptor) for descriptor in Path(f"/proc/{child}/fd").iterdir()}
                niceness = os.getpriority(os.PRIO_PROCESS, child)
                nothing = await printer.publish()
                project.post("c.md", title="三", categories="[新]")
                second = await printer.publish()
                project.extra = "feeds: {tags: true, limit: 1}\n"
                printer.settings = settings_of(project)
                third = await printer.publish()
                assert printer.pid == child
        assert (first.posts, first.feeds, first.skipped_in_all, len(first.skipped)) == (2, 4, 120, 100)
        assert first.skipped[0].path == "posts/bad/0.md"
        assert {feed.path for feed in first.changed} == {f"feeds/{path}atom.xml" for path in ("", "新闻/", "甲/", "甲/乙/")}
        assert [feed.entries for feed in first.changed if feed.path == "feeds/atom.xml"] == [2]
        assert first.next_due == 1782835200  # 2026-07-01 in Shanghai
        assert first.seconds > 0
        assert (nothing.posts, nothing.changed) == (2, ())
        assert {feed.category for feed in second.changed} == {"", "新"}
        assert [feed.entries for feed in third.changed if feed.path == "feeds/atom.xml"] == [1]
        assert not [target for target in held if "lock" in target or ".db" in target]
        assert len([target for target in held if target.startswith(("socket:", "pipe:"))]) <= 3
        assert niceness == min(os.getpriority(os.PRIO_PROCESS, 0) + 5, 19)

    run(main())
    assert b"<entry>" in project.feeds()["新/atom.xml"]
    lost = [record for record in caplog.records if "rebuilt" in record.getMessage()]
    assert [(record.name, record.levelno) for record in lost] == [("feedmill.state.database", logging.WARNING)]


def test_what_is_wrong_is_said_and_the_child_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = settings_of(project)
    heard: list[FeedmillError] = []
    monkeypatch.setenv("FEEDMILL_TEST_PROXY", "http://127.0.0.1:9/")
    secret = good.text + 'sync: {proxy: "${FEEDMILL_TEST_PROXY}"}\n'

    async def main() -> None:
        async with Printer(good, clock=lambda: NOW, on_failure=heard.append) as printer:
            await printer.publish()
            child = printer.pid
            printer.settings = Settings("site: [not, a, mapping]", project.root, "other.yaml")
            with pytest.raises(ConfigError, match=r"other\.yaml"):
                await printer.publish()
            printer.settings = Settings(good.text + "feeds: {formats: [xml]}\n", project.root)
            with pytest.raises(ConfigError, match="formats"):
                await printer.publish()
            (project.root / "posts").rename(project.root / "away")
            printer.settings = Settings(secret, project.root)
            with pytest.raises(StorageError, match="posts"):
                await printer.publish()
            printer.settings = Settings(good.text, Path(f"{project.root}\0\x1b[31m"))
            with pytest.raises(PrintingError, match="publishing failed: ValueError: embedded null byte"):
                await printer.publish()
            assert printer.failures == 4
            printer.settings = Settings(secret, project.root)
            (project.root / "away").rename(project.root / "posts")
            await printer.publish()
            await asyncio.sleep(0)
            assert (printer.pid, printer.deaths, printer.failures) == (child, 0, 0)

    run(main())
    assert [type(one) for one in heard] == [ConfigError, ConfigError, StorageError, Defect]
    traceback = [record.getMessage() for record in caplog.records if record.name == "feedmill.service.printer"]
    assert traceback[0] == "publishing failed"
    assert any("printer.py" in line for line in traceback)
    assert all(line.isprintable() and len(line) <= 1000 for line in traceback)


def test_it_works_in_the_loop_of_the_daemon(project: Project) -> None:
    async def main() -> None:
        async with Printer(settings_of(project), clock=lambda: NOW) as printer:
            assert (await printer.publish()).posts == 1
            os.kill(printer.pid or 0, signal.SIGKILL)
            await until(lambda: printer.pid is None)
            assert (await printer.publish()).posts == 1
            assert printer.deaths == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


# when


def test_requests_while_a_run_is_in_hand_make_one_more(fakes: Fakes) -> None:
    reports: list[Printed] = []

    async def main() -> None:
        async with fakes.printer("time.sleep(0.1)", on_report=reports.append) as printer:
            printer.request()
            printer.request()
            await until(lambda: fakes.runs)
            for _ in range(5):
                printer.request()
            waiting = [asyncio.create_task(printer.publish()) for _ in range(3)]
            await asyncio.sleep(0)
            waiting.pop().cancel()
            await asyncio.gather(*waiting)
            assert not printer.is_running or printer.pid
            await until(lambda: not printer.is_running)

    run(main())
    assert (fakes.runs, len(reports)) == (2, 2)


def test_the_run_is_told_the_time_it_begins_at(fakes: Fakes) -> None:
    async def main() -> None:
        async with fakes.printer(clock=lambda: NOW) as printer:
            await printer.publish()

    run(main())
    request = json.loads((fakes.folder / "runs").read_text())
    assert request == {"config": {"text": "text", "root": str(fakes.folder), "name": "config.yaml"}, "now": NOW.timestamp(), "paths": None}


def test_a_run_looks_at_what_may_have_changed_once_one_has_looked_at_all(fakes: Fakes) -> None:
    def paths() -> list[list[str] | None]:
        return [json.loads(line)["paths"] for line in (fakes.folder / "runs").read_text().splitlines()]

    async def main() -> None:
        async with fakes.printer("if run == 3: answer = 'error', ['storage', 'the disk is full']") as printer:
            for asked in ([{"first.md"}], [{"a.md"}, {"b.md"}], [{"c.md"}, None, {"d.md"}], [{"e.md"}], [{"f.md"}]):
                before = fakes.runs
                for one in asked:
                    printer.request(None if one is None else frozenset(one))
                await until(lambda before=before: fakes.runs > before and not printer.is_running)
            await until(lambda: fakes.runs >= 5 and not printer.is_running)

    run(main())
    # What failed is tried again by a run that looks at all.
    assert paths()[:4] == [None, ["a.md", "b.md"], None, ["e.md"]]
    assert paths()[4] is None
    assert paths()[5:] in ([], [["f.md"]])


def test_a_failure_is_tried_again_later_and_later() -> None:
    limits = PrinterLimits()
    assert [limits.retry_after(failures) for failures in (1, 2, 3, 6, 7, 8, 10_000)] == [5, 10, 20, 160, 300, 300, 300]


def test_a_failed_run_is_tried_again_by_itself(fakes: Fakes) -> None:
    failures: list[FeedmillError] = []
    reports: list[Printed] = []

    async def main() -> None:
        deed = "if run < 3: answer = 'error', ['storage', 'the disk is full']"
        async with fakes.printer(deed, on_report=reports.append, on_failure=failures.append) as printer:
            printer.request()
            await until(lambda: reports)
            assert (printer.failures, printer.deaths) == (0, 0)

    run(main())
    assert [(type(failure), str(failure)) for failure in failures] == [(StorageError, "the disk is full")] * 3


def test_a_wrong_configuration_waits_for_another(fakes: Fakes) -> None:
    failures: list[FeedmillError] = []

    async def main() -> None:
        async with fakes.printer("answer = 'error', ['config', 'no']", on_failure=failures.append) as printer:
            printer.request()
            await until(lambda: failures)
            await asyncio.sleep(0.2)
            assert fakes.runs == 1
            printer.request()
            await until(lambda: len(failures) == 2)

    run(main())


def test_a_child_without_work_is_ended_and_another_does_the_next_run(fakes: Fakes) -> None:
    async def main() -> None:
        async with fakes.printer(limits=PrinterLimits(idle=0.02)) as printer:
            await printer.warm()
            await until(lambda: printer.pid is None)
            assert (await printer.publish()).posts == 1
            await until(lambda: printer.pid is None)
            assert (await printer.publish()).posts == 2
            assert printer.deaths == 0

    run(main())


# what may become of the child


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL, perhaps for want of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os._exit(3)", "exit status 3"),
        ("sys.stdin.buffer.close(); os.close(0); os._exit(0)", "exit status 0"),
        ("os.write(1, b'not json\\n')", "garbage"),
        ("os.write(1, b'[' * 100_000 + b'\\n')", "garbage"),
        ("say('report', {'posts': 1})", "garbage"),
        ("say('error', ['unheard of', ''])", "garbage"),
        ("say('feeds', 7)", "garbage"),
        ("say('log', 7)", "garbage"),
        ("os.write(1, b'x' * 5 * 2**20)", "garbage"),
        ("os.close(1); time.sleep(600)", "garbage"),
        ("[say('progress', 'x' * 1000) for _ in range(3000)]", "over 2 MiB"),
        ("time.sleep(600)", "no sign of life for 0.5 s"),
        ("never ready", "too long to start"),
    ],
)
def test_a_child_that_breaks_costs_its_run_and_is_replaced(fakes: Fakes, deed: str, reason: str) -> None:
    failures: list[FeedmillError] = []
    reports: list[Printed] = []
    limits = PrinterLimits(
        start=0.5 if deed == "never ready" else SECONDS,
        silence=0.5 if "no sign" in reason else SECONDS,
        dying=0.2 if deed.startswith("os.close(1)") else SECONDS,
        answer=2**21,
        retry=0.02,
    )

    async def main() -> None:
        async with fakes.printer(deed, limits, on_report=reports.append, on_failure=failures.append) as printer:
            with pytest.raises(PrintingError, match=reason):
                await printer.publish()
            assert printer.deaths == 1
            await until(lambda: reports)
            assert printer.failures == 0

    run(main())
    assert len(failures) == 1
    assert [printed.posts for printed in reports] == [1]
    for child in (fakes.folder / "children").iterdir():
        assert is_gone(int(child.name))


def test_a_child_that_shows_life_may_take_its_time(fakes: Fakes) -> None:
    async def main() -> None:
        limits = PrinterLimits(silence=1.0)
        async with fakes.printer("[(say('progress', ['reading', n, 9]), time.sleep(0.2)) for n in range(6)]", limits) as printer:
            assert (await printer.publish()).posts == 0

    run(main())


def test_the_loop_gets_its_turns_while_a_long_answer_is_read(fakes: Fakes) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        async with fakes.printer("[say('feeds', [['feeds/a/atom.xml', 'a', n]] * 100) for n in range(200)]") as printer:
            counting = asyncio.create_task(count())
            printed = await printer.publish()
            counting.cancel()
            assert len(printed.changed) == 20_000

    run(main())
    assert turns >= 200


def test_a_child_that_cannot_be_started_is_a_failure_of_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with Printer(Settings("", tmp_path), command=[str(tmp_path / "no such program")]) as printer:
            with pytest.raises(PrintingError, match="could not be started"):
                await printer.publish()
            with pytest.raises(PrintingError, match="could not be started"):
                await printer.warm()

    run(main())


@needs_proc
def test_a_child_killed_in_the_middle_leaves_nothing_that_the_next_run_does_not_mend(project: Project) -> None:
    async def main() -> None:
        async with Printer(settings_of(project), clock=lambda: NOW, limits=BRISK) as printer:
            with writing(project.root / ".feedmill" / "lock"):
                waiting = asyncio.create_task(printer.publish())
                await until(lambda: printer.pid and has_opened(printer.pid, "/.feedmill/lock"))
                for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(printer.pid or 0, name)
                await asyncio.sleep(0.1)
                assert not waiting.done()
                os.kill(printer.pid or 0, signal.SIGKILL)
                with pytest.raises(PrintingError, match="SIGKILL"):
                    await waiting
            assert (await printer.publish()).posts == 1

    run(main())
    assert list(project.feeds())


def has_opened(process: int, end: str) -> bool:
    with contextlib.suppress(OSError):
        return any(os.readlink(descriptor).endswith(end) for descriptor in Path(f"/proc/{process}/fd").iterdir())
    return False


# the end


@needs_proc
def test_closing_waits_for_the_run_in_hand_as_long_as_it_may(project: Project) -> None:
    async def main() -> None:
        with writing(project.root / ".feedmill" / "lock"):
            for patience in (SECONDS, 0.1):
                printer = Printer(settings_of(project), clock=lambda: NOW)
                waiting = asyncio.create_task(printer.publish())
                await until(lambda of=printer: of.pid and has_opened(of.pid, "/.feedmill/lock"))
                printer.request()
                child = printer.pid or 0
                closing = asyncio.create_task(printer.close(within=patience))
                if patience == SECONDS:
                    await asyncio.sleep(0.05)
                    assert not closing.done()
                    printer_of_another = asyncio.create_task(printer.close(within=0.0))
                    await printer_of_another
                await closing
                with pytest.raises(PrintingError, match="has ended"):
                    await waiting
                assert is_gone(child)
                assert printer.deaths == 0
                printer.request()
                with pytest.raises(PrintingError, match="has ended"):
                    await printer.publish()

    run(main())
    assert not project.feeds()


def test_a_run_in_hand_is_finished_when_there_is_time(fakes: Fakes) -> None:
    reports: list[Printed] = []

    async def main() -> None:
        async with fakes.printer("time.sleep(0.2)", on_report=reports.append) as printer:
            printer.request()
            await until(lambda: fakes.runs)
            printer.request()
            await printer.close(within=SECONDS)
            assert not printer.is_running

    run(main())
    assert (fakes.runs, len(reports)) == (1, 1)


PARENT = """
import asyncio, sys
from pathlib import Path
from feedmill.service.printing import Printer, Settings

async def main():
    async with Printer(Settings(Path(sys.argv[1], "config.yaml").read_text(), Path(sys.argv[1]))) as printer:
        await printer.warm()
        print(printer.pid, flush=True)
        await printer.publish()
        await asyncio.sleep(600)

asyncio.run(main())
"""


@needs_proc
@pytest.mark.parametrize("is_busy", [True, False])
def test_a_child_goes_with_its_parent(project: Project, is_busy: bool) -> None:
    (project.root / "config.yaml").write_text(project.base)
    with contextlib.ExitStack() as stack:
        if is_busy:
            stack.enter_context(writing(project.root / ".feedmill" / "lock"))
        command = [sys.executable, "-c", textwrap.dedent(PARENT), str(project.root)]
        parent = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(SOURCE)}))
        stack.callback(parent.kill)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        deadline = time.monotonic() + SECONDS
        while not (has_opened(child, "/.feedmill/lock") if is_busy else (project.root / "feeds" / "atom.xml").exists()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(parent.pid, signal.SIGKILL)
        wait_until_gone(child)
