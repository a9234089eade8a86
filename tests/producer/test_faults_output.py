"""Rows G1-G9 of the fault list: what any post, and any trouble, leaves of the feeds in all three formats."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from feedmill.errors import StorageError
from feedmill.producer.checkfeeds import check_feeds
from feedmill.service.moved import Moved
from machine import mounted
from sites import NOW, Project

FILES = ("atom.xml", "rss.xml", "feed.json")
EXTRA = "feeds:\n  formats: [atom, rss, json]\n"
A = "{http://www.w3.org/2005/Atom}"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
#: What no XML document has, as YAML writes it in double quotes, with every kind of control beside.
UNFIT = "".join(f"\\x{code:02x}" for code in range(0x20)) + "\\x7f\\ufffe\\uffff\\ud800\\udfff"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, extra=EXTRA)


def read(project: Project, folder: str = "") -> dict[str, list[dict[str, Any]]]:
    """The entries of a feed's three documents as their readers have them: title, author, content, date and tags of each."""
    root = project.root / "feeds" / folder
    atom = etree.parse(root / "atom.xml").getroot()
    rss = etree.parse(root / "rss.xml").getroot()
    document = json.loads((root / "feed.json").read_bytes())
    return {
        "atom": [
            {
                "title": entry.findtext(f"{A}title"),
                "author": entry.findtext(f"{A}author/{A}name"),
                "content": entry.findtext(f"{A}content"),
                "date": entry.findtext(f"{A}published"),
                "tags": [category.get("label") for category in entry.findall(f"{A}category")],
            }
            for entry in atom.findall(f"{A}entry")
        ],
        "rss": [
            {
                "title": item.findtext("title"),
                "author": item.findtext(CREATOR),
                "content": item.findtext(ENCODED),
                "date": item.findtext("pubDate"),
                "tags": [category.text for category in item.findall("category")],
            }
            for item in rss.findall("channel/item")
        ],
        "json": [
            {
                "title": item.get("title"),
                "author": item["authors"][0]["name"],
                "content": item.get("content_html"),
                "date": item["date_published"],
                "tags": item["tags"],
            }
            for item in document["items"]
        ],
    }


def is_sound(project: Project) -> bool:
    """Whether every feed keeps the written rules."""
    return list(check_feeds(project.config, now=NOW)) == []


@pytest.mark.parametrize(
    "field", ["title", "author", "excerpt", "link", "thumbnail", "guid", "lang", "source", "tags", "categories", "body"]
)
def test_G1_a_field_with_characters_that_no_document_has_costs_no_feed(project: Project, field: str) -> None:
    """Such a post is published without them, or refused with its reason; its neighbours stand."""
    list_or_line = f'["a{UNFIT}b"]' if field in ("tags", "categories") else f'"a{UNFIT}b"'
    body = "<p>a" + "".join(map(chr, (0, 1, 8, 0xB, 0xC, 0x1F, 0x7F, 0xFFFE, 0xFFFF))) + "b&#0;&#1;&#xFFFE;&#xD800;c</p>"
    project.post("a.md", **({"body": body} if field == "body" else {field: list_or_line}))
    project.write("b.md", b'---\ntitle: "b"\ndate: 2026-01-01\n---\n<p>\xed\xa0\x80 raw</p>')  # a surrogate in UTF-8: no UTF-8
    project.post("c.md", title="whole")
    report = project.publish()
    refused = {problem.path: problem.message for problem in report.skipped}
    assert refused.keys() - {"posts/a.md"} == {"posts/b.md"}
    assert all(refused.values())
    for name, entries in read(project).items():
        assert len(entries) == 3 - len(refused), name
        assert "whole" in {entry["title"] for entry in entries}, name
    for data in project.feeds().values():
        shown = data.decode()
        assert not [character for character in shown if ord(character) < 0x20 and character not in "\t\n"]
        assert not set(shown) & set("\ufffe\uffff")
    assert is_sound(project)


def test_G1_a_post_with_controls_in_its_text_is_published_without_them(project: Project) -> None:
    project.post(
        "a.md", title='"a\\x01\\x08\\x0b\\x1f\\ufffe\\uffffb"', author='"c\\x02d"', tags='["e\\x03f"]', body="<p>g\x04\x1fh\ufffe\uffff</p>"
    )
    assert project.publish().skipped == ()
    for name, (entry,) in read(project).items():
        assert (entry["title"].replace(" ", ""), entry["author"], entry["tags"][-1]) == ("ab", "cd", "ef"), name
        assert "gh" in entry["content"].replace(" ", ""), name


def test_G2_markup_in_a_title_and_a_body_is_escaped_once(project: Project) -> None:
    title, body = "]]> a & b &amp; <b>c</b> <![CDATA[ d", "<p>]]&gt; a &amp; b &amp;amp; <b>c</b><br>&nbsp;d</p>"
    project.post("a.md", title=json.dumps(title), body=body)
    project.publish()
    for name, (entry,) in read(project).items():
        assert entry["title"] == title, name
        assert "<p>]]&gt; a &amp; b &amp;amp; <b>c</b><br>&nbsp;d</p>" in entry["content"], name
    atom = etree.parse(project.root / "feeds" / "atom.xml").getroot()
    kinds = {(element.tag.removeprefix(A), element.get("type")) for element in atom.iter(f"{A}title", f"{A}content", f"{A}summary")}
    assert kinds <= {("title", None), ("title", "text"), ("content", "html"), ("summary", None), ("summary", "text")}
    assert b"<![CDATA[" not in b"".join(project.feeds().values()).replace(b"&lt;![CDATA[", b"").replace(
        json.dumps(title)[1:-1].encode(), b""
    )


@pytest.mark.parametrize(
    ("keys", "date"),
    [
        ({"title": '""'}, "2026-01-01T19:04:05+00:00"),
        ({"title": None}, "2026-01-01T19:04:05+00:00"),
        ({"title": "2024"}, "2026-01-01T19:04:05+00:00"),
        ({"title": "2024-01-01"}, "2026-01-01T19:04:05+00:00"),
        ({"date": None}, "2023-11-14T22:13:20+00:00"),
        ({"date": "2026-01-02"}, "2026-01-01T16:00:00+00:00"),
        ({"date": "2026-01-02 03:04:05"}, "2026-01-01T19:04:05+00:00"),
        ({"date": "1700000000"}, "2023-11-14T22:13:20+00:00"),
        ({"date": "soon"}, "2023-11-14T22:13:20+00:00"),
    ],
    ids=["empty title", "no title", "title is a number", "title is a date", "no date", "a day", "no zone", "an int", "no date at all"],
)  # fmt: skip
def test_G3_what_a_post_lacks_or_has_in_another_type_is_settled_before_it_is_written(
    project: Project, keys: dict[str, str | None], date: str
) -> None:
    file = project.post("a.md", **keys)  # type: ignore[arg-type]
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert project.publish().skipped == ()
    found = read(project)
    assert {name: len(entries) for name, entries in found.items()} == {"atom": 1, "rss": 1, "json": 1}
    assert found["atom"][0]["date"] == found["json"][0]["date"] == date
    assert datetime.strptime(found["rss"][0]["date"], "%a, %d %b %Y %H:%M:%S %z") == datetime.fromisoformat(date)
    assert is_sound(project)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("1890-01-01 00:00:00", "1889-12-31T15:54:17+00:00"),
        ("2026-01-02T03:04:05.678901+08:00", "2026-01-01T19:04:05+00:00"),
        ("2026-01-02T03:04:05.999999Z", "2026-01-02T03:04:05+00:00"),
        ("'2026-01-02 03:04:05 -0330'", "2026-01-02T06:34:05+00:00"),
    ],
    ids=["an offset with seconds", "microseconds", "nearly the next second", "half an hour"],
)
def test_G4_dates_are_in_utc_and_whole_seconds(project: Project, written: str, date: str) -> None:
    project.post("a.md", date=written)
    project.publish()
    found = read(project)
    assert found["atom"][0]["date"] == found["json"][0]["date"] == date
    assert datetime.strptime(found["rss"][0]["date"], "%a, %d %b %Y %H:%M:%S %z").astimezone(UTC).isoformat() == date
    assert is_sound(project)


def test_G5_a_text_that_readers_would_refuse_becomes_its_summary(project: Project) -> None:
    project.post("a.md", title="large", body="<p>" + "&lt;" * 700_000 + "</p>")
    project.post("b.md", title="small", date="2026-01-01")
    project.publish()
    for name, entries in read(project).items():  # lxml's own limits, as most readers have them
        assert [entry["title"] for entry in entries] == ["large", "small"], name
        assert not entries[0]["content"], name
        assert entries[1]["content"], name
    assert max(map(len, project.feeds().values())) < 5_000_000


def test_G6_one_bad_post_among_a_thousand(project: Project) -> None:
    bad = {
        "binary": b"\x00\xff\xfe",
        "open": b"---\ntitle: x\n",
        "alias": b"---\ntitle: *x\n---\n",
        "tag": b"---\ntitle: !!python/object:os.system x\n---\n",
    }
    for number in range(996):
        project.post(f"{number % 7}/{number}.md", title=f"t{number}", body=f"<p>{number}</p>", categories=f"[c{number % 7}]")
    for name, data in bad.items():
        project.write(f"3/{name}.md", data)
    report = project.publish()
    assert report.posts == 996
    assert {problem.path for problem in report.skipped} == {f"posts/3/{name}.md" for name in bad}
    assert all(problem.message for problem in report.skipped)
    shown = {entry["title"] for number in range(7) for entry in read(project, f"c{number}")["json"]}
    assert len(shown) == 7 * 50
    assert {feed.category: feed.entries for feed in report.feeds}["c3"] == 50


def test_G7_while_the_disk_is_full_readers_have_the_old_feeds(tmp_path: Path) -> None:
    with mounted(tmp_path / "feeds", "size=1600k"):
        project = Project(tmp_path, extra=EXTRA)
        project.post("a.md", categories="[A]")
        project.publish()
        before, stamps = project.feeds(), project.stamps()
        project.post("b.md", categories="[B]", body="<p>" + "y" * 700_000 + "</p>")
        with pytest.raises(StorageError) as caught:
            project.publish()
        assert caught.value.exit_status == 3
        assert (project.feeds(), project.stamps()) == (before, stamps)
        assert not list(tmp_path.rglob("*.tmp"))


def test_G8_the_same_posts_give_the_same_bytes_and_touch_nothing(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    for number in range(20):
        project.post(f"{number}.md", title=f"t{number}", categories=f"[c{number % 3}, d]", tags="[x]")
    project.publish()
    before, stamps = project.feeds(), project.stamps()
    project.publish(now=datetime(2031, 1, 1, tzinfo=UTC))
    project.publish(is_full=True)
    assert (project.feeds(), project.stamps()) == (before, stamps)
    other = Project(tmp_path_factory.mktemp("other"), extra=EXTRA)
    shutil.copytree(project.root / "posts", other.root / "posts", dirs_exist_ok=True)
    other.publish(now=datetime(2031, 1, 1, tzinfo=UTC))
    assert other.feeds() == before


def test_G9_a_category_that_empties_goes_or_is_renamed_leaves_no_old_file(project: Project) -> None:
    project.post("a.md", categories="[A]")
    project.post("b.md", categories="[B]")
    project.post("c.md", categories="[C]")
    project.publish()
    project.post("b.md", categories="[Renamed]")
    (project.root / "posts" / "c.md").unlink()
    report = project.publish()
    assert set(report.removed) == {f"feeds/{folder}/{file}" for folder in "BC" for file in FILES}
    assert set(project.feeds()) == {f"{folder}{file}" for folder in ("", "A/", "Renamed/") for file in FILES}
    moved = Moved(project.config.state_path)
    for file in FILES:
        assert asyncio.run(_ask(moved, file)) == [f"Renamed/{file}", "", None]
    (project.root / "posts" / "a.md").unlink()
    (project.root / "posts" / "b.md").unlink()
    project.publish(is_full=True)
    assert set(project.feeds()) == set(FILES)
    assert read(project) == {"atom": [], "rss": [], "json": []}
    assert is_sound(project)


async def _ask(moved: Moved, file: str) -> list[str | None]:
    """What a server answers by: another address (301), gone ("", 410), or that it is there."""
    return [await moved(f"{folder}/{file}") for folder in "BCA"]
