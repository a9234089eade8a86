"""Cron lines fire when cron says: against a scan of every minute, on days when the clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.configvalues import Cron, parse_cron
from feedmill.consumer.crontab import next_fire

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
MINUTE = timedelta(minutes=1)
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def matches(field: str, value: int, high: int, names: tuple[str, ...] = ()) -> bool:
    """Whether `value` fits a field of cron, by its text alone."""

    def number(text: str) -> int:
        return names.index(text) if text in names else int(text)

    for part in field.split(","):
        base, _, step = part.partition("/")
        if base == "*":
            low, top = (1 if high in (31, 12) else 0), high
        elif "-" in base:
            low, top = map(number, base.split("-"))
            top = top or (7 if low else 0)  # sat-sun
        else:
            low = number(base)
            top = high if step else low
        if low <= value <= top and (value - low) % int(step or 1) == 0:
            return True
    return False


def fits(cron: Cron, wall: datetime) -> bool:
    minute, hour, day, month, weekday = cron.fields
    number = wall.isoweekday() % 7
    on_weekday = matches(weekday, number, 7, WEEKDAYS) or (number == 0 and matches(weekday, 7, 7, WEEKDAYS))
    on_day = matches(day, wall.day, 31)
    is_day = on_day and on_weekday if day.startswith("*") or weekday.startswith("*") else on_day or on_weekday
    return is_day and matches(month, wall.month, 12, MONTHS) and matches(hour, wall.hour, 23) and matches(minute, wall.minute, 59)


def scan(cron: Cron, start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return every time in (start, end] at which a clock in `zone` shows a minute of `cron`; a minute jumped over counts later."""
    found = set()
    wall = start.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) - timedelta(hours=4)
    while wall <= end.astimezone(zone).replace(tzinfo=None) + timedelta(hours=4):
        if fits(cron, wall):
            first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
            found |= {first, max(first, second)}
        wall += MINUTE
    return sorted(moment for moment in found if start < moment <= end)


def fires(cron: Cron, start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    found: list[datetime] = []
    moment: datetime | None = next_fire(cron, after=start, zone=zone)
    while moment is not None and moment <= end:
        found.append(moment)
        moment = next_fire(cron, after=moment, zone=zone)
    return found


LINES = [
    "*/30 * * * *",
    "30 2 * * *",
    "15,45 * * * *",
    "0 0 * * *",
    "45 1,2,3 * * *",
    "*/7 */2 * * 5-7",
    "0 12 * * 0",
    "0 12 * * 7",
    "0 12 * * sun",
    "0 12 * * 1-5",
    "0 12 * * */2",
    "0 12 * * fri-sun",
    "0 12 * * 6-7/1",
    "0 12 28 * 1",
    "0 12 */2 * 0",
    "5 4 * feb-apr/2,oct *",
    "0 4/6 * * *",
    "59 23 31 * *",
]
SPANS = {
    "Berlin, clocks go forward": (BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC)),
    "Berlin, clocks go back": (BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC)),
    "Berlin, a month's end": (BERLIN, datetime(2026, 2, 27, 3, 4, 5, 6, tzinfo=UTC)),
    "Shanghai, clocks go forward in 1986": (SHANGHAI, datetime(1986, 5, 3, 6, tzinfo=UTC)),
    "Shanghai, clocks go back in 1986": (SHANGHAI, datetime(1986, 9, 13, 6, tzinfo=UTC)),
    "Lord Howe, half an hour forward": (ZoneInfo("Australia/Lord_Howe"), datetime(2026, 10, 3, 6, tzinfo=UTC)),
    "Kathmandu": (ZoneInfo("Asia/Kathmandu"), datetime(2026, 12, 30, 6, tzinfo=UTC)),
}


@pytest.mark.parametrize(("zone", "start"), SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("line", LINES)
def test_a_line_fires_when_a_scan_of_every_minute_says(line: str, zone: ZoneInfo, start: datetime) -> None:
    cron = parse_cron(line)
    end = start + timedelta(days=3)
    assert fires(cron, start, end, zone) == scan(cron, start, end, zone)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    single = numbers.map(str)
    spans = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.just("*") | spans | single, st.integers(1, high - low)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.just("*") | st.lists(single | spans | stepped, min_size=1, max_size=3).map(",".join)


lines = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(lines, st.integers(0, 3 * 366 * 86_400), st.sampled_from([BERLIN, SHANGHAI]))
def test_any_line_fires_where_it_fits_and_nothing_is_passed_over(line: str, second: int, zone: ZoneInfo) -> None:
    try:
        cron = parse_cron(line)
    except ValueError:
        return
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    found = next_fire(cron, after=start, zone=zone)
    if found is not None:
        assert found > start
    end = start + timedelta(days=1, hours=1)
    assert ([found] if found and found <= end else []) == scan(cron, start, end, zone)[:1]


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("0 0 * * *", datetime(2026, 3, 29, 0, 0, tzinfo=BERLIN), datetime(2026, 3, 30, 0, 0, tzinfo=BERLIN)),
        ("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=BERLIN), datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN)),
        ("30 2 * * *", datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
        ("30 2 * * *", datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)),
        ("0 9 13 * 5", datetime(2026, 3, 13, 10, tzinfo=BERLIN), datetime(2026, 3, 20, 9, tzinfo=BERLIN)),
        ("0 0 29 2 *", datetime(2026, 3, 1, tzinfo=SHANGHAI), datetime(2028, 2, 29, tzinfo=SHANGHAI)),
        ("0 0 29 2 *", datetime(2096, 3, 1, tzinfo=SHANGHAI), datetime(2104, 2, 29, tzinfo=SHANGHAI)),
    ],
    ids=["midnight after a change", "jumped over", "comes twice", "but not thrice", "day or weekday", "leap year", "no leap year in 2100"],
)
def test_the_next_time_is(line: str, after: datetime, expected: datetime) -> None:
    found = next_fire(parse_cron(line), after=after, zone=after.tzinfo or UTC)
    assert found == expected.astimezone(UTC)
    assert found.tzinfo is UTC


def test_a_day_that_never_comes_never_fires() -> None:
    assert next_fire(Cron("0 0 31 2 */2"), after=datetime(2026, 1, 1, tzinfo=UTC), zone=BERLIN) is None


def test_a_time_is_after_the_one_it_is_asked_for_by_a_microsecond() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    cron = parse_cron("0 * * * *")
    assert next_fire(cron, after=noon - timedelta(microseconds=1), zone=UTC) == noon
    assert next_fire(cron, after=noon, zone=UTC) == noon + timedelta(hours=1)
