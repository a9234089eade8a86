"""Plain entries, which need no feedparser: it takes half of all reading, for elements of which there are two dozen kinds (measured).

Plain is what feedparser does nothing to but hand it on: known elements, each once, a text that it would not repair, an address that
is absolute, a date that we read. Everything else goes to feedparser, entry by entry; `test_plainentries` holds the two side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from lxml import etree

from feedmill.consumer.feedtext import GUARD
from feedmill.consumer.rawentry import RawEntry, RawText
from feedmill.posts.dates import parse_date

_ATOM = "{http://www.w3.org/2005/Atom}"
_BASE, _LANGUAGE = (f"{{http://www.w3.org/XML/1998/namespace}}{name}" for name in ("base", "lang"))
#: What an element of an RSS item is to a post; "" for nothing.
_RSS_ELEMENTS = {
    "title": "title",
    "link": "link",
    "guid": "",
    "pubDate": "published",
    "category": "tag",
    "description": "summary",
    "{http://purl.org/rss/1.0/modules/content/}encoded": "content",
    "{http://purl.org/dc/elements/1.1/}creator": "author",
    "comments": "",
    "{http://purl.org/rss/1.0/modules/slash/}comments": "",
    "{http://wellformedweb.org/CommentAPI/}commentRss": "",
}
#: The attributes that they may have; no other has any.
_RSS_ATTRIBUTES = {"guid": frozenset({"isPermaLink"}), "category": frozenset({"domain"})}
_NONE: frozenset[str] = frozenset()
_ATOM_ATTRIBUTES = {
    f"{_ATOM}{name}": frozenset(attributes.split())
    for name, attributes in {
        "id": "",
        "title": "type",
        "link": "rel href type title hreflang",
        "updated": "",
        "published": "",
        "author": "",
        "category": "term scheme label",
        "summary": f"type {_BASE} {_LANGUAGE}",
        "content": f"type {_BASE} {_LANGUAGE}",
    }.items()
}
_PERSON = frozenset({f"{_ATOM}name", f"{_ATOM}uri", f"{_ATOM}email"})
# By their namespaces feedparser takes an Atom document for something else.
_FOREIGN = frozenset({"http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/"})
# One that urllib leaves as it is.
_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9.\-]+(?::[0-9]+)?(?:/[A-Za-z0-9/_.~%!$&'()*+,=:@\-]*)?"
    r"(?:\?[A-Za-z0-9/_.~%!$&'()*+,=:@?\-]+)?(?:#[A-Za-z0-9/_.~%!$&'()*+,=:@?\-]+)?"
)
# Without it no text without a type is taken for HTML, by feedparser or by us.
_MARKUP = re.compile(r"<|&#?\w+;")
# What feedparser takes for characters of Windows-1252, and translates. In UTF-8 each begins with one byte.
_C1, _BEFORE_C1 = re.compile("[\x80-\x9f]"), b"\xc2"
_GUARD = GUARD.encode()


class _NotPlain(Exception):
    """The entry is feedparser's."""


def can_be_plain(root: etree._Element, *, url: str) -> bool:
    """Whether plain entries of the document can be read without its frame: nothing in that gives their addresses another base."""
    if _ADDRESS.fullmatch(url) is None:
        return False
    if root.tag == "rss":
        frame = [root, *root.iterchildren("channel")]
    elif root.tag == f"{_ATOM}feed" and not any(uri.lower() in _FOREIGN for uri in root.nsmap.values()):
        frame = [root]
    else:
        return False
    return not any(str(key).rpartition("}")[2].lower() == "base" for element in frame for key in element.attrib)


def plain_entry(entry: etree._Element, *, url: str) -> RawEntry | None:
    """Return what a plain entry of such a document, which `url` gave, says; None for one that is not plain. Its guid is left out."""
    if entry.keys():
        return None
    try:
        if entry.tag == "item":
            return _rss_entry(entry)
        return _atom_entry(entry, url) if entry.tag == f"{_ATOM}entry" else None
    except _NotPlain:
        return None


def set_aside(entries: Iterable[etree._Element]) -> Callable[[], None]:
    """Take entries out of their document; return what puts them in their places again."""
    taken = []
    for entry in entries:
        parent = entry.getparent()
        if parent is not None:
            taken.append((parent, parent.index(entry), entry))
            parent.remove(entry)

    def put_back() -> None:
        for parent, index, entry in reversed(taken):
            parent.insert(index, entry)

    return put_back


def _rss_entry(entry: etree._Element) -> RawEntry:
    found: dict[str, str] = {}
    tags: list[RawText] = []
    for child in entry.iterchildren("*"):
        tag = str(child.tag)
        name = _RSS_ELEMENTS.get(tag)
        _insist(name is not None and not len(child) and _RSS_ATTRIBUTES.get(tag, _NONE).issuperset(child.keys()))
        if not name:
            continue
        text = _text(child)
        if name in ("title", "author", "tag"):
            _insist(_MARKUP.search(text) is None)
        if name == "tag":
            tags.append(RawText(text))
        else:
            _insist(name not in found)
            found[name] = text
    author = found.get("author", "")
    _insist("@" not in author)
    texts: dict[str, RawText] = {name: RawText(found[name], is_html=True) for name in ("content", "summary") if name in found}
    return _raw(found, RawText(found.get("title", "")), [author], tags, _bodies(texts, "content"), _bodies(texts, "summary"))


def _atom_entry(entry: etree._Element, url: str) -> RawEntry:
    found: dict[str, str] = {}
    texts: dict[str, RawText] = {}
    authors: list[str] = []
    tags: list[RawText] = []
    for child in entry.iterchildren("*"):
        tag = str(child.tag)
        _insist(tag in _ATOM_ATTRIBUTES and _ATOM_ATTRIBUTES[tag].issuperset(child.keys()))
        name = tag.removeprefix(_ATOM)
        if name == "author":
            authors.append(_name(child))
            continue
        _insist(not len(child))
        if name == "category":
            _insist(child.get("term") is not None and not (child.text or "").strip())
            term = (child.get("label") or "").strip() or (child.get("term") or "").strip()
            _insist(GUARD not in term)
            tags.append(RawText(term))
        elif name == "link":
            if address := _alternate(child):
                _insist("link" not in found)
                found["link"] = address
        elif name in ("title", "content", "summary"):
            _insist(name not in texts)
            texts[name] = _typed(child, url)
        elif name != "id":
            _insist(name not in found)
            found[name] = _text(child)
    contents = _bodies(texts, "content")
    return _raw(found, texts.get("title", RawText("")), authors, tags, contents, () if contents else _bodies(texts, "summary"))


def _insist(is_plain: bool) -> None:
    if not is_plain:
        raise _NotPlain


def _text(element: etree._Element) -> str:
    """Return the text of an element that has nothing else, as feedparser hands it on. Raises _NotPlain where it would repair it."""
    text = (element.text or "").strip()
    if text.isascii():
        return text
    encoded = text.encode()
    _insist(_GUARD not in encoded and (_BEFORE_C1 not in encoded or _C1.search(text) is None))
    try:
        text.encode("iso-8859-1").decode("utf-8")
    except UnicodeError:
        return text
    raise _NotPlain


def _name(person: etree._Element) -> str:
    """Return the name in an Atom author."""
    names = [_text(child) for child in person.iterchildren(f"{_ATOM}name")]
    _insist(len(names) == 1 and bool(names[0]))
    _insist(all(child.tag in _PERSON and not child.keys() and not len(child) for child in person.iterchildren("*")))
    return names[0]


def _alternate(link: etree._Element) -> str:
    """Return the address of an Atom link to the entry's page; "" for another that no post has anything of."""
    href, rel = link.get("href"), link.get("rel", "alternate").lower()
    _insist(href is not None and rel != "enclosure" and not link.text)
    if rel != "alternate":
        return ""
    _insist(link.get("type", "text/html") == "text/html" and _ADDRESS.fullmatch(href or "") is not None)
    return href or ""


def _typed(element: etree._Element, url: str) -> RawText:
    """Return a text of Atom, with the base that it may have of its own."""
    kind, base = element.get("type"), element.get(_BASE) or url
    _insist(kind in (None, "text", "html") and _ADDRESS.fullmatch(base) is not None)
    return RawText(_text(element), kind == "html", "" if base == url else base)


def _bodies(texts: Mapping[str, RawText], name: str) -> tuple[RawText, ...]:
    return (texts[name],) if name in texts and texts[name].value else ()


def _raw(
    found: Mapping[str, str],
    title: RawText,
    authors: list[str],
    tags: list[RawText],
    contents: tuple[RawText, ...],
    summaries: tuple[RawText, ...],
) -> RawEntry:
    link = found.get("link", "")
    _insist(not link or _ADDRESS.fullmatch(link) is not None)
    published, updated = _date(found.get("published", "")), _date(found.get("updated", ""))
    return RawEntry(
        link=link,
        title=title,
        authors=tuple(RawText(author) for author in authors if author),
        contents=contents,
        summaries=summaries,
        published=published or updated,
        updated=updated,
        tags=tuple(tags),
    )


def _date(text: str) -> datetime | None:
    if not text:
        return None
    moment = parse_date(text, UTC)
    _insist(moment is not None and text.isascii())
    return moment
