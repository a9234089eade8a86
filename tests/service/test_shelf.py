"""The folder of feeds as versions: each read once, never half, never from elsewhere, and never an old one."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from feedmill.durable import TEMP_PREFIX, TEMP_SUFFIX, replace
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS, policy
from feedmill.service.conditional import GZIP, IDENTITY
from feedmill.service.content import OutdatedError, digest_of
from feedmill.service.guardedfile import Seen, Stamp, read_guarded
from feedmill.service.representation import Representation
from feedmill.service.shelf import Shelf
from machine import without_root_rights

BODY = b"<feed>" + "正文 ".encode() * 300 + b"</feed>\n"
OTHER = BODY.replace(b"feed", b"FEED")


class Pool(ThreadPoolExecutor):
    """Threads that count what they are given to do."""

    def __init__(self) -> None:
        super().__init__(2)
        self.jobs = 0

    def submit(self, *args: Any, **over: Any) -> Future[Any]:
        self.jobs += 1
        return super().submit(*args, **over)


class Clock:
    """A monotonic clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Reading:
    """Reads files as ever, and lets something happen to what the first readings have found."""

    def __init__(self, *happenings: Callable[[Seen], Seen]) -> None:
        self._happenings = list(happenings)
        #: Of each reading, the stamp that was known before.
        self.known: list[Stamp | None] = []

    def __call__(self, root: bytes, file: str, *, biggest: int, known: Stamp | None = None) -> Seen | None:
        self.known.append(known)
        seen = read_guarded(root, file, biggest=biggest, known=known)
        return self._happenings.pop(0)(seen) if self._happenings and seen is not None else seen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "feeds"
    (folder / "科技/开源").mkdir(parents=True)
    for file in ("atom.xml", "科技/atom.xml", "科技/开源/atom.xml"):
        (folder / file).write_bytes(BODY)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/atom.xml").write_bytes(b"secret")
    make_old(folder)
    return folder


def make_old(folder: Path) -> None:
    """Wait until no file of the folder has changed within a tick of the clock."""
    newest = max(os.stat(path).st_ctime_ns for path in [folder, *folder.rglob("*")])
    while time.time_ns() - newest < 25_000_000:
        time.sleep(0.002)


def on_shelf(root: Path, use: Callable[[Shelf], Awaitable[Any]], **over: Any) -> Any:
    """Return what `use` makes of a shelf of this folder."""

    async def run() -> Any:
        return await use(shelf)

    shelf = Shelf(root, **over)
    try:
        return asyncio.run(run())
    finally:
        shelf.close()


async def bytes_of(representation: Representation | None) -> bytes | None:
    return None if representation is None else await representation.content.bring(IDENTITY)


async def read(shelf: Shelf, path: str = "atom.xml") -> bytes | None:
    return await bytes_of(await shelf.get(path))


def got(root: Path, path: str, **over: Any) -> Representation | None:
    found: Representation | None = on_shelf(root, lambda shelf: shelf.get(path), **over)
    return found


# what is on the shelf


def test_a_file_is_a_version(root: Path) -> None:
    found = got(root, "科技/开源/atom.xml")
    assert found is not None
    assert found.etag == f'"{digest_of(BODY)}"'
    assert found.content_type == "application/atom+xml; charset=utf-8"
    assert found.last_modified == int(os.stat(root / "科技/开源/atom.xml").st_mtime)
    assert found.body == BODY
    assert dict(found.headers)[b"access-control-allow-origin"] == b"*"
    assert dict(found.headers)[b"content-security-policy"] == b"default-src 'none'; style-src 'self'; sandbox"


def test_the_list_of_feeds_may_use_what_it_has_in_itself(root: Path) -> None:
    rules = []
    for folder in ("", "科技/"):
        (root / folder / "index.html").write_bytes(b"<!DOCTYPE html>")
        found = got(root, folder)
        assert found is not None
        text = dict(found.headers)[b"content-security-policy"].decode()
        rules.append({name: rest for name, _, rest in (rule.partition(" ") for rule in text.split("; "))})
    page = policy(pictures="data:", style=INDEX_CSS, script=INDEX_SCRIPT)
    wanted = {name: rest for name, _, rest in (rule.partition(" ") for rule in page.split("; "))}
    assert rules[0] == wanted | {"style-src": f"'self' {wanted['style-src']}", "frame-ancestors": "'none'"}
    assert rules[1] == {"default-src": "'none'", "style-src": "'self'", "sandbox": ""}


@pytest.mark.parametrize(
    ("name", "has_plain_type"),
    [("atom.xml", True), ("rss.xml", True), ("feed.json", False), ("sitemap.xml", False), ("opml.xml", False), ("feed.css", False)],
)
def test_a_feed_in_xml_is_plain_xml_too(root: Path, name: str, has_plain_type: bool) -> None:
    (root / name).write_bytes(BODY)
    found = got(root, name)
    assert found is not None
    assert found.plain_type == ("application/xml; charset=utf-8" if has_plain_type else "")


@pytest.mark.parametrize("path", ["", "科技/"])
def test_a_folder_is_its_index_where_there_is_one(root: Path, path: str) -> None:
    assert got(root, path) is None
    (root / path / "index.html").write_bytes(b"<!doctype html>")
    found = got(root, path)
    assert found is not None
    assert found.content_type == "text/html; charset=utf-8"
    assert found.body == b"<!doctype html>"


@pytest.mark.parametrize("path", ["gone.xml", "gone/atom.xml", "科技", "atom.xml/", "atom.xml/x", "x" * 256, "x/" * 3000 + "x"])
def test_where_no_file_is_there_is_nothing(root: Path, path: str) -> None:
    assert got(root, path) is None


@pytest.mark.parametrize(
    "path",
    [
        "../outside/atom.xml",
        "科技/../atom.xml",
        "./atom.xml",
        "//atom.xml",
        "/etc/passwd",
        "科技//atom.xml",
        "atom.xml\0",
        "a\nb.xml",
        ".git/config",
        ".hidden",
        "科技/.hidden",
        f"{TEMP_PREFIX}00{TEMP_SUFFIX}",
        "atom.xml.tmp",
        "\\atom.xml",
        "a\udcff.xml",
    ],
)
def test_I1_I3_names_that_are_not_served(root: Path, path: str) -> None:
    for name in (".hidden", "科技/.hidden", f"{TEMP_PREFIX}00{TEMP_SUFFIX}", "atom.xml.tmp", "\\atom.xml", "a\nb.xml"):
        (root / name).write_bytes(BODY)
    (root / ".git").mkdir()
    (root / ".git/config").write_bytes(BODY)
    assert got(root, path) is None


def test_what_is_no_file_is_nothing_and_nobody_waits_for_it(root: Path) -> None:
    os.mkfifo(root / "pipe.xml")
    assert got(root, "pipe.xml") is None


def test_a_file_that_is_too_large_is_nothing_and_is_named_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def use(shelf: Shelf) -> list[Any]:
        return [await shelf.get("large.xml") for _ in range(3)]

    with open(root / "large.xml", "wb") as file:
        file.truncate(16 * 2**20 + 1)
    with caplog.at_level(logging.WARNING):
        assert on_shelf(root, use) == [None] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "a file in the folder of feeds is too large to be served: 'large.xml' has 16777217 bytes of at most 16777216"
    ]


# links (I2)


def test_I2_links_inside_the_folder_are_nothing(root: Path) -> None:
    (root / "passwd.xml").symlink_to("/etc/passwd")
    (root / "inside.xml").symlink_to("atom.xml")
    (root / "loop.xml").symlink_to("loop.xml")
    (root / "dangling.xml").symlink_to("nowhere")
    (root / "out").symlink_to("../outside")
    (root / "in").symlink_to("科技")
    for path in ("passwd.xml", "inside.xml", "loop.xml", "dangling.xml", "out/atom.xml", "in/atom.xml", "in/开源/atom.xml"):
        assert got(root, path) is None


def test_I2_a_file_that_turns_into_a_link_is_gone(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        assert await read(shelf) == BODY
        (root / "atom.xml").rename(root / "moved.xml")
        (root / "atom.xml").symlink_to("moved.xml")
        assert await shelf.get("atom.xml") is None
        assert await read(shelf, "moved.xml") == BODY

    on_shelf(root, use)


def test_I2_a_folder_that_turns_into_a_link_elsewhere_is_gone_at_once(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        assert await read(shelf, "科技/atom.xml") == BODY
        (root / "科技").rename(root / "old")
        (root / "科技").symlink_to("../outside")
        assert shelf.at_hand("科技/atom.xml") is None
        assert await shelf.get("科技/atom.xml") is None
        (root / "科技").unlink()
        (root / "old").rename(root / "科技")
        assert await read(shelf, "科技/atom.xml") == BODY

    on_shelf(root, use)


def test_I2_a_link_to_the_very_same_file_is_noticed_within_a_second(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        assert await read(shelf, "科技/atom.xml") == BODY
        (root / "科技").rename(root.parent / "old")
        (root / "科技").symlink_to("../old")
        assert await read(shelf, "科技/atom.xml") in (BODY, None), "what was published may be seen a moment longer"
        clock.now += 1.1
        assert await shelf.get("科技/atom.xml") is None

    clock = Clock()
    on_shelf(root, use, monotonic=clock)


def test_the_folder_of_feeds_itself_may_be_a_link_and_lead_elsewhere_later(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        assert await read(shelf) == BODY
        (link.parent / "next").symlink_to(root.parent / "outside")
        (link.parent / "next").rename(link)
        assert await read(shelf) == b"secret"

    link = root.parent / "link"
    link.symlink_to(root)
    on_shelf(link, use)


# changes


def test_a_new_version_is_seen_by_the_next_request(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        for number in range(50):
            body = b"%d" % number * 1000
            replace(root / "atom.xml", body)
            assert await read(shelf) == body
        (root / "atom.xml").unlink()
        assert await shelf.get("atom.xml") is None
        (root / "atom.xml").write_bytes(BODY)
        assert await read(shelf) == BODY

    on_shelf(root, use)


def test_a_file_written_over_in_place_is_seen_though_length_and_time_are_the_same(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        status = os.stat(root / "atom.xml")
        assert await read(shelf) == BODY
        (root / "atom.xml").write_bytes(OTHER)
        os.utime(root / "atom.xml", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert await read(shelf) == OTHER

    assert len(OTHER) == len(BODY)
    on_shelf(root, use)


@pytest.mark.parametrize(("age", "trust"), [(0.001, 0.02), (0.5, 1.0)], ids=["within a tick", "by a slow writer"])
def test_a_write_that_leaves_no_trace_is_seen_when_the_file_has_settled(root: Path, age: float, trust: float) -> None:
    def before_it(seen: Seen) -> Seen:
        return seen._replace(data=OTHER, age=age)

    async def use(shelf: Shelf) -> None:
        assert await read(shelf) == OTHER
        assert shelf.at_hand("atom.xml") is not None
        clock.now += trust + 0.001
        assert await read(shelf) == BODY
        clock.now += 1.1
        assert await read(shelf) == BODY

    clock = Clock()
    reader = Reading(before_it, lambda seen: seen._replace(age=10.0))
    on_shelf(root, use, reader=reader, monotonic=clock)
    assert [known is None for known in reader.known] == [True, True, False]


def test_who_comes_while_an_old_version_is_being_read_gets_the_new_one(root: Path) -> None:
    def before_the_rename(seen: Seen) -> Seen:
        has_read.set()
        may_go_on.wait(30)
        return seen

    async def use(shelf: Shelf) -> None:
        first = asyncio.ensure_future(read(shelf))
        while not has_read.is_set():
            await asyncio.sleep(0.001)
        replace(root / "atom.xml", OTHER)
        second = asyncio.ensure_future(read(shelf))  # as a hub does that was told of the new version
        await asyncio.sleep(0)
        may_go_on.set()
        assert await second == OTHER
        assert await first in (BODY, OTHER)

    has_read, may_go_on = threading.Event(), threading.Event()
    on_shelf(root, use, reader=Reading(before_the_rename))


def test_a_file_that_was_only_touched_keeps_its_tag(root: Path) -> None:
    async def use(shelf: Shelf) -> tuple[Representation, Representation]:
        before = await shelf.get("atom.xml")
        os.utime(root / "atom.xml", (1_000_000_000, 1_000_000_000))
        after = await shelf.get("atom.xml")
        assert before is not None
        assert after is not None
        return before, after

    before, after = on_shelf(root, use)
    assert before.etag == after.etag
    assert after.last_modified == 1_000_000_000


def test_a_version_stays_the_same_object_while_its_file_does(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        before = await shelf.get("atom.xml")
        clock.now += 5
        assert shelf.at_hand("atom.xml") is None
        assert await shelf.get("atom.xml") is before
        assert shelf.at_hand("atom.xml") is before
        (root / "atom.xml").unlink()
        assert shelf.at_hand("atom.xml") is None

    clock = Clock()
    on_shelf(root, use, monotonic=clock)


# what it costs


def test_I11_a_thousand_readers_at_once_cost_one_look_and_one_compression(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        async def one() -> bytes:
            found = await shelf.get("atom.xml")
            assert found is not None
            return await found.content.bring(GZIP)

        assert len({id(body) for body in await asyncio.gather(*(one() for _ in range(1000)))}) == 1

    pool = Pool()
    on_shelf(root, use, pool=pool, monotonic=Clock())
    assert pool.jobs == 2


def test_what_is_known_costs_no_thread(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        await read(shelf)
        jobs = pool.jobs
        for _ in range(100):
            assert await read(shelf) == BODY
            assert await shelf.get("gone.xml") is None
            assert await shelf.get("..") is None
        assert pool.jobs == jobs

    pool = Pool()
    on_shelf(root, use, pool=pool, monotonic=Clock())


def test_bodies_have_a_limit_and_are_read_again(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        for _ in range(2):
            for number in range(10):
                found = await shelf.get(f"{number}.xml")
                assert found is not None
                assert await found.content.bring(IDENTITY) == bodies[number]
                assert found.etag == f'"{digest_of(bodies[number])}"'

    bodies = [b"%d" % number * 1000 for number in range(10)]
    for number, body in enumerate(bodies):
        (root / f"{number}.xml").write_bytes(body)
    make_old(root)
    pool = Pool()
    on_shelf(root, use, budget=3000, pool=pool, monotonic=Clock())
    assert 20 < pool.jobs <= 30, "ten looks, and readings of what was dropped"


def test_gzip_stays_when_other_files_are_looked_at(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        for turn in range(2):
            for number in range(10):
                found = await shelf.get(f"{number}.xml")
                assert found is not None
                assert turn == 0 or found.content.at_hand(GZIP) is not None
                await found.content.bring(GZIP)

    for number in range(10):
        (root / f"{number}.xml").write_bytes(b"%d" % number * 4000)
    on_shelf(root, use, budget=5000)


def test_a_dropped_body_of_a_version_that_is_no_more_is_outdated(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        found = await shelf.get("atom.xml")
        assert found is not None
        assert await found.content.bring(GZIP)
        replace(root / "atom.xml", OTHER)
        for coding in (IDENTITY, GZIP):
            with pytest.raises(OutdatedError):
                await found.content.bring(coding)
        (root / "atom.xml").unlink()
        with pytest.raises(OutdatedError):
            await found.content.bring(IDENTITY)
        replace(root / "atom.xml", OTHER)
        assert await read(shelf) == OTHER

    on_shelf(root, use, budget=0)


def test_facts_have_a_limit_too(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        for _ in range(3):
            for file in ("atom.xml", "科技/atom.xml", "科技/开源/atom.xml"):
                assert await read(shelf, file) == BODY
        assert shelf.at_hand("atom.xml") is None
        assert shelf.at_hand("科技/开源/atom.xml") is not None

    on_shelf(root, use, versions=2)


# a file system that fails


def test_no_descriptors_left_is_an_error_and_passes(root: Path) -> None:
    async def use(shelf: Shelf) -> None:
        await read(shelf, "科技/atom.xml")  # the thread is there, and what reading imports
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                await shelf.get("atom.xml")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert await read(shelf) == BODY

    on_shelf(root, use)


def test_a_disk_that_fails_is_an_error_to_all_who_ask_and_passes(root: Path) -> None:
    def fail(seen: Seen) -> Seen:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def use(shelf: Shelf) -> None:
        results = await asyncio.gather(*(shelf.get("atom.xml") for _ in range(5)), return_exceptions=True)
        assert {getattr(result, "errno", 0) for result in results} == {errno.EIO}
        assert await read(shelf) == BODY

    on_shelf(root, use, reader=Reading(fail))


def test_no_permission_is_an_error() -> None:
    async def use(shelf: Shelf) -> None:
        with without_root_rights():
            for path in ("atom.xml", "A/atom.xml"):
                if os.access(root / path, os.R_OK, effective_ids=True):
                    pytest.skip("this user may read everything")
                with pytest.raises(PermissionError):
                    await shelf.get(path)

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "A").mkdir(mode=0o700)
        for file in (root / "atom.xml", root / "A/atom.xml"):
            file.write_bytes(BODY)
            file.chmod(0o600)
        on_shelf(root, use)
