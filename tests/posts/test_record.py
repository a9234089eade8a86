"""A record keeps everything of a post but its body."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.model import Enclosure, Post
from feedmill.posts.record import from_epoch, from_record, to_epoch, to_record

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
VALUES = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
POSTS = st.builds(
    Post,
    title=TEXT,
    body=TEXT,
    markup=st.sampled_from(["html", "markdown"]),
    categories=st.lists(st.lists(TEXT, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple),
    headimg=TEXT,
    author=TEXT,
    comments=st.booleans(),
    date=st.none() | MOMENTS,
    thumbnail=TEXT,
    link=TEXT,
    guid=TEXT,
    source=TEXT,
    updated=st.none() | MOMENTS,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    enclosure=st.none() | st.builds(Enclosure, TEXT, TEXT, st.none() | st.integers()),
    extra=st.lists(st.tuples(TEXT, VALUES), max_size=3).map(tuple),
)


@settings(max_examples=150)
@given(post=POSTS)
def test_a_post_comes_back_from_its_record(post: Post) -> None:
    record = to_record(post)
    assert from_record(record, post.body) == post
    assert from_record(record) == replace(post, body="")
    assert to_record(from_record(record)) == record


def test_a_record_is_short_and_readable() -> None:
    post = Post(title="标题", body="long", date=datetime(2026, 1, 2, tzinfo=UTC), categories=(("新闻", "国际"),))
    assert to_record(post) == '{"title":"标题","markup":"html","date":1767312000,"categories":[["新闻","国际"]]}'


def test_a_record_always_has_a_title() -> None:
    assert json.loads(to_record(Post(title="")))["title"] == ""


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1),
        (datetime(1, 1, 1, tzinfo=UTC), -62135596800),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 253402300799),
        (datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), 1767225600),
    ],
    ids=["epoch", "a second before", "year 1", "year 9999", "Beijing"],
)
def test_moments_as_seconds(moment: datetime, seconds: int) -> None:
    assert to_epoch(moment) == seconds
    assert from_epoch(seconds) == moment
    assert from_epoch(seconds).tzinfo is UTC
