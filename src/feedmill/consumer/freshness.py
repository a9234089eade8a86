"""What the headers of an answer say of when to come again (RFC 9111 §4.2, RFC 9110 §10.2.3). Pure: headers in, durations out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from feedmill.posts.dates import parse_date

#: A publisher may ask for this much patience and no more; one who means "never again" says 410.
LONGEST_FRESH = timedelta(days=7)
LONGEST_RETRY = timedelta(days=30)

_ZERO = timedelta(0)
_DIRECTIVE = re.compile(r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:=[ \t]*("(?:[^"\\]|\\.)*"|[^",;\s]*))?""")


def fresh_for(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return for how long from `now` the answer is fresh, at most 7 days; None when `headers` (names in lower case) say nothing of it.

    Zero for `no-cache`, `no-store`, `max-age=0`, whatever has expired, and for freshness that cannot be read (RFC 9111 §4.2.1 takes
    that for stale). `s-maxage` speaks to shared caches, `no-cache="Set-Cookie"` of one field: neither counts.
    """
    if (lifetime := _lifetime(headers, now=now)) is None:
        return None
    return min(max(lifetime - _age(headers), _ZERO), LONGEST_FRESH)


def freshness_rule(headers: Mapping[str, str]) -> str:
    """Return what a `fresh_for` above zero went by, for people: "Cache-Control max-age" or "Expires"."""
    return "Cache-Control max-age" if "max-age" in _directives(headers) else "Expires"


def retry_after(headers: Mapping[str, str], *, now: datetime) -> datetime | None:
    """Return until when `Retry-After` asks to stay away, at most 30 days; None when it is absent, not readable or not in the future.

    A date is read against the answer's own `Date`: what counts is the wait that the host meant, not how wrong its clock is.
    """
    text = headers.get("retry-after", "").strip()
    first = text.partition(",")[0].strip()  # two fields joined: the first is as good as the other
    wait = _seconds(first)
    if wait is None:
        until = _date(text)
        if until is None:
            return None
        wait = until - (_date(headers.get("date", "")) or now)
    return now + min(wait, LONGEST_RETRY) if wait > _ZERO else None


def _lifetime(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    directives = _directives(headers)
    if directives.get("no-cache") == "" or "no-store" in directives:
        return _ZERO
    if "max-age" in directives:
        return _seconds(directives["max-age"]) or _ZERO
    if "expires" in headers:
        expires = _date(headers["expires"])
        return expires - (_date(headers.get("date", "")) or now) if expires else _ZERO
    return None


def _age(headers: Mapping[str, str]) -> timedelta:
    return _seconds(headers.get("age", "").partition(",")[0].strip()) or _ZERO


def _directives(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the directives of Cache-Control, in lower case, with their values unquoted; of several by one name the first."""
    found: dict[str, str] = {}
    for name, value in _DIRECTIVE.findall(headers.get("cache-control", "")):
        unquoted = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value
        found.setdefault(name.lower(), unquoted.strip())
    return found


def _seconds(text: str) -> timedelta | None:
    """Return delta-seconds (RFC 9111 §1.2.2), at most some 300 years; None for anything but digits."""
    if not (text.isascii() and text.isdigit()):
        return None
    return timedelta(seconds=min(int(text.lstrip("0")[:11] or 0), 10**10))


def _date(text: str) -> datetime | None:
    """Return an HTTP-date in any of its three forms (RFC 9110 §5.6.7); None for anything else."""
    return parse_date(text, UTC)
