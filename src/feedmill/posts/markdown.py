"""Markdown to HTML: CommonMark with tables and strikethrough, raw HTML as written. Not yet clean; see html.py.

Imported only where a Markdown body is rendered: markdown-it takes 60 ms to import.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

from feedmill.errors import PostError

#: Characters of source that are rendered.
MAX_SOURCE = 1_000_000
# Blocks in blocks; each level of a list is two. markdown-it's own 20 loses the text of the tenth list in a list.
_MAX_NESTING = 40

# What rendering costs at worst, in microseconds (markdown-it 4.3, worst inputs found; it is linear in all of them): a `[`
# may begin a link and is read again for every one around it, a picture twice; emphasis is paired up; every other mark stops
# the scanner; a line is looked at once for each block that it may continue. Ordinary dense text comes to 0.8 of its time.
_COSTS = {"[": 80, "![": 60} | dict.fromkeys("*_~", 20) | dict.fromkeys("!#$%&+-:<=>@\\]^`{|}", 5)
_LINE_COST, _LEVEL_COST = 30, 7
_MAX_COST = 2_000_000
# Characters of addresses and titles that link references may repeat: `[a]: /x…x` and `[a]` 10,000 times is 100 MB.
_MAX_REPEATED = 4_000_000

_BLOCK_MARKERS = re.compile(r"^[ \t]*(?:(?:>|(?:[-+*]|[0-9]{1,9}[.)])(?=[ \t]))[ \t]*)+", re.MULTILINE)
#: A tag of the template languages that site generators run over posts (Nunjucks, Liquid).
_TEMPLATE_TAG = re.compile(r"\{\{[^{}\n]*\}\}|\{%[^%\n]*%\}")


def render_markdown(source: str) -> str:
    """Return the HTML of `source`, raw HTML included. Raises PostError for what would take more than about 2 s."""
    if len(source) > MAX_SOURCE:
        raise PostError(f"the Markdown has {len(source):,} characters, more than {MAX_SOURCE:,}; split the post")
    if _cost(source) > _MAX_COST:
        raise PostError("the Markdown has too many links, marks or nested lines to render in 2 seconds; split the post")
    rendered: str = _markdown().render(source)
    return rendered


def _cost(source: str) -> int:
    """Return about how many microseconds `source` takes at worst."""
    lines = source.count("\n")
    cost = _LINE_COST * lines + sum(each * source.count(mark) for mark, each in _COSTS.items())
    if cost + _LEVEL_COST * _MAX_NESTING * lines <= _MAX_COST:
        return cost
    depth = max((_depth(found[0]) for found in _BLOCK_MARKERS.finditer(source)), default=0)
    return cost + _LEVEL_COST * min(depth, _MAX_NESTING) * lines


def _depth(markers: str) -> int:
    """Return how many blocks at most are open in a line that begins with `markers`."""
    indented = len(markers) - len(markers.lstrip())
    return len(markers.replace(" ", "").replace("\t", "")) + indented // 2


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True, "maxNesting": _MAX_NESTING})
    markdown.enable(["table", "strikethrough"])
    markdown.core.ruler.after("block", "reference_limit", _refuse_repetition)
    markdown.inline.ruler.before("escape", "template_tag", _keep_template_tag)
    return markdown


def _refuse_repetition(state: StateCore) -> None:
    references = state.env.get("references", {}).values()
    longest = max((len(reference["href"]) + len(reference["title"]) for reference in references), default=0)
    if longest * state.src.count("[") > _MAX_REPEATED:
        raise PostError("the Markdown repeats a long link reference too often; write the address shorter")


def _keep_template_tag(state: StateInline, silent: bool) -> bool:
    """Take `{{ … }}` and `{% … %}` for text: a `*` in them is no emphasis."""
    found = _TEMPLATE_TAG.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True
