"""`feedmill publish` and `feedmill sync` with hubs: what is told to whom, what is said of it, and what it may cost."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import feedmill as package
from commandline import feedmill
from faultorigin import FaultOrigin, Received, Reply
from feedmill.producer.pinging import BRIEF
from hub import Hub, Subscriber
from sites import CONFIG, Project
from syncing import synced
from upstream import items


def make_project(root: Path, *hubs: str, more: str = "", url: str = "https://news.example.org/feeds/") -> Project:
    project = Project(root, extra=f"feeds: {{url: '{url}', hub: [{', '.join(hubs)}]}}\n{more}")
    (root / "config.yaml").write_text(CONFIG + project.extra, encoding="utf-8")
    return project


def serve_feeds(origin: FaultOrigin, project: Project) -> None:
    """Serve the root feed from the disk, as a static host does."""

    def answer(_: Received) -> Reply:
        return Reply(body=(project.root / "feeds" / "atom.xml").read_bytes(), headers={"Content-Type": "application/atom+xml"})

    origin.add("/feeds/atom.xml", answer)


def test_subscribers_get_what_was_published_and_only_of_feeds_that_changed(tmp_path: Path) -> None:
    with FaultOrigin() as origin, Hub() as hub, Hub(reads="hub.topic") as other, Subscriber() as subscriber:
        topic = origin.url("/feeds/atom.xml")
        project = make_project(tmp_path, hub.url, other.url, url=origin.url("/feeds/"))
        serve_feeds(origin, project)
        subscriber.subscribe(hub, topic)
        project.post("a.md", title="First", categories="[A]")
        project.post("b.md", title="Second", categories="[B]")
        done = feedmill(tmp_path, "publish")
        assert done.err == ""
        assert b"First" in subscriber.next().body
        assert sorted(hub.topics) == sorted(other.topics) == [origin.url(f"/feeds/{path}atom.xml") for path in ("A/", "B/", "")]
        assert feedmill(tmp_path, "publish").err == ""
        assert len(hub.topics) == 3
        project.post("b.md", title="Changed", categories="[B]")
        feedmill(tmp_path, "publish", "--json").document  # noqa: B018 - it is one
        told = subscriber.next()
        assert b"Changed" in told.body
        assert told.body == (tmp_path / "feeds" / "atom.xml").read_bytes()
        assert f'<{topic}>; rel="self"' in told.headers["link"]
        assert sorted(hub.topics[3:]) == sorted(other.topics[3:]) == [origin.url(f"/feeds/{path}atom.xml") for path in ("B/", "")]


def test_a_hub_that_is_down_is_a_line_and_no_failure_and_the_next_run_tells_it(tmp_path: Path) -> None:
    with Hub([503, 202]) as hub:
        project = make_project(tmp_path, f"'{hub.url}?key=CANARY'")
        project.post("a.md")
        done = feedmill(tmp_path, "publish")
        assert done.out.endswith("1 post, 2 feeds: wrote 2\n")
        assert done.err == f"hub {hub.url}: it answered 503 Service Unavailable; it is told again later\n"
        # It waits a minute for what it did not take; what changes now it is told at once.
        project.post("b.md")
        sent = len(hub.pings)
        assert feedmill(tmp_path, "publish").err == ""
        assert len(hub.pings) == sent + 2


def test_a_dry_run_tells_nobody(tmp_path: Path) -> None:
    with Hub([500]) as hub:
        project = make_project(tmp_path, hub.url)
        project.post("a.md")
        assert feedmill(tmp_path, "publish", "--dry-run").err == ""
        assert hub.pings == []
        feedmill(tmp_path, "publish")
        sent = len(hub.pings)
        project.post("b.md")
        feedmill(tmp_path, "publish", "--dry-run")
        assert len(hub.pings) == sent > 0


def test_posts_that_are_skipped_change_nothing_in_that(tmp_path: Path) -> None:
    with Hub() as hub:
        project = make_project(tmp_path, hub.url)
        project.post("a.md")
        project.write("bad.md", "no front matter")
        feedmill(tmp_path, "publish", "--strict", status=1)
        assert len(hub.pings) == 2


def test_sync_tells_the_hubs_of_what_it_publishes(tmp_path: Path) -> None:
    with Hub() as hub, synced(tmp_path) as up:
        up.serve(items(1, 2))
        make_project(up.root, hub.url, more=up.config_text)
        feedmill(up.root, "sync", "--no-publish")
        assert hub.pings == []
        assert feedmill(up.root, "sync").err == ""
        assert len(hub.pings) == 2


def test_a_command_waits_for_hubs_ten_seconds_at_most() -> None:
    assert BRIEF.starting + BRIEF.answer < timedelta(seconds=10)


@pytest.mark.parametrize("hub", ["", "https://hub.example.org/"])
def test_a_publish_with_nothing_to_tell_loads_nothing_to_tell_it_with(tmp_path: Path, hub: str) -> None:
    make_project(tmp_path, *filter(None, [hub]))
    code = (
        "import sys\nfrom feedmill.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'aiohttp', 'asyncio', 'feedmill.producer.hubs', 'feedmill.producer.pinging',"
        " 'feedmill.upstream', 'importlib.metadata', 'secrets'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "--config", str(tmp_path / "config.yaml"), "publish"]
    environ = {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    subprocess.run(command, env=environ, check=True, capture_output=True)
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(["feedmill.producer.hubs"] if hub else [])
