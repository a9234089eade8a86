"""Front matter as fields: every value as text, whichever language it was written in. YAML has its own reader, `yamlfields`."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedmill.errors import PostError
from feedmill.model import Value
from feedmill.yamlstrict import MAX_DEPTH

#: A thing read in spite of a defect: the line, the rule, the reason.
Remark = tuple[int, str, str]

# A token a time, each string in one step to its end or the text's: brackets and dots inside strings are no syntax.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.?)*+"?|[\[\]{}]', re.DOTALL)
_TOML_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.?)*?(?:"""|\Z)|\'\'\'.*?(?:\'\'\'|\Z)|"(?:[^"\\\n]|\\.?)*+"?|\'[^\'\n]*+\'?|\#[^\n]*+|[\[\]{}=,\n]|\.', re.DOTALL
)
_JSON_KEY = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*+:)?|[\[\]{}]', re.DOTALL)
_TOML_KEY = re.compile(r"""^[ \t]*+["']?([^\s"'=.\[#]+)["']?[ \t]*+=|^[ \t]*+\[""", re.MULTILINE)
_TOML_LINE = re.compile(r"at line (\d+)")


@dataclass(slots=True)
class Fields:
    """The top-level keys of a front matter in their order. Lines count from 1 in the front matter itself."""

    values: dict[str, Value]
    lines: dict[str, int] = field(default_factory=dict)
    #: Top-level keys that stand more than once; the last one holds.
    repeated: frozenset[str] = frozenset()
    remarks: list[Remark] = field(default_factory=list)

    def line_of(self, *keys: str) -> int:
        """Return the line of the first of `keys` that is there; 0 when none is."""
        return next((self.lines[key] for key in keys if key in self.lines), 0)


def read_json(text: str) -> tuple[Fields, int]:
    """Read the JSON object that `text` begins with; return its fields and where it ends in `text`.

    Raises PostError (line within `text`) for what is no JSON, and for nesting over 20, before the parser recurses.
    """
    _refuse_deep(text, _JSON_TOKEN, stop_at_end=True)
    repeated: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Objects close from the inside out: after the last call `repeated` holds the outermost one's."""
        repeated[:] = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        return dict(pairs)

    decoder = json.JSONDecoder(object_pairs_hook=collect, parse_float=str, parse_int=str, parse_constant=str)
    try:
        value, end = decoder.raw_decode(text)
    except json.JSONDecodeError as exc:
        raise PostError(f"the front matter begins with {{ and is not JSON: {exc.msg}", line=exc.lineno) from exc
    fields = _fields(value, _json_lines(text[:end]))
    fields.repeated = frozenset(repeated)
    fields.remarks = [(fields.line_of(key), "repeated-key", repeated_key(key)) for key in repeated]
    return fields, end


def repeated_key(key: str) -> str:
    """Return what to say of a key that stands more than once."""
    return f"`{key}` stands more than once; the last one holds"


def read_toml(text: str) -> Fields:
    """Read `text`, TOML. Raises PostError (line within `text`) for what is none, and for nesting over 20, before the parser recurses."""
    _refuse_deep(text, _TOML_TOKEN)
    try:
        value = tomllib.loads(text, parse_float=str)
        return _fields(value, _toml_lines(text))
    except tomllib.TOMLDecodeError as exc:
        line = _TOML_LINE.search(str(exc))
        raise PostError(f"the front matter between +++ lines is not TOML: {exc}", line=int(line[1]) if line else 0) from exc
    except ValueError as exc:  # a number of more than 4,300 digits
        raise PostError(f"a number that is too long: {exc}") from exc


def _fields(value: Mapping[str, Any], lines: dict[str, int]) -> Fields:
    return Fields({key: _text_value(item, 1) for key, item in value.items()}, {key: lines[key] for key in value if key in lines})


def _text_value(value: object, depth: int) -> Value:
    """Return a TOML or JSON value as YAML would have been read: text, lists and mappings of text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | Sequence) and depth >= MAX_DEPTH:
        raise PostError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return {str(key): _text_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_text_value(item, depth + 1) for item in value]
    # Dates and times print as RFC 3339 has them, whole numbers as their digits.
    return str(value)


def _json_lines(text: str) -> dict[str, int]:
    """Return the line of each top-level key of `text`, valid JSON; of a repeated one the last."""
    lines: dict[str, int] = {}
    depth, line, at = 0, 1, 0
    for match in _JSON_KEY.finditer(text):
        if match[2] and depth == 1:
            line, at = line + text.count("\n", at, match.start()), match.start()
            lines[json.loads(f'"{match[1]}"')] = line
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
    return lines


def _toml_lines(text: str) -> dict[str, int]:
    """Return the line of each plain top-level key of `text`, valid TOML: what stands before the first table."""
    lines: dict[str, int] = {}
    line, at = 1, 0
    for match in _TOML_KEY.finditer(text):
        if match[1] is None:
            break
        line, at = line + text.count("\n", at, match.start(1)), match.start(1)
        lines.setdefault(match[1], line)
    return lines


def _refuse_deep(text: str, token: re.Pattern[str], *, stop_at_end: bool = False) -> None:
    """Raise PostError where brackets or a dotted key nest over 20: the parsers recurse, and TOML's is quadratic in the dots."""
    depth = dots = 0
    for match in token.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
            if stop_at_end and depth == 0:
                return
        dots = dots + 1 if mark == "." else dots if mark[0] in "\"'" else 0
        if max(depth, dots) > MAX_DEPTH:
            raise PostError(f"nested more than {MAX_DEPTH} deep", line=text.count("\n", 0, match.start()) + 1)
