"""When a source is fetched next, and by which rule. Pure: an outcome, what is remembered, the time and a random number in, a plan out.

Whatever a server says lengthens the configured interval and never shortens it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from feedmill.configvalues import Cron, Every
from feedmill.consumer.adaptive import FIRST, Observed, next_interval
from feedmill.consumer.crontab import next_fire
from feedmill.consumer.freshness import fresh_for, freshness_rule, retry_after
from feedmill.upstream import Failed, Fetched, Hints, NotModified

__all__ = ["Next", "Observed", "Pace", "is_due", "plan_failure", "plan_success", "shown"]

#: A publisher's hint counts up to this much.
LONGEST_HINT = timedelta(days=7)
#: The wait after failures does not grow beyond this, unless the interval is longer.
LONGEST_BACKOFF = timedelta(hours=24)
#: What was 410 is not asked again; a time is kept all the same, for whoever sorts by it.
NEVER = timedelta(days=3650)

_ZERO = timedelta(0)
_TICK = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)
#: At most so much later than the first minute of an hour that is to be avoided.
_MAX_SHIFT = timedelta(minutes=10)
_MAX_DOUBLINGS = 16
_HOURS = frozenset(range(24))
_DAYS = frozenset(range(7))
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is remembered of a source's schedule between fetches."""

    #: Fetches in a row that failed.
    failures: int = 0
    #: What the last answer that said so was fresh for, kept over 304s that say nothing; and what it went by, for people.
    fresh_for: timedelta | None = None
    fresh_rule: str = ""
    #: Of the last document that was read.
    hints: Hints = field(default_factory=Hints)
    #: The interval of `every: auto`; None for every other and before the first fetch.
    interval: timedelta | None = None

    def to_json(self) -> str:
        """Return this as JSON, durations in seconds, without what says nothing."""
        record = {
            "failures": self.failures,
            "fresh_for": _seconds(self.fresh_for),
            "fresh_rule": self.fresh_rule,
            "interval": _seconds(self.interval),
            "ttl": self.hints.ttl,
            "update_period": self.hints.update_period,
            "skip_hours": sorted(self.hints.skip_hours),
            "skip_days": sorted(self.hints.skip_days),
        }
        return json.dumps({name: value for name, value in record.items() if value not in (None, "", [])})

    @classmethod
    def from_json(cls, text: str) -> Pace:
        """Return the pace that `to_json` wrote down."""
        record = json.loads(text)
        hints = Hints(
            ttl=record.get("ttl"),
            update_period=record.get("update_period"),
            skip_hours=frozenset(record.get("skip_hours", ())),
            skip_days=frozenset(record.get("skip_days", ())),
        )
        return cls(
            failures=record.get("failures", 0),
            fresh_for=_duration(record.get("fresh_for")),
            fresh_rule=record.get("fresh_rule", ""),
            hints=hints,
            interval=_duration(record.get("interval")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """When a source is fetched next. Aware, UTC, whole seconds."""

    #: From when on it may be fetched by whoever comes by: a tenth of the interval early, so that an hourly cron misses no hour.
    due: datetime
    #: When somebody who is always there fetches it, spread over a tenth of the interval and off the full hour; shown to people.
    at: datetime
    #: Why then, for people: "every 1h", "ttl 2h", "Retry-After", "back-off after 3 failures".
    rule: str
    #: What to remember until then.
    pace: Pace


class _Ask(NamedTuple):
    """A wait that somebody asks for, and who it is."""

    wait: timedelta
    rule: str


_NOTHING = _Ask(_ZERO, "")


def is_due(due: datetime | None, *, now: datetime, since: datetime | None = None) -> bool:
    """Whether a source that may be fetched from `due` on may be fetched now; None: it never was, and is due at once.

    `since`: when it was fetched last. Where the clock has gone back behind that by more than the whole wait, the source is due
    too: a time of a future that will not come for a year would keep it from being fetched that long.
    """
    if due is None or now >= due:
        return True
    return since is not None and since - now > due - since


def plan_success(  # noqa: PLR0913 - every one of them decides
    answer: Fetched | NotModified,
    pace: Pace,
    *,
    every: Every,
    zone: tzinfo,
    hints: Hints | None,
    observed: Observed | None,
    now: datetime,
    chance: float,
) -> Next:
    """Return when to fetch a source again that has answered.

    `hints`: of the document; None when none was read, and those of the last one hold. `observed`: what was new; None when nothing
    changed. `zone`: in which cron lines are read. `chance`: from 0 to 1, by which sources spread out.
    """
    now = now.astimezone(UTC)
    fresh, fresh_rule = fresh_for(answer.headers, now=now), freshness_rule(answer.headers)
    if isinstance(answer, NotModified) and (
        fresh is None or (pace.fresh_rule.startswith("Cache-Control") and "cache-control" not in answer.headers)
    ):
        # A 304 need not repeat what holds on (RFC 9110 §15.4.5), and `max-age` goes before its `Expires` (RFC 9111 §5.3).
        fresh, fresh_rule = pace.fresh_for, pace.fresh_rule
    pace = Pace(
        fresh_for=fresh,
        fresh_rule=fresh_rule if fresh is not None else "",
        hints=pace.hints if hints is None else hints,
        interval=next_interval(observed, pace.interval, now=now) if every == "auto" else None,
    )
    ask = _longest_hint(pace)
    if isinstance(every, Cron):
        return _by_cron(every, ask, pace, zone=zone, now=now)
    interval, rule = _interval(every, pace)
    if ask.wait > interval:
        return _spread(ask.wait, ask.rule, pace, now=now, chance=chance, not_before=now + ask.wait)
    # Freshness holds to the second. `ttl` and `sy` of the interval itself (an hour: half the web says so) do not lengthen it.
    return _spread(interval, rule, pace, now=now, chance=chance, not_before=now + (pace.fresh_for or _ZERO))


def plan_failure(failure: Failed, pace: Pace, *, every: Every, zone: tzinfo, now: datetime, chance: float) -> Next:
    """Return when to try a source again that gave no document, or one that could not be read; parameters as in `plan_success`.

    For requests that were made: one that its host's hold kept back (`held_until`) has not failed.
    """
    now = now.astimezone(UTC)
    pace = replace(pace, failures=pace.failures + 1)
    if failure.status == 410:
        return Next(due=_up(now + NEVER), at=_up(now + NEVER), rule="gone (410)", pace=pace)
    asked_until = retry_after(failure.headers, now=now) if failure.status in (429, 503) else None
    if isinstance(every, Cron):
        ask = _Ask(asked_until - now, "Retry-After") if asked_until else _cron_backoff(every, pace, zone=zone, now=now)
        return _by_cron(every, ask, pace, zone=zone, now=now)
    interval, rule = _interval(every, pace)
    if asked_until is None:
        wait = _backoff(interval, pace)
        return _spread(wait, _backoff_rule(pace) if wait > interval else rule, pace, now=now, chance=chance)
    if asked_until - now <= interval:
        return _spread(interval, rule, pace, now=now, chance=chance, not_before=asked_until)
    until = _skipped(asked_until + chance * interval / 10, pace.hints)
    until = _off_the_hour(until, interval, chance=chance)
    return Next(due=_up(until), at=_up(until), rule="Retry-After", pace=pace)


def _interval(every: timedelta | str, pace: Pace) -> tuple[timedelta, str]:
    """Return the interval that is not a cron line, and its rule."""
    if isinstance(every, timedelta):
        return every, f"every {shown(every)}"
    interval = pace.interval or FIRST
    return interval, f"auto {shown(interval)}"


def _longest_hint(pace: Pace) -> _Ask:
    """Return the longest of the waits that the answer and the document ask for."""
    asks = [
        _Ask(pace.fresh_for or _ZERO, pace.fresh_rule),
        _Ask(_capped(pace.hints.ttl, 60), "ttl"),
        _Ask(_capped(pace.hints.update_period, 1), "sy"),
    ]
    longest = max(asks, key=lambda ask: ask.wait)
    return longest if longest.rule == "Expires" else longest._replace(rule=f"{longest.rule} {shown(longest.wait)}")


def _capped(number: int | None, unit: int) -> timedelta:
    """Return `number` times `unit` seconds, from nothing to a week, whatever upstream wrote."""
    return timedelta(seconds=min(max(number or 0, 0) * unit, LONGEST_HINT.total_seconds()))


def _spread(wait: timedelta, rule: str, pace: Pace, *, now: datetime, chance: float, not_before: datetime | None = None) -> Next:
    """Return a plan for `wait` from now on, never due before `not_before`."""
    at = now + wait + chance * wait / 10
    # Not nearer to the end: a cron job comes back after exactly its interval, and the fetch was some seconds after it came.
    early = now + wait * 9 / 10 + chance * wait / 20
    due = max(_up(early), _up(not_before or now))
    allowed = _skipped(at, pace.hints)
    if allowed != at:
        rule = _skip_rule(at, pace.hints)
    at = _off_the_hour(allowed, wait, chance=chance)
    return Next(due=_skipped(due, pace.hints), at=_up(at), rule=rule, pace=pace)


def _off_the_hour(moment: datetime, wait: timedelta, *, chance: float) -> datetime:
    """Return `moment`, or one some minutes later in place of the first minute of an hour, when every other program on earth starts."""
    if moment.minute:
        return moment
    return moment.replace(minute=1, second=0) + chance * min(wait / 10, _MAX_SHIFT)


def _by_cron(cron: Cron, ask: _Ask, pace: Pace, *, zone: tzinfo, now: datetime) -> Next:
    """Return a plan for the first time at which `cron` fires, `ask` is over and the document does not skip the hour."""
    plain = next_fire(cron, after=now, zone=zone)
    fire = next_fire(cron, after=now + ask.wait - _TICK, zone=zone) if ask.wait else plain
    if plain is None or fire is None:
        return Next(due=_up(now + NEVER), at=_up(now + NEVER), rule=f"cron {cron.text} (never)", pace=pace)
    rule = ask.rule if fire > plain else f"cron {cron.text}"
    allowed: datetime | None = fire
    while allowed is not None and allowed <= fire + _WEEK and (later := _skipped(allowed, pace.hints)) != allowed:
        allowed = next_fire(cron, after=later - _TICK, zone=zone)
    if allowed is not None and fire < allowed <= fire + _WEEK:  # else every time it fires is skipped: then none is
        fire, rule = allowed, _skip_rule(fire, pace.hints)
    return Next(due=fire, at=fire, rule=rule, pace=pace)


def _cron_backoff(cron: Cron, pace: Pace, *, zone: tzinfo, now: datetime) -> _Ask:
    """Return the wait after failures of a source with a cron line, reckoned from the time between its next two."""
    first = next_fire(cron, after=now, zone=zone)
    second = first and next_fire(cron, after=first, zone=zone)
    if first is None or second is None:
        return _NOTHING
    # A tenth less, so that what fires after exactly that time is not passed over for the second that a fetch takes.
    return _Ask(min(_backoff(second - first, pace), LONGEST_BACKOFF) * 9 / 10, _backoff_rule(pace))


def _backoff(interval: timedelta, pace: Pace) -> timedelta:
    doublings = min(pace.failures, _MAX_DOUBLINGS)
    return max(min(interval * (1 << doublings), LONGEST_BACKOFF), interval)


def _backoff_rule(pace: Pace) -> str:
    return f"back-off after {pace.failures} failure{'s' if pace.failures > 1 else ''}"


def _skipped(moment: datetime, hints: Hints) -> datetime:
    """Return the first moment from `moment` (UTC) on that is in no hour or day that the document skips; skipping all skips none."""
    hours = hints.skip_hours if _HOURS - hints.skip_hours else frozenset()
    days = hints.skip_days if _DAYS - hints.skip_days else frozenset()
    while moment.hour in hours or moment.weekday() in days:
        moment = moment.replace(minute=0, second=0, microsecond=0) + _HOUR
    return moment


def _skip_rule(moment: datetime, hints: Hints) -> str:
    return "skipHours" if moment.hour in hints.skip_hours and _HOURS - hints.skip_hours else "skipDays"


def _up(moment: datetime) -> datetime:
    """Return `moment` in UTC in whole seconds, never an earlier one."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return whole if whole >= moment else whole + timedelta(seconds=1)


def shown(duration: timedelta) -> str:
    """Return a duration for people, in its two largest units: "30m", "1d12h"."""
    left = round(duration.total_seconds())
    parts: list[str] = []
    for unit, seconds in _UNITS:
        number, left = divmod(left, seconds)
        if number or parts:
            parts.append(f"{number}{unit}")
    return "".join(part for part in parts[:2] if not part.startswith("0")) or "0s"


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
