"""Addresses: percent-encoding, resolution against a base, and what counts as an absolute URI (RFC 3986).

Written on RFC 3986 itself: `urllib.parse.urlsplit` deletes tabs inside an address, raises for some and keeps others that no
client can use. These functions run for every link of every post, so the usual case is one regular expression.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

#: What a link or a picture may use when its caller says nothing else. An address of these schemes needs a host.
WEB_SCHEMES = frozenset({"http", "https"})

_MAX_HOST = 253
_MAX_PORT = 65535
# An atom:id becomes a key in readers' databases; 767 bytes is the narrowest key column among them.
_MAX_URI = 767

# RFC 3986 2.2, 2.3 and 3.3: unreserved, sub-delims and `:@/` stay, so do well-formed escapes; after `?` and `#` also `?`.
_STAYS = r"A-Za-z0-9\-._~!$&'()*+,;=:@/"
_ESCAPE = "%[0-9A-Fa-f]{2}"
_LONE_PERCENT = "%(?![0-9A-Fa-f]{2})"
_NOT_IN_PATH = re.compile(f"{_LONE_PERCENT}|[^{_STAYS}%]")
_NOT_IN_QUERY = re.compile(f"{_LONE_PERCENT}|[^{_STAYS}?%]")
_NOT_IN_USERINFO = re.compile(f"{_LONE_PERCENT}|[/@]|[^{_STAYS}%]")

# RFC 3986 appendix B, with the scheme held to its grammar (3.1), so that `中:文` is a path.
_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
# Controls and lone surrogates stand in no address. Browsers drop tabs and line ends inside one (WHATWG URL 4.4), which is
# how `java\tscript:` hides, so they go before the scheme is read.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")

# Underscores and outer hyphens are against RFC 1123, and in use (`a_b.example.com`, `name-.tumblr.com`).
_HOST = re.compile(r"[a-z0-9_\-]+(?:\.[a-z0-9_\-]+)*+\.?")
_NUMBER = re.compile("[0-9]{1,20}|0x[0-9a-f]{0,20}")
_PORT = re.compile("[0-9]{0,5}")

_QUERY = rf"[{_STAYS}?]*+(?:{_ESCAPE}[{_STAYS}?]*+)*+"
_SEGMENT = _STAYS.removesuffix("/")
# An address that `encode_url` and `absolute_url` return as it is: nothing to encode, no dot segment to resolve.
_REST = rf"(?:/(?!\.{{1,2}}(?:[/?#]|\Z))[{_SEGMENT}]*+(?:{_ESCAPE}[{_SEGMENT}]*+)*+)++(?:\?{_QUERY})?+(?:#{_QUERY})?+"
# A last label that begins with a digit may make a number of the host, which is looked at more closely.
_FINISHED = re.compile(
    rf"https?://(?![^/]{{250}})(?!(?:[a-z0-9_\-]++\.)*+[0-9])[a-z0-9_\-]++(?:\.[a-z0-9_\-]++)*+(?::[0-9]{{1,4}})?+{_REST}"
)
# The same without scheme and host: a reference that only lacks those of its base.
_ROOTED = re.compile(rf"(?!//){_REST}")
_REGISTERED_NAME = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|{_ESCAPE})"
_USERINFO = rf"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|{_ESCAPE})*@)?"
_IP_LITERAL = r"\[[0-9A-Fa-f:.]+\]"
_SEGMENTS = rf"(?:/(?:[{_STAYS}]|{_ESCAPE})*)?"
_OPAQUE = rf"(?!//)(?:[{_STAYS}]|{_ESCAPE})+"
_ABSOLUTE_URI = re.compile(
    rf"(?:[Hh][Tt][Tt][Pp][Ss]?://{_USERINFO}(?:{_IP_LITERAL}|{_REGISTERED_NAME}+)(?::[0-9]*)?{_SEGMENTS}"
    r"|(?![Hh][Tt][Tt][Pp][Ss]?:)[A-Za-z][A-Za-z0-9+.\-]*:"
    rf"(?:{_OPAQUE}|//{_USERINFO}(?:{_IP_LITERAL}|{_REGISTERED_NAME}*)(?::[0-9]*)?{_SEGMENTS}))"
    rf"(?:\?{_QUERY})?(?:#{_QUERY})?"
)


class _Parts(NamedTuple):
    """A URI reference in its five parts (RFC 3986 5.2); query and fragment with their mark, authority None when absent."""

    scheme: str
    authority: str | None
    path: str
    query: str
    fragment: str


def encode_url(url: str) -> str:
    """Return `url` as pure ASCII: percent-encoded once and for all, scheme and host in small letters, the host in punycode.

    Existing escapes stay, so encoding twice is encoding once; an http address without a path gets "/"; control characters
    go; userinfo and the port stay. Returns "" for what cannot be an address: a bad host, port or IPv6 literal, no host
    where the scheme is http or https.
    """
    if _FINISHED.fullmatch(url):
        return url
    return _write(_split(url))


def absolute_url(base: str, reference: str, *, schemes: frozenset[str] = WEB_SCHEMES) -> str:
    """Return `reference` resolved against `base` (RFC 3986 5.2) and encoded; "" when that gives none of `schemes`.

    `//host/path` takes the base's scheme, https without one. Any other relative reference needs a base that is itself an
    http or https address, and is "" without.
    """
    if _FINISHED.fullmatch(reference):
        return reference if reference.partition(":")[0] in schemes else ""
    if _ROOTED.fullmatch(reference) and (origin := _origin(base)):
        return origin + reference if origin.partition(":")[0] in schemes else ""
    parts = _split(reference)
    if not parts.scheme:
        known = _base(base)
        if known is None and parts.authority is None:
            return ""
        parts = _resolve(known or _Parts("https", "", "/", "", ""), parts)
    elif parts.authority is not None:
        parts = parts._replace(path=_without_dots(parts.path))
    return _write(parts) if parts.scheme in schemes else ""


def quote_segment(text: str) -> str:
    """Return `text` as one segment of a path: everything but unreserved characters percent-encoded as UTF-8."""
    return quote(text, safe="", errors="ignore")


def is_absolute_uri(text: str) -> bool:
    """Whether `text` is an absolute URI in ASCII, with a scheme, no white space, and at most 767 bytes (an atom:id)."""
    return len(text) <= _MAX_URI and _ABSOLUTE_URI.fullmatch(text) is not None


def _split(url: str) -> _Parts:
    found = _PARTS.fullmatch(_UNFIT.sub("", url).strip())
    assert found is not None, "every text matches RFC 3986 appendix B"
    scheme, authority, path, query, fragment = found.groups()
    return _Parts((scheme or "").lower(), authority, path, query or "", fragment or "")


@lru_cache(maxsize=256)
def _base(base: str) -> _Parts | None:
    """Return the parts of a usable base: an http or https address; None otherwise."""
    parts = _split(encode_url(base))
    return parts if parts.scheme in WEB_SCHEMES else None


@lru_cache(maxsize=256)
def _origin(base: str) -> str:
    """Return scheme and encoded authority of a usable base; "" otherwise."""
    if _FINISHED.fullmatch(base):
        return base[: base.index("/", len("https://"))]
    parts = _base(base)
    return _write(parts._replace(path="/", query="", fragment="")).removesuffix("/") if parts else ""


def _resolve(base: _Parts, reference: _Parts) -> _Parts:
    """Return the target of a reference without a scheme: RFC 3986 5.2.2."""
    if reference.authority is not None:
        return reference._replace(scheme=base.scheme, path=_without_dots(reference.path))
    if not reference.path:
        return base._replace(query=reference.query or base.query, fragment=reference.fragment)
    path = reference.path
    if not path.startswith("/"):
        path = base.path.rpartition("/")[0] + "/" + path
    return reference._replace(scheme=base.scheme, authority=base.authority, path=_without_dots(path))


def _without_dots(path: str) -> str:
    """Return `path` without its `.` and `..` segments: RFC 3986 5.2.4."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[max(len(kept) - 1, 1) :]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


def _write(parts: _Parts) -> str:
    """Return the encoded address; "" where its authority is none."""
    needs_host = parts.scheme in WEB_SCHEMES
    authority = "" if parts.authority is None else _encode_authority(parts.authority, needs_host=needs_host)
    if authority is None or (needs_host and not authority):
        return ""
    path = _NOT_IN_PATH.sub(_escape, parts.path) or ("/" if needs_host else "")
    if not parts.scheme and parts.authority is None:
        # RFC 3986 4.2: a colon in the first segment would make a scheme of it.
        first, slash, rest = path.partition("/")
        path = first.replace(":", "%3A") + slash + rest
    scheme = f"{parts.scheme}:" if parts.scheme else ""
    slashes = "" if parts.authority is None else "//"
    query = parts.query[:1] + _NOT_IN_QUERY.sub(_escape, parts.query[1:])
    fragment = parts.fragment[:1] + _NOT_IN_QUERY.sub(_escape, parts.fragment[1:])
    return f"{scheme}{slashes}{authority}{path}{query}{fragment}"


def _escape(found: re.Match[str]) -> str:
    return quote(found[0], safe="")


@lru_cache(maxsize=1024)
def _encode_authority(authority: str, *, needs_host: bool) -> str | None:
    """Return `userinfo@host:port`, encoded; None where host or port cannot be used."""
    userinfo, at, rest = authority.rpartition("@")
    host, colon, port = rest.rpartition(":") if re.search(r":[^\]]*\Z", rest) else (rest, "", "")
    if "\\" in authority or not _PORT.fullmatch(port) or (port and int(port) > _MAX_PORT):
        return None
    encoded = _encode_host(host)
    if not encoded and (needs_host or host):
        return None
    port_part = colon + port if port else ""
    return _NOT_IN_USERINFO.sub(_escape, userinfo) + at + encoded + port_part


def _encode_host(host: str) -> str:
    """Return `host` in small ASCII letters (punycode for the rest); "" when it is no host name or IP literal."""
    if host.startswith("["):
        return host.lower() if _is_ipv6_literal(host) else ""
    if len(host) > _MAX_HOST * 3:
        return ""
    try:
        if "%" in host:
            host = unquote(host, errors="strict")
        if not host.isascii():
            host = _punycode(host) if len(host) <= _MAX_HOST else ""
    except UnicodeError:
        return ""
    host = host.lower()
    return host if len(host) <= _MAX_HOST + 1 and _HOST.fullmatch(host) and _is_fit_number(host) else ""


def _is_fit_number(host: str) -> bool:
    """Whether `host` is no number, or one that stands for an IPv4 address (WHATWG URL 3.5): `example.1` is no host to any browser."""
    parts = host.removesuffix(".").split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return True
    try:
        values = [int(part or "x", 16 if part[:2] == "0x" else 8 if part[:1] == "0" and part != "0" else 10) for part in parts]
    except ValueError:
        return False
    return len(values) <= 4 and all(value < 256 for value in values[:-1]) and values[-1] < 256 ** (5 - len(values))


def _punycode(host: str) -> str:
    """Return an international host name in ASCII: IDNA 2008 with the mapping of UTS #46, and emoji, which browsers allow too.

    Raises UnicodeError for what no browser takes for a name: Python's own codec (IDNA 2003) lets invisible letters pass, which the
    cleaner drops when it sees the result again.
    """
    import idna  # 10 ms, and hardly any host needs it

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        if not (emoji := {character for character in host if unicodedata.category(character) == "So"}):
            raise
        idna.encode("".join("a" if character in emoji else character for character in host.replace("\ufe0f", "")), uts46=True)
        return host.encode("idna").decode("ascii")


def _is_ipv6_literal(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host[1:-1] if host.endswith("]") else "")
    except ValueError:
        return False
    return "%" not in host


def quote_path(path: str) -> str:
    """Return a path with "/" between its segments as it stands in addresses; see `quote_segment`."""
    return "/".join(map(quote_segment, path.split("/")))


def without_userinfo(url: str) -> str:
    """Return an address without the user name and password before its host, which are a secret between two."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}" if separator else url
