"""The audit of a published Atom document: every rule of docs/feed-rules.md that one document can show to be broken.

A pure function for `feedmill check` and the tests. It shares no code with rendering and cleaning: a slip there cannot hide here.
Not decidable from one document, and not judged: 2 (ids that move), 9 (RSS), 13 (equal times are allowed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from lxml import etree

from feedmill.model import Problem
from feedmill.producer.audit_elements import (
    ATOM,
    Finding,
    date_of,
    findings_anywhere,
    findings_in_entry,
    findings_in_metadata,
    first_text,
    line_of,
    links_of,
    local_name,
)
from feedmill.producer.audit_text import Fault, brief

#: The W3C validator's MAXDATALENGTH: it reads no more, and some readers refuse less.
MAX_BYTES = 5_000_000

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DECLARATION = re.compile(r"""<\?xml\s+version=(["'])1\.0\1\s+encoding=(["'])utf-8\2[^?]*\?>""", re.IGNORECASE)
#: What may stand before a document: its declaration, whatever that says, and one stylesheet of the same origin.
_PROLOG = re.compile(r'(?:<\?xml\s[^?]*\?>)?(?:[ \t\n]*<\?xml-stylesheet type="text/css" href="(?![\w+.-]*:|//)[^"<>\\]*" ?\?>)?')
# Atomic, so that a comment that never ends is searched once.
_DOCTYPE = re.compile(r"(?>\s++|<\?.*?\?>|<!--.*?-->)*+(<!DOCTYPE)", re.DOTALL)
_SOURCE = re.compile(
    r"<!--.*?-->"
    r"|(?P<cdata><!\[CDATA\[.*?\]\]>)"
    r"|(?P<instruction><\?.*?\?>)"
    r"|(?P<control>[\x80-\x9f]|&#(?:x0*[89][0-9a-f]|0*(?:12[89]|1[345][0-9]));)"
    r"|(?P<return>\r)",
    re.DOTALL | re.IGNORECASE,
)
_C1 = re.compile("[\x80-\x9f]")
_SOURCE_FAULTS = {
    "cdata": Fault(27, "a CDATA section: escape the text instead, `]]>` would end it"),
    "instruction": Fault(
        27, 'a processing instruction: only <?xml-stylesheet type="text/css" href="…"?> may stand, once, at the top, its address relative'
    ),
    "control": Fault(26, "a control character between U+0080 and U+009F: no font shows it; it was meant as a Windows-1252 character"),
    "return": Fault(25, "a raw carriage return: end lines with a line feed alone"),
}
_SYNTAX_RULES = {8: 26, 9: 26, 26: 27}  # libxml2's ERR_INVALID_CHARREF, ERR_INVALID_CHAR, ERR_UNDECLARED_ENTITY


def audit_atom(data: bytes, *, path: str, url: str = "", now: datetime | None = None) -> list[Problem]:
    """Return what `data`, an Atom feed, breaks of docs/feed-rules.md, by line; an empty list for a perfect feed.

    `path` is the file's name for the problems. `url` is the address under which the document is published ("": not compared with
    its `rel=self`); `now` is an aware time that no date may be after (None: not compared). Problem.rule is "rule 19" for number 19
    of that page. Any bytes will do: nothing is raised, no entity is expanded, nothing is fetched; the time is linear in the size.
    """
    findings = sorted(_findings(data, url, now), key=lambda finding: finding[0])
    return [Problem(path, line, f"rule {fault.rule}", fault.reason) for line, fault in findings]


def _findings(data: bytes, url: str, now: datetime | None) -> Iterator[Finding]:
    if len(data) >= MAX_BYTES:
        yield 0, Fault(52, f"{len(data):,} bytes: a feed has to stay below {MAX_BYTES:,}; lower feeds.limit or publish summaries")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        yield data.count(b"\n", 0, exc.start) + 1, Fault(25, f"not UTF-8: byte 0x{data[exc.start]:02x}")
        return
    if doctype := _DOCTYPE.match(text):
        # Before the parser sees it: without a document type there are no entities to attack with.
        yield text.count("\n", 0, doctype.start(1)) + 1, Fault(27, "a DOCTYPE: feeds have none, and readers refuse it")
        return
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        feed = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as exc:
        yield exc.lineno or 0, Fault(_SYNTAX_RULES.get(getattr(exc, "code", 0), 25), f"not well-formed XML: {brief(exc.msg or 'empty')}")
        return
    yield from _findings_in_source(text)
    if local_name(feed) != "feed":
        yield line_of(feed), Fault(15, f"the document is `{brief(str(feed.tag))}`, no Atom feed")
        return
    yield from _findings_in_feed(feed, url, now)


def _findings_in_source(text: str) -> Iterator[Finding]:
    """Judge what the parsed tree no longer shows; the first of a kind stands for all."""
    if not _DECLARATION.match(text):
        yield 1, Fault(25, 'the document does not begin with <?xml version="1.0" encoding="UTF-8"?>')
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if not _is_suspect(text, start):
        return
    first: dict[str, int] = {}
    for match in _SOURCE.finditer(text, start):
        if match.lastgroup is not None:
            first.setdefault(match.lastgroup, match.start())
    for kind, position in first.items():
        yield text.count("\n", 0, position) + 1, _SOURCE_FAULTS[kind]


def _is_suspect(text: str, start: int) -> bool:
    """Whether the slow search could find anything: single characters and fixed strings are looked for ten times as fast."""
    return "\r" in text or "<![" in text or "&#" in text or text.find("<?", start) >= 0 or _C1.search(text) is not None


def _findings_in_feed(feed: etree._Element, url: str, now: datetime | None) -> Iterator[Finding]:
    entries = feed.findall(f"{ATOM}entry")
    language = feed.get(_XML_LANG, "")
    if not language:
        yield line_of(feed), Fault(23, "the feed has no xml:lang")
    if feed.find(f"{ATOM}author") is None:
        yield line_of(feed), Fault(16, "the feed has no author")
    yield from findings_in_metadata(feed, now=now)
    yield from _findings_in_place(feed)
    yield from _findings_in_self(feed, url)
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


def _findings_in_self(feed: etree._Element, url: str) -> Iterator[Finding]:
    own = links_of(feed, "self")
    if len(own) != 1:
        yield line_of(feed), Fault(17, f"the feed has {len(own) or 'no'} link rel=self; exactly one is needed")
        if hubs := links_of(feed, "hub"):
            yield line_of(hubs[0]), Fault(43, "a hub is named, and not exactly one rel=self for it to know the feed by")
    for link in own:
        if link.get("type") != "application/atom+xml":
            yield line_of(link), Fault(17, 'the link rel=self has no type="application/atom+xml"')
        if url and link.get("href") != url:
            yield line_of(link), Fault(17, f"rel=self is `{brief(link.get('href', ''))}`, but the feed is published at `{brief(url)}`")


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
