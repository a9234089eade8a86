"""An upstream document as text, made fit for parsers: what XML forbids is taken out, what would attack them is refused.

Everything here works on UTF-8 and is linear in the document.
"""

from __future__ import annotations

import re
from functools import cache

from feedmill.errors import UpstreamError
from feedmill.text import one_line, shorten

#: Stands behind a character that feedparser would take for half of a doubly encoded one; a noncharacter, so no text has it.
GUARD = "\ufdd0"
_GUARD = GUARD.encode()

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_NONCHARACTERS = re.compile(b"\xef\xbf[\xbe\xbf]")
# References to characters that are none, seven digits and more always: parsers raise for them, or stop. Without the
# semicolon too, as the tolerant parser reads them. `_mend_reference` looks closer.
_DOUBTFUL_REFERENCE = re.compile(
    rb"&#(?:x0*+(?:(?<=0)|[0-9a-f]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]|[0-9a-f]{6,})(?![0-9a-f])"
    rb"|0*+(?:(?<=0)|[0-9]|[12][0-9]|3[01]|5[5-7][0-9]{3}|6553[45]|[0-9]{7,})(?![0-9]));?",
    re.IGNORECASE,
)
# feedparser "repairs" text that is valid in both: `Ã©` becomes `é` where nothing in it is beyond Latin-1.
_DOUBLE_CODED = re.compile(
    rb"(\xc3[\x82-\xb4]|&#0*+(?:19[4-9]|2[0-3][0-9]|24[0-4]|x0*+(?:c[2-9a-f]|[de][0-9a-f]|f[0-4]));)"
    rb"(?=\xc2[\x80-\xbf]|&#0*+(?:1[2-9][0-9]|x0*+[89ab][0-9a-f]);)",
    re.IGNORECASE,
)

# Where markup is text; each takes all that is left where it is not closed, so that many of them stay linear.
_UNREAD = rb"<!\[CDATA\[(?:(?!\]\]>).)*+(?:\]\]>)?|<!--(?:(?!-->).)*+(?:-->)?|<\?(?:(?!\?>).)*+(?:\?>)?"
_SKIPPED = re.compile(_UNREAD, re.DOTALL)
# XML's keywords are capitals; in any other spelling no parser knows them.
_DECLARATIONS = (b"<!ENTITY", b"<!ATTLIST")
_AMPERSAND = re.compile(
    _UNREAD + rb"|&(?!#[0-9]{1,7};|#x[0-9a-fA-F]{1,6};|(?:amp|lt|gt|quot|apos);)(?:([A-Za-z][A-Za-z0-9]{1,31});)?", re.DOTALL
)

FEED_ROOT = re.compile(rb"<((?:[A-Za-z_][\w.\-]*+:)?(?:rss|feed|RDF))(?=[\s/>])", re.IGNORECASE)
_ENTRY = re.compile(rb"<((?:[A-Za-z_][\w.\-]*+:)?)(?:item|entry)(?=[\s/>])", re.IGNORECASE)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)(?=[\s>])", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^<>]*>([^<]{0,400})", re.IGNORECASE)
_FIRST_TAG = re.compile(rb"<([A-Za-z_][\w.\-:]{0,60})")
_QUOTED = 60

#: Bytes that stand in no document of ours, raw: C0 controls but tab and line ends.
CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r")


def without_forbidden(document: bytes) -> bytes:
    """Return `document` without control characters, noncharacters and references to characters that do not exist.

    References to what is no character become U+FFFD, those to controls nothing.
    """
    text = document.translate(None, _CONTROLS)
    if not text.isascii():
        text = _NONCHARACTERS.sub(b"", text)
    has_references = b"&#" in text
    if has_references:
        text = _DOUBTFUL_REFERENCE.sub(_mend_reference, text)
    if has_references or b"\xc3" in text:
        text = _DOUBLE_CODED.sub(rb"\1" + _GUARD, text)
    return text


def refuse_declarations(document: bytes) -> None:
    """Raise UpstreamError where `document` declares entities or default attributes, which multiply its size in the reader."""
    written = [keyword for keyword in _DECLARATIONS if keyword in document]
    if written and any(keyword in _SKIPPED.sub(b"", document) for keyword in written):
        raise UpstreamError("entity declarations are refused")


def refuse_what_is_no_feed(document: bytes) -> None:
    """Raise UpstreamError, naming what `document` is instead, where it has no element that begins a feed."""
    root = FEED_ROOT.search(document)
    page = _PAGE.search(document, 0, root.start() if root else len(document))
    if root is None or (page and not _ENTRY.search(document, root.end())):
        raise UpstreamError(what_it_is(document))


def what_it_is(document: bytes) -> str:
    """Return in one line what `document`, which is no feed, is."""
    if _PAGE.search(document):
        title = _TITLE.search(document)
        named = f" (title “{quoted(title[1])}”)" if title and quoted(title[1]) else ""
        return f"an HTML page, not a feed{named}"
    is_markup = document.lstrip().startswith(b"<")
    if is_markup and (tag := _FIRST_TAG.search(_SKIPPED.sub(b"", document[:100_000]))):
        return f"not a feed: its first element is <{quoted(tag[1])}>"
    return f"not a feed: it begins with “{quoted(document[:400])}”"


def quoted(text: bytes) -> str:
    """Return a beginning of upstream text for a message: one line, printable, at most 60 characters."""
    shown = "".join(character if character.isprintable() else " " for character in text.decode("utf-8", "replace"))
    return shorten(one_line(shown), _QUOTED)


def has_doctype(document: bytes) -> bool:
    """Whether there may be a document type, with whose DTD HTML's own entities come."""
    root = FEED_ROOT.search(document)
    return b"<!DOCTYPE" in document[: root.start() if root else None]


def with_characters(document: bytes) -> bytes:
    """Return `document` with HTML's named references as characters and every other stray ampersand escaped."""
    return _AMPERSAND.sub(_mend_ampersand, document) if b"&" in document else document


def mended(document: bytes) -> bytes:
    """Return `document` from its root's start to its root's end, its ampersands mended: most broken feeds need no more."""
    root = FEED_ROOT.search(document)
    if root is None:
        return document
    end = document.rfind(b"</" + root[1])
    close = document.find(b">", end) + 1 if end > root.start() else 0
    if _ENTRY.search(document, close or len(document)):
        close = 0  # entries behind the end of the root are entries all the same
    return with_characters(document[root.start() : close or None])


def without_unbound_prefix(document: bytes) -> bytes:
    """Return `document` with its entries' own prefix taken off all tags, where it is bound to no namespace: `<rss:item>`."""
    entry = _ENTRY.search(document)
    if entry is None or not entry[1] or b"xmlns:" + entry[1][:-1] in document:
        return document
    return re.sub(rb"(</?)" + re.escape(entry[1]), rb"\1", document)


def _mend_reference(found: re.Match[bytes]) -> bytes:
    written = found[0].strip(b"&#;").lower()
    digits = written.removeprefix(b"x").lstrip(b"0") or b"0"
    if len(digits) > 7:
        return "\ufffd".encode()
    code = int(digits, 16 if written.startswith(b"x") else 10)
    if code in (0x9, 0xA, 0xD):
        return found[0]
    if code == 0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF) or code > 0x10FFFF:
        return "\ufffd".encode()
    return b"" if code < 0x20 else found[0]


def _mend_ampersand(found: re.Match[bytes]) -> bytes:
    if not found[0].startswith(b"&"):
        return found[0]
    character = _html_characters().get(found[1] or b"")
    return character or b"&amp;" + found[0][1:]


@cache
def _html_characters() -> dict[bytes, bytes]:
    """Return HTML's entities whose characters are no markup, by name."""
    from html.entities import html5

    names = {name[:-1]: text for name, text in html5.items() if name.endswith(";")}
    return {name.encode(): text.encode() for name, text in names.items() if not set(text) & set("&<>\"'")}
