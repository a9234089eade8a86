"""Strict YAML: strings, lists and mappings with the line of each; no types, tags, anchors, aliases or merge keys.

Read from libyaml's events, one pass and no recursion: libyaml's own composer recurses and crashes the process on 50,000 `[`
(measured), its loaders follow merge keys into 24 s and 704 MB from 400 bytes, and every safe loader turns `1.10` into 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from feedmill.model import Value

# The plainest YAML, a line a key: single-quoted or unmistakably plain text, and lists of such text indented by one space. No
# indicator at the start, no ": " or " #" inside, no ":" or space at the end, nothing that could go on in the next line.
# Runs of characters rather than a look ahead at each one: half the time.
_PLAIN = r"[^-?:,\[\]{}#&*!|>'\"%@`\s](?:[^\n\t:#]*+(?::(?! )|(?<! )#))*+[^\n\t:#]*(?<![:\s])"
_QUOTED = r"'[^'\n\t]*+(?:''[^'\n\t]*+)*+'"
_SIMPLE_LINE = re.compile(
    rf"^(?:([A-Za-z_][\w-]*+):(?: ({_QUOTED})| ({_PLAIN}))?(?: (?=\n)|(?=\n))| - ({_PLAIN}))\n", re.ASCII | re.MULTILINE
)

Parser: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

MAX_DEPTH = 20


class YamlRefused(Exception):
    """The text uses what is never read, whatever else it says (rule `refused`), at `line` (from 1)."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class YamlBroken(YamlRefused):
    """The text is not YAML, or not a mapping: a more forgiving reading may still be tried."""


@dataclass(slots=True)
class Document:
    """A mapping read from YAML; `lines` has the line (from 1) of every key by its path, e.g. ("sources", "2", "every")."""

    value: dict[str, Value]
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    #: Top-level keys whose value is a bare nothing (`key:`), as opposed to an empty string in quotes.
    empty: set[str] = field(default_factory=set)
    #: Paths of keys that stand more than once in one mapping, with the line of the later one, whose value holds.
    repeated: dict[tuple[str, ...], int] = field(default_factory=dict)


class Simple(NamedTuple):
    """A mapping of which every line is of the plainest kind: values are text, or lists of text a line an item."""

    value: dict[str, Value]
    #: Line (from 1) of every key.
    lines: dict[str, int]
    #: Keys whose value is a bare nothing.
    empty: set[str]

    def document(self) -> Document:
        """Return what `read_mapping` returns."""
        lines: dict[tuple[str, ...], int] = {(key,): line for key, line in self.lines.items()}
        for key, items in self.value.items():
            if isinstance(items, list):
                lines |= {(key, str(number)): self.lines[key] + 1 + number for number in range(len(items))}
        return Document(self.value, lines, self.empty)


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    node: Any
    path: tuple[str, ...]
    key: str | None = None


def read_mapping(text: str) -> Document:
    """Read `text`, one YAML document whose root is a mapping (or nothing at all: an empty mapping).

    Raises YamlRefused for tags, anchors, aliases, merge keys, nesting over 20 and several documents;
    YamlBroken (a YamlRefused) for what is not YAML or not a mapping.
    """
    simple = read_simple(text)
    return read_events(text) if simple is None else simple.document()


def read_events(text: str) -> Document:
    """Return what `read_mapping` returns, whatever `text` is made of."""
    reader = _Reader()
    try:
        for event in _events(text):
            reader.take(event)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise YamlBroken(exc.problem or "not YAML", mark.line + 1 if mark else 1) from exc
    except yaml.YAMLError as exc:
        raise YamlBroken(" ".join(str(exc).split()), 1) from exc
    return reader.document


def read_simple(text: str) -> Simple | None:
    """Return what `read_mapping` reads if every line of `text` is of the plainest kind, else None.

    Most front matter is: this takes a fifth of the time of libyaml's events.
    """
    start = len(text) - len(text.lstrip("\n"))
    rows = _SIMPLE_LINE.findall(text)
    if len(rows) + start != text.count("\n") or not (text.endswith("\n") or not text):
        return None  # each row is a line with its end: what is left over is none
    found = Simple({}, {}, set())
    value, lines, empty = found
    items: list[Value] | None = None
    key = ""
    for line, (name, quoted, plain, item) in enumerate(rows, start + 1):
        if name:
            if name in value:
                return None
            key, items = name, None
            lines[name] = line
            value[name] = plain or quoted[1:-1].replace("''", "'")
            if not plain and not quoted:
                empty.add(name)
        else:
            if items is None:
                if key not in empty:
                    return None
                empty.discard(key)
                value[key] = items = []
            items.append(item)
    return found


def _events(text: str) -> Iterator[Any]:
    parser = Parser(text)
    try:
        while (event := parser.get_event()) is not None and not isinstance(event, yaml.StreamEndEvent):
            yield event
    finally:
        if hasattr(parser, "dispose"):
            parser.dispose()


class _Reader:
    """Builds the document from events; every refusal names its line."""

    def __init__(self) -> None:
        self.document = Document({})
        self._stack: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._start(event, {} if kind is yaml.MappingStartEvent else [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._stack.pop()
        elif kind is yaml.AliasEvent:
            raise YamlRefused("an alias (`*name`); write the value out, or quote the text", event.start_mark.line + 1)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise YamlRefused("a second YAML document begins here", event.start_mark.line + 1)

    def _start(self, event: Any, node: dict[str, Value] | list[Value]) -> None:
        line = event.start_mark.line + 1
        _refuse_decorated(event, line)
        if len(self._stack) >= MAX_DEPTH:
            raise YamlRefused(f"nested more than {MAX_DEPTH} deep", line)
        if not self._stack:
            if not isinstance(node, dict):
                raise YamlBroken("a list where `key: value` lines are expected", line)
            self.document.value = node
            self._stack.append(_Open(node, ()))
            return
        self._stack.append(_Open(node, self._place(node, line)))

    def _scalar(self, event: Any) -> None:
        line = event.start_mark.line + 1
        _refuse_decorated(event, line)
        if not self._stack:
            if event.value:
                raise YamlBroken("text where `key: value` lines are expected", line)
            return
        top = self._stack[-1]
        if isinstance(top.node, dict) and top.key is None:
            self._open_key(top, event.value, line, plain=not event.style)
            return
        if not event.style and not event.value and len(self._stack) == 1 and top.key is not None:
            self.document.empty.add(top.key)
        self._place(event.value, line)

    def _open_key(self, top: _Open, key: str, line: int, *, plain: bool) -> None:
        if key == "<<" and plain:
            raise YamlRefused("a merge key (`<<`); write the keys out", line)
        if key in top.node:
            self.document.repeated[*top.path, key] = line
            if not top.path:
                self.document.empty.discard(key)
        top.key = key
        self.document.lines[*top.path, key] = line

    def _place(self, value: Value, line: int) -> tuple[str, ...]:
        """Put `value` where the innermost open collection expects it; return its path."""
        top = self._stack[-1]
        if isinstance(top.node, list):
            path = (*top.path, str(len(top.node)))
            self.document.lines[path] = line
            top.node.append(value)
            return path
        if top.key is None:
            raise YamlBroken("a list or a mapping as a key", line)
        path = (*top.path, top.key)
        top.node[top.key] = value
        top.key = None
        return path


def _refuse_decorated(event: Any, line: int) -> None:
    if event.anchor is not None:
        raise YamlRefused(f"an anchor (`&{event.anchor}`); quote the text if it is no anchor", line)
    if event.tag is not None:
        raise YamlRefused(f"a YAML tag (`{event.tag}`); quote the text if it is no tag", line)
