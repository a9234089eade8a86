"""What docs/feed-rules.md asks of an entry's HTML: balanced, harmless, every address absolute.

Tags are read by a strict grammar, a subset of HTML's own in which browsers and this module cannot disagree: what does not fit it
(comments, declarations, broken quotes) is itself a fault. A lenient parser would step over `<!--><img onerror=…>-->` as a comment.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from feedmill.producer.audit_text import WEB, WEB_AND_MAIL, Fault, brief, fault_in_address

_OPENING = re.compile(r"<(?=[A-Za-z/!?])")
# Possessive throughout: a tag that does not fit fails at once, whatever its length.
_TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*+)
        (?P<attributes>(?>\s++[^\s"'<>/=]++(?>\s*+=\s*+(?>"[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?+)*+)
        \s*+/?>""",
    re.ASCII | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?>\s*+=\s*+(?>"([^"]*+)"|'([^']*+)'|([^\s"'=<>`]++)))?+""", re.ASCII)
# In attributes HTML reads a named reference without its semicolon as text (`?a=1&copy=2`); numeric ones it always reads.
_REFERENCE = re.compile(r"&(?:#[xX]?[0-9A-Fa-f]+;?|[A-Za-z][A-Za-z0-9]*;)")
_ZEROS = re.compile(r"^(&#[xX]?)0+(?=[0-9A-Fa-f])")
_SRCSET_ADDRESS = re.compile(r"[^\s,]\S*+", re.ASCII)
_SRCSET_NEXT = re.compile(r"[^,]*+")

# fmt: off
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"})
_PAGE = frozenset({"html", "head", "body", "title", "frameset"})
_DANGEROUS = frozenset({
    "applet", "base", "button", "dialog", "embed", "form", "frame", "input", "link", "math", "meta", "noembed", "noframes", "noscript",
    "object", "option", "param", "plaintext", "portal", "script", "select", "style", "svg", "template", "textarea", "xmp",
})
_ADDRESSES = frozenset({
    "href", "src", "poster", "cite", "action", "formaction", "data", "data-src", "data-original", "longdesc", "background", "manifest",
    "ping", "xlink:href",
})
_HYPERLINKS = frozenset({"href", "cite"})
# fmt: on


class Tag(NamedTuple):
    """What there is to say of a tag wherever it stands: its name in small letters, whether it ends an element, its own faults."""

    name: str
    is_end: bool
    faults: tuple[Fault, ...]


_UNREADABLE = Tag(
    "",
    is_end=True,
    faults=(Fault(28, "a `<` begins what is no plain tag (a comment, a declaration, broken quotes): readers differ on it"),),
)


def faults_in_html(text: str) -> Iterator[tuple[int, Fault]]:
    """Judge a fragment that is meant to sit inside a `div`; yield each fault with its line, counted from 0 within `text`."""
    line = counted = 0
    for position, fault in _faults(text):
        # Faults of unclosed elements come last and point back.
        line = line + text.count("\n", counted, position) if position >= counted else text.count("\n", 0, position)
        counted = position
        yield line, fault


def _faults(text: str) -> Iterator[tuple[int, Fault]]:
    """Yield each fault with its position in `text`."""
    open_tags: list[tuple[str, int]] = []
    is_balanced = True
    for position, tag in _tags(text):
        for fault in tag.faults:
            yield position, fault
        if tag is _UNREADABLE:
            return
        if open_tags and open_tags[-1][0] == "iframe" and not (tag.is_end and tag.name == "iframe"):
            yield position, Fault(31, f"`<{brief(tag.name)}>` inside an iframe: browsers read it as text up to the next `</iframe>`")
        if not is_balanced or tag.name in _VOID:
            continue
        if not tag.is_end:
            open_tags.append((tag.name, position))
        elif open_tags and open_tags[-1][0] == tag.name:
            open_tags.pop()
        else:
            # Everything after the first slip would be reported too: one is enough to find it.
            is_balanced = False
            yield position, Fault(28, f"`</{brief(tag.name)}>` closes nothing that is open here")
    if is_balanced and open_tags:
        name, position = open_tags[-1]
        yield position, Fault(28, f"`<{brief(name)}>` is never closed")


def plain_text(text: str) -> str:
    """Return the words of an HTML fragment with single spaces: enough to compare, not to show."""
    return " ".join(_decoded(_TAG.sub(" ", text)).split())


def _tags(text: str) -> Iterator[tuple[int, Tag]]:
    """Yield the tags of `text` in order, with their positions; what cannot be read as a tag is the last."""
    position = 0
    while opening := _OPENING.search(text, position):
        start = opening.start()
        match = _TAG.match(text, start)
        if match is None:
            yield start, _UNREADABLE
            return
        yield start, _judged(match[0])
        position = match.end()


@lru_cache(maxsize=1024)
def _judged(written: str) -> Tag:
    """Return the tag that `written` is: a feed says `<p>` and `</p>` thousands of times."""
    match = _TAG.match(written)
    assert match is not None, "only what _TAG has matched comes here"
    name, is_end = match["name"].lower(), bool(match["end"])
    if is_end:
        return Tag(name, is_end, ())
    attributes = [(key.lower(), _decoded("".join(values))) for key, *values in _ATTRIBUTE.findall(match["attributes"])]
    return Tag(name, is_end, tuple(_faults_in_tag(name, attributes)))


def _decoded(text: str) -> str:
    return _REFERENCE.sub(_character, text)


def _character(reference: re.Match[str]) -> str:
    """int() raises for more than 4,300 digits, and html.unescape asks it; browsers skip zeros and give U+FFFD for too large."""
    short = _ZEROS.sub(r"\1", reference[0])
    return html.unescape(short) if len(short) < 40 else "\ufffd"


def _faults_in_tag(name: str, attributes: list[tuple[str, str]]) -> Iterator[Fault]:
    if name in _PAGE:
        yield Fault(28, f"`<{name}>` belongs to a page, not to a fragment that sits in a div")
    if name in _DANGEROUS:
        yield Fault(31, f"`<{name}>` is not allowed in a feed")
    if name == "iframe":
        yield from _faults_in_frame(dict(attributes))
    for key, value in attributes:
        yield from _faults_in_attribute(name, key, value)


def _faults_in_frame(attributes: dict[str, str]) -> Iterator[Fault]:
    """Rule 31: an iframe is a player, fetched over https, in a sandbox."""
    if not attributes.get("src", "").lower().startswith("https://"):
        yield Fault(31, "an iframe whose src is no https address")
    if "sandbox" not in attributes:
        yield Fault(31, "an iframe without sandbox")


def _faults_in_attribute(element: str, name: str, value: str) -> Iterator[Fault]:
    if name.startswith("on") or name in {"style", "srcdoc"}:
        yield Fault(31, f"`{brief(name)}` on `<{brief(element)}>` is not allowed in a feed")
    elif name in _ADDRESSES:
        yield from _faults_in_address(name, value, schemes=WEB_AND_MAIL if name in _HYPERLINKS else WEB)
    elif name in {"srcset", "imagesrcset"}:
        for address in _srcset_addresses(value):
            yield from _faults_in_address(name, address, schemes=WEB)


def _faults_in_address(name: str, address: str, *, schemes: frozenset[str]) -> Iterator[Fault]:
    if fault := fault_in_address(address, schemes=schemes, relative=29):
        yield Fault(fault.rule, f"{name}: {fault.reason}")


def _srcset_addresses(value: str) -> Iterator[str]:
    """Yield the addresses of a `srcset` (HTML §4.8.4.2.2); a comma ends an address only before white space, for addresses have commas."""
    position = 0
    while match := _SRCSET_ADDRESS.search(value, position):
        yield match[0].rstrip(",")
        following = None if match[0].endswith(",") else _SRCSET_NEXT.match(value, match.end())
        position = following.end() if following else match.end()
