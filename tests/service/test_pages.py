"""The list of feeds: what it shows of trees of all shapes, whose text it never runs, and when it is made anew."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.producer.categories import ROOT, FeedKey
from feedmill.producer.feedtree import FeedLine, FeedLink
from feedmill.producer.pageparts import Masthead, anchor_of, local_time, readable_address
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS
from feedmill.producer.wording import wording_for
from feedmill.service.indexpage import index_page
from feedmill.service.library import Holdings
from feedmill.service.pages import Pages
from feedmill.service.style import POST_CSS
from hostile import PAYLOADS
from pageclient import assert_harmless, elements, index_of, policy_of, post_of, read_page, text_of, with_pages
from sites import NOW, Project

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLES = (
    "</title><script>alert(1)</script>",
    "\" onmouseover='alert(1)' x=\"",
    "\u202eevil\u202c",
    "\u0645\u0631\u062d\u0628\u0627",
    "x" * 3_000,
    "&amp;<b>",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
)


def masthead(language: str = "zh-CN", title: str = "每日新闻") -> Masthead:
    url = "https://news.example.org/"
    return Masthead(title, url, f"{url}feeds/", language, SHANGHAI, wording_for(language))


def line(*path: str, kind: str = "category", url: str = "", **over) -> FeedLine:
    """A feed of three posts."""
    address = url or f"https://news.example.org/feeds/{len(path)}/atom.xml"
    facts = {
        "title": path[-1] if path else "每日新闻",
        "description": "",
        "links": (FeedLink("atom", "/".join([*path, "atom.xml"]), address),),
        "posts": 3,
        "entries": 3,
        "updated": 1767297600,
    }
    return FeedLine(FeedKey(kind, path), **(facts | over))


def page_of(*lines: FeedLine, language: str = "zh-CN", is_readable: bool = True) -> bytes:
    return index_page(masthead(language), Holdings(lines, is_readable=is_readable), posts_dir="posts")


def tree_of(page: bytes) -> list:
    """Return the nested lists as [name, [what is below]]."""

    def read(items) -> list:
        return [[text_of(item.find("div/*/bdi")), read(item.findall("details/ul/li"))] for item in items]

    return read(read_page(page).findall(".//section/ul/li"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://e.org/feeds/atom.xml", "https://e.org/feeds/atom.xml"),
        ("https://e.org/%E6%96%B0/a%20b%2Fc%25.xml", "https://e.org/新/a%20b%2Fc%25.xml"),
        ("https://e.org/%FF%FE/%E6%96.xml", "https://e.org/%FF%FE/%E6%96.xml"),
        ("https://e.org/%E2%80%AEx/%C2%A0/%C2%85", "https://e.org/%E2%80%AEx/%C2%A0/%C2%85"),
        ("https://e.org/%F0%9F%8F%B3", "https://e.org/🏳"),
    ],
)
def test_an_address_is_shown_in_letters_that_can_be_seen(url, shown):
    assert readable_address(url) == shown


@pytest.mark.parametrize(
    ("epoch", "shown", "machine"),
    [
        (1767297600, "2026-01-02", "2026-01-01T20:00:00Z"),
        (0, "1970-01-01", "1970-01-01T00:00:00Z"),
        (-62135596800, "0001-01-01", "0001-01-01T00:00:00Z"),
        (253402300799, "9999-12-31", "9999-12-31T23:59:59Z"),
    ],
)
def test_a_date_is_shown_in_the_sites_zone_and_said_in_utc(epoch, shown, machine):
    assert local_time(epoch, SHANGHAI, form="%Y-%m-%d") == f'<time datetime="{machine}">{shown}</time>'


def test_the_tree_is_shown_as_it_is_with_tags_apart():
    lines = (line(), line("编程"), line("编程", "掘金"), line("编程", "掘金", "小册"), line("设计"), line("Rust", kind="tag"))
    page = page_of(*lines)
    assert tree_of(page) == [["编程", [["掘金", [["小册", []]]]]], ["设计", []], ["Rust", []]]
    assert [text_of(heading) for heading in elements(page, "h2")] == ["全部文章", "分类 4", "标签 1"]


def test_what_lies_between_two_feeds_is_shown_without_one():
    page = page_of(line(), line("甲", "乙", "丙"))
    assert tree_of(page) == [["甲", [["乙", [["丙", []]]]]]]
    assert [element.tag for element in read_page(page).iterfind(".//li/div/*")] == ["span", "span", "a", "code", "span", "time"]


def test_every_feed_has_its_facts_and_two_spellings_of_its_address():
    url = "https://news.example.org/feeds/%E7%BC%96%E7%A8%8B/atom.xml"
    page = page_of(line(), line("编程", url=url, posts=12_345, description="一句话"))
    row = read_page(page).find(".//li/div")
    assert row.find("a").get("href") == url
    assert [text_of(part) for part in row] == ["编程一句话", "https://news.example.org/feeds/编程/atom.xml", "12,345 篇", "2026-01-02"]
    assert row.find("time").get("datetime") == "2026-01-01T20:00:00Z"


def test_the_root_feed_stands_first_in_a_field_and_is_found_by_readers():
    page = page_of(line(posts=348, entries=50))
    field = next(elements(page, "input"))
    assert (field.get("value"), "readonly" in field.attrib) == ("https://news.example.org/feeds/0/atom.xml", True)
    assert text_of(read_page(page).find(".//section/span")) == "348 篇 · 订阅里是最新的 50 篇 · 更新于 2026-01-02"
    (found,) = (link for link in elements(page, "link") if link.get("rel") == "alternate")
    assert (found.get("type"), found.get("href")) == ("application/atom+xml", "https://news.example.org/feeds/0/atom.xml")


def test_every_feed_is_found_by_readers_in_every_format_under_a_title_of_its_own():
    names = ("atom.xml", "rss.xml", "feed.json")
    url = "https://news.example.org/feeds/%E7%94%B2/"
    links = tuple(FeedLink(kind, f"甲/{name}", url + name) for kind, name in zip(("atom", "rss", "json"), names, strict=True))
    page = page_of(line(), line("甲", links=links), line("甲", "乙"), line("甲 / 乙"), line("甲", kind="tag"))
    found = [link for link in elements(page, "link") if link.get("rel") == "alternate"]
    assert [(link.get("title"), link.get("type")) for link in found] == [
        ("每日新闻", "application/atom+xml"),
        ("甲 (Atom)", "application/atom+xml"),
        ("甲 (RSS)", "application/rss+xml"),
        ("甲 (JSON)", "application/feed+json"),
        ("甲 / 乙", "application/atom+xml"),
        ("甲 / 乙 (2)", "application/atom+xml"),
        ("#甲", "application/atom+xml"),
    ]
    assert [link.get("href") for link in found[1:4]] == [url + name for name in names]
    kinds = read_page(page).findall(".//li/div/span[@class='kinds']")
    assert [(text_of(link), link.get("href")) for link in kinds[0]] == list(
        zip(("Atom", "RSS", "JSON"), (url + n for n in names), strict=True)
    )
    assert [len(kind) for kind in kinds] == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("language", "direction", "heading"),
    [
        ("zh-CN", "ltr", "分类"),
        ("zh-TW", "ltr", "分類"),
        ("zh-Hant-HK", "ltr", "分類"),
        ("en-GB", "ltr", "Categories"),
        ("ar", "rtl", "Categories"),
    ],
)
def test_the_page_speaks_the_sites_language(language, direction, heading):
    page = page_of(line(), line("A"), language=language)
    root = read_page(page)
    assert (root.get("lang"), root.get("dir")) == (language, direction)
    assert heading in [text_of(element).partition(" ")[0] for element in elements(page, "h2")]


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW"])
def test_every_language_says_the_same_of_the_same(language):
    ours, english = wording_for(language)._asdict(), wording_for("en")._asdict()
    assert {name for name, text in ours.items() if "{}" in text} == {name for name, text in english.items() if "{}" in text}
    assert all(ours.values())


@pytest.mark.parametrize(
    ("lines", "is_readable", "said"),
    [((), True, "还没有发布任何内容"), ((line(posts=0, entries=0, updated=None),), True, "还没有发布任何内容"), ((), False, "暂时读不到")],
    ids=["nothing", "no posts", "unreadable"],
)
def test_a_page_without_feeds_says_what_to_do(lines, is_readable, said):
    page = page_of(*lines, is_readable=is_readable)
    assert said in text_of(read_page(page).find(".//main"))
    assert_harmless(page, script=INDEX_SCRIPT)


@pytest.mark.parametrize(("tops", "leaves", "is_open"), [(5, 10, True), (20, 30, False), (200, 0, None)])
def test_a_tree_opens_by_itself_where_it_can_be_looked_over(tops, leaves, is_open):
    lines = [line(f"{top}", *below) for top in range(tops) for below in ((), *((f"{leaf}",) for leaf in range(leaves)))]
    folds = {"open" in fold.attrib for fold in elements(page_of(*lines), "details")}
    assert folds == ({is_open} if is_open is not None else set())


def test_sixteen_levels_are_nested_in_each_other():
    path = tuple(f"第{depth}层" for depth in range(16))
    depth, below = 0, tree_of(page_of(*(line(*path[:depth]) for depth in range(1, 17))))
    while below:
        depth, [[name, below]] = depth + 1, below
        assert name == path[depth - 1]
    assert depth == 16


def test_five_thousand_feeds_are_one_page():
    page = page_of(line(), *(line("宽", f"{number}") for number in range(5_000)))
    assert page.count(b"<li ") == 5_001
    assert len(page) < 3_000_000


@pytest.mark.parametrize("text", [*TITLES, *(text for text in PAYLOADS.values() if len(text) < 3_000)])
def test_nothing_that_a_feed_is_called_runs(text):
    lines = (line(title=text, description=text), line(text, description=text), line(text, text), line(text, kind="tag"))
    page = index_page(masthead(title=text), Holdings(lines), posts_dir=text)
    assert_harmless(page, script=INDEX_SCRIPT)
    names = [text_of(element) for element in read_page(page).iterfind(".//li/div/a/bdi")]
    assert names == [" ".join(text.replace("\0", "\ufffd").split())] * 3


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_at_all_is_text(first, second):
    page = page_of(line(first, description=second), line(first, second, title=second))
    assert_harmless(page, script=INDEX_SCRIPT)


def test_anchors_differ_and_are_the_same_everywhere():
    keys = [ROOT, FeedKey("category", ("a",)), FeedKey("tag", ("a",)), FeedKey("category", ("a", "b")), FeedKey("category", ("a\0b",))]
    assert len({anchor_of(key) for key in keys[:4]}) == 4
    assert anchor_of(FeedKey("category", ("新媒体",))) == "f-eff2fd0d7e38"


# The shell: real catalogs.


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.post("a.md", title="甲", categories="[科技, 开源]")
    project.publish()
    return project


def test_the_policy_lets_in_our_css_our_script_and_nothing_else(project):
    page = index_of(project.config)
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (INDEX_CSS, INDEX_SCRIPT)]
    assert policy_of(page) == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": hashes[0],
        "script-src": hashes[1],
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert [element.text for element in elements(page.body, "style")] == [INDEX_CSS]
    assert dict(page.headers)[b"cache-control"] == b"public, max-age=60"
    assert page.content_type == "text/html; charset=utf-8"
    assert page.is_worth_gzip
    assert_harmless(page.body, script=INDEX_SCRIPT)


def test_no_css_and_no_script_can_end_its_element():
    for text in (INDEX_CSS, POST_CSS, INDEX_SCRIPT):
        assert not re.search("</|<!--", text)
        assert text.isascii()


def test_the_page_is_made_once_for_each_publish(project):
    async def ask(pages: Pages):
        first = await pages.index()
        again = await asyncio.gather(*(pages.index() for _ in range(20)))
        assert all(page is first for page in again)
        project.publish()
        assert await pages.index() is first
        project.post("b.md", title="乙", categories="[新]")
        project.publish()
        second = await pages.index()
        assert second.etag != first.etag
        assert "新" in second.body.decode()
        project.post("b.md", title="乙改", categories="[新]")  # another catalog, the same page
        project.publish()
        assert await pages.index() is second

    with_pages(project.config, ask)


def test_a_catalog_lost_and_found_again_shows_on_the_page(project):
    async def ask(pages: Pages):
        path = project.config.catalog_path
        whole = (await pages.index()).body
        path.rename(path.with_name("away"))
        assert "还没有发布任何内容" in (await pages.index()).body.decode()
        path.write_bytes(b"rubbish" * 999)
        assert "暂时读不到" in (await pages.index()).body.decode()
        path.unlink()
        path.with_name("away").rename(path)
        assert (await pages.index()).body == whole

    with_pages(project.config, ask)


def test_pages_are_kept_up_to_their_room_and_while_the_file_is_the_same(project):
    for number in range(4):
        file = project.post(f"{number}.md", title=f"第{number}篇")
    project.publish()

    async def ask(pages: Pages):
        await asyncio.sleep(0.05)  # files written in this tick of the clock are not kept
        first = [await pages.post(str(number)) for number in range(4)]
        again = [await pages.post(str(number)) for number in (3, 2, 0)]
        assert [page is first[number] for page, number in zip(again, (3, 2, 0), strict=True)] == [True, True, False]
        project.post("3.md", title="改了")
        changed = await pages.post("3/")
        assert "改了" in changed.body.decode()
        file.unlink()
        assert await pages.post("3") is None

    size = len(post_of(project.config, "0").body)
    with_pages(project.config, ask, room=3 * size + size // 2)


def test_the_clock_decides_which_posts_are_due(project):
    project.post("later.md", date="2026-07-01 00:00:00")
    project.publish()

    async def ask(pages: Pages):
        return await pages.post("later")

    assert with_pages(project.config, ask) is None
    assert with_pages(project.config, ask, clock=NOW.timestamp() + 90 * 86400) is not None
