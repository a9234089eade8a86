"""The task that renders posts as entries into a spool file, here or in a helper process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Self

from feedmill.durable import storage
from feedmill.errors import PostError
from feedmill.posts.format import MAX_POST_BYTES, read_body
from feedmill.posts.indexing import digest_of
from feedmill.posts.record import from_epoch, from_record
from feedmill.posts.store import read_post
from feedmill.producer.documents import piece_digest
from feedmill.producer.entry import Entry, build_entry
from feedmill.producer.formats import FORMATS, Format
from feedmill.producer.site import Site


def render_posts(common: dict[str, Any], items: list[Any]) -> list[Any]:
    """Render posts of common["folder"] for common["site"] and append them to this process's file in common["spool"].

    `items`: [file number, names of formats, path, digest, span of the body, record, id, date and updated in epoch seconds] of each.
    Returns any number of
        [file number, "entry", format, spool file, start, length, digest]
    for each one, or one of
        [file number, "refused", reason]
        [file number, "unread", reason]     it could be read when it was indexed
        [file number, "changed"]            the file is not the one that was indexed
    """
    site = Site.from_json(common["site"])
    results: list[Any] = []
    wanted: dict[str, list[tuple[int, Entry]]] = {}
    for file, formats, *facts in items:
        try:
            entry = _entry(common["folder"], site, facts)
        except PostError as exc:
            results.append([file, "unread", exc.reason])
        except _ChangedError:
            results.append([file, "changed"])
        else:
            for name in formats:
                wanted.setdefault(name, []).append((file, entry))
    refused: dict[int, str] = {}
    with storage(common["spool"], doing="write to"), _Spool(Path(common["spool"], f"{os.getpid()}")) as spool:
        for name, entries in wanted.items():
            for file, rendered in _render(FORMATS[name], entries):
                if isinstance(rendered, str):
                    refused[file] = rendered
                else:
                    results.append([file, "entry", name, *spool.add(rendered)])
    results.extend([file, "refused", reason] for file, reason in refused.items())
    return results


class _Spool:
    """This process's file of rendered entries."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._out = self._path.open("ab")
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def add(self, rendered: bytes) -> tuple[str, int, int, str]:
        """Append an entry; return the file's name, where the entry begins, its length and its digest."""
        start = self._out.tell()
        self._out.write(rendered)
        return self._path.name, start, len(rendered), piece_digest(rendered)


class _ChangedError(Exception):
    """The file on disk is not the one in the catalog."""


def _entry(folder: str, site: Site, facts: list[Any]) -> Entry:
    path, digest, span, record, entry_id, date, updated = facts
    try:
        data = read_post(folder, path, limit=MAX_POST_BYTES)
    except FileNotFoundError as exc:
        raise _ChangedError from exc
    if digest_of(data) != digest:
        raise _ChangedError
    where = json.loads(span)
    body = data[where[0] : sum(where)].decode() if where else read_body(data, name=path.rpartition("/")[2])[0]
    return build_entry(from_record(record, body), site, path=path, entry_id=entry_id, date=from_epoch(date), updated=from_epoch(updated))


def _render(kind: Format, entries: list[tuple[int, Entry]]) -> list[tuple[int, bytes | str]]:
    """Return each entry's bytes, or the reason why it has none; one that is refused does not cost the others theirs."""
    files = [file for file, _ in entries]
    try:
        return list(zip(files, kind.writer.render_entries([entry for _, entry in entries]), strict=True))
    except (ValueError, TypeError) as exc:
        if len(entries) == 1:
            return [(files[0], f"it cannot be written as {kind.name}: {exc}")]
        return [result for single in entries for result in _render(kind, [single])]
