"""Dates as posts carry them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.posts.dates import MONTHS, date_in_name, format_rfc822, parse_date

SHANGHAI = ZoneInfo("Asia/Shanghai")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


READ = {
    # RFC 822 and its children
    "Thu, 10 Jun 2021 00:00:00 GMT": utc(2021, 6, 10),
    "Thu, 31 Dec 1936 00:00:00 GMT": utc(1936, 12, 31),
    "10 Jun 21 03:00 UT": utc(2021, 6, 10, 3),
    "10 Jun 73 03:00 UT": utc(1973, 6, 10, 3),
    "Thu, 10 Jun 2021 00:00:00 +0800": utc(2021, 6, 9, 16),
    "Thu, 10 Jun 2021 00:00:00 EST": utc(2021, 6, 10, 5),
    "Thu, 10 Jun 2021 00:00:00": utc(2021, 6, 9, 16),
    "Thursday, 10-Jun-21 00:00:00 GMT": utc(2021, 6, 10),
    "Mon, 10 Jun 2021 00:00:00 GMT": utc(2021, 6, 10),
    "Sat, 31 Dec 2016 23:59:60 GMT": utc(2017, 1, 1),
    # RFC 3339 and YAML
    "2021-07-13T06:27:34Z": utc(2021, 7, 13, 6, 27, 34),
    "2021-07-13T06:27:34.999999999+08:00": utc(2021, 7, 12, 22, 27, 34),
    "2021-07-13 06:27:34 -00:00": utc(2021, 7, 13, 6, 27, 34),
    "2001-12-14t21:59:43.10-05:00": utc(2001, 12, 15, 2, 59, 43),
    "2001-12-14 21:59:43.10 -5": utc(2001, 12, 15, 2, 59, 43),
    "2021-07-13 06:27:34 +08:00:30": utc(2021, 7, 12, 22, 27, 4),
    # without a zone: the configured one
    "2021-07-13 06:27:34": utc(2021, 7, 12, 22, 27, 34),
    "2021-07-13": utc(2021, 7, 12, 16),
    "2021-7-3 6:07:09": utc(2021, 7, 2, 22, 7, 9),
    "2021/7/13 6:27": utc(2021, 7, 12, 22, 27),
    "2021.03.02": utc(2021, 3, 1, 16),
    "2021-07-13 6:27 PM": utc(2021, 7, 13, 10, 27),
    "2021-07-13 12:00 a.m.": utc(2021, 7, 12, 16),
    "20210713": utc(2021, 7, 12, 16),
    "202107130627": utc(2021, 7, 12, 22, 27),
    "20210713T062734Z": utc(2021, 7, 13, 6, 27, 34),
    # the Qing dynasty's local time: 8:05:43 east
    "1900-01-01 00:00:00": utc(1899, 12, 31, 15, 54, 17),
    # Chinese
    "2021年7月13日 06:27": utc(2021, 7, 12, 22, 27),
    "2021年07月13日": utc(2021, 7, 12, 16),
    "2021年7月13日 星期二 下午6:27": utc(2021, 7, 13, 10, 27),
    "2021年7月13日18时27分34秒": utc(2021, 7, 13, 10, 27, 34),
    "2021 年 7 月 13 日 6点": utc(2021, 7, 12, 22),
    # the odd ones
    "Tue Jul 13 2021 06:27:34 GMT+0800 (中国标准时间)": utc(2021, 7, 12, 22, 27, 34),
    "Tue Jul 13 06:27:34 CST 2021": utc(2021, 7, 12, 22, 27, 34),
    "Tue Jul 13 06:27:34 PST 2021": utc(2021, 7, 13, 14, 27, 34),
    "Tue Jul 13 06:27:34 2021": utc(2021, 7, 12, 22, 27, 34),
    "July 13, 2021 6:27 PM": utc(2021, 7, 13, 10, 27),
    "13/07/2021": utc(2021, 7, 12, 16),
}

NO_DATES = [
    "",
    "Invalid Date",
    "0000-00-00",
    "0000-01-01 00:00:00",
    "2024-13-45",
    "2021-02-29",
    "99999-01-01",
    "-2021-01-01",
    "1704067200",
    "1704067200000",
    "2021",
    "June 2021",
    "13 June",
    "06:27",
    "tomorrow",
    "03/04/2021",  # March or April
    "01-02-03",
    "2021-07-13 24:00:00",
    "2021-07-13 06:27:61",
    "2021-07-13 13:00 PM",
    "2021-07-13 06:27:34 +25:00",
    "2021-07-13 06:27:34 +0860",
    "Thu, 10 Jun 2021 00:00:00 XYZ",
    "Tue Jul 13 06:27:34 XYZ 2021",
    "Tue Jul 13 06:27:34 CEST 2021",
    "Thu, 10 Xyz 2021 00:00:00 GMT",
    "0001-01-01",  # still year 0 in UTC
    "9999-12-31 23:59:59 -0800",
    "2021年13月1日",
    "2021-07-13 " + "0" * 100,
    "1 " * 49,
]


@pytest.mark.parametrize(("text", "moment"), READ.items(), ids=READ)
def test_reads(text: str, moment: datetime) -> None:
    assert parse_date(text, SHANGHAI) == moment
    found = parse_date(f"  {text}\t", SHANGHAI)
    assert found is not None and found.tzinfo is UTC and found.microsecond == 0


@pytest.mark.parametrize("text", NO_DATES, ids=repr)
def test_is_no_date(text: str) -> None:
    assert parse_date(text, SHANGHAI) is None


def test_the_configured_zone_says_what_cst_is() -> None:
    text = "Tue, 13 Jul 2021 06:27:34 CST"
    assert parse_date(text, SHANGHAI) == utc(2021, 7, 12, 22, 27, 34)
    assert parse_date(text, UTC) == utc(2021, 7, 13, 12, 27, 34)


@pytest.fixture
def host_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("host_in_berlin")
def test_the_host_has_no_say() -> None:
    assert time.tzname == ("CET", "CEST")
    assert parse_date("Tue Jul 13 06:27:34 CEST 2021", SHANGHAI) is None
    assert parse_date("Tue Jul 13 06:27:34 2021", SHANGHAI) == utc(2021, 7, 12, 22, 27, 34)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_reads_back(moment: datetime) -> None:
    text = format_rfc822(moment)
    assert len(text) == 29
    assert parse_date(text, SHANGHAI) == moment.replace(microsecond=0)


@given(st.one_of(st.text(max_size=40), st.text(alphabet="0123456789 -/:.,+TZ年月日時JanuaryGMTAPM()", max_size=40)))
@settings(max_examples=300)
def test_never_raises(text: str) -> None:
    found = parse_date(text, SHANGHAI)
    assert found is None or (found.tzinfo is UTC and found.microsecond == 0)


@given(st.datetimes(min_value=datetime(1902, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001
def test_spellings_agree(naive: datetime) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(hours=8)))
    for spelling in ("%Y-%m-%dT%H:%M:%S+08:00", "%Y/%m/%d %H:%M:%S +0800", "%Y年%m月%d日 %H:%M:%S +08:00", "%B %d, %Y %H:%M:%S +08:00"):
        assert parse_date(moment.strftime(spelling), UTC) == moment


@given(
    st.sampled_from(["Thu", "Thus", ""]),
    st.tuples(
        st.sampled_from([0, 1, 29, 30, 31, 32]),
        st.sampled_from([*MONTHS, "jun", "Foo"]),
        st.sampled_from(["2021", "0000", "2024", "9999", "21"]),
    ),
    st.tuples(st.sampled_from([0, 9, 23, 24]), st.sampled_from([0, 59, 60]), st.sampled_from([0, 59, 60, 61])),
)
@settings(max_examples=500)
def test_the_house_form_is_read_as_rfc_822_is(name: str, day: tuple[int, str, str], clock: tuple[int, int, int]) -> None:
    """A comment at the end keeps the reader from the short cut, and says nothing."""
    text = f"{name}, {day[0]:02d} {day[1]} {day[2]} {clock[0]:02d}:{clock[1]:02d}:{clock[2]:02d} GMT"
    assert parse_date(text, SHANGHAI) == parse_date(f"{text} (x)", SHANGHAI)


def test_format_is_english_and_in_gmt() -> None:
    assert format_rfc822(datetime(2021, 6, 10, 8, tzinfo=SHANGHAI)) == "Thu, 10 Jun 2021 00:00:00 GMT"
    assert format_rfc822(utc(33, 4, 3, 15)) == "Sun, 03 Apr 0033 15:00:00 GMT"


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("2021-07-13-hello.md", utc(2021, 7, 12, 16)),
        ("2021-7-3-hello.md", utc(2021, 7, 2, 16)),
        ("2021-07-13.md", utc(2021, 7, 12, 16)),
        ("2021-07-13 你好.md", utc(2021, 7, 12, 16)),
        ("2021-07-130.md", None),
        ("2021-13-45-hello.md", None),
        ("hello-2021-07-13.md", None),
        ("hello.md", None),
    ],
)
def test_date_in_name(name: str, moment: datetime | None) -> None:
    assert date_in_name(name, SHANGHAI) == moment
