"""A loopback origin of many generated feeds, the same work for every consumer that is measured.

    python origin.py PORT [ENTRIES] [CHARACTERS]

GET /f/N.xml   feed N: Atom for even N, RSS 2.0 for odd N, with ETag and Last-Modified; 304 where they match (RFC 9110 §13.2.2)
POST /bump     one new entry at the head of every feed; the oldest drops out
GET /stats     {"200": n, "304": n} answers since it was last asked
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from aiohttp import web

_FIRST = datetime(2022, 3, 1, tzinfo=UTC)
_PARAGRAPH = (
    '<p>水车把河里的水一斗一斗地送上高处。<em>A mill turns as long as the river runs</em>, see <a href="/about?from=feed&amp;n=1">this</a>.'
    '<br><img src="/pictures/mill.jpg" alt="水车" width="640"></p>\n'
)


@dataclass
class Origin:
    """Feeds as they are after so many bumps."""

    place: str
    entries: int
    characters: int
    bumps: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    _made: dict[int, tuple[int, bytes, str]] = field(default_factory=dict)

    def document(self, number: int) -> tuple[bytes, str]:
        """Return feed `number` and its entity tag; made once a bump, so that later consumers get what the first one got."""
        made = self._made.get(number)
        if made is None or made[0] != self.bumps:
            body = "".join(self._atom(number) if number % 2 == 0 else self._rss(number)).encode()
            made = self._made[number] = (self.bumps, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        return made[1:]

    def changed(self) -> datetime:
        """When the newest entry was written: a minute an entry."""
        return _written(self.bumps + self.entries - 1)

    def _numbers(self) -> range:
        return range(self.bumps + self.entries - 1, self.bumps - 1, -1)

    def _body(self) -> str:
        return escape(_PARAGRAPH * (self.characters // len(_PARAGRAPH) + 1), quote=False)

    def _atom(self, number: int) -> Iterator[str]:
        body, home = self._body(), f"{self.place}/{number}"
        yield f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:mill,2022:{number}</id>'
        yield f'<title>磨坊 {number}</title><link href="{home}"/><updated>{self.changed().isoformat()}</updated>'
        for entry in self._numbers():
            yield f"<entry><id>tag:mill,2022:{number}/{entry}</id><title>第 {entry} 条 of {number}</title>"
            yield f'<link href="{home}/{entry}"/><updated>{_written(entry).isoformat()}</updated><author><name>磨坊主</name></author>'
            yield f'<category term="河"/><content type="html">{body}</content></entry>'
        yield "</feed>"

    def _rss(self, number: int) -> Iterator[str]:
        body, home = self._body(), f"{self.place}/{number}"
        yield f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>磨坊 {number}</title>'
        yield f"<link>{home}</link><description>水车的消息</description>"
        for entry in self._numbers():
            yield f'<item><guid isPermaLink="false">mill-{number}-{entry}</guid><title>第 {entry} 条 of {number}</title>'
            yield f"<link>{home}/{entry}</link><pubDate>{format_datetime(_written(entry))}</pubDate><category>河</category>"
            yield f"<description>{body}</description></item>"
        yield "</channel></rss>"

    async def get(self, request: web.Request) -> web.Response:
        """Answer for one feed."""
        body, tag = self.document(int(request.match_info["number"]))
        date = format_datetime(self.changed(), usegmt=True)
        asked = request.headers.get("If-None-Match")
        is_known = asked == tag if asked is not None else request.headers.get("If-Modified-Since") == date
        headers = {"ETag": tag, "Last-Modified": date}
        self.answers["304" if is_known else "200"] += 1
        return (
            web.Response(status=304, headers=headers)
            if is_known
            else web.Response(body=body, headers=headers, content_type="application/xml")
        )

    async def bump(self, _: web.Request) -> web.Response:
        """Write one new entry in every feed."""
        self.bumps += 1
        return web.Response(text=str(self.bumps))

    async def stats(self, _: web.Request) -> web.Response:
        """Tell and forget what was answered."""
        told = {"200": self.answers["200"], "304": self.answers["304"]}
        self.answers.clear()
        return web.json_response(told)


def _written(entry: int) -> datetime:
    return _FIRST + timedelta(minutes=entry)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="An origin of generated feeds on 127.0.0.1.")
    parser.add_argument("port", type=int)
    parser.add_argument("entries", type=int, nargs="?", default=50)
    parser.add_argument("characters", type=int, nargs="?", default=3000)
    given = parser.parse_args()
    origin = Origin(f"http://127.0.0.1:{given.port}", given.entries, given.characters)
    served = web.Application()
    served.router.add_get("/f/{number}.xml", origin.get)
    served.router.add_post("/bump", origin.bump)
    served.router.add_get("/stats", origin.stats)
    web.run_app(served, host="127.0.0.1", port=given.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
