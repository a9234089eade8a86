"""Lengths that upstream does not say: the HEAD itself against faults, which questions are asked, and whole syncs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from faultorigin import FaultOrigin, Reply
from feedmill.consumer.decide import Known, decide
from feedmill.consumer.fetch import Client, Request
from feedmill.consumer.measuring import MAX_QUESTIONS, ask, has_unmeasured, measured, questions
from feedmill.consumer.plan import SyncPlan
from feedmill.model import Enclosure
from feedmill.upstream import Entry, Failed
from fetching import QUICK, Clock, LoopbackGuard, Names, PublicLoopbackGuard, fetched, open_gate, use_client
from syncing import FEED, Synced, synced
from upstream import make_article, make_document, make_entry, moment, rss, rss_item

FILE = "/a.mp3"
SAID = Reply(declared=12345, headers=[("Content-Type", "audio/mpeg")])


@pytest.fixture
def origin() -> Iterator[FaultOrigin]:
    with FaultOrigin() as server:
        yield server


def size(url: str, *, named_by: str, **over: Any) -> int | None:
    return use_client(lambda client: client.size_of(url, named_by=named_by), **over)


def of_file(origin: FaultOrigin, **over: Any) -> int | None:
    return size(origin.url(FILE), named_by=origin.url(FEED), **over)


def test_a_length_is_asked_for_with_one_head_that_carries_nothing_of_ours(origin: FaultOrigin) -> None:
    origin.add(FILE, SAID)
    assert of_file(origin) == 12345
    (got,) = origin.requests()
    assert (got.method, got.path, got.header("accept"), got.header("accept-encoding")) == ("HEAD", FILE, "*/*", "identity")
    assert got.header("user-agent").startswith("feedmill/")
    assert not any(got.has(name) for name in ("authorization", "cookie", "referer", "if-none-match", "range"))


ANSWERS: dict[str, tuple[Reply | int, int | None]] = {
    "no length": (Reply(declared=-1), None),
    "an empty file": (Reply(declared=0), None),
    "an absurd length": (Reply(declared=2**41), None),
    "no number": (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), None),
    "a page in its place": (Reply(declared=500, headers=[("Content-Type", "text/html; charset=utf-8")]), None),
    "compressed all the same": (Reply(declared=500, headers=[("Content-Encoding", "gzip")]), None),
    "refused": (Reply(status=403, declared=500), None),
    "not for HEAD": (Reply(status=405, declared=500), None),
    "gone": (404, None),
    "a part": (Reply(status=206, declared=500), None),
    "not changed": (304, None),
    "no HTTP": (Reply(raw=b"\x00\x01\x02\r\n\r\n"), None),
    "larger than a feed may be": (Reply(declared=900_000_000), 900_000_000),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_gives_a_length_or_none_and_is_not_asked_for_twice(
    origin: FaultOrigin, answer: Reply | int, expected: int | None
) -> None:
    origin.add(FILE, answer)
    assert of_file(origin) == expected
    assert [got.method for got in origin.requests()] == ["HEAD"]


def test_a_host_that_hangs_is_left_to_itself(origin: FaultOrigin) -> None:
    origin.add(FILE, Reply(delay=60))
    assert of_file(origin, limits=QUICK) is None


def test_redirects_are_followed_by_the_same_rules(origin: FaultOrigin) -> None:
    origin.add(FILE, Reply(status=302, headers=[("Location", "/b.mp3")]))
    origin.add("/b.mp3", SAID)
    assert of_file(origin) == 12345
    origin.add("/b.mp3", Reply(status=302, headers=[("Location", FILE)]))
    assert of_file(origin) is None
    origin.add(FILE, Reply(status=302, headers=[("Location", "file:///etc/passwd")]))
    assert of_file(origin) is None
    assert {got.method for got in origin.requests()} == {"HEAD"}


@pytest.mark.parametrize(
    "url", ["http://private.example/a.mp3", "http://10.0.0.1/a.mp3", "http://[::ffff:169.254.169.254]/a", "ftp://127.0.0.1/a", "http://"]
)
def test_a_private_address_is_not_asked(origin: FaultOrigin, url: str) -> None:
    guard = LoopbackGuard()
    names = Names({"private.example": ["192.168.0.1"]})
    assert size(url, named_by=origin.url(FEED), guard=guard, resolver=names) is None
    assert guard.sockets == []


def test_a_redirect_to_a_private_address_is_not_followed(origin: FaultOrigin) -> None:
    guard = LoopbackGuard()
    origin.add(FILE, Reply(status=302, headers=[("Location", "http://10.0.0.1/a.mp3")]))
    assert of_file(origin, guard=guard) is None
    assert [place for place, _ in guard.sockets] == ["127.0.0.1"]


class HalfOwnGuard(LoopbackGuard):
    """`127.0.0.1` is the user's own, the rest of loopback is public."""

    def is_own(self, address: Any, port: int) -> bool:
        return str(address) == "127.0.0.1"


def test_what_a_public_host_names_is_not_asked_in_the_networks_that_the_config_allows(origin: FaultOrigin) -> None:
    origin.add(FILE, SAID)
    names = Names({"public.example": ["127.0.0.2"]})
    named_by = origin.url(FEED, host="public.example")
    assert of_file(origin, guard=HalfOwnGuard()) == 12345
    assert size(origin.url(FILE), named_by=named_by, guard=HalfOwnGuard(), resolver=names) is None
    assert origin.hits == 1


def test_heads_keep_the_manners_of_their_host_and_heed_its_wish_for_quiet(origin: FaultOrigin) -> None:
    clock = Clock()
    gate = open_gate(
        per_host=1, spacing=timedelta(seconds=10), chance=lambda: 0.0, now=clock.now, sleep=clock.sleep, monotonic=clock.monotonic
    )
    origin.script(FILE, [SAID, Reply(status=429, headers=[("Retry-After", "600")])])

    async def three(client: Client) -> list[int | None]:
        found = [await client.size_of(origin.url(FILE), named_by=origin.url(FEED)) for _ in range(3)]
        assert isinstance(await client.fetch(Request(url=origin.url(FEED))), Failed)
        return found

    assert use_client(three, guard=PublicLoopbackGuard(), gate=gate) == [12345, None, None]
    assert origin.hits == 2
    assert clock.seconds == 10


def test_content_after_a_head_is_nobody_elses_answer(origin: FaultOrigin) -> None:
    origin.add(FILE, Reply(body=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", declared=12345, pace=(64, 0.01)))
    origin.add(FEED, Reply(body=b"good"))

    async def both(client: Client) -> bytes:
        await client.size_of(origin.url(FILE), named_by=origin.url(FEED))
        return fetched(await client.fetch(Request(url=origin.url(FEED)))).body

    assert use_client(both) == b"good"
    assert origin.connections == 2


class Asked:
    """A client that knows lengths by address; whom it does not know it keeps waiting."""

    def __init__(self, **lengths: int | None) -> None:
        self.lengths = lengths

    async def size_of(self, url: str, *, named_by: str) -> int | None:
        if url not in self.lengths:
            await asyncio.sleep(3600)
        return self.lengths[url]


def test_questions_share_one_patience_and_what_was_found_by_then_counts() -> None:
    found = asyncio.run(ask(Asked(a=1, b=None, d=4), ["a", "b", "c", "d"], named_by="x", patience=0.05))
    assert found == {"a": 1, "d": 4}
    assert asyncio.run(ask(Asked(), [], named_by="x")) == {}


def episode(number: int, *, length: int | None = None, body: str = "<p>x</p>") -> Entry:
    entry = make_entry(f"g{number}", f"https://example.org/{number}", f"T{number}", f"2026-01-{number:02}", body)
    return replace(entry, enclosure=Enclosure(f"https://example.org/{number}.mp3", "audio/mpeg", length))


def planned(*entries: Entry, articles: Any = ()) -> SyncPlan:
    known = Known(number=1, name="s", articles=articles, marks={})
    return decide(make_document(*entries), known, now=int(moment("2026-06-01").timestamp()))


def test_the_newest_posts_are_asked_for_and_known_lengths_are_not() -> None:
    entries = [episode(number, length=1 if number == 8 else None) for number in range(1, 10)]
    plan = planned(*entries)
    assert has_unmeasured(make_document(*entries))
    assert not has_unmeasured(make_document(entries[7], make_entry("g")))
    asked = questions(plan, is_open=lambda step: False)
    assert asked == [f"https://example.org/{number}.mp3" for number in (9, 7, 6, 5, 4)]
    assert len(asked) == MAX_QUESTIONS
    lengths = {step.entry.guid: step.entry.enclosure.length for step in measured(plan, {asked[0]: 77}).new if step.entry.enclosure}
    assert (lengths["g9"], lengths["g8"], lengths["g7"]) == (77, 1, None)
    assert [step.article for step in measured(plan, {asked[0]: 77}).new] == [step.article for step in plan.new]


def test_a_changed_entry_is_asked_for_where_its_post_is_open_an_unchanged_one_never() -> None:
    articles = [make_article(1, episode(1)), make_article(2, episode(2)), make_article(3, episode(3))]
    plan = planned(episode(1, body="<p>new</p>"), episode(2), episode(3, body="<p>new</p>"), articles=articles)
    assert questions(plan, is_open=lambda step: step.entry.guid == "g1") == ["https://example.org/1.mp3"]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as project:
        yield project


def feed(origin: FaultOrigin, *numbers: int, attributes: str = "", **over: str) -> bytes:
    """A podcast whose episodes lie on `origin`."""
    items = (
        rss_item(number, **over).replace(
            "</item>", f'<enclosure url="{origin.url(f"/{number}.mp3")}" type="audio/mpeg"{attributes}/></item>'
        )
        for number in numbers
    )
    return rss(*items)


def heads(project: Synced) -> list[str]:
    return [got.path for got in project.origin.requests() if got.method == "HEAD"]


def test_a_length_is_asked_for_once_and_the_post_keeps_it(upstream: Synced) -> None:
    upstream.origin.add("/1.mp3", SAID)
    address = upstream.origin.url("/1.mp3")
    upstream.serve(feed(upstream.origin, 1))
    assert upstream.sync(is_dry=True).new == 1
    assert heads(upstream) == []
    assert upstream.sync().new == 1
    (text,) = upstream.files.values()
    assert f"source: up\nenclosure:\n url: '{address}'\n type: audio/mpeg\n length: 12345\n---\n" in text
    assert heads(upstream) == ["/1.mp3"]

    upstream.serve(feed(upstream.origin, 1, description="<p>edited</p>"))
    assert upstream.again().updated == 1
    assert upstream.posts["Title 1"].enclosure == Enclosure(address, "audio/mpeg", 12345)
    assert heads(upstream) == ["/1.mp3"]

    upstream.serve(feed(upstream.origin, 1, pubDate="Fri, 02 Jan 2026 09:00:00 GMT", description="<p>edited</p>"))
    assert upstream.again().updated == 0
    assert heads(upstream) == ["/1.mp3"]


def test_failures_are_silent_and_questions_are_few(upstream: Synced) -> None:
    upstream.origin.add("/7.mp3", 405)
    upstream.origin.add("/6.mp3", SAID)
    upstream.serve(feed(upstream.origin, *range(1, 8), attributes=' length="0"'))
    report = upstream.sync()
    assert (report.result, report.new, report.error) == ("ok", 7, None)
    assert sorted(heads(upstream)) == [f"/{number}.mp3" for number in (3, 4, 5, 6, 7)]
    lengths = [upstream.posts[f"Title {number}"].enclosure.length for number in range(1, 8)]
    assert lengths == [None] * 5 + [12345, None]


def test_nothing_is_asked_for_what_upstream_says_nor_for_a_post_that_a_person_edited(upstream: Synced) -> None:
    upstream.serve(feed(upstream.origin, 1, attributes=' length="99"'))
    assert upstream.sync().new == 1
    assert upstream.posts["Title 1"].enclosure == Enclosure(upstream.origin.url("/1.mp3"), "audio/mpeg", 99)
    (path,) = (upstream.root / "posts").rglob("*.md")
    path.write_text(path.read_text().replace("Title 1", "Mine"))
    upstream.serve(feed(upstream.origin, 1, title="Edited"))
    assert upstream.again().updated == 0
    assert heads(upstream) == []
