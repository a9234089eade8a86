"""What a daemon does while readers are served: nothing, publish 10,000 changed posts, sync hostile feeds, or both."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from serving_foes import KINDS
from serving_servers import Server
from serving_site import BenchSite

#: What drips is given up by the daemon after 30 s, and by us as a thing to wait for a little later.
_DRIPPING = 35.0
#: A daemon has new sources within so many seconds.
_NOTICED = 3.0
_LOOK = 0.2
#: To ask for /metrics is work for the daemon.
_ASK = 1.0
_PUBLISHED = 'feedmill_publishes_total{outcome="done"}'
DUE = "feedmill_sources_due"


class Strain(ABC):
    """Work that goes on and on beside the block, in a thread; `turns` counts how often it was done, `trouble` is what broke it."""

    def __init__(self, site: BenchSite, daemon: Server) -> None:
        self.turns = 0
        self.trouble = ""
        self._site, self._daemon = site, daemon
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self.settle()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self.turn()
        except OSError as exc:
            self.trouble = f"{type(exc).__name__}: {exc}"

    @abstractmethod
    def turn(self) -> None:
        """Do it once, or what can be done of it before the end. Raises OSError."""

    def settle(self) -> None:  # noqa: B027
        """Bring the daemon back to rest, where it does not come there by itself."""


class Publishing(Strain):
    """Every post is written anew, with another title; as soon as that is published, again."""

    def turn(self) -> None:
        self._site.write_edition()
        while not self._over.wait(_LOOK):
            if self._site.is_published:
                self.turns += 1
                return


class Hostile(Strain):
    """Thirty sources that were never fetched, and others as soon as these are done with: no source is polled more than once a minute."""

    def __init__(self, site: BenchSite, daemon: Server, *, port: int) -> None:
        super().__init__(site, daemon)
        self._port = port
        self._begun: list[float] = []

    def turn(self) -> None:
        key = f"{time.monotonic_ns() // 1_000_000}"
        names = [f"{kind}-{key}-{number}" for kind, count in KINDS.items() for number in range(count)]
        self._site.subscribe({name: f"http://127.0.0.1:{self._port}/{name.partition('-')[0]}?{name}" for name in names})
        self._begun.append(time.monotonic())
        self._over.wait(_NOTICED)
        while not self._over.wait(_ASK):
            if self._daemon.number(DUE) <= self._dripping():
                self.turns += 1
                return

    def _dripping(self) -> int:
        """How many sources may still drip, of this turn and of those before."""
        return KINDS["drip"] * sum(time.monotonic() - begun < _DRIPPING for begun in self._begun)

    def settle(self) -> None:
        self._site.subscribe({})


def quiet(daemon: Server, *, within: float) -> bool:
    """Wait until nothing is fetched and nothing was published for three seconds. Raises OSError."""
    until = time.monotonic() + within
    published, since = -1.0, time.monotonic()
    while time.monotonic() < until:
        now = daemon.number(_PUBLISHED)
        if now != published or daemon.number(DUE):
            published, since = now, time.monotonic()
        elif time.monotonic() - since > 3:
            return True
        time.sleep(_ASK)
    return False
