"""What Atom and RSS documents have in common: their first lines, lines that can be read, pictures, links to a feed's history."""

from __future__ import annotations

from feedgen.ext.media import MEDIA_NS
from feedgen.util import xml_elem
from lxml import etree

from feedmill.producer.entry import Entry
from feedmill.producer.head import FeedHead, History

XML = "{http://www.w3.org/XML/1998/namespace}"
#: RFC 5005 §2 and §4: `fh:complete`, `fh:archive`.
HISTORY_NS = "http://purl.org/syndication/history/1.0"

_MEDIA_CONTENT = f"{{{MEDIA_NS}}}content"
_MEDIA_THUMBNAIL = f"{{{MEDIA_NS}}}thumbnail"
_DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>"


def with_prolog(document: bytes, head: FeedHead) -> bytes:
    """Return feedgen's `document` with our declaration and the stylesheet for browsers that open a feed."""
    prolog = f'<?xml version="1.0" encoding="utf-8"?>\n<?xml-stylesheet type="text/css" href="{head.stylesheet}"?>'
    return document.replace(_DECLARATION, prolog.encode(), 1)


def one_line_each(element: etree._Element, indent: str, last: str) -> None:
    """Put every child on a line of its own (white space between elements means nothing there), texts untouched."""
    element.text = indent
    for child in element:
        child.tail = indent
    element[-1].tail = last


def add_pictures(element: etree._Element, entry: Entry) -> None:
    """Add an entry's pictures (Media RSS)."""
    if entry.picture:
        xml_elem(_MEDIA_CONTENT, element, url=entry.picture, medium="image")
    if entry.thumbnail:
        xml_elem(_MEDIA_THUMBNAIL, element, url=entry.thumbnail)


def history_namespace(history: History) -> dict[str, str]:
    """Return the namespace that `add_history` needs, for the root: documents without history do not have it."""
    return {"fh": HISTORY_NS} if history.is_complete or history.is_archive else {}


def add_history(element: etree._Element, history: History) -> None:
    """Say that a document is complete (RFC 5005 §2) or an archive (§4)."""
    if history.is_complete:
        xml_elem(f"{{{HISTORY_NS}}}complete", element)
    if history.is_archive:
        xml_elem(f"{{{HISTORY_NS}}}archive", element)


def history_links(history: History) -> list[tuple[str, str]]:
    """Return relation and address of every other document of a feed's history that this one links (RFC 5005 §4)."""
    links = [("prev-archive", history.prev), ("next-archive", history.next), ("current", history.current)]
    return [(relation, address) for relation, address in links if address]
