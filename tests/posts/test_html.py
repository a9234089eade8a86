"""The HTML policy, judged by another parser (html5lib): the attacks F1-F8 of the fault list, what must survive, real posts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedmill.posts.html import clean_html

BASE = "https://blog.example.org/2021/06/post/"
EMBEDS = frozenset({"www.youtube.com", "youtube.com", "player.vimeo.com"})

TAGS_OF_THE_POLICY = """
    a abbr acronym area article aside audio b bdi bdo blockquote br caption center cite code col colgroup data dd del details dfn div dl dt
    em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i iframe img ins kbd li map mark nav ol p picture pre q rp rt rtc ruby s
    samp small source span strike strong sub summary sup table tbody td th thead time tr track tt u ul var video wbr
"""
ATTRIBUTES_OF_THE_POLICY = """
    align allowfullscreen alt char charoff cite class colspan controls datetime default dir headers height href hreflang kind label lang
    loop media muted open playsinline poster preload referrerpolicy rel rowspan sandbox scope size sizes span src srclang srcset start
    summary title type width
"""
ALLOWED_TAGS = frozenset(TAGS_OF_THE_POLICY.split())
ALLOWED_ATTRIBUTES = frozenset(ATTRIBUTES_OF_THE_POLICY.split())
IFRAME_ATTRIBUTES = {"src", "title", "width", "height", "allowfullscreen", "sandbox"}
ADDRESS = re.compile(r"https?://[a-z0-9\[][^\s\"<>\\^`{|}]*")


def clean(html: str, *, base: str = BASE) -> str:
    return clean_html(html, base=base, embeds=EMBEDS)


def elements(html: str) -> Iterator[Element]:
    """Yield every element that html5lib sees in the fragment, in a `div` as feed readers show it."""
    tree = html5lib.parseFragment(html, container="div", namespaceHTMLElements=True)
    for element in tree.iter():
        if isinstance(element.tag, str) and element is not tree:
            yield element


def assert_safe(html: str) -> None:
    """The oracle: nothing but the policy's elements, attributes and schemes, in an independent reading."""
    for element in elements(html):
        namespace, _, name = element.tag.rpartition("}")
        assert namespace == "{http://www.w3.org/1999/xhtml", element.tag
        assert name in ALLOWED_TAGS, name
        for key, value in element.attrib.items():
            assert key in ALLOWED_ATTRIBUTES, (name, key)
            if key in ("src", "poster", "cite"):
                assert ADDRESS.fullmatch(value), (name, key, value)
            if key == "href":
                assert ADDRESS.fullmatch(value) or value.startswith("mailto:"), value
            if key == "srcset":
                assert all(ADDRESS.fullmatch(candidate.split()[0]) for candidate in value.split(", ")), value
        if name == "iframe":
            assert set(element.attrib) <= IFRAME_ATTRIBUTES
            assert element.attrib["src"].split("/")[2] in EMBEDS
            assert "allow-top-navigation" not in element.attrib["sandbox"]
            assert not element.text
        if name == "img":
            assert "src" in element.attrib
    assert "<!--" not in html
    assert not re.search("[\x00-\x08\x0b-\x1f\x80-\x9f\ud800-\udfff\ufffe\uffff]", html)


ATTACKS = {
    # F1: scripts in all spellings, event handlers.
    "script": "<script>alert(1)</script>x",
    "script in capitals": "<SCRIPT >alert(1)</SCRIPT\n>x",
    "script doubled bracket": "<<script>alert(1)//<</script>",
    "script unclosed": "<script src=//evil.org/x.js <b>",
    "script in script": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "script around a control": "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "onerror": "<img src=x onerror=alert(1)>",
    "onload by slashes": "<svg/onload=alert(1)><img/src=x/onerror=alert(1)>",
    "handler in capitals": "<a href=x ONCLICK=alert(1)>x</a><p oNmOuSeOvEr='x'>",
    "handler after a quote": '<img src="x"onerror="alert(1)">',
    "handler on details": "<details open ontoggle=alert(1)>x</details>",
    "handler on video": "<video onloadstart=alert(1) src=x><source onerror=alert(1)></video>",
    "handler after an unclosed value": "<a title='x onclick=alert(1)>x</a>",
    # F2: scripts as addresses.
    "javascript": "<a href='javascript:alert(1)'>x</a>",
    "javascript by entities": "<a href='&#106;&#x61;vascript&colon;alert(1)'>x</a>",
    "javascript with a tab": "<a href='java&Tab;script:alert(1)'>x</a><a href='java\tscript:alert(1)'>y</a>",
    "javascript with a line end": "<a href='java&NewLine;script:alert(1)'>x</a><a href=' \n javascript:alert(1)'>y</a>",
    "javascript with a control": "<a href='\x01javascript:alert(1)'>x</a><a href='&#1;javascript:alert(1)'>y</a>",
    "javascript with a NUL": "<a href='java\x00script:alert(1)'>x</a>",
    "vbscript": "<a href='vbscript:msgbox(1)'>x</a>",
    "data": "<a href='data:text/html,<script>alert(1)</script>'>x</a><img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "javascript in cite": "<blockquote cite='javascript:alert(1)'>x</blockquote><q cite=javascript:1>y</q><del cite='data:x'>z</del>",
    "javascript in poster": "<video poster=javascript:alert(1) src=javascript:alert(1)>",
    "javascript in srcset": "<img srcset='javascript:alert(1) 1x, data:x 2x' src='/a.png'>",
    "javascript in a lazy address": "<img data-src='javascript:alert(1)//a.b' data-original='data:text/html,./x'>",
    "javascript in a relative base": "<a href='//javascript:alert(1)'>x</a>",
    "mailto in a picture": "<img src='mailto:a@b.org'>",
    # F3: foreign content and raw text that changes meaning when read again.
    "svg": "<svg><script>alert(1)</script><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "svg animate": "<svg><a><animate attributeName=href values=javascript:alert(1) /><set attributeName=onload to=alert(1)></a></svg>",
    "svg style": "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "svg foreignObject": "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></iframe></foreignObject></svg>",
    "svg title": "<svg></p><title><style></title><img src=x onerror=alert(1)></style>",
    "math": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "math annotation-xml": "<math><annotation-xml encoding='text/html'><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    "math mi": "<math><mi><b onclick=alert(1)>x</b><mglyph></mi></math>",
    "math in forms": "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "noscript": "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "textarea": "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
    "title": "<title><img title='</title><img src=x onerror=alert(1)>'>",
    "style": "<style><img title='</style><img src=x onerror=alert(1)>'>",
    "iframe as raw text": "<iframe src=https://youtube.com/embed/1><img title='</iframe><img src=x onerror=alert(1)>'></iframe>",
    "noembed": "<noembed><img title='</noembed><img src=x onerror=alert(1)>'></noembed><xmp><img src=x onerror=alert(1)></xmp>",
    "select": "<select><template><style><!--</style><a rel='--></style></template></select><img id=x src=x onerror=alert(1)>'>",
    # F4: comments and declarations.
    "comment closed early": "<!--><img src=x onerror=alert(1)>--><!---><img src=y onerror=alert(1)>-->",
    "comment with a bang": "<!-- --!><img src=x onerror=alert(1)> -->",
    "comment unclosed": "a<!-- <script>alert(1)</script>",
    "conditional comment": "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "CDATA": "<![CDATA[<script>alert(1)</script>]]><svg><![CDATA[<img src=x onerror=alert(1)>]]></svg>",
    "processing instruction": "<?xml version='1.0'?><?php echo '<script>alert(1)</script>' ?>",
    "doctype": "<!DOCTYPE html><!DOCTYPE x [<!ENTITY y '<script>'>]>&y;",
    # F5: style, embedded documents.
    "style attribute": "<p style='position:fixed;top:0;background:url(javascript:alert(1));width:expression(alert(1))'>x</p>",
    "style element": "<style>@import 'https://evil.org/x.css';</style><link rel=stylesheet href=//evil.org/x.css>",
    "iframe elsewhere": "<iframe src=https://evil.org/></iframe>",
    "iframe srcdoc": "<iframe srcdoc='<script>alert(1)</script>' src=https://youtube.com/embed/1></iframe>",
    "iframe javascript": "<iframe src=javascript:alert(1)></iframe>",
    "iframe by userinfo": "<iframe src='https://www.youtube.com@evil.org/'></iframe><iframe src='https://www.youtube.com\\@evil.org/'></iframe>",
    "iframe by port": "<iframe src='https://www.youtube.com:8443/'></iframe>",
    "iframe by suffix": "<iframe src='https://www.youtube.com.evil.org/'></iframe><iframe src='https://evilyoutube.com/'></iframe>",
    "iframe with its own sandbox": "<iframe sandbox='allow-top-navigation allow-scripts' allow=camera name=x src=https://youtube.com/embed/1></iframe>",
    "object": "<object data=javascript:alert(1)><param name=x value=y><embed src=//evil.org/x.swf></object><applet code=x></applet>",
    # F6: what reaches the page around it.
    "base and meta": "<base href=https://evil.org/><meta http-equiv=refresh content='0;url=https://evil.org/'><a href=x>x</a>",
    "form": "<form action=https://evil.org/><input formaction=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form>",
    "ping and target": "<a href=/x ping=https://evil.org/ target=_blank download rel=opener>x</a>",
    "clobbering": "<a id=document name=cookie href=/x>x</a><img name=body id=location src=/y>",
    "page": "<html onload=x><head><title>t</title></head><body onload=alert(1) background=javascript:1>x</body></html>",
    # F7: broken and unfinished markup.
    "unclosed": "<div><p><b><i><a href=/x><table><tr><td><ul><li>x",
    "closed too much": "x</div></div></body></html></p></b>y",
    "plaintext": "<plaintext>x</p><script>alert(1)</script>",
    "template": "<template><script>alert(1)</script><p>x</p></template>y",
    "tag unfinished": "<p>x</p><img src=x onerror=alert(1) ",
    "crossed": "<b><i>x</b>y</i><p><div></p></div><table><b><tr><i><td>z</table>",
    # F8: what other content types leave.
    "escaped twice": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "xhtml": "<div xmlns='http://www.w3.org/1999/xhtml'><xhtml:script>alert(1)</xhtml:script><p/>x</div>",
    "svg document": "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>",
    "bytes as text": "\x00\x01\x02PNG\r\n\x1a\n\ud800\ufffe\uffff&#0;&#1;&#xFFFE;&#xD800;",
    "quotes in values": "<img alt='\"><script>alert(1)</script>' src='/x\"><script>' title=\"'><b\">",
}


@pytest.mark.parametrize("html", ATTACKS.values(), ids=ATTACKS.keys())
def test_attacks_leave_nothing(html: str) -> None:
    cleaned = clean(html)
    assert_safe(cleaned)
    assert clean(cleaned) == cleaned


KEPT = {
    "the reference picture": (
        '<p><img data-action="zoom" class="size-full" src="https://c.example.org/?http://i.example.com/a.jpg" alt width="900" height="420"'
        ' referrerpolicy="no-referrer"></p>',
        '<p><img class="size-full" src="https://c.example.org/?http://i.example.com/a.jpg" alt="" width="900" height="420"'
        ' referrerpolicy="no-referrer"></p>',
    ),
    "text": ("a & b < c > d \" ' \xa0e", "a &amp; b &lt; c &gt; d \" ' &nbsp;e"),
    "link": ("<a href=/x title=t>y</a>", '<a href="https://blog.example.org/x" title="t" rel="noopener noreferrer">y</a>'),
    "link without address": ("<a name=x>y</a>", '<a rel="noopener noreferrer">y</a>'),
    "mail": ("<a href='mailto:编@x.org'>y</a>", '<a href="mailto:%E7%BC%96@x.org" rel="noopener noreferrer">y</a>'),
    "figure": (
        "<figure><img src=a.png><figcaption>c</figcaption></figure>",
        f'<figure><img src="{BASE}a.png"><figcaption>c</figcaption></figure>',
    ),
    "details": ("<details open><summary>s</summary>d</details>", '<details open=""><summary>s</summary>d</details>'),
    "right to left": ('<p dir="rtl" lang="he">\u202bש\u202c</p>', '<p dir="rtl" lang="he">\u202bש\u202c</p>'),
    "table": ("<table><tr><td>1<td>2</table>", "<table><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"),
    "code": ("<pre><code>  a\n\tb  \n\n</code></pre>", "<pre><code>  a\n\tb  \n\n</code></pre>"),
    "pre with one empty line": ("<pre>\n\n  a</pre>", "<pre>\n\n  a</pre>"),
    "pre that begins with its line end": ("<pre>\n  a</pre>", "<pre>  a</pre>"),
    "code after a line end": ("<pre><code>\n a</code></pre>", "<pre><code>\n a</code></pre>"),
    "template tags": ("{% raw %}{{ x }}", "{% raw %}{{ x }}"),
    "text of unknown elements": ("<section>a <font color=red>b</font> <o:p>c</o:p></section>", "a b c"),
    "text of forms": ("<form>a <button>b</button></form>", "a b"),
    "noscript": ("<noscript><img src=/x.png></noscript>", '<img src="https://blog.example.org/x.png">'),
    "noscript beside a lazy picture": (
        "<img data-src=/x.png><noscript><img src=/x.png></noscript>",
        '<img src="https://blog.example.org/x.png">',
    ),
    "Windows-1252": ("\x93a\x94 &#145;b&#146;", "“a” ‘b’"),
    "empty": ("", ""),
    "a comment": ("<!-- more -->", ""),
}


@pytest.mark.parametrize(("html", "expected"), KEPT.values(), ids=KEPT.keys())
def test_what_is_kept(html: str, expected: str) -> None:
    assert clean(html) == expected
    assert clean(expected) == expected


def test_without_a_base_relative_addresses_go() -> None:
    assert clean("<a href=/x>y</a><img src=z.png><img src=//h/z.png>", base="") == (
        '<a rel="noopener noreferrer">y</a><img src="https://h/z.png">'
    )


TAGS_OF_THE_SOUP = """
    a a b b i em p p p div span table tr td th tbody thead caption col colgroup tfoot ul ol li li dl dt dd h1 h2 pre code br hr img iframe
    button select option form svg math mi foreignObject desc title style script template noscript textarea figure figcaption picture
    source video audio ruby rt rp nobr object applet marquee section center details summary blockquote q font plaintext xmp frameset body
    html head
"""
TAGS = TAGS_OF_THE_SOUP.split()
ATTRIBUTES = [
    " class=x", ' class="a&quot;b"', ' href="/x"', ' href="javascript:x"', " src=//h/x", " src=x", ' data-src="/y/z"', " id=x",
    ' srcset="a 1x, b 2x"', " onclick=1", " style=x", " cite=/q", ' href="http://EX.com/中 文"', ' src="https://www.youtube.com/embed/1"',
    ' encoding="text/html"', " type=hidden", " dir=rtl", ' href="mailto:a@b"', " poster=/p", ' a="b" "c=', "/", '\xa0x="y"',
]  # fmt: skip
TEXTS = [
    "x",
    "\n",
    " ",
    "&amp;",
    "&nbsp;",
    "<",
    ">",
    '"',
    "中文",
    "\x01",
    "\r\n",
    "<!--",
    "-->",
    "&#1;",
    "\x80",
    "{{",
    "<![CDATA[",
    "<?x",
    "\ud800",
    "\ufeff",
]
start_tags = st.builds(
    lambda name, more: f"<{name}{''.join(more)}>", st.sampled_from(TAGS), st.lists(st.sampled_from(ATTRIBUTES), max_size=2)
)
end_tags = st.sampled_from(TAGS).map(lambda name: f"</{name}>")
soup = st.lists(st.one_of(start_tags, start_tags, end_tags, st.sampled_from(TEXTS)), max_size=30).map("".join)


@given(soup)
@example("\ufeff\ufeffx")
@example("<img>\ufeffx")
@settings(max_examples=250, deadline=None)
def test_cleaning_twice_is_cleaning_once(html: str) -> None:
    cleaned = clean(html)
    assert clean(cleaned) == cleaned


@given(soup)
@settings(max_examples=150, deadline=None)
def test_soup_is_safe_to_another_parser(html: str) -> None:
    assert_safe(clean(html))


SIZE = 500_000
HOSTILE = {
    "deep div": "<div>" * (SIZE // 5) + "end",
    "deep list": "<ul><li>" * (SIZE // 8) + "end",
    "formatting in every paragraph": "".join(f"<b class={n}><p>" for n in range(SIZE // 16)) + "end",
    "one large format in every block": f'<p><b class="{"x" * 20_000}">' + "<div>x</div>" * (SIZE // 13) + "end",
    "formats left over by blocks": ("<b class=x>" + "<div>" * 9 + "</b>" + "</div>" * 9) * (SIZE // 115) + "end",
    "attributes": "<p " + " ".join(f"a{n}" for n in range(100_000)) + ">end",
    "attributes with brackets": "<p " + " ".join(f'a{n}=">"' for n in range(50_000)) + ">end",
    "comments": "end" + "<!--" * (SIZE // 4),
    "brackets": "end" + "<" * SIZE,
    "unfinished tags": "end" + "<a " * (SIZE // 3),
    "unfinished values": "end" + '<a "' * (SIZE // 4),
    "tables": "<table><tr><td>" * (SIZE // 15) + "end",
    "text in tables": "<table>" + "x<b>" * (SIZE // 4) + "end",
    "end tags": "<div>" * 300 + "</b>" * (SIZE // 4) + "end",
    "links in links": "".join(f"<a href={n}><div>" for n in range(SIZE // 18)) + "end",
    "foreign": "end" + "<svg><foreignObject>" * (SIZE // 20),
    "srcset": '<img srcset="' + "a 1x," * (SIZE // 5) + '">end',
    "srcset of commas": '<img srcset="' + "," * SIZE + '">end',
    "escapes in an address": '<a href="' + "../" * (SIZE // 3) + '">end</a>',
}


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_takes_linear_time_and_room(html: str) -> None:
    began = time.process_time()
    cleaned = clean(html)
    assert time.process_time() - began < 5
    assert len(cleaned) < 6 * len(html)
    assert "end" in cleaned
    depth = deepest = 0
    for slash, name in re.findall("<(/?)([a-z0-9]+)", cleaned):
        depth += -1 if slash else name not in ("img", "br", "hr", "wbr", "source", "track", "col", "area")
        deepest = max(deepest, depth)
    assert deepest <= 256
    assert depth == 0
    assert clean(cleaned) == cleaned


def test_small_hostile_input_stays_small() -> None:
    html = f'<p><b class="{"x" * 7000}">' + "<div>x</div>" * 150
    assert len(clean(html)) < 2 * len(html)


def test_small_hostile_input_stays_shallow() -> None:
    assert clean("<div>" * 350 + "end").count("<div>") <= 256


def bodies(corpus: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, text after the front matter) of the real posts, read without the project's own codec."""
    for path in sorted((corpus / "posts").rglob("*.md")):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        yield str(path), re.split(r"(?m)^---[ \t]*$", text, maxsplit=2)[-1]


def test_real_posts_keep_their_text_and_media(corpus: Path) -> None:
    frames = films = pictures = lazy = 0
    for path, body in bodies(corpus):
        cleaned = clean(body)
        assert clean(cleaned) == cleaned, path
        frames += cleaned.count("<iframe")
        films += cleaned.count("<video")
        pictures += cleaned.count("<img")
        for address in re.findall(r'data-original="(http[^"]+)"', body):
            lazy += 1
            assert f'src="{address}"' in cleaned, path
    assert frames >= 20
    assert films >= 10
    assert pictures >= 500
    assert lazy >= 1


def test_real_posts_are_safe_to_another_parser(corpus: Path) -> None:
    # html5lib takes 7 ms for 10 kB: every fourth post, and no very long one.
    for path, body in list(bodies(corpus))[::4]:
        if len(body) < 30_000:
            cleaned = clean(body)
            try:
                assert_safe(cleaned)
            except AssertionError as failure:
                raise AssertionError(path) from failure
