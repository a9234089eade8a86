"""Rows of the fault list that concern the service as a whole: how it starts, and what it gives away (H14, I15)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commandline import feedmill
from service.daemonrun import FEED, make_project, running
from sites import CONFIG

CANARY = "CANARY-4c1d"

#: What is wrong at the start, and the line and the words that say so.
BROKEN = {
    "nothing": ("", "says nothing"),
    "a comment": ("# feedmill\n", "says nothing"),
    "malformed": ("site: [\n", "line 2"),
    "a tab": ("site:\n\ttitle: T\n", "line 2: the line is indented with a tab"),
    "a key twice": (f"{CONFIG}site:\n  title: T\n", "line 7"),
    "an unknown key": (f"{CONFIG}serwer: {{port: 1}}\n", "line 7: serwer: unknown key; did you mean `server`?"),
    "a word for a number": (f"{CONFIG}feeds: {{limit: no}}\n", 'line 7: feeds.limit: found "no"'),
    "a time for a number": (f"{CONFIG}server: {{port: 1:30}}\n", 'line 7: server.port: found "1:30"'),
    "a number for a duration": (f"{CONFIG}server:\n  max_age: 10\n", 'line 8: server.max_age: found "10"'),
    "a word for a truth value": (f"{CONFIG}server: {{access_log: perhaps}}\n", 'line 7: server.access_log: found "perhaps"'),
    "a variable that is not set": (
        f"{CONFIG}sources:\n  - name: a\n    url: https://a.example/\n    headers: {{X: '${{FEEDMILL_NOT_SET}}'}}\n",
        "line 10: sources[0].headers.X: the environment variable FEEDMILL_NOT_SET is not set",
    ),
}


@pytest.mark.parametrize("command", ["daemon", "serve"])
@pytest.mark.parametrize("name", BROKEN)
def test_H14_a_service_does_not_start_with_a_broken_configuration_and_says_where(tmp_path: Path, command: str, name: str) -> None:
    text, said = BROKEN[name]
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    printed = feedmill(tmp_path, command, "--port", "0", status=2)
    assert said in printed.err
    assert str(tmp_path / "config.yaml") in printed.err
    assert printed.out == ""
    assert sorted(tmp_path.iterdir()) == before, "nothing was begun"


def test_I15_what_a_server_says_of_itself_is_about_nobody_and_believes_nobody(tmp_path: Path) -> None:
    secret = f"sources:\n  - {{name: quiet-source, url: 'http://user:{CANARY}@upstream.example/?token={CANARY}'}}\n"
    project = make_project(tmp_path, f"server: {{access_log: true}}\n{secret}")
    project.post("a.md", title="A")
    project.publish()
    told = {"X_Forwarded_For": "203.0.113.9", "X_Real_IP": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X_Forwarded_Proto": "https"}
    with running(project.root, command="serve") as server:
        health, metrics = (server.get(path, **told) for path in ("/healthz", "/metrics"))
        feed = server.get(FEED, X_Forwarded_Host="evil.example", **told)
        challenge = server.get(f"{FEED}?hub.mode=subscribe&hub.topic=x&hub.challenge=word-of-a-hub", **told)
        ping = server.get(FEED, method="POST", X_Hub_Signature="sha1=00", **told)
        server.until(lambda: server.lines("POST"))
    assert (health.status, metrics.status, feed.status, challenge.status, ping.status) == (200, 200, 200, 200, 405)
    assert json.loads(health.body)["status"] == "ok"
    for answer in (health, metrics):
        text = answer.body.decode() + str(answer.headers)
        assert not [
            word for word in (CANARY, "upstream.example", "quiet-source", "203.0.113.9", str(tmp_path), "127.0.0.1") if word in text
        ]
    assert challenge.body == feed.body, "nobody's challenge is answered: feedmill subscribes to nothing"
    assert "evil.example" not in feed.body.decode() + str(feed.headers)
    assert "203.0.113.9" not in server.log
    assert CANARY not in server.log
    assert len(server.lines("127.0.0.1", "GET /healthz")) == 1, "who asks is who is connected"
