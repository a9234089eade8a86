"""The audit of a published Atom document: every rule of docs/feed-rules.md that one document can show to be broken.

A pure function for `feedmill check` and the tests. It shares no code with rendering and cleaning: a slip there cannot hide here.
Not decidable from one document, and not judged: 2 (ids that move), 9 (RSS's dates, see audit_rssdates), 13 (equal times are allowed).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from lxml import etree

from feedmill.model import Problem
from feedmill.producer.audit_elements import (
    ATOM,
    XML,
    Finding,
    date_of,
    findings_anywhere,
    findings_in_entry,
    findings_in_metadata,
    findings_in_self,
    first_text,
    line_of,
    links_of,
    local_name,
)
from feedmill.producer.audit_history import findings_in_history
from feedmill.producer.audit_source import findings_in_document, problems_of
from feedmill.producer.audit_text import Fault, brief

CONTENT_TYPE = "application/atom+xml"


def audit_atom(data: bytes, *, path: str, url: str = "", now: datetime | None = None) -> list[Problem]:
    """Return what `data`, an Atom feed, breaks of docs/feed-rules.md, by line; an empty list for a perfect feed.

    `path` is the file's name for the problems. `url` is the address under which the document is published ("": not compared with
    its `rel=self`); `now` is an aware time that no date may be after (None: not compared). Problem.rule is "rule 19" for number 19
    of that page. Any bytes will do: nothing is raised, no entity is expanded, nothing is fetched; the time is linear in the size.
    """
    return problems_of(findings_in_document(data, lambda root: _findings_in_feed(root, url, now)), path=path)


def _findings_in_feed(feed: etree._Element, url: str, now: datetime | None) -> Iterator[Finding]:
    if local_name(feed) != "feed":
        yield line_of(feed), Fault(15, f"the document is `{brief(str(feed.tag))}`, no Atom feed")
        return
    entries = feed.findall(f"{ATOM}entry")
    language = feed.get(f"{XML}lang", "")
    if not language:
        yield line_of(feed), Fault(23, "the feed has no xml:lang")
    if feed.find(f"{ATOM}author") is None:
        yield line_of(feed), Fault(16, "the feed has no author")
    yield from findings_in_metadata(feed, now=now)
    yield from _findings_in_place(feed)
    yield from findings_in_self(feed, url, content_type=CONTENT_TYPE)
    yield from findings_in_history(feed, rule=41, content_type=CONTENT_TYPE)
    yield from findings_anywhere(feed)
    for entry in entries:
        yield from findings_in_entry(entry, language=language, now=now)
    yield from _findings_in_ids(feed, entries)
    yield from _findings_in_newest(feed, entries)
    yield from _findings_in_order(entries)


def _findings_in_place(feed: etree._Element) -> Iterator[Finding]:
    """Rule 15: readers that stream a feed have shown its entries before they meet what comes after them."""
    is_past_metadata = False
    for child in feed.iterchildren("*"):
        if local_name(child) == "entry":
            is_past_metadata = True
        elif is_past_metadata:
            yield line_of(child), Fault(15, f"`{brief(etree.QName(child).localname)}` stands after an entry: metadata comes first")


def _findings_in_ids(feed: etree._Element, entries: list[etree._Element]) -> Iterator[Finding]:
    own = first_text(feed, "id")
    if own and own in {link.get("href") for link in links_of(feed, "alternate")}:
        yield (
            line_of(feed),
            Fault(4, f"the feed's id `{brief(own)}` is the address of the site: feeds of one site could not be told apart"),
        )
    seen = {own}
    for entry in entries:
        uri = first_text(entry, "id")
        if uri and uri in seen:
            yield line_of(entry), Fault(5, f"the id `{brief(uri)}` stands twice")
        seen.add(uri)


def _findings_in_newest(feed: etree._Element, entries: list[etree._Element]) -> Iterator[Finding]:
    """Rule 11: a feed is as new as its newest member, whatever the time of its making."""
    updated = date_of(feed, "updated")
    dates = [date for entry in entries if (date := date_of(entry, "updated"))]
    if updated and dates and len(dates) == len(entries) and updated != max(dates):
        yield line_of(feed), Fault(11, f"the feed's updated is not the newest of its entries', {max(dates).isoformat()}")


def _findings_in_order(entries: list[etree._Element]) -> Iterator[Finding]:
    """Rule 14: by date (when published) newest first, then by id."""
    for before, after in pairwise(entries):
        first, second = (date_of(entry, "published") or date_of(entry, "updated") for entry in (before, after))
        if first is None or second is None:
            continue
        if first < second or (first == second and first_text(before, "id") > first_text(after, "id")):
            yield line_of(after), Fault(14, "the entry is out of order: newest date first, then by id")
