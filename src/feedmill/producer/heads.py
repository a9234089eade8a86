"""What each document of a site says of itself: titles, addresses, its place in the history. Pure but for what was configured."""

from __future__ import annotations

from datetime import datetime, timedelta

from feedmill.config import Config, FeedOverride
from feedmill.producer.documents import Document
from feedmill.producer.formats import FORMATS
from feedmill.producer.head import FeedHead, History
from feedmill.producer.published import Feed
from feedmill.producer.site import Site
from feedmill.producer.stylesheet import stylesheet_for
from feedmill.state.chains import Chain
from feedmill.text import one_line
from feedmill.urls import encode_url, quote_path, without_userinfo


class Heads:
    """The heads of all documents of one site."""

    def __init__(self, config: Config) -> None:
        self.site = Site.of(config)
        self._feeds = config.feeds
        self._hubs = tuple(without_userinfo(hub) for hub in map(encode_url, config.feeds.hub) if hub)
        self._ttl = -(-config.server.max_age // timedelta(minutes=1))

    def override(self, feed: Feed) -> FeedOverride | None:
        """Return what the configuration says of one feed alone."""
        return self._feeds.overrides.get(feed.key.name)

    def limit(self, feed: Feed) -> int:
        """Return how many posts a feed's newest document holds at most."""
        override = self.override(feed)
        return (override and override.limit) or self._feeds.limit

    def title(self, feed: Feed) -> str:
        """Return a feed's title, on one line."""
        override = self.override(feed)
        name = " / ".join(feed.key.path)
        return one_line((override and override.title) or (f"{name} - {self.site.title}" if feed.folder else self.site.title))

    def address(self, file: str) -> str:
        """Return where a file, relative to the folder of feeds, is published: absolute, ASCII."""
        return self.site.feeds_url + quote_path(file)

    def head(self, feed: Feed, document: Document, *, updated: datetime, chain: Chain | None) -> FeedHead:
        """Return what a document says of itself; `updated` is the newest of its entries', `chain` its feed's order where it has one."""
        site, override = self.site, self.override(feed)
        return FeedHead(
            id=feed.id,
            title=self.title(feed),
            subtitle=one_line(override.description) if override else "",
            author=one_line(site.author),
            language=site.language,
            updated=updated,
            self_url=self.address(document.file),
            site_url=site.url,
            stylesheet=stylesheet_for(document.file),
            hubs=() if document.page else self._hubs,  # an archive document does not change
            ttl=max(1, self._ttl),
            history=self._history(feed, document, chain) if chain else History(),
        )

    def _history(self, feed: Feed, document: Document, chain: Chain) -> History:
        kind = FORMATS[document.format]

        def archive(page: int) -> str:
            return self.address(feed.place(kind.archive(page))) if 1 <= page <= chain.pages else ""

        if document.page == 0:
            return History(prev=archive(chain.pages), is_complete=not chain.pages)
        return History(prev=archive(document.page - 1), next=archive(document.page + 1), current=self.address(feed.place(kind.file)))
