"""Real feed readers subscribe to the running daemon over loopback: newsboat, rss2email and sfeed.

Each gets the entries, a 304 when nothing is new, and the new entry once upstream has one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import pytest

from faultorigin import FaultOrigin, Reply
from producer.test_clients import Newsboat, Rss2email, program, run
from service.daemonrun import FEED, Offset, Running, make_project, running, titles, with_sources
from upstream import items

#: What sfeed's own README shows for servers with ETags; by itself it sends no conditional requests.
SFEEDRC = """\
sfeedpath="$HOME/feeds"
fetch() {{
	etag="$HOME/etags/$(basename "$3")"
	curl -L --max-redirs 0 -H "User-Agent:" -f -s -m 15 --compressed \\
		--etag-save "${{etag}}" --etag-compare "${{etag}}" -z "${{etag}}" "$2" 2>/dev/null
}}
feeds() {{
	feed "news" "{url}"
}}
"""


class Reader(Protocol):
    """A person's reader, subscribed to one feed."""

    #: Polls until it has the ETag that it asks with.
    learns: int

    def poll(self) -> None:
        """Ask for the feed."""

    def titles(self) -> list[str]:
        """What the person sees, sorted."""


class ByNewsboat(Newsboat):
    #: 2.21 keeps the ETag in the row of the feed, which its first poll has yet to make (measured).
    learns = 2

    def poll(self) -> None:
        self.call("reload")

    def titles(self) -> list[str]:
        return sorted(seen.title for seen in self.seen())


class ByRss2email(Rss2email):
    learns = 1

    def poll(self) -> None:
        self.call("run")

    def titles(self) -> list[str]:
        return sorted(seen.title for seen in self.seen())


class BySfeed:
    learns = 1

    def __init__(self, home: Path, url: str) -> None:
        program("curl", "curl")
        self._home = home
        (home / "etags").mkdir()
        (home / "sfeedrc").write_text(SFEEDRC.format(url=url))

    def poll(self) -> None:
        run(self._home, program("sfeed_update", "sfeed"), str(self._home / "sfeedrc"))

    def titles(self) -> list[str]:
        """The second column of sfeed(5)."""
        return sorted(line.split("\t")[1] for line in (self._home / "feeds" / "news").read_text().splitlines())


def answers(daemon: Running, status: int) -> float:
    return daemon.number(f'feedmill_responses_total{{status="{status}"}}')


@pytest.mark.long
@pytest.mark.parametrize("subscribe", [ByNewsboat, ByRss2email, BySfeed])
def test_a_reader_gets_a_new_entry_once_upstream_has_one(tmp_path: Path, subscribe: type[ByNewsboat | ByRss2email | BySfeed]) -> None:
    clock, home = Offset(tmp_path / "clock"), tmp_path / "home"
    home.mkdir()
    with FaultOrigin() as origin:
        origin.script("/up", [Reply(body=items(1, 2)), Reply(body=items(1, 2, 3))])
        with running(make_project(tmp_path, with_sources(origin, "/up")).root, clock=clock) as daemon:
            daemon.until(lambda: titles(daemon) == ["Title 2", "Title 1"])
            reader: Reader = subscribe(home, f"{daemon.url}{FEED[1:]}")
            for _ in range(reader.learns):
                reader.poll()
                assert reader.titles() == ["Title 1", "Title 2"]
            assert answers(daemon, 304) == 0

            reader.poll()
            assert reader.titles() == ["Title 1", "Title 2"]
            assert answers(daemon, 304) == 1

            # Last-Modified has whole seconds, and `curl -z` drops what was modified in the second of the last poll, new ETag or not.
            time.sleep(1)
            clock.pass_(minutes=2)
            daemon.until(lambda: "Title 3" in titles(daemon))
            reader.poll()
            assert reader.titles() == ["Title 1", "Title 2", "Title 3"]
            reader.poll()
            assert answers(daemon, 304) == 2
