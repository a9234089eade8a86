"""What docs/feed-rules.md asks of the objects in a JSON Feed: an item's texts, dates, addresses, persons, and the shape of any object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from feedmill.producer.audit_html import faults_in_html, plain_text
from feedmill.producer.audit_jsontext import JsonObject, faults_in_values
from feedmill.producer.audit_text import (
    WEB,
    WEB_AND_MAIL,
    Fault,
    brief,
    fault_in_address,
    fault_in_date,
    fault_in_direction,
    fault_in_id,
    fault_in_language,
    faults_in_line,
    read_date,
)

#: The types of an object's keys.
Shape = dict[str, Any]

_EXTENSION = re.compile(r"_[A-Za-z][^.]*+")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)

_NUMBER = (int, float)
_ITEM: Shape = {"authors": list, "tags": list, "attachments": list} | dict.fromkeys(
    ["id", "url", "external_url", "title", "content_html", "content_text", "summary", "image", "banner_image", "date_published"], str
)
_ITEM |= dict.fromkeys(["date_modified", "language"], str)
_PERSON: Shape = dict.fromkeys(["name", "url", "avatar"], str)
_ATTACHMENT: Shape = dict.fromkeys(["size_in_bytes", "duration_in_seconds"], _NUMBER) | dict.fromkeys(["url", "mime_type", "title"], str)
_KINDS = {str: "text", list: "list", bool: "true or false", _NUMBER: "number"}
_ADDRESSES = ("url", "external_url", "image", "banner_image")


def faults_in_item(item: JsonObject, *, feed: JsonObject, now: datetime | None) -> Iterator[Fault]:
    """Judge one item of `feed`; `now`, when given, is the time that no date may be after."""
    yield from faults_in_values(item)
    yield from faults_in_shape(item, _ITEM, name="item")
    if "id" not in item:
        yield Fault(40, "the item has no id")
    elif isinstance(item["id"], str) and (fault := fault_in_uri(item["id"])):
        yield fault
    yield from faults_in_line(item.text("title"), name="title", rule=19)
    for key in _ADDRESSES:
        yield from faults_in_address(item, key)
    yield from _faults_in_dates(item, now)
    yield from faults_in_persons(item, name="item")
    yield from faults_in_language(item)
    yield from _faults_in_tags(item)
    yield from _faults_in_attachments(item)
    yield from _faults_in_content(item, language=item.text("language") or feed.text("language"))
    yield from _faults_in_provenance(extension_of(item))


def _faults_in_dates(item: JsonObject, now: datetime | None) -> Iterator[Fault]:
    for key in ("date_published", "date_modified"):
        if isinstance(item.get(key), str) and (fault := fault_in_date(item[key], now=now)):
            yield Fault(fault.rule, f"{key}: {fault.reason}")
    if "date_published" not in item:
        yield Fault(7, "the item has no date_published")
    published, modified = read_date(item.text("date_published")), read_date(item.text("date_modified"))
    if published and modified and modified < published:
        yield Fault(10, "the item was modified before it was published")


def _faults_in_tags(item: JsonObject) -> Iterator[Fault]:
    tags = item.sequence("tags")
    if any(not isinstance(tag, str) or not tag.strip() for tag in tags):
        yield Fault(20, "a tag is empty or no text")
    yield from (Fault(20, f"the tag `{brief(tag)}` stands twice") for tag in repeated([tag for tag in tags if isinstance(tag, str)]))


def _faults_in_attachments(item: JsonObject) -> Iterator[Fault]:
    yield from faults_in_objects(item, "attachments", _ATTACHMENT)
    for attachment in item.objects("attachments"):
        if not attachment.text("url"):
            yield Fault(21, "an attachment has no url")
        yield from faults_in_address(attachment, "url")
        if not _MEDIA_TYPE.fullmatch(attachment.text("mime_type")):
            yield Fault(21, f"the attachment's mime_type `{brief(attachment.text('mime_type'))}` is no media type such as audio/mpeg")
        size = attachment.get("size_in_bytes", 1)
        if isinstance(size, _NUMBER) and (size != size // 1 or size < 1):
            yield Fault(21, "the attachment's size_in_bytes is no number of bytes: leave out what is not known")


def _faults_in_content(item: JsonObject, *, language: str) -> Iterator[Fault]:
    html, text, summary = item.text("content_html"), item.text("content_text"), item.text("summary")
    if not html.strip() and not text.strip():
        yield Fault(40, "the item has neither content_html nor content_text")
    if not html.strip() and (not item.text("url") or not summary.strip()):
        yield Fault(18, "an item without content_html needs a url and a summary")
    if "summary" in item:
        yield from faults_in_line(summary, name="summary", rule=33)
    if text.strip() and text != summary:
        yield from faults_in_line(text, name="content_text", rule=40)
    if html.strip() and summary.strip() and " ".join(summary.split()) in {html.strip(), plain_text(html)}:
        yield Fault(33, "the summary repeats the whole content: leave it out")
    yield from (fault for _, fault in faults_in_html(html))
    if fault := fault_in_direction(html, language=language):
        yield fault


def _faults_in_provenance(extension: JsonObject) -> Iterator[Fault]:
    yield from faults_in_address(extension, "base", rule=29)
    if "source" not in extension:
        return
    source = extension["source"]
    if not isinstance(source, JsonObject) or not source.text("id") or not source.text("title").strip():
        yield Fault(22, "the source needs an id and a title")
        return
    if fault := fault_in_uri(source.text("id")):
        yield fault
    yield from faults_in_address(source, "url")


def faults_in_persons(holder: JsonObject, *, name: str) -> Iterator[Fault]:
    """Judge the authors of a feed or an item, called `name`: there are some, and each has a name (rule 16)."""
    yield from faults_in_objects(holder, "authors", _PERSON)
    persons = holder.objects("authors")
    if not persons:
        yield Fault(16, f"the {name} has no authors")
    for person in persons:
        yield from faults_in_line(person.text("name"), name="author's name", rule=16)
        yield from faults_in_address(person, "url", schemes=WEB_AND_MAIL)
        yield from faults_in_address(person, "avatar")


def faults_in_shape(holder: JsonObject, known: Shape, *, name: str) -> Iterator[Fault]:
    """Judge the keys of an object and the types of their values (rule 40)."""
    for key, value in holder.items():
        if key == "author":
            yield Fault(40, f"the {name} has an `author`, as in JSON Feed 1.0: write `authors`, a list")
        elif key not in known:
            if not _EXTENSION.fullmatch(key):
                yield Fault(40, f"the {name} has a key `{brief(key)}` that JSON Feed does not know: extensions begin with `_` and a letter")
        elif not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is not bool):
            yield Fault(40, f"the {name}'s {key} is no {_KINDS[known[key]]}")


def faults_in_objects(holder: JsonObject, key: str, known: Shape) -> Iterator[Fault]:
    """Judge the shape of every object in the list at `key`, and what there is no object."""
    for one in holder.sequence(key):
        if isinstance(one, JsonObject):
            yield from faults_in_shape(one, known, name=f"entry of {key}")
        else:
            yield Fault(40, f"{key} has something that is no object")


def faults_in_address(holder: JsonObject, key: str, *, rule: int = 30, schemes: frozenset[str] = WEB) -> Iterator[Fault]:
    """Judge the address at `key`, where there is one; `rule` is the one that a relative address breaks there."""
    if key in holder and (fault := fault_in_address(holder.text(key), schemes=schemes, relative=rule)):
        yield Fault(fault.rule, f"{key}: {fault.reason}")


def fault_in_uri(uri: str) -> Fault | None:
    """Judge an id. Half a surrogate pair, which is rule 26's and which no length in bytes can be told of, counts as `?`."""
    return fault_in_id(uri.encode(errors="replace").decode())


def faults_in_language(holder: JsonObject) -> Iterator[Fault]:
    """Judge the language of a feed or an item, where it says one."""
    if (language := holder.text("language")) and (fault := fault_in_language(language)):
        yield fault


def extension_of(holder: JsonObject) -> JsonObject:
    """Return our own extension of a feed or an item; an empty object where there is none."""
    found = holder.get("_feedmill")
    return found if isinstance(found, JsonObject) else JsonObject()


def date_of(item: JsonObject, *keys: str) -> datetime | None:
    """Return the first date of `keys` that can be read."""
    return next((date for key in keys if (date := read_date(item.text(key)))), None)


def repeated(values: list[str]) -> Iterator[str]:
    """Yield every value that has stood before."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            yield value
        seen.add(value)
