"""An upstream document becomes a `FeedDocument`: the sieve, feedparser or the JSON reader, the cleaner. Pure; runs in the cage.

A well-formed document goes through the sieve; one that needs little mending is mended first; what is no XML even then goes to
feedparser's tolerant parser whole, and its known entries are dropped afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from feedmill.consumer.charset import to_utf8
from feedmill.consumer.clusters import surely_known
from feedmill.consumer.crossing import document_from_json, document_to_json
from feedmill.consumer.feedtext import (
    CONTROLS,
    FEED_ROOT,
    GUARD,
    has_doctype,
    mended,
    quoted,
    refuse_declarations,
    refuse_what_is_no_feed,
    what_it_is,
    with_characters,
    without_forbidden,
    without_unbound_prefix,
)
from feedmill.consumer.hints import hints_of_text
from feedmill.consumer.jsonfeed import json_keys, json_mark, parse_json_feed, raw_item
from feedmill.consumer.outline import MAX_DEPTH, read_outline, without_last_entry, written_ids
from feedmill.consumer.parse import ParsedFeed, parse_feed, parsed_keys, parsed_mark, raw_entry
from feedmill.consumer.plainentries import can_be_plain, plain_entry, set_aside
from feedmill.consumer.rawentry import RawEntry, RawText
from feedmill.consumer.sanitize import MAX_TITLE, line_of, sanitize, web_address
from feedmill.consumer.sieve import Sieved, parse_tree, sieve
from feedmill.errors import UpstreamError
from feedmill.upstream import Entry, FeedDocument

__all__ = ["document_from_json", "document_to_json", "read_document", "read_task"]


@dataclass(frozen=True, slots=True)
class _Request:
    """What the reading of one document depends on beside its bytes."""

    url: str
    known: Collection[str]
    embeds: frozenset[str]
    limit: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A document in UTF-8, as well-formed as it could be made."""

    text: bytes
    #: None where it is no XML.
    root: etree._Element | None
    is_torn: bool
    complaint: str


def read_document(
    body: bytes,
    *,
    url: str,
    content_type: str = "",
    known: Collection[str] = frozenset(),
    is_complete: bool = True,
    embeds: frozenset[str] = frozenset(),
    limit: int = 1000,
) -> FeedDocument:
    """Return the feed in `body` without its known entries.

    `url` is the address that answered, the base of relative ones; `content_type` its header; `known` the marks of entries that may
    be cut out, which happens where everything that shares an id or an address with them is known too; `is_complete` is False where
    the transfer ended early; `embeds` the hosts whose iframes stay. Of the entries the first `limit` are read.

    Raises UpstreamError with one line that says what the document is, when it cannot be read as a feed.
    """
    request = _Request(url, known, embeds, limit)
    document = to_utf8(body, content_type) if body else b""
    begin = document[:4_096].translate(None, CONTROLS).lstrip()[:1] or document.translate(None, CONTROLS).lstrip()[:1]
    if not begin:
        raise UpstreamError("empty: nothing came but white space")
    if begin == b"{" or (begin == b"[" and not FEED_ROOT.search(document)):  # a server's notice may stand before a feed
        return _read_json(document.translate(None, CONTROLS), request, is_complete=is_complete)
    document = without_forbidden(document)
    refuse_what_is_no_feed(document)
    refuse_declarations(document)
    if has_doctype(document):
        document = with_characters(document)
    source = _well_formed(document, is_complete=is_complete)
    read = _read_sieved(source.root, request) if source.root is not None else None
    read = read or _read_whole(source.text, request)
    if source.is_torn and not read.entries and not read.known:
        raise UpstreamError("truncated: no entry of it is whole")
    return replace(read, is_torn=source.is_torn, complaint=source.complaint or read.complaint)


def read_task(arguments: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Do `read_document` for another process: JSON values in and out, by the names of its parameters; `url` is needed.

    Raises UpstreamError as it does.
    """
    document = read_document(
        body,
        url=arguments["url"],
        content_type=arguments.get("content_type", ""),
        known=frozenset(arguments.get("known", ())),
        is_complete=arguments.get("is_complete", True),
        embeds=frozenset(arguments.get("embeds", ())),
        limit=arguments.get("limit", 1000),
    )
    return document_to_json(document)


def _well_formed(document: bytes, *, is_complete: bool) -> _Source:
    """Return `document` parsed, where that takes no more than mending; without its last entry where it is torn."""
    complaint = "it ends before its end"
    if is_complete:
        try:
            return _Source(document, parse_tree(document), is_torn=False, complaint="")
        except etree.XMLSyntaxError as exc:
            complaint = quoted(str(exc.msg).encode("utf-8", "replace")) or "not well-formed"
    document = without_unbound_prefix(document)
    outline = read_outline(document)
    if outline.is_too_deep:
        raise UpstreamError(f"elements are nested more than {MAX_DEPTH} deep")
    is_torn = not is_complete or not outline.is_closed
    if is_torn:
        complaint = "it ends before its end"
        document = without_last_entry(document, outline)
        if not document:
            raise UpstreamError("truncated: no entry of it is whole")
    try:
        text = mended(document)
        return _Source(text, parse_tree(text), is_torn=is_torn, complaint=complaint)
    except etree.XMLSyntaxError:
        return _Source(document, None, is_torn=is_torn, complaint=complaint)


def _read_sieved(root: etree._Element, request: _Request) -> FeedDocument | None:
    """Return the feed `root`, sieved; None where feedparser does not see the same entries in it."""
    sieved = sieve(root, request.known, limit=request.limit)
    if sieved is None:
        return None
    complaint, raws = "", _plain_entries(sieved, request)
    rest = [index for index in range(len(sieved.entries)) if index not in raws]
    put_back = set_aside(sieved.entries[index] for index in raws)
    try:
        feed = parse_feed(sieved.document(), url=request.url)
        if feed.complaint or not feed.version or len(feed.entries) != len(rest):
            return None
        found = list(zip(rest, feed.entries, strict=True))
    except UpstreamError as exc:
        put_back()
        raws.clear()
        feed, found = _read_apart(sieved, request, exc)
        complaint = f"entries left out: {len(sieved.entries) - len(found)} ({exc})"
    raws.update((index, raw_entry(values, version=feed.version, url=request.url)) for index, values in found)
    entries = []
    for index, raw in sorted(raws.items()):
        written = sieved.ids[index]
        named = _with_id(raw, written.text, may_be_address=written.may_be_address)
        entries.append(_entry(named, sieved.marks[index], request, feed.authors))
    document = _document(feed, tuple(entries), request)
    return replace(document, known=sieved.known, dropped=sieved.dropped, hints=sieved.hints, complaint=complaint)


def _plain_entries(sieved: Sieved, request: _Request) -> dict[int, RawEntry]:
    """Return what needs no feedparser, by its place."""
    if not can_be_plain(sieved.root, url=request.url):
        return {}
    read = ((index, plain_entry(entry, url=request.url)) for index, entry in enumerate(sieved.entries))
    return {index: raw for index, raw in read if raw is not None}


def _read_apart(sieved: Sieved, request: _Request, failure: UpstreamError) -> tuple[ParsedFeed, list[tuple[int, Mapping[str, Any]]]]:
    """Return the entries that do not break the parser, each read alone, with their places. Raises `failure` where all do."""
    feed: ParsedFeed | None = None
    found = []
    for index, document in enumerate(sieved.documents()):
        try:
            alone = parse_feed(document, url=request.url)
        except UpstreamError:
            continue
        if alone.version and not alone.complaint and len(alone.entries) == 1:
            feed = feed or alone
            found.append((index, alone.entries[0]))
    if feed is None:
        raise failure
    return feed, found


def _read_whole(document: bytes, request: _Request) -> FeedDocument:
    """Return the feed in `document`, read by feedparser alone; known entries are dropped afterwards."""
    outline = read_outline(document)
    if outline.is_too_deep:
        raise UpstreamError(f"elements are nested more than {MAX_DEPTH} deep")
    beyond = outline.spans[request.limit :]
    text = document[: beyond[0][0]] if beyond else document
    feed = parse_feed(text, url=request.url)
    if not feed.version:
        raise UpstreamError(what_it_is(document))
    values = feed.entries[: request.limit]
    raws = [raw_entry(found, version=feed.version, url=request.url) for found in values]
    ids = written_ids(document, outline)[: request.limit]
    if len(ids) == len(raws):
        raws = [_with_id(raw, text, may_be_address=is_address) for raw, (text, is_address) in zip(raws, ids, strict=True)]
    marks = [parsed_mark(found, url=request.url) for found in values]
    is_cut = surely_known(marks, [parsed_keys(found) for found in values], request.known)
    entries = (_entry(raw, mark, request, feed.authors) for raw, mark, cut in zip(raws, marks, is_cut, strict=True) if not cut)
    read = _document(feed, tuple(entries), request)
    known = tuple(mark for mark, cut in zip(marks, is_cut, strict=True) if cut)
    dropped = len(beyond) + len(feed.entries) - len(values)
    complaint = quoted(feed.complaint.encode("utf-8", "replace"))
    return replace(read, known=known, dropped=dropped, complaint=complaint, hints=hints_of_text(document))


def _newest(items: Sequence[Mapping[str, Any]], limit: int) -> Sequence[Mapping[str, Any]]:
    """Return the `limit` newest items: the first ones, or the last where the document goes from old to new."""
    if len(items) > limit:
        first, last = raw_item(items[0]).published, raw_item(items[-1]).published
        if first is not None and last is not None and first < last:
            return items[-limit:]
    return items[:limit]


def _read_json(document: bytes, request: _Request, *, is_complete: bool) -> FeedDocument:
    try:
        feed = parse_json_feed(document)
    except UpstreamError as exc:
        raise exc if is_complete else UpstreamError("truncated: JSON that ends before its end") from exc
    items = _newest(feed.items, request.limit)
    if not is_complete:
        items = items[:-1]
        if not items:
            raise UpstreamError("truncated: no entry of it is whole")
    marks = [json_mark(item) for item in items]
    is_cut = surely_known(marks, [json_keys(item) for item in items], request.known)
    entries = (_entry(raw_item(item), mark, request, feed.authors) for item, mark, cut in zip(items, marks, is_cut, strict=True) if not cut)
    return FeedDocument(
        version=feed.version,
        title=line_of(RawText(feed.title), limit=MAX_TITLE),
        link=web_address(feed.link, base=request.url),
        entries=tuple(entries),
        known=tuple(mark for mark, cut in zip(marks, is_cut, strict=True) if cut),
        is_torn=not is_complete,
        complaint="" if is_complete else "it ends before its end",
        dropped=max(len(feed.items) - request.limit, 0),
    )


def _with_id(raw: RawEntry, text: str, *, may_be_address: bool) -> RawEntry:
    """Return `raw` with its id as written: feedparser makes it absolute, so that it would change with the feed's address."""
    return replace(raw, guid=text.replace(GUARD, ""), is_permalink=may_be_address)


def _entry(raw: RawEntry, mark: str, request: _Request, authors: tuple[RawText, ...]) -> Entry:
    return sanitize(raw, mark=mark, url=request.url, embeds=request.embeds, authors=authors)


def _document(feed: ParsedFeed, entries: tuple[Entry, ...], request: _Request) -> FeedDocument:
    return FeedDocument(
        version=feed.version,
        title=line_of(feed.title, limit=MAX_TITLE),
        link=web_address(feed.link, base=request.url),
        entries=entries,
    )
