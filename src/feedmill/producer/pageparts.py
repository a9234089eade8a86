"""What the pages for people have in common: how they begin, and how they show dates and addresses. Pure."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from hashlib import blake2b
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from feedmill.config import Config
from feedmill.posts.record import from_epoch
from feedmill.producer.categories import FeedKey
from feedmill.producer.pagestyle import ICON
from feedmill.producer.wording import Wording, wording_for
from feedmill.text import direction_of
from feedmill.urls import encode_url

_ESCAPED = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


class Masthead(NamedTuple):
    """What every page knows of the site. Texts are plain and on one line."""

    title: str
    #: Absolute, ASCII, with a slash at its end; so is that of the folder of feeds.
    url: str
    feeds_url: str
    language: str
    zone: tzinfo
    words: Wording

    @classmethod
    def of(cls, config: Config) -> Masthead:
        """Return what `config` says of the site."""
        site = config.site
        return cls(site.title, encode_url(site.url), encode_url(config.feeds_url), site.language, site.zone, wording_for(site.language))


def anchor_of(key: FeedKey) -> str:
    """Return the id of a feed's line on the page: short, ASCII, and the same on every machine."""
    return f"f-{blake2b(chr(0).join((key.kind, *key.path)).encode(errors='replace'), digest_size=6).hexdigest()}"


def readable_address(url: str) -> str:
    """Return an encoded address as an IRI (RFC 3987 section 3.2): letters of every script as themselves, ASCII as it stands.

    What would not show (controls, bidi marks, spaces) stays encoded, and so does what is no UTF-8. Both spellings are the same
    address to whoever is given it.
    """
    return _ESCAPED.sub(lambda found: _decoded(found[0]), url) if "%" in url else url


def _decoded(escaped: str) -> str:
    try:
        text = bytes.fromhex(escaped.replace("%", "")).decode()
    except UnicodeDecodeError:
        return escaped
    return "".join(character if character.isprintable() else quote(character) for character in text)


def local_time(epoch: int, zone: tzinfo, *, form: str) -> str:
    """Return a `<time>` element that shows an epoch second in `zone` ("%Y-%m-%d" and the like, four digits a year)."""
    moment = from_epoch(epoch)
    try:
        shown = moment.astimezone(zone)
    except OverflowError:  # 0001-01-01, Hugo's date for "none", is in the year before in half of all zones
        shown = moment.astimezone(UTC)
    text = shown.strftime(form.replace("%Y", f"{shown.year:04d}"))
    return f'<time datetime="{moment.strftime(f"{moment.year:04d}-%m-%dT%H:%M:%SZ")}">{text}</time>'


def opening(language: str, title: str, css: str, *, mark: str = "", head: str = "") -> str:
    """Return the beginning of a page, up to its CSS; `</head>` is still to come.

    `mark` is a comment after the doctype; `head` is markup that must come before anything is loaded.
    """
    return (
        f'<!DOCTYPE html>{mark}<html lang="{escape(language)}" dir="{direction_of(language)}"><head><meta charset="utf-8">{head}'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{escape(ICON)}"><style>{css}</style>'
    )
