"""The daemon's polls of many sources, all due at once, without its clock: each poll is two hours after the last.

    python daemonpoll.py        in a folder with config.yaml

service/syncing.py is driven as the daemon drives it: in uvloop, with the daemon's garbage collection. It polls once for every line
of standard input, and answers with a line of JSON: the seconds from the tick that claims the sources to the end of the round, the
longest time that the loop stood still meanwhile, and what became of the sources.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from feedmill.cli.terminal import load
from feedmill.consumer.cage import CageLimits
from feedmill.consumer.surroundings import Surroundings
from feedmill.service.daemon import _NICENESS
from feedmill.service.lifecycle import run_service
from feedmill.service.syncing import Syncing

_STEP = 0.01


async def drive() -> None:
    """Poll and tell, until standard input ends."""
    ahead, heard = timedelta(0), Counter[str]()
    around = Surroundings(now=lambda: datetime.now(UTC) + ahead, cage=CageLimits(niceness=_NICENESS))
    syncing = Syncing(load("config.yaml"), around=around, heard=lambda report, _: heard.update([report.result]))
    syncing.start()
    try:
        await syncing.tick()  # which begins to open the state
        await syncing.quiet()
        while await asyncio.to_thread(sys.stdin.readline):
            heard.clear()
            async with feeling() as halts:
                began = time.perf_counter()
                await syncing.tick()
                await syncing.quiet()
                wall = time.perf_counter() - began
            print(json.dumps({"wall": wall, "halt": max(halts, default=0.0), "results": heard}), flush=True)
            ahead += timedelta(hours=2)
    finally:
        await syncing.close()


@asynccontextmanager
async def feeling() -> AsyncIterator[list[float]]:
    """Note by how many seconds the loop is late, again and again, for the block."""
    halts: list[float] = []

    async def feel() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_STEP)
            halts.append(time.perf_counter() - before - _STEP)

    task = asyncio.create_task(feel())
    try:
        yield halts
    finally:
        task.cancel()


if __name__ == "__main__":
    run_service(drive)
