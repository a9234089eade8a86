"""What is taken for clean without a parser is what nh3 would have made of it, byte by byte: else an attack has a way around nh3."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.posts.html import clean_html
from feedmill.posts.settled import is_settled
from feedmill.text import clean_text
from payloads import FAMILIES, payloads

REL = ' rel="noopener noreferrer"'
#: nh3 drops it, and nothing with a comment is taken for settled.
COMMENT = "<!---->"


def clean(html: str) -> str:
    return clean_html(html, base="https://blog.example.org/2021/06/post/", embeds=frozenset({"www.youtube.com"}))


SETTLED = {
    "nothing": "",
    "text": "a \u2028\ufeff\U0001f600 \" '\n\t&amp;lt; &lt;p&gt;&nbsp;",
    "paragraphs": '<p class="x" dir="rtl">a<br>b <strong>c</strong></p>\n<h2 title="a&amp;b\n">d</h2>',
    "links": f'<a href="/x?a=1&amp;b=2#c">a</a><a href="https://a-b.example/%41" title="t"{REL}>b</a><a>c</a><a{REL}>d</a>',
    "picture": '<img alt="&lt;&gt;&amp;" src="/x">',
    "the picture of the reference": '<img class="size" src="https://c.example.org/?http://i.example.com/a" referrerpolicy="no-referrer">',
    "picture in sizes": '<picture><source media="x" srcset="/a 1x, b 2x" type="y"><img src="/a" srcset="a 1x" sizes="9px"></picture>',
    "code": "<pre><code>\n a\n</code></pre><pre> \nb</pre>",
    "lists": "<ul><li>a<ol><li>b</li></ol></li></ul><dl><dt>a</dt><dd>b</dd></dl><blockquote><p>c</p></blockquote>",
}
#: One for every way in which nh3 would change what looks settled.
UNSETTLED = {
    "byte order mark at the beginning": "\ufeffx",
    "non-breaking space": "a\xa0b",
    "non-breaking space in a value": '<p title="\xa0">x</p>',
    "reference that is written as a character": "&quot;&copy;&#60;script&#62;",
    "reference without end": "&ampx; &ltscript&gt;",
    "lone ampersand": "a & b",
    "lone bracket": "a < b",
    "lone bracket, closing": "a > b",
    "tag that ends with the text": "<p>x</p><p",
    "bracket in a value": '<p title="<">x</p>',
    "line end that the parser drops": "<pre>\nx</pre>",
    "line end that the parser drops, in a dressed one": '<pre class="x">\nx</pre>',
    "attribute twice": '<p class="a" class="b">x</p>',
    "attribute twice, another between": '<p class="a" dir="rtl" class="b">x</p>',
    "attribute that only seems to be closed": '<p title=" class="x">x</p>',
    "attribute of no policy": '<p style="x">x</p>',
    "attribute of another element": '<p href="/x">x</p>',
    "handler": '<img src="/x" onerror="x">',
    "value without quotes": "<p class=x>y</p>",
    "value in other quotes": "<p class='x'>y</p>",
    "white space in a tag": "<p >x</p>",
    "capitals": "<P>x</P>",
    "slash": "<br/>",
    "other rel": '<a href="/x" rel="opener">x</a>',
    "rel before the address": f'<a{REL} href="/x">x</a>',
    "script as an address": '<a href="javascript:x">x</a>',
    "script as a picture": '<img src="javascript:x">',
    "name in punycode that is none": '<a href="https://xn--a.example/">x</a>',
    "host that is a number out of range": '<a href="https://1.2.3.256/">x</a>',
    "referrer policy of no kind": '<img src="/x" referrerpolicy="x">',
    "element of no policy": "<font>x</font>",
    "script": "<script>x</script>",
    "foreign element": "<svg></svg>",
    "comment": COMMENT,
    "not closed": "<p>x",
    "not opened": "x</p>",
    "crossed": "<b><i>x</b></i>",
    "paragraph in a paragraph": "<p><p>x</p></p>",
    "link in a link": "<a><p><a>x</a></p></a>",
    "void element closed": "<br></br>",
    "text in a table": "<table>x<tbody></tbody></table>",
}


@pytest.mark.parametrize("html", SETTLED.values(), ids=SETTLED.keys())
def test_is_settled(html: str) -> None:
    assert is_settled(html)
    assert clean(html) == clean(html + COMMENT)
    assert is_settled(clean(html))


@pytest.mark.parametrize("html", UNSETTLED.values(), ids=UNSETTLED.keys())
def test_is_not_settled_for_nh3_changes_it(html: str) -> None:
    assert not is_settled(html)
    # A base without a path: what is relative to the root is absolute by one prefix.
    assert clean(html).replace("https://blog.example.org/", "/") != html


@pytest.mark.parametrize("html", ['<track class="x">', '<area title="x">', "<table></table>", "<video></video>"])
def test_elements_of_other_rules_are_left_to_nh3(html: str) -> None:
    assert not is_settled(html)


USUAL = "a a b em span p p div ul ol li dl dt dd blockquote pre h1 h2 figure ruby rt picture details code"
UNUSUAL = "table tbody tr td svg math title textarea button nobr font image plaintext noscript iframe template form select P"
LINK_ENDS = ("", REL, ' title="t"', f' title="t"{REL}')
WRITTEN_ADDRESSES = """
    / /x?a=1&amp;b=2#c https://a.example/x http://a--b.c-/ https://-.ab--cd.e/ https://a.example /../x //h/x x #x javascript:x data:x
    HTTPS://a.b/ https://xn--a.b/ https://xn--80ak6aa92e.com/ https://a.1b/ https://1.2.3.4/ https://a.b:80/ https://u@a.b/ https://a_b.c/
    /%zz /中 mailto:a@b
"""
ADDRESSES = WRITTEN_ADDRESSES.split()
ATTRIBUTES = [
    ' class="x"', ' class="a&amp;b"', ' class=""', " class", ' class="&quot;"', ' title="a\n"', ' title=" dir="', ' lang="zh"', " class=x",
    ' hreflang="de"', ' alt=""', ' width="1"', ' srcset="a 1x"', ' referrerpolicy="no-referrer"', ' referrerpolicy="x"', ' id="x"',
    ' style="x"', ' onclick="x"', ' media="x"', REL, ' rel="x"', "/", " ", "\n", ' CLASS="x"', " class='x'", ' xml:lang="x"', ' is="x"',
]  # fmt: skip
TEXTS = [
    "x", "\n", " ", "&amp;", "&nbsp;", "&lt;", "&gt;", "中文", "&quot;", "&", "&amp", "&#38;", "&copy;", "<", ">", '"', "\xa0", "\ufeff",
    "<!--x-->", "<!x>", "<?x>", "</p>", "</x>", "<p>", "xn--", "\u0130", "\ufdd0", "\U0001f600",
]  # fmt: skip

written = st.sampled_from(ATTRIBUTES[:8])
anything = st.one_of(
    st.sampled_from(ATTRIBUTES), st.builds(lambda key, to: f' {key}="{to}"', st.sampled_from(["href", "src"]), st.sampled_from(ADDRESSES))
)
dress = st.one_of(st.just(""), st.just(""), written, st.lists(anything, max_size=3).map("".join))
leaves = st.one_of(
    st.sampled_from(TEXTS[:8]),
    st.sampled_from(["<br>", "<hr>", '<img src="/x" alt="">', '<source srcset="a 1x">']),
    st.builds(lambda to, end: f'<a href="{to}"{end}>x</a>', st.sampled_from(ADDRESSES), st.sampled_from(LINK_ENDS)),
    st.builds(lambda to: f'<img src="{to}">', st.sampled_from(ADDRESSES)),
    st.sampled_from(TEXTS),
)
names = st.one_of(*[st.sampled_from(USUAL.split())] * 3, st.sampled_from(UNUSUAL.split()))
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda name, more, parts: f"<{name}{more}>{''.join(parts)}</{name}>", names, dress, st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.lists(trees, max_size=3).map("".join)
_TOKEN = re.compile(r"<[^<>]*>|[^<>]+|[<>]")


@st.composite
def mutations(draw: st.DrawFn, sources: st.SearchStrategy[str]) -> str:
    """HTML of which some tags, texts or characters are taken out, doubled, dressed or put elsewhere."""
    tokens = _TOKEN.findall(draw(sources))
    for _ in range(draw(st.integers(0, 2))):
        if not tokens:
            break
        place, change = draw(st.integers(0, len(tokens) - 1)), draw(st.sampled_from(["cut", "double", "text", "dress", "splice"]))
        token = tokens[place]
        if change == "cut":
            del tokens[place]
        elif change == "double":
            tokens.insert(draw(st.integers(0, len(tokens))), token)
        elif change == "text":
            tokens.insert(place, draw(st.sampled_from(TEXTS)))
        elif change == "dress":
            tokens[place] = token[:-1] + draw(anything) + token[-1:]
        else:
            at = draw(st.integers(0, len(token)))
            tokens[place] = token[:at] + draw(st.sampled_from("\"'<>&=; \n/-\xa0\ufeffa")) + token[at:]
    return clean_text("".join(tokens))


def assert_settled_is_clean(html: str) -> None:
    if is_settled(html):
        assert clean(html) == clean(html + COMMENT)


@given(mutations(documents))
@settings(max_examples=600)
def test_what_is_settled_is_what_nh3_makes_of_it(html: str) -> None:
    assert_settled_is_clean(html)


attacks = st.sampled_from(list(payloads(*FAMILIES).values()))


@given(
    mutations(
        st.builds(
            lambda before, attack, after: before + attack + after,
            st.sampled_from(["", "<p>", "<pre>"]),
            attacks,
            st.sampled_from(["", "</p>", "</pre>"]),
        )
    )
)
@settings(max_examples=400)
def test_no_attack_comes_past_nh3(html: str) -> None:
    assert_settled_is_clean(html)


def test_every_attack_is_cleaned_as_nh3_cleans_it() -> None:
    for name, attack in payloads(*FAMILIES).items():
        for html in (
            attack,
            f"<p>{attack}</p>",
            f'<p title="{attack}">x</p>',
            f'<a href="{attack}">x</a>',
            f'<img src="{attack}">',
            clean(attack),
        ):
            text = clean_text(html)
            assert not is_settled(text) or clean(text) == clean(text + COMMENT), name


def test_most_of_what_was_cleaned_before_is_settled(corpus: Path) -> None:
    bodies = [re.split(r"(?m)^---[ \t]*$", path.read_text("utf-8-sig", "replace"), maxsplit=2)[-1] for path in corpus.glob("posts/**/*.md")]
    for body in bodies:
        assert_settled_is_clean(clean_text(body))
    cleaned = list(map(clean, bodies))
    for body in cleaned:
        assert_settled_is_clean(body)
    assert sum(map(is_settled, cleaned)) > len(cleaned) * 0.8
