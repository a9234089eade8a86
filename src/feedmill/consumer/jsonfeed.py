"""JSON Feed 1.0 and 1.1 (jsonfeed.org): the JSON text of a feed becomes raw entries and their marks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from feedmill.consumer.clusters import Key, shared_keys
from feedmill.consumer.media import attachment, media_of, ranked
from feedmill.consumer.rawentry import RawEntry, RawMedia, RawText
from feedmill.consumer.untyped import mapping_of, mappings_of, text_of
from feedmill.errors import UpstreamError
from feedmill.posts.dates import parse_date

_VERSION = "jsonfeed.org/version/"


@dataclass(frozen=True, slots=True)
class JsonFeed:
    """A JSON Feed's document: what it says of itself, and its items that are objects."""

    version: str
    title: str
    link: str
    authors: tuple[RawText, ...]
    items: tuple[Mapping[str, Any], ...]


def parse_json_feed(document: bytes) -> JsonFeed:
    """Return the feed in `document` (UTF-8). Numbers, NaN too, are read as the texts that they are written as: none is too large.

    Raises UpstreamError for what is no JSON, no JSON Feed, or nested deeper than Python's own limit.
    """
    try:
        found = json.loads(document.decode("utf-8", "replace"), parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError as exc:
        raise UpstreamError("JSON nested too deeply") from exc
    except ValueError as exc:
        raise UpstreamError("not a feed: JSON that is cut short or broken") from exc
    version = text_of(mapping_of(found).get("version"))
    if _VERSION not in version:
        raise UpstreamError("JSON that is not a JSON Feed")
    items = found.get("items")
    if not isinstance(items, list):
        raise UpstreamError("a JSON Feed without a list of items")
    return JsonFeed(
        version="json10" if version.rstrip("/").endswith("/1") else "json11",
        title=text_of(found.get("title")),
        link=text_of(found.get("home_page_url")),
        authors=_authors(found),
        items=tuple(item for item in items if isinstance(item, Mapping)),
    )


def json_mark(item: Mapping[str, Any]) -> str:
    """Return the fingerprint of an item, whatever the order of its keys.

    Raises UpstreamError where it is nested deeper than Python's own limit.
    """
    try:
        canonical = json.dumps(item, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    except RecursionError as exc:
        raise UpstreamError("JSON nested too deeply") from exc
    return blake2b(canonical.encode("ascii"), digest_size=16).hexdigest()


def json_keys(item: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return what other items may share with `item`."""
    return shared_keys(text_of(item.get("id")), [text_of(item.get("url"))], text_of(item.get("title")))


def raw_item(item: Mapping[str, Any]) -> RawEntry:
    """Return what `item` says."""
    published, updated = _date(item, "date_published"), _date(item, "date_modified")
    contents = (RawText(text_of(item.get("content_html")), is_html=True), RawText(text_of(item.get("content_text"))))
    summary = RawText(text_of(item.get("summary")))
    pictures = (RawMedia(text_of(item.get(name)), "image") for name in ("image", "banner_image"))
    listed = mappings_of(item.get("attachments"))
    attached = [media_of(text_of(found.get("url")), declared=text_of(found.get("mime_type"))) for found in listed]
    tags = item.get("tags")
    return RawEntry(
        guid=text_of(item.get("id")),
        is_permalink=True,
        link=text_of(item.get("url")) or text_of(item.get("external_url")),
        title=RawText(text_of(item.get("title"))),
        authors=_authors(item),
        contents=tuple(text for text in contents if text.value),
        summaries=(summary,) if summary.value and not any(text.value for text in contents) else (),
        published=published or updated,
        updated=updated,
        tags=tuple(RawText(text_of(tag)) for tag in tags) if isinstance(tags, list) else (),
        pictures=tuple(medium for medium in (*pictures, *attached) if medium.address and medium.kind == "image"),
        enclosures=tuple(medium for medium in attached if medium.address and medium.kind in ("audio", "video")),
        attachments=ranked(attachment(found.get("url"), found.get("mime_type"), found.get("size_in_bytes")) for found in listed),
    )


def _authors(holder: Mapping[str, Any]) -> tuple[RawText, ...]:
    """Return the names in `authors` (1.1) or `author` (1.0)."""
    persons = mappings_of(holder.get("authors")) or [mapping_of(holder.get("author"))]
    return tuple(RawText(name) for person in persons if (name := text_of(person.get("name"))))


def _date(item: Mapping[str, Any], name: str) -> datetime | None:
    return parse_date(text_of(item.get(name)), UTC)
