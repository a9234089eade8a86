"""One version of one resource, and how a request for it is answered: whole, in gzip, with 304, or not at all.

This is the path of every feed request, so an answer is put together from headers that were made once for each version; only
`Content-Length` and what the caller adds come on top.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple

from feedmill.posts.dates import format_rfc822
from feedmill.service.conditional import (
    GZIP,
    IDENTITY,
    Coding,
    choose_coding,
    is_unmodified_since,
    names_tag,
    prefers_plain_xml,
)
from feedmill.service.content import Content, HeldContent, digest_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

#: What a reply may do where it says nothing of its own: nothing.
STRICT_POLICY = "default-src 'none'; sandbox"
ALLOW: Header = (b"allow", b"GET, HEAD")

_READING = ("GET", "HEAD")
_COMMON: tuple[Header, ...] = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_POLICY = b"content-security-policy"
_NO_RANGES: Header = (b"accept-ranges", b"none")
_GZIPPED: Header = (b"content-encoding", b"gzip")
#: Below it gzip's own header and the second version in caches cost more than is saved.
_WORTH_GZIP = 500
_CODED_TYPES = frozenset({"application/xml", "application/json", "application/javascript"})


class Block(NamedTuple):
    """Headers that go together, and the same as lines of HTTP/1.1: to write them anew takes a fifth of the time of a 304 (measured)."""

    headers: tuple[Header, ...]
    lines: bytes


class Reply(NamedTuple):
    """An answer that is ready to be sent. The body of an answer to HEAD is empty."""

    status: int
    headers: list[Header]
    body: bytes
    #: `headers` as lines of HTTP/1.1, without the status line and the empty one, where they were made before; b"" elsewhere.
    lines: bytes = b""


class Variant(NamedTuple):
    """One form of a version, in type and coding: its entity tag, and its own headers in a 200 (without Content-Length) and in a 304."""

    coding: Coding
    etag: bytes
    found: Block
    unchanged: Block


@dataclass(frozen=True, slots=True, eq=False)
class Representation:
    """One version of one resource. `etag` is strong, quoted, and of the identity bytes; `last_modified` is in epoch seconds."""

    content_type: str
    etag: str
    last_modified: int | None
    headers: tuple[Header, ...]
    content: Content = field(repr=False)
    #: What 200 and 304 have in common with those of other versions.
    shared: Block = field(repr=False)
    #: The type of the same bytes for those who like `application/xml` better; "" where there is no other.
    plain_type: str = field(repr=False)
    is_worth_gzip: bool = field(repr=False)
    media_type: bytes = field(repr=False)
    modified_text: bytes = field(repr=False)
    #: Those that somebody has asked for: few are, and all of them would be most of what a version takes in memory.
    variants: dict[tuple[bool, Coding], Variant] = field(default_factory=dict, repr=False)

    @property
    def body(self) -> bytes:
        """The identity bytes; b"" where they are not in memory now, which never happens to what `represent` made."""
        return self.content.at_hand(IDENTITY) or b""


def represent(body: bytes, *, content_type: str, last_modified: int | None, headers: Iterable[Header] = ()) -> Representation:
    """Return a version that holds its bytes. `last_modified` is in epoch seconds; `headers` go with every 200 and 304.

    A Content-Security-Policy among `headers` takes the place of `STRICT_POLICY`.
    """
    return describe(
        HeldContent(body), digest=digest_of(body), size=len(body), content_type=content_type, last_modified=last_modified, headers=headers
    )


def describe(
    content: Content,
    *,
    digest: str,
    size: int,
    content_type: str,
    last_modified: int | None,
    headers: Iterable[Header] = (),
    plain_type: str = "",
) -> Representation:
    """Return a version whose bytes `content` has: `size` of them, told from all others by `digest`, which becomes the entity tag.

    `plain_type`: as what those get the same bytes who like `application/xml` better than `content_type`.
    """
    headers = tuple(headers)
    media_type = content_type.partition(";")[0].strip().lower()
    is_worth_gzip = size >= _WORTH_GZIP and _gains_from_gzip(media_type)
    chosen_by = [*(["Accept"] if plain_type else []), *(["Accept-Encoding"] if is_worth_gzip else [])]
    return Representation(
        content_type=content_type,
        etag=f'"{digest}"',
        last_modified=last_modified,
        headers=headers,
        content=content,
        shared=_shared(headers, ", ".join(chosen_by)),
        plain_type=plain_type,
        is_worth_gzip=is_worth_gzip,
        media_type=media_type.encode("ascii"),
        modified_text=b"" if last_modified is None else format_rfc822(datetime.fromtimestamp(last_modified, UTC)).encode("ascii"),
    )


def make_block(*headers: Header) -> Block:
    """Return headers as one block. Raises ValueError for a line end or NUL in one of them: it would make another header of the rest."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers) or b"\0" in lines:
        raise ValueError("a header has a line end in it")
    return Block(headers, lines)


@lru_cache(maxsize=64)
def _shared(headers: tuple[Header, ...], vary: str) -> Block:
    """Return the headers that many versions have, once for all of them."""
    return make_block(*_secured(headers), *([(b"vary", vary.encode("ascii"))] if vary else []))


def _make_variant(representation: Representation, *, is_plain: bool, coding: Coding) -> Variant:
    # RFC 9110 §8.8.3: different bytes have different tags; and so has another type, as §8.8.1 lets it.
    suffix = ("-xml" if is_plain else "") + ("-gzip" if coding == GZIP else "")
    tag = f'{representation.etag[:-1]}{suffix}"'.encode("ascii")
    modified = representation.modified_text
    unchanged: list[Header] = [(b"etag", tag), *([(b"last-modified", modified)] if modified else [])]
    content_type = representation.plain_type if is_plain else representation.content_type
    found: list[Header] = [(b"content-type", content_type.encode("ascii")), *unchanged, _NO_RANGES]
    return Variant(coding, tag, make_block(*found, *([_GZIPPED] if coding == GZIP else [])), make_block(*unchanged))


def _gains_from_gzip(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type.endswith(("+xml", "+json")) or media_type in _CODED_TYPES


def _secured(headers: Iterable[Header]) -> list[Header]:
    """Return `headers` and what every reply says, but for what they say themselves."""
    own = list(headers)
    names = {name for name, _ in own}
    defaults = [*_COMMON, (_POLICY, STRICT_POLICY.encode("ascii"))]
    return [*own, *(header for header in defaults if header[0] not in names)]


def _fields(headers: Sequence[Header]) -> dict[bytes, bytes]:
    """Return the fields of a request by name; several of one name are one list (RFC 9110 §5.3)."""
    fields = dict(headers)
    if len(fields) != len(headers):
        joined: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            joined.setdefault(name, []).append(value)
        fields = {name: b", ".join(values) for name, values in joined.items()}
    return fields


def _negotiate(fields: dict[bytes, bytes], representation: Representation) -> Variant:
    """Return the variant that a request selects (RFC 9110 §12.1)."""
    is_plain = representation.plain_type != "" and prefers_plain_xml(fields.get(b"accept"), representation.media_type)
    coding = choose_coding(fields.get(b"accept-encoding")) if representation.is_worth_gzip else IDENTITY
    variant = representation.variants.get((is_plain, coding))
    if variant is None:
        variant = representation.variants[is_plain, coding] = _make_variant(representation, is_plain=is_plain, coding=coding)
    return variant


def _has_it(fields: dict[bytes, bytes], representation: Representation, variant: Variant) -> bool:
    """Whether the client has this very version; If-None-Match, even an unreadable one, beats If-Modified-Since (RFC 9110 §13.1.3)."""
    if (tags := fields.get(b"if-none-match")) is not None:
        return names_tag(tags, variant.etag)
    if (since := fields.get(b"if-modified-since")) is None or representation.last_modified is None:
        return False
    return since == representation.modified_text or is_unmodified_since(since, representation.last_modified, now=int(time.time()))


def _reply(status: int, blocks: tuple[Block, ...], body: bytes = b"") -> Reply:
    return Reply(status, list(chain.from_iterable([headers for headers, _ in blocks])), body, b"".join([lines for _, lines in blocks]))


def _whole(scope: Scope, blocks: tuple[Block, ...], body: bytes) -> Reply:
    length = b"%d" % len(body)
    blocks = (*blocks, Block(((b"content-length", length),), b"content-length: %b\r\n" % length))
    return _reply(200, blocks, b"" if scope["method"] == "HEAD" else body)


def reply_at_once(scope: Scope, representation: Representation, *, more: tuple[Block, ...] = ()) -> Reply | None:
    """Return the answer as `prepare_reply` does, where that needs nothing that is not in memory; else None."""
    if scope["method"] not in _READING:
        return refusal(scope, 405, headers=(ALLOW,))
    fields = _fields(scope["headers"])
    variant = _negotiate(fields, representation)
    if _has_it(fields, representation, variant):
        return _reply(304, (variant.unchanged, representation.shared, *more))
    body = representation.content.at_hand(variant.coding)
    return None if body is None else _whole(scope, (variant.found, representation.shared, *more), body)


async def prepare_reply(scope: Scope, representation: Representation, *, more: tuple[Block, ...] = ()) -> Reply:
    """Return the answer to a request for `representation`, with the headers `more` where it is 200 or 304. Raises OutdatedError, OSError.

    GET and HEAD: 304 where the client has this version (RFC 9110 §13), else 200, in gzip where that is wanted. Range is ignored, as
    it may be (§14.2). Anything else: 405.
    """
    if (reply := reply_at_once(scope, representation, more=more)) is not None:
        return reply
    variant = _negotiate(_fields(scope["headers"]), representation)
    body = await representation.content.bring(variant.coding)
    return _whole(scope, (variant.found, representation.shared, *more), body)


def refusal(scope: Scope, status: int, *, headers: Iterable[Header] = (), text: str = "") -> Reply:
    """Return a reply without a representation: an error, or a redirect with its Location among `headers`.

    `text` is plain; where it is empty the reply names its status. A 204 has no body. Raises ValueError for a
    line end in a header.
    """
    fields = list(make_block(*_secured(headers)).headers)
    if status == 204:
        return Reply(status, fields, b"")
    body = (text or f"{status} {HTTPStatus(status).phrase}\n").encode()
    fields += [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    return Reply(status, fields, b"" if scope["method"] == "HEAD" else body)


async def send_reply(send: Send, reply: Reply) -> int:
    """Send `reply` and return its status."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
    return reply.status


async def answer(scope: Scope, receive: Receive, send: Send, representation: Representation, *, more: tuple[Block, ...] = ()) -> int:
    """Answer a request for `representation` as `prepare_reply` says and return the status. Nothing is sent where that raises."""
    return await send_reply(send, await prepare_reply(scope, representation, more=more))


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, *, headers: Iterable[Header] = (), text: str = "") -> int:
    """Send a `refusal` and return its status."""
    return await send_reply(send, refusal(scope, status, headers=headers, text=text))
