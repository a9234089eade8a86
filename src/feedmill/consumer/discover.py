"""Where the feeds of a web page are: those it declares, those it links to, and the places where feeds usually are. Pure; runs in the cage.

Nothing builds a tree: lxml's parser tells of one start tag at a time, in linear time whatever the nesting (measured: 1 MB in at most 0.1 s;
a tree takes 16 s for one element of 100,000 attributes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from lxml import etree

from feedmill.consumer.charset import to_utf8
from feedmill.text import one_line, shorten
from feedmill.urls import absolute_url

#: What is looked at of a page, in bytes: feeds are declared in its head.
MAX_READ = 1_000_000
MAX_LINKS = 20
MAX_GUESSES = 6

_MAX_CANDIDATES = 200
_MAX_URL = 2048
_MAX_TITLE = 200

_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json", "application/x-rss+xml", "text/rss+xml"})
#: Other documents bear these too: they come after the certain ones.
_LIKELY_TYPES = frozenset({"application/rdf+xml", "application/xml", "text/xml"})
_COMMENTS = re.compile(r"\b(?:comments?|replies|kommentare|commentaires|comentarios)\b|评论|評論|留言|コメント", re.IGNORECASE)
_FEED_SCHEME = re.compile(r"feed:(//)?", re.IGNORECASE)
_FEED_PLACE = re.compile(
    r"(?:^|/)(?:feeds?|rss2?|atom)/?$"
    r"|(?:^|/)(?:feeds?|rss2?|atom|index)(?:[._-][\w.-]{1,20})?\.(?:xml|rdf|rss|json|atom)$"
    r"|\.(?:rss|atom|rdf)$|(?:^|/)feeds?/[^/]{1,80}\.(?:xml|json)$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed=(?:rss2?|atom|rdf|feed|json)|format=(?:rss|atom|feed))(?:&|$)", re.IGNORECASE)
#: Feed hosts whose addresses look like nothing in particular.
_FEED_HOSTS = frozenset({"feeds.feedburner.com", "feeds2.feedburner.com"})
#: Pages that are no feeds for all their names.
_NO_FEED = re.compile(r"(?:^|/)(?:index|atom)\.json$|sitemap", re.IGNORECASE)

_NEAR = ("feed", "index.xml")
_USUAL = ("feed", "rss.xml", "atom.xml", "index.xml", "feed.xml", "rss")


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A link to what may be a feed: an absolute http or https address, a title in one line of plain text, a media type; both may be ""."""

    url: str
    title: str = ""
    type: str = ""


def find_feed_links(body: bytes, *, url: str, content_type: str = "") -> tuple[FeedLink, ...]:
    """Return at most 20 feeds that a page leads to, the best first: declared, then linked to; feeds of comments come last.

    `url` is the page's address, after redirects; `content_type` the header's value. The first megabyte is looked at. Raises nothing.
    """
    page = _Page()
    parser = etree.HTMLParser(target=page, encoding="utf-8", no_network=True)  # type: ignore[arg-type]  # the stubs ask for methods that are optional
    try:
        parser.feed(to_utf8(body[:MAX_READ], content_type))
        parser.close()
    except etree.LxmlError:
        pass  # what was told until then counts
    base = (absolute_url(url, page.base) if page.base else "") or url
    here = url.partition("#")[0]
    links: dict[str, tuple[int, FeedLink]] = {}
    for rank, attributes in page.candidates:
        link = _link(attributes, base=base)
        if link.url and link.url != here:
            links.setdefault(link.url, (_rank(link, rank, host=urlsplit(here).hostname), link))
    ranked = sorted(links.values(), key=lambda held: held[0])
    return tuple(link for _, link in ranked[:MAX_LINKS])


def guessed_addresses(url: str) -> tuple[str, ...]:
    """Return at most 6 places on the site of `url` where feeds usually are, those in the folder of its section first."""
    parts = urlsplit(url)
    # Not the whole path: below a single post WordPress has the feed of its comments.
    folder = parts.path.split("/")[1] if parts.path.startswith("/") else ""
    near = [f"/{folder}/{name}" for name in _NEAR] if folder and "." not in folder else []
    paths = [*near, *(f"/{name}" for name in _USUAL)][:MAX_GUESSES]
    return tuple(urlunsplit((parts.scheme, parts.netloc, path, "", "")) for path in paths)


def discover_task(arguments: Mapping[str, Any], body: bytes) -> list[dict[str, str]]:
    """Do `find_feed_links` for another process: JSON values in and out; `FeedLink(**link)` takes each of them back."""
    links = find_feed_links(body, url=arguments["url"], content_type=arguments.get("content_type", ""))
    return [asdict(link) for link in links]


_DECLARED, _LIKELY, _LINKED, _ELSEWHERE, _OF_COMMENTS = range(5)


def _rank(link: FeedLink, rank: int, *, host: str | None) -> int:
    """Return how late a link comes among the others of a page on `host`."""
    parts = urlsplit(link.url)
    if rank == _LINKED and parts.hostname != host:
        rank = _ELSEWHERE
    return rank + _OF_COMMENTS if _COMMENTS.search(f"{parts.path} {link.title}") else rank


class _Page:
    """Hears the start tags of a page and keeps what may be a feed."""

    def __init__(self) -> None:
        self.base = ""
        #: How certain each is, and its attributes.
        self.candidates: list[tuple[int, Mapping[str, str]]] = []
        self._links = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Hear of an element (lxml's parser target)."""
        if tag not in ("link", "a", "base"):
            return
        href = attributes.get("href", "").strip()
        if not href or len(href) > _MAX_URL:
            return
        if tag == "base":
            self.base = self.base or href
            return
        rank = _declared_rank(attributes, href)
        if rank is None and tag == "a" and self._links < _MAX_CANDIDATES and _is_feed_like(href):
            self._links += 1
            rank = _LINKED
        if rank is not None and len(self.candidates) < 2 * _MAX_CANDIDATES:
            self.candidates.append((rank, attributes))

    def close(self) -> None:
        """Hear of the end (lxml's parser target)."""


def _declared_rank(attributes: Mapping[str, str], href: str) -> int | None:
    """Return how certain a declared feed is; None for what declares none."""
    relations = attributes.get("rel", "").lower().split()
    kind = _media_type(attributes)
    if "feed" in relations:
        return _DECLARED
    if "alternate" not in relations or "stylesheet" in relations:
        return None
    if kind in _FEED_TYPES:
        return _DECLARED
    is_json_feed = kind == "application/json" and "feed" in f"{href} {attributes.get('title', '')}".lower()
    return _LIKELY if kind in _LIKELY_TYPES or is_json_feed else None


def _is_feed_like(href: str) -> bool:
    """Whether the address of a link reads as one of a feed."""
    if _FEED_SCHEME.match(href):
        return True
    place, _, query = href.partition("#")[0].partition("?")
    host = place.partition("://")[2].partition("/")[0].lower()
    if host in _FEED_HOSTS:
        return True
    path = place.partition("://")[2].partition("/")[2] if "://" in place else place
    return not _NO_FEED.search(path) and bool(_FEED_PLACE.search(path) or _FEED_QUERY.search(query))


def _link(attributes: Mapping[str, str], *, base: str) -> FeedLink:
    address = absolute_url(base, without_feed_scheme(attributes.get("href", "").strip())).partition("#")[0]
    title = shorten(one_line(attributes.get("title", "")[: 4 * _MAX_TITLE]), _MAX_TITLE)
    return FeedLink(address if len(address) <= _MAX_URL else "", title, _media_type(attributes))


def _media_type(attributes: Mapping[str, str]) -> str:
    return one_line(attributes.get("type", "")[:100]).partition(";")[0].strip().lower()


def without_feed_scheme(address: str) -> str:
    """Return what `feed:https://…` and `feed://…` stand for; any other address as it is."""
    found = _FEED_SCHEME.match(address)
    if found is None:
        return address
    rest = address[found.end() :]
    return f"http://{rest}" if found[1] else rest
