"""The task that renders posts as entries into a spool file, here or in a helper process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from feedmill.errors import PostError
from feedmill.posts.format import MAX_POST_BYTES, read_body
from feedmill.posts.indexing import digest_of
from feedmill.posts.record import from_epoch, from_record
from feedmill.posts.store import read_post
from feedmill.producer.atom import render_entries
from feedmill.producer.entry import Entry, build_entry
from feedmill.producer.published import piece_digest
from feedmill.producer.site import Site


def render_posts(common: dict[str, Any], items: list[Any]) -> list[Any]:
    """Render posts of common["folder"] for common["site"] and append them to this process's file in common["spool"].

    `items`: [file number, path, digest, span of the body, record, id, date and updated in epoch seconds] of each.
    Returns for each one of:
        [file number, "entry", spool file, start, length, digest]
        [file number, "refused", reason]
        [file number, "changed"]            the file is not the one that was indexed
    """
    site = Site.from_json(common["site"])
    results: list[Any] = []
    entries: list[tuple[int, Entry]] = []
    for file, *facts in items:
        try:
            entries.append((file, _entry(common["folder"], site, facts)))
        except PostError as exc:
            results.append([file, "refused", exc.reason])
        except _ChangedError:
            results.append([file, "changed"])
    spool = f"{os.getpid()}"
    with Path(common["spool"], spool).open("ab") as out:
        for file, rendered in _render(entries):
            if isinstance(rendered, str):
                results.append([file, "refused", rendered])
                continue
            results.append([file, "entry", spool, out.tell(), len(rendered), piece_digest(rendered)])
            out.write(rendered)
    return results


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


def _render(entries: list[tuple[int, Entry]]) -> list[tuple[int, bytes | str]]:
    """Return each entry's bytes, or the reason why it has none; one that is refused does not cost the others theirs."""
    if not entries:
        return []
    files = [file for file, _ in entries]
    try:
        return list(zip(files, render_entries([entry for _, entry in entries]), strict=True))
    except (ValueError, TypeError) as exc:
        if len(entries) == 1:
            return [(files[0], f"it cannot be written as Atom: {exc}")]
        return [result for single in entries for result in _render([single])]
