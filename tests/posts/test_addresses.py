"""The pass over nh3's output: every address absolute, encoded and of an allowed scheme; lazy pictures, srcset, embeds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.posts.addresses import SANDBOX, finish_addresses
from feedmill.urls import absolute_url

BASE = "https://h.example.org/a/b"
EMBEDS = frozenset({"www.youtube.com", "player.vimeo.com"})
REL = ' rel="noopener noreferrer"'
BOX = f' sandbox="{SANDBOX}"'

TABLE = {
    "finished link": (f'<a href="https://x.org/a?b=1&amp;c=2"{REL}>', f'<a href="https://x.org/a?b=1&amp;c=2"{REL}>'),
    "link without address": (f"<a{REL}>", f"<a{REL}>"),
    "link with other attributes": (f'<a class="k" href="c d" title="t"{REL}>',
                                   f'<a class="k" href="https://h.example.org/a/c%20d" title="t"{REL}>'),
    "link to a fragment": (f'<a href="#n"{REL}>', f'<a href="https://h.example.org/a/b#n"{REL}>'),
    "link to a host": (f'<a href="//x.org"{REL}>', f'<a href="https://x.org/"{REL}>'),
    "link to mail": (f'<a href="mailto:a@x.org"{REL}>', f'<a href="mailto:a@x.org"{REL}>'),
    "link to a script": (f'<a href="javascript:x"{REL}>', f"<a{REL}>"),
    "escaped values": (f'<a href="/?a=&quot;&lt;&nbsp;&amp;" title="&quot;&lt;"{REL}>',
                       f'<a href="https://h.example.org/?a=%22%3C%C2%A0&amp;" title="&quot;&lt;"{REL}>'),
    "picture": ('<img src="c.png" alt="">', '<img src="https://h.example.org/a/c.png" alt="">'),
    "picture without address": ('a<img alt="x">b', "ab"),
    "picture with an empty address": ('a<img src="">b<img src=" ">', "ab"),
    "picture of a script": ('a<img src="javascript:x">b', "ab"),
    "lazy by data-src": ('<img src="p.gif" data-src="//x.org/1.png">', '<img src="https://x.org/1.png">'),
    "lazy by data-original first": ('<img data-src="/2.png" data-original="/1.png" src="p.gif">', '<img src="https://h.example.org/1.png">'),
    "lazy by data-lazy-src": ('<img data-lazy-src="1.png">', '<img src="https://h.example.org/a/1.png">'),
    "lazy by data-actualsrc": ('<img data-actualsrc="1.png">', '<img src="https://h.example.org/a/1.png">'),
    "lazy address that is none": ('<img src="p.gif" data-src="undefined" data-original="">', '<img src="https://h.example.org/a/p.gif">'),
    "lazy address that is a script": ('<img src="p.gif" data-src="javascript:x/y">', '<img src="https://h.example.org/a/p.gif">'),
    "srcset": (
        '<img src="/1.png" srcset="/1.png 1x, b,c.png 2x,d.png 100w 50h">',
        '<img src="https://h.example.org/1.png" srcset="https://h.example.org/1.png 1x, https://h.example.org/a/b,c.png 2x,'
        ' https://h.example.org/a/d.png 100w 50h">',
    ),
    "srcset with what is no address": ('<img src="/1.png" srcset="data:x 1x, javascript:1, ,, /2.png bogus">',
                                       '<img src="https://h.example.org/1.png" srcset="https://h.example.org/2.png">'),
    "srcset alone": ('<img srcset="/1.png 1x, /2.png 2x">',
                     '<img srcset="https://h.example.org/1.png 1x, https://h.example.org/2.png 2x" src="https://h.example.org/1.png">'),
    "srcset with nothing": ('<img src="/1.png" srcset=" , ">', '<img src="https://h.example.org/1.png">'),
    "lazy srcset": ('<source data-srcset="/1.webp" type="image/webp">', '<source type="image/webp" srcset="https://h.example.org/1.webp">'),
    "source without address": ('<source type="image/webp">', ""),
    "track without address": ('<track kind="captions">', ""),
    "track": ('<track src="t.vtt" kind="captions">', '<track src="https://h.example.org/a/t.vtt" kind="captions">'),
    "film": ('<video src="v.mp4" poster="p.jpg" muted="">',
             '<video src="https://h.example.org/a/v.mp4" poster="https://h.example.org/a/p.jpg" muted="" controls="">'),
    "film whose sources follow": ("<video></video>", '<video controls=""></video>'),
    "film with a bad poster": ('<video poster="javascript:x"></video>', '<video controls=""></video>'),
    "lazy film": ('<video data-src="https://x.org/v.mp4"></video>', '<video src="https://x.org/v.mp4" controls=""></video>'),
    "sound": ('<audio src="s.mp3"></audio>', '<audio src="https://h.example.org/a/s.mp3" controls=""></audio>'),
    "quotation": ('<blockquote cite="/q">x</blockquote><q>y</q>', '<blockquote cite="https://h.example.org/q">x</blockquote><q>y</q>'),
    "quotation of a script": ('<ins cite="javascript:x">x</ins>', "<ins>x</ins>"),
    "embed": ('<iframe src="//www.youtube.com/embed/1?a&amp;b"></iframe>', f'<iframe src="https://www.youtube.com/embed/1?a&amp;b"{BOX}></iframe>'),
    "embed with attributes": (
        '<iframe width="1" class="k" allowfullscreen="" height="2" src="https://player.vimeo.com/1" title="t"></iframe>',
        f'<iframe src="https://player.vimeo.com/1" title="t" width="1" height="2" allowfullscreen=""{BOX}></iframe>',
    ),
    "embed with content": ('a<iframe src="https://player.vimeo.com/1"><img src="x" onerror=1></iframe>b',
                           f'a<iframe src="https://player.vimeo.com/1"{BOX}></iframe>b'),
    "lazy embed": ('<iframe data-src="https://player.vimeo.com/1"></iframe>', f'<iframe src="https://player.vimeo.com/1"{BOX}></iframe>'),
    "embed refused": ('a<iframe src="https://x.org/"><b>x</b></iframe>b', "ab"),
    "embed without address": ("a<iframe></iframe>b", "ab"),
    "embed by another port": ('<iframe src="https://www.youtube.com:444/"></iframe>', ""),
    "embed by userinfo": ('<iframe src="https://www.youtube.com@x.org/"></iframe>', ""),
}  # fmt: skip


@pytest.mark.parametrize(("html", "expected"), TABLE.values(), ids=TABLE.keys())
def test_finish_addresses(html: str, expected: str) -> None:
    assert finish_addresses(html, base=BASE, embeds=EMBEDS) == expected
    assert finish_addresses(expected, base=BASE, embeds=EMBEDS) == expected


def test_no_hosts_no_embeds() -> None:
    assert finish_addresses('a<iframe src="https://www.youtube.com/embed/1"></iframe>', base=BASE, embeds=frozenset()) == "a"


def test_a_long_base_is_not_repeated() -> None:
    html = '<img src="x.png">' * 1000
    assert len(finish_addresses(html, base="https://h.example.org/" + "a" * 2000 + "/", embeds=EMBEDS)) < 3 * len(html)


PIECES = [
    "https://",
    "http://",
    "a",
    "B.c",
    ".org",
    "/",
    "/",
    "..",
    "/.",
    "?",
    "#",
    "=",
    "%41",
    "%",
    ":80",
    "@",
    "-",
    "_",
    "~",
    "'",
    ",",
    ";",
    "&",
    "中",
    "[",
    " ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_passed_over_links_are_those_that_need_nothing(reference: str) -> None:
    written = reference.replace("&", "&amp;")
    finished = absolute_url(BASE, reference).replace("&", "&amp;")
    expected = f'<a href="{finished}"{REL}>' if finished else f"<a{REL}>"
    assert finish_addresses(f'<a href="{written}"{REL}>', base=BASE, embeds=EMBEDS) == expected


@pytest.mark.parametrize("value", ["a 1x," * 100_000, "," * 500_000, "a," * 250_000, " " * 500_000, "a " * 250_000, "a (" * 160_000])
def test_srcset_is_read_in_linear_time(value: str) -> None:
    began = time.process_time()
    finish_addresses(f'<img src="x" srcset="{value}">', base=BASE, embeds=EMBEDS)
    assert time.process_time() - began < 5
