"""The harness: every part prepares the same work for all programs, and has them do it in turn.

    python benchmarks/bench.py [PART …] [--rounds N] [--posts N] [--feeds N] [--seconds S] [--results FOLDER] [--page FILE]

Parts, all of them where none is named: {parts}.
What each measured is kept as JSON in build/bench, and docs/performance.md is written of all that is kept there: what counts are the ratios
of one run, and the medians. Exit status 1 where programs did not do the same work.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import report
import results
from daemon import measure_daemon
from options import Options
from processes import FEEDMILL, version_of
from publish import measure_formats, measure_growth, measure_usual
from publishing import Sites
from results import Part
from serve import measure_rates, measure_waits
from sources import measure_sources
from start import measure_start
from sync import measure_sync

_ROOT = Path(__file__).resolve().parent.parent
PARTS: dict[str, Callable[[Part, Options], None]] = {
    "start": measure_start,
    "publish": measure_usual,
    "formats": measure_formats,
    "growth": measure_growth,
    "daemon": measure_daemon,
    "sync": measure_sync,
    "sources": measure_sources,
    "serve": measure_rates,
    "waits": measure_waits,
}


def run(name: str, options: Options, *, load: float) -> Part:
    """Measure one part."""
    part, began = results.begin_part(name, load=load), time.monotonic()
    if not part.meet("feedmill", version_of([FEEDMILL, "--version"]), otherwise=""):
        sys.exit("feedmill is not installed beside this Python: make .venv/ready-dev")
    PARTS[name](part, options)
    part.seconds = round(time.monotonic() - began, 1)
    return part


def main() -> None:
    """Measure what is wanted, print it, and write the page."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").format(parts=", ".join(PARTS)), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--rounds", type=int, default=Options.rounds, help="of each work, one uncounted before them; fewer of what takes long"
    )
    parser.add_argument("--posts", type=int, default=Options.posts, help="of the usual site; growth has a tenth and ten times as many")
    parser.add_argument("--feeds", type=int, default=Options.feeds, help="of the usual planet; growth has ten and fifty times as many")
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="of every measurement of a server")
    parser.add_argument(
        "--python", type=Path, default=_ROOT / ".venv-bench" / "bin" / "python", help="an interpreter that has reader and Pelican"
    )
    parser.add_argument("--results", type=Path, default=report.RESULTS)
    parser.add_argument("--page", type=Path, default=report.PAGE)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends what runs, too
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the peers have theirs from when they were installed
    complaints, load = [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as folder:
        options = Options(Path(folder), Sites(Path(folder)), given.python.absolute(), given.rounds, given.posts, given.feeds, given.seconds)
        for name in sorted(given.parts or PARTS, key=list(PARTS).index):  # the daemon adds posts to a site that growth compares
            part = run(name, options, load=load)
            results.save(part, given.results)
            print("\n".join(report.tell_part(part)), flush=True)
            complaints += part.complaints
    plots = [str(given.python), str(Path(__file__).with_name("plots.py")), str(given.results), str(given.page.with_suffix(""))]
    if subprocess.run(plots, check=False).returncode:
        print("the plots are not made anew (make .venv-bench/ready)")
    report.write(given.results, given.page)
    print(f"\n{given.page} is written")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
