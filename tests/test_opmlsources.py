"""Subscriptions come in as OPML and go out as OPML."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feedmill.config import Config
from feedmill.configfile import read_config
from feedmill.errors import ConfigError
from feedmill.opmlsources import ListedFeed, import_sources, read_opml, write_opml
from feedmill.sourceediting import NewSource, add_sources

SITE = "site:\n  title: 每日 & news\n  url: https://e.org/\n"


def _config(text: str = "") -> Config:
    return read_config(SITE + text, root=Path("/"), environ={"T": "secret"})


def _opml(body: str, *, version: str = "2.0") -> bytes:
    return f'<?xml version="1.0"?>\n<opml version="{version}">\n<head><title>x</title></head>\n<body>{body}</body></opml>'.encode()


NESTED = """
<outline text="新媒体"><outline title="产品" text="ignored">
  <outline type="rss" text="A" xmlUrl="https://a.org/feed" htmlUrl="https://a.org/" category="/no"/>
</outline>
<outline text="B &amp; &#10; &lt;C&gt;" xmlURL="https://b.org/feed"><outline text="inside a feed" xmlurl="HTTP://C.org"/></outline></outline>
<outline text=""><outline text="" title="" xmlUrl=" https://d.org/ "/></outline>
<outline type="link" text="a page" url="https://e.org/"/>
"""


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_every_outline_with_an_address_is_a_feed_and_those_around_it_its_folders(version: str) -> None:
    assert read_opml(_opml(NESTED, version=version)) == (
        [
            ListedFeed(url="https://a.org/feed", title="A", categories=("新媒体", "产品")),
            ListedFeed(url="https://b.org/feed", title="B & <C>", categories=("新媒体",)),
            ListedFeed(url="http://c.org", title="inside a feed", categories=("新媒体",)),
            ListedFeed(url="https://d.org/"),
        ],
        [],
    )


def test_a_namespace_a_missing_body_and_other_elements_are_no_hindrance() -> None:
    data = b'<opml xmlns="http://opml.org/spec2"><x/><body><!-- c --><y xmlUrl="https://y.org/"/><outline xmlUrl="https://a.org/"/></body></opml>'
    assert [feed.url for feed in read_opml(data)[0]] == ["https://a.org/"]
    assert read_opml(b"<opml/>") == ([], [])


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://例子.cn/路径?a=1&amp;b=2#c", "https://例子.cn/路径?a=1&b=2#c"),
        ("https://a.org/a b", "https://a.org/a%20b"),
        ("https://a.org/?k=${HOME}", "https://a.org/?k=$%7BHOME%7D"),
        ("feed://a.org/x", "http://a.org/x"),
        ("feed:https://a.org/x", "https://a.org/x"),
    ],
)
def test_addresses_are_taken_as_the_configuration_wants_them(written: str, url: str) -> None:
    feeds, problems = read_opml(_opml(f'<outline xmlUrl="{written}"/>'))
    assert [feed.url for feed in feeds] == [url]
    assert not problems
    added = add_sources(SITE, [NewSource(name="a", url=url)])
    assert read_config(added, root=Path("/"), environ={}).sources[0].url == url


@pytest.mark.parametrize("address", ["ftp://a.org/x", "a.org/feed", "javascript:alert(1)", "https://", "file:///etc/passwd", "http://[x"])
def test_an_address_that_cannot_be_used_is_told_and_the_others_are_read(address: str) -> None:
    feeds, (problem,) = read_opml(_opml(f'\n<outline xmlUrl="{address}"/><outline xmlUrl="https://a.org/"/>'))
    assert [feed.url for feed in feeds] == ["https://a.org/"]
    assert problem.startswith(f'line 5: the address "{address}" is left out: it')


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_opml('\n<outline text="a & b"/>'), r"cannot be read:\n  line 5: "),
        (_opml("<outline>"), r"line 4: Opening and ending tag mismatch"),
        (b"", "cannot be read"),
        (b"\x00\x01", "cannot be read"),
        (b"- not: xml", "cannot be read"),
        (b"<rss><channel/></rss>", "is no OPML: it begins with <rss>; export"),
        (b"<opml>" + b" " * 10_000_000 + b"</opml>", "larger than 10 MB"),
        (_opml("<outline>" * 5000 + "</outline>" * 5000), "cannot be read"),
        (_opml('<outline text="&undefined;"/>'), "line 4: Entity 'undefined' not defined"),
    ],
    ids=["a bare &", "torn", "empty", "no text", "no XML", "a feed", "too large", "too deep", "an entity"],
)
def test_what_is_no_opml_is_told_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_opml(data)


def test_no_file_is_opened_and_no_entity_grows(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://leaked.org/")
    data = f'<!DOCTYPE opml [<!ENTITY x SYSTEM "{secret.as_uri()}">]><opml><body><outline text="a" xmlUrl="https://a.org/">&x;</outline></body></opml>'
    assert read_opml(data.encode())[0] == [ListedFeed(url="https://a.org/", title="a")]
    laughs = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))
    bomb = f'<!DOCTYPE opml [<!ENTITY l0 "ha">{laughs}]><opml><body><outline text="&l9;" xmlUrl="https://a.org/"/></body></opml>'
    start = time.process_time()
    with pytest.raises(ConfigError):
        read_opml(bomb.encode())
    assert time.process_time() - start < 2


def test_folders_and_titles_are_kept_short() -> None:
    feeds, _ = read_opml(_opml('<outline text="f">' * 50 + f'<outline text="{"x" * 5000}" xmlUrl="https://a.org/"/>' + "</outline>" * 50))
    assert feeds[0].categories == ("f",) * 10
    assert len(feeds[0].title) == 200


def test_feeds_that_are_there_already_are_left_out_and_names_are_unique() -> None:
    config = _config("sources:\n  - {name: news, url: 'https://a.org/feed'}\n")
    body = """<outline text="News" xmlUrl="http://A.org/feed/"/><outline text="News" xmlUrl="https://b.org/"/>
    <outline text="News" xmlUrl="https://c.org/"/><outline text="again" xmlUrl="https://b.org"/><outline xmlUrl="x:y"/>"""
    sources, problems = import_sources(config, _opml(body))
    assert sources == [
        NewSource(name="news-2", url="https://b.org/", title="News"),
        NewSource(name="news-3", url="https://c.org/", title="News"),
    ]
    assert [problem.partition(":")[0] for problem in problems] == ["line 5", '"News" is left out', '"again" is left out']
    assert problems[2].endswith("it is the source news-2 already")


SECRETS = """sources:
  - {name: plain, url: 'https://a.org/?token=1', title: A, categories: [x, y]}
  - {name: password, url: 'https://user:pass@b.org/'}
  - {name: variable, url: 'https://c.org/?k=${T}'}
  - {name: untitled, url: 'https://D.org/@home', categories: [x]}
"""


def test_the_file_nests_the_sources_by_category_and_leaves_secrets_out() -> None:
    data, left_out = write_opml(_config(SECRETS))
    assert left_out == ["password", "variable"]
    assert data.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<opml version="2.0">\n  <head>\n    <title>每日 &amp; news</title>\n  </head>\n  <body>\n'
        '    <outline text="x">\n      <outline text="y">\n'
        '        <outline type="rss" text="A" title="A" xmlUrl="https://a.org/?token=1"/>\n'
        '      </outline>\n      <outline type="rss" text="untitled" title="untitled" xmlUrl="https://D.org/@home"/>\n'
        "    </outline>\n  </body>\n</opml>\n"
    )
    assert b"secret" not in data
    assert b"pass" not in data


def test_no_sources_make_an_empty_list() -> None:
    data, left_out = write_opml(_config())
    assert read_opml(data) == ([], [])
    assert not left_out


_LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff")
_TITLES = st.text(_LETTERS, max_size=20).map(lambda text: " ".join(text.split()))
_NAMES = st.sampled_from(["新媒体", "a & b", '"', "x'y", "<b>", "a/b", "]]>"])


@given(st.lists(st.tuples(_TITLES, st.lists(_NAMES, max_size=3)), max_size=6))
def test_what_was_written_reads_back(held: list[tuple[str, list[str]]]) -> None:
    sources: list[dict[str, Any]] = [
        {"name": f"s{number}", "url": f"https://a.org/{number}?a=1&b=%20", "title": title, "categories": categories}
        for number, (title, categories) in enumerate(held)
    ]
    config = Config(site={"title": "x", "url": "https://e.org/"}, sources=sources, root=Path("/"))
    data, left_out = write_opml(config)
    assert not left_out
    assert data == write_opml(config)[0]
    etree.fromstring(data)
    feeds, problems = read_opml(data)
    assert not problems
    assert sorted((feed.url, feed.title, feed.categories) for feed in feeds) == sorted(
        (source.url, source.title or source.name, source.categories) for source in config.sources
    )
