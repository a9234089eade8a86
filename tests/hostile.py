"""Builders of hostile bodies: documents that attack the parser, their reader's machine, and whoever reads the posts."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from functools import cache
from html import escape

HEAD = "<title>T</title><link>https://example.org/</link><description>d</description>"
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><id>urn:f</id><updated>2026-01-01T00:00:00Z</updated>{}</feed>'


def rss_of(*items: str, before: str = '<?xml version="1.0" encoding="utf-8"?>', head: str = HEAD, coding: str = "utf-8") -> bytes:
    """An RSS document of these pieces, as they stand."""
    return f'{before}<rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode(coding, "surrogatepass")


def atom_of(*entries: str) -> bytes:
    """An Atom document of these pieces, as they stand."""
    return ATOM.format("".join(entries)).encode("utf-8", "surrogatepass")


def item_of(number: int, more: str = "", **over: str) -> str:
    """An RSS item; values are markup as they stand, "" leaves a key out; `more` is put behind them."""
    said = {"guid": f"g{number}", "link": f"https://example.org/{number}", "title": f"T{number}", "description": f"D{number}"} | over
    return f"<item>{''.join(f'<{name}>{value}</{name}>' for name, value in said.items() if value)}{more}</item>"


def entities(*declarations: str, text: str = "&x;", coding: str = "utf-8") -> bytes:
    """A document with these entity declarations, and a reference in the title."""
    before = f'<?xml version="1.0" encoding="{coding}"?><!DOCTYPE rss [{"".join(declarations)}]>'
    return rss_of(item_of(1, title=text), before=before, coding=coding)


def billion_laughs(coding: str = "utf-8") -> bytes:
    """Ten entities, each ten times the one before."""
    levels = (f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return entities('<!ENTITY l0 "lol">', *levels, text="&l9;", coding=coding)


def quadratic_blowup() -> bytes:
    """One entity of 50 kB, named 50,000 times."""
    return entities(f'<!ENTITY x "{"x" * 50_000}">', text="&x;" * 50_000)


def nested(name: str = "x", depth: int = 100_000) -> str:
    """Elements in elements, closed."""
    return f"<{name}>" * depth + f"</{name}>" * depth


def flood(count: int) -> bytes:
    """A document of so many short items, the first the newest."""
    return rss_of(*(f"<item><guid>{number}</guid><title>Flood {number}</title></item>" for number in range(count)))


def endless(megabytes: int) -> Iterator[bytes]:
    """The pieces of an answer whose one text is so large, built as they are sent."""
    start, end = (
        b"<rss version='2.0'><channel><item><guid>1</guid><title>Large</title><description>",
        b"</description></item></channel></rss>",
    )
    piece = b"word " * 200_000
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(start) + megabytes * len(piece) + len(end))
    yield start
    for _ in range(megabytes):
        yield piece
    yield end


@cache
def gzip_bomb(megabytes: int = 200) -> bytes:
    """So many megabytes of nothing, in a thousandth of the room."""
    stream = zlib.compressobj(wbits=31)
    return b"".join(stream.compress(bytes(1_000_000)) for _ in range(megabytes)) + stream.flush()


@cache
def stacked_bomb() -> bytes:
    """The same, compressed once more."""
    return gzip.compress(gzip_bomb())


#: Rows F1-F10: markup that does something, or reaches out of its place.
PAYLOADS = {
    "F1-script": "<SCRIPT >alert(1)</SCRIPT\n><<script>alert(1)//<</script><script <b>x</script><scr<script>ipt>y</scr</script>ipt>",
    "F1-handlers": "<img src=x onerror=alert(1)><p ONCLICK=x>a</p>"
    '<svg/onload=alert(1)><img/src=x/onerror=alert(1)><img src="x"onerror="y">',
    "F2-javascript": "<a href='&#106;avascript&colon;alert(1)'>x</a><a href='java\tscript:alert(1)'>y</a>"
    "<a href='java&NewLine;script:1'>z</a>"
    "<a href=' \njavascript:alert(1)'>q</a><a href='&#1;javascript:alert(1)'>r</a>",
    "F2-other": "<a href=vbscript:x>z</a><img src='data:image/svg+xml,<svg onload=alert(1)>'>"
    "<a href='data:text/html,<script>1</script>'>d</a>",
    "F3-svg": "<svg><a xlink:href='javascript:alert(1)'><title><style></title><img src=x onerror=alert(1)></style></a><animate"
    " attributeName=href values=javascript:alert(1) /><set attributeName=onload to=alert(1)></svg>",
    "F3-math": "<math><annotation-xml encoding='text/html'><style><img src=x onerror=alert(1)></style></annotation-xml><mtext>"
    "<table><mglyph>"
    "<style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'></math>",
    "F3-raw": "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></p></noscript><textarea><img title='</textarea><img src=x"
    " onerror=alert(1)>'><title><img title='</title><img src=x onerror=alert(1)>'>",
    "F4-comments": "<!--><img src=x onerror=alert(1)>--><!---><img src=y onerror=alert(1)>--><!-- a --!><script>x</script>-->"
    "<!--[if IE]><script>x</script><![endif]--><?php echo '<script>x</script>' ?><!DOCTYPE x>",
    "F5-frames": "<iframe srcdoc='<script>x</script>' src=https://www.youtube.com/embed/1></iframe><iframe src=https://evil.example/></iframe>"
    "<object data=x><embed src=//evil.example/x.swf></object><applet code=x></applet>",
    "F5-style": "<p style='position:fixed;top:0;width:expression(alert(1))'>x</p><style>@import 'https://evil.example/x.css';</style>",
    "F6-page": "<base href=//evil.example/><meta http-equiv=refresh content='0;url=//evil.example'>"
    "<link rel=stylesheet href=//evil.example/>"
    "<form action=x><input name=y formaction=javascript:1><button formaction=javascript:1>b</button></form>"
    "<a id=document name=cookie ping=x target=_blank href=/x>x</a>",
    "F7-unclosed": "</div></body></html><b><i><p>x<template><script>1</script><p>y<table><tr><td><plaintext>z",
    "F7-deep": "<div>" * 3_000 + "deep",
    "F7-attributes": "<p " + " ".join(f"a{number}=1" for number in range(10_000)) + ">x</p>",
    "F10-trackers": "<img src='https://t.example.com/p.gif' width=1 height=1><img src='http://127.0.0.1/x.gif'>x",
}


def payload_items(payload: str) -> dict[str, bytes]:
    """Documents that carry a payload in every place, by the place."""
    text = escape(payload)
    everywhere = item_of(
        1,
        f'<author>{text}</author><category>{text}</category><enclosure url="{text}" type="audio/mpeg"/>'
        f'<enclosure url="{text}" type="image/png"/>',
        title=text,
        guid=text,
        link=text,
        description=text,
    )
    head = f"<title>{text}</title><link>{text}</link><description>{text}</description><managingEditor>{text}</managingEditor>"
    typed = "".join(
        f'<entry><id>urn:{number}</id><title type="{kind}">{text}</title><author><name>{text}</name><uri>{text}</uri></author>'
        f'<link href="{text}"/><category term="{text}" label="{text}"/><updated>2026-01-01T00:00:00Z</updated>'
        f'<content type="{kind}">{text}</content></entry>'
        for number, kind in enumerate(("html", "text", "xhtml", "text/html", "image/svg+xml", "text/plain", "application/octet-stream"))
    )
    cdata = payload.replace("]]>", "]]&gt;")
    return {
        "everywhere": rss_of(everywhere, head=head),
        "cdata": rss_of(item_of(1, title=f"<![CDATA[{cdata}]]>", description=f"<![CDATA[{cdata}]]>")),
        "atom": atom_of(typed),
    }


#: Rows E: what upstream may write into a title, an author or a guid.
TEXTS = {
    "E1-up": "../evil",
    "E1-absolute": "/etc/passwd",
    "E1-separator": "a/b\\c",
    "E1-dots": "..",
    "E1-dot": ".",
    "E1-empty": "",
    "E1-symbols": "?*<>|:\"'",
    "E2-nul": "a\0b",
    "E2-newline": "a\nb",
    "E2-long": "长" * 10_000,
    "E2-emoji": "💥" * 100,
    "E2-direction": "abc\u202edcba",
    "E2-trailing": "name. . ",
    "E2-option": "-rf",
    "E2-hidden": ".htaccess",
    "E2-device": "CON",
    "E2-device-file": "NUL.txt",
    "E2-drive": "a:b",
    "E3-upper": "A",
    "E3-lower": "a",
    "E3-composed": "é",
    "E3-decomposed": "e\u0301",
    "E6-front-matter": "x\n---\nevil: 1",
    "E6-end": "---",
    "E6-dots": "...",
    "E6-anchor": "&a *a",
    "E6-tag": "!!python/object/apply:os.system",
    "E6-directive": "%TAG ! x",
    "E6-tabs": "\ta\tb\t",
    "E6-no": "no",
    "E6-sexagesimal": "1:30",
    "E6-date": "2024-01-01",
    "E6-endless": "x" * 300_000,
    "E7-no-break-space": "title\u00a0",
    "nunjucks": "{{ 7*7 }} {% raw %}",
}
