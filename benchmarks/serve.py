"""Serving feeds beside nginx, and how long readers wait while the daemon publishes and syncs.

Answers a second: `feedmill serve` and nginx with one worker serve the same folder; that they answer the same is checked first.
Waits: readers ask `feedmill daemon` at a steady rate while it does nothing else, publishes posts that all have changed, syncs thirty
hostile sources, or both. Load and readers share the machine's cores with the server; readers elsewhere would wait less.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from aims import WAITS
from options import Options
from processes import FEEDMILL, version_of
from results import Part
from serving_latency import Watcher
from serving_rates import contest
from serving_servers import find_nginx
from serving_site import BenchSite
from serving_wrk import find_wrk

#: A round of waits takes a minute.
_OF_WAITS = 2


def measure_rates(part: Part, options: Options) -> None:
    """Answers a second."""
    wrk, other = meet_wrk(part), find_nginx()
    part.meet("nginx", version_of([other, "-v"]) if other else "", otherwise="apt-get install nginx-light")
    if wrk:
        contest(part, make_site(options.new_folder("rates"), options.posts), options, wrk=wrk, other=other)


def measure_waits(part: Part, options: Options) -> None:
    """Waits of readers."""
    wrk = meet_wrk(part)
    site = make_site(options.new_folder("waits"), options.posts)
    Watcher(site, options, wrk=wrk).watch(part.begin(WAITS, options.posts, "posts"), options.at_most(_OF_WAITS))


def make_site(folder: Path, posts: int) -> BenchSite:
    """Return a published site."""
    site = BenchSite(folder, posts)
    site.write_edition()
    subprocess.run([FEEDMILL, "publish"], cwd=site.folder, check=True, stdout=subprocess.DEVNULL)
    return site


def meet_wrk(part: Part) -> str | None:
    """Note wrk and return it."""
    wrk = find_wrk()
    part.meet("wrk", version_of([wrk, "-v"]) if wrk else "", otherwise="apt-get install wrk")
    return wrk
