"""A feed's complete history over HTTP (RFC 5005): from the newest document back, in every format, each post comes exactly once.

Two read it: a walk of the test's own, which knows the documents' links and nothing else, and the library `reader`, which reads every
document that the walk comes by.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import feedparser
import pytest

from commandline import feedmill
from producer.test_clients import Library
from service.daemonrun import Running, configure, make_project, running
from sites import CONFIG, Project

#: The newest document holds at most six posts, an archive document three: twelve posts make three documents.
HISTORY = "feeds: {history: true, limit: 6, formats: [atom, rss, json]}\n"
POSTS = 12
FILES = {"atom": "atom.xml", "rss": "rss.xml", "json": "feed.json"}
FOLDERS = {"all": "", "category": f"{quote('科技/开源')}/"}
TYPES = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}


class Document(NamedTuple):
    """What a reader that follows a history needs of a document."""

    url: str
    etag: str
    itself: str
    prev: str
    ids: list[str]


def add(project: Project, *numbers: int) -> None:
    for number in numbers:
        project.post(f"{number:02d}.md", title=f"第{number}篇", categories="[科技, 开源]", date=f"2026-03-{number:02d} 08:00:00")


def published(server: Running, project: Project) -> None:
    """Publish the posts under the address that the server has."""
    configure(project, HISTORY, base=CONFIG.replace("https://news.example.org/", server.url))
    feedmill(project.root, "publish")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Project]]:
    project = make_project(tmp_path_factory.mktemp("history"), HISTORY)
    add(project, *range(1, POSTS + 1))
    with running(project.root, command="serve") as server:
        published(server, project)
        yield server, project


def links(name: str, body: bytes) -> tuple[str, str, list[str]]:
    """A document's own address, that of the next older one, and the ids of its posts."""
    if name == "json":
        said: dict[str, Any] = json.loads(body)
        return said["feed_url"], said.get("next_url", ""), [item["id"] for item in said["items"]]
    read = feedparser.parse(io.BytesIO(body))
    assert not read.bozo
    found = {link.rel: link.href for link in read.feed.links}
    return found["self"], found.get("prev-archive", ""), [entry.id for entry in read.entries]


def walk(server: Running, name: str, folder: str) -> list[Document]:
    """The documents of a feed, the newest first."""
    found: list[Document] = []
    url = f"{server.url}feeds/{folder}{FILES[name]}"
    while url:
        assert url.startswith(server.url)
        assert url not in [one.url for one in found], "the chain goes round"
        answer = server.get(url.removeprefix(server.url.rstrip("/")))
        assert answer.status == 200, url
        assert answer.headers["content-type"].partition(";")[0] == TYPES[name]
        itself, prev, ids = links(name, answer.body)
        found.append(Document(url, answer.headers["etag"], itself, prev, ids))
        url = prev
    return found


def all_ids(documents: list[Document]) -> list[str]:
    return [one for document in documents for one in document.ids]


@pytest.mark.long
@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("name", FILES)
def test_every_post_comes_exactly_once(site: tuple[Running, Project], tmp_path: Path, name: str, folder: str) -> None:
    server, _ = site

    documents = walk(server, name, folder)

    assert [len(document.ids) for document in documents] == [6, 3, 3]
    assert [document.itself for document in documents] == [document.url for document in documents]
    assert len(set(all_ids(documents))) == POSTS

    read: list[tuple[str, str | None]] = []
    for number, document in enumerate(documents):
        home = tmp_path / str(number)
        home.mkdir()
        library = Library(home, document.url)
        library.update()
        read.extend((entry.id, entry.title) for entry in library.entries())
    assert [guid for guid, _ in read] == all_ids(documents)
    assert [title for _, title in read] == [f"第{number}篇" for number in range(POSTS, 0, -1)]


@pytest.mark.long
def test_all_formats_tell_the_same_history(site: tuple[Running, Project]) -> None:
    server, _ = site

    histories = [[document.ids for document in walk(server, name, FOLDERS["category"])] for name in FILES]

    assert histories[1:] == histories[:-1]


@pytest.mark.long
def test_new_posts_leave_what_is_archived_as_it_is(tmp_path: Path) -> None:
    project = make_project(tmp_path, HISTORY)
    add(project, *range(1, POSTS + 1))
    with running(project.root, command="serve") as server:
        published(server, project)
        before = {name: walk(server, name, FOLDERS["category"]) for name in FILES}
        add(project, POSTS + 1)
        published(server, project)
        after = {name: walk(server, name, FOLDERS["category"]) for name in FILES}

    for name in FILES:
        assert [len(document.ids) for document in after[name]] == [4, 3, 3, 3]
        assert len(set(all_ids(after[name]))) == POSTS + 1
        assert all_ids(after[name])[1:] == all_ids(before[name])
        # The oldest is as it was; the one after it has got a newer neighbour, and the same posts.
        assert after[name][-1] == before[name][-1]
        assert after[name][-2]._replace(etag="") == before[name][-2]._replace(etag="")
