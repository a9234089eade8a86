"""The server: whatever a client says, it is answered in HTTP and with nothing but what is published, however its bytes arrive."""

from __future__ import annotations

import asyncio
import atexit
import gzip
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

import httptools
import uvicorn
from uvicorn.server import ServerState

from feedmill.configfile import read_config
from feedmill.producer.publish import Request, publish
from feedmill.service.content import digest_of
from feedmill.service.health import Health
from feedmill.service.metrics import Counts, Metrics
from feedmill.service.patience import HEAD, WireCounts, WireLimits
from feedmill.service.protocol import make_protocol
from feedmill.service.representation import Reply, Scope
from feedmill.service.server import Site
from feedmill.service.shelf import Shelf

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_CONFIG = """\
site: {title: Mill, url: "https://news.example.org/", author: A, language: zh-CN, timezone: Asia/Shanghai}
feeds: {formats: [atom, json], history: true, limit: 2, hub: ["https://hub.example.org/"]}
server: {max_age: 0}
"""
#: It stands in everything that must not be shown.
_SECRET = b"canary-7c02e9d4b1"
#: Smaller than those of a real server, so that small inputs reach them.
_LIMITS = WireLimits(head_bytes=2048, url_bytes=512, fields=24, waiting_bytes=2048)
#: What an application says, and what the protocol does, which is the last word on its connection.
_STATUSES = frozenset({200, 204, 301, 304, 400, 404, 405, 410})
_REFUSALS = frozenset({400, 405, 414, 431, 505})
_FIELDS = frozenset(
    b"accept-ranges access-control-allow-headers access-control-allow-methods access-control-allow-origin access-control-expose-headers "
    b"access-control-max-age allow cache-control connection content-encoding content-length content-security-policy content-type date "
    b"etag last-modified link location referrer-policy vary x-content-type-options".split()
)
#: A first line without a version is that of HTTP/0.9.
_OTHER_VERSION = re.compile(rb"HTTP/(0\.9|2\.0)|(?:\A|[\r\n])[A-Z-]+ +\S+\r?\n")
#: A cut at every line end, and within lines; the rest in one piece.
_PIECE = re.compile(rb"[^\r\n]{1,7}|[\r\n]")
_MOST_PIECES = 150
#: Seconds without an answer.
_HANG = 10.0


def TestOneInput(data: bytes) -> None:
    """As one piece, by a server that has nothing ready, and in small pieces, when all lies ready: the answers are the same."""
    cuts = [match.end() for match in _PIECE.finditer(data)][:_MOST_PIECES]
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    at_first = _WORLD.talk(data, [data])
    again = _WORLD.talk(data, pieces)
    # Of a body only what comes with its head is looked at.
    if not re.search(rb"content-length|transfer-encoding", data, re.IGNORECASE) and _comparable(at_first) != _comparable(again):
        raise AssertionError(f"in one piece {_comparable(at_first)!r}, in small ones {_comparable(again)!r}")


class _Answer(NamedTuple):
    status: int
    fields: dict[bytes, bytes]
    body: bytes


class _Asked(NamedTuple):
    """What the application, or who stands before it, was asked."""

    method: str
    target: bytes


class _Inline(ThreadPoolExecutor):
    """Does the work at once: what a thread does is not watched by the fuzzer, and comes in another order each time."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **keys: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **keys))
        except Exception as exc:
            done.set_exception(exc)
        return done


class _Client(asyncio.Transport):
    """The other end of a connection: takes all that is said at once."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""
        self.is_paused = self.has_ended = self.is_over = False

    def write(self, data: Any) -> None:
        if self.has_ended:
            raise AssertionError(f"after the last word {data!r}")
        self.heard += data

    def write_eof(self) -> None:
        self.has_ended = True

    def close(self) -> None:
        self.has_ended = self.is_over = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_over

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class _World:
    """A small site that was published once, secrets in and beside its folder of feeds, and a server on a loop without a network."""

    def __init__(self, root: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self._complaints.append(str(context)))
        self._loop.set_default_executor(_Inline())
        self._complaints: list[str] = []
        self._asked: list[_Asked] = []
        self._now = 0.0
        (root / "posts").mkdir()
        config = read_config(_CONFIG, root=root, environ={})
        _publish(root)
        #: Bytes by path, and by the path as it stands in addresses.
        self._files = {f"/feeds/{file.relative_to(root / 'feeds').as_posix()}": file.read_bytes() for file in _files(root / "feeds")}
        self._files["/feeds/"] = self._files["/feeds/index.html"]
        self._canonical = {quote(path).encode("ascii"): path for path in self._files}
        self._pages = {b"/", b"/healthz", b"/metrics", b"/posts/a/", "/posts/新/b/".encode()}
        _hide_secrets(root)
        counts = Counts()
        shelf = Shelf(config.feeds_dir, pool=_Inline(), monotonic=lambda: self._now)
        self._site = Site(config, shelf, counts=counts, health=Health(is_daemon=False, is_ready=True), metrics=Metrics(counts))
        self._counts = WireCounts()
        self._protocol = make_protocol(_LIMITS, self._counts, at_once=self._at_once)
        self._settings = uvicorn.Config(
            self._answer,
            interface="asgi3",
            http=self._protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        self._settings.load()
        self._state = ServerState()

    def close(self) -> None:
        self._loop.close()

    def talk(self, data: bytes, pieces: list[bytes]) -> list[_Answer]:
        """Say `data` in these pieces and close; returns the answers, each of which is as it has to be."""
        self._asked.clear()
        if len(pieces) == 1:
            self._now += 3600  # nothing is trusted any more to be as it was
        with _listening() as said:
            heard = self._loop.run_until_complete(self._converse(pieces))
        if said or self._complaints:
            raise AssertionError(f"logged: {said + self._complaints}")
        if _SECRET in heard:
            raise AssertionError(f"the secret is shown: {heard!r}")
        answers = list(_read_answers(heard, [asked.method for asked in self._asked]))
        if len(answers) - len(self._asked) not in (0, 1):
            raise AssertionError(f"{len(answers)} answers to {self._asked}")
        if not answers and data.strip(b"\r\n"):
            raise AssertionError("no answer")
        for answer, asked in zip(answers, self._asked, strict=False):
            self._check(answer, asked, data)
        if len(answers) > len(self._asked):
            _check_refusal(answers[-1], data)
            if not self._asked and data.startswith(b"HEAD /") and answers[-1].body:
                raise AssertionError("a refused HEAD got a body")
        return answers

    async def _converse(self, pieces: list[bytes]) -> bytes:
        connection: Any = self._protocol(config=self._settings, server_state=self._state, app_state={})  # type: ignore[call-arg]
        client = _Client()
        connection.connection_made(client)
        try:
            await self._say(connection, client, pieces)
        finally:
            connection.connection_lost(None)
        if self._counts.open or connection.watch.waiting or self._state.connections:
            raise AssertionError(f"left behind: {self._counts}, {connection.watch.waiting} bytes")
        return client.heard

    async def _say(self, connection: Any, client: _Client, pieces: list[bytes]) -> None:
        for piece in pieces:
            if client.is_over:
                break
            connection.data_received(piece)
            if client.is_paused:
                await self._settle()
                if client.is_paused and not client.is_over:
                    raise AssertionError("nothing is answered, and nothing read")
        if not client.is_over and not connection.eof_received():
            client.close()
        await self._settle()
        if connection.phase == HEAD:
            raise AssertionError("half a request was left without an answer")

    async def _settle(self) -> None:
        while self._state.tasks:
            done, _ = await asyncio.wait(self._state.tasks, timeout=_HANG)
            if not done:
                raise AssertionError(f"no answer to {self._asked[-1]}")

    def _at_once(self, scope: Scope) -> Reply | None:
        reply = self._site.at_once(scope)
        if reply is not None:
            self._note(scope)
        return reply

    async def _answer(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["http_version"] in ("1.0", "1.1"):  # others are refused while this is under way, and do not hear it
            self._note(scope)
        await self._site(scope, receive, send)

    def _note(self, scope: Scope) -> None:
        self._asked.append(_Asked(scope["method"], scope["raw_path"]))

    def _check(self, answer: _Answer, asked: _Asked, data: bytes) -> None:
        status, fields, body = answer
        if status not in _STATUSES:
            raise AssertionError(f"{answer} to {asked}")
        is_read = asked.method in ("GET", "HEAD")
        place = re.split(rb"[?#]", asked.target, maxsplit=1)[0]
        if is_read and place in self._canonical and status not in (200, 304):
            raise AssertionError(f"{answer} to {asked}")
        if status == 304 and not re.search(rb"if-none-match|if-modified-since", data, re.IGNORECASE):
            raise AssertionError(f"not modified, but {asked} does not say since when")
        if status not in (200, 304):
            return
        name = unquote_to_bytes(place)
        if not is_read or (name not in self._pages and name.decode("utf-8", "replace") not in self._files):
            raise AssertionError(f"{answer} to {asked}")
        if name in self._pages:
            return
        whole = self._files[name.decode("utf-8")]
        if digest_of(whole).encode("ascii") not in fields[b"etag"] or (status == 200 and asked.method == "GET" and body != whole):
            raise AssertionError(f"{answer} to {asked} is not the file")


def _publish(root: Path) -> None:
    """Publish feeds of which one has moved since and one is gone."""
    config = read_config(_CONFIG, root=root, environ={})
    posts = {name: root / "posts" / f"{name}.md" for name in ("a", "新/b", "c", "gone", "draft", "later")}
    for name, file in posts.items():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(_post(name, category=name[0]))
    posts["draft"].write_bytes(_post("draft", category="a", body=_SECRET.decode(), key="published: false"))
    posts["later"].write_bytes(_post("later", category="a", body=_SECRET.decode(), key="date: 2999-01-01"))
    publish(config, Request(), now=_NOW)
    posts["c"].write_bytes(_post("c", category="moved"))
    posts["gone"].unlink()
    publish(config, Request(), now=_NOW)


def _post(title: str, *, category: str, body: str = "", key: str = "date: 2026-01-02") -> bytes:
    date = "" if key.startswith("date") else "date: 2026-01-02\n"
    return f"---\ntitle: {title}\ncategories: [{category}]\n{date}{key}\n---\n\n<div>\n<p>{body or title * 300}</p>\n</div>\n".encode()


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def _hide_secrets(root: Path) -> None:
    """Beside the folder of feeds, hidden in it, and behind links; a pipe that nobody writes to, too."""
    feeds = root / "feeds"
    (feeds / ".git").mkdir()
    (root / "private").mkdir()
    for name in ("config.yaml", "secret", "private/atom.xml", "feeds/.hidden", "feeds/.git/config", "feeds/atom.xml.tmp"):
        (root / name).write_bytes(_SECRET)
    (feeds / "link.xml").symlink_to("../secret")
    (feeds / "out").symlink_to("../private")
    os.mkfifo(feeds / "pipe.xml")


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Give what is logged from a warning on: no stranger is worth one."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage() + str(record.exc_info or ""))  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(handler)


def _read_answers(heard: bytes, methods: list[str]) -> Iterator[_Answer]:
    """Part what was heard into answers. `methods`: of the requests; of one that was refused it is not known, and is HEAD without a body."""
    number = 0
    while heard:
        head, mark, rest = heard.partition(b"\r\n\r\n")
        answer = _Parsed(head + mark)
        status, fields = answer.status, answer.fields
        method = methods[number] if number < len(methods) else "" if rest else "HEAD"
        size = 0 if method == "HEAD" or status in (204, 304) else int(fields[b"content-length"])
        body, heard = rest[:size], rest[size:]
        if method != "HEAD":
            answer.read(body)
        if fields.get(b"content-encoding") == b"gzip" and body:
            body = gzip.decompress(body)
        if _SECRET in body:
            raise AssertionError(f"the secret is shown: {body!r}")
        yield _Answer(status, fields, body)
        number += 1


class _Parsed:
    """An answer's head as httptools reads it, strictly: it is whole, and every field is one that the server sends, once."""

    def __init__(self, head: bytes) -> None:
        self.fields: dict[bytes, bytes] = {}
        self._has_head = self._is_whole = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(head)
        self.status = self._parser.get_status_code()
        if not self._has_head or self._parser.get_http_version() != "1.1" or not head.startswith(b"HTTP/1.1 "):
            raise AssertionError(f"no head of HTTP/1.1: {head!r}")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name not in _FIELDS or name in self.fields:
            raise AssertionError(f"the field {name!r}: {value!r}")
        self.fields[name] = value

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_message_complete(self) -> None:
        self._is_whole = True

    def read(self, body: bytes) -> None:
        self._parser.feed_data(body)
        if not self._is_whole:
            raise AssertionError(f"an answer with {self.fields} ends after {body!r}")


def _check_refusal(answer: _Answer, data: bytes) -> None:
    if answer.status not in _REFUSALS or answer.fields.get(b"connection") != b"close":
        raise AssertionError(f"refused with {answer}")
    if answer.status == 505 and not _OTHER_VERSION.search(data):
        raise AssertionError("another version was refused than was asked for")


def _comparable(answers: list[_Answer]) -> list[object]:
    """What is the same however and whenever it is said; of several faults any may be the one that is named."""
    return [
        _without(answer, b"date", b"connection") if answer.fields.get(b"cache-control") != b"no-store" else answer.status < 400
        for answer in answers
    ]


def _without(answer: _Answer, *names: bytes) -> object:
    return answer.status, {name: value for name, value in answer.fields.items() if name not in names}, answer.body


def _make_world() -> _World:
    root = Path(tempfile.mkdtemp(prefix="feedmill-request-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    world = _World(root)
    atexit.register(world.close)
    return world


#: Made here and not for the first input, whose time is taken.
_WORLD = _make_world()
