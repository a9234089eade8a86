"""What went wrong with a request, said on one line for a person: never in a library's own words, which show secrets of addresses. Pure."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from feedmill.consumer.guard import RefusedAddressError
from feedmill.text import one_line, shorten

#: All that aiohttp and what lies below it raise for something that the other side did.
#: ValueError: InvalidURL, and what cannot be encoded; RuntimeError: a connection that closes at an odd moment.
TROUBLE = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError, ValueError, RuntimeError)

# OpenSSL's X509_V_ERR_… numbers, which `verify_code` carries.
_CERTIFICATES = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by itself",
    19: "is signed by an authority that this machine does not know",
    20: "is signed by an authority that this machine does not know",
    21: "comes without the certificates that lead to a known authority",
    23: "has been revoked",
    62: "is for another host",
    64: "is for another host",
}


class DroppedError(aiohttp.ClientError):
    """A fresh connection that ended before it gave an answer: an answer of a kind, which is not asked for twice."""


def complaint(trouble: BaseException, *, host: str, patience: float) -> str:
    """Return what `trouble` (one of `TROUBLE`) with `host` means; `patience`: seconds that a connection may take."""
    for exc in _chain(trouble):
        if isinstance(exc, RefusedAddressError):
            said = one_line(str(exc))
            return said if said.startswith(f"{host} ") else f"{host}: {said}"
        if isinstance(exc, aiohttp.ClientError):
            continue  # some are SSLErrors too, but only what they wrap says more
        if isinstance(exc, ssl.SSLCertVerificationError):
            what = _CERTIFICATES.get(exc.verify_code, "cannot be trusted")
            return f"TLS: the certificate of {host} {what}"
        if isinstance(exc, ssl.SSLError):
            reason = (exc.reason or "it failed").lower().replace("_", " ")
            return f"TLS: no safe connection to {host} ({shorten(one_line(reason), 80)})"
    return _plain_complaint(trouble, host=host, patience=patience)


def _plain_complaint(trouble: BaseException, *, host: str, patience: float) -> str:
    match trouble:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy (sync.proxy) answered {trouble.status} when it was asked for {host}"
        case aiohttp.ClientProxyConnectionError():
            return f"no connection to the proxy (sync.proxy): {_system_reason(trouble)}"
        case aiohttp.ConnectionTimeoutError():
            return f"{host}: no connection within {patience:g} s"
        case aiohttp.ClientConnectorError():
            return f"{host}: no connection: {_system_reason(trouble)}"
        case DroppedError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return f"{host} ended the connection without an answer"
        case aiohttp.ClientResponseError():
            if trouble.message.startswith(("Got more than", "Too many headers")):
                return f"the head of the answer from {host} is too long"
            return f"the answer from {host} is against the rules of HTTP"
        case aiohttp.ClientPayloadError():
            return f"{host} ended the connection before the first byte of its content"
        case aiohttp.ClientError():
            return f"{host} gave no answer that can be read"
        case OSError():
            return f"{host}: {_system_reason(trouble)}"
    return f"{host} gave no answer that can be read"


def _system_reason(exc: OSError) -> str:
    """Return what the system said. Of an address, a port or a name it says nothing, unlike `str(exc)` of aiohttp's errors."""
    cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    if cause.errno is not None:
        return os.strerror(cause.errno) if cause.errno > 0 else "it failed"
    return shorten(one_line(str(cause)), 200) or "it failed"


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and all that led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [exc]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, getattr(current, "os_error", None), getattr(current, "certificate_error", None)]
