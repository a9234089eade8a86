"""What an entry says: a post as feed readers will see it, before any format is chosen."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from feedmill.model import CategoryPath, Enclosure, Post
from feedmill.posts.body import RenderedBody, render_body
from feedmill.producer.categories import MAX_CATEGORIES, category_paths, nodes, term
from feedmill.producer.enclosing import enclosure_of
from feedmill.producer.permalink import permalink
from feedmill.producer.site import Site, Source
from feedmill.text import direction_of, one_line, plain_text, shorten
from feedmill.urls import absolute_url

#: Characters of a summary made from the text, where the author wrote none.
SUMMARY_LENGTH = 300
#: Larger content (in characters) is replaced by its summary: libxml2's readers refuse text nodes over 10 MB.
MAX_CONTENT = 2_000_000

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$")


class Category(NamedTuple):
    """RFC 4287 §4.2.2: `term` is the stable key, `label` the name for people, `scheme` an absolute URI."""

    term: str
    label: str
    scheme: str


class Entry(NamedTuple):
    """One entry of every feed it stands in. Times are aware, UTC, whole seconds; addresses absolute and ASCII."""

    id: str
    title: str
    link: str
    published: datetime
    updated: datetime
    author: str
    #: Clean HTML; "" when only the summary is published.
    content: str
    #: Plain text; "" when there is none beside the content.
    summary: str
    categories: tuple[Category, ...]
    #: Against which the content's addresses were made absolute.
    base: str
    #: The upstream entry's page, where `link` is another.
    via: str
    thumbnail: str
    picture: str
    #: "" where it is the feed's.
    language: str
    source: Source | None
    #: Its address absolute and ASCII, its type and length known: one without is none (RSS 2.0; docs/feed-rules.md, rule 21).
    enclosure: Enclosure | None = None


def build_entry(post: Post, site: Site, *, path: str, entry_id: str, date: datetime, updated: datetime) -> Entry:
    """Return the entry of `post`, whose file stands at `path`; `date` and `updated` are those in force. Raises PostError for its body."""
    link = permalink(post, site, path=path, entry_id=entry_id, date=date)
    upstream = absolute_url(site.url, post.link) if post.link else ""
    base = upstream or link
    body = render_body(post.body, post.markup, base=base, embeds=frozenset(site.embeds))
    enclosure = enclosure_of(post, body.html, site, path=path, base=base)
    content, summary = _texts(post, body, site.content)
    picture = absolute_url(base, post.headimg or post.thumbnail) if post.headimg or post.thumbnail else ""
    thumbnail = absolute_url(base, post.thumbnail) if post.thumbnail else picture
    language = post.field("lang", "language").replace("_", "-")
    if not _LANGUAGE.match(language):
        language = site.language
    if content and direction_of(language) == "rtl":  # many readers drop xml:lang and know only `dir`
        content = f'<div dir="rtl">{content}</div>'
    return Entry(
        id=entry_id,
        title=one_line(post.title),
        link=link,
        published=date,
        updated=updated,
        author=one_line(post.author) or site.author,
        content=content,
        summary=summary or ("" if content else one_line(post.title)),
        categories=_categories(post.categories, post.tags[:MAX_CATEGORIES], site.categories, site.feeds_url),
        base=base,
        via=upstream if upstream != link else "",
        thumbnail=thumbnail,
        picture=picture,
        language=language if language != site.language else "",
        source=site.source(post.source) if post.source else None,
        enclosure=enclosure if enclosure and enclosure.length is not None else None,
    )


def _texts(post: Post, body: RenderedBody, mode: str) -> tuple[str, str]:
    """Return content and summary: a summary never repeats the whole content (docs/feed-rules.md, rule 33)."""
    written = one_line(post.summary) or body.excerpt
    if mode == "summary" or len(body.html) > MAX_CONTENT:
        return "", written or shorten(plain_text(body.html), SUMMARY_LENGTH)
    if not body.html.strip():
        return "", written
    return body.html, "" if written and written == plain_text(body.html) else written


@lru_cache(maxsize=4096)
def _categories(paths: tuple[CategoryPath, ...], tags: tuple[str, ...], mode: str, scheme: str) -> tuple[Category, ...]:
    """Every node of the post's paths, as Hexo lists them, then its tags: a reader may show any of them."""
    found = [Category(one_line(term(path)), one_line(path[-1]), scheme) for path in nodes(category_paths(paths, mode))]
    found.extend(Category(one_line(tag), one_line(tag), f"{scheme}tags/") for tag in tags)
    return tuple({(category.term, category.scheme): category for category in found}.values())
