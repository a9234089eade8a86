"""The page at `/`: the list of feeds, of what the catalog holds. Pure."""

from __future__ import annotations

from feedmill.producer.feedlist import list_page
from feedmill.producer.pageparts import Masthead
from feedmill.service.library import Holdings


def index_page(site: Masthead, holdings: Holdings, *, posts_dir: str) -> bytes:
    """Return the page as UTF-8. `posts_dir` is where posts go, as the configuration has it.

    Addresses are those of the configuration, absolute: the feeds may be published elsewhere.
    """
    notice = ""
    if not holdings.is_readable:
        notice = site.words.unreadable
    elif not any(feed.posts for feed in holdings.feeds):
        notice = site.words.empty.format(posts_dir)
    return list_page(site, holdings.feeds, notice=notice)
