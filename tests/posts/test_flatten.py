"""Flattening: any tag soup becomes plainly nested HTML with its text, bounded in depth, attributes and size."""

from __future__ import annotations

import re

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.posts.flatten import flatten
from feedmill.posts.nesting import MAX_DEPTH, is_too_deep, reads_back
from feedmill.text import plain_text

TABLE = {
    "nothing": ("", ""),
    "text": ("a &amp; b < c", "a &amp; b &lt; c"),
    "nothing but comments": ("<!-- a --><!-- b -->", ""),
    "well nested": ('<p class="k">a<b>c</b></p>', '<p class="k">a<b>c</b></p>'),
    "page": ("<html><head><title>t</title></head><body><p>a</p></body></html>", "<p>a</p>"),
    "paragraphs not closed": ("<p>a<p>b", "<p>a</p><p>b</p>"),
    "formatting not closed": ("<p><b>a<p>c", "<p><b>a</b></p><p>c</p>"),
    "crossed": ("<b><i>a</b>c</i>", "<b><i>a</i></b>c"),
    "block in a paragraph": ("<p>a<figure>b</figure>c", "<p>a</p><figure>b</figure>c"),
    "unknown elements": ("<x-y>a</x-y><o:p>b</o:p>", "ab"),
    "unknown block in a paragraph": ("<p>a<fieldset>b</fieldset>", "<p>a</p>b"),
    "items not closed": ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
    "item in a list in an item": ("<ul><li>a<ul><li>b</ul><li>c</ul>", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
    "link in a link": ("<a href=1>a<a href=2>b</a>", '<a href="1">a</a><a href="2">b</a>'),
    "table without a body": ("<table><tr><td>a<td>b<tr><td>c</table>",
                             "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>"),
    "text in a table": ("<table>a<tr><td>b</table>", "<table><tbody><tr><td>a</td></tr><tr><td>b</td></tr></tbody></table>"),
    "cells without a table": ("<td>a</td><tr><td>b</td></tr>", "ab"),
    "column without a group": ("<table><col><tr><td>a</table>",
                               "<table><colgroup><col></colgroup><tbody><tr><td>a</td></tr></tbody></table>"),
    "hidden": ("a<script>b</script><style>c</style><svg><text>d</text></svg>e", "ae"),
    "hidden in hidden": ("a<svg><svg>b</svg><title>c</title></svg>d", "ad"),
    "frame with content": ('<iframe src="x">a</iframe>b', '<iframe src="x"></iframe>b'),
    "values": ("<p title='\"<&>'>x", '<p title="&quot;&lt;&amp;&gt;">x</p>'),
    "attribute without a value": ("<video muted>x</video>", '<video muted="">x</video>'),
    "attribute names of no element": ('<p "a=1 <b=2 c=3>x', '<p c="3">x</p>'),
    "charset of the page": ('<meta charset="gbk"><p>中文</p>', "<p>中文</p>"),
    "non-breaking space": ("a&nbsp;b", "a\xa0b"),
}  # fmt: skip


@pytest.mark.parametrize(("html", "expected"), TABLE.values(), ids=TABLE.keys())
def test_flatten(html: str, expected: str) -> None:
    assert flatten(html) == expected


def test_attributes_are_counted() -> None:
    assert flatten("<p " + " ".join(f"a{n}=1" for n in range(1000)) + ">x").count("=") == 64


def test_depth_is_capped_and_text_kept() -> None:
    html = flatten("<div>" * 5000 + "deep" + "<table><tr><td>cell")
    assert not is_too_deep(html)
    assert html.count("<div>") > MAX_DEPTH - 10
    assert "deep" in html
    assert "cell" in html


def test_formatting_is_not_repeated() -> None:
    html = "<p><b class=k>" + "<div>x</div>" * 1000
    assert len(flatten(html)) < 2 * len(html)


NAMES = "a b p div span table tr td tbody caption col colgroup ul li dl dd h1 h2 br hr img iframe svg select form figure ruby rt pre x"
SOUP = [*(f"<{name}>" for name in NAMES.split()), *(f"</{name}>" for name in NAMES.split()), "t", " ", "\xa0", "<", "&amp;", "<!--", "-->"]


@given(st.lists(st.sampled_from(SOUP), max_size=40).map("".join))
@settings(max_examples=300)
def test_soup_becomes_what_the_parser_reads_back(html: str) -> None:
    flat = flatten(html)
    assert reads_back(flat)
    cleaned = nh3.clean(flat, tags=set(nh3.ALLOWED_TAGS | {"figure", "iframe"}), link_rel=None, url_relative="pass_through")
    assert re.findall("</?[a-z0-9]+", cleaned) == re.findall("</?[a-z0-9]+", flat)


@given(
    st.lists(st.sampled_from([entry for entry in SOUP if entry not in ("<!--", "<svg>", "<iframe>", "<select>", "<")]), max_size=40).map(
        "".join
    )
)
def test_text_is_kept(html: str) -> None:
    assert plain_text(flatten(html)).replace(" ", "") == plain_text(html).replace(" ", "")
