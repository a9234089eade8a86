"""Programs that make feeds of posts, each with a site that does the same work.

That is a feed of everything and one for every category, each with its 50 newest posts in full.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lxml import etree, html

import posts
from processes import PUBLISH, version_of
from results import Part

CONFIG = "site: {title: x, url: 'https://x.example/', author: x, language: zh-CN, timezone: UTC}\n"
#: By itself, Hugo makes pages, and feeds of its sections and of the list of categories, too.
_HUGO = """\
baseURL = "https://x.example/"
title = "x"
disableKinds = ["sitemap", "robotsTXT", "404"]
[taxonomies]
category = "categories"
[outputs]
home = ["RSS"]
term = ["RSS"]
section = []
taxonomy = []
page = []
[markup.goldmark.renderer]
unsafe = true
"""
_HUGO_FEED = """\
{{- $pages := .RegularPages -}}{{- if .IsHome -}}{{- $pages = site.RegularPages -}}{{- end -}}
{{ printf "<?xml version=\\"1.0\\" encoding=\\"utf-8\\"?>" | safeHTML }}<rss version="2.0"><channel><title>{{ .Title }}</title>\
<link>{{ .Permalink }}</link><description>{{ .Title }}</description>
{{ range first 50 $pages.ByDate.Reverse }}<item><title>{{ .Title }}</title><link>{{ .Permalink }}</link>\
<pubDate>{{ .Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" }}</pubDate><guid>{{ .Permalink }}</guid>\
<description>{{ .Content | html }}</description></item>
{{ end }}</channel></rss>
"""
#: Feeds and no page of HTML.
_PELICAN = """\
SITENAME, SITEURL, AUTHOR, TIMEZONE, DEFAULT_LANG, PATH = "x", "https://x.example", "x", "UTC", "zh", "content"
FEED_MAX_ITEMS = 50
FEED_ALL_ATOM, CATEGORY_FEED_ATOM, TAG_FEED_ATOM = "feeds/all.xml", "feeds/category/{slug}.xml", "feeds/tag/{slug}.xml"
TRANSLATION_FEED_ATOM = AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None
ARTICLE_SAVE_AS = ARTICLE_LANG_SAVE_AS = CATEGORY_SAVE_AS = TAG_SAVE_AS = AUTHOR_SAVE_AS = ""
ARCHIVES_SAVE_AS = CATEGORIES_SAVE_AS = TAGS_SAVE_AS = AUTHORS_SAVE_AS = ""
DIRECT_TEMPLATES, PAGE_PATHS, THEME_STATIC_PATHS, STATIC_PATHS = [], [], [], []
SLUGIFY_USE_UNICODE = True
SLUG_REGEX_SUBSTITUTIONS = []
"""
_ATOM = "{http://www.w3.org/2005/Atom}"


@dataclass(frozen=True)
class Publisher:
    """A program: the format of its posts and their folder, the files of its site, what it makes there, and which of that are feeds."""

    name: str
    style: str
    folder: str
    files: dict[str, str]
    command: tuple[str, ...]
    made: tuple[str, ...]
    feeds: tuple[str, ...]

    def prepare(self, site: Path, count: int) -> None:
        """Make a site of so many posts."""
        for name, text in self.files.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text, encoding="utf-8")
        for number in range(count):
            self.add(site, number)

    def add(self, site: Path, number: int) -> None:
        """Write one post."""
        posts.write_post(site / self.folder, number, style=self.style)

    def forget(self, site: Path) -> None:
        """Put aside what was made: just after thousands of files were removed, ext4 takes ten times as long to make a file."""
        aside = site.with_name(f"{site.name}-{time.monotonic_ns()}")
        for name in self.made:
            if (site / name).exists():
                aside.mkdir(exist_ok=True)
                (site / name).rename(aside / name)

    def documents(self, site: Path) -> list[Path]:
        """The feeds, that of everything first."""
        return [path for pattern in self.feeds for path in sorted(site.glob(pattern))]

    def has(self, site: Path, number: int) -> bool:
        """Whether a post stands in the feed of everything."""
        return f">{posts.title(number)}<".encode() in self.documents(site)[0].read_bytes()


OURS = Publisher("feedmill", "hexo", "posts", {"config.yaml": CONFIG}, (PUBLISH,), ("feeds", ".feedmill"), ("feeds/**/atom.xml",))


def find_publishers(part: Part, python: Path) -> list[Publisher]:
    """Return feedmill and those of its peers that are installed, Pelican beside `python`."""
    pelican = python.with_name("pelican")
    found = [OURS]
    if part.meet("Hugo", version_of(["hugo", "version"]), otherwise="apt-get install hugo"):
        files = {"config.toml": _HUGO, "layouts/_default/rss.xml": _HUGO_FEED}
        feeds = ("public/index.xml", "public/categories/*/index.xml")
        found.append(Publisher("Hugo", "hugo", "content", files, ("hugo", "--quiet"), ("public", "resources"), feeds))
    if part.meet("Pelican", version_of([str(pelican), "--version"]), otherwise="make .venv-bench/ready"):
        command = (str(pelican), "content", "--settings", "pelicanconf.py", "--output", "output", "--quiet")
        feeds = ("output/feeds/all.xml", "output/feeds/*/*.xml")
        found.append(Publisher("Pelican", "pelican", "content", {"pelicanconf.py": _PELICAN}, command, ("output",), feeds))
    return found


def read_outcome(documents: list[Path]) -> tuple[dict[str, int], Counter[str]]:
    """Return how many feeds and entries there are, and a digest of the titles and whole texts of every feed."""
    digests: Counter[str] = Counter()
    entries = 0
    for document in documents:
        told = list(_entries(document))
        entries += len(told)
        digests[sha256("\n".join(told).encode()).hexdigest()] += 1
    return {"feeds": len(documents), "entries": entries}, digests


def _entries(document: Path) -> Iterator[str]:
    """Title and text of every entry, white space aside: each program has its own way with that."""
    for entry in etree.parse(document).iter(f"{_ATOM}entry", "item"):
        body = entry.findtext(f"{_ATOM}content") or entry.findtext("description") or ""
        name = entry.findtext(f"{_ATOM}title") or entry.findtext("title")
        yield f"{name} {''.join(html.fromstring(body).text_content().split()) if body else ''}"
