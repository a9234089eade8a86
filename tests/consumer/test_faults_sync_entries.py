"""Rows D and E of the fault list through the whole of a sync: ids, dates, names of files and front matter, read back from the posts."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path, PurePosixPath

import pytest
from lxml import etree

from faultorigin import Reply
from feedmill.errors import StorageError
from feedmill.model import Post
from hostile import TEXTS, item_of, rss_of
from siege import ATOM, Case, Siege, besieged, judge_feed
from sites import make_post
from syncing import START
from upstream import LONG_TEXT, rss, rss_item


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    with besieged(tmp_path) as siege:
        yield siege


def by_guid(posts: list[Post]) -> dict[str, Post]:
    return {post.guid: post for post in posts}


# D1-D10


def test_D1_an_id_that_stands_twice_is_one_post_and_in_two_sources_two(siege: Siege) -> None:
    twice = rss(rss_item(5, title="Newest", pubDate="Tue, 05 May 2026 00:00:00 GMT"), rss_item(5, title="Older"))
    cased = rss_of(item_of(1, guid="AbC", link="https://example.org/x"), item_of(2, guid="abc"), item_of(3, guid="ab c"))
    siege.run(
        [
            Case("twice", twice, "ok", new=1, check=lambda posts: [post.title for post in posts].index("Newest")),
            Case("other", rss(rss_item(5)), "ok", new=1),
            Case("cased", cased, "ok", new=3),
        ]
    )
    assert [source.new for source in siege.sync().sources] == [0, 0, 0, 0]


def test_D2_an_entry_that_says_nothing_of_itself_is_one_post_for_good(siege: Siege) -> None:
    nothing = rss_of("<item><description>only a text</description></item>", "<item><title>only a title</title></item>")
    siege.run([Case("bare", nothing, "ok", new=2)])
    for _ in range(3):
        siege.up.clock.pass_(days=1)
        siege.origin.add("/bare", Reply(body=nothing.replace(b"<description>d<", b"<description>another<")))
        siege.sync()
    siege.up.lose_state()
    siege.sync()
    assert len(siege.posts("bare")) == 3


def test_D3_ids_that_change_all_at_once_double_nothing(siege: Siege) -> None:
    numbers = range(20, 40)
    siege.run(
        [
            Case("rebuilt", rss(*(rss_item(n) for n in numbers)), "ok", new=20),
            Case("moved", rss(*(rss_item(n) for n in numbers)), "ok", new=20),
        ]
    )
    siege.origin.add("/rebuilt", Reply(body=rss(*(rss_item(n, guid=f"new:{n}") for n in numbers))))
    links = {n: f"https://moved.example.org/{n}" for n in numbers}
    siege.origin.add("/moved", Reply(body=rss(*(rss_item(n, guid=links[n], link=links[n]) for n in numbers))))
    assert [source.new for source in siege.sync().sources] == [0, 0, 0]
    assert len(siege.posts("rebuilt", "moved")) == 42


def test_D4_an_edited_entry_is_rewritten_where_it_is(siege: Siege) -> None:
    siege.run([Case("edited", rss(rss_item(5)), "ok", new=1)])
    before = siege.up.files
    old = by_guid(siege.posts("edited"))["urn:item:5"]
    siege.origin.add("/edited", Reply(body=rss(rss_item(5, title="Edited", description="<p>new</p>"))))
    siege.sync()
    new = by_guid(siege.posts("edited"))["urn:item:5"]
    assert (new.title, new.body, new.date) == ("Edited", "<p>new</p>", old.date)
    assert new.updated is not None and new.updated > old.date
    assert siege.up.files.keys() == before.keys()


def test_D5_what_vanishes_upstream_stays_and_what_a_person_deleted_stays_away(siege: Siege) -> None:
    siege.run([Case("shrunk", rss(rss_item(5), rss_item(6), rss_item(7)), "ok", new=3)])
    siege.origin.add("/shrunk", Reply(body=rss(rss_item(7))))
    siege.sync()
    assert len(siege.posts("shrunk")) == 4
    gone = next(name for name in siege.up.files if "Title-7" in name)
    (siege.up.root / "posts" / gone).unlink()
    siege.sync()
    siege.up.lose_state()
    siege.sync()
    assert by_guid(siege.posts("shrunk")).keys() == {"urn:item:900", "urn:item:5", "urn:item:6"}


DATES = ["", "junk", "0000-00-00", "2024-13-45", "1704067200", "99999-01-01", "1600-01-01", "+9999", "Mon, 01 Jan 2024 00:00:00 +25:00",
         "2016-12-31T23:59:60Z", "2036-06-01T00:00:00Z", "9" * 5_000, "2024-02-30", "Mon, 99 Foo 2024"]  # fmt: skip


def test_D6_no_date_breaks_a_post_or_lies_in_the_future(siege: Siege) -> None:
    items = [item_of(number, f"<pubDate>{date}</pubDate>" if date else "") for number, date in enumerate(DATES)]
    siege.run([Case("dates", rss_of(*items), "ok", new=len(DATES))])
    first = {post.guid: post.date for post in siege.posts("dates")}
    now = siege.up.clock.now
    for guid, date in first.items():
        assert date is not None and datetime(1970, 1, 1, tzinfo=UTC) < date <= now, (guid, date)
    assert {first[f"g{number}"] for number in (0, 1, 2)} == {START + timedelta(minutes=1)}, "the time of first seeing"
    siege.up.clock.pass_(days=3)
    siege.origin.add("/dates", Reply(body=rss_of(*items) + b"\n"))
    siege.sync()
    assert {post.guid: post.date for post in siege.posts("dates")} == first


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-365), timedelta(days=365)], ids=str)
def test_D7_a_clock_that_jumps_causes_no_storm_and_loses_no_poll(siege: Siege, jump: timedelta) -> None:
    siege.run([Case("plain", rss(rss_item(5)), "ok", new=1)])
    siege.up.clock.now += jump
    before = len(siege.origin.requests("/plain"))
    for _ in range(10):
        siege.sync(is_forced=False)
    assert len(siege.origin.requests("/plain")) - before <= 1
    before = len(siege.origin.requests("/plain"))
    siege.up.clock.pass_(hours=25)
    siege.sync(is_forced=False)
    assert len(siege.origin.requests("/plain")) == before + 1
    assert len(siege.posts("plain")) == 2


def feed_of_all(siege: Siege) -> bytes:
    return siege.up.project.feeds()["atom.xml"]


def entry_ids(siege: Siege) -> list[str]:
    return sorted(entry.findtext(f"{ATOM}id", "") for entry in etree.fromstring(feed_of_all(siege)).iter(f"{ATOM}entry"))


def test_D8_a_feeds_updated_comes_from_its_posts_not_from_the_clock(siege: Siege) -> None:
    siege.run([Case("plain", rss(rss_item(5)), "ok", new=1)])
    first = feed_of_all(siege)
    siege.up.clock.pass_(days=40)
    siege.sync()
    siege.up.project.publish(now=siege.up.clock.now, is_full=True)
    assert feed_of_all(siege) == first


def test_D9_ids_of_entries_are_unique_and_survive_a_move_and_a_rename(siege: Siege) -> None:
    same = rss(rss_item(5, title="Same"), rss_item(6, title="Same", pubDate="Tue, 06 Jan 2026 00:00:00 GMT"))
    siege.run([Case("same", same, "ok", new=2)])
    found = entry_ids(siege)
    assert len(set(found)) == len(found) == 3 + 3
    folder = siege.up.root / "posts" / "elsewhere"
    folder.mkdir()
    for number, name in enumerate(name for name in siege.up.files if "Same" in name):
        (siege.up.root / "posts" / name).rename(folder / f"renamed-{number}.md")
    siege.sync()
    siege.up.project.publish(now=siege.up.clock.now)
    assert entry_ids(siege) == found
    assert len(siege.posts("same")) == 3


def test_D10_what_comes_without_end_is_cut(siege: Siege) -> None:
    lengths = ["x", "-1", "1e30", ""] * 200
    much = "".join(f'<enclosure url="/e{n}.mp3" type="audio/mpeg" length="{length}"/>' for n, length in enumerate(lengths))
    much += "".join(f"<link>https://example.org/{n}</link>" for n in range(500))
    much += "".join(f"<category>c{n}</category>" for n in range(10_000))
    siege.run([Case("much", rss_of(item_of(0, much), item_of(1)), "ok", new=2)])
    post = by_guid(siege.posts("much"))["g0"]
    assert (len(post.tags), post.body.count("<audio")) == (100, 4)


# E1-E11


def test_E1_E2_E3_E6_E7_any_text_becomes_one_portable_file_and_comes_back_as_it_was(siege: Siege) -> None:
    items = []
    for number, text in enumerate(TEXTS.values()):
        shown = escape(escape(text)).replace("\0", "&#0;")
        items.append(item_of(number, f"<author>{shown}</author><category>{shown}</category>", title=shown, description=LONG_TEXT))
    siege.run([Case("texts", rss_of(*items), "ok", None, len(TEXTS))])
    posts = by_guid(siege.posts("texts"))
    for number, text in enumerate(TEXTS.values()):
        post = posts[f"g{number}"]
        line = " ".join(text.replace("\0", "").split())
        post = replace(post, title=post.title.replace("\ufffd", ""), author=post.author.replace("\ufffd", ""))
        assert post.title.startswith(line[:200]) and len(post.title) <= 512
        assert len(post.author) <= 200 and post.author.startswith(line[:150])
        assert not line or post.tags[0].replace("\ufffd", "")[:80] == line[:80]
        assert post.extra == ()
    names = [PurePosixPath(name).name for name in siege.up.files]
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in names}) == len(names)
    for name in names:
        assert len(name.encode()) <= 10 + 1 + 80 + 1 + 8 + 3
        assert re.match(r"\d{4}-\d\d-\d\d-", name) and not re.search(r"[\x00-\x1f<>:\"/\\|?*\u202e]|[. ]\.md$", name)


def test_E4_categories_come_from_the_configuration_alone(siege: Siege) -> None:
    wild = ["../../etc", "a\nb", "新闻", "/abs", *(f"new-{number}" for number in range(200))]
    items = [item_of(number, "".join(f"<category>{escape(name)}</category>" for name in wild[number:])) for number in range(3)]
    siege.run([Case("wild", rss_of(*items), "ok", new=3)])
    assert {post.categories for post in siege.posts("wild")} == {(("敌",),)}
    assert {path.name for path in (siege.up.root / "posts").iterdir()} == {"敌", "新闻"}
    assert {path.name for path in (siege.up.root / "feeds").iterdir() if path.is_dir()} == {"敌", "新闻"}


@pytest.mark.parametrize("kind", ["file", "link", "folder", "fifo"])
def test_E5_what_stands_in_a_posts_place_is_never_overwritten(siege: Siege, kind: str) -> None:
    siege.run([Case("plain", rss(rss_item(5)), "ok", new=1)])
    name = next(name for name in siege.up.files if "Title-5" in name)
    place, outside = siege.up.root / "posts" / name, siege.folder / "outside"
    place.unlink()
    siege.up.lose_state()
    if kind == "file":
        place.write_text(make_post(title="mine"), encoding="utf-8")
    elif kind == "link":
        place.symlink_to(outside)
    elif kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    report = next(source for source in siege.sync().sources if source.name == "plain")
    assert not outside.exists()
    if kind == "file":
        assert report.new == 1
        assert "mine" in place.read_text(encoding="utf-8")
    else:
        assert (report.new, report.skipped) == (0, 1)
        assert report.notes[0][1].isprintable()


def test_E5_a_folder_that_is_a_link_outward_is_not_followed(siege: Siege) -> None:
    outside = siege.folder / "outside"
    outside.mkdir()
    (siege.up.root / "posts").mkdir(parents=True)
    (siege.up.root / "posts" / "敌").symlink_to(outside)
    siege.subscribe([Case("plain", b"")])
    siege.origin.add("/plain", Reply(body=rss(rss_item(5))))
    siege.up.serve(rss(rss_item(1)))
    good, plain = siege.sync().sources
    assert (good.new, plain.new, plain.skipped) == (1, 0, 1)
    assert "link" in plain.notes[0][1]
    assert list(outside.iterdir()) == []


BODIES = {
    "blank-lines": "\n\n<p>a</p>\n\n\n",
    "code": "<pre>    code\n\n</pre>",
    "crlf": "<p>a\r\nb</p>",
    "lines": "<p>a</p>\n---\n<p>b</p>\n---\n",
    "first": "---\ntitle: evil\n---\n<p>a</p>",
    "separator": "<p>a</p>\u2028",
    "fence": "<pre>---\n...\n</pre>",
}


def test_E8_a_body_comes_back_as_it_was_and_is_not_written_again(siege: Siege) -> None:
    items = [item_of(number, description=escape(body).replace("\r", "&#13;")) for number, body in enumerate(BODIES.values())]
    siege.run([Case("bodies", rss_of(*items), "ok", new=len(items))])
    posts = by_guid(siege.posts("bodies"))
    for number, (name, body) in enumerate(BODIES.items()):
        words = re.sub(r"<[^>]*>|\s", "", body)
        assert re.sub(r"<[^>]*>|\s", "", posts[f"g{number}"].body) == words, name
        assert posts[f"g{number}"].title == f"T{number}"
    assert "    code" in posts["g1"].body
    before = siege.up.files
    siege.up.lose_state()
    assert {source.updated for source in siege.sync().sources} == {0}
    assert siege.up.files == before


HAND_MADE = {
    "bom.md": b"\xef\xbb\xbf" + make_post(title="BOM").encode(),
    "crlf.md": make_post(title="CRLF").replace("\n", "\r\n").encode(),
    "blank.md": b"\n" + make_post(title="blank").encode(),
    "dates.md": make_post(title="2024", date="2024-01-02", updated="'2024-01-02T03:04:05Z'").encode(),
    "double.md": make_post(title="a\ntitle: b").encode(),
    "naive.md": make_post(title="null", date="2024-01-02 03:04", tags="one").encode(),
}
BROKEN = {
    "unclosed.md": b"---\ntitle: x\n",
    "list.md": b"---\n- a\n---\n",
    "tag.md": b"---\ntitle: !!python/name:os.system\n---\n",
    "latin.md": "---\ntitle: caf\xe9\n---\n".encode("latin-1"),
    "empty.md": b"",
    "deep.md": b"---\ntitle: x\na: " + b"[" * 50_000 + b"\n---\n",
    "alias.md": b"---\na: &a [x]\nb: *a\n---\n",
    "merge.md": b"---\na: &a {x: 1}\n<<: *a\n---\n",
    "huge.md": b"---\ntitle: x\n---\n" + b"x" * 10_500_000,
}


def test_E9_E10_E11_posts_of_people_that_are_broken_stop_neither_sync_nor_publish(siege: Siege) -> None:
    siege.run([Case("plain", rss(rss_item(5)), "ok", new=1)])
    project = siege.up.project
    for name, data in (HAND_MADE | BROKEN).items():
        project.write(f"hand/{name}", data)
    for text in HAND_MADE:
        assert project.root.joinpath("posts", "hand", text).is_file()
    (project.root / "posts" / "hand" / "folder.html").mkdir()
    (project.root / "posts" / "hand" / "dangling.md").symlink_to("nowhere")
    siege.origin.add("/plain", Reply(body=rss(rss_item(6), rss_item(5))))
    assert [source.new for source in siege.sync().sources] == [0, 1]
    report = project.publish(now=siege.up.clock.now)
    skipped = {PurePosixPath(problem.path).name: problem.message for problem in report.skipped}
    assert skipped.keys() == BROKEN.keys() | {"dangling.md"}
    assert all(message.isprintable() and message for message in skipped.values())
    assert report.posts == 3 + 3 + len(HAND_MADE)
    for name, feed in project.feeds().items():
        if name.endswith(".xml"):
            judge_feed(feed)


def test_E9_a_project_whose_posts_are_gone_is_not_emptied(siege: Siege) -> None:
    siege.run([Case("plain", rss(rss_item(5)), "ok", new=1)])
    before = siege.up.project.feeds()
    (siege.up.root / "posts").rename(siege.up.root / "away")
    (siege.up.root / "posts").mkdir()
    with pytest.raises(StorageError):
        siege.sync()
    with pytest.raises(StorageError):
        siege.up.project.publish(now=siege.up.clock.now)
    assert siege.up.project.feeds() == before
