"""Entries and feeds as Atom (RFC 4287), through feedgen; entries are rendered once and joined into every feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.ext.media import MediaExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem
from lxml import etree

from feedmill.producer.entry import Entry
from feedmill.producer.formats import ATOM
from feedmill.producer.head import FeedHead, History
from feedmill.producer.moulds import Moulds
from feedmill.producer.outcome import GENERATOR
from feedmill.producer.xmlfeed import XML, add_history, add_pictures, history_links, history_namespace, one_line_each, with_prolog

CONTENT_TYPE = ATOM.content_type

_ENTRY_END = b"</entry>"


class _Provenance(BaseEntryExtension):  # type: ignore[misc]
    """What feedgen's entries lack: xml:lang, xml:base, an atom:source with id and updated, and lines that can be read.

    The many small elements (categories, pictures) are written here too: feedgen's checks of each cost a third of an entry's time.
    """

    def __init__(self) -> None:
        self.entry: Entry | None = None

    def extend_atom(self, element: etree._Element) -> etree._Element:
        if self.entry is None:
            return element
        if self.entry.language:
            element.set(f"{XML}lang", self.entry.language)
        content = element.find("content")
        if content is not None:
            content.set(f"{XML}base", self.entry.base)
        for category in self.entry.categories:
            xml_elem("category", element, term=category.term, scheme=category.scheme, label=category.label)
        add_pictures(element, self.entry)
        if self.entry.source is not None:
            source = xml_elem("source", element)
            xml_elem("id", source).text = self.entry.source.id
            xml_elem("title", source).text = self.entry.source.title
            xml_elem("updated", source).text = self.entry.updated.isoformat()
            if self.entry.source.url:
                xml_elem("link", source, href=self.entry.source.url, rel="self")
        one_line_each(element, "\n    ", "\n  ")
        element.tail = "\n"
        return element


def _feed_entry(entry: Entry) -> FeedEntry:
    made = FeedEntry()
    made.register_extension("provenance", _Provenance, atom=True, rss=False)
    made.provenance.entry = entry
    made.id(entry.id)
    made.title(entry.title)
    made.updated(entry.updated)
    made.published(entry.published)
    made.author({"name": entry.author})
    made.link({"href": entry.link, "rel": "alternate", "type": "text/html"})
    if entry.via:
        made.link({"href": entry.via, "rel": "via", "type": "text/html"})
    if entry.enclosure is not None:
        length = {} if entry.enclosure.length is None else {"length": str(entry.enclosure.length)}
        made.link({"href": entry.enclosure.url, "rel": "enclosure", "type": entry.enclosure.type} | length)
    if entry.content:
        made.content(entry.content, type="html")
    if entry.summary:
        made.summary(entry.summary)
    return made


def _generator(language: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.register_extension("media", MediaExtension, None, atom=True, rss=False)
    generator.register_extension("layout", _Layout, None, atom=True, rss=False)
    generator.language(language)
    return generator


class _Layout(BaseExtension):  # type: ignore[misc]
    """The elements of RFC 5005 in a feed's head, and its elements on lines of their own."""

    def __init__(self) -> None:
        self.history = History()

    def extend_ns(self) -> dict[str, str]:
        return history_namespace(self.history)

    def extend_atom(self, feed: etree._Element) -> etree._Element:
        add_history(feed, self.history)
        one_line_each(feed, "\n  ", "\n")
        return feed


def render_each(entries: Sequence[Entry]) -> list[bytes]:
    """Do what `render_entries` does, every element made by feedgen."""
    generator = _generator("")
    generator.id("urn:x")
    generator.title("x")
    for entry in entries:
        generator.add_entry(_feed_entry(entry), order="append")
    *parts, _ = generator.atom_str(xml_declaration=False).split(_ENTRY_END)
    return [b"  " + part[part.index(b"<entry") :] + _ENTRY_END + b"\n" for part in parts]


_moulds = Moulds(render_each, summary=attrgetter("summary"), published=datetime.isoformat)


def render_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Return each entry as an `<entry>` element with the namespaces of `render_feed`, ending in a line break.

    Raises ValueError when feedgen or lxml refuses one; the caller tells which by trying them singly.
    """
    return _moulds.render(entries)


def render_feed(head: FeedHead) -> tuple[bytes, bytes]:
    """Return what stands before and after the entries of a feed; with nothing between it is a whole document."""
    generator = _generator(head.language)
    generator.layout.history = head.history
    generator.id(head.id)
    generator.title(head.title)
    if head.subtitle:
        generator.subtitle(head.subtitle)
    generator.updated(head.updated)
    generator.author({"name": head.author})
    generator.link({"href": head.self_url, "rel": "self", "type": CONTENT_TYPE})
    generator.link({"href": head.site_url, "rel": "alternate", "type": "text/html"})
    for hub in head.hubs:
        generator.link({"href": hub, "rel": "hub"})
    for relation, address in history_links(head.history):
        generator.link({"href": address, "rel": relation, "type": CONTENT_TYPE})
    generator.generator(GENERATOR)
    document = with_prolog(generator.atom_str(), head)
    end = document.rindex(b"</feed>")
    return document[:end], document[end:] + b"\n"
