"""Writing posts and changing files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.errors import PostError
from feedmill.model import Enclosure, Post
from feedmill.posts.enclosures import MAX_LENGTH, normal_enclosure
from feedmill.posts.format import MAX_FRONT_MATTER, MAX_POST_BYTES, decode, read_body
from feedmill.posts.layout import normal_body, read_layout
from feedmill.posts.meaning import FIELD_KEYS
from feedmill.posts.pictures import picture
from feedmill.posts.scalars import bare_scalar, flow_scalar, quoted, scalar
from feedmill.posts.writing import encode, revise
from feedmill.text import clean_text, one_line
from feedmill.yamlstrict import read_mapping

SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(data: bytes, name: str = "x.md") -> Post:
    return decode(data, name=name, zone=SHANGHAI).post


HOUSE = """---
title: '再谈“做不大”：it''s # 1'
categories:␠
 - 新媒体
 - 人人都是产品经理
 - 最新文章
headimg: 'https://i.example/a.jpg'
author: 人人都是产品经理
comments: false
date: Thu, 10 Jun 2021 00:00:00 GMT
thumbnail: 'https://i.example/a.jpg'
link: 'https://www.example.com/it/123.html'
guid: 'https://www.example.com/?p=123'
source: woshipm
updated: Fri, 11 Jun 2021 00:00:00 GMT
tags:
 - 小企业
 - C#
 - 'no'
draft: true
menu: {main: {weight: 010, list: [a, 'b, c', '']}}
'odd: key': "two\\nlines"
---

<div>
<p>正文 &#123;{ x }}</p>
</div>
""".replace("␠", " ")
HOUSE_POST = Post(
    title="再谈“做不大”：it's # 1",
    body="<p>正文 {{ x }}</p>",
    categories=(("新媒体", "人人都是产品经理", "最新文章"),),
    headimg="https://i.example/a.jpg",
    author="人人都是产品经理",
    date=datetime(2021, 6, 10, tzinfo=UTC),
    thumbnail="https://i.example/a.jpg",
    link="https://www.example.com/it/123.html",
    guid="https://www.example.com/?p=123",
    source="woshipm",
    updated=datetime(2021, 6, 11, tzinfo=UTC),
    tags=("小企业", "C#", "no"),
    extra=(("draft", "true"), ("menu", {"main": {"weight": "010", "list": ["a", "b, c", ""]}}), ("odd: key", "two\nlines")),
)


def test_the_house_style_byte_for_byte() -> None:
    assert encode(HOUSE_POST).decode() == HOUSE
    assert encode(HOUSE_POST, leading_blank_line=True).decode() == "\n" + HOUSE
    assert read(HOUSE.encode()) == HOUSE_POST


def test_the_smallest_post() -> None:
    expected = "---\ntitle: 'a'\ncategories: []\nheadimg: ''\nauthor: ''\ncomments: false\nthumbnail: ''\n---\n"
    assert encode(Post(title="a", markup="markdown")).decode() == expected
    assert encode(Post(title="a", markup="markdown", body="    code\n\ntext")).decode() == expected + "\n    code\n\ntext\n"


def test_several_categories_are_a_list_of_lists() -> None:
    post = Post(title="a", categories=(("A", "B, c"), ("no",), ("[x]", "1:30", "d: e", "f?")))
    assert " \n - [A, 'B, c']\n - ['no']\n - ['[x]', '1:30', 'd: e', 'f?']\n" in encode(post).decode()
    assert read(encode(post)) == post


def test_what_is_not_in_normal_form_is_brought_there() -> None:
    post = Post(
        title=" a\n\tb\u00a0",
        body="\n <p>x</p>\r\n\ud800",
        categories=((" A\n", ""), ()),
        author="a\x00b\u2028c",
        date=datetime(2021, 6, 10, 8, 0, 0, 5, tzinfo=SHANGHAI),
        updated=datetime(2021, 6, 10, 8, 0, 0, 5, tzinfo=SHANGHAI),
        tags=("", " t "),
        extra=(("title", "x"), ("", "x"), (" k\n", "a\x00\r\nb\ud800"), ("d", {" e ": ["\x01"]})),
    )
    expected = Post(
        title="a b",
        body="<p>x</p>",
        categories=(("A",),),
        author="ab c",
        date=datetime(2021, 6, 10, tzinfo=UTC),
        tags=("t",),
        extra=(("k", "a\nb"), ("d", {"e": [""]})),
    )
    assert read(encode(post)) == expected
    assert encode(read(encode(post))) == encode(post)


@pytest.mark.parametrize(
    "post",
    [
        Post(title="a" * (MAX_FRONT_MATTER + 1)),
        Post(title="a", body="a" * MAX_POST_BYTES),
    ],
    ids=["front matter", "body"],
)
def test_no_file_is_written_that_cannot_be_read(post: Post) -> None:
    with pytest.raises(PostError, match="bytes"):
        encode(post)


ODD_TEXTS = [
    *(
        "",
        " ",
        "a: b",
        "a:",
        ":a",
        "a #b",
        "#a",
        "#",
        "- a",
        "-",
        "a - b",
        "?",
        "? a",
        "[a]",
        "{a}",
        "a, b",
        "a]",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
    ),
    *("%a", "@a", "`a`", "'a'", "it's", '"a"', 'a "b"', "\\n", "a\\", "C:\\x", "title: x", "</div>", "<div>", "{{ a }}", "{% a %}", "a\tb"),
    *("~", "null", "Null", "true", "YES", "no", "on", "y", "N", "=", "<<", "1", "-1", "+1", "1.10", "1e3", ".5", "+.5", "1_000", "1,000"),
    *(
        "0x1F",
        "0o17",
        "0b1",
        "017",
        ".inf",
        "-.INF",
        ".nan",
        "1:30",
        "190:20:30.15",
        "2024-01-01",
        "2024-01-01 10:00:00",
        "2021.03.02",
        "12_00",
    ),
    *(
        "---",
        "...",
        "--- a",
        "a\u00a0b",
        "\u3000",
        "a\ufeffb",
        "\ufeff",
        "a\u200db",
        "\U0001f468\u200d\U0001f469",
        "\x7f",
        "\u0085",
        "\u202ea",
    ),
    *("http://a/b?c=d#e", "a:b", "36kr", "ACM - x", "— 资讯", "“x”", "１２３", "a" * 2000, "字: " * 500),
]


@pytest.mark.parametrize("text", [*ODD_TEXTS, "two\nlines", "\n", "a\n", "a\u2028b", "\x00\x07\x1b"], ids=ascii)
def test_scalars_read_back_in_every_loader(text: str) -> None:
    for written in (quoted(text), scalar(text)):
        assert read_mapping(f"k: {written}").value == {"k": text}
        assert yaml.safe_load(f"k: {written}") == {"k": text}
        assert yaml.load(f"k: {written}", Loader=yaml.CSafeLoader) == {"k": text}
    assert yaml.safe_load(f"k:\n - [{flow_scalar(text)}, {flow_scalar(text)}]") == {"k": [[text, text]]}
    assert read_mapping(f"k: {bare_scalar(text)}").value == {"k": text}


def test_scalars_stay_plain_where_they_can() -> None:
    for text in ("人人都是产品经理", "ACM - 图灵奖获得者", "36kr", "— 资讯", "C#", "Dev.to", "a:b", "it's", "a, b"):
        assert scalar(text) == text
    for text in ("true", "2021", "1.10"):
        assert bare_scalar(text) == text
        assert scalar(text) == f"'{text}'"


def is_free_of_references(text: str) -> bool:
    return "&#123;" not in text and "&#125;" not in text


TEXTS = st.one_of(
    st.text(max_size=20), st.sampled_from(ODD_TEXTS), st.text(alphabet="ab:#-'\"[]{},&*!|>%@`\\ \u00a0\u3000\u2028", max_size=8)
)
LINES = TEXTS.map(one_line).filter(is_free_of_references)
NAMES = LINES.filter(bool)
PICTURES = LINES.filter(lambda text: picture(text) == text)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS.map(clean_text).filter(is_free_of_references),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(LINES, inner, max_size=3)),
    max_leaves=6,
)
ENCLOSURES = st.builds(
    Enclosure, LINES, st.sampled_from(["", "audio/mpeg", "application/x-y+z"]), st.none() | st.integers(1, MAX_LENGTH)
).filter(lambda enclosure: normal_enclosure(enclosure) == enclosure)
PIECES = (
    "<div>",
    "</div>",
    "<div>   \n",
    "  \n</div>",
    "</div> x <div>",
    "---",
    "\n---\n",
    "{{",
    "{%",
    "{#",
    "{",
    "\n",
    "    ",
    "\u2028",
    "+++",
    "title: a",
)
BODIES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=10).map("".join).filter(is_free_of_references)


def unique(items: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))


@st.composite
def posts(draw: st.DrawFn) -> Post:
    """Every post in normal form, as the docstring of `encode` has it."""
    markup = draw(st.sampled_from(["html", "markdown"]))
    body = normal_body(draw(BODIES), markup)
    if markup == "markdown" and read_layout(body, name="x.md").markup == "html":
        body = f"x{body}"
    date, other = draw(st.none() | MOMENTS), draw(st.none() | MOMENTS)
    keys = draw(st.lists(NAMES.filter(lambda key: key not in FIELD_KEYS), unique=True, max_size=4))
    return Post(
        title=draw(NAMES),
        body=body,
        markup=markup,
        categories=unique(draw(st.lists(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=3))),
        headimg=draw(PICTURES),
        author=draw(LINES),
        comments=draw(st.booleans()),
        date=date,
        thumbnail=draw(PICTURES),
        link=draw(LINES),
        guid=draw(LINES),
        source=draw(LINES),
        updated=other if other and (date is None or other > date) else None,
        tags=unique(draw(st.lists(NAMES, max_size=3))),
        enclosure=draw(st.none() | ENCLOSURES),
        extra=tuple((key, draw(VALUES)) for key in keys),
    )


@given(posts(), st.booleans())
@settings(max_examples=200)
def test_every_post_in_normal_form_reads_back(post: Post, leading_blank_line: bool) -> None:
    data = encode(post, leading_blank_line=leading_blank_line)
    decoded = decode(data, name="x.md", zone=SHANGHAI)
    assert decoded.post == post
    assert [rule for _, rule, _ in decoded.problems] == ([] if post.date else ["date"])
    assert read_body(data, name="x.md") == (post.body, post.markup)
    if post.markup == "html":
        assert read(data, "x.html") == post
    assert encode(decoded.post, leading_blank_line=leading_blank_line) == data


@given(posts())
@settings(max_examples=50)
def test_other_loaders_read_the_same_text(post: Post) -> None:
    front = encode(post).split(b"\n---\n", 1)[0].decode()
    known = front.partition("\nthumbnail: ")[0]
    assert yaml.safe_load(known)["title"] == post.title
    assert yaml.safe_load(known)["author"] == post.author
    one_path = list(post.categories[0]) if post.categories else []
    expected = [list(path) for path in post.categories] if len(post.categories) > 1 else one_path
    assert yaml.safe_load(known)["categories"] == expected


def test_every_real_post_reads_back(corpus: Path) -> None:
    for path in sorted((corpus / "posts").rglob("*.md")):
        post = read(path.read_bytes(), path.name)
        assert read(encode(post, leading_blank_line=True), path.name) == post, path


REVISED: dict[str, tuple[str, dict[str, str | None], str]] = {
    "add": ("title: a\n", {"guid": "x"}, "title: a\nguid: 'x'\n"),
    "add two": ("", {"source": "no", "updated": "2021-01-01"}, "source: 'no'\nupdated: 2021-01-01\n"),
    "add unknown ones": ("title: a\n", {"draft": "true", "x: y": "a\nb"}, "title: a\ndraft: true\n'x: y': \"a\\nb\"\n"),
    "set": ("title: a\nauthor: b\n", {"title": "it's\n"}, "title: 'it''s'\nauthor: b\n"),
    "remove": ("title: a\nauthor: b\n", {"title": None}, "author: b\n"),
    "the same": ("title:   a   # b\n", {"title": "a", "guid": None}, "title:   a   # b\n"),
    "a comment behind": ("title: a   # b\ndate: # c\n", {"title": "d", "date": "e"}, "title: 'd'   # b\ndate: e # c\n"),
    "a comment behind quotes": ("title: 'a # b' # c\n", {"title": "d"}, "title: 'd' # c\n"),
    "a hash that is the title": ("title: #\nauthor: #b\n", {"title": "a", "author": "c"}, "title: 'a'\nauthor: c\n"),
    "comments and order": (
        "# first\ntitle: a\n\n# of b\nb: {c: d}\n# last\n\n",
        {"title": "z", "e": "f"},
        "# first\ntitle: 'z'\n\n# of b\nb: {c: d}\n# last\n\ne: f\n",
    ),
    "several lines": (
        "tags:\n - a\n\n - b\n# c\ntitle: >\n  a\n  b\nx: y\n",
        {"tags": None, "title": "t"},
        "# c\ntitle: 't'\nx: y\n",
    ),
    "a key of the same name inside": ("b:\n  title: c\ntitle: a\n", {"title": "t"}, "b:\n  title: c\ntitle: 't'\n"),
    "indented": ("  title: a\n  b:\n    title: c\n", {"title": "t", "guid": "g"}, "  title: 't'\n  b:\n    title: c\n  guid: 'g'\n"),
    "quoted key": ("'title' : a\n", {"title": "t"}, "'title' : 't'\n"),
    "broken front matter": ("title: a: b\nauthor: c\n", {"guid": "g", "author": None}, "title: a: b\nguid: 'g'\n"),
    "a broken value": ("title: a: b #c\nauthor: d\n", {"title": "a: b"}, "title: 'a: b'\nauthor: d\n"),
    "line separators": ("a: 'b\u2028c'\ntitle: d\u0085\n", {"title": "t"}, "a: 'b\u2028c'\ntitle: 't'\n"),
}
REVISED_FILES: dict[str, tuple[str, dict[str, str | None], str]] = {
    "CRLF, BOM, empty lines": (
        "\ufeff\r\n\r\n---\r\ntitle: a\r\nb: c\r\n---  \r\nx\r\n",
        {"title": "t", "b": None, "guid": "g"},
        "\ufeff\r\n\r\n---\r\ntitle: 't'\r\nguid: 'g'\r\n---  \r\nx\r\n",
    ),
    "CR": ("---\rtitle: a\r---\rx\r", {"guid": "g"}, "---\rtitle: a\rguid: 'g'\r---\rx\r"),
    "TOML": (
        '+++\r\ntitle = "a" # b\r\nx = 1\r\n[params]\r\ntitle = "c"\r\n+++\r\nd',
        {"title": 'e"\\', "guid": "g", "x": None},
        '+++\r\ntitle = "e\\"\\\\" # b\r\nguid = "g"\r\n[params]\r\ntitle = "c"\r\n+++\r\nd',
    ),
    "TOML without tables": ("+++\ntitle = 'a'\n+++\n", {"guid": "g", "a b": "c"}, '+++\ntitle = \'a\'\nguid = "g"\n"a b" = "c"\n+++\n'),
    "JSON": (
        '\ufeff\n{\n  "title": "a",\n  "x": {"title": 1},\n  "y": [1]\n}\nb',
        {"title": "ü", "guid": "g", "x": None},
        '\ufeff\n{\n  "title": "ü",\n  "y": [1],\n  "guid": "g"\n}\nb',
    ),
    "JSON on a line": ('{"title": "a", "x": 1}\nb', {"title": None, "x": None, "guid": "g"}, '{"guid": "g"}\nb'),
    "JSON first": ('{ "x": 1, "title": "a"}\nb', {"x": None, "title": "}"}, '{ "title": "}"}\nb'),
    "empty JSON": ("{ }\nb", {"x": "y"}, '{"x": "y" }\nb'),
}


@pytest.mark.parametrize(("before", "changes", "after"), REVISED.values(), ids=REVISED)
@pytest.mark.parametrize("frame", ["---\n{}---\n\ntitle: body\n---\n", "\n--- \n{}---\n<div>\r\n"])
def test_revise(frame: str, before: str, changes: dict[str, str | None], after: str) -> None:
    assert revise(frame.format(before).encode(), changes).decode() == frame.format(after)
    assert revise(frame.format(after).encode(), changes).decode() == frame.format(after)


@pytest.mark.parametrize(("before", "changes", "after"), REVISED_FILES.values(), ids=REVISED_FILES)
def test_revise_files(before: str, changes: dict[str, str | None], after: str) -> None:
    assert revise(before.encode(), changes).decode() == after
    assert revise(after.encode(), changes).decode() == after


UNREVISABLE: dict[str, tuple[str, dict[str, str | None], str]] = {
    "flow style": ("---\n{title: a, b: c}\n---\n", {"title": "t"}, "by hand"),
    "flow style, new key": ("---\n{title: a, b: c}\n---\n", {"guid": "t"}, "by hand"),
    "explicit keys": ("---\n? title\n: a\n---\n", {"title": "t"}, "by hand"),
    "twice": ("---\ntitle: a\ntitle: b\n---\n", {"title": None}, "more than once"),
    "after the end of the document": ("---\ntitle: a\n...\n---\n", {"guid": "g"}, "by hand"),
    "TOML over several lines": ('+++\ntitle = """a\nb"""\n+++\n', {"title": "t"}, "by hand"),
    "TOML in a table's name": ("+++\n[title]\na = 1\n+++\n", {"title": "t"}, "by hand"),
    "JSON twice": ('{"title": "a", "title": "b"}\n', {"title": "t"}, "more than once"),
    "not readable": ("title: a\n", {"title": "t"}, "no front matter"),
    "too big": ("---\ntitle: a\n---\n", {"title": "t" * MAX_FRONT_MATTER}, "by hand"),
}


@pytest.mark.parametrize(("before", "changes", "reason"), UNREVISABLE.values(), ids=UNREVISABLE)
def test_what_cannot_be_revised_says_so(before: str, changes: dict[str, str | None], reason: str) -> None:
    with pytest.raises(PostError, match=reason):
        revise(before.encode(), changes)


def written_toml(values: dict[str, str]) -> str:
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)} # {key}\n" for key, value in values.items())
    return f"+++\n{''.join(lines)}[t]\nu = 1\n+++\nbody\n"


def written_yaml(values: dict[str, str]) -> str:
    lines = (f"{key}: {bare_scalar(value)}  # {key}\n\n" for key, value in values.items())
    return f"---\n{''.join(lines)}---\nbody\n"


def written_json(values: dict[str, str]) -> str:
    return f"{json.dumps(values, indent=1, ensure_ascii=False)}\nbody\n"


PLAIN_KEYS = st.sampled_from(["title", "guid", "author", "x", "yy", "z-z", "date", "link"])
PLAIN_TEXTS = TEXTS.map(lambda text: one_line(text).replace("\x7f", ""))


@pytest.mark.parametrize("write", [written_yaml, written_toml, written_json])
@given(st.dictionaries(PLAIN_KEYS, PLAIN_TEXTS, max_size=5), st.dictionaries(PLAIN_KEYS, st.none() | PLAIN_TEXTS, min_size=1, max_size=3))
@settings(max_examples=60)
def test_revising_any_file(write: Callable[[dict[str, str]], str], values: dict[str, str], changes: dict[str, str | None]) -> None:
    before = write(values)
    after = revise(before.encode(), changes).decode()
    wanted = write({key: text for key, text in (values | changes).items() if text is not None})
    one, other = read(after.encode()), read(wanted.encode())
    assert replace(one, extra=()) == replace(other, extra=())
    assert dict(one.extra) == dict(other.extra)
    if write is not written_json:
        kept = {line for line in before.split("\n") if not line.startswith(tuple(changes))}
        assert kept <= set(after.split("\n"))


def test_real_posts_get_a_guid_and_nothing_else(corpus: Path) -> None:
    for path in sorted((corpus / "posts" / "verbatim").glob("*.md")):
        data = path.read_bytes()
        revised = revise(data, {"guid": "tag:a,2021:b"})
        assert revised.replace(b"guid: 'tag:a,2021:b'\n", b"") == data
        assert read(revised, path.name).guid == "tag:a,2021:b"
        assert revise(revised, {"guid": None}) == data
