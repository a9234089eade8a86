"""A crowd of readers who keep their connections, and beside them clients that never come to the end of their question.

    python load_readers.py PORT RATE READERS SLOW FILE

FILE has the paths that are read, one a line; RATE is the questions of all readers in a second. They print `ready` when all are connected,
print what they saw as JSON when standard input ends, and stay connected until they are killed: so a server that ends meanwhile has them.

A wait counts from when the question was due, as in serving_readers.py. A connection that the server has closed between two questions
is opened anew and counted; one that is closed under a question before a byte of its answer came is tried once again (RFC 9110 §9.2.2),
as clients do. Everything else that is no answer is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import serving_readers
from serving_readers import _END, _GIVE_UP, _NEW_READER, known_tags, share_of

#: Every one of the slow clients sends a byte and waits for so long, in seconds.
_BETWEEN_BYTES = (0.5, 2.0)
_SLOW_HEAD = b"GET /feeds/atom.xml HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
#: And so long before it begins, and before it begins anew: were all to come at once, they would be what we measure.
_BEFORE_ANEW = (0.0, 2.0)


@dataclass
class Seen(serving_readers.Seen):
    """What all readers saw, and what the slow clients did."""

    #: Of the readers who had what there was.
    waits_304: list[float] = field(default_factory=list)
    #: Connections closed between two questions; questions that were asked once again.
    closed: int = 0
    again: int = 0
    #: Connections that slow clients opened; how many they had at once.
    slow: int = 0
    held: int = 0
    held_most: int = 0


class Reader:
    """One reader with a connection of its own."""

    def __init__(self, port: int, paths: Sequence[str], *, number: int, tags: Mapping[str, bytes], seen: Seen) -> None:
        self._port, self._paths, self._seen = port, paths, seen
        self._asked = number  # each begins with another feed
        self._tags = dict(tags)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> None:
        """Connect. Raises OSError."""
        self._streams = await asyncio.open_connection("127.0.0.1", self._port)

    async def read(self, due: float, interval: float) -> None:
        """Ask every `interval` seconds from `due` on."""
        while True:
            ahead = due - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
                self._seen.lags.append(time.perf_counter() - due)
            status = 0
            try:
                async with asyncio.timeout(_GIVE_UP):
                    status = await self._ask()
            except (OSError, EOFError) as exc:
                self._seen.failed[type(exc).__name__] += 1
                self._part()
            self._seen.waits.append(time.perf_counter() - due)
            if status == 304:
                self._seen.waits_304.append(self._seen.waits[-1])
            due += interval

    async def _ask(self) -> int:
        path = self._paths[self._asked % len(self._paths)]
        tag = b"" if self._asked % _NEW_READER == 0 else self._tags[path]
        self._asked += 1
        if self._streams and self._streams[0].at_eof():
            self._seen.closed += 1
            self._part()
        if self._streams:
            try:
                return await self._exchange(path, tag)
            except (ConnectionError, asyncio.IncompleteReadError) as exc:
                if isinstance(exc, asyncio.IncompleteReadError) and exc.partial:
                    raise
                self._seen.again += 1
                self._part()
        await self.connect()
        return await self._exchange(path, tag)

    async def _exchange(self, path: str, tag: bytes) -> int:
        assert self._streams
        reader, writer = self._streams
        condition = b"If-None-Match: %b\r\n" % tag if tag else b""
        head = b"GET /%b HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n%b\r\n"
        writer.write(head % (quote(path).encode(), condition))
        first, *lines = (await reader.readuntil(_END)).split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        self._seen.bytes += len(await reader.readexactly(int(fields.get(b"content-length", b"0"))))
        status = int(first.split()[1])
        self._seen.answers[status] += 1
        self._tags[path] = fields.get(b"etag", b"")
        return status

    def _part(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def drip(port: int, seen: Seen) -> None:
    """Send a head that has no end, byte by byte, and begin anew when the server has had enough of it."""
    while True:
        await asyncio.sleep(random.uniform(*_BEFORE_ANEW))
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            seen.slow += 1
            seen.held += 1
            seen.held_most = max(seen.held_most, seen.held)
            try:
                await _drip(reader, writer)
            finally:
                seen.held -= 1
                writer.close()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Raises OSError; returns when the server has answered or closed."""
    sent = 0
    while True:
        writer.write(_SLOW_HEAD[sent : sent + 1] or b"x")
        sent += 1
        try:
            async with asyncio.timeout(random.uniform(*_BETWEEN_BYTES)):
                await reader.read(1)
                return
        except TimeoutError:
            continue


async def run(given: argparse.Namespace) -> None:
    """Read until standard input ends, tell, and stay."""
    paths = given.paths.read_text(encoding="utf-8").splitlines()
    seen, tags = Seen(), known_tags(given.port, paths)
    readers = [Reader(given.port, paths, number=number * 7, tags=tags, seen=seen) for number in range(given.readers)]
    for reader in readers:
        await reader.connect()
    interval = given.readers / given.rate
    begin, cpu = time.perf_counter(), time.process_time()
    tasks = [
        *(asyncio.create_task(reader.read(begin + number / given.rate, interval)) for number, reader in enumerate(readers)),
        *(asyncio.create_task(drip(given.port, seen)) for _ in range(given.slow)),
    ]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    took = time.perf_counter() - begin
    own = {"seconds": took, "cpu": (time.process_time() - cpu) / took, "p99_304": share_of(sorted(seen.waits_304), 0.99)}
    print(json.dumps(seen.told() | own | {name: getattr(seen, name) for name in ("closed", "again", "slow", "held_most")}), flush=True)
    await asyncio.gather(*tasks)


def main() -> None:
    """Read, and print."""
    parser = argparse.ArgumentParser(description="Readers who keep their connections, and slow clients.")
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("readers", type=int)
    parser.add_argument("slow", type=int)
    parser.add_argument("paths", type=Path)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
