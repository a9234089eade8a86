"""One target under atheris: `python drive.py TARGET [libFuzzer's options and folders]`; run.py calls it."""

from __future__ import annotations

import sys
import warnings

import atheris
from targets import TARGETS

#: What is watched for new paths: ours, and the readers in pure Python that we call.
WATCHED = ["feedmill", "feedparser", "frontmatter", "dateutil", "uvicorn.protocols"]


def main() -> None:
    """Fuzz until an option of libFuzzer says stop, or something is found."""
    target = next(target for target in TARGETS if target.name == sys.argv[1])
    with atheris.instrument_imports(include=WATCHED):
        test_one_input = target.load()
    warnings.simplefilter("error")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
