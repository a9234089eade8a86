"""The posts that publishers are measured with: the same ones for each, in its own format.

5 sections × 40 sources × 160 channels, which is 205 categories; bodies of 1.5 to 8 kB of HTML; one post every seven minutes.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

_FIRST = datetime(2021, 1, 1, tzinfo=UTC)
_SECTIONS, _SOURCES, _CHANNELS = ("新媒体", "编程", "金融", "社交", "游戏"), 40, 160
_SENTENCE = '这是一段用来测量发布速度的文字，里面有“引号”、English words 和 <a href="/x?a=1&amp;b=2">链接</a>，以及<strong>重点</strong>。'
_PARAGRAPHS = [f"<p>第{number}段：{_SENTENCE * (1 + number % 3)}</p>\n" for number in range(40)]
_LENGTHS = (4, 8, 16, 24)
#: hexo is the reference layout; Hugo reads its front matter with a date as YAML has it; Pelican has lines of its own.
_HEXO = """\
---
title: '{title}'
categories:
 - {section}
 - {source}
 - {channel}
headimg: 'https://img.example.org/{number}.jpg'
author: 某某
comments: false
date: {date:%a, %d %b %Y %H:%M:%S GMT}
thumbnail: 'https://img.example.org/{number}.jpg'
---

{body}"""
_STYLES = {
    "hexo": _HEXO,
    "hugo": _HEXO.replace("%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%dT%H:%M:%SZ"),
    "pelican": """\
title: {title}
date: {date:%Y-%m-%d %H:%M}
category: {source}
tags: {section}, {channel}
slug: p{number}
author: 某某

{body}""",
}


def write_post(folder: Path, number: int, *, style: str) -> None:
    """Write one post; a higher number is a newer one."""
    section, source = _SECTIONS[number % len(_SECTIONS)], f"来源{number % _SOURCES}"
    place = folder / section / source if style == "hexo" else folder / source
    place.mkdir(parents=True, exist_ok=True)
    paragraphs = "".join(_PARAGRAPHS[: random.Random(number).choice(_LENGTHS)])
    text = _STYLES[style].format(
        title=title(number),
        section=section,
        source=source,
        channel=f"频道{number % _CHANNELS}",
        number=number,
        date=_FIRST + timedelta(minutes=7 * number),
        body=f'<div>\n{paragraphs}<p><img src="https://img.example.org/{number}.jpg"></p>\n</div>\n',
    )
    (place / f"p{number}.md").write_text(text, encoding="utf-8")


def title(number: int) -> str:
    """Return the title of a post."""
    return f"标题 {number} 的机会"
