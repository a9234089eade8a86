"""Strict JSON for the audit (RFC 8259): what a lenient reader forgives is named, and every item's line is known.

The text is looked over before json reads it: json recurses, and 50,000 `[` are an exception at best.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any

from feedmill.producer.audit_text import Fault, brief

#: Objects and lists within another; a JSON Feed needs five.
MAX_DEPTH = 32

# A text that never ends goes to the end at once: tried again from each of its quotes, it would take time in the square of its length.
_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"?+([ \t\n\r]*+:)?+|[\[\]{}]', re.DOTALL)
# What XML 1.0 lets no document contain, and the C1 controls (rule 26).
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x80-\x9f\ud800-\udfff\ufffe\uffff]")
_LONGEST_NUMBER = 20


class UnreadableError(Exception):
    """The document cannot be judged further, for a fault at `line` (from 1; 0: the whole document)."""

    def __init__(self, line: int, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.line = line
        self.fault = fault


class NoNumber:
    """Stands for `NaN` and `Infinity`, which Python reads and JSON does not have."""


class JsonObject(dict[str, Any]):
    """An object. Of keys that stand twice the last counts, and `repeated` names them; what is of another type than asked for is absent."""

    repeated: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> JsonObject:
        """Return the object with these members."""
        made = cls(pairs)
        if len(made) != len(pairs):
            made.repeated = tuple(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return made

    def text(self, key: str) -> str:
        """Return the text at `key`; "" where there is none."""
        value = self.get(key)
        return value if isinstance(value, str) else ""

    def sequence(self, key: str) -> list[Any]:
        """Return the list at `key`; an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, list) else []

    def objects(self, key: str) -> list[JsonObject]:
        """Return the objects in the list at `key`."""
        return [one for one in self.sequence(key) if isinstance(one, JsonObject)]


class JsonText:
    """A JSON Feed's object with the lines of its keys and items."""

    def __init__(self, value: JsonObject, keys: dict[str, int], items: list[int]) -> None:
        self.value = value
        self._keys, self._items = keys, items

    def line(self, key: str) -> int:
        """Return the line of a key of the outermost object; 1 for one that is not there."""
        return self._keys.get(key, 1)

    def items(self) -> Iterator[tuple[int, JsonObject]]:
        """Yield the items that are objects, each with the line on which it begins."""
        found = self.value.objects("items")
        # Of two lists called `items` the later counts; where the key is written with escapes no line is known.
        lines = [0] * len(found) + self._items
        return zip(lines[len(lines) - len(found) :], found, strict=True)


def read_json(data: bytes) -> JsonText:
    """Return the object that `data` is. Raises UnreadableError for what is no UTF-8, no JSON, no object, or nested too deeply."""
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        fault = Fault(25, f"not UTF-8: byte 0x{data[exc.start]:02x}")
        raise UnreadableError(data.count(b"\n", 0, exc.start) + 1, fault) from exc
    if text.startswith("\ufeff"):
        raise UnreadableError(1, Fault(25, "a byte order mark: JSON has none (RFC 8259, section 8.1), and readers refuse it"))
    keys, items = _places(text)
    try:
        value = _DECODER.decode(text)
    except JSONDecodeError as exc:
        raise UnreadableError(exc.lineno, Fault(25, f"not JSON: {brief(exc.msg)}")) from exc
    if not isinstance(value, JsonObject):
        raise UnreadableError(1, Fault(40, "the document is no JSON object"))
    breaks = [found.start() for found in re.finditer("\n", text)]
    lines = {name: bisect_left(breaks, place) + 1 for name, place in keys.items()}
    return JsonText(value, lines, [bisect_left(breaks, place) + 1 for place in items])


def _places(text: str) -> tuple[dict[str, int], list[int]]:
    """Return where the outermost object's keys and the items begin. Raises UnreadableError for what is nested too deeply."""
    keys: dict[str, int] = {}
    items: list[int] = []
    depth, name = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0][0]
        if mark == '"':
            if depth == 1 and token[2]:
                name = token[1]
                keys[name] = token.start()
        elif mark in "]}":
            depth -= 1
        else:
            depth += 1
            if depth == 3 and mark == "{" and name == "items":
                items.append(token.start())
            if depth > MAX_DEPTH:
                line = text.count("\n", 0, token.start()) + 1
                raise UnreadableError(line, Fault(40, f"objects and lists stand more than {MAX_DEPTH} deep in one another"))
    return keys, items


def _integer(written: str) -> int | float:
    """int() raises for more than 4,300 digits, and no reader keeps so many."""
    return int(written) if len(written) < _LONGEST_NUMBER else float(written)


_DECODER = JSONDecoder(object_pairs_hook=JsonObject.of, parse_int=_integer, parse_constant=lambda _: NoNumber())


def faults_in_values(value: Any) -> Iterator[Fault]:
    """Judge every key, text and number in `value`, however deep it stands; its depth is bounded, as `read_json` leaves it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if unfit := _UNFIT.search(one):
                yield Fault(26, f"the character U+{ord(unfit[0]):04X}, which no feed may have, in `{brief(one)}`")
        elif isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, dict):
            waiting.extend(reversed([part for member in one.items() for part in member]))
        elif isinstance(one, NoNumber):
            yield Fault(25, "NaN or Infinity, which is no JSON (RFC 8259, section 6)")
        if isinstance(one, JsonObject) and one.repeated:
            yield Fault(25, f"the key `{brief(one.repeated[0])}` stands twice: readers differ on which of them counts")
