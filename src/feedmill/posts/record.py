"""What the catalog keeps of a post: everything but its body, as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from feedmill.model import Enclosure, Post

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = ("markup", "headimg", "author", "thumbnail", "link", "guid", "source")


#: json.dumps makes an encoder a call.
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_record(post: Post) -> str:
    """Return `post` without its body as JSON; what is empty is left out, the title excepted."""
    record: dict[str, Any] = {"title": post.title}
    record.update((name, value) for name in _TEXTS if (value := getattr(post, name)))
    if post.comments:
        record["comments"] = True
    if post.date is not None:
        record["date"] = to_epoch(post.date)
    if post.updated is not None:
        record["updated"] = to_epoch(post.updated)
    for name in ("categories", "tags", "extra"):
        if value := getattr(post, name):
            record[name] = value
    if (enclosure := post.enclosure) is not None:
        record["enclosure"] = [enclosure.url, enclosure.type, enclosure.length]
    return to_json(record)


def from_record(text: str, body: str = "") -> Post:
    """Return the post of a record, with `body`."""
    record = json.loads(text)
    for name in ("date", "updated"):
        if name in record:
            record[name] = from_epoch(record[name])
    record["categories"] = tuple(map(tuple, record.get("categories", ())))
    record["tags"] = tuple(record.get("tags", ()))
    record["extra"] = tuple((key, value) for key, value in record.get("extra", ()))
    if "enclosure" in record:
        record["enclosure"] = Enclosure(*record["enclosure"])
    return Post(body=body, **record)


def to_epoch(moment: datetime) -> int:
    """Whole seconds since 1970-01-01T00:00:00Z."""
    return int(moment.timestamp())


def from_epoch(seconds: int) -> datetime:
    """The aware UTC time `seconds` after 1970-01-01T00:00:00Z (negative: before)."""
    return _EPOCH + timedelta(seconds=seconds)


def iso_date(seconds: int | None) -> str:
    """Return a time in epoch seconds as ISO 8601 in UTC; "" for none."""
    return "" if seconds is None else from_epoch(seconds).isoformat()
