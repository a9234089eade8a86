"""One poll with the library `reader`, as a program of its own: run by the interpreter of .venv-bench, which has it.

python readerpeer.py subscribe DATABASE FILE      the addresses in FILE, one a line
python readerpeer.py poll DATABASE WORKERS
python readerpeer.py version
"""

from __future__ import annotations

import sys
from pathlib import Path

import reader


def main(action: str, *given: str) -> None:
    """Do one of the three."""
    if action == "version":
        print(reader.__version__)
        return
    opened = reader.make_reader(given[0])
    if action == "subscribe":
        for url in Path(given[1]).read_text().split():
            opened.add_feed(url)
    else:
        # Without `scheduled=False` a feed that was polled within the hour is left alone.
        opened.update_feeds(scheduled=False, workers=int(given[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
