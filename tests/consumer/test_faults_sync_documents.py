"""Rows A1-A19 of the fault list through the whole of a sync: documents that attack their parser, beside a good source."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from datetime import timedelta
from html import escape
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Reply
from feedmill.consumer.cage import CageLimits
from hostile import atom_of, billion_laughs, endless, entities, flood, item_of, nested, quadratic_blowup, rss_of
from siege import CANARY, Case, Siege, besieged
from upstream import rss, rss_item

REFUSED = "entity declarations are refused"


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    with besieged(tmp_path) as siege:
        yield siege


def titles(*expected: str):
    """A check that the posts have these titles."""

    def check(posts) -> None:
        assert [post.title for post in posts] == list(expected)

    return check


def test_A1_an_entity_brings_no_file_into_a_post(siege: Siege) -> None:
    declaration = f'<!ENTITY x SYSTEM "{siege.secret.as_uri()}">'
    before = f'<?xml version="1.0"?><!DOCTYPE rss [{declaration}]>'
    siege.run(
        [
            Case("title", entities(declaration), error=REFUSED),
            Case("title-utf16", entities(declaration, coding="utf-16"), error=REFUSED),
            Case("content", rss_of(item_of(1, description="&x;"), before=before), error=REFUSED),
            Case("attribute", rss_of(item_of(1, '<enclosure url="&x;" type="audio/mpeg"/>'), before=before), error=REFUSED),
            Case("include", rss_of(item_of(1, include(siege.secret.as_uri()))), "ok", new=1),
        ]
    )


def include(place: str) -> str:
    return f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{place}" parse="text"/>'


def test_A2_nothing_outside_the_document_is_asked_for(siege: Siege) -> None:
    with FaultOrigin() as listener:
        place = listener.url("/x.dtd")
        before = [f'<!DOCTYPE rss SYSTEM "{place}">', f'<!DOCTYPE rss PUBLIC "-//X//Y" "{place}">', f'<?xml-stylesheet href="{place}"?>']
        siege.run(
            [
                *(Case(f"dtd-{n}", rss_of(item_of(1), before=text), "ok", new=1) for n, text in enumerate(before)),
                Case("parameter", entities(f'<!ENTITY % p SYSTEM "{place}">%p;', text="x"), error=REFUSED),
                Case("include", rss_of(item_of(1, include(place))), "ok", new=1),
            ]
        )
        assert listener.connections == 0


def test_A3_A4_A5_bombs_of_entities_are_refused(siege: Siege) -> None:
    siege.patience = 6
    siege.run(
        [
            Case("laughs", billion_laughs(), error=REFUSED),
            Case("laughs-utf16", billion_laughs("utf-16"), error=REFUSED),
            Case("quadratic", quadratic_blowup(), error=REFUSED),
            Case("one", entities('<!ENTITY x "y">'), error=REFUSED),
            Case("many", entities(*(f'<!ENTITY x{n} "a">' for n in range(100_000)), text="t"), error=REFUSED),
        ]
    )


def test_A6_nesting_is_refused_or_made_shallow(siege: Siege) -> None:
    deep = escape("<div>" * 100_000) + "end"
    siege.run(
        [
            Case("title", rss_of(item_of(1, title=nested())), error="nested more than 256 deep"),
            Case("content", rss_of(item_of(1, description=nested("div"))), error="nested more than 256 deep"),
            Case("open", rss_of(item_of(1), "<x>" * 100_000), error="nested more than 256 deep"),
            Case("html", rss_of(item_of(1, description=deep), item_of(2)), "ok", new=2, check=titles("T1", "T2")),
        ]
    )


def test_A7_what_is_slow_to_read_ends_within_its_limits(siege: Siege) -> None:
    siege.patience = 30
    attributes = escape("<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x</p>")
    siege.run(
        [
            Case("author", rss_of(item_of(1, f"<author>{'a.' * 20_000}</author>")), "ok", new=1),
            Case("style", rss_of(item_of(1, description=escape(f'<p style="{"a" * 40_000}">x</p>'))), "ok", new=1),
            Case("comments", rss_of(item_of(1, description=escape("<!--" * 80_000))), "ok", new=1),
            Case("attributes", rss_of(item_of(1, description=attributes)), "ok", new=1),
        ]
    )


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        pytest.param({"cpu": timedelta(seconds=1)}, "more than 1 s of processor time", id="processor"),
        pytest.param({"wall": timedelta(seconds=0.7)}, "more than 0.7 s", id="time"),
        pytest.param({"memory": 12 * 2**20}, "more memory than 12 MiB|the parser crashed|the parser ended", id="memory"),
    ],
)
def test_A7_what_overruns_the_cage_costs_its_own_source(siege: Siege, limits: dict[str, object], said: str) -> None:
    siege.around = {"cage": CageLimits(**limits)}
    heavy = rss_of(*(item_of(number, "<category term='c'/>" * 400) for number in range(1_000)))
    siege.run([Case("heavy", heavy, error=said)])


def test_A8_large_documents_are_refused_or_cut_to_their_beginning(siege: Siege) -> None:
    siege.patience = 30
    text = rss_of(item_of(1, description="word " * 1_800_000), item_of(2))
    siege.run(
        [
            Case("fifty", Reply(raw=endless(50)), error="larger than 10,000,000 bytes"),
            Case("text", text, "ok", new=2, check=lambda posts: [len(post.body) < 1_048_576 for post in posts].index(True)),
        ]
    )


@pytest.mark.long
def test_A8_of_a_flood_of_entries_the_first_thousand_are_stored(siege: Siege) -> None:
    siege.patience = 60
    report = siege.run([Case("flood", flood(100_000), "ok", new=1_000)])["flood"]
    assert {post.title for post in siege.posts("flood")} == {"Before", *(f"Flood {number}" for number in range(1_000))}
    assert ["99,000" in why for _, why in report.notes] == [True]


def test_A9_what_is_ill_formed_gives_its_entries_and_is_said(siege: Siege) -> None:
    siege.run(
        [
            Case(
                "ampersand",
                rss_of(item_of(1, title="A & B"), item_of(2)),
                "ok",
                "EntityRef|not well-formed|ampersand",
                2,
                titles("A & B", "T2"),
            ),
            Case("unclosed", rss_of(item_of(1, title="<b>A"), item_of(2)), "ok", "mismatch|not well-formed", 2),
        ]
    )


def test_A10_a_cut_document_gives_whole_entries_and_is_asked_for_again(siege: Siege) -> None:
    whole = rss(*(rss_item(number) for number in range(10, 20)))
    places = random.Random(10).sample(range(600, len(whole)), 6)
    ends = [whole.index(b"</item>", whole.index(b"urn:item:%d<" % number)) + 7 for number in range(10, 20)]
    cases = []
    for place in places:
        count = sum(end <= place for end in ends)
        # A cut right behind an entry may be one in the middle of it: the last one waits for the next time.
        count -= whole[:place].endswith(b"</item>")
        cases.append(Case(f"cut-{place}", Reply(body=whole[:place], headers={"ETag": '"cut"'}), "partial", "ends before its end", count))
    siege.run(cases)
    for case in cases:
        for post in siege.posts(case.name):
            assert post.title == "Before" or post.body == f"<p>Body of {post.title.split()[1]}</p>"
        siege.origin.add(f"/{case.name}", Reply(body=whole))
    siege.sync()
    assert {len(siege.posts(case.name)) for case in cases} == {11}


def test_A11_A12_A13_what_is_no_feed_changes_nothing(siege: Siege) -> None:
    feed = siege.secret
    feed.write_bytes(rss(rss_item(1, title=CANARY)))
    page = b"<!DOCTYPE html><html><head><title>Log in &mdash; \x1b[31mIntranet</title></head><body><form></form></body></html>"
    gzipped = {"ETag": '"new"', "Content-Encoding": "gzip"}
    siege.run(
        [
            Case("login", Reply(body=page, headers={"ETag": '"new"', "Content-Type": "text/html"}), error="an HTML page, not a feed"),
            Case("empty", Reply(headers={"ETag": '"new"'}), error="empty"),
            Case("space", b" \r\n\t" * 1_000, error="empty"),
            Case("random", random.Random(12).randbytes(100_000), error="not a feed|JSON|empty|truncated|HTML"),
            Case("json", b'{"hello": ["world"]}', error="JSON|not a feed"),
            Case("gzip-of-nothing", Reply(body=gzip.compress(b""), headers=gzipped), error="empty"),
            Case("nothing-as-gzip", Reply(headers=gzipped), error="empty|before the first byte|compressed"),
            Case("path", str(feed).encode(), error="not a feed"),
            Case("passwd", b"/etc/passwd", error="not a feed"),
            Case("address", feed.as_uri().encode(), error="not a feed"),
        ]
    )


def declared(coding: str, text: str, *, written: str) -> bytes:
    return rss_of(item_of(1, title=text), item_of(2), before=f'<?xml version="1.0" encoding="{coding}"?>', coding=written)


def test_A14_A15_text_is_right_or_readable_whatever_the_charset_is_called(siege: Siege) -> None:
    text, mixed = "Grüße 新闻", rss_of(item_of(1, title="Grüße über Grüße"), item_of(2)).replace(b"T2", b"T2\xe9")
    odd = ("utf-7", "unicode_escape", "idna", "undefined", "no-such", "zlib", "x\0y")
    lying, honest = declared("iso-8859-1", text, written="utf-8"), declared("utf-8", text, written="utf-8")

    def said(name: str, body: bytes, charset: str) -> Case:
        answer = Reply(body=body, headers={"Content-Type": f"text/xml; charset={charset}"})
        return Case(name, answer, "ok", new=2, check=titles(text, "T2"))

    def written(name: str, charset: str) -> Case:
        return Case(name, declared(charset, "plain", written="utf-8"), "ok", new=2, check=titles("T2", "plain"))

    siege.run(
        [
            said("header", lying, "utf-8"),
            Case("bom", declared("iso-8859-1", text, written="utf-8-sig"), "ok", new=2, check=titles(text, "T2")),
            Case("mojibake", rss_of(item_of(1, title="Ã©")), "ok", new=1, check=titles("Ã©")),
            Case("mixed", mixed, "ok", new=2, check=titles("Grüße über Grüße", "T2é")),
            *(written(f"odd-{number}", name) for number, name in enumerate(odd)),
            *(said(f"odd-header-{number}", honest, name) for number, name in enumerate(odd[:-1])),
        ]
    )


def test_A16_characters_that_are_none_cost_no_other_entry(siege: Siege) -> None:
    bad = ["&#xD800;", "&#x110000;", f"&#{'9' * 5_000};", "&#8;", "\x00", "\ufffe", "&#99999999999999;", "\ud800"]

    def check(posts) -> None:
        assert [post.title for post in posts][:2] == ["T1", "T2"]
        assert posts[2].title.replace("\ufffd", "").replace(" ", "") in ("ab", "aí€b")  # bytes that are no UTF-8 are Windows-1252

    siege.run(
        [
            Case(
                f"character-{n}",
                rss_of(item_of(1), item_of(3, title=f"a{text} b", description=f"x{text}y"), item_of(2)),
                "ok",
                None,
                3,
                check,
            )
            for n, text in enumerate(bad)
        ]
    )


def test_A17_json_is_cleaned_or_refused(siege: Siege) -> None:
    frame = '{{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": {}}}'
    whole = '{{"version": "https://jsonfeed.org/version/1.1", "items": [{{"id": {}, "title": {}, "content_text": "x"}}]}}'

    def case(name: str, text: str, **over) -> Case:
        return Case(name, Reply(body=text.encode(), headers={"Content-Type": "application/feed+json"}), **over)

    siege.run(
        [
            case("deep", "[" * 100_000, error="JSON|not a feed"),
            case("deep-items", frame.format("[" * 100_000 + "]" * 100_000), error="JSON"),
            case("not-a-list", frame.format('{"id": 1}'), error="JSON"),
            case("number", whole.format("12", '"N"'), result="ok", new=1, check=lambda posts: [post.guid for post in posts].index("12")),
            case("null", whole.format("null", '"N"'), result="ok", new=1),
            case("nan", whole.format('"1"', "NaN"), result="ok", new=1, check=titles("NaN")),
            case("digits", whole.format("9" * 5_000, '"N"'), result="ok", new=1),
            case("surrogate", whole.format('"1"', '"\\ud800x"'), result="ok", new=1, check=titles("x")),
            case("double", whole.format('"1"', '"a"')[:-1] + ', "title": "U"}', result="ok", new=1),
        ]
    )


def test_A18_junk_in_extensions_costs_no_entry(siege: Siege) -> None:
    geo = 'xmlns:p="http://www.georss.org/georss" xmlns:g="http://www.opengis.net/gml"'
    junk = {
        "georss": f"<p:point {geo}>x y</p:point>",
        "gml": f'<p:where {geo}><g:Point srsName="EPSG:x"><g:pos>1 2</g:pos></g:Point></p:where><g:pos {geo}>1</g:pos>',
        "chapters": '<c:chapters xmlns:c="http://podlove.org/simple-chapters"><c:chapter/><c:chapter start="x"/></c:chapters>',
        "itunes": '<i:image xmlns:i="http://www.itunes.com/dtds/podcast-1.0.dtd"/>',
        "image": "<image><width>x</width><height/><url/></image><width/><height>-1</height>",
        "names": "<links>x</links><tags>x</tags><authors>x</authors><content>x</content><title_detail>x</title_detail><image>x</image>",
    }
    siege.run([Case(name, rss_of(text, item_of(1), item_of(2, text)), "ok", None, 2, titles("T1", "T2")) for name, text in junk.items()])


def test_A19_addresses_are_resolved_to_the_web_alone(siege: Siege) -> None:
    content = escape("<img src='a.png'><a href='b'>x</a>")
    bases = ("javascript:alert(1)//", "file:///etc/", "data:text/html,x", "ftp://x.org/", "//", "http://[")
    entry = '<entry xml:base="{0}"><id>1</id><title>T</title><link href="p"/><content type="html">' + content + "</content></entry>"
    siege.run([Case(f"base-{n}", atom_of(entry.format(base)), "ok", new=1, check=titles("T")) for n, base in enumerate(bases)])
