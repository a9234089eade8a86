"""Answers that lie ready: sent before an application is called, in the order of the requests, and by the same rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
import uvloop

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
        for start in range(0, len(sent), piece):
            writer.write(sent[start : start + piece])
            await asyncio.sleep(0)
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
