"""What a connection says before it parts: an error in the protocol's own words, or an application's last answer."""

from __future__ import annotations

import asyncio
import http
from collections.abc import Callable
from email.utils import formatdate
from typing import Any


def refusal(status: int, method: bytes) -> bytes:
    """Return the whole answer with which the protocol refuses a request of `method`. It holds nothing that the client sent."""
    body = f"{status} {http.HTTPStatus(status).phrase}\n"
    lines = [
        f"HTTP/1.1 {body.rstrip()}",
        f"date: {formatdate(usegmt=True)}",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(body)}",
        "connection: close",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; sandbox",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
    ]
    if status == 405:
        lines.append("allow: GET, HEAD")
    return "\r\n".join([*lines, "", "" if method == b"HEAD" else body]).encode()


class LastWords(asyncio.Transport):
    """What a response is written to after which the connection parts instead of closing."""

    def __init__(self, transport: asyncio.Transport, part: Callable[[], None]) -> None:
        super().__init__()
        self._transport, self._part = transport, part

    def write(self, data: Any) -> None:
        """Write to the connection."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether the connection is at its end."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Part."""
        self._part()
