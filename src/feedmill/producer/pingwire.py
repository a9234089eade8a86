"""One ping on the wire: the request to a hub, and what its answer, or the lack of one, means. The only importer of aiohttp here."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from urllib.parse import urlencode

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from feedmill import USER_AGENT
from feedmill.names import SystemResolver
from feedmill.producer.hubs import Answer, Ping, Verdict, judge
from feedmill.urls import encode_url

#: Names of hubs that are looked up at once; one that hangs takes a place for half a minute.
_LOOKUPS = 32

#: All that aiohttp and what lies below it raise for something that the other side did.
_TROUBLE = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError, ValueError, RuntimeError)


def open_session(*, patience: float) -> aiohttp.ClientSession:
    """Return a session that keeps no cookies and knows no proxy of the environment; a request may take `patience` seconds.

    A connection for every ping: a kept one may be stale, and a POST is not sent twice.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=SystemResolver(threads=_LOOKUPS), force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        # The ceiling rounds a timeout up to whole seconds.
        timeout=aiohttp.ClientTimeout(total=patience, ceil_threshold=3600),
        headers={"User-Agent": USER_AGENT, "Accept": "*/*"},
    )


async def send(session: aiohttp.ClientSession, ping: Ping, *, proxy: str, now: Callable[[], float]) -> Answer:
    """Send a ping, through `proxy` unless that is "". Redirects are not followed: a hub that has moved is told of in the configuration.

    WebSub leaves open how a hub is told (section 6). PubSubHubbub 0.3 (section 7.1) and the hubs that grew from it read `hub.url`,
    others, such as websubhub.com, `hub.topic`: both are sent.
    """
    form = urlencode({"hub.mode": "publish", "hub.url": ping.topic, "hub.topic": ping.topic}).encode("ascii")
    address = encode_url(ping.hub)
    if not address:
        return Answer(Verdict.REFUSED, "that is no address")
    try:
        asked = session.post(
            URL(address, encoded=True),
            data=form,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            allow_redirects=False,
            proxy=proxy or None,
        )
        async with asked as response:  # whose content nobody reads: the connection is closed over it
            return judge(response.status, response.headers.get("Retry-After", ""), now=int(now()))
    except _TROUBLE as exc:
        return Answer(Verdict.FAILED, _reason(exc, patience=session.timeout.total or 0.0))


def _reason(trouble: BaseException, *, patience: float) -> str:
    """Return what went wrong, never in the words of a library: those show secrets of addresses."""
    match trouble:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy (sync.proxy) answered {trouble.status}"
        case aiohttp.ClientProxyConnectionError():
            return f"no connection to the proxy (sync.proxy): {_system_reason(trouble.os_error)}"
        case TimeoutError():
            return f"no answer within {patience:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return "TLS: its certificate cannot be trusted"
        case aiohttp.ClientSSLError():
            return "TLS: no safe connection"
        case aiohttp.ClientConnectorError():
            return f"no connection: {_system_reason(trouble.os_error)}"
        case aiohttp.ClientOSError() | aiohttp.ServerDisconnectedError():
            return "it ended the connection without an answer"
    return "it gave no answer that can be read"


def _system_reason(exc: OSError) -> str:
    if isinstance(exc, socket.gaierror):
        return "its name cannot be looked up"
    return os.strerror(exc.errno) if exc.errno is not None and exc.errno > 0 else "it failed"
