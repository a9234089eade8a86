"""Serving feeds beside nginx, and how long readers wait while the daemon publishes and syncs.

    python benchmarks/serve.py [--rounds N] [--seconds S] [--posts N] [--rate N] [--part rates|waits]

Answers a second: `feedmill serve` and nginx with one worker serve the same folder and take turns (A B A B ...), so that a machine that
slows down slows both. That they answer the same is checked first. What counts are the ratios of one run.
Waits: readers ask `feedmill daemon` at a steady rate while it does nothing else, publishes 10,000 changed posts, syncs thirty hostile
sources, or both. Load and readers share the machine's cores with the server; readers elsewhere would wait less.
Needs wrk, and nginx to compare with; where one is missing a line says what is not measured.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from serving_latency import Watcher
from serving_rates import contest, describe_contest
from serving_servers import FEEDMILL, find_nginx
from serving_site import BenchSite
from serving_wrk import CONNECTIONS, find_wrk
from sync import describe_machine


def describe_programs(wrk: str | None, nginx: str | None) -> str:
    """The versions of what is measured, and what is not measured for want of a program."""
    told = [_said([FEEDMILL, "--version"]).replace(", version", "")]
    told.append(
        _said([nginx, "-v"]).removeprefix("nginx version: ")
        if nginx
        else "nginx: not measured, it is not installed (apt-get install nginx-light)"
    )
    told.append(_said([wrk, "-v"]).partition(" Copyright")[0] if wrk else "wrk is not installed: no answers a second (apt-get install wrk)")
    return "; ".join(told)


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0]


def measure(folder: Path, given: argparse.Namespace) -> bool:
    """Measure all that is wanted in `folder`, print one table, and return whether everything was as it should be."""
    wrk, nginx = find_wrk(), find_nginx()
    print(
        f"{describe_programs(wrk, nginx)}\n{describe_machine()}\n{given.rounds} round(s) of {given.seconds:g} s; median (spread)",
        flush=True,
    )
    (folder / "site").mkdir()
    site = BenchSite(folder / "site", given.posts)
    site.write_edition()
    subprocess.run([FEEDMILL, "publish"], cwd=site.folder, check=True, stdout=subprocess.DEVNULL)
    rows, complaints = [], 0
    if given.part != "waits" and wrk:
        rows.append(describe_contest(site))
        for held in contest(site, folder, wrk=wrk, other=nginx, rounds=given.rounds, seconds=given.seconds):
            rows += held.rows
            complaints += len(held.complaints)
    if given.part != "rates":
        rows.append(
            f"\n{given.posts:,} posts; {CONNECTIONS} connections, {given.rate:g} questions a second in all; "
            f"daemon, its children, readers and origin share {os.cpu_count()} cores"
        )
        for part in Watcher(site, folder, wrk=wrk, seconds=given.seconds, rate=given.rate).watch(given.rounds):
            rows += part.rows
            complaints += len(part.complaints)
    print("\n" + "\n".join(rows))
    print(f"\nload {os.getloadavg()[0]:.2f} after")
    return not complaints


def main() -> None:
    """Measure and print; exit status 1 where answers were not what they should be."""
    parser = argparse.ArgumentParser(description="Serving beside nginx, and while the daemon works.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of every measurement")
    parser.add_argument("--posts", type=int, default=10_000, help="of the site that the daemon publishes")
    parser.add_argument("--rate", type=float, default=1000, help="questions of all steady readers in a second")
    parser.add_argument("--part", choices=("all", "rates", "waits"), default="all")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends the servers too
    # One folder, which is removed at the end: just after thousands of files were removed, ext4 takes ten times as long to make a file.
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as folder:
        is_good = measure(Path(folder), given)
    if not is_good:
        sys.exit(1)


if __name__ == "__main__":
    main()
