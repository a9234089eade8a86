"""How a body stands in a file: inside the layout's `<div>` or bare, with `{{`, `{%` and `{#` kept from Hexo's Nunjucks."""

from __future__ import annotations

import re
from typing import NamedTuple

from feedmill.model import Markup

_OPEN = "<div>"
_CLOSE = "</div>"
#: The first line of the reference layout: its trailing spaces tell it from a `<div>` that a person wrote.
_SIGNATURE = re.compile(r"<div>[ \t]+\n")
_DIV_TAG = re.compile(r"<(/?)div(?=[\s/>])", re.IGNORECASE)
_RUN_BY_NUNJUCKS = re.compile(r"\{(?=[{%#])")
_WRITTEN_BRACE = re.compile(r"&#123;(?=[{%#]|&#123;)")


class Layout(NamedTuple):
    """What a file's text after the front matter holds; `start` is where in that text `body` begins."""

    body: str
    markup: Markup
    start: int


def read_layout(content: str, *, name: str) -> Layout:
    """Return the body in `content`, all that follows the front matter of the file `name`, in normal form.

    The layout's `<div>` and outer white space are not content. A body that starts with the reference signature (`<div>`, spaces,
    line end) and ends with `</div>` is always in the layout, whatever its tags; one in a plain `<div>` only where that closes at
    the very end. Indented by four it is Markdown's code, though. A Markdown body keeps the indent of its first line.
    """
    is_html_file = name.lower().endswith((".html", ".htm"))
    end = len(content.rstrip())
    start = len(content) - len(content.lstrip())
    line = content.rfind("\n", 0, start) + 1
    if (is_html_file or not _is_code(content[line:start])) and _is_in_layout(content, start, end):
        inner = content[start + len(_OPEN) : end - len(_CLOSE)]
        start += len(_OPEN) + len(inner) - len(inner.lstrip())
        return Layout(_read_html_braces(inner.strip()), "html", start)
    if is_html_file:
        return Layout(_read_html_braces(content[start:end]), "html", min(start, end))
    return Layout(_read_markdown_braces(content[line:end]), "markdown", min(line, end))


def write_layout(body: str, markup: Markup) -> str:
    """Return `body` as it stands in a file after the front matter; `read_layout` of it gives the normal form of `body` back."""
    body = _RUN_BY_NUNJUCKS.sub("&#123;", normal_body(body, markup))
    if markup == "markdown":
        return f"{body}\n" if body else ""
    plain = f"{_OPEN}\n{body}\n{_CLOSE}"
    # A body with a stray `</div>` would end the layout early: the signature says that the outer one counts.
    return f"{plain}\n" if _is_in_layout(plain, 0, len(plain)) else f"{_OPEN}   \n{body}  \n{_CLOSE}\n"


def normal_body(body: str, markup: Markup) -> str:
    """Return `body` with line feeds only and without outer white space; a Markdown body keeps its first line's indent."""
    body = normal_lines(body)
    if markup == "html":
        return body.strip()
    line = body.rfind("\n", 0, len(body) - len(body.lstrip())) + 1
    return body[line:].rstrip()


def normal_lines(text: str) -> str:
    """Return `text` with every CR LF and CR as a line feed, as HTML, Markdown and YAML read them."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _is_code(indent: str) -> bool:
    return len(indent) > 3 or "\t" in indent


def _is_in_layout(content: str, start: int, end: int) -> bool:
    if end - start < len(_OPEN) + len(_CLOSE) or not (content.startswith(_OPEN, start) and content.endswith(_CLOSE, start, end)):
        return False
    return _SIGNATURE.match(content, start, end) is not None or _first_closes_last(content, start, end)


def _first_closes_last(content: str, start: int, end: int) -> bool:
    """Whether the div that opens at `start` is closed by the `</div>` at `end`: tags are counted, comments are not understood."""
    depth = 0
    for tag in _DIV_TAG.finditer(content, start, end):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.start() == end - len(_CLOSE)
    return False


def _read_html_braces(body: str) -> str:
    """In HTML the references are the braces themselves; Hexo's templates wrote every brace so."""
    return body.replace("&#123;", "{").replace("&#125;", "}") if "&#12" in body else body


def _read_markdown_braces(body: str) -> str:
    """In Markdown's code a reference is five letters to show: only what `write_layout` writes is read back."""
    return _WRITTEN_BRACE.sub("{", body) if "&#123;" in body else body
