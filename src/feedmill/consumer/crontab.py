"""When a cron line fires. Pure: APScheduler's trigger finds the times, and is told here what cron means where the two differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from feedmill.configvalues import Cron

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

#: A line that does not fire within this time (31 February) never does.
_HORIZON = timedelta(days=366 * 9)
#: No clock change moves clocks further than this.
_CHANGE = timedelta(hours=3)
_TICK = timedelta(microseconds=1)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def next_fire(cron: Cron, *, after: datetime, zone: tzinfo) -> datetime | None:
    """Return the first time after `after` at which `cron`, read in `zone`, fires, in UTC; None when it never does again.

    A time that a clock change skips fires as much later as the clock was moved; one that a change brings twice fires twice.
    """
    fires = (_first(trigger, after=after, zone=zone) for trigger in _triggers(cron))
    return min((fire for fire in fires if fire is not None), default=None)


def _first(trigger: CronTrigger, *, after: datetime, zone: tzinfo) -> datetime | None:
    # The trigger runs on what a clock on the wall shows, taken for UTC: in a zone it loses midnight after the clocks went forward.
    shown = after.astimezone(zone).replace(tzinfo=UTC)
    start = shown - _CHANGE if _is_near_change(after, zone) else shown
    best: datetime | None = None
    while (fire := trigger.get_next_fire_time(None, start + _TICK)) is not None and fire < shown + _HORIZON:
        best = min((moment for moment in (best, *_moments(fire, zone)) if moment is not None and moment > after), default=None)
        # Around a change the wall's order is not the order of time: a later reading may be an earlier moment.
        if best is not None and (not _is_near_change(best, zone) or fire > best.astimezone(zone).replace(tzinfo=UTC) + _CHANGE):
            break
        start = fire
    return best


def _moments(wall: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Return when the clocks of `zone` show `wall`: twice when they go back then; when they jump over it, as much later."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, second) if first < second else (first,)


def _is_near_change(moment: datetime, zone: tzinfo) -> bool:
    return (moment - _CHANGE).astimezone(zone).utcoffset() != (moment + _CHANGE).astimezone(zone).utcoffset()


@lru_cache(maxsize=1024)
def _triggers(cron: Cron) -> tuple[CronTrigger, ...]:
    """Return the triggers that fire, together, when `cron` does.

    Numbers are written out, weekdays as names: APScheduler counts those from Monday, and drops the step of a range of names.
    """
    from apscheduler.triggers.cron import CronTrigger  # 20 ms, for sources that have a cron line

    minute, hour, day, month, weekday = cron.fields
    common = {
        "second": "0",
        "minute": _listed(minute, within=(0, 59)),
        "hour": _listed(hour, within=(0, 23)),
        "month": _listed(month, within=(1, 12), names=("", *_MONTHS)),
        "timezone": UTC,
    }
    days = {"day": _listed(day, within=(1, 31))}
    weekdays = {"day_of_week": ",".join(sorted({_WEEKDAYS[number % 7] for number in _numbers(weekday, within=(0, 7), names=_WEEKDAYS)}))}
    # crontab(5): a day that either field names will do, unless one of them starts with a star; then it must fit both.
    if not day.startswith("*") and not weekday.startswith("*"):
        return CronTrigger(**common, **days), CronTrigger(**common, **weekdays)
    return (CronTrigger(**common, **days, **weekdays),)


def _listed(field: str, *, within: tuple[int, int], names: tuple[str, ...] = ()) -> str:
    return ",".join(map(str, _numbers(field, within=within, names=names)))


def _numbers(field: str, *, within: tuple[int, int], names: tuple[str, ...] = ()) -> list[int]:
    """Return what a field of a parsed `Cron` stands for, ascending; `names` are the words for 0, 1, 2, …"""
    low, high = within
    chosen: set[int] = set()
    for part in field.split(","):
        base, slash, step = part.partition("/")
        first, dash, last = base.partition("-")
        start = low if base == "*" else _number(first, names)
        end = high if base == "*" or (slash and not dash) else _number(last, names) if dash else start
        if end == 0 < start:  # sat-sun: Sunday as the last day of a week
            end = 7
        chosen.update(range(start, end + 1, int(step or 1)))
    return sorted(chosen)


def _number(text: str, names: tuple[str, ...]) -> int:
    return names.index(text) if text in names else int(text)
