"""What becomes of feedparser's reading: texts with their types, dates that are no guesses, addresses, persons, hints."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedmill.consumer.parse import parse_feed, parsed_mark, raw_entry
from feedmill.consumer.rawentry import RawEntry, RawMedia
from feedmill.consumer.reading import read_document
from feedmill.errors import UpstreamError
from feedmill.upstream import Entry, Hints

URL = "https://example.org/blog/feed.xml"
RSS = """<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:atom="http://www.w3.org/2005/Atom"
 xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
 <channel><title>T</title>{}</channel></rss>"""
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>urn:1</id>{}</entry></feed>'


def rss(item: str, channel: str = "") -> bytes:
    return RSS.format(f"{channel}<item>{item}</item>").encode()


def read(body: bytes) -> Entry:
    (entry,) = read_document(body, url=URL).entries
    return entry


def raw(body: bytes) -> RawEntry:
    feed = parse_feed(body, url=URL)
    return raw_entry(feed.entries[0], version=feed.version, url=URL)


DATES = {
    "RFC 822": ("<pubDate>Thu, 10 Jun 2021 08:00:00 +0800</pubDate>", datetime(2021, 6, 10, tzinfo=UTC)),
    "without a zone": ("<pubDate>2021-07-13 06:27:34</pubDate>", datetime(2021, 7, 13, 6, 27, 34, tzinfo=UTC)),
    "Chinese": ("<pubDate>2021年7月13日 06:27</pubDate>", datetime(2021, 7, 13, 6, 27, tzinfo=UTC)),
    "Dublin Core": ("<dc:date>2021-07-13T06:27:34Z</dc:date>", datetime(2021, 7, 13, 6, 27, 34, tzinfo=UTC)),
    "created": ("<dcterms:created>2021-07-13T06:27:34Z</dcterms:created>", datetime(2021, 7, 13, 6, 27, 34, tzinfo=UTC)),
    "Greek": ("<pubDate>Κυρ, 11 Ιούλ 2004 12:00:00 EST</pubDate>", datetime(2004, 7, 11, 17, tzinfo=UTC)),
    "the future": ("<pubDate>Thu, 10 Jun 2094 00:00:00 GMT</pubDate>", datetime(2094, 6, 10, tzinfo=UTC)),
    "long ago": ("<pubDate>Thu, 10 Jun 1600 00:00:00 GMT</pubDate>", datetime(1600, 6, 10, tzinfo=UTC)),
    "a leap second": ("<pubDate>Sat, 31 Dec 2016 23:59:60 GMT</pubDate>", datetime(2017, 1, 1, tzinfo=UTC)),
    # D6: never a guess.
    "absent": ("", None),
    "empty": ("<pubDate/>", None),
    "words": ("<pubDate>yesterday</pubDate>", None),
    "Hungarian, which feedparser reads as the 1st of November": ("<pubDate>2004-július-13T9:15-03:00</pubDate>", None),
    "zeros": ("<pubDate>0000-00-00</pubDate>", None),
    "the 13th month": ("<pubDate>2024-13-45</pubDate>", None),
    "the 13th month with a time": ("<pubDate>2024-13-45T10:00:00Z</pubDate>", None),
    "the 31st of February": ("<pubDate>Sat, 31 Feb 2024 10:00:00 GMT</pubDate>", None),
    "seconds since 1970": ("<pubDate>1704067200</pubDate>", None),
    "the year 99999": ("<pubDate>99999-01-01</pubDate>", None),
    "a zone that is none": ("<pubDate>Thu, 10 Jun 2021 00:00:00 +25:00</pubDate>", None),
    "5,000 digits": (f"<pubDate>{'1' * 5_000}</pubDate>", None),
}


@pytest.mark.parametrize(("item", "expected"), DATES.values(), ids=DATES)
def test_dates(item: str, expected: datetime | None) -> None:
    assert read(rss(item)).published == expected


def test_updated_is_there_only_where_upstream_says_so() -> None:
    entry = read(rss("<pubDate>Thu, 10 Jun 2021 00:00:00 GMT</pubDate>"))
    assert entry.updated is None
    entry = read(ATOM.format("<published>2021-06-10T00:00:00Z</published><updated>2021-06-11T00:00:00Z</updated>").encode())
    assert (entry.published, entry.updated) == (datetime(2021, 6, 10, tzinfo=UTC), datetime(2021, 6, 11, tzinfo=UTC))


def test_an_entry_with_updated_alone_was_published_then() -> None:
    entry = read(ATOM.format("<updated>2021-06-11T00:00:00Z</updated>").encode())
    assert entry.published == entry.updated == datetime(2021, 6, 11, tzinfo=UTC)


TITLES = {
    "RSS, plain": (rss("<title>A &lt; b &amp;&amp; c</title>"), "A < b && c"),
    "RSS, HTML": (rss("<title>&lt;b&gt;A&lt;/b&gt; &amp;amp; b</title>"), "A & b"),
    "RSS, HTML in CDATA": (rss("<title><![CDATA[AT&amp;T &#8211; <em>x</em>]]></title>"), "AT&T – x"),
    "RSS, what no HTML title has": (rss("<title>&lt;script&gt;x&lt;/script&gt;</title>"), ""),
    "Atom, text": (ATOM.format('<title type="text">&lt;b&gt; &amp;amp; c</title>').encode(), "<b> &amp; c"),
    "Atom, HTML": (ATOM.format('<title type="html">&lt;b&gt;a&lt;/b&gt; &amp;amp; c</title>').encode(), "a & c"),
    "Atom, XHTML": (
        ATOM.format('<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">a <b>b</b></div></title>').encode(),
        "a b",
    ),
    "several lines": (rss("<title>\n a\n  b\t</title>"), "a b"),
    "none": (rss("<guid>1</guid>"), ""),
}


@pytest.mark.parametrize(("body", "expected"), TITLES.values(), ids=TITLES)
def test_titles(body: bytes, expected: str) -> None:
    assert read(body).title == expected


LINKS = {
    "a link": ("<link>https://example.org/a</link>", "https://example.org/a"),
    "white space around it": ("<link>\n  https://example.org/a\n</link>", "https://example.org/a"),
    "relative": ("<link>../a</link>", "https://example.org/a"),
    "ampersands": ("<link>https://example.org/?a=1&amp;copy=2</link>", "https://example.org/?a=1&copy=2"),
    "Chinese": ("<link>https://example.org/中</link>", "https://example.org/%E4%B8%AD"),
    "Atom's": ('<atom:link href="https://example.org/a"/>', "https://example.org/a"),
    "the page before other types": (
        '<atom:link href="/a.pdf" type="application/pdf"/><atom:link href="/a" type="text/html"/>',
        "https://example.org/a",
    ),
    "another type alone": ('<atom:link href="/a.txt" type="text/plain"/>', "https://example.org/a.txt"),
    "no page": ('<atom:link rel="edit" href="/a"/><atom:link rel="enclosure" href="/b"/>', ""),
    "a guid that is an address": ("<guid>https://example.org/g</guid>", "https://example.org/g"),
    "a guid that says it is none": ('<guid isPermaLink="false">https://example.org/g</guid>', ""),
    "a guid that is no address": ("<guid>12345</guid>", ""),
    "a link and a guid": ("<guid>https://example.org/g</guid><link>/a</link>", "https://example.org/a"),
    "an empty link and a guid": ("<link/><guid>https://example.org/g</guid>", "https://example.org/g"),
    "a script": ("<link>javascript:alert(1)</link>", ""),
    "data": ("<link>data:text/html,x</link>", ""),
    "a file": ("<link>file:///etc/passwd</link>", ""),
    "broken over lines": ("<link>http://a.org/\nX-Evil: 1</link>", ""),
}


@pytest.mark.parametrize(("item", "expected"), LINKS.values(), ids=LINKS)
def test_links(item: str, expected: str) -> None:
    assert read(rss(item)).link == expected


GUIDS = {
    "as written": ("<guid>AbC  d</guid>", "AbC d"),
    "relative": ("<guid>a/b</guid>", "a/b"),
    "an address, not made another": ("<guid>HTTP://Example.org:80/a/../b</guid>", "HTTP://Example.org:80/a/../b"),
    "empty": ("<guid/>", ""),
    "none": ("<title>t</title>", ""),
}


@pytest.mark.parametrize(("item", "expected"), GUIDS.values(), ids=GUIDS)
@pytest.mark.parametrize("is_broken", [False, True], ids=["well-formed", "broken"])
def test_guids_are_as_upstream_wrote_them(item: str, expected: str, is_broken: bool) -> None:
    assert read(rss(item + ("<description><p></description>" if is_broken else ""))).guid == expected


AUTHORS = {
    "RSS": ("<author>a@example.org (A B)</author>", "A B"),
    "a name alone": ("<author>A B</author>", "A B"),
    "an address alone": ("<author>a@example.org</author>", "a@example.org"),
    "Dublin Core": ("<dc:creator><![CDATA[A &amp; B]]></dc:creator>", "A & B"),
    "two, and one twice": ("<dc:creator>A</dc:creator><dc:creator>B</dc:creator><itunes:author>A</itunes:author>", "A, B"),
    "the feed's": ("<title>t</title>", "Editor"),
}


@pytest.mark.parametrize(("item", "expected"), AUTHORS.values(), ids=AUTHORS)
def test_authors(item: str, expected: str) -> None:
    assert read(rss(item, "<managingEditor>ed@example.org (Editor)</managingEditor>")).author == expected


def test_the_author_of_a_source_comes_before_the_feeds() -> None:
    entry = "<source><author><name>S</name></author></source>"
    body = ATOM.format(entry).replace("<entry>", "<author><name>F</name></author><entry>")
    assert read(body.encode()).author == "S"


def test_tags_are_read_from_every_place_once() -> None:
    twice = "<category>A &amp;amp; B</category>" * 2
    rss_tags = f"{twice}<dc:subject>C</dc:subject><itunes:keywords>d, e</itunes:keywords>"
    assert read(rss(rss_tags)).tags == ("A & B", "C", "d", "e")
    assert read(ATOM.format('<category term="t" label="The label"/><category term="vector&lt;int&gt;"/>').encode()).tags == (
        "The label",
        "vector<int>",
    )


def test_contents_are_told_from_summaries_and_files() -> None:
    found = raw(rss("<description>d</description><content:encoded>&lt;p&gt;c&lt;/p&gt;</content:encoded>"))
    assert [(text.value, text.is_html) for text in found.contents] == [("<p>c</p>", True)]
    assert [(text.value, text.is_html) for text in found.summaries] == [("d", True)]
    found = raw(ATOM.format('<content type="application/octet-stream">PHNjcmlwdD4=</content><summary>s</summary>').encode())
    assert found.contents == ()
    assert [(text.value, text.is_html) for text in found.summaries] == [("s", False)]


def test_media_are_told_apart() -> None:
    found = raw(
        rss(
            '<media:thumbnail url="/small.jpg" width="75" height="75"/><media:thumbnail url="/large.jpg" width="640" height="480"/>'
            '<media:content url="/m.png" medium="image"/><media:content url="/v.mp4" medium="video"/>'
            '<media:content url="/player" medium="video"/><enclosure url="/e.jpg" type="image/jpeg"/>'
            '<enclosure url="/a.mp3" type="audio/mpeg" length="-1"/><enclosure url="/b.m4a"/>'
            '<enclosure url="/c.pdf" type="application/pdf"/>'
            '<itunes:image href="/cover.jpg"/>'
        )
    )
    assert [picture.address for picture in found.pictures] == ["/large.jpg", "/small.jpg", "/m.png", "/e.jpg", "/cover.jpg"]
    assert found.enclosures == (RawMedia("/a.mp3", "audio"), RawMedia("/b.m4a", "audio"), RawMedia("/v.mp4", "video"))


HINTS = {
    "ttl": ("<ttl> 60 </ttl>", Hints(ttl=60)),
    "all hours and days": (
        "<skipHours><hour>0</hour><hour>24</hour><hour>7</hour><hour>99</hour><hour>x</hour></skipHours>"
        "<skipDays><day>Sunday</day><day>monday</day><day>someday</day></skipDays>",
        Hints(skip_hours=frozenset({0, 7}), skip_days=frozenset({0, 6})),
    ),
    "twice a day": ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", Hints(update_period=43_200)),
    "hourly": ("<sy:updatePeriod>\n hourly </sy:updatePeriod>", Hints(update_period=3_600)),
    "a frequency alone is a day's": ("<sy:updateFrequency>4</sy:updateFrequency>", Hints(update_period=21_600)),
    "junk": (
        f"<ttl>{'9' * 5000}</ttl><ttl>-1</ttl><sy:updatePeriod>never</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
        Hints(),
    ),
    "nothing": ("", Hints()),
}


@pytest.mark.parametrize(("channel", "expected"), HINTS.values(), ids=HINTS)
@pytest.mark.parametrize("is_broken", [False, True], ids=["well-formed", "broken"])
def test_hints(channel: str, expected: Hints, is_broken: bool) -> None:
    body = rss("<guid>1</guid>" + ("<description><p></description>" if is_broken else ""), channel)
    assert read_document(body, url=URL).hints == expected


def test_the_same_entry_has_the_same_mark_in_every_place_and_under_every_address() -> None:
    one = parse_feed(
        RSS.format("<item><guid>a</guid></item><item><guid isPermaLink='false'>b</guid><link>/x</link></item>").encode(), url=URL
    )
    other = parse_feed(RSS.format("<item><guid isPermaLink='false'>b</guid><link>/x</link></item>").encode(), url=URL)
    assert parsed_mark(one.entries[1], url=URL) == parsed_mark(other.entries[0], url=URL)
    assert parsed_mark(one.entries[0], url=URL) != parsed_mark(one.entries[1], url=URL)


def test_whatever_feedparser_raises_is_named() -> None:
    body = rss("<width><content>x</content></width>")
    with pytest.raises(UpstreamError, match=r"^the parser failed: TypeError$"):
        parse_feed(body, url=URL)
