"""What is wrong with the values of config.yaml, told to a person. Imported only when there is something to tell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

from feedmill.config import NOT_KEYS, Config
from feedmill.configreading import Fault, Place, Refused, Section

_SHOWN = 60


def explain(error: Refused) -> Iterator[tuple[Place, str]]:
    """Yield the place and the message of every fault: what was found, why it does not do, what is expected.

    A field without repr may hold a secret: its value is never part of the message.
    """
    for fault in error.faults:
        if isinstance(fault.within, type):
            yield fault.place, unknown_key(str(fault.place[-1]), within=fault.within)
        else:
            yield fault.place, fault.reason if fault.within is None else _message(fault, fault.within)


def _message(fault: Fault, field: Field[Any]) -> str:
    expected = f"expected {field.metadata['expected']}"
    if fault.value is MISSING:
        return f"missing; {expected}"
    found = f"found {_shown(fault.value)}"
    if not field.repr and isinstance(fault.value, str):
        found = "" if fault.reason else "what stands here does not do"
    cause = ": ".join(part for part in (found, fault.reason) if part)
    return f"{cause}; {expected}"


def _shown(value: object) -> str:
    if isinstance(value, str):
        value = re.sub(r"(//[^?\s]*)\?\S*", r"\1?…", re.sub(r"//[^/@\s]*@", "//…@", value))  # passwords and tokens are not repeated
        text = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in value)
        return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}…"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return repr(value)[:_SHOWN]


def unknown_key(key: str, *, within: type[Section]) -> str:
    """Return what to say of a key that is not known in the mapping `within`: the place or the spelling that was likely meant."""
    known = keys_of(within)
    places = {name: [name] for name in known}
    for section in fields(Config):
        for name in keys_of(section.default_factory):
            if name not in known:
                places.setdefault(name, []).append(f"{section.name}.{name}")
    near = difflib.get_close_matches(key.lower().replace("-", "_"), places, n=1, cutoff=0.7)
    if not near:
        return f"unknown key; known here: {', '.join(known)}"
    return f"unknown key{'' if near[0] in known else ' here'}; did you mean `{'` or `'.join(places[near[0]])}`?"


def keys_of(section: Any) -> list[str]:
    """Return the keys that a class of values has in config.yaml; none for whatever else."""
    is_section = isinstance(section, type) and issubclass(section, Section)
    return [field.name for field in fields(section) if field.name not in NOT_KEYS] if is_section else []
