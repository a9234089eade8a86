"""What the parts are told: how much of everything, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from publishing import Sites


@dataclass(frozen=True)
class Options:
    """`posts` and `feeds` are the usual numbers; growth is measured at others beside them."""

    #: For what is made meanwhile. It is removed at the end: just after thousands of files were removed, ext4 is slow.
    folder: Path
    sites: Sites
    #: The interpreter of .venv-bench, which has the peers that are written in Python.
    python: Path
    rounds: int = 5
    posts: int = 10_000
    feeds: int = 60
    #: Of every measurement of a server.
    seconds: float = 3.0

    @property
    def many_posts(self) -> int:
        """How many posts a large site has."""
        return 10 * self.posts

    @property
    def many_feeds(self) -> int:
        """How many sources a large planet has."""
        return 50 * self.feeds

    def at_most(self, rounds: int) -> int:
        """Return how often that is done which takes long."""
        return min(self.rounds, rounds)

    def new_folder(self, name: str) -> Path:
        """Return an empty folder."""
        folder = self.folder / name
        folder.mkdir()
        return folder
