"""Real feed readers subscribe to the running daemon over loopback: newsboat, rss2email, sfeed and the library `reader`.

Each gets the entries, a 304 when nothing is new, and the new entry once upstream has one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from faultorigin import FaultOrigin, Reply
from producer.test_clients import Library, Newsboat, Rss2email, Sfeed
from service.daemonrun import Offset, Running, make_project, running, titles, with_sources
from upstream import items

FORMATS = "feeds: {formats: [atom, rss, json]}\n"


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


class BySfeed(Sfeed):
    learns = 1

    def poll(self) -> None:
        self.update()

    def titles(self) -> list[str]:
        return sorted(row[1] for row in self.rows())


class ByLibrary(Library):
    learns = 1

    def poll(self) -> None:
        self.update()

    def titles(self) -> list[str]:
        return sorted(entry.title or "" for entry in self.entries())


#: Of the four only the library reads JSON Feed (producer/test_clients_formats.py).
READERS = [
    *((subscribe, name) for subscribe in (ByNewsboat, ByRss2email, BySfeed, ByLibrary) for name in ("atom.xml", "rss.xml")),
    (ByLibrary, "feed.json"),
]


def answers(daemon: Running, status: int) -> float:
    return daemon.number(f'feedmill_responses_total{{status="{status}"}}')


@pytest.mark.long
@pytest.mark.parametrize(("subscribe", "name"), READERS)
def test_a_reader_gets_a_new_entry_once_upstream_has_one(tmp_path: Path, subscribe: Callable[[Path, str], Reader], name: str) -> None:
    clock, home = Offset(tmp_path / "clock"), tmp_path / "home"
    home.mkdir()
    with FaultOrigin() as origin:
        origin.script("/up", [Reply(body=items(1, 2)), Reply(body=items(1, 2, 3))])
        project = make_project(tmp_path, f"{FORMATS}{with_sources(origin, '/up')}")
        with running(project.root, clock=clock) as daemon:
            daemon.until(lambda: titles(daemon) == ["Title 2", "Title 1"])
            reader = subscribe(home, f"{daemon.url}feeds/{name}")
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
