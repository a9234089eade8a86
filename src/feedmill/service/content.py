"""Where the bytes of a version come from, in each coding."""

from __future__ import annotations

import asyncio
import gzip
from hashlib import blake2b
from typing import Protocol

from feedmill.service.conditional import IDENTITY, Coding
from feedmill.service.singleflight import SingleFlight

_GZIP_LEVEL = 6


class OutdatedError(Exception):
    """The bytes of a version are not to be had any more: there is a new one by now."""


class Content(Protocol):
    """Where the bytes of one version come from."""

    def at_hand(self, coding: Coding) -> bytes | None:
        """Return the bytes in `coding` where they are in memory."""

    async def bring(self, coding: Coding) -> bytes:
        """Return the bytes in `coding`, read and compressed where need be. Raises OutdatedError, OSError."""


class HeldContent:
    """Bytes that stay in memory, with their gzip once somebody has asked for it."""

    def __init__(self, body: bytes) -> None:
        self._bodies: dict[Coding, bytes] = {IDENTITY: body}
        self._flights: SingleFlight[Coding, bytes] = SingleFlight()

    def at_hand(self, coding: Coding) -> bytes | None:
        return self._bodies.get(coding)

    async def bring(self, coding: Coding) -> bytes:
        if (body := self.at_hand(coding)) is None:
            body = self._bodies[coding] = await self._flights.run(coding, lambda: asyncio.to_thread(compress, self._bodies[IDENTITY]))
        return body


def compress(body: bytes) -> bytes:
    """Return `body` as gzip: the same bytes for the same body."""
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)


def digest_of(body: bytes) -> str:
    """Return what tells these bytes from all others; the entity tag is made of it."""
    return blake2b(body, digest_size=16).hexdigest()
