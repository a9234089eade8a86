"""Reading post files: everything that real ones hold, and everything that none may do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.errors import PostError
from feedmill.model import Post
from feedmill.posts.format import HANDLERS, MAX_FRONT_MATTER, MAX_POST_BYTES, Decoded, decode, read_body
from feedmill.posts.yamlfields import read_yaml
from feedmill.yamlstrict import read_simple

SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(text: str | bytes, name: str = "hello.md") -> Decoded:
    data = text.encode() if isinstance(text, str) else text
    decoded = decode(data, name=name, zone=SHANGHAI)
    body = decoded.post.body
    assert read_body(data, name=name) == (body, decoded.post.markup)
    if decoded.span:
        assert data[decoded.span[0] : sum(decoded.span)].decode() == body
    else:
        assert b"\r" in data or b"&#12" in data, "the span is left out only where the file writes the body another way"
    return decoded


def post_of(front: str, body: str = "text", name: str = "hello.md") -> Post:
    return read(f"---\n{front}\n---\n{body}", name).post


def rules(decoded: Decoded) -> list[tuple[int, str]]:
    return [(line, rule) for line, rule, _ in decoded.problems]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


REFERENCE = """
---
title: '标题'
categories:␠
 - 新媒体
 - 人人都是产品经理
 - 最新文章
headimg: 'https://p.example/?https://i.example/a.jpg'
author: 人人都是产品经理
comments: false
date: Thu, 10 Jun 2021 00:00:00 GMT
thumbnail: 'https://p.example/?https://i.example/a.jpg'
---

<div>␠␠␠
<p>正文</p>␠␠
</div>
            """.replace("␠", " ")
REFERENCE_POST = Post(
    title="标题",
    body="<p>正文</p>",
    categories=(("新媒体", "人人都是产品经理", "最新文章"),),
    headimg="https://p.example/?https://i.example/a.jpg",
    author="人人都是产品经理",
    date=utc(2021, 6, 10),
    thumbnail="https://p.example/?https://i.example/a.jpg",
)


@pytest.mark.parametrize(
    "data",
    [
        REFERENCE.encode(),
        REFERENCE.replace("\n", "\r\n").encode(),
        REFERENCE.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + REFERENCE.encode(),
        b"\n \n\xef\xbb\xbf" + REFERENCE.encode(),
        REFERENCE.replace("---\n", "---  \t\n").encode(),
        REFERENCE.replace("\n - ", "\n- ").encode(),
        REFERENCE.replace("\n - ", "\n    - ").encode(),
        REFERENCE.replace("\n - ", "\n\t- ").encode(),
        REFERENCE.replace("\nauthor", "\n\n# a remark\nauthor").encode(),
    ],
    ids=["as it is", "CRLF", "CR", "BOM", "BOM after empty lines", "spaces after ---", "no indent", "indent of 4", "tab", "blank line"],
)
def test_the_reference_layout(data: bytes) -> None:
    decoded = read(data)
    assert decoded.post == REFERENCE_POST
    assert [rule for _, rule, _ in decoded.problems if rule != "salvaged"] == []
    lines = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines[decoded.body_line - 1].strip() == "<p>正文</p>"


VALUES: dict[str, tuple[str, dict[str, Any]]] = {
    # titles that YAML takes for something else
    "number": ("title: 2019", {"title": "2019"}),
    "underscore number": ("title: 12_00", {"title": "12_00"}),
    "decimal": ("title: 1.10", {"title": "1.10"}),
    "bool": ("title: no", {"title": "no"}),
    "sexagesimal": ("title: 1:30", {"title": "1:30"}),
    "dotted": ("title: 2021.03.02", {"title": "2021.03.02"}),
    "null": ("title: null", {"title": "null"}),
    "hash": ("title: #", {"title": "#"}),
    "hash and text": ("title: #1 in sales", {"title": "#1 in sales"}),
    "hash author": ("title: a\nauthor: #x", {"author": "#x"}),
    "bracket": ("title: [Breaking]", {"title": "[Breaking]"}),
    "folded": ("title: 19_15\n   \n  down\n    again", {"title": "19_15 down again"}),
    "folded in quotes": ("title: 'a\n\n  b'", {"title": "a b"}),
    "block": ("title: >-\n  a\n  b\n", {"title": "a b"}),
    "escapes": (r'title: "a\tb\x07\u2028c"', {"title": "a b c"}),
    "no-break space": ("title: 'a\u00a0\u3000b\u00a0'", {"title": "a b"}),
    "references": ("title: 'a &#123;&#123;b&#125;&#125;'", {"title": "a {{b}}"}),
    "raw control character": ("title: a\x08b", {"title": "ab"}),
    "raw line separator": ("title: a\u2028b", {"title": "a b"}),
    # broken by a template that did not escape
    "nine quotes": ("""title: \"\"\"\"\"\"\"\"\"'2019'\"\"\"\"\"\"\"\"\"""", {"title": "2019"}),
    "colon": ("title: a: b", {"title": "a: b"}),
    "apostrophe": ("title: 'it's'\nauthor: A", {"title": "it's", "author": "A"}),
    "quotes in quotes": ('title: "他说"你好""', {"title": '他说"你好"'}),
    "two quoted parts": ('title: "A" and "B"', {"title": '"A" and "B"'}),
    "at": ("title: @a", {"title": "@a"}),
    "percent": ("title: %a", {"title": "%a"}),
    "bracket and text": ("title: [a] b", {"title": "[a] b"}),
    "open quote": ('title: "a\nauthor: B', {"title": '"a', "author": "B"}),
    "broken categories": ("title: a\ncategories:\n - @a\n - 'b'", {"categories": (("@a", "b"),)}),
    "broken beside unknown keys": ("title: a: b\nguid: 'g'\ndraft: true", {"guid": "g", "extra": (("draft", "true"),)}),
    # categories
    "one": ("categories: A", {"categories": (("A",),)}),
    "nested": ("categories: [A, B]", {"categories": (("A", "B"),)}),
    "several": ("categories: [[A, B], [C]]", {"categories": (("A", "B"), ("C",))}),
    "several lines": ("categories:\n - [A, B]\n - C", {"categories": (("A", "B"), ("C",))}),
    "mixed": ("categories: [A, [B, C]]", {"categories": (("A",), ("B", "C"))}),
    "deep": ("categories: [[A, [B, [C]]]]", {"categories": (("A", "B", "C"),)}),
    "empty names": ("categories: ['', A, ' ', [], [B, '']]", {"categories": (("A",), ("B",))}),
    "repeated": ("categories: [[A], [A], [B]]", {"categories": (("A",), ("B",))}),
    "none": ("categories:", {"categories": ()}),
    "empty list": ("categories: []", {"categories": ()}),
    "mapping": ("categories: {a: b}", {"categories": ()}),
    "typed names": ("categories: [1.10, no, 2021-01-01]", {"categories": (("1.10", "no", "2021-01-01"),)}),
    "colon in a name": ("categories:\n - 36kr: 快讯\n - B", {"categories": (("36kr: 快讯", "B"),)}),
    "hash names": ("categories:\n - #话题\n - C#\n - ''", {"categories": (("#话题", "C#"),)}),
    "hash name": ("categories: #话题", {"categories": (("#话题",),)}),
    "category": ("category: A", {"categories": (("A",),)}),
    "both": ("category: A\ncategories: B", {"categories": (("B",),)}),
    # tags
    "tags": ("tags: [a, [b], a, '']", {"tags": ("a", "b")}),
    "tag": ("tags: a b", {"tags": ("a b",)}),
    # pictures
    "picture": ("headimg: https://p.example/?https://i.example/a.jpg", {"headimg": "https://p.example/?https://i.example/a.jpg"}),
    "loading bay": ("headimg: https://i.example/loading-bay.jpg", {"headimg": "https://i.example/loading-bay.jpg"}),
    "empty picture": ("thumbnail:\nheadimg: ''", {"thumbnail": "", "headimg": ""}),
    "inline": ("thumbnail: 'data:image/gif;base64,R0lGOD'", {"thumbnail": ""}),
    "inline behind a proxy": ("thumbnail: 'https://p.example/?data:image/gif;base64,R0/GOD'", {"thumbnail": ""}),
    "undefined": ("thumbnail: https://i.example/undefined", {"thumbnail": ""}),
    "undefined behind a proxy": ("thumbnail: https://p.example/?undefined", {"thumbnail": ""}),
    "null picture": ("thumbnail: null", {"thumbnail": ""}),
    "lazy": ("thumbnail: /img/lazyload.gif?v=2\nheadimg: https://p.example/?https://i.example/blank.gif", {"thumbnail": "", "headimg": ""}),
    # people
    "list of authors": ("author: [A, B]", {"author": "A, B"}),
    "mapping of an author": ("author: {name: A, url: x}", {"author": "A"}),
    "comments": ("comments: yes", {"comments": True}),
    # dates
    "naive date": ("date: 2021-07-13 06:27:34", {"date": utc(2021, 7, 12, 22, 27, 34)}),
    "odd but valid": ("date: Thu, 31 Dec 1936 00:00:00 GMT", {"date": utc(1936, 12, 31)}),
    "updated": ("date: 2021-07-13\nupdated: 2021-07-14\nlastmod: 2022-01-01", {"updated": utc(2021, 7, 13, 16), "extra": ()}),
    "lastmod": ("date: 2021-07-13\nlastmod: 2021-07-14", {"updated": utc(2021, 7, 13, 16)}),
    "updated is date": ("date: 2021-07-13\nupdated: 2021-07-13", {"updated": None}),
    "updated before date": ("date: 2021-07-13\nupdated: 2021-07-12", {"updated": None}),
    "updated alone": ("updated: 2021-07-13", {"updated": utc(2021, 7, 12, 16)}),
    # ours
    "ours": ("link: ' http://a/ '\nguid: 1_0\nsource: no", {"link": "http://a/", "guid": "1_0", "source": "no"}),
    # the rest
    "unknown keys": (
        "draft: true\nsubtitle: no\nmenu: {main: {weight: 010}}\nlist: [1, [2.0]]\n1: x\ncontent: c\nhandler: h",
        {
            "extra": (
                ("draft", "true"),
                ("subtitle", "no"),
                ("menu", {"main": {"weight": "010"}}),
                ("list", ["1", ["2.0"]]),
                ("1", "x"),
                ("content", "c"),
                ("handler", "h"),
            )
        },
    ),
    "text of several lines": ("description: |\n  a\n\n  b &#123;\n", {"extra": (("description", "a\n\nb {\n"),)}),
}


@pytest.mark.parametrize(("front", "expected"), VALUES.values(), ids=VALUES)
def test_values(front: str, expected: dict[str, Any]) -> None:
    post = post_of(front)
    assert {name: getattr(post, name) for name in expected} == expected


PROBLEMS = {
    "fine": ("title: a\ndate: 2021-07-13", "hello.md", []),
    "no date": ("title: a", "hello.md", [(0, "date")]),
    "empty date": ("title: a\ndate:", "hello.md", [(3, "date")]),
    "invalid date": ("title: a\ndate: Invalid Date", "hello.md", [(3, "date")]),
    "date in the name": ("title: a", "2021-07-13-hello.md", []),
    "invalid date and one in the name": ("title: a\ndate: 99999-01-01", "2021-07-13-hello.md", [(3, "date")]),
    "invalid updated": ("title: a\ndate: 2021-07-13\nupdated: soon", "hello.md", [(4, "date")]),
    "no title": ("date: 2021-07-13", "hello.md", [(0, "title")]),
    "empty title": ("date: 2021-07-13\ntitle: ''", "hello.md", [(3, "title")]),
    "salvaged": ("date: 2021-07-13\ntitle: a: b", "hello.md", [(3, "salvaged")]),
    "twice": ("title: a\ndate: 2021-07-13\ntitle: b", "hello.md", [(4, "repeated-key")]),
    "twice and salvaged": ("title: a: b\ndate: 2021-07-13\ntitle: b", "hello.md", [(2, "salvaged"), (4, "repeated-key")]),
    "beside a line separator": ("title: a\u2028b\nauthor: 'a\u0085b'\ndate: x", "hello.md", [(4, "date")]),
}


@pytest.mark.parametrize(("front", "name", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(front: str, name: str, expected: list[tuple[int, str]]) -> None:
    assert rules(read(f"---\n{front}\n---\ntext", name)) == expected
    assert rules(read(f"\r\n\r\n---\r\n{front}\r\n---\r\ntext", name)) == [(line and line + 2, rule) for line, rule in expected]


def test_a_date_in_the_name_stands_in() -> None:
    assert post_of("title: a\ndate: Invalid Date", name="2021-07-13-a.md").date == utc(2021, 7, 12, 16)
    assert post_of("title: a\ndate: 2020-01-01", name="2021-07-13-a.md").date == utc(2019, 12, 31, 16)


TITLES = {
    "html heading": ("<div>\n<p>a</p><h2 class='x'>The <b>&amp;</b>\n heading</h2></div>", "x.md", "The & heading"),
    "html text": ("<div>\n<p>" + "字" * 50 + "</p></div>", "x.md", "字" * 40),
    "markdown heading": ("text\n\n```\n# no\n```\n\n## The **heading** [here](http://x) ##\n", "x.md", "The heading here"),
    "markdown underlined heading": ("\nThe heading\n===\n", "x.md", "The heading"),
    "markdown text": ("> *a* [b](http://x) ![c](d)\n> e", "x.md", "a b c e"),
    "name": ("", "2021-07-13-hello-world.md", "hello-world"),
    "name of a picture post": ("<div><img src='a'></div>", "hello.world.html", "hello.world"),
    "name that is a date": ("", "2021-07-13.md", "2021-07-13"),
    "no name": ("", "", "untitled"),
}


@pytest.mark.parametrize(("body", "name", "title"), TITLES.values(), ids=TITLES)
def test_missing_titles(body: str, name: str, title: str) -> None:
    assert post_of("author: A", body, name).title == title


def test_body_lines() -> None:
    assert read("\n---\ntitle: a\n---\n\n\n  <div>\n\n<p>x</p>\n</div>").body_line == 9
    assert read("---\ntitle: a\n---\n\n    code\n").body_line == 5
    assert read("---\ntitle: a\n---\nx").body_line == 4
    assert read("---\ntitle: a\n---").body_line == 3


def test_a_body_may_hold_boundaries() -> None:
    assert post_of("title: a", "----\n---\ntitle: b\n---\n+++\n").body == "----\n---\ntitle: b\n---\n+++"
    assert post_of("title: a\n# ...\n#---", "...").body == "..."


TOML = """+++
title = "It's"
date = 2021-07-13T06:27:34+08:00
day = 2021-07-13
at = 06:27:34
draft = true
weight = 10
price = 1.10
categories = [["A", "B"], ["C"]]
"quoted key" = 'x'
tags = ["a", "b"]
[params]
deep.er = [1, {x = "y"}]
+++
body
+++
"""
JSON = """{
  "title": "It's {{",
  "date": "2021-07-13T06:27:34+08:00",
  "day": null,
  "draft": true,
  "weight": 10,
  "price": 1.10,
  "categories": [["A", "B"], ["C"]],
  "tags": ["a", "b"],
  "params": {"deep": {"er": [1, {"x": "}"}]}}
}
{
body
"""


def test_toml() -> None:
    post = read(TOML).post
    assert (post.title, post.body, post.date) == ("It's", "body\n+++", utc(2021, 7, 12, 22, 27, 34))
    assert (post.categories, post.tags) == ((("A", "B"), ("C",)), ("a", "b"))
    assert dict(post.extra) == {
        "day": "2021-07-13",
        "at": "06:27:34",
        "draft": "true",
        "weight": "10",
        "price": "1.10",
        "quoted key": "x",
        "params": {"deep": {"er": ["1", {"x": "y"}]}},
    }
    assert not post.is_published


def test_json() -> None:
    post = read(JSON).post
    assert (post.title, post.body, post.date) == ("It's {{", "{\nbody", utc(2021, 7, 12, 22, 27, 34))
    assert (post.categories, post.tags) == ((("A", "B"), ("C",)), ("a", "b"))
    assert dict(post.extra) == {
        "day": "",
        "draft": "true",
        "weight": "10",
        "price": "1.10",
        "params": {"deep": {"er": ["1", {"x": "}"}]}},
    }


def test_problems_in_toml_and_json_have_lines() -> None:
    assert rules(read('\n+++\ntitle = "a"\ndate = "never"\n[x]\ntitle = "b"\n+++\n')) == [(4, "date")]
    assert rules(read('{"title": "a",\n"x": {"date": 1},\n"date": "never"}\n')) == [(3, "date")]
    assert rules(read('{"title": "a", "date": "2021-07-13",\n"title": "b"}\n')) == [(2, "repeated-key")]
    assert read('{"title": "\\ud800a\\u0000", "\\ud800x": "\\ud800"}\n').post.extra == (("x", ""),)


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 0, "empty"),
    "white space": (b"\xef\xbb\xbf \n\n\t", 0, "empty"),
    "no front matter": (b"\n\ntext\n---\na: b\n---\n", 3, "no front matter"),
    "indented": (b"  ---\ntitle: a\n---\n", 1, "no front matter"),
    "too many dashes": (b"----\ntitle: a\n----\n", 1, "no front matter"),
    "no closing line": (b"\n---\ntitle: a\n\ntext\n", 2, "closing line"),
    "nothing but an opening": (b"---", 1, "closing line"),
    "dots do not close": (b"---\ntitle: a\n...\ntext\n", 1, "closing line"),
    "a longer line does not close": (b"---\ntitle: a\n----\ntext\n", 1, "closing line"),
    "closed by a rule of the body": (b"---\ntitle: a\n\n<p>text</p>\n\n---\nmore", 4, "closing line"),
    "latin-1": (b"---\ntitle: a\nauthor: caf\xe9\n---\n", 3, "UTF-8"),
    "UTF-16": ("---\ntitle: a\n---\n".encode("utf-16"), 1, "UTF-8"),
    "a list": (b"---\n- a\n- b\n---\n", 2, "not YAML"),
    "a word": (b"---\nword\n---\n", 2, "not YAML"),
    "no key of a post": (b"---\nfoo: a: b\n---\n", 2, "not YAML"),
    "tag": (b"---\ntitle: !!python/object a\n---\n", 2, "tag"),
    "anchor": (b"---\na: b\ntitle: &x a\n---\n", 3, "anchor"),
    "alias": (b"---\ntitle: *foo\n---\n", 2, "alias"),
    "merge key": (b"---\ntitle: a\n<<: {b: c}\n---\n", 3, "merge key"),
    "anchor below broken YAML": (b"---\ntitle: a: b\nx: &y z\n---\n", 3, "anchor"),
    "tag below broken YAML": (b"---\ntitle: 'it's'\n\nauthor: !x a\n---\n", 4, "tag"),
    "nested": (b"---\ntitle: a\nx: " + b"[" * 25 + b"]" * 25 + b"\n---\n", 3, "nested"),
    "50,000 brackets": (b"---\ntitle: " + b"[" * 50_000 + b"\n---\n", 2, "nested"),
    "two documents": (b"---\ntitle: a\n--- b\n---\n", 3, "document"),
    "keys after dots": (b"---\ntitle: a\n...\nb: c\n---\n", 3, "not YAML"),
    "front matter of 64 kB": (b"---\ntitle: " + b"a" * MAX_FRONT_MATTER + b"\n---\n", 1, "65,536"),
    "front matter of 64 kB of three bytes each": (b"---\ntitle: " + "字".encode() * (MAX_FRONT_MATTER // 3) + b"\n---\n", 1, "65,536"),
    "too big": (b"---\ntitle: a\n---\n" + b"a" * MAX_POST_BYTES, 0, "4,194,304"),
    "TOML": (b"\n+++\ntitle = a\n+++\n", 3, "TOML"),
    "TOML without end": (b"+++\ntitle = 'a'\n", 1, "+++"),
    "TOML nested": (b"+++\ntitle = 'a'\nx = " + b"[" * 50_000 + b"\n+++\n", 3, "nested"),
    "TOML dotted": (b"+++\n" + b"a." * 5_000 + b"b = 1\n+++\n", 2, "nested"),
    "TOML nested three ways": (b"+++\n[" + b"a." * 15 + b"b]\n" + b"c." * 15 + b"d = [[1]]\n+++\n", 0, "nested"),
    "TOML number": (b"+++\nx = " + b"1" * 5_000 + b"\n+++\n", 0, "number"),
    "JSON": (b'\n{"title": a}\n', 2, "JSON"),
    "JSON without end": (b'{"title": "a",\n"b": 1\n', 3, "JSON"),
    "JSON nested": (b'{"title": ' + b"[" * 50_000, 1, "nested"),
    "JSON and text": (b'{"title": "a"} text\n', 1, "closing }"),
    "JSON over 64 kB": (b'{"title": "' + b"a" * MAX_FRONT_MATTER + b'"}\n', 1, "65,536"),
    "Nunjucks": (b"{% raw %}\ntext\n", 1, "JSON"),
}


@pytest.mark.parametrize(("data", "line", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(PostError) as caught:
        decode(data, name="a.md", zone=SHANGHAI)
    assert reason in caught.value.reason
    assert caught.value.line == line


def test_just_under_the_limits() -> None:
    front = b"title: " + b"a" * (MAX_FRONT_MATTER - 8) + b"\n"
    assert len(front) == MAX_FRONT_MATTER
    data = b"---\n" + front + b"---\n"
    assert len(decode(data, name="a.md", zone=SHANGHAI).post.title) == MAX_FRONT_MATTER - 8
    data += b"x" * (MAX_POST_BYTES - len(data))
    assert read_body(data, name="a.md")[1] == "markdown"


def test_the_handlers_are_python_frontmatters() -> None:
    yaml, toml, json = HANDLERS
    text = "---\ntitle: 1.10\n---\n    code"
    assert yaml.detect(text) and not toml.detect(text) and not json.detect(text)
    assert yaml.split(text) == ("title: 1.10\n", "    code")
    assert yaml.load("title: 1.10") == {"title": "1.10"}
    assert toml.split("+++\na = 1\n+++\nb") == ("a = 1\n", "b")
    assert json.split('{"a": {}}\n{b') == ('{"a": {}}', "{b")


HOSTILE = [
    '"',
    "'",
    "[",
    "- ",
    "- #\n",
    "a: |\n",
    'a: "\n',
    "title: '\n",
    "categories:\n",
    '\\"',
    '"""',
    "a.",
    '"a".',
    "[a]\n",
    "a=[",
    '{"a":',
    "#",
    "\n",
    "a:\n",
]
FRAMES = [
    "---\n{}\n---\n",
    "---\ntitle: {}\n---\n",
    "---\ntitle: @\ncategories:\n{}\n---\n",
    "{{{}",
    '{{"a":"{}"}}\n',
    "+++\n{}\n+++\n",
    '+++\na="{}"\n+++\n',
]


@pytest.mark.parametrize("frame", FRAMES)
def test_64_kilobytes_of_anything(frame: str) -> None:
    for unit in HOSTILE:
        data = frame.format(unit * (60_000 // len(unit))).encode()
        began = time.perf_counter()
        try:
            decode(data, name="a.md", zone=SHANGHAI)
        except PostError as exc:
            assert exc.reason
        assert time.perf_counter() - began < 5, unit


@pytest.mark.parametrize("unit", ["-", "---\n", " ", "\n", "<h1 ", "<h1>", "![", "`", "- \n-", "\r"])
@pytest.mark.parametrize("head", ["", "---\n", "---\nauthor: a\n---\n", "{", "+++\n"])
def test_four_megabytes_of_anything(head: str, unit: str) -> None:
    data = (head + unit * (4_000_000 // len(unit))).encode()
    began = time.perf_counter()
    try:
        decode(data, name="a.md", zone=SHANGHAI)
    except PostError as exc:
        assert exc.reason
    assert time.perf_counter() - began < 5


FRONT_PIECES = (
    "---",
    "+++",
    "{",
    "}",
    "title: ",
    "date: ",
    "categories:",
    " - ",
    "'",
    '"',
    "#",
    "\n",
    ": ",
    "[",
    "]",
    "&a",
    "<div>",
    "</div>",
    "\ufeff",
    "\r",
    "=",
)


@given(st.lists(st.one_of(st.sampled_from(FRONT_PIECES), st.text(max_size=4)), max_size=30).map("".join), st.booleans())
@settings(max_examples=300)
def test_any_text_is_read_or_refused(text: str, is_framed: bool) -> None:
    data = (f"---\n{text}\n---\n" if is_framed else text).encode()
    try:
        decoded = read(data)
    except PostError as exc:
        assert exc.reason and 0 <= exc.line <= len(text) + 4
    else:
        assert decoded.post.title
        assert all(line <= len(text) + 4 and message for line, _, message in decoded.problems)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read(b"---\n" + data)
    except PostError as exc:
        assert exc.reason


# What the odd ones among the real files hold. (title, date, categories, author, problems)
REAL: dict[str, tuple[str, datetime | None, int, str, list[tuple[int, str]]]] = {
    "004": ("2019", utc(2019, 12, 31), 2, "ACM - 图灵奖获得者", [(3, "salvaged")]),
    "006": ("2021.03.02", utc(2021, 3, 1, 16), 2, "微信小程序 - 开发者工具更新日志", []),
    "012": ("#", utc(2021, 3, 21, 12, 25, 14), 2, "数字尾巴 - 鲸图（分类）", []),
    "014": ("201", utc(2020, 9, 23, 16), 2, "bilibili - 漫画更新", []),
    "016": ("19_15 BNB跌破260 USDT", utc(2021, 3, 21, 8, 41, 54), 2, "币世界 - 快讯", []),
    "020": ("111111", utc(2021, 1, 7, 9, 50, 45), 2, "wolley - posts", []),
    "044": ("第12话 - 终将迎来黄昏的天空的彼端", utc(2018, 12, 17, 11, 25, 17), 3, "AcFun", []),
    "048": ("5-D", utc(2021, 3, 21, 8, 43, 28), 2, "Fur Affinity - 用户关注列表", []),
    "054": ("2020", utc(2020, 12, 31), 3, "ACM", []),
}


@pytest.mark.parametrize(("number", "expected"), REAL.items(), ids=REAL)
def test_odd_real_posts(corpus: Path, number: str, expected: tuple[Any, ...]) -> None:
    decoded = read((corpus / "posts" / "verbatim" / f"{number}.md").read_bytes(), f"{number}.md")
    post = decoded.post
    assert (post.title, post.date, len(post.categories[0]), post.author, rules(decoded)) == expected
    assert len(post.categories) == 1 and post.extra == ()


def test_a_real_invalid_date(corpus: Path) -> None:
    decoded = read((corpus / "posts" / "verbatim" / "030.md").read_bytes(), "030.md")
    assert decoded.post.date is None
    assert rules(decoded) == [(11, "date")]


def test_every_real_post(corpus: Path) -> None:
    paths = sorted((corpus / "posts").rglob("*.md"))
    assert len(paths) >= 348
    odd = {"004.md", "030.md"}
    for path in paths:
        decoded = read(path.read_bytes(), path.name)
        post = decoded.post
        assert post.markup == "html" and post.body and post.categories and post.author, path
        assert not post.body.startswith("<div>   \n") and "&#123;" not in post.body, path
        assert bool(decoded.problems) == (path.parent.name == "verbatim" and path.name in odd), path
        if "site" in path.parts:
            assert post.categories == (path.relative_to(corpus / "posts" / "site").parts[:-1],), path


def test_the_real_reference_post(corpus: Path) -> None:
    data = (corpus / "posts" / "seed.md").read_bytes()
    post = read(data, "seed.md").post
    assert post.title.startswith("微信视频号") and post.title.endswith("机会")
    assert post.categories == (("新媒体", "人人都是产品经理", "最新文章"),)
    assert (post.author, post.comments, post.date) == ("人人都是产品经理", False, utc(2021, 6, 10))
    assert post.headimg == post.thumbnail and post.headimg.endswith(".jpg")
    assert post.body.startswith("<blockquote><p>") and post.body.endswith("</div>")
    assert post.body.encode() in data


YAML_LINES = (
    "title: a|title: [a]|title: #|title:|author: #b|author: |tags:| - a| - #a| - b: c|tags: [a, '']|k: \x85|categories: | - 中文\u3000字"
    "|date: 2021-01-02|title: 'it''s'|x: '\u200d'|k: a\tb|q: 'a b'|\u2028||# c"
)


@given(st.lists(st.sampled_from(YAML_LINES.split("|")), max_size=6).map(lambda lines: "".join(f"{line}\n" for line in lines)))
@settings(max_examples=500)
def test_plain_front_matter_is_read_as_any_other(text: str) -> None:
    if read_simple(text) is None:
        return
    found = [read_yaml(front) for front in (text, f"{text}# past the short cut\n")]
    assert found[0] == found[1]
    assert list(found[0].values) == list(found[1].values)
