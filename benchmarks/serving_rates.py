"""Answers a second beside nginx: unchanged feeds (304), and whole ones, compressed and not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from aims import AS_READERS, RATES
from options import Options
from results import Numbers, Part, Turn, Work, take_turns
from serving_servers import Answer, Server, feedmill, nginx
from serving_site import BenchSite
from serving_wrk import CONNECTIONS, blast

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
    """What is asked: a heading, the fields (given an answer to the same without a condition), and the status of the answer."""

    title: str
    first: Mapping[str, str]
    fields: Callable[[Answer], Mapping[str, str]]
    status: int


QUESTIONS = (
    Question("304, If-None-Match alone", {}, lambda had: {"If-None-Match": had.headers["etag"]}, 304),
    Question(
        AS_READERS,
        _READER | _GZIP,
        lambda had: _READER | _GZIP | {"If-None-Match": had.headers["etag"], "If-Modified-Since": had.headers["last-modified"]},
        304,
    ),
    Question("200, gzip", _GZIP, lambda _: _GZIP, 200),
    Question("200, identity", {}, lambda _: {}, 200),
)


def contest(part: Part, site: BenchSite, options: Options, *, wrk: str, other: str | None) -> None:
    """Put every question to `feedmill serve`, and to nginx where there is one, in turn."""
    path = site.feeds()[0]
    with ExitStack() as stack:
        servers = [stack.enter_context(feedmill("serve", site.folder))]
        if other is not None:
            servers.append(stack.enter_context(nginx(other, site.folder, options.folder)))
        for question in QUESTIONS:
            work = part.begin(f"{RATES}: {question.title}", CONNECTIONS, "connections")
            fields = {server.name: question.fields(server.get(path, question.first)) for server in servers}
            work.complaints += compare(servers, path, question, fields)

            def ask(server: Server, number: int, *, work: Work = work, fields: Mapping[str, Mapping[str, str]] = fields) -> Numbers:
                seconds = options.seconds if number else _WARM
                run = blast(wrk, server, path, headers=fields[server.name], seconds=seconds, folder=options.folder)
                if run.failed:
                    work.complaints.append(f"{server.name} failed {run.failed} times")
                return {name: value for name, value in vars(run).items() if name != "failed"}

            turns = [Turn(server.name.partition(" ")[0], lambda number, server=server: ask(server, number)) for server in servers]
            take_turns(work, turns, options.rounds)


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
