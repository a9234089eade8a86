"""The page at `/`: every feed with its title, posts, last update and address, as the category tree has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from hashlib import blake2b
from html import escape
from urllib.parse import quote, urlsplit

from feedmill.posts.record import from_epoch
from feedmill.producer.categories import ROOT, FeedKey
from feedmill.service.library import FeedLine, Holdings
from feedmill.service.pagescript import INDEX_SCRIPT
from feedmill.service.style import ICON, INDEX_CSS
from feedmill.service.wording import Wording
from feedmill.text import direction_of

#: The tree opens by itself as deep as it still can be looked over.
_AT_A_GLANCE = 100
#: With fewer feeds there is nothing to search.
_WORTH_TOOLS = 12

_ESCAPED = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


@dataclass(frozen=True, slots=True)
class Masthead:
    """What both pages know of the site. Texts are plain and on one line."""

    title: str
    #: Absolute, ASCII.
    url: str
    language: str
    zone: tzinfo
    words: Wording


@dataclass(slots=True)
class _Node:
    """A place in a tree of feeds; one without a feed only leads to others."""

    key: FeedKey
    feed: FeedLine | None = None
    below: dict[str, _Node] = field(default_factory=dict)


def anchor_of(key: FeedKey) -> str:
    """Return the id of a feed's line on the page: short, ASCII, and the same on every machine."""
    return f"f-{blake2b(chr(0).join((key.kind, *key.path)).encode(errors='replace'), digest_size=6).hexdigest()}"


def readable_address(url: str) -> str:
    """Return an encoded address as an IRI (RFC 3987 section 3.2): letters of every script as themselves, ASCII as it stands.

    What would not show (controls, bidi marks, spaces) stays encoded, and so does what is no UTF-8. Both spellings are the same
    address to whoever is given it.
    """
    return _ESCAPED.sub(lambda found: _decoded(found[0]), url) if "%" in url else url


def _decoded(escaped: str) -> str:
    try:
        text = bytes.fromhex(escaped.replace("%", "")).decode()
    except UnicodeDecodeError:
        return escaped
    return "".join(character if character.isprintable() else quote(character) for character in text)


def local_time(epoch: int, zone: tzinfo, *, form: str) -> str:
    """Return a `<time>` element that shows an epoch second in `zone` ("%Y-%m-%d" and the like, four digits a year)."""
    moment = from_epoch(epoch)
    try:
        shown = moment.astimezone(zone)
    except OverflowError:  # 0001-01-01, Hugo's date for "none", is in the year before in half of all zones
        shown = moment.astimezone(UTC)
    text = shown.strftime(form.replace("%Y", f"{shown.year:04d}"))
    return f'<time datetime="{moment.strftime(f"{moment.year:04d}-%m-%dT%H:%M:%SZ")}">{text}</time>'


def index_page(site: Masthead, holdings: Holdings, *, posts_dir: str) -> bytes:
    """Return the page as UTF-8. `posts_dir` is where posts go, as the configuration has it."""
    words = site.words
    root = next((feed for feed in holdings.feeds if feed.key == ROOT), None)
    trees = {kind: _grow(feed for feed in holdings.feeds if feed.key.kind == kind and feed.key != ROOT) for kind in ("category", "tag")}
    parts = [_head(site, root), _header(site), "<main>"]
    if root is not None:
        parts.append(_everything(root, site))
    if len(holdings.feeds) > _WORTH_TOOLS:
        parts.append(
            f'<div class="tools" hidden><input type="search" placeholder="{escape(words.filter)}" aria-label="{escape(words.filter)}" '
            'autocomplete="off" spellcheck="false"><button type="button"></button></div>'
        )
    for kind, name in (("category", words.categories), ("tag", words.tags)):
        if nodes := trees[kind]:
            count = sum(feed.key.kind == kind and feed.key != ROOT for feed in holdings.feeds)
            kinds = "tree" if any(node.below for node in nodes.values()) else "tree flat"
            parts.append(f"<section><h2>{escape(name)} <small>{count:,}</small></h2>")
            parts += _list(list(nodes.values()), site, css=kinds, open_to=_glance(nodes))
            parts.append("</section>")
    if not holdings.is_readable:
        parts.append(f'<p class="none">{escape(words.unreadable)}</p>')
    elif not any(feed.posts for feed in holdings.feeds):
        parts.append(f'<p class="none">{escape(words.empty.format(posts_dir))}</p>')
    parts.append(f'<p class="none nothing" hidden>{escape(words.found_none)}</p></main>')
    parts.append(f'<p id="said" class="out" role="status"></p><script>{INDEX_SCRIPT}</script></body></html>')
    return "".join(parts).encode("utf-8", "replace")


def _head(site: Masthead, root: FeedLine | None) -> str:
    words = site.words
    found = ""
    if root is not None:
        found = f'<link rel="alternate" type="application/atom+xml" title="{escape(site.title)}" href="{escape(root.url)}">'
    said = {"copy": words.copy, "copy-of": words.copy_of, "copied": words.copied, "expand": words.expand, "collapse": words.collapse}
    said |= {"found": words.found, "found-none": words.found_none}
    data = "".join(f' data-{name}="{escape(text)}"' for name, text in said.items())
    return f"{opening(site.language, site.title, INDEX_CSS)}{found}</head><body{data}>"


def opening(language: str, title: str, css: str) -> str:
    """Return the beginning of a page, up to its CSS; `</head>` is still to come."""
    return (
        f'<!DOCTYPE html><html lang="{escape(language)}" dir="{direction_of(language)}"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{escape(ICON)}"><style>{css}</style>'
    )


def _header(site: Masthead) -> str:
    host = readable_address(urlsplit(site.url).netloc)
    link = f'<a href="{escape(site.url)}">{escape(host)}</a>'
    return f"<header><h1><bdi>{escape(site.title)}</bdi></h1><p>{escape(site.words.intro)} {link}</p></header>"


def _everything(root: FeedLine, site: Masthead) -> str:
    words = site.words
    facts = [_count(root.posts, words)]
    if root.entries < root.posts:
        facts.append(escape(words.in_feed.format(f"{root.entries:,}")))
    if root.updated is not None:
        facts.append(words.updated.format(local_time(root.updated, site.zone, form="%Y-%m-%d")))
    title = words.everything if root.title == site.title else root.title
    about = f"<p>{escape(root.description)}</p>" if root.description else ""
    return (
        f'<section class="all" id="{anchor_of(root.key)}"><h2><a href="{escape(root.url)}"><bdi>{escape(title)}</bdi></a></h2>'
        f'<span class="meta">{" · ".join(facts)}</span>{about}'
        f'<div class="take"><input readonly aria-label="{escape(words.address)}" value="{escape(root.url)}"></div></section>'
    )


def _count(posts: int, words: Wording) -> str:
    return words.one_post if posts == 1 else words.posts.format(f"{posts:,}")


def _grow(feeds: Iterable[FeedLine]) -> dict[str, _Node]:
    """Return the tree of feeds of one kind, in their order; what lies between is there even where it has no feed."""
    top: dict[str, _Node] = {}
    for feed in feeds:
        level = top
        for depth, name in enumerate(feed.key.path, start=1):
            node = level.setdefault(name, _Node(FeedKey(feed.key.kind, feed.key.path[:depth])))
            level = node.below
        node.feed = feed
    return top


def _glance(nodes: Mapping[str, _Node]) -> int:
    """Return how many levels can be shown with no more than about a hundred lines; at least the first."""
    level, shown, depth = list(nodes.values()), 0, 0
    while level and (depth == 0 or shown + len(level) <= _AT_A_GLANCE):
        shown += len(level)
        depth += 1
        level = [node for above in level for node in above.below.values()]
    return depth


def _list(nodes: Sequence[_Node], site: Masthead, *, css: str, open_to: int) -> list[str]:
    """Return the pieces of a list and of all below it. `open_to`: levels that are open, this one included."""
    parts = [f'<ul class="{css}">' if css else "<ul>"]
    for node in nodes:
        name = node.feed.title if node.feed else node.key.path[-1]
        parts.append(f'<li id="{anchor_of(node.key)}">{_row(node.feed, name, site)}')
        if node.below:
            label = escape(site.words.below.format(name))
            parts.append(f'<details{" open" * (open_to > 1)}><summary><span class="out">{label}</span></summary>')
            parts += _list(list(node.below.values()), site, css="", open_to=open_to - 1)
            parts.append("</details>")
        parts.append("</li>")
    parts.append("</ul>")
    return parts


def _row(feed: FeedLine | None, name: str, site: Masthead) -> str:
    if feed is None:
        return f'<div class="row"><span><bdi>{escape(name)}</bdi></span></div>'
    about = f"<small>{escape(feed.description)}</small>" if feed.description else ""
    updated = "" if feed.updated is None else local_time(feed.updated, site.zone, form="%Y-%m-%d")
    return (
        f'<div class="row"><a href="{escape(feed.url)}"><bdi>{escape(name)}</bdi>{about}</a>'
        f'<code dir="ltr">{escape(readable_address(feed.url))}</code>'
        f'<span class="meta">{_count(feed.posts, site.words)}</span><span class="meta">{updated}</span></div>'
    )
