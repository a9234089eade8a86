"""How often a source with `every: auto` is fetched: from how often it publishes and how much of the last poll was new. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)
#: Before anything is known of a source.
FIRST = timedelta(hours=1)

#: Entries closer than this were published in one go: the time between them says nothing.
_ONE_GO = timedelta(minutes=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a poll saw."""

    #: When recent entries were published, the newest first, those known before included.
    dates: tuple[datetime, ...] = ()
    #: Entries in the document, and those of them that were new.
    entries: int = 0
    new: int = 0


def next_interval(observed: Observed | None, previous: timedelta | None, *, now: datetime) -> timedelta:
    """Return the next interval, in whole minutes from 15 minutes to a day.

    `observed`: None when nothing changed (304, the same body). `previous`: the interval until now; None at the first fetch.
    The aim is half the usual time between entries, so that no window of a feed rolls past unseen; it is met half way.
    """
    aim = _aim(observed.dates, now) if observed else None
    if previous is None:
        return _bounded(aim or FIRST)
    met = (previous + aim) / 2 if aim else previous
    if observed is None or observed.new == 0:
        slower = previous * 3 / 2
        return _bounded(max(met, min(slower, 2 * aim) if aim else slower))
    if observed.new == observed.entries > 1:
        return _bounded(min(met, previous / 2))  # nothing of the last poll is left: entries may have come and gone in between
    return _bounded(met)


def _aim(dates: tuple[datetime, ...], now: datetime) -> timedelta | None:
    """Return half the usual time between entries, longer for a feed that has fallen silent; None when there is too little to tell."""
    past = sorted((date for date in dates if date <= now), reverse=True)
    gaps = sorted(gap for newer, older in pairwise(past) if (gap := newer - older) >= _ONE_GO)
    if not gaps:
        return None
    return max(gaps[len(gaps) // 2], (now - past[0]) / 2) / 2


def _bounded(interval: timedelta) -> timedelta:
    return min(max(round(interval / _MINUTE) * _MINUTE, SHORTEST), LONGEST)
