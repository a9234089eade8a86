"""The configuration in force while the service runs (faults H14)."""

from __future__ import annotations

import logging

import pytest

from feedmill.errors import ConfigError, StorageError
from feedmill.service.reloading import Reloader

BASE = "site:\n  title: 新闻\n  url: https://news.example.org/\n"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    return path


def test_a_file_that_says_the_same_is_not_taken(config):
    reloader = Reloader(config)
    config.write_text(f"# a comment\n{BASE}")
    assert reloader.look() is None


def test_what_changed_is_handed_on_and_put_in_force(config):
    reloader = Reloader(config)
    config.write_text(f"{BASE}feeds:\n  limit: 7\n")
    found = reloader.look()
    handed = []
    assert reloader.take(found, handed.append)
    assert [read.config.feeds.limit for read in handed] == [7]
    assert (reloader.config.feeds.limit, reloader.read.text) == (7, config.read_text())


@pytest.mark.parametrize("text", ["site: [", "", "\tx: 1", f"{BASE}unknown: 1\n", f"{BASE}server:\n  port: no\n", f"{BASE}{BASE}", None])
def test_a_broken_file_keeps_the_old_and_is_said_once(config, caplog, text):
    reloader = Reloader(config)
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    assert reloader.look() is None
    assert reloader.look() is None
    assert reloader.config.site.title == "新闻"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "config.yaml" in said[0]
    assert said[0].endswith("the configuration from before stays in force")


def test_a_file_that_is_mended_is_said(config, caplog):
    caplog.set_level(logging.INFO)
    reloader = Reloader(config)
    config.write_text("site: [")
    reloader.look()
    config.write_text(BASE)
    caplog.clear()
    assert reloader.look() is None
    assert [record.getMessage() for record in caplog.records] == [f"{config} is as it was before"]
    config.write_text("site: [")
    reloader.look()
    assert len(caplog.records) == 2  # broken again: said again


def test_a_refusal_keeps_the_old(config, caplog):
    reloader = Reloader(config)
    config.write_text(f"{BASE}sync:\n  state: other/state.db\n")
    found = reloader.look()

    def refuse(_):
        raise StorageError("other/sync.lock is held by another feedmill process (pid 4711)")

    assert not reloader.take(found, refuse)
    assert reloader.config.sync.state == ".feedmill/state.db"
    assert "pid 4711" in caplog.text


def test_what_waits_for_the_next_start_is_said(config, caplog):
    reloader = Reloader(config)
    config.write_text(f"{BASE}server:\n  port: 8001\n")
    assert reloader.take(reloader.look())
    assert "change with the next start" in caplog.text


def test_without_a_configuration_nothing_begins(tmp_path):
    with pytest.raises(ConfigError, match="feedmill init"):
        Reloader(tmp_path / "config.yaml")
