"""Which media type a file has by its name. Pure: a fixed table, as those of operating systems differ."""

from __future__ import annotations

ATOM, RSS, JSON_FEED = "application/atom+xml", "application/rss+xml", "application/feed+json"

FEEDS = frozenset({ATOM, RSS, JSON_FEED})

_NAMES = {"atom.xml": ATOM, "rss.xml": RSS, "feed.json": JSON_FEED, "opml.xml": "text/x-opml"}
#: By what stands after the last point of the name: text, which is UTF-8 wherever it is written here, and pictures.
_TEXTS = {
    "opml": "text/x-opml",
    "xml": "application/xml",
    "json": "application/json",
    "html": "text/html",
    "css": "text/css",
    "txt": "text/plain",
    "svg": "image/svg+xml",
}
_PICTURES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
}
_UNKNOWN = "application/octet-stream"


def media_type(file: str) -> str:
    """Return the type of a file below `feeds/` without its charset."""
    return content_type(file).partition(";")[0]


def content_type(file: str) -> str:
    """Return the type of a file below `feeds/`, with the charset of text; "application/octet-stream" for what is not known."""
    name = file.rpartition("/")[2].lower()
    suffix = name.rpartition(".")[2] if "." in name else ""
    text = _NAMES.get(name) or _TEXTS.get(suffix)
    return f"{text}; charset=utf-8" if text else _PICTURES.get(suffix, _UNKNOWN)


def is_feed(file: str) -> bool:
    """Whether a file is a feed, which readers subscribe to."""
    return media_type(file) in FEEDS
