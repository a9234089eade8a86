"""What `make bench` says of given numbers: medians, verdicts, tables; and how it has programs take turns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import report
import results
from aims import COLD, NOOP, ONE, Target, Verdict
from results import Part, Turn, Work, take_turns


def work_of(kind: str = COLD, size: int = 10_000, **walls: list[float]) -> Work:
    """A work with so many seconds a round, and a hundred bytes a second of memory."""
    return Work(kind, size, "posts", {name: [{"wall": wall, "memory": 100 * wall} for wall in rounds] for name, rounds in walls.items()})


def part_of(*works: Work, name: str = "publish") -> Part:
    """A part of a quiet machine with two cores."""
    return Part(name, {"cores": "2", "processor": "a mill"}, "2026-01-02", 3.4, 0.1, {"feedmill": "1.2"}, {}, list(works))


def test_the_median_is_that_of_the_rounds_and_the_spread_its_ends() -> None:
    series = work_of(feedmill=[3.0, 1.0, 2.0, 9.0]).series[0]
    assert series.median("wall") == 2.5
    assert series.spread("wall") == (1.0, 9.0)


@pytest.mark.parametrize(
    ("target", "value", "word"),
    [
        (Target(COLD, 10_000, "posts", peer="Hugo", at_least=2), 2.0, "reached"),
        (Target(COLD, 10_000, "posts", peer="Hugo", at_least=2.1), 2.0, "**missed**"),
        (Target(COLD, 10_000, "posts", "memory", peer="Hugo", at_most=0.5), 0.5, "reached"),
        (Target(COLD, 10_000, "posts", "memory", peer="Hugo", at_most=0.4), 0.5, "**missed**"),
        (Target(COLD, 10_000, "posts", at_most=1), 1.0, "reached"),
        (Target(COLD, 10_000, "posts", at_most=0.9), 1.0, "**missed**"),
        (Target(ONE, 100_000, "posts", beside=10_000, at_most=2), 3.0, "**missed**"),
        (Target(COLD, 10_000, "posts", peer="reader", at_least=4), 3.0, "**missed**"),
        (Target(COLD, 10_000, "posts", peer="Pelican", at_least=4), None, "not measured"),
        (Target(COLD, 100_000, "posts", at_most=1), None, "not measured"),
        (Target(NOOP, 10_000, "posts", at_most=1), None, "not measured"),
    ],
    ids=str,
)
def test_a_target_is_judged_by_medians(target: Target, value: float | None, word: str) -> None:
    cold = work_of(feedmill=[1.0, 1.0, 5.0], Hugo=[2.0, 0.5, 7.0], **{"reader, 1 worker": [4.0], "reader, 8 workers": [3.0]})
    verdict = target.judge([cold, work_of(ONE, 10_000, feedmill=[0.1]), work_of(ONE, 100_000, feedmill=[0.3])])
    assert verdict.word == word
    assert verdict.value == (None if value is None else pytest.approx(value))


def test_more_answers_a_second_are_better() -> None:
    rates = Work(COLD, 50, "connections", {"feedmill serve": [{"rate": 40.0}], "nginx": [{"rate": 100.0}]})
    target = Target(COLD, 50, "connections", "rate", peer="nginx", at_least=0.5, program="feedmill serve")
    assert target.judge([rates]) == Verdict(target, 0.4)
    assert not target.judge([rates]).is_reached


def test_programs_take_turns_and_the_first_round_is_not_counted() -> None:
    said: list[str] = []

    def turn(name: str, most: int | None = None) -> Turn:
        return Turn(name, lambda number: (said.append(f"{name}{number}"), {"wall": float(number)})[1], most)

    work = work_of()
    take_turns(work, [turn("a"), turn("b"), turn("twice", 2), turn("once", 1)], 3, before=lambda number: said.append(f"| {number}"))
    assert " ".join(said) == "| 0 a0 b0 twice0 | 1 a1 b1 twice1 once1 | 2 a2 b2 twice2 | 3 a3 b3"
    assert {one.name: one.values("wall") for one in work.series} == {"a": [1, 2, 3], "b": [1, 2, 3], "twice": [1, 2], "once": [1]}


def test_other_outcomes_are_complained_of() -> None:
    work = work_of(feedmill=[1.0], Hugo=[2.0])
    work.outcome = {"feedmill": {"feeds": 2, "entries": 7}, "Hugo": {"feeds": 2, "entries": 7}}
    work.compare_outcomes()
    assert not work.complaints
    work.outcome["Hugo"]["entries"] = 6
    work.compare_outcomes()
    assert work.complaints == ["Hugo has 2 feeds, 6 entries; feedmill has 2 feeds, 7 entries"]


def test_the_table_has_a_row_for_every_program_and_size() -> None:
    small, large = work_of(feedmill=[1.0, 2.0, 4.0], Hugo=[3.0]), work_of(size=100_000, feedmill=[0.0004])
    small.complaints.append("Hugo has fewer")
    part = part_of(small, large)
    part.missing["Pelican"] = "it would take too long"
    assert list(report.tell_part(part))[4:] == [
        "### Cold publish",
        "",
        "| posts | program | rounds | time | to the first | memory |",
        "|---|---|---|---|---|---|",
        "| 10,000 | feedmill | 3 | 2.00 s (1.00 s–4.00 s) | 1.00 | 0.2 kB (0.1 kB–0.4 kB) |",
        "| 10,000 | Hugo | 1 | 3.00 s | 1.50 | 0.3 kB |",
        "| 100,000 | feedmill | 1 | 400 µs | 1.00 | 0.0 kB |",
        "",
        "Not measured: Pelican (it would take too long).",
        "",
        "- **Not the same work**: Cold publish, 10,000 posts: Hugo has fewer",
        "",
    ]


def test_the_page_says_what_was_reached_and_what_was_not_measured(tmp_path: Path) -> None:
    results.save(part_of(work_of(feedmill=[1.0], Hugo=[1.1])), tmp_path)
    page = report.render(results.load(tmp_path), ["publishing.svg"])
    assert "| Cold publish, 10,000 posts | time: 1.2 times as fast as Hugo | 1.10 times | **missed** |" in page
    assert "| Cold publish, 10,000 posts | time: 8 times as fast as Pelican | – | not measured |" in page
    assert "- Publishing (`publish`): 2026-01-02, 3 s, load 0.1 before" in page
    assert "- Syncing (`sync`): not measured" in page
    assert "publishing.svg" not in page  # which belongs to a part that is not there


def test_a_busy_machine_is_told() -> None:
    part = part_of()
    part.load_before = 2.5
    assert any("The machine was busy" in line for line in report.tell_part(part))
    part.load_before = 2.0
    assert not any("The machine was busy" in line for line in report.tell_part(part))


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    part = part_of(work_of(feedmill=[1.0, 2.5]))
    results.save(part, tmp_path)
    assert results.load(tmp_path) == [part]


def test_every_part_of_the_harness_has_its_place_in_the_page() -> None:
    import bench

    assert sorted(bench.PARTS) == sorted(report.PARTS)
