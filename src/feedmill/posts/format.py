"""A post file's bytes as a Post: the only module that imports python-frontmatter, whose handlers it replaces by stricter ones.

python-frontmatter's own lose data here: YAML's turns `1.10` into 1.1 and dies on 50,000 brackets, TOML's and JSON's cut a body
at a line of their boundary, and `frontmatter.parse` takes the indent off a body that begins with code. So the handlers below
keep its interface (detect, split, load) and do the work themselves.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import tzinfo
from typing import NamedTuple

from frontmatter.default_handlers import BaseHandler

from feedmill.errors import PostError
from feedmill.model import Markup, Post
from feedmill.posts.fields import Fields, read_json, read_toml
from feedmill.posts.layout import Layout, normal_lines, read_layout
from feedmill.posts.meaning import Reading
from feedmill.posts.yamlfields import read_yaml

MAX_POST_BYTES = 4 * 1024 * 1024
#: In bytes of UTF-8, without the lines that enclose it.
MAX_FRONT_MATTER = 64 * 1024

_BLANK = "\ufeff \t\n\x0b\x0c"


class Decoded(NamedTuple):
    """A post and what was read in spite of a defect."""

    post: Post
    #: (line of the file from 1, or 0 for what stands on none; rule: "date", "title", "enclosure", "salvaged", "repeated-key"; message)
    problems: tuple[tuple[int, str, str], ...]
    #: Line of the file on which `post.body` begins.
    body_line: int
    #: Where the body's UTF-8 lies in the file's bytes (start, length); () where the file writes it another way.
    span: tuple[int, ...]


class Opened(NamedTuple):
    """A file cut in its parts; nothing of the front matter's language has been read."""

    #: From the front matter's first line on, line feeds only.
    text: str
    handler: PostHandler
    #: Lines of the file before `text`.
    skipped: int
    #: Bytes of the file before `text`, where its lines end in line feeds.
    offset: int
    #: Where in `text` the front matter begins and ends, and the body begins.
    start: int
    end: int
    body: int

    @property
    def front_matter(self) -> str:
        """What `read_fields` reads."""
        return self.text[self.start : self.end]

    def line_at(self, place: int) -> int:
        """Return the file's line on which the character at `place` of `text` stands."""
        return self.skipped + self.text.count("\n", 0, place) + 1


class PostHandler(BaseHandler, ABC):
    """One language of front matter between two lines of the same mark."""

    def locate(self, text: str) -> tuple[int, int, int]:
        """Return where the front matter of `text` begins and ends and the body begins. Raises PostError without a closing line."""
        assert self.FM_BOUNDARY is not None
        opening = text.find("\n") + 1
        closing = self.FM_BOUNDARY.search(text, opening) if opening else None
        if closing is None:
            mark = self.END_DELIMITER
            raise PostError(
                f"the front matter's closing line `{mark}` is missing: add a line with nothing but {mark} before the body", line=1
            )
        return opening, closing.start(), min(closing.end() + 1, len(text))

    def split(self, text: str) -> tuple[str, str]:
        """python-frontmatter's interface: the front matter and the body, untouched."""
        start, end, body = self.locate(text)
        return text[start:end], text[body:]

    @abstractmethod
    def read(self, fm: str) -> Fields:
        """Return the fields of a front matter. Raises PostError, its line within `fm`."""

    def load(self, fm: str) -> dict[str, object]:
        """python-frontmatter's interface: the values alone."""
        return dict(self.read(fm).values)


class YamlPosts(PostHandler):
    """`---` lines. `----` and `...` are no boundaries."""

    FM_BOUNDARY = re.compile(r"^---[ \t]*$", re.MULTILINE)
    START_DELIMITER = END_DELIMITER = "---"

    def read(self, fm: str) -> Fields:
        """Strict YAML, then key by key."""
        return read_yaml(fm)


class TomlPosts(PostHandler):
    """Hugo's `+++` lines."""

    FM_BOUNDARY = re.compile(r"^\+\+\+[ \t]*$", re.MULTILINE)
    START_DELIMITER = END_DELIMITER = "+++"

    def read(self, fm: str) -> Fields:
        """TOML 1.0."""
        return read_toml(fm)


class JsonPosts(PostHandler):
    """Hugo's bare JSON object, which its own closing brace ends."""

    FM_BOUNDARY = re.compile(r"\{")
    START_DELIMITER = END_DELIMITER = ""

    def locate(self, text: str) -> tuple[int, int, int]:
        """Raises PostError where the object does not end, or something follows it on its last line."""
        try:
            _, end = read_json(text[: MAX_FRONT_MATTER + 1])
        except PostError as exc:
            reason = exc.reason if len(text) <= MAX_FRONT_MATTER else f"{exc.reason} (in its first {MAX_FRONT_MATTER:,} characters)"
            raise PostError(reason, line=exc.line) from exc
        line_end = text.find("\n", end)
        line_end = len(text) if line_end < 0 else line_end
        if text[end:line_end].strip():
            raise PostError(
                "text after the closing } of the front matter: begin the body on a line of its own", line=text.count("\n", 0, end) + 1
            )
        return 0, end, min(line_end + 1, len(text))

    def read(self, fm: str) -> Fields:
        """JSON (RFC 8259)."""
        return read_json(fm)[0]


HANDLERS: tuple[PostHandler, ...] = (YamlPosts(), TomlPosts(), JsonPosts())


def decode(data: bytes, *, name: str, zone: tzinfo) -> Decoded:
    """Return the post of a file's bytes; `name` is the file's name, `zone` that of dates without one.

    The name's suffix says how the body is written, its date and the rest of it stand in for a missing date and title.
    Values come as text, whatever the front matter's language: lists and mappings among `Post.extra` as list and dict.
    Raises PostError with the file's line: too big, empty, not UTF-8, no front matter or no end of it, over 64 kB of it, YAML that
    is never read (tags, anchors, aliases, merge keys, nesting over 20), or nothing that could be read even key by key.
    """
    opened = open_post(data)
    layout = read_layout(opened.text[opened.body :], name=name)
    reading = Reading(read_fields(opened), layout, name=name, zone=zone)
    post = reading.post()
    problems: list[tuple[int, str, str]] = []
    if reading.problems:
        before = opened.line_at(opened.start) - 1
        problems = sorted((line + before if line else 0, rule, message) for line, rule, message in reading.problems)
    return Decoded(post, tuple(problems), opened.line_at(opened.body + layout.start), _body_span(data, opened, layout))


def _body_span(data: bytes, opened: Opened, layout: Layout) -> tuple[int, ...]:
    """Return `Decoded.span`: only what stands around the body is encoded again, which is short."""
    start = opened.body + layout.start
    if b"\r" in data or not opened.text.startswith(layout.body, start):  # other line ends, or braces as references
        return ()
    first = opened.offset + len(opened.text[:start].encode())
    return first, len(data) - len(opened.text[start + len(layout.body) :].encode()) - first


def read_body(data: bytes, *, name: str) -> tuple[str, Markup]:
    """Return the body and markup that `decode` gives, without reading YAML or TOML. Raises PostError as `decode` for the file's form."""
    opened = open_post(data)
    layout = read_layout(opened.text[opened.body :], name=name)
    return layout.body, layout.markup


def open_post(data: bytes) -> Opened:
    """Cut a file's bytes in its parts. Raises PostError for all that is wrong with the file but its front matter's language."""
    if len(data) > MAX_POST_BYTES:
        raise PostError(f"{len(data):,} bytes; a post may have {MAX_POST_BYTES:,}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise PostError(f"not UTF-8 (byte 0x{data[exc.start]:02x}): save the file as UTF-8", line=line) from exc
    if b"\r" in data:  # quicker asked of the bytes
        text = normal_lines(text)
    start = len(text) - len(text.lstrip(_BLANK))
    if start == len(text):
        raise PostError("the file is empty")
    skipped = text.count("\n", 0, start)
    if text[max(start - 1, 0)] in " \t":  # an indented first line is no boundary
        start = text.rfind("\n", 0, start) + 1
    offset, text = len(text[:start].encode()), text[start:]
    for handler in HANDLERS:
        if handler.detect(text):
            break
    else:
        raise PostError("no front matter: the file must begin with a line of --- (YAML), +++ (TOML) or with { (JSON)", line=skipped + 1)
    try:
        opened = Opened(text, handler, skipped, offset, *handler.locate(text))
    except PostError as exc:
        raise PostError(exc.reason, line=exc.line + skipped if exc.line else 0) from exc
    if opened.end - opened.start > MAX_FRONT_MATTER or len(opened.front_matter.encode()) > MAX_FRONT_MATTER:
        raise PostError(f"over {MAX_FRONT_MATTER:,} bytes of front matter; is its closing line missing?", line=skipped + 1)
    return opened


def read_fields(opened: Opened) -> Fields:
    """Read a file's front matter; lines count within it. Raises PostError with the file's line."""
    try:
        return opened.handler.read(opened.front_matter)
    except PostError as exc:
        before = opened.line_at(opened.start) - 1
        raise PostError(exc.reason, line=exc.line + before if exc.line else 0) from exc
