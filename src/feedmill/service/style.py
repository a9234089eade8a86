"""How the page of a post looks: its CSS."""

from __future__ import annotations

from feedmill.producer.pagestyle import COLOURS, GROUND

_POST = """
body{max-width:44rem;margin-inline:auto;padding:clamp(1.25rem,4vw,3rem) clamp(1rem,4vw,1.5rem) 5rem}
body>nav,.facts,.trail,main>footer{font-size:.9rem;color:var(--soft)}
body>nav{margin-block-end:clamp(1.75rem,6vw,3.5rem)}
body>nav a{text-decoration-color:transparent}
body>nav a:hover{text-decoration-color:currentColor}
body>nav a::before{content:"";display:inline-block;width:.5em;height:.5em;border:solid currentColor;
  border-width:0 0 1.8px 1.8px;rotate:45deg;margin-inline-end:.45em;translate:0 -.08em}
[dir=rtl]>body>nav a::before{rotate:225deg}
main>h1{font-size:clamp(1.6rem,1.25rem + 1.8vw,2.2rem);line-height:1.32;letter-spacing:-.005em;text-wrap:pretty}
.facts{margin-block-start:.85rem}
.facts>*+*::before{content:"\\b7";margin-inline:.5em;color:var(--soft)}
.lead{display:block;margin-block-start:1.75rem;border-radius:8px}
img{max-width:100%;height:auto;vertical-align:middle}
article{margin-block:2rem 2.5rem;font-size:1.0625rem;line-height:1.75}
article:lang(zh),article:lang(ja){line-height:1.85}
article>:first-child{margin-block-start:0}
article :is(p,ul,ol,dl,pre,blockquote,figure,table,details,hr){margin:1.1em 0;max-width:100%}
article :is(ul,ol){padding-inline-start:1.6em}
article :is(li,dd) :is(p,ul,ol){margin-block:.4em}
article dd{margin-inline-start:1.6em}
article :is(h1,h2,h3,h4,h5,h6){line-height:1.4;margin:1.9em 0 .6em;font-size:1.02em;letter-spacing:0}
article h1{font-size:1.4em}
article h2{font-size:1.28em}
article h3{font-size:1.13em}
article blockquote{border-inline-start:3px solid var(--line);padding-inline-start:1em;color:var(--soft)}
article figcaption{font-size:.875rem;color:var(--soft);margin-block-start:.5em}
article :is(code,kbd,samp,pre,tt){font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Noto Sans Mono CJK SC",
  monospace;font-size:.875em}
article :not(pre)>code{background:var(--wash);padding:.12em .35em;border-radius:4px}
article pre{background:var(--wash);padding:1em 1.15em;border-radius:8px;overflow-x:auto;line-height:1.6;overflow-wrap:normal}
article pre code{font-size:1em}
article table{display:block;overflow-x:auto;border-collapse:collapse;font-size:.94rem;overflow-wrap:normal}
article :is(th,td){border:1px solid var(--line);padding:.4em .75em;text-align:start;vertical-align:top;min-width:4em}
article th{background:var(--wash)}
article hr{border:0;border-block-start:1px solid var(--line)}
article mark{background:var(--mark);color:inherit}
article bdo{unicode-bidi:isolate-override}
article summary{cursor:pointer}
.still{display:inline-flex;flex-direction:column;max-width:100%;border:1px solid var(--line);border-radius:8px;
  overflow:hidden;margin-block:.3rem;text-decoration:none;line-height:1.5;vertical-align:middle}
.still:hover{background:var(--wash)}
.still span{padding:.6rem 1rem}
.still span::before{content:"";display:inline-block;border:solid transparent;border-width:.36em 0 .36em .6em;
  border-inline-start-color:currentColor;margin-inline-end:.6em}
.still small{color:var(--soft);margin-inline-start:.5em}
main>footer{border-block-start:1px solid var(--line);padding-block-start:1.25rem}
.original{font-size:1rem;margin-block-end:1rem}
.trail{margin-block-start:.35rem}
"""

POST_CSS = COLOURS + GROUND + _POST
