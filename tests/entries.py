"""Entries and heads of feeds, as every format's writer takes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from feedmill.producer.entry import Category, Entry
from feedmill.producer.head import FeedHead

FEEDS = "https://news.example.org/feeds/"


def make_entry(**changes: Any) -> Entry:
    """Return an entry with a title, a category and content; `changes` are its fields."""
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    values: dict[str, Any] = {
        "id": "tag:news.example.org,2026:a",
        "title": "标题",
        "link": "https://news.example.org/posts/a/",
        "published": date,
        "updated": changes.get("published", date),
        "author": "小满",
        "content": "<p>正文</p>",
        "summary": "",
        "categories": (Category("新闻", "新闻", FEEDS),),
        "base": "https://news.example.org/posts/a/",
        "via": "",
        "thumbnail": "",
        "picture": "",
        "language": "",
        "source": None,
    }
    return Entry(**(values | changes))


def make_head(file: str, **changes: Any) -> FeedHead:
    """Return the head of the feed that is published as `file`; `changes` are its fields."""
    values: dict[str, Any] = {
        "id": "tag:news.example.org,2026:feed:1",
        "title": "新闻 - 每日新闻",
        "subtitle": "",
        "author": "编辑部",
        "language": "zh-CN",
        "updated": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "self_url": f"{FEEDS}{file}",
        "site_url": "https://news.example.org/",
        "stylesheet": "feed.css",
    }
    return FeedHead(**(values | changes))
