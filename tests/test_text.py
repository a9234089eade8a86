"""What text.py promises: legal characters, one line, text out of HTML, cuts that no reader notices as damage."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.text import clean_text, one_line, plain_text, shorten

FAMILY = "👨‍👩‍👧‍👦"
FLAGS = "🇨🇳🇯🇵🇰🇷"

# XML 1.0, production 2, spelled out once more: the oracle must not share a pattern with the code.
LEGAL = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")

any_text = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("中文 and\ttabs\n", "中文 and\ttabs\n", id="clean"),
        pytest.param("a\x00b\x08c\x0bd\x1fe", "abcde", id="C0 controls go"),
        pytest.param("a\r\nb\rc\n\r", "a\nb\nc\n\n", id="line ends"),
        pytest.param("\x93quoted\x94 \x80 5\x85", "“quoted” € 5…", id="C1 as Windows-1252"),
        pytest.param("a\x81\x8d\x8f\x90\x9db", "ab", id="C1 without a Windows-1252 character"),
        pytest.param("a\ud800b\udfffc", "abc", id="lone surrogates"),
        pytest.param("a\ufffeb\uffffc", "abc", id="noncharacters that XML refuses"),
        pytest.param("a\U0001fffeb\ufdd0c", "a\U0001fffeb\ufdd0c", id="noncharacters that XML allows"),
        pytest.param("\ufffd\x7f\xa0\u2028", "\ufffd\x7f\xa0\u2028", id="odd but legal"),
        pytest.param(f"{FAMILY}\u202eabc\u202c", f"{FAMILY}\u202eabc\u202c", id="joiners and bidi marks"),
    ],
)
def test_clean_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(any_text)
def test_clean_text_is_legal_and_settled(text: str) -> None:
    cleaned = clean_text(text)
    assert LEGAL.fullmatch(cleaned)
    assert "\r" not in cleaned
    assert clean_text(cleaned) == cleaned


def test_whatever_is_printable_is_legal() -> None:
    """So `clean_text` and `one_line` need not look any closer at it."""
    printable = "".join(character for character in map(chr, range(0x110000)) if character.isprintable())
    assert LEGAL.fullmatch(printable)
    assert not re.search("[\x80-\x9f\r\n\t]", printable)
    assert "".join(printable.split()) == printable.replace(" ", ""), "its only white space is the space"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("  a \n\t b  ", "a b", id="white space"),
        pytest.param("\xa0a\u2028b\u2029c\u3000d\xa0", "a b c d", id="Unicode white space"),
        pytest.param("a\x0bb\x0cc\x1ed", "a b c d", id="controls that part lines"),
        pytest.param("a\x00\x07b", "ab", id="other controls"),
        pytest.param("a \x00 b", "a b", id="nothing doubled where a control stood"),
        pytest.param("\u202bעברית\u202c", "\u202bעברית\u202c", id="bidi"),
        pytest.param(FAMILY, FAMILY, id="joined emoji"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="zero width non-joiner"),
        pytest.param("\r\n\u2028", "", id="nothing but white space"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(any_text)
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert line == " ".join(line.split())
    assert LEGAL.fullmatch(line)
    assert one_line(line) == line


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("plain", "plain", id="no markup"),
        pytest.param("<p>one</p><p>two</p>", "one two", id="blocks part words"),
        pytest.param("a<br>b<hr>c", "a b c", id="breaks part words"),
        pytest.param("H<sub>2</sub>O <b>b</b>old", "H2O bold", id="inline elements do not"),
        pytest.param("<ul><li>a</li><li>b</li></ul><table><tr><td>c</td><td>d</td></tr></table>", "a b c d", id="lists and tables"),
        pytest.param("a &lt;b&gt; &amp;amp; &nbsp; c", "a <b> &amp; c", id="entities once"),
        pytest.param("a<script>alert('<p>')</script>b<STYLE>p{}</STYLE >c", "a b c", id="scripts and styles with their content"),
        pytest.param("a<!-- <p>x</p> -->b", "ab", id="comments"),
        pytest.param("a<img src='x' alt='y'>b", "a b", id="pictures"),
        pytest.param("<picture><source><img></picture>x", "x", id="names that begin alike"),
        pytest.param("1 < 2 > 1 <3", "1 < 2 > 1 <3", id="less-than that is no tag"),
        pytest.param("a<b", "a<b", id="a tag without an end"),
        pytest.param("a<!-- b", "a", id="a comment without an end"),
        pytest.param("a<script>b", "a", id="a script without an end"),
        pytest.param("&#x1;&#0;&#xD800;&#128;", "\ufffd\ufffd€", id="references to what is no character"),
        pytest.param("&#" + "9" * 5000 + ";x", "\ufffdx", id="a reference of 5,000 digits"),
        pytest.param("&bogus; &", "&bogus; &", id="unknown entities"),
        pytest.param("第一段<p>第二段</p>", "第一段 第二段", id="Chinese"),
    ],
)
def test_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize("unit", ["<", "<a ", "<!--", "<script>", "&", "&#", "&#x1", "<p", "</", "<p>", "&amp", "<style ", "<!", "-->"])
def test_plain_text_is_linear(unit: str) -> None:
    began = time.process_time()
    plain_text(unit * (300_000 // len(unit)))
    assert time.process_time() - began < 5


@given(any_text)
def test_plain_text_never_fails(text: str) -> None:
    assert one_line(plain_text(text)) == plain_text(text)


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        pytest.param("short", 5, "short", id="fits"),
        pytest.param("", 0, "", id="nothing"),
        pytest.param("abc", 0, "", id="no room"),
        pytest.param("abc", 1, "…", id="room for the mark alone"),
        pytest.param("one two three four", 12, "one two…", id="between words"),
        pytest.param("one two, three four", 12, "one two…", id="no comma before the mark"),
        pytest.param("abcdefghijklmnopqrstuvwxyz", 10, "abcdefghi…", id="a long word is cut"),
        pytest.param("这是一个很长的中文句子没有空格", 8, "这是一个很长的…", id="Chinese anywhere"),
        pytest.param("这是一个，很长的句子", 6, "这是一个…", id="no Chinese comma before the mark"),
        pytest.param("中文中文中文中文中文abcdefgh", 13, "中文中文中文中文中文…", id="before a word that does not fit whole"),
        pytest.param("ae\u0301e\u0301e\u0301", 4, "ae\u0301…", id="combining marks"),
        pytest.param(f"ab{FAMILY}cd", 6, "ab…", id="joined emoji"),
        pytest.param(f"a{FLAGS}", 5, "a🇨🇳…", id="flags, even"),
        pytest.param(f"a{FLAGS}", 6, "a🇨🇳🇯🇵…", id="flags, odd"),
        pytest.param("ab👍🏽cd", 4, "ab…", id="skin tone"),
        pytest.param("ab❤\ufe0fcd", 4, "ab…", id="variation selector"),
        pytest.param("ab1\ufe0f\u20e3c", 5, "ab…", id="keycap"),
        pytest.param("क्षक्षक्ष", 6, "क्ष…", id="Indic conjunct"),
        pytest.param("ab\u1112\u1161\u11ab\u1100\u1173\u11af", 4, "ab…", id="Hangul in jamo"),
        pytest.param("a" + "\u0301" * 50, 10, "…", id="one endless cluster"),
    ],
)
def test_shorten(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


@given(st.text(st.sampled_from("ab 中，\u0301\u200d👨👩🏽❤\ufe0f🇨🇳क्ष\u1112\u1161한\n"), max_size=60), st.integers(0, 40))
@settings(max_examples=300)
def test_shorten_keeps_its_limit_and_whole_characters(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit or short == text
    if short != text and limit > 0:
        kept = short.removesuffix("…")
        assert text.startswith(kept)
        rest = text[len(kept) :] if kept else " "
        assert not unicodedata.category(rest[0]).startswith("M")
        assert not kept.endswith("\u200d") or rest[0] not in "👨👩❤"
