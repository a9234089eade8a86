"""Entry ids: permanent, ASCII, the same in every feed. Decides, remembers nothing itself.

A guid that is a URI is the id; any other guid, or a path with its first date, gives a name-based UUID (RFC 9562 §5.5), which hangs
on no domain, title or category. A post without guid keeps its id when its file moves, is renamed, edited or retimed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import sha1
from typing import NamedTuple

from feedmill.urls import encode_url, is_absolute_uri

_NAMESPACE = bytes.fromhex("0b5c3a520a535e0e9d6b6d2f0f5f3c11")


def name_based(*parts: str) -> str:
    """Return the `urn:uuid:` of version 5 that these texts always give (what uuid.uuid5 returns, in a third of its time)."""
    digest = bytearray(sha1(_NAMESPACE + "\0".join(parts).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def id_from_path(path: str, date: str) -> str:
    """Return the id of a post without guid from its first path and date (as ISO 8601, "" for none)."""
    return name_based("post", path, date)


def id_from_guid(guid: str, source: str) -> str:
    """Return the id that a guid asks for: itself where it is a URI (RFC 4287 §4.2.6), else one for this guid of this source."""
    if is_absolute_uri(guid):
        # An http address that names no host or port (`http://a,b/`) is no address, whatever RFC 3986 calls it.
        address = encode_url(guid) if guid[:4].lower() == "http" else guid
        if is_absolute_uri(address):
            return address
    return name_based("guid", source, guid)


class Sighting(NamedTuple):
    """A post without guid, as found now or as it was known before."""

    path: str
    digest: str
    title: str
    #: The date that the file itself gives, ISO 8601; "" for none.
    date: str
    #: The id it bore; "" for a post found now.
    id: str = ""
    #: The id that its path and date give (`id_from_path`); "" where nobody has asked yet.
    fresh: str = ""


def assign_ids(
    found: Sequence[Sighting],
    known: Mapping[str, Sighting],
    vanished: Collection[str],
    *,
    recall: Callable[[str], str | None],
    taken: Callable[[str], bool],
) -> dict[str, str]:
    """Return the id of every post of `found` (new, or changed since it was known), by path.

    `known` has what stood before at the paths that changed or `vanished`; `recall` gives the remembered id of a path; `taken`
    tells whether a post outside of both bears an id. In this order: the same bytes at the same place, or at one that is gone;
    the same place with the same title and date; the same bytes at a place that was overwritten; the same place with the same
    title or date; the same title and date at a place that is gone; what is remembered; path and date. No id is given that
    another post bears.
    """
    assigned, waiting = _recognise(found, known, vanished)
    used = set(assigned.values())
    for path in waiting:
        here = known.get(path)
        remembered = None if here and here.id else recall(path)
        if remembered is None or remembered in used or taken(remembered):
            continue
        assigned[path] = remembered
        used.add(remembered)
    for path, now in waiting.items():
        if path not in assigned:
            assigned[path] = _fresh(now, lambda candidate: candidate in used or taken(candidate))
            used.add(assigned[path])
    return assigned


def _recognise(
    found: Sequence[Sighting], known: Mapping[str, Sighting], vanished: Collection[str]
) -> tuple[dict[str, str], dict[str, Sighting]]:
    """Return the ids of posts that were known before, and the posts that were not; see `assign_ids` for the order."""
    assigned: dict[str, str] = {}
    waiting = {sighting.path: sighting for sighting in sorted(found, key=lambda sighting: sighting.path)}
    left = {path: sighting for path, sighting in known.items() if sighting.id}

    def settle(pairs: list[tuple[str, Sighting]]) -> None:
        for path, old in pairs:
            assigned[path] = old.id
            del waiting[path], left[old.path]

    settle(_same_place(waiting.values(), left, _is_unchanged))
    settle(_same_bytes(waiting.values(), [old for old in left.values() if old.path in vanished]))
    standing = {old.digest for old in left.values()}
    edited = [post for post in waiting.values() if post.digest not in standing]  # the rest may have changed places
    settle(_same_place(edited, left, _is_same))
    settle(_same_bytes(waiting.values(), left.values()))
    settle(_same_place(waiting.values(), left, _is_like))
    settle(_same_heading(waiting.values(), left, vanished))
    return assigned, waiting


def _same_bytes(waiting: Iterable[Sighting], places: Iterable[Sighting]) -> list[tuple[str, Sighting]]:
    """Pair posts with the place their bytes stood at before, first with first where several are alike."""
    before: dict[str, list[Sighting]] = {}
    for old in sorted(places, key=lambda old: old.path, reverse=True):
        before.setdefault(old.digest, []).append(old)
    return [(post.path, before[post.digest].pop()) for post in waiting if before.get(post.digest)]


def _same_place(
    waiting: Iterable[Sighting], left: Mapping[str, Sighting], is_alike: Callable[[Sighting, Sighting], bool]
) -> list[tuple[str, Sighting]]:
    """Pair posts with what stood at their place before, where `is_alike` takes the one for the other."""
    here = [(post, left[post.path]) for post in waiting if post.path in left]
    return [(post.path, old) for post, old in here if is_alike(post, old)]


def _is_unchanged(post: Sighting, old: Sighting) -> bool:
    return post.digest == old.digest


def _is_same(post: Sighting, old: Sighting) -> bool:
    return post.title == old.title and post.date == old.date


def _is_like(post: Sighting, old: Sighting) -> bool:
    return post.title == old.title or (post.date != "" and post.date == old.date)


def _same_heading(waiting: Iterable[Sighting], left: Mapping[str, Sighting], vanished: Collection[str]) -> list[tuple[str, Sighting]]:
    """Pair posts with the one place that is gone and had their title and date: moved and edited at once."""
    before: dict[tuple[str, str], list[Sighting]] = {}
    for old in left.values():
        if old.path in vanished and old.title and old.date:
            before.setdefault((old.title, old.date), []).append(old)
    pairs = []
    for post in waiting:
        candidates = before.get((post.title, post.date), [])
        if len(candidates) == 1:
            pairs.append((post.path, candidates.pop()))
    return pairs


def _fresh(now: Sighting, is_used: Callable[[str], bool]) -> str:
    """Return the id from path and date; a further one where the post that was first at this path has moved and kept it."""
    candidate, turn = now.fresh or id_from_path(now.path, now.date), 1
    while is_used(candidate):
        turn += 1
        candidate = name_based("post", now.path, now.date, str(turn))
    return candidate


class Claimant(NamedTuple):
    """A post whose guid asks for an id."""

    path: str
    source: str
    #: True when it bears that id now.
    bears: bool


def copy_message(original: str) -> str:
    """Return what a person is told of a copy of the post at `original`."""
    return f"it has the guid of {original}, which is published in its place; remove one, or give it a guid of its own"


class Settlement(NamedTuple):
    """Who gets what: ids by path, and for the copies the path of the post that is published in their place."""

    ids: Mapping[str, str]
    copy_of: Mapping[str, str]
    #: The source whose post bears the claimed id, to be remembered ("" is a person's own); None while there is only one.
    owner: str | None = None


def settle_claim(claim: str, claimants: Sequence[Claimant], owner: str | None) -> Settlement:
    """Decide between posts whose guids ask for one id: within a source the smallest path is the post and the others are
    copies; of several sources the remembered `owner` bears the id itself (else who bears it now, else the first by path),
    and the others get one of their own that never changes again."""
    first: dict[str, str] = {}
    for claimant in sorted(claimants, key=lambda claimant: claimant.path):
        first.setdefault(claimant.source, claimant.path)
    copies = {c.path: first[c.source] for c in claimants if first[c.source] != c.path}
    if owner is None:
        bearers = sorted(c.source for c in claimants if c.bears) or [min(first, key=lambda source: first[source])]
        owner = bearers[0]
        remember = owner if len(first) > 1 else None
    else:
        remember = owner
    of_source = {source: claim if source == owner else name_based("guid", source, claim) for source in first}
    return Settlement({c.path: of_source[c.source] for c in claimants}, copies, remember)
