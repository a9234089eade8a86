"""A post's body for a page on which nothing plays: films, sounds and players become links, pictures stay. Pure.

It reads what `posts.html.clean_html` wrote, where every tag is balanced and written one way (`name="value"`, `<` and `>` escaped).
"""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from html import escape
from ipaddress import ip_address
from urllib.parse import urlsplit

from feedmill.posts.tags import Attributes, read_attributes, write_tag
from feedmill.producer.wording import Wording

#: Tags that may have to change: most have no attribute and never do.
_TAG = re.compile(r"<(/?)(a|audio|iframe|source|video|[a-z][a-z0-9]*(?= ))((?: [^>]*)?)>")
_MEDIA = frozenset({"video", "audio"})
#: `class` would reach the page's own rules; the others place or size things for another page, or send a referrer.
_DROPPED = frozenset({"class", "align", "referrerpolicy", "sizes"})
#: What a picture is shown at: the column of postpage.
_SIZES = "(min-width: 46rem) 42rem, 92vw"

# A player in a window of its own lacks the page that it expects around it: these have a page of their own.
_PLAYERS = (
    (re.compile(r"https://(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]{6,20})(?:[?#].*)?"), "https://www.youtube.com/watch?v={}"),
    (re.compile(r"https://player\.vimeo\.com/video/(\d+)(?:[?#].*)?"), "https://vimeo.com/{}"),
    (re.compile(r"https://player\.bilibili\.com/player\.html\?(?:[^#]*&)?bvid=(BV\w+).*"), "https://www.bilibili.com/video/{}"),
    (re.compile(r"https://player\.bilibili\.com/player\.html\?(?:[^#]*&)?aid=(\d+).*"), "https://www.bilibili.com/video/av{}"),
    (re.compile(r"https://v\.qq\.com/[\w/]*player\.html\?(?:[^#]*&)?vid=(\w+).*"), "https://v.qq.com/x/page/{}.html"),
    (re.compile(r"https://player\.youku\.com/embed/([\w=]+).*"), "https://v.youku.com/v_show/id_{}.html"),
)


def still(html: str, *, words: Wording, home: str) -> str:
    """Return the clean fragment `html` without frames, films and sounds, each replaced by a link; linear in its length.

    Pictures are loaded when they come into view. Those of one pixel are left out, and those of a private address: they are
    there to be asked for, not to be seen. `home` is the site's own host, which may be such an address.
    """
    return _Stills(words, home).read(html)


def watch_page(player: str) -> str:
    """Return the page on which what `player` (the address of a frame) plays can be watched; the same address where none is known."""
    return next((page.format(found[1]) for pattern, page in _PLAYERS if (found := pattern.fullmatch(player))), player)


class _Stills:
    def __init__(self, words: Wording, home: str) -> None:
        self._words, self._home = words, home
        self._is_in_link = False
        #: Links to what stood inside a link: they follow it, for links do not nest.
        self._waiting: list[str] = []
        #: The film or sound being read: its name, how many of that name are open, its attributes.
        self._playing, self._depth = "", 0
        self._attributes: Attributes = {}

    def read(self, html: str) -> str:
        written: list[str] = []
        place = 0
        for tag in _TAG.finditer(html):
            if self._playing:
                if self._has_ended(tag):
                    written.append(self._medium())
                    place = tag.end()
                continue
            new = self._replace(tag)
            if new != tag[0]:
                written += (html[place : tag.start()], new)
                place = tag.end()
        return "".join([*written, html[place:]])

    def _replace(self, tag: re.Match[str]) -> str:
        closing, name, said = tag.groups()
        if name == "iframe":
            return "" if closing else self._player(read_attributes(said))
        if name in _MEDIA and not closing:
            self._playing, self._depth, self._attributes = name, 1, read_attributes(said)
            return ""
        if name == "a":
            self._is_in_link = not closing
            if closing:
                waiting, self._waiting = "".join(self._waiting), []
                return tag[0] + waiting
        if not said:
            return tag[0]
        attributes = read_attributes(said)
        kept = {key: value for key, value in attributes.items() if key not in _DROPPED}
        if name == "img":
            return self._picture(kept)
        if name == "source" and "srcset" in kept:
            if _is_private_set(kept["srcset"], self._home):
                return ""
            kept["sizes"] = _SIZES
        return write_tag(name, kept) if len(kept) < len(attributes) or "sizes" in kept else tag[0]

    def _has_ended(self, tag: re.Match[str]) -> bool:
        """Read on in a film or sound, whose own text is for browsers that know neither."""
        closing, name, said = tag.groups()
        if name == "source" and not self._attributes.get("src"):
            self._attributes["src"] = read_attributes(said).get("src", "")
        if name == self._playing:
            self._depth += -1 if closing else 1
        return self._depth == 0

    def _medium(self) -> str:
        name, self._playing = self._playing, ""
        label = self._words.video if name == "video" else self._words.audio
        poster = self._attributes.get("poster", "")
        picture = self._picture({"src": poster, "alt": ""}) if poster else ""
        return self._link(self._attributes.get("src", ""), label, picture)

    def _player(self, attributes: Attributes) -> str:
        address = watch_page(attributes.get("src", ""))
        return self._link(address, attributes.get("title") or self._words.embed)

    def _link(self, address: str, label: str, picture: str = "") -> str:
        if not address:
            return picture
        host = (urlsplit(address).hostname or "").removeprefix("www.")
        attributes = {"class": "still", "href": address, "rel": "noopener noreferrer"}
        link = f"{write_tag('a', attributes)}{picture}<span>{escape(label)} <small>{escape(host)}</small></span></a>"
        if not self._is_in_link:
            return link
        self._waiting.append(link)
        return ""

    def _picture(self, attributes: Attributes) -> str:
        size = {attributes.get(name, "").strip().lower().removesuffix("px") for name in ("width", "height")}
        if size <= {"0", "1"} or _is_private(attributes.get("src", ""), self._home):
            return ""
        if "srcset" in attributes:
            if _is_private_set(attributes["srcset"], self._home):
                del attributes["srcset"]
            else:
                attributes["sizes"] = _SIZES
        return write_tag("img", attributes | {"loading": "lazy", "decoding": "async"})


def _is_private(address: str, home: str) -> bool:
    """Whether `address` names a machine of the reader's own network, other than `home`, by number or as localhost."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return True
    return host != home and _is_private_host(host)


def _is_private_set(srcset: str, home: str) -> bool:
    return any(_is_private(candidate.partition(" ")[0], home) for candidate in srcset.split(", "))


@lru_cache(maxsize=512)
def _is_private_host(host: str) -> bool:
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        if ":" not in name and name.rpartition(".")[2][:1].isdigit():
            name = socket.inet_ntoa(socket.inet_aton(name))  # 127.1 and 0x7f000001, as browsers read them
        return not ip_address(name).is_global
    except (OSError, ValueError):
        return False
