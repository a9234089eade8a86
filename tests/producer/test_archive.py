"""Complete history: every post stands in exactly one document of a feed, and what is settled stays as it is."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedmill.posts.catalog import Catalog
from feedmill.producer.archive import page_of, page_size, pages_for
from feedmill.producer.categories import ROOT
from feedmill.producer.check import check
from feedmill.producer.publish import Request, publish
from feedmill.producer.published import Published
from feedmill.producer.report import Report
from sites import NOW, Project

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
FEEDS_URL = "https://news.example.org/feeds/"
#: The newest document holds at most six, an archive document three.
EXTRA = "feeds:\n  history: true\n  limit: 6\n  formats: [{}]\n"


def a_project(root: Path, formats: str = "atom") -> Project:
    return Project(root, extra=EXTRA.format(formats))


def add(project: Project, *numbers: int, day: int | None = None, **keys: str) -> None:
    for number in numbers:
        date = f"2026-03-{day or 1 + number // 24:02d} {number % 24:02d}:00:00"
        project.post(f"{number:03d}.md", **({"title": f"t{number:03d}", "date": date, "categories": "[甲, 乙]"} | keys))


def local(url: str) -> str:
    assert url.startswith(FEEDS_URL)
    return unquote(url.removeprefix(FEEDS_URL))


class Page:
    """An Atom document as a reader that follows RFC 5005 sees it."""

    def __init__(self, project: Project, file: str) -> None:
        self.file = file
        self.root = etree.fromstring((project.root / "feeds" / file).read_bytes())
        links = {link.get("rel"): link.get("href") for link in self.root.findall(f"{ATOM}link")}
        self.prev, self.next, self.current = (
            local(links[rel]) if rel in links else "" for rel in ("prev-archive", "next-archive", "current")
        )
        self.itself = local(links["self"])
        self.is_archive = self.root.find(f"{HISTORY}archive") is not None
        self.is_complete = self.root.find(f"{HISTORY}complete") is not None
        self.id = self.root.findtext(f"{ATOM}id")
        self.titles = [entry.findtext(f"{ATOM}title") or "" for entry in self.root.findall(f"{ATOM}entry")]


def chain(project: Project, folder: str = "") -> list[Page]:
    """The documents of a feed from the newest on, with all that must hold between them."""
    pages = [Page(project, f"{folder}atom.xml")]
    while pages[-1].prev:
        pages.append(Page(project, pages[-1].prev))
        assert len(pages) < 500
    head, *archives = pages
    assert not head.is_archive
    assert not head.next
    assert not head.current
    assert head.is_complete is not bool(archives)
    newer = ""
    for page in archives:
        assert page.is_archive
        assert not page.is_complete
        assert page.current == head.file
        assert page.next == newer
        newer = page.file
    assert {page.id for page in pages} == {head.id}
    assert all(page.itself == page.file for page in pages)
    return pages


def titles(pages: list[Page]) -> list[str]:
    return [title for page in pages for title in page.titles]


def changed(report: Report) -> set[str]:
    return {one.path for one in (*report.feeds, *report.archives) if one.changed}


@pytest.mark.parametrize(
    ("posts", "limit", "pages"), [(0, 6, 0), (1, 6, 0), (6, 6, 0), (7, 6, 1), (9, 6, 1), (10, 6, 2), (1, 1, 0), (2, 1, 1)]
)
def test_so_many_archive_documents(posts: int, limit: int, pages: int) -> None:
    assert pages_for(posts, limit=limit, size=page_size(limit)) == pages


@given(posts=st.integers(0, 500), limit=st.integers(1, 60), old=st.integers(1, 60))
def test_the_newest_document_is_never_empty_nor_longer_than_it_may_be(posts: int, limit: int, old: int) -> None:
    size = page_size(old)
    left = posts - pages_for(posts, limit=limit, size=size) * size
    assert left >= min(posts, 1)
    assert left <= max(limit, size)
    if posts:
        assert page_of(posts - 1, size=size) > pages_for(posts, limit=limit, size=size)


def test_a_small_feed_says_that_it_is_all(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(6))
    project.publish()
    (head,) = chain(project)
    assert head.is_complete
    assert len(head.titles) == 6


def test_walking_a_feeds_documents_gives_every_post_once(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    add(project, *range(20, 26), categories="[丙]")
    project.publish()
    for folder, expected in (("", range(26)), ("甲/", range(20)), ("甲/乙/", range(20)), ("丙/", range(20, 26))):
        assert sorted(titles(chain(project, folder))) == [f"t{number:03d}" for number in expected]
    assert [page.titles for page in chain(project, "甲/")][-1] == ["t002", "t001", "t000"]


@pytest.mark.parametrize("formats", ["atom", "atom, rss, json"])
def test_a_post_more_rewrites_the_newest_document_and_at_times_the_one_before_it(tmp_path: Path, formats: str) -> None:
    project = a_project(tmp_path, formats)
    add(project, *range(10))
    project.publish()
    for number in range(10, 17):
        before = project.feeds()
        add(project, number)
        report = project.publish()
        after = project.feeds()
        rewritten = {file for file in before if after[file] != before[file]}
        assert {file for file in after if before.get(file) != after[file]} == {path.removeprefix("feeds/") for path in changed(report)}
        for name in ("atom.xml", "rss.xml", "feed.json"):
            stem, suffix = name.split(".")
            for folder in ("", "甲/", "甲/乙/"):
                files = [file for file in rewritten if file.rpartition("/")[0] == folder.rstrip("/") and file.endswith(suffix)]
                assert len([file for file in files if file.rpartition("/")[2].startswith(stem)]) <= 2
        assert sorted(titles(chain(project, "甲/"))) == [f"t{n:03d}" for n in range(number + 1)]


def test_a_settled_document_keeps_its_bytes_once_there_is_one_after_it(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(10))
    project.publish()
    settled = project.feeds()["甲/atom-1.xml"]
    for number in range(10, 40):
        add(project, number)
        project.publish()
    assert project.feeds()["甲/atom-1.xml"] == settled


def test_a_post_that_comes_late_is_news_and_changes_no_archive(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(2, 12))
    project.publish()
    before = project.feeds()
    add(project, 1)
    report = project.publish()
    assert changed(report) == {f"feeds/{folder}atom.xml" for folder in ("", "甲/", "甲/乙/")}
    assert {file for file in before if project.feeds()[file] != before[file]} == {path.removeprefix("feeds/") for path in changed(report)}
    assert "t001" in chain(project)[0].titles


def test_an_edited_post_changes_its_own_document_and_that_is_reported(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    project.publish()
    (place,) = {page.file for page in chain(project, "甲/") if "t004" in page.titles}
    assert place == "甲/atom-2.xml"
    add(project, 4, body="<p>改</p>")
    report = project.publish()
    assert changed(report) == {f"feeds/{folder}atom-2.xml" for folder in ("", "甲/", "甲/乙/")}
    assert [one.path for one in report.archives] == sorted(changed(report))


def test_a_deleted_post_leaves_its_document_and_moves_no_boundary(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    project.publish()
    before = [page.titles for page in chain(project)]
    for number in (3, 4, 5):
        (tmp_path / "posts" / f"{number:03d}.md").unlink()
        project.publish()
    after = [page.titles for page in chain(project)]
    gone = {"t003", "t004", "t005"}
    assert after == [[title for title in page if title not in gone] for page in before]
    assert [] in after
    add(project, 4)  # and it comes back to where it was
    project.publish()
    assert [page.titles for page in chain(project)].index(["t004"]) == after.index([])


def test_a_feed_that_loses_its_posts_loses_all_its_documents(tmp_path: Path) -> None:
    project = a_project(tmp_path, "atom, rss, json")
    add(project, *range(10))
    add(project, 50, categories="[丙]")
    project.publish()
    for number in range(10):
        add(project, number, categories="[丙]")
    project.publish()
    assert {file.rpartition("/")[0] for file in project.feeds()} == {"", "丙"}
    assert sorted(titles(chain(project, "丙/"))) == [*(f"t{number:03d}" for number in range(10)), "t050"]


def test_a_renamed_category_keeps_the_order_of_its_history(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *random.Random(5).sample(range(20), 20))
    project.publish()
    add(project, 30, day=1)  # late: last in the order, early by its date
    project.publish()
    before = [page.titles for page in chain(project, "甲/")]
    for number in (*range(20), 30):
        add(project, number, **({"day": 1} if number == 30 else {}), categories="[丁, 乙]")
    project.publish()
    after = chain(project, "丁/")
    assert [page.titles for page in after] == before
    assert not (tmp_path / "feeds" / "甲").exists()


def test_without_the_catalog_everything_comes_out_the_same(tmp_path: Path) -> None:
    project = a_project(tmp_path, "atom, rss, json")
    add(project, *range(5, 20))
    project.publish()
    add(project, 2)
    project.publish()
    before, stamps = project.feeds(), project.stamps()
    (tmp_path / ".feedmill" / "catalog.db").unlink()
    project.publish()
    assert project.feeds() == before
    assert project.stamps() == stamps


def test_without_the_state_the_order_is_made_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(5, 20))
    project.publish()
    add(project, 2)
    project.publish()
    for file in (tmp_path / ".feedmill").glob("state.db*"):
        file.unlink()
    add(project, 21)
    project.publish()
    assert sorted(titles(chain(project))) == [f"t{number:03d}" for number in (2, *range(5, 20), 21)]
    assert "t002" in chain(project)[-1].titles


def test_a_history_that_is_switched_off_and_on_again(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    project.publish()
    before = project.feeds()
    plain = Project(tmp_path, extra="feeds:\n  limit: 6\n")
    report = plain.publish()
    assert set(plain.feeds()) == {"atom.xml", "甲/atom.xml", "甲/乙/atom.xml"}
    assert "feeds/甲/atom-1.xml" in report.removed
    project.publish()
    assert project.feeds() == before


@pytest.mark.parametrize("limit", [1, 2, 4, 30])
def test_another_limit_moves_no_boundary(tmp_path: Path, limit: int) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    project.publish()
    before = [page.titles for page in chain(project)[1:]]
    Project(tmp_path, extra=EXTRA.format("atom").replace("6", str(limit))).publish()
    after = [page.titles for page in chain(project)[1:]]
    assert after[-len(before) :] == before
    assert sorted(titles(chain(project))) == [f"t{number:03d}" for number in range(20)]


def test_a_post_that_is_still_to_come_gets_its_place_when_it_comes(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(10))
    project.post("future.md", title="future", date="2026-06-02 00:00:00", categories="[甲, 乙]")
    project.publish()
    assert "future" not in titles(chain(project))
    project.publish(now=NOW.replace(day=3))
    assert chain(project)[0].titles[0] == "future"


def test_all_documents_keep_the_written_rules(tmp_path: Path, schema: Path) -> None:
    hub = "feeds:\n  hub: [https://hub.example.org/]\n"
    project = Project(tmp_path, extra=EXTRA.format("atom, rss, json").replace("feeds:\n", hub))
    add(project, *range(20))
    project.publish()
    assert check(project.config, config_path="config.yaml", now=NOW) == []
    grammar = etree.RelaxNG(etree.parse(str(schema / "atom.rng")))
    files = [file for file in project.feeds() if file.endswith(".xml") and "atom" in file]
    assert len(files) == 3 * 6
    for file in files:
        grammar.assertValid(etree.fromstring(project.feeds()[file]))


@pytest.mark.parametrize("name", ["atom-1.xml", "feed-2.json", "index.html", "opml.xml", "rss.xml", "_redirects", "feed.css", "tags"])
def test_a_category_with_the_name_of_a_document_has_a_folder_of_its_own(tmp_path: Path, name: str) -> None:
    project = a_project(tmp_path, "atom, rss, json")
    add(project, *range(8))
    add(project, *range(10, 18), categories=f"[[{name}, 乙], [甲, {name}]]")
    assert not project.publish().skipped
    assert check(project.config, config_path="config.yaml", now=NOW) == []
    assert len(titles(chain(project))) == 16


TRIGGERS = ("full", "configuration", "catalog")


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_part_of_the_tree_printed_anew_leaves_the_archives_of_the_others(tmp_path: Path, trigger: str) -> None:
    project = a_project(tmp_path, "atom, json")
    add(project, *range(20))
    add(project, *range(20, 40), categories="[丙]")
    project.publish()
    before = project.feeds()
    if trigger == "catalog":
        (tmp_path / ".feedmill" / "catalog.db").unlink()
    if trigger == "configuration":
        project.base = project.base.replace("每日新闻", "每周新闻")
    report = project.publish("甲", is_full=trigger == "full")
    assert report.removed == ()
    assert before.keys() == project.feeds().keys()
    project.publish()
    for folder in ("", "甲/", "甲/乙/", "丙/"):
        assert len(titles(chain(project, folder))) == (40 if not folder else 20)
    assert project.publish(is_full=True).removed == ()


def test_a_post_that_changes_under_a_run_leaves_the_chain_whole(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(12))
    project.publish()
    add(project, 12, 13, 14)
    edited = []

    def edit(what: str, done: int, total: int) -> None:
        if what == "reading" and done == total and not edited:
            edited.append(project.post("014.md", title="t014", date="2026-03-01 14:00:00", categories="[甲, 乙]", body="<p>anders</p>"))

    publish(project.config, Request(), now=NOW, progress=edit)
    assert edited
    assert sorted(titles(chain(project))) == [f"t{number:03d}" for number in range(15)]
    before = project.feeds()
    project.publish(is_full=True)
    assert project.feeds() == before


def test_the_clock_goes_back_and_forth_and_no_post_is_lost(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(30))
    project.publish()
    project.publish(now=NOW.replace(month=3, day=1, hour=0))
    add(project, 4, body="<p>edited</p>", day=1)
    add(project, 2, body="<p>edited</p>", day=1)
    project.publish(now=NOW.replace(month=3, day=1, hour=0))
    project.publish()
    assert sorted(titles(chain(project))) == [f"t{number:03d}" for number in range(30)]
    before = project.feeds()
    project.publish(is_full=True)
    assert project.feeds() == before


def test_with_an_older_backup_of_the_state_no_position_is_given_twice(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(10))
    project.publish()
    backup = shutil.copy(tmp_path / ".feedmill" / "state.db", tmp_path / "backup")
    add(project, *range(10, 16))
    project.publish()
    for file in (tmp_path / ".feedmill").glob("state.db*"):
        file.unlink()
    shutil.copy(backup, tmp_path / ".feedmill" / "state.db")
    add(project, *range(16, 20))
    project.publish()
    pages = [page.titles for page in chain(project)]
    assert sorted(title for page in pages for title in page) == [f"t{number:03d}" for number in range(20)]
    assert {len(page) for page in pages[1:]} == {3}
    before = project.feeds()
    project.publish(is_full=True)
    assert project.feeds() == before


@pytest.mark.parametrize("left", [b"", b"<?xml version='1.0'?>"], ids=["empty", "cut"])
def test_an_archive_document_that_is_spoilt_or_gone_is_written_again(tmp_path: Path, left: bytes) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    project.publish()
    before = project.feeds()
    (tmp_path / "feeds" / "atom-1.xml").write_bytes(left)
    (tmp_path / "feeds" / "atom-2.xml").unlink()
    report = project.publish()
    if left:  # nobody can tell whose it was
        assert [problem.path for problem in report.skipped] == ["feeds/atom-1.xml"]
        (tmp_path / "feeds" / "atom-1.xml").unlink()
        project.publish()
    assert project.feeds() == before


def test_a_page_is_found_without_going_through_all_posts(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    add(project, *range(20))
    project.publish()
    with closing(Catalog(project.config.catalog_path)) as catalog:
        published, queries = Published(catalog), []
        catalog.connection.set_trace_callback(queries.append)
        members = published.window(published.feeds()[ROOT], limit=-1, now=2**40, span=(3, 6))
        catalog.connection.set_trace_callback(None)
        plan = " ".join(row[3] for row in catalog.connection.execute(f"EXPLAIN QUERY PLAN {queries[-1]}"))
    assert len(members) == 3
    assert "placements_by_position" in plan


def test_json_has_the_same_chain(tmp_path: Path) -> None:
    project = a_project(tmp_path, "atom, json")
    add(project, *range(20))
    project.publish()
    found, file = [], "甲/feed.json"
    while file:
        document = json.loads((tmp_path / "feeds" / file).read_bytes())
        found.append([item["title"] for item in document["items"]])
        file = local(document["next_url"]) if "next_url" in document else ""
    assert found == [page.titles for page in chain(project, "甲/")]


def edits() -> st.SearchStrategy[list[tuple[str, int, int]]]:
    one = st.tuples(st.sampled_from(["add", "edit", "remove", "file", "publish"]), st.integers(0, 30), st.integers(0, 2))
    return st.lists(one, min_size=5, max_size=40)


@settings(max_examples=8)
@given(script=edits())
def test_whatever_happens_every_post_stands_in_one_document_and_a_full_run_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, script: list[tuple[str, int, int]]
) -> None:
    project = a_project(tmp_path_factory.mktemp("site"))
    kinds = ("[甲]", "[甲, 乙]", "[丙]")
    there: dict[int, str] = {}
    for what, number, kind in [("add", 40, 0), *script, ("publish", 0, 0)]:
        if what in ("add", "edit", "file"):
            there[number] = kinds[kind]
            add(project, number, body=f"<p>{what} {kind}</p>", categories=kinds[kind])
        elif what == "remove" and number in there and len(there) > 1:
            del there[number]
            os.unlink(project.root / "posts" / f"{number:03d}.md")
        elif what == "publish":
            project.publish(is_full=True) if kind == 2 else project.publish()
    assert sorted(titles(chain(project))) == sorted(f"t{number:03d}" for number in there)
    for folder, inside in expected(there):
        assert sorted(titles(chain(project, folder))) == inside
    before = project.feeds()
    assert not project.publish(is_full=True).archives
    assert project.feeds() == before


def expected(there: dict[int, str]) -> Iterator[tuple[str, list[str]]]:
    for folder, kinds in (("甲/", ("[甲]", "[甲, 乙]")), ("甲/乙/", ("[甲, 乙]",)), ("丙/", ("[丙]",))):
        if inside := sorted(f"t{number:03d}" for number, kind in there.items() if kind in kinds):
            yield folder, inside
