"""`feedmill daemon` without its server; it writes to standard error when its Watch told of posts, and when a publish was over.

    python daemonpeer.py        in a folder with config.yaml

The lines are `told SECONDS` and `done SECONDS`, by the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from feedmill.cli import main
from feedmill.service.daemon import Daemon


def say(word: str, method: Callable[..., None]) -> Callable[..., None]:
    """Return the method, which says when it is called."""

    def called(*arguments: object) -> None:
        print(f"{word} {time.monotonic():.6f}", file=sys.stderr, flush=True)
        method(*arguments)

    return called


Daemon._noticed = say("told", Daemon._noticed)
Daemon._printed = say("done", Daemon._printed)
sys.argv[1:] = ["daemon", "--no-http"]
main()
