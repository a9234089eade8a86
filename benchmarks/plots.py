"""Time and memory against size, as SVG: the same results give the same bytes.

python plots.py RESULTS FOLDER        by the interpreter of .venv-bench, which has matplotlib
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from aims import COLD, IDLE, NOOP, ONE
from results import Series, Work, load

_COLOURS = {"feedmill": "#c2410c", "Hugo": "#1d4ed8", "Pelican": "#15803d", "reader": "#7e22ce", "newsboat": "#0f766e"}
_UNITS = {"wall": ("seconds", 1.0), "memory": ("MB, all processes", 1e6)}
#: A fixed salt in place of a random one, and text as text: small files, and a difference shows what has changed.
_STYLE = {"svg.hashsalt": "feedmill", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "figure.facecolor": "white"}


def points(works: Sequence[Work], name: str) -> Iterator[tuple[int, Series]]:
    """Sizes with the rounds of a program, the smallest first."""
    for work in sorted(works, key=lambda work: work.size):
        yield from ((work.size, one) for one in work.series if one.name == name)


def draw(axes: Axes, works: Sequence[Work], quantity: str, title: str) -> None:
    """Draw a line for every program, with the spread at each size."""
    unit, scale = _UNITS[quantity]
    for name in dict.fromkeys(one.name for work in works for one in work.series):
        sizes, series = zip(*points(works, name), strict=True)
        middle = [one.median(quantity) / scale for one in series]
        reach = [one.spread(quantity) for one in series]
        below = [value - least / scale for value, (least, _) in zip(middle, reach, strict=True)]
        above = [most / scale - value for value, (_, most) in zip(middle, reach, strict=True)]
        is_other = name.endswith(" 1 worker")
        axes.errorbar(
            sizes, middle, yerr=(below, above), label=name, color=_COLOURS.get(name.partition(",")[0]), marker="o", markersize=3.5,
            linewidth=1.4, capsize=2, linestyle="--" if is_other else "-",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", title=title, xlabel=works[0].unit, ylabel=unit)
    sizes = sorted({work.size for work in works})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.minorticks_off()
    axes.grid(visible=True, color="#e5e5e5", linewidth=0.6)


def plot(works: Sequence[Work], kinds: Sequence[str], path: Path) -> None:
    """Write one file: a column for every kind of work, time above and memory below."""
    columns = [[work for work in works if work.kind == kind and work.rounds] for kind in kinds]
    if any(len(column) < 2 for column in columns):
        return
    figure = Figure(figsize=(1.4 + 2.9 * len(kinds), 5.6), layout="constrained")
    grid = figure.subplots(2, len(kinds), squeeze=False)
    for number, (kind, column) in enumerate(zip(kinds, columns, strict=True)):
        for row, quantity in enumerate(_UNITS):
            draw(grid[row][number], column, quantity, kind if row == 0 else "")
    grid[0][0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def main() -> None:
    """Write both files."""
    works = [work for part in load(Path(sys.argv[1])) for work in part.works]
    with mpl.rc_context(_STYLE):
        plot(works, (COLD, NOOP, ONE), Path(sys.argv[2], "publishing.svg"))
        plot(works, (IDLE,), Path(sys.argv[2], "sources.svg"))


if __name__ == "__main__":
    main()
