"""What urls.py promises: ASCII addresses that are settled, RFC 3986 resolution, schemes held to a list."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.urls import absolute_url, encode_url, is_absolute_uri, quote_segment, without_userinfo

any_text = st.text(st.characters(codec=None, exclude_categories=()))
# Pieces of addresses, so that odd combinations of the usual are tried and not only noise.
pieces = st.lists(
    st.sampled_from(
        ["http", "https", "HTTP", "javascript", "mailto", ":", "//", "/", "/", "?", "#", "@", "..", ".", "a", "B", "中", "例え", " ",
         "%", "%41", "%zz", "[", "]", "[::1]", ":80", ":99999", "\\", "\t", "\n", "\xa0", '"', "'", "<", "&", "=", "\ud800", "\x00",
         "xn--", "a.b", "-", "_"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
#: RFC 3986, appendix A, as far as an absolute web address uses it.
ENCODED = re.compile(
    r"https?://[a-z0-9\-._~!$&'()*+,;=:@%\[\]A-Z]+(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*)(?:\?[^#\s\"<>\\^`{|}\[\]]*)?(?:#[^#\s\"<>\\^`{|}\[\]]*)?"
)


@pytest.mark.parametrize(
    ("url", "encoded"),
    [
        pytest.param("https://www.example.com/a/b?c=1&d=2#e", "https://www.example.com/a/b?c=1&d=2#e", id="finished"),
        pytest.param("HTTPS://WWW.Example.COM/Path", "https://www.example.com/Path", id="small scheme and host"),
        pytest.param("http://example.com", "http://example.com/", id="empty path"),
        pytest.param("http://example.com?q", "http://example.com/?q", id="empty path before a query"),
        pytest.param(
            "http://例え.jp/パス?q=中 文#片", "http://xn--r8jz45g.jp/%E3%83%91%E3%82%B9?q=%E4%B8%AD%20%E6%96%87#%E7%89%87", id="Unicode"
        ),
        pytest.param("http://例。com/", "http://xn--fsq.com/", id="ideographic full stop in the host"),
        pytest.param("http://%E4%BE%8B.com/", "http://xn--fsq.com/", id="escapes in the host"),
        pytest.param("https://💩.la/", "https://xn--ls8h.la/", id="emoji host"),
        pytest.param("http://h/%41%e4%zz%", "http://h/%41%e4%25zz%25", id="escapes stay, a lone percent does not"),
        pytest.param('http://h/a b"<>\\^`{|}', "http://h/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D", id="characters that no address has"),
        pytest.param("http://h/?a[]=1#b#c", "http://h/?a%5B%5D=1#b%23c", id="brackets and a second fragment"),
        pytest.param("  http://h/a\tb\r\nc\x00  ", "http://h/abc", id="controls and outer white space go"),
        pytest.param("http://h/\ud800x", "http://h/x", id="lone surrogate"),
        pytest.param("http://u:p@h:8080/", "http://u:p@h:8080/", id="userinfo and port stay"),
        pytest.param("http://u@v@h/", "http://u%40v@h/", id="at sign in userinfo"),
        pytest.param("http://h:/x", "http://h/x", id="empty port"),
        pytest.param("http://[2001:DB8::1]:80/", "http://[2001:db8::1]:80/", id="IPv6"),
        pytest.param("http://a_b-.example.com/", "http://a_b-.example.com/", id="host names in use"),
        pytest.param("mailto:编@x.org?subject=a b", "mailto:%E7%BC%96@x.org?subject=a%20b", id="mailto"),
        pytest.param("tag:example.org,2021:中", "tag:example.org,2021:%E4%B8%AD", id="tag"),
        pytest.param("a b/中", "a%20b/%E4%B8%AD", id="relative"),
        pytest.param("中:文", "%E4%B8%AD%3A%E6%96%87", id="a colon is no scheme"),
        pytest.param("//Host/中", "//host/%E4%B8%AD", id="without a scheme"),
        pytest.param("", "", id="empty"),
        pytest.param("http://", "", id="no host"),
        pytest.param("http:///x", "", id="empty host"),
        pytest.param("http:x", "", id="no authority"),
        pytest.param("http://h:99999/", "", id="port too large"),
        pytest.param("http://h:8x/", "", id="port not a number"),
        pytest.param("http://h:٣/", "", id="port in other digits"),
        pytest.param("http://a b/", "", id="space in the host"),
        pytest.param("http://a..b/", "", id="empty label"),
        pytest.param("http://[::1", "", id="bracket not closed"),
        pytest.param("http://[::1]x/", "", id="text after the bracket"),
        pytest.param("http://[fe80::1%25eth0]/", "", id="zone"),
        pytest.param("http://[1.2.3.4]/", "", id="IPv4 in brackets"),
        pytest.param("http://good.org\\@evil.org/", "", id="backslash in the authority"),
        pytest.param("http://a／b.com/", "", id="a slash by compatibility"),
        pytest.param("http://h%00.com/", "", id="escaped NUL in the host"),
        pytest.param("http://%ff.com/", "", id="escapes that are no UTF-8 in the host"),
        pytest.param("http://" + "a." * 200 + "com/", "", id="host too long"),
        pytest.param("http://" + "é" * 70 + ".com/", "", id="label too long"),
        pytest.param("http://" + "é" * 100_000 + "/", "", id="host of 100,000 characters"),
    ],
)
def test_encode_url(url: str, encoded: str) -> None:
    assert encode_url(url) == encoded
    assert encode_url(encoded) == encoded


@given(st.one_of(any_text, pieces))
@settings(max_examples=300)
def test_encode_url_is_ascii_and_settled(url: str) -> None:
    encoded = encode_url(url)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert " " not in encoded
    assert encode_url(encoded) == encoded


# RFC 3986 5.4.1 and 5.4.2, with the base of 5.4; the host alone has a dot, so that it is a host.
RFC_3986_5_4 = {
    "g:h": "g:h", "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/", "/g": "http://a/g", "//g": "http://g/",
    "?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y", "#s": "http://a/b/c/d;p?q#s", "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s", ";x": "http://a/b/c/;x", "g;x": "http://a/b/c/g;x", "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q", ".": "http://a/b/c/", "./": "http://a/b/c/", "..": "http://a/b/", "../": "http://a/b/",
    "../g": "http://a/b/g", "../..": "http://a/", "../../": "http://a/", "../../g": "http://a/g",
    "../../../g": "http://a/g", "../../../../g": "http://a/g", "/./g": "http://a/g", "/../g": "http://a/g", "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g", "g..": "http://a/b/c/g..", "..g": "http://a/b/c/..g", "./../g": "http://a/b/g", "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h", "g/../h": "http://a/b/c/h", "g;x=1/./y": "http://a/b/c/g;x=1/y", "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x", "g?y/../x": "http://a/b/c/g?y/../x", "g#s/./x": "http://a/b/c/g#s/./x",
    "g#s/../x": "http://a/b/c/g#s/../x",
}  # fmt: skip


@pytest.mark.parametrize(("reference", "target"), RFC_3986_5_4.items())
def test_absolute_url_resolves_as_rfc_3986(reference: str, target: str) -> None:
    assert absolute_url("http://a/b/c/d;p?q", reference, schemes=frozenset({"http", "g"})) == target


@pytest.mark.parametrize(
    ("base", "reference", "target"),
    [
        pytest.param("https://h/p/", "https://x.org/a?b", "https://x.org/a?b", id="absolute"),
        pytest.param("", "https://x.org/中", "https://x.org/%E4%B8%AD", id="absolute needs no base"),
        pytest.param("", "a", "", id="relative without a base"),
        pytest.param("ftp://h/", "a", "", id="base of another scheme"),
        pytest.param("javascript:x", "a", "", id="base that is a script"),
        pytest.param("/p/", "a", "", id="relative base"),
        pytest.param("http://H/é/x", "中 文.jpg", "http://h/%C3%A9/%E4%B8%AD%20%E6%96%87.jpg", id="both encoded"),
        pytest.param("http://h/p", "//x/y", "http://x/y", id="takes the base's scheme"),
        pytest.param("", "//x/y", "https://x/y", id="https without a base"),
        pytest.param("https://h/p?q#f", "?a", "https://h/p?a", id="query alone"),
        pytest.param("https://h", "a", "https://h/a", id="base without a path"),
        pytest.param("https://h/p", "https://x.org/a/../b/./c", "https://x.org/b/c", id="dots in an absolute address"),
        pytest.param("https://h/p", "http:x", "", id="scheme without authority"),
        pytest.param("https://h/p", "/\\evil.org", "https://h/%5Cevil.org", id="backslash is no slash"),
        pytest.param("https://h/p", "mailto:a@b.org", "", id="mailto is not for everything"),
        pytest.param("https://h/p", "javascript:alert(1)", "", id="script"),
        pytest.param("https://h/p", "JaVaScRiPt:alert(1)", "", id="script in capitals"),
        pytest.param("https://h/p", "java\tscript:alert(1)", "", id="tab inside"),
        pytest.param("https://h/p", "java\r\nscript:alert(1)", "", id="line end inside"),
        pytest.param("https://h/p", "\x01javascript:alert(1)", "", id="control before"),
        pytest.param("https://h/p", " \xa0javascript:alert(1)", "", id="white space before"),
        pytest.param("https://h/p", "vbscript:x", "", id="vbscript"),
        pytest.param("https://h/p", "data:text/html,<script>", "", id="data"),
        pytest.param("https://h/p", "file:///etc/passwd", "", id="file"),
        pytest.param("https://h/p", "blob:https://h/x", "", id="blob"),
        pytest.param("https://h/p", "http://x:99999/", "", id="bad port"),
        pytest.param("https://h/p", "http://[::1", "", id="bad bracket"),
    ],
)
def test_absolute_url(base: str, reference: str, target: str) -> None:
    assert absolute_url(base, reference) == target


def test_absolute_url_takes_the_callers_schemes() -> None:
    schemes = frozenset({"https", "mailto"})
    assert absolute_url("https://h/", "mailto:a@b.org", schemes=schemes) == "mailto:a@b.org"
    assert absolute_url("https://h/", "http://h/x", schemes=schemes) == ""
    assert absolute_url("http://h/", "x", schemes=schemes) == ""


@given(st.one_of(any_text, pieces))
@settings(max_examples=300)
def test_absolute_url_is_a_web_address_or_nothing(reference: str) -> None:
    url = absolute_url("https://base.example.org/a/b?c", reference)
    assert url == "" or ENCODED.fullmatch(url)
    assert not url or (is_absolute_uri(url) or len(url) > 767)
    assert absolute_url("https://other.example.org/", url) == url or not url


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        pytest.param("abc-._~1", "abc-._~1", id="unreserved"),
        pytest.param("a/b?c#d e", "a%2Fb%3Fc%23d%20e", id="marks of an address"),
        pytest.param("a+b&c=d;e:f@g!$'()*,", "a%2Bb%26c%3Dd%3Be%3Af%40g%21%24%27%28%29%2A%2C", id="sub-delims"),
        pytest.param("中文", "%E4%B8%AD%E6%96%87", id="Chinese"),
        pytest.param("100%", "100%25", id="percent"),
        pytest.param("a\ud800b", "ab", id="lone surrogate"),
    ],
)
def test_quote_segment(text: str, segment: str) -> None:
    assert quote_segment(text) == segment


@pytest.mark.parametrize(
    "uri",
    ["http://example.org/", "https://example.org", "HTTP://h?x#y", "http://u:p@h:80/a%20b", "http://[::1]/", "urn:uuid:1-2",
     "mailto:a@b.org", "tag:example.org,2021:a/b?c#d", "x-y+z.1:a", "ftp://h/x", "file:///x", "info:lccn/1", "http://h/" + "a" * 758],
)  # fmt: skip
def test_is_absolute_uri(uri: str) -> None:
    assert is_absolute_uri(uri)


@pytest.mark.parametrize(
    "text",
    ["", "123", "a b", "http://", "http:///x", "http:x", "http:/x", "中:文", "tag:", "tag:中", "a/b:c", "//h/x", "1a:b", "?a:b", ":a",
     "http://h/a b", "http://h/a\n", "http://h/%zz", "http://h/%", "http://h/[x]", "http://h/<x>", 'http://h/"', "http://h/#a#b",
     "http://h:x/", "urn:a\u00e9", "http://h/" + "a" * 759],
)  # fmt: skip
def test_is_no_absolute_uri(text: str) -> None:
    assert not is_absolute_uri(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x@y", "https://a.example/x@y"),
        ("https://user:pw@a.example/x", "https://a.example/x"),
        ("https://user:p@w@a.example:8080", "https://a.example:8080"),
        ("no address", "no address"),
    ],
)
def test_an_address_without_what_is_secret_before_its_host(url: str, expected: str) -> None:
    assert without_userinfo(url) == expected
