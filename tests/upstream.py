"""Builders of upstream things: entries, articles, documents as bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from html import escape
from typing import Any

from feedmill.consumer.decide import content_digest
from feedmill.consumer.identity import Aliases, epoch
from feedmill.state.ledger import STORED, Article
from feedmill.upstream import Entry, FeedDocument

PERMANENT = ' isPermaLink="false"'
LONG_TEXT = "这是一段足够长的正文，用来比较两篇文章是不是同一篇。" * 12


def moment(text: str) -> datetime:
    """An ISO time as an aware one in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if "T" in text else datetime.fromisoformat(f"{text}T00:00:00+00:00")


def make_entry(guid: str = "", link: str = "", title: str = "", date: str = "", body: str = "", **over: Any) -> Entry:
    """An entry; its mark depends on all that it says."""
    published = moment(date) if date else None
    entry = Entry(mark="", guid=guid, link=link, title=title, published=published, body=body, **over)
    said = repr((guid, link, title, date, body, sorted(over.items(), key=str)))
    return Entry(**{name: getattr(entry, name) for name in Entry.__slots__} | {"mark": blake2b(said.encode(), digest_size=16).hexdigest()})


def make_article(number: int, entry: Entry, **over: Any) -> Article:
    """The article that the ledger keeps of `entry` once it is stored."""
    alias = Aliases.of(entry)
    date = epoch(entry.published)
    known = Article(
        article=number,
        source=1,
        key=entry.guid or entry.link,
        guid=entry.guid,
        link=alias.link,
        title=alias.title,
        date=date,
        text=alias.text,
        content=content_digest(entry),
        status=STORED,
        path=f"{number}.md",
        digest="d" * 32,
        planned="",
        first_seen=date or 0,
        posted=date or 0,
        changes=0,
        changed_at=0,
    )
    return known._replace(**over)


def make_document(*entries: Entry, **over: Any) -> FeedDocument:
    """A document of these entries."""
    return FeedDocument(**{"version": "rss20", "entries": entries} | over)


def rss_item(number: int, **over: str) -> str:
    """An RSS item; a key that is given as "" is left out."""
    said = {
        "guid": f"urn:item:{number}",
        "link": f"https://upstream.example.org/{number}",
        "title": f"Title {number}",
        "pubDate": f"{datetime(2026, 1, 1 + number % 28, tzinfo=UTC):%a, %d %b %Y %H:%M:%S} GMT",
        "description": f"<p>Body of {number}</p>",
    } | over
    fields = "".join(f"<{name}{PERMANENT if name == 'guid' else ''}>{escape(value)}</{name}>" for name, value in said.items() if value)
    return f"<item>{fields}</item>"


def rss(*items: str, head: str = "<title>Upstream</title><link>https://upstream.example.org/</link><description>d</description>") -> bytes:
    """An RSS 2.0 document."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode()


def items(*numbers: int, **over: str) -> bytes:
    """An RSS document of these items."""
    return rss(*(rss_item(number, **over) for number in numbers))
