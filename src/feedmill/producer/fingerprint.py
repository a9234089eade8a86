"""What the bytes of feeds depend on beside posts and time: where that changes, everything is rendered anew."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

from feedmill.config import Config

#: Counted up when the same post would give other bytes than before.
RENDERING = 3
_LIBRARIES = frozenset({"feedgen", "lxml", "markdown_it_py", "nh3", "python_frontmatter", "pyyaml"})


def fingerprint(config: Config) -> str:
    """Return the fingerprint of everything but posts and time that the bytes of feeds depend on."""
    parts = {
        "rendering": RENDERING,
        "site": asdict(config.site),
        "posts": asdict(config.posts),
        "feeds": asdict(config.feeds),
        # RSS says when to come back.
        "ttl": str(config.server.max_age) if "rss" in config.feeds.formats else "",
        "embeds": sorted(config.html.embeds),
        "sources": [[source.name, source.title, source.public_url] for source in config.sources],
        "libraries": _library_versions(),
    }
    return blake2b(json.dumps(parts, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def _library_versions() -> Sequence[str]:
    """Return the names of the installed distributions that make bytes, with their versions.

    Read from the names of their metadata folders: importing importlib.metadata alone takes 50 ms (measured), a sixth of what
    a publish with nothing to do may take.
    """
    import yaml

    names = os.listdir(Path(yaml.__file__).parent.parent)
    ours = (name for name in names if name.endswith((".dist-info", ".egg-info")))
    return sorted(name for name in ours if name.partition("-")[0].lower() in _LIBRARIES)
