"""/feeds/ as readers meet it: without a network for the most part, and on a real server for what only that can show."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import logging
import os
import resource
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from asking import Answer, ask, drive, make_scope
from feedmill.configfile import load_config
from feedmill.durable import replace
from feedmill.service.content import digest_of
from feedmill.service.feedapp import FeedApp
from feedmill.service.guardedfile import Seen, Stamp, read_guarded
from feedmill.service.shelf import Shelf
from feedserver import say, serving

BODY = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">' + "正文 ".encode() * 300 + b"</feed>\n"
FEEDS_URL = "https://news.example.org/feeds/"
GZIP = ("Accept-Encoding", "gzip")
BROWSER = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """A folder of feeds, what has moved, and the app over both."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moves: dict[str, str] = {}
        self.asked_for: list[str] = []
        self.counts: Counter[int] = Counter()
        self.clock = Clock()
        self.open()

    def open(self, *, feeds_url: str = FEEDS_URL, **over: Any) -> None:
        self.shelf = Shelf(self.root, **over)
        self.app = FeedApp(
            self.shelf,
            feeds_url=feeds_url,
            hubs=["https://hub.example.org/", "http://集线.example/p?a=b"],
            max_age=timedelta(minutes=10),
            moved=self.moved,
            counts=self.counts,
            monotonic=self.clock,
        )

    async def moved(self, path: str) -> str | None:
        self.asked_for.append(path)
        return self.moves.get(path)

    def ask(self, path: str | bytes = "/feeds/atom.xml", *headers: tuple[str, str], method: str = "GET") -> Answer:
        return asyncio.run(ask(self.app, path, method=method, headers=headers))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "feeds"
    (root / "科技/开源").mkdir(parents=True)
    for file in ("atom.xml", "科技/atom.xml", "科技/开源/rss.xml", "feed.json", "feed.css"):
        (root / file).write_bytes(BODY)
    (tmp_path / "config.yaml").write_bytes(b"secret")
    made = Site(root)
    yield made
    made.shelf.close()


# feeds


def test_a_feed_says_all_that_readers_want_to_know(site: Site) -> None:
    got = site.ask("/feeds/%E7%A7%91%E6%8A%80/atom.xml")
    assert (got.status, got.body) == (200, BODY)
    assert got.headers == {
        "content-type": "application/atom+xml; charset=utf-8",
        "content-length": str(len(BODY)),
        "etag": got.headers["etag"],
        "last-modified": got.headers["last-modified"],
        "cache-control": got.headers["cache-control"],
        "vary": "Accept, Accept-Encoding",
        "accept-ranges": "none",
        "link": f'<{FEEDS_URL}%E7%A7%91%E6%8A%80/atom.xml>; rel="self"; type="application/atom+xml", '
        '<https://hub.example.org/>; rel="hub", <http://xn--on0a050c.example/p?a=b>; rel="hub"',
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag, Link, Last-Modified",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'self'; sandbox",
        "referrer-policy": "no-referrer",
    }


def test_an_archive_document_may_be_kept_for_long_and_is_no_topic_of_a_hub(site: Site) -> None:
    (site.root / "科技" / "rss-12.xml").write_bytes(BODY)
    for _ in range(2):
        got = site.ask("/feeds/%E7%A7%91%E6%8A%80/rss-12.xml")
        assert got.headers["content-type"] == "application/rss+xml; charset=utf-8"
        assert got.headers["cache-control"] == "public, max-age=604800"
        assert got.headers["link"] == f'<{FEEDS_URL}%E7%A7%91%E6%8A%80/rss-12.xml>; rel="self"; type="application/rss+xml"'


def test_the_self_link_is_the_one_in_the_feed(root: Path) -> None:
    config = load_config(root / "config.yaml", environ={})
    site = Site(root / "feeds")
    site.open(feeds_url=config.feeds_url)
    files = [path.relative_to(site.root).as_posix() for path in site.root.rglob("atom.xml")]
    assert any(not file.isascii() for file in files)
    for file in files:
        # As readers have it from the feed, as a person types it, and as clients write what a person types.
        for path in (quote(f"/feeds/{file}"), f"/feeds/{file}".encode(), quote(f"/feeds/{file}").lower()):
            got = site.ask(path)
            address = got.headers["link"].partition(">")[0].removeprefix("<")
            assert f'<link href="{address}" rel="self"'.encode() in got.body
    site.shelf.close()


def test_a_configured_address_of_any_script_is_an_address(site: Site) -> None:
    site.open(feeds_url="https://新闻.example/订阅/")
    assert site.ask().headers["link"].startswith(f"<https://{'新闻'.encode('idna').decode()}.example/%E8%AE%A2%E9%98%85/atom.xml>")


def test_gzip_and_304_have_the_link_too(site: Site) -> None:
    coded = site.ask("/feeds/atom.xml", GZIP)
    assert coded.content == BODY
    again = site.ask("/feeds/atom.xml", GZIP, ("If-None-Match", coded.headers["etag"]))
    assert again.status == 304
    assert again.headers.keys() == coded.headers.keys() - {"content-type", "content-length", "content-encoding", "accept-ranges"}
    assert {name: again.headers[name] for name in ("etag", "link", "vary")} == {
        name: coded.headers[name] for name in ("etag", "link", "vary")
    }


def test_I6_who_knows_only_the_time_gets_304_until_the_feed_changes(site: Site) -> None:
    since = ("If-Modified-Since", site.ask().headers["last-modified"])
    assert site.ask("/feeds/atom.xml", since).status == 304
    os.utime(site.root / "atom.xml", (1_000_000_000, 1_000_000_000))
    old = ("If-Modified-Since", site.ask().headers["last-modified"])
    assert old[1] == "Sun, 09 Sep 2001 01:46:40 GMT"
    replace(site.root / "atom.xml", BODY + b"\n")
    assert site.ask("/feeds/atom.xml", old).status == 200


def test_a_request_that_came_before_is_answered_anew_when_the_feed_has_changed(site: Site) -> None:
    tag = site.ask().headers["etag"].encode()
    scope = {"method": "GET", "raw_path": b"/feeds/atom.xml", "headers": [(b"if-none-match", tag)], "memo": {}}
    plain = {name: value for name, value in scope.items() if name != "memo"}
    site.ask()
    said = [site.app.at_once(scope) for _ in range(40)]
    assert {reply.status for reply in said} == {304}
    assert 2 <= len(set(map(id, said))) <= 16  # made once for each age
    assert {reply.lines for reply in said} == {site.app.at_once(plain).lines for _ in range(40)}
    assert site.counts[304] == 80
    site.open(feeds_url="https://moved.example/feeds/")  # as after a reload: the same versions, another app
    site.ask()
    assert b"https://moved.example/feeds/atom.xml" in site.app.at_once(scope).lines
    replace(site.root / "atom.xml", BODY + b"\n")
    assert site.app.at_once(scope) is None
    changed = site.ask()
    assert site.app.at_once(scope).status == 200
    scope["headers"] = [(b"if-none-match", changed.headers["etag"].encode())]
    assert changed.headers["etag"].encode() in site.app.at_once(scope).lines


def test_a_browser_gets_the_same_bytes_as_a_document_that_it_shows(site: Site) -> None:
    reader, browser = site.ask(), site.ask("/feeds/atom.xml", BROWSER)
    assert browser.headers["content-type"] == "application/xml; charset=utf-8"
    assert browser.body == reader.body
    assert browser.headers["etag"] != reader.headers["etag"]
    assert "Accept" in browser.headers["vary"].split(", ")
    assert site.ask("/feeds/atom.xml", BROWSER, ("If-None-Match", browser.headers["etag"])).status == 304
    assert site.ask("/feeds/atom.xml", BROWSER, ("If-None-Match", reader.headers["etag"])).status == 200
    assert site.ask("/feeds/atom.xml", BROWSER, GZIP).content == BODY


def test_what_is_no_feed_has_no_link(site: Site) -> None:
    got = site.ask("/feeds/feed.css", BROWSER)
    assert got.headers["content-type"] == "text/css; charset=utf-8"
    assert "link" not in got.headers
    assert got.headers["vary"] == "Accept-Encoding"


def test_a_folder_is_its_index_where_there_is_one(site: Site) -> None:
    assert site.ask("/feeds/").status == 404
    (site.root / "index.html").write_bytes(b"<!doctype html>")
    for _ in range(2):
        assert site.ask("/feeds/").body == b"<!doctype html>"


def test_I11_readers_are_told_different_times_to_come_back(site: Site) -> None:
    told = [int(site.ask().headers["cache-control"].removeprefix("public, max-age=")) for _ in range(64)]
    assert min(told) == 600
    assert max(told) == 660
    assert len(set(told)) == 16
    assert all(abs(before - after) > 10 for before, after in itertools.pairwise(told))


def test_a_query_is_not_looked_at(site: Site) -> None:
    assert site.ask("/feeds/atom.xml?utm_source=x%00%0d").status == 200


def test_a_server_that_tells_no_raw_path_is_served_too(site: Site) -> None:
    scope = make_scope("/feeds/atom.xml")
    del scope["raw_path"]
    scope["path"] = "/feeds/科技/atom.xml"
    assert asyncio.run(drive(site.app, scope)).status == 200


def test_what_is_known_is_answered_at_once(site: Site) -> None:
    scope = make_scope("/feeds/atom.xml", headers=[GZIP])
    assert site.app.at_once(scope) is None
    site.ask("/feeds/atom.xml", GZIP)
    site.ask("/feeds/atom.xml", GZIP)
    counted = site.counts[200]
    reply = site.app.at_once(scope)
    assert reply is not None
    assert reply.status == 200
    assert site.counts[200] == counted + 1
    known = site.app.at_once(make_scope("/feeds/atom.xml", headers=[("If-None-Match", "*")]))
    assert known is not None
    assert known.status == 304
    for each in (reply, known):
        assert each.lines == b"".join(b"%b: %b\r\n" % header for header in each.headers)
    assert site.app.at_once(make_scope("/feeds/%61tom.xml", headers=[GZIP])) is None
    assert site.app.at_once(make_scope("/feeds/atom.xml", method="OPTIONS")) is None


def test_any_spelling_of_a_path_is_answered_and_only_one_is_remembered(site: Site) -> None:
    first = site.ask("/feeds/atom.xml")
    for spelling in ("/feeds/%61tom.xml", "/feeds/a%74om.xml", "/feeds/atom%2Exml"):
        got = site.ask(spelling)
        assert (got.body, got.headers["etag"], got.headers["link"]) == (first.body, first.headers["etag"], first.headers["link"])
        assert site.app.at_once(make_scope(spelling)) is None
    assert site.app.at_once(make_scope("/feeds/atom.xml")) is not None


# paths (I1 to I4)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/feeds/../config.yaml", 404),
        ("/feeds/%2e%2e/config.yaml", 404),
        ("/feeds/..%2fconfig.yaml", 404),
        ("/feeds/..%5cconfig.yaml", 404),
        ("/feeds/%252e%252e/config.yaml", 404),
        ("/feeds/%252e%252e%252fconfig.yaml", 404),
        ("/feeds//etc/passwd", 404),
        ("/feeds/%2fetc%2fpasswd", 404),
        ("/feeds/科技/..".encode(), 404),
        ("/feeds/atom.xml%00", 400),
        ("/feeds/%00", 400),
        ("/feeds/%ff", 400),
        ("/feeds/%c0%ae%c0%ae/config.yaml", 400),
        ("/feeds/%", 400),
        ("/feeds/%zz", 400),
        ("/feeds/" + "x" * 65_536, 400),
        ("/feeds/" + "%2e%2e/" * 9000, 400),
        ("/feeds/" + "x" * 1000, 404),
        ("/feeds/" + "x/" * 3000, 404),
    ],
)
def test_I1_path_tricks_lead_nowhere(site: Site, path: str | bytes, status: int) -> None:
    got = site.ask(path)
    assert got.status == status
    assert b"secret" not in got.body
    assert site.ask(path, method="HEAD").headers == got.headers


def test_I2_links_are_not_followed(site: Site) -> None:
    (site.root / "passwd.xml").symlink_to("/etc/passwd")
    (site.root / "up").symlink_to("..")
    for path in ("/feeds/passwd.xml", "/feeds/up/config.yaml", "/feeds/up/feeds/atom.xml"):
        assert site.ask(path).status == 404


@pytest.mark.parametrize("path", [".git/config", ".feedmill-0123456789abcdef.tmp", "atom.xml.tmp", ".feedmill/state.db", "科技/.x"])
def test_I3_hidden_and_temporary_files_are_nothing(site: Site, path: str) -> None:
    (site.root / path).parent.mkdir(exist_ok=True)
    (site.root / path).write_bytes(b"secret")
    assert site.ask("/feeds/" + quote(path)).status == 404
    assert site.asked_for == []


@pytest.mark.parametrize("path", ["/feeds/a%0d%0aSet-Cookie:%20x=1", "/feeds/%0d%0a/atom.xml", "/feeds/x%0aatom.xml?y=%0d%0a"])
def test_I4_nothing_of_a_request_comes_back(site: Site, path: str) -> None:
    got = site.ask(path)
    assert got.status == 400
    assert "set-cookie" not in got.headers
    assert b"Set-Cookie" not in got.body


def test_I4_no_host_comes_back(site: Site) -> None:
    site.moves["alt/atom.xml"] = "科技/atom.xml"
    for path in ("/feeds/atom.xml", "/feeds/alt/atom.xml", "/feeds/gone"):
        got = site.ask(path, ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example"))
        assert "evil" not in repr(got)


# what was here


def test_a_feed_that_has_moved_is_named(site: Site) -> None:
    site.moves["旧/atom.xml"] = "科技 新/atom.xml"
    got = site.ask("/feeds/" + quote("旧/atom.xml"))
    assert got.status == 301
    assert got.headers["location"] == FEEDS_URL + "%E7%A7%91%E6%8A%80%20%E6%96%B0/atom.xml"
    assert got.headers["cache-control"].startswith("public, max-age=6")
    assert got.headers["access-control-allow-origin"] == "*"
    assert site.asked_for == ["旧/atom.xml"]
    assert site.ask("/feeds/" + quote("旧/atom.xml"), method="HEAD").status == 301


def test_a_feed_that_is_gone_for_good_is_gone(site: Site) -> None:
    site.moves["旧/atom.xml"] = ""
    got = site.ask("/feeds/" + quote("旧/atom.xml"))
    assert got.status == 410
    assert got.headers["cache-control"] == "public, max-age=300"


def test_what_never_was_is_not_found(site: Site) -> None:
    site.moves["circle.xml"] = "circle.xml"
    for path in ("/feeds/gone.xml", "/feeds/circle.xml", "/feeds/科技".encode()):
        got = site.ask(path)
        assert got.status == 404
        assert got.headers["cache-control"] == "public, max-age=60"
        assert got.headers["access-control-allow-origin"] == "*"


def test_a_feed_that_is_there_is_served_wherever_it_is_said_to_be(site: Site) -> None:
    site.moves["atom.xml"] = "elsewhere.xml"
    assert site.ask().status == 200
    (site.root / "atom.xml").unlink()
    assert site.ask().status == 301
    assert site.asked_for == ["atom.xml"]


# methods (I7)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS"])
@pytest.mark.parametrize("path", ["/feeds/atom.xml", "/feeds/gone.xml", "/feeds/%00"])
def test_I7_other_methods_are_refused(site: Site, method: str, path: str) -> None:
    site.ask()
    got = site.ask(path, method=method)
    assert got.status == 405
    assert got.headers["allow"] == "GET, HEAD"


def test_I7_HEAD_has_the_headers_of_GET(site: Site) -> None:
    for path in ("/feeds/atom.xml", "/feeds/feed.json", "/feeds/gone.xml", "/feeds/%00"):
        for headers in ((), (GZIP,), (BROWSER,)):
            head, got = site.ask(path, *headers, method="HEAD"), site.ask(path, *headers)
            assert head.status == got.status
            assert {**head.headers, "cache-control": ""} == {**got.headers, "cache-control": ""}


def test_a_browser_that_asks_first_may_read_feeds_from_elsewhere(site: Site) -> None:
    origin, wish = ("Origin", "https://reader.example"), ("Access-Control-Request-Method", "GET")
    got = site.ask("/feeds/atom.xml", origin, wish, method="OPTIONS")
    assert got.status == 204
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["access-control-allow-methods"] == "GET, HEAD"
    assert got.headers["access-control-allow-headers"] == "If-None-Match, If-Modified-Since"
    assert int(got.headers["access-control-max-age"]) > 0
    assert site.ask("/feeds/atom.xml", origin, method="OPTIONS").status == 405
    assert site.ask("/feeds/atom.xml", wish, method="OPTIONS").status == 405


# I13


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/feeds/atom.xml", "GET", ()),
        ("/feeds/atom.xml", "GET", (GZIP,)),
        ("/feeds/atom.xml", "GET", (("If-None-Match", "*"),)),
        ("/feeds/feed.json", "HEAD", ()),
        ("/feeds/gone.xml", "GET", ()),
        ("/feeds/%00", "GET", ()),
        ("/feeds/moved.xml", "GET", ()),
        ("/feeds/removed.xml", "GET", ()),
        ("/feeds/atom.xml", "POST", ()),
        ("/feeds/atom.xml", "OPTIONS", (("Origin", "x"), ("Access-Control-Request-Method", "GET"))),
    ],
)
def test_I13_every_reply_is_locked_down(site: Site, path: str, method: str, headers: tuple[tuple[str, str], ...]) -> None:
    site.moves = {"moved.xml": "atom.xml", "removed.xml": ""}
    got = site.ask(path, *headers, method=method)
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["referrer-policy"] == "no-referrer"
    policy = got.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "server" not in got.headers
    if "content-type" in got.headers:
        assert got.headers["content-type"].endswith("; charset=utf-8")


# what goes wrong


def test_a_file_system_that_fails_is_told_to_readers_and_once_a_minute_to_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async def ask_without_descriptors() -> Answer:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            return await ask(site.app, "/feeds/feed.json")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    site.ask()
    with caplog.at_level(logging.ERROR):
        for seconds in (0, 30, 31):
            site.clock.now += seconds
            got = asyncio.run(ask_without_descriptors())
            assert got.status == 503
            assert int(got.headers["retry-after"]) > 0
            assert got.headers["cache-control"] == "no-store"
            assert got.body == b"503 Service Unavailable\n"
    assert [record.getMessage() for record in caplog.records] == [
        "feeds cannot be read: Too many open files; readers are told to come back later (said at most once a minute)"
    ] * 2
    assert all(record.exc_info is None for record in caplog.records)
    assert site.ask("/feeds/feed.json").status == 200


@pytest.mark.parametrize(("rewrites", "status"), [(1, 200), (4, 200), (100, 503)])
def test_a_feed_that_is_rewritten_between_look_and_body_is_looked_at_anew(site: Site, rewrites: int, status: int) -> None:
    def read(root: bytes, file: str, *, biggest: int, known: Stamp | None = None) -> Seen | None:
        nonlocal turn
        turn += 1
        if turn % 2 == 0 and turn // 2 <= rewrites:  # with no memory for bodies, every second reading is for the body
            replace(site.root / file, BODY + b"%d" % turn)
        return read_guarded(root, file, biggest=biggest, known=known)

    turn = 0
    site.open(budget=0, reader=read, monotonic=site.clock)
    got = site.ask()
    assert got.status == status
    if status == 200:
        assert got.body == BODY + b"%d" % (2 * rewrites)
        assert got.headers["etag"] == f'"{digest_of(got.body)}"'


def test_every_reply_is_counted_by_its_status(site: Site) -> None:
    site.moves["old.xml"] = ""
    for _ in range(3):
        site.ask()
    site.ask("/feeds/atom.xml", ("If-None-Match", "*"))
    for path in ("/feeds/gone.xml", "/feeds/%00", "/feeds/old.xml"):
        site.ask(path)
    site.ask(method="POST")
    site.ask("/feeds/gone.xml", method="POST")
    assert site.counts == {200: 3, 304: 1, 404: 1, 400: 1, 410: 1, 405: 2}


# on a real server


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    with serving(site.app) as port:
        yield port


def test_over_HTTP_a_feed_is_whole_in_every_coding(site: Site, port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        for _ in range(2):
            connection.request("GET", "/feeds/" + quote("科技/atom.xml"), headers=headers)
            with connection.getresponse() as got:
                assert got.status == 200
                tag = got.headers["ETag"]
                assert len(got.read()) == int(got.headers["Content-Length"])
                assert got.headers["Date"]
        connection.request("GET", "/feeds/" + quote("科技/atom.xml"), headers={**headers, "If-None-Match": tag})
        with connection.getresponse() as got:
            assert (got.status, got.read(), got.headers["Content-Length"], got.headers["Transfer-Encoding"]) == (304, b"", None, None)
        connection.request("HEAD", "/feeds/" + quote("科技/atom.xml"), headers=headers)
        with connection.getresponse() as got:
            assert (got.status, got.headers["ETag"], got.read()) == (200, tag, b"")
    connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /feeds/atom.xml HTTP/1.0\r\n\r\n", b"200"),
        (b"GET http://evil.example/feeds/atom.xml HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"GET /feeds/atom.xml HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", b"200"),
        (b"GET /feeds/atom.xml HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n", b"200"),
        (b"TRACE /feeds/atom.xml HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"PUT /feeds/atom.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", b"405"),
        (b"OPTIONS /feeds/atom.xml HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"GET /feeds/../config.yaml HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /feeds/%2e%2e/config.yaml HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /feeds//etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /feeds/%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/%ff HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/" + b"x" * 65_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/atom.xml HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + b'"a",' * 25_000 + b"\r\n\r\n", b"200"),
    ],
    ids=lambda value: value[:60].decode() if len(value) > 3 else "",
)
def test_I1_I7_over_HTTP_every_request_has_its_answer(site: Site, port: int, request_bytes: bytes, status: bytes) -> None:
    got = say(port, request_bytes)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"evil" not in head
    assert b"secret" not in body
    assert b"x-content-type-options: nosniff" in head
