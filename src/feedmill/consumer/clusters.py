"""Which entries of a document are known beyond doubt: those of which every entry that shares an id or an address is known.

Two entries under one guid, or one address, are for whoever decides about identity to tell apart, and he must see both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from feedmill.consumer.links import fold_title, is_page, normal_link

#: What two entries may share: its kind ("guid", "link", "title") and its text, a link and a title as they are compared.
Key = tuple[str, str]


def shared_keys(guid: str, links: Iterable[str], title: str) -> tuple[Key, ...]:
    """Return what an entry may share with others; its title where it has nothing better: then that is what it is recognised by."""
    pages = [normal_link(link) or link for link in links if link]
    keys = [("guid", guid), *(("link", page) for page in pages)]
    if not guid and not any(map(is_page, pages)):
        keys.append(("title", fold_title(title)))
    return tuple(key for key in keys if key[1])


def surely_known(marks: Sequence[str], keys: Sequence[Collection[Key]], known: Collection[str]) -> list[bool]:
    """Return for each entry whether it and all entries that it is linked with (by shared keys, transitively) are in `known`.

    `marks` and `keys` go by position. Time is linear in the number of keys.
    """
    parents = list(range(len(marks)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    owners: dict[Key, int] = {}
    for index, shared in enumerate(keys):
        for key in shared:
            parents[root(index)] = root(owners.setdefault(key, index))
    doubtful = {root(index) for index, mark in enumerate(marks) if mark not in known}
    return [root(index) not in doubtful for index in range(len(marks))]
