"""What /healthz says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedmill.service import health as module
from feedmill.service.health import Health, check_health

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUNNING = {"is_daemon": True, "is_ready": True, "last_tick": NOW - timedelta(seconds=1)}


@pytest.mark.parametrize(
    ("parts", "status", "word", "problems"),
    [
        (RUNNING, 200, "ok", []),
        (RUNNING | {"is_ready": False}, 503, "down", ["starting"]),
        (RUNNING | {"last_tick": None}, 503, "down", ["scheduler"]),
        (RUNNING | {"last_tick": NOW - timedelta(minutes=2)}, 503, "down", ["scheduler"]),
        (RUNNING | {"publish_trouble": "/srv/x: No space left on device"}, 200, "degraded", ["publish"]),
        (RUNNING | {"sync_trouble": "/srv/x: locked"}, 200, "degraded", ["sync"]),
        (RUNNING | {"last_tick": None, "sync_trouble": "x"}, 503, "down", ["scheduler", "sync"]),
        ({"is_daemon": False, "is_ready": True}, 200, "ok", []),
    ],
)
def test_what_is_wrong_is_said_in_words_without_paths(tmp_path, parts, status, word, problems):
    found, said = check_health(Health(**parts), [tmp_path], now=NOW)
    assert (found, said["status"], said["problems"]) == (status, word, problems)
    assert "/srv" not in str(said)


def test_times_and_room(tmp_path):
    said = check_health(Health(**RUNNING, last_publish=NOW), [tmp_path, tmp_path / "gone"], now=NOW)[1]
    assert (said["last_tick"], said["last_publish"]) == ("2026-06-01T11:59:59Z", "2026-06-01T12:00:00Z")
    assert said["disk_free_bytes"] > 0


def test_no_disk_that_can_be_asked():
    assert check_health(Health(**RUNNING), [Path("/nowhere/at/all")], now=NOW)[1]["disk_free_bytes"] is None


def test_a_full_disk_is_said(tmp_path):
    from machine import mounted

    with mounted(tmp_path / "small", f"size={module.LEAST_FREE // 2}") as small:
        status, said = check_health(Health(**RUNNING), [tmp_path, small], now=NOW)
    assert (status, said["problems"]) == (200, ["disk"])
