"""The daemon's syncing: what it claims and when, rounds beside each other, a failing disk, other configurations, its lock, its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Received, Reply
from feedmill.errors import StorageError
from feedmill.posts.record import to_epoch
from feedmill.service.syncing import Syncing
from feedmill.state.lock import writing
from machine import mounted
from service.syncworld import World, opened, until
from upstream import items, rss, rss_item

#: What closing may take, in seconds: 0.1 on a free machine, and never as long as what it would wait for.
PROMPT = 8.0
YEAR = timedelta(days=365)
#: An answer for which no document has to be read, where that does not matter.
FAULT = Reply(status=404)


@dataclass
class Held:
    """An answer that is held back until it is let go."""

    reply: Reply
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, got: Received) -> Reply:
        self.gate.wait(60)
        return self.reply

    def let_go(self) -> None:
        self.gate.set()


@dataclass
class Up:
    """A world and its origin."""

    world: World
    origin: FaultOrigin
    held: list[Held] = field(default_factory=list)

    def add(self, name: str, reply: Reply | bytes | int | Held, keys: str = "") -> None:
        """Another source; `keys`: more of its YAML, such as "every: 30m"."""
        self.serve(name, reply)
        self.world.sources[name] = f"url: '{self.origin.url(f'/{name}')}'" + (f", {keys}" if keys else "")

    def serve(self, name: str, reply: Reply | bytes | int | Held) -> None:
        self.origin.add(f"/{name}", Reply(body=reply) if isinstance(reply, bytes) else reply)

    def hang(self, reply: Reply | bytes) -> Held:
        """An answer that nobody gets before it is let go."""
        self.held.append(Held(Reply(body=reply) if isinstance(reply, bytes) else reply))
        return self.held[-1]

    def hits(self, name: str) -> int:
        return len(self.origin.requests(f"/{name}"))


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with FaultOrigin() as origin:
        up = Up(World(tmp_path / "site"), origin)
        yield up
        for held in up.held:
            held.let_go()


@asynccontextmanager
async def synced(up: Up) -> AsyncIterator[Syncing]:
    """Syncing that has fetched everything once."""
    async with opened(up.world) as syncing:
        assert await up.world.look(syncing) == len(up.world.sources)
        yield syncing


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def lock_is_free(path: Path) -> bool:
    try:
        with writing(path, patience=0):
            return True
    except StorageError:
        return False


# What is due


def test_a_source_is_fetched_at_its_next_fetch_and_not_as_early_as_a_cron_job_may(up: Up) -> None:
    up.add("a", FAULT, "every: 1h")

    async def main() -> None:
        async with synced(up) as syncing:
            state = up.world.last("a")
            assert state.due is not None and state.next_fetch is not None
            assert state.due < up.world.clock.now.timestamp() + 7200 < state.next_fetch
            for early in (state.next_fetch - state.due, 1):
                up.world.to_next("a", early=early)
                assert await up.world.look(syncing) == 0
            up.world.to_next("a")
            assert syncing.due(up.world.clock.now) == (1, 0)
            assert await up.world.look(syncing) == 1
            assert up.hits("a") == 2
            assert syncing.due(up.world.clock.now) == (0, 0)

    asyncio.run(main())


def test_what_was_never_fetched_is_due_at_once_and_what_is_disabled_never(up: Up) -> None:
    up.add("new", FAULT)
    up.add("off", FAULT, "enabled: false")

    async def main() -> None:
        async with opened(up.world) as syncing:
            assert await up.world.look(syncing) == 1
            up.world.clock.pass_(days=400)
            await up.world.look(syncing)
        assert (up.hits("new"), up.hits("off")) == (2, 0)

    asyncio.run(main())


def test_a_source_that_is_gone_is_never_asked_again_not_by_the_next_daemon_either(up: Up) -> None:
    up.add("a", 410)

    async def main() -> None:
        for _ in range(2):
            async with opened(up.world) as syncing:
                await up.world.look(syncing)
                for days in (1, 400, 20 * 365):
                    up.world.clock.pass_(days=days)
                    assert await up.world.look(syncing) == 0
        assert up.hits("a") == 1

    asyncio.run(main())


def test_a_source_in_flight_is_not_claimed_again_and_counted_once_an_interval(up: Up, caplog: pytest.LogCaptureFixture) -> None:
    held = up.hang(FAULT)
    up.add("a", held, "every: 10m")

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 1
            await until(lambda: up.hits("a"))
            counted = []
            for _ in range(25):
                assert await syncing.tick() == 0
                counted.append(syncing.overlaps)
                assert syncing.due(up.world.clock.now)[1] == 0
                up.world.clock.pass_(minutes=1)
            assert counted == [0] * 10 + [1] * 10 + [2] * 5
            held.let_go()
            await syncing.quiet()
            assert await up.world.look(syncing) == 0
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
        assert up.hits("a") == 2
        assert sum("is due again while it is still being fetched" in said for said in caplog.messages) == 2

    asyncio.run(main())


def test_a_hanging_source_keeps_waiting_neither_those_of_its_round_nor_those_that_come_due_later(up: Up) -> None:
    up.add("slow", up.hang(items(1)))
    up.add("mate", items(2), "every: 1h")

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 2
            await until(lambda: up.world.results("mate"))
            assert syncing.due(up.world.clock.now) == (1, 0)
            for fetched in (2, 3):
                up.world.to_next("mate")
                assert await syncing.tick() == 1
                await until(lambda fetched=fetched: len(up.world.results("mate")) == fetched)
            assert up.world.results("slow") == []
            assert up.world.titles == ["Title 2"]

    asyncio.run(main())


def test_the_clock_goes_forward_a_year_and_everything_is_fetched_once(up: Up) -> None:
    for name in ("a", "b"):
        up.add(name, FAULT)

    async def main() -> None:
        async with synced(up) as syncing:
            up.world.clock.now += YEAR
            assert await up.world.look(syncing) == 2
            assert await up.world.look(syncing) == 0

    asyncio.run(main())


def test_the_clock_goes_back_a_year_and_nothing_waits_for_that_year_to_pass(up: Up) -> None:
    held = up.hang(FAULT)
    up.add("a", FAULT)
    up.add("flying", held)

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 2
            await until(lambda: up.world.results("a") and up.hits("flying"))
            up.world.clock.now -= YEAR
            assert await syncing.tick() == 1
            await until(lambda: len(up.world.results("a")) == 2)
            assert await syncing.tick() == 0
            held.let_go()
            await syncing.quiet()
            for name, hours in (("a", 4), ("flying", 2)):  # after two failures and after one
                wait = (up.world.last(name).next_fetch or 0) - to_epoch(up.world.clock.now)
                assert 3600 * hours <= wait < 3600 * hours * 1.2
            assert await up.world.look(syncing) == 0

    asyncio.run(main())


def test_a_clock_that_goes_back_some_minutes_makes_nothing_due(up: Up) -> None:
    up.add("a", FAULT)

    async def main() -> None:
        async with synced(up) as syncing:
            up.world.clock.pass_(minutes=-20)
            assert await up.world.look(syncing) == 0
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1

    asyncio.run(main())


def test_a_clock_that_went_back_while_no_daemon_ran_keeps_nothing_waiting(up: Up) -> None:
    up.add("a", FAULT)

    async def main() -> None:
        async with synced(up):
            pass
        up.world.clock.now -= YEAR
        async with opened(up.world) as syncing:
            assert await up.world.look(syncing) == 1

    asyncio.run(main())


# A failing disk


def test_a_ledger_that_is_removed_while_open_is_made_anew_and_nothing_is_doubled(up: Up, caplog: pytest.LogCaptureFixture) -> None:
    up.add("a", items(1, 2))
    state = up.world.config.state_path

    async def main() -> None:
        async with synced(up) as syncing:
            before = up.world.files
            up.serve("a", items(1, 2, 3))
            up.world.to_next("a")
            for file in state.parent.glob("state.db*"):
                file.unlink()
            assert await up.world.look(syncing) == 1
            assert "was removed or replaced" in syncing.trouble
            up.world.clock.pass_(seconds=4)
            assert await up.world.look(syncing) == 0
            up.world.clock.pass_(seconds=1)
            assert await up.world.look(syncing) == 1
            assert syncing.trouble == ""
            assert before.items() <= up.world.files.items()
            assert up.world.titles == ["Title 1", "Title 2", "Title 3"]
        assert sum("stands still" in said for said in caplog.messages) == 1

    asyncio.run(main())


def test_a_failing_disk_is_tried_after_5_s_then_after_ever_longer_pauses_and_said_once(up: Up, caplog: pytest.LogCaptureFixture) -> None:
    up.add("a", items(1, 2, 3))
    posts, lock = up.world.root / "posts", up.world.config.lock_path

    async def main() -> None:
        async with synced(up) as syncing:
            posts.rename(up.world.root / "unmounted")
            posts.mkdir()
            syncing.posts_changed()
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            for pause in (5, 10, 20, 40, 80, 160, 300, 300):
                lock.unlink()  # every attempt makes it anew
                up.world.clock.pass_(seconds=pause - 1)
                assert await up.world.look(syncing) == 0
                assert not lock.exists(), f"tried before {pause} s had passed"
                up.world.clock.pass_(seconds=1)
                assert await up.world.look(syncing) == 0
                assert lock.exists(), f"not tried after {pause} s"
                assert "Is the disk mounted" in syncing.trouble
            posts.rmdir()
            (up.world.root / "unmounted").rename(posts)
            up.world.clock.pass_(minutes=5)
            assert await up.world.look(syncing) == 1
            assert syncing.trouble == ""
        assert (up.hits("a"), len(up.world.files)) == (2, 3)
        assert sum("stands still" in said for said in caplog.messages) == 1

    asyncio.run(main())


def test_trouble_is_over_when_syncing_goes_on_though_nothing_is_due(up: Up) -> None:
    up.add("a", FAULT, "every: 24h")

    async def main() -> None:
        async with synced(up):
            pass
        state = up.world.config.state_path
        state.rename(state.with_name("kept"))
        state.mkdir()
        async with opened(up.world) as syncing:
            assert await up.world.look(syncing) == 0
            assert syncing.trouble
            state.rmdir()
            state.with_name("kept").rename(state)
            up.world.clock.pass_(seconds=5)
            assert await up.world.look(syncing) == 0
            assert syncing.trouble == ""

    asyncio.run(main())


def test_rounds_that_fail_together_are_one_failure(up: Up) -> None:
    gates = [up.hang(items(1)), up.hang(items(2))]
    up.add("a", gates[0])
    up.add("b", gates[1])
    b = up.world.sources.pop("b")

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 1
            up.world.sources["b"] = b
            syncing.adopt(up.world.config)
            assert await syncing.tick() == 1
            await until(lambda: up.hits("a") and up.hits("b"))
            for file in up.world.config.state_path.parent.glob("state.db*"):
                file.unlink()
            for held in gates:
                held.let_go()
            await syncing.quiet()
            assert syncing.trouble
            up.world.clock.pass_(seconds=5)
            assert await up.world.look(syncing) == 2
            assert (syncing.trouble, up.world.titles) == ("", ["Title 1", "Title 2"])

    asyncio.run(main())


@pytest.mark.long
def test_H1_a_full_disk_stands_still_and_goes_on_once_there_is_space(up: Up, caplog: pytest.LogCaptureFixture) -> None:
    up.add("a", items(1))
    up.world.root.mkdir()
    up.world.settings = "  state: small/state.db\n"

    async def main(small: Path) -> None:
        async with synced(up) as syncing:
            many = items(*range(1, 200))
            up.serve("a", many)
            up.world.to_next("a")
            with contextlib.suppress(OSError), open(small / "filler", "wb") as filler:
                while True:
                    filler.write(b"x" * 4096)
                    filler.flush()
            assert await up.world.look(syncing) == 1
            assert "state.db" in syncing.trouble
            up.world.clock.pass_(seconds=5)
            await up.world.look(syncing)
            assert syncing.trouble
            (small / "filler").unlink()
            up.world.clock.pass_(minutes=5)
            assert await up.world.look(syncing) == 1
            assert (syncing.trouble, up.world.temporary) == ("", [])
            assert up.world.titles == sorted(f"Title {number}" for number in range(1, 200))

    with mounted(up.world.root / "small", "size=400k") as small:
        with caplog.at_level(logging.CRITICAL, logger="feedmill"):  # a record keeps the error, see test_a_ledger_that_failed_is_let_go_of
            asyncio.run(main(small))
        gc.collect()


def test_what_is_kept_no_more_and_cannot_be_removed_holds_nobody_up(up: Up, caplog: pytest.LogCaptureFixture) -> None:
    answered = Reply(body=items(1, 2, 3), headers={"ETag": '"1"'})
    up.add("a", 404, "every: 5m, categories: [mounted]")
    up.origin.add("/a", lambda got: Reply(status=304) if got.header("if-none-match") else answered)
    (up.world.root / "posts").mkdir(parents=True)

    async def main(folder: Path) -> None:
        async with synced(up) as syncing:
            assert len(up.world.files) == 3
            up.world.sources["a"] += ", keep: 1"
            syncing.adopt(up.world.config)
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            assert "old posts could not be removed" in caplog.text
            assert (syncing.trouble, len(up.world.files)) == ("", 3)
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            assert len(up.world.files) == 1

    with mounted(up.world.root / "posts" / "mounted", "size=400k") as folder:
        asyncio.run(main(folder))


def test_H12_a_ledger_that_is_overwritten_while_open_is_moved_aside_and_made_anew_from_the_posts(up: Up) -> None:
    up.add("a", items(1, 2))
    state = up.world.config.state_path

    async def main() -> None:
        async with synced(up) as syncing:
            before = up.world.files
            overwrite(state)
            up.serve("a", items(1, 2, 3))
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            assert "damaged" in syncing.trouble
            up.world.clock.pass_(seconds=5)
            assert await up.world.look(syncing) == 1
            assert syncing.trouble == ""
            assert before.items() <= up.world.files.items()
            assert up.world.titles == ["Title 1", "Title 2", "Title 3"]
            assert [path.name for path in state.parent.glob("*.unreadable-1")] == ["state.db.unreadable-1"]

    asyncio.run(main())


def test_a_ledger_that_failed_is_let_go_of(up: Up) -> None:
    up.add("a", items(1, 2))

    async def main() -> None:
        async with synced(up) as syncing:
            overwrite(up.world.config.state_path)
            up.serve("a", items(3))
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            up.world.clock.pass_(seconds=5)
            assert await up.world.look(syncing) == 1
            assert [path for path in open_files() if "unreadable" in path] == []

    gc.collect()
    gc.disable()  # it would find them, sooner or later
    try:
        asyncio.run(main())
    finally:
        gc.enable()


def open_files() -> list[str]:
    """The files that this process has open."""
    folder, found = Path("/proc/self/fd"), []
    if not folder.exists():
        pytest.skip("what is open is seen in /proc")
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            found.append(os.readlink(folder / name))
    return found


def overwrite(state: Path) -> None:
    """Write over what the tables hold, from another process's place: whoever has the file open reads it anew."""
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.execute("SELECT * FROM memory").fetchall()
        page = other.execute("SELECT rootpage FROM sqlite_master WHERE name='articles'").fetchone()[0]
        with open(state, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        other.execute("INSERT INTO memory VALUES ('other', 'process', 'was here')")


def test_a_setting_that_no_request_can_be_made_with_is_said_and_mended_by_the_next_configuration(
    up: Up, caplog: pytest.LogCaptureFixture
) -> None:
    up.add("a", items(1))
    up.world.settings = "  proxy: http://proxy.example.org:0/\n"

    async def main() -> None:
        async with opened(up.world) as syncing:
            for _ in range(4):
                await up.world.look(syncing)
                up.world.clock.pass_(minutes=5)
            assert syncing.trouble.startswith("sync.proxy: ")
            await up.world.look(syncing)
            up.world.settings = ""
            syncing.adopt(up.world.config)
            assert await up.world.look(syncing) == 1
            assert (syncing.trouble, up.world.results("a")) == ("", ["ok"])
        assert [record.exc_info for record in caplog.records if record.exc_info] == []

    asyncio.run(main())


def test_an_entry_that_could_not_be_written_is_asked_for_again_by_the_same_daemon(up: Up) -> None:
    validated = Reply(body=items(1), headers={"ETag": '"1"'})
    up.add("a", 404, "every: 5m, categories: [linked]")
    up.origin.add("/a", lambda got: Reply(status=304) if got.header("if-none-match") else validated)
    (up.world.root / "outside").mkdir(parents=True)
    (up.world.root / "posts").mkdir()
    link = up.world.root / "posts" / "linked"
    link.symlink_to(up.world.root / "outside")

    async def main() -> None:
        async with synced(up) as syncing:
            assert up.world.heard[-1].report.skipped == 1
            link.unlink()
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
        assert up.world.titles == ["Title 1"]

    asyncio.run(main())


# Other configurations


def test_sources_come_go_and_change_at_once_and_what_is_in_flight_is_not_dropped(up: Up) -> None:
    held = up.hang(items(1))
    up.add("flying", held)
    up.add("goes", items(2))
    up.add("moves", items(3))
    up.add("rests", items(4))

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 4
            await until(lambda: len(up.world.heard) == 3)
            del up.world.sources["goes"]
            up.add("comes", items(5))
            up.serve("elsewhere", items(6))
            up.world.sources["moves"] = f"url: '{up.origin.url('/elsewhere')}'"
            up.world.sources["rests"] += ", enabled: false"
            syncing.adopt(up.world.config)
            assert await syncing.tick() == 2
            await until(lambda: len(up.world.heard) == 5)
            assert syncing.due(up.world.clock.now) == (1, 0)
            held.let_go()
            await syncing.quiet()
            assert up.world.titles == [f"Title {number}" for number in range(1, 7)]
            up.world.clock.pass_(hours=2)
            assert await up.world.look(syncing) == 3
        asked = {name: up.hits(name) for name in ("flying", "goes", "moves", "rests", "comes", "elsewhere")}
        assert asked == {"flying": 2, "goes": 1, "moves": 1, "rests": 1, "comes": 2, "elsewhere": 2}

    asyncio.run(main())


def test_a_source_that_is_removed_and_comes_back_begins_anew_and_doubles_nothing(up: Up) -> None:
    up.add("a", Reply(body=items(1, 2), headers={"ETag": '"1"'}))
    up.add("b", items(3))

    async def main() -> None:
        async with synced(up) as syncing:
            (kept := up.world.sources).pop("a")
            mine = f"url: '{up.origin.url('/a')}'"
            syncing.adopt(up.world.config)
            assert await up.world.look(syncing) == 0
            kept["a"] = mine
            syncing.adopt(up.world.config)
            assert await up.world.look(syncing) == 1  # not at its next fetch of before
            assert up.origin.requests("/a")[-1].header("if-none-match") == ""
            assert up.world.titles == ["Title 1", "Title 2", "Title 3"]

    asyncio.run(main())


def test_what_no_daemon_saw_leave_begins_anew_too(up: Up) -> None:
    up.add("a", Reply(body=items(1), headers={"ETag": '"1"'}))

    async def run(expected: int) -> None:
        async with opened(up.world) as syncing:
            assert await up.world.look(syncing) == expected

    asyncio.run(run(1))
    assert up.world.states["a"].etag
    mine = up.world.sources.pop("a")
    up.add("b", items(2))
    asyncio.run(run(1))
    up.world.sources["a"] = mine
    asyncio.run(run(1))
    assert up.origin.requests("/a")[-1].header("if-none-match") == ""


@pytest.mark.parametrize("old", [Reply(body=items(1)), Reply(status=410)], ids=["ok", "gone"])
def test_a_source_whose_address_changes_while_it_is_fetched_is_fetched_at_the_new_one_next(up: Up, old: Reply) -> None:
    held = up.hang(old)
    up.add("a", held)

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 1
            await until(lambda: up.hits("a"))
            up.serve("new", items(2))
            up.world.sources["a"] = f"url: '{up.origin.url('/new')}'"
            syncing.adopt(up.world.config)
            assert await syncing.tick() == 0
            held.let_go()
            await syncing.quiet()
            assert await up.world.look(syncing) == 1
            assert (up.hits("a"), up.hits("new")) == (1, 1)
            assert syncing.overlaps == 0

    asyncio.run(main())


def test_a_source_that_is_disabled_and_enabled_while_it_is_fetched_is_no_overlap(up: Up) -> None:
    held = up.hang(FAULT)
    up.add("a", held)

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 1
            enabled = up.world.sources["a"]
            for keys in (f"{enabled}, enabled: false", enabled):
                up.world.sources["a"] = keys
                syncing.adopt(up.world.config)
                assert await syncing.tick() == 0
            held.let_go()
            await syncing.quiet()
            assert (syncing.overlaps, await up.world.look(syncing)) == (0, 0)
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1

    asyncio.run(main())


def test_another_setting_of_sync_holds_once_the_rounds_under_way_have_ended(up: Up) -> None:
    large, held = items(*range(1, 30)), up.hang(items(1))
    up.add("flying", held)
    up.add("large", large)
    up.world.settings = f"  max_bytes: {len(large) - 1}\n"
    up.world.around = {"limits": None}

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 2
            await until(lambda: up.world.results("large") == ["failed"])
            up.world.settings = "  max_bytes: 1MB\n"
            syncing.adopt(up.world.config)
            up.world.clock.pass_(days=2)
            for _ in range(3):
                assert await syncing.tick() == 0
            held.let_go()
            await syncing.quiet()
            assert up.world.results("flying") == ["ok"]
            assert await up.world.look(syncing) >= 1
            assert up.world.results("large") == ["failed", "ok"]

    asyncio.run(main())


def test_another_state_takes_its_lock_at_once_and_keeps_the_old_one_until_that_is_closed(up: Up) -> None:
    held = up.hang(items(1))
    up.add("a", held)

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 1
            old = up.world.config.sync_lock_path
            up.world.settings = "  state: other/state.db\n"
            new = up.world.config.sync_lock_path
            syncing.adopt(up.world.config)
            assert await syncing.tick() == 0
            assert (lock_is_free(old), lock_is_free(new)) == (False, False)
            held.let_go()
            await syncing.quiet()
            assert await up.world.look(syncing) == 1
            assert (lock_is_free(old), lock_is_free(new)) == (True, False)
            assert up.world.titles == ["Title 1"]
        assert lock_is_free(new)

    asyncio.run(main())


def test_a_configuration_that_goes_to_another_state_and_back_while_sources_are_fetched_changes_nothing(up: Up) -> None:
    held = up.hang(FAULT)
    up.add("a", held)

    async def main() -> None:
        async with opened(up.world) as syncing:
            await syncing.tick()
            await syncing.quiet()
            assert await syncing.tick() == 1
            for state in ("other/state.db", ".feedmill/state.db"):
                up.world.settings = f"  state: {state}\n"
                syncing.adopt(up.world.config)
                assert await syncing.tick() == 0
            held.let_go()
            await syncing.quiet()
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            assert not lock_is_free(up.world.config.sync_lock_path)

    asyncio.run(main())


def test_a_state_that_somebody_else_works_with_is_refused_and_the_old_one_goes_on(up: Up) -> None:
    up.add("a", FAULT)

    async def main() -> None:
        async with synced(up) as syncing:
            up.world.settings = "  state: other/state.db\n"
            with writing(up.world.config.sync_lock_path), pytest.raises(StorageError, match=f"pid {os.getpid()}"):
                syncing.adopt(up.world.config)
            up.world.settings = ""
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            assert not lock_is_free(up.world.config.sync_lock_path)
            assert not (up.world.root / "other" / "state.db").exists()

    asyncio.run(main())


# The lock


def test_H10_a_second_daemon_refuses_and_names_the_first(up: Up) -> None:
    up.add("a", FAULT)

    async def main() -> None:
        async with synced(up):
            with pytest.raises(StorageError, match=f"held by another feedmill process \\(pid {os.getpid()}\\)"):
                up.world.syncing().start()
            assert not lock_is_free(up.world.config.sync_lock_path)
        async with opened(up.world):
            pass

    asyncio.run(main())


def test_H10_feedmill_sync_beside_the_daemon_exits_3_and_names_it(up: Up) -> None:
    up.add("a", FAULT)

    async def main() -> None:
        async with synced(up):
            project = up.world.project
            (up.world.root / "config.yaml").write_text(project.base + project.extra)
            command = [sys.executable, "-m", "feedmill", "--config", str(up.world.root / "config.yaml"), "sync", "--force"]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, up.hits("a")) == (3, 1), done.stderr
            assert f"pid {os.getpid()}" in done.stderr

    asyncio.run(main())


# The end


def test_H9_closing_ends_fetches_that_hang(up: Up) -> None:
    for number in range(20):
        up.add(f"s{number}", up.hang(items(number)))
    up.add("fast", items(99))

    async def main() -> None:
        syncing = up.world.syncing()
        syncing.start()
        await syncing.tick()
        await syncing.quiet()
        assert await syncing.tick() == 21
        await until(lambda: up.world.results("fast") == ["ok"])
        with within(PROMPT):
            await syncing.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (up.world.titles, up.world.temporary) == (["Title 99"], [])
        assert lock_is_free(up.world.config.sync_lock_path)
        states = up.world.states
        assert [name for name, state in states.items() if state.last_fetch] == ["fast"]

    asyncio.run(main())


@pytest.mark.long
def test_H9_closing_while_posts_are_written_leaves_them_whole_and_the_next_daemon_doubles_nothing(up: Up) -> None:
    for number in range(6):
        up.add(f"s{number}", items(*range(number * 100, number * 100 + 60)))
    posts = up.world.root / "posts"

    async def interrupted(files: int) -> None:
        syncing = up.world.syncing()
        syncing.start()
        await syncing.tick()
        await syncing.quiet()
        await syncing.tick()
        await until(lambda: sum(1 for _ in posts.rglob("*.md")) + sum(1 for _ in posts.rglob("*.tmp")) >= files)
        with within(PROMPT):
            await syncing.close()
        assert up.world.temporary == []
        assert len(up.world.titles) == len(set(up.world.titles))
        assert lock_is_free(up.world.config.sync_lock_path)

    async def main() -> None:
        async with opened(up.world) as syncing:
            await up.world.look(syncing)
        assert up.world.titles == sorted(f"Title {n * 100 + m}" for n in range(6) for m in range(60))

    for files in (1, 61, 200):
        asyncio.run(interrupted(files))
    asyncio.run(main())


@pytest.mark.parametrize("moment", ["opening", "storing"])
def test_H9_closing_waits_for_no_publish_that_has_the_lock(up: Up, moment: str) -> None:
    up.add("a", items(1))

    async def main() -> None:
        syncing = up.world.syncing()
        syncing.start()
        with contextlib.ExitStack() as publish:
            if moment == "opening":
                publish.enter_context(writing(up.world.config.lock_path))
            await syncing.tick()
            if moment == "storing":
                await syncing.quiet()
                publish.enter_context(writing(up.world.config.lock_path))
                assert await syncing.tick() == 1
                await until(lambda: up.hits("a"))
            await asyncio.sleep(0.2)
            with within(PROMPT):
                await syncing.close()
        assert (up.world.titles, up.world.temporary) == ([], [])
        async with opened(up.world) as syncing:
            assert await up.world.look(syncing) == 1
        assert up.world.titles == ["Title 1"]

    asyncio.run(main())


def test_H9_closing_waits_for_no_child_that_takes_long_to_start(up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text("import time; time.sleep(30)")
    monkeypatch.syspath_prepend(tmp_path / "slow")  # the children's way to modules is this process's
    up.add("a", up.hang(items(1)))

    async def main() -> None:
        syncing = up.world.syncing()
        syncing.start()
        await syncing.tick()
        await syncing.quiet()
        assert await syncing.tick() == 1
        await until(lambda: up.hits("a"))
        with within(PROMPT):
            await syncing.close()

    asyncio.run(main())


def test_closing_while_a_session_is_closed_gives_the_lock_back_only_then(up: Up) -> None:
    up.add("a", FAULT)

    async def main() -> None:
        async with synced(up) as syncing:
            up.world.settings = "  max_bytes: 1MB\n"
            syncing.adopt(up.world.config)
            closing = asyncio.create_task(syncing.tick())
            await asyncio.sleep(0)
            closing.cancel()  # as a scheduler that is shut down does
            await syncing.close()
            assert closing.done()
            assert lock_is_free(up.world.config.sync_lock_path)

    asyncio.run(main())


# What people do to the posts


def test_a_post_that_a_person_deletes_between_two_rounds_stays_deleted(up: Up) -> None:
    up.add("a", items(1, 2, 3))

    async def main() -> None:
        async with synced(up) as syncing:
            gone = next(path for path in up.world.files if "Title-2" in path)
            (up.world.root / "posts" / gone).unlink()
            syncing.posts_changed()
            up.serve("a", rss(rss_item(2, title="Renamed"), rss_item(1), rss_item(3)))
            up.world.to_next("a")
            assert await up.world.look(syncing) == 1
            assert up.world.titles == ["Title 1", "Title 3"]
            assert (up.world.root / "posts" / ".feedmill-deleted").read_text() == "urn:item:2\n"

    asyncio.run(main())


def test_a_deletion_that_nobody_told_of_is_seen_after_ten_minutes(up: Up) -> None:
    up.add("a", items(1, 2, 3))

    async def main() -> None:
        async with synced(up) as syncing:
            (up.world.root / "posts" / next(iter(up.world.files))).unlink()
            up.world.to_next("a")  # an hour
            assert await up.world.look(syncing) == 1
            assert (up.world.root / "posts" / ".feedmill-deleted").exists()

    asyncio.run(main())


def test_what_a_person_does_while_the_ledger_is_opened_is_seen_before_the_first_round(up: Up) -> None:
    up.add("a", items(1, 2, 3), "every: 5m")

    async def main() -> None:
        async with synced(up):
            pass
        up.world.to_next("a")
        async with opened(up.world) as syncing:
            await syncing.tick()
            await asyncio.sleep(0)
            syncing.posts_changed()
            await syncing.quiet()
            (up.world.root / "posts" / next(iter(up.world.files))).unlink()
            assert await up.world.look(syncing) == 1
            assert (up.world.root / "posts" / ".feedmill-deleted").exists()

    asyncio.run(main())
