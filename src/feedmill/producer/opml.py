"""`opml.xml`: all feeds as one file that feed readers take in (OPML 2.0, http://opml.org/spec2.opml). Pure.

A category with others below it is a folder whose first feed is its own. OPML lets a feed hold outlines too, but readers that meet
a feed look no further into it (miniflux's parser: what is inside is lost), and the specification of subscription lists knows
only feeds and what contains them. Folders carry no `type`: `rss` would want an `xmlUrl`; with `text` alone the W3C validator
misses none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.utils import format_datetime

from feedmill.posts.record import from_epoch
from feedmill.producer.categories import ROOT, FeedKey
from feedmill.producer.feedtree import FeedLine, Node, grow
from feedmill.producer.pageparts import Masthead
from feedmill.text import one_line

OPML = "opml.xml"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
#: How ours begins, and no other.
_BEGINNING = _DECLARATION + b"<!-- feedmill:"
_MARK = b"<!-- feedmill: all feeds for your feed reader. A file that does not begin as this one does is left alone. -->\n"
_DOCS = "http://opml.org/spec2.opml"


def opml(site: Masthead, feeds: Sequence[FeedLine], titles: Mapping[FeedKey, str], *, owner: str) -> bytes:
    """Return the document. `feeds`: the root first, as the tree lists them; `titles`: what each says of itself; `owner`: a name.

    Every feed is `type="rss"`, whatever its format: that is what the specification calls a feed. The same feeds give the same bytes.
    """
    head = [("title", one_line(site.title)), ("ownerName", one_line(owner)), ("docs", _DOCS)]
    if known := [feed.updated for feed in feeds if feed.updated is not None]:
        head.insert(1, ("dateModified", format_datetime(from_epoch(max(known)), usegmt=True)))
    outlines = _Outlines(site, titles)
    for feed in feeds:
        if feed.key == ROOT:
            outlines.add_feed(feed, depth=2)
    outlines.add(grow(feeds, "category").values(), depth=2)
    if tags := grow(feeds, "tag"):
        outlines.add_folder(site.words.tags, tags.values(), depth=2)
    lines = ['<opml version="2.0">', "  <head>", *(f"    <{name}>{_escaped(text)}</{name}>" for name, text in head), "  </head>"]
    lines += ["  <body>", *outlines.lines, "  </body>", "</opml>", ""]
    return _DECLARATION + _MARK + "\n".join(lines).encode()


def is_our_opml(document: bytes) -> bool:
    """True for a document that feedmill wrote here, in this version or another; any other is a person's own."""
    return document.startswith(_BEGINNING)


class _Outlines:
    """Writes outlines, a line each."""

    def __init__(self, site: Masthead, titles: Mapping[FeedKey, str]) -> None:
        self._site, self._titles = site, titles
        self.lines: list[str] = []

    def add(self, nodes: Iterable[Node], *, depth: int) -> None:
        """Write places of a tree with all below them."""
        for node in nodes:
            if node.below:
                self.add_folder(node.name, node.below.values(), depth=depth, own=node.feed)
            elif node.feed is not None:
                self.add_feed(node.feed, depth=depth)

    def add_folder(self, name: str, nodes: Iterable[Node], *, depth: int, own: FeedLine | None = None) -> None:
        """Write what contains feeds; `own` is the feed of all that is in it."""
        self.lines.append(f"{'  ' * depth}<outline{_attributes(text=name)}>")
        if own is not None:
            self.add_feed(own, depth=depth + 1)
        self.add(nodes, depth=depth + 1)
        self.lines.append(f"{'  ' * depth}</outline>")

    def add_feed(self, feed: FeedLine, *, depth: int) -> None:
        """Write one feed: `text` is its name among those around it, `title` its own title, which readers show in their lists."""
        site = self._site
        said = _attributes(type="rss", text=feed.title, title=self._titles[feed.key], xmlUrl=feed.main.url, htmlUrl=site.url)
        more = _attributes(description=feed.description) if feed.description else ""
        self.lines.append(f"{'  ' * depth}<outline{said}{more}{_attributes(language=site.language)}/>")


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_escaped(one_line(value))}"' for name, value in values.items())


def _escaped(text: str) -> str:
    """Return text as it stands in an element or, in double quotes, in an attribute."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
