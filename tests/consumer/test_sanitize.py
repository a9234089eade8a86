"""Raw entries become entries: what is chosen, what is cut short, what cannot be dangerous any more."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.consumer.rawentry import RawEntry, RawMedia, RawText
from feedmill.consumer.sanitize import MAX_BODY, MAX_GUID, as_html, sanitize
from feedmill.model import Enclosure
from feedmill.upstream import Entry

URL = "https://example.org/feed.xml"
PAGE = "https://example.org/2021/post/"


def clean(raw: RawEntry) -> Entry:
    return sanitize(raw, mark="0" * 32, url=URL, embeds=frozenset({"www.youtube.com"}))


def html(value: str, base: str = "") -> RawText:
    return RawText(value, is_html=True, base=base)


BODIES = {
    "content before the summary": (((html("<p>the whole text</p>"),), (html("<p>short</p>"),)), "<p>the whole text</p>"),
    "the longest of several": (((html("<p>a</p>"), html("<p>longer</p>")), ()), "<p>longer</p>"),
    "HTML before plain text": (((RawText("plain and much longer"),), (html("<p>html</p>"),)), "<p>html</p>"),
    "a caption is no content": (((html("a caption"),), (html("<p>the description itself</p>"),)), "<p>the description itself</p>"),
    "plain text alone": (((RawText("a < b\nc\n\n  d & e\n"),), ()), "<p>a &lt; b<br>c</p>\n<p>d &amp; e</p>"),
    "HTML without a tag keeps its lines": (((html("a &amp; b\nhttps://x.org/\n\nc"),), ()), "<p>a &amp; b<br>https://x.org/</p>\n<p>c</p>"),
    "HTML with tags keeps its own": (((html("<p>a\nb</p>"),), ()), "<p>a\nb</p>"),
    "nothing": (((), ()), ""),
    "a script in plain text": (((RawText("<script>alert(1)</script>"),), ()), "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
}


@pytest.mark.parametrize(("texts", "expected"), BODIES.values(), ids=BODIES)
def test_the_richest_text_is_the_body(texts: tuple[tuple[RawText, ...], tuple[RawText, ...]], expected: str) -> None:
    assert clean(RawEntry(contents=texts[0], summaries=texts[1])).body == expected


BASES = {
    "its own base": (html("<img src=a.png>", "https://base.example.org/x/"), PAGE, "https://base.example.org/x/a.png"),
    "the entry's page": (html("<img src=a.png>"), PAGE, f"{PAGE}a.png"),
    "the feed": (html("<img src=a.png>"), "", "https://example.org/a.png"),
    "a base that is a script": (html("<img src=a.png>", "javascript:alert(1)//"), PAGE, f"{PAGE}a.png"),
    "a base that is a file": (html("<img src=a.png>", "file:///etc/"), "", "https://example.org/a.png"),
    "a relative base": (html("<img src=a.png>", "deep/"), PAGE, f"{PAGE}deep/a.png"),
}


@pytest.mark.parametrize(("text", "link", "expected"), BASES.values(), ids=BASES)
def test_addresses_in_the_body_are_absolute_against(text: RawText, link: str, expected: str) -> None:
    assert clean(RawEntry(link=link, contents=(text,))).body == f'<img src="{expected}">'


def test_a_podcast_keeps_its_sound() -> None:
    raw = RawEntry(link=PAGE, contents=(html("<p>Episode 1</p>"),), enclosures=(RawMedia("/e.mp3?a=1&b=2", "audio"),))
    assert clean(raw).body == '<p>Episode 1</p><p><audio src="https://example.org/e.mp3?a=1&amp;b=2" controls=""></audio></p>'
    film = RawEntry(enclosures=(RawMedia("https://x.org/v.mp4", "video"),))
    assert clean(film).body == '<p><video src="https://x.org/v.mp4" controls=""></video></p>'


def test_a_sound_that_the_body_plays_is_not_added() -> None:
    for written in ("/e.mp3?a=1&b=2", "/e.mp3?a=1&amp;b=2"):
        raw = RawEntry(link=PAGE, contents=(html(f'<audio src="{written}"></audio>'),), enclosures=(RawMedia("/e.mp3?a=1&b=2", "audio"),))
        assert clean(raw).body.count("<audio") == 1


def test_enclosures_that_are_no_addresses_or_too_many_are_left_out() -> None:
    bad = ("javascript:alert(1)", 'x"><script>alert(1)</script>', "data:audio/mp3,x", "")
    raw = RawEntry(enclosures=tuple(RawMedia(address, "audio") for address in bad))
    assert "script" not in clean(raw).body.replace("%3Cscript%3E", "").replace("%3C/script%3E", "")
    many = RawEntry(enclosures=tuple(RawMedia(f"/{number}.mp3", "audio") for number in range(500)))
    assert clean(many).body.count("<audio") == 4


PICTURES = {
    "the first that upstream names": ((RawMedia("/a.jpg", "image"), RawMedia("/b.jpg", "image")), "", "https://example.org/a.jpg"),
    "not one that counts readers": ((RawMedia("/a.jpg", "image", 1, 1), RawMedia("/b.jpg", "image")), "", "https://example.org/b.jpg"),
    "not a placeholder": ((RawMedia("/blank.gif", "image"), RawMedia("data:image/png,x", "image")), "", ""),
    "not a script": ((RawMedia("javascript:x", "image"),), "", ""),
    "the first of the body": ((), '<p><img src="/c.jpg"><img src="/d.jpg"></p>', "https://example.org/c.jpg"),
    "in the body no tracker": (
        (),
        '<img src="/t.gif" width="1" height="1"><img src="/d.jpg?a=1&amp;b=2">',
        "https://example.org/d.jpg?a=1&b=2",
    ),
    "in the body no placeholder": ((), '<img src="/loading.gif"><img src="/d.jpg">', "https://example.org/d.jpg"),
    "in the body the real address of a lazy one": ((), '<img src="/blank.gif" data-src="/real.jpg">', "https://example.org/real.jpg"),
    "none": ((), "<p>x</p>", ""),
}


@pytest.mark.parametrize(("pictures", "body", "expected"), PICTURES.values(), ids=PICTURES)
def test_the_picture_is(pictures: tuple[RawMedia, ...], body: str, expected: str) -> None:
    assert clean(RawEntry(pictures=pictures, contents=(html(body),))).picture == expected


def test_texts_are_cut_to_their_limits() -> None:
    entry = clean(
        RawEntry(
            guid="g" * 5_000,
            title=RawText("word " * 5_000),
            authors=tuple(RawText(f"Author {number}") for number in range(3_000)),
            tags=tuple(RawText(f"tag {number} " + "x" * 200) for number in range(10_000)),
        )
    )
    assert len(entry.title) <= 512 and entry.title.endswith("…")
    assert len(entry.author) <= 200
    assert len(entry.tags) == 100 and all(len(tag) <= 100 for tag in entry.tags)
    assert len(entry.guid) == MAX_GUID


def test_long_guids_stay_apart() -> None:
    one, other = (clean(RawEntry(guid="g" * 3_000 + end)).guid for end in "ab")
    assert one != other
    assert clean(RawEntry(guid="g" * 3_000 + "a")).guid == one


def test_a_body_over_one_megabyte_gives_way_to_the_summary() -> None:
    long = "<p>" + "字" * 400_000 + "</p>"
    assert clean(RawEntry(contents=(html(long),), summaries=(html("<p>short</p>"),))).body == "<p>short</p>"
    alone = clean(RawEntry(contents=(html(long.replace("字", "<b>字</b>")),))).body
    assert len(alone.encode()) <= MAX_BODY
    assert alone.startswith("<p>字字字") and alone.endswith("…</p>")
    fits = "<p>" + "字" * 300_000 + "</p>"
    assert clean(RawEntry(contents=(html(fits),))).body == fits


def test_the_feeds_author_stands_in_for_a_missing_one() -> None:
    feeds = (RawText("Feed"),)
    assert sanitize(RawEntry(), mark="", url=URL, embeds=frozenset(), authors=feeds).author == "Feed"
    assert sanitize(RawEntry(authors=(RawText("E"),)), mark="", url=URL, embeds=frozenset(), authors=feeds).author == "E"


def test_embeds_are_kept_for_the_listed_hosts_alone() -> None:
    frames = '<iframe src="https://www.youtube.com/embed/x"></iframe><iframe src="https://evil.example.com/"></iframe>'
    assert clean(RawEntry(contents=(html(frames),))).body.count("<iframe") == 1


texts = st.builds(RawText, st.text(max_size=60), st.booleans(), st.sampled_from(["", "x", "https://b.org/", "file:///"]))
media = st.builds(RawMedia, st.text(max_size=20), st.sampled_from(["image", "audio", "video"]))
raws = st.builds(
    RawEntry,
    guid=st.text(max_size=30),
    is_permalink=st.booleans(),
    link=st.text(max_size=30),
    title=texts,
    authors=st.lists(texts, max_size=3).map(tuple),
    contents=st.lists(texts, max_size=2).map(tuple),
    summaries=st.lists(texts, max_size=2).map(tuple),
    tags=st.lists(texts, max_size=3).map(tuple),
    pictures=st.lists(media, max_size=2).map(tuple),
    enclosures=st.lists(media, max_size=2).map(tuple),
    attachments=st.lists(st.builds(Enclosure, st.text(max_size=20), st.just("audio/mpeg")), max_size=2).map(tuple),
)


@given(raws)
@settings(max_examples=150, deadline=None)
def test_every_raw_entry_becomes_a_clean_one(raw: RawEntry) -> None:
    entry = clean(raw)
    for line in (entry.guid, entry.title, entry.author, *entry.tags):
        assert line == " ".join(line.split())
        assert not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in line)
    for address in (entry.link, entry.picture, entry.enclosure.url if entry.enclosure else ""):
        assert address == "" or address.startswith(("http://", "https://"))
        assert address.isascii()


@pytest.mark.parametrize("value", ["\n" * 1_000_000, "a\n \n" * 300_000, " \t" * 500_000 + "\n", "<" * 500_000, "&" * 500_000])
def test_plain_text_takes_linear_time(value: str) -> None:
    began = time.process_time()
    as_html(RawText(value))
    assert time.process_time() - began < 2
