"""What a refresh leaves in the catalog: stamps that tell the next run what it need not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feedmill.crew import Crew
from feedmill.posts.catalog import Catalog
from feedmill.posts.difference import Difference, compare
from feedmill.posts.format import MAX_POST_BYTES
from feedmill.posts.ids import id_from_path
from feedmill.posts.refresh import refresh
from feedmill.posts.store import list_posts
from feedmill.state.memory import DatabaseMemory

POST = "---\ntitle: {}\ndate: 2021-07-13\n---\ntext\n"


class Place:
    """A folder of posts and the catalog of it."""

    def __init__(self, root: Path, catalog: Catalog, memory: DatabaseMemory) -> None:
        self.posts, self.catalog, self._memory = root / "posts", catalog, memory
        self.posts.mkdir()

    def write(self, name: str, title: str) -> None:
        (self.posts / name).write_text(POST.format(title))

    def difference(self) -> Difference:
        return compare(self.catalog.stamps(), list_posts(self.posts))

    def refresh(self) -> None:
        self.catalog.begin()
        with Crew(1) as crew:
            refresh(self.catalog, self._memory, self.posts, self.difference(), zone="UTC", crew=crew, progress=lambda *_: None)
        self.catalog.commit()

    def ids(self) -> dict[str, str]:
        return {row.path: row.id for row in self.catalog.rows(file for file, _ in self.catalog.stamps().values())}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with closing(Catalog(tmp_path / "catalog.db")) as catalog, closing(DatabaseMemory(tmp_path / "state.db")) as memory:
        yield Place(tmp_path, catalog, memory)


def test_what_was_read_is_not_read_again(place: Place) -> None:
    place.write("a.md", "A")
    place.refresh()
    assert not place.difference(), "new"
    os.utime(place.posts / "a.md", (1, 1))
    assert place.difference()
    place.refresh()
    assert not place.difference(), "touched"
    place.write("a.md", "B")
    place.refresh()
    assert not place.difference(), "changed"


def test_what_could_not_be_read_is_tried_again(place: Place) -> None:
    with (place.posts / "a.md").open("wb") as file:
        file.truncate(MAX_POST_BYTES + 1)
    for _ in range(2):
        assert place.difference()
        place.refresh()


def test_a_post_that_moved_keeps_its_id_and_the_next_one_at_its_place_gets_another(place: Place) -> None:
    place.write("a.md", "A")
    place.refresh()
    first = place.ids()["a.md"]
    assert first == id_from_path("a.md", "2021-07-13T00:00:00+00:00")
    (place.posts / "a.md").rename(place.posts / "b.md")
    place.write("a.md", "Another")
    place.refresh()
    assert place.ids()["b.md"] == first
    assert place.ids()["a.md"] not in ("", first)
