"""The server while its configuration changes. What it answers otherwise: test_feedapp, test_pages, test_daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from feedmill.service.health import Health
from feedmill.service.metrics import Counts, Metrics
from feedmill.service.server import Site, WebServer
from service.asking import Answer, ask
from sites import Project

FEEDS = [f"{number}.xml" for number in range(40)]


def a_project(root: Path, feeds: str = "feeds") -> Project:
    return Project(root, extra=f"feeds:\n  dir: {feeds}\n")


def fill(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in FEEDS:
        (folder / name).write_text(f"<feed>{text * 50_000}{name}</feed>", encoding="utf-8")


def a_server(project: Project) -> WebServer:
    """A server without a socket: what it does with requests does not take one."""
    counts = Counts()
    health, metrics = Health(is_daemon=True), Metrics(counts)
    return WebServer([], lambda config, shelf: Site(config, shelf, counts=counts, health=health, metrics=metrics), project.config)


@pytest.mark.parametrize("after", ["feeds", "others"], ids=["the same folder", "another folder"])
def test_a_reader_whose_answer_is_under_way_while_the_configuration_changes_gets_it(tmp_path: Path, after: str) -> None:
    fill(tmp_path / "feeds", "a")
    fill(tmp_path / "others", "b")

    async def main() -> tuple[list[Answer], Answer]:
        server = a_server(a_project(tmp_path))
        asked = [asyncio.create_task(ask(server, f"/feeds/{name}", headers=[("Accept-Encoding", "gzip")])) for name in FEEDS]
        await asyncio.sleep(0.001)
        await server.adopt(a_project(tmp_path, after).config)
        return list(await asyncio.gather(*asked)), await ask(server, f"/feeds/{FEEDS[0]}")

    early, late = asyncio.run(main())
    assert {answer.status for answer in early} == {200}
    assert {answer.content[6:7] for answer in early} == {b"a"}
    assert late.content[6:7] == (b"a" if after == "feeds" else b"b")
