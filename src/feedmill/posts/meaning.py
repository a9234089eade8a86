"""What the fields of a front matter mean: Hexo's, Jekyll's and Hugo's keys as a Post, with what had to be made up for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import TypeVar

from feedmill.model import TRUE_WORDS, CategoryPath, Enclosure, Markup, Post, Value
from feedmill.posts.dates import date_in_name, parse_date
from feedmill.posts.enclosures import read_enclosure
from feedmill.posts.fields import Fields
from feedmill.posts.layout import Layout
from feedmill.posts.pictures import picture
from feedmill.text import clean_text, one_line, plain_text

T = TypeVar("T")

_CATEGORY_KEYS = ("categories", "category")
_TAG_KEYS = ("tags", "tag")
#: Hugo's themes and Pelican know several.
_AUTHOR_KEYS = ("author", "authors")
#: Hexo's; Hugo's; Pelican's; Jekyll's plugin of that name.
UPDATED_KEYS = ("updated", "lastmod", "modified", "last_modified_at")
#: Every key that is a field of Post, under whichever name; all others are `Post.extra`.
FIELD_KEYS = frozenset(
    {
        "title",
        "headimg",
        *_AUTHOR_KEYS,
        "comments",
        "date",
        "thumbnail",
        "link",
        "guid",
        "source",
        *_CATEGORY_KEYS,
        *_TAG_KEYS,
        *UPDATED_KEYS,
        "enclosure",
    }
)

TITLE_LENGTH = 40
# A title is looked for in the beginning of a body only: a body may have 4 MB.
_TITLE_REACH = 16_000
_HTML_HEADING = re.compile(r"<h([1-6])(?:\s[^<>]{0,300})?>(.{1,600}?)</h\1\s*>", re.IGNORECASE | re.DOTALL)
_MARKDOWN_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*))?")
_MARKDOWN_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_MARKDOWN_RULE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]{0,200})\]\([^()\n]{0,500}\)")
_MARKDOWN_MARKS = re.compile(r"^[ \t]{0,3}(?:[>#*+-]+[ \t]+|\d{1,3}[.)][ \t]+)+|[*_`~]{1,3}", re.MULTILINE)
_NAME_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?!\d)[-_ ]*")


class Reading:
    """One post's front matter, read into a Post; `problems` gathers what was read in spite of a defect."""

    def __init__(self, fields: Fields, layout: Layout, *, name: str, zone: tzinfo) -> None:
        self._fields = fields
        values = fields.values.items()
        self._texts = {key: _line(value) for key, value in values if key in FIELD_KEYS and value and isinstance(value, str)}
        self._layout = layout
        self._name = name
        self._zone = zone
        #: (line in the front matter, 0 when it is not in there; rule; message)
        self.problems: list[tuple[int, str, str]] = list(fields.remarks)

    def post(self) -> Post:
        """Return the post."""
        values, text = self._fields.values, self._texts.get
        date = self._date()
        return Post(
            title=self._title(),
            body=self._layout.body,
            markup=self._layout.markup,
            categories=read_categories(values.get("categories") or values.get("category") or ""),
            headimg=picture(text("headimg", "")),
            author=_author(values.get("author") or values.get("authors") or ""),
            comments=text("comments", "").lower() in TRUE_WORDS,
            date=date,
            thumbnail=picture(text("thumbnail", "")),
            link=text("link", ""),
            guid=text("guid", ""),
            source=text("source", ""),
            updated=self._updated(date),
            tags=tuple(_unique(_names(values.get("tags") or values.get("tag") or ""))),
            enclosure=self._enclosure(),
            extra=tuple(_extra(values).items()),
        )

    def _title(self) -> str:
        if title := self._texts.get("title"):
            return title
        title, origin = _title_of_body(self._layout.body, self._layout.markup), "its first heading, or the beginning of the text,"
        if not title:
            title, origin = _title_of_name(self._name), "the file's name"
        title = _braces(title)  # so that it is the same once it is written down
        self.problems.append((self._fields.line_of("title"), "title", f"no title: {origin} stands in for it ({title!r})"))
        return title

    def _date(self) -> datetime | None:
        text = self._texts.get("date")
        if text and (date := parse_date(text, self._zone)):
            return date
        in_name = date_in_name(self._name, self._zone)
        if text:
            instead = "the date in the file's name is used" if in_name else "write one, such as 2021-07-13 06:27:34"
            self.problems.append((self._fields.line_of("date"), "date", f"`date: {text[:60]}` is no date: {instead}"))
        elif in_name is None:  # a date in the name alone is Jekyll's ordinary way
            self.problems.append((self._fields.line_of("date"), "date", "no date: write one, such as 2021-07-13 06:27:34"))
        return in_name

    def _updated(self, date: datetime | None) -> datetime | None:
        for key in UPDATED_KEYS:
            if not (text := self._texts.get(key)):
                continue
            if updated := parse_date(text, self._zone):
                return updated if date is None or updated > date else None
            self.problems.append((self._fields.line_of(key), "date", f"`{key}: {text[:60]}` is no date"))
        return None

    def _enclosure(self) -> Enclosure | None:
        if not (value := self._fields.values.get("enclosure")):
            return None
        enclosure, faults = read_enclosure(_clean(value))
        self.problems.extend((self._fields.line_of("enclosure"), "enclosure", fault) for fault in faults)
        return enclosure


def read_categories(value: Value) -> tuple[CategoryPath, ...]:
    """Return Hexo's reading of a `categories` value: A · [A, B] is A/B · [[A, B], [C]] and [C, [A, B]] are several."""
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return tuple(_unique(path for item in value if (path := tuple(_names(item)))))
    path = tuple(_names(value))
    return (path,) if path else ()


def _author(value: Value) -> str:
    """Return an author's name: the text, Hugo's list of names joined, or the `name` of Jekyll's mapping."""
    if isinstance(value, Mapping):
        value = value.get("name", "")
    return ", ".join(_names(value))


def _names(value: Value) -> list[str]:
    """Return every non-empty text of `value`, however deep its lists (the readers cap that at 20)."""
    if isinstance(value, str):
        return [name] if (name := _line(value)) else []
    if isinstance(value, Mapping):
        return []
    return [name for item in value for name in _names(item)]


def _unique(items: Iterable[T]) -> Iterable[T]:
    return dict.fromkeys(items)


def _extra(values: Mapping[str, Value]) -> dict[str, Value]:
    named = {_line(key): value for key, value in values.items() if key not in FIELD_KEYS}
    return {key: _clean(value) for key, value in named.items() if key and key not in FIELD_KEYS}


def _line(text: str) -> str:
    line = one_line(text)
    return _braces(line) if "&#12" in line else line


def _clean(value: Value) -> Value:
    if isinstance(value, str):
        return _braces(clean_text(value))
    if isinstance(value, Mapping):
        return {_line(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value]


def _braces(text: str) -> str:
    """Hexo's templates wrote braces as references, in values too."""
    return text.replace("&#123;", "{").replace("&#125;", "}") if "&#12" in text else text


def _title_of_body(body: str, markup: Markup) -> str:
    body = body[:_TITLE_REACH]
    if markup == "html":
        heading = _HTML_HEADING.search(body)
        return (plain_text(heading[2]) if heading else "") or plain_text(body)[:TITLE_LENGTH].rstrip()
    return _markdown_text(_markdown_heading(body)) or _markdown_text(body)[:TITLE_LENGTH].rstrip()


def _markdown_heading(body: str) -> str:
    """Return the first heading's text as written; a `#` inside a fenced block is code."""
    before, is_fenced = "", False
    for line in body.split("\n"):
        if _MARKDOWN_FENCE.match(line):
            is_fenced, before = not is_fenced, ""
        elif not is_fenced:
            if (heading := _MARKDOWN_HEADING.fullmatch(line)) and heading[1]:
                return heading[1].rstrip("# \t")
            if before.strip() and _MARKDOWN_RULE.fullmatch(line):
                return before
            before = line
    return ""


def _markdown_text(text: str) -> str:
    """Return `text` without Markdown's commonest marks: enough for a line that stands in for a title."""
    return plain_text(_MARKDOWN_MARKS.sub("", _MARKDOWN_LINK.sub(r"\1", text)))


def _title_of_name(name: str) -> str:
    stem = name.rpartition("/")[2]
    stem = stem.rpartition(".")[0] or stem
    return one_line(_NAME_DATE.sub("", stem, count=1)) or one_line(stem) or "untitled"
