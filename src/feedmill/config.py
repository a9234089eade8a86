"""config.yaml as values: frozen, checked, with the defaults of every key. Reading the file is configfile.py's work.

What a field expects is the rest of a sentence: it is what a person is told about a bad value.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feedmill import configaddresses as addresses
from feedmill import configvalues as values
from feedmill.configreading import (
    Fault,
    Refused,
    Section,
    key,
    list_of,
    mapping_of,
    once_each,
    one_of,
    optional,
    parse_boolean,
    whole_number,
)
from feedmill.configvalues import AllowedNetwork, Every, Keep

Format = Literal["atom", "rss", "json"]

#: Fields that are no keys of config.yaml.
NOT_KEYS = frozenset({"root", "url_as_written"})

_INTERVAL = 'a duration of at least 1m such as 30m, 1h or 1d, cron text such as "*/30 * * * *", or auto'
_URL = "an address that begins with https:// or http://"
_FOLDER = "a folder, relative to the config file"
_LIMIT = "a whole number from 1 to 100000"
_BOOLEAN = "true or false"
_MAPPING = "a mapping: `key: value` lines, indented"


@dataclass(frozen=True, init=False)
class SiteConfig(Section):
    """Who publishes, where, and in which language and time zone."""

    title: str = key(addresses.parse_title, "the site's name")
    url: str = key(addresses.parse_base_url, f"{_URL} such as https://blog.example.org/")
    author: str = key(addresses.parse_line, "a name", default="")
    language: str = key(addresses.parse_language, "a language tag such as en, zh-CN or pt-BR", default="en")
    timezone: str = key(addresses.parse_zone_name, "a time zone such as Asia/Shanghai or UTC", default="UTC")

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of dates that carry none."""
        return addresses.zone_named(self.timezone)

    @property
    def author_name(self) -> str:
        """Who wrote what names no author: `author`, else the site itself."""
        return self.author or self.title


@dataclass(frozen=True, init=False)
class PostsConfig(Section):
    """Where the posts are, and how their categories and addresses are read."""

    dir: str = key(addresses.parse_folder, _FOLDER, default="posts")
    categories: Literal["nested", "flat"] = key(
        one_of("nested", "flat"), "nested (Hexo: [A, B] is A/B) or flat (Jekyll, Hugo, Pelican: A and B)", default="nested"
    )
    leading_blank_line: bool = key(parse_boolean, _BOOLEAN, default=False)
    permalink: str = key(addresses.parse_permalink, 'an address template such as "{url}{year}/{month}/{day}/{slug}/"', default="")


@dataclass(frozen=True, init=False)
class FeedOverride(Section):
    """What one category's feed has of its own; None and "" where it has what all have."""

    title: str = key(addresses.parse_line, "the feed's title", default="")
    description: str = key(addresses.parse_line, "a sentence on the feed", default="")
    limit: int | None = key(optional(whole_number(1, 100_000)), _LIMIT, default=None)
    slug: str = key(addresses.parse_slug, "a folder name of letters, digits, `-`, `_` and `.`", default="")
    publish: bool = key(parse_boolean, _BOOLEAN, default=True)


@dataclass(frozen=True, init=False)
class FeedsConfig(Section):
    """Which feeds are written, where, and what they hold."""

    dir: str = key(addresses.parse_folder, _FOLDER, default="feeds")
    formats: tuple[Format, ...] = key(
        once_each(list_of(one_of("atom", "rss", "json"), least=1)), "a list of one or more of atom, rss and json", default=("atom",)
    )
    limit: int = key(whole_number(1, 100_000), _LIMIT, default=50)
    content: Literal["full", "summary"] = key(one_of("full", "summary"), "full or summary", default="full")
    hub: tuple[str, ...] = key(once_each(list_of(addresses.parse_url)), f"a list of WebSub hubs, each {_URL}", default=())
    url: str = key(addresses.parse_base_url, f"{_URL} such as https://cdn.example.org/feeds/", default="")
    tags: bool = key(parse_boolean, _BOOLEAN, default=False)
    history: bool = key(parse_boolean, _BOOLEAN, default=False)
    overrides: dict[str, FeedOverride] = key(
        mapping_of(addresses.parse_category_path, FeedOverride.read),
        'a mapping of category paths such as "新媒体/人人都是产品经理"',
        default_factory=dict,
    )


@dataclass(frozen=True, init=False)
class SyncConfig(Section):
    """How upstream feeds are fetched."""

    state: str = key(addresses.parse_folder, "a file, relative to the config file", default=".feedmill/state.db")
    every: Every = key(values.parse_interval, _INTERVAL, default=timedelta(hours=1))
    concurrency: int = key(whole_number(1, 1000), "a whole number from 1 to 1000", default=32)
    per_host: int = key(whole_number(1, 100), "a whole number from 1 to 100", default=1)
    spacing: timedelta = key(values.parse_duration, "a duration such as 0, 500ms, 1s or 1m", default=timedelta(seconds=1))
    max_bytes: int = key(values.parse_size, "a size such as 10MB, 512 kB or 1048576", default=10_000_000)
    proxy: str = key(addresses.parse_url, f"{_URL} such as http://proxy.example.org:3128", default="", repr=False)
    allow_networks: tuple[AllowedNetwork, ...] = key(
        list_of(values.parse_network),
        "a list of networks such as 192.168.1.0/24 or fd00::/8, or of address and port such as 127.0.0.1:8080",
        default=(),
    )


EMBED_HOSTS = (
    "www.youtube.com",
    "youtube.com",
    "www.youtube-nocookie.com",
    "player.vimeo.com",
    "player.bilibili.com",
    "v.qq.com",
    "player.youku.com",
)


@dataclass(frozen=True, init=False)
class HtmlConfig(Section):
    """What the one HTML policy leaves to the site."""

    embeds: tuple[str, ...] = key(
        once_each(list_of(addresses.parse_embed_host)), "a list of hosts such as www.youtube.com", default=EMBED_HOSTS
    )


@dataclass(frozen=True, init=False)
class ServerConfig(Section):
    """Where the server listens, and what it tells readers."""

    host: str = key(addresses.parse_host, "a host name or an IP address", default="127.0.0.1")
    port: int = key(whole_number(0, 65535), "a port from 1 to 65535, or 0 for any free one", default=8000)
    max_age: timedelta = key(values.parse_duration, "a duration such as 0, 5m or 1h", default=timedelta(minutes=15))
    access_log: bool = key(parse_boolean, _BOOLEAN, default=False)


@dataclass(frozen=True, init=False)
class SourceConfig(Section):
    """One upstream feed. Its address and headers may hold secrets: no repr shows them."""

    name: str = key(addresses.parse_source_name, "up to 63 of a-z, 0-9 and `-`")
    url: str = key(addresses.parse_url, _URL, repr=False)
    title: str = key(addresses.parse_line, "the source's name for people", default="")
    categories: tuple[str, ...] = key(list_of(addresses.parse_title), "a list of category names, from the root down", default=())
    every: Every | None = key(optional(values.parse_interval), _INTERVAL, default=None)
    author: str = key(addresses.parse_line, "a name", default="")
    image_proxy: str = key(addresses.parse_image_proxy, "an address with {url} in it", default="")
    enabled: bool = key(parse_boolean, _BOOLEAN, default=True)
    tags: bool = key(parse_boolean, _BOOLEAN, default=False)
    keep: Keep | None = key(optional(values.parse_keep), "a number of posts such as 1000, or an age such as 90d", default=None)
    headers: dict[str, str] = key(
        mapping_of(addresses.parse_header_name, addresses.parse_header_value),
        "HTTP header names and their values, each on one line",
        default_factory=dict,
        repr=False,
    )
    #: `url` as the file has it, before `${ENV}` is filled in; not a key of config.yaml.
    url_as_written: str = key(str, "", default="", repr=False)

    @property
    def public_url(self) -> str:
        """The address as it may be shown; "" where it has a password, a query or a value from the environment: those may be secret."""
        parts = urlsplit(self.url)
        return "" if "@" in parts.netloc or parts.query or "${" in self.url_as_written else self.url


@dataclass(frozen=True, init=False)
class Config(Section):
    """The whole of config.yaml, and the folder that its paths are relative to."""

    #: The folder of the config file; not a key of it.
    root: Path = key(Path, "a folder")
    site: SiteConfig = key(SiteConfig.read, _MAPPING, default_factory=SiteConfig)
    posts: PostsConfig = key(PostsConfig.read, _MAPPING, default_factory=PostsConfig)
    feeds: FeedsConfig = key(FeedsConfig.read, _MAPPING, default_factory=FeedsConfig)
    sync: SyncConfig = key(SyncConfig.read, _MAPPING, default_factory=SyncConfig)
    html: HtmlConfig = key(HtmlConfig.read, _MAPPING, default_factory=HtmlConfig)
    server: ServerConfig = key(ServerConfig.read, _MAPPING, default_factory=ServerConfig)
    sources: tuple[SourceConfig, ...] = key(list_of(SourceConfig.read), "a list of sources, each beginning with `- name: …`", default=())

    def __init__(self, /, **given: Any) -> None:
        super().__init__(**given)
        if reason := self._misfit():
            raise Refused(Fault((), None, reason))

    def _misfit(self) -> str:
        """Return why values that are right, each for itself, cannot stand in one config; "" when they can."""
        if clash := values.clashing_folders(self.root, posts=self.posts.dir, feeds=self.feeds.dir):
            return clash
        if os.path.basename(self.sync.state) in {"catalog.db", "lock", "sync.lock"}:
            return "sync.state: that name is taken by a file that feedmill keeps beside it; give it another, such as state.db"
        doubles = values.repeated_names([source.name for source in self.sources])
        return f"two sources are named {self.sources[doubles[0][1]].name}" if doubles else ""

    def _place(self, path: str) -> Path:
        return Path(os.path.abspath(self.root / path))

    @property
    def posts_dir(self) -> Path:
        """The folder of the posts (absolute)."""
        return self._place(self.posts.dir)

    @property
    def feeds_dir(self) -> Path:
        """The folder that feeds are written to (absolute)."""
        return self._place(self.feeds.dir)

    @property
    def state_path(self) -> Path:
        """The database of what cannot be read back from the posts (absolute)."""
        return self._place(self.sync.state)

    @property
    def catalog_path(self) -> Path:
        """The index of the posts, a cache (absolute)."""
        return self.state_path.with_name("catalog.db")

    @property
    def lock_path(self) -> Path:
        """The file whose lock orders writers (absolute)."""
        return self.state_path.with_name("lock")

    @property
    def sync_lock_path(self) -> Path:
        """The file whose lock lets one sync or daemon at a time work with a state (absolute)."""
        return self.state_path.with_name("sync.lock")

    @property
    def feeds_url(self) -> str:
        """Where the feeds folder is published; ends with "/"."""
        return self.feeds.url or f"{self.site.url}feeds/"

    def interval(self, source: SourceConfig) -> Every:
        """How often `source` is fetched: its own `every`, else everybody's."""
        return source.every or self.sync.every
