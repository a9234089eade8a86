"""The post codec: a file is read or refused with PostError, and what was read is written and read back as the same post."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from feedmill.errors import PostError
from feedmill.posts.format import decode, read_body
from feedmill.posts.record import from_record, to_record
from feedmill.posts.writing import encode, revise

_ZONE = ZoneInfo("Asia/Shanghai")
_NAMES = ("2022-03-01-mill.md", "mill.html")
_GUID = "tag:example.org,2022:mill"


def TestOneInput(data: bytes) -> None:
    """Both ways of writing a body, the catalog's record, and one key changed in place."""
    for name in _NAMES:
        try:
            post = decode(data, name=name, zone=_ZONE).post
        except PostError:
            continue
        body = read_body(data, name=name)
        if body != (post.body, post.markup):
            raise AssertionError(f"read_body gives {body!r}, decode {(post.body, post.markup)!r}")
        if (kept := from_record(to_record(post), post.body)) != post:
            raise AssertionError(f"in the catalog {post!r} is {kept!r}")
        try:
            written = encode(post)
        except PostError as exc:
            if "bytes" not in exc.reason:
                raise
            continue
        # Suffixes say how a body is written that has no layout; a written one has it.
        again = decode(written, name="mill.md" if post.markup == "markdown" else "mill.html", zone=_ZONE).post
        if again != post:
            raise AssertionError(f"written and read, {post!r} is {again!r}")
    _revise(data)


def _revise(data: bytes) -> None:
    try:
        changed = revise(data, {"guid": _GUID})
    except PostError:
        return
    name = _NAMES[0]
    if (found := decode(changed, name=name, zone=_ZONE).post.guid) != _GUID:
        raise AssertionError(f"the guid that was set reads as {found!r}")
