"""One fetch under way: what was asked for, how far it may go, where it stands, and what each request on the way says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from multidict import CIMultiDict

from feedmill import USER_AGENT
from feedmill.consumer.answers import PERMANENT_REDIRECTS, conditions
from feedmill.consumer.targets import Target, UnfitAddressError, read_target
from feedmill.upstream import Validators

#: Where a publisher who finds this client in a log reads what it is.
DEFAULT_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, "
    "application/json;q=0.8, */*;q=0.1"
)

# Fields that belong to the connection or to this client's own reading; a source's `headers` cannot change them.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "if-modified-since",
        "if-none-match",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for."""

    url: str
    #: The source's own header fields, which may be secret: sent to the origin of `url` alone, and no more after a redirect to another.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Of the last answer that was processed to its end; sent only to the very address that they came from.
    validators: Validators = field(default_factory=Validators)
    accept: str = DEFAULT_ACCEPT
    method: Literal["GET", "HEAD"] = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how large a fetch may become."""

    #: For a whole fetch, redirects and body included; waiting for a host's turn is not counted.
    deadline: timedelta = timedelta(seconds=30)
    #: For one name lookup, and for one connection with its TLS.
    connect: timedelta = timedelta(seconds=5)
    redirects: int = 5
    #: Bytes of content as they are sent, and after decoding (None: twice as many).
    wire: int = 10_000_000
    decoded: int | None = None

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the decoded content may have."""
        return self.wire * 2 if self.decoded is None else self.decoded


class Budget:
    """The time that a fetch has left; it runs only inside `spend`."""

    def __init__(self, limit: timedelta) -> None:
        self.limit = limit.total_seconds()
        self._left = self.limit

    @asynccontextmanager
    async def spend(self) -> AsyncIterator[None]:
        """Run the block on the budget. Raises TimeoutError when it is used up."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(self._left):
                yield
        finally:
            self._left -= loop.time() - started


@dataclass(slots=True)
class Journey:
    """One fetch under way: where it stands, where it has been, what it still may do."""

    request: Request
    start: Target
    target: Target
    budget: Budget
    seen: set[str]
    #: The source's own fields go along until the first redirect to another origin.
    is_at_home: bool = True
    is_moved_for_good: bool = True
    #: Whether the host asked last is one of the user's own; None before the first.
    was_own: bool | None = None

    @classmethod
    def begin(cls, request: Request, limits: Limits) -> Journey:
        """Return the journey at its first address. Raises UnfitAddressError."""
        start = read_target(request.url)
        return cls(request, start, start, Budget(limits.deadline), {start.text})

    def move(self, target: Target, *, status: int) -> bool:
        """Go to `target`, where a redirect with `status` leads; False when the journey was there before."""
        if target.text in self.seen:
            return False
        self.seen.add(target.text)
        self.is_moved_for_good = self.is_moved_for_good and status in PERMANENT_REDIRECTS
        self.is_at_home = self.is_at_home and target.origin == self.start.origin
        self.target = target
        return True

    @property
    def moved_to(self) -> str:
        """The address now, when every hop to it was for good; else ""."""
        return self.target.text if self.is_moved_for_good and self.target.text != self.start.text else ""

    @property
    def fields(self) -> dict[str, str]:
        """The conditional fields for the address that is asked now."""
        known = self.request.validators
        try:
            home = read_target(known.url).text if known.url else ""
        except UnfitAddressError:
            return {}
        return conditions(Validators(home, known.etag, known.last_modified), url=self.target.text) if home else {}

    def headers(self) -> CIMultiDict[str]:
        """Return all fields of the request for the address that is asked now."""
        # The length that a HEAD asks for is that of the file itself.
        coding = "gzip, deflate" if self.request.method == "GET" else "identity"
        headers = CIMultiDict({"User-Agent": USER_AGENT, "Accept": self.request.accept, "Accept-Encoding": coding})
        if self.is_at_home:
            if self.start.authorization:
                headers["Authorization"] = self.start.authorization
            headers.update({name: value for name, value in self.request.headers.items() if name.lower() not in _OURS})
        headers.update(self.fields)
        return headers
