"""What a post becomes in Atom: the rules of RFC 4287 and of the readers that are out there, line by line."""

from __future__ import annotations

import json
import re

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from entries import FEEDS, make_entry, make_head
from feedmill.model import Enclosure
from feedmill.producer.atom import render_entries, render_feed
from feedmill.producer.audit import audit_atom
from feedmill.producer.head import History
from sites import Project, make_post

ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}"
XML = "{http://www.w3.org/XML/1998/namespace}"
SOURCES = """
sources:
  - name: woshipm
    title: 人人都是产品经理
    url: https://rsshub.example.org/woshipm/latest
  - name: secret
    title: 秘密
    url: https://user:hunter2@rsshub.example.org/x?token=${CANARY}
"""


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path, extra=SOURCES, environ={"CANARY": "canary-7f3a"})


def published(project: Project, text: str | None = None, *, broken: tuple[str, ...] = (), **keys: str) -> etree._Element:
    """Publish one post and return its entry in the root feed, which keeps every rule but those of `broken`."""
    project.write("a.md", text if text is not None else make_post(**keys))
    report = project.publish()
    assert not report.skipped
    data = project.feeds()["atom.xml"]
    problems = audit_atom(data, path="atom.xml", url="https://news.example.org/feeds/atom.xml")
    assert tuple(problem.rule for problem in problems) == broken, problems
    return etree.fromstring(data).find(f"{ATOM}entry")


def text_of(entry: etree._Element, name: str) -> str:
    return entry.findtext(f"{ATOM}{name}")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("'AT&T <div> & <b'", "AT&T <div> & <b", id="markup-is-text"),
        pytest.param("'a ]]> b'", "a ]]> b", id="end-of-cdata"),
        pytest.param('"a\\u200fb\\u202ec"', "a\u200fb\u202ec", id="bidi-stays"),
        pytest.param('"a\\x01b\\uFFFEc"', "a", id="illegal-characters-go"),
        pytest.param("2019", "2019", id="a-number-is-text"),
        pytest.param("'👩‍👩‍👧 家'", "👩‍👩‍👧 家", id="joiners-stay"),
    ],
)
def test_titles_are_plain_text(project, written, shown):
    title = text_of(published(project, title=written), "title")
    assert title == shown or (shown == "a" and re.fullmatch(r"a ?b ?c", title))


def test_references_in_a_title_are_its_text(project):
    project.post("a.md", title="'&amp; &lt;b&gt;'")
    project.publish()
    assert project.parsed().entries[0].title_detail.type == "text/plain"
    assert b"<title>&amp;amp; &amp;lt;b&amp;gt;</title>" in project.feeds()["atom.xml"]


def test_text_from_right_to_left_says_so_in_the_content(project):
    assert text_of(published(project, lang="ar", body="<p>مرحبا</p>"), "content").startswith('<div dir="rtl"><p>')


def test_the_house_post_becomes_a_whole_entry(project):
    entry = published(
        project,
        title="标题",
        categories="[新媒体, 人人都是产品经理]",
        headimg="'https://img.example.org/图.jpg?a=1&b=2'",
        thumbnail="'https://img.example.org/small.jpg'",
        author="作者",
        date="Thu, 10 Jun 2021 00:00:00 GMT",
        link="'https://www.example.com/it/123.html'",
        guid="'https://www.example.com/?p=123'",
        source="woshipm",
        updated="Fri, 11 Jun 2021 00:00:00 GMT",
        tags="[红]",
        body='<p>正文 <a href="../x">x</a> <img src="//cdn.example.com/b.png"></p>',
    )
    assert text_of(entry, "id") == "https://www.example.com/?p=123"
    assert text_of(entry, "published") == "2021-06-10T00:00:00+00:00"
    assert text_of(entry, "updated") == "2021-06-11T00:00:00+00:00"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "作者"
    assert [dict(link.attrib) for link in entry.findall(f"{ATOM}link")] == [
        {"href": "https://www.example.com/it/123.html", "rel": "alternate", "type": "text/html"}
    ]
    assert [dict(category.attrib) for category in entry.findall(f"{ATOM}category")] == [
        {"term": "新媒体", "label": "新媒体", "scheme": "https://news.example.org/feeds/"},
        {"term": "新媒体/人人都是产品经理", "label": "人人都是产品经理", "scheme": "https://news.example.org/feeds/"},
        {"term": "红", "label": "红", "scheme": "https://news.example.org/feeds/tags/"},
    ]
    source = entry.find(f"{ATOM}source")
    assert [child.text for child in source if child.text] == [
        "https://rsshub.example.org/woshipm/latest",
        "人人都是产品经理",
        "2021-06-11T00:00:00+00:00",
    ]
    assert entry.find(f"{MEDIA}content").get("url") == "https://img.example.org/%E5%9B%BE.jpg?a=1&b=2"
    assert entry.find(f"{MEDIA}thumbnail").get("url") == "https://img.example.org/small.jpg"
    assert not [link for link in entry.findall(f"{ATOM}link") if link.get("rel") == "enclosure"]
    content = entry.find(f"{ATOM}content")
    assert (content.get("type"), content.get(f"{XML}base")) == ("html", "https://www.example.com/it/123.html")
    assert 'href="https://www.example.com/x"' in content.text
    assert 'src="https://cdn.example.com/b.png"' in content.text


def test_an_upstream_address_with_a_secret_is_never_published(project):
    entry = published(project, source="secret", guid="x1", link="https://www.example.com/1")
    assert entry.findtext(f"{ATOM}source/{ATOM}id").startswith("urn:uuid:")
    assert entry.findtext(f"{ATOM}source/{ATOM}title") == "秘密"
    everything = b"".join(project.feeds().values())
    assert b"hunter2" not in everything
    assert b"canary-7f3a" not in everything
    for database in (project.root / ".feedmill").glob("*.db"):
        assert b"canary-7f3a" not in database.read_bytes()


def test_a_source_that_is_no_longer_configured_keeps_its_entry_whole(project):
    entry = published(project, source="gone", guid="x1")
    assert entry.findtext(f"{ATOM}source/{ATOM}title") == "gone"


def test_content_that_is_dangerous_is_cleaned(project):
    body = '<p onclick="x()">a<script>alert(1)</script><a href="javascript:alert(1)">b</a><iframe src="https://evil.example/"></iframe></p>'
    content = text_of(published(project, body=body), "content")
    assert "alert" not in content
    assert "onclick" not in content
    assert "iframe" not in content


def test_a_picture_embed_and_video_survive(project):
    body = (
        '<p><img data-original="/real.jpg" src="data:image/gif;base64,R0"></p>'
        '<iframe src="https://www.youtube.com/embed/x"></iframe><video controls src="/v.mp4" poster="p.jpg"></video>'
    )
    entry = published(project, body=body, link="https://www.example.com/a/b.html")
    content = text_of(entry, "content")
    assert 'src="https://www.example.com/real.jpg"' in content
    assert "https://www.youtube.com/embed/x" in content
    assert "sandbox" in content
    assert 'poster="https://www.example.com/a/p.jpg"' in content


def test_the_excerpt_is_the_summary_and_the_mark_goes(project):
    entry = published(project, body="<p>先看这里</p><!-- more --><p>然后</p>")
    assert text_of(entry, "summary") == "先看这里"
    assert "more" not in text_of(entry, "content")


def test_a_summary_never_repeats_the_content(project):
    assert published(project, body="<p>短</p>", description="短").find(f"{ATOM}summary") is None
    assert text_of(published(project, body="<p>短</p>", description="另"), "summary") == "另"


def test_a_post_without_body_has_its_title_for_a_summary(project):
    entry = published(project, text="---\ntitle: 只有标题\ndate: 2026-01-01\n---\n")
    assert entry.find(f"{ATOM}content") is None
    assert text_of(entry, "summary") == "只有标题"


def test_pre_keeps_its_white_space(project):
    code = "def f():\n    return  1\n\n\n\tx"
    assert f"<pre>{code}</pre>" in text_of(published(project, body=f"<pre>{code}</pre>"), "content")


def test_a_markdown_body_is_rendered(project):
    text = "---\ntitle: x\ndate: 2026-01-01\n---\n\n# H\n\n| a |\n|---|\n| b |\n\n[l](/x) `{{ y }}`\n"
    content = text_of(published(project, text=text), "content")
    assert "<h1>H</h1>" in content
    assert "<td>b</td>" in content
    assert 'href="https://news.example.org/x"' in content
    assert "{{ y }}" in content


def test_an_entry_in_another_language_says_so(project):
    assert published(project, lang="en_GB").get(f"{XML}lang") == "en-GB"
    assert published(project, lang="zh-CN").get(f"{XML}lang") is None


def test_dates_before_1900_and_odd_offsets(project):
    entry = published(project, date="Thu, 31 Dec 1936 00:00:00 GMT")
    assert text_of(entry, "published") == "1936-12-31T00:00:00+00:00"
    entry = published(project, date="1890-01-01 00:00:00")
    assert text_of(entry, "published") == "1889-12-31T15:54:17+00:00"


def test_the_head_of_a_feed(project):
    published(project, categories="[新媒体, '100% & <b>']")
    feed = etree.fromstring(project.feeds()["新媒体/100% & _b_-" + "" + _hash(project) + "/atom.xml"])
    assert feed.findtext(f"{ATOM}title") == "新媒体 / 100% & <b> - 每日新闻"
    assert feed.get(f"{XML}lang") == "zh-CN"
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "编辑部"
    generator = feed.find(f"{ATOM}generator")
    assert (generator.text, generator.get("version")) == ("feedmill", None)
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links["alternate"] == "https://news.example.org/"
    assert re.fullmatch(r"https://news\.example\.org/feeds/[!-~]+/atom\.xml", links["self"])


def _hash(project: Project) -> str:
    folder = next((project.root / "feeds" / "新媒体").iterdir(), None)
    return next(path.name.rpartition("-")[2] for path in (project.root / "feeds" / "新媒体").iterdir() if path.is_dir()) if folder else ""


def test_feed_updated_is_the_newest_of_its_members(project):
    project.post("b.md", title="b", date="2026-01-01", updated="2026-05-01")
    project.post("c.md", title="c", date="2026-02-01")
    project.publish()
    feed = feedparser.parse(project.feeds()["atom.xml"].decode())
    assert feed.feed.updated == "2026-04-30T16:00:00+00:00"


def test_equal_dates_are_ordered_by_id(project):
    for number in range(5):
        project.post(f"{number}.md", title=str(number), guid=f"urn:x:{9 - number}", date="2026-01-01")
    project.publish()
    assert [entry.id for entry in project.parsed().entries] == [f"urn:x:{number}" for number in range(5, 10)]


def test_a_document_stays_below_what_validators_take(project):
    for number in range(8):
        project.post(f"{number}.md", title=str(number), guid=f"urn:x:{number}", body="<p>" + "x" * 900_000 + "</p>")
    report = project.publish()
    assert all(len(data) < 5_000_000 for data in project.feeds().values())
    assert next(feed.entries for feed in report.feeds) == 5


def document(*entries, **head) -> bytes:
    begin, end = render_feed(make_head("atom.xml", **head))
    return begin + b"".join(render_entries(entries)) + end


@pytest.mark.parametrize(("length", "more"), [(123, {"length": "123"}), (None, {})], ids=["known", "unknown"])
def test_an_enclosure_is_a_link(length, more):
    entry = make_entry(enclosure=Enclosure("https://news.example.org/a.mp3", "audio/mpeg", length))
    links = etree.fromstring(document(entry)).find(f"{ATOM}entry").findall(f"{ATOM}link")
    assert [dict(link.attrib) for link in links] == [
        {"href": entry.link, "rel": "alternate", "type": "text/html"},
        {"href": "https://news.example.org/a.mp3", "rel": "enclosure", "type": "audio/mpeg"} | more,
    ]


HISTORIES = {
    "hub": (History(), ("https://hub.example.org/",), [("hub", "https://hub.example.org/", None)], []),
    "head": (History(prev=f"{FEEDS}atom-2.xml"), (), [("prev-archive", f"{FEEDS}atom-2.xml", "application/atom+xml")], []),
    "archive": (
        History(prev=f"{FEEDS}atom-1.xml", next=f"{FEEDS}atom-3.xml", current=f"{FEEDS}atom.xml"),
        (),
        [
            ("prev-archive", f"{FEEDS}atom-1.xml", "application/atom+xml"),
            ("next-archive", f"{FEEDS}atom-3.xml", "application/atom+xml"),
            ("current", f"{FEEDS}atom.xml", "application/atom+xml"),
        ],
        ["archive"],
    ),
    "complete": (History(is_complete=True), (), [], ["complete"]),
}


@pytest.mark.parametrize(("history", "hubs", "links", "marks"), HISTORIES.values(), ids=HISTORIES.keys())
def test_a_feed_names_its_hubs_and_its_history(history, hubs, links, marks, schema):
    url = f"{FEEDS}atom{'-2' if history.is_archive else ''}.xml"
    data = document(make_entry(), self_url=url, history=history, hubs=hubs)
    feed = etree.fromstring(data)
    found = [(link.get("rel"), link.get("href"), link.get("type")) for link in feed.findall(f"{ATOM}link")]
    assert found[2:] == links
    assert [etree.QName(mark).localname for mark in feed.findall("{http://purl.org/syndication/history/1.0}*")] == marks
    assert (b"xmlns:fh=" in data) is bool(marks)
    assert audit_atom(data, path="atom.xml", url=url) == []
    etree.RelaxNG(file=str(schema / "atom.rng")).assertValid(feed)


@given(
    title=st.text(max_size=40),
    author=st.text(max_size=20),
    category=st.text(min_size=1, max_size=20),
    body=st.text(max_size=120),
)
@settings(max_examples=25, deadline=None)
def test_any_text_gives_a_valid_feed(tmp_path_factory, title, author, category, body):
    project = Project(tmp_path_factory.mktemp("any"))
    front = json.dumps({"title": title, "author": author, "categories": [category], "date": "2026-01-01"})
    project.write("a.html", f"{front}\n\n{body}".encode("utf-8", "replace"))
    report = project.publish()
    assert report.posts + len(report.skipped) == 1
    for name, data in project.feeds().items():
        # Text that looks like markup (`</DIV>` as a category) is legal, and `check` names it all the same.
        assert [problem for problem in audit_atom(data, path=name) if problem.rule != "rule 19"] == []
