"""Prints documents: finds each one's window, has missing entries rendered, joins the pieces and stages the files that differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from feedmill.crew import Crew
from feedmill.durable import storage
from feedmill.model import Progress
from feedmill.producer.archive import span_of
from feedmill.producer.categories import ROOT
from feedmill.producer.documents import UNKNOWN, Document, FileStamp, Piece, piece_digest
from feedmill.producer.formats import FORMATS
from feedmill.producer.heads import Heads
from feedmill.producer.outcome import PostsMovedError, Printed, Run, SpoiledError, made_by_us
from feedmill.producer.published import Feed, Member, Published
from feedmill.producer.select import feed_updated, that_fit
from feedmill.producer.sink import NOT_A_FILE, FeedSink
from feedmill.state.chains import Chain

TASK = "feedmill.producer.render:render_posts"
_NO_LIMIT = -1


class Sheet(NamedTuple):
    """A document that is to be printed: of which feed, with which place in its history (None: it has none), holding what."""

    document: Document
    feed: Feed
    chain: Chain | None
    members: Sequence[Member]


class _Lies(NamedTuple):
    """Where an entry's bytes lie: in a spool file, or in a document."""

    place: str | Document
    start: int
    length: int
    digest: str


class Press:
    """One run over documents that may have changed, inside the catalog's transaction."""

    def __init__(self, published: Published, sink: FeedSink, crew: Crew, *, heads: Heads, posts: Path, spool: Path, now: int) -> None:
        """`heads` says what documents say of themselves; `posts`: the folder of posts; `spool`: a folder for rendered entries."""
        self._published, self._sink, self._crew, self._heads = published, sink, crew, heads
        self._posts, self._spool, self._now = posts, spool, now
        #: Posts that could not be read just now.
        self.unread: set[int] = set()
        self._spooled: dict[tuple[int, str], _Lies] = {}
        #: By document and file number.
        self._found: dict[tuple[int, int], _Lies] = {}
        self._handles: dict[str, int] = {}
        self._opened: tuple[int, bytes] = (-1, b"")

    def close(self) -> None:
        """Let go of the spool files."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    def sheets(self, documents: Iterable[Document], feeds: Mapping[int, Feed], chains: Mapping[int, Chain]) -> list[Sheet]:
        """Return what belongs into each document now. `feeds` and, where there is a history, `chains` are by feed number."""
        windows: dict[tuple[int, int], list[Member]] = {}  # the formats of a page have the same
        made = []
        for document in documents:
            feed, chain, place = feeds[document.feed], chains.get(document.feed), (document.feed, document.page)
            if place not in windows:
                span = span_of(document.page, chain) if chain else None
                limit = _NO_LIMIT if chain else self._heads.limit(feed)
                windows[place] = self._published.window(feed, limit=limit, now=self._now, span=span)
            made.append(Sheet(document, feed, chain, windows[place]))
        return made

    def render_missing(self, sheets: Iterable[Sheet], intact: Mapping[int, Document], progress: Progress) -> dict[int, str]:
        """Render every entry that stands in no intact document; return the posts that cannot be, with the reason.

        `intact`: documents whose file is the one that was written, by number. Raises PostsMovedError.
        """
        wanted: dict[int, set[str]] = {}
        for sheet in sheets:
            for member in sheet.members:
                if (member.file, sheet.document.format) not in self._spooled:
                    wanted.setdefault(member.file, set()).add(sheet.document.format)
        missing = {file: names for file, formats in sorted(wanted.items()) if (names := self._lacking(file, formats, intact))}
        rows = [
            [row.file, missing[row.file], row.path, row.digest, row.span, row.record, row.id, row.date, row.updated]
            for row in self._published.catalog.rows(missing)
        ]
        common = {"folder": str(self._posts), "site": self._heads.site.to_json(), "spool": str(self._spool)}
        refused: dict[int, str] = {}
        done = 0
        for results in self._crew.run(TASK, common, rows):
            for file, kind, *facts in results:
                if kind == "changed":
                    raise PostsMovedError
                if kind in ("refused", "unread"):
                    refused[file] = facts[0]
                    self.unread.update([file] if kind == "unread" else ())
                else:
                    self._spooled[file, facts[0]] = _Lies(*facts[1:])
            done += len({result[0] for result in results})
            progress("rendering", done, len(rows))
        return refused

    def _lacking(self, file: int, formats: set[str], intact: Mapping[int, Document]) -> list[str]:
        """Return those of `formats` in which the entry of a post lies nowhere."""
        there = {document.format for document, _ in self._lying(file, intact)}
        return sorted(formats - there)

    def find_pieces(self, sheets: Iterable[Sheet], intact: Mapping[int, Document]) -> None:
        """Find the entries that were not rendered now: each in its own document or in another one of the same format.

        All of them before any document is printed: what is printed is noted at once, and stands in no file yet.
        """
        for document, _, _, members in sheets:
            own = self._published.documents.pieces_of(document) if document.number in intact else {}
            for member in members:
                if (member.file, document.format) in self._spooled:
                    continue
                place, piece = document, own.get(member.file)
                if piece is None:
                    place, piece = next(lies for lies in self._lying(member.file, intact) if lies[0].format == document.format)
                self._found[document.number, member.file] = _Lies(place, piece.start, piece.length, piece.digest)

    def _lying(self, file: int, intact: Mapping[int, Document]) -> list[tuple[Document, Piece]]:
        pieces = self._published.documents.pieces_elsewhere(file)
        return [(intact[piece.document], piece) for piece in pieces if piece.document in intact]

    def print_sheet(self, sheet: Sheet, run: Run) -> None:
        """Stage a document if its bytes differ from what stands there, and note what it holds."""
        document, feed = sheet.document, sheet.feed
        if not sheet.members and not self._is_alive(sheet):
            self._remove(document, run)
            return
        kind = FORMATS[document.format]
        pieces = self._pieces(sheet)
        fitting = sheet.members if sheet.chain else that_fit(sheet.members, [piece.length for piece in pieces])
        updated = feed_updated(fitting)
        start, end = kind.writer.render_feed(self._heads.head(feed, document, updated=updated, chain=sheet.chain))
        entries = [self._bytes(piece) for piece in pieces[: len(fitting)]]
        chunks = [start, *_parted(entries, kind.separator), end]
        digest = _digest(chunks)
        stamp = self._unchanged(document, digest, chunks)
        is_changed = stamp is None
        if stamp is None:
            if not self._may_write(document):
                run.foreign.append(document.file)
                return
            stamp = self._sink.stage(document.file, chunks)
        self._note_pieces(document, fitting, len(start), len(kind.separator), pieces)
        self._published.documents.wrote(document, stamp, digest, entries=len(fitting), updated=int(updated.timestamp()))
        run.printed.append(Printed(document, feed.key, len(fitting), is_changed))

    def _is_alive(self, sheet: Sheet) -> bool:
        """Whether a document without entries stays: that of everything, and those of a feed that has entries in others."""
        return sheet.feed.key == ROOT or (sheet.chain is not None and self._published.has_due(sheet.feed, now=self._now))

    def _remove(self, document: Document, run: Run) -> None:
        """Have the file of a document in which nothing stands any more taken away."""
        stamp = self._sink.look(document.file)
        if stamp is not None and self._is_ours(document, stamp):
            run.removed.append(document.file)
        if document.page:
            self._published.documents.drop(document)
            return
        self._published.documents.set_pieces(document, [])
        self._published.documents.wrote(document, UNKNOWN, "", entries=0, updated=0)

    def _pieces(self, sheet: Sheet) -> list[_Lies]:
        """Return where every member's entry lies: in the spool, or where it was found."""
        kind, number = sheet.document.format, sheet.document.number
        return [self._spooled.get((member.file, kind)) or self._found[number, member.file] for member in sheet.members]

    def _bytes(self, lies: _Lies) -> bytes:
        place, start, length, digest = lies
        if isinstance(place, str):
            with storage(self._spool / place, doing="read"):
                if place not in self._handles:
                    self._handles[place] = os.open(self._spool / place, os.O_RDONLY | os.O_CLOEXEC)
                return os.pread(self._handles[place], length, start)
        if self._opened[0] != place.number:
            self._opened = (place.number, self._sink.read(place.file))
        data = self._opened[1][start : start + length]
        if piece_digest(data) != digest:
            raise SpoiledError(place.file)
        return data

    def _note_pieces(self, document: Document, members: Sequence[Member], start: int, gap: int, pieces: Sequence[_Lies]) -> None:
        rows = []
        for member, piece in zip(members, pieces, strict=False):
            rows.append((member.file, start, piece.length, piece.digest))
            start += piece.length + gap
        self._published.documents.set_pieces(document, rows)

    def _unchanged(self, document: Document, digest: str, chunks: Sequence[bytes]) -> FileStamp | None:
        """Return the stamp of the file that stands there if it has these bytes already."""
        stamp = self._sink.look(document.file)
        if stamp is None or stamp.size != sum(map(len, chunks)):
            return None
        if stamp == document.stamp:
            return stamp if digest == document.digest else None
        return stamp if self._sink.read(document.file) == b"".join(chunks) else None

    def _may_write(self, document: Document) -> bool:
        stamp = self._sink.look(document.file)
        return stamp is None or self._is_ours(document, stamp)

    def _is_ours(self, document: Document, stamp: FileStamp) -> bool:
        # In a file without a byte there is nothing of anybody's: a disk that was full left it, say.
        return stamp == document.stamp or stamp.size == 0 or (stamp != NOT_A_FILE and made_by_us(self._sink.read(document.file)))


def _parted(entries: Sequence[bytes], separator: bytes) -> Sequence[bytes]:
    """Return the entries with `separator` between every two of them."""
    return entries if not separator else [chunk for entry in entries for chunk in (separator, entry)][1:]


def _digest(chunks: Iterable[bytes]) -> str:
    hashed = blake2b(digest_size=16)
    for chunk in chunks:
        hashed.update(chunk)
    return hashed.hexdigest()
