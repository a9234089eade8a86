"""Markdown: CommonMark with tables and strikethrough, template tags untouched, nothing that stalls."""

from __future__ import annotations

import time

import pytest

from feedmill.errors import PostError
from feedmill.posts.markdown import MAX_SOURCE, render_markdown

TABLE = {
    "paragraph": ("a *b* **c**\nd", "<p>a <em>b</em> <strong>c</strong>\nd</p>\n"),
    "heading and rule": ("# a\n\n---", "<h1>a</h1>\n<hr />\n"),
    "table": (
        "|a|\n|-|\n|b|",
        "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n",
    ),
    "strikethrough": ("~~a~~", "<p><s>a</s></p>\n"),
    "raw HTML": ("<div class=x>a</div>\n\nb <b>c</b>", "<div class=x>a</div>\n<p>b <b>c</b></p>\n"),
    "fence": ("```py\n<a> {{ b }}\n```", '<pre><code class="language-py">&lt;a&gt; {{ b }}\n</code></pre>\n'),
    "no smart quotes": ("\"a\" -- 'b'", "<p>&quot;a&quot; -- 'b'</p>\n"),
    "no bare links": ("https://example.org", "<p>https://example.org</p>\n"),
    "block tag of a template": ('{% note "a *b* c" _d_ %}', "<p>{% note &quot;a *b* c&quot; _d_ %}</p>\n"),
    "value of a template": ("{{ a | replace: '*', '_' }} *b*", "<p>{{ a | replace: '*', '_' }} <em>b</em></p>\n"),
    "braces that are no tag": ("{ *a* } {%", "<p>{ <em>a</em> } {%</p>\n"),
    "a tag in a link": ("[{{ a_b_c }}](/x)", '<p><a href="/x">{{ a_b_c }}</a></p>\n'),
}


@pytest.mark.parametrize(("source", "html"), TABLE.values(), ids=TABLE.keys())
def test_render_markdown(source: str, html: str) -> None:
    assert render_markdown(source) == html


def test_a_list_ten_deep_keeps_its_text() -> None:
    source = "".join(f"{'  ' * level}- item{level}\n" for level in range(12))
    rendered = render_markdown(source)
    assert all(f"item{level}" in rendered for level in range(12))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("a" * (MAX_SOURCE + 1), id="too long"),
        pytest.param("[" * 50_000, id="brackets"),
        pytest.param("![" * 50_000, id="pictures"),
        pytest.param("*a " * 200_000, id="emphasis"),
        pytest.param("> " * 40 + "a\n" + "b\n" * 50_000, id="lazy lines of deep quotes"),
        pytest.param("[a]: /" + "x" * 40_000 + "\n\n" + "[a]" * 2_000, id="a long reference, repeated"),
    ],
)
def test_what_would_stall_is_refused_at_once(source: str) -> None:
    began = time.process_time()
    with pytest.raises(PostError, match=r"Markdown.*(split|shorter)"):
        render_markdown(source)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("[" * 20_000, id="brackets"),
        pytest.param("![" * 8_000 + "](x)" * 8_000, id="pictures in pictures"),
        pytest.param("> " * 40 + "a\n" + "b\n" * 5_000, id="lazy lines of deep quotes"),
        pytest.param(">" * 100_000, id="quotes"),
        pytest.param("".join("`" * n + "a" for n in range(1, 400)), id="backticks"),
        pytest.param("a**b" + "c* " * 30_000, id="emphasis"),
        pytest.param("<a b=\"" * 20_000, id="tags not finished"),
        pytest.param("|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "|\n" * 200, id="wide table"),
    ],
)  # fmt: skip
def test_what_is_rendered_takes_seconds_at_most(source: str) -> None:
    began = time.process_time()
    render_markdown(source)
    assert time.process_time() - began < 8


def test_a_long_ordinary_post_is_rendered() -> None:
    paragraph = "An *ordinary* paragraph with a [link](https://example.org/a), some `code` and enough words to be one.\n\n"
    assert render_markdown(paragraph * 1500).count("<p>") == 1500
