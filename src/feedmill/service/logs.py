"""The service's log: one line an event on standard error, whatever text of others is quoted in it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

#: systemd's journal reads the syslog level from the beginning of a line (sd-daemon(3)), and knows the time itself.
_SYSLOG = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"))
_DEBUG = "<7>"
#: Characters of a line: beyond that somebody else's text is being copied.
_LONGEST = 4000


class LineFormatter(logging.Formatter):
    """One line an event: control characters and line breaks, of tracebacks too, are escaped, for a title may hold a forged line."""

    converter = time.gmtime  # type: ignore[assignment]

    def format(self, record: logging.LogRecord) -> str:
        line = _escaped(super().format(record))
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… ({len(line):,} characters)"


class JournalFormatter(LineFormatter):
    """Lines for systemd's journal."""

    def format(self, record: logging.LogRecord) -> str:
        level = next((mark for level, mark in _SYSLOG if record.levelno >= level), _DEBUG)
        return level + super().format(record)


def _escaped(text: str) -> str:
    text = text.rstrip("\n").replace("\n", " | ")
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def begin_log(stream: TextIO | None = None, *, environ: Mapping[str, str] = os.environ) -> None:
    """Send the log to `stream` (standard error): feedmill's own events, and of others what is a warning."""
    handler = logging.StreamHandler(stream or sys.stderr)
    if "JOURNAL_STREAM" in environ:
        handler.setFormatter(JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(LineFormatter("%(asctime)sZ %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("feedmill").setLevel(logging.INFO)
