"""The folder of posts: which files are posts, and their bytes. Reads only what is a regular file inside the folder."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from feedmill.durable import is_temporary, reason_of
from feedmill.errors import PostError, StorageError
from feedmill.model import Problem

POST_SUFFIXES = (".md", ".markdown", ".html", ".htm")
#: What Hugo keeps the text of a section's own page in.
NOT_POSTS = frozenset(f"_index{suffix}" for suffix in POST_SUFFIXES)
#: Two writes within this time can leave one modification time (the kernel's clock tick is 10 ms at its coarsest).
CLOCK_TICK_NS = 20_000_000
_LAST_NS = 2**63 - 1


class Stamp(NamedTuple):
    """What tells, without reading a file, that it is still the one that was read. Nanoseconds and bytes."""

    mtime_ns: int
    ctime_ns: int
    size: int


#: Makes one of a tuple, in half the time of the class (there is one for every post in every run).
make_stamp: Callable[[tuple[int, ...]], Stamp] = partial(tuple.__new__, Stamp)
#: The stamp of no file: what bears it is read by the next run.
UNREAD = Stamp(0, 0, -1)


@dataclass(slots=True)
class Listing:
    """The post files of a folder by path relative to it (with "/"), and what stands there but cannot be a post."""

    stamps: dict[str, Stamp] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    #: Files that cannot be looked at now, and folders (with "/" at their end): whether posts stand there is not known.
    unseen: list[str] = field(default_factory=list)
    #: Files that a writer left behind when it was killed.
    leftovers: list[Path] = field(default_factory=list)


def list_posts(folder: Path) -> Listing:
    """List every post under `folder`. Hidden files and folders are not posts. Raises StorageError when `folder` cannot be read."""
    listing = Listing()
    try:
        root = os.path.realpath(folder, strict=True)
        for path in _walk(root, listing):
            _list_path(path, root, listing)
    except OSError as exc:
        raise _unreadable(folder, exc) from exc
    return listing


def list_some(folder: Path, paths: Iterable[str]) -> Listing:
    """List those of `paths` (relative to `folder`, none of them hidden or in a hidden folder) that are posts, as `list_posts` would.

    Raises StorageError when `folder` cannot be read.
    """
    listing = Listing()
    try:
        root = os.path.realpath(folder, strict=True)
    except OSError as exc:
        raise _unreadable(folder, exc) from exc
    folders: dict[str, bool] = {}
    for path in paths:
        above = os.path.dirname(path)
        if above not in folders:
            place = os.path.join(root, above) if above else root
            folders[above] = os.path.realpath(place) == place
        if folders[above]:  # nothing behind a link to a folder is a post
            _list_path(path, root, listing)
    return listing


def _unreadable(folder: Path, exc: OSError) -> StorageError:
    advice = "create it, or set posts.dir in the configuration" if isinstance(exc, FileNotFoundError) else ""
    return StorageError(f"the folder of posts {folder} cannot be read: {reason_of(exc, advice=advice)}")


def _walk(root: str, listing: Listing) -> Iterator[str]:
    """List the ordinary files, yield the paths of all else but folders; a folder below that cannot be read is a problem."""
    folders = [""]
    while folders:
        prefix = folders.pop()
        try:
            descriptor = os.open(os.path.join(root, prefix), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            if not prefix:
                raise
            if not isinstance(exc, FileNotFoundError):
                message = f"this folder cannot be read: {exc.strerror}; posts that were read from it before stay where they stand"
                listing.problems.append(_problem(prefix.rstrip("/"), "unreadable", message))
                listing.unseen.append(prefix)
            continue
        try:
            with os.scandir(descriptor) as entries:  # in a descriptor names are looked up a tenth faster than by their paths
                yield from _walk_folder(entries, listing, root=root, prefix=prefix, folders=folders)
        finally:
            os.close(descriptor)


def _walk_folder(entries: Iterable[os.DirEntry[str]], listing: Listing, *, root: str, prefix: str, folders: list[str]) -> Iterator[str]:
    """List one folder; `folders` gains those in it."""
    stamps, is_plain = listing.stamps, _is_utf8(prefix)
    for entry in entries:
        name = entry.name
        if is_plain and name.endswith(".md") and name[0] not in "._" and (stamp := _stamp_of(entry)):
            stamps[prefix + name] = stamp  # nearly every file, in half the time
        elif name.startswith("."):
            if is_temporary(name):
                listing.leftovers.append(Path(root, prefix, name))
        elif entry.is_dir(follow_symlinks=False):
            folders.append(f"{prefix}{name}/")
        else:
            yield prefix + name


def _stamp_of(entry: os.DirEntry[str]) -> Stamp | None:
    """Return the stamp of a regular file of an ordinary name; None for all that needs a closer look."""
    try:
        if (entry.name.isascii() or _is_utf8(entry.name)) and entry.is_file(follow_symlinks=False):
            return _stamp(entry.stat(follow_symlinks=False))
    except OSError:
        pass
    return None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _list_path(path: str, root: str, listing: Listing) -> None:
    place = os.path.join(root, path)
    name = os.path.basename(path).lower()
    if name in NOT_POSTS or not (name.endswith(POST_SUFFIXES) or (os.path.islink(place) and os.path.isdir(place))):
        return
    try:
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            if not f"{os.path.realpath(place)}/".startswith(f"{root}/"):
                message = "a link out of the folder of posts is not followed; put here what it leads to"
                listing.problems.append(_problem(path, "link", message))
                return
            status = os.stat(place)
        path.encode("utf-8")
    except FileNotFoundError:
        if os.path.islink(place):
            listing.problems.append(_problem(path, "link", "a link to nothing; remove it or mend it"))
        return
    except UnicodeEncodeError:
        listing.problems.append(_problem(path, "name", "the file's name is not UTF-8; rename it"))
        return
    except OSError as exc:
        listing.problems.append(_problem(path, "unreadable", f"it cannot be read: {exc.strerror}"))
        if exc.errno != errno.ELOOP:
            listing.unseen.append(path)
        return
    if stat.S_ISREG(status.st_mode):
        listing.stamps[path] = _stamp(status)
    elif not stat.S_ISDIR(status.st_mode):
        listing.problems.append(_problem(path, "unreadable", "not a regular file"))


def _stamp(status: os.stat_result) -> Stamp:
    """A file can be dated later than 2262, where nanoseconds outgrow the 64 bits of a database."""
    modified, changed = status.st_mtime_ns, status.st_ctime_ns
    if not -_LAST_NS <= modified <= _LAST_NS or changed > _LAST_NS:
        modified, changed = max(-_LAST_NS, min(modified, _LAST_NS)), min(changed, _LAST_NS)
    return make_stamp((modified, changed, status.st_size))


def _problem(path: str, rule: str, message: str) -> Problem:
    """Name a path whatever its bytes are: one that is not UTF-8 could be printed by nobody."""
    return Problem(path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), 0, rule, message)


def wait_for_tick(newest_ns: int, *, now_ns: Callable[[], int] = time.time_ns, sleep: Callable[[float], object] = time.sleep) -> None:
    """Wait until the clock has left the tick of `newest_ns`, so that a later write to a file read now shows in its stamp."""
    remaining = newest_ns + CLOCK_TICK_NS - now_ns()
    if 0 < remaining <= CLOCK_TICK_NS:
        sleep(remaining / 1e9)


def read_post(folder: str, path: str, *, limit: int) -> bytes:
    """Return the bytes of the post at `path`. Raises PostError when it is larger than `limit` bytes or cannot be read,
    FileNotFoundError when it is gone."""
    try:
        descriptor = os.open(f"{folder}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PostError("not a regular file")
            if status.st_size > limit:
                raise PostError(f"larger than a post may be: {status.st_size:,} bytes, the limit is {limit:,}; split it")
            return _read_all(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise PostError(f"it cannot be read: {exc.strerror or exc}") from exc


def _read_all(descriptor: int, size: int) -> bytes:
    """Read a file of `size` bytes, and what it gained meanwhile; a file that is read whole at once costs one call."""
    parts = []
    while part := os.read(descriptor, size + 1):
        parts.append(part)
        if len(parts) == 1 and len(part) == size:
            break
    return b"".join(parts)
