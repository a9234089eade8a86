"""How a mapping becomes a frozen dataclass: one loop over its fields, each with the function that reads its value. Pure.

The contract of these functions is that of configvalues.py: raw value in, ValueError with the rest of a sentence out. What is made of others
here (a list of them, a mapping, a dataclass) raises Refused instead, with everything that is wrong and where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field
from operator import call
from typing import Any, ClassVar, NamedTuple, Self

#: A place in the file: keys, and positions in lists.
Place = tuple[str | int, ...]
Parse = Callable[[Any], Any]

_WHOLE = re.compile(r"([+-]?)(?=[0-9])0*+((?:_?[0-9]++)*+)(?:\.0++)?")
_BOOLEANS = dict.fromkeys(("true", "yes", "on", "y", "t", "1"), True) | dict.fromkeys(("false", "no", "off", "n", "f", "0"), False)


class Fault(NamedTuple):
    """One value that does not do: where, what stands there (MISSING: nothing), and why ("": it is not what is expected)."""

    place: Place
    value: object
    reason: str
    #: The field that it is, or lies in; of a key that is not known, the mapping that does not know it; None for several keys at once.
    within: Field[Any] | type[Section] | None = None


class Refused(ValueError):
    """A mapping that is no config, with all its faults. The text names places and reasons, and no value of a field that may be secret."""

    def __init__(self, *faults: Fault) -> None:
        told = [(".".join(map(str, fault.place)), fault.reason or "not what is expected") for fault in faults]
        super().__init__("; ".join(f"{place}: {reason}" if place else reason for place, reason in told))
        self.faults = faults


class Reading:
    """Reads values one after the other, and collects what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def read(self, parse: Parse, raw: object, *, at: str | int, within: Field[Any] | None = None) -> Any:
        """Return what `parse` makes of `raw`; None when it refuses."""
        try:
            return parse(raw)
        except Refused as exc:
            self.faults += [fault._replace(place=(at, *fault.place), within=fault.within or within) for fault in exc.faults]
        except ValueError as exc:
            self.faults.append(Fault((at,), raw, str(exc), within))
        return None

    def finish(self) -> None:
        """Raise Refused when anything was wrong."""
        if self.faults:
            raise Refused(*self.faults)


class Section:
    """A mapping of known keys, the fields of a dataclass; a key with nothing after it counts as left out.

    Values are raw or finished, from a file or from code. Raises Refused.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init__(self, /, **given: Any) -> None:
        reading = Reading()
        for name, known in self.__dataclass_fields__.items():
            held: Any = known.default
            if (raw := given.pop(name, "")) != "":
                held = reading.read(known.metadata["parse"], raw, at=name, within=known)
            elif known.default_factory is not MISSING:
                held = reading.read(call, known.default_factory, at=name, within=known)
            elif held is MISSING:
                reading.faults.append(Fault((name,), MISSING, "missing", known))
            self.__dict__[name] = held
        reading.faults += [Fault((name,), raw, "unknown key", type(self)) for name, raw in given.items()]
        reading.finish()

    @classmethod
    def read(cls, raw: Any) -> Self:
        """Return the section that a mapping gives, or nothing after its key. Raises ValueError."""
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, Mapping) and raw != "":
            raise ValueError("")
        return cls(**raw or {})


def key(parse: Parse, expected: str, **options: Any) -> Any:
    """Return the field that `parse` reads; what is `expected` there is the rest of a sentence. Options are those of dataclasses.field."""
    return field(metadata={"parse": parse, "expected": expected}, **options)


def one_of(*words: str) -> Parse:
    """Return what reads one of these words."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError("")
        return value

    return parse


def whole_number(low: int, high: int) -> Parse:
    """Return what reads a number from `low` to `high`: 20, " 20 ", +20, 020, 20.0 or 1_000."""

    def parse(value: object) -> int:
        if isinstance(value, str) and (match := _WHOLE.fullmatch(value.strip())) is not None:
            digits = match[2].replace("_", "") or "0"
            value = int(match[1] + digits[:10])  # with ten it is too large already
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError("")
        return value

    return parse


def parse_boolean(value: object) -> bool:
    """Return what true, yes, on, y, t and 1, or their opposites, say. Raises ValueError."""
    said = _BOOLEANS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise ValueError("")
    return said


def optional(parse: Parse) -> Parse:
    """Return what reads what `parse` does, or None."""
    return lambda value: None if value is None else parse(value)


def list_of(parse: Parse, *, least: int = 0) -> Parse:
    """Return what reads a list of so many values or more; a lone text stands for a list of one, as in `formats: atom`."""

    def parse_list(value: object) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, list | tuple):
            raise ValueError("")
        reading = Reading()
        held = tuple([reading.read(parse, raw, at=index) for index, raw in enumerate(value)])
        if sum(item is not None for item in held) < least:
            reading.faults.append(Fault((), value, ""))
        reading.finish()
        return held

    return parse_list


def once_each(parse_list: Parse) -> Parse:
    """Return what reads a list in which what stands twice counts once."""
    return lambda value: tuple(dict.fromkeys(parse_list(value)))


def mapping_of(parse_name: Parse, parse: Parse) -> Parse:
    """Return what reads a mapping whose keys are no fields."""

    def parse_mapping(value: object) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise ValueError("")
        reading = Reading()
        held = {reading.read(parse_name, name, at=name): reading.read(parse, raw, at=name) for name, raw in value.items()}
        reading.finish()
        return held

    return parse_mapping
