"""docs/reliability.md claims nothing that is not so, and the table's maker neither."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import reliability
from reliability import (
    BEGIN,
    END,
    NOT_APPLICABLE,
    PAGE,
    ROWS,
    Result,
    functions_in,
    known_rows,
    render,
    replace_made,
    rows_of,
    rows_shown,
    state_of,
)

#: Rows that wait for their test.
OPEN: frozenset[str] = frozenset()
#: Rows of which a test is known to fail, as a strict xfail says: the page shows it.
KNOWN: frozenset[str] = frozenset()
LAST = {"A": 19, "B": 21, "C": 12, "D": 10, "E": 11, "F": 10, "G": 9, "H": 17, "I": 17}


@pytest.fixture(scope="module")
def functions() -> list[str]:
    return list(functions_in(reliability.ROOT / "tests"))


def test_the_rows_are_those_of_the_fault_list() -> None:
    assert list(ROWS) == [f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)]
    assert NOT_APPLICABLE.keys() <= ROWS.keys()
    assert all(NOT_APPLICABLE.values())


def test_the_page_names_tests_that_there_are_and_leaves_no_row_open(functions: list[str]) -> None:
    said = known_rows(PAGE.read_text(encoding="utf-8"))
    assert list(said) == list(ROWS)
    there = set(functions)
    named = {f"tests/{test}" for tests in said.values() for test, _ in tests if test}
    assert named - there == set(), "make the page anew: make reliability"
    open_rows = {
        row: tests for row, tests in said.items() if any(not test and not why.startswith("does not apply: ") for test, why in tests)
    }
    assert open_rows.keys() <= OPEN
    assert {row for row, tests in said.items() if any(not test for test, _ in tests)} - OPEN == NOT_APPLICABLE.keys()
    assert {row for row, tests in said.items() if any("FAILED" in result for _, result in tests)} <= KNOWN


def test_what_does_not_apply_has_no_test(functions: list[str]) -> None:
    assert [function for function in functions if rows_of(function) & NOT_APPLICABLE.keys()] == []


@pytest.mark.parametrize(
    ("nodeid", "rows"),
    [
        ("tests/a.py::test_H7_killed", "H7"),
        ("tests/a.py::test_G1_G2_x", "G1 G2"),
        ("tests/a.py::test_F1_to_F3_F9_x", "F1 F2 F3 F9"),
        ("tests/a.py::test_x[A9: unclosed]", "A9"),
        ("tests/a.py::test_x[A3 A4: bombs-True]", "A3 A4"),
        ("tests/a.py::test_H7_x[A10-x]", "H7 A10"),
        ("tests/a.py::TestX::test_I1_x", "I1"),
        ("tests/a.py::test_x[A10x]", ""),
        ("tests/a.py::test_x[x A10]", ""),
        ("tests/a.py::test_x_A10_y", ""),
        ("tests/a.py::test_A99_x", ""),
        ("tests/test_text.py::test_x[C1 controls]", ""),
    ],
)
def test_the_rows_of_a_test(nodeid: str, rows: str) -> None:
    assert rows_of(nodeid) == set(rows.split())


def test_what_did_not_run_is_not_claimed() -> None:
    results = {
        "tests/a.py::test_A1_x[1]": Result("passed"),
        "tests/a.py::test_A1_x[2]": Result("skipped", "no | here"),
        "tests/a.py::test_A2_x": Result("failed"),
        "tests/a.py::test_A3_x": Result("skipped", "no disk"),
        "tests/a.py::test_A4_x": Result("passed", figures={"points": "2,000"}),
        "tests/a.py::test_B1_x": Result("passed"),
    }
    functions = ["tests/a.py::test_A1_x", "tests/a.py::test_A5_x", "tests/b.py::test_B1_y", "tests/b.py::test_other"]
    shown = rows_shown(results, functions)
    states = {row: state_of(row, tests) for row, tests in shown.items()}
    told = {
        "A1": "passed in part",
        "A2": "FAILED",
        "A3": "skipped",
        "A4": "passed",
        "A5": "not run",
        "B1": "passed in part",
        "I14": "does not apply",
    }
    assert {row: state for row, state in states.items() if state != "MISSING"} == told
    page = render(results, functions)
    assert "| A1 | An entity that names a local file | `a.py::test_A1_x` | skipped (1), passed (1): no \\| here |" in page
    assert "| points | 2,000 | `a.py::test_A4_x` |" in page
    said = known_rows(replace_made(f"# Head\n{BEGIN}\nold\n{END}\ntail\n", page))
    assert list(said) == list(ROWS)
    assert said["A2"] == [("a.py::test_A2_x", "FAILED")]
    assert said["A5"] == [("a.py::test_A5_x", "not run")]
    assert said["A6"] == [("", "MISSING")]
    assert said["B1"] == [("a.py::test_B1_x", "passed"), ("b.py::test_B1_y", "not run")]
    assert said["I14"][0][1].startswith("does not apply: ")
    with pytest.raises(ValueError, match="has no place"):
        replace_made("# Head", page)


def test_the_plugin_notes_how_tests_end_and_forgets_what_has_changed(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    recorder = reliability.Recorder(results)
    for nodeid, when, outcome in (
        ("tests/test_reliability.py::a", "setup", "passed"),
        ("tests/test_reliability.py::a", "call", "passed"),
        ("tests/test_reliability.py::a", "teardown", "failed"),
        ("tests/test_reliability.py::b", "call", "passed"),
        ("tests/test_reliability.py::b", "teardown", "passed"),
        ("tests/test_reliability.py::c", "setup", "skipped"),
        ("tests/test_reliability.py::d", "setup", "failed"),
        ("tests/test_reliability.py::e", "setup", "passed"),
        ("tests/none.py::f", "call", "passed"),
    ):
        said = ("", 1, "Skipped: no disk at /tmp/a-b/c.d, see ../shared/x") if outcome == "skipped" else ""
        recorder.pytest_runtest_logreport(
            pytest.TestReport(nodeid, (nodeid, 1, nodeid), {}, outcome, said, when, user_properties=[("figure: kills", 7)])  # type: ignore[arg-type]
        )
    recorder.pytest_sessionfinish()
    read = reliability.read_results([results])
    assert Counter(result.outcome for result in read.values()) == {"failed": 2, "passed": 1, "skipped": 1}
    assert read["tests/test_reliability.py::c"].reason == "no disk at …, see ../shared/x"
    assert read["tests/test_reliability.py::b"].figures == {"kills": "7"}
    assert reliability.current(read) == read
    for other in (("other", read["tests/test_reliability.py::b"].of[1]), (reliability.sources(), "other")):
        assert reliability.current({"tests/test_reliability.py::b": Result("passed", of=other)}) == {}
    again = reliability.Recorder(results)
    again.pytest_sessionfinish()
    assert reliability.read_results([results]) == read
