"""What syncing keeps open: the ledger and its one thread, the cage, the one client. `feedmill sync` opens one, the daemon keeps one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from feedmill.config import Config, SourceConfig
from feedmill.consumer import remember
from feedmill.consumer.cage import Cage
from feedmill.consumer.desk import Desk
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.syncreport import SourceReport
from feedmill.errors import StorageError
from feedmill.model import Progress
from feedmill.posts.record import to_epoch
from feedmill.state.ledger import SourceState

if TYPE_CHECKING:
    from feedmill.consumer.fetch import Client
    from feedmill.consumer.hosts import HostGate

T = TypeVar("T")

#: A source and what is remembered of it.
Known = tuple[SourceConfig, SourceState]
#: Hears of every source as soon as it is done.
Heard = Callable[[SourceReport, SourceState], None]

#: So many documents that are read from end to end are work for every core.
_MANY = 8


class Session:
    """A context in which sources are fetched, in as many rounds as are wanted, several at once too."""

    def __init__(
        self,
        config: Config,
        *,
        state: Path | None = None,
        around: Surroundings,
        is_dry: bool = False,
        progress: Progress = lambda *_: None,
        heard: Heard = lambda *_: None,
    ) -> None:
        """`state`: the database, where it is not the configured one. The caller holds the sync lock."""
        self.config = config
        #: What kept a source of this session from being stored; None where nothing did.
        self.trouble: StorageError | None = None
        self._state, self._around, self._is_dry = state or config.state_path, around, is_dry
        self._progress, self._heard = progress, heard
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedmill-desk")
        self._stack = AsyncExitStack()
        self._states: dict[str, SourceState] = {}
        self._warming: list[asyncio.Task[None]] = []
        self._cage: Cage | None = None
        #: Opened once, whoever of several rounds comes first.
        self._opening = asyncio.Lock()
        self._client: tuple[Client, HostGate] | None = None

    async def __aenter__(self) -> Self:
        """Open the ledger and bring it in step with the posts. Raises StorageError, Unreadable."""
        self._stack.callback(lambda: self._thread.shutdown(wait=False))  # the ledger is closed by then; a disk that hangs is not waited for
        try:
            self._desk = await self._at_desk(lambda: Desk(self.config, self._state, is_dry=self._is_dry))
        except BaseException:
            await self._stack.aclose()
            raise
        self._stack.push_async_callback(self._at_desk, self._desk.close)
        try:
            await self.take_stock()
        except BaseException:
            await self.__aexit__()  # which waits for no publish that has the lock
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the batch in hand be written, and close everything. Rounds have ended before."""
        self._desk.hurry()
        await self._stack.aclose()

    async def take_stock(self) -> None:
        """Bring the ledger in step with what people did to the posts since. Raises StorageError."""
        self._states.update(await self._at_desk(self._desk.open))

    def adopt(self, config: Config) -> None:
        """Go on with another configuration, whose sources alone differ; rounds under way keep theirs."""
        self.config = config
        names = {source.name for source in config.sources}
        self._states = {name: state for name, state in self._states.items() if name in names}  # who comes back begins anew
        self._desk.adopt(config)

    def known(self, sources: Iterable[SourceConfig]) -> list[Known]:
        """Return what is remembered of sources, as they are configured now."""
        return [(source, remember.for_source(self._states.get(source.name, SourceState()), source)) for source in sources]

    @property
    def children_killed(self) -> int:
        """Child processes that died or were killed over a document."""
        return self._cage.killed if self._cage else 0

    async def fetch(self, asked: Sequence[Known]) -> list[SourceReport]:
        """Fetch these sources and store what is new; return their reports in the same order. Raises StorageError, Unreadable."""
        self._progress("fetching", 0, len(asked))
        if not asked:
            return []
        cage = await self._warmed(asked)
        await asyncio.to_thread(import_module, "feedmill.consumer.outbound")  # a quarter of a second, the first time
        from feedmill.consumer.fetching import Means, Round

        client, gate = await self._connected()
        means = Means(
            config=self.config,
            around=self._around,
            client=client,
            gate=gate,
            cage=cage,
            desk=self._desk,
            at_desk=self._at_desk,
            progress=self._progress,
            heard=self._hear,
        )
        round_ = Round(means)
        try:
            return await round_.run(asked)
        finally:
            self.trouble = self.trouble or round_.trouble

    def _hear(self, report: SourceReport, state: SourceState) -> None:
        self._states[report.name] = state
        self._heard(report, state)

    async def prune(self, sources: Sequence[SourceConfig]) -> list[str]:
        """Remove the posts that these sources' `keep` has no room for; return their paths. Raises StorageError."""
        kept = [source for source in sources if source.keep is not None]
        return await self._at_desk(lambda: self._desk.prune(kept, now=to_epoch(self._around.now()))) if kept else []

    async def _warmed(self, asked: Sequence[Known]) -> Cage:
        """Return the cage; for the first round that will have documents its children start while the client is loaded."""
        if self._cage is None:
            self._stack.push_async_callback(_ended, self._warming)  # after the cage's end, which ends them
            self._cage = await self._stack.enter_async_context(Cage(limits=self._around.cage))
            if any(state.last_result != "not-modified" for _, state in asked):
                # One child reads a few new entries in less time than another takes to start.
                strangers = sum(not state.body for _, state in asked)
                self._warming.append(asyncio.create_task(self._cage.warm(1 if strangers < _MANY else None)))
                await asyncio.sleep(0)
        return self._cage

    async def _connected(self) -> tuple[Client, HostGate]:
        async with self._opening:
            if self._client is None:
                from feedmill.consumer.outbound import open_client

                self._client = await self._stack.enter_async_context(open_client(self.config, self._around))
            return self._client

    def _at_desk(self, work: Callable[[], T], /) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for tasks that the cage's end has ended too; whoever needed them has said what was wrong."""
    await asyncio.gather(*tasks, return_exceptions=True)
