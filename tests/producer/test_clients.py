"""Real feed readers subscribe to published feeds over loopback: entries, titles, dates, authors, ids.

Here are newsboat, rss2email, sfeed and the library `reader`, each as one user runs it; what they make of every format is in
test_clients_formats.py.
"""

from __future__ import annotations

import mailbox
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
import reader

import feedmill

SECONDS = 60
#: Debian's own programs, in the plain surroundings of a user who has configured nothing.
PATH = "/usr/local/bin:/usr/bin:/bin"


def publish_site(folder: Path) -> Path:
    """Publish the posts of the project in `folder`; return the folder of its feeds."""
    source = str(Path(feedmill.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    command = [sys.executable, "-m", "feedmill", "--config", str(folder / "config.yaml"), "publish"]
    subprocess.run(command, check=True, env=environment, timeout=SECONDS)
    return folder / "feeds"


class Seen(NamedTuple):
    """A post as its author knows it and as a reader should show it."""

    date: datetime
    title: str
    author: str


class Sample(NamedTuple):
    """A post of the site that the clients read."""

    path: str
    written: str
    categories: str
    shown: Seen
    body: str


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


SAMPLES = (
    Sample(
        "科技/开源/2025-06-05-quotes.md",
        "Thu, 05 Jun 2025 04:00:00 GMT",
        "[科技, 开源]",
        Seen(moment("2025-06-05T04:00:00Z"), 'R&D < 20%？Vec<T> 🚀 "引号": it\'s', "小满 & Co."),
        "<div>\n<p>三行就够：<b>一</b>、二、三。</p>\n</div>",
    ),
    Sample(
        "科技/2025-05-04-markdown.md",
        "2025-05-04 10:20:00",
        "[科技]",
        Seen(moment("2025-05-04T10:20:00+08:00"), "AT&T; &c. — 再谈“做不大”", "Ἀριστοτέλης"),
        "# Heading\n\nA [relative link](../b/) and 一张图 ![x](a.png).",
    ),
    Sample(
        "生活/2024-12-31-html.html",
        "2024-12-31T23:59:59-11:00",
        "[生活]",
        Seen(moment("2024-12-31T23:59:59-11:00"), "عنوان من اليمين", "編輯部"),
        "<p>x &lt; y</p><pre>a\n  b</pre>",
    ),
    Sample(
        "2024-02-29-uncategorised.md",
        "2024-02-29",
        "[]",
        Seen(moment("2024-02-29T00:00:00+08:00"), "C#, F# & 100% #hashtag", "R. O'Neil"),
        "Plain words.",
    ),
)
#: Feed folders, and how many of the samples stand in each.
FEEDS = {"": SAMPLES, "科技/": SAMPLES[:2], "科技/开源/": SAMPLES[:1], "生活/": SAMPLES[2:3]}


class Site(NamedTuple):
    """A project whose feeds are served at `url`."""

    folder: Path
    url: str

    def feed(self, category: str) -> str:
        return f"{self.url}{quote(category)}atom.xml"


def write_site(folder: Path, url: str) -> None:
    config = f"site: {{title: 每日新闻, url: {url}, author: 编辑部, language: zh-CN, timezone: Asia/Shanghai}}\nfeeds: {{url: {url}}}\n"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    for sample in SAMPLES:
        file = folder / "posts" / sample.path
        file.parent.mkdir(parents=True, exist_ok=True)
        title, author = (text.replace("'", "''") for text in sample.shown[1:])
        head = f"title: '{title}'\ncategories: {sample.categories}\nauthor: '{author}'\ndate: {sample.written}\n"
        file.write_text(f"---\n{head}---\n\n{sample.body}\n", encoding="utf-8")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of `folder` on loopback; yield their address, which ends with a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with served(folder / "feeds") as url:
        write_site(folder, url)
        publish_site(folder)
        yield Site(folder, url)


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{package} is not installed: apt-get install {package}")
    return found


def run(home: Path, *command: str) -> str:
    environment = {"HOME": str(home), "PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "Pacific/Auckland"}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, encoding="utf-8", timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Newsboat:
    """One user's newsboat: subscriptions and cache in a folder of their own."""

    def __init__(self, home: Path, url: str) -> None:
        self._home = home
        (home / "urls").write_text(f"{url}\n", encoding="utf-8")
        (home / "config").write_text("auto-reload no\n", encoding="utf-8")

    def call(self, *commands: str) -> str:
        files = ("-u", "urls", "-c", "cache.db", "-C", "config")
        return run(self._home, program("newsboat", "newsboat"), *files, "-x", *commands)

    def select(self, query: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self._home / "cache.db")) as cache:
            return cache.execute(query).fetchall()

    def seen(self) -> list[Seen]:
        rows = self.select("SELECT pubDate, title, author FROM rss_item ORDER BY pubDate DESC")
        return [Seen(datetime.fromtimestamp(int(date), UTC), title, author) for date, title, author in rows]


class Rss2email:
    """One user's rss2email, which delivers into a maildir."""

    def __init__(self, home: Path, url: str, *, dated: str = "issued") -> None:
        """`dated`: the dates of an entry that a message takes its own from, the best first."""
        self._home = home
        settings = {
            "from": "reader@example.org",
            "to": "user@example.org",
            "email-protocol": "maildir",
            "maildir-path": str(home),
            "maildir-mailbox": "inbox",
            "name-format": "{author}",
            "date-header": "True",
            "date-header-order": dated,
            "html-mail": "True",
            "encodings": "UTF-8",
        }
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (home / "r2e.cfg").write_text(f"[DEFAULT]\n{lines}", encoding="utf-8")
        self.call("add", "news", url)

    def call(self, *command: str) -> str:
        return run(self._home, program("r2e", "rss2email"), "-c", "r2e.cfg", "-d", "r2e.json", *command)

    def messages(self) -> list[mailbox.MaildirMessage]:
        with closing(mailbox.Maildir(self._home / "inbox")) as inbox:
            return list(inbox)

    def seen(self) -> list[Seen]:
        return sorted((self._seen(message) for message in self.messages()), reverse=True)

    @staticmethod
    def _seen(message: mailbox.MaildirMessage) -> Seen:
        title, sender = (str(make_header(decode_header(message[name]))) for name in ("Subject", "From"))
        date = parsedate_to_datetime(message["Date"])
        return Seen(date.replace(tzinfo=UTC), title, sender.removesuffix(" <reader@example.org>").strip('"'))


#: What sfeed's own README shows for servers with ETags; by itself it sends no conditional requests.
SFEEDRC = """\
sfeedpath="$HOME/feeds"
fetch() {{
	etag="$HOME/etags/$(basename "$3")"
	curl -L --max-redirs 0 -H "User-Agent:" -f -s -m 15 --compressed \\
		--etag-save "${{etag}}" --etag-compare "${{etag}}" -z "${{etag}}" "$2" 2>/dev/null
}}
feeds() {{
	feed "news" "{url}"
}}
"""


class Sfeed:
    """One user's sfeed: a file of lines with tabs, as sfeed(5) has them."""

    def __init__(self, home: Path, url: str) -> None:
        program("curl", "curl")
        self._home = home
        (home / "etags").mkdir()
        (home / "sfeedrc").write_text(SFEEDRC.format(url=url), encoding="utf-8")

    def update(self) -> None:
        run(self._home, program("sfeed_update", "sfeed"), str(self._home / "sfeedrc"))

    def rows(self) -> list[list[str]]:
        """The items by column: time, title, link, content, its type, id, author, enclosure, categories."""
        return [line.split("\t") for line in (self._home / "feeds" / "news").read_text(encoding="utf-8").splitlines()]


class Library:
    """One user of the library `reader`, who keeps what it knows in a file."""

    def __init__(self, home: Path, url: str) -> None:
        self._file, self._url = str(home / "reader.sqlite"), url
        with closing(reader.make_reader(self._file)) as opened:
            opened.add_feed(url)

    def update(self) -> reader.UpdatedFeed | None:
        """Ask for the feed; return what was new, None where the server had nothing."""
        with closing(reader.make_reader(self._file)) as opened:
            return opened.update_feed(self._url)

    def entries(self) -> list[reader.Entry]:
        """All that it keeps, the newest first."""
        with closing(reader.make_reader(self._file)) as opened:
            return sorted(opened.get_entries(), key=lambda entry: entry.published or datetime.min.replace(tzinfo=UTC), reverse=True)


@pytest.mark.parametrize("category", FEEDS)
def test_newsboat_reads_entries_titles_dates_and_authors(site: Site, tmp_path: Path, category: str) -> None:
    reader = Newsboat(tmp_path, site.feed(category))

    reader.call("reload")

    assert reader.seen() == [sample.shown for sample in FEEDS[category]]
    assert reader.call("print-unread").split()[0] == str(len(FEEDS[category]))


def test_newsboat_shows_content_and_addresses(site: Site, tmp_path: Path) -> None:
    reader = Newsboat(tmp_path, site.feed(""))

    reader.call("reload")

    ((feed_title,),) = reader.select("SELECT title FROM rss_feed")
    items = reader.select("SELECT guid, url, content FROM rss_item ORDER BY pubDate DESC")
    assert feed_title == "每日新闻"
    assert "<b>一</b>" in items[0][2]
    assert "<pre>a\n  b</pre>" in items[2][2]
    assert all(guid.isascii() and address.startswith(site.url) and address.isascii() for guid, address, _ in items)
    assert len({guid for guid, _, _ in items}) == len(SAMPLES)


def test_newsboat_sees_a_moved_post_as_the_same(tmp_path: Path) -> None:
    folder, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    with served(folder / "feeds") as url:
        write_site(folder, url)
        publish_site(folder)
        reader = Newsboat(home, f"{url}atom.xml")
        reader.call("reload")
        first = reader.select("SELECT guid, title FROM rss_item ORDER BY guid")
        (folder / "posts" / SAMPLES[3].path).rename(folder / "posts" / "科技" / "另一个名字.md")
        publish_site(folder)
        reader.call("reload")

        # The address moves with the file; that newsboat shows the new one proves that it has read the new feed.
        moved = reader.select(f"SELECT url FROM rss_item WHERE pubDate = {int(SAMPLES[3].shown.date.timestamp())}")
        assert moved == [(f"{url}posts/{quote('科技/另一个名字')}/",)]
        assert reader.select("SELECT guid, title FROM rss_item ORDER BY guid") == first
        assert len(first) == len(SAMPLES)


@pytest.mark.parametrize("category", ["", "科技/开源/"])
def test_rss2email_mails_entries_titles_dates_and_authors(site: Site, tmp_path: Path, category: str) -> None:
    reader = Rss2email(tmp_path, site.feed(category))

    reader.call("run")

    assert reader.seen() == [sample.shown for sample in FEEDS[category]]


def test_rss2email_mails_an_unchanged_feed_once(site: Site, tmp_path: Path) -> None:
    reader = Rss2email(tmp_path, site.feed(""))

    reader.call("run")
    reader.call("run")

    assert len(reader.messages()) == len(SAMPLES)


def test_the_clients_know_a_post_by_the_same_id(site: Site, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("newsboat", "rss2email")]
    for folder in folders:
        folder.mkdir()
    first, second = Newsboat(folders[0], site.feed("")), Rss2email(folders[1], site.feed("科技/"))

    first.call("reload")
    second.call("run")

    known = {guid for (guid,) in first.select("SELECT guid FROM rss_item")}
    assert {message["X-RSS-ID"] for message in second.messages()} < known
