"""The formats that feeds are written in, each with what the press needs of it. Their writers are loaded when one is used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from feedmill.producer.entry import Entry
    from feedmill.producer.head import FeedHead


class Writer(Protocol):
    """What a format's module has. Pure: the same values give the same bytes, whatever the clock, the host, the locale."""

    def render_entries(self, entries: Sequence[Entry]) -> list[bytes]:
        """Return each entry as it stands in any feed of this format, without what parts it from the next.

        Raises ValueError or TypeError when one cannot be written; the caller tells which by trying them singly.
        """

    def render_feed(self, head: FeedHead) -> tuple[bytes, bytes]:
        """Return what stands before and after the entries of a document; with nothing between it is a whole document."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    #: As `feeds.formats` has it.
    name: str
    #: The file of a feed's newest entries.
    file: str
    content_type: str
    #: Stands between two entries.
    separator: bytes
    _module: str

    @property
    def writer(self) -> Writer:
        """Its module, loaded now."""
        return cast("Writer", import_module(self._module))

    def archive(self, page: int) -> str:
        """Return the file of an archive document, counted from 1."""
        stem, dot, suffix = self.file.rpartition(".")
        return f"{stem}-{page}{dot}{suffix}"


ATOM = Format("atom", "atom.xml", "application/atom+xml", b"", "feedmill.producer.atom")
RSS = Format("rss", "rss.xml", "application/rss+xml", b"", "feedmill.producer.rss")
JSON = Format("json", "feed.json", "application/feed+json", b",\n", "feedmill.producer.jsonfeed")
#: By name.
FORMATS = {one.name: one for one in (ATOM, RSS, JSON)}
#: What `Format.archive` writes; which format it is, the rest of the name tells.
_ARCHIVE = re.compile(r"(.+)-([1-9][0-9]{0,8})(\.[a-z]+)")


def document_of(name: str) -> tuple[Format, int] | None:
    """Return the format and the page of a document by its file's name (without folder), None for any other name; page 0 is the newest."""
    found = _ARCHIVE.fullmatch(name)
    head, page = (f"{found[1]}{found[3]}", int(found[2])) if found else (name, 0)
    return next(((one, page) for one in FORMATS.values() if one.file == head), None)
