"""The one HTTP client for whatever upstream serves: guarded, bounded, polite. What the other side does wrong is a value.

It decides nothing about schedules: it reports statuses and fields, and its caller plans.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver

from feedmill.consumer.answers import (
    REDIRECTS,
    declared_length,
    file_length,
    read_headers,
    read_location,
    read_validators,
    refreshed,
    status_reason,
)
from feedmill.consumer.aside import aside
from feedmill.consumer.complaints import TROUBLE, complaint
from feedmill.consumer.connections import Attempt, Route, open_session
from feedmill.consumer.decompress import CodingError, decoder_for
from feedmill.consumer.freshness import retry_after
from feedmill.consumer.guard import Guard, RefusedAddressError, port_refusal
from feedmill.consumer.hosts import HeldHostError, HostGate
from feedmill.consumer.journey import DEFAULT_ACCEPT, Journey, Limits, Request
from feedmill.consumer.targets import Target, UnfitAddressError, is_below, next_target, read_target, shown_place, shown_url
from feedmill.upstream import Failed, Fetched, FetchOutcome, NotModified

__all__ = ["DEFAULT_ACCEPT", "Client", "Limits", "Request", "shown_url"]

logger = logging.getLogger(__name__)

#: The longest time for a length, redirects included; waiting for a host's turn is not counted.
HEAD_DEADLINE = timedelta(seconds=4)


class _FailedFetch(Exception):
    def __init__(self, outcome: Failed) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def _fail(reason: str, *, status: int = 0, headers: Mapping[str, str] | None = None) -> _FailedFetch:
    return _FailedFetch(Failed(reason=reason, status=status, headers=headers or {}))


class Client:
    """Fetches; an async context manager that keeps connections open between fetches and closes them at its end."""

    def __init__(  # noqa: PLR0913 - what a client depends on, each its own
        self,
        *,
        guard: Guard,
        limits: Limits,
        gate: HostGate,
        concurrency: int = 32,
        proxy: str = "",
        own_urls: tuple[str, ...] = (),
        resolver: AbstractResolver | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`own_urls`: what this site publishes itself; `resolver` and `tls`: instead of the system's name lookup and authorities."""
        self._guard = guard
        self._limits = limits
        self._gate = gate
        self._slots = asyncio.Semaphore(concurrency)
        self._own_urls = own_urls
        self._now = now
        self._route = Route(guard, proxy=proxy, patience=limits.connect, resolver=resolver, threads=concurrency)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self._route, tls=self._tls)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._route.close()

    async def fetch(self, request: Request) -> FetchOutcome:
        """Ask for `request`, following redirects. Nothing that the other side does is raised; asyncio.CancelledError passes through."""
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with`")
        started = self._now()
        outcome = await self._outcome(request)
        if logger.isEnabledFor(logging.DEBUG):
            seconds = (self._now() - started).total_seconds()
            logger.debug("fetched", extra={"url": shown_place(request.url), "outcome": type(outcome).__name__, "seconds": seconds})
        return outcome

    async def size_of(self, url: str, *, named_by: str) -> int | None:
        """Ask by HEAD (RFC 9110 section 9.3.2) for the length of `url` in bytes; None where nobody says it, or the way there fails.

        `named_by` is the document that names it, and to the guard it is as if that redirected there: what a public host names is not
        asked in the networks that the config allows. Nothing is raised; asyncio.CancelledError passes through.
        """
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with`")
        limits = replace(self._limits, deadline=min(self._limits.deadline, HEAD_DEADLINE))
        length, journey = None, None
        try:
            journey = Journey.begin(Request(url=named_by, accept="*/*", method="HEAD"), limits)
            journey.was_own = await self._is_own(journey)
            if journey.move(Target(read_target(url).url), status=302):
                outcome = await self._follow(journey)
                length = file_length(outcome.headers) if isinstance(outcome, Fetched) else None
        except (UnfitAddressError, HeldHostError):
            pass
        except _FailedFetch as exc:
            until = retry_after(exc.outcome.headers, now=self._now()) if exc.outcome.status in (429, 503) else None
            if journey is not None and until is not None:
                self._gate.hold(journey.target.host, until)
        logger.debug("asked for a length", extra={"url": shown_place(url), "length": length})
        return length

    async def _outcome(self, request: Request) -> FetchOutcome:
        try:
            journey = Journey.begin(request, self._limits)
        except UnfitAddressError as exc:
            return Failed(reason=str(exc))
        try:
            return await self._follow(journey)
        except UnfitAddressError as exc:
            return Failed(reason=str(exc))
        except HeldHostError as exc:
            return Failed(reason=str(exc), held_until=exc.until)
        except _FailedFetch as exc:
            return replace(exc.outcome, url=journey.target.text) if exc.outcome.status else exc.outcome

    async def _follow(self, journey: Journey) -> FetchOutcome:
        """Ask one address after the other until one gives more than a redirect."""
        for _ in range(self._limits.redirects + 1):
            outcome = await self._visit(journey)
            if outcome is not None:
                return outcome
        raise _fail(f"it redirects more than {self._limits.redirects} times")

    async def _visit(self, journey: Journey) -> FetchOutcome | None:
        """Ask the journey's address, in its host's turn; None when it redirected, and the journey stands at the next address."""
        target = journey.target
        if is_below(target, self._own_urls):
            raise _fail(f"{shown_url(target.text)} is one of this site's own feeds: fetching it would go round in a circle")
        is_own = await self._is_own(journey)
        if is_own and journey.was_own is False:
            raise _fail(f"a public host redirects into sync.allow_networks, to {target.host}: name that address in the source itself")
        journey.was_own = is_own
        if is_own:
            async with self._slots:
                return await self._exchange(journey)
        async with self._gate.turn(target.host, within=self._slots):
            return await self._exchange(journey)

    async def _is_own(self, journey: Journey) -> bool:
        """Whether the host is the user's own: all its addresses lie in the networks that the config allows. Judges them all."""
        target, patience = journey.target, self._limits.connect.total_seconds()
        try:
            async with self._slots, journey.budget.spend():
                addresses = await self._route.addresses(target.host, target.port)
        except RefusedAddressError as exc:
            raise _fail(complaint(exc, host=target.host, patience=patience)) from exc
        except TimeoutError as exc:
            raise self._too_late(journey) from exc
        except OSError as exc:
            raise _fail(complaint(exc, host=target.host, patience=patience)) from exc
        if not addresses and (refusal := port_refusal(target.port)):  # the proxy looks the name up
            raise _fail(f"{target.host}: {refusal}")
        return bool(addresses) and all(self._guard.is_own(address, target.port) for address in addresses)

    async def _exchange(self, journey: Journey) -> FetchOutcome | None:
        """Send one request and read its answer. Raises _FailedFetch."""
        assert self._session is not None
        attempt = Attempt()
        asked = self._session.request(
            journey.request.method,
            journey.target.url,
            headers=journey.headers(),
            allow_redirects=False,
            middlewares=(attempt.send,),
            trace_request_ctx=attempt,
            **self._route.proxy_options(),
        )
        try:
            async with journey.budget.spend(), asked as response:
                return await self._read(response, journey)
        except aiohttp.ConnectionTimeoutError as exc:
            raise self._trouble(exc, journey) from exc
        except TimeoutError as exc:
            raise self._too_late(journey) from exc
        except UnfitAddressError:
            raise
        except TROUBLE as exc:
            raise self._trouble(exc, journey) from exc

    async def _read(self, response: aiohttp.ClientResponse, journey: Journey) -> FetchOutcome | None:
        status, raw, target = response.status, response.raw_headers, journey.target
        headers = read_headers(raw)
        validators = read_validators(raw, url=target.text)
        if status in REDIRECTS:
            self._redirect(journey, status, read_location(raw))
            return None
        if status == 304 and journey.fields:
            kept = refreshed(journey.request.validators, validators)
            return NotModified(url=target.text, headers=headers, validators=kept, moved_to=journey.moved_to)
        if status not in (200, 226):
            raise _fail(status_reason(status, host=target.host), status=status, headers=headers)
        if journey.request.method == "HEAD":
            return Fetched(url=target.text, status=status, body=b"", headers=headers, validators=validators)
        try:
            body, is_complete = await self._read_body(response, headers)
        except CodingError as exc:
            raise _fail(f"the answer from {target.host} is refused: {exc}", status=status, headers=headers) from exc
        return Fetched(
            url=target.text,
            status=status,
            body=body,
            headers=headers,
            # A torn document is asked for again, whole.
            validators=validators if is_complete else journey.request.validators,
            is_complete=is_complete,
            moved_to=journey.moved_to,
        )

    def _redirect(self, journey: Journey, status: int, location: str) -> None:
        """Move the journey to where a redirect leads. Raises UnfitAddressError or _FailedFetch."""
        target = next_target(journey.target, location)
        if not journey.move(target, status=status):
            raise _fail(f"it redirects in a circle, to {shown_place(target.text)}", status=status)

    async def _read_body(self, response: aiohttp.ClientResponse, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """Return the decoded content and whether it came to its end. Raises CodingError, and aiohttp's errors when not a byte came."""
        wire = self._limits.wire
        decoder = decoder_for(headers.get("content-encoding", ""), limit=self._limits.decoded_bytes)
        if declared_length(headers) > wire:
            raise CodingError(f"it is larger than {wire:,} bytes (sync.max_bytes)")
        protocol = response.connection.protocol if response.connection else None
        pieces: list[bytes] = []
        received, loss = 0, None
        try:
            async for chunk in response.content.iter_any():
                received += len(chunk)
                if received > wire:
                    raise CodingError(f"it is larger than {wire:,} bytes (sync.max_bytes)")
                for number, piece in enumerate(decoder.feed(chunk)):
                    if number:
                        await asyncio.sleep(0)  # a bomb swells: nobody else whom this loop serves waits for the whole of it
                    pieces.append(piece)
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as exc:
            loss = exc
        # Without a declared length the end of the connection is the end of the content, be it a proper end or a reset.
        if loss is None and protocol is not None and isinstance(trouble := protocol.exception(), aiohttp.ClientOSError):
            loss = trouble
        if loss is None and not decoder.is_whole():
            loss = aiohttp.ClientPayloadError("the compressed content ends early")
        body = await aside(lambda: b"".join(pieces), size=sum(map(len, pieces)))
        if loss is not None and not body:
            raise loss
        return body, loss is None

    def _trouble(self, exc: BaseException, journey: Journey) -> _FailedFetch:
        return _fail(complaint(exc, host=journey.target.host, patience=self._limits.connect.total_seconds()))

    def _too_late(self, journey: Journey) -> _FailedFetch:
        return _fail(f"{journey.target.host} gave no whole answer within {journey.budget.limit:g} s")
