"""Answers that lie ready: sent before an application is called, in the order of the requests, and by the same rules."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
import uvloop

from feedmill.service.promptness import AtOnce, KnownHeads
from feedmill.service.protocol import WireCounts, WireLimits, make_protocol
from feedmill.service.representation import Reply, refusal
from wire import echo

READY = Reply(200, [(b"content-length", b"5")], b"ready", b"content-length: 5\r\n")


def at_once(scope: Any) -> Reply | None:
    if scope["raw_path"].startswith(b"/refused"):
        return refusal(scope, 405)
    if scope["raw_path"].startswith(b"/large"):
        return Reply(200, [], b"m" * 2_000_000, b"content-length: 2000000\r\n")
    return READY if scope["raw_path"].startswith(b"/ready") and scope["method"] in ("GET", "HEAD") else None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def ask(sent: bytes, *, access_log: bool = False, piece: int = 2**20) -> tuple[bytes, int]:
    """Send bytes on one connection, `piece` at a time, close our side; return all that came, and how many requests were counted."""
    pieces = [sent[start : start + piece] for start in range(0, len(sent), piece)]
    return ask_in_turn(pieces, at_once, pause=0.0, access_log=access_log)


def ask_in_turn(pieces: list[bytes], at_once: AtOnce, *, pause: float = 0.03, access_log: bool = False) -> tuple[bytes, int]:
    """As `ask`, with a pause after each piece, in which it is answered where it can be."""

    async def talk() -> tuple[bytes, int]:
        settings = uvicorn.Config(
            echo,
            http=make_protocol(WireLimits(), WireCounts(), at_once=at_once),
            host="127.0.0.1",
            port=0,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=access_log,
            server_header=False,
        )
        server = _Server(settings)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        writer.write_eof()
        async with asyncio.timeout(15):
            came = await reader.read()
        writer.close()
        server.should_exit = True
        await serving
        return came, server.server_state.total_requests

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(talk())


def get(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


def bodies(came: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in came.split(b"HTTP/1.1 ")[1:]]


def test_what_lies_ready_is_sent_with_the_date():
    came, counted = ask(get("/ready"))
    head, _, body = came.partition(b"\r\n\r\n")
    assert body == b"ready"
    assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert head.endswith(b"content-length: 5")
    assert counted == 1


def test_requests_that_were_sent_ahead_are_answered_in_their_order_and_once():
    paths = ["/ready/1", "/a", "/ready/2", "/ready/3", "/b", "/c", "/ready/4"]
    came, counted = ask(b"".join(map(get, paths)))
    assert bodies(came) == [b"ready", b"GET /a", b"ready", b"ready", b"GET /b", b"GET /c", b"ready"]
    assert counted == len(paths)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_head_may_come_in_parts(size):
    sent = get("/ready") + get("/ready", "X-Long: " + "y" * 100) + get("/other")

    came, _ = ask(sent, piece=size)
    assert bodies(came) == [b"ready", b"ready", b"GET /other"]


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (get("/ready", "Connection: close"), b"GET /ready"),
        (get("/ready", version="1.0"), b"GET /ready"),
        (get("/ready", "Connection: keep-alive", version="1.0") + get("/ready", "Connection: close"), b"GET /ready"),
        (get("/ready", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"), b"GET /ready"),
        (get("/ready", method="PATCH"), b"PATCH /ready"),
    ],
)
def test_what_is_out_of_the_ordinary_goes_to_the_application(request_, body):
    came, counted = ask(request_)
    assert bodies(came) == [body]
    assert counted == 1


def test_with_an_access_log_the_application_answers():
    assert bodies(ask(get("/ready"), access_log=True)[0]) == [b"GET /ready"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /ready HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /ready HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (get("/ready/" + "x" * 9000), b"414"),
        (get("/ready", *(f"X-{number}: y" for number in range(120))), b"431"),
        (get("/ready", "Content-Length: 3") + b"abc", b"200"),
    ],
)
def test_the_limits_hold_for_it_too(request_, status):
    came, _ = ask(request_)
    assert came.split(b" ")[1] == status
    assert came.count(b"HTTP/1.1 ") == 1


def test_a_refusal_without_ready_lines_is_whole():
    came, _ = ask(get("/refused"))
    assert came.startswith(b"HTTP/1.1 405 Method Not Allowed\r\ndate: ")
    assert b"content-type: text/plain; charset=utf-8\r\n" in came
    assert bodies(came) == [b"405 Method Not Allowed\n"]


def test_a_large_answer_before_other_answers_is_whole():
    came, _ = ask(get("/large") + get("/ready") + get("/x"))
    assert [len(body) for body in bodies(came)] == [2_000_000, 5, len(b"GET /x")]


# Heads that are known


def test_a_head_that_came_before_is_answered_by_what_lies_ready_now():
    turn = iter([b"first", b"later", None, None, b"again"])  # what does not lie ready is read, and asked for again
    asked: list[tuple[str, bytes, list[tuple[bytes, bytes]]]] = []

    def changing(scope: Any) -> Reply | None:
        asked.append((scope["method"], scope["raw_path"], list(scope["headers"])))
        body = next(turn)
        return None if body is None else Reply(200, [], body, b"content-length: 5\r\n")

    head = get("/ready", 'If-None-Match: "1"')
    came, counted = ask_in_turn([head] * 4, changing)
    assert [body for body in bodies(came) if body][:2] == [b"first", b"later"]
    assert bodies(came)[3] == b"again"
    assert counted == 4
    assert asked == [("GET", b"/ready", [(b"host", b"a"), (b"if-none-match", b'"1"')])] * 5


@pytest.mark.parametrize(
    "heads",
    [
        [get("/ready"), get("/ready", "Connection: close"), get("/ready")],
        [get("/ready")[:-2], b"\r\n", get("/ready")],
        [get("/ready"), get("/ready")[:9], get("/ready")[9:]],
        [get("/ready"), get("/ready") * 2, get("/other"), get("/ready")],
        [get("/ready"), get("/ready") + b"GET", b" /ready HTTP/1.1\r\nHost: a\r\n\r\n"],
        [get("/ready", version="1.0"), get("/ready", version="1.0")],
        [get("/ready", "Content-Length: 3") + b"abc", get("/ready")],
        [get("/ready", "X: " + "x" * 2000)] * 2,
    ],
)
def test_what_is_known_changes_no_answer(heads: list[bytes], monkeypatch: pytest.MonkeyPatch):
    def answers() -> tuple[bytes, int]:
        came, counted = ask_in_turn(heads, at_once)
        return re.sub(rb"(?<=\r\ndate: )[^\r]+", b"", came), counted

    known = answers()
    monkeypatch.setattr(KnownHeads, "send_again", lambda *_: False)
    assert answers() == known


def test_no_more_heads_are_known_than_there_is_room_for():
    heads, answered = KnownHeads(), []
    for number in range(5000):
        connection = SimpleNamespace(scope={"method": "GET", "raw_path": b"/%d" % number, "headers": [], "more": 1})
        heads.note(b"%d" % number, connection)
    connection = SimpleNamespace(access_log=False, flow=SimpleNamespace(write_paused=False))
    for number in range(5000):
        heads.send_again(connection, answered.append, b"%d" % number)
    assert 0 < len(answered) <= 1024
    assert answered[-1] == {"method": "GET", "raw_path": b"/4999", "headers": [], "memo": {}}
