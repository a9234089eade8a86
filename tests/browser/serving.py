"""Serves the pages of a project on loopback, with all the headers that they have in the real server, and nothing besides."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote

from aiohttp import web

from feedmill.config import Config
from feedmill.service.pages import Pages
from feedmill.service.representation import Representation, reply_at_once

#: (type, bytes, policy) of further documents by path.
More = Mapping[str, tuple[str, bytes, str]]


@contextlib.asynccontextmanager
async def serving(config: Config, *, clock: float, more: More | None = None) -> AsyncIterator[str]:
    """Serve the pages of `config` at the epoch second `clock` and give the address, without a slash at its end."""
    pages = Pages(config, clock=lambda: clock)

    async def handle(request: web.Request) -> web.Response:
        path = unquote(request.raw_path)
        if more and path in more:
            content_type, body, policy = more[path]
            return web.Response(
                body=body, headers={"Content-Type": content_type, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
            )
        page = await pages.index() if path == "/" else await pages.post(path.removeprefix("/posts/"))
        return web.Response(status=404) if page is None else _response(page)

    runner = web.AppRunner(application := web.Application(), access_log=None)
    application.router.add_get("/{path:.*}", handle)
    try:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        await pages.close()


def _response(page: Representation) -> web.Response:
    reply = reply_at_once({"method": "GET", "headers": []}, page)
    assert reply is not None
    headers = [(name.decode(), value.decode()) for name, value in reply.headers if name != b"content-length"]
    return web.Response(body=reply.body, headers=headers)
