"""The HTTP server: feeds by the short way, pages and numbers by Starlette's router, all of it on one uvicorn in the caller's loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import uvicorn
from starlette.routing import Route, Router

from feedmill.config import Config
from feedmill.service.descriptors import guard_accepting, raise_descriptor_limit
from feedmill.service.feedapp import PREFIX, FeedApp
from feedmill.service.health import Health, check_health
from feedmill.service.listening import open_sockets
from feedmill.service.metrics import CONTENT_TYPE_LATEST, Counts, Metrics
from feedmill.service.moved import Moved
from feedmill.service.pages import Pages
from feedmill.service.patience import WireCounts, WireLimits
from feedmill.service.protocol import make_protocol
from feedmill.service.representation import ALLOW, Receive, Reply, Scope, Send, answer, refusal, refuse, send_reply
from feedmill.service.shelf import Shelf

#: Seconds that requests in hand have when the server ends.
_GRACE = 3
#: Seconds after which nobody reads any more from a folder of feeds that is another one now.
_LAST_READERS = 30.0
#: Seconds between two requests on one connection.
_KEEP_ALIVE = 15


class Site:
    """The ASGI application of one configuration."""

    def __init__(self, config: Config, shelf: Shelf, *, counts: Counts, health: Health, metrics: Metrics) -> None:
        self._config, self._health, self._metrics = config, health, metrics
        self._pages = Pages(config)
        self.feeds_dir, self.shelf = config.feeds_dir, shelf
        self._feeds = FeedApp(
            shelf,
            feeds_url=config.feeds_url,
            hubs=config.feeds.hub,
            max_age=config.server.max_age,
            moved=Moved(config.state_path),
            counts=counts.responses,
        )
        answers = {"/": self._index, "/posts/{path:path}": self._post, "/healthz": self._healthz, "/metrics": self._numbers}
        self._router = Router(
            [Route(path, _Endpoint(answering, counts.responses)) for path, answering in answers.items()],
            redirect_slashes=False,
            default=_Endpoint(self._nothing, counts.responses),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        if scope["raw_path"].startswith(PREFIX):  # Starlette's router alone would halve the rate
            await self._feeds(scope, receive, send)
        else:
            await self._router(scope, receive, send)

    def at_once(self, scope: Scope) -> Reply | None:
        """Return, and count, an answer that lies ready in memory: so does nearly every one for a feed."""
        return self._feeds.at_once(scope) if scope["raw_path"].startswith(PREFIX) else None

    async def close(self) -> None:
        """Let go of what the pages read; the shelf may be another site's by now."""
        await self._pages.close()

    async def _index(self, scope: Scope, receive: Receive, send: Send) -> int:
        return await answer(scope, receive, send, await self._pages.index())

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> int:
        path = scope["path"].removeprefix("/posts/")
        page = await self._pages.post(path)
        if page is None:
            return await refuse(scope, receive, send, 404)
        if not path.endswith("/"):  # its links are relative to a folder
            place = f"{quote(path.rpartition('/')[2])}/".encode("ascii")
            return await refuse(scope, receive, send, 301, headers=((b"location", place),))
        return await answer(scope, receive, send, page)

    async def _healthz(self, scope: Scope, receive: Receive, send: Send) -> int:
        folders = [self._config.feeds_dir, self._config.posts_dir, self._config.state_path.parent]
        status, said = check_health(self._health, folders, now=datetime.now(UTC))
        return await send_reply(send, _fresh(scope, status, json.dumps(said).encode() + b"\n", b"application/json"))

    async def _numbers(self, scope: Scope, receive: Receive, send: Send) -> int:
        return await send_reply(send, _fresh(scope, 200, self._metrics.render(), CONTENT_TYPE_LATEST.encode("ascii")))

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> int:
        return await refuse(scope, receive, send, 404)


class _Endpoint:
    """What the router calls, counted by status."""

    def __init__(self, answering: Callable[[Scope, Receive, Send], Awaitable[int]], counts: Counter[int]) -> None:
        self._answering, self._counts = answering, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._counts[await self._answering(scope, receive, send)] += 1


def _fresh(scope: Scope, status: int, body: bytes, content_type: bytes) -> Reply:
    """Return what is asked for its present value: nobody keeps it."""
    if scope["method"] not in ("GET", "HEAD"):
        return refusal(scope, 405, headers=(ALLOW,))
    reply = refusal(scope, 204, headers=((b"cache-control", b"no-store"), (b"content-type", content_type)))
    headers = [*reply.headers, (b"content-length", b"%d" % len(body))]
    return Reply(status, headers, b"" if scope["method"] == "HEAD" else body)


def open_web(config: Config, *, counts: Counts, health: Health, metrics: Metrics, host: str, port: int | None) -> WebServer:
    """Return a server that listens where `config` says, or at `host` and `port`. Raises ConfigError, StorageError where it cannot."""
    server = config.server
    raise_descriptor_limit()
    sockets = open_sockets(host or server.host, server.port if port is None else port)
    return WebServer(sockets, lambda config, shelf: Site(config, shelf, counts=counts, health=health, metrics=metrics), config)


class WebServer:
    """Serves a site on sockets that are open already, until it is stopped; the configuration may change meanwhile."""

    def __init__(self, sockets: Sequence[socket.socket], make: Callable[[Config, Shelf], Site], config: Config) -> None:
        self._sockets, self._make, self._site = list(sockets), make, make(config, Shelf(config.feeds_dir))
        self._is_over = False
        self._wire = WireCounts()
        #: Where the server listens, as addresses for a browser.
        self.addresses = [_address(channel) for channel in sockets]
        settings = uvicorn.Config(
            self,
            http=make_protocol(WireLimits(), self._wire, at_once=self._at_once),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=config.server.access_log,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        if config.server.access_log:
            logging.getLogger("uvicorn.access").setLevel(logging.INFO)
        self._server = _Server(settings)

    def _at_once(self, scope: Scope) -> Reply | None:
        return self._site.at_once(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the present site answer."""
        await self._site(scope, receive, send)

    async def adopt(self, config: Config) -> None:
        """Answer by another configuration from now on."""
        before = self._site
        is_same = config.feeds_dir == before.feeds_dir
        # What is compressed already is kept, and requests that are being answered find what they began with.
        self._site = self._make(config, before.shelf if is_same else Shelf(config.feeds_dir))
        if not is_same:
            asyncio.get_running_loop().call_later(_LAST_READERS, before.shelf.close)
        await before.close()

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Yield what is counted of connections, for /metrics."""
        wire = self._wire
        yield "connections_open", "Connections that are open", wire.open
        yield "connections_total", "Connections that were accepted", wire.accepted
        yield "connections_timed_out_total", "Connections without a whole request in time", wire.timeouts
        yield "connections_stalled_total", "Connections whose client did not take its answer", wire.stalls
        yield "connections_evicted_total", "Idle connections that made room for others", wire.evicted
        yield "requests_refused_total", "Requests that were refused before anybody read them", sum(wire.refused.values())

    async def run(self) -> None:
        """Serve until `stop`."""
        guard_accepting(asyncio.get_running_loop())
        try:
            await self._server.serve(self._sockets)
        finally:
            self._is_over = True
            self._site.shelf.close()
            await self._site.close()

    async def started(self) -> None:
        """Wait until the server answers, or `run` has ended without."""
        while not (self._server.started or self._is_over):
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        """Take no more connections, let the answers in hand go out for some seconds, and end."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the loop."""
        yield


def _address(channel: socket.socket) -> str:
    host, port = channel.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
