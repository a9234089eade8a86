"""The fault list's rows that a reading must survive: A1-A19 (documents), D6 and D10 (entries), F1-F10 (markup)."""

from __future__ import annotations

import base64
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest

from feedmill.consumer.reading import read_document
from feedmill.errors import UpstreamError
from feedmill.producer.audit_html import faults_in_html
from feedmill.upstream import Entry, FeedDocument

URL = "https://example.org/feed.xml"
SECRET = "CANARY-7f3a"


def read(body: bytes, **more: object) -> FeedDocument:
    return read_document(body, url=URL, **more)  # type: ignore[arg-type]


def rss(*entries: str, before: str = "") -> bytes:
    return f'{before}<rss version="2.0"><channel><title>T</title>{"".join(entries)}</channel></rss>'.encode("utf-8", "surrogatepass")


def item(number: int, more: str = "") -> str:
    return f"<item><guid>g{number}</guid><title>T{number}</title><description>D{number}</description>{more}</item>"


def guids(document: FeedDocument) -> list[str]:
    return [entry.guid for entry in document.entries]


@contextmanager
def seconds_at_most(limit: float) -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < limit


# A1-A5: entities, document types.


@pytest.mark.parametrize("place", ["<title>&x;</title>", "<description>&x;</description>", '<enclosure url="&x;" type="audio/mpeg"/>'])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_a1_no_entity_reads_a_file(tmp_path: Path, place: str, coding: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    body = (
        rss(f"<item>{place}</item>", before=f'<?xml version="1.0"?>\n<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>')
        .decode()
        .encode(coding)
    )
    with pytest.raises(UpstreamError) as caught:
        read(body)
    assert str(caught.value) == "entity declarations are refused"


def test_a2_nothing_outside_the_document_is_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        place = f"http://127.0.0.1:{listener.getsockname()[1]}/x.dtd"
        for doctype in (
            f'<!DOCTYPE rss SYSTEM "{place}">',
            f'<!DOCTYPE rss PUBLIC "-//X//Y" "{place}">',
            f'<?xml-stylesheet href="{place}"?>',
        ):
            assert guids(read(rss(item(1), before=doctype))) == ["g1"]
        include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{place}" parse="text"/>'
        assert guids(read(rss(item(1, include)))) == ["g1"]
        for doctype in (f'<!DOCTYPE rss [<!ENTITY % x SYSTEM "{place}">%x;]>', f'<!DOCTYPE rss SYSTEM "{place}" [<!ENTITY x "y">]>'):
            with pytest.raises(UpstreamError, match="entity declarations are refused"):
                read(rss(item(1), before=doctype))
        with pytest.raises(TimeoutError):
            listener.accept()


LAUGHS = "<!DOCTYPE r [" + '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
BOMBS = {
    "A3 billion laughs": rss("<item><title>&l9;</title></item>", before=LAUGHS),
    "A3 in UTF-16": rss("<item><title>&l9;</title></item>", before=LAUGHS).decode().encode("utf-16"),
    "A4 quadratic": rss("<item><title>" + "&a;" * 50_000 + "</title></item>", before=f'<!DOCTYPE r [<!ENTITY a "{"x" * 50_000}">]>'),
    "A5 one declaration": rss(item(1), before='<!DOCTYPE r [<!ENTITY a "b">]>'),
    "A5 1e5 declarations": rss(item(1), before="<!DOCTYPE r [" + "".join(f'<!ENTITY x{n} "a">' for n in range(100_000)) + "]>"),
    "A5 behind a comment": rss(item(1), before='<!-- <b> --><!DOCTYPE r [<!-- > --><!ENTITY a "b">]>'),
    "A5 in a document that is no XML": rss("<item><title>&a;</item>", before='<!DOCTYPE r [<!ENTITY a "b">]>'),
    "attributes by default": rss(item(1), before=f'<!DOCTYPE r [<!ATTLIST item x CDATA "{"x" * 10_000}">]>'),
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a3_a4_a5_declarations_are_refused_at_once(body: bytes) -> None:
    with seconds_at_most(2), pytest.raises(UpstreamError, match="entity declarations are refused"):
        read(body)


def test_a5_text_about_declarations_is_text() -> None:
    body = rss('<item><description><![CDATA[<pre>&lt;!DOCTYPE x [<!ENTITY a "b">]></pre>]]></description></item>', "<!-- <!ENTITY -->")
    assert len(read(body).entries) == 1


# A6-A8: size.


def depth_of(html: str) -> int:
    depth = deepest = 0
    for slash in re.findall(r"<(/?)(?:div|a|p|b)\b", html):
        depth += -1 if slash else 1
        deepest = max(deepest, depth)
    return deepest


@pytest.mark.parametrize("end", ["</x>" * 100_000, ""], ids=["closed", "open"])
def test_a6_elements_nested_without_end_are_refused(end: str) -> None:
    for place in ("<item><title>{}</title></item>", "<item><description>{}</description></item>", "{}"):
        with seconds_at_most(5), pytest.raises(UpstreamError, match="nested more than 256 deep"):
            read(rss(item(1), place.format("<x>" * 100_000 + end)))


def test_a6_html_nested_without_end_is_made_shallow() -> None:
    with seconds_at_most(5):
        document = read(rss(f"<item><guid>g0</guid><description>{'&lt;div&gt;' * 100_000}end</description></item>", item(1)))
    assert guids(document) == ["g0", "g1"]
    assert depth_of(document.entries[0].body) <= 256


def test_a6_many_open_tags_of_a_broken_feed_are_no_depth() -> None:
    body = rss(*(f"<item><guid>g{n}</guid><description><div><b>{'<br>' * 300}</description></item>" for n in range(40)))
    assert len(read(body).entries) == 40


LONG_RUNS = {
    "comments": "<!--" * 200_000,
    "CDATA": "<![CDATA[" * 100_000,
    "instructions": "<?" * 300_000,
    "brackets": "<" * 500_000,
    "ampersands": "&" * 500_000,
    "references": "&#" * 300_000,
    "references with zeros": "&#" + "0" * 500_000,
    "hexadecimal references": "&#x" + "f" * 500_000,
    "names": "&" + "a" * 500_000,
    "many names": "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 20_000,
    "spaces in tags": "<a " + " " * 500_000,
    "unfinished tags": "<a " * 200_000,
    "roots": "<rss" * 200_000,
    "prefixes": "<" + "a" * 500_000 + ":",
    "many prefixes": "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaa:" * 20_000,
    "declarations": "<!ENTITY" * 100_000,
    "titles": "<title>" * 100_000,
    "half characters": "\u00c3&#1" * 100_000,
}


@pytest.mark.parametrize("run", LONG_RUNS.values(), ids=LONG_RUNS)
def test_a7_our_own_looks_at_a_document_are_linear(run: str) -> None:
    """feedparser's own quadratic expressions are the cage's business: here the document is refused before it comes to them."""
    for body in (run.encode(), b"<html>" + run.encode(), b"<rss>" + run.encode()):
        with seconds_at_most(4), pytest.raises(UpstreamError):
            read(body)


def test_a7_an_author_that_is_quadratic_to_feedparser_is_cut_short() -> None:
    endless = "a." * 40_000
    body = rss(f"<managingEditor>{endless}</managingEditor><item><guid>g</guid><author>{endless}</author></item>")
    with seconds_at_most(2):
        assert len(read(body).entries[0].author) <= 200


@pytest.mark.long
def test_a8_of_endless_entries_the_first_thousand_are_read() -> None:
    entries = [item(number) for number in range(100_000)]
    with seconds_at_most(8):
        document = read(rss(*entries))
    assert (len(document.entries), document.dropped) == (1_000, 99_000)
    assert document.entries[-1].guid == "g999"
    with seconds_at_most(12):
        broken = read(rss(*entries, "<x>"))
    assert (len(broken.entries), broken.dropped) == (1_000, 99_000)


def test_a8_a_text_over_ten_megabytes_becomes_a_beginning_of_it() -> None:
    with seconds_at_most(8):
        document = read(rss(f"<item><guid>g</guid><description>{'word ' * 2_400_000}</description></item>", item(1)))
    assert guids(document) == ["g", "g1"]
    assert len(document.entries[0].body) < 1_048_576


# A10: torn documents.

ATOM_ENTRY = (
    "<entry><id>urn:x:{n}</id><title>T{n}</title><updated>2021-06-{d:02d}T00:00:00Z</updated><link href='/p/{n}'/>"
    "<content type='html'>&lt;p&gt;Body {n} &amp;amp; end{n}&lt;/p&gt;</content></entry>\n"
)
RSS_ITEM = (
    "<item>\n<title>T{n}</title><link>https://example.org/p/{n}</link><guid>https://example.org/p/{n}</guid>"
    "<category>c</category><description><![CDATA[<p>Body {n} &amp; end{n}</p><br/>]]></description><author>A</author></item>\n"
)
WHOLE = {
    "RSS": '<?xml version="1.0"?>\n<rss version="2.0"><channel><title>T</title>\n'
    + "".join(RSS_ITEM.format(n=n) for n in range(10))
    + "</channel></rss>",
    "Atom": '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>T 题</title>\n'
    + "".join(ATOM_ENTRY.format(n=n, d=n + 1) for n in range(10))
    + "</feed>",
}


@pytest.mark.long
@pytest.mark.parametrize("kind", WHOLE)
def test_a10_cut_at_every_byte_no_half_entry_is_read_and_no_whole_one_is_changed(kind: str) -> None:
    body = WHOLE[kind].encode()
    whole = read(body).entries
    assert len(whole) == 10
    ends = [found.end() for found in re.finditer(b"</item>|</entry>", body)]
    for cut in range(len(body)):
        try:
            document = read(body[:cut])
        except UpstreamError as exc:
            assert sum(end <= cut for end in ends) <= 1
            assert re.match("truncated|empty|not a feed", str(exc)), exc
            continue
        complete = sum(end <= cut for end in ends)
        assert document.is_torn
        assert document.entries == whole[: len(document.entries)]
        # All but the last that begins: the last whole one too where nothing of a next one is there.
        assert complete - 1 <= len(document.entries) <= complete


@pytest.mark.parametrize("kind", WHOLE)
def test_a10_a_torn_document_that_is_no_xml_either_loses_only_its_last_entry(kind: str) -> None:
    body = WHOLE[kind].replace("<title>T2</title>", "<title>T2</titel>").encode()
    whole = read(body)
    assert not whole.is_torn
    place = body.index(b"Body 7")
    document = read(body[:place])
    assert document.is_torn
    assert [entry.title for entry in document.entries] == [entry.title for entry in whole.entries[:7]]
    assert [entry.body for entry in document.entries] == [entry.body for entry in whole.entries[:7]]


# A11-A13, A16, A18, A19 (A14 and A15 are in test_charset.py and below, A17 in test_jsonfeed.py).


def test_a11_a12_what_is_no_feed_at_all_is_an_error() -> None:
    page = b"<!DOCTYPE html>\n<html lang=en><head><title>Sign in &mdash; Intranet</title></head><body><form></form></body></html>"
    with pytest.raises(UpstreamError, match=r"^an HTML page, not a feed \(title “Sign in"):
        read(page, content_type="text/html; charset=utf-8")
    junk = random.Random(7)
    for size in (1, 10, 1_000, 100_000):
        with seconds_at_most(3), pytest.raises(UpstreamError, match=r"^(not a feed|empty|JSON|truncated|an HTML)"):
            read(junk.randbytes(size))


def test_a13_a_body_that_is_a_path_or_an_address_is_not_opened(tmp_path: Path) -> None:
    feed = tmp_path / "feed.xml"
    feed.write_bytes(rss(item(1)))
    before = os.stat(feed).st_atime_ns
    for body in (str(feed).encode(), feed.as_uri().encode(), b"/etc/passwd", b"http://127.0.0.1:9/feed.xml"):
        with pytest.raises(UpstreamError, match="not a feed"):
            read(body)
    assert os.stat(feed).st_atime_ns == before


def test_a15_text_that_looks_doubly_encoded_is_kept() -> None:
    body = rss(
        "<item><guid>Ã©</guid><title>Ã© &#195;&#169;</title><category>Ã¼</category><description>Ã© &#xC3;&#xA9;</description></item>"
    )
    (entry,) = read(body).entries
    assert (entry.guid, entry.title, entry.tags, entry.body) == ("Ã©", "Ã© Ã©", ("Ã¼",), "Ã© Ã©")


IMPOSSIBLE = ["&#xD800;", "&#xdfff;", "&#x110000;", "&#1114112;", f"&#{'9' * 5_000};", f"&#x{'f' * 5_000};", "&#99999999999999;", "&#0;",
              "&#xFFFE;", "&#65535;", "&#xD800", "\ufffe", "\uffff"]  # fmt: skip
CONTROLS = ["&#8;", "&#x1F;", "&#00000011;", "\x00", "\x08", "\x1f"]


@pytest.mark.parametrize("character", IMPOSSIBLE + CONTROLS, ids=lambda character: ascii(character)[:14])
@pytest.mark.parametrize("is_broken", [False, True], ids=["well-formed", "broken"])
def test_a16_characters_that_are_none_do_not_lose_the_feed(character: str, is_broken: bool) -> None:
    odd = (
        f"<item><guid>g{character} </guid><title>a{character} b</title><description>&lt;p&gt;x{character} y&lt;/p&gt;</description></item>"
    )
    document = read(rss(item(1), odd, item(2), "<x>" if is_broken else ""))
    assert [entry.title for entry in document.entries] == ["T1", document.entries[1].title, "T2"]
    assert document.entries[1].title.replace("\ufffd", "") == "a b"
    assert document.entries[1].body.replace("\ufffd", "") == "<p>x y</p>"


def test_a16_the_same_in_html_that_is_escaped_twice() -> None:
    for reference in IMPOSSIBLE[:11]:
        odd = (
            f"<item><title>&lt;b&gt;a&lt;/b&gt;{escape(reference)} b</title><description>{escape(escape(reference))} x</description></item>"
        )
        (entry,) = read(rss(odd)).entries
        assert entry.title.startswith("a")
        assert entry.body.endswith("x")


def test_a16_good_references_stay() -> None:
    good = "&#9;&#10;&#13;&#65;&#x42;&#0000067;&#x00044;&#8217;&#x1F600;&#128512;&#xFFFD;&#x10FFFF;"
    (entry,) = read(rss(f"<item><title>{good}</title></item>")).entries
    assert entry.title == "ABCD’😀😀\ufffd\U0010ffff"


JUNK = {
    "georss point": '<p:point xmlns:p="http://www.georss.org/georss">x y</p:point>',
    "gml": '<w:where xmlns:w="http://www.georss.org/georss" xmlns:g="http://www.opengis.net/gml">'
    '<g:Point srsName="EPSG:x"><g:pos>1 2</g:pos></g:Point></w:where>',
    "gml alone": '<g:pos xmlns:g="http://www.opengis.net/gml">1</g:pos>',
    "gml list": '<g:LineString xmlns:g="http://www.opengis.net/gml" srsDimension="9"><g:posList>1 2 x</g:posList></g:LineString>',
    "chapters": '<c:chapters xmlns:c="http://podlove.org/simple-chapters"><c:chapter/><c:chapter start="x"/></c:chapters>',
    "itunes": '<i:image xmlns:i="http://www.itunes.com/dtds/podcast-1.0.dtd"/>'
    '<i:owner xmlns:i="http://www.itunes.com/dtds/podcast-1.0.dtd"/>',
    "image": "<image><width>x</width><height/><url/></image><width/><height>-1</height>",
    "media": '<m:thumbnail xmlns:m="http://search.yahoo.com/mrss/"/>'
    '<m:content xmlns:m="http://search.yahoo.com/mrss/" width="x" height="1e30"/>',
    "names of feedparser's own": "<links>x</links><tags>x</tags><authors>x</authors><content>x</content><enclosures>x</enclosures>"
    "<title_detail>x</title_detail><media_content>x</media_content><published_parsed>x</published_parsed><image>x</image>"
    "<source>x</source><author_detail>x</author_detail><guidislink>x</guidislink><category>c</category><author>a</author>",
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_a18_junk_in_extensions_costs_no_entry(junk: str) -> None:
    document = read(rss(junk, item(1), item(2, junk), item(3)))
    assert guids(document) == ["g1", "g2", "g3"]
    assert document.entries[1].title == "T2"


def test_a18_fuzzed_entries_never_raise_anything_else() -> None:
    chance = random.Random(18)
    names = [
        "title",
        "link",
        "guid",
        "author",
        "description",
        "category",
        "pubDate",
        "enclosure",
        "source",
        "image",
        "url",
        "width",
        "height",
        "name",
        "content",
        "summary",
        "id",
        "m:content",
        "m:thumbnail",
        "m:group",
        "m:description",
        "d:creator",
        "d:date",
        "i:owner",
        "i:author",
        "i:image",
        "g:point",
        "g:pos",
        "g:where",
        "c:chapter",
    ]
    frame = (
        '<rss version="2.0" xmlns:m="http://search.yahoo.com/mrss/" xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:c="http://podlove.org/'
        'simple-chapters" xmlns:i="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:g="http://www.georss.org/georss"><channel>{}</channel></rss>'
    )

    def element(depth: int) -> str:
        name = chance.choice(names)
        attribute = chance.choice(["", ' type="xhtml"', ' type="x"', ' url="x"', ' rel="enclosure"', ' mode="base64"', ' width="x"'])
        inside = "".join(element(depth + 1) for _ in range(chance.randrange(3))) if depth < 3 else chance.choice(["x", "1 2", "é", ""])
        return f"<{name}{attribute}>{inside}</{name}>"

    for _ in range(150):
        body = frame.format("".join(f"<item>{element(0)}{element(0)}{element(0)}</item>" for _ in range(4))).encode()
        if chance.random() < 0.3:
            place = chance.randrange(len(body))
            body = body[:place] + chance.choice([b"<", b"&", b"</item>", b"\xff", b">"]) + body[place:]
        try:
            document = read(body)
        except UpstreamError:
            continue
        assert all(re.fullmatch("[0-9a-f]{32}", entry.mark) for entry in document.entries)


A19 = "<img src='a.png'><a href='b'>x</a>"


@pytest.mark.parametrize("base", ["javascript:alert(1)//", "file:///etc/", "data:text/html,x", "ftp://x.org/", "//", "http://[", "\x00"])
def test_a19_addresses_are_resolved_to_http_alone(base: str) -> None:
    body = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{base}"><entry xml:base="{base}"><id>1</id><link href="p"/>'
        f'<content type="html">{escape(A19)}</content></entry></feed>'
    ).encode()
    (entry,) = read(body).entries
    for address in (entry.link, entry.picture, *re.findall('(?:src|href)="([^"]*)"', entry.body)):
        assert re.match(r"https?://[a-z0-9.]+/|\Z", address), address


# D10: too much of everything.


def test_d10_enclosures_links_and_categories_without_end() -> None:
    much = "".join(
        f'<enclosure url="/e{n}.mp3" type="audio/mpeg" length="{length}"/>' for n, length in enumerate(["x", "-1", "1e30", ""] * 200)
    )
    much += "".join(f"<link>https://example.org/{n}</link>" for n in range(500)) + "".join(
        f"<category>c{n}</category>" for n in range(10_000)
    )
    with seconds_at_most(5):
        document = read(rss(f"<item><guid>g0</guid>{much}</item>", item(1)))
    entry = document.entries[0]
    assert entry.link == "https://example.org/499"
    assert len(entry.tags) == 100
    assert entry.body.count("<audio") == 4
    assert guids(document) == ["g0", "g1"]


# F: markup, judged by html5lib, in every place of every format.

PAYLOADS = {
    "F1 script": "<SCRIPT >alert(1)</SCRIPT\n><<script>x</script><img/src=x/onerror=alert(1)><p ONCLICK=x>a</p>",
    "F2 addresses": "<a href='&#106;avascript&colon;alert(1)'>x</a><a href='java\tscript:alert(1)'>y</a><a href=vbscript:x>z</a>"
    "<img src=data:x>",
    "F3 foreign": "<svg><a xlink:href='javascript:alert(1)'><title><style></title><img src=x onerror=alert(1)></style></a></svg>"
    "<math><mtext>",
    "F3 raw text": "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></p></noscript><textarea></textarea><title>t</title>",
    "F4 comments": "<!--><img src=x onerror=alert(1)>--><!-- a --!><script>x</script>--><!--[if IE]><script>x</script><![endif]-->",
    "F5 frames": "<iframe srcdoc='<script>x</script>' src=https://www.youtube.com/embed/1></iframe><object data=x></object>"
    "<p style='position:fixed'>x",
    "F6 the page around": "<base href=//evil.org/><meta http-equiv=refresh content='0;url=//evil.org'><form action=x><input name=y>"
    "</form><a id=z ping=x>x</a>",
    "F7 unclosed": "</div></body><plaintext><b><i><p>x<template><p>y",
    "F10 tracker": "<img src='https://t.example.com/p.gif' width=1 height=1><img src='http://127.0.0.1/x.gif'>x",
}
ALLOWED = re.compile(
    r"a|abbr|acronym|area|article|aside|audio|b|bd[io]|blockquote|br|caption|center|cite|code|col|colgroup|data|dd|del|details|dfn|div|dl|dt|em"
    r"|fig(caption|ure)|footer|h[1-6r]|header|hgroup|i|iframe|img|ins|kbd|li|map|mark|nav|ol|p|picture|pre|q|r[pt]|rtc|ruby|s|samp|small|source"
    r"|span|strike|strong|su[bp]|summary|table|tbody|td|th|thead|time|tr|track|tt|u|ul|var|video|wbr"
)


def assert_harmless(entry: Entry) -> None:
    """Judge an entry's body by another parser and by the producer's own audit; its other texts are no markup to anybody."""
    tree = html5lib.parseFragment(entry.body, container="div", namespaceHTMLElements=True)
    for element in tree.iter():
        if element is tree:
            continue
        assert isinstance(element, Element) and isinstance(element.tag, str), "a comment"
        assert element.tag.startswith("{http://www.w3.org/1999/xhtml}")
        assert ALLOWED.fullmatch(element.tag.rpartition("}")[2]), element.tag
        for name, value in element.attrib.items():
            assert not name.startswith("on") and name not in ("style", "srcdoc", "id", "name", "ping", "action"), name
            if name in ("src", "href", "poster", "cite"):
                assert re.match("https?://|mailto:", value), value
    assert not list(faults_in_html(entry.body))
    for address in (entry.link, entry.picture):
        assert re.match(r"https?://|\Z", address)
    for line in (entry.guid, entry.title, entry.author, *entry.tags):
        assert line == " ".join(line.split())


def documents(payload: str) -> Iterator[tuple[str, bytes]]:
    text, cdata = escape(payload), payload.replace("]]>", "]]&gt;")
    yield "RSS description", rss(f"<item><description>{text}</description></item>")
    yield "RSS CDATA", rss(f"<item><description><![CDATA[{cdata}]]></description></item>")
    yield "RSS unescaped", rss(f"<item><description>{payload}</description></item>")
    yield (
        "RSS everywhere",
        rss(
            f"<item><title>{text}</title><author>{text}</author><category>{text}</category><guid>{text}</guid><link>{text}</link>"
            f'<enclosure url="{text}" type="audio/mpeg"/><enclosure url="{text}" type="image/png"/></item>'
        ),
    )
    for kind in ("html", "text", "xhtml", "text/html", "image/svg+xml", "text/plain", "application/xhtml+xml"):
        content = f'<title type="{kind}">{text}</title><summary type="{kind}">{text}</summary><content type="{kind}">{text}</content>'
        yield f"Atom {kind}", f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id>{content}</entry></feed>'.encode()
    coded = base64.b64encode(payload.encode()).decode()
    yield (
        "Atom base64",
        f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><content mode="base64" type="x/y">{coded}</content></entry></feed>'.encode(),
    )


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_f1_to_f10_no_payload_survives_in_any_place(payload: str) -> None:
    read_in = 0
    for place, body in documents(payload):
        try:
            document = read(body, embeds=frozenset({"www.youtube.com"}))
        except UpstreamError:
            assert place == "RSS unescaped"
            continue
        for entry in document.entries:
            read_in += 1
            try:
                assert_harmless(entry)
            except AssertionError as failure:
                raise AssertionError(f"{place}: {entry}") from failure
    assert read_in >= 11


def test_f8_texts_are_escaped_and_files_are_no_body() -> None:
    frame = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><content type="{}">{}</content></entry></feed>'
    assert read(frame.format("text", "&lt;b&gt;x&lt;/b&gt;").encode()).entries[0].body == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    for kind in ("image/svg+xml", "application/octet-stream", "application/pdf", "application/xml"):
        assert read(frame.format(kind, "&lt;b&gt;x&lt;/b&gt;").encode()).entries[0].body == ""


def test_f9_errors_carry_no_markup_of_control_characters() -> None:
    with pytest.raises(UpstreamError) as caught:
        read(b"<html><title>\x1b[31mx\n2026-01-01 ERROR \xe2\x80\xaeevil</title>")
    assert str(caught.value).isprintable()
    document = read(rss("<item><guid>1</guid><description><p\x1b[31m\n>x</description></item>"))
    assert document.complaint.isprintable()
