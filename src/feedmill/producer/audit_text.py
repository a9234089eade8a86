"""What docs/feed-rules.md asks of single values: dates, ids, addresses, language tags, plain text. It mends nothing."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from feedmill.text import one_line, shorten
from feedmill.urls import is_absolute_uri


class Fault(NamedTuple):
    """A broken rule of docs/feed-rules.md by its number, and the reason in words."""

    rule: int
    reason: str


#: MySQL's longest index key under utf8mb4; FreshRSS stores ids in such a column.
MAX_ID_BYTES = 767
#: Rules 30 and 31: what a link may lead to; anything else is a script, a tracker or nothing that a reader can open.
WEB = frozenset({"http", "https"})
WEB_AND_MAIL = WEB | {"mailto"}

_DATE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d(?P<seconds>:\d\d(?:\.\d+)?)?)?",
    re.ASCII,
)
# BCP 47 §2.1 without the irregular old tags, which no feed needs.
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?|x(?:-[a-z\d]{1,8})+",
    re.ASCII | re.IGNORECASE,
)
_DNS = r"(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?"
# RFC 4151 §2.1: authority (a domain or a mailbox there), a date on which it was theirs, and what they named.
_TAG_URI = re.compile(rf"tag:(?:[\w.-]+@)?{_DNS},\d{{4}}(?:-\d\d(?:-\d\d)?)?:[^#]*(?:#.*)?", re.ASCII | re.IGNORECASE)
# RFC 3986 appendix B; urllib's own splitting raises on brackets and drops line breaks.
_PARTS = re.compile(r"([^:/?#]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)")
# RFC 3986 §3, for links: `is_absolute_uri` is about ids, which have a length.
_CHARACTER = r"(?:[\w.~!$&'()*+,;=:@-]|%[\da-f]{2})"
_ADDRESS = re.compile(
    rf"[a-z][a-z\d+.-]*+:(?P<authority>//{_CHARACTER}*+(?:\[[\da-f:.]+\](?::\d*)?)?+)?+"
    rf"(?:/|{_CHARACTER})*+(?:\?(?:[/?]|{_CHARACTER})*+)?+(?:#(?:[/?]|{_CHARACTER})*+)?+",
    re.ASCII | re.IGNORECASE,
)
_SCHEME = re.compile(r"([a-z][a-z\d+.-]*):", re.ASCII | re.IGNORECASE)

_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[\da-f]{1,6});", re.IGNORECASE)
_ELEMENTS = (
    "a|abbr|article|audio|b|big|blockquote|br|button|center|cite|code|dd|del|div|dl|dt|em|embed|figcaption|figure|font|form|h[1-6]|hr|i|iframe|img|input"
    "|ins|kbd|li|mark|object|ol|p|picture|pre|q|s|script|section|small|source|span|strike|strong|style|sub|sup|svg|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|video"
)
# A title may well speak of `<b>` or of `Vec<T>`: an end tag, attributes or an element that has no end tag mean real markup.
_MARKUP = re.compile(rf"</(?:{_ELEMENTS})\s*>|<(?:{_ELEMENTS})\s+[a-z-]+\s*=|<(?:br|hr)\s*/?>", re.IGNORECASE)
_CUT = re.compile(
    rf"<(?:{_ELEMENTS})\s+[a-z-]+\s*=[^<>]*$|<[a-z][^<>]*>.*</[a-z]*$|&(?:amp|lt|gt|quot|apos|nbsp|#x?[\da-f]*)$", re.IGNORECASE | re.DOTALL
)
_RIGHT_TO_LEFT = frozenset(["ar", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "syr", "ug", "ur", "yi"])
_DIRECTION = re.compile(r"\sdir\s*=", re.IGNORECASE)
_JOINER = "\u200d"


def brief(value: str) -> str:
    """Return `value` on one line of at most 80 characters, for a message."""
    return shorten(one_line(value[:400]), 80)


def fault_in_date(text: str, *, now: datetime | None) -> Fault | None:
    """Judge an Atom date (RFC 4287 §3.3, RFC 3339 §5.6); `now`, when given, is the time that no date may be after."""
    match = _DATE.fullmatch(text)
    if match is None:
        return Fault(7, f"`{brief(text)}` is no RFC 3339 time such as 2026-03-02T01:00:00Z")
    if match["zone"] is None:
        return Fault(7, f"`{text}` has no zone: end it with Z or an offset such as +08:00")
    if match["fraction"]:
        return Fault(8, f"`{brief(text)}` has fractions of a second: write whole seconds")
    if match["seconds"]:
        return Fault(8, f"`{brief(text)}` has an offset with seconds: write the time in UTC")
    if text.startswith("0000"):
        return Fault(12, f"`{text}` is in the year 0, which readers cannot read")
    date = read_date(text)
    if date is None:
        return Fault(7, f"`{text}` is a time that does not exist")
    if now is not None and date > now:
        return Fault(12, f"`{text}` is in the future: a post waits until its time has come")
    return None


def read_date(text: str) -> datetime | None:
    """Return the aware time that `text` is, or None where `fault_in_date` finds anything wrong but the future."""
    match = _DATE.fullmatch(text)
    if match is None or match["zone"] is None or match["fraction"] or match["seconds"]:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def fault_in_id(uri: str) -> Fault | None:
    """Judge an Atom id (RFC 4287 §4.2.6): an absolute ASCII URI of at most 767 bytes, `tag:` by RFC 4151, `http:` in normal form."""
    if len(uri.encode(errors="replace")) > MAX_ID_BYTES:
        return Fault(1, f"the id `{brief(uri)}` is longer than {MAX_ID_BYTES} bytes")
    if not is_absolute_uri(uri):
        return Fault(1, f"the id `{brief(uri)}` is no absolute ASCII URI")
    if uri[:4].lower() == "tag:" and not _TAG_URI.fullmatch(uri):
        return Fault(3, f"the id `{brief(uri)}` is no tag URI: tag:authority,year:name (RFC 4151)")
    parts = _PARTS.match(uri)
    if parts and parts[1].lower() in WEB:
        host = (parts["authority"] or "").rpartition("@")[2]
        if parts[1] != parts[1].lower() or host != host.lower() or not parts["path"]:
            return Fault(6, f"the id `{brief(uri)}` is not in normal form: small letters in scheme and host, and a path, `/` at least")
    return None


def fault_in_address(address: str, *, schemes: frozenset[str], relative: int) -> Fault | None:
    """Judge a link's address; `relative` is the rule that an address without a scheme breaks where it stands."""
    scheme = _SCHEME.match(address)
    if scheme is None:
        return Fault(relative, f"`{brief(address)}` is not absolute")
    if scheme[1].lower() not in schemes:
        return Fault(31, f"`{brief(address)}` uses the scheme {brief(scheme[1])}; allowed here: {', '.join(sorted(schemes))}")
    if not address.isascii():
        return Fault(30, f"`{brief(address)}` has raw non-ASCII characters: percent-encode them, write the host in punycode")
    valid = _ADDRESS.fullmatch(address)
    if valid is None or (scheme[1].lower() in WEB and len(valid["authority"] or "") <= len("//")):
        return Fault(30, f"`{brief(address)}` is no valid absolute URI")
    return None


def fault_in_language(tag: str) -> Fault | None:
    """Judge a language tag (BCP 47, RFC 5646 §2.1): `zh-CN`, never `zh_CN`."""
    if _LANGUAGE.fullmatch(tag):
        return None
    return Fault(23, f"`{brief(tag)}` is no language tag such as zh-CN (BCP 47; a hyphen, no underscore)")


def fault_in_direction(html: str, *, language: str) -> Fault | None:
    """Judge whether HTML in a language that runs from right to left says so: many readers drop the document's language."""
    tag = language.lower()
    if not html.strip() or tag.split("-")[0] not in _RIGHT_TO_LEFT or "latn" in tag or _DIRECTION.search(html):
        return None
    return Fault(32, f"the content is in {brief(language)}, which runs from right to left: wrap it in an element with `dir`")


def fault_in_generator(name: str, *, version: str = "") -> Fault | None:
    """Judge a generator: it names no version, be it apart from its name or in it (anything like 1.2)."""
    is_named = version or re.search(r"\d\.\d", name)
    return Fault(24, "the generator names a version: an upgrade would change the bytes of every feed") if is_named else None


def faults_in_line(text: str, *, name: str, rule: int) -> list[Fault]:
    """Judge text of type `text` called `name`: not empty, no markup, escaped once (`rule`), no outer white space (34), not cut (32)."""
    if not text.strip():
        return [Fault(rule, f"the {name} is empty")]
    faults = []
    if text != text.strip():
        faults.append(Fault(34, f"the {name} has white space around it, which readers keep"))
    if found := _REFERENCE.search(text):
        faults.append(Fault(rule, f"the {name} was escaped twice: readers show `{found[0]}`"))
    if found := _MARKUP.search(text):
        faults.append(Fault(rule, f"the {name} is plain text but has markup: `{brief(found[0])}`"))
    if is_cut(text):
        faults.append(Fault(32, f"the {name} ends inside a tag, a character reference or a joined character: `{brief(text[-20:])}`"))
    return faults


def is_cut(text: str) -> bool:
    """Whether a text ends inside a tag, a character reference or a joined character, but for an ellipsis."""
    end = text.rstrip().rstrip("….").rstrip()
    # Only the last characters can be half of anything; the whole of a long text would make the search quadratic.
    return end.endswith(_JOINER) or _CUT.search(end[-250:]) is not None
