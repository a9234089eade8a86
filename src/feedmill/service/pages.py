"""The pages for people, `/` and `/posts/<path>/`, as Representations: read and made in one thread, kept while they are true."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from feedmill.config import Config
from feedmill.errors import PostError
from feedmill.posts.record import from_epoch
from feedmill.posts.store import CLOCK_TICK_NS
from feedmill.producer.entry import build_entry
from feedmill.producer.pageparts import Masthead
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS, policy
from feedmill.producer.site import Site
from feedmill.service.indexpage import index_page
from feedmill.service.library import Library, ShelfMark, Version
from feedmill.service.postpage import post_page
from feedmill.service.representation import Representation, represent
from feedmill.service.style import POST_CSS

if TYPE_CHECKING:
    T = TypeVar("T")

#: Seconds for which a page may be shown without asking again.
INDEX_AGE, POST_AGE = 60, 300
#: Bytes of posts' pages that are kept.
_ROOM = 16_000_000

_TYPE = "text/html; charset=utf-8"
_UNFRAMED = "; frame-ancestors 'none'"
INDEX_HEADERS = (
    (b"cache-control", b"public, max-age=%d" % INDEX_AGE),
    (b"content-security-policy", (policy(pictures="data:", style=INDEX_CSS, script=INDEX_SCRIPT) + _UNFRAMED).encode()),
)
POST_HEADERS = (
    (b"cache-control", b"public, max-age=%d" % POST_AGE),
    (b"content-security-policy", (policy(pictures="https: http: data:", style=POST_CSS) + _UNFRAMED).encode()),
)


class Pages:
    """The pages of one configuration; a changed one takes new Pages, and the old are closed."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time, room: int = _ROOM) -> None:
        """`clock` gives epoch seconds: it decides which posts are due. `room`: bytes of posts' pages that are kept."""
        self._config, self._clock = config, clock
        #: A page has the whole text, whatever feeds have, and shows no enclosure: none is looked up on disk.
        self._site = Site.of(config)._replace(content="full", root="")
        self._masthead = Masthead.of(config)
        self._library = Library(config)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pages")
        self._index: tuple[Version, Representation] | None = None
        self._posts = _Kept(room)

    async def index(self) -> Representation:
        """Return the list of feeds. Never fails: what cannot be read is said on the page."""
        return await self._in_thread(self._read_index)

    async def post(self, path: str) -> Representation | None:
        """Return the page of the post at `path`: decoded, below the folder of posts, without suffix, with or without a "/" at its end.

        None for everything that is not published now. Takes about a millisecond, at worst the two seconds that the policies for
        Markdown and HTML allow.
        """
        return await self._in_thread(partial(self._read_post, path.removesuffix("/")))

    async def close(self) -> None:
        """Let go of the catalog and of the thread, once it has done what it was asked for."""
        await self._in_thread(self._library.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read_index(self) -> Representation:
        version = self._library.version()
        if self._index is not None and version is not None and self._index[0] == version:
            return self._index[1]
        holdings = self._library.holdings()
        body = index_page(self._masthead, holdings, posts_dir=self._config.posts.dir)
        page = represent(body, content_type=_TYPE, last_modified=None, headers=INDEX_HEADERS)
        if self._index is not None and self._index[1].etag == page.etag:
            page = self._index[1]  # what is compressed already is kept
        self._index = (version if holdings.is_readable else None, page)
        return page

    def _read_post(self, path: str) -> Representation | None:
        now = int(self._clock())
        mark = self._library.find_post(path, now=now)
        if mark is None:
            return None
        kept = self._posts.get(mark)
        if kept is not None:
            return kept
        page = self._make_post(mark, now=now)
        # A file written within this tick of the clock can be written again and look the same.
        if page is not None and time.time_ns() - mark.stamp.mtime_ns > CLOCK_TICK_NS:
            self._posts.put(mark, page)
        return page

    def _make_post(self, mark: ShelfMark, *, now: int) -> Representation | None:
        found = self._library.read_post(mark, now=now)
        if found is None:
            return None
        dates = {"date": from_epoch(found.date), "updated": from_epoch(found.updated)}
        try:
            entry = build_entry(found.post, self._site, path=mark.path, entry_id=mark.id, **dates)
        except PostError:
            return None
        depth = 2 + mark.path.count("/")
        body = post_page(self._masthead, entry, found.post, config=self._config, depth=depth)
        return represent(body, content_type=_TYPE, last_modified=None, headers=POST_HEADERS)


class _Kept:
    """Pages of posts, those that were asked for last, up to so many bytes."""

    def __init__(self, room: int) -> None:
        self._room, self._held = room, 0
        self._pages: OrderedDict[ShelfMark, Representation] = OrderedDict()

    def get(self, mark: ShelfMark) -> Representation | None:
        page = self._pages.get(mark)
        if page is not None:
            self._pages.move_to_end(mark)
        return page

    def put(self, mark: ShelfMark, page: Representation) -> None:
        self._pages[mark] = page
        self._held += len(page.body)
        while self._held > self._room:
            _, dropped = self._pages.popitem(last=False)
            self._held -= len(dropped.body)
