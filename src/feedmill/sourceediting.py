"""Sources in the text of config.yaml: put in and taken out at the places that libyaml names, every other byte left as it is.

ruamel.yaml's round trip keeps comments, but not line ends, indentation, columns or long lines (measured): it writes nothing here.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from feedmill import durable
from feedmill.config import Config
from feedmill.configfile import MAX_BYTES, read_config, read_text
from feedmill.errors import ConfigError, ConfigProblem
from feedmill.posts.scalars import flow_scalar, scalar
from feedmill.sourcelayout import LINE_END, Layout, lay_out
from feedmill.sourcenames import source_name
from feedmill.text import one_line
from feedmill.yamlstrict import Document, YamlRefused, read_mapping

__all__ = ["NewSource", "add_sources", "edit_config", "remove_source", "source_name"]

_BOM = b"\xef\xbb\xbf"
_BY_HAND = "the list of sources is written in a way that is not edited here; change it by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source that is to be put into config.yaml."""

    name: str
    url: str
    title: str = ""
    categories: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        """Return the keys of config.yaml that it sets, in the order of the documentation."""
        held = {
            "name": self.name,
            "title": _line(self.title),
            "url": self.url,
            "categories": [_line(name) for name in self.categories],
        }
        return {key: value for key, value in held.items() if value}


def _line(text: str) -> str:
    return one_line(text.replace("\x7f", ""))


def edit_config(path: Path, change: Callable[[str], str], *, environ: Mapping[str, str]) -> Config:
    """Write what `change` makes of the text of the config file `path`, and return the Config that the new text gives.

    Nothing is written that could not be read again, or that differs in anything but the sources put in and taken out. A file that is
    reached through a link is written where it really is. Raises ConfigError, StorageError.
    """
    text = read_text(path, advice="write one with `feedmill init`")
    before = _read(text)
    changed = change(text)
    if not _is_kept(before.value, _read(changed).value):
        raise ConfigError(f"{path}: {_BY_HAND}")
    try:
        config = read_config(changed, root=path.parent, environ=environ, name=str(path))
    except ConfigError as exc:
        read_config(text, root=path.parent, environ=environ, name=str(path))  # what was wrong before is told with its own lines
        raise ConfigError(f"{path} was left as it is; with this change it could not be used:", exc.problems) from None
    if changed != text:
        _write(Path(os.path.realpath(path)), text, changed)
    return config


def _write(target: Path, text: str, changed: str) -> None:
    with durable.storage(target, doing="read"):
        data = target.read_bytes()
    mark = _BOM if data.startswith(_BOM) else b""
    if data != mark + text.encode():
        raise ConfigError(f"{target} was changed by somebody else meanwhile; nothing was written, run the command again")
    written = mark + changed.encode()
    if len(written) > MAX_BYTES:
        raise ConfigError(f"{target} would grow beyond {MAX_BYTES // 1_000_000} MB, which is the most that is read; nothing was written")
    durable.replace(target, written)


def _is_kept(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether two readings of config.yaml differ in sources that came or went, and in nothing else."""
    old, new = (_sources(value) for value in (before, after))
    names = {source["name"] for source in new} & {source["name"] for source in old}
    stayed = [[source for source in sources if source["name"] in names] for sources in (old, new)]
    rest = [{key: value for key, value in held.items() if key != "sources"} for held in (before, after)]
    return stayed[0] == stayed[1] and rest[0] == rest[1]


def add_sources(text: str, sources: Sequence[NewSource]) -> str:
    """Return `text`, a config.yaml, with `sources` at the end of its list, written as the others there are.

    Raises ConfigError for a name that is taken, for a text that is not YAML, and where the list stands in a form that is not edited.
    """
    if not sources:
        return text
    value = _read(text).value
    held = _sources(value)
    taken = {source["name"] for source in held}
    for source in sources:
        if source.name in taken:
            raise ConfigError(f"there is a source named {source.name} already; choose another name with `--name`")
        taken.add(source.name)
    layout = lay_out(text)
    return _proved(_adding(layout)(layout, sources), value | {"sources": [*held, *(source.fields() for source in sources)]})


def remove_source(text: str, name: str) -> str:
    """Return `text`, a config.yaml, without the source `name` and the comments inside it; what stands around it stays.

    Raises ConfigError when there is no such source, and as `add_sources` does.
    """
    value = _read(text).value
    held = _sources(value)
    names = [source["name"] for source in held]
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=1)
        known = f"did you mean {near[0]}?" if near else f"known: {', '.join(names[:20])}" if names else "there are none"
        raise ConfigError(f"there is no source named {name}; {known}")
    index = names.index(name)
    layout = lay_out(text)
    cut = _cut_from_flow if layout.sources and layout.sources.is_flow else _cut_from_block
    return _proved(cut(layout, index), value | {"sources": held[:index] + held[index + 1 :]})


def _read(text: str) -> Document:
    try:
        document = read_mapping(text)
    except YamlRefused as exc:
        raise ConfigError("config.yaml cannot be read:", (ConfigProblem("", exc.line, exc.reason),)) from None
    if document.repeated:
        path, line = next(iter(document.repeated.items()))
        raise ConfigError("config.yaml cannot be edited:", (ConfigProblem(".".join(path), line, "this key stands twice; keep one"),))
    return document


def _sources(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources as they are written; each has a name. Raises ConfigError."""
    held = value.get("sources", "") or []
    if not isinstance(held, list) or not all(isinstance(source, dict) and isinstance(source.get("name"), str) for source in held):
        raise ConfigError("config.yaml cannot be edited: `sources` is no list of mappings with a `name` each; `feedmill check` says where")
    return held


def _proved(text: str, expected: dict[str, Any]) -> str:
    """Return `text` when it says what is `expected`. Raises ConfigError."""
    try:
        if read_mapping(text).value == expected:
            return text
    except YamlRefused:
        pass
    raise ConfigError(f"config.yaml: {_BY_HAND}")


def _adding(layout: Layout) -> Callable[[Layout, Sequence[NewSource]], str]:
    if layout.sources is None:
        return _add_list
    if not layout.items:
        return _fill_list
    return _add_to_flow if layout.sources.is_flow else _add_to_block


def _add_list(layout: Layout, sources: Sequence[NewSource]) -> str:
    """Put a `sources:` section behind everything else."""
    if layout.root is not None and layout.root.is_flow:
        raise ConfigError(f"config.yaml: {_BY_HAND}")
    place, dash = layout.bottom, layout.column + layout.step
    *_, above, below = ["", "", *LINE_END.split(layout.text[:place])]
    lines = [f"{' ' * layout.column}sources:", *_block_lines(sources, before=f"{' ' * dash}- ", column=dash + 2)]
    return _with_lines(layout, place, ["", *lines] if (above + below).strip() else lines)


def _fill_list(layout: Layout, sources: Sequence[NewSource]) -> str:
    """Put items below a `sources:` that holds nothing, or `[]`."""
    assert layout.sources is not None
    held = layout.text[layout.colon : layout.sources.end]
    if (layout.root is not None and layout.root.is_flow) or LINE_END.search(held):
        if layout.sources.kind != "list":
            raise ConfigError(f"config.yaml: {_BY_HAND}")
        inside = layout.sources.start + 1
        is_json = layout.text.endswith('"', 0, layout.colon - 1)
        items = _flow_items(sources, like='{"' if is_json else "")
        return layout.text[:inside] + ", ".join(items) + layout.text[inside:]
    emptied = replace(layout, text=layout.text[: layout.colon] + layout.text[layout.sources.end :])  # only its lines are asked for
    dash = layout.column + layout.step
    place = emptied.block_end(layout.colon, least=layout.column + 1)
    return _with_lines(emptied, place, _block_lines(sources, before=f"{' ' * dash}- ", column=dash + 2))


def _add_to_block(layout: Layout, sources: Sequence[NewSource]) -> str:
    dash = _dash(layout, len(layout.items) - 1)
    last = layout.items[-1]
    indent = dash - layout.line_start(dash)
    is_below = LINE_END.search(layout.text, dash, last.start) is not None
    before = " " * indent + "-" + (" " if is_below and last.is_flow else " " * (last.column - indent - 1))
    if last.is_flow:
        lines = [before + item for item in _flow_items(sources, like=layout.text[last.start :])]
    else:
        lines = _block_lines(sources, before=before, column=last.column)
    place = layout.block_end(last.end, least=max(indent, layout.column + 1))
    if len(layout.items) > 1 and layout.has_blank_line(layout.items[-2].end, dash):
        lines = [part for line in lines for part in (["", line] if line.startswith(before) else [line])]
    return _with_lines(layout, place, lines)


def _add_to_flow(layout: Layout, sources: Sequence[NewSource]) -> str:
    assert layout.sources is not None
    text, last = layout.text, layout.items[-1]
    comma = layout.comma(len(layout.items) - 1)
    items = _flow_items(sources, like=text[last.start :])
    behind = last.end if comma is None else comma + 1
    first, final = ("," if comma is None else "", "" if comma is None else ",")
    indent = text[layout.line_start(last.start) : last.start]
    if indent.strip() or LINE_END.search(text, 0, last.start) is None:
        return text[:behind] + first + " " + ", ".join(items) + final + text[behind:]
    # An item a line: behind the comment of the last one, unless the bracket closes on that line.
    line_end = layout.line_end(behind)
    place = line_end if line_end < layout.sources.end else behind
    parting = layout.newline(layout.line_start(last.start)) + indent
    return text[:behind] + first + text[behind:place] + parting + ("," + parting).join(items) + final + text[place:]


def _block_lines(sources: Sequence[NewSource], *, before: str, column: int) -> list[str]:
    """Return items of a block list; `before` is what stands before the first key, the others begin at `column`."""
    lines: list[str] = []
    for source in sources:
        pairs = [f"{key}: {_written(value, scalar)}" for key, value in source.fields().items()]
        lines += [(" " * column if number else before) + pair for number, pair in enumerate(pairs)]
    return lines


def _flow_items(sources: Sequence[NewSource], *, like: str) -> list[str]:
    """Return items between braces; in double quotes throughout when the one at the beginning of `like` is (a file of JSON)."""
    if re.match(r'\{\s*"', like):
        return [json.dumps(source.fields(), ensure_ascii=False) for source in sources]
    return ["{" + ", ".join(f"{key}: {_written(value, flow_scalar)}" for key, value in source.fields().items()) + "}" for source in sources]


def _written(value: str | list[str], write: Callable[[str], str]) -> str:
    return write(value) if isinstance(value, str) else "[" + ", ".join(flow_scalar(part) for part in value) + "]"


def _with_lines(layout: Layout, place: int, lines: list[str]) -> str:
    """Put in `lines` at `place`: the beginning of a line, or the end of a text that lacks its last line end and goes on lacking it."""
    text, newline = layout.text, layout.newline(place)
    if place and not text.endswith(("\n", "\r"), 0, place):
        return text[:place] + newline + newline.join(lines) + text[place:]
    return text[:place] + "".join(line + newline for line in lines) + text[place:]


def _dash(layout: Layout, index: int) -> int:
    """Return the place of an item's dash, which begins its line. Raises ConfigError where it does not."""
    dash = layout.dash(index)
    if layout.text[layout.line_start(dash) : dash].strip(" "):
        raise ConfigError(f"config.yaml: {_BY_HAND}")
    return dash


def _cut_from_block(layout: Layout, index: int) -> str:
    text = layout.text
    dash = _dash(layout, index)
    start = layout.line_start(dash)
    end = layout.block_end(layout.items[index].end, least=dash - start + 1)
    if index:  # the blank lines that parted it from the item above go with it
        while not text[(above := layout.line_above(start)) : start].strip():
            start = above
    elif len(layout.items) > 1:
        while end < len(text) and not text[end : layout.line_end(end)].strip():
            end = layout.next_line(end)
    if end == len(text) and not text.endswith(("\n", "\r")):
        start -= len(layout.newline(start))
    nothing = " []" if len(layout.items) == 1 else ""
    return text[: layout.colon] + nothing + text[layout.colon : start] + text[end:]


def _cut_from_flow(layout: Layout, index: int) -> str:
    text, item = layout.text, layout.items[index]
    behind = layout.comma(index)
    before = layout.comma(index - 1) if index else None
    is_last = index == len(layout.items) - 1
    start, end = item.start, item.end if behind is None else behind + 1
    line, line_end = layout.line_start(start), layout.line_end(end)
    is_alone = line > 0 and not text[line:start].strip() and re.fullmatch(r"\s*(?:#.*)?", text[end:line_end]) is not None
    if is_alone:
        start, end = line, layout.next_line(end)
    elif is_last and before is not None:
        start = start if text[before + 1 : start].strip() else before + 1
    else:
        end += len(text[end:line_end]) - len(text[end:line_end].lstrip())
    if behind is not None or before is None:
        return text[:start] + text[end:]
    return text[:before] + text[before + 1 : start] + text[end:]  # the last item has no comma behind it: nor has the new last one
