"""One writer at a time, among processes: the next one waits, and is told who holds the lock when it has waited enough."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from feedmill.errors import StorageError
from feedmill.state import lock
from feedmill.state.lock import writing

HOLDER = """
import sys, time
from pathlib import Path
from feedmill.state.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
COUNTER = """
import sys
from pathlib import Path
from feedmill.state.lock import writing
folder = Path(sys.argv[1])
for _ in range(25):
    with writing(folder / "lock"):
        number = int((folder / "number").read_text())
        (folder / "number").write_text(str(number + 1))
"""


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(lock.__file__).parents[2])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def holding(path: Path, *, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock for a while; it is killed at the end."""
    with run(HOLDER, path, seconds) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".feedmill" / "lock"


def test_the_lock_names_its_holder_and_can_be_taken_again(path: Path) -> None:
    for _ in range(2):
        with writing(path):
            assert path.read_text() == f"{os.getpid()}\n"


def test_a_second_process_waits_and_then_goes_on(path: Path) -> None:
    with holding(path, seconds=0.4):
        before = time.monotonic()
        with writing(path, patience=20):
            assert path.read_text() == f"{os.getpid()}\n"
        assert time.monotonic() - before > 0.1


def test_a_second_process_that_has_waited_enough_names_the_holder(path: Path) -> None:
    with holding(path, seconds=60) as holder:
        before = time.monotonic()
        with (
            pytest.raises(StorageError, match=rf"{path} is held by another feedmill process \(pid {holder.pid}\)") as caught,
            writing(path, patience=0.2),
        ):
            pytest.fail("two hold the lock")
        assert 0.2 <= time.monotonic() - before < 10
        assert caught.value.exit_status == 3
        assert path.read_text() == f"{holder.pid}\n"


def test_without_patience_there_is_no_wait(path: Path) -> None:
    with holding(path, seconds=60), pytest.raises(StorageError), writing(path, patience=0):
        pytest.fail("two hold the lock")


def test_a_killed_holder_frees_the_lock(path: Path) -> None:
    with holding(path, seconds=60) as holder:
        holder.kill()
        holder.wait()
        with writing(path, patience=0):
            assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_inside_frees_the_lock(path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), writing(path):
        raise error
    with writing(path, patience=0):
        pass


def test_threads_of_one_process_wait_for_each_other(path: Path) -> None:
    inside: list[int] = []
    most = 0

    def work() -> None:
        nonlocal most
        for _ in range(3):
            with writing(path, patience=20):
                inside.append(1)
                most = max(most, len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_processes_take_turns(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    counters = [run(COUNTER, tmp_path) for _ in range(3)]
    for counter in counters:
        _, errors = counter.communicate(timeout=60)
        assert (counter.returncode, errors) == (0, "")
    assert (tmp_path / "number").read_text() == "75"


def test_other_programs_started_inside_do_not_hold_the_lock(path: Path) -> None:
    with writing(path):
        sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    with sleeper:
        with writing(path, patience=2):  # the kernel lets this process go on a moment before it closes the other's descriptors
            pass
        assert sleeper.poll() is None
        sleeper.kill()


def test_what_stood_in_the_file_before_is_not_taken_for_the_holder(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("123456789012345678\nleft by somebody")
    with writing(path):
        assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("what", ["folder in its place", "file for its folder"])
def test_what_is_in_the_way_is_a_storage_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a" / "lock"
    if what == "folder in its place":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("x")
    with pytest.raises(StorageError, match="move it away"), writing(path):
        pytest.fail("nothing can be locked here")
