"""How a feed looks to somebody who opens it in a browser: CSS for Atom and RSS, without any script.

The bytes are plain ASCII, and the same for every site. Browsers apply it to what is sent as application/xml: Chromium shows
application/atom+xml and application/rss+xml as plain text (version 156, measured).
"""

from __future__ import annotations

# A namespace is named and none is made the default: with a default, no selector without a type would reach RSS's elements.
# CSS shows text and attributes and can do no more: no element becomes a link, and a date stays as it is written. Of an Atom date
# the first ten characters are shown. Markup in `content` is text to a browser, so it is left out.
FEED_CSS = r"""/* feedmill: how this feed looks in a browser. A file whose first line is another is left alone. */
@namespace atom "http://www.w3.org/2005/Atom";

:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --ink: #1d2126; --soft: #5b626a; --line: #e6e2db; --wash: #f3efe9; --accent: #98400f;
  display: block; max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem 5rem;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #151719; --ink: #e4e2dd; --soft: #a1a7ae; --line: #2d3135; --wash: #1d2023; --accent: #f0a56b; }
}
/* A document without a viewport of its own is shown on a phone as if it were 980 pixels wide. */
@media (width: 980px) and (hover: none) { :root { font-size: 2.4em; padding-block: 1.5rem; } }

atom|feed > *, atom|entry > *, channel > *, item > * { display: none; }
channel, atom|entry, item, atom|feed > atom|title, atom|feed > atom|subtitle, channel > title, channel > description,
atom|entry > atom|title, item > title, atom|entry > atom|summary:not([type="html"], [type="xhtml"]) { display: block; }

atom|feed > atom|title, channel > title { font-size: 2rem; font-weight: 700; line-height: 1.3; }
atom|feed > atom|subtitle, channel > description { margin-block-start: 0.5rem; color: var(--soft); }
atom|feed > atom|title::after, channel > title::after {
  content: "This is a feed: copy its address from the address bar and paste it into a feed reader; new posts will come to you.";
  display: block; margin-block: 1.25rem 0.5rem; padding: 0.9rem 1.1rem; border-inline-start: 4px solid var(--accent);
  background: var(--wash); font-size: 1rem; font-weight: 400; line-height: 1.6;
}
atom|feed > atom|title:lang(zh)::after, channel > title:lang(zh)::after {
  content: "\8FD9 \662F \4E00 \4E2A \8BA2 \9605 \6E90 \FF1A \590D \5236 \5730 \5740 \680F \91CC \7684 \5730 \5740 \FF0C "
  "\7C98 \8D34 \5230 \9605 \8BFB \5668 \91CC \FF0C \65B0 \6587 \7AE0 \5C31 \4F1A \81EA \5DF1 \9001 \5230 \3002";
}

atom|entry, item { margin-block-start: 1.5rem; padding-block-start: 1.5rem; border-block-start: 1px solid var(--line); }
atom|entry > atom|title, item > title { font-size: 1.15rem; font-weight: 600; line-height: 1.45; }
atom|entry > atom|published, atom|entry > atom|author, item > pubDate {
  display: inline-block; margin-inline-end: 1rem; color: var(--soft); font-size: 0.875rem; vertical-align: top;
}
atom|entry > atom|published {
  width: 10ch; overflow: hidden; white-space: nowrap; font-family: ui-monospace, Menlo, Consolas, monospace; line-height: 1.75;
}
atom|author > * { display: none; }
atom|author > atom|name { display: inline; }
atom|entry > atom|summary { margin-block-start: 0.4rem; }
"""
