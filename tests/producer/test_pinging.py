"""Pings on their way: real hubs on loopback, a real state database, a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Reply
from feedmill import USER_AGENT
from feedmill.errors import StorageError
from feedmill.producer import hubs
from feedmill.producer.hubs import Answer, Verdict
from feedmill.producer.pinging import PingLimits, Turn, send_due
from feedmill.producer.pingqueue import PingQueue
from feedmill.state.lock import writing
from feedmill.state.memory import DatabaseMemory
from hub import Hub, Subscriber
from sites import Project

TOPIC = "https://news.example.org/feeds/atom.xml"
#: A hub that answers does so within this time, however busy the machine is.
SHORT = PingLimits(answer=timedelta(seconds=2), starting=timedelta(seconds=30))


@dataclass
class Site:
    """A project with hubs whose changes are noted as a publish notes them."""

    root: Path
    hubs: Sequence[str] = ()
    more: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    now: int = 1_780_000_000

    @property
    def config(self):
        listed = json.dumps(list(self.hubs))
        return Project(self.root, extra=f"feeds: {{hub: {listed}}}\n{self.more}", environ=self.environ).config

    def change(self, *topics: str, is_unfinished: bool = False) -> None:
        """Publish, as far as hubs are concerned; one that is unfinished was cut short."""
        with contextlib.closing(DatabaseMemory(self.config.state_path)) as memory:
            hubs.note_changed(memory, hubs=self.config.feeds.hub, topics=topics, now=self.now)
            memory.note("run", "unfinished", "yes")
            memory.commit()
            memory.note("run", "unfinished", "yes" if is_unfinished else "no")
            memory.commit()

    def send(self, limits: PingLimits | None = None) -> Turn:
        given = {} if limits is None else {"limits": limits}
        return asyncio.run(send_due(self.config, now=lambda: self.now, **given))

    @property
    def queued(self) -> dict[tuple[str, str], dict[str, int]]:
        """What waits: hub and topic, attempts and the rest."""
        with contextlib.closing(DatabaseMemory(self.config.state_path)) as memory:
            return {tuple(json.loads(key)): json.loads(value) for key, value in memory.recall_all("ping").items()}


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[..., Site]:
    return lambda *hubs, **keys: Site(tmp_path, hubs, **keys)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# The way of a change


@pytest.mark.parametrize("reads", ["hub.url", "hub.topic"])
def test_a_subscriber_gets_the_new_feed(make_site: Callable[..., Site], reads: str) -> None:
    with FaultOrigin() as origin, Hub(reads=reads) as hub, Subscriber() as subscriber:
        topic = origin.url("/feeds/%E6%96%B0/atom.xml?a=b&c=d")
        origin.add("/feeds/%E6%96%B0/atom.xml", Reply(body=b"<feed>new</feed>", headers={"Content-Type": "application/atom+xml"}))
        subscriber.subscribe(hub, topic)
        site = make_site(hub.url)
        site.change(topic)
        turn = site.send()
        got = subscriber.next()
        assert got.body == b"<feed>new</feed>"
        assert got.headers["content-type"] == "application/atom+xml"
        assert (turn.results, turn.complaints(), turn.waiting.count) == ({"taken": 1}, [], 0)
        assert site.queued == {}
        assert site.send().results == {}
        assert len(hub.pings) == 1


def test_what_a_ping_looks_like(make_site: Callable[..., Site]) -> None:
    with Hub([204]) as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        site.send()
        (heard,) = hub.pings
        assert heard.form == {"hub.mode": "publish", "hub.url": TOPIC, "hub.topic": TOPIC}
        assert heard.headers["content-type"] == "application/x-www-form-urlencoded"
        assert heard.headers["user-agent"] == USER_AGENT
        assert "cookie" not in heard.headers


def test_every_hub_is_told_of_every_feed(make_site: Callable[..., Site]) -> None:
    with Hub() as one, Hub(reads="hub.topic") as other:
        site = make_site(one.url, other.url.replace("127.0.0.1", "localhost"))
        topics = [f"{TOPIC}?{number}" for number in range(9)]
        site.change(*topics)
        assert site.send().results == {"taken": 18}
        assert sorted(one.topics) == sorted(other.topics) == topics


def test_without_hubs_or_before_anything_was_published_nothing_is_opened(make_site: Callable[..., Site]) -> None:
    site = make_site("https://hub.example.org/")
    assert site.send().waiting.count == 0
    assert not PingQueue(site.config.state_path, site.hubs).has_due(now=site.now)
    assert not site.config.state_path.exists()
    site.change(TOPIC)
    assert PingQueue(site.config.state_path, site.hubs).has_due(now=site.now)
    assert make_site().send().waiting.count == 0


# Hubs that fail


def test_a_hub_that_is_down_is_told_when_it_is_up_again(make_site: Callable[..., Site]) -> None:
    with Hub([500, 500, 202]) as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        for attempts, pause in ((1, 60), (2, 120)):
            turn = site.send()
            assert (turn.results, turn.waiting.next_due) == ({"failed": 1}, site.now + pause)
            assert [value["attempts"] for value in site.queued.values()] == [attempts]
            site.now += pause - 1
            assert site.send().results == {}
            site.now += 1
        assert site.send().results == {"taken": 1}
        assert len(hub.pings) == 3


@pytest.mark.parametrize("trouble", ["refused", "reset", "garbage", "endless head"])
def test_whatever_a_hub_does_is_said_without_its_secrets(make_site: Callable[..., Site], trouble: str) -> None:
    replies = {
        "reset": Reply(raw=b"", ending="reset"),
        "garbage": Reply(raw=b"CANARY\r\n\r\n"),
        "endless head": Reply(raw=(b"HTTP/1.1 200 OK\r\n" if not number else b"X: CANARY\r\n" for number in range(2**40))),
    }
    with FaultOrigin() as origin:
        origin.add("/hub", replies.get(trouble, 500))
        port = closed_port() if trouble == "refused" else origin.port
        site = make_site(f"http://me:CANARY@127.0.0.1:{port}/hub?key=CANARY")
        site.change(TOPIC)
        turn = site.send()
        assert turn.results == {"failed": 1}
        ((name, sentence),) = turn.complaints()
        assert name == f"http://127.0.0.1:{port}/hub"
        assert sentence.startswith(f"hub {name}: ")
        assert sentence.endswith("; it is told again later")
        assert "CANARY" not in sentence


def test_a_hub_that_hangs_holds_nobody_up(make_site: Callable[..., Site]) -> None:
    with Hub([None]) as hanging, Hub() as other:
        site = make_site(hanging.url, other.url)
        topics = [f"{TOPIC}?{number:02}" for number in range(20)]
        site.change(*topics)
        begun = time.monotonic()
        turn = site.send(SHORT)
        assert time.monotonic() - begun < 20
        assert sorted(other.topics) == topics
        assert turn.results["taken"] == 20
        assert 1 <= len(hanging.pings) <= turn.results["failed"] <= 4
        ((_, sentence),) = turn.complaints()
        assert "no answer within 2 s" in sentence
        # It is left alone for a minute, with all that it is still to be told.
        assert {hub for hub, _ in site.queued} == {hanging.url}
        assert {(value["attempts"], value["due"] - site.now) for value in site.queued.values()} == {(1, 60)}


def test_a_turn_that_is_over_leaves_the_rest_as_it_was(make_site: Callable[..., Site]) -> None:
    with Hub() as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        queue = PingQueue(site.config.state_path, site.hubs)
        before = site.queued
        queue.settle(queue.claim(now=site.now, limit=9), {}, now=site.now)
        assert site.queued == before
        site.send(PingLimits(starting=timedelta(0)))
        assert (site.queued, hub.pings) == (before, [])


def test_no_room_is_given_to_the_content_of_an_answer(make_site: Callable[..., Site]) -> None:
    def endless():
        yield b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\n\r\n"
        while True:
            yield b"x" * 1000

    with FaultOrigin() as origin:
        origin.add("/hub", Reply(raw=endless()))
        site = make_site(origin.url("/hub"))
        site.change(TOPIC)
        assert site.send().results == {"taken": 1}


def test_a_hub_that_refuses_is_given_up_with_a_word_on_what_to_do(make_site: Callable[..., Site]) -> None:
    with Hub([404]) as hub:
        site = make_site(f"{hub.url}?key=CANARY")
        site.change(TOPIC, f"{TOPIC}?2")
        for pause in (60, 120):
            assert site.send().results == {"refused": 2}
            site.now += pause
        turn = site.send()
        assert turn.results == {"refused": 2, "given-up": 2}
        advice = "it will not hear of 2 changed feeds: check its address in feeds.hub, or take it out"
        assert turn.complaints() == [(hub.url, f"hub {hub.url}: it answered 404 Not Found; {advice}")]
        assert site.queued == {}


def test_a_redirect_is_not_followed(make_site: Callable[..., Site]) -> None:
    with Hub() as other, Hub([(307, {"Location": other.url})]) as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        assert site.send().results == {"refused": 1}
        assert other.pings == []


def test_a_hub_says_when_it_wants_to_be_asked_again(make_site: Callable[..., Site]) -> None:
    with Hub([(429, {"Retry-After": "3600"}), 202]) as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        assert site.send().waiting.next_due == site.now + 3600


# Beside others


def test_a_feed_that_changes_while_its_ping_is_on_its_way_is_told_of_again(make_site: Callable[..., Site]) -> None:
    sites: list[Site] = []
    with Hub(before_answer=lambda _: sites.pop().change(TOPIC) if sites else None) as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        sites.append(site)
        # The second turn of the same send takes it, for it is due at once.
        assert site.send().results == {"taken": 2}
        assert hub.topics == [TOPIC, TOPIC]


@pytest.mark.parametrize("verdict", Verdict)
def test_no_answer_to_an_older_ping_touches_a_newer_one(make_site: Callable[..., Site], verdict: Verdict) -> None:
    site = make_site("https://hub.example.org/")
    site.change(TOPIC)
    queue = PingQueue(site.config.state_path, site.hubs)
    claimed = queue.claim(now=site.now, limit=9)
    site.change(TOPIC)  # in the same second
    noted = site.queued
    done = queue.settle(claimed, {ping: Answer(verdict) for ping in claimed.pings}, now=site.now + 4 * 86_400)
    assert site.queued == noted
    assert [value["attempts"] for value in noted.values()] == [0]
    assert done.given_up == []


def test_what_one_process_sends_no_other_does(make_site: Callable[..., Site]) -> None:
    site = make_site("https://hub.example.org/")
    site.change(TOPIC, f"{TOPIC}?2")
    first, second = (PingQueue(site.config.state_path, site.hubs) for _ in range(2))
    assert len(first.claim(now=site.now, limit=1).pings) == 1
    assert len(second.claim(now=site.now, limit=9).pings) == 1
    assert len(second.claim(now=site.now, limit=9).pings) == 0
    # And what died over them is made up for.
    assert len(second.claim(now=site.now + 120, limit=9).pings) == 2


def test_nothing_is_sent_while_a_publish_is_under_way_or_was_cut_short(make_site: Callable[..., Site]) -> None:
    with Hub() as hub:
        site = make_site(hub.url)
        site.change(TOPIC, is_unfinished=True)
        turn = site.send()
        assert (turn.is_held, turn.waiting.count, hub.pings) == (True, 1, [])
        site.change()
        assert site.send().results == {"taken": 1}


def test_a_writer_at_work_holds_no_ping_up(make_site: Callable[..., Site]) -> None:
    with Hub() as hub:
        site = make_site(hub.url)
        site.change(TOPIC)
        with writing(site.config.lock_path), writing(site.config.sync_lock_path):
            assert site.send().results == {"taken": 1}


def test_a_damaged_database_is_left_to_who_has_the_lock(make_site: Callable[..., Site]) -> None:
    site = make_site("https://hub.example.org/")
    path = site.config.state_path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError):
        site.send()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# Proxies


def test_proxies_of_the_environment_are_never_asked(make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultOrigin() as proxy, Hub() as hub:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        site = make_site(hub.url)
        site.change(TOPIC)
        assert site.send().results == {"taken": 1}
        assert proxy.hits == 0


def test_the_configured_proxy_is_asked_for_the_hub(make_site: Callable[..., Site]) -> None:
    with FaultOrigin() as proxy:
        proxy.add("http://hub.example.org/push", 202)
        address = proxy.url().replace("http://", "http://me:p%40ss@")
        site = make_site("http://hub.example.org/push", more=f"sync: {{proxy: '{address}'}}\n")
        site.change(TOPIC)
        assert site.send().results == {"taken": 1}
        (got,) = proxy.requests()
        assert got.method == "POST"
        assert got.header("proxy-authorization") == "Basic bWU6cEBzcw=="
        assert not got.has("authorization")


def test_a_proxy_that_is_not_there_is_named_by_its_key(make_site: Callable[..., Site]) -> None:
    site = make_site("https://hub.example.org/", more=f"sync: {{proxy: 'http://me:CANARY@127.0.0.1:{closed_port()}'}}\n")
    site.change(TOPIC)
    ((_, sentence),) = site.send().complaints()
    assert "no connection to the proxy (sync.proxy): Connection refused" in sentence
    assert "CANARY" not in sentence
