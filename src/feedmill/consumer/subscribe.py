"""Finds the feed that a person means by an address: the address itself, what its page declares, or a usual place on its site."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from feedmill.consumer.discover import FeedLink, guessed_addresses, without_feed_scheme
from feedmill.consumer.targets import shown_url
from feedmill.errors import ConfigError, UpstreamError
from feedmill.text import one_line, shorten
from feedmill.upstream import Failed, FeedDocument, Fetched, FetchOutcome, NotModified
from feedmill.urls import encode_url

#: Feeds that a page leads to and that are tried.
MAX_TRIED = 5

_MAX_REASON = 120
_MAX_TITLE = 200
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The feed behind an address."""

    #: The address to subscribe to: where it moved for good, else as it was asked for.
    url: str
    #: One line of plain text; "" where nobody names it.
    title: str
    #: The page that the feed belongs to; "" where it names none.
    link: str
    #: "rss20", "atom10", "json11", …: feedparser's words.
    version: str
    #: Entries in it now.
    entries: int
    #: What else the page leads to.
    others: tuple[FeedLink, ...] = ()


async def find_feed(
    url: str,
    *,
    fetch: Callable[[str], Awaitable[FetchOutcome]],
    read: Callable[[Fetched], Awaitable[FeedDocument]],
    links: Callable[[Fetched], Awaitable[tuple[FeedLink, ...]]],
) -> Found:
    """Return the feed that `url` is or leads to. One without a scheme is tried with https, then with http.

    `read` and `links` may raise UpstreamError. Raises UpstreamError with one line that says what was tried and what to do, when no
    feed is found; ConfigError when `url` is no web address.
    """
    search = _Search(fetch, read)
    page: Fetched | None = None
    for address in typed_addresses(url):
        page, found = await search.visit(address)
        if found is not None:
            return found
        if page is not None or search.is_held:
            break
    if page is None:
        raise UpstreamError(f"no feed was found: {search.told()}; check the address")
    try:
        declared = await links(page)
    except UpstreamError as exc:
        declared = ()
        search.said[f"the links of {page.url}"] = str(exc)
    for link in [*declared[:MAX_TRIED], *(FeedLink(guess) for guess in guessed_addresses(page.url))]:
        if search.is_held:
            break
        if link.url in search.said:
            continue
        _, found = await search.visit(link.url, title=link.title)
        if found is not None:
            others = tuple(other for other in declared if other.url != link.url and other.url not in search.said)
            return Found(url=found.url, title=found.title, link=found.link, version=found.version, entries=found.entries, others=others)
    raise UpstreamError(f"no feed was found: {search.told()}; look for the feed's own address on the site, and name that")


def typed_addresses(url: str) -> tuple[str, ...]:
    """Return the addresses that a person may mean by `url`, the likeliest first. Raises ConfigError when it is no web address."""
    typed = without_feed_scheme(url.strip()).partition("#")[0]
    scheme = _SCHEME.match(typed)
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        raise ConfigError(
            f"{shown_url(typed)} is no web address: it begins with {scheme[1]}://; name one that begins with https:// or http://"
        )
    addresses = [typed] if scheme else [f"https://{typed.removeprefix('//')}", f"http://{typed.removeprefix('//')}"]
    encoded = tuple(encoded for address in addresses if (encoded := encode_url(address)))
    if not encoded:
        raise ConfigError(f'"{shown_url(typed)}" is no web address; name one such as https://blog.example.org/')
    return encoded


class _Search:
    """What was visited so far, and what each place said."""

    def __init__(self, fetch: Callable[[str], Awaitable[FetchOutcome]], read: Callable[[Fetched], Awaitable[FeedDocument]]) -> None:
        self._fetch = fetch
        self._read = read
        self.said: dict[str, str] = {}
        #: The site asked everybody to stay away: nothing more is tried.
        self.is_held = False

    async def visit(self, address: str, *, title: str = "") -> tuple[Fetched | None, Found | None]:
        """Return the document at `address`, if one came, and the feed that it is, if it is one."""
        outcome = await self._fetch(address)
        if isinstance(outcome, Failed):
            self.is_held = outcome.held_until is not None or outcome.status == 429
            self.said[address] = outcome.reason
            return None, None
        if isinstance(outcome, NotModified):
            self.said[address] = "it answered 304 to a request without conditions"
            return None, None
        try:
            document = await self._read(outcome)
        except UpstreamError as exc:
            self.said[address] = str(exc)
            return outcome, None
        name = shorten(one_line(document.title or title), _MAX_TITLE)
        # An address from elsewhere is encoded: `${NAME}` in it must not be filled in from the environment.
        place = encode_url(outcome.moved_to) or address
        count = len(document.entries) + len(document.known) + document.dropped
        return outcome, Found(url=place, title=name, link=document.link, version=document.version, entries=count)

    def told(self) -> str:
        """Return what was tried and what each said, on one line and without passwords."""
        return "; ".join(f"{shown_url(place)}: {shorten(one_line(reason), _MAX_REASON)}" for place, reason in self.said.items())
