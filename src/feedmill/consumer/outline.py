"""What a linear look at the tags says of a document: whether its root closes, how deep it is nested, where its entries are.

It stands in where no parser can tell: a document that ends before its end, or is no XML at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from feedmill.consumer.feedtext import FEED_ROOT

#: Elements within elements, in an entry or around the entries; libxml2 refuses more too.
MAX_DEPTH = 256
_TOKEN = re.compile(
    rb"<!\[CDATA\[(?:(?!\]\]>).)*+(?:\]\]>)?|<!--(?:(?!-->).)*+(?:-->)?|<\?(?:(?!\?>).)*+(?:\?>)?|<(/?)([A-Za-z_][\w.\-:]*+)([^<>]*+)>",
    re.DOTALL,
)
_ENTRY_NAMES = frozenset({b"item", b"entry"})
# HTML that stands unescaped in broken feeds, and is seldom closed there.
_LEFT_OPEN = frozenset(b"area base br col dd dt embed hr img input li link meta option p param source td th tr track wbr".split())
_ID = re.compile(
    rb"<(?:[A-Za-z_][\w.\-]*+:)?(?:guid|id)(?=[\s>])([^<>]*+)>(?:\s*+<!\[CDATA\[((?:(?!\]\]>).)*+)\]\]>|([^<]*+))",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Outline:
    """Where the entries of a document are and how it ends."""

    #: False where the end tag of the root is missing.
    is_closed: bool
    is_too_deep: bool
    #: Where each entry begins, and where it ends or the next begins.
    spans: tuple[tuple[int, int], ...]
    #: The elements that were open where the last entry begins, from the root down.
    around: tuple[bytes, ...]


def read_outline(document: bytes) -> Outline:
    """Return the outline of `document`, in UTF-8."""
    opened: list[bytes] = []
    around: list[bytes] = []
    starts: list[int] = []
    ends: list[int] = []
    # A server's warning in HTML may stand before the feed.
    begin = FEED_ROOT.search(document)
    root, is_closed, deepest = begin[1] if begin else b"", False, 0
    for token in _TOKEN.finditer(document, begin.start() if begin else 0):
        slash, name, rest = token.groups()
        if name is None:
            continue
        is_entry = name.rpartition(b":")[2].lower() in _ENTRY_NAMES
        if slash:
            is_closed = is_closed or name == root
            if is_entry and starts:
                ends += [token.end()] * (len(starts) - len(ends))
                opened = list(around)
            elif name in opened:
                del opened[len(opened) - 1 - opened[::-1].index(name) :]
            continue
        if is_entry:
            ends += [token.start()] * (len(starts) - len(ends))
            opened = list(around) if starts else opened
            around = list(opened)
            starts.append(token.start())
        if not rest.endswith(b"/") and name.lower() not in _LEFT_OPEN and deepest <= MAX_DEPTH:
            opened.append(name)
            deepest = max(deepest, len(opened))
    ends += [len(document)] * (len(starts) - len(ends))
    return Outline(is_closed, deepest > MAX_DEPTH, tuple(zip(starts, ends, strict=True)), tuple(around))


def without_last_entry(document: bytes, outline: Outline) -> bytes:
    """Return `document` up to its last entry, with the elements around it closed; empty where it has no entry before that."""
    if len(outline.spans) < 2:
        return b""
    closing = b"".join(b"</%s>" % name for name in reversed(outline.around))
    return document[: outline.spans[-1][0]].rstrip() + closing


def written_ids(document: bytes, outline: Outline) -> list[tuple[str, bool]]:
    """Return each entry's guid or id as it is written, and whether it may be an address (RSS `isPermaLink`); "" without one."""
    return [_written_id(document[start:end]) for start, end in outline.spans]


def _written_id(entry: bytes) -> tuple[str, bool]:
    from html import unescape

    found = _ID.search(entry)
    if found is None:
        return "", False
    text = found[2].decode("utf-8", "replace") if found[2] is not None else unescape(found[3].decode("utf-8", "replace"))
    return text.strip(), b"false" not in found[1].lower()
