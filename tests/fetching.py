"""What tests of the HTTP client share: a client in one call, guards that let loopback pass, a name lookup of their own, a clock."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

from feedmill.configvalues import AllowedNetwork, parse_network
from feedmill.consumer.fetch import Client, Limits, Request
from feedmill.consumer.guard import Guard
from feedmill.consumer.hosts import HostGate
from feedmill.upstream import Failed, Fetched, FetchOutcome, NotModified

T = TypeVar("T")

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
#: Short enough for tests, long enough for a busy machine.
QUICK = Limits(deadline=timedelta(seconds=0.6), connect=timedelta(seconds=0.4))
PATIENT = Limits(deadline=timedelta(seconds=10), connect=timedelta(seconds=5))


class LoopbackGuard(Guard):
    """The real guard with loopback allowed; counts the sockets it gives out, and never gives one to any other address."""

    def __init__(self, allowed: Sequence[str] = ("127.0.0.0/8", "::1")) -> None:
        networks: list[AllowedNetwork] = [parse_network(text) for text in allowed]
        super().__init__(networks)
        self.sockets: list[tuple[str, int]] = []

    def socket_factory(self, addr_info: tuple[Any, ...]) -> socket.socket:
        made = super().socket_factory(addr_info)
        if not ip_address(addr_info[4][0]).is_loopback:
            made.close()
            raise AssertionError(f"a test would have connected to {addr_info[4]}")
        self.sockets.append(addr_info[4][:2])
        return made


class PublicLoopbackGuard(LoopbackGuard):
    """Lets loopback pass as if it were a public host: the manners of public hosts hold there."""

    def is_own(self, address: Any, port: int) -> bool:
        return False

    def refusal(self, address: Any, port: int) -> str:
        return "" if ip_address(address).is_loopback else super().refusal(address, port)


class Names(AbstractResolver):
    """A name lookup that knows what it is told; counts what it is asked."""

    def __init__(self, names: Mapping[str, Sequence[str] | BaseException]) -> None:
        self.names = dict(names)
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        self.asked.append(host)
        await asyncio.sleep(0)
        found = self.names.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, BaseException):
            raise found
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET6 if ":" in address else socket.AF_INET, proto=0, flags=0
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


class Clock:
    """A clock that moves when somebody sleeps on it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        woken = self.seconds + seconds
        await asyncio.sleep(0)
        self.seconds = max(self.seconds, woken)


def open_gate(**over: Any) -> HostGate:
    """A gate that keeps nobody waiting, unless told otherwise."""
    return HostGate(**{"per_host": 100, "spacing": timedelta(0), **over})


def use_client(work: Callable[[Client], Awaitable[T]], **over: Any) -> T:
    """Open a client (on a loop of its own), do `work` with it, close it."""

    async def main() -> T:
        defaults: dict[str, Any] = {"guard": LoopbackGuard(), "limits": PATIENT, "gate": open_gate()}
        async with Client(**{**defaults, **over}) as client:
            return await work(client)

    return asyncio.run(main())


def fetch(url: str, *, request: Mapping[str, Any] | None = None, **over: Any) -> FetchOutcome:
    """Fetch one address with a client of its own."""
    return use_client(lambda client: client.fetch(Request(url=url, **(request or {}))), **over)


def fetched(outcome: FetchOutcome) -> Fetched:
    assert isinstance(outcome, Fetched), outcome
    return outcome


def unchanged(outcome: FetchOutcome) -> NotModified:
    assert isinstance(outcome, NotModified), outcome
    return outcome


def failed(outcome: FetchOutcome) -> Failed:
    """The failure, whose reason is one line for a person."""
    assert isinstance(outcome, Failed), outcome
    assert outcome.reason == " ".join(outcome.reason.split())
    assert 10 < len(outcome.reason) < 400
    return outcome
