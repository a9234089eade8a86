"""Only regular files inside the folder are posts; whatever else stands there is passed over or named, and never stops the others."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.durable import TEMP_PREFIX, TEMP_SUFFIX, stage
from feedmill.errors import PostError, StorageError
from feedmill.posts.store import CLOCK_TICK_NS, Stamp, list_posts, list_some, read_post, wait_for_tick
from machine import without_root_rights

LIMIT = 1000


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """A folder with one good post, `good.md`, and a secret beside it."""
    (tmp_path / "secret.md").write_text("secret")
    folder = tmp_path / "posts"
    folder.mkdir()
    (folder / "good.md").write_text("good")
    return folder


@pytest.fixture
def powerless() -> Iterator[Path]:
    """A folder of posts of another user, in which `private/` is closed, while this process has no rights of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "private").mkdir()
        (folder / "private" / "x.md").write_text("x")
        for file in ("good.md", "closed.md"):
            (folder / file).write_text("text")
        (folder / "closed.md").chmod(0)
        (folder / "private").chmod(0)
        folder.chmod(0o755)
        with without_root_rights():
            if os.access(folder / "private", os.R_OK, effective_ids=True):
                pytest.skip("this user may read everything")
            yield folder
        (folder / "private").chmod(0o755)


def names(folder: Path) -> list[str]:
    return sorted(list_posts(folder).stamps)


# what is a post


def test_posts_are_found_at_any_depth_by_their_paths(posts: Path) -> None:
    for path in ("新媒体/人人/一.md", "a/b.markdown", "a/c.HTML", "d.htm", "x.md/inside.md"):
        (posts / path).parent.mkdir(parents=True, exist_ok=True)
        (posts / path).write_text("text")
    assert names(posts) == sorted(["a/b.markdown", "a/c.HTML", "d.htm", "good.md", "x.md/inside.md", "新媒体/人人/一.md"])


def test_a_stamp_is_what_the_file_system_says(posts: Path) -> None:
    status = os.stat(posts / "good.md")
    assert list_posts(posts).stamps == {"good.md": Stamp(status.st_mtime_ns, status.st_ctime_ns, 4)}


@pytest.mark.parametrize("path", [".hidden.md", ".git/x.md", ".obsidian/a/x.md", "picture.png", "notes.txt", "README", "x.md.bak", "md"])
def test_what_is_no_post_is_passed_over_in_silence(posts: Path, path: str) -> None:
    (posts / path).parent.mkdir(parents=True, exist_ok=True)
    (posts / path).write_text("text")
    listing = list_posts(posts)
    assert (sorted(listing.stamps), listing.problems, listing.leftovers) == (["good.md"], [], [])


def test_leftovers_of_killed_writers_are_found_and_are_no_posts(posts: Path) -> None:
    (posts / "a").mkdir()
    left = [stage(posts / "good.md", [b"half"]), stage(posts / "a" / "new.md", [b"half"])]
    (posts / f"{TEMP_PREFIX}a.md").write_text("a person's own")
    listing = list_posts(posts)
    assert sorted(listing.leftovers) == sorted(left)
    assert (sorted(listing.stamps), listing.problems) == (["good.md"], [])
    assert not any(name.endswith((TEMP_PREFIX, TEMP_SUFFIX)) for name in listing.stamps)


# what stands in the way


def dangling(posts: Path) -> None:
    (posts / "odd.md").symlink_to("nowhere.md")


def loop(posts: Path) -> None:
    (posts / "odd.md").symlink_to("odd.md")


def out(posts: Path) -> None:
    (posts / "odd.md").symlink_to("../secret.md")


def absolute(posts: Path) -> None:
    (posts / "odd.md").symlink_to("/etc/hostname")


def through_a_folder(posts: Path) -> None:
    (posts.parent / "elsewhere").mkdir()
    (posts.parent / "elsewhere" / "x.md").write_text("x")
    (posts / "odd.md").symlink_to("../elsewhere")


def twin_folder(posts: Path) -> None:
    """A folder whose name only begins like that of the posts."""
    (posts.parent / "posts-private").mkdir()
    (posts.parent / "posts-private" / "x.md").write_text("x")
    (posts / "odd.md").symlink_to("../posts-private/x.md")


def fifo(posts: Path) -> None:
    os.mkfifo(posts / "odd.md")


@pytest.mark.parametrize(
    ("make", "rule", "reason"),
    [
        (dangling, "link", "a link to nothing"),
        (loop, "unreadable", "cannot be read"),
        (out, "link", "a link out of the folder"),
        (absolute, "link", "a link out of the folder"),
        (through_a_folder, "link", "a link out of the folder"),
        (twin_folder, "link", "a link out of the folder"),
        (fifo, "unreadable", "not a regular file"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_cannot_be_a_post_is_named_and_the_others_are_found(posts: Path, make: Callable[[Path], None], rule: str, reason: str) -> None:
    make(posts)
    listing = list_posts(posts)
    assert sorted(listing.stamps) == ["good.md"]
    (problem,) = listing.problems
    assert (problem.path, problem.line, problem.rule) == ("odd.md", 0, rule)
    assert reason in problem.message


def test_a_folder_linked_from_outside_is_named_because_its_posts_are_missing(posts: Path) -> None:
    (posts.parent / "elsewhere").mkdir()
    (posts.parent / "elsewhere" / "x.md").write_text("x")
    (posts / "linked").symlink_to("../elsewhere")
    listing = list_posts(posts)
    assert sorted(listing.stamps) == ["good.md"]
    assert [(problem.path, problem.rule) for problem in listing.problems] == [("linked", "link")]


def test_links_inside_the_folder_are_followed_to_files_and_not_to_folders(posts: Path) -> None:
    (posts / "a").mkdir()
    (posts / "a" / "x.md").write_text("x")
    (posts / "same.md").symlink_to("a/x.md")
    (posts / "folder").symlink_to("a")
    (posts / "a" / "up").symlink_to("..")
    listing = list_posts(posts)
    assert sorted(listing.stamps) == ["a/x.md", "good.md", "same.md"]
    assert listing.problems == []


def test_the_folder_itself_may_be_a_link(posts: Path) -> None:
    link = posts.parent / "link"
    link.symlink_to("posts")
    (posts / "same.md").symlink_to("good.md")
    assert names(link) == ["good.md", "same.md"]


@pytest.mark.parametrize("name", [b"caf\xe9.md", b"\xff/x.md", b"caf\xe9-link.md"], ids=ascii)
def test_a_name_that_is_not_utf_8_is_named_in_utf_8(posts: Path, name: bytes) -> None:
    path = os.fsencode(posts) + b"/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if b"link" in name:
        os.symlink(b"nowhere", path)
    else:
        with open(path, "wb"):
            pass
    listing = list_posts(posts)
    assert sorted(listing.stamps) == ["good.md"]
    (problem,) = listing.problems
    assert problem.path == name.decode("utf-8", "replace")
    assert problem.path.encode("utf-8")


@pytest.mark.parametrize("date", [4_000_000_000, 13_569_465_600, -10_000_000_000], ids=["2096", "2400", "1653"])
def test_a_file_of_any_date_has_a_stamp_that_a_database_can_hold(posts: Path, date: int) -> None:
    os.utime(posts / "good.md", (date, date))
    stamp = list_posts(posts).stamps["good.md"]
    assert all(-(2**63) <= number < 2**63 for number in stamp)


def test_an_unreadable_folder_below_is_named_and_the_others_are_found(powerless: Path) -> None:
    listing = list_posts(powerless)
    assert sorted(listing.stamps) == ["closed.md", "good.md"]
    (problem,) = listing.problems
    assert (problem.path, problem.rule) == ("private", "unreadable")
    assert "Permission denied" in problem.message


def test_an_unreadable_post_is_refused_when_it_is_read(powerless: Path) -> None:
    with pytest.raises(PostError, match="it cannot be read: Permission denied"):
        read_post(str(powerless), "closed.md", limit=LIMIT)


def test_a_folder_of_posts_that_cannot_be_read_is_a_storage_error(powerless: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read: Permission denied; give this user permission") as caught:
        list_posts(powerless / "private")
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("name", ["gone", "a file"])
def test_no_folder_of_posts_is_a_storage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").write_text("x")
    with pytest.raises(StorageError, match=rf"the folder of posts .*{name} cannot be read"):
        list_posts(tmp_path / name)


def test_an_empty_folder_has_no_posts(tmp_path: Path) -> None:
    listing = list_posts(tmp_path)
    assert (listing.stamps, listing.problems, listing.leftovers) == ({}, [], [])


# reading


@settings(max_examples=30)
@given(data=st.binary(max_size=LIMIT))
def test_a_post_is_read_byte_for_byte(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("posts")
    (folder / "一.md").write_bytes(data)
    assert read_post(str(folder), "一.md", limit=LIMIT) == data


@pytest.mark.parametrize(("size", "fits"), [(0, True), (LIMIT, True), (LIMIT + 1, False), (LIMIT * 50, False)])
def test_a_post_larger_than_the_limit_is_refused_unread(posts: Path, size: int, *, fits: bool) -> None:
    (posts / "x.md").write_bytes(b"x" * size)
    if fits:
        assert len(read_post(str(posts), "x.md", limit=LIMIT)) == size
    else:
        with pytest.raises(PostError, match=f"{size:,} bytes, the limit is {LIMIT:,}"):
            read_post(str(posts), "x.md", limit=LIMIT)


def test_a_post_that_has_gone_is_gone(posts: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_post(str(posts), "x.md", limit=LIMIT)


@pytest.mark.parametrize("make", [fifo, lambda posts: (posts / "odd.md").mkdir(), loop], ids=["fifo", "folder", "loop"])
def test_what_has_become_something_else_is_refused_without_waiting(posts: Path, make: Callable[[Path], None]) -> None:
    make(posts)
    refused: list[PostError] = []

    def read() -> None:
        with pytest.raises(PostError, match=r"not a regular file|it cannot be read") as caught:
            read_post(str(posts), "odd.md", limit=LIMIT)
        refused.append(caught.value)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout=5)
    assert refused


# the clock


@pytest.mark.parametrize(
    ("age_ns", "expected"),
    [
        (0, [0.02]),
        (5_000_000, [0.015]),
        (CLOCK_TICK_NS, []),
        (10**18, []),
        (-1, []),
        (-(10**18), []),
    ],
    ids=["now", "5 ms ago", "a tick ago", "long ago", "just in the future", "far in the future"],
)
def test_the_wait_for_a_tick_is_no_longer_than_the_tick(age_ns: int, expected: list[float]) -> None:
    now = 1_780_000_000_000_000_000
    waits: list[float] = []
    wait_for_tick(now - age_ns, now_ns=lambda: now, sleep=waits.append)
    assert waits == pytest.approx(expected)


def test_a_change_after_the_wait_shows_in_the_stamp(posts: Path) -> None:
    for turn in range(10):
        (posts / "good.md").write_text(f"text {turn} before")
        stamp = list_posts(posts).stamps["good.md"]
        wait_for_tick(max(stamp.mtime_ns, stamp.ctime_ns))
        with (posts / "good.md").open("r+") as file:
            file.write(f"TEXT {turn}")
        assert list_posts(posts).stamps["good.md"] != stamp


# some of them


def test_some_are_listed_as_all_of_them_are(posts: Path) -> None:
    for path in ("a/b.md", "a/_index.md", "a/x.txt", "dir.md/inside.md", "B.HTML"):
        (posts / path).parent.mkdir(exist_ok=True)
        (posts / path).write_text(path)
    (posts / "in.md").symlink_to("good.md")
    (posts / "out.md").symlink_to(posts.parent / "secret.md")
    (posts / "nowhere.md").symlink_to("nothing")
    (posts / "behind").symlink_to(posts / "a")
    os.mkfifo(posts / "pipe.md")
    whole = list_posts(posts)
    paths = [path.relative_to(posts).as_posix() for path in posts.rglob("*")]
    some = list_some(posts, [*paths, "gone.md", "gone/x.md", "behind/b.md"])
    assert some.stamps == whole.stamps
    assert sorted(some.problems, key=str) == sorted((problem for problem in whole.problems if problem.path != "behind"), key=str)
    assert list_some(posts, ["good.md", "gone.md"]).stamps == {"good.md": whole.stamps["good.md"]}
    with pytest.raises(StorageError, match="cannot be read"):
        list_some(posts / "nothing", ["x.md"])
