"""A real server in a thread, and a client that says to it, over a plain socket, whatever a test wants said.

with serving(head_seconds=0.3) as server:
    assert server.ask(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n").status == 200
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import uvicorn
import uvloop
from uvicorn.server import ServerState

from feedmill.service.listening import open_sockets
from feedmill.service.protocol import WireCounts, WireLimits, make_protocol

App = Callable[[Any, Any, Any], Awaitable[None]]
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
#: Seconds after which a test that waits gives up: never a measure of anything.
PATIENCE = 15.0


class Answer(NamedTuple):
    """A response. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the method, the path as it was sent, and the query; `/slow?` after seconds, `/whole?` and `/parts?` in bytes."""
    path, query = scope["raw_path"], scope["query_string"]
    if path == b"/slow":
        await asyncio.sleep(float(query))
    if path == b"/whole":
        await say(send, b"m" * int(query))
    elif path == b"/parts":
        size, part = int(query), 2**14
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", query)]})
        for left in range(size - part, -1, -part):
            await send({"type": "http.response.body", "body": b"m" * part, "more_body": left > 0})
    else:
        await say(send, b" ".join((scope["method"].encode(), path, query)).rstrip())


async def say(send: Any, body: bytes, *, status: int = 200) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def request(path: str = "/", *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """The head of a request, with `lines` as its further fields."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: a.example", *lines, "", ""]).encode()


class Client:
    """One connection."""

    def __init__(self, address: tuple[str, int], *, window: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.connect(address)
        self._read = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, to: str = "GET") -> Answer:
        """Read one answer, to a request with the method `to`."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert len(headers) == len(lines), "a header came twice"
        status = int(first.split()[1])
        size = 0 if to == "HEAD" or status in (204, 304) else int(headers["content-length"])
        while len(self._read) < size:
            self._more()
        body, self._read = self._read[:size], self._read[size:]
        return Answer(status, headers, body)

    def is_over(self) -> bool:
        """Wait for the server to close; whether it said nothing more before."""
        return self.rest() == b""

    def rest(self) -> bytes:
        """Read until the server closes."""
        try:
            while data := self.socket.recv(65536):
                self._read += data
        except ConnectionResetError:
            pass
        data, self._read = self._read, b""
        return data

    def reset(self) -> None:
        """Close as a client does that was killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._more()
        before, _, self._read = self._read.partition(mark)
        return before

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the server closed after {self._read[:200]!r}")
        self._read += data


@dataclass
class Server:
    """A server that runs; `counts` is its own."""

    address: tuple[str, int]
    counts: WireCounts
    loop: asyncio.AbstractEventLoop
    #: What the loop itself complained about.
    complaints: list[dict[str, Any]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    def connect(self, *, window: int = 0) -> Client:
        """Connect; who does not close the connection leaves it open until after the server's end."""
        client = Client(self.address, window=window)
        self.clients.append(client)
        return client

    def ask(self, data: bytes, *, to: str = "GET") -> Answer:
        with self.connect() as client:
            client.send(data)
            return client.answer(to=to)

    def wait_for(self, is_so: Callable[[WireCounts], bool]) -> None:
        """Wait until the counts are as they should become."""
        end = time.monotonic() + PATIENCE
        while not is_so(self.counts):
            assert time.monotonic() < end, self.counts
            time.sleep(0.01)


@contextlib.contextmanager
def serving(
    app: App = echo, *, loop: str = "uvloop", keep_alive: float = 15, send_buffer: int = 0, grace: int = 5, **limits: Any
) -> Iterator[Server]:
    """Run a server in a thread, with `limits` in place of the usual ones; it has to end without a complaint."""
    counts = WireCounts()
    limits.setdefault("sweep_seconds", 0.05)
    [channel] = open_sockets("127.0.0.1", 0, environ={})
    if send_buffer:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    settings = uvicorn.Config(
        app,
        http=make_protocol(WireLimits(**limits), counts),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type]
        timeout_graceful_shutdown=grace,
    )
    server = uvicorn.Server(settings)
    events = LOOPS[loop]()
    running = Server(channel.getsockname(), counts, events)
    events.set_exception_handler(lambda _, context: running.complaints.append(context))
    thread = threading.Thread(target=lambda: events.run_until_complete(server.serve([channel])))
    thread.start()
    try:
        yield running
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        for client in running.clients:
            client.socket.close()
        assert not thread.is_alive()
        events.run_until_complete(asyncio.sleep(0))
        events.close()
    assert running.complaints == []


class Recorder(asyncio.Transport):
    """A transport that takes everything and has no network: what was said is in `said`."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.is_paused = self.is_over = False

    def write(self, data: Any) -> None:
        assert not self.is_over, "something was said after the last word"
        self.said += data

    def write_eof(self) -> None:
        self.is_over = True

    def close(self) -> None:
        self.is_over = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_over

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


def connect_recorder(app: App = echo, **limits: Any) -> tuple[Any, Recorder]:
    """Return a connection of the running loop that has no network, and its transport."""
    http = make_protocol(WireLimits(**limits), WireCounts())
    settings = uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None)
    settings.load()
    connection = http(config=settings, server_state=ServerState(), app_state={})  # type: ignore[call-arg]
    transport = Recorder()
    connection.connection_made(transport)
    return connection, transport


def converse(pieces: Iterable[bytes], *, app: App = echo, **limits: Any) -> tuple[bytes, bool]:
    """Say `pieces` to a connection without a network; returns what it said, but for the dates, and whether it ended."""

    async def talk() -> tuple[bytes, bool]:
        connection, transport = connect_recorder(app, **limits)
        for piece in pieces:
            if transport.is_over:
                break
            connection.data_received(piece)
            while transport.is_paused and not transport.is_over:
                await asyncio.sleep(0)
        for _ in range(30):
            await asyncio.sleep(0)
        said, is_over = transport.said, transport.is_over
        transport.is_over = True
        connection.connection_lost(None)
        assert (connection.watch.counts.open, connection.watch.waiting) == (0, 0)
        return re.sub(rb"date: [^\r]*\r\n", b"", said), is_over

    return asyncio.run(talk())
