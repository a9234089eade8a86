"""Characters and plain text: what may stand in our documents, and how text is put on one line, read out of HTML and cut.

Nothing here knows a post, a feed or a file; every function is linear in its input and raises nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# What XML 1.0 (5th edition, production 2) lets no document contain; U+000D too, which any XML reader turns into U+000A
# (2.11), and the C1 controls U+0080-9F: legal, but always the sign of a mislabelled Windows-1252 text.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x80-\x9f\ud800-\udfff\ufffe\uffff]")
# Controls that part lines, fields or records: white space to str.split(), and to the eye.
_SEPARATOR = re.compile("[\x0b\x0c\x1c-\x1f]")
_WINDOWS_1252 = {chr(code): bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}

# Tags whose edges part words when they are taken out; every other tag may stand inside a word (`H<sub>2</sub>O`).
_PARTING = (
    "address article aside audio blockquote br caption center dd details div dl dt fieldset figcaption figure footer form h[1-6] "
    "header hgroup hr iframe img li main nav ol option p picture pre section source summary table tbody td tfoot th thead title "
    "track tr ul video"
)
_HIDDEN = re.compile(r"<(script|style|template)(?=[\s/>])(?:(?!</\1).)*+", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--(?:(?!-->).)*+(?:-->)?", re.DOTALL)
_PARTING_TAG = re.compile(rf"</?(?:{_PARTING.replace(' ', '|')})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>|<[!?][^<>]*>", re.IGNORECASE)
# int() refuses more than 4,300 digits with a ValueError, and html.unescape asks it.
_ENDLESS_REFERENCE = re.compile(r"&#x?[0-9a-f]{12,};?", re.IGNORECASE)

_ZERO_WIDTH_JOINER = "\u200d"
#: How far back a cut may move to fall between two words, as a share of the limit and in characters.
_WORD_SHARE, _WORD_REACH = 4, 24
#: Primary subtags of languages that are written from right to left.
_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ku", "ps", "sd", "syr", "ug", "ur", "yi"})


def clean_text(text: str) -> str:
    r"""Return `text` with XML 1.0 characters only: no C0 control but tab and newline, no lone surrogate, no U+FFFE or U+FFFF.

    C1 controls are read as the Windows-1252 characters that they nearly always were; `\r\n` and `\r` become `\n`.
    """
    if text.isprintable() or _fit().fullmatch(text):
        return text
    return _UNFIT.sub(lambda found: _WINDOWS_1252.get(found[0], ""), text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return `text` cleaned, every run of white space a single space, none at the ends; bidi and joining marks stay."""
    # What is printable has nothing of `_UNFIT`, and most of what is on one line is printable: a quarter of the pattern's time.
    if not text.isprintable() and not _fit().fullmatch(text):
        text = clean_text(_SEPARATOR.sub(" ", text))
    return " ".join(text.split())


@cache
def _fit() -> re.Pattern[str]:
    """Match text that has nothing of `_UNFIT`: over Chinese text twice as fast as a search for it, but 3 ms to compile."""
    return re.compile("[\t\n\x20-\x7f\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*+")


def plain_text(html_text: str) -> str:
    """Return the text of an HTML fragment on one line: no tags, no scripts or styles, entities decoded once.

    It reads what `clean_html` writes; on anything else it is a fair guess, never an error and never a safe fragment.
    """
    text = html_text
    if "<" in text:
        text = _HIDDEN.sub(" ", _COMMENT.sub("", text))
        text = _TAG.sub("", _PARTING_TAG.sub(" ", text))
    if "&" in text:
        import html  # 2 ms, and not every run reads HTML

        text = html.unescape(_ENDLESS_REFERENCE.sub("\ufffd", text))
    return one_line(text)


def shorten(text: str, limit: int) -> str:
    """Return `text`, or a beginning of it and "…", in at most `limit` characters.

    The cut falls between words where a space or a CJK character is near, and never inside what a reader sees as one
    character (the clusters of UAX #29: combining marks, joined emoji, flags, Hangul syllables, Indic conjuncts).
    """
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    cut = limit - 1
    while cut > 0 and _is_inside_cluster(text, cut):
        cut -= 1
    cut = _word_start(text, cut, max(cut - min(limit // _WORD_SHARE, _WORD_REACH), 1))
    return text[:cut].rstrip(" \t\n,;:，；：、") + "…"


def _is_inside_cluster(text: str, cut: int) -> bool:
    """Whether `text[cut]` belongs to the same visible character as what stands before it."""
    before, after = text[cut - 1], text[cut]
    if after.isascii():
        return before == "\r" and after == "\n"
    if before == _ZERO_WIDTH_JOINER or _extends(after):
        return True
    if _is_flag_letter(after) and _is_flag_letter(before):
        return _flag_letters_before(text, cut) % 2 == 1
    if "\u1100" <= before <= "\u115f":
        return "\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3"
    # A virama (canonical combining class 9) ties the consonant after it: rule GB9c of UAX #29.
    return unicodedata.combining(before) == 9 and unicodedata.category(after) == "Lo"


def _extends(character: str) -> bool:
    """Whether `character` continues a visible character: marks, joiners, variation selectors, skin tones, tags, jamo."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character in ("\u200c", _ZERO_WIDTH_JOINER)
        or "\u1160" <= character <= "\u11ff"
        or "\ud7b0" <= character <= "\ud7ff"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, end: int) -> int:
    start = end
    while start > 0 and _is_flag_letter(text[start - 1]):
        start -= 1
    return end - start


def _word_start(text: str, cut: int, earliest: int) -> int:
    """Return the last place from `earliest` to `cut` where a word may end; `cut` where there is none."""
    for place in range(cut, earliest - 1, -1):
        if place < len(text) and _is_word_break(text[place - 1], text[place]) and not _is_inside_cluster(text, place):
            return place
    return cut


def _is_word_break(before: str, after: str) -> bool:
    return before.isspace() or after.isspace() or _is_ideographic(before) or _is_ideographic(after)


def _is_ideographic(character: str) -> bool:
    """Scripts written without spaces between words: Han, kana, and their punctuation."""
    return (
        "\u2e80" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or "\uff00" <= character <= "\uffef"
        or character >= "\U00020000"
    )


def direction_of(language: str) -> str:
    """Return "rtl" or "ltr": how a language (BCP 47) is written, by its primary subtag."""
    return "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
