"""Answers that lie ready are sent while the request's head is still being parsed: nearly every request for a feed has one.

uvicorn makes a scope, a cycle, an event and a task for every request, and an application takes two more rounds to answer: two
thirds of what a 304 costs (measured).
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    from feedmill.service.representation import Reply

#: Asked with a scope of "method", "raw_path" (the whole target, a query too) and "headers" alone, and where the same bytes are known from
#: before a "memo", a dict for whatever helps to answer them again. None: the application is to be called.
AtOnce = Callable[[MutableMapping[str, Any]], "Reply | None"]
#: So many heads are known at most, each of at most so many bytes: 20 MB with their answers, were there as many.
_MOST_HEADS, _LONGEST_HEAD = 1024, 1024


def send_at_once(connection: HttpToolsProtocol, at_once: AtOnce, *, is_plain: bool) -> bool:
    """Answer the request whose head has just been read, where that can be done now; False: the application is to do it.

    Only on a connection that goes on, in HTTP/1.1, where the client takes what it is sent, and no line is to be logged. `is_plain`:
    there is no Connection field; without one, what goes on is HTTP/1.1 and no upgrade (to ask the parser for that takes as long as
    all the rest of this).
    """
    parser = connection.parser
    if not parser.should_keep_alive() or (not is_plain and (parser.get_http_version() != "1.1" or parser.should_upgrade())):
        return False
    scope: MutableMapping[str, Any] = connection.scope  # type: ignore[assignment]  # uvicorn fills in the rest where it is called
    scope["method"], scope["raw_path"] = parser.get_method().decode("ascii"), connection.url
    return _send(connection, at_once, scope)


class KnownHeads:
    """Requests that were answered at once, by their bytes. The same bytes are the same request, and a reader sends the same ones until
    a feed changes: to find them here takes half the time of reading them (measured)."""

    def __init__(self) -> None:
        self._scopes: dict[bytes, MutableMapping[str, Any]] = {}

    def note(self, head: bytes, connection: HttpToolsProtocol) -> None:
        """Remember a head that `send_at_once` has just answered on a connection."""
        if len(head) > _LONGEST_HEAD:
            return
        if len(self._scopes) >= _MOST_HEADS:
            self._scopes.clear()
        scope: MutableMapping[str, Any] = connection.scope  # type: ignore[assignment]
        self._scopes[head] = {name: scope[name] for name in ("method", "raw_path", "headers")} | {"memo": {}}

    def send_again(self, connection: HttpToolsProtocol, at_once: AtOnce, head: bytes) -> bool:
        """Answer a request whose head is known, on a connection that is between two requests; False: it is to be read."""
        scope = self._scopes.get(head)
        return scope is not None and _send(connection, at_once, scope)


def _send(connection: HttpToolsProtocol, at_once: AtOnce, scope: MutableMapping[str, Any]) -> bool:
    if connection.access_log or connection.flow.write_paused:
        return False
    reply = at_once(scope)
    if reply is None:
        return False
    lines = reply.lines or b"".join(b"%b: %b\r\n" % header for header in reply.headers)
    dated = _DATED.of(connection.server_state.default_headers)
    connection.transport.write(b"".join((STATUS_LINE[reply.status], dated, lines, b"\r\n", reply.body)))
    connection.server_state.total_requests += 1
    return True


class _Dated:
    """The lines that uvicorn adds to every answer, the date above all: it makes a new list of them each second."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def of(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return `headers` as lines."""
        if headers is not self._headers:
            self._headers, self._lines = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._lines


_DATED = _Dated()
