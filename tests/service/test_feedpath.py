"""Paths as they come in: decoded once, strictly, and never a name that is not served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.durable import TEMP_PREFIX, TEMP_SUFFIX
from feedmill.service.feedpath import BadPathError, decode_path, encode_path, file_of, is_servable


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"", ""),
        (b"atom.xml", "atom.xml"),
        (b"A/atom.xml", "A/atom.xml"),
        (b"A/", "A/"),
        (b"%E7%A7%91%E6%8A%80/atom.xml", "科技/atom.xml"),
        (b"%e7%a7%91%e6%8a%80/atom.xml", "科技/atom.xml"),
        ("科技/atom.xml".encode(), "科技/atom.xml"),
        (b"%61tom.xml", "atom.xml"),
        (b"a%20b/atom.xml", "a b/atom.xml"),
        (b"a+b/atom.xml", "a+b/atom.xml"),
        (b"100%25/atom.xml", "100%/atom.xml"),
        (b"%252e%252e/atom.xml", "%2e%2e/atom.xml"),
        (b"%252Fetc", "%2Fetc"),
        (b"a%3Fb%23c/atom.xml", "a?b#c/atom.xml"),
        (b"...a/atom.xml", None),
        (b"a../atom.xml", "a../atom.xml"),
    ],
)
def test_a_path_is_decoded_once(raw: bytes, path: str | None) -> None:
    assert decode_path(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        b"%",
        b"%4",
        b"%zz",
        b"a%2",
        b"%%41",
        b"%u0041",
        b"a%00b",
        b"%00",
        b"atom.xml%00.png",
        b"a%0ab",
        b"a%0d%0aSet-Cookie:%20x=1",
        b"a%7fb",
        b"a%1bb",
        b"a\x00b",
        b"%C2%85",
        b"%ff",
        b"\xff",
        b"%c0%ae%c0%ae/atom.xml",
        b"%c0%af",
        b"%e0%80%ae",
        b"%f0%80%80%ae",
        b"%ed%a0%80",
        b"%f5%80%80%80",
        b"%e7%a7",
        b"x" * 65_536,
        b"%61" * 20_000,
    ],
)
def test_I1_I4_what_means_nothing_is_a_bad_path(raw: bytes) -> None:
    with pytest.raises(BadPathError):
        decode_path(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"..",
        b".",
        b"../config.yaml",
        b"A/../../config.yaml",
        b"%2e%2e/config.yaml",
        b"%2E./config.yaml",
        b"..%2fconfig.yaml",
        b"..%2Fconfig.yaml",
        b"A%2Fatom.xml",
        b"..%5cconfig.yaml",
        b"A\\atom.xml",
        b"//",
        b"/",
        b"/etc/passwd",
        b"A//atom.xml",
        b"%2fetc%2fpasswd",
        b".git/config",
        b".feedmill/state.db",
        b".htaccess",
        b"A/.hidden",
        b"A/..",
        b"A/../",
        b"A/./atom.xml",
        f"{TEMP_PREFIX}0123{TEMP_SUFFIX}".encode(),
        b"atom.xml.tmp",
        b"atom.xml.TMP",
        b"A.tmp/atom.xml",
    ],
)
def test_I1_I3_what_no_served_file_is_called_is_nothing(raw: bytes) -> None:
    assert decode_path(raw) is None


NAMES = st.text(min_size=1, max_size=12).filter(is_servable).filter(lambda name: "/" not in name)


@given(st.lists(NAMES, min_size=1, max_size=4), st.booleans())
def test_an_address_leads_back_to_its_path(names: list[str], is_folder: bool) -> None:
    path = "/".join(names) + ("/" if is_folder else "")
    encoded = encode_path(path)
    assert encoded.isascii()
    assert decode_path(encoded.encode("ascii")) == path


@given(st.binary(max_size=40))
def test_whatever_is_asked_for_the_path_stays_inside(raw: bytes) -> None:
    try:
        path = decode_path(raw)
    except BadPathError:
        return
    if path is not None:
        segments = file_of(path).split("/")
        assert not {"", ".", ".."} & set(segments)
        assert not any(segment.startswith(".") or "\\" in segment or "\0" in segment for segment in segments)
        path.encode("utf-8")


@pytest.mark.parametrize(("path", "file"), [("", "index.html"), ("A/", "A/index.html"), ("A", "A"), ("A/atom.xml", "A/atom.xml")])
def test_a_folder_is_its_index(path: str, file: str) -> None:
    assert file_of(path) == file


def test_a_name_that_is_no_utf8_is_not_served() -> None:
    assert not is_servable("a\udcff.xml")
