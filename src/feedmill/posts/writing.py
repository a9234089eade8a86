"""A Post as the bytes of a file in the house style, and changes to a file that leave every other byte alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from feedmill.errors import PostError
from feedmill.model import CategoryPath, Enclosure, Post, Value
from feedmill.posts.dates import format_rfc822
from feedmill.posts.editing import edit
from feedmill.posts.enclosures import normal_enclosure
from feedmill.posts.format import MAX_POST_BYTES, Opened, open_post, read_fields
from feedmill.posts.layout import write_layout
from feedmill.posts.meaning import FIELD_KEYS
from feedmill.posts.scalars import entry, flow_scalar, quoted, scalar, written_value
from feedmill.text import clean_text, one_line

#: Keys whose values are always in single quotes, as in the reference layout.
_QUOTED_KEYS = frozenset({"title", "headimg", "thumbnail", "link", "guid"})
#: Keys whose values are one line of text that no loader may take for anything else.
_TEXT_KEYS = frozenset({"author", "source", "categories", "category", "tags", "tag"})


def encode(post: Post, *, leading_blank_line: bool = False) -> bytes:
    """Return the file of `post`: UTF-8, LF, the seven keys of the reference layout in its order and style, then ours, then `extra`.

    `leading_blank_line` begins it with the reference's empty line (config `posts.leading_blank_line`).
    decode(encode(post)) == post for every post in normal form, which is what `decode` returns, and means:
    - one-line fields, and keys of `extra`, are as `one_line` leaves them; `title`, `tags` and names in `categories` are not empty,
      paths and tags not repeated; values in `extra` are text as `clean_text` leaves it, lists and dicts of such, at most 19 deep;
    - no text but a body has `&#123;` or `&#125;`, nor has a body, which has line feeds only and no outer white space (in Markdown:
      no outer blank lines), and is no layout itself where it is Markdown;
    - `enclosure` is as `normal_enclosure` leaves it;
    - `headimg` and `thumbnail` are no placeholders; `date` and `updated` are UTC in whole seconds, `updated` the later one;
    - no key of `extra` is one that `decode` reads as a field, and none is empty.
    Any other post is brought into normal form where that is possible. Raises PostError where the file would be too big to read.
    """
    front = "".join(_front_matter(post))
    body = write_layout(_encodable(post.body), post.markup)
    parts = ("\n" if leading_blank_line else "", "---\n", front, "---\n", "\n" if body else "", body)
    data = "".join(parts).encode()
    if len(data) > MAX_POST_BYTES:
        raise PostError(f"{len(data):,} bytes; a post may have {MAX_POST_BYTES:,}")
    open_post(data)  # what no reader would take must not be written: a front matter over its limit
    return data


def revise(data: bytes, changes: Mapping[str, str | None]) -> bytes:
    """Return the file `data` with top-level front-matter keys set (text) or removed (None), and not one other byte changed.

    A new key goes to the end of the front matter in house style; in TOML before the first table. A key that already has the
    value, or is already absent, is left as it stands. The result is read back and compared before it is returned.
    Raises PostError where `data` cannot be read, or a change cannot be made without touching another key.
    """
    before_file = open_post(data)
    before = read_fields(before_file)
    wanted = {key: None if text is None else _one_line_value(key, text) for key, text in changes.items()}
    wanted = {key: text for key, text in wanted.items() if before.values.get(key) != text}
    if not wanted:
        return data
    if repeated := sorted(before.repeated & wanted.keys()):
        line = before_file.line_at(before_file.start) - 1 + before.lines.get(repeated[0], 0)
        raise PostError(f"`{repeated[0]}` stands more than once in the front matter: leave one", line=line)
    after = edit(data.decode("utf-8"), before_file, before, {key: (text, _written(key, text)) for key, text in wanted.items()})
    result = after.encode("utf-8")
    _check_revised(before_file, before.values, wanted, result)
    return result


def _front_matter(post: Post) -> Iterator[str]:
    yield entry("title", quoted(one_line(post.title)))
    yield from _categories(post.categories)
    yield entry("headimg", quoted(one_line(post.headimg)))
    yield entry("author", scalar(one_line(post.author)))
    yield entry("comments", "true" if post.comments else "false")
    if post.date is not None:
        yield entry("date", format_rfc822(post.date))
    yield entry("thumbnail", quoted(one_line(post.thumbnail)))
    if link := one_line(post.link):
        yield entry("link", quoted(link))
    if guid := one_line(post.guid):
        yield entry("guid", quoted(guid))
    if source := one_line(post.source):
        yield entry("source", scalar(source))
    if post.updated is not None and post.updated != post.date:
        yield entry("updated", format_rfc822(post.updated))
    if tags := [tag for name in post.tags if (tag := one_line(name))]:
        yield "tags:\n"
        yield from (f" - {scalar(tag)}\n" for tag in tags)
    if enclosure := normal_enclosure(post.enclosure):
        yield from _enclosure(enclosure)
    for key, value in post.extra:
        if (name := one_line(key)) and name not in FIELD_KEYS:
            yield entry(name, written_value(_clean(value)))


def _categories(categories: tuple[CategoryPath, ...]) -> Iterator[str]:
    """One path is a list of its names, as in the reference layout; several are a list of lists, as Hexo has them."""
    paths = [names for path in categories if (names := [name for item in path if (name := one_line(item))])]
    if not paths:
        yield "categories: []\n"
        return
    yield "categories: \n"
    if len(paths) == 1:
        yield from (f" - {scalar(name)}\n" for name in paths[0])
    else:
        yield from (f" - [{', '.join(map(flow_scalar, names))}]\n" for names in paths)


def _enclosure(enclosure: Enclosure) -> Iterator[str]:
    yield f"enclosure:\n url: {quoted(enclosure.url)}\n"
    if enclosure.type:
        yield f" type: {scalar(enclosure.type)}\n"
    if enclosure.length is not None:
        yield f" length: {enclosure.length}\n"


def _clean(value: Value) -> Value:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {one_line(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value]


def _encodable(text: str) -> str:
    """Return `text` without lone surrogates, which UTF-8 cannot say."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def _one_line_value(key: str, text: str) -> str:
    """Return what `revise` stores of `text`: a field is one line, any other key's text may have more."""
    return one_line(text) if key in FIELD_KEYS else clean_text(text)


def _written(key: str, text: str | None) -> str:
    if text is None:
        return ""
    if key in _QUOTED_KEYS:
        return quoted(text)
    return scalar(text) if key in _TEXT_KEYS else written_value(text)


def _check_revised(before_file: Opened, before: Mapping[str, Value], wanted: Mapping[str, str | None], result: bytes) -> None:
    """Raise PostError unless `result` says what `before` said, but for what was wanted."""
    expected = {key: value for key, value in before.items() if key not in wanted}
    expected |= {key: text for key, text in wanted.items() if text is not None}
    try:
        after_file = open_post(result)
        found = read_fields(after_file).values
    except PostError as exc:
        raise _cannot(wanted) from exc
    kept = [key for key in before if key in found]
    if (
        found != expected
        or [key for key in found if key in before] != kept
        or before_file.text[before_file.body :] != after_file.text[after_file.body :]
    ):
        raise _cannot(wanted)


def _cannot(wanted: Mapping[str, str | None]) -> PostError:
    keys = ", ".join(f"`{key}`" for key in wanted)
    return PostError(f"cannot change {keys} in this front matter without touching something else: change it by hand")
