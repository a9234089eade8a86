"""How requests reach their hosts: the session, the connector behind the guard, the proxy that the config names."""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from feedmill.consumer.complaints import DroppedError
from feedmill.consumer.guard import Guard, RefusedAddressError
from feedmill.consumer.lookup import GuardedResolver
from feedmill.consumer.targets import Target, read_target
from feedmill.names import SystemResolver

# What an answer's head may take. An ETag of 100 kB exists and must not keep a feed from being read; 100 MB of fields must.
_MAX_STATUS_LINE = 8190
_MAX_FIELD = 131_072
_MAX_FIELDS = 128
#: Seconds that an idle connection is kept for the next feed of its host.
_KEEP_ALIVE = 15.0

#: Interim answers (1xx) to one request. A flood of them keeps a processor busy until the deadline, and aiohttp reads any number.
_MAX_INTERIM = 32

_NOT_MODIFIED = (b"HTTP/1.1 304", b"HTTP/1.0 304")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_ANNOUNCES_CONTENT = re.compile(rb"\n(?:content-length:[ \t]*0*[1-9]|transfer-encoding:)", re.IGNORECASE)


@dataclass(slots=True)
class Attempt:
    """One request on its way, and whether it goes out on a connection that was used before."""

    is_reused: bool = False

    async def send(
        self,
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        """Send `request`. Raises DroppedError where aiohttp would ask a second time, except for a kept connection that has gone stale.

        RFC 9112 section 9.3.1 lets a client repeat what a kept connection lost; on a fresh one it would be a second visit.
        """
        self.is_reused = False
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
            if self.is_reused:
                raise
            raise DroppedError from exc


_LOCAL_NAME = re.compile(r"(?:.*\.)?(?:localhost|local|internal|home\.arpa)\.?", re.IGNORECASE)


class Route:
    """The way out: straight to the host behind the guard, or through the one proxy that the config names."""

    def __init__(self, guard: Guard, *, proxy: str, patience: timedelta, resolver: AbstractResolver | None, threads: int) -> None:
        self.patience = patience
        self._guard = guard
        self._proxy: Target | None = read_target(proxy) if proxy else None
        self._proxy_addresses: set[str] = set()
        inner = resolver or SystemResolver(threads=threads)
        self._inner = inner
        self.resolver: AbstractResolver = GuardedResolver(inner, guard, patience=patience)
        if self._proxy is not None:
            self.resolver = _ProxyResolver(inner, self._proxy_addresses)
            if self._proxy.literal is not None:
                self._proxy_addresses.add(str(self._proxy.literal))

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host`, each judged; empty when the proxy will look the name up. Raises OSError."""
        literal = _literal(host)
        if literal:
            if refusal := self._guard.refusal(literal, port):
                raise RefusedAddressError(refusal)
            return [literal]
        if self._proxy is not None:
            if _LOCAL_NAME.fullmatch(host):
                raise RefusedAddressError(f"{host} is a name inside a network, which is not asked of a proxy")
            return []
        found = await self.resolver.resolve(host, port, family=socket.AF_UNSPEC)
        return [result["host"] for result in found]

    def socket_factory(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Return a socket. Raises RefusedAddressError for an address that is refused; the proxy's own is the user's explicit choice."""
        family, kind, protocol, _, place = addr_info
        if self._proxy is not None and place[1] == self._proxy.port and place[0] in self._proxy_addresses:
            return socket.socket(family=family, type=kind, proto=protocol)
        return self._guard.socket_factory(addr_info)

    def proxy_options(self) -> dict[str, Any]:
        """Return what a request says of the proxy: nothing where there is none, as the environment's proxies are never used."""
        if self._proxy is None:
            return {}
        # aiohttp makes Proxy-Authorization of it, for plain requests and for CONNECT alike; the origin never sees it.
        headers = {"Authorization": self._proxy.authorization} if self._proxy.authorization else None
        return {"proxy": self._proxy.url, "proxy_headers": headers}

    async def close(self) -> None:
        """End the name lookups."""
        await self._inner.close()


class _ProxyResolver(AbstractResolver):
    """Looks up the proxy alone, which is all that a connector with a proxy asks for, and remembers its addresses."""

    def __init__(self, inner: AbstractResolver, addresses: set[str]) -> None:
        self._inner = inner
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family=family)
        self._addresses.update(result["host"] for result in found)
        return found

    async def close(self) -> None:
        await self._inner.close()


class _Handler(ResponseHandler):
    """aiohttp's reader of answers, with a limit to interim ones, and deaf to content after the head of a 304.

    A 304 has none (RFC 9110 section 15.4.5), some servers send it all the same, and to aiohttp it is the beginning of another answer:
    when it comes in one packet with the head, the 304 is lost with it (measured).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        #: The beginning of an answer that may be a 304; None once that is settled.
        self._beginning: bytes | None = None
        #: Whether the answer was a 304, which is over with its head.
        self._is_over = False
        self._interim = 0

    def set_response_params(self, **params: Any) -> None:
        self._beginning, self._is_over, self._interim = b"", False, 0
        super().set_response_params(**params)
        if params.get("skip_payload"):
            self.force_close()  # some servers send content after a HEAD too, which would be the next request's answer

    def data_received(self, data: bytes) -> None:
        if self._is_over and data:
            if self.transport is not None:
                self.transport.close()  # what comes now would be taken for the next answer
            return
        if self._beginning is not None and data:
            data = self._head_of_304(self._beginning, data)
        super().data_received(data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        self._interim += 100 <= data[0].code < 200
        if self._interim <= _MAX_INTERIM:
            super().feed_data(data, size)
        elif self.exception() is None:
            self.set_exception(HttpProcessingError(code=400, message=f"Got more than {_MAX_INTERIM} interim answers"))
            if self.transport is not None:
                self.transport.close()

    def _head_of_304(self, before: bytes, data: bytes) -> bytes:
        """Return `data`, which follows `before`, without what comes after the head of a 304."""
        seen = before + data
        self._beginning = None
        if not seen.startswith(_NOT_MODIFIED) and not any(status.startswith(seen) for status in _NOT_MODIFIED):
            return data
        end = _HEAD_END.search(seen)
        if end is None:
            self._beginning = seen if len(seen) < _MAX_FIELD else None
            return data
        self._is_over = True
        if end.end() < len(seen) or _ANNOUNCES_CONTENT.search(seen, 0, end.end()):
            self.force_close()
        return data[: end.end() - len(before)]


def _reader(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Handler(loop)


def open_session(route: Route, *, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    """Return a session that keeps no cookies, follows nothing, decodes nothing, and connects only where the guard lets it."""
    connector = aiohttp.TCPConnector(
        resolver=route.resolver,
        use_dns_cache=False,
        socket_factory=route.socket_factory,
        limit=0,
        keepalive_timeout=_KEEP_ALIVE,
        ssl=tls or True,
    )
    # No public way leads to the reader of answers; test_B12 tells when this one is closed.
    connector._factory = functools.partial(_reader, loop=asyncio.get_running_loop())
    patience = route.patience.total_seconds()
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        requote_redirect_url=False,
        # No total: the deadline spans redirects, and is kept by the caller. The ceiling rounds a timeout up to whole seconds.
        timeout=aiohttp.ClientTimeout(total=None, connect=patience, sock_connect=patience, ceil_threshold=3600),
        max_line_size=_MAX_STATUS_LINE,
        max_field_size=_MAX_FIELD,
        max_headers=_MAX_FIELDS,
        trace_configs=[_watch_reuse()],
    )


def _watch_reuse() -> aiohttp.TraceConfig:
    async def note(session: aiohttp.ClientSession, context: SimpleNamespace, details: aiohttp.TraceConnectionReuseconnParams) -> None:
        context.trace_request_ctx.is_reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(note)
    return trace


def _literal(host: str) -> str:
    """Return `host` where it is an IP address; "" where it is a name."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return ""
    return host
