"""Durations, sizes, cron lines and networks, from text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.configvalues import (
    AllowedNetwork,
    Cron,
    parse_cron,
    parse_duration,
    parse_interval,
    parse_keep,
    parse_network,
    parse_size,
)

DURATIONS = [
    ("90s", timedelta(seconds=90)),
    ("30m", timedelta(minutes=30)),
    ("1h", timedelta(hours=1)),
    ("1d", timedelta(days=1)),
    ("2w", timedelta(weeks=2)),
    ("500ms", timedelta(milliseconds=500)),
    ("0", timedelta(0)),
    ("0.5s", timedelta(seconds=0.5)),
    ("1h30m", timedelta(minutes=90)),
    (" 1 H ", timedelta(hours=1)),
]


@pytest.mark.parametrize(("text", "expected"), DURATIONS, ids=[text for text, _ in DURATIONS])
def test_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("90", "it has no unit"),
        ("soon", ""),
        ("1h and a half", ""),
        ("-1h", ""),
        ("", ""),
        ("١h", ""),
        ("999999999w", "it is longer than ten years"),
        ("9" * 5000 + "h", ""),
    ],
)
def test_what_is_no_duration(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", timedelta(minutes=30)),
        ("60s", timedelta(minutes=1)),
        ("auto", "auto"),
        ("AUTO", "auto"),
        ("*/30 * * * *", Cron("*/30 * * * *")),
        ("0 7 * * mon-fri", Cron("0 7 * * mon-fri")),
    ],
)
def test_intervals(text: str, expected: object) -> None:
    assert parse_interval(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("59s", "it is shorter than 1m"),
        ("0", "it is shorter than 1m"),
        ("@hourly", "short forms with @ are not known; write the five fields"),
        ("* * *", "cron text has five fields, this has 3"),
    ],
)
def test_what_is_no_interval(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_interval(text)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "0,15,30,45 8-18 * * *",
        "5/15 * * * *",
        "0 0 1 jan,JUL *",
        "0 0 * * 0",
        "0 0 * * 7",
        "0 0 * * sat-sun",
        "0 0 * * sun-wed",
        "0 0 29 2 *",
        "0 0 31 1-12/2 *",
        "0 0 31 2 mon",
    ],
)
def test_cron_lines(text: str) -> None:
    cron = parse_cron(f"  {text} ")
    assert cron.text == text.lower()
    assert len(cron.fields) == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60 * * * *", 'its minute "60" is not within 0-59'),
        ("* 24 * * *", 'its hour "24" is not within 0-23'),
        ("* * 0 * *", 'its day "0" is not within 1-31'),
        ("* * * 13 *", 'its month "13" is not within 1-12 or jan-dec'),
        ("* * * * 8", 'its weekday "8" is not within 0-7 or sun-sat'),
        ("* * * * monday", 'its weekday "monday" is not within 0-7 or sun-sat'),
        ("*/0 * * * *", "its minute step /0 is not a number from 1 to 59"),
        ("*/90 * * * *", "its minute step /90 is not a number from 1 to 59"),
        ("1,,2 * * * *", 'its minute "" is not within 0-59'),
        ("30-10 * * * *", "its minute range 30-10 runs backwards"),
        ("* * L * *", 'its day "l" is not within 1-31'),
        ("² * * * *", 'its minute "²" is not within 0-59'),
        ("0 0 30 2 *", "that day never comes"),
        ("0 0 31 4,6 *", "that day never comes"),
        ("* * * * * *", "cron text has five fields, this has 6"),
    ],
)
def test_what_is_no_cron_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_cron(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "size"),
    [("10MB", 10_000_000), ("512 kB", 512_000), ("1048576", 1_048_576), ("1.5mb", 1_500_000), ("1MiB", 1_048_576), ("2000 b", 2000)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "reason"), [("10", "it is less than 1 kB"), ("ten", ""), ("-1MB", ""), ("10 TB", ""), ("", "")])
def test_what_is_no_size(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_size(text)


@pytest.mark.parametrize(("text", "keep"), [("1000", 1000), ("90d", timedelta(days=90)), ("1", 1)])
def test_keep(text: str, keep: object) -> None:
    assert parse_keep(text) == keep


@pytest.mark.parametrize(
    ("text", "reason"),
    [("0", "it would keep nothing; to stop a source set `enabled: false`"), ("5m", "it is shorter than 1h"), ("all", "")],
)
def test_what_cannot_be_kept(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_keep(text)


NETWORKS = [
    ("192.168.1.0/24", "192.168.1.0/24", None),
    ("127.0.0.1", "127.0.0.1/32", None),
    ("fd00::/8", "fd00::/8", None),
    ("::1", "::1/128", None),
    ("127.0.0.1:8080", "127.0.0.1/32", 8080),
    ("[::1]:8080", "::1/128", 8080),
]


@pytest.mark.parametrize(("text", "network", "port"), NETWORKS, ids=[row[0] for row in NETWORKS])
def test_networks(text: str, network: str, port: int | None) -> None:
    assert parse_network(text) == AllowedNetwork(ip_network(network), port)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.168.1.5/24", "the network there is 192.168.1.0/24"),
        ("localhost", "a host name can point anywhere; write its address"),
        ("0.0.0.0/0", "it would open every private network; name the ones you need"),
        ("::/0", "it would open every private network; name the ones you need"),
        ("127.0.0.1:0", "0 is no port"),
        ("127.0.0.1:70000", "70000 is no port"),
        ("127.0.0.300", ""),
        ("1.2.3.4/33", ""),
        ("10.0.0.0/8:80", ""),
        ("", ""),
    ],
)
def test_what_is_no_network(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_network(text)
    assert str(caught.value) == reason


PARSERS: list[Callable[[object], object]] = [parse_interval, parse_duration, parse_cron, parse_size, parse_keep, parse_network]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", [["1h"], {"a": "b"}, None, True], ids=["list", "mapping", "none", "bool"])
def test_other_shapes_are_a_plain_refusal(parse: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError):
        parse(value)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text(max_size=40) | st.from_regex(r"[0-9*/,:.\-a-z \[\]]{0,24}", fullmatch=True))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read_or_refused(parse: Callable[[object], object], text: str) -> None:
    try:
        value = parse(text)
    except ValueError:
        return
    assert parse(value) == value, "a finished value is read as itself"
