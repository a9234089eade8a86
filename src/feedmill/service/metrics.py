"""What is counted while the service runs, and how Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE_LATEST", "Counts", "Metrics"]

#: From a changed title to the cold publish of a large site, in seconds.
_PUBLISH_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(slots=True)
class Counts:
    """Plain numbers: a feed is served in less time than a metric of the client library is found."""

    #: Answers by status.
    responses: Counter[int] = field(default_factory=Counter)
    #: Fetches by result (`model.Result`).
    fetches: Counter[str] = field(default_factory=Counter)
    posts_new: int = 0
    posts_updated: int = 0
    publishes: Counter[str] = field(default_factory=Counter)
    feeds_written: int = 0
    #: Pings to hubs by what became of them (`producer.pinging.Turn.results`), and those that wait.
    pings: Counter[str] = field(default_factory=Counter)
    pings_waiting: int = 0
    reloads: Counter[str] = field(default_factory=Counter)
    ticks: int = 0
    #: Ticks that came while the one before was still at work, and jobs of the scheduler that raised.
    ticks_skipped: int = 0
    jobs_failed: int = 0
    #: How late the latest tick was, and the latest of all, in seconds.
    tick_lag: float = 0.0
    tick_lag_most: float = 0.0
    #: Posts that stand in feeds, as the last publish counted them; None before the first.
    posts: int | None = None


#: Numbers that are asked for when somebody reads: name, help, value; a name that ends in `_total` is a counter.
Asked = Callable[[], Iterator[tuple[str, str, float]]]


class Metrics:
    """The registry of one service; no label holds an address or a text of upstream."""

    def __init__(self, counts: Counts, *, asked: Asked = lambda: iter(())) -> None:
        self._registry = CollectorRegistry()
        self._publish_seconds = Histogram(
            "feedmill_publish_seconds", "Time a publish took", buckets=_PUBLISH_BUCKETS, registry=self._registry
        )
        self._registry.register(_Numbers(counts, asked))
        ProcessCollector(registry=self._registry)

    def published(self, seconds: float) -> None:
        """Count a publish that took so long."""
        self._publish_seconds.observe(seconds)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format (`CONTENT_TYPE_LATEST`)."""
        return generate_latest(self._registry)


class _Numbers(Collector):
    def __init__(self, counts: Counts, asked: Asked) -> None:
        self._counts, self._asked = counts, asked

    def describe(self) -> list[Metric]:
        """Say nothing beforehand: else the registry would ask for all numbers when it is made."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every number as it is now."""
        counts = self._counts
        yield _labelled("responses", "HTTP answers by status", "status", counts.responses)
        yield _labelled("fetches", "Fetches of upstream feeds by result", "result", counts.fetches)
        yield _labelled("publishes", "Runs of publish by outcome", "outcome", counts.publishes)
        yield _labelled("pings", "Pings to hubs by result", "result", counts.pings)
        yield _labelled("reloads", "Readings of a changed configuration by outcome", "outcome", counts.reloads)
        for name, text, value in (*_plain(counts), *self._asked()):
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"feedmill_{name}", text, value=value)


def _labelled(name: str, text: str, label: str, numbers: Counter[int] | Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"feedmill_{name}", text, labels=[label])
    for key, number in sorted(numbers.items(), key=str):
        family.add_metric([str(key)], number)
    return family


def _plain(counts: Counts) -> Iterator[tuple[str, str, float]]:
    yield "posts_new_total", "Posts that syncing stored", counts.posts_new
    yield "posts_updated_total", "Posts that syncing rewrote", counts.posts_updated
    yield "feeds_written_total", "Feed files that publishing wrote", counts.feeds_written
    yield "pings_waiting", "Pings to hubs that were not taken yet", counts.pings_waiting
    yield "ticks_total", "Looks at what is due", counts.ticks
    yield "ticks_skipped_total", "Looks left out because the one before was still at work", counts.ticks_skipped
    yield "jobs_failed_total", "Jobs of the scheduler that ended in an error", counts.jobs_failed
    yield "tick_lag_seconds", "How late the latest look was", counts.tick_lag
    yield "tick_lag_most_seconds", "How late the latest of all looks was", counts.tick_lag_most
    if counts.posts is not None:
        yield "posts", "Posts that stand in feeds", counts.posts
