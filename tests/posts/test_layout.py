"""How a body stands in a file."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.posts.layout import normal_body, read_layout, write_layout

READ = {
    # content, name: body, markup
    "reference": ("\n<div>   \n<p>a</p>  \n</div>\n            ", "a.md", "<p>a</p>", "html"),
    "house": ("\n<div>\n<p>a</p>\n</div>\n", "a.md", "<p>a</p>", "html"),
    "one line": ("<div><p>a</p></div>", "a.markdown", "<p>a</p>", "html"),
    "empty": ("<div></div>", "a.md", "", "html"),
    "indented a little": ("\n   <div>\na\n</div>", "a.md", "a", "html"),
    "its own div inside": ("<div>\n<div>a</div>\n</div>", "a.md", "<div>a</div>", "html"),
    "reference around stray tags": ("<div>   \na</div> x <div>b  \n</div>", "a.md", "a</div> x <div>b", "html"),
    "reference around an unclosed tag": ("<div>   \n<div>a  \n</div>", "a.md", "<div>a", "html"),
    "html file": ("\n<p>a</p>\n", "a.html", "<p>a</p>", "html"),
    "html file in a layout": ("\n  <div>\n<p>a</p>\n</div>\n", "A.HTM", "<p>a</p>", "html"),
    "html file of two divs": ("<div>a</div><div>b</div>", "a.html", "<div>a</div><div>b</div>", "html"),
    "markdown": ("\n\n# Title\n\ntext\n\n", "a.md", "# Title\n\ntext", "markdown"),
    "markdown that begins with code": ("\n\n    code\n\ntext  \n", "a.md", "    code\n\ntext", "markdown"),
    "markdown code that shows a layout": ("\n    <div>\n    a\n    </div>\n", "a.md", "    <div>\n    a\n    </div>", "markdown"),
    "markdown with two divs": ("<div>a</div>\n\ntext\n\n<div>b</div>", "a.md", "<div>a</div>\n\ntext\n\n<div>b</div>", "markdown"),
    "a div with attributes": ('<div class="a">b</div>', "a.md", '<div class="a">b</div>', "markdown"),
    "text after the div": ("<div>a</div>\n\ntext", "a.md", "<div>a</div>\n\ntext", "markdown"),
    "a div that does not end": ("<div>\n<div>a</div>", "a.md", "<div>\n<div>a</div>", "markdown"),
    "not a div": ("<divan>a</divan>", "a.md", "<divan>a</divan>", "markdown"),
    "nothing": (" \n \n", "a.md", "", "markdown"),
    "nothing in an html file": (" \n \n", "a.html", "", "html"),
    "references in html": ("<div>\n&#123;&#123; a &#125;&#125; b &#123;\n</div>", "a.md", "{{ a }} b {", "html"),
    "references in markdown": ("&#123;{ a }} &#123;&#123;% b %} `&#123;`", "a.md", "{{ a }} {{% b %} `&#123;`", "markdown"),
}


@pytest.mark.parametrize(("content", "name", "body", "markup"), READ.values(), ids=READ)
def test_read(content: str, name: str, body: str, markup: str) -> None:
    layout = read_layout(content, name=name)
    assert (layout.body, layout.markup) == (body, markup)
    if body and "&#" not in content:
        assert content.startswith(body, layout.start)


@pytest.mark.parametrize(
    ("body", "markup", "content"),
    [
        ("<p>a</p>", "html", "<div>\n<p>a</p>\n</div>\n"),
        ("", "html", "<div>\n\n</div>\n"),
        ("<div>a</div>", "html", "<div>\n<div>a</div>\n</div>\n"),
        ("a</div>", "html", "<div>   \na</div>  \n</div>\n"),
        ("<div >a", "html", "<div>   \n<div >a  \n</div>\n"),
        ("</div> x <div>", "html", "<div>   \n</div> x <div>  \n</div>\n"),
        ("{{ a }} {% b %} {# c #} {d} {", "html", "<div>\n&#123;{ a }} &#123;% b %} &#123;# c #} {d} {\n</div>\n"),
        ("{{{#", "html", "<div>\n&#123;&#123;&#123;#\n</div>\n"),
        ("  a\r\nb\rc ", "html", "<div>\na\nb\nc\n</div>\n"),
        ("    code\n", "markdown", "    code\n"),
        ("", "markdown", ""),
    ],
)
def test_write(body: str, markup: str, content: str) -> None:
    assert write_layout(body, markup) == content  # type: ignore[arg-type]


PIECES = (
    "<div>",
    "</div>",
    "<div>   \n",
    "  \n</div>",
    "<DIV a>",
    "</div >",
    "<!-- <div> -->",
    "---",
    "{{",
    "{%",
    "{",
    "#",
    "%",
    "\n",
    "    ",
)
BODIES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(alphabet="ab \n\t\u2028\u3000<>/&;", max_size=5)), max_size=12).map("".join)


@given(BODIES, st.sampled_from(["a.md", "a.html"]))
def test_html_reads_back(body: str, name: str) -> None:
    body = normal_body(body, "html")
    layout = read_layout("\n" + write_layout(body, "html"), name=name)
    assert (layout.body, layout.markup) == (body, "html")


@given(BODIES)
def test_markdown_reads_back(body: str) -> None:
    body = normal_body(body, "markdown")
    layout = read_layout("\n" + write_layout(body, "markdown"), name="a.md")
    if layout.markup == "markdown":
        assert layout.body == body
    else:
        assert read_layout(body, name="a.md").markup == "html", "only what is a layout itself is read as one"


@pytest.mark.parametrize("unit", ["<div>", "</div>", "<div ", "<div>   \n", "<div>\n", " ", "\n", "&#123;", "{", "-", "    \n", "<"])
@pytest.mark.parametrize("name", ["a.md", "a.html"])
def test_four_megabytes_of_anything(unit: str, name: str) -> None:
    content = unit * (4_000_000 // len(unit))
    began = time.perf_counter()
    read_layout(content, name=name)
    write_layout(content, "html")
    assert time.perf_counter() - began < 5
