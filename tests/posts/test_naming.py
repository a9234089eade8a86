"""Any text gives one safe path segment, names that a file system would take for one are told apart, plain names stay."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedmill.posts.naming import MAX_NAME_BYTES, fold, folder_name, short_hash

HASHED = re.compile(r".*-[0-9a-f]{8}", re.DOTALL)
#: Microsoft's "Naming Files, Paths, and Namespaces", and the two console devices that Windows adds.
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {f"{name}{digit}" for name in ("COM", "LPT") for digit in "0123456789¹²³"}

#: Pieces that make names dangerous, among any other characters.
NASTY = st.sampled_from(
    [
        *'/\\. \0\n\x1b\x7f\x85\u2028\u202e\ud800\ufffe:*?"<>|éßİſ\u0345-~',
        *("..", "CON", "nul", ".tmp", "atom.xml", "index.html", "e\u0301", "SS", "💥" * 60, "长" * 90),
    ]
)
ANY_TEXT = st.one_of(st.text(), st.lists(st.one_of(NASTY, st.text(max_size=3)), max_size=6).map("".join), NASTY)


def canonical_caseless(name: str) -> str:
    """The form in which the Unicode standard compares names without case (D145): what macOS does to file names, or worse."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def assert_safe(name: str) -> None:
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|')
    assert not [character for character in name if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]
    assert len(name.encode("utf-8")) <= 255
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert name.partition(".")[0].rstrip(" ").upper() not in DEVICES
    assert not name.lower().endswith(".tmp")
    assert unicodedata.is_normalized("NFC", name)


@given(text=ANY_TEXT)
@example("..")
@example("")
@example(" . ")
@example("con .txt")
@example("a" * 199 + " b")
@example("/etc/passwd")
def test_any_text_gives_one_safe_segment_and_always_the_same(text: str) -> None:
    name = folder_name(text)
    assert_safe(name)
    assert folder_name(text) == name
    assert os.path.normpath(f"/feeds/{name}") == f"/feeds/{name}"


@settings(max_examples=60)
@given(text=ANY_TEXT)
def test_the_name_can_be_made_and_lies_inside_the_folder(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("names")
    made = folder / folder_name(text)
    made.mkdir()
    assert [Path(entry.path) for entry in os.scandir(folder)] == [made]
    assert made.resolve().parent == folder.resolve()


@given(
    texts=st.lists(
        st.one_of(ANY_TEXT, st.sampled_from(["A", "a", "É", "é", "E\u0301", "e\u0301", "a:", "a?", "a*"])), unique=True, max_size=12
    )
)
def test_different_texts_get_different_names_on_any_file_system(texts: list[str]) -> None:
    taken: set[str] = set()
    names = []
    for text in texts:
        name = folder_name(text, taken=taken)
        assert_safe(name)
        assert fold(name) not in taken
        taken.add(fold(name))
        names.append(name)
    assert len({canonical_caseless(name) for name in names}) == len(texts)


@given(text=ANY_TEXT, others=st.lists(ANY_TEXT, max_size=5))
def test_names_that_are_taken_do_not_change_a_name_that_is_free(text: str, others: list[str]) -> None:
    alone = folder_name(text)
    taken = {fold(folder_name(other)) for other in others} - {fold(alone)}
    assert folder_name(text, taken=taken) == alone


PLAIN = [
    "新媒体",
    "人人都是产品经理",
    "C++",
    "C#",
    "Node.js",
    "a b",
    "100%",
    "100% [beta] (v2)",
    "Ünïcödé",
    "日本語",
    "한국어",
    "العربية",
    "עברית",
    "हिन्दी",
    "💥",
    "-x",
    "a-0123456",
    "console",
    "com10",
    "atomics",
    "feeds",
    "index",
    "it's",
    "R&D",
    "a.tmp.b",
    "長" * 66,
]


@pytest.mark.parametrize("text", PLAIN, ids=[text[:20] for text in PLAIN])
def test_plain_names_stay_as_they_are(text: str) -> None:
    assert folder_name(text) == text


LETTERS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)


@given(text=LETTERS)
def test_letters_and_digits_of_every_script_stay_as_they_are(text: str) -> None:
    plain = unicodedata.normalize("NFC", text)
    if plain.upper() not in DEVICES:
        assert folder_name(text) == plain


CHANGED = [
    ("", "_"),
    (".", "_"),
    ("..", "__"),
    ("...", "__"),
    ("../../etc", "_._.._etc"),
    ("/etc/passwd", "_etc_passwd"),
    ("TCP/IP", "TCP_IP"),
    ("a\\b", "a_b"),
    ("a:b", "a_b"),
    ("a\0b", "a_b"),
    ("a\nb", "a_b"),
    ("a\ud800", "a_"),
    (".hidden", "_hidden"),
    ("end.", "end_"),
    ("end . .", "end_"),
    (" both ", "both"),
    ("CON", "_CON"),
    ("nul.txt", "_nul.txt"),
    ("COM¹", "_COM¹"),
    ("con .txt", "_con .txt"),
    ("CONOUT$", "_CONOUT$"),
    ("atom.xml", "atom.xml"),
    ("Index.HTML", "Index.HTML"),
    ("feed.json", "feed.json"),
    ("feed-2.json", "feed-2.json"),
    ("_redirects", "_redirects"),
    ("notes.tmp", "notes.tmp"),
    ("长" * 100, "长" * (MAX_NAME_BYTES // 3)),
    ("💥" * 100, "💥" * (MAX_NAME_BYTES // 4)),
]


@pytest.mark.parametrize(("text", "start"), CHANGED, ids=[ascii(text)[:24] for text, _ in CHANGED])
def test_what_cannot_stay_is_changed_as_little_as_possible_and_gets_its_hash(text: str, start: str) -> None:
    assert folder_name(text) == f"{start}-{short_hash(text)}"


TWINS = [
    ("A", "a"),
    ("a", "A"),
    ("é", "e\u0301"),
    ("É", "e\u0301"),
    ("straße", "STRASSE"),
    ("ﬁn", "FIN"),
    ("Σ", "ς"),
    ("K", "\u212a"),
    ("新闻A", "新闻a"),
]


@pytest.mark.parametrize(("first", "second"), TWINS, ids=[f"{first!a} {second!a}" for first, second in TWINS])
def test_of_twins_only_the_second_gets_a_hash(first: str, second: str) -> None:
    taken: set[str] = set()
    names = []
    for text in (first, second):
        names.append(folder_name(text, taken=taken))
        taken.add(fold(names[-1]))
    assert names[0] == unicodedata.normalize("NFC", first)
    assert HASHED.fullmatch(names[1])
    assert names[1] == f"{unicodedata.normalize('NFC', second)}-{short_hash(second)}"


def test_a_hash_that_is_taken_too_gives_another() -> None:
    taken = {fold("a"), fold(f"a-{short_hash('a')}")}
    name = folder_name("a", taken=taken)
    assert HASHED.fullmatch(name)
    assert fold(name) not in taken


def test_what_is_reserved_by_the_caller_is_not_to_be_had() -> None:
    assert folder_name("Tags", taken={"tags"}) == f"Tags-{short_hash('Tags')}"


@pytest.mark.parametrize("text", ["A", "é", "e\u0301", "ß", "ŒUVRE", "İ", "ᾼ", "新闻"], ids=ascii)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)


def test_the_hash_is_for_good() -> None:
    """Folder names are addresses that people subscribe to: this value must never change."""
    assert short_hash("新媒体") == "3821e555"
    assert short_hash("\ud800") != short_hash("\ud801")
