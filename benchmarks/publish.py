"""Publishing 10,000 posts beside Hugo: cold, with nothing to do, and with one new post; all formats and the history beside Atom alone;
and how fast the commands start.

    python benchmarks/publish.py [--posts N] [--rounds N]

Both programs get the same posts and make the same feeds: one for the root and every category node, 50 full entries each.
They take turns (A B A B ...), so that a machine that slows down slows both. What counts are the ratios of one run.
The posts come from `mkposts.py` in ../shared/bench or in $FEEDMILL_BENCH.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from processes import Series, measure

ROOT = Path(__file__).resolve().parent.parent
PUBLISH = [str(Path(sys.executable).with_name("publish-feed"))]
CONFIG = "site:\n  title: x\n  url: https://x.example/\n  author: x\n  language: zh-CN\n  timezone: UTC\n"
NEW_POST = """---
title: 'new'
categories: 
 - 编程
 - 来源1
 - 频道1
headimg: ''
author: x
comments: false
date: {date}
thumbnail: ''
---

<div>
<p>new</p>
</div>
"""  # noqa: W291


def prepare(folder: Path, posts: int) -> tuple[Path, Path | None]:
    """Return a feedmill site and, where Hugo is installed, a Hugo site with the same posts."""
    tools = Path(os.environ.get("FEEDMILL_BENCH", ROOT.parent / "shared" / "bench"))
    if not (tools / "mkposts.py").is_file():
        sys.exit(f"no mkposts.py in {tools}: set FEEDMILL_BENCH to the folder that has it")
    ours, theirs = folder / "feedmill", folder / "hugo"
    subprocess.run([sys.executable, str(tools / "mkposts.py"), str(posts), str(ours / "posts"), "hexo"], check=True)
    (ours / "config.yaml").write_text(CONFIG)
    if shutil.which("hugo") is None:
        print("Hugo is not installed: not measured (apt-get install hugo)")
        return ours, None
    shutil.copytree(tools / "hugo", theirs)
    subprocess.run([sys.executable, str(tools / "mkposts.py"), str(posts), str(theirs / "content"), "hugo"], check=True)
    return ours, theirs


def forget(site: Path) -> None:
    """Put aside what a publish made: just after thousands of files were removed, ext4 takes ten times as long to make a file."""
    aside = site.with_name(f"{site.name}-{time.monotonic_ns()}")
    for name in ("feeds", ".feedmill", "public", "resources"):
        if (site / name).exists():
            aside.mkdir(exist_ok=True)
            (site / name).rename(aside / name)


def rounds(count: int, parts: dict[str, tuple[list[str], Path, Callable[[int], object]]]) -> dict[str, Series]:
    """Run every part `count` times in turn, each after its preparation; one round before that is not counted."""
    runs: dict[str, list] = {name: [] for name in parts}
    for number in range(count + 1):
        for name, (command, cwd, before) in parts.items():
            before(number)
            result = measure(command, cwd=cwd)
            if number:
                runs[name].append(result)
    return {name: Series(name, tuple(results)) for name, results in runs.items()}


def add_post(site: Path, style: str) -> Callable[[int], object]:
    """Return a preparation that adds one new post."""

    def add(number: int) -> None:
        date = f"Mon, 05 Jan 2026 {number:02d}:00:00 GMT" if style == "hexo" else f"2026-01-05T{number:02d}:00:00Z"
        folder = site / ("posts" if style == "hexo" else "content")
        (folder / f"new-{number}.md").write_text(NEW_POST.format(date=date))

    return add


def compare(title: str, ours: Series, theirs: Series | None) -> None:
    """Print both and their ratios."""
    print(f"\n{title}\n  {ours.row()}")
    if theirs is not None:
        print(f"  {theirs.row()}")
        print(f"  Hugo takes {theirs.wall / ours.wall:.2f} times as long, feedmill {ours.memory / theirs.memory:.2f} of its memory")


def check_same_work(ours: Path, theirs: Path | None) -> None:
    """Print how many feeds and entries came out; Hugo adds feeds for its folders, which nobody asked for."""
    feeds = sorted((ours / "feeds").rglob("atom.xml"))
    entries = sum(feed.read_bytes().count(b"<entry>") for feed in feeds)
    print(f"feedmill: {len(feeds)} feeds, {entries:,} entries, {sum(feed.stat().st_size for feed in feeds) / 1e6:.1f} MB")
    if theirs is not None:
        found = [feed.read_bytes() for feed in sorted((theirs / "public").rglob("index.xml"))]
        items = sum(feed.count(b"<item>") for feed in found)
        print(f"Hugo:     {len(found)} feeds, {items:,} entries, {sum(map(len, found)) / 1e6:.1f} MB")


#: What is published, by name, and the lines of config.yaml for it.
KINDS = {
    "Atom": "",
    "Atom, RSS and JSON": "feeds:\n  formats: [atom, rss, json]\n",
    "Atom with its history": "feeds:\n  history: true\n",
    "all of it": "feeds:\n  formats: [atom, rss, json]\n  history: true\n",
}


def configured(site: Path, extra: str, before: Callable[[int], object]) -> Callable[[int], object]:
    """Return a preparation that writes the configuration first."""

    def prepared(number: int) -> None:
        (site / "config.yaml").write_text(CONFIG + extra)
        before(number)

    return prepared


def compare_formats(ours: Path, count: int) -> None:
    """Measure cold publishes of every kind beside that of Atom alone, then one new post in a site with its whole history."""
    parts = {name: (PUBLISH, ours, configured(ours, extra, lambda _: forget(ours))) for name, extra in KINDS.items()}
    cold = rounds(count, parts)
    print("\nCold publish by what is published")
    for series in cold.values():
        print(f"  {series.row()}; {series.wall / cold['Atom'].wall:.2f} times the time of Atom")
    one = rounds(count, {"one new post in all of it": (PUBLISH, ours, add_post(ours, "hexo"))})
    print(f"  {one['one new post in all of it'].row()}")
    files = sum(1 for file in (ours / "feeds").rglob("*") if file.is_file())
    print(f"  {files:,} files in feeds/")
    (ours / "config.yaml").write_text(CONFIG)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Publishing beside Hugo.")
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as folder:
        ours, theirs = prepare(Path(folder), arguments.posts)
        hugo = (["hugo", "--quiet"], theirs, lambda _: forget(theirs)) if theirs else None
        print(f"{arguments.posts:,} posts, {arguments.rounds} round(s), {os.cpu_count()} cores; median (spread), all processes together")

        parts = {"feedmill, cold": (PUBLISH, ours, lambda _: forget(ours))} | ({"Hugo, build": hugo} if hugo else {})
        cold = rounds(arguments.rounds, parts)
        compare("Cold publish", cold["feedmill, cold"], cold.get("Hugo, build"))
        check_same_work(ours, theirs)

        same = rounds(arguments.rounds, {"feedmill, nothing to do": (PUBLISH, ours, lambda _: None)})
        compare("No-op publish", same["feedmill, nothing to do"], cold.get("Hugo, build"))

        parts = {"feedmill, one new post": (PUBLISH, ours, add_post(ours, "hexo"))}
        if theirs:
            more = add_post(theirs, "hugo")
            parts["Hugo, one new post"] = (["hugo", "--quiet"], theirs, more)
        one = rounds(arguments.rounds, parts)
        compare("One new post", one["feedmill, one new post"], one.get("Hugo, one new post"))

        compare_formats(ours, arguments.rounds)

        sample = Path(folder) / "sample"
        sample.mkdir()
        shutil.copytree(ROOT / "posts", sample / "posts")
        shutil.copy(ROOT / "config.yaml", sample)
        start = rounds(
            arguments.rounds,
            {
                "feedmill --help": ([str(Path(sys.executable).with_name("feedmill")), "--help"], sample, lambda _: None),
                "publish-feed, samples, nothing new": (PUBLISH, sample, lambda _: None),
            },
        )
        print("\nStarting")
        for series in start.values():
            print(f"  {series.row()}")


if __name__ == "__main__":
    main()
