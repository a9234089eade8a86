"""Which feeds a post stands in, and folders that stay where they are once somebody has subscribed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.posts.naming import fold, folder_name, short_hash
from feedmill.producer.categories import (
    MAX_CATEGORIES,
    MAX_DEPTH,
    ROOT,
    FeedKey,
    Folders,
    category_paths,
    feeds_of,
    nodes,
    term,
)


def category(*path: str) -> FeedKey:
    return FeedKey("category", path)


def tag(name: str) -> FeedKey:
    return FeedKey("tag", (name,))


# which feeds


@pytest.mark.parametrize(
    ("categories", "nested", "flat"),
    [
        ([], [], []),
        ([("A",)], [("A",)], [("A",)]),
        ([("A", "B")], [("A", "B")], [("A",), ("B",)]),
        ([("A", "B"), ("C",)], [("A", "B"), ("C",)], [("A",), ("B",), ("C",)]),
        ([("A", "B"), ("A", "B")], [("A", "B")], [("A",), ("B",)]),
        ([("A", "A")], [("A", "A")], [("A",)]),
        ([()], [], []),
    ],
    ids=["none", "one", "nested", "two", "twice", "own child", "empty"],
)
def test_paths_nest_as_hexo_has_it_or_stand_alone(
    categories: list[tuple[str, ...]], nested: list[tuple[str, ...]], flat: list[tuple[str, ...]]
) -> None:
    assert category_paths(categories, "nested") == nested
    assert category_paths(categories, "flat") == flat


def test_a_post_stands_in_every_node_once_and_in_the_root() -> None:
    keys = feeds_of([("科技", "开源", "发布"), ("科技", "综述"), ("生活",)], [], mode="nested")
    assert keys == [
        ROOT,
        category("科技"),
        category("科技", "开源"),
        category("科技", "开源", "发布"),
        category("科技", "综述"),
        category("生活"),
    ]


def test_one_leaf_under_two_parents_is_two_feeds() -> None:
    keys = feeds_of([("科技", "综述"), ("财经", "综述")], [], mode="nested")
    assert {category("科技", "综述"), category("财经", "综述")} <= set(keys)
    assert category("综述") not in keys


def test_tags_are_feeds_of_their_own_each_once() -> None:
    assert feeds_of([("A",)], ["x", "A", "x"], mode="nested") == [ROOT, category("A"), tag("x"), tag("A")]


def test_a_post_without_categories_stands_in_the_root_alone() -> None:
    assert feeds_of([], [], mode="nested") == feeds_of([()], [], mode="flat") == [ROOT]


def test_depth_and_number_have_limits() -> None:
    deep = tuple(str(number) for number in range(MAX_DEPTH * 3))
    assert len(feeds_of([deep], [], mode="nested")) == 1 + MAX_DEPTH
    many = [(str(number),) for number in range(MAX_CATEGORIES * 3)]
    assert len(feeds_of(many, [], mode="nested")) == len(feeds_of(many, [], mode="flat")) == 1 + MAX_CATEGORIES
    assert len(feeds_of([], [str(number) for number in range(MAX_CATEGORIES * 3)], mode="nested")) == 1 + MAX_CATEGORIES


NAMES = st.sampled_from(["A", "a", "é", "e\u0301", "B", "..", "", "/", "A/B", "CON", "tags", "长" * 100, "\ud800", "pm"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(tuple)


@given(categories=st.lists(PATHS, max_size=5), tags=st.lists(NAMES, max_size=4), mode=st.sampled_from(["nested", "flat"]))
def test_the_feeds_of_a_post_are_different_and_parents_come_first(categories: list[tuple[str, ...]], tags: list[str], mode: str) -> None:
    keys = feeds_of(categories, tags, mode=mode)
    assert keys[0] == ROOT
    assert len(set(keys)) == len(keys)
    for number, key in enumerate(keys[1:], start=1):
        assert key.kind == "tag" or key.parent in keys[:number]


@given(paths=st.lists(PATHS, max_size=5))
def test_nodes_are_exactly_the_beginnings_of_paths(paths: list[tuple[str, ...]]) -> None:
    assert set(nodes(paths)) == {path[: depth + 1] for path in paths for depth in range(len(path))}


# what they are called


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ROOT, "/"),
        (category("新媒体"), "新媒体"),
        (category("新媒体", "人人"), "新媒体/人人"),
        (category("TCP/IP"), "TCP%2FIP"),
        (category("/"), "%2F"),
        (tag("x"), "tags/x"),
        (tag("TCP/IP"), "tags/TCP%2FIP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_names_as_people_write_them(key: FeedKey, name: str) -> None:
    assert key.name == name


def test_the_term_of_a_category_tells_a_slash_in_a_name_from_one_between_names() -> None:
    assert term(("TCP", "IP")) == "TCP/IP"
    assert term(("TCP/IP",)) == "TCP%2FIP"


# where they lie


def test_folders_follow_the_tree() -> None:
    folders = Folders({}, {})
    assert folders.folder(ROOT) == ""
    assert folders.folder(category("新媒体", "人人都是产品经理", "最新文章")) == "新媒体/人人都是产品经理/最新文章"
    assert folders.folder(tag("手账")) == "tags/手账"


def test_a_name_is_only_taken_among_siblings() -> None:
    folders = Folders({}, {})
    assert [folders.folder(category(*path)) for path in (("A", "x"), ("B", "x"), ("x",))] == ["A/x", "B/x", "x"]
    assert folders.folder(tag("x")) == "tags/x"


def test_of_twins_the_first_keeps_the_plain_name() -> None:
    folders = Folders({}, {})
    assert folders.folder(category("News")) == "News"
    assert folders.folder(category("news")) == f"news-{short_hash('news')}"
    assert folders.folder(category("News")) == "News"


def test_a_remembered_name_stays_whoever_comes_first_now() -> None:
    remembered = {category("news"): "news", category("News"): f"News-{short_hash('News')}"}
    folders = Folders(remembered, {})
    assert folders.folder(category("News")) == f"News-{short_hash('News')}"
    assert folders.folder(category("news")) == "news"
    assert folders.folder(category("NEWS")) == f"NEWS-{short_hash('NEWS')}"


def test_a_remembered_name_that_another_has_is_made_anew() -> None:
    folders = Folders({category("A"): "same", category("B"): "SAME"}, {})
    assert [folders.folder(category("A")), folders.folder(category("B"))] == ["same", "B"]


def test_reserved_names_are_only_reserved_at_the_top() -> None:
    folders = Folders({}, {}, reserved=["tags"])
    assert folders.folder(category("Tags")) == f"Tags-{short_hash('Tags')}"
    assert folders.folder(category("A", "tags")) == "A/tags"
    assert Folders({}, {}).folder(category("tags")) == "tags"


def test_a_configured_name_is_used_for_the_folder_and_all_below_it() -> None:
    folders = Folders({category("人人"): "人人"}, {category("人人"): "pm"})
    assert folders.folder(category("人人", "最新")) == "pm/最新"
    assert folders.folder(category("人人")) == "pm"


@pytest.mark.parametrize("first", ["人人", "pm"])
def test_a_configured_name_does_not_move_when_a_category_of_that_name_comes_up(first: str) -> None:
    folders = Folders({}, {category("人人"): "pm"})
    for name in (first, "人人", "pm"):
        folders.folder(category(name))
    assert folders.folder(category("人人")) == "pm"
    assert folders.folder(category("pm")) == f"pm-{short_hash('pm')}"


def test_a_configured_name_gives_way_to_a_category_that_had_it_before() -> None:
    folders = Folders({category("pm"): "pm"}, {category("人人"): "PM"})
    assert folders.folder(category("pm")) == "pm"
    assert folders.folder(category("人人")) == f"PM-{short_hash('PM')}"


@settings(max_examples=150)
@given(
    keys=st.lists(st.one_of(PATHS.map(lambda path: FeedKey("category", path)), NAMES.map(tag)), max_size=12),
    slugs=st.dictionaries(PATHS.map(lambda path: FeedKey("category", path)), NAMES, max_size=3),
)
def test_no_two_feeds_share_a_folder_and_no_folder_leads_out(keys: list[FeedKey], slugs: dict[FeedKey, str]) -> None:
    folders = Folders({}, slugs, reserved=["tags"])
    found = {key: folders.folder(key) for key in keys}
    assert len({fold(folder) for folder in found.values()}) == len(found)
    for folder in found.values():
        assert not {"", ".", ".."} & set(folder.split("/"))
        assert len(folder.encode()) < 4000
    assert {key: folders.folder(key) for key in keys} == found


@settings(max_examples=150)
@given(keys=st.lists(NAMES.map(category), unique=True, max_size=8), more=st.lists(NAMES.map(category), max_size=8), data=st.data())
def test_folders_stay_through_any_later_run(keys: list[FeedKey], more: list[FeedKey], data: st.DataObject) -> None:
    first = Folders({}, {})
    before = {key: first.name(key) for key in keys}
    later = Folders(before, {})
    for key in data.draw(st.permutations([*keys, *more])):
        later.name(key)
    assert {key: later.name(key) for key in keys} == before


def test_a_name_without_a_clash_is_that_of_the_category() -> None:
    for name in ("新媒体", "C++", "a b"):
        assert Folders({}, {}).name(category(name)) == folder_name(name) == name
