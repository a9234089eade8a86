"""Whatever a document does to the child that parses it, it costs that document alone, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import feedmill
from feedmill.consumer.cage import Cage, CageLimits
from feedmill.consumer.caged import LINE, pack, take_line
from feedmill.errors import UpstreamError

SOURCE = Path(feedmill.__file__).parents[1]
SECONDS = 20
MIB = 2**20

#: Tasks for tests: the cage runs only what is called feedmill.…
TASKS = """
import ctypes, json, os, resource, signal, struct, sys, time
from feedmill.errors import UpstreamError

def echo(arguments, body):
    return [arguments, len(body), body[:4].decode("latin-1"), os.getpid()]

def repeat(arguments, body):
    return body.decode("latin-1")

def spin(arguments, body):
    while True:
        pass

def spin_for(arguments, body):
    until = time.process_time() + arguments["seconds"]
    while time.process_time() < until:
        pass
    return os.getpid()

def regex(arguments, body):  # holds the interpreter all the time
    import re
    return bool(re.match("(a+)+$", "a" * 60 + "b"))

def sleep(arguments, body):
    time.sleep(arguments["seconds"])
    return arguments.get("name")

def send_signal(arguments, body):
    os.kill(os.getpid(), arguments["signal"])
    time.sleep(10)

def read_nowhere(arguments, body):
    return ctypes.string_at(0)

def leave(arguments, body):
    os._exit(3)

def leave_quietly(arguments, body):
    sys.exit()

def close_answers(arguments, body):
    os.close(3)
    time.sleep(10)

def allocate(arguments, body):
    held = []
    while True:
        held.append(bytearray(2**24))

def allocate_at_once(arguments, body):
    return len(bytes(arguments["bytes"]))

kept = []

def keep(arguments, body):
    kept.append(bytearray(arguments["bytes"]))
    return os.getpid()

def garbage(arguments, body):
    os.write(3, arguments["garbage"].encode("latin-1"))
    return "never heard"

def huge(arguments, body):
    return "x" * arguments["bytes"]

def claim(arguments, body):
    os.write(3, struct.pack(">4s?Q", b"mill", False, arguments["bytes"]))
    time.sleep(10)

def lists(arguments, body):
    return {"title": "名", "entries": [{"number": n, "text": "新" * 1000} for n in range(arguments["entries"])], "none": [], "kept": [1]}

def fail(arguments, body):
    raise {"type": TypeError, "unicode": None, "recursion": RecursionError}[arguments["kind"]]("secret " + body.decode())

def refuse(arguments, body):
    raise UpstreamError("it is a web page, not a feed: 名\\ud800")

def unspeakable(arguments, body):
    return {1, 2}

def babble(arguments, body):
    print("a library says hello", flush=True)
    print("a library complains", file=sys.stderr, flush=True)
    os.system("echo a library runs echo")
    return "said"

def descriptors(arguments, body):
    opened = []
    for name in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        try:
            opened.append([name, os.readlink(f"/proc/self/fd/{name}")])
        except OSError:
            pass
    return opened

def write_file(arguments, body):
    with open(arguments["path"], "wb") as file:
        file.write(body)
        file.flush()

def environment(arguments, body):
    return dict(os.environ)

def limits(arguments, body):
    return {name: resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_FSIZE")}

def interrupt_ignored(arguments, body):
    os.kill(os.getpid(), signal.SIGINT)
    return os.getpid()
"""

LIMITS = CageLimits(cpu=timedelta(seconds=1), wall=timedelta(seconds=10), memory=64 * MIB, answer=4 * MIB)
HASTY = CageLimits(wall=timedelta(seconds=0.4))
HAS_PROC = Path("/proc/self/stat").exists()
OTHERS: set[int] = set()
ON_LINUX = pytest.mark.skipif(not HAS_PROC, reason="no /proc: what other processes do cannot be seen here")


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of `TASKS`, found by children through their path."""
    folder = tmp_path / "path" / "feedmill"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"__path__ = {[*feedmill.__path__, str(folder)]!r}\n")
    (folder / "tasks_of_cage.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(folder.parent))
    return "feedmill.tasks_of_cage"


def do(scene: Coroutine[Any, Any, Any]) -> Any:
    """Run a scene; one that hangs fails."""

    async def in_time() -> Any:
        async with asyncio.timeout(SECONDS):
            return await scene

    return asyncio.run(in_time())


def cage(size: int = 1, limits: CageLimits = LIMITS) -> Cage:
    return Cage(size, limits, preload=())


def states() -> dict[int, tuple[int, str]]:
    """Return (parent, state) of every process."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            found[int(stat.parent.name)] = (int(parent), state)
    return found


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Children that this process had before, such as a browser that other tests share, are none of the cage's."""
    if HAS_PROC:
        OTHERS.update(children(os.getpid()))
    yield
    OTHERS.clear()


def mine() -> set[int]:
    """The children of this test."""
    return children(os.getpid()) - OTHERS


def children(parent: int) -> set[int]:
    """Processes started by `parent`, those included that are dead and not waited for."""
    return {process for process, (of, _) in states().items() if of == parent}


def wait_until_gone(processes: set[int]) -> None:
    deadline = time.monotonic() + SECONDS
    while left := {process for process, (_, state) in states().items() if process in processes and state != "Z"}:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


# what goes in and what comes out


def test_arguments_and_body_go_in_and_the_result_comes_out(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            sent = {"名": [1, 2.5, None, True, "\u2028\n\x00\ud800"], "nested": {"a": {}}}
            received, length, first, _ = await caged.run(f"{tasks}:echo", sent, b"\xff\x00\n<")
            assert received == sent
            assert (length, first) == (4, "\xff\x00\n<")
            assert (await caged.run(f"{tasks}:echo", {}, b""))[1] == 0

    do(scene())


@pytest.mark.parametrize("length", [65_535, 65_536, 262_145, 20_000_000])
def test_bodies_of_any_size_pass_both_ways(tasks: str, length: int) -> None:
    async def scene() -> None:
        async with cage(limits=CageLimits()) as caged:
            body = random.Random(1).randbytes(length)
            assert await caged.run(f"{tasks}:repeat", {}, body) == body.decode("latin-1")
            assert caged.killed == 0

    do(scene())


def test_a_large_mapping_of_lists_arrives_whole_without_stalling_the_loop(tasks: str) -> None:
    async def scene() -> float:
        async with cage(limits=CageLimits()) as caged:
            await caged.warm()
            stalls = []

            async def watch() -> None:
                while True:
                    before = time.perf_counter()
                    await asyncio.sleep(0.001)
                    stalls.append(time.perf_counter() - before)

            watching = asyncio.create_task(watch())
            answer = await caged.run(f"{tasks}:lists", {"entries": 15_000}, b"")  # some 46 MB, which take 0.2 s to decode
            watching.cancel()
            assert list(answer) == ["title", "entries", "none", "kept"]
            assert [entry["number"] for entry in answer["entries"]] == list(range(15_000))
            assert (answer["title"], answer["none"], answer["kept"]) == ("名", [], [1])
            return max(stalls)

    assert min(do(scene()) for _ in range(3)) < 0.15  # of three: others use the machine too


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text\nof\u2028lines",
        [1, [2], {}],
        {},
        {"a": []},
        {"a": ["x" * LINE, "y", "z" * LINE], "b": {"c": [1]}, "名": [None]},
        {"a": ["\ud800"] * 3},
    ],
    ids=["none", "text", "list", "empty", "empty list", "large items", "half a surrogate"],
)
def test_what_is_packed_is_what_was_meant(value: object) -> None:
    answer: list[Any] = []
    for line in pack("value", value).split(b"\n"):
        take_line(line, answer)
    assert answer == ["value", value]


@pytest.mark.parametrize(
    "lines",
    [
        [b"x"],
        [b""],
        [b"1"],
        [b"[1]"],
        [b"[1,2,3]"],
        [b"[" * 100_000],
        [b'["value",[]]', b'["a",[1]]'],
        [b'["value",{"a":1}]', b'["a",[1]]'],
        [b'["value",{}]', b'["a",[1]]'],
        [b'["value",{"a":[]}]', b'["a",1]'],
    ],
)
def test_H16_what_was_never_packed_is_refused(lines: list[bytes]) -> None:
    answer: list[Any] = []
    with pytest.raises(ValueError):
        for line in lines:
            take_line(line, answer)


# documents that break their child

BREAKERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "processor time, in a call that holds the interpreter": ("regex", {}, "reading it took more than 1 s of processor time"),
    "segmentation fault": ("read_nowhere", {}, "the parser crashed (SIGSEGV)"),
    "abort": ("send_signal", {"signal": signal.SIGABRT}, "the parser crashed (SIGABRT)"),
    "killed for memory by the system": ("send_signal", {"signal": signal.SIGKILL}, "the parser crashed (SIGKILL)"),
    "a signal without a name": ("send_signal", {"signal": 40}, "the parser crashed (signal 40)"),
    "exit": ("leave", {}, "the parser ended early (exit status 3)"),
    "exit without an error": ("leave_quietly", {}, "the parser ended early (exit status 0)"),
    "a closed pipe": ("close_answers", {}, "the reader answered with garbage"),
    "memory by and by": ("allocate", {}, "reading it took more memory than 64 MiB"),
    "memory at once": ("allocate_at_once", {"bytes": 2**40}, "reading it took more memory than 64 MiB"),
    "garbage": ("garbage", {"garbage": "a library says hello"}, "the reader answered with garbage"),
    "short garbage": ("garbage", {"garbage": "\x00"}, "the reader answered with garbage"),
    "a frame that is no JSON": ("garbage", {"garbage": "mill\x00" + "\x00" * 7 + "\x04null"}, "the reader answered with garbage"),
    "an empty frame": ("garbage", {"garbage": "mill\x00" + "\x00" * 8}, "the reader answered with garbage"),
    "a huge answer": ("huge", {"bytes": 5 * MIB}, "its answer was over 4 MiB"),
    "an endless answer": ("claim", {"bytes": 2**60}, "its answer was over 4 MiB"),
}


@pytest.mark.parametrize(("task", "arguments", "reason"), BREAKERS.values(), ids=BREAKERS)
def test_H16_a_broken_child_is_named_and_replaced(tasks: str, task: str, arguments: dict[str, Any], reason: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            before = (await caged.run(f"{tasks}:echo", {}, b""))[-1]
            with pytest.raises(UpstreamError) as raised:
                await caged.run(f"{tasks}:{task}", arguments, b"")
            assert str(raised.value) == reason
            assert caged.killed == 1
            after = (await caged.run(f"{tasks}:echo", {}, b""))[-1]
            assert after != before
            assert (await caged.run(f"{tasks}:echo", {}, b""))[-1] == after
            assert caged.killed == 1

    do(scene())


def test_H16_a_document_that_hangs_is_given_up(tasks: str) -> None:
    async def scene() -> None:
        async with cage(limits=HASTY) as caged:
            await caged.warm()
            before = time.monotonic()
            with pytest.raises(UpstreamError, match=r"^reading it took more than 0\.4 s$"):
                await caged.run(f"{tasks}:sleep", {"seconds": 30}, b"")
            assert 0.4 <= time.monotonic() - before < 3
            assert caged.killed == 1

    do(scene())


def test_a_child_that_dies_while_a_body_is_sent_is_noticed(tasks: str) -> None:
    async def scene() -> None:
        async with cage(limits=CageLimits(memory=16 * MIB)) as caged:
            with pytest.raises(UpstreamError, match="more memory than 16 MiB"):
                await caged.run(f"{tasks}:echo", {}, bytes(20_000_000))
            assert (await caged.run(f"{tasks}:echo", {}, bytes(1_000_000)))[1] == 1_000_000

    do(scene())


def test_processor_time_is_counted_for_a_task_not_for_the_life_of_a_child(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            used = {await caged.run(f"{tasks}:spin_for", {"seconds": 0.4}, b"") for _ in range(4)}
            assert len(used) == 1
            assert caged.killed == 0

    do(scene())


@ON_LINUX
def test_a_child_that_has_grown_is_replaced_without_a_failure(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            first = await caged.run(f"{tasks}:keep", {"bytes": 1 * MIB}, b"")
            assert await caged.run(f"{tasks}:keep", {"bytes": 24 * MIB}, b"") == first
            assert await caged.run(f"{tasks}:keep", {"bytes": 1 * MIB}, b"") != first
            assert caged.killed == 0

    do(scene())


def test_an_idle_child_that_was_killed_costs_no_document(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            process = (await caged.run(f"{tasks}:echo", {}, b""))[-1]
            os.kill(process, signal.SIGKILL)
            await asyncio.sleep(0.2)
            assert (await caged.run(f"{tasks}:echo", {}, b""))[-1] != process
            assert caged.killed == 1

    do(scene())


# tasks that fail


@pytest.mark.parametrize(
    ("task", "arguments", "reason"),
    [
        ("refuse", {}, "it is a web page, not a feed: 名\ud800"),
        ("fail", {"kind": "type"}, "the parser failed: TypeError"),
        ("fail", {"kind": "recursion"}, "the parser failed: RecursionError"),
        ("fail", {}, "the parser failed: KeyError"),
        ("unspeakable", {}, "the parser failed: TypeError"),
        ("no_such_task", {}, "the parser failed: AttributeError"),
    ],
)
def test_an_exception_of_the_task_is_an_upstream_error_and_keeps_the_child(
    tasks: str, task: str, arguments: dict[str, Any], reason: str
) -> None:
    async def scene() -> None:
        async with cage() as caged:
            before = (await caged.run(f"{tasks}:echo", {}, b""))[-1]
            with pytest.raises(UpstreamError) as raised:
                await caged.run(f"{tasks}:{task}", arguments, b"of the document")
            assert str(raised.value) == reason
            assert (await caged.run(f"{tasks}:echo", {}, b""))[-1] == before
            assert caged.killed == 0

    do(scene())


@pytest.mark.parametrize("name", ["os:system", "feedmill:x", "", "feedmillx.y:z"])
def test_only_tasks_of_feedmill_are_run(name: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            with pytest.raises(ValueError, match="no task of feedmill"):
                await caged.run(name, {}, b"")

    do(scene())


def test_a_module_that_cannot_be_loaded_says_so(tasks: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        async with Cage(2, LIMITS, preload=("feedmill.no_such_module",)) as caged:
            with pytest.raises(UpstreamError, match=r"could not be started .*exit status 1"):
                await caged.warm()
            with pytest.raises(UpstreamError, match=r"could not be started .*exit status 1"):
                await caged.run(f"{tasks}:echo", {}, b"")

    do(scene())
    assert "no_such_module" in capfd.readouterr().err


def test_a_python_that_is_not_there_says_so(tasks: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Cage(1, LIMITS, preload=(), python=str(tmp_path / "no-python")) as caged:
            with pytest.raises(UpstreamError, match="could not be started"):
                await caged.run(f"{tasks}:echo", {}, b"")

    do(scene())


# many at once


def test_runs_in_any_order_get_their_own_answers(tasks: str) -> None:
    async def scene() -> None:
        async with cage(3, CageLimits()) as caged:
            order = list(range(200))
            random.Random(7).shuffle(order)
            answers = await asyncio.gather(*(caged.run(f"{tasks}:echo", {"n": n}, b"x" * (n * 997)) for n in order))
            assert [(answer[0]["n"], answer[1]) for answer in answers] == [(n, n * 997) for n in order]
            assert 1 <= len({answer[-1] for answer in answers}) <= 3

    do(scene())


def test_H16_broken_children_cost_only_their_own_documents(tasks: str) -> None:
    async def one(caged: Cage, number: int) -> object:
        if number % 10 == 3:
            with pytest.raises(UpstreamError, match=r"crashed \(SIGKILL\)"):
                await caged.run(f"{tasks}:send_signal", {"signal": signal.SIGKILL}, b"")
            return number
        return (await caged.run(f"{tasks}:echo", {"n": number}, b""))[0]["n"]

    async def scene() -> None:
        async with cage(3) as caged:
            assert await asyncio.gather(*(one(caged, number) for number in range(100))) == list(range(100))
            assert caged.killed == 10

    do(scene())


def test_other_documents_go_on_while_one_hangs(tasks: str) -> None:
    async def scene() -> None:
        async with cage(2) as caged:
            hanging = asyncio.create_task(caged.run(f"{tasks}:sleep", {"seconds": 2.5, "name": "late"}, b""))
            await asyncio.sleep(0)
            for number in range(20):
                assert (await caged.run(f"{tasks}:echo", {"n": number}, b""))[0] == {"n": number}
            assert not hanging.done()
            assert await hanging == "late"

    do(scene())


@ON_LINUX
@pytest.mark.parametrize(("pause", "others"), [(0.1, 0), (0.4, 1)])
def test_another_child_starts_where_much_is_left_and_not_for_what_one_has_nearly_done(tasks: str, pause: float, others: int) -> None:
    async def scene() -> None:
        async with cage(2) as caged:
            await caged.warm(1)
            started, begun = mine(), time.monotonic()
            await asyncio.gather(*(caged.run(f"{tasks}:sleep", {"seconds": pause, "name": ""}, b"") for _ in range(8)))
            if not others and time.monotonic() - begun > 12 * pause:
                pytest.skip("the machine is so busy that what took a moment was much work")
            assert len(mine() - started) == others

    do(scene())


@ON_LINUX
def test_children_start_lazily_or_ahead_and_never_more_than_asked(tasks: str) -> None:
    async def scene() -> None:
        async with cage(2) as caged:
            assert mine() == set()
            await caged.run(f"{tasks}:echo", {}, b"")
            assert len(mine()) == 1
            await asyncio.gather(caged.warm(), *(caged.run(f"{tasks}:echo", {}, b"") for _ in range(10)))
            started = mine()
            assert len(started) == 2
            await caged.warm()
            assert mine() == started
        assert mine() == set()

    do(scene())


# runs and contexts that end early


@ON_LINUX
def test_a_cancelled_run_ends_its_child_and_the_next_gets_another(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            await caged.warm()
            before = mine()
            run = asyncio.create_task(caged.run(f"{tasks}:spin", {}, b""))
            waiting = asyncio.create_task(caged.run(f"{tasks}:echo", {}, b""))
            await asyncio.sleep(0.1)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert (await waiting)[-1] not in before
            assert caged.killed == 1

    do(scene())


def test_a_run_that_is_cancelled_while_it_waits_disturbs_nobody(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            run = asyncio.create_task(caged.run(f"{tasks}:sleep", {"seconds": 0.3, "name": "first"}, b""))
            waiting = asyncio.create_task(caged.run(f"{tasks}:echo", {}, b""))
            await asyncio.sleep(0.1)
            waiting.cancel()
            assert await run == "first"
            assert caged.killed == 0

    do(scene())


@ON_LINUX
@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03, 0.3], ids=["at once", "starting", "loading", "busy"])
def test_leaving_the_context_ends_all_children_and_runs_at_once(tasks: str, moment: float) -> None:
    async def scene() -> None:
        runs = []
        before = 0.0
        async with cage(2) as caged:
            runs = [asyncio.create_task(caged.run(f"{tasks}:sleep", {"seconds": 30}, b"")) for _ in range(5)]
            await asyncio.sleep(moment)
            before = time.monotonic()
        assert time.monotonic() - before < 2
        assert mine() == set()
        for outcome in await asyncio.gather(*runs, return_exceptions=True):
            assert isinstance(outcome, UpstreamError)
        assert caged.killed == 0

    do(scene())


@ON_LINUX
def test_an_error_inside_the_context_leaves_no_process(tasks: str) -> None:
    async def scene() -> None:
        async with asyncio.TaskGroup() as group, cage(2) as caged:
            group.create_task(caged.run(f"{tasks}:sleep", {"seconds": 30}, b""))
            await asyncio.sleep(0.2)
            raise RuntimeError("something else went wrong")

    with pytest.raises(ExceptionGroup):
        do(scene())
    assert mine() == set()


PARENT = """
import asyncio, sys
from feedmill.consumer.cage import Cage

async def main():
    async with Cage(2, preload=()) as caged:
        await caged.warm()
        if sys.argv[1] != "idle":
            for _ in range(2):
                asyncio.create_task(caged.run(sys.argv[1], {"seconds": 60}, b""))
            await asyncio.sleep(0.3)
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@ON_LINUX
@pytest.mark.parametrize("task", ["idle", "sleep", "spin", "regex"])
def test_children_end_with_a_killed_parent_even_in_the_middle_of_a_task(tasks: str, task: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([sys.path[0], str(SOURCE)])}
    command = [sys.executable, "-c", textwrap.dedent(PARENT), task if task == "idle" else f"{tasks}:{task}"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        started = children(parent.pid)
        assert len(started) == 2
        parent.kill()
        parent.wait()
        before = time.monotonic()
        wait_until_gone(started)
        assert time.monotonic() - before < 5  # far below the 20 s of processor time that they have


# what a child can reach


@ON_LINUX
def test_children_inherit_no_descriptor(tasks: str, tmp_path: Path) -> None:
    async def scene() -> list[tuple[int, str]]:
        with (tmp_path / "lock").open("wb") as file:
            os.set_inheritable(file.fileno(), True)
            async with cage(2) as caged:
                await caged.warm()
                return list(await caged.run(f"{tasks}:descriptors", {}, b""))

    opened = do(scene())
    assert not [name for _, name in opened if name.startswith(str(tmp_path))]
    kinds = [name.partition(":")[0] if name.startswith("pipe") else name.rpartition("/")[2] for _, name in opened]
    assert kinds == ["pipe", "null", "null", "pipe", "statm"]


def test_what_libraries_say_is_no_answer_and_reaches_no_terminal(tasks: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        async with cage() as caged:
            assert await caged.run(f"{tasks}:babble", {}, b"") == "said"
            assert await caged.run(f"{tasks}:babble", {}, b"") == "said"

    do(scene())
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_children_write_no_file_and_leave_no_core(tasks: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with cage() as caged:
            with pytest.raises(UpstreamError, match="the parser failed: OSError"):
                await caged.run(f"{tasks}:write_file", {"path": str(tmp_path / "file")}, b"<feed/>")
            limits = await caged.run(f"{tasks}:limits", {}, b"")
            assert limits["RLIMIT_CORE"] == limits["RLIMIT_FSIZE"] == [0, 0]
            assert limits["RLIMIT_NOFILE"][1] <= 64

    do(scene())
    assert (tmp_path / "file").read_bytes() == b""


def test_children_know_no_secret_of_the_environment(tasks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_TOKEN", "planted-secret")

    async def scene() -> None:
        async with cage() as caged:
            environment = await caged.run(f"{tasks}:environment", {}, b"")
            assert "PYTHONPATH" in environment
            assert "planted-secret" not in environment.values()

    do(scene())


def test_an_interrupt_from_the_terminal_is_left_to_the_parent(tasks: str) -> None:
    async def scene() -> None:
        async with cage() as caged:
            first = await caged.run(f"{tasks}:interrupt_ignored", {}, b"")
            assert await caged.run(f"{tasks}:interrupt_ignored", {}, b"") == first

    do(scene())


def test_files_in_the_current_folder_are_not_imported_by_children(
    tasks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("json.py", "struct.py", "select.py"):
        (tmp_path / name).write_text(f"raise SystemExit('{name} of the user was run')\n")
    monkeypatch.chdir(tmp_path)

    async def scene() -> None:
        async with cage() as caged:
            assert (await caged.run(f"{tasks}:echo", {}, b"abc"))[1] == 3

    do(scene())
    assert "was run" not in capfd.readouterr().err
