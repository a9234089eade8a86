"""Addresses and titles as they are compared: what two spellings of one page share. Pure, and light enough for every child of the cage."""

from __future__ import annotations

import re
from urllib.parse import unquote

from feedmill.text import one_line

# What campaigns, newsletters and feed services add to an address; it names no other page.
_TRACKING = re.compile(
    r"(?:utm_[^=&]*|fbclid|gclid|dclid|msclkid|yclid|mc_cid|mc_eid|igshid|spm|_hsenc|_hsmi|mkt_tok|ref_src|source_from|at_medium|at_campaign)(?:=|$)"
)
_ADDRESS = re.compile(r"https?://(?:www\.)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.IGNORECASE | re.DOTALL)


def normal_link(link: str) -> str:
    """Return what two spellings of one address share: no scheme, `www.`, trailing slash or tracking parameters; the fragment stays.

    "" for what is no http or https address.
    """
    found = _ADDRESS.fullmatch(link)
    if found is None:
        return ""
    host, path, query, fragment = found.groups()
    kept = [part for part in (query or "")[1:].split("&") if part and not _TRACKING.match(part)]
    return host.lower() + path.rstrip("/") + ("?" + "&".join(kept) if kept else "") + (fragment or "").rstrip("#")


def fold_title(title: str) -> str:
    """Return a title as it is compared: one line, without regard to case."""
    return one_line(title).casefold()


def slug(link: str) -> str:
    """Return the last part of a normalised link's path; "" where it has none, or one that every page may have."""
    path = link.partition("#")[0].partition("?")[0]
    _, slash, last = path.rpartition("/")
    name = unquote(last).casefold() if slash else ""
    return "" if name.partition(".")[0] == "index" else name


def is_page(link: str) -> bool:
    """Whether a normalised link can be one article's own: it has a path, a query or a fragment."""
    return any(mark in link for mark in "/?#")
