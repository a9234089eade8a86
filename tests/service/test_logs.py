"""The service's log: one line an event, whatever is quoted in it (faults I17)."""

from __future__ import annotations

import io
import logging

import pytest

from feedmill.service.logs import JournalFormatter, LineFormatter, begin_log


def record(message: str, level: int = logging.WARNING, **over: object) -> logging.LogRecord:
    return logging.LogRecord("feedmill.x", level, __file__, 1, message, None, over.get("exc_info"))


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("plain", "plain"),
        ("新闻：一", "新闻：一"),
        ("a\n2026-11-29 ERROR forged", "a | 2026-11-29 ERROR forged"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\tc\x00\u2028\u202e", "a\\x0db\\x09c\\x00\\x2028\\x202e"),
    ],
)
def test_an_event_is_one_line_without_control_characters(message, line):
    assert LineFormatter("%(message)s").format(record(message)) == line


def test_a_traceback_is_one_line_too():
    try:
        raise ValueError("bad\nthing")
    except ValueError as exc:
        shown = LineFormatter("%(message)s").format(record("oops", exc_info=(type(exc), exc, exc.__traceback__)))
    assert "\n" not in shown
    assert "ValueError: bad | thing" in shown


def test_a_line_is_cut_somewhere():
    assert len(LineFormatter("%(message)s").format(record("x" * 100_000))) < 5000


@pytest.mark.parametrize(
    ("level", "mark"), [(logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (logging.DEBUG, "<7>")]
)
def test_the_journal_is_told_the_level(level, mark):
    assert JournalFormatter("%(message)s").format(record("m", level)) == f"{mark}m"


@pytest.mark.parametrize(("environ", "line"), [({}, r"2\d{3}-.*Z INFO said\n"), ({"JOURNAL_STREAM": "8:1"}, "<6>said\n")])
def test_own_events_are_said_and_those_of_others_only_from_warnings_on(environ, line):
    root, ours = logging.getLogger(), logging.getLogger("feedmill")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    stream = io.StringIO()
    try:
        root.handlers[:] = []
        begin_log(stream, environ=environ)
        logging.getLogger("feedmill.service.test").info("said")
        logging.getLogger("watchfiles.main").info("3 changes detected")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        ours.setLevel(our_level)
    import re

    assert re.fullmatch(line, stream.getvalue())
