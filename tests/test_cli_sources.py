"""`feedmill add`, `remove` and `opml`: what they find, what they write into config.yaml, and what they leave as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commandline import feedmill
from faultorigin import FaultOrigin, Reply
from feedmill.configfile import read_config
from sites import CONFIG
from upstream import rss, rss_item

HEAD = CONFIG + "sync: {allow_networks: [127.0.0.0/8]}   # mine\n\n# what I read\nsources:\n"
FEED = rss(rss_item(1), rss_item(2), head="<title>每日 Daily</title>")
PAGE = b'<html><head><title>x</title><link rel="alternate" type="application/rss+xml" href="%s" title="News"></head><body></body></html>'


@pytest.fixture
def origin() -> Iterator[FaultOrigin]:
    with FaultOrigin() as origin:
        origin.add("/feed.xml", Reply(body=FEED, headers={"Content-Type": "application/rss+xml"}))
        origin.add("/", Reply(body=PAGE % b"/feed.xml", headers={"Content-Type": "text/html"}))
        origin.add("/plain", Reply(body=b"<html><body>no feed</body></html>", headers={"Content-Type": "text/html"}))
        yield origin


@pytest.fixture
def site(tmp_path: Path, origin: FaultOrigin) -> Path:
    old = f"  - name: old   # keep me\n    url: {origin.url('/old.xml')}\n    categories: [旧闻]\n"
    (tmp_path / "config.yaml").write_bytes((HEAD + old).encode())
    (tmp_path / "posts").mkdir()
    return tmp_path


def text(site: Path) -> str:
    return (site / "config.yaml").read_bytes().decode()


def sources(site: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Address and categories of every source by name."""
    config = read_config(text(site), root=site, environ={})
    return {source.name: (source.url, source.categories) for source in config.sources}


# add


@pytest.mark.parametrize("typed", ["/", "/feed.xml"])
def test_add_finds_the_feed_of_a_page_and_a_feed_itself(site: Path, origin: FaultOrigin, typed: str) -> None:
    before = text(site)
    done = feedmill(site, "add", origin.url(typed))
    assert done.out.splitlines() == [
        f"added mei-ri-daily: 每日 Daily, 2 entries now, {origin.url('/feed.xml')}",
        "its posts will go to 每日 Daily; fetch them with `feedmill sync mei-ri-daily`",
    ]
    assert done.err == ""
    assert text(site).startswith(before)
    assert sources(site)["mei-ri-daily"] == (origin.url("/feed.xml"), ("每日 Daily",))


def test_what_was_added_can_be_synced(site: Path, origin: FaultOrigin) -> None:
    feedmill(site, "add", origin.url(), "--category", "新媒体/每日", "--name", "daily")
    assert sources(site)["daily"] == (origin.url("/feed.xml"), ("新媒体", "每日"))
    feedmill(site, "sync", "daily")
    assert (site / "feeds" / "新媒体" / "每日" / "atom.xml").exists()


@pytest.mark.parametrize("scheme", ["feed:", "feed://"])
def test_add_takes_feed_addresses(site: Path, origin: FaultOrigin, scheme: str) -> None:
    address = origin.url("/feed.xml")
    feedmill(site, "add", scheme + (address if scheme == "feed:" else address.removeprefix("http://")), "--name", "daily")
    assert sources(site)["daily"][0] == address


def test_the_other_feeds_of_a_page_are_told(site: Path, origin: FaultOrigin) -> None:
    links = (PAGE % b"/feed.xml").replace(
        b"</head>", b'<link rel="alternate" type="application/atom+xml" href="/b.xml" title="B\x1b[31m"></head>'
    )
    origin.add("/two", Reply(body=links, headers={"Content-Type": "text/html"}))
    done = feedmill(site, "add", origin.url("/two"))
    assert done.err == f"also there: {origin.url('/b.xml')} (B[31m)\n"


def refused(site: Path, *arguments: str) -> str:
    """What a command says that exits with 2 and leaves config.yaml as it was."""
    before = text(site)
    done = feedmill(site, *arguments, status=2)
    assert text(site) == before
    assert done.out == ""
    return done.err


def test_a_page_without_a_feed_is_told_with_all_that_was_tried(site: Path, origin: FaultOrigin) -> None:
    said = refused(site, "add", origin.url("/plain"))
    assert said.startswith("feedmill: no feed was found: ")
    assert origin.url("/plain") in said
    assert origin.url("/rss.xml") in said
    assert said.endswith("; nothing was added\n")
    assert said.count("\n") == 1


def test_an_address_inside_the_own_network_is_refused_with_what_to_do(site: Path, origin: FaultOrigin) -> None:
    (site / "config.yaml").write_text(CONFIG)
    said = refused(site, "add", origin.url("/feed.xml"))
    assert "sync.allow_networks" in said
    assert origin.hits == 0


@pytest.mark.parametrize("typed", ["ftp://example.org/feed.xml", "file:///etc/passwd", "", "http://", "javascript:alert(1)"])
def test_what_is_no_web_address_is_refused(site: Path, typed: str) -> None:
    said = refused(site, "add", typed)
    assert said.startswith("feedmill: ")


def test_a_feed_that_is_there_already_is_named(site: Path, origin: FaultOrigin) -> None:
    feedmill(site, "add", origin.url("/feed.xml"), "--name", "daily")
    assert "is the source daily already; nothing was added" in refused(site, "add", origin.url("/"))


def test_a_second_feed_of_one_title_gets_a_name_of_its_own(site: Path, origin: FaultOrigin) -> None:
    origin.add("/again.xml", Reply(body=FEED))
    for path in ("/feed.xml", "/again.xml"):
        feedmill(site, "add", origin.url(path))
    assert list(sources(site)) == ["old", "mei-ri-daily", "mei-ri-daily-2"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("old", "a source named old already"), ("Old News", "sources[1].name"), ("-x", "sources[1].name"), ("x" * 64, "sources[1].name")],
    ids=["taken", "spaces", "hyphen", "long"],
)
def test_a_name_that_is_taken_or_none_is_refused(site: Path, origin: FaultOrigin, name: str, message: str) -> None:
    assert message in refused(site, "add", origin.url("/feed.xml"), f"--name={name}")


@pytest.mark.parametrize("category", ["", "/", " ", "a\x00b"])
def test_a_category_that_is_none_is_refused_before_anything_is_asked(site: Path, origin: FaultOrigin, category: str) -> None:
    said = refused(site, "add", origin.url("/feed.xml"), "--category", category)
    assert "--category" in said
    assert origin.hits == 0


def test_a_category_cannot_lead_out_of_the_folder_of_posts(site: Path, origin: FaultOrigin) -> None:
    feedmill(site, "add", origin.url("/feed.xml"), "--category", "../../x", "--name", "daily")
    feedmill(site, "sync", "daily")
    assert len(list((site / "posts").rglob("*.md"))) == 2
    assert {path.name for path in site.iterdir()} == {"config.yaml", "posts", "feeds", ".feedmill"}


@pytest.mark.parametrize(
    "title",
    ["TCP/IP", "..", "/", "a: b # c", "${HOME}", "x" * 300, "null", "\u202eabc", "a &amp;#10; b", "🙂"],
)
def test_any_title_of_a_feed_gives_a_source_whose_posts_can_be_stored(site: Path, origin: FaultOrigin, title: str) -> None:
    origin.add("/odd.xml", Reply(body=rss(rss_item(1), head=f"<title>{title}</title>")))
    feedmill(site, "add", origin.url("/odd.xml"), "--name", "odd")
    done = feedmill(site, "sync", "odd", "--json")
    source = done.document["sources"][0]
    assert (source["result"], source["new"], source["notes"]) == ("ok", 1, [])
    (post,) = (site / "posts").rglob("*.md")
    assert len(post.relative_to(site / "posts").parts) <= 3


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_config_keeps_every_other_byte_over_add_and_remove(site: Path, origin: FaultOrigin, newline: str) -> None:
    before = text(site).replace("\n", newline)
    (site / "config.yaml").write_bytes(before.encode())
    feedmill(site, "add", origin.url("/feed.xml"), "--name", "daily")
    added = text(site)
    assert added.startswith(before)
    assert added.count("\n") == added.count(newline)
    assert feedmill(site, "remove", "daily").out == "removed daily; its posts stay\n"
    assert text(site) == before


# remove


def test_a_name_that_is_unknown_is_told_with_the_one_that_was_meant(site: Path) -> None:
    assert refused(site, "remove", "odl") == "feedmill: there is no source named odl; did you mean old?\n"


def test_posts_of_a_source_that_was_removed_stay_and_are_not_doubled_when_it_comes_back(site: Path, origin: FaultOrigin) -> None:
    origin.add("/old.xml", 404)
    origin.add("/feed.xml", lambda got: Reply(status=304) if got.has("if-none-match") else Reply(body=FEED, headers={"ETag": '"1"'}))
    feedmill(site, "add", origin.url("/feed.xml"), "--name", "daily")
    feedmill(site, "sync", "daily")
    posts = sorted((site / "posts").rglob("*.md"))
    assert len(posts) == 2
    feedmill(site, "remove", "daily")
    assert "2 posts" in feedmill(site, "sync", status=1).out
    feedmill(site, "add", origin.url("/feed.xml"), "--name", "daily")
    (status,) = feedmill(site, "status", "daily", "--json").document["sources"]
    assert (status["last_result"], status["posts"]) == (None, 2)
    (source,) = feedmill(site, "sync", "daily", "--json").document["sources"]
    assert (source["result"], source["new"]) == ("ok", 0)
    assert not origin.requests("/feed.xml")[-1].has("if-none-match")
    assert sorted((site / "posts").rglob("*.md")) == posts


# opml

OPML = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0"><head><title>x</title></head><body>
  <outline text="新媒体"><outline type="rss" text="Daily" xmlUrl="https://daily.example.org/feed"/>
  <outline type="rss" text="Bad" xmlUrl="ftp://example.org/\u202e"/></outline>
  <outline type="rss" text="Solo" xmlUrl="https://solo.example.org/feed"/>
</body></opml>
""".encode()


@pytest.mark.parametrize("is_piped", [True, False], ids=["stdin", "file"])
def test_opml_comes_in_from_a_file_and_from_standard_input(site: Path, is_piped: bool) -> None:
    before = text(site)
    (site / "in.opml").write_bytes(OPML)
    done = feedmill(site, "opml", "import", "-" if is_piped else str(site / "in.opml"), stdin=OPML)
    assert done.out == "added 2 sources\n"
    assert done.err.startswith("line 4: the address ")
    assert done.err.count("\n") == 1
    assert "\u202e" not in done.err
    assert text(site).startswith(before)
    assert sources(site)["daily"] == ("https://daily.example.org/feed", ("新媒体",))
    assert sources(site)["solo"][0] == "https://solo.example.org/feed"
    again = feedmill(site, "opml", "import", "-", stdin=OPML)
    assert again.out == "added 0 sources\n"
    assert "it is the source daily already" in again.err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read"),
        (OPML[:300], "line "),
        (FEED, "begins with <rss>"),
        (b"\x00\xff", "cannot be read"),
        (b"<html></html>", "<html>"),
    ],
    ids=["empty", "torn", "a-feed", "bytes", "html"],
)
def test_a_broken_opml_file_changes_nothing(site: Path, data: bytes, message: str) -> None:
    (site / "in.opml").write_bytes(data)
    assert message in refused(site, "opml", "import", str(site / "in.opml"))


def test_an_opml_file_that_is_not_there_is_a_mistake_of_usage(site: Path) -> None:
    assert "nowhere.opml" in refused(site, "opml", "import", str(site / "nowhere.opml"))


@pytest.mark.parametrize("folder", ["TCP/IP", "..", ".", "/", "${HOME}", "a &#10; b", " "])
def test_any_folder_of_an_opml_file_gives_a_configuration_that_can_be_used(site: Path, folder: str) -> None:
    data = OPML.decode().replace('"新媒体"', f'"{folder}"').encode()
    assert feedmill(site, "opml", "import", "-", stdin=data).out == "added 2 sources\n"
    assert feedmill(site, "status").out.count("never fetched") >= 3


def test_what_is_exported_comes_in_elsewhere_as_the_same_sources(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    feedmill(site, "opml", "import", "-", stdin=OPML)
    with (site / "config.yaml").open("a") as file:
        file.write("  - {name: hidden, url: 'https://me:SECRET@example.org/x'}\n")
    done = feedmill(site, "opml", "export")
    assert "SECRET" not in done.out
    assert done.err == "hidden: left out, its address holds a secret\n"
    other = tmp_path_factory.mktemp("other")
    (other / "config.yaml").write_text(CONFIG)
    feedmill(other, "opml", "import", "-", stdin=done.out.encode())
    expected = {url: categories for name, (url, categories) in sources(site).items() if name != "hidden"}
    assert dict(sources(other).values()) == expected
    assert feedmill(other, "opml", "export").out == done.out
