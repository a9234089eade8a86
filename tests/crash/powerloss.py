"""A disk whose power can be cut: an ext4 file system in a file, mounted through a loop device. And commands that cut it at a call.

    make_disk(image)
    with mounted(image, place), Runner() as runner:        # unmounted and detached at the end, whatever happens
        runner.run(place, ["sync"], cut=Cut(17, LOG_LOST))  # in a process of its own, in the project that is the whole disk

What is lost is what ext4 loses: the file system is shut down (EXT4_IOC_SHUTDOWN), nothing that lies in memory reaches the image any
more, and the next mount replays the journal. Points are the calls that `faultlayer` counts. SQLite's own are none, but what is durable
changes in its fsyncs alone, and these lie between two points.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import pkgutil
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, Self

from faultlayer import Call, Fault, Layer

#: What is still written of the journal when the power goes. LOG_LOST: nothing, so that all is gone that was not made durable.
#: LOG_WRITTEN: everything, so that names are there whose contents are not.
LOG_WRITTEN, LOG_LOST = 1, 2
#: EXT4_IOC_SHUTDOWN, which is _IOR('X', 125, __u32).
_SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
#: ext4 writes nothing by itself for ten minutes, and does not make up for an fsync that is missing before a rename.
_OPTIONS = "loop,noauto_da_alloc,commit=600"


class Cut(NamedTuple):
    """When the power goes: before the call of this number, from 0. And what is still written."""

    number: int
    log: int


class Ended(NamedTuple):
    """How a command ended: its status, what it said, and the calls that it made, a line each."""

    status: int
    said: str
    calls: str


# Disks


class Refused(Exception):
    """This machine lets nobody do that."""


def make_disk(image: Path) -> None:
    """Make an empty disk of 64 MiB, of which the file holds what is written. Raises Refused."""
    with image.open("wb") as file:
        file.truncate(64 << 20)
    _run_tool("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))


def copy_disk(source: Path, target: Path) -> None:
    """Copy a disk that is not mounted, holes as holes. Raises Refused."""
    _run_tool("cp", "--sparse=always", str(source), str(target))


@contextlib.contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    """Mount a disk for the block; the loop device goes with the mount. Raises Refused."""
    place.mkdir(exist_ok=True)
    _run_tool("mount", "-t", "ext4", "-o", _OPTIONS, str(image), str(place))
    try:
        yield
    finally:
        _unmount(place)


def _unmount(place: Path) -> None:
    """Unmount at once where nothing is open there; else detach, so that the rest goes with the last process, and complain."""
    for _ in range(50):
        with contextlib.suppress(Refused):
            _run_tool("umount", str(place))
            return
        time.sleep(0.1)
    _run_tool("umount", "--lazy", str(place))
    raise AssertionError(f"{place} was still in use")


def _run_tool(name: str, *arguments: str) -> None:
    """Run a program of the system, which may be where only root looks for programs. Raises Refused."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Refused(f"no {name}")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{name}: {done.stderr.strip()}")


def cut_power(place: Path, log: int) -> None:
    """Shut a mounted file system down, which may have happened already. Raises Refused."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _shut_down(descriptor, log)
    except OSError as exc:
        raise Refused(f"EXT4_IOC_SHUTDOWN: {exc.strerror}") from exc
    finally:
        os.close(descriptor)


def _shut_down(descriptor: int, log: int) -> None:
    fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", log))


# Commands


class Runner:
    """Runs commands of `feedmill`: each in a process that is forked from one which has imported everything, for that takes longest."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "import powerloss; powerloss.serve()"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, root: Path, arguments: Sequence[str], *, cut: Cut | None = None) -> Ended:
        """Run a command in the project at `root`, without power from a call on. One that makes fewer calls has power to its end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(root), *(cut or Cut(sys.maxsize, 0)), *arguments]) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))


def serve() -> None:
    """Be the process from which commands are forked."""
    import feedmill

    for found in pkgutil.walk_packages(feedmill.__path__, "feedmill."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for line in sys.stdin:
        root, number, log, *arguments = json.loads(line)
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as calls:
            process = os.fork()
            if not process:
                os.dup2(said.fileno(), sys.stdout.fileno())
                os.dup2(said.fileno(), sys.stderr.fileno())
                _be(Path(root), arguments, Cut(number, log), calls)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            sys.stdout.write(json.dumps([status, *map(_text_of, (said, calls))]) + "\n")
            sys.stdout.flush()


def _text_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _be(root: Path, arguments: list[str], cut: Cut, calls: IO[str]) -> NoReturn:
    """Be the process of one command."""
    from feedmill.cli import main

    signal.alarm(120)  # a command that hangs is killed
    os.chdir(root)
    sys.argv = ["feedmill", *arguments]
    disk = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def watch(number: int, call: Call) -> Fault | None:
        if number >= cut.number:
            _shut_down(disk, cut.log)
        calls.write(f"{call.name} {call.place}\n")
        return None

    status = 1
    try:
        with _Durable(root, watch):
            main()
    except SystemExit as exc:
        status = int(exc.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr, calls):
            stream.flush()
        os._exit(status)


class _Durable(Layer):
    """A layer that does what it counts: here a machine stops."""

    def _os_fsync(self, file: Any) -> None:
        super()._os_fsync(file)
        self.real.fsync(file)
