"""Strict YAML: what is refused, where, and that the short cut for plain lines reads what libyaml reads."""

from __future__ import annotations

import contextlib
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.yamlstrict import YamlBroken, YamlRefused, read_events, read_mapping, read_simple

HOUSE = """\
title: '再谈“做不大”：it''s'
categories: 
 - 新媒体
 - C++ / C#
headimg: 'https://example.org/a.jpg'
author: 人人 (a:no)
comments: false
date: Thu, 10 Jun 2021 00:00:00 GMT
thumbnail: 
"""  # noqa: W291


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        pytest.param("a: &x 1", "an anchor", 1, id="anchor"),
        pytest.param("b: 1\na: *x", "an alias", 2, id="alias"),
        pytest.param("a: !!int 3", "a YAML tag", 1, id="tag"),
        pytest.param("a: !x y", "a YAML tag", 1, id="own-tag"),
        pytest.param("<<: {a: 1}", "a merge key", 1, id="merge-key"),
        pytest.param("a: " + "[" * 50_000, "nested more than 20 deep", 1, id="50,000-brackets"),
        pytest.param("a: " + "{a: " * 21, "nested more than 20 deep", 1, id="braces"),
        pytest.param("a: 1\n---\nb: 2", "a second YAML document", 2, id="two-documents"),
    ],
)
def test_what_is_never_read(text, reason, line):
    with pytest.raises(YamlRefused, match=reason) as caught:
        read_mapping(text)
    assert not isinstance(caught.value, YamlBroken)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("- a", 1, id="list"),
        pytest.param("text", 1, id="text"),
        pytest.param("a: [", 2, id="unclosed"),
        pytest.param("? [a]\n: b", 1, id="list-as-key"),
        pytest.param("title: {{ x }}", 1, id="template-tag"),
        pytest.param("a: b: c", 1, id="two-colons"),
        pytest.param("a: 'x\nb: c", 2, id="open-quote"),
        pytest.param("a: x\n\tb: c", 2, id="tab"),
    ],
)
def test_what_is_no_mapping(text, line):
    with pytest.raises(YamlBroken) as caught:
        read_mapping(text)
    assert caught.value.line == line


def test_everything_is_text():
    values = ["1.10", "no", "1:30", "2024-01-01", "0x1F", "null", "~", "1e3", "true", ".nan"]
    text = "\n".join(f"k{number}: {value}" for number, value in enumerate(values))
    assert list(read_mapping(text).value.values()) == values


def test_lines_of_keys_and_items():
    document = read_mapping("a: 1\nb:\n  c: [x,\n    y]\n  c: z\n")
    assert document.lines["b", "c", "1"] == 4
    assert document.repeated == {("b", "c"): 5}


def test_an_empty_text_is_an_empty_mapping():
    assert read_mapping("").value == {}
    assert read_mapping("\n# nothing\n").value == {}


def test_the_short_cut_takes_the_house_style():
    assert read_simple(HOUSE).document() == read_events(HOUSE)
    assert read_simple(HOUSE).empty == {"thumbnail"}


PIECES = st.sampled_from(
    [*"-?:,[]{}#&*!|>'\"%@`\\ \n\t~=.1", ": ", " #", "''", " - ", "a", "b: ", "title:", "标", "😀", "...", "---", "\u00a0", "<<"]
)
LINES = st.one_of(
    st.lists(PIECES, max_size=8).map("".join),
    st.lists(PIECES, max_size=5).map(lambda parts: "k: " + "".join(parts)),
    st.lists(PIECES, max_size=5).map(lambda parts: " - " + "".join(parts)),
    st.lists(PIECES, max_size=5).map(lambda parts: "q: '" + "".join(parts) + "'"),
    st.sampled_from(HOUSE.split("\n")),
    st.sampled_from(["a #b", "a#b", "a: b", "a:b", "a:", "a ", "a  ", "# a", "C#", "'a''b'", "'a'b'", "'' ", ""]).map("k: {}".format),
)


@given(st.lists(LINES, max_size=6).map(lambda lines: "\n".join(lines) + "\n"))
@settings(max_examples=1500, deadline=None)
def test_the_short_cut_reads_what_libyaml_reads(text):
    simple = read_simple(text)
    if simple is not None:
        assert simple.document() == read_events(text)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text):
    try:
        read_mapping(text.encode("utf-8", "replace").decode())
    except YamlRefused as exc:
        assert exc.line >= 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: " + "x " * 32_000, id="one-long-line"),
        pytest.param("a: '" + "''" * 32_000 + "\n", id="quotes"),
        pytest.param("a: '" + "''" * 32_000, id="quotes-that-do-not-end"),
        pytest.param("a: " + " :#" * 21_000, id="marks"),
        pytest.param("a:\n" + " - x\n" * 12_000, id="long-list"),
        pytest.param("a: " + "[" * 19 + "]" * 19 + "," * 60_000, id="commas"),
        pytest.param("\n" * 64_000, id="blank-lines"),
    ],
)
def test_64_kb_of_anything_takes_no_time(text):
    start = time.perf_counter()
    with contextlib.suppress(YamlRefused):
        read_mapping(text)
    assert time.perf_counter() - start < 3


def test_libyaml_is_there():
    """Without it every post takes ten times as long."""
    assert yaml.__with_libyaml__
