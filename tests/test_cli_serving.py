"""`feedmill daemon` and `feedmill serve` from a shell: where they listen, what they refuse, and who may work beside them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from commandline import feedmill
from faultorigin import FaultOrigin, Reply
from service.daemonrun import PUBLISHER, STEP, Running, command_of, make_project, running, start, titles, with_sources
from upstream import items

#: Daemons that begin at one moment.
CROWD = 10


@contextmanager
def started(root: Path, *commands: tuple[str, ...]) -> Iterator[list[Running]]:
    """Run commands on the project in `root` at once; every one must end by itself within the block, or is killed at its end."""
    with ExitStack() as stack:
        runs = [start(command_of(root, *command), root.with_name(f"{number}.log")) for number, command in enumerate(commands)]
        for run in runs:
            stack.callback(run.kill)
        yield runs


def ended(run: Running) -> tuple[int, str]:
    """The exit status and all that was said."""
    return run.process.wait(60), run.log


def is_ready(run: Running) -> bool:
    """Wait until it says so, or has ended."""
    while not run.lines(" ready: "):
        if run.process.poll() is not None:
            return False
        time.sleep(STEP)
    return True


@pytest.mark.long
def test_what_cannot_be_is_said_in_a_line(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refusals = {
            ("daemon", "--port", port): (3, f"feedmill: 127.0.0.1:{port} is in use by another program"),
            ("serve", "--port", port): (3, f"feedmill: 127.0.0.1:{port} is in use by another program"),
            ("daemon", "--host", "no such host"): (2, "feedmill: no such host is no host that is known"),
            ("serve", "--port", "70000"): (2, "Invalid value for '--port'"),
        }
        with started(project.root, *refusals) as runs:
            for run, (status, message) in zip(runs, refusals.values(), strict=True):
                found, said = ended(run)
                assert (found, message in said, "Traceback" in said) == (status, True, False), said


@pytest.mark.long
def test_without_a_good_configuration_nothing_begins(tmp_path: Path) -> None:
    project = make_project(tmp_path, "feeds: {limit: none}\nserver:\n  prot: 1\n")
    with started(project.root, ("daemon",)) as (run,):
        status, said = ended(run)
        assert status == 2
        assert [line.partition(":")[0] for line in said.splitlines()[1:]] == ["  line 7", "  line 9"]
    (project.root / "config.yaml").unlink()
    with started(project.root, ("serve",)) as (run,):
        status, said = ended(run)
        assert (status, "feedmill init" in said) == (2, True), said
    assert {path.name for path in project.root.iterdir()} == {"posts"}


@pytest.mark.long
def test_where_it_listens(tmp_path: Path) -> None:
    project = make_project(tmp_path, "server: {host: 127.0.0.3, port: 1}\n")
    with running(project.root, "--host", "localhost", command="serve") as server:
        assert server.get("/healthz").status == 200
        assert server.url.startswith(("http://127.0.0.1:", "http://[::1]:"))


@pytest.mark.long
def test_without_http_it_does_everything_else(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.post("a.md", title="A")
    with running(project.root, "--no-http") as daemon:
        daemon.until((project.root / "feeds" / "atom.xml").exists)
        assert daemon.lines("INFO ready: serving nothing; sources: 0")
        project.post("b.md", title="B")
        daemon.until(lambda: len(project.parsed().entries) == 2)


@pytest.mark.long
def test_one_daemon_has_the_state_and_who_only_reads_or_publishes_may_work_beside_it(tmp_path: Path) -> None:
    with FaultOrigin() as origin:
        origin.add("/first", Reply(body=items(1)))
        origin.add("/second", Reply(body=items(2), headers={"Content-Type": "application/rss+xml"}))
        project = make_project(tmp_path, with_sources(origin, "/first", every="1h"))
        with running(project.root) as daemon:
            daemon.until(lambda: titles(daemon) == ["Title 1"])
            holder = f"held by another feedmill process (pid {daemon.process.pid})"
            assert holder in feedmill(project.root, "sync", status=3).err
            with started(project.root, ("daemon", "--port", "0")) as (other,):
                status, said = ended(other)
                assert (status, holder in said) == (3, True), said

            project.post("a.md", title="A", date="2025-01-01")
            assert feedmill(project.root, "publish", "--json").document["posts"] == 2
            assert feedmill(project.root, "status", "--json").document["sources"][0]["posts"] == 1
            assert feedmill(project.root, "check", "--json").document == {"problems": []}
            feedmill(project.root, "add", origin.url("/second"), "--name", "second")
            daemon.until(lambda: titles(daemon) == ["Title 2", "Title 1", "A"])
            feedmill(project.root, "remove", "second")
            daemon.until(lambda: daemon.lines("config.yaml was read anew; sources: 1"))
            assert titles(daemon) == ["Title 2", "Title 1", "A"]  # its posts stay
            assert not daemon.lines("ERROR")


@pytest.mark.long
def test_of_daemons_that_start_at_once_exactly_one_wins(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with started(project.root, *[("daemon", "--no-http")] * CROWD) as runs:
        winner = next(run for run in runs if is_ready(run))
        for loser in runs:
            if loser is not winner:
                status, said = ended(loser)
                assert (status, f"(pid {winner.process.pid})" in said) == (3, True), said
        assert winner.processes(PUBLISHER)
        assert winner.end() == 0
