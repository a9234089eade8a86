"""Atom, RSS and JSON of one category say the same: read back, they give the same ids, titles, dates, links, contents and pictures."""

from __future__ import annotations

import io
import json
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from feedmill.consumer.jsonfeed import parse_json_feed, raw_item
from feedmill.model import Enclosure, Post
from feedmill.producer.entry import Entry, build_entry
from feedmill.producer.formats import ATOM, FORMATS, JSON, RSS, Format
from feedmill.producer.head import FeedHead, History
from feedmill.producer.site import Site, Source
from feedmill.text import one_line

SITE = Site(
    url="https://news.example.org/",
    feeds_url="https://news.example.org/feeds/",
    title="每日新闻",
    author="编辑部",
    language="zh-CN",
    zone="Asia/Shanghai",
    categories="nested",
    permalink="",
    content="full",
    embeds=("www.youtube.com",),
    sources={"weekly": Source("https://weekly.example.org/feed", "周刊", "https://weekly.example.org/feed")},
)


@dataclass(frozen=True)
class Read:
    """What a reader gets of an entry, whatever the format."""

    id: str
    title: str
    link: str
    published: datetime
    updated: datetime
    author: str
    #: HTML; "" for an entry that has a summary alone, which then stands in `summary`.
    content: str
    summary: str
    #: Terms of the categories and tags, each once.
    categories: tuple[str, ...]
    #: The larger picture, then the smaller.
    pictures: tuple[str, str]
    enclosures: tuple[tuple[str, str, str], ...]


def document(kind: Format, entries: Sequence[Entry], head: FeedHead) -> bytes:
    """Return a feed as the press joins it."""
    start, end = kind.writer.render_feed(head)
    return start + kind.separator.join(kind.writer.render_entries(entries)) + end


def read_xml(data: bytes) -> list[Read]:
    """Return the entries of an Atom or RSS feed as feedparser reads them, its own cleaning and resolving off."""
    found = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    assert not found.bozo
    return [_read_entry(entry, is_rss=found.version.startswith("rss")) for entry in found.entries]


def _read_entry(entry: Any, *, is_rss: bool) -> Read:
    content = entry.content[0].value if "content" in entry else ""
    # An item of RSS always has a description, in HTML; the content goes before it where there is one.
    summary = "" if content else entry.summary_detail.value
    return Read(
        id=entry.id,
        title=entry.title,
        link=entry.link,
        published=_moment(entry.published_parsed),
        updated=_moment(entry.updated_parsed if "updated" in entry else entry.published_parsed),
        author=entry.author,
        content=content,
        summary=unescaped(summary) if is_rss else summary,
        categories=tuple(dict.fromkeys(tag.term for tag in entry.get("tags", ()))),
        pictures=tuple(entry[name][0]["url"] if name in entry else "" for name in ("media_content", "media_thumbnail")),
        enclosures=tuple((link.href, link.type, link.get("length", "")) for link in entry.links if link.rel == "enclosure"),
    )


def unescaped(text: str) -> str:
    """Return the text of HTML that has no tags."""
    assert "<" not in text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _moment(parsed: Any) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=timegm(parsed))


def read_json(data: bytes) -> list[Read]:
    """Return the items of a JSON Feed as our own reader of others' feeds reads them."""
    return [_read_item(item) for item in parse_json_feed(data).items]


def _read_item(item: Any) -> Read:
    raw = raw_item(item)
    (content,) = raw.contents or raw.summaries
    pictures = [picture.address for picture in raw.pictures if picture.address in (item.get("image"), item.get("banner_image"))]
    assert raw.published is not None
    return Read(
        id=raw.guid,
        title=raw.title.value,
        link=raw.link,
        published=raw.published,
        updated=raw.updated or raw.published,
        author=raw.authors[0].value,
        content=content.value if content.is_html else "",
        summary="" if content.is_html else content.value,
        categories=tuple(tag.value for tag in raw.tags),
        pictures=(pictures[-1], pictures[0]) if pictures else ("", ""),
        enclosures=tuple((file.url, file.type, "" if file.length is None else str(file.length)) for file in raw.attachments),
    )


READERS = {ATOM.name: read_xml, RSS.name: read_xml, JSON.name: read_json}


def head(entries: Sequence[Entry], kind: Format) -> FeedHead:
    return FeedHead(
        id="tag:news.example.org,2026:feed",
        title="新媒体 & 科技 - 每日新闻",
        subtitle="",
        author=SITE.author,
        language=SITE.language,
        updated=max((entry.updated for entry in entries), default=datetime(2026, 1, 1, tzinfo=UTC)),
        self_url=f"{SITE.feeds_url}{kind.file}",
        site_url=SITE.url,
        stylesheet="feed.css",
    )


def readings(entries: Sequence[Entry]) -> dict[str, list[Read]]:
    """Return what a reader gets of each format."""
    return {name: READERS[name](document(kind, entries, head(entries, kind))) for name, kind in FORMATS.items()}


#: Seconds after 1970: dates from 1900 to 2100.
MOMENTS = st.integers(-2_208_988_800, 4_102_444_800).map(lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
# feedparser mends "UTF-8 that was taken for Latin-1", in RSS alone: `Â¡` becomes `¡`.
CHARACTERS = st.characters(exclude_characters="".join(map(chr, range(0x80, 0x100))))
# Texts of one line and names that are not empty, as posts are read.
NAMES = (
    st.text(CHARACTERS, max_size=12).map(one_line) | st.sampled_from(["新媒体", "R&D", "<b>", "a/b", "&amp;", "]]>", "A", "a"])
).filter(bool)
MARKUP = st.lists(st.sampled_from(["<b>", "</b>", "&amp;", "&lt;", "&", "<", "题", " ", "]]>", "\u202e"]), max_size=6).map("".join)
TEXTS = st.text(CHARACTERS, max_size=30) | MARKUP
LINES = TEXTS.map(one_line)
ADDRESSES = st.sampled_from(["", "https://img.example.com/图 1.jpg?a=1&b=2", "../a.png", "//cdn.example.com/b.webp", "c.jpg"])
BODIES = st.lists(
    st.sampled_from(
        [
            "<p>正文 &amp; &lt;b&gt;</p>",
            '<p><a href="../x?a=1&amp;b=2">链接</a></p>',
            "<pre>  a\n\n\tb </pre>",
            "]]>",
            "<!-- more -->",
            '<img src="图.png" alt="&quot;a&quot;">',
            "<p>a<b>b</p>",
            "裸文 & <",
            '<audio controls src="/a.mp3"></audio>',
            '<iframe src="https://www.youtube.com/embed/x"></iframe>',
            "\u00a0\u2028\x0b\x92",
        ]
    )
    | TEXTS,
    max_size=5,
).map(lambda parts: "\n".join(parts).strip())


@st.composite
def posts(draw: st.DrawFn) -> Post:
    """A post as any file may say it is."""
    extra = {"lang": draw(st.sampled_from(["", "en", "ar", "zh-CN"])), "description": draw(st.just("") | LINES)}
    return Post(
        title=draw(LINES) or "无题",
        body=draw(BODIES),
        markup=draw(st.sampled_from(["html", "html", "markdown"])),
        categories=tuple(map(tuple, draw(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=2)))),
        tags=tuple(draw(st.lists(NAMES, max_size=2))),
        headimg=draw(ADDRESSES),
        thumbnail=draw(ADDRESSES),
        author=draw(st.just("") | LINES),
        link=draw(st.sampled_from(["", "https://www.example.com/a/文.html", "https://www.example.com/?p=1&q=2"])),
        source=draw(st.sampled_from(["", "weekly", "gone"])),
        enclosure=draw(
            st.none()
            | st.builds(
                Enclosure,
                st.sampled_from(["https://news.example.org/a b.mp3?x=1&y=2", "v.mp4"]),
                st.sampled_from(["", "audio/mpeg"]),
                st.none() | st.integers(1, 10**10),
            )
        ),
        extra=tuple((key, value) for key, value in extra.items() if value),
    )


@st.composite
def any_entries(draw: st.DrawFn) -> list[Entry]:
    """Entries of any posts, in any order: the press puts them into theirs, for every format alike."""
    entries = []
    for number, post in enumerate(draw(st.lists(posts(), max_size=3))):
        date = draw(MOMENTS)
        updated = date + timedelta(seconds=draw(st.just(0) | st.integers(1, 10**8)))
        entry_id = f"tag:news.example.org,2026:{number}"
        entries.append(build_entry(post, SITE, path=f"p/{number}.md", entry_id=entry_id, date=date, updated=updated))
        # A body that has nothing but white space once it is clean is content to one reader and none to another.
        assume(not entries[-1].content.isspace())
    return entries


def said(entry: Entry) -> Read:
    """Return what `entry` says; readers take white space off the ends of texts."""
    file = entry.enclosure
    return Read(
        id=entry.id,
        title=entry.title,
        link=entry.link,
        published=entry.published,
        updated=entry.updated,
        author=entry.author,
        content=entry.content.strip(),
        summary="" if entry.content else entry.summary,
        categories=tuple(dict.fromkeys(category.term for category in entry.categories)),
        pictures=(entry.picture, entry.thumbnail),
        enclosures=((file.url, file.type, "" if file.length is None else str(file.length)),) if file else (),
    )


@settings(max_examples=30, deadline=None)
@given(any_entries())
def test_every_format_says_the_same(entries: list[Entry]) -> None:
    expected = [said(entry) for entry in entries]

    for name, found in readings(entries).items():
        assert found == expected, name


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(History(), id="none"),
        pytest.param(History(is_complete=True), id="complete"),
        pytest.param(History(prev="https://news.example.org/feeds/x-2"), id="newest"),
        pytest.param(
            History("https://news.example.org/feeds/x-1", "https://news.example.org/feeds/x-3", "https://news.example.org/feeds/x"),
            id="archive",
        ),
    ],
)
def test_every_format_says_the_same_of_itself(history: History) -> None:
    read = {}
    for name, kind in FORMATS.items():
        asked = head([], kind)._replace(subtitle="副题 & <b>", history=history, hubs=("https://hub.example.org/",))
        read[name] = (_json_head if kind is JSON else _xml_head)(document(kind, [], asked))
        assert read[name].pop("self") == asked.self_url
    assert read["json"] == read["rss"] == read["atom"]
    assert read["json"]["history"] == (history.prev, history.next, history.current)


def _xml_head(data: bytes) -> dict[str, object]:
    feed = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False).feed
    links = {link.rel: link.href for link in feed.links}
    return {
        "id": feed.id,
        "title": feed.title,
        "subtitle": feed.subtitle,
        "site": feed.link,
        "self": links["self"],
        "author": feed.author,
        "language": feed.language,
        "updated": _moment(feed.updated_parsed),
        "hub": links["hub"],
        "history": tuple(links.get(relation, "") for relation in ("prev-archive", "next-archive", "current")),
        "kind": ("fh_archive" in feed, "fh_complete" in feed),
    }


def _json_head(data: bytes) -> dict[str, object]:
    feed = json.loads(data)
    ours = feed["_feedmill"]
    return {
        "id": ours["id"],
        "title": feed["title"],
        "subtitle": feed["description"],
        "site": feed["home_page_url"],
        "self": feed["feed_url"],
        "author": feed["authors"][0]["name"],
        "language": feed["language"],
        "updated": datetime.fromisoformat(ours["updated"]),
        "hub": feed["hubs"][0]["url"],
        "history": (feed.get("next_url", ""), ours.get("next_archive", ""), ours.get("current", "")),
        "kind": (ours.get("archive", False), ours.get("complete", False)),
    }
