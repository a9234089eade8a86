"""Addresses, hosts, zones, languages, templates and folders, from text."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill import configaddresses as addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://News.Example.org", "https://news.example.org/"),
        ("HTTPS://example.org/blog", "https://example.org/blog/"),
        ("http://localhost:4000/", "http://localhost:4000/"),
        ("https://[::1]:8000/a/", "https://[::1]:8000/a/"),
        ("https://新闻.example/", "https://新闻.example/"),
    ],
)
def test_base_urls(text: str, expected: str) -> None:
    assert addresses.parse_base_url(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("example.org", "it does not begin with https:// or http://"),
        ("//example.org/", "it does not begin with https:// or http://"),
        ("https:example.org", "it does not begin with https:// or http://"),
        ("ftp://example.org/", "its scheme is ftp"),
        ("javascript://x/%0aalert(1)", "its scheme is javascript"),
        ("https:///feed", "it has no host"),
        ("https://user@/", "it has no host"),
        ("https://exa mple.org/", "it holds a space"),
        ("https://example.org/\r\nX: y", "it holds the character U+000D"),
        ("https://example.org\\@evil.example/", "it holds `\\`"),
        ("https://example.org:99999/", "its host or port cannot be read"),
        ("https://[::1/", "its host or port cannot be read"),
        ("https://.example.org/", "its host cannot be read"),
        ("https://example..org/", "its host cannot be read"),
        ("https://{host}/", "its host cannot be read"),
        ("https://${HOST}/", "`${…}` is filled in only in sources[].url, sources[].headers and sync.proxy"),
    ],
)
def test_what_is_no_url(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        addresses.parse_url(text)
    assert str(caught.value) == reason


def test_a_url_keeps_what_only_its_server_understands() -> None:
    url = "https://user:Pass@Feeds.Example.org/A/b?Q=1&x={y}|z#Frag"
    assert addresses.parse_url(url) == "https://user:Pass@feeds.example.org/A/b?Q=1&x={y}|z#Frag"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://u:p@example.org/", "it holds a user or a password, which every feed would show"),
        ("https://example.org/?a=b", "addresses are built by adding to it: it cannot hold `?` or `#`"),
        ("https://example.org/#x", "addresses are built by adding to it: it cannot hold `?` or `#`"),
    ],
)
def test_what_is_no_base_url(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        addresses.parse_base_url(text)
    assert str(caught.value) == reason


def test_image_proxies() -> None:
    assert addresses.parse_image_proxy("https://cors.example.org/?{url}") == "https://cors.example.org/?{url}"
    with pytest.raises(ValueError, match=r"it lacks \{url\}"):
        addresses.parse_image_proxy("https://cors.example.org/")
    with pytest.raises(ValueError, match="it does not begin with"):
        addresses.parse_image_proxy("{url}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("zh_CN", "zh-CN"), ("zh-hans-cn", "zh-Hans-CN"), ("EN", "en"), ("pt-br", "pt-BR"), ("de-1996", "de-1996"), ("es-419", "es-419")],
)
def test_languages(text: str, expected: str) -> None:
    assert addresses.parse_language(text) == expected


@pytest.mark.parametrize("text", ["English", "zh_CN.UTF-8", "中文", "e", "en-", "en--us", "en us", ""])
def test_what_is_no_language(text: str) -> None:
    with pytest.raises(ValueError):
        addresses.parse_language(text)


@pytest.mark.parametrize("name", ["UTC", "Asia/Shanghai", "Europe/Berlin"])
def test_zones(name: str) -> None:
    assert addresses.parse_zone_name(name) == name
    assert addresses.zone_named(name).key == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("asia/shangai", "the nearest known name is Asia/Shanghai"),
        ("Shanghai", "the zone of that name is Asia/Shanghai"),
        ("Los Angeles", "the zone of that name is America/Los_Angeles"),
        ("+08:00", "no such zone is known"),
        ("../../etc/passwd", "no such zone is known"),
        ("/etc/localtime", "no such zone is known"),
        ("localtime", "it means another zone on another machine"),
    ],
)
def test_what_is_no_zone(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        addresses.parse_zone_name(text)
    assert str(caught.value) == reason


NO_ZONE_DATA = """
import sys, zoneinfo
sys.modules["tzdata"] = None  # as if it were not installed
from feedmill.configaddresses import zone_named
from datetime import datetime, timedelta
utc = zone_named("UTC")
assert datetime(2024, 7, 1, tzinfo=utc).utcoffset() == timedelta(0), utc
assert datetime(2024, 7, 1, tzinfo=utc).tzname() == utc.key == "UTC"
try:
    zone_named("Asia/Shanghai")
except ValueError as exc:
    print(exc)
"""


def test_a_machine_without_zone_data_has_utc_and_says_what_to_install() -> None:
    command = [sys.executable, "-c", NO_ZONE_DATA]
    environ = {"PYTHONTZPATH": "", "PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "this machine has no time zone data: install its tzdata package (or `pip install tzdata`)\n"


def test_utc_is_utc() -> None:
    assert datetime(2024, 1, 1, tzinfo=addresses.zone_named("UTC")) == datetime(2024, 1, 1, tzinfo=UTC)
    assert datetime(2024, 1, 1, tzinfo=addresses.zone_named("Asia/Shanghai")).utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{url}{year}/{month}/{day}/{slug}/", "{url}{year}/{month}/{day}/{slug}/"),
        ("{url}/{path}.html", "{url}{path}.html"),
        ("https://example.org/{id}", "https://example.org/{id}"),
        ("{canonical}", "{canonical}"),
        ("{url}{permalink-name}/", "{url}{permalink-name}/"),
        ("{url}{分类}/{title}", "{url}{分类}/{title}"),
    ],
)
def test_permalinks(text: str, expected: str) -> None:
    assert addresses.parse_permalink(text) == expected


BRACES = "its braces do not pair up as {name}, the name made of letters, digits, `_` and `-`"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{url}{slug", BRACES),
        ("{url}slug}", BRACES),
        ("{url}{{slug}}", BRACES),
        ("{url}{}/", BRACES),
        ("{url}{0}/", BRACES),
        ("{url}{year:04d}/", BRACES),
        ("{url}{title.__class__}", BRACES),
        ("{url}{tags[0]}", BRACES),
        ("{url}{slug!r}", BRACES),
        ("{url}", "every post would get the same address; use {path}, {slug}, {id} or {title}"),
        ("{url}posts/", "every post would get the same address; use {path}, {slug}, {id} or {title}"),
        ("/{year}/{slug}/", "it does not begin with {url}, https:// or http://"),
        ("{url}{year} {slug}", "it holds a space"),
    ],
)
def test_what_is_no_permalink(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        addresses.parse_permalink(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(("text", "expected"), [("WWW.YouTube.com", "www.youtube.com"), ("v.qq.com", "v.qq.com")])
def test_embed_hosts(text: str, expected: str) -> None:
    assert addresses.parse_embed_host(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://youtube.com", "it is more than a host"),
        ("youtube.com:443", "it is more than a host"),
        ("*.youtube.com", "`*` is not known here; name every host"),
        ("视频.example", "write it in its xn-- form"),
        ("you tube.com", ""),
    ],
)
def test_what_is_no_embed_host(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        addresses.parse_embed_host(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "expected"), [("127.0.0.1", "127.0.0.1"), ("::", "::"), ("[::1]", "::1"), ("localhost", "localhost"), ("0.0.0.0", "0.0.0.0")]
)
def test_hosts_to_listen_on(text: str, expected: str) -> None:
    assert addresses.parse_host(text) == expected


@pytest.mark.parametrize(("text", "reason"), [("127.0.0.1:80", "it is more than a host; the port has its own key"), ("a b", ""), ("", "")])
def test_what_is_no_host(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        addresses.parse_host(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(("text", "expected"), [("/新媒体/快讯/", "新媒体/快讯"), (" a / b ", "a/b"), ("A", "A"), ("/", "/")])
def test_category_paths(text: str, expected: str) -> None:
    assert addresses.parse_category_path(text) == expected


@pytest.mark.parametrize("text", ["a//b", "//", "", " "])
def test_what_is_no_category_path(text: str) -> None:
    with pytest.raises(ValueError, match="a name between its slashes is empty"):
        addresses.parse_category_path(text)


@pytest.mark.parametrize("text", ["pm", "产品经理", "v1.2", "a_b-c"])
def test_slugs(text: str) -> None:
    assert addresses.parse_slug(text) == text


@pytest.mark.parametrize("text", ["..", ".hidden", "a/b", "a b", "a\\b", "x" * 81, "a\0b"])
def test_what_is_no_slug(text: str) -> None:
    with pytest.raises(ValueError):
        addresses.parse_slug(text)


@pytest.mark.parametrize("text", ["a", "woshipm", "0-a", "x" * 63])
def test_source_names(text: str) -> None:
    assert addresses.parse_source_name(text) == text


@pytest.mark.parametrize("text", ["", "A", "a b", "a_b", "-a", "名", "a/b", "x" * 64])
def test_what_is_no_source_name(text: str) -> None:
    with pytest.raises(ValueError):
        addresses.parse_source_name(text)


PARSERS: list[Callable[[object], str]] = [
    addresses.parse_line,
    addresses.parse_title,
    addresses.parse_folder,
    addresses.parse_url,
    addresses.parse_base_url,
    addresses.parse_image_proxy,
    addresses.parse_host,
    addresses.parse_embed_host,
    addresses.parse_language,
    addresses.parse_zone_name,
    addresses.parse_permalink,
    addresses.parse_source_name,
    addresses.parse_category_path,
    addresses.parse_slug,
    addresses.parse_header_name,
    addresses.parse_header_value,
]


@pytest.mark.parametrize("parse", PARSERS, ids=[parse.__name__ for parse in PARSERS])
@given(text=st.text(max_size=30) | st.text(max_size=30).map("https://example.org/".__add__) | st.text(max_size=20).map("{url}{a}".__add__))
@settings(max_examples=40, deadline=None)
def test_any_text_is_read_or_refused(parse: Callable[[object], str], text: str) -> None:
    try:
        value = parse(text)
    except ValueError:
        return
    assert parse(value) == value, "a finished value is read as itself"
    assert not any(character in value for character in "\r\n\0")
