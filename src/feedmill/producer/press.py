"""Prints feeds: finds each feed's window, has missing entries rendered, joins the pieces and stages the files that differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from feedmill.config import Config, FeedOverride
from feedmill.crew import Crew
from feedmill.model import Progress
from feedmill.producer.categories import ROOT
from feedmill.producer.head import FeedHead
from feedmill.producer.outcome import PostsMovedError, Printed, Run, SpoiledError, made_by_us
from feedmill.producer.published import UNKNOWN, Feed, FileStamp, Member, Piece, Published, piece_digest
from feedmill.producer.select import feed_updated, that_fit
from feedmill.producer.sink import FeedSink
from feedmill.producer.site import Site
from feedmill.producer.stylesheet import stylesheet_for
from feedmill.text import one_line
from feedmill.urls import quote_segment

TASK = "feedmill.producer.render:render_posts"


class Press:
    """One run over feeds that may have changed, inside the catalog's transaction."""

    def __init__(self, config: Config, published: Published, sink: FeedSink, crew: Crew, *, spool: Path, now: int) -> None:
        self._config, self._catalog, self._sink, self._crew = config, published.catalog, sink, crew
        self._published = published
        self._site = Site.of(config)
        self._spool, self._now = spool, now
        self._spooled: dict[int, tuple[str, int, int, str]] = {}
        self._handles: dict[str, int] = {}
        self._opened: tuple[int, bytes] = (-1, b"")

    def close(self) -> None:
        """Let go of the spool files."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    def windows(self, feeds: Iterable[Feed]) -> dict[Feed, list[Member]]:
        """Return the posts that belong into each feed now."""
        return {feed: self._published.window(feed, limit=self._limit(feed), now=self._now) for feed in feeds}

    def _override(self, feed: Feed) -> FeedOverride | None:
        return self._config.feeds.overrides.get(feed.key.name)

    def _limit(self, feed: Feed) -> int:
        override = self._override(feed)
        return (override and override.limit) or self._config.feeds.limit

    def render_missing(self, windows: dict[Feed, list[Member]], intact: dict[int, Feed], progress: Progress) -> dict[int, str]:
        """Render every entry that stands in no intact feed file; return the posts that cannot be, with the reason.

        `intact`: feeds whose file is the one that was written, by number. Raises PostsMovedError.
        """
        wanted = {member.file for members in windows.values() for member in members} - self._spooled.keys()
        missing = sorted(file for file in wanted if not self._intact_pieces(file, intact))
        rows = [
            [row.file, row.path, row.digest, row.span, row.record, row.id, row.date, row.updated] for row in self._catalog.rows(missing)
        ]
        common = {"folder": str(self._config.posts_dir), "site": self._site.to_json(), "spool": str(self._spool)}
        refused: dict[int, str] = {}
        done = 0
        for results in self._crew.run(TASK, common, rows):
            done += len(results)
            progress("rendering", done, len(rows))
            for file, kind, *facts in results:
                if kind == "changed":
                    raise PostsMovedError
                if kind == "refused":
                    refused[file] = facts[0]
                else:
                    spool, start, length, digest = facts
                    self._spooled[file] = (spool, start, length, digest)
        return refused

    def _intact_pieces(self, file: int, intact: dict[int, Feed]) -> list[Piece]:
        return [piece for piece in self._published.pieces_elsewhere(file) if piece.feed in intact]

    def print_feed(self, feed: Feed, members: Sequence[Member], intact: dict[int, Feed], run: Run) -> None:
        """Stage the document of one feed if its bytes differ from what stands there, and note what it holds."""
        if not members and feed.key != ROOT:
            if self._sink.look(feed.file) is not None and self._is_ours(feed):
                run.removed.append(feed.file)
            self._published.set_pieces(feed, [])
            self._published.wrote(feed, UNKNOWN, "", 0)
            return
        pieces = self._pieces(feed, members, intact)
        from feedmill.producer.atom import render_feed  # a publish with nothing to do does without feedgen and lxml

        fitting = that_fit(members, [length for _, length, _ in pieces])
        start, end = render_feed(self._head(feed, fitting))
        chunks = [start, *(self._bytes(where, length, digest) for where, length, digest in pieces[: len(fitting)]), end]
        digest = _digest(chunks)
        stamp = self._unchanged(feed, digest, chunks)
        is_changed = stamp is None
        if stamp is None:
            if not self._may_write(feed):
                run.foreign.append(feed.file)
                return
            stamp = self._sink.stage(feed.file, chunks)
        self._note_pieces(feed, fitting, len(start), pieces)
        self._published.wrote(feed, stamp, digest, len(fitting))
        run.printed.append(Printed(feed, len(fitting), is_changed))

    def _pieces(self, feed: Feed, members: Sequence[Member], intact: dict[int, Feed]) -> list[tuple[Any, int, str]]:
        """Return (where, length, digest) of every member's entry: in its own file, in another feed's, or in the spool."""
        own = self._published.pieces_of(feed) if feed.number in intact else {}
        found: list[tuple[Any, int, str]] = []
        for member in members:
            if member.file in self._spooled:
                spool, start, length, digest = self._spooled[member.file]
                found.append(((spool, start), length, digest))
                continue
            piece = own.get(member.file) or self._intact_pieces(member.file, intact)[0]
            found.append(((intact[piece.feed], piece.start), piece.length, piece.digest))
        return found

    def _bytes(self, where: tuple[str | Feed, int], length: int, digest: str) -> bytes:
        place, start = where
        if isinstance(place, str):
            if place not in self._handles:
                self._handles[place] = os.open(self._spool / place, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._handles[place], length, start)
        if self._opened[0] != place.number:
            self._opened = (place.number, self._sink.read(place.file))
        data = self._opened[1][start : start + length]
        if piece_digest(data) != digest:
            raise SpoiledError(place.file)
        return data

    def _note_pieces(self, feed: Feed, members: Sequence[Member], start: int, pieces: list[tuple[Any, int, str]]) -> None:
        rows = []
        for member, (_, length, digest) in zip(members, pieces, strict=False):
            rows.append((member.file, start, length, digest))
            start += length
        self._published.set_pieces(feed, rows)

    def _unchanged(self, feed: Feed, digest: str, chunks: list[bytes]) -> FileStamp | None:
        """Return the stamp of the file that stands there if it has these bytes already."""
        stamp = self._sink.look(feed.file)
        if stamp is None or stamp.size != sum(map(len, chunks)):
            return None
        if stamp == feed.stamp:
            return stamp if digest == feed.digest else None
        return stamp if self._sink.read(feed.file) == b"".join(chunks) else None

    def _may_write(self, feed: Feed) -> bool:
        return self._sink.look(feed.file) is None or self._is_ours(feed)

    def _is_ours(self, feed: Feed) -> bool:
        stamp = self._sink.look(feed.file)
        return stamp == feed.stamp or (stamp is not None and stamp.size > 0 and made_by_us(self._sink.read(feed.file)))

    def _head(self, feed: Feed, members: Sequence[Member]) -> FeedHead:
        site, override = self._site, self._override(feed)
        folder = feed.file.rpartition("/")[0]
        address = "/".join(quote_segment(part) for part in feed.file.split("/"))
        name = " / ".join(feed.key.path)
        title = (override and override.title) or (f"{name} - {site.title}" if folder else site.title)
        return FeedHead(
            id=feed.id,
            title=one_line(title),
            subtitle=one_line(override.description) if override else "",
            author=one_line(site.author),
            language=site.language,
            updated=feed_updated(members),
            self_url=site.feeds_url + address,
            site_url=site.url,
            stylesheet=stylesheet_for(feed.file),
        )


def _digest(chunks: Iterable[bytes]) -> str:
    hashed = blake2b(digest_size=16)
    for chunk in chunks:
        hashed.update(chunk)
    return hashed.hexdigest()
