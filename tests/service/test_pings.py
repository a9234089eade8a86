"""The daemon's pings: when a turn begins, what is said of it, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedmill.producer import hubs
from feedmill.service.metrics import Counts
from feedmill.service.pings import Pings
from feedmill.state.memory import DatabaseMemory
from hub import Hub, Reply
from service.daemonrun import Offset, make_project, running
from service.syncworld import until
from sites import Project

TOPIC = "https://news.example.org/feeds/atom.xml"


@dataclass
class World:
    """Pings of one project, by a clock that is moved by hand."""

    root: Path
    hub: str = ""
    now: float = 1_780_000_000.0
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.pings = Pings(self.counts, now=lambda: datetime.fromtimestamp(self.now, UTC))

    @property
    def config(self):
        return Project(self.root, extra=f"feeds: {{hub: {json.dumps([self.hub])}}}\n" if self.hub else "").config

    def change(self, *topics: str) -> None:
        note(self.config, *topics, now=int(self.now))

    async def look(self) -> None:
        """Look, and wait for the turn which that began."""
        self.pings.look(self.config)
        if (turn := self.pings._turn) is not None:
            await turn

    @property
    def results(self) -> dict[str, int]:
        return dict(self.counts.pings)


def note(config, *topics: str, now: int) -> None:
    """Note changes as a publish does."""
    with contextlib.closing(DatabaseMemory(config.state_path)) as memory:
        hubs.note_changed(memory, hubs=config.feeds.hub, topics=topics, now=now)
        memory.commit()


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    return lambda hub="": World(tmp_path, hub)


def test_what_was_published_is_told_with_the_next_look_and_what_failed_when_it_is_due(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "feedmill.service.pings")

    async def play(world: World) -> None:
        await world.look()
        world.change(TOPIC)
        await world.look()
        assert world.results == {}  # nothing was heard of it
        world.pings.hurry()
        await world.look()
        assert world.results == {"failed": 1}
        assert world.counts.pings_waiting == 1
        world.now += 59
        await world.look()
        world.now += 1
        await world.look()
        assert world.results == {"failed": 2}
        world.now += 120
        await world.look()
        assert world.results == {"failed": 2, "taken": 1}
        assert world.counts.pings_waiting == 0

    with Hub([503, 503, 202]) as hub:
        asyncio.run(play(make_world(hub.url)))
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        assert caplog.messages == [
            f"hub {hub.url}: it answered 503 Service Unavailable; it is told again later",
            f"hub {hub.url} hears again",
        ]


def test_what_a_publish_beside_the_daemon_left_is_found_within_a_minute(make_world: Callable[..., World]) -> None:
    async def play(world: World) -> None:
        await world.look()
        world.change(TOPIC)
        world.now += 60
        await world.look()
        assert world.results == {"taken": 1}

    with Hub() as hub:
        asyncio.run(play(make_world(hub.url)))


def test_what_is_due_sooner_is_told_sooner(make_world: Callable[..., World]) -> None:
    async def play(world: World) -> None:
        note(world.config, TOPIC, now=int(world.now) + 20)
        for results in ({}, {"taken": 1}):
            await world.look()
            assert world.results == results
            world.now += 20

    with Hub() as hub:
        asyncio.run(play(make_world(hub.url)))


def test_a_clock_that_is_set_back_keeps_nothing_waiting(make_world: Callable[..., World]) -> None:
    async def play(world: World) -> None:
        world.change(TOPIC)
        await world.look()
        world.now -= 86_400 * 365
        await world.look()
        assert world.results == {"failed": 1, "taken": 1}

    with Hub([500, 202]) as hub:
        asyncio.run(play(make_world(hub.url)))


def test_a_publish_during_a_turn_begins_another(make_world: Callable[..., World]) -> None:
    async def play(world: World) -> None:
        world.change(TOPIC)
        world.pings.look(world.config)
        world.pings.look(world.config)
        world.pings.hurry()
        await world.look()
        world.change(f"{TOPIC}?2")
        await world.look()
        assert world.results == {"taken": 2}

    with Hub() as hub:
        asyncio.run(play(make_world(hub.url)))
        assert hub.topics == [TOPIC, f"{TOPIC}?2"]


def test_a_hub_that_hangs_is_not_waited_for_at_the_end_and_told_after_the_next_start(make_world: Callable[..., World]) -> None:
    async def play(world: World, hub: Hub) -> None:
        world.change(TOPIC)
        world.pings.look(world.config)
        await until(lambda: hub.pings)
        async with asyncio.timeout(5):  # a request may take ten
            await world.pings.close()
        world.now += 120
        await world.look()
        assert world.results == {"taken": 1}

    with Hub([None, 202]) as hub:
        asyncio.run(play(make_world(hub.url), hub))


def test_without_hubs_there_is_nothing_to_do(make_world: Callable[..., World]) -> None:
    async def play(world: World) -> None:
        world.counts.pings_waiting = 3  # of a hub that was taken out
        await world.look()
        assert (world.pings._turn, world.counts.pings_waiting) == (None, 0)
        await world.pings.close()

    asyncio.run(play(make_world()))


def test_a_database_that_cannot_be_used_is_said_once(make_world: Callable[..., World], caplog: pytest.LogCaptureFixture) -> None:
    async def play(world: World) -> None:
        path = world.config.state_path
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no database" * 1000)
        for _ in range(3):
            await world.look()
            world.now += 60

    asyncio.run(play(make_world("https://hub.example.org/")))
    (message,) = caplog.messages
    assert message.startswith("the hubs cannot be told of changes now: ")


@pytest.mark.long
@pytest.mark.parametrize(("answers", "results"), [((503, 202), ("failed", "taken")), ((None,), ())])
def test_a_daemon_tells_the_hubs_and_none_keeps_it_from_ending(
    tmp_path: Path, answers: tuple[Reply, ...], results: tuple[str, ...]
) -> None:
    clock = Offset(tmp_path / "clock")
    with Hub(answers) as hub:
        project = make_project(tmp_path, f"feeds: {{hub: ['{hub.url}']}}\n")
        project.post("a.md")
        note(project.config, TOPIC, now=1_780_000_000)
        with running(project.root, clock=clock) as daemon:
            daemon.until(lambda: TOPIC in hub.topics)
            for result in results:
                daemon.until(lambda result=result: daemon.number(f'feedmill_pings_total{{result="{result}"}}'))
                clock.pass_(minutes=2)
            daemon.until_published()
            assert not daemon.lines("ERROR")
