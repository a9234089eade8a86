"""What a host can do wrong, and where a host can try to send us: the rows B and C of the fault catalog, named by their numbers."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import ssl
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from faultorigin import FaultOrigin, Received, Reply
from feedmill.consumer.fetch import Client, Limits, Request
from feedmill.upstream import Failed, Validators
from fetching import QUICK, LoopbackGuard, Names, PublicLoopbackGuard, failed, fetch, fetched, unchanged, use_client

BODY = b"<rss><channel>" + b"<item><title>An entry</title></item>" * 200 + b"</channel></rss>"
#: Half of it does not shrink, so that a cut leaves something to decode.
LONG = BODY + random.Random(7).randbytes(3000)
GZIPPED = gzip.compress(LONG)


@pytest.fixture
def origin() -> Iterator[FaultOrigin]:
    with FaultOrigin() as server:
        yield server


def ask(origin: FaultOrigin, answer: Reply | int, **over: Any) -> Any:
    """Fetch what `answer` gives, within `QUICK` limits; the deadline holds, whatever happens, and nobody asks twice."""
    origin.add("/feed.xml", answer)
    limits = over.setdefault("limits", QUICK)
    before, began = origin.hits, time.monotonic()
    outcome = fetch(origin.url("/feed.xml"), **over)
    assert time.monotonic() - began < limits.deadline.total_seconds() + 1
    assert origin.hits == before + 1
    return outcome


def endlessly(piece: bytes, *, after: bytes = b"") -> Iterator[bytes]:
    yield after
    while True:
        yield piece


@contextmanager
def little_memory(limit: int) -> Iterator[None]:
    """Fail when the block, origin included, holds more than `limit` bytes at once."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


@cache
def bomb(wbits: int, *, megabytes: int = 60) -> bytes:
    stream = zlib.compressobj(wbits=wbits)
    return b"".join(stream.compress(bytes(1_000_000)) for _ in range(megabytes)) + stream.flush()


# B1-B6: bodies and heads


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip", "br", "zstd"])
def test_B1_bombs_are_refused_in_little_time_and_memory(origin: FaultOrigin, coding: str) -> None:
    body = {"gzip": bomb(31), "deflate": bomb(15), "gzip, gzip": gzip.compress(bomb(31))}.get(coding, b"\x28\xb5\x2f\xfd")
    with little_memory(25_000_000):
        outcome = failed(
            ask(origin, Reply(body=body, headers=[("Content-Encoding", coding)]), limits=Limits(deadline=timedelta(seconds=2)))
        )
    assert "refused" in outcome.reason
    assert outcome.status == 200
    assert outcome.headers["content-encoding"] == coding


def test_B1_two_content_encoding_fields_are_stacked_codings(origin: FaultOrigin) -> None:
    reply = Reply(body=gzip.compress(gzip.compress(BODY)), headers=[("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")])
    assert "more than once" in failed(ask(origin, reply)).reason


def test_B2_an_endless_body_is_cut_off_at_the_limit(origin: FaultOrigin) -> None:
    reply = Reply(raw=endlessly(b"a" * 65536, after=b"HTTP/1.1 200 OK\r\n\r\n"))
    with little_memory(15_000_000):
        outcome = failed(ask(origin, reply, limits=Limits(deadline=timedelta(seconds=5))))
    assert "10,000,000 bytes (sync.max_bytes)" in outcome.reason


def test_B2_a_body_that_announces_too_much_is_not_read(origin: FaultOrigin) -> None:
    assert "sync.max_bytes" in failed(ask(origin, Reply(body=b"<rss/>", declared=10_000_001, ending="close"))).reason


@pytest.mark.parametrize("over", [0, 1])
def test_B2_the_limits_are_exact(origin: FaultOrigin, over: int) -> None:
    limits = Limits(deadline=timedelta(seconds=5), wire=len(BODY) - over)
    outcome = ask(origin, Reply(body=BODY, declared=-1), limits=limits)
    assert isinstance(outcome, Failed) == bool(over)
    compressed = Reply(body=gzip.compress(BODY), headers=[("Content-Encoding", "gzip")])
    outcome = ask(origin, compressed, limits=Limits(deadline=timedelta(seconds=5), decoded=len(BODY) - over))
    assert isinstance(outcome, Failed) == bool(over)


def test_B2_the_decoded_limit_is_twice_the_wire_limit_unless_given() -> None:
    assert Limits(wire=100).decoded_bytes == 200
    assert Limits(wire=100, decoded=300).decoded_bytes == 300


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=BODY, declared=100, ending="close"), id="longer than announced"),
        pytest.param(Reply(body=BODY, headers=[("Content-Length", "3")]), id="two lengths"),
        pytest.param(Reply(body=BODY, declared=-5), id="negative length"),
        pytest.param(Reply(body=BODY, headers=[("Content-Length", "9" * 30)], declared=-1), id="endless length"),
        pytest.param(Reply(body=BODY, headers=[("Content-Length", "x")], declared=-1), id="length is no number"),
        pytest.param(Reply(body=BODY, headers=[("Content-Length", "5")], is_chunked=True), id="length and chunks"),
        pytest.param(Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"), id="bad chunk"),
    ],
)
def test_B2_a_length_that_lies_is_against_the_rules(origin: FaultOrigin, reply: Reply) -> None:
    failed(ask(origin, reply))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(raw=endlessly(b"a", after=b"HTTP/1.1 200 OK\r\n\r\n"), pace=(1, 0.05)), id="body drips"),
        pytest.param(Reply(raw=endlessly(b"X: a\r\n", after=b"HTTP/1.1 200 OK\r\n"), pace=(1, 0.05)), id="head drips"),
        pytest.param(Reply(raw=endlessly(b"HTTP/1.1 103 Early Hints\r\n\r\n"), pace=(28, 0.05)), id="103 drips"),
        pytest.param(Reply(delay=30), id="hangs before the status"),
        pytest.param(Reply(body=BODY, is_chunked=True, pace=(1, 0.05)), id="chunks drip"),
    ],
)
def test_B3_the_deadline_holds_whatever_drips_or_hangs(origin: FaultOrigin, reply: Reply) -> None:
    began = time.monotonic()
    with little_memory(5_000_000):
        assert "within 0.6 s" in failed(ask(origin, reply)).reason
    assert 0.5 < time.monotonic() - began < 1.4


def test_B3_the_deadline_spans_redirects() -> None:
    with FaultOrigin() as origin:
        for hop in range(6):
            origin.add(f"/{hop}", Reply(status=302, headers=[("Location", f"/{hop + 1}")], delay=0.2))
        began = time.monotonic()
        assert "within 0.6 s" in failed(fetch(origin.url("/0"), limits=QUICK)).reason
        assert 0.5 < time.monotonic() - began < 1.4


def test_B3_a_host_that_hangs_in_tls_is_left_after_the_connect_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        assert "within 0.4 s" in failed(fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/", limits=QUICK)).reason
        assert time.monotonic() - began < 1


def test_B3_interim_answers_are_read_and_a_flood_of_them_is_not(origin: FaultOrigin) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>"
    assert fetched(ask(origin, Reply(raw=hint * 32 + answer))).body == b"<rss/>"
    began = time.monotonic()
    with little_memory(10_000_000):  # what one read of 256 kB becomes
        assert "too long" in failed(ask(origin, Reply(raw=endlessly(hint * 50)))).reason
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"a" * 1000 + b"\r\n"] * 100_000], id="100 MB of fields"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: ", *[b"a" * 65536] * 1500], id="one field of 100 MB"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", *[b"a" * 65536] * 1500], id="a field name of 100 MB"),
        pytest.param([b"HTTP/1.1 200 ", *[b"a" * 65536] * 16], id="a status line of 1 MB"),
        pytest.param([b"a" * 65536] * 16, id="no status line at all"),
    ],
)
def test_B4_a_flooding_head_is_refused_in_little_memory(origin: FaultOrigin, pieces: Sequence[bytes]) -> None:
    with little_memory(5_000_000):
        failed(ask(origin, Reply(raw=pieces)))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=BODY, declared=len(BODY) + 9, ending="close"), id="short of its length"),
        pytest.param(Reply(body=BODY, declared=len(BODY) + 9, ending="reset"), id="reset short of its length"),
        pytest.param(Reply(body=BODY, is_chunked=True, cut=3000), id="chunks cut"),
        pytest.param(Reply(body=BODY, is_chunked=True, cut=len(BODY) + 50), id="last chunk missing"),
        pytest.param(Reply(body=GZIPPED[:1500], headers=[("Content-Encoding", "gzip")]), id="gzip cut"),
        pytest.param(Reply(body=GZIPPED[:-4], headers=[("Content-Encoding", "gzip")]), id="gzip without its end"),
        pytest.param(Reply(body=zlib.compress(LONG)[:1500], headers=[("Content-Encoding", "deflate")]), id="deflate cut"),
        pytest.param(Reply(body=GZIPPED, headers=[("Content-Encoding", "gzip")], is_chunked=True, cut=1500), id="gzip in chunks cut"),
        pytest.param(Reply(body=BODY, declared=-1, ending="reset"), id="B6 reset instead of an end"),
    ],
)
def test_B5_a_transfer_that_ends_early_is_a_torn_document(origin: FaultOrigin, reply: Reply) -> None:
    url = origin.url("/feed.xml")
    old = Validators(url, '"old"', "long ago")
    with_etag = Reply(**{**reply.__dict__, "headers": [*reply.headers, ("ETag", '"new"')]})
    outcome = fetched(ask(origin, with_etag, request={"validators": old}))
    assert not outcome.is_complete
    assert outcome.body
    assert outcome.validators == old


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=BODY, cut=0, ending="close"), id="closed after the head"),
        pytest.param(Reply(body=BODY, cut=0, ending="reset"), id="reset after the head"),
        pytest.param(Reply(body=BODY, is_chunked=True, cut=2), id="first chunk cut"),
        pytest.param(Reply(body=GZIPPED[:5], headers=[("Content-Encoding", "gzip")]), id="gzip cut in its head"),
        pytest.param(Reply(declared=-1, ending="reset"), id="reset of an empty body"),
    ],
)
def test_B5_a_transfer_that_ends_before_its_first_byte_is_a_failure(origin: FaultOrigin, reply: Reply) -> None:
    failed(ask(origin, reply))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=BODY, headers=[("Content-Encoding", "gzip")]), id="text as gzip"),
        pytest.param(Reply(body=GZIPPED[:-8] + b"\0" * 8, headers=[("Content-Encoding", "gzip")]), id="wrong checksum"),
        pytest.param(Reply(raw=b"<rss>HTTP/0.9</rss>"), id="HTTP 0.9"),
        pytest.param(Reply(raw=b"SSH-2.0-OpenSSH_9\r\n"), id="another protocol"),
        pytest.param(Reply(raw=b"HTTP/1.1 abc OK\r\n\r\n"), id="status is no number"),
        pytest.param(Reply(raw=b""), id="closed without an answer"),
        pytest.param(Reply(raw=b"HTTP/1.1 200 OK\r\nETag: "), id="closed in the head"),
        pytest.param(Reply(raw=b"", ending="reset"), id="reset without an answer"),
        pytest.param(Reply(raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc"), id="101"),
    ],
)
def test_B6_broken_answers_are_failures(origin: FaultOrigin, reply: Reply) -> None:
    failed(ask(origin, reply))


def test_B6_a_connection_closed_at_accept_is_a_failure_after_one_try() -> None:
    with FaultOrigin(on_accept=lambda _: False) as origin:
        assert "without an answer" in failed(fetch(origin.url("/feed.xml"))).reason
        assert origin.connections == 1


def test_B6_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in failed(fetch(f"http://127.0.0.1:{port}/")).reason


# B7-B10: redirects


def redirect(location: str | bytes, status: int = 302) -> Reply:
    return Reply(status=status, headers=[("Location", location)])


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "data:text/xml,<rss/>", "javascript:alert(1)", "ftp://127.0.0.1/", "gopher://127.0.0.1:70/", "about:blank"),
        *(
            "http://[::1",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:x/",
            "http://xn--\u00e9\u0301-.\u00e9..example/",
            "http://",
            "http:///x",
        ),
        *("", " ", "http://a b.example/", "/a b", "/a\tb", "/a\\b", "http://127.0.0.1\\@ok.example/", "//", "http://a..b/", b"/\xff\xfe"),
        "/" + "a" * 9000,
    ],
)
def test_B7_B21_a_redirect_to_what_is_no_web_address_is_a_failure(origin: FaultOrigin, location: str | bytes) -> None:
    location = location if isinstance(location, bytes) else location.encode()
    assert "redirect" in failed(ask(origin, redirect(location))).reason


def test_B7_a_redirect_without_location_is_a_failure(origin: FaultOrigin) -> None:
    assert "redirect" in failed(ask(origin, 302)).reason


@pytest.mark.parametrize("status", [300, 304, 305, 306])
def test_B7_other_3xx_are_no_redirects(origin: FaultOrigin, status: int) -> None:
    assert failed(ask(origin, redirect("/elsewhere", status))).status == status


def test_B7_five_redirects_are_followed_and_no_sixth(origin: FaultOrigin) -> None:
    for hop in range(7):
        origin.add(f"/{hop}", redirect(f"/{hop + 1}"))
    assert "5 times" in failed(fetch(origin.url("/0"))).reason
    assert origin.hits == 6
    origin.add("/6", Reply(body=BODY))
    assert fetched(fetch(origin.url("/1"))).url == origin.url("/6")


@pytest.mark.parametrize("location", ["/feed.xml", "/feed.xml#again", "/./feed.xml", "/loop"])
def test_B7_a_circle_is_left_at_once(origin: FaultOrigin, location: str) -> None:
    origin.add("/loop", redirect("/feed.xml"))
    origin.add("/feed.xml", redirect(location))
    assert "circle" in failed(fetch(origin.url("/feed.xml"))).reason
    assert origin.hits <= 2


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("there", "/a/there"),
        ("../x?y", "/x?y"),
        ("?q=1", "/a/feed?q=1"),
        ("//{place}/b", "/b"),
        ("/é", "/%C3%A9"),
        ("HTTP://{place}/c", "/c"),
    ],
)
def test_relative_redirects_are_resolved(origin: FaultOrigin, location: str, target: str) -> None:
    origin.add("/a/feed", lambda got: Reply(body=BODY) if "?" in got.target else redirect(location.format(place=place).encode()))
    place = f"127.0.0.1:{origin.port}"
    path = target.partition("?")[0]
    if path != "/a/feed":
        origin.add(path, Reply(body=BODY))
    fetched(fetch(origin.url("/a/feed")))
    assert origin.requests()[-1].target == target


def test_B8_a_public_host_cannot_lead_into_allowed_networks() -> None:
    class Half(LoopbackGuard):
        """127.0.0.2 is the user's own, 127.0.0.1 stands for a public host."""

        def is_own(self, address: Any, port: int) -> bool:
            return str(address) == "127.0.0.2"

        def refusal(self, address: Any, port: int) -> str:
            return ""

    with FaultOrigin() as public, FaultOrigin(host="127.0.0.2") as inside:
        inside.add("/", Reply(body=BODY))
        inside.add("/out", redirect(public.url("/feed.xml")))
        public.add("/in", redirect(inside.url("/"), 301))
        public.add("/feed.xml", Reply(body=BODY))
        assert "sync.allow_networks" in failed(fetch(public.url("/in"), guard=Half())).reason
        assert inside.hits == 0
        fetched(fetch(inside.url("/out"), guard=Half()))


# B11-B16: fields and statuses


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        pytest.param([b'ETag: W/"a"'], {"if-none-match": b'W/"a"'}, id="weak"),
        pytest.param([b"ETag: abc"], {"if-none-match": b"abc"}, id="unquoted"),
        pytest.param([b"ETag:"], {}, id="empty"),
        pytest.param([b'ETag: "' + b"a" * 4094 + b'"'], {"if-none-match": b'"' + b"a" * 4094 + b'"'}, id="4 kB"),
        pytest.param([b'ETag: "' + b"a" * 4095 + b'"'], {}, id="a byte more"),
        pytest.param([b'ETag: "' + b"a" * 100_000 + b'"'], {}, id="100 kB"),
        pytest.param([b'ETag: "a', b' b"'], {}, id="folded"),
        pytest.param([b'ETag: "a"', b'ETag: "b"'], {}, id="doubled"),
        pytest.param([b'ETag: "\xc3\xa9"'], {}, id="UTF-8"),
        pytest.param([b'ETag: "\xe9"'], {}, id="latin-1"),
        pytest.param([b'ETag: "\x01"'], {}, id="control character"),
        pytest.param([b'ETag: "\x7f"'], {}, id="delete"),
        pytest.param([b"Last-Modified: not a date; at all"], {"if-modified-since": b"not a date; at all"}, id="odd date"),
        pytest.param([b"Last-Modified: \xe9t\xe9"], {}, id="date in latin-1"),
        pytest.param([b'etag: "x"', b"LAST-MODIFIED: 0"], {"if-none-match": b'"x"', "if-modified-since": b"0"}, id="odd case"),
    ],
)
def test_B11_validators_come_back_byte_for_byte_or_not_at_all(origin: FaultOrigin, lines: list[bytes], sent: dict[str, bytes]) -> None:
    head = b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"Content-Length: 6"])
    origin.add("/feed.xml", Reply(raw=head + b"\r\n\r\n<rss/>"))

    async def twice(client: Client) -> None:
        first = fetched(await client.fetch(Request(url=origin.url("/feed.xml"))))
        fetched(await client.fetch(Request(url=origin.url("/feed.xml"), validators=first.validators)))

    use_client(twice)
    first, second = ({name.lower().decode(): value for name, value in got.headers} for got in origin.requests())
    assert {name: second[name] for name in second.keys() - first.keys()} == sent


@pytest.mark.parametrize("etag", ['"a\r\nX-Evil: 1"', "\u00e9", "\ud800", "a" * 5000, '"a b"', "\x00"])
def test_B11_validators_that_cannot_be_sent_are_left_out_wherever_they_come_from(origin: FaultOrigin, etag: str) -> None:
    url = origin.url("/feed.xml")
    fetched(ask(origin, Reply(body=BODY), request={"validators": Validators(url, etag, etag)}))
    assert not origin.requests()[0].has("if-none-match")
    assert not origin.requests()[0].has("x-evil")


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"\r\n", id="no body"),
        pytest.param(b"Content-Length: 6\r\n\r\n<rss/>", id="length and body"),
        pytest.param(b"\r\n<rss/>", id="body"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n6\r\n<rss/>\r\n0\r\n\r\n", id="chunks"),
        pytest.param(b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!", id="not even gzip"),
        pytest.param(b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", id="another answer"),
    ],
)
@pytest.mark.parametrize("pace", [None, (20, 0.01)])
def test_B12_the_body_of_a_304_is_ignored_and_taken_for_no_other_answer(
    origin: FaultOrigin, rest: bytes, pace: tuple[int, float] | None
) -> None:
    origin.add("/feed.xml", Reply(raw=b'HTTP/1.1 304 Not Modified\r\nETag: "2"\r\n' + rest, pace=pace))
    origin.add("/next.xml", Reply(body=BODY))
    url = origin.url("/feed.xml")

    async def both(client: Client) -> None:
        outcome = unchanged(await client.fetch(Request(url=url, validators=Validators(url, '"1"', "then"))))
        assert outcome.validators == Validators(url, '"2"', "then")
        await asyncio.sleep(0.2 if pace else 0)
        assert fetched(await client.fetch(Request(url=origin.url("/next.xml")))).body == BODY

    use_client(both)


@pytest.mark.parametrize(
    ("announced", "late", "wait"),
    [
        pytest.param(b"", 0.05, 0.15, id="a body between two requests"),
        pytest.param(b"Content-Length: 6\r\n", 0.15, 0.0, id="an announced body after the next request"),
    ],
)
def test_B12_a_connection_with_a_late_body_after_a_304_is_not_used_again(
    origin: FaultOrigin, announced: bytes, late: float, wait: float
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"HTTP/1.1 304 Not Modified\r\n" + announced + b"\r\n"
        time.sleep(late)
        yield b"<rss/>"
        time.sleep(0.4)

    origin.add("/feed.xml", Reply(raw=pieces()))
    origin.add("/next.xml", Reply(body=BODY))
    url = origin.url("/feed.xml")

    async def both(client: Client) -> None:
        unchanged(await client.fetch(Request(url=url, validators=Validators(url, '"1"', ""))))
        await asyncio.sleep(wait)
        began = time.monotonic()
        assert fetched(await client.fetch(Request(url=origin.url("/next.xml")))).body == BODY
        assert time.monotonic() - began < 0.2

    use_client(both)
    assert [got.connection for got in origin.requests()] == [1, 2]


def test_B12_a_304_without_a_body_keeps_its_connection(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", 304)
    url = origin.url("/feed.xml")

    async def twice(client: Client) -> None:
        for _ in range(2):
            unchanged(await client.fetch(Request(url=url, validators=Validators(url, '"1"', ""))))

    use_client(twice)
    assert (origin.hits, origin.connections) == (2, 1)


@pytest.mark.parametrize("validators", [Validators(), Validators("http://other.example/", '"1"', ""), Validators("", '"1"', "")])
def test_B12_a_304_to_an_unconditional_request_is_a_failure(origin: FaultOrigin, validators: Validators) -> None:
    outcome = failed(ask(origin, 304, request={"validators": validators}))
    assert outcome.status == 304


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (204, "204 No Content"),
        (206, "206"),
        (400, "400 Bad Request"),
        (401, "needs a password: set `headers`"),
        (403, "refuses this client"),
        (404, "404 Not Found"),
        (410, "410 Gone: the feed is gone"),
        (418, "418"),
        (429, "fewer requests"),
        (451, "legal"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
        (599, "599"),
        (999, "999"),
    ],
)
def test_B13_B14_other_statuses_are_failures_with_what_the_caller_needs(origin: FaultOrigin, status: int, said: str) -> None:
    fields = [("Retry-After", "120"), ("Date", "Thu, 01 Jan 2026 00:00:00 GMT")]
    outcome = failed(ask(origin, Reply(status=status, headers=fields)))
    assert outcome.status == status
    assert said in outcome.reason
    assert "127.0.0.1" in outcome.reason
    assert outcome.held_until is None
    assert outcome.headers["retry-after"] == "120"  # B15 and B16 are planned from it by the caller
    assert outcome.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_B14_a_flapping_host_is_asked_once_a_fetch(origin: FaultOrigin) -> None:
    origin.script("/feed.xml", [500, 500, Reply(body=BODY)])
    failed(fetch(origin.url("/feed.xml")))
    failed(fetch(origin.url("/feed.xml")))
    fetched(fetch(origin.url("/feed.xml")))
    assert origin.hits == 3


# B9, B17: TLS


class Certificates:
    """An authority for a test run, and what it has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run("req", "-x509", *self._key("ca"), "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test authority")

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def _key(self, name: str) -> tuple[str, ...]:
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")

    def server(self, name: str, *, host: str = "DNS:good.example", days: int = 30) -> ssl.SSLContext:
        (self.folder / "names").write_text(f"subjectAltName={host}")
        self._run("req", "-new", *self._key(name), "-out", f"{name}.csr", "-subj", "/CN=server")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        self._run("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.pem", "-days", str(days))
        return self._context(name)

    def self_signed(self) -> ssl.SSLContext:
        extension = ("-addext", "subjectAltName=DNS:good.example")
        self._run("req", "-x509", *self._key("self"), "-out", "self.pem", "-days", "30", "-subj", "/CN=server", *extension)
        return self._context("self")

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "ca.pem")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    try:
        return Certificates(tmp_path_factory.mktemp("certificates"))
    except FileNotFoundError:
        pytest.skip("no openssl: no certificates to test with")


@pytest.fixture(scope="module")
def good(certificates: Certificates) -> ssl.SSLContext:
    return certificates.server("good")


NAMES = {name: ["127.0.0.1"] for name in ("good.example", "bad.example")}


def test_B17_a_good_certificate_is_trusted(certificates: Certificates, good: ssl.SSLContext) -> None:
    with FaultOrigin(tls=good) as origin:
        origin.add("/feed.xml", Reply(body=BODY))
        outcome = fetch(origin.url("/feed.xml", host="good.example"), resolver=Names(NAMES), tls=certificates.trust())
        assert fetched(outcome).body == BODY


@pytest.mark.parametrize("case", ["expired", "wrong host", "self-signed", "unknown authority"])
def test_B17_a_bad_certificate_is_a_failure_that_names_what(certificates: Certificates, good: ssl.SSLContext, case: str) -> None:
    tls, host, said = {
        "expired": lambda: (certificates.server("expired", days=-1), "good.example", "has expired"),
        "wrong host": lambda: (good, "bad.example", "is for another host"),
        "self-signed": lambda: (certificates.self_signed(), "good.example", "signed by itself"),
        "unknown authority": lambda: (good, "good.example", "authority"),
    }[case]()
    trust = None if case == "unknown authority" else certificates.trust()
    with FaultOrigin(tls=tls) as origin:
        origin.add("/feed.xml", Reply(body=BODY))
        url = f"https://{host}:{origin.port}/feed.xml"
        outcome = failed(fetch(url, resolver=Names(NAMES), tls=trust))
        assert outcome.reason.startswith("TLS: ")
        assert host in outcome.reason
        assert said in outcome.reason
        assert origin.hits == 0


def test_B17_a_host_that_speaks_no_tls_is_a_failure() -> None:
    def answer_in_clear(connection: socket.socket) -> bool:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        return False

    with FaultOrigin(on_accept=answer_in_clear) as origin:
        reason = failed(fetch(origin.url("/").replace("http:", "https:"))).reason
        assert reason == "TLS: no safe connection to 127.0.0.1 (wrong version number)"


def test_B9_a_redirect_from_https_to_http_is_refused(certificates: Certificates, good: ssl.SSLContext) -> None:
    with FaultOrigin(tls=good) as safe, FaultOrigin() as plain:
        plain.add("/feed.xml", Reply(body=BODY))
        plain.add("/up", redirect(safe.url("/feed.xml", host="good.example")))
        safe.add("/feed.xml", Reply(body=BODY))
        safe.add("/down", redirect(plain.url("/feed.xml", host="good.example"), 301))
        options = {"resolver": Names(NAMES), "tls": certificates.trust()}
        assert "https to http" in failed(fetch(safe.url("/down", host="good.example"), **options)).reason
        assert plain.hits == 0
        fetched(fetch(plain.url("/up", host="good.example"), **options))


# B18-B20: names, hosts, cookies


def test_B18_a_name_that_nobody_has_is_a_failure() -> None:
    assert "there is no such host" in failed(fetch("http://none.example/", resolver=Names({}))).reason


@pytest.mark.parametrize(
    "trouble",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError("the name server is on fire"),
        UnicodeError("label too long"),
    ],
)
def test_B18_a_name_lookup_that_fails_is_a_failure(trouble: Exception) -> None:
    assert "odd.example" in failed(fetch("http://odd.example/", resolver=Names({"odd.example": trouble}))).reason


def test_B18_an_answer_without_addresses_is_a_failure() -> None:
    assert "no such host" in failed(fetch("http://empty.example/", resolver=Names({"empty.example": []}))).reason


def test_B18_a_name_server_that_hangs_is_left_after_the_connect_limit_and_thirty_feeds_wait_for_it_once() -> None:
    class Hanging(Names):
        async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> Any:
            self.asked.append(host)
            await asyncio.sleep(30)

    names = Hanging({})

    async def all_at_once(client: Client) -> None:
        urls = [f"http://slow.example/{number}" for number in range(30)]
        for outcome in await asyncio.gather(*(client.fetch(Request(url=url)) for url in urls)):
            assert "no name server" in failed(outcome).reason

    began = time.monotonic()
    use_client(all_at_once, resolver=names, limits=QUICK)
    assert time.monotonic() - began < 1
    assert names.asked == ["slow.example"]


def test_B18_the_next_address_is_tried_when_the_first_ones_are_dead(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY))
    dead = [f"127.0.1.{number}" for number in range(1, 50)]
    guard = PublicLoopbackGuard([])
    names = Names({"many.example": [*dead, "127.0.0.1"]})
    fetched(fetch(origin.url("/feed.xml", host="many.example"), guard=guard, resolver=names))
    assert ("127.0.0.1", origin.port) in guard.sockets
    failed(fetch(origin.url("/feed.xml", host="many.example"), resolver=Names({"many.example": dead}), limits=QUICK))


def test_B18_an_address_that_never_answers_costs_a_moment(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY))
    with ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.3", origin.port))
        dead.listen(0)
        for _ in range(4):  # a queue that is full answers nobody
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.3", origin.port))
        guard, names = PublicLoopbackGuard([]), Names({"half.example": ["127.0.0.3", "127.0.0.1"]})
        began = time.monotonic()
        fetched(fetch(origin.url("/feed.xml", host="half.example"), guard=guard, resolver=names))
        assert time.monotonic() - began < 2
        assert "within 0.4 s" in failed(fetch(f"http://127.0.0.3:{origin.port}/", limits=QUICK)).reason


def test_B18_a_name_of_both_families_is_reached_on_the_one_that_works() -> None:
    with FaultOrigin(host="::1") as origin:
        origin.add("/feed.xml", Reply(body=BODY))
        fetched(fetch(origin.url("/feed.xml")))
        fetched(fetch(origin.url("/feed.xml", host="both.example"), resolver=Names({"both.example": ["127.0.0.1", "::1"]})))


def test_the_systems_own_name_lookup_finds_localhost(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY))
    assert fetched(fetch(origin.url("/feed.xml", host="localhost"))).body == BODY


def test_B20_a_cookie_of_one_host_is_sent_to_nobody(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", Reply(body=BODY, headers=[("Set-Cookie", "id=1; Path=/; Domain=127.0.0.1"), ("Set-Cookie", "\x01;;=;")]))

    async def twice(client: Client) -> None:
        for _ in range(2):
            fetched(await client.fetch(Request(url=origin.url("/feed.xml"))))

    use_client(twice)
    assert not any(got.has("cookie") for got in origin.requests())


# C: where nobody may send us. What counts is that no socket is made and no listener is reached.


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "127.0.0.1."),
        *("127.0.0.1\x00.x", "localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("ok@127.0.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200", "224.0.0.1", "255.255.255.255", "[fd00::1]", "[ff02::1]"),
    ],
)
def test_C1_to_C4_C9_no_socket_is_made_for_a_refused_address(origin: FaultOrigin, host: str) -> None:
    guard = LoopbackGuard([])
    for url in (f"http://{host}:{origin.port}/", f"https://{host}:{origin.port}/"):
        failed(fetch(url, guard=guard))
    assert guard.sockets == []
    assert origin.connections == 0


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "１２７.0.0.1", "0177.0.0.1"])
def test_C1_odd_spellings_of_an_allowed_address_reach_it(origin: FaultOrigin, host: str) -> None:
    origin.add("/feed.xml", Reply(body=BODY))
    fetched(fetch(f"http://{host}:{origin.port}/feed.xml"))


def test_C5_a_name_that_changes_its_address_between_check_and_connection_gains_nothing(origin: FaultOrigin) -> None:
    """The name is allowed when it is looked up first, and is another's when the connection looks it up again."""

    class Rebinding(PublicLoopbackGuard):
        def refusal(self, address: Any, port: int) -> str:
            return "" if str(address) == "127.0.0.2" else f"{address} is private; sync.allow_networks can permit it"

    class Flipping(Names):
        async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> Any:
            self.names = {host: ["127.0.0.1" if self.asked else "127.0.0.2"]}
            return await super().resolve(host, port, family)

    guard, names = Rebinding([]), Flipping({})
    outcome = failed(fetch(origin.url("/", host="rebind.example"), guard=guard, resolver=names, limits=QUICK))
    assert ("127.0.0.1", origin.port) not in guard.sockets
    assert origin.connections == 0
    assert outcome.status == 0


def test_C5_the_socket_factory_alone_stops_what_the_resolver_let_through(origin: FaultOrigin) -> None:
    class Blind(LoopbackGuard):
        """Says yes to every question but the last one."""

        def refusal(self, address: Any, port: int) -> str:
            return ""

        def _judge(self, place: Any) -> str:
            return f"{place[0]} is a loopback address; sync.allow_networks can permit it"

    guard = Blind([])
    assert (
        "loopback"
        in failed(fetch(origin.url("/", host="rebind.example"), guard=guard, resolver=Names({"rebind.example": ["127.0.0.1"]}))).reason
    )
    assert guard.sockets == []
    assert origin.connections == 0


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["8.8.8.8"] * 49 + ["::1"], ["169.254.169.254"], ["fe80::1%2"]]
)
def test_C6_an_answer_with_one_refused_address_is_refused_whole(addresses: list[str]) -> None:
    guard = LoopbackGuard([])
    outcome = failed(fetch("http://mixed.example/", guard=guard, resolver=Names({"mixed.example": addresses})))
    assert outcome.reason.startswith("mixed.example: ")
    assert guard.sockets == []


@pytest.mark.parametrize("hop", [1, 5])
@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://inside.example/", "http://[::ffff:127.0.0.1]/", "http://0x0a.1/", "http://8.8.8.8:22/"]
)
def test_C7_a_redirect_to_a_refused_address_is_refused_on_every_hop(origin: FaultOrigin, hop: int, target: str) -> None:
    for number in range(1, hop):
        origin.add(f"/{number}", redirect(f"/{number + 1}"))
    origin.add(f"/{hop}", redirect(target))
    guard = LoopbackGuard()
    outcome = failed(fetch(origin.url("/1"), guard=guard, resolver=Names({"inside.example": ["192.168.0.1"]})))
    assert "sync.allow_networks" in outcome.reason
    assert set(guard.sockets) == {("127.0.0.1", origin.port)}


def test_C7_a_redirect_from_an_allowed_port_to_its_neighbour_reaches_nothing() -> None:
    with FaultOrigin() as allowed, FaultOrigin() as neighbour:
        allowed.add("/feed.xml", redirect(neighbour.url("/")))
        guard = LoopbackGuard([f"127.0.0.1:{allowed.port}"])
        assert "sync.allow_networks" in failed(fetch(allowed.url("/feed.xml"), guard=guard)).reason
        assert (allowed.hits, neighbour.connections) == (1, 0)


def test_C8_the_environments_proxies_and_passwords_are_not_used(
    origin: FaultOrigin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    origin.add("/feed.xml", Reply(body=BODY))
    with FaultOrigin() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url("/"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        fetched(fetch(origin.url("/feed.xml")))
        assert proxy.connections == 0
    assert not origin.requests()[0].has("authorization")


@pytest.mark.parametrize("prefix", ["{here}feeds/", "{here}feeds/atom.xml", "{there}feeds/"])
def test_C10_a_sites_own_feeds_are_not_fetched(origin: FaultOrigin, prefix: str) -> None:
    own = (prefix.format(here=origin.url("/"), there=origin.url("/", host="LOCALHOST").replace("http:", "https:")),)
    origin.add("/way", redirect("/feeds/atom.xml"))
    origin.add("/other", Reply(body=BODY))
    host = "localhost" if "there" in prefix else ""
    assert "circle" in failed(fetch(origin.url("/feeds/atom.xml?x", host=host), own_urls=own)).reason
    assert origin.hits == 0
    assert "circle" in failed(fetch(origin.url("/way", host=host), own_urls=own)).reason
    fetched(fetch(origin.url("/other", host=host), own_urls=own))
    assert [got.path for got in origin.requests()] == ["/way", "/other"]


@pytest.mark.parametrize("port", [22, 25, 6379, 11211, 9200])
def test_C12_public_hosts_are_not_asked_on_ports_of_other_services(port: int) -> None:
    guard = LoopbackGuard([])
    for url in (f"http://8.8.8.8:{port}/", f"http://public.example:{port}/"):
        assert f"port {port}" in failed(fetch(url, guard=guard, resolver=Names({"public.example": ["8.8.8.8"]}))).reason
    assert guard.sockets == []


# The server itself: what others build on


def test_the_origin_records_what_came_as_it_came(origin: FaultOrigin) -> None:
    origin.add("/feed.xml", lambda got: Reply(body=got.header("x-me").encode()))
    before = time.monotonic()
    with socket.create_connection(("127.0.0.1", origin.port)) as connection:
        connection.sendall(b"GET /feed.xml?a HTTP/1.1\r\nX-Me:  \xe9 \r\nx-me: 2\r\n\r\nGET /none HTTP/1.1\r\n\r\n")
        answer = b""
        while b"404" not in answer:
            answer += connection.recv(1000)
    first, second = origin.requests()
    assert first == Received("GET", "/feed.xml?a", [(b"X-Me", b"\xe9"), (b"x-me", b"2")], first.at, 1)
    assert before < first.at <= second.at
    assert origin.requests("/none") == [second]
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xc3\xa9HTTP/1.1 404 Not Found")


def test_the_origin_ends_what_would_go_on_for_ever() -> None:
    began = time.monotonic()
    with FaultOrigin() as origin:
        origin.add("/drip", Reply(body=b"a" * 1000, pace=(1, 1)))
        origin.add("/wait", Reply(delay=60))
        for path in ("/drip", "/wait"):
            failed(fetch(origin.url(path), limits=Limits(deadline=timedelta(seconds=0.1))))
    assert time.monotonic() - began < 2
