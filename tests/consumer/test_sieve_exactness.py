"""The sieve changes what is read, never how: over real documents, and over those where one entry could colour the next.

Documents over 60 kB are asked with 8 single entries and 8 prefixes spread over them, smaller ones with all; each with 50 random sets.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, combinations
from pathlib import Path

import pytest
from lxml import etree

from feedmill.consumer.charset import to_utf8
from feedmill.consumer.feedtext import mended, without_forbidden, without_unbound_prefix
from feedmill.consumer.parse import parse_feed, raw_entry
from feedmill.consumer.reading import read_document
from feedmill.consumer.sanitize import sanitize
from feedmill.consumer.sieve import parse_tree
from feedmill.upstream import Entry, FeedDocument

URL = "https://feeds.example.org/blog/feed.xml"
EMBEDS = frozenset({"www.youtube.com", "player.vimeo.com"})
FEEDS = 54
LARGE, THINNED = 60_000, 8


def read(body: bytes, known: frozenset[str] = frozenset()) -> FeedDocument:
    return read_document(body, url=URL, known=known, embeds=EMBEDS)


def read_directly(body: bytes) -> list[Entry]:
    """The whole document through feedparser and the cleaner, without a sieve."""
    document = without_forbidden(to_utf8(body))
    try:
        parse_tree(document)
    except etree.XMLSyntaxError:
        document = without_unbound_prefix(document)
        try:
            parse_tree(mended(document))
            document = mended(document)
        except etree.XMLSyntaxError:
            pass
    feed = parse_feed(document, url=URL)
    raws = [raw_entry(entry, version=feed.version, url=URL) for entry in feed.entries]
    return [sanitize(raw, mark="", url=URL, embeds=EMBEDS, authors=feed.authors) for raw in raws]


def plain(entry: Entry) -> Entry:
    """An entry without what the sieve reads by itself: the mark, and the guid as written, which feedparser makes absolute."""
    return replace(entry, mark="", guid="")


def assert_exact(body: bytes, whole: FeedDocument, known: frozenset[str]) -> None:
    """Nothing unknown is missing, nothing is read otherwise than it is in the whole document."""
    sieved = read(body, known)
    cut = Counter(sieved.known)
    assert set(cut) <= known
    expected = []
    for entry in whole.entries:
        if cut[entry.mark]:
            cut[entry.mark] -= 1
        else:
            expected.append(entry)
    assert sieved.entries == tuple(expected)
    assert len(sieved.entries) + len(sieved.known) == len(whole.entries)
    assert {entry.mark for entry in whole.entries} - known <= {entry.mark for entry in sieved.entries}
    assert replace(sieved, entries=(), known=()) == replace(whole, entries=())


def spread(places: Sequence[int], size: int) -> Sequence[int]:
    """All `places` of a small document; of a large one a few, the first and the last among them."""
    if size <= LARGE or len(places) <= THINNED:
        return places
    step = (len(places) - 1) / (THINNED - 1)
    return [places[round(index * step)] for index in range(THINNED)]


def known_sets(whole: FeedDocument, size: int) -> Iterator[frozenset[str]]:
    marks = [entry.mark for entry in whole.entries]
    for index in spread(range(len(marks)), size):
        yield frozenset({marks[index]})
    for length in spread(range(1, len(marks) + 1), size):
        yield frozenset(marks[:length])
    chance = random.Random(size)
    for share in (0.5, 0.8, 0.9, 0.95, 0.98) * 10:
        yield frozenset(mark for mark in marks if chance.random() < share)


@cache
def feed_files(corpus: Path) -> list[Path]:
    return sorted((corpus / "feeds").glob("*.xml"))


@pytest.mark.long
@pytest.mark.parametrize("index", range(FEEDS))
def test_a_real_document_without_its_known_entries_is_read_as_the_whole_of_it(corpus: Path, index: int) -> None:
    files = feed_files(corpus)
    if index >= len(files):
        pytest.skip(f"the corpus has {len(files)} feeds")
    body = files[index].read_bytes()
    whole = read(body)
    assert whole.entries
    assert [plain(entry) for entry in whole.entries] == [plain(entry) for entry in read_directly(body)]
    for known in known_sets(whole, len(body)):
        assert_exact(body, whole, known)


@pytest.mark.long
@pytest.mark.parametrize("name", ["cohere-blog", "mila-news", "paulgraham"])
def test_from_version_to_version_of_a_real_feed_only_what_changed_is_read(corpus: Path, name: str) -> None:
    known: frozenset[str] = frozenset()
    marks: dict[bytes, str] = {}
    for file in sorted((corpus / "evolution" / name).glob("*.xml")):
        body = file.read_bytes()
        whole = read(body)
        assert_exact(body, whole, known)
        written = re.findall(rb"<item>.*?</item>", body, re.DOTALL)
        for item, entry in zip(written, whole.entries, strict=True):
            assert marks.setdefault(item, entry.mark) == entry.mark, "the same item has another mark in another version"
        known = frozenset(entry.mark for entry in whole.entries)


RSS = """<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>T</title>
 <managingEditor>ed@example.org (Ed)</managingEditor>{entries}<ttl>60</ttl></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://base.example.org/x/" xml:lang="en"><title>T</title>
<author><name>Feed Author</name></author><link href="/"/>{entries}</feed>"""
pytestmark = pytest.mark.long

RDF = """<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org/"><title>T</title></channel>{entries}</rdf:RDF>"""
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'

# Each is a frame and entries that colour what comes after them in feedparser, or look as if they could.
CONTEXTS = {
    "bases of entries and of contents": (
        ATOM,
        '<entry xml:base="one/"><id>1</id><link href="a"/><content type="html" xml:base="deep/">&lt;img src="p.png"&gt;</content></entry>',
        '<entry><id>2</id><link href="b"/><content type="html">&lt;img src="p.png"&gt;</content></entry>',
        '<entry xml:base="/top/"><id>3</id><link href="c"/><summary type="html">&lt;a href="q"&gt;q&lt;/a&gt;</summary></entry>',
        '<entry xml:base="javascript:alert(1)"><id>4</id><link href="d"/><content type="html">&lt;img src="p.png"&gt;</content></entry>',
    ),
    "inline markup that ends what it did not begin": (
        ATOM,
        f'<entry><id>1</id><content type="xhtml"><div {XHTML}><details><summary>S</summary>x</details></div></content></entry>',
        f'<entry><id>2</id><title type="xhtml"><div {XHTML}>A <em>b</em></div></title><content type="xhtml"><div {XHTML}>'
        f"<p>2<br/>3</p></div></content></entry>",
        f'<entry><id>3</id><content type="xhtml"><div {XHTML}><svg xmlns="http://www.w3.org/2000/svg"><title>no</title></svg>'
        f"<p>3</p></div></content></entry>",
        f'<entry><id>4</id><summary type="xhtml"><div {XHTML}><source/><title>t</title><link/>4</div></summary></entry>',
    ),
    "markup that is not escaped": (
        RSS,
        "<item><guid>a</guid><description><div>one <b>two</b></div><div>three</div></description></item>",
        "<item><guid>b</guid><title>A <i>b</i></title><description><p>4<br/>5</p><title>x</title></description></item>",
        '<item><guid>c</guid><description type="html"><p>6</p></description></item>',
        "<item><guid>d</guid><content:encoded><div><div>7</div></div></content:encoded></item>",
    ),
    "contents that are files": (
        ATOM,
        '<entry><id>1</id><title>One</title><content type="image/svg+xml"><svg xmlns="http://www.w3.org/2000/svg">'
        "<title>no</title></svg></content></entry>",
        '<entry><id>2</id><title>Two</title><content type="application/octet-stream">PHNjcmlwdD4=</content></entry>',
        '<entry><id>3</id><title>Three</title><content type="application/xml"><entry><id>9</id><title>in</title></entry></content></entry>',
        '<entry><id>4</id><title>Four</title><content type="text">a &lt; b</content></entry>',
    ),
    "prefixes that entries bind for themselves": (
        RSS,
        '<item><guid>a</guid><x:creator xmlns:x="http://purl.org/dc/elements/1.1/">X</x:creator></item>',
        '<item xmlns:x="urn:other"><guid>b</guid><x:creator>Y</x:creator><dc:creator>Z</dc:creator></item>',
        '<item><guid>c</guid><content:encoded xmlns:content="urn:wrong">W</content:encoded></item>',
        "<item><guid>d</guid><content:encoded>V</content:encoded></item>",
    ),
    "media, sources, persons, languages": (
        RSS,
        "<item><guid>a</guid><media:group><media:title>m</media:title><media:description>c</media:description>"
        '<media:thumbnail url="/t.jpg"/></media:group></item>',
        '<item><guid>b</guid><title>B</title><source url="https://s.example.org/">S</source><dc:language>zh</dc:language>'
        "<author>a@example.org (A)</author></item>",
        '<item><guid>c</guid><itunes:image href="/c.jpg"/><itunes:author>I</itunes:author><image><url>/i.png</url>'
        "<title>no</title></image><title>C</title></item>",
        '<item><guid>d</guid><title>D</title><enclosure url="/d.mp3" type="audio/mpeg" length="x"/></item>',
    ),
    "entries that share an id or an address": (
        RSS,
        "<item><guid>same</guid><title>One</title></item>",
        "<item><guid>other</guid><link>https://example.org/x</link><title>Two</title></item>",
        "<item><guid>same</guid><link>https://example.org/x</link><title>Three</title></item>",
        "<item><guid>alone</guid><title>Four</title></item>",
    ),
    "entries that say the same": (RSS, *["<item><title>Same</title></item>"] * 4),
    "an author for the feed, a date by another name": (
        RDF,
        '<item rdf:about="https://example.org/1"><title>1</title><link>https://example.org/1</link>'
        "<dc:date>2021-06-10T00:00:00Z</dc:date></item>",
        '<item rdf:about="https://example.org/2"><title>2</title><dc:creator>C</dc:creator><dc:subject>S</dc:subject></item>',
        '<item rdf:about="https://example.org/3"><title>3</title><description>d</description></item>',
        "<item><title>4</title></item>",
    ),
    "text that looks doubly encoded": (
        RSS,
        "<item><guid>a</guid><title>\u00c3\u00a9</title></item>",
        "<item><guid>b</guid><title>&#195;&#169;</title></item>",
        "<item><guid>c</guid><title>caf\u00e9</title></item>",
        "<item><guid>d</guid><title>\u00e9&#8217;</title></item>",
    ),
    "entries that are no XML": (
        RSS,
        "<item><guid>a</guid><title>A & B</title><description><![CDATA[one & two]]></description></item>",
        "<item><guid>b</guid><title>B</title><description><p>x</description></item>",
        "<item><guid>c</guid><title>C</title><link>https://example.org/?a=1&b=2</link></item>",
        "<item><guid>c</guid><title>D &nbsp; E</title></item>",
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_no_entry_colours_another(name: str) -> None:
    frame, *entries = CONTEXTS[name]
    body = frame.format(entries="".join(entries)).encode()
    whole = read(body)
    assert len(whole.entries) == 4
    marks = sorted({entry.mark for entry in whole.entries})
    for known in chain.from_iterable(combinations(marks, size) for size in range(len(marks) + 1)):
        assert_exact(body, whole, frozenset(known))


@pytest.mark.parametrize(
    "name", ["bases of entries and of contents", "media, sources, persons, languages", "text that looks doubly encoded"]
)
def test_an_entry_is_read_as_if_it_stood_alone(name: str) -> None:
    frame, *entries = CONTEXTS[name]
    together = read(frame.format(entries="".join(entries)).encode()).entries
    alone = [read(frame.format(entries=entry).encode()).entries[0] for entry in entries]
    assert list(together) == alone
