"""What goes wrong around a running daemon: its children are killed, its disk is full, its posts are gone; and what it tells of itself."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from faultorigin import FaultOrigin, Received, Reply
from machine import mounted
from service.daemonrun import (
    FEED,
    PUBLISHER,
    READER,
    Manager,
    Offset,
    Process,
    Running,
    configure,
    make_project,
    running,
    titles,
    with_sources,
)
from upstream import items, rss, rss_item


def worked(process: Process) -> float:
    """The processor time of a process, in seconds."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def health(daemon: Running) -> dict[str, object]:
    """What /healthz says beside 200."""
    answer = daemon.get("/healthz")
    assert (answer.status, answer.headers["content-type"], answer.headers["cache-control"]) == (200, "application/json", "no-store")
    return answer.document


def problems(daemon: Running) -> set[str]:
    """What /healthz says is wrong."""
    said = health(daemon)
    assert said["status"] == ("degraded" if said["problems"] else "ok")
    return {str(problem) for problem in said["problems"]}  # type: ignore[attr-defined]


#: Seconds of processor time in which a reader has started, at most.
STARTED = 0.7


@pytest.mark.long
def test_a_publisher_that_is_killed_is_replaced(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="A")
    with running(project.root) as daemon:
        daemon.until_published()
        (first,) = daemon.processes(PUBLISHER)
        os.kill(first.pid, signal.SIGKILL)  # it has nothing to do, as a rule
        daemon.until(lambda: daemon.processes(PUBLISHER) != [first])
        project.post("b.md", title="B", date="2026-01-01")
        daemon.until(lambda: titles(daemon) == ["A", "B"] and not problems(daemon))

        (second,) = daemon.processes(PUBLISHER)
        os.kill(second.pid, signal.SIGSTOP)
        project.post("c.md", title="C", date="2025-12-31")
        time.sleep(1)  # until it has work, as a rule
        os.kill(second.pid, signal.SIGKILL)
        daemon.until(lambda: titles(daemon) == ["A", "B", "C"] and not problems(daemon))
        assert daemon.number("feedmill_printers_died_total") == 2
        (third,) = daemon.processes(PUBLISHER)
        assert len({first.pid, second.pid, third.pid}) == 3


@pytest.mark.long
def test_H16_a_reader_that_is_killed_costs_one_fetch(tmp_path: Path) -> None:
    clock = Offset(tmp_path / "clock")
    with FaultOrigin() as origin:
        many = '<category term="c"/>' * 400
        slow = rss(*(f"<item><guid>{number}</guid>{many}</item>" for number in range(1_000)))
        origin.script("/heavy", [Reply(body=items(1)), Reply(body=slow), Reply(body=items(1, 2))])
        origin.script("/light", [Reply(body=items(3)), Reply(body=items(3, 4))])
        with running(make_project(tmp_path, with_sources(origin, "/heavy", "/light")).root, clock=clock) as daemon:
            daemon.until(lambda: set(titles(daemon)) == {"Title 1", "Title 3"})
            before = {process: worked(process) for process in daemon.processes(READER)}
            clock.pass_(minutes=2)
            daemon.until(lambda: any(worked(process) > before.get(process, STARTED) + 0.15 for process in daemon.processes(READER)))
            busiest = max(daemon.processes(READER), key=lambda process: worked(process) - before.get(process, STARTED))
            os.kill(busiest.pid, signal.SIGKILL)
            daemon.until(lambda: daemon.lines("WARNING source heavy: failed: the parser crashed (SIGKILL)"))
            daemon.until(lambda: "Title 4" in titles(daemon))
            assert daemon.number('feedmill_fetches_total{result="failed"}') == daemon.number("feedmill_children_killed_total") == 1

            clock.pass_(minutes=10)
            daemon.until(lambda: "Title 2" in titles(daemon))


@pytest.mark.long
def test_H1_a_full_disk_stops_nothing_that_is_served_and_heals(tmp_path: Path) -> None:
    clock = Offset(tmp_path / "clock")
    with FaultOrigin() as origin, mounted(tmp_path / "disk", "size=40m") as disk:
        origin.script("/up", [Reply(body=items(1)), Reply(body=items(1, 2))])
        project = make_project(disk, with_sources(origin, "/up"))
        project.post("a.md", title="A", date="2026-05-01")
        with running(project.root, clock=clock, log=tmp_path / "log") as daemon:
            daemon.until(lambda: titles(daemon) == ["A", "Title 1"])
            daemon.until(lambda: not problems(daemon))
            whole = daemon.get(FEED)
            fill(disk / "filler")

            post = project.root / "posts" / "a.md"
            post.rename(project.root / "posts" / "b.md")  # which needs no room, and changes the feed
            clock.pass_(minutes=2)
            daemon.until(lambda: problems(daemon) == {"disk", "publish", "sync"})
            assert daemon.get(FEED).body == whole.body
            assert daemon.get("/").status == 200
            assert daemon.lines("ERROR syncing stands still:", "free space")
            assert daemon.lines("ERROR not published:", "free space")

            (disk / "filler").unlink()
            daemon.until(lambda: titles(daemon) == ["A", "Title 2", "Title 1"] and not problems(daemon))
        assert not list(disk.rglob(".feedmill-*.tmp"))


def fill(file: Path) -> None:
    """Leave no room on the disk of `file`."""
    with file.open("wb", buffering=0) as stream:
        for size in (2**20, 4096, 512):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                pass


@pytest.mark.long
def test_a_folder_of_posts_that_went_away_empties_no_feed(tmp_path: Path) -> None:
    clock = Offset(tmp_path / "clock")
    with FaultOrigin() as origin:
        origin.script("/up", [Reply(body=items(1, 2)), Reply(body=items(1, 2, 3))])
        project = make_project(tmp_path, with_sources(origin, "/up"))
        project.post("a.md", title="A", date="2025-01-01")
        with running(project.root, clock=clock) as daemon:
            daemon.until(lambda: titles(daemon) == ["Title 2", "Title 1", "A"])
            whole = daemon.get(FEED)
            posts, away = project.root / "posts", project.root / "away"
            posts.rename(away)
            daemon.until(lambda: daemon.lines("ERROR not published: the folder of posts", "cannot be read: No such file or directory"))
            assert "publish" in problems(daemon)

            posts.mkdir()  # the mount point of a disk that is not there
            clock.pass_(minutes=2)
            daemon.until(lambda: daemon.lines("ERROR not published:", "holds no posts, where there were 3: nothing was changed"))
            daemon.until(lambda: len(origin.requests("/up")) == 2 or "sync" in problems(daemon))
            assert daemon.get(FEED).body == whole.body

            for path in sorted(posts.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            posts.rmdir()
            away.rename(posts)
            clock.pass_(minutes=10)
            daemon.until(lambda: titles(daemon) == ["Title 3", "Title 2", "Title 1", "A"] and not problems(daemon))
            assert not (posts / ".feedmill-deleted").exists()
            assert daemon.lines("INFO publishing works again")


@pytest.mark.long
def test_systemd_is_told_how_it_goes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md")
    with Manager(tmp_path / "notify") as manager:
        with running(project.root, environ=manager.environ) as daemon:
            assert manager.hear() == f"READY=1\nSTATUS=serving {daemon.url}; sources: 0"
            # A name of the file of which nobody is told, as an editor in a container has one.
            os.link(project.root / "config.yaml", other := tmp_path / "other.yaml")
            other.write_text(other.read_text() + "server: {max_age: 77s}\n")
            daemon.tell(signal.SIGHUP)
            assert manager.hear().startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert manager.hear() == "READY=1\nSTATUS=sources: 0"
            daemon.until_published()
            assert 77 <= int(daemon.get(FEED).headers["cache-control"].rpartition("=")[2]) <= 85
        while (said := manager.hear()) != "STOPPING=1":
            assert said.startswith(("RELOADING=1", "READY=1"))  # the other name was looked at after all
        assert manager.alive >= 1


CANARY = "CANARY-5d1c"
#: Mistakes in places that hold secrets.
MISTAKES = (
    f"url: 'ftp://user:{CANARY}@x.example/'",
    f"url: 'http://user:{CANARY}@x..example/'",
    f"url: http://x.example/, headers: {{'X Y': {CANARY}}}",
    f"url: http://x.example/, headers: {{X-Key: [{CANARY}]}}",
    f"url: 'http://x.example/?token={CANARY}",
)


def failing(origin: FaultOrigin) -> str:
    """Sources that hold secrets in every place that may, and fail in every way that says why."""
    place = origin.url("").removeprefix("http://")

    def echo(got: Received) -> Reply:
        return Reply(status=500, body=str(got.headers).encode(), headers={"X-Echo": got.target})

    origin.add("/userinfo", echo)
    origin.add("/token", Reply(body=f"<html>{CANARY}</html>".encode(), headers={"Content-Type": "text/html"}))
    origin.add("/header", Reply(status=302, headers={"Location": f"http://user:{CANARY}@{place}/header?token={CANARY}"}))
    origin.add("/variable", Reply(body=b"\x1f\x8b broken", headers={"Content-Encoding": "gzip"}))
    origin.add("/good", Reply(body=rss(rss_item(1))))
    sources = {
        "userinfo": f"url: 'http://user:{CANARY}@{place}/userinfo'",
        "token": f"url: 'http://{place}/token?token={CANARY}'",
        "header": f"url: 'http://{place}/header', headers: {{X-Key: {CANARY}}}",
        "variable": f"url: 'http://{place}/variable?t=${{SECRET}}', headers: {{Authorization: 'Bearer ${{SECRET}}'}}",
        "good": f"url: 'http://user:{CANARY}@{place}/good?token={CANARY}', headers: {{X-Key: '${{SECRET}}'}}",
        "refused": f"url: 'http://user:{CANARY}@127.0.0.2:1/?token={CANARY}'",
    }
    listed = "".join(f"  - {{name: {name}, every: 1m, {keys}}}\n" for name, keys in sources.items())
    return f"server: {{access_log: true}}\nsync:\n  allow_networks: [127.0.0.0/8]\nsources:\n{listed}"


@pytest.mark.long
def test_I15_I16_what_is_told_of_itself_is_all_that_is_documented_and_no_secret(tmp_path: Path, root: Path) -> None:
    with FaultOrigin() as origin:
        written = failing(origin)
        project = make_project(tmp_path, written)
        with running(project.root, environ={"SECRET": CANARY}) as daemon:
            daemon.until(lambda: daemon.number('feedmill_fetches_total{result="failed"}') == 5)
            daemon.until(lambda: titles(daemon) == ["Title 1"])
            assert origin.requests("/good")[0].header("x-key") == CANARY
            for number, wrong in enumerate(MISTAKES, 1):
                configure(project, f"{written}  - {{name: wrong, {wrong}}}\n")
                daemon.until(lambda number=number: len(daemon.lines("ERROR", "stays in force")) == number)
            paths = ("/", "/metrics", "/healthz", FEED, "/feeds/", "/posts/none/", "/none")
            said = {path: daemon.get(path).body.decode() for path in paths}
            assert daemon.get("/a%0d%0aX%1b%5b31m?b=%0a").status == 404
            told = health(daemon)
        documented = (root / "docs" / "service.md").read_text(encoding="utf-8")
        assert set(told) == set(json.loads(next(line for line in documented.splitlines() if line.startswith('{"status"'))))
        names = set(re.findall(r"`(feedmill_\w+)[{`]", documented))
        assert len(names) > 15
        assert {name for name in names if f"# HELP {name} " not in said["/metrics"]} == set()

        (project.root / "config.yaml").unlink()
        written_files = {str(path): path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
        assert {path for path, text in said.items() if CANARY in text} == set()
        assert {path for path, data in written_files.items() if CANARY.encode() in data} == set()
        assert CANARY not in daemon.log
        assert "\x1b" not in daemon.log
        assert "upstream.example.org" not in said["/metrics"] + said["/healthz"]
        assert len(daemon.lines("WARNING source", ": failed: ")) == 5
