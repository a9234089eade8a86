"""The command line as people and scripts meet it: what is printed where, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feedmill.state.lock import writing
from sites import CONFIG, make_post


def run(*arguments: str, cwd: Path, status: int = 0, program: str = "feedmill") -> subprocess.CompletedProcess[str]:
    """Run `feedmill` (or `publish-feed`) as a process of its own and check its exit status."""
    entry = {"feedmill": "main", "publish-feed": "publish_feed"}[program]
    code = f"import sys; sys.argv[0] = {program!r}; from feedmill.cli import {entry}; {entry}()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / "posts").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "posts" / "a.md").write_text(make_post(title="甲", categories="[A, B]"))
    (tmp_path / "posts" / "b.md").write_text(make_post(title="乙", categories="[C]"))
    return tmp_path


def test_publish_prints_a_table_and_says_when_there_is_nothing_to_do(project):
    done = run("publish", cwd=project)
    assert done.stdout.splitlines() == [
        " entries  feed",
        "       2  feeds/atom.xml",
        "       1  feeds/A/atom.xml",
        "       1  feeds/A/B/atom.xml",
        "       1  feeds/C/atom.xml",
        "2 posts, 4 feeds: wrote 4",
    ]
    assert done.stderr == ""
    assert run(cwd=project, program="publish-feed").stdout == "2 posts, 4 feeds: wrote 0\n"


def test_publish_json_is_one_document_of_the_promised_shape(project):
    (project / "posts" / "bad.md").write_text("---\ntitle: *x\n---\n")
    done = run("publish", "--json", cwd=project)
    document = json.loads(done.stdout)
    assert document == {
        "posts": 2,
        "skipped": [{"path": "posts/bad.md", "line": 2, "reason": document["skipped"][0]["reason"]}],
        "repaired": [],
        "feeds": [
            {"path": "feeds/atom.xml", "category": "", "entries": 2, "changed": True},
            {"path": "feeds/A/atom.xml", "category": "A", "entries": 1, "changed": True},
            {"path": "feeds/A/B/atom.xml", "category": "A/B", "entries": 1, "changed": True},
            {"path": "feeds/C/atom.xml", "category": "C", "entries": 1, "changed": True},
        ],
        "archives": [],
        "removed": [],
    }
    assert "posts/bad.md:2: skipped: an alias" in done.stderr


def test_one_category(project):
    document = json.loads(run("publish", "--json", "A/B", cwd=project).stdout)
    assert [feed["path"] for feed in document["feeds"]] == ["feeds/A/B/atom.xml"]
    done = run("publish", "A/X", cwd=project, status=2)
    assert "no feed is called 'A/X'; did you mean" in done.stderr


def test_strict_exits_with_1_after_doing_the_rest(project):
    (project / "posts" / "bad.md").write_text("no front matter")
    done = run("--strict", cwd=project, program="publish-feed", status=1)
    assert "wrote 4, skipped 1 file" in done.stdout
    assert (project / "feeds" / "atom.xml").exists()


def test_a_dry_run_says_what_it_would_write(project):
    assert "would write 4" in run("publish", "--dry-run", cwd=project).stdout
    assert not (project / "feeds").exists()
    assert not (project / ".feedmill").exists()


def test_another_config_is_the_root_of_its_own_paths(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run("--config", str(project / "config.yaml"), cwd=elsewhere, program="publish-feed")
    assert (project / "feeds" / "atom.xml").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("site:\n  title: x\n", ["site.url"], id="required"),
        pytest.param("site:\n  titel: x\n  url: nope\nfeeds: {limit: 0}\n", ["site.titel", "site.url", "feeds.limit"], id="all-at-once"),
        pytest.param("site: [", ["line"], id="no-yaml"),
        pytest.param("", ["feedmill init"], id="empty"),
    ],
)
def test_a_bad_configuration_exits_with_2_and_names_every_place(project, text, expected):
    (project / "config.yaml").write_text(text)
    done = run("publish", cwd=project, status=2)
    assert done.stdout == ""
    for words in expected:
        assert words in done.stderr


def test_no_configuration_exits_with_2_and_says_what_to_do(tmp_path):
    assert "feedmill init" in run("publish", cwd=tmp_path, status=2).stderr


def test_a_wrong_option_exits_with_2(project):
    assert "No such option" in run("publish", "--ful", cwd=project, status=2).stderr


def test_a_folder_of_posts_that_is_missing_exits_with_3(project):
    (project / "config.yaml").write_text(CONFIG + "posts: {dir: nowhere}\n")
    assert "cannot be read" in run("publish", cwd=project, status=3).stderr


@pytest.mark.long
def test_a_held_lock_is_waited_for(project):
    with writing(project / ".feedmill" / "lock"):
        process = subprocess.Popen(
            [sys.executable, "-c", "from feedmill.cli import main; main()", "publish"],
            cwd=project,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"wrote 4" in out


def test_a_feed_folder_that_cannot_be_written_exits_with_3_and_changes_nothing(project):
    run("publish", cwd=project)
    before = (project / "feeds" / "atom.xml").read_bytes()
    (project / "posts" / "c.md").write_text(make_post(title="丙", categories="[D]"))
    (project / "feeds" / "D").write_text("a file where a folder is needed")
    done = run("publish", cwd=project, status=3)
    assert "feeds/D" in done.stderr
    assert (project / "feeds" / "atom.xml").read_bytes() == before
    assert not list(project.rglob("*.tmp"))
    (project / "feeds" / "D").unlink()
    assert "wrote 2" in run("publish", cwd=project).stdout


def test_check(project):
    run("publish", cwd=project)
    assert run("check", cwd=project).stdout == "no problems\n"
    (project / "posts" / "bad.md").write_text("---\ntitle: *x\n---\n")
    (project / "posts" / "tags.md").write_text(make_post(body="{% note %}x{% endnote %}", date="x"))
    (project / "feeds" / "C" / "atom.xml").write_text("<feed>")
    done = run("check", "--json", cwd=project, status=1)
    problems = json.loads(done.stdout)["problems"]
    assert [(problem["path"], problem["line"], problem["rule"]) for problem in problems] == [
        ("feeds/C/atom.xml", 0, "foreign"),
        ("posts/bad.md", 2, "refused"),
        ("posts/tags.md", 4, "date"),
        ("posts/tags.md", 8, "template"),
    ]
    assert "posts/bad.md:2: an alias" in run("check", cwd=project, status=1).stdout


def test_check_lists_what_is_wrong_with_the_configuration(project):
    (project / "config.yaml").write_text(CONFIG + "feeds: {limit: no}\nposts: {dirr: x}\n")
    problems = json.loads(run("check", "--json", cwd=project, status=1).stdout)["problems"]
    assert {(problem["path"], problem["rule"]) for problem in problems} == {("config.yaml", "config")}
    assert len(problems) == 2


def test_write_ids_makes_ids_independent_of_place_and_memory(project):
    before = json.loads(run("publish", "--json", cwd=project).stdout)
    feed = (project / "feeds" / "atom.xml").read_bytes()
    assert "wrote ids into 2 files" in run("check", "--write-ids", cwd=project).stderr
    text = (project / "posts" / "a.md").read_text()
    assert "guid: 'urn:uuid:" in text
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("guid:")]
    assert "".join(lines) == make_post(title="甲", categories="[A, B]")
    after = json.loads(run("publish", "--json", cwd=project).stdout)
    assert [item["path"] for item in after["feeds"]] == [item["path"] for item in before["feeds"]]
    assert (project / "feeds" / "atom.xml").read_bytes() == feed
    (project / "posts" / "a.md").rename(project / "posts" / "moved.md")
    for name in ("catalog.db", "state.db"):
        (project / ".feedmill" / name).unlink()
    run("publish", cwd=project)
    ids = [line for line in feed.splitlines() if b"<id>" in line]
    assert [line for line in (project / "feeds" / "atom.xml").read_bytes().splitlines() if b"<id>" in line] == ids
    assert "wrote ids into 0 files" in run("check", "--write-ids", cwd=project).stderr


def test_init_makes_a_project_that_publishes(tmp_path):
    run("init", "site", cwd=tmp_path)
    done = run("publish", cwd=tmp_path / "site")
    assert "1 post" in done.stdout
    assert "exists and is left as it is" in run("init", "site", cwd=tmp_path, status=2).stderr


def test_help_names_every_command():
    out = run("--help", cwd=Path.cwd()).stdout
    for command in ("publish", "check", "init"):
        assert command in out


def test_names_that_anybody_wrote_cannot_steer_a_terminal(project):
    (project / "posts" / "x\x1b[31m.md").write_text("no front matter")
    assert "\x1b" not in run("publish", cwd=project).stderr
