"""Lengths that upstream does not say: which enclosures are worth a question, the questions, and what becomes of the answers.

A question is a HEAD for a post that is about to be written. The post keeps the answer; nobody asks for it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from feedmill.consumer.plan import Step, SyncPlan
from feedmill.upstream import FeedDocument

#: Questions for one source in one round: the newest posts come first, for the rest the length stays unknown.
MAX_QUESTIONS = 5
#: Seconds for all of a source's questions together, waiting for the turn at their hosts included.
PATIENCE = 12.0


class Asks(Protocol):
    """What knows how to ask for a length: the client."""

    async def size_of(self, url: str, *, named_by: str) -> int | None:
        """Return the length of `url` in bytes; None where nobody says it."""


def has_unmeasured(document: FeedDocument) -> bool:
    """Whether an entry of `document` has an enclosure of unknown length: most feeds have none, and cost nothing more."""
    return any(entry.enclosure is not None and entry.enclosure.length is None for entry in document.entries)


def questions(plan: SyncPlan, *, is_open: Callable[[Step], bool]) -> list[str]:
    """Return the addresses to ask for, each once: of the newest posts to be written, then of those to be rewritten.

    `is_open` says of a post to be rewritten whether its length is still to be found.
    """
    steps = [*reversed(plan.new), *(step for step in plan.updated if _lacks_length(step) and is_open(step))]
    addresses = dict.fromkeys(step.entry.enclosure.url for step in steps if step.entry.enclosure and _lacks_length(step))
    return list(addresses)[:MAX_QUESTIONS]


async def ask(client: Asks, addresses: Collection[str], *, named_by: str, patience: float = PATIENCE) -> dict[str, int]:
    """Ask for all at once and return the lengths that were found within `patience` seconds; no question fails aloud.

    `named_by` is the address of the document that names them.
    """
    tasks = {address: asyncio.create_task(client.size_of(address, named_by=named_by)) for address in addresses}
    if not tasks:
        return {}
    try:
        await asyncio.wait(tasks.values(), timeout=patience)
        return {address: length for address, task in tasks.items() if task.done() and (length := task.result())}
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def measured(plan: SyncPlan, lengths: Mapping[str, int]) -> SyncPlan:
    """Return `plan` with the lengths that were found; what upstream said itself, and all that is compared later, stays."""
    if not lengths:
        return plan
    return replace(plan, new=_measured(plan.new, lengths), updated=_measured(plan.updated, lengths))


def _measured(steps: Sequence[Step], lengths: Mapping[str, int]) -> list[Step]:
    return [_with_length(step, lengths) if _lacks_length(step) else step for step in steps]


def _with_length(step: Step, lengths: Mapping[str, int]) -> Step:
    file = step.entry.enclosure
    assert file is not None
    return replace(step, entry=replace(step.entry, enclosure=replace(file, length=lengths.get(file.url))))


def _lacks_length(step: Step) -> bool:
    return step.entry.enclosure is not None and step.entry.enclosure.length is None
