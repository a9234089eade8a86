"""The site that is served: generated posts of Chinese text and HTML in some 200 categories, the same ones every time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

#: Characters by how frequent they are.
_CHARACTERS = (
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作"
    "当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定"
    "女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼体别处总才场师书比"
    "住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它"
)
_WORDS = 4000
_PARAGRAPHS = 400
_SHORTEST, _LONGEST = 5, 22
_FIRST = datetime(2021, 1, 1, tzinfo=UTC)
_TOPS, _SOURCES, _CHANNELS = ("新媒体", "编程", "金融", "社交", "游戏"), 40, 160
_POST = """\
---
title: '{title}'
categories:
 - {top}
 - 来源{source}
 - 频道{channel}
headimg: 'https://img.example.org/{number}.jpg'
author: 某某
comments: false
date: {date:%a, %d %b %Y %H:%M:%S GMT}
thumbnail: ''
---

<div>
{body}</div>
"""
CONFIG = """\
site: {{title: 基准, url: "https://bench.example/", author: x, language: zh-CN, timezone: UTC}}
sync: {{allow_networks: [127.0.0.0/8]}}
sources: [{sources}]
"""


class BenchSite:
    """A folder with posts and a configuration; `edition` says how often all posts were written."""

    def __init__(self, folder: Path, posts: int) -> None:
        self.folder = folder
        self.posts = posts
        self.edition = 0
        self._paragraphs = _make_paragraphs(random.Random(1))
        self.subscribe({})

    def subscribe(self, sources: dict[str, str]) -> None:
        """Write config.yaml with these sources: addresses by name."""
        listed = ", ".join(f'{{name: {name}, url: "{url}", categories: [来客, {name}]}}' for name, url in sources.items())
        fresh = self.folder / "config.yaml.new"
        fresh.write_text(CONFIG.format(sources=listed), encoding="utf-8")
        fresh.replace(self.folder / "config.yaml")

    def write_edition(self) -> None:
        """Write every post anew, each with another title than before."""
        self.edition += 1
        chance = random.Random(2)
        for number in range(self.posts):
            top, source, channel = _TOPS[number % len(_TOPS)], number % _SOURCES, number % _CHANNELS
            text = _POST.format(
                title=_title(number, self.edition),
                top=top,
                source=source,
                channel=channel,
                number=number,
                date=_FIRST + timedelta(minutes=7 * number),
                body="".join(chance.choices(self._paragraphs, k=chance.randint(_SHORTEST, _LONGEST))),
            )
            path = self.folder / "posts" / top / f"来源{source}" / f"p{number}.md"
            if self.edition == 1:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    @property
    def is_published(self) -> bool:
        """Whether the newest post, which is written last, stands in the feeds as it is now."""
        number = self.posts - 1
        feed = self.folder / "feeds" / _TOPS[number % len(_TOPS)] / f"来源{number % _SOURCES}" / f"频道{number % _CHANNELS}" / "atom.xml"
        try:
            return _title(number, self.edition).encode() in feed.read_bytes()
        except OSError:
            return False

    def feeds(self) -> list[str]:
        """Paths of the feeds, as they stand in an address, the feed of everything first."""
        found = sorted((self.folder / "feeds").rglob("atom.xml"), key=lambda path: (len(path.parts), path))
        return [path.relative_to(self.folder).as_posix() for path in found]


def _title(number: int, edition: int) -> str:
    return f"标题 {number} 的机会，第 {edition} 版"


def _make_paragraphs(chance: random.Random) -> Sequence[str]:
    """Text in which words are as frequent as in a language: it is compressed to a third or so, as articles are."""
    likely = list(accumulate(1 / rank for rank in range(1, len(_CHARACTERS) + 1)))
    words = ["".join(chance.choices(_CHARACTERS, cum_weights=likely, k=chance.choice((1, 2, 2, 2, 3)))) for _ in range(_WORDS)]
    frequent = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))

    def sentence() -> str:
        return "，".join("".join(chance.choices(words, cum_weights=frequent, k=chance.randint(3, 9))) for _ in range(3)) + "。"

    paragraphs = []
    for number in range(_PARAGRAPHS):
        link = f'<a href="https://bench.example/{chance.randrange(10**6)}?a=1&amp;b=2">{sentence()}</a>'
        image = f'<img src="https://img.example.org/{chance.randrange(10**9)}.jpg" alt="">'
        extra = chance.choice(("", "", f"<strong>{sentence()}</strong>", link, image))
        paragraphs.append(f"<p>{sentence()}{extra}{''.join(sentence() for _ in range(number % 4))}</p>\n")
    return paragraphs
