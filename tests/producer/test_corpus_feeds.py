"""Real posts become feeds: every one is published or reported, what they say survives, every document is valid."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from feedmill.errors import PostError
from feedmill.posts.format import decode
from feedmill.producer.audit import audit_atom
from feedmill.text import one_line, plain_text
from sites import Project

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def published(corpus, tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("corpus"), extra="feeds:\n  limit: 1000\n")
    shutil.copytree(corpus / "posts", project.root / "posts", dirs_exist_ok=True)
    project.report = project.publish(now=datetime.now(UTC))  # an undated file is as old as its copy here
    return project


def _posts(project: Project) -> list[Path]:
    return [file for file in sorted((project.root / "posts").rglob("*")) if file.is_file()]


def test_every_post_is_published_or_reported_with_the_true_reason(published):
    skipped = {problem.path for problem in published.report.skipped}
    readable = 0
    for file in _posts(published):
        try:
            decode(file.read_bytes(), name=file.name, zone=ZONE)
            readable += 1
            assert file.relative_to(published.root).as_posix() not in skipped
        except PostError:
            assert file.relative_to(published.root).as_posix() in skipped
    assert published.report.posts == readable == len(_posts(published)) - len(skipped)


def test_what_posts_say_survives(published):
    entries = {}
    for entry in published.parsed().entries:
        entries[entry.link] = entry
    compared = 0
    for file in _posts(published):
        post = decode(file.read_bytes(), name=file.name, zone=ZONE).post
        path = file.relative_to(published.root / "posts").with_suffix("").as_posix()
        entry = next(found for link, found in entries.items() if link.endswith(_quoted(path)))
        assert entry.title == post.title
        assert entry.author == (one_line(post.author) or "编辑部")
        if post.date is not None:
            assert datetime(*entry.published_parsed[:6], tzinfo=UTC) == post.date
        terms = {tag.term for tag in entry.get("tags", [])}
        assert {"/".join(path) for path in post.categories} <= terms
        assert {name for path in post.categories for name in path} <= {tag.label for tag in entry.get("tags", [])}
        text = _squeezed(plain_text(post.body))[:200]
        content = entry.content[0].value if "content" in entry else entry.summary
        assert _squeezed(plain_text(content)).startswith(text[:50])
        compared += 1
    assert compared == len(entries)


def _quoted(path: str) -> str:
    return "/posts/" + quote(path, safe="/-._~") + "/"


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_every_feed_is_valid_against_the_grammar_of_rfc_4287(published, schema):
    grammar = etree.RelaxNG(etree.parse(str(schema / "atom.rng")))
    for file in sorted((published.root / "feeds").rglob("atom.xml")):
        assert grammar.validate(etree.parse(str(file))), f"{file}: {grammar.error_log}"


def test_every_feed_keeps_the_written_rules(published):
    for name, data in published.feeds().items():
        url = "https://news.example.org/feeds/" + quote(name, safe="/-._~")
        assert audit_atom(data, path=name, url=url) == []
