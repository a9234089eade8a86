"""Published feeds as lists show them, and the trees that they form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from feedmill.config import Config
from feedmill.producer.categories import ROOT, FeedKey
from feedmill.producer.formats import ATOM, FORMATS
from feedmill.text import one_line
from feedmill.urls import quote_path


class FeedLink(NamedTuple):
    """Where a feed is to be had in one format."""

    #: A name of `formats.FORMATS`.
    format: str
    #: Relative to the folder of feeds, with "/".
    file: str
    #: Absolute, ASCII, from the configuration: what people subscribe to.
    url: str

    @property
    def content_type(self) -> str:
        """The media type, without a charset."""
        return FORMATS[self.format].content_type


def link_to(name: str, file: str, feeds_url: str) -> FeedLink:
    """Return where a file is to be had: `file` is relative to the folder of feeds, which is published at `feeds_url`."""
    return FeedLink(name, file, feeds_url + quote_path(file))


class FeedLine(NamedTuple):
    """A published feed as lists of feeds show it."""

    key: FeedKey
    #: What `feed_name` gives.
    title: str
    #: One line of plain text; mostly "".
    description: str
    #: At least one, as `feeds.formats` has them.
    links: tuple[FeedLink, ...]
    #: All the posts that belong to it, and how many of them its documents hold.
    posts: int
    entries: int
    #: The newest `updated` in the feed, epoch seconds; None where it holds no post.
    updated: int | None

    @property
    def main(self) -> FeedLink:
        """The one for who takes only one: Atom where there is one, as it says most, else the first."""
        return next((link for link in self.links if link.format == ATOM.name), self.links[0])


def feed_line(
    key: FeedKey, config: Config, *, files: Iterable[tuple[str, str]], feeds_url: str, posts: int, entries: int, updated: int
) -> FeedLine:
    """Return a feed as lists show it; `files`: names of formats, each with its file relative to the folder of feeds."""
    override = config.feeds.overrides.get(key.name)
    return FeedLine(
        key=key,
        title=feed_name(key, config),
        description=one_line(override.description) if override else "",
        links=tuple(link_to(name, file, feeds_url) for name, file in files),
        posts=posts,
        entries=entries,
        updated=updated if posts else None,
    )


def feed_name(key: FeedKey, config: Config) -> str:
    """Return what a feed is called among the others, on one line: what `config` calls it, else its category's or tag's own name."""
    override = config.feeds.overrides.get(key.name)
    return one_line((override and override.title) or (key.path[-1] if key.path else config.site.title))


@dataclass(slots=True)
class Node:
    """A place in a tree of feeds; one without a feed only leads to others."""

    key: FeedKey
    feed: FeedLine | None = None
    below: dict[str, Node] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called where it stands."""
        return self.feed.title if self.feed else one_line(self.key.path[-1])


def grow(feeds: Iterable[FeedLine], kind: str) -> dict[str, Node]:
    """Return the tree of the feeds of one kind but the root, in their order; what lies between is there even where it has no feed."""
    top: dict[str, Node] = {}
    for feed in feeds:
        if feed.key.kind != kind or feed.key == ROOT:
            continue
        level = top
        for depth, name in enumerate(feed.key.path, start=1):
            node = level.setdefault(name, Node(FeedKey(kind, feed.key.path[:depth])))
            level = node.below
        node.feed = feed
    return top


def full_titles(feeds: Sequence[FeedLine]) -> dict[FeedKey, str]:
    """Return a title for each feed that no other has: that of the configuration, else its path; "#" stands before a tag.

    Feed readers show them in one list, where "News" says too little.
    """
    titles: dict[FeedKey, str] = {}
    taken: set[str] = set()
    for feed in feeds:
        title = _full_title(feed)
        number, wanted = 1, title
        while title in taken:
            number += 1
            title = f"{wanted} ({number})"
        taken.add(title)
        titles[feed.key] = title
    return titles


def _full_title(feed: FeedLine) -> str:
    path = feed.key.path
    if not path or feed.title != one_line(path[-1]):
        return feed.title
    return one_line(("#" if feed.key.kind == "tag" else "") + " / ".join(path))
