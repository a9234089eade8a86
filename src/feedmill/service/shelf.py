"""The folder `feeds/` as versions that can be served: what each file is now, read once for each version and never half.

A request costs one lstat. When that shows another file than the one that was read, the file is read again under guard, in a thread, once
for all who wait. Every version's facts are kept, so that a 304 needs no bytes; the bytes are kept as far as there is room.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from feedmill.producer.indexhtml import INDEX_HTML
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS, fingerprint
from feedmill.service.bodies import Bodies
from feedmill.service.conditional import GZIP, IDENTITY, Coding
from feedmill.service.content import OutdatedError, compress, digest_of
from feedmill.service.feedpath import file_of, is_servable
from feedmill.service.guardedfile import Reader, Seen, Stamp, is_absent, read_guarded, stamp_of
from feedmill.service.mediatypes import content_type, is_feed, media_type
from feedmill.service.representation import Header, Representation, describe
from feedmill.service.singleflight import SingleFlight

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

#: A feed names `feed.css` of this folder by an xml-stylesheet instruction; "self" is the origin of the address, also in a sandbox.
FEED_POLICY = "default-src 'none'; style-src 'self'; sandbox"

_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", FEED_POLICY.encode("ascii")),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Last-Modified"),
)
#: The list of feeds has its CSS and script in itself; a person's own page in its place may have a stylesheet beside it.
INDEX_POLICY = (
    f"default-src 'none'; img-src data:; style-src 'self' {fingerprint(INDEX_CSS)}; script-src {fingerprint(INDEX_SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INDEX_HEADERS: tuple[Header, ...] = ((b"content-security-policy", INDEX_POLICY.encode("ascii")), *_HEADERS[1:])
#: For so many seconds an lstat alone is believed. It sees every change of a file, but not that a folder on the way is now a link to
#: itself elsewhere, behind which the very same file lies.
_TRUST = 1.0
#: A second write within one tick of the kernel's clock (10 ms at its coarsest) leaves no trace in the stamp.
_TICK = 0.02
#: The time of a change is that of the beginning of a write: bytes that come late, as those of a writer that is not given the processor,
#: leave no trace either (measured, 8 MB over 40 ms). A file that changed less than so many seconds ago is read once more later.
_SETTLED = 2.0
_TRIES = 4
_THREADS = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """A file that was read, and the version that it is."""

    #: The path for lstat.
    name: bytes
    digest: str
    stamp: Stamp
    is_settled: bool
    #: On the monotonic clock.
    trusted_until: float
    representation: Representation


class _Read(NamedTuple):
    """What a thread found out about a file."""

    seen: Seen
    digest: str


class Shelf:
    """The files of one folder as representations. All methods belong to one event loop; only reading and compressing leave it."""

    def __init__(
        self,
        root: Path,
        *,
        budget: int = 40 * 2**20,
        versions: int = 10_000,
        biggest: int = 16 * 2**20,
        pool: Executor | None = None,
        reader: Reader = read_guarded,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`budget`: bytes of bodies kept in memory; `versions`: how many files' facts are; `biggest`: bytes of the largest file served.

        `pool` does the reading and compressing; two threads of its own where there is none, as others may be busy for minutes.
        """
        self._root = os.fsencode(os.path.abspath(root))
        self._bodies = Bodies(budget)
        self._versions, self._biggest = versions, biggest
        self._reader = reader
        self._monotonic = monotonic
        self._places: dict[str, _Place] = {}
        self._looks: SingleFlight[str, _Place | None] = SingleFlight()
        self._makings: SingleFlight[tuple[str, Coding], bytes] = SingleFlight()
        self._pool = pool or ThreadPoolExecutor(_THREADS, thread_name_prefix="shelf")
        self._named_large: set[str] = set()

    def close(self) -> None:
        """Let the threads end once they have done what they are at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def at_hand(self, file: str) -> Representation | None:
        """Return the version of a file where one lstat is enough to know it; None where it takes `get` to tell."""
        place = self._places.get(file)
        if place is None or self._monotonic() >= place.trusted_until:
            return None
        try:
            status = os.lstat(place.name)
        except OSError:
            return None
        return place.representation if stamp_of(status) == place.stamp else None

    async def get(self, path: str) -> Representation | None:
        """Return what a path, decoded and relative to the folder, is now; a folder's ("" or ending in "/") is its `index.html`.

        None: there is no such file, a link is on the way, it is no regular file, too large, or of a name that is not served. Raises
        OSError where the file system fails, or where the file is being changed all the time.
        """
        file = file_of(path)
        found = self.at_hand(file)
        if found is not None or not is_servable(file):
            return found
        name = self._root + b"/" + file.encode("utf-8")
        # A look that was under way already may have seen what was there before: so what comes out of one is compared again.
        for _ in range(_TRIES):
            place = await self._looks.run(file, partial(self._look, file, name)) if self._may_be_read(name, file) else None
            if place is None:
                self._places.pop(file, None)
                return None
            if (found := self.at_hand(file)) is not None:
                break
            found = place.representation
        return found

    def _may_be_read(self, name: bytes, file: str) -> bool:
        """Whether there is a file that is worth a thread's time."""
        try:
            status = os.lstat(name)
        except OSError as exc:
            if is_absent(exc):
                return False
            raise
        if not stat.S_ISREG(status.st_mode):
            return False
        if status.st_size > self._biggest:
            self._say_too_large(file, status.st_size)
            return False
        return True

    def _say_too_large(self, file: str, size: int) -> None:
        if file not in self._named_large and len(self._named_large) < 1000:
            self._named_large.add(file)
            logger.warning(
                "a file in the folder of feeds is too large to be served: %a has %d bytes of at most %d", file, size, self._biggest
            )

    async def _look(self, file: str, name: bytes) -> _Place | None:
        """Look at a file under guard, read it where it has changed, and note what it is now."""
        known = self._places.pop(file, None)
        stamp = known.stamp if known is not None and known.is_settled else None
        read = await self._in_thread(partial(_read, partial(self._reader, self._root, file, biggest=self._biggest, known=stamp)))
        if read is None:
            return None
        place = self._placed(file, name, read, known)
        self._places[file] = place
        if len(self._places) > self._versions:
            del self._places[next(iter(self._places))]
        return place

    def _placed(self, file: str, name: bytes, read: _Read, known: _Place | None) -> _Place:
        seen, digest = read
        until = self._monotonic() + (_TRUST if seen.age >= _TICK else _TICK)
        if seen.data is None:
            assert known is not None, "only a file of a known stamp is not read"
            return replace(known, trusted_until=until)
        # For a 304 it will not be needed; for gzip once.
        self._bodies.put_spare((digest, IDENTITY), seen.data)
        if known is not None and known.digest == digest and known.representation.last_modified == seen.modified:
            representation = known.representation
        else:
            representation = self._represent(file, digest, len(seen.data), seen.modified)
        return _Place(name, digest, seen.stamp, seen.age >= _SETTLED, until, representation)

    def _represent(self, file: str, digest: str, size: int, modified: int) -> Representation:
        is_xml_feed = is_feed(file) and media_type(file).endswith("+xml")
        return describe(
            _OnShelf(self, file, digest),
            digest=digest,
            size=size,
            content_type=content_type(file),
            last_modified=modified,
            headers=_INDEX_HEADERS if file == INDEX_HTML else _HEADERS,
            # Browsers show the source of `application/atom+xml`, and ask for `application/xml`, which they show styled (Chromium 156).
            plain_type="application/xml; charset=utf-8" if is_xml_feed else "",
        )

    def body_at_hand(self, digest: str, coding: Coding) -> bytes | None:
        """Return the bytes of a version where they are in memory."""
        return self._bodies.get((digest, coding))

    async def bring_body(self, file: str, digest: str, coding: Coding) -> bytes:
        """Return the bytes of a version, read and compressed once for all who wait. Raises OutdatedError, OSError."""
        body = self._bodies.get((digest, coding))
        return body if body is not None else await self._makings.run((digest, coding), partial(self._make, file, digest, coding))

    async def _make(self, file: str, digest: str, coding: Coding) -> bytes:
        whole = self._bodies.get((digest, IDENTITY))
        reading = partial(self._reader, self._root, file, biggest=self._biggest)
        made = await self._in_thread(partial(_make, reading, digest=digest, coding=coding, whole=whole))
        if made is None:
            self._places.pop(file, None)
            raise OutdatedError(file)
        whole, body = made
        self._bodies.put((digest, coding), body)
        self._bodies.put_spare((digest, IDENTITY), whole)
        return body

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class _OnShelf:
    """The bytes of one version of a file."""

    __slots__ = ("_digest", "_file", "_shelf")

    def __init__(self, shelf: Shelf, file: str, digest: str) -> None:
        self._shelf, self._file, self._digest = shelf, file, digest

    def at_hand(self, coding: Coding) -> bytes | None:
        return self._shelf.body_at_hand(self._digest, coding)

    async def bring(self, coding: Coding) -> bytes:
        return await self._shelf.bring_body(self._file, self._digest, coding)


def _read(reading: Callable[[], Seen | None]) -> _Read | None:
    seen = reading()
    if seen is None:
        return None
    return _Read(seen, "" if seen.data is None else digest_of(seen.data))


def _make(reading: Callable[[], Seen | None], *, digest: str, coding: Coding, whole: bytes | None) -> tuple[bytes, bytes] | None:
    """Return the identity bytes of a version and those in `coding`; None where the file is another version by now."""
    if whole is None:
        seen = reading()
        if seen is None or seen.data is None or digest_of(seen.data) != digest:
            return None
        whole = seen.data
    return whole, compress(whole) if coding == GZIP else whole
