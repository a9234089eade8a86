"""What is watched: names that may be posts, folders that hold them, a configuration, and file systems that tell of changes."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from feedmill.posts.store import NOT_POSTS, POST_SUFFIXES

#: File systems that others change too, of which the kernel here says nothing; those in user space (`fuse.sshfs`, …) are some of them.
_REMOTE = frozenset({"9p", "afs", "beegfs", "ceph", "cifs", "fakeowner", "gfs2", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2"}) | {
    "prl_fs",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
}
_OCTAL = re.compile(r"\\([0-7]{3})")

#: What tells one folder or file from another that stands in its place: device and inode.
Identity = tuple[int, int]


def may_be_post(name: str) -> bool:
    """True for the name of a file that can be a post: not for hidden ones, nor for what editors keep beside a file."""
    low = name.lower()
    return low.endswith(POST_SUFFIXES) and not name.startswith(".") and low not in NOT_POSTS


def list_folders(root: str) -> dict[str, Identity]:
    """Return `root` and every folder below that may hold posts: no hidden one, none that cannot be read, nothing behind a link.

    Raises OSError when `root` cannot be read.
    """
    found: dict[str, Identity] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)
            with os.scandir(folder) as entries:
                waiting += [
                    entry.path
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False) and _is_utf8(entry.name)
                ]
        except OSError:
            if folder == root:
                raise
            continue
        found[folder] = (status.st_dev, status.st_ino)
    return found


def identity_of(path: str | Path) -> Identity | None:
    """Return which folder or file stands at `path`, behind links too; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_folder(path: str) -> bool:
    """True for a folder itself, not for a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


class WatchedFile:
    """One file, and what it held when it was read last. A link at its place may lead elsewhere meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()
        self._digest = self._read()

    def has_moved(self) -> bool:
        """True when it was written or replaced since the last look. Reads nothing."""
        before, self._stamp = self._stamp, self._look()
        return before != self._stamp

    def has_changed(self) -> bool:
        """True when it holds something else than when it was read last; one that went, or cannot be read, holds nothing."""
        before, self._digest = self._digest, self._read()
        return before != self._digest

    def folders(self) -> dict[str, Identity | None]:
        """Return the folders where a change of it shows: its own, and that of the file a link leads to."""
        return {os.path.dirname(path): identity_of(os.path.dirname(path)) for path in map(str, (self._path, self._path.resolve()))}

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _read(self) -> bytes | None:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a fifo would be waited for
            with open(descriptor, "rb") as file:
                return hashlib.file_digest(file, "blake2b").digest()
        except OSError:
            return None


def is_remote(mounts: Iterable[str], path: str) -> bool:
    """True when `path` (absolute, without links) lies on a file system that tells of no change made elsewhere.

    `mounts`: the lines of /proc/self/mountinfo (proc_pid_mountinfo(5)). Where two lines have one mount point, the later one is on top.
    """
    best, kind = -1, ""
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]).rstrip("/")
        if len(point) >= best and f"{path}/".startswith(f"{point}/"):
            best, kind = len(point), after.split(" ")[0]
    return kind in _REMOTE or kind == "fuse" or kind.startswith("fuse.")
