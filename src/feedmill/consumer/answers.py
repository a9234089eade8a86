"""What an answer's head says: its fields, its validators, and what its status means to a person. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from feedmill.posts.enclosures import declared_length as length_of_file
from feedmill.upstream import Validators

#: Header fields as they came: names and values in bytes, in order, repeated ones repeated.
RawHeaders = Iterable[tuple[bytes, bytes]]

PERMANENT_REDIRECTS = frozenset({301, 308})
REDIRECTS = PERMANENT_REDIRECTS | {302, 303, 307}

# A space is in no entity tag (RFC 9110 section 8.8.3): there was a line folded, and what was on the wire is not known any more.
_ETAG = re.compile(rb"[\x21-\x7e]{1,4096}")
_LAST_MODIFIED = re.compile(rb"[\x20-\x7e]{1,4096}")

_MEANINGS = {
    204: "it has no document",
    206: "it sent a part of the document that nobody asked for",
    304: "it says that nothing has changed since a visit that never was",
    401: "it needs a password: set `headers` of the source",
    402: "it wants to be paid",
    403: "it refuses this client",
    404: "there is nothing at this address",
    406: "it cannot write what is asked for",
    407: "the proxy needs a password: set it in sync.proxy",
    408: "it waited too long",
    410: "the feed is gone",
    421: "it does not serve this host",
    429: "it asks for fewer requests",
    451: "it may not be shown for legal reasons",
    500: "the host has a fault",
    502: "the host has a fault",
    503: "the host is overloaded or being repaired",
    504: "the host has a fault",
}


def read_headers(raw: RawHeaders) -> dict[str, str]:
    """Return the fields by name in small letters, UTF-8 as far as they are, repeated ones joined with ", " (RFC 9110 section 5.2)."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("ascii", "replace").lower()
        text = value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def read_location(raw: RawHeaders) -> str:
    """Return the Location field; "" where there is none. Bytes that are no UTF-8 come out as lone surrogates, which no address has."""
    return next((value.decode("utf-8", "surrogateescape") for name, value in raw if name.lower() == b"location"), "")


def read_validators(raw: RawHeaders, *, url: str) -> Validators:
    """Return the validators of an answer from `url`, each byte for byte or not at all.

    A value of other than printable ASCII cannot be sent back as it came, one of more than 4096 bytes makes the next request fail at
    some servers, and of two values nobody knows which is meant.
    """
    fields = list(raw)
    etag, last_modified = _single(fields, b"etag", fit=_ETAG), _single(fields, b"last-modified", fit=_LAST_MODIFIED)
    return Validators(url=url, etag=etag, last_modified=last_modified)


def refreshed(old: Validators, new: Validators) -> Validators:
    """Return the validators after a 304 (RFC 9111 section 3.2): the new where it carries them, else the old."""
    return Validators(url=new.url, etag=new.etag or old.etag, last_modified=new.last_modified or old.last_modified)


def conditions(validators: Validators, *, url: str) -> dict[str, str]:
    """Return the fields of a conditional request (RFC 9110 section 13) to `url`; none when the validators belong to another address."""
    if validators.url != url:
        return {}
    known = (("If-None-Match", validators.etag, _ETAG), ("If-Modified-Since", validators.last_modified, _LAST_MODIFIED))
    return {name: value for name, value, fit in known if fit.fullmatch(value.encode("utf-8", "surrogatepass"))}


def status_reason(status: int, *, host: str) -> str:
    """Return what `status` from `host` means, on one line."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    meaning = _MEANINGS.get(status) or ("the host has a fault" if status >= 500 else "that is no answer to read a feed from")
    return f"{host} answered {status}{phrase}: {meaning}"


def declared_length(headers: Mapping[str, str]) -> int:
    """Return how many bytes of content the answer announces; 0 where it does not say."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def file_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the file that a HEAD was answered for; None where the answer does not say it.

    Encoded content has another length, and a page (text/html) stands where the file has gone or wants a login.
    """
    coding, kind = (headers.get(name, "").partition(";")[0].strip().lower() for name in ("content-encoding", "content-type"))
    return length_of_file(headers.get("content-length", "")) if coding in ("", "identity") and kind != "text/html" else None


def _single(fields: list[tuple[bytes, bytes]], name: bytes, *, fit: re.Pattern[bytes]) -> str:
    values = [value for known, value in fields if known.lower() == name]
    return values[0].decode("ascii") if len(values) == 1 and fit.fullmatch(values[0]) else ""
