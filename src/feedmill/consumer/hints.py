"""What a document says of how often it wants to be fetched: RSS `ttl`, `skipHours`, `skipDays`, the syndication module."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from feedmill.upstream import Hints

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_NUMBER = re.compile(r"[0-9]{1,6}")
# All that this module reads, in a document that is no XML; the values are a word each.
_WRITTEN = re.compile(
    rb"<(?:[A-Za-z]{1,20}:)?(ttl|hour|day|updatePeriod|updateFrequency)>\s{0,99}+([A-Za-z0-9]{1,20})\s{0,99}+<", re.IGNORECASE
)


def hints_of_channel(channel: etree._Element) -> Hints:
    """Return the hints of a feed's element. feedparser keeps the last hour and the last day of all."""
    found: list[tuple[str, str]] = []
    for child in channel.iterchildren("*"):
        name = etree.QName(child).localname.lower()
        if name in ("skiphours", "skipdays"):
            found += [(name[4:-1], part.text or "") for part in child.iterchildren("*")]
        elif name in ("ttl", "updateperiod", "updatefrequency"):
            found.append((name, child.text or ""))
    return _hints(found)


def hints_of_text(document: bytes) -> Hints:
    """Return the hints of a document that is no XML, as they stand before its first entry."""
    head = re.split(rb"<(?:item|entry)[\s>]", document[:200_000], maxsplit=1)[0]
    return _hints([(name.decode("ascii").lower(), value.decode("ascii")) for name, value in _WRITTEN.findall(head)])


def _hints(found: Iterable[tuple[str, str]]) -> Hints:
    values: dict[str, list[str]] = {}
    for name, text in found:
        values.setdefault(name, []).append(text.strip().lower())
    days = {_DAYS.index(name) for name in values.get("day", []) if name in _DAYS}
    # RSS 0.91 counted the hours from 1 to 24.
    hours = {number % 24 for text in values.get("hour", []) if (number := _number(text)) is not None and number <= 24}
    return Hints(
        ttl=_number(values.get("ttl", [""])[0]) or None,
        update_period=_update_period(values),
        skip_hours=frozenset(hours),
        skip_days=frozenset(days),
    )


def _update_period(values: dict[str, list[str]]) -> int | None:
    """Return the seconds between updates (RSS 1.0 module Syndication: once a day where one of the two is left out)."""
    if "updateperiod" not in values and "updatefrequency" not in values:
        return None
    period = _PERIODS.get(values.get("updateperiod", ["daily"])[0])
    frequency = _number(values.get("updatefrequency", ["1"])[0]) or 1
    return max(period // frequency, 1) if period else None


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
