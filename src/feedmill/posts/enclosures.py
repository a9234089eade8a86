"""What a post encloses: the forms of the front-matter key `enclosure`, media types by ending, the players of a body.

Media types come from the table below alone: the standard library's `mimetypes` reads files of the machine that it runs on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from feedmill.model import FALSE_WORDS, Enclosure, Value
from feedmill.posts.tags import read_attributes
from feedmill.text import one_line
from feedmill.urls import absolute_url

#: A terabyte: what says that it is larger is taken for a slip.
MAX_LENGTH = 2**40

_TYPES = {
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "m4a m4b",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga opus",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpg mpeg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "image/avif": "avif",
    "image/gif": "gif",
    "image/jpeg": "jpg jpeg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "application/epub+zip": "epub",
    "application/pdf": "pdf",
    "application/x-bittorrent": "torrent",
    "application/zip": "zip",
}
_TYPE_BY_ENDING = {ending: media_type for media_type, endings in _TYPES.items() for ending in endings.split()}
#: Containers of sound and film alike: the player says which.
_EITHER = frozenset({"mp4", "ogg", "webm"})

# RFC 6838 section 4.2, with the top-level types of its registry.
_MEDIA_TYPE = re.compile(
    r"(?:application|audio|chemical|font|image|message|model|multipart|text|video)/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.IGNORECASE
)
#: What servers say of anything.
_ANYTHING = frozenset({"application/octet-stream", "application/force-download", "application/x-download"})
# Of an address's path, behind scheme and host.
_PATH = re.compile(r"(?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*)?([^?#]*)")
_DIGITS = re.compile(r"[0-9]{1,20}")
_PLAYER = re.compile(r"<(/?)(audio|video|source)((?: [^>]*)?)>")
_ADDRESS_KEYS, _TYPE_KEYS, _LENGTH_KEYS = ("url", "href"), ("type", "mime_type"), ("length", "size", "bytes")
_SHOWN = 60


def media_type(declared: str, address: str) -> str:
    """Return the media type of a file, without parameters: the declared one, else that of its address's ending; "" for neither.

    A declared type that says nothing (`application/octet-stream`) gives way to the ending's.
    """
    plain = _plain_type(declared)
    if plain and plain not in _ANYTHING:
        return plain
    path = _PATH.match(address)
    _, dot, ending = path[1].rpartition("/")[2].rpartition(".") if path else ("", "", "")
    return (_TYPE_BY_ENDING.get(ending.lower(), "") if dot else "") or plain


def declared_length(text: str) -> int | None:
    """Return a length in bytes as somebody wrote it; None for what is no whole number from 1 to 2**40."""
    length = int(text) if _DIGITS.fullmatch(text) else 0
    return length if 0 < length <= MAX_LENGTH else None


def normal_enclosure(enclosure: Enclosure | None) -> Enclosure | None:
    """Return an enclosure as it is written and read: its address on one line, its type a media type, its length in bounds.

    None where the address is none.
    """
    if enclosure is None or not _is_address(url := one_line(enclosure.url)):
        return None
    length = enclosure.length
    return Enclosure(url, _plain_type(enclosure.type), length if length is not None and 0 < length <= MAX_LENGTH else None)


def read_enclosure(value: Value) -> tuple[Enclosure | None, list[str]]:
    """Return what a front matter's `enclosure` says, and what is wrong with it, each on one line.

    It may be a mapping (`url`, `type`, `length`), an address, WordPress's three lines (address, length, type) in one text, or a
    list of such, of which the first is taken. A `length` of 0 is WordPress's way to say that it is not known.
    """
    if isinstance(value, str):
        return _from_text(one_line(value))
    if isinstance(value, Mapping):
        address, written, length = (_first(value, keys) for keys in (_ADDRESS_KEYS, _TYPE_KEYS, _LENGTH_KEYS))
        return _from_words(address, written, length)
    return _from_list([item for item in value if item])


def players(html: str) -> Iterator[Enclosure]:
    """Yield what the `<audio>` and `<video>` of a clean body play, in their order: each one's `src`, or its first `<source>`.

    Its type is the element's own, else that of the address's ending; "" where neither says it.
    """
    if "<audio" not in html and "<video" not in html:
        return
    kind = ""  # of the player that has no address yet
    for found in _PLAYER.finditer(html):
        is_end, name, attributes = found[1], found[2], read_attributes(found[3])
        if is_end:
            kind = "" if name != "source" else kind
            continue
        if name != "source":
            kind = name
        address = attributes.get("src", "")
        if kind and address:
            yield Enclosure(address, _played_type(kind, attributes.get("type", ""), address))
            kind = ""


def _played_type(kind: str, declared: str, address: str) -> str:
    found = media_type(declared, address)
    main, _, container = found.partition("/")
    return f"{kind}/{container}" if not declared and main in ("audio", "video") and container in _EITHER else found


def _plain_type(text: str) -> str:
    plain = text.partition(";")[0].strip().lower()
    return plain if _MEDIA_TYPE.fullmatch(plain) else ""


def _is_address(text: str) -> bool:
    return bool(text) and bool(absolute_url("https://example.invalid/", text))


def _first(value: Mapping[str, Value], keys: Sequence[str]) -> str:
    texts = (one_line(found) for key in keys if isinstance(found := value.get(key, ""), str))
    return next((text for text in texts if text), "")


def _from_text(text: str) -> tuple[Enclosure | None, list[str]]:
    """Read an address, and the length and type behind it in either order; what follows these is some plugin's own."""
    if text.lower() in FALSE_WORDS:
        return None, []
    words = text.split(" ")
    facts = next((number for number, word in enumerate(words) if number and _is_fact(word)), len(words))
    rest = [word for word in words[facts : facts + 2] if _is_fact(word)]
    length = next((word for word in rest if _DIGITS.fullmatch(word)), "")
    return _from_words(" ".join(words[:facts]), next((word for word in rest if word != length), ""), length)


def _is_fact(word: str) -> bool:
    return _DIGITS.fullmatch(word) is not None or _MEDIA_TYPE.fullmatch(word.rstrip(";")) is not None


def _from_list(items: Sequence[Value]) -> tuple[Enclosure | None, list[str]]:
    if not items:
        return None, []
    first, *others = items
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) == len(items) and others and all(_is_fact(one_line(text)) for text in texts[1:3]):
        return _from_text(one_line(" ".join(texts)))
    found, faults = read_enclosure(first)
    return found, [*faults, "more than one `enclosure`: a post has one, and the first holds"] if others else faults


def _from_words(address: str, written: str, length: str) -> tuple[Enclosure | None, list[str]]:
    if not _is_address(address):
        shown = address[:_SHOWN] or "there is none"
        return None, [f"`enclosure` has no usable address ({shown}): write one, such as https://www.example.org/episode.mp3"]
    enclosure, faults = Enclosure(address, _plain_type(written), declared_length(length)), []
    if written and not enclosure.type:
        faults.append(f"the `enclosure`'s type `{written[:_SHOWN]}` is no media type, such as audio/mpeg")
    if enclosure.length is None and length.strip("0"):
        faults.append(f"the `enclosure`'s length `{length[:_SHOWN]}` is no number of bytes, such as 1234567")
    return enclosure, faults
