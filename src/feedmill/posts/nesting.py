"""Which start tags may stand where, so that an HTML5 parser builds exactly the tree that the tags spell.

HTML that keeps to these rules is read in linear time, comes back as it was, and is what the cleaner's output must be.
The rules are stricter than HTML's own (WHATWG HTML 13.2.6.4.7): what they refuse may still be fine, and is looked at again.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: Elements within elements. html5ever takes time in the square of the depth; libxml2's readers stop at 256.
MAX_DEPTH = 200

# What an ancestor is, as bits: these change what a start tag below them does.
_P, _A, _LI, _DD, _H = 1, 2, 4, 8, 16

_INLINE = (
    "abbr acronym b bdi bdo big cite code data del dfn em font i iframe ins kbd map mark picture q ruby s samp small span strike "
    "strong sub sup time tt u var audio video"
)
_BLOCK = (
    "address article aside blockquote center details div dl figcaption figure footer header hgroup main nav ol pre section summary table ul"
)
_TABLE_PARTS = {
    "caption": frozenset({"table"}),
    "colgroup": frozenset({"table"}),
    "thead": frozenset({"table"}),
    "tbody": frozenset({"table"}),
    "col": frozenset({"colgroup"}),
    "tr": frozenset({"thead", "tbody"}),
    "td": frozenset({"tr"}),
    "th": frozenset({"tr"}),
}
_CONTENT = {
    "table": frozenset({"caption", "colgroup", "thead", "tbody"}),
    "thead": frozenset({"tr"}),
    "tbody": frozenset({"tr"}),
    "tr": frozenset({"td", "th"}),
    "colgroup": frozenset({"col"}),
    # The parser takes all that follows for text.
    "iframe": frozenset[str](),
}
#: Elements whose start tag is all of them.
VOID = frozenset({"area", "br", "col", "hr", "img", "source", "track", "wbr"})


class Rule(NamedTuple):
    """Where a start tag may stand."""

    #: Ancestors that it must not have: the parser would close them first.
    under: int
    #: What it is to its own descendants.
    adds: int = 0
    #: Parents under which `under` does not matter.
    excused: frozenset[str] = frozenset()
    #: Its only possible parents; None: any that takes everything.
    within: frozenset[str] | None = None


def _rules() -> dict[str, Rule]:
    rules = {name: Rule(0) for name in (*_INLINE.split(), *VOID)}
    rules |= {name: Rule(_P) for name in (*_BLOCK.split(), "hr")}
    rules |= {name: Rule(0, within=parents) for name, parents in _TABLE_PARTS.items()}
    rules |= {f"h{level}": Rule(_P | _H, _H) for level in range(1, 7)}
    rules |= {name: Rule(_P | _DD, _DD, frozenset({"dl"})) for name in ("dd", "dt")}
    rules |= {name: Rule(0, within=frozenset({"ruby"})) for name in ("rp", "rt", "rtc")}
    rules["a"] = Rule(_A, _A)
    rules["li"] = Rule(_P | _LI, _LI, frozenset({"ol", "ul"}))
    rules["p"] = Rule(_P, _P)
    return rules


#: Every tag that these rules know; others change the tree in ways of their own.
RULES = _rules()
#: Elements that hold other parts of a table, and white space, but no text.
TABLE_FRAME = frozenset(_CONTENT) - {"iframe"}

# In what nh3 writes, `<` and `>` stand nowhere but around tags.
_WRITTEN_TAG = re.compile("<(/?[a-z0-9]+)")
# A paragraph of text, pictures, line breaks and at most two levels of inline elements is right wherever one may stand. Most
# posts are made of these; taking each for one tag halves the time of the check.
_TEXT = r"[^<]*+(?:<(?:img|br|wbr)(?: [^>]*+)?>[^<]*+)*+"
_INNER = rf"<(b|code|em|i|s|small|span|strong|sub|sup|u)(?: [^>]*+)?>{_TEXT}</\2>"
_OUTER = rf"<(a|b|code|em|i|s|small|span|strong|sub|sup|u)(?: [^>]*+)?>{_TEXT}(?:{_INNER}{_TEXT})*+</\1>"
_PARAGRAPH = re.compile(rf"<p(?: [^>]*+)?>{_TEXT}(?:{_OUTER}{_TEXT})*+</p>")
#: Stands for such a paragraph; no HTML has a tag of this name.
_ANY_PARAGRAPH = "0"
_PARAGRAPH_DEPTH = 3
RULES[_ANY_PARAGRAPH] = Rule(_P | _A)
_CHILDLESS = VOID | {_ANY_PARAGRAPH}

# What html5ever may be given unseen, so that the worst inputs found take it 26 ms (nh3 0.3.8): 400 tags of formatting that it
# repeats, 8,000 attributes on one element, and _FAIR for characters times tags, the measure of what it can repeat. A post
# of 5 kB has about 120 tags. What is larger must show that it is well nested, or is flattened.
_FEW_TAGS, _SHORT, _FEW_ATTRIBUTES, _FAIR = 400, 8_192, 8_000, 8_000_000
# One of these stands before every attribute.
_SEPARATORS = " \n\t\f/\"'"
# The tokenizer's own grammar (WHATWG HTML 13.2.5) for a tag with at most 64 attributes and without `<` in it, a comment
# without markup, a doctype, and a `<` that is text. Where every `<` is one of these, nothing is hidden in an attribute.
# White space is HTML's, not Python's: U+00A0 parts no attributes. (clean_text has taken form feeds and returns.)
_VALUE = r"(?:\"[^\"<]*+\"|'[^'<]*+'|[^ \t\n\"'<>][^ \t\n<>]*+)"
_STRICT_TAG = re.compile(
    rf"<(?:(/?[A-Za-z][^ \t\n/<>]*+)(?:[ \t\n/]*+[^ \t\n<>/=]++(?:[ \t\n]*+=[ \t\n]*+{_VALUE})?+){{0,64}}+[ \t\n/]*+>"
    r"|!--(?:[^<>-]|-(?!->))*+-->|![A-Za-z][^<>]*+>|(?![A-Za-z/!?]))"
)
_TEXT_IN_FRAME = re.compile(
    r"(?:<(?:table|thead|tbody|tr|colgroup)(?=[ \t\n/>])[^>]*+>|</(?:thead|tbody|tr|td|th|caption|colgroup)[^>]*+>)[ \t\n]*+[^< \t\n]",
    re.IGNORECASE,
)


def fits(name: str, parent: str, ancestors: int) -> bool:
    """Whether the start tag `name` may stand in `parent` ("" at the top), whose bits with those above it are `ancestors`."""
    rule = RULES[name]
    if parent in _CONTENT:
        return name in _CONTENT[parent]
    if rule.within is not None:
        return parent in rule.within
    return not rule.under & ancestors or parent in rule.excused


def is_nested(tags: list[str]) -> bool:
    """Whether `tags` (names, end tags with "/") are closed each in its turn, keep the rules and are at most MAX_DEPTH deep."""
    names, bits = [""], [0]
    for tag in tags:
        if tag[0] == "/":
            if names.pop() != tag[1:]:
                return False
            bits.pop()
            continue
        if tag not in RULES or not fits(tag, names[-1], bits[-1]):
            return False
        if tag not in _CHILDLESS:
            names.append(tag)
            bits.append(bits[-1] | RULES[tag].adds)
        if len(names) + (_PARAGRAPH_DEPTH if tag == _ANY_PARAGRAPH else 0) > MAX_DEPTH + 1:
            return False
    return len(names) == 1


def reads_back(html: str) -> bool:
    """Whether nh3's output `html` is surely read again as the same tree."""
    shorter = _PARAGRAPH.sub(f"<{_ANY_PARAGRAPH}>", html)
    return is_nested(_WRITTEN_TAG.findall(shorter)) or is_nested(_WRITTEN_TAG.findall(html))


def is_too_deep(html: str) -> bool:
    """Whether nh3's output `html`, which is balanced, has elements more than MAX_DEPTH deep."""
    depth = 0
    for tag in _WRITTEN_TAG.findall(html):
        if tag[0] == "/":
            depth -= 1
        elif tag not in VOID:
            depth += 1
            if depth > MAX_DEPTH:
                return True
    return False


def is_fair(text: str) -> bool:
    """Whether html5ever surely reads `text` in linear time and into a tree of about its size."""
    tags = text.count("<")
    if tags <= _FEW_TAGS:
        if len(text) <= _SHORT:
            return True
        if tags * len(text) <= _FAIR and sum(map(text.count, _SEPARATORS)) <= _FEW_ATTRIBUTES:
            return True
    found: list[str] = _STRICT_TAG.findall(text)
    if len(found) != tags:
        return False
    return is_nested([name.lower() for name in found if name]) and not _TEXT_IN_FRAME.search(text)
