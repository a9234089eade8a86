"""Entry ids are permanent: through moves, renames, edits and copies, and never two posts with one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from feedmill.posts.ids import (
    Claimant,
    Settlement,
    Sighting,
    assign_ids,
    id_from_guid,
    id_from_path,
    name_based,
    settle_claim,
)
from feedmill.urls import is_absolute_uri

#: Posts hold no lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
DAY, NEXT_DAY = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


@dataclass(frozen=True)
class Content:
    """What stands in a file."""

    digest: str
    title: str = "题"
    date: str = DAY


Folder = Mapping[str, Content]


def sighting(path: str, content: Content, entry_id: str = "") -> Sighting:
    return Sighting(path, content.digest, content.title, content.date, entry_id, fresh=id_from_path(path, content.date))


def run(before: Folder, ids: Mapping[str, str], after: Folder, memory: dict[str, str] | None = None) -> dict[str, str]:
    """Return the ids of the folder `after`, which was `before` when its posts bore `ids`: what a publish with a catalog does."""
    return run_over({path for path in after if after[path] != before.get(path)}, before, ids, after, memory)


def run_over(
    changed: Collection[str], before: Folder, ids: Mapping[str, str], after: Folder, memory: dict[str, str] | None = None
) -> dict[str, str]:
    """As `run`, reading the posts at `changed` and no others: all of them in a full publish."""
    memory = {} if memory is None else memory
    changed = set(changed)
    vanished = before.keys() - after.keys()
    outside = {entry_id for path, entry_id in ids.items() if path not in changed | vanished}
    assigned = assign_ids(
        [sighting(path, after[path]) for path in changed],
        {path: sighting(path, before[path], ids[path]) for path in before.keys() & (changed | vanished)},
        vanished,
        recall=memory.get,
        taken=outside.__contains__,
    )
    assert assigned.keys() == changed
    for path, entry_id in assigned.items():
        if entry_id != id_from_path(path, after[path].date) or path in memory:
            memory[path] = entry_id
    return {path: assigned[path] if path in changed else ids[path] for path in after}


def first_ids(folder: Folder) -> dict[str, str]:
    return run({}, {}, folder)


A, B, C = Content("a", "甲", DAY), Content("b", "乙", NEXT_DAY), Content("c", "丙", "")


# what the values are


def test_ids_are_for_good() -> None:
    """Subscribers hold these: a release that changes one shows every post as new."""
    assert id_from_path("a.md", DAY) == "urn:uuid:0a39fb1c-0b86-5a66-99d8-1ffc535d70f5"
    assert id_from_path("新闻/一.md", "") == "urn:uuid:9a64ea06-c547-5a63-8f62-a24fe029ffc2"
    assert id_from_guid("12345", "woshipm") == "urn:uuid:67a8cd09-2f66-504e-9287-62401ee2e5c7"


@given(parts=st.lists(TEXT, max_size=3))
def test_names_make_uuids_of_version_5(parts: list[str]) -> None:
    namespace = UUID("0b5c3a52-0a53-5e0e-9d6b-6d2f0f5f3c11")
    assert name_based(*parts) == f"urn:uuid:{uuid5(namespace, chr(0).join(parts))}"


@pytest.mark.parametrize(
    ("guid", "expected"),
    [
        ("https://example.com/?p=123", "https://example.com/?p=123"),
        ("HTTPS://Example.COM", "https://example.com/"),
        ("http://example.com/%E4%B8%AD", "http://example.com/%E4%B8%AD"),
        ("urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a", "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a"),
        ("tag:example.com,2021:a/b", "tag:example.com,2021:a/b"),
        ("TAG:example.com,2021:A", "TAG:example.com,2021:A"),
    ],
    ids=["http", "capitals", "escapes", "urn", "tag", "case of others"],
)
def test_a_guid_that_is_a_uri_is_the_id(guid: str, expected: str) -> None:
    assert id_from_guid(guid, "a") == id_from_guid(guid, "b") == expected


@pytest.mark.parametrize(
    "guid",
    [
        "12345",
        "http://例子.中国/中",
        "http://a b/",
        "https://example.com/ ",
        "/relative",
        "http:",
        "http://",
        "http://a,b/1",
        "http://[1]/",
        "http://[::zz]/",
        "http://example.com:99999/",
        "https://example.com/" + "x" * 800,
    ],
    ids=lambda guid: guid[:30],
)
def test_any_other_guid_is_named_by_its_source(guid: str) -> None:
    assert id_from_guid(guid, "a") == name_based("guid", "a", guid)
    assert id_from_guid(guid, "a") != id_from_guid(guid, "b")


GUIDS = st.one_of(
    TEXT,
    st.from_regex(r"https?://[a-z0-9.,!:@%\[\]\-_]{0,12}(/[a-z0-9%?#&=]{0,8})?", fullmatch=True),
    st.from_regex(r"[a-z]{1,6}:[!-~]{0,20}", fullmatch=True),
)


@settings(max_examples=300)
@given(guid=GUIDS, source=TEXT)
@example("http://a,b/1", "s")
def test_every_guid_gives_an_ascii_uri(guid: str, source: str) -> None:
    entry_id = id_from_guid(guid, source)
    assert entry_id.isascii()
    assert is_absolute_uri(entry_id)
    assert id_from_guid(guid, source) == entry_id
    assert id_from_guid(entry_id, "another") == entry_id  # `check --write-ids` writes it into the file


# assign_ids: any input

PATHS = [f"{name}.md" for name in "abcdef"]
SIGHTINGS = {"digest": st.sampled_from("1234"), "title": st.sampled_from("甲乙"), "date": st.sampled_from(["", DAY, NEXT_DAY])}
SOME_IDS = [id_from_path(path, DAY) for path in PATHS] + ["urn:x:1", "urn:x:2"]


@settings(max_examples=150)
@given(data=st.data())
def test_every_post_found_gets_exactly_one_id_and_no_two_the_same(data: st.DataObject) -> None:
    paths = data.draw(st.lists(st.sampled_from(PATHS), unique=True))
    known_paths = data.draw(st.lists(st.sampled_from(PATHS), unique=True))
    bearing = data.draw(st.permutations(SOME_IDS))
    known = {
        path: data.draw(st.builds(Sighting, path=st.just(path), **SIGHTINGS, id=st.sampled_from(["", entry_id]), fresh=st.just("")))
        for path, entry_id in zip(known_paths, bearing, strict=False)
    }
    found = [data.draw(st.builds(Sighting, path=st.just(path), **SIGHTINGS, id=st.just(""), fresh=st.just(""))) for path in paths]
    vanished = [path for path in known if path not in paths]
    memory = data.draw(st.dictionaries(st.sampled_from(PATHS), st.sampled_from(SOME_IDS)))
    elsewhere = data.draw(st.sets(st.sampled_from(SOME_IDS))) - {old.id for old in known.values()}

    def assign(posts: Sequence[Sighting], gone: Collection[str]) -> dict[str, str]:
        return assign_ids(posts, known, gone, recall=memory.get, taken=elsewhere.__contains__)

    assigned = assign(found, vanished)
    assert assigned.keys() == set(paths)
    assert len(set(assigned.values())) == len(paths)
    assert not set(assigned.values()) & elsewhere
    assert all(is_absolute_uri(entry_id) for entry_id in assigned.values())
    assert assign(data.draw(st.permutations(found)), set(vanished)) == assigned


# assign_ids: what happens to files

CONTENTS = st.lists(st.builds(Content, digest=st.just(""), title=SIGHTINGS["title"], date=SIGHTINGS["date"]), min_size=1, max_size=5).map(
    lambda contents: [replace(content, digest=f"bytes {number}") for number, content in enumerate(contents)]
)


@settings(max_examples=200)
@given(contents=CONTENTS, paths=st.permutations(PATHS), targets=st.permutations(PATHS))
def test_files_that_are_moved_in_any_way_keep_their_ids(contents: list[Content], paths: list[str], targets: list[str]) -> None:
    before = dict(zip(paths, contents, strict=False))
    after = dict(zip(targets, contents, strict=False))
    ids = first_ids(before)
    now = run(before, ids, after)
    assert {content.digest: now[path] for path, content in after.items()} == {c.digest: ids[path] for path, c in before.items()}


@settings(max_examples=200)
@given(contents=CONTENTS, data=st.data())
def test_edited_files_keep_their_ids(contents: list[Content], data: st.DataObject) -> None:
    before = dict(zip(PATHS, contents, strict=False))
    after = dict(before)
    for path in data.draw(st.lists(st.sampled_from(sorted(before)), unique=True)):
        change = data.draw(st.sampled_from([{}, {"title": "新题"}, {"date": "2026-05-05T00:00:00+00:00"}]))
        after[path] = replace(before[path], digest=f"edited {path}", **change)
    ids = first_ids(before)
    assert run(before, ids, after) == ids


@settings(max_examples=200)
@given(contents=CONTENTS, data=st.data())
def test_copies_get_ids_of_their_own_and_the_originals_keep_theirs(contents: list[Content], data: st.DataObject) -> None:
    before = dict(zip(PATHS, contents, strict=False))
    originals = data.draw(st.lists(st.sampled_from(sorted(before)), min_size=1))
    after = before | {f"copy-{number}.md": before[original] for number, original in enumerate(originals)}
    ids = first_ids(before)
    now = run(before, ids, after)
    assert {path: now[path] for path in before} == ids
    assert len(set(now.values())) == len(after)


@settings(max_examples=200)
@given(content=CONTENTS.map(lambda contents: contents[0]), new=CONTENTS.map(lambda contents: contents[0]))
def test_a_new_post_at_the_old_path_of_a_moved_one_is_another_post(content: Content, new: Content) -> None:
    assume((content.title, content.date) != (new.title, new.date))  # else it is the edited original beside a copy
    ids = first_ids({"a.md": content})
    now = run({"a.md": content}, ids, {"b.md": content, "a.md": replace(new, digest="new")})
    assert now["b.md"] == ids["a.md"]
    assert now["a.md"] != ids["a.md"]


FOLDERS = st.dictionaries(st.sampled_from(PATHS), st.builds(Content, **SIGHTINGS))


@settings(max_examples=200)
@given(before=FOLDERS, after=FOLDERS)
def test_a_full_publish_gives_the_ids_of_one_that_reads_what_changed(before: Folder, after: Folder) -> None:
    ids, one, other = first_ids(before), {}, {}
    assert run_over(after, before, ids, after, one) == run(before, ids, after, other)
    assert run_over(before, before, ids, before) == ids


@pytest.mark.parametrize("change", [{}, {"title": "新题"}], ids=["text", "title"])
@pytest.mark.parametrize("content", [A, C], ids=["dated", "undated"])
def test_the_original_keeps_its_id_when_it_is_edited_after_a_copy_was_made(content: Content, change: dict[str, str]) -> None:
    """The copy made in an earlier run."""
    ids = first_ids({"a.md": content})
    copied = run({"a.md": content}, ids, both := {"a.md": content, "copy.md": content})
    assert copied["a.md"] == ids["a.md"]
    assert run(both, copied, {**both, "a.md": replace(content, digest="edited", **change)}) == copied


def test_the_original_keeps_its_id_when_it_is_copied_and_edited_at_once() -> None:
    for content in (A, C):
        ids = first_ids({"a.md": content})
        now = run({"a.md": content}, ids, {"copy.md": content, "a.md": replace(content, digest="edited")})
        assert now["a.md"] == ids["a.md"]
        assert now["copy.md"] != ids["a.md"]


def test_a_post_that_is_moved_and_edited_at_once_keeps_its_id() -> None:
    before = {"a.md": A, "b.md": B, "other.md": Content("o", "别", DAY)}
    ids = first_ids(before)
    now = run(before, ids, {"x/a.md": replace(A, digest="edited"), "b.md": B, "other.md": before["other.md"]})
    assert now["x/a.md"] == ids["a.md"]


def test_which_of_two_alike_was_moved_and_edited_is_not_guessed() -> None:
    twins = {"a.md": Content("1", "周报", DAY), "b.md": Content("2", "周报", DAY)}
    ids = first_ids(twins)
    now = run(twins, ids, {"c.md": Content("3", "周报", DAY)})
    assert now["c.md"] not in ids.values()


def test_a_post_written_over_by_another_is_another() -> None:
    ids = first_ids({"a.md": A})
    assert run({"a.md": A}, ids, {"a.md": B})["a.md"] != ids["a.md"]


def test_a_post_moved_over_another_keeps_its_own_id() -> None:
    same_day = replace(B, date=A.date)
    ids = first_ids({"a.md": A, "b.md": same_day})
    assert run({"a.md": A, "b.md": same_day}, ids, {"b.md": A}) == {"b.md": ids["a.md"]}


def test_posts_of_one_day_that_change_places_keep_their_ids() -> None:
    same_day = replace(B, date=A.date)
    before = {"a.md": A, "b.md": same_day}
    ids = first_ids(before)
    assert run(before, ids, {"a.md": same_day, "b.md": A}) == {"a.md": ids["b.md"], "b.md": ids["a.md"]}


def test_copying_one_post_over_another_takes_no_id_away() -> None:
    before = {"a.md": A, "b.md": replace(B, date=A.date)}
    ids = first_ids(before)
    now = run(before, ids, {"a.md": A, "b.md": A})
    assert now["a.md"] == ids["a.md"]
    assert now["b.md"] != ids["a.md"]


# what is remembered


def test_a_moved_post_is_recognised_by_memory_when_the_catalog_is_lost() -> None:
    memory: dict[str, str] = {}
    ids = run({}, {}, {"a.md": A}, memory)
    moved = run({"a.md": A}, ids, {"b.md": A}, memory)
    assert run({}, {}, {"b.md": A}, memory) == moved == {"b.md": ids["a.md"]}


def test_a_path_that_a_remembered_post_has_left_is_free_for_another() -> None:
    """From a to b to c: at b stands a memory of the id that c bears now."""
    memory: dict[str, str] = {}
    ids = run({}, {}, {"a.md": A}, memory)
    ids = run({"a.md": A}, ids, {"b.md": A}, memory)
    ids = run({"b.md": A}, ids, {"c.md": A}, memory)
    after = {"c.md": A, "b.md": B, "a.md": replace(B, digest="x", title="别", date=A.date)}
    now = run({"c.md": A}, ids, after, memory)
    assert now["c.md"] == id_from_path("a.md", DAY)
    assert len(set(now.values())) == 3
    assert run({}, {}, after, memory) == now


def test_a_post_that_could_not_be_read_at_first_is_recognised_by_memory() -> None:
    broken = Sighting("b.md", "", "", "", "")
    assigned = assign_ids([sighting("b.md", A)], {"b.md": broken}, [], recall={"b.md": "urn:x:1"}.get, taken=lambda _: False)
    assert assigned == {"b.md": "urn:x:1"}


def test_a_post_found_first_has_its_path_and_date_for_an_id() -> None:
    folder = {"a.md": A, "新闻/一.md": B, "c.md": C}
    assert first_ids(folder) == {path: id_from_path(path, content.date) for path, content in folder.items()}


# settle_claim

CLAIM = "urn:guid:1"


def own(source: str) -> str:
    return name_based("guid", source, CLAIM)


SETTLEMENTS = {
    "one post": (
        [Claimant("a.md", "s", bears=False)],
        None,
        Settlement({"a.md": CLAIM}, {}, None),
    ),
    "a copy": (
        [Claimant("b.md", "s", bears=True), Claimant("a.md", "s", bears=False)],
        None,
        Settlement({"a.md": CLAIM, "b.md": CLAIM}, {"b.md": "a.md"}, None),
    ),
    "two copies": (
        [Claimant("c.md", "", bears=False), Claimant("a.md", "", bears=False), Claimant("b.md", "", bears=True)],
        None,
        Settlement({"a.md": CLAIM, "b.md": CLAIM, "c.md": CLAIM}, {"b.md": "a.md", "c.md": "a.md"}, None),
    ),
    "two sources, the first by path": (
        [Claimant("b.md", "s", bears=False), Claimant("a.md", "t", bears=False)],
        None,
        Settlement({"a.md": CLAIM, "b.md": own("s")}, {}, "t"),
    ),
    "two sources, one bears it": (
        [Claimant("b.md", "s", bears=True), Claimant("a.md", "r", bears=False)],
        None,
        Settlement({"a.md": own("r"), "b.md": CLAIM}, {}, "s"),
    ),
    "two sources, one is remembered": (
        [Claimant("b.md", "s", bears=False), Claimant("a.md", "r", bears=True)],
        "s",
        Settlement({"a.md": own("r"), "b.md": CLAIM}, {}, "s"),
    ),
    "the remembered one is gone": (
        [Claimant("a.md", "r", bears=False)],
        "s",
        Settlement({"a.md": own("r")}, {}, "s"),
    ),
    "a person's own post and a source": (
        [Claimant("b.md", "", bears=True), Claimant("a.md", "r", bears=False)],
        None,
        Settlement({"a.md": own("r"), "b.md": CLAIM}, {}, ""),
    ),
    "a person's own post is remembered": (
        [Claimant("b.md", "", bears=False), Claimant("a.md", "r", bears=False)],
        "",
        Settlement({"a.md": own("r"), "b.md": CLAIM}, {}, ""),
    ),
    "copies in two sources": (
        [Claimant(f"{source}{number}.md", source, bears=False) for source in "st" for number in "12"],
        None,
        Settlement({"s1.md": CLAIM, "s2.md": CLAIM, "t1.md": own("t"), "t2.md": own("t")}, {"s2.md": "s1.md", "t2.md": "t1.md"}, "s"),
    ),
}


@pytest.mark.parametrize(("claimants", "owner", "expected"), SETTLEMENTS.values(), ids=SETTLEMENTS.keys())
def test_posts_that_ask_for_one_id(claimants: list[Claimant], owner: str | None, expected: Settlement) -> None:
    assert settle_claim(CLAIM, claimants, owner) == expected
    assert settle_claim(CLAIM, claimants[::-1], owner) == expected


CLAIMANTS = st.lists(
    st.builds(Claimant, path=st.sampled_from(PATHS), source=st.sampled_from(["", "s", "t"]), bears=st.booleans()),
    min_size=1,
    unique_by=lambda claimant: claimant.path,
)


@given(claimants=CLAIMANTS, owner=st.sampled_from([None, "", "s", "gone"]))
def test_published_posts_of_one_claim_have_different_ids(claimants: list[Claimant], owner: str | None) -> None:
    settlement = settle_claim(CLAIM, claimants, owner)
    assert settlement.ids.keys() == {claimant.path for claimant in claimants}
    published = [entry_id for path, entry_id in settlement.ids.items() if path not in settlement.copy_of]
    assert len(set(published)) == len(published) == len({claimant.source for claimant in claimants})
    assert all(original not in settlement.copy_of for original in settlement.copy_of.values())


@given(claimants=CLAIMANTS, others=CLAIMANTS)
def test_whoever_bore_the_id_bears_it_whatever_comes_later(claimants: list[Claimant], others: list[Claimant]) -> None:
    first = settle_claim(CLAIM, claimants, None)
    paths = {claimant.path for claimant in claimants}
    bearers = [c._replace(bears=first.ids[c.path] == CLAIM) for c in claimants]
    newcomers = [c._replace(bears=False) for c in others if c.path not in paths]
    second = settle_claim(CLAIM, [*bearers, *newcomers], first.owner)
    source_ids = {claimant.source: first.ids[claimant.path] for claimant in claimants}
    assert all(second.ids[claimant.path] == source_ids[claimant.source] for claimant in claimants)
