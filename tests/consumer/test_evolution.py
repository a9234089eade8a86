"""Real feeds over time: one post an article, whatever versions were missed in between, and the same with and without the sieve."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest

from feedmill.config import SourceConfig
from feedmill.consumer.compose import compose
from feedmill.consumer.decide import Known, decide, updated_date
from feedmill.consumer.links import fold_title, normal_link, slug
from feedmill.consumer.reading import read_document
from feedmill.posts.record import from_epoch
from feedmill.posts.writing import encode
from feedmill.state.ledger import STORED, Article
from feedmill.upstream import FeedDocument
from syncing import FEED, Synced, synced

pytestmark = pytest.mark.long

FEEDS = ("paulgraham", "cohere-blog", "mila-news")
SOURCE = SourceConfig(name="up", url="https://upstream.example.org/feed")
#: Each version is fetched an hour after the one before, long after every date in them.
START, HOUR = 1_800_000_000, 3600


@dataclass
class Replay:
    """A ledger in memory that takes documents one after the other; posts by key, as the bytes of their files."""

    articles: dict[str, Article] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    posts: dict[str, bytes] = field(default_factory=dict)
    updates: int = 0
    now: int = START

    def take(self, document: FeedDocument) -> None:
        self.now += HOUR
        known = Known(number=1, name="up", articles=list(self.articles.values()), marks=self.marks)
        plan = decide(document, known, now=self.now)
        for step in plan.new:
            number = step.before.article if step.before else len(self.articles) + 1
            self.articles[step.article.key] = step.article._replace(article=number, status=STORED)
            updated = updated_date(step.entry, step.article.posted, self.now)
            self._write(step, None if updated is None else from_epoch(updated))
        for step in plan.updated:
            self.articles[step.article.key] = step.article
            self.updates += 1
            moment = updated_date(step.entry, step.article.posted, self.now)
            self._write(step, from_epoch(self.now if moment is None else moment))
        self.articles.update((article.key, article) for article in plan.noted)
        self.marks.update((mark, self.articles[key].article) for mark, key in plan.marks.items() if key)

    def _write(self, step, updated) -> None:
        posted = from_epoch(step.article.posted)
        self.posts[step.article.key] = encode(compose(step.entry, SOURCE, key=step.article.key, posted=posted, updated=updated))

    @property
    def titles(self) -> set[str]:
        return {article.title for article in self.articles.values()}


def versions(corpus: Path, feed: str) -> list[Path]:
    return sorted((corpus / "evolution" / feed).glob("*.xml"))


@cache
def whole(path: Path) -> FeedDocument:
    """A version, read without a sieve."""
    return read_document(path.read_bytes(), url="https://upstream.example.org/feed")


def replay(paths: Iterable[Path]) -> Replay:
    done = Replay()
    for path in paths:
        done.take(whole(path))
    return done


def articles_in(paths: Iterable[Path]) -> set[str]:
    """What a person would count as articles: an address, however the site spells its beginning (cohere.com/blog/blog/…)."""
    return {slug(normal_link(entry.link)) or entry.guid for path in paths for entry in whole(path).entries}


def samples(count: int, seed: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Random choices of versions, the first one not always among them."""
    rng = random.Random(seed)
    for number in range(count):
        feed = FEEDS[number % len(FEEDS)]
        kept = rng.choice((2, 3, 5, 10, 20))
        yield feed, tuple(sorted(rng.sample(range(27), kept)))


@pytest.mark.parametrize("feed", FEEDS)
def test_every_version_in_turn_gives_one_post_an_article(corpus: Path, feed: str) -> None:
    paths = versions(corpus, feed)
    done = replay(paths)
    assert {slug(article.link) or article.guid for article in done.articles.values()} == articles_in(paths)
    assert len(done.posts) == len(done.articles) == len(articles_in(paths))


@pytest.mark.parametrize(("feed", "chosen"), list(samples(120, 7)), ids=str)
def test_missed_versions_cost_the_articles_that_were_never_seen_and_no_others(corpus: Path, feed: str, chosen: Sequence[int]) -> None:
    paths = [versions(corpus, feed)[number] for number in chosen]
    done = replay(paths)
    found = sorted(slug(article.link) or article.guid for article in done.articles.values())
    assert found == sorted(articles_in(paths))


@pytest.mark.parametrize("feed", FEEDS)
def test_an_article_that_changed_is_rewritten_and_ends_as_the_last_version_has_it(corpus: Path, feed: str) -> None:
    paths = versions(corpus, feed)
    done = replay(paths)
    titles = {slug(article.link) or article.guid: article.title for article in done.articles.values()}
    last = {slug(normal_link(entry.link)) or entry.guid: fold_title(entry.title) for entry in whole(paths[-1]).entries}
    assert last.items() <= titles.items()
    assert bool(done.updates) is (feed != "mila-news"), "there the zone of midnight alone went to and fro"


@pytest.mark.parametrize("feed", FEEDS)
def test_the_sieve_gives_the_posts_that_reading_everything_gives(corpus: Path, feed: str) -> None:
    paths = versions(corpus, feed)
    with_sieve, without = Replay(), Replay()
    for path in paths:
        without.take(whole(path))
        known = frozenset(with_sieve.marks)
        with_sieve.take(read_document(path.read_bytes(), url="https://upstream.example.org/feed", known=known))
    assert with_sieve.posts == without.posts
    assert with_sieve.updates == without.updates


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Synced]:
    with synced(tmp_path) as up:
        yield up


@pytest.mark.parametrize("feed", FEEDS)
def test_syncing_every_version_gives_one_post_an_article_on_disk(corpus: Path, up: Synced, feed: str) -> None:
    paths = versions(corpus, feed)
    for path in paths:
        up.origin.script(FEED, [])
        up.serve(path.read_bytes())
        report = up.again()
        assert report.result == "ok"
    assert len(up.files) == len(articles_in(paths))
    assert {post.guid for post in up.posts.values()} == set(replay(paths).articles)


def known_subsets(count: int, rng: random.Random) -> Iterator[set[int]]:
    """Some of the subsets of a document's entries that were known before: a beginning, one entry, random ones."""
    yield set()
    yield set(range(1, count))
    yield set(range(count // 2, count))
    yield {rng.randrange(count)}
    yield from ({number for number in range(count) if rng.random() < share} for share in (0.2, 0.5, 0.8))


def real_feeds() -> list[str]:
    """The names of real documents; without the corpus one name stands for all, and is skipped."""
    folder = Path(os.environ.get("FEEDMILL_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "feeds"
    return sorted(path.name for path in folder.glob("*.xml")) or ["none"]


@pytest.mark.parametrize("name", real_feeds())
def test_whatever_was_known_the_sieve_gives_the_posts_that_reading_everything_gives(corpus: Path, name: str) -> None:
    path = corpus / "feeds" / name
    document = whole(path)
    for known in known_subsets(len(document.entries), random.Random(name)):
        before = replace(document, entries=tuple(entry for number, entry in enumerate(document.entries) if number in known))
        with_sieve, without = Replay(), Replay()
        for ledger in (with_sieve, without):
            ledger.take(before)
        without.take(document)
        with_sieve.take(read_document(path.read_bytes(), url="https://upstream.example.org/feed", known=frozenset(with_sieve.marks)))
        assert with_sieve.posts == without.posts
