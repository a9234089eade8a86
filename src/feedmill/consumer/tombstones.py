"""`posts/.feedmill-deleted`: guids of posts that were removed for good, a line each; it lies beside the posts and survives the state."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from feedmill.durable import replace, storage
from feedmill.text import one_line

NAME = ".feedmill-deleted"


def load_tombstones(posts: Path) -> frozenset[str]:
    """Return the guids in the file below the folder of posts; none where there is no file. Raises StorageError."""
    lines = _read(posts).decode("utf-8-sig", "replace").splitlines()
    return frozenset(guid for line in lines if (guid := one_line(line)))  # editors leave marks and white space


def add_tombstones(posts: Path, guids: Iterable[str]) -> None:
    """Add the guids that are not there yet, durably; what people wrote into the file stays. Raises StorageError."""
    there = load_tombstones(posts)
    fresh = dict.fromkeys(line for guid in guids if (line := one_line(guid)) and line not in there)
    if not fresh:
        return
    data = _read(posts)
    if data and not data.endswith(b"\n"):
        data += b"\n"
    replace(posts / NAME, data + "".join(f"{guid}\n" for guid in fresh).encode("utf-8", "replace"))


def _read(posts: Path) -> bytes:
    path = posts / NAME
    with storage(path, doing="read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
