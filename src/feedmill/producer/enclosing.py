"""The enclosure of an entry: the one that its post names, else what the first player of a person's post plays.

Its length is the post's own, else that of the file on disk that the site publishes under the address: looked up when the entry is
rendered, in helper processes too, so that a file which changes later shows with the post's next rendering.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from urllib.parse import unquote

from feedmill.model import Enclosure, Post
from feedmill.posts.enclosures import media_type, players
from feedmill.producer.site import Site
from feedmill.urls import absolute_url

#: Folders of a project whose content generators publish at the root of the site: Hugo's and Jekyll's, Hexo's, Pelican's.
_PUBLISHED = ("static", "public", "source", "content")


def enclosure_of(post: Post, html: str, site: Site, *, path: str, base: str) -> Enclosure | None:
    """Return the enclosure of `post`, whose file stands at `path`; None where there is none of a known type at a web address.

    `html` is its clean body, `base` what addresses are relative to. A synced post has what upstream gave it and nothing else.
    """
    named = (post.enclosure,) if post.enclosure else () if post.source else players(html)
    for file in named:
        url = absolute_url(base, file.url)
        known = media_type(file.type, url)
        if url and known:
            length = file.length
            return Enclosure(url, known, _length_on_disk(url, site, path=path, base=base) if length is None and not post.source else length)
    return None


def _length_on_disk(url: str, site: Site, *, path: str, base: str) -> int | None:
    """Return the size of the first file that may be what `url` stands for; None where there is none."""
    lengths = (_size_below(folder, name) for folder, name in _places(url, site, path=path, base=base))
    return next((length for length in lengths if length), None)


def _places(url: str, site: Site, *, path: str, base: str) -> Iterator[tuple[str, str]]:
    """Yield where the file of `url` may stand: a folder, and an encoded path below it. Nothing for an address outside the site."""
    place = url.partition("#")[0].partition("?")[0]
    if not site.root or not place.startswith(site.url):
        return
    here = base.partition("#")[0].partition("?")[0].rpartition("/")[0] + "/"
    if place.startswith(here):  # relative to the post: beside its file, or in Hexo's folder of the same name
        folder, stem = os.path.dirname(path), os.path.splitext(path)[0]
        for own in (folder, stem):
            yield os.path.join(site.posts_dir, own), place[len(here) :]
    name = place[len(site.url) :]
    yield site.posts_dir, name
    above = os.path.dirname(site.posts_dir)
    if f"{above}/".startswith(f"{site.root}/"):
        yield above, name
    yield site.root, name
    for folder in _PUBLISHED:
        yield os.path.join(site.root, folder), name


def _size_below(folder: str, name: str) -> int | None:
    """Return the size in bytes of the regular file `name` (percent-encoded) below `folder`; None where no such stands inside it.

    No segment is hidden or leads upwards, and a link out of the folder is not followed.
    """
    try:
        plain = unquote(name, errors="strict")
        if any(segment.startswith(".") or not segment for segment in plain.split("/")):
            return None
        found = os.path.realpath(os.path.join(folder, plain), strict=True)
        status = os.stat(found)
        is_inside = found.startswith(f"{os.path.realpath(folder).rstrip('/')}/")
    except (OSError, ValueError):
        return None
    return status.st_size if is_inside and stat.S_ISREG(status.st_mode) else None
