"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from feedmill.service.metrics import Counts, Metrics


def numbers(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def test_every_number_is_read_as_it_is_now():
    counts = Counts()
    metrics = Metrics(counts, asked=lambda: iter([("sources_due", "due", 3), ("left_out_total", "left", 2)]))
    assert ("feedmill_posts", ()) not in numbers(metrics)
    counts.responses.update([200, 304, 304])
    counts.fetches["not-modified"] += 5
    counts.pings.update(["taken", "failed", "failed"])
    counts.pings_waiting = 4
    counts.posts, counts.ticks, counts.tick_lag = 12, 7, 0.25
    metrics.published(0.3)
    found = numbers(metrics)
    assert found["feedmill_responses_total", (("status", "304"),)] == 2
    assert found["feedmill_responses_total", (("status", "200"),)] == 1
    assert found["feedmill_fetches_total", (("result", "not-modified"),)] == 5
    assert found["feedmill_pings_total", (("result", "failed"),)] == 2
    assert found["feedmill_pings_waiting", ()] == 4
    assert found["feedmill_posts", ()] == 12
    assert found["feedmill_ticks_total", ()] == 7
    assert found["feedmill_tick_lag_seconds", ()] == 0.25
    assert found["feedmill_sources_due", ()] == 3
    assert found["feedmill_left_out_total", ()] == 2
    assert found["feedmill_publish_seconds_count", ()] == 1
    assert found["feedmill_publish_seconds_bucket", (("le", "0.5"),)] == 1
    assert found["feedmill_publish_seconds_bucket", (("le", "0.25"),)] == 0
    assert found["process_resident_memory_bytes", ()] > 0


def test_two_services_in_one_process_do_not_meet():
    first, second = Counts(), Counts()
    one, other = Metrics(first), Metrics(second)
    first.ticks = 1
    assert numbers(one)["feedmill_ticks_total", ()] == 1
    assert numbers(other)["feedmill_ticks_total", ()] == 0
