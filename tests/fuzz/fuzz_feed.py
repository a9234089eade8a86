"""read_document: any bytes are a feed or an UpstreamError; what is read is clean, crosses processes, and is sieved without a trace."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from feedmill.consumer.reading import document_from_json, document_to_json, read_document
from feedmill.consumer.sanitize import MAX_TITLE
from feedmill.errors import UpstreamError
from feedmill.posts.html import clean_html
from feedmill.text import one_line
from feedmill.upstream import Entry, FeedDocument

_URL = "https://blog.example.org/feeds/main.xml"
_EMBEDS = frozenset({"www.youtube.com"})


def TestOneInput(data: bytes) -> None:
    """Read whole, torn, and once more with half of the entries known."""
    with suppress(UpstreamError):
        read_document(data, url=_URL, embeds=_EMBEDS, is_complete=False)
    try:
        document = read_document(data, url=_URL, embeds=_EMBEDS)
    except UpstreamError as exc:
        if not str(exc) or "\n" in str(exc):
            raise AssertionError(f"not one line: {exc!r}") from exc
        return
    if (crossed := document_from_json(document_to_json(document))) != document:
        raise AssertionError(f"in another process {document!r} is {crossed!r}")
    for entry in document.entries:
        _check_entry(entry)
    if document.entries:
        _check_sieved(data, document)


def _check_entry(entry: Entry) -> None:
    for name in ("guid", "title", "author"):
        if one_line(text := getattr(entry, name)) != text:
            raise AssertionError(f"{name} is not one clean line: {text!r}")
    if len(entry.title) > MAX_TITLE:
        raise AssertionError(f"a title of {len(entry.title)} characters")
    for name in ("link", "picture"):
        if (text := getattr(entry, name)) and not (text.startswith(("http://", "https://")) and text.isascii()):
            raise AssertionError(f"{name} is no address: {text!r}")
    if (again := clean_html(entry.body, base="", embeds=_EMBEDS)) != entry.body:
        raise AssertionError(f"the body {entry.body[:300]!r} cleaned is {again[:300]!r}")
    for moment in (entry.published, entry.updated):
        if moment is not None:
            _check_moment(moment)


def _check_moment(moment: datetime) -> None:
    if moment.tzinfo is not UTC or moment.microsecond:
        raise AssertionError(f"{moment!r} is not UTC in whole seconds")


def _check_sieved(data: bytes, whole: FeedDocument) -> None:
    """Every other entry known: each of the rest must read as it does in the whole document, in the same order."""
    known = frozenset(entry.mark for entry in whole.entries[::2])
    sieved = read_document(data, url=_URL, embeds=_EMBEDS, known=known)
    rest = iter(whole.entries)
    for entry in sieved.entries:
        if not any(entry == other for other in rest):
            raise AssertionError(f"{entry!r} is not in the whole document, or not in this order")
    seen = {entry.mark for entry in sieved.entries} | set(sieved.known)
    if seen != {entry.mark for entry in whole.entries}:
        raise AssertionError("an entry was lost in the sieve, or came out of it")
