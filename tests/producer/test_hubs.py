"""What waits for the hubs, when it is due, and what an answer means for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.producer.hubs import (
    KIND,
    Answer,
    Ping,
    Settlement,
    Verdict,
    judge,
    next_due,
    note_changed,
    read_ping,
    select_due,
    settle,
    shown_hub,
)

HUB, OTHER = "https://hub.example.org/", "https://other.example.net/push"
TOPIC = "https://news.example.org/feeds/atom.xml"
NOW = 1_780_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
TAKEN, FAILED, REFUSED = (Answer(verdict, "so it said") for verdict in (Verdict.TAKEN, Verdict.FAILED, Verdict.REFUSED))


class Notes:
    """Memory without a disk."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self.known = dict(known or {})

    def recall(self, kind: str, key: str) -> str | None:
        return self.known.get(key) if kind == KIND else None

    def recall_all(self, kind: str) -> Mapping[str, str]:
        return dict(self.known) if kind == KIND else {}

    def note(self, kind: str, key: str, value: str | None) -> None:
        assert kind == KIND
        if value is None:
            self.known.pop(key, None)
        else:
            self.known[key] = value

    def commit(self) -> None:
        raise AssertionError("it is the publish that commits")

    @property
    def pings(self) -> list[Ping]:
        read = [read_ping(*row) for row in self.known.items()]
        return [ping for ping in read if ping is not None]


def ping(topic: str = TOPIC, hub: str = HUB, **numbers: int) -> Ping:
    return Ping(hub=hub, topic=topic, **({"due": NOW, "since": NOW} | numbers))


def only(done: Settlement, asked: Ping) -> Ping | None:
    """What becomes of one ping."""
    value = done.changes[asked.key]
    return None if value is None else read_ping(asked.key, value)


def after(asked: Ping, answer: Answer, *, now: int = NOW) -> Ping | None:
    return only(settle({asked: answer}, (), (), now=now), asked)


# What is noted


def test_a_change_is_noted_for_every_hub() -> None:
    notes = Notes()
    note_changed(notes, hubs=[HUB, OTHER, HUB], topics=iter([TOPIC, "https://news.example.org/feeds/feed.json", TOPIC]), now=NOW)
    assert len(notes.known) == 4
    assert {(one.due, one.since, one.attempts) for one in notes.pings} == {(NOW, NOW, 0)}
    assert json.loads(next(iter(notes.known))) == [HUB, TOPIC]


def test_a_feed_that_changes_again_starts_afresh_and_is_another_ping() -> None:
    old = ping(attempts=5, refusals=2, due=NOW + HOUR, since=NOW - DAY)
    notes = Notes({old.key: old.value})
    note_changed(notes, hubs=[HUB], topics=[TOPIC], now=NOW)
    assert notes.pings == [ping(changes=1)]


def test_changes_within_one_second_are_never_the_same_ping() -> None:
    notes = Notes()
    values = set()
    for _ in range(3):
        note_changed(notes, hubs=[HUB], topics=[TOPIC], now=NOW)
        values |= set(notes.known.values()) | {one.claimed(NOW).value for one in notes.pings}
    assert len(values) == 6


@pytest.mark.parametrize("hubs", [[], [OTHER]])
def test_pings_for_hubs_that_are_configured_no_more_are_forgotten(hubs: list[str]) -> None:
    notes = Notes({ping().key: ping().value, "no key": "{}", ping(hub=OTHER).key: ping(hub=OTHER).value})
    note_changed(notes, hubs=hubs, topics=[], now=NOW)
    assert notes.pings == [ping(hub=hub) for hub in hubs]
    assert len(notes.known) == len(hubs)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", "{}"),
        ("[]", "{}"),
        ('["a","b"]', ""),
        ('["a","b"]', "[1]"),
        ('["a","b"]', '{"due":1}'),
        ('["a","b"]', '{"due":1,"since":"x"}'),
        ('["a","b"]', '{"due":1,"since":true}'),
        ('["a","b"]', '{"due":1,"since":1,"more":1}'),
        ('["a",1]', '{"due":1,"since":1}'),
    ],
)
def test_what_is_no_ping_is_none(key: str, value: str) -> None:
    assert read_ping(key, value) is None


# What is due


def test_who_waits_longest_goes_first_and_no_hub_takes_all_the_room() -> None:
    waiting = [ping(f"https://e.org/{number}", due=NOW - number) for number in range(5)] + [ping("https://e.org/x", OTHER, due=NOW)]
    chosen = select_due([*waiting, ping("https://e.org/later", due=NOW + 1)], now=NOW, limit=2)
    assert [(one.topic[-1], one.hub) for one in chosen] == [("4", HUB), ("3", HUB), ("x", OTHER)]


def test_a_ping_that_was_noted_before_the_clock_was_set_back_is_due() -> None:
    year = 365 * DAY
    ahead = ping(due=NOW + year, since=NOW + year)
    assert select_due([ahead], now=NOW, limit=9) == [ahead]
    assert ahead.claimed(NOW).since == NOW
    assert not ping(due=NOW + DAY).is_due(NOW)


def test_what_is_due_next() -> None:
    assert next_due([], now=NOW) is None
    assert next_due([ping(due=NOW + 7), ping(due=NOW + 5)], now=NOW) == NOW + 5
    assert next_due([ping(due=NOW + 7), ping(due=NOW - 5)], now=NOW) == NOW


def test_a_claimed_ping_is_left_alone_by_others_for_longer_than_a_request_takes() -> None:
    claimed = ping().claimed(NOW)
    assert claimed.attempts == 1
    assert not claimed.is_due(NOW + 119)
    assert claimed.is_due(NOW + 120)


# What an answer means


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (202, Verdict.TAKEN),
        (204, Verdict.TAKEN),
        (301, Verdict.REFUSED),
        (307, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (408, Verdict.FAILED),
        (410, Verdict.REFUSED),
        (425, Verdict.FAILED),
        (429, Verdict.FAILED),
        (500, Verdict.FAILED),
        (502, Verdict.FAILED),
        (503, Verdict.FAILED),
        (599, Verdict.FAILED),
        (999, Verdict.FAILED),
    ],
)
def test_verdicts(status: int, verdict: Verdict) -> None:
    answer = judge(status, "7", now=NOW)
    assert answer.verdict is verdict
    assert (str(status) in answer.reason) is (verdict is not Verdict.TAKEN)


@pytest.mark.parametrize(
    ("status", "text", "wait"),
    [
        (503, "90", 90),
        (429, " 90 ", 90),
        (500, "90", 0),
        (429, "0", 0),
        (429, "1000000", DAY),
        (429, "9" * 5000, DAY),
        (503, "Thu, 28 May 2026 20:27:40 GMT", 1_780_000_060 - NOW),
        (503, "Thu, 28 May 2026 20:27:40", 1_780_000_060 - NOW),
        (503, "Thu, 28 May 2020 20:27:40 GMT", 0),
        (503, "Thu, 28 May 2099 20:27:40 GMT", DAY),
        (503, "soon", 0),
        (503, "", 0),
        (503, "-5", 0),
        (503, "٣", 0),
        (503, "Thu, 99 May 2026 99:00:00 GMT", 0),
    ],
)
def test_retry_after_is_heeded_up_to_a_day(status: int, text: str, wait: int) -> None:
    assert judge(status, text, now=NOW).wait == wait


@given(st.text())
def test_no_retry_after_raises(text: str) -> None:
    assert 0 <= judge(503, text, now=NOW).wait <= DAY


@pytest.mark.parametrize(
    ("attempts", "pause"), [(1, MINUTE), (2, 2 * MINUTE), (3, 4 * MINUTE), (9, 256 * MINUTE), (10, 6 * HOUR), (10_000, 6 * HOUR)]
)
def test_pauses_double_up_to_six_hours(attempts: int, pause: int) -> None:
    left = after(ping(attempts=attempts), FAILED)
    assert left is not None
    assert left.due == NOW + pause


def test_a_hub_that_is_down_is_tried_for_three_days() -> None:
    waiting: Ping | None = ping()
    tried = []
    now = NOW
    while waiting is not None:
        assert len(tried) < 100
        now = max(now, waiting.due)
        tried.append(now)
        waiting = after(waiting.claimed(now), FAILED, now=now)
    assert now - NOW >= 3 * DAY
    assert now - NOW < 3 * DAY + 6 * HOUR
    assert max(later - sooner for sooner, later in pairwise(tried)) == 6 * HOUR


def test_the_later_of_pause_and_retry_after_holds() -> None:
    assert [left and left.due - NOW for left in (after(ping(attempts=3), Answer(Verdict.FAILED, "", wait)) for wait in (30, 900))] == [
        240,
        900,
    ]


def test_a_hub_that_refuses_is_asked_three_times() -> None:
    first = after(ping().claimed(NOW), REFUSED)
    assert first is not None
    second = after(first.claimed(first.due), REFUSED, now=first.due)
    assert second is not None
    third = second.claimed(second.due)
    done = settle({third: REFUSED}, (), (), now=second.due)
    assert done == Settlement({third.key: None}, [third])


def test_a_taken_ping_is_forgotten_and_not_given_up() -> None:
    assert settle({ping(attempts=1): TAKEN}, (), (), now=NOW) == Settlement({ping().key: None}, [])


def test_refusals_are_counted_apart_from_days_of_trouble() -> None:
    left = after(ping(attempts=20, since=NOW - DAY), REFUSED)
    assert left is not None
    assert left.refusals == 1


def test_what_a_hub_in_trouble_is_still_to_be_told_waits_with_what_failed() -> None:
    failed, unsent, later, old, foreign = (
        ping(attempts=4),
        ping("https://e.org/unsent"),
        ping("https://e.org/later", due=NOW + HOUR, attempts=9),
        ping("https://e.org/old", since=NOW - 3 * DAY),
        ping("https://e.org/foreign", OTHER),
    )
    done = settle({failed: FAILED}, [unsent, foreign], [later, old], now=NOW)
    until = NOW + 8 * MINUTE
    assert only(done, failed) == replace(failed, due=until)
    assert only(done, unsent) == replace(unsent, due=until, attempts=4)
    assert only(done, later) == later
    assert only(done, old) is None
    assert only(done, foreign) == foreign
    assert done.given_up == [old]


def test_one_refused_feed_holds_no_other_up() -> None:
    other = ping("https://e.org/other")
    assert only(settle({ping(attempts=1): REFUSED}, [other], [], now=NOW), other) == other


@pytest.mark.parametrize(
    ("hub", "shown"),
    [
        ("https://hub.example.org/", "https://hub.example.org/"),
        ("https://me:CANARY@hub.example.org:8443/a?key=CANARY#CANARY", "https://hub.example.org:8443/a"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_no_secret_of_a_hub_is_shown(hub: str, shown: str) -> None:
    assert shown_hub(hub) == shown
