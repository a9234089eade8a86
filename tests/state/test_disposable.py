"""State is disposable: whatever becomes of state.db or catalog.db, no post is lost or doubled, and the feeds are what they were.

One project is built once: two weeks of syncs and publishes, with posts that a person edited, moved, deleted and wrote. Each test puts
it back, damages one database, and lets sync and publish go over it. Upstream shows everything that it ever had, and one entry more.
"""

from __future__ import annotations

import io
import logging
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import feedparser
import pytest
from _pytest.mark import ParameterSet
from lxml import etree

from feedmill.errors import StorageError
from feedmill.posts import catalog as catalog_module
from feedmill.posts.format import decode
from feedmill.state import schema
from machine import mounted
from syncing import START, Clock, Synced, synced
from upstream import rss, rss_item

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = "feeds:\n  history: true\n  limit: 4\n  formats: [atom, json]\n"
PAGE = 4096
DATABASES = ("state.db", "catalog.db")
MIGRATIONS = {"state.db": schema.MIGRATIONS, "catalog.db": catalog_module.MIGRATIONS}


@dataclass
class Site:
    """The project as it was left, and what a healthy run makes of it."""

    up: Synced
    files: dict[str, bytes]
    #: Databases of last week.
    backup: dict[str, bytes]
    healthy: dict[str, bytes]
    #: What stands there after a run on healthy databases.
    posts: dict[str, str]
    feeds: dict[str, bytes]
    #: Where a post was written that a person moved since.
    ten: str

    def place(self, name: str) -> Path:
        return self.up.root / ".feedmill" / name

    def restore(self) -> None:
        """Put back every file that is not as it was; files that are stay, with their times."""
        for path in (*self.up.root.glob(".feedmill/*"),):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in DATABASES or path.is_symlink() or path.is_fifo() or path.read_bytes() != self.healthy[path.name]:
                path.unlink()
        for name, data in self.healthy.items():
            if not self.place(name).exists():
                self.place(name).write_bytes(data)
        there = read(self.up.root)
        for name in there.keys() - self.files.keys():
            (self.up.root / name).unlink()
        for name, data in self.files.items():
            if there.get(name) != data:
                (self.up.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.up.root / name).write_bytes(data)
        self.up.clock.now = Clock().now
        self.up.clock.pass_(days=8)

    def sync(self) -> int:
        """Sync; return how many posts are new."""
        self.up.clock.pass_(minutes=1)
        report = self.up.sync(is_forced=True)
        assert report.result in ("ok", "not-modified"), report
        return report.new

    def publish(self) -> None:
        assert self.up.project.publish(now=self.up.clock.now).skipped == ()


def read(root: Path) -> dict[str, bytes]:
    """Every file of posts and feeds."""
    files = (path for folder in ("posts", "feeds") for path in (root / folder).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def find(up: Synced, number: int) -> Path:
    """The post of an item of upstream."""
    return next(up.root / "posts" / name for name, text in up.files.items() if re.search(rf"upstream\.example\.org/{number}\b", text))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with synced(tmp_path_factory.mktemp("disposable") / "site") as up:
        up.others = FEEDS
        up.project.post("mine/first.md", title="Mine", date="2026-01-05 10:00:00", categories="[私]")
        up.serve(rss(*(rss_item(number) for number in range(1, 8))))
        up.sync()
        up.project.publish(now=up.clock.now)
        up.project.post("mine/first.md", title="Mine", date="2026-01-05 11:00:00", categories="[私]")  # its id stays that of its first date
        up.project.publish(now=up.clock.now)
        backup = {name: (up.root / ".feedmill" / name).read_bytes() for name in DATABASES}
        up.clock.pass_(days=7)
        find(up, 2).unlink()
        edited = find(up, 4)
        edited.write_text(edited.read_text() + "\n一个人写的\n")
        find(up, 3).rename(up.root / "posts" / "mine" / "three.md")
        (up.root / "posts" / "mine" / "first.md").rename(up.root / "posts" / "mine" / "renamed.md")
        up.serve(rss(*(rss_item(number) for number in range(6, 13)), rss_item(5, description="<p>Second edition of 5</p>")))
        up.again()
        ten = find(up, 10).relative_to(up.root / "posts").as_posix()
        find(up, 10).rename(up.root / "posts" / "mine" / "ten.md")  # what last week's ledger does not know at all
        up.project.publish(now=up.clock.now)
        up.again()
        up.project.publish(now=up.clock.now)
        healthy = {name: (up.root / ".feedmill" / name).read_bytes() for name in DATABASES}
        assert all(len(data) % PAGE == 0 for data in healthy.values())
        up.serve(
            rss(
                rss_item(13),
                *(rss_item(number) for number in range(1, 13) if number != 5),
                rss_item(5, description="<p>Second edition of 5</p>"),
            )
        )
        site = Site(up, read(up.root), backup, healthy, {}, {}, ten)
        site.restore()
        assert site.sync() == 1
        site.publish()
        site.posts, site.feeds = up.files, up.project.feeds()
        assert len(site.posts) == 1 + 12
        yield site


@pytest.fixture
def site(built: Site) -> Iterator[Site]:
    built.restore()
    yield built


# damages: the file's place and its healthy bytes, and the site


def deleted(place: Path, site: Site) -> None:
    place.unlink()


def emptied(place: Path, site: Site) -> None:
    place.write_bytes(b"")


def cut_inside_a_page(place: Path, site: Site) -> None:
    place.write_bytes(place.read_bytes()[: -PAGE - 1000])


def cut_at_a_page(place: Path, site: Site) -> None:
    place.write_bytes(place.read_bytes()[: -3 * PAGE])


def noise_in_the_first_page(place: Path, site: Site) -> None:
    overwrite(place, 0, random.Random(1).randbytes(PAGE))


def noise_in_every_page_but_the_first(place: Path, site: Site) -> None:
    overwrite(place, PAGE, random.Random(1).randbytes(place.stat().st_size - PAGE))


def zeros(place: Path, site: Site) -> None:
    overwrite(place, 0, bytes(place.stat().st_size))


def other_file(place: Path, site: Site) -> None:
    place.write_text("title: not a database\n" * 400)


def newer_schema(place: Path, site: Site) -> None:
    with closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA user_version=99")


def older_schema(place: Path, site: Site) -> None:
    """A database of the first version, with what it had then of what is known now."""
    path = place.with_name("older")
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(place)) as new:
        old.executescript(MIGRATIONS[place.name][0])
        if place.name == "state.db":
            copy(new, old, "SELECT * FROM memory WHERE kind != 'ledger'", "memory")
        else:
            for table in ("meta", "files", "posts"):
                copy(new, old, f"SELECT * FROM {table}", table)
            copy(new, old, "SELECT feed, date, file FROM placements", "placements")
            feeds = """
                SELECT f.feed, f.kind, f.path, d.file, f.id, d.mtime_ns, d.inode, d.size, d.digest, d.entries, 0
                FROM feeds f JOIN documents d USING (feed) WHERE d.format='atom' AND d.page=0"""
            copy(new, old, feeds, "feeds")
            old.execute("UPDATE meta SET value='another version' WHERE key='made with'")
            members = "SELECT d.feed, m.file, m.start, m.length, m.digest FROM members m JOIN documents d USING (document) "
            copy(new, old, f"{members} WHERE d.format='atom' AND d.page=0", "members")
        old.execute("PRAGMA user_version=1")
        old.commit()
    path.replace(place)


def last_weeks(place: Path, site: Site) -> None:
    place.write_bytes(site.backup[place.name])


def link_to_its_backup(place: Path, site: Site) -> None:
    place.rename(place.with_name("elsewhere.db"))
    place.symlink_to(place.with_name("elsewhere.db"))


def link_to_another_file(place: Path, site: Site) -> None:
    place.unlink()
    place.with_name("precious").write_text("a person's own words\n" * 400)
    place.symlink_to(place.with_name("precious"))


def link_to_nothing(place: Path, site: Site) -> None:
    place.unlink()
    place.symlink_to(place.with_name("nothing"))


def wal_of_noise(place: Path, site: Site) -> None:
    place.with_name(f"{place.name}-wal").write_bytes(random.Random(2).randbytes(40_000))


def wal_of_another_database(place: Path, site: Site) -> None:
    """One whose checksums are right: SQLite takes it for this database's own."""
    other = place.with_name("other.db")
    with closing(sqlite3.connect(other)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript("CREATE TABLE other (x); INSERT INTO other VALUES (randomblob(20000));")
        shutil.copy(f"{other}-wal", f"{place}-wal")
    other.unlink()


def wal_of_its_neighbour(place: Path, site: Site) -> None:
    """The other database's, which has every page of it."""
    other = place.with_name("other.db")
    other.write_bytes(site.healthy[next(name for name in DATABASES if name != place.name)])
    with closing(sqlite3.connect(other)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("VACUUM")
        shutil.copy(f"{other}-wal", f"{place}-wal")
    other.unlink()


def overwrite(place: Path, start: int, data: bytes) -> None:
    with place.open("r+b") as file:
        file.seek(start)
        file.write(data)


def copy(new: sqlite3.Connection, old: sqlite3.Connection, query: str, table: str) -> None:
    rows = new.execute(query).fetchall()
    if rows:
        old.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


#: By name: the damage, whether the file is moved aside, and whether what it held is still known.
DAMAGES: dict[str, tuple[Callable[[Path, Site], None], bool, bool]] = {
    "deleted": (deleted, False, False),
    "emptied": (emptied, False, False),
    "cut inside a page": (cut_inside_a_page, True, False),
    "cut at a page": (cut_at_a_page, True, False),
    "noise in the first page": (noise_in_the_first_page, True, False),
    "noise in every page but the first": (noise_in_every_page_but_the_first, True, False),
    "zeros": (zeros, True, False),
    "another file": (other_file, True, False),
    "newer schema": (newer_schema, True, False),
    "older schema": (older_schema, False, False),
    "last week's": (last_weeks, False, False),
    "a link to it": (link_to_its_backup, False, True),
    "a link to another file": (link_to_another_file, True, False),
    "a link to nothing": (link_to_nothing, False, False),
    "a WAL of noise": (wal_of_noise, False, True),
    "a WAL of another database": (wal_of_another_database, False, False),
    "its neighbour's WAL": (wal_of_its_neighbour, True, False),
}


#: Those that are tried in every run; the others take long in all.
QUICK = {
    "state.db": ("deleted", "cut at a page", "noise in every page but the first", "older schema"),
    "catalog.db": ("deleted", "zeros", "older schema"),
}


def cases(name: str, *, but: str = "") -> list[ParameterSet]:
    """The damages of one database."""
    return [pytest.param(damage, marks=[] if damage in QUICK[name] else [pytest.mark.long]) for damage in DAMAGES if damage != but]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def judge(site: Site, *, is_known: bool) -> None:
    """Nothing is lost, nothing is doubled; each feed's documents together hold each of its posts once, under the id that it had."""
    zone = site.up.project.config.site.zone
    guids = [decode(text.encode(), name=name, zone=zone).post.guid for name, text in site.up.files.items()]
    assert len(guids) == len(set(guids)), sorted(guids)
    assert site.up.files == site.posts
    feeds = site.up.project.feeds()
    if is_known:
        assert feeds == site.feeds
    assert entries(feeds) == entries(site.feeds)
    assert not list(site.up.root.rglob("*.tmp"))
    for name in DATABASES:
        with closing(sqlite3.connect(site.place(name))) as database:
            assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS[name]),)


def entries(feeds: dict[str, bytes]) -> dict[str, list[tuple[str, str, str]]]:
    """Ids, titles and dates of the entries of each feed, over all its Atom documents."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for file, data in feeds.items():
        if file.endswith(".xml"):
            parsed = feedparser.parse(io.BytesIO(data))
            rows = found.setdefault(file.rpartition("/")[0], [])
            rows += [(entry.id, entry.title, entry.updated) for entry in parsed.entries]
            assert etree.fromstring(data).tag == f"{ATOM}feed"
    return {folder: sorted(rows) for folder, rows in found.items()}


def run_over(site: Site, name: str, damage: str, first: str, caplog: pytest.LogCaptureFixture) -> None:
    make, is_moved, is_known = DAMAGES[damage]
    make(site.place(name), site)
    caplog.clear()
    if first == "sync":
        assert site.sync() == 1
        site.publish()
    else:
        site.publish()
        assert site.sync() == 1
        site.publish()
    aside = sorted(path.name for path in site.place(name).parent.glob("*.unreadable-*") if not path.name.endswith(("-wal", "-shm")))
    assert aside == ([f"{name}.unreadable-1"] if is_moved else [])
    lines = [line for line in said(caplog) if "cannot be used" in line]
    assert len(lines) == is_moved
    assert all(str(site.place(name)) in line and aside[0] in line and "\n" not in line for line in lines)
    assert len([line for line in said(caplog) if line not in lines]) <= 1, said(caplog)
    judge(site, is_known=is_known or name == "catalog.db")
    site.publish()
    assert site.sync() == 0
    judge(site, is_known=is_known or name == "catalog.db")


@pytest.mark.parametrize("damage", cases("state.db", but="last week's"))
def test_H12_H13_a_state_that_is_lost_costs_nothing(site: Site, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    run_over(site, "state.db", damage, "sync", caplog)
    if damage == "a link to another file":
        assert site.place("precious").read_text() == "a person's own words\n" * 400


@pytest.mark.parametrize("is_moved", [False, True], ids=["where they were written", "one of them moved"])
def test_H13_last_weeks_state_doubles_no_post_that_came_since(site: Site, is_moved: bool) -> None:
    posts = dict(site.posts)
    if not is_moved:
        posts[site.ten] = posts.pop("mine/ten.md")
        (site.up.root / "posts" / "mine" / "ten.md").rename(site.up.root / "posts" / site.ten)
    last_weeks(site.place("state.db"), site)
    site.sync()
    site.publish()
    assert site.up.files == posts
    assert {title for rows in entries(site.up.project.feeds()).values() for _, title, _ in rows} == set(site.up.posts)


@pytest.mark.parametrize("damage", cases("catalog.db"))
def test_H12_H13_a_catalog_that_is_lost_changes_no_byte(site: Site, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    run_over(site, "catalog.db", damage, "publish", caplog)
    if damage == "a link to another file":
        assert site.place("precious").read_text() == "a person's own words\n" * 400


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "first", "damage"),
    [(name, first, damage) for name, first in (("state.db", "publish"), ("catalog.db", "sync")) for damage in QUICK[name]],
)
def test_H12_whoever_comes_first_finds_the_damage(site: Site, name: str, first: str, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    run_over(site, name, damage, first, caplog)


@pytest.mark.parametrize("name", ["state.db", pytest.param("catalog.db", marks=pytest.mark.long)])
@pytest.mark.parametrize("what", ["folder", *(pytest.param(what, marks=pytest.mark.long) for what in ("pipe", "a link to itself"))])
def test_H12_what_is_no_file_is_named_and_nothing_is_changed(site: Site, name: str, what: str) -> None:
    place = site.place(name)
    place.rename(place.with_name("kept"))
    if what == "folder":
        place.mkdir()
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(place)
    before = read(site.up.root)
    with pytest.raises(StorageError, match=name) as caught:
        site.publish()
    assert caught.value.exit_status == 3
    with pytest.raises(StorageError, match=name):
        site.sync()
        site.publish()
    assert {path for path in read(site.up.root).items() ^ before.items() if name == "state.db"} == set()
    assert not list(place.parent.glob("*.unreadable-*"))
    if what == "folder":
        place.rmdir()
    else:
        place.unlink()
    place.with_name("kept").rename(place)
    site.sync()
    site.publish()
    judge(site, is_known=True)


@pytest.mark.parametrize("name", ["state.db", pytest.param("catalog.db", marks=pytest.mark.long)])
def test_H3_H12_a_database_that_may_not_be_written_is_said_and_loses_nothing(site: Site, name: str) -> None:
    home = site.place(name).parent
    kept = home.with_name("kept")
    home.rename(kept)
    try:
        with mounted(home, "size=8m,ro"):
            before = read(site.up.root)
            for work in (site.publish, site.sync):
                with pytest.raises(StorageError) as caught:
                    work()
                assert caught.value.exit_status == 3
            assert read(site.up.root) == before
    finally:
        if home.exists():
            home.rmdir()
        kept.rename(home)
    assert site.sync() == 1
    site.publish()
    judge(site, is_known=True)


@pytest.mark.long
@pytest.mark.parametrize(("name", "filling", "step"), [("state.db", "noise", 1), ("state.db", "zeros", 2), ("catalog.db", "zeros", 4)])
def test_H12_any_page_that_is_overwritten_is_noticed_or_does_not_matter(site: Site, name: str, filling: str, step: int) -> None:
    chance = random.Random(7)
    for page in range(0, len(site.healthy[name]) // PAGE, step):
        site.restore()
        overwrite(site.place(name), page * PAGE, chance.randbytes(PAGE) if filling == "noise" else bytes(PAGE))
        new = site.sync()
        site.publish()
        assert new in (0, 1), (page, new)  # 0: the damage was found after the post was written, which then was taken over
        assert site.up.files == site.posts, page
        assert entries(site.up.project.feeds()) == entries(site.feeds), page
        if name == "catalog.db":
            assert site.up.project.feeds() == site.feeds, page


def test_the_start_of_the_story_is_what_the_tests_take_it_for(site: Site) -> None:
    """A person's post that moved has an id that path and date do not give; last week's databases know less."""
    assert site.up.clock.now > START
    assert b"Title 13" not in site.files["feeds/atom.xml"]
    assert {name: data != site.healthy[name] for name, data in site.backup.items()} == dict.fromkeys(DATABASES, True)
    assert (site.up.root / "posts" / ".feedmill-deleted").read_text() == "urn:item:2\n"
