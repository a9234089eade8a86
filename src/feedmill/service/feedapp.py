"""/feeds/… over HTTP: a plain ASGI app, as a router alone would cost as much as the answer.

Addresses in what it sends are made of the configured address of the feeds, never of what the request says (faults I4).
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from feedmill.service.content import OutdatedError
from feedmill.service.feedpath import BadPathError, decode_path, encode_path, file_of
from feedmill.service.mediatypes import is_archive, is_feed, media_type
from feedmill.service.representation import (
    ALLOW,
    Block,
    Header,
    Receive,
    Reply,
    Representation,
    Scope,
    Send,
    make_block,
    prepare_reply,
    refusal,
    reply_at_once,
    send_reply,
)
from feedmill.service.shelf import Shelf
from feedmill.urls import encode_url, without_userinfo

logger = logging.getLogger(__name__)

#: What the paths of these requests begin with.
PREFIX = b"/feeds/"

_SHARED: Header = (b"access-control-allow-origin", b"*")
_PREFLIGHT: tuple[Header, ...] = (
    _SHARED,
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"If-None-Match, If-Modified-Since"),
    (b"access-control-max-age", b"86400"),
)
#: How long caches may keep an archive document, that something is gone, and that there is nothing (yet).
_ARCHIVED: Header = (b"cache-control", b"public, max-age=604800")
_GONE: Header = (b"cache-control", b"public, max-age=300")
_ABSENT: Header = (b"cache-control", b"public, max-age=60")
_RETRY: tuple[Header, ...] = (_SHARED, (b"retry-after", b"30"), (b"cache-control", b"no-store"))
#: Readers that asked at the same second are told so many different times to come back, spread over a tenth of `max_age`.
_SPREAD = 16
_MAX_PLACES = 10_000
_TRIES = 5
_LOG_EVERY = 60.0

Moved = Callable[[str], Awaitable[str | None]]


class _Place(NamedTuple):
    """What is known of an address that has been answered before."""

    file: str
    #: The Link of a feed; nothing for other files.
    link: tuple[Block, ...]
    #: How long it may be kept: the next of several answers.
    cache: Iterator[Block]


class FeedApp:
    """Answers requests for what is on the shelf, and for what was."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        feeds_url: str,
        hubs: Sequence[str],
        max_age: timedelta,
        moved: Moved,
        counts: Counter[int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`feeds_url` ends with a slash. `moved` is told a path without a file, and says where it is now: "" for nowhere, None for unknown.

        `counts` gets the number of replies by status.
        """
        self._shelf = shelf
        self._feeds_url = encode_url(feeds_url)
        self._hubs = [without_userinfo(hub) for hub in map(encode_url, hubs) if hub]
        self._moved = moved
        self._counts = counts
        self._monotonic = monotonic
        self._quiet_until = float("-inf")
        self._places: dict[bytes, _Place] = {}
        self._cache_control: Iterator[Block] = itertools.cycle(
            [make_block((b"cache-control", b"public, max-age=%d" % seconds)) for seconds in _spread(max_age)]
        )

        self._archived = itertools.repeat(make_block(_ARCHIVED))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path begins with `PREFIX`."""
        reply = self.at_once(scope)
        if reply is None:
            reply = await self._reply(scope)
            self._counts[reply.status] += 1
        await send_reply(send, reply)

    def at_once(self, scope: Scope) -> Reply | None:
        """Return, and count, the answer to a request where it is ready in memory: so to nearly every one. None: call the app.

        Of `scope` only `method`, `raw_path` and `headers` are looked at, so that a server can ask before it makes more of a request.
        A `memo`, where there is one, is filled with the 304s that this very request has had, by what they say of caching: as long
        as the version is the same, so are they.
        """
        place = self._places.get(scope.get("raw_path", b""))
        representation = self._shelf.at_hand(place.file) if place is not None else None
        if place is None or representation is None or scope["method"] not in ("GET", "HEAD"):
            return None
        cache, memo = next(place.cache), scope.get("memo")
        if (
            memo is not None
            and memo.get("of") is representation
            and memo.get("app") is self
            and (known := memo.get(cache.lines)) is not None
        ):
            self._counts[304] += 1
            reply: Reply = known
            return reply
        made = reply_at_once(scope, representation, more=(cache, *place.link))
        if made is not None:
            self._counts[made.status] += 1
            if memo is not None and made.status == 304:
                self._keep(memo, representation, cache, made)
        return made

    def _keep(self, memo: dict[Any, Any], representation: Representation, cache: Block, reply: Reply) -> None:
        if memo.get("of") is not representation or memo.get("app") is not self:
            memo.clear()
            memo |= {"of": representation, "app": self}  # after a reload another app serves the same versions, with other links
        memo[cache.lines] = reply

    async def _reply(self, scope: Scope) -> Reply:
        if scope["method"] == "OPTIONS":
            return _preflight(scope)
        if scope["method"] not in ("GET", "HEAD"):
            return refusal(scope, 405, headers=(ALLOW, _SHARED))
        raw = _raw_path(scope)
        try:
            path = decode_path(raw.removeprefix(PREFIX))
            return refusal(scope, 404, headers=(_SHARED, _ABSENT)) if path is None else await self._reply_for(scope, raw, path)
        except BadPathError as exc:
            return refusal(scope, 400, headers=(_SHARED,), text=f"400 Bad Request: {exc}\n")
        except OSError as exc:
            self._complain(exc)
            return refusal(scope, 503, headers=_RETRY)

    async def _reply_for(self, scope: Scope, raw: bytes, path: str) -> Reply:
        """Raises OSError."""
        for _ in range(_TRIES):
            representation = await self._shelf.get(path)
            if representation is None:
                return await self._reply_without(scope, path)
            place = self._places.get(raw) or self._note(raw, path)
            try:
                return await prepare_reply(scope, representation, more=(next(place.cache), *place.link))
            except OutdatedError:
                continue
        return refusal(scope, 503, headers=_RETRY)

    async def _reply_without(self, scope: Scope, path: str) -> Reply:
        target = await self._moved(path) if path else None
        if target is None or target == path:
            return refusal(scope, 404, headers=(_SHARED, _ABSENT))
        if not target:
            return refusal(scope, 410, headers=(_SHARED, _GONE))
        if is_archive(target) and await self._shelf.get(target) is None:
            return refusal(scope, 404, headers=(_SHARED, _ABSENT))
        location = (self._feeds_url + encode_path(target)).encode("ascii")
        return refusal(scope, 301, headers=(_SHARED, *next(self._cache_control).headers, (b"location", location)))

    def _note(self, raw: bytes, path: str) -> _Place:
        file = file_of(path)
        place = _Place(file, self._link(file), self._archived if is_archive(file) else self._cache_control)
        # One spelling of each path alone: there are a thousand others of it, for whoever wants to fill the memory.
        if raw == PREFIX + encode_path(path).encode("ascii"):
            if len(self._places) >= _MAX_PLACES:
                self._places.clear()
            self._places[raw] = place
        return place

    def _link(self, file: str) -> tuple[Block, ...]:
        """What a feed says of itself and, where it changes, of its hubs, for those that read no XML (RFC 8288; WebSub §4)."""
        if not is_feed(file):
            return ()
        links = [f'<{self._feeds_url}{encode_path(file)}>; rel="self"; type="{media_type(file)}"']
        links += [f'<{hub}>; rel="hub"' for hub in self._hubs if not is_archive(file)]
        return (make_block((b"link", ", ".join(links).encode("ascii"))),)

    def _complain(self, exc: OSError) -> None:
        now = self._monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_EVERY
            logger.error("feeds cannot be read: %s; readers are told to come back later (said at most once a minute)", exc.strerror or exc)


def _spread(max_age: timedelta) -> list[int]:
    """Return so many seconds from `max_age` to a tenth more, neighbours far apart."""
    seconds = max_age.total_seconds()
    return [round(seconds * (1 + turn * 7 % _SPREAD / (_SPREAD - 1) / 10)) for turn in range(_SPREAD)]


def _raw_path(scope: Scope) -> bytes:
    """Return the path as it was asked for: ASGI servers need not tell it, and some leave the query at it."""
    raw: bytes | None = scope.get("raw_path")
    return quote(scope["path"]).encode("ascii") if raw is None else raw.partition(b"?")[0]


def _preflight(scope: Scope) -> Reply:
    """Answer the question of a browser whether a script of another origin may read feeds; to others OPTIONS is nothing."""
    names = {name for name, _ in scope["headers"]}
    if b"origin" in names and b"access-control-request-method" in names:
        return refusal(scope, 204, headers=_PREFLIGHT)
    return refusal(scope, 405, headers=(ALLOW, _SHARED))
