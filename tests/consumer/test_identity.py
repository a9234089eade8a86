"""Which entry is which article: each alias, what makes it too weak, and entries beside each other in one document."""

from __future__ import annotations

import pytest

from feedmill.consumer.identity import pair
from feedmill.consumer.links import normal_link
from feedmill.state.ledger import DELETED
from upstream import LONG_TEXT, make_article, make_entry


def paired(entries, known, *, marks=None, cut=()):
    """Return (article number by entry index, keys of the new by index, doubles)."""
    articles = [make_article(number, entry) for number, entry in enumerate(known, start=1)]
    result = pair(entries, articles, source="s", marks=marks or {}, cut=cut)
    return {index: article.article for index, article in result.known.items()}, result.new, result.double_of


@pytest.mark.parametrize(
    ("link", "same"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("https://www.example.org/a", "https://example.org/a"),
        ("https://example.org/a/", "https://example.org/a"),
        ("https://EXAMPLE.org/a", "https://example.org/a"),
        ("https://example.org/a?utm_source=rss&utm_medium=feed", "https://example.org/a"),
        ("https://example.org/a?id=1&fbclid=x", "https://example.org/a?id=1"),
    ],
)
def test_spellings_of_one_address(link: str, same: str) -> None:
    assert normal_link(link) == normal_link(same) != ""


@pytest.mark.parametrize(
    ("link", "other"),
    [
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org/#/a", "https://example.org/#/b"),
        ("https://example.org/?p=1", "https://example.org/?p=2"),
        ("https://example.org:8080/a", "https://example.org/a"),
        ("mailto:a@example.org", "https://example.org/a"),
    ],
)
def test_addresses_of_two_pages(link: str, other: str) -> None:
    assert normal_link(link) != normal_link(other)


HOME = "https://example.org/"
ONE = "https://example.org/one"
OLD = make_entry("g1", ONE, "One", "2026-01-01", LONG_TEXT)
TIMED = make_entry("g1", ONE, "One", "2026-01-01T08:15:07", LONG_TEXT)


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        pytest.param(make_entry("g1", "https://example.org/moved", "Renamed", "2026-02-02"), OLD, id="guid"),
        pytest.param(make_entry("g2", ONE, "One", "2026-02-02"), OLD, id="link-and-title"),
        pytest.param(make_entry("g2", ONE, "Renamed", "2026-01-01"), OLD, id="link-and-date"),
        pytest.param(make_entry("g2", ONE, "Renamed", "2026-02-02", LONG_TEXT), OLD, id="link-and-text"),
        pytest.param(make_entry("g2", "https://example.org/2", "ONE", "2026-01-01T08:15:07"), TIMED, id="title-and-date"),
        pytest.param(make_entry("", ONE, "Renamed"), make_entry("", ONE, "One"), id="link-without-guid"),
        pytest.param(make_entry("", f"{ONE}/?utm_source=x", "A"), make_entry("", "http://www.example.org/one", "B"), id="normalised-link"),
        pytest.param(make_entry("https://a.example/1", "", "x"), make_entry("http://a.example/1/", "", "y"), id="guid-as-an-address"),
        pytest.param(make_entry("", "", "One", body=LONG_TEXT), make_entry("", "", "Old", body=LONG_TEXT), id="text-alone"),
        pytest.param(make_entry("", "", "One", body="new"), make_entry("", "", "One", body="old"), id="title-alone"),
    ],
)
def test_an_entry_is_the_article_that_an_alias_names(entry, known) -> None:
    assert paired([entry], [known]) == ({0: 1}, {}, {})


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        pytest.param(make_entry("G1", "https://example.org/2", "Two", "2026-02-02"), OLD, id="D1-guids-of-another-case"),
        pytest.param(make_entry("g2", ONE, "Two", "2026-02-02"), OLD, id="one-link-for-every-article"),
        pytest.param(make_entry("", HOME, "Two"), make_entry("", HOME, "One"), id="a-link-to-the-home-page"),
        pytest.param(make_entry("g2", "https://example.org/2", "One", "2026-02-02"), OLD, id="a-title-that-comes-again"),
        pytest.param(make_entry("g2", "https://example.org/2", "One", "2026-01-01"), OLD, id="one-title-twice-on-a-day-without-a-clock"),
        pytest.param(make_entry("", ONE, "B", "2026-01-02"), make_entry("", ONE, "A", "2026-01-01"), id="a-page-of-today"),
        pytest.param(make_entry("g2", "https://example.org/2", "Two", "2026-02-02", LONG_TEXT), OLD, id="a-text-that-comes-again"),
    ],
)
def test_an_entry_is_new_where_only_a_weak_alias_speaks_for_it(entry, known) -> None:
    known_pairs, new, _ = paired([entry], [known])
    assert (known_pairs, list(new)) == ({}, [0])


def test_D1_one_guid_and_link_twice_in_a_document_are_one_article_in_its_newest_edition() -> None:
    older = make_entry("g", ONE, "First", "2026-01-01")
    newer = make_entry("g", ONE, "Second", "2026-01-02")
    assert paired([older, newer], []) == ({}, {1: "g"}, {0: 1})
    assert paired([newer, older], [older]) == ({0: 1}, {}, {1: 0})


def test_one_guid_on_several_pages_names_the_first_alone() -> None:
    entries = [make_entry("g", f"https://example.org/{n}", f"T{n}") for n in range(3)]
    _, new, _ = paired(entries, [])
    assert new == {0: "g", 1: "g https://example.org/1", 2: "g https://example.org/2"}


def test_a_feed_with_one_guid_for_all_keeps_its_articles_apart_when_the_window_moves() -> None:
    entries = [make_entry("g", f"https://example.org/{n}", f"T{n}", f"2026-01-0{n + 1}") for n in range(5)]
    articles = [
        make_article(1, entries[1], key="g"),
        make_article(2, entries[2], key="g https://example.org/2"),
        make_article(3, entries[3], key="g https://example.org/3"),
    ]
    result = pair(entries[2:], articles, source="s", marks={}, cut=())
    assert {index: article.article for index, article in result.known.items()} == {0: 2, 1: 3}
    assert result.new == {2: "g https://example.org/4"}


def test_one_guid_and_link_on_entries_of_different_titles_name_nothing() -> None:
    entries = [make_entry("g", HOME, f"T{n}") for n in range(3)]
    known, new, doubles = paired(entries, [])
    assert (known, len(set(new.values())), doubles) == ({}, 3, {})


def test_D2_an_entry_without_guid_and_link_has_a_key_that_hangs_on_its_title_and_date() -> None:
    _, first, _ = paired([make_entry(title="A", date="2026-01-01", body="x")], [])
    _, again, _ = paired([make_entry(title="A", date="2026-01-01", body="y")], [])
    _, other, _ = paired([make_entry(title="A", date="2026-01-02", body="x")], [])
    assert first == again != other
    assert first[0].startswith("urn:uuid:")


def test_D3_all_guids_and_links_change_at_once() -> None:
    known = [
        make_entry(f"http://old.example/{n}.html", f"http://old.example/{n}.html", f"Title {n}", f"2026-01-0{n}", f"{LONG_TEXT}{n}")
        for n in range(1, 8)
    ]
    moved = [
        make_entry(f"https://new.example/{n}.html", f"https://new.example/{n}.html", f"Title {n}", f"2026-03-0{n}", f"{LONG_TEXT}{n}")
        for n in range(1, 8)
    ]
    pairs, new, _ = paired(moved, known)
    assert pairs == {index: index + 1 for index in range(7)}
    assert new == {}


def test_D3_renamed_articles_of_a_site_that_moved_are_known_by_date_and_the_end_of_their_address() -> None:
    known = [make_entry(f"https://a.example/blog/p{n}", f"https://a.example/blog/p{n}", f"Title {n}", f"2026-01-0{n}") for n in range(1, 5)]
    moved = [make_entry(f"https://b.example/x/p{n}", f"https://b.example/x/p{n}", f"Other {n}", f"2026-01-0{n}") for n in range(1, 5)]
    assert paired(moved, known)[0] == {index: index + 1 for index in range(4)}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda n: make_entry(f"new{n}", f"https://a.example/2/{n}", f"Other {n}", f"2026-02-0{n}"), id="numbered-pages"),
        pytest.param(lambda n: make_entry(f"new{n}", f"https://a.example/x{n}", f"Title {n}", f"2026-02-0{n}"), id="numbered-titles"),
        pytest.param(
            lambda n: make_entry(f"new{n}", f"https://a.example/x{n}", f"Other {n}", f"2026-02-0{n}", f"{LONG_TEXT}{n}"), id="texts"
        ),
    ],
)
def test_a_window_that_rolled_while_nobody_looked_overwrites_nothing(make) -> None:
    known = [make_entry(f"old{n}", f"https://a.example/1/{n}", f"Title {n}", f"2026-01-0{n}", f"{LONG_TEXT}{n}") for n in range(1, 6)]
    assert paired([make(n) for n in range(1, 6)], known)[0] == {}


def test_two_new_entries_that_could_be_one_article_are_both_new() -> None:
    entries = [make_entry("g2", ONE, "One", "2026-01-01"), make_entry("g3", ONE, "One", "2026-01-01")]
    assert paired(entries, [OLD])[0] == {}


def test_an_article_whose_entry_was_cut_out_is_taken() -> None:
    again = make_entry("g2", ONE, "One", "2026-01-01")
    assert paired([again], [OLD], marks={OLD.mark: 1})[0] == {0: 1}
    assert paired([again], [OLD], marks={OLD.mark: 1}, cut=[OLD.mark])[0] == {}


def test_a_known_mark_goes_before_every_alias() -> None:
    entries = [make_entry("g1", "https://example.org/new", "New", "2026-05-05"), OLD]
    known, new, _ = paired(entries, [OLD], marks={OLD.mark: 1})
    assert known == {1: 1}
    assert list(new.values()) == ["g1 https://example.org/new"]


def test_a_daily_story_of_the_same_name_is_a_new_one_every_day() -> None:
    def day(number: int):
        names = ("morning-briefing", f"a-{number}", f"b-{number}", f"c-{number}")
        return [
            make_entry(f"{number}-{name}", f"https://a.example/{number:02}/{name}", name.rstrip("0123456789"), f"2026-05-{number:02}")
            for name in names
        ]

    assert paired(day(2), day(1))[0] == {}


def test_a_window_that_moves_over_entries_of_one_page_overwrites_nothing() -> None:
    entries = [make_entry("", "https://a.example/status", f"Incident {n}", f"2026-01-0{n}") for n in range(1, 6)]
    articles = [make_article(n, entry, key=f"k{n}") for n, entry in enumerate(entries[:3], start=1)]
    found = pair(entries[1:4], articles, source="s", marks={})
    assert {index: article.article for index, article in found.known.items()} == {0: 2, 1: 3}
    assert list(found.new) == [2]


def test_a_constant_guid_names_nothing_after_the_ledger_was_made_from_posts() -> None:
    entries = [make_entry("g", f"https://example.org/{n}", f"T{n}", f"2026-01-0{n}") for n in range(1, 4)]
    rebuilt = [make_article(1, entries[0]), make_article(2, entries[1], guid="g https://example.org/2", key="g https://example.org/2")]
    found = pair([entries[2]], rebuilt, source="s", marks={})
    assert (found.known, found.new) == ({}, {0: "g https://example.org/3"})


def test_entries_without_names_and_with_little_text_keep_their_keys() -> None:
    entries = [make_entry(body=f"<p>{n}</p>") for n in range(3)]
    again = [make_entry(body=f"<p>{n}</p>") for n in (2, 0, 1)]
    first, second = (paired(found, [])[1] for found in (entries, again))
    assert len(set(first.values())) == 3
    assert [first[number] for number in (2, 0, 1)] == [second[number] for number in range(3)]


def test_a_post_that_was_deleted_takes_no_later_story_of_its_name_with_it() -> None:
    def day(number: int):
        return [make_entry(f"{number}-{n}", f"https://a.example/{number}/part-{n}", f"Part {n}", body=f"{LONG_TEXT}{n}") for n in range(4)]

    articles = [make_article(n, entry, status=DELETED) for n, entry in enumerate(day(1), start=1)]
    assert pair(day(2), articles, source="s", marks={}).known == {}
