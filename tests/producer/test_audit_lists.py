"""The audit of the lists of feeds: each line that one of them can break, broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from feedmill.producer.audit_lists import audit_index, audit_opml
from feedmill.producer.check import check
from sites import NOW, Project

URL = "https://news.example.org/feeds/"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path, extra="feeds: {formats: [atom, json]}\n")
    made.post("1.md", categories="[甲, 乙]")
    made.post("2.md", categories="['100%41 & %2F', 丙]")
    made.publish()
    return made


def test_the_lists_of_a_publish_break_nothing_whatever_categories_are_called(project: Project) -> None:
    assert check(project.config, config_path="config.yaml", now=NOW) == []


OPML = {
    "another version": ('version="2.0"', 'version="1.0"', "no OPML 2.0"),
    "a feed without a name": ('text="乙"', 'text=" "', "without `text`"),
    "another type": ('type="rss" text="乙"', 'type="atom" text="乙"', 'without type="rss"'),
    "a relative address": ("https://news.example.org/feeds/atom.xml", "feeds/atom.xml", "not absolute"),
    "a feed that is not there": ("%E4%B9%99/atom.xml", "%E4%B8%81/atom.xml", "no such feed"),
    "a feed that is listed twice": ("%E4%B9%99/atom.xml", "atom.xml", "listed 2 times"),
    "no XML": ("</opml>", "", "not well-formed"),
}


@pytest.mark.parametrize(("good", "bad", "said"), OPML.values(), ids=OPML.keys())
def test_a_broken_opml(project: Project, good: str, bad: str, said: str) -> None:
    text = (project.root / "feeds" / "opml.xml").read_text()
    assert good in text
    problems = audit_opml(text.replace(good, bad, 1).encode(), path="opml.xml", folder=project.root / "feeds", feeds_url=URL)
    assert any(said in problem.message for problem in problems), problems


INDEX = {
    "a feed that is not there": ('href="atom.xml"', 'href="none/atom.xml"', "no such feed"),
    "two of one name": ("乙 - ", "", "nobody can tell them apart"),
}


@pytest.mark.parametrize(("good", "bad", "said"), INDEX.values(), ids=INDEX.keys())
def test_a_broken_page(project: Project, good: str, bad: str, said: str) -> None:
    text = (project.root / "feeds" / "index.html").read_text()
    head, _, rest = text.partition("</head>")
    broken = head.replace(good, bad) if said != "nobody can tell them apart" else _renamed(head)
    problems = audit_index(f"{broken}</head>{rest}".encode(), path="index.html", folder=project.root / "feeds", feeds_url=URL)
    assert any(said in problem.message for problem in problems), problems


def _renamed(head: str) -> str:
    """Give every feed that is offered the same title."""
    first, *others = head.split('<link rel="alternate"')
    return first + "".join('<link rel="alternate" title="x"' + other.replace(" title=", " data-title=", 1) for other in others)


def test_a_feed_that_is_not_listed(project: Project) -> None:
    (project.root / "feeds" / "new").mkdir()
    (project.root / "feeds" / "new" / "atom.xml").write_bytes((project.root / "feeds" / "atom.xml").read_bytes())
    for name, audit in (("opml.xml", audit_opml), ("index.html", audit_index)):
        data = (project.root / "feeds" / name).read_bytes()
        assert [problem.message for problem in audit(data, path=name, folder=project.root / "feeds", feeds_url=URL)] == [
            "the feeds in `new` are not listed"
        ]


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"\xff\xfe", b"<opml/>"])
def test_a_persons_own_is_not_judged(tmp_path: Path, data: bytes) -> None:
    assert audit_opml(data, path="opml.xml", folder=tmp_path, feeds_url=URL) == []
    assert audit_index(data, path="index.html", folder=tmp_path, feeds_url=URL) == []


def test_a_feed_of_somebody_else_belongs_into_no_list(project: Project) -> None:
    (project.root / "feeds" / "theirs").mkdir()
    (project.root / "feeds" / "theirs" / "atom.xml").write_text("<feed/>")
    problems = check(project.config, config_path="config.yaml", now=NOW)
    assert [(problem.path, problem.rule) for problem in problems] == [("feeds/theirs/atom.xml", "foreign")]
