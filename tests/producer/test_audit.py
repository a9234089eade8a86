"""The audit finds every rule broken that one document can break, and nothing in a perfect one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedmill.model import Problem
from feedmill.producer.audit import audit_atom
from feedmill.producer.audit_source import MAX_BYTES

URL = "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/atom.xml"
NOW = datetime(2026, 7, 1, tzinfo=UTC)

BASE = """<?xml version="1.0" encoding="utf-8"?>
<?xml-stylesheet type="text/css" href="/feeds/feed.css"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xml:lang="zh-CN">
  <id>tag:news.example.org,2026:feed:1</id>
  <title>科技 &amp; 生活</title>
  <subtitle>每日新闻</subtitle>
  <updated>2026-06-06T00:30:00+00:00</updated>
  <author><name>编辑部</name><uri>https://news.example.org/about</uri></author>
  <link href="https://news.example.org/feeds/%E7%A7%91%E6%8A%80/atom.xml" rel="self" type="application/atom+xml"/>
  <link href="https://news.example.org/" rel="alternate" type="text/html"/>
  <link href="https://hub.example.org/" rel="hub"/>
  <generator uri="https://feedmill.example.org/">feedmill</generator>
  <icon>https://news.example.org/icon.png</icon>
  <entry>
    <id>tag:news.example.org,2026:a</id>
    <title>R&amp;D &lt; 20%？Vec&lt;T&gt; 🚀</title>
    <updated>2026-06-06T00:30:00+00:00</updated>
    <published>2026-06-05T04:00:00Z</published>
    <author><name>小满</name></author>
    <link href="https://news.example.org/posts/a/" rel="alternate" type="text/html"/>
    <category term="科技" label="科技" scheme="https://news.example.org/feeds/"/>
    <category term="科技/开源" label="开源" scheme="https://news.example.org/feeds/"/>
    <summary>三行就够。</summary>
    <content type="html" xml:base="https://news.example.org/posts/a/">&lt;p&gt;三行就够：&lt;/p&gt;
&lt;p&gt;&lt;a href="https://news.example.org/b?x=1&amp;amp;y=2"&gt;看&lt;/a&gt;&lt;/p&gt;
&lt;img src="https://img.example.org/a.jpg" srcset="https://img.example.org/a,b.jpg 2x" alt=""&gt;
&lt;iframe sandbox="allow-scripts" src="https://www.youtube.com/embed/x"&gt;&lt;/iframe&gt;</content>
    <media:thumbnail url="https://img.example.org/a.jpg"/>
    <source>
      <id>https://weekly.example.org/feed</id>
      <title>开源周刊</title>
      <updated>2026-06-06T00:30:00Z</updated>
    </source>
  </entry>
  <entry xml:lang="en">
    <id>https://news.example.org/?p=1</id>
    <title>A podcast</title>
    <updated>2026-05-04T10:20:00+08:00</updated>
    <published>2026-05-04T10:20:00+08:00</published>
    <author><name>Robin</name></author>
    <link href="https://news.example.org/posts/b/" rel="alternate" type="text/html"/>
    <link href="https://news.example.org/b.mp3" rel="enclosure" type="audio/mpeg" length="1234"/>
    <summary>Only a summary and a link.</summary>
  </entry>
</feed>
"""

TAGS = ("&lt;p&gt;三行就够：&lt;/p&gt;", "&lt;p&gt;三行就够：{}&lt;/p&gt;")
SECOND = "<id>https://news.example.org/?p=1</id>"
ID_A = "<id>tag:news.example.org,2026:a</id>"
TITLE = "<title>A podcast</title>"
SUMMARY = "<summary>Only a summary and a link.</summary>"
UPDATED = "<updated>2026-05-04T10:20:00+08:00</updated>"
PUBLISHED = "<published>2026-05-04T10:20:00+08:00</published>"
MP3 = 'href="https://news.example.org/b.mp3"'
FIRST_CATEGORY = 'term="科技" label="科技" scheme="https://news.example.org/feeds/"'
CONTENT = 'type="html" xml:base="https://news.example.org/posts/a/"'


def inside(html: str) -> tuple[str, str]:
    """A replacement that puts `html`, escaped, into the first entry's content."""
    escaped = html.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return TAGS[0], TAGS[1].format(escaped)


def broken(old: str, new: str) -> bytes:
    assert old in BASE, old
    return BASE.replace(old, new, 1).encode()


BROKEN = {
    "rule-1-relative-id": (SECOND, "<id>posts/b</id>", {1}),
    "rule-1-raw-chinese-id": (SECOND, "<id>https://news.example.org/文</id>", {1}),
    "rule-1-id-with-a-space": (SECOND, "<id> https://news.example.org/?p=1</id>", {1}),
    "rule-1-empty-id": (SECOND, "<id/>", {1}),
    "rule-1-id-of-768-bytes": (SECOND, f"<id>urn:x:{'a' * 762}</id>", {1}),
    "rule-1-feed-id": ("<id>tag:news.example.org,2026:feed:1</id>", "<id>feed</id>", {1}),
    "rule-3-tag-without-a-year": (ID_A, "<id>tag:news.example.org:a</id>", {3}),
    "rule-4-feed-id-is-the-site": ("<id>tag:news.example.org,2026:feed:1</id>", "<id>https://news.example.org/</id>", {4}),
    "rule-5-same-id-twice": (SECOND, ID_A, {5}),
    "rule-5-entry-has-the-feed's-id": (SECOND, "<id>tag:news.example.org,2026:feed:1</id>", {5}),
    "rule-6-capital-host": (SECOND, "<id>https://News.example.org/?p=1</id>", {6}),
    "rule-6-capital-scheme": (SECOND, "<id>HTTPS://news.example.org/?p=1</id>", {6}),
    "rule-6-no-path": (SECOND, "<id>https://news.example.org</id>", {6}),
    "rule-7-no-zone": (UPDATED, "<updated>2026-05-04T10:20:00</updated>", {7}),
    "rule-7-date-only": (UPDATED, "<updated>2026-05-04</updated>", {7}),
    "rule-7-small-t": (UPDATED, "<updated>2026-05-04t02:20:00z</updated>", {7}),
    "rule-7-rfc-822": (PUBLISHED, "<published>Mon, 04 May 2026 02:20:00 GMT</published>", {7}),
    "rule-7-thirtieth-of-february": (PUBLISHED, "<published>2026-02-30T00:00:00Z</published>", {7}),
    "rule-7-source": ("<updated>2026-06-06T00:30:00Z</updated>", "<updated>yesterday</updated>", {7}),
    "rule-7-arabic-digits": (PUBLISHED, "<published>٢٠٢٦-05-04T02:20:00Z</published>", {7}),
    "rule-8-microseconds": (UPDATED, "<updated>2026-05-04T10:20:00.123456+08:00</updated>", {8}),
    "rule-8-offset-with-seconds": (PUBLISHED, "<published>1899-05-04T10:20:00+08:05:43</published>", {8}),
    "rule-10-updated-before-published": (UPDATED, "<updated>2026-05-04T02:19:59Z</updated>", {10}),
    "rule-11-time-of-the-build": ("<updated>2026-06-06T00:30:00+00:00</updated>", "<updated>2026-06-30T00:00:00Z</updated>", {11}),
    "rule-12-future": (PUBLISHED, "<published>2026-07-01T00:00:01Z</published>", {10, 12, 14}),
    "rule-12-year-0": (PUBLISHED, "<published>0000-05-04T02:20:00Z</published>", {12}),
    "rule-14-newer-below-older": (PUBLISHED, "<published>2026-06-05T04:00:01Z</published>", {10, 14}),
    "rule-15-no-entry-id": (SECOND, "", {15}),
    "rule-15-two-feed-titles": ("<subtitle>", "<title>x</title><subtitle>", {15}),
    "rule-15-no-updated": (UPDATED, "", {15}),
    "rule-15-two-summaries": (SUMMARY, SUMMARY + SUMMARY, {15}),
    "rule-15-unknown-element": (SUMMARY, SUMMARY + "<pubDate>x</pubDate>", {15}),
    "rule-15-metadata-after-an-entry": ("</feed>", "<rights>x</rights></feed>", {15}),
    "rule-15-extension-after-an-entry": ("</feed>", "<media:rating>x</media:rating></feed>", {15}),
    "rule-15-an-entry-alone": ('<feed xmlns="http://www.w3.org/2005/Atom"', '<feed xmlns="http://example.org/other"', {15}),
    "rule-16-feed-without-author": ("<author><name>编辑部</name><uri>https://news.example.org/about</uri></author>", "", {16}),
    "rule-16-entry-without-author": ("<author><name>Robin</name></author>", "", {16}),
    "rule-16-author-without-name": ("<name>Robin</name>", "", {16}),
    "rule-16-empty-name": ("<name>Robin</name>", "<name> </name>", {16}),
    "rule-16-markup-in-name": ("<name>Robin</name>", "<name>&lt;b&gt;Robin&lt;/b&gt;</name>", {16}),
    "rule-17-no-self": ('rel="self" ', 'rel="related" ', {17, 43}),
    "rule-17-two-selves": ('rel="hub"', 'rel="self" type="application/atom+xml"', {17}),
    "rule-17-self-without-type": (' rel="self" type="application/atom+xml"', ' rel="self"', {17}),
    "rule-17-raw-and-elsewhere": ("%E7%A7%91%E6%8A%80/atom.xml", "科技/atom.xml", {17, 30}),
    "rule-17-http-for-https": ('href="https://news.example.org/feeds/%E7', 'href="http://news.example.org/feeds/%E7', {17}),
    "rule-18-two-alternates": (MP3 + ' rel="enclosure" type="audio/mpeg"', MP3 + ' type="text/html"', {18}),
    "rule-18-iana-relation": (
        MP3 + ' rel="enclosure" type="audio/mpeg"',
        MP3 + ' rel="http://www.iana.org/assignments/relation/alternate" type="text/html"',
        {18},
    ),
    "rule-18-no-content-and-no-summary": (SUMMARY, "", {18}),
    "rule-18-no-content-and-no-alternate": ('posts/b/" rel="alternate"', 'posts/b/" rel="via"', {18}),
    "rule-18-blank-content": (SUMMARY, '<content type="html"> </content>', {18}),
    "rule-19-empty-title": (TITLE, "<title> </title>", {19}),
    "rule-19-escaped-twice": (TITLE, "<title>AT&amp;amp;T</title>", {19}),
    "rule-19-markup": (TITLE, "<title>a &lt;b&gt;podcast&lt;/b&gt;</title>", {19}),
    "rule-19-html-title": (TITLE, '<title type="html">A podcast</title>', {19}),
    "rule-19-elements-in-title": (TITLE, "<title>A <b>podcast</b></title>", {19}),
    "rule-19-empty-feed-title": ("<title>科技 &amp; 生活</title>", "<title/>", {19}),
    "rule-20-no-term": (FIRST_CATEGORY, 'label="科技"', {20}),
    "rule-20-empty-label": (FIRST_CATEGORY, 'term="科技" label=""', {20}),
    "rule-20-relative-scheme": (FIRST_CATEGORY, 'term="科技" scheme="/feeds/"', {20}),
    "rule-20-raw-chinese-scheme": (FIRST_CATEGORY, 'term="科技" scheme="https://news.example.org/科技"', {20}),
    "rule-20-same-twice": ('term="科技/开源"', 'term="科技"', {20}),
    "rule-21-no-length": (' length="1234"', "", {21}),
    "rule-21-length-0": (' length="1234"', ' length="0"', {21}),
    "rule-21-length-none": (' length="1234"', ' length="None"', {21}),
    "rule-21-no-type": (' type="audio/mpeg"', "", {21}),
    "rule-21-relative": (MP3, 'href="b.mp3"', {30}),
    "rule-22-source-without-id": ("<id>https://weekly.example.org/feed</id>", "", {22}),
    "rule-22-source-without-title": ("<title>开源周刊</title>", "", {22}),
    "rule-22-source-without-updated": ("<updated>2026-06-06T00:30:00Z</updated>", "", {22}),
    "rule-23-no-language": (' xml:lang="zh-CN"', "", {23}),
    "rule-23-underscore": (' xml:lang="zh-CN"', ' xml:lang="zh_CN"', {23}),
    "rule-23-entry": ('<entry xml:lang="en">', '<entry xml:lang="english language">', {23}),
    "rule-23-hreflang": (MP3, MP3 + ' hreflang="en_GB"', {23}),
    "rule-24-version-attribute": ('<generator uri="https://feedmill.example.org/"', '<generator version="1.0"', {24}),
    "rule-24-version-in-text": (">feedmill</generator>", ">feedmill 0.1.0</generator>", {24}),
    "rule-24-relative-uri": ('uri="https://feedmill.example.org/"', 'uri="feedmill"', {24}),
    "rule-25-no-declaration": ('<?xml version="1.0" encoding="utf-8"?>\n', "", {25}),
    "rule-25-other-encoding": ('encoding="utf-8"', 'encoding="gb18030"', {25}),
    "rule-25-carriage-return": ("<subtitle>", "\r<subtitle>", {25}),
    "rule-25-not-well-formed": ("</title>", "</tilte>", {25}),
    "rule-26-c0": ("每日新闻", "每日\x0b新闻", {26}),
    "rule-26-c0-by-reference": ("每日新闻", "每日&#11;新闻", {26}),
    "rule-26-u+fffe": ("每日新闻", "每日\ufffe新闻", {26}),
    "rule-26-c1": ("每日新闻", "每日\x92新闻", {26}),
    "rule-26-c1-by-reference": ("每日新闻", "每日&#x0092;新闻", {26}),
    "rule-26-surrogate": ("每日新闻", "每日&#xD800;新闻", {26}),
    "rule-27-cdata": ("每日新闻", "<![CDATA[每日新闻]]>", {27}),
    "rule-27-doctype": ("<feed ", "<!DOCTYPE feed>\n<feed ", {27}),
    "rule-27-entity": ("每日新闻", "每日&nbsp;新闻", {27}),
    "rule-27-instruction": ("<subtitle>", "<?php echo 1 ?><subtitle>", {27}),
    "rule-27-stylesheet-of-another-kind": ("text/css", "text/xsl", {27}),
    "rule-27-stylesheet-elsewhere": ('href="/feeds', 'href="https://css.example.org', {27}),
    "rule-27-stylesheet-of-another-host": ('href="/feeds', 'href="//css.example.org', {27}),
    "rule-27-stylesheet-of-another-host-by-backslash": ('href="/feeds', 'href="/\\css.example.org', {27}),
    "rule-27-stylesheet-with-more": ('feed.css"?>', 'feed.css" alternate="no"?>', {27}),
    "rule-27-stylesheet-twice": ("<feed", '<?xml-stylesheet type="text/css" href="b.css"?>\n<feed', {27}),
    "rule-27-stylesheet-in-the-feed": ("<subtitle>", '<?xml-stylesheet type="text/css" href="b.css"?><subtitle>', {27}),
    "rule-27-xslt": ('type="text/css"', 'type="text/xsl"', {27}),
    "rule-28-unclosed": (*inside("<p>a<b>b"), {28}),
    "rule-28-closes-nothing": (*inside("</div>"), {28}),
    "rule-28-crossed": (*inside("<b><i>x</b></i>"), {28}),
    "rule-28-whole-page": (*inside("<body></body>"), {28}),
    "rule-28-comment": (*inside("<!--><img src=x onerror=alert(1)>-->"), {28}),
    "rule-28-cut-inside-a-tag": (*inside('<a href="https://example'), {28}),
    "rule-28-xhtml": ('type="html"', 'type="xhtml"', {28}),
    "rule-28-bare-markup": ("&lt;p&gt;三行就够：&lt;/p&gt;", "<p>三行就够：</p>", {28}),
    "rule-29-href": (*inside('<a href="../b/">x</a>'), {29}),
    "rule-29-root-relative-src": (*inside('<img src="/a.jpg">'), {29}),
    "rule-29-protocol-relative": (*inside('<img src="//img.example.org/a.jpg">'), {29}),
    "rule-29-fragment": (*inside('<a href="#note">x</a>'), {29}),
    "rule-29-srcset": (*inside('<img srcset="https://x.example.org/a,b.jpg, c.jpg 2x">'), {29}),
    "rule-29-poster": (*inside('<video poster="p.jpg"></video>'), {29}),
    "rule-29-data-src": (*inside('<img data-src="p.jpg">'), {29}),
    "rule-29-no-base": (CONTENT, 'type="html"', {29}),
    "rule-29-relative-base": (CONTENT, 'type="html" xml:base="/posts/a/"', {29}),
    "rule-30-relative-link": ('href="https://news.example.org/posts/b/"', 'href="/posts/b/"', {30}),
    "rule-30-raw-chinese-link": ('href="https://news.example.org/posts/b/"', 'href="https://news.example.org/文/"', {30}),
    "rule-30-link-with-a-space": ('href="https://news.example.org/posts/b/"', 'href="https://news.example.org/a b/"', {30}),
    "rule-30-link-without-href": ('href="https://news.example.org/posts/b/"', "", {30}),
    "rule-30-raw-chinese-in-content": (*inside('<a href="https://news.example.org/文">x</a>'), {30}),
    "rule-30-media": ('<media:thumbnail url="https://img.example.org/', '<media:thumbnail url="/', {30}),
    "rule-30-icon": ("<icon>https://news.example.org/", "<icon>/", {30}),
    "rule-30-author-uri": ("<uri>https://news.example.org/about</uri>", "<uri>about</uri>", {30}),
    "rule-31-script": (*inside("<script>alert(1)</script>"), {31}),
    "rule-31-handler": (*inside('<b onclick="alert(1)">x</b>'), {31}),
    "rule-31-style": (*inside('<b style="position:fixed">x</b>'), {31}),
    "rule-31-javascript": (*inside('<a href="&#106;avascript&colon;alert(1)">x</a>'), {31}),
    "rule-31-data": (*inside('<img src="data:image/png;base64,AA==">'), {31}),
    "rule-31-http-iframe": (*inside('<iframe sandbox src="http://www.youtube.com/embed/x"></iframe>'), {31}),
    "rule-31-iframe-without-sandbox": (*inside('<iframe src="https://www.youtube.com/embed/x"></iframe>'), {31}),
    "rule-31-tags-in-iframe": (
        *inside('<iframe sandbox src="https://x.example.org/"><p title="</iframe><img src=x onerror=alert(1)>"></p></iframe>'),
        {31},
    ),
    "rule-31-svg": (*inside("<svg></svg>"), {31}),
    "rule-31-javascript-link": ('href="https://news.example.org/posts/b/"', 'href="javascript:alert(1)"', {31}),
    "rule-32-cut-inside-a-reference": (SUMMARY, "<summary>Tea &amp;amp</summary>", {32}),
    "rule-32-cut-inside-a-tag": (SUMMARY, '<summary>Tea &lt;img src="https://…</summary>', {32, 33}),
    "rule-32-cut-inside-an-emoji": (SUMMARY, "<summary>A family 👩\u200d…</summary>", {32}),
    "rule-32-right-to-left": (
        SUMMARY,
        '<content type="html" xml:lang="ar" xml:base="https://news.example.org/">&lt;p&gt;x&lt;/p&gt;</content>',
        {32},
    ),
    "rule-33-summary-is-the-content": ("<summary>三行就够。</summary>", "<summary>三行就够： 看</summary>", {33}),
    "rule-33-html-summary": ("<summary>", '<summary type="html">', {33}),
    "rule-33-markup-in-summary": (SUMMARY, "<summary>a &lt;em&gt;b&lt;/em&gt;</summary>", {33}),
    "rule-34-printed-pretty": (TITLE, "<title>\n      A podcast\n    </title>", {34}),
    "rule-43-relative-hub": ('href="https://hub.example.org/"', 'href="/hub"', {43}),
    "rule-43-same-hub-twice": (
        '<link href="https://hub.example.org/" rel="hub"/>',
        '<link href="https://hub.example.org/" rel="hub"/><link href="https://hub.example.org/" rel="hub"/>',
        {43},
    ),
    "rule-52-too-big": ("三行就够：", "三" * (MAX_BYTES // 3), {52}),
}

#: Everything of lines 1-34, 43 and 52 but what takes more than one document (2), another format (9) or is allowed (13).
RULES = {1, *range(3, 9), 10, 11, 12, *range(14, 35), 43, 52}


def rules(problems: list[Problem]) -> set[int]:
    return {int(problem.rule.removeprefix("rule ")) for problem in problems}


def test_a_perfect_document_has_no_problems() -> None:
    assert audit_atom(BASE.encode(), path="atom.xml", url=URL, now=NOW) == []


def test_schema_accepts_the_perfect_document(schema: Path) -> None:
    etree.RelaxNG(file=str(schema / "atom.rng")).assertValid(etree.fromstring(BASE.encode()))


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_reports_exactly_the_broken_rule(old: str, new: str, expected: set[int]) -> None:
    problems = audit_atom(broken(old, new), path="atom.xml", url=URL, now=NOW)

    assert rules(problems) == expected
    assert all(problem.path == "atom.xml" and problem.message for problem in problems)


def test_every_decidable_rule_has_a_broken_document() -> None:
    assert {int(name.split("-")[1]) for name in BROKEN} == RULES
    assert set().union(*(expected for _, _, expected in BROKEN.values())) == RULES


GOOD = {
    "a-bare-ampersand-and-generics": (TITLE, "<title>AT&amp;T: Option&lt;Vec&lt;T&gt;&gt; &amp;c</title>"),
    "a-title-about-an-element": (TITLE, "<title>What &lt;b&gt; means &amp; why</title>"),
    "bidirectional-marks": (TITLE, "<title>\u202bعنوان\u202c</title>"),
    "a-year-before-1900": (UPDATED + "\n    " + PUBLISHED, "<updated>1936-12-31T00:00:00Z</updated>"),
    "the-year-1": (UPDATED + "\n    " + PUBLISHED, "<updated>0001-01-01T00:00:00+14:00</updated>"),
    "right-to-left-with-dir": (
        SUMMARY,
        '<content type="html" xml:lang="ar" xml:base="https://news.example.org/">&lt;p dir="rtl"&gt;x&lt;/p&gt;</content>',
    ),
    "a-mail-link": inside('<a href="mailto:a@example.org">x</a>'),
    "a-comment-in-the-source": ("<subtitle>", "<!-- <![CDATA[ <?x ?> ]]> --><subtitle>"),
    "void-elements": inside("<br><hr/><wbr>"),
    "less-than-signs": inside("1 < 2 <3"),
    "no-stylesheet": ('<?xml-stylesheet type="text/css" href="/feeds/feed.css"?>\n', ""),
    "a-stylesheet-beside-it": ('href="/feeds/feed.css"', 'href="feed.css"'),
    "a-stylesheet-above-it": ('href="/feeds/feed.css"', 'href="../../feed.css"'),
    "a-byte-order-mark": ("<?xml version", "\ufeff<?xml version"),
    "a-language-of-four-parts": ('xml:lang="zh-CN"', 'xml:lang="zh-Hans-CN-x-ours"'),
    "a-carriage-return-by-reference": ("<subtitle>", "<subtitle>a&#13;"),
    "no-entries": (BASE[BASE.index("  <entry>") : BASE.rindex("</feed>")], ""),
}


@pytest.mark.parametrize(("old", "new"), GOOD.values(), ids=GOOD.keys())
def test_leaves_alone_what_is_allowed(old: str, new: str) -> None:
    assert audit_atom(broken(old, new), path="atom.xml", url=URL, now=NOW) == []


def test_equal_dates_are_ordered_by_id() -> None:
    first, second = ("<published>2026-06-05T04:00:00Z</published>", PUBLISHED)
    same = BASE.replace(second, first).replace(UPDATED, "<updated>2026-06-06T00:30:00Z</updated>")

    assert rules(audit_atom(same.encode(), path="atom.xml")) == {14}
    assert audit_atom(same.replace("tag:news.example.org,2026:a<", "http://news.example.org/a<").encode(), path="atom.xml") == []


def test_without_an_address_and_a_time_neither_is_compared() -> None:
    elsewhere = BASE.replace("news.example.org/feeds/%E7", "example.org/feeds/%E7").replace("2026", "2226")

    assert audit_atom(elsewhere.encode(), path="atom.xml") == []
    assert rules(audit_atom(elsewhere.encode(), path="atom.xml", url=URL, now=NOW)) == {12, 17}


LINES = {
    "an-element": (SUMMARY, "<summary> </summary>", SUMMARY),
    "within-content": ("&lt;img src=", "&lt;img onload='x' src=", "&lt;img src="),
    "not-well-formed": ("<media:thumbnail", "<media:<thumbnail", "<media:thumbnail"),
    "a-control-character": ("<summary>三行", "<summary>三\x85行", "<summary>三行"),
    "doctype": ("<feed ", "<!DOCTYPE feed><feed ", "<feed "),
}


@pytest.mark.parametrize(("old", "new", "place"), LINES.values(), ids=LINES.keys())
def test_names_the_line(old: str, new: str, place: str) -> None:
    line = BASE[: BASE.index(place)].count("\n") + 1

    assert line in {problem.line for problem in audit_atom(broken(old, new), path="atom.xml")}


def test_names_the_line_of_what_is_not_utf8() -> None:
    data = BASE.encode().replace("小满".encode(), "小满".encode("gb18030"))

    (problem,) = audit_atom(data, path="a/atom.xml")

    assert (problem.path, problem.line, problem.rule) == ("a/atom.xml", BASE[: BASE.index("小满")].count("\n") + 1, "rule 25")


def test_lines_beyond_sixteen_bits() -> None:
    data = BASE.replace("<subtitle>", "\n" * 70_000 + "<subtitle> ").encode()

    assert [problem.line for problem in audit_atom(data, path="atom.xml")] == [70_006]


@pytest.mark.parametrize("data", [b"", b"\0", b"<", b"<feed/>", b"<feed xmlns='http://www.w3.org/2005/Atom'/>", "文".encode("utf-16")])
def test_what_is_no_feed_is_a_problem(data: bytes) -> None:
    assert audit_atom(data, path="atom.xml")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_never_raises_on_any_bytes(data: bytes) -> None:
    assert audit_atom(data, path="atom.xml", url=URL, now=NOW)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_never_raises_on_a_damaged_feed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(BASE)))
    length = data.draw(st.integers(0, 40))
    splinter = data.draw(st.text(st.sampled_from("<>&\"'=/:;#[]!?-% \n科t0\x85\u202e"), max_size=20))

    audit_atom((BASE[:place] + splinter + BASE[place + length :]).encode(), path="atom.xml", url=URL, now=NOW)


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
HUGE = {
    "billion-laughs": f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]><x>&e9;</x>',
    "comments-never-closed": "<!--" * 300_000,
    "deep": "<feed xmlns='http://www.w3.org/2005/Atom'>" + "<a>" * 300_000,
    "carriage-returns": BASE.replace("<subtitle>", "\r" * 1_000_000 + "<subtitle>"),
    "attributes": broken(*inside("<b" + " x" * 200_000 + ">")).decode(),
    "quotes-never-closed": broken(*inside('<b x="' * 200_000)).decode(),
    "open-tags": broken(*inside("<b>" * 100_000)).decode(),
    "relative-addresses": broken(*inside("<a href=x></a>\n" * 20_000)).decode(),
    "srcset-of-commas": broken(*inside(f'<img srcset="{",a" * 300_000}">')).decode(),
    "references": broken(*inside(f'<img alt="{"&amp" * 100_000}" src="{"&#" * 100_000}">')).decode(),
    "less-than-signs": broken(*inside("< " * 300_000)).decode(),
    "spaces-in-title": broken(TITLE, f"<title>x{'&lt;a ' * 200_000}{' ' * 1_000_000}x</title>").decode(),
    "half-a-reference": broken(TITLE, f"<title>{'&amp;#' * 500_000}</title>").decode(),
    "joiners": broken(TITLE, "<title>" + "</" * 300_000 + "</title>").decode(),
    "one-long-id": broken(SECOND, f"<id>{'a:' * 1_000_000}</id>").decode(),
    "many-entries": BASE.replace("</feed>", "<entry/>" * 10_000 + "</feed>"),
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_takes_linear_time(text: str) -> None:
    """Each is about 1 MB and takes a fraction of a second; anything quadratic would take minutes."""
    start = time.perf_counter()

    audit_atom(text.encode(), path="atom.xml", url=URL)

    assert time.perf_counter() - start < 10
