"""What request fields mean by RFC 9110, and that nothing in them can cost more than it is worth."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.service.conditional import (
    GZIP,
    IDENTITY,
    MAX_FIELD,
    choose_coding,
    http_date,
    is_unmodified_since,
    names_tag,
    prefers_plain_xml,
)

TAG = b'"0123abcd"'
NOW = round(datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC).timestamp())
#: RFC 9110 §5.6.7's own example.
EXAMPLE = round(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp())


# If-None-Match (I5)


@pytest.mark.parametrize(
    "field",
    [
        TAG,
        b"W/" + TAG,
        b"  " + TAG + b"\t",
        b'"other", ' + TAG,
        b'"other",' + TAG + b',"more"',
        b'W/"other" , W/' + TAG + b" , ",
        b",, ," + TAG,
        b"*",
        b" * ",
        b'"a,b", ' + TAG,
        b"junk, " + TAG,
        b"\xff\xfe, " + TAG,
        b'"\xe4\xb8\xad", ' + TAG,
        b'"", ' + TAG,
        b"*, " + TAG,
    ],
)
def test_I5_a_tag_is_found_alone_weak_and_in_lists_whatever_else_they_hold(field: bytes) -> None:
    assert names_tag(field, TAG)


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b" ",
        b'"other"',
        b"0123abcd",
        b'"0123abcd',
        b'0123abcd"',
        b'"0123ABCD"',
        b'w/"0123abcd"',
        b'W/ "0123abcd"',
        b'"x"0123abcd"y"',
        b'"x" "0123abcd"',
        b'"0123abcd"x',
        b'"0123abcd-gzip"',
        b"**",
        b"W/*",
        b'"*"',
        b'*, "other"',
        b"'0123abcd'",
        b",,,,",
        b"\0\xff",
    ],
)
def test_I5_what_does_not_name_the_tag_is_nothing(field: bytes) -> None:
    assert not names_tag(field, TAG)


def test_a_tag_that_looks_like_what_parts_two_others_is_not_found_between_them() -> None:
    assert not names_tag(b'"a","b"', b'","')
    assert names_tag(b'"a",","', b'","')


OPAQUE = st.binary(max_size=8).filter(lambda tag: all(byte == 0x21 or 0x23 <= byte <= 0x7E or byte >= 0x80 for byte in tag))
JUNK = st.sampled_from([b"", b" ", b"junk", b"W/", b"*", b"\x00", b"a b"])


@given(st.lists(st.tuples(st.booleans(), OPAQUE), max_size=6), OPAQUE, st.lists(JUNK, max_size=3))
def test_a_list_names_the_tags_that_stand_in_it_and_no_others(tags: list[tuple[bool, bytes]], wanted: bytes, junk: list[bytes]) -> None:
    elements = [b'%b"%b"' % (b"W/" if is_weak else b"", tag) for is_weak, tag in tags] + junk
    expected = wanted in [tag for _, tag in tags] or b", ".join(elements).strip() == b"*"
    assert names_tag(b", ".join(elements), b'"%b"' % wanted) == expected


@given(st.binary(max_size=300))
def test_no_bytes_raise(field: bytes) -> None:
    names_tag(field, TAG)
    names_tag(field + TAG, TAG)
    http_date(field, now=NOW)
    choose_coding(field)
    prefers_plain_xml(field, b"application/atom+xml")


LONG = [b'"a",', b'"', b'"a', b"W/", b",", b'",', b"a,", b"gzip;", b"gzip;q=0,", b"*;", b'"a" ', b"\xff", b" "]


@pytest.mark.parametrize("piece", LONG)
def test_I5_fields_of_100_kB_take_no_time_and_mean_nothing(piece: bytes) -> None:
    field = piece * (100_000 // len(piece)) + TAG
    began = time.process_time()
    for _ in range(20):
        assert not names_tag(field, TAG)
        assert http_date(field, now=NOW) is None
        assert choose_coding(field) == IDENTITY
        assert not prefers_plain_xml(field, b"application/atom+xml")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("piece", LONG)
def test_the_longest_field_that_is_read_takes_linear_time(piece: bytes) -> None:
    field = piece * ((MAX_FIELD - len(TAG)) // len(piece)) + TAG
    began = time.process_time()
    for _ in range(20):
        names_tag(field, TAG)
    assert time.process_time() - began < 2


# If-Modified-Since (I6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", True),
        (b"Sun, 06 Nov 1994 08:49:38 GMT", True),
        (b"Sun, 06 Nov 1994 08:49:36 GMT", False),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", False),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", True),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", True),
        (b"Sun Nov  6 08:49:37 1994", True),
        (b"Sun Nov  6 08:49:36 1994", False),
        (b"yesterday", False),
        (b"", False),
        (b"784111777", False),
        (b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", False),
    ],
    ids=["equal", "newer", "older", "1970", "far future", "rfc850", "asctime", "older asctime", "word", "empty", "number", "two"],
)
def test_I6_the_field_is_compared_with_the_modification_time(text: bytes, expected: bool) -> None:
    assert is_unmodified_since(text, EXAMPLE, now=NOW) is expected


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
        b"Sun Nov 06 08:49:37 1994",
        b" Sun, 06 Nov 1994 08:49:37 GMT ",
        b"Mon, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 +0000",
        b"Sun, 06 Nov 1994 08:49:37 -0000",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
    ],
)
def test_the_three_forms_of_a_date_and_how_readers_miswrite_them(text: bytes) -> None:
    assert http_date(text, now=NOW) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 1994 08:60:00 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 +0100",
        b"Sun, 06 Nov 1994 08:49:37",
        b"06 Nov 1994 08:49:37 GMT",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 06 November 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT; length=1234",
        b"1994-11-06T08:49:37Z",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT".encode(),
    ],
)
def test_what_is_no_date_is_none(text: bytes) -> None:
    assert http_date(text, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "year"),
    [
        (b"Sunday, 29-Nov-26 12:00:00 GMT", 2026),
        (b"Sunday, 29-Nov-00 12:00:00 GMT", 2000),
        (b"Sunday, 29-Nov-75 12:00:00 GMT", 2075),
        (b"Sunday, 29-Nov-76 12:00:00 GMT", 2076),
        (b"Sunday, 29-Nov-76 12:00:01 GMT", 1976),
        (b"Sunday, 30-Nov-76 00:00:00 GMT", 1976),
        (b"Sunday, 01-Jan-77 00:00:00 GMT", 1977),
        (b"Sunday, 29-Nov-99 12:00:00 GMT", 1999),
        (b"Sunday, 29-Feb-72 12:00:00 GMT", 2072),
    ],
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(text: bytes, year: int) -> None:
    date = http_date(text, now=NOW)
    assert date is not None
    assert datetime.fromtimestamp(date, UTC).year == year


def test_a_leap_second_is_the_second_after() -> None:
    date = http_date(b"Sat, 31 Dec 2016 23:59:60 GMT", now=NOW)
    assert date == round(datetime(2017, 1, 1, tzinfo=UTC).timestamp())


# Accept-Encoding (I8)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, IDENTITY),
        (b"", IDENTITY),
        (b"gzip", GZIP),
        (b"GZip", GZIP),
        (b"x-gzip", GZIP),
        (b"gzip, deflate, br, zstd", GZIP),
        (b"br;q=1.0, gzip;q=0.8, *;q=0.1", GZIP),
        (b"br, zstd", IDENTITY),
        (b"identity", IDENTITY),
        (b"gzip;q=0", IDENTITY),
        (b"gzip;q=0.000", IDENTITY),
        (b"gzip ; q=0", IDENTITY),
        (b"gzip;Q=0", IDENTITY),
        (b"gzip;q=0, *", IDENTITY),
        (b"gzip;q=0.001", GZIP),
        (b"gzip;q=1.000", GZIP),
        (b"*", GZIP),
        (b"*;q=0", IDENTITY),
        (b"identity;q=0", IDENTITY),
        (b"identity;q=0, gzip;q=0.1", GZIP),
        (b"gzip;q=0.5, identity;q=0.5", GZIP),
        (b"gzip;q=0.5, identity", IDENTITY),
        (b"identity, *;q=0.5", IDENTITY),
        (b"gzip;q=1.5", IDENTITY),
        (b"gzip;q=abc", IDENTITY),
        (b"gzip;q=-1", IDENTITY),
        (b"gzip;q=", IDENTITY),
        (b"gzip;q=0;q=1", GZIP),
        (b"gzipped, agzip", IDENTITY),
        (b"gzip deflate", IDENTITY),
        (b";;;,,,=,gzip", GZIP),
        (b"\xff\x00", IDENTITY),
    ],
)
def test_I8_the_coding_is_the_one_that_is_liked_best(field: bytes | None, expected: str) -> None:
    assert choose_coding(field) == expected


# Accept

CHROMIUM = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
FIREFOX = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
MINIFLUX = b"application/xml, application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, text/html, */*;q=0.9"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, False),
        (b"", False),
        (b"*/*", False),
        (b"application/*", False),
        (b"application/atom+xml", False),
        (CHROMIUM, True),
        (FIREFOX, True),
        (MINIFLUX, False),
        (b"application/xml", True),
        (b"application/atom+xml;q=0.5, application/xml", True),
        (b"application/atom+xml, application/xml;q=0.9", False),
        (b"application/*, application/xml;q=0.1", False),
        (b"application/atom+xml;q=0, */*", True),
        (b"text/html", False),
        (b"junk", False),
    ],
)
def test_plain_xml_is_for_those_who_like_it_better(field: bytes | None, expected: bool) -> None:
    assert prefers_plain_xml(field, b"application/atom+xml") is expected
