"""A project that syncs with a fault-injecting origin on loopback, under a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from faultorigin import FaultOrigin, Reply
from feedmill.consumer.fetch import Limits
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.sync import Request, sync
from feedmill.consumer.syncreport import SourceReport, SyncReport
from feedmill.posts.format import decode
from feedmill.state.ledger import Ledger, SourceState
from sites import CONFIG, Project

START = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
FEED = "/feed.xml"
LIMITS = Limits(deadline=timedelta(seconds=5), connect=timedelta(seconds=2))


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = START

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Synced:
    """The project, its origin, and syncs as they come."""

    root: Path
    origin: FaultOrigin
    clock: Clock = field(default_factory=Clock)
    #: Keys of the one source, and of the section `sync`, beside those that are always there.
    source: str = ""
    settings: str = ""
    #: More sources, as YAML list items.
    others: str = ""
    limits: Limits = LIMITS

    @property
    def project(self) -> Project:
        return Project(self.root, base=CONFIG, extra=self.config_text)

    @property
    def config_text(self) -> str:
        return (
            f"sync:\n  allow_networks: [127.0.0.0/8]\n{self.settings}"
            f"sources:\n  - name: up\n    url: {self.origin.url(FEED)}\n    categories: [新闻]\n{self.source}{self.others}"
        )

    def serve(self, *replies: Reply | bytes | int, path: str = FEED, **headers: str) -> None:
        """Answer with these replies in turn, the last one for ever."""
        shown = [
            reply
            if isinstance(reply, Reply | int) or callable(reply)
            else Reply(body=reply, headers={k.replace("_", "-"): v for k, v in headers.items()})
            for reply in replies
        ]
        self.origin.script(path, shown)

    def run(self, *names: str, is_forced: bool = False, is_dry: bool = False) -> SyncReport:
        around = Surroundings(now=lambda: self.clock.now, chance=lambda: 0.5, limits=self.limits)
        return sync(self.project.config, Request(names, is_forced=is_forced, is_dry=is_dry), around=around)

    def sync(self, *names: str, **over: bool) -> SourceReport:
        """Sync, and return the report of the one source."""
        return self.run(*names, **over).sources[0]

    def again(self, **over: bool) -> SourceReport:
        """Sync once more, whether due or not."""
        self.clock.pass_(minutes=1)
        return self.sync(is_forced=True, **over)

    @property
    def files(self) -> dict[str, str]:
        posts = self.root / "posts"
        return {path.relative_to(posts).as_posix(): path.read_text() for path in sorted(posts.rglob("*.md"))}

    @property
    def posts(self):
        """The posts by title."""
        zone = self.project.config.site.zone
        found = [decode(text.encode(), name=name, zone=zone).post for name, text in self.files.items()]
        return {post.title: post for post in found}

    @property
    def asked(self):
        """The requests for the feed."""
        return self.origin.requests(FEED)

    @property
    def state(self) -> SourceState:
        with closing(Ledger(self.root / ".feedmill" / "state.db")) as ledger:
            return ledger.states()["up"]

    def lose_state(self) -> None:
        for file in (self.root / ".feedmill").glob("state.db*"):
            file.unlink()


@contextmanager
def synced(root: Path) -> Iterator[Synced]:
    """A project in `root` with an origin of its own."""
    with FaultOrigin() as origin:
        yield Synced(root, origin)
