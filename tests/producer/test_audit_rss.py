"""The audit of RSS finds every rule broken that one document can break, and nothing in a perfect one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.model import Problem
from feedmill.producer.audit_rss import audit_rss
from feedmill.producer.audit_rssdates import fault_in_rss_date, read_rss_date
from feedmill.producer.audit_source import MAX_BYTES

URL = "https://news.example.org/feeds/%E7%A7%91%E6%8A%80/rss.xml"
NOW = datetime(2026, 7, 1, tzinfo=UTC)

BASE = """<?xml version="1.0" encoding="utf-8"?>
<?xml-stylesheet type="text/css" href="/feeds/feed.css"?>
<rss xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" \
xmlns:fh="http://purl.org/syndication/history/1.0" version="2.0">
<channel>
  <title>科技 &amp; 生活</title>
  <link>https://news.example.org/</link>
  <description>每日新闻</description>
  <atom:link href="https://news.example.org/feeds/%E7%A7%91%E6%8A%80/rss.xml" rel="self" type="application/rss+xml"/>
  <generator>feedmill</generator>
  <image><url>https://news.example.org/icon.png</url><title>科技 &amp; 生活</title><link>https://news.example.org/</link></image>
  <language>zh-CN</language>
  <ttl>15</ttl>
  <lastBuildDate>Sat, 06 Jun 2026 00:30:00 +0000</lastBuildDate>
  <managingEditor>editor@example.org (编辑部)</managingEditor>
  <dc:creator>编辑部</dc:creator>
  <atom:id>tag:news.example.org,2026:feed:1</atom:id>
  <atom:link href="https://hub.example.org/" rel="hub"/>
  <atom:link href="https://news.example.org/feeds/rss-1.xml" rel="prev-archive" type="application/rss+xml"/>
  <item>
    <title>R&amp;D &lt; 20%？Vec&lt;T&gt; 🚀</title>
    <link>https://news.example.org/posts/a/</link>
    <description>三行就够：3 &amp;lt; 4 &amp;amp; 5</description>
    <content:encoded xml:base="https://news.example.org/posts/a/">&lt;p&gt;三行就够：&lt;/p&gt;
&lt;p&gt;&lt;a href="https://news.example.org/b?x=1&amp;amp;y=2"&gt;看&lt;/a&gt;&lt;/p&gt;</content:encoded>
    <guid isPermaLink="false">tag:news.example.org,2026:a</guid>
    <dc:creator>小满</dc:creator>
    <pubDate>Fri, 05 Jun 2026 04:00:00 GMT</pubDate>
    <atom:updated>2026-06-06T00:30:00+00:00</atom:updated>
    <category domain="https://news.example.org/feeds/">科技</category>
    <category domain="https://news.example.org/feeds/">科技/开源</category>
    <media:thumbnail url="https://img.example.org/a.jpg"/>
    <source url="https://weekly.example.org/feed">开源周刊</source>
    <atom:link href="https://weekly.example.org/1.html" rel="via" type="text/html"/>
  </item>
  <item xml:lang="en">
    <title>A podcast</title>
    <link>https://news.example.org/posts/b/</link>
    <description>Only a summary and a link.</description>
    <guid>https://news.example.org/posts/b/</guid>
    <dc:creator>Robin</dc:creator>
    <pubDate>Mon, 04 May 2026 10:20:00 +0800</pubDate>
    <enclosure url="https://news.example.org/b.mp3" type="audio/mpeg" length="1234"/>
  </item>
</channel>
</rss>
"""

CHANNEL_TITLE = "<title>科技 &amp; 生活</title>\n  <link>"
BUILT = "<lastBuildDate>Sat, 06 Jun 2026 00:30:00 +0000</lastBuildDate>"
FEED_ID = "<atom:id>tag:news.example.org,2026:feed:1</atom:id>"
HUB = '<atom:link href="https://hub.example.org/" rel="hub"/>'
GUID_A = '<guid isPermaLink="false">tag:news.example.org,2026:a</guid>'
GUID_B = "<guid>https://news.example.org/posts/b/</guid>"
TITLE = "<title>A podcast</title>"
LINK = "<link>https://news.example.org/posts/b/</link>"
SUMMARY = "<description>Only a summary and a link.</description>"
DATE_A = "<pubDate>Fri, 05 Jun 2026 04:00:00 GMT</pubDate>"
DATE_B = "<pubDate>Mon, 04 May 2026 10:20:00 +0800</pubDate>"
UPDATED = "<atom:updated>2026-06-06T00:30:00+00:00</atom:updated>"
ENCLOSURE = '<enclosure url="https://news.example.org/b.mp3" type="audio/mpeg" length="1234"/>'
CATEGORY = '<category domain="https://news.example.org/feeds/">科技</category>'
DESCRIPTION_A = "<description>三行就够：3 &amp;lt; 4 &amp;amp; 5</description>"
TAG = "&lt;p&gt;三行就够：&lt;/p&gt;"


def inside(html: str) -> tuple[str, str]:
    """A replacement that puts `html`, escaped, into the first item's content."""
    return TAG, TAG + html.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def described(html: str) -> tuple[str, str]:
    """A replacement that describes the second item with `html`, escaped."""
    return SUMMARY, f"<description>{html.replace('&', '&amp;').replace('<', '&lt;')}</description>"


def broken(old: str, new: str) -> bytes:
    assert old in BASE, old
    return BASE.replace(old, new, 1).encode()


BROKEN = {
    "rule-1-empty-guid": (GUID_A, '<guid isPermaLink="false"/>', {1}),
    "rule-1-guid-that-is-no-uri": (GUID_A, '<guid isPermaLink="false">posts/a</guid>', {1}),
    "rule-1-feed-id": (FEED_ID, "<atom:id>feed</atom:id>", {1}),
    "rule-3-tag-without-a-year": (GUID_A, '<guid isPermaLink="false">tag:news.example.org:a</guid>', {3}),
    "rule-4-no-feed-id": (FEED_ID, "", {4}),
    "rule-4-two-feed-ids": (FEED_ID, FEED_ID + FEED_ID, {4}),
    "rule-4-feed-id-is-the-site": (FEED_ID, "<atom:id>https://news.example.org/</atom:id>", {4}),
    "rule-5-same-guid-twice": (GUID_B, GUID_A, {5}),
    "rule-5-guid-is-the-feed's-id": (GUID_A, '<guid isPermaLink="false">tag:news.example.org,2026:feed:1</guid>', {5}),
    "rule-6-capital-host": (GUID_B, "<guid>https://News.example.org/posts/b/</guid>", {6}),
    "rule-7-updated-without-a-zone": (UPDATED, "<atom:updated>2026-06-06T00:30:00</atom:updated>", {7}),
    "rule-8-microseconds": (UPDATED, "<atom:updated>2026-06-06T00:30:00.5Z</atom:updated>", {8}),
    "rule-9-rfc-3339": (DATE_B, "<pubDate>2026-05-04T02:20:00Z</pubDate>", {9}),
    "rule-9-utc": (DATE_A, "<pubDate>Fri, 05 Jun 2026 04:00:00 UTC</pubDate>", {9}),
    "rule-9-wrong-weekday": (DATE_A, "<pubDate>Sat, 05 Jun 2026 04:00:00 GMT</pubDate>", {9}),
    "rule-9-built": (BUILT, "<lastBuildDate>06.06.2026</lastBuildDate>", {9}),
    "rule-10-updated-before-published": (UPDATED, "<atom:updated>2026-06-05T03:59:59Z</atom:updated>", {10, 11}),
    "rule-11-time-of-the-build": (BUILT, "<lastBuildDate>Tue, 30 Jun 2026 00:00:00 GMT</lastBuildDate>", {11}),
    "rule-12-future": (BUILT, "<lastBuildDate>Wed, 01 Jul 2026 00:00:01 GMT</lastBuildDate>", {11, 12}),
    "rule-12-item-of-the-future": (DATE_A, "<pubDate>Wed, 01 Jul 2026 00:00:01 GMT</pubDate>", {10, 12}),
    "rule-12-year-0": (DATE_B, "<pubDate>04 May 0000 02:20:00 GMT</pubDate>", {12}),
    "rule-14-newer-below-older": (DATE_B, "<pubDate>Fri, 05 Jun 2026 04:00:01 GMT</pubDate>", {14}),
    "rule-15-no-title": (TITLE, "", {15}),
    "rule-15-two-links": (LINK, LINK + LINK, {15}),
    "rule-15-no-date": (DATE_B, "", {15}),
    "rule-15-two-sources": ("</source>", '</source><source url="https://x.example.org/">x</source>', {15}),
    "rule-15-unknown-element": (DATE_B, DATE_B + "<published>x</published>", {15}),
    "rule-16-channel-without-author": ("<dc:creator>编辑部</dc:creator>", "", {16}),
    "rule-16-item-without-author": ("<dc:creator>Robin</dc:creator>", "", {16}),
    "rule-16-empty-name": ("<dc:creator>Robin</dc:creator>", "<dc:creator/>", {16}),
    "rule-17-no-self": ('rel="self"', 'rel="related"', {17, 43}),
    "rule-17-self-of-another-type": ('rel="self" type="application/rss+xml"', 'rel="self" type="text/xml"', {17}),
    "rule-17-http-for-https": ('href="https://news.example.org/feeds/%E7', 'href="http://news.example.org/feeds/%E7', {17}),
    "rule-18-two-alternates": (HUB, '<atom:link href="https://x.example.org/"/><atom:link href="https://y.example.org/"/>', {18}),
    "rule-19-empty-title": (TITLE, "<title/>", {19}),
    "rule-19-markup": (TITLE, "<title>a &lt;b&gt;podcast&lt;/b&gt;</title>", {19}),
    "rule-19-escaped-twice": (TITLE, "<title>AT&amp;amp;T</title>", {19}),
    "rule-19-empty-description": ("<description>每日新闻</description>", "<description/>", {19}),
    "rule-21-no-length": (' length="1234"', "", {21}),
    "rule-21-no-type": (' type="audio/mpeg"', "", {21}),
    "rule-21-two-enclosures": (ENCLOSURE, ENCLOSURE + ENCLOSURE, {21}),
    "rule-22-source-without-address": (' url="https://weekly.example.org/feed"', "", {22}),
    "rule-22-source-without-title": ("开源周刊", "", {22}),
    "rule-23-underscore": ("<language>zh-CN", "<language>zh_CN", {23}),
    "rule-23-item": ('<item xml:lang="en">', '<item xml:lang="english language">', {23}),
    "rule-24-version-in-text": (">feedmill<", ">feedmill 0.1.0<", {24}),
    "rule-25-other-encoding": ('encoding="utf-8"', 'encoding="gb18030"', {25}),
    "rule-25-not-well-formed": ("</title>", "</tilte>", {25}),
    "rule-26-c0": ("每日新闻", "每日\x0b新闻", {26}),
    "rule-26-c1": ("每日新闻", "每日\x92新闻", {26}),
    "rule-27-cdata": (TAG, "<![CDATA[<p>三行就够：</p>]]>", {27}),
    "rule-27-doctype": ("<rss ", "<!DOCTYPE rss>\n<rss ", {27}),
    "rule-28-unclosed": (*inside("<p>a<b>b"), {28}),
    "rule-28-bare-markup": (TAG, "<p>三行就够：</p>", {28}),
    "rule-29-relative": (*inside('<a href="../b/">x</a>'), {29}),
    "rule-29-no-base": (' xml:base="https://news.example.org/posts/a/"', "", {29}),
    "rule-30-relative-link": (LINK, "<link>/posts/b/</link>", {30}),
    "rule-30-raw-chinese-link": (LINK, "<link>https://news.example.org/文/</link>", {30}),
    "rule-30-channel-link": ("<link>https://news.example.org/</link>\n", "<link>news.example.org</link>\n", {30, 39}),
    "rule-30-enclosure": ('url="https://news.example.org/b.mp3"', 'url="b.mp3"', {30}),
    "rule-30-media": ('url="https://img.example.org/', 'url="/', {30}),
    "rule-30-image": ("<url>https://news.example.org/", "<url>/", {30}),
    "rule-31-script": (*inside("<script>alert(1)</script>"), {31}),
    "rule-31-handler": (*inside('<b onclick="alert(1)">x</b>'), {31}),
    "rule-31-javascript-link": (LINK, "<link>javascript:alert(1)</link>", {31}),
    "rule-31-script-in-description": (*described("<script>x</script>"), {31, 33}),
    "rule-32-cut-inside-a-reference": (*described("Tea &amp"), {32}),
    "rule-32-cut-inside-an-emoji": (*described("A family 👩\u200d…"), {32}),
    "rule-32-right-to-left": ("<language>zh-CN", "<language>ar", {32}),
    "rule-33-markup-in-description": (*described("a <em>b</em>"), {33}),
    "rule-33-elements-in-description": (SUMMARY, "<description>a <b>c</b></description>", {33}),
    "rule-34-printed-pretty": (SUMMARY, "<description>\n Only a summary.\n</description>", {34}),
    "rule-35-no-channel": (BASE[BASE.index("<channel>") : BASE.index("</rss>")], "", {35}),
    "rule-35-other-version": ('version="2.0"', 'version="0.91"', {35}),
    "rule-35-two-channels": ("</channel>", "</channel><channel/>", {35}),
    "rule-35-no-channel-title": (CHANNEL_TITLE, "<link>", {35, 39}),
    "rule-35-no-description": ("<description>每日新闻</description>", "", {35}),
    "rule-35-no-language": ("<language>zh-CN</language>", "", {35}),
    "rule-35-no-date": (BUILT, "", {35}),
    "rule-35-two-generators": ("<generator>", "<generator>x</generator><generator>", {35}),
    "rule-35-unknown-element": ("<ttl>15</ttl>", "<TTL>15</TTL>", {35}),
    "rule-35-ttl": ("<ttl>15</ttl>", "<ttl>15m</ttl>", {35}),
    "rule-35-link-to-itself": ("<link>https://news.example.org/<", f"<link>{URL}<", {35, 39}),
    "rule-35-metadata-after-an-item": ("</channel>", "<copyright>x</copyright></channel>", {35}),
    "rule-36-no-guid": (GUID_B, "", {36}),
    "rule-36-two-guids": (GUID_B, GUID_B + GUID_B, {36}),
    "rule-36-permalink-by-default": (' isPermaLink="false"', "", {36}),
    "rule-36-permalink-that-is-none": ('isPermaLink="false"', 'isPermaLink="true"', {36}),
    "rule-36-neither": ('isPermaLink="false"', 'isPermaLink="no"', {36}),
    "rule-37-author-is-a-name": (GUID_B, GUID_B + "<author>Robin</author>", {37}),
    "rule-37-address-alone": ("editor@example.org (编辑部)", "noreply@example.org", {37}),
    "rule-38-no-description": (SUMMARY, "", {38}),
    "rule-38-empty-description": (SUMMARY, "<description> </description>", {38}),
    "rule-38-content-twice": (DATE_A, '<content:encoded xml:base="https://x.example.org/">x</content:encoded>' + DATE_A, {38}),
    "rule-38-empty-content": (DATE_B, "<content:encoded/>" + DATE_B, {38}),
    "rule-39-no-domain": (CATEGORY, "<category>科技</category>", {39}),
    "rule-39-relative-domain": (CATEGORY, '<category domain="/feeds/">科技</category>', {39}),
    "rule-39-raw-chinese-domain": (CATEGORY, '<category domain="https://news.example.org/科技">科技</category>', {39}),
    "rule-39-no-name": (CATEGORY, '<category domain="https://news.example.org/feeds/"/>', {39}),
    "rule-39-same-twice": (CATEGORY, CATEGORY + CATEGORY, {39}),
    "rule-39-image-of-another-title": (
        "<image><url>https://news.example.org/icon.png</url><title>科技",
        "<image><url>https://news.example.org/icon.png</url><title>x",
        {39},
    ),
    "rule-42-archive-without-current": (FEED_ID, FEED_ID + "<fh:archive/>", {42}),
    "rule-43-relative-hub": ('href="https://hub.example.org/"', 'href="/hub"', {43}),
    "rule-43-same-hub-twice": (HUB, HUB + HUB, {43}),
    "rule-52-too-big": ("三行就够：3", "三" * (MAX_BYTES // 3), {52}),
}

#: Of lines 1-39, 42, 43 and 52: not 2 (it takes more than one document), 13 (allowed), 20 (39 here).
RULES = {1, *range(3, 13), *range(14, 20), *range(21, 40), 42, 43, 52}


def rules(problems: list[Problem]) -> set[int]:
    return {int(problem.rule.removeprefix("rule ")) for problem in problems}


def test_a_perfect_document_has_no_problems() -> None:
    assert audit_rss(BASE.encode(), path="rss.xml", url=URL, now=NOW) == []


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_reports_exactly_the_broken_rule(old: str, new: str, expected: set[int]) -> None:
    problems = audit_rss(broken(old, new), path="rss.xml", url=URL, now=NOW)

    assert rules(problems) == expected
    assert all(problem.path == "rss.xml" and problem.message for problem in problems)


def test_every_decidable_rule_has_a_broken_document() -> None:
    assert {int(name.split("-")[1]) for name in BROKEN} == RULES
    assert set().union(*(expected for _, _, expected in BROKEN.values())) == RULES


def test_content_before_its_description_is_found() -> None:
    moved = BASE.replace(f"    {DESCRIPTION_A}\n", "").replace(f"    {GUID_A}", f"    {DESCRIPTION_A}\n    {GUID_A}")

    assert rules(audit_rss(moved.encode(), path="rss.xml", url=URL, now=NOW)) == {38}


GOOD = {
    "a-title-about-an-element": (TITLE, "<title>What &lt;b&gt; means &amp; why</title>"),
    "a-description-about-an-element": described("&lt;script&gt; &amp; &lt;/script&gt;"),
    "an-author-with-an-address": (GUID_B, GUID_B + "<author>robin@example.org (Robin)</author>"),
    "no-hub-and-no-history": (HUB, ""),
    "no-stylesheet": ('<?xml-stylesheet type="text/css" href="/feeds/feed.css"?>\n', ""),
    "no-image": (BASE[BASE.index("  <image>") : BASE.index("  <language>")], ""),
    "no-items": (BASE[BASE.index("  <item>") : BASE.index("</channel>")], ""),
    "right-to-left-without-content": ('<item xml:lang="en">', '<item xml:lang="ar">'),
    "a-date-without-a-weekday": (DATE_B, "<pubDate>4 May 2026 02:20 Z</pubDate>"),
}


@pytest.mark.parametrize(("old", "new"), GOOD.values(), ids=GOOD.keys())
def test_leaves_alone_what_is_allowed(old: str, new: str) -> None:
    assert audit_rss(broken(old, new), path="rss.xml", url=URL, now=NOW) == []


def test_equal_dates_are_ordered_by_guid() -> None:
    same = BASE.replace(DATE_B, DATE_A)

    assert rules(audit_rss(same.encode(), path="rss.xml")) == {14}
    assert audit_rss(same.replace("tag:news.example.org,2026:a<", "http://news.example.org/a<").encode(), path="rss.xml") == []


def test_without_an_address_and_a_time_neither_is_compared() -> None:
    assert audit_rss(BASE.encode(), path="rss.xml") == []
    early = NOW - timedelta(days=300)
    assert rules(audit_rss(BASE.encode(), path="rss.xml", url=URL.replace("https", "http"), now=early)) == {12, 17}


def test_names_the_line() -> None:
    data = broken(*inside("<p onload='x'></p>"))
    line = BASE[: BASE.index(TAG)].count("\n") + 1

    assert [problem.line for problem in audit_rss(data, path="rss.xml", url=URL, now=NOW)] == [line]


DATES = {
    "Fri, 05 Jun 2026 04:00:00 GMT": datetime(2026, 6, 5, 4, tzinfo=UTC),
    "05 Jun 2026 04:00 Z": datetime(2026, 6, 5, 4, tzinfo=UTC),
    "Fri, 5 Jun 2026 04:00:00 +0530": datetime(2026, 6, 5, 4, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "Fri, 05 Jun 2026 04:00:00 -0000": datetime(2026, 6, 5, 4, tzinfo=UTC),
    "Fri, 05 Jun 2026 04:00:00 -0800": datetime(2026, 6, 5, 4, tzinfo=timezone(-timedelta(hours=8))),
    "Tue, 31 Dec 1889 15:54:17 +0000": datetime(1889, 12, 31, 15, 54, 17, tzinfo=UTC),
}
NO_DATES = [
    "",
    "Fri, 05 Jun 26 04:00:00 GMT",
    "Fri, 05 Jun 2026 04:00:00",
    "Fri, 05 Jun 2026 04:00:00 UTC",
    "Fri, 05 Jun 2026 04:00:00 EST",
    "fri, 05 jun 2026 04:00:00 GMT",
    "Fr, 05 Juni 2026 04:00:00 GMT",
    "周五, 05 6月 2026 04:00:00 GMT",
    "Fri, 05 Jun 2026 04:00:00 +08:00",
    "Fri, ٠٥ Jun 2026 04:00:00 GMT",
    "Fri, 30 Feb 2026 04:00:00 GMT",
    "Fri, 05 Jun 2026 24:00:00 GMT",
    "Fri, 05 Jun 2026 04:00:00 +9900",
    " Fri, 05 Jun 2026 04:00:00 GMT",
]


@pytest.mark.parametrize(("text", "date"), DATES.items())
def test_reads_dates(text: str, date: datetime) -> None:
    assert read_rss_date(text) == date
    assert fault_in_rss_date(text, now=NOW) is None


@pytest.mark.parametrize("text", NO_DATES)
def test_refuses_what_is_no_date(text: str) -> None:
    fault = fault_in_rss_date(text, now=None)

    assert fault is not None
    assert fault.rule == 9
    assert read_rss_date(text) is None


@pytest.mark.parametrize("data", [b"", b"\0", b"<", b"<rss/>", b"<rss version='2.0'><channel/></rss>", "文".encode("utf-16")])
def test_what_is_no_feed_is_a_problem(data: bytes) -> None:
    assert audit_rss(data, path="rss.xml")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_never_raises_on_a_damaged_feed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(BASE)))
    length = data.draw(st.integers(0, 40))
    splinter = data.draw(st.text(st.sampled_from("<>&\"'=/:;#[]!?-% \n科t0\x85\u202e"), max_size=20))

    audit_rss((BASE[:place] + splinter + BASE[place + length :]).encode(), path="rss.xml", url=URL, now=NOW)


HUGE = {
    "spaces-in-a-date": broken(DATE_B, f"<pubDate>Mon, {' ' * 1_000_000}</pubDate>"),
    "an-author-of-parentheses": broken(GUID_B, f"{GUID_B}<author>{'a@b (' * 200_000}</author>"),
    "a-description-of-tags": broken(*described("<b>" * 100_000)),
    "many-items": BASE.replace("</channel>", "<item/>" * 5_000 + "</channel>").encode(),
    "many-categories": broken(CATEGORY, "<category>x</category>" * 20_000),
}


@pytest.mark.parametrize("data", HUGE.values(), ids=HUGE.keys())
def test_takes_linear_time(data: bytes) -> None:
    """Each is a fraction of a second; anything quadratic would take minutes."""
    start = time.perf_counter()

    audit_rss(data, path="rss.xml", url=URL)

    assert time.perf_counter() - start < 10
