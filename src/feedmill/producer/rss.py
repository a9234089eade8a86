"""Entries and feeds as RSS 2.0, through feedgen; entries are rendered once and joined into every feed.

An item's `description` is HTML by the specification, so the plain summary is written as HTML: `<` as `&lt;`, which XML escapes again.
Titles and the channel's description are plain text, escaped once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import format_datetime
from html import escape

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.ext.media import MEDIA_NS
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem
from lxml import etree

from feedmill.model import Enclosure
from feedmill.producer.entry import SUMMARY_LENGTH, Entry
from feedmill.producer.formats import RSS
from feedmill.producer.head import FeedHead
from feedmill.producer.moulds import Moulds
from feedmill.producer.outcome import GENERATOR
from feedmill.producer.xmlfeed import XML, add_history, add_pictures, history_links, history_namespace, one_line_each, with_prolog
from feedmill.text import plain_text, shorten

CONTENT_TYPE = RSS.content_type

_DC_NS = "http://purl.org/dc/elements/1.1/"
_ATOM = "{http://www.w3.org/2005/Atom}"
_CREATOR = f"{{{_DC_NS}}}creator"
_ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
_ITEM_END = b"</item>"
#: Characters of content, tags included, and of them outside of tags, that are looked at for a summary: taking the words out of
#: all of it would double an item's time.
_REACH, _ENOUGH = 6_000, SUMMARY_LENGTH * 4 // 3

# The usual tags that part no words: without them plain_text takes half the time (4 % of a publish in all formats).
_INLINE_TAG = re.compile("</?(?:a|b|code|em|i|span|strong)(?: [^<>]*+)?>")


class _Generator(FeedGenerator):  # type: ignore[misc]
    """feedgen's generator without what it adds unasked: an address of documentation, and a date that it takes from the clock.

    Its way of writing dates sets the locale of the whole process; `_Channel` writes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.docs("")
        self._FeedGenerator__rss_lastBuildDate = None


class _Channel(BaseExtension):  # type: ignore[misc]
    """What feedgen's channels lack: names without an address, a stable id, hubs and history as Atom links, lines that can be read."""

    def __init__(self) -> None:
        self.head: FeedHead | None = None

    def extend_ns(self) -> dict[str, str]:
        return {"dc": _DC_NS, "media": MEDIA_NS} | (history_namespace(self.head.history) if self.head else {})

    def extend_rss(self, root: etree._Element) -> etree._Element:
        if self.head is None:
            return root
        channel, head = root[0], self.head
        xml_elem("lastBuildDate", channel).text = format_datetime(head.updated)
        xml_elem(_CREATOR, channel).text = head.author
        xml_elem(f"{_ATOM}id", channel).text = head.id
        for hub in head.hubs:
            xml_elem(f"{_ATOM}link", channel, href=hub, rel="hub")
        for relation, address in history_links(head.history):
            xml_elem(f"{_ATOM}link", channel, href=address, rel=relation, type=CONTENT_TYPE)
        add_history(channel, head.history)
        one_line_each(channel, "\n  ", "\n")
        one_line_each(root, "\n", "\n")
        return root


class _Item(BaseEntryExtension):  # type: ignore[misc]
    """What feedgen's items lack, and their many small elements, whose checks there cost a third of an item's time."""

    def __init__(self) -> None:
        self.entry: Entry | None = None

    def extend_rss(self, element: etree._Element) -> etree._Element:
        if self.entry is None:
            return element
        entry = self.entry
        if entry.language:
            element.set(f"{XML}lang", entry.language)
        content = element.find(_ENCODED)
        if content is not None:
            content.set(f"{XML}base", entry.base)
        xml_elem(_CREATOR, element).text = entry.author
        xml_elem("pubDate", element).text = format_datetime(entry.published)
        if entry.updated != entry.published:
            xml_elem(f"{_ATOM}updated", element).text = entry.updated.isoformat()
        for category in entry.categories:
            xml_elem("category", element, domain=category.scheme).text = category.term
        if entry.enclosure is not None:
            xml_elem("enclosure", element, **_enclosure(entry.enclosure))
        add_pictures(element, entry)
        if entry.source is not None and entry.source.url:
            xml_elem("source", element, url=entry.source.url).text = entry.source.title
        if entry.via:
            xml_elem(f"{_ATOM}link", element, href=entry.via, rel="via", type="text/html")
        one_line_each(element, "\n    ", "\n  ")
        return element


def _enclosure(enclosure: Enclosure) -> dict[str, str]:
    """Return the attributes of an enclosure; a length that is not known is left out, for a wrong one breaks downloads."""
    known = {"url": enclosure.url, "type": enclosure.type}
    return known if enclosure.length is None else known | {"length": str(enclosure.length)}


def _description(entry: Entry) -> str:
    """Return an item's description as HTML: the summary, else how the content begins, else the title."""
    return escape(entry.summary or _beginning(entry.content) or entry.title, quote=False)


def _beginning(content: str) -> str:
    """Return the shortened plain text of clean HTML, in which every `<` begins a tag (nh3 writes others as references)."""
    seen, end = 0, -1
    for piece in content[:_REACH].split("<"):
        if seen >= _ENOUGH:
            text = plain_text(_INLINE_TAG.sub("", content[:end]))
            return shorten(text if len(text) > SUMMARY_LENGTH else plain_text(content), SUMMARY_LENGTH)
        seen += len(piece) - piece.find(">") - 1
        end += len(piece) + 1
    return shorten(plain_text(content), SUMMARY_LENGTH)


def _feed_entry(entry: Entry) -> FeedEntry:
    made = FeedEntry()
    made.register_extension("item", _Item, atom=False, rss=True)
    made.item.entry = entry
    made.title(entry.title)
    made.link({"href": entry.link})
    made.guid(entry.id, permalink=entry.id == entry.link)
    made.description(_description(entry))
    if entry.content:
        made.content(entry.content)
    return made


def _generator(head: FeedHead | None) -> FeedGenerator:
    generator = _Generator()
    generator.register_extension("channel", _Channel, None, atom=False, rss=True)
    generator.channel.head = head
    return generator


def render_each(entries: Sequence[Entry]) -> list[bytes]:
    """Do what `render_entries` does, every element made by feedgen."""
    generator = _generator(None)
    generator.title("x")
    generator.description("x")
    generator.link({"href": "urn:x"})
    for entry in entries:
        generator.add_entry(_feed_entry(entry), order="append")
    *parts, _ = generator.rss_str(xml_declaration=False).split(_ITEM_END)
    return [b"  " + part[part.index(b"<item") :] + _ITEM_END + b"\n" for part in parts]


_moulds = Moulds(render_each, summary=_description, published=format_datetime)


def render_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Return each entry as an `<item>` element with the namespaces of `render_feed`, ending in a line break.

    Raises ValueError when feedgen or lxml refuses one; the caller tells which by trying them singly.
    """
    return _moulds.render(entries)


def render_feed(head: FeedHead) -> tuple[bytes, bytes]:
    """Return what stands before and after the items of a feed; with nothing between it is a whole document.

    The channel's link is the site's: feedgen takes the last one that it was given, whatever its relation.
    """
    generator = _generator(head)
    generator.title(head.title)
    generator.description(head.subtitle or head.title)
    generator.language(head.language)
    generator.ttl(head.ttl)
    generator.generator(GENERATOR)
    generator.link({"href": head.self_url, "rel": "self", "type": CONTENT_TYPE})
    generator.link({"href": head.site_url, "rel": "alternate", "type": "text/html"})
    document = with_prolog(generator.rss_str(), head)
    end = document.rindex(b"</channel>")
    return document[:end], document[end:] + b"\n"
