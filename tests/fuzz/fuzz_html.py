"""clean_html: any text becomes HTML of the policy, once and for all."""

from __future__ import annotations

import feedmill.posts.flatten  # noqa: F401 - html.py imports it late; here it is imported under instrumentation
from feedmill.posts.html import clean_html
from feedmill.text import clean_text

_EMBEDS = frozenset({"www.youtube.com", "player.bilibili.com"})
_BASES = ("https://blog.example.org/2022/03/post/", "")
_NEVER = ("<script", "<style", "<svg", "<math", "<form", "<object", "<embed", "<base", "<link", "<meta", "<noscript")


def TestOneInput(data: bytes) -> None:
    """Nothing is raised, cleaning twice is cleaning once, and what is never let through is not there."""
    text = data.decode("utf-8", "surrogateescape")
    for base in _BASES:
        once = clean_html(text, base=base, embeds=_EMBEDS)
        if (twice := clean_html(once, base=base, embeds=_EMBEDS)) != once:
            raise AssertionError(f"cleaned again, {once[:300]!r} is {twice[:300]!r}")
        if clean_text(once) != once:
            raise AssertionError(f"characters that XML cannot have: {once[:300]!r}")
        if found := [tag for tag in _NEVER if tag in once.lower()]:
            raise AssertionError(f"{found} in {once[:300]!r}")
