"""Names to addresses: threads that hang, answers that are forgotten."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import timedelta

from aiohttp.abc import AbstractResolver, ResolveResult

from feedmill.consumer.guard import Guard
from feedmill.consumer.lookup import GuardedResolver
from feedmill.names import SystemResolver


def test_the_system_knows_localhost():
    async def look_up():
        return await SystemResolver(threads=1).resolve("localhost", 80)

    assert {result["host"] for result in asyncio.run(look_up())} <= {"127.0.0.1", "::1"}


def test_a_lookup_that_hangs_keeps_no_process_from_ending():
    """A dead name server answers after a minute; the interpreter waits for every thread that is no daemon."""
    program = """
import asyncio, socket, time
from feedmill.names import SystemResolver
socket.getaddrinfo = lambda *_, **__: time.sleep(60)

async def main():
    try:
        async with asyncio.timeout(0.1):
            await SystemResolver(threads=2).resolve("hangs.example")
    except TimeoutError:
        print("gave up")

asyncio.run(main())
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout == "gave up\n"
    assert time.monotonic() - began < 40


class Names(AbstractResolver):
    """Every name is there."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.asked += 1
        return [ResolveResult(hostname=host, host="93.184.215.14", port=port, family=2, proto=6, flags=0)]

    async def close(self) -> None: ...


def test_answers_that_are_over_are_forgotten():
    """A daemon meets ever new names: what it remembers of them does not grow without end."""
    clock = [0.0]
    names = Names()
    resolver = GuardedResolver(names, Guard(()), patience=timedelta(seconds=1), monotonic=lambda: clock[0])

    async def ask(first: int, last: int) -> None:
        for number in range(first, last):
            await resolver.resolve(f"h{number}.example.org", 80)

    asyncio.run(ask(0, 1100))
    clock[0] = 11.0
    asyncio.run(ask(1100, 1102))
    assert len(resolver._known) < 10
    asyncio.run(ask(1101, 1102))
    assert names.asked == 1102
