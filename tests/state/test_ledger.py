"""The ledger keeps what it is told, all of it or nothing, and notices when its file is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feedmill.errors import StorageError
from feedmill.state.ledger import DELETED, MARK_LIFE, PLANNED, STORED, Ledger, SourceState, state_from_json, state_to_json
from upstream import make_article, make_entry

NOW = 1_780_000_000
ENTRY = make_entry("g1", "https://example.org/1", "One", "2026-01-01")
ARTICLE = make_article(0, ENTRY)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "state.db")) as ledger:
        ledger.number("s")
        yield ledger


def settle(ledger: Ledger, *articles, marks=None, states=None, held=None, now: int = NOW) -> None:
    ledger.settle(articles, marks={1: marks} if marks is not None else {}, states=states or {}, held=held or {}, now=now)


def test_an_article_comes_back_as_it_was_settled(ledger: Ledger) -> None:
    settle(ledger, ARTICLE, marks={"m": "g1"})
    (found,) = ledger.articles("s")
    assert found == ARTICLE._replace(article=found.article)
    assert ledger.marks("s") == {"m": found.article}
    assert ledger.posts() == {ARTICLE.path: STORED}
    assert ledger.counts() == {"s": 1}


def test_an_article_keeps_its_number_and_key_when_it_is_settled_again(ledger: Ledger) -> None:
    ledger.plan([ARTICLE._replace(status=PLANNED)])
    number = ledger.articles("s")[0].article
    settle(ledger, ARTICLE._replace(title="new"), marks={"m": "g1"})
    assert [(article.article, article.title, article.status) for article in ledger.articles("s")] == [(number, "new", STORED)]


def test_sources_do_not_see_each_others_articles(ledger: Ledger) -> None:
    other = ledger.number("t")
    settle(ledger, ARTICLE, ARTICLE._replace(source=other), marks={"m": "g1"})
    assert [len(ledger.articles(name)) for name in ("s", "t", "unknown")] == [1, 1, 0]
    assert [len(ledger.marks(name)) for name in ("s", "t", "unknown")] == [1, 0, 0]


def test_a_mark_that_no_document_shows_any_more_is_forgotten_in_time_and_its_article_never(ledger: Ledger) -> None:
    settle(ledger, ARTICLE, marks={"old": "g1"})
    settle(ledger, marks={"old": ""}, now=NOW + MARK_LIFE // 2)  # still there
    settle(ledger, marks={}, now=NOW + MARK_LIFE + 5)
    assert list(ledger.marks("s")) == ["old"]
    settle(ledger, marks={}, now=NOW + 2 * MARK_LIFE)
    assert (ledger.marks("s"), len(ledger.articles("s"))) == ({}, 1)


def test_states_and_held_hosts_come_back(ledger: Ledger) -> None:
    state = SourceState(url_key="k", etag='W/"é"', due=5, failures=2, is_told=True)
    settle(ledger, states={"s": state, "new": SourceState()}, held={"example.org": NOW + 5, "past.example": NOW})
    assert ledger.states() == {"s": state, "new": SourceState()}
    assert ledger.held_hosts(NOW) == {"example.org": NOW + 5}
    assert ledger.held_hosts(NOW + 5) == {}


def test_a_state_of_another_version_is_read_as_far_as_it_is_known() -> None:
    assert state_from_json('{"etag": "x", "of_tomorrow": 1}') == SourceState(etag="x")
    assert state_to_json(SourceState()) == "{}"


def test_articles_that_are_forgotten_let_their_source_be_read_whole(ledger: Ledger) -> None:
    settle(ledger, ARTICLE._replace(status=DELETED), marks={"m": "g1"}, states={"s": SourceState(etag="x", body="y", failures=1)})
    ledger.forget([article for _, article in ledger.with_status(DELETED)])
    assert (ledger.articles("s"), ledger.marks("s")) == ([], {})
    assert ledger.states()["s"] == SourceState(failures=1)


def test_a_settlement_that_fails_halfway_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(UnicodeEncodeError):
        settle(ledger, ARTICLE, marks={"\ud800": "g1"})
    assert (ledger.articles("s"), ledger.marks("s")) == ([], {})


def test_H12_a_ledger_whose_file_was_removed_writes_nothing_into_the_void(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "state.db").unlink()
    with pytest.raises(StorageError, match="removed or replaced while it was in use"):
        settle(ledger, ARTICLE)


def test_a_new_ledger_is_not_built_until_it_was_made_from_the_posts(ledger: Ledger) -> None:
    assert not ledger.is_built()
    ledger.rebuild({"s": [ARTICLE], "t": [ARTICLE]})
    assert ledger.is_built()
    assert [len(ledger.articles(name)) for name in ("s", "t")] == [1, 1]


def test_the_mark_of_an_edition_that_was_taken_back_is_forgotten_with_the_next(ledger: Ledger) -> None:
    settle(ledger, ARTICLE, marks={"first": "g1"})
    settle(ledger, marks={"second": "g1"})
    assert list(ledger.marks("s")) == ["second"]


def test_a_shorter_hold_never_undoes_a_longer_one(ledger: Ledger) -> None:
    settle(ledger, held={"example.org": NOW + 9000})
    settle(ledger, held={"example.org": NOW + 60})
    assert ledger.held_hosts(NOW) == {"example.org": NOW + 9000}
