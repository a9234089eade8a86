"""Which feeds there are and which posts stand in them: keeps the producer's tables in step with the catalog."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count, takewhile

from feedmill.config import Config
from feedmill.posts.catalog import REFUSED
from feedmill.posts.ids import name_based
from feedmill.producer.categories import ROOT, TAGS, FeedKey, Folders, feeds_of, names_in
from feedmill.producer.documents import Document
from feedmill.producer.formats import ATOM, FORMATS, document_of
from feedmill.producer.published import Feed, Published
from feedmill.producer.succession import Posts, Succession, find_succession, revise_moves
from feedmill.state.memory import Memory

#: Posts to be put into feeds: (date, file number), by where they are filed.
_Filed = dict[str, list[tuple[int, int]]]


class Plan:
    """The feeds of a site. Names and ids of feeds that were ever published are remembered and stay as they are."""

    def __init__(self, config: Config, published: Published, memory: Memory) -> None:
        self._config, self._memory, self._catalog = config, memory, published.catalog
        self.published = published
        self.feeds: dict[FeedKey, Feed] = self.published.feeds()
        #: What the catalog knows, for choices that memory has lost, and who bears which id.
        self._known = dict(self.feeds)
        self._bearers = {feed.id: feed.key for feed in self._known.values()}
        self._folders: Folders | None = None
        self._is_rebuild = False
        #: Documents before a rebuild by their files, to be compared with or taken away.
        self._before: dict[str, Document] = {}
        self._succession = Succession()
        #: Files of feeds that went in this run, and what took their places; files of feeds that gained posts.
        self._changes: dict[str, str] = {}
        self._alive: set[str] = set()
        #: What is remembered of feeds that changed ids, once the catalog is about to say so too.
        self._later: dict[str, str] = {}

    def start_over(self) -> None:
        """Find anew, with the next `update`, which feeds there are; their files are recognised when they come up again."""
        self._is_rebuild = True

    def is_wanted(self, key: FeedKey) -> bool:
        """False for a feed that `feeds.overrides` says not to publish."""
        override = self._config.feeds.overrides.get(key.name)
        return override is None or override.publish

    def update(self, changed: Iterable[int], removed: Iterable[int], *, gone_ids: Mapping[int, str]) -> None:
        """Take posts out of the feeds they stood in and put them where they belong now; mark all of these feeds stale.

        `gone_ids`: the ids that removed posts had, by file number.
        """
        files = set(changed)
        leaving = files | set(removed)
        filed: _Filed = {}
        for file, date, filing in self._catalog.filed(sorted(files)):
            filed.setdefault(filing, []).append((date, file))
        keys = {filing: self._keys(filing) for filing in filed}
        wanted = {key for found in keys.values() for key in found}
        lost = self._lost(wanted, leaving)
        if lost:
            self._succession = self._find_succession(lost, filed, keys, gone_ids)
        if self._is_rebuild:
            self._before = {document.file: document for document in self.published.documents.all()}
            self.published.drop_all()
            self.feeds.clear()
        stale = self.published.unplace(leaving)
        for key in sorted(wanted | {ROOT}):
            self._ensure(key)
        numbers = {key: feed.number for key, feed in self.feeds.items()}
        placements = [(numbers[key], *post) for filing, posts in filed.items() for key in keys[filing] for post in posts]
        placements.sort()
        self.published.place(placements)
        stale.update(feed for feed, _, _ in placements)
        self.published.documents.mark_heads_stale(stale)
        self.feeds = self.published.feeds()
        self._note_moves(wanted, lost)

    def _keys(self, filing: str) -> list[FeedKey]:
        categories, tags = json.loads(filing)
        wanted_tags = tags if self._config.feeds.tags else []
        keys = feeds_of(tuple(map(tuple, categories)), wanted_tags, mode=self._config.posts.categories)
        return [key for key in keys if self.is_wanted(key)]

    def _lost(self, wanted: Collection[FeedKey], leaving: Collection[int]) -> dict[FeedKey, list[int]]:
        """Return the feeds in which no post is left, with the posts that stood there: all `leaving`, none put back."""
        affected = None if self._is_rebuild else self.published.feeds_with(leaving)
        lost = {}
        for key, feed in self.feeds.items():
            if key in wanted or key == ROOT or (affected is not None and feed.number not in affected):
                continue
            if affected is None or self.published.count_posts(feed) <= len(leaving):
                posts = self.published.posts_in(feed)
                if affected is None or all(file in leaving for file in posts):
                    lost[key] = posts
        return lost

    def _find_succession(
        self, lost: Mapping[FeedKey, list[int]], filed: _Filed, keys: Mapping[str, list[FeedKey]], gone_ids: Mapping[int, str]
    ) -> Succession:
        """Return which feeds without posts until now take the places of those that have lost theirs."""
        gained: dict[FeedKey, set[int]] = {}
        for filing, posts in filed.items():
            for key in keys[filing]:
                gained.setdefault(key, set()).update(file for _, file in posts)
        is_new = {key for key in gained if key not in self.feeds or not self.published.count_posts(self.feeds[key])}
        new: dict[FeedKey, Posts] = {key: frozenset(gained[key]) for key in is_new}
        placed = {file for posts in filed.values() for _, file in posts}

        def now(file: int) -> int:
            """A post whose file has moved is known by its id."""
            if file not in gone_ids:
                return file
            bearers = [bearer for bearer in self._catalog.bearers(gone_ids[file]) if bearer in placed]
            return bearers[0] if bearers else file

        return find_succession({key: frozenset(map(now, posts)) for key, posts in lost.items()}, new)

    def _note_moves(self, wanted: Iterable[FeedKey], lost: Mapping[FeedKey, list[int]]) -> None:
        """Note what became of feeds whose file is no more, or is another one."""
        for key, posts in lost.items():
            # Without posts it went in an earlier run. A post that cannot be read now keeps its category from being gone.
            if posts and not any(row.status == REFUSED for row in self._catalog.rows(posts)):
                follower = self._succession.follower.get(key)
                self._changes[self._known[key].file] = self.feeds[follower].file if follower else ""
        for key in wanted:
            file = self.feeds[key].file
            self._alive.add(file)
            if key in self._known and self._known[key].file != file:
                self._changes[self._known[key].file] = file

    def _ensure(self, key: FeedKey) -> None:
        if not self.is_wanted(key):
            return
        old = self._succession.heir_of.get(key)
        if key not in self.feeds:
            feed_id = self._identify(key)
            for depth in range(1, len(key.path)):
                self._identify(FeedKey(key.kind, key.path[:depth]))  # a feed that is not published has a folder all the same
            self.feeds[key] = feed = self.published.add_feed(key, self.folders.folder(key), feed_id)
            for name in self._config.feeds.formats:
                self.add_document(feed, name, page=0)
        if old is not None:
            self._exchange_ids(self._known[old], self.feeds[key])

    def add_document(self, feed: Feed, name: str, *, page: int) -> None:
        """Note a document of a feed in the format `name` that is to be written: the newest (0) or an archive document."""
        file = feed.place(FORMATS[name].archive(page) if page else FORMATS[name].file)
        self.published.documents.add(feed.number, name, page=page, file=file, before=self._before.pop(file, None))

    def _exchange_ids(self, old: Feed, new: Feed) -> None:
        """Give a new feed the id under which the old one is known, and the old one that of the new: no id is ever had twice.

        Memory hears of it with `settle`, and no run that is cut short before its end has changed an id.
        """
        for feed, feed_id in ((new, old.id), (old, new.id)):
            text = _memory_key(feed.key)
            name = json.loads(self._memory.recall("feed", text) or '[""]')[0]
            self._later[text] = json.dumps([name, feed_id], ensure_ascii=False)
            self._bearers[feed_id] = feed.key
            self.published.set_id(feed.key, feed_id)

    def _identify(self, key: FeedKey) -> str:
        """Return the id of a feed: minted once from the site's first address and the category, then remembered."""
        text = _memory_key(key)
        name, remembered = json.loads(self._memory.recall("feed", text) or '["", ""]')
        feed_id = self._own_id(key, remembered)
        override = self._config.feeds.overrides.get(key.name)
        if not name and key.path and not (override and override.slug):
            name = self.folders.name(key)
        self._memory.note("feed", text, json.dumps([name, feed_id], ensure_ascii=False))
        return feed_id

    def _own_id(self, key: FeedKey, remembered: str) -> str:
        """Return the id that was published, else the one that is remembered, else a new one; none that another feed bears."""
        if key in self._known:
            return self._known[key].id
        feed_id, turn = remembered, 0
        while not feed_id or self._bearers.setdefault(feed_id, key) != key:
            turn += 1
            kind = key.kind if turn == 1 else f"{key.kind} {turn}"
            feed_id = name_based("feed", self._config.site.url, kind, *key.path)
        return feed_id

    @property
    def folders(self) -> Folders:
        """The names of the feeds' folders."""
        if self._folders is None:
            published = {key: feed.folder.rpartition("/")[2] for key, feed in self._known.items() if key.path}
            remembered = published | {FeedKey(kind, tuple(path)): json.loads(value)[0] for (kind, *path), value in self._remembered()}
            slugs = {key: slug for name, one in self._config.feeds.overrides.items() if (slug := one.slug) for key in _named(name)}
            reserved = (TAGS,) if self._config.feeds.tags else ()
            self._folders = Folders({key: name for key, name in remembered.items() if name and key.path}, slugs, reserved=reserved)
        return self._folders

    def _remembered(self) -> Iterable[tuple[list[str], str]]:
        return ((json.loads(key), value) for key, value in self._memory.recall_all("feed").items())

    def orphans(self, stands: Callable[[str], bool], *, printed: Collection[FeedKey]) -> list[str]:
        """Return the files that feeds were once published as and that none is now, relative to the folder of feeds.

        `stands` tells whether there is a file: archive documents are numbered without a gap. Those of feeds that this run did not
        print are spared: only that would have told which of them there are.
        """
        current = {document.file for document in self.published.documents.all()}
        remembered = (self.folders.folder(FeedKey(kind, tuple(path))) for (kind, *path), _ in self._remembered())
        folders = {feed.folder for feed in (*self.feeds.values(), *self._known.values())} | set(remembered)
        found = set(self._before)
        for folder in folders:
            for kind in FORMATS.values():
                numbered = (_in(folder, kind.archive(page)) for page in count(1))
                found.update((_in(folder, kind.file), *takewhile(lambda file: file in current or stands(file), numbered)))
        waiting = {feed.folder for key, feed in self.feeds.items() if key not in printed} if self._config.feeds.history else set()
        return sorted(file for file in found - current if not (file.rpartition("/")[0] in waiting and self._is_archive(file)))

    def _is_archive(self, file: str) -> bool:
        """Whether a file is an archive document in a format that is published."""
        document = document_of(file.rpartition("/")[2])
        return document is not None and document[1] > 0 and document[0].name in self._config.feeds.formats

    def settle(self, orphans: Iterable[str]) -> None:
        """Note what became of feeds and their ids, for good; `orphans`: files that are taken away because no feed is known to them."""
        moved = self._memory.recall_all("moved")
        places = {_in(file.rpartition("/")[0], ATOM.file) for file in orphans if file not in self._before}
        unknown = {file: "" for file in places if file not in moved and file not in {feed.file for feed in self.feeds.values()}}
        for file, successor in revise_moves(moved, unknown | self._changes, alive=self._alive).items():
            self._memory.note("moved", file, successor)
        for text, value in self._later.items():
            self._memory.note("feed", text, value)


def _in(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _memory_key(key: FeedKey) -> str:
    return json.dumps([key.kind, *key.path], ensure_ascii=False)


def _named(name: str) -> list[FeedKey]:
    """Return the feeds that a name in `feeds.overrides` may mean."""
    parts = names_in(name)
    keys = [FeedKey("category", parts)] if parts else []
    if len(parts) == 2 and parts[0] == TAGS:
        keys.append(FeedKey("tag", parts[1:]))
    return keys
