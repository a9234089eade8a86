"""Hexo's and Jekyll's permalinks in feedmill's words."""

from __future__ import annotations

import pytest

from feedmill.configaddresses import parse_permalink
from feedmill.permalinkstyles import HEXO_DEFAULT, JEKYLL_DEFAULT, from_hexo, from_jekyll

HEXO = [
    (HEXO_DEFAULT, "{url}{year}/{month}/{day}/{path}/"),
    (":year-:month-:day-:title.html", "{url}{year}-{month}-{day}-{path}.html"),
    ("/posts/:name/", "{url}posts/{name}/"),
    (":category/:title/", "{url}{categories}/{path}/"),
    ("p/:post_title.html", "{url}p/{title}.html"),
    ("archives/:abbrlink/", "{url}archives/{abbrlink}/"),
]


@pytest.mark.parametrize(("template", "expected"), HEXO, ids=[row[0] for row in HEXO])
def test_hexo(template: str, expected: str) -> None:
    assert from_hexo(template, new_post_name=":title.md").template == expected


@pytest.mark.parametrize(
    ("new_post_name", "expected"),
    [
        ("", "{url}{path}/{name}/"),
        (":title.md", "{url}{path}/{name}/"),
        (":year-:month-:day-:title.md", "{url}{slug}/{slug}/"),
        (":year/:title.md", "{url}{name}/{name}/"),
        (":category/:i_day-:title.md", ""),
    ],
)
def test_what_hexo_calls_a_title_depends_on_its_file_names(new_post_name: str, expected: str) -> None:
    assert from_hexo(":title/:name/", new_post_name=new_post_name).template == expected


def test_hexo_without_endings() -> None:
    assert from_hexo(":title/index.html", trimmed=("index.html", ".html")).template == "{url}{path}/"
    assert from_hexo(":title.html", trimmed=("index.html", ".html")).template == "{url}{path}"


def test_hexo_notes() -> None:
    assert from_hexo(HEXO_DEFAULT).notes == ()
    assert from_hexo(":abbrlink/:lang.html").notes == (
        "posts.permalink takes {abbrlink} from the front matter of each post",
        "posts.permalink takes {lang} from the front matter of each post",
    )
    assert "default_category" in from_hexo(":category/:title/").notes[0]


EMPTY = "posts.permalink is left empty: set it, or give the posts a `permalink` key"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (":i_month/:title/", ":i_month"),
        (":title-:hash/", ":hash"),
        (":id.html", ":id"),
        (":timestamp/:hour:minute/", ":hour, :minute, :timestamp"),
    ],
)
def test_hexo_words_without_counterpart(template: str, words: str) -> None:
    found = from_hexo(template)
    assert found.template == ""
    assert found.notes == (f'the permalink "{template}" has {words}, which feedmill has no word for; {EMPTY}',)


JEKYLL = [
    (JEKYLL_DEFAULT, "{url}{categories}/{year}/{month}/{day}/{slug}.html"),
    ("date", "{url}{categories}/{year}/{month}/{day}/{slug}.html"),
    ("pretty", "{url}{categories}/{year}/{month}/{day}/{slug}/"),
    ("none", "{url}{categories}/{slug}.html"),
    ("/:categories/:year/:month/:day/:title:output_ext", "{url}{categories}/{year}/{month}/{day}/{slug}.html"),
    ("/blog/:year/:title/", "{url}blog/{year}/{slug}/"),
    ("/:collection/:name", "{url}posts/{name}"),
    ("/:slug.html", "{url}{slug}.html"),
]


@pytest.mark.parametrize(("template", "expected"), JEKYLL, ids=[row[0] for row in JEKYLL])
def test_jekyll(template: str, expected: str) -> None:
    assert from_jekyll(template).template == expected


@pytest.mark.parametrize(
    ("template", "words"),
    [("ordinal", ":y_day"), ("weekdate", ":short_day, :week"), ("/:i_day/:title", ":i_day"), ("/:short_year/:title", ":short_year")],
)
def test_jekyll_words_without_counterpart(template: str, words: str) -> None:
    found = from_jekyll(template)
    assert found.template == ""
    assert found.notes == (f'the permalink "{template}" has {words}, which feedmill has no word for; {EMPTY}',)


@pytest.mark.parametrize("template", ["/posts/", "{year}/:title{", "/a b/:title"])
def test_a_template_that_cannot_be_used_is_left_empty_with_the_reason(template: str) -> None:
    for found in (from_jekyll(template), from_hexo(template)):
        assert found.template == ""
        [note] = found.notes
        assert note.startswith(f'the permalink "{template}" cannot be used (')


@pytest.mark.parametrize("template", [row[1] for row in HEXO + JEKYLL])
def test_every_translation_is_one_that_the_config_accepts(template: str) -> None:
    assert parse_permalink(template) == template
