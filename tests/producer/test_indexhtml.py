"""index.html: the list of feeds on any static host, with addresses for people and for readers, and nothing that asks or runs."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
import pytest
from listed import category, config_of, lines, tag

from feedmill.config import Config
from feedmill.consumer.discover import find_feed_links
from feedmill.producer.categories import FeedKey
from feedmill.producer.indexhtml import index_html, is_our_index
from feedmill.producer.pageparts import Masthead
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS, fingerprint
from hostile import PAYLOADS

ALL = config_of("feeds: {formats: [atom, rss, json], tags: true}\n")
ONE = config_of()
BASE = "https://news.example.org/feeds/"
KEYS = [category(), category("新媒体"), category("新媒体", "产品 a"), category("B"), tag("新媒体")]


def page_of(config: Config, *keys: FeedKey, **over: object) -> bytes:
    return index_html(Masthead.of(config), lines(config, *keys, **over), posts_dir="posts")


def read(page: bytes) -> Element:
    return html5lib.parse(page, transport_encoding="utf-8", namespaceHTMLElements=False)


def text_of(element: Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def found_by_readers(page: bytes) -> list[Element]:
    return [link for link in read(page).iter("link") if link.get("rel") == "alternate"]


def test_every_feed_is_found_in_every_format_under_a_title_of_its_own() -> None:
    links = found_by_readers(page_of(ALL, *KEYS))
    assert len({link.get("title") for link in links}) == len(links) == 3 * len(KEYS)
    assert [(link.get("title"), link.get("type"), link.get("href")) for link in links[3:6]] == [
        ("新媒体 (Atom)", "application/atom+xml", "%E6%96%B0%E5%AA%92%E4%BD%93/atom.xml"),
        ("新媒体 (RSS)", "application/rss+xml", "%E6%96%B0%E5%AA%92%E4%BD%93/rss.xml"),
        ("新媒体 (JSON)", "application/feed+json", "%E6%96%B0%E5%AA%92%E4%BD%93/feed.json"),
    ]
    assert [link.get("title") for link in found_by_readers(page_of(ONE, *KEYS))] == [
        "每日新闻",
        "新媒体",
        "新媒体 / 产品 a",
        "B",
        "#新媒体",
    ]


def test_feeds_that_are_called_the_same_are_told_apart() -> None:
    config = config_of("feeds: {overrides: {A: {title: 同名}, B: {title: 同名}}}\n")
    titles = [
        link.get("title")
        for link in found_by_readers(page_of(config, category(), category("A"), category("A / b"), category("A", "b"), category("B")))
    ]
    assert titles == ["每日新闻", "同名", "A / b", "A / b (2)", "同名 (2)"]


def test_our_own_discovery_finds_them_whatever_host_it_is_on() -> None:
    links = find_feed_links(page_of(ALL, *KEYS), url="https://mirror.example.net/x/", content_type="text/html; charset=utf-8")
    assert [link.url for link in links] == [
        f"https://mirror.example.net/x/{line_.url.removeprefix(BASE)}" for feed in lines(ALL, *KEYS) for line_ in feed.links
    ]


def test_every_link_to_a_document_is_relative_and_leads_to_its_file() -> None:
    page = read(page_of(ALL, *KEYS))
    rows = page.findall(".//li/div")
    for feed, row in zip(lines(ALL, *KEYS)[1:], rows, strict=True):
        hrefs = [link.get("href") or "" for link in row.iter("a")]
        assert [unquote(urlsplit(urljoin("file:///disk/feeds/index.html", href)).path) for href in hrefs] == [
            f"/disk/feeds/{link.file}" for link in (feed.main, *feed.links)
        ]
        assert not any(urlsplit(href).scheme or href.startswith("/") for href in hrefs)
        assert text_of(row.find("code")) == unquote(feed.main.url).replace(" ", "%20")
        assert [text_of(part) for part in row][2:] == ["Atom RSS JSON", "3 篇", "2026-01-02"]


def test_what_people_copy_is_the_published_address_wherever_the_page_lies() -> None:
    page = read(page_of(ALL, *KEYS))
    body, field = page.find("body"), page.find(".//input")
    assert body is not None
    assert field is not None
    assert body.get("data-base") == BASE
    assert field.get("value") == f"{BASE}atom.xml"
    assert [(text_of(link), link.get("href")) for link in page.findall(".//section/p/a")] == [
        ("Atom", "atom.xml"),
        ("RSS", "rss.xml"),
        ("JSON", "feed.json"),
        ("全部订阅（OPML）", "opml.xml"),
    ]


def test_the_policy_in_the_page_lets_in_its_own_css_and_script_before_they_come() -> None:
    page = page_of(ALL, *KEYS)
    head = read(page).find("head")
    assert head is not None
    metas = {meta.get("http-equiv") or meta.get("name") or "charset": meta.get("content") for meta in head.iter("meta")}
    assert metas["Content-Security-Policy"] == (
        f"default-src 'none'; img-src data:; style-src {fingerprint(INDEX_CSS)}; script-src {fingerprint(INDEX_SCRIPT)}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [child.tag for child in head][:2] == ["meta", "meta"]
    assert [element.text for element in read(page).iter("style")] == [INDEX_CSS]
    assert [element.text for element in read(page).iter("script")] == [INDEX_SCRIPT]
    assert metas["robots"] == "index,follow"
    assert [link.get("href") for link in head.iter("link") if link.get("rel") == "canonical"] == [BASE]


def test_nothing_is_loaded_from_anywhere() -> None:
    page = read(page_of(ALL, *KEYS))
    assert [element.tag for element in page.iter() if element.get("src") or element.get("srcset")] == []
    assert {link.get("rel"): (link.get("href") or "")[:5] for link in page.iter("link") if link.get("rel") == "icon"} == {"icon": "data:"}
    assert {link.get("rel") for link in page.iter("link")} == {"icon", "alternate", "canonical"}
    assert not re.search(r"@import|url\(", INDEX_CSS)


@pytest.mark.parametrize(("language", "direction"), [("zh-CN", "ltr"), ("ar", "rtl"), ("en", "ltr")])
def test_it_speaks_the_sites_language(language: str, direction: str) -> None:
    config = config_of(site=f"site: {{title: T, url: 'https://e.org/', language: {language}}}\n")
    page = read(page_of(config, category(), category("A")))
    assert (page.get("lang"), page.get("dir")) == (language, direction)


def test_a_site_without_posts_says_so() -> None:
    assert "还没有发布任何内容" in page_of(ONE, category(), posts=0, entries=0, updated=None).decode()
    assert "还没有发布任何内容" not in page_of(ONE, category()).decode()


def test_feeds_by_the_hundred_stay_one_small_page() -> None:
    paths = [
        (f"分类{top}", *below)
        for top in range(20)
        for below in ((), *((f"子分类{sub}",) for sub in range(9)), *((f"子分类{sub}", "最新文章") for sub in range(9)))
    ]
    page = page_of(ALL, category(), *(category(*path) for path in paths))
    assert page.count(b"<li>") == 380
    assert len(page) < 400_000
    assert Counter(element.tag for element in read(page).iter())["link"] == 3 * 381 + 2


@pytest.mark.parametrize("text", [text for text in PAYLOADS.values() if len(text) < 3_000])
def test_nothing_that_a_feed_is_called_runs_or_leads_away(text: str) -> None:
    page = page_of(ALL, category(), category(text), category(text, text), tag(text), description=text)
    assert [element.text for element in read(page).iter("script")] == [INDEX_SCRIPT]
    elements = [element for element in read(page).iter() if isinstance(element.tag, str)]
    assert {element.tag for element in elements}.isdisjoint({"img", "iframe", "svg", "object", "embed", "form", "base", "video", "audio"})
    assert not [key for element in elements for key in element.attrib if key.startswith("on") or key == "style"]
    assert {urlsplit(element.get("href") or "").scheme for element in elements if element.tag == "a"} <= {"", "https"}
    assert len(found_by_readers(page)) == 12


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (page_of(ONE), True),
        (b"<!DOCTYPE html><!-- feedmill: an earlier version --><html>", True),
        (b"", False),
        (b"<!DOCTYPE html><html><!-- feedmill: -->", False),
        (b"<!doctype html><!-- feedmill: -->", False),
        (b"<!DOCTYPE html><!-- made with feedmill: mine -->", False),
        (b"<!-- feedmill: --><!DOCTYPE html>", False),
    ],
)
def test_whose_it_is_stands_at_its_beginning(data: bytes, expected: bool) -> None:
    assert is_our_index(data) is expected
