"""How every source is doing, as `status` has it: one row a source, from the state alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from faultorigin import Reply
from feedmill.consumer import status
from feedmill.consumer.remember import address_key
from feedmill.consumer.status import Overview, SourceStatus, is_at_work, source_statuses
from feedmill.errors import ConfigError, StorageError
from feedmill.posts.record import to_epoch
from feedmill.state.ledger import Ledger, SourceState
from feedmill.state.lock import writing
from syncing import Synced, synced
from upstream import items


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as up:
        up.serve(items(1, 2))
        yield up


def statuses(up: Synced, *names: str) -> list[SourceStatus]:
    return source_statuses(up.project.config, names, now=up.clock.now)


def overview(up: Synced, *names: str) -> Overview:
    return status.overview(up.project.config, names, now=up.clock.now)


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


@pytest.mark.parametrize(
    ("every", "minutes", "overdue"),
    [
        ("30m", -1, False),
        ("30m", 30, False),
        ("30m", 31, True),
        ("1h", 60, False),
        ("1h", 61, True),
        ("1m", 15, False),
        ("1m", 16, True),
        ("1d", 1440, False),
        ("1d", 1441, True),
        ("'0 0 * * *'", 60, False),
        ("'0 0 * * *'", 61, True),
        ("auto", 60, False),
        ("auto", 61, True),
    ],
)
def test_a_source_is_overdue_a_whole_interval_after_its_time(up: Synced, every: str, minutes: int, overdue: bool) -> None:
    up.source = f"    every: {every}\n"
    state = SourceState(url_key=address_key(up.origin.url("/feed.xml")), next_fetch=to_epoch(up.clock.now))
    with closing(Ledger(up.project.config.state_path)) as ledger:
        ledger.settle([], marks={}, states={"up": state}, held={}, now=0)
    up.clock.pass_(minutes=minutes)
    assert statuses(up)[0].overdue is overdue


def test_what_nobody_is_to_fetch_is_never_overdue(up: Synced) -> None:
    up.clock.pass_(days=9)
    assert not statuses(up)[0].overdue, "never fetched: nobody knows since when it waits"
    up.serve(410)
    up.sync()
    up.clock.pass_(days=9)
    assert not statuses(up)[0].overdue, "gone"
    up.serve(items(1))
    up.sync(is_forced=True)
    up.source = "    enabled: false\n"
    up.clock.pass_(days=9)
    assert not statuses(up)[0].overdue, "disabled"


def test_it_is_said_when_nobody_fetches_what_is_due(up: Synced) -> None:
    up.sync()
    assert overview(up).unattended_since is None
    up.clock.pass_(hours=5)
    assert overview(up).unattended_since == statuses(up)[0].next_fetch
    with writing(up.project.config.sync_lock_path):
        assert overview(up).unattended_since is None
        assert overview(up).sources[0].overdue
    assert overview(up).unattended_since is not None
    up.project.config.sync_lock_path.unlink()
    assert overview(up).unattended_since is not None


def test_asking_whether_somebody_is_at_work_neither_takes_the_lock_nor_touches_its_file(tmp_path: Path) -> None:
    path = tmp_path / "sync.lock"
    assert not is_at_work(path)
    assert not path.exists()
    with writing(path, patience=0):
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        assert is_at_work(path)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert not is_at_work(path)
    with writing(path, patience=0):
        pass


def test_posts_are_counted_over_the_whole_folder_where_it_was_published(up: Synced) -> None:
    up.sync()
    assert overview(up).posts == 2, "those of the sources"
    up.project.post("mine.md", categories="[A]")
    up.project.post("draft.md", draft="true")
    up.project.post("later.md", date="2030-01-01")
    up.project.publish()
    assert overview(up).posts == 3
    assert overview(up, "up").posts == 2
    up.project.config.catalog_path.write_bytes(b"x" * 8192)
    assert overview(up).posts == 2
    assert [file.name for file in up.project.config.catalog_path.parent.glob("catalog.db*")] == ["catalog.db"], "left for a publish to mend"


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
