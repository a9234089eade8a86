"""What is said of config.yaml where several things are wrong: every kind of value at every kind of key, word for word."""

# ruff: noqa: E501  (tables read better in rows)

from __future__ import annotations

from pathlib import Path

import pytest

from feedmill.configfile import read_config
from feedmill.errors import ConfigError

SITE = "site: {title: T, url: https://example.org/}\n"

#: What is wrong → the file, and every problem as its line, its place and its message.
PROBLEMS = {
    "every section as a list": (
        ("site: [a]\nposts: [a]\nfeeds: [a]\nsync: [a]\nhtml: [a]\nserver: [a]\nsources: {a: b}\n"),
        [
            "1 site: found a list; expected a mapping: `key: value` lines, indented",
            "2 posts: found a list; expected a mapping: `key: value` lines, indented",
            "3 feeds: found a list; expected a mapping: `key: value` lines, indented",
            "4 sync: found a list; expected a mapping: `key: value` lines, indented",
            "5 html: found a list; expected a mapping: `key: value` lines, indented",
            "6 server: found a list; expected a mapping: `key: value` lines, indented",
            "7 sources: found a mapping; expected a list of sources, each beginning with `- name: …`",
        ],
    ),
    "every section as text": (
        ("site: a\nposts: a\nfeeds: a\nsync: a\nhtml: a\nserver: a\nsources: a\n"),
        [
            '1 site: found "a"; expected a mapping: `key: value` lines, indented',
            '2 posts: found "a"; expected a mapping: `key: value` lines, indented',
            '3 feeds: found "a"; expected a mapping: `key: value` lines, indented',
            '4 sync: found "a"; expected a mapping: `key: value` lines, indented',
            '5 html: found "a"; expected a mapping: `key: value` lines, indented',
            '6 server: found "a"; expected a mapping: `key: value` lines, indented',
            '7 sources: found "a"; expected a list of sources, each beginning with `- name: …`',
        ],
    ),
    "site left out, with an unknown key": (
        ("titel: x\n"),
        [
            "0 site.title: missing; expected the site's name",
            "0 site.url: missing; expected an address that begins with https:// or http:// such as https://blog.example.org/",
            "1 titel: unknown key here; did you mean `site.title`?",
        ],
    ),
    "an item of sources that says nothing": (
        SITE + ("sources:\n  -\n  - x\n"),
        [
            "3 sources[0].name: missing; expected up to 63 of a-z, 0-9 and `-`",
            "3 sources[0].url: missing; expected an address that begins with https:// or http://",
            '4 sources[1]: found "x"; expected a list of sources, each beginning with `- name: …`',
        ],
    ),
    "keys that are not known, at every level": (
        SITE
        + (
            "feed: x\n"
            "feeds:\n"
            "  rss: x\n"
            "  overrides:\n"
            "    A:\n"
            "      titles: x\n"
            "sync:\n"
            "  proxi: x\n"
            "sources:\n"
            "  - name: a\n"
            "    url: https://a.example/\n"
            "    feeds: x\n"
        ),
        [
            "2 feed: unknown key; did you mean `feeds`?",
            "4 feeds.rss: unknown key; known here: dir, formats, limit, content, hub, url, tags, history, overrides",
            "7 feeds.overrides.A.titles: unknown key; did you mean `title`?",
            "9 sync.proxi: unknown key; did you mean `proxy`?",
            "13 sources[0].feeds: unknown key here; did you mean `html.embeds`?",
        ],
    ),
    "numbers": (
        SITE + ("feeds:\n  limit: 1.5\nsync:\n  concurrency: 0x5\n  per_host: 1e1\nserver:\n  port: -1\n"),
        [
            '3 feeds.limit: found "1.5"; expected a whole number from 1 to 100000',
            '5 sync.concurrency: found "0x5"; expected a whole number from 1 to 1000',
            '6 sync.per_host: found "1e1"; expected a whole number from 1 to 100',
            '8 server.port: found "-1"; expected a port from 1 to 65535, or 0 for any free one',
        ],
    ),
    "numbers that are too large": (
        SITE + ("feeds:\n  limit: 100001\nsync:\n  concurrency: 1001\n  per_host: 101\nserver:\n  port: 65536\n"),
        [
            '3 feeds.limit: found "100001"; expected a whole number from 1 to 100000',
            '5 sync.concurrency: found "1001"; expected a whole number from 1 to 1000',
            '6 sync.per_host: found "101"; expected a whole number from 1 to 100',
            '8 server.port: found "65536"; expected a port from 1 to 65535, or 0 for any free one',
        ],
    ),
    "a list and a mapping for a number": (
        SITE + ("feeds:\n  limit: [5]\n  overrides:\n    A:\n      limit: {a: b}\n"),
        [
            "3 feeds.limit: found a list; expected a whole number from 1 to 100000",
            "6 feeds.overrides.A.limit: found a mapping; expected a whole number from 1 to 100000",
        ],
    ),
    "booleans": (
        SITE + ("feeds:\n  tags: ' true'\n  history: [true]\nposts:\n  leading_blank_line: 2\nserver:\n  access_log: {}\n"),
        [
            '3 feeds.tags: found " true"; expected true or false',
            "4 feeds.history: found a list; expected true or false",
            '6 posts.leading_blank_line: found "2"; expected true or false',
            "8 server.access_log: found a mapping; expected true or false",
        ],
    ),
    "words": (
        SITE + ("posts:\n  categories: Nested\nfeeds:\n  content: [full]\n"),
        [
            '3 posts.categories: found "Nested"; expected nested (Hexo: [A, B] is A/B) or flat (Jekyll, Hugo, Pelican: A and B)',
            "5 feeds.content: found a list; expected full or summary",
        ],
    ),
    "formats, some wrong": (
        SITE + ("feeds:\n  formats: [atom, Atom, '', [rss], {}]\n"),
        [
            '3 feeds.formats[1]: found "Atom"; expected a list of one or more of atom, rss and json',
            '3 feeds.formats[2]: found ""; expected a list of one or more of atom, rss and json',
            "3 feeds.formats[3]: found a list; expected a list of one or more of atom, rss and json",
            "3 feeds.formats[4]: found a mapping; expected a list of one or more of atom, rss and json",
        ],
    ),
    "formats, all wrong": (
        SITE + ("feeds:\n  formats: [html]\n"),
        [
            '3 feeds.formats[0]: found "html"; expected a list of one or more of atom, rss and json',
            "3 feeds.formats: found a list; expected a list of one or more of atom, rss and json",
        ],
    ),
    "formats as a mapping": (
        SITE + ("feeds:\n  formats: {atom: rss}\n"),
        [
            "3 feeds.formats: found a mapping; expected a list of one or more of atom, rss and json",
        ],
    ),
    "one text for a list": (
        SITE + ("feeds:\n  hub: ftp://h.example/\nhtml:\n  embeds: '*'\nsync:\n  allow_networks: localhost\n"),
        [
            '3 feeds.hub: found "ftp://h.example/": its scheme is ftp; expected a list of WebSub hubs, each an address that begins with https:// or http://',
            '5 html.embeds: found "*": `*` is not known here; name every host; expected a list of hosts such as www.youtube.com',
            '7 sync.allow_networks: found "localhost": a host name can point anywhere; write its address; expected a list of networks such as 192.168.1.0/24 or fd00::/8, or of address and port such as 127.0.0.1:8080',
        ],
    ),
    "lists of addresses": (
        SITE + ("feeds:\n  hub: ['', {a: b}, 'https://h.example/', 'https://a b/']\nsync:\n  allow_networks: [10.0.0.1/8, [x]]\n"),
        [
            '3 feeds.hub[0]: found "": it does not begin with https:// or http://; expected a list of WebSub hubs, each an address that begins with https:// or http://',
            "3 feeds.hub[1]: found a mapping; expected a list of WebSub hubs, each an address that begins with https:// or http://",
            '3 feeds.hub[3]: found "https://a b/": it holds a space; expected a list of WebSub hubs, each an address that begins with https:// or http://',
            '5 sync.allow_networks[0]: found "10.0.0.1/8": the network there is 10.0.0.0/8; expected a list of networks such as 192.168.1.0/24 or fd00::/8, or of address and port such as 127.0.0.1:8080',
            "5 sync.allow_networks[1]: found a list; expected a list of networks such as 192.168.1.0/24 or fd00::/8, or of address and port such as 127.0.0.1:8080",
        ],
    ),
    "overrides": (
        SITE
        + (
            "feeds:\n"
            "  overrides:\n"
            "    A: x\n"
            "    B: []\n"
            "    C: ''\n"
            "    D//E: {}\n"
            "    '':\n"
            "      limit: 0\n"
            "    F:\n"
            "      publish: maybe\n"
            "      slug: a/b\n"
            "      title: [x]\n"
        ),
        [
            '4 feeds.overrides.A: found "x"; expected a mapping of category paths such as "新媒体/人人都是产品经理"',
            '5 feeds.overrides.B: found an empty list; expected a mapping of category paths such as "新媒体/人人都是产品经理"',
            '7 feeds.overrides["D//E"]: found "D//E": a name between its slashes is empty; expected a mapping of category paths such as "新媒体/人人都是产品经理"',
            '8 feeds.overrides[""]: found "": a name between its slashes is empty; expected a mapping of category paths such as "新媒体/人人都是产品经理"',
            '9 feeds.overrides[""].limit: found "0"; expected a whole number from 1 to 100000',
            '11 feeds.overrides.F.publish: found "maybe"; expected true or false',
            '12 feeds.overrides.F.slug: found "a/b": it is not one plain folder name; expected a folder name of letters, digits, `-`, `_` and `.`',
            "13 feeds.overrides.F.title: found a list; expected the feed's title",
        ],
    ),
    "headers": (
        SITE
        + (
            "sources:\n"
            "  - name: a\n"
            "    url: https://a.example/\n"
            "    headers:\n"
            "      A: [b]\n"
            "      B: {c: d}\n"
            "      'C d': e\n"
            '      E: "f\\r\\ng"\n'
        ),
        [
            "6 sources[0].headers.A: found a list; expected HTTP header names and their values, each on one line",
            "7 sources[0].headers.B: found a mapping; expected HTTP header names and their values, each on one line",
            '8 sources[0].headers["C d"]: its name is not one of an HTTP header; expected HTTP header names and their values, each on one line',
            "9 sources[0].headers.E: it holds a line break or another control character; expected HTTP header names and their values, each on one line",
        ],
    ),
    "a header that is wrong twice": (
        SITE + ("sources:\n  - name: a\n    url: https://a.example/\n    headers: {'a b': [c]}\n"),
        [
            '5 sources[0].headers["a b"]: its name is not one of an HTTP header; expected HTTP header names and their values, each on one line',
        ],
    ),
    "headers as a list": (
        SITE + ("sources:\n  - name: a\n    url: https://a.example/\n    headers: [a]\n"),
        [
            "5 sources[0].headers: found a list; expected HTTP header names and their values, each on one line",
        ],
    ),
    "a source of wrong types": (
        SITE
        + (
            "sources:\n"
            "  - name: [a]\n"
            "    url: {b: c}\n"
            "    title: [x]\n"
            "    categories: {a: b}\n"
            "    every: [30m]\n"
            "    keep: [5]\n"
            "    enabled: [x]\n"
            "    image_proxy: {}\n"
        ),
        [
            "3 sources[0].name: found a list; expected up to 63 of a-z, 0-9 and `-`",
            "4 sources[0].url: found a mapping; expected an address that begins with https:// or http://",
            "5 sources[0].title: found a list; expected the source's name for people",
            "6 sources[0].categories: found a mapping; expected a list of category names, from the root down",
            '7 sources[0].every: found a list; expected a duration of at least 1m such as 30m, 1h or 1d, cron text such as "*/30 * * * *", or auto',
            "8 sources[0].keep: found a list; expected a number of posts such as 1000, or an age such as 90d",
            "9 sources[0].enabled: found a list; expected true or false",
            "10 sources[0].image_proxy: found a mapping; expected an address with {url} in it",
        ],
    ),
    "addresses where sources are wanted": (
        (
            "site:\n"
            "  title: T\n"
            "  url: https://e.org/\n"
            "sources:\n"
            "  - https://u:CANARY@e.org/feed?token=CANARY&x=1\n"
            "  - https://e.org/feed?CANARY\n"
        ),
        [
            '5 sources[0]: found "https://…@e.org/feed?…"; expected a list of sources, each beginning with `- name: …`',
            '6 sources[1]: found "https://e.org/feed?…"; expected a list of sources, each beginning with `- name: …`',
        ],
    ),
    "secrets": (
        (
            "site:\n"
            "  title: T\n"
            "  url: https://u:CANARY@e.org/\n"
            "sync:\n"
            "  proxy: ftp://u:CANARY@e.org\n"
            "sources:\n"
            "  - name: a\n"
            "    url: CANARY\n"
            "    headers: CANARY\n"
            "  - name: b\n"
            "    url: https://u:CANARY@b.example:99999/\n"
            "    headers:\n"
            "      A: [CANARY]\n"
        ),
        [
            '3 site.url: found "https://…@e.org/": it holds a user or a password, which every feed would show; expected an address that begins with https:// or http:// such as https://blog.example.org/',
            "5 sync.proxy: its scheme is ftp; expected an address that begins with https:// or http:// such as http://proxy.example.org:3128",
            "8 sources[0].url: it does not begin with https:// or http://; expected an address that begins with https:// or http://",
            "9 sources[0].headers: what stands here does not do; expected HTTP header names and their values, each on one line",
            "11 sources[1].url: its host or port cannot be read; expected an address that begins with https:// or http://",
            "13 sources[1].headers.A: found a list; expected HTTP header names and their values, each on one line",
        ],
    ),
    "names and folders that clash": (
        SITE
        + (
            "posts:\n"
            "  dir: a\n"
            "feeds:\n"
            "  dir: a/b\n"
            "sources:\n"
            "  - {name: x, url: 'https://a.example/'}\n"
            "  - {name: ' x ', url: 'https://b.example/'}\n"
        ),
        [
            "5 feeds.dir: posts.dir and feeds.dir are one folder, or one lies in the other; give the feeds a folder of their own",
            '8 sources[1].name: "x" is the name of sources[0] too; every source has its own',
        ],
    ),
    "folders that clash once spaces are gone": (
        SITE + ("posts:\n  dir: ' feeds '\n"),
        [
            "0 : posts.dir and feeds.dir are one folder, or one lies in the other; give the feeds a folder of their own",
        ],
    ),
    "a state that is the catalog": (
        SITE + ("sync:\n  state: x/catalog.db\n"),
        [
            "0 : sync.state: that name is taken by a file that feedmill keeps beside it; give it another, such as state.db",
        ],
    ),
    "several on one line, in the order of the fields, then what is not known": (
        ("site: {x: y, url: e.org, title: '', timezone: Nowhere/At/All, root: z, language: '1'}\n"),
        [
            "1 site.title: missing; expected the site's name",
            '1 site.url: found "e.org": it does not begin with https:// or http://; expected an address that begins with https:// or http:// such as https://blog.example.org/',
            '1 site.language: found "1"; expected a language tag such as en, zh-CN or pt-BR',
            '1 site.timezone: found "Nowhere/At/All": no such zone is known; expected a time zone such as Asia/Shanghai or UTC',
            "1 site.x: unknown key; known here: title, url, author, language, timezone",
            "1 site.root: unknown key; known here: title, url, author, language, timezone",
        ],
    ),
    "fields of the program in a file": (
        SITE + ("root: x\nsources:\n  - {url_as_written: [x], root: y, name: a, url: [b]}\n"),
        [
            "2 root: unknown key; known here: site, posts, feeds, sync, html, server, sources",
            "4 sources[0].url_as_written: unknown key; known here: name, url, title, categories, every, author, image_proxy, enabled, tags, keep, headers",
            "4 sources[0].root: unknown key; known here: name, url, title, categories, every, author, image_proxy, enabled, tags, keep, headers",
            "4 sources[0].url: found a list; expected an address that begins with https:// or http://",
        ],
    ),
    "long and odd values": (
        SITE
        + (
            "feeds:\n"
            "  content: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n"
            '  dir: "a\\u0007b"\n'
            "posts:\n"
            '  categories: "a\\tb"\n'
        ),
        [
            '3 feeds.content: found "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…"; expected full or summary',
            '4 feeds.dir: found "a\\u0007b": it holds the control character U+0007; expected a folder, relative to the config file',
            '6 posts.categories: found "a\\u0009b"; expected nested (Hexo: [A, B] is A/B) or flat (Jekyll, Hugo, Pelican: A and B)',
        ],
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_H14_every_problem_is_told_word_for_word(name: str) -> None:
    text, expected = PROBLEMS[name]
    with pytest.raises(ConfigError) as caught:
        read_config(text, root=Path("/srv/site"), environ={})
    assert [f"{problem.line} {problem.place}: {problem.message}" for problem in caught.value.problems] == expected
    assert "CANARY" not in str(caught.value)
