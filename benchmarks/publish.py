"""Publishing beside Hugo and Pelican: cold, with nothing to do, and with one new post, by the number of posts; and by what is published."""

from __future__ import annotations

from collections.abc import Sequence

from aims import COLD, FORMATS, NOOP, ONE
from options import Options
from publishers import CONFIG, OURS, Publisher, find_publishers, read_outcome
from publishing import Site
from results import Numbers, Part, Turn, Work, take_turns

#: Rounds of a small and of a large site. Hugo takes half a minute for a large one.
_OF_SMALL, _OF_LARGE = 5, 2
_OF_FORMATS = 3
#: Pelican makes everything anew each time, and takes minutes for the usual number of posts; above that it is left out.
_PELICAN_OF_USUAL = 1
#: What is published, by name, and the lines of config.yaml for it.
KINDS = {
    "Atom": "",
    "Atom, RSS and JSON": "feeds:\n  formats: [atom, rss, json]\n",
    "Atom with its history": "feeds:\n  history: true\n",
    "all of it": "feeds:\n  formats: [atom, rss, json]\n  history: true\n",
}


def measure_usual(part: Part, options: Options) -> None:
    """The usual number of posts."""
    found = find_publishers(part, options.python)
    measure_size(part, options, found, posts=options.posts, rounds=options.rounds, of_pelican=_PELICAN_OF_USUAL)


def measure_growth(part: Part, options: Options) -> None:
    """A tenth of it, and ten times as many."""
    found = find_publishers(part, options.python)
    small, large = options.at_most(_OF_SMALL), options.at_most(_OF_LARGE)
    measure_size(part, options, found, posts=options.posts // 10, rounds=small, of_pelican=options.at_most(2))
    without = [publisher for publisher in found if publisher.name != "Pelican"]
    if len(without) < len(found):
        part.missing[f"Pelican, {options.many_posts:,} posts"] = "it would take too long"
    measure_size(part, options, without, posts=options.many_posts, rounds=large)


def measure_size(part: Part, options: Options, found: Sequence[Publisher], *, posts: int, rounds: int, of_pelican: int = 0) -> None:
    """The three works with so many posts; the outcome is compared after the first, and that the new post is there after the last."""
    sites = [options.sites.get(publisher, posts) for publisher in found]
    most = {"Pelican": of_pelican}

    def turns(run: str) -> list[Turn]:
        return [Turn(site.publisher.name, lambda _, site=site: getattr(site, run)(), most.get(site.publisher.name)) for site in sites]

    cold = part.begin(COLD, posts, "posts")
    take_turns(cold, turns("publish_anew"), rounds)
    compare(cold, sites)

    often = [site for site in sites if most.get(site.publisher.name, rounds) > 1]
    noop = part.begin(NOOP, posts, "posts")
    take_turns(noop, [turn for turn in turns("publish") if turn.name in {site.publisher.name for site in often}], rounds)

    one = part.begin(ONE, posts, "posts")
    take_turns(
        one,
        [Turn(site.publisher.name, lambda _, site=site: publish_one(one, site), most.get(site.publisher.name)) for site in often],
        rounds,
    )


def publish_one(work: Work, site: Site) -> Numbers:
    """Write one new post and publish it."""
    number = site.add()
    numbers = site.publish()
    if not site.has(number):
        work.complaints.append(f"{site.publisher.name} has not published the new post")
    return numbers


def compare(work: Work, sites: Sequence[Site]) -> None:
    """Complain unless all sites have the same number of feeds, and in these the same entries with the same whole text."""
    first = None
    for site in sites:
        work.outcome[site.publisher.name], digests = read_outcome(site.feeds)
        first = first or digests
        if different := (first - digests).total():
            work.complaints.append(f"{different} feeds of {site.publisher.name} have other texts than those of {sites[0].publisher.name}")
    work.compare_outcomes()


def measure_formats(part: Part, options: Options) -> None:
    """All formats and the history beside Atom alone: cold, then one new post in a site that has everything."""
    site = options.sites.get(OURS, options.posts)

    def publish_kind(kind: str) -> Numbers:
        (site.folder / "config.yaml").write_text(CONFIG + KINDS[kind], encoding="utf-8")
        return site.publish_anew()

    rounds = options.at_most(_OF_FORMATS)
    cold = part.begin(FORMATS, options.posts, "posts")
    take_turns(cold, [Turn(kind, lambda _, kind=kind: publish_kind(kind)) for kind in KINDS], rounds)
    one = part.begin(f"{ONE}, all of it", options.posts, "posts")
    take_turns(one, [Turn(site.publisher.name, lambda _: publish_one(one, site))], rounds)
    one.outcome["feeds/"] = {"files": sum(1 for file in (site.folder / "feeds").rglob("*") if file.is_file())}
    (site.folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
