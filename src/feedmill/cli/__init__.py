"""The command line: reads arguments, calls a use case, prints what it says. Decides nothing."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run `feedmill`."""
    _have_few_looks_for_cycles()
    from feedmill.cli.commands import feedmill, run

    run(feedmill)


def publish_feed() -> NoReturn:
    """Run `publish-feed`."""
    _have_few_looks_for_cycles()
    from feedmill.cli.commands import publish_alone, run

    run(publish_alone)


def _have_few_looks_for_cycles() -> None:
    """Before anything is imported: values of one short run have no cycles, and looking for some takes a tenth of it (measured)."""
    gc.set_threshold(50_000, 20, 50)
