"""What docs/feed-rules.md asks of the lists of feeds (rule 44): each names every feed that stands in the folder, and names it apart."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from lxml import etree

from feedmill.model import Problem
from feedmill.producer.audit_elements import Finding, line_of
from feedmill.producer.audit_source import findings_in_document, problems_of
from feedmill.producer.audit_text import WEB, Fault, brief, fault_in_address
from feedmill.producer.formats import document_of
from feedmill.producer.indexhtml import INDEX_HTML, is_our_index
from feedmill.producer.opml import OPML, is_our_opml
from feedmill.producer.outcome import HEAD, made_by_us


class ListAudit(Protocol):
    """Judges a list of the feeds in `folder`, which is published at `feeds_url`; `path` is its name for the problems."""

    def __call__(self, data: bytes, *, path: str, folder: Path, feeds_url: str) -> list[Problem]:
        """Return what is wrong with it, by line. A list that feedmill did not write is a person's own: nothing is wrong with that."""


def audit_opml(data: bytes, *, path: str, folder: Path, feeds_url: str) -> list[Problem]:
    """Return what `data`, the OPML of the feeds in `folder`, breaks. Any bytes will do; nothing is raised."""
    if not is_our_opml(data):
        return []
    return problems_of(findings_in_document(data, lambda root: _findings_in_opml(root, _newest(folder), feeds_url)), path=path)


def _findings_in_opml(root: etree._Element, feeds: Mapping[str, Mapping[str, bool]], feeds_url: str) -> Iterator[Finding]:
    if root.tag != "opml" or root.get("version") != "2.0" or root.find("head/title") is None or root.find("body") is None:
        yield 1, Fault(44, "no OPML 2.0 with a head, a title and a body")
        return
    addresses = []
    for outline in root.iter("outline"):
        line, url = line_of(outline), outline.get("xmlUrl")
        if not (outline.get("text") or "").strip():
            yield line, Fault(44, "an outline without `text`, which is what readers show")
        if url is None:
            if not len(outline):
                yield line, Fault(44, "an outline that is neither a feed nor a folder of some")
            continue
        addresses.append(url.removeprefix(feeds_url))
        if outline.get("type") != "rss":
            yield line, Fault(44, 'a feed without type="rss", which is what OPML calls every feed')
        if fault := fault_in_address(url, schemes=WEB, relative=44):
            yield line, fault
    yield from _findings_in_addresses(addresses, feeds)


def audit_index(data: bytes, *, path: str, folder: Path, feeds_url: str) -> list[Problem]:
    """Return what `data`, the page that lists the feeds in `folder`, breaks. Any bytes will do; nothing is raised."""
    if not is_our_index(data):
        return []
    return problems_of(_findings_in_index(data, _newest(folder)), path=path)


def _findings_in_index(data: bytes, feeds: Mapping[str, Mapping[str, bool]]) -> Iterator[Finding]:
    try:
        page = etree.fromstring(data, etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False))
    except etree.XMLSyntaxError:
        page = None
    if page is None:
        yield 0, Fault(44, "no HTML")
        return
    found = [link for link in page.iter("link") if "alternate" in (link.get("rel") or "").split()]
    titles = Counter(link.get("title") or "" for link in found)
    for title, count in titles.items():
        if count > 1 or not title:
            yield 0, Fault(44, f"{count} feeds are offered to readers under the title `{brief(title)}`: nobody can tell them apart")
    yield from _findings_in_addresses([link.get("href") or "" for link in found], feeds)


def _findings_in_addresses(addresses: Iterable[str], feeds: Mapping[str, Mapping[str, bool]]) -> Iterator[Finding]:
    """Judge whether every feed is named, each document once, and whether what is named is there; addresses are relative to the folder."""
    paths = Counter(unquote(address) for address in addresses)
    named: set[str] = set()
    for path, count in paths.items():
        if count > 1:
            yield 0, Fault(44, f"`{brief(path)}` is listed {count} times")
        folder = path.rpartition("/")[0]
        if path not in feeds.get(folder, ()):
            yield 0, Fault(44, f"`{brief(path)}` is listed, but there is no such feed")
        named.add(folder)
    for missing in sorted(folder for folder, documents in feeds.items() if folder not in named and any(documents.values())):
        yield 0, Fault(44, f"the feeds in `{brief(missing or '.')}` are not listed")


def _newest(folder: Path) -> dict[str, dict[str, bool]]:
    """Return the newest documents of all feeds below `folder` and whether they are ours, by the folder in which they stand.

    All are relative to it. One that is not ours is named by `check` itself: no list has to have it, and one may.
    """
    found: dict[str, dict[str, bool]] = {}
    for place, _, names in os.walk(folder):
        inside = Path(place).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        for name in names:
            if (document := document_of(name)) and document[1] == 0:
                found.setdefault(prefix.rstrip("/"), {})[f"{prefix}{name}"] = _is_ours(Path(place, name))
    return found


def _is_ours(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return made_by_us(opened.read(HEAD))
    except OSError:
        return False


#: By file, relative to the folder of feeds.
AUDITS_OF_LISTS: dict[str, ListAudit] = {OPML: audit_opml, INDEX_HTML: audit_index}
