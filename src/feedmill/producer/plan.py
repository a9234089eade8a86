"""Which feeds there are and which posts stand in them: keeps the producer's tables in step with the catalog."""

from __future__ import annotations

import json
from collections.abc import Iterable

from feedmill.config import Config
from feedmill.posts.catalog import PUBLISHED
from feedmill.posts.ids import name_based
from feedmill.producer.categories import ROOT, TAGS, FeedKey, Folders, feeds_of, names_in
from feedmill.producer.published import Feed, Published
from feedmill.state.memory import Memory

FILE_NAME = "atom.xml"


class Plan:
    """The feeds of a site. Names and ids of feeds that were ever published are remembered and stay as they are."""

    def __init__(self, config: Config, published: Published, memory: Memory) -> None:
        self._config, self._memory, self._catalog = config, memory, published.catalog
        self.published = published
        self.feeds: dict[FeedKey, Feed] = self.published.feeds()
        #: What the catalog knows, for choices that memory has lost.
        self._known = dict(self.feeds)
        self._folders: Folders | None = None
        #: Files of feeds before a rebuild, to be compared with or taken away.
        self._before: dict[str, Feed] = {}

    def start_over(self) -> None:
        """Forget which feeds there are; their files are recognised when they come up again."""
        self._before = {feed.file: feed for feed in self.feeds.values()}
        self.published.drop_all()
        self.feeds.clear()

    def is_wanted(self, key: FeedKey) -> bool:
        """False for a feed that `feeds.overrides` says not to publish."""
        override = self._config.feeds.overrides.get(key.name)
        return override is None or override.publish

    def update(self, changed: Iterable[int], removed: Iterable[int]) -> None:
        """Take posts out of the feeds they stood in and put them where they belong now; mark all of these feeds stale."""
        files = set(changed)
        stale = self.published.unplace(files | set(removed))
        filed: dict[str, list[tuple[int, int]]] = {}
        for row in self._catalog.rows(sorted(files)):
            if row.status == PUBLISHED:
                filed.setdefault(row.filing, []).append((row.date, row.file))
        keys = {filing: self._keys(filing) for filing in filed}
        for key in sorted({key for found in keys.values() for key in found} | {ROOT}):
            self._ensure(key)
        numbers = {key: feed.number for key, feed in self.feeds.items()}
        placements = [(numbers[key], *post) for filing, posts in filed.items() for key in keys[filing] for post in posts]
        placements.sort()
        self.published.place(placements)
        stale.update(feed for feed, _, _ in placements)
        self.published.mark_stale(stale)
        self.feeds = self.published.feeds()

    def _keys(self, filing: str) -> list[FeedKey]:
        categories, tags = json.loads(filing)
        wanted_tags = tags if self._config.feeds.tags else []
        keys = feeds_of(tuple(map(tuple, categories)), wanted_tags, mode=self._config.posts.categories)
        return [key for key in keys if self.is_wanted(key)]

    def _ensure(self, key: FeedKey) -> None:
        if key in self.feeds or not self.is_wanted(key):
            return
        feed_id = self._identify(key)
        for depth in range(1, len(key.path)):
            self._identify(FeedKey(key.kind, key.path[:depth]))  # a feed that is not published has a folder all the same
        folder = self.folders.folder(key)
        file = f"{folder}/{FILE_NAME}" if folder else FILE_NAME
        self.feeds[key] = feed = self.published.add_feed(key, file, feed_id)
        before = self._before.pop(file, None)
        if before is not None:
            self.published.wrote(feed, before.stamp, before.digest, before.entries)
            self.published.mark_stale([feed.number])

    def _identify(self, key: FeedKey) -> str:
        """Return the id of a feed: minted once from the site's first address and the category, then remembered."""
        text = _memory_key(key)
        remembered = self._memory.recall("feed", text)
        known = self._known.get(key)
        name, feed_id = json.loads(remembered) if remembered is not None else ("", known.id if known else "")
        feed_id = feed_id or name_based("feed", self._config.site.url, key.kind, *key.path)
        override = self._config.feeds.overrides.get(key.name)
        if not name and key.path and not (override and override.slug):
            name = self.folders.name(key)
        self._memory.note("feed", text, json.dumps([name, feed_id], ensure_ascii=False))
        return str(feed_id)

    @property
    def folders(self) -> Folders:
        """The names of the feeds' folders."""
        if self._folders is None:
            published = {key: feed.file.split("/")[-2] for key, feed in self._known.items() if key.path}
            remembered = published | {FeedKey(kind, tuple(path)): json.loads(value)[0] for (kind, *path), value in self._remembered()}
            slugs = {key: slug for name, one in self._config.feeds.overrides.items() if (slug := one.slug) for key in _named(name)}
            reserved = (TAGS,) if self._config.feeds.tags else ()
            self._folders = Folders({key: name for key, name in remembered.items() if name and key.path}, slugs, reserved=reserved)
        return self._folders

    def _remembered(self) -> Iterable[tuple[list[str], str]]:
        return ((json.loads(key), value) for key, value in self._memory.recall_all("feed").items())

    def orphans(self) -> list[str]:
        """Return the files of feeds that were once published and are no more, relative to the folder of feeds."""
        current = {feed.file for feed in self.feeds.values()}
        remembered = (self.folders.folder(FeedKey(kind, tuple(path))) for (kind, *path), _ in self._remembered() if path)
        files = {*self._before, *(f"{folder}/{FILE_NAME}" for folder in remembered)}
        return sorted(files - current)


def _memory_key(key: FeedKey) -> str:
    return json.dumps([key.kind, *key.path], ensure_ascii=False)


def _named(name: str) -> list[FeedKey]:
    """Return the feeds that a name in `feeds.overrides` may mean."""
    parts = names_in(name)
    keys = [FeedKey("category", parts)] if parts else []
    if len(parts) == 2 and parts[0] == TAGS:
        keys.append(FeedKey("tag", parts[1:]))
    return keys
