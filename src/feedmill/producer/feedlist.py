"""The page that lists the feeds: each with its title, posts, last update, address and formats, as the category tree has them. Pure.

`index.html` in the folder of feeds and the page at `/` of the server are both this page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

from feedmill.producer.categories import ROOT, FeedKey
from feedmill.producer.feedtree import FeedLine, FeedLink, Node, full_titles, grow
from feedmill.producer.opml import OPML
from feedmill.producer.pageparts import Masthead, anchor_of, local_time, opening, readable_address
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS
from feedmill.producer.wording import Wording

#: The tree opens by itself as deep as it still can be looked over.
_AT_A_GLANCE = 100
#: With fewer feeds there is nothing to search.
_WORTH_TOOLS = 12
#: What the formats are called where people choose one.
LABELS = {"atom": "Atom", "rss": "RSS", "json": "JSON"}


def list_page(site: Masthead, feeds: Sequence[FeedLine], *, notice: str = "", mark: str = "", head: str = "", base: str = "") -> bytes:
    """Return the page as UTF-8. `feeds`: the root first, as the tree lists them; `notice`: what is to be said besides, one line.

    `mark`, `head`: as `pageparts.opening` has them. `base`: the address of the folder that the page itself lies in, to which links
    are then relative; "" where they are to be absolute.
    """
    words = site.words
    root = next((feed for feed in feeds if feed.key == ROOT), None)
    is_many = any(len(feed.links) > 1 for feed in feeds)
    parts = [
        opening(site.language, site.title, INDEX_CSS, mark=mark, head=head),
        *_found(feeds, base),
        f"</head><body{_said(words, base)}>",
    ]
    parts += [_header(site), '<main class="many">' if is_many else "<main>"]
    if root is not None:
        parts.append(_everything(root, site, base=base))
    if len(feeds) > _WORTH_TOOLS:
        parts.append(
            f'<div class="tools" hidden><input type="search" placeholder="{escape(words.filter)}" aria-label="{escape(words.filter)}" '
            'autocomplete="off" spellcheck="false"><button type="button"></button></div>'
        )
    lines = _Lines(site, base=base, is_many=is_many)
    for kind, name in (("category", words.categories), ("tag", words.tags)):
        if nodes := grow(feeds, kind):
            count = sum(feed.key.kind == kind and feed.key != ROOT for feed in feeds)
            parts.append(f"<section><h2>{escape(name)} <small>{count:,}</small></h2>")
            css = "tree" if any(node.below for node in nodes.values()) else "tree flat"
            parts += lines.listed(list(nodes.values()), css=css, open_to=_glance(nodes))
            parts.append("</section>")
    if notice:
        parts.append(f'<p class="none">{escape(notice)}</p>')
    parts.append(f'<p class="none nothing" hidden>{escape(words.found_none)}</p></main>')
    parts.append(f'<p id="said" class="out" role="status"></p><script>{INDEX_SCRIPT}</script></body></html>')
    return "".join(parts).encode("utf-8", "replace")


def _found(feeds: Sequence[FeedLine], base: str) -> list[str]:
    """Every feed in every format, for feed readers that are given the page's address; no two have the same title."""
    titles = full_titles(feeds)
    found = []
    for feed in feeds:
        for link in feed.links:
            title = titles[feed.key] + (f" ({LABELS[link.format]})" if len(feed.links) > 1 else "")
            href = link.url.removeprefix(base)
            found.append(f'<link rel="alternate" type="{link.content_type}" title="{escape(title)}" href="{escape(href)}">')
    return found


def _said(words: Wording, base: str) -> str:
    """What the script says, as attributes."""
    said = {"copy": words.copy, "copy-of": words.copy_of, "copied": words.copied, "expand": words.expand, "collapse": words.collapse}
    said |= {"found": words.found, "found-none": words.found_none}
    if base:
        said["base"] = base
    return "".join(f' data-{name}="{escape(text)}"' for name, text in said.items())


def _header(site: Masthead) -> str:
    host = readable_address(urlsplit(site.url).netloc)
    home = f'<a href="{escape(site.url)}">{escape(host)}</a>'
    return f"<header><h1><bdi>{escape(site.title)}</bdi></h1><p>{escape(site.words.intro)} {home}</p></header>"


def _everything(root: FeedLine, site: Masthead, *, base: str) -> str:
    words, url = site.words, root.main.url
    facts = [_count(root.posts, words)]
    if root.entries < root.posts:
        facts.append(escape(words.in_feed.format(f"{root.entries:,}")))
    if root.updated is not None:
        facts.append(words.updated.format(local_time(root.updated, site.zone, form="%Y-%m-%d")))
    title = words.everything if root.title == site.title else root.title
    about = f"<p>{escape(root.description)}</p>" if root.description else ""
    opml = f'<a href="{escape((site.feeds_url + OPML).removeprefix(base))}">{escape(words.opml)}</a>'
    kinds = _kinds(root.links, base) if len(root.links) > 1 else ""
    return (
        f'<section class="all"{_id(root.key, base)}><h2><a href="{_href(root.main, base)}"><bdi>{escape(title)}</bdi></a></h2>'
        f'<span class="meta">{" · ".join(facts)}</span>{about}'
        f'<div class="take"><input readonly aria-label="{escape(words.address)}" value="{escape(url)}"></div>'
        f'<p class="kinds">{kinds} {opml}</p></section>'
    )


def _count(posts: int, words: Wording) -> str:
    return words.one_post if posts == 1 else words.posts.format(f"{posts:,}")


def _id(key: FeedKey, base: str) -> str:
    """What posts' pages link to; where those are not beside this one, nothing does."""
    return "" if base else f' id="{anchor_of(key)}"'


def _href(link: FeedLink, base: str) -> str:
    """The address that a browser follows: relative ones in letters of every script, which are a third as long."""
    return escape(readable_address(link.url.removeprefix(base)) if base else link.url)


def _kinds(links: Sequence[FeedLink], base: str) -> str:
    return " ".join(f'<a href="{_href(link, base)}">{LABELS[link.format]}</a>' for link in links)


def _glance(nodes: Mapping[str, Node]) -> int:
    """Return how many levels can be shown with no more than about a hundred lines; at least the first."""
    level, shown, depth = list(nodes.values()), 0, 0
    while level and (depth == 0 or shown + len(level) <= _AT_A_GLANCE):
        shown += len(level)
        depth += 1
        level = [node for above in level for node in above.below.values()]
    return depth


class _Lines:
    """Writes the lines of a tree."""

    def __init__(self, site: Masthead, *, base: str, is_many: bool) -> None:
        self._site, self._base, self._is_many = site, base, is_many

    def listed(self, nodes: Sequence[Node], *, css: str, open_to: int) -> list[str]:
        """Return the pieces of a list and of all below it. `open_to`: levels that are open, this one included."""
        parts = [f'<ul class="{css}">' if css else "<ul>"]
        for node in nodes:
            parts.append(f"<li{_id(node.key, self._base)}>{self._row(node)}")
            if node.below:
                label = escape(self._site.words.below.format(node.name))
                parts.append(f'<details{" open" * (open_to > 1)}><summary><span class="out">{label}</span></summary>')
                parts += self.listed(list(node.below.values()), css="", open_to=open_to - 1)
                parts.append("</details>")
            parts.append("</li>")
        parts.append("</ul>")
        return parts

    def _row(self, node: Node) -> str:
        feed, name = node.feed, escape(node.name)
        if feed is None:
            return f'<div class="row"><span><bdi>{name}</bdi></span></div>'
        about = f"<small>{escape(feed.description)}</small>" if feed.description else ""
        kinds = f'<span class="kinds">{_kinds(feed.links, self._base)}</span>' if self._is_many else ""
        updated = "<span></span>" if feed.updated is None else local_time(feed.updated, self._site.zone, form="%Y-%m-%d")
        return (
            f'<div class="row"><a href="{_href(feed.main, self._base)}"><bdi>{name}</bdi>{about}</a>'
            f"<code>{escape(readable_address(feed.main.url))}</code>{kinds}"
            f"<span>{_count(feed.posts, self._site.words)}</span>{updated}</div>"
        )
