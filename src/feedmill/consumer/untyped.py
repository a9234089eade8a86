"""Reads values whose type upstream chose: a hostile element named `links` makes a text of what is a list everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text_of(value: object) -> str:
    """Return `value` without outer white space where it is a text; else ""."""
    return value.strip() if isinstance(value, str) else ""


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return `value` where it is a mapping; else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings_of(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings in the list `value`; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
