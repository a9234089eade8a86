"""Names to addresses: every address of an answer is judged, and one bad address spoils the whole answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp.abc import AbstractResolver, ResolveResult

from feedmill.consumer.guard import Guard, RefusedAddressError

#: How long an answer (or a failure) is used again: long enough for the check and the connection that follows it.
_LIFETIME = 10.0
#: So many answers are kept before those that are over are thrown away.
_MANY = 1000
# EAI_NODATA is not on every system.
_NO_SUCH_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


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


@dataclass(slots=True)
class _Known:
    """The last answer for a name: its addresses, or why there are none."""

    until: float = float("-inf")
    found: list[ResolveResult] = field(default_factory=list)
    failure: OSError | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class GuardedResolver(AbstractResolver):
    """Asks another resolver, remembers the answer for some seconds, and refuses it whole when the guard refuses any address in it."""

    def __init__(
        self, inner: AbstractResolver, guard: Guard, *, patience: timedelta, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`patience`: how long one lookup may take."""
        self._inner = inner
        self._guard = guard
        self._patience = patience.total_seconds()
        self._monotonic = monotonic
        self._known: dict[tuple[str, int, int], _Known] = {}

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Return the addresses of `host`, all of them allowed. Raises OSError, RefusedAddressError for a refused one."""
        found = await self._look_up(host, port, family)
        for result in found:
            if refusal := self._guard.refusal(result["host"], port):
                raise RefusedAddressError(refusal)
        return found

    async def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        if len(self._known) > _MANY:
            self._forget()
        known = self._known.setdefault((host, port, family), _Known())
        async with known.lock:  # thirty feeds of one host ask for its name at the same moment
            if known.until <= self._monotonic():
                known.found, known.failure = await self._ask(host, port, family)
                known.until = self._monotonic() + _LIFETIME
            if known.failure is not None:
                raise OSError(*known.failure.args) from known.failure
            return known.found

    def _forget(self) -> None:
        """Throw away what is over and asked for by nobody: a daemon meets ever new names."""
        now = self._monotonic()
        self._known = {place: known for place, known in self._known.items() if known.until > now or known.lock.locked()}

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> tuple[list[ResolveResult], OSError | None]:
        try:
            async with asyncio.timeout(self._patience):
                found = await self._inner.resolve(host, port, family=family)
        except TimeoutError:
            return [], OSError(f"no name server answered within {self._patience:g} s")
        except socket.gaierror as exc:
            said = "there is no such host" if exc.errno in _NO_SUCH_HOST else "its name cannot be looked up now"
            return [], OSError(said)
        except OSError as exc:
            return [], exc
        except ValueError:
            return [], OSError("that is no name of a host")
        return (found, None) if found else ([], OSError("there is no such host"))

    async def close(self) -> None:
        """Close the resolver that is asked."""
        await self._inner.close()
