"""How long it takes until a command that has nothing to do is done."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from aims import START
from options import Options
from processes import FEEDMILL, PUBLISH, measure
from results import Part, Turn, take_turns

_ROOT = Path(__file__).resolve().parent.parent
#: Too short for a few rounds to say much.
_TIMES = 3


def measure_start(part: Part, options: Options) -> None:
    """`feedmill --help`, a publish of the sample posts with nothing new, and the interpreter alone."""
    sample = options.new_folder("sample")
    shutil.copytree(_ROOT / "posts", sample / "posts")
    shutil.copy(_ROOT / "config.yaml", sample)
    commands = {
        "feedmill --help": [FEEDMILL, "--help"],
        "publish-feed on the sample posts, nothing new": [PUBLISH],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    work = part.begin(START, 1, "command")
    turns = [Turn(name, lambda _, command=command: vars(measure(command, cwd=sample))) for name, command in commands.items()]
    take_turns(work, turns, _TIMES * options.rounds)
