"""When a source is fetched next, and why. Numbers in names are lines of the list of a polite client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.configvalues import Cron, Every, parse_cron
from feedmill.consumer.adaptive import LONGEST, SHORTEST, next_interval
from feedmill.consumer.schedule import NEVER, Next, Observed, Pace, is_due, plan_failure, plan_success, shown
from feedmill.posts.dates import format_rfc822
from feedmill.upstream import Failed, Fetched, Hints, NotModified, Validators

#: A Wednesday.
NOW = datetime(2026, 3, 4, 5, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ZERO = timedelta(0)
CHANCES = (0.0, 0.25, 0.5, 0.999, 1.0)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def fetched(headers: Mapping[str, str] = {}) -> Fetched:
    return Fetched(url="https://a.example/", status=200, body=b"", headers=headers, validators=Validators())


def unchanged(headers: Mapping[str, str] = {}) -> NotModified:
    return NotModified(url="https://a.example/", headers=headers, validators=Validators())


def succeed(answer: Fetched | NotModified | None = None, pace: Pace | None = None, **over: Any) -> Next:
    how: dict[str, Any] = {"every": HOUR, "zone": UTC, "hints": None, "observed": None, "now": NOW, "chance": 0.5}
    return plan_success(answer or fetched(), pace or Pace(), **(how | over))


def fail(status: int = 500, headers: Mapping[str, str] = {}, *, failures: int = 0, **over: Any) -> Next:
    how: dict[str, Any] = {"every": HOUR, "zone": UTC, "now": NOW, "chance": 0.5}
    pace = Pace(failures=failures, hints=over.pop("hints", Hints()), interval=over.pop("interval", None))
    return plan_failure(Failed(reason="no", status=status, headers=headers), pace, **(how | over))


# the plain interval


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize("every", [MINUTE, 30 * MINUTE, HOUR, DAY, 3660 * DAY], ids=shown)
def test_14_a_source_is_due_from_a_tenth_of_its_interval_early_and_at_its_end_for_certain(every: timedelta, chance: float) -> None:
    plan = succeed(every=every, chance=chance)
    assert NOW + every * 0.9 <= plan.due <= NOW + every <= plan.at
    assert plan.rule == f"every {shown(every)}"
    assert is_due(plan.due, now=NOW + every)
    assert not is_due(plan.due, now=NOW + every * 0.9 - SECOND)


def test_14_an_hourly_cron_that_is_a_second_late_now_and_then_misses_no_hour() -> None:
    runs = [NOW + number * HOUR + (number % 3) * SECOND for number in range(48)]
    due: datetime | None = None
    fetches = []
    for run in runs:
        if is_due(due, now=run):
            fetches.append(run)
            due = succeed(now=run + 90 * SECOND, chance=len(fetches) % 11 / 10).due
    assert fetches == runs


def test_14_however_often_somebody_asks_there_is_one_request_an_hour() -> None:
    due: datetime | None = None
    fetches = 0
    for minute in range(24 * 60):
        now = NOW + minute * MINUTE
        if is_due(due, now=now):
            fetches += 1
            due = succeed(now=now, chance=minute % 10 / 10).due
    assert 24 <= fetches <= 27


@pytest.mark.parametrize("second", [0, 20, 59])
@pytest.mark.parametrize("chance", CHANCES)
def test_22_sources_spread_out_and_keep_off_the_full_hour(chance: float, second: int) -> None:
    now = datetime(2026, 3, 4, 5, 0, second, tzinfo=UTC)
    plan = succeed(now=now, chance=chance)
    assert plan.at.minute >= 1
    assert now + HOUR <= plan.at <= now + HOUR * 1.1 + MINUTE + 6 * MINUTE


def test_22_two_sources_seldom_share_a_second() -> None:
    assert len({succeed(chance=number / 300).at for number in range(300)}) > 250


def test_times_are_utc_in_whole_seconds_wherever_now_is_told() -> None:
    now = datetime(2026, 3, 4, 13, 20, 0, 700_001, tzinfo=SHANGHAI)
    for plan in (succeed(now=now), succeed(now=now, every=parse_cron("0 * * * *")), fail(now=now), fail(410, now=now)):
        for moment in (plan.due, plan.at):
            assert moment.tzinfo is UTC
            assert moment.microsecond == 0
    assert succeed(now=now, chance=1.0).due <= now + HOUR
    assert succeed(fetched({"cache-control": "max-age=7200"}), now=now, chance=1.0).due >= now + 2 * HOUR


# what answers and documents ask for

ASKED: dict[str, tuple[dict[str, str], Hints, timedelta, str]] = {
    "nothing": ({}, Hints(), HOUR, "every 1h"),
    "15: max-age": ({"cache-control": "max-age=43200"}, Hints(), 12 * HOUR, "Cache-Control max-age 12h"),
    "16: less its age": ({"cache-control": "max-age=43200", "age": "3600"}, Hints(), 11 * HOUR, "Cache-Control max-age 11h"),
    "16: no-cache": ({"cache-control": "no-cache"}, Hints(), HOUR, "every 1h"),
    "16: max-age=0": ({"cache-control": "max-age=0"}, Hints(), HOUR, "every 1h"),
    "16: a year": ({"cache-control": "max-age=31536000"}, Hints(), 7 * DAY, "Cache-Control max-age 7d"),
    "17: expires": ({"expires": format_rfc822(NOW + 26 * HOUR), "date": format_rfc822(NOW + DAY)}, Hints(), 2 * HOUR, "Expires"),
    "20: a short max-age does not shorten": ({"cache-control": "max-age=60"}, Hints(), HOUR, "every 1h"),
    "20: ttl": ({}, Hints(ttl=120), 2 * HOUR, "ttl 2h"),
    "20: a short ttl does not shorten": ({}, Hints(ttl=5), HOUR, "every 1h"),
    "20: a ttl of zero": ({}, Hints(ttl=0), HOUR, "every 1h"),
    "20: a ttl below zero": ({}, Hints(ttl=-5), HOUR, "every 1h"),
    "20: a ttl of a million years": ({}, Hints(ttl=10**12), 7 * DAY, "ttl 7d"),
    "20: sy": ({}, Hints(update_period=86_400), DAY, "sy 1d"),
    "20: sy, yearly": ({}, Hints(update_period=31_536_000), 7 * DAY, "sy 7d"),
    "20: the longest of all": ({"cache-control": "max-age=7200"}, Hints(ttl=180, update_period=5_400), 3 * HOUR, "ttl 3h"),
    "20: ttl and sy of the interval itself": ({}, Hints(ttl=60, update_period=3_600), HOUR, "every 1h"),
}


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize(("headers", "hints", "wait", "rule"), ASKED.values(), ids=ASKED)
def test_20_hints_lengthen_the_interval_and_never_shorten_it(
    headers: dict[str, str], hints: Hints, wait: timedelta, rule: str, chance: float
) -> None:
    plan = succeed(fetched(headers), hints=hints, chance=chance)
    assert plan.rule == rule
    assert NOW + wait <= plan.at <= NOW + wait * 1.1 + 11 * MINUTE
    if rule.startswith("every"):
        assert NOW + wait * 0.9 <= plan.due <= NOW + wait * 0.95
    else:
        assert plan.due == NOW + wait


@pytest.mark.parametrize("wait", [59 * MINUTE, HOUR], ids=shown)
def test_15_freshness_that_ends_in_the_last_tenth_of_the_interval_is_kept(wait: timedelta) -> None:
    assert succeed(fetched({"cache-control": f"max-age={wait.total_seconds():.0f}"}), chance=0.0).due == NOW + wait


def test_20_an_interval_longer_than_any_hint_stands() -> None:
    plan = succeed(fetched({"cache-control": "max-age=31536000"}), every=30 * DAY, chance=0.0)
    assert plan.rule == "every 30d"
    assert plan.due == NOW + 27 * DAY


def test_15_what_was_fresh_stays_so_over_304s_that_say_nothing() -> None:
    plan = succeed(fetched({"cache-control": "max-age=43200"}))
    for _ in range(3):
        plan = succeed(unchanged({"etag": '"a"'}), plan.pace)
        assert plan.due >= NOW + 12 * HOUR
        assert plan.rule == "Cache-Control max-age 12h"


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (unchanged({"cache-control": "max-age=7200"}), "Cache-Control max-age 2h"),
        (unchanged({"cache-control": "max-age=0"}), "every 1h"),
        (unchanged({"cache-control": "no-cache"}), "every 1h"),
        (fetched(), "every 1h"),
    ],
    ids=["304: shorter", "304: zero", "304: no-cache", "200 without it"],
)
def test_15_an_answer_that_says_otherwise_ends_what_was_fresh(answer: Fetched | NotModified, rule: str) -> None:
    pace = succeed(fetched({"cache-control": "max-age=43200"})).pace
    after = succeed(answer, pace)
    assert after.rule == rule
    assert succeed(unchanged(), after.pace).rule == rule


def test_20_what_a_document_said_holds_until_another_is_read() -> None:
    plan = succeed(hints=Hints(ttl=180))
    assert succeed(unchanged(), plan.pace).rule == "ttl 3h"
    assert succeed(fetched(), plan.pace).rule == "ttl 3h"
    assert succeed(fetched(), plan.pace, hints=Hints()).rule == "every 1h"


# skipHours and skipDays

NIGHT = Hints(skip_hours=frozenset({6, 7, 8}))
WEEKEND_SOON = Hints(skip_days=frozenset({2, 3}))


@pytest.mark.parametrize(
    ("hints", "due", "at", "rule"),
    [
        (NIGHT, datetime(2026, 3, 4, 9, tzinfo=UTC), datetime(2026, 3, 4, 9, tzinfo=UTC), "skipHours"),
        (WEEKEND_SOON, datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC), "skipDays"),
        (
            Hints(skip_hours=frozenset(range(5)) | {6}, skip_days=frozenset({2})),
            datetime(2026, 3, 5, 5, tzinfo=UTC),
            datetime(2026, 3, 5, 5, tzinfo=UTC),
            "skipHours",
        ),
        (Hints(skip_hours=frozenset({0, 23})), NOW + 55.5 * MINUTE, NOW + 63 * MINUTE, "every 1h"),
        (Hints(skip_hours=frozenset(range(24))), NOW + 55.5 * MINUTE, NOW + 63 * MINUTE, "every 1h"),
        (Hints(skip_days=frozenset(range(7))), NOW + 55.5 * MINUTE, NOW + 63 * MINUTE, "every 1h"),
        (
            Hints(skip_hours=frozenset({6}), skip_days=frozenset(range(7))),
            datetime(2026, 3, 4, 7, tzinfo=UTC),
            datetime(2026, 3, 4, 7, tzinfo=UTC),
            "skipHours",
        ),
        (
            Hints(skip_hours=frozenset(range(25)) - {9}),
            datetime(2026, 3, 4, 9, tzinfo=UTC),
            datetime(2026, 3, 4, 9, tzinfo=UTC),
            "skipHours",
        ),
    ],
    ids=[
        "all of three hours",
        "all of two days",
        "hours and days",
        "other hours",
        "every hour",
        "every day",
        "every day, one hour",
        "junk",
    ],
)
def test_20_hours_and_days_that_a_document_skips_are_waited_out(hints: Hints, due: datetime, at: datetime, rule: str) -> None:
    plan = succeed(hints=hints)
    assert plan.due == due
    assert at <= plan.at <= at + 11 * MINUTE
    assert plan.rule == rule


def test_20_skipped_hours_are_those_of_greenwich() -> None:
    plan = succeed(hints=NIGHT, zone=SHANGHAI, now=NOW.astimezone(SHANGHAI))
    assert plan.due == datetime(2026, 3, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize("chance", CHANCES)
def test_22_after_skipped_hours_sources_spread_out_too(chance: float) -> None:
    at = succeed(hints=NIGHT, chance=chance).at
    assert (at.hour, at.minute > 0) == (9, True)
    assert succeed(hints=NIGHT, chance=0.1).at < succeed(hints=NIGHT, chance=0.9).at


# cron lines

CRON: dict[str, tuple[str, Hints, dict[str, str], str, str]] = {
    "as it stands": ("*/30 * * * *", Hints(), {}, "2026-03-04T05:30", "cron */30 * * * *"),
    "in the site's zone": ("0 8 * * *", Hints(), {}, "2026-03-05T00:00", "cron 0 8 * * *"),
    "Sunday as 0": ("0 8 * * 0", Hints(), {}, "2026-03-08T00:00", "cron 0 8 * * 0"),
    "Sunday as 7": ("0 8 * * 7", Hints(), {}, "2026-03-08T00:00", "cron 0 8 * * 7"),
    "a hint lengthens": ("*/30 * * * *", Hints(ttl=60), {}, "2026-03-04T06:30", "ttl 1h"),
    "a hint that ends at a fire": ("*/30 * * * *", Hints(ttl=70), {}, "2026-03-04T06:30", "ttl 1h10m"),
    "a hint within the wait": ("*/30 * * * *", Hints(ttl=10), {}, "2026-03-04T05:30", "cron */30 * * * *"),
    "max-age": ("*/30 * * * *", Hints(), {"cache-control": "max-age=36000"}, "2026-03-04T15:30", "Cache-Control max-age 10h"),
    "skipHours": ("*/30 * * * *", Hints(skip_hours=frozenset({5, 6})), {}, "2026-03-04T07:00", "skipHours"),
    "skipDays": ("0 12 * * *", Hints(skip_days=frozenset({3, 4})), {}, "2026-03-07T04:00", "skipDays"),
    "always skipped": ("0 12 * * *", Hints(skip_hours=frozenset({4})), {}, "2026-03-05T04:00", "cron 0 12 * * *"),
    "skipped too long": ("0 12 1 * *", Hints(skip_days=frozenset({2})), {}, "2026-04-01T04:00", "cron 0 12 1 * *"),
}


@pytest.mark.parametrize("chance", [0.0, 1.0])
@pytest.mark.parametrize(("line", "hints", "headers", "expected", "rule"), CRON.values(), ids=CRON)
def test_a_cron_line_fires_exactly_and_hints_move_it_to_a_later_fire(
    line: str, hints: Hints, headers: dict[str, str], expected: str, rule: str, chance: float
) -> None:
    plan = succeed(fetched(headers), hints=hints, every=parse_cron(line), zone=SHANGHAI, chance=chance)
    assert plan.at == plan.due == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert plan.rule == rule


def test_a_cron_line_that_never_fires_again_says_so() -> None:
    plan = succeed(every=Cron("0 0 31 2 */2"))
    assert plan.due == plan.at == NOW + NEVER
    assert plan.rule == "cron 0 0 31 2 */2 (never)"
    assert fail(every=Cron("0 0 31 2 */2")).rule == "cron 0 0 31 2 */2 (never)"


# failures


@pytest.mark.parametrize("status", [0, 200, 401, 403, 404, 429, 451, 500, 503])
def test_19_b13_b14_a_failure_backs_off_and_is_tried_again(status: int) -> None:
    waits = []
    pace = Pace()
    for number in range(1, 11):
        plan = plan_failure(Failed(reason="no", status=status), pace, every=HOUR, zone=UTC, now=NOW, chance=0.5)
        pace = plan.pace
        assert pace.failures == number
        waits.append(plan.at - NOW)
        assert plan.rule == f"back-off after {number} failure{'s' if number > 1 else ''}"
    assert [round(wait / HOUR / 1.05) for wait in waits] == [2, 4, 8, 16, 24, 24, 24, 24, 24, 24]


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize("failures", [0, 3, 40, 10**9])
@pytest.mark.parametrize("every", [MINUTE, HOUR, DAY, 3660 * DAY], ids=shown)
def test_19_back_off_is_jittered_by_a_tenth_and_never_below_the_interval(every: timedelta, failures: int, chance: float) -> None:
    plan = fail(failures=failures, every=every, chance=chance)
    wait = max(min(every * 2 ** min(failures + 1, 12), DAY), every)
    assert NOW + wait * 0.9 <= plan.due <= NOW + wait <= plan.at <= NOW + wait * 1.1 + 11 * MINUTE
    assert plan.at >= NOW + every


def test_19_sources_that_failed_together_do_not_come_back_together() -> None:
    assert len({fail(chance=number / 100).due for number in range(100)}) > 90
    assert len({fail(chance=number / 100).at for number in range(100)}) > 90


def test_b14_a_success_ends_the_back_off() -> None:
    pace = fail(failures=6).pace
    plan = succeed(pace=pace)
    assert plan.pace.failures == 0
    assert plan.rule == "every 1h"


def test_a_failure_keeps_what_is_remembered() -> None:
    pace = Pace(fresh_for=12 * HOUR, fresh_rule="Expires", hints=Hints(ttl=5), interval=HOUR)
    after = plan_failure(Failed(reason="no"), pace, every="auto", zone=UTC, now=NOW, chance=0.5).pace
    assert after == replace(pace, failures=1)


def test_failures_wait_out_skipped_hours_too() -> None:
    plan = fail(hints=NIGHT)
    assert plan.due == datetime(2026, 3, 4, 9, tzinfo=UTC)
    assert plan.rule == "skipHours"
    plan = fail(503, {"retry-after": "7200"}, hints=NIGHT)
    assert plan.due >= datetime(2026, 3, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize("every", [HOUR, "auto", parse_cron("0 * * * *")], ids=["interval", "auto", "cron"])
def test_13_b13_gone_is_asked_no_more(every: Every) -> None:
    plan = fail(410, {"retry-after": "5"}, every=every)
    assert plan.due == plan.at == NOW + NEVER
    assert plan.rule == "gone (410)"
    assert plan.pace.failures == 1


# Retry-After

RETRY: dict[str, tuple[str, timedelta, str]] = {
    "B15: two minutes": ("120", HOUR, "every 1h"),
    "B15: four hours": ("14400", 4 * HOUR, "Retry-After"),
    "B15: a date": (format_rfc822(NOW + 4 * HOUR), 4 * HOUR, "Retry-After"),
    "B15: a past date": (format_rfc822(NOW - HOUR), 2 * HOUR, "back-off after 1 failure"),
    "B15: negative": ("-5", 2 * HOUR, "back-off after 1 failure"),
    "B15: 1e9": ("1e9", 2 * HOUR, "back-off after 1 failure"),
    "B15: a thousand million": ("1000000000", 30 * DAY, "Retry-After"),
    "B15: abc": ("abc", 2 * HOUR, "back-off after 1 failure"),
}


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("text", "wait", "rule"), RETRY.values(), ids=RETRY)
def test_18_b15_retry_after_is_honoured_and_never_early(text: str, wait: timedelta, rule: str, status: int, chance: float) -> None:
    plan = fail(status, {"retry-after": text}, chance=chance)
    assert plan.rule == rule
    early = ZERO if rule == "Retry-After" else wait / 10
    assert NOW + wait - early <= plan.due <= plan.at <= NOW + wait * 1.1 + 11 * MINUTE
    assert plan.at >= NOW + wait


@pytest.mark.parametrize("skew", [-DAY, ZERO, DAY], ids=["behind", "right", "ahead"])
def test_18_b16_the_wait_is_reckoned_by_the_hosts_own_clock(skew: timedelta) -> None:
    headers = {"retry-after": format_rfc822(NOW + skew + 5 * HOUR), "date": format_rfc822(NOW + skew)}
    assert fail(503, headers, chance=0.0).due == NOW + 5 * HOUR


def test_18_retry_after_within_the_last_tenth_of_the_interval_is_kept() -> None:
    assert fail(503, {"retry-after": "3550"}, chance=0.0).due == NOW + 3550 * SECOND


@pytest.mark.parametrize("status", [404, 500, 200])
def test_18_retry_after_with_another_status_is_only_a_failure(status: int) -> None:
    assert fail(status, {"retry-after": "14400"}).rule == "back-off after 1 failure"


@pytest.mark.parametrize(
    ("line", "headers", "failures", "expected", "rule"),
    [
        ("*/30 * * * *", {"retry-after": "3600"}, 0, "2026-03-04T06:30", "Retry-After"),
        ("*/30 * * * *", {"retry-after": "600"}, 0, "2026-03-04T05:30", "cron */30 * * * *"),
        ("*/30 * * * *", {}, 0, "2026-03-04T06:30", "back-off after 1 failure"),
        ("*/30 * * * *", {}, 1, "2026-03-04T07:30", "back-off after 2 failures"),
        ("*/30 * * * *", {}, 50, "2026-03-05T03:00", "back-off after 51 failures"),
        ("0 12 * * 1-5", {}, 0, "2026-03-05T12:00", "back-off after 1 failure"),
        ("0 12 7 * *", {}, 3, "2026-03-07T12:00", "cron 0 12 7 * *"),
    ],
)
def test_18_19_a_cron_line_that_failed_fires_later(line: str, headers: dict[str, str], failures: int, expected: str, rule: str) -> None:
    plan = fail(503, headers, failures=failures, every=parse_cron(line))
    assert plan.at == plan.due == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert plan.rule == rule


def test_19_a_daily_cron_line_that_fails_is_tried_every_day() -> None:
    fire = datetime(2026, 3, 4, 12, tzinfo=UTC)
    pace = Pace()
    for day in range(1, 5):
        now = fire + 5 * SECOND
        plan = plan_failure(Failed(reason="no"), pace, every=parse_cron("0 12 * * *"), zone=UTC, now=now, chance=0.5)
        fire, pace = plan.due, plan.pace
        assert fire == datetime(2026, 3, 4 + day, 12, tzinfo=UTC)


# every: auto


def observed(*ages: timedelta, entries: int = 20, new: int = 1) -> Observed:
    return Observed(dates=tuple(NOW - age for age in ages), entries=entries, new=new)


def hourly(new: int = 1, entries: int = 20) -> Observed:
    return observed(*(number * HOUR for number in range(20)), entries=entries, new=new)


@pytest.mark.parametrize(
    ("seen", "previous", "expected"),
    [
        (None, None, HOUR),
        (Observed(), None, HOUR),
        (observed(ZERO), None, HOUR),
        (hourly(20), None, 30 * MINUTE),
        (observed(*(number * DAY for number in range(9))), None, 12 * HOUR),
        (observed(*(number * 365 * DAY for number in range(3))), None, LONGEST),
        (observed(*(number * MINUTE for number in range(9))), None, SHORTEST),
        (observed(ZERO, SECOND, 2 * SECOND, DAY, DAY + SECOND, 2 * DAY), None, 12 * HOUR),
        (observed(-DAY, ZERO, 2 * HOUR, 4 * HOUR), None, HOUR),
        (observed(40 * HOUR, 41 * HOUR, 42 * HOUR), None, 10 * HOUR),
        (hourly(), 30 * MINUTE, 30 * MINUTE),
        (hourly(), 2 * HOUR, 75 * MINUTE),
        (hourly(new=20), 2 * HOUR, HOUR),
        (hourly(new=1, entries=1), 2 * HOUR, 75 * MINUTE),
        (hourly(new=0), 30 * MINUTE, 45 * MINUTE),
        (hourly(new=0), 50 * MINUTE, HOUR),
        (None, 30 * MINUTE, 45 * MINUTE),
        (None, 20 * HOUR, LONGEST),
        (Observed(entries=5, new=5), 20 * MINUTE, SHORTEST),
        (Observed(entries=5, new=2), 7 * HOUR, 7 * HOUR),
        (Observed(), 2 * HOUR, 3 * HOUR),
    ],
    ids=[
        "nothing is known",
        "an empty document",
        "one date",
        "hourly",
        "daily",
        "yearly",
        "by the minute",
        "a batch a day",
        "a date in the future",
        "a feed that fell silent",
        "as wanted",
        "half way to the aim",
        "all new: halved",
        "all of one entry is no sign",
        "nothing new: half longer",
        "nothing new, but not beyond twice the aim",
        "304: half longer",
        "304: a day at most",
        "all new: a quarter of an hour at least",
        "undated: as before",
        "empty again: half longer",
    ],
)
def test_auto_follows_the_feed(seen: Observed | None, previous: timedelta | None, expected: timedelta) -> None:
    assert next_interval(seen, previous, now=NOW) == expected


def test_auto_is_planned_remembered_and_lengthened_by_hints() -> None:
    plan = succeed(every="auto", observed=hourly(20))
    assert plan.rule == "auto 30m"
    assert NOW + 27 * MINUTE <= plan.due <= NOW + 30 * MINUTE <= plan.at
    plan = succeed(unchanged(), plan.pace, every="auto")
    assert plan.rule == "auto 45m"
    assert succeed(pace=plan.pace, every="auto", hints=Hints(ttl=600)).rule == "ttl 10h"
    assert fail(every="auto", interval=45 * MINUTE).at - NOW >= 90 * MINUTE
    assert succeed(pace=plan.pace).pace.interval is None


def test_auto_backs_off_from_an_hour_before_anything_is_known() -> None:
    assert 2 * HOUR <= fail(every="auto").at - NOW <= 2.2 * HOUR


def test_auto_settles_near_half_the_time_between_entries() -> None:
    pace, now, published = Pace(), NOW, 3 * HOUR
    for _ in range(60):
        dates = tuple(now - (now - NOW) % published - number * published for number in range(20))
        new = sum(date > now - (pace.interval or LONGEST) for date in dates)
        plan = succeed(pace=pace, every="auto", now=now, observed=Observed(dates=dates, entries=20, new=new))
        pace, now = plan.pace, plan.at
    assert pace.interval is not None
    assert published / 3 <= pace.interval <= published * 1.1


# due or not


@pytest.mark.parametrize(
    ("due", "since", "expected"),
    [
        (None, None, True),
        (None, NOW, True),
        (NOW, None, True),
        (NOW - SECOND, None, True),
        (NOW + SECOND, None, False),
        (NOW + SECOND, NOW - HOUR, False),
        (NOW + HOUR, NOW, False),
        (NOW + HOUR + MINUTE, NOW + MINUTE, False),
        (NOW + 2 * HOUR, NOW + HOUR, False),
        (NOW + 2 * HOUR + SECOND, NOW + HOUR + SECOND, True),
        (NOW + 365 * DAY + HOUR, NOW + 365 * DAY, True),
        (NOW + 30 * DAY, NOW - HOUR, False),
    ],
    ids=[
        "never fetched",
        "never planned",
        "now",
        "past",
        "not yet",
        "not yet, fetched an hour ago",
        "just fetched",
        "D7: the clock went back a minute",
        "D7: the clock went back by the wait",
        "D7: the clock went back by more than the wait",
        "D7: the clock went back a year",
        "asked to wait for a month",
    ],
)
def test_d7_what_is_due_is_due_whatever_the_clock_did(due: datetime | None, since: datetime | None, expected: bool) -> None:
    assert is_due(due, now=NOW, since=since) is expected


@pytest.mark.parametrize("jump", [-365 * DAY, -HOUR, -SECOND, HOUR, 365 * DAY], ids=str)
def test_d7_a_clock_that_jumps_makes_no_storm_and_loses_no_poll(jump: timedelta) -> None:
    due: datetime | None = None
    since: datetime | None = None
    fetches = []
    for minute in range(12 * 60):
        now = NOW + minute * MINUTE + (jump if minute >= 6 * 60 else ZERO)
        if is_due(due, now=now, since=since):
            fetches.append(minute)
            due, since = succeed(now=now).due, now
    gaps = [later - earlier for earlier, later in pairwise(fetches)]
    assert 11 <= len(fetches) <= 14
    assert max(gaps) <= 2 * 60
    assert sum(gap < 54 for gap in gaps) <= 1


# for all of them

durations = st.integers(60, 40 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
intervals = durations | st.sampled_from(["auto", parse_cron("*/20 * * * *"), parse_cron("30 2 * * 1-5"), parse_cron("0 0 1 * 0")])
moments = st.integers(0, 10 * 366 * 86_400 * 10).map(lambda tenths: datetime(2025, 1, 1, tzinfo=UTC) + tenths * timedelta(seconds=0.1))
chances = st.floats(0, 1)
numbers = st.none() | st.integers(-5, 10**9)
all_hints = st.builds(
    Hints,
    ttl=numbers,
    update_period=numbers,
    skip_hours=st.frozensets(st.integers(0, 24)),
    skip_days=st.frozensets(st.integers(0, 6)),
)
paces = st.builds(
    Pace,
    failures=st.integers(0, 10**6),
    fresh_for=st.none() | st.integers(0, 7 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    fresh_rule=st.sampled_from(["", "Expires"]),
    hints=all_hints,
    interval=st.none() | st.integers(15, 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
all_headers = st.fixed_dictionaries(
    {},
    optional={
        "cache-control": st.integers(-5, 10**7).map("max-age={}".format),
        "retry-after": st.integers(-5, 10**7).map(str),
        "age": st.integers(-5, 10**6).map(str),
    },
)


@settings(deadline=None)
@given(pace=paces, every=intervals, hints=st.none() | all_hints, now=moments, chance=chances, headers=all_headers)
def test_no_plan_is_in_the_past_or_before_nine_tenths_of_the_interval(
    pace: Pace, every: Every, hints: Hints | None, now: datetime, chance: float, headers: dict[str, str]
) -> None:
    for answer in (fetched(headers), unchanged(headers)):
        plan = plan_success(answer, pace, every=every, zone=SHANGHAI, hints=hints, observed=None, now=now, chance=chance)
        assert now < plan.due <= plan.at
        if isinstance(every, timedelta):
            assert plan.due >= now + every * 0.9
            assert plan.at >= now + every
        assert plan.rule
        assert Pace.from_json(plan.pace.to_json()) == plan.pace
        for status in (0, 410, 429, 503):
            failure = Failed(reason="no", status=status, headers=headers)
            after = plan_failure(failure, plan.pace, every=every, zone=SHANGHAI, now=now, chance=chance)
            assert now < after.due <= after.at
            if isinstance(every, timedelta):
                assert after.due >= now + every * 0.9
                assert after.at >= now + every


@given(paces)
def test_a_pace_is_read_as_it_was_written(pace: Pace) -> None:
    assert Pace.from_json(pace.to_json()) == pace


def test_a_pace_that_says_nothing_is_short() -> None:
    assert Pace().to_json() == '{"failures": 0}'
    assert Pace.from_json("{}") == Pace()


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (ZERO, "0s"),
        (30 * SECOND, "30s"),
        (90 * SECOND, "1m30s"),
        (30 * MINUTE, "30m"),
        (HOUR, "1h"),
        (90 * MINUTE, "1h30m"),
        (36 * HOUR, "1d12h"),
        (DAY, "1d"),
        (HOUR + SECOND, "1h"),
        (DAY + MINUTE, "1d"),
        (11 * HOUR + 59 * MINUTE + 13 * SECOND, "11h59m"),
        (100 * DAY, "100d"),
        (timedelta(seconds=59.6), "1m"),
    ],
)
def test_durations_are_shown_short(duration: timedelta, text: str) -> None:
    assert shown(duration) == text
