"""Names and their types."""

from __future__ import annotations

import pytest

from feedmill.service.mediatypes import content_type, is_feed


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("atom.xml", "application/atom+xml; charset=utf-8"),
        ("科技/atom.xml", "application/atom+xml; charset=utf-8"),
        ("A/rss.xml", "application/rss+xml; charset=utf-8"),
        ("A/feed.json", "application/feed+json; charset=utf-8"),
        ("A/atom-1.xml", "application/atom+xml; charset=utf-8"),
        ("rss-120.xml", "application/rss+xml; charset=utf-8"),
        ("feed-7.json", "application/feed+json; charset=utf-8"),
        ("feed-07.json", "application/json; charset=utf-8"),
        ("atom-1.json", "application/json; charset=utf-8"),
        ("opml.xml", "text/x-opml; charset=utf-8"),
        ("all.opml", "text/x-opml; charset=utf-8"),
        ("sitemap.xml", "application/xml; charset=utf-8"),
        ("my-atom.xml", "application/xml; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("feed.css", "text/css; charset=utf-8"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("logo.PNG", "image/png"),
        ("a.jpeg", "image/jpeg"),
        ("favicon.ico", "image/x-icon"),
        ("CNAME", "application/octet-stream"),
        ("script.js", "application/octet-stream"),
        ("page.xhtml", "application/octet-stream"),
        ("atom.xml/x", "application/octet-stream"),
        ("html", "application/octet-stream"),
    ],
)
def test_a_name_has_its_type(file: str, expected: str) -> None:
    assert content_type(file) == expected


def test_feeds_are_what_readers_subscribe_to() -> None:
    assert [file for file in ("atom.xml", "A/rss.xml", "feed.json", "opml.xml", "a.xml", "feed.css") if is_feed(file)] == [
        "atom.xml",
        "A/rss.xml",
        "feed.json",
    ]
