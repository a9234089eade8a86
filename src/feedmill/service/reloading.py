"""The configuration in force while the service runs: config.yaml is read anew when it changes, and a broken one changes nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feedmill.config import Config
from feedmill.configfile import read_config, read_text
from feedmill.errors import ConfigError, FeedmillError

logger = logging.getLogger(__name__)

#: What the server was started with; a change of it waits for the next start.
_AT_START = ("host", "port", "access_log")
_ADVICE = "write one with `feedmill init`, or name another with `--config PATH`"


@dataclass(frozen=True, slots=True)
class Read:
    """A configuration, and the text that it was read from: the file may be broken since."""

    config: Config
    text: str


class Reloader:
    """Holds the configuration in force, and brings a changed one to those who work by it."""

    def __init__(self, path: Path) -> None:
        """Read the file `path`. Raises ConfigError."""
        self.path = path
        #: What is in force.
        self.read = self._read()
        self._said = ""

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.read.config

    def _read(self) -> Read:
        text = read_text(self.path, advice=_ADVICE)
        return Read(read_config(text, root=self.path.parent, environ=os.environ, name=str(self.path)), text)

    def look(self) -> Read | None:
        """Return what the file says now, where that is something else that can be used; else None, and why it cannot is said."""
        try:
            found = self._read()
        except ConfigError as exc:
            self._keep(exc)
            return None
        if found.config == self.config:
            if self._said:
                logger.info("%s is as it was before", self.path)
            self._said = ""
            return None
        return found

    def take(self, found: Read, *hands: Callable[[Read], None]) -> bool:
        """Hand what was found to everybody in turn and put it in force; False when one of them refused it (FeedmillError)."""
        try:
            for hand in hands:
                hand(found)
        except FeedmillError as exc:
            self._keep(exc)
            return False
        before, self.read, self._said = self.config, found, ""
        if any(getattr(before.server, name) != getattr(found.config.server, name) for name in _AT_START):
            logger.warning("server.host, server.port and server.access_log change with the next start")
        logger.info("%s was read anew; sources: %d", self.path, len(found.config.sources))
        return True

    def _keep(self, exc: FeedmillError) -> None:
        """Say once why the configuration from before stays in force."""
        if str(exc) != self._said:
            logger.error("%s; the configuration from before stays in force", exc)
        self._said = str(exc)
