"""Disk full, no permission, killed: readers keep the old feeds byte for byte, and the next run makes it whole."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from feedmill.errors import StorageError
from sites import CONFIG, NOW, Project


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 400 kB."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small file system here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_changes_nothing(tmp_path, small_disk):
    project = Project(tmp_path)
    project.post("a.md", categories="[A]", body="<p>" + "x" * 50_000 + "</p>")
    project.publish()
    before = project.feeds()
    project.post("b.md", categories="[B]", body="<p>" + "y" * 300_000 + "</p>")
    with pytest.raises(StorageError, match="free some space") as caught:
        project.publish()
    assert caught.value.exit_status == 3
    assert project.feeds() == before
    project.post("b.md", categories="[B]", body="<p>small</p>")
    assert {"B/atom.xml", "atom.xml"} <= set(project.feeds() if project.publish() else ())


def test_a_folder_without_permission_changes_nothing(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    project = Project(tmp_path)
    project.post("a.md", categories="[A]")
    project.publish()
    before = project.feeds()
    project.post("b.md", categories="[A]")
    (tmp_path / "feeds" / "A").chmod(0o555)
    with pytest.raises(StorageError, match="permission"):
        project.publish()
    (tmp_path / "feeds" / "A").chmod(0o755)
    assert project.feeds() == before


@pytest.mark.slow
def test_killed_at_any_moment_it_is_made_whole_by_the_next_run(tmp_path):
    whole = Project(tmp_path / "whole")
    for number in range(60):
        whole.post(f"{number}.md", title=str(number), categories=f"[A, B{number % 7}]", date=f"2026-01-01 00:00:{number:02d}")
    whole.publish()
    wanted = whole.feeds()

    project = Project(tmp_path / "killed")
    shutil.copytree(whole.root / "posts", project.root / "posts", dirs_exist_ok=True)
    (project.root / "config.yaml").write_text(CONFIG)
    rng = random.Random(7)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", "from feedmill.cli import publish_feed; publish_feed()", "--full"],
            cwd=project.root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(0.1, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for file, data in project.feeds().items() if (project.root / "feeds").exists() else ():
            assert Path(file).name.startswith(".feedmill-") or data == wanted[file]
    project.publish(now=NOW)
    assert project.feeds() == wanted
    assert not list(project.root.rglob("*.tmp"))
