"""What may change, and when a change is over. Pure: times are arguments."""

from __future__ import annotations

from enum import StrEnum


class Change(StrEnum):
    """What has changed."""

    #: A post, or a folder of posts.
    POSTS = "posts"
    #: `.feedmill-deleted`, the list of posts that are not to come back.
    DELETED = "deleted"
    CONFIG = "config"


class Quiet:
    """Waits until changes are over. All times are seconds of one clock."""

    def __init__(self, quiet: float, at_most: float) -> None:
        self._quiet, self._at_most = quiet, at_most
        #: When each kind of change was heard of first and last.
        self._heard: dict[Change, tuple[float, float]] = {}

    def hear(self, change: Change, now: float) -> None:
        """Note that something changed."""
        self._heard[change] = (self._heard.get(change, (now, now))[0], now)

    def due(self, now: float) -> list[Change]:
        """Take out what is over at `now`."""
        over = [change for change in self._heard if self._end(change) <= now]
        for change in over:
            del self._heard[change]
        return over

    def wait(self, now: float) -> float | None:
        """Return how long until something is over; None when nothing is going on."""
        return max(min(map(self._end, self._heard)) - now, 0.0) if self._heard else None

    def _end(self, change: Change) -> float:
        first, last = self._heard[change]
        return min(last + self._quiet, first + self._at_most)
