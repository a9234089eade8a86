"""The feeds that there are, as the lists of them need it, and where every document went that is no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feedmill.config import Config
from feedmill.producer.documents import Document
from feedmill.producer.formats import FORMATS
from feedmill.producer.heads import Heads
from feedmill.producer.listing import Listed, stage_lists
from feedmill.producer.published import Published
from feedmill.producer.sink import FeedSink


def stage_directory(sink: FeedSink, published: Published, heads: Heads, *, config: Config, moved: Mapping[str, str], now: int) -> list[str]:
    """Stage the lists of all feeds that there are at `now` (epoch seconds); return those that have nothing to say any more.

    `moved` is what memory knows. Raises StorageError.
    """
    documents = published.documents.all()
    files = moved_files(moved, documents, formats=config.feeds.formats)
    return stage_lists(sink, list_feeds(published, documents, heads, now=now), config=config, moved=files)


def list_feeds(published: Published, documents: Sequence[Document], heads: Heads, *, now: int) -> list[Listed]:
    """Return every feed that has a document at `now` (epoch seconds): the root, categories as the tree lists them, tags."""
    files: dict[int, list[tuple[str, str]]] = {}
    newest: dict[int, Document] = {}
    for document in documents:
        if document.digest and document.page == 0:
            files.setdefault(document.feed, []).append((document.format, document.file))
            newest[document.feed] = document
    counts = published.counts(now=now)
    order = list(FORMATS)
    return [
        Listed(
            key=feed.key,
            title=heads.title(feed),
            documents=tuple(sorted(files[feed.number], key=lambda document: order.index(document[0]))),
            posts=counts.get(feed.number, 0),
            entries=newest[feed.number].entries,
            updated=newest[feed.number].updated,
        )
        for feed in sorted(published.feeds().values(), key=lambda feed: (feed.key.kind, feed.key.path))
        if feed.number in files
    ]


def moved_files(moved: Mapping[str, str], documents: Sequence[Document], *, formats: Sequence[str]) -> dict[str, str]:
    """Return what took the place of every document of feeds that are no more, "" where nothing did.

    `moved` is what memory knows: the Atom document's file stands for the whole feed, whatever it is published as.
    """
    names: dict[str, list[str]] = {}
    for document in documents:
        folder, _, name = document.file.rpartition("/")
        names.setdefault(folder, []).append(name)
    heads = [FORMATS[name].file for name in formats]
    found = {}
    for file, target in sorted(moved.items()):
        folder, successor = file.rpartition("/")[0], target.rpartition("/")[0]
        for name in names.get(successor, heads) if target else heads:
            found[f"{folder}/{name}"] = f"{successor}/{name}" if target else ""
    return found
