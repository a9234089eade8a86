"""An upstream entry as a post in the house format, and the name of its file. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from slugify import slugify

from feedmill.config import SourceConfig
from feedmill.model import Post
from feedmill.posts.meaning import TITLE_LENGTH
from feedmill.posts.naming import folder_name
from feedmill.posts.pictures import picture
from feedmill.posts.tags import read_attributes, write_tag
from feedmill.text import one_line, plain_text, shorten
from feedmill.upstream import Entry

#: Bytes of a title in a file's name.
MAX_SLUG = 80
#: Hexadecimal digits of an identity in a file's name, the first that is free of another post's file.
HASH_LENGTHS = (8, 16, 32)

# The tags that load pictures, as clean_html writes them (`name="value"`, `<` and `>` escaped).
_PICTURE_TAG = re.compile(r"<(img|source|video)((?: [^>]*)?)>")
#: `src` of these is a film or a sound, which no picture proxy takes.
_PICTURES_IN = {"img": ("src", "srcset"), "source": ("srcset",), "video": ("poster",)}


def compose(entry: Entry, source: SourceConfig, *, key: str, posted: datetime, updated: datetime | None) -> Post:
    """Return the post of `entry`: `key` is its identity for good, `posted` its date, `updated` when upstream changed it after that.

    Categories come from the source, tags from upstream only where the source asks for them.
    """
    shown = picture(entry.picture)
    headimg = through_proxy(shown, source.image_proxy) if shown else ""
    return Post(
        title=title_of(entry),
        body=finish_pictures(entry.body, source.image_proxy),
        categories=(source.categories,) if source.categories else (),
        headimg=headimg,
        author=source.author or entry.author,
        date=posted,
        thumbnail=headimg,
        link=entry.link,
        guid=key,
        source=source.name,
        updated=updated if updated is not None and updated > posted else None,
        tags=entry.tags if source.tags else (),
        enclosure=entry.enclosure,
    )


def title_of(entry: Entry) -> str:
    """Return an entry's title; for one without, the beginning of its text or the end of its address."""
    if title := one_line(entry.title):
        return title
    beginning = shorten(plain_text(entry.body), TITLE_LENGTH)
    return beginning or entry.link.rstrip("/").rpartition("/")[2] or one_line(entry.guid) or "untitled"


def through_proxy(address: str, proxy: str) -> str:
    """Return a picture's address as the source's `image_proxy` serves it; one that goes through it already stays."""
    before = proxy.partition("{url}")[0]
    return address if not proxy or (before and address.startswith(before)) else proxy.replace("{url}", address)


def finish_pictures(body: str, proxy: str) -> str:
    """Return a clean body whose pictures come through `proxy` ("" for none) and tell their host nothing of who reads it."""
    if "<" not in body:
        return body
    return _PICTURE_TAG.sub(lambda found: _picture_tag(found[1], found[2], proxy), body)


@lru_cache(maxsize=512)  # a page's pictures repeat: the same icon, the same smile
def _picture_tag(name: str, written: str, proxy: str) -> str:
    attributes = read_attributes(written)
    if proxy:
        for key in _PICTURES_IN[name]:
            if key in attributes:
                attributes[key] = _proxied(attributes[key], proxy) if key == "srcset" else through_proxy(attributes[key], proxy)
    if name == "img":
        attributes["referrerpolicy"] = "no-referrer"
    return write_tag(name, attributes)


def _proxied(srcset: str, proxy: str) -> str:
    """Rewrite the candidates of a finished `srcset`, which are parted by comma and space."""
    candidates = (candidate.partition(" ") for candidate in srcset.split(", "))
    return ", ".join(f"{through_proxy(address, proxy)}{space}{descriptor}" for address, space, descriptor in candidates)


def folder_of(source: SourceConfig) -> str:
    """Return the folder of a source's posts, relative to the folder of posts; "" where it has no categories."""
    return "/".join(folder_name(name) for name in source.categories)


def file_name(title: str, posted: datetime, *, source: str, key: str, digits: int = HASH_LENGTHS[0]) -> str:
    """Return the name of a post's file: the day of `posted` in UTC, the title in letters and digits, `digits` of its identity's hash."""
    identity = blake2b(f"{source}\0{key}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:digits]
    words = title_slug(title)
    return f"{posted:%Y-%m-%d}-{words + '-' if words else ''}{identity}.md"


def title_slug(title: str) -> str:
    """Return a title in letters and digits of every script, words joined by hyphens, at most 80 bytes of UTF-8."""
    text = slugify(unicodedata.normalize("NFC", title), allow_unicode=True, lowercase=False)
    cut = unicodedata.normalize("NFC", text).encode()[:MAX_SLUG].decode("utf-8", "ignore")
    return cut.strip("-_.")
