"""Sites that publishers are measured with, made once a run of the harness."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import CalledProcessError

from processes import measure
from publishers import Publisher
from results import Numbers


class Site:
    """A publisher's folder; `count` posts are in it."""

    def __init__(self, publisher: Publisher, folder: Path, count: int) -> None:
        self.publisher, self.folder, self.count = publisher, folder, count
        publisher.prepare(folder, count)

    def publish(self) -> Numbers:
        """Run the publisher."""
        try:
            return vars(measure(self.publisher.command, cwd=self.folder))
        except CalledProcessError as exc:
            sys.exit(f"{self.publisher.name} failed:\n{exc.stderr.decode(errors='replace')}")

    def publish_anew(self) -> Numbers:
        """Run the publisher where nothing was published yet."""
        self.publisher.forget(self.folder)
        return self.publish()

    def add(self) -> int:
        """Write one new post and return its number."""
        self.publisher.add(self.folder, self.count)
        self.count += 1
        return self.count - 1

    @property
    def feeds(self) -> list[Path]:
        """What was published."""
        return self.publisher.documents(self.folder)

    def has(self, number: int) -> bool:
        """Whether a post is published."""
        return self.publisher.has(self.folder, number)


class Sites:
    """All sites, by publisher and by how many posts they began with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, int], Site] = {}

    def get(self, publisher: Publisher, posts: int) -> Site:
        """Return a site, made if it is asked for for the first time."""
        if (publisher.name, posts) not in self._made:
            self._made[publisher.name, posts] = Site(publisher, self._folder / f"{publisher.name}-{posts}", posts)
        return self._made[publisher.name, posts]
