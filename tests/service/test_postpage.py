"""The page of a post: what it shows of the file, what becomes of players and pictures, and that hostile posts stay text."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest

from feedmill.posts.html import clean_html
from feedmill.producer.categories import FeedKey
from feedmill.producer.pageparts import anchor_of
from feedmill.producer.pagestyle import fingerprint
from feedmill.producer.wording import wording_for
from feedmill.service.stills import still, watch_page
from feedmill.service.style import POST_CSS
from hostile import PAYLOADS
from pageclient import assert_harmless, elements, policy_of, post_of, read_page, text_of
from sites import Project, make_post

WORDS = wording_for("en")
EMBEDS = frozenset({"www.youtube.com", "player.vimeo.com"})


def stilled(html: str, *, home: str = "blog.example.org") -> str:
    """Return what the page shows of a body."""
    cleaned = clean_html(html, base="https://blog.example.org/p/", embeds=EMBEDS)
    return still(cleaned, words=WORDS, home=home)


def link(address: str, label: str, host: str, picture: str = "") -> str:
    """The link that stands for something that plays."""
    return f'<a class="still" href="{address}" rel="noopener noreferrer">{picture}<span>{label} <small>{host}</small></span></a>'


def picture(address: str) -> str:
    """A picture as pages have it."""
    return f'<img src="{address}" alt="" loading="lazy" decoding="async">'


FILM = link("https://v.example.org/a.mp4", "Video", "v.example.org")


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>a <b>b</b></p>", "<p>a <b>b</b></p>"),
        ('<p class="still" title="t">x</p>', '<p title="t">x</p>'),
        ("<p>a &lt;video&gt; b</p>", "<p>a &lt;video&gt; b</p>"),
        ("<video src=https://v.example.org/a.mp4></video>", FILM),
        ("<p>x<video><source src=https://v.example.org/a.mp4><source src=b.webm>No <a href=x>player</a></video>y</p>", f"<p>x{FILM}y</p>"),
        ("<video></video>", ""),
        ("<audio src=/s.mp3></audio>", link("https://blog.example.org/s.mp3", "Sound", "blog.example.org")),
        (
            "<video poster=p.jpg src=https://v.example.org/a.mp4></video>",
            link("https://v.example.org/a.mp4", "Video", "v.example.org", '<img src="https://blog.example.org/p/p.jpg" alt="" '
                 'loading="lazy" decoding="async">'),
        ),
        (
            '<iframe src=https://www.youtube.com/embed/abcdefghijk title="A &lt;film&gt;"></iframe>',
            link("https://www.youtube.com/watch?v=abcdefghijk", "A &lt;film&gt;", "youtube.com"),
        ),
        ("<iframe src=https://player.vimeo.com/video/12?x=1></iframe>", link("https://vimeo.com/12", "Player", "vimeo.com")),
        ("<a href=/x>a <video src=https://v.example.org/a.mp4></video> b</a>c",
         f'<a href="https://blog.example.org/x" rel="noopener noreferrer">a  b</a>{FILM}c'),
        ("<video><video src=https://v.example.org/b.mp4></video></video>after", "after"),
        ("<img alt='' src=/a.png class=x align=left referrerpolicy=unsafe-url>",
         '<img alt="" src="https://blog.example.org/a.png" loading="lazy" decoding="async">'),
        ("<img src=/a.png width=1 height=1>b", "b"),
        ("<img src=/a.png width=0 height=1px>b", "b"),
        ("<img src=http://127.0.0.1/x.gif>b", "b"),
    ],
)  # fmt: skip
def test_what_plays_becomes_a_link_and_pictures_stay(html, shown):
    assert stilled(html) == shown
    assert_harmless(stilled(html).encode())


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1/", "http://127.1/x", "http://2130706433/", "http://0x7f.1/", "http://localhost:8080/x", "http://a.localhost/",
     "http://192.168.1.1/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/x", "http://[::ffff:127.0.0.1]/",
     "http://[fe80::1]/"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["<img src='{}'>", "<img src=https://e.org/a.png srcset='{} 2x'>", "<video poster='{}'></video>",
                                  "<picture><source srcset='{}'></picture>"])  # fmt: skip
def test_no_picture_is_asked_of_the_readers_own_network(address, form):
    assert address.split("/")[2] not in stilled(form.format(address))


@pytest.mark.parametrize("address", ["https://example.org/a.png", "http://93.184.216.34/a.png", "http://127.0.0.2/a.png"])
def test_other_pictures_and_the_sites_own_are_shown(address):
    assert address in stilled(f"<img src={address}>", home="127.0.0.2")


@pytest.mark.parametrize(
    ("player", "page"),
    [
        ("https://www.youtube.com/embed/abcdefghijk?rel=0", "https://www.youtube.com/watch?v=abcdefghijk"),
        ("https://www.youtube-nocookie.com/embed/abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
        ("https://player.vimeo.com/video/123", "https://vimeo.com/123"),
        ("https://player.bilibili.com/player.html?aid=1&bvid=BV1xx411c7mD&page=1", "https://www.bilibili.com/video/BV1xx411c7mD"),
        ("https://player.bilibili.com/player.html?aid=170001", "https://www.bilibili.com/video/av170001"),
        ("https://v.qq.com/txp/iframe/player.html?vid=a0012xyz", "https://v.qq.com/x/page/a0012xyz.html"),
        ("https://player.youku.com/embed/XNDg==", "https://v.youku.com/v_show/id_XNDg==.html"),
        ("https://player.example.org/x?y", "https://player.example.org/x?y"),
        (
            "https://evil.example/https://www.youtube.com/embed/abcdefghijk",
            "https://evil.example/https://www.youtube.com/embed/abcdefghijk",
        ),
    ],
)
def test_a_players_own_page_is_linked_where_it_is_known(player, page):
    assert watch_page(player) == page


def test_a_large_body_takes_time_in_proportion():
    html = clean_html("<p>x</p>" + "<video><source src=/a>" * 20_000, base="https://e.org/", embeds=EMBEDS)
    assert len(stilled("<img src=/a.png class=x>" * 20_000)) < 3_000_000
    assert still(html, words=WORDS, home="") is not None


# Whole pages, from files.


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)


def page_of(project: Project, path: str = "a") -> bytes:
    project.publish()
    page = post_of(project.config, path)
    assert page is not None
    return page.body


def test_a_page_shows_what_the_post_says(project):
    project.post(
        "科技/a.md", title="'标题 & <b>'", author="作者", categories="[科技, 开源]", tags="[Rust, 数据库]", headimg="https://i.example.org/h.jpg",
        link="https://up.example.org/1?a=b", date="2026-01-02 03:04:05", updated="2026-02-03 00:00:00", body="<p>正<b>文</b></p>",
    )  # fmt: skip
    page = page_of(project, "科技/a")
    tree = read_page(page)
    assert text_of(tree.find(".//title")) == "标题 & <b> - 每日新闻"
    assert text_of(tree.find(".//h1")) == "标题 & <b>"
    assert [text_of(fact) for fact in tree.findall(".//p[@class='facts']/span")] == ["作者", "2026-01-02 03:04", "更新于 2026-02-03"]
    assert tree.find(".//time").get("datetime") == "2026-01-01T19:04:05Z"
    assert text_of(tree.find(".//article")) == "正文"
    assert tree.find(".//img").get("src") == "https://i.example.org/h.jpg"
    original = tree.find(".//p[@class='original']/a")
    assert (original.get("href"), text_of(original)) == ("https://up.example.org/1?a=b", "阅读原文：up.example.org")
    trail, tags = tree.findall(".//p[@class='trail']")
    assert (text_of(trail), text_of(tags)) == ("科技 / 开源", "Rust · 数据库")
    assert tags.find("a") is None
    canonical = next(found for found in elements(page, "link") if found.get("rel") == "canonical")
    assert canonical.get("href") == "https://up.example.org/1?a=b"


def test_links_lead_to_the_list_of_feeds_from_any_depth(project):
    project.extra = "feeds:\n  tags: true\n  overrides:\n    科技: {publish: false}\n    科技/开源: {title: 源}\n"
    project.post("一/二/a.md", categories="[科技, 开源]", tags="[Rust]")
    hrefs = [element.get("href") for element in elements(page_of(project, "一/二/a"), "a")]
    there = [urljoin("https://s.example/base/posts/一/二/a/", href) for href in hrefs]
    names = [FeedKey("category", ("科技", "开源")), FeedKey("tag", ("Rust",))]
    assert there == ["https://s.example/base/", *(f"https://s.example/base/#{anchor_of(name)}" for name in names)]


def test_a_post_of_a_source_says_where_it_comes_from(project):
    project.extra = "sources:\n  - {name: up, title: 上游, url: https://up.example.org/feed}\n"
    project.post("a.md", author="作者", source="up", guid="1", link="https://up.example.org/1")
    facts = [text_of(fact) for fact in read_page(page_of(project)).findall(".//p[@class='facts']/span")]
    assert facts[:2] == ["作者", "来自 上游"]


def test_a_picture_that_the_body_shows_is_not_shown_twice(project):
    project.post("a.md", headimg="https://i.example.org/h.jpg?a=1&b=2", body="<img src='https://i.example.org/h.jpg?a=1&amp;b=2'>")
    assert len(list(elements(page_of(project), "img"))) == 1


def test_a_page_has_the_whole_text_though_feeds_have_summaries(project):
    project.extra = "feeds:\n  content: summary\n"
    project.post("a.md", excerpt="摘要", body="<p>全文</p>")
    assert text_of(read_page(page_of(project)).find(".//article")) == "全文"


def test_markdown_and_relative_addresses_are_read_as_feeds_read_them(project):
    project.write("文/a.md", "---\ntitle: t\ndate: 2026-01-01\n---\n\n**粗** [x](../y) ![](p.png)\n")
    article = read_page(page_of(project, "文/a")).find(".//article")
    assert article.find("p/strong") is not None
    assert article.find("p/a").get("href") == "https://news.example.org/posts/%E6%96%87/y"
    assert article.find("p/img").get("src") == "https://news.example.org/posts/%E6%96%87/a/p.png"


def test_a_post_in_another_language_says_so(project):
    project.post("a.md", lang="ar")
    article = read_page(page_of(project)).find(".//article")
    assert (article.get("lang"), article.get("dir")) == ("ar", "rtl")


def test_the_policy_lets_in_pictures_and_our_css_and_nothing_else(project):
    project.post("a.md")
    project.publish()
    page = post_of(project.config, "a/")
    assert policy_of(page) == {
        "default-src": "'none'",
        "img-src": "https: http: data:",
        "style-src": fingerprint(POST_CSS),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert [element.text for element in elements(page.body, "style")] == [POST_CSS]
    assert dict(page.headers)[b"cache-control"] == b"public, max-age=300"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_posts_stay_text(project, payload):
    text = PAYLOADS[payload][:5_000]
    quoted = "'" + " ".join(text.split()).replace("'", "''") + "'"
    keys = dict.fromkeys(("title", "author", "excerpt", "headimg", "thumbnail", "lang", "permalink", "link"), quoted)
    project.write("a.md", make_post(PAYLOADS[payload], **keys, categories=f"[{quoted}]", tags=f"[{quoted}]"))
    page = page_of(project)
    assert_harmless(page)
    assert not {urlsplit(element.get("src")).hostname for element in elements(page, "img")} & {"127.0.0.1", "t.example.com"}


def test_a_post_whose_markdown_would_take_too_long_has_no_page(project):
    project.write("a.md", "---\ntitle: t\ndate: 2026-01-01\n---\n\n" + "[" * 500_000)
    project.publish()
    assert post_of(project.config, "a") is None
