"""A `FeedDocument` as JSON values and back: how the result of a reading leaves the process that it was read in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from feedmill.errors import UpstreamError
from feedmill.model import Enclosure
from feedmill.upstream import Entry, FeedDocument, Hints

_TEXTS = ("mark", "guid", "link", "title", "author", "body", "picture")
_DATES = ("published", "updated")


def document_to_json(document: FeedDocument) -> dict[str, Any]:
    """Return `document` as values that JSON has; dates as seconds since 1970."""
    # Not asdict() of the whole: it copies every text of every entry, for nothing.
    values: dict[str, Any] = {item.name: getattr(document, item.name) for item in fields(document)}
    values["entries"] = [_entry_to_json(entry) for entry in document.entries]
    values["known"] = list(document.known)
    values["hints"] = asdict(document.hints) | {
        "skip_hours": sorted(document.hints.skip_hours),
        "skip_days": sorted(document.hints.skip_days),
    }
    return values


def document_from_json(values: Mapping[str, Any]) -> FeedDocument:
    """Return the document that `document_to_json` wrote.

    Raises UpstreamError for anything else: whoever wrote it has read a hostile document.
    """
    try:
        hints = values["hints"]
        return FeedDocument(
            version=_checked(values["version"], str),
            title=_checked(values["title"], str),
            link=_checked(values["link"], str),
            entries=tuple(_entry_from_json(entry) for entry in values["entries"]),
            known=_texts(values["known"]),
            is_torn=_checked(values["is_torn"], bool),
            complaint=_checked(values["complaint"], str),
            dropped=_checked(values["dropped"], int),
            hints=Hints(
                ttl=_number(hints["ttl"]),
                update_period=_number(hints["update_period"]),
                skip_hours=frozenset(_checked(hour, int) for hour in hints["skip_hours"]),
                skip_days=frozenset(_checked(day, int) for day in hints["skip_days"]),
            ),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise UpstreamError("the reading of the document gave no usable result") from exc


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    dates = {name: getattr(entry, name) for name in _DATES}
    values: dict[str, Any] = {name: getattr(entry, name) for name in _TEXTS}
    values |= {name: date and int(date.timestamp()) for name, date in dates.items()}
    enclosure = entry.enclosure
    return values | {"tags": list(entry.tags), "enclosure": enclosure and [enclosure.url, enclosure.type, enclosure.length]}


def _entry_from_json(values: Mapping[str, Any]) -> Entry:
    texts = {name: _checked(values[name], str) for name in _TEXTS}
    dates = {name: _moment(values[name]) for name in _DATES}
    enclosure = _enclosure(values["enclosure"])
    return Entry(**texts, published=dates["published"], updated=dates["updated"], tags=_texts(values["tags"]), enclosure=enclosure)


def _enclosure(value: Any) -> Enclosure | None:
    if value is None:
        return None
    url, media_type, length = value
    return Enclosure(_checked(url, str), _checked(media_type, str), _number(length))


def _moment(value: object) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(_checked(value, int), UTC)


def _number(value: object) -> int | None:
    return None if value is None else _checked(value, int)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(_checked(value, str) for value in values)


def _checked(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    return value
