"""Entries as posts and file names: whatever upstream writes stays inside the folder, one line, one file."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.config import SourceConfig
from feedmill.consumer.compose import MAX_SLUG, compose, file_name, finish_pictures, folder_of, through_proxy, title_of
from feedmill.posts.format import decode
from feedmill.posts.writing import encode
from hostile import TEXTS
from upstream import make_entry

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_source(**over) -> SourceConfig:
    return SourceConfig(**{"name": "s", "url": "https://upstream.example.org/feed", "categories": ("新闻",)} | over)


#: An endless text is cut before it comes here.
HOSTILE = {name: text for name, text in TEXTS.items() if name != "E6-endless"} | {"E2-surrogate": "a\ud800b"}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_E_whatever_a_title_is_its_file_is_one_portable_name(text: str) -> None:
    name = file_name(text, WHEN, source="s", key=text)
    assert PurePosixPath(name).name == name
    assert name.startswith("2026-01-02-") and name.endswith(".md")
    assert len(name.encode()) <= 10 + 1 + MAX_SLUG + 1 + 8 + 3
    assert name == unicodedata.normalize("NFC", name)
    assert all(character.isalnum() or character in "-_." for character in name)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["title", "author", "guid", "tags"])
def test_E6_every_field_comes_back_as_the_text_it_was_and_makes_no_key(text: str, field: str) -> None:
    entry = make_entry(**{"title": "T", field: (text,) if field == "tags" else text})
    post = compose(entry, make_source(tags=True), key=text or "k", posted=WHEN, updated=None)
    read = decode(encode(post), name="x.md", zone=UTC)
    found = {"title": read.post.title, "author": read.post.author, "guid": read.post.guid, "tags": "".join(read.post.tags)}[field]
    assert found == " ".join(text.replace("\0", "").replace("\ud800", "").split()) or (field in ("title", "guid") and not text.strip("\0"))
    assert read.post.extra == ()
    assert read.problems == ()


@pytest.mark.parametrize(("one", "other"), [("A", "a"), ("é", "e\u0301"), ("same", "same")])
def test_E3_two_articles_whose_titles_a_file_system_takes_for_one_have_two_names(one: str, other: str) -> None:
    names = {file_name(one, WHEN, source="s", key="1").casefold(), file_name(other, WHEN, source="s", key="2").casefold()}
    assert len(names) == 2


def test_E4_the_folder_comes_from_the_configuration_alone() -> None:
    assert folder_of(make_source(categories=("新闻", "A/B", "..", "CON"))).split("/")[0] == "新闻"
    assert not {"..", "B", "CON"} & set(folder_of(make_source(categories=("新闻", "A/B", "..", "CON"))).split("/"))
    assert folder_of(make_source(categories=())) == ""


@given(title=st.text(max_size=60), body=st.text(max_size=60), guid=st.text(max_size=30), author=st.text(max_size=20))
def test_any_entry_becomes_a_post_that_is_read_back_as_it_was_written(title: str, body: str, guid: str, author: str) -> None:
    entry = make_entry(guid, "", title, "", body, author=author)
    data = encode(compose(entry, make_source(), key=guid or "k", posted=WHEN, updated=None))
    read = decode(data, name="x.md", zone=UTC)
    assert read.problems == () or not "".join(title.split())
    assert encode(read.post) == data


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        (make_entry(title=" a \n b "), "a b"),
        (make_entry(body="<p>The beginning of a text</p>"), "The beginning of a text"),
        (make_entry(link="https://example.org/2026/the-end/"), "the-end"),
        (make_entry("urn:x"), "urn:x"),
        (make_entry(), "untitled"),
    ],
)
def test_a_post_always_has_a_title(entry, title: str) -> None:
    assert title_of(entry) == title


PROXY = "https://cors.example.org/?{url}"


def test_a_picture_goes_through_the_proxy_once() -> None:
    once = through_proxy("https://a.example/x.jpg", PROXY)
    assert once == "https://cors.example.org/?https://a.example/x.jpg"
    assert through_proxy(once, PROXY) == once
    assert through_proxy("https://a.example/x.jpg", "") == "https://a.example/x.jpg"


@pytest.mark.parametrize(
    ("body", "finished"),
    [
        ("<p>no tag to touch</p>", "<p>no tag to touch</p>"),
        ('<img src="https://a/x.jpg">', '<img src="https://cors.example.org/?https://a/x.jpg" referrerpolicy="no-referrer">'),
        (
            '<img src="https://a/x?a=1&amp;b=2" referrerpolicy="origin">',
            '<img src="https://cors.example.org/?https://a/x?a=1&amp;b=2" referrerpolicy="no-referrer">',
        ),
        (
            '<picture><source srcset="https://a/1 1x, https://a/2 2x"></picture>',
            '<picture><source srcset="https://cors.example.org/?https://a/1 1x, https://cors.example.org/?https://a/2 2x"></picture>',
        ),
        (
            '<video poster="https://a/p.jpg" src="https://a/v.mp4"></video>',
            '<video poster="https://cors.example.org/?https://a/p.jpg" src="https://a/v.mp4"></video>',
        ),
        ('<audio src="https://a/x.mp3"></audio>', '<audio src="https://a/x.mp3"></audio>'),
    ],
)
def test_pictures_come_through_the_proxy_and_films_do_not(body: str, finished: str) -> None:
    assert finish_pictures(body, PROXY) == finished


def test_without_a_proxy_pictures_still_tell_their_host_nothing_of_the_reader() -> None:
    assert finish_pictures('<img src="https://a/x.jpg">', "") == '<img src="https://a/x.jpg" referrerpolicy="no-referrer">'


def test_the_head_picture_is_empty_where_there_is_none_or_a_placeholder() -> None:
    for address in ("", "https://a.example/lazyload.png", "https://a.example/undefined"):
        post = compose(make_entry(picture=address), make_source(image_proxy=PROXY), key="k", posted=WHEN, updated=None)
        assert (post.headimg, post.thumbnail) == ("", "")
