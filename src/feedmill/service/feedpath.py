"""The path of a request below /feeds/ and the path of a file below `feeds/`: decoded once, and strictly. Pure.

A path is str, relative, with "/" between its segments; one that ends in "/", and the empty one, names a folder.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from feedmill.durable import TEMP_SUFFIX
from feedmill.urls import quote_path

#: What stands for a folder.
INDEX = "index.html"
#: A path of the file system is at most 4,096 bytes long on Linux, so a longer one, every byte escaped, names nothing.
_MAX_RAW = 3 * 4096

_WELL_ESCAPED = re.compile(rb"[^%]*+(?:%[0-9A-Fa-f]{2}[^%]*+)*+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class BadPathError(ValueError):
    """A path that means nothing: a broken escape, a control character, or what is not UTF-8."""


def decode_path(raw: bytes) -> str | None:
    r"""Return the path that `raw`, the percent-encoded rest of a request's path after /feeds/, names; None where no file can have it.

    It is cut into segments first and decoded afterwards, once: `%2F` never parts segments, and `%252e` is the name "%2e". Raises
    BadPathError.
    """
    if len(raw) > _MAX_RAW or not _WELL_ESCAPED.fullmatch(raw):
        raise BadPathError("this path is too long or has a broken escape")
    try:
        segments = [unquote_to_bytes(segment).decode("utf-8") for segment in raw.split(b"/")]
    except UnicodeDecodeError as exc:
        raise BadPathError("this path is not UTF-8") from exc
    if any(_CONTROL.search(segment) for segment in segments):
        raise BadPathError("this path has a control character")
    if any("/" in segment for segment in segments):
        return None
    path = "/".join(segments)
    return path if is_servable(path) else None


def is_servable(path: str) -> bool:
    """Whether a path may be looked up at all: no segment is empty, hidden, `..`, a writer's temporary file, or has a character to fear."""
    segments = path.split("/")
    if segments[-1] == "":
        segments[-1] = INDEX
    return all(map(_is_name, segments))


def _is_name(segment: str) -> bool:
    if not segment or segment[0] == "." or segment.lower().endswith(TEMP_SUFFIX) or "\\" in segment or _CONTROL.search(segment):
        return False
    # A lone surrogate stands for a byte that is not UTF-8.
    return segment.isascii() or not any("\ud800" <= character <= "\udfff" for character in segment)


def file_of(path: str) -> str:
    """Return the file that is read for a path: a folder's is its index."""
    return path + INDEX if not path or path[-1] == "/" else path


def encode_path(path: str) -> str:
    """Return a path as it stands in addresses, the same as in the self links of feeds."""
    return quote_path(path)
