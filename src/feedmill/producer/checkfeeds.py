"""What `check` finds in the folder of feeds: every published document by the rules of docs/feed-rules.md, and the lists of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path

from feedmill.config import Config
from feedmill.durable import storage
from feedmill.model import Problem
from feedmill.producer.audit_lists import AUDITS_OF_LISTS
from feedmill.producer.formats import document_of
from feedmill.producer.outcome import made_by_us
from feedmill.producer.site import Site
from feedmill.urls import quote_path

#: By the name of a format, where its audit is.
_AUDITS = {"atom": "audit:audit_atom", "rss": "audit_rss:audit_rss", "json": "audit_json:audit_json"}


def check_feeds(config: Config, *, now: datetime) -> Iterator[Problem]:
    """Yield what is wrong with the published files, by folder. Raises StorageError."""
    site = Site.of(config)
    root = os.fspath(config.feeds_dir)
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            document = document_of(name)
            if document is None and relative not in AUDITS_OF_LISTS:
                continue
            shown = f"{config.feeds.dir}/{relative}"
            with storage(path, doing="read"):
                data = path.read_bytes() if stat.S_ISREG(os.lstat(path).st_mode) else b""
            if document is None:
                yield from AUDITS_OF_LISTS[relative](data, path=shown, folder=config.feeds_dir, feeds_url=site.feeds_url)
            elif not made_by_us(data):
                yield Problem(shown, 0, "foreign", "it was not written by feedmill, and stands where a feed belongs; move it away")
            else:
                url = site.feeds_url + quote_path(relative)
                yield from _audit(document[0].name)(data, path=shown, url=url, now=now)


def _audit(name: str) -> Callable[..., list[Problem]]:
    module, _, function = _AUDITS[name].partition(":")
    audit: Callable[..., list[Problem]] = getattr(import_module(f"feedmill.producer.{module}"), function)
    return audit
