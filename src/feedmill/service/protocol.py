"""HTTP/1.1 as the world may speak it to us: uvicorn's protocol class with limits of time and size, and an answer to everything.

uvicorn alone waits for half a head without end, takes heads of any size, reads all requests that were sent ahead into memory at
once, cuts off a client that closes its side after asking, and logs a line for every request that is no HTTP. llhttp, its parser,
is strict where it matters (two lengths, length and chunks, bare LF, folded lines, control bytes, chunks); what it lets pass and
we do not: a second Host or none, HTTP/0.9 and 2.0, an address that is no path.

Nothing here reads a request's body: the applications behind need none.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from feedmill.service.lastwords import LastWords, refusal
from feedmill.service.patience import BODY, BUSY, HEAD, IDLE, NEW, PARTING, Outflow, Watch, WireCounts, WireLimits
from feedmill.service.promptness import AtOnce, KnownHeads, send_at_once

__all__ = ["AtOnce", "WireCounts", "WireLimits", "make_protocol"]

_END: Final = b"\r\n\r\n"
_VERSIONS: Final = ("1.1", "1.0")
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
#: The fields that decide something here; any other is only handed on.
_DECIDING: Final = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding"})
#: So much of a body is looked at, for chunks that are none.
_BODY_SEEN = 4096
#: So much may still come after the last answer before the connection is cut.
_MOST_UNHEARD = 2**20
#: What a transport's buffer has lost at least when it asks for more: the distance of its two marks (asyncio's default).
_DRAINED = 49_152


def make_protocol(limits: WireLimits, counts: WireCounts, *, at_once: AtOnce = lambda _: None) -> type[asyncio.Protocol]:
    """Return the protocol class of one server, for `uvicorn.Config(http=…, ws="none")`; `counts` is kept up to date.

    `at_once` is asked before the application, and answers what lies ready.
    The cap on connections is taken from the process's limit of open files as it is now: raise that first.
    """
    watch = Watch(limits, counts)
    caps = {"head_bytes": limits.head_bytes, "url_bytes": limits.url_bytes, "fields": limits.fields}
    return type("WireProtocol", (_WireProtocol,), {"watch": watch, "heads": KnownHeads(), "at_once": staticmethod(at_once), **caps})


class _StopError(Exception):
    """Stops the parser in the middle of what it reads."""


class _WireProtocol(HttpToolsProtocol):
    watch: Watch
    heads: KnownHeads
    at_once: AtOnce
    head_bytes: int
    url_bytes: int
    fields: int

    phase = NEW
    since = 0.0
    outflow: Outflow | None = None
    url = b""
    #: What the parser's next error is answered with; 0 when it is none.
    _fault = 400
    #: Of the head that is being read: its Host fields, whether it announces a body, its bytes so far and the last three of
    #: them, and whether its first line is not over.
    _hosts = 0
    _announces_body = False
    #: Whether the request has a Connection field.
    _names_connection = False
    #: Whether the head that was read last had an answer that lay ready.
    _was_ready = False
    _head_size = 0
    _tail = b""
    _in_first_line = False
    #: What came while a request was being answered.
    _ahead = b""
    #: Bytes that came after the last answer.
    _unheard = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        if not self.watch.admit(self, self.loop):
            self.refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        self.watch.forget(self)
        self._take_ahead()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.outflow is not None:
            self.outflow.drained(_DRAINED)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Let a client that has said all close its side: it still gets its answer (RFC 9112 section 9.6)."""
        if self.phase == BUSY:
            self.cycle.keep_alive = False
            self.cycle.transport = self.transport
            return True
        if self.phase == HEAD:
            self.refuse(400)
        return False

    # Reading

    def data_received(self, data: bytes) -> None:
        if self.phase <= IDLE and self.heads.send_again(self, self.at_once, data):
            self.phase, self.since = IDLE, self.loop.time()
            return
        # Nearly always what comes is one whole head and nothing else.
        if self.phase <= IDLE and 0 <= data.find(_END) == len(data) - len(_END) and data.isascii() and len(data) <= self.head_bytes:
            self._was_ready = False
            self._feed(data)
            if self._was_ready and self.phase == IDLE:
                self.heads.note(data, self)
            elif self.phase == BODY:
                self._answer_without_body(b"")
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """Read what is no single head: a part of one, several, a body, junk. One request is answered at a time."""
        while data and self.phase < BODY:
            data = self._read_head(data)
        if self.phase == BODY:
            self._answer_without_body(data)
        elif self.phase == BUSY and data:
            self._keep_ahead(data)
        elif self.phase == PARTING:
            self._unheard += len(data)
            if self._unheard > _MOST_UNHEARD:
                self.transport.abort()

    def _read_head(self, data: bytes) -> bytes:
        """Read a head, or what there is of it, up to its cap; returns what comes after it."""
        if self.phase != HEAD:
            data = data.lstrip(b"\r\n")  # as RFC 9112 section 2.2 has it
            if not data:
                return b""
            if self.phase == IDLE:
                self.since = self.loop.time()
            self.phase, self._head_size, self._tail, self._in_first_line = HEAD, 0, b"", True
        if self._in_first_line:
            data = self._mend_first_line(data)
        end = (self._tail + data).find(_END)
        whole = len(data) if end < 0 else end + len(_END) - len(self._tail)
        part = data[: min(whole, self.head_bytes - self._head_size)]
        self._head_size += len(part)
        self._tail = (self._tail + part)[-3:]
        self._feed(part)
        if self.phase == HEAD:
            if len(self.url) > self.url_bytes:
                self.refuse(414)
            elif self._head_size >= self.head_bytes or len(self.headers) > self.fields:
                self.refuse(431)
        return data[len(part) :]

    def _mend_first_line(self, data: bytes) -> bytes:
        """Encode what is not ASCII in an address, which llhttp would refuse: curl and newsboat send 新 as it was typed."""
        end = data.find(b"\n")
        self._in_first_line = end < 0
        line = data if end < 0 else data[:end]
        if line.isascii() or len(line) > self.url_bytes:
            return data
        return _NOT_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), line) + data[len(line) :]

    def _feed(self, data: bytes) -> None:
        """Have the parser read what belongs to one request, never more: it would go on with the next before this is answered."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.watch.counts.upgrades += 1
            if self.phase == BUSY and self.parser.get_method() == b"CONNECT":
                self.cycle.keep_alive = False
        except httptools.HttpParserError:
            if self._fault:
                self.refuse(self._fault)

    def _keep_ahead(self, data: bytes) -> None:
        self.flow.pause_reading()
        if self.watch.waiting + len(data) > self.watch.limits.waiting_bytes:
            # The client has to ask again for what was not answered (RFC 9112 section 9.3.2).
            self.cycle.keep_alive = False
            self._take_ahead()
            return
        self.watch.waiting += len(data)
        self._ahead += data

    def _take_ahead(self) -> bytes:
        data, self._ahead = self._ahead, b""
        self.watch.waiting -= len(data)
        return data

    # What the parser found

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _DECIDING:
            if name == b"host":
                self._hosts += 1
            elif name == b"connection":
                self._names_connection = True
            elif name == b"transfer-encoding" or value.strip(b"0 \t"):
                self._announces_body = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if len(self.url) > self.url_bytes:
            self._stop(414)
        if len(self.headers) > self.fields:
            self._stop(431)
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() == "1.1"):
            self._stop(400)  # RFC 9112 section 3.2
        self._hosts = 0
        names_connection, self._names_connection = self._names_connection, False
        if not self.url.startswith(b"/"):
            self.url = self._path_of(self.url)
        if self._announces_body:
            self._announces_body = False
            if self.parser.get_http_version() not in _VERSIONS:
                self._stop(505)
            httptools.parse_url(self.url)  # what it raises is for the parser to hear
            self.headers = []  # for trailers, which are nobody's
            self.phase = BODY
            return
        if send_at_once(self, self.at_once, is_plain=not names_connection):
            self.phase, self.since, self._was_ready = IDLE, self.loop.time(), True
            return
        HttpToolsProtocol.on_headers_complete(self)  # super() takes four times as long
        # Not before: to ask the parser for the version takes longer than all the above.
        if self.scope["http_version"] not in _VERSIONS:
            self.cycle.disconnected = True
            self._stop(505)
        self.phase = BUSY

    def _path_of(self, url: bytes) -> bytes:
        """Return the path and query of an absolute address; refuses what is none (RFC 9112 section 3.2)."""
        method = self.parser.get_method()
        if method == b"CONNECT" or (method == b"OPTIONS" and url == b"*"):
            self._stop(405)
        parts = httptools.parse_url(url)
        if (parts.schema or b"").lower() not in (b"http", b"https"):
            self._stop(400)
        return (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")

    def _stop(self, status: int) -> NoReturn:
        self._fault = status
        raise _StopError

    def _should_upgrade(self) -> bool:
        return False  # whatever uvicorn finds installed

    def on_body(self, body: bytes) -> None:
        """Let it go."""

    def on_message_complete(self) -> None:
        if self.phase == IDLE:  # answered at once
            return
        if self.phase == BODY:
            self._stop(0)
        self.cycle.more_body = False
        self.cycle.message_event.set()

    # Answering

    def _answer_without_body(self, body: bytes) -> None:
        """Have a request answered whose body nobody reads, unless what came of it is broken, and part then."""
        if body:
            self._feed(body[:_BODY_SEEN])
        if self.phase != BODY:
            return
        super().on_headers_complete()
        self.phase = BUSY
        self.cycle.keep_alive = self.cycle.more_body = False
        self.cycle.message_event.set()
        self.cycle.transport = LastWords(self.transport, self.part)

    def on_response_complete(self) -> None:
        # In place of uvicorn's, which arms a timer after every response.
        self.server_state.total_requests += 1
        if self.phase != BUSY or self.transport.is_closing():
            return
        self.phase = IDLE
        self.since = self.loop.time()
        if self._ahead or self.flow.read_paused:
            self._read(self._take_ahead())
            if not self._ahead:
                self.flow.resume_reading()

    def refuse(self, status: int) -> None:
        """Answer with an error, in words that hold nothing of the request, and part."""
        if self.phase == PARTING:
            return
        if not self.transport.is_closing():
            self.watch.counts.refused[status] += 1
            self.transport.write(refusal(status, self.parser.get_method()))
        self.part()

    def part(self) -> None:
        """Say nothing more, and hear out the client for a moment: to close on what it still sends could cost it the answer."""
        if self.phase == PARTING:
            return
        self.phase, self.since = PARTING, self.loop.time()
        self._take_ahead()
        self.flow.resume_reading()
        if self.transport.is_closing() or not self.watch.part(self):
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except OSError:  # the client is gone
            self.transport.abort()
