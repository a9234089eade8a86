"""Real posts become feeds: every one is published or reported, what they say survives, every document is valid."""

from __future__ import annotations

import io
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import feedparser
import pytest
from jsonschema import Draft202012Validator
from lxml import etree

from feedmill.errors import PostError
from feedmill.posts.format import decode
from feedmill.producer.check import check
from feedmill.text import one_line, plain_text
from sites import Project

pytestmark = pytest.mark.long

PLAIN = {"sanitize_html": False, "resolve_relative_uris": False}
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def published(corpus, tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("corpus"), extra="feeds:\n  limit: 1000\n  formats: [atom, rss, json]\n")
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


def test_every_document_keeps_the_written_rules(published):
    assert len(published.feeds()) % 3 == 0
    written = [problem for problem in check(published.config, config_path="config.yaml", now=datetime.now(UTC)) if "feeds/" in problem.path]
    assert written == []


def test_every_json_feed_is_valid_against_its_schema(published, root):
    schema = json.loads((root / "tests" / "schema" / "jsonfeed-1.1.schema.json").read_bytes())
    validator = Draft202012Validator(schema)
    for file in sorted((published.root / "feeds").rglob("feed.json")):
        validator.validate(json.loads(file.read_bytes()))


def test_every_format_reads_back_the_same(published):
    """What the equivalence test shows of made-up posts holds for real ones: ids, titles, links, times, contents."""
    for file in sorted((published.root / "feeds").rglob("feed.json")):
        items = {item["id"]: item for item in json.loads(file.read_bytes())["items"]}
        atom, rss = (feedparser.parse(io.BytesIO(file.with_name(name).read_bytes()), **PLAIN) for name in ("atom.xml", "rss.xml"))
        assert [entry.id for entry in atom.entries] == [entry.id for entry in rss.entries] == list(items)
        for one, other in zip(atom.entries, rss.entries, strict=True):
            item = items[one.id]
            assert one.title == other.title == item["title"]
            assert one.link == other.link == item["url"]
            assert one.published_parsed == other.published_parsed
            assert {tag.term for tag in one.get("tags", [])} == {tag.term for tag in other.get("tags", [])} == set(item.get("tags", []))
            if "content" in one:
                assert one.content[0].value == other.content[0].value == item["content_html"]
