"""A polite and correct client, line by line; lines are those of the list of 27 that this client answers to."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import logging
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from faultorigin import FaultOrigin, Received, Reply
from feedmill import PROJECT_URL, __version__
from feedmill.consumer.fetch import Client, Limits, Request, shown_url
from feedmill.consumer.hosts import HostGate
from feedmill.consumer.targets import UnfitAddressError, read_target
from feedmill.upstream import Fetched, FetchOutcome, Validators
from fetching import (
    PATIENT,
    START,
    Clock,
    LoopbackGuard,
    Names,
    PublicLoopbackGuard,
    failed,
    fetch,
    fetched,
    open_gate,
    unchanged,
    use_client,
)

BODY = b"<rss><channel><title>A feed</title></channel></rss>"


@pytest.fixture
def origin() -> Iterator[FaultOrigin]:
    with FaultOrigin() as server:
        server.add("/feed.xml", Reply(body=BODY, headers=[("ETag", '"1"'), ("Content-Type", "application/rss+xml")]))
        yield server


def known(url: str, etag: str = '"1"', last_modified: str = "") -> dict[str, object]:
    return {"validators": Validators(url, etag, last_modified)}


def test_a_document_comes_with_its_address_its_fields_and_its_validators(origin: FaultOrigin) -> None:
    url = origin.url("/feed.xml")
    outcome = fetched(fetch(url))
    assert (outcome.url, outcome.status, outcome.body, outcome.is_complete, outcome.moved_to) == (url, 200, BODY, True, "")
    assert outcome.headers["content-type"] == "application/rss+xml"
    assert outcome.validators == Validators(url, '"1"', "")


def test_line_1_and_4_a_first_request_is_unconditional(origin: FaultOrigin) -> None:
    fetch(origin.url("/feed.xml"))
    got = origin.requests("/feed.xml")[0]
    assert not got.has("if-none-match")
    assert not got.has("if-modified-since")


@pytest.mark.parametrize(
    ("etag", "last_modified"),
    [
        ('"1"', "Thu, 01 Jan 2026 00:00:00 GMT"),
        ('W/"weak"', ""),
        ("unquoted", "yesterday, about noon"),
        ("", "1767225600"),
        ('"a,b\\"', "Thu, 1 Jan 26"),
    ],
)
def test_lines_2_to_4_validators_come_back_byte_for_byte_and_none_is_invented(origin: FaultOrigin, etag: str, last_modified: str) -> None:
    fields = [(name, value) for name, value in (("ETag", etag), ("Last-Modified", last_modified)) if value]
    origin.add("/odd.xml", Reply(body=BODY, headers=fields))

    async def twice(client: Client) -> None:
        first = fetched(await client.fetch(Request(url=origin.url("/odd.xml"))))
        await client.fetch(Request(url=origin.url("/odd.xml"), validators=first.validators))

    use_client(twice)
    got = origin.requests("/odd.xml")[1]
    assert (got.header("if-none-match"), got.header("if-modified-since")) == (etag, last_modified)
    assert (got.has("if-none-match"), got.has("if-modified-since")) == (bool(etag), bool(last_modified))


def test_lines_5_and_6_new_validators_of_a_200_replace_both_old_ones(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY, headers=[("ETag", '"2"'), ("Last-Modified", "later")]))
    url = origin.url("/feed.xml")
    assert fetched(fetch(url, request=known(url, '"1"', "early"))).validators == Validators(url, '"2"', "later")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], ('"1"', "early")),
        ([("ETag", '"2"')], ('"2"', "early")),
        ([("Last-Modified", "late")], ('"1"', "late")),
        ([("ETag", '"2"'), ("Last-Modified", "late")], ('"2"', "late")),
    ],
)
def test_line_7_a_304_updates_what_it_carries_and_keeps_the_rest(
    origin: FaultOrigin, fields: list[tuple[str, str]], expected: tuple[str, str]
) -> None:
    origin.add("/feed.xml", Reply(status=304, headers=fields))
    url = origin.url("/feed.xml")
    assert unchanged(fetch(url, request=known(url, '"1"', "early"))).validators == Validators(url, *expected)


def test_line_8_a_200_without_validators_clears_the_old_ones(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY))
    url = origin.url("/feed.xml")
    assert fetched(fetch(url, request=known(url, '"1"', "early"))).validators == Validators(url, "", "")


def test_line_10_a_torn_document_leaves_the_validators_as_they_were(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY, declared=1000, headers=[("ETag", '"2"')], ending="close"))
    url = origin.url("/feed.xml")
    outcome = fetched(fetch(url, request=known(url)))
    assert not outcome.is_complete
    assert outcome.validators == Validators(url, '"1"', "")


def test_line_11_validators_go_to_their_own_address_and_to_no_other(origin: FaultOrigin) -> None:
    origin.add("/old.xml", Reply(status=302, headers=[("Location", "/feed.xml")]))
    old, new = origin.url("/old.xml"), origin.url("/feed.xml")
    assert fetched(fetch(old, request=known(old))).validators.url == new
    origin.add("/feed.xml", Reply(status=304))
    assert unchanged(fetch(old, request=known(new))).url == new
    assert [got.header("if-none-match") for got in origin.requests("/old.xml")] == ['"1"', ""]
    assert [got.header("if-none-match") for got in origin.requests("/feed.xml")] == ["", '"1"']


def test_line_11_a_password_or_a_fragment_makes_no_other_address(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(status=304))
    url = origin.url("/feed.xml")
    unchanged(fetch(url.replace("//", "//user:word@") + "#top", request=known(url)))
    unchanged(fetch(url, request=known(url.replace("//", "//user:word@"))))


@pytest.mark.parametrize(
    ("statuses", "is_move"),
    [
        ([301], True),
        ([308], True),
        ([301, 308], True),
        ([302], False),
        ([303], False),
        ([307], False),
        ([301, 302], False),
        ([302, 301], False),
    ],
)
def test_line_12_only_redirects_that_are_all_permanent_report_a_move(origin: FaultOrigin, statuses: list[int], is_move: bool) -> None:
    for place, status in enumerate(statuses):
        target = "/feed.xml" if place == len(statuses) - 1 else f"/hop{place + 1}"
        origin.add(f"/hop{place}", Reply(status=status, headers=[("Location", target)]))
    outcome = fetched(fetch(origin.url("/hop0")))
    assert outcome.url == origin.url("/feed.xml")
    assert outcome.moved_to == (origin.url("/feed.xml") if is_move else "")


def test_line_12_a_304_reports_a_move_too(origin: FaultOrigin) -> None:
    origin.add("/old.xml", Reply(status=301, headers=[("Location", "feed.xml")]))
    origin.add("/feed.xml", Reply(status=304))
    url = origin.url("/feed.xml")
    assert unchanged(fetch(origin.url("/old.xml"), request=known(url))).moved_to == url


class Overlap:
    """Answers slowly, and counts how many requests are under way at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.under_way = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, _: Received) -> Reply:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        time.sleep(self.seconds)
        with self.lock:
            self.under_way -= 1
        return Reply(body=BODY)


def fetch_all_at_once(urls: list[str], **over: Any) -> list[FetchOutcome]:
    async def gather(client: Client) -> list[FetchOutcome]:
        return list(await asyncio.gather(*(client.fetch(Request(url=url)) for url in urls)))

    return use_client(gather, **over)


def test_line_21_one_request_at_a_time_and_some_time_between_two(origin: FaultOrigin) -> None:
    overlap = Overlap(0.05)
    origin.add("/slow.xml", overlap)
    gate = HostGate(per_host=1, spacing=timedelta(seconds=0.3), chance=lambda: 0.0)
    urls = [origin.url(f"/slow.xml?{number}", host="feeds.example") for number in range(4)]
    names = Names({"feeds.example": ["127.0.0.1"]})
    for outcome in fetch_all_at_once(urls, guard=PublicLoopbackGuard([]), gate=gate, resolver=names):
        fetched(outcome)
    times = [got.at for got in origin.requests("/slow.xml")]
    assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(times))
    assert overlap.most == 1
    assert names.asked == ["feeds.example"]


def test_line_21_hosts_in_allowed_networks_are_neither_counted_nor_spaced(origin: FaultOrigin) -> None:
    inside = threading.Barrier(4, timeout=5)

    def together(_: Received) -> Reply:
        inside.wait()  # breaks unless all four are under way at once
        return Reply(body=BODY)

    origin.add("/feed.xml", together)

    gate = HostGate(per_host=1, spacing=timedelta(hours=1))
    gate.hold("127.0.0.1", START + timedelta(days=100_000))
    assert all(isinstance(outcome, Fetched) for outcome in fetch_all_at_once([origin.url("/feed.xml")] * 4, gate=gate))


def test_line_22_no_two_feeds_of_a_host_are_asked_in_one_second(origin: FaultOrigin) -> None:
    clock, seconds = Clock(), []

    def note(_: Received) -> Reply:
        seconds.append(clock.seconds)
        return Reply(body=BODY)

    origin.add("/feed.xml", note)
    gate = HostGate(per_host=1, spacing=timedelta(seconds=1), now=clock.now, sleep=clock.sleep, monotonic=clock.monotonic)

    urls = [origin.url(f"/feed.xml?{n}", host="feeds.example") for n in range(5)]
    fetch_all_at_once(urls, guard=PublicLoopbackGuard([]), gate=gate, resolver=Names({"feeds.example": ["127.0.0.1"]}))
    assert len(seconds) == len({int(second) for second in seconds}) == 5
    assert seconds[-1] <= 4 * 1.5


def test_every_hop_of_a_redirect_takes_its_own_turn(origin: FaultOrigin) -> None:
    origin.add("/old.xml", Reply(status=302, headers=[("Location", origin.url("/feed.xml", host="b.example"))]))
    clock = Clock()
    gate = HostGate(per_host=1, spacing=timedelta(seconds=1), now=clock.now, sleep=clock.sleep, monotonic=clock.monotonic)
    gate.hold("b.example", START + timedelta(minutes=5))
    names = Names({"a.example": ["127.0.0.1"], "b.example": ["127.0.0.1"]})
    outcome = fetch(origin.url("/old.xml", host="a.example"), guard=PublicLoopbackGuard([]), gate=gate, resolver=names)
    assert failed(outcome).held_until == START + timedelta(minutes=5)
    assert [got.path for got in origin.requests()] == ["/old.xml"]


def test_a_held_host_is_not_asked(origin: FaultOrigin) -> None:
    gate = open_gate(now=lambda: START)
    gate.hold("feeds.example", START + timedelta(minutes=5))
    names = Names({"feeds.example": ["127.0.0.1"]})
    outcome = failed(fetch(origin.url("/feed.xml", host="feeds.example"), guard=PublicLoopbackGuard([]), gate=gate, resolver=names))
    assert outcome.held_until == START + timedelta(minutes=5)
    assert "feeds.example" in outcome.reason
    assert "2026-01-01 12:05" in outcome.reason
    assert origin.connections == 0


def test_time_spent_waiting_for_a_turn_is_not_counted(origin: FaultOrigin) -> None:
    limits = Limits(deadline=timedelta(seconds=0.4), connect=timedelta(seconds=0.4))
    gate = HostGate(per_host=1, spacing=timedelta(seconds=0.3), chance=lambda: 0.0)
    urls = [origin.url("/feed.xml", host="feeds.example")] * 3
    names = Names({"feeds.example": ["127.0.0.1"]})
    for outcome in fetch_all_at_once(urls, limits=limits, guard=PublicLoopbackGuard([]), gate=gate, resolver=names):
        fetched(outcome)


def test_no_more_than_the_concurrency_are_under_way(origin: FaultOrigin) -> None:
    overlap = Overlap(0.02)
    origin.add("/feed.xml", overlap)
    fetch_all_at_once([origin.url("/feed.xml")] * 12, concurrency=3)
    assert overlap.most == 3


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)])
def test_line_23_compression_is_asked_for_and_undone(origin: FaultOrigin, coding: str, encode: object) -> None:
    origin.add("/small.xml", Reply(body=encode(BODY * 50), headers=[("Content-Encoding", coding)], is_chunked=True))  # type: ignore[operator]
    assert fetched(fetch(origin.url("/small.xml"))).body == BODY * 50
    assert origin.requests("/small.xml")[0].header("accept-encoding") == "gzip, deflate"


def test_line_24_the_request_is_honest_and_says_no_more_than_it_must(origin: FaultOrigin) -> None:
    fetch(origin.url("/feed.xml?page=1&a=%20b#top"))
    got = origin.requests("/feed.xml")[0]
    assert got.target == "/feed.xml?page=1&a=%20b"
    assert {name.lower() for name, _ in got.headers} == {b"host", b"user-agent", b"accept", b"accept-encoding"}
    assert got.header("user-agent") == f"feedmill/{__version__} (+{PROJECT_URL})"
    for kind in ("application/atom+xml", "application/rss+xml", "application/feed+json"):
        assert kind in got.header("accept")


def test_line_24_no_cookie_and_no_referer_on_any_later_request(origin: FaultOrigin) -> None:
    origin.add("/old.xml", Reply(status=302, headers=[("Location", "/feed.xml"), ("Set-Cookie", "a=b; Path=/")]))

    async def twice(client: Client) -> None:
        await client.fetch(Request(url=origin.url("/old.xml")))
        await client.fetch(Request(url=origin.url("/old.xml")))

    use_client(twice)
    assert origin.hits == 4
    assert not any(got.has("cookie") or got.has("referer") for got in origin.requests())


def test_the_caller_may_ask_for_another_kind_of_document(origin: FaultOrigin) -> None:
    fetch(origin.url("/feed.xml"), request={"accept": "text/html"})
    assert origin.requests()[0].header("accept") == "text/html"


@pytest.mark.parametrize("target", ["/a%2Fb/%E4%B8%AD?q=%7e&&x", "/a//b/./c?%zz", "/;a=1,2/(b)'*!?c=d/e?f", "/中文?ü"])
def test_the_address_is_sent_as_it_is_but_for_what_must_be_encoded(origin: FaultOrigin, target: str) -> None:
    fetch(origin.url(target))
    expected = {"/a//b/./c?%zz": "/a//b/./c?%25zz", "/中文?ü": "/%E4%B8%AD%E6%96%87?%C3%BC"}.get(target, target)
    assert origin.requests()[0].target == expected


def test_a_226_is_a_document(origin: FaultOrigin) -> None:
    origin.add("/delta.xml", Reply(status=226, body=BODY, headers=[("IM", "feed")]))
    outcome = fetched(fetch(origin.url("/delta.xml")))
    assert (outcome.status, outcome.body) == (226, BODY)


def test_an_empty_document_is_a_document(origin: FaultOrigin) -> None:
    origin.add("/empty.xml", Reply())
    assert fetched(fetch(origin.url("/empty.xml"))).body == b""


def test_headers_have_names_in_small_letters_and_repeated_values_joined(origin: FaultOrigin) -> None:
    fields = [("X-A", "1"), ("x-a", "2"), ("Title", "中".encode()), ("Latin", b"\xe9")]
    origin.add("/fields.xml", Reply(body=BODY, headers=fields))
    headers = fetched(fetch(origin.url("/fields.xml"))).headers
    assert (headers["x-a"], headers["title"], headers["latin"]) == ("1, 2", "中", "\ufffd")


def test_connections_are_kept_for_the_next_feed_of_a_host(origin: FaultOrigin) -> None:
    async def thrice(client: Client) -> None:
        for _ in range(3):
            fetched(await client.fetch(Request(url=origin.url("/feed.xml"))))

    use_client(thrice)
    assert (origin.hits, origin.connections) == (3, 1)


def test_a_kept_connection_that_the_host_has_closed_costs_no_failure(origin: FaultOrigin) -> None:
    def once_a_connection(got: Received) -> Reply:
        is_first = got.connection not in seen
        seen.add(got.connection)
        return Reply(body=BODY) if is_first else Reply(raw=b"")

    seen: set[int] = set()
    origin.add("/feed.xml", once_a_connection)

    async def twice(client: Client) -> None:
        for _ in range(2):
            fetched(await client.fetch(Request(url=origin.url("/feed.xml"))))

    use_client(twice)
    assert [got.connection for got in origin.requests()] == [1, 1, 2]


def test_a_fetch_can_be_cancelled(origin: FaultOrigin) -> None:
    origin.add("/hang.xml", Reply(delay=20))

    async def cancel(client: Client) -> None:
        task = asyncio.create_task(client.fetch(Request(url=origin.url("/hang.xml"))))
        while not origin.hits:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        fetched(await client.fetch(Request(url=origin.url("/feed.xml"))))

    use_client(cancel, concurrency=1)


def test_a_client_that_is_not_open_says_so() -> None:
    async def main() -> None:
        client = Client(guard=LoopbackGuard(), limits=PATIENT, gate=open_gate())
        with pytest.raises(RuntimeError, match="async with"):
            await client.fetch(Request(url="http://127.0.0.1:1/"))

    asyncio.run(main())


# Secrets


def test_the_sources_own_fields_and_password_go_to_their_origin(origin: FaultOrigin) -> None:
    origin.add("/old.xml", Reply(status=302, headers=[("Location", "/feed.xml")]))
    url = origin.url("/old.xml").replace("//", "//us%20er:w%3Aord@")
    outcome = fetched(fetch(url, request={"headers": {"X-Api-Key": "CANARY", "User-Agent": "mine"}}))
    assert outcome.url == origin.url("/feed.xml")
    for got in origin.requests():
        assert (got.header("x-api-key"), got.header("user-agent")) == ("CANARY", "mine")
        assert got.header("authorization") == "Basic dXMgZXI6dzpvcmQ="


def test_a_sources_own_authorization_wins_over_the_password_of_its_address(origin: FaultOrigin) -> None:
    fetch(origin.url("/feed.xml").replace("//", "//a:b@"), request={"headers": {"authorization": "Bearer x"}})
    assert [value for name, value in origin.requests()[0].headers if name.lower() == b"authorization"] == [b"Bearer x"]


@pytest.mark.parametrize("name", ["Host", "Accept-Encoding", "Content-Length", "Transfer-Encoding", "If-None-Match", "Connection"])
def test_fields_of_the_connection_are_not_the_sources_to_set(origin: FaultOrigin, name: str) -> None:
    fetched(fetch(origin.url("/feed.xml"), request={"headers": {name: "evil"}}))
    assert origin.requests()[0].header(name) != "evil"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_B10_no_secret_crosses_to_another_origin_nor_comes_back_from_there(status: int) -> None:
    with FaultOrigin() as home, FaultOrigin() as away:
        home.add("/feed.xml", Reply(status=status, headers=[("Location", away.url("/there"))]))
        away.add("/there", Reply(status=status, headers=[("Location", home.url("/back"))]))
        home.add("/back", Reply(body=BODY))
        secrets = {"Authorization": "CANARY", "X-Api-Key": "CANARY", "Cookie": "CANARY", "User-Agent": "CANARY"}
        fetched(fetch(home.url("/feed.xml").replace("//", "//CANARY:CANARY@"), request={"headers": secrets}))
        assert all(b"CANARY" in dict(home.requests("/feed.xml")[0].headers)[name.encode()] for name in secrets)
        for got in (*away.requests(), *home.requests("/back")):
            assert "CANARY" not in repr(got)
            assert not got.has("authorization")


def test_a_password_that_upstream_chose_is_not_sent(origin: FaultOrigin) -> None:
    origin.add("/old.xml", Reply(status=302, headers=[("Location", origin.url("/feed.xml").replace("//", "//a:b@"))]))
    assert fetched(fetch(origin.url("/old.xml"))).url == origin.url("/feed.xml")
    assert not origin.requests("/feed.xml")[0].has("authorization")


def test_no_secret_is_in_any_reason_or_log(origin: FaultOrigin, caplog: pytest.LogCaptureFixture) -> None:
    origin.add("/410", Reply(status=410))
    origin.add("/loop", Reply(status=302, headers=[("Location", "/loop?token=CANARY")]))
    origin.add("/out", Reply(status=302, headers=[("Location", "http://CANARY:CANARY@10.0.0.1/?CANARY#CANARY")]))
    origin.add("/odd", Reply(status=302, headers=[("Location", "http://CANARY:CANARY@[::1/?CANARY")]))
    origin.add("/broken", Reply(raw=b"HTTP/1.1 CANARY\r\n\r\n"))
    origin.add("/closed", Reply(raw=b""))
    caplog.set_level(logging.DEBUG)
    for path in ("/410", "/loop", "/out", "/odd", "/broken", "/closed", "/feed.xml", "/with space", "/\x07"):
        url = origin.url(path).replace("//", "//CANARY:CANARY@") + "?token=CANARY#CANARY"
        outcome = fetch(url, request={"headers": {"X-Api-Key": "CANARY"}})
        if path == "/feed.xml":
            fetched(outcome)
        else:
            assert "CANARY" not in failed(outcome).reason
    failed(fetch("gopher://CANARY:CANARY@127.0.0.1/?CANARY"))
    assert caplog.records
    for record in caplog.records:
        assert "CANARY" not in f"{record.getMessage()} {record.__dict__}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/feed", "https://a.example/feed"),
        ("https://u:p@a.example/feed?t=1#x", "https://a.example/feed?…"),
        ("https://u:p@ss@a.example/", "https://a.example/"),
        ("//u@a.example/a@b", "//a.example/a@b"),
        ("http://a.example/\n\x1b[31m", "http://a.example/ [31m"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_secrets_on_one_line(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_long_address_is_shown_short() -> None:
    assert len(shown_url("http://a.example/" + "a" * 10_000)) <= 202


# The proxy that the config names


def test_a_proxy_is_asked_for_everything_and_its_own_address_needs_no_permission() -> None:
    with FaultOrigin() as proxy:
        proxy.add("http://feeds.example/feed.xml", Reply(body=BODY))
        guard = LoopbackGuard([])
        url = proxy.url("/").replace("//", "//me:word@")
        assert fetched(fetch("http://feeds.example/feed.xml", guard=guard, proxy=url)).body == BODY
        got = proxy.requests()[0]
        assert got.target == "http://feeds.example/feed.xml"
        assert got.header("proxy-authorization") == "Basic bWU6d29yZA=="
        assert not got.has("authorization")


def test_a_proxy_may_be_named_instead_of_numbered() -> None:
    with FaultOrigin() as proxy:
        proxy.add("http://feeds.example/feed.xml", Reply(body=BODY))
        names = Names({"proxy.example": ["127.0.0.1"]})
        outcome = fetch(
            "http://feeds.example/feed.xml", guard=LoopbackGuard([]), proxy=proxy.url("/", host="proxy.example"), resolver=names
        )
        assert fetched(outcome).body == BODY
        assert set(names.asked) == {"proxy.example"}


def test_a_tunnel_through_the_proxy_carries_no_secret_of_the_source() -> None:
    with FaultOrigin() as proxy:
        proxy.add("feeds.example:443", Reply(status=403))
        outcome = fetch(
            "https://a:b@feeds.example/?CANARY",
            guard=LoopbackGuard([]),
            proxy=proxy.url("/").replace("//", "//me:word@"),
            request={"headers": {"X-Api-Key": "CANARY"}},
        )
        assert "proxy" in failed(outcome).reason
        assert proxy.requests()[0].method == "CONNECT"
        assert proxy.requests()[0].header("proxy-authorization") == "Basic bWU6d29yZA=="
        assert "CANARY" not in repr(proxy.requests())


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://127.1/", "http://[::1]/", "http://0x7f.1/", "http://feeds.example:25/", "http://2130706433/"]
)
def test_a_proxy_is_not_asked_for_addresses_that_the_guard_refuses(url: str) -> None:
    with FaultOrigin() as proxy:
        assert "sync.allow_networks" in failed(fetch(url, guard=LoopbackGuard([]), proxy=proxy.url("/"))).reason
        assert proxy.connections == 0


def test_the_proxys_address_is_no_way_in_for_a_source() -> None:
    with FaultOrigin() as proxy:
        proxy.add("/secret", Reply(body=BODY))
        failed(fetch(proxy.url("/secret"), guard=LoopbackGuard([]), proxy=proxy.url("/")))
        assert proxy.connections == 0


# Addresses


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("http://example.com:80/a%20b", "http://example.com/a%20b"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://0177.0.0.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0/", "http://0.0.0.0/"),
        ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://user@127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("http://ok.example#@127.0.0.1/", "http://ok.example/"),
        ("https://[2001:DB8::1]:8443/?a#b", "https://[2001:db8::1]:8443/?a"),
        ("http://中文.example/路", "http://xn--fiq228c.example/%E8%B7%AF"),
    ],
)
def test_C1_C9_an_address_is_read_once_and_numbers_become_what_the_system_makes_of_them(url: str, text: str) -> None:
    assert read_target(url).text == text


@pytest.mark.parametrize(
    "url",
    [
        *("", "//", "/feed.xml", "feed.xml", "http:", "http://", "http:127.0.0.1", "http:///x", "example.com/feed"),
        *("ftp://a.example/", "file:///etc/passwd", "data:,x", "javascript:alert(1)", "gopher://a.example/", "feed:https://a.example/"),
        *("http://a b.example/", "http://a.example/a b", "http://a.example/\t", "\nhttp://a.example/", "http://a.example/\x00"),
        *("http://a.example/\r\nX-Evil: 1", "http://127.0.0.1\\@ok.example/", "http://127.0.0.1\x00.x/", "http://a.example/\ud800"),
        *(
            "http://a.example:99999/",
            "http://a.example:0/",
            "http://a.example:x/",
            "http://a.example:-1/",
            "http://[::1/",
            "http://[::1%25lo]/",
        ),
        *("http://1.2.3.4.5/", "http://256.256.256.256/", "http://4294967296/", "http://0x/", "http://a..example/", "http://.example/"),
        "http://a.example/" + "a" * 9000,
    ],
)
def test_B21_C9_an_address_that_two_parsers_read_differently_is_refused_on_one_line(url: str) -> None:
    with pytest.raises(UnfitAddressError) as caught:
        read_target(url)
    assert str(caught.value).isprintable()
    failed(fetch(url))
