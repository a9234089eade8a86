"""A document from its bytes to its entries: what is refused with which words, what is mended, what is torn."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from feedmill.consumer.reading import document_from_json, document_to_json, read_document, read_task
from feedmill.errors import UpstreamError
from feedmill.upstream import Entry, FeedDocument, Hints

URL = "https://example.org/feed.xml"


def rss(*entries: str) -> bytes:
    return f'<rss version="2.0"><channel><title>T</title>{"".join(entries)}</channel></rss>'.encode()


def item(guid: str, more: str = "") -> str:
    return f"<item><guid>{guid}</guid><title>{guid}</title>{more}</item>"


def read(body: bytes, **more: object) -> FeedDocument:
    return read_document(body, url=URL, **more)  # type: ignore[arg-type]


def guids(document: FeedDocument) -> list[str]:
    return [entry.guid for entry in document.entries]


def test_a_feed_is_read() -> None:
    body = rss("<link>https://example.org/</link>", item("a", "<description>&lt;p&gt;x&lt;/p&gt;</description>"))
    assert read(body) == FeedDocument(
        version="rss20",
        title="T",
        link="https://example.org/",
        entries=(Entry(mark=read(body).entries[0].mark, guid="a", title="a", body="<p>x</p>"),),
    )


VERSIONS = {
    "rss20": rss(),
    "rss092": b'<rss version="0.92"><channel/></rss>',
    "rss": b"<rss><channel/></rss>",
    "atom10": b'<feed xmlns="http://www.w3.org/2005/Atom"/>',
    "atom03": b'<feed version="0.3" xmlns="http://purl.org/atom/ns#"/>',
    "rss10": b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel/></r:RDF>',
    "rss090": b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/"/>',
}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_feed_is_a_feed(version: str) -> None:
    document = read(VERSIONS[version])
    assert (document.version, document.entries, document.complaint, document.is_torn) == (version, (), "", False)


REFUSED = {
    "nothing": (b"", "empty: nothing came but white space"),
    "white space": (b" \r\n\t", "empty: nothing came but white space"),
    "zeros": (b"\0" * 9, "empty: nothing came but white space"),
    "a page": (b"<!DOCTYPE html><html><head><title>Log in</title></head></html>", "an HTML page, not a feed (title “Log in”)"),
    "a page without a title": (b"<HTML><body>x", "an HTML page, not a feed"),
    "a page in XML": (b'<?xml version="1.0"?><html xmlns="x"><head><title/></head></html>', "an HTML page, not a feed"),
    "a page that has the word in it": (b"<html><title>t</title><pre><rss ></pre></html>", "an HTML page, not a feed (title “t”)"),
    "another vocabulary": (
        b'<?xml version="1.0"?><!-- <rss> --><opml version="2.0"><body/></opml>',
        "not a feed: its first element is <opml>",
    ),
    "text": (b"No such feed\x1b[31m here\nbye", "not a feed: it begins with “No such feed[31m here bye”"),
    "a path": (b"/etc/passwd", "not a feed: it begins with “/etc/passwd”"),
    "an address": (b"file:///etc/passwd", "not a feed: it begins with “file:///etc/passwd”"),
    "a prefix that only looks like a feed's": (b'<x:feed xmlns:x="urn:x"><x:entry/></x:feed>', "not a feed: its first element is <x:feed>"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_feed_is_refused_and_named(body: bytes, reason: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(body)
    assert str(caught.value) == reason


def test_reasons_quote_little_on_one_line_without_controls() -> None:
    for body in (
        b"x\x07\xc2\x85\xe2\x80\xae\n" * 1_000,
        b"<html><title>" + b"t\xe2\x80\xaf\x1b" * 300,
        b"<" + b"a" * 5_000 + b">",
        b"\x90" * 500,
    ):
        with pytest.raises(UpstreamError) as caught:
            read(body)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 140


MENDED = {
    "bare ampersands": rss("<item><guid>a</guid><title>A & B</title><link>https://x.org/?a=1&b=2</link></item>", item("b")),
    "HTML's entities": rss("<item><guid>a</guid><title>A &nbsp;&ldquo;B&rdquo;</title></item>", item("b")),
    "white space before the declaration": b'\n\n <?xml version="1.0"?>' + rss(item("a"), item("b")),
    "a warning before it": b"<br />\n<b>Warning</b>: mysql_connect() &nbsp; failed<br />" + rss(item("a"), item("b")),
    "a notice before it": b"[12-Jan] PHP Notice\n" + rss(item("a"), item("b")),
    "a script behind it": rss(item("a"), item("b")) + b"<script>count()</script>",
    "a prefix that is bound to nothing": rss(item("a"), item("b")).replace(b"<item", b"<rss:item").replace(b"</item", b"</rss:item"),
    "control characters": rss(item("a", "<description>\x00\x08\x1f</description>"), item("b")),
    "an unclosed tag": rss(item("a", "<description><p>x</description>"), item("b")),
    "a prefix in an entry that is bound to nothing": rss(item("a", "<dc:creator>C</dc:creator>"), item("b")),
    "attributes without quotes": rss(item("a", "<enclosure url=/x.mp3 type=audio/mpeg>"), item("b")),
    "entries behind the end": rss(item("a")) + item("b").encode(),
    "two roots": rss(item("a")) + rss(item("b")),
}


@pytest.mark.parametrize("body", MENDED.values(), ids=MENDED)
def test_a_damaged_document_keeps_all_its_entries(body: bytes) -> None:
    document = read(body)
    assert guids(document) == ["a", "b"]
    assert not document.is_torn
    marks = [entry.mark for entry in document.entries]
    assert guids(read(body, known={marks[0]})) == ["b"]


def test_a_damaged_document_says_what_is_wrong() -> None:
    assert "mismatch" in read(MENDED["an unclosed tag"]).complaint
    assert "EntityRef" in read(MENDED["bare ampersands"]).complaint
    assert read(rss(item("a"))).complaint == ""


def test_mended_text_reads_as_it_was_meant() -> None:
    assert read(MENDED["bare ampersands"]).entries[0].title == "A & B"
    assert read(MENDED["bare ampersands"]).entries[0].link == "https://x.org/?a=1&b=2"
    assert read(MENDED["HTML's entities"]).entries[0].title == "A “B”"
    cdata = rss("<item><title><![CDATA[a & b &lt; &copy;]]></title><description><![CDATA[<b>c & d</b>]]></description></item>", "&nbsp;")
    assert read(cdata).entries[0].title == "a & b < ©"
    assert read(cdata).entries[0].body == "<b>c &amp; d</b>"


def test_a_document_type_without_declarations_is_fine() -> None:
    doctype = b'<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">'
    document = read(doctype + rss(item("a", "<description>x&eacute;&nbsp;&unheard;</description>"), item("b")))
    assert guids(document) == ["a", "b"]
    assert document.entries[0].body == "xé&nbsp;&amp;unheard;"


def test_entries_beyond_the_limit_are_counted_not_read() -> None:
    entries = [item(str(number)) for number in range(12)]
    for body in (rss(*entries), rss(*entries, "<unclosed>")):
        document = read(body, limit=10)
        assert guids(document) == [str(number) for number in range(10)]
        assert document.dropped == 2


def test_a_transfer_that_ended_early_loses_its_last_entry() -> None:
    document = read(rss(item("a"), item("b"), item("c")), is_complete=False)
    assert (guids(document), document.is_torn, document.complaint) == (["a", "b"], True, "it ends before its end")
    with pytest.raises(UpstreamError, match=r"^truncated"):
        read(rss(item("a")), is_complete=False)


def test_a_torn_document_whose_whole_entries_are_known_is_no_error() -> None:
    body = rss(item("a"), item("b"))
    marks = {entry.mark for entry in read(body).entries}
    document = read(body[:-40], known=marks)
    assert document.is_torn
    assert (document.entries, len(document.known)) == ((), 1)


def test_the_end_of_a_root_in_a_text_is_not_the_end_of_the_document() -> None:
    body = rss(item("a"), item("b", "<description><![CDATA[<p>how to write </rss> by hand</p>]]></description>"))
    for end in (body.index(b" by hand"), body.index(b"]]>") + 3):
        document = read(body[:end])
        assert document.is_torn
        assert guids(document) == ["a"]


def test_an_entry_that_breaks_the_parser_costs_itself_alone() -> None:
    body = rss(item("a"), item("b", "<width><content>x</content></width>"), item("c"))
    document = read(body)
    assert guids(document) == ["a", "c"]
    assert document.complaint == "entries left out: 1 (the parser failed: TypeError)"
    with pytest.raises(UpstreamError, match=r"^the parser failed: TypeError$"):
        read(rss(item("b", "<width><content>x</content></width>")))


DOCUMENT = FeedDocument(
    version="rss20",
    title="题",
    entries=(
        Entry(
            mark="1" * 32,
            guid="g",
            tags=("a", "b"),
            published=datetime(1600, 1, 2, tzinfo=UTC),
            updated=datetime(2094, 1, 2, 3, 4, 5, tzinfo=UTC),
        ),
        Entry(mark="2" * 32),
    ),
    known=("3" * 32,),
    is_torn=True,
    complaint="x",
    dropped=3,
    hints=Hints(ttl=5, update_period=3_600, skip_hours=frozenset({1, 2}), skip_days=frozenset({0})),
)


@pytest.mark.parametrize("document", [DOCUMENT, FeedDocument(version="atom10")], ids=["everything", "nothing"])
def test_a_document_survives_the_way_as_json(document: FeedDocument) -> None:
    assert document_from_json(json.loads(json.dumps(document_to_json(document)))) == document


def test_values_that_are_no_document_are_refused() -> None:
    good = document_to_json(DOCUMENT)
    bad = [{}, good | {"version": 1}, good | {"entries": [{}]}, good | {"known": [1]}, good | {"hints": None}, good | {"is_torn": 1}]
    bad.append(good | {"entries": [good["entries"][0] | {"published": 1e30}]})
    bad.append(good | {"entries": [good["entries"][0] | {"published": 10**30}]})
    for values in bad:
        with pytest.raises(UpstreamError, match="no usable result"):
            document_from_json(values)


def test_the_task_is_the_reading_with_json_on_both_sides() -> None:
    body = rss(item("a"), item("b"), item("c"))
    marks = [entry.mark for entry in read(body).entries]
    arguments = {"url": URL, "content_type": "text/xml", "known": marks[:1], "is_complete": True, "embeds": ["www.youtube.com"], "limit": 2}
    answer = json.loads(json.dumps(read_task(json.loads(json.dumps(arguments)), body)))
    assert document_from_json(answer) == read(body, known=set(marks[:1]), limit=2)
    assert document_from_json(read_task({"url": URL}, body)) == read(body)
    with pytest.raises(UpstreamError, match=r"^empty"):
        read_task({"url": URL}, b"")
