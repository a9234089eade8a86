"""The audit of a published RSS 2.0 document: every rule of docs/feed-rules.md that one document can show to be broken.

The twin of `audit_atom`, with the same numbers for the same faults. It shares no code with rendering and cleaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from lxml import etree

from feedmill.model import Problem
from feedmill.producer.audit_elements import ATOM, Finding, at, findings_anywhere, findings_in_links, findings_in_self, line_of, links_of
from feedmill.producer.audit_history import findings_in_history
from feedmill.producer.audit_rss_items import findings_in_creators, findings_in_item, findings_in_persons, plain_name, updated_of
from feedmill.producer.audit_rssdates import fault_in_rss_date, read_rss_date
from feedmill.producer.audit_source import findings_in_document, problems_of
from feedmill.producer.audit_text import (
    WEB,
    Fault,
    brief,
    fault_in_address,
    fault_in_generator,
    fault_in_id,
    fault_in_language,
    faults_in_line,
)

CONTENT_TYPE = "application/rss+xml"

_ONCE = ("title", "link", "description", "language", "lastBuildDate")
_AT_MOST_ONCE = frozenset(
    {"copyright", "managingEditor", "webMaster", "pubDate", "generator", "docs", "cloud", "ttl", "image", "rating", "textInput"}
    | {"skipHours", "skipDays"}
)
_MANY = frozenset({"category", "item"})


def audit_rss(data: bytes, *, path: str, url: str = "", now: datetime | None = None) -> list[Problem]:
    """Return what `data`, an RSS 2.0 feed, breaks of docs/feed-rules.md, by line; an empty list for a perfect feed.

    `path` is the file's name for the problems. `url` is the address under which the document is published ("": not compared with
    its `rel=self`); `now` is an aware time that no date may be after (None: not compared). Problem.rule is "rule 36" for number 36
    of that page. Any bytes will do: nothing is raised, no entity is expanded, nothing is fetched; the time is linear in the size.
    """
    return problems_of(findings_in_document(data, lambda root: _findings_in_root(root, url, now)), path=path)


def _findings_in_root(root: etree._Element, url: str, now: datetime | None) -> Iterator[Finding]:
    channels = root.findall("channel")
    if root.tag != "rss" or root.get("version") != "2.0" or len(channels) != 1 or len(root.findall("*")) != 1:
        yield line_of(root), Fault(35, f'the document is `{brief(str(root.tag))}`, not <rss version="2.0"> with one channel and no more')
    else:
        yield from _findings_in_channel(channels[0], url, now)


def _findings_in_channel(channel: etree._Element, url: str, now: datetime | None) -> Iterator[Finding]:
    items = channel.findall("item")
    yield from _findings_in_counts(channel)
    yield from _findings_in_place(channel)
    yield from _findings_in_metadata(channel, now)
    yield from _findings_in_feed_id(channel)
    yield from findings_in_creators(channel)
    yield from findings_in_persons(channel, "managingEditor", "webMaster")
    yield from findings_in_self(channel, url, content_type=CONTENT_TYPE)
    yield from findings_in_links(channel)
    yield from findings_in_history(channel, rule=42, content_type=CONTENT_TYPE)
    yield from findings_anywhere(channel)
    for item in items:
        yield from findings_in_item(item, language=channel.findtext("language") or "", now=now)
    yield from _findings_in_guids(channel, items)
    yield from _findings_in_newest(channel, items)
    yield from _findings_in_order(items)


def _findings_in_counts(channel: etree._Element) -> Iterator[Finding]:
    counts = Counter(name for child in channel.iterchildren("*") if (name := plain_name(child)))
    for name in _ONCE:
        if counts[name] != 1:
            yield line_of(channel), Fault(35, f"the channel has {counts[name] or 'no'} {name}; exactly one is needed")
    for name, count in counts.items():
        if name in _AT_MOST_ONCE:
            if count > 1:
                yield line_of(channel), Fault(35, f"the channel has {count} elements {name}; one at most is allowed")
        elif name not in _MANY and name not in _ONCE:
            yield line_of(channel), Fault(35, f"the channel has an element {brief(name)} that RSS does not know there")


def _findings_in_place(channel: etree._Element) -> Iterator[Finding]:
    """Readers that stream a feed have shown its items before they meet what comes after them."""
    is_past_metadata = False
    for child in channel.iterchildren("*"):
        if child.tag == "item":
            is_past_metadata = True
        elif is_past_metadata:
            yield line_of(child), Fault(35, f"`{brief(etree.QName(child).localname)}` stands after an item: metadata comes first")


def _findings_in_metadata(channel: etree._Element, now: datetime | None) -> Iterator[Finding]:
    own = {link.get("href") for link in links_of(channel, "self")}
    for child in channel.iterchildren("*"):
        name, text = plain_name(child), child.text or ""
        if name in {"title", "description"}:
            for fault in faults_in_line(text, name=f"channel's {name}", rule=19):
                yield line_of(child), fault
        elif name in {"link", "docs"}:
            yield from at(child, fault_in_address(text, schemes=WEB, relative=30), name)
            if text in own:
                yield line_of(child), Fault(35, f"the channel's {name} is the feed itself: it leads to the site")
        elif name == "language":
            yield from at(child, fault_in_language(text))
        elif name in {"lastBuildDate", "pubDate"}:
            yield from at(child, fault_in_rss_date(text, now=now))
        elif name == "generator":
            yield from at(child, fault_in_generator(text))
        elif name == "ttl" and not re.fullmatch(r"0*[1-9]\d*", text, re.ASCII):
            yield line_of(child), Fault(35, f"the ttl `{brief(text)}` is no number of minutes")
        elif name == "image":
            yield from _findings_in_image(channel, child)


def _findings_in_image(channel: etree._Element, image: etree._Element) -> Iterator[Finding]:
    yield from at(image, fault_in_address(image.findtext("url") or "", schemes=WEB, relative=30), "image url")
    for name in ("title", "link"):
        if image.findtext(name) != channel.findtext(name):
            yield line_of(image), Fault(39, f"the image's {name} is not the channel's")


def _findings_in_feed_id(channel: etree._Element) -> Iterator[Finding]:
    ids = channel.findall(f"{ATOM}id")
    if len(ids) != 1:
        yield (
            line_of(channel),
            Fault(4, f"the channel has {len(ids) or 'no'} atom:id; one is needed, the same as in the feed's other formats"),
        )
    for element in ids:
        yield from at(element, fault_in_id(element.text or ""))
        if element.text and element.text == channel.findtext("link"):
            yield line_of(element), Fault(4, f"the feed's id `{brief(element.text)}` is the address of the site")


def _findings_in_guids(channel: etree._Element, items: list[etree._Element]) -> Iterator[Finding]:
    seen = {channel.findtext(f"{ATOM}id") or ""}
    for item in items:
        guid = item.findtext("guid") or ""
        if guid and guid in seen:
            yield line_of(item), Fault(5, f"the guid `{brief(guid)}` stands twice")
        seen.add(guid)


def _findings_in_newest(channel: etree._Element, items: list[etree._Element]) -> Iterator[Finding]:
    """Rule 11: a feed is as new as its newest member, whatever the time of its making."""
    built = read_rss_date(channel.findtext("lastBuildDate") or "")
    dates = [date for item in items if (date := updated_of(item))]
    if built and dates and len(dates) == len(items) and built != max(dates):
        yield line_of(channel), Fault(11, f"the channel's lastBuildDate is not the newest of its items' dates, {max(dates).isoformat()}")


def _findings_in_order(items: list[etree._Element]) -> Iterator[Finding]:
    """Rule 14: by date (when published) newest first, then by id."""
    for before, after in pairwise(items):
        first, second = (read_rss_date(item.findtext("pubDate") or "") for item in (before, after))
        if first is None or second is None:
            continue
        if first < second or (first == second and (before.findtext("guid") or "") > (after.findtext("guid") or "")):
            yield line_of(after), Fault(14, "the item is out of order: newest date first, then by id")
