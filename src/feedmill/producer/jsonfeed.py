"""Entries and feeds as JSON Feed 1.1 (jsonfeed.org/version/1.1), over the standard library's json; a line for every key.

What JSON Feed has no key for stands in an extension, `_feedmill`: the feed's id and time, its place in the history, an entry's source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from json import JSONEncoder
from typing import Any

from feedmill import PROJECT_URL
from feedmill.model import Enclosure
from feedmill.producer.entry import Entry
from feedmill.producer.head import FeedHead
from feedmill.producer.outcome import GENERATOR
from feedmill.text import clean_text

VERSION = "https://jsonfeed.org/version/1.1"

_encode = JSONEncoder(ensure_ascii=False).encode
# How json writes the controls below U+0020 that no feed may have; `\t` and `\n` may stand, and an escaped backslash before one of
# these letters costs a second look.
_ESCAPED_CONTROL = re.compile(r"\\[bfru]")

_Member = tuple[str, Any]


def render_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Return each entry as a JSON object, indented as an item of `render_feed`'s, without the comma and line break between two.

    Characters that XML cannot have are left out here too (docs/feed-rules.md, rule 26), so that all formats say the same.
    """
    return [f"    {{\n{_written(list(_item(entry)), indent='      ')}\n    }}".encode() for entry in entries]


def render_feed(head: FeedHead) -> tuple[bytes, bytes]:
    """Return what stands before and after the items of a feed; with nothing between it is a whole document."""
    return f'{{\n{_written(list(_top(head)), indent="  ")},\n  "items": [\n'.encode(), b"\n  ]\n}\n"


def _written(members: list[_Member], *, indent: str) -> str:
    """Return the members of an object, one a line, without the braces."""
    written = _lines(members, indent)
    if _ESCAPED_CONTROL.search(written) or clean_text(written) != written:
        return _lines(_cleaned(members), indent)
    return written


def _lines(members: list[_Member], indent: str) -> str:
    return ",\n".join([f'{indent}"{key}": {_encode(value)}' for key, value in members])


def _cleaned(value: Any) -> Any:
    """Return `value`, every text in it without the characters that XML 1.0 cannot have."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    return type(value)(map(_cleaned, value)) if isinstance(value, list | tuple) else value


def _item(entry: Entry) -> Iterator[_Member]:
    yield "id", entry.id
    yield "url", entry.link
    if entry.via:
        yield "external_url", entry.via
    if entry.title:
        yield "title", entry.title
    # One of the two must be there; an entry that has neither content nor summary says so with an empty text.
    yield ("content_html", entry.content) if entry.content else ("content_text", entry.summary)
    if entry.summary:
        yield "summary", entry.summary
    if entry.thumbnail:
        yield "image", entry.thumbnail
    if entry.picture and entry.picture != entry.thumbnail:
        yield "banner_image", entry.picture
    yield "date_published", entry.published.isoformat()
    if entry.updated != entry.published:
        yield "date_modified", entry.updated.isoformat()
    if entry.author:
        yield "authors", [{"name": entry.author}]
    if entry.categories:
        yield "tags", list(dict.fromkeys([category.term for category in entry.categories]))
    if entry.language:
        yield "language", entry.language
    if entry.enclosure is not None:
        yield "attachments", [_attachment(entry.enclosure)]
    if provenance := _provenance(entry):
        yield "_feedmill", provenance


def _attachment(enclosure: Enclosure) -> dict[str, Any]:
    size = {} if enclosure.length is None else {"size_in_bytes": enclosure.length}
    return {"url": enclosure.url, "mime_type": enclosure.type, **size}


def _provenance(entry: Entry) -> dict[str, Any]:
    """Return what Atom says in atom:source, and its xml:base where that is neither of the item's addresses."""
    found: dict[str, Any] = {}
    if (source := entry.source) is not None:
        found["source"] = {"id": source.id, "title": source.title} | ({"url": source.url} if source.url else {})
    if entry.content and entry.base != (entry.via or entry.link):
        found["base"] = entry.base
    return found


def _top(head: FeedHead) -> Iterator[_Member]:
    yield "version", VERSION
    yield "title", head.title
    yield "home_page_url", head.site_url
    yield "feed_url", head.self_url
    if head.subtitle:
        yield "description", head.subtitle
    if head.history.prev:
        yield "next_url", head.history.prev
    yield "language", head.language
    yield "authors", [{"name": head.author}]
    if head.hubs:
        yield "hubs", [{"type": "WebSub", "url": hub} for hub in head.hubs]
    yield "_feedmill", {"about": PROJECT_URL, "generator": GENERATOR, "id": head.id, "updated": head.updated.isoformat(), **_place(head)}


def _place(head: FeedHead) -> dict[str, Any]:
    """Return the document's place in the history (RFC 5005) beyond `next_url`."""
    history = head.history
    found: dict[str, Any] = {}
    if history.is_archive:
        found |= {"archive": True, "current": history.current}
    if history.next:
        found["next_archive"] = history.next
    if history.is_complete:
        found["complete"] = True
    return found
