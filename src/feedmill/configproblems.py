"""What pydantic found wrong in config.yaml, told to a person. Imported only when there is something to tell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from feedmill.config import NOT_KEYS, Config

_SHOWN = 60


def explain(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the place and the message of every error: what was found, why it does not do, what is expected.

    A field without repr may hold a secret: its value is never part of the message.
    """
    for item in error.errors(include_url=False):
        place = tuple(part for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            yield place, unknown_key(str(place[-1]), within=place[:-1])
        else:
            yield place, _message(item, _field(place))


def _message(item: Any, field: FieldInfo | None) -> str:
    expected = f"expected {field.description}" if field is not None and field.description else ""
    if item["type"] == "missing":
        return f"missing; {expected}"
    reason = str(item["ctx"]["error"]) if item["type"] == "value_error" else ""
    is_secret = field is not None and not field.repr and isinstance(item["input"], str)
    found = "" if is_secret or field is None else f"found {_shown(item['input'])}"
    if is_secret and not reason:
        found = "what stands here does not do"
    cause = ": ".join(part for part in (found, reason) if part)
    return "; ".join(part for part in (cause, expected) if part)


def _shown(value: object) -> str:
    if isinstance(value, str):
        value = re.sub(r"//[^/@\s]*@", "//…@", value)  # a password is not repeated
        text = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in value)
        return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}…"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return repr(value)[:_SHOWN]


def unknown_key(key: str, *, within: tuple[str | int, ...]) -> str:
    """Return what to say of a key that is not known in the mapping at `within`: the place or the spelling that was likely meant."""
    known = _keys(_model_at(within) or Config)
    places = {name: [name] for name in known}
    for section, (model, is_many) in _sections().items():
        for name in () if is_many else _keys(model):
            if name not in known:
                places.setdefault(name, []).append(f"{section}.{name}")
    near = difflib.get_close_matches(key.lower().replace("-", "_"), places, n=1, cutoff=0.7)
    if not near:
        return f"unknown key; known here: {', '.join(known)}"
    return f"unknown key{'' if near[0] in known else ' here'}; did you mean `{'` or `'.join(places[near[0]])}`?"


def _keys(model: type[BaseModel]) -> list[str]:
    return [name for name in model.model_fields if name not in NOT_KEYS]


def _sections() -> dict[str, tuple[type[BaseModel], bool]]:
    inside = {name: _inside(field) for name, field in Config.model_fields.items()}
    return {name: (model, is_many) for name, (model, is_many) in inside.items() if model is not None}


def _inside(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """Return the model that the field holds, if any, and whether it holds many, by position or by name."""
    kind = field.annotation
    is_many = get_origin(kind) in (tuple, dict)
    inner = [part for part in (get_args(kind) or (kind,)) if isinstance(part, type) and issubclass(part, BaseModel)]
    return (inner[0] if inner else None), is_many


def _model_at(place: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model of the mapping at `place`; None where it is no mapping of known keys."""
    model: type[BaseModel] | None = Config
    parts = iter(place)
    for part in parts:
        field = model.model_fields.get(str(part)) if model is not None else None
        if field is None:
            return None
        model, is_many = _inside(field)
        if is_many and next(parts, None) is None:
            return None
    return model


def _field(place: tuple[str | int, ...]) -> FieldInfo | None:
    """Return the field that `place` is, or lies in."""
    for length in range(len(place), 0, -1):
        model = _model_at(place[: length - 1])
        if model is not None and str(place[length - 1]) in model.model_fields:
            return model.model_fields[str(place[length - 1])]
    return None
