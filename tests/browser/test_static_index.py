"""index.html as a person meets it who opens it from a disk: nothing serves it, sends a policy, or answers a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from browser.chromium import Tab, tab
from browser.test_pages_in_chromium import FAINT, SCHEMES, SCREENS, WIDTHS
from feedmill.configfile import read_config
from feedmill.producer.categories import FeedKey
from feedmill.producer.formats import FORMATS
from feedmill.producer.listing import Listed, stage_lists
from feedmill.producer.sink import FolderSink

pytestmark = pytest.mark.long

CONFIG = """
site: {title: 每日新闻, url: "https://news.example.org/", language: zh-CN, timezone: Asia/Shanghai}
feeds: {formats: [%s], tags: true, overrides: {设计: {description: 一句话}}}
"""


def paths() -> list[tuple[str, ...]]:
    deep = [tuple(f"第{level}层" for level in range(depth)) for depth in range(1, 17)]
    some = [path for top in ("新媒体", "编程", "设计") for path in ((top,), (top, "第1类"), (top, "第1类", "最新"), (top, "名" * 60))]
    return [(), *some, *deep, ("x" * 200,)]


@pytest.fixture(scope="module", params=["atom", "atom, rss, json"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of feeds with its lists, and a document where the first category's stands."""
    root = tmp_path_factory.mktemp("static")
    config = read_config(CONFIG % request.param, root=root, environ={})
    listed = [
        Listed(
            FeedKey("category", path),
            path[-1] if path else "每日新闻",
            tuple((name, "/".join([*path, FORMATS[name].file])) for name in config.feeds.formats),
            12_345,
            50,
            1767297600,
        )
        for path in paths()
    ]
    sink = FolderSink(config.feeds_dir)
    stage_lists(sink, listed, config=config, moved={})
    for name in config.feeds.formats:
        sink.stage(f"新媒体/{FORMATS[name].file}", (b"<feed/>",))
    sink.commit([])
    return config.feeds_dir


def run(chromium: str, walk: Callable[[Tab], Awaitable[None]]) -> Tab:
    async def walking() -> Tab:
        async with tab(chromium) as page:
            await walk(page)
            return page

    return asyncio.run(walking())


def test_it_is_silent_fits_the_screen_and_can_be_read(chromium: str, folder: Path) -> None:
    async def walk(page: Tab) -> None:
        for is_without_script in (False, True):
            await page.send("Emulation.setScriptExecutionDisabled", value=is_without_script)
            for width, height in SCREENS:
                for scheme in SCHEMES:
                    await page.show_as(width, height, scheme)
                    await page.open((folder / "index.html").as_uri())
                    await page.run("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
                    scroll, client = await page.run(WIDTHS)
                    assert scroll == client == width
                    texts = await page.run(FAINT)
                    assert texts["faint"] == []
                    assert texts["seen"] > 100

    page = run(chromium, walk)
    assert page.complaints == []
    assert {url.partition(":")[0] for url, _ in page.requests} <= {"file", "data"}


def test_what_is_copied_is_the_published_address(chromium: str, folder: Path) -> None:
    async def walk(page: Tab) -> None:
        await page.show_as(1280, 800, "light")
        await page.open((folder / "index.html").as_uri())
        row = "[...document.querySelectorAll('.row')].find(row => row.textContent.includes('新媒体'))"
        await page.run(f"{row}.querySelector('button').focus()")
        await page.press("Enter")
        await page.until("document.getElementById('said').textContent === '已复制'")
        assert await page.run("navigator.clipboard.readText()") == "https://news.example.org/feeds/%E6%96%B0%E5%AA%92%E4%BD%93/atom.xml"

    assert run(chromium, walk).complaints == []


def test_every_format_is_a_file_beside_it(chromium: str, folder: Path) -> None:
    async def walk(page: Tab) -> None:
        await page.open((folder / "index.html").as_uri())
        row = "[...document.querySelectorAll('.row')].find(row => row.textContent.includes('新媒体'))"
        hrefs = await page.run(f"[...{row}.querySelectorAll('a')].map(link => link.href)")
        assert {Path(unquote(href.removeprefix("file://"))) for href in hrefs} == set((folder / "新媒体").iterdir())

    run(chromium, walk)
