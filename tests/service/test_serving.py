"""`feedmill serve`: a project as it is, without a byte written, whoever runs it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from commandline import feedmill, tree
from service.daemonrun import FEED, Manager, Running, configure, make_project, running, titles
from sites import CONFIG, Project


def published(folder: Path) -> Project:
    """A project with posts, and feeds of them."""
    project = make_project(folder)
    project.post("a.md", title="A", date="2026-01-02")
    project.post("b.md", title="B", date="2026-01-01")
    feedmill(project.root, "publish")
    return project


def look_at_everything(server: Running) -> None:
    """Ask for all that there is."""
    assert titles(server) == ["A", "B"]
    feed = server.get(FEED)
    assert server.get(FEED, If_None_Match=feed.headers["etag"]).status == 304
    assert server.get(FEED, method="POST").status == 405
    page = server.get("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "新闻" in page.body.decode()
    assert "正文" in server.get("/posts/a/").body.decode()
    assert server.get("/posts/c/").status == server.get("/feeds/none/atom.xml").status == server.get("/config.yaml").status == 404
    said = server.get("/healthz").document
    assert (said["status"], said["ready"], said["problems"], said["last_tick"], said["last_publish"]) == ("ok", True, [], None, None)
    assert server.number('feedmill_responses_total{status="405"}') == 1
    assert server.number("process_open_fds") > 0


#: What SQLite makes beside a database that is read, where it may.
SIDE_FILES = ("-wal", "-shm")


def without_side_files(root: Path) -> dict[str, bytes]:
    """Return every file with its bytes; times of folders change with SQLite's files beside a database."""
    return {path: data for path, (_, data) in tree(root).items() if not path.endswith(SIDE_FILES)}


@pytest.mark.long
def test_it_serves_what_is_there_and_writes_nothing(tmp_path: Path) -> None:
    project = published(tmp_path)
    before = without_side_files(project.root)
    with running(project.root, command="serve") as server:
        look_at_everything(server)
        assert server.processes() == []
        assert server.end(signal.SIGINT) == 0
    assert [line.split(" ", 2)[2].partition(":")[0] for line in server.log.splitlines()] == ["ready", "ended"]
    assert without_side_files(project.root) == before


@pytest.mark.long
def test_feeds_alone_are_served_where_nothing_else_was_brought(tmp_path: Path) -> None:
    """A machine to which feeds/ is copied has no posts and no databases, and gets none."""
    project = published(tmp_path)
    for folder in ("posts", ".feedmill"):
        for path in (project.root / folder).iterdir():
            path.unlink()
        (project.root / folder).rmdir()
    before = tree(project.root)
    with running(project.root, command="serve") as server:
        assert titles(server) == ["A", "B"]
        assert server.get("/").status == 200
        assert server.get("/posts/a/").status == 404
        assert server.get("/healthz").document["status"] == "ok"
    assert tree(project.root) == before


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder over itself, read-only; skips where this user may not."""
    with ExitStack() as stack:
        for options in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
            done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"this user cannot mount: {done.stderr.strip()}")
            if options[0] == "--bind":
                stack.callback(subprocess.run, ["umount", folder], check=True)
        yield


@pytest.mark.long
def test_a_folder_that_cannot_be_written_to_is_enough(tmp_path: Path) -> None:
    project = published(tmp_path)
    with read_only(project.root), running(project.root, command="serve") as server:
        look_at_everything(server)


@pytest.mark.long
def test_a_changed_configuration_is_taken_over_and_systemd_is_told(tmp_path: Path) -> None:
    project = published(tmp_path)
    with Manager(tmp_path / "notify") as manager:
        with running(project.root, command="serve", environ=manager.environ) as server:
            assert manager.hear() == f"READY=1\nSTATUS=serving {server.url}"
            configure(project, "server: {max_age: 77s}\n", base=CONFIG.replace("每日新闻", "Another"))
            assert manager.hear().startswith("RELOADING=1\nMONOTONIC_USEC=")  # it has looked by itself
            assert manager.hear() == f"READY=1\nSTATUS=serving {server.url}"
            assert manager.alive >= 1
            assert 77 <= int(server.get(FEED).headers["cache-control"].rpartition("=")[2]) <= 85
            assert "Another" in server.get("/").body.decode()

            configure(project, "server: {max_age: never}\n")
            assert [manager.hear().partition("=")[0] for _ in range(2)] == ["RELOADING", "READY"]
            server.tell(signal.SIGHUP)
            assert [manager.hear().partition("=")[0] for _ in range(2)] == ["RELOADING", "READY"]
            assert len(server.lines("ERROR", "server.max_age", "the configuration from before stays in force")) == 1
            assert "Another" in server.get("/").body.decode()
        assert manager.hear() == "STOPPING=1"
