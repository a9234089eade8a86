"""The nouns on the way from an upstream feed to a post. No publish needs them, so none pays for their making at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from feedmill.model import Enclosure

#: What became of a source in a sync: the words of `sync --json` and `status --json`.
Result = Literal["ok", "partial", "not-modified", "failed", "gone", "not-due", "disabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of an upstream document, read and cleaned: plain text is plain text, HTML has passed the one policy."""

    #: Fingerprint of all that the document says of this entry (32 hexadecimal digits): the same text gives the same mark.
    mark: str
    #: As upstream wrote it, on one line; "" where there is none.
    guid: str = ""
    #: Absolute http or https address in ASCII; "" where there is none that can be used.
    link: str = ""
    #: One line of plain text, at most 512 characters.
    title: str = ""
    author: str = ""
    #: Clean HTML, every address absolute; pictures not yet through the source's proxy.
    body: str = ""
    #: Aware, UTC, whole seconds; None where upstream gives no date that can be used.
    published: datetime | None = None
    updated: datetime | None = None
    tags: tuple[str, ...] = ()
    #: Absolute address of the entry's picture; "" where it has none.
    picture: str = ""
    #: The sound, the film or the file that belongs to it: its address absolute, its type known, its length as upstream declares it.
    enclosure: Enclosure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a document itself says of how often it wants to be fetched."""

    #: RSS `ttl`, in whole minutes; None where it is absent.
    ttl: int | None = None
    #: Seconds between updates by the syndication module (`sy:updatePeriod` over `sy:updateFrequency`).
    update_period: int | None = None
    #: RSS `skipHours` (0 to 23, GMT) and `skipDays` (Monday is 0, GMT).
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """An upstream feed as it was read, known entries cut out."""

    #: "rss20", "rss10", "atom10", "json11": feedparser's words.
    version: str
    title: str = ""
    #: The page that the feed belongs to; "" where it names none.
    link: str = ""
    #: What was not known, in the order of the document.
    entries: tuple[Entry, ...] = ()
    #: Marks of the known entries that were cut out.
    known: tuple[str, ...] = ()
    #: True when the document ends before its end; its last entry was dropped.
    is_torn: bool = False
    #: What is wrong with a document that could be read all the same; "" where nothing is.
    complaint: str = ""
    #: Entries beyond the limit, which were not read.
    dropped: int = 0
    hints: Hints = Hints()


@dataclass(frozen=True, slots=True)
class Validators:
    """What the next request says of the last answer (RFC 9110 §8.8), byte for byte; they belong to one address alone."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A document came: status 200, or 226, which is read as one."""

    #: The address that answered, after redirects.
    url: str
    status: int
    #: Decoded (gzip, deflate).
    body: bytes
    #: By name in lower case; a repeated field's values are joined with ", ".
    headers: Mapping[str, str]
    validators: Validators
    #: False when the transfer ended early: the body is torn.
    is_complete: bool = True
    #: The address that every hop moved to for good (301, 308); "" where there was no such move.
    moved_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """304 to a conditional request."""

    url: str
    headers: Mapping[str, str]
    validators: Validators
    moved_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No document came, or none that may be read: their fault, so a value."""

    #: One line for a person, without any secret: what happened and, where somebody can do something, what.
    reason: str
    #: The status of the answer; 0 where there was none.
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The address that answered, after redirects; "" where none did.
    url: str = ""
    #: Until when the host has asked everybody to stay away; no request was made. None for every other failure.
    held_until: datetime | None = None


FetchOutcome = Fetched | NotModified | Failed
