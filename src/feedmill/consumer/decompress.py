"""Content codings undone within limits: gzip and deflate, never more bytes at a time than the caller has room for.

Pure: bytes in, bytes out. A coding that is not known is refused before a byte is read: br and zstd swell 10,000 times.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

# Output is made in steps of this size: zlib joins the pieces of one call, so a call for 20 MB takes 40 MB for a moment, and a step
# is what a caller waits for at a time: 64 kB of a bomb swell to 60 MB in a fifth of a second (measured), a step takes a millisecond.
_STEP = 1 << 18
# Concatenated gzip members are legal (RFC 1952 section 2.2) and in no feed's answer; a megabyte of empty ones takes seconds.
_MAX_MEMBERS = 100
_GZIP, _ZLIB, _RAW = 31, 15, -15
_GZIP_MAGIC = b"\x1f\x8b"


class CodingError(Exception):
    """A content coding that is refused, or content that does not follow it; the message is the rest of a sentence."""


class TooLargeError(CodingError):
    """The decoded content is larger than the limit."""


class Decoder(Protocol):
    """Undoes one content coding. The contract of all of them."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` decodes to, in pieces that are decoded as they are taken; all are to be taken.

        Raises CodingError for broken content, TooLargeError beyond the limit.
        """

    def is_whole(self) -> bool:
        """Whether the content has come to its end, as far as the coding can tell; true when there was none at all."""


def decoder_for(content_encoding: str, *, limit: int) -> Decoder:
    """Return the decoder for a Content-Encoding field, which gives at most `limit` bytes. Raises CodingError when it is refused."""
    codings = [coding for part in content_encoding.lower().split(",") if (coding := part.strip()) not in ("", "identity")]
    if not codings:
        return _Identity(limit)
    if len(codings) > 1:
        raise CodingError("it is compressed more than once")
    if codings[0] in ("gzip", "x-gzip"):
        return _Gzip(limit)
    if codings[0] == "deflate":
        return _Deflate(limit)
    raise CodingError("it is compressed in a way that was not asked for")


class _Room:
    """Counts what was given out. Raises TooLargeError when that is more than the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooLargeError(f"it decodes to more than {self._limit:,} bytes")


class _Identity:
    def __init__(self, limit: int) -> None:
        self._room = _Room(limit)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._room.take(len(chunk))
        yield chunk

    def is_whole(self) -> bool:
        return True


class _Gzip:
    def __init__(self, limit: int) -> None:
        self._room = _Room(limit)
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._has_begun = False
        #: What follows the last member, until it is long enough to tell another member from padding.
        self._rest = b""
        self._is_over = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        data = self._rest + chunk
        self._rest = b""
        self._has_begun = self._has_begun or bool(data)
        while data and not self._is_over:
            if self._member.eof and not self._begins_member(data):
                break
            yield from _inflate(self._member, data, self._room)
            data = self._member.unused_data

    def _begins_member(self, data: bytes) -> bool:
        """Open the next member when `data` begins one. Anything else after a member is padding, as gzip itself reads it."""
        if len(data) < len(_GZIP_MAGIC) and _GZIP_MAGIC.startswith(data):
            self._rest = data
            return False
        if not data.startswith(_GZIP_MAGIC):
            self._is_over = True
            return False
        if self._members == _MAX_MEMBERS:
            raise CodingError("its gzip is in too many parts")
        self._members += 1
        self._member = zlib.decompressobj(_GZIP)
        return True

    def is_whole(self) -> bool:
        return not self._has_begun or self._member.eof


class _Deflate:
    """The zlib format that RFC 9110 section 8.4.1.2 means by "deflate", or the raw one that some servers send."""

    def __init__(self, limit: int) -> None:
        self._room = _Room(limit)
        self._stream: zlib._Decompress | None = None
        self._head = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        data = self._head + chunk
        if self._stream is None:
            if len(data) < 2:
                self._head = data
                return
            self._head = b""
            self._stream = zlib.decompressobj(_ZLIB if _has_zlib_header(data) else _RAW)
        if not self._stream.eof:
            yield from _inflate(self._stream, data, self._room)

    def is_whole(self) -> bool:
        return self._stream.eof if self._stream is not None else not self._head


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950 section 2.2: method 8, and a check that makes the two bytes a multiple of 31. No raw stream of ours begins so."""
    return data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0


def _inflate(stream: zlib._Decompress, data: bytes, room: _Room) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.decompress(data, _STEP)
        except zlib.error as exc:
            raise CodingError("its compression is damaged") from exc
        room.take(len(piece))
        if piece:
            yield piece
        data = stream.unconsumed_tail
        # Output that was held back may come without further input: an empty piece is the sign that nothing is.
        if stream.eof or (not data and not piece):
            return
