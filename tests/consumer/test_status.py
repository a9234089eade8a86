"""How every source is doing, as `status` has it: one row a source, from the state alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faultorigin import Reply
from feedmill.consumer.status import SourceStatus, source_statuses
from feedmill.errors import ConfigError, StorageError
from syncing import Synced, synced
from upstream import items


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as up:
        up.serve(items(1, 2))
        yield up


def statuses(up: Synced, *names: str) -> list[SourceStatus]:
    return source_statuses(up.project.config, names, now=up.clock.now)


def test_a_source_that_was_never_fetched_is_due_at_once_and_asking_makes_no_file(up: Synced) -> None:
    (status,) = statuses(up)
    assert (status.name, status.enabled, status.last_result, status.last_fetch) == ("up", True, None, None)
    assert (status.next_fetch, status.next_rule) == ("2026-06-01T12:30:00Z", "never fetched: due at once")
    assert (status.failures, status.posts, status.gap_suspected, status.error, status.moved) == (0, 0, False, None, None)
    assert not (up.root / ".feedmill").exists()


def test_a_source_that_is_well(up: Synced) -> None:
    up.sync()
    up.clock.pass_(minutes=20)
    assert up.sync().result == "not-due"
    (status,) = statuses(up)
    assert (status.last_result, status.last_fetch, status.failures, status.posts, status.error) == (
        "ok",
        "2026-06-01T12:30:00Z",
        0,
        2,
        None,
    )
    assert status.next_fetch is not None
    assert "2026-06-01T13:30:00Z" <= status.next_fetch <= "2026-06-01T13:36:00Z"
    assert status.next_rule == "every 1h"


def test_a_source_that_failed_says_why_and_keeps_its_posts(up: Synced) -> None:
    up.serve(items(1, 2), 500)
    up.sync()
    for _ in range(3):
        up.again()
    (status,) = statuses(up)
    assert (status.last_result, status.failures, status.posts) == ("failed", 3, 2)
    assert "500" in (status.error or "")
    assert "fail" in status.next_rule or "back-off" in status.next_rule


def test_a_source_that_is_gone_is_asked_no_more(up: Synced) -> None:
    up.serve(410)
    up.sync()
    (status,) = statuses(up)
    assert (status.last_result, status.next_fetch, status.next_rule) == ("gone", None, "gone (410)")


def test_a_source_that_is_disabled_keeps_what_is_known_of_it(up: Synced) -> None:
    up.sync()
    up.source = "    enabled: false\n"
    (status,) = statuses(up)
    assert (status.enabled, status.last_result, status.posts) == (False, "ok", 2)
    assert (status.next_fetch, status.next_rule) == (None, "disabled")


def test_a_gap_is_suspected_for_a_week(up: Synced) -> None:
    up.serve(items(*range(1, 8)), items(*range(11, 18)), items(*range(11, 18)))
    up.sync()
    assert not statuses(up)[0].gap_suspected
    up.again()
    assert statuses(up)[0].gap_suspected
    up.clock.pass_(days=8)
    assert not statuses(up)[0].gap_suspected


def test_a_source_that_moved_for_good_says_where_to(up: Synced) -> None:
    target = up.origin.url("/new.xml")
    up.origin.add("/new.xml", Reply(body=items(1, 2)))
    up.sync()
    up.serve(Reply(status=301, headers={"Location": target}))
    for _ in range(3):
        assert statuses(up)[0].moved is None
        up.clock.pass_(days=4)
        up.sync()
    (status,) = statuses(up)
    assert status.moved == target
    assert status.url != target, "the configured address is shown beside it"


def test_under_another_address_a_source_begins_anew_and_keeps_its_posts(up: Synced) -> None:
    up.sync()
    config = up.config_text.replace("/feed.xml", "/other.xml")
    up.__class__ = type("Moved", (Synced,), {"config_text": property(lambda self: config)})
    (status,) = statuses(up)
    assert (status.last_result, status.last_fetch, status.posts) == (None, None, 2)


def test_names_choose_and_one_that_is_no_sources_is_refused(up: Synced) -> None:
    up.others = "  - {name: b, url: 'https://b.example.org/'}\n  - {name: c, url: 'https://c.example.org/'}\n"
    assert [status.name for status in statuses(up)] == ["up", "b", "c"]
    assert [status.name for status in statuses(up, "c", "up")] == ["up", "c"]
    with pytest.raises(ConfigError, match="no source is called 'uq'"):
        statuses(up, "uq")


@pytest.mark.parametrize(
    "url", ["https://me:CANARY@a.example.org/x", "https://a.example.org/x?key=CANARY", "https://a.example.org/x#CANARY"]
)
def test_no_secret_of_an_address_is_shown(up: Synced, url: str) -> None:
    up.others = f"  - {{name: b, url: '{url}'}}\n"
    shown = statuses(up, "b")[0].url
    assert shown.removesuffix("?…") == "https://a.example.org/x"


def test_a_state_that_is_damaged_inside_is_an_error_of_storage_that_the_next_sync_mends(up: Synced) -> None:
    up.sync()
    state = up.root / ".feedmill" / "state.db"
    data = bytearray(state.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    state.write_bytes(data)
    with pytest.raises(StorageError, match="feedmill sync"):
        statuses(up)
    assert up.again().new == 0
    assert statuses(up)[0].posts == 2
