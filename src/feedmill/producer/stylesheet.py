"""The stylesheet that every feed names, for people who open one in a browser: `feed.css` at the top of the folder of feeds."""

from __future__ import annotations

from feedmill.producer.feedcss import FEED_CSS
from feedmill.producer.sink import FeedSink, stage_ours

STYLESHEET = "feed.css"
#: How the first line of ours begins, and of no other.
_MARK = b"/* feedmill:"


def stylesheet_for(file: str) -> str:
    """Return the reference to the stylesheet from a feed's file (relative to the folder of feeds): it holds wherever that is served."""
    return "../" * file.count("/") + STYLESHEET


def is_ours(css: bytes) -> bool:
    """True for a stylesheet that feedmill wrote, in this version or another; any other is a person's own."""
    return css.startswith(_MARK)


def stage_stylesheet(sink: FeedSink) -> None:
    """Stage the stylesheet where none stands, or an older one of ours. Raises StorageError."""
    stage_ours(sink, STYLESHEET, FEED_CSS.encode(), is_ours)
