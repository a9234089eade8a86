"""docs/configuration.md has every key, with its true default and an example that loads."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from feedmill.config import (
    Config,
    FeedOverride,
    FeedsConfig,
    HtmlConfig,
    PostsConfig,
    ServerConfig,
    SiteConfig,
    SourceConfig,
    SyncConfig,
)
from feedmill.configfile import read_config
from feedmill.configproblems import keys_of
from feedmill.configreading import Section
from feedmill.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

SECTIONS: dict[str, type[Section]] = {
    "site": SiteConfig,
    "posts": PostsConfig,
    "feeds": FeedsConfig,
    "feeds.overrides": FeedOverride,
    "sync": SyncConfig,
    "html": HtmlConfig,
    "server": ServerConfig,
    "sources": SourceConfig,
}
#: Defaults that are words, not values.
IN_WORDS = {"required", "all", "`feeds.limit`", "`sync.every`"}


def rows(section: str) -> dict[str, tuple[str, str, str, str]]:
    """The first table of a section: key → type, default, example, meaning."""
    part = re.split(rf"^##+ {re.escape(section)}\n", DOCUMENT, flags=re.MULTILINE)[1]
    part = re.split(r"^##", part, flags=re.MULTILINE)[0]
    table = part.split("| key | type | default | example | meaning |\n|---|---|---|---|---|\n")[1].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {key.strip("`"): (kind, default, example, meaning) for key, kind, default, example, meaning in cells}


CASES = [(section, key) for section, model in SECTIONS.items() for key in keys_of(model)]


def load(section: str, key: str, written: str) -> Any:
    """Load a config that says `key: written` in `section` and return what it became."""
    value = f"{key}: {written}"
    name = "" if key == "name" else "name: a, "
    url = "" if key == "url" else "url: https://a.example/, "
    site = {"title": "url: https://e.org/, ", "url": "title: T, "}.get(key, "title: T, url: https://e.org/, ")
    text = {
        "site": f"site: {{{site}{value}}}",
        "feeds.overrides": f"site: {{title: T, url: https://e.org/}}\nfeeds: {{overrides: {{A: {{{value}}}}}}}",
        "sources": f"site: {{title: T, url: https://e.org/}}\nsources: [{{{name}{url}{value}}}]",
    }.get(section, f"site: {{title: T, url: https://e.org/}}\n{section}: {{{value}}}")
    config = read_config(text, root=Path("/srv"), environ={"TOKEN": "t"})
    if section == "feeds.overrides":
        return getattr(config.feeds.overrides["A"], key)
    return getattr(config.sources[0] if section == "sources" else getattr(config, section), key)


@pytest.mark.parametrize(("section", "key"), CASES)
def test_every_key_is_documented_and_its_example_works(section: str, key: str) -> None:
    assert key in rows(section), f"docs/configuration.md, {section}: add a row for `{key}`"
    kind, default, example, meaning = rows(section)[key]
    assert kind
    assert meaning.endswith(".")
    field = {field.name: field for field in fields(SECTIONS[section])}[key]
    loaded = load(section, key, example.strip("`"))
    if default in IN_WORDS:
        assert field.default in (MISSING, None)
        assert (default == "required") == (field.default is MISSING)
    else:
        made = field.default if field.default_factory is MISSING else field.default_factory()
        assert load(section, key, default.strip("`")) == made
        assert loaded != made, "an example that is the default shows nothing"


@pytest.mark.parametrize("section", SECTIONS)
def test_no_key_is_documented_that_does_not_exist(section: str) -> None:
    assert list(rows(section)) == keys_of(SECTIONS[section])


def test_every_section_is_here() -> None:
    assert [name for name in SECTIONS if "." not in name] == keys_of(Config)


def test_the_examples_in_full_load() -> None:
    for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL):
        text = block if block.startswith("site:") else "site: {title: T, url: https://e.org/}\n" + block
        read_config(text, root=Path("/srv"), environ={"TOKEN": "t"})


def test_the_example_of_problems_is_what_is_said() -> None:
    text = """\
site:
  title: T
  url: https://e.org/

posts:
  permalnk: x
feeds:
  limit: fifty
sources:
  - name: a
    url: https://a.example/
    headers: {Authorization: "Bearer ${TOKEN}"}
"""
    with pytest.raises(ConfigError) as caught:
        read_config(text, root=Path("/srv"), environ={})
    assert f"\n{caught.value}\n" in DOCUMENT
