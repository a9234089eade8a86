"""The small languages of config.yaml: durations, sizes, cron lines, networks, addresses, templates. Pure: text in, value out.

Every `parse_…` takes the raw value (text from the file, or the finished value, so that a Config can be built in code too) and raises
ValueError with the reason as the rest of a sentence about the value ("it has no unit"; "" where there is nothing to add). What is
expected instead is said once, by the field's description in config.py.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal, NamedTuple

from feedmill.configaddresses import HOST_NAME, text_of

_MINUTE = timedelta(minutes=1)
_LONGEST = timedelta(days=3660)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?\s*(?:ms|[smhdw])\s*)+")
_DURATION_PART = re.compile(r"([0-9.]+)\s*(ms|[smhdw])")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(|[kmg]?b|[kmg]ib)")
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Cron(NamedTuple):
    """A schedule in cron's five fields (minute, hour, day, month, weekday; Sunday is 0 or 7), in `site.timezone`."""

    text: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The five fields from left to right."""
        return tuple(self.text.split())


class AllowedNetwork(NamedTuple):
    """A private network that sources may reach; with a port, one address and that port alone, not its neighbours."""

    network: IPv4Network | IPv6Network
    port: int | None = None


#: How often a source is fetched: a fixed interval, a cron line, or as often as the source turns out to change.
Every = timedelta | Cron | Literal["auto"]
#: How many of a source's posts are kept: a count, or those younger than a duration.
Keep = int | timedelta


def parse_interval(value: object) -> Every:
    """Return a duration of at least a minute, a cron schedule, or "auto". Raises ValueError."""
    if isinstance(value, Cron):
        return value
    if isinstance(value, str):
        text = value.strip()
        if text.lower() == "auto":
            return "auto"
        if text.startswith("@"):
            raise ValueError("short forms with @ are not known; write the five fields")
        if "*" in text or len(text.split()) == 5:
            return parse_cron(text)
    return _at_least(_MINUTE, parse_duration(value), said="1m")


def parse_duration(value: object) -> timedelta:
    """Return the duration that "90s", "30m", "1h", "1d", "1h30m" or "0" stands for. Raises ValueError."""
    if isinstance(value, timedelta):
        return _bounded(value)
    text = text_of(value).lower()
    if text == "0":
        return timedelta(0)
    if _DURATION.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))
        return _bounded(timedelta(seconds=min(seconds, 1e12)))
    raise ValueError("it has no unit" if re.fullmatch(r"[0-9.]+", text) else "")


def _bounded(duration: timedelta) -> timedelta:
    if duration < timedelta(0):
        raise ValueError("it is negative")
    if duration > _LONGEST:
        raise ValueError("it is longer than ten years")
    return duration


def _at_least(least: timedelta, duration: timedelta, *, said: str) -> timedelta:
    if duration < least:
        raise ValueError(f"it is shorter than {said}")
    return duration


def parse_cron(value: object) -> Cron:
    """Return the schedule of a five-field cron line: `*`, numbers, names, ranges, lists and steps. Raises ValueError."""
    fields = text_of(value).lower().split()
    if len(fields) != 5:
        raise ValueError(f"cron text has five fields, this has {len(fields)}")
    minute, hour, day, month, weekday = fields
    _cron_field(minute, "minute", within=(0, 59))
    _cron_field(hour, "hour", within=(0, 23))
    days = _cron_field(day, "day", within=(1, 31))
    months = _cron_field(month, "month", within=(1, 12), names=_MONTHS)
    _cron_field(weekday, "weekday", within=(0, 7), names=_WEEKDAYS)
    if weekday == "*" and all(min(days) > _MONTH_DAYS[number - 1] for number in months):
        raise ValueError("that day never comes")
    return Cron(" ".join(fields))


def _cron_field(text: str, name: str, *, within: tuple[int, int], names: tuple[str, ...] = ()) -> set[int]:
    low, high = within
    chosen: set[int] = set()
    for part in text.split(","):
        base, slash, step = part.partition("/")
        first, dash, last = base.partition("-")
        if base == "*":
            start, end = low, high
        else:
            start = _cron_number(first, name, within=within, names=names)
            end = _cron_number(last, name, within=within, names=names) if dash else high if slash else start
        if end == 0 < start and high == 7:  # sat-sun: Sunday as the last day of a week
            end = 7
        if start > end:
            raise ValueError(f"its {name} range {base} runs backwards")
        if slash and not (step.isascii() and step.isdigit() and 1 <= int(step[:6]) <= high - low):
            raise ValueError(f"its {name} step /{step} is not a number from 1 to {high - low}")
        chosen.update(range(start, end + 1, int(step) if slash else 1))
    return chosen


def _cron_number(text: str, name: str, *, within: tuple[int, int], names: tuple[str, ...]) -> int:
    low, high = within
    if text in names:
        return names.index(text) + (1 if names is _MONTHS else 0)
    if not (text.isascii() and text.isdigit() and low <= int(text[:6]) <= high):
        raise ValueError(f'its {name} "{text[:20]}" is not within {low}-{high}' + (f" or {names[0]}-{names[-1]}" if names else ""))
    return int(text)


def parse_size(value: object) -> int:
    """Return the bytes that "10MB", "512 kB" (decimal), "1MiB" (binary) or "1048576" stands for; at least 1 kB. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(text_of(value).lower())
    if match is None:
        raise ValueError("")
    size = int(float(match[1]) * _SIZES[match[2]])
    if size < 1000:
        raise ValueError("it is less than 1 kB")
    return size


def parse_keep(value: object) -> Keep:
    """Return how many posts to keep ("1000") or how old they may grow ("90d"). Raises ValueError."""
    if isinstance(value, int | timedelta) and not isinstance(value, bool):
        return value
    text = text_of(value)
    if re.fullmatch("[0-9]{1,9}", text):
        if int(text) < 1:
            raise ValueError("it would keep nothing; to stop a source set `enabled: false`")
        return int(text)
    return _at_least(timedelta(hours=1), parse_duration(text), said="1h")


def parse_network(value: object) -> AllowedNetwork:
    """Return the network of "192.168.1.0/24", "fd00::/8", "127.0.0.1", or the pair of "127.0.0.1:8080", "[::1]:8080". Raises ValueError."""
    if isinstance(value, AllowedNetwork):
        return value
    text = text_of(value)
    if (pair := re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})", text)) is not None:
        return AllowedNetwork(ip_network(_address(pair[1] or pair[2])), _port(pair[3]))
    if HOST_NAME.fullmatch(text) and not re.fullmatch("[0-9.]+", text):
        raise ValueError("a host name can point anywhere; write its address")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("") from None
    if network.prefixlen == 0:
        raise ValueError("it would open every private network; name the ones you need")
    if "/" in text and ip_address(text.partition("/")[0]) != network.network_address:
        raise ValueError(f"the network there is {network}")
    return AllowedNetwork(network)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("") from None


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise ValueError(f"{text} is no port")
    return int(text)


def clashing_folders(root: Path, *, posts: str, feeds: str) -> str:
    """Return why posts and feeds cannot live in these folders; "" when they can.

    feeds/index.html would be read as a post, and a folder of posts inside feeds/ would be published as it stands.
    """
    ours, theirs = os.path.abspath(root / posts), os.path.abspath(root / feeds)
    if os.path.commonpath((ours, theirs)) in (ours, theirs):
        return "posts.dir and feeds.dir are one folder, or one lies in the other; give the feeds a folder of their own"
    return ""


def repeated_names(names: list[str]) -> list[tuple[int, int]]:
    """Return (later, first) for every name in `names` that stood there before."""
    first: dict[str, int] = {}
    return [(index, first[name]) for index, name in enumerate(names) if first.setdefault(name, index) != index]
