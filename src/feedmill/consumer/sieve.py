"""The sieve: a well-formed document without the entries that are known, so that feedparser reads only what is new.

Every entry is fingerprinted by its serialised bytes. feedparser carries much from entry to entry (what is open in inline markup,
prefixes, bases); whatever could leak is put right here, so that an entry is read the same with and without the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

from lxml import etree

from feedmill.consumer.clusters import Key, shared_keys, surely_known
from feedmill.consumer.hints import hints_of_channel
from feedmill.posts.dates import parse_date
from feedmill.upstream import Hints

#: Bytes of a mark: 32 hexadecimal digits.
MARK_SIZE = 16
# The namespaces that feedparser takes for "no namespace", in small letters as it compares them.
_FEED_NAMESPACES = frozenset(
    {
        "",
        "http://www.w3.org/2005/atom",
        "http://purl.org/atom/ns#",
        "http://purl.org/rss/1.0/",
        "http://purl.org/rss/1.0/modules/rss091#",
        "http://my.netscape.com/rdf/simple/0.9/",
        "http://backend.userland.com/rss",
        "http://backend.userland.com/rss2",
        "http://blogs.law.harvard.edu/tech/rss",
    }
)
_ENTRY_NAMES = frozenset({"item", "entry"})
_DATES = frozenset({"pubdate", "published", "updated", "issued", "date", "modified"})
# What may hold markup. feedparser reads inline markup with a state of its own, which `</title>` or `</summary>` inside it breaks.
# fmt: off
_TEXTS = frozenset({
    "abstract", "body", "content", "copyright", "description", "encoded", "fullitem", "info", "rights", "subtitle", "summary", "tagline",
    "title",
})
# fmt: on
_PERSONS = frozenset({"author", "creator", "managingeditor", "webmaster", "publisher", "name", "contributor"})
#: Elements of an entry beyond these are not read: feedparser compares every category with all before it.
_MAX_PARTS = 2_000
# feedparser looks for a mail address in them in the square of their length.
_MAX_PERSON = 1_000
# Feedparser raises TypeError, KeyError or ValueError for what it does not expect in them (measured); no post has anything of theirs.
_UNUSED = ("georss", "opengis.net/gml", "wgs84_pos", "simple-chapters")
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_PREFIX_DECLARED = re.compile(rb"<[^<>]* xmlns:")
#: Beyond this, what is around the entries is not read again for each of them.
_MAX_FRAME = 65_536


@dataclass(frozen=True, slots=True)
class WrittenId:
    """An entry's guid or id as it is written, without outer white space; whether RSS says that it is an address."""

    text: str
    may_be_address: bool


@dataclass(frozen=True, slots=True)
class Sieved:
    """A document without its known entries."""

    root: etree._Element
    #: What is left, in the order of the document, with the mark and the id of each.
    entries: tuple[etree._Element, ...]
    marks: tuple[str, ...]
    ids: tuple[WrittenId, ...]
    known: tuple[str, ...]
    dropped: int
    hints: Hints = field(default=Hints())

    def document(self) -> bytes:
        """Return the document in UTF-8, without an XML declaration."""
        return etree.tostring(self.root, encoding="utf-8", with_tail=False)

    def documents(self) -> Iterator[bytes]:
        """Yield a document for each entry alone: for the case that one of them breaks the parser."""
        places = [(entry, entry.getparent()) for entry in self.entries]
        for entry, parent in places:
            if parent is not None:
                parent.remove(entry)
        if len(self.document()) > _MAX_FRAME:
            return
        for entry, parent in places:
            if parent is not None:
                parent.append(entry)
                yield self.document()
                parent.remove(entry)


def parse_tree(document: bytes) -> etree._Element:
    """Return the root of `document`, which is UTF-8 whatever it declares; nothing outside it is read.

    Raises lxml.etree.XMLSyntaxError where it is not well-formed, is nested more than 256 deep or holds a text over 10 MB.
    """
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        # A text in CDATA comes in a few pieces, one with references in thousands.
        strip_cdata=False,
    )
    return etree.fromstring(document, parser)


def sieve(root: etree._Element, known: Collection[str], *, limit: int) -> Sieved | None:
    """Return the feed `root` without the entries that `known` has the marks of, of the newest `limit`; changes `root`.

    None where cutting could change how the rest is read: its entries bind namespace prefixes in more than one way.
    """
    entries = list(find_entries(root))
    read, beyond = _newest(entries, limit)
    written = [etree.tostring(entry, encoding="utf-8", with_tail=False) for entry in read]
    if not _are_prefixes_plain(read, written):
        return None
    marks = [_mark(text, entry) for text, entry in zip(written, read, strict=True)]
    ids, keys = [], []
    for entry in read:
        written_id, entry_keys = _identify(entry)
        ids.append(written_id)
        keys.append(entry_keys)
    is_cut = surely_known(marks, keys, known)
    for entry in beyond:
        _cut(entry)
    kept = []
    for index, entry in enumerate(read):
        if is_cut[index]:
            _cut(entry)
        else:
            kept.append(index)
            _write_out_markup(entry)
    _calm_frame(root)
    return Sieved(
        root=root,
        entries=tuple(read[index] for index in kept),
        marks=tuple(marks[index] for index in kept),
        ids=tuple(ids[index] for index in kept),
        known=tuple(mark for mark, cut in zip(marks, is_cut, strict=True) if cut),
        dropped=len(beyond),
        hints=hints_of_channel(_channel(root)),
    )


def _newest(entries: list[etree._Element], limit: int) -> tuple[list[etree._Element], list[etree._Element]]:
    """Return the `limit` newest entries and the others: the first ones, or the last where the document goes from old to new."""
    if len(entries) > limit:
        first, last = _date(entries[0]), _date(entries[-1])
        if first is not None and last is not None and first < last:
            return entries[-limit:], entries[:-limit]
    return entries[:limit], entries[limit:]


def _date(entry: etree._Element) -> datetime | None:
    texts = (child.text for child in entry.iterchildren("*") if str(child.tag).rpartition("}")[2].lower() in _DATES)
    return next((date for text in texts if (date := parse_date(text or "", UTC))), None)


def find_entries(root: etree._Element) -> Iterator[etree._Element]:
    """Yield the items of an RSS or RDF document and the entries of an Atom document, in their order."""
    for child in root.iterchildren("*"):
        if _is_entry(child):
            yield child
        elif _local_name(child) == "channel":
            yield from filter(_is_entry, child.iterchildren("*"))


def _channel(root: etree._Element) -> etree._Element:
    return next((child for child in root.iterchildren("*") if _local_name(child) == "channel"), root)


def _is_entry(element: etree._Element) -> bool:
    return _local_name(element) in _ENTRY_NAMES


def _local_name(element: etree._Element) -> str:
    """Return the name of a feed's own element in small letters; "" for other namespaces' elements."""
    name, is_feeds = _split_tag(str(element.tag))
    return name if is_feeds or element.prefix is None else ""


@lru_cache(maxsize=1024)
def _split_tag(tag: str) -> tuple[str, bool]:
    """Return the local name in small letters, and whether feedparser takes the namespace for a feed's own."""
    namespace, _, name = tag.rpartition("}")
    return name.lower(), namespace[1:].lower() in _FEED_NAMESPACES


def _are_prefixes_plain(entries: list[etree._Element], written: list[bytes]) -> bool:
    """Whether no prefix and no namespace is bound in two ways: feedparser remembers both beyond the element that binds them."""
    bindings = {binding for entry in entries for binding in entry.nsmap.items()}
    for entry, text in zip(entries, written, strict=True):
        # An entry's first tag has all that is bound around it; more is the exception.
        rest = text.find(b" xmlns:", text.find(b">"))
        if rest >= 0 and _PREFIX_DECLARED.search(text, text.rfind(b"<", 0, rest)):
            bindings.update(binding for element in entry.iter("*") for binding in element.nsmap.items())
    prefixed = {(prefix, uri) for prefix, uri in bindings if prefix}
    return len({prefix for prefix, _ in prefixed}) == len(prefixed) == len({uri for _, uri in prefixed})


def _mark(written: bytes, entry: etree._Element) -> str:
    """Return the fingerprint of an entry: what it says, with the bases that its addresses are relative to."""
    digest = blake2b(written, digest_size=MARK_SIZE)
    for ancestor in entry.iterancestors():
        if base := ancestor.get(_XML_BASE):
            digest.update(b"\0" + base.encode("utf-8", "replace"))
    return digest.hexdigest()


def _identify(entry: etree._Element) -> tuple[WrittenId, tuple[Key, ...]]:
    """Return an entry's id as written, and the keys that other entries may share."""
    found, permalink, links, title = entry.get(_RDF_ABOUT, "").strip(), True, [], ""
    for child in entry.iterchildren("*"):
        name = _local_name(child)
        if name in ("guid", "id"):
            found = (child.text or "").strip()
            permalink = {key.lower(): value for key, value in child.items()}.get("ispermalink", "true").lower() != "false"
        elif name == "link" and child.get("rel", "alternate") == "alternate":
            links.append((child.get("href") or child.text or "").strip())
        elif name == "title":
            title = child.text or ""
    return WrittenId(found, permalink), shared_keys(found, links, title)


def _cut(entry: etree._Element) -> None:
    parent = entry.getparent()
    if parent is not None:
        parent.remove(entry)


def _write_out_markup(entry: etree._Element) -> None:
    """Turn inline markup (Atom's xhtml, RSS that was not escaped) into escaped HTML; take out what feedparser may break on."""
    del entry[_MAX_PARTS:]
    for child in list(entry.iterchildren("*")):
        name, is_feeds = _split_tag(str(child.tag))
        if not is_feeds and _is_unused(str(child.tag)):
            entry.remove(child)
            continue
        if name in _PERSONS:
            _shorten_person(child)
        if not len(child):
            _gather(child)
            continue
        if name not in _TEXTS or (name == "content" and "/mrss" in str(child.tag)):
            _write_out_markup(child)
        elif _is_xml(child.get("type", "").lower()):
            entry.remove(child)  # an SVG picture, say: no body, and its `title` would become the entry's
        else:
            _write_out(child)


@lru_cache(maxsize=1024)
def _is_unused(tag: str) -> bool:
    return any(name in tag.partition("}")[0] for name in _UNUSED)


def _is_xml(media_type: str) -> bool:
    return media_type.endswith(("+xml", "/xml")) and media_type != "application/xhtml+xml"


def _gather(element: etree._Element) -> None:
    """Write an escaped text as CDATA: expat gives every `&lt;` to feedparser as a piece of its own, a line of CDATA as one.

    (Measured: 640 pieces for 3 kB of escaped HTML, half of feedparser's time.)
    """
    text = element.text
    if text and ("<" in text or "&" in text) and "]]>" not in text and "\r" not in text:
        element.text = etree.CDATA(text)


def _write_out(element: etree._Element) -> None:
    holder = element
    if element.get("type", "").lower() in ("xhtml", "application/xhtml+xml") and len(element) == 1:
        # The `div` around it is not part of the text (RFC 4287 §3.1.1.3), but its base is.
        holder = element[0]
        if (base := holder.get(_XML_BASE)) and not element.get(_XML_BASE):
            element.set(_XML_BASE, base)
    wrapper = etree.Element("div")
    wrapper.text = holder.text
    wrapper.extend(list(holder))
    for inner in wrapper.iter("*"):
        inner.tag = str(inner.tag).rpartition("}")[2]
    html = etree.tostring(wrapper, encoding="unicode", method="html", with_tail=False)
    for rest in list(element):
        element.remove(rest)
    element.text = html.removeprefix("<div>").removesuffix("</div>")
    element.set("type", "html")
    _gather(element)


def _calm_frame(root: etree._Element) -> None:
    """Do for the feed's own elements what is done for an entry's."""
    for parent in (root, _channel(root)):
        for child in list(parent.iterchildren("*")):
            if _is_unused(str(child.tag)):
                parent.remove(child)
            elif _split_tag(str(child.tag))[0] in _PERSONS:
                _shorten_person(child)


def _shorten_person(element: etree._Element) -> None:
    for part in element.iter("*"):
        if part.text and len(part.text) > _MAX_PERSON:
            part.text = part.text[:_MAX_PERSON]
