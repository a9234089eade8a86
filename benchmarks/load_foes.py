"""The upstream of load.py: a hundred sources, a third of them hostile, in the ways of serving_foes.py and some more.

    python load_foes.py PORT

GET /KIND?NAME   one of `KINDS`, or a steady source
GET /asked       when every steady source was asked for last, in seconds since the epoch, as JSON
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from functools import cache

import serving_foes
from serving_foes import Foes

#: Sources that are never exchanged: they are polled every minute, and have one new entry each time.
STEADY = 10
#: What the others of a hundred are: the first kind is as it should be, 33 are not.
KINDS = {
    "fine": 57,
    "drip": 4,
    "bomb": 3,
    "hang": 3,
    "nested": 3,
    "deep": 3,
    "redirect": 3,
    "laughs": 2,
    "entities": 2,
    "categories": 2,
    "author": 2,
    "head": 2,
    "endless": 2,
    "text": 1,
    "entries": 1,
}
#: These hold a fetch until its time is over.
LINGERING = KINDS["drip"] + KINDS["hang"]
_ENTRIES = 10
_HANGING = 60.0
_FIELD = b"X-Padding: " + b"x" * 8000 + b"\r\n"


def _fine(key: str) -> bytes:
    return serving_foes._feed(*(serving_foes._item(f"{key}-{number}", serving_foes._PARAGRAPH * 10) for number in range(_ENTRIES)))


def _steady(key: str) -> bytes:
    return _fine(f"{key}-{int(time.time()) // 60}")


def _laughs(_: str) -> bytes:
    """Ten entities, each ten times the one before."""
    levels = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))
    return serving_foes._feed("<item><title>&l9;</title></item>", before=f'<!DOCTYPE rss [<!ENTITY l0 "lol">{levels}]>')


def _author(key: str) -> bytes:
    """Text in which patterns go back and back."""
    attributes = " ".join(f"a{number}=1" for number in range(50_000))
    return serving_foes._feed(serving_foes._item(key, f"<p {attributes}>{'<!--' * 50_000}", f"<author>{'a.' * 40_000}</author>"))


@cache
def _flood() -> bytes:
    return serving_foes._feed(*(f"<item><guid>{number}</guid><title>Flood {number}</title></item>" for number in range(100_000)))


def _entries(_: str) -> bytes:
    return _flood()


serving_foes._MADE.update(fine=_fine, steady=_steady, laughs=_laughs, author=_author, entries=_entries)


class Upstream(Foes):
    """The server."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, float] = {}
        _flood()

    async def _answer(self, writer: asyncio.StreamWriter, kind: str, key: str) -> None:
        if kind == "hang":
            await asyncio.sleep(_HANGING)
        elif kind == "redirect":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /redirect?%bx\r\nContent-Length: 0\r\n\r\n" % key.encode())
        elif kind == "head":
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(_FIELD)
                await writer.drain()
        elif kind == "asked":
            body = json.dumps(self._asked).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            if kind == "steady":
                self._asked[key] = time.time()
            await super()._answer(writer, kind, key)


async def _run(port: int) -> None:
    server = await asyncio.start_server(Upstream().serve, "127.0.0.1", port, backlog=256)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A hundred sources on 127.0.0.1, a third of them hostile.")
    parser.add_argument("port", type=int)
    asyncio.run(_run(parser.parse_args().port))


if __name__ == "__main__":
    main()
