"""What answers say of when to come again: headers in, durations out. Numbers in names are lines of the list of a polite client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.consumer.freshness import LONGEST_FRESH, LONGEST_RETRY, fresh_for, freshness_rule, retry_after
from feedmill.posts.dates import format_rfc822

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ZERO = timedelta(0)


def at(offset: timedelta) -> str:
    return format_rfc822(NOW + offset)


SAYINGS: dict[str, tuple[dict[str, str], timedelta | None]] = {
    "nothing": ({}, None),
    "nothing of freshness": ({"cache-control": "private, must-revalidate", "age": "3"}, None),
    "only for shared caches": ({"cache-control": "s-maxage=3600"}, None),
    "max-age": ({"cache-control": "max-age=3600"}, HOUR),
    "max-age in capitals and spaces": ({"cache-control": " Public ,  MAX-AGE = 3600 "}, HOUR),
    "quoted": ({"cache-control": 'max-age="3600"'}, HOUR),
    "quoted with an escape": ({"cache-control": r'max-age="36\00"'}, HOUR),
    "a value that holds another": ({"cache-control": 'ext="max-age=5, no-cache", max-age=3600'}, HOUR),
    "leading zeros": ({"cache-control": "max-age=0003600"}, HOUR),
    "two: the first": ({"cache-control": "max-age=3600, max-age=60"}, HOUR),
    "two: the first, junk": ({"cache-control": "max-age=abc, max-age=3600"}, ZERO),
    "negative": ({"cache-control": "max-age=-1"}, ZERO),
    "a fraction": ({"cache-control": "max-age=1.5"}, ZERO),
    "digits of another script": ({"cache-control": "max-age=３６００"}, ZERO),
    "without a value": ({"cache-control": "max-age"}, ZERO),
    "an open quote": ({"cache-control": 'max-age="3600'}, ZERO),
    "16: zero": ({"cache-control": "max-age=0"}, ZERO),
    "16: no-cache": ({"cache-control": "no-cache, max-age=3600"}, ZERO),
    "16: no-store": ({"cache-control": "max-age=3600, no-store"}, ZERO),
    "16: no-cache of one field": ({"cache-control": 'no-cache="Set-Cookie", max-age=3600'}, HOUR),
    "16: age subtracted": ({"cache-control": "max-age=3600", "age": "600"}, HOUR - timedelta(seconds=600)),
    "16: older than fresh": ({"cache-control": "max-age=3600", "age": "4000"}, ZERO),
    "16: two ages": ({"cache-control": "max-age=3600", "age": "600, 7"}, timedelta(seconds=3000)),
    "16: an age of junk": ({"cache-control": "max-age=3600", "age": "-600"}, HOUR),
    "16: capped": ({"cache-control": "max-age=31536000"}, LONGEST_FRESH),
    "16: capped beyond all numbers": ({"cache-control": "max-age=" + "9" * 5000}, LONGEST_FRESH),
    "16: capped after age": ({"cache-control": "max-age=1209600", "age": "604800"}, timedelta(days=7)),
    "17: expires": ({"expires": at(HOUR)}, HOUR),
    "17: against a Date that is a day behind": ({"expires": at(HOUR - DAY), "date": at(-DAY)}, HOUR),
    "17: against a Date that is a day ahead": ({"expires": at(HOUR + DAY), "date": at(DAY)}, HOUR),
    "17: a Date of junk": ({"expires": at(HOUR), "date": "yesterday"}, HOUR),
    "17: expired": ({"expires": at(-HOUR), "date": at(ZERO)}, ZERO),
    "17: expired by the host's clock": ({"expires": at(HOUR), "date": at(DAY)}, ZERO),
    "17: less the age": ({"expires": at(HOUR), "date": at(ZERO), "age": "600"}, timedelta(seconds=3000)),
    "17: zero": ({"expires": "0"}, ZERO),
    "17: junk": ({"expires": "soon"}, ZERO),
    "17: far away": ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_FRESH),
    "17: max-age wins": ({"cache-control": "max-age=3600", "expires": at(DAY)}, HOUR),
    "17: RFC 850": ({"expires": "Wednesday, 04-Mar-26 06:06:07 GMT"}, HOUR),
    "17: asctime": ({"expires": "Wed Mar  4 06:06:07 2026"}, HOUR),
}


@pytest.mark.parametrize(("headers", "expected"), SAYINGS.values(), ids=SAYINGS)
def test_freshness_is_what_the_answer_says(headers: dict[str, str], expected: timedelta | None) -> None:
    assert fresh_for(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"cache-control": "public, Max-Age=5", "expires": at(HOUR)}, "Cache-Control max-age"),
        ({"cache-control": "public", "expires": at(HOUR)}, "Expires"),
        ({"cache-control": 'x="max-age=5"', "expires": at(HOUR)}, "Expires"),
    ],
)
def test_the_rule_of_freshness_is_named(headers: dict[str, str], rule: str) -> None:
    assert freshness_rule(headers) == rule


WAITS: dict[str, tuple[dict[str, str], timedelta | None]] = {
    "missing": ({}, None),
    "B15: seconds": ({"retry-after": "120"}, timedelta(seconds=120)),
    "B15: seconds with white space": ({"retry-after": " 120 "}, timedelta(seconds=120)),
    "B15: seconds twice": ({"retry-after": "120, 120"}, timedelta(seconds=120)),
    "B15: a date": ({"retry-after": at(HOUR)}, HOUR),
    "B15: a date in asctime": ({"retry-after": "Wed Mar  4 06:06:07 2026"}, HOUR),
    "B15: a past date": ({"retry-after": at(-HOUR)}, None),
    "B15: now": ({"retry-after": at(ZERO)}, None),
    "B15: zero": ({"retry-after": "0"}, None),
    "B15: negative": ({"retry-after": "-5"}, None),
    "B15: 1e9": ({"retry-after": "1e9"}, None),
    "B15: a thousand million": ({"retry-after": "1000000000"}, LONGEST_RETRY),
    "B15: beyond all numbers": ({"retry-after": "9" * 5000}, LONGEST_RETRY),
    "B15: a date far away": ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_RETRY),
    "B15: abc": ({"retry-after": "abc"}, None),
    "B15: a fraction": ({"retry-after": "1.5"}, None),
    "B15: empty": ({"retry-after": ""}, None),
    "B16: the host's clock is a day behind": ({"retry-after": at(HOUR - DAY), "date": at(-DAY)}, HOUR),
    "B16: the host's clock is a day ahead": ({"retry-after": at(HOUR + DAY), "date": at(DAY)}, HOUR),
    "B16: past by the host's clock": ({"retry-after": at(HOUR), "date": at(DAY)}, None),
    "B16: a Date of junk": ({"retry-after": at(HOUR), "date": "junk"}, HOUR),
    "B16: seconds need no Date": ({"retry-after": "120", "date": at(DAY)}, timedelta(seconds=120)),
}


@pytest.mark.parametrize(("headers", "expected"), WAITS.values(), ids=WAITS)
def test_18_retry_after_is_what_the_host_meant(headers: dict[str, str], expected: timedelta | None) -> None:
    assert retry_after(headers, now=NOW) == (None if expected is None else NOW + expected)


@given(
    st.dictionaries(st.sampled_from(["cache-control", "age", "expires", "date", "retry-after"]), st.text() | st.from_regex(r"[ -~]{0,60}"))
)
def test_no_header_breaks_the_reading(headers: dict[str, str]) -> None:
    fresh = fresh_for(headers, now=NOW)
    assert fresh is None or ZERO <= fresh <= LONGEST_FRESH
    until = retry_after(headers, now=NOW)
    assert until is None or NOW < until <= NOW + LONGEST_RETRY
    assert freshness_rule(headers)
