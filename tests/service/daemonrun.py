"""Starts a real `feedmill daemon` or `feedmill serve` on a free port of loopback, asks it, and ends it.

    with running(project.root) as daemon:
        daemon.until(lambda: b"First" in daemon.get("/feeds/atom.xml").body)

What it logs goes to a file. It has a session of its own, by which all its processes are found. At the end of the block it is told to
end, and must: exit status 0 within 10 seconds, no process left. With `clock` it syncs by a clock that a test moves.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

import feedparser

import feedmill
from faultorigin import FaultOrigin
from sites import CONFIG, Project

FEED = "/feeds/atom.xml"
#: How long a test waits for what must come, however busy the machine is, and how often it looks (seconds).
SECONDS = 40.0
STEP = 0.04
#: Within this time a daemon ends (docs/service.md).
ENDING = 10.0
PUBLISHER, READER = "feedmill.service.printer", "feedmill.consumer.caged"
#: What the tests themselves may run under.
_OF_SYSTEMD = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID"})
#: `feedmill daemon` but for its clock.
_WITH_CLOCK = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from feedmill.consumer.surroundings import Surroundings
from feedmill.service.daemon import Daemon
from feedmill.service.lifecycle import run_service
from feedmill.service.logs import begin_log

config, offset = map(Path, sys.argv[1:])
around = Surroundings(now=lambda: datetime.now(UTC) + timedelta(seconds=float(offset.read_text())))
begin_log()
run_service(lambda: Daemon(config, port=0, around=around).run())
"""


class Answer(NamedTuple):
    """What the server answered; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Process(NamedTuple):
    """One process of the machine."""

    pid: int
    parent: int
    command: str


@dataclass
class Offset:
    """A clock of a running daemon, so many seconds ahead of the machine's."""

    file: Path
    seconds: float = 0.0

    def pass_(self, **time: float) -> None:
        """Let time pass for the daemon."""
        self.seconds += timedelta(**time).total_seconds()
        beside = self.file.with_suffix(".new")
        beside.write_text(str(self.seconds))
        beside.replace(self.file)


@dataclass
class Running:
    """One process of ours, and what it started."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def log(self) -> str:
        """What it logged until now."""
        return self.file.read_text(encoding="utf-8")

    def lines(self, *words: str) -> list[str]:
        """The lines of the log that hold all of these."""
        return [line for line in self.log.splitlines() if all(word in line for word in words)]

    @property
    def url(self) -> str:
        """Where it serves, with a slash at the end."""
        found = re.search(r"serving (http://\S+/)", self.log)
        assert found, self.log
        return found[1]

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """Ask for a path; a header's `_` stands for `-`."""
        address, _, port = self.url.removeprefix("http://").rstrip("/").rpartition(":")
        with contextlib.closing(http.client.HTTPConnection(address.strip("[]"), int(port), timeout=SECONDS)) as connection:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def number(self, name: str) -> float:
        """One number of /metrics, named with its labels; 0 where there is none."""
        lines = self.get("/metrics").body.decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def until(self, holds: Callable[[], object]) -> float:
        """Wait until something holds; return how many seconds that took."""
        begun = time.monotonic()
        while not holds():
            assert time.monotonic() - begun < SECONDS, f"it never came\n{self.log}"
            assert self.process.poll() is None, f"it ended\n{self.log}"
            time.sleep(STEP)
        return time.monotonic() - begun

    def until_ready(self) -> None:
        """Wait until it says so."""
        self.until(lambda: self.lines(" ready: "))

    def until_published(self) -> None:
        """Wait until it has published."""
        self.until(lambda: self.number('feedmill_publishes_total{outcome="done"}'))

    def processes(self, part: str = "") -> list[Process]:
        """All processes of its session but itself whose command line holds `part`, orphans too."""
        return [one for one in _session(self.process.pid) if one.pid != self.process.pid and part in one.command]

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and return its exit status. It must end in time and leave no process behind."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.tell(number)
        status = self.process.wait(SECONDS)
        assert time.monotonic() - begun < ENDING, f"it took too long to end\n{self.log}"
        assert not (left := self.processes()), f"{left} are left\n{self.log}"
        return status

    def kill(self) -> None:
        """Leave nothing of it running, whatever a test found."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for left in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)


class Manager:
    """systemd, as far as a service hears and tells of it; `environ` is for the service."""

    def __init__(self, address: Path) -> None:
        self.environ = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "60000000"}
        #: Signs of life.
        self.alive = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._socket.settimeout(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def hear(self) -> str:
        """What is said next, beside signs of life, which are counted."""
        while (said := self._socket.recv(4096).decode()) == "WATCHDOG=1":
            self.alive += 1
        return said


def _session(leader: int) -> list[Process]:
    found = []
    for entry in Path("/proc").iterdir() if os.path.isdir("/proc/self") else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                found.append(Process(int(entry.name), int(parent), command))
    return found


def command_of(root: Path, *arguments: str) -> list[str]:
    """The command line that runs a command on the project in `root`."""
    return [sys.executable, "-P", "-m", "feedmill", "--config", str(root / "config.yaml"), *arguments]


def start(command: list[str], log: Path, environ: Mapping[str, str] | None = None) -> Running:
    """Start a command and wait for nothing; what it says goes to `log`."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_SYSTEMD}
    environment = {**kept, "PYTHONPATH": str(Path(feedmill.__file__).parents[1]), **(environ or {})}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True)
    return Running(process, log)


def start_with_clock(root: Path, clock: Offset, log: Path) -> Running:
    """Start the daemon of the project in `root` by this clock, and wait for nothing."""
    clock.pass_()
    return start([sys.executable, "-P", "-c", _WITH_CLOCK, str(root / "config.yaml"), str(clock.file)], log)


def make_project(folder: Path, more: str = "", *, base: str = CONFIG) -> Project:
    """A project in a folder `site` of `folder`, with a configuration on disk."""
    project = Project(folder / "site")
    configure(project, more, base=base)
    return project


def configure(project: Project, more: str = "", *, base: str = CONFIG) -> None:
    """Write config.yaml in place, as a person's editor may."""
    (project.root / "config.yaml").write_text(base + more, encoding="utf-8")


def with_sources(origin: FaultOrigin, *paths: str, every: str = "1m") -> str:
    """The sections `sync` and `sources` of a configuration: a source for every path, named after it."""
    listed = "".join(f"  - {{name: {path.strip('/')}, url: '{origin.url(path)}', every: {every}, categories: [新闻]}}\n" for path in paths)
    return f"sync:\n  allow_networks: [127.0.0.0/8]\nsources:\n{listed}"


def titles(daemon: Running, path: str = FEED) -> list[str]:
    """The titles of a feed as it is served now."""
    return [entry.title for entry in feedparser.parse(io.BytesIO(daemon.get(path).body)).entries]


@contextlib.contextmanager
def running(
    root: Path,
    *options: str,
    command: str = "daemon",
    clock: Offset | None = None,
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Running]:
    """Run the project in `root` on a free port for the block, from its line "ready" on. The log of a start is beside `root`."""
    file = log or root.with_name(f"{root.name}.log")
    if clock is None:
        started = start(command_of(root, command, "--port", "0", *options), file, environ)
    else:
        started = start_with_clock(root, clock, file)
    try:
        started.until_ready()
        yield started
        status = started.end()
        assert status == 0, started.log
    finally:
        started.kill()
