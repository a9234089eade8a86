"""What the system tells of changes in folders, through watchfiles, and why it sometimes cannot."""

from __future__ import annotations

import errno
import threading
from typing import Protocol

from feedmill.text import one_line


class Notices(Protocol):
    """What `watchfiles` offers: its RustNotify."""

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: threading.Event, /) -> set[tuple[int, str]] | str:
        """Wait for changes: (1 added, 2 modified, 3 deleted; path), or "timeout" or "stop". Raises RuntimeError when it is broken."""

    def close(self) -> None:
        """Let go of everything."""


def listen(folders: list[str]) -> Notices:
    """Be told of changes in `folders`, not below them. Raises OSError or RuntimeError where that is not to be had."""
    from watchfiles._rust_notify import RustNotify  # documented as its backend; `watchfiles.watch` does not say when it has begun

    # Not to ignore refused permissions: then it says nothing about a limit that is reached, either (measured).
    return RustNotify(folders, debug=False, force_polling=False, poll_delay_ms=300, recursive=False, ignore_permission_denied=False)


def why_not(exc: OSError | RuntimeError) -> str:
    """Return for a person why nobody can listen: inotify(7) has two limits, and watchfiles' words name neither."""
    text, number = one_line(str(exc)), getattr(exc, "errno", None)
    if number == errno.ENOSPC or "MaxFilesWatch" in text:
        return "more folders are watched on this machine than its limit; raise fs.inotify.max_user_watches"
    if number == errno.EMFILE or "os error 24" in text:
        return "too many watches or files are open; raise fs.inotify.max_user_instances, or ulimit -n"
    return text
