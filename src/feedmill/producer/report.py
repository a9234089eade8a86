"""What a publish did, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feedmill.config import Config
from feedmill.model import Problem
from feedmill.posts.catalog import DUPLICATE, REFUSED, Catalog
from feedmill.producer.outcome import Run
from feedmill.producer.published import Feed


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
    #: When the next of the posts is due that are still to come (epoch seconds); None when none is.
    next_due: int | None = None


def report_on(config: Config, catalog: Catalog, listed: Sequence[Problem], feeds: Sequence[Feed], run: Run, *, now: int) -> Report:
    """Return the report of a run over `feeds` at `now` (epoch seconds); `listed` are files that cannot be posts."""

    def in_project(problem: Problem) -> Problem:
        return Problem(f"{config.posts.dir}/{problem.path}", problem.line, problem.rule, problem.message)

    skipped = [in_project(problem) for problem in listed]
    repaired, fresh = [], []
    for file, status, problem in catalog.notes():
        shown = in_project(problem)
        if status == REFUSED or problem.rule == DUPLICATE:
            skipped.append(shown)
            continue
        repaired.append(shown)
        if file in run.changed_posts:
            fresh.append(shown)
    foreign = "it was not written by feedmill and is left as it is; move it away"
    skipped.extend(Problem(f"{config.feeds.dir}/{file}", 0, "foreign", foreign) for file in run.foreign)
    return Report(
        posts=catalog.count_published(now),
        skipped=tuple(sorted(skipped, key=lambda problem: (problem.path, problem.line))),
        repaired=tuple(repaired),
        fresh=tuple(fresh),
        next_due=catalog.next_due(now),
        feeds=tuple(_feed_reports(config.feeds.dir, feeds, run)),
        removed=tuple(f"{config.feeds.dir}/{file}" for file in sorted(run.removed)),
    )


def _feed_reports(folder: str, feeds: Sequence[Feed], run: Run) -> Iterator[FeedReport]:
    printed = {one.feed.file: one for one in run.printed}
    left_out = {*run.removed, *run.foreign}
    for feed in feeds:
        one = printed.get(feed.file)
        entries = one.entries if one else feed.entries
        if feed.file in left_out or (not entries and feed.key.path):
            continue
        category = "" if not feed.key.path else feed.key.name
        yield FeedReport(f"{folder}/{feed.file}", category, entries, bool(one and one.is_changed))
