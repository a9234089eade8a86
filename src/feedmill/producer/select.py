"""Which of a feed's posts stand in its document, and what that makes of the feed: pure, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from feedmill.posts.record import from_epoch
from feedmill.producer.published import Member

#: Validators and several readers refuse larger documents (docs/feed-rules.md, rule 52).
MAX_FEED_BYTES = 5_000_000
#: Room for what stands around the entries.
_HEAD_BYTES = 10_000


def that_fit(members: Sequence[Member], lengths: Sequence[int]) -> Sequence[Member]:
    """Return the newest members whose entries (of `lengths` bytes) fit into one document; always at least one."""
    total = _HEAD_BYTES
    for count, length in enumerate(lengths):
        total += length
        if total > MAX_FEED_BYTES and count:
            return members[:count]
    return members


def feed_updated(members: Sequence[Member]) -> datetime:
    """Return when a feed last changed: the newest `updated` of its members; of an empty feed 1970-01-01T00:00:00Z."""
    return from_epoch(max((member.updated for member in members), default=0))
