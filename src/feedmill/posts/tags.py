"""Start tags as nh3 writes them (`name="value"`, `<` and `>` escaped): read, and written again."""

from __future__ import annotations

import re
from html import unescape

Attributes = dict[str, str]

_ATTRIBUTE = re.compile(r' ([a-z\-]+)="([^"]*)"')
_SPECIAL = re.compile('[&"<>\xa0]')


def read_attributes(attributes: str) -> Attributes:
    """Return the attributes of a start tag as nh3 writes them, decoded."""
    return {name: unescape(value) if "&" in value else value for name, value in _ATTRIBUTE.findall(attributes)}


def write_tag(name: str, attributes: Attributes | None) -> str:
    """Return the start tag, written as nh3 writes it; "" for None."""
    if attributes is None:
        return ""
    written = "".join([f' {key}="{_escape(value)}"' for key, value in attributes.items()])
    return f"<{name}{written}>"


def _escape(value: str) -> str:
    if not _SPECIAL.search(value):
        return value
    value = value.replace("&", "&amp;").replace("\xa0", "&nbsp;").replace('"', "&quot;")
    return value.replace("<", "&lt;").replace(">", "&gt;")
