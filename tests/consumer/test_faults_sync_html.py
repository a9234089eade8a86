"""Rows F1-F10 of the fault list through the whole of a sync: markup in every place, judged in posts and feeds by another parser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from faultorigin import Reply
from hostile import PAYLOADS, atom_of, item_of, payload_items, rss_of
from siege import Case, Siege, besieged
from upstream import rss, rss_item


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    with besieged(tmp_path) as siege:
        yield siege


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_markup_in_any_place_does_nothing_in_posts_and_feeds(siege: Siege, payload: str) -> None:
    """What must hold of all posts and feeds is judged in `Siege.run`: this says what comes in, and that it came in."""
    siege.patience = 20
    new = {"everywhere": 1, "cdata": 1, "atom": 7}
    siege.run([Case(place, body, "ok", None, new[place]) for place, body in payload_items(payload).items()])


def test_F8_other_types_of_content_are_read_as_what_they_are(siege: Siege) -> None:
    def content(kind: str, text: str) -> bytes:
        return atom_of(f'<entry><id>urn:1</id><title>T</title><content type="{kind}">{text}</content></entry>')

    def body(expected: str):
        def check(posts) -> None:
            assert posts[0].body == expected

        return check

    script = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;x&lt;/b&gt;"
    xhtml = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script><b onclick="x">x</b></div>'
    coded = base64.b64encode(b"<svg onload=alert(1)></svg>").decode()
    siege.run(
        [
            Case("text", content("text", script), "ok", new=1, check=body(f"<p>{script}</p>")),
            Case("html", content("html", script), "ok", new=1, check=body("<b>x</b>")),
            Case("xhtml", content("xhtml", xhtml), "ok", new=1, check=body("<b>x</b>")),
            Case("svg", content("image/svg+xml", coded), "ok", new=1, check=body("")),
            Case("octets", content("application/octet-stream", coded), "ok", new=1, check=body("")),
        ]
    )


def test_F9_errors_notes_and_file_names_carry_no_markup_that_works(siege: Siege) -> None:
    payload = "\x1b[31m<script>alert(1)</script>\u202e\r\n2026-01-01 ERROR forged"
    page = f"<html><head><title>{payload}</title></head></html>".encode()
    broken = rss_of(item_of(1), f"<{'x' * 40}\x1b[31m y>")
    siege.run(
        [Case("page", page, error="HTML page"), Case("broken", broken, "ok", None, 1), Case("json", b'{"' + payload.encode(), error=".")]
    )
    siege.origin.add("/page", Reply(body=rss(rss_item(5, title=payload.replace("\x1b", "")))))
    siege.sync()
    assert not [name for name in siege.up.files if set(name) & set("<>\x1b\u202e\n")]
    assert [record for record in siege.records if "\n" in record.getMessage() or "\x1b" in record.getMessage()] == []


def test_F9_the_title_and_the_link_of_a_feed_do_nothing_where_they_are_shown(siege: Siege) -> None:
    title = escape("<script>alert(1)</script><b>x</b>")
    siege.run([Case("title", rss_of(item_of(1), head=f"<title>{title}</title><link>javascript:alert(1)</link>"), "ok", new=1)])
    assert siege.state("title").title.isprintable()
    feeds = siege.up.project.feeds()
    for name in ("敌/atom.xml", "index.html", "opml.xml"):
        assert b"<script" not in feeds.get(name, b"").lower()
        assert b'="javascript' not in feeds.get(name, b"").lower()


def test_F10_a_picture_that_counts_readers_is_no_posts_own_picture(siege: Siege) -> None:
    tracker = escape('<img src="https://t.example.com/p.gif" width="1" height="1"><img src="https://i.example.com/a.jpg">x')
    siege.run([Case("tracker", rss_of(item_of(1, description=tracker)), "ok", new=1)])
    post = next(post for post in siege.posts("tracker") if post.title == "T1")
    assert post.headimg == "https://i.example.com/a.jpg"
    assert 'referrerpolicy="no-referrer"' in post.body
