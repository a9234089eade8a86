"""How much and how long a client is borne with: the limits, what was counted, and the watch over all connections of a server.

There is no timer per request: one sweep a second looks at every connection. A thousand of them take it less than a millisecond.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from uvicorn.server import ServerState

#: What a connection is at, in the order of its life: accepted, between two requests, in the middle of a request's head,
#: at the end of a head whose body is not read, being answered, answered for the last time. Plain numbers, because they are
#: compared for every request.
NEW: Final = 0
IDLE: Final = 1
HEAD: Final = 2
BODY: Final = 3
BUSY: Final = 4
PARTING: Final = 5

#: Descriptors that are kept for files, databases, children and whom the server itself asks.
_RESERVE = 128
#: So many connections may be in their last moments beside those that count.
_MOST_PARTING = 64
#: Between two looks for a connection that can go, when there was none and none has been answered since.
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What a client may take. Times are in seconds and kept to within `sweep_seconds`, never cut short."""

    #: From being accepted, or from the first byte of a later request, to the end of a whole head.
    head_seconds: float = 10.0
    #: A client that takes nothing of an answer for so long, or less than `slowest` bytes a second over so long, is cut off.
    stall_seconds: float = 20.0
    slowest: int = 1000
    #: How long a client is listened to after its last answer.
    linger_seconds: float = 2.0
    sweep_seconds: float = 1.0
    #: A request's head, with its first line; its fields; its address.
    head_bytes: int = 65_536
    fields: int = 100
    url_bytes: int = 8192
    #: Requests that were sent ahead and wait for their turn, over all connections.
    waiting_bytes: int = 16 * 2**20
    max_connections: int = 4000


@dataclass(slots=True)
class WireCounts:
    """What happened below the application, for the metrics."""

    #: Connections at this moment.
    open: int = 0
    accepted: int = 0
    #: Answers that no application gave, by status.
    refused: Counter[int] = field(default_factory=Counter)
    #: Connections without a whole head in time (408 was said where there was a part of one).
    timeouts: int = 0
    #: Connections cut off because the client did not take its answer.
    stalls: int = 0
    #: Connections closed between requests, or before one was whole, because others came.
    evicted: int = 0
    #: Requests for another protocol, answered in HTTP/1.1.
    upgrades: int = 0


def room_for(wanted: int, descriptors: int) -> int:
    """Return how many connections may be open, `wanted` at most, in a process that may have `descriptors` files open."""
    return max(1, min(wanted, descriptors - min(_RESERVE, descriptors // 2)))


class Outflow:
    """What a client takes of the bytes that wait for it, as seen at every sweep while some do."""

    __slots__ = ("_left", "_moved", "_since", "_taken")

    def __init__(self, left: int, now: float) -> None:
        self._left, self._taken, self._since, self._moved = left, 0, now, now

    def drained(self, size: int) -> None:
        """Note that at least `size` bytes went between two sweeps (more may have come since)."""
        self._left += size

    def is_stuck(self, left: int, now: float, limits: WireLimits) -> bool:
        """Return whether the client took nothing, or too little, for `limits.stall_seconds`; `left` bytes wait `now`."""
        if left < self._left:
            self._taken += self._left - left
            self._moved = now
        self._left = left
        if now - self._moved >= limits.stall_seconds:
            return True
        if now - self._since >= limits.stall_seconds:
            if self._taken < limits.slowest * limits.stall_seconds:
                return True
            self._since, self._taken = now, 0
        return False


class Connection(Protocol):
    """What the watch sees of a connection and does to it."""

    phase: int
    #: When it began to wait for what its phase waits for, by the loop's clock.
    since: float
    outflow: Outflow | None
    timeout_keep_alive: int
    transport: asyncio.Transport
    server_state: ServerState

    def refuse(self, status: int) -> None:
        """Answer with an error and part."""


class Watch:
    """All connections of one server: lets them in, and ends those that take too long or do not take their answer."""

    def __init__(self, limits: WireLimits, counts: WireCounts) -> None:
        self.limits, self.counts = limits, counts
        #: Bytes that wait on all connections for an earlier request's answer.
        self.waiting = 0
        self._cap = room_for(limits.max_connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        #: In the order of their coming, which decides between those that have waited equally long.
        self._admitted: dict[Connection, None] = {}
        self._parting: set[Connection] = set()
        self._longest: list[tuple[float, Connection]] = []
        self._futile: tuple[int, float] = (-1, 0.0)
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a new connection into the watch, in place of the one that waited longest where all places are taken.

        Returns False when every place is taken by a request that is being answered.
        """
        self.counts.accepted += 1
        self.counts.open += 1
        if self._timer is None:
            self._timer = loop.call_later(self.limits.sweep_seconds, self._sweep, loop)
        if len(self._admitted) >= self._cap and not self._make_room(connection):
            return False
        self._admitted[connection] = None
        return True

    def part(self, connection: Connection) -> bool:
        """Let a connection go that only hears out its client; returns False when it cannot stay for that."""
        self._admitted.pop(connection, None)
        if len(self._parting) >= _MOST_PARTING:
            return False
        self._parting.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """Take a connection out of the watch: it is no more."""
        self.counts.open -= 1
        self._admitted.pop(connection, None)
        self._parting.discard(connection)

    def _make_room(self, newest: Connection) -> bool:
        """Close the connection that has waited longest for a request. A flood finds each of many with one look over all."""
        for _ in range(2):
            while self._longest:
                since, oldest = self._longest.pop()
                if oldest in self._admitted and oldest.since == since and _is_waiting(oldest):
                    self._evict(oldest)
                    return True
            answered, looked_at = self._futile
            if newest.server_state.total_requests == answered and newest.since - looked_at < _LOOK_AGAIN_SECONDS:
                return False
            self._longest = [(connection.since, connection) for connection in self._admitted if _is_waiting(connection)]
            self._longest.sort(key=lambda one: one[0])
            self._longest.reverse()
            self._futile = (-1, 0.0) if self._longest else (newest.server_state.total_requests, newest.since)
        return False

    def _evict(self, connection: Connection) -> None:
        self.counts.evicted += 1
        self._admitted.pop(connection, None)
        if connection.phase == HEAD:
            connection.refuse(503)
        else:
            connection.transport.close()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in (*self._admitted, *self._parting):
            self._look(connection, now)
        # No timer outlives the last connection: a server that ended leaves nothing in the loop.
        left = self._admitted or self._parting
        self._timer = loop.call_later(self.limits.sweep_seconds, self._sweep, loop) if left else None

    def _look(self, connection: Connection, now: float) -> None:
        left = connection.transport.get_write_buffer_size()
        if left:
            self._look_at_outflow(connection, left, now)
            return
        connection.outflow = None
        waited = now - connection.since
        if connection.phase in (NEW, HEAD) and waited >= self.limits.head_seconds:
            self.counts.timeouts += 1
            if connection.phase == HEAD:
                connection.refuse(408)
            else:
                connection.transport.close()
        elif connection.phase == IDLE and waited >= connection.timeout_keep_alive:
            connection.transport.close()
        elif connection.phase == PARTING and waited >= self.limits.linger_seconds:
            connection.transport.abort()

    def _look_at_outflow(self, connection: Connection, left: int, now: float) -> None:
        if connection.phase != HEAD:
            connection.since = now  # it is not idle, nor gone, before it has its answer
        if connection.outflow is None:
            connection.outflow = Outflow(left, now)
        elif connection.outflow.is_stuck(left, now, self.limits):
            self.counts.stalls += 1
            connection.transport.abort()


def _is_waiting(connection: Connection) -> bool:
    return connection.phase <= HEAD and not connection.transport.get_write_buffer_size()
