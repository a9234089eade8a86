"""What the server says to every kind of client."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.service.patience import Outflow
from feedmill.service.protocol import WireLimits
from service.wire import LOOPS, connect_recorder, converse, request, say, serving

CANARY = "CANARY-5f1c"


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture(scope="module")
def servers():
    """A server with the usual limits on every loop."""
    with contextlib.ExitStack() as running:
        yield {loop: running.enter_context(serving(loop=loop)) for loop in LOOPS}


@pytest.fixture
def server(servers, loop):
    return servers[loop]


def head_of(size: int) -> bytes:
    """A head of `size` bytes in all."""
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


def fields(count: int) -> bytes:
    """A head of `count` fields in all."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n"


ANSWERED = {
    "plain": (request("/a?b=c"), "GET /a b=c"),
    "HTTP/1.0": (request(version="1.0"), "GET /"),
    "HTTP/1.0 without a Host": (b"GET / HTTP/1.0\r\n\r\n", "GET /"),
    "an empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET /"),
    "empty lines before": (b"\r\n\r\n" + request(), "GET /"),
    "absolute": (request("http://other.example/a?b"), "GET /a b"),
    "absolute, no path": (request("HTTP://other.example"), "GET /"),
    "absolute, query only": (request("https://u:p@other.example:8?b"), "GET / b"),
    "two slashes": (request("//x"), "GET //x"),
    "a fragment": (request("/a#b"), "GET /a"),
    "NUL and newlines, encoded": (request("/%00%0d%0aX:%ff"), "GET /%00%0d%0aX:%ff"),
    "dots": (request("/../%2e%2e/..%2f"), "GET /../%2e%2e/..%2f"),
    "letters that are not encoded": (request("/新/a?b=é"), "GET /%E6%96%B0/a b=%C3%A9"),
    "letters in a field": (request("/", "X: 新"), "GET /"),
    "TRACE": (request("/a", method="TRACE"), "TRACE /a"),
    "CONNECT to a path": (request("/a", method="CONNECT"), "CONNECT /a"),
    "OPTIONS": (request("/a", method="OPTIONS"), "OPTIONS /a"),
    "h2c": (request("/a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), "GET /a"),
    "websocket": (
        request("/a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"),
        "GET /a",
    ),
    "Upgrade alone": (request("/a", "Upgrade: h2c"), "GET /a"),
    "Expect": (request("/a", "Expect: 100-continue", "Content-Length: 5", method="PUT"), "PUT /a"),
    "Expect without a body": (request("/a", "Expect: 100-continue"), "GET /a"),
    "a body to come": (request("/a", "Content-Length: 1000000", method="POST"), "POST /a"),
    "a body": (request("/a", "Content-Length: 5", method="POST") + b"hello", "POST /a"),
    "a body in chunks": (request("/a", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n0\r\n\r\n", "POST /a"),
    "a body that ends like a head": (request("/a", "Content-Length: 4") + b"\r\n\r\n", "GET /a"),
    "a body beside h2c": (request("/a", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5") + b"hello", "GET /a"),
    "a head of 64 kB": (head_of(65536), "GET /"),
    "100 fields": (fields(100), "GET /"),
    "an address of 8 kB": (request("/" + "x" * 8191), "GET /" + "x" * 8191),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_a_sound_request_reaches_the_application(server, name, caplog):
    data, said = ANSWERED[name]
    answer = server.ask(data)
    assert (answer.status, answer.body.decode()) == (200, said)


REFUSED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "an unknown method": (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "one bare LF": (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
    "one bare CR": (b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
    "a folded line": (request("/", "X: y\r\n z"), 400),
    "a folded line, tab": (request("/", "X: y\r\n\tz"), 400),
    "a folded line, first": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "a space before the colon": (request("/", "X : y"), 400),
    "no colon": (request("/", "Xy"), 400),
    "no name": (request("/", ": y"), 400),
    "NUL in a value": (request("/", "X: y\0z"), 400),
    "a control byte in a value": (request("/", "X: y\x01z"), 400),
    "DEL in a value": (request("/", "X: y\x7fz"), 400),
    "NUL in a name": (request("/", "X\0: y"), 400),
    "NUL in the address": (request("/a\0b"), 400),
    "a tab in the address": (request("/a\tb"), 400),
    "a space in the address": (request("/a b"), 400),
    "two lengths": (request("/", "Content-Length: 5", "Content-Length: 6", method="POST") + b"hello", 400),
    "one length twice": (request("/", "Content-Length: 5", "Content-Length: 5", method="POST") + b"hello", 400),
    "a list of lengths": (request("/", "Content-Length: 5, 5", method="POST") + b"hello", 400),
    "a negative length": (request("/", "Content-Length: -5", method="POST"), 400),
    "a length with a sign": (request("/", "Content-Length: +5", method="POST"), 400),
    "a length beyond all": (request("/", f"Content-Length: {10**30}", method="POST"), 400),
    "a length and chunks": (request("/", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n", 400),
    "chunks and a length": (request("/", "Transfer-Encoding: chunked", "Content-Length: 5", method="POST") + b"0\r\n\r\n", 400),
    "another coding": (request("/", "Transfer-Encoding: gzip", method="POST"), 400),
    "nearly chunked": (request("/", "Transfer-Encoding: xchunked", method="POST"), 400),
    "chunked and back": (request("/", "Transfer-Encoding: chunked, identity", method="POST"), 400),
    "no chunk": (request("/", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n\r\n", 400),
    "a chunk that is too long": (request("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello!!\r\n0\r\n\r\n", 400),
    "a chunk with bare LF": (request("/", "Transfer-Encoding: chunked", method="POST") + b"5\nhello\n0\n\n", 400),
    "a negative chunk": (request("/", "Transfer-Encoding: chunked", method="POST") + b"-1\r\n\r\n", 400),
    "two Hosts": (request("/", "Host: b"), 400),
    "the same Host twice": (request("/", "host: a.example"), 400),
    "no Host": (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
    "another scheme": (request("ftp://a/b"), 400),
    "an address without a slash": (request("a"), 400),
    "an asterisk": (request("*"), 400),
    "a broken absolute address": (request("http://[::1/"), 400),
    "a body, a broken address": (request("http://a:99999/", "Content-Length: 1"), 400),
    "OPTIONS of all": (request("*", method="OPTIONS"), 405),
    "CONNECT": (request("a.example:443", method="CONNECT"), 405),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/2.0": (request(version="2.0"), 505),
    "HTTP/2.0 with a body": (request("/", "Content-Length: 5", version="2.0") + b"hello", 505),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/1.2": (request(version="1.2"), 400),
    "a head of more than 64 kB": (head_of(65537), 431),
    "a head without end": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000, 431),
    "a head of small fields without end": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000, 431),
    "101 fields": (fields(101), 431),
    "an address of more than 8 kB": (request("/" + "x" * 8192), 414),
    "an address of more than 8 kB when encoded": (request("/" + "新" * 1000), 414),
    "an address of 64 kB": (request("/" + "x" * 65536), 414),
    "an address without end": (b"GET /" + b"x" * 300_000, 414),
}


@pytest.mark.parametrize("name", REFUSED)
def test_I10_an_unsound_request_is_refused_and_the_connection_closed(server, name, caplog):
    data, status = REFUSED[name]
    before = server.counts.refused[status]
    with server.connect() as client:
        client.send(data.replace(b"X: y", b"X-" + CANARY.encode() + b": y"))
        answer = client.answer()
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_over()
    assert answer.status == status
    assert server.counts.refused[status] == before + 1
    assert CANARY not in str(answer)
    assert caplog.records == []


def test_a_refusal_says_what_every_answer_of_ours_says(server):
    answer = server.ask(request("/", "Host: b"))
    assert answer.body == b"400 Bad Request\n"
    assert len(answer.headers.pop("date")) == len("Sun, 06 Nov 1994 08:49:37 GMT")
    assert answer.headers == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "16",
        "connection": "close",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "referrer-policy": "no-referrer",
    }
    assert server.ask(request("*", method="OPTIONS")).headers["allow"] == "GET, HEAD"


def test_a_refusal_of_head_has_no_body(server):
    with server.connect() as client:
        client.send(request("/", "Host: b", method="HEAD"))
        assert client.answer(to="HEAD").headers["content-length"] == "16"
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_over()


def test_a_connection_serves_many_requests_one_after_the_other(server):
    with server.connect() as client:
        for number in range(20):
            client.send(request(f"/{number}"))
            assert client.answer().body == b"GET /%d" % number


@pytest.mark.parametrize("name", ["h2c", "websocket"])
def test_a_connection_goes_on_after_a_request_to_upgrade(server, name):
    before = server.counts.upgrades
    with server.connect() as client:
        client.send(ANSWERED[name][0] + request("/b"))
        assert [client.answer().body, client.answer().body] == [b"GET /a", b"GET /b"]
    assert server.counts.upgrades == before + 1


@pytest.mark.parametrize(
    "data",
    [
        request(version="1.0"),
        request("/", "Connection: close"),
        request("/", "Content-Length: 5") + b"hello" + request("/hidden"),
        request("/", "Content-Length: 50", method="POST") + request("/hidden"),
        request("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\nHost: b\r\n\r\n" + request("/hidden"),
        request("/", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5") + request("/hidden"),
        request("/", method="CONNECT") + request("/hidden"),
        request("/", "Connection: close") + request("/hidden"),
    ],
)
def test_nothing_after_the_last_request_is_taken_for_one(server, data):
    with server.connect() as client:
        client.send(data)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_over()


def test_who_sends_a_long_body_still_gets_the_answer(server):
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 500000", method="POST"))
        assert client.answer().body == b"POST /a"
        for _ in range(5):
            client.send(b"x" * 100_000)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_over()


def test_I10_who_never_stops_sending_is_cut_off(server):
    with server.connect() as client, pytest.raises(OSError, match=r"reset|pipe"):
        client.send(request("/", "Host: b") + b"x" * 1000)
        for _ in range(10_000):
            client.send(b"x" * 100_000)


def test_requests_sent_ahead_are_answered_in_order(server):
    with server.connect() as client:
        sender = threading.Thread(target=client.send, args=(b"".join(request(f"/{number}") for number in range(1500)),))
        sender.start()
        for number in range(1500):
            assert client.answer().body == b"GET /%d" % number
        sender.join()


def test_I10_a_bad_request_sent_ahead_is_refused_in_its_turn(server):
    for bad, status in (REFUSED["bare LF"], REFUSED["two lengths"], REFUSED["101 fields"], REFUSED["no HTTP"]):
        with server.connect() as client:
            client.send(request("/1") + request("/2") + bad)
            assert [client.answer().status for _ in range(3)] == [200, 200, status]


def test_requests_that_were_sent_ahead_in_excess_are_left_to_be_asked_again(loop):
    with serving(loop=loop, waiting_bytes=1000) as server, server.connect() as client:
        client.send(request("/1") + request("/2") * 100)
        assert client.answer().body == b"GET /1"
        assert client.is_over()
        with server.connect() as other:
            other.send(request("/1") + request("/2") * 3)
            assert [other.answer().status for _ in range(4)] == [200] * 4


def test_a_client_may_close_its_side_after_asking(server):
    slow = request("/slow?0.1")
    for data, count in ((slow, 1), (request() + slow * 2, 3), (request("/slow?0.1", "Content-Length: 9"), 1)):
        with server.connect() as client:
            client.send(data)
            client.socket.shutdown(socket.SHUT_WR)
            assert [client.answer().status for _ in range(count)] == [200] * count
            assert client.is_over()
    with server.connect() as client:
        client.send(request()[:20])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 400


def test_nothing_is_logged_whatever_comes(server, caplog):
    server.ask(request())
    with caplog.at_level(logging.INFO, logger="uvicorn.error"):
        for data, _ in (*ANSWERED.values(), *REFUSED.values()):
            server.ask(data)
    assert caplog.records == []


# However it is cut


#: What is answered in the same way in one piece and in many. Of a body only what comes with its head is looked at.
WITHOUT_BODIES = {
    name: data for name, (data, _) in (*ANSWERED.items(), *REFUSED.items()) if b"Length" not in data and b"Transfer" not in data
}


@pytest.mark.parametrize("name", WITHOUT_BODIES)
def test_a_request_in_many_pieces_is_answered_as_in_one(name):
    data = WITHOUT_BODIES[name]
    whole = converse([data])
    assert whole[0]
    size = 1 if len(data) < 1000 else 997
    assert converse(data[start : start + size] for start in range(0, len(data), size)) == whole


@pytest.mark.parametrize("cut", range(1, len(request("/1")) + 2))
def test_two_requests_are_answered_wherever_they_are_cut(cut):
    data = request("/1") + request("/2") + request("/3")
    said, _ = converse([data[:cut], data[cut:]])
    assert re.findall(rb"GET /\d", said) == [b"GET /1", b"GET /2", b"GET /3"]


def test_a_pause_after_three_bytes_mends_no_first_line():
    said, is_over = converse([b"GET", b"\n", b" / HTTP/1.1\r\nHost: a\r\n\r\n"])
    assert said.startswith(b"HTTP/1.1 400 ")
    assert is_over


def test_trailers_are_nobodys():
    async def fields(scope, receive, send):
        await say(send, b" ".join(name for name, _ in scope["headers"]))

    said, _ = converse([request("/", "Transfer-Encoding: chunked") + b"0\r\nX-Trailer: y\r\n\r\n"], app=fields)
    assert said.endswith(b"\r\n\r\nhost transfer-encoding")


def test_the_application_finds_no_body():
    async def reader(scope, receive, send):
        message = await receive()
        await say(send, repr((message["body"], message["more_body"])).encode())

    said, is_over = converse([request("/", "Content-Length: 5", "Expect: 100-continue"), b"hello"], app=reader)
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"(b'', False)")
    assert is_over


def test_an_application_that_listens_hinders_nothing():
    async def listener(scope, receive, send):
        await receive()  # lets more be read
        await say(send, scope["raw_path"])

    said, _ = converse([request("/1") + request("/2"), request("/3")], app=listener)
    assert re.findall(rb"/\d$|/\d(?=HTTP)", said) == [b"/1", b"/2", b"/3"]


def test_a_buffer_that_asks_for_more_has_been_taken_from():
    async def look():
        connection, _ = connect_recorder()
        connection.outflow = Outflow(60_000, 0)
        connection.resume_writing()
        assert not connection.outflow.is_stuck(60_000, 20, WireLimits())
        connection.connection_lost(None)

    asyncio.run(look())


SHORT = sorted(data for data in WITHOUT_BODIES.values() if len(data) < 1000)


@given(st.lists(st.sampled_from(SHORT), min_size=1, max_size=5), st.lists(st.integers(0, 300), max_size=8))
@settings(deadline=None, max_examples=60)
def test_requests_are_answered_alike_wherever_they_are_cut(requests, cuts):
    data = b"".join(requests)
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    assert converse(data[start:end] for start, end in itertools.pairwise(places)) == converse([data])


PARTS = (
    b"GET ",
    b"POST ",
    b"/",
    b" HTTP/1.1",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"Host: a",
    b"Content-Length: ",
    b"3",
    b"Transfer-Encoding: chunked",
)


@given(st.lists(st.one_of(st.sampled_from([*PARTS, *SHORT]), st.binary(max_size=8)), max_size=12))
@settings(deadline=None, max_examples=200)
def test_no_bytes_bring_it_out_of_step(pieces):
    said, _ = converse(pieces)
    while said:
        head, _, said = said.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1\.1 (200|4\d\d|505) ", head)
        assert found, head
        said = said[int(re.search(rb"content-length: (\d+)", head)[1]) :]
        assert not said or b"connection: close" not in head
