"""The use case `publish`: brings the folder of feeds up to date with the folder of posts, and says what it did.

Order of commits: remembered choices (ids, names), then the feed files, then the catalog. A crash anywhere leaves whole files,
and the next run finds by itself what is still to do.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from feedmill.config import Config
from feedmill.crew import Crew
from feedmill.durable import TEMP_PREFIX, TEMP_SUFFIX
from feedmill.errors import ConfigError, StorageError
from feedmill.model import Problem, Progress
from feedmill.posts.catalog import DUPLICATE, REFUSED, Catalog
from feedmill.posts.record import to_epoch
from feedmill.posts.refresh import Difference, Refreshed, compare, refresh, refuse_mass_loss
from feedmill.posts.store import Listing, list_posts
from feedmill.producer.plan import Plan
from feedmill.producer.press import PostsMovedError, Press, Printed, Run, SpoiledError, made_by_us
from feedmill.producer.published import Feed
from feedmill.producer.sink import DrySink, FolderSink, sweep
from feedmill.state.database import Unreadable, copy_database, move_aside
from feedmill.state.lock import writing
from feedmill.state.memory import DatabaseMemory

#: Counted up when the same post would give other bytes than before.
RENDERING = 1
_LIBRARIES = frozenset({"feedgen", "lxml", "markdown_it_py", "nh3", "python_frontmatter", "pyyaml"})
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a publish."""

    #: Names of the feeds to bring up to date, with all below each; empty: all.
    names: tuple[str, ...] = ()
    is_full: bool = False
    is_dry: bool = False


@dataclass(frozen=True, slots=True)
class FeedReport:
    """One feed after a publish; `path` is relative to the project."""

    path: str
    category: str
    entries: int
    changed: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a publish did. Paths are relative to the project."""

    posts: int
    skipped: tuple[Problem, ...]
    #: Posts that were published in spite of a defect.
    repaired: tuple[Problem, ...]
    feeds: tuple[FeedReport, ...]
    removed: tuple[str, ...]
    #: Those of `repaired` whose files were read in this run.
    fresh: tuple[Problem, ...]


def publish(config: Config, request: Request, *, now: datetime, progress: Progress = lambda *_: None) -> Report:
    """Bring the feeds up to date. `now` (aware) decides only which posts are still to come.

    Raises StorageError (nothing was changed, or whole files of this run stand beside whole ones of the last, and the next run
    goes on), ConfigError when a name of `request` is no feed.
    """
    if config.feeds.formats != ("atom",):
        raise ConfigError(f"feeds.formats: this version writes atom, not {', '.join(config.feeds.formats)}; set it to [atom]")
    with contextlib.ExitStack() as stack:
        if request.is_dry:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feedmill-")))
            catalog_path, state_path = copy_database(config.catalog_path, home), copy_database(config.state_path, home)
        else:
            stack.enter_context(writing(config.lock_path))
            catalog_path, state_path = config.catalog_path, config.state_path
            sweep([catalog_path.parent])
        crew = stack.enter_context(Crew())
        for _ in range(_ATTEMPTS):
            try:
                return _attempt(config, request, catalog_path, state_path, crew, to_epoch(now), progress)
            except Unreadable as damage:
                move_aside(damage)
            except PostsMovedError:
                continue
            except SpoiledError:
                request = Request(request.names, is_full=True, is_dry=request.is_dry)
    raise StorageError(
        f"{config.posts_dir} keeps changing while it is read, or its catalog cannot be kept: nothing was published; run again"
    )


def _attempt(config: Config, request: Request, catalog_path: Path, state_path: Path, crew: Crew, now: int, progress: Progress) -> Report:
    with contextlib.ExitStack() as stack:
        catalog = stack.enter_context(contextlib.closing(Catalog(catalog_path)))
        memory = stack.enter_context(contextlib.closing(DatabaseMemory(state_path)))
        sink = DrySink(config.feeds_dir) if request.is_dry else FolderSink(config.feeds_dir)
        stack.callback(sink.drop)
        spool = tempfile.TemporaryDirectory(dir=catalog_path.parent, prefix=TEMP_PREFIX, suffix=TEMP_SUFFIX)
        press = Press(config, catalog, sink, crew, spool=Path(stack.enter_context(spool)), now=now)
        stack.callback(press.close)
        return _Publishing(config, request, _Tools(catalog, memory, sink, press, crew), now, progress).run()


@dataclass(frozen=True, slots=True)
class _Tools:
    """What one attempt works with."""

    catalog: Catalog
    memory: DatabaseMemory
    sink: FolderSink
    press: Press
    crew: Crew


class _Publishing:
    """One publish over open databases, in the order of its steps."""

    def __init__(self, config: Config, request: Request, tools: _Tools, now: int, progress: Progress) -> None:
        self._config, self._request, self._now, self._progress = config, request, now, progress
        self._catalog, self._memory, self._sink = tools.catalog, tools.memory, tools.sink
        self._press, self._crew = tools.press, tools.crew
        self._plan = Plan(config, tools.catalog, tools.memory)
        self._listing = Listing()
        self._is_rebuild = False

    def run(self) -> Report:
        difference = self._find_work()
        self._catalog.begin()
        if self._is_rebuild:
            self._plan.start_over()
        refreshed = self._refresh(difference)
        self._replan(refreshed)
        run, feeds = self._print()
        self._commit(run)
        return self._report(run, feeds, refreshed.changed)

    def _find_work(self) -> Difference:
        self._listing = list_posts(self._config.posts_dir)
        if not self._request.is_dry:
            folders = {str(Path(feed.file).parent) for feed in self._plan.feeds.values()}
            sweep([self._config.feeds_dir / folder for folder in folders])
        known = self._catalog.stamps()
        difference = compare(known, self._listing)
        if not self._request.is_full:
            refuse_mass_loss(difference, self._config.posts_dir)
        self._is_rebuild = self._request.is_full or self._catalog.meta("rendering") != rendering_of(self._config)
        return compare(known, self._listing, is_forced=True) if self._is_rebuild else difference

    def _refresh(self, difference: Difference) -> Refreshed:
        count = difference.to_read
        if not count and not difference.gone:
            return Refreshed()
        self._crew.expect(count)
        zone = self._config.site.timezone
        return refresh(self._catalog, self._memory, self._config.posts_dir, difference, zone=zone, crew=self._crew, progress=self._progress)

    def _replan(self, refreshed: Refreshed) -> None:
        """Find the feeds that may have changed: by their posts, by the time that has come, by their files on disk."""
        if refreshed.changed or refreshed.removed or self._is_rebuild:
            self._plan.update(refreshed.changed, refreshed.removed)
        before = int(self._catalog.meta("now") or self._now)
        due = self._catalog.became_due(before, self._now)
        self._plan.published.mark_stale(self._plan.published.feeds_with(due))
        self._plan.feeds = self._plan.published.feeds()

    def _print(self) -> tuple[Run, list[Feed]]:
        intact = {feed.number: feed for feed in self._plan.feeds.values() if self._sink.look(feed.file) == feed.stamp}
        chosen = self._chosen()
        stale = [feed for feed in chosen if feed.is_stale or (feed.number not in intact and feed.digest)]
        windows = self._press.windows(stale)
        while refused := self._press.render_missing(windows, intact, self._progress):
            self._refuse(refused)
            windows = self._press.windows(stale)
        run = Run()
        for number, (feed, members) in enumerate(windows.items(), start=1):
            self._press.print_feed(feed, members, intact, run)
            self._progress("writing", number, len(windows))
        if self._is_rebuild or not self._catalog.meta("now"):
            run.removed.extend(file for file in self._plan.orphans() if self._sink.look(file) and made_by_us(self._sink.read(file)))
        return run, chosen

    def _chosen(self) -> list[Feed]:
        """Return the feeds that were asked for, with all below them, as the tree lists them: the root first, tags last."""
        feeds = sorted(self._plan.feeds.values(), key=lambda feed: (feed.key.kind, feed.key.path))
        names = [name.strip("/") or "/" for name in self._request.names]
        known = {feed.key.name for feed in feeds}
        unknown = [name for name in names if name not in known]
        if unknown:
            import difflib

            close = difflib.get_close_matches(unknown[0], known, n=3, cutoff=0.4)
            hint = f"; did you mean {' or '.join(close)}?" if close else f"; there are {len(feeds)} feeds"
            raise ConfigError(f"no feed is called {unknown[0]!r}{hint}")
        if not names or "/" in names:
            return feeds
        return [feed for feed in feeds if any(f"{feed.key.name}/".startswith(f"{name}/") for name in names)]

    def _refuse(self, refused: dict[int, str]) -> None:
        rows = [
            row._replace(status=REFUSED, notes=json.dumps([*json.loads(row.notes or "[]"), [0, REFUSED, refused[row.file]]]))
            for row in self._catalog.rows(sorted(refused))
        ]
        self._catalog.put(rows)
        self._plan.published.mark_stale(self._plan.published.unplace(refused))

    def _commit(self, run: Run) -> None:
        self._plan.drop_empty(self._plan.published.empty_feeds())
        self._catalog.set_meta("rendering", rendering_of(self._config))
        self._catalog.set_meta("now", str(self._now))
        if not self._request.is_dry:
            self._memory.commit()
        self._sink.commit(run.removed)
        self._catalog.commit()
        if not self._request.is_dry:
            for path in self._listing.leftovers:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _report(self, run: Run, feeds: list[Feed], changed: set[int]) -> Report:
        skipped = [self._in_project(problem) for problem in self._listing.problems]
        repaired, fresh = [], []
        for file, status, problem in self._catalog.notes():
            shown = self._in_project(problem)
            if status == REFUSED or problem.rule == DUPLICATE:
                skipped.append(shown)
                continue
            repaired.append(shown)
            if file in changed:
                fresh.append(shown)
        foreign = "it was not written by feedmill and is left as it is; move it away"
        skipped.extend(Problem(f"{self._config.feeds.dir}/{file}", 0, "foreign", foreign) for file in run.foreign)
        printed = {one.feed.file: one for one in run.printed}
        return Report(
            posts=self._catalog.count_published(self._now),
            skipped=tuple(sorted(skipped, key=lambda problem: (problem.path, problem.line))),
            repaired=tuple(repaired),
            fresh=tuple(fresh),
            feeds=tuple(self._feed_reports(feeds, printed, run)),
            removed=tuple(f"{self._config.feeds.dir}/{file}" for file in sorted(run.removed)),
        )

    def _in_project(self, problem: Problem) -> Problem:
        return Problem(f"{self._config.posts.dir}/{problem.path}", problem.line, problem.rule, problem.message)

    def _feed_reports(self, feeds: list[Feed], printed: dict[str, Printed], run: Run) -> Iterator[FeedReport]:
        left_out = {*run.removed, *run.foreign}
        for feed in feeds:
            one = printed.get(feed.file)
            entries = one.entries if one else feed.entries
            if feed.file in left_out or (not entries and feed.key.path):
                continue
            category = "" if not feed.key.path else feed.key.name
            yield FeedReport(f"{self._config.feeds.dir}/{feed.file}", category, entries, bool(one and one.is_changed))


def rendering_of(config: Config) -> str:
    """Return the fingerprint of everything but posts and time that the bytes of feeds depend on."""
    parts = {
        "rendering": RENDERING,
        "site": config.site.model_dump(mode="json"),
        "posts": config.posts.model_dump(mode="json"),
        "feeds": config.feeds.model_dump(mode="json"),
        "embeds": sorted(config.html.embeds),
        "sources": [[source.name, source.title, source.public_url] for source in config.sources],
        "libraries": _library_versions(),
    }
    return blake2b(json.dumps(parts, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def _library_versions() -> Sequence[str]:
    """Return the names of the installed distributions that make bytes, with their versions.

    Read from the names of their metadata folders: importing importlib.metadata alone takes 50 ms (measured), a sixth of what
    a publish with nothing to do may take.
    """
    import yaml

    names = os.listdir(Path(yaml.__file__).parent.parent)
    ours = (name for name in names if name.endswith((".dist-info", ".egg-info")))
    return sorted(name for name in ours if name.partition("-")[0].lower() in _LIBRARIES)
