"""How the folder of posts differs from the catalog, by their stamps alone; and when that looks like an accident."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from feedmill.errors import StorageError
from feedmill.posts.store import Listing, Stamp


class Difference(NamedTuple):
    """How the folder differs from the catalog."""

    new: dict[str, Stamp]
    #: File number and new stamp, by path.
    touched: dict[str, tuple[int, Stamp]]
    #: File numbers, by path.
    gone: dict[str, int]
    #: How many files the catalog has.
    known: int
    #: True when files that did not change are to be read all the same.
    is_forced: bool = False
    #: Numbers of files that stand where nothing can be seen now: they are neither touched nor gone.
    hidden: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.new or self.touched or self.gone)

    @property
    def to_read(self) -> int:
        """How many files must be read."""
        return len(self.new) + len(self.touched)


def compare(known: dict[str, tuple[int, Stamp]], listing: Listing, *, total: int | None = None, is_forced: bool = False) -> Difference:
    """Return what is new, touched or gone since the catalog was written; `is_forced` takes every file for touched.

    `total`: how many files the catalog has, where `known` and `listing` are of some of them alone.
    """
    new, touched = {}, {}
    for path, stamp in listing.stamps.items():
        entry = known.get(path)
        if entry is None:
            new[path] = stamp
        elif is_forced or entry[1] != stamp:
            touched[path] = (entry[0], stamp)
    gone = {}
    if len(known) + len(new) > len(listing.stamps):
        gone = {path: entry[0] for path, entry in known.items() if path not in listing.stamps}
    hidden = [path for path in gone if _is_in(path, listing.unseen)] if listing.unseen else []
    numbers = frozenset(gone.pop(path) for path in hidden)
    return Difference(new, touched, gone, len(known) if total is None else total, is_forced, numbers)


def _is_in(path: str, places: Collection[str]) -> bool:
    return path in places or path.startswith(tuple(place for place in places if place.endswith("/")))


def refuse_mass_loss(difference: Difference, folder: Path) -> None:
    """Raise StorageError when a folder of posts is suddenly empty, or has lost more than half: an unmounted disk, a wrong path."""
    lost = len(difference.gone) - len(difference.new)
    if difference.known and difference.known == len(difference.gone) and not difference.new:
        raise StorageError(
            f"{folder} holds no posts, where there were {difference.known:,}: nothing was changed. "
            "Is the disk mounted, is posts.dir right? If they are meant to be gone, run `feedmill publish --full`"
        )
    if lost * 2 > difference.known:
        raise StorageError(
            f"{len(difference.gone):,} of {difference.known:,} posts are gone from {folder}: nothing was changed. "
            "If that is meant, run `feedmill publish --full`"
        )
