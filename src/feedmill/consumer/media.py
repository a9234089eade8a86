"""Pictures, sounds and films that an entry names beside its text: media RSS, enclosures, podcasts' covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from feedmill.consumer.rawentry import RawMedia
from feedmill.consumer.untyped import mapping_of, mappings_of, text_of
from feedmill.model import Enclosure
from feedmill.posts.enclosures import declared_length, media_type

_KINDS = ("image", "audio", "video")
_EXTENSIONS = {
    "image": frozenset({"jpg", "jpeg", "png", "gif", "webp", "avif"}),
    "audio": frozenset({"mp3", "m4a", "ogg", "oga", "opus", "wav", "aac", "flac"}),
    "video": frozenset({"mp4", "m4v", "webm", "ogv", "mov"}),
}
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{2,5})(?:[?#].*)?\Z", re.DOTALL)
_NUMBER = re.compile(r"\s*([0-9]{1,6})(?:px)?\s*")


def media_of(address: str, *, declared: str = "", medium: str = "", sizes: Mapping[str, Any] | None = None) -> RawMedia:
    """Return one medium. Its kind is its type's; without a type, that of its address's extension, with which `medium` must agree."""
    kind = declared.partition("/")[0].strip().lower()
    if kind not in _KINDS:
        kind = "" if declared.strip() else _kind_of_address(address)
        if medium and kind != medium.lower():
            # A film's `medium` alone may stand on a page with a player.
            kind = "image" if medium.lower() == "image" and not declared.strip() else ""
    found = sizes or {}
    return RawMedia(address, kind, number(found.get("width")), number(found.get("height")))


def pictures_of(entry: Mapping[str, Any]) -> tuple[RawMedia, ...]:
    """Return the pictures of an entry that feedparser read: its thumbnails, largest first, then pictures among media and enclosures."""
    thumbnails = [
        RawMedia(text_of(found.get("url")), "image", number(found.get("width")), number(found.get("height")))
        for found in mappings_of(entry.get("media_thumbnail"))
    ]
    thumbnails.sort(key=lambda medium: medium.width * medium.height or medium.width or medium.height, reverse=True)
    others = [medium for medium in (*_media_contents(entry), *_enclosures(entry)) if medium.kind == "image"]
    cover = RawMedia(text_of(mapping_of(entry.get("image")).get("href")), "image")
    return tuple(medium for medium in (*thumbnails, *others, cover) if medium.address)


def enclosures_of(entry: Mapping[str, Any]) -> tuple[RawMedia, ...]:
    """Return the sounds and films of an entry that feedparser read."""
    found = (medium for medium in (*_enclosures(entry), *_media_contents(entry)) if medium.kind in ("audio", "video"))
    return tuple({medium.address: medium for medium in found if medium.address}.values())


def attachments_of(entry: Mapping[str, Any]) -> tuple[Enclosure, ...]:
    """Return what may be the enclosure of an entry that feedparser read, as `ranked` has it."""
    links = (link for link in mappings_of(entry.get("links")) if link.get("rel") == "enclosure")
    enclosed = [attachment(link.get("href"), link.get("type"), link.get("length")) for link in links]
    media = [attachment(found.get("url"), found.get("type"), found.get("filesize")) for found in mappings_of(entry.get("media_content"))]
    return ranked(enclosed, media)


def attachment(address: object, declared: object, length: object) -> Enclosure:
    """Return a file as upstream names it: its type by declaration or ending, its length where it is one."""
    url = text_of(address)
    return Enclosure(url, media_type(text_of(declared), url), declared_length(text_of(length)))


def ranked(enclosed: Iterable[Enclosure], media: Iterable[Enclosure] = ()) -> tuple[Enclosure, ...]:
    """Return what may be an entry's enclosure, the likeliest first: sounds and films, then what is enclosed and no picture.

    Media RSS counts for sounds and films alone: its `content` may be a page with a player. What has no known type is left out. A
    file that is named twice has the length that either place gives it.
    """
    enclosed = list(enclosed)
    found = [*enclosed, *media]
    lengths = {file.url: file.length for file in found if file.length}
    played = [file for file in found if _main_type(file) in ("audio", "video")]
    others = [file for file in enclosed if _main_type(file) not in ("", "audio", "video", "image")]
    files = (Enclosure(file.url, file.type, file.length or lengths.get(file.url)) for file in (*played, *others) if file.url)
    return tuple(dict.fromkeys(files))


def _main_type(file: Enclosure) -> str:
    return file.type.partition("/")[0]


def number(value: object) -> int:
    """Return a size in pixels as upstream wrote it; 0 where it is none."""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else 0


def _enclosures(entry: Mapping[str, Any]) -> Iterator[RawMedia]:
    for link in mappings_of(entry.get("links")):
        if link.get("rel") == "enclosure":
            yield media_of(text_of(link.get("href")), declared=text_of(link.get("type")))


def _media_contents(entry: Mapping[str, Any]) -> Iterator[RawMedia]:
    for found in mappings_of(entry.get("media_content")):
        yield media_of(text_of(found.get("url")), declared=text_of(found.get("type")), medium=text_of(found.get("medium")), sizes=found)


def _kind_of_address(address: str) -> str:
    extension = _EXTENSION.search(address)
    if extension is None:
        return ""
    return next((kind for kind, extensions in _EXTENSIONS.items() if extension[1].lower() in extensions), "")
