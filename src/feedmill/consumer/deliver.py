"""Carries out what was decided about documents: posts durable on disk first, then the ledger with the validators.

The order, for a batch of sources: the ledger is told what will be written (`plan`), the files are written and made durable,
the ledger is told that it is done (`settle`), in one transaction with marks, validators and schedule. A crash before the
end is made whole by the next sync: nothing of the document is known then, every file has the name that it would get again,
and one that carries the article's guid and source is adopted.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from feedmill.config import Config, SourceConfig
from feedmill.consumer.compose import HASH_LENGTHS, compose, file_name, folder_of, title_of
from feedmill.consumer.decide import beyond_keep, updated_date
from feedmill.consumer.plan import Delivery, Step, settle
from feedmill.durable import Batch, storage
from feedmill.errors import PostError
from feedmill.model import Enclosure, Post
from feedmill.posts.format import MAX_POST_BYTES, decode
from feedmill.posts.indexing import digest_of
from feedmill.posts.record import from_epoch
from feedmill.posts.store import read_post
from feedmill.posts.writing import encode
from feedmill.state.ledger import PLANNED, PRUNED, STORED, Article, Ledger
from feedmill.upstream import Entry


@dataclass(frozen=True, slots=True)
class _File:
    """A file to be written for an article."""

    delivery: Delivery
    article: Article
    #: The article as the ledger has it till then.
    before: Article
    data: bytes
    #: Digest of what stands in its place, written by feedmill too; "" where nothing may stand.
    standing: str = ""

    @property
    def planned(self) -> Article:
        """What the ledger is told beforehand: after a crash either file is known for feedmill's own."""
        return self.before._replace(path=self.article.path, digest=self.standing, planned=self.article.digest)


class Deliverer:
    """Writes posts and ledger; used by one thread, under the lock that orders writers."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._config, self._ledger = config, ledger
        self._posts = config.posts_dir
        #: Where the folders of a batch really are: looked up once each.
        self._folders: dict[str, str] = {}

    def deliver(self, deliveries: Sequence[Delivery], *, now: int) -> None:
        """Carry out the plans of a batch. Raises StorageError: then nothing of it is known, and the next sync does it again."""
        self._folders.clear()
        files = [file for delivery in deliveries for file in self._files(delivery, now)]
        self._ledger.plan(file.planned for file in files)
        occupied = self._write(files)
        for file in files:
            if self._posts / file.article.path in occupied:
                self._leave(file.delivery, file.article, "another file came to stand in its place, or a person has just edited it")
                continue
            file.delivery.rows.append(file.article)
            (file.delivery.new if file.before.status == PLANNED else file.delivery.updated).append(file.article.path)
        settle(self._ledger, deliveries, now=now)

    def _write(self, files: Sequence[_File]) -> Collection[Path]:
        """Put the files in their places; return the places where something else had come to stand."""
        if not files:
            return ()
        batch = Batch()
        places = {self._posts / file.article.path: file for file in files}
        batch.add_many(
            {place: file.data for place, file in places.items()}, only_new=[place for place, file in places.items() if not file.standing]
        )
        # What a person saved while this was written is theirs.
        edited = [place for place, file in places.items() if file.standing and not self._stands(file.article.path, file.standing)]
        return set(batch.commit(spare=edited))

    def _stands(self, path: str, digest: str) -> bool:
        try:
            found = self._read(path)
        except PostError:
            return False
        return found is not None and digest_of(found) == digest

    def _files(self, delivery: Delivery, now: int) -> list[_File]:
        plan = delivery.plan
        if plan is None:
            return []
        delivery.rows.extend(plan.noted)
        delivery.skipped.extend(plan.skipped)
        files: list[_File] = []
        for work, steps in ((self._create, plan.new), (self._rewrite, plan.updated)):
            for step in steps:
                try:
                    file = work(delivery, step, now)
                except PostError as exc:
                    self._leave(delivery, step.article, f"it cannot be written: {exc.reason}")
                    continue
                if file is not None:
                    files.append(file)
        return files

    def _leave(self, delivery: Delivery, article: Article, reason: str) -> None:
        """Leave an article out: nothing of it is noted, so that the next sync tries again."""
        delivery.skipped.append((article.path or article.guid or article.key, reason))
        delivery.failed.add(article.key)

    def _create(self, delivery: Delivery, step: Step, now: int) -> _File | None:
        article, source = step.article, delivery.source
        updated = updated_date(step.entry, article.posted, now)
        post = compose(
            step.entry,
            source,
            key=article.key,
            posted=from_epoch(article.posted),
            updated=None if updated is None else from_epoch(updated),
        )
        data = encode(post, leading_blank_line=self._config.posts.leading_blank_line)
        article = article._replace(status=STORED, digest=digest_of(data), planned="")
        for path in self._places(step, source):
            found = self._read(path)
            if found is None:
                return _File(delivery, article._replace(path=path), step.article._replace(status=PLANNED), data)
            if not self._is_of(found, path, article.key, source.name):
                continue
            return self._adopt(delivery, step, article._replace(path=path), found=found, data=data)
        raise PostError("every name that it could have is taken by another file; move these files away")

    def _places(self, step: Step, source: SourceConfig) -> Iterator[str]:
        """Yield where the post may stand: where it was to stand before a crash, else the names of its identity."""
        if step.before is not None and step.before.path:
            yield step.before.path
            return
        folder, posted, title = folder_of(source), from_epoch(step.article.posted), title_of(step.entry)
        for digits in HASH_LENGTHS:
            name = file_name(title, posted, source=source.name, key=step.article.key, digits=digits)
            yield f"{folder}/{name}" if folder else name

    def _adopt(self, delivery: Delivery, step: Step, article: Article, *, found: bytes, data: bytes) -> _File | None:
        """Take over the article's file that stands there already: as it is, or rewritten where feedmill wrote it."""
        standing = digest_of(found)
        if standing == article.digest:
            delivery.rows.append(article)
            delivery.new.append(article.path)
            return None
        if step.before is not None and standing in (step.before.planned, step.before.digest):
            return _File(delivery, article, step.before, data, standing)
        delivery.rows.append(article._replace(digest=""))
        return None

    def _rewrite(self, delivery: Delivery, step: Step, now: int) -> _File | None:
        before = step.before
        assert before is not None
        found = self._read(before.path)
        if found is None:
            self._leave(delivery, step.article, "its file has just been moved or removed")
            return None
        standing = digest_of(found)
        if standing not in (before.digest, before.planned):
            delivery.rows.append(step.article)
            delivery.skipped.append((before.path, "upstream changed it; a person has edited the post, which is kept"))
            return None
        old = decode(found, name=before.path.rpartition("/")[2], zone=self._config.site.zone).post
        post = self._revised(delivery.source, step, old, now)
        data = self._encoded(post)
        if standing == before.planned and self._encoded(replace(post, updated=old.updated)) == found:
            data = found  # written just before a crash: this edition, which was changed then and not now
        article = step.article._replace(digest=digest_of(data), planned="")
        if data == found:
            delivery.rows.append(article)
            return None
        return _File(delivery, article, before, data, standing)

    def _encoded(self, post: Post) -> bytes:
        return encode(post, leading_blank_line=self._config.posts.leading_blank_line)

    def _revised(self, source: SourceConfig, step: Step, old: Post, now: int) -> Post:
        """Return the post as upstream has it now: its identity, its date and its place in the tree stay."""
        posted = step.article.posted
        moment = updated_date(step.entry, posted, now)
        last = int(old.updated.timestamp()) if old.updated else posted
        updated = from_epoch(moment if moment is not None and moment > last else max(now, posted))
        fresh = compose(
            _with_known_length(step.entry, old.enclosure), source, key=step.article.key, posted=from_epoch(posted), updated=updated
        )
        return replace(fresh, categories=old.categories, comments=old.comments, extra=old.extra)

    def _read(self, path: str) -> bytes | None:
        """Return the bytes of a post; None where nothing stands. Raises PostError for what is no post or lies outside the folder."""
        folder = self._inside(os.path.dirname(path))
        if os.path.islink(os.path.join(folder, os.path.basename(path))):
            raise PostError(f"{path} is a link, and is not followed")
        try:
            return read_post(str(self._posts), path, limit=MAX_POST_BYTES)
        except FileNotFoundError:
            return None

    def _inside(self, folder: str) -> str:
        """Return where a folder of posts really is. Raises PostError for one that leads out of the folder of posts."""
        if folder not in self._folders:
            root = os.path.realpath(self._posts)
            found = os.path.realpath(os.path.join(root, folder))
            if not f"{found}/".startswith(f"{root}/"):
                raise PostError(f"{folder} is a link out of the folder of posts, and is not followed")
            self._folders[folder] = found
        return self._folders[folder]

    def _is_of(self, data: bytes, path: str, key: str, source: str) -> bool:
        """Whether the file that stands at a path is the post of this article."""
        try:
            post = decode(data, name=path.rpartition("/")[2], zone=self._config.site.zone).post
        except PostError:
            return False
        return (post.guid, post.source) == (key, source)

    def prune(self, source: SourceConfig, *, now: int) -> list[str]:
        """Remove the posts that a source's `keep` has no room for; those that a person edited stay. Returns their paths.

        The ledger forgets them first: a crash leaves a file too many, which the next sync removes. Raises StorageError.
        """
        if source.keep is None:
            return []
        articles = self._ledger.articles(source.name)
        stored = [article for article in articles if article.status == STORED]
        late = [article for article in beyond_keep(stored, source.keep, now=now) if self._is_ours(article)]
        if late:
            self._ledger.revise(article._replace(status=PRUNED) for article in late)
        left = [article for article in articles if article.status == PRUNED and article.path and self._is_ours(article)]
        removed = [article.path for article in (*late, *left)]
        for path in removed:
            with storage(path, doing="remove"):
                (self._posts / path).unlink(missing_ok=True)
        return removed

    def lacks_length(self, step: Step) -> bool:
        """Whether the post of a changed entry will be rewritten and does not know the length of the enclosure that it is to have."""
        before, enclosure = step.before, step.entry.enclosure
        if before is None or enclosure is None or not self._is_ours(before):
            return False
        try:
            found = self._read(before.path) or b""
            old = decode(found, name=before.path.rpartition("/")[2], zone=self._config.site.zone).post.enclosure
        except PostError:
            return False
        return _with_known_length(step.entry, old) is step.entry

    def _is_ours(self, article: Article) -> bool:
        return any(self._stands(article.path, digest) for digest in (article.digest, article.planned) if digest)


def _with_known_length(entry: Entry, known: Enclosure | None) -> Entry:
    """Return `entry` with the length that its post has of the same enclosure, where upstream does not say it."""
    file = entry.enclosure
    if file is None or file.length is not None or known is None or known.url != file.url or known.length is None:
        return entry
    return replace(entry, enclosure=replace(file, length=known.length))
