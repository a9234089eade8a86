"""config.yaml as values: frozen, checked, with the defaults of every key. Reading the file is configfile.py's work.

The description of a field says what is expected there, as the rest of a sentence: it is what a person is told about a bad value.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import core_schema

from feedmill import configaddresses as addresses
from feedmill import configvalues as values
from feedmill.configvalues import AllowedNetwork, Cron, Every, Keep

__all__ = [
    "AllowedNetwork",
    "Config",
    "Cron",
    "Every",
    "FeedOverride",
    "FeedsConfig",
    "HtmlConfig",
    "Keep",
    "PostsConfig",
    "ServerConfig",
    "SiteConfig",
    "SourceConfig",
    "SyncConfig",
]

# Before it builds its first model pydantic looks for plugins in every installed distribution (10-20 ms, measured); none is wanted.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

Format = Literal["atom", "rss", "json"]

#: Fields of the models that are no keys of config.yaml.
NOT_KEYS = frozenset({"root", "url_as_written"})


@dataclass(frozen=True, slots=True)
class Reads:
    """Field metadata: the value is what `parse` makes of the raw one, and nothing else is checked (cheaper than pydantic's own types)."""

    parse: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)


def _listed(value: object) -> object:
    """A lone text stands for a list of one, as in `formats: atom`."""
    return (value,) if isinstance(value, str) else value


def _once(value: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(value))


_One = BeforeValidator(_listed)
_Once = AfterValidator(_once)
_Line = Annotated[str, Reads(addresses.parse_line)]
_Title = Annotated[str, Reads(addresses.parse_title)]
_Folder = Annotated[str, Reads(addresses.parse_folder)]
_Url = Annotated[str, Reads(addresses.parse_url)]
_BaseUrl = Annotated[str, Reads(addresses.parse_base_url)]
_Interval = Annotated[Every, Reads(values.parse_interval)]

_INTERVAL = 'a duration of at least 1m such as 30m, 1h or 1d, cron text such as "*/30 * * * *", or auto'
_URL = "an address that begins with https:// or http://"
_BOOL = "true or false"
_MAPPING = "a mapping: `key: value` lines, indented"


class Section(BaseModel):
    """A mapping of known keys; a key with nothing after it counts as left out.

    Building is deferred: the one schema of Config holds all the others (17 ms, against 30 ms when each is built for itself too).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nothing(cls, value: Any) -> Any:
        if value == "":
            return {}
        if isinstance(value, dict):
            return {key: held for key, held in value.items() if held != "" or key not in cls.model_fields}
        return value


class SiteConfig(Section):
    """Who publishes, where, and in which language and time zone."""

    title: _Title = Field(description="the site's name")
    url: _BaseUrl = Field(description=f"{_URL} such as https://blog.example.org/")
    author: _Line = Field(default="", description="a name")
    language: Annotated[str, Reads(addresses.parse_language)] = Field(default="en", description="a language tag such as en, zh-CN or pt-BR")
    timezone: Annotated[str, Reads(addresses.parse_zone_name)] = Field(
        default="UTC", description="a time zone such as Asia/Shanghai or UTC"
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of dates that carry none."""
        return addresses.zone_named(self.timezone)

    @property
    def author_name(self) -> str:
        """Who wrote what names no author: `author`, else the site itself."""
        return self.author or self.title


class PostsConfig(Section):
    """Where the posts are, and how their categories and addresses are read."""

    dir: _Folder = Field(default="posts", description="a folder, relative to the config file")
    categories: Literal["nested", "flat"] = Field(
        default="nested", description="nested (Hexo: [A, B] is A/B) or flat (Jekyll, Hugo, Pelican: A and B)"
    )
    leading_blank_line: bool = Field(default=False, description=_BOOL)
    permalink: Annotated[str, Reads(addresses.parse_permalink)] = Field(
        default="", description='an address template such as "{url}{year}/{month}/{day}/{slug}/"'
    )


class FeedOverride(Section):
    """What one category's feed has of its own; None and "" where it has what all have."""

    title: _Line = Field(default="", description="the feed's title")
    description: _Line = Field(default="", description="a sentence on the feed")
    limit: int | None = Field(default=None, ge=1, le=100_000, description="a whole number from 1 to 100000")
    slug: Annotated[str, Reads(addresses.parse_slug)] = Field(default="", description="a folder name of letters, digits, `-`, `_` and `.`")
    publish: bool = Field(default=True, description=_BOOL)


class FeedsConfig(Section):
    """Which feeds are written, where, and what they hold."""

    dir: _Folder = Field(default="feeds", description="a folder, relative to the config file")
    formats: Annotated[tuple[Format, ...], _One, _Once] = Field(
        default=("atom",), min_length=1, description="a list of one or more of atom, rss and json"
    )
    limit: int = Field(default=50, ge=1, le=100_000, description="a whole number from 1 to 100000")
    content: Literal["full", "summary"] = Field(default="full", description="full or summary")
    hub: Annotated[tuple[_Url, ...], _One, _Once] = Field(default=(), description=f"a list of WebSub hubs, each {_URL}")
    url: _BaseUrl = Field(default="", description=f"{_URL} such as https://cdn.example.org/feeds/")
    tags: bool = Field(default=False, description=_BOOL)
    history: bool = Field(default=False, description=_BOOL)
    overrides: dict[Annotated[str, Reads(addresses.parse_category_path)], FeedOverride] = Field(
        default={}, description='a mapping of category paths such as "新媒体/人人都是产品经理"'
    )


class SyncConfig(Section):
    """How upstream feeds are fetched."""

    state: _Folder = Field(default=".feedmill/state.db", description="a file, relative to the config file")
    every: _Interval = Field(default=timedelta(hours=1), description=_INTERVAL)
    concurrency: int = Field(default=32, ge=1, le=1000, description="a whole number from 1 to 1000")
    per_host: int = Field(default=1, ge=1, le=100, description="a whole number from 1 to 100")
    spacing: Annotated[timedelta, Reads(values.parse_duration)] = Field(
        default=timedelta(seconds=1), description="a duration such as 0, 500ms, 1s or 1m"
    )
    max_bytes: Annotated[int, Reads(values.parse_size)] = Field(default=10_000_000, description="a size such as 10MB, 512 kB or 1048576")
    proxy: _Url = Field(default="", repr=False, description=f"{_URL} such as http://proxy.example.org:3128")
    allow_networks: Annotated[tuple[Annotated[AllowedNetwork, Reads(values.parse_network)], ...], _One] = Field(
        default=(), description="a list of networks such as 192.168.1.0/24 or fd00::/8, or of address and port such as 127.0.0.1:8080"
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


class HtmlConfig(Section):
    """What the one HTML policy leaves to the site."""

    embeds: Annotated[tuple[Annotated[str, Reads(addresses.parse_embed_host)], ...], _One, _Once] = Field(
        default=EMBED_HOSTS, description="a list of hosts such as www.youtube.com"
    )


class ServerConfig(Section):
    """Where the server listens, and what it tells readers."""

    host: Annotated[str, Reads(addresses.parse_host)] = Field(default="127.0.0.1", description="a host name or an IP address")
    port: int = Field(default=8000, ge=0, le=65535, description="a port from 1 to 65535, or 0 for any free one")
    max_age: Annotated[timedelta, Reads(values.parse_duration)] = Field(
        default=timedelta(minutes=15), description="a duration such as 0, 5m or 1h"
    )
    access_log: bool = Field(default=False, description=_BOOL)


class SourceConfig(Section):
    """One upstream feed. Its address and headers may hold secrets: no repr shows them."""

    name: Annotated[str, Reads(addresses.parse_source_name)] = Field(description="up to 63 of a-z, 0-9 and `-`")
    url: _Url = Field(repr=False, description=_URL)
    title: _Line = Field(default="", description="the source's name for people")
    categories: Annotated[tuple[_Title, ...], _One] = Field(default=(), description="a list of category names, from the root down")
    every: _Interval | None = Field(default=None, description=_INTERVAL)
    author: _Line = Field(default="", description="a name")
    image_proxy: Annotated[str, Reads(addresses.parse_image_proxy)] = Field(default="", description="an address with {url} in it")
    enabled: bool = Field(default=True, description=_BOOL)
    tags: bool = Field(default=False, description=_BOOL)
    keep: Annotated[Keep | None, Reads(values.parse_keep)] = Field(
        default=None, description="a number of posts such as 1000, or an age such as 90d"
    )
    headers: dict[Annotated[str, Reads(addresses.parse_header_name)], Annotated[str, Reads(addresses.parse_header_value)]] = Field(
        default={}, repr=False, description="HTTP header names and their values, each on one line"
    )
    #: `url` as the file has it, before `${ENV}` is filled in; not a key of config.yaml.
    url_as_written: str = Field(default="", repr=False)

    @property
    def public_url(self) -> str:
        """The address as it may be shown; "" where it has a password, a query or a value from the environment: those may be secret."""
        parts = urlsplit(self.url)
        return "" if "@" in parts.netloc or parts.query or "${" in self.url_as_written else self.url


class Config(Section):
    """The whole of config.yaml, and the folder that its paths are relative to."""

    site: SiteConfig = Field(description=_MAPPING)
    posts: PostsConfig = Field(default_factory=PostsConfig, description=_MAPPING)
    feeds: FeedsConfig = Field(default_factory=FeedsConfig, description=_MAPPING)
    sync: SyncConfig = Field(default_factory=SyncConfig, description=_MAPPING)
    html: HtmlConfig = Field(default_factory=HtmlConfig, description=_MAPPING)
    server: ServerConfig = Field(default_factory=ServerConfig, description=_MAPPING)
    sources: tuple[SourceConfig, ...] = Field(default=(), description="a list of sources, each beginning with `- name: …`")
    #: The folder of the config file; not a key of it.
    root: Path

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if clash := values.clashing_folders(self.root, posts=self.posts.dir, feeds=self.feeds.dir):
            raise ValueError(clash)
        if os.path.basename(self.sync.state) in {"catalog.db", "lock", "sync.lock"}:
            raise ValueError("sync.state: that name is taken by a file that feedmill keeps beside it; give it another, such as state.db")
        if doubles := values.repeated_names([source.name for source in self.sources]):
            raise ValueError(f"two sources are named {self.sources[doubles[0][1]].name}")
        return self

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
