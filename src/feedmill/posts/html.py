"""The one HTML policy: what may stand in a post's body, for what comes in from upstream and for a person's own posts.

nh3 (html5ever's parser behind an allow-list) decides; around it stand a guard that keeps its time and output linear
(flatten.py), the pass that finishes addresses (addresses.py), and a check that cleaning again would change nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from feedmill.posts.addresses import LAZY_SETS, LAZY_SOURCES, LINK_SCHEMES, finish_addresses
from feedmill.posts.nesting import is_fair, is_too_deep, reads_back
from feedmill.posts.settled import is_settled
from feedmill.text import clean_text

if TYPE_CHECKING:
    import nh3

_ADDED_TAGS = frozenset({"audio", "details", "figcaption", "figure", "iframe", "picture", "source", "summary", "track", "video"})
#: Taken out with their content. html5ever reads `noscript` as text and would show its tags; see _without_noscript.
_DROPPED = frozenset({"noembed", "noframes", "noscript", "script", "style", "template", "title"})
_MEDIA = frozenset({"height", "loop", "muted", "playsinline", "poster", "preload", "src", "width"})
_ADDED_ATTRIBUTES = {
    "audio": _MEDIA | {"data-src"},
    "details": {"open"},
    "iframe": {"allowfullscreen", "data-src", "height", "src", "title", "width"},
    "img": {"sizes", "srcset", *LAZY_SOURCES, *LAZY_SETS},
    "source": {"data-src", "data-srcset", "height", "media", "sizes", "src", "srcset", "type", "width"},
    "track": {"default", "kind", "label", "src", "srclang"},
    "video": _MEDIA | {"data-src"},
}
# nh3's own for every element, `lang` and `title`, and `dir`, without which right-to-left text loses its direction.
_EVERYWHERE = {"class", "dir", "lang", "title"}
_REFERRER_POLICIES = {
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
}

#: Output that grew by more than this is formatting that html5ever repeated.
_GROWTH, _GROWTH_FLOOR = 8, 65_536
_ROUNDS = 3

_NOSCRIPT_TAG = re.compile(r"</?noscript(?=[\s/>])[^<>]*+>", re.IGNORECASE)
_LAZY = re.compile("|".join((*LAZY_SOURCES, *LAZY_SETS)), re.IGNORECASE)
# The parser drops a line end right after `<pre>`; one that is content must stand behind one that is dropped.
_PRE = re.compile(r"(<pre(?: [^>]*)?>)\n")


def clean_html(html: str, *, base: str, embeds: frozenset[str]) -> str:
    """Return `html` as a balanced fragment with nothing but the policy's elements, attributes and schemes (docs/post-format.md).

    `base` is the address that relative ones are resolved against (without a usable one they are dropped), `embeds` the
    hosts whose iframes stay, each in a sandbox. Cleaning twice is cleaning once; time and size are linear in the input,
    depth is at most 200. Raises nothing: every text is some HTML.
    """
    text = clean_text(html)
    if is_settled(text):
        return _finish(text, base=base, embeds=embeds)
    text = _clean_once(text, base=base, embeds=embeds)
    for _ in range(_ROUNDS):
        if reads_back(text):
            return text
        if is_too_deep(text):
            break
        # Taking an element out can leave what a parser would never build, as `<p><p>` from `<p><button><p>`.
        again = _clean_once(text, base=base, embeds=embeds)
        if again == text:
            return text
        text = again
    return _clean_flat(text, base=base, embeds=embeds)


def _clean_once(text: str, *, base: str, embeds: frozenset[str]) -> str:
    if "noscript" in text or "NOSCRIPT" in text or "NoScript" in text:
        text = _without_noscript(text)
    if not is_fair(text):
        return _clean_flat(text, base=base, embeds=embeds)
    cleaned = _cleaner().clean(text)
    if len(cleaned) > _GROWTH * len(text) + _GROWTH_FLOOR:
        return _clean_flat(text, base=base, embeds=embeds)
    # `&#1;` is a control character only after parsing.
    return _finish(clean_text(cleaned) if "&#" in text else cleaned, base=base, embeds=embeds)


def _clean_flat(text: str, *, base: str, embeds: frozenset[str]) -> str:
    from feedmill.posts.flatten import flatten  # lxml, for the rare post that needs it

    return _finish(clean_text(_cleaner().clean(flatten(text))), base=base, embeds=embeds)


def _finish(cleaned: str, *, base: str, embeds: frozenset[str]) -> str:
    # Of byte order marks at the beginning the parser drops one each time.
    text = finish_addresses(cleaned, base=base, embeds=embeds).lstrip("\ufeff")
    return _PRE.sub(r"\1\n\n", text) if "<pre" in text else text


def _without_noscript(text: str) -> str:
    """Unwrap `noscript`, whose content is what readers without scripts see; beside lazy pictures it doubles them: drop it."""
    return text if _LAZY.search(text) else _NOSCRIPT_TAG.sub("", text)


@cache
def _cleaner() -> nh3.Cleaner:
    import nh3  # only runs that render a body need it

    attributes = {name: set(values) for name, values in nh3.ALLOWED_ATTRIBUTES.items()}
    for name, values in _ADDED_ATTRIBUTES.items():
        attributes.setdefault(name, set()).update(values)
    attributes["*"] = set(_EVERYWHERE)
    return nh3.Cleaner(
        tags=nh3.ALLOWED_TAGS | _ADDED_TAGS,
        clean_content_tags=set(_DROPPED),
        attributes=attributes,
        tag_attribute_values={"img": {"referrerpolicy": _REFERRER_POLICIES}},
        url_schemes=set(LINK_SCHEMES),
    )
