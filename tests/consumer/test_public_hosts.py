"""Manners towards public hosts in a whole sync: loopback under public names, through an injected lookup (lines 18, 21 and 22)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Reply
from feedmill.consumer.hosts import HostGate
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.sync import Request, sync
from feedmill.consumer.syncreport import SyncReport
from fetching import Names, PublicLoopbackGuard
from sites import CONFIG, Project
from syncing import LIMITS, Clock
from upstream import rss, rss_item

ONE = rss(rss_item(1))


@dataclass
class Web:
    """An origin that answers for several public names, a project with a source for each address, a clock."""

    root: Path
    origin: FaultOrigin
    clock: Clock

    def address(self, host: str, path: str) -> str:
        return self.origin.url(path, host=host)

    def run(self, addresses: Sequence[str], *, spacing: float = 0.0, is_forced: bool = False) -> SyncReport:
        sources = "".join(f"  - {{name: s{number}, url: {address}}}\n" for number, address in enumerate(addresses))
        config = Project(self.root, base=CONFIG, extra=f"sources:\n{sources}").config
        around = Surroundings(
            now=lambda: self.clock.now,
            chance=lambda: 0.0,
            limits=LIMITS,
            guard=PublicLoopbackGuard(()),
            gate=HostGate(per_host=1, spacing=timedelta(seconds=spacing), chance=lambda: 0.0, now=lambda: self.clock.now),
            resolver=Names({"a.example.org": ["127.0.0.1"], "b.example.org": ["127.0.0.1"]}),
        )
        return sync(config, Request(is_forced=is_forced), around=around)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with FaultOrigin() as origin:
        yield Web(tmp_path, origin, Clock())


def test_line_18_a_host_that_asks_for_quiet_is_left_alone_by_all_its_sources_in_later_syncs_too(web: Web) -> None:
    web.origin.script("/1.xml", [Reply(status=429, headers={"Retry-After": "7200"}), Reply(body=ONE)])
    web.origin.add("/2.xml", Reply(body=ONE))
    first, second, other = (
        web.address("a.example.org", "/1.xml"),
        web.address("a.example.org", "/2.xml"),
        web.address("b.example.org", "/2.xml"),
    )
    assert [source.result for source in web.run([first]).sources] == ["failed"]
    web.clock.pass_(minutes=90)
    report = web.run([first, second, other], is_forced=True)
    assert [source.result for source in report.sources] == ["not-due", "not-due", "ok"]
    assert report.sources[1].next_rule == "Retry-After of its host"
    assert len(web.origin.requests("/1.xml")) == 1
    web.clock.pass_(minutes=31)
    assert [source.result for source in web.run([first, second, other], is_forced=True).sources] == ["ok", "ok", "ok"]


def test_line_21_one_request_at_a_time_and_some_time_between_two_for_each_host(web: Web) -> None:
    for number in range(3):
        web.origin.add(f"/{number}.xml", Reply(body=ONE, delay=0.05))
    web.run([web.address("a.example.org", f"/{number}.xml") for number in range(3)], spacing=0.2)
    starts = sorted(request.at for number in range(3) for request in web.origin.requests(f"/{number}.xml"))
    # Without spacing they would come 0.05 s apart; the origin may hear of the earlier one late.
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(starts)), starts


def test_B19_many_sources_of_one_host_do_not_keep_other_hosts_waiting(web: Web) -> None:
    for number in range(6):
        web.origin.add(f"/{number}.xml", Reply(body=ONE))
    crowd = [web.address("a.example.org", f"/{number}.xml") for number in range(5)]
    web.run([*crowd, web.address("b.example.org", "/5.xml")], spacing=0.3)
    (alone,) = web.origin.requests("/5.xml")
    last = max(request.at for number in range(5) for request in web.origin.requests(f"/{number}.xml"))
    assert alone.at < last - 0.5
