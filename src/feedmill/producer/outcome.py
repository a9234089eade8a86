"""What can come of printing feeds, and how a file of ours is known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from feedmill.producer.categories import FeedKey
from feedmill.producer.documents import Document

#: The name in every feed's generator element, without a version: an upgrade changes no feed (docs/feed-rules.md, rule 24).
GENERATOR = "feedmill"
#: How much of a file is searched for the mark of who made it.
HEAD = 8192
# At the top level, by its indentation: a line break never stands inside a JSON text, so no title can feign it.
_JSON_MARK = re.compile(
    rb'\{\n(?:  "[a-z]\w*": [^\n]*,\n)*+  "_feedmill": \{"about": "[^"\\\n]*", "generator": "%b", ' % GENERATOR.encode()
)


class PostsMovedError(Exception):
    """Posts were changed while they were being published: begin again."""


class SpoiledError(Exception):
    """A feed file does not hold what was written: its entries must be rendered again."""


class Printed(NamedTuple):
    """What became of one document."""

    document: Document
    key: FeedKey
    entries: int
    is_changed: bool


@dataclass(slots=True)
class Run:
    """What one run of the press did."""

    printed: list[Printed] = field(default_factory=list)
    #: Files to take away, relative to the folder of feeds.
    removed: list[str] = field(default_factory=list)
    #: Files that stand in the way and were not written by feedmill.
    foreign: list[str] = field(default_factory=list)
    #: Posts whose place in the catalog changed, by file number.
    changed_posts: set[int] = field(default_factory=set)


def made_by_us(data: bytes) -> bool:
    """True for a feed whose generator says that feedmill wrote it: the element in Atom and RSS, our extension's member in JSON."""
    head = data[:HEAD]
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _JSON_MARK.match(head) is not None
    return f">{GENERATOR}</generator>".encode() in head
