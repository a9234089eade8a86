"""Upstream feeds become posts: the whole way from a loopback origin to files, and what a second sync makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from faultorigin import Reply
from feedmill.consumer import fetching
from feedmill.consumer.desk import Desk, Done, Job
from feedmill.errors import ConfigError, StorageError
from feedmill.state.lock import writing
from machine import mounted
from syncing import FEED, Synced, synced
from upstream import items, rss, rss_item


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as up:
        yield up


def test_new_entries_become_posts(up: Synced) -> None:
    up.serve(items(1, 2, 3))
    report = up.sync()
    assert (report.result, report.new, report.error) == ("ok", 3, None)
    assert set(up.posts) == {"Title 1", "Title 2", "Title 3"}
    post = up.posts["Title 2"]
    assert (post.guid, post.source, post.link) == ("urn:item:2", "up", "https://upstream.example.org/2")
    assert post.categories == (("新闻",),)
    assert post.body == "<p>Body of 2</p>"


def test_a_second_sync_of_the_same_document_writes_nothing(up: Synced) -> None:
    up.serve(items(1, 2, 3))
    up.sync()
    before = up.files
    report = up.again()
    assert (report.result, report.new, report.updated) == ("ok", 0, 0)
    assert up.files == before


def test_only_what_is_new_or_changed_is_written(up: Synced) -> None:
    up.serve(items(1, 2), rss(rss_item(3), rss_item(2, title="Renamed"), rss_item(1)))
    up.sync()
    report = up.again()
    assert (report.new, report.updated) == (1, 1)
    assert set(up.posts) == {"Title 1", "Renamed", "Title 3"}


def test_with_the_state_deleted_the_next_sync_writes_no_duplicate(up: Synced) -> None:
    up.serve(items(1, 2), items(1, 2, 3))
    up.sync()
    before = up.files
    up.lose_state()
    report = up.again()
    assert report.new == 1
    assert before.items() <= up.files.items()
    assert len(up.files) == 3


def test_D5_a_post_that_a_person_deleted_stays_deleted_without_the_state_too(up: Synced) -> None:
    up.serve(items(1, 2, 3), rss(rss_item(1, title="Renamed"), rss_item(2), rss_item(3)), items(1, 2, 3))
    up.sync()
    gone = next(path for path in up.files if "Title-1" in path)
    (up.root / "posts" / gone).unlink()
    assert up.again().new == 0
    assert (up.root / "posts" / ".feedmill-deleted").read_text() == "urn:item:1\n"
    up.lose_state()
    assert up.again().new == 0
    assert set(up.posts) == {"Title 2", "Title 3"}


def test_a_deleted_post_comes_back_when_its_line_is_taken_out(up: Synced) -> None:
    up.serve(Reply(body=items(1, 2, 3), headers={"ETag": '"1"'}))
    up.sync()
    gone = next(path for path in up.files if "Title-1" in path)
    (up.root / "posts" / gone).unlink()
    up.again()
    (up.root / "posts" / ".feedmill-deleted").write_text("")
    assert up.again().new == 1
    assert gone in up.files


def test_a_post_that_a_person_moved_is_updated_where_it_is(up: Synced) -> None:
    up.serve(items(1, 2), items(1, 2), rss(rss_item(1, title="Renamed"), rss_item(2)))
    up.sync()
    old = next(path for path in up.files if "Title-1" in path)
    (up.root / "posts" / "elsewhere").mkdir()
    (up.root / "posts" / old).rename(up.root / "posts" / "elsewhere" / "mine.md")
    up.again()
    assert up.again().updated == 1
    assert "Renamed" in up.files["elsewhere/mine.md"]
    assert len(up.files) == 2


def test_posts_that_vanish_with_their_folder_are_not_taken_for_deleted(up: Synced) -> None:
    up.serve(items(1, 2, 3))
    up.sync()
    (up.root / "posts").rename(up.root / "unmounted")
    (up.root / "posts").mkdir()
    with pytest.raises(StorageError, match="Is the disk mounted"):
        up.again()
    assert not (up.root / "posts" / ".feedmill-deleted").exists()


def test_a_dry_run_writes_nothing_and_says_what_it_would(up: Synced) -> None:
    up.serve(items(1, 2))
    report = up.sync(is_dry=True)
    assert (report.result, report.new) == ("ok", 2)
    assert not (up.root / ".feedmill").exists()
    assert up.files == {}


def test_the_sources_settings_shape_the_post(up: Synced) -> None:
    up.source = "    author: 编辑\n    tags: true\n    image_proxy: 'https://cors.example.org/?{url}'\n    headers: {X-Api-Key: secret}\n"
    body = '<p><img src="/a.jpg" srcset="/a.jpg 1x, /b.jpg 2x"></p>'
    up.serve(rss(rss_item(1, description=body, category="Tag A")))
    up.sync()
    post = up.posts["Title 1"]
    assert (post.author, post.tags) == ("编辑", ("Tag A",))
    assert post.headimg == post.thumbnail == "https://cors.example.org/?https://upstream.example.org/a.jpg"
    assert 'src="https://cors.example.org/?https://upstream.example.org/a.jpg"' in post.body
    assert 'srcset="https://cors.example.org/?https://upstream.example.org/a.jpg 1x, ' in post.body
    assert 'referrerpolicy="no-referrer"' in post.body
    assert up.asked[0].header("x-api-key") == "secret"


def test_upstream_tags_are_dropped_unless_they_are_asked_for(up: Synced) -> None:
    up.serve(rss(rss_item(1, category="Tag A")))
    up.sync()
    assert up.posts["Title 1"].tags == ()


def test_a_source_that_is_disabled_is_not_asked(up: Synced) -> None:
    up.source = "    enabled: false\n"
    up.serve(items(1))
    assert up.sync(is_forced=True).result == "disabled"
    assert up.origin.hits == 0


def test_keep_removes_the_oldest_posts_for_good(up: Synced) -> None:
    up.source = "    keep: 2\n"
    up.serve(items(1, 2, 3), items(1, 2, 3, 4))
    assert up.sync().new == 2
    assert set(up.posts) == {"Title 2", "Title 3"}
    up.again()
    assert set(up.posts) == {"Title 3", "Title 4"}
    up.lose_state()
    up.again()
    assert set(up.posts) == {"Title 3", "Title 4"}


def test_one_bad_source_does_not_stop_the_others(up: Synced) -> None:
    up.others = f"  - name: bad\n    url: {up.origin.url('/bad')}\n  - name: page\n    url: {up.origin.url('/page')}\n"
    up.serve(items(1))
    up.serve(500, path="/bad")
    up.serve(b"<html><head><title>Log in</title></head><body></body></html>", path="/page")
    report = up.run()
    assert [source.result for source in report.sources] == ["ok", "failed", "failed"]
    assert "HTML" in (report.sources[2].error or "")
    assert not report.is_in_vain


def test_a_sync_in_which_every_source_fails_is_in_vain(up: Synced) -> None:
    up.serve(500)
    assert up.run().is_in_vain
    up.clock.pass_(seconds=1)
    assert not up.run().is_in_vain, "nothing was due"


def test_a_name_that_is_no_sources_is_refused(up: Synced) -> None:
    with pytest.raises(ConfigError, match="did you mean up"):
        up.run("upp")


def test_H10_a_second_sync_names_the_process_that_holds_the_lock(up: Synced) -> None:
    up.serve(items(1))
    with writing(up.root / ".feedmill" / "sync.lock"), pytest.raises(StorageError, match=r"held by another feedmill process \(pid \d+\)"):
        up.run()
    assert up.origin.hits == 0


def test_a_torn_document_gives_its_whole_entries_and_is_asked_for_again(up: Synced) -> None:
    whole = items(1, 2, 3)
    up.serve(Reply(body=whole[: len(whole) - 60], headers={"ETag": '"torn"'}), Reply(body=whole, headers={"ETag": '"whole"'}))
    report = up.sync()
    assert (report.result, report.new) == ("partial", 2)
    assert up.state.etag == ""
    assert up.again().new == 1
    assert not up.asked[1].has("if-none-match")


def test_a_404_or_a_login_page_changes_nothing_that_is_known(up: Synced) -> None:
    up.serve(Reply(body=items(1, 2), headers={"ETag": '"1"'}), 404, b"<html><title>Log in</title></html>", b"")
    up.sync()
    before = up.files
    assert [up.again().result for _ in range(3)] == ["failed"] * 3
    assert up.files == before
    assert up.state.etag == '"1"'


def test_the_state_holds_no_secret_of_an_address(up: Synced) -> None:
    up.origin.script("/secret.xml", [Reply(body=items(1), headers={"ETag": '"1"'})])
    address = up.origin.url("/secret.xml?token=CANARY").replace("http://", "http://user:CANARY@")
    up.others = f"  - name: hidden\n    url: {address}\n"
    up.serve(items(2))
    report = up.run()
    assert report.sources[1].result == "ok"
    assert "CANARY" not in json.dumps([report.sources[1].url, report.sources[1].error])
    kept = b"".join(path.read_bytes() for folder in (".feedmill", "posts") for path in (up.root / folder).rglob("*") if path.is_file())
    assert b"CANARY" not in kept
    up.clock.pass_(minutes=1)
    up.run(is_forced=True)
    assert up.origin.requests("/secret.xml")[1].header("if-none-match") == '"1"'


def test_a_source_under_a_new_address_begins_anew_and_doubles_nothing(up: Synced) -> None:
    up.serve(Reply(body=items(1, 2), headers={"ETag": '"1"'}))
    up.sync()
    up.origin.script("/moved.xml", [Reply(body=items(1, 2, 3))])
    text = up.config_text.replace(FEED, "/moved.xml")
    up.__class__ = type("Moved", (Synced,), {"config_text": property(lambda self: text)})
    assert up.sync().new == 1
    assert not up.origin.requests("/moved.xml")[0].has("if-none-match")


def test_an_edition_that_upstream_takes_back_is_written_again(up: Synced) -> None:
    up.serve(items(1, 2), rss(rss_item(1, title="Wrong"), rss_item(2)), items(1, 2))
    up.sync()
    up.again()
    assert up.again().updated == 1
    assert set(up.posts) == {"Title 1", "Title 2"}


def test_one_folder_that_cannot_be_written_to_stops_no_other_source(tmp_path):
    """Its own source is tried again soon, and counts no failure: upstream is not to blame."""
    with synced(tmp_path) as site:
        site.others = f"  - name: other\n    url: {site.origin.url('/other.xml')}\n    categories: [其他]\n"
        site.serve(items(1, 2))
        site.serve(items(3), path="/other.xml")
        (tmp_path / "posts").mkdir()
        with mounted(tmp_path / "posts" / "新闻", "ro,size=64k"):
            with pytest.raises(StorageError, match="新闻"):
                site.run()
            assert [path.split("/")[0] for path in site.files] == ["其他"]
            state = site.state
        assert (state.last_result, state.failures, state.rule) == ("failed", 0, "its posts cannot be written")
        assert state.due == int(site.clock.now.timestamp()) + 300
        site.clock.pass_(minutes=6)
        report = {source.name: source for source in site.run().sources}
        assert (report["up"].result, report["up"].new, report["other"].result) == ("ok", 2, "not-due")


def test_posts_are_written_for_some_sources_at_a_time_and_what_brings_none_goes_into_the_ledger_in_one_go(
    up: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    up.others = "".join(f"  - {{name: more-{number}, url: {up.origin.url(FEED)}}}\n" for number in range(39))
    up.serve(Reply(body=items(1), headers={"ETag": '"1"'}))
    batches: list[int] = []
    finish = Desk.finish

    def counted(desk: Desk, jobs: Sequence[Job]) -> list[Done]:
        batches.append(len(jobs))
        return finish(desk, jobs)

    monkeypatch.setattr(Desk, "finish", counted)
    monkeypatch.setattr(fetching, "LINGER", 60)  # a batch ends by its size, or with the last source
    assert {source.result for source in up.run().sources} == {"ok"}
    up.serve(304)
    assert {source.result for source in up.run(is_forced=True).sources} == {"not-modified"}
    assert batches == [fetching.BATCH, 40 - fetching.BATCH, 40]
