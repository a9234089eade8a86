"""Addresses that are asked: read once, by one parser, for the check and for the connection. Pure.

What two parsers read differently (backslashes, control characters, ports beyond 65535) is refused instead of repaired.
"""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote_to_bytes

from yarl import URL

from feedmill.consumer.guard import port_refusal
from feedmill.text import one_line, shorten
from feedmill.urls import absolute_url, encode_url

_MAX_URL = 8000
_UNFIT = re.compile("[\x00-\x20\x7f-\x9f\\\\\ud800-\udfff\u2028\u2029]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
# WHATWG URL 3.5: a host that ends in a number is an IPv4 address or none. getaddrinfo(3) reads 127.1, 0x7f.1 and 2130706433 as such.
_ENDS_IN_NUMBER = re.compile(r"(?:[^:]*\.)?(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=//)[^/?#]*@")
_SHOWN = 200


class UnfitAddressError(ValueError):
    """An address that is not asked; the message is one line without any secret."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address to ask."""

    #: Encoded, without userinfo and fragment: exactly what the connection and the request line are made from.
    url: URL
    #: Value of the Authorization field that the address itself asks for; "" where it has no userinfo.
    authorization: str = ""

    @property
    def text(self) -> str:
        """The address as text, without any userinfo."""
        return str(self.url)

    @property
    def host(self) -> str:
        """The host in small letters, an IPv6 address without its brackets."""
        return self.url.raw_host or ""

    @property
    def port(self) -> int:
        return self.url.port or 0

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454): what a secret may be sent to."""
        return self.url.scheme, self.host, self.port

    @property
    def literal(self) -> IPv4Address | IPv6Address | None:
        """The IP address where the host is one; None where it is a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def shown_url(url: str) -> str:
    """Return `url` as it may be shown: no userinfo, no fragment, its query as `?…`, on one line of at most 200 characters."""
    place, mark, _ = url.partition("#")[0].partition("?")
    return shorten(one_line(_USERINFO.sub("", place)), _SHOWN) + ("?…" if mark else "")


def shown_place(url: str) -> str:
    """Return where `url` leads as it may be shown even if its path holds a secret: scheme and host alone."""
    scheme, mark, rest = shown_url(url).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host}{slash}{'…' if path else ''}"


def _shown(url: str) -> str:
    return shown_place(url) or "there is none"


@lru_cache(maxsize=256)  # every fetch reads its address several times
def read_target(url: str) -> Target:
    """Return the http or https address `url`. Raises UnfitAddressError."""
    if len(url) > _MAX_URL:
        raise UnfitAddressError(f"an address of more than {_MAX_URL} characters is not asked: {_shown(url)}")
    if _UNFIT.search(url):
        raise UnfitAddressError(f"an address with a space, a backslash or a control character is not asked: {_shown(url)}")
    if (scheme := _SCHEME.match(url)) is None or scheme[1].lower() not in ("http", "https"):
        raise UnfitAddressError(f"only http and https addresses are asked: {_shown(url)}")
    encoded = encode_url(url)
    try:
        parsed = URL(encoded, encoded=True).with_fragment(None)
        authorization = _basic(parsed)
        target = Target(_with_plain_host(parsed.with_user(None)), authorization)
    except ValueError:
        encoded = ""
    if not encoded or not target.host:
        raise UnfitAddressError(f"the address cannot be read: {scheme[1]}://…")  # its password may have a slash
    if refusal := port_refusal(target.port) if target.port == 0 else "":
        raise UnfitAddressError(f"{refusal}: {_shown(url)}")
    return target


def next_target(current: Target, location: str) -> Target:
    """Return where a redirect from `current` with the field `location` leads. Raises UnfitAddressError."""
    if not location:
        raise UnfitAddressError("it redirects without saying where to")
    if _UNFIT.search(location):
        raise UnfitAddressError("it redirects to an address with a space, a backslash or a control character")
    resolved = absolute_url(current.text, location)
    if not resolved:
        scheme = _SCHEME.match(location)
        if scheme is not None and scheme[1].lower() not in ("http", "https"):
            raise UnfitAddressError(f"it redirects to a {shorten(scheme[1].lower(), 20)} address: only http and https are followed")
        raise UnfitAddressError(f"it redirects to an address that cannot be read: {shown_place(location)}")
    try:
        target = read_target(resolved)
    except UnfitAddressError as exc:
        raise UnfitAddressError(f"it redirects where it may not: {exc}") from exc
    if current.url.scheme == "https" and target.url.scheme == "http":
        raise UnfitAddressError(f"it redirects from https to http, which anybody on the way can read and change: {shown_place(resolved)}")
    # A name and a password that upstream chose are nobody's secret of ours: they are not sent.
    return Target(target.url)


def is_below(target: Target, prefixes: tuple[str, ...]) -> bool:
    """Whether `target` lies at or below one of `prefixes` (addresses), whatever its scheme."""
    asked = _without_scheme(target.text)
    return any(asked.startswith(known) for prefix in prefixes if (known := _without_scheme(encode_url(prefix))))


def _without_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    default_port = ":443/" if scheme == "https" else ":80/"
    place, slash, path = rest.partition("/")
    return f"{place}{slash}".replace(default_port, "/") + path


def _basic(url: URL) -> str:
    if url.raw_user is None and url.raw_password is None:
        return ""
    pair = unquote_to_bytes(url.raw_user or "") + b":" + unquote_to_bytes(url.raw_password or "")
    return f"Basic {b64encode(pair).decode('ascii')}"


def _with_plain_host(url: URL) -> URL:
    """Return `url` with an IPv4 address in four decimal numbers, so that what is judged is what the system would make of it."""
    host = (url.raw_host or "").removesuffix(".")
    if not _ENDS_IN_NUMBER.fullmatch(host):
        return url
    try:
        plain = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        raise ValueError("a number that is no address") from None
    return url if plain == url.raw_host else url.with_host(plain)
