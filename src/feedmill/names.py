"""The system's name lookup, for whoever opens connections: an aiohttp resolver that can never keep a process from ending."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

from aiohttp.abc import AbstractResolver, ResolveResult


class SystemResolver(AbstractResolver):
    """The system's name lookup in threads of its own: the loop's few threads would make one dead name server everybody's.

    They are daemon threads: a lookup that hangs (a minute and more) must not keep a process from ending.
    """

    def __init__(self, *, threads: int) -> None:
        self._slots = asyncio.Semaphore(threads)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Return the addresses of `host`. Raises OSError."""
        # Bytes: of a text Python makes IDNA first, and raises UnicodeError for a label of more than 63 characters.
        name = host.encode("ascii")
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[str]] = loop.create_future()

        def settle(found: list[str] | None, failure: Exception | None) -> None:
            self._slots.release()  # only now: who gave up waiting has left a thread behind
            if future.done():
                return
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(found or [])

        def work() -> None:
            found, failure = None, None
            try:
                found = _look_up(name, port, family)
            except Exception as exc:
                failure = exc
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found, failure)

        threading.Thread(target=work, name="feedmill-lookup", daemon=True).start()
        return [_result(host, address, port) for address in await future]

    async def close(self) -> None:
        """Nothing is held open; a lookup that hangs is not waited for."""


def _look_up(host: bytes, port: int, family: int) -> list[str]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    # A link-local address means nothing without the link, which is the fourth part; the guard refuses it by that mark.
    names = [f"{place[0]}%{place[3]}" if len(place) == 4 and place[3] and "%" not in place[0] else place[0] for *_, place in found]
    return list(dict.fromkeys(str(name) for name in names))


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST)
