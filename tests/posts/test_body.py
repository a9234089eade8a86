"""Bodies from file to feed: HTML and Markdown end in the same policy, the excerpt is plain text, template tags are named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from feedmill.errors import PostError
from feedmill.model import Markup
from feedmill.posts.body import RenderedBody, render_body, unrun_tags

BASE = "https://blog.example.org/2021/post/"


def render(body: str, markup: Markup = "html") -> RenderedBody:
    return render_body(body, markup, base=BASE, embeds=frozenset({"www.youtube.com"}))


@pytest.mark.parametrize(
    ("markup", "body", "html", "excerpt"),
    [
        pytest.param("html", "<p>a</p>", "<p>a</p>", "", id="no mark"),
        pytest.param("html", "<p>a &amp; b</p><!-- more --><p>c</p>", "<p>a &amp; b</p><p>c</p>", "a & b", id="mark"),
        pytest.param("html", "<p>a</p><!--more--><p>c</p>", "<p>a</p><p>c</p>", "a", id="mark without spaces"),
        pytest.param("html", "<p>a</p><!--  MORE\n--><p>c</p>", "<p>a</p><p>c</p>", "a", id="mark in capitals"),
        pytest.param("html", "<p>a<!-- more -->b</p><!-- more -->c", "<p>ab</p>c", "a", id="the first mark, in a paragraph"),
        pytest.param("html", "<!-- more -->a", "a", "", id="nothing before the mark"),
        pytest.param("html", "<p>a</p><!-- more of it -->b", "<p>a</p>b", "", id="another comment"),
        pytest.param("html", "<script>x</script>\n a<br>b <!-- more -->", "\n a<br>b ", "a b", id="excerpt is cleaned first"),
        pytest.param("markdown", "a *b*\n\n<!-- more -->\n\nc", "<p>a <em>b</em></p>\n\n<p>c</p>\n", "a b", id="mark in Markdown"),
        pytest.param(
            "markdown",
            "a\n\n```\n<!-- more -->\n```\n",
            "<p>a</p>\n<pre><code>&lt;!-- more --&gt;\n</code></pre>\n",
            "",
            id="a mark in a fence is code",
        ),
        pytest.param("markdown", "`<!-- more -->` a", "<p><code>&lt;!-- more --&gt;</code> a</p>\n", "", id="a mark in code"),
        pytest.param("markdown", "![p](a.png)", f'<p><img src="{BASE}a.png" alt="p"></p>\n', "", id="picture in Markdown"),
        pytest.param("markdown", "[a](data:x) <b onclick=x>c</b>", "<p>[a](data:x) <b>c</b></p>\n", "", id="Markdown is cleaned"),
        pytest.param("markdown", "[a](<../中 b>)",
                     '<p><a href="https://blog.example.org/2021/%E4%B8%AD%20b" rel="noopener noreferrer">a</a></p>\n', "",
                     id="link in Markdown"),
        pytest.param("html", "{% img x.png %} {{ page.title }}", "{% img x.png %} {{ page.title }}", "", id="template tags in HTML"),
        pytest.param("markdown", "{% img a_b_c %} {{ x*y*z }}", "<p>{% img a_b_c %} {{ x*y*z }}</p>\n", "", id="template tags in Markdown"),
        pytest.param("html", "", "", "", id="empty"),
    ],
)  # fmt: skip
def test_render_body(markup: Markup, body: str, html: str, excerpt: str) -> None:
    assert render(body, markup) == RenderedBody(html, excerpt)


def test_rendered_html_is_settled() -> None:
    once = render("# 标题\n\n- a\n- ![x](/y)\n\n> q\n\n|a|\n|-|\n|b|\n", "markdown").html
    assert render(once).html == once


def test_markdown_too_large_is_the_posts_fault() -> None:
    with pytest.raises(PostError, match="split the post"):
        render("[" * 100_000, "markdown")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param("", [], id="none"),
        pytest.param("{% youtube abc %}", ["youtube"], id="block tag"),
        pytest.param("{{ site.url }} {{x}}", ["site.url", "x"], id="values"),
        pytest.param("{%- raw -%}a{%- endraw -%}", ["raw"], id="the end of a named tag"),
        pytest.param("{% endnote x %}", ["endnote"], id="a name that begins like an end"),
        pytest.param("{% b %}{% a %}{% b %}", ["b", "a"], id="once each, in order"),
        pytest.param("{% asset_img a.png 'b c' %}\n{%codeblock%}", ["asset_img", "codeblock"], id="arguments"),
        pytest.param("{ % x % } {%} {{}} {{ 'text' }} {% a", [], id="what is no tag"),
        pytest.param("{% a\n%}", [], id="over two lines"),
        pytest.param("{%" * 100_000 + "{{" * 100_000 + "{% a" * 50_000, [], id="never closed"),
    ],
)
def test_unrun_tags(body: str, names: list[str]) -> None:
    assert unrun_tags(body) == names


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    """HTML needs no Markdown parser, an ordinary post no lxml, and a clean one no nh3: a publish of nothing imports none of them."""
    program = (
        "import sys; from feedmill.posts.body import render_body; assert 'nh3' not in sys.modules;"
        "render_body('<p>a</p>', 'html', base='', embeds=frozenset()); assert 'nh3' not in sys.modules;"
        "render_body('<p>a', 'html', base='', embeds=frozenset());"
        "assert 'nh3' in sys.modules; assert not {'lxml', 'markdown_it'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": "src"}, cwd=__file__.rsplit("/tests/", 1)[0])
