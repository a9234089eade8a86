"""Tells when posts, the list of deleted ones or config.yaml have changed: once a change is over, within two seconds of its begin.

One thread listens to the file system through watchfiles, or looks at everything again and again where that tells nothing. Folders
are watched one by one: watchfiles' own recursion goes through links out of the folder, and into hidden folders (measured).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from feedmill.consumer.tombstones import NAME as TOMBSTONES
from feedmill.durable import is_temporary
from feedmill.errors import StorageError
from feedmill.posts.store import list_posts
from feedmill.service.changes import Change, Quiet
from feedmill.service.notices import Notices, listen, why_not
from feedmill.service.watched import Identity, WatchedFile, identity_of, is_folder, is_remote, list_folders, may_be_post
from feedmill.text import one_line

logger = logging.getLogger(__name__)

__all__ = ["Change", "Watch", "WatchTimes"]

#: More folders than this are not watched one by one: watchfiles takes 20 µs for each, and lets nothing else run meanwhile (measured).
MOST_FOLDERS = 2_000
#: More files than this are not told one by one: the kernel keeps 16,384 notices for a listener (fs.inotify.max_queued_events), drops the
#: others, and nobody tells of that. Where notices of other files may have filled its list, all posts are looked at within a minute.
MOST_PATHS = 1_000
#: So often in a row may listening break before it counts as missing.
_PATIENCE = 3
#: Folders may come by the hundred: listening begins anew once in so many seconds.
_PACE = 1.0
#: Looking through the posts takes a tenth of one processor at most, and a third of what the disk has time for.
_OF_PROCESSOR, _OF_DISK = 9, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTimes:
    """All in seconds."""

    #: A change is over when nothing more was heard for so long, …
    quiet: float = 0.25
    #: … and is told after this in any case.
    at_most: float = 1.2
    #: How often watchfiles looks whether it has heard something.
    step: float = 0.05
    #: How often what tells of no change is looked at: a replaced folder, a configuration behind a link …
    look: float = 5.0
    #: … and whether a folder escaped that came while much else happened.
    look_everywhere: float = 60.0
    #: Where nothing is told, the posts are looked through so often, less often where that takes long.
    poll: float = 1.0
    #: How long until notification is tried again.
    retry: float = 300.0
    #: How long leaving the context waits for the thread, which takes one step unless a disk has gone.
    ending: float = 2.0


class _Unnotified(Exception):
    """Nobody tells of changes; the message says why."""


class Watch:
    """A context in which `heard` is called, in the event loop, for everything that changes.

    It begins with POSTS, for what changed before. Of POSTS it also says which files (relative to the folder, with "/") may have
    changed since it last did; None where it cannot know. The configuration is compared with what it was when the Watch was made:
    make it first, then read the file.
    """

    def __init__(
        self,
        posts: Path,
        config: Path,
        *,
        heard: Callable[[Change, frozenset[str] | None], None],
        times: WatchTimes = WatchTimes(),
        listen: Callable[[list[str]], Notices] = listen,
        mounts: Path = Path("/proc/self/mountinfo"),
    ) -> None:
        """`posts` is a folder, which need not be there yet, `config` a file. `listen` and `mounts` are the system's."""
        self._posts, self._heard, self._times = posts.absolute(), heard, times
        self._listen, self._mounts = listen, mounts
        self._files = {Change.CONFIG: WatchedFile(config.absolute()), Change.DELETED: WatchedFile(self._posts / TOMBSTONES)}
        self._quiet = Quiet(times.quiet, times.at_most)
        #: What is listened to: the folder of posts without links, all folders of it, and those of the configuration.
        self._root = ""
        self._folders: dict[str, Identity] = {}
        self._config_folders: dict[str, Identity | None] = {}
        #: Files that may have changed since POSTS was told; None where that is not known.
        self._paths: set[str] | None = None
        #: True when notices came that mean nothing.
        self._is_noisy = False
        #: True when folders came or went since listening began.
        self._is_outdated = False
        #: The posts as they were when they were looked through last; None when they could not be read.
        self._seen: int | None = None
        #: Why nobody tells of changes; "" while somebody does.
        self._reason = ""
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="feedmill-watch", daemon=True)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        try:
            async with asyncio.timeout(self._times.ending):
                await self._ended.wait()
        except TimeoutError:
            logger.warning("the watch over %s does not end; it waits for a disk", self._posts)
        else:
            self._thread.join()

    @property
    def is_polling(self) -> bool:
        """True where changes are looked for, because nobody tells of them."""
        return bool(self._reason)

    def _run(self) -> None:
        """Be the thread."""
        breaks = 0
        self._hear(Change.POSTS)
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                self._follow()
            except _Unnotified as exc:
                self._poll(str(exc))
            except RuntimeError as exc:  # for every file, too, whose name is not UTF-8
                breaks = breaks + 1 if time.monotonic() - begun < self._times.look_everywhere else 1
                self._hear(Change.POSTS)
                self._stop.wait(self._times.quiet)
                if breaks > _PATIENCE:
                    self._poll(f"notification breaks again and again: {exc}")
            except Exception:  # the border of this thread: it is recorded, and watching begins anew
                logger.exception("watching %s failed; it begins anew", self._posts)
                self._stop.wait(self._times.poll)
        self._in_loop(self._ended.set)

    def _in_loop(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed
            self._stop.set()

    def _follow(self) -> None:
        """Listen until folders have come or gone. Raises _Unnotified, RuntimeError."""
        with closing(self._begin()) as notices:
            if self._reason:
                logger.info("changes in %s are notified again", self._posts)
                self._reason, self._seen = "", None
            self._is_outdated = False
            self._hear(Change.POSTS)  # nobody listened until now
            self._look_at_files()
            begun = looked = looked_everywhere = time.monotonic()
            self._tell(begun)
            while not self._stop.is_set():
                told = notices.watch(*self._milliseconds(), self._stop)
                for _, path in told if not isinstance(told, str) else ():
                    self._hear_of(path)
                now = time.monotonic()
                if now - looked >= self._times.look:
                    looked = now
                    self._look_at_files()
                    self._look_at_places()
                if now - looked_everywhere >= self._times.look_everywhere:
                    looked_everywhere = now
                    self._look_everywhere()
                # A change that brought folders is told when somebody listens there, so that nothing is missed between.
                if self._is_outdated and (now - begun >= _PACE or self._quiet.wait(now) == 0.0):
                    return
                self._tell(now)

    def _begin(self) -> Notices:
        """Begin to listen. Raises _Unnotified, RuntimeError."""
        try:
            self._root = os.path.realpath(self._posts, strict=True)
            self._folders = list_folders(self._root)
        except OSError as exc:
            raise _Unnotified(f"it cannot be read: {exc.strerror}") from exc
        if is_remote(self._mount_lines(), self._root):
            raise _Unnotified("it lies on a file system that others may change")
        if len(self._folders) > MOST_FOLDERS:
            raise _Unnotified(f"it has {len(self._folders):,} folders, more than {MOST_FOLDERS:,}")
        self._config_folders = self._files[Change.CONFIG].folders()
        of_config = [folder for folder in self._config_folders if folder not in self._folders and os.access(folder, os.R_OK)]
        try:
            return self._listen([*self._folders, *of_config])
        except (FileNotFoundError, PermissionError) as exc:
            raise RuntimeError("a folder went meanwhile") from exc
        except (OSError, RuntimeError) as exc:
            raise _Unnotified(why_not(exc)) from exc

    def _mount_lines(self) -> list[str]:
        try:
            return self._mounts.read_text("utf-8", "surrogateescape").splitlines()
        except OSError:
            return []

    def _milliseconds(self) -> tuple[int, int, int]:
        """Return the times for watchfiles: to collect changes, between two looks at them, to wait for the first one."""
        wait = self._quiet.wait(time.monotonic())
        step = int(self._times.step * 1000)
        return step, step, max(int(1000 * (self._times.look if wait is None else min(wait, self._times.look))), step)

    def _hear_of(self, path: str) -> None:
        """Note what a notice means, if anything."""
        folder, name = os.path.split(path)
        if path in self._folders or (folder in self._folders and not name.startswith(".") and is_folder(path)):
            self._is_outdated = True
            self._hear(Change.POSTS)
        elif folder in self._folders:
            if may_be_post(name):
                self._hear_of_post(path)
            elif folder == self._root and name == TOMBSTONES:
                self._hear(Change.DELETED)
            elif not is_temporary(name):  # those come with posts of their own
                self._is_noisy = True
        if folder in self._config_folders:
            self._hear(Change.CONFIG)

    def _hear_of_post(self, path: str) -> None:
        if self._paths is not None and len(self._paths) < MOST_PATHS:
            self._paths.add(os.path.relpath(path, self._root))
            self._quiet.hear(Change.POSTS, time.monotonic())
        else:
            self._hear(Change.POSTS)

    def _look_at_files(self) -> None:
        """Hear of files that changed without a notice: behind a link, or while nobody listened."""
        for change, file in self._files.items():
            if file.has_moved():
                self._hear(change)

    def _look_at_places(self) -> None:
        """Hear of a folder of posts that is another one now: moved, made anew, mounted over."""
        if identity_of(self._posts) != self._folders[self._root]:
            self._is_outdated = True
            self._hear(Change.POSTS)
        if self._files[Change.CONFIG].folders() != self._config_folders:
            self._is_outdated = True
            self._hear(Change.CONFIG)

    def _look_everywhere(self) -> None:
        """Hear of folders that nobody told of: the kernel drops what it has no room for."""
        try:
            is_same = list_folders(self._root) == self._folders
        except OSError:
            is_same = False
        if not is_same:
            self._is_outdated = True
        if not is_same or self._is_noisy:
            self._is_noisy = False
            self._hear(Change.POSTS)

    def _poll(self, reason: str) -> None:
        """Look through the posts until somebody may tell of changes again."""
        if reason != self._reason:
            told = "changes in %s are not notified (%s): it is looked through every %g s"
            logger.warning(told, self._posts, one_line(reason), self._times.poll)
            self._reason = reason
        until = time.monotonic() + self._times.retry
        is_there = True
        while not self._stop.is_set() and time.monotonic() < until:
            begun, worked = time.monotonic(), time.thread_time()
            before, self._seen = self._seen, self._look_through()
            if self._seen != before:
                self._hear(Change.POSTS)
            was_there, is_there = is_there, self._seen is not None
            if is_there and not was_there:
                return
            self._look_at_files()
            now = time.monotonic()
            self._tell(now)
            pause = max(self._times.poll, _OF_PROCESSOR * (time.thread_time() - worked), _OF_DISK * (now - begun))
            wait = self._quiet.wait(now)
            self._stop.wait(pause if wait is None else min(pause, max(wait, now - begun)))

    def _look_through(self) -> int | None:
        """Return a number that is another one when a post has changed; None when the posts cannot be read."""
        try:
            return hash(frozenset(list_posts(self._posts).stamps.items()))
        except StorageError:
            return None

    def _hear(self, change: Change) -> None:
        """Hear of a change; of posts, that any of them may have changed."""
        if change is Change.POSTS:
            self._paths = None
        self._quiet.hear(change, time.monotonic())

    def _tell(self, now: float) -> None:
        """Tell of what is over. A file that holds what it held has not changed."""
        for change in self._quiet.due(now):
            if change is Change.POSTS:
                paths, self._paths = self._paths, set()
                self._in_loop(self._heard, change, None if paths is None else frozenset(paths))
            elif self._files[change].has_changed():
                self._in_loop(self._heard, change, None)
