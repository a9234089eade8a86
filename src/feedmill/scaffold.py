"""`feedmill init`: a ready project in an empty folder, or beside the posts of a Hexo, Jekyll or Hugo site."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from feedmill.configfile import read_config
from feedmill.durable import storage, write_new
from feedmill.errors import ConfigError
from feedmill.sitegenerators import FoundSite, read_site

_COMMENT_COLUMN = 38
#: Plain text that other YAML readers would take for something else.
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})

#: Stand-ins for what only the person knows.
_TITLE = "My site"
_URL = "https://example.org/"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What `feedmill init` did; paths are relative to `root`, folders end with "/"."""

    root: Path
    written: tuple[str, ...]
    #: What stood there already and was left as it was.
    kept: tuple[str, ...]
    #: What the person should know or do next.
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return what to tell the person, a line each."""
        told = [("wrote {}", name) for name in self.written] + [("left {} as it is", name) for name in self.kept]
        shown = [text.format(f"{self.root / name}{'/' if name.endswith('/') else ''}") for text, name in told]
        return [*shown, *(f"note: {note}" for note in self.notes)]


def scaffold(target: Path, *, source: Path | None, now: datetime) -> Scaffold:
    """Write config.yaml, posts/ with one welcome post dated `now` (aware), feeds/ and .gitignore into the folder `target`.

    `source` is the config file of another generator's site, whose posts are then used where they are. Nothing that exists is
    overwritten; config.yaml comes last, so that a run that was cut short can be repeated.
    Raises ConfigError when config.yaml exists or `source` cannot be used (nothing is written then), StorageError.
    """
    config = target / "config.yaml"
    _refuse_occupied(target, config)
    site = read_site(source) if source else FoundSite()
    posts = os.path.relpath(site.posts_dir, target) if site.posts_dir else "posts"
    feeds = os.path.relpath(site.feeds_dir, target) if site.feeds_dir else "feeds"
    text = render_config(site, posts=posts, feeds=feeds)
    read_config(text, root=target, environ={}, name=f"the config.yaml made from {source}")
    written: list[str] = []
    kept: list[str] = []

    def settle(name: str, data: bytes) -> None:
        try:
            write_new(target / name, data)
        except FileExistsError:
            kept.append(name)
        else:
            written.append(name)

    with storage(target, doing="create"):
        target.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target / posts):
        kept.append(f"{posts}/")
    elif site.posts_dir is None:
        settle(f"{posts}/{now.astimezone(UTC):%Y-%m-%d}-welcome.md", _welcome(site, now))
    if not feeds.startswith(os.pardir):  # nothing is made in somebody else's folder: the first publish does that
        _make_folder(target, feeds, written=written, kept=kept)
    settle(".gitignore", b".feedmill/\n")
    settle("config.yaml", text.encode())
    if "config.yaml" in kept:
        raise ConfigError(f"{config} was written by somebody else meanwhile; it was left as it is")
    return Scaffold(target, tuple(written), tuple(kept), tuple(_notes(site, target=target, posts=posts, kept=kept)))


def _refuse_occupied(target: Path, config: Path) -> None:
    if os.path.lexists(config):
        raise ConfigError(f"{config} exists and is left as it is; edit it, or name another folder: `feedmill init DIR`")
    if os.path.lexists(target) and not target.is_dir():
        raise ConfigError(f"{target} is no folder; name another: `feedmill init DIR`")


def _make_folder(target: Path, name: str, *, written: list[str], kept: list[str]) -> None:
    with storage(target / name, doing="create"):
        try:
            (target / name).mkdir(parents=True)
        except FileExistsError:
            kept.append(f"{name}/")
        else:
            written.append(f"{name}/")


def _notes(site: FoundSite, *, target: Path, posts: str, kept: list[str]) -> Iterable[str]:
    yield from site.notes
    if asked := [key for key, value in (("site.title", site.title), ("site.url", site.url)) if not value]:
        yield f"config.yaml: set {' and '.join(asked)} to your own"
    if not site.timezone:
        yield "config.yaml: dates that name no zone are read as UTC; set site.timezone"
    if site.posts_dir is not None and f"{posts}/" not in kept:
        yield f"there is no folder {posts} yet; set posts.dir in config.yaml if the posts are elsewhere"
    if ".gitignore" in kept and not _ignores_state(target / ".gitignore"):
        yield "add the line `.feedmill/` to .gitignore: it holds what feedmill remembers"


def _ignores_state(gitignore: Path) -> bool:
    try:
        lines = gitignore.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.strip().strip("/") == ".feedmill" for line in lines)


def yaml_text(value: str) -> str:
    """Return `value` as a YAML scalar that every reader takes for that text: plain where that is safe, else in single quotes."""
    is_plain = value[:1].isalpha() and value.lower() not in _WORDS and not re.search(r": |:$| #|\s$|[^\S ]|[\[\]{},]", value)
    return value if is_plain and value.isprintable() else "'" + value.replace("'", "''") + "'"


def _welcome(site: FoundSite, now: datetime) -> bytes:
    """Return one post in the house format (the seven keys, the body in one `<div>`)."""
    return f"""---
title: 'Welcome'
categories:{" "}
 - Getting started
headimg: ''
author: {yaml_text(site.author or site.title or _TITLE)}
comments: false
date: {format_datetime(now.astimezone(UTC).replace(microsecond=0), usegmt=True)}
thumbnail: ''
---

<div>
<p>This post is a file in <code>posts/</code>. Change it, or delete it and write your own: HTML in one
<code>&lt;div&gt;</code> like this, or plain Markdown, in any folder below <code>posts/</code>.</p>
<p>Then run <code>publish-feed</code>: <code>feeds/atom.xml</code> is the feed of everything,
<code>feeds/Getting started/atom.xml</code> the feed of this post's category.</p>
</div>
""".encode()


def render_config(site: FoundSite, *, posts: str, feeds: str = "feeds") -> str:
    """Return the text of a config.yaml for `site` with these folders: the common keys set, the others as comments."""
    values = {
        "title": yaml_text(site.title or _TITLE),
        "url": yaml_text(site.url or _URL),
        "author": yaml_text(site.author),
        "language": site.language or "en",
        "timezone": site.timezone or "UTC",
        "posts": yaml_text(posts),
        "feeds": yaml_text(feeds),
        "categories": site.categories,
        "permalink": yaml_text(site.permalink),
    }
    return "".join(_aligned(line, values) for line in _TEMPLATE.splitlines())


def _aligned(line: str, values: dict[str, str]) -> str:
    setting, mark, comment = line.partition("  ## ")
    setting = re.sub(r"<(\w+)>", lambda match: values[match[1]], setting)
    return f"{setting:<{_COMMENT_COLUMN}}  # {comment}\n" if mark else f"{setting}\n"


#: `<name>` is a value, what follows `##` the comment of the line.
_TEMPLATE = """\
# The configuration of feedmill. Paths are relative to this file; a key that is left out has its default.
# Lines that begin with `#` and a key show that default (or an example): take the `#` away to change it.

site:
  title: <title>  ## the site's name, and the title of the feed of everything
  url: <url>  ## the public address; the feeds are published at {url}feeds/
  author: <author>  ## who wrote the posts that name no author; empty: the title
  language: <language>  ## of the posts: en, zh-CN, pt-BR, …
  timezone: <timezone>  ## of dates in posts that carry no zone: Asia/Shanghai, Europe/Berlin, …

posts:
  dir: <posts>  ## the folder of the posts, with any folders below it
  categories: <categories>  ## nested (Hexo: [A, B] is A/B) or flat (Jekyll, Hugo, Pelican: A and B)
  # leading_blank_line: false  ## true: posts that feedmill writes begin with an empty line
  permalink: <permalink>  ## the address of a post's page, e.g. "{url}{year}/{month}/{day}/{slug}/"
  # It may use {url} {year} {month} {day} {slug} {title} {path} {name} {id} {categories} and any front-matter key.
  # Empty, it is the post's own `link`, and for a post without one "{url}posts/{path}/".

feeds:
  dir: <feeds>  ## where the feeds are written; other files there are never touched
  formats: [atom]  ## documents of each feed: atom, rss, json
  limit: 50  ## entries in a feed (its newest document)
  content: full  ## full, or summary
  # url: https://example.org/feeds/  ## where dir is published, if not at {site.url}feeds/
  # hub: [https://hub.example.org/]  ## WebSub hubs that are told which feeds changed
  # tags: false  ## also a feed for every tag, in tags/<tag>/
  # history: false  ## true: older entries in archive documents, atom-1.xml, … (RFC 5005)
  # overrides:  ## what single categories have of their own
  #   News/World: {title: World, description: From abroad, limit: 20, slug: world, publish: true}

# sync:  ## how upstream feeds are fetched
#   state: .feedmill/state.db  ## what feedmill remembers; keep it out of version control
#   every: 1h  ## how often, unless a source says otherwise: 30m, 1d, "*/30 * * * *", auto
#   concurrency: 32  ## fetches at once in all
#   per_host: 1  ## fetches at once from one public host
#   spacing: 1s  ## between two starts on one public host
#   max_bytes: 10MB  ## largest feed that is read, as it comes over the wire
#   proxy: ""  ## http://proxy.example.org:3128; the environment's proxies are never used
#   allow_networks: []  ## private networks that sources may reach, e.g. [192.168.1.0/24]

# html:
#   embeds: [www.youtube.com, player.vimeo.com]  ## hosts whose iframes are kept in posts

# server:  ## of `feedmill daemon` and `feedmill serve`
#   host: 127.0.0.1  ## where it listens
#   port: 8000  ## 0: any free one
#   max_age: 15m  ## when readers are told to come back (ttl in RSS)
#   access_log: false  ## true: every answer is a line of the log

# sources:  ## the upstream feeds; `feedmill add URL` writes them here
#   - name: example  ## stable, [a-z0-9-]: what is known of the source hangs on it
#     title: Example  ## for people
#     url: https://blog.example.org/feed.xml  ## ${NAME} is filled in from the environment
#     categories: [News, World]  ## where its posts go
#     every: 30m  ## instead of sync.every
#     author: ""  ## instead of the entries' own
#     image_proxy: ""  ## pictures through it, e.g. https://cors.example.org/?{url}
#     enabled: true  ## false: not fetched
#     tags: false  ## true: the entries' categories become tags
#     keep: 1000  ## older synced posts are removed; or an age: 90d; left out: all stay
#     headers: {Authorization: "Bearer ${TOKEN}"}  ## sent with every request to it
"""
