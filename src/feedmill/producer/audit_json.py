"""The audit of a published JSON Feed: every rule of docs/feed-rules.md that one document can show to be broken.

A pure function for `feedmill check` and the tests. Like `producer.audit`, it shares no code with rendering and cleaning.
Not decidable from one document, and not judged: 2 (ids that move), 13 (equal times are allowed).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice, pairwise

from feedmill.model import Problem
from feedmill.producer.audit_elements import Finding
from feedmill.producer.audit_jsonitem import (
    Shape,
    date_of,
    extension_of,
    fault_in_uri,
    faults_in_address,
    faults_in_item,
    faults_in_language,
    faults_in_objects,
    faults_in_persons,
    faults_in_shape,
    repeated,
)
from feedmill.producer.audit_jsontext import JsonObject, UnreadableError, faults_in_values, read_json
from feedmill.producer.audit_source import MAX_BYTES, problems_of
from feedmill.producer.audit_text import Fault, brief, fault_in_date, fault_in_generator, faults_in_line, read_date

#: Problems of one document that are named.
MAX_FINDINGS = 1_000

_VERSION = "https://jsonfeed.org/version/1.1"
_FEED: Shape = {"expired": bool, "authors": list, "hubs": list, "items": list} | dict.fromkeys(
    ["version", "title", "home_page_url", "feed_url", "description", "user_comment", "next_url", "icon", "favicon", "language"], str
)
_HUB: Shape = dict.fromkeys(["type", "url"], str)
_ADDRESSES = ("home_page_url", "feed_url", "next_url", "icon", "favicon")


def audit_json(data: bytes, *, path: str, url: str = "", now: datetime | None = None) -> list[Problem]:
    """Return what `data`, a JSON Feed, breaks of docs/feed-rules.md, by line; an empty list for a perfect feed.

    `path` is the file's name for the problems. `url` is the address under which the document is published ("": not compared with
    its `feed_url`); `now` is an aware time that no date may be after (None: not compared). Problem.rule is "rule 19" for number 19
    of that page. Any bytes will do: nothing is raised, nothing is fetched; the time is linear in the size, what is too large or
    nested too deeply is not read, and after MAX_FINDINGS no more are looked for (`{},` takes three bytes and breaks six rules).
    """
    return problems_of(islice(_findings(data, url, now), MAX_FINDINGS), path=path)


def _findings(data: bytes, url: str, now: datetime | None) -> Iterator[Finding]:
    if len(data) >= MAX_BYTES:
        yield 0, Fault(52, f"{len(data):,} bytes: a feed has to stay below {MAX_BYTES:,}; lower feeds.limit or publish summaries")
        return
    try:
        read = read_json(data)
    except UnreadableError as exc:
        yield exc.line, exc.fault
        return
    feed = read.value
    for key, value in feed.items():
        if key != "items":
            yield from ((read.line(key), fault) for fault in faults_in_values([key, value]))
    yield from ((read.line(key), Fault(25, f"the key `{brief(key)}` stands twice")) for key in feed.repeated)
    yield from ((read.line(key), fault) for key, fault in _faults_in_feed(feed, url, now))
    yield from ((read.line("_feedmill"), fault) for fault in _faults_in_extension(feed, now))
    items = list(read.items())
    for line, item in items:
        for fault in faults_in_item(item, feed=feed, now=now):
            yield line, fault
    yield from _findings_among(items, feed)


def _faults_in_feed(feed: JsonObject, url: str, now: datetime | None) -> Iterator[tuple[str, Fault]]:
    """Yield each fault with the key that it is about."""
    yield from (("", fault) for fault in faults_in_shape(feed, _FEED, name="feed"))
    if next(iter(feed), "") != "version":
        yield "version", Fault(40, "the document does not begin with `version`: readers know a feed by it")
    if feed.text("version") != _VERSION:
        yield "version", Fault(40, f"the version is `{brief(feed.text('version'))}`, not {_VERSION}")
    for key in ("home_page_url", "feed_url", "items"):
        if key not in feed:
            yield "", Fault(40, f"the feed has no {key}")
    if any(not isinstance(item, JsonObject) for item in feed.sequence("items")):
        yield "items", Fault(40, "an item is no object")
    yield from (("title", fault) for fault in faults_in_line(feed.text("title"), name="title", rule=19))
    if feed.text("description"):
        yield from (("description", fault) for fault in faults_in_line(feed.text("description"), name="description", rule=19))
    for key in _ADDRESSES:
        yield from ((key, fault) for fault in faults_in_address(feed, key))
    if url and (own := feed.text("feed_url")) and own != url:
        yield "feed_url", Fault(17, f"feed_url is `{brief(own)}`, but the feed is published at `{brief(url)}`")
    if not feed.text("language"):
        yield "", Fault(23, "the feed has no language")
    yield from (("authors", fault) for fault in faults_in_persons(feed, name="feed"))
    yield from (("hubs", fault) for fault in _faults_in_hubs(feed))
    yield from (("language", fault) for fault in faults_in_language(feed))


def _faults_in_hubs(feed: JsonObject) -> Iterator[Fault]:
    yield from faults_in_objects(feed, "hubs", _HUB)
    hubs = feed.objects("hubs")
    if hubs and not feed.text("feed_url"):
        yield Fault(43, "a hub is named, and no feed_url for it to know the feed by")
    for hub in hubs:
        if not hub.text("type") or not hub.text("url"):
            yield Fault(43, "a hub needs a type, such as WebSub, and a url")
        yield from faults_in_address(hub, "url", rule=43)
    yield from (Fault(43, "the same hub is named twice") for _ in repeated([hub.text("url") for hub in hubs]))


def _faults_in_extension(feed: JsonObject, now: datetime | None) -> Iterator[Fault]:
    """Judge what our own extension says of the feed: its id, its time, its place in the history (RFC 5005)."""
    extension = extension_of(feed)
    if (own := extension.text("id")) and (fault := fault_in_uri(own)):
        yield fault
    if own and own == feed.text("home_page_url"):
        yield Fault(4, f"the feed's id `{brief(own)}` is the address of the site: feeds of one site could not be told apart")
    if (updated := extension.text("updated")) and (fault := fault_in_date(updated, now=now)):
        yield fault
    if fault := fault_in_generator(extension.text("generator"), version="version" if "version" in extension else ""):
        yield fault
    for key, rule in (("about", 24), ("current", 30), ("next_archive", 30)):
        yield from faults_in_address(extension, key, rule=rule)
    yield from _faults_in_history(feed, extension)


def _faults_in_history(feed: JsonObject, extension: JsonObject) -> Iterator[Fault]:
    is_archive = extension.get("archive") is True
    if is_archive != bool(extension.text("current")):
        yield Fault(41, "an archive document says `archive` and where the newest items are, `current`; any other says neither")
    if extension.text("next_archive") and not is_archive:
        yield Fault(41, "`next_archive` in no archive document: nothing is newer than this feed")
    if extension.get("complete") is True and (is_archive or feed.text("next_url")):
        yield Fault(41, "a complete feed has no other pages: neither `archive` nor next_url")
    chain = [feed.text("feed_url"), feed.text("next_url"), extension.text("current"), extension.text("next_archive")]
    for address in repeated([address for address in chain if address]):
        yield Fault(
            41, f"two links of the history lead to `{brief(address)}`, or to this document: whoever follows them goes round for ever"
        )


def _findings_among(items: list[tuple[int, JsonObject]], feed: JsonObject) -> Iterator[Finding]:
    """Judge what takes more than one item: ids once (5), newest first (14), the feed as new as its newest (11)."""
    own = extension_of(feed)
    seen = {own.text("id")} - {""}
    for line, item in items:
        if (uri := item.text("id")) and uri in seen:
            yield line, Fault(5, f"the id `{brief(uri)}` stands twice")
        seen.add(uri)
    for (_, before), (line, after) in pairwise(items):
        first, second = date_of(before, "date_published", "date_modified"), date_of(after, "date_published", "date_modified")
        if first and second and (first < second or (first == second and before.text("id") > after.text("id"))):
            yield line, Fault(14, "the item is out of order: newest date first, then by id")
    dates = [date for _, item in items if (date := date_of(item, "date_modified", "date_published"))]
    updated = read_date(own.text("updated"))
    if updated and dates and len(dates) == len(items) and updated != max(dates):
        yield 1, Fault(11, f"the feed's updated is not the newest of its items', {max(dates).isoformat()}")
