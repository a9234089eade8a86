"""The sample site of this repository: feeds/ is byte for byte what publish-feed makes of posts/."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from lxml import etree

from feedmill.configfile import load_config
from feedmill.producer.audit import audit_atom
from feedmill.producer.check import check
from feedmill.producer.publish import Request, publish

#: After the newest sample post.
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    """A copy of the sample's posts and configuration, published."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copytree(root / "posts", folder / "posts")
    shutil.copy(root / "config.yaml", folder)
    config = load_config(folder / "config.yaml", environ=os.environ)
    report = publish(config, Request(), now=NOW)
    assert not report.skipped
    assert not report.repaired
    return folder


def feeds(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in (folder / "feeds").rglob("*") if file.is_file()}


def atom_feeds(folder):
    return {path: data for path, data in feeds(folder).items() if path.endswith("/atom.xml")}


def test_the_feeds_in_the_repository_are_those_of_its_posts(root, site):
    assert feeds(root) == feeds(site)


def test_the_sample_has_no_problems(site):
    assert check(load_config(site / "config.yaml", environ={}), config_path="config.yaml", now=NOW) == []


def test_its_feeds_are_valid_against_the_grammar_of_rfc_4287(site, schema):
    grammar = etree.RelaxNG(etree.parse(str(schema / "atom.rng")))
    for path in atom_feeds(site):
        assert grammar.validate(etree.parse(str(site / path))), f"{path}: {grammar.error_log}"


def test_its_feeds_keep_the_written_rules(site):
    for path, data in atom_feeds(site).items():
        assert audit_atom(data, path=path, url="https://news.example.org/" + quote(path, safe="/-._~")) == []
