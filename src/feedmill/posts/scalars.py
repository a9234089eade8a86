"""Text as YAML scalars, such that every loader reads the same text back: YAML 1.1 or 1.2, typed or not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from feedmill.model import Value

# What YAML does not let stand unescaped, and what some loader takes for a line break, a byte order mark or a tab to fold. (A class of what
# it lets stand would take 4 ms to compile.)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_NO_PLAIN = re.compile(r"""^[\s\-?:,\[\]{}#&*!|>'"%@`]|:\s|:$|\s#|\s$""")
_NO_FLOW = re.compile(r"[,\[\]{}:?]")
_PLAIN_KEY = re.compile(r"[^\W\d][\w.-]*")
# Words and numbers of YAML 1.1 and 1.2, of Ruby's, Go's and JavaScript's readers: `1_000`, `1,000`, `12:30`, `0x1F`, `1e3`, `.inf`,
# dates and times. A little wide on purpose: a pair of quotes too many harms nobody.
_TYPED = re.compile(r"~|<<|=|y|n|yes|no|on|off|true|false|null|[-+]?\.(?:inf|nan)|[-+]?\.?\d[\d_,.:+\-eE \tTtZzXxOoA-Fa-f]*", re.IGNORECASE)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_ESCAPED = re.compile(f'["\\\\]|{_UNPRINTABLE.pattern}')
#: libyaml takes no key longer than 1,024 characters without a `?` before it.
_LONGEST_KEY = 1000


def quoted(text: str) -> str:
    """Return `text` in single quotes, the house style; in double quotes where only an escape can say it."""
    if not _UNPRINTABLE.search(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def scalar(text: str) -> str:
    """Return `text` plain where every loader reads exactly this text from it, else quoted."""
    return quoted(text) if not _is_plain(text) or _TYPED.fullmatch(text) else text


def bare_scalar(text: str) -> str:
    """Return `text` plain wherever YAML's syntax allows it (`true`, `2021`), for values whose type is their reader's affair."""
    return text if _is_plain(text) else quoted(text)


def flow_scalar(text: str) -> str:
    """Return `scalar(text)` as it may stand in a `[…]` list."""
    return quoted(text) if _NO_FLOW.search(text) else scalar(text)


def entry(key: str, written: str) -> str:
    """Return the line of a top-level key with its written value."""
    name = key if _PLAIN_KEY.fullmatch(key) else quoted(key)
    return f"{name}: {written}\n" if len(name) <= _LONGEST_KEY else f"? {name}\n: {written}\n"


def written_value(value: Value) -> str:
    """Return a value on one line: text plain where it may be, lists and mappings in flow style."""
    return bare_scalar(value) if isinstance(value, str) else _flow(value)


def _flow(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value) if _NO_FLOW.search(value) else bare_scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(_flow_pair(key, item) for key, item in value.items()) + "}"
    return "[" + ", ".join(_flow(item) for item in value) + "]"


def _flow_pair(key: str, value: Value) -> str:
    name = key if _PLAIN_KEY.fullmatch(key) else quoted(key)
    mark = "? " if len(name) > _LONGEST_KEY else ""
    return f"{mark}{name}: {_flow(value)}" if not mark else f"{mark}{name} : {_flow(value)}"


def _is_plain(text: str) -> bool:
    return bool(text) and not _UNPRINTABLE.search(text) and _NO_PLAIN.search(text) is None


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
