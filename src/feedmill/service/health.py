"""Whether the service does its work: what `/healthz` says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from feedmill import __version__

#: A scheduler that has not looked for so long stands still.
SILENCE = timedelta(seconds=60)
#: With less room than this on the disk of the feeds or the posts nothing much can be written (bytes).
LEAST_FREE = 16 * 2**20


@dataclass(slots=True)
class Health:
    """What is known of the parts; times are aware, None where something has not happened yet."""

    #: Whether there is a scheduler at all: `feedmill serve` has none.
    is_daemon: bool
    is_ready: bool = False
    last_tick: datetime | None = None
    last_publish: datetime | None = None
    #: Why the last publish, and syncing, did not work; "" where they did.
    publish_trouble: str = ""
    sync_trouble: str = ""


def check_health(health: Health, folders: list[Path], *, now: datetime) -> tuple[int, dict[str, Any]]:
    """Return the status (200, or 503 for a service that is not up or whose scheduler stands still) and what is said about it.

    A full disk or a folder that cannot be written to is "degraded", with 200: the feeds that are there are served, and a restart
    mends nothing. Reasons may name paths of this machine: only a word for each is said, the log has the rest.
    """
    down = []
    if not health.is_ready:
        down.append("starting")
    elif health.is_daemon and (health.last_tick is None or now - health.last_tick > SILENCE):
        down.append("scheduler")
    free = _free(folders)
    troubles = {"disk": free is not None and free < LEAST_FREE, "publish": health.publish_trouble, "sync": health.sync_trouble}
    degraded = [name for name, is_there in troubles.items() if is_there]
    said = {
        "status": "down" if down else "degraded" if degraded else "ok",
        "ready": health.is_ready,
        "problems": down + degraded,
        "last_tick": _shown(health.last_tick),
        "last_publish": _shown(health.last_publish),
        "disk_free_bytes": free,
        "version": __version__,
    }
    return (503 if down else 200), said


def _free(folders: list[Path]) -> int | None:
    """Return the room that is left where there is least (bytes); None where no disk can be asked."""
    found = []
    for folder in folders:
        try:
            there = os.statvfs(folder)
        except OSError:
            continue
        found.append(there.f_bavail * there.f_frsize)
    return min(found, default=None)


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
