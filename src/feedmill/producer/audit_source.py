"""What docs/feed-rules.md asks of an XML document as such, whatever its format: size, encoding, well-formedness, nothing but elements.

It shares no code with rendering and cleaning: a slip there cannot hide here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from lxml import etree

from feedmill.model import Problem
from feedmill.producer.audit_elements import Finding
from feedmill.producer.audit_text import Fault, brief

#: The W3C validator's MAXDATALENGTH: it reads no more, and some readers refuse less.
MAX_BYTES = 5_000_000

_DECLARATION = re.compile(r"""<\?xml\s+version=(["'])1\.0\1\s+encoding=(["'])utf-8\2[^?]*\?>""", re.IGNORECASE)
#: What may stand before a document: its declaration, whatever that says, and one stylesheet of the same origin.
_PROLOG = re.compile(r'(?:<\?xml\s[^?]*\?>)?(?:[ \t\n]*<\?xml-stylesheet type="text/css" href="(?![\w+.-]*:|//)[^"<>\\]*" ?\?>)?')
# Atomic, so that a comment that never ends is searched once.
_DOCTYPE = re.compile(r"(?>\s++|<\?.*?\?>|<!--.*?-->)*+(<!DOCTYPE)", re.DOTALL)
_SOURCE = re.compile(
    r"<!--.*?-->"
    r"|(?P<cdata><!\[CDATA\[.*?\]\]>)"
    r"|(?P<instruction><\?.*?\?>)"
    r"|(?P<control>[\x80-\x9f]|&#(?:x0*[89][0-9a-f]|0*(?:12[89]|1[345][0-9]));)"
    r"|(?P<return>\r)",
    re.DOTALL | re.IGNORECASE,
)
_C1 = re.compile("[\x80-\x9f]")
_SOURCE_FAULTS = {
    "cdata": Fault(27, "a CDATA section: escape the text instead, `]]>` would end it"),
    "instruction": Fault(
        27, 'a processing instruction: only <?xml-stylesheet type="text/css" href="…"?> may stand, once, at the top, its address relative'
    ),
    "control": Fault(26, "a control character between U+0080 and U+009F: no font shows it; it was meant as a Windows-1252 character"),
    "return": Fault(25, "a raw carriage return: end lines with a line feed alone"),
}
_SYNTAX_RULES = {8: 26, 9: 26, 26: 27}  # libxml2's ERR_INVALID_CHARREF, ERR_INVALID_CHAR, ERR_UNDECLARED_ENTITY


def problems_of(findings: Iterable[Finding], *, path: str) -> list[Problem]:
    """Return findings in a file as problems by line. Problem.rule is "rule 19" for number 19 of docs/feed-rules.md."""
    ordered = sorted(findings, key=lambda finding: finding[0])
    return [Problem(path, line, f"rule {fault.rule}", fault.reason) for line, fault in ordered]


def findings_in_document(data: bytes, judge: Callable[[etree._Element], Iterator[Finding]]) -> Iterator[Finding]:
    """Judge any bytes as an XML document, and its root element by `judge`. Nothing is raised, no entity expanded, nothing fetched."""
    if len(data) >= MAX_BYTES:
        yield 0, Fault(52, f"{len(data):,} bytes: a feed has to stay below {MAX_BYTES:,}; lower feeds.limit or publish summaries")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        yield data.count(b"\n", 0, exc.start) + 1, Fault(25, f"not UTF-8: byte 0x{data[exc.start]:02x}")
        return
    if doctype := _DOCTYPE.match(text):
        # Before the parser sees it: without a document type there are no entities to attack with.
        yield text.count("\n", 0, doctype.start(1)) + 1, Fault(27, "a DOCTYPE: feeds have none, and readers refuse it")
        return
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as exc:
        yield exc.lineno or 0, Fault(_SYNTAX_RULES.get(getattr(exc, "code", 0), 25), f"not well-formed XML: {brief(exc.msg or 'empty')}")
        return
    yield from _findings_in_source(text)
    yield from judge(root)


def _findings_in_source(text: str) -> Iterator[Finding]:
    """Judge what the parsed tree no longer shows; the first of a kind stands for all."""
    if not _DECLARATION.match(text):
        yield 1, Fault(25, 'the document does not begin with <?xml version="1.0" encoding="UTF-8"?>')
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if not _is_suspect(text, start):
        return
    first: dict[str, int] = {}
    for match in _SOURCE.finditer(text, start):
        if match.lastgroup is not None:
            first.setdefault(match.lastgroup, match.start())
    for kind, position in first.items():
        yield text.count("\n", 0, position) + 1, _SOURCE_FAULTS[kind]


def _is_suspect(text: str, start: int) -> bool:
    """Whether the slow search could find anything: single characters and fixed strings are looked for ten times as fast."""
    return "\r" in text or "<![" in text or "&#" in text or text.find("<?", start) >= 0 or _C1.search(text) is not None
