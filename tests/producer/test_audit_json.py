"""The audit of JSON Feeds finds every rule broken that one document can break, and nothing in a perfect one."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from feedmill.model import Problem
from feedmill.producer.audit_json import MAX_FINDINGS, audit_json
from feedmill.producer.audit_source import MAX_BYTES

URL = "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/feed.json"
NOW = datetime(2026, 7, 1, tzinfo=UTC)

BASE = r"""{
  "version": "https://jsonfeed.org/version/1.1",
  "title": "科技 & 生活",
  "home_page_url": "https://news.example.org/",
  "feed_url": "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/feed.json",
  "description": "每日新闻",
  "next_url": "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/feed-2.json",
  "icon": "https://news.example.org/icon.png",
  "language": "zh-CN",
  "authors": [{"name": "编辑部", "url": "https://news.example.org/about"}],
  "hubs": [{"type": "WebSub", "url": "https://hub.example.org/"}],
  "_feedmill": {"about": "https://feedmill.example.org/", "generator": "feedmill", "id": "urn:x:feed", "updated": "2026-06-06T00:30:00Z"},
  "items": [
    {
      "id": "tag:news.example.org,2026:a",
      "url": "https://news.example.org/posts/a/",
      "external_url": "https://weekly.example.org/a",
      "title": "R&D < 20%？Vec<T> 🚀",
      "content_html": "<p>三行就够：</p>\n<p><a href=\"https://news.example.org/b?x=1&amp;y=2\">看</a></p>\n<br>",
      "summary": "三行就够。",
      "image": "https://img.example.org/a.jpg",
      "banner_image": "https://img.example.org/b.jpg",
      "date_published": "2026-06-05T04:00:00Z",
      "date_modified": "2026-06-06T00:30:00+00:00",
      "authors": [{"name": "小满"}],
      "tags": ["科技", "科技/开源"],
      "_feedmill": {"source": {"id": "urn:x:weekly", "title": "开源周刊", "url": "https://weekly.example.org/feed"}}
    },
    {
      "id": "https://news.example.org/?p=1",
      "url": "https://news.example.org/posts/b/",
      "title": "A podcast",
      "content_text": "Only a summary and a link.",
      "summary": "Only a summary and a link.",
      "date_published": "2026-05-04T10:20:00+08:00",
      "authors": [{"name": "Robin"}],
      "language": "en",
      "attachments": [{"url": "https://news.example.org/b.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 1234}]
    }
  ]
}
"""

SECOND = '"id": "https://news.example.org/?p=1"'
ID_A = '"id": "tag:news.example.org,2026:a"'
FEED_ID = '"id": "urn:x:feed"'
TITLE = '"title": "A podcast"'
TEXT = '"content_text": "Only a summary and a link.",'
SUMMARY = '"summary": "Only a summary and a link.",'
PUBLISHED = '"2026-05-04T10:20:00+08:00"'
MODIFIED = '"date_modified": "2026-06-06T00:30:00+00:00"'
SOURCE = '"id": "urn:x:weekly", "title": "开源周刊"'
EXTENSION = '"_feedmill": {"about": '
HUB = '{"type": "WebSub", "url": "https://hub.example.org/"}'
NEXT = '"next_url": "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/feed-2.json"'


def inside(html: str) -> tuple[str, str]:
    """A replacement that puts `html` into the first item's content."""
    return "<p>三行就够：</p>", "<p>三行就够：" + json.dumps(html, ensure_ascii=False)[1:-1] + "</p>"


def broken(old: str, new: str) -> bytes:
    assert old in BASE, old
    return BASE.replace(old, new, 1).encode()


BROKEN = {
    "rule-1-relative-id": (SECOND, '"id": "posts/b"', {1}),
    "rule-1-raw-chinese-id": (SECOND, '"id": "https://news.example.org/文"', {1}),
    "rule-1-empty-id": (SECOND, '"id": ""', {1}),
    "rule-1-feed-id": (FEED_ID, '"id": "feed"', {1}),
    "rule-1-source-id": ("urn:x:weekly", "weekly", {1}),
    "rule-3-tag-without-a-year": (ID_A, '"id": "tag:news.example.org:a"', {3}),
    "rule-4-feed-id-is-the-site": (FEED_ID, '"id": "https://news.example.org/"', {4}),
    "rule-5-same-id-twice": (SECOND, ID_A, {5}),
    "rule-5-item-has-the-feed's-id": (SECOND, FEED_ID, {5}),
    "rule-6-capital-host": (SECOND, '"id": "https://News.example.org/?p=1"', {6}),
    "rule-7-no-zone": (PUBLISHED, '"2026-05-04T10:20:00"', {7}),
    "rule-7-date-only": (MODIFIED, '"date_modified": "2026-06-06"', {7, 11}),
    "rule-7-no-date": (f'"date_published": {PUBLISHED},', "", {7}),
    "rule-7-feed": ('"updated": "2026-06-06T00:30:00Z"', '"updated": "yesterday"', {7}),
    "rule-8-microseconds": (PUBLISHED, '"2026-05-04T10:20:00.123456+08:00"', {8}),
    "rule-10-modified-before-published": (MODIFIED, '"date_modified": "2026-06-05T03:59:59Z"', {10, 11}),
    "rule-11-time-of-the-build": ('"updated": "2026-06-06T00:30:00Z"', '"updated": "2026-06-30T00:00:00Z"', {11}),
    "rule-12-future": (MODIFIED, '"date_modified": "2026-07-01T00:00:01Z"', {11, 12}),
    "rule-14-newer-below-older": (PUBLISHED, '"2026-06-05T04:00:01Z"', {14}),
    "rule-16-feed-without-authors": ('"authors": [{"name": "编辑部", "url": "https://news.example.org/about"}],', "", {16}),
    "rule-16-item-without-authors": ('"authors": [{"name": "Robin"}],', "", {16}),
    "rule-16-no-author": ('[{"name": "Robin"}]', "[]", {16}),
    "rule-16-empty-name": ('"name": "Robin"', '"name": " "', {16}),
    "rule-17-elsewhere": ('"feed_url": "https:', '"feed_url": "http:', {17}),
    "rule-18-no-url": ('"url": "https://news.example.org/posts/b/",', "", {18}),
    "rule-18-no-summary": (SUMMARY, "", {18}),
    "rule-19-no-title": (TITLE + ",", "", {19}),
    "rule-19-escaped-twice": (TITLE, '"title": "AT&amp;T"', {19}),
    "rule-19-markup": (TITLE, '"title": "a <b>podcast</b>"', {19}),
    "rule-19-empty-feed-title": ('"title": "科技 & 生活"', '"title": ""', {19}),
    "rule-19-markup-in-description": ("每日新闻", "<b>每日</b>新闻", {19}),
    "rule-20-same-tag-twice": ('"科技/开源"]', '"科技"]', {20}),
    "rule-20-empty-tag": ('"科技/开源"]', '""]', {20}),
    "rule-20-number": ('"科技/开源"]', "2019]", {20}),
    "rule-21-no-type": ('"mime_type": "audio/mpeg", ', "", {21}),
    "rule-21-no-address": ('"url": "https://news.example.org/b.mp3", ', "", {21}),
    "rule-21-size-0": ("1234", "0", {21}),
    "rule-21-half-a-byte": ("1234", "1.5", {21}),
    "rule-22-source-without-id": (SOURCE, '"title": "开源周刊"', {22}),
    "rule-22-source-without-title": (SOURCE, '"id": "urn:x:weekly"', {22}),
    "rule-22-source-is-a-name": ('{"source": {', '{"source": "weekly", "other": {', {22}),
    "rule-23-no-language": ('"language": "zh-CN",', "", {23}),
    "rule-23-underscore": ('"zh-CN"', '"zh_CN"', {23}),
    "rule-23-item": ('"language": "en"', '"language": "english language"', {23}),
    "rule-24-version-in-text": ('"generator": "feedmill"', '"generator": "feedmill 0.1.0"', {24}),
    "rule-24-version-as-a-key": ('"generator": "feedmill"', '"generator": "feedmill", "version": "1"', {24}),
    "rule-25-byte-order-mark": ("{\n", "\ufeff{\n", {25}),
    "rule-25-not-well-formed": ("[{", "[{{", {25}),
    "rule-25-comma-at-the-end": ('"科技/开源"]', '"科技/开源",]', {25}),
    "rule-25-more-after-the-end": ("\n}\n", "\n}\n{}", {25}),
    "rule-25-line-break-in-a-text": ("每日新闻", "每日\n新闻", {25}),
    "rule-25-nan": ("1234", "NaN", {25, 40}),
    "rule-25-infinity-in-an-extension": (EXTENSION, '"_feedmill": {"x": [-Infinity], "about": ', {25}),
    "rule-25-key-twice": (TITLE, f"{TITLE}, {TITLE}", {25}),
    "rule-25-key-twice-deep-down": (HUB, '{"type": "rssCloud", "type": "WebSub", "url": "https://hub.example.org/"}', {25}),
    "rule-25-key-of-the-feed-twice": ('"icon"', '"description": "x", "icon"', {25}),
    "rule-26-c0-by-escape": ("每日新闻", "每日\\u000b新闻", {26}),
    "rule-26-u+fffe": ("每日新闻", "每日\ufffe新闻", {26}),
    "rule-26-c1": ("A podcast", "A\x92podcast", {26}),
    "rule-26-lone-surrogate": ("A podcast", "A\\ud800podcast", {26}),
    "rule-26-lone-surrogate-in-an-id": (SECOND, '"id": "urn:x:\\udc00"', {26}),
    "rule-26-in-an-extension": ("开源周刊", "开源\\u0000周刊", {26}),
    "rule-28-unclosed": (*inside("<p>a<b>b"), {28}),
    "rule-28-comment": (*inside("<!--><img src=x onerror=alert(1)>-->"), {28}),
    "rule-29-href": (*inside('<a href="../b/">x</a>'), {29}),
    "rule-29-src": (*inside('<img src="/a.jpg">'), {29}),
    "rule-29-relative-base": ('{"source": {', '{"base": "/posts/", "source": {', {29}),
    "rule-30-relative-url": ('"url": "https://news.example.org/posts/b/"', '"url": "/posts/b/"', {30}),
    "rule-30-raw-chinese": ('"url": "https://news.example.org/posts/b/"', '"url": "https://news.example.org/文/"', {30}),
    "rule-30-external-url": ('"https://weekly.example.org/a"', '"//weekly.example.org/a"', {30}),
    "rule-30-home-page": ('"home_page_url": "https://news.example.org/"', '"home_page_url": "/"', {30}),
    "rule-30-next-page": ('"next_url": "https://news.example.org/feeds/', '"next_url": "feeds/', {30}),
    "rule-30-image": ('"image": "https://img.example.org', '"image": "', {30}),
    "rule-30-banner": ('"banner_image": "https://img.example.org', '"banner_image": "', {30}),
    "rule-30-attachment": ('"https://news.example.org/b.mp3"', '"b.mp3"', {30}),
    "rule-30-author": ('"https://news.example.org/about"', '"about"', {30}),
    "rule-30-icon": ('"https://news.example.org/icon.png"', '"icon.png"', {30}),
    "rule-30-source": ('"https://weekly.example.org/feed"', '"feed"', {30}),
    "rule-31-script": (*inside("<script>alert(1)</script>"), {31}),
    "rule-31-javascript-url": ('"url": "https://news.example.org/posts/b/"', '"url": "javascript:alert(1)"', {31}),
    "rule-32-cut-inside-an-emoji": (TITLE, '"title": "A family 👩\u200d…"', {32}),
    "rule-32-right-to-left": (MODIFIED, MODIFIED + ', "language": "ar"', {32}),
    "rule-33-summary-is-the-content": ("三行就够。", "三行就够： 看", {33}),
    "rule-33-markup-in-summary": (SUMMARY, '"summary": "a <em>b</em>",', {33}),
    "rule-34-white-space": (TITLE, '"title": " A podcast"', {34}),
    "rule-40-a-list": (BASE, "[]", {40}),
    "rule-40-version-not-first": ("{\n", '{"user_comment": "x",\n', {40}),
    "rule-40-another-version": ("version/1.1", "version/2", {40}),
    "rule-40-no-feed-url": ('"feed_url": "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/feed.json",', "", {40, 43}),
    "rule-40-no-home-page": ('"home_page_url": "https://news.example.org/",', "", {40}),
    "rule-40-no-items": ('"items"', '"_items"', {40}),
    "rule-40-items-no-list": (BASE[BASE.index('"items": [') :], '"items": {}}', {40}),
    "rule-40-item-no-object": ('"items": [', '"items": ["x",', {40}),
    "rule-40-no-id": (SECOND + ",", "", {40}),
    "rule-40-id-a-number": (SECOND, '"id": 1', {40}),
    "rule-40-no-content": (TEXT, "", {40}),
    "rule-40-blank-content": (TEXT, '"content_html": " ",', {40}),
    "rule-40-markup-in-content-text": (TEXT, '"content_text": "a <em>b</em>",', {40}),
    "rule-40-author-of-the-feed": ('"icon"', '"author": {"name": "x"}, "icon"', {40}),
    "rule-40-author-of-an-item": (TITLE, TITLE + ', "author": {"name": "x"}', {40}),
    "rule-40-extension-without-a-line": (TITLE, TITLE + ', "podcast": {}', {40}),
    "rule-40-extension-without-a-letter": (TITLE, TITLE + ', "_1": {}', {40}),
    "rule-40-extension-with-a-dot": (TITLE, TITLE + ', "_a.b": {}', {40}),
    "rule-40-attachment-with-more": ('"size_in_bytes"', '"length": 1, "size_in_bytes"', {40}),
    "rule-40-hub-a-text": (HUB, HUB + ', "https://hub.example.org/"', {40}),
    "rule-40-size-a-text": ("1234", '"1234"', {40}),
    "rule-40-size-true": ("1234", "true", {40}),
    "rule-40-deep": (EXTENSION, f'"_feedmill": {{"x": {"[" * 40}{"]" * 40}, "about": ', {40}),
    "rule-41-archive-without-current": (EXTENSION, '"_feedmill": {"archive": true, "about": ', {41}),
    "rule-41-current-without-archive": (EXTENSION, '"_feedmill": {"current": "https://news.example.org/x", "about": ', {41}),
    "rule-41-next-of-no-archive": (EXTENSION, '"_feedmill": {"next_archive": "https://news.example.org/x", "about": ', {41}),
    "rule-41-complete-with-pages": (EXTENSION, '"_feedmill": {"complete": true, "about": ', {41}),
    "rule-41-next-page-is-this-one": ("feed-2.json", "feed.json", {41}),
    "rule-41-two-ways-to-one-page": (
        EXTENSION,
        '"_feedmill": {"archive": true, "current": "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/feed-2.json", "about": ',
        {41},
    ),
    "rule-43-relative-hub": ('"https://hub.example.org/"', '"/hub"', {43}),
    "rule-43-hub-without-a-type": (HUB, '{"url": "https://hub.example.org/"}', {43}),
    "rule-43-same-hub-twice": (HUB, f"{HUB}, {HUB}", {43}),
    "rule-52-too-big": ("三行就够：", "三" * (MAX_BYTES // 3), {52}),
}

#: Every rule that one JSON document can break. 15, 27 and 9, 35-39 are about XML.
RULES = {1, *range(3, 9), 10, 11, 12, 14, *range(16, 27), *range(28, 35), 40, 41, 43, 52}


def rules(problems: list[Problem]) -> set[int]:
    return {int(problem.rule.removeprefix("rule ")) for problem in problems}


def test_a_perfect_document_has_no_problems() -> None:
    assert audit_json(BASE.encode(), path="feed.json", url=URL, now=NOW) == []


def test_the_schema_accepts_the_perfect_document(root: Path) -> None:
    written = json.loads((root / "tests/schema/jsonfeed-1.1.schema.json").read_text())
    Draft202012Validator.check_schema(written)

    Draft202012Validator(written).validate(json.loads(BASE))


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_reports_exactly_the_broken_rule(old: str, new: str, expected: set[int]) -> None:
    problems = audit_json(broken(old, new), path="feed.json", url=URL, now=NOW)

    assert rules(problems) == expected
    assert all(problem.path == "feed.json" and problem.message for problem in problems)


def test_every_decidable_rule_has_a_broken_document() -> None:
    assert {int(name.split("-")[1]) for name in BROKEN} == RULES
    assert set().union(*(expected for _, _, expected in BROKEN.values())) == RULES


#: What the schema must refuse as the audit does: rules of the format, and not of this project.
OF_THE_FORMAT = [name for name in BROKEN if name.startswith("rule-40-")]
OF_THIS_PROJECT = {
    "rule-40-version-not-first",
    "rule-40-no-feed-url",
    "rule-40-no-home-page",
    "rule-40-blank-content",
    "rule-40-markup-in-content-text",
    "rule-40-author-of-the-feed",
    "rule-40-author-of-an-item",
    "rule-40-deep",
}


@pytest.mark.parametrize("name", OF_THE_FORMAT)
def test_the_schema_and_the_audit_agree_on_the_format(root: Path, name: str) -> None:
    written = json.loads((root / "tests/schema/jsonfeed-1.1.schema.json").read_text())

    assert Draft202012Validator(written).is_valid(json.loads(broken(*BROKEN[name][:2]))) == (name in OF_THIS_PROJECT)


GOOD = {
    "an-extension-anywhere": (TITLE, TITLE + ', "_blue_shed": {"explicit": false}'),
    "no-extension-of-ours": (BASE[BASE.index('  "_feedmill": {"about"') : BASE.index('  "items"')], ""),
    "a-title-about-an-element": (TITLE, '"title": "What <b> means & why"'),
    "text-and-html": (TEXT, TEXT + ' "content_html": "<p>x</p>",'),
    "a-size-that-is-not-known": (', "size_in_bytes": 1234', ""),
    "a-length-in-seconds": ("1234", '1234, "title": "x", "duration_in_seconds": 12.5'),
    "a-carriage-return-by-escape": (*inside("<pre>a\r\nb</pre>"),),
    "an-emoji-by-escape": ("A podcast", "A \\ud83d\\ude00 podcast"),
    "lines-that-end-in-two": ("{\n", "{\r\n"),
    "an-archive-document": (
        EXTENSION,
        '"_feedmill": {"archive": true, "current": "https://news.example.org/a", "next_archive": "https://news.example.org/b", "about": ',
    ),
    "a-whole-history": (f'{NEXT},\n  "icon": "https://news.example.org/icon.png"', '"_x": {}'),
    "a-number-of-5000-digits": (EXTENSION, f'"_feedmill": {{"x": {"9" * 5000}, "about": '),
    "no-items": (BASE[BASE.index('"items": [') :], '"items": []}'),
}


@pytest.mark.parametrize(("old", "new"), GOOD.values(), ids=GOOD.keys())
def test_leaves_alone_what_is_allowed(old: str, new: str) -> None:
    assert audit_json(broken(old, new), path="feed.json", url=URL, now=NOW) == []


def test_a_complete_feed_has_no_other_page() -> None:
    complete = BASE.replace(EXTENSION, '"_feedmill": {"complete": true, "about": ').replace(f"  {NEXT},\n", "")

    assert audit_json(complete.encode(), path="feed.json", url=URL, now=NOW) == []


def test_equal_dates_are_ordered_by_id() -> None:
    same = BASE.replace(PUBLISHED, '"2026-06-05T04:00:00Z"')

    assert rules(audit_json(same.encode(), path="feed.json")) == {14}
    assert audit_json(same.replace(ID_A, '"id": "http://news.example.org/a"').encode(), path="feed.json") == []


def test_without_an_address_and_a_time_neither_is_compared() -> None:
    elsewhere = BASE.replace("news.example.org/feeds/%E7", "example.org/feeds/%E7").replace("2026", "2226")

    assert audit_json(elsewhere.encode(), path="feed.json") == []
    assert rules(audit_json(elsewhere.encode(), path="feed.json", url=URL, now=NOW)) == {12, 17}


LINES = {
    "a-key-of-the-feed": ('"zh-CN"', '"zh_CN"', '"language": "zh-CN"'),
    "within-the-first-item": (*inside("<script>"), '{\n      "id": "tag:'),
    "within-the-second-item": (TITLE, '"title": " "', '{\n      "id": "https:'),
    "not-well-formed": (TITLE, '"title" "x"', TITLE),
    "twice-in-an-item": (TITLE, f"{TITLE}, {TITLE}", '{\n      "id": "https:'),
    "out-of-order": (PUBLISHED, '"2026-06-06T04:00:00Z"', '{\n      "id": "https:'),
    "deep": (TITLE, f'"title": {"[" * 50_000}', TITLE),
}


@pytest.mark.parametrize(("old", "new", "place"), LINES.values(), ids=LINES.keys())
def test_names_the_line(old: str, new: str, place: str) -> None:
    line = BASE[: BASE.index(place)].count("\n") + 1

    assert line in {problem.line for problem in audit_json(broken(old, new), path="feed.json")}


def test_names_the_line_of_what_is_not_utf8() -> None:
    data = BASE.encode().replace("小满".encode(), "小满".encode("gb18030"))

    (problem,) = audit_json(data, path="a/feed.json")

    assert (problem.path, problem.line, problem.rule) == ("a/feed.json", BASE[: BASE.index("小满")].count("\n") + 1, "rule 25")


def test_of_two_lists_of_items_the_later_is_judged() -> None:
    twice = BASE.replace('"icon"', '"items": [{}, {}, {}], "icon"').replace(TITLE, '"title": " "')

    key, item = (BASE[: BASE.index(place)].count("\n") + 1 for place in ('"items"', '{\n      "id": "https:'))
    assert [(problem.line, problem.rule) for problem in audit_json(twice.encode(), path="feed.json")] == [
        (key, "rule 25"),
        (item, "rule 19"),
    ]


def test_items_whose_key_is_written_with_escapes_are_judged_too() -> None:
    hidden = BASE.replace('"items"', '"it\\u0065ms"').replace(TITLE, '"title": " "')

    assert [(problem.line, problem.rule) for problem in audit_json(hidden.encode(), path="feed.json")] == [(0, "rule 19")]


@pytest.mark.parametrize("data", [b"", b"\0", b"{", b"{}", b"null", b"[" * 50_000, b'{"a":' * 50_000, "文".encode("utf-16")])
def test_what_is_no_feed_is_a_problem(data: bytes) -> None:
    assert audit_json(data, path="feed.json")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_never_raises_on_any_bytes(data: bytes) -> None:
    assert audit_json(data, path="feed.json", url=URL, now=NOW)


#: Half surrogate pairs among them, which JSON can write.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "url", "x"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_never_raises_on_values_of_any_type(data: st.DataObject) -> None:
    feed = json.loads(BASE)
    holder = data.draw(st.sampled_from([feed, *feed["items"], feed["_feedmill"], feed["authors"][0], feed["hubs"][0]]))
    for key in data.draw(st.lists(st.sampled_from(sorted(holder)), max_size=4)):
        holder[key] = data.draw(VALUES)

    audit_json(json.dumps(feed).encode(), path="feed.json", url=URL, now=NOW)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_never_raises_on_a_damaged_feed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(BASE)))
    length = data.draw(st.integers(0, 40))
    splinter = data.draw(st.text(st.sampled_from('{}[]",:\\u0189 \n科-e\x85\u202e'), max_size=20))

    audit_json((BASE[:place] + splinter + BASE[place + length :]).encode(), path="feed.json", url=URL, now=NOW)


HUGE = {
    "objects-never-closed": "{" * 1_000_000,
    "empty-lists": "[" + "[]," * 100_000,
    "quotes-that-never-end": '{"' + '\\"' * 500_000,
    "texts": '{"version": [' + '"",' * 100_000,
    "items-of-nothing": '{"items": [' + "{}," * 100_000 + "{}]}",
    "one-key-many-times": "{" + '"a":1,' * 100_000 + '"a":1}',
    "many-keys": "{" + ",".join(f'"{number}":1' for number in range(50_000)) + ',"1":1}',
    "line-breaks": BASE.replace("{", "\n" * 1_000_000 + "{", 1),
    "a-long-number": BASE.replace("1234", "9" * 1_000_000),
    "tags": BASE.replace('"科技/开源"', ",".join(f'"{number}"' for number in range(100_000))),
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_takes_linear_time(text: str) -> None:
    """Each takes a fraction of a second; anything quadratic would take minutes."""
    start = time.perf_counter()

    problems = audit_json(text.encode(), path="feed.json", url=URL)

    assert time.perf_counter() - start < 10
    assert len(problems) <= MAX_FINDINGS
