"""Builders: feeds as lists show them."""

from __future__ import annotations

from pathlib import Path

from feedmill.config import Config
from feedmill.configfile import read_config
from feedmill.producer.categories import ROOT, FeedKey
from feedmill.producer.feedtree import FeedLine, feed_name, link_to
from feedmill.producer.formats import FORMATS

SITE = "site: {title: 每日新闻, url: 'https://news.example.org/', author: 编辑部, language: zh-CN, timezone: Asia/Shanghai}\n"
#: 2026-01-01 20:00:00 UTC, in Shanghai the day after.
UPDATED = 1767297600


def config_of(extra: str = "", *, site: str = SITE) -> Config:
    return read_config(site + extra, root=Path("/"), environ={})


def category(*path: str) -> FeedKey:
    return FeedKey("category", path) if path else ROOT


def tag(name: str) -> FeedKey:
    return FeedKey("tag", (name,))


def files(key: FeedKey, formats: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    folder = [*(("tags",) if key.kind == "tag" else ()), *key.path]
    return tuple((name, "/".join([*folder, FORMATS[name].file])) for name in formats)


def lines(config: Config, *keys: FeedKey, **over: object) -> list[FeedLine]:
    """Return feeds of three posts in every format of `config`."""
    facts: dict[str, object] = {"description": "", "posts": 3, "entries": 3, "updated": UPDATED} | over
    found = []
    for key in keys:
        links = tuple(link_to(name, file, config.feeds_url) for name, file in files(key, config.feeds.formats))
        found.append(FeedLine(key=key, title=feed_name(key, config), links=links, **facts))  # type: ignore[arg-type]
    return found
