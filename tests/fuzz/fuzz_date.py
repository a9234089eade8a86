"""Dates: any text is a moment or none, and a moment that was written is read as itself."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from feedmill.posts.dates import date_in_name, format_rfc822, parse_date

_ZONES = (ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"))


def TestOneInput(data: bytes) -> None:
    """Nothing is raised; moments are aware, in UTC and in whole seconds."""
    text = data.decode("utf-8", "surrogateescape")
    for zone in _ZONES:
        for moment in (parse_date(text, zone), date_in_name(text, zone)):
            if moment is None:
                continue
            if moment.tzinfo is not UTC or moment.microsecond:
                raise AssertionError(f"{moment!r} is not UTC in whole seconds")
            if (again := parse_date(format_rfc822(moment), zone)) != moment:
                raise AssertionError(f"{moment!r} is written {format_rfc822(moment)!r} and read as {again!r}")
