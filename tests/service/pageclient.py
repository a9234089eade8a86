"""Reads pages as a browser would (html5lib), and judges that nothing on them runs that is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib

from feedmill.config import Config
from feedmill.service.pages import Pages
from feedmill.service.representation import Representation
from sites import NOW

#: What a page of ours is made of; anything else came from somebody else's text.
_NEVER = frozenset({"applet", "audio", "base", "dialog", "embed", "form", "frame", "frameset", "iframe", "math", "object", "svg", "video"})
_ADDRESSES = frozenset({"src", "href", "poster", "cite", "action", "formaction", "data", "srcdoc", "ping", "background", "manifest"})


def with_pages(config: Config, ask: Callable[[Pages], Any], *, clock: float = NOW.timestamp(), **more: Any) -> Any:
    """Return what the coroutine function `ask` makes of the Pages of `config`, which are closed afterwards."""

    async def run() -> Any:
        pages = Pages(config, clock=lambda: clock, **more)
        try:
            return await ask(pages)
        finally:
            await pages.close()

    return asyncio.run(run())


def index_of(config: Config) -> Representation:
    """Return the page at `/`."""
    return with_pages(config, lambda pages: pages.index())


def post_of(config: Config, path: str, **more: Any) -> Representation | None:
    """Return the page of a post."""
    return with_pages(config, lambda pages: pages.post(path), **more)


def read_page(page: bytes) -> Element:
    """Return the document's tree, names without a namespace."""
    return html5lib.parse(page, transport_encoding="utf-8", namespaceHTMLElements=False)


def elements(page: bytes, name: str) -> Iterator[Element]:
    """Yield every element of a name."""
    return read_page(page).iter(name)


def text_of(element: Element | None) -> str:
    """Return an element's text, white space as single spaces."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def assert_harmless(page: bytes, *, script: str = "") -> None:
    """Nothing runs but `script`; nothing frames, plays, sends or leads anywhere but over http, https and mail."""
    scripts = []
    for element in read_page(page).iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in _NEVER, element.tag
        if element.tag == "script":
            scripts.append(element.text)
        if element.tag == "meta":
            assert element.get("http-equiv") is None
        if element.tag == "link":
            assert element.get("rel") in ("icon", "alternate", "canonical")
        for key, value in element.attrib.items():
            assert not key.lower().startswith("on"), (element.tag, key)
            assert key != "style", (element.tag, value)
            if key in _ADDRESSES:
                is_icon = element.tag == "link" and value.startswith("data:image/svg+xml,")
                assert is_icon or urlsplit(value).scheme in ("", "http", "https", "mailto"), (element.tag, key, value)
    assert scripts == ([script] if script else [])


def policy_of(page: Representation) -> dict[str, str]:
    """Return the page's Content-Security-Policy by directive."""
    text = dict(page.headers)[b"content-security-policy"].decode()
    return {name: value for name, _, value in (rule.strip().partition(" ") for rule in text.split(";"))}
