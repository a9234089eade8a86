"""opml.xml: every feed for feed readers, nested as the categories are, and read back by our own import."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed import SITE, UPDATED, category, config_of, lines, tag
from lxml import etree

from feedmill.opmlsources import ListedFeed, import_sources, read_opml
from feedmill.producer.categories import FeedKey
from feedmill.producer.feedtree import FeedLine
from feedmill.producer.opml import is_our_opml, opml
from feedmill.producer.pageparts import Masthead
from hostile import PAYLOADS

CONFIG = config_of("feeds: {formats: [rss, atom]}\n")
BASE = "https://news.example.org/feeds/"
FIRST = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- feedmill:"""


def written(feeds: list[FeedLine], site: Masthead | None = None) -> bytes:
    titles = {feed.key: " / ".join(feed.key.path) or "root" for feed in feeds}
    return opml(site or Masthead.of(CONFIG), feeds, titles, owner="编辑部")


def test_the_tree_is_written_as_it_nests_with_tags_in_a_folder_of_their_own() -> None:
    keys = [category(), category("A"), category("A", "新"), category("B"), category("C", "D"), tag("t & <u>")]
    own = 'htmlUrl="https://news.example.org/" language="zh-CN"/>'
    assert (
        written(lines(CONFIG, *keys)).decode()
        == f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- feedmill: all feeds for your feed reader. A file that does not begin as this one does is left alone. -->
<opml version="2.0">
  <head>
    <title>每日新闻</title>
    <dateModified>Thu, 01 Jan 2026 20:00:00 GMT</dateModified>
    <ownerName>编辑部</ownerName>
    <docs>http://opml.org/spec2.opml</docs>
  </head>
  <body>
    <outline type="rss" text="每日新闻" title="root" xmlUrl="{BASE}atom.xml" {own}
    <outline text="A">
      <outline type="rss" text="A" title="A" xmlUrl="{BASE}A/atom.xml" {own}
      <outline type="rss" text="新" title="A / 新" xmlUrl="{BASE}A/%E6%96%B0/atom.xml" {own}
    </outline>
    <outline type="rss" text="B" title="B" xmlUrl="{BASE}B/atom.xml" {own}
    <outline text="C">
      <outline type="rss" text="D" title="C / D" xmlUrl="{BASE}C/D/atom.xml" {own}
    </outline>
    <outline text="标签">
      <outline type="rss" text="t &amp; &lt;u&gt;" title="t &amp; &lt;u&gt;" xmlUrl="{BASE}tags/t%20%26%20%3Cu%3E/atom.xml" {own}
    </outline>
  </body>
</opml>
"""
    )


@pytest.mark.parametrize(
    ("formats", "file"), [("[atom]", "atom.xml"), ("[json, rss, atom]", "atom.xml"), ("[json, rss]", "feed.json"), ("[rss]", "rss.xml")]
)
def test_atom_is_listed_where_there_is_one_else_the_first_format(formats: str, file: str) -> None:
    feeds, problems = read_opml(written(lines(config_of(f"feeds: {{formats: {formats}}}\n"), category())))
    assert ([feed.url for feed in feeds], problems) == ([BASE + file], [])


def test_our_own_import_takes_every_feed() -> None:
    keys = [category(), *(category(*path) for path in (("A",), ("A", "b"), ("A", "b", "c"), ("X", "y"))), tag("A")]
    data = written(lines(CONFIG, *keys))
    assert read_opml(data) == (
        [
            ListedFeed(url=f"{BASE}atom.xml", title="root"),
            ListedFeed(url=f"{BASE}A/atom.xml", title="A", categories=("A",)),
            ListedFeed(url=f"{BASE}A/b/atom.xml", title="A / b", categories=("A", "b")),
            ListedFeed(url=f"{BASE}A/b/c/atom.xml", title="A / b / c", categories=("A", "b")),
            ListedFeed(url=f"{BASE}X/y/atom.xml", title="X / y", categories=("X",)),
            ListedFeed(url=f"{BASE}tags/A/atom.xml", title="A", categories=("标签",)),
        ],
        [],
    )
    sources, problems = import_sources(config_of(), data)
    assert ([source.url for source in sources], problems) == ([feed.url for feed in read_opml(data)[0]], [])


def test_no_feed_holds_others_and_only_feeds_have_more_than_a_name() -> None:
    """Readers look no further into a feed, and the W3C validator wants a type where there is more than text."""
    keys = [category(), *(category(*"abcdefghijklmnop"[:depth]) for depth in range(1, 17)), tag("t")]
    outlines = list(etree.fromstring(written(lines(CONFIG, *keys))).iter("outline"))
    feeds = [outline for outline in outlines if outline.get("xmlUrl")]
    assert len(feeds) == len(keys)
    assert all(len(feed) == 0 and feed.get("type") == "rss" and feed.get("title") for feed in feeds)
    assert {tuple(outline.attrib) for outline in outlines if len(outline)} == {("text",)}


def test_a_description_is_told_and_the_newest_update_is_that_of_the_list() -> None:
    feeds = lines(CONFIG, category(), description='说 "明"') + lines(CONFIG, category("A"), updated=UPDATED + 1)
    root = etree.fromstring(written(feeds + lines(CONFIG, category("B"), posts=0, updated=None)))
    assert [outline.get("description") for outline in root.iter("outline")] == ['说 "明"', None, None]
    assert root.findtext("head/dateModified") == "Thu, 01 Jan 2026 20:00:01 GMT"


def test_without_a_post_there_is_no_date() -> None:
    root = etree.fromstring(written(lines(CONFIG, category(), posts=0, updated=None)))
    assert [child.tag for child in root[0]] == ["title", "ownerName", "docs"]
    assert etree.fromstring(written([])).find("body") is not None


@pytest.mark.parametrize("text", [text for text in PAYLOADS.values() if len(text) < 3_000])
def test_nothing_that_a_feed_is_called_breaks_the_document(text: str) -> None:
    site = Masthead.of(config_of(site=SITE.replace("每日新闻", "x")))
    root = etree.fromstring(written(lines(CONFIG, category(), category(text), category(text, text), tag(text), description=text), site))
    assert len(root.findall(".//outline[@xmlUrl]")) == 4


@given(
    st.lists(st.tuples(st.sampled_from(["category", "tag"]), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3)), max_size=8)
)
def test_any_names_read_back(found: list[tuple[str, list[str]]]) -> None:
    keys = sorted({FeedKey(kind, tuple(path) if kind == "category" else tuple(path[:1])) for kind, path in found})
    data = written(lines(CONFIG, *keys))
    assert is_our_opml(data)
    assert data == written(lines(CONFIG, *keys))
    feeds, problems = read_opml(data)
    assert problems == []
    assert sorted(feed.url for feed in feeds) == sorted(line.main.url for line in lines(CONFIG, *keys))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (written([]), True),
        (FIRST + b" an earlier version -->", True),
        (b"", False),
        (b"<!-- feedmill: -->", False),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- for feedmill: mine -->', False),
        (b"\n" + FIRST, False),
        (b'<?xml version="1.0"?>\n<opml version="2.0"/>', False),
    ],
)
def test_whose_it_is_stands_at_its_beginning(data: bytes, expected: bool) -> None:
    assert is_our_opml(data) is expected
