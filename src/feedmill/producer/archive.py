"""Complete history (RFC 5005 §4): which posts stand in a feed's newest document, and which in its archive documents.

Posts have positions in the order in which they were first published, and archive documents hold so many positions each. Positions
are for ever, so a post that comes late, is edited or goes changes the one document that it stands in and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from feedmill.producer.categories import ROOT
from feedmill.producer.documents import Document
from feedmill.producer.plan import Plan
from feedmill.producer.published import Feed, Span
from feedmill.state.chains import Chain, Chains

_END = 2**62


def page_size(limit: int) -> int:
    """Return how many posts an archive document holds of a feed whose newest document holds at most `limit`.

    Half as many: the newest document is never shorter than that, and an archive document is cut off it once in so many posts.
    """
    return max(1, limit // 2)


def pages_for(posts: int, *, limit: int, size: int) -> int:
    """Return how many archive documents of `size` it takes to leave at most `limit` of `posts`, and at least one, in the newest."""
    needed = -(-max(0, posts - limit) // size)
    return min(needed, max(0, posts - 1) // size)


def page_of(position: int, *, size: int) -> int:
    """Return the archive document (from 1) that a position belongs into, once there is one."""
    return position // size + 1


def span_of(page: int, chain: Chain) -> Span:
    """Return the positions that stand in an archive document, or, for page 0, in the newest one."""
    return (chain.pages * chain.size, _END) if page == 0 else ((page - 1) * chain.size, page * chain.size)


class Archive:
    """Keeps the orders of feeds, in the catalog and in memory, and the documents that come of them."""

    def __init__(self, plan: Plan, chains: Chains, *, limit: Callable[[Feed], int], formats: Sequence[str], now: int) -> None:
        """`limit`: how many posts a feed's newest document holds at most; `formats` by name; `now` in epoch seconds."""
        self._plan, self._published, self._chains = plan, plan.published, chains
        self._limit, self._formats, self._now = limit, formats, now
        #: Files of archive documents that there are no more.
        self.removed: list[str] = []

    def settle(self, feeds: Mapping[int, Feed], stale: Sequence[Document]) -> tuple[list[Document], dict[int, Chain]]:
        """Bring the orders of the `stale` documents' feeds up to date.

        `feeds` by number. Return these documents and those that must be looked at besides, and the orders, by feed number.
        """
        chains: dict[int, Chain] = {}
        numbers = sorted({document.feed for document in stale})
        there: dict[int, list[Document]] = {number: [] for number in numbers}
        for document in self._published.documents.all():
            if document.feed in there:
                there[document.feed].append(document)
        wanted = {document.number for document in stale}
        for number in numbers:
            feed = feeds[number]
            if feed.key == ROOT or self._published.has_due(feed, now=self._now):
                chains[number] = self._settle(feed, there[number])
            else:
                wanted.update(document.number for document in there[number])
        documents = self._published.documents.all()
        return [one for one in documents if one.number in wanted or (one.is_stale and one.feed in there)], chains

    def _settle(self, feed: Feed, documents: Sequence[Document]) -> Chain:
        """Settle the order of one feed, make the documents that are missing, mark those that change, drop those beyond the last."""
        touched, chain = self._order(feed)
        there = {(document.page, document.format) for document in documents}
        for page in range(1, chain.pages + 1):
            for name in self._formats:
                if (page, name) not in there:
                    self._plan.add_document(feed, name, page=page)
                    touched.add(page - 1)  # which now has one after it
        self._published.documents.mark_pages_stale(feed.number, touched)
        for document in documents:
            if document.page > chain.pages:
                self._published.documents.drop(document)
                self.removed.append(document.file)
        return chain

    def _order(self, feed: Feed) -> tuple[set[int], Chain]:
        """Give every due post of a feed its position; return the archive documents to look at again, and the order."""
        before = known_before = self._chains.chain(feed.id)
        if before is None:  # nothing is remembered: the order is made anew, as it would be without a catalog
            self._published.clear_positions(feed)
            before = Chain(page_size(self._limit(feed)))
        later = dict(self._published.positions_from(feed, before.posts))
        if later:  # memory comes from a backup, and the catalog knows more
            before = before._replace(posts=max(later.values()) + 1)
            self._chains.note(feed.id, before, later)
        fresh = self._published.unordered(feed, now=self._now)
        known = self._chains.positions(feed.id, [post for post, _ in fresh]) if before.posts else {}
        new = (post for post, _ in fresh if post not in known)
        added = {post: before.posts + number for number, post in enumerate(new)}
        positions = known | added
        self._published.set_positions(feed, [(positions[post], file) for post, file in fresh])
        posts = before.posts + len(added)
        pages = max(before.pages, pages_for(posts, limit=self._limit(feed), size=before.size))
        after = before._replace(posts=posts, pages=pages)
        if added or after != known_before:
            self._chains.note(feed.id, after, added)
        return _touched(positions.values(), after), after


def _touched(positions: Iterable[int], chain: Chain) -> set[int]:
    """Return the archive documents with posts of these positions."""
    return {page for position in positions if (page := page_of(position, size=chain.size)) <= chain.pages}
