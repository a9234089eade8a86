"""An entry cast in a mould is the entry that feedgen makes, byte by byte, whatever it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entries import FEEDS, make_entry
from feedmill.model import Enclosure
from feedmill.producer import atom, rss
from feedmill.producer.entry import Category, Entry
from feedmill.producer.moulds import Moulds
from feedmill.producer.site import Source

pytestmark = pytest.mark.long

FORMATS = pytest.mark.parametrize("kind", [atom, rss], ids=["atom", "rss"])

PIECES = [
    "a", "文", "\U0001f600", "&", "<", ">", '"', "'", "\n", "\t", " ", "]]>", "&amp;", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\ufffd",
    "\ue000", "\ue0001\ue001", "%s", "{}", '="', "\r", "\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff",
]  # fmt: skip
usual = st.sampled_from(["a", "b", "https://a.example/", "x & y", "<p>a</p>", '"a"\n'])
odd = st.lists(st.sampled_from(PIECES), max_size=3).map("".join)
moments = st.sampled_from(
    [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1111, 11, 11, tzinfo=UTC),
        datetime(2222, 12, 22, 1, 2, 3, 456, tzinfo=UTC),
    ]
)


TEXTS = ("id", "title", "link", "author", "content", "summary", "base", "via", "thumbnail", "picture", "language")


def entries_of(pool: list[str]) -> st.SearchStrategy[Entry]:
    """Entries made of few words, so that many are the same and many are empty."""
    word = st.sampled_from(["", *pool])
    texts = dict.fromkeys(TEXTS, word)
    return st.builds(
        Entry,
        **texts,
        published=moments,
        updated=moments,
        categories=st.lists(st.builds(Category, word, word, word), max_size=2).map(tuple),
        source=st.none() | st.builds(Source, word, word, word),
        enclosure=st.sampled_from([None, None, None, Enclosure("https://a.example/b.mp3", "audio/mpeg", 3)]),
    )


entries = st.lists(st.one_of(usual, usual, odd), min_size=1, max_size=4).flatmap(entries_of)


def outcome(render: Callable[[Sequence[Entry]], list[bytes]], given_entries: Sequence[Entry]) -> list[bytes] | str:
    try:
        return render(given_entries)
    except ValueError as refusal:
        return str(refusal)


@FORMATS
@given(entry=entries)
@settings(max_examples=600)
def test_a_cast_entry_is_the_one_that_feedgen_makes(kind: ModuleType, entry: Entry) -> None:
    assert outcome(kind.render_entries, [entry]) == outcome(kind.render_each, [entry])


@FORMATS
@given(several=st.lists(entries, max_size=4))
@settings(max_examples=150)
def test_entries_keep_their_order_whichever_of_them_are_cast(kind: ModuleType, several: list[Entry]) -> None:
    assert outcome(kind.render_entries, several) == outcome(kind.render_each, several)


def counting() -> tuple[Moulds, list[str]]:
    """Return moulds for Atom, and the titles of the entries of which feedgen has made the elements."""
    made: list[str] = []

    def render(those: Sequence[Entry]) -> list[bytes]:
        made.extend(entry.title for entry in those)
        return atom.render_each(those)

    return Moulds(render, summary=lambda entry: entry.summary, published=datetime.isoformat), made


def posts(**same: object) -> list[Entry]:
    return [make_entry(id=f"urn:{n}", title=f"Title {n}", link=f"{FEEDS}{n}", base=f"{FEEDS}{n}", **same) for n in range(20)]


def test_entries_of_one_shape_are_made_once() -> None:
    moulds, made = counting()
    assert moulds.render(posts()) == atom.render_each(posts())
    assert len(made) == 1
    assert moulds.render(posts(content="<p>“other”</p>")) == atom.render_each(posts(content="<p>“other”</p>"))
    assert len(made) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"via": f"{FEEDS}x"}, id="one more word"),
        pytest.param({"picture": f"{FEEDS}p", "thumbnail": f"{FEEDS}p"}, id="two more words that are the same"),
        pytest.param({"updated": datetime(2026, 5, 5, tzinfo=UTC)}, id="another time"),
        pytest.param({"categories": ()}, id="no category"),
        pytest.param({"source": Source("urn:s", "S", "")}, id="a source"),
    ],
)
def test_another_shape_has_a_mould_of_its_own(change: dict[str, object]) -> None:
    moulds, made = counting()
    moulds.render(posts())
    assert moulds.render(posts(**change)) == atom.render_each(posts(**change))
    assert len(made) == 2


def test_a_source_is_no_second_category() -> None:
    moulds, _ = counting()
    one, two = Category("1", "2", "3"), Category("4", "5", "6")
    several = [make_entry(categories=(one, two)), make_entry(categories=(one,), source=Source("4", "5", "6"))]
    assert moulds.render(several) == atom.render_each(several)


def test_what_fits_no_mould_is_made_by_feedgen() -> None:
    moulds, made = counting()
    enclosing = posts(enclosure=Enclosure("https://a.example/b.mp3", "audio/mpeg", 3))
    assert moulds.render(enclosing) == atom.render_each(enclosing)
    assert made == [entry.title for entry in enclosing]


def test_more_shapes_than_are_kept_are_made_by_feedgen() -> None:
    moulds, made = counting()
    shapes = [make_entry(categories=tuple(Category(f"{n}", f"{n}", FEEDS) for n in range(size))) for size in range(300)]
    assert moulds.render(shapes) == atom.render_each(shapes)
    made.clear()
    assert moulds.render(shapes) == atom.render_each(shapes)
    assert len(made) == 300 - 256
