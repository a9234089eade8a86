"""Answers a second beside nginx: unchanged feeds (304), and whole ones, compressed and not."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from serving_servers import Answer, Server, feedmill, nginx
from serving_site import BenchSite
from serving_wrk import CONNECTIONS, Blast, blast

#: Seconds of the first round, which is not counted: feedmill compresses, both open their files.
_WARM = 1
#: As aggregators ask: newsboat, FreshRSS and Miniflux send about these.
_READER = {
    "User-Agent": "reader/2.1 (+https://reader.example/; 3 subscribers)",
    "Accept": "application/atom+xml, application/xml;q=0.9, */*;q=0.8",
}
_GZIP = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Question:
    """What is asked: a heading, the fields (given an answer to the same without a condition), and the share of nginx's rate to reach."""

    title: str
    first: Mapping[str, str]
    fields: Callable[[Answer], Mapping[str, str]]
    status: int
    aim: float | None


QUESTIONS = (
    Question("304, If-None-Match alone", {}, lambda had: {"If-None-Match": had.headers["etag"]}, 304, 0.4),
    Question(
        "304, as readers ask",
        _READER | _GZIP,
        lambda had: _READER | _GZIP | {"If-None-Match": had.headers["etag"], "If-Modified-Since": had.headers["last-modified"]},
        304,
        0.4,
    ),
    Question("200, gzip", _GZIP, lambda _: _GZIP, 200, 1.0),
    Question("200, identity", {}, lambda _: {}, 200, None),
)


@dataclass
class Contest:
    """One question put to all servers in turn."""

    question: Question
    blasts: dict[str, list[Blast]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def rate(self, name: str) -> float:
        """Median of answers a second."""
        return statistics.median(one.rate for one in self.blasts[name])

    @property
    def rows(self) -> list[str]:
        """One line a server, and how ours stands to the other."""
        lines = [f"{self.question.title}"]
        for name, blasts in self.blasts.items():
            rates = [one.rate for one in blasts]
            p99, cpu = (statistics.median(getattr(one, name) for one in blasts) for name in ("p99", "cpu"))
            lines.append(
                f"  {name:<16}{self.rate(name):>9,.0f}/s ({min(rates):,.0f}-{max(rates):,.0f})"
                f"{p99 * 1e3:>8.1f} ms p99{cpu * 1e6:>8.0f} µs of processor time and{blasts[0].size / 1e3:>7.2f} kB an answer"
            )
        if len(self.blasts) == 2:
            ours, theirs = (self.rate(name) for name in self.blasts)
            aim = self.question.aim
            verdict = "" if aim is None else f"; aim {aim:g}: {'reached' if ours >= aim * theirs else 'MISSED'}"
            lines.append(f"  {ours / theirs:.2f} of nginx's rate{verdict}")
        return lines + [f"  NOT THE SAME WORK: {complaint}" for complaint in dict.fromkeys(self.complaints)]


def contest(site: BenchSite, folder: Path, *, wrk: str, other: str | None, rounds: int, seconds: float) -> list[Contest]:
    """Put every question to `feedmill serve`, and to nginx where there is one, in turn."""
    path = site.feeds()[0]
    with ExitStack() as stack:
        servers = [stack.enter_context(feedmill("serve", site.folder))]
        if other is not None:
            servers.append(stack.enter_context(nginx(other, site.folder, folder)))
        contests = []
        for question in QUESTIONS:
            held = Contest(question)
            fields = {server.name: question.fields(server.get(path, question.first)) for server in servers}
            held.complaints += compare(servers, path, question, fields)
            for number in range(rounds + 1):
                for server in servers:
                    run = blast(wrk, server, path, headers=fields[server.name], seconds=seconds if number else _WARM, folder=folder)
                    if number:
                        held.blasts.setdefault(server.name, []).append(run)
                    if run.failed:
                        held.complaints.append(f"{server.name} failed {run.failed} times")
            contests.append(held)
        return contests


def compare(servers: Sequence[Server], path: str, question: Question, fields: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what is wrong with the answers: another status, another coding, other bytes than the file's."""
    wrong = []
    whole = servers[0].get(path).body
    for server in servers:
        answer = server.get(path, fields[server.name])
        coding = answer.headers.get("content-encoding", "identity")
        expected = "gzip" if question.status == 200 and "Accept-Encoding" in fields[server.name] else "identity"
        if (answer.status, coding) != (question.status, expected):
            wrong.append(f"{server.name} answers {answer.status} in {coding}, expected {question.status} in {expected}")
        elif answer.decoded != (whole if question.status == 200 else b""):
            wrong.append(f"{server.name} sends other bytes")
    return wrong


def describe_contest(site: BenchSite) -> str:
    """What is asked, by how many."""
    size = (site.folder / site.feeds()[0]).stat().st_size
    return f"One feed of {size / 1e3:.0f} kB, {CONNECTIONS} connections of one wrk thread, each server one process; they take turns"
