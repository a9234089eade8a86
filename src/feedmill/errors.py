"""The one tree of errors; every message tells a person what, where and what to do.

FeedmillError
  ConfigError     config.yaml or the command line is wrong          exit status 2
  PostError       one post cannot be read: skipped and reported     the run goes on
  UpstreamError   one upstream document cannot be read: recorded    the run goes on
  StorageError    disk, permissions, lock or database               exit status 3
"""

from __future__ import annotations

from typing import NamedTuple


class FeedmillError(Exception):
    """Anything that feedmill raises on purpose."""

    exit_status = 1


class ConfigProblem(NamedTuple):
    """One thing that is wrong in config.yaml: its place, its line (from 1; 0 when unknown) and what was expected."""

    place: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.place}: {self.message}" if self.place else f"{where}{self.message}"


class ConfigError(FeedmillError):
    """The configuration (or a command's argument) cannot be used; carries every problem found, not just the first."""

    exit_status = 2

    def __init__(self, message: str, problems: tuple[ConfigProblem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems

    def __str__(self) -> str:
        lines = [super().__str__(), *(f"  {problem}" for problem in self.problems)]
        return "\n".join(lines)


class PostError(FeedmillError):
    """A post that cannot be read. `line` counts from 1 in the file; 0 means the file as a whole."""

    def __init__(self, reason: str, *, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class UpstreamError(FeedmillError):
    """An upstream document that cannot be read; the message is one line that names what it was, without any secret."""


class StorageError(FeedmillError):
    """Disk full, no permission, a lock held by another process, a folder that cannot be read: nothing was half-written."""

    exit_status = 3
