"""The values of config.yaml: defaults of the contract, paths, what is frozen and what is secret."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, asdict, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feedmill.config import Config, FeedOverride, SourceConfig
from feedmill.configreading import Refused, Section
from feedmill.configvalues import Cron, clashing_folders, repeated_names

SITE = {"title": "每日新闻", "url": "https://news.example.org"}

#: The defaults that docs and scripts rely on.
DEFAULTS: dict[str, dict[str, Any]] = {
    "site": {"author": "", "language": "en", "timezone": "UTC"},
    "posts": {"dir": "posts", "categories": "nested", "leading_blank_line": False, "permalink": ""},
    "feeds": {
        "dir": "feeds",
        "formats": ("atom",),
        "limit": 50,
        "content": "full",
        "hub": (),
        "url": "",
        "tags": False,
        "history": False,
        "overrides": {},
    },
    "sync": {
        "state": ".feedmill/state.db",
        "every": timedelta(hours=1),
        "concurrency": 32,
        "per_host": 1,
        "spacing": timedelta(seconds=1),
        "max_bytes": 10_000_000,
        "proxy": "",
        "allow_networks": (),
    },
    "html": {
        "embeds": (
            "www.youtube.com",
            "youtube.com",
            "www.youtube-nocookie.com",
            "player.vimeo.com",
            "player.bilibili.com",
            "v.qq.com",
            "player.youku.com",
        )
    },
    "server": {"host": "127.0.0.1", "port": 8000, "max_age": timedelta(minutes=15), "access_log": False},
}


def make_config(**over: Any) -> Config:
    """A config with the least that is needed."""
    return Config(**{"site": SITE, "root": "/srv/site", **over})


def test_defaults_are_those_of_the_contract() -> None:
    config = make_config()
    for section, expected in DEFAULTS.items():
        held = getattr(config, section)
        assert {key: getattr(held, key) for key in expected} == expected
        assert set(expected) == {field.name for field in fields(held)} - {"title", "url"} or section in ("site", "feeds")
    assert config.sources == ()
    assert set(DEFAULTS["feeds"]) == {field.name for field in fields(config.feeds)}


def test_defaults_of_a_source_and_an_override() -> None:
    source = SourceConfig(name="a", url="https://a.example/feed")
    assert asdict(source) == {
        "name": "a",
        "url": "https://a.example/feed",
        "url_as_written": "",
        "title": "",
        "categories": (),
        "every": None,
        "author": "",
        "image_proxy": "",
        "enabled": True,
        "tags": False,
        "keep": None,
        "headers": {},
    }
    assert asdict(FeedOverride()) == {"title": "", "description": "", "limit": None, "slug": "", "publish": True}


def test_paths_are_absolute_and_relative_to_the_file() -> None:
    config = make_config(posts={"dir": "source/_posts/"}, feeds={"dir": "../public/feeds"}, sync={"state": "/var/lib/feedmill/state.db"})
    assert config.posts_dir == Path("/srv/site/source/_posts")
    assert config.feeds_dir == Path("/srv/public/feeds")
    assert config.state_path == Path("/var/lib/feedmill/state.db")
    assert config.catalog_path == Path("/var/lib/feedmill/catalog.db")
    assert config.lock_path == Path("/var/lib/feedmill/lock")


def test_feeds_url() -> None:
    assert make_config().feeds_url == "https://news.example.org/feeds/"
    assert make_config(feeds={"url": "https://cdn.example.org/f"}).feeds_url == "https://cdn.example.org/f/"


def test_the_author_falls_back_to_the_title() -> None:
    assert make_config().site.author_name == "每日新闻"
    assert make_config(site={**SITE, "author": "编辑部"}).site.author_name == "编辑部"


def test_a_source_without_an_interval_has_everybodys() -> None:
    sources = [{"name": "a", "url": "https://a.example/"}, {"name": "b", "url": "https://b.example/", "every": "*/5 * * * *"}]
    config = make_config(sources=sources, sync={"every": "2h"})
    assert [config.interval(source) for source in config.sources] == [timedelta(hours=2), Cron("*/5 * * * *")]


@pytest.mark.parametrize(
    ("url", "written", "public"),
    [
        ("https://a.example/feed", "", "https://a.example/feed"),
        ("https://u:p@a.example/feed", "", ""),
        ("https://a.example/feed?token=x", "", ""),
        ("https://a.example/x/feed", "https://a.example/${KEY}/feed", ""),
    ],
    ids=["plain", "password", "query", "from the environment"],
)
def test_the_public_address_of_a_source(url: str, written: str, public: str) -> None:
    assert SourceConfig(name="a", url=url, url_as_written=written).public_url == public


def test_nothing_after_a_key_means_left_out() -> None:
    config = make_config(posts="", feeds={"limit": "", "formats": "", "url": ""}, sync={"every": ""}, html={"embeds": ""}, sources="")
    assert config == make_config()
    assert make_config(html={"embeds": []}).html.embeds == ()


def test_texts_are_read_as_what_the_key_needs() -> None:
    config = make_config(
        feeds={"limit": "20", "tags": "yes", "formats": "atom", "hub": "https://hub.example/"}, posts={"leading_blank_line": "no"}
    )
    assert (config.feeds.limit, config.feeds.tags, config.feeds.formats, config.feeds.hub) == (
        20,
        True,
        ("atom",),
        ("https://hub.example/",),
    )
    assert config.posts.leading_blank_line is False


def test_what_stands_twice_in_a_list_counts_once() -> None:
    config = make_config(feeds={"formats": ["rss", "atom", "rss"]}, html={"embeds": ["A.example", "a.example"]})
    assert (config.feeds.formats, config.html.embeds) == (("rss", "atom"), ("a.example",))
    source = {"name": "a", "url": "https://a.example/", "categories": ["A", "A"]}
    assert make_config(sources=[source]).sources[0].categories == ("A", "A"), "a path may say a name twice"


def _sections() -> list[Section]:
    config = make_config(
        sources=[{"name": "a", "url": "https://a.example/"}], feeds={"overrides": {"A": {}}}, sync={"proxy": "http://p.example:1"}
    )
    return [
        config,
        config.site,
        config.posts,
        config.feeds,
        config.sync,
        config.html,
        config.server,
        config.sources[0],
        config.feeds.overrides["A"],
    ]


@pytest.mark.parametrize("section", _sections(), ids=lambda section: type(section).__name__)
def test_every_section_is_frozen_and_refuses_what_it_does_not_know(section: Section) -> None:
    held = vars(section)
    name = next(iter(held))
    with pytest.raises(FrozenInstanceError):
        setattr(section, name, "x")
    with pytest.raises(Refused, match=r"^unheard_of: unknown key$"):
        type(section)(**held, unheard_of=1)
    assert pickle.loads(pickle.dumps(section)) == section
    assert type(section)(**held) == section, "finished values are values too"


def test_no_text_of_a_config_shows_a_secret() -> None:
    source = {
        "name": "a",
        "url": "https://u:CANARY1@a.example/?token=CANARY2",
        "headers": {"Authorization": "Bearer CANARY3"},
        "url_as_written": "https://CANARY4@a.example/",
    }
    config = make_config(sources=[source], sync={"proxy": "http://u:CANARY5@proxy.example:3128"})
    shown = f"{config!r} {config} {config.sources} {config.sources[0]!s} {config.sync!r}"
    assert "CANARY" not in shown
    assert config.sources[0].headers == {"Authorization": "Bearer CANARY3"}
    assert config.sync.proxy == "http://u:CANARY5@proxy.example:3128"


def test_an_error_of_values_does_not_show_them() -> None:
    with pytest.raises(Refused) as caught:
        make_config(sources=[{"name": "a", "url": "CANARY", "headers": {"A": "CANARY\n"}}], sync={"proxy": "CANARY"})
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("posts", "feeds"),
    [
        ("posts", "posts"),
        ("posts", "./posts/"),
        ("posts", "posts/feeds"),
        ("feeds/posts", "feeds"),
        (".", "feeds"),
        ("posts", "/srv/site/posts/x"),
    ],
)
def test_posts_and_feeds_need_folders_of_their_own(posts: str, feeds: str) -> None:
    assert clashing_folders(Path("/srv/site"), posts=posts, feeds=feeds)
    with pytest.raises(Refused):
        make_config(posts={"dir": posts}, feeds={"dir": feeds})


def test_neighbouring_folders_are_fine() -> None:
    assert clashing_folders(Path("/srv/site"), posts="posts", feeds="posts-feeds") == ""
    assert clashing_folders(Path("/srv/site"), posts="source/_posts", feeds="source/feeds") == ""


@pytest.mark.parametrize("name", ["catalog.db", "lock", "sync.lock"])
def test_the_state_has_a_name_of_its_own(name: str) -> None:
    assert make_config(sync={"state": f"{name}/state.db"}).state_path.name == "state.db"
    with pytest.raises(Refused, match="that name is taken by a file that feedmill keeps beside it"):
        make_config(sync={"state": f"x/{name}"})


def test_repeated_names() -> None:
    assert repeated_names(["a", "b", "a", "a", "c", "b"]) == [(2, 0), (3, 0), (5, 1)]
    with pytest.raises(Refused, match="two sources are named a"):
        make_config(sources=[{"name": "a", "url": "https://a.example/"}, {"name": "a", "url": "https://b.example/"}])
