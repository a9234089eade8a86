"""Memory has a limit, and what nobody asks for goes first."""

from __future__ import annotations

from feedmill.service.bodies import Bodies, BodyKey
from feedmill.service.conditional import GZIP, IDENTITY


def key(name: str) -> BodyKey:
    return name, IDENTITY


def kept(bodies: Bodies, names: str) -> str:
    return "".join(name for name in names if bodies.get(key(name)) is not None)


def test_what_was_asked_for_last_stays() -> None:
    bodies = Bodies(30)
    for name in "abc":
        bodies.put(key(name), bytes(10))
    assert bodies.get(key("a")) == bytes(10)
    bodies.put(key("d"), bytes(15))
    assert kept(bodies, "abcd") == "ad"
    assert bodies.size == 25


def test_no_more_is_kept_than_there_is_room_for() -> None:
    bodies = Bodies(100)
    for number in range(1000):
        bodies.put(key(str(number)), bytes(number % 37))
        assert bodies.size <= 100
    bodies.put(key("large"), bytes(101))
    assert bodies.get(key("large")) is None
    assert bodies.size > 60, "what does not fit anyway drives nothing out"


def test_the_same_body_counts_once() -> None:
    bodies = Bodies(100)
    bodies.put(key("a"), bytes(40))
    bodies.put(key("a"), bytes(40))
    bodies.put(("a", GZIP), bytes(20))
    assert bodies.size == 60


def test_a_spare_body_takes_no_place_of_others_and_is_the_first_to_go() -> None:
    bodies = Bodies(40)
    for name in "ab":
        bodies.put(key(name), bytes(10))
    bodies.put_spare(key("c"), bytes(20))
    bodies.put_spare(key("d"), bytes(1))
    assert bodies.size == 40
    bodies.put(key("e"), bytes(10))
    assert kept(bodies, "abcde") == "abe"
    bodies.put_spare(key("a"), bytes(10))
    assert bodies.size == 30


def test_a_spare_body_that_was_asked_for_is_like_any_other() -> None:
    bodies = Bodies(30)
    bodies.put(key("a"), bytes(10))
    bodies.put_spare(key("b"), bytes(10))
    assert bodies.get(key("b")) is not None
    bodies.put(key("c"), bytes(20))
    assert kept(bodies, "abc") == "bc"
