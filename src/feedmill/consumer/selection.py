"""Which of the configured sources a command is about."""

from __future__ import annotations

from collections.abc import Sequence

from feedmill.config import Config, SourceConfig
from feedmill.errors import ConfigError


def choose(config: Config, names: Sequence[str]) -> tuple[SourceConfig, ...]:
    """Return the sources of these names, all without any. Raises ConfigError for a name that is no source's."""
    known = {source.name: source for source in config.sources}
    unknown = [name for name in names if name not in known]
    if unknown:
        import difflib

        close = difflib.get_close_matches(unknown[0], known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}?" if close else f"; known: {len(known)}"
        raise ConfigError(f"no source is called {unknown[0]!r}{hint}")
    return tuple(source for source in config.sources if not names or source.name in names)
