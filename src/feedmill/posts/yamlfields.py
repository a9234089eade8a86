"""YAML front matter as fields: strictly, with what YAML hides read as written, and line by line where a broken writer left no YAML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from feedmill.errors import PostError
from feedmill.model import Value
from feedmill.posts.fields import Fields, repeated_key
from feedmill.text import clean_text
from feedmill.yamlstrict import Document, YamlBroken, YamlRefused, read_events, read_mapping, read_simple

#: The keys whose presence makes a broken front matter one of a post, and worth a line-wise reading.
HOUSE_KEYS = ("title", "categories", "headimg", "author", "comments", "date", "thumbnail")
#: Text keys in which a leading `#` is the text's own: to YAML it is a comment.
_AS_WRITTEN = ("title", "author")
_LISTS = ("categories", "category", "tags", "tag")

_KEY_LINE = re.compile(r"""(["']?)([^\W\d][\w.-]*)\1[ \t]*:(?=[ \t]|$)""")
_HIDDEN_ITEM = re.compile(r"\s*-\s+(#.*)")
_TWO_QUOTED = re.compile(r"""[^"']*["']\s.*\s["'][^"']*""")


def read_yaml(text: str) -> Fields:
    """Read `text`, what stands between the `---` lines.

    In this order: tags, anchors, aliases, merge keys and nesting over 20 are refused; YAML is read strictly; what is not YAML
    is read key by key, each broken one as the text that stands there (remarks with the rule "salvaged").
    Raises PostError, its line within `text`, for what is refused or cannot be read even so.
    """
    if not text.replace("\n", "").isprintable() and _unreadable().search(text):
        text = _unreadable().sub(" ", clean_text(text))
    if (simple := read_simple(text)) is not None:
        return Fields(simple.value, simple.lines)  # nothing is hidden in such lines
    try:
        document = read_events(text)
    except YamlBroken as exc:
        return _salvage(text, exc)
    except YamlRefused as exc:
        raise PostError(exc.reason, line=exc.line) from exc
    return _from_document(document, text)


@cache
def _unreadable() -> re.Pattern[str]:
    """Match what libyaml refuses wherever it stands, or takes for a line break: in a post it is a writer's slip. 5 ms to compile."""
    return re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ufffd\U00010000-\U0010ffff]")


def _from_document(document: Document, text: str) -> Fields:
    lines = {path[0]: line for path, line in document.lines.items() if len(path) == 1}
    fields = Fields(document.value, lines, frozenset(path[0] for path in document.repeated if len(path) == 1))
    fields.remarks = [(line, "repeated-key", repeated_key(".".join(path))) for path, line in document.repeated.items()]
    rows = text.split("\n")
    for key in _AS_WRITTEN:
        if key in document.empty:
            fields.values[key] = _shown(_rest(rows[lines[key] - 1]))
    if not isinstance(document.value.get("title", ""), str) and (rest := _rest(rows[lines["title"] - 1])).startswith(("[", "{")):
        fields.values["title"] = rest  # `title: [Breaking]`: nobody means a list
    for key in _LISTS:
        value = document.value.get(key, "")
        if key in document.empty:
            fields.values[key] = _shown(_rest(rows[lines[key] - 1]))
        elif isinstance(value, list) and not all(isinstance(item, str) and item for item in value):
            fields.values[key] = [_shown_item(item, rows[document.lines[key, str(number)] - 1]) for number, item in enumerate(value)]
    return fields


def _shown(rest: str) -> str:
    """Return the `rest` of a key's line where YAML saw a comment and a person reads the value: `title: #`."""
    return rest if rest.startswith("#") else ""


def _shown_item(item: Value, row: str) -> Value:
    """Return an item of a list as a person reads it: ` - #topic` is no comment, ` - 36kr: 快讯` no mapping."""
    if item == "":
        match = _HIDDEN_ITEM.match(row)
        return match[1].rstrip() if match else item
    if isinstance(item, Mapping) and len(item) == 1:
        ((key, value),) = item.items()
        return f"{key}: {value}" if isinstance(value, str) else item
    return item


def _rest(row: str) -> str:
    """Return what stands behind the key of its line."""
    return row.partition(":")[2].strip()


class _Block(NamedTuple):
    """A top-level key's lines, from its own to the next one's."""

    key: str
    line: int
    lines: list[str]


def _salvage(text: str, broken: YamlBroken) -> Fields:
    """Read each top-level key alone. Raises PostError where the text has no such structure, or what is never read in it."""
    blocks = list(_blocks(text, broken))
    if not any(block.key in HOUSE_KEYS for block in blocks):
        raise PostError(f"not YAML: {broken.reason}", line=broken.line)
    fields = Fields({})
    for block in blocks:
        fields.values[block.key] = _read_block(block, fields)
        fields.lines[block.key] = block.line
    fields.repeated = frozenset(key for key, times in Counter(block.key for block in blocks).items() if times > 1)
    fields.remarks += [(fields.lines[key], "repeated-key", repeated_key(key)) for key in sorted(fields.repeated)]
    if not any(rule == "salvaged" for _, rule, _ in fields.remarks):
        fields.remarks.append((broken.line, "salvaged", f"not YAML ({broken.reason}); read key by key"))
    return fields


def _blocks(text: str, broken: YamlBroken) -> Iterator[_Block]:
    """Cut `text` at its top-level keys. A line that belongs to none is most often a body's, after a forgotten closing line."""
    block: _Block | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if match := _KEY_LINE.match(line):
            if block:
                yield block
            block = _Block(match[2], number, [line])
        elif block and line.startswith((" ", "\t", "- ", "#")):
            block.lines.append(line)
        elif line.strip() and not line.startswith("#"):
            raise PostError(f"not YAML: {broken.reason}; this line is no `key: value`: is the closing line missing?", line=number)
    if block:
        yield block


def _read_block(block: _Block, fields: Fields) -> Value:
    text = "\n".join([*block.lines, ""])
    try:
        return _from_document(read_mapping(text), text).values.get(block.key, "")
    except YamlBroken as exc:
        reason = f"`{block.key}` is not YAML ({exc.reason}); read as it stands: put it in quotes"
        fields.remarks.append((block.line, "salvaged", reason))
    except YamlRefused as exc:
        raise PostError(exc.reason, line=block.line + exc.line - 1) from exc
    first = _rest(block.lines[0])
    rest = [line.strip() for line in block.lines[1:] if line.strip()]
    if block.key in _LISTS and not first and all(line.startswith("-") for line in rest):
        return [_unquoted(line[1:].strip()) for line in rest]
    return _unquoted(" ".join([first, *rest]).strip())


def _unquoted(text: str) -> str:
    """Return `text` without the quotes around it, however many; `"A" and "B"` keeps its own."""
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and not _TWO_QUOTED.fullmatch(text[1:-1]):
        text = text[1:-1]
    return text
