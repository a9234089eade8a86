"""The catalog gives back what was put into it, all of a run or nothing of it, and heals when it is damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.errors import StorageError
from feedmill.model import Problem
from feedmill.posts.catalog import DRAFT, DUPLICATE, PUBLISHED, REFUSED, Catalog, Row
from feedmill.posts.store import Stamp
from feedmill.state.database import Unreadable

STAMP = Stamp(1_780_000_000_123_456_789, 1_780_000_000_123_456_790, 42)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / ".feedmill" / "catalog.db")
    opened.begin()
    yield opened
    opened.close()


def make_row(file: int, path: str, **over: Any) -> Row:
    row = Row(
        file=file,
        path=path,
        digest=f"digest {path}",
        status=PUBLISHED,
        id=f"urn:x:{path}",
        claim=None,
        source="",
        date=100,
        updated=100,
        filing="[[],[]]",
        span="[]",
        record='{"title":"题"}',
        notes=None,
    )
    return row._replace(**over)


def fill(catalog: Catalog, *rows: dict[str, Any]) -> list[Row]:
    """Put posts at 0.md, 1.md, … and return them as they should come back."""
    numbers = catalog.add_files((f"{number}.md", STAMP) for number in range(len(rows)))
    made = [make_row(numbers[f"{number}.md"], f"{number}.md", **over) for number, over in enumerate(rows)]
    catalog.put(made)
    return made


def reopened(catalog: Catalog) -> Catalog:
    catalog.close()
    return Catalog(catalog.path)


def test_stamps_come_back_by_path_with_their_number(catalog: Catalog) -> None:
    extreme = Stamp(2**63 - 1, -(2**63), 0)
    numbers = catalog.add_files([("a.md", STAMP), ("新闻/一.md", extreme)])
    assert catalog.stamps() == {"a.md": (numbers["a.md"], STAMP), "新闻/一.md": (numbers["新闻/一.md"], extreme)}
    catalog.restamp([(STAMP._replace(size=43), numbers["a.md"])])
    assert catalog.stamps()["a.md"] == (numbers["a.md"], STAMP._replace(size=43))
    catalog.remove([numbers["新闻/一.md"]])
    assert catalog.stamps().keys() == {"a.md"}


def test_new_files_never_get_the_number_of_another(catalog: Catalog) -> None:
    first = catalog.add_files([("a.md", STAMP), ("b.md", STAMP)])
    second = catalog.add_files([("c.md", STAMP)])
    catalog.remove([first["a.md"]])
    third = catalog.add_files([("d.md", STAMP)])
    assert len({first["a.md"], first["b.md"], second["c.md"], third["d.md"]}) == 4
    assert catalog.add_files([]) == {}


def test_a_path_is_known_once(catalog: Catalog) -> None:
    catalog.add_files([("a.md", STAMP)])
    with pytest.raises(Unreadable, match=r"UNIQUE constraint failed: files.path"):
        catalog.add_files([("a.md", STAMP)])


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
NUMBERS = st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "digest": TEXT,
                "status": st.sampled_from([PUBLISHED, DRAFT, REFUSED, DUPLICATE]),
                "id": TEXT,
                "claim": st.none() | TEXT,
                "source": TEXT,
                "date": NUMBERS,
                "updated": NUMBERS,
                "filing": TEXT,
                "record": TEXT,
                "notes": st.none() | TEXT,
            }
        ),
        max_size=6,
    )
)
def test_rows_come_back_as_they_were_put(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    catalog = Catalog(tmp_path_factory.mktemp("catalog") / "catalog.db")
    catalog.begin()
    made = fill(catalog, *rows)
    catalog.commit()
    again = reopened(catalog)
    assert sorted(again.rows(row.file for row in made)) == sorted(made)
    again.close()


def test_rows_of_more_files_than_one_statement_takes(catalog: Catalog) -> None:
    made = fill(catalog, *({} for _ in range(1203)))
    assert {row.file for row in catalog.rows(row.file for row in made)} == {row.file for row in made}
    assert list(catalog.rows([])) == []
    assert list(catalog.rows([10**9])) == []


def test_putting_again_replaces(catalog: Catalog) -> None:
    (row,) = fill(catalog, {})
    changed = row._replace(status=REFUSED, notes="[]", digest="other")
    catalog.put([changed])
    assert list(catalog.rows([row.file])) == [changed]


def test_removed_posts_are_gone(catalog: Catalog) -> None:
    one, other = fill(catalog, {}, {})
    catalog.remove([one.file])
    assert list(catalog.rows([one.file, other.file])) == [other]


def test_posts_by_the_id_that_they_ask_for_or_bear(catalog: Catalog) -> None:
    rows = fill(
        catalog,
        {"claim": "urn:1", "id": "urn:1"},
        {"claim": "urn:1", "id": "urn:other"},
        {"claim": None, "id": "urn:1"},
        {"claim": "urn:2", "id": "urn:1"},
        {"claim": None, "id": "urn:3"},
    )
    assert {row.path for row in catalog.rows_claiming(["urn:1"])} == {"0.md", "1.md", "2.md"}
    assert {row.path for row in catalog.rows_claiming(["urn:2", "urn:3"])} == {"3.md", "4.md"}
    assert sorted(catalog.bearers("urn:1")) == sorted(rows[number].file for number in (0, 2, 3))
    assert catalog.bearers("urn:nobody") == []


def test_posts_become_due_when_their_time_has_come_and_when_the_clock_goes_back(catalog: Catalog) -> None:
    rows = fill(catalog, *({"date": date} for date in (99, 100, 101, 200, 201)), {"date": 150, "status": DRAFT})
    due = {rows[number].file for number in (2, 3)}
    assert set(catalog.became_due(100, 200)) == due
    assert set(catalog.became_due(200, 100)) == due
    assert catalog.became_due(200, 200) == []
    assert [catalog.count_published(now) for now in (98, 100, 200, 10**9)] == [0, 2, 4, 5]


def test_notes_are_problems_in_the_order_of_paths(catalog: Catalog) -> None:
    rows = fill(
        catalog,
        {"notes": json.dumps([[3, "date", "坏日期"], [0, "title", "none"]]), "status": REFUSED},
        {"notes": None},
        {"notes": json.dumps([[1, "date", "bad"]])},
    )
    assert catalog.notes() == [
        (rows[0].file, REFUSED, Problem("0.md", 3, "date", "坏日期")),
        (rows[0].file, REFUSED, Problem("0.md", 0, "title", "none")),
        (rows[2].file, PUBLISHED, Problem("2.md", 1, "date", "bad")),
    ]


def test_facts_about_the_whole(catalog: Catalog) -> None:
    assert catalog.meta("rendering") is None
    catalog.set_meta("rendering", "1")
    catalog.set_meta("rendering", "2")
    assert catalog.meta("rendering") == "2"


# a run is one transaction


def test_what_is_committed_stays_and_what_is_not_does_not(catalog: Catalog) -> None:
    fill(catalog, {})
    catalog.set_meta("now", "1")
    catalog.commit()
    catalog.begin()
    catalog.add_files([("b.md", STAMP)])
    catalog.set_meta("now", "2")
    again = reopened(catalog)
    assert again.stamps().keys() == {"0.md"}
    assert again.meta("now") == "1"
    again.close()


def test_a_rollback_forgets_the_run_and_may_come_at_any_time(catalog: Catalog) -> None:
    catalog.add_files([("a.md", STAMP)])
    catalog.rollback()
    catalog.rollback()
    assert catalog.stamps() == {}


def test_a_second_run_at_the_same_time_is_a_storage_error(catalog: Catalog) -> None:
    other = Catalog(catalog.path, patience=0.05)
    with pytest.raises(StorageError, match="other running feedmill processes"):
        other.begin()
    other.close()


# damage


@pytest.mark.parametrize("damage", [b"\xa5", b"\0"], ids=["overwritten", "zeros"])
def test_every_page_that_is_damaged_is_noticed_or_does_not_matter(tmp_path: Path, damage: bytes) -> None:
    """Reading and writing everything gives what was there, or says that the catalog cannot be trusted: never another error."""
    path = tmp_path / "catalog.db"
    catalog = Catalog(path)
    catalog.begin()
    rows = fill(catalog, *({"record": "x" * (9000 if number % 40 == 0 else 200), "claim": f"urn:{number}"} for number in range(120)))
    catalog.commit()
    catalog.close()
    good = path.read_bytes()
    noticed = 0
    for page in range(len(good) // 4096):
        path.write_bytes(good[: page * 4096] + damage * 4096 + good[(page + 1) * 4096 :])
        try:
            noticed += not use(Catalog(path), rows)
        except Unreadable:
            noticed += 1
        for left in tmp_path.glob("catalog.db*"):
            left.unlink()
    assert noticed > len(good) // 4096 // 2  # the others were free, or are not read


def use(catalog: Catalog, rows: list[Row]) -> bool:
    """Read and change everything; False when the catalog was found damaged at its opening and is empty now."""
    try:
        catalog.begin()
        known = catalog.stamps()
        found = sorted(catalog.rows(row.file for row in rows))
        list(catalog.rows_claiming(row.claim or "" for row in rows))
        catalog.notes()
        catalog.became_due(0, 10**6)
        catalog.put(rows)
        catalog.remove([row.file for row in rows])
        catalog.commit()
    finally:
        catalog.close()
    assert found == (sorted(rows) if known else [])
    return bool(known)


@pytest.mark.parametrize(("now", "due"), [(0, 50), (50, 100), (99, 100), (100, 300), (299, 300), (300, None)])
def test_the_next_post_to_come_is_the_earliest_published_one_after_now(catalog: Catalog, now: int, due: int | None) -> None:
    fill(catalog, {"date": 300}, {"date": 100}, {"date": 200, "status": DRAFT}, {"date": 400, "status": REFUSED}, {"date": 50})
    assert catalog.next_due(now) == due
