"""What a feed says of itself, before any format is chosen."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class History(NamedTuple):
    """A document's place among those that hold all a feed ever published (RFC 5005). Addresses are absolute; "" where there is none."""

    #: The archive document with what was published just before.
    prev: str = ""
    #: In an archive document: that with what was published just after, where it is an archive document too.
    next: str = ""
    #: In an archive document: where the newest entries are.
    current: str = ""
    #: True where all that was ever published stands in this one document (`fh:complete`).
    is_complete: bool = False

    @property
    def is_archive(self) -> bool:
        """True for a document whose set of entries is settled (`fh:archive`)."""
        return bool(self.current)


class FeedHead(NamedTuple):
    """What a document of a feed says of itself. Addresses are absolute and ASCII; `updated` is aware, UTC, whole seconds."""

    id: str
    title: str
    subtitle: str
    author: str
    language: str
    updated: datetime
    self_url: str
    site_url: str
    #: Reference to the stylesheet for browsers, relative to the document.
    stylesheet: str
    #: WebSub hubs that hear of changes.
    hubs: tuple[str, ...] = ()
    #: Minutes after which a reader may ask again.
    ttl: int = 15
    history: History = History()
