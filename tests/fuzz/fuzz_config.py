"""config.yaml: any text is a Config or a ConfigError that says where, and no message shows what the environment holds."""

from __future__ import annotations

from pathlib import Path

import feedmill.configproblems  # noqa: F401 - configfile.py imports it late; here it is imported under instrumentation
from feedmill.configfile import read_config
from feedmill.errors import ConfigError

_SECRET = "canary-5d1c0f0e7b"
_ENVIRON = {"TOKEN": _SECRET, "HOST": "feeds.example.org", "EMPTY": ""}


def TestOneInput(data: bytes) -> None:
    """ConfigError alone is raised, with at least one line for a person."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return  # load_config refuses it before read_config sees it
    try:
        read_config(text, root=Path("/srv/site"), environ=_ENVIRON)
    except ConfigError as exc:
        message = str(exc)
        if not message.strip():
            raise AssertionError("an error without a word") from exc
        if _SECRET in message and _SECRET not in text:
            raise AssertionError(f"the secret is shown: {message[:300]}") from exc
