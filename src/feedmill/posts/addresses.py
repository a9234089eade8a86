"""Finishes the tags that carry addresses: absolute, encoded, of an allowed scheme; lazy pictures real, embeds in a sandbox.

It reads nh3's output alone, where every tag is written one way (`name="value"`, `<` and `>` escaped), and it has the last
word on addresses: nh3 cannot rename an attribute, looks neither into `srcset` nor into `cite`, and lets `//host` pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from feedmill.posts.tags import Attributes, read_attributes, write_tag
from feedmill.urls import WEB_SCHEMES, absolute_url

LINK_SCHEMES = WEB_SCHEMES | {"mailto"}
#: Where lazy loaders keep the real address, the likeliest first; and the real set of addresses.
LAZY_SOURCES = ("data-original", "data-src", "data-lazy-src", "data-actualsrc", "data-orig-src")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")

#: Scripts and their own storage, or no player plays; nothing that reaches the page around it, no forms, no downloads.
SANDBOX = "allow-scripts allow-same-origin allow-popups"
#: What every link has, as the last of its attributes: nh3 puts it there.
REL = "noopener noreferrer"
_IFRAME_KEEPS = ("title", "width", "height")

# A page's worth of candidates; more is a way to make little input into much output.
_MAX_CANDIDATES = 32
# Relative addresses repeat the folder of their base: a longer base is cut to its host.
_MAX_BASE = 512

# Addresses that absolute_url returns as they are, as they stand in an attribute; a cautious part of them is enough.
_PLAIN = r"A-Za-z0-9\-._~!$'()*+,;=:@"
_ENCODED = "(?:&amp;|%[0-9A-Fa-f]{2})"
_PATH = rf"(?:/(?!\.)[{_PLAIN}]*+(?:{_ENCODED}[{_PLAIN}]*+)*+)++"
_TAIL = rf"[{_PLAIN}/?]*+(?:{_ENCODED}[{_PLAIN}/?]*+)*+"
ROOTED_ADDRESS = rf"{_PATH}(?:\?{_TAIL})?+(?:#{_TAIL})?+"
FINISHED_ADDRESS = rf"https?://(?![^/]{{250}})(?!(?:[a-z0-9\-]++\.)*+[0-9])[a-z0-9\-]++(?:\.[a-z0-9\-]++)*+{ROOTED_ADDRESS}"
_OTHERS = r'(?: (?:align|alt|class|dir|height|hreflang|lang|referrerpolicy|title|width)="[^"]*")*+'
# Links and pictures that need nothing are most of them: they are passed over without a call.
_UNFINISHED = re.compile(
    rf'<(?:(a)(?!{_OTHERS}(?: href="{FINISHED_ADDRESS}"{_OTHERS})? rel="{REL}">)|(img)(?!{_OTHERS} src="{FINISHED_ADDRESS}"{_OTHERS}>)'
    r'|(video|audio|source|track)|(blockquote|del|ins|q)(?=[^>]* cite="))((?: [^>]*)?)>'
)
_IFRAME = re.compile(r"<iframe((?: [^>]*)?)>(?:(?!</iframe>).)*+(?:</iframe>)?", re.DOTALL)
_CANDIDATE = re.compile(r"[\s,]*+(\S++)")
_DESCRIPTOR = re.compile(r"[0-9]+(?:\.[0-9]+)?[wxh](?:\s+[0-9]+h)?")
_HOST = re.compile(r"https?://([^/]*)/")


def finish_addresses(html: str, *, base: str, embeds: frozenset[str]) -> str:
    """Return nh3's output `html` with every address absolute against `base`, encoded, http or https (links: mailto too).

    A picture, source or track without a usable address goes; an iframe stays only for a host in `embeds`.
    """
    page = base if len(base) <= _MAX_BASE else absolute_url(base, "/")
    if "<iframe" in html:
        html = _IFRAME.sub(lambda found: _write_iframe(read_attributes(found[1]), page, embeds), html)
    finished: dict[str, str] = {}  # a page's tags repeat: the same icon, the same link

    def finish(found: re.Match[str]) -> str:
        tag = found[0]
        if tag not in finished:
            finished[tag] = _finish_tag(found, page)
        return finished[tag]

    return _UNFINISHED.sub(finish, html)


def _finish_tag(found: re.Match[str], base: str) -> str:
    link, picture, media, quoting, written = found.groups()
    attributes = read_attributes(written)
    if picture:
        return write_tag("img", _finish_picture(attributes, base))
    if media:
        return write_tag(media, _finish_media(media, attributes, base))
    name, key, schemes = (link, "href", LINK_SCHEMES) if link else (quoting, "cite", WEB_SCHEMES)
    address = absolute_url(base, attributes.get(key, ""), schemes=schemes)
    if key in attributes and address:
        attributes[key] = address
    else:
        attributes.pop(key, None)
    if link:
        attributes["rel"] = REL  # posts.settled passes links on without
    return write_tag(name, attributes)


def _finish_picture(attributes: Attributes, base: str) -> Attributes | None:
    source = _source(attributes, base)
    candidates = _candidates(attributes, base)
    if not source and candidates:
        source = candidates.partition(" ")[0].rstrip(",")
    return _with_addresses(attributes, source, candidates) if source else None


def _finish_media(name: str, attributes: Attributes, base: str) -> Attributes | None:
    source = _source(attributes, base)
    candidates = _candidates(attributes, base)
    if name in ("source", "track") and not source and not (candidates and name == "source"):
        return None
    finished = _with_addresses(attributes, source, candidates)
    if "poster" in finished:
        finished["poster"] = _absolute(base, finished["poster"])
        if not finished["poster"]:
            del finished["poster"]
    if name in ("video", "audio"):
        # Nothing plays by itself (nh3 drops `autoplay`), so everything can be started.
        finished["controls"] = ""
    return finished


def _absolute(base: str, reference: str) -> str:
    """Return the address of something to show; empty is none, though RFC 3986 makes it the page itself."""
    return absolute_url(base, reference) if reference.strip() else ""


def _source(attributes: Attributes, base: str) -> str:
    """Return the real address of a picture or a film: the lazy loader's, else `src`; "" when neither can be used."""
    for name in LAZY_SOURCES:
        # `data-src="undefined"` and `data-original="true"` are what broken scripts leave.
        value = attributes.get(name, "")
        if ("/" in value or "." in value) and (address := absolute_url(base, value)):
            return address
    return _absolute(base, attributes.get("src", ""))


def _candidates(attributes: Attributes, base: str) -> str:
    """Return the finished `srcset`; "" without one."""
    for name in (*LAZY_SETS, "srcset"):
        found = [
            f"{address} {descriptor}".rstrip()
            for url, descriptor in islice(_read_candidates(attributes.get(name, "")), _MAX_CANDIDATES)
            if (address := absolute_url(base, url).rstrip(","))
        ]
        if found:
            return ", ".join(found)
    return ""


def _read_candidates(srcset: str) -> Iterator[tuple[str, str]]:
    """Yield (address, descriptor) as WHATWG HTML 4.8.4.3 parses `srcset`: a comma parts candidates only after white space,
    after a descriptor or at the end of an address, for addresses contain commas.
    """
    place = 0
    while found := _CANDIDATE.match(srcset, place):
        place = found.end()
        url = found[1].rstrip(",")
        if url != found[1]:
            yield url, ""
            continue
        end = srcset.find(",", place)
        end = len(srcset) if end < 0 else end
        descriptor = srcset[place:end].strip()
        place = end
        yield url, descriptor if _DESCRIPTOR.fullmatch(descriptor) else ""


def _with_addresses(attributes: Attributes, source: str, candidates: str) -> Attributes:
    """Return `attributes` in their order with the finished addresses; lazy ones are gone, empty ones too."""
    finished = {name: value for name, value in attributes.items() if not name.startswith("data-")}
    for name, value in (("src", source), ("srcset", candidates)):
        if value:
            finished[name] = value
        else:
            finished.pop(name, None)
    return finished


def _write_iframe(attributes: Attributes, base: str, embeds: frozenset[str]) -> str:
    source = _source(attributes, base)
    host = _HOST.match(source)
    if host is None or host[1] not in embeds:
        return ""
    secure = "https" + source[source.index(":") :]  # every listed player has it, and a page by https shows no other frame
    kept = {"src": secure} | {name: attributes[name] for name in _IFRAME_KEEPS if name in attributes}
    if "allowfullscreen" in attributes:
        kept["allowfullscreen"] = ""
    return write_tag("iframe", kept | {"sandbox": SANDBOX}) + "</iframe>"
