"""What is a picture's address, and what only stands where one should."""

from __future__ import annotations

import re

# What lazy-loading scripts and broken templates leave where a picture should stand, as the last part of an address; behind a
# picture proxy's `?` too.
_NO_PICTURE = re.compile(
    r"(?:[^?=]*[?=])?(?:undefined|null|none|nan|\[object.*\])"
    r"|[?=]?(?:lazy[-_]?load(?:ing)?|lazy|loading|loader|blank|placeholder|spacer|transparent|pixel|grey|gray|1x1)"
    r"(?:[-_.]?\d+(?:x\d+)?)?\.(?:gif|png|svg|jpe?g|webp)(?:[?#].*)?"
)


def picture(address: str) -> str:
    """Return `address`; "" where it is no picture's but a lazy-loading script's placeholder or a template's `undefined`."""
    low = address.lower().rstrip("/")
    is_inline = low.startswith("data:") or "?data:" in low or "=data:" in low
    return "" if is_inline or _NO_PICTURE.fullmatch(low.rpartition("/")[2]) else address
