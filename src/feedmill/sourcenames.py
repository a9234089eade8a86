"""The name that a new source gets: readable, in the alphabet of config.yaml, and its own."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from slugify import slugify

from feedmill.text import one_line

MAX_LENGTH = 63

#: A title longer than this says nothing more: only its beginning is read.
_READ = 200
_FALLBACK = "source"


def source_name(title: str, url: str, *, taken: Collection[str]) -> str:
    """Return a name of `a-z`, `0-9` and `-`, at most 63 long, that is not among `taken`.

    It is made of the title in ASCII letters (`人人都是产品经理` is `ren-ren-du-shi-chan-pin-jing-li`), else of the address's host;
    where that is taken, `-2`, `-3`, … is added.
    """
    base = _slug(title) or _slug(_host(url)) or _FALLBACK
    if base not in taken:
        return base
    # Halving, not counting up: a file may hold ten thousand feeds of one title.
    used, free = 1, 2
    while _numbered(base, free) in taken:
        used, free = free, 2 * free
    while free - used > 1:
        middle = (used + free) // 2
        used, free = (middle, free) if _numbered(base, middle) in taken else (used, middle)
    return _numbered(base, free)


def _numbered(base: str, number: int) -> str:
    ending = f"-{number}"
    return base[: MAX_LENGTH - len(ending)].rstrip("-") + ending


def _slug(text: str) -> str:
    return slugify(one_line(text)[:_READ], max_length=MAX_LENGTH, word_boundary=True, save_order=True)


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")
