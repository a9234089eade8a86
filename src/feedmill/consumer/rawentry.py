"""An entry as a parser read it, before anything is cleaned: what the readers of XML and of JSON hand to `sanitize`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from feedmill.model import Enclosure


@dataclass(frozen=True, slots=True)
class RawText:
    """A text as upstream wrote it."""

    value: str
    is_html: bool = False
    #: The address that relative ones in it are resolved against, where upstream says so (`xml:base`); else "".
    base: str = ""


@dataclass(frozen=True, slots=True)
class RawMedia:
    """A picture, a sound or a film that belongs to an entry; sizes are 0 where they are not given."""

    address: str
    #: "image", "audio", "video", or "" for anything else.
    kind: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEntry:
    """Everything of an entry that a post can be made of; addresses as written or resolved, of any scheme."""

    guid: str = ""
    #: Whether the guid may stand in for a missing link (RSS `isPermaLink`).
    is_permalink: bool = False
    link: str = ""
    title: RawText = RawText("")
    authors: tuple[RawText, ...] = ()
    #: The full text, richest reading undecided; then what summarises it.
    contents: tuple[RawText, ...] = ()
    summaries: tuple[RawText, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None
    tags: tuple[RawText, ...] = ()
    #: Pictures that upstream names as the entry's own, the likeliest first.
    pictures: tuple[RawMedia, ...] = ()
    enclosures: tuple[RawMedia, ...] = ()
    #: What may be the entry's one enclosure, the likeliest first, types known.
    attachments: tuple[Enclosure, ...] = ()
