"""What the hubs (WebSub) are still to be told: which pings wait, when each is due, and what an answer means for it.

Pure: pings are read from memory and noted in it; pinging.py sends them. A ping says that one feed changed, to one hub.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from feedmill.state.memory import Memory
from feedmill.urls import without_userinfo

#: The kind of memory in which pings wait.
KIND = "ping"

# All in seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 60, 6 * 3600
#: For so long nobody else sends what somebody has claimed.
_LEASE = 120
#: A hub that is in trouble is tried for so long.
_LIFE = 3 * 86_400
#: The longest Retry-After that is heeded; no ping is due later than this.
_LONGEST_ASKED = 86_400
#: A hub that answers "no" is asked so often.
_REFUSALS = 3

#: Answers below 500 that say "later", not "no".
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """One hub is to be told that one feed changed. Times are epoch seconds."""

    #: The hub's address without user and password: those stay in the configuration.
    hub: str
    #: The absolute address of the feed.
    topic: str
    due: int
    since: int
    #: How often it was sent, or given up for the hub's sake, and how often the hub refused it.
    attempts: int = 0
    refusals: int = 0
    #: Counts the changes of the feed while it waited, so that two pings for one feed are never the same.
    changes: int = 0

    @property
    def key(self) -> str:
        """The key in memory."""
        return _to_json([self.hub, self.topic])

    @property
    def value(self) -> str:
        """The value in memory; it differs from that of every other ping with this key."""
        numbers = {"attempts": self.attempts, "due": self.due, "since": self.since, "refusals": self.refusals, "changes": self.changes}
        return _to_json(numbers)

    def is_due(self, now: int) -> bool:
        """Whether it is to be sent. One that is due in more than a day was noted before the clock was set back."""
        return self.due <= now or self.due > now + _LONGEST_ASKED

    def claimed(self, now: int) -> Ping:
        """Return it as it is kept while it is sent: due again, for whoever sends it died over it."""
        attempts = self.attempts + 1
        return replace(self, attempts=attempts, due=now + max(_pause(attempts), _LEASE), since=min(self.since, now))


class Verdict(StrEnum):
    """What a hub made of a ping."""

    TAKEN = "taken"
    #: It will say the same again, most likely.
    REFUSED = "refused"
    #: It cannot hear anybody at the moment.
    FAILED = "failed"


class Answer(NamedTuple):
    """What a hub answered, or why it did not: `reason` is for people and shows no secret. `wait`: for how many seconds it asked."""

    verdict: Verdict
    reason: str = ""
    wait: int = 0


@dataclass(slots=True)
class Settlement:
    """What becomes of pings: new values in memory by key (None: forgotten), and those that are given up."""

    changes: dict[str, str | None] = field(default_factory=dict)
    given_up: list[Ping] = field(default_factory=list)


def note_changed(memory: Memory, *, hubs: Sequence[str], topics: Iterable[str], now: int) -> None:
    """Note that these feeds (absolute addresses) changed, for every one of `hubs`; a feed that is noted already starts afresh.

    To be called before the memory is committed with which the run is marked as under way: until that mark is taken back nothing
    is sent. Pings for hubs that are no longer among `hubs` are forgotten. `now` in epoch seconds.
    """
    kept = dict.fromkeys(map(without_userinfo, hubs))
    known = {ping.key: ping for ping in _forget_foreign(memory, frozenset(kept))}
    for topic in dict.fromkeys(topics):
        for hub in kept:
            fresh = Ping(hub=hub, topic=topic, due=now, since=now)
            before = known.get(fresh.key)
            memory.note(KIND, fresh.key, replace(fresh, changes=before.changes + 1 if before else 0).value)


def _forget_foreign(memory: Memory, hubs: frozenset[str]) -> Iterator[Ping]:
    """Forget the pings of other hubs, and yield those that stay."""
    for key, value in memory.recall_all(KIND).items():
        ping = read_ping(key, value)
        if ping is not None and ping.hub in hubs:
            yield ping
        else:
            memory.note(KIND, key, None)


def read_ping(key: str, value: str) -> Ping | None:
    """Return the ping that memory holds; None for what is none."""
    try:
        hub, topic = json.loads(key)
        ping = Ping(hub=hub, topic=topic, **json.loads(value))
    except (ValueError, TypeError):
        return None
    numbers = (ping.due, ping.since, ping.attempts, ping.refusals, ping.changes)
    is_fit = isinstance(hub, str) and isinstance(topic, str) and all(type(number) is int for number in numbers)
    return ping if is_fit else None


def select_due(pings: Iterable[Ping], *, now: int, limit: int) -> list[Ping]:
    """Return the pings to send now, those that wait longest first, at most `limit` a hub."""
    counted: dict[str, int] = {}
    chosen = []
    for ping in sorted(pings, key=lambda ping: (ping.due, ping.topic, ping.hub)):
        if ping.is_due(now) and counted.get(ping.hub, 0) < limit:
            counted[ping.hub] = counted.get(ping.hub, 0) + 1
            chosen.append(ping)
    return chosen


def judge(status: int, retry_after: str, *, now: int) -> Answer:
    """Return what a hub's status means. `retry_after`: that field of its answer, heeded with 429 and 503 (RFC 9110 section 10.2.3)."""
    if 200 <= status < 300:
        return Answer(Verdict.TAKEN)
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    reason = f"it answered {status}{phrase}"
    if status in _LATER or status >= 500:
        return Answer(Verdict.FAILED, reason, _asked_wait(retry_after, now=now) if status in (429, 503) else 0)
    return Answer(Verdict.REFUSED, reason)


def settle(answers: Mapping[Ping, Answer], unsent: Sequence[Ping], others: Sequence[Ping], *, now: int) -> Settlement:
    """Return what becomes of the pings that were claimed, and of others of hubs that are in trouble.

    `answers` are by claimed ping. `unsent` were claimed too and not sent, here as they were before. `others` wait for the same hubs.
    What a hub in trouble is still to be told waits with what failed: it is not asked once for every feed.
    """
    done = Settlement()
    worst: dict[str, Ping] = {}
    for ping, answer in answers.items():
        left = _after(ping, answer, now=now)
        _put(done, ping, left, answer)
        if answer.verdict is Verdict.FAILED:
            failed = left or replace(ping, due=now + _pause(ping.attempts))
            worst[ping.hub] = max(worst.get(ping.hub, failed), failed, key=lambda ping: ping.due)
    for ping in unsent:
        done.changes[ping.key] = ping.value
    for ping in (*unsent, *others):
        if ping.hub in worst:
            first = worst[ping.hub]
            behind = replace(ping, attempts=max(ping.attempts, first.attempts), due=max(ping.due, first.due))
            _put(done, ping, None if _is_over(ping, now) else behind, _IN_TROUBLE)
    return done


_IN_TROUBLE = Answer(Verdict.FAILED)


def _put(done: Settlement, ping: Ping, left: Ping | None, answer: Answer) -> None:
    done.changes[ping.key] = left.value if left else None
    if left is None and answer.verdict is not Verdict.TAKEN:
        done.given_up.append(ping)


def _after(ping: Ping, answer: Answer, *, now: int) -> Ping | None:
    """Return what is left of a claimed ping; None when it is done with."""
    refusals = ping.refusals + (answer.verdict is Verdict.REFUSED)
    if answer.verdict is Verdict.TAKEN or refusals >= _REFUSALS or _is_over(ping, now):
        return None
    return replace(ping, refusals=refusals, due=now + max(_pause(ping.attempts), answer.wait))


def _is_over(ping: Ping, now: int) -> bool:
    return now - ping.since >= _LIFE


def _pause(attempts: int) -> int:
    """Return how long a ping waits that failed so often, in seconds."""
    return min(_FIRST_PAUSE << min(max(attempts - 1, 0), 20), _LONGEST_PAUSE)


def _asked_wait(text: str, *, now: int) -> int:
    """Return the seconds that a Retry-After asks for, a number or a date, as far as it is heeded; 0 for what cannot be read."""
    from email.utils import parsedate_to_datetime  # its imports are more than all else that a look at the queue takes

    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:10]), _LONGEST_ASKED)
    try:
        moment = parsedate_to_datetime(text)
        wait = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0
    return min(max(wait, 0), _LONGEST_ASKED)


def shown_hub(hub: str) -> str:
    """Return a hub's address for people: without user, password, query and fragment, which may be secret."""
    parts = urlsplit(hub)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def next_due(pings: Iterable[Ping], *, now: int) -> int | None:
    """Return when the next ping is due, in epoch seconds and not before `now`; None when none waits."""
    return min((now if ping.is_due(now) else ping.due for ping in pings), default=None)


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
