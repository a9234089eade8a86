"""Which feed takes the place of one whose category is gone, and what addresses that are no more lead to: pure.

A renamed category is a feed that went while a new one came that holds the same posts. It keeps its id (RFC 4287 §4.2.6): to its
subscribers it is the feed they know, at another address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from feedmill.model import CategoryPath
from feedmill.producer.categories import FeedKey

#: The posts that stand in a feed, by file number.
Posts = frozenset[int]
#: More comparisons than this are not made: a post may stand in 1,600 categories.
_MOST_PAIRS = 100_000


@dataclass(frozen=True, slots=True)
class Succession:
    """Who takes whose place."""

    #: The feed whose id a new one takes over, by the new one.
    heir_of: dict[FeedKey, FeedKey] = field(default_factory=dict)
    #: The new feed that readers of one that is gone are sent to, by the old one; those that nothing follows are not in it.
    follower: dict[FeedKey, FeedKey] = field(default_factory=dict)


def find_succession(gone: Mapping[FeedKey, Posts], new: Mapping[FeedKey, Posts]) -> Succession:
    """Return which of the `new` feeds takes the place of which of those that are `gone`: one with the same posts, at least one.

    Where several hold the same posts (a parent with one child, say), the tree tells who belongs to whom: kind, equal names from
    the root down and from the leaf up, depth. What it cannot tell is not guessed.
    """
    found = Succession()
    holders, candidates = _by_posts(gone), _by_posts(new)
    for posts, old in holders.items():
        fresh = candidates.get(posts, []) if posts else []
        if len(fresh) == 1:
            found.follower.update(dict.fromkeys(old, fresh[0]))
            found.heir_of[fresh[0]] = max(old, key=lambda key: _likeness(key, fresh[0]))  # of equals the first
        elif fresh and len(old) * len(fresh) <= _MOST_PAIRS:
            pairs = _pair(old, fresh)
            found.follower.update(pairs)
            found.heir_of.update((new_key, old_key) for old_key, new_key in pairs.items())
    return found


def _by_posts(feeds: Mapping[FeedKey, Posts]) -> dict[Posts, list[FeedKey]]:
    """Return the feeds of each set of posts, in order."""
    grouped: dict[Posts, list[FeedKey]] = {}
    for key in sorted(feeds):
        grouped.setdefault(feeds[key], []).append(key)
    return grouped


def _pair(old: Sequence[FeedKey], new: Sequence[FeedKey]) -> dict[FeedKey, FeedKey]:
    """Pair feeds one with one, the most alike first; those that could go with several as well as with one are left."""
    levels: dict[tuple[bool, int, bool], list[tuple[FeedKey, FeedKey]]] = {}
    for one in old:
        for other in new:
            levels.setdefault(_likeness(one, other), []).append((one, other))
    pairs: dict[FeedKey, FeedKey] = {}
    settled: set[tuple[str, FeedKey]] = set()
    for level in sorted(levels, reverse=True):
        open_pairs = [(one, other) for one, other in levels[level] if not {("old", one), ("new", other)} & settled]
        rivals = Counter(side for one, other in open_pairs for side in (("old", one), ("new", other)))
        pairs.update((one, other) for one, other in open_pairs if rivals["old", one] == rivals["new", other] == 1)
        settled.update(rivals)
    return pairs


def _likeness(one: FeedKey, other: FeedKey) -> tuple[bool, int, bool]:
    """Return how much two feeds look like one before and after: the greater, the more."""
    start = _common(one.path, other.path)
    end = _common(one.path[start:][::-1], other.path[start:][::-1])
    return one.kind == other.kind, start + end, len(one.path) == len(other.path)


def _common(one: CategoryPath, other: CategoryPath) -> int:
    """Return how many names two paths have in common from their beginning on."""
    count = 0
    for name, counterpart in zip(one, other, strict=False):
        if name != counterpart:
            break
        count += 1
    return count


def revise_moves(known: Mapping[str, str], changes: Mapping[str, str], *, alive: Collection[str]) -> dict[str, str | None]:
    """Return what is to be noted of files that are no more, None for what is to be forgotten.

    `known`: what is remembered, the file's successor by file, "" for none; `changes`: the same of feeds that went now, whose
    successors stand in their places; `alive`: files of feeds, of which nothing is remembered. Every step leads to the end of its
    way at once: where A went to B and B goes to C, both go to C.
    """
    after = {file: changes.get(target, target) for file, target in known.items()} | dict(changes)
    forgotten = {file: None for file in known if file in alive}
    return forgotten | {file: target for file, target in after.items() if file not in alive and known.get(file) != target}
