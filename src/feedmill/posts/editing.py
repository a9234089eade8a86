"""Changing single keys of a front matter in its own text: YAML and TOML line by line, JSON value by value.

Nothing here proves that the result means what it should: `writing.revise` reads it back and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from feedmill.errors import PostError
from feedmill.model import Value
from feedmill.posts.fields import Fields
from feedmill.posts.format import JsonPosts, Opened, TomlPosts
from feedmill.posts.scalars import entry

#: For each key the text it is to have and that text in YAML's house style; None for the text takes the key out.
Changes = Mapping[str, tuple[str | None, str]]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_YAML_KEY = re.compile(r"""([ \t]*)(?:"[^"]*"|'[^']*'|[^\s"'#:{\[-][^:\r\n]*+)[ \t]*:(?=[ \t\r\n]|$)""")
_TOML_KEY = re.compile(r"""([ \t]*)["']?[\w-]+["']?[ \t]*=""")
_TOML_BARE = re.compile(r"[A-Za-z0-9_-]+")
# A quoted or plain value that ends on its line, and the comment behind it.
_VALUE = re.compile(r"""[ \t]*(?:"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+'|[^\s"'#|>\[{&*!](?:\S|[ \t]++(?!\#))*+)?([ \t]+\#[^\r\n]*)""")
_JSON_SPACE = re.compile(r"[ \t\r\n]*")


def edit(text: str, opened: Opened, fields: Fields, changes: Changes) -> str:
    """Return `text`, a file as it stands with its own line ends, with `changes`; `opened` and `fields` are what was read from it.

    Raises PostError where a key does not stand on lines of its own.
    """
    if isinstance(opened.handler, JsonPosts):
        brace = text.index("{")  # nothing but white space and a byte order mark stands before it
        return text[:brace] + _edit_json(text[brace:], changes)
    lines = _LINE.findall(text)
    first = opened.line_at(opened.start) - 1
    last = opened.line_at(opened.end) - 1
    newline = re.search(r"\r\n|\r|\n", lines[first - 1])
    assert newline is not None, "a front matter begins on the line after its opening one"
    edit_lines = _edit_toml if isinstance(opened.handler, TomlPosts) else _edit_yaml
    return "".join([*lines[:first], *edit_lines(lines[first:last], fields, changes, newline[0]), *lines[last:]])


def _edit_yaml(lines: list[str], fields: Fields, changes: Changes, newline: str) -> list[str]:
    starts = sorted({line - 1 for line in fields.lines.values()})
    indent = re.match(r"[ \t]*", lines[starts[0]])[0] if starts else ""  # type: ignore[index]
    lines = list(lines)
    # From the last line up, so that the numbers of the lines above stay true.
    for key in sorted(changes.keys() & fields.lines.keys(), key=fields.lines.__getitem__, reverse=True):
        start = fields.lines[key] - 1
        head = _YAML_KEY.match(lines[start])
        if head is None or head[1] != indent:
            raise PostError(f"`{key}` does not stand on a line of its own: change it by hand")
        end = _block_end(lines, start, starts, indent)
        text, written = changes[key]
        comment = _comment(lines[start][head.end() :], fields.values[key]) if end == start + 1 else ""
        ending = lines[end - 1][len(lines[end - 1].rstrip("\r\n")) :]
        lines[start:end] = [] if text is None else [f"{head[0]} {written}{comment}{ending}"]
    added = [indent + entry(key, written) for key, (text, written) in changes.items() if text is not None and key not in fields.lines]
    return [*lines, *(line.replace("\n", newline) for line in added)]


def _block_end(lines: list[str], start: int, starts: list[int], indent: str) -> int:
    """Return where the key at `start` ends: before the next key, and before the blank lines and comments above that one."""
    end = next((line for line in starts if line > start), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith(f"{indent}#")):
        end -= 1
    return end


def _edit_toml(lines: list[str], fields: Fields, changes: Changes, newline: str) -> list[str]:
    """Every changed value must end on its line; reading the result finds one that does not."""
    lines = list(lines)
    table = next((number for number, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    added = [
        f"{key if _TOML_BARE.fullmatch(key) else _toml_string(key)} = {_toml_string(text)}{newline}"
        for key, (text, _) in changes.items()
        if text is not None and key not in fields.values
    ]
    lines[table:table] = added
    for key in sorted(changes.keys() & fields.lines.keys(), key=fields.lines.__getitem__, reverse=True):
        start = fields.lines[key] - 1
        head = _TOML_KEY.match(lines[start])
        if head is None:
            raise PostError(f"`{key}` does not stand on a line of its own: change it by hand")
        text, _ = changes[key]
        ending = lines[start][len(lines[start].rstrip("\r\n")) :]
        lines[start : start + 1] = (
            [] if text is None else [f"{head[0]} {_toml_string(text)}{_comment(lines[start][head.end() :], fields.values[key])}{ending}"]
        )
    return lines


def _comment(rest: str, value: Value) -> str:
    """Return the comment, and the space before it, behind the value that `rest` of a line begins with.

    Not where it is part of the `value`: the `#` of `title: #` was read as written.
    """
    match = _VALUE.match(rest.rstrip("\r\n"))
    return match[1] if match and not (isinstance(value, str) and value.endswith(match[1].strip())) else ""


def _toml_string(text: str) -> str:
    """A basic string; JSON escapes all that TOML wants escaped, but DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _edit_json(text: str, changes: Changes) -> str:
    """Change the members of the object that `text` begins with, one after the other."""
    for key, (value, _) in changes.items():
        members = _json_members(text)
        number = next((number for number, member in enumerate(members) if member.key == key), None)
        if number is None:
            text = text if value is None else _add_member(text, members, f"{_json_string(key)}: {_json_string(value)}")
        elif value is not None:
            text = text[: members[number].value] + _json_string(value) + text[members[number].end :]
        elif number:
            text = text[: members[number - 1].end] + text[members[number].end :]
        else:
            text = text[: members[0].start] + text[members[1].start if len(members) > 1 else members[0].end :]
    return text


def _add_member(text: str, members: list[_Member], written: str) -> str:
    """Put a member behind the last one, parted from it as the first is from the brace."""
    if not members:
        return f"{{{written}{text[1:]}"
    space = text[1 : members[0].start] or " "
    return f"{text[: members[-1].end]},{space}{written}{text[members[-1].end :]}"


def _json_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class _Member(NamedTuple):
    """A member of a JSON object: where it begins in the text, and where its value begins and ends."""

    key: str
    start: int
    value: int
    end: int


def _json_members(text: str) -> list[_Member]:
    """Return the members of the object that `text`, valid JSON, begins with."""
    decoder = json.JSONDecoder(parse_int=str)
    members: list[_Member] = []
    place = _after_space(text, 1)
    while text[place] == '"':
        key, end = decoder.raw_decode(text, place)
        value = _after_space(text, _after_space(text, end) + 1)
        _, end = decoder.raw_decode(text, value)
        members.append(_Member(key, place, value, end))
        place = _after_space(text, end)
        if text[place] == ",":
            place = _after_space(text, place + 1)
    return members


def _after_space(text: str, place: int) -> int:
    match = _JSON_SPACE.match(text, place)
    assert match is not None
    return match.end()
