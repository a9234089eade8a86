"""Dates as posts carry them: many spellings in, one out. Nothing here reads a clock, a locale or the host's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

#: Longer texts are no dates; dateutil is slow on long ones.
MAX_LENGTH = 100

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# What `format_rfc822` writes, hours of a day only: a quarter of the time of `_RFC822` and all that it allows.
_HOUSE = re.compile(
    rf"(?:{'|'.join(DAYS)}), ([0-3][0-9]) ({'|'.join(MONTHS)}) ([0-9]{{4}}) ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) GMT"
)
_MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
# RFC 822 §5.1, in hours. Any other name is only known when it is the name of the configured zone itself.
_NAMED_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_UTC_NAMES = frozenset({"Z", "GMT", "UTC", "UT"})

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_ZONE = r"(?:\s*(?P<zone>[A-Za-z]{1,5}|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d\d){0,2}))?(?:\s*\([^()]*\))?"
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,?\s+)?(?P<day>\d{1,2})[ -](?P<name>[A-Za-z]{3})[a-z]*\.?[ -](?P<year>\d{4}|\d\d)"
    rf"(?:,?\s+{_CLOCK}{_ZONE})?"
)
_NUMBERS = re.compile(rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})(?:(?:[Tt]|,?\s+){_CLOCK}{_ZONE})?")
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:[Tt]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?"
    r"(?P<half>(?!))?(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
_CHINESE = re.compile(
    r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?\s*(?:[(（]?(?:星期|周|礼拜)[一二三四五六日天][)）]?)?\s*"
    r"(上午|早上|凌晨|中午|下午|晚上)?\s*(?:(\d{1,2})\s*[:：时点]\s*(\d{1,2})?(?:\s*[:：分]\s*(?:(\d{1,2})\s*秒?)?)?)?(.*)"
)
_IN_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?")
_ONE_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_UTC_BEFORE_OFFSET = re.compile(r"\b(?:GMT|UTC)(?=[+-]\d)")


def parse_date(text: str, zone: tzinfo) -> datetime | None:
    """Return the moment that `text` names, aware, UTC, in whole seconds (parts of one are cut off); None when it is no date.

    Reads RFC 822 and 2822, RFC 3339, YAML timestamps, `2021-7-3 6:07:09`, `2021/7/13`, `2021年7月13日 06:27`, JavaScript's
    and `date`'s own forms. A date without a zone is in `zone`, one without a time is its midnight there. What could be two
    dates (03/04/2021), lacks a day or a year, or carries an unknown zone is None: a guess would be filed as a fact.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        return None
    if "年" in text:
        text = _from_chinese(text)
    try:
        if house := _HOUSE.fullmatch(text):
            return _from_house(*house.groups())
        match = _RFC822.fullmatch(text) or _NUMBERS.fullmatch(text) or _COMPACT.fullmatch(text)
        return _from_match(match, zone) if match else _from_odd(text, zone)
    except (ValueError, OverflowError):  # no such day, or beyond the years 1 to 9999 once in UTC
        return None


def format_rfc822(moment: datetime) -> str:
    """Return an aware `moment` as RFC 822 has it, in GMT with four digits of year: "Thu, 10 Jun 2021 00:00:00 GMT".

    Without strftime's `%a` and `%b`, which speak the locale's language.
    """
    utc = moment.astimezone(UTC)
    clock = f"{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}"
    return f"{DAYS[utc.weekday()]}, {utc.day:02d} {MONTHS[utc.month - 1]} {utc.year:04d} {clock} GMT"


def date_in_name(name: str, zone: tzinfo) -> datetime | None:
    """Return the date that a file's name begins with, as Jekyll has it ("2021-07-13-hello.md"): its midnight in `zone`, in UTC."""
    match = _IN_NAME.match(name)
    return parse_date(match[0], zone) if match else None


def _from_house(day: str, month: str, year: str, clock: str) -> datetime:
    """Raises ValueError for a day that does not exist."""
    return datetime.fromisoformat(f"{year}-{_MONTH_NUMBERS[month.lower()]:02d}-{day} {clock}+00:00")


def _from_match(match: re.Match[str], zone: tzinfo) -> datetime:
    """Raises ValueError or OverflowError for a day, a time or an offset that does not exist."""
    part = match.groupdict()
    month = int(part["month"]) if "month" in part else _MONTH_NUMBERS.get(part["name"].lower(), 0)
    day = _year(part["year"]), month, int(part["day"])
    if part["hour"] is None:
        return _in_zone(datetime(*day), None, zone)  # noqa: DTZ001 - the zone comes last: its name may need the date
    second = int(part["second"] or 0)
    if second > 60:
        raise ValueError("no such second")
    hour = _hour(int(part["hour"]), part["half"])
    moment = _in_zone(datetime(*day, hour, int(part["minute"]), min(second, 59)), part["zone"], zone)  # noqa: DTZ001
    return moment + timedelta(seconds=1) if second == 60 else moment


def _year(digits: str) -> int:
    """RFC 2822 §4.3: two digits of year below 50 are of this century."""
    if len(digits) == 2:
        return int(digits) + (2000 if int(digits) < 50 else 1900)
    return int(digits)


def _hour(hour: int, half: str | None) -> int:
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no such hour of half a day")
    return hour % 12 + (12 if half in "Pp" else 0)


def _in_zone(naive: datetime, name: str | None, zone: tzinfo) -> datetime:
    """Return `naive` as UTC; `name` is the zone as written, None for a date without one."""
    if (found := _zone(naive, name, zone)) is UTC:
        return naive.replace(tzinfo=UTC, microsecond=0)
    return naive.replace(tzinfo=found, microsecond=0).astimezone(UTC)


def _zone(naive: datetime, name: str | None, zone: tzinfo) -> tzinfo:
    if not name:
        return zone
    if name.upper() in _UTC_NAMES:
        return UTC
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes, seconds = match[1], int(match[2]), int(match[3] or 0), int(match[4] or 0)
        if minutes > 59 or seconds > 59:
            raise ValueError("no such offset")
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return timezone(-offset if sign == "-" else offset)
    # CST is China's own name for its time and RFC 822's for America's: the configured zone decides.
    if name.upper() == naive.replace(tzinfo=zone).tzname():
        return zone
    if name.upper() in _NAMED_ZONES:
        return timezone(timedelta(hours=_NAMED_ZONES[name.upper()]))
    raise ValueError("an unknown zone")


def _from_chinese(text: str) -> str:
    """Return `text` with a Chinese date and time as numbers; as it is when it is none."""
    match = _CHINESE.fullmatch(text)
    if not match:
        return text
    year, month, day, part, hour, minute, second, rest = match.groups()
    if hour is None:
        return f"{year}-{month}-{day}{rest}"
    if part in ("下午", "晚上") and int(hour) < 12:
        hour = str(int(hour) + 12)
    return f"{year}-{month}-{day} {hour}:{int(minute or 0):02d}:{int(second or 0):02d}{rest}"


def _from_odd(text: str, zone: tzinfo) -> datetime | None:
    """Ask dateutil twice, filling gaps from different days and swapping day and month: only what is the same both times stands.

    Raises ValueError or OverflowError like its callees, or whatever dateutil makes of odd text, which is turned into them.
    """
    # dateutil reads numbers of any length as something ("1704067200" as the year 1704) and two digits of year by the clock.
    if not text[0].isalnum() or not _ONE_YEAR.search(text) or re.search(r"\d{5}", text):
        return None
    # JavaScript writes "GMT+0800 (中国标准时间)"; dateutil takes `GMT+8` for eight hours west, as POSIX has it.
    text = _UTC_BEFORE_OFFSET.sub("", _COMMENT.sub("", text))
    one = _ask_dateutil(text, datetime(2000, 1, 1), zone, day_first=False)  # noqa: DTZ001
    other = _ask_dateutil(text, datetime(2001, 2, 2), zone, day_first=True)  # noqa: DTZ001
    return one if one == other else None


def _ask_dateutil(text: str, fill: datetime, zone: tzinfo, *, day_first: bool) -> datetime:
    from dateutil import parser  # 20 ms, and hardly any post needs it

    names: list[str | None] = []

    def note_zone(name: str | None, offset: int | None) -> tzinfo | None:
        """Keep zone names from dateutil, which would look them up in the host's zone."""
        if name and offset:
            raise ValueError("a zone with two meanings")
        names.append(name)
        return None if name or offset is None else timezone(timedelta(seconds=offset))

    try:
        moment: datetime = parser.parse(text, default=fill, tzinfos=note_zone, dayfirst=day_first)
    except (ArithmeticError, TypeError, LookupError, AttributeError) as exc:  # dateutil lets its own slips through on odd text
        raise ValueError("not a date") from exc
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).replace(microsecond=0)
    return _in_zone(moment, names[-1] if names else None, zone)
