"""Disks and processes that fail around sync, publish and the server: no room for names, read-only, no descriptors, locked, for long.

H4, H6, H7 and H8 (errors and kills at every single call, power loss) are in tests/crash; children that break are in consumer/test_cage.py.
"""

from __future__ import annotations

import gc
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from commandline import feedmill
from faultorigin import FaultOrigin
from feedmill.errors import StorageError
from machine import mounted
from service.daemonrun import FEED, Running, command_of, make_project, running, start, titles
from syncing import Synced, synced
from upstream import items

FEEDS = "feeds:\n  formats: [atom, rss, json]\n"


def everything(root: Path) -> dict[str, bytes]:
    """Posts and feeds, whatever else lies beside them."""
    files = (path for folder in ("posts", "feeds") for path in (root / folder).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def judge(up: Synced, count: int) -> None:
    """So many posts, each once, all in the feed; databases that are sound; nothing left over."""
    assert len(up.files) == len(up.posts) == count
    up.project.publish(now=up.clock.now)
    assert sorted(entry.title for entry in up.project.parsed().entries) == sorted(up.posts)
    assert not list(up.root.rglob("*.tmp"))
    for name in ("state.db", "catalog.db"):
        with closing(sqlite3.connect(up.root / ".feedmill" / name)) as database:
            assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]


# a disk without room for another name


@contextmanager
def without_names(disk: Path, *, left: int) -> Iterator[None]:
    """Leave room for so many more files on a disk."""
    fillers: list[Path] = []
    with suppress(OSError):
        while True:
            filler = disk / f"filler{len(fillers)}"
            filler.touch()
            fillers.append(filler)
    for filler in fillers[:left]:
        filler.unlink()
    try:
        yield
    finally:
        for filler in fillers[left:]:
            filler.unlink()


@pytest.mark.parametrize("left", [1, 5, *(pytest.param(left, marks=pytest.mark.long) for left in (0, 3, 8))])
def test_H2_a_disk_without_inodes_tears_and_loses_nothing(tmp_path: Path, left: int) -> None:
    with mounted(tmp_path / "disk", "size=8m,nr_inodes=90") as disk, FaultOrigin() as origin:
        up = Synced(disk / "site", origin, others=FEEDS)
        up.serve(items(1, 2), items(1, 2, 3, 4, 5))
        up.sync()
        up.project.publish(now=up.clock.now)
        before = everything(up.root)
        with without_names(disk, left=left):
            failures = 0
            try:
                up.again()
            except StorageError as exc:
                failures += 1
                assert exc.exit_status == 3
            after = everything(up.root)
            assert {name: after.get(name) for name in before} == before
            assert len(up.posts) == len(up.files)  # each of them can be read
            try:
                up.project.publish(now=up.clock.now)
            except StorageError as exc:
                failures += 1
                assert exc.exit_status == 3
            assert failures or left > 4, "there was room for everything"
            for name, data in everything(up.root).items():
                assert data.endswith((b"\n", b">", b"}")), name
        up.again()
        judge(up, 5)


# a disk that may not be written


@pytest.mark.parametrize("part", ["posts", *(pytest.param(part, marks=pytest.mark.long) for part in ("", "feeds", ".feedmill"))])
def test_H3_a_read_only_disk_changes_nothing_and_is_made_up_for(tmp_path: Path, part: str) -> None:
    site = tmp_path / "site"
    (site / part).parent.mkdir(parents=True, exist_ok=True)
    with mounted(site / part, "size=8m"), FaultOrigin() as origin:
        up = Synced(site, origin)
        up.serve(items(1, 2), items(1, 2, 3))
        up.sync()
        up.project.publish(now=up.clock.now)
        before = everything(site)
        remount(site / part, "ro")
        try:
            if part == "feeds":
                assert up.again().new == 1
                before = everything(site)
            else:
                with pytest.raises(StorageError, match=r"read-only|Read-only|readonly|unable to open") as caught:
                    up.again()
                assert caught.value.exit_status == 3
            if part != "posts":
                with pytest.raises(StorageError, match=r"read-only|Read-only|readonly|unable to open") as caught:
                    up.project.publish(now=up.clock.now)
                assert caught.value.exit_status == 3
            assert everything(site) == before
        finally:
            remount(site / part, "rw")
        up.clock.pass_(minutes=10)
        up.again()
        judge(up, 3)


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


@pytest.mark.long
def test_H3_serving_goes_on_while_feeds_are_on_a_read_only_disk(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="A")
    with mounted(project.root / "feeds", "size=16m"), running(project.root) as daemon:
        daemon.until(lambda: daemon.get(FEED).status == 200 and titles(daemon) == ["A"])
        before = daemon.get(FEED)
        remount(project.root / "feeds", "ro")
        try:
            project.post("b.md", title="B", date="2026-01-01")
            daemon.until(lambda: daemon.lines("ERROR not published:", "make the file system writable"))
            assert daemon.get(FEED).body == before.body
            assert daemon.get("/").status == daemon.get("/posts/a/").status == 200
        finally:
            remount(project.root / "feeds", "rw")
        daemon.until(lambda: titles(daemon) == ["A", "B"])


# no descriptor left

LIMITED = (
    "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0})); runpy.run_module('feedmill', run_name='__main__')"
)
DESCRIPTORS = 40
CLIENTS = 100


def test_H5_a_server_with_more_clients_than_descriptors_does_not_spin_and_recovers(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="A")
    feedmill(project.root, "publish")
    command = command_of(project.root, "serve", "--port", "0")
    limited = [*command[:2], "-c", LIMITED.format(DESCRIPTORS), *command[4:]]
    server = start(limited, tmp_path / "log")
    try:
        server.until_ready()
        port = int(server.url.rstrip("/").rpartition(":")[2])
        herd: list[socket.socket] = []
        for _ in range(CLIENTS):
            with suppress(OSError):
                herd.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        time.sleep(0.2)
        before = worked(server)
        time.sleep(1)
        assert worked(server) - before < 0.5
        for client in herd:
            client.close()
        server.until(lambda: has_answered(server))
        assert titles(server) == ["A"]
        assert len(server.log.splitlines()) < 15
        assert server.end() == 0
    finally:
        server.kill()


def has_answered(server: Running) -> bool:
    with suppress(OSError):
        return server.get(FEED).status == 200
    return False


def worked(server: Running) -> float:
    """The processor time of a process, in seconds."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
@pytest.mark.parametrize("descriptors", [8, 12, 13, 15, 16, 17, 20])
def test_H5_commands_without_descriptors_fail_or_are_done_and_lose_nothing(tmp_path: Path, descriptors: int) -> None:
    with FaultOrigin() as origin:
        up = Synced(tmp_path / "site", origin)
        up.serve(items(1, 2, 3))
        (up.root / "posts").mkdir(parents=True)
        (up.root / "config.yaml").write_text(up.project.base + up.config_text)
        for command in ("sync", "publish"):
            limited = [sys.executable, "-P", "-c", LIMITED.format(descriptors), "--config", str(up.root / "config.yaml"), command]
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            done = subprocess.run(limited, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode in (0, 1, 3), done
            # With eight, the interpreter itself cannot load the program.
            assert "Traceback" not in done.stderr or descriptors == 8, done
        up.clock.pass_(days=400)
        up.again()
        judge(up, 3)


# a database that others hold


@contextmanager
def held(database: Path, statement: str) -> Iterator[sqlite3.Connection]:
    """Another process's transaction."""
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute(statement)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


@pytest.mark.parametrize("name", ["state.db", pytest.param("catalog.db", marks=pytest.mark.long)])
def test_H11_a_database_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path, name: str) -> None:
    with synced(tmp_path) as up:
        up.serve(items(1, 2), items(1, 2, 3))
        up.sync()
        up.project.publish(now=up.clock.now)
        with held(tmp_path / ".feedmill" / name, "BEGIN IMMEDIATE") as holder:
            release = threading.Timer(0.6, holder.rollback)
            release.start()
            assert up.again().new == 1
            up.project.publish(now=up.clock.now)
            release.join()
        judge(up, 3)


@pytest.mark.parametrize("name", ["state.db", pytest.param("catalog.db", marks=pytest.mark.long)])
def test_H11_a_long_reader_keeps_nobody_from_writing_and_sees_one_state(tmp_path: Path, name: str) -> None:
    table = {"state.db": "articles", "catalog.db": "posts"}[name]
    with synced(tmp_path) as up:
        up.serve(items(1, 2), *(items(*range(1, 3 + turn)) for turn in range(1, 5)))
        up.sync()
        up.project.publish(now=up.clock.now)
        with held(tmp_path / ".feedmill" / name, "BEGIN") as reader:
            for _ in range(4):
                assert up.again().new == 1
                up.project.publish(now=up.clock.now)
            assert reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (2,)
        up.again()
        judge(up, 6)


@pytest.mark.long
@pytest.mark.parametrize("name", ["state.db", "catalog.db"])
def test_H11_a_database_that_is_locked_for_longer_is_an_error_and_the_next_run_makes_up_for_it(tmp_path: Path, name: str) -> None:
    """Who waits ten seconds in vain leaves things as they were."""
    with synced(tmp_path) as up:
        up.serve(items(1, 2), items(1, 2, 3))
        up.sync()
        up.project.publish(now=up.clock.now)
        before = everything(tmp_path)
        with held(tmp_path / ".feedmill" / name, "BEGIN IMMEDIATE"):
            began = time.monotonic()
            with pytest.raises(StorageError, match=rf"{name}.*locked") as caught:
                if name == "state.db":
                    up.again()
                up.project.publish(now=up.clock.now, is_full=True)
            assert time.monotonic() - began > 5
            assert caught.value.exit_status == 3
        after = everything(tmp_path)
        assert {path: data for path, data in after.items() if path in before} == before
        assert not list((tmp_path / ".feedmill").glob("*.unreadable-*"))
        up.again()
        judge(up, 3)


# for long


@pytest.mark.long
def test_H17_hundreds_of_runs_in_one_process_keep_memory_descriptors_and_databases_flat(tmp_path: Path) -> None:
    runs = 240
    sizes: list[tuple[int, int, int, int]] = []
    with synced(tmp_path) as up:
        up.serve(*(items(*range(1 + turn // 20, 12 + turn // 20)) for turn in range(runs + 1)))
        for turn in range(runs):
            up.again()
            up.project.publish(now=up.clock.now)
            if turn % 30 == 29:
                gc.collect()
                databases = sum(path.stat().st_size for path in (tmp_path / ".feedmill").iterdir())
                sizes.append((resident(), len(os.listdir("/proc/self/fd")), databases, threading.active_count()))
        judge(up, 11 + (runs - 1) // 20)
    memory, descriptors, stored, _ = zip(*sizes, strict=True)
    first, last = 2, len(sizes) - 1
    assert max(descriptors) - min(descriptors) <= 2, descriptors
    assert memory[last] - memory[first] < 6 * 2**20, memory
    assert stored[last] < stored[first] * 2, stored


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
