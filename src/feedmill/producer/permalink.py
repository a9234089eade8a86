"""Where a post's own page is: its `permalink` key, the site's template, its `link`, or its place below {site.url}posts/."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote
from zoneinfo import ZoneInfo

from feedmill.model import Post
from feedmill.producer.site import Site
from feedmill.urls import absolute_url, encode_url

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_SUFFIX = re.compile(r"\.(?:md|markdown|html?)$", re.IGNORECASE)
_DATED = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}-(?=.)")
#: Variables whose slashes separate path segments.
_PATHS = frozenset({"path", "categories"})


def permalink(post: Post, site: Site, *, path: str, entry_id: str, date: datetime) -> str:
    """Return the absolute address of the page of `post`, whose file stands at `path` below the folder of posts."""
    own = post.field("permalink")
    if own and (address := absolute_url(site.url, own)):
        return address
    if site.permalink and (address := _fill(site.permalink, _variables(post, site, path, entry_id, date))):
        return address
    if not site.permalink and post.link and (address := absolute_url(site.url, post.link)):
        return address
    folder, slash, name = path.rpartition("/")
    return f"{site.url}posts/{_quoted(folder)}{slash}{_quoted(_SUFFIX.sub('', name))}/"


@lru_cache(maxsize=4096)
def _quoted(path: str) -> str:
    return quote(path, safe="/-._~")


def lacking(post: Post, template: str) -> list[str]:
    """Return the variables of `template` that `post` has nothing for: its page's address is then made without the template."""
    if post.field("permalink") or not template:
        return []
    given = {"url", "year", "month", "day", "path", "name", "id", "title", "slug", "categories"}
    theirs = {key for key, value in post.extra if value} | {name for name in ("author", "source", "guid") if getattr(post, name)}
    return sorted({f"{{{match[1]}}}" for match in _VARIABLE.finditer(template) if match[1] not in given | theirs})


def _variables(post: Post, site: Site, path: str, entry_id: str, date: datetime) -> Mapping[str, str]:
    try:
        local = date.astimezone(ZoneInfo(site.zone))
    except OverflowError:  # 0001-01-01, Hugo's date for "none", is in the year before in half of all zones
        local = date
    stem = _SUFFIX.sub("", path)
    name = stem.rpartition("/")[2]
    ours = {
        "url": site.url,
        "year": f"{local.year:04d}",
        "month": f"{local.month:02d}",
        "day": f"{local.day:02d}",
        "slug": post.field("slug") or _DATED.sub("", name),
        "title": post.title,
        "path": stem,
        "name": name,
        "id": entry_id.rpartition(":")[2],
        "categories": "/".join(post.categories[0]) if post.categories else "",
        "author": post.author,
        "source": post.source,
        "guid": post.guid,
    }
    theirs = {key: value if isinstance(value, str) else _joined(value) for key, value in post.extra}
    return theirs | ours


def _joined(value: object) -> str:
    return "/".join(str(part) for part in value) if isinstance(value, Sequence) else ""


def _fill(template: str, variables: Mapping[str, str]) -> str:
    """Return the address that `template` gives, "" when the post lacks one of its variables."""
    needed = {match[1] for match in _VARIABLE.finditer(template)}
    if any(name not in variables or (not variables[name] and name != "categories") for name in needed):
        return ""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name == "url":
            return variables[name]
        return quote(variables[name], safe="/-._~" if name in _PATHS else "-._~")

    filled = _VARIABLE.sub(value, template)
    scheme, separator, rest = filled.partition("://")
    return encode_url(scheme + separator + re.sub("/{2,}", "/", rest)) if separator else absolute_url(variables["url"], filled)
