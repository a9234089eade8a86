"""The nouns that cross borders between modules: frozen values that know how to read themselves and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

#: A front-matter value as written: text, a list or a mapping. Never a number, a bool or a date: those are our own reading.
Value = str | Sequence["Value"] | Mapping[str, "Value"]
#: Category names from the root of the tree down, e.g. ("新媒体", "人人都是产品经理").
CategoryPath = tuple[str, ...]
Markup = Literal["html", "markdown"]
#: Hears what is being done ("reading", "rendering", "writing"), how many of it are done and how many there are in all.
Progress = Callable[[str, int, int], None]

TRUE_WORDS = frozenset({"true", "yes", "on", "y", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "n", "0"})


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that belongs to a post: a podcast's episode, say (RFC 4287 §4.2.7.2, RSS 2.0 `enclosure`)."""

    url: str
    #: Media type, such as "audio/mpeg"; "" where it is not known.
    type: str = ""
    #: In bytes; None where it is not known.
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post as its file says it is; what a file leaves out is empty, never guessed from a clock."""

    #: One line of plain text.
    title: str
    #: HTML (inside the layout's `<div>`) or Markdown, without outer white space.
    body: str = ""
    markup: Markup = "html"
    #: Hexo's reading: each path nests. `posts.categories: flat` takes the names one by one instead.
    categories: tuple[CategoryPath, ...] = ()
    headimg: str = ""
    author: str = ""
    comments: bool = False
    #: Aware, UTC, whole seconds; None where the file carries no usable date.
    date: datetime | None = None
    thumbnail: str = ""
    link: str = ""
    guid: str = ""
    #: Name of the source in config.yaml that this post was synced from; empty for a person's own post.
    source: str = ""
    #: Aware, UTC, whole seconds; None where it is absent or the same as `date`.
    updated: datetime | None = None
    tags: tuple[str, ...] = ()
    #: As the file names it: the address may be relative, type and length unknown.
    enclosure: Enclosure | None = None
    #: Every other key of the front matter, in the order of the file.
    extra: tuple[tuple[str, Value], ...] = ()

    def field(self, *names: str) -> str:
        """Return the first non-empty text among the extra keys `names`; "" when there is none."""
        found = {key: value for key, value in self.extra if isinstance(value, str) and value}
        return next((found[name] for name in names if name in found), "")

    @property
    def summary(self) -> str:
        """The author's own summary: Hexo's and Jekyll's `excerpt`, Hugo's `summary`, anybody's `description`."""
        return self.field("excerpt", "summary", "description")

    @property
    def is_published(self) -> bool:
        """False for `draft: true` (Hugo), `published: false` (Hexo, Jekyll) and `status: draft` or `hidden` (Pelican)."""
        if not self.extra:
            return True
        is_held_back = self.field("draft").lower() in TRUE_WORDS or self.field("published").lower() in FALSE_WORDS
        return not is_held_back and self.field("status").lower() not in {"draft", "hidden"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should mend: the file (relative to its folder), the line (from 1; 0: the whole file), the rule, the reason."""

    path: str
    line: int
    rule: str
    message: str


# What crosses borders on the way from an upstream feed to a post.

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
