"""The use case `publish`: brings the folder of feeds up to date with the folder of posts, and says what it did.

Order of commits: the mark that a run is under way; what was staged is made durable; remembered choices (ids, names), then the catalog,
then the feed files; then the mark is taken back. A crash anywhere leaves whole files, and the next run finds by itself what is still to do.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from feedmill.config import Config
from feedmill.durable import scratch_folder, sweep
from feedmill.errors import StorageError
from feedmill.model import Problem, Progress
from feedmill.posts.catalog import REFUSED, Catalog
from feedmill.posts.difference import Difference, compare, refuse_mass_loss
from feedmill.posts.record import to_epoch
from feedmill.posts.store import UNREAD, Listing, list_posts, list_some
from feedmill.producer.chosen import choose_feeds
from feedmill.producer.documents import Document
from feedmill.producer.fingerprint import fingerprint
from feedmill.producer.outcome import PostsMovedError, Run, SpoiledError, made_by_us
from feedmill.producer.published import Feed, Published
from feedmill.producer.report import Report, report_on
from feedmill.producer.sink import DrySink, FolderSink
from feedmill.producer.stylesheet import STYLESHEET, stage_stylesheet
from feedmill.state.database import Unreadable, copy_database, move_aside
from feedmill.state.lock import writing
from feedmill.state.memory import UNFINISHED, DatabaseMemory

if TYPE_CHECKING:
    from feedmill.crew import Crew
    from feedmill.producer.heads import Heads
    from feedmill.producer.plan import Plan
    from feedmill.producer.press import Press, Sheet

_ATTEMPTS = 4
#: Key in the catalog of what stands in the folder of posts and is none, as JSON.
_LISTED = "listed"
#: What stands beside the feeds whatever these are; `producer.listing` has the names too, and is heavy to load.
_FOR_EVERYBODY = (STYLESHEET, "opml.xml", "index.html")


class Request(NamedTuple):
    """What is asked of a publish."""

    #: Names of the feeds to bring up to date, with all below each; empty: all.
    names: tuple[str, ...] = ()
    is_full: bool = False
    is_dry: bool = False
    #: The only posts (relative to the folder of posts) that may have changed since the last run; None: all are looked at. Who gives
    #: them has listened to the folder since before that run. What others did to the archive documents is then not looked for.
    paths: frozenset[str] | None = None


def publish(config: Config, request: Request, *, now: datetime, progress: Progress = lambda *_: None) -> Report:
    """Bring the feeds up to date. `now` (aware) decides only which posts are still to come.

    Raises StorageError (nothing was changed, or whole files of this run stand beside whole ones of the last, and the next run
    goes on), ConfigError when a name of `request` is no feed.
    """
    with contextlib.ExitStack() as stack:
        catalog, state = config.catalog_path, config.state_path
        if request.is_dry:
            import tempfile

            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feedmill-")))
            catalog, state = copy_database(catalog, home), copy_database(state, home)
        else:
            stack.enter_context(writing(config.lock_path))
            sweep([catalog.parent])
        for _ in range(_ATTEMPTS):
            try:
                with contextlib.ExitStack() as attempt:
                    databases = _open(attempt, catalog, state)
                    return _Publishing(config, request, attempt, databases, now=to_epoch(now), progress=progress).run()
            except Unreadable as damage:
                move_aside(damage)
            except PostsMovedError:
                request = request._replace(paths=None)  # the one that moved may be none of them
            except SpoiledError:
                request = request._replace(is_full=True)
    raise StorageError(
        f"{config.posts_dir} keeps changing while it is read, or its catalog cannot be kept: nothing was published; run again"
    )


class _Databases(NamedTuple):
    """What a run reads and writes beside posts and feeds."""

    catalog: Catalog
    memory: DatabaseMemory


def _open(stack: contextlib.ExitStack, catalog: Path, state: Path) -> _Databases:
    return _Databases(
        stack.enter_context(contextlib.closing(Catalog(catalog))), stack.enter_context(contextlib.closing(DatabaseMemory(state)))
    )


class _Publishing:
    """One attempt, in the order of its steps; what a run with nothing to do does without is loaded when it is needed."""

    def __init__(
        self, config: Config, request: Request, stack: contextlib.ExitStack, databases: _Databases, *, now: int, progress: Progress
    ) -> None:
        self._config, self._request, self._stack = config, request, stack
        self._now, self._progress = now, progress
        self._catalog, self._memory = databases.catalog, databases.memory
        self._published = Published(self._catalog)
        self._sink = DrySink(config.feeds_dir) if request.is_dry else FolderSink(config.feeds_dir)
        stack.callback(self._sink.drop)
        self._made_with = fingerprint(config)
        self._was_cut_short = self._memory.recall(*UNFINISHED) == "yes"
        is_outdated = self._catalog.meta("made with") != self._made_with
        self._is_rebuild = request.is_full or is_outdated or self._was_cut_short
        #: None where all posts are looked at.
        self._listed = self._catalog.meta(_LISTED)
        self._paths = (
            None if self._is_rebuild or self._listed is None or request.paths is None else request.paths.union(self._catalog.unread())
        )

    def run(self) -> Report:
        """Do it."""
        listing = self._list()
        self._sweep(listing)
        difference = self._compare(listing)
        run = Run()
        self._catalog.begin()
        self._index(difference, run)
        self._mark_due()
        feeds = choose_feeds(self._published.feeds().values(), self._request.names)
        stale, intact = self._look_at(feeds)
        listed = json.dumps(listing.problems)
        is_new = difference or listed != self._listed
        if stale or is_new or self._is_rebuild or not self._has_lists():
            self._catalog.set_meta(_LISTED, listed)
            self._mark_unfinished("yes")
            try:
                self._print(feeds, stale, intact, run)
            except PostsMovedError:
                self._memory.chains.forget()  # the catalog forgets them too
                self._mark_unfinished("yes" if self._was_cut_short else "no")  # nothing was staged yet
                raise
            orphans = self._orphans(feeds) if self._is_rebuild else []
            run.removed.extend(orphans)
            self._plan.settle(orphans)
            self._stage_lists(run)
            self._commit(run)
        return report_on(self._config, self._published, listing.problems, feeds, run, now=self._now)

    def _look_at(self, feeds: Iterable[Feed]) -> tuple[list[Document], dict[int, Document]]:
        """Return the documents of `feeds` that may have to be written, and all whose file is the one that was written, by number."""
        documents = self._published.documents.all() if self._paths is None else self._published.documents.heads_and_stale()
        intact = {one.number: one for one in documents if self._sink.look(one.file) == one.stamp}
        chosen = {feed.number for feed in feeds}
        is_damaged = (one for one in documents if one.feed in chosen and (one.is_stale or (one.digest and one.number not in intact)))
        return list(is_damaged), intact

    def _has_lists(self) -> bool:
        return all(self._sink.look(file) is not None for file in _FOR_EVERYBODY)

    @cached_property
    def _plan(self) -> Plan:
        from feedmill.producer.plan import Plan

        return Plan(self._config, self._published, self._memory)

    @cached_property
    def _crew(self) -> Crew:
        from feedmill.crew import Crew

        return self._stack.enter_context(Crew())

    @cached_property
    def _heads(self) -> Heads:
        from feedmill.producer.heads import Heads

        return Heads(self._config)

    @cached_property
    def _press(self) -> Press:
        from feedmill.producer.press import Press

        press = Press(
            self._published,
            self._sink,
            self._crew,
            heads=self._heads,
            posts=self._config.posts_dir,
            spool=self._stack.enter_context(scratch_folder(self._catalog.path.parent)),
            now=self._now,
        )
        self._stack.callback(press.close)
        return press

    def _sweep(self, listing: Listing) -> None:
        """Remove what a killed run left beside the posts and, where one was cut short, beside the feeds."""
        if self._request.is_dry:
            return
        sweep({path.parent for path in listing.leftovers})
        if self._was_cut_short:
            sweep(Path(folder) for folder, _, _ in os.walk(self._config.feeds_dir))

    def _mark_unfinished(self, answer: str) -> None:
        """Remember, durably and before anything is written, that a run is under way: one that was cut short is looked after."""
        if not self._request.is_dry:
            self._memory.note(*UNFINISHED, answer)
            self._memory.commit()

    def _list(self) -> Listing:
        """Return what stands in the folder of posts; where only some may have changed, these, and the problems of the others."""
        if self._paths is None:
            return list_posts(self._config.posts_dir)
        listing = list_some(self._config.posts_dir, self._paths)
        before = (Problem(*problem) for problem in json.loads(self._listed or "[]"))
        listing.problems.extend(problem for problem in before if problem.path not in self._paths)
        return listing

    def _compare(self, listing: Listing) -> Difference:
        if self._paths is not None:
            difference = compare(self._catalog.stamps_of(self._paths), listing, total=self._catalog.count_files())
            refuse_mass_loss(difference, self._config.posts_dir)
            return difference
        known = self._catalog.stamps()
        difference = compare(known, listing)
        if not self._request.is_full:
            refuse_mass_loss(difference, self._config.posts_dir)
        return compare(known, listing, is_forced=True) if self._is_rebuild else difference

    def _index(self, difference: Difference, run: Run) -> None:
        """Bring the catalog and the tables of feeds in step with the folder of posts."""
        removed: set[int] = set()
        gone_ids = {row.file: row.id for row in self._catalog.rows(difference.gone.values())}
        if difference:
            from feedmill.posts.refresh import refresh

            self._crew.expect(difference.to_read)
            folder, zone = self._config.posts_dir, self._config.site.timezone
            done = refresh(self._catalog, self._memory, folder, difference, zone=zone, crew=self._crew, progress=self._progress)
            run.changed_posts, removed = done.changed, done.removed
        if self._is_rebuild:
            self._plan.start_over()
            run.changed_posts |= difference.hidden  # they are put into their feeds anew, to be refused there until they can be read
        if run.changed_posts or removed or self._is_rebuild:
            self._plan.update(run.changed_posts, removed, gone_ids=gone_ids)

    def _mark_due(self) -> None:
        """Mark the feeds of posts whose time has come since the last run (or, when the clock went back, is still to come)."""
        before = self._catalog.meta("now")
        due = self._catalog.became_due(int(before), self._now) if before else []
        if due:
            feeds = self._published.feeds_with(due)
            self._published.documents.mark_heads_stale(feeds)
            self._published.count_anew(feeds)
            self._published.displace(due)

    def _print(self, feeds: Iterable[Feed], stale: Sequence[Document], intact: dict[int, Document], run: Run) -> None:
        """Render what is missing and stage the documents that differ; a post that cannot be rendered leaves its feeds."""
        by_number = {feed.number: feed for feed in feeds}
        sheets = self._sheets(by_number, stale, run)
        while refused := self._press.render_missing(sheets, intact, self._progress):
            self._refuse(refused)
            sheets = self._sheets(by_number, self._look_at(feeds)[0], run)
        self._press.find_pieces(sheets, intact)
        for number, sheet in enumerate(sheets, start=1):
            self._press.print_sheet(sheet, run)
            self._progress("writing", number, len(sheets))
        stage_stylesheet(self._sink)

    def _sheets(self, feeds: Mapping[int, Feed], stale: Sequence[Document], run: Run) -> list[Sheet]:
        """Return what belongs into each stale document, and into those that come of posts having a place in the history."""
        if not self._config.feeds.history:
            return self._press.sheets(stale, feeds, {})
        from feedmill.producer.archive import Archive

        formats, chains = self._config.feeds.formats, self._memory.chains
        archive = Archive(self._plan, chains, limit=self._heads.limit, formats=formats, now=self._now)
        documents, orders = archive.settle(feeds, stale)
        run.removed.extend(self._ours(archive.removed))
        return self._press.sheets(documents, feeds, orders)

    def _stage_lists(self, run: Run) -> None:
        from feedmill.producer.directory import stage_directory

        moved = self._memory.recall_all("moved")
        run.removed.extend(stage_directory(self._sink, self._published, self._heads, config=self._config, moved=moved, now=self._now))

    def _refuse(self, refused: dict[int, str]) -> None:
        rows = [
            row._replace(status=REFUSED, notes=json.dumps([*json.loads(row.notes or "[]"), [0, REFUSED, refused[row.file]]]))
            for row in self._catalog.rows(sorted(refused))
        ]
        unread = self._press.unread
        self._catalog.put(row._replace(digest="") if row.file in unread else row for row in rows)
        self._catalog.restamp((UNREAD, file) for file in unread)
        self._published.documents.mark_heads_stale(self._published.unplace(refused))

    def _orphans(self, printed: Iterable[Feed]) -> list[str]:
        """Return the files of feeds and formats that went while there was no catalog to tell."""
        keys = {feed.key for feed in printed}
        return self._ours(self._plan.orphans(lambda file: self._sink.look(file) is not None, printed=keys))

    def _ours(self, files: Iterable[str]) -> list[str]:
        """Return those of `files` that stand in the folder of feeds and were written by feedmill."""
        looks = ((file, self._sink.look(file)) for file in files)
        return [file for file, look in looks if look and look.size > 0 and made_by_us(self._sink.read(file))]

    def _commit(self, run: Run) -> None:
        """What was staged is made durable, then come the choices, then the catalog, which the disk may have no room for, then the feeds:
        a file that did not get to its place is not the one in the catalog, and the next run finds that out."""
        self._sink.settle()
        self._published.drop_empty_feeds()
        self._catalog.set_meta("made with", self._made_with)
        self._catalog.set_meta("now", str(self._now))
        if not self._request.is_dry:
            self._note_pings(run)
            self._memory.commit()
        self._catalog.commit()
        self._sink.commit(run.removed)
        with contextlib.suppress(StorageError):  # everything is done; the mark only makes the next run look around
            self._mark_unfinished("no")

    def _note_pings(self, run: Run) -> None:
        """Have the hubs told of every feed that changes now. Noted before the change, for a crash must not keep them from hearing of it."""
        if hubs := self._config.feeds.hub:
            from feedmill.producer.hubs import note_changed

            changed = (one.document for one in run.printed if one.is_changed and not one.document.page)
            note_changed(self._memory, hubs=hubs, topics=[self._heads.address(one.file) for one in changed], now=self._now)
