"""The page of one post: its title, facts, picture and clean body, on which nothing runs or plays. Pure."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from feedmill.config import Config
from feedmill.model import CategoryPath, Post
from feedmill.posts.tags import write_tag
from feedmill.producer.categories import MAX_CATEGORIES, FeedKey, category_paths
from feedmill.producer.entry import Entry
from feedmill.producer.pageparts import Masthead, anchor_of, local_time, opening, readable_address
from feedmill.service.stills import still
from feedmill.service.style import POST_CSS
from feedmill.text import direction_of, one_line


def post_page(site: Masthead, entry: Entry, post: Post, *, config: Config, depth: int) -> bytes:
    """Return the page as UTF-8. `entry` is the post as feeds have it; `depth`: segments of its address below `/`.

    Links to other pages are relative, for the server may stand behind a path of somebody else's.
    """
    home = "../" * depth
    language = entry.language or site.language
    name = entry.title or entry.link
    parts = [
        opening(site.language, f"{name} - {site.title}", POST_CSS),
        f'<link rel="canonical" href="{escape(entry.link)}"></head><body>',
        f'<nav><a href="{home}" aria-label="{escape(site.words.back)}"><bdi>{escape(site.title)}</bdi></a></nav><main>',
        f'<h1 lang="{escape(language)}"><bdi>{escape(name)}</bdi></h1>',
        _facts(entry, site),
        _picture(entry, site),
        f'<article lang="{escape(language)}" dir="{direction_of(language)}">{_body(entry, site)}</article>',
        _foot(entry, post, site, config=config, home=home),
        "</main></body></html>",
    ]
    return "".join(parts).encode("utf-8", "replace")


def _facts(entry: Entry, site: Masthead) -> str:
    zone = site.zone
    facts = [f"<bdi>{escape(entry.author)}</bdi>"] if entry.author else []
    if entry.source and entry.source.title not in (entry.author, ""):
        facts.append(site.words.source.format(f"<bdi>{escape(entry.source.title)}</bdi>"))
    facts.append(local_time(int(entry.published.timestamp()), zone, form="%Y-%m-%d %H:%M"))
    if entry.updated.date() > entry.published.date():
        facts.append(site.words.updated.format(local_time(int(entry.updated.timestamp()), zone, form="%Y-%m-%d")))
    return f'<p class="facts">{"".join(f"<span>{fact}</span>" for fact in facts)}</p>'


def _picture(entry: Entry, site: Masthead) -> str:
    """The post's picture, where the body does not show it anyway."""
    if not entry.picture or escape(entry.picture) in entry.content:
        return ""
    tag = write_tag("img", {"src": entry.picture, "alt": ""})
    return still(tag, words=site.words, home=_host(site.url)).replace("<img", '<img class="lead"', 1)


def _body(entry: Entry, site: Masthead) -> str:
    if not entry.content:
        return f"<p>{escape(entry.summary)}</p>"
    return still(entry.content, words=site.words, home=_host(site.url))


def _foot(entry: Entry, post: Post, site: Masthead, *, config: Config, home: str) -> str:
    original = entry.via or entry.link
    parts = []
    if entry.via or not entry.link.startswith(f"{site.url}posts/"):
        host = readable_address(_host(original))
        link = f'<a href="{escape(original)}" rel="noopener noreferrer">{escape(site.words.original.format(host))}</a>'
        parts.append(f'<p class="original">{link}</p>')
    paths = category_paths(post.categories, config.posts.categories)
    parts += [f'<p class="trail">{_trail(path, config, home)}</p>' for path in paths]
    if tags := list(dict.fromkeys(post.tags))[:MAX_CATEGORIES]:
        linked = (_linked(FeedKey("tag", (tag,)), config, home) if config.feeds.tags else _plain(tag) for tag in tags)
        parts.append(f'<p class="trail">{" · ".join(linked)}</p>')
    return f"<footer>{''.join(parts)}</footer>" if parts else ""


def _trail(path: CategoryPath, config: Config, home: str) -> str:
    nodes = (FeedKey("category", path[:depth]) for depth in range(1, len(path) + 1))
    return " / ".join(_linked(node, config, home) for node in nodes)


def _linked(key: FeedKey, config: Config, home: str) -> str:
    """The name of a feed, linked to its line on `/` where it has one."""
    override = config.feeds.overrides.get(key.name)
    if override is not None and not override.publish:
        return _plain(key.path[-1])
    name = (override and override.title) or key.path[-1]
    return f'<a href="{home}#{anchor_of(key)}">{_plain(name)}</a>'


def _plain(name: str) -> str:
    return f"<bdi>{escape(one_line(name))}</bdi>"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
