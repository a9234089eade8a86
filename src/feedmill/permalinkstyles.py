"""Permalink templates of Hexo and Jekyll in feedmill's words. Pure: a template in, a template or the reason why not out.

Sources: hexo.io/docs/permalinks, jekyllrb.com/docs/permalinks (placeholders and built-in styles).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from feedmill.configaddresses import parse_permalink

HEXO_DEFAULT = ":year/:month/:day/:title/"
JEKYLL_DEFAULT = "date"

_HEXO = {"year": "year", "month": "month", "day": "day", "post_title": "title", "category": "categories"}
_HEXO_WITHOUT_COUNTERPART = frozenset({"id", "i_month", "i_day", "hour", "minute", "second", "timestamp", "hash", "permalink", "path"})
_JEKYLL = {
    "year": "{year}",
    "month": "{month}",
    "day": "{day}",
    "title": "{slug}",
    "slug": "{slug}",
    "name": "{name}",
    "categories": "{categories}",
    "collection": "posts",
    "output_ext": ".html",
}
_JEKYLL_STYLES = {
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "weekdate": "/:categories/:year/W:week/:short_day/:title:output_ext",
    "none": "/:categories/:title:output_ext",
}
_PLACEHOLDER = re.compile(r":(\w+)")
_LEFT_EMPTY = "posts.permalink is left empty: set it, or give the posts a `permalink` key"


@dataclass(frozen=True, slots=True)
class Permalink:
    """What a template became: feedmill's own ("" when it could not be), and what a person should know."""

    template: str
    notes: tuple[str, ...] = ()


def from_hexo(template: str, *, new_post_name: str = "", trimmed: tuple[str, ...] = ()) -> Permalink:
    """Translate a Hexo permalink.

    `new_post_name` tells what Hexo takes for a file's title; `trimmed` are the endings that its `pretty_urls` cut off.
    """
    words = _HEXO | _hexo_title(new_post_name)
    placeholders = _PLACEHOLDER.findall(template)
    foreign = {word for word in placeholders if word in _HEXO_WITHOUT_COUNTERPART or words.get(word) == ""}
    if foreign:
        return _untranslated(template, foreign)
    keys = sorted(word for word in set(placeholders) if word not in words)
    text = _PLACEHOLDER.sub(lambda match: "{" + words.get(match[1], match[1]) + "}", template)
    for ending in trimmed:
        text = text.removesuffix(ending)
    notes = [f"posts.permalink takes {{{key}}} from the front matter of each post" for key in keys]
    if "category" in placeholders:
        notes.append("posts.permalink: Hexo writes its default_category for a post without categories, feedmill leaves that part out")
    return _checked(template, text, tuple(notes))


def _hexo_title(new_post_name: str) -> dict[str, str]:
    """Return what Hexo's :title and :name are called here: Hexo matches file names with new_post_name and keeps its :title part."""
    pattern = re.sub(r"\.\w+$", "", new_post_name)
    if pattern in ("", ":title"):
        return {"title": "path", "name": "name"}
    folder, _, last = pattern.rpartition("/")
    if last == ":year-:month-:day-:title" and not folder:
        return {"title": "slug", "name": "slug"}
    if last == ":title" and folder:
        return {"title": "name", "name": "name"}
    return {"title": "", "name": ""}


def from_jekyll(template: str) -> Permalink:
    """Translate a Jekyll permalink or the name of one of its built-in styles."""
    styled = _JEKYLL_STYLES.get(template, template)
    placeholders = set(_PLACEHOLDER.findall(styled))
    if foreign := placeholders - set(_JEKYLL):
        return _untranslated(template, foreign)
    text = _PLACEHOLDER.sub(lambda match: _JEKYLL[match[1]], styled)
    note = "posts.permalink: Jekyll writes {categories} in lower case; posts whose categories have capitals need a `permalink` key"
    return _checked(template, text, (note,) if "categories" in placeholders else ())


def _untranslated(template: str, foreign: set[str]) -> Permalink:
    named = ", ".join(f":{word}" for word in sorted(foreign))
    return Permalink("", (f'the permalink "{template}" has {named}, which feedmill has no word for; {_LEFT_EMPTY}',))


def _checked(template: str, text: str, notes: tuple[str, ...]) -> Permalink:
    try:
        return Permalink(parse_permalink("{url}" + re.sub("/{2,}", "/", text).lstrip("/")), notes)
    except ValueError as exc:
        return Permalink("", (f'the permalink "{template}" cannot be used ({exc}); {_LEFT_EMPTY}',))
