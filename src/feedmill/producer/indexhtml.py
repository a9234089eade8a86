"""`index.html` in the folder of feeds: the list of feeds for people, whole on any static host and from a disk. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from feedmill.producer.feedlist import list_page
from feedmill.producer.feedtree import FeedLine
from feedmill.producer.pageparts import Masthead
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.producer.pagestyle import INDEX_CSS, policy

INDEX_HTML = "index.html"
#: How ours begins, and no other.
_BEGINNING = b"<!DOCTYPE html><!-- feedmill:"
_MARK = "<!-- feedmill: the list of the feeds. A file that does not begin as this one does is left alone. -->"


def index_html(site: Masthead, feeds: Sequence[FeedLine], *, posts_dir: str) -> bytes:
    """Return the page as UTF-8. `feeds`: the root first, as the tree lists them; `posts_dir` is where posts go.

    Links are relative, the addresses that people copy are those of the configuration, and nothing is loaded: CSS and script are in
    it, let in by their fingerprints, as a static host sends no policy.
    """
    rules = policy(pictures="data:", style=INDEX_CSS, script=INDEX_SCRIPT)
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{escape(rules, quote=False)}">'
        f'<meta name="robots" content="index,follow"><link rel="canonical" href="{escape(site.feeds_url)}">'
    )
    notice = "" if any(feed.posts for feed in feeds) else site.words.empty.format(posts_dir)
    return list_page(site, feeds, notice=notice, mark=_MARK, head=head, base=site.feeds_url)


def is_our_index(page: bytes) -> bool:
    """True for a page that feedmill wrote, in this version or another; any other is a person's own."""
    return page.startswith(_BEGINNING)
