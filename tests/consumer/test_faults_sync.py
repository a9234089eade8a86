"""Rows B and C of the fault list through the whole of a sync: what a host does wrong, and where it tries to send us."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Received, Reply
from feedmill.consumer.fetch import Limits
from feedmill.consumer.hosts import HostGate
from fetching import LoopbackGuard, Names, PublicLoopbackGuard
from hostile import gzip_bomb, rss_of, stacked_bomb
from siege import BEFORE, CANARY, Case, Siege, besieged, only
from upstream import rss, rss_item

LONG = rss(*(rss_item(number) for number in range(10, 40)))
NEW = {"ETag": '"new"'}


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    with besieged(tmp_path) as siege:
        yield siege


def coded(body: bytes, coding: str, **over) -> Reply:
    return Reply(body=body, headers={**NEW, "Content-Encoding": coding}, **over)


def to(location: str, status: int = 302) -> Reply:
    return Reply(status=status, headers=[("Location", location.encode())])


def test_B1_B2_bombs_and_floods_are_refused(siege: Siege) -> None:
    siege.patience = 5
    gzip_bomb(), stacked_bomb()
    siege.run(
        [
            Case("gzip", coded(gzip_bomb(), "gzip"), error="larger than 20,000,000 bytes|refused"),
            Case("stacked", coded(stacked_bomb(), "gzip, gzip"), error="refused"),
            Case("brotli", coded(b"\x8b\x02\x80", "br"), error="refused"),
            Case("zstd", coded(b"\x28\xb5\x2f\xfd", "zstd"), error="refused"),
            Case("announced", Reply(body=b"x", declared=50_000_000, headers=NEW), error="larger than 10,000,000 bytes"),
        ]
    )


def test_B3_B4_hosts_that_hang_drip_or_flood_the_head_are_left(siege: Siege) -> None:
    siege.up.limits = Limits(deadline=timedelta(seconds=1), connect=timedelta(seconds=1))
    siege.patience = 6
    siege.run(
        [
            Case("hang", Reply(delay=30), error="no whole answer within 1 s"),
            Case("head", Reply(body=LONG, pace=(1, 0.3)), error="no whole answer within 1 s"),
            Case("head-flood", Reply(raw=(b"X: " + b"x" * 60_000 + b"\r\n" for _ in range(2_000))), error="the head|rules of HTTP"),
            Case("status-flood", Reply(raw=b"HTTP/1.1 200 " + b"O" * 1_000_000), error="the head|rules of HTTP"),
        ]
    )


def test_B5_a_transfer_that_ends_early_gives_whole_entries_and_no_validator(siege: Siege) -> None:
    half = len(LONG) // 2
    whole = sum(end < half for end in (LONG.index(b"</item>", LONG.index(b"urn:item:%d<" % number)) + 7 for number in range(10, 40)))
    said = "ends before its end"
    reports = siege.run(
        [
            Case("length", Reply(body=LONG, cut=half, headers=NEW), "partial", said, whole),
            Case("chunked", Reply(body=LONG, is_chunked=True, cut=half, headers=NEW), "partial", said, whole, check=whole_bodies),
            Case("gzip", coded(gzip.compress(LONG)[:-9], "gzip"), "partial", said, 29, check=whole_bodies),
            Case("reset", Reply(body=LONG, declared=-1, cut=half, ending="reset", headers=NEW), "partial", said, whole),
            Case("first-byte", Reply(body=LONG, cut=0, headers=NEW), error="before the first byte"),
            Case("head-only", Reply(body=LONG, cut=300, headers=NEW), error="truncated"),
        ]
    )  # fmt: skip
    for name in reports.keys() - {"up"}:
        siege.origin.add(f"/{name}", Reply(body=LONG, headers=NEW))
    siege.sync()
    for name in reports.keys() - {"up"}:
        assert siege.origin.requests(f"/{name}")[-1].header("if-none-match") == '"before"', "it is asked for what it last gave whole"
        assert len(siege.posts(name)) == 31


def whole_bodies(posts) -> None:
    for post in posts:
        assert post.body == f"<p>Body of {post.title.split()[1]}</p>"


def test_B6_B7_answers_that_are_none_are_failures(siege: Siege) -> None:
    for hop in range(8):
        siege.origin.add(f"/hop-{hop}", to(f"/hop-{hop + 1}"))
    bad = ("file:///etc/passwd", "data:text/xml,<rss/>", "javascript:alert(1)", "ftp://127.0.0.1/", "http://[::1", "http://127.0.0.1:99999/",
           "http://xn--a/", "http://" + "a" * 70 + ".example/", "http://a b/", "http:///x")  # fmt: skip
    siege.run(
        [
            Case("bad-gzip", coded(b"not gzip at all", "gzip"), error="refused"),
            Case("http09", Reply(raw=LONG), error="rules of HTTP|ended the connection"),
            Case("reset", Reply(raw=b"", ending="reset"), error="ended the connection"),
            Case("end", Reply(raw=b""), error="ended the connection"),
            Case("circle", to("/circle"), error="circle"),
            Case("hops", to("/hop-0"), error="more than 5 times"),
            Case("no-location", Reply(status=302), error="."),
            *(Case(f"location-{number}", to(location), error=".") for number, location in enumerate(bad)),
        ]
    )


def test_B10_nothing_of_a_sources_own_goes_to_another_origin(siege: Siege) -> None:
    with FaultOrigin() as other:
        other.add("/feed.xml", Reply(body=rss(rss_item(5)), headers={"Set-Cookie": "a=b"}))
        siege.run(
            [
                Case("moved", to(other.url("/feed.xml")), "ok", new=1),
                Case("userinfo", to(f"http://u:p@127.0.0.1:{other.port}/feed.xml"), "ok", new=1),
            ]
        )
        assert CANARY in siege.origin.requests("/moved")[0].header("authorization")
        assert other.hits == 2
        assert CANARY.encode() not in b"".join(name + value for got in other.requests() for name, value in got.headers)
        assert not any(got.has(name) for got in other.requests() for name in ("authorization", "x-api-key", "cookie", "if-none-match"))


ETAGS = {
    "weak": b'ETag: W/"a"', "unquoted": b"ETag: abc", "empty": b"ETag:", "long": b'ETag: "' + b"a" * 100_000 + b'"',
    "folded": b'ETag: "a\r\n b"', "doubled": b'ETag: "a"\r\nETag: "b"', "bytes": b'ETag: "\xc3\xa9"', "latin": b'ETag: "\xe9"',
    "control": b'ETag: "\x01"', "date": b"Last-Modified: not a date; at all", "odd-date": b"Last-Modified: \xe9t\xe9",
}  # fmt: skip
SENT = {"weak": b'W/"a"', "unquoted": b"abc", "date": b"not a date; at all"}


def test_B11_odd_validators_never_break_the_next_poll(siege: Siege) -> None:
    cases = []
    for name, line in ETAGS.items():
        raw = b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: %d\r\n\r\n" % len(LONG) + LONG
        cases.append(Case(name, Reply(raw=raw), "ok", new=30))
    siege.run(cases)
    for _ in range(2):
        assert {source.result for source in siege.sync().sources} == {"ok"}
    for case in cases:
        last = siege.origin.requests(f"/{case.name}")[-1]
        conditions = {value for field, value in last.headers if field.lower() in (b"if-none-match", b"if-modified-since")}
        assert conditions == ({SENT[case.name]} if case.name in SENT else set()), case.name


def test_B12_answers_of_no_news_write_nothing(siege: Siege) -> None:
    late = b'HTTP/1.1 304 Not Modified\r\nETag: "before"\r\nContent-Length: 6\r\n\r\n<rss/>'
    siege.run(
        [
            Case("body", Reply(raw=late), "not-modified"),
            Case("same", BEFORE, "ok"),
            Case("delta", Reply(status=226, body=rss(rss_item(5)), headers={"IM": "feed"}), "ok", new=1),
        ]
    )
    siege.subscribe([Case("never", 304)])
    siege.origin.add("/never", 304)
    report = siege.sync("never").sources[0]
    assert (report.result, "a visit that never was" in (report.error or "")) == ("failed", True)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451, 500, 503])
def test_B13_B14_a_status_that_is_no_success_keeps_the_posts(siege: Siege, status: int) -> None:
    answer = Reply(status=status, body=LONG, headers=NEW)
    siege.run([Case("status", answer, "gone" if status == 410 else "failed", f"answered {status}")])
    asked = len(siege.origin.requests("/status"))
    siege.origin.add("/status", BEFORE)
    report = next(source for source in siege.sync().sources if source.name == "status")
    assert report.result == ("gone" if status == 410 else "ok")
    assert len(siege.origin.requests("/status")) == asked + (status != 410)
    assert [post.title for post in siege.posts("status")] == ["Before"]


def test_B14_a_flapping_host_is_left_alone_for_longer_and_its_posts_stay_single(siege: Siege) -> None:
    siege.subscribe([Case("flap", 500)])
    siege.origin.script("/flap", [Reply(body=rss(rss_item(1))), *([500] * 10), Reply(body=rss(rss_item(1))), 500])
    siege.up.serve(rss(rss_item(1)))
    waits = []
    for _ in range(13):
        now = siege.up.clock.now.timestamp()
        siege.sync("flap")
        waits.append(siege.state("flap").due - now)
    assert waits[1:11] == sorted(waits[1:11])
    assert 3_000 < waits[1] < waits[5] <= waits[10] < 8 * 86_400
    assert waits[12] == pytest.approx(waits[1], rel=0.2), "a success begins anew"
    assert len(siege.posts("flap")) == 1


RETRIES = {
    "120": 120,
    "14400": 14_400,
    "Mon, 01 Jun 2026 20:00:00 GMT": 4 * 3600,
    "Mon, 01 Jun 2020 12:30:00 GMT": 0,
    "-5": 0,
    "1e9": 0,
    "1000000000": 86_400,
    "abc": 0,
    "": 0,
}


@pytest.mark.parametrize(("value", "least"), RETRIES.items(), ids=str)
def test_B15_B16_a_host_that_asks_for_time_gets_it(siege: Siege, value: str, least: int) -> None:
    headers = {"Retry-After": value, "Date": "Mon, 01 Jun 2026 12:30:00 GMT"} if value else {}
    siege.run([Case("busy", Reply(status=503, headers=headers), error="answered 503")])
    asked = len(siege.origin.requests("/busy"))
    now, due = siege.up.clock.now.timestamp(), siege.state("busy").due
    assert max(least, 3_000) - 120 <= due - now <= 31 * 86_400
    siege.up.clock.pass_(seconds=due - now - 200)
    siege.sync(is_forced=False)
    assert len(siege.origin.requests("/busy")) == asked
    siege.up.clock.pass_(seconds=400)
    siege.sync(is_forced=False)
    assert len(siege.origin.requests("/busy")) == asked + 1


def test_B19_many_sources_on_one_public_host_are_asked_one_after_the_other(siege: Siege) -> None:
    busy, most, lock = [0], [0], threading.Lock()

    def answer(got: Received) -> Reply:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.02)
        with lock:
            busy[0] -= 1
        return Reply(body=rss(rss_item(1)))

    cases = [Case(f"source-{number}", answer, "ok", new=1) for number in range(30)]
    siege.around = {"guard": PublicLoopbackGuard([]), "gate": HostGate(per_host=1, spacing=timedelta(seconds=0.01))}
    siege.run(cases, has_before=False)
    assert most == [1]


def test_B20_a_cookie_is_sent_to_nobody(siege: Siege) -> None:
    fields = [("Set-Cookie", "id=1; Path=/; Domain=127.0.0.1"), ("Set-Cookie", "\x0b;;=;")]
    siege.run([Case(name, Reply(body=LONG, headers=fields[:number]), "ok", new=30) for number, name in ((1, "one"), (1, "two"))])
    siege.sync()
    assert siege.origin.hits > 6
    assert not any(got.has("cookie") for got in siege.origin.requests())


def test_C7_C9_a_redirect_leads_to_no_address_that_is_refused(siege: Siege) -> None:
    with FaultOrigin() as neighbour:
        port = neighbour.port
        neighbour.add("/", Reply(body=LONG))
        siege.around = {"guard": only(siege.origin.port), "resolver": Names({"inside.example": ["127.0.0.1"], "ok": ["127.0.0.1"]})}
        places = [
            *(f"http://{host}:{port}/" for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "inside.example")),
            *("http://10.0.0.1/", "http://169.254.169.254/", "http://[fd00::1]/", "http://[64:ff9b::7f00:1]/"),
            *(f"http://ok@127.0.0.1:{port}/", f"http://127.0.0.1:{port}\\@ok/", f"http://ok#@127.0.0.1:{port}/", f"//127.0.0.1:{port}/"),
            *(f"http:127.0.0.1:{port}", f"http://127。0。0。1:{port}/", f"http://１２７.0.0.1:{port}/"),
        ]
        for hop in range(1, 5):
            siege.origin.add(f"/hop-{hop}", to(f"/hop-{hop + 1}" if hop < 4 else neighbour.url()))
        siege.run(
            [
                *(Case(f"to-{n}", to(place), error=".") for n, place in enumerate(places)),
                Case("chain", to("/hop-1"), error="allow_networks"),
            ]
        )
        assert neighbour.connections == 0
        assert set(siege.around["guard"].sockets) == {("127.0.0.1", siege.origin.port)}


def test_C8_proxies_and_passwords_of_the_environment_are_not_used(siege: Siege, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultOrigin() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url("/"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        netrc = siege.folder / "netrc"
        netrc.write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        siege.run([Case("plain", LONG, "ok", new=30)])
        assert proxy.connections == 0
    assert not any(got.has("authorization") for got in siege.origin.requests("/feed.xml"))
    assert {got.header("authorization") for got in siege.origin.requests("/plain")} == {f"Bearer {CANARY}"}


def test_C10_a_sites_own_feeds_are_not_fetched(siege: Siege) -> None:
    siege.around = {"resolver": Names({})}
    own = ("https://news.example.org/feeds/atom.xml", "http://NEWS.example.org/feeds/x/atom.xml?y")
    siege.run([Case(f"own-{number}", to(place), error="circle") for number, place in enumerate(own)])
    assert siege.around["resolver"].asked == []


def test_C11_an_allowed_address_with_a_port_permits_that_pair_alone(siege: Siege) -> None:
    with FaultOrigin() as neighbour:
        siege.around = {"guard": LoopbackGuard([f"127.0.0.1:{siege.origin.port}"])}
        siege.run(
            [
                Case("neighbour", to(neighbour.url()), error="allow_networks"),
                Case("plain", rss_of("<item><title>A</title></item>"), "ok", new=1),
            ]
        )
        assert neighbour.connections == 0


def test_a_secret_that_gets_out_is_noticed(siege: Siege) -> None:
    siege.run([Case("plain", LONG, "ok", new=30)])
    siege.up.project.post("敌/leak.md", body=CANARY)
    with pytest.raises(AssertionError, match=r"leak\.md"):
        siege.judge_secrets()
