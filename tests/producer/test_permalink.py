"""Where a post's page is: its own key, the site's template, its link, its path, in this order, and always an address."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.configfile import read_config
from feedmill.model import Post
from feedmill.producer.permalink import permalink
from feedmill.producer.site import Site
from feedmill.urls import is_absolute_uri
from sites import CONFIG

SITE = Site.of(read_config(CONFIG, root=Path("/project"), environ={}))
DATE = datetime(2026, 1, 2, 20, 30, tzinfo=UTC)  # the third of January in Shanghai
PATH = "科技/2026-01-03-做 一件事.md"
HOME = "https://news.example.org/"
ENTRY_ID = "urn:uuid:0a39fb1c-0b86-5a66-99d8-1ffc535d70f5"


def address(template: str = "", *, path: str = PATH, date: datetime = DATE, entry_id: str = ENTRY_ID, **over: object) -> str:
    post = Post(title="做一件事", **over)  # type: ignore[arg-type]
    return permalink(post, SITE._replace(permalink=template), path=path, entry_id=entry_id, date=date)


def extra(**keys: object) -> dict[str, object]:
    return {"extra": tuple(keys.items())}


# where it comes from

TEMPLATE = "{url}{year}/{slug}/"
LINK = {"link": "https://elsewhere.example/1"}
OWN = extra(permalink="/own/")


@pytest.mark.parametrize(
    ("template", "post", "expected"),
    [
        (TEMPLATE, LINK | OWN, HOME + "own/"),
        (TEMPLATE, LINK, HOME + "2026/%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B/"),
        ("", LINK | OWN, HOME + "own/"),
        ("", LINK, "https://elsewhere.example/1"),
        ("", {}, HOME + "posts/%E7%A7%91%E6%8A%80/2026-01-03-%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B/"),
        ("{url}{mood}/", LINK, HOME + "posts/%E7%A7%91%E6%8A%80/2026-01-03-%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B/"),
    ],
    ids=["own key", "template", "own key without template", "link", "path", "a template that the post cannot fill"],
)
def test_the_first_of_key_template_link_and_path(template: str, post: dict[str, object], expected: str) -> None:
    assert address(template, **post) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("/2026/a/", HOME + "2026/a/"),
        ("a.html", HOME + "a.html"),
        ("https://elsewhere.example/中", "https://elsewhere.example/%E4%B8%AD"),
        ("//elsewhere.example/", "https://elsewhere.example/"),
    ],
)
def test_a_permalink_of_its_own_is_made_absolute(own: str, expected: str) -> None:
    assert address(**extra(permalink=own)) == expected


@pytest.mark.parametrize("bad", ["javascript:alert(1)", "data:text/html,x", "http://", "mailto:a@example.org", "http://a b/"])
def test_what_is_no_web_address_is_passed_over(bad: str) -> None:
    page = HOME + "posts/a/"
    assert address(path="a.md", **extra(permalink=bad)) == page
    assert address(path="a.md", link=bad) == page


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.md", "a/"),
        ("a.markdown", "a/"),
        ("a.HTML", "a/"),
        ("a.htm", "a/"),
        ("a.b.md", "a.b/"),
        ("a.md.md", "a.md/"),
        ("x/y/a.md", "x/y/a/"),
        ("x.md/a.md", "x.md/a/"),
        ("a?b#c%d.md", "a%3Fb%23c%25d/"),
        ("a&b'c\"d<e>.md", "a%26b%27c%22d%3Ce%3E/"),
    ],
)
def test_the_page_of_a_path(path: str, expected: str) -> None:
    assert address(path=path) == f"{HOME}posts/{expected}"


# templates


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{url}{year}/{month}/{day}/", "2026/01/03/"),
        ("{url}{name}.html", "2026-01-03-%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B.html"),
        ("{url}{slug}", "%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B"),
        ("{url}{path}/", "%E7%A7%91%E6%8A%80/2026-01-03-%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B/"),
        ("{url}{title}/", "%E5%81%9A%E4%B8%80%E4%BB%B6%E4%BA%8B/"),
        ("{url}p/{id}/", "p/0a39fb1c-0b86-5a66-99d8-1ffc535d70f5/"),
        ("{url}{categories}/{slug}/", "A/B%20C/%E5%81%9A%20%E4%B8%80%E4%BB%B6%E4%BA%8B/"),
        ("{url}{source}/{author}/{guid}", "woshipm/me/1%2F2"),
        ("/{year}/", "2026/"),
        ("{year}/", "2026/"),
        ("{url}{mood}/", "good%2Fbad/"),
        ("{url}中/{year}/", "%E4%B8%AD/2026/"),
        ("{url}fixed", "fixed"),
    ],
)
def test_variables(template: str, expected: str) -> None:
    post = {"categories": (("A", "B C"), ("D",)), "source": "woshipm", "author": "me", "guid": "1/2"} | extra(mood="good/bad")
    assert address(template, **post) == HOME + expected


def test_a_template_may_lead_to_another_host() -> None:
    assert address("https://{source}.example.net/{year}", source="a") == "https://a.example.net/2026"


def test_no_category_leaves_no_empty_segment() -> None:
    assert address("{url}{categories}/{year}/") == HOME + "2026/"


@pytest.mark.parametrize(
    ("path", "key", "slug"),
    [
        ("2026-01-03-hello.md", "", "hello"),
        ("2026-1-3-hello.md", "", "hello"),
        ("2026-01-03.md", "", "2026-01-03"),
        ("2026-01-03-.md", "", "2026-01-03-"),
        ("x/hello.md", "", "hello"),
        ("2026-01-03-hello.md", "own", "own"),
        ("2026-01-03-hello.md", "a/../b", "a%2F..%2Fb"),
    ],
)
def test_the_slug_is_the_key_or_the_name_without_its_date(path: str, key: str, slug: str) -> None:
    assert address("{url}{slug}/", path=path, **extra(slug=key)) == f"{HOME}{slug}/"


def test_a_key_of_the_post_does_not_hide_a_variable_of_ours() -> None:
    assert address("{url}{year}/{url}", **extra(year="1999", url="https://evil.example/")).startswith(f"{HOME}2026/")


def test_keys_that_are_lists_are_joined_and_others_are_missing() -> None:
    assert address("{url}{series}/", path="a.md", **extra(series=["a", "b"])) == f"{HOME}a%2Fb/"
    assert address("{url}{series}/", path="a.md", **extra(series={"a": "b"})) == f"{HOME}posts/a/"


@pytest.mark.parametrize("template", ["{url}{}/", "{url}{no such}/", "{url}{subtitle}/"])
def test_an_unknown_or_empty_variable_leaves_the_page_of_the_path(template: str) -> None:
    assert address(template, path="a.md", **extra(subtitle="")) == f"{HOME}posts/a/"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize(
    "date", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)], ids=["year 1", "year 9999"]
)
def test_dates_at_the_ends_of_time(zone: str, date: datetime) -> None:
    site = SITE._replace(permalink="{url}{year}/", zone=zone)
    found = permalink(Post(title="x"), site, path="a.md", entry_id=ENTRY_ID, date=date)
    assert found == f"{HOME}{date.year:04d}/"


# any post

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ODD = st.one_of(
    TEXT, st.sampled_from(["..", "/", "//", "://", "javascript:x", "https://a.example/", "?", "#", "%", "%zz", "{url}", "\n", "@", "\\"])
)
TEMPLATES = st.sampled_from(
    ["", "{url}{slug}/", "{url}{path}", "/{title}", "{title}", "https://{author}.example.com/{id}", "{url}{mood}/{categories}?x={guid}"]
)


@settings(max_examples=300)
@given(template=TEMPLATES, title=ODD, link=ODD, own=ODD, slug=ODD, mood=ODD, author=ODD, name=TEXT, entry_id=ODD)
def test_any_post_has_an_address(
    template: str, title: str, link: str, own: str, slug: str, mood: str, author: str, name: str, entry_id: str
) -> None:
    post = Post(
        title=title,
        link=link,
        author=author,
        guid=mood,
        categories=((slug, mood),),
        extra=(("permalink", own), ("slug", slug), ("mood", mood)),
    )
    site = SITE._replace(permalink=template)
    path = name.replace("/", "").replace("\0", "") + ".md"
    found = permalink(post, site, path=path, entry_id=entry_id, date=DATE)
    assert found.startswith(("http://", "https://"))
    assert found.isascii()
    assert is_absolute_uri(found) or len(found) > 767
    assert permalink(post, site, path=path, entry_id=entry_id, date=DATE) == found
