"""Which feeds a publish was asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from feedmill.errors import ConfigError
from feedmill.producer.published import Feed


def choose_feeds(known: Iterable[Feed], names: Sequence[str]) -> list[Feed]:
    """Return the feeds of these names with all below them, as the tree lists them: the root first, tags last. No name: all.

    Raises ConfigError for a name that no feed has.
    """
    feeds = sorted(known, key=lambda feed: (feed.key.kind, feed.key.path))
    wanted = [name.strip("/") or "/" for name in names]
    there = {feed.key.name for feed in feeds}
    unknown = [name for name in wanted if name not in there]
    if unknown:
        import difflib

        close = difflib.get_close_matches(unknown[0], there, n=3, cutoff=0.4)
        number = "is 1 feed" if len(feeds) == 1 else f"are {len(feeds)} feeds"
        hint = f"; did you mean {' or '.join(close)}?" if close else f"; there {number}"
        raise ConfigError(f"no feed is called {unknown[0]!r}{hint}")
    if not wanted or "/" in wanted:
        return feeds
    return [feed for feed in feeds if any(f"{feed.key.name}/".startswith(f"{name}/") for name in wanted)]
