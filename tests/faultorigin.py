"""A web server that does what it is told, faults included: raw sockets and threads on loopback, a free port.

    with FaultOrigin() as origin:
        origin.add("/feed.xml", Reply(body=b"<rss/>", headers=[("ETag", '"1"')]))
        origin.script("/flaky.xml", [500, 500, Reply(body=b"<rss/>")])      # the last one repeats
        origin.add("/own.xml", lambda got: Reply(status=304 if got.header("if-none-match") else 200))
        ... fetch origin.url("/feed.xml") ...
        assert origin.requests("/feed.xml")[0].header("accept")
        assert origin.hits == 1                                              # requests, whatever their path; origin.connections: accepts

A path is added without its query; a request for a path that was not added gets a 404. A `Reply` can lie about its length
(`declared`), end early (`cut`), reset the connection (`ending="reset"`), drip (`pace=(bytes, seconds)`), wait (`delay`),
be chunked, or be any bytes at all (`raw`, bytes or pieces of them, endless ones too). `on_accept` sees each connection before
its first byte and closes it by returning False. Leaving the block ends every thread, also one that drips for ever.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Literal, Self

_PIECE = 65536
_MAX_HEAD = 1_000_000


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    #: The request target, byte for byte: path and query, or a whole address where a proxy is asked.
    target: str
    #: Names and values as they came, in order.
    headers: list[tuple[bytes, bytes]]
    #: `time.monotonic()` when its head was complete.
    at: float
    #: Which connection it came on, from 1.
    connection: int

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """The value of the first field `name`, whatever its case; "" when there is none."""
        return next((value.decode("latin-1") for known, value in self.headers if known.lower() == name.lower().encode()), "")

    def has(self, name: str) -> bool:
        """Whether there is a field `name`."""
        return any(known.lower() == name.lower().encode() for known, _ in self.headers)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Sequence[tuple[str | bytes, str | bytes]] | Mapping[str, str] = ()
    #: What Content-Length says; None: the truth. -1: there is no such field, and the end of the connection is the end of the body.
    declared: int | None = None
    is_chunked: bool = False
    #: How many bytes of the body, as it is sent, go out before the connection ends; None: all.
    cut: int | None = None
    ending: Literal["keep", "close", "reset"] = "keep"
    #: (bytes, seconds): that many bytes of the head and the body, then that long a wait.
    pace: tuple[int, float] | None = None
    #: Seconds before the first byte.
    delay: float = 0.0
    #: Sent instead of all of the above (delay and pace hold); the connection ends after it.
    raw: bytes | Iterable[bytes] | None = None

    def head(self) -> bytes:
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Odd"
        fields = [*(self.headers.items() if isinstance(self.headers, Mapping) else self.headers)]
        if self.is_chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif self.declared != -1 and self.status != 304:
            fields.append(("Content-Length", str(len(self.body) if self.declared is None else self.declared)))
        lines = [f"HTTP/1.1 {self.status} {phrase}".encode(), *(_bytes(name) + b": " + _bytes(value) for name, value in fields)]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def content(self) -> bytes:
        body = self.body
        if self.is_chunked:
            pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        return body if self.cut is None else body[: self.cut]

    @property
    def ends_connection(self) -> bool:
        return self.ending != "keep" or self.cut is not None or self.raw is not None or (self.declared == -1 and not self.is_chunked)


Answer = Reply | int | Callable[[Received], Reply]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


@dataclass
class FaultOrigin:
    """The server; see the module."""

    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    on_accept: Callable[[socket.socket], bool] | None = None
    connections: int = 0
    _answers: dict[str, list[Answer]] = field(default_factory=dict)
    _received: list[Received] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        with self._lock:
            opened = list(self._open)
        for connection in opened:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)

    def add(self, path: str, answer: Answer) -> None:
        """Answer every request for `path` with this: a Reply, a bare status, or what a function of the request returns."""
        self.script(path, [answer])

    def script(self, path: str, answers: Sequence[Answer]) -> None:
        """Answer the requests for `path` with these in turn; the last one repeats."""
        with self._lock:
            self._answers[path] = list(answers)

    def url(self, path: str = "/", *, host: str = "") -> str:
        """The address of `path`, under this server's own address or under the name `host`."""
        place = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.tls else 'http'}://{place}:{self.port}{path}"

    def requests(self, path: str = "") -> list[Received]:
        """What was received for `path`, in order; for all paths when there is none."""
        with self._lock:
            return [got for got in self._received if path in ("", got.path)]

    @property
    def hits(self) -> int:
        """How many requests came."""
        with self._lock:
            return len(self._received)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        raw = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.on_accept is not None and not self.on_accept(connection):
                return
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._open.add(connection)
            with connection.makefile("rb") as lines:
                while (got := _read_request(lines, number)) is not None and self._answer(connection, got):
                    pass
        except OSError:
            pass  # the client has gone, or the block has ended
        finally:
            with self._lock:
                self._open -= {raw, connection}
            connection.close()
            raw.close()

    def _answer(self, connection: socket.socket, got: Received) -> bool:
        """Send the answer; True when the connection stays open."""
        with self._lock:
            self._received.append(got)
            answers = self._answers.get(got.path, [404])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        reply = answer(got) if callable(answer) else answer
        reply = Reply(status=reply) if isinstance(reply, int) else reply
        if self._over.wait(reply.delay):
            return False
        pieces = [reply.head() + reply.content()] if reply.raw is None else [reply.raw] if isinstance(reply.raw, bytes) else reply.raw
        for piece in pieces:
            if not self._send(connection, piece, reply.pace):
                return False
        if reply.ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not reply.ends_connection

    def _send(self, connection: socket.socket, data: bytes, pace: tuple[int, float] | None) -> bool:
        size, wait = pace or (_PIECE, 0.0)
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
            if self._over.wait(wait) if wait else self._over.is_set():
                return False
        return True


def _read_request(lines: Iterable[bytes], number: int) -> Received | None:
    head: list[bytes] = []
    for line in lines:
        if line in (b"\r\n", b"\n"):
            break
        head.append(line.rstrip(b"\r\n"))
        if sum(map(len, head)) > _MAX_HEAD:
            return None
    else:
        return None
    method, target, _ = head[0].decode("latin-1").split(" ", 2)
    fields = [(name, value.strip(b" ")) for name, _, value in (line.partition(b":") for line in head[1:])]
    return Received(method, target, fields, time.monotonic(), number)
