"""Which feed takes the place of which, and where addresses that are no more lead: as tables."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.producer.categories import FeedKey
from feedmill.producer.succession import find_succession, revise_moves


def key(name: str) -> FeedKey:
    """The feed "A/B", or "#t" for a tag's."""
    return FeedKey("tag", (name[1:],)) if name.startswith("#") else FeedKey("category", tuple(name.split("/")))


def feeds(text: str) -> dict[FeedKey, frozenset[int]]:
    """Feeds as "A=12 A/x=1": the digits are their posts."""
    parts = (part.split("=") for part in text.split())
    return {key(name): frozenset(map(int, posts)) for name, posts in parts}


def pairs(text: str) -> dict[FeedKey, FeedKey]:
    """Pairs as "A>B A/x>B/x"."""
    return {key(one): key(other) for one, other in (part.split(">") for part in text.split())}


#: gone, new, who follows whom, and who inherits whose id where that is not the same.
SUCCESSIONS = {
    "renamed": ("A=12", "B=12", "A>B", None),
    "renamed-with-all-below": ("A=123 A/x=1 A/y=23", "B=123 B/x=1 B/y=23", "A>B A/x>B/x A/y>B/y", None),
    "a-parent-with-one-child": ("A=1 A/x=1", "B=1 B/x=1", "A>B A/x>B/x", None),
    "three-generations-with-the-same-posts": ("A=1 A/x=1 A/x/y=1", "B=1 B/x=1 B/x/y=1", "A>B A/x>B/x A/x/y>B/x/y", None),
    "a-child-alone": ("A/x=1", "A/y=1", "A/x>A/y", None),
    "in-the-middle": ("A/x=1 A/x/z=1", "A/y=1 A/y/z=1", "A/x>A/y A/x/z>A/y/z", None),
    "parent-and-child-at-once": ("A=1 A/x=1", "B=1 B/y=1", "A>B A/x>B/y", None),
    "children-with-the-same-posts": ("A=1 A/x=1 A/y=1", "B=1 B/x=1 B/y=1", "A>B A/x>B/x A/y>B/y", None),
    "a-child-named-as-its-parent": ("A=1 A/A=1", "B=1 B/A=1", "A>B A/A>B/A", None),
    "put-below-another": ("A=1 A/x=1", "C=1 C/A=1 C/A/x=1", "A>C/A A/x>C/A/x", None),
    "taken-out-of-another": ("C/A=1 C/A/x=1", "A=1 A/x=1", "C/A>A C/A/x>A/x", None),
    "two-at-once": ("A=1 B=2", "C=2 D=1", "A>D B>C", None),
    "a-branch-that-became-one": ("A=1 A/x=1", "B=1", "A>B A/x>B", "A>B"),
    "two-with-the-same-posts-that-became-one": ("A=1 B=1", "C=1", "A>C B>C", "A>C"),
    "one-that-grew-a-child": ("A=1", "B=1 B/x=1", "A>B", None),
    "a-tag": ("#a=1", "#b=1", "#a>#b", None),
    "a-tag-and-a-category-with-the-same-posts": ("A=1 #a=1", "B=1 #b=1", "A>B #a>#b", None),
    "a-category-that-became-a-tag": ("A=1", "#a=1", "A>#a", None),
    "what-cannot-be-told-apart": ("A=1 B=1", "C=1 D=1", "", None),
    "one-that-became-two-alike": ("A=1", "B=1 C=1", "", None),
    "nothing-is-new": ("A=12", "", "", None),
    "one-post-more": ("A=12", "B=123", "", None),
    "one-post-less": ("A=12", "B=1", "", None),
    "other-posts": ("A=1", "B=2", "", None),
    "no-posts": ("A=", "B=", "", None),
    "nothing-is-gone": ("", "B=1", "", None),
}


@pytest.mark.parametrize(("gone", "new", "followers", "heirs"), SUCCESSIONS.values(), ids=SUCCESSIONS)
def test_who_takes_whose_place(gone: str, new: str, followers: str, heirs: str | None) -> None:
    found = find_succession(feeds(gone), feeds(new))
    assert found.follower == pairs(followers)
    assert {old: heir for heir, old in found.heir_of.items()} == pairs(followers if heirs is None else heirs)


NAMES = st.sampled_from(["A", "B", "C", "A/x", "A/y", "B/x", "B/x/y", "#a", "#b"])
FEEDS = st.dictionaries(NAMES.map(key), st.frozensets(st.integers(1, 3), max_size=3), max_size=6)


@given(FEEDS, FEEDS)
def test_whatever_went_and_came_posts_are_the_same_and_no_id_goes_to_two(gone, new) -> None:
    found = find_succession(gone, new)
    assert all(gone[old] == new[follower] != frozenset() for old, follower in found.follower.items())
    assert len(set(found.heir_of.values())) == len(found.heir_of)
    assert all(found.follower[old] == heir for heir, old in found.heir_of.items())


def test_more_feeds_than_anybody_has_cost_no_time() -> None:
    gone, new = ({key(f"{letter}{number}"): frozenset({1}) for number in range(1600)} for letter in "AB")
    started = time.process_time()
    assert find_succession(gone, new).follower == {}
    assert time.process_time() - started < 1


def moves(text: str) -> dict[str, str]:
    """Moves as "a>b c>": the last one is gone."""
    return dict(part.split(">") for part in text.split())


#: what is remembered, what changed, what is alive, and what is remembered after it.
REVISIONS = {
    "the-first": ("", "a>b", "b", "a>b"),
    "gone": ("", "a>", "", "a>"),
    "a-chain-is-flat": ("a>b", "b>c", "c", "a>c b>c"),
    "a-long-chain": ("a>c b>c", "c>d", "d", "a>d b>d c>d"),
    "an-end": ("a>b", "b>", "", "a> b>"),
    "what-is-gone-stays-so": ("a>", "b>c", "c", "a> b>c"),
    "back-again": ("a>b", "", "a b", ""),
    "back-by-its-old-name": ("a>b", "b>a", "a", "b>a"),
    "round-and-round": ("a>c b>c", "c>a", "a", "b>a c>a"),
    "back-after-it-was-gone": ("a>", "", "a", ""),
    "places-that-are-taken-at-once": ("x>a", "a>b b>c", "b c", "x>b a>b"),
    "the-same-place": ("x>a", "a>a", "a", "x>a"),
    "nothing": ("a>b c>", "", "b", "a>b c>"),
}


@pytest.mark.parametrize(("known", "changes", "alive", "wanted"), REVISIONS.values(), ids=REVISIONS)
def test_what_is_remembered_of_files_that_are_no_more(known: str, changes: str, alive: str, wanted: str) -> None:
    notes = revise_moves(moves(known), moves(changes), alive=set(alive.split()))
    after = moves(known) | notes
    assert {file: target for file, target in after.items() if target is not None} == moves(wanted)
    assert all(moves(known).get(file) != target for file, target in notes.items()), "what is known is not noted again"


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=12))
def test_no_step_leads_to_a_step_or_to_itself(renames: list[tuple[str, str]]) -> None:
    """Feeds take each other's places in any order; what was taken comes to life again."""
    known: dict[str, str] = {}
    living = {"a", "b"}
    for old, new in renames:
        if old not in living or new in living:
            continue
        living = living - {old} | {new}
        for file, target in revise_moves(known, {old: new}, alive={new}).items():
            if target is None:
                del known[file]
            else:
                known[file] = target
        assert not known.keys() & living
        assert set(known.values()) <= living
