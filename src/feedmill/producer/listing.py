"""The files by which feeds are found: `opml.xml` for readers, `index.html` for people, `_redirects` for static hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from feedmill.config import Config
from feedmill.producer.categories import FeedKey
from feedmill.producer.feedtree import FeedLine, feed_line
from feedmill.producer.indexhtml import INDEX_HTML, index_html, is_our_index
from feedmill.producer.opml import OPML, is_our_opml, opml
from feedmill.producer.pageparts import Masthead
from feedmill.producer.redirects import REDIRECTS, is_our_redirects, redirects
from feedmill.producer.sink import FeedSink, stage_ours

#: What stands at the top of the folder of feeds and lists them, in the order in which it is staged.
LISTS = (OPML, INDEX_HTML, REDIRECTS)


class Listed(NamedTuple):
    """A feed as lists show it."""

    key: FeedKey
    #: One line: what the feed itself says.
    title: str
    #: Names of formats, each with its file relative to the folder of feeds; at least one.
    documents: tuple[tuple[str, str], ...]
    #: How many posts stand in it, those beyond its newest document too, and how many that one holds.
    posts: int
    entries: int
    #: Epoch seconds.
    updated: int


def stage_lists(sink: FeedSink, listed: Sequence[Listed], *, config: Config, moved: Mapping[str, str]) -> list[str]:
    """Stage the lists whose bytes differ and return those of ours that are to be removed: redirects that have nothing to say any more.

    `moved`: the document that took the place of each that is no more, "" for none; files are relative to the folder of feeds. What a
    person put there is never touched. Raises StorageError.
    """
    site = Masthead.of(config)
    feeds = [_line(one, config, site.feeds_url) for one in sorted(listed, key=lambda one: (one.key.kind, one.key.path))]
    titles = {one.key: one.title for one in listed}
    stage_ours(sink, OPML, opml(site, feeds, titles, owner=config.site.author_name), is_our_opml)
    stage_ours(sink, INDEX_HTML, index_html(site, feeds, posts_dir=config.posts.dir), is_our_index)
    rules = redirects(moved, feeds_url=site.feeds_url)
    if rules:
        stage_ours(sink, REDIRECTS, rules, is_our_redirects)
        return []
    stamp = sink.look(REDIRECTS)
    return [REDIRECTS] if stamp is not None and stamp.size > 0 and is_our_redirects(sink.read(REDIRECTS)) else []


def _line(listed: Listed, config: Config, feeds_url: str) -> FeedLine:
    return feed_line(
        listed.key,
        config,
        files=listed.documents,
        feeds_url=feeds_url,
        posts=listed.posts,
        entries=listed.entries,
        updated=listed.updated,
    )
