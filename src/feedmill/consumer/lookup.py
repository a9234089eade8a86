"""Names to addresses: every address of an answer is judged, and one bad address spoils the whole answer."""

from __future__ import annotations

import asyncio
import socket
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
