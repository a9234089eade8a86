"""feedparser, and nothing else: a document in UTF-8 becomes raw entries. The only module that may import it.

feedparser is given bytes in a stream, never a name: it would open a file or an address (measured with 6.0.14, for bytes too).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import feedparser

from feedmill.consumer.clusters import shared_keys
from feedmill.consumer.feedtext import GUARD
from feedmill.consumer.media import attachments_of, enclosures_of, pictures_of
from feedmill.consumer.rawentry import RawEntry, RawText
from feedmill.consumer.untyped import mapping_of, mappings_of, text_of
from feedmill.errors import UpstreamError
from feedmill.posts.dates import parse_date

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "html", "xhtml"})
# Without its own sanitizer feedparser writes the end tags of inline XHTML's empty elements: to HTML, `</br>` is a second `<br>`.
_END_OF_BREAK = re.compile(r"</br\s*>", re.IGNORECASE)
_HTML_LOOK = re.compile(r"</[A-Za-z]|<(?:br|p|img)\b|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NUMBERS = re.compile(r"(?<![0-9])[0-9]{1,4}(?![0-9])")
_YEARS = range(1970, 2101)


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What feedparser made of a document."""

    #: feedparser's word; "" for what is no feed.
    version: str
    title: RawText
    link: str
    authors: tuple[RawText, ...]
    #: feedparser's own entries, in order.
    entries: tuple[Mapping[str, Any], ...]
    #: Why the strict parser gave up; "" where it did not.
    complaint: str


def parse_feed(document: bytes, *, url: str) -> ParsedFeed:
    """Return the feed in `document` (UTF-8, whatever it declares); `url` is the base of relative addresses.

    Raises UpstreamError, naming the type, for whatever feedparser raises.
    """
    # feedparser looks for these names in small letters only. The charset is said so that it does not guess.
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    try:
        result = feedparser.parse(io.BytesIO(document), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    except MemoryError:
        raise
    except Exception as exc:
        # Hostile input makes it raise ValueError, TypeError, KeyError, IndexError, OverflowError, UnicodeError … (measured with a
        # fuzzer): they share no class, and each means that this document cannot be read.
        raise UpstreamError(f"the parser failed: {type(exc).__name__}") from exc
    if GUARD.encode() in document:
        result = _without_guards(result)
    feed, version = mapping_of(result.get("feed")), str(result.get("version") or "")
    return ParsedFeed(
        version=version,
        title=_title(feed, is_plain=version.startswith("atom")),
        link=_alternate(feed),
        authors=_authors(feed, is_plain=version.startswith("atom")),
        entries=tuple(result.get("entries") or ()),
        complaint=str(result.get("bozo_exception") or "not well-formed") if result.get("bozo") else "",
    )


def raw_entry(entry: Mapping[str, Any], *, version: str, url: str) -> RawEntry:
    """Return what feedparser's `entry` says; `version` and `url` are its feed's. The guid may have been made absolute."""
    entry = dict(entry)  # what feedparser's own dictionaries do for old names takes a tenth of the time, and invents dates
    is_plain = version.startswith("atom")
    published = _date(entry, "published") or _date(entry, "created")
    updated = _date(entry, "updated")
    contents = _bodies(entry.get("content"), url)
    return RawEntry(
        guid=text_of(entry.get("id")),
        is_permalink=bool(entry.get("guidislink")),
        link=_alternate(entry),
        title=_title(entry, is_plain=is_plain),
        authors=_authors(entry, is_plain=is_plain) or _authors(mapping_of(entry.get("source")), is_plain=is_plain),
        contents=contents,
        # RSS has no word for which of its texts is the body: the richest is. Atom says it.
        summaries=() if contents and is_plain else _bodies([entry.get("summary_detail")], url),
        published=published or updated,
        updated=updated,
        tags=tuple(
            _guessed(text_of(tag.get("label")) or text_of(tag.get("term")), is_plain=is_plain) for tag in mappings_of(entry.get("tags"))
        ),
        pictures=pictures_of(entry),
        enclosures=enclosures_of(entry),
        attachments=attachments_of(entry),
    )


def parsed_mark(entry: Mapping[str, Any], *, url: str) -> str:
    """Return the fingerprint of an entry by what feedparser read: the same in every place of a document, and of its feed."""
    said = {key: value for key, value in entry.items() if not key.endswith("_parsed")}
    text = json.dumps(said, sort_keys=True, default=str, ensure_ascii=True).replace(json.dumps(url), '""')
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def parsed_keys(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what other entries may share with feedparser's `entry`."""
    return shared_keys(text_of(entry.get("id")), [_alternate(entry)], text_of(entry.get("title")))


def _media_type(detail: Mapping[str, Any]) -> str:
    return text_of(detail.get("type")).partition(";")[0].strip().lower()


def _title(holder: Mapping[str, Any], *, is_plain: bool) -> RawText:
    """Return a title; in RSS it may be HTML, whatever feedparser, which knows safe elements alone, takes it for."""
    text = text_of(holder.get("title"))
    is_html = _media_type(mapping_of(holder.get("title_detail"))) in _HTML_TYPES
    return RawText(text, is_html=True) if is_html else _guessed(text, is_plain=is_plain)


def _bodies(details: object, url: str) -> tuple[RawText, ...]:
    """Return the texts that may be a body: HTML and plain text, nothing that came as a file would."""
    found = []
    for detail in mappings_of(details):
        value = text_of(detail.get("value"))
        if not value:
            continue
        kind, base = _media_type(detail), text_of(detail.get("base"))
        if kind == "application/xhtml+xml":
            value = _END_OF_BREAK.sub("", value)
        if kind in _HTML_TYPES or kind.startswith("text/"):
            found.append(RawText(value, kind in _HTML_TYPES, "" if base == url else base))
    return tuple(found)


def _alternate(holder: Mapping[str, Any]) -> str:
    """Return the address of an entry's or a feed's page. feedparser's `link` may be a guid that it made absolute."""
    links = [link for link in mappings_of(holder.get("links")) if link.get("rel") == "alternate" and text_of(link.get("href"))]
    if not links:
        return ""
    pages = [link for link in links if text_of(link.get("type")) in _HTML_TYPES]
    chosen = text_of(holder.get("link"))
    return chosen if any(text_of(link.get("href")) == chosen for link in links) else text_of((pages or links)[0]["href"])


def _authors(holder: Mapping[str, Any], *, is_plain: bool) -> tuple[RawText, ...]:
    names = [text_of(person.get("name")) or text_of(person.get("email")) for person in mappings_of(holder.get("authors"))]
    if not any(names):
        names = [text_of(holder.get("author"))]
    return tuple(_guessed(name, is_plain=is_plain) for name in names if name)


def _guessed(text: str, *, is_plain: bool) -> RawText:
    """Return a text that has no type: Atom's is what it says, RSS has HTML in it where it looks so."""
    return RawText(text, not is_plain and _HTML_LOOK.search(text) is not None)


def _date(entry: Mapping[str, Any], name: str) -> datetime | None:
    """Return a date that upstream gives under `name`; feedparser's own reading only where it is no guess."""
    text = text_of(entry.get(name))
    if not text:
        return None
    return parse_date(text, UTC) or _second_opinion(text, entry.get(f"{name}_parsed"))


def _second_opinion(text: str, parsed: object) -> datetime | None:
    """Return feedparser's reading of a date in words (Greek, Hungarian, Korean …) where its year and day stand in `text`.

    It counts the thirteenth month as January and 1704067200 as the year 1704 (measured).
    """
    if not isinstance(parsed, tuple) or not any(character.isalpha() for character in text):
        return None
    try:
        year, month, day, hour, minute, second = parsed[:6]
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.year not in _YEARS:
        return None
    numbers = {int(found) for found in _NUMBERS.findall(text)}
    near = (moment + timedelta(days=shift) for shift in (0, -1, 1))  # its own day may be another one in UTC
    return moment if any({day.year, day.day} <= numbers for day in near) else None


def _without_guards(value: Any) -> Any:
    """Take the guards of `feedtext` out of everything that was read."""
    if isinstance(value, str):
        return value.replace(GUARD, "")
    if isinstance(value, dict):
        for key in list(value):
            dict.__setitem__(value, key, _without_guards(dict.__getitem__(value, key)))
    elif isinstance(value, list):
        value[:] = [_without_guards(item) for item in value]
    return value
