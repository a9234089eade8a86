"""Config files of other generators, as their users write them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.errors import ConfigError
from feedmill.sitegenerators import FoundSite, read_site, skim


def found(folder: Path, text: str, *, name: str = "_config.yml") -> FoundSite:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_site(path)


HEXO = """\
# Hexo Configuration
title: 小站
subtitle: ''
author: 张三
language:
  - zh-CN
  - en
timezone: 'Asia/Shanghai'
url: https://example.org/blog
root: /blog/
permalink: :year/:month/:day/:title/
permalink_defaults:
pretty_urls:
  trailing_index: true # Set to false to remove trailing 'index.html'
  trailing_html: true
source_dir: source
public_dir: public
skip_render:
new_post_name: :title.md # File name of new posts
per_page: 10
theme: landscape
deploy:
  type: ''
"""


def test_hexo(tmp_path: Path) -> None:
    assert found(tmp_path, HEXO) == FoundSite(
        title="小站",
        url="https://example.org/blog/",
        author="张三",
        language="zh-CN",
        timezone="Asia/Shanghai",
        posts_dir=tmp_path / "source" / "_posts",
        feeds_dir=tmp_path / "source" / "feeds",
        categories="nested",
        permalink="{url}{year}/{month}/{day}/{path}/",
    )


def test_hexo_with_other_choices(tmp_path: Path) -> None:
    site = found(
        tmp_path,
        """\
        title: T
        url: https://example.org
        root: /child/
        permalink: :title.html
        pretty_urls: {trailing_index: false, trailing_html: false}
        source_dir: src
        new_post_name: :year-:month-:day-:title.md
        language: default
        """,
    )
    assert (site.url, site.permalink, site.posts_dir) == ("https://example.org/child/", "{url}{slug}", tmp_path / "src" / "_posts")
    assert (site.language, site.timezone, site.author, site.notes) == ("", "", "", ())


JEKYLL = """\
title: Dev Logs # the main title
author:
  name: Jane Roe
  email: jane@example.org
lang: en_US
timezone:
description: >-
  A site
url: "https://jane.example"
baseurl: "/notes"
permalink: pretty
markdown: kramdown
plugins:
  - jekyll-feed
exclude: [Gemfile]
"""


def test_jekyll(tmp_path: Path) -> None:
    site = found(tmp_path, JEKYLL)
    assert site == FoundSite(
        title="Dev Logs",
        url="https://jane.example/notes/",
        author="Jane Roe",
        language="en-US",
        posts_dir=tmp_path / "_posts",
        categories="flat",
        permalink="{url}{categories}/{year}/{month}/{day}/{slug}/",
        notes=site.notes,
    )
    assert len(site.notes) == 1
    assert "lower case" in site.notes[0]


@pytest.mark.parametrize(
    ("extra", "permalink"),
    [
        ("", "{url}{categories}/{year}/{month}/{day}/{slug}.html"),
        ("permalink: /a/:title/", "{url}a/{slug}/"),
        ("permalink: /a/:title/\ncollections: {posts: {permalink: /b/:title/}}", "{url}b/{slug}/"),
        ("defaults:\n  - scope: {path: '', type: posts}\n    values: {permalink: /posts/:title/}", "{url}posts/{slug}/"),
        (
            "defaults:\n  - scope: {path: '', type: tabs}\n    values: {permalink: /:title/}\n  - scope: {path: _drafts}",
            "{url}{categories}/{year}/{month}/{day}/{slug}.html",
        ),
        ("defaults: [a, {scope: b, values: c}]\ncollections: [tabs]", "{url}{categories}/{year}/{month}/{day}/{slug}.html"),
    ],
    ids=["default", "site", "collection", "defaults", "defaults of others", "odd shapes"],
)
def test_where_jekyll_says_the_permalink(tmp_path: Path, extra: str, permalink: str) -> None:
    assert found(tmp_path, f"title: T\nkramdown: {{input: GFM}}\n{extra}\n").permalink == permalink


def test_jekyll_with_its_posts_elsewhere(tmp_path: Path) -> None:
    site = found(tmp_path, "title: T\nplugins: []\nsource: web\ncollections_dir: lists\n")
    assert site.posts_dir == tmp_path / "web" / "lists" / "_posts"


def test_the_author_of_a_theme(tmp_path: Path) -> None:
    assert found(tmp_path, "title: T\nplugins: []\nsocial: {name: Jane}\n").author == "Jane"
    assert found(tmp_path, "title: T\nplugins: []\nauthor: [Ann, Bob]\n").author == "Ann"


def test_neighbours_tell_the_two_apart(tmp_path: Path) -> None:
    text = "title: T\nurl: https://e.org\n"
    undecided = found(tmp_path, text)
    assert (undecided.posts_dir, undecided.permalink) == (None, "")
    assert undecided.notes == ("_config.yml may be Hexo's or Jekyll's: set posts.dir, posts.categories and posts.permalink yourself",)
    (tmp_path / "source" / "_posts").mkdir(parents=True)
    assert found(tmp_path, text).posts_dir == tmp_path / "source" / "_posts"
    for name in ("_posts", "_layouts"):
        (tmp_path / name).mkdir()
    assert found(tmp_path, text).posts_dir == tmp_path / "_posts"


HUGO = """\
baseURL = 'https://example.org/'
LanguageCode = 'en-us'
title = 'Hugo Site'
timeZone = 'Europe/Berlin'
publishDate = 2024-01-01
[params]
Author = 'Jane'
"""


def test_hugo(tmp_path: Path) -> None:
    site = found(tmp_path, HUGO, name="hugo.toml")
    assert (site.title, site.url, site.language, site.timezone, site.author) == (
        "Hugo Site",
        "https://example.org/",
        "en-US",
        "Europe/Berlin",
        "Jane",
    )
    assert (site.posts_dir, site.categories, site.permalink) == (tmp_path / "content", "flat", "{url}{path}/")
    (tmp_path / "content" / "posts").mkdir(parents=True)
    site = found(tmp_path, "uglyURLs = true\n" + HUGO, name="config.toml")
    assert (site.posts_dir, site.permalink) == (tmp_path / "content" / "posts", "{url}posts/{path}.html")


def test_hugo_in_yaml_and_with_its_own_permalinks(tmp_path: Path) -> None:
    site = found(tmp_path, "baseURL: https://e.org/\ntitle: H\npermalinks:\n  posts: /:year/:slug/\n", name="hugo.yaml")
    assert (site.url, site.permalink, site.categories) == ("https://e.org/", "", "flat")
    assert site.notes == ("the `permalinks` of Hugo are not translated: set posts.permalink",)


def test_yaml_that_the_strict_reader_refuses_is_skimmed(tmp_path: Path) -> None:
    site = found(
        tmp_path,
        """\
        title: &title "It's \\"mine\\""   # the name
        author:
          # a comment
          name:   'O''Brien'
        x: *title
        url: https://example.org # here
        description: >-
          Long
          text
        language: [zh-CN, en]
        permalink: !ruby/sym :title.html
        theme: next
        skip_render: []
        per_page: 10
        """,
    )
    assert site.title == 'It\'s "mine"'
    assert (site.author, site.url, site.permalink) == ("O'Brien", "https://example.org/", "{url}{path}.html")
    assert site.posts_dir == tmp_path / "source" / "_posts"
    assert site.notes[0].startswith("_config.yml, line 1: an anchor (`&title`)")
    assert site.notes[0].endswith("only its plain `key: value` lines were read, look config.yaml over")
    assert site.notes[1] == 'site.language: "[zh-CN, en]" was left out'


SKIMMED = [
    ("a: b # c", {"a": "b"}),
    ("a: 'b # c' # d", {"a": "b # c"}),
    ("a: b#c", {"a": "b#c"}),
    ("a:\n  - b\n  - 'c'", {"a": ["b", "c"]}),
    ("a:\n- b", {"a": ["b"]}),
    ("a:\n  b: c\n  d: e\n    f: g", {"a": {"b": "c", "d": "e", "f": "g"}}),
    ("a:\n  b: first\n  c:\n    b: deeper", {"a": {"b": "first", "c": ""}}),
    ("a: |\n  b\n  c", {"a": "b c"}),
    ("a: *b", {"a": ""}),
    ("a: # nothing", {"a": ""}),
    ("# a: b\n\n---\n", {}),
    ("\ta: b\nc : d\r\n", {"c": "d"}),
    ("a:b\nhttp://c: d", {}),
]


@pytest.mark.parametrize(("text", "expected"), SKIMMED, ids=[row[0] for row in SKIMMED])
def test_skim(text: str, expected: dict[str, object]) -> None:
    assert skim(text) == expected


def test_values_that_do_not_do_are_left_out_with_a_note(tmp_path: Path) -> None:
    site = found(tmp_path, "title: T\nurl: example.org\nlanguage: English\ntimezone: CST+8\nsource_dir: source\n")
    assert (site.url, site.language, site.timezone) == ("", "", "")
    assert site.notes == (
        'site.url: "example.org" was left out: it does not begin with https:// or http://',
        'site.language: "English" was left out',
        'site.timezone: "CST+8" was left out: no such zone is known',
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("_config.yml", "", "has nothing that a Hexo, Jekyll or Hugo site has"),
        ("_config.yml", "a: b\n", "has nothing that a Hexo, Jekyll or Hugo site has"),
        ("hugo.toml", "a = \n", "cannot be read:\n  not TOML: Invalid value (at line 1, column 5)"),
    ],
)
def test_files_of_no_generator(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        found(tmp_path, text, name=name)
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*; name the config file of a Hexo, Jekyll or Hugo site"):
        read_site(tmp_path / "_config.yml")
    with pytest.raises(ConfigError, match="is a folder; name the file in it"):
        read_site(tmp_path)


YAML_LINES = st.lists(
    st.sampled_from(HEXO.splitlines() + JEKYLL.splitlines() + ["a: &b", "\tx: y", "- z", "  w: *b", "url: [", "title: {a: b}", "'"]),
    max_size=12,
)


@given(lines=YAML_LINES, name=st.sampled_from(["_config.yml", "hugo.toml"]))
@settings(max_examples=150, deadline=None)
def test_any_lines_give_a_site_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, lines: list[str], name: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        site = found(folder, "\n".join(lines), name=name)
    except ConfigError:
        return
    assert all("\n" not in text for text in (site.title, site.author, site.url, *site.notes))
