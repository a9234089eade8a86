"""docs/performance.md of what is kept in build/bench: what was to be reached, and the figures of every work.

python benchmarks/report.py [--results FOLDER] [--page FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import results
from aims import TARGETS, Target, Verdict
from results import Part, Series, Work, tell_outcome

_ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = _ROOT / "build" / "bench", _ROOT / "docs" / "performance.md"
_HEAD = """\
# Performance

Made by `make bench`, which has all programs do the same work in turn on one machine (one uncounted round first), checks that the same came
out, and writes this page. Figures are medians, with the least and the most in brackets. What counts are the ratios of one run: seconds are
those of this machine. Memory is the highest sum over all processes of a program; a page that processes share counts for each of them.

Where the time goes, and the limits that it is held against: [performance-profiles.md](performance-profiles.md).

## What is to be reached
"""


def seconds(value: float) -> str:
    """As a person would say it."""
    return f"{value * 1e6:.0f} µs" if value < 1e-3 else f"{value * 1e3:.{0 if value >= 0.1 else 1}f} ms" if value < 1 else f"{value:.2f} s"


def size(value: float) -> str:
    """Bytes."""
    return f"{value / 1e6:,.0f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"


def rate(value: float) -> str:
    """A second."""
    return f"{value:,.0f}/s"


@dataclass(frozen=True)
class Quantity:
    """What was measured: the head of its column, and how a number is shown."""

    head: str
    show: Callable[[float], str]


#: In the order of the columns; `wall` is the first where it was measured, and else what stands first here.
QUANTITIES = {
    "wall": Quantity("time", seconds),
    "p50": Quantity("median wait", seconds),
    "rate": Quantity("answers", rate),
    "seen": Quantity("from being told of the file", seconds),
    "written": Quantity("from the writing of the file", seconds),
    "run": Quantity("the run itself", seconds),
    "p99": Quantity("99 %", seconds),
    "p999": Quantity("99.9 %", seconds),
    "most": Quantity("longest", seconds),
    "lag": Quantity("readers' own lag, 99 %", seconds),
    "halt": Quantity("longest halt of the loop", seconds),
    "cpu": Quantity("processor time", seconds),
    "size": Quantity("bytes of an answer", size),
    "memory": Quantity("memory", size),
    "proportional": Quantity("shared pages once", size),
}
#: By name: the heading, what was done, and the plot of it.
PARTS = {
    "publish": (
        "Publishing",
        "All programs make the same feeds of the same posts, each with the whole text of its 50 newest posts: one feed for everything and "
        "one for each of 205 categories. Feeds, entries and texts are compared after the first work. Pelican makes everything anew each "
        "time, so it is measured with the usual number of posts once, and not at all above that.",
    ),
    "growth": ("Publishing, by the number of posts", "As above, with other numbers of posts."),
    "daemon": (
        "One new post in the daemon",
        "A post is written into the folder of a running daemon. A change is over when nothing more was heard for 0.25 s; then the daemon "
        "is told of the file, and publishes. Both times end when all feeds are on disk.",
    ),
    "formats": ("What a publish costs by what is published", "Cold, and then one new post where everything is published."),
    "sync": (
        "Syncing",
        "All programs poll the same origin on loopback: feeds of 50 entries of 3 kB. What the origin answered, and how many entries are "
        "kept, is checked after each poll. feedmill writes every entry as a file; the others write a row of a database.",
    ),
    "sources": (
        "Polling, by the number of sources",
        "Feeds of 10 short entries. In the daemon one source in twenty has a new entry; its poll lasts from the look at what is due until "
        "the last source is done with. With the most sources reader is measured with one worker alone, which is its default.",
    ),
    "serve": (
        "Serving",
        "One feed, 50 connections that each ask again at once, one worker each, on the cores that the load runs on too. That all "
        "answer the same is checked first. nginx is as Debian sets it up, with compression of feeds switched on and its log switched off.",
    ),
    "waits": (
        "Waits of readers while the daemon works",
        "50 readers ask 1,000 times a second in all. Memory is that of the daemon itself; the last column has all its processes.",
    ),
    "start": ("Starting", "The samples are those of this project."),
}

#: The plots, which part they stand in, and what they show.
PLOTS = {
    "publishing.svg": ("growth", "Time and memory of publishing against the number of posts"),
    "sources.svg": ("sources", "Time and memory of a poll with nothing new against the number of sources"),
}


def tell_part(part: Part) -> Iterator[str]:
    """One part: a table for every kind of work, and what was not as it should be."""
    heading, what = PARTS[part.name]
    yield from (f"## {heading}", "", what, "")
    if part.load_before > int(part.machine.get("cores") or 1):
        yield from (f"**The machine was busy** (load {part.load_before:g} before): the times say little, their ratios somewhat more.", "")
    for kind in dict.fromkeys(work.kind for work in part.works):
        yield from tell_kind([work for work in part.works if work.kind == kind])
    for name, why in part.missing.items():
        yield from (f"Not measured: {name} ({why}).", "")
    yield from (f"- **Not the same work**: {complaint}" for complaint in part.complaints)
    if part.complaints:
        yield ""


def tell_kind(works: Sequence[Work]) -> Iterator[str]:
    """A table of one work in all its sizes: every quantity, and how the main one stands to that of the first program."""
    known = [name for name in QUANTITIES if any(name in numbers for work in works for rounds in work.rounds.values() for numbers in rounds)]
    if not known:
        return
    is_sized = works[0].size > 1
    heads = [
        *([works[0].unit] if is_sized else []),
        "program",
        "rounds",
        QUANTITIES[known[0]].head,
        "to the first",
        *(QUANTITIES[name].head for name in known[1:]),
    ]
    yield from (f"### {works[0].kind}", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|")
    for work in works:
        for one in work.series:
            share = one.median(known[0]) / work.series[0].median(known[0])
            cells = [*([f"{work.size:,}"] if is_sized else []), one.name, str(len(one.rounds)), cell(one, known[0]), f"{share:.2f}"]
            cells += [cell(one, name) for name in known[1:]]
            yield "| " + " | ".join(cells) + " |"
    yield ""
    for work in works:
        if work.outcome:
            yield f"- {work.size:,} {work.unit}: " + "; ".join(f"{name} has {tell_outcome(made)}" for name, made in work.outcome.items())
    if any(work.outcome for work in works):
        yield ""


def cell(series: Series, quantity: str) -> str:
    """The middle and the spread."""
    if any(quantity not in numbers for numbers in series.rounds):
        return "–"
    show = QUANTITIES[quantity].show
    least, most = map(show, series.spread(quantity))
    return show(series.median(quantity)) + (f" ({least}–{most})" if least != most else "")


def tell_targets(works: Sequence[Work]) -> Iterator[str]:
    """All that is to be reached."""
    yield from ("| work | to be reached | measured | |", "|---|---|---|---|")
    for target in TARGETS:
        verdict = target.judge(works)
        yield f"| {subject(target)} | {bound(target)} | {measured(verdict)} | {verdict.word} |"


def subject(target: Target) -> str:
    """The work."""
    program = "" if target.program == "feedmill" else f": {target.program}"
    return target.kind + (f", {target.size:,} {target.unit}" if target.size > 1 else "") + program


def bound(target: Target) -> str:
    """What is to be reached, in words."""
    quantity = QUANTITIES[target.quantity]
    other = target.peer or (f"with {target.beside:,}" if target.beside else "")
    if not other:
        return f"{quantity.head} at most {quantity.show(target.at_most or 0)}"
    if target.at_least is not None:
        times = "" if target.at_least == 1 else f"{target.at_least:g} times "
        return f"{quantity.head}: {times}{'the rate of' if target.quantity == 'rate' else 'as fast as'} {other}"
    return f"{quantity.head}: at most {target.at_most:g} times that {'of ' if target.peer else ''}{other}"


def measured(verdict: Verdict) -> str:
    """The ratio, or the number itself."""
    target = verdict.target
    if verdict.value is None:
        return "–"
    return f"{verdict.value:.2f} times" if target.peer or target.beside else QUANTITIES[target.quantity].show(verdict.value)


def tell_machines(parts: Sequence[Part]) -> Iterator[str]:
    """What it was measured on, when, and beside what."""
    for machine in dict.fromkeys(", ".join(f"{what}: {value}" for what, value in part.machine.items()) for part in parts):
        yield f"- {machine}"
    versions = {name: version for part in parts for name, version in part.versions.items()}
    yield "- " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items(), key=lambda one: one[0].lower()))
    for part in parts:
        yield f"- {PARTS[part.name][0]} (`{part.name}`): {part.date}, {part.seconds:.0f} s, load {part.load_before:g} before"
    for name in PARTS:
        if name not in {part.name for part in parts}:
            yield f"- {PARTS[name][0]} (`{name}`): not measured"


def render(parts: Sequence[Part], plots: Sequence[str]) -> str:
    """Return the page; `plots` are the names of those that are there."""
    parts = sorted(parts, key=lambda part: list(PARTS).index(part.name))
    lines = [
        _HEAD,
        *tell_targets([work for part in parts for work in part.works]),
        "",
        "## What it was measured on",
        "",
        *tell_machines(parts),
        "",
    ]
    for part in parts:
        lines += tell_part(part)
        lines += [
            line
            for name, (of, title) in PLOTS.items()
            if of == part.name and name in plots
            for line in (f"![{title}](performance/{name})", "")
        ]
    return "\n".join(lines).rstrip() + "\n"


def write(folder: Path, page: Path) -> None:
    """Write the page of what is kept in `folder`; plots lie in a folder beside it."""
    plots = [path.name for path in page.with_suffix("").glob("*.svg")]
    page.write_text(render(results.load(folder), plots), encoding="utf-8")


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description="The page of what was measured.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    write(given.results, given.page)


if __name__ == "__main__":
    main()
