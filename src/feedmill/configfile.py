"""From the file config.yaml to a Config: reading, `${ENV}`, and every problem at once, each with its place, its line and what to write.

An error is told as what was found, why it does not do, and what is expected there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feedmill.config import NOT_KEYS, Config, SourceConfig
from feedmill.configreading import Place, Refused
from feedmill.configvalues import clashing_folders, repeated_names
from feedmill.errors import ConfigError, ConfigProblem
from feedmill.yamlstrict import Document, YamlRefused, read_mapping

MAX_BYTES = 1_000_000

_START = "write one with `feedmill init`, or name another with `--config PATH`"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: What YAML refuses anywhere (YAML 1.1 section 5.1); libyaml names no line for it.
_NOT_YAML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
#: What libyaml says, and what a person can do about it.
_YAML_HINTS = {
    "mapping values are not allowed": "a value that holds `: ` must stand in quotes",
    "cannot start any token": "a value cannot begin with a tab, `@`, a backquote or `%` unless it stands in quotes",
    "expected <block end>": "look at the indentation of this line and the one before, and for quotes in the middle of a value",
    "could not find expected ':'": "a key needs `: ` after it",
    "found unexpected end of stream": "a quote or a bracket is never closed",
}


def load_config(path: Path, *, environ: Mapping[str, str]) -> Config:
    """Return what the file `path` says; its own folder is what relative paths start from.

    Raises ConfigError with every problem found, and for a file that is absent, unreadable, over 1 MB, not UTF-8 or empty.
    """
    return read_config(read_text(path, advice=_START), root=path.parent, environ=environ, name=str(path))


def read_text(path: Path, *, advice: str) -> str:
    """Return the text of a config file. Raises ConfigError, whose message ends with `advice`, when it cannot be one."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError(f"{path} is a folder; name the file in it")
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is not a regular file; {advice}")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no {path}; {advice}") from None
    except OSError as exc:
        hint = "give this user permission to read it" if isinstance(exc, PermissionError) else advice
        raise ConfigError(f"{path} cannot be read: {exc.strerror}; {hint}") from exc
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB: that is no config file; {advice}")
    return _decode(data, name=str(path))


def _decode(data: bytes, *, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name} is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        problem = ConfigProblem("", line, f"the byte 0x{data[exc.start]:02x} is not UTF-8; save the file as UTF-8")
        raise ConfigError(f"{name} cannot be read:", (problem,)) from None


def read_config(text: str, *, root: Path, environ: Mapping[str, str], name: str = "config.yaml") -> Config:
    """Return the Config that the YAML `text` gives; `${ENV}` is filled in from `environ`, paths are relative to `root`.

    Raises ConfigError with all problems, in the order of their lines; no message shows a value that may be secret.
    """
    document = _parse(text, name=name)
    problems = _Problems(document)
    raw: Any = document.value
    _check_together(raw, problems, root=root)
    _check_internal(raw, problems)
    filled = _Filling(environ, problems).fill(raw)
    config = _validate(filled, problems, root=root)
    if problems.found or config is None:
        count = len(problems.found)
        raise ConfigError(f"{name} cannot be used, {count} problem{'s' if count > 1 else ''}:", problems.sorted())
    return config


def _parse(text: str, *, name: str) -> Document:
    if (bad := _NOT_YAML.search(text)) is not None:
        line = text.count("\n", 0, bad.start()) + 1
        problem = ConfigProblem("", line, f"the control character U+{ord(bad[0]):04X} cannot stand here; take it out")
        raise ConfigError(f"{name} cannot be read:", (problem,))
    try:
        document = read_mapping(text)
    except YamlRefused as exc:
        raise ConfigError(f"{name} cannot be read:", (ConfigProblem("", exc.line, _yaml_reason(exc.reason, text, exc.line)),)) from None
    if not document.value:
        raise ConfigError(f"{name} says nothing; `site.title` and `site.url` are the least. {_START[0].upper()}{_START[1:]}")
    return document


def _yaml_reason(reason: str, text: str, line: int) -> str:
    lines = text.splitlines()
    if line <= len(lines) and re.match(r" *\t", lines[line - 1]):
        return "the line is indented with a tab; YAML wants spaces"
    reason = re.sub(r" \(`.*?`\)", "", reason)  # what stands there may be a password
    return next((f"{reason}; {hint}" for part, hint in _YAML_HINTS.items() if part in reason), reason)


class _Problems:
    """What is wrong so far: one problem a place, the first that was seen."""

    def __init__(self, document: Document) -> None:
        self._lines = document.lines
        self._places: set[Place] = set()
        self.found = [
            ConfigProblem(_written(_place(path, document.value)), line, "this key stands twice in one mapping; keep one of the two")
            for path, line in document.repeated.items()
        ]

    def add(self, place: Place, message: str) -> None:
        while place and isinstance(place[-1], int) and _line_key(place) not in self._lines:
            place = place[:-1]  # a lone text that was taken for a list of one
        if place not in self._places:
            self._places.add(place)
            self.found.append(ConfigProblem(_written(place), self._line(place), message))

    def _line(self, place: Place) -> int:
        lengths = range(len(place), 0, -1)
        return next((line for length in lengths if (line := self._lines.get(_line_key(place[:length])))), 0)

    def sorted(self) -> tuple[ConfigProblem, ...]:
        """Return the problems in the order of the file; what is missing altogether comes first."""
        return tuple(sorted(self.found, key=lambda problem: problem.line))


def _place(path: tuple[str, ...], value: Any) -> Place:
    """Return the document's `path` with positions in lists as numbers; `value` may have lost it to a later key of the same name."""
    place: list[str | int] = []
    for part in path:
        key: Any = int(part) if isinstance(value, list) and part.isdigit() else part
        place.append(key)
        is_there = key < len(value) if isinstance(key, int) else isinstance(value, dict) and key in value
        value = value[key] if is_there else None
    return tuple(place)


def _line_key(place: Place) -> tuple[str, ...]:
    return tuple(str(part) for part in place)


def _written(place: Place) -> str:
    """Return a place as people write it: `sources[2].every`, `feeds.overrides["新媒体/快讯"].limit`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part[:60]}"]'
    return text


class _Filling:
    """Fills in `${ENV}` where secrets belong, and nowhere else."""

    def __init__(self, environ: Mapping[str, str], problems: _Problems) -> None:
        self._environ = environ
        self._problems = problems

    def fill(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of `raw` with values from the environment."""
        filled = dict(raw)
        if isinstance(sync := raw.get("sync"), dict) and "proxy" in sync:
            filled["sync"] = {**sync, "proxy": self._value(sync["proxy"], ("sync", "proxy"))}
        if isinstance(sources := raw.get("sources"), list):
            filled["sources"] = [self._source(source, ("sources", index)) for index, source in enumerate(sources)]
        return filled

    def _source(self, source: Any, place: Place) -> Any:
        if not isinstance(source, dict):
            return source
        filled = dict(source)
        if isinstance(url := source.get("url"), str):
            filled |= {"url": self._value(url, (*place, "url")), "url_as_written": url}
        if isinstance(headers := source.get("headers"), dict):
            filled["headers"] = {key: self._value(value, (*place, "headers", key)) for key, value in headers.items()}
        return filled

    def _value(self, value: Any, place: Place) -> Any:
        if not isinstance(value, str):
            return value
        names = set(_VARIABLE.findall(value))
        if missing := sorted(name for name in names if not self._environ.get(name)):
            self._problems.add(place, f"the environment variable {' and '.join(missing)} is not set")
        elif "${" in _VARIABLE.sub("", value):
            self._problems.add(place, "`${` begins no variable here; expected ${NAME}, the name made of letters, digits and `_`")
        return _VARIABLE.sub(lambda match: self._environ.get(match[1], ""), value)


def _check_together(raw: dict[str, Any], problems: _Problems, *, root: Path) -> None:
    """Report what concerns several keys at once: Config checks it too, but only after everything else is right."""
    sources = raw.get("sources")
    if isinstance(sources, list):
        held = [source.get("name") if isinstance(source, dict) else None for source in sources]
        names = [name.strip() if isinstance(name, str) and name else f" {index}" for index, name in enumerate(held)]
        for later, first in repeated_names(names):
            problems.add(("sources", later, "name"), f'"{names[later]}" is the name of sources[{first}] too; every source has its own')
    folders = {key: _folder(raw, key) for key in ("posts", "feeds")}
    if clash := clashing_folders(root, **folders):
        problems.add(("feeds", "dir"), clash)


def _folder(raw: dict[str, Any], section: str) -> str:
    held = raw.get(section)
    folder = held.get("dir") if isinstance(held, dict) else None
    return folder if isinstance(folder, str) and folder else section


def _check_internal(raw: dict[str, Any], problems: _Problems) -> None:
    """Report fields that only the program fills, where somebody wrote them into the file."""
    held = raw.get("sources")
    sources = enumerate(held) if isinstance(held, list) else ()
    mappings: list[tuple[Place, Any]] = [((), raw), *((("sources", index), source) for index, source in sources)]
    for place, mapping in mappings:
        for key in [key for key in mapping if key in NOT_KEYS] if isinstance(mapping, dict) else ():
            from feedmill.configproblems import unknown_key

            problems.add((*place, key), unknown_key(key, within=SourceConfig if place else Config))


def _validate(raw: dict[str, Any], problems: _Problems, *, root: Path) -> Config | None:
    try:
        return Config(**{**raw, "root": Path(os.path.abspath(root))})
    except Refused as exc:
        from feedmill.configproblems import explain  # needed only where something is wrong

        for place, message in explain(exc):
            if place or not problems.found:
                problems.add(place, message)
    return None
