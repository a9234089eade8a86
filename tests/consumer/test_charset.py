"""Encodings: what upstream says, what its bytes are, and which of the two is believed (row A14 of the fault list)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.consumer.charset import to_utf8

RUSSIAN, CHINESE, FRENCH = "Привет, мир", "再谈做不大的小账号", "déjà vu – “œuvre” €"


def declared(name: str, text: str) -> str:
    return f'<?xml version="1.0" encoding="{name}"?><rss><title>{text}</title></rss>'


AGREED = {
    "UTF-8": ("utf-8", FRENCH),
    "Windows-1251": ("windows-1251", RUSSIAN),
    "KOI8-R": ("koi8-r", RUSSIAN),
    "GBK": ("gbk", CHINESE),
    "GB2312": ("gb2312", CHINESE),
    "Big5": ("big5", "繁體中文"),
    "Shift JIS": ("shift_jis", "日本語のテキスト"),
    "EUC-KR": ("euc-kr", "한국어"),
    "ISO-2022-JP, which hides in ASCII": ("iso-2022-jp", "日本語"),
}


@pytest.mark.parametrize(("name", "text"), AGREED.values(), ids=AGREED)
def test_a_document_in_the_encoding_that_it_declares_is_read(name: str, text: str) -> None:
    document = declared(name, text)
    assert to_utf8(document.encode(name)).decode() == document
    undeclared = f"<rss><title>{text}</title></rss>"
    assert to_utf8(undeclared.encode(name), f"text/xml; charset={name}").decode() == undeclared


DISAGREEING = {
    "the header is right, the declaration wrong": (declared("utf-8", RUSSIAN), "windows-1251", "text/xml; charset=windows-1251"),
    "the declaration is right, the header a server's default": (declared("utf-8", FRENCH), "utf-8", "text/xml; charset=ISO-8859-1"),
    "the declaration is right, the header of us-ascii": (declared("utf-8", CHINESE), "utf-8", "text/xml; charset=us-ascii"),
    "both say Latin-1 of what is UTF-8": (declared("iso-8859-1", CHINESE), "utf-8", "text/xml; charset=iso-8859-1"),
    "a mark of UTF-8 and another declaration": (declared("iso-8859-1", FRENCH), "utf-8-sig", ""),
    "a mark of UTF-16 and another declaration": (declared("utf-8", CHINESE), "utf-16", "application/rss+xml; charset=utf-8"),
    "UTF-16 without a mark": (declared("utf-16", CHINESE), "utf-16-le", ""),
    "UTF-16 the other way round": (declared("utf-16", CHINESE), "utf-16-be", ""),
    "UTF-32": (declared("utf-8", CHINESE), "utf-32", ""),
    "Latin-1 that is Windows-1252": (declared("iso-8859-1", FRENCH), "cp1252", ""),
    "UTF-8 that is Windows-1252": (declared("utf-8", FRENCH * 3), "cp1252", ""),
    "UTF-8 that is GBK": (declared("utf-8", CHINESE * 3), "gbk", ""),
    "nothing declared, Windows-1252": (f"<rss>{FRENCH}</rss>", "cp1252", ""),
    "nothing declared, Chinese": (f"<rss>{CHINESE}</rss>", "gb18030", ""),
}


@pytest.mark.parametrize(("text", "name", "content_type"), DISAGREEING.values(), ids=DISAGREEING)
def test_where_declarations_disagree_the_text_comes_out_right(text: str, name: str, content_type: str) -> None:
    assert to_utf8(text.encode(name), content_type).decode() == text


ODD = ["bogus", "utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "rot13", "hex", "base64", "zip", "mbcs",
       "utf-8\0", "é", "..", "os.path", "x" * 39, "palmos", "cp037"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_codecs_are_passed_over(name: str) -> None:
    for text in (f"<rss>{FRENCH} +AGE- \\u0041</rss>", "<rss>+AGE- \\u0041 xn--a</rss>"):
        assert to_utf8(text.encode(), f"text/xml; charset={name}").decode() == text
        document = declared(name, text)
        assert to_utf8(document.encode()).decode() == document


def test_a_few_bytes_of_another_encoding_do_not_spoil_the_rest() -> None:
    mixed = CHINESE.encode() * 3 + "<p>café</p>".encode("cp1252") + RUSSIAN.encode()
    assert to_utf8(mixed, "text/xml; charset=utf-8").decode() == CHINESE * 3 + "<p>café</p>" + RUSSIAN


def test_text_that_looks_doubly_encoded_stays_as_it_is() -> None:
    assert to_utf8("<title>Ã©</title>".encode()).decode() == "<title>Ã©</title>"


@given(st.binary(max_size=200), st.sampled_from(["", "text/xml; charset=utf-16", "x; charset=gbk", "x;charset='koi8-r'", "x; charset="]))
def test_every_body_becomes_utf8(body: bytes, content_type: str) -> None:
    to_utf8(body, content_type).decode("utf-8")


@pytest.mark.parametrize("body", [b"\xff" * 3_000_000, b"\xe4\xbd" * 1_500_000, b"a\xe9" * 1_500_000, b" " * 3_000_000 + b"<?xml"])
def test_hostile_bytes_take_linear_time(body: bytes) -> None:
    began = time.process_time()
    to_utf8(body, "text/xml; charset=utf-8")
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("written", "declared", "text"),
    [
        ("gb18030", "gbk", "今天的新闻"),
        ("big5hkscs", "big5", "恒生指數裏"),
        ("cp949", "euc-kr", "똠방각하"),
        ("euc_jis_2004", "euc-jp", "①㈱ニュース"),
        ("cp932", "x-sjis", "ニュース"),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"\x81"], ids=["whole", "half-a-character"])
def test_a_declared_encoding_holds_though_a_character_is_cut(written: str, declared: str, text: str, rest: bytes) -> None:
    body = (text * 20).encode(written) + rest
    assert to_utf8(b"<rss>" + body, f"text/xml; charset={declared}").decode().startswith(f"<rss>{text}")


def test_a_header_that_says_latin_1_of_everything_does_not_beat_what_the_document_is() -> None:
    header = "text/xml; charset=iso-8859-1"
    assert "今天" in to_utf8(b'<?xml version="1.0" encoding="gb2312"?><rss>' + ("今天的新闻" * 9).encode("gb18030"), header).decode()
    assert "今天" in to_utf8(("<rss>" + "今天的新闻" * 9).encode() + b"\xff", header).decode()
    assert "café" in to_utf8("<rss>café".encode("latin-1"), header).decode()
