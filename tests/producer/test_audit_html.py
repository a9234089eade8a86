"""The audit of an entry's HTML, with a browser's own parsing algorithm (html5lib) as the judge of what it lets pass."""

from __future__ import annotations

import re
from collections.abc import Iterator

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedmill.producer.audit_html import faults_in_html, plain_text


def rules(html: str) -> list[tuple[int, int]]:
    return [(line, fault.rule) for line, fault in faults_in_html(html)]


CASES = {
    "nothing": ("", []),
    "words": ("a < b &amp; c > d", []),
    "capitals": ('<P CLASS="x">a</p>', []),
    "quotes-of-every-kind": ('<a title=x href=\'https://x.org/?a="b"\' class="<b>">y</a>', [(0, 30)]),
    "named-reference-without-semicolon-is-text": ('<a href="https://x.org/?a=1&copy=2&lt=3">y</a>', []),
    "numeric-reference-without-semicolon": ('<a href="&#106avascript:alert(1)">y</a>', [(0, 31)]),
    "numeric-reference-with-zeros": (f'<a href="&#{"0" * 5000}106;avascript:alert(1)">y</a>', [(0, 31)]),
    "numeric-reference-of-5000-digits": (f'<a href="https://x.org/&#{"9" * 5000};">y</a>', [(0, 30)]),
    "tab-in-scheme": ('<a href="java&#9;script:alert(1)">y</a>', [(0, 29)]),
    "space-before-scheme": ('<a href=" javascript:alert(1)">y</a>', [(0, 29)]),
    "no-host": ('<a href="https:///x">y</a>', [(0, 30)]),
    "no-slashes": ('<a href="https:x.org">y</a>', [(0, 30)]),
    "long-addresses-are-allowed": (f'<a href="https://x.org/{"a" * 5000}?{"b=%20" * 500}#{"c/?" * 500}">y</a>', []),
    "user-port-and-literal": ('<a href="https://u:p@x.org:8080">x</a><a href="http://[2001:db8::1]:8080/x">y</a>', []),
    "bracket-in-path": ('<a href="https://x.org/a[1].jpg">y</a>', [(0, 30)]),
    "broken-percent": ('<a href="https://x.org/%zz">y</a>', [(0, 30)]),
    "mail-picture": ('<img src="mailto:a@x.org">', [(0, 31)]),
    "attribute-after-slash": ('<img/onerror="x">', [(0, 28)]),
    "attributes-without-space": ('<img alt="x"onerror="y">', [(0, 28)]),
    "odd-name": ("<b$></b$>", [(0, 28)]),
    "bogus-comment": ("a\n</ b>", [(1, 28)]),
    "processing-instruction": ("a\n\n<?php?>", [(2, 28)]),
    "doctype": ("<!DOCTYPE html>", [(0, 28)]),
    "self-closed-paragraph": ("<p/>", [(0, 28)]),
    "end-of-a-void-element": ("<br></br>", []),
    "one-slip-is-reported-once": ("<b>\n</i>\n</u>\n</b>", [(1, 28)]),
    "never-closed-names-the-innermost": ("<ul>\n<li>a", [(1, 28)]),
    "srcset": ('<img srcset="https://x.org/a,b 1x,https://x.org/c 2x, d 3x">', [(0, 29)]),
    "srcset-without-descriptors": ('<img srcset="https://x.org/a, /b , ,/c">', [(0, 29), (0, 29)]),
    "srcdoc": ('<iframe sandbox src="https://x.org/" srcdoc="&lt;script&gt;"></iframe>', [(0, 31)]),
    "iframe-without-src": ("<iframe sandbox></iframe>", [(0, 31)]),
    "lines-are-counted-across-tags": ("<b\nclass=x>\n</b>\n<a href=y></a>", [(3, 29)]),
}


@pytest.mark.parametrize(("html", "expected"), CASES.values(), ids=CASES.keys())
def test_faults(html: str, expected: list[tuple[int, int]]) -> None:
    assert rules(html) == expected


def test_plain_text_is_the_words() -> None:
    assert plain_text("<p>Tea &amp;\n biscuits</p><p>&lt;now&gt;</p>") == "Tea & biscuits <now>"


PIECES = [
    *("<p>", "</p>", "<b>", "</b>", "<br>", "text", "<", ">", "/", "&lt;", '"', "'", "=", " ", "\n", "&#106;", "&colon;", "x="),
    *(
        "<a href=",
        "</a>",
        '"https://x.org/"',
        "'/y'",
        "javascript:alert(1)",
        '<img src="https://x.org/a.jpg"',
        " onerror=alert(1)",
        "style=x ",
    ),
    *("<script>", "</script>", "<style>", "</style>", "<svg>", "</svg>", "<math>", "</math>", "<noscript>", "</noscript>", "<textarea>"),
    *("</textarea>", "<title>", "</title>", "<plaintext>", "<xmp>", "</xmp>", "<template>", "</template>", "<iframe>", "</iframe>"),
    *(
        '<iframe sandbox src="https://x.org/">',
        "<!--",
        "-->",
        "--!>",
        "<!",
        "<?",
        "]]>",
        "<![CDATA[",
        "<table>",
        "</table>",
        "<td>",
        "</td>",
    ),
    *("<p title='", '<p title="', "<form>", "</form>", "<select>", "</select>", "<option>", "<body onload=x>", "<html>", "</", "<i/"),
]
_ADDRESS = re.compile(r"(?:https?://[^\s/]|mailto:)[\x21-\x7e]*", re.IGNORECASE)


def dangers(html: str) -> Iterator[str]:
    """Yield what a browser would find in `html` that must not be in a feed."""
    for element in html5lib.parseFragment(html, container="div", namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str) or element.tag.rpartition("}")[2] in {
            "script",
            "style",
            "svg",
            "math",
            "form",
            "object",
            "select",
        }:
            yield str(element.tag)
            continue
        for name, value in element.attrib.items():
            if str(name).startswith("on") or name in {"style", "srcdoc"}:
                yield f"{element.tag} {name}"
            if name in {"href", "src", "poster"} and not _ADDRESS.match(value):
                yield f"{element.tag} {name}={value}"


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example('<iframe sandbox src="https://x.org/"><p title="</iframe><img src=x onerror=alert(1)>"></p></iframe>')
@example('<p title="<xmp>"></p><b title="</xmp><script>alert(1)</script>"></b>')
@example("<!--><img src=x onerror=alert(1)>-->")
def test_what_passes_is_harmless_to_a_browser(html: str) -> None:
    if not rules(html):
        assert list(dangers(html)) == []


BALANCED = st.recursive(
    st.sampled_from(["words", "<br>", '<img src="https://x.org/a.jpg">', "&lt;b&gt;", ""]),
    lambda inner: st.tuples(st.sampled_from(["p", "b", "ul", "li", "div", "h2"]), st.lists(inner, max_size=3)).map(
        lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(BALANCED)
def test_harmless_balanced_html_has_no_faults(html: str) -> None:
    assert rules(html) == []
