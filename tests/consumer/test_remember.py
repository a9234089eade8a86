"""What is remembered of a source after a fetch: tables over states and outcomes, without a network or a disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feedmill.config import SourceConfig
from feedmill.consumer.adaptive import Observed
from feedmill.consumer.remember import (
    DEAD_AFTER,
    GAP_SHOWN,
    MOVE_FAILURES,
    MOVE_PROOFS,
    MOVE_TIME,
    Reading,
    Timing,
    address_key,
    address_of,
    after_failure,
    after_hold,
    after_success,
    body_key,
    for_source,
    is_gap_suspected,
    is_gone,
    is_long_dead,
    moment,
    result_of,
    validators_for,
)
from feedmill.posts.record import to_epoch
from feedmill.state.ledger import SourceState, state_from_json, state_to_json
from feedmill.upstream import Failed, Fetched, Hints, NotModified, Validators

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
URL = "https://upstream.example.org/feed.xml"
NEW = "https://new.example.org/feed.xml"
BODY = b"<rss/>"
HOUR = timedelta(hours=1)


def source(url: str = URL, written: str = "") -> SourceConfig:
    return SourceConfig(name="up", url=url, url_as_written=written or url)


def at(**later: float) -> Timing:
    return Timing(every=HOUR, zone=UTC, now=NOW + timedelta(**later), chance=0.5)


def known(**over: Any) -> SourceState:
    """A source that was fetched once and was ok."""
    state = SourceState(
        url_key=address_key(URL), validators_for=URL, etag='"1"', last_modified="then", body=body_key(BODY), last_fetch=1, last_result="ok"
    )
    return replace(state, **over)


def fetched(url: str = URL, **over: Any) -> Fetched:
    held = {"status": 200, "body": BODY, "headers": {}, "validators": Validators(url, '"2"', "")} | over
    return Fetched(url=url, **held)


def not_modified(url: str = URL, **over: Any) -> NotModified:
    return NotModified(url=url, headers={}, **({"validators": Validators(url, '"1"', "then")} | over))


def reading(**over: Any) -> Reading:
    held = {"has_known": True, "is_gap": False, "is_torn": False, "complaint": "", "title": "Upstream"} | over
    return Reading(hints=Hints(), observed=Observed(dates=(), entries=1, new=0), **held)


def success(state: SourceState, answer: Fetched | NotModified, *, read: Reading | None = None, timing: Timing | None = None, **over: Any):
    body = body_key(answer.body) if isinstance(answer, Fetched) else ""
    return after_success(state, over.get("source", source()), answer, body=body, reading=read, timing=timing or at())


# After an answer


@pytest.mark.parametrize(
    ("answer", "read", "expected"),
    [
        pytest.param(fetched(), reading(), "ok", id="read"),
        pytest.param(fetched(), None, "ok", id="the-body-that-is-known"),
        pytest.param(fetched(), reading(is_torn=True), "partial", id="torn"),
        pytest.param(not_modified(), None, "not-modified", id="304"),
    ],
)
def test_the_word_for_an_answer(answer: Fetched | NotModified, read: Reading | None, expected: str) -> None:
    assert result_of(answer, read) == success(known(), answer, read=read).last_result == expected


@pytest.mark.parametrize("answer", [fetched(), not_modified()], ids=["200", "304"])
def test_an_answer_ends_failures_and_lets_the_next_death_be_said_again(answer: Fetched | NotModified) -> None:
    state = success(known(failures=9, failing_since=5, is_told=True, error="500"), answer, read=None)
    assert (state.failures, state.failing_since, state.is_told, state.error) == (0, None, False, "")
    assert state.last_fetch == to_epoch(NOW)
    assert state.due is not None
    assert state.next_fetch is not None
    assert to_epoch(NOW + 0.9 * HOUR) <= state.due <= state.next_fetch <= to_epoch(NOW + 1.1 * HOUR)


@pytest.mark.parametrize(
    ("answer", "read", "expected"),
    [
        pytest.param(fetched(), reading(), ('"2"', "", body_key(BODY)), id="a-200-replaces-all-of-them"),
        pytest.param(fetched(body=b"b"), reading(), ('"2"', "", body_key(b"b")), id="and-the-body"),
        pytest.param(fetched(validators=Validators(URL)), reading(), ("", "", body_key(BODY)), id="a-200-without-any-clears-them"),
        pytest.param(fetched(body=b"b"), reading(is_torn=True), ('"1"', "then", body_key(BODY)), id="a-torn-one-leaves-them"),
        pytest.param(not_modified(), None, ('"1"', "then", body_key(BODY)), id="a-304-keeps-the-body"),
    ],
)
def test_validators_after_an_answer(answer: Fetched | NotModified, read: Reading | None, expected: tuple[str, str, str]) -> None:
    state = success(known(), answer, read=read)
    assert (state.etag, state.last_modified, state.body) == expected


@pytest.mark.parametrize(
    ("url", "written", "is_plain"),
    [
        pytest.param(URL, "", True, id="plain"),
        pytest.param(f"{URL}?key=SECRET", "", False, id="query"),
        pytest.param("https://me:SECRET@upstream.example.org/", "", False, id="password"),
        pytest.param("https://upstream.example.org/SECRET", "https://upstream.example.org/${TOKEN}", False, id="environment"),
    ],
)
def test_an_address_that_may_hold_a_secret_is_kept_as_its_digest_and_known_again(url: str, written: str, is_plain: bool) -> None:
    held = source(url, written)
    answered = url.replace("me:SECRET@", "")
    state = success(for_source(SourceState(), held), fetched(answered), read=reading(), source=held)
    assert (state.validators_for == answered) is is_plain
    assert "SECRET" not in state_to_json(state)
    assert validators_for(state, url).etag == '"2"'
    assert validators_for(state, url).url in (url, answered)
    assert validators_for(state, "https://other.example.org/").url != "https://other.example.org/"


def test_a_secret_address_that_moved_for_good_is_never_written_down() -> None:
    held = source(f"{URL}?key=SECRET")
    state = for_source(SourceState(), held)
    for day in (0, 4, 8, 12):
        state = success(state, fetched(NEW, moved_to=f"{NEW}/SECRET"), read=reading(), timing=at(days=day), source=held)
    assert state.moved_to == ""
    assert "SECRET" not in state_to_json(state)


def test_the_last_title_and_gap_stay_when_a_document_says_nothing_of_them() -> None:
    state = success(known(title="Old", gap_at=5), fetched(), read=reading(title=""))
    assert (state.title, state.gap_at) == ("Old", 5)
    state = success(state, fetched(), read=reading(title="New", is_gap=True, complaint="not well-formed"))
    assert (state.title, state.gap_at, state.error) == ("New", to_epoch(NOW), "not well-formed")


@pytest.mark.parametrize(
    ("gap_at", "expected"), [(None, False), (0, True), (-GAP_SHOWN.total_seconds() + 1, True), (-GAP_SHOWN.total_seconds(), False)]
)
def test_a_gap_is_suspected_for_a_week(gap_at: float | None, expected: bool) -> None:
    now = to_epoch(NOW)
    assert is_gap_suspected(known(gap_at=None if gap_at is None else now + int(gap_at)), now) is expected


# After a failure


@pytest.mark.parametrize(
    ("failure", "before", "result"),
    [
        pytest.param(Failed(reason="500", status=500), known(), "failed", id="500"),
        pytest.param(Failed(reason="no name"), known(), "failed", id="no-answer"),
        pytest.param(Failed(reason="410", status=410), known(), "gone", id="gone"),
        pytest.param(Failed(reason="410", status=410), known(moved_to=NEW), "failed", id="the-new-address-is-gone"),
    ],
)
def test_a_failure_is_counted_and_leaves_all_that_is_known(failure: Failed, before: SourceState, result: str) -> None:
    state = after_failure(before, failure, timing=at())
    assert (state.last_result, state.error, state.failures, state.failing_since) == (result, failure.reason, 1, to_epoch(NOW))
    assert is_gone(state) is (result == "gone")
    assert (state.etag, state.last_modified, state.body, state.validators_for) == ('"1"', "then", body_key(BODY), URL)
    again = after_failure(state, failure, timing=at(days=1))
    assert (again.failures, again.failing_since) == (2, to_epoch(NOW))


def test_the_waits_after_failures_grow_and_end_at_a_day() -> None:
    state, waits = known(), []
    for _ in range(12):
        state = after_failure(state, Failed(reason="500", status=500), timing=at())
        assert state.due is not None
        waits.append(state.due - to_epoch(NOW))
    assert waits == sorted(waits)
    assert 0.9 * 3600 <= waits[0] < waits[3]
    assert waits[-1] <= 1.1 * 24 * 3600


@pytest.mark.parametrize(
    ("since", "is_told", "expected"),
    [
        (None, False, False),
        (DEAD_AFTER.total_seconds() - 1, False, False),
        (DEAD_AFTER.total_seconds(), False, True),
        (DEAD_AFTER.total_seconds(), True, False),
    ],
    ids=["well", "not-yet", "now", "told"],
)
def test_a_source_is_long_dead_after_a_week_until_it_was_told(since: float | None, is_told: bool, expected: bool) -> None:
    now = to_epoch(NOW)
    assert is_long_dead(known(failing_since=None if since is None else now - int(since), is_told=is_told), now) is expected


def test_a_hold_only_puts_off() -> None:
    until = NOW + timedelta(hours=2)
    state = known(due=to_epoch(NOW), next_fetch=to_epoch(NOW), rule="every 1h", failures=1)
    held = after_hold(state, until)
    assert held == replace(state, due=to_epoch(until), next_fetch=to_epoch(until), rule="Retry-After of its host")
    later = known(due=to_epoch(until) + 1, next_fetch=to_epoch(until) + 1)
    assert after_hold(later, until) == later
    assert after_hold(SourceState(), until).due == to_epoch(until)


# Moves


def moving(days: list[float], *, to: str = NEW, **over: Any) -> SourceState:
    state = known()
    for day in days:
        answer = fetched(to, moved_to=to, validators=Validators(to, '"n"', ""))
        state = success(state, answer, read=reading(**over), timing=at(days=day))
    return state


@pytest.mark.parametrize(
    ("days", "over", "is_moved"),
    [
        pytest.param([0, 3.5, 7], {}, True, id="three-over-seven-days"),
        pytest.param([0, 1, 2, 3, 4, 5, 6], {}, False, id="too-short-a-time"),
        pytest.param([0, 8], {}, False, id="too-few"),
        pytest.param([0, 4, 8], {"has_known": False}, False, id="not-the-feed-that-we-know"),
    ],
)
def test_a_move_is_believed_when_it_is_proved(days: list[float], over: dict[str, Any], is_moved: bool) -> None:
    assert MOVE_PROOFS == 3
    assert timedelta(days=7) == MOVE_TIME
    state = moving(days, **over)
    assert (state.moved_to == NEW) is is_moved
    assert address_of(state, source()) == (NEW if is_moved else URL)
    if is_moved:
        assert (state.move_key, state.move_count, state.move_since) == ("", 0, 0)
        assert validators_for(state, NEW) == Validators(NEW, '"n"', "")


@pytest.mark.parametrize(
    "answer", [fetched(), fetched("https://third.example.org/", moved_to="https://third.example.org/")], ids=["none", "other"]
)
def test_a_proof_begins_anew_when_the_move_is_withdrawn_or_leads_elsewhere(answer: Fetched) -> None:
    state = success(moving([0, 4]), answer, read=reading(), timing=at(days=5))
    assert state.move_count == (1 if answer.moved_to else 0)
    state = success(state, fetched(NEW, moved_to=NEW), read=reading(), timing=at(days=8))
    assert (state.moved_to, state.move_count) == ("", 1)


def test_a_304_at_the_new_address_proves_the_move_too() -> None:
    state = success(moving([0, 4]), not_modified(NEW, moved_to=NEW), timing=at(days=8))
    assert state.moved_to == NEW


@pytest.mark.parametrize("target", [f"{NEW}?session=1", "https://me@new.example.org/"])
def test_a_target_that_may_hold_a_secret_is_never_believed(target: str) -> None:
    assert moving([0, 4, 8, 12], to=target).moved_to == ""


def test_a_source_that_moved_and_then_fails_is_asked_at_its_old_address_again() -> None:
    state = moving([0, 4, 8])
    for number in range(1, MOVE_FAILURES + 1):
        assert address_of(state, source()) == NEW
        state = after_failure(state, Failed(reason="410", status=410), timing=at(days=9 + number))
        assert not is_gone(state)
    assert address_of(state, source()) == URL
    assert validators_for(state, URL).url != URL, "those of the new address are not sent to the old one"
    assert is_gone(after_failure(state, Failed(reason="410", status=410), timing=at(days=20)))
    assert success(state, fetched(), read=reading(), timing=at(days=20)).failures == 0


def test_one_failure_less_and_the_new_address_is_kept() -> None:
    state = moving([0, 4, 8])
    for number in range(MOVE_FAILURES - 1):
        state = after_failure(state, Failed(reason="500", status=500), timing=at(days=9 + number))
    state = success(state, fetched(NEW), read=reading(), timing=at(days=12))
    assert after_failure(state, Failed(reason="500", status=500), timing=at(days=13)).moved_to == NEW


# What is kept


def test_under_another_address_nothing_of_the_old_one_counts() -> None:
    state = known(moved_to=NEW, failures=3, last_result="gone")
    assert for_source(state, source()) == state
    assert for_source(state, source(NEW)) == SourceState(url_key=address_key(NEW))


def test_a_state_reads_back_as_it_was_written() -> None:
    state = success(moving([0, 4, 8]), fetched(NEW), read=reading(is_gap=True, title="标题"), timing=at(days=9))
    assert state_from_json(state_to_json(state)) == state
    assert state_from_json('{"etag": "x", "of another version": 1}') == SourceState(etag="x")


@pytest.mark.parametrize(("seconds", "text"), [(None, None), (0, "1970-01-01T00:00:00Z"), (1_780_315_200, "2026-06-01T12:00:00Z")])
def test_moments_are_rfc_3339_in_utc(seconds: int | None, text: str | None) -> None:
    assert moment(seconds) == text
