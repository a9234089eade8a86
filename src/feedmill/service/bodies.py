"""Bytes kept in memory up to a limit: those that were asked for last stay."""

from __future__ import annotations

from collections import OrderedDict

from feedmill.service.conditional import Coding

#: A digest of the identity bytes, and the coding: the same bytes are kept once, whatever the names of their files.
BodyKey = tuple[str, Coding]


class Bodies:
    """Bodies by digest and coding, `budget` bytes of them at most."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bodies: OrderedDict[BodyKey, bytes] = OrderedDict()
        #: How many bytes are kept.
        self.size = 0

    def get(self, key: BodyKey) -> bytes | None:
        """Return a body, which counts as the last one asked for."""
        if (body := self._bodies.get(key)) is not None:
            self._bodies.move_to_end(key)
        return body

    def put(self, key: BodyKey, body: bytes) -> None:
        """Keep a body, in the place of those that nobody has asked for the longest; one that is larger than all the room is not kept."""
        if len(body) > self._budget or key in self._bodies:
            return
        self._bodies[key] = body
        self.size += len(body)
        while self.size > self._budget:
            _, dropped = self._bodies.popitem(last=False)
            self.size -= len(dropped)

    def put_spare(self, key: BodyKey, body: bytes) -> None:
        """Keep a body that nobody has asked for yet: only where there is room, and as the first to go."""
        if self.size + len(body) <= self._budget and key not in self._bodies:
            self.put(key, body)
            self._bodies.move_to_end(key, last=False)
