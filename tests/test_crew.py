"""Work over processes gives what work in one process gives, whatever becomes of the helpers."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import feedmill
from feedmill.crew import WORTH_HELPERS, Crew
from feedmill.state.lock import writing

SOURCE = Path(feedmill.__file__).parents[1]
SECONDS = 20
ITEMS = list(range(WORTH_HELPERS + 50))

#: Tasks for tests: a crew runs only what is called feedmill.…, here and in its helpers.
TASKS = """
import os, signal, time

def squares(common, items):
    return [[item, item * item, os.getpid()] for item in items]

def slow(common, items):
    time.sleep(common["seconds"])
    return [[common["name"], item] for item in items]

def die_in_helpers(common, items):
    if os.getpid() != common["parent"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return items

def fail_in_helpers(common, items):
    if os.getpid() != common["parent"]:
        raise RuntimeError("this helper is broken")
    return items

def babble_in_helpers(common, items):
    if os.getpid() != common["parent"]:
        print("a library says hello", flush=True)
    return items

def fail(common, items):
    raise {"index": IndexError, "key": KeyError, "value": ValueError}[common["kind"]]("the task itself is broken")

def descriptors(common, items):
    time.sleep(0.01)
    names = sorted(int(name) for name in os.listdir("/dev/fd"))
    opened = []
    for name in names:
        try:
            opened.append([name, os.readlink(f"/proc/self/fd/{name}")])
        except OSError:
            pass
    return [[os.getpid(), opened]]
"""


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of `TASKS`, found by this process and, through its path, by helpers."""
    folder = tmp_path / "path" / "feedmill"
    folder.mkdir(parents=True)
    packages = [*feedmill.__path__, str(folder)]
    (folder / "__init__.py").write_text(f"__path__ = {packages!r}\n")
    (folder / "tasks_of_tests.py").write_text(TASKS)
    monkeypatch.setattr(feedmill, "__path__", packages)
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "feedmill.tasks_of_tests", raising=False)
    return "feedmill.tasks_of_tests"


@pytest.fixture
def needs_proc() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc: what other processes do cannot be seen here")


def states() -> dict[int, tuple[int, str]]:
    """Return (parent, state) of every process."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            found[int(stat.parent.name)] = (int(parent), state)
    return found


def children(parent: int) -> set[int]:
    return {process for process, (of, state) in states().items() if of == parent and state != "Z"}


@pytest.fixture
def others(needs_proc: None) -> set[int]:
    """The children that this process had before: a browser that other tests share is none of the crew's."""
    return children(os.getpid())


def wait_until_gone(processes: set[int]) -> None:
    deadline = time.monotonic() + SECONDS
    while left := {process for process, (_, state) in states().items() if process in processes and state != "Z"}:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


def flat(chunks: Iterator[list[object]]) -> list[object]:
    return [result for chunk in chunks for result in chunk]


# what comes out


@pytest.mark.parametrize("size", [1, 2])
def test_the_results_are_those_of_one_process_in_any_order(tasks: str, size: int) -> None:
    with Crew(size) as crew:
        results = flat(crew.run(f"{tasks}:squares", {}, ITEMS, chunk=16))
    assert sorted(result[:2] for result in results) == [[item, item * item] for item in ITEMS]


def test_helpers_take_part_and_serve_all_later_lists(tasks: str) -> None:
    with Crew(3) as crew:
        used: list[set[int]] = []
        for _ in range(2):
            run = crew.run(f"{tasks}:squares", {}, ITEMS, chunk=2)
            first = next(run)
            time.sleep(0.05)  # until every helper has a chunk
            used.append({process for _, _, process in [*first, *flat(run)]} - {os.getpid()})
    assert used[0] == used[1]
    assert 1 <= len(used[0]) <= 2


def test_a_short_list_starts_no_process(tasks: str, others: set[int]) -> None:
    with Crew(4) as crew:
        results = flat(crew.run(f"{tasks}:squares", {}, ITEMS[: WORTH_HELPERS - 1]))
        assert children(os.getpid()) == others
    assert len(results) == WORTH_HELPERS - 1


def test_nothing_to_do_gives_nothing(tasks: str) -> None:
    with Crew(2) as crew:
        assert list(crew.run(f"{tasks}:squares", {}, [])) == []


def test_expected_work_starts_helpers_and_the_end_of_the_context_ends_them(others: set[int]) -> None:
    with Crew(3) as crew:
        crew.expect(WORTH_HELPERS - 1)
        assert children(os.getpid()) == others
        crew.expect(WORTH_HELPERS)
        started = children(os.getpid()) - others
        assert len(started) == 2
        crew.expect(WORTH_HELPERS)
        assert children(os.getpid()) == started | others
    assert children(os.getpid()) == others


@pytest.mark.parametrize("name", ["os:system", "feedmill:x", "feedmill.crew:no_such_task", "feedmill.no_such_module:x", ""])
def test_only_tasks_of_feedmill_are_run(name: str) -> None:
    with Crew(1) as crew, pytest.raises((ValueError, AttributeError, ModuleNotFoundError)):
        list(crew.run(name, {}, ["true"]))


def test_text_of_any_script_crosses_to_helpers_and_back(tasks: str) -> None:
    with Crew(2) as crew:
        texts = [f"新媒体\n\u2028\x00\ud800 {number}" for number in ITEMS]
        results = flat(crew.run(f"{tasks}:slow", {"seconds": 0, "name": "名"}, texts, chunk=8))
    assert sorted(results) == sorted(["名", text] for text in texts)


# helpers that break


@pytest.mark.parametrize("task", ["die_in_helpers", "fail_in_helpers"])
def test_a_broken_helper_loses_nothing(tasks: str, task: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with Crew(2) as crew:
        run = crew.run(f"{tasks}:{task}", {"parent": os.getpid()}, ITEMS, chunk=4)
        results = list(next(run))
        time.sleep(0.05)  # until every helper has a chunk
        results.extend(flat(run))
        assert sorted(results) == ITEMS
    assert any("its work is done here" in record.message for record in caplog.records)
    capfd.readouterr()


def test_what_a_library_prints_is_no_answer(tasks: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with Crew(2) as crew:
        assert sorted(flat(crew.run(f"{tasks}:babble_in_helpers", {"parent": os.getpid()}, ITEMS, chunk=4))) == ITEMS
    assert not caplog.records
    assert "hello" not in capfd.readouterr().out


def test_helpers_killed_from_outside_lose_nothing(tasks: str, others: set[int], caplog: pytest.LogCaptureFixture) -> None:
    with Crew(3) as crew:
        run = crew.run(f"{tasks}:slow", {"seconds": 0.01, "name": "x"}, ITEMS, chunk=8)
        results = list(next(run))
        time.sleep(0.1)
        killed = children(os.getpid()) - others
        for process in killed:
            os.kill(process, signal.SIGKILL)
        results.extend(flat(run))
    assert len(killed) == 2
    assert sorted(item for _, item in results) == ITEMS
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_helpers_that_cannot_be_started_are_done_without(tasks: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Crew(3, python=str(tmp_path / "no-python")) as crew:
        assert len(flat(crew.run(f"{tasks}:squares", {}, ITEMS))) == len(ITEMS)
    assert "cannot be started" in caplog.text


def test_files_in_the_current_folder_are_not_imported_by_helpers(
    tasks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("queue.py", "json.py", "select.py"):
        (tmp_path / name).write_text(f"raise SystemExit('{name} of the user was run')\n")
    monkeypatch.chdir(tmp_path)
    with Crew(2) as crew:
        assert len(flat(crew.run(f"{tasks}:squares", {}, ITEMS, chunk=4))) == len(ITEMS)
    assert caplog.records == []
    assert "was run" not in capfd.readouterr().err


# tasks and callers that break


@pytest.mark.parametrize(
    ("kind", "error", "items"),
    [("index", IndexError, [1]), ("key", KeyError, [1]), ("value", ValueError, [1]), ("index", IndexError, ITEMS)],
    ids=["index", "key", "value", "with helpers"],
)
def test_an_error_of_the_task_reaches_the_caller(
    tasks: str, kind: str, error: type[Exception], items: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    with Crew(2) as crew, pytest.raises(error, match="the task itself is broken"):
        list(crew.run(f"{tasks}:fail", {"kind": kind}, items))
    capfd.readouterr()


def test_a_list_that_is_given_up_does_not_disturb_the_next(tasks: str, caplog: pytest.LogCaptureFixture) -> None:
    with Crew(2) as crew:
        for turn in range(3):
            for _ in crew.run(f"{tasks}:slow", {"seconds": 0.01, "name": f"given up {turn}"}, ITEMS, chunk=8):
                time.sleep(0.15 if turn == 0 else 0)
                break
            results = flat(crew.run(f"{tasks}:slow", {"seconds": 0, "name": f"kept {turn}"}, ITEMS, chunk=8))
            assert sorted(results) == [[f"kept {turn}", item] for item in ITEMS]
    assert caplog.records == []


def test_a_list_that_is_given_up_is_not_worked_off(tasks: str) -> None:
    with Crew(2) as crew:
        run = crew.run(f"{tasks}:slow", {"seconds": 0.2, "name": ""}, ITEMS, chunk=4)
        next(run)
        before = time.monotonic()
        run.close()
        assert time.monotonic() - before < 5  # 113 chunks of 0.2 s are left


# what helpers hold, and when they end

PARENT = """
import sys, threading, time
from pathlib import Path
from feedmill.crew import Crew
from feedmill.state.lock import writing
with writing(Path(sys.argv[1])), Crew(3) as crew:
    crew.expect(1000)
    threading.Timer(0.4, print, ["ready"], {"flush": True}).start()
    if sys.argv[2] == "idle":
        time.sleep(60)
    list(crew.run(sys.argv[2] + ":slow", {"seconds": 1.5, "name": ""}, list(range(1000)), chunk=1))
"""


@pytest.mark.usefixtures("needs_proc")
@pytest.mark.parametrize("state", ["idle", "busy"])
def test_helpers_end_with_a_killed_parent_and_never_hold_its_lock(tasks: str, tmp_path: Path, state: str) -> None:
    lock = tmp_path / "lock"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([sys.path[0], str(SOURCE)])}
    command = [sys.executable, "-c", textwrap.dedent(PARENT), str(lock), state if state == "idle" else tasks]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        helpers = children(parent.pid)
        assert len(helpers) == 2
        parent.kill()
        parent.wait()
        if state == "busy":
            assert helpers <= states().keys()
        with writing(lock, patience=0.5):
            pass
        wait_until_gone(helpers)


@pytest.mark.usefixtures("needs_proc")
def test_helpers_inherit_no_descriptor(tasks: str, tmp_path: Path) -> None:
    with writing(tmp_path / "lock"), (tmp_path / "file").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        with Crew(2) as crew:
            opened = dict(flat(crew.run(f"{tasks}:descriptors", {}, ITEMS, chunk=16)))
    del opened[os.getpid()]
    assert opened
    for descriptors in opened.values():
        names = [name for _, name in descriptors]
        assert not [name for name in names if name.startswith(str(tmp_path))]
        assert [number for number, name in descriptors if not name.startswith("/proc/")] == [0, 1, 2, 3]  # and 3 for the answers
