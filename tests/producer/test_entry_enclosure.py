"""The enclosure of an entry: from the post's key or its first player, made absolute, typed, and measured on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedmill.model import Enclosure, Post
from feedmill.posts.body import render_body
from feedmill.posts.format import decode
from feedmill.posts.record import from_record, to_record
from feedmill.producer.check import check
from feedmill.producer.enclosing import enclosure_of
from feedmill.producer.entry import Entry, build_entry
from feedmill.producer.site import Site
from sites import NOW, Project

DATE = datetime(2026, 1, 2, tzinfo=UTC)
HOME = "https://news.example.org/"
PAGE = f"{HOME}podcast/1/"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def built(project: Project, post: Post, *, path: str = "podcast/1.md") -> Entry:
    site = Site.from_json(Site.of(project.config).to_json())
    return build_entry(from_record(to_record(post), post.body), site, path=path, entry_id="urn:uuid:1", date=DATE, updated=DATE)


def enclosure(project: Project, post: Post, *, path: str = "podcast/1.md") -> Enclosure | None:
    """What is found, be its length known or not."""
    base = built(project, post, path=path).base
    html = render_body(post.body, post.markup, base=base, embeds=frozenset()).html
    return enclosure_of(post, html, Site.of(project.config), path=path, base=base)


def test_one_whose_length_nobody_knows_is_none(project: Project) -> None:
    assert built(project, episode('<audio src="/a.mp3"></audio>')).enclosure is None
    assert built(project, episode(named=Enclosure("https://e.org/a.mp3"))).enclosure is None
    known = Enclosure("https://e.org/a.mp3", "audio/mpeg", 12)
    assert built(project, episode(named=known)).enclosure == known


def episode(body: str = "", named: Enclosure | None = None, *, source: str = "") -> Post:
    return Post(title="t", body=body, link=PAGE, enclosure=named, source=source)


NAMED: dict[str, tuple[Enclosure, Enclosure | None]] = {
    "as it is": (Enclosure("https://e.org/a.mp3", "audio/mpeg", 5), Enclosure("https://e.org/a.mp3", "audio/mpeg", 5)),
    "relative": (Enclosure("1.mp3"), Enclosure(f"{PAGE}1.mp3", "audio/mpeg")),
    "rooted, encoded": (Enclosure("/歌 1.m4a"), Enclosure(f"{HOME}%E6%AD%8C%201.m4a", "audio/mp4")),
    "a type that is not known": (Enclosure("/x"), None),
    "a type of its own": (Enclosure("/x", "application/pdf"), Enclosure(f"{HOME}x", "application/pdf")),
    "no web address": (Enclosure("ftp://e.org/a.mp3"), None),
}


@pytest.mark.parametrize(("named", "expected"), NAMED.values(), ids=NAMED)
def test_a_named_enclosure(project: Project, named: Enclosure, expected: Enclosure | None) -> None:
    assert enclosure(project, episode(named=named)) == expected
    assert enclosure(project, episode(named=named, source="up")) == expected


BODIES: dict[str, tuple[str, str | None]] = {
    "no player": ('<p>x</p><a href="/a.mp3">x</a>', None),
    "a sound": ('<p><audio src="/a.mp3"></audio></p><video src="/b.mp4"></video>', f"{HOME}a.mp3"),
    "its first source": ('<video><source src="a.webm" type="video/webm"><source src="a.mp4"></video>', f"{PAGE}a.webm"),
    "one without a type": ('<audio src="/stream"></audio><audio src="/b.mp3"></audio>', f"{HOME}b.mp3"),
    "a script": ('<audio src="javascript:a.mp3"></audio>', None),
}


@pytest.mark.parametrize(("body", "url"), BODIES.values(), ids=BODIES)
def test_the_first_player_of_a_persons_post(project: Project, body: str, url: str | None) -> None:
    found = enclosure(project, episode(body))
    assert (found.url if found else None) == url
    assert enclosure(project, episode(body, source="up")) is None


def test_the_key_goes_before_the_body(project: Project) -> None:
    named = Enclosure("https://e.org/a.pdf", "application/pdf", 5)
    assert enclosure(project, episode('<audio src="/a.mp3"></audio>', named)) == named


def test_markdown_with_a_player(project: Project) -> None:
    post = decode(b'---\ntitle: t\n---\nText.\n\n<audio controls src="/a.mp3"></audio>\n', name="x.md", zone=project.config.site.zone).post
    assert enclosure(project, post) == Enclosure(f"{HOME}a.mp3", "audio/mpeg")


PLACES = {
    "beside the post": ("1.mp3", "posts/podcast/1.mp3"),
    "in Hexo's folder of the post": ("cover.mp3", "posts/podcast/1/cover.mp3"),
    "in the folder of posts": ("/audio/1.mp3", "posts/audio/1.mp3"),
    "in the project": ("/audio/1.mp3", "audio/1.mp3"),
    "static": ("/audio/1.mp3?v=2#t=10", "static/audio/1.mp3"),
    "public": ("/audio/1.mp3", "public/audio/1.mp3"),
    "source": (f"{HOME}audio/1.mp3", "source/audio/1.mp3"),
    "content": ("/%E6%AD%8C%201.mp3", "content/歌 1.mp3"),
}


@pytest.mark.parametrize(("address", "place"), PLACES.values(), ids=PLACES)
def test_a_length_from_disk(project: Project, address: str, place: str) -> None:
    put(project.root / place, 321)
    for post in (episode(f'<audio src="{address}"></audio>'), episode(named=Enclosure(address))):
        found = enclosure(project, post)
        assert found is not None
        assert found.length == 321
    synced = enclosure(project, episode(named=Enclosure(address), source="up"))
    assert synced is not None
    assert synced.length is None


def test_the_folder_above_the_posts(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", extra="posts:\n  dir: source/_posts\n")
    put(project.root / "source" / "audio" / "1.mp3", 5)
    assert enclosure(project, episode('<audio src="/audio/1.mp3"></audio>')) == Enclosure(f"{HOME}audio/1.mp3", "audio/mpeg", 5)
    outside = Project(tmp_path / "other", extra="posts:\n  dir: ../elsewhere/posts\n")
    put(tmp_path / "elsewhere" / "1.mp3", 5)
    assert enclosure(outside, episode('<audio src="/1.mp3"></audio>')) == Enclosure(f"{HOME}1.mp3", "audio/mpeg")


def test_the_places_have_an_order_and_a_length_of_its_own_goes_first(project: Project) -> None:
    body = '<audio src="1.mp3"></audio>'
    for size, place in enumerate(["content/podcast/1/1.mp3", "podcast/1/1.mp3", "posts/podcast/1/1.mp3", "posts/podcast/1.mp3"], 1):
        put(project.root / place, size)
        found = enclosure(project, episode(body))
        assert found is not None
        assert found.length == size
    assert enclosure(project, episode(named=Enclosure("1.mp3", "", 99))) == Enclosure(f"{PAGE}1.mp3", "audio/mpeg", 99)


def test_what_is_not_measured(project: Project, tmp_path: Path) -> None:
    put(tmp_path / "secret.mp3", 7)
    put(project.root / ".feedmill" / "a.mp3", 7)
    put(project.root / "static" / "empty.mp3", 0)
    (project.root / "static" / "folder.mp3").mkdir()
    (project.root / "static" / "out.mp3").symlink_to(tmp_path / "secret.mp3")
    (project.root / "static" / "far").symlink_to(tmp_path)
    (project.root / "static" / "loop.mp3").symlink_to("loop.mp3")
    for address in (
        "/../secret.mp3",
        "/%2e%2e/secret.mp3",
        "/static/..%2f..%2fsecret.mp3",
        "/.feedmill/a.mp3",
        "/empty.mp3",
        "/folder.mp3",
        "/out.mp3",
        "/far/secret.mp3",
        "/loop.mp3",
        "/absent.mp3",
        "/a%00.mp3",
        "/%ff.mp3",
        f"/{'x' * 5000}.mp3",
        "https://other.example.org/secret.mp3",
    ):
        found = enclosure(project, episode(named=Enclosure(address)))
        assert found is not None, address
        assert found.length is None, address


def test_a_link_within_the_folder_counts(project: Project) -> None:
    put(project.root / "static" / "real.mp3", 7)
    (project.root / "static" / "link.mp3").symlink_to("real.mp3")
    assert enclosure(project, episode(named=Enclosure("/link.mp3"))) == Enclosure(f"{HOME}link.mp3", "audio/mpeg", 7)


def test_a_post_without_a_link_is_measured_against_its_own_page(project: Project) -> None:
    put(project.root / "posts" / "2026" / "a.mp3", 9)
    post = Post(title="t", body='<audio src="a.mp3"></audio>')
    found = enclosure(project, post, path="2026/hello.md")
    assert found is not None
    assert (found.url.startswith(HOME), found.length) == (True, 9)


def put(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)


@pytest.mark.parametrize(
    ("enclosure", "is_told"),
    [
        ("{url: /none.mp3}", True),
        ("{url: https://e.org/x, length: 5}", True),
        ("{url: /there.mp3}", False),
        ("{url: https://e.org/a.mp3, length: 5}", False),
    ],
)
def test_check_names_an_enclosure_that_no_feed_can_have(project: Project, enclosure: str, is_told: bool) -> None:
    put(project.root / "static" / "there.mp3", 9)
    project.post("1.md", enclosure=enclosure)
    project.post("2.md", enclosure=enclosure, source="up", guid="urn:x:1")
    told = [problem.path for problem in check(project.config, config_path="config.yaml", now=NOW) if problem.rule == "enclosure"]
    assert told == (["posts/1.md"] if is_told else [])
