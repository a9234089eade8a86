"""Rows F1-F10 through everything: upstream document, post, Atom, RSS, JSON Feed, page, lists; judged by another parser (html5lib)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from lxml import etree

from faultorigin import Reply
from feedmill.model import Post
from feedmill.posts.format import decode
from feedmill.producer.pagescript import INDEX_SCRIPT
from feedmill.service.pages import Pages
from hostile import item_of, rss_of
from payloads import FAMILIES, KINDS, atom_document, json_document, numbered, payloads, rss_document
from posts.test_html import ALLOWED_TAGS, assert_safe, clean
from service.pageclient import assert_harmless, index_of, with_pages
from sites import Project, make_post
from syncing import Synced, synced

pytestmark = pytest.mark.long

ATOM = "{http://www.w3.org/2005/Atom}"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
WEB = re.compile(r"https?://[^\s<>\"]+")
#: What a page of ours makes of players and films.
SHOWN_TAGS = ALLOWED_TAGS - {"audio", "iframe", "track", "video"}
FEEDS = "feeds:\n  formats: [atom, rss, json]\n  history: true\n"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path / "site") as up:
        yield up


@cache
def judge(html: str) -> None:
    """The oracle, for what stands in many documents once."""
    try:
        assert_safe(html)
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {html[:2_000]!r}") from failure


def judge_line(text: str) -> None:
    """A title, an author, a tag: one line without controls, which readers show as text."""
    assert text == " ".join(text.split())
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", text)


def judge_address(address: str) -> None:
    assert WEB.fullmatch(address), address


def sync_all(up: Synced, documents: dict[str, bytes]) -> list[Post]:
    """Sync these documents, each a source, and return their posts; every one must be read whole."""
    up.settings = FEEDS
    up.others = "".join(
        f"  - {{name: {name}, url: '{up.origin.url(f'/{name}')}', categories: [敌, {name}], tags: true}}\n" for name in documents
    )
    up.serve(rss_document({}))
    for name, document in documents.items():
        up.origin.add(f"/{name}", Reply(body=document))
    for report in up.run(*documents, is_forced=True).sources:
        assert report.result == "ok", (report.name, report.error)
    return posts_of(up)


def posts_of(up: Synced) -> list[Post]:
    zone = up.project.config.site.zone
    return [decode(text.encode(), name=name, zone=zone).post for name, text in up.files.items()]


def judge_posts(up: Synced) -> None:
    """The posts and the names of their files."""
    for name in up.files:
        assert re.fullmatch(r"敌/[\w-]+/[\w.-]+\.md", name), name
    for post in posts_of(up):
        judge(post.body)
        for line in (post.title, post.author, *post.tags):
            judge_line(line)
        for address in filter(None, (post.link, post.headimg, post.thumbnail)):
            judge_address(address)


def judge_feeds(project: Project) -> dict[str, int]:
    """Publish, and judge all documents in all formats; how many entries the site's own feed has, by format."""
    report = project.publish()
    assert report.skipped == ()
    entries = {"atom": 0, "rss": 0, "json": 0}
    judges = {"atom": judge_atom, "rss": judge_rss, "json": judge_json}
    for name, data in project.feeds().items():
        kind = "json" if name.endswith(".json") else "rss" if "rss" in name.rpartition("/")[2] else "atom"
        found = judges[kind](data)
        entries[kind] += found if "/" not in name else 0
    return entries


def judge_atom(data: bytes) -> int:
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True))
    for element in root.iter(etree.Element):
        name = element.tag
        if name in (f"{ATOM}content", f"{ATOM}summary", f"{ATOM}title", f"{ATOM}subtitle"):
            assert len(element) == 0
            assert element.get("type", "text") == ("html" if name == f"{ATOM}content" else "text")
            judge(element.text or "") if name == f"{ATOM}content" else judge_line(element.text or "")
        elif name == f"{ATOM}name":
            judge_line(element.text or "")
        judge_attributes(element)
    return len(root.findall(f"{ATOM}entry"))


def judge_attributes(element: etree._Element) -> None:
    for key, value in element.attrib.items():
        if key in ("href", "url", "scheme", "domain", "src") or str(key).endswith("}base"):
            judge_address(str(value))


def judge_rss(data: bytes) -> int:
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True))
    items = root.findall("channel/item")
    for element in root.iter(etree.Element):
        assert len(element) == 0 or element.tag in ("rss", "channel", "item") or str(element.tag).startswith("{"), element.tag
        judge_attributes(element)
        if element.tag == "link":
            judge_address(element.text or "")
    for item in items:
        judge(item.findtext(ENCODED) or "")
        judge(item.findtext("description") or "")
        judge_line(item.findtext("title") or "")
        for category in item.findall("category"):
            judge_line(category.text or "")
    return len(items)


def judge_json(data: bytes) -> int:
    found = json.loads(data)
    for item in found["items"]:
        judge(item.get("content_html", ""))
        for line in (item.get("title", ""), *(author["name"] for author in item.get("authors", ())), *item.get("tags", ())):
            judge_line(line)
        for key in ("url", "external_url", "image", "banner_image"):
            if key in item:
                judge_address(item[key])
        for attachment in item.get("attachments", ()):
            judge_address(attachment["url"])
    return len(found["items"])


def judge_pages(up: Synced, *, every: int) -> int:
    """The page of each `every`-th post."""
    paths = [name.removesuffix(".md") for name in up.files][::every]

    async def ask(pages: Pages) -> list[bytes]:
        found = [await pages.post(path) for path in paths]
        return [page.body for page in found if page is not None]

    bodies = with_pages(up.project.config, ask)
    for body in bodies:
        assert_harmless(body)
        document = html5lib.parse(body, transport_encoding="utf-8", namespaceHTMLElements=False)
        article = document.find("body/main/article")
        assert article is not None
        assert {element.tag for element in within(article)} <= SHOWN_TAGS
        assert [element.tag for element in document.find("body") or ()] == ["nav", "main"]
    assert len(bodies) == len(paths)
    return len(bodies)


def within(element: Element) -> Iterator[Element]:
    return (one for one in element.iter() if one is not element)


def through_everything(up: Synced, documents: dict[str, bytes], *, expected: int, pages: int = 4) -> None:
    """Documents come in; everything that comes out is judged, and all of it came out."""
    posts = sync_all(up, documents)
    assert len(posts) == expected
    judge_posts(up)
    assert judge_feeds(up.project) == dict.fromkeys(("atom", "rss", "json"), expected)
    assert judge_pages(up, every=pages) >= expected // pages
    judge_lists(up.project)


def judge_lists(project: Project) -> None:
    """The lists of feeds: from the server, for a static host, for readers."""
    assert_harmless(index_of(project.config).body, script=INDEX_SCRIPT)
    folder = project.root / "feeds"
    page = (folder / "index.html").read_bytes()
    # Its policy stands in the page itself, in the one element of its kind that a page of ours has.
    policies = re.findall(rb'<meta http-equiv="Content-Security-Policy" content="[^"<>]*">', page)
    assert len(policies) == 1
    assert_harmless(page.replace(policies[0], b""), script=INDEX_SCRIPT)
    for outline in etree.parse(folder / "opml.xml").getroot().iter("outline"):
        assert set(outline.attrib) <= {"text", "title", "type", "xmlUrl", "htmlUrl", "version", "description", "language"}
        judge_line(outline.get("text", ""))
        for key in ("xmlUrl", "htmlUrl"):
            if key in outline.attrib:
                judge_address(str(outline.get(key)))


@pytest.mark.parametrize("family", FAMILIES)
def test_F1_to_F7_F10_a_family_through_everything(up: Synced, family: str) -> None:
    """A fourth as RSS, and parts of the rest as Atom and as JSON Feed; the long test takes all of it as everything."""
    some = [numbered(family, every=every, first=first) for every, first in ((4, 0), (16, 1), (16, 2))]
    documents = {"rss": rss_document(some[0]), "atom": atom_document(some[1]), "json": json_document(some[2])}
    through_everything(up, documents, expected=sum(map(len, some)), pages=8)


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_F1_to_F7_F10_a_whole_family_in_every_format(up: Synced, family: str) -> None:
    """All of it as RSS, a third each as Atom and as JSON Feed, a sixth as XHTML within the XML."""
    whole, atom, json_, xhtml = (numbered(family, every=every, first=first) for every, first in ((1, 0), (3, 1), (3, 2), (6, 0)))
    documents = {"rss": rss_document(whole), "atom": atom_document(atom), "xhtml": atom_document(xhtml, "xhtml", "inline")}
    documents["json"] = json_document(json_)
    through_everything(up, documents, expected=sum(map(len, (whole, atom, json_, xhtml))), pages=12)


@pytest.mark.parametrize("coding", ["escaped", "base64", "inline"])
def test_F8_every_type_of_content_in_every_coding(up: Synced, coding: str) -> None:
    documents, expected = {}, 0
    for number, kind in enumerate(KINDS):
        some = numbered(every=300, first=21 * number)
        documents[f"kind{number}"] = atom_document(some, kind, coding)
        expected += len(some)
    through_everything(up, documents, expected=expected, pages=8)


def test_F8_what_is_no_text_for_people_is_no_body(up: Synced) -> None:
    """A file that came as content is not guessed at; text is text, whatever it says."""
    markup = {0: "<b>bold</b><script>top.pwned=1</script>"}
    plain = "<p>&lt;b&gt;bold&lt;/b&gt;&lt;script&gt;top.pwned=1&lt;/script&gt;</p>"
    shown = {"html": "<b>bold</b>", "text/plain": plain, "image/svg+xml": "",
             "application/octet-stream": "", "application/xml": "", "message/rfc822": ""}  # fmt: skip
    for coding in ("escaped", "base64"):
        documents = {
            f"{coding}{number}": atom_document(markup, kind, coding)
            for number, kind in enumerate(shown)
            if coding == "base64" or number < 2
        }
        bodies = {post.source: post.body for post in sync_all(up, documents)}
        if coding == "escaped":
            assert [bodies["escaped0"], bodies["escaped1"]] == [shown["html"], shown["text/plain"]]
        else:
            assert [bodies[f"base64{number}"] for number in range(2, len(shown))] == [""] * 4


def test_an_address_that_grows_when_it_is_encoded_costs_no_entry(up: Synced) -> None:
    """8,000 characters, each of which becomes three: picture, page and attachment together would be too much for front matter."""
    (post,) = sync_all(up, {"json": json_document({1: "</p>" * 2_000}), "rss": rss_document({})})
    assert (post.headimg, post.link, post.enclosure) == ("", "https://up.example/1", None)


@pytest.mark.parametrize("first", range(2))
def test_F9_hostile_names_of_everything(tmp_path: Path, first: int) -> None:
    """Names that a person gave, or a generator for them: the site, its categories, tags, authors, files and their descriptions."""
    markups = [" ".join(markup.split())[:300] for markup in numbered(every=41, first=20 * first).values()]
    markups = [re.sub("[\x00-\x1f]", "", markup) for markup in markups if markup]
    quoted = [json.dumps(markup) for markup in markups]
    folders = [json.dumps(markup.replace("/", "|")) for markup in markups]
    overrides = "".join(
        f"    {folder}: {{title: {one}, description: {one}}}\n" for folder, one in list(zip(folders, quoted, strict=True))[::3]
    )
    base = f"site: {{title: {quoted[0]}, author: {quoted[1]}, url: 'https://news.example.org/', language: en}}\n"
    project = Project(tmp_path, base=base, extra=f"{FEEDS}  tags: true\n  overrides:\n{overrides}")
    for number, (markup, text, folder) in enumerate(zip(markups, quoted, folders, strict=True)):
        keys = dict.fromkeys(("title", "author", "excerpt", "headimg", "thumbnail", "link", "lang", "permalink", "updated"), text)
        name = markup.replace("/", "\u2215").encode()[:200].decode("utf-8", "ignore").strip(". ") or "x"
        project.write(f"{number} {name}.md", make_post(markup, **keys, categories=f"[[{text}, {quoted[-1]}], {folder}]", tags=f"[{text}]"))
    report = project.publish()
    assert report.skipped == ()
    judge_lists(project)
    for name, data in project.feeds().items():
        {"atom.xml": judge_atom, "rss.xml": judge_rss, "feed.json": judge_json}.get(name.rpartition("/")[2], len)(data)
    paths = sorted((tmp_path / "posts").rglob("*.md"))

    async def ask(pages: Pages) -> list[bytes]:
        found = [await pages.post(path.name.removesuffix(".md")) for path in paths]
        return [page.body for page in found if page is not None]

    bodies = with_pages(project.config, ask)
    assert len(bodies) == len(markups) == report.posts
    for body in bodies:
        assert_harmless(body)


def test_F1_to_F7_F10_cleaning_twice_is_cleaning_once() -> None:
    for name, markup in payloads().items():
        cleaned = clean(markup)
        judge(cleaned)
        assert clean(cleaned) == cleaned, name


#: Where a payload may find itself, in what stands around it.
AROUND = (
    "<table>{}</table>", "<table><tr><td>{}", "<select>{}</select>", "<svg>{}</svg>", "<math><mi>{}", "<p title='{}'>x</p>",
    '<img alt="{}" src=/a.png>', "<a href=/x>{}</a>{}", "<pre>\n\n{}</pre>", "<b><p>{}</b>{}", "<ul><li>{}<li>{}</ul>", "<!-- {} -->{}",
    "<iframe src=https://youtube.com/embed/1>{}</iframe>", "<noscript>{}</noscript>{}", "<textarea>{}</textarea>{}",
    "<video><source src=/a>{}</video>",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("around", AROUND)
def test_F1_to_F6_in_any_surroundings(around: str) -> None:
    for name, markup in payloads("F1", "F2", "F3", "F4", "F5", "F6").items():
        cleaned = clean(around.replace("{}", markup))
        judge(cleaned)
        assert clean(cleaned) == cleaned, name


@pytest.mark.long
@pytest.mark.parametrize(
    "markup",
    ["<div>" * 100_000, "<div>" * 100_000 + "</div>" * 100_000, "<b>" * 50_000 + "<p>x", "<ul><li>" * 20_000, "<table><tr><td>" * 20_000,
     "<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x", "<p " + "onclick=x " * 100_000 + ">x", "<!--" * 80_000,
     "<svg><math>" * 20_000, "<a." * 50_000, f"<p style='{'a' * 40_000}'>x"],
    ids=["deep", "deep-closed", "formatting", "lists", "tables", "attributes", "same-attribute", "comments", "foreign", "names", "style"],
)  # fmt: skip
def test_F7_masses_are_read_within_the_cage(up: Synced, markup: str) -> None:
    """A child that is over its time, its memory or its processor is killed, and then the source has failed: it has not."""
    body = f"{markup}the end"
    item = {"id": "1", "title": "Mass", "date_published": "2026-01-01T00:00:00Z", "content_html": body}
    documents = {
        "rss": rss_of(item_of(1, pubDate="2026-01-01T00:00:00Z", description=escape(body))),
        "json": json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "F", "items": [item]}).encode(),
    }
    assert len(sync_all(up, documents)) == 2
    judge_posts(up)
    assert judge_feeds(up.project) == {"atom": 2, "rss": 2, "json": 2}


def test_the_oracle_sees_what_it_is_there_for() -> None:
    """Each family as it comes in is not what may come out. (A picture that counts readers is one: F10 is for pages.)"""
    for family in FAMILIES.keys() - {"F10"}:
        unsafe = 0
        for markup in numbered(family, every=9).values():
            try:
                assert_safe(markup)
            except (AssertionError, KeyError, IndexError):
                unsafe += 1
        assert unsafe > len(numbered(family, every=9)) * 0.6, (family, unsafe)
