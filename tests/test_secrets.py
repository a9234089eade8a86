"""Secrets that are planted everywhere they may stand turn up nowhere else (faults I16), and no text of others forges a line (I17).

Every place has a canary of its own, so that a failure says which one flew. A canary may stand in config.yaml alone; the query of a
hub's address is public by design (docs/websub.md), its password is not.
"""

from __future__ import annotations

import json
import logging
import re
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from commandline import Said, feedmill, tree
from faultorigin import FaultOrigin, Received, Reply
from feedmill.consumer.fetch import Limits
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.sync import Request, sync
from feedmill.consumer.syncreport import SyncReport
from fetching import Names
from hub import Hub
from service.daemonrun import FEED, Running, make_project, running
from sites import CONFIG, Project
from syncing import Clock
from upstream import rss, rss_item

PLACES = ("variable", "userinfo", "query", "header", "proxy", "hub", "moved", "wrong")
CANARIES = {place: f"CANARY-{place}-5d1e7b" for place in PLACES}
ENVIRON = {"FEEDMILL_SECRET": CANARIES["variable"], "FEEDMILL_PROXY_WORD": CANARIES["proxy"]}
#: Users whose passwords canaries are.
USERS = ("user", "me")


def traces(text: str | bytes) -> set[str]:
    """The canaries that a text holds: as they are, or as HTTP's Basic scheme sends them."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    found = set()
    for place, canary in CANARIES.items():
        forms = [canary.encode(), quote(canary, safe="").encode(), canary.encode("utf-16-le"), canary[::-1].encode()]
        forms += [b64encode(f"{user}:{canary}".encode())[:-4] for user in USERS]
        if any(form in data for form in forms):
            found.add(place)
    return found


def test_the_scan_finds_a_canary_however_it_stands() -> None:
    canary = CANARIES["header"]
    for text in (f"x{canary}y", f"http://me:{canary}@h/", canary.encode("utf-16-le"), b"Basic " + b64encode(f"me:{canary}".encode())):
        assert traces(text) == {"header"}
    assert traces("CANARY-") == set()


def echo(status: int, **headers: str) -> Callable[[Received], Reply]:
    """A host that says everything that it was told: in the body, in fields, and as a feed's own address."""

    def answer(got: Received) -> Reply:
        said = f"{got.target} {got.headers}"
        body = rss(head=f"<title>T</title><link>https://x.example/</link><description>d</description><!-- {said.replace('--', '- -')} -->")
        return Reply(status=status, body=body, headers={"X-Echo": got.target, "ETag": f'"{status}"', **headers})

    return answer


def says_it_all(got: Received) -> Reply:
    """A status line and an error of HTTP itself with what was sent."""
    return Reply(raw=b"HTTP/1.1 500 " + f"{got.target} {got.headers}".encode("latin-1") + b"\r\nX: y\r\nContent-Length: 0\r\n\r\n")


def no_http(got: Received) -> Reply:
    """An answer against the rules that quotes the request."""
    return Reply(raw=f"{got.target} {got.headers}\r\n\r\n".encode("latin-1"))


def bad_length(got: Received) -> Reply:
    """A field against the rules that quotes the request."""
    return Reply(raw=f"HTTP/1.1 200 OK\r\nContent-Length: {got.target}\r\n\r\n".encode("latin-1"))


def good_feed(got: Received) -> Reply:
    """Two entries; the feed says of itself under which address, secrets and all, it was fetched."""
    own = f"http://{got.header('host')}{got.target}".replace("&", "&amp;")
    head = (
        f"<title>Upstream</title><link>https://upstream.example.org/</link><description>d</description><atom:link "
        f'xmlns:atom="http://www.w3.org/2005/Atom" rel="self" href="{own}"/>'
    )
    return Reply(body=rss(rss_item(1), rss_item(2), head=head), headers={"ETag": '"good"'})


def moved(to: str, status: int = 302) -> Callable[[Received], Reply]:
    """A redirect, with another secret in its address."""
    return lambda _: Reply(status=status, headers={"Location": to})


def answers(origin: FaultOrigin, other: FaultOrigin) -> dict[str, Any]:
    """Every kind of source by its name: what its host answers."""
    token = f"?token={CANARIES['moved']}"
    return {
        "good": good_feed,
        "slow": Reply(body=b"x", delay=30),
        "drips": Reply(body=b"x" * 1000, pace=(1, 0.3)),
        "refused": 0,
        "unknown": 0,
        "tls": 0,
        **{f"status-{status}": echo(status) for status in (401, 403, 404, 410, 451, 500, 503)},
        "later": echo(429, **{"Retry-After": "3600"}),
        "phrase": says_it_all,
        "no-http": no_http,
        "bad-length": bad_length,
        "page": lambda got: Reply(body=f"<html>{got.target} {got.headers}</html>".encode(), headers={"Content-Type": "text/html"}),
        "ill-formed": lambda got: Reply(body=rss(rss_item(3)).replace(b"</channel>", f"<x {got.target}&".encode())),
        "entities": lambda got: Reply(body=f'<!DOCTYPE r [<!ENTITY x "{got.target}">]><rss>&x;</rss>'.encode()),
        "json": lambda got: Reply(body=json.dumps({"version": got.target, "items": str(got.headers)}).encode()),
        "not-gzip": Reply(body=b"\x1f\x8b broken", headers={"Content-Encoding": "gzip"}),
        "coding": lambda got: Reply(body=b"x", headers={"Content-Encoding": got.target}),
        "torn": lambda got: Reply(body=rss(rss_item(4)), cut=120),
        "reset": Reply(body=b"x" * 100, cut=50, ending="reset"),
        "hops": moved(origin.url(f"/hops{token}")),
        "away": moved(other.url(f"/none{token}").replace("//", f"//user:{CANARIES['moved']}@")),
        "inside": moved(f"http://user:{CANARIES['moved']}@10.0.0.1/{token}"),
        "scheme": moved(f"ftp://user:{CANARIES['moved']}@x.example/{token}"),
        "no-place": moved(f"http://[::1/{token}"),
        "for-good": moved(origin.url(f"/good{token}"), 301),
        "unasked": 304,
        "circle": lambda got: Reply(status=302, headers={"Location": got.target}),
        "itself": lambda got: Reply(status=302, headers={"Location": f"http://[::1{got.target}"}),
        "its-port": lambda got: Reply(status=302, headers={"Location": f"http://127.0.0.1:0{got.target}"}),
        "too-long": lambda got: Reply(status=302, headers={"Location": got.target + "/x" * 10_000}),
    }


def speaks_no_tls(connection: socket.socket) -> bool:
    """Say so at once, and go."""
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    return False


def sources(origin: FaultOrigin, plain: FaultOrigin, names: Sequence[str]) -> str:
    """The section `sources`: every one has secrets wherever a source may have them."""
    elsewhere = {
        "refused": f"127.0.0.1:{closed_port()}",
        "unknown": "nowhere.example:8000",
        "tls": f"127.0.0.1:{plain.port}",
    }
    listed = []
    for name in names:
        place = elsewhere.get(name, f"127.0.0.1:{origin.port}")
        scheme = "https" if name == "tls" else "http"
        for own, address in (
            (name, f"user:{CANARIES['userinfo']}@{place}/{name}?token={CANARIES['query']}&key=${{FEEDMILL_SECRET}}"),
            (f"in-path-{name}", f"{place}/{name}/${{FEEDMILL_SECRET}}"),
        ):
            listed.append(
                f"  - name: {own}\n    url: '{scheme}://{address}'\n    categories: [新闻]\n    every: 1m\n    tags: true\n"
                f"    headers: {{X-Key: {CANARIES['header']}, X-Other: 'Bearer ${{FEEDMILL_SECRET}}'}}\n"
            )
    return "sources:\n" + "".join(listed)


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def settings(hubs: Sequence[str] = (), proxy: str = "") -> str:
    """The sections beside `sources`."""
    listed = ", ".join(f"'{hub}'" for hub in hubs)
    proxied = f"  proxy: '{proxy}'\n" if proxy else ""
    return (
        f"feeds:\n  formats: [atom, rss, json]\n  hub: [{listed}]\n  history: true\n  tags: true\n"
        f"server: {{access_log: true}}\nsync:\n  allow_networks: [127.0.0.0/8]\n{proxied}"
    )


def hub_of(url: str) -> str:
    """A hub's address with a password."""
    return url.replace("//", f"//me:{CANARIES['hub']}@", 1)


@dataclass
class Heard:
    """Everything that was said in the block, and what it must not hold."""

    root: Path
    records: list[logging.LogRecord] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, said: Said) -> Said:
        """Keep what a command printed."""
        self.said[name] = said.out + said.err
        return said

    def judge(self) -> None:
        """No canary is in a file but the configuration, in a line of the log, or in what was printed."""
        formatter = logging.Formatter("%(message)s")
        lines = [formatter.format(record) + repr(record.__dict__) for record in self.records]
        assert {line for line in lines if traces(line)} == set()
        assert {name: found for name, text in self.said.items() if (found := traces(text))} == {}
        assert flown(self.root) == {}


def flown(root: Path) -> dict[str, set[str]]:
    """The canaries in the files of a project, and in their names, but for its configuration."""
    files = {name: data for name, (_, data) in tree(root).items() if name != "config.yaml"}
    return {name: found for name, data in files.items() if (found := traces(data) | traces(name))}


@contextmanager
def heard(root: Path) -> Iterator[Heard]:
    """Keep every record of every logger, debugging ones too."""
    kept = Heard(root)
    handler = logging.Handler()
    handler.emit = kept.records.append  # type: ignore[method-assign]
    logger = logging.getLogger()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables that the configurations name."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    return ENVIRON


def project_of(folder: Path, more: str) -> Project:
    """A project with a configuration on disk."""
    project = Project(folder / "site", extra=more, environ=dict(ENVIRON))
    (project.root / "config.yaml").write_text(CONFIG + more, encoding="utf-8")
    return project


#: What a host may take and send.
QUICK = Limits(wire=100_000, decoded=200_000, deadline=timedelta(seconds=2), connect=timedelta(seconds=2))


def sync_some(project: Project, *names: str, now: datetime) -> SyncReport:
    """Sync these sources, all where none is named; the names of hosts are looked up by nobody."""
    around = Surroundings(now=lambda: now, chance=lambda: 0.5, limits=QUICK, resolver=Names({}))
    return sync(project.config, Request(names, is_forced=True), around=around)


def test_I16_no_secret_leaves_the_configuration_however_sources_hubs_and_commands_fare(tmp_path: Path, secrets: Mapping[str, str]) -> None:
    with FaultOrigin() as origin, FaultOrigin() as other, FaultOrigin(on_accept=speaks_no_tls) as plain, Hub([500]) as hub:
        kinds = answers(origin, other)
        for name, answer in kinds.items():
            if answer != 0:
                origin.add(f"/{name}", answer)
                origin.add(f"/{name}/{CANARIES['variable']}", answer)
        hubs = [hub_of(hub.url), hub_of(f"http://127.0.0.1:{closed_port()}/"), hub_of(f"https://127.0.0.1:{plain.port}/")]
        project = project_of(tmp_path, settings(hubs) + sources(origin, plain, list(kinds)))
        clock = Clock()
        with heard(project.root) as kept:
            reports = []
            for names in (
                (),
                *[("good", "for-good", "in-path-good", "in-path-for-good")] * 3,
            ):  # a move for good is believed the third time
                reports.append(sync_some(project, *names, now=clock.now))
                clock.pass_(hours=2)
            results = {source.name: source.result for source in reports[0].sources}
            good = {f"{where}{name}" for name in ("good", "for-good", "ill-formed", "torn") for where in ("", "in-path-")}
            assert {name for name, result in results.items() if result in ("ok", "partial")} <= good
            assert results["good"] == results["in-path-good"] == results["for-good"] == "ok"
            assert {results[name] for name in results.keys() - good} <= {"failed", "gone"}
            kept.said["sync"] = repr(reports)
            assert origin.requests("/good")[0].header("x-key") == CANARIES["header"], "the secrets are used"
            assert CANARIES["variable"] in origin.requests("/good")[0].target

            kept.keep("sync --json", feedmill(project.root, "sync", "good", "phrase", "page", "tls", "in-path-good", "--force", "--json"))
            kept.keep(
                "sync", feedmill(project.root, "sync", "for-good", "away", "in-path-for-good", "in-path-inside", "in-path-page", "--force")
            )
            kept.keep("sync in vain", feedmill(project.root, "sync", "status-401", "in-path-circle", "in-path-coding", "--force", status=1))
            for words in (("publish", "--json"), ("publish", "--full"), ("status",), ("status", "--json"), ("opml", "export")):
                kept.keep(" ".join(words), feedmill(project.root, *words))
            kept.keep("check", feedmill(project.root, "check", "--json"))
            assert hub.pings and hub.pings[0].headers["authorization"].startswith("Basic "), "the hub's password is used"
            assert {"atom.xml", "rss.xml", "feed.json"} <= project.feeds().keys()
            assert len(list((project.root / "posts").rglob("*.md"))) >= 4
        kept.judge()


@pytest.mark.parametrize("kind", ["answers", "asks who it is", "refuses tunnels", "is not there", "fails", "speaks TLS to nobody"])
def test_I16_the_password_of_a_proxy_stays_in_the_configuration(tmp_path: Path, secrets: Mapping[str, str], kind: str) -> None:
    with FaultOrigin() as proxy, FaultOrigin() as origin, FaultOrigin(on_accept=speaks_no_tls) as plain:
        for name in ("good", "other"):
            target = f"http://127.0.0.1:{origin.port}/{name}"
            proxy.add(target, {"answers": good_feed, "asks who it is": echo(407), "fails": says_it_all}.get(kind, 502))
        proxy.add(f"127.0.0.1:{plain.port}", echo(407))
        port = {"is not there": closed_port(), "speaks TLS to nobody": plain.port}.get(kind, proxy.port)
        scheme = "https" if kind == "speaks TLS to nobody" else "http"
        listed = sources(origin, plain, ["good", "tls"])
        project = project_of(tmp_path, settings(proxy=f"{scheme}://me:${{FEEDMILL_PROXY_WORD}}@127.0.0.1:{port}/") + listed)
        with heard(project.root) as kept:
            kept.keep("sync", feedmill(project.root, "sync", "--json", status=0 if kind == "answers" else 1))
            kept.keep("again", feedmill(project.root, "sync", "--force", status=0 if kind == "answers" else 1))
            kept.keep("status", feedmill(project.root, "status", "--json"))
        kept.judge()
        if kind not in ("is not there", "speaks TLS to nobody"):
            sent = b64encode(b"me:" + CANARIES["proxy"].encode()).decode()
            assert proxy.requests()[0].header("proxy-authorization") == f"Basic {sent}", "the password is used"
        assert origin.hits == 0


def test_I16_what_is_added_is_not_said_with_its_password(tmp_path: Path) -> None:
    with FaultOrigin() as origin:
        origin.add("/good", good_feed)
        project = project_of(tmp_path, settings())
        address = f"http://user:{CANARIES['userinfo']}@127.0.0.1:{origin.port}/{{}}?token={CANARIES['query']}"
        with heard(project.root) as kept:
            added = kept.keep("add", feedmill(project.root, "add", address.format("good")))
            kept.keep("add again", feedmill(project.root, "add", address.format("good"), status=2))
            kept.keep("add nothing", feedmill(project.root, "add", address.format("none"), status=2))
        kept.judge()
        assert f"http://127.0.0.1:{origin.port}/good?…" in added.out
        assert traces((project.root / "config.yaml").read_text(encoding="utf-8")) == {"userinfo", "query"}


WRONG = {
    "a scheme": "sources: [{name: a, url: 'ftp://user:WRONG@x.example/?k=WRONG'}]",
    "a host": "sources: [{name: a, url: 'http://user:WRONG@x..example/?k=WRONG'}]",
    "a field's name": "sources: [{name: a, url: 'http://x.example/', headers: {'X Y': WRONG}}]",
    "a field's value": 'sources: [{name: a, url: "http://x.example/", headers: {X: "WRONG\\nY: z"}}]',
    "a list for a value": "sources: [{name: a, url: 'http://x.example/', headers: {X: [WRONG]}}]",
    "no quote": "sources: [{name: a, url: 'http://x.example/?k=WRONG}]",
    "an anchor": "sources: [{name: a, url: 'http://x.example/', headers: {X: &WRONG y}}]",
    "a tag": "sources: [{name: a, url: 'http://x.example/', headers: {X: !WRONG y}}]",
    "a proxy": "sync: {proxy: 'socks5://me:WRONG@x.example/'}",
    "a proxy without a host": "sync: {proxy: 'http://me:WRONG@/'}",
    "a hub": "feeds: {hub: ['ftp://me:WRONG@x.example/']}",
    "a hub without a host": "feeds: {hub: ['http://me:WRONG@/']}",
}


@pytest.mark.parametrize("name", WRONG)
def test_I16_no_error_of_a_configuration_quotes_a_secret(tmp_path: Path, name: str) -> None:
    root = tmp_path / "site"
    root.mkdir()
    (root / "config.yaml").write_text(f"{CONFIG}{WRONG[name]}\n".replace("WRONG", CANARIES["wrong"]), encoding="utf-8")
    with heard(root) as kept:
        for words, status in ((("publish",), 2), (("status", "--json"), 2), (("check",), 1), (("check", "--json"), 1)):
            said = kept.keep(" ".join(words), feedmill(root, *words, status=status))
            assert "config.yaml" in said.out + said.err
    kept.judge()


@pytest.mark.long
def test_I15_I16_a_daemon_says_no_secret_in_its_log_its_answers_or_its_files(tmp_path: Path) -> None:
    with FaultOrigin() as origin, FaultOrigin() as other, FaultOrigin(on_accept=speaks_no_tls) as plain, Hub([404]) as hub:
        kinds = {name: answer for name, answer in answers(origin, other).items() if name not in ("slow", "drips", "unknown")}
        for name, answer in kinds.items():
            if answer != 0:
                origin.add(f"/{name}", answer)
                origin.add(f"/{name}/{CANARIES['variable']}", answer)
        query = "?topic=public"
        written = settings([hub_of(hub.url) + query, hub_of(f"http://127.0.0.1:{closed_port()}/")]) + sources(origin, plain, list(kinds))
        project = make_project(tmp_path, written)
        with running(project.root, environ=ENVIRON) as daemon:
            daemon.until(lambda: daemon.number('feedmill_fetches_total{result="failed"}') >= 2 * (len(kinds) - 6))
            daemon.until(lambda: daemon.lines("WARNING", "hub", "404"))
            daemon.until(lambda: daemon.get(FEED).status == 200)
            posts = [path.relative_to(project.root / "posts").with_suffix("").as_posix() for path in (project.root / "posts").rglob("*.md")]
            paths = ["/", FEED, "/feeds/rss.xml", "/feeds/feed.json", "/feeds/opml.xml", "/feeds/", "/healthz", "/metrics", "/none"]
            paths += [f"/posts/{quote(path)}/" for path in posts]
            daemon.until(lambda: all(daemon.get(path).status == 200 for path in paths if path != "/none"))
            said = {path: daemon.get(path, Authorization="Basic eDp5", X_Forwarded_For="203.0.113.9") for path in paths}
            daemon.until(lambda: daemon.lines("/healthz"))
        assert posts
        assert {path for path, answer in said.items() if answer.status != 200} == {"/none"}
        assert {path: found for path, answer in said.items() if (found := traces(answer.body) | traces(str(answer.headers)))} == {}
        assert {line for line in daemon.log.splitlines() if traces(line)} == set()
        assert flown(project.root) == {}
        assert query in said[FEED].headers["link"], "a hub's query is public"
        for path in ("/healthz", "/metrics"):
            text = said[path].body.decode()
            assert "127.0.0.1" not in text and "://" not in text.replace("https://prometheus.io", "")
            assert [name for name in kinds if re.search(rf"\b{name}\b", text) and "-" in name] == []
        assert "203.0.113.9" not in daemon.log, "nobody but the peer says who the peer is"


# Log injection

FORGED = "2026-11-29T09:00:00Z ERROR forged"
MEAN = f"title\n{FORGED}\r\n\x1b[31mred\x1b[0m\x07\x9b2J\u2028{FORGED}\u202e\x00end"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \S")


def judge_lines(log: str) -> None:
    """Every line is one event of ours, and nothing in it steers a terminal."""
    lines = log.split("\n")
    assert lines.pop() == ""
    assert [line for line in lines if not LINE.match(line)] == []
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if line.startswith(FORGED)] == []


def judge_printed(said: Said, command: str) -> None:
    """What a command printed steers no terminal and has no line of somebody else's."""
    text = said.out + said.err
    assert [line for line in text.split("\n") if not line.isprintable()] == [], command
    assert [line for line in text.split("\n") if line.lstrip().startswith(FORGED)] == [], command


def mean_posts(project: Project) -> None:
    """Posts with mean names, titles, categories and mistakes."""
    quoted = json.dumps(MEAN, ensure_ascii=True)
    project.write("good.md", f'---\ntitle: {quoted}\ncategories: ["新闻"]\ndate: 2026-01-02\n---\nbody\n')
    project.write("category.md", f"---\ntitle: t\ncategories: [{quoted}]\ndate: 2026-01-02\n---\nbody\n")
    project.write("date.md", f"---\ntitle: t\ndate: {quoted}\n---\nbody\n")
    name = f"a\n{FORGED}\r\x1b[31m\x9b2J"
    project.write(f"{name}.md", b"---\ntitle: [\n---\n")
    project.write(f"{name}/b.md", f"---\ntitle: {quoted}\nlink: {quoted}\n{FORGED}: [\n---\n")
    project.write(b"bytes-\xff\n.md".decode("utf-8", "surrogateescape"), b"\x00")


def mean_feed() -> bytes:
    """A document whose every field tries it."""
    text = MEAN.replace("\x00", "").replace("\x1b", "&#27;").replace("\x07", "&#7;").replace("\n", "&#10;")
    item = (
        rss_item(1).replace("Title 1", text).replace("urn:item:1", f"urn:{text}").replace("</item>", f"<category>{text}</category></item>")
    )
    broken = rss_item(2).replace("https://upstream.example.org/2", f"javascript:{text}")
    return rss(item, broken, head=f"<title>{text}</title><link>http://x.example/{text}</link><description>{text}</description>")


def mean_sources(origin: FaultOrigin) -> str:
    """Sources whose hosts answer with line breaks and escapes wherever an answer has text."""
    place = "\x1b[31m\x9b" + FORGED
    origin.add("/mean", Reply(body=mean_feed()))
    origin.add("/phrase", Reply(raw=f"HTTP/1.1 500 {place}\r\nContent-Length: 0\r\n\r\n".encode()))
    origin.add("/status", Reply(raw=f"{place}\r\n{FORGED}\r\n\r\n".encode()))
    origin.add("/away", Reply(raw=f"HTTP/1.1 302 Found\r\nLocation: ftp://x/{place}\r\nContent-Length: 0\r\n\r\n".encode()))
    origin.add("/encoded", Reply(status=302, headers={"Location": f"http://10.0.0.1/%0a{quote(MEAN)}"}))
    origin.add("/coding", Reply(raw=f"HTTP/1.1 200 OK\r\nContent-Encoding: {place}\r\nContent-Length: 1\r\n\r\nx".encode()))
    origin.add("/type", Reply(body=b"x", headers=[("Content-Type", f"text/x; charset={place}".encode())]))
    listed = ("mean", "phrase", "status", "away", "encoded", "coding", "type")
    return "".join(f"  - {{name: {name}, url: '{origin.url(f'/{name}')}', every: 1m, tags: true}}\n" for name in listed)


@pytest.fixture
def can_name(tmp_path: Path) -> None:
    """File names that are no UTF-8."""
    try:
        (tmp_path / b"\xff\n".decode("utf-8", "surrogateescape")).touch()
    except OSError:
        pytest.skip("this file system takes no such names")


@pytest.mark.usefixtures("can_name")
def test_I17_no_text_of_others_makes_a_line_of_what_commands_print(tmp_path: Path) -> None:
    with FaultOrigin() as origin:
        more = "sync:\n  allow_networks: [127.0.0.0/8]\nsources:\n" + mean_sources(origin)
        project = project_of(tmp_path, more)
        mean_posts(project)
        for words, status in (
            (("sync",), 0),
            (("sync", "--force"), 0),
            (("publish", "--full"), 0),
            (("publish", "--full", "--json"), 0),
            (("status",), 0),
            (("check",), 1),
            (("opml", "export"), 0),
            (("add", origin.url("/phrase")), 2),
            (("add", origin.url("/encoded")), 2),
            (("add", origin.url("/mean")), 2),
            (("remove", MEAN.replace("\n", " ")), 2),
            (("publish", MEAN.replace("\n", " ")), 2),
        ):
            said = feedmill(project.root, *words, status=status)
            judge_printed(said, words[0])
            if words[0] in ("sync", "check"):
                assert "forged" in said.out + said.err, "it is quoted, and harmless"
        for words in (("sync", "--json"), ("status", "--json"), ("publish", "--full", "--json")):
            assert feedmill(project.root, *words).document


@pytest.mark.long
@pytest.mark.usefixtures("can_name")
def test_I17_every_line_of_a_daemons_log_is_one_event(tmp_path: Path) -> None:
    with FaultOrigin() as origin:
        more = "server: {access_log: true}\nsync:\n  allow_networks: [127.0.0.0/8]\nsources:\n" + mean_sources(origin)
        project = make_project(tmp_path, more)
        mean_posts(project)
        with running(project.root) as daemon:
            daemon.until(lambda: daemon.number('feedmill_fetches_total{result="failed"}') >= 6)
            daemon.until_published()
            daemon.until(lambda: daemon.lines("forged"))
            ask_meanly(daemon)
            (project.root / "config.yaml").write_text(f"{CONFIG}{json.dumps(MEAN)}: 1\n", encoding="utf-8")
            daemon.until(lambda: daemon.lines("stays in force"))
        judge_lines(daemon.log)
        assert len(daemon.lines("/mean-request")) == 2


def ask_meanly(daemon: Running) -> None:
    """Ask with line breaks and escapes in address and fields."""
    assert daemon.get(f"/mean-request/{quote(MEAN)}").status == 404
    assert daemon.get(f"/mean-request?{quote(MEAN)}", User_Agent="\x9b31m" + FORGED, X_Forwarded_For=f"203.0.113.9 {FORGED}").status == 404
    daemon.until(lambda: len(daemon.lines("/mean-request")) == 2)
