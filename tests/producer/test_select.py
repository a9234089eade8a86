"""Which posts fit into a feed, and when it last changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.producer.published import Member
from feedmill.producer.select import MAX_FEED_BYTES, feed_updated, that_fit


def members(count: int) -> list[Member]:
    return [Member(file=number, id=f"urn:{number}", date=100 - number, updated=100 - number) for number in range(count)]


@pytest.mark.parametrize(
    ("lengths", "fitting"),
    [
        ([], 0),
        ([1000] * 50, 50),
        ([2_000_000, 2_000_000, 2_000_000], 2),
        ([4_000_000, 900_000, 200_000], 2),
        ([MAX_FEED_BYTES + 1], 1),
        ([MAX_FEED_BYTES * 2, 10, 10], 1),
        ([10, MAX_FEED_BYTES, 10], 1),
    ],
    ids=["none", "all", "two of three", "the small one after them waits", "one too large", "the newest too large", "the second too large"],
)
def test_the_newest_that_fit(lengths: list[int], fitting: int) -> None:
    everyone = members(len(lengths))
    assert list(that_fit(everyone, lengths)) == everyone[:fitting]


@given(lengths=st.lists(st.integers(1, MAX_FEED_BYTES * 2), max_size=10))
def test_what_fits_is_a_beginning_and_as_long_as_can_be(lengths: list[int]) -> None:
    everyone = members(len(lengths))
    fitting = list(that_fit(everyone, lengths))
    assert fitting == everyone[: len(fitting)]
    assert len(fitting) >= min(1, len(lengths))
    assert len(fitting) <= 1 or sum(lengths[: len(fitting)]) <= MAX_FEED_BYTES
    if len(fitting) < len(lengths):
        assert sum(lengths[: len(fitting) + 1]) > MAX_FEED_BYTES * 0.99


def test_a_feed_changed_when_the_last_changed_of_its_members_did() -> None:
    old_but_edited = Member(file=1, id="a", date=10, updated=1_000_000_000)
    new = Member(file=2, id="b", date=20, updated=20)
    assert feed_updated([new, old_but_edited]) == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


def test_an_empty_feed_has_a_fixed_date() -> None:
    assert feed_updated([]) == datetime(1970, 1, 1, tzinfo=UTC)


def test_members_before_1970() -> None:
    assert feed_updated([Member(1, "a", -100, -100)]) == datetime(1969, 12, 31, 23, 58, 20, tzinfo=UTC)
