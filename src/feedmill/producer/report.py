"""What a publish did, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from feedmill.config import Config
from feedmill.model import Problem
from feedmill.posts.catalog import DUPLICATE, REFUSED
from feedmill.producer.categories import FeedKey
from feedmill.producer.documents import Document
from feedmill.producer.formats import document_of
from feedmill.producer.outcome import Run
from feedmill.producer.published import Feed, Published


class FeedReport(NamedTuple):
    """One document after a publish; `path` is relative to the project."""

    path: str
    category: str
    entries: int
    changed: bool


class Report(NamedTuple):
    """What a publish did. Paths are relative to the project."""

    posts: int
    skipped: tuple[Problem, ...]
    #: Posts that were published in spite of a defect.
    repaired: tuple[Problem, ...]
    #: The newest document of every feed, in every format.
    feeds: tuple[FeedReport, ...]
    #: Documents that were taken away.
    removed: tuple[str, ...]
    #: Those of `repaired` whose files were read in this run.
    fresh: tuple[Problem, ...]
    #: When the next of the posts is due that are still to come (epoch seconds); None when none is.
    next_due: int | None = None
    #: The archive documents that changed.
    archives: tuple[FeedReport, ...] = ()


def report_on(config: Config, published: Published, listed: Sequence[Problem], feeds: Sequence[Feed], run: Run, *, now: int) -> Report:
    """Return the report of a run over `feeds` at `now` (epoch seconds); `listed` are files that cannot be posts."""

    def in_project(problem: Problem) -> Problem:
        return Problem(f"{config.posts.dir}/{problem.path}", problem.line, problem.rule, problem.message)

    catalog = published.catalog
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
        feeds=tuple(_heads(config.feeds.dir, feeds, published.documents.all(), run)),
        archives=tuple(
            FeedReport(f"{config.feeds.dir}/{one.document.file}", _category(one.key), one.entries, changed=True)
            for one in run.printed
            if one.document.page and one.is_changed
        ),
        removed=tuple(f"{config.feeds.dir}/{file}" for file in sorted(run.removed) if document_of(file.rpartition("/")[2])),
    )


def _category(key: FeedKey) -> str:
    return key.name if key.path else ""


def _heads(folder: str, feeds: Sequence[Feed], documents: Iterable[Document], run: Run) -> Iterator[FeedReport]:
    changed = {one.document.number for one in run.printed if one.is_changed}
    left_out = {*run.removed, *run.foreign}
    heads: dict[int, list[Document]] = {}
    for document in documents:
        if not document.page and document.digest and document.file not in left_out:
            heads.setdefault(document.feed, []).append(document)
    for feed in feeds:
        for document in heads.get(feed.number, ()):
            yield FeedReport(f"{folder}/{document.file}", _category(feed.key), document.entries, document.number in changed)
