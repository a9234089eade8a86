"""What docs/feed-rules.md asks of a feed's place in its history: RFC 5005's elements and links, the same in Atom and RSS."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from feedmill.producer.audit_elements import Finding, line_of, links_of, relation, repeated
from feedmill.producer.audit_text import Fault

_HISTORY = "{http://purl.org/syndication/history/1.0}"
#: Links of archived feeds (RFC 5005 §4) and of paged ones (§3).
_CHAIN = ("prev-archive", "next-archive", "current")
_PAGES = ("first", "last", "next", "previous", "prev")


def findings_in_history(feed: etree._Element, *, rule: int, content_type: str) -> Iterator[Finding]:
    """Judge a feed's head; `rule` is the number that its format goes by. One document does not show whether others keep their entries."""
    archives, complete = feed.findall(f"{_HISTORY}archive"), feed.findall(f"{_HISTORY}complete")
    for element in (*archives[1:], *complete[1:], *(complete[:1] if archives else ())):
        yield line_of(element), Fault(rule, "the feed says more than once, or in two ways, which part of a history it is")
    if archives and not links_of(feed, "current"):
        yield line_of(archives[0]), Fault(rule, "an archive document needs a link rel=current, to where the newest entries are")
    if complete:
        for link in links_of(feed, *_PAGES, "prev-archive", "next-archive"):
            yield line_of(link), Fault(rule, "a feed with fh:complete links no other part of a history: all of it stands here")
    if not archives:
        for link in links_of(feed, "next-archive"):
            yield line_of(link), Fault(rule, "a link rel=next-archive in no archive document (fh:archive): nothing is newer than this feed")
    # The newest document may well say that it is the current one.
    yield from _findings_in_chain(
        feed, _CHAIN if archives else _CHAIN[:2], Fault(rule, "two links lead to one document, or back to this one")
    )
    for link in links_of(feed, *_CHAIN):
        if link.get("type", content_type) != content_type:
            yield line_of(link), Fault(rule, f'the link rel={relation(link)} is not of type="{content_type}", as this document is')


def _findings_in_chain(feed: etree._Element, chain: tuple[str, ...], loop: Fault) -> Iterator[Finding]:
    """Judge the links that a reader follows from document to document: a fork is a doubt, a `loop` has no end."""
    for name in chain:
        for link in links_of(feed, name)[1:]:
            yield line_of(link), Fault(loop.rule, f"a second link rel={name}: there is one way on")
    links = [*links_of(feed, "self")[:1], *(link for name in chain for link in links_of(feed, name)[:1])]
    for link in repeated((link, (link.get("href", ""), "")) for link in links):
        yield line_of(link), loop
