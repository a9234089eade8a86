"""A post's body as feed readers get it: Markdown rendered, HTML cleaned, the excerpt read out; and what no one runs."""

from __future__ import annotations

import re
from typing import NamedTuple

from feedmill.model import Markup
from feedmill.text import plain_text

#: Where Hexo, Hugo and WordPress end the excerpt. In Markdown's code it is escaped by the time this is looked for.
_MORE = re.compile(r"<!--+\s*more\s*--+>", re.IGNORECASE)
#: Hexo's and Jekyll's `{% name … %}` and `{{ name }}`, Hugo's `{{< name >}}` and `{{% name %}}`, Pelican's `{filename}…`.
_TEMPLATE_TAG = re.compile(
    r"\{%[-~]?\s*([A-Za-z_][\w.\-]*)[^%\n]*%\}|\{\{(?:[-~]|[<%]\s*/?)?\s*([A-Za-z_][\w.\-]*)[^{}\n]*\}\}"
    r"|\{(filename|static|attach|author|category|index|tag)\}"
)


class RenderedBody(NamedTuple):
    """A body in clean HTML, and the plain text on one line of what stands before `<!-- more -->` ("" without the mark)."""

    html: str
    excerpt: str


def render_body(body: str, markup: Markup, *, base: str, embeds: frozenset[str]) -> RenderedBody:
    """Return `body` as clean HTML, its addresses absolute against `base`, iframes kept for the hosts `embeds`.

    Raises PostError for Markdown that is too large to render.
    """
    from feedmill.posts.html import clean_html  # 15 ms of regular expressions, for runs that render something

    html = body
    if markup == "markdown":
        from feedmill.posts.markdown import render_markdown  # only sites that write Markdown pay for it

        html = render_markdown(body)
    mark = _MORE.search(html) if "<!--" in html else None
    excerpt = plain_text(clean_html(html[: mark.start()], base=base, embeds=embeds)) if mark else ""
    return RenderedBody(clean_html(html, base=base, embeds=embeds), excerpt)


def unrun_tags(body: str) -> list[str]:
    """Return the names of the template tags (`{% name … %}`, `{{ name … }}`) in `body`, each once, in their order.

    Hexo and Jekyll run them; here they are shown as they stand. The end of a tag that is named (`endnote`) is left out.
    """
    names = dict.fromkeys(block or value or link for block, value, link in _TEMPLATE_TAG.findall(body))
    return [name for name in names if not (name.startswith("end") and name[3:] in names)]
