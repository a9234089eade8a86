"""Which media type a file has by its name. Pure: a fixed table, as those of operating systems differ."""

from __future__ import annotations

from feedmill.producer.formats import document_of

_NAMES = {"opml.xml": "text/x-opml"}
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
    document = document_of(name)
    text = document[0].content_type if document else _NAMES.get(name) or _TEXTS.get(suffix)
    return f"{text}; charset=utf-8" if text else _PICTURES.get(suffix, _UNKNOWN)


def is_feed(file: str) -> bool:
    """Whether a file is a document of a feed: one that readers subscribe to, or an archive."""
    return document_of(file.rpartition("/")[2].lower()) is not None


def is_archive(file: str) -> bool:
    """Whether a file is an archive document (RFC 5005), which seldom changes if ever."""
    document = document_of(file.rpartition("/")[2].lower())
    return document is not None and document[1] > 0
