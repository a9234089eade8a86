"""The nouns that cross borders between modules: frozen values that know how to read themselves and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

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


class Problem(NamedTuple):
    """Something a person should mend: the file (relative to its folder), the line (from 1; 0: the whole file), the rule, the reason."""

    path: str
    line: int
    rule: str
    message: str
