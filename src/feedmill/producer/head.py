"""What a feed says of itself, before any format is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

CONTENT_TYPE = "application/atom+xml"


@dataclass(frozen=True, slots=True)
class FeedHead:
    """What a feed says of itself. Addresses are absolute and ASCII; `updated` is aware, UTC, whole seconds."""

    id: str
    title: str
    subtitle: str
    author: str
    language: str
    updated: datetime
    self_url: str
    site_url: str
    #: Reference to the stylesheet for browsers, relative to the document.
    stylesheet: str
