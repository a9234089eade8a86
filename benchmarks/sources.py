"""Polling by the number of sources: with nothing new beside `reader` and newsboat, and in the daemon, where one in twenty has something."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aims import IDLE, POLL
from consumers import Consumer, Feedmill, environment, find_consumers
from options import Options
from processes import Watch, cpu_of
from results import Numbers, Part, Turn, take_turns
from sync import Origin, Trial, serving

#: Small ones: a 304 carries no feed, and filling 3,000 of the other kind takes minutes.
ENTRIES, CHARACTERS = 10, 300
#: Rounds of a large planet, for which reader takes half a minute.
_OF_LARGE = 2
#: Of a large planet; reader's default is one worker.
_LEFT_OUT = ("reader, 8 workers",)
_FRESH = 20


def measure_sources(part: Part, options: Options) -> None:
    """Three sizes, and the daemon with the largest."""
    found = find_consumers(part, options.python)
    sizes = {options.feeds: options.rounds, 10 * options.feeds: options.rounds, options.many_feeds: options.at_most(_OF_LARGE)}
    for feeds, rounds in sizes.items():
        consumers = [consumer for consumer in found if feeds < options.many_feeds or consumer.name not in _LEFT_OUT]
        with serving(feeds, ENTRIES, CHARACTERS) as origin:
            measure_idle(part, options, origin, consumers, rounds=rounds)
    fresh = max(1, options.many_feeds // _FRESH)
    with serving(options.many_feeds - fresh, ENTRIES, CHARACTERS) as still, serving(fresh, ENTRIES, CHARACTERS) as changing:
        measure_daemon(part, options, still, changing)


def measure_idle(part: Part, options: Options, origin: Origin, consumers: Sequence[Consumer], *, rounds: int) -> None:
    """Polls of which all are answered 304."""
    trial = Trial(part.begin(IDLE, origin.feeds, "feeds"), origin, consumers, options.folder, {"200": 0, "304": origin.feeds})
    for consumer in consumers:
        trial.subscribe(consumer)
        trial.poll(consumer)
        trial.poll(consumer)  # newsboat keeps no validators of a feed that it sees for the first time
    turns = [Turn(one.name, lambda _, one=one: trial.poll_checked(one, entries=origin.feeds * ENTRIES)) for one in consumers]
    take_turns(trial.work, turns, rounds)


def measure_daemon(part: Part, options: Options, still: Origin, changing: Origin) -> None:
    """Polls of all sources at once, as the daemon makes them; two uncounted before them: that which fills it, and one more."""
    work, home = part.begin(POLL, still.feeds + changing.feeds, "feeds"), options.new_folder("daemon")
    Feedmill().subscribe(home, still.urls + changing.urls)
    command = [sys.executable, str(Path(__file__).with_name("daemonpoll.py"))]
    expected = {"not-modified": still.feeds, "ok": changing.feeds}
    with subprocess.Popen(command, cwd=home, env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        for number in range(options.rounds + 2):
            changing.bump()
            numbers, results = poll(driver)
            if number > 1:
                work.rounds.setdefault("feedmill", []).append(numbers)
            if number and results != expected:
                work.complaints.append(f"a poll gave {results}, expected {expected}")


def poll(driver: subprocess.Popen[str]) -> tuple[Numbers, dict[str, int]]:
    """Have daemonpoll.py poll once; return the numbers of it, and what became of the sources."""
    assert driver.stdin
    assert driver.stdout
    before, watch = cpu_of(driver.pid), Watch(driver.pid)
    watch.start()
    driver.stdin.write("\n")
    driver.stdin.flush()
    told = json.loads(driver.stdout.readline())
    watch.end()
    numbers = {"wall": told["wall"], "cpu": cpu_of(driver.pid) - before, "memory": watch.peak, "proportional": watch.proportional}
    return numbers | {"halt": told["halt"]}, told["results"]
