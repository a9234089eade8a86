"""What the audit finds in links to a feed's history, the same in Atom (rule 41) and in RSS (rule 42)."""

from __future__ import annotations

import pytest

from entries import FEEDS, make_entry, make_head
from feedmill.producer import atom, rss
from feedmill.producer.audit import audit_atom
from feedmill.producer.audit_rss import audit_rss
from feedmill.producer.head import History

FH = 'xmlns:fh="http://purl.org/syndication/history/1.0"'
ARCHIVE, COMPLETE = f"<fh:archive {FH}/>", f"<fh:complete {FH}/>"
FORMATS = {
    "atom": (atom, audit_atom, 41, "atom", "<generator>", "<{} "),
    "rss": (rss, audit_rss, 42, "rss", "<generator>", "<atom:{} "),
}


def link(relation: str, page: str, kind: str = "TYPE") -> str:
    return f'<link rel="{relation}" href="{FEEDS}NAME{page}.xml" type="{kind}"/>'


PREV, NEXT, CURRENT = link("prev-archive", "-1"), link("next-archive", "-3"), link("current", "")
GOOD = {
    "a-head": PREV,
    "a-head-that-says-so": PREV + link("current", "-2"),
    "an-archive": ARCHIVE + PREV + NEXT + CURRENT,
    "the-oldest-archive": ARCHIVE + NEXT + CURRENT,
    "a-lone-archive": ARCHIVE + CURRENT,
    "complete": COMPLETE,
    "a-link-without-a-type": PREV.replace(' type="TYPE"', ""),
}
BROKEN = {
    "an-archive-without-current": ARCHIVE + PREV + NEXT,
    "two-archives": ARCHIVE + ARCHIVE + PREV + CURRENT,
    "an-archive-and-complete": ARCHIVE + COMPLETE + CURRENT,
    "complete-twice": COMPLETE + COMPLETE,
    "complete-and-prev-archive": COMPLETE + PREV,
    "complete-and-paged": COMPLETE + link("next", "-3"),
    "next-archive-in-a-head": PREV + NEXT,
    "two-ways-back": PREV + link("prev-archive", "-0"),
    "back-to-itself": link("prev-archive", "-2"),
    "an-archive-that-is-current": ARCHIVE + PREV + link("current", "-2"),
    "both-ways-to-one": ARCHIVE + PREV + link("next-archive", "-1") + CURRENT,
    "another-format": link("prev-archive", "-1", "text/html"),
}


def found(name: str, history: str) -> tuple[set[str], str]:
    """The rules that a feed with these elements breaks, and the rule for its history."""
    writer, audit, rule, stem, place, opening = FORMATS[name]
    begin, end = writer.render_feed(make_head(f"{stem}-2.xml", history=History()))
    history = history.replace("<link ", opening.format("link")).replace("NAME", stem).replace("TYPE", writer.CONTENT_TYPE)
    data = begin.decode().replace(place, history + place) + "".join(piece.decode() for piece in writer.render_entries([make_entry()]))
    problems = audit(data.encode() + end, path="x.xml", url=f"{FEEDS}{stem}-2.xml")
    return {problem.rule for problem in problems}, f"rule {rule}"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD.keys())
def test_leaves_alone_what_is_allowed(name: str, history: str) -> None:
    assert found(name, history)[0] == set()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("history", BROKEN.values(), ids=BROKEN.keys())
def test_reports_a_broken_history(name: str, history: str) -> None:
    rules, rule = found(name, history)

    assert rules == {rule}
