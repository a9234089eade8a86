"""JSON Feed 1.0 and 1.1, and JSON that is none (row A17 of the fault list)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from feedmill.consumer.reading import read_document
from feedmill.errors import UpstreamError
from feedmill.upstream import FeedDocument

URL = "https://example.org/feed.json"
VERSION = "https://jsonfeed.org/version/1.1"


def feed(*items: Any, **more: Any) -> bytes:
    return json.dumps({"version": VERSION, "title": "T", "items": list(items), **more}).encode()


def read(body: bytes, **more: Any) -> FeedDocument:
    return read_document(body, url=URL, content_type="application/feed+json", **more)


def test_version_1_0_is_read() -> None:
    body = """{"version": "https://jsonfeed.org/version/1", "title": "My Example Feed", "home_page_url": "https://example.org/",
      "author": {"name": "Feed's"}, "items": [
        {"id": "2", "content_text": "This is a second item.\\n\\nWith <b>two</b> parts.", "url": "https://example.org/second-item"},
        {"id": "1", "content_html": "<p>Hello, <a href='x'>world</a>!</p>", "url": "https://example.org/initial-post",
         "author": {"name": "A"},
         "image": "/cover.png", "date_published": "2010-02-07T14:04:00-05:00"}]}"""
    document = read(body.encode())
    assert (document.version, document.title, document.link) == ("json10", "My Example Feed", "https://example.org/")
    second, first = document.entries
    assert second.body == "<p>This is a second item.</p>\n<p>With &lt;b&gt;two&lt;/b&gt; parts.</p>"
    assert (second.author, first.author) == ("Feed's", "A")
    assert first.body == '<p>Hello, <a href="https://example.org/x" rel="noopener noreferrer">world</a>!</p>'
    assert first.picture == "https://example.org/cover.png"
    assert (first.guid, first.link) == ("1", "https://example.org/initial-post")
    assert first.published == datetime(2010, 2, 7, 19, 4, tzinfo=UTC)


def test_version_1_1_is_read() -> None:
    item = {
        "id": "https://example.org/p/1",
        "external_url": "https://elsewhere.example.com/",
        "title": "A <b> & c",
        "summary": "short",
        "date_modified": "2021-06-11T00:00:00Z",
        "tags": ["one", 2, None, "one"],
        "authors": [{"name": "A"}, {"name": "B"}, {"url": "x"}],
        "attachments": [{"url": "/e.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 10**30}, {"url": "/e.pdf", "mime_type": "x"}],
        "banner_image": "/b.jpg",
    }
    (entry,) = read(feed(item)).entries
    assert (entry.title, entry.link, entry.author, entry.tags) == ("A <b> & c", "https://elsewhere.example.com/", "A, B", ("one", "2"))
    assert entry.updated == entry.published == datetime(2021, 6, 11, tzinfo=UTC)
    assert entry.body == '<p>short</p><p><audio src="https://elsewhere.example.com/e.mp3" controls=""></audio></p>'
    assert entry.picture == "https://elsewhere.example.com/b.jpg"


def test_known_items_are_cut_out_unless_an_unknown_one_shares_their_id_or_address() -> None:
    items = [{"id": "a"}, {"id": "b", "url": "https://x.org/"}, {"id": "c", "url": "https://x.org/"}, {"id": "d"}]
    whole = read(feed(*items))
    marks = [entry.mark for entry in whole.entries]
    sieved = read(feed(*items), known=set(marks[:2]))
    assert sieved.known == (marks[0],)
    assert sieved.entries == whole.entries[1:]
    assert read(feed(*items), known=set(marks)).entries == ()


def test_the_order_of_keys_makes_no_other_mark() -> None:
    one, other = '{"id":"a","title":"t"}', '{"title": "t", "id": "a"}'
    marks = [read(f'{{"version":"{VERSION}","items":[{item}]}}'.encode()).entries[0].mark for item in (one, other)]
    assert marks[0] == marks[1]
    assert len(marks[0]) == 32


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b"\xef\xbb\xbf" + feed({"id": "a"})).entries[0].guid == "a"


def test_items_beyond_the_limit_are_counted() -> None:
    document = read(feed(*({"id": str(number)} for number in range(7))), limit=5)
    assert [entry.guid for entry in document.entries] == ["0", "1", "2", "3", "4"]
    assert document.dropped == 2


REFUSED = {
    "another JSON": (b'{"items": []}', "JSON that is not a JSON Feed"),
    "a list": (b"[1, 2]", "JSON that is not a JSON Feed"),
    "broken": (b'{"version": ', "broken"),
    "items that are no list": (b'{"version": "https://jsonfeed.org/version/1.1", "items": {"a": 1}}', "without a list of items"),
    "no items": (b'{"version": "https://jsonfeed.org/version/1.1"}', "without a list of items"),
    "1e5 deep": (b'{"version": "https://jsonfeed.org/version/1.1", "items": [' + b"[" * 100_000, "nested too deeply"),
    "1e5 deep in an item": (feed().replace(b"[]", b'[{"id":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"), "nested too deeply"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_json_feed_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(UpstreamError, match=reason):
        read(body)


CLEANED = {
    "an id that is a number": ('{"id": 12}', "12"),
    "an id of 5,000 digits": ('{"id": ' + "9" * 5_000 + "}", "9"),
    "an id that is null": ('{"id": null}', ""),
    "an id that is a list": ('{"id": ["a"]}', ""),
    "NaN": ('{"id": "a", "x": NaN, "y": -Infinity, "z": 1e999}', "a"),
    "a lone surrogate": ('{"id": "a\\ud800", "title": "\\udfff"}', "a"),
    "keys twice": ('{"id": "x", "id": "a"}', "a"),
    "fields of every other type": ('{"id": "a", "title": [1], "authors": {"name": 1}, "tags": "x", "attachments": 3, "url": {}}', "a"),
}


@pytest.mark.parametrize(("item", "guid"), CLEANED.values(), ids=CLEANED)
def test_odd_values_are_cleaned_and_the_rest_is_kept(item: str, guid: str) -> None:
    document = read(f'{{"version":"{VERSION}","items":[1, "x", null, {item}, {{"id": "last"}}]}}'.encode())
    odd, last = document.entries
    assert odd.guid[: len(guid)] == guid and bool(odd.guid) == bool(guid)
    assert len(odd.guid) <= 2_048
    assert last.guid == "last"


def test_a_document_whose_transfer_ended_early_is_torn() -> None:
    document = read(feed({"id": "a"}, {"id": "b"}), is_complete=False)
    assert document.is_torn
    assert [entry.guid for entry in document.entries] == ["a"]
    for body in (feed({"id": "a"}), feed({"id": "a"}, {"id": "b"})[:-20]):
        with pytest.raises(UpstreamError, match="truncated"):
            read(body, is_complete=False)
