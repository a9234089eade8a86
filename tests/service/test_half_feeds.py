"""Readers never see half a feed, nor one with another's tag, while feeds are rewritten all the time (I12)."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

import pytest

from asking import exchange
from feedmill.durable import Batch
from feedmill.service.feedapp import FeedApp
from feedmill.service.shelf import Shelf
from feedserver import serving

FILES = ("atom.xml", "A/atom.xml", "A/B/feed.json")


def document(number: int) -> bytes:
    """A document that carries its own checksum, of a length of its own."""
    body = b"<entry>%d</entry>" % number * (200 + number * 37 % 800)
    return b"%s %d\n%s" % (blake2b(body, digest_size=16).hexdigest().encode(), number, body)


def number_of(content: bytes) -> int:
    """Return which document this is, all of it."""
    head, _, body = content.partition(b"\n")
    checksum, number = head.split(b" ")
    assert blake2b(body, digest_size=16).hexdigest().encode() == checksum, "half a feed, or two"
    return int(number)


class Writer(threading.Thread):
    """Rewrites the feeds as a publish does: all whole on disk, then each by rename. Readers let it go on, so that both end together."""

    def __init__(self, root: Path, turns: int) -> None:
        super().__init__()
        self._root, self._turns = root, turns
        self._allowance = threading.Semaphore(0)
        self._allowed = 0
        self.turn = 0
        self.write(0)

    def write(self, number: int) -> None:
        batch = Batch()
        for file in FILES:
            batch.add(self._root / file, (document(number),))
        batch.commit()

    def run(self) -> None:
        while self.turn < self._turns:
            self._allowance.acquire()
            self.write(self.turn + 1)
            self.turn += 1

    def allow(self, share: float) -> None:
        """Let it do this share of its turns."""
        while self._allowed < self._turns * min(share, 1):
            self._allowed += 1
            self._allowance.release()


@dataclass
class Seen:
    """What all readers have seen: each tag's body and number, and how often each kind of answer came."""

    bodies: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    kinds: Counter[tuple[str, int, bytes]] = field(default_factory=Counter)


class Reader:
    """Asks in every way there is, and holds each answer to what it says of itself and to what was seen before."""

    def __init__(self, seed: int, seen: Seen) -> None:
        self._random = random.Random(seed)
        self._seen = seen
        self._tags: dict[tuple[str, bytes], bytes] = {}
        self._newest: Counter[str] = Counter()

    def next_request(self) -> tuple[str, str, dict[bytes, bytes]]:
        """Return file, method and headers of the next request."""
        file, coding = self._random.choice(FILES), b"gzip" if self._random.random() < 0.6 else b"identity"
        headers = {b"accept-encoding": coding}
        tag = self._tags.get((file, coding))
        if tag is not None and self._random.random() < 0.5:
            headers[b"if-none-match"] = tag
        return file, "HEAD" if self._random.random() < 0.05 else "GET", headers

    def check(self, answer: tuple[int, dict[bytes, bytes], bytes], file: str, method: str, asked: dict[bytes, bytes]) -> None:
        status, headers, body = answer
        coding, tag = headers.get(b"content-encoding", b"identity"), headers[b"etag"]
        self._seen.kinds[method, status, coding] += 1
        if status == 304:
            assert tag == asked[b"if-none-match"]
            return
        assert status == 200
        assert coding == asked[b"accept-encoding"]
        self._tags[file, coding] = tag
        if method == "HEAD":
            return
        if tag not in self._seen.bodies:
            self._seen.bodies[tag] = (body, number_of(gzip.decompress(body) if coding == b"gzip" else body))
        known, number = self._seen.bodies[tag]
        assert body == known, "one tag, two bodies"
        assert number >= self._newest[file], "an old version after a new one"
        self._newest[file] = number


async def moved(path: str) -> str | None:
    raise AssertionError(f"{path} was not there for a moment")


@contextmanager
def feeds(root: Path, *, budget: int, turns: int) -> Iterator[tuple[FeedApp, Writer]]:
    """Feeds that are rewritten so many times."""
    shelf = Shelf(root, budget=budget)
    writer = Writer(root, turns)
    writer.start()
    try:
        yield FeedApp(shelf, feeds_url="https://example.org/", hubs=[], max_age=timedelta(minutes=1), moved=moved, counts=Counter()), writer
    finally:
        writer.allow(1)
        writer.join()
        shelf.close()


@pytest.mark.long
@pytest.mark.parametrize(
    ("budget", "reads", "rewrites"),
    [(48 * 2**20, 100_000, 1000), (20_000, 5_000, 100)],
    ids=["all in memory", "next to nothing in memory"],
)
def test_I12_every_body_is_one_whole_version_under_its_tag(tmp_path: Path, budget: int, reads: int, rewrites: int) -> None:
    async def read(seed: int) -> None:
        nonlocal done
        reader = Reader(seed, seen)
        while done < reads or writer.turn < turns:
            done += 1
            file, method, headers = reader.next_request()
            scope = {"type": "http", "method": method, "raw_path": paths[file], "headers": list(headers.items())}
            status, fields, body = await exchange(app, scope)
            reader.check((status, dict(fields), body), file, method, headers)
            if done % 20 == 0:
                writer.allow(done / reads)
                await asyncio.sleep(0)

    async def read_all() -> None:
        await asyncio.gather(*(read(seed) for seed in range(40)))

    paths = {file: f"/feeds/{file}".encode() for file in FILES}
    done, turns, seen = 0, rewrites // len(FILES) + 1, Seen()
    with feeds(tmp_path, budget=budget, turns=turns) as (app, writer):
        asyncio.run(read_all())
    assert seen.kinds.total() >= reads
    assert {number for _, number in seen.bodies.values()} >= {0, turns}
    for status, coding in ((200, b"identity"), (200, b"gzip"), (304, b"identity")):
        assert seen.kinds["GET", status, coding] > reads // 50


@pytest.mark.long
def test_I12_over_HTTP_too(tmp_path: Path) -> None:
    def read(seed: int) -> int:
        reader = Reader(seed, seen)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for turn in range(500):
            file, method, headers = reader.next_request()
            connection.request(method, f"/feeds/{file}", headers={name.decode(): value for name, value in headers.items()})
            with connection.getresponse() as got:
                fields = {name.lower().encode(): value.encode() for name, value in got.getheaders()}
                reader.check((got.status, fields, got.read()), file, method, headers)
            writer.allow(turn / 400)
        connection.close()
        return 500

    seen = Seen()
    with feeds(tmp_path, budget=48 * 2**20, turns=30) as (app, writer), serving(app) as port, ThreadPoolExecutor(2) as clients:
        assert sum(clients.map(read, range(2))) == 1000
    assert seen.kinds.total() == 1000
    assert writer.turn == 30
