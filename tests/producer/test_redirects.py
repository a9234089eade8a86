"""_redirects: what static hosts are told of feeds that moved."""

from __future__ import annotations

import re

import pytest

from feedmill.producer.redirects import is_our_redirects, redirects

FEEDS = "https://news.example.org/feeds/"
FIRST = "# feedmill: feeds that moved. A file whose first line is another is left alone."


def rules(moved: dict[str, str], feeds_url: str = FEEDS) -> list[str]:
    return redirects(moved, feeds_url=feeds_url).decode("ascii").splitlines()[1:]


def test_each_document_that_moved_has_a_line_in_order() -> None:
    data = redirects({"b/rss.xml": "c/rss.xml", "a/atom.xml": "c/atom.xml", "gone/atom.xml": "", "same.xml": "same.xml"}, feeds_url=FEEDS)
    assert data.decode().split("\n") == [FIRST, "/feeds/a/atom.xml /feeds/c/atom.xml 301", "/feeds/b/rss.xml /feeds/c/rss.xml 301", ""]
    assert is_our_redirects(data)


@pytest.mark.parametrize("moved", [{}, {"gone/atom.xml": ""}, {"a/atom.xml": "a/atom.xml"}])
def test_nothing_to_say_is_no_file(moved: dict[str, str]) -> None:
    assert redirects(moved, feeds_url=FEEDS) == b""


@pytest.mark.parametrize(
    ("file", "encoded"),
    [
        ("新 闻/atom.xml", "/feeds/%E6%96%B0%20%E9%97%BB/atom.xml"),
        ("a*b/:c/atom.xml", "/feeds/a%2Ab/%3Ac/atom.xml"),
        ("100%/#1?x/atom.xml", "/feeds/100%25/%231%3Fx/atom.xml"),
        ("a\nb 301\n/evil/atom.xml", "/feeds/a%0Ab%20301%0A/evil/atom.xml"),
    ],
)
def test_a_name_is_a_path_and_nothing_else(file: str, encoded: str) -> None:
    assert sorted(rules({file: "x/atom.xml", "y/atom.xml": file})) == sorted(
        [f"{encoded} /feeds/x/atom.xml 301", f"/feeds/y/atom.xml {encoded} 301"]
    )


@pytest.mark.parametrize(
    ("feeds_url", "folder"),
    [
        ("https://cdn.example.org/", "/"),
        ("https://cdn.example.org/a/b/", "/a/b/"),
        ("https://cdn.example.org/%E6%96%B0/", "/%E6%96%B0/"),
        ("https://cdn.example.org/~a:b*/", "/~a%3Ab%2A/"),
    ],
)
def test_paths_are_those_of_the_published_folder(feeds_url: str, folder: str) -> None:
    assert rules({"a.xml": "b.xml"}, feeds_url) == [f"{folder}a.xml {folder}b.xml 301"]


def test_every_line_is_a_rule_that_hosts_take() -> None:
    moved = {f"旧{number}/atom.xml": f"新{number}/atom.xml" for number in range(50)}
    assert all(re.fullmatch(r"/[!-~]+ /[!-~]+ 301", line) for line in rules(moved))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (FIRST.encode(), True),
        (b"# feedmill: of an earlier version\n", True),
        (b"", False),
        (b"/a /b 301\n# feedmill: x\n", False),
        (b"# mine\n", False),
        (b"#feedmill: x\n", False),
        (b" # feedmill: x\n", False),
    ],
)
def test_whose_it_is_stands_in_its_first_line(data: bytes, expected: bool) -> None:
    assert is_our_redirects(data) is expected
