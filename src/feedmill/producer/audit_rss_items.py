"""What docs/feed-rules.md asks of an item of RSS 2.0, and of the persons that a channel and an item name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from feedmill.producer.audit_elements import (
    ATOM,
    XML,
    Finding,
    at,
    findings_in_enclosure,
    findings_in_links,
    findings_in_markup,
    line_of,
    repeated,
)
from feedmill.producer.audit_html import faults_in_html
from feedmill.producer.audit_rssdates import fault_in_rss_date, read_rss_date
from feedmill.producer.audit_text import (
    WEB,
    Fault,
    brief,
    fault_in_address,
    fault_in_date,
    fault_in_id,
    faults_in_line,
    is_cut,
    read_date,
)

CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"

#: Elements of which an item has exactly one, and the rule that says so; then those of which it has one at most.
_ONCE = {"title": 15, "link": 15, "description": 38, "guid": 36, "pubDate": 15}
_AT_MOST_ONCE = {"comments": 15, "source": 15, "enclosure": 21, ENCODED: 38, f"{ATOM}updated": 15}
_MANY = frozenset({"category", "author"})
# RSS 2.0: "lawyer@boyer.net (Lawyer Boyer)".
_MAILBOX = re.compile(r"[^\s@()<>]+@[^\s@()<>]+ \([^()]*[^\s()][^()]*\)")
_TAG = re.compile(r"<[A-Za-z/!?]")


def plain_name(element: etree._Element) -> str:
    """Return the name of an element that has no namespace, as RSS's own have none; "" for any other."""
    tag = element.tag
    return tag if isinstance(tag, str) and not tag.startswith("{") else ""


def updated_of(item: etree._Element) -> datetime | None:
    """Return when an item was last changed; None when that is missing or broken."""
    updated = item.findtext(f"{ATOM}updated")
    return read_rss_date(item.findtext("pubDate") or "") if updated is None else read_date(updated)


def findings_in_item(item: etree._Element, *, language: str, now: datetime | None) -> Iterator[Finding]:
    """Judge one item; `language` is the one it inherits from its channel."""
    yield from _findings_in_counts(item)
    for child in item.iterchildren("*"):
        yield from _findings_in_child(child, now)
    published, updated = read_rss_date(item.findtext("pubDate") or ""), updated_of(item)
    if updated and published and updated < published:
        yield line_of(item), Fault(10, "the item was updated before it was published")
    yield from findings_in_creators(item)
    yield from findings_in_persons(item, "author")
    yield from findings_in_links(item)
    yield from _findings_in_categories(item)
    yield from _findings_in_texts(item, item.get(f"{XML}lang", language))


def _findings_in_counts(item: etree._Element) -> Iterator[Finding]:
    counts = Counter(child.tag for child in item.iterchildren("*"))
    for name, rule in _ONCE.items():
        if counts[name] != 1:
            yield line_of(item), Fault(rule, f"the item has {counts[name] or 'no'} {name}; exactly one is needed")
    for name, rule in _AT_MOST_ONCE.items():
        if counts[name] > 1:
            yield line_of(item), Fault(rule, f"the item has {counts[name]} elements {name.rpartition('}')[2]}; one at most is allowed")
    for name in counts:
        if not name.startswith("{") and name not in _MANY and name not in _ONCE and name not in _AT_MOST_ONCE:
            yield line_of(item), Fault(15, f"the item has an element {brief(name)} that RSS does not know there")


def _findings_in_child(child: etree._Element, now: datetime | None) -> Iterator[Finding]:
    name, text = child.tag, child.text or ""
    if name == "title":
        for fault in faults_in_line(text, name="title", rule=19):
            yield line_of(child), fault
    elif name in {"link", "comments"}:
        yield from at(child, fault_in_address(text, schemes=WEB, relative=30), name)
    elif name == "guid":
        yield from _findings_in_guid(child)
    elif name == "pubDate":
        yield from at(child, fault_in_rss_date(text, now=now))
    elif name == f"{ATOM}updated":
        yield from at(child, fault_in_date(text, now=now))
    elif name == "enclosure":
        yield from at(child, fault_in_address(child.get("url", ""), schemes=WEB, relative=30), "enclosure url")
        yield from findings_in_enclosure(child)
    elif name == "source":
        yield from at(child, fault_in_address(child.get("url", ""), schemes=WEB, relative=22), "source url")
        for fault in faults_in_line(text, name="source's title", rule=22):
            yield line_of(child), fault


def _findings_in_guid(guid: etree._Element) -> Iterator[Finding]:
    text, kind = guid.text or "", guid.get("isPermaLink", "true")
    yield from at(guid, fault_in_id(text))
    if kind not in {"true", "false"}:
        yield line_of(guid), Fault(36, f'isPermaLink="{brief(kind)}" is neither true nor false')
    elif kind == "true" and fault_in_address(text, schemes=WEB, relative=36):
        yield line_of(guid), Fault(36, f'the guid `{brief(text)}` is no page\'s address: say isPermaLink="false"')


def findings_in_creators(parent: etree._Element) -> Iterator[Finding]:
    """Judge the names of a channel's or an item's authors, which have no address."""
    creators = parent.findall(CREATOR)
    if not creators:
        yield line_of(parent), Fault(16, f"the {plain_name(parent)} has no author (dc:creator)")
    for creator in creators:
        for fault in faults_in_line(creator.text or "", name="author's name", rule=16):
            yield line_of(creator), fault


def findings_in_persons(parent: etree._Element, *names: str) -> Iterator[Finding]:
    """Judge the persons of RSS itself, in the children called `names`: an address and a name in parentheses."""
    for name in names:
        for person in parent.findall(name):
            if not _MAILBOX.fullmatch(person.text or ""):
                yield (
                    line_of(person),
                    Fault(37, f"{name} is no address with a name, `a@example.org (Name)`: write names alone as dc:creator"),
                )


def _findings_in_categories(item: etree._Element) -> Iterator[Finding]:
    categories = item.findall("category")
    for category in categories:
        if not (category.text or "").strip():
            yield line_of(category), Fault(39, "a category without a name")
        if fault := fault_in_id(category.get("domain", "")):
            yield line_of(category), Fault(39, f"the category's domain: {fault.reason}")
    for category in repeated((category, (category.get("domain", ""), category.text or "")) for category in categories):
        yield line_of(category), Fault(39, f"the category `{brief(category.text or '')}` stands twice")


def _findings_in_texts(item: etree._Element, language: str) -> Iterator[Finding]:
    """Rule 38: readers that know `description` alone take the first they meet, and a later one may replace the content."""
    description, content = item.find("description"), item.find(ENCODED)
    if description is not None:
        yield from _findings_in_description(description)
    if content is None:
        return
    if description is not None and item.index(content) < item.index(description):
        yield line_of(content), Fault(38, "content:encoded stands before the description")
    if len(content):
        yield line_of(content), Fault(28, "the content has bare markup: write escaped HTML")
        return
    if not (content.text or "").strip():
        yield line_of(content), Fault(38, "content:encoded is empty: leave it out")
        return
    yield from findings_in_markup(content, language=language)


def _findings_in_description(description: etree._Element) -> Iterator[Finding]:
    """A description is HTML, so that `<` in it is written `&lt;` before XML escapes it; a summary has no tags (rule 33)."""
    line, text = line_of(description), description.text or ""
    if len(description):
        yield line, Fault(33, "the description has bare markup: write plain text")
        return
    if not text.strip():
        yield line, Fault(38, "the description is empty")
        return
    if text != text.strip():
        yield line, Fault(34, "the description has white space around it, which readers keep")
    if _TAG.search(text):
        yield line, Fault(33, "the description has markup: write a summary in plain text, `<` as `&lt;` before XML escapes it")
        for offset, fault in faults_in_html(text):
            yield line + offset, fault
    elif is_cut(text):
        yield line, Fault(32, f"the description ends inside a character reference or a joined character: `{brief(text[-20:])}`")
