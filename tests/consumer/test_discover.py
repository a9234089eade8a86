"""The feeds of a web page, found in what it declares and links to."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.consumer.discover import MAX_LINKS, FeedLink, discover_task, find_feed_links, guessed_addresses
from feedmill.urls import encode_url

PAGE = "https://example.org/blog/"


def _urls(html: str, *, url: str = PAGE) -> list[str]:
    return [link.url for link in find_feed_links(html.encode(), url=url)]


def _link(kind: str, href: str, more: str = "") -> str:
    return f'<link rel="alternate" type="{kind}" href="{href}" {more}>'


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        (_link("application/rss+xml", "/rss"), ["https://example.org/rss"]),
        (_link("application/atom+xml", "a.xml"), ["https://example.org/blog/a.xml"]),
        (_link("application/feed+json", "//cdn.example.org/f.json"), ["https://cdn.example.org/f.json"]),
        (_link("application/rdf+xml", "index.rdf"), ["https://example.org/blog/index.rdf"]),
        (_link("text/xml; charset=utf-8", "x"), ["https://example.org/blog/x"]),
        ('<LINK REL="Alternate" TYPE="Application/RSS+XML" HREF="/X">', ["https://example.org/X"]),
        ("<link rel='home alternate' type=application/rss+xml href=/x />", ["https://example.org/x"]),
        ('<link rel="feed" href="/x">', ["https://example.org/x"]),
        (_link("application/json", "/feed.json"), ["https://example.org/feed.json"]),
        (_link("application/json", "/x", 'title="JSON Feed"'), ["https://example.org/x"]),
        (_link("application/json", "/wp-json/wp/v2/pages/2"), []),
        (_link("application/json+oembed", "/feed/oembed"), []),
        (_link("text/html", "/feed"), []),
        ('<link rel="alternate stylesheet" type="text/xml" href="/x">', []),
        ('<link rel="stylesheet" type="application/rss+xml" href="/x">', []),
        (_link("application/rss+xml", ""), []),
        (_link("application/rss+xml", "javascript:alert(1)"), []),
        (_link("application/rss+xml", "file:///etc/passwd"), []),
        (_link("application/rss+xml", "feed://example.net/x"), ["http://example.net/x"]),
        (_link("application/rss+xml", "feed:https://example.net/x"), ["https://example.net/x"]),
        (_link("application/rss+xml", "/?a=1&amp;b=${HOME}"), ["https://example.org/?a=1&b=$%7BHOME%7D"]),
        (_link("application/rss+xml", PAGE), []),
        (f"<!-- {_link('application/rss+xml', '/x')} -->", []),
        (f"<script>document.write('{_link('application/rss+xml', '/x')}')</script>", []),
        (f"<body><p>{_link('application/rss+xml', '/x')}", ["https://example.org/x"]),
        (_link("application/rss+xml", "/" + "x" * 3000), []),
        ("", []),
        ("%PDF-1.4 \x00\xff", []),
    ],
    ids=[
        "RSS", "Atom", "JSON Feed", "RDF", "XML", "capitals", "no quotes", "rel=feed", "JSON by address", "JSON by title", "an API",
        "oEmbed", "a page", "a style sheet", "a type alone", "no address", "javascript", "a file", "feed://", "feed:https", "escapes",
        "the page itself", "a comment", "a script", "in the body", "too long", "nothing", "no page",
    ],
)  # fmt: skip
def test_what_a_page_declares_is_found(html: str, urls: list[str]) -> None:
    assert _urls(html) == urls


@pytest.mark.parametrize(
    ("href", "is_found"),
    [
        ("/feed", True), ("/feed/", True), ("feed.xml", True), ("/rss.xml", True), ("/atom.xml", True), ("/index.xml", True),
        ("/feed.json", True), ("/rss2", True), ("/index.rdf", True), ("/news.rss", True), ("/feeds/all.atom.xml", True),
        ("/?feed=rss2", True),
        ("https://feeds.feedburner.com/Name", True), ("feed:https://example.net/x", True), ("/blog/rss.en.xml", True),
        ("/feedback", False), ("/sitemap/index.xml", False), ("/index.json", False), ("/feeds", True), ("/rss-reader-review", False),
        ("mailto:feed@example.org", False), ("/search?q=feed", False), ("#feed", False), ("https://feed.example.net", False),
    ],
)  # fmt: skip
def test_links_whose_address_reads_like_a_feed_are_found(href: str, is_found: bool) -> None:
    assert bool(_urls(f'<a href="{href}">x</a>')) is is_found


def test_the_declared_come_before_the_linked_and_comments_last() -> None:
    html = (
        '<a href="https://elsewhere.example/feed">x</a><a href="/rss.xml">x</a>'
        + _link("application/rss+xml", "/comments/feed/", 'title="Site » Comments Feed"')
        + _link("text/xml", "/generic")
        + _link("application/rss+xml", "/c2", 'title="某文章的评论"')
        + _link("application/rss+xml", "/feed/", 'title="Site &raquo; Feed"')
        + _link("application/atom+xml", "/atom")
        + _link("application/rss+xml", "/feed/", 'title="again"')
    )
    assert find_feed_links(html.encode(), url=PAGE) == (
        FeedLink("https://example.org/feed/", "Site » Feed", "application/rss+xml"),
        FeedLink("https://example.org/atom", "", "application/atom+xml"),
        FeedLink("https://example.org/generic", "", "text/xml"),
        FeedLink("https://example.org/rss.xml"),
        FeedLink("https://elsewhere.example/feed"),
        FeedLink("https://example.org/comments/feed/", "Site » Comments Feed", "application/rss+xml"),
        FeedLink("https://example.org/c2", "某文章的评论", "application/rss+xml"),
    )


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("/other/", "https://example.org/other/x"),
        ("https://cdn.example.net/a/b", "https://cdn.example.net/a/x"),
        ("javascript:1", PAGE + "x"),
    ],
    ids=["a path", "another host", "no address"],
)
def test_addresses_are_relative_to_the_base_of_the_page(base: str, url: str) -> None:
    link = _link("application/rss+xml", "x")
    assert _urls(f'{link}<base href="{base}"><base href="/late/">') == [url]


def test_titles_are_read_in_the_encoding_of_the_page() -> None:
    html = f"<html>{_link('application/rss+xml', '/x', 'title=新闻')}<p>中文网页的内容</p>".encode("gbk")
    assert find_feed_links(html, url=PAGE, content_type="text/html; charset=gbk")[0].title == "新闻"
    assert find_feed_links(html, url=PAGE)[0].title == "新闻"


def test_titles_are_one_short_line_of_text() -> None:
    (link,) = find_feed_links(_link("application/rss+xml", "/x", f'title="a&#10;b &#27;[31m{"x" * 1000}"').encode(), url=PAGE)
    assert link.title.startswith("a b ")
    assert "\x1b" not in link.title
    assert len(link.title) <= 200


def test_at_most_twenty_links_are_given() -> None:
    assert len(_urls("".join(_link("application/rss+xml", f"/{number}") for number in range(1000)))) == MAX_LINKS
    many = "".join(f'<a href="/{number}/feed">x</a>' for number in range(1000)) + _link("application/rss+xml", "/declared")
    assert _urls(many)[0] == "https://example.org/declared"


@pytest.mark.parametrize(
    "body",
    [
        b"<a href=/feed>" * 100_000, b"<div>" * 200_000, b"<p>" * 330_000, b'<a "' * 250_000, b"<" * 1_000_000, b"<!--" * 250_000,
        b"<a " + b"".join(b"x%d=1 " % number for number in range(100_000)) + b">", b"<table>" * 140_000, b"\0" * 1_000_000,
        b"<link rel=alternate type=application/rss+xml href=" + b"/" * 999_000, b"<p>x</p>" * 2_500_000,
    ],
    ids=["links", "blocks", "paragraphs", "quotes", "signs", "comments", "attributes", "tables", "zeros", "an address", "20 MB"],
)  # fmt: skip
def test_a_hostile_page_takes_little_time(body: bytes) -> None:
    start = time.process_time()
    assert len(find_feed_links(body, url=PAGE)) <= MAX_LINKS
    assert time.process_time() - start < 2  # measured: at most 0.3 s


def test_what_stands_behind_the_first_megabyte_is_not_looked_at() -> None:
    link = _link("application/rss+xml", "/x").encode()
    assert find_feed_links(b" " * 900_000 + link, url=PAGE)
    assert not find_feed_links(b" " * 1_100_000 + link, url=PAGE)


_PIECES = (
    "<link ", "<a ", "<base ", "rel=alternate ", "type=text/xml ",
    "href=", "'", '"', ">", "/feed", "//[", "http://", "%", "\x00", "é", "${A}",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES)))
def test_whatever_the_page_the_links_are_web_addresses(parts: list[str]) -> None:
    for link in find_feed_links("".join(parts).encode(), url=PAGE):
        assert link.url.startswith(("https://", "http://"))
        assert encode_url(link.url) == link.url
        assert "${" not in link.url


def test_the_task_speaks_json() -> None:
    body = _link("application/rss+xml", "/x", 'title="新闻"').encode()
    answer = json.loads(json.dumps(discover_task({"url": PAGE, "content_type": "text/html", "is_complete": True}, body)))
    assert [FeedLink(**link) for link in answer] == list(find_feed_links(body, url=PAGE))
    assert discover_task({"url": PAGE}, b"") == []


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://example.org", "https://example.org/feed"),
        ("https://example.org:8443/about.html?x=1#y", "https://example.org:8443/feed"),
        ("https://example.org/blog", "https://example.org/blog/feed"),
        ("https://example.org/blog/2024/post.html", "https://example.org/blog/feed"),
    ],
)
def test_usual_places_are_on_the_same_site(url: str, first: str) -> None:
    guesses = guessed_addresses(url)
    assert guesses[0] == first
    assert len(guesses) == len(set(guesses)) <= 6
    assert {"/feed", "/rss.xml", "/atom.xml", "/index.xml"} <= {"/" + guess.split("/", 3)[3] for guess in guesses}
