"""What the sieve cuts, what it leaves, and what makes an entry another one."""

from __future__ import annotations

import time

import pytest
from lxml import etree

from feedmill.consumer.clusters import surely_known
from feedmill.consumer.reading import read_document
from feedmill.consumer.sieve import find_entries, parse_tree, sieve

URL = "https://example.org/feed.xml"
CHANNEL = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title>{}</channel></rss>'


def rss(*entries: str, frame: str = CHANNEL) -> bytes:
    return frame.format("".join(entries)).encode()


def item(guid: str, more: str = "") -> str:
    return f"<item><guid>{guid}</guid><title>{guid}</title>{more}</item>"


def marks_of(body: bytes) -> list[str]:
    return [entry.mark for entry in read_document(body, url=URL).entries]


CLUSTERS = {
    "nothing shared": ([("a",), ("b",), ("c",)], {"0", "2"}, [True, False, True]),
    "all known": ([("a",), ("a",), ("b",)], {"0", "1", "2"}, [True, True, True]),
    "one of two with one id is unknown": ([("a",), ("a",), ("b",)], {"0", "2"}, [False, False, True]),
    "a chain": ([("a",), ("a", "b"), ("b", "c"), ("c",), ("d",)], {"0", "1", "2", "4"}, [False, False, False, False, True]),
    "a chain closed late": ([("a",), ("c",), ("b",), ("a", "b", "c")], {"0", "1", "2"}, [False, False, False, False]),
    "without keys": ([(), (), ()], {"1"}, [False, True, False]),
    "nothing": ([], {"x"}, []),
}


@pytest.mark.parametrize(("keys", "known", "expected"), CLUSTERS.values(), ids=CLUSTERS)
def test_only_entries_whose_whole_cluster_is_known_are_cut(keys: list[tuple[str, ...]], known: set[str], expected: list[bool]) -> None:
    marks = [str(index) for index in range(len(keys))]
    assert surely_known(marks, [[("guid", key) for key in shared] for shared in keys], known) == expected


def test_a_long_chain_takes_linear_time() -> None:
    size = 100_000
    began = time.process_time()
    known = surely_known(["m"] * size, [[("guid", str(i)), ("guid", str(i + 1))] for i in range(size)], {"m"})
    assert time.process_time() - began < 2
    assert all(known)


def test_known_entries_are_cut_and_named_in_their_order() -> None:
    body = rss(item("a"), item("b"), item("c"))
    marks = marks_of(body)
    document = read_document(body, url=URL, known={marks[2], marks[0], "0" * 32})
    assert [entry.guid for entry in document.entries] == ["b"]
    assert document.known == (marks[0], marks[2])


@pytest.mark.parametrize(
    "shared", ["<guid>same</guid>", "<link>https://example.org/x</link>", '<id xmlns="http://www.w3.org/2005/Atom">i</id>']
)
def test_entries_that_share_an_id_or_an_address_are_read_together(shared: str) -> None:
    body = rss(f"<item><title>1</title>{shared}</item>", item("b"), f"<item><title>2</title>{shared}</item>")
    marks = marks_of(body)
    document = read_document(body, url=URL, known=set(marks[:2]))
    assert [entry.title for entry in document.entries] == ["1", "2"]
    assert document.known == (marks[1],)
    assert read_document(body, url=URL, known=set(marks)).entries == ()


def test_other_elements_named_id_make_no_cluster() -> None:
    body = rss(*(item(guid, '<x:id xmlns:x="urn:x">1</x:id><x:link xmlns:x="urn:x">1</x:link>') for guid in "abc"))
    marks = marks_of(body)
    assert [entry.guid for entry in read_document(body, url=URL, known=set(marks[:2])).entries] == ["c"]


SAME = {
    "the feed's own dates": (rss("<lastBuildDate>1</lastBuildDate>", item("a")), rss("<lastBuildDate>2</lastBuildDate>", item("a"))),
    "what stands before and after it": (rss(item("a")), rss(item("b"), item("a"), item("c"))),
    "comments": (rss(item("a")), rss(item("a", "<!-- made in 0.2 s -->"))),
    "the declared encoding": (rss(item("é")), b'<?xml version="1.0" encoding="iso-8859-1"?>' + rss(item("é")).decode().encode("latin-1")),
    "white space between entries": (rss(item("a"), item("b")), rss(item("a"), "\n\n   ", item("b"))),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_a_mark_does_not_depend_on(one: bytes, other: bytes) -> None:
    found = [{entry.guid: entry.mark for entry in read_document(body, url=URL).entries} for body in (one, other)]
    for guid in found[0].keys() & found[1].keys():
        assert found[0][guid] == found[1][guid]
        assert len(found[0][guid]) == 32


CHANGED = {
    "a text": item("a", "<description>y</description>"),
    "an attribute": item("a", '<enclosure url="/x"/>'),
    "an element that nobody knows": item("a", "<x>1</x>"),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_a_mark_changes_with(changed: str) -> None:
    assert marks_of(rss(item("a"))) != marks_of(rss(changed))


def test_a_mark_changes_with_the_base_of_its_addresses() -> None:
    frame = '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{}"><entry><id>a</id><link href="x"/></entry></feed>'
    assert marks_of(frame.format("https://a.org/").encode()) != marks_of(frame.format("https://b.org/").encode())


def test_entries_of_every_format_are_found() -> None:
    rdf = '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel/><item/><item/></r:RDF>'
    prefixed = '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry/><b:entry xmlns:b="urn:b"/></a:feed>'
    nested = rss("<item><item/></item>", "<Item/>")
    for document, count in ((rdf.encode(), 2), (prefixed.encode(), 1), (nested, 2)):
        assert len(list(find_entries(parse_tree(document)))) == count


def test_entries_inside_entries_are_read_by_feedparser_alone() -> None:
    body = rss("<item><guid>a</guid><x><item><guid>b</guid></item></x></item>", item("c"))
    marks = marks_of(body)
    assert len(marks) == 3
    document = read_document(body, url=URL, known=set(marks[:1]))
    assert [entry.mark for entry in document.entries] == marks[1:]


def test_prefixes_bound_in_two_ways_leave_the_document_whole() -> None:
    root = parse_tree(rss('<item><x:a xmlns:x="urn:1"/></item>', '<item><x:a xmlns:x="urn:2"/></item>'))
    assert sieve(root, set(), limit=10) is None
    root = parse_tree(rss('<item><x:a xmlns:x="urn:1"/></item>', '<item><y:a xmlns:y="urn:1"/></item>'))
    assert sieve(root, set(), limit=10) is None
    root = parse_tree(rss('<item><x:a xmlns:x="urn:1"/></item>', '<item><x:a xmlns:x="urn:1"/></item>'))
    assert sieve(root, set(), limit=10) is not None


def test_what_is_left_keeps_its_place_and_the_feeds_own_elements() -> None:
    root = parse_tree(rss(item("a"), "<ttl>5</ttl>", item("b"), item("c")))
    marks = marks_of(rss(item("a"), item("b"), item("c")))
    sieved = sieve(root, {marks[1]}, limit=10)
    assert sieved is not None
    names = [child.findtext("guid") or child.tag for child in etree.fromstring(sieved.document())[0]]
    assert names == ["title", "a", "ttl", "c"]
    assert [written.text for written in sieved.ids] == ["a", "c"]
    assert sieved.hints.ttl == 5


@pytest.mark.long
def test_a_poll_with_one_new_entry_costs_a_fraction_of_reading_the_whole() -> None:
    body = rss(
        *(item(str(number), f"<description>{'&lt;p class=x&gt;words and words&lt;/p&gt;' * 200}</description>") for number in range(50))
    )
    marks = marks_of(body)

    def seconds(known: set[str]) -> float:
        best = 9.0
        for _ in range(5):
            began = time.perf_counter()
            read_document(body, url=URL, known=known)
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(set(marks[1:])) * 2 < seconds(set())
