"""The rules of nesting, held against html5ever: what they accept comes back from the parser as it was."""

from __future__ import annotations

import re

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.posts.nesting import MAX_DEPTH, VOID, is_fair, is_nested, is_too_deep, reads_back

TAGS = frozenset(nh3.ALLOWED_TAGS | {"audio", "details", "figcaption", "figure", "picture", "source", "summary", "track", "video"})

GOOD = {
    "nothing": "",
    "text": "x &lt; y",
    "paragraphs": "<p>a</p>\n<p>b<br>c</p>",
    "inline in a paragraph": '<p>a<a href="x">b<b>c</b></a><strong><em>d</em><img src="x"></strong></p>',
    "inline three deep": "<p><span><b><i>x</i></b></span></p>",
    "blocks in a link": "<a><div><p>x</p></div></a>",
    "blocks in formatting": "<b><p>x</p></b>",
    "list in a list": "<ul><li>a<ul><li>b</li></ul></li></ul>",
    "definition list": "<dl><dt>a</dt><dd>b<dl><dt>c</dt></dl></dd></dl>",
    "table": "<table><caption>a</caption><colgroup><col></colgroup><tbody><tr><td><p>b</p></td><th>c</th></tr></tbody></table>",
    "table with a head": "<table><thead><tr><th>a</th></tr></thead><tbody></tbody></table>",
    "ruby": "<ruby>a<rp>(</rp><rt>b</rt><rp>)</rp></ruby>",
    "figure": '<figure><img src="x"><figcaption>c</figcaption></figure>',
    "film": '<video controls=""><source src="x"><p>y</p></video>',
    "headings": "<h1>a</h1><h2>b</h2><hr>",
    "deep": "<div>" * MAX_DEPTH + "</div>" * MAX_DEPTH,
}
BAD = {
    "not closed": "<p>",
    "not opened": "</p>",
    "crossed": "<b><i></b></i>",
    "paragraph in a paragraph": "<p><p>x</p></p>",
    "paragraph in a paragraph's inline": "<p><b><p>x</p></b></p>",
    "block in a paragraph": "<p><div>x</div></p>",
    "rule in a paragraph": "<p><hr></p>",
    "link in a link": "<a><a>x</a></a>",
    "link in a link's paragraph": "<a><p><a>x</a></p></a>",
    "item in an item": "<li><li>x</li></li>",
    "heading in a heading": "<h1><h2>x</h2></h1>",
    "row without a body": "<table><tr><td>x</td></tr></table>",
    "cell without a table": "<td>x</td>",
    "paragraph in a table": "<table><p>x</p></table>",
    "column alone": "<col>",
    "ruby text alone": "<rt>x</rt>",
    "unknown": "<x>y</x>",
    "void closed": "<br></br>",
    "paragraph too deep": "<div>" * (MAX_DEPTH - 2) + "<p><b><i>x</i></b></p>" + "</div>" * (MAX_DEPTH - 2),
    "too deep": "<div>" * (MAX_DEPTH + 1) + "</div>" * (MAX_DEPTH + 1),
}


@pytest.mark.parametrize("html", GOOD.values(), ids=GOOD.keys())
def test_reads_back(html: str) -> None:
    assert reads_back(html)


@pytest.mark.parametrize("html", BAD.values(), ids=BAD.keys())
def test_does_not_surely_read_back(html: str) -> None:
    assert not reads_back(html)


def test_a_tag_named_as_the_short_form_of_a_paragraph_is_no_html() -> None:
    assert not is_nested(["00"])
    assert nh3.clean("<0>") == "&lt;0&gt;"


@pytest.mark.parametrize(
    ("html", "deep"),
    [
        pytest.param("<div>" * MAX_DEPTH + "<br>" * 300 + "</div>" * MAX_DEPTH, False, id="at the limit"),
        pytest.param("<b>" * (MAX_DEPTH + 1) + "</b>" * (MAX_DEPTH + 1), True, id="over it"),
        pytest.param("<div></div>" * 1000, False, id="many, side by side"),
    ],
)
def test_is_too_deep(html: str, *, deep: bool) -> None:
    assert is_too_deep(html) is deep


names = st.sampled_from(sorted(TAGS - VOID))
#: Trees that are closed in order, with all sorts of elements in each other.
trees = st.recursive(
    st.sampled_from(["x", " ", *(f"<{name}>" for name in sorted(VOID))]),
    lambda inner: st.builds(lambda name, parts: f"<{name}>{''.join(parts)}</{name}>", names, st.lists(inner, max_size=3)),
    max_leaves=12,
)


@given(st.lists(trees, max_size=3).map("".join))
@settings(max_examples=400)
def test_what_reads_back_is_unchanged_by_the_parser(html: str) -> None:
    # Text in the frame of a table is nothing that nh3 writes.
    spelled = re.sub(r"(<(?:table|tbody|thead|tr|colgroup)>|</(?:tbody|thead|tr|td|th|caption|colgroup)>)[x ]+", r"\1", html)
    if reads_back(spelled):
        assert nh3.clean(spelled, tags=set(TAGS), link_rel=None) == spelled


SOUP = [*(f"<{name}>" for name in sorted(TAGS)), *(f"</{name}>" for name in sorted(TAGS - VOID)), "<button>", "<form>", "<svg>", "x", " "]


@given(st.lists(st.sampled_from(SOUP), max_size=25).map("".join))
@settings(max_examples=300)
def test_what_nh3_writes_and_reads_back_is_settled(html: str) -> None:
    cleaned = nh3.clean(html, tags=set(TAGS), link_rel=None)
    if reads_back(cleaned):
        assert nh3.clean(cleaned, tags=set(TAGS), link_rel=None) == cleaned


MANY = "<br>" * 500
FAIR = {
    "small, whatever it is": "<p><b a=1><b a=2>" * 100,
    "large text": "x" * 1_000_000,
    "many tags, well nested": "<div>" + "<p>x</p>" * 5000 + "</div>",
    "capitals, comments, declarations": "<!DOCTYPE html><!-- a - b --><P CLASS=x>a < b</P>" + MANY,
    "attributes of all kinds": '<a href=x title=\'y > z\' class="\'" x y="1"z/>t</a>' + MANY,
}
UNFAIR = {
    "many tags, not closed": "<div>" * 500,
    "many tags, crossed": "<b><i></b></i>" * 500,
    "formatting over blocks": "<p><b a=1><div>x</div></b></p>" * 200,
    "a tag in a value": '<p title="<b>">x</p>' + MANY,
    "a value not closed": '<p title="x>y</p>' + MANY,
    "a value behind a non-breaking space": '<p a=\xa0"b c="x></b>y"></p>' + MANY,
    "a comment with tags": "<!-- <b> -->" + MANY,
    "a comment not closed": "<!-- x" + MANY,
    "text between the parts of a table": "<table>x<tbody></tbody></table>" + MANY,
    "many attributes": "<p " + "a " * 9000 + ">" + "x" * 9000,
    "many attributes, quoted": "<p " + 'a=""' * 5000 + ">",
    "many tags with much text": "<b>" * 300 + "x" * 100_000,
    "raw text": "<textarea><b></textarea>" + MANY,
}


@pytest.mark.parametrize("html", FAIR.values(), ids=FAIR.keys())
def test_is_fair(html: str) -> None:
    assert is_fair(html)


@pytest.mark.parametrize("html", UNFAIR.values(), ids=UNFAIR.keys())
def test_is_not_surely_fair(html: str) -> None:
    assert not is_fair(html)


attributes = st.lists(
    st.sampled_from(
        [" class=x", ' title="a > b"', " title='\"'", " x'y", ' a=b"c', ' p= "q"', "/", ' a=\xa0"b c="x', ' c="x\xa0"y', "\xa0a=1"]
    ),
    max_size=2,
).map("".join)
texts = st.sampled_from(["x", " ", "a > b", "a < 3", "<!-- c -->", "\xa0", "&amp;"])
loose_trees = st.recursive(
    st.one_of(texts, st.builds(lambda name, more: f"<{name}{more}>", st.sampled_from(sorted(VOID)), attributes)),
    lambda inner: st.builds(
        lambda name, more, parts: f"<{name}{more}>{''.join(parts)}</{name}>", names, attributes, st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(loose_trees, max_size=3).map("".join))
@settings(max_examples=300)
def test_what_is_fair_is_the_tree_that_it_spells(html: str) -> None:
    if is_fair(html + MANY):
        cleaned = nh3.clean(html, tags=set(TAGS), link_rel=None)
        spelled = re.findall(r"<(/?[a-z][a-z0-9]*)", re.sub("<!--.*?-->", "", html))
        assert re.findall(r"<(/?[a-z][a-z0-9]*)", cleaned) == spelled
