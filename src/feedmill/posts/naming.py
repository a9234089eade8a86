"""Names of files and folders made from text that anybody may have written: any script, one path segment, always safe.

A name is changed only where a file system or a web server would not keep it; where that loses something, or where two names
differ by nothing but case or normalisation, a short hash of the original text tells them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from hashlib import blake2b
from itertools import count

#: 255 bytes is the limit of ext4, APFS and NTFS; the rest is room for the hash and for suffixes such as ".tmp".
MAX_NAME_BYTES = 200

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\ud800-\udfff\ufffe\uffff]')
_WINDOWS_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\..*)?$")
#: Files that stand, or may come to stand, beside category folders; and a suffix that servers hide.
_RESERVED = re.compile(r"(?i)(?:atom|rss|feed|opml|index|robots)[^/]*\.(?:xml|json|html|css|txt|xsl)$|_redirects$|.*\.tmp$")


def short_hash(text: str) -> str:
    """Return 8 hexadecimal digits that depend on `text` alone."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def fold(name: str) -> str:
    """Return the form under which a case-insensitive or normalising file system takes two names for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def folder_name(text: str, *, taken: Container[str] = ()) -> str:
    """Return a name for the folder of the category or tag `text`: the text itself (in NFC) wherever that is possible.

    `taken` has the folded names (`fold`) that are not to be had: siblings, reserved words. The result is one path segment
    of at most 255 bytes, never hidden, never `.` or `..`, and the same for the same arguments.
    """
    plain = unicodedata.normalize("NFC", text)
    safe = _portable(plain)
    if safe == plain and not _RESERVED.match(safe) and fold(safe) not in taken:
        return safe
    seeds = (text if turn == 0 else f"{text}\0{turn}" for turn in count())
    return next(name for seed in seeds if fold(name := f"{safe}-{short_hash(seed)}") not in taken)


def _portable(name: str) -> str:
    safe = _UNSAFE.sub("_", name).strip(" ")
    safe = re.sub(r"^\.", "_", safe)
    safe = re.sub(r"[. ]+$", "_", safe)
    if not safe or _WINDOWS_DEVICES.match(safe):
        safe = f"_{safe}"
    encoded = safe.encode("utf-8")
    return encoded[:MAX_NAME_BYTES].decode("utf-8", "ignore") if len(encoded) > MAX_NAME_BYTES else safe
