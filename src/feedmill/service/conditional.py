"""What the fields of a GET or HEAD ask for: only what has changed (RFC 9110 §13), in which coding, as which type (§12.5). Pure.

Fields are bytes as they came in, several of one name joined with ", ". Their senders are anybody: what cannot be read is left out of
account, and nothing here raises, or takes more than linear time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, get_args

from feedmill.posts.dates import MONTHS

Coding = Literal["identity", "gzip"]
IDENTITY: Coding
GZIP: Coding
IDENTITY, GZIP = get_args(Coding)

#: A longer field is left out of account, which costs its sender no more than a whole answer. 8 kB hold more than 200 of our tags.
MAX_FIELD = 8192
_MAX_ELEMENTS = 64
_MAX_NEGOTIATION = 1024

# RFC 9110 §8.8.3. A tag may hold commas, so a list of tags is read from quote to quote.
_TAG = re.compile(rb'[\t ,]*+(?:W/)?("[\x21\x23-\x7e\x80-\xff]*+")[\t ]*+(?=,|\Z)')
# RFC 9110 §12.4.2
_WEIGHT = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9a-z\-]+"
_ELEMENT = re.compile(rb"%b(?:/%b)?" % (_TOKEN, _TOKEN))

_DAY = "[A-Za-z]{3,9}"
_MONTH = f"(?P<month>{'|'.join(MONTHS)})"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# RFC 9110 §5.6.7 has GMT alone; some readers write the date as mail has it.
_GMT = r"(?:GMT|UTC|[+-]0000)"
_DATES = tuple(
    re.compile(form.encode("ascii"))
    for form in (
        rf"{_DAY}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_CLOCK} {_GMT}",
        rf"{_DAY}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_CLOCK} {_GMT}",
        rf"{_DAY} {_MONTH} (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)


def names_tag(field: bytes, tag: bytes) -> bool:
    """Whether an If-None-Match names `tag`, quoted and strong, by weak comparison (RFC 9110 §8.8.3.2, §13.1.2). True: answer 304.

    `tag` is that of the selected representation, so the tag of one coding does not stand for another: a cache that is told 304
    goes on with the stored answer of the tag in that 304 (RFC 9111 §4.3.4), and has none. A reader that changes its mind about
    codings pays one whole answer.
    """
    if field == tag:
        return True
    if len(field) > MAX_FIELD:
        return False
    if tag not in field:
        return field.strip(b"\t ") == b"*"
    position = 0
    while 0 <= position < len(field):
        if found := _TAG.match(field, position):
            if found[1] == tag:
                return True
            position = found.end()
        else:
            position = field.find(b",", position) + 1 or -1
    return False


def is_unmodified_since(field: bytes, modified: int, *, now: int) -> bool:
    """Whether an If-Modified-Since names a time not before `modified` (RFC 9110 §13.1.3). True: answer 304. Times are epoch seconds.

    A date in the future is compared like any other: RFC 9110 gives it no rule of its own (RFC 2616 §14.25 took it for invalid).
    It is for the caller to ignore this field wherever there is an If-None-Match.
    """
    date = http_date(field, now=now)
    return date is not None and modified <= date


def http_date(text: bytes, *, now: int) -> int | None:
    """Return an HTTP-date in any of its three forms as epoch seconds; None for anything else.

    A year of two digits that would be more than 50 years after `now` is one of the century before (RFC 9110 §5.6.7).
    """
    found = next(filter(None, (form.fullmatch(text.strip(b"\t ")) for form in _DATES)), None) if len(text) < 64 else None
    if found is None:
        return None
    year, day, hour, minute, second = (int(found[part]) for part in ("year", "day", "hour", "minute", "second"))
    rest = (MONTHS.index(found["month"].decode("ascii")) + 1, day, hour, minute, min(second, 59))
    if len(found["year"]) == 2:
        year = _whole_year(year, rest, today=datetime.fromtimestamp(now, UTC))
    try:
        moment = datetime(year, *rest, tzinfo=UTC)
    except ValueError:  # no such day or hour
        return None
    return round(moment.timestamp()) + max(0, second - 59) if second <= 60 else None


def _whole_year(digits: int, rest: tuple[int, ...], *, today: datetime) -> int:
    latest = today.year + 50
    year = latest - (latest - digits) % 100
    return year - 100 if year == latest and rest > today.timetuple()[1:6] else year


def choose_coding(field: bytes | None) -> Coding:
    """Return the coding that an Accept-Encoding asks for (RFC 9110 §12.5.3): gzip where it is accepted and identity not liked better.

    Without the field any coding would be allowed; identity is what every client reads. Where neither is accepted it is identity, too.
    """
    if field is None or len(field) > _MAX_NEGOTIATION:
        return IDENTITY
    return _choose_coding(field)


@lru_cache(maxsize=256)
def _choose_coding(field: bytes) -> Coding:
    weights = _weights(field)
    others = weights.get(b"*", 0.0)
    gzip = max(weights.get(b"gzip", -1.0), weights.get(b"x-gzip", -1.0))
    gzip = others if gzip < 0 else gzip
    # Identity that is not named has no weight of its own: it is the last resort.
    return GZIP if gzip > 0 and gzip >= weights.get(b"identity", 0.0) else IDENTITY


def prefers_plain_xml(field: bytes | None, media_type: bytes) -> bool:
    """Whether an Accept likes `application/xml` better than `media_type` (RFC 9110 §12.5.1), as those of browsers do."""
    if field is None or len(field) > _MAX_NEGOTIATION:
        return False
    return _prefers_plain_xml(field, media_type)


@lru_cache(maxsize=256)
def _prefers_plain_xml(field: bytes, media_type: bytes) -> bool:
    weights = _weights(field)
    return _quality(weights, b"application/xml") > _quality(weights, media_type)


def _quality(weights: dict[bytes, float], media_type: bytes) -> float:
    """The range that says most of a type counts, whatever its weight."""
    for name in (media_type, media_type.partition(b"/")[0] + b"/*", b"*/*"):
        if name in weights:
            return weights[name]
    return 0.0


def _weights(field: bytes) -> dict[bytes, float]:
    """Return the elements of a list, in lower case and without parameters, with their weights; of several by one name the first."""
    found: dict[bytes, float] = {}
    for element in field.lower().split(b",", _MAX_ELEMENTS)[:_MAX_ELEMENTS]:
        name, *parameters = (part.strip(b"\t ") for part in element.split(b";"))
        given = [text[2:] for text in parameters if text.startswith(b"q=")]
        if _ELEMENT.fullmatch(name) and all(_WEIGHT.fullmatch(text) for text in given):
            found.setdefault(name, float(given[-1]) if given else 1.0)
    return found
