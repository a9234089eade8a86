"""What the consumer takes from the world: clock, dice, names and addresses. Tests give it their own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from feedmill.consumer.cage import CageLimits

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from feedmill.consumer.fetch import Limits
    from feedmill.consumer.guard import Guard
    from feedmill.consumer.hosts import HostGate


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a sync takes from the world: its clock, its dice, its names and addresses. Tests give it their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random
    guard: Guard | None = None
    gate: HostGate | None = None
    limits: Limits | None = None
    cage: CageLimits = field(default_factory=CageLimits)
    resolver: AbstractResolver | None = None
