"""The one file that an entry encloses: RSS, Atom, JSON Feed and media RSS, and what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from feedmill.consumer.reading import document_from_json, document_to_json, read_document
from feedmill.errors import UpstreamError
from feedmill.model import Enclosure
from feedmill.posts.enclosures import MAX_LENGTH

URL = "https://upstream.example.org/feed"
PAGE = "https://upstream.example.org/"
MEDIA = 'xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom"'


def enclosed(inside: str) -> Enclosure | None:
    text = f'<rss version="2.0" {MEDIA}><channel><title>t</title><item><guid>1</guid><title>a</title>{inside}</item></channel></rss>'
    return only(text)


def only(text: str) -> Enclosure | None:
    document = read_document(text.encode(), url=URL)
    assert document_from_json(json.loads(json.dumps(document_to_json(document)))) == document
    (entry,) = document.entries
    return entry.enclosure


AUDIO = '<enclosure url="/a.mp3" type="audio/mpeg" length="12"/>'
PICTURE = '<enclosure url="/a.png" type="image/png" length="5"/>'
PDF = '<enclosure url="/a.pdf" type="application/pdf" length="9"/>'
FOUND = Enclosure(f"{PAGE}a.mp3", "audio/mpeg", 12)

RSS: dict[str, tuple[str, Enclosure | None]] = {
    "an enclosure": (AUDIO, FOUND),
    "a picture": (PICTURE, None),
    "behind others": (PICTURE + PDF + AUDIO, FOUND),
    "the first sound": (AUDIO + '<enclosure url="/b.mp3" type="audio/mpeg" length="1"/>', FOUND),
    "no sound, no film": (PICTURE + PDF, Enclosure(f"{PAGE}a.pdf", "application/pdf", 9)),
    "a type by its ending": ('<enclosure url="/a.mp3?x=1"/>', Enclosure(f"{PAGE}a.mp3?x=1", "audio/mpeg")),
    "a type that says nothing": ('<enclosure url="/a.mp3" type="application/octet-stream" length="12"/>', FOUND),
    "no type at all": ('<enclosure url="/a" length="12"/>', None),
    "no address": ('<enclosure url="" type="audio/mpeg"/>' + AUDIO, FOUND),
    "a script": ('<enclosure url="javascript:x" type="audio/mpeg"/>' + AUDIO, FOUND),
    "a film of media RSS": (
        '<media:group><media:content url="/v.mp4" fileSize="99" medium="video"/></media:group>',
        Enclosure(f"{PAGE}v.mp4", "video/mp4", 99),
    ),
    "a page with a player": ('<media:content url="/v/1" type="application/x-shockwave-flash" medium="video"/>', None),
    "named twice": ('<enclosure url="/a.mp3" type="audio/mpeg" length="0"/><media:content url="/a.mp3" fileSize="12"/>', FOUND),
    "atom in rss": ('<atom:link rel="enclosure" href="/a.mp3" type="audio/mpeg" length="12"/>', FOUND),
}


@pytest.mark.parametrize(("inside", "expected"), RSS.values(), ids=RSS)
def test_what_an_item_encloses(inside: str, expected: Enclosure | None) -> None:
    assert enclosed(inside) == expected


@pytest.mark.parametrize("length", ["", "0", "x", "-1", "1e30", "12.5", str(MAX_LENGTH + 1), "9" * 5000])
def test_a_length_that_is_none_is_not_known(length: str) -> None:
    assert enclosed(f'<enclosure url="/a.mp3" type="audio/mpeg" length="{length}"/>') == Enclosure(f"{PAGE}a.mp3", "audio/mpeg")


def test_atom() -> None:
    link = '<link rel="alternate" href="/1"/><link rel="enclosure" href="e/a.mp3" type="audio/mpeg" length="12"/>'
    text = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>urn:1</id><title>a</title>{link}</entry></feed>'
    assert only(text) == Enclosure(f"{PAGE}e/a.mp3", "audio/mpeg", 12)


@pytest.mark.parametrize("length", ["12", '"12"'])
def test_json_feed(length: str) -> None:
    files = (
        f'[{{"url": "/a.png", "mime_type": "image/png"}}, {{"url": "/a.mp3", "mime_type": "audio/mpeg", "size_in_bytes": {length}}}, "x"]'
    )
    text = (
        f'{{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{{"id": "1", "title": "a", "attachments": {files}}}]}}'
    )
    assert only(text) == FOUND


def test_an_entry_that_crosses_with_a_broken_enclosure_is_refused() -> None:
    values = document_to_json(read_document(f"<rss version='2.0'><channel><item>{AUDIO}</item></channel></rss>".encode(), url=URL))
    for broken in ("x", [1, "", None], ["", "", "1"], ["", ""]):
        values["entries"][0]["enclosure"] = broken
        with pytest.raises(UpstreamError):
            document_from_json(values)


def test_real_feeds(corpus: Path) -> None:
    named = [
        path
        for path in sorted((corpus / "feeds").glob("*.xml"))
        if b"<enclosure" in (data := path.read_bytes()) or b"<media:content" in data
    ]
    assert named
    for path in named:
        for entry in read_document(path.read_bytes(), url=URL).entries:
            if entry.enclosure is not None:
                assert entry.enclosure.url.startswith(("http://", "https://")), path
                assert not entry.enclosure.type.startswith("image/"), path
