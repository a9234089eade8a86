"""A raw entry becomes an `Entry`: texts plain and short, the body clean HTML, every address absolute or gone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from html import escape, unescape

from feedmill.consumer.rawentry import RawEntry, RawMedia, RawText
from feedmill.model import Enclosure
from feedmill.posts.html import clean_html
from feedmill.posts.pictures import picture as usable_picture
from feedmill.text import clean_text, one_line, plain_text, shorten
from feedmill.upstream import Entry
from feedmill.urls import absolute_url

MAX_TITLE, MAX_AUTHOR, MAX_TAG = 512, 200, 100
MAX_TAGS = 100
#: Characters of a guid; a longer one keeps its beginning and ends in a hash of the whole.
MAX_GUID = 2_048
#: Bytes of a body in UTF-8; and characters of the plain text that stands in for a longer one.
MAX_BODY, _MAX_STAND_IN = 1_048_576, 100_000
# A title's markup is looked for in the beginning of an endless one.
_TITLE_REACH = 20_000
_MAX_PLAYERS = 4
_MAX_ADDRESS = 8_192

_BREAKS_LINE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_LINE = re.compile(r"[ \t]*\n")
_PICTURE_TAG = re.compile(r"<img( [^>]*)?>")
_ATTRIBUTE = re.compile(r' ([a-z\-]+)="([^"]*)"')
_TINY = frozenset({"0", "1", "0px", "1px"})


def sanitize(raw: RawEntry, *, mark: str, url: str, embeds: frozenset[str], authors: tuple[RawText, ...] = ()) -> Entry:
    """Return `raw` as an entry that carries `mark`.

    `url` is the feed's own address, the base where there is no nearer one; `embeds` the hosts whose iframes stay; `authors` the
    feed's, for an entry that names none (RFC 4287 §4.2.1). Raises nothing.
    """
    guid = _guid(raw.guid)
    link = web_address(raw.link, base=url)
    if not link and raw.is_permalink:
        link = web_address(raw.guid, base="")
    body = _body(raw, base=link or url, embeds=embeds)
    return Entry(
        mark=mark,
        guid=guid,
        link=link,
        title=line_of(raw.title, limit=MAX_TITLE),
        author=_names(raw.authors) or _names(authors),
        body=body,
        published=raw.published,
        updated=raw.updated,
        tags=_tags(raw.tags),
        picture=_picture(raw.pictures, body, base=link or url),
        enclosure=_enclosure(raw.attachments, base=link or url),
    )


def line_of(text: RawText, *, limit: int) -> str:
    """Return a text as one line of plain text of at most `limit` characters: HTML read, anything else as it stands."""
    value = text.value[:_TITLE_REACH]
    if text.is_html:
        value = plain_text(clean_html(value, base="", embeds=frozenset()) if "<" in value else value)
    return shorten(one_line(value), limit)


def web_address(address: str, *, base: str) -> str:
    """Return `address` as an absolute http or https address; "" where it is none, is broken over lines or is endless."""
    address = address.strip()
    if not address or len(address) > _MAX_ADDRESS or _BREAKS_LINE.search(address):
        return ""
    found = absolute_url(base, address)
    return found if len(found) <= _MAX_ADDRESS else ""  # encoded, one may be three times as long, and front matter has its limit


def _guid(text: str) -> str:
    guid = one_line(text)
    if len(guid) <= MAX_GUID:
        return guid
    digest = blake2b(guid.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{guid[: MAX_GUID - len(digest) - 1]}#{digest}"


def _names(authors: Iterable[RawText]) -> str:
    names = (line_of(author, limit=MAX_AUTHOR) for author in authors)
    return shorten(", ".join(dict.fromkeys(name for name in names if name)), MAX_AUTHOR)


def _tags(tags: Iterable[RawText]) -> tuple[str, ...]:
    found = (line_of(tag, limit=MAX_TAG) for tag in tags)
    return tuple(dict.fromkeys(tag for tag in found if tag))[:MAX_TAGS]


def _body(raw: RawEntry, *, base: str, embeds: frozenset[str]) -> str:
    """Return the richest text of an entry as clean HTML of at most 1 MiB, with the sounds and films that it does not show yet."""
    players = _players(raw.enclosures)
    ranked = sorted((*raw.contents, *raw.summaries), key=_richness, reverse=True)
    body = ""
    for text in ranked or [RawText("")]:
        source = web_address(text.base, base=base) or base
        html = as_html(text)
        shown = "".join(player for address, player in players if address not in html and escape(address) not in html)
        body = clean_html(html + shown, base=source, embeds=embeds)
        if len(body) * 4 <= MAX_BODY or len(body.encode("utf-8", "ignore")) <= MAX_BODY:
            return body
    return f"<p>{escape(shorten(plain_text(body), _MAX_STAND_IN), quote=False)}</p>"


def _richness(text: RawText) -> tuple[bool, int]:
    """HTML before plain text, then the longer: what calls itself content may be the caption of a picture (media RSS)."""
    return text.is_html, len(text.value)


def as_html(text: RawText) -> str:
    """Return a text as HTML; the paragraphs and lines of plain text stay, those of HTML without a tag too."""
    value = text.value
    if text.is_html and "<" in value:
        return value
    value = clean_text(value if text.is_html else escape(value)).strip()
    if "\n" not in value:
        return value if text.is_html or not value else f"<p>{value}</p>"
    paragraphs = (_LINE.sub("<br>", part.strip()) for part in _PARAGRAPH.split(value))
    return "\n".join(f"<p>{part}</p>" for part in paragraphs)


def _players(enclosures: Iterable[RawMedia]) -> list[tuple[str, str]]:
    """Return the first few sounds and films, each with the HTML that plays it."""
    found = []
    for medium in list(enclosures)[:_MAX_PLAYERS]:
        if web_address(medium.address, base="https://example.invalid/"):
            source = escape(medium.address)
            found.append((medium.address, f'<p><{medium.kind} src="{source}" controls></{medium.kind}></p>'))
    return found


def _enclosure(attachments: Iterable[Enclosure], *, base: str) -> Enclosure | None:
    """Return the first attachment that has a usable address."""
    addresses = ((web_address(found.url, base=base), found) for found in attachments)
    return next((replace(found, url=address) for address, found in addresses if address), None)


def _picture(pictures: Iterable[RawMedia], body: str, *, base: str) -> str:
    for medium in pictures:
        if not 0 < max(medium.width, medium.height) <= 1 and (address := usable_picture(web_address(medium.address, base=base))):
            return address
    for found in _PICTURE_TAG.finditer(body):
        attributes = dict(_ATTRIBUTE.findall(found[1] or ""))
        if attributes.get("width") in _TINY or attributes.get("height") in _TINY:
            continue  # counts readers
        if address := usable_picture(unescape(attributes.get("src", ""))):
            return address
    return ""
