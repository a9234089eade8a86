"""Brings the catalog in step with the folder of posts: reads what is new or changed, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedmill.crew import Crew
from feedmill.model import Progress
from feedmill.posts.catalog import DRAFT, DUPLICATE, PUBLISHED, REFUSED, Catalog, Row
from feedmill.posts.difference import Difference
from feedmill.posts.ids import Claimant, Sighting, assign_ids, copy_message, settle_claim
from feedmill.posts.record import iso_date
from feedmill.posts.store import UNREAD, Stamp, wait_for_tick
from feedmill.state.database import BATCH
from feedmill.state.memory import Memory

TASK = "feedmill.posts.indexing:index_posts"


@dataclass(slots=True)
class Refreshed:
    """What a refresh changed in the catalog, by file number."""

    changed: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)


def refresh(
    catalog: Catalog,
    memory: Memory,
    folder: Path,
    difference: Difference,
    *,
    zone: str,
    crew: Crew,
    progress: Progress,
) -> Refreshed:
    """Read what `difference` names and bring the catalog in step, inside the caller's transaction.

    `zone` is for dates without one; `progress` hears how far the reading is. Raises StorageError.
    """
    changes = [stamp.ctime_ns for stamp in difference.new.values()]
    changes.extend(stamp.ctime_ns for _, stamp in difference.touched.values())
    if changes:
        wait_for_tick(max(changes))
    old_files = [*difference.gone.values(), *(file for file, _ in difference.touched.values())]
    before = {row.path: row for row in catalog.rows(old_files)}
    work = _Work(catalog, memory, difference, before)
    digests = {} if difference.is_forced else {path: row.digest for path, row in before.items()}
    items = [[path, digests.get(path, "")] for path in sorted([*difference.new, *difference.touched])]
    done = 0
    for results in crew.run(TASK, {"folder": str(folder), "zone": zone}, items):
        work.take(results)
        done += len(results)
        progress("reading", done, len(items))
    work.finish()
    return work.done


class _Work:
    """One refresh: first every file's own facts, then what they mean beside each other."""

    def __init__(self, catalog: Catalog, memory: Memory, difference: Difference, before: dict[str, Row]) -> None:
        self.done = Refreshed(removed=set(difference.gone.values()))
        self._catalog, self._memory, self._before = catalog, memory, before
        self._new = difference.new
        self._stamps = difference.new | {path: stamp for path, (_, stamp) in difference.touched.items()}
        self._files = catalog.add_files(difference.new.items()) | {path: file for path, (file, _) in difference.touched.items()}
        self._vanished = set(difference.gone)
        self._known = difference.known
        self._found: list[Sighting] = []
        self._undated: list[str] = []
        self._claims = {row.claim for row in before.values() if row.claim}

    def take(self, results: list[Any]) -> None:
        """Note what the files of one chunk say."""
        rows = []
        for path, kind, *facts in results:
            if kind == "post":
                rows.append(self._post(path, *facts))
            elif kind == "refused":
                rows.append(self._refused(path, *facts))
            elif kind == "gone":
                self.done.removed.add(self._files.pop(path))
                self._vanished.add(path)
        self._catalog.put(rows)
        self.done.changed.update(row.file for row in rows)
        stamps = ((path, self._stamp(path, kind, *facts)) for path, kind, *facts in results if kind != "gone")
        self._catalog.restamp((stamp, self._files[path]) for path, stamp in stamps if stamp is not self._new.get(path))

    def _stamp(self, path: str, kind: str, digest: str, *_: object) -> Stamp:
        """What could not be read now is read again by the next run: that it can be need not show in its stamp."""
        return UNREAD if kind == "refused" and not digest else self._stamps[path]

    def _post(self, path: str, digest: str, record: str, facts: list[Any], notes: list[Any], span: list[int]) -> Row:
        is_published, claim, source, title, date, day, own_id, updated, filing = facts
        known = self._before.get(path)
        if claim is not None:
            self._claims.add(claim)
            entry_id = known.id if known is not None and known.claim == claim else ""  # till it is settled
        else:
            self._found.append(Sighting(path, digest, title, day, fresh=own_id))
            entry_id = own_id
        if date is None:
            self._undated.append(path)
        moment = date or 0
        status = PUBLISHED if is_published else DRAFT
        noted = json.dumps(notes) if notes and is_published else None  # a draft may be unfinished
        last = max(updated or moment, moment)
        where = str([*span])
        return Row(self._files[path], path, digest, status, entry_id, claim, source, moment, last, filing, where, record, noted)

    def _refused(self, path: str, digest: str, note: list[Any]) -> Row:
        """A post that cannot be read now keeps the id and the facts of when it could."""
        notes = json.dumps([note])
        known = self._before.get(path)
        if known is not None:
            return known._replace(digest=digest, status=REFUSED, notes=notes)
        return Row(self._files[path], path, digest, REFUSED, "", None, "", 0, 0, "[[], []]", "[]", "{}", notes)

    def finish(self) -> None:
        """Settle ids and dates, and drop what is gone."""
        self._catalog.remove(self.done.removed)
        self._settle_paths()
        self._settle_claims()
        self._settle_dates()

    def _settle_paths(self) -> None:
        outside = self._vanished | self._files.keys()
        own = set(self._files.values())
        remembered = {path: json.loads(value) for path, value in self._memory.recall_all("post-id").items()}
        found = {sighting.path: sighting for sighting in self._found}

        def recall(path: str) -> str | None:
            """A path can come back with another post: only one of the same title or date is the one that is remembered."""
            entry_id, title, date = remembered.get(path, [None, "", ""])
            return entry_id if title == found[path].title or (date and date == found[path].date) else None

        has_others = self._known > len(self._before)
        ids = assign_ids(
            self._found,
            {path: _sighting(row) for path, row in self._before.items() if row.claim is None and path in outside},
            self._vanished,
            recall=recall,
            taken=lambda entry_id: has_others and any(file not in own for file in self._catalog.bearers(entry_id)),
        )
        for sighting in self._found:
            path, entry_id = sighting.path, ids[sighting.path]
            if path in remembered or entry_id != sighting.fresh:
                self._memory.note("post-id", path, json.dumps([entry_id, sighting.title, sighting.date], ensure_ascii=False))
        self._catalog.set_ids((entry_id, self._files[path]) for path, entry_id in ids.items() if entry_id != found[path].fresh)

    def _settle_dates(self) -> None:
        """A post without a date has the time at which its file was first seen, for good."""
        for row in list(self._catalog.rows(self._files[path] for path in self._undated)):
            remembered = self._memory.recall("first-seen", row.id)
            date = int(remembered or self._first_seen(row))
            if not remembered:
                self._memory.note("first-seen", row.id, str(date))
            updated = json.loads(row.record).get("updated", date)
            self._catalog.put([row._replace(date=date, updated=max(updated, date))])

    def _first_seen(self, row: Row) -> int:
        """What the catalog still knows, where memory was lost, else the file's modification time."""
        known = self._before.get(row.path)
        if known is not None and known.id == row.id and known.status != REFUSED and "date" not in json.loads(known.record):
            return known.date
        return self._stamps[row.path].mtime_ns // 1_000_000_000

    def _settle_claims(self) -> None:
        claims = sorted(self._claims)
        for start in range(0, len(claims), BATCH):
            part = claims[start : start + BATCH]
            claimed: dict[str, list[Row]] = {claim: [] for claim in part}
            for row in self._catalog.rows_claiming(part):
                if row.status in (PUBLISHED, DUPLICATE):
                    claimed[row.claim or row.id].append(row)
            changed = [new for claim, rows in claimed.items() if rows for new in self._settle_claim(claim, rows)]
            self._catalog.put(changed)
            self.done.changed.update(row.file for row in changed)

    def _settle_claim(self, claim: str, rows: list[Row]) -> list[Row]:
        """Return those of `rows`, whose guids ask for one id, whose place has changed."""
        claimants = [Claimant(row.path, row.source, row.id == claim) for row in rows]
        settlement = settle_claim(claim, claimants, self._memory.recall("claim", claim))
        if settlement.owner is not None:
            self._memory.note("claim", claim, settlement.owner)
        settled = [_settled(row, settlement.ids[row.path], settlement.copy_of.get(row.path)) for row in rows]
        return [new for new, old in zip(settled, rows, strict=True) if new != old]


def _settled(row: Row, entry_id: str, original: str | None) -> Row:
    notes = [note for note in json.loads(row.notes or "[]") if note[1] != DUPLICATE]
    if original is not None:
        notes.append([0, DUPLICATE, copy_message(original)])
    status = PUBLISHED if original is None else DUPLICATE
    return row._replace(id=entry_id, status=status, notes=json.dumps(notes) if notes else None)


def _sighting(row: Row) -> Sighting:
    facts = json.loads(row.record)
    return Sighting(row.path, row.digest, facts.get("title", ""), iso_date(facts.get("date")), row.id)
