"""What docs/feed-rules.md asks of Atom's elements, in Atom documents and, as `atom:link` and the like, in RSS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from lxml import etree

from feedmill.producer.audit_html import faults_in_html, plain_text
from feedmill.producer.audit_text import (
    WEB,
    Fault,
    brief,
    fault_in_address,
    fault_in_date,
    fault_in_direction,
    fault_in_generator,
    fault_in_id,
    fault_in_language,
    faults_in_line,
    read_date,
)

#: A fault and its line in the document, from 1.
Finding = tuple[int, Fault]

ATOM = "{http://www.w3.org/2005/Atom}"
_MEDIA = "{http://search.yahoo.com/mrss/}"
XML = "{http://www.w3.org/XML/1998/namespace}"
_RELATIONS = "http://www.iana.org/assignments/relation/"

_ONCE = frozenset({"id", "title", "updated"})
_MANY = frozenset({"author", "contributor", "category", "link"})
_FEED_AT_MOST_ONCE = frozenset({"subtitle", "rights", "generator", "icon", "logo"})
_AT_MOST_ONCE = {
    "feed": _FEED_AT_MOST_ONCE,
    "source": _FEED_AT_MOST_ONCE,
    "entry": frozenset({"published", "summary", "content", "rights", "source"}),
}
_TEXT_RULES = {"title": 19, "subtitle": 19, "rights": 19, "summary": 33}


def local_name(element: etree._Element) -> str:
    """Return an Atom element's name without its namespace; "" for any other element and for comments."""
    tag = element.tag
    return tag.removeprefix(ATOM) if isinstance(tag, str) and tag.startswith(ATOM) else ""


def line_of(element: etree._Element) -> int:
    """Return the line on which the element's start tag ends; 0 when it is not known."""
    line = element.sourceline
    return line if isinstance(line, int) else 0


def first_text(parent: etree._Element, name: str) -> str:
    """Return the text of the first Atom child called `name`; "" when there is none."""
    return parent.findtext(f"{ATOM}{name}") or ""


def date_of(parent: etree._Element, name: str) -> datetime | None:
    """Return the date in the first Atom child called `name`; None when it is missing or broken."""
    return read_date(first_text(parent, name))


def relation(link: etree._Element) -> str:
    """Return a link's relation, short and in small letters; `alternate` where it has none (RFC 4287 §4.2.7.2)."""
    return link.get("rel", "alternate").removeprefix(_RELATIONS).lower()


def links_of(parent: etree._Element, *relations: str) -> list[etree._Element]:
    """Return the links of `parent` that have one of `relations`."""
    return [link for link in parent.findall(f"{ATOM}link") if relation(link) in relations]


def findings_in_metadata(parent: etree._Element, *, now: datetime | None) -> Iterator[Finding]:
    """Judge what a feed, an entry and an atom:source have in common: counts, texts, ids, dates, links, categories."""
    yield from _findings_in_counts(parent)
    for child in parent.iterchildren(f"{ATOM}*"):
        name = local_name(child)
        text = child.text or ""
        if name in _TEXT_RULES:
            yield from _findings_in_text(child, rule=_TEXT_RULES[name])
        elif name in {"updated", "published"}:
            yield from at(child, fault_in_date(text, now=now))
        elif name == "id":
            yield from at(child, fault_in_id(text))
        elif name in {"author", "contributor"}:
            yield from _findings_in_person(child)
        elif name == "generator":
            yield from _findings_in_generator(child)
    yield from findings_in_links(parent)
    yield from _findings_in_categories(parent)


def findings_in_entry(entry: etree._Element, *, language: str, now: datetime | None) -> Iterator[Finding]:
    """Judge one entry; `language` is the one it inherits from its feed."""
    yield from findings_in_metadata(entry, now=now)
    if entry.find(f"{ATOM}author") is None:
        yield line_of(entry), Fault(16, "the entry has no author")
    updated, published = date_of(entry, "updated"), date_of(entry, "published")
    if updated and published and updated < published:
        yield line_of(entry), Fault(10, "the entry was updated before it was published")
    source = entry.find(f"{ATOM}source")
    if source is not None:
        yield from findings_in_metadata(source, now=None)
    content = entry.find(f"{ATOM}content")
    if content is None or not (content.get("src") or (content.text or "").strip() or len(content)):
        if not links_of(entry, "alternate") or not first_text(entry, "summary").strip():
            yield line_of(entry), Fault(18, "an entry without content needs a link (alternate) and a summary")
        return
    yield from _findings_in_content(content, language=entry.get(f"{XML}lang", language))
    summary = " ".join(first_text(entry, "summary").split())
    if summary and summary in {(content.text or "").strip(), plain_text(content.text or "")}:
        yield line_of(entry), Fault(33, "the summary repeats the whole content: leave it out")


def findings_anywhere(root: etree._Element) -> Iterator[Finding]:
    """Judge what may stand on any element: languages, bases, and addresses outside of links."""
    for element in root.iter("*"):
        name, text = local_name(element), element.text or ""
        for language in (element.get(f"{XML}lang"), element.get("hreflang")):
            yield from at(element, None if language is None else fault_in_language(language))
        if (base := element.get(f"{XML}base")) is not None:
            yield from at(element, fault_in_address(base, schemes=WEB, relative=29), f"xml:base {name}".rstrip())
        if name in {"uri", "icon", "logo"}:
            yield from at(element, fault_in_address(text, schemes=WEB, relative=30), name)
        elif str(element.tag).startswith(_MEDIA) and (address := element.get("url")) is not None:
            yield from at(element, fault_in_address(address, schemes=WEB, relative=30), "media url")
        elif name == "content" and (address := element.get("src")) is not None:
            yield from at(element, fault_in_address(address, schemes=WEB, relative=30), "content src")


def at(element: etree._Element, fault: Fault | None, what: str = "") -> Iterator[Finding]:
    """Yield a fault, if there is one, where `element` stands; `what` is put before its reason."""
    if fault is not None:
        yield line_of(element), Fault(fault.rule, f"{what}: {fault.reason}") if what else fault


def _findings_in_counts(parent: etree._Element) -> Iterator[Finding]:
    kind = local_name(parent)
    rule = 22 if kind == "source" else 15
    counts = Counter(name for child in parent.iterchildren(f"{ATOM}*") if (name := local_name(child)))
    for name in sorted(_ONCE):
        if counts[name] != 1:
            yield line_of(parent), Fault(rule, f"the {kind} has {counts[name] or 'no'} {name}; exactly one is needed")
    for name, count in counts.items():
        if name in _AT_MOST_ONCE[kind]:
            if count > 1:
                yield line_of(parent), Fault(15, f"the {kind} has {count} elements {name}; one at most is allowed")
        elif name not in _ONCE | _MANY and (kind, name) != ("feed", "entry"):
            yield line_of(parent), Fault(15, f"the {kind} has an element {brief(name)} that Atom does not know there")


def _findings_in_text(element: etree._Element, *, rule: int) -> Iterator[Finding]:
    name, kind = local_name(element), element.get("type", "text")
    if kind != "text" or len(element):
        yield line_of(element), Fault(rule, f'the {name} (type="{brief(kind)}") has markup: write plain text, type="text"')
        return
    for fault in faults_in_line(element.text or "", name=name, rule=rule):
        yield line_of(element), fault


def _findings_in_person(person: etree._Element) -> Iterator[Finding]:
    names = [name.text or "" for name in person.findall(f"{ATOM}name")]
    if len(names) != 1:
        yield line_of(person), Fault(16, f"the {local_name(person)} has {len(names) or 'no'} name; exactly one is needed")
    for name in names:
        for fault in faults_in_line(name, name=f"{local_name(person)}'s name", rule=16):
            yield line_of(person), fault


def _findings_in_generator(generator: etree._Element) -> Iterator[Finding]:
    yield from at(generator, fault_in_generator(generator.text or "", version=generator.get("version", "")))
    if (uri := generator.get("uri")) is not None:
        yield from at(generator, fault_in_address(uri, schemes=WEB, relative=24), "generator uri")


def findings_in_links(parent: etree._Element) -> Iterator[Finding]:
    """Judge the Atom links of `parent`: addresses, enclosures, nothing named twice."""
    links = parent.findall(f"{ATOM}link")
    for link in links:
        kind = relation(link)
        if (href := link.get("href")) is None:
            yield line_of(link), Fault(30, f"the link ({brief(kind)}) has no href")
        else:
            yield from at(link, fault_in_address(href, schemes=WEB, relative=43 if kind == "hub" else 30), f"link {brief(kind)}")
        if kind == "enclosure":
            yield from findings_in_enclosure(link)
    alternates = [
        (link, (link.get("type", "").lower(), link.get("hreflang", "").lower())) for link in links if relation(link) == "alternate"
    ]
    for link in repeated(alternates):
        yield line_of(link), Fault(18, "a second alternate link of the same type and hreflang")
    for link in repeated((link, (link.get("href", ""), "")) for link in links if relation(link) == "hub"):
        yield line_of(link), Fault(43, "the same hub is named twice")


def findings_in_self(feed: etree._Element, url: str, *, content_type: str) -> Iterator[Finding]:
    """Judge the link to the document itself in a feed's head (an Atom link, in RSS too); `url` is where it is published, "" for unknown."""
    own = links_of(feed, "self")
    if len(own) != 1:
        yield line_of(feed), Fault(17, f"the feed has {len(own) or 'no'} link rel=self; exactly one is needed")
        if hubs := links_of(feed, "hub"):
            yield line_of(hubs[0]), Fault(43, "a hub is named, and not exactly one rel=self for it to know the feed by")
    for link in own:
        if link.get("type") != content_type:
            yield line_of(link), Fault(17, f'the link rel=self has no type="{content_type}"')
        if url and link.get("href") != url:
            yield line_of(link), Fault(17, f"rel=self is `{brief(link.get('href', ''))}`, but the feed is published at `{brief(url)}`")


def findings_in_enclosure(link: etree._Element) -> Iterator[Finding]:
    """Judge the media type and the length of an enclosure, Atom's link or RSS's element."""
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", link.get("type", ""), re.ASCII):
        yield line_of(link), Fault(21, f"the enclosure's type `{brief(link.get('type', ''))}` is no media type such as audio/mpeg")
    if not re.fullmatch(r"0*[1-9]\d*", link.get("length", ""), re.ASCII):
        yield line_of(link), Fault(21, f"the enclosure's length `{brief(link.get('length', ''))}` is no number of bytes")


def _findings_in_categories(parent: etree._Element) -> Iterator[Finding]:
    categories = parent.findall(f"{ATOM}category")
    for category in categories:
        if not category.get("term", "").strip():
            yield line_of(category), Fault(20, "a category without a term")
        if not category.get("label", "-").strip():
            yield line_of(category), Fault(20, "a category with an empty label")
        if (scheme := category.get("scheme")) is not None and (fault := fault_in_id(scheme)):
            yield line_of(category), Fault(20, f"the category's scheme: {fault.reason}")
    for category in repeated((category, (category.get("scheme", ""), category.get("term", ""))) for category in categories):
        yield line_of(category), Fault(20, f"the category `{brief(category.get('term', ''))}` stands twice")


def repeated(keyed: Iterable[tuple[etree._Element, tuple[str, str]]]) -> Iterator[etree._Element]:
    """Yield the elements whose key an earlier one has."""
    seen: set[tuple[str, str]] = set()
    for element, key in keyed:
        if key in seen:
            yield element
        seen.add(key)


def _findings_in_content(content: etree._Element, *, language: str) -> Iterator[Finding]:
    line = line_of(content)
    if content.get("src"):
        return
    if content.get("type") != "html" or len(content):
        yield (
            line,
            Fault(28, f'the content has type="{brief(content.get("type", "text"))}" or bare markup: write escaped HTML, type="html"'),
        )
        return
    yield from findings_in_markup(content, language=language)


def findings_in_markup(content: etree._Element, *, language: str) -> Iterator[Finding]:
    """Judge an element whose text is an entry's HTML; `language` is the one it inherits."""
    line = line_of(content)
    if content.get(f"{XML}base") is None:
        yield line, Fault(29, "the content has no xml:base")
    text = content.text or ""
    for offset, fault in faults_in_html(text):
        yield line + offset, fault
    if backwards := fault_in_direction(text, language=content.get(f"{XML}lang", language)):
        yield line, backwards
