"""Upstream as it should not be: feeds that drip, never end, are huge, or take their reader's time; and some with real news among them.

    python serving_foes.py PORT

GET /KIND?ROUND   one of `KINDS`; what is new in a feed is new for every ROUND
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
from collections.abc import Callable, Iterator
from html import escape

#: How many sources of each kind a daemon is given: 30 in all.
KINDS = {
    "news": 6,
    "categories": 4,
    "drip": 4,
    "text": 3,
    "nested": 3,
    "deep": 3,
    "entities": 2,
    "bomb": 2,
    "endless": 2,
    "flood": 1,
}
_HEAD = '<?xml version="1.0" encoding="utf-8"?>{}<rss version="2.0"><channel><title>T</title><link>https://up.example/</link>'
_TAIL = "</channel></rss>"
_PARAGRAPH = '<p>水车把河里的水一斗一斗地送上高处。<a href="/about?from=feed&amp;n=1">A mill turns</a> <img src="/mill.jpg"></p>\n'
_DRIP_BYTES, _DRIP_SECONDS = 20, 0.05
_PIECE = 1 << 16


def _feed(*items: str, before: str = "") -> bytes:
    return (_HEAD.format(before) + "".join(items) + _TAIL).encode()


def _item(name: object, body: str = "", more: str = "") -> str:
    link = f"https://up.example/{name}"
    return f"<item><guid>{link}</guid><link>{link}</link><title>{name}</title><description>{escape(body)}</description>{more}</item>"


def _news(key: str) -> bytes:
    return _feed(*(_item(f"{key}-{number}", _PARAGRAPH * 40) for number in range(50)))


def _categories(key: str) -> bytes:
    """feedparser compares every category with all before it."""
    return _feed(*(_item(f"{key}-{n}", more="".join(f"<category>c{m}</category>" for m in range(4000))) for n in range(5)))


def _text(key: str) -> bytes:
    return _feed(_item(key, "word " * 1_800_000))


def _nested(_: str) -> bytes:
    return _feed(f"<item><title>{'<x>' * 100_000}{'</x>' * 100_000}</title></item>")


def _deep(key: str) -> bytes:
    return _feed(*(_item(f"{key}-{number}", "<div>" * 20_000 + "end" + "<!--" * 20_000) for number in range(5)))


def _entities(_: str) -> bytes:
    return _feed(_item("laughs", "") + "&x;" * 50_000, before=f'<!DOCTYPE rss [<!ENTITY x "{"x" * 50_000}">]>')


def _flood(key: str) -> bytes:
    return _feed(*(_item(f"{key}-{number}") for number in range(50_000)))


def _endless(_: str) -> Iterator[bytes]:
    yield _HEAD.format("").encode() + b"<item><title>endless</title><description>"
    for _piece in range(4000):
        yield b"word " * 2000


_MADE: dict[str, Callable[[str], bytes]] = {
    "news": _news,
    "categories": _categories,
    "text": _text,
    "nested": _nested,
    "deep": _deep,
    "entities": _entities,
    "flood": _flood,
}


class Foes:
    """The server; `bomb` is 200 MB of nothing, compressed once."""

    def __init__(self) -> None:
        self._bomb = gzip.compress(bytes(200_000_000), 6)
        self._drip = _news("drip")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and part."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            kind, _, key = head.split()[1].decode("ascii").lstrip("/").partition("?")
            await self._answer(writer, kind, key)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, kind: str, key: str) -> None:
        coding = "Content-Encoding: gzip\r\n" if kind == "bomb" else ""
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n{coding}Connection: close\r\n\r\n".encode())
        if kind == "drip":
            for start in range(0, len(self._drip), _DRIP_BYTES):
                writer.write(self._drip[start : start + _DRIP_BYTES])
                await writer.drain()
                await asyncio.sleep(_DRIP_SECONDS)
        elif kind == "endless":
            for piece in _endless(key):
                writer.write(piece)
                await writer.drain()
        else:
            body = self._bomb if kind == "bomb" else await asyncio.to_thread(_MADE[kind], f"{kind}-{key}")
            for start in range(0, len(body), _PIECE):
                writer.write(body[start : start + _PIECE])
                await writer.drain()


async def _run(port: int) -> None:
    server = await asyncio.start_server(Foes().serve, "127.0.0.1", port, backlog=256)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="An origin of hostile feeds on 127.0.0.1.")
    parser.add_argument("port", type=int)
    asyncio.run(_run(parser.parse_args().port))


if __name__ == "__main__":
    main()
