"""A small WebSub hub on loopback, a subscriber to it, and what both heard (W3C WebSub sections 5 to 7).

    with Hub() as hub, Subscriber() as subscriber:
        subscriber.subscribe(hub, topic)             # the hub asks back whether that is meant
        ... a publisher tells hub.url that topic changed ...
        assert subscriber.next().body == b"..."      # the hub has fetched the topic and handed it on

How a publisher tells a hub is left open there: `reads` says which field this one reads. `answers` are given to pings in turn, the last
one repeats: a status, a status with header fields, or None to say nothing until the block ends.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

#: How long anybody waits for anybody, in seconds.
SECONDS = 30.0
Reply = int | tuple[int, Mapping[str, str]] | None

_OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Heard:
    """One request: its header fields in small letters, its query or form, its content."""

    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes


class _Place:
    """A server in threads, and what was asked of it."""

    def __init__(self) -> None:
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._hear(b"", urlsplit(self.path).query)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                is_form = self.headers.get("Content-Type") == "application/x-www-form-urlencoded"
                self._hear(body, body.decode() if is_form else "")

            def _hear(self, body: bytes, form: str) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                with contextlib.suppress(OSError):
                    place.answer(self, Heard(self.path, headers, dict(parse_qsl(form)), body))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self.over = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join(SECONDS)
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, heard: Heard) -> None:
        raise NotImplementedError


def _reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()


class Hub(_Place):
    """The hub."""

    def __init__(
        self, answers: Sequence[Reply] = (202,), *, reads: str = "hub.url", before_answer: Callable[[Heard], object] = lambda _: None
    ) -> None:
        super().__init__()
        self._answers, self._reads, self._before_answer = list(answers), reads, before_answer
        self._lock = threading.Lock()
        self._callbacks: dict[str, list[str]] = {}
        #: Pings, in order, whatever was answered.
        self.pings: list[Heard] = []

    @property
    def topics(self) -> list[str]:
        """The topics of the pings, in order."""
        with self._lock:
            return [heard.form.get(self._reads, "") for heard in self.pings]

    def answer(self, handler: BaseHTTPRequestHandler, heard: Heard) -> None:
        if heard.form.get("hub.mode") == "subscribe":
            _reply(handler, 202)
            self._verify(heard.form["hub.topic"], heard.form["hub.callback"])
            return
        with self._lock:
            self.pings.append(heard)
            reply = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self._before_answer(heard)
        if reply is None:
            self.over.wait(SECONDS)
            return
        status, headers = reply if isinstance(reply, tuple) else (reply, None)
        is_taken = 200 <= status < 300 and heard.form.get("hub.mode") == "publish"
        _reply(handler, status, headers=headers)
        if is_taken:
            self._distribute(heard.form[self._reads])

    def _verify(self, topic: str, callback: str) -> None:
        """Ask the subscriber whether it is meant (section 5.3)."""
        asked = {"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "a word", "hub.lease_seconds": "864000"}
        with _OPENER.open(f"{callback}?{urlencode(asked)}", timeout=SECONDS) as response:
            if response.read() == b"a word":
                with self._lock:
                    self._callbacks.setdefault(topic, []).append(callback)

    def _distribute(self, topic: str) -> None:
        """Fetch the topic and hand it on as it is (section 7)."""
        with self._lock:
            callbacks = self._callbacks.get(topic, [])
        if not callbacks:
            return
        with _OPENER.open(topic, timeout=SECONDS) as response:
            body, kind = response.read(), response.headers["Content-Type"] or "application/octet-stream"
        for callback in callbacks:
            links = f'<{self.url}>; rel="hub", <{topic}>; rel="self"'
            told = Request(callback, data=body, headers={"Content-Type": kind, "Link": links}, method="POST")
            _OPENER.open(told, timeout=SECONDS).close()

    def has_subscriber(self, topic: str) -> bool:
        """Whether somebody who meant it has subscribed to `topic`."""
        with self._lock:
            return topic in self._callbacks


class Subscriber(_Place):
    """A subscriber with a callback; it means only what it has asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: set[str] = set()
        self._verified = threading.Event()
        self._got: Queue[Heard] = Queue()

    def subscribe(self, hub: Hub, topic: str) -> None:
        """Subscribe, and wait until the hub has asked back."""
        self._wanted.add(topic)
        form = urlencode({"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": self.url}).encode()
        with _OPENER.open(hub.url, data=form, timeout=SECONDS) as response:
            assert response.status == 202
        assert self._verified.wait(SECONDS)
        for _ in _patiently(self.over):
            if hub.has_subscriber(topic):
                return
        raise AssertionError("the hub never took the subscription")

    def next(self) -> Heard:
        """Return what the hub hands on next."""
        return self._got.get(timeout=SECONDS)

    def answer(self, handler: BaseHTTPRequestHandler, heard: Heard) -> None:
        if handler.command == "POST":
            _reply(handler, 204)
            self._got.put(heard)
            return
        asked = parse_qs(urlsplit(heard.path).query)
        is_meant = asked.get("hub.topic", [""])[0] in self._wanted
        _reply(handler, 200 if is_meant else 404, asked["hub.challenge"][0].encode() if is_meant else b"")
        self._verified.set()


def _patiently(over: threading.Event) -> Iterator[None]:
    for _ in range(int(SECONDS / 0.01)):
        yield
        over.wait(0.01)
