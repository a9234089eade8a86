"""Polling feeds beside `reader` and newsboat: a first sync, and a poll with one new entry in each feed.

Every consumer polls the same origin (origin.py) on loopback as a process of its own, with a folder of its own. That all did the same work
is checked after each poll: what the origin answered, and how many entries are kept.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aims import FIRST, NEW
from consumers import Consumer, environment, find_consumers
from options import Options
from processes import measure
from results import Numbers, Part, Turn, Work, take_turns

#: Straight to the origin, whatever proxy the environment names.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ENTRIES, CHARACTERS = 50, 3000


@dataclass
class Origin:
    """The running origin, seen from here."""

    port: int
    feeds: int

    @property
    def urls(self) -> list[str]:
        """Addresses of the feeds."""
        return [f"http://127.0.0.1:{self.port}/f/{number}.xml" for number in range(self.feeds)]

    def bump(self) -> None:
        """Give every feed a new entry, and have all of them made before anybody is measured."""
        _DIRECT.open(f"http://127.0.0.1:{self.port}/bump", data=b"").close()
        self.warm()

    def warm(self) -> None:
        """Have every feed made."""
        for url in self.urls:
            _DIRECT.open(url).close()
        self.answers()

    def answers(self) -> dict[str, int]:
        """What was answered since the last question."""
        with _DIRECT.open(f"http://127.0.0.1:{self.port}/stats") as answer:
            return json.load(answer)


@contextmanager
def serving(feeds: int, entries: int, characters: int) -> Iterator[Origin]:
    """Run an origin on a free port for the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("origin.py")), str(port), str(entries), str(characters)])
    origin = Origin(port, feeds)
    try:
        for _ in range(100):
            try:
                origin.answers()
                break
            except OSError:
                time.sleep(0.1)
        origin.warm()
        yield origin
    finally:
        process.terminate()
        process.wait()


@dataclass
class Trial:
    """One work done by all consumers in turn."""

    work: Work
    origin: Origin
    consumers: Sequence[Consumer]
    folder: Path
    #: What the origin must have answered to a poll.
    answers: dict[str, int]
    _homes: dict[str, Path] = field(default_factory=dict)

    def subscribe(self, consumer: Consumer) -> None:
        """Give the consumer a new folder and its subscriptions; the old one stays till the end, for removing it would slow down others."""
        home = Path(tempfile.mkdtemp(prefix=consumer.name.replace(", ", "-").replace(" ", "-") + "-", dir=self.folder))
        self._homes[consumer.name] = home
        consumer.subscribe(home, self.origin.urls)

    def poll(self, consumer: Consumer) -> Numbers:
        """Poll once."""
        home = self._homes[consumer.name]
        try:
            return vars(measure(consumer.poll(), cwd=home, env=environment(home)))
        except subprocess.CalledProcessError as exc:
            sys.exit(f"{consumer.name} failed:\n{exc.stderr.decode(errors='replace')}")

    def poll_checked(self, consumer: Consumer, *, entries: int) -> Numbers:
        """Poll, and complain unless the poll did the whole work and left `entries` in all."""
        self.origin.answers()
        numbers = self.poll(consumer)
        answers, stored = self.origin.answers(), consumer.stored(self._homes[consumer.name])
        if answers != self.answers:
            self.work.complaints.append(f"{consumer.name} was answered {answers}, expected {self.answers}")
        if stored != entries:
            self.work.complaints.append(f"{consumer.name} keeps {stored:,} entries, expected {entries:,}")
        self.work.outcome[consumer.name] = {"feeds": self.origin.feeds, "entries": stored}
        return numbers


def measure_sync(part: Part, options: Options) -> None:
    """Both works."""
    found = find_consumers(part, options.python)
    whole = {"200": options.feeds, "304": 0}
    with serving(options.feeds, ENTRIES, CHARACTERS) as origin:
        first = Trial(part.begin(FIRST, options.feeds, "feeds"), origin, found, options.folder, whole)

        def sync_first(consumer: Consumer) -> Numbers:
            first.subscribe(consumer)
            return first.poll_checked(consumer, entries=options.feeds * ENTRIES)

        take_turns(first.work, [Turn(one.name, lambda _, one=one: sync_first(one)) for one in found], options.rounds)

        new = Trial(part.begin(NEW, options.feeds, "feeds"), origin, found, options.folder, whole)
        for consumer in found:
            new.subscribe(consumer)
            new.poll(consumer)

        def poll_new(consumer: Consumer, number: int) -> Numbers:
            return new.poll_checked(consumer, entries=options.feeds * (ENTRIES + number + 1))

        turns = [Turn(one.name, lambda number, one=one: poll_new(one, number)) for one in found]
        take_turns(new.work, turns, options.rounds, before=lambda _: origin.bump())
