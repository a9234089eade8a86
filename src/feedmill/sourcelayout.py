"""Where the sources stand in the text of config.yaml: the places that libyaml gives, and the lines around them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from feedmill.yamlstrict import Parser

LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(slots=True)
class Node:
    """A value or a key in the text, from its first character to behind its last; places count characters from 0."""

    start: int
    end: int
    column: int
    kind: Literal["scalar", "list", "mapping"]
    #: Between brackets or braces.
    is_flow: bool = False
    #: The text of a scalar.
    value: str = ""
    #: Items of a list; keys and values of a mapping in turn.
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """The text and what stands where in it."""

    text: str
    root: Node | None
    #: The value of `sources`; None where there is no such key.
    sources: Node | None
    #: Behind the colon of `sources:`.
    colon: int
    #: Where a new section may stand: the end of the text or of the document.
    bottom: int
    dashes: list[int]
    commas: list[int]

    @property
    def items(self) -> list[Node]:
        """The sources."""
        return self.sources.children if self.sources else []

    @property
    def column(self) -> int:
        """The column (from 0) of the top-level keys."""
        return self.root.column if self.root else 0

    @property
    def step(self) -> int:
        """How many columns the first section is indented by; 2 where none is."""
        sections = self.root.children[1::2] if self.root else []
        steps = (section.column - self.column for section in sections if section.kind == "mapping" and not section.is_flow)
        return next(steps, 2)

    def dash(self, index: int) -> int:
        """Return the place of an item's dash."""
        return self.dashes[bisect_right(self.dashes, self.items[index].start) - 1]

    def comma(self, index: int) -> int | None:
        """Return the place of the comma behind an item between brackets; None where there is none."""
        assert self.sources is not None, "it has items"
        limit = self.items[index + 1].start if index + 1 < len(self.items) else self.sources.end
        number = bisect_left(self.commas, self.items[index].end)
        return self.commas[number] if number < len(self.commas) and self.commas[number] < limit else None

    def line_start(self, place: int) -> int:
        """Return where the line of `place` begins."""
        return max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) + 1

    def line_above(self, start: int) -> int:
        """Return where the line above the one that begins at `start` begins."""
        return self.line_start(start - len(self.newline(start)))

    def line_end(self, place: int) -> int:
        """Return where the line of `place` ends, before its line end."""
        match = LINE_END.search(self.text, place)
        return match.start() if match else len(self.text)

    def next_line(self, place: int) -> int:
        """Return where the line after that of `place` begins."""
        match = LINE_END.search(self.text, place)
        return match.end() if match else len(self.text)

    def has_blank_line(self, start: int, end: int) -> bool:
        """Whether a blank line stands between two places."""
        return any(not line.strip() for line in LINE_END.split(self.text[start:end])[1:-1])

    def block_end(self, place: int, *, least: int) -> int:
        """Return where the lines end that belong to what ends at `place`: its own, and comments indented by `least` columns below it."""
        end = following = self.next_line(place)
        while following < len(self.text):
            line = self.text[following : self.line_end(following)]
            held = line.lstrip(" \t")
            if held and not (held.startswith("#") and len(line) - len(held) >= least):
                break
            following = self.next_line(following)
            end = following if held else end
        return end

    def newline(self, place: int) -> str:
        """Return the line end above `place`, else the first one in the text."""
        if self.text.endswith("\r\n", 0, place):
            return "\r\n"
        if self.text.endswith(("\n", "\r"), 0, place):
            return self.text[place - 1]
        match = LINE_END.search(self.text)
        return match[0] if match else "\n"


def lay_out(text: str) -> Layout:
    """Find the sources in `text`, which `yamlstrict.read_mapping` has read without complaint."""
    root, bottom = _compose(text)
    pairs = zip(root.children[::2], root.children[1::2], strict=True) if root else ()
    key, sources = next(((key, value) for key, value in pairs if key.value == "sources"), (None, None))
    colons: list[int] = []
    dashes: list[int] = []
    commas: list[int] = []
    kinds = {yaml.ValueToken: colons, yaml.BlockEntryToken: dashes, yaml.FlowEntryToken: commas}
    for token in yaml.scan(text, Loader=Parser):
        if (places := kinds.get(type(token))) is not None:
            places.append(token.start_mark.index)
    colon = colons[bisect_left(colons, key.end)] + 1 if key else 0
    return Layout(text, root, sources, colon, bottom, dashes, commas)


def _compose(text: str) -> tuple[Node | None, int]:
    """Return the root of `text` and where its document ends; without recursion, whatever the depth."""
    top = Node(0, 0, 0, "list")
    stack = [top]
    bottom = len(text)
    events: Iterator[Any] = yaml.parse(text, Loader=Parser)
    for event in events:
        start, end, column = event.start_mark.index, event.end_mark.index, event.start_mark.column
        if isinstance(event, yaml.ScalarEvent):
            stack[-1].children.append(Node(start, _content_end(text, end), column, "scalar", value=event.value))
        elif isinstance(event, yaml.CollectionStartEvent):
            kind: Literal["list", "mapping"] = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
            node = Node(start, start, column, kind, is_flow=bool(event.flow_style))
            stack[-1].children.append(node)
            stack.append(node)
        elif isinstance(event, yaml.CollectionEndEvent):
            node = stack.pop()
            # A block ends, for libyaml, where the next thing begins: behind comments that may belong to that.
            node.end = end if node.is_flow else node.children[-1].end if node.children else start
        elif isinstance(event, yaml.DocumentEndEvent) and event.explicit:
            bottom = start
    root = top.children[0] if top.children else None
    return (root if root and root.kind == "mapping" else None), bottom


def _content_end(text: str, end: int) -> int:
    """A literal block (`|`) ends, for libyaml, behind its last line end and the blank lines after it."""
    while end and text[end - 1].isspace():
        end -= 1
    return end
