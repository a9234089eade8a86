"""Categories that are renamed, removed and come back: what is remembered of their files, and whose id their feeds have."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedmill.errors import StorageError
from feedmill.state.memory import DatabaseMemory
from sites import Project, changed


def memory(project: Project) -> contextlib.closing[DatabaseMemory]:
    return contextlib.closing(DatabaseMemory(project.config.state_path))


def moved(project: Project) -> dict[str, str]:
    """What is remembered of files that are no more, without "/atom.xml"."""
    with memory(project) as opened:
        found = opened.recall_all("moved")
    return {file.removesuffix("/atom.xml"): target.removesuffix("/atom.xml") for file, target in found.items()}


def arrows(text: str) -> dict[str, str]:
    """Moves as "A>B C>" (the last one is gone)."""
    return dict(part.split(">") for part in text.split())


def feed_ids(project: Project) -> dict[str, str]:
    """Feed ids by folder, of the files that stand there."""
    return {file.rpartition("/")[0]: project.parsed(file).feed.id for file in project.feeds()}


def write(project: Project, posts: dict[str, str]) -> None:
    """Make the posts these and no others: categories by name, "A/x,B" for A/x and B; "!" a draft, "?" one that cannot be read."""
    folder = project.root / "posts"
    for file in folder.rglob("*.md"):
        if file.stem not in posts and file.parent.name != "fixed":
            file.unlink()
    for number, (name, categories) in enumerate(sorted(posts.items()), start=1):
        paths = [f"[{path.replace('/', ', ')}]" for path in categories.strip("!?").split(",")]
        draft = {"draft": "true"} if categories.endswith("!") else {}
        project.post(f"{name}.md", title=name, date=f"2026-01-{number:02d}", categories=f"[{', '.join(paths)}]", **draft)
        if categories.endswith("?"):
            (folder / f"{name}.md").write_text("---\ntitle: x\n")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    for number in range(4):  # never more than half of the posts may go
        project.post(f"fixed/{number}.md", title=f"定{number}", categories="[F]", date=f"2025-01-0{number + 1}")
    return project


def posts(text: str) -> dict[str, str]:
    """Posts as "1:A/x,B 2:C"."""
    return dict(part.split(":") for part in text.split())


#: before, after, what is remembered, and which feeds have the id of which before (None: of all that are followed).
RENAMES = {
    "renamed": ("1:A 2:A", "1:B 2:B", "A>B", None),
    "with-all-below": ("1:A/x 2:A/y", "1:B/x 2:B/y", "A>B A/x>B/x A/y>B/y", None),
    "a-parent-with-one-child": ("1:A/x 2:A/x", "1:B/x 2:B/x", "A>B A/x>B/x", None),
    "a-child": ("1:A/x 2:A/y", "1:A/z 2:A/y", "A/x>A/z", None),
    "below-another": ("1:A/x 2:C", "1:C/A/x 2:C", "A>C/A A/x>C/A/x", None),
    "of-two-that-a-post-stands-in": ("1:A,C 2:A", "1:B,C 2:B", "A>B", None),
    "two-at-once": ("1:A 2:B", "1:C 2:D", "A>C B>D", None),
    "by-its-case-alone": ("1:news", "1:News", "news>News-ba8857ea", None),
    "into-one-that-is-there": ("1:A 2:B", "1:B 2:B", "A>", ""),
    "in-part": ("1:A 2:A", "1:B 2:A", "", ""),
    "with-a-post-more": ("1:A", "1:B 2:B", "A>", ""),
    "with-a-post-less": ("1:A 2:A", "1:B", "A>", ""),
    "with-another-post": ("1:A", "2:B", "A>", ""),
    "split": ("1:A 2:A", "1:B 2:C", "A>", ""),
    "joined": ("1:A 2:B", "1:C 2:C", "A> B>", ""),
    "exchanged": ("1:A 2:B", "1:B 2:A", "", ""),
    "removed": ("1:A/x", "", "A> A/x>", ""),
    "only-drafts-are-left": ("1:A", "1:A!", "A>", ""),
    "no-post-can-be-read": ("1:A 2:C", "1:A? 2:C", "", ""),
    "one-post-can-no-longer-be-read": ("1:A 2:A", "1:B 2:B?", "", ""),
    "without-categories": ("1:A", "1:F", "A>", ""),
}


def publish_anew(project: Project) -> None:
    project.publish(is_full=True)


def publish_with_another_configuration(project: Project) -> None:
    project.extra = "feeds: {limit: 20}\n"
    project.publish()


def publish_after_a_run_was_cut_short(project: Project) -> None:
    cut_short(project)
    project.publish()


def publish_in_parts(project: Project) -> None:
    project.publish("F")
    project.publish()


@pytest.mark.parametrize(("before", "after", "remembered", "heirs"), RENAMES.values(), ids=RENAMES)
def test_what_a_run_remembers(project: Project, before: str, after: str, remembered: str, heirs: str | None) -> None:
    story(project, before)
    old_ids = feed_ids(project)
    story(project, after)
    assert moved(project) == arrows(remembered)
    ids = feed_ids(project)
    for old, new in arrows(remembered if heirs is None else heirs).items():
        assert ids[new] == old_ids[old]
        assert old not in ids
    assert len(set(ids.values())) == len(ids)
    assert {new: feed_id for new, feed_id in ids.items() if new in old_ids} == {old: old_ids[old] for old in ids if old in old_ids}
    settled(project)


WAYS = [publish_anew, publish_with_another_configuration, publish_after_a_run_was_cut_short, publish_in_parts]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["with-all-below", "a-parent-with-one-child", "in-part", "removed", "no-post-can-be-read"])
def test_whatever_way_it_runs(project: Project, way: Callable[[Project], None], name: str) -> None:
    before, after, remembered, heirs = RENAMES[name]
    story(project, before)
    old_ids = feed_ids(project)
    write(project, posts(after))
    way(project)
    assert moved(project) == arrows(remembered)
    ids = feed_ids(project)
    for old, new in arrows(remembered if heirs is None else heirs).items():
        assert ids[new] == old_ids[old]
    feeds = project.feeds()
    assert changed(project.publish(is_full=True)) == []
    assert (project.feeds(), moved(project)) == (feeds, arrows(remembered))


def cut_short(project: Project) -> None:
    """Leave the mark of a run that was killed."""
    with memory(project) as opened:
        opened.note("run", "unfinished", "yes")
        opened.commit()


def settled(project: Project) -> None:
    """Nothing is left to do, and whatever way the feeds are made, they are the same, and so is what is remembered."""
    feeds, remembered = project.feeds(), moved(project)
    assert changed(project.publish()) == []
    full = project.publish(is_full=True)
    assert (changed(full), full.removed, project.feeds(), moved(project)) == ([], (), feeds, remembered)
    for file in (project.root / ".feedmill").glob("catalog.db*"):
        file.unlink()
    rebuilt = project.publish()
    assert (changed(rebuilt), rebuilt.removed, project.feeds(), moved(project)) == ([], (), feeds, remembered)


def story(project: Project, *chapters: str) -> None:
    """Publish posts as they change."""
    for chapter in chapters:
        write(project, posts(chapter))
        project.publish()


STORIES = {
    "a-chain": (["1:A", "1:B", "1:C"], "A>C B>C"),
    "a-chain-of-trees": (["1:A/x", "1:B/x", "1:B/y", "1:C/y"], "A>C B>C A/x>C/y B/x>C/y B/y>C/y"),
    "a-chain-that-ends": (["1:A", "1:B", "2:C"], "A> B>"),
    "back": (["1:A", "1:B", "1:A"], "B>A"),
    "back-and-forth": (["1:A", "1:B", "1:A", "1:B"], "A>B"),
    "round": (["1:A", "1:B", "1:C", "1:A"], "B>A C>A"),
    "back-with-other-posts": (["1:A", "1:B", "1:B 2:A"], ""),
    "back-after-it-was-gone": (["1:A", "2:C", "2:C 1:A"], ""),
    "renamed-to-one-that-was-gone": (["1:A 2:B", "1:A", "1:B"], "A>B"),
    "back-and-gone": (["1:A", "1:B", "1:B 2:A", "1:B"], "A>"),
    "back-and-renamed": (["1:A", "1:B", "1:B 2:A", "1:B 2:D"], "A>D"),
}


@pytest.mark.parametrize(("chapters", "remembered"), STORIES.values(), ids=STORIES)
def test_what_a_story_leaves(project: Project, chapters: list[str], remembered: str) -> None:
    story(project, *chapters)
    assert moved(project) == arrows(remembered)
    ids = feed_ids(project)
    assert len(set(ids.values())) == len(ids)
    settled(project)


def test_an_id_goes_all_the_way_and_back(project: Project) -> None:
    story(project, "1:A 2:A")
    feed_id = feed_ids(project)["A"]
    for name in ("B", "C", "A", "D"):
        story(project, f"1:{name} 2:{name}")
        assert feed_ids(project)[name] == feed_id
    story(project, "1:D 2:D 3:A")
    ids = feed_ids(project)
    assert (ids["D"], ids["A"] != feed_id) == (feed_id, True)


def test_posts_that_move_with_their_category_are_known_by_their_ids(project: Project) -> None:
    for number in range(3):
        project.post(f"A/{number}.md", title=f"甲{number}", categories="[A]", date=f"2026-02-0{number + 1}")
        project.post(f"A/guid{number}.md", title=f"乙{number}", categories="[A]", guid=f"urn:x:{number}")
    project.publish()
    feed_id = feed_ids(project)["A"]
    (project.root / "posts" / "A").rename(project.root / "posts" / "B")
    for file in (project.root / "posts" / "B").iterdir():
        file.write_text(file.read_text().replace("[A]", "[B]"))
    project.publish()
    assert moved(project) == {"A": "B"}
    assert feed_ids(project)["B"] == feed_id


OVERRIDES = {
    "a-slug": ("", "A: {slug: bee}", "A>bee A/x>bee/x"),
    "another-slug": ("A: {slug: bee}", "A: {slug: cee}", "bee>cee bee/x>cee/x"),
    "no-slug": ("A: {slug: bee}", "", "bee>A bee/x>A/x"),
    "a-slug-below": ("", "A/x: {slug: ex}", "A/x>A/ex"),
    "not-published": ("", "A: {publish: false}", "A>"),
    "published-again": ("A: {publish: false}", "A: {publish: true}", ""),
    "a-title": ("", "A: {title: Nice}", ""),
    "slugs-that-change-places": ("A: {slug: a}, C: {slug: c}", "A: {slug: c}, C: {slug: a}", "a/x>c/x"),
    "a-slug-that-another-had": ("A: {slug: a}, C: {slug: c}", "A: {slug: c}, C: {slug: d}", "a>c a/x>c/x"),
}


@pytest.mark.parametrize(("before", "after", "remembered"), OVERRIDES.values(), ids=OVERRIDES)
def test_another_folder_of_the_same_category(project: Project, before: str, after: str, remembered: str) -> None:
    write(project, posts("1:A/x 2:A 3:C"))
    project.extra = f"feeds: {{overrides: {{{before}}}}}\n"
    project.publish()
    titles = {project.parsed(file).feed.title: project.parsed(file).feed.id for file in project.feeds()}
    project.extra = f"feeds: {{overrides: {{{after}}}}}\n"
    project.publish()
    assert moved(project) == arrows(remembered)
    for file in project.feeds():
        feed = project.parsed(file).feed
        assert titles.get(feed.title, feed.id) == feed.id, "a feed keeps its id whatever its folder"
    feeds = project.feeds()
    assert changed(project.publish(is_full=True)) == []
    assert (project.feeds(), moved(project)) == (feeds, arrows(remembered))


def test_slugs_and_renames_make_one_chain(project: Project) -> None:
    story(project, "1:A")
    project.extra = "feeds: {overrides: {A: {slug: bee}}}\n"
    story(project, "1:A", "1:C")
    project.extra = "feeds: {overrides: {C: {slug: dee}}}\n"
    story(project, "1:C")
    assert moved(project) == {"A": "dee", "bee": "dee", "C": "dee"}
    project.extra = "feeds: {overrides: {C: {publish: false}}}\n"
    story(project, "1:C")
    assert moved(project) == {"A": "", "bee": "", "C": "", "dee": ""}


def test_a_category_that_takes_its_slug_along_keeps_file_and_id(project: Project) -> None:
    project.extra = "feeds: {overrides: {A: {slug: bee}}}\n"
    story(project, "1:A")
    feed_id = feed_ids(project)["bee"]
    project.extra = "feeds: {overrides: {B: {slug: bee}}}\n"
    write(project, posts("1:B"))
    report = project.publish()
    assert (report.removed, moved(project), feed_ids(project)["bee"]) == ((), {}, feed_id)


def test_tags(project: Project) -> None:
    project.extra = "feeds: {tags: true}\n"
    project.post("1.md", categories="[C]", tags="[a]")
    project.publish()
    feed_id = feed_ids(project)["tags/a"]
    project.post("1.md", categories="[C]", tags="[b]")
    project.publish()
    assert (moved(project), feed_ids(project)["tags/b"]) == ({"tags/a": "tags/b"}, feed_id)
    project.extra = ""
    project.publish()
    assert moved(project) == {"tags/a": "", "tags/b": ""}


def test_posts_to_come_and_posts_beyond_the_window_count(project: Project) -> None:
    project.extra = "feeds: {limit: 1}\n"
    write(project, posts("1:A 2:A"))
    project.post("3.md", categories="[A]", date="2026-09-09")
    project.publish()
    write(project, posts("1:B 2:B"))
    project.post("3.md", categories="[C]", date="2026-09-09")
    project.publish()
    assert moved(project) == {"A": ""}


def test_a_category_whose_posts_are_all_to_come_is_not_gone(project: Project) -> None:
    story(project, "1:A")
    project.post("1.md", title="1", categories="[A]", date="2026-09-09")
    assert project.publish().removed == ("feeds/A/atom.xml",)
    assert moved(project) == {}


def test_while_only_others_are_published_the_old_file_stays(project: Project) -> None:
    story(project, "1:A 2:A")
    feed_id = feed_ids(project)["A"]
    write(project, posts("1:B 2:B"))
    project.publish("F")
    assert feed_ids(project).keys() >= {"A", "F"}
    assert moved(project) == {"A": "B"}
    write(project, posts("1:A 2:A"))
    project.publish("F")
    assert moved(project) == {"B": "A"}
    project.publish()
    assert feed_ids(project)["A"] == feed_id
    settled(project)


def test_an_old_file_that_still_waits_is_not_taken_for_one_that_is_gone(project: Project) -> None:
    story(project, "1:A 2:A")
    write(project, posts("1:B 2:B"))
    project.publish("F")
    project.publish(is_full=True)
    assert moved(project) == {"A": "B"}
    assert "A" not in feed_ids(project)


def test_a_dry_run_remembers_nothing(project: Project) -> None:
    story(project, "1:A")
    state = project.config.state_path.read_bytes()
    write(project, posts("1:B"))
    assert project.publish(is_dry=True).removed == ("feeds/A/atom.xml",)
    assert (project.config.state_path.read_bytes(), moved(project)) == (state, {})


def test_after_the_catalog_was_lost_what_went_is_gone(project: Project) -> None:
    story(project, "1:A/x 2:C")
    for file in (project.root / ".feedmill").glob("catalog.db*"):
        file.unlink()
    write(project, posts("1:B/x 2:C"))
    project.publish()
    assert moved(project) == {"A": "", "A/x": ""}
    settled(project)


def test_after_the_catalog_was_lost_what_is_remembered_stays(project: Project) -> None:
    story(project, "1:A", "1:B")
    for file in (project.root / ".feedmill").glob("catalog.db*"):
        file.unlink()
    story(project, "1:B", "1:C")
    assert moved(project) == {"A": "C", "B": "C"}


def test_after_the_catalog_was_lost_an_id_that_was_inherited_stays_where_it_is(project: Project) -> None:
    story(project, "1:A", "1:B")
    ids = feed_ids(project)
    for file in (project.root / ".feedmill").glob("catalog.db*"):
        file.unlink()
    story(project, "1:B 2:A")
    after = feed_ids(project)
    assert after["B"] == ids["B"] != after["A"]
    assert moved(project) == {}


def test_after_memory_was_lost_no_id_is_had_twice(project: Project) -> None:
    story(project, "1:A", "1:B")
    feed_id = feed_ids(project)["B"]
    for file in (project.root / ".feedmill").glob("state.db*"):
        file.unlink()
    story(project, "1:B 2:A")
    ids = feed_ids(project)
    assert ids["B"] == feed_id != ids["A"]
    settled(project)


# Killed in between: the databases and feeds of before beside the memory of after.


class Killed:
    """A project whose run is ended after some of its steps."""

    def __init__(self, project: Project, *, undo: tuple[str, ...]) -> None:
        self._kept = {name: project.root / f"kept-{name}" for name in undo}
        for name, kept in self._kept.items():
            place = self._place(project, name)
            (shutil.copytree if place.is_dir() else shutil.copy2)(place, kept)
        project.publish()
        for name, kept in self._kept.items():
            place = self._place(project, name)
            if place.is_dir():
                shutil.rmtree(place)
            for file in place.parent.glob(f"{place.name}-*"):
                file.unlink()
            kept.rename(place)
        cut_short(project)

    @staticmethod
    def _place(project: Project, name: str) -> Path:
        return project.root / "feeds" if name == "feeds" else project.config.catalog_path


@pytest.mark.parametrize("undo", [("catalog", "feeds"), ("feeds",)], ids=["memory-alone", "memory-and-catalog"])
def test_a_run_that_is_killed_before_the_feeds_change_is_made_up_for(project: Project, undo: tuple[str, ...]) -> None:
    story(project, "1:A/x 2:A/y")
    ids = feed_ids(project)
    write(project, posts("1:B/x 2:B/y"))
    Killed(project, undo=undo)
    assert moved(project) == arrows("A>B A/x>B/x A/y>B/y"), "before the files go"
    assert set(feed_ids(project)) >= {"A", "A/x", "A/y"}
    project.publish()
    assert moved(project) == arrows("A>B A/x>B/x A/y>B/y")
    after = feed_ids(project)
    assert {new: after[new] for new in ("B", "B/x", "B/y")} == {f"B{old[1:]}": ids[old] for old in ("A", "A/x", "A/y")}
    settled(project)


@pytest.mark.parametrize("undo", [("catalog", "feeds"), ("feeds",)], ids=["memory-alone", "memory-and-catalog"])
def test_a_run_that_was_killed_and_then_is_meant_no_longer(project: Project, undo: tuple[str, ...]) -> None:
    story(project, "1:A 2:A")
    ids = feed_ids(project)
    write(project, posts("1:B 2:B"))
    Killed(project, undo=undo)
    write(project, posts("1:A 2:A"))
    project.publish()
    assert "A" not in moved(project)
    assert feed_ids(project) == ids
    write(project, posts("1:A 2:A 3:B"))
    project.publish()
    assert len(set(feed_ids(project).values())) == len(feed_ids(project))
    settled(project)


def test_a_run_that_fails_has_changed_no_id_and_moved_nothing(project: Project) -> None:
    story(project, "1:A")
    ids = feed_ids(project)
    write(project, posts("1:B"))
    (project.root / "feeds" / "B").write_text("a file where a folder is needed")
    with pytest.raises(StorageError):
        project.publish()
    assert moved(project) == {}
    write(project, posts("1:A"))
    (project.root / "feeds" / "B").unlink()
    project.publish()
    assert (feed_ids(project), moved(project)) == (ids, {})


# Any story

NAMES = ["A", "B", "C", "A/x", "A/y", "B/x", "C/A", "A,B"]
CHAPTERS = st.lists(
    st.one_of(
        st.tuples(st.just("rename"), st.sampled_from("ABCx"), st.sampled_from("ABCx")),
        st.tuples(st.just("file"), st.sampled_from("123"), st.sampled_from(NAMES)),
        st.tuples(st.just("remove"), st.sampled_from("123")),
        st.tuples(st.just("publish"), st.sampled_from([(), ("F",)])),
        st.tuples(st.just("cut short")),
    ),
    min_size=2,
    max_size=10,
)


@given(CHAPTERS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_any_story_every_address_that_is_no_more_leads_to_a_feed_or_is_gone(chapters) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        for number in range(4):
            project.post(f"fixed/{number}.md", title=f"定{number}", categories="[F]", date=f"2025-01-0{number + 1}")
        filed = {"1": "A/x", "2": "A/y", "3": "B"}
        seen: set[str] = set()
        for kind, *facts in [*chapters, ("publish", ())]:
            if kind == "rename":
                filed = {post: "/".join(facts[1] if name == facts[0] else name for name in path.split("/")) for post, path in filed.items()}
            elif kind == "file":
                filed[facts[0]] = facts[1]
            elif kind == "remove":
                filed.pop(facts[0], None)
            elif kind == "cut short":
                cut_short(project)
            else:
                write(project, filed)
                project.publish(*facts[0])
                seen |= feed_ids(project).keys()
        ids, remembered = feed_ids(project), moved(project)
        assert len(set(ids.values())) == len(ids)
        assert not remembered.keys() & ids.keys()
        assert set(remembered.values()) - {""} <= ids.keys()
        assert seen - ids.keys() <= remembered.keys(), "nothing that was published is forgotten"
        settled(project)
