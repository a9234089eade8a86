"""What is remembered of a source after a fetch: validators, schedule, failures, moves, gaps. Pure: state and outcome in, state out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from hashlib import blake2b
from typing import Any

from feedmill.config import SourceConfig
from feedmill.configvalues import Every
from feedmill.consumer.fingerprints import digest
from feedmill.consumer.schedule import Next, Observed, Pace, plan_failure, plan_success
from feedmill.consumer.targets import UnfitAddressError, read_target
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.state.ledger import SourceState
from feedmill.upstream import Failed, Fetched, Hints, NotModified, Result, Validators

#: A move for good is believed after so many fetches that agree, over so long a time: a maintenance page can redirect for hours.
MOVE_PROOFS = 3
MOVE_TIME = timedelta(days=7)
#: After so many failures in a row the address that a source had moved to is given up for the configured one.
MOVE_FAILURES = 3
#: A source that has failed for so long is said once, loudly.
DEAD_AFTER = timedelta(days=7)
#: When posts could not be written, their source is asked again after this time.
TROUBLE_WAIT = timedelta(minutes=5)
#: How long a suspected gap is shown.
GAP_SHOWN = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What the schedule of a source depends on beside its state: its interval, the site's zone, the time and a random number below 1."""

    every: Every
    zone: tzinfo
    now: datetime
    chance: float

    @property
    def epoch(self) -> int:
        """`now` in epoch seconds."""
        return to_epoch(self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of reading a fetched document."""

    hints: Hints
    observed: Observed
    #: Whether at least one of its entries was known before.
    has_known: bool
    is_gap: bool
    is_torn: bool
    complaint: str
    title: str


def address_key(url: str) -> str:
    """Return the digest under which an address is remembered: it may hold a password or a token."""
    return digest(url)


def for_source(state: SourceState, source: SourceConfig) -> SourceState:
    """Return the state of a source as it is configured now: under a new address nothing of the old one counts."""
    key = address_key(source.url)
    return state if state.url_key == key else SourceState(url_key=key)


def address_of(state: SourceState, source: SourceConfig) -> str:
    """Return the address to ask: where the source moved for good, else the configured one."""
    return state.moved_to or source.url


def validators_for(state: SourceState, url: str) -> Validators:
    """Return what requests on the way from `url` may say of the last answer, to the address that gave it and to no other."""
    if state.validators_for == _hidden(url):
        return Validators(url, state.etag, state.last_modified)
    return Validators(state.validators_for, state.etag, state.last_modified)


def _kept_address(url: str, source: SourceConfig) -> str:
    """Return an address as it may be written down: one that may hold a secret as its digest."""
    return url if source.public_url and not {"?", "@"} & set(url) else _hidden(url)


def _hidden(url: str) -> str:
    return f"#{address_key(asked_address(url))}"


def asked_address(url: str) -> str:
    """Return an address as it stands in requests and outcomes: encoded, without user and fragment."""
    try:
        return read_target(url).text
    except UnfitAddressError:
        return url  # such a one is never asked


def after_success(
    state: SourceState, source: SourceConfig, answer: Fetched | NotModified, *, body: str, reading: Reading | None, timing: Timing
) -> SourceState:
    """Return the state after an answer that was read (or that said that nothing is new); `body` is the `body_key` of what was fetched."""
    pace = _pace(state)
    hints, observed = (reading.hints, reading.observed) if reading else (None, None)
    plan = plan_success(
        answer, pace, every=timing.every, zone=timing.zone, hints=hints, observed=observed, now=timing.now, chance=timing.chance
    )
    changes = _schedule(plan, timing) | {
        "last_result": result_of(answer, reading),
        "error": reading.complaint if reading else "",
        "failures": 0,
        "failing_since": None,
        "is_told": False,
        "gap_at": timing.epoch if reading and reading.is_gap else state.gap_at,
        "title": (reading.title if reading else "") or state.title,
    }
    if reading is None or not reading.is_torn:
        changes |= {
            "validators_for": _kept_address(answer.url, source),
            "etag": answer.validators.etag,
            "last_modified": answer.validators.last_modified,
            "body": body if isinstance(answer, Fetched) else state.body,
        }
    # At once: a copy of a state takes as long as all that was decided about it.
    return _with_move(replace(state, **changes), source, answer, reading=reading, timing=timing)


def result_of(answer: Fetched | NotModified, reading: Reading | None) -> Result:
    """Return the word for an answer that was read."""
    if isinstance(answer, NotModified):
        return "not-modified"
    return "partial" if reading is not None and reading.is_torn else "ok"


def body_key(body: bytes) -> str:
    """Return the digest by which a body is known again."""
    return blake2b(body, digest_size=16).hexdigest()


def after_failure(state: SourceState, failure: Failed, *, timing: Timing) -> SourceState:
    """Return the state after a fetch that failed, or a document that could not be read: validators stay as they are."""
    if failure.status == 410 and state.moved_to:
        failure = replace(failure, status=404)  # it is the new address that is gone
    plan = plan_failure(failure, _pace(state), every=timing.every, zone=timing.zone, now=timing.now, chance=timing.chance)
    failures = state.failures + 1
    return replace(
        state,
        **_schedule(plan, timing),
        last_result="gone" if failure.status == 410 else "failed",
        error=failure.reason,
        failures=failures,
        failing_since=timing.epoch if state.failing_since is None else state.failing_since,
        moved_to="" if failures >= MOVE_FAILURES else state.moved_to,
    )


def after_hold(state: SourceState, until: datetime) -> SourceState:
    """Return the state of a source whose host has asked everybody to stay away: nothing was asked, nothing failed."""
    moment = to_epoch(until)
    if state.due is not None and state.due >= moment:
        return state
    return replace(state, due=moment, next_fetch=moment, rule="Retry-After of its host")


def after_trouble(state: SourceState, reason: str, *, timing: Timing) -> SourceState:
    """Return the state of a source whose posts could not be written here: upstream is not to blame, and it is tried again soon."""
    again = timing.epoch + int(TROUBLE_WAIT.total_seconds())
    return replace(
        state, last_fetch=timing.epoch, last_result="failed", error=reason, due=again, next_fetch=again, rule="its posts cannot be written"
    )


def is_gone(state: SourceState) -> bool:
    """Whether the source said 410: it is asked no more until it has another address."""
    return state.last_result == "gone"


def is_long_dead(state: SourceState, now: int) -> bool:
    """Whether a source has failed for a week and nobody was told yet."""
    return state.failing_since is not None and not state.is_told and now - state.failing_since >= DEAD_AFTER.total_seconds()


def is_gap_suspected(state: SourceState, now: int) -> bool:
    """Whether entries may have come and gone unseen in the last days."""
    return state.gap_at is not None and now - state.gap_at < GAP_SHOWN.total_seconds()


def moment(seconds: int | None) -> str | None:
    """Return epoch seconds as RFC 3339 in UTC, None for none."""
    return None if seconds is None else from_epoch(seconds).isoformat().replace("+00:00", "Z")


def _pace(state: SourceState) -> Pace:
    return Pace.from_json(state.pace) if state.pace else Pace()


def _schedule(plan: Next, timing: Timing) -> dict[str, Any]:
    """Return the fields that a plan sets."""
    return {
        "last_fetch": timing.epoch,
        "due": to_epoch(plan.due),
        "next_fetch": to_epoch(plan.at),
        "rule": plan.rule,
        "pace": plan.pace.to_json(),
    }


def _with_move(
    state: SourceState, source: SourceConfig, answer: Fetched | NotModified, *, reading: Reading | None, timing: Timing
) -> SourceState:
    """Count the proofs of a move for good; an address that may hold a secret is never written down."""
    if not answer.moved_to or not source.public_url or "?" in answer.moved_to or "@" in answer.moved_to:
        return replace(state, move_key="", move_count=0, move_since=0) if state.move_key else state
    if reading is not None and not reading.has_known:
        return state  # whatever this is, it is not yet the feed that we know
    key = address_key(answer.moved_to)
    is_same = key == state.move_key
    count, since = (state.move_count + 1, state.move_since) if is_same else (1, timing.epoch)
    if count >= MOVE_PROOFS and timing.epoch - since >= MOVE_TIME.total_seconds():
        return replace(state, moved_to=answer.moved_to, move_key="", move_count=0, move_since=0)
    return replace(state, move_key=key, move_count=count, move_since=since)
