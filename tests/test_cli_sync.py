"""`feedmill sync` and `feedmill status` as scripts meet them: exit status, what is printed where, and what a killed one leaves."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import feedmill as package
from commandline import feedmill, tree
from faultorigin import Reply
from feedmill.cli.terminal import print_table
from feedmill.state.lock import writing
from sites import CONFIG
from syncing import FEED, Synced, synced
from upstream import items, rss, rss_item

SOURCE_KEYS = ["name", "url", "result", "new", "updated", "skipped", "error", "next_fetch", "next_rule", "notes"]
STATUS_KEYS = ["name", "url", "enabled", "last_result", "last_fetch", "next_fetch", "next_rule", "failures", "posts", "gap_suspected"]
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
BAD = Reply(status=500)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as up:
        up.serve(items(1, 2))
        yield up


def configure(up: Synced) -> Path:
    """Write the project's config.yaml and its folder of posts; return the project's folder."""
    (up.root / "config.yaml").write_text(CONFIG + up.config_text, encoding="utf-8")
    (up.root / "posts").mkdir(exist_ok=True)
    return up.root


def also(up: Synced, name: str, answer: Reply | bytes | int, *more: str) -> None:
    """Give the project one more source, at /<name>."""
    up.serve(answer, path=f"/{name}")
    up.others += f"  - name: {name}\n    url: {up.origin.url(f'/{name}')}\n" + "".join(f"    {line}\n" for line in more)


def titles(up: Synced, file: str = "atom.xml") -> list[str]:
    return sorted(entry.title for entry in up.project.parsed(file).entries)


# What it does, and how it says so


def test_new_entries_stand_in_the_feeds_at_once(up: Synced) -> None:
    done = feedmill(configure(up), "sync")
    assert titles(up) == titles(up, "新闻/atom.xml") == ["Title 1", "Title 2"]
    lines = done.out.splitlines()
    assert lines[0].split() == ["source", "result", "new", "updated", "next", "fetch"]
    assert lines[2].split()[:4] == ["up", "ok", "2", "0"]
    assert lines[3] == "1 source fetched: stored 2 new posts, 0 updated"
    assert lines[-1] == "2 posts, 2 feeds: wrote 2"
    assert done.err == ""


def test_json_is_one_document_of_the_promised_shape(up: Synced) -> None:
    also(up, "bad", BAD)
    also(up, "off", 404, "enabled: false")
    also(up, "left", 410)
    document = feedmill(configure(up), "sync", "--json").document
    assert list(document) == ["sources", "pruned", "published"]
    assert all(list(source) == SOURCE_KEYS for source in document["sources"])
    found = {source["name"]: source for source in document["sources"]}
    assert {name: source["result"] for name, source in found.items()} == {"up": "ok", "bad": "failed", "off": "disabled", "left": "gone"}
    assert (found["up"]["new"], found["up"]["updated"], found["up"]["skipped"], found["up"]["error"]) == (2, 0, 0, None)
    assert found["up"]["url"] == up.origin.url(FEED)
    assert "500" in found["bad"]["error"]
    assert "410" in found["left"]["error"]
    assert all(RFC_3339.fullmatch(found[name]["next_fetch"]) for name in ("up", "bad"))
    assert (found["off"]["next_fetch"], found["left"]["next_fetch"]) == (None, None)
    assert list(document["published"]) == ["posts", "skipped", "repaired", "feeds", "archives", "removed"]
    assert [feed["path"] for feed in document["published"]["feeds"]] == ["feeds/atom.xml", "feeds/新闻/atom.xml"]


def test_json_stays_one_document_while_notes_and_logs_go_to_stderr(up: Synced) -> None:
    up.serve(items(1, 2), rss(rss_item(1, title="Renamed"), rss_item(2)))
    feedmill(configure(up), "sync")
    path = next(path for path in up.files if "Title-1" in path)
    (up.root / "posts" / path).write_text(up.files[path].replace("Body of 1", "Mine"))
    done = feedmill(up.root, "sync", "--force", "--json")
    source = done.document["sources"][0]
    assert (source["updated"], source["skipped"]) == (0, 1)
    assert source["notes"] == [{"entry": path, "reason": source["notes"][0]["reason"]}]
    assert "a person has edited the post" in done.err
    assert done.err.startswith(f"up: {path}: ")
    for file in (up.root / ".feedmill").glob("state.db*"):
        file.unlink()
    done = feedmill(up.root, "sync", "--json")
    assert done.document["sources"][0]["new"] == 0
    assert "was new or lost: 2 articles were read back" in done.err


def test_no_publish_leaves_the_feeds_alone_and_the_next_sync_makes_up_for_it_with_nothing_due(up: Synced) -> None:
    done = feedmill(configure(up), "sync", "--no-publish", "--json")
    assert done.document["published"] is None
    assert len(up.files) == 2
    assert not (up.root / "feeds").exists()
    done = feedmill(up.root, "sync")
    assert done.out.splitlines()[0] == "0 sources fetched, 1 not due: stored 0 new posts, 0 updated"
    assert len(up.asked) == 1
    assert titles(up) == ["Title 1", "Title 2"]


def test_a_dry_run_changes_nothing_on_disk(up: Synced) -> None:
    up.serve(items(1, 2), items(1, 2, 3))
    feedmill(configure(up), "sync")
    (up.root / "posts" / next(iter(up.files))).unlink()
    before = tree(up.root)
    done = feedmill(up.root, "sync", "--dry-run", "--force")
    assert "would store 1 new post, 0 updated" in done.out
    assert tree(up.root) == before
    assert feedmill(up.root, "sync", "--dry-run", "--force", "--json").document["published"] is None
    assert tree(up.root) == before


def test_a_dry_run_of_a_new_project_makes_no_folder(up: Synced) -> None:
    (configure(up) / "posts").rmdir()
    before = tree(up.root)
    assert "would store 2 new posts" in feedmill(up.root, "sync", "--dry-run").out
    assert tree(up.root) == before


def test_a_dry_run_works_beside_a_running_sync(up: Synced) -> None:
    with writing(configure(up) / ".feedmill" / "sync.lock"):
        assert "would store 2" in feedmill(up.root, "sync", "--dry-run").out


def test_named_sources_alone_are_asked_and_only_when_they_are_due(up: Synced) -> None:
    also(up, "other", 404)
    also(up, "third", 404)
    done = feedmill(configure(up), "sync", "up", "other", "--json")
    assert [source["name"] for source in done.document["sources"]] == ["up", "other"]
    assert up.origin.hits == 2
    feedmill(up.root, "sync", "up")
    assert up.origin.hits == 2
    feedmill(up.root, "sync", "up", "--force")
    assert [got.path for got in up.origin.requests()].count(FEED) == 2
    assert up.origin.hits == 3


# Exit status


def test_single_failed_sources_are_reported_and_the_exit_status_is_0(up: Synced) -> None:
    also(up, "bad", BAD)
    done = feedmill(configure(up), "sync")
    assert re.search(r"^bad +failed .*500", done.out, re.MULTILINE)
    assert "2 sources fetched: stored 2 new posts" in done.out


def test_1_when_every_source_that_was_asked_failed_and_the_rest_is_done_all_the_same(up: Synced) -> None:
    up.serve(BAD)
    also(up, "off", 404, "enabled: false")
    also(up, "left", 410)
    (configure(up) / "posts" / "mine.md").write_text("---\ntitle: Mine\ndate: 2026-01-01\n---\nx\n")
    feedmill(up.root, "sync", status=1)
    assert titles(up) == ["Mine"]
    assert feedmill(up.root, "sync", "--force", "--json", status=1).document["sources"][0]["result"] == "failed"


def test_0_when_nothing_was_due_after_a_failure(up: Synced) -> None:
    up.serve(BAD)
    feedmill(configure(up), "sync", status=1)
    feedmill(up.root, "sync")
    assert len(up.asked) == 1


def test_0_without_any_source(up: Synced) -> None:
    (configure(up) / "config.yaml").write_text(CONFIG)
    assert "0 sources fetched" in feedmill(up.root, "sync").out
    assert feedmill(up.root, "status").out == "no sources: add one with `feedmill add URL`\n"


@pytest.mark.parametrize("command", ["sync", "status"])
def test_2_for_a_source_that_is_unknown(up: Synced, command: str) -> None:
    done = feedmill(configure(up), command, "upp", status=2)
    assert done.err == "feedmill: no source is called 'upp'; did you mean up?\n"
    assert (done.out, up.origin.hits) == ("", 0)


@pytest.mark.parametrize("arguments", [("sync",), ("sync", "--json"), ("status",)], ids=" ".join)
def test_2_for_a_configuration_that_is_broken(up: Synced, arguments: tuple[str, ...]) -> None:
    up.others = "  - name: Bad Name\n    url: ftp://example.org/\n"
    done = feedmill(configure(up), *arguments, status=2)
    assert done.out == ""
    assert "sources[1].name" in done.err
    assert "sources[1].url" in done.err
    assert up.origin.hits == 0


def test_3_for_a_state_that_cannot_be_written_and_nothing_is_asked(up: Synced) -> None:
    (configure(up) / ".feedmill").write_text("a file where a folder is needed")
    done = feedmill(up.root, "sync", status=3)
    assert "a file stands where a folder is needed" in done.err
    assert (done.out, up.origin.hits, up.files) == ("", 0, {})
    (up.root / ".feedmill").unlink()
    assert "stored 2 new posts" in feedmill(up.root, "sync").out


def test_posts_that_have_no_place_are_said_and_stored_once_they_have_one(up: Synced) -> None:
    (configure(up) / "posts" / "新闻").write_text("a file where a folder is needed")
    done = feedmill(up.root, "sync", "--json")
    assert (done.document["sources"][0]["new"], done.document["sources"][0]["skipped"]) == (0, 2)
    assert "up: urn:item:1: it cannot be written" in done.err
    (up.root / "posts" / "新闻").unlink()
    assert "stored 2 new posts" in feedmill(up.root, "sync", "--force").out


# One line each, whatever upstream says


def test_what_upstream_wrote_cannot_steer_a_terminal_nor_break_a_line(up: Synced) -> None:
    up.serve(rss(rss_item(1, title="a\u202eb\nc &#27;[31m"), head="<title>x&#10;y\u202e</title>"))
    page = b"<html><head><title>Log\x1b[31m\nin \xe2\x80\xae</title></head></html>"
    also(up, "page", Reply(body=page, headers={"Content-Type": "text/html; \x1b[31mcharset=x"}))
    also(up, "to", Reply(status=302, headers={"Location": "http://example.org:25/" + "long-" * 60 + "%1b[31m"}))
    also(up, "odd", Reply(raw=b"HTTP/1.1 500 Odd\x1b[31m\x07\r\nContent-Length: 0\r\n\r\n"))
    for done in (feedmill(configure(up), "sync"), feedmill(up.root, "status"), feedmill(up.root, "sync", "--force")):
        rows = [line for line in done.out.splitlines() if re.match(r"(up|page|to|odd) ", line)]
        assert [row.split()[0] for row in rows] == ["up", "page", "to", "odd"]
        lines = done.out[: done.out.index(rows[-1]) + len(rows[-1])].splitlines()
        assert len(lines) == 6, "a header, a rule and a line for each"
        assert all(character.isprintable() or character == "\n" for character in done.out + done.err)


@pytest.mark.parametrize("length", [10, 190, 900])
def test_a_row_of_a_table_is_one_line_where_no_terminal_cuts_it(length: int, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("source", "error"), [("up", "x" * length), ("down", "a b " * length)])
    _, _, first, second = capsys.readouterr().out.splitlines()
    assert first == "up       " + "x" * length
    assert second == "down     " + ("a b " * length).rstrip()


def test_a_table_guards_its_cells_whatever_they_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("source", "error"), [("up", "a\x1b[31m\nb\r\u202e\x9bc [bold]"), ("down", "")])
    _, _, first, second = capsys.readouterr().out.splitlines()
    assert first == r"up       a\x1b[31m\x0ab\x0d\x202e\x9bc [bold]"
    assert second == "down"


# Alarms


def test_a_source_that_failed_for_a_week_is_said_once_and_again_after_it_died_anew(up: Synced, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    up.serve(500)

    def said(**time: float) -> list[str]:
        caplog.clear()
        up.clock.pass_(**time)
        up.sync(is_forced=True)
        return [record.getMessage() for record in caplog.records]

    assert said() == said(days=6, hours=23) == []
    loud = said(hours=2)
    assert len(loud) == 1
    assert loud[0].startswith("source up has failed for a week: ")
    assert "500" in loud[0]
    assert said(hours=1) == said(days=30) == []
    up.serve(items(1))
    assert said(days=1) == []
    up.serve(500)
    assert said(days=1) == said(days=6) == []
    assert len(said(days=2)) == 1
    assert said(days=9) == []


# More than one process


def process(root: Path, *arguments: str, before: str = "") -> subprocess.Popen[bytes]:
    """Start `feedmill` as a process of its own, at the head of a group of its own; `before` is run first.

    It hears signals, whatever who runs the tests has told them to ignore or to keep back (a shell tells its background jobs to).
    """
    hears = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "signal.pthread_sigmask(signal.SIG_SETMASK, [])"
    )
    code = f"{hears}\n{before}\nimport sys\nfrom feedmill.cli import main\nsys.argv[0] = 'feedmill'\nmain()"
    environment = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1]), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", code, "--config", str(root / "config.yaml"), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def wait_for(condition: object, *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def group_is_gone(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return True
    return False


def test_of_two_syncs_at_once_the_second_names_the_first_and_both_leave_a_sound_state(up: Synced) -> None:
    up.serve(Reply(body=items(1, 2), delay=1.0))
    first = process(configure(up), "sync")
    wait_for(lambda: up.asked)
    done = feedmill(up.root, "sync", status=3)
    assert f"held by another feedmill process (pid {first.pid})" in done.err
    assert done.out == ""
    assert feedmill(up.root, "status", "--json").document["sources"][0]["last_result"] is None
    out, err = first.communicate(timeout=30)
    assert (first.returncode, err) == (0, b"")
    assert b"stored 2 new posts" in out
    assert len(up.asked) == 1
    assert "1 not due" in feedmill(up.root, "sync").out
    assert titles(up) == ["Title 1", "Title 2"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)], ids=["ctrl-c", "sigterm"])
def test_a_sync_that_is_ended_during_a_slow_fetch_leaves_nothing_half_written(up: Synced, number: int, status: int) -> None:
    also(up, "slow", Reply(body=items(3), delay=120))
    running = process(configure(up), "sync")
    wait_for(lambda: up.files)
    wait_for(lambda: up.origin.requests("/slow"))
    os.killpg(running.pid, number)  # as a terminal does: its children hear it too
    out, err = running.communicate(timeout=60)
    assert running.returncode == status
    assert out == b""
    assert err.strip() == (b"feedmill: interrupted; nothing is half-written" if number == signal.SIGINT else b"")
    wait_for(lambda: group_is_gone(running.pid), seconds=5)
    assert not list(up.root.rglob("*.tmp"))
    up.serve(items(3), path="/slow")
    done = feedmill(up.root, "sync", "--force", "--json").document
    assert {source["name"]: source["result"] for source in done["sources"]} == {"up": "ok", "slow": "ok"}
    assert titles(up) == ["Title 1", "Title 2", "Title 3"]
    assert len(up.files) == 3


def test_a_sync_that_is_ended_alone_takes_its_children_along(up: Synced) -> None:
    also(up, "slow", Reply(body=items(3), delay=20))
    running = process(configure(up), "sync")
    wait_for(lambda: up.files)
    running.kill()
    running.communicate(timeout=60)
    wait_for(lambda: group_is_gone(running.pid), seconds=5)


def test_a_sync_that_is_killed_before_it_publishes_is_made_whole_by_the_next_with_nothing_due(up: Synced) -> None:
    kill = "import os\nfrom feedmill.cli import syncing\nsyncing.run_publish = lambda *a, **k: os.kill(os.getpid(), 9)"
    running = process(configure(up), "sync", before=kill)
    running.communicate(timeout=30)
    assert running.returncode == -signal.SIGKILL
    assert len(up.files) == 2
    assert not (up.root / "feeds").exists()
    assert "1 not due" in feedmill(up.root, "sync").out
    assert len(up.asked) == 1
    assert titles(up) == ["Title 1", "Title 2"]


# status


def test_status_is_a_table_for_people(up: Synced) -> None:
    also(up, "bad", BAD)
    also(up, "off", 404, "enabled: false")
    also(up, "left", 410)
    configure(up)
    before = [line.split("  ")[0] for line in feedmill(up.root, "status").out.splitlines()]
    assert before[2:] == ["up", "bad", "off", "left", "4 sources, 0 failing, 0 posts in total"]
    assert not (up.root / ".feedmill").exists()
    feedmill(up.root, "sync")
    done = feedmill(up.root, "status")
    header, _, *rows, closing = done.out.splitlines()
    assert header.split() == ["source", "result", "last", "fetch", "next", "fetch", "because", "of", "failures", "posts"]
    words = {row.split()[0]: row.split()[1:] for row in rows}
    assert (words["up"][0], words["up"][-1]) == ("ok", "2")
    assert words["bad"][0] == "failed"
    assert "500" in rows[1]
    assert words["off"][0] == "disabled"
    assert words["left"][0] == "gone"
    assert closing == "4 sources, 2 failing, 2 posts in total"
    assert done.err == ""
    assert [row.split()[0] for row in feedmill(up.root, "status", "left", "up").out.splitlines()[2:-1]] == ["up", "left"]


def test_status_json_has_the_promised_shape(up: Synced) -> None:
    also(up, "bad", BAD)
    document = feedmill(configure(up), "status", "--json").document
    assert (list(document), document["posts"], document["unattended_since"]) == (["sources", "posts", "unattended_since"], 0, None)
    before = document["sources"]
    assert [list(source) for source in before] == [[*STATUS_KEYS, "error", "moved", "overdue"]] * 2
    assert [(source["last_result"], source["last_fetch"], source["posts"]) for source in before] == [(None, None, 0)] * 2
    feedmill(up.root, "sync")
    (after,) = feedmill(up.root, "status", "--json", "bad").document["sources"]
    assert (after["name"], after["enabled"], after["last_result"], after["failures"], after["posts"]) == ("bad", True, "failed", 1, 0)
    assert (after["gap_suspected"], after["moved"]) == (False, None)
    assert RFC_3339.fullmatch(after["last_fetch"])
    assert after["last_fetch"] < after["next_fetch"]


def test_status_says_where_a_source_moved_and_that_entries_may_be_missing(up: Synced) -> None:
    target = up.origin.url("/new.xml")
    up.clock.now = datetime.now(UTC) - timedelta(days=9)
    up.serve(Reply(status=301, headers={"Location": target}))
    up.serve(items(*range(1, 8)), path="/new.xml")
    for days in (0, 1, 4, 3.5):
        up.clock.pass_(days=days)
        up.sync()
    assert feedmill(configure(up), "status").out.splitlines()[2].endswith(f"; moved to {target}")
    up.serve(items(*range(11, 18)), path="/new.xml")
    up.again()
    assert feedmill(up.root, "status").out.splitlines()[2].endswith(f"  overdue; a gap is suspected; moved to {target}")
    (status,) = feedmill(up.root, "status", "--json").document["sources"]
    assert (status["gap_suspected"], status["moved"], status["url"]) == (True, target, up.origin.url(FEED))


def test_no_secret_of_an_address_is_printed(up: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "CANARY-1")
    place = up.origin.url("/x/").removeprefix("http://")
    for name, url in {
        "user": f"http://me:CANARY-2@{place}",
        "query": f"http://{place}?key=CANARY-3",
        "path": f"http://{place}${{TOKEN}}",
        "headed": f"http://{place}y\n    headers: {{X-Key: '${{TOKEN}}'}}",
    }.items():
        up.others += f"  - name: {name}\n    url: {url}\n"
    up.serve(BAD, path="/x/")
    configure(up)
    said = ""
    for arguments in (("sync",), ("sync", "--force", "--json"), ("status",), ("status", "--json")):
        done = feedmill(up.root, *arguments)
        said += done.out + done.err
    assert said.count("failed") > 8
    assert "CANARY" not in said
    assert up.origin.requests("/x/CANARY-1")
    assert not any(b"CANARY" in data for path, (_, data) in tree(up.root).items() if path != "config.yaml")
