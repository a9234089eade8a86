"""Real feed readers read the Atom, the RSS and the JSON Feed of one category, from a host of static files on loopback.

What each shows must be what was published, field by field, as far as it keeps that field (none keeps a post's picture beside its
content). A format that a reader does not know is a skipped test with the reader's own words for it.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from mailbox import MaildirMessage
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

import pytest
from reader import Entry

from producer.test_clients import Library, Newsboat, Rss2email, Sfeed, served
from sites import CONFIG, Project

CATEGORY = ("科技", "开源", "播客")
pytestmark = pytest.mark.long

FOLDER = "/".join(CATEGORY)
TERMS = [FOLDER[:2], FOLDER[:5], FOLDER]
FILES = {"atom": "atom.xml", "rss": "rss.xml", "json": "feed.json"}

#: A field of a post, as all readers may be compared.
Fields = dict[str, object]


class Written(NamedTuple):
    """A post as its file is written: front matter beside title, categories and date, and the body."""

    path: str
    title: str
    date: str
    front: dict[str, str]
    body: str
    #: What is published of it, beside what can be read above.
    shown: Fields


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


NO_FILE: Fields = {"enclosure": "", "type": "", "length": None}
WRITTEN = (
    Written(
        f"{FOLDER}/第一集.md",
        '第一集：R&D < 20%？Vec<T> "引号"',
        "2026-03-04 05:06:07",
        {
            "author": "小满",
            "guid": "https://old.example.org/?p=7&x=1",
            "updated": "2026-03-05 06:07:08",
            "excerpt": "'摘要：a < b & c'",
            "headimg": "https://img.example.org/封面.jpg",
            "enclosure": "{url: 'https://media.example.org/第一集.mp3', type: audio/mpeg, length: '1234567'}",
        },
        '<p>正文 <b>粗</b> &amp; 更多 <img alt="图一" src="/图/一.png"></p><pre>a\n  b\\t</pre>',
        {
            "author": "小满",
            "updated": moment("2026-03-05T06:07:08+08:00"),
            "summary": "摘要：a < b & c",
            "content": '<p>正文 <b>粗</b> &amp; 更多 <img alt="图一" src="SITE%E5%9B%BE/%E4%B8%80.png"></p><pre>a\n  b\\t</pre>',
            "enclosure": f"https://media.example.org/{quote('第一集')}.mp3",
            "type": "audio/mpeg",
            "length": 1234567,
        },
    ),
    Written(
        f"{FOLDER}/两位.md",
        "两位作者 🚀",
        "2026-03-03 00:00:00",
        {"authors": '[张三, "R. O\'Neil"]', "excerpt": "两人"},
        "<p>由两个人写。</p>",
        {"author": "张三, R. O'Neil", "summary": "两人", "content": "<p>由两个人写。</p>"} | NO_FILE,
    ),
    Written(
        "别处/不.md",
        "文件不在分类的文件夹里",
        "Sun, 01 Mar 2026 23:59:59 GMT",
        {"author": "Ἀριστοτέλης & Co.", "excerpt": "三"},
        "<p>第三个。</p>",
        {"author": "Ἀριστοτέλης & Co.", "summary": "三", "content": "<p>第三个。</p>"} | NO_FILE,
    ),
)


def write(project: Project, post: Written, **more: str) -> None:
    keys = {"title": f"'{post.title}'", "categories": f"[{', '.join(CATEGORY)}]", "date": post.date, "body": post.body}
    project.post(post.path, **(keys | post.front | more))


def identities(document: str) -> list[str]:
    """The ids of a document's posts, in its order, as its lines have them."""
    found = re.findall(r'^ {4,6}(?:<id>|<guid isPermaLink="false">|"id": ")(.*?)(?:</id>|</guid>|",)$', document, re.MULTILINE)
    return [html.unescape(one) for one in found]


class Site(NamedTuple):
    """A project whose feeds are served at `url`."""

    project: Project
    url: str

    def feed(self, name: str) -> str:
        return f"{self.url}{quote(FOLDER)}/{FILES[name]}"

    def published(self, name: str) -> list[Fields]:
        """The posts as every reader of a format should show them, the newest first."""
        document = (self.project.root / "feeds" / FOLDER / FILES[name]).read_text(encoding="utf-8")
        return [self._published(*post) for post in zip(WRITTEN, identities(document), strict=True)]

    def _published(self, post: Written, guid: str) -> Fields:
        date = parsedate_to_datetime(post.date) if post.date.endswith("GMT") else moment(f"{post.date}+08:00")
        shown = {"updated": date} | post.shown
        return shown | {
            "id": guid,
            "title": post.title,
            "date": date,
            "link": f"{self.url}posts/{quote(post.path.removesuffix('.md'))}/",
            "content": str(shown["content"]).replace("SITE", self.url),
            "categories": TERMS,
        }

    def touch(self) -> None:
        """Let every document look modified since it was last asked for; Last-Modified has whole seconds."""
        for file in (self.project.root / "feeds").rglob("*"):
            after = os.stat(file).st_mtime + timedelta(minutes=1).total_seconds()
            os.utime(file, (after, after))


def make_site(folder: Path, url: str) -> Site:
    """Publish the posts in all formats, to be served at `url`."""
    base = CONFIG.replace("https://news.example.org/", url)
    site = Site(Project(folder, base=base, extra=f"feeds: {{url: '{url}', formats: [{', '.join(FILES)}]}}\n"), url)
    for post in WRITTEN:
        write(site.project, post)
    site.project.publish()
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with served(folder / "feeds") as url:
        yield make_site(folder, url)


class Client(Protocol):
    """A person's reader, subscribed to one feed."""

    #: The fields that it keeps.
    keeps: tuple[str, ...]

    def poll(self) -> None:
        """Ask for the feed."""

    def shown(self) -> list[Fields]:
        """What the person sees of every post, the newest first."""

    def kept(self) -> object:
        """All that it keeps of the posts: equal before and after means that it found nothing new."""


def closed(markup: str) -> str:
    """HTML with its void elements as HTML writes them; feedparser writes `<img />`."""
    return markup.replace(" />", ">")


class ByNewsboat(Newsboat):
    #: 2.21 has no place for a second date, a summary beside content, a length, or categories.
    keeps: tuple[str, ...] = ("id", "title", "date", "author", "link", "content", "enclosure", "type")

    def poll(self) -> None:
        self.call("reload")

    def shown(self) -> list[Fields]:
        columns = "guid, title, pubDate, author, url, content, enclosure_url, enclosure_type"
        rows = self.select(f"SELECT {columns} FROM rss_item ORDER BY pubDate DESC")
        found = [dict(zip(self.keeps, row, strict=True)) for row in rows]
        return [item | {"date": datetime.fromtimestamp(int(item["date"]), UTC)} for item in found]

    def kept(self) -> object:
        return self.select("SELECT * FROM rss_item ORDER BY id")


class ByRss2email(Rss2email):
    keeps: tuple[str, ...] = ("id", "title", "date", "author", "link", "content", "enclosure", "categories")

    def poll(self) -> None:
        self.call("run")

    def shown(self) -> list[Fields]:
        messages = zip(self.messages(), map(self._seen, self.messages()), strict=True)
        found = [self._item(message) | {"title": seen.title, "date": seen.date, "author": seen.author} for message, seen in messages]
        return sorted(found, key=lambda item: str(item["date"]), reverse=True)

    @staticmethod
    def _item(message: MaildirMessage) -> Fields:
        text = closed(bytes(message.get_payload(decode=True)).decode())
        content, enclosed = (re.search(one, text, re.DOTALL) for one in (r'<div id="body">\n(.*?)\n</div>', r'Enclosure: <a href="(.*?)"'))
        return {
            "id": message["X-RSS-ID"],
            "link": message["X-RSS-URL"],
            "content": content[1] if content else "",
            "enclosure": html.unescape(enclosed[1]) if enclosed else "",
            "categories": str(make_header(decode_header(message["X-RSS-TAGS"]))).split(","),
        }

    def kept(self) -> object:
        return sorted(message.as_bytes() for message in self.messages())


class BySfeed(Sfeed):
    keeps: tuple[str, ...] = ("id", "title", "date", "author", "link", "content", "enclosure", "categories")
    _ESCAPED: Mapping[str, str] = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}

    def poll(self) -> None:
        self.update()

    def shown(self) -> list[Fields]:
        return [self._item(*row) for row in sorted(self.rows(), reverse=True)]

    def _item(
        self, time: str, title: str, link: str, content: str, kind: str, guid: str, author: str, enclosure: str, terms: str
    ) -> Fields:
        assert kind == "html"
        date = datetime.fromtimestamp(int(time), UTC)
        content = re.sub(r"\\[nt\\]", lambda found: self._ESCAPED[found[0]], content)
        values = (guid, title, date, author, link, content, enclosure, terms.split("|"))
        return dict(zip(self.keeps, values, strict=True))

    def kept(self) -> object:
        return self.rows()


class ByLibrary(Library):
    keeps: tuple[str, ...] = ("id", "title", "date", "updated", "author", "link", "summary", "content", "enclosure", "type", "length")

    def poll(self) -> None:
        self.update()

    def shown(self) -> list[Fields]:
        return [self._item(entry) for entry in self.entries()]

    def _item(self, entry: Entry) -> Fields:
        assert len(entry.enclosures) <= 1
        (content,), enclosed = entry.content, entry.enclosures[0] if entry.enclosures else None
        assert content.is_html
        return {
            "id": entry.id,
            "title": entry.title,
            "date": entry.published,
            "updated": entry.updated or entry.published,
            # In RSS it takes a name with a comma for two.
            "author": ", ".join(author.name or "" for author in entry.authors),
            "link": entry.link,
            # The description of RSS is HTML, whatever it says; the library hands it on as it is.
            "summary": html.unescape(entry.summary or "") if entry.feed.version == "rss20" else entry.summary,
            "content": closed(content.value),
            "enclosure": enclosed.href if enclosed else "",
            "type": enclosed.type if enclosed else "",
            "length": enclosed.length if enclosed else None,
        }

    def kept(self) -> object:
        return [(entry.id, entry.added, entry.last_updated, self._item(entry)) for entry in self.entries()]


CLIENTS: list[Callable[[Path, str], Client]] = [ByNewsboat, ByRss2email, BySfeed, ByLibrary]
#: What they say of a format that they do not know.
UNKNOWN: dict[tuple[object, str], str] = {
    (ByNewsboat, "json"): "newsboat 2.21 reads no JSON Feed (`XML root node is NULL`)",
    (ByRss2email, "json"): "rss2email 3.13.1 reads no JSON Feed (feedparser 6: `not well-formed`)",
    (BySfeed, "json"): "sfeed 1.7 reads no JSON Feed (its README: convert it first)",
}
every_client = pytest.mark.parametrize("client", CLIENTS)
every_format = pytest.mark.parametrize("name", FILES)


def subscribed(client: Callable[[Path, str], Client], home: Path, site: Site, name: str) -> Client:
    """A reader that has asked for the feed once. Where it does not know the format and shows nothing, the test ends here."""
    home.mkdir(exist_ok=True)
    reader = client(home, site.feed(name))
    reader.poll()
    if not reader.shown() and (client, name) in UNKNOWN:
        pytest.skip(UNKNOWN[client, name])
    return reader


def fields(posts: list[Fields], names: tuple[str, ...]) -> list[Fields]:
    return [{name: post[name] for name in names} for post in posts]


@every_format
@every_client
def test_a_client_shows_what_was_published(site: Site, tmp_path: Path, client: Callable[[Path, str], Client], name: str) -> None:
    reader = subscribed(client, tmp_path, site, name)

    assert reader.shown() == fields(site.published(name), reader.keeps)


@every_format
@every_client
def test_a_second_poll_finds_nothing_new(site: Site, tmp_path: Path, client: Callable[[Path, str], Client], name: str) -> None:
    reader = subscribed(client, tmp_path, site, name)
    before = reader.kept()

    reader.poll()
    assert reader.kept() == before

    # The same bytes once more, for a server that knows no better.
    site.touch()
    reader.poll()
    assert reader.kept() == before
    assert len(reader.shown()) == len(WRITTEN)


@every_format
@every_client
def test_an_updated_post_is_the_same_post(tmp_path: Path, client: Callable[[Path, str], Client], name: str) -> None:
    with served(tmp_path / "site" / "feeds") as url:
        site = make_site(tmp_path / "site", url)
        reader = subscribed(client, tmp_path / "home", site, name)
        first = reader.shown()

        write(site.project, WRITTEN[1], body="<p>改过了。</p>", updated="2026-03-06 00:00:00")
        site.project.publish()
        site.touch()
        reader.poll()

    # sfeed keeps the line that it has for an id, a title and a link, and rss2email has sent its message.
    new: dict[object, Fields] = {
        ByNewsboat: {"content": "<p>改过了。</p>"},
        ByLibrary: {"content": "<p>改过了。</p>", "updated": moment("2026-03-06T00:00:00+08:00")},
    }
    changed = new.get(client, {})
    assert reader.shown() == [first[0], first[1] | changed, first[2]]


@pytest.mark.parametrize("name", ["atom", "rss"])
def test_rss2email_finds_when_a_post_was_updated(site: Site, tmp_path: Path, name: str) -> None:
    reader = ByRss2email(tmp_path, site.feed(name), dated="modified, issued")

    reader.poll()

    dates = {item["id"]: item["date"] for item in reader.shown()}
    assert dates == {post["id"]: post["updated"] for post in site.published(name)}


@every_client
def test_a_post_has_one_id_in_all_formats(site: Site, tmp_path: Path, client: Callable[[Path, str], Client]) -> None:
    names = [name for name in FILES if (client, name) not in UNKNOWN]

    found = {name: [item["id"] for item in subscribed(client, tmp_path / name, site, name).shown()] for name in names}

    assert found == {name: [post["id"] for post in site.published(name)] for name in names}
