"""What a document asks for: new posts, rewritten posts, and everything that is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from feedmill.consumer.decide import CHANGE_LIMIT, Known, beyond_keep, content_digest, content_digest_before_enclosures, decide
from feedmill.consumer.plan import SyncPlan
from feedmill.model import Enclosure
from feedmill.state.ledger import DELETED, PLANNED, PRUNED
from upstream import make_article, make_document, make_entry, moment

NOW = int(moment("2026-06-01").timestamp())
DAY = 86400
ENTRY = make_entry("g1", "https://example.org/1", "One", "2026-01-01", "<p>old</p>")
EDITED = make_entry("g1", "https://example.org/1", "One", "2026-01-01", "<p>new</p>")


def decided(document, articles=(), *, marks=None, keep=None, tombstones=(), now=NOW) -> SyncPlan:
    known = Known(number=1, name="s", articles=articles, marks=marks or {}, keep=keep, tombstones=tombstones)
    return decide(document, known, now=now)


def test_new_entries_are_written_the_oldest_first() -> None:
    entries = [make_entry(f"g{n}", f"https://example.org/{n}", f"T{n}", f"2026-01-0{n}") for n in (3, 2, 1)]
    plan = decided(make_document(*entries))
    assert [step.article.key for step in plan.new] == ["g1", "g2", "g3"]
    assert plan.marks == {entry.mark: entry.guid for entry in entries}


@pytest.mark.parametrize(
    ("date", "posted"),
    [
        pytest.param("2026-05-31", NOW - DAY, id="upstream"),
        pytest.param("", NOW, id="absent"),
        pytest.param("2036-06-01", NOW, id="ten-years-to-come"),
        pytest.param("1970-01-01", NOW, id="an-empty-clock"),
        pytest.param("1600-01-01", NOW, id="absurd"),
    ],
)
def test_D6_a_date_that_cannot_be_is_the_time_when_the_entry_was_first_seen(date: str, posted: int) -> None:
    plan = decided(make_document(make_entry("g", title="T", date=date)))
    assert (plan.new[0].article.posted, plan.new[0].article.first_seen) == (posted, NOW)


def test_an_undated_entry_that_was_planned_before_a_crash_keeps_the_time_of_then() -> None:
    entry = make_entry("g", title="T")
    planned = make_article(1, entry, status=PLANNED, first_seen=NOW - DAY, posted=NOW - DAY)
    plan = decided(make_document(entry), [planned])
    assert [(step.article.posted, step.before) for step in plan.new] == [(NOW - DAY, planned)]


FILE = Enclosure("https://example.org/1.pdf", "application/pdf", 7)


def test_a_post_from_before_enclosures_were_read_is_not_rewritten_for_its_own() -> None:
    entry = replace(ENTRY, enclosure=FILE)
    article = make_article(1, entry, content=content_digest_before_enclosures(entry))
    plan = decided(make_document(entry), [article])
    assert (plan.new, plan.updated) == ([], [])
    assert [noted.content for noted in plan.noted] == [content_digest(entry)]


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, FILE), (FILE, None), (FILE, replace(FILE, length=8)), (FILE, replace(FILE, url="https://example.org/2.pdf"))],
)
def test_an_enclosure_that_comes_changes_or_goes_rewrites_its_post(before: Enclosure | None, after: Enclosure | None) -> None:
    article = make_article(1, replace(ENTRY, enclosure=before))
    assert len(decided(make_document(replace(ENTRY, enclosure=after)), [article]).updated) == 1
    assert not decided(make_document(replace(ENTRY, enclosure=before)), [article]).updated


def test_D4_an_edited_entry_is_rewritten_and_keeps_its_date() -> None:
    article = make_article(1, ENTRY)
    plan = decided(make_document(EDITED), [article])
    (step,) = plan.updated
    assert (step.before, step.article.posted, step.article.changes) == (article, article.posted, 1)
    assert not plan.new


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(
            make_entry("g1", "http://www.example.org/1/?utm_source=x", "One", "2026-01-01", "<p>old</p>"), id="spelling-of-the-link"
        ),
        pytest.param(make_entry("g1", "https://example.org/1", "One", "2026-02-02", "<p>old</p>"), id="date"),
        pytest.param(
            make_entry("g1", "https://example.org/1", "One", "2026-01-01", "<p>old</p>", updated=moment("2026-03-03")), id="updated-alone"
        ),
    ],
)
def test_what_is_no_change_of_the_post_rewrites_nothing(entry) -> None:
    plan = decided(make_document(entry), [make_article(1, ENTRY)])
    assert (plan.new, plan.updated) == ([], [])
    assert plan.marks == {entry.mark: "g1"}


@pytest.mark.parametrize("status", [DELETED, PRUNED])
def test_D5_what_was_removed_never_comes_back(status: str) -> None:
    plan = decided(make_document(EDITED), [make_article(1, ENTRY, status=status)])
    assert (plan.new, plan.updated) == ([], [])


def test_D5_a_tombstone_outlives_the_ledger() -> None:
    plan = decided(make_document(ENTRY), tombstones={"g1"})
    assert plan.new == []
    assert [article.status for article in plan.noted] == [DELETED]


def test_a_post_from_a_ledger_that_was_made_from_posts_is_taken_as_it_is() -> None:
    plan = decided(make_document(EDITED), [make_article(1, ENTRY, content="", digest="")])
    assert plan.updated == []
    assert [article.content for article in plan.noted] == [content_digest(EDITED)]


def test_a_body_that_changes_on_every_fetch_does_not_rewrite_for_ever() -> None:
    article, rewritten = make_article(1, ENTRY), 0
    for hour in range(60):
        entry = make_entry("g1", "https://example.org/1", "One", "2026-01-01", f"<p>{hour}</p>")
        plan = decided(make_document(entry), [article], now=NOW + hour * 3600)
        rewritten += len(plan.updated)
        article = plan.updated[0].article if plan.updated else article
    assert rewritten == CHANGE_LIMIT


def test_after_a_week_without_a_change_the_count_begins_anew() -> None:
    article = make_article(1, ENTRY, changes=CHANGE_LIMIT - 1, changed_at=NOW - 8 * DAY)
    assert [step.article.changes for step in decided(make_document(EDITED), [article]).updated] == [1]


def test_an_edition_that_was_held_back_is_read_again_and_written_in_its_time() -> None:
    article = make_article(1, ENTRY, changes=CHANGE_LIMIT, changed_at=NOW - DAY)
    held = decided(make_document(EDITED), [article])
    assert (held.updated, held.marks, held.is_waiting) == ([], {}, True)
    later = decided(make_document(EDITED), [article], now=NOW + 7 * DAY)
    assert [step.article.changed_at for step in later.updated] == [NOW + 7 * DAY]


@pytest.mark.parametrize(
    ("keep", "left"),
    [pytest.param(2, ["g8", "g9"], id="count"), pytest.param(timedelta(days=3), ["g8", "g9"], id="age")],
)
def test_entries_that_keep_has_no_room_for_are_never_written(keep, left: list[str]) -> None:
    entries = [make_entry(f"g{n}", title=f"T{n}", date=f"2026-01-0{n}") for n in range(1, 10)]
    plan = decided(make_document(*entries), keep=keep, now=int(moment("2026-01-10").timestamp()))
    assert [step.article.key for step in plan.new][-2:] == left
    assert {article.status for article in plan.noted} == {PRUNED}
    assert len(plan.new) + len(plan.noted) == 9


def test_keep_counts_what_is_stored_already() -> None:
    stored = [make_article(n, make_entry(f"g{n}", title=f"T{n}", date=f"2026-02-0{n}")) for n in range(1, 4)]
    assert [article.key for article in beyond_keep(stored, 2, now=NOW)] == ["g1"]
    old = make_entry("old", title="Old", date="2026-01-01")
    plan = decided(make_document(old), stored, keep=3)
    assert ([step.article.key for step in plan.new], [article.key for article in plan.noted]) == ([], ["old"])


@pytest.mark.parametrize(
    ("document", "is_gap"),
    [
        pytest.param(make_document(*(make_entry(f"n{n}", title=f"N{n}") for n in range(3))), True, id="nothing-known"),
        pytest.param(make_document(ENTRY, make_entry("n", title="N")), False, id="one-known"),
        pytest.param(make_document(make_entry("n", title="N"), known=(ENTRY.mark,)), False, id="one-cut"),
        pytest.param(make_document(make_entry("n", title="N")), False, id="a-feed-of-one-entry"),
    ],
)
def test_a_gap_is_suspected_where_a_document_shares_nothing_with_what_was_known(document, is_gap: bool) -> None:
    assert decided(document, [make_article(1, ENTRY)], marks={ENTRY.mark: 1}).is_gap is is_gap


def test_no_gap_is_suspected_at_the_first_fetch() -> None:
    assert not decided(make_document(ENTRY, EDITED)).is_gap
