"""The ledger against the folder of posts: made anew from it, following what moved, noting what a person deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commandline import tree
from feedmill.consumer.links import normal_link
from feedmill.consumer.stock import Stock, take_stock
from feedmill.consumer.tombstones import NAME
from feedmill.crew import Crew
from feedmill.errors import StorageError
from feedmill.posts.indexing import digest_of
from feedmill.state.ledger import DELETED, PLANNED, STORED, Article, Ledger
from sites import Project, make_post


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def ledger(project: Project) -> Iterator[Ledger]:
    with closing(Ledger(project.root / ".feedmill" / "state.db")) as ledger:
        yield ledger


def write(project: Project, path: str, guid: str = "", **over: str) -> Path:
    """A post that was synced from the source `up`."""
    return project.post(path, **({"source": "up"} | ({"guid": f"'{guid}'"} if guid else {}) | over))


def stock(project: Project, ledger: Ledger, *, is_dry: bool = False) -> Stock:
    return take_stock(project.config, ledger, is_dry=is_dry)


def articles(ledger: Ledger, source: str = "up") -> dict[str, Article]:
    return {article.key: article for article in ledger.articles(source)}


def places(ledger: Ledger) -> dict[str, str]:
    """Key and path of every article that has a post."""
    return {key: article.path for key, article in articles(ledger).items() if article.status == STORED}


# A ledger that is new or lost


@pytest.mark.parametrize("is_published", [True, False], ids=["from-the-catalog", "from-the-files"])
def test_a_ledger_is_made_of_the_posts_that_were_synced(project: Project, ledger: Ledger, is_published: bool) -> None:
    write(project, "新闻/a.md", "urn:a", title="Title  A", link="https://www.example.org/a/?utm_source=x")
    write(project, "b.md", "urn:b", draft="true")
    write(project, "c.md", "", link="https://example.org/c")
    write(project, "none.md")
    write(project, "other.md", "urn:a", source="other")
    project.post("mine.md", guid="urn:mine")
    project.write("broken.md", "---\ntitle: *x\nsource: up\nguid: urn:broken\n---\n")
    project.write("toml.md", '+++\ntitle = "T"\nsource = "up"\nguid = "urn:toml"\ndate = 2026-01-02T03:04:05Z\n+++\nx\n')
    project.write("json.md", '{"title": "J", "source": "up", "guid": "urn:json", "date": "2026-01-02T03:04:05Z"}\nx\n')
    if is_published:
        project.publish()
    stock(project, ledger)
    assert places(ledger) == {
        "urn:a": "新闻/a.md",
        "urn:b": "b.md",
        "https://example.org/c": "c.md",
        "urn:toml": "toml.md",
        "urn:json": "json.md",
    }
    assert list(articles(ledger, "other")) == ["urn:a"]
    found = articles(ledger)["urn:a"]
    assert (found.guid, found.digest, found.date) == ("urn:a", "", found.posted)
    assert found.link == normal_link("https://example.org/a/")


@pytest.mark.parametrize("is_published", [True, False], ids=["from-the-catalog", "from-the-files"])
def test_of_several_copies_of_one_post_the_first_by_path_counts(project: Project, ledger: Ledger, is_published: bool) -> None:
    for path in ("z.md", "b/copy.md", "c.md"):
        write(project, path, "urn:a")
    if is_published:
        project.publish()
    stock(project, ledger)
    assert places(ledger) == {"urn:a": "b/copy.md"}


def test_a_catalog_that_is_behind_the_files_is_not_believed(project: Project, ledger: Ledger) -> None:
    file = write(project, "a.md", "urn:old")
    project.publish()
    file.write_text(make_post(source="up", guid="urn:the-new-one"))
    stock(project, ledger)
    assert list(places(ledger)) == ["urn:the-new-one"]


def test_posts_that_the_ledger_does_not_know_are_taken_over_and_read_once(
    project: Project, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(project, "known.md", "urn:known")
    stock(project, ledger)
    write(project, "pulled/a.md", "urn:a")
    write(project, "pulled/copy.md", "urn:known")
    project.post("mine.md")
    caplog.clear()
    stock(project, ledger)
    assert places(ledger) == {"urn:known": "known.md", "urn:a": "pulled/a.md"}
    assert [record.getMessage() for record in caplog.records] == ["1 synced posts of which state.db knew nothing were taken over"]
    project.post("another.md")
    asked: list[list[str]] = []
    monkeypatch.setattr(Crew, "run", lambda self, task, common, items: asked.append([path for path, _ in items]) or [])
    for _ in range(2):
        stock(project, ledger)
    assert [paths for paths in asked if paths] == [["another.md"]]


def test_a_file_that_is_half_written_is_looked_at_again(project: Project, ledger: Ledger) -> None:
    stock(project, ledger)
    whole = make_post(source="up", guid="urn:a")
    project.write("pulled.md", "---\ntitle: *x\n" + whole[:20])
    stock(project, ledger)
    project.write("pulled.md", whole)
    stock(project, ledger)
    assert places(ledger) == {"urn:a": "pulled.md"}


def test_a_post_that_was_deleted_is_not_taken_over_when_its_file_comes_back(project: Project, stocked: Ledger) -> None:
    file = project.root / "posts" / "one" / "0.md"
    text = file.read_text()
    file.unlink()
    stock(project, stocked)
    file.write_text(text)
    stock(project, stocked)
    assert articles(stocked)["urn:0"].status == DELETED


def test_a_project_without_posts_gets_its_folder_but_not_by_a_dry_run(project: Project, ledger: Ledger) -> None:
    (project.root / "posts").rmdir()
    stock(project, ledger, is_dry=True)
    assert not (project.root / "posts").exists()
    stock(project, ledger)
    assert (project.root / "posts").is_dir()


# What people do with posts


@pytest.fixture
def stocked(project: Project, ledger: Ledger) -> Ledger:
    """A ledger of six posts in two folders."""
    for number in range(6):
        write(project, f"{'one' if number < 3 else 'two'}/{number}.md", f"urn:{number}")
    stock(project, ledger)
    assert len(places(ledger)) == 6
    return ledger


def test_a_post_that_moved_or_was_renamed_or_edited_on_the_way_is_followed(project: Project, stocked: Ledger) -> None:
    posts = project.root / "posts"
    (posts / "new").mkdir()
    (posts / "one" / "0.md").rename(posts / "new" / "0.md")
    (posts / "one" / "1.md").rename(posts / "one" / "renamed.md")
    (posts / "one" / "2.md").unlink()
    write(project, "edited.markdown", "urn:2", title="Another")
    shutil.copy(posts / "two" / "3.md", posts / "copy.md")
    assert stock(project, stocked).tombstones == frozenset()
    expected = {"urn:0": "new/0.md", "urn:1": "one/renamed.md", "urn:2": "edited.markdown", "urn:3": "two/3.md"}
    assert expected.items() <= places(stocked).items()
    assert not (posts / NAME).exists()


def test_a_folder_that_was_renamed_is_followed(project: Project, stocked: Ledger) -> None:
    (project.root / "posts" / "one").rename(project.root / "posts" / "eins")
    (project.root / "posts" / "two").rename(project.root / "posts" / "zwei")
    stock(project, stocked)
    assert set(places(stocked).values()) == {f"eins/{number}.md" for number in range(3)} | {f"zwei/{number}.md" for number in range(3, 6)}


def test_a_post_of_another_source_is_no_place_that_a_post_moved_to(project: Project, stocked: Ledger) -> None:
    (project.root / "posts" / "one" / "0.md").unlink()
    write(project, "x.md", "urn:0", source="other")
    assert stock(project, stocked).tombstones == {"urn:0"}


def test_a_post_that_was_deleted_is_noted_beside_the_posts(project: Project, stocked: Ledger) -> None:
    for number in (0, 4):
        next((project.root / "posts").rglob(f"{number}.md")).unlink()
    assert stock(project, stocked).tombstones == {"urn:0", "urn:4"}
    assert (project.root / "posts" / NAME).read_text() == "urn:0\nurn:4\n"
    assert {key for key, article in articles(stocked).items() if article.status == DELETED} == {"urn:0", "urn:4"}
    before = tree(project.root / "posts")
    assert stock(project, stocked).tombstones == {"urn:0", "urn:4"}
    assert tree(project.root / "posts") == before


@pytest.mark.parametrize("data", ["urn:4\r\n", "\n\n urn:4 \n", "urn:4", "\ufeffurn:4\n"], ids=["crlf", "blanks", "no-newline", "bom"])
def test_a_line_that_was_taken_out_lets_the_article_come_back(project: Project, stocked: Ledger, data: str) -> None:
    for number in (0, 4):
        next((project.root / "posts").rglob(f"{number}.md")).unlink()
    stock(project, stocked)
    (project.root / "posts" / NAME).write_text(data, newline="")
    assert stock(project, stocked).tombstones == {"urn:4"}
    assert "urn:0" not in articles(stocked)
    assert articles(stocked)["urn:4"].status == DELETED


def test_a_line_that_a_person_wrote_takes_nothing_away(project: Project, stocked: Ledger) -> None:
    (project.root / "posts" / NAME).write_text("urn:1\n")
    assert stock(project, stocked).tombstones == {"urn:1"}
    assert len(places(stocked)) == 6


# Most of all gone at once


def test_a_dry_run_notes_a_deletion_in_its_ledger_alone(project: Project, stocked: Ledger) -> None:
    (project.root / "posts" / "one" / "0.md").unlink()
    before = tree(project.root / "posts")
    assert stock(project, stocked, is_dry=True).tombstones == {"urn:0"}
    assert tree(project.root / "posts") == before


def lose(project: Project, *folders: str) -> None:
    for folder in folders:
        shutil.rmtree(project.root / "posts" / folder)


@pytest.mark.parametrize("is_published", [True, False], ids=["published", "never-published"])
def test_posts_that_went_with_their_folders_are_not_taken_for_deleted_when_they_are_most(
    project: Project, stocked: Ledger, is_published: bool
) -> None:
    if is_published:
        project.publish()
    lose(project, "one", "two")
    write(project, "three.md", "urn:new")
    for is_dry in (True, False):
        with pytest.raises(StorageError, match="6 of 6 synced posts are gone"):
            stock(project, stocked, is_dry=is_dry)
    assert len(places(stocked)) == 6
    assert not (project.root / "posts" / NAME).exists()


def test_half_of_them_may_go(project: Project, stocked: Ledger) -> None:
    lose(project, "one")
    assert stock(project, stocked).tombstones == {"urn:0", "urn:1", "urn:2"}


def test_files_that_went_from_folders_that_stay_were_deleted(project: Project, stocked: Ledger) -> None:
    for file in (project.root / "posts").rglob("*.md"):
        file.unlink()
    assert len(stock(project, stocked).tombstones) == 6


def test_posts_without_a_folder_of_their_own_are_missed_where_nothing_at_all_is_left(project: Project, ledger: Ledger) -> None:
    files = [write(project, f"{number}.md", f"urn:{number}") for number in range(3)]
    stock(project, ledger)
    for file in files:
        file.unlink()
    with pytest.raises(StorageError, match="Is the disk mounted"):
        stock(project, ledger)
    (project.root / "posts" / "lost+found").mkdir()
    with pytest.raises(StorageError, match="Is the disk mounted"):
        stock(project, ledger)
    write(project, "mine.md", "urn:mine")
    assert len(stock(project, ledger).tombstones) == 3


def test_what_cannot_be_listed_was_not_deleted_by_a_person(project: Project, ledger: Ledger) -> None:
    write(project, "a.md", "urn:1")
    hidden = write(project, "b.md", "urn:2")
    stock(project, ledger)
    hidden.unlink()
    hidden.symlink_to("nowhere")  # it stands there and is no post, as in a folder that cannot be read
    assert stock(project, ledger).tombstones == frozenset()
    assert not (project.root / "posts" / NAME).exists()


def test_a_deletion_in_one_source_is_none_in_another(project: Project, ledger: Ledger) -> None:
    gone = write(project, "a.md", "1")
    write(project, "b.md", "urn:other")
    stock(project, ledger)
    gone.unlink()
    found = stock(project, ledger)
    source = ledger.with_status(DELETED)[0][0]
    assert found.tombstones_of(source) == {"1"}
    assert found.tombstones_of("another") == frozenset()


def test_a_post_that_a_crash_left_half_noted_is_taken_over(project: Project, ledger: Ledger) -> None:
    file = write(project, "a.md", "urn:1")
    stock(project, ledger)
    ((_, article),) = ledger.with_status(STORED)
    ledger.revise([article._replace(status=PLANNED, planned=digest_of(file.read_bytes()), digest="")])
    stock(project, ledger)
    ((_, after),) = ledger.with_status(STORED)
    assert (after.digest, after.planned) == (digest_of(file.read_bytes()), "")


@pytest.mark.parametrize("is_dry", [True, False], ids=["dry", "real"])
@pytest.mark.parametrize("rest", ["mine.md", ""], ids=["some-are-left", "none-is-left"])
def test_a_loss_is_accepted_by_a_full_publish(project: Project, stocked: Ledger, rest: str, is_dry: bool) -> None:
    if rest:
        project.post(rest)
    project.publish()
    lose(project, "one", "two")
    project.publish(is_full=True)
    before = tree(project.root)
    assert len(stock(project, stocked, is_dry=is_dry).tombstones) == 6
    if is_dry:
        assert {path for path in tree(project.root) if not path.startswith(".feedmill/state")} == {
            path for path in before if not path.startswith(".feedmill/state")
        }
