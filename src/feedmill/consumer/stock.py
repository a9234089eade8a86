"""Compares the ledger with the folder of posts before a sync: what people moved or deleted, and the ledger itself when it is lost."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from feedmill.config import Config
from feedmill.consumer.fingerprints import digest
from feedmill.consumer.links import fold_title, normal_link
from feedmill.consumer.tombstones import add_tombstones, load_tombstones
from feedmill.crew import Crew
from feedmill.durable import make_folder
from feedmill.errors import PostError, StorageError
from feedmill.posts.store import Listing, Stamp, list_posts, read_post
from feedmill.state.database import copy_database
from feedmill.state.ledger import DELETED, PLANNED, STORED, Article, Ledger

logger = logging.getLogger(__name__)

_TASK = "feedmill.posts.indexing:index_posts"


class Synced(NamedTuple):
    """What a post file says of where it came from."""

    path: str
    source: str
    guid: str
    link: str
    title: str
    #: Epoch seconds; the file's modification time where it carries no date.
    date: int


@dataclass(frozen=True, slots=True)
class Stock:
    """What the folder of posts says beside the ledger."""

    #: Keys of posts that never come back.
    tombstones: frozenset[str]
    #: Files that a killed writer left behind.
    leftovers: tuple[Path, ...]
    #: The sources whose posts the ledger knows to be deleted, by key.
    deleted: Mapping[str, Collection[str]] = field(default_factory=dict)

    def tombstones_of(self, source: str) -> frozenset[str]:
        """Return the keys that never come back in a source: a line that another source's deletion explains is not its own."""
        others = {key for key, sources in self.deleted.items() if source not in sources}
        return self.tombstones - others


def take_stock(config: Config, ledger: Ledger, *, is_dry: bool = False) -> Stock:
    """Bring the ledger in step with the folder of posts: posts that moved, posts that a person deleted, or all of it from the posts.

    Deletions are written beside the posts first. A dry run works on a copy of the ledger and writes nothing beside the posts.
    Raises StorageError when the folder cannot be read, or when most posts are gone at once with their folders.
    """
    return _StockTaking(config, ledger, is_dry=is_dry).run()


class _StockTaking:
    def __init__(self, config: Config, ledger: Ledger, *, is_dry: bool) -> None:
        self._config, self._ledger, self._is_dry = config, ledger, is_dry
        #: What the last publish saw; None where nothing was ever published.
        self._published: Mapping[str, tuple[int, Stamp]] | None = None
        #: Files that could not be read, or were no post.
        self._unread: set[str] = set()

    def run(self) -> Stock:
        posts = self._config.posts_dir
        if posts.exists() or self._ledger.posts():
            listing = list_posts(posts)
        else:
            listing = Listing()
            if not self._is_dry:
                make_folder(posts)
        if not self._ledger.is_built():
            self._rebuild(listing)
        tombstones = load_tombstones(posts)
        self._finish_planned(listing)
        missing = {path for path in self._ledger.posts() if path not in listing.stamps and _is_gone(posts / path)}
        if missing:
            tombstones |= self._account_for(missing, listing)
        self._take_over(listing)
        back = [article for _, article in self._ledger.with_status(DELETED) if article.key not in tombstones]
        if back:
            self._ledger.forget(back)
        explained: dict[str, set[str]] = {}
        for source, article in self._ledger.with_status(DELETED):
            explained.setdefault(article.key, set()).add(source)
        return Stock(tombstones, tuple(listing.leftovers), explained)

    def _finish_planned(self, listing: Listing) -> None:
        """Take over posts that were written just before a crash: their entries may never come again."""
        planned = [article for _, article in self._ledger.with_status(PLANNED) if article.path in listing.stamps]
        if not planned:
            return
        from feedmill.posts.format import MAX_POST_BYTES  # 35 ms, after a crash alone
        from feedmill.posts.indexing import digest_of

        done = []
        for article in planned:
            with contextlib.suppress(PostError, FileNotFoundError):
                found = digest_of(read_post(str(self._config.posts_dir), article.path, limit=MAX_POST_BYTES))
                is_ours = found in (article.planned, article.digest)
                # What another edition says is compared with the entry, should that come again.
                content = article.content if found == article.planned and not article.digest else "-" if is_ours else ""
                done.append(article._replace(status=STORED, digest=found if is_ours else "", planned="", content=content))
        if done:
            self._ledger.revise(done)

    def _rebuild(self, listing: Listing) -> None:
        """Make the ledger's articles from the posts: each counts as edited by a person, for nobody knows better."""
        found = _articles(self._read(listing, listing.stamps))
        count = sum(map(len, found.values()))
        self._ledger.rebuild({source: list(articles.values()) for source, articles in found.items()})
        if count:
            logger.warning(
                "the sync ledger in %s was new or lost: %d articles were read back from the posts", self._ledger.path.name, count
            )

    def _take_over(self, listing: Listing) -> None:
        """Take over synced posts that the ledger does not know, or they would come twice: it is an old copy, or another machine wrote them.

        A file that is not the ledger's is read for this once, when it is first seen.
        """
        there = self._ledger.posts()
        strangers = sorted(path for path in listing.stamps if path not in there)
        overall, seen = digest(*strangers), self._ledger.strangers()
        if seen[:1] == [overall]:
            return
        marks, before = {path: digest(path)[:12] for path in strangers}, set(seen)
        found = _articles(self._read(listing, [path for path, mark in marks.items() if mark not in before]))
        for path in self._unread & marks.keys():  # another machine may be writing it
            del marks[path]
            overall = ""
        unknown = {}
        for source, articles in found.items():
            known = {article.key for article in self._ledger.articles(source)}
            unknown[source] = [article for key, article in articles.items() if key not in known]
        self._ledger.take_over(unknown, strangers=[overall, *marks.values()])
        if count := sum(map(len, unknown.values())):
            logger.warning("%d synced posts of which %s knew nothing were taken over", count, self._ledger.path.name)

    def _account_for(self, missing: Collection[str], listing: Listing) -> frozenset[str]:
        """Follow posts that moved; the rest were deleted by a person. Returns the keys of these."""
        there = self._ledger.posts()
        strangers = [path for path in listing.stamps if path not in there]
        moved = {(post.source, post.guid or post.link): post.path for post in self._read(listing, strangers) if post.source}
        followed, deleted = [], []
        for source, article in self._ledger.at_paths(missing):
            path = moved.get((source, article.key))
            if path is not None:
                followed.append(article._replace(path=path))
            elif article.status == STORED:
                deleted.append(article)
        self._refuse_mass_loss(deleted, len(there), listing)
        keys = frozenset(article.key for article in deleted)
        if not self._is_dry:
            add_tombstones(self._config.posts_dir, sorted(keys))
        self._ledger.revise([*followed, *(article._replace(status=DELETED) for article in deleted)])
        return keys

    def _refuse_mass_loss(self, deleted: Collection[Article], total: int, listing: Listing) -> None:
        """A folder that went with its posts may be a disk that is not mounted; the last publish knows whether that was accepted."""
        posts = self._config.posts_dir
        is_bare = not listing.stamps  # as the place where a disk is to be mounted
        folders = ((article, os.path.dirname(article.path)) for article in deleted)
        gone = [article for article, folder in folders if (not os.path.isdir(posts / folder) if folder else is_bare)]
        # A publish has accepted what it no longer knows; of a folder without any post it must have known none at all.
        if self._published is not None and not (is_bare and self._published):
            gone = [article for article in gone if article.path in self._published]
        if len(gone) * 2 > total:
            raise StorageError(
                f"{len(gone):,} of {total:,} synced posts are gone from {posts}, with their folders: nothing was changed. "
                "Is the disk mounted, is posts.dir right? If they are meant to be gone, run `feedmill publish --full` first"
            )

    def _read(self, listing: Listing, paths: Iterable[str]) -> list[Synced]:
        """Return what the posts at `paths` say; from the catalog where it has read the same file."""
        wanted = {path: listing.stamps[path] for path in paths}
        found = list(self._from_catalog(wanted))
        done = {post.path for post in found}
        items = [[path, ""] for path in sorted(wanted) if path not in done]
        common = {"folder": str(self._config.posts_dir), "zone": self._config.site.timezone}
        with Crew() as crew:
            for results in crew.run(_TASK, common, items):
                for path, kind, *facts in results:
                    if kind == "post":
                        found.append(_synced(path, facts[1], wanted[path]))
                    else:
                        self._unread.add(path)
        return found

    def _from_catalog(self, wanted: Mapping[str, Stamp]) -> Iterable[Synced]:
        path = self._config.catalog_path
        if not path.exists():
            return
        from feedmill.posts.catalog import REFUSED, Catalog  # where nothing moved nobody needs it

        with contextlib.ExitStack() as stack:
            if self._is_dry:
                import tempfile

                path = copy_database(path, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feedmill-"))))
            catalog = stack.enter_context(contextlib.closing(Catalog(path)))
            stamps = catalog.stamps()
            if catalog.meta("now") is not None:
                self._published = stamps
            files = [known[0] for name, stamp in wanted.items() if (known := stamps.get(name)) and known[1] == stamp]
            for row in catalog.rows(files):
                if row.status != REFUSED:
                    yield _synced(row.path, row.record, wanted[row.path])


def _is_gone(path: Path) -> bool:
    """Whether nothing stands at a path: a folder that cannot be read is no proof of that."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _synced(path: str, record: str, stamp: Stamp) -> Synced:
    facts = json.loads(record)
    date = facts.get("date", stamp.mtime_ns // 1_000_000_000)
    return Synced(path, facts.get("source", ""), facts.get("guid", ""), facts.get("link", ""), facts.get("title", ""), date)


def _articles(posts: Iterable[Synced]) -> dict[str, dict[str, Article]]:
    """Return the articles that synced posts are, by source and key; of copies the first by path counts."""
    found: dict[str, dict[str, Article]] = {}
    for post in sorted(posts):
        if post.source and (key := post.guid or post.link):
            found.setdefault(post.source, {}).setdefault(key, _article(post, key))
    return found


def _article(post: Synced, key: str) -> Article:
    return Article(
        article=0,
        source=0,
        key=key,
        guid=post.guid,
        link=normal_link(post.link),
        title=fold_title(post.title),
        date=post.date,
        text="",
        content="",
        status=STORED,
        path=post.path,
        digest="",
        planned="",
        first_seen=post.date,
        posted=post.date,
        changes=0,
        changed_at=0,
    )
