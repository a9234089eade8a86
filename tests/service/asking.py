"""A client of ASGI apps without a network: one request, one answer."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

App = Callable[[Any, Any, Any], Awaitable[None]]


class Answer(NamedTuple):
    """What came back. Header names are in lower case; none comes twice."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> bytes:
        """The body without its coding."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


def make_scope(path: str | bytes, *, method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """The scope of a request, as a server makes it: `path` is percent-encoded."""
    raw = path.encode("ascii") if isinstance(path, str) else path
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "raw_path": raw,
        "path": raw.decode("latin-1"),
        "query_string": b"",
        "headers": [(b"host", b"evil.example"), *((name.lower().encode(), value.encode("latin-1")) for name, value in headers)],
    }


async def ask(app: App, path: str | bytes, *, method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Ask `app` once, and hold its answer to what HTTP and ASGI want of every answer."""
    return await drive(app, make_scope(path, method=method, headers=headers))


async def drive(app: App, scope: dict[str, Any]) -> Answer:
    """As `ask`, for a scope that is made already."""
    status, fields, body = await exchange(app, scope)
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in fields}
    assert len(headers) == len(fields), "a header came twice"
    assert not any(mark in text for text in headers.values() for mark in "\r\n\0")
    if status in (204, 304):
        assert "content-length" not in headers
        assert body == b""
    elif scope["method"] == "HEAD":
        assert "content-length" in headers
        assert body == b""
    else:
        assert headers["content-length"] == str(len(body))
    return Answer(status, headers, body)


async def exchange(app: App, scope: dict[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body of the answer to a request, as they are."""
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(scope, _receive, send)
    start, body = messages
    assert (start["type"], body["type"]) == ("http.response.start", "http.response.body")
    return start["status"], start["headers"], body.get("body", b"")


async def _receive() -> dict[str, Any]:
    raise AssertionError("nobody reads the body of a request")
