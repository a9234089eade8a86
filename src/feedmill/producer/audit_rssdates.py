"""What docs/feed-rules.md asks of the dates of RSS: RFC 822 §5.1 with years of four digits, as RSS 2.0 has it. It mends nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from feedmill.producer.audit_text import Fault, brief

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"(?:(?P<weekday>{'|'.join(_DAYS)}), )?(?P<day>\d{{1,2}}) (?P<month>{'|'.join(_MONTHS)}) (?P<year>\d{{4}}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? (?:GMT|Z|(?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>[0-5]\d))",
    re.ASCII,
)


def fault_in_rss_date(text: str, *, now: datetime | None) -> Fault | None:
    """Judge a date of RSS 2.0; `now`, when given, is the aware time that no date may be after."""
    match = _DATE.fullmatch(text)
    if match is None:
        return Fault(9, f"`{brief(text)}` is no RFC 822 date such as Mon, 02 Mar 2026 01:00:00 GMT (English names, four digits, never UTC)")
    if match["year"] == "0000":
        return Fault(12, f"`{text}` is in the year 0, which readers cannot read")
    date = read_rss_date(text)
    if date is None:
        return Fault(9, f"`{text}` is a time that does not exist")
    if match["weekday"] and match["weekday"] != _DAYS[date.weekday()]:
        return Fault(9, f"`{text}` was a {_DAYS[date.weekday()]}")
    if now is not None and date > now:
        return Fault(12, f"`{text}` is in the future: a post waits until its time has come")
    return None


def read_rss_date(text: str) -> datetime | None:
    """Return the aware time that `text` is, or None where `fault_in_rss_date` finds that it is none."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    try:
        return datetime(
            int(match["year"]),
            _MONTHS.index(match["month"]) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            int(match["second"] or 0),
            tzinfo=timezone(-offset if match["sign"] == "-" else offset) if offset else UTC,
        )
    except ValueError:
        return None
