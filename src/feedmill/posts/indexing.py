"""The task that reads post files for the catalog, here or in a helper process."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from feedmill.errors import PostError
from feedmill.model import CategoryPath
from feedmill.posts.format import MAX_POST_BYTES, decode
from feedmill.posts.ids import id_from_guid, id_from_path
from feedmill.posts.record import iso_date, to_epoch, to_json, to_record
from feedmill.posts.store import read_post


def digest_of(data: bytes) -> str:
    """Return the fingerprint of a file's bytes (BLAKE2b, 128 bits, hexadecimal)."""
    return blake2b(data, digest_size=16).hexdigest()


def index_posts(common: dict[str, Any], items: list[Any]) -> list[Any]:
    """Read the posts of `items` ([path, digest when last read or ""]) below common["folder"], naive dates in common["zone"].

    Returns for each path one of:
        [path, "same", digest]                       its bytes are what they were
        [path, "gone"]                               it vanished after it was listed
        [path, "refused", digest, [line, rule, reason]]
        [path, "post", digest, record, facts, [[line, rule, message], …], [start, length] of the body's bytes or []]
    facts: is_published, the id that its guid asks for or null, source, title, date (epoch seconds or null), the same as ISO 8601 or "",
    the id that path and date give ("" where a guid asks for one), updated (epoch seconds or null), JSON of [categories, tags].
    """
    zone = ZoneInfo(common["zone"])
    return [_index_post(common["folder"], path, known, zone) for path, known in items]


def _index_post(folder: str, path: str, known: str, zone: ZoneInfo) -> list[Any]:
    digest = ""
    try:
        data = read_post(folder, path, limit=MAX_POST_BYTES)
        digest = digest_of(data)
        if digest == known:
            return [path, "same", digest]
        decoded = decode(data, name=path.rpartition("/")[2], zone=zone)
    except FileNotFoundError:
        return [path, "gone"]
    except PostError as exc:
        return [path, "refused", digest, [exc.line, "refused", exc.reason]]
    post = decoded.post
    date = None if post.date is None else to_epoch(post.date)
    updated = None if post.updated is None else to_epoch(post.updated)
    claim = id_from_guid(post.guid, post.source) if post.guid else None
    day = iso_date(date)
    own_id = id_from_path(path, day) if claim is None else ""
    filing = _filing(post.categories, post.tags)
    facts = [post.is_published, claim, post.source, post.title, date, day, own_id, updated, filing]
    return [path, "post", digest, to_record(post), facts, decoded.problems, decoded.span]


@lru_cache(maxsize=1024)
def _filing(categories: tuple[CategoryPath, ...], tags: tuple[str, ...]) -> str:
    """Return where a post is filed, as JSON: most posts share theirs with many others (3 % of the time)."""
    return to_json([categories, tags])
