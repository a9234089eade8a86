"""What an entry and a feed become in RSS 2.0, and that a reader finds in it what Atom carries."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from html import escape
from types import ModuleType

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from entries import FEEDS, make_entry, make_head
from feedmill.model import Enclosure, Post
from feedmill.posts.html import clean_html
from feedmill.producer import atom, rss
from feedmill.producer.audit_rss import audit_rss
from feedmill.producer.entry import Category, Entry, build_entry
from feedmill.producer.head import FeedHead, History
from feedmill.producer.outcome import made_by_us
from feedmill.producer.site import Site, Source
from feedmill.text import one_line, plain_text, shorten

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
MEDIA = "{http://search.yahoo.com/mrss/}"
XML = "{http://www.w3.org/XML/1998/namespace}"
URL = f"{FEEDS}rss.xml"
RICH = make_entry(
    title="R&D <b> 与 ]]> 🚀",
    published=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    updated=datetime(2026, 2, 1, tzinfo=UTC),
    content='<p>正文 &amp; <a href="https://news.example.org/?a=1&amp;b=2">x</a></p>\n<pre>a\n  b</pre>',
    summary="Vec<T> & co",
    categories=(Category("新媒体", "新媒体", FEEDS), Category("新媒体/产品", "产品", FEEDS), Category("红", "红", f"{FEEDS}tags/")),
    via="https://www.example.com/1.html",
    thumbnail="https://img.example.org/s.jpg",
    picture="https://img.example.org/b.jpg?a=1&b=2",
    language="en",
    source=Source("https://up.example.org/feed", "上游", "https://up.example.org/feed"),
    enclosure=Enclosure("https://news.example.org/a.mp3", "audio/mpeg", 123),
)


def document(*entries: Entry, head: FeedHead | None = None, writer: ModuleType = rss) -> bytes:
    """A whole feed, as the press puts it together."""
    begin, end = writer.render_feed(head or make_head("rss.xml"))
    return begin + b"".join(writer.render_entries(entries)) + end


def item_of(**changes) -> etree._Element:
    return etree.fromstring(document(make_entry(**changes)))[0].find("item")


def channel_of(**changes) -> etree._Element:
    return etree.fromstring(document(head=make_head("rss.xml", **changes)))[0]


def test_a_whole_item() -> None:
    item = etree.fromstring(document(RICH))[0].find("item")

    assert item.get(f"{XML}lang") == "en"
    assert [(child.tag, child.text, dict(child.attrib)) for child in item] == [
        ("title", "R&D <b> 与 ]]> 🚀", {}),
        ("link", "https://news.example.org/posts/a/", {}),
        ("description", "Vec&lt;T&gt; &amp; co", {}),
        (ENCODED, RICH.content, {f"{XML}base": RICH.base}),
        ("guid", "tag:news.example.org,2026:a", {"isPermaLink": "false"}),
        (f"{DC}creator", "小满", {}),
        ("pubDate", "Fri, 02 Jan 2026 03:04:05 +0000", {}),
        (f"{ATOM}updated", "2026-02-01T00:00:00+00:00", {}),
        ("category", "新媒体", {"domain": FEEDS}),
        ("category", "新媒体/产品", {"domain": FEEDS}),
        ("category", "红", {"domain": f"{FEEDS}tags/"}),
        ("enclosure", None, {"url": "https://news.example.org/a.mp3", "type": "audio/mpeg", "length": "123"}),
        (f"{MEDIA}content", None, {"url": "https://img.example.org/b.jpg?a=1&b=2", "medium": "image"}),
        (f"{MEDIA}thumbnail", None, {"url": "https://img.example.org/s.jpg"}),
        ("source", "上游", {"url": "https://up.example.org/feed"}),
        (f"{ATOM}link", None, {"href": "https://www.example.com/1.html", "rel": "via", "type": "text/html"}),
    ]


def test_the_channel_says_what_the_feed_is() -> None:
    channel = channel_of(subtitle="A & B", hubs=("https://hub.example.org/", "https://hub.example.net/"), ttl=30)

    assert [(child.tag, child.text, dict(child.attrib)) for child in channel] == [
        ("title", "新闻 - 每日新闻", {}),
        ("link", "https://news.example.org/", {}),
        ("description", "A & B", {}),
        (f"{ATOM}link", None, {"href": URL, "rel": "self", "type": "application/rss+xml"}),
        ("generator", "feedmill", {}),
        ("language", "zh-CN", {}),
        ("ttl", "30", {}),
        ("lastBuildDate", "Fri, 02 Jan 2026 03:04:05 +0000", {}),
        (f"{DC}creator", "编辑部", {}),
        (f"{ATOM}id", "tag:news.example.org,2026:feed:1", {}),
        (f"{ATOM}link", None, {"href": "https://hub.example.org/", "rel": "hub"}),
        (f"{ATOM}link", None, {"href": "https://hub.example.net/", "rel": "hub"}),
    ]


def test_a_feed_without_a_subtitle_is_described_by_its_title() -> None:
    assert channel_of().findtext("description") == "新闻 - 每日新闻"


def test_a_document_begins_with_its_stylesheet_and_is_known_as_ours() -> None:
    data = document(RICH)

    assert data.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<?xml-stylesheet type="text/css" href="feed.css"?>\n<rss ')
    assert made_by_us(data)
    assert b"<![CDATA[" not in data
    assert b"fh:" not in data


def test_items_carry_no_namespaces_and_every_element_has_a_line() -> None:
    (piece,) = rss.render_entries([RICH])

    assert b"xmlns" not in piece
    assert piece.startswith(b'  <item xml:lang="en">\n    <title>')
    assert piece.endswith(b"</item>\n")
    assert piece.count(b"\n    <") == 16


def test_the_same_values_give_the_same_bytes() -> None:
    assert document(RICH) == document(RICH)
    assert rss.render_entries([make_entry(), RICH]) == [*rss.render_entries([make_entry()]), *rss.render_entries([RICH])]
    assert rss.render_entries([]) == []


HISTORIES = {
    "head": (History(prev=f"{FEEDS}rss-2.xml"), [("prev-archive", "rss-2.xml")], []),
    "archive": (
        History(prev=f"{FEEDS}rss-1.xml", next=f"{FEEDS}rss-3.xml", current=URL),
        [("prev-archive", "rss-1.xml"), ("next-archive", "rss-3.xml"), ("current", "rss.xml")],
        ["archive"],
    ),
    "complete": (History(is_complete=True), [], ["complete"]),
    "none": (History(), [], []),
}


@pytest.mark.parametrize(("history", "links", "marks"), HISTORIES.values(), ids=HISTORIES.keys())
def test_a_feed_links_its_history(history: History, links: list[tuple[str, str]], marks: list[str]) -> None:
    file = "rss-2.xml" if history.is_archive else "rss.xml"
    data = document(make_entry(), head=make_head(file, history=history))
    channel = etree.fromstring(data)[0]

    found = [link for link in channel.findall(f"{ATOM}link") if link.get("rel") != "self"]
    assert [(link.get("rel"), link.get("href").removeprefix(FEEDS)) for link in found] == links
    assert {link.get("type") for link in found} <= {"application/rss+xml"}
    assert [etree.QName(mark).localname for mark in channel.findall("{http://purl.org/syndication/history/1.0}*")] == marks
    assert audit_rss(data, path="rss.xml", url=f"{FEEDS}{file}") == []


DESCRIPTIONS = {
    "the-summary": ({"summary": "短"}, "短"),
    "a-summary-about-markup": ({"summary": "<b> & </b>"}, "&lt;b&gt; &amp; &lt;/b&gt;"),
    "no-content": ({"content": "", "summary": "只有标题"}, "只有标题"),
    "the-whole-of-short-content": ({"content": "<p>a &lt; b &amp; c</p>"}, "a &lt; b &amp; c"),
    "the-beginning-of-long-content": ({"content": "<p>" + "字" * 400 + "</p>"}, "字" * 299 + "…"),
    "a-picture-alone": ({"content": '<img src="https://img.example.org/a.jpg">'}, "标题"),
}


@pytest.mark.parametrize(("changes", "shown"), DESCRIPTIONS.values(), ids=DESCRIPTIONS.keys())
def test_every_item_is_described(changes: dict[str, str], shown: str) -> None:
    assert item_of(**changes).findtext("description") == shown


PIECES = [
    "字" * 90,
    "字" * 90,
    "wort ",
    "&amp;",
    "1 < 2",
    "<p>",
    "</p>",
    '<img alt="a > b < c">',
    "<b>",
    "</b>",
    '<a href="/x">',
    "</a>",
    "<br>",
]


@given(st.lists(st.sampled_from(PIECES), min_size=30, max_size=100))
@settings(max_examples=60, deadline=None)
def test_a_description_is_made_from_the_beginning_as_from_the_whole(pieces: list[str]) -> None:
    content = clean_html("".join(pieces), base="https://news.example.org/", embeds=frozenset())

    expected = shorten(plain_text(content), 300) or "标题"
    assert item_of(content=content).findtext("description") == escape(expected, quote=False)


def test_only_what_is_known_is_written() -> None:
    item = item_of(
        id="https://news.example.org/posts/a/",
        content="",
        summary="短",
        source=Source("urn:uuid:1", "秘密", ""),
        enclosure=Enclosure("https://news.example.org/a.mp3", "audio/mpeg"),
    )

    assert dict(item.find("guid").attrib) == {"isPermaLink": "true"}
    assert dict(item.find("enclosure").attrib) == {"url": "https://news.example.org/a.mp3", "type": "audio/mpeg"}
    assert not {ENCODED, "source", f"{ATOM}updated", f"{ATOM}link", f"{MEDIA}content", "author"} & {child.tag for child in item}
    assert item.get(f"{XML}lang") is None


@pytest.mark.parametrize(
    ("date", "written"),
    [
        (datetime(1889, 12, 31, 15, 54, 17, tzinfo=UTC), "Tue, 31 Dec 1889 15:54:17 +0000"),
        (datetime(1, 1, 1, tzinfo=UTC), "Mon, 01 Jan 0001 00:00:00 +0000"),
    ],
)
def test_early_years_have_four_digits(date: datetime, written: str) -> None:
    assert item_of(published=date).findtext("pubDate") == written
    assert channel_of(updated=date).findtext("lastBuildDate") == written


def test_what_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="XML"):
        rss.render_entries([make_entry(title="a\x00b")])


def read(data: bytes) -> feedparser.FeedParserDict:
    return feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)


SEEN = ("id", "title", "link", "author", "published_parsed", "media_content", "media_thumbnail", "enclosures")


@pytest.mark.parametrize("entry", [RICH, make_entry(), make_entry(content="", summary="短")], ids=["rich", "plain", "summary"])
def test_feedparser_reads_the_same_from_rss_as_from_atom(entry: Entry) -> None:
    (ours,), (theirs,) = (read(document(entry, writer=writer)).entries for writer in (rss, atom))

    assert [ours.get(name) for name in SEEN] == [theirs.get(name) for name in SEEN]
    # Where an item was never changed, its date says so alone.
    assert ours["updated_parsed" if "updated_parsed" in ours else "published_parsed"] == theirs.updated_parsed
    assert [(tag.term, tag.scheme) for tag in ours.tags] == [(tag.term, tag.scheme) for tag in theirs.tags]
    assert [(part.value, part.base) for part in ours.get("content", [])] == [(part.value, part.base) for part in theirs.get("content", [])]
    if entry.summary:
        assert plain_text(ours.summary) == theirs.summary
    if entry.source:
        assert (ours.source.title, ours.source.href) == (theirs.source.title, theirs.source.links[0].href)
    assert [link.href for link in ours.links if link.rel == "via"] == [link.href for link in theirs.links if link.rel == "via"]


def test_feedparser_reads_the_same_channel_from_rss_as_from_atom() -> None:
    head = make_head("rss.xml", subtitle="A & B", hubs=("https://hub.example.org/",))
    ours, theirs = (read(document(head=head, writer=writer)).feed for writer in (rss, atom))

    for name in ("id", "title", "subtitle", "link", "author", "updated_parsed", "generator"):
        assert ours.get(name) == theirs.get(name), name
    assert [link.href for link in ours.links] == ["https://news.example.org/", URL, "https://hub.example.org/"]


SITE = Site("https://news.example.org/", FEEDS, "每日新闻", "编辑部", "zh-CN", "UTC", "nested", "", "full", (), {})


@given(
    title=st.text(max_size=40),
    author=st.text(max_size=20),
    category=st.text(max_size=20),
    body=st.text(max_size=120),
    summary=st.text(max_size=40),
)
@settings(max_examples=25, deadline=None)
def test_any_text_gives_a_valid_feed(title: str, author: str, category: str, body: str, summary: str) -> None:
    categories = ((name,),) if (name := one_line(category)) else ()
    post = Post(title=one_line(title) or "无题", author=author, categories=categories, body=body, extra=(("summary", summary),))
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    entry = build_entry(post, SITE, path="a.md", entry_id="tag:news.example.org,2026:a", date=date, updated=date)

    problems = audit_rss(document(entry, head=make_head("rss.xml", title=entry.title)), path="rss.xml", url=URL, now=date)

    # Text that looks like markup (`</DIV>` as a title) is legal, and `check` names it all the same.
    assert [problem for problem in problems if problem.rule != "rule 19"] == []
    assert audit_rss(document(RICH, head=make_head("rss.xml", updated=RICH.updated)), path="rss.xml", url=URL) == []
