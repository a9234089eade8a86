"""Disk full, no permission, killed: readers keep the old feeds byte for byte, and the next run makes it whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from feedmill.durable import FileSystems
from feedmill.errors import StorageError
from feedmill.posts.catalog import Catalog
from feedmill.producer.write_ids import write_ids
from machine import mounted, without_root_rights
from sites import CONFIG, NOW, Project


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 800 kB."""
    with mounted(tmp_path / "feeds", "size=800k") as folder:
        yield folder


def test_a_full_disk_changes_nothing(tmp_path, small_disk):
    project = Project(tmp_path)
    project.post("a.md", categories="[A]", body="<p>" + "x" * 50_000 + "</p>")
    project.publish()
    before = project.feeds()
    project.post("b.md", categories="[B]", body="<p>" + "y" * 700_000 + "</p>")
    with pytest.raises(StorageError, match="free some space") as caught:
        project.publish()
    assert caught.value.exit_status == 3
    assert project.feeds() == before
    assert not (small_disk / "B").exists()
    project.post("b.md", categories="[B]", body="<p>small</p>")
    project.publish()
    assert {"B/atom.xml", "atom.xml"} <= set(project.feeds())


@pytest.mark.parametrize("left", [0, 60_000, 120_000, 200_000, 300_000])
def test_a_disk_that_fills_up_anywhere_changes_nothing(small_disk, left):
    """Posts, feeds and databases on one small file system; whatever cannot be written, the feeds are the old or the new ones."""
    project = Project(small_disk / "site")
    for number in range(3):
        project.post(f"{number}.md", title=str(number), categories=f"[C{number}]")
    project.publish()
    before = project.feeds()
    for number in range(3, 6):
        project.post(f"{number}.md", title=str(number), categories=f"[C{number}]")
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * max(0, free - left))
    try:
        project.publish()
    except StorageError:
        assert project.feeds() == before
    filler.unlink()
    project.publish()
    assert len(project.feeds()) == 7
    assert not list(project.root.rglob("*.tmp"))


def test_a_folder_without_permission_changes_nothing():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = Project(folder)
        project.post("a.md", categories="[A]")
        project.publish()
        before = project.feeds()
        project.post("b.md", categories="[A]")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        (folder / "feeds" / "A").chmod(0o555)
        with without_root_rights():
            if os.access(folder / "feeds" / "A", os.W_OK, effective_ids=True):
                pytest.skip("this user may write everywhere")
            with pytest.raises(StorageError, match="permission") as caught:
                project.publish()
        assert caught.value.exit_status == 3
        assert project.feeds() == before


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["closed", "names alone"])
def test_posts_of_a_folder_that_cannot_be_read_stay_in_the_feeds(mode):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = Project(folder)
        for path in ("a.md", "b.md", "closed/c.md", "closed/in/d.html"):
            project.post(path, title=path, categories="[A]")
        project.publish()
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        closed = folder / "posts" / "closed"
        closed.chmod(mode)
        project.post("e.md", title="e.md", categories="[A]")
        (folder / "posts" / "b.md").unlink()
        with without_root_rights():
            if os.access(closed, os.X_OK, effective_ids=True):
                pytest.skip("this user may read everything")
            report = project.publish()
        assert {entry.title for entry in project.parsed("A/atom.xml").entries} == {"a.md", "closed/c.md", "closed/in/d.html", "e.md"}
        assert {problem.rule for problem in report.skipped} == {"unreadable"}
        closed.chmod(0o755)
        (closed / "c.md").unlink()
        assert not project.publish().skipped
        assert {entry.title for entry in project.parsed("A/atom.xml").entries} == {"a.md", "closed/in/d.html", "e.md"}


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["closed", "names alone"])
def test_posts_of_a_folder_that_cannot_be_read_come_back_after_feeds_were_made_anew_without_them(mode):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = Project(folder)
        project.post("a.md", title="a.md", categories="[A]")
        project.post("closed/c.md", title="c.md", categories="[C]")
        project.post("closed/d.md", title="d.md", categories="[A]")
        project.publish()
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        closed = folder / "posts" / "closed"
        closed.chmod(mode)
        with without_root_rights():
            if os.access(closed, os.X_OK, effective_ids=True):
                pytest.skip("this user may read everything")
            report = project.publish(is_full=True)
        assert {problem.rule for problem in report.skipped} == {"unreadable", "refused"}
        assert {entry.title for entry in project.parsed("A/atom.xml").entries} == {"a.md"}
        assert not (folder / "feeds" / "_redirects").exists()  # nothing is gone for good
        closed.chmod(0o755)
        assert not project.publish().skipped
        assert {entry.title for entry in project.parsed("A/atom.xml").entries} == {"a.md", "d.md"}
        assert {entry.title for entry in project.parsed("C/atom.xml").entries} == {"c.md"}
        assert not (folder / "feeds" / "_redirects").exists()


def test_ids_are_written_to_what_can_be_read_and_the_rest_is_named():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = Project(folder)
        open_post, _ = project.post("a.md"), project.post("closed/c.md")
        project.publish()
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        (folder / "posts" / "closed").chmod(0)
        with without_root_rights():
            if os.access(folder / "posts" / "closed", os.X_OK, effective_ids=True):
                pytest.skip("this user may read everything")
            count, (problem,) = write_ids(project.config)
        (folder / "posts" / "closed").chmod(0o755)
        assert (count, problem.path, "Permission denied" in problem.message) == (1, "posts/closed/c.md", True)
        assert b"guid: " in open_post.read_bytes()


def test_many_feeds_that_do_not_get_to_the_disk_change_nothing(tmp_path, monkeypatch):
    project = Project(tmp_path)
    for number in range(40):
        project.post(f"{number}.md", categories=f"[C{number}]")

    def fail(file_systems: FileSystems) -> None:
        if file_systems._opened:
            raise StorageError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(FileSystems, "are_honest", True)
        patched.setattr(FileSystems, "sync", fail)
        with pytest.raises(StorageError, match="no room"):
            project.publish()
    assert not project.feeds()
    assert not list(project.root.rglob("*.tmp"))
    with contextlib.closing(Catalog(project.config.catalog_path)) as catalog:
        assert catalog.count_files() == 0
    project.publish()
    assert len(project.feeds()) == 41


@pytest.mark.long
def test_killed_at_any_moment_it_is_made_whole_by_the_next_run(tmp_path):
    whole = Project(tmp_path / "whole")
    for number in range(60):
        whole.post(f"{number}.md", title=str(number), categories=f"[A, B{number % 7}]", date=f"2026-01-01 00:00:{number:02d}")
    whole.publish()
    wanted = whole.feeds()

    project = Project(tmp_path / "killed")
    shutil.copytree(whole.root / "posts", project.root / "posts", dirs_exist_ok=True)
    (project.root / "config.yaml").write_text(CONFIG)
    for turn in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", "from feedmill.cli import publish_feed; publish_feed()", "--full"],
            cwd=project.root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for_staging(project, process, files=1 + 2 * turn)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for file, data in project.feeds().items() if (project.root / "feeds").exists() else ():
            assert Path(file).name.startswith(".feedmill-") or data == wanted[file]
    project.publish(now=NOW)
    assert project.feeds() == wanted
    assert not list(project.root.rglob("*.tmp"))


def _wait_for_staging(project: Project, process: subprocess.Popen, *, files: int) -> None:
    """Return when so many feeds are staged, or the process is through."""
    while process.poll() is None and len(list((project.root / "feeds").rglob("*.tmp"))) < files:
        time.sleep(0.0005)
