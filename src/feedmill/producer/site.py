"""What rendering needs to know of the configuration: plain values that also cross to helper processes."""

from __future__ import annotations

import os
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from feedmill.config import Config
from feedmill.posts.ids import name_based
from feedmill.urls import encode_url


class Source(NamedTuple):
    """An upstream feed as its republished entries name it (RFC 4287 §4.2.11)."""

    id: str
    title: str
    #: Its address; "" where that may hold a secret.
    url: str


class Site(NamedTuple):
    """The site as its feeds show it. Every address is absolute; `url` and `feeds_url` end with a slash."""

    url: str
    feeds_url: str
    title: str
    author: str
    language: str
    zone: str
    categories: str
    permalink: str
    content: str
    embeds: tuple[str, ...]
    sources: dict[str, Source]
    #: The folder of the posts and that of the project, absolute; "" where files are not looked up on disk.
    posts_dir: str = ""
    root: str = ""

    @classmethod
    def of(cls, config: Config) -> Site:
        """Return the site that `config` describes."""
        return cls(
            url=encode_url(config.site.url),
            feeds_url=encode_url(config.feeds_url),
            title=config.site.title,
            author=config.site.author_name,
            language=config.site.language,
            zone=config.site.timezone,
            categories=config.posts.categories,
            permalink=config.posts.permalink,
            content=config.feeds.content,
            embeds=tuple(config.html.embeds),
            sources={source.name: _source(source.name, source.title, str(source.public_url)) for source in config.sources},
            posts_dir=str(config.posts_dir),
            root=os.path.abspath(config.root),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return self._asdict() | {"sources": {name: source._asdict() for name, source in self.sources.items()}}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Site:
        """The inverse of `to_json`."""
        sources = {name: Source(**source) for name, source in values["sources"].items()}
        return cls(**{**values, "embeds": tuple(values["embeds"]), "sources": sources})

    def source(self, name: str) -> Source:
        """Return the upstream feed `name`; one that is no longer configured keeps its id and has its name for a title."""
        return self.sources.get(name) or _source(name, name, "")


def _source(name: str, title: str, url: str) -> Source:
    """An address with a password, a query (often a token) or a fragment is not published: the id is then made of the name."""
    parts = urlsplit(url)
    public = encode_url(url) if url and not (parts.query or parts.fragment or "@" in parts.netloc or "$" in url) else ""
    return Source(public or name_based("source", name), title or name, public)
