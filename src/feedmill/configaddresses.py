"""Readers of the values of config.yaml that name things: addresses, hosts, time zones, languages, templates, folders. Pure.

The contract of every `parse_…` is that of configvalues.py: raw value in, ValueError with the rest of a sentence out.
"""

from __future__ import annotations

import functools
import io
import re
import struct
import unicodedata
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, available_timezones

#: A DNS name in ASCII, as letters, digits, hyphens and the underscores that some networks use.
HOST_NAME = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?")
_HOST_OF_URL = re.compile(r"[\w.~-]+|[0-9a-fA-F:.]+(?:%[\w.~-]+)?")
_NOT_IN_URL = re.compile(r'[\s\\<>"\x00-\x1f\x7f-\x9f]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: RFC 5646 section 2.1 also has room for 4 to 8 letters in front; no such language is registered, and "English" is a mistake.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_OTHER_SCHEMES = frozenset({"data", "feed", "file", "ftp", "gopher", "javascript", "mailto", "sftp", "ws", "wss"})
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OF_THE_MACHINE = frozenset({"localtime", "posixrules"})
_VARIABLE = re.compile(r"\{([^\W\d][\w-]*)\}")

#: TZif (RFC 8536) with the one type UTC: the default zone must work on a machine without any zone data.
_UTC_DATA = b"TZif" + bytes(16) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"


_NOT_FILLED_IN = "`${…}` is filled in only in sources[].url, sources[].headers and sync.proxy"


def text_of(value: object) -> str:
    """Return `value` when it is text, without outer white space. Raises ValueError for lists, mappings and the rest."""
    if not isinstance(value, str):
        raise ValueError("")
    return value.strip()


def parse_line(value: object) -> str:
    """Return one line of plain text, runs of white space as one space. Raises ValueError for control characters."""
    line = " ".join(text_of(value).split())
    if (bad := _CONTROL.search(line)) is not None:
        raise ValueError(f"it holds the control character U+{ord(bad[0]):04X}")
    return line


def parse_title(value: object) -> str:
    """Return one line of text that is not empty. Raises ValueError."""
    line = parse_line(value)
    if not line:
        raise ValueError("it is empty")
    return line


def parse_folder(value: object) -> str:
    """Return a path as written. Raises ValueError for what no shell stands by to expand."""
    path = parse_line(value)
    if path.startswith("~"):
        raise ValueError("`~` is not expanded here; write the whole path")
    if "${" in path:
        raise ValueError(_NOT_FILLED_IN)
    return path


def parse_url(value: object) -> str:
    """Return an absolute http or https address, scheme and host in lower case. Raises ValueError."""
    return urlunsplit(_split(text_of(value)))


def parse_base_url(value: object) -> str:
    """Return an address that others are built on: ends with "/", without query, fragment, user or password. Raises ValueError."""
    parts = _split(text_of(value))
    if "@" in parts.netloc:
        raise ValueError("it holds a user or a password, which every feed would show")
    if parts.query or parts.fragment:
        raise ValueError("addresses are built by adding to it: it cannot hold `?` or `#`")
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    return urlunsplit(parts._replace(path=path))


def parse_image_proxy(value: object) -> str:
    """Return a template with {url} where the picture's own address goes. Raises ValueError."""
    text = text_of(value)
    if "{url}" not in text:
        raise ValueError("it lacks {url}, the place of the picture's own address")
    _split(text.replace("{url}", "x"))
    return text


def _split(text: str) -> SplitResult:
    if "${" in text:
        raise ValueError(_NOT_FILLED_IN)
    if (bad := _NOT_IN_URL.search(text)) is not None:
        raise ValueError(f"it holds {_named(bad[0])}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("its host or port cannot be read") from None
    if not parts.scheme or "//" not in text:
        raise ValueError("it does not begin with https:// or http://")
    if parts.scheme not in ("http", "https"):
        # Any other word there may be a part of what was filled in from the environment.
        raise ValueError(f"its scheme is {parts.scheme if parts.scheme in _OTHER_SCHEMES else 'another one'}")
    if not host:
        raise ValueError("it has no host")
    if not _HOST_OF_URL.fullmatch(host) or ".." in host or host.startswith("."):
        raise ValueError("its host cannot be read")
    user, at, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}{place.lower()}")


def _named(character: str) -> str:
    if character == " ":
        return "a space"
    if character in '\\<>"':
        return f"`{character}`"
    return f"the character U+{ord(character):04X}"


def parse_host(value: object) -> str:
    """Return the name or the IP address to listen on. Raises ValueError."""
    text = text_of(value)
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    if not HOST_NAME.fullmatch(text):
        raise ValueError("it is more than a host; the port has its own key" if ":" in text else "")
    return text.lower()


def parse_embed_host(value: object) -> str:
    """Return the host of pages that may be framed, in lower case. Raises ValueError."""
    text = text_of(value).lower()
    if "*" in text:
        raise ValueError("`*` is not known here; name every host")
    if ":" in text or "/" in text:
        raise ValueError("it is more than a host")
    if not HOST_NAME.fullmatch(text):
        raise ValueError("" if text.isascii() else "write it in its xn-- form")
    return text


def parse_language(value: object) -> str:
    """Return a language tag in BCP 47's own spelling (RFC 5646 section 2.1.1): zh_CN becomes zh-CN. Raises ValueError."""
    text = text_of(value).replace("_", "-")
    if not _LANGUAGE.fullmatch(text):
        raise ValueError("")
    first, *rest = text.split("-")
    return "-".join([first.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()


@functools.lru_cache(maxsize=8)
def zone_named(name: str) -> ZoneInfo:
    """Return the time zone `name`; "UTC" even where the machine has no zone data. Raises ValueError."""
    try:
        if name not in _OF_THE_MACHINE:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if name == "UTC":
            return ZoneInfo.from_file(io.BytesIO(_UTC_DATA), key="UTC")
    raise ValueError(_why_no_zone(name))


def _why_no_zone(name: str) -> str:
    if name in _OF_THE_MACHINE:
        return "it means another zone on another machine"
    known = available_timezones() - _OF_THE_MACHINE
    if not known:
        return "this machine has no time zone data: install its tzdata package (or `pip install tzdata`)"
    import difflib  # only for a message

    by_city = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(known, reverse=True)}
    by_name = {zone.casefold(): zone for zone in known}
    wanted = name.casefold().replace(" ", "_")
    if wanted in by_city:
        return f"the zone of that name is {by_city[wanted]}"
    near = difflib.get_close_matches(wanted, by_name, n=1, cutoff=0.75)
    return f"the nearest known name is {by_name[near[0]]}" if near else "no such zone is known"


def parse_zone_name(value: object) -> str:
    """Return the name of a time zone that this machine knows. Raises ValueError."""
    return zone_named(text_of(value)).key


def parse_permalink(value: object) -> str:
    """Return an address template of balanced `{name}` variables, `{url}` with its own slash. Raises ValueError."""
    text = text_of(value)
    if (bad := _NOT_IN_URL.search(text)) is not None:
        raise ValueError(f"it holds {_named(bad[0])}")
    rest = _VARIABLE.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError("its braces do not pair up as {name}, the name made of letters, digits, `_` and `-`")
    if not set(_VARIABLE.findall(text)) - {"url"}:
        raise ValueError("every post would get the same address; use {path}, {slug}, {id} or {title}")
    if not text.startswith(("{", "https://", "http://")):
        raise ValueError("it does not begin with {url}, https:// or http://")
    return text.replace("{url}/", "{url}")


def parse_source_name(value: object) -> str:
    """Return a source's name. Raises ValueError."""
    text = text_of(value)
    if not _SOURCE_NAME.fullmatch(text):
        raise ValueError("")
    return text


def parse_category_path(value: object) -> str:
    """Return a category's place in the tree, e.g. "新媒体/人人都是产品经理", without outer slashes; "/" is the root. Raises ValueError."""
    if value == "/":
        return value
    parts = [part.strip() for part in parse_line(value).strip("/ ").split("/")]
    if not all(parts):
        raise ValueError("a name between its slashes is empty")
    return "/".join(parts)


def parse_slug(value: object) -> str:
    """Return the name that a category's folder gets instead of its own. Raises ValueError."""
    text = unicodedata.normalize("NFC", text_of(value))
    if not all(character.isalnum() or character in "-_." for character in text) or text.startswith("."):
        raise ValueError("it is not one plain folder name")
    if len(text.encode()) > 80:
        raise ValueError("it is longer than 80 bytes")
    return text


def parse_header_name(value: object) -> str:
    """Return the name of an HTTP header (RFC 9110 section 5.6.2). Raises ValueError."""
    text = text_of(value)
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError("its name is not one of an HTTP header")
    return text


def parse_header_value(value: object) -> str:
    """Return the value of an HTTP header. Raises ValueError."""
    text = text_of(value)
    if _CONTROL.search(text):
        raise ValueError("it holds a line break or another control character")
    return text
