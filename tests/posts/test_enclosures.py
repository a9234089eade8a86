"""What a post encloses: every form of the key, media types by ending, players, and the bytes that are written."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from feedmill.model import Enclosure, Post, Value
from feedmill.posts.enclosures import MAX_LENGTH, declared_length, media_type, normal_enclosure, players, read_enclosure
from feedmill.posts.format import decode
from feedmill.posts.writing import encode

UTC = ZoneInfo("UTC")
MP3 = "https://example.org/a.mp3"
FULL = Enclosure(MP3, "audio/mpeg", 123)


def read(front: str, name: str = "2026-01-02-x.md"):
    return decode(front.encode(), name=name, zone=UTC)


READ: dict[str, tuple[Value, Enclosure | None]] = {
    "a mapping": ({"url": MP3, "type": "audio/mpeg", "length": "123"}, FULL),
    "other names": ({"href": MP3, "mime_type": "Audio/MPEG; x=y", "bytes": "123"}, FULL),
    "size": ({"url": MP3, "type": "audio/mpeg", "size": "123"}, FULL),
    "unknown keys": ({"url": MP3, "type": "audio/mpeg", "length": "123", "duration": "1:30", "more": ["x"]}, FULL),
    "an address": (MP3, Enclosure(MP3)),
    "a relative one": ("/audio/a.mp3", Enclosure("/audio/a.mp3")),
    "one with spaces": ("/my episode.mp3", Enclosure("/my episode.mp3")),
    "WordPress": (f"{MP3}\n123\naudio/mpeg\n", FULL),
    "WordPress's plugin": (f'{MP3}\n123\naudio/mpeg\na:1:{{s:8:"duration";s:5:"00:10";}}', FULL),
    "address and type": (f"{MP3} audio/mpeg", Enclosure(MP3, "audio/mpeg")),
    "url type length": (f"{MP3} audio/mpeg 123", FULL),
    "spaces before the facts": ("/my episode.mp3 123 audio/mpeg", Enclosure("/my episode.mp3", "audio/mpeg", 123)),
    "three items": ([MP3, "123", "audio/mpeg"], FULL),
    "a list of one": ([{"url": MP3, "type": "audio/mpeg", "length": "123"}], FULL),
    "an unknown length": ({"url": MP3, "length": "0"}, Enclosure(MP3)),
    "WordPress's unknown length": (f"{MP3}\n0\naudio/mpeg", Enclosure(MP3, "audio/mpeg")),
    "none": ("false", None),
    "an empty list": (["", []], None),
}


@pytest.mark.parametrize(("value", "expected"), READ.values(), ids=READ)
def test_the_forms_that_are_read(value: Value, expected: Enclosure | None) -> None:
    assert read_enclosure(value) == (expected, [])


BAD: dict[str, tuple[Value, Enclosure | None, str]] = {
    "no address": ({"type": "audio/mpeg"}, None, "no usable address (there is none)"),
    "an address that is a list": ({"url": ["x"]}, None, "no usable address"),
    "a script": ("javascript:alert(1)", None, "no usable address (javascript:"),
    "a file of this machine": ({"url": "file:///etc/passwd"}, None, "no usable address"),
    "a length in words": ({"url": MP3, "length": "12 MB"}, Enclosure(MP3), "`12 MB` is no number of bytes"),
    "a negative length": ({"url": MP3, "length": "-1"}, Enclosure(MP3), "no number of bytes"),
    "an absurd length": ({"url": MP3, "length": str(MAX_LENGTH + 1)}, Enclosure(MP3), "no number of bytes"),
    "endless digits": ({"url": MP3, "length": "9" * 5000}, Enclosure(MP3), "no number of bytes"),
    "a type that is none": ({"url": MP3, "type": "song", "length": "1"}, Enclosure(MP3, "", 1), "`song` is no media type"),
    "two": ([MP3, "https://example.org/b.mp3"], Enclosure(MP3), "more than one"),
}


@pytest.mark.parametrize(("value", "expected", "fault"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_and_the_rest_is_read(value: Value, expected: Enclosure | None, fault: str) -> None:
    found, faults = read_enclosure(value)
    assert found == expected
    assert len(faults) == 1
    assert fault in faults[0]
    assert faults[0] == " ".join(faults[0].split())
    assert len(faults[0]) < 200


FRONTS = {
    "block": f"---\ntitle: a\nenclosure:\n  url: {MP3}\n  type: audio/mpeg\n  length: 123\n---\n",
    "flow": f"---\ntitle: a\nenclosure: {{url: '{MP3}', type: audio/mpeg, size: '123'}}\n---\n",
    "lines": f"---\ntitle: a\nenclosure: |\n  {MP3}\n  123\n  audio/mpeg\n---\n",
    "in a broken front matter": f"---\ntitle: a: b\nenclosure:\n url: {MP3}\n type: audio/mpeg\n length: 123\n---\n",
    "toml": f'+++\ntitle = "a"\n[enclosure]\nurl = "{MP3}"\ntype = "audio/mpeg"\nlength = 123\n+++\n',
    "json": f'{{"title": "a", "enclosure": {{"url": "{MP3}", "type": "audio/mpeg", "length": 123}}}}\n',
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_every_language_says_the_same(front: str) -> None:
    decoded = read(front)
    assert decoded.post.enclosure == FULL
    assert decoded.post.extra == ()
    assert not [problem for problem in decoded.problems if problem[1] == "enclosure"]


def test_a_bad_value_is_a_problem_with_its_line_and_never_refuses_the_post() -> None:
    decoded = read("---\ntitle: a\nenclosure:\n  length: many\n  url: /a.mp3\n---\n")
    assert decoded.post.enclosure == Enclosure("/a.mp3")
    assert [(line, rule) for line, rule, _ in decoded.problems] == [(3, "enclosure")]


def test_an_enclosure_is_written_behind_the_keys_of_synced_posts_and_before_unknown_ones() -> None:
    post = Post(title="a", source="s", tags=("t",), enclosure=FULL, extra=(("draft", "true"),))
    written = encode(post).decode()
    assert f"tags:\n - t\nenclosure:\n url: '{MP3}'\n type: audio/mpeg\n length: 123\ndraft: true\n---\n" in written
    assert read(written, "x.md").post == post


WRITTEN = {
    "as it is": (FULL, FULL),
    "an address alone": (Enclosure(MP3), Enclosure(MP3)),
    "quotes": (Enclosure("/it's 1.mp3", "", 5), Enclosure("/it's 1.mp3", "", 5)),
    "lines": (Enclosure(" /a\nb.mp3 ", "Audio/MPEG;q=1", 0), Enclosure("/a b.mp3", "audio/mpeg")),
    "a type that is none": (Enclosure(MP3, "x", MAX_LENGTH + 1), Enclosure(MP3)),
    "no address": (Enclosure("mailto:a@example.org", "audio/mpeg", 1), None),
}


@pytest.mark.parametrize(("enclosure", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_reads_back_in_normal_form(enclosure: Enclosure, expected: Enclosure | None) -> None:
    data = encode(Post(title="a", enclosure=enclosure))
    assert read(data.decode()).post.enclosure == expected == normal_enclosure(enclosure)
    assert encode(read(data.decode(), "x.md").post) == data


def test_a_post_without_an_enclosure_has_no_key() -> None:
    assert b"enclosure" not in encode(Post(title="a"))


@pytest.mark.parametrize(
    ("declared", "address", "expected"),
    [
        ("audio/mpeg", "https://example.org/x", "audio/mpeg"),
        (" Audio/X-M4A ; codecs=1", "", "audio/x-m4a"),
        ("", "https://example.org/a.MP3?b=c.pdf#d", "audio/mpeg"),
        ("", "/audio/a.b.m4a", "audio/mp4"),
        ("", "a.opus", "audio/ogg"),
        ("application/octet-stream", "/a.mp3", "audio/mpeg"),
        ("application/octet-stream", "/a", "application/octet-stream"),
        ("binary/octet-stream", "/a.pdf", "application/pdf"),
        ("audio/*", "/a", ""),
        ("audio", "/a.doc", ""),
        ("", "https://example.mp3", ""),
        ("", "https://example.mp3/", ""),
        ("", "/mp3", ""),
        ("", "/a.mp3/b", ""),
        ("", "/a?x=b.mp3", ""),
        ("audio/" + "x" * 200, "", ""),
    ],
)
def test_the_type_of_a_file(declared: str, address: str, expected: str) -> None:
    assert media_type(declared, address) == expected


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1", 1),
        (str(MAX_LENGTH), MAX_LENGTH),
        ("0", None),
        ("", None),
        ("x", None),
        ("-1", None),
        ("1e30", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_a_declared_length(text: str, length: int | None) -> None:
    assert declared_length(text) == length


PLAYERS: dict[str, tuple[str, list[Enclosure]]] = {
    "none": ("<p>x</p><picture><source src='/a.mp3'></picture>", []),
    "src": ('<p><audio src="https://e.org/a.mp3" controls=""></audio></p>', [Enclosure("https://e.org/a.mp3", "audio/mpeg")]),
    "the first source": (
        '<video poster="/p.jpg"><source src="/a.webm" type="video/webm; codecs=&quot;vp9&quot;"><source src="/a.mp4"></video>',
        [Enclosure("/a.webm", "video/webm")],
    ),
    "a container of both": (
        '<audio src="/a.mp4"></audio><video src="/b.ogg"></video>',
        [Enclosure("/a.mp4", "audio/mp4"), Enclosure("/b.ogg", "video/ogg")],
    ),
    "its own type stands": ('<audio><source src="/a" type="video/mp4"></audio>', [Enclosure("/a", "video/mp4")]),
    "an empty player": ('<audio></audio><picture><source src="/no.mp3"></picture><video src="/v"></video>', [Enclosure("/v", "")]),
    "references": ('<audio src="/a.mp3?b=1&amp;c=2"></audio>', [Enclosure("/a.mp3?b=1&c=2", "audio/mpeg")]),
}


@pytest.mark.parametrize(("html", "expected"), PLAYERS.values(), ids=PLAYERS)
def test_what_a_body_plays(html: str, expected: list[Enclosure]) -> None:
    assert list(players(html)) == expected
