"""Rewrites hostile or hopelessly broken HTML as plainly nested HTML, in linear time, before a full parser sees it.

An HTML5 parser repeats open formatting elements in every following paragraph, which turns 16 kB into 3.5 MB and 67 kB into
56 MB in 11 s; depth and the attributes of one element cost it time in the square (measured with nh3 0.3.8). libxml2's
parser does neither, so it reads the tags here, and what is written keeps the rules of nesting.py. Nothing here is a
sanitizer: its output goes through the cleaner like any other HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from lxml import etree

from feedmill.posts.nesting import MAX_DEPTH, RULES, TABLE_FRAME, VOID, fits

#: Elements whose content is nothing to read.
_HIDDEN = frozenset({"iframe", "math", "noembed", "noframes", "noscript", "script", "style", "svg", "template", "title"})
# The parts of a table that people leave out, by what is open and what comes.
_LEFT_OUT = {
    ("table", "tr"): ("tbody",),
    ("table", "td"): ("tbody", "tr"),
    ("table", "th"): ("tbody", "tr"),
    ("thead", "td"): ("tr",),
    ("thead", "th"): ("tr",),
    ("tbody", "td"): ("tr",),
    ("tbody", "th"): ("tr",),
    ("table", "col"): ("colgroup",),
}
_DOWN_TO_CELL = {"table": ("tbody", "tr", "td"), "thead": ("tr", "td"), "tbody": ("tr", "td"), "tr": ("td",)}
# How many open elements a start tag may close to find its place; more is nothing that a person wrote.
_REACH = 32
_MAX_ATTRIBUTES = 64
# Room below it for the parts of a table that are left out.
_DEEPEST = MAX_DEPTH - 3
_WHITE_SPACE = " \t\n\f\r"
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9\-]*")
#: Elements that close `p` in an HTML5 parser, though nothing else is done for them here.
_UNKNOWN_BLOCKS = frozenset({"dialog", "dir", "fieldset", "form", "legend", "listing", "menu", "search", "tfoot", "xmp"})


def flatten(html: str) -> str:
    """Return `html` with every element closed where it ends, at most MAX_DEPTH deep, at most 64 attributes on each.

    Formatting that crosses blocks ends with the first block; what cannot stand where it is loses its tags, not its text.
    """
    writer = _Writer()
    target: Any = writer
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True)
    try:
        parser.feed(html.encode("utf-8", "ignore"))
        parser.close()
    except etree.XMLSyntaxError:
        # A text without any element, of comments say, is an empty document to libxml2; what there was is written.
        return writer.close()
    return writer.close()


class _Writer:
    """A parser target: takes libxml2's balanced events and writes plainly nested HTML."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._names = [""]
        self._bits = [0]
        #: One for each element that libxml2 has open: how many of ours were open before it, 0 when it was not written.
        self._theirs: list[tuple[int, str]] = []
        self._hidden = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._hidden:
            self._hidden += 1
            return
        place = self._open(name, attributes)
        self._theirs.append((place, name))
        if name in _HIDDEN:
            self._hidden = 1

    def end(self, name: str) -> None:
        if self._hidden > 1:
            self._hidden -= 1
            return
        self._hidden = 0
        if not self._theirs:
            return
        place, opened = self._theirs.pop()
        if place and len(self._names) > place and self._names[place] == opened:
            self._close_down_to(place)

    def data(self, text: str) -> None:
        if self._hidden:
            return
        if self._names[-1] in TABLE_FRAME and text.strip(_WHITE_SPACE):
            self._open_cell()
        self._pieces.append(escape(text, quote=False))

    def comment(self, text: str) -> None:
        """Comments are no content."""

    def pi(self, target: str, text: str | None = None) -> None:
        """Neither are processing instructions."""

    def close(self) -> str:
        self._close_down_to(1)
        return "".join(self._pieces)

    def _open(self, name: str, attributes: Mapping[str, str]) -> int:
        """Write the start tag where it may stand; return how many elements were open before it, 0 when it is left out."""
        if name not in RULES or (name not in VOID and len(self._names) > _DEEPEST) or not self._make_room(name):
            if name in _UNKNOWN_BLOCKS and self._bits[-1] & RULES["p"].adds:
                self._close_down_to(self._names.index("p"))
            return 0
        self._pieces.append(f"<{name}{_write_attributes(attributes)}>")
        if name in VOID:
            return 0
        place = len(self._names)
        self._push(name)
        return place

    def _make_room(self, name: str) -> bool:
        """Close and open what must be for the start tag `name`; False when it can stand nowhere near."""
        if self._names[-1] in TABLE_FRAME and RULES[name].within is None:
            self._open_cell()
        for size in range(len(self._names), max(len(self._names) - _REACH, 0), -1):
            parent = self._names[size - 1]
            left_out = _LEFT_OUT.get((parent, name), ())
            if left_out or fits(name, parent, self._bits[size - 1]):
                self._close_down_to(size)
                self._open_all(left_out)
                return True
        return False

    def _open_cell(self) -> None:
        if self._names[-1] == "colgroup":
            self._close_down_to(len(self._names) - 1)
        self._open_all(_DOWN_TO_CELL[self._names[-1]])

    def _open_all(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._pieces.append(f"<{name}>")
            self._push(name)

    def _push(self, name: str) -> None:
        self._names.append(name)
        self._bits.append(self._bits[-1] | RULES[name].adds)

    def _close_down_to(self, size: int) -> None:
        while len(self._names) > size:
            self._pieces.append(f"</{self._names.pop()}>")
            self._bits.pop()


def _write_attributes(attributes: Mapping[str, str]) -> str:
    if not attributes:
        return ""
    pairs = list(attributes.items())[:_MAX_ATTRIBUTES]
    return "".join(f' {name}="{escape(value or "")}"' for name, value in pairs if _ATTRIBUTE_NAME.fullmatch(name))
