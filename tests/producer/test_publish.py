"""Publishing from end to end on disk: which files change, which do not, and what a person is told."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from feedmill.errors import ConfigError, StorageError
from feedmill.state.memory import DatabaseMemory
from sites import NOW, Project, changed, ids


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.post("a.md", title="甲", categories="[科技, 开源, 发布]", date="2026-01-01 10:00:00")
    project.post("b.md", title="乙", categories="[科技, 综述]", date="2026-01-02 10:00:00")
    project.post("c.md", title="丙", categories="[财经, 综述]", date="2026-01-03 10:00:00")
    project.post("d.md", title="丁", categories="[[科技, 开源], [生活]]", date="2026-01-04 10:00:00")
    project.post("e.md", title="戊", categories=None, date="2026-01-05 10:00:00")
    return project


def test_every_node_of_the_tree_has_a_feed_with_its_descendants_posts_once(project):
    report = project.publish()
    assert report.posts == 5
    assert {feed.category: feed.entries for feed in report.feeds} == {
        "": 5,
        "生活": 1,
        "科技": 3,
        "科技/开源": 2,
        "科技/开源/发布": 1,
        "科技/综述": 1,
        "财经": 1,
        "财经/综述": 1,
    }
    assert [entry.title for entry in project.parsed("科技/atom.xml").entries] == ["丁", "乙", "甲"]
    assert set(project.feeds()) == {feed.path.removeprefix("feeds/") for feed in report.feeds}


def test_feed_ids_differ_and_entry_ids_are_the_same_everywhere(project):
    project.publish()
    parsed = {file: project.parsed(file) for file in project.feeds()}
    assert len({feed.feed.id for feed in parsed.values()}) == len(parsed)
    assert len({ids(feed)["甲"] for feed in parsed.values() if "甲" in ids(feed)}) == 1


def test_a_second_run_reads_no_post_and_writes_no_byte(project):
    project.publish()
    before = project.stamps()
    for post in (project.root / "posts").glob("*.md"):
        os.chmod(post, 0o644)
    first = project.publish()
    assert changed(first) == []
    for post in (project.root / "posts").glob("*.md"):
        os.utime(post, ns=(1, os.stat(post).st_mtime_ns))
    project.publish()
    accessed = {post.name: os.stat(post).st_atime_ns for post in (project.root / "posts").glob("*.md")}
    assert changed(project.publish()) == []
    assert {post.name: os.stat(post).st_atime_ns for post in (project.root / "posts").glob("*.md")} == accessed
    assert project.stamps() == before


def test_a_changed_post_rewrites_only_its_feeds(project):
    project.publish()
    project.post("b.md", title="乙改", categories="[科技, 综述]", date="2026-01-02 10:00:00")
    report = project.publish()
    assert changed(report) == ["feeds/atom.xml", "feeds/科技/atom.xml", "feeds/科技/综述/atom.xml"]
    assert "乙改" in ids(project.parsed())


def test_a_touched_post_changes_nothing(project):
    project.publish()
    before = project.stamps()
    os.utime(project.root / "posts" / "a.md")
    assert changed(project.publish()) == []
    assert project.stamps() == before


def test_a_new_post_rewrites_only_its_feeds(project):
    project.publish()
    project.post("f.md", title="己", categories="[财经]", date="2026-01-06 10:00:00")
    assert changed(project.publish()) == ["feeds/atom.xml", "feeds/财经/atom.xml"]


def test_a_removed_post_leaves_its_feeds_and_an_emptied_category_goes(project):
    project.publish()
    (project.root / "posts" / "c.md").unlink()
    report = project.publish()
    assert changed(report) == ["feeds/atom.xml"]
    assert report.removed == ("feeds/财经/atom.xml", "feeds/财经/综述/atom.xml")
    assert not (project.root / "feeds" / "财经").exists()
    assert "丙" not in ids(project.parsed())


def test_a_moved_post_keeps_its_id(project):
    project.publish()
    before = ids(project.parsed())
    (project.root / "posts" / "new").mkdir()
    (project.root / "posts" / "a.md").rename(project.root / "posts" / "new" / "renamed.md")
    project.publish()
    assert ids(project.parsed()) == before
    (project.root / ".feedmill" / "catalog.db").unlink()
    project.publish()
    assert ids(project.parsed()) == before


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"title": "新题"}, id="title"),
        pytest.param({"date": "2026-02-01 10:00:00"}, id="date"),
        pytest.param({"body": "<p>另文</p>"}, id="body"),
        pytest.param({"categories": "[别处]"}, id="category"),
    ],
)
def test_an_edited_post_keeps_its_id(project, edit):
    project.publish()
    before = ids(project.parsed())["甲"]
    keys = {"title": "甲", "categories": "[科技, 开源, 发布]", "date": "2026-01-01 10:00:00"} | edit
    project.post("a.md", **keys)
    project.publish()
    assert ids(project.parsed())[keys["title"]] == before


def test_a_removed_or_altered_feed_file_is_written_again(project):
    project.publish()
    wanted = project.feeds()
    (project.root / "feeds" / "科技" / "atom.xml").unlink()
    (project.root / "feeds" / "生活" / "atom.xml").write_bytes(wanted["生活/atom.xml"].replace("丁".encode(), b"?"))
    report = project.publish()
    assert changed(report) == ["feeds/生活/atom.xml", "feeds/科技/atom.xml"]
    assert project.feeds() == wanted


def test_an_altered_feed_is_never_the_source_of_another(project):
    project.publish()
    wanted = project.feeds()
    for file in (project.root / "feeds").rglob("atom.xml"):
        status = os.stat(file)
        with file.open("r+b") as opened:
            opened.write(file.read_bytes().replace("甲".encode(), "申".encode()))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    (project.root / "feeds" / "atom.xml").unlink()
    project.publish()
    assert project.feeds()["atom.xml"] == wanted["atom.xml"]


def test_files_of_others_are_left_alone(project):
    mine = project.root / "feeds" / "科技" / "atom.xml"
    mine.parent.mkdir(parents=True)
    mine.write_text("my own file")
    (project.root / "feeds" / "robots.txt").write_text("User-agent: *")
    report = project.publish()
    assert mine.read_text() == "my own file"
    assert [(problem.path, problem.rule) for problem in report.skipped] == [("feeds/科技/atom.xml", "foreign")]
    assert (project.root / "feeds" / "robots.txt").exists()
    mine.unlink()
    assert changed(project.publish()) == ["feeds/科技/atom.xml"]


def test_publishing_one_category_leaves_the_others_for_later(project):
    report = project.publish("科技/开源")
    assert {feed.path for feed in report.feeds} == {"feeds/科技/开源/atom.xml", "feeds/科技/开源/发布/atom.xml"}
    assert set(project.feeds()) == {"科技/开源/atom.xml", "科技/开源/发布/atom.xml"}
    assert len(changed(project.publish())) == 6
    project.post("d.md", title="丁改", categories="[[科技, 开源], [生活]]", date="2026-01-04 10:00:00")
    assert changed(project.publish("生活")) == ["feeds/生活/atom.xml"]
    assert changed(project.publish()) == ["feeds/atom.xml", "feeds/科技/atom.xml", "feeds/科技/开源/atom.xml"]


def test_an_unknown_category_is_an_error_with_a_suggestion(project):
    with pytest.raises(ConfigError, match="科技/开源"):
        project.publish("科技/开元")


def test_a_dry_run_writes_nothing_at_all(project):
    report = project.publish(is_dry=True)
    assert len(changed(report)) == 8
    assert sorted(path.name for path in project.root.iterdir()) == ["posts"]
    project.publish()
    before = {path: os.stat(path).st_mtime_ns for path in project.root.rglob("*")}
    project.post("b.md", title="乙改", categories="[科技, 综述]", date="2026-01-02 10:00:00")
    assert changed(project.publish(is_dry=True)) == ["feeds/atom.xml", "feeds/科技/atom.xml", "feeds/科技/综述/atom.xml"]
    after = {path: os.stat(path).st_mtime_ns for path in project.root.rglob("*")}
    del before[project.root / "posts" / "b.md"], after[project.root / "posts" / "b.md"]
    assert after == before


def test_a_post_of_the_future_waits_for_its_time(project):
    project.publish()
    project.post("z.md", title="将来", categories="[未来]", date="2026-06-02 00:00:00")
    report = project.publish()
    assert changed(report) == []
    assert "未来" not in {feed.category for feed in report.feeds}
    report = project.publish(now=NOW + timedelta(days=2))
    assert changed(report) == ["feeds/atom.xml", "feeds/未来/atom.xml"]
    report = project.publish(now=NOW)
    assert changed(report) == ["feeds/atom.xml"]
    assert report.removed == ("feeds/未来/atom.xml",)


def test_a_report_says_when_the_next_post_is_due(project):
    assert project.publish().next_due is None
    project.post("z.md", title="将来", date="2026-06-02 08:00:00")
    project.post("y.md", title="更远", date="2026-07-02 08:00:00")
    project.post("x.md", title="草稿", date="2026-06-01 20:00:00", draft="true")
    moment = datetime(2026, 6, 2, tzinfo=UTC)
    assert project.publish().next_due == moment.timestamp()
    assert project.publish().next_due == moment.timestamp(), "with nothing to do, too"
    assert project.publish(now=moment).next_due == datetime(2026, 7, 2, tzinfo=UTC).timestamp()


def test_drafts_are_not_published(project):
    project.post("f.md", title="草稿", draft="true")
    project.post("g.md", title="未发", published="false")
    assert project.publish().posts == 5


def test_an_empty_folder_gives_an_empty_valid_feed(tmp_path):
    project = Project(tmp_path)
    report = project.publish()
    assert report.posts == 0
    assert [feed.path for feed in report.feeds] == ["feeds/atom.xml"]
    assert project.parsed().feed.updated == "1970-01-01T00:00:00+00:00"


def test_no_folder_of_posts_is_a_storage_error(tmp_path):
    project = Project(tmp_path)
    shutil.rmtree(tmp_path / "posts")
    with pytest.raises(StorageError, match=r"create it, or set posts\.dir"):
        project.publish()


def test_posts_that_vanish_all_at_once_stop_the_run(project):
    project.publish()
    before = project.feeds()
    for name in "abc":
        (project.root / "posts" / f"{name}.md").unlink()
    with pytest.raises(StorageError, match=r"3 of 5 posts are gone"):
        project.publish()
    for name in "de":
        (project.root / "posts" / f"{name}.md").unlink()
    with pytest.raises(StorageError, match="holds no posts"):
        project.publish()
    assert project.feeds() == before
    assert project.publish(is_full=True).posts == 0


def test_a_reorganised_folder_is_no_loss(project):
    project.publish()
    before = ids(project.parsed())
    (project.root / "posts" / "all").mkdir()
    for name in "abcde":
        (project.root / "posts" / f"{name}.md").rename(project.root / "posts" / "all" / f"{name}.md")
    project.publish()
    assert ids(project.parsed()) == before


def test_a_guid_is_the_id(project):
    project.post("f.md", title="己", guid="'https://www.example.com/?p=123'", date="2026-01-06 10:00:00")
    project.post("g.md", title="庚", guid="'123'", source="woshipm", date="2026-01-07 10:00:00")
    project.publish()
    found = ids(project.parsed())
    assert found["己"] == "https://www.example.com/?p=123"
    assert found["庚"].startswith("urn:uuid:")


def test_of_two_posts_with_one_guid_the_smaller_path_is_published(project):
    project.post("z.md", title="原", guid="urn:x:1", date="2026-01-06 10:00:00")
    assert project.publish().posts == 6
    project.post("y.md", title="本", guid="urn:x:1", date="2026-01-06 10:00:00")
    report = project.publish()
    assert report.posts == 6
    assert [(problem.path, problem.rule) for problem in report.skipped] == [("posts/z.md", "duplicate")]
    assert "本" in ids(project.parsed())
    assert "原" not in ids(project.parsed())
    (project.root / "posts" / "y.md").unlink()
    report = project.publish()
    assert not report.skipped
    assert "原" in ids(project.parsed())


def test_two_sources_with_one_guid_are_two_posts_and_the_first_keeps_the_id(project):
    project.post("z.md", title="先", guid="urn:x:1", source="one", date="2026-01-06 10:00:00")
    project.publish()
    project.post("y.md", title="后", guid="urn:x:1", source="two", date="2026-01-07 10:00:00")
    project.publish()
    found = ids(project.parsed())
    assert found["先"] == "urn:x:1"
    assert found["后"] != "urn:x:1"
    shutil.rmtree(project.root / "feeds")
    (project.root / ".feedmill" / "catalog.db").unlink()
    project.publish()
    assert ids(project.parsed()) == found


def test_an_undated_post_is_dated_by_its_file_when_first_seen(project):
    file = project.post("u.md", title="无日期", date=None)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    report = project.publish()
    assert [(problem.path, problem.rule) for problem in report.repaired] == [("posts/u.md", "date")]
    first = next(entry for entry in project.parsed().entries if entry.title == "无日期")
    assert first.published == "2023-11-14T22:13:20+00:00"
    file.write_text(file.read_text().replace("正文", "改过"))
    project.publish()
    again = next(entry for entry in project.parsed().entries if entry.title == "无日期")
    assert (again.published, again.updated, again.id) == (first.published, first.updated, first.id)


def test_bad_posts_are_skipped_with_their_reason_and_the_others_publish(project):
    project.write("bad/unclosed.md", "---\ntitle: x\n")
    project.write("bad/alias.md", "---\ntitle: *x\n---\n")
    project.write("bad/latin.md", "---\ntitle: caf\xe9\n---\n".encode("latin-1"))
    project.write("bad/empty.md", b"")
    project.write("bad/deep.md", "---\ntitle: x\na: " + "[" * 50_000 + "\n---\n")
    project.write("bad/huge.md", b"---\ntitle: x\n---\n" + b"x" * 10_000_000)
    project.write("bad/plain.md", "no front matter\n")
    (project.root / "posts" / "bad" / "out.md").symlink_to("/etc/hostname")
    (project.root / "posts" / "bad" / "folder.md").mkdir()
    report = project.publish()
    assert report.posts == 5
    skipped = {problem.path.removeprefix("posts/bad/"): problem for problem in report.skipped}
    assert set(skipped) == {"unclosed.md", "alias.md", "latin.md", "empty.md", "deep.md", "huge.md", "plain.md", "out.md"}
    assert skipped["alias.md"].line == 2
    assert all(problem.message for problem in skipped.values())
    again = project.publish()
    assert again.skipped == report.skipped
    assert changed(again) == []


def test_a_post_that_breaks_keeps_its_id_when_it_is_mended(project):
    project.publish()
    before = ids(project.parsed())
    good = (project.root / "posts" / "a.md").read_text()
    project.write("a.md", good.replace("---\n\n", "\n"))
    assert len(project.publish().skipped) == 1
    assert "甲" not in ids(project.parsed())
    project.write("a.md", good.replace("2026-01-01", "2026-01-09"))
    project.publish()
    assert ids(project.parsed()) == before


def test_a_damaged_catalog_is_rebuilt_and_nothing_changes(project):
    project.publish()
    before = project.stamps()
    catalog = project.root / ".feedmill" / "catalog.db"
    catalog.write_bytes(b"\0" * 100)
    assert changed(project.publish()) == []
    assert project.stamps() == before


def test_a_feed_of_a_category_that_went_while_the_catalog_was_lost_is_removed(project):
    project.publish()
    (project.root / ".feedmill" / "catalog.db").unlink()
    (project.root / "posts" / "c.md").unlink()
    report = project.publish()
    assert report.removed == ("feeds/财经/atom.xml", "feeds/财经/综述/atom.xml")


def test_flat_categories(tmp_path):
    project = Project(tmp_path, extra="posts:\n  categories: flat\n")
    project.post("a.md", categories="[A, B]")
    assert [feed.category for feed in project.publish().feeds] == ["", "A", "B"]


def test_tag_feeds(tmp_path):
    project = Project(tmp_path, extra="feeds:\n  tags: true\n")
    project.post("a.md", categories="[tags, A]", tags="[红, 绿]")
    report = project.publish()
    assert [feed.category for feed in report.feeds] == ["", "tags", "tags/A", "tags/红", "tags/绿"]
    paths = [feed.path for feed in report.feeds]
    assert paths[3:] == ["feeds/tags/红/atom.xml", "feeds/tags/绿/atom.xml"]
    assert paths[1] != "feeds/tags/atom.xml"


def test_overrides(tmp_path):
    extra = """
feeds:
  overrides:
    A/B: {title: 改名, description: 说明, limit: 1, slug: bee}
    C: {publish: false}
"""
    project = Project(tmp_path, extra=extra)
    for number in range(3):
        project.post(f"{number}.md", categories="[A, B, D]", date=f"2026-01-0{number + 1}")
    project.post("c.md", categories="[C, E]")
    report = project.publish()
    assert {feed.path: feed.entries for feed in report.feeds} == {
        "feeds/atom.xml": 4,
        "feeds/A/atom.xml": 3,
        "feeds/A/bee/atom.xml": 1,
        "feeds/A/bee/D/atom.xml": 3,
        "feeds/C/E/atom.xml": 1,
    }
    feed = project.parsed("A/bee/atom.xml").feed
    assert (feed.title, feed.subtitle) == ("改名", "说明")
    plain = Project(tmp_path)
    feed_id = feed.id
    report = plain.publish()
    assert "feeds/A/bee/atom.xml" in report.removed
    assert plain.parsed("A/B/atom.xml").feed.id == feed_id


def test_names_that_clash_go_by_who_came_first(tmp_path):
    project = Project(tmp_path)
    project.post("1.md", title="1", categories="[news]")
    project.publish()
    project.post("0.md", title="0", categories="[News]")
    project.post("2.md", title="2", categories="['..', 'a/b']")
    report = project.publish()
    paths = {feed.category: feed.path for feed in report.feeds}
    assert paths["news"] == "feeds/news/atom.xml"
    assert paths["News"].startswith("feeds/News-")
    assert paths["../a%2Fb"].count("/") == 3
    assert ".." not in paths["../a%2Fb"].split("/")
    before = project.feeds()
    (project.root / ".feedmill" / "catalog.db").unlink()
    assert changed(project.publish()) == []
    assert project.feeds() == before


def test_a_long_category_path_stays_within_the_limits_of_a_file_system(tmp_path):
    project = Project(tmp_path)
    project.post("1.md", categories="[" + ", ".join("长" * 100 + str(number) for number in range(40)) + "]")
    assert len(project.publish().feeds) == 17


def test_the_permalink_template(tmp_path):
    project = Project(tmp_path, extra='posts:\n  permalink: "{url}{year}/{month}/{day}/{slug}/"\n')
    project.post("2026-01-01-hello world.md", title="1", date="2026-01-02 03:04:05")
    project.post("own.md", title="2", permalink="/about/", date="2026-01-01")
    project.publish()
    assert [entry.link for entry in project.parsed().entries] == [
        "https://news.example.org/2026/01/02/hello%20world/",
        "https://news.example.org/about/",
    ]


def test_summaries_only(tmp_path):
    project = Project(tmp_path, extra="feeds:\n  content: summary\n")
    project.post("1.md", body="<p>全文<b>在此</b></p>")
    project.publish()
    entry = project.parsed().entries[0]
    assert entry.summary == "全文在此"
    assert "content" not in entry


FORMATS = "feeds:\n  formats: [{}]\n"


def test_every_feed_is_written_in_every_format(tmp_path):
    project = Project(tmp_path, extra=FORMATS.format("atom, rss, json"))
    project.post("1.md", title="甲", categories="[科技, 数码]")
    report = project.publish()
    folders = ("", "科技/", "科技/数码/")
    assert set(project.feeds()) == {f"{folder}{name}" for folder in folders for name in ("atom.xml", "rss.xml", "feed.json")}
    assert {(feed.path, feed.category, feed.entries, feed.changed) for feed in report.feeds} == {
        (f"feeds/{folder}{name}", folder.rstrip("/"), 1, True) for folder in folders for name in ("atom.xml", "rss.xml", "feed.json")
    }
    assert not any(feed.changed for feed in project.publish().feeds)


def test_a_format_comes_and_goes_and_the_others_stay_untouched(tmp_path):
    project = Project(tmp_path)
    project.post("1.md", categories="[科技]")
    project.publish()
    before = project.feeds()
    both = Project(tmp_path, extra=FORMATS.format("json, atom"))
    assert sum(feed.changed for feed in both.publish().feeds) == 2
    assert {name: data for name, data in both.feeds().items() if name in before} == before
    report = Project(tmp_path, extra=FORMATS.format("json")).publish()
    assert report.removed == ("feeds/atom.xml", "feeds/科技/atom.xml")
    assert {feed.path for feed in report.feeds} == {"feeds/feed.json", "feeds/科技/feed.json"}


def test_a_post_that_goes_leaves_every_format(tmp_path):
    project = Project(tmp_path, extra=FORMATS.format("atom, rss, json"))
    project.post("1.md", title="留下", categories="[科技]")
    project.post("2.md", title="离开", categories="[财经]").unlink()
    project.post("2.md", title="离开", categories="[财经]")
    project.publish()
    (tmp_path / "posts" / "2.md").unlink()
    report = project.publish()
    assert report.removed == tuple(f"feeds/财经/{name}" for name in ("atom.xml", "feed.json", "rss.xml"))
    assert not any("离开".encode() in data for data in project.feeds().values())


def test_the_clock_is_only_asked_for_the_future(project):
    project.publish(now=datetime(2026, 5, 1, tzinfo=UTC))
    before = project.feeds()
    (project.root / ".feedmill" / "catalog.db").unlink()
    shutil.rmtree(project.root / "feeds")
    project.publish(now=datetime(2036, 5, 1, tzinfo=UTC))
    assert project.feeds() == before


def test_ids_stay_when_everything_is_read_anew(project):
    """A new time zone moves dates without one; a file may move in the very run that reads all."""
    project.publish()
    before = ids(project.parsed())
    (project.root / "posts" / "a.md").rename(project.root / "posts" / "moved.md")
    other = Project(project.root)
    other.extra = "feeds: {limit: 20}\n"
    other.publish()
    assert ids(other.parsed()) == before
    (project.root / "posts" / "b.md").rename(project.root / "posts" / "moved-too.md")
    other.publish(is_full=True)
    assert ids(other.parsed()) == before


def test_another_time_zone_changes_no_id(project):
    project.publish()
    before = ids(project.parsed())
    project.base = project.base.replace("Asia/Shanghai", "Europe/Berlin")
    project.publish()
    assert ids(project.parsed()) == before


def cut_short(project):
    """Leave the mark of a run that was killed."""
    memory = DatabaseMemory(project.config.state_path)
    memory.note("run", "unfinished", "yes")
    memory.commit()
    memory.close()


def test_what_a_killed_run_left_behind_is_swept(project):
    project.publish()
    left = project.root / ".feedmill" / ".feedmill-0123456789abcdef.tmp"
    left.mkdir()
    (left / "4711").write_bytes(b"x")
    (project.root / "feeds" / "科技" / ".feedmill-0123456789abcdef.tmp").write_bytes(b"x")
    (project.root / "posts" / ".feedmill-0123456789abcdef.tmp").write_bytes(b"x")
    cut_short(project)
    project.publish()
    assert not list(project.root.rglob("*.tmp"))


def test_hugos_section_pages_are_no_posts(project):
    project.write("_index.md", "---\ntitle: Section\n---\n")
    assert project.publish().posts == 5


def test_a_later_source_of_a_known_guid_takes_no_id_away(project):
    project.post("y.md", title="先", guid="urn:x:1", source="zzz", date="2026-01-06 10:00:00")
    project.publish()
    project.post("a/a.md", title="后", guid="urn:x:1", source="aaa", date="2026-01-07 10:00:00")
    project.publish()
    assert ids(project.parsed())["先"] == "urn:x:1"
    assert ids(project.parsed())["后"].startswith("urn:uuid:")


def test_folders_stay_whatever_else_is_overridden(tmp_path):
    extra = "feeds:\n  overrides:\n    news: {title: 新闻}\n    hidden: {publish: false}\n"
    project = Project(tmp_path, extra=extra)
    project.post("1.md", title="1", categories="[news]")
    project.post("2.md", title="2", categories="[hidden, x]")
    project.publish()
    before = {feed.category: feed.path for feed in project.publish().feeds}
    project.post("0.md", title="0", categories="[News]")
    project.post("00.md", title="00", categories="[Hidden]")
    (tmp_path / ".feedmill" / "catalog.db").unlink()
    after = {feed.category: feed.path for feed in project.publish(is_full=True).feeds}
    assert {category: after[category] for category in before} == before


def test_a_name_may_hold_what_stands_for_a_slash(tmp_path):
    project = Project(tmp_path)
    project.post("1.md", categories="['a%2Fb']")
    project.post("2.md", categories="['a/b']")
    project.post("3.md", categories="[a, b]")
    feeds = project.publish().feeds
    assert [feed.category for feed in feeds] == ["", "a", "a/b", "a%252Fb", "a%2Fb"]
    assert len({feed.path for feed in feeds}) == 5


def test_a_category_that_empties_while_another_is_published_goes_with_the_next_run(project):
    project.publish()
    (project.root / "posts" / "c.md").unlink()
    project.publish("生活")
    assert (project.root / "feeds" / "财经" / "atom.xml").exists()
    assert project.publish().removed == ("feeds/财经/atom.xml", "feeds/财经/综述/atom.xml")


def test_a_run_that_was_killed_after_it_wrote_a_feed_leaves_no_orphan(project):
    """Killed when the new feed was in its place, then the post went away."""
    project.publish()
    catalog = (project.root / ".feedmill" / "catalog.db").read_bytes()
    project.post("new.md", categories="[新]")
    project.publish()
    (project.root / ".feedmill" / "catalog.db").write_bytes(catalog)
    cut_short(project)
    (project.root / "posts" / "new.md").unlink()
    report = project.publish()
    assert "feeds/新/atom.xml" in report.removed
    assert not (project.root / "feeds" / "新").exists()


def test_a_new_post_at_a_remembered_path_has_an_id_of_its_own(project):
    project.publish()
    before = ids(project.parsed())["甲"]
    (project.root / "posts" / "a.md").rename(project.root / "posts" / "moved.md")
    project.publish()
    (project.root / "posts" / "moved.md").unlink()
    project.publish()
    project.post("moved.md", title="另一篇", date="2026-03-03")
    project.publish()
    assert ids(project.parsed())["另一篇"] != before


def test_lost_memory_costs_no_folder_and_no_id(tmp_path):
    project = Project(tmp_path)
    project.post("1.md", title="1", categories="[b]")
    project.publish()
    before = project.feeds()["b/atom.xml"]
    (tmp_path / ".feedmill" / "state.db").unlink()
    project.post("2.md", title="2", categories="[B]")
    paths = {feed.category: feed.path for feed in project.publish().feeds}
    assert paths["b"] == "feeds/b/atom.xml"
    assert paths["B"].startswith("feeds/B-")
    project.publish(is_full=True)
    assert project.feeds()["b/atom.xml"] == before


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_file_at_a_feeds_place_is_left_alone(project, kind):
    place = project.root / "feeds" / "科技" / "atom.xml"
    place.parent.mkdir(parents=True)
    {"folder": place.mkdir, "pipe": lambda: os.mkfifo(place), "link": lambda: place.symlink_to("nowhere")}[kind]()
    report = project.publish()
    assert [(problem.path, problem.rule) for problem in report.skipped] == [("feeds/科技/atom.xml", "foreign")]
    assert len(changed(report)) == 7


def test_a_draft_may_be_unfinished(project):
    project.post("f.md", title=None, date=None, draft="true")
    report = project.publish()
    assert report.repaired == ()
    project.post("g.md", title="隐", status="hidden")
    assert project.publish().posts == 5
