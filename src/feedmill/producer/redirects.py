"""`_redirects`: where feeds went that are no more, as static hosts take it (Netlify, Cloudflare Pages, GitLab Pages). Pure.

Hosts read the file at the top of what they publish: it works where that is the folder of feeds, and is to be joined to the site's own
where it is not. Cloudflare leaves out a line of more than 1,000 characters and all after 2,000 lines; GitLab takes 1,000 lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from feedmill.urls import quote_path

REDIRECTS = "_redirects"
#: How ours begins, and no other.
_BEGINNING = b"# feedmill:"
_MARK = "# feedmill: feeds that moved. A file whose first line is another is left alone."
#: In a rule "*" stands for anything and ":name" for a segment; an address of a folder may have either.
_MEANT = {ord("*"): "%2A", ord(":"): "%3A"}


def redirects(moved: Mapping[str, str], *, feeds_url: str) -> bytes:
    """Return the file, b"" where it would have nothing to say. `feeds_url`: encoded, with a slash at its end.

    `moved`: the successor by file, both relative to the folder of feeds; "" for one that has none: hosts answer that by themselves.
    """
    folder = urlsplit(feeds_url).path.translate(_MEANT)
    rules = [f"{folder}{quote_path(file)} {folder}{quote_path(moved[file])} 301" for file in sorted(moved) if moved[file] not in ("", file)]
    return "\n".join([_MARK, *rules, ""]).encode("ascii") if rules else b""


def is_our_redirects(file: bytes) -> bool:
    """True for a file that feedmill wrote, in this version or another; any other is a person's own."""
    return file.startswith(_BEGINNING)
