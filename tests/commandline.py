"""`feedmill` as people and scripts meet it, in this process: its arguments in, what it printed and its exit status out."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from feedmill.cli import main


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its standard output as the one JSON document that it is."""
        return json.loads(self.out)


def feedmill(root: Path, *arguments: str, status: int = 0, stdin: bytes = b"") -> Said:
    """Run a command on the project in `root` and check its exit status; warnings of the log are in `err`."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    argv, stdin_before, threshold = sys.argv, sys.stdin, gc.get_threshold()
    sys.argv = ["feedmill", "--config", str(root / "config.yaml"), *arguments]
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with _logged(err), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv, sys.stdin = argv, stdin_before
        gc.set_threshold(*threshold)
    said = Said(*(_text(stream) for stream in (out, err)))
    assert ended.value.code == status, said
    return said


@contextlib.contextmanager
def _logged(stream: io.TextIOWrapper) -> Iterator[None]:
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder below `root`, hidden ones too, with its time of modification and its bytes."""
    found = (Path(folder, name) for folder, folders, files in os.walk(root) for name in (*folders, *files))
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in sorted(found)
    }
