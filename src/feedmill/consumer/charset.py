"""Which encoding an upstream document is in, and its text as UTF-8: byte order mark, what the bytes are, declarations, a guess.

Declarations lie: servers say iso-8859-1 of everything, templates say utf-8 of what their database holds. Bytes that are valid
UTF-8 beyond ASCII are practically never anything else, so they win; the rest is read as declared, by well-known codecs alone.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
# How a document without a mark begins (`<` or `{` and an ASCII character) where a character has two or four bytes.
_WIDE = (
    (re.compile(rb"\0\0\0[<{\[]"), "utf-32-be"),
    (re.compile(rb"[<{\[]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0[<{\[]\0[^\0]"), "utf-16-be"),
    (re.compile(rb"[<{\[]\0[^\0]\0"), "utf-16-le"),
)
_DECLARED = re.compile(rb"\s*+<\?xml[^<>]{0,200}?encoding\s*=\s*[\"']([^\"'<>]{1,40})[\"']", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\"';\s,]{1,40})", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]*")

# By Python's own names (`codecs.lookup(name).name`). `unicode_escape`, `idna`, `utf-7` and their like decode text that was never
# meant for them, and `undefined` raises on all.
# fmt: off
_KNOWN = frozenset({
    "utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le", "gb18030", "big5", "big5hkscs", "euc_jp",
    "cp932", "iso2022_jp", "euc_kr", "cp949", "euc_jis_2004", "koi8-r", "koi8-u", "mac-roman", "tis-620", "cp866", "cp874",
})
# fmt: on
_KNOWN_FAMILIES = re.compile(r"iso8859-\d{1,2}|cp125[0-8]")
# What is declared as the first is nearly always written in the second, which holds all of it (WHATWG Encoding §4.2).
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "euc_kr": "cp949", "euc_jp": "euc_jis_2004", "shift_jis": "cp932",
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254",
}  # fmt: skip
_MULTIBYTE = frozenset({"gb18030", "big5hkscs", "cp949", "euc_jis_2004", "cp932", "iso2022_jp"})

_SAMPLE = 65_536
#: One character in so many may be broken in a document that is in the encoding that it declares.
_FEW = 50
_ODD_BYTES = "feedmill-odd-bytes"
_IDEOGRAPHS = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")


def to_utf8(body: bytes, content_type: str = "") -> bytes:
    """Return the text of `body` in UTF-8 without a byte order mark; its own XML declaration stays as it is, and may lie.

    `content_type` is the header's value. Raises nothing: bytes that fit no encoding become the nearest characters.
    """
    for mark, name in _MARKS:
        if body.startswith(mark) and not (name == "utf-16-le" and body.startswith(codecs.BOM_UTF32_LE)):
            rest = body[len(mark) :]
            return _valid_utf8(rest) if name == "utf-8" else _encode(rest.decode(name, "replace"))
    for pattern, name in _WIDE:
        if pattern.match(body):
            return _encode(body.decode(name, "replace"))
    declared = _declared(body, content_type)
    if body.isascii():
        # Only an encoding that hides in ASCII can still make a difference.
        return body if "iso2022_jp" not in declared else _encode(body.decode("iso2022_jp", "replace"))
    if _is_utf8(body):
        return body
    return _encode(_as_declared(body, [name for name in declared if name != "utf-8"]))


def _as_declared(body: bytes, declared: list[str]) -> str:
    """Return the text of `body`, which is not UTF-8. What can be wrong goes first: any bytes at all are fine Windows-1252."""
    multibyte = [name for name in declared if name in _MULTIBYTE]
    for name in multibyte:
        text = body.decode(name, "replace")  # half a character, where a text was cut, garbles that character and no other
        if text.count("\ufffd") * _FEW <= len(_BEYOND_ASCII.findall(text)) + 2 * _FEW:
            return text
    if not _is_nearly_utf8(body):
        for name in declared:
            if (text_or_none := _decoded(body, name)) is not None:
                return text_or_none
        if multibyte and "gb18030" not in multibyte:
            return body.decode(multibyte[0], "replace")
    return _guessed(body)


def _declared(body: bytes, content_type: str) -> list[str]:
    """Return the usable encodings that are declared: the header's before the document's own (RFC 7303 §3)."""
    names = [found[1] for found in (_CHARSET.search(content_type),) if found]
    names += [found[1].decode("ascii", "replace") for found in (_DECLARED.match(body),) if found]
    return [known for name in names if (known := _known_codec(name))]


def _known_codec(name: str) -> str:
    """Return Python's name of an encoding that documents are really in; "" for every other."""
    if not _NAME.fullmatch(name):
        return ""
    try:
        found = codecs.lookup(name.lower().removeprefix("x-")).name
    except (LookupError, ValueError):
        return ""
    found = _WIDER.get(found, found)
    return found if found in _KNOWN or _KNOWN_FAMILIES.fullmatch(found) else ""


def _is_utf8(body: bytes) -> bool:
    return _decoded(body, "utf-8") is not None


def _valid_utf8(body: bytes) -> bytes:
    return body if body.isascii() or _is_utf8(body) else _encode(body.decode("utf-8", _ODD_BYTES))


def _decoded(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except UnicodeError:
        # The codec for Windows' code pages leaves five bytes undefined; browsers read them as controls.
        return body.decode(name, "replace") if name.startswith("cp125") else None


def _guessed(body: bytes) -> str:
    """Return the text of bytes that are not what they claim: UTF-8 with a few odd bytes, Chinese, or Western European."""
    if _is_nearly_utf8(body):
        return body.decode("utf-8", _ODD_BYTES)
    chinese = _decoded(body, "gb18030")
    if chinese is not None:
        beyond = _BEYOND_ASCII.findall(chinese[:_SAMPLE])
        if 2 * len(_IDEOGRAPHS.findall(chinese[:_SAMPLE])) > len(beyond):
            return chinese
    return body.decode("cp1252", "replace")


def _is_nearly_utf8(body: bytes) -> bool:
    sample = body[:_SAMPLE].decode("utf-8", "replace")
    return sample.count("\ufffd") * 4 <= len(_BEYOND_ASCII.findall(sample))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _as_windows_1252(error: UnicodeError) -> tuple[str | bytes, int]:
    """Read the bytes that are no UTF-8 as Windows-1252: one field of a template in another encoding than the rest."""
    assert isinstance(error, UnicodeDecodeError), "registered for decoding alone"
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_ODD_BYTES, _as_windows_1252)
