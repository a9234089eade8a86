"""A world for the daemon's syncing: a clock that is moved by hand, sources and their schedules, an origin inside the same loop.

    async with opened(world) as syncing:
        await world.look(syncing)          # as the daemon looks, and wait for what that began

`World` fetches from whatever origin its sources name. `LoopOrigin` is for thousands of requests: plain asyncio with kept
connections, a tenth of the time that a thread for each connection takes; it answers by a function of the request.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from faultorigin import Reply
from feedmill.consumer.fetch import Limits
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport
from feedmill.posts.format import decode
from feedmill.posts.record import from_epoch
from feedmill.service.syncing import Syncing
from feedmill.state.ledger import Ledger, SourceState
from sites import CONFIG, Project
from syncing import Clock

#: How long a test waits for what must come, in seconds.
SECONDS = 60.0
#: What hangs ends when the test lets it, or with what fetches it.
PATIENT = Limits(deadline=timedelta(seconds=60), connect=timedelta(seconds=30))


class Heard(NamedTuple):
    """What was said of a source, and when (on the world's clock)."""

    at: datetime
    report: SourceReport
    state: SourceState


@dataclass
class World:
    """A project with sources, and what was heard of them."""

    root: Path
    #: By name, the address and what else stands in the source, as YAML in braces: "url: …, every: 30m".
    sources: dict[str, str] = field(default_factory=dict)
    #: Lines of the section `sync`, beside those that let loopback pass.
    settings: str = ""
    zone: str = "Asia/Shanghai"
    clock: Clock = field(default_factory=Clock)
    #: What replaces parts of the surroundings.
    around: dict[str, Any] = field(default_factory=dict)
    heard: deque[Heard] = field(default_factory=deque)
    hear: Callable[[Heard], None] = lambda _: None

    @property
    def project(self) -> Project:
        listed = "".join(f"  - {{name: {name}, {keys}}}\n" for name, keys in self.sources.items())
        sync = f"sync:\n  allow_networks: [127.0.0.0/8]\n{self.settings}"
        base = CONFIG.replace("Asia/Shanghai", self.zone)
        return Project(self.root, base=base, extra=f"{sync}sources:\n{listed}" if listed else sync)

    @property
    def config(self):
        return self.project.config

    def syncing(self) -> Syncing:
        """A Syncing that nobody has started."""
        around = {"chance": lambda: 0.5, "limits": PATIENT} | self.around
        return Syncing(self.config, around=Surroundings(now=lambda: self.clock.now, **around), heard=self._hear)

    def _hear(self, report: SourceReport, state: SourceState) -> None:
        one = Heard(self.clock.now, report, state)
        self.heard.append(one)
        self.hear(one)

    async def look(self, syncing: Syncing) -> int:
        """Look at what is due, three times at one moment (close, open, claim); wait for what that began; return what was claimed."""
        for _ in range(3):
            claimed = await syncing.tick()
            await syncing.quiet()
            if claimed:
                return claimed
        return 0

    def last(self, name: str) -> SourceState:
        """What was last heard of a source."""
        return next(one.state for one in reversed(self.heard) if one.report.name == name)

    def results(self, name: str) -> list[str]:
        """What became of every fetch of a source."""
        return [one.report.result for one in self.heard if one.report.name == name]

    def to_next(self, name: str, *, early: float = 0.0) -> None:
        """Move the clock to when a source is due, some seconds before it."""
        at = self.last(name).next_fetch
        assert at is not None
        self.clock.now = from_epoch(at) - timedelta(seconds=early)

    @property
    def files(self) -> dict[str, str]:
        """The posts by their path."""
        posts = self.root / "posts"
        return {path.relative_to(posts).as_posix(): path.read_text() for path in sorted(posts.rglob("*.md"))}

    @property
    def titles(self) -> list[str]:
        """The titles of all posts, each of which is whole."""
        zone = self.config.site.zone
        return sorted(decode(text.encode(), name=name, zone=zone).post.title for name, text in self.files.items())

    @property
    def temporary(self) -> list[str]:
        """What a writer left behind."""
        return [path.name for path in self.root.rglob(".feedmill-*.tmp")]

    @property
    def states(self) -> dict[str, SourceState]:
        """What the ledger on disk says of the sources."""
        with closing(Ledger(self.config.state_path)) as ledger:
            return ledger.states()


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Syncing]:
    """Syncing that has its lock, closed at the end of the block."""
    syncing = world.syncing()
    syncing.start()
    try:
        yield syncing
    finally:
        await syncing.close()


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends, "it never came"
        await asyncio.sleep(0.005)


class Asked(NamedTuple):
    """A request: path, names and values of its fields (names in lower case)."""

    path: str
    fields: Mapping[str, str]


@dataclass
class LoopOrigin:
    """A web server in the loop that it is opened in; `answer` says what a request gets, None: nothing, for as long as the client waits."""

    answer: Callable[[Asked], Reply | None]
    #: Requests that get nothing and whose clients are still there.
    hanging: int = 0

    async def __aenter__(self) -> LoopOrigin:
        self._talks: set[_Talk] = set()
        self._server = await asyncio.get_running_loop().create_server(lambda: _Talk(self), "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for talk in tuple(self._talks):
            talk.end()
        await asyncio.sleep(0)


class _Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self, origin: LoopOrigin) -> None:
        self._origin, self._got, self._is_hanging = origin, b"", False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._origin._talks.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._origin._talks.discard(self)
        self._origin.hanging -= self._is_hanging

    def end(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            head, self._got = self._got[:end].decode("latin-1").split("\r\n"), self._got[end + 4 :]
            fields = (line.partition(":") for line in head[1:])
            reply = self._origin.answer(Asked(head[0].split(" ")[1], {name.lower(): value.strip() for name, _, value in fields}))
            if reply is None:
                self._is_hanging = True
                self._origin.hanging += 1
                return
            self._transport.write(reply.head() + reply.content())
            if reply.ends_connection:
                self._transport.close()


def lines(items: Iterable[str], *, most: int = 20) -> str:
    """What went wrong, for the message of an assertion."""
    found: Sequence[str] = list(items)
    return "\n".join([*found[:most], *([f"… and {len(found) - most} more"] if len(found) > most else [])])
