"""The pages as a person meets them: on a phone and a desk, by day and by night, with a keyboard alone, and with hostile posts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from browser.chromium import Tab, tab
from browser.serving import More, serving
from feedmill.producer.feedcss import FEED_CSS
from hostile import PAYLOADS
from sites import NOW, Project, make_post

pytestmark = pytest.mark.long

SCREENS = [(390, 844), (1280, 800)]
SCHEMES = ["light", "dark"]
FEED_POLICY = "default-src 'none'; style-src 'self'; sandbox"

#: Every text that can be seen, with its contrast (WCAG 2.2, 1.4.3) where that is too little.
FAINT = """
(() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(part => part / 255).map(part => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = element => {
    for (let above = element; above; above = above.parentElement) {
      const colour = getComputedStyle(above).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  const judge = (text, colour, element) => {
    const [a, b] = [light(colour), light(behind(element))].sort((one, other) => other - one);
    const contrast = (a + .05) / (b + .05);
    seen += 1;
    if (contrast < 4.5) faint.push(`${text.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  };
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement, style = getComputedStyle(element);
    const isShown = element.checkVisibility({opacityProperty: true, visibilityProperty: true}) && !element.closest('.out, script, style');
    if (isShown && node.textContent.trim()) judge(node.textContent, style.color, element);
  }
  for (const field of document.querySelectorAll('input')) {
    judge(field.value || field.placeholder, getComputedStyle(field, field.value ? null : '::placeholder').color, field);
  }
  return {seen, faint};
})()
"""
#: What has the focus: its name, and whether a ring around it can be seen on the screen.
FOCUS = """
(() => {
  const element = document.activeElement, style = getComputedStyle(element), place = element.getBoundingClientRect();
  return {
    name: element.getAttribute('aria-label') || element.placeholder || element.textContent.trim(),
    tag: element.tagName,
    isSeen: style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2
      && place.top >= 0 && place.bottom <= innerHeight && place.left >= 0 && place.right <= innerWidth && place.width > 0,
  };
})()
"""
WIDTHS = "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
IN_VIEW = """
(() => {
  const place = document.querySelector(':target').getBoundingClientRect();
  return place.top >= 0 && place.top < innerHeight;
})()
"""


def run(chromium: str, project: Project, walk: Callable[[Tab, str], Awaitable[None]], *, more: More | None = None) -> Tab:
    """Walk through a project's pages; the tab is returned for what it noted."""

    async def walking() -> Tab:
        async with serving(project.config, clock=NOW.timestamp(), more=more) as address, tab(chromium) as page:
            await walk(page, address)
            off = [(url, kind) for url, kind in page.requests if not url.startswith(address) and kind != "Image"]
            assert off == []
            return page

    return asyncio.run(walking())


BODY = """
<p>第一段，<a href="https://example.org/x">一个链接</a>和<code>代码</code>。</p><blockquote><p>引用</p></blockquote>
<h2>小标题</h2><ul><li>一<ul><li>二</li></ul></li></ul>
<pre>#include &lt;stdio.h&gt; // {long}</pre>
<table><tr><th>{long}</th><td>乙</td></tr></table><p>{long}</p>
<figure><img src="https://pictures.example.org/wide.jpg" width="3000" height="2000" srcset="https://pictures.example.org/2.jpg 2000w">
<figcaption>图</figcaption></figure><hr width="9000">
<iframe src="https://player.bilibili.com/player.html?bvid=BV1xx411c7mD" width="640"></iframe>
<video src="https://films.example.org/a.mp4" poster="https://pictures.example.org/p.jpg"></video>
<details><summary>更多</summary><p>里面</p></details>
""".replace("{long}", "无空格" * 5 + "x" * 300)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Project:
    """A site of Chinese categories, one of them deep, with a post of everything that a body may hold."""
    project = Project(tmp_path_factory.mktemp("site"), extra="feeds:\n  tags: true\n  overrides:\n    新媒体: {description: 一句话}\n")
    for number in range(60):
        path = ["新媒体", "编程", "设计"][number % 3], f"第{number % 20}类", f"最新{number}"
        project.post(f"{number}.md", title=f"第{number}篇", categories=f"[{', '.join(path)}]", tags="[Rust, 产品]")
    project.post("deep.md", categories=f"[{', '.join(f'第{depth}层' for depth in range(16))}]")
    project.post("long.md", categories=f"[{'长长的名字' * 30}, {'x' * 200}]")
    project.post(
        "科技/文章.md", body=BODY, title="一篇文章", author="作者", categories="[编程, 第1类, 最新1]", link="https://up.example.org/1",
        headimg="https://pictures.example.org/head.jpg", tags="[Rust]",
    )  # fmt: skip
    project.publish()
    return project


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Project:
    """A site that is nothing but attacks."""
    project = Project(tmp_path_factory.mktemp("hostile"), extra="feeds:\n  tags: true\n")
    for number, payload in enumerate(PAYLOADS.values()):
        text = "'" + " ".join(payload[:2_000].split()).replace("'", "''") + "'"
        keys = dict.fromkeys(("title", "author", "headimg", "lang"), text)
        project.write(f"{number}.md", make_post(payload, **keys, categories=f"[{text}, {text}]", tags=f"[{text}]"))
    project.publish()
    return project


POST = "/posts/" + quote("科技/文章") + "/"


@pytest.mark.parametrize("path", ["/", POST], ids=["index", "post"])
def test_a_page_is_silent_fits_the_screen_and_can_be_read(chromium, site, path):
    async def walk(page: Tab, address: str) -> None:
        for width, height in SCREENS:
            for scheme in SCHEMES:
                await page.show_as(width, height, scheme)
                await page.open(address + path)
                await page.run("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
                await page.run("document.querySelector('body > *:last-child, main').scrollIntoView(false)")
                scroll, client = await page.run(WIDTHS)
                assert scroll == client == width
                texts = await page.run(FAINT)
                assert texts["faint"] == []
                assert texts["seen"] > 20

    page = run(chromium, site, walk)
    assert page.complaints == []
    pictures = {url for url, kind in page.requests if kind == "Image" and url.startswith("http")}
    assert all(url.startswith("https://pictures.example.org/") for url in pictures)
    assert len(pictures) == (0 if path == "/" else 3)


def test_nothing_hostile_runs_frames_or_asks_for_anything(chromium, hostile):
    async def walk(page: Tab, address: str) -> None:
        await page.show_as(390, 844, "light")
        for path in ("/", *(f"/posts/{number}/" for number in range(len(PAYLOADS)))):
            await page.open(address + path)
            assert await page.run("document.querySelectorAll('iframe, video, audio, object, embed, form, base, svg').length") == 0
            assert await page.run("document.scripts.length") == (1 if path == "/" else 0)
            scroll, client = await page.run(WIDTHS)
            assert scroll == client
            assert await page.run("location.pathname") == path

    page = run(chromium, hostile, walk)
    assert page.complaints == []
    asked = {url.split("/")[2] for url, kind in page.requests if url.startswith("http") and not url.startswith("http://127.0.0.1:")}
    assert not {"127.0.0.1", "t.example.com", "evil.example"} & asked


def test_the_list_is_walked_with_the_keyboard_alone(chromium, site):
    async def walk(page: Tab, address: str) -> None:
        await page.show_as(1280, 800, "light")
        await page.open(f"{address}/")
        names = []
        for _ in range(15):
            await page.press("Tab")
            focus = await page.run(FOCUS)
            assert focus["isSeen"], focus
            names.append(focus["name"])
        assert names[:10] == [
            "news.example.org", "全部文章", "订阅地址", "复制", "全部订阅（OPML）", "筛选", "全部展开",
            "新媒体一句话", "复制 新媒体 的订阅地址", "新媒体 的子分类",
        ]  # fmt: skip
        await page.open(f"{address}/")
        for _ in range(9):
            await page.press("Tab")
        await page.press("Enter")
        await page.until("document.getElementById('said').textContent === '已复制'")
        assert await page.run("navigator.clipboard.readText()") == "https://news.example.org/feeds/%E6%96%B0%E5%AA%92%E4%BD%93/atom.xml"
        await page.press("Tab")
        await page.press("Enter")  # folds what is below
        await page.press("Tab")
        assert (await page.run(FOCUS))["name"] == "第0层"
        await page.press("Tab", shift=True)
        await page.press(" ")
        await page.press("Tab")
        assert (await page.run(FOCUS))["name"] == "第0类"

    assert run(chromium, site, walk).complaints == []


def test_the_filter_finds_what_is_folded_away_and_puts_everything_back(chromium, site):
    shown = "[...document.querySelectorAll('.row bdi')].filter(name => name.checkVisibility()).map(name => name.textContent)"

    async def walk(page: Tab, address: str) -> None:
        await page.show_as(1280, 800, "light")
        await page.open(f"{address}/")
        before = await page.run(shown)
        for _ in range(6):
            await page.press("Tab")
        await page.type("最新17")
        assert await page.run(shown) == ["设计", "第17类", "最新17"]
        assert await page.run("[...document.querySelectorAll('main > section')].map(part => part.hidden)") == [False, False, True]
        await page.type("不存在")
        assert await page.run(shown) == []
        assert await page.run("document.querySelector('.nothing').checkVisibility()")
        await page.press("Escape")
        assert await page.run(shown) == before
        await page.press("Tab")
        await page.press("Enter")
        assert len(await page.run(shown)) == await page.run("document.querySelectorAll('.row').length")

    assert run(chromium, site, walk).complaints == []


def test_a_post_leads_to_its_category_in_the_folded_list(chromium, site):
    async def walk(page: Tab, address: str) -> None:
        for is_without_script in (False, True):
            await page.send("Emulation.setScriptExecutionDisabled", value=is_without_script)
            await page.show_as(390, 844, "dark")
            await page.open(address + POST)
            names = []
            while "最新1" not in names:
                await page.press("Tab")
                focus = await page.run(FOCUS)
                assert focus["isSeen"], focus
                names.append(focus["name"])
            assert names[0] == "全部订阅"
            page.expect_load()
            await page.press("Enter")
            await page.loaded()
            assert await page.run("document.querySelector(':target .row bdi').textContent") == "最新1"
            assert await page.run(IN_VIEW)

    assert run(chromium, site, walk).complaints == []


def test_without_script_every_address_is_there_to_be_selected(chromium, site):
    async def walk(page: Tab, address: str) -> None:
        await page.send("Emulation.setScriptExecutionDisabled", value=True)
        for width, height in SCREENS:
            await page.show_as(width, height, "light")
            await page.open(f"{address}/")
            assert not await page.run("document.querySelector('.tools').checkVisibility()")
            code = await page.run("[...document.querySelectorAll('.row code')].find(code => code.checkVisibility()).textContent")
            assert code == "https://news.example.org/feeds/新媒体/atom.xml"
            scroll, client = await page.run(WIDTHS)
            assert scroll == client == width

    assert run(chromium, site, walk).complaints == []


def test_a_feed_in_a_browser_is_a_page_that_says_what_it_is(chromium, site):
    data = (Path(site.root) / "feeds" / "atom.xml").read_bytes()
    if b"xml-stylesheet" not in data:
        data = data.replace(b"?>", b'?><?xml-stylesheet type="text/css" href="feed.css"?>', 1)
    more = {"/feeds/atom.xml": ("application/xml", data, FEED_POLICY), "/feeds/feed.css": ("text/css", FEED_CSS.encode(), FEED_POLICY)}

    async def walk(page: Tab, address: str) -> None:
        for scheme, paper in (("light", "rgb(251, 250, 248)"), ("dark", "rgb(21, 23, 25)")):
            await page.show_as(1280, 800, scheme)
            await page.open(f"{address}/feeds/atom.xml")
            assert await page.run("getComputedStyle(document.documentElement).backgroundColor") == paper
            assert "\u8fd9\u662f\u4e00\u4e2a\u8ba2\u9605\u6e90" in await page.run(
                "getComputedStyle(document.querySelector('title'), '::after').content.replaceAll('\" \"', '')"
            )
            parts = "['title', 'published', 'content', 'id', 'updated'].map(name => document.querySelector(`entry > ${name}`))"
            assert await page.run(f"{parts}.map(part => part.checkVisibility())") == [True, True, False, False, False]
            assert await page.run("document.documentElement.scrollWidth") == 1280

    assert run(chromium, site, walk, more=more).complaints == []
