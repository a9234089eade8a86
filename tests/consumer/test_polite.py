"""The lines of the polite client, by their numbers, against a loopback origin under an injected clock.

Lines 21 and 22 (per host) and the addresses of line 11 have their own tests beside the client (test_fetch, test_hosts).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import feedmill
from faultorigin import Reply
from feedmill.consumer.remember import MOVE_PROOFS
from syncing import FEED, START, Synced, synced
from upstream import rss, rss_item

ONE, TWO = rss(rss_item(1)), rss(rss_item(2), rss_item(1))
DATED = "Mon, 01 Jun 2026 12:30:00 GMT"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as up:
        yield up


def ok(body: bytes = ONE, **headers: str) -> Reply:
    return Reply(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def not_modified(**headers: str) -> Reply:
    return Reply(status=304, headers={name.replace("_", "-"): value for name, value in headers.items()})


def sent(up: Synced, number: int) -> tuple[str, str]:
    """If-None-Match and If-Modified-Since of a request, "" where there is none."""
    return up.asked[number].header("if-none-match"), up.asked[number].header("if-modified-since")


def wait(up: Synced) -> timedelta:
    """How long the source is left alone after this sync."""
    due = up.state.due
    assert due is not None
    return timedelta(seconds=due - up.clock.now.timestamp())


def test_line_1_the_first_request_is_unconditional(up: Synced) -> None:
    up.serve(ok(ETag='"1"'))
    up.sync()
    assert sent(up, 0) == ("", "")


@pytest.mark.parametrize("etag", ['"1"', 'W/"weak"', "unquoted", '"with,comma"'])
def test_line_2_the_etag_comes_back_byte_for_byte(up: Synced, etag: str) -> None:
    up.serve(ok(ETag=etag))
    up.sync()
    up.again()
    assert sent(up, 1) == (etag, "")


@pytest.mark.parametrize("modified", [DATED, "yesterday, about noon", "2026-06-01"])
def test_line_3_last_modified_comes_back_byte_for_byte_even_malformed(up: Synced, modified: str) -> None:
    up.serve(ok(Last_Modified=modified))
    up.sync()
    up.again()
    assert sent(up, 1) == ("", modified)


def test_line_4_no_validator_is_ever_invented(up: Synced) -> None:
    up.serve(ok(Date=DATED))
    up.sync()
    up.again()
    assert sent(up, 1) == ("", "")


def test_line_5_a_new_etag_beside_the_same_last_modified_is_used_next(up: Synced) -> None:
    up.serve(ok(ETag='"1"', Last_Modified=DATED), ok(TWO, ETag='"2"', Last_Modified=DATED))
    up.sync()
    up.again()
    up.again()
    assert sent(up, 2) == ('"2"', DATED)


def test_line_6_new_validators_of_the_same_body_are_stored(up: Synced) -> None:
    up.serve(ok(ETag='"1"', Last_Modified=DATED), ok(ETag='"2"', Last_Modified="later"))
    up.sync()
    up.again()
    up.again()
    assert sent(up, 2) == ('"2"', "later")


def test_line_7_a_304_renews_what_it_carries_and_keeps_the_rest(up: Synced) -> None:
    up.serve(ok(ETag='"1"', Last_Modified=DATED), not_modified(ETag='"2"'))
    up.sync()
    up.again()
    up.again()
    assert sent(up, 2) == ('"2"', DATED)


def test_line_8_a_200_without_etag_clears_the_old_one(up: Synced) -> None:
    up.serve(ok(ETag='"1"', Last_Modified=DATED), ok(TWO, Last_Modified=DATED))
    up.sync()
    up.again()
    up.again()
    assert sent(up, 2) == ("", DATED)


KILLED = """
import os, signal, sys
from feedmill import durable
from pathlib import Path
{fault}
from feedmill.cli import main
sys.argv = ["feedmill", "--config", {config!r}, "sync", "--no-publish"]
main()
"""
FAULTS = {
    "before-the-files": "durable.Batch.commit = lambda self, **_: os.kill(os.getpid(), signal.SIGKILL)",
    "before-the-ledger": "from feedmill.state import ledger\nledger.Ledger.settle = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_line_9_validators_are_saved_only_when_the_entries_are_durable(up: Synced, fault: str) -> None:
    up.serve(ok(TWO, ETag='"1"'), lambda got: not_modified() if got.has("if-none-match") else ok(TWO, ETag='"1"'))
    config = up.root / "config.yaml"
    config.write_text(up.project.base + up.config_text, encoding="utf-8")
    code = KILLED.format(fault=FAULTS[fault], config=str(config))
    environment = {**os.environ, "PYTHONPATH": str(Path(feedmill.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    report = up.again()
    assert not up.asked[1].has("if-none-match")
    assert report.result == "ok"
    assert set(up.posts) == {"Title 1", "Title 2"}
    assert len(up.files) == 2
    assert not list((up.root / "posts").rglob(".feedmill-*.tmp"))


TORN = Reply(body=TWO, cut=len(TWO) - 80, ending="close", headers={"ETag": '"torn"'})


@pytest.mark.parametrize(
    "reply",
    [404, 500, Reply(body=b"not a feed", headers={"ETag": '"2"'}), Reply(body=b"", headers={"ETag": '"2"'}), TORN],
    ids=["404", "500", "not-a-feed", "empty", "torn"],
)
def test_line_10_a_failure_leaves_the_validators_as_they_were(up: Synced, reply: Reply | int) -> None:
    up.serve(ok(ETag='"1"'), reply)
    up.sync()
    up.again()
    up.again()
    assert sent(up, 2) == ('"1"', "")


def test_line_11_validators_belong_to_the_address_that_gave_them(up: Synced) -> None:
    up.serve(Reply(status=302, headers={"Location": "/target.xml"}), ok(ETag='"a"'), Reply(status=302, headers={"Location": "/target.xml"}))
    up.serve(ok(ETag='"b"'), path="/target.xml")
    up.sync()
    up.again()
    up.again()
    assert sent(up, 0) == sent(up, 1) == ("", "")
    assert sent(up, 2) == ('"a"', "")
    assert not up.origin.requests("/target.xml")[-1].has("if-none-match")


def test_line_11_a_redirect_is_conditional_at_its_end(up: Synced) -> None:
    up.serve(Reply(status=302, headers={"Location": "/target.xml"}))
    up.serve(ok(ETag='"b"'), path="/target.xml")
    up.sync()
    up.again()
    assert sent(up, 1) == ("", "")
    assert up.origin.requests("/target.xml")[1].header("if-none-match") == '"b"'


@pytest.mark.parametrize(("status", "is_saved"), [(301, True), (308, True), (302, False), (307, False)])
def test_line_12_a_move_is_saved_only_when_it_is_for_good_and_proved(up: Synced, status: int, is_saved: bool) -> None:
    up.serve(Reply(status=status, headers={"Location": "/new.xml"}))
    up.serve(ok(), path="/new.xml")
    for _ in range(MOVE_PROOFS + 1):
        up.clock.pass_(days=3)
        up.sync(is_forced=True)
        assert up.state.moved_to == ""
    up.clock.pass_(days=3)
    up.sync(is_forced=True)
    assert up.state.moved_to == (up.origin.url("/new.xml") if is_saved else "")
    asked = len(up.asked)
    up.again()
    assert len(up.asked) - asked == (0 if is_saved else 1)


def test_line_12_a_move_to_something_else_than_the_known_feed_proves_nothing(up: Synced) -> None:
    up.serve(ok(), Reply(status=301, headers={"Location": "/park.xml"}))
    up.sync()
    for number in range(6):
        up.serve(ok(rss(rss_item(100 + 2 * number), rss_item(101 + 2 * number))), path="/park.xml")
        up.clock.pass_(days=4)
        up.sync(is_forced=True)
    assert up.state.moved_to == ""


def test_line_13_410_ends_all_requests(up: Synced) -> None:
    up.serve(ok(), 410)
    up.sync()
    assert up.again().result == "gone"
    for _ in range(3):
        up.clock.pass_(days=30)
        assert up.sync(is_forced=True).result == "gone"
    assert len(up.asked) == 2
    assert set(up.posts) == {"Title 1"}


def test_line_13_404_is_backed_off_and_still_tried(up: Synced) -> None:
    up.serve(404)
    waits = []
    for _ in range(12):
        up.sync()
        waits.append(wait(up))
        up.clock.pass_(seconds=waits[-1].total_seconds())
    assert len(up.asked) == 12
    assert waits[0] < waits[2] < waits[4]
    assert waits[-1] <= timedelta(hours=27)


def test_line_14_a_feed_is_asked_once_an_hour_whatever_starts_the_sync(up: Synced) -> None:
    up.serve(ok())
    for _ in range(54):
        up.sync()
        up.clock.pass_(minutes=1)
    assert len(up.asked) == 1
    up.clock.pass_(minutes=6)
    up.sync()
    assert len(up.asked) == 2


def test_line_15_a_lifetime_is_kept_over_304s_that_do_not_say_it(up: Synced) -> None:
    up.serve(ok(ETag='"1"', Cache_Control="max-age=43200"), not_modified())
    up.sync()
    assert wait(up) >= timedelta(hours=12)
    up.clock.pass_(hours=13)
    assert up.sync().result == "not-modified"
    assert wait(up) >= timedelta(hours=12)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Cache-Control": "max-age=43200", "Age": "36000"}, 2, 3),
        ({"Cache-Control": "no-cache"}, 0.9, 1.2),
        ({"Cache-Control": "max-age=0"}, 0.9, 1.2),
        ({"Cache-Control": "max-age=99999999"}, 24 * 7, 24 * 8),
    ],
    ids=["age", "no-cache", "max-age-0", "capped"],
)
def test_line_16_age_counts_and_nothing_is_zero_or_endless(up: Synced, headers: dict[str, str], least: float, most: float) -> None:
    up.serve(Reply(body=ONE, headers=headers))
    up.sync()
    assert timedelta(hours=least) <= wait(up) <= timedelta(hours=most)


def test_line_17_expires_counts_from_the_answers_own_date(up: Synced) -> None:
    up.serve(ok(Date="Thu, 01 Jan 2015 00:00:00 GMT", Expires="Thu, 01 Jan 2015 05:00:00 GMT"))
    up.sync()
    assert timedelta(hours=5) <= wait(up) <= timedelta(hours=6)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"Retry-After": "7200"}, timedelta(hours=2)),
        ({"Retry-After": "Mon, 01 Jun 2026 18:30:00 GMT", "Date": DATED}, timedelta(hours=6)),
        ({"Retry-After": "Sun, 31 May 2026 18:30:00 GMT", "Date": "Sun, 31 May 2026 12:30:00 GMT"}, timedelta(hours=6)),
    ],
    ids=["seconds", "date", "date-of-a-slow-clock"],
)
def test_line_18_retry_after_is_honoured(up: Synced, status: int, headers: dict[str, str], least: timedelta) -> None:
    up.serve(Reply(status=status, headers=headers))
    up.sync()
    assert least <= wait(up) < least * 1.5
    up.clock.pass_(seconds=least.total_seconds() - 60)
    up.sync()
    assert len(up.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_line_19_without_retry_after_the_waits_grow(up: Synced, status: int) -> None:
    up.serve(status)
    waits = []
    for _ in range(4):
        up.sync()
        waits.append(wait(up))
        up.clock.pass_(seconds=waits[-1].total_seconds())
    assert waits == sorted(waits)
    assert waits[-1] > 3 * waits[0]


HEAD = "<title>Upstream</title>"


@pytest.mark.parametrize(
    ("head", "namespace", "hours"),
    [
        ("<ttl>180</ttl>", "", 3),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>", "sy", 6),
        ("<skipHours>" + "".join(f"<hour>{hour}</hour>" for hour in range(12, 18)) + "</skipHours>", "", 5.5),
        ("<skipDays><day>Monday</day><day>Tuesday</day></skipDays>", "", 35.5),
        ("<ttl>1</ttl>", "", 0.9),
    ],
    ids=["ttl", "sy", "skipHours", "skipDays", "ttl-never-shortens"],
)
def test_line_20_what_the_document_asks_for_lengthens_the_wait(up: Synced, head: str, namespace: str, hours: float) -> None:
    body = rss(rss_item(1), head=HEAD + head)
    if namespace:
        body = body.replace(b"<rss ", b'<rss xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" ')
    up.serve(ok(body))
    up.sync()
    assert wait(up) >= timedelta(hours=hours)


def test_line_23_and_24_the_request_is_honest_and_plain(up: Synced) -> None:
    up.serve(Reply(body=ONE, headers={"Set-Cookie": "a=b"}))
    up.sync()
    up.again()
    for got in up.asked:
        assert got.target == FEED
        assert got.header("user-agent").startswith("feedmill/")
        assert "+http" in got.header("user-agent")
        assert all(kind in got.header("accept") for kind in ("application/atom+xml", "application/rss+xml", "application/feed+json"))
        assert "gzip" in got.header("accept-encoding")
        assert not any(got.has(name) for name in ("cookie", "referer", "from"))
    assert up.asked[0].header("user-agent") == up.asked[1].header("user-agent")


def test_line_25_no_delta_is_asked_for_and_one_that_comes_removes_nothing(up: Synced) -> None:
    up.serve(ok(TWO, ETag='"1"'), Reply(status=226, body=rss(rss_item(3)), headers={"IM": "feed", "ETag": '"2"'}))
    up.sync()
    up.again()
    assert not any(got.has("a-im") for got in up.asked)
    assert set(up.posts) == {"Title 1", "Title 2", "Title 3"}


def test_line_26_nothing_is_asked_for_a_source_that_is_disabled(up: Synced) -> None:
    up.source = "    enabled: false\n"
    up.sync(is_forced=True)
    assert up.origin.hits == 0


def test_line_27_a_person_who_wants_it_now_is_conditional_and_waits_for_the_host(up: Synced) -> None:
    up.serve(ok(ETag='"1"'), Reply(status=429, headers={"Retry-After": "7200"}))
    up.sync()
    up.sync(is_forced=True)
    assert sent(up, 1) == ('"1"', "")
    assert up.clock.now == START
