"""How the pages for people look: the CSS that all share, that of the list of feeds, and the policy that lets nothing else in.

A page carries its CSS in itself, so one request shows it.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

#: A feed's sign, for the browser's tab: in the page itself, or a browser asks for /favicon.ico.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%23b3541e'/%3E"
    "%3Cg fill='none' stroke='%23fff' stroke-width='3.4' stroke-linecap='round'%3E"
    "%3Cpath d='M9 15.5a7.5 7.5 0 0 1 7.5 7.5M9 8.8A14.2 14.2 0 0 1 23.2 23'/%3E%3C/g%3E"
    "%3Ccircle cx='10.6' cy='21.4' r='2.4' fill='%23fff'/%3E%3C/svg%3E"
)

COLOURS = """
:root{color-scheme:light dark;--paper:#fbfaf8;--ink:#1d2126;--soft:#5b626a;--line:#e6e2db;--wash:#f3efe9;
  --accent:#98400f;--mark:#fbe9d6;--edge:#8f887d}
@media (prefers-color-scheme:dark){:root{--paper:#151719;--ink:#e4e2dd;--soft:#a1a7ae;--line:#2d3135;--wash:#1d2023;
  --accent:#f0a56b;--mark:#3a2a1b;--edge:#6b7178}}
"""

# `system-ui` has no Chinese on most systems; what follows it is the Chinese of each, in the shapes of the page's own script.
GROUND = """
*,::before,::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-padding-block:2rem}
body{margin:0;background:var(--paper);color:var(--ink);overflow-wrap:anywhere;
  font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
body:lang(zh){font-family:system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Hiragino Sans GB",
  "Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif}
body:is(:lang(zh-Hant),:lang(zh-TW),:lang(zh-HK),:lang(zh-MO)){
  font-family:system-ui,-apple-system,"Segoe UI",Roboto,"PingFang TC","Microsoft JhengHei","Noto Sans CJK TC",
  "Noto Sans TC",sans-serif}
h1,h2,p,ul{margin:0;padding:0}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.18em}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
::selection{background:var(--accent);color:var(--paper)}
.out{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[hidden]{display:none!important}
"""

_INDEX = """
body{max-width:66rem;margin-inline:auto;padding:clamp(1.5rem,6vw,4rem) clamp(1rem,4vw,2.5rem) 4rem}
header{margin-block-end:2.25rem}
h1{font-size:clamp(1.75rem,1.4rem + 2vw,2.5rem);line-height:1.2;letter-spacing:-.01em}
header p{margin-block-start:.6rem;color:var(--soft);max-width:42rem}
h2{font-size:1.05rem;line-height:1.4}
h2 small,.meta,.row code~:not(.kinds,button){font-size:.875rem;font-weight:400;color:var(--soft);font-variant-numeric:tabular-nums}
.all{border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem 1.25rem;margin-block-end:2.5rem}
.all h2{display:inline;margin-inline-end:.5rem}
.take{display:flex;gap:.5rem;margin-block-start:.75rem}
input{font:inherit;color:inherit;background:var(--wash);border:1px solid var(--edge);border-radius:8px;
  padding:.5rem .75rem;min-width:0;min-height:2.75rem}
.take input{flex:1;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem;text-overflow:ellipsis}
input::placeholder{color:var(--soft);opacity:1}
button{font:inherit;color:var(--ink);background:none;border:1px solid var(--line);border-radius:8px;
  padding:.4rem .9rem;min-height:2.75rem;cursor:pointer}
button:hover{background:var(--wash)}
.take button{background:var(--accent);border-color:var(--accent);color:var(--paper);font-weight:600;white-space:nowrap}
.take button:hover{filter:brightness(1.08)}
.kinds{display:flex;flex-wrap:wrap;align-items:center;gap:0 .2rem}
.kinds a{padding:.15rem .4rem;border-radius:5px;font-size:.8125rem;line-height:1.6;color:var(--soft);
  text-decoration-color:var(--edge);white-space:nowrap}
.kinds a:hover{color:var(--accent);text-decoration-color:currentColor}
.all .kinds{margin:.6rem 0 -.4rem -.4rem}
.all .kinds a{font-size:.875rem;color:var(--accent)}
.tools{display:flex;gap:.5rem;margin-block-end:1.75rem}
.tools input{flex:1}
.tools button{white-space:nowrap}
section+section{margin-block-start:2.5rem}
section:not(.all)>h2{padding-block-end:.5rem;border-block-end:1px solid var(--line)}
ul{list-style:none}
li{position:relative;padding-inline-start:1.5rem}
.tree>li{border-block-end:1px solid var(--line);padding-block:.3rem}
.tree:not(.flat)>li>.row>:first-child{font-weight:600}
.flat>li{padding-inline-start:0}
.row{display:grid;grid-template-columns:minmax(0,1fr) 23rem 5.5rem 6.2rem 2.25rem;column-gap:.9rem;align-items:center;
  min-height:2.4rem;border-radius:6px;padding-inline:.4rem 0;margin-inline-start:-.4rem}
.many .row{grid-template-columns:minmax(0,1fr) 16rem 8.6rem 5.5rem 6.2rem}
.js .many .row{grid-template-columns:minmax(0,1fr) 8.6rem 5.5rem 6.2rem 2.25rem}
.js .many code{display:none}
.row:hover{background:var(--wash)}
.row>a{color:inherit;text-decoration-color:transparent;padding-block:.35rem;line-height:1.45}
.row>a:hover{color:var(--accent);text-decoration-color:currentColor}
.row small{display:block;color:var(--soft);font-weight:400}
code{direction:ltr;font:.75rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--soft);
  user-select:all;-webkit-user-select:all;
  white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
@media (hover:hover){.js .row code{opacity:0}.js .row:is(:hover,:focus-within) code{opacity:1}}
.row code~:not(.kinds,button){text-align:end;white-space:nowrap}
.row button{position:relative;width:2.25rem;height:2.25rem;min-height:0;padding:0;border-color:transparent;color:var(--soft)}
.row button::before,.row button::after{content:"";position:absolute;width:.62rem;height:.74rem;
  border:1.5px solid currentColor;border-radius:2.5px}
.row button::before{inset:.58rem auto auto .72rem}
.row button::after{inset:.78rem auto auto .92rem;background:var(--paper)}
.row button:hover{color:var(--accent);border-color:var(--line)}
.row button:hover::after{background:var(--wash)}
.row button.done::before{content:none}
.row button.done::after{inset:.55rem auto auto .95rem;width:.42rem;height:.8rem;border-width:0 2px 2px 0;
  border-radius:0;background:none;rotate:45deg}
.row button.done{color:var(--accent)}
summary{position:absolute;inset:0 auto auto 0;width:1.5rem;height:2.4rem;margin-inline-start:-.25rem;list-style:none;
  cursor:pointer;color:var(--soft);border-radius:4px}
.tree>li>details>summary{inset-block-start:.3rem}
summary::-webkit-details-marker{display:none}
summary::before{content:"";position:absolute;inset:.92rem auto auto .5rem;width:.45rem;height:.45rem;
  border:solid currentColor;border-width:0 1.8px 1.8px 0;rotate:-45deg}
[dir=rtl] summary::before{inset:.92rem .5rem auto auto;rotate:135deg}
details[open]>summary::before{rotate:45deg;translate:0 -.12rem}
summary:hover{color:var(--accent)}
ul ul ul ul ul ul{margin-inline-start:-1.5rem}
:target>.row{background:var(--mark)}
.none{color:var(--soft);padding-block:1rem}
@media (max-width:52rem){
.row{grid-template-columns:auto auto minmax(0,1fr);column-gap:.6rem;row-gap:0;padding-block:.3rem}
.row>:first-child{grid-column:1/-1}
.row code{grid-area:3/1/4/-1}
.js .row{grid-template-columns:auto minmax(0,1fr) 2.75rem}
.js .row>:first-child{grid-column:1/3}
.js .row code{display:none}
.row code~:not(.kinds,button){text-align:start}
.row>a{padding-block:.1rem}
.row button{grid-area:1/3/3/4;width:2.75rem;height:2.75rem}
.row button::before{inset:.83rem auto auto .97rem}
.row button::after{inset:1.03rem auto auto 1.17rem}
.row button.done::after{inset:.8rem auto auto 1.2rem}
summary{height:1.9rem}
summary::before{inset-block-start:.72rem}
[dir=rtl] summary::before{inset-block-start:.72rem}
.many .row,.js .many .row{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .6rem;position:relative}
.js .many .row{padding-inline-end:3.4rem}
.many .row>:first-child{flex:1 0 100%}
.many .row code{flex:1 0 100%;order:2}
.many .row .kinds{order:1;margin-inline-start:-.4rem}
.many .row button{position:absolute;inset:.3rem 0 auto auto}
[dir=rtl] .many .row button{inset:.3rem auto auto 0}
.take{flex-wrap:wrap}
.take input{flex:1 1 14rem}
.take button{flex:1 0 auto}
}
"""

INDEX_CSS = COLOURS + GROUND + _INDEX


def fingerprint(text: str) -> str:
    """Return the source expression by which a policy lets one inline `<style>` or `<script>` in (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def policy(*, pictures: str, style: str, script: str = "") -> str:
    """Return a Content-Security-Policy that lets in pictures from `pictures`, this CSS, this script, and nothing else.

    It may stand in a `<meta>` too, so it does not say who may frame the page: browsers take that from a header alone.
    """
    rules = ["default-src 'none'", f"img-src {pictures}", f"style-src {fingerprint(style)}"]
    if script:
        rules.append(f"script-src {fingerprint(script)}")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])
