"""Plain entries are read as feedparser reads them: the two side by side, over elements that are plain and elements that are nearly so."""

from __future__ import annotations

from unittest.mock import patch
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from feedmill.consumer import reading
from feedmill.consumer.plainentries import can_be_plain, plain_entry
from feedmill.consumer.reading import read_document
from feedmill.consumer.sieve import parse_tree
from feedmill.upstream import FeedDocument

pytestmark = pytest.mark.long

URL = "https://feeds.example.org/blog/feed.xml"
PREFIXES = (
    'xmlns:c="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:media="http://search.yahoo.com/mrss/"'
)


def read(body: str) -> FeedDocument:
    return read_document(body.encode(), url=URL)


def read_by_feedparser(body: str) -> FeedDocument:
    with patch.object(reading, "plain_entry", lambda *_, **__: None):
        return read(body)


def rss(*items: str, attributes: str = "", head: str = "") -> str:
    inner = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0" {PREFIXES} {attributes}><channel><title>T</title>{head}{inner}</channel></rss>'


def atom(*entries: str, attributes: str = "") -> str:
    inner = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {PREFIXES} {attributes}><title>T</title>{inner}</feed>'


def is_plain(body: str) -> bool:
    root = parse_tree(body.encode())
    entries = list(root.iter("{*}item", "{*}entry"))
    return can_be_plain(root, url=URL) and all(plain_entry(entry, url=URL) is not None for entry in entries)


# fmt: off
WORDS = st.sampled_from([
    "水车", "a mill", "R&D", "a < b", "<b>bold</b>", "&amp;", "&eacute;", "&#233;", "&nope;", "&#zz;", "AT&T; more",
    "caf\xe9", "caf\xc3\xa9", "\x93quoted\x94",
    "\x85", "\ufdd0", "me@example.org", "me@example.org (Me)", "(a)", "<p>text</p><img src='/p.png'>", "</p>", "line\n\nline",
    "\r", " ", "\xa0", "",
    "base64", "\u2028", "<div>d</div>", "x" * 300, "<p>一二三</p>\n" * 20, "]]>",
])
ADDRESSES = st.one_of(st.sampled_from(["https://a.example/1", "http://b.example:80/a?b=c#d"]), st.sampled_from([
    "http://a.example", "HTTP://a.example/", "https://a.example/a/../b", "/1", "b.html", "", " https://a.example/1 ",
    "mailto:a@b.c",
    "https://a.example/?a=1&b=2", "https://a.example/?a=1&amp;b=2", "https://a.example/?", "https://a.example/#", "https://a.example/;p;q", "https:////a.example",
    "https://a.example/水", "https://é.example/", "javascript:alert(1)",
    "https://a.example/a b", "https://[::1/", "//b.example/x", "?q", "#f",
    "https://u:p@a.example/", "https://a.example:99999/", "https://a.example//x", "tag:a,2020:1",
]), st.text(st.sampled_from("htps:/.a?#&;%[]@ 水-_~=+*'"), max_size=24).map("https://a.example/".__add__))
DATES = st.one_of(st.just("2024-01-01T10:00:00Z"), st.sampled_from([
    "Mon, 01 Jan 2024 10:00:00 GMT", "2024-01-01T10:00:00Z", "2024-01-01", "1704067200", "yesterday", "", "2024年1月1日",
    "Δευ, 01 Ιαν 2024 10:00:00 GMT",
    "Mon, 01 Jan 2024 25:61:00 GMT", "0000-00-00T00:00:00Z", "13/13/2024", "2024-01-01T10:00:00+08:00",
]))
# fmt: on


def element(name: str, text: str, **attributes: str | None) -> str:
    written = "".join(f" {key.replace('_', ':')}={quoteattr(value)}" for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{escape(text)}</{name}>"


def some(name: str, texts: st.SearchStrategy[str], **attributes: st.SearchStrategy[str | None]) -> st.SearchStrategy[str]:
    return st.builds(element, st.just(name), texts, **attributes)


TEXT = st.one_of(st.sampled_from(["水车", "a mill", "R&D", "caf\xe9", ""]), st.lists(WORDS, max_size=3).map(" ".join))
NONE = st.none()
TYPES = st.sampled_from([None, None, "html", "html", "text", "xhtml", "HTML", "text/html", "text/plain", "application/json", "base64"])
BASES = st.one_of(NONE, NONE, ADDRESSES)
RSS_PARTS = st.one_of(
    some("title", TEXT, type=st.sampled_from([None, None, None, "html"])),
    some("link", ADDRESSES),
    some("guid", st.one_of(TEXT, ADDRESSES), isPermaLink=st.sampled_from([None, "true", "false", "x"])),
    some("pubDate", DATES),
    some("category", TEXT, domain=st.sampled_from([None, None, "d", "e"])),
    some("description", TEXT, xml_base=BASES),
    some("c:encoded", TEXT),
    some("dc:creator", TEXT),
    some("comments", ADDRESSES),
    some("slash:comments", TEXT),
)
RSS_ODDITIES = st.one_of(
    some("author", TEXT),
    st.just('<enclosure url="https://a.example/a.mp3" type="audio/mpeg" length="5"/>'),
    st.just('<media:thumbnail url="https://a.example/t.png"/>'),
    st.just("<!-- a remark -->loose text<other>thing</other>"),
    st.just("<source><title>elsewhere</title></source>"),
)
ATOM_PARTS = st.one_of(
    some("title", TEXT, type=TYPES),
    some(
        "link",
        st.just(""),
        href=st.one_of(NONE, ADDRESSES),
        type=TYPES,
        rel=st.sampled_from([None, "alternate", "self", "enclosure", "Alternate"]),
    ),
    some("id", st.one_of(TEXT, ADDRESSES)),
    some("published", DATES),
    some("updated", DATES),
    st.builds(
        "<author>{}{}</author>".format,
        some("name", TEXT),
        st.sampled_from(["", "<uri>https://a.example/me</uri>", "<email>m@a.example</email>"]),
    ),
    some("category", st.sampled_from(["", "", "c"]), term=st.one_of(NONE, TEXT), label=st.one_of(NONE, TEXT)),
    some("content", TEXT, type=TYPES, xml_base=BASES, xml_lang=st.sampled_from([None, "en"])),
    some("summary", TEXT, type=TYPES, xml_base=BASES),
)


def documents(parts: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """One or two entries, most of them of a few elements that differ."""
    few = st.lists(parts, min_size=1, max_size=3, unique_by=lambda part: part[:5])
    entries = st.one_of(few, few, st.lists(st.one_of(parts, RSS_ODDITIES), max_size=7))
    return st.lists(entries.map("".join), min_size=1, max_size=2)


@settings(max_examples=300)
@given(documents(RSS_PARTS), st.sampled_from(["", "", 'xml:base="https://b.example/"', 'xmlns="http://purl.org/rss/1.0/"']))
@example(["<category domain='d'/><category>a</category><category domain='d'>b</category>"], "")
@example(["<c:encoded>a \ufdd0</c:encoded>"], "")
@example(["<c:encoded>a</c:encoded><description>b</description>", "<description>b</description><c:encoded>a</c:encoded>"], "")
def test_an_rss_document_is_read_as_feedparser_reads_it(items: list[str], attributes: str) -> None:
    body = rss(*items, attributes=attributes)
    event(f"plain: {is_plain(body)}")
    assert read(body) == read_by_feedparser(body)


@settings(max_examples=300)
@given(documents(ATOM_PARTS), st.sampled_from(["", "", 'xml:base="https://b.example/"', 'xmlns:old="http://purl.org/rss/1.0/"']))
@example(["<category term='caf\xc3\xa9'/>"], "")
def test_an_atom_document_is_read_as_feedparser_reads_it(entries: list[str], attributes: str) -> None:
    body = atom(*entries, attributes=attributes)
    event(f"plain: {is_plain(body)}")
    assert read(body) == read_by_feedparser(body)


USUAL_RSS = (
    "<title>R&amp;D 一</title><link>https://a.example/1?a=1&amp;b=2</link><guid isPermaLink='false'>1</guid>"
    "<pubDate>Mon, 01 Jan 2024 10:00:00 GMT</pubDate>"
    "<category domain='d'>河</category><description>&lt;p&gt;一&lt;/p&gt;</description><c:encoded><![CDATA[<p>一二</p>]]></c:encoded>"
    "<dc:creator>磨坊主</dc:creator><comments>https://a.example/1#c</comments><slash:comments>3</slash:comments>"
)
USUAL_ATOM = (
    "<id>1</id><title type='html'>R&amp;amp;D</title><link href='https://a.example/1'/><link rel='edit' href='/1'/>"
    "<updated>2024-01-01T10:00:00Z</updated>"
    "<author><name>磨坊主</name></author><category term='河'/><content type='html' xml:base='https://a.example/'>&lt;p&gt;一&lt;/p&gt;</content>"
)


def test_what_most_feeds_are_made_of_is_plain() -> None:
    for body in (rss(USUAL_RSS), atom(USUAL_ATOM)):
        assert is_plain(body)
        assert read(body) == read_by_feedparser(body)
        assert read(body).entries[0].body


@pytest.mark.parametrize(
    "part",
    [
        "<title>&lt;b&gt;x&lt;/b&gt;</title>",
        "<title>x &amp;eacute;</title>",
        "<title>caf\xc3\xa9</title>",
        "<title>\x93x\x94</title>",
        "<title>a</title><title>b</title>",
        "<link>/1</link>",
        "<link>https://a.example/?a=1&amp;amp;b=2</link>",
        "<pubDate>yesterday</pubDate>",
        "<dc:creator>me@example.org (Me)</dc:creator>",
        "<description type='text/plain'>x</description>",
        "<enclosure url='https://a.example/a.mp3' type='audio/mpeg'/>",
        "<media:thumbnail url='https://a.example/t.png'/>",
    ],
)
def test_what_feedparser_does_something_to_is_not_plain(part: str) -> None:
    assert not is_plain(rss(part))
    assert read(rss(part)) == read_by_feedparser(rss(part))


@pytest.mark.parametrize(
    "part",
    [
        "<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>x</div></title>",
        "<title>a</title><title>b</title>",
        "<category>x</category>",
        "<link href='https://a.example/1'/><link href='https://a.example/2'/>",
        "<link href='https://a.example/1' type='application/pdf'/>",
        "<link rel='enclosure' href='https://a.example/a.mp3' type='audio/mpeg'/>",
        "<link href='https://a.example/a' url='https://a.example/b'/>",
        "<updated>yesterday</updated>",
        "<author><name>a</name><name>b</name></author>",
        "<author><email>m@a.example</email></author>",
        "<content type='text/plain'>&lt;b&gt;x&lt;/b&gt;</content>",
        "<content type='html' xml:base='blog/'>&lt;a href='x'&gt;x&lt;/a&gt;</content>",
        "<content type='html' src='https://a.example/'>x</content>",
    ],
)
def test_what_feedparser_does_something_to_in_an_atom_entry_is_not_plain(part: str) -> None:
    assert not is_plain(atom(part))
    assert read(atom(part)) == read_by_feedparser(atom(part))


@pytest.mark.parametrize(
    "part",
    [
        "<content type='html' xml:base='https://b.example/'>&lt;a href='x'&gt;x&lt;/a&gt;</content>",
        "<content type='html'>short</content><summary type='html'>longer than that</summary>",
        "<summary>a &lt; b</summary>",
        "<link rel='self' href='https://a.example/feed'/>",
        "<published>2024-01-01T10:00:00Z</published><updated>2024-01-02T10:00:00Z</updated>",
        "<author><name>a</name><email>m@a.example</email></author><author><name>b</name></author>",
    ],
)
def test_a_plain_part_of_an_atom_entry_is_read_as_feedparser_reads_it(part: str) -> None:
    assert is_plain(atom(part))
    assert read(atom(part)) == read_by_feedparser(atom(part))


@pytest.mark.parametrize(
    "body",
    [
        rss("<title>a</title>", attributes='xml:base="https://b.example/"'),
        rss("<title>a</title>", attributes='base="https://b.example/"'),
        atom("<title>a</title>", attributes='xmlns:old="http://purl.org/rss/1.0/"'),
        '<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><item xmlns="http://purl.org/rss/1.0/"><title>a</title></item></RDF>',
    ],
)
def test_a_frame_that_says_more_leaves_its_entries_to_feedparser(body: str) -> None:
    assert not is_plain(body)
    assert read(body) == read_by_feedparser(body)


def test_an_entry_that_breaks_feedparser_leaves_the_plain_ones_in_their_order() -> None:
    whole = [f"<guid>{name}</guid><title>{name}</title>" for name in "abc"]
    broken = "<guid>x</guid><media:thumbnail url='https://a.example/t.png'/>"
    parse = reading.parse_feed

    def breaking(document: bytes, *, url: str) -> object:
        if b"thumbnail" in document:
            raise reading.UpstreamError("the parser failed")
        return parse(document, url=url)

    with patch.object(reading, "parse_feed", breaking):
        found = read(rss(whole[0], broken, *whole[1:]))
    assert [entry.title for entry in found.entries] == ["a", "b", "c"]
    assert found.complaint.startswith("entries left out: 1")
