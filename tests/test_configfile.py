"""Reading config.yaml: what is right loads, what is wrong is told all at once, with place and line, and without secrets."""

# ruff: noqa: E501  (tables read better in rows)

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.config import Config
from feedmill.configfile import load_config, read_config
from feedmill.errors import ConfigError, ConfigProblem
from test_config import DEFAULTS

GOOD = "site: {title: T, url: https://example.org/}\n"
ROOT = Path("/srv/site")


def read(text: str, **environ: str) -> Config:
    return read_config(textwrap.dedent(text), root=ROOT, environ=environ)


def problems(text: str, **environ: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return [(problem.line, problem.place, problem.message) for problem in caught.value.problems]


def only_problem(text: str, **environ: str) -> tuple[int, str, str]:
    [problem] = problems(text, **environ)
    return problem


def test_the_sample_config_has_the_defaults_where_it_says_nothing(root: Path) -> None:
    config = load_config(root / "config.yaml", environ={})
    assert asdict(config.site) == {
        "title": "每日新闻",
        "url": "https://news.example.org/",
        "author": "编辑部",
        "language": "zh-CN",
        "timezone": "Asia/Shanghai",
    }
    for section in ("posts", "feeds", "sync", "html", "server"):
        assert asdict(getattr(config, section)) == DEFAULTS[section]
    assert config.sources == ()
    assert (config.posts_dir, config.feeds_dir) == (root / "posts", root / "feeds")


def test_the_whole_contract(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        textwrap.dedent("""\
        site: {title: 每日新闻, url: "https://News.example.org", author: 编辑部, language: zh_CN, timezone: Asia/Shanghai}
        posts: {dir: source/_posts, categories: flat, leading_blank_line: true, permalink: "{url}/{year}/{slug}/"}
        feeds:
          dir: public/feeds
          formats: [atom, rss, json]
          limit: 20
          content: summary
          hub: [https://hub.example.org/]
          url: https://cdn.example.org/feeds
          tags: yes
          history: on
          overrides:
            新媒体/人人都是产品经理: {title: 产品, description: 每日, limit: 5, slug: pm, publish: false}
        sync: {state: state/s.db, every: "*/30 * * * *", concurrency: 4, per_host: 2, spacing: 500ms, max_bytes: 512 kB,
               proxy: "http://${PROXY_USER}@proxy.example.org:3128", allow_networks: [127.0.0.0/8, "127.0.0.1:8080"]}
        html: {embeds: [Player.Vimeo.com]}
        server: {host: 0.0.0.0, port: 80}
        sources:
          - name: woshipm
            title: 人人都是产品经理
            url: https://rsshub.example.org/woshipm/latest?key=${KEY}
            categories: [新媒体, 人人都是产品经理, 最新文章]
            every: 30m
            author: 人人都是产品经理
            image_proxy: "https://cors.example.org/?{url}"
            enabled: false
            tags: true
            keep: 90d
            headers: {Authorization: "Bearer ${TOKEN}"}
        """),
        encoding="utf-8",
    )
    config = load_config(path, environ={"KEY": "k", "TOKEN": "t", "PROXY_USER": "u:p"})
    assert config.site.url == "https://news.example.org/"
    assert config.posts.permalink == "{url}{year}/{slug}/"
    assert config.feeds_url == "https://cdn.example.org/feeds/"
    assert config.feeds.overrides["新媒体/人人都是产品经理"].publish is False
    assert config.sync.proxy == "http://u:p@proxy.example.org:3128"
    [source] = config.sources
    assert source.url == "https://rsshub.example.org/woshipm/latest?key=k"
    assert source.headers == {"Authorization": "Bearer t"}
    assert source.public_url == ""
    assert config.state_path == tmp_path / "state" / "s.db"


# --- one thing wrong: the exact place, line and message

INTERVAL = 'expected a duration of at least 1m such as 30m, 1h or 1d, cron text such as "*/30 * * * *", or auto'
URL = "expected an address that begins with https:// or http://"
SOURCE = GOOD + "sources:\n  - {name: a, url: https://a.example/}\n  - name: b\n    url: https://b.example/\n"

ONE_PROBLEM = [
    ("posts: {dir: p}", 0, "site.title", "missing; expected the site's name"),
    ("site: {title: T}", 1, "site.url", f"missing; {URL} such as https://blog.example.org/"),
    ("site: {title: '  ', url: https://e.org/}", 1, "site.title", "found \"  \": it is empty; expected the site's name"),
    ("site: {title: T, url: e.org}", 1, "site.url", f'found "e.org": it does not begin with https:// or http://; {URL} such as https://blog.example.org/'),
    ("site: nothing", 1, "site", 'found "nothing"; expected a mapping: `key: value` lines, indented'),
    (GOOD + "posts: [a]", 2, "posts", "found a list; expected a mapping: `key: value` lines, indented"),
    (GOOD + "posts: []", 2, "posts", "found an empty list; expected a mapping: `key: value` lines, indented"),
    (GOOD + "posts:\n  dir: {a: b}", 3, "posts.dir", "found a mapping; expected a folder, relative to the config file"),
    (GOOD + "posts: {dir: ~/posts}", 2, "posts.dir", 'found "~/posts": `~` is not expanded here; write the whole path; expected a folder, relative to the config file'),
    (GOOD + "posts: {categories: tree}", 2, "posts.categories", 'found "tree"; expected nested (Hexo: [A, B] is A/B) or flat (Jekyll, Hugo, Pelican: A and B)'),
    (GOOD + "feeds:\n  limit: fifty", 3, "feeds.limit", 'found "fifty"; expected a whole number from 1 to 100000'),
    (GOOD + "feeds:\n  limit: 0", 3, "feeds.limit", 'found "0"; expected a whole number from 1 to 100000'),
    (GOOD + "feeds: {limit: 1" + "0" * 5000 + "}", 2, "feeds.limit", f'found "1{"0" * 59}…"; expected a whole number from 1 to 100000'),
    (GOOD + "feeds: {tags: maybe}", 2, "feeds.tags", 'found "maybe"; expected true or false'),
    (GOOD + "feeds: {formats: atom, rss: x}", 2, "feeds.rss", "unknown key; known here: dir, formats, limit, content, hub, url, tags, history, overrides"),
    (GOOD + "feeds: {formats: 'atom, rss'}", 2, "feeds.formats", 'found "atom, rss"; expected a list of one or more of atom, rss and json'),
    (GOOD + "feeds: {formats: [atom, rdf]}", 2, "feeds.formats[1]", 'found "rdf"; expected a list of one or more of atom, rss and json'),
    (GOOD + "feeds: {formats: []}", 2, "feeds.formats", "found an empty list; expected a list of one or more of atom, rss and json"),
    (GOOD + "feeds: {overrides: [a]}", 2, "feeds.overrides", 'found a list; expected a mapping of category paths such as "新媒体/人人都是产品经理"'),
    (GOOD + "feeds:\n  overrides:\n    新媒体/快讯:\n      limt: 3", 5, 'feeds.overrides["新媒体/快讯"].limt', "unknown key; did you mean `limit`?"),
    (GOOD + "feeds:\n  overrides:\n    title:\n      limit: x", 5, "feeds.overrides.title.limit", 'found "x"; expected a whole number from 1 to 100000'),
    (GOOD + "feeds:\n  dir: posts/feeds", 3, "feeds.dir", "posts.dir and feeds.dir are one folder, or one lies in the other; give the feeds a folder of their own"),
    (GOOD + "sync: {every: 30s}", 2, "sync.every", f'found "30s": it is shorter than 1m; {INTERVAL}'),
    (GOOD + "sync: {spacing: 2}", 2, "sync.spacing", 'found "2": it has no unit; expected a duration such as 0, 500ms, 1s or 1m'),
    (GOOD + "server: {port: 70000}", 2, "server.port", 'found "70000"; expected a port from 1 to 65535, or 0 for any free one'),
    (GOOD + "plugins: x", 2, "plugins", "unknown key; known here: site, posts, feeds, sync, html, server, sources"),
    (GOOD + "titel: x", 2, "titel", "unknown key here; did you mean `site.title`?"),
    (GOOD + "timezone: UTC", 2, "timezone", "unknown key here; did you mean `site.timezone`?"),
    (GOOD + "dir: x", 2, "dir", "unknown key here; did you mean `posts.dir` or `feeds.dir`?"),
    (GOOD + "soruces: []", 2, "soruces", "unknown key; did you mean `sources`?"),
    (GOOD + "root: /", 2, "root", "unknown key; known here: site, posts, feeds, sync, html, server, sources"),
    (GOOD + "sources: {name: a}", 2, "sources", "found a mapping; expected a list of sources, each beginning with `- name: …`"),
    (GOOD + "sources:\n  - https://a.example/", 3, "sources[0]", 'found "https://a.example/"; expected a list of sources, each beginning with `- name: …`'),
    (SOURCE + "    every: often", 6, "sources[1].every", f'found "often"; {INTERVAL}'),
    (SOURCE + "    name: a", 6, "sources[1].name", ""),
    (SOURCE.replace("b\n", "a\n"), 4, "sources[1].name", '"a" is the name of sources[0] too; every source has its own'),
    (SOURCE + "    image-proxy: x", 6, "sources[1].image-proxy", "unknown key; did you mean `image_proxy`?"),
    (SOURCE + "    url_as_written: x", 6, "sources[1].url_as_written", "unknown key; known here: name, url, title, categories, every, author, image_proxy, enabled, tags, keep, headers"),
    (SOURCE + "    headers: {A: [b]}", 6, "sources[1].headers.A", "found a list; expected HTTP header names and their values, each on one line"),
    (SOURCE + "    headers: x", 6, "sources[1].headers", "what stands here does not do; expected HTTP header names and their values, each on one line"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "place", "message"), ONE_PROBLEM, ids=[f"{row[2]}-{index}" for index, row in enumerate(ONE_PROBLEM)]
)
def test_H14_one_problem(text: str, line: int, place: str, message: str) -> None:
    if text == "posts: {dir: p}":
        assert problems(text) == [(0, place, message), (0, "site.url", f"missing; {URL} such as https://blog.example.org/")]
    elif not message:
        twice = "this key stands twice in one mapping; keep one of the two"
        both = [(6, place, twice), (6, place, '"a" is the name of sources[0] too; every source has its own')]
        assert problems(text) == both
    else:
        assert only_problem(text) == (line, place, message)


def test_H14_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        """\
        site:
          titel: T
          url: https://u:secret@example.org/
        feeds:
          limit: many
          limit: fewer
          dir: posts
        sync: {every: never}
        sources:
          - {name: a, url: "https://a.example/${UNSET}"}
          - {name: a, url: ftp://b.example/, every: 1s}
        typo: 1
        """
    )
    assert [(line, place) for line, place, _ in found] == [
        (1, "site.title"),
        (2, "site.titel"),
        (3, "site.url"),
        (6, "feeds.limit"),
        (6, "feeds.limit"),
        (7, "feeds.dir"),
        (8, "sync.every"),
        (10, "sources[0].url"),
        (11, "sources[1].name"),
        (11, "sources[1].url"),
        (11, "sources[1].every"),
        (12, "typo"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "sources: [{a: 1, a: 2}]\nsources: x",
        "feeds: {a: 1, a: 2}\nfeeds: [b]",
        "feeds: [{a: 1, a: 2}]\nfeeds: {b: c}",
        "sources: [x, {a: 1, a: 2}]\nsources: [y]",
    ],
)
def test_H14_a_repeated_key_inside_a_repeated_key(text: str) -> None:
    assert sum("twice" in message for _, _, message in problems(GOOD + text)) == 2


def test_the_message_is_one_that_a_person_can_read() -> None:
    with pytest.raises(ConfigError) as caught:
        read(GOOD + "feeds: {limit: no}\nx: 1\n")
    assert str(caught.value) == (
        "config.yaml cannot be used, 2 problems:\n"
        '  line 2: feeds.limit: found "no"; expected a whole number from 1 to 100000\n'
        "  line 3: x: unknown key; known here: site, posts, feeds, sync, html, server, sources"
    )
    assert caught.value.exit_status == 2


WORDS_OF_PYTHON = (
    "parse",
    "Error",
    "object",
    "type=",
    "dict",
    "tuple",
    "str ",
    "None",
    "valid ",
    "NoneType",
    "Value error",
)


def test_no_message_speaks_of_python_types() -> None:
    for text, *_ in ONE_PROBLEM:
        for _, _, message in problems(text):
            assert not any(word in message for word in WORDS_OF_PYTHON), message


# --- ${ENV} and secrets


def test_the_environment_fills_in_only_where_secrets_belong() -> None:
    config = read(
        "site: {title: 'a ${HOME} b', url: https://e.org/, author: '$HOME'}\n"
        + "sources: [{name: a, url: 'https://${H}/${P}', title: '${H}'}]",
        H="a.example",
        P="p",
    )
    assert (config.site.title, config.site.author, config.sources[0].title) == ("a ${HOME} b", "$HOME", "${H}")
    assert config.sources[0].url == "https://a.example/p"


def test_what_the_environment_holds_is_not_read_again() -> None:
    config = read(GOOD + "sources: [{name: a, url: 'https://a.example/', headers: {X: 'p ${A}'}}]", A="${B}", B="never")
    assert config.sources[0].headers == {"X": "p ${B}"}


@pytest.mark.parametrize(
    ("value", "environ", "message"),
    [
        ("Bearer ${TOKEN}", {}, "the environment variable TOKEN is not set"),
        ("Bearer ${TOKEN}", {"TOKEN": ""}, "the environment variable TOKEN is not set"),
        ("${B} ${A} ${C}", {"C": "c"}, "the environment variable A and B is not set"),
        ("${not a name}", {}, "`${` begins no variable here; expected ${NAME}, the name made of letters, digits and `_`"),
        ("${TOKEN", {}, "`${` begins no variable here; expected ${NAME}, the name made of letters, digits and `_`"),
        (
            "Bearer ${TOKEN}",
            {"TOKEN": "CANARY\r\nX-Evil: 1"},
            "it holds a line break or another control character; expected HTTP header names and their values, each on one line",
        ),
    ],
)
def test_a_variable_that_does_not_do(value: str, environ: dict[str, str], message: str) -> None:
    text = GOOD + f"sources:\n  - name: a\n    url: https://a.example/\n    headers:\n      Authorization: '{value}'\n"
    assert only_problem(text, **environ) == (6, "sources[0].headers.Authorization", message)


CANARIES = """\
site: {title: T, url: "https://user:CANARY@example.org/"}
feeds: {url: "https://CANARY@e.org/", hub: ["ftp://CANARY@e.org/"]}
sync: {proxy: "socks5://u:CANARY@h:1"}
sources:
  - {name: a, url: "ftp://CANARY/${ENV}", headers: {A: "CANARY\\a", B: [CANARY]}}
  - {name: b, url: "https://${ENV}", headers: CANARY}
  - {name: c, url: [CANARY], unknown: CANARY}
  - {name: d, url: "https://user:CANARY@a b/"}
"""


def test_I16_no_problem_shows_a_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        read(CANARIES, ENV="no host: CANARY")
    assert len(caught.value.problems) == 12
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_I16_a_password_that_looks_like_yaml_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        read(GOOD + "sources: [{name: a, url: 'https://a.example/', headers: {A: &CANARY x}}]")
    assert "CANARY" not in str(caught.value)
    assert caught.value.problems == (ConfigProblem("", 2, "an anchor; quote the text if it is no anchor"),)


# --- files and YAML


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfsite: {title: T, url: https://e.org/}\n",
        b"site:\r\n  title: T\r\n  url: https://e.org/\r\n",
        b"---\nsite: {title: T, url: https://e.org/}\n...\n",
        b"# only\n\nsite: {title: T, url: https://e.org/}",
    ],
    ids=["BOM", "CRLF", "document marks", "no last line end"],
)
def test_files_as_editors_write_them(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    config = load_config(path, environ={})
    assert (config.site.title, config.site.url, config.root) == ("T", "https://e.org/", tmp_path)


def test_a_relative_path_gives_absolute_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("config.yaml"), environ={}).posts_dir == tmp_path / "posts"


START = "write one with `feedmill init`, or name another with `--config PATH`"


def _error(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    return str(caught.value).replace(str(path), "FILE")


BROKEN_FILES = [
    (b"", f"FILE says nothing; `site.title` and `site.url` are the least. W{START[1:]}"),
    (b"# a comment\n", f"FILE says nothing; `site.title` and `site.url` are the least. W{START[1:]}"),
    (b"site:\n  title: \xc3\x28\n", "FILE cannot be read:\n  line 2: the byte 0xc3 is not UTF-8; save the file as UTF-8"),
    ("site:\n".encode("utf-16"), "FILE is UTF-16; save it as UTF-8"),
    (b"# " + b"x" * 1_000_000, f"FILE is larger than 1 MB: that is no config file; {START}"),
    (b"site:\n  title: a\x00b\n", "FILE cannot be read:\n  line 2: the control character U+0000 cannot stand here; take it out"),
    (b"site:\n\ttitle: T\n", "FILE cannot be read:\n  line 2: the line is indented with a tab; YAML wants spaces"),
    (b"- a\n", "FILE cannot be read:\n  line 1: a list where `key: value` lines are expected"),
    (b"title\n", "FILE cannot be read:\n  line 1: text where `key: value` lines are expected"),
    (b"site: {title: T\n", "FILE cannot be read:\n  line 2: did not find expected ',' or '}'"),
    (
        b"site:\n  title: T: U\n",
        "FILE cannot be read:\n  line 2: mapping values are not allowed in this context; a value that holds `: ` must stand in quotes",
    ),
    (b"a: &x 1\nb: *x\n", "FILE cannot be read:\n  line 1: an anchor; quote the text if it is no anchor"),
    (b"a: 1\n---\nb: 2\n", "FILE cannot be read:\n  line 2: a second YAML document begins here"),
    (b"[" * 50_000, "FILE cannot be read:\n  line 1: a list where `key: value` lines are expected"),
    (b"a: " + b"[" * 50_000, "FILE cannot be read:\n  line 1: nested more than 20 deep"),
]


@pytest.mark.parametrize(("data", "message"), BROKEN_FILES, ids=[str(row[0][:20]) for row in BROKEN_FILES])
def test_H14_files_that_cannot_be_read(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    assert _error(path) == message


def test_H14_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert _error(tmp_path / "config.yaml") == f"there is no FILE; {START}"
    assert _error(tmp_path / "absent" / "config.yaml") == f"there is no FILE; {START}"


def test_H14_a_folder_and_a_pipe(tmp_path: Path) -> None:
    assert _error(tmp_path) == "FILE is a folder; name the file in it"
    os.mkfifo(tmp_path / "pipe")
    assert _error(tmp_path / "pipe") == f"FILE is not a regular file; {START}"


def test_H14_a_file_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    assert _error(tmp_path / "a" / "config.yaml") == f"FILE cannot be read: Not a directory; {START}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_H14_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    path.chmod(0)
    assert _error(path) == "FILE cannot be read: Permission denied; give this user permission to read it"


VALUES = st.recursive(
    st.sampled_from(["", "1h", "x", "https://a.example/", "${A}", "true", "0"]) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["title", "url", "name", "limit", "every", "ä b"]), inner, max_size=3)
    ),
    max_leaves=6,
)
SECTIONS = ["site", "posts", "feeds", "sync", "html", "server", "sources", "other"]


@given(values=st.dictionaries(st.sampled_from(SECTIONS), VALUES, max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_shape_is_a_config_or_a_list_of_problems(values: dict[str, object]) -> None:
    import json

    try:
        read_config(json.dumps(values, ensure_ascii=False), root=ROOT, environ={})
    except ConfigError as exc:
        assert exc.problems or not values
        for problem in exc.problems:
            assert problem.message
            assert "  " not in problem.place


def test_a_good_config_needs_no_word_for_problems(root: Path) -> None:
    """Loading stays quick: what only bad files and other commands need is not imported."""
    code = (
        "import sys; from pathlib import Path; from feedmill.configfile import load_config;"
        f"load_config(Path({str(root / 'config.yaml')!r}), environ={{}});"
        "print(sorted({'difflib', 'feedmill.configproblems', 'importlib.metadata', 'lxml', 'nh3', 'feedgen', 'markdown_it', 'dateutil', 'rich', 'frontmatter',"
        " 'click', 'asyncio', 'ssl'} & set(sys.modules)))"
    )
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    run = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
