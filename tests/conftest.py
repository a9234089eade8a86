"""Fixtures that every test may use."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("feedmill", deadline=None)
settings.load_profile("feedmill")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _levels_of_logs() -> Iterator[None]:
    """What a command sets for its own log holds for no later test."""
    loggers = [logging.getLogger(), logging.getLogger("feedmill")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """What a test does with signals holds for no later test, and for no process that one starts."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's top folder."""
    return ROOT


def _shared(name: str, variable: str) -> Path:
    place = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not place.is_dir():
        pytest.skip(f"no {name} folder: set {variable} or put it at ../shared/{name}")
    return place


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real posts and feeds, kept outside the project: `posts/` and `feeds/` below it."""
    return _shared("corpus", "FEEDMILL_CORPUS")


@pytest.fixture(scope="session")
def schema() -> Path:
    """The folder with RFC 4287's RELAX NG, `atom.rng`."""
    return _shared("schema", "FEEDMILL_SCHEMA")
