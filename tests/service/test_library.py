"""What pages know: the feeds that were published, and posts by their place, read from real catalogs whole, replaced and damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedmill.service.library import Library
from sites import NOW, Project

AT = int(NOW.timestamp())


#: Names of posts whose places are odd, each by its suffix another.
NAMES = ("x.md", "y.markdown", "z.html", "w.htm", "v.MD", "文/件 名.md", "v1.2.md", "100%.md", "_x.md", "q?a#b&c.md")


def fill(project: Project) -> None:
    project.post("a.md", title="甲", categories="[科技, 开源]", date="2026-01-01 10:00:00")
    project.post("科技/b.md", title="乙", categories="[科技]", date="2026-01-02 10:00:00", updated="2026-02-03 00:00:00")
    project.post("later.md", title="丙", categories="[科技]", date="2026-07-01 10:00:00")


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    fill(project)
    return project


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Project:
    """A published project that is never changed."""
    project = Project(tmp_path_factory.mktemp("original"))
    fill(project)
    for name in NAMES:
        project.post(name, title="此")
    for name in ("two.html", "two.md"):
        project.post(name, title=name)
    project.post("draft.md", draft="true")
    project.write("broken.md", "no front matter")
    project.post("_.md.md", title="x")
    project.publish()
    return project


@pytest.fixture
def copy(original, tmp_path) -> Project:
    """The same, to be changed: its files have other stamps than those in its catalog."""
    shutil.copytree(original.root, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


def open_library(project: Project) -> Library:
    project.publish()
    return Library(project.config)


def lines(library: Library) -> dict[str, tuple[int, int]]:
    """Return (posts, entries) of every feed by name."""
    return {line.key.name: (line.posts, line.entries) for line in library.holdings().feeds}


def test_every_feed_is_listed_with_its_posts_address_and_last_update(project):
    project.extra = "feeds:\n  limit: 1\n"
    library = open_library(project)
    root, tech, source = library.holdings().feeds
    assert [line.key.name for line in (root, tech, source)] == ["/", "科技", "科技/开源"]
    assert [(line.posts, line.entries) for line in (root, tech, source)] == [(2, 1), (2, 1), (1, 1)]
    assert (root.title, root.main.url) == ("每日新闻", "https://news.example.org/feeds/atom.xml")
    assert source.title == "开源"
    assert source.main.url == "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/%E5%BC%80%E6%BA%90/atom.xml"
    assert source.main.url == project.parsed(source.main.file).feed.links[0].href
    assert tech.updated == datetime(2026, 2, 2, 16, tzinfo=UTC).timestamp()
    library.close()


def test_what_the_configuration_says_of_a_feed_is_shown(project):
    project.extra = (
        "feeds:\n  url: https://cdn.example.org/f/\n  overrides:\n"
        "    科技: {title: 技术, description: 一句话, slug: tech}\n    科技/开源: {publish: false}\n"
    )
    library = open_library(project)
    _, tech = library.holdings().feeds
    assert (tech.title, tech.description, tech.main.url) == ("技术", "一句话", "https://cdn.example.org/f/tech/atom.xml")
    library.close()


def test_a_post_counts_from_its_time_on(project):
    library = open_library(project)
    assert lines(library)["科技"] == (2, 2)
    project.publish(now=NOW + timedelta(days=60))
    assert lines(library)["科技"] == (3, 3)
    library.close()


def test_a_feed_without_a_file_is_not_listed(project):
    project.post("later.md", categories="[将来]", date="2026-07-01 10:00:00")
    library = open_library(project)
    assert "将来" not in lines(library)
    library.close()


def test_tags_have_feeds_of_their_own_kind(project):
    project.extra = "feeds:\n  tags: true\n"
    project.post("a.md", tags="[乙/丙, x]")
    library = open_library(project)
    assert [line.title for line in library.holdings().feeds if line.key.kind == "tag"] == ["x", "乙/丙"]
    library.close()


def test_the_version_changes_with_the_catalog_alone(project):
    library = open_library(project)
    first = library.version()
    assert first is not None
    project.publish()
    assert library.version() == first
    project.post("new.md", title="新")
    project.publish()
    assert library.version() not in (None, first)
    library.close()


def test_a_catalog_that_is_not_there_yet_is_an_empty_one(tmp_path, caplog):
    project = Project(tmp_path)
    library = Library(project.config)
    assert library.version() is None
    assert library.holdings() == library.holdings()
    assert (library.holdings().feeds, library.holdings().is_readable) == ((), True)
    assert library.find_post("a", now=AT) is None
    assert caplog.records == []
    assert not project.config.catalog_path.exists()
    project.post("a.md")
    project.publish()
    assert len(library.holdings().feeds) == 2
    library.close()


def garble(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def cut(path: Path) -> None:
    """Leave the first page, which says that there are more."""
    path.write_bytes(path.read_bytes()[:4096])


def overwrite(path: Path) -> None:
    """Leave the schema, and nothing of what it describes."""
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xa5" * (len(data) - 8192))


def renumber(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()


def spoil(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE feeds SET path='{' WHERE path='[]'")
    connection.close()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [garble, cut, overwrite, renumber, spoil, empty, make_folder])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_catalog_that_cannot_be_read_is_said_once_and_read_again_when_mended(copy, harm, when, caplog):
    library = Library(copy.config)
    path = copy.config.catalog_path
    if when == "after":
        assert library.holdings().feeds
    aside = path.with_name("whole.db")
    aside.write_bytes(path.read_bytes())
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    if when == "after":  # what a publish does with a damaged one: another file takes its name
        replaced = path.with_name("replaced.db")
        replaced.write_bytes(path.read_bytes())
        replaced.rename(path)
    harm(path)
    for _ in range(3):
        assert (library.holdings().feeds, library.holdings().is_readable) == ((), False)
        library.version()
        library.find_post("a", now=AT)
    complaints = {record.getMessage() for record in caplog.records}
    assert len(caplog.records) == len(complaints) in (1, 2)
    if path.is_dir():
        path.rmdir()
    aside.rename(path)
    assert library.holdings().is_readable
    assert len(library.holdings().feeds) == 4
    library.close()


def test_a_rebuilt_catalog_is_read_and_the_old_one_let_go_without_harm(project):
    library = open_library(project)
    before = library.version()
    path = project.config.catalog_path
    for side in ("", "-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    writer = sqlite3.connect(path)  # holds the new one's WAL open while the old connection closes
    project.post("new.md", title="新", categories="[新]")
    project.publish()
    assert "新" in lines(library)
    assert library.version() != before
    project.post("newer.md", title="更新", categories="[更新]")
    project.publish()
    assert "更新" in lines(library)
    assert writer.execute("PRAGMA quick_check").fetchone() == ("ok",)
    writer.close()
    library.close()


def test_nothing_is_ever_written(copy):
    library = Library(copy.config)
    before = copy.config.catalog_path.read_bytes()
    library.holdings()
    assert library.find_post("a", now=AT) is not None
    library.close()
    assert copy.config.catalog_path.read_bytes() == before
    assert not os.path.getsize(f"{copy.config.catalog_path}-wal")


# Single posts.


@pytest.mark.parametrize("name", NAMES)
def test_a_post_is_found_by_its_place_without_suffix(original, name):
    library = Library(original.config)
    mark = library.find_post(name.rpartition(".")[0], now=AT)
    assert mark is not None
    assert library.read_post(mark, now=AT).post.title == "此"
    library.close()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        ".",
        "nothing",
        "a.md",
        "A",
        "科技",
        "科技/",
        "/a",
        "./a",
        "科技/../a",
        "../posts/a",
        "a\0",
        "a\0.md",
        "\ud800",
        "%",
        "a%",
        "_",
        "x" * 100_000,
        "a' OR '1",
        "draft",
        "broken",
        "later",
        "double",
    ],
)
def test_everything_else_is_not_found(original, path):
    library = Library(original.config)
    assert library.find_post(path, now=AT) is None
    library.close()


def test_of_two_files_that_differ_in_suffix_alone_markdown_is_shown(original):
    library = Library(original.config)
    assert library.find_post("two", now=AT).path == "two.md"
    library.close()


def test_a_post_to_come_is_found_from_its_time_on(project):
    library = open_library(project)
    assert library.find_post("later", now=AT) is None
    mark = library.find_post("later", now=AT + 60 * 86400)
    assert library.read_post(mark, now=AT + 60 * 86400).post.title == "丙"
    library.close()


def replace_by_draft(project: Project, file: Path) -> None:
    project.post("a.md", draft="true")


def replace_by_future(project: Project, file: Path) -> None:
    project.post("a.md", date="2027-01-01 00:00:00")


def replace_by_nonsense(project: Project, file: Path) -> None:
    file.write_bytes(b"\xff\xfe")


def replace_by_link_out(project: Project, file: Path) -> None:
    file.unlink()
    (project.root / "secret.md").write_text(file.name + "---\ntitle: 密\n---\n")
    file.symlink_to(project.root / "secret.md")


def replace_by_pipe(project: Project, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def replace_by_folder(project: Project, file: Path) -> None:
    file.unlink()
    file.mkdir()


def remove(project: Project, file: Path) -> None:
    file.unlink()


def enlarge(project: Project, file: Path) -> None:
    with file.open("ab") as out:
        out.truncate(5_000_000)


@pytest.mark.parametrize(
    "change",
    [
        replace_by_draft,
        replace_by_future,
        replace_by_nonsense,
        replace_by_link_out,
        replace_by_pipe,
        replace_by_folder,
        remove,
        enlarge,
    ],
)
def test_a_file_that_may_no_longer_be_shown_is_not(copy, change):
    library = Library(copy.config)
    change(copy, copy.root / "posts" / "a.md")
    mark = library.find_post("a", now=AT)
    assert mark is None or library.read_post(mark, now=AT) is None
    library.close()


def test_a_file_that_was_edited_is_shown_as_it_is_now(project):
    library = open_library(project)
    before = library.find_post("a", now=AT)
    assert before.is_catalogued
    project.post("a.md", title="改", date="2026-01-05 00:00:00", updated="2026-01-06 00:00:00")
    mark = library.find_post("a", now=AT)
    assert mark != before
    assert not mark.is_catalogued
    found = library.read_post(mark, now=AT)
    assert (found.post.title, found.updated - found.date) == ("改", 86400)
    library.close()


def test_a_link_inside_the_folder_is_followed_and_one_out_of_it_is_not(project, tmp_path):
    posts = project.root / "posts"
    (posts / "inside.md").symlink_to("a.md")
    outside = tmp_path / "outside"
    outside.mkdir()
    library = open_library(project)
    mark = library.find_post("inside", now=AT)
    assert mark is None or library.read_post(mark, now=AT) is not None
    (posts / "科技" / "b.md").rename(outside / "b.md")
    (posts / "科技").rmdir()
    (posts / "科技").symlink_to(outside)
    assert library.find_post("科技/b", now=AT) is None
    library.close()
