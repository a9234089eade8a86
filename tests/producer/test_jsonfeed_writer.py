"""What an entry becomes in JSON Feed 1.1: keys, their order, the bytes, and that a file of ours is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from feedmill import PROJECT_URL
from feedmill.model import Enclosure
from feedmill.producer.audit_json import audit_json
from feedmill.producer.entry import Category, Entry
from feedmill.producer.formats import JSON
from feedmill.producer.head import FeedHead, History
from feedmill.producer.jsonfeed import render_entries, render_feed
from feedmill.producer.outcome import made_by_us
from feedmill.producer.site import Source

DAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FEEDS = "https://news.example.org/feeds/"
HEAD = FeedHead(
    id="tag:news.example.org,2026:feed",
    title="科技 & 生活",
    subtitle="",
    author="编辑部",
    language="zh-CN",
    updated=DAY,
    self_url=f"{FEEDS}feed.json",
    site_url="https://news.example.org/",
    stylesheet="feed.css",
)
ENTRY = Entry(
    id="urn:x:1",
    title="标题",
    link="https://news.example.org/posts/1/",
    published=DAY,
    updated=DAY,
    author="作者",
    content="<p>正文</p>",
    summary="",
    categories=(),
    base="https://news.example.org/posts/1/",
    via="",
    thumbnail="",
    picture="",
    language="",
    source=None,
)


@pytest.fixture(scope="module")
def validator(root: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads((root / "tests/schema/jsonfeed-1.1.schema.json").read_text()))


def document(*entries: Entry, head: FeedHead = HEAD) -> bytes:
    """Return a feed as the press joins it."""
    start, end = render_feed(head)
    return start + JSON.separator.join(render_entries(entries)) + end


def item(**changes: object) -> dict[str, object]:
    (found,) = json.loads(document(ENTRY._replace(**changes)))["items"]
    return found


def test_the_bytes_of_a_document() -> None:
    assert document(ENTRY, ENTRY._replace(id="urn:x:2", content="", summary="摘要")).decode() == (
        "{\n"
        '  "version": "https://jsonfeed.org/version/1.1",\n'
        '  "title": "科技 & 生活",\n'
        '  "home_page_url": "https://news.example.org/",\n'
        '  "feed_url": "https://news.example.org/feeds/feed.json",\n'
        '  "language": "zh-CN",\n'
        '  "authors": [{"name": "编辑部"}],\n'
        '  "_feedmill": {"about": "https://github.com/feedmill/feedmill", "generator": "feedmill", '
        '"id": "tag:news.example.org,2026:feed", "updated": "2026-03-02T01:00:00+00:00"},\n'
        '  "items": [\n'
        "    {\n"
        '      "id": "urn:x:1",\n'
        '      "url": "https://news.example.org/posts/1/",\n'
        '      "title": "标题",\n'
        '      "content_html": "<p>正文</p>",\n'
        '      "date_published": "2026-03-02T01:00:00+00:00",\n'
        '      "authors": [{"name": "作者"}]\n'
        "    },\n"
        "    {\n"
        '      "id": "urn:x:2",\n'
        '      "url": "https://news.example.org/posts/1/",\n'
        '      "title": "标题",\n'
        '      "content_text": "摘要",\n'
        '      "summary": "摘要",\n'
        '      "date_published": "2026-03-02T01:00:00+00:00",\n'
        '      "authors": [{"name": "作者"}]\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_a_whole_entry() -> None:
    scheme = FEEDS
    found = item(
        via="https://www.example.com/1",
        summary="摘要",
        thumbnail="https://img.example.org/s.jpg",
        picture="https://img.example.org/l.jpg",
        updated=DAY + timedelta(hours=1),
        categories=(Category("甲", "甲", scheme), Category("甲/乙", "乙", scheme), Category("甲", "甲", f"{scheme}tags/")),
        base="https://elsewhere.example.com/",
        language="en-GB",
        source=Source("urn:x:weekly", "周刊", "https://weekly.example.org/feed"),
        enclosure=Enclosure("https://news.example.org/1.mp3", "audio/mpeg", 1234),
    )
    assert list(found.items()) == [
        ("id", "urn:x:1"),
        ("url", "https://news.example.org/posts/1/"),
        ("external_url", "https://www.example.com/1"),
        ("title", "标题"),
        ("content_html", "<p>正文</p>"),
        ("summary", "摘要"),
        ("image", "https://img.example.org/s.jpg"),
        ("banner_image", "https://img.example.org/l.jpg"),
        ("date_published", "2026-03-02T01:00:00+00:00"),
        ("date_modified", "2026-03-02T02:00:00+00:00"),
        ("authors", [{"name": "作者"}]),
        ("tags", ["甲", "甲/乙"]),
        ("language", "en-GB"),
        ("attachments", [{"url": "https://news.example.org/1.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 1234}]),
        (
            "_feedmill",
            {
                "source": {"id": "urn:x:weekly", "title": "周刊", "url": "https://weekly.example.org/feed"},
                "base": "https://elsewhere.example.com/",
            },
        ),
    ]


def test_what_is_not_known_is_left_out() -> None:
    found = item(enclosure=Enclosure("https://news.example.org/1.mp3", "audio/mpeg"), source=Source("urn:x:s", "秘密", ""))
    assert found["attachments"] == [{"url": "https://news.example.org/1.mp3", "mime_type": "audio/mpeg"}]
    assert found["_feedmill"] == {"source": {"id": "urn:x:s", "title": "秘密"}}
    assert "title" not in item(title="")


def test_one_picture_is_the_item_s_and_no_banner() -> None:
    found = item(thumbnail="https://img.example.org/1.jpg", picture="https://img.example.org/1.jpg")
    assert found["image"] == "https://img.example.org/1.jpg"
    assert "banner_image" not in found


def test_the_base_is_said_where_no_address_of_the_item_says_it() -> None:
    via = "https://www.example.com/1"
    assert "_feedmill" not in item(via=via, base=via)
    assert item(via=via)["_feedmill"] == {"base": ENTRY.base}
    assert "_feedmill" not in item(via=via, content="", summary="摘要")


def top(**changes: object) -> dict[str, object]:
    return json.loads(document(head=HEAD._replace(**changes)))


def test_the_head_of_a_feed() -> None:
    found = top(
        subtitle="副题", hubs=("https://hub.example.org/", "https://other.example.org/"), history=History(prev=f"{FEEDS}feed-2.json")
    )
    assert list(found) == [
        *("version", "title", "home_page_url", "feed_url", "description", "next_url"),
        *("language", "authors", "hubs", "_feedmill", "items"),
    ]
    assert (found["description"], found["next_url"]) == ("副题", f"{FEEDS}feed-2.json")
    assert found["hubs"] == [{"type": "WebSub", "url": "https://hub.example.org/"}, {"type": "WebSub", "url": "https://other.example.org/"}]
    assert found["items"] == []
    assert found["_feedmill"]["about"] == PROJECT_URL


@pytest.mark.parametrize(
    ("history", "said"),
    [
        pytest.param(History(), {}, id="none"),
        pytest.param(History(prev=f"{FEEDS}feed-2.json"), {}, id="head"),
        pytest.param(History(is_complete=True), {"complete": True}, id="complete"),
        pytest.param(
            History(prev=f"{FEEDS}feed-1.json", next=f"{FEEDS}feed-3.json", current=f"{FEEDS}feed.json"),
            {"archive": True, "current": f"{FEEDS}feed.json", "next_archive": f"{FEEDS}feed-3.json"},
            id="archive",
        ),
        pytest.param(History(current=f"{FEEDS}feed.json"), {"archive": True, "current": f"{FEEDS}feed.json"}, id="newest-archive"),
    ],
)
def test_the_place_in_the_history(validator: Draft202012Validator, history: History, said: dict[str, object]) -> None:
    url = f"{FEEDS}feed-2.json" if history.is_archive else HEAD.self_url
    data = document(ENTRY, head=HEAD._replace(self_url=url, history=history))
    found = json.loads(data)
    assert {key: found["_feedmill"][key] for key in list(found["_feedmill"])[4:]} == said
    assert found.get("next_url", "") == history.prev
    assert audit_json(data, path="feed.json", url=url) == []
    validator.validate(found)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("a\x00b\x0bc\x1fd", "abcd", id="c0"),
        pytest.param("a\ud800b\udfff", "ab", id="lone-surrogates"),
        pytest.param("a\ufffe\uffffb", "ab", id="no-characters"),
        pytest.param("it\x92s", "it’s", id="windows-1252"),
        pytest.param("a\tb\nc", "a\tb\nc", id="white-space-stays"),
        pytest.param("a\r\nb\rc", "a\nb\nc", id="carriage-returns"),
        pytest.param("C:\\back\\forward\\u0000", "C:\\back\\forward\\u0000", id="backslashes-stay"),
        pytest.param("\u2028\u202e👩\u200d👧\U0010ffff\x7f", "\u2028\u202e👩\u200d👧\U0010ffff\x7f", id="everything-else-stays"),
    ],
)
def test_characters_that_xml_cannot_have_go(written: str, read: str) -> None:
    found = item(title=written, content=written, source=Source("urn:x:s", written, ""), categories=(Category(written, written, FEEDS),))
    assert (found["title"], found["content_html"], found["tags"]) == (read, read, [read])
    assert found["_feedmill"]["source"]["title"] == read
    assert top(title=written, author=written)["authors"] == [{"name": read}]


MARK = '  "_feedmill": {"about": "https://github.com/feedmill/feedmill", "generator": "feedmill", '
NOT_OURS = {
    "another-generator": ('"generator": "feedmill"', '"generator": "feedmill 2"'),
    "no-extension": ('"_feedmill"', '"_other"'),
    "in-an-item-alone": ('  "_feedmill"', '  "items": [],\n    "_feedmill"'),
    "indented-by-somebody": ("  ", "    "),
}


@pytest.mark.parametrize(("old", "new"), NOT_OURS.values(), ids=NOT_OURS.keys())
def test_a_file_of_somebody_else_is_none_of_ours(old: str, new: str) -> None:
    ours = document(ENTRY).decode()
    assert old in ours
    assert not made_by_us(ours.replace(old, new).encode())


def test_a_file_of_ours_is_known() -> None:
    assert made_by_us(document(ENTRY))
    assert made_by_us(document(head=HEAD._replace(history=History(current=f"{FEEDS}feed.json"), subtitle="副" * 1000)))
    assert made_by_us(b'<?xml version="1.0"?><feed><generator>feedmill</generator>')


@pytest.mark.parametrize("title", [MARK, f"x\n{MARK}", '<generator>feedmill</generator>"', '", "_feedmill": {"generator": "feedmill"'])
def test_no_text_makes_a_file_one_of_ours(title: str) -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": title, "items": [{"id": "1", "content_text": title}]}
    for text in (json.dumps(feed, ensure_ascii=False), json.dumps(feed, indent=2), "\ufeff \r\n" + json.dumps(feed)):
        assert not made_by_us(text.encode())


#: Everything that Python can hold, half surrogate pairs too.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), max_size=4), st.tuples(TEXTS, TEXTS))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_valid_feed(validator: Draft202012Validator, texts, names) -> None:
    entries = [
        ENTRY._replace(
            id=f"urn:x:{number}",
            title=f"题{title}名",
            author=f"作{author}者",
            summary=f"摘{summary}要",
            content="" if summary else "<p>正文</p>",
            categories=(Category(f"类{tag}", tag, FEEDS), Category(f"签{tag}", tag, f"{FEEDS}tags/")),
        )
        for number, (title, author, summary, tag) in enumerate(texts)
    ]
    head = HEAD._replace(title=f"题{names[0]}名", subtitle=names[1])
    data = document(*entries, head=head)

    assert data == document(*entries, head=head)
    validator.validate(json.loads(data))
    # What looks like markup, or has white space around it, is legal, and `check` names it all the same.
    about_words = {"rule 16", "rule 19", "rule 33", "rule 34"}
    assert {problem.rule for problem in audit_json(data, path="feed.json", url=HEAD.self_url, now=DAY)} <= about_words
