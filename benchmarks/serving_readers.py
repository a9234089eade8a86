"""Readers that ask at a steady rate, whatever the server does: what they wait is what a reader sees.

    python serving_readers.py PORT RATE CONNECTIONS FILE

FILE has the paths that they ask for, one a line. They print `ready` when they begin, stop when standard input ends, and
print then what they saw as JSON.

Every connection asks at its own times, and an answer's time counts from when the question was due: a server that stands still for a
second makes everybody late who was due in that second, where a client that waits for it would see one slow answer and 49 none.
One question in eleven is that of a new reader, and gets the whole feed; the others have what they saw last. All of them take gzip.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import http.client
import json
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

_END = b"\r\n\r\n"
_NEW_READER = 11
_PIECE = 1 << 18
#: A reader gives up after so many seconds; it counts as a failure, and by its time.
_GIVE_UP = 10.0


@dataclass
class Seen:
    """What all readers saw; times in seconds."""

    waits: list[float] = field(default_factory=list)
    #: How late the questions were sent: what this program, which shares the cores with the server, adds to the waits.
    lags: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def told(self) -> dict[str, object]:
        """As JSON."""
        waits, lags = sorted(self.waits), sorted(self.lags)
        shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "most": 1.0}
        return {name: share_of(waits, share) for name, share in shares.items()} | {
            "count": len(waits),
            "lag_p99": share_of(lags, 0.99),
            "lag_most": share_of(lags, 1.0),
            "answers": dict(sorted(self.answers.items())),
            "failed": dict(self.failed),
            "bytes": self.bytes,
        }


def share_of(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of all is at or below; 0 where there is none."""
    return ordered[max(0, -int(-share * len(ordered)) - 1)] if ordered else 0.0


class Reader:
    """One connection that asks for one feed after the other."""

    def __init__(self, port: int, paths: Sequence[str], *, number: int, tags: dict[str, bytes], seen: Seen) -> None:
        self._port, self._paths, self._seen = port, paths, seen
        self._asked = number  # each begins with another feed
        self._tags = tags
        self._buffer = bytearray()
        #: Bytes of the answer, its head included, once that is known.
        self._size = 0
        #: When the questions that are not answered were due; the first has been asked.
        self._due: list[float] = []
        self._path = ""
        self.channel = self._connect()

    def _connect(self) -> socket.socket:
        channel = socket.create_connection(("127.0.0.1", self._port), timeout=_GIVE_UP)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel.settimeout(0)
        return channel

    def want(self, due: float) -> None:
        """Ask, or as soon as the answer before is there."""
        self._due.append(due)
        if len(self._due) == 1:
            self._ask(due)

    def is_tired(self, now: float) -> bool:
        """Whether it has waited too long."""
        return bool(self._due) and now - self._due[0] > _GIVE_UP

    def _ask(self, due: float) -> None:
        self._path = self._paths[self._asked % len(self._paths)]
        tag = b"" if self._asked % _NEW_READER == 0 else self._tags.get(self._path, b"")
        self._asked += 1
        condition = b"If-None-Match: %b\r\n" % tag if tag else b""
        head = b"GET /%b HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n%b\r\n"
        self.channel.send(head % (quote(self._path).encode(), condition))

    def hear(self) -> None:
        """Take what has come. Raises OSError when the connection is no good any more."""
        data = self.channel.recv(_PIECE)
        if not data:
            raise ConnectionResetError("closed")
        self._buffer += data
        if not self._size and (end := self._buffer.find(_END)) >= 0:
            self._read_head(bytes(self._buffer[:end]), end + len(_END))
        if self._size and len(self._buffer) >= self._size:
            self._seen.bytes += len(self._buffer)
            self._seen.waits.append(time.perf_counter() - self._due.pop(0))
            self._buffer.clear()
            self._size = 0
            if self._due:
                self._ask(self._due[0])

    def _read_head(self, head: bytes, size: int) -> None:
        first, *lines = head.split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        self._seen.answers[int(first.split()[1])] += 1
        self._tags[self._path] = fields.get(b"etag", b"")
        self._size = size + int(fields.get(b"content-length", b"0"))

    def begin_anew(self, why: str) -> None:
        """Give up the question in hand and connect again. Raises OSError."""
        self._seen.failed[why] += 1
        if self._due:
            self._seen.waits.append(time.perf_counter() - self._due.pop(0))
        self.channel.close()
        self._buffer.clear()
        self._size = 0
        self.channel = self._connect()
        if self._due:
            self._ask(self._due[0])


class Crowd:
    """Readers that each have their own times to ask."""

    def __init__(self, port: int, paths: Sequence[str], *, rate: float, connections: int) -> None:
        """`rate`: questions of all of them in a second."""
        self.seen = Seen()
        self._interval = connections / rate
        self._watch = select.epoll()
        self._watch.register(sys.stdin, select.EPOLLIN)
        self._readers: dict[int, Reader] = {}
        self._agenda: list[tuple[float, int, Reader]] = []
        tags = known_tags(port, paths)
        for number in range(connections):
            reader = Reader(port, paths, number=number * 7, tags=dict(tags), seen=self.seen)
            self._admit(reader)
            self._agenda.append((self._interval * number / connections, number, reader))

    def run(self) -> None:
        """Ask until standard input ends."""
        begin = time.perf_counter()
        self._agenda = [(begin + offset, number, reader) for offset, number, reader in self._agenda]
        while True:
            for descriptor, _ in self._watch.poll(max(0.0, self._agenda[0][0] - time.perf_counter())):
                if descriptor == sys.stdin.fileno():
                    return
                try:
                    self._readers[descriptor].hear()
                except OSError as exc:
                    self._replace(descriptor, why=type(exc).__name__)
            self._ask(time.perf_counter())

    def _ask(self, now: float) -> None:
        while self._agenda[0][0] <= now:
            due, number, reader = self._agenda[0]
            self.seen.lags.append(now - due)
            if reader.is_tired(now):
                self._replace(reader.channel.fileno(), why="gave up")
            with contextlib.suppress(OSError):  # the connection is gone: that will be heard
                reader.want(due)
            heapq.heapreplace(self._agenda, (due + self._interval, number, reader))

    def _admit(self, reader: Reader) -> None:
        self._readers[reader.channel.fileno()] = reader
        self._watch.register(reader.channel, select.EPOLLIN)

    def _replace(self, descriptor: int, *, why: str) -> None:
        reader = self._readers.pop(descriptor)
        self._watch.unregister(descriptor)
        reader.begin_anew(why)
        self._admit(reader)


def known_tags(port: int, paths: Sequence[str]) -> dict[str, bytes]:
    """Ask for every feed once and return their entity tags."""
    tags = {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for path in paths:
        connection.request("GET", "/" + quote(path), headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"{path}: the answer is {answer.status}")
        tags[path] = answer.headers["ETag"].encode("ascii")
    connection.close()
    return tags


def main() -> None:
    """Read, and print."""
    parser = argparse.ArgumentParser(description="Readers at a steady rate.")
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("connections", type=int)
    parser.add_argument("paths", type=Path)
    given = parser.parse_args()
    paths = given.paths.read_text(encoding="utf-8").splitlines()
    crowd = Crowd(given.port, paths, rate=given.rate, connections=given.connections)
    print("ready", flush=True)
    crowd.run()
    print(json.dumps(crowd.seen.told()))


if __name__ == "__main__":
    main()
