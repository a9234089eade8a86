"""The category tree: which feeds a post stands in, how they are called, and in which folders they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from feedmill.model import CategoryPath
from feedmill.posts.naming import fold, folder_name

#: Deeper paths are cut: folder names of up to 200 bytes each must fit into one path of the file system (4,096 bytes on Linux).
MAX_DEPTH = 16
#: A post stands in at most this many categories, and as many tags.
MAX_CATEGORIES = 100
#: The folder of tag feeds, and their prefix in `feeds.overrides`.
TAGS = "tags"


class FeedKey(NamedTuple):
    """What a feed is about: ("category", path), where the empty path is everything, or ("tag", (tag,))."""

    kind: str
    path: CategoryPath

    @property
    def name(self) -> str:
        """How people write it, on the command line and in `feeds.overrides`: "A/B" for B under A, "tags/x" for a tag.

        A "/" in a name is written %2F.
        """
        return term((TAGS, *self.path) if self.kind == "tag" else self.path) or "/"

    @property
    def parent(self) -> FeedKey:
        """The feed whose folder holds this one's."""
        return FeedKey(self.kind, self.path[:-1])


ROOT = FeedKey("category", ())


def category_paths(categories: Sequence[CategoryPath], mode: str) -> list[CategoryPath]:
    """Return the paths a post is filed under: as they nest (Hexo), or every name by itself where `mode` is "flat"."""
    paths = categories if mode == "nested" else [(name,) for path in categories for name in path]
    return list(dict.fromkeys(path[:MAX_DEPTH] for path in paths if path))[:MAX_CATEGORIES]


def nodes(paths: Iterable[CategoryPath]) -> list[CategoryPath]:
    """Return every node on the way to `paths`, parents first, each once."""
    return list(dict.fromkeys(path[:depth] for path in paths for depth in range(1, len(path) + 1)))


def feeds_of(categories: Sequence[CategoryPath], tags: Sequence[str], *, mode: str) -> list[FeedKey]:
    """Return the feeds that a post of these categories and tags stands in: the root, every node of its paths, its tags."""
    keys = [ROOT, *(FeedKey("category", node) for node in nodes(category_paths(categories, mode)))]
    keys.extend(FeedKey("tag", (tag,)) for tag in list(dict.fromkeys(tags))[:MAX_CATEGORIES])
    return keys


def term(path: CategoryPath) -> str:
    """Return the key of a category (RFC 4287 §4.2.2.1): its path with "/", in which a name's own "/" is written %2F."""
    return "/".join(name.replace("%2F", "%252F").replace("/", "%2F") for name in path)


def names_in(text: str) -> CategoryPath:
    """Return the path that `term` wrote as `text`; empty names are left out."""
    return tuple(name.replace("%2F", "/").replace("%252F", "%2F") for name in text.split("/") if name)


class Folders:
    """Assigns each feed its folder below `feeds/`. A name once given stays (`remembered`); clashes go by who came first."""

    def __init__(self, remembered: Mapping[FeedKey, str], slugs: Mapping[FeedKey, str], *, reserved: Iterable[str] = ()) -> None:
        """`remembered`: the last path segment of feeds known before; `slugs`: names that the configuration sets."""
        self._names: dict[FeedKey, str] = {}
        self._taken: dict[FeedKey, set[str]] = {ROOT: {fold(name) for name in reserved}}
        self._slugs = slugs
        for key, name in remembered.items():
            if key not in slugs and fold(name) not in self._siblings(key):
                self._take(key, name)
        for key in sorted(slugs):  # before any name that is only now made up: it would change from run to run
            self.name(key)

    def _siblings(self, key: FeedKey) -> set[str]:
        return self._taken.setdefault(key.parent, set())

    def _take(self, key: FeedKey, name: str) -> str:
        self._names[key] = name
        self._siblings(key).add(fold(name))
        return name

    def name(self, key: FeedKey) -> str:
        """Return the last segment of the folder of `key` (not the root)."""
        if key in self._names:
            return self._names[key]
        return self._take(key, folder_name(self._slugs.get(key, key.path[-1]), taken=self._siblings(key)))

    def folder(self, key: FeedKey) -> str:
        """Return the folder of `key` relative to `feeds/`, with "/"; "" for the root."""
        return "/".join(self._segments(key))

    def _segments(self, key: FeedKey) -> Iterator[str]:
        if key.kind == "tag":
            yield TAGS
        for depth in range(1, len(key.path) + 1):
            yield self.name(FeedKey(key.kind, key.path[:depth]))
