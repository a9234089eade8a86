"""What a person does to posts, deleted ones or config.yaml is heard of once it is over, whether or not the system tells of it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from feedmill.service.changes import Change, Quiet
from feedmill.service.notices import Notices, listen
from feedmill.service.watched import WatchedFile, is_remote, list_folders, may_be_post
from feedmill.service.watching import MOST_FOLDERS, Watch, WatchTimes

SECONDS = 30
POSTS, DELETED, CONFIG = Change.POSTS, Change.DELETED, Change.CONFIG
#: Short times, so that a test takes no longer than what it waits for.
BRISK = WatchTimes(quiet=0.05, at_most=0.3, step=0.01, look=0.2, look_everywhere=0.4, poll=0.05, retry=SECONDS)
#: Nothing is looked at but what is told.
TOLD = WatchTimes(quiet=0.05, at_most=0.3, step=0.01, look=600, look_everywhere=600, poll=600, retry=600)
#: Long after anything that these times have to say.
LULL = 0.25


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run with an end to it, so that a hang is a failure."""

    async def within() -> None:
        async with asyncio.timeout(2 * SECONDS):
            await main

    asyncio.run(within())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


class Place:
    """A folder of posts and a configuration, watched."""

    def __init__(self, root: Path) -> None:
        self.root, self.posts, self.config = root, root / "posts", root / "config.yaml"
        (self.posts / "known").mkdir(parents=True)
        (self.posts / "known" / "old.md").write_text("old")
        (self.posts / "a.md").write_text("a")
        (self.posts / ".feedmill-deleted").write_text("guid 1\n")
        self.config.write_text("site: 1\n")
        self.heard: list[Change] = []
        self.paths: list[frozenset[str] | None] = []
        self.when: list[float] = []

    def hear(self, change: Change, paths: frozenset[str] | None) -> None:
        self.heard.append(change)
        self.paths.append(paths)
        self.when.append(time.monotonic())

    @asynccontextmanager
    async def watched(self, times: WatchTimes = TOLD, **seams: Any) -> AsyncIterator[Watch]:
        """Watch it; what the beginning itself tells is forgotten."""
        async with Watch(self.posts, self.config, heard=self.hear, times=times, **seams) as watch:
            await until(lambda: self.heard)
            assert (self.heard, self.paths[-1]) == ([POSTS], None)
            self.heard.clear()
            self.paths.clear()
            self.when.clear()
            yield watch

    async def until_heard(self, *changes: Change) -> None:
        await until(lambda: set(changes) <= set(self.heard))

    async def hears_nothing_of_it(self) -> None:
        """Wait, then do what is heard for sure: nothing but that may have been."""
        await asyncio.sleep(LULL)
        assert self.heard == []
        (self.posts / "sure.md").write_text("x")
        await self.until_heard(POSTS)
        assert self.heard == [POSTS]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# what counts


def save_as_editors_do(place: Place) -> None:
    """Vim and others: a new file takes the place of the old one, which is kept until it does."""
    (place.posts / "4913").touch()
    (place.posts / "4913").unlink()
    (place.posts / "a.md").rename(place.posts / "a.md~")
    (place.posts / "a.md").write_text("b")
    (place.posts / "a.md~").unlink()


def append(place: Place) -> None:
    with (place.posts / "a.md").open("a") as file:
        file.write("more")


def rename_over(place: Place) -> None:
    (place.posts / ".a.md.tmp").write_text("b")
    (place.posts / ".a.md.tmp").rename(place.posts / "a.md")


def move_a_folder_in(place: Place) -> None:
    (place.root / "else" / "deep").mkdir(parents=True)
    (place.root / "else" / "deep" / "x.md").write_text("x")
    (place.root / "else").rename(place.posts / "else")


def make_folders(place: Place) -> None:
    (place.posts / "一" / "二").mkdir(parents=True)
    (place.posts / "一" / "二" / "x.md").write_text("x")


CHANGES: dict[str, Callable[[Place], object]] = {
    "a new post": lambda place: (place.posts / "new.md").write_text("x"),
    "a new post in a folder": lambda place: (place.posts / "known" / "NEW.HTML").write_text("x"),
    "an edit": lambda place: (place.posts / "a.md").write_text("b"),
    "an edit at the end": append,
    "an edit as editors do it": save_as_editors_do,
    "an edit by renaming": rename_over,
    "another time": lambda place: os.utime(place.posts / "a.md"),
    "a deletion": lambda place: (place.posts / "a.md").unlink(),
    "a move": lambda place: (place.posts / "a.md").rename(place.posts / "known" / "b.md"),
    "a move out": lambda place: (place.posts / "a.md").rename(place.root / "b.md"),
    "a second name": lambda place: os.link(place.posts / "a.md", place.posts / "b.md"),
    "a link": lambda place: (place.posts / "b.md").symlink_to("a.md"),
    "a folder moved in": move_a_folder_in,
    "new folders": make_folders,
    "a folder moved out": lambda place: (place.posts / "known").rename(place.root / "known"),
    "a folder renamed": lambda place: (place.posts / "known").rename(place.posts / "renamed"),
    "a folder removed": lambda place: shutil.rmtree(place.posts / "known"),
}


def test_what_may_change_the_posts_is_told(tmp_path: Path) -> None:
    async def one(name: str) -> None:
        place = Place(tmp_path / name)
        async with place.watched():
            CHANGES[name](place)
            try:
                await place.until_heard(POSTS)
            except TimeoutError:
                pytest.fail(f"{name} is not told")
            await asyncio.sleep(LULL)
            assert set(place.heard) == {POSTS}, name
            assert len(place.heard) <= 3, name  # once more when somebody listens in a folder that came

    async def main() -> None:
        await asyncio.gather(*map(one, CHANGES))

    run(main())


#: What of CHANGES is told file by file, with the files; of the rest, that any post may have changed.
FILES = {
    "a new post": {"new.md"},
    "a new post in a folder": {"known/NEW.HTML"},
    "an edit": {"a.md"},
    "an edit as editors do it": {"a.md"},
    "an edit by renaming": {"a.md"},
    "another time": {"a.md"},
    "a deletion": {"a.md"},
    "a move": {"a.md", "known/b.md"},
    "a move out": {"a.md"},
    "a second name": {"b.md"},
    "a link": {"b.md"},
    "a folder moved in": None,
    "a folder renamed": None,
    "a folder removed": None,
}


def test_files_are_told_by_their_paths_and_folders_make_all_uncertain(tmp_path: Path) -> None:
    async def one(name: str, files: set[str] | None) -> None:
        place = Place(tmp_path / name)
        async with place.watched():
            CHANGES[name](place)
            await place.until_heard(POSTS)
            await asyncio.sleep(LULL)
            if files is None:
                assert None in place.paths, name
            else:
                told = set().union(*(paths or {"all"} for paths in place.paths))
                assert files <= told, name
                assert told <= files | {"a.md"}, name  # what gets a second name has another time

    async def main() -> None:
        await asyncio.gather(*(one(name, files) for name, files in FILES.items()))

    run(main())


def test_of_very_many_files_it_is_told_that_any_may_have_changed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.service.watching.MOST_PATHS", 3)

    async def main() -> None:
        async with place.watched():
            for number in range(5):
                (place.posts / f"{number}.md").write_text("x")
            await place.until_heard(POSTS)
            assert place.paths[-1] is None

    run(main())


def test_a_folder_of_a_posts_name_is_a_folder(place: Place) -> None:
    async def main() -> None:
        async with place.watched():
            (place.posts / "new.md").mkdir()
            await place.until_heard(POSTS)
            assert place.paths == [None]
            (place.posts / "new.md" / "inside.md").write_text("x")
            await until(lambda: frozenset({"new.md/inside.md"}) in place.paths or place.paths.count(None) > 1)

    run(main())


def leave_traces(place: Place) -> None:
    """Do what editors, tools and we do beside the posts."""
    for name in (".a.md.swp", "a.md~", "4913", "#a.md#", ".#a.md", "a.md.bak", "a.jpg", "_index.md", ".feedmill-x1.tmp", ".DS_Store"):
        (place.posts / name).write_text("x")
        (place.posts / name).unlink()
    (place.posts / ".git" / "objects").mkdir(parents=True)
    (place.posts / ".git" / "x.md").write_text("x")
    (place.posts / "a.md").read_text()
    list(place.posts.rglob("*"))
    (place.root / "feeds").mkdir()
    (place.root / "feeds" / "x.md").write_text("x")


def test_what_changes_no_post_is_not_told(place: Place) -> None:
    outside = place.root / "outside"
    outside.mkdir()
    (place.posts / "link").symlink_to(outside)

    async def main() -> None:
        async with place.watched():
            leave_traces(place)
            (outside / "x.md").write_text("x")
            (place.posts / "known" / "link").symlink_to(outside)
            place.config.write_text("site: 1\n")
            os.utime(place.posts / ".feedmill-deleted")
            await place.hears_nothing_of_it()

    run(main())


def test_what_comes_into_new_folders_is_told(place: Place) -> None:
    async def main() -> None:
        async with place.watched():
            folder = place.posts
            for number in range(4):
                folder = folder / str(number)
                folder.mkdir()
                await place.until_heard(POSTS)
                place.heard.clear()
                (folder / "x.md").write_text("x")
                await place.until_heard(POSTS)
                await asyncio.sleep(0.1)
                place.heard.clear()
            (folder / "x.md").write_text("changed")
            await place.until_heard(POSTS)

    run(main())


def test_folders_that_keep_coming_hold_nothing_up(place: Place) -> None:
    async def main() -> None:
        async with place.watched():
            give_up = time.monotonic() + 20.0
            number = 0
            while len(place.heard) < 2 and time.monotonic() < give_up:
                (place.posts / f"{number}").mkdir()
                number += 1
                await asyncio.sleep(0.01)
            assert len(place.heard) >= 2

    run(main())


@pytest.mark.parametrize("times", [TOLD, BRISK])
def test_the_list_of_deleted_posts_is_a_change_of_its_own(place: Place, times: WatchTimes) -> None:
    async def main() -> None:
        async with place.watched(times):
            (place.posts / ".feedmill-deleted").write_text("guid 1\nguid 2\n")
            await place.until_heard(DELETED)
            (place.posts / ".feedmill-deleted").unlink()
            await until(lambda: place.heard == [DELETED, DELETED])

    run(main())


def replace_config(place: Place) -> None:
    place.config.with_name("new.yaml").write_text("site: 2\n")
    place.config.with_name("new.yaml").rename(place.config)


@pytest.mark.parametrize(
    "change", [lambda place: place.config.write_text("site: 2\n"), replace_config, lambda place: place.config.unlink()]
)
def test_another_configuration_is_told(place: Place, change: Callable[[Place], object]) -> None:
    async def main() -> None:
        async with place.watched():
            change(place)
            await place.until_heard(CONFIG)
            place.config.write_text("site: 3\n")
            await until(lambda: place.heard.count(CONFIG) == 2)

    run(main())


def test_a_configuration_behind_links_is_followed(place: Place) -> None:
    """As Kubernetes gives a ConfigMap: config.yaml → ..data/config.yaml, and ..data is replaced by a rename."""
    for number in (1, 2, 3):
        (place.root / f"..{number}").mkdir()
        (place.root / f"..{number}" / "config.yaml").write_text(f"site: {number}\n")
    place.config.unlink()
    (place.root / "..data").symlink_to("..1")
    place.config.symlink_to("..data/config.yaml")

    async def main() -> None:
        async with place.watched(BRISK):
            for number in (2, 3):
                (place.root / "..new").symlink_to(f"..{number}")
                (place.root / "..new").rename(place.root / "..data")
                shutil.rmtree(place.root / f"..{number - 1}")
                await place.until_heard(CONFIG)
                place.heard.clear()
            (place.root / "..3" / "config.yaml").write_text("site: 4\n")
            await place.until_heard(CONFIG)

    run(main())


def test_the_configuration_is_compared_with_what_it_was_when_the_watch_was_made(place: Place) -> None:
    async def main() -> None:
        watch = Watch(place.posts, place.config, heard=place.hear, times=TOLD)
        place.config.write_text("site: 2\n")
        async with watch:
            await place.until_heard(POSTS, CONFIG)

    run(main())


# when


@pytest.mark.parametrize("is_told", [True, False])
def test_an_edit_is_told_in_time_for_its_feeds_to_follow_within_two_seconds(place: Place, is_told: bool) -> None:
    mounts = place.root / "mounts"
    mounts.write_text("" if is_told else f"1 1 0:1 / {os.path.realpath(place.posts)} rw - nfs4 server:/ rw\n")

    async def main() -> None:
        async with place.watched(WatchTimes(), mounts=mounts) as watch:
            assert watch.is_polling is not is_told
            took = []
            for number in range(2):
                begun = time.monotonic()
                (place.posts / f"{number}.md").write_text("x")
                await place.until_heard(POSTS)
                took.append(place.when[0] - begun)
                place.heard.clear()
                place.when.clear()
                if took[-1] < 2:
                    return
            pytest.fail(f"told after {took} s")

    run(main())


def test_a_file_that_grows_is_told_when_it_is_whole(place: Place) -> None:
    async def main() -> None:
        async with place.watched(WatchTimes(quiet=0.4, at_most=SECONDS, step=0.01)):
            written = [time.monotonic()]
            with open(place.posts / "large.md", "w") as file:
                while written[-1] < written[0] + 0.8:
                    file.write("more\n")
                    file.flush()
                    await asyncio.sleep(0.02)
                    written.append(time.monotonic())
            await place.until_heard(POSTS)
            if max(later - sooner for sooner, later in pairwise(written)) < 0.2:  # else this machine made the pause
                assert place.when[0] >= written[-1]

    run(main())


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ([], {}),
        ([(0.0, POSTS)], {POSTS: 0.25}),
        ([(0.0, POSTS), (0.2, POSTS)], {POSTS: 0.45}),
        ([(0.0, POSTS), (0.2, CONFIG)], {POSTS: 0.25, CONFIG: 0.45}),
        ([(number / 10, POSTS) for number in range(11)], {POSTS: 1.2}),
    ],
)
def test_a_change_is_over_when_nothing_more_is_heard_or_it_takes_too_long(
    heard: list[tuple[float, Change]], told: dict[Change, float]
) -> None:
    quiet = Quiet(0.25, 1.2)
    for now, change in heard:
        assert quiet.due(now) == []
        quiet.hear(change, now)
    for change, end in sorted(told.items(), key=lambda item: item[1]):
        assert quiet.wait(end - 0.1) == pytest.approx(0.1)
        assert quiet.due(end - 0.001) == []
        assert quiet.due(end) == [change]
    assert quiet.wait(99.0) is None


# where nobody tells


class Deaf:
    """A system that tells of changes as often as it may, and says why it does not."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0

    def listen(self, folders: list[str]) -> Notices:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return listen(folders)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (OSError("OS file watch limit reached. (Error { kind: MaxFilesWatch })"), "raise fs.inotify.max_user_watches"),
        (OSError(errno.ENOSPC, "no space left on device"), "raise fs.inotify.max_user_watches"),
        (RuntimeError("Error creating recommended watcher: Too many open files (os error 24)"), "raise fs.inotify.max_user_instances"),
        (RuntimeError("Something\nelse"), "Something else"),
    ],
)
def test_why_nobody_tells_is_said_in_one_line(place: Place, caplog: pytest.LogCaptureFixture, failure: Exception, told: str) -> None:
    async def main() -> None:
        async with place.watched(BRISK, listen=Deaf(failure).listen) as watch:
            assert watch.is_polling

    run(main())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert told in caplog.messages[0]


def test_where_notification_is_full_the_posts_are_looked_through_and_it_is_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    deaf = Deaf(*[OSError(errno.ENOSPC, "no space left on device")] * 2)

    async def main() -> None:
        async with place.watched(WatchTimes(quiet=0.05, at_most=0.3, step=0.01, poll=0.05, retry=0.3), listen=deaf.listen) as watch:
            assert watch.is_polling
            (place.posts / "known" / "new.md").write_text("x")
            place.config.write_text("site: 2\n")
            (place.posts / ".feedmill-deleted").unlink()
            await place.until_heard(POSTS, CONFIG, DELETED)
            await until(lambda: not watch.is_polling)
            await until(lambda: place.heard.count(POSTS) >= 2)
            place.heard.clear()
            (place.posts / "later.md").write_text("x")
            await place.until_heard(POSTS)

    run(main())
    assert deaf.asked == 3
    levels = [record.levelno for record in caplog.records if record.name == "feedmill.service.watching"]
    assert levels == [logging.WARNING, logging.INFO]


@pytest.mark.parametrize("change", [lambda posts: (posts / "a.md").write_text("b"), lambda posts: shutil.rmtree(posts / "known")])
def test_where_others_write_the_posts_are_looked_through(place: Place, change: Callable[[Path], object]) -> None:
    deaf = Deaf()
    mounts = place.root / "mounts"
    mounts.write_text(f"1 1 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / {os.path.realpath(place.root)} rw - fuse.sshfs x rw\n")

    async def main() -> None:
        async with place.watched(BRISK, listen=deaf.listen, mounts=mounts) as watch:
            await asyncio.sleep(0.2)
            assert place.heard == []
            change(place.posts)
            await place.until_heard(POSTS)
            assert watch.is_polling

    run(main())
    assert deaf.asked == 0


def test_more_folders_than_can_be_listened_to_are_looked_through(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(MOST_FOLDERS):
        (place.posts / f"{number}").mkdir()

    async def main() -> None:
        async with place.watched(BRISK):
            (place.posts / "7" / "new.md").write_text("x")
            await place.until_heard(POSTS)

    run(main())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "2,002 folders" in caplog.text


def test_a_folder_that_is_not_there_yet_is_waited_for(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.posts.rename(place.root / "away")

    async def main() -> None:
        async with place.watched(BRISK) as watch:
            assert watch.is_polling
            (place.root / "away").rename(place.posts)
            await place.until_heard(POSTS)
            await until(lambda: not watch.is_polling)

    run(main())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No such file" in caplog.text


def remove_and_make_again(place: Place) -> None:
    shutil.rmtree(place.posts)
    place.posts.mkdir()


def put_another_in_its_place(place: Place) -> None:
    (place.root / "other").mkdir()
    place.posts.rename(place.root / "away")
    (place.root / "other").rename(place.posts)


def lead_the_link_elsewhere(place: Place) -> None:
    (place.root / "other").mkdir()
    (place.root / "new").symlink_to("other")
    (place.root / "new").rename(place.posts)


@pytest.mark.parametrize("change", [remove_and_make_again, put_another_in_its_place, lead_the_link_elsewhere])
def test_another_folder_in_its_place_is_watched(place: Place, change: Callable[[Place], object]) -> None:
    if change is lead_the_link_elsewhere:
        place.posts.rename(place.root / "real")
        place.posts.symlink_to("real")

    async def main() -> None:
        async with place.watched(BRISK) as watch:
            change(place)
            await place.until_heard(POSTS)
            await asyncio.sleep(LULL)
            await until(lambda: not watch.is_polling)
            place.heard.clear()
            (place.posts / "x.md").write_text("x")
            await place.until_heard(POSTS)

    run(main())


def test_folders_that_nobody_told_of_are_found(place: Place) -> None:
    """The kernel drops notices that it has no room for; here it drops that of a folder."""

    class Forgetful:
        def __init__(self, folders: list[str]) -> None:
            self._notices = listen(folders)

        def watch(self, *arguments: Any) -> set[tuple[int, str]] | str:
            told = self._notices.watch(*arguments)
            return told if isinstance(told, str) else {(kind, path) for kind, path in told if not path.endswith("secret")}

        def close(self) -> None:
            self._notices.close()

    async def main() -> None:
        async with place.watched(BRISK, listen=Forgetful):
            (place.posts / "secret").mkdir()
            await place.until_heard(POSTS)
            await asyncio.sleep(LULL)
            place.heard.clear()
            (place.posts / "secret" / "x.md").write_text("x")
            await place.until_heard(POSTS)

    run(main())


def test_a_name_that_is_not_utf8_does_not_end_the_watch(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    name = os.path.join(os.fsencode(place.posts), b"\xff.md")
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.unlink(name)
        os.mkdir(name[:-3])
    except OSError:
        pytest.skip("this file system has no such names")

    async def main() -> None:
        async with place.watched(BRISK) as watch:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
            await place.until_heard(POSTS)
            await asyncio.sleep(LULL)
            place.heard.clear()
            (place.posts / "a.md").write_text("b")
            await place.until_heard(POSTS)
            assert not watch.is_polling

    run(main())
    assert not caplog.records


def test_notification_that_breaks_again_and_again_is_given_up(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def watch(self, *_: object) -> str:
            raise RuntimeError("it broke\n2026-01-01 ERROR forged")

        def close(self) -> None: ...

    async def main() -> None:
        async with place.watched(BRISK, listen=lambda _: Broken()) as watch:
            await until(lambda: watch.is_polling)
            await asyncio.sleep(LULL)
            place.heard.clear()
            (place.posts / "a.md").write_text("b")
            await place.until_heard(POSTS)

    run(main())
    assert len(caplog.records) == 1
    assert "\n" not in caplog.messages[0]


def test_a_defect_of_ours_ends_no_watch(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with place.watched(BRISK, listen=Deaf(ZeroDivisionError()).listen):
            (place.posts / "a.md").write_text("b")
            await place.until_heard(POSTS)

    run(main())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# the end


def test_nothing_is_left_of_a_watch(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "watchfiles")

    def held() -> set[str]:
        found = {thread.name for thread in threading.enumerate()}
        for kind in ("fd", "task"):
            with suppress(OSError):
                found |= {f"{kind} {entry.name}" for entry in Path(f"/proc/self/{kind}").iterdir()}
        return found

    async def main() -> None:
        before = held()
        for times in (WatchTimes(), TOLD, BRISK):
            async with place.watched(times, listen=Deaf(*[OSError()] * (times is BRISK)).listen):
                (place.posts / "a.md").write_text("b")
                await place.until_heard(POSTS)
                begun = time.monotonic()
            place.heard.clear()
            assert time.monotonic() - begun < 1.0, "it must end within a second"
        await until(lambda: held() <= before | {"fd 99"})

    run(main())
    assert [record for record in caplog.records if record.name.startswith("watchfiles")] == []


def test_a_watch_that_waits_for_a_disk_holds_nobody_up(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    disk = threading.Event()

    class Stuck:
        def watch(self, *_: object) -> str:
            disk.wait(SECONDS)
            return "timeout"

        def close(self) -> None: ...

    async def main() -> None:
        async with Watch(place.posts, place.config, heard=place.hear, times=WatchTimes(ending=0.1), listen=lambda _: Stuck()):
            await asyncio.sleep(0.05)
        assert "does not end" in caplog.text
        disk.set()
        await until(lambda: not [thread for thread in threading.enumerate() if thread.name == "feedmill-watch"])

    run(main())


# names, folders, files, mounts


@pytest.mark.parametrize(
    ("name", "is_post"),
    [
        ("a.md", True),
        ("A.MARKDOWN", True),
        ("名.html", True),
        ("x.htm", True),
        (".a.md", False),
        (".a.md.swp", False),
        ("a.md~", False),
        ("#a.md#", False),
        (".#a.md", False),
        ("4913", False),
        ("a.md.bak", False),
        ("a.md___jb_tmp___", False),
        ("_index.md", False),
        (".feedmill-1.tmp", False),
        ("a.jpg", False),
        ("md", False),
        ("", False),
    ],
)
def test_names_of_posts(name: str, is_post: bool) -> None:
    assert may_be_post(name) is is_post


def test_folders_that_may_hold_posts(place: Place) -> None:
    for name in ("known/deep", ".git/objects", "known/.hidden", "x.md"):
        (place.posts / name).mkdir(parents=True)
    (place.posts / "link").symlink_to(place.root)
    with suppress(OSError):
        os.mkdir(os.path.join(os.fsencode(place.posts), b"\xff"))
    found = list_folders(str(place.posts))
    assert set(found) == {str(place.posts / name) for name in ("", "known", "known/deep", "x.md")}
    status = os.stat(place.posts)
    assert found[str(place.posts)] == (status.st_dev, status.st_ino)
    with pytest.raises(FileNotFoundError):
        list_folders(str(place.root / "nowhere"))


def test_a_file_has_changed_when_it_holds_something_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    file = WatchedFile(path)
    assert (file.has_moved(), file.has_changed()) == (False, False)
    path.write_text("1")
    assert (file.has_moved(), file.has_moved(), file.has_changed(), file.has_changed()) == (True, False, True, False)
    path.unlink()
    path.write_text("1")
    assert (file.has_moved(), file.has_changed()) == (True, False)
    path.unlink()
    os.mkfifo(path)
    assert (file.has_moved(), file.has_changed()) == (True, True)
    path.unlink()
    path.mkdir()
    assert (file.has_moved(), file.has_changed()) == (True, True)


MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:20 / /proc rw,nosuid shared:5 - proc proc rw
30 21 0:30 / /mnt/nas rw shared:7 master:1 - nfs4 nas:/x rw
31 30 8:1 / /mnt/nas/local rw - ext4 /dev/sdb rw
32 21 0:32 / /mnt/with\\040space rw - cifs //x/y rw
33 21 0:33 / /mnt/over rw - nfs x:/ rw
34 33 8:2 / /mnt/over rw - ext4 /dev/sdc rw
35 21 0:35 / /mnt/user rw - fuse.rclone x rw
36 21 0:36 / /mnt/ntfs rw - fuseblk /dev/sdd rw
37 21 0:37 / /mnt/vm rw - virtiofs x rw
38 21 0:38 / /mnt/wsl rw - 9p C:\\134 rw
broken line
""".splitlines()


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("/home/me/posts", False),
        ("/mnt/nas", True),
        ("/mnt/nas/posts", True),
        ("/mnt/nasty", False),
        ("/mnt/nas/local/posts", False),
        ("/mnt/with space/posts", True),
        ("/mnt/over/posts", False),
        ("/mnt/user/posts", True),
        ("/mnt/ntfs/posts", False),
        ("/mnt/vm/posts", True),
        ("/mnt/wsl/posts", True),
    ],
)
def test_file_systems_that_others_change(path: str, is_so: bool) -> None:
    assert is_remote(MOUNTS, path) is is_so
    assert is_remote([], path) is False
