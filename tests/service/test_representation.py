"""One version, and every way of asking for it: conditional, in gzip, without a body, with methods that are not for it."""

from __future__ import annotations

import asyncio
import gzip
from email.utils import formatdate
from typing import Any

import pytest

from asking import Answer, ask
from feedmill.service.content import compress
from feedmill.service.representation import Representation, answer, refuse, represent

BODY = "<p>正文 and a text that is long enough to be worth compressing</p>\n".encode() * 40
MODIFIED = 784_111_777
MODIFIED_TEXT = "Sun, 06 Nov 1994 08:49:37 GMT"
PAGE = represent(
    BODY, content_type="text/html; charset=utf-8", last_modified=MODIFIED, headers=((b"cache-control", b"public, max-age=60"),)
)
GZIP = ("Accept-Encoding", "gzip")


def asked(*headers: tuple[str, str], method: str = "GET", page: Representation = PAGE) -> Answer:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        statuses.append(await answer(scope, receive, send, page))

    statuses: list[int] = []
    got = asyncio.run(ask(app, "/x", method=method, headers=headers))
    assert statuses == [got.status]
    return got


def refused(status: int, *, method: str = "GET", **over: Any) -> Answer:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await refuse(scope, receive, send, status, **over) == status

    return asyncio.run(ask(app, "/x", method=method))


# what a version is


def test_a_version_knows_its_bytes_and_its_tag() -> None:
    assert PAGE.body == BODY
    assert PAGE.etag.startswith('"')
    assert PAGE.etag.endswith('"')
    assert len(PAGE.etag) == 34
    assert PAGE.last_modified == MODIFIED
    same = represent(BODY, content_type="text/plain", last_modified=None)
    other = represent(BODY + b" ", content_type="text/html; charset=utf-8", last_modified=MODIFIED)
    assert same.etag == PAGE.etag != other.etag


def test_gzip_is_the_same_bytes_for_the_same_body() -> None:
    assert compress(BODY) == compress(bytes(bytearray(BODY)))
    assert gzip.decompress(compress(BODY)) == BODY
    assert compress(BODY)[4:8] == b"\0\0\0\0", "no time of day in it"


# whole answers


def test_a_plain_request_gets_everything() -> None:
    got = asked()
    assert got.status == 200
    assert got.body == BODY
    assert got.headers == {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(BODY)),
        "etag": PAGE.etag,
        "last-modified": MODIFIED_TEXT,
        "cache-control": "public, max-age=60",
        "vary": "Accept-Encoding",
        "accept-ranges": "none",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "referrer-policy": "no-referrer",
    }


def test_I8_gzip_has_its_own_tag_and_is_the_same_content() -> None:
    got = asked(GZIP)
    assert got.content == BODY
    assert len(got.body) < len(BODY)
    assert got.headers["content-encoding"] == "gzip"
    assert got.headers["etag"] == PAGE.etag[:-1] + '-gzip"'
    assert got.headers["vary"] == "Accept-Encoding"
    assert asked(GZIP).body is got.body, "compressed once"


@pytest.mark.parametrize("field", ["gzip;q=0", "identity", "br", "*;q=0", "identity;q=0, gzip;q=0"])
def test_I8_who_does_not_take_gzip_gets_identity(field: str) -> None:
    got = asked(("Accept-Encoding", field))
    assert "content-encoding" not in got.headers
    assert got.body == BODY


def test_several_fields_of_one_name_are_one_list() -> None:
    assert asked(("Accept-Encoding", "br"), GZIP).headers["content-encoding"] == "gzip"
    assert asked(("If-None-Match", '"a"'), ("If-None-Match", PAGE.etag)).status == 304


@pytest.mark.parametrize(("content_type", "size"), [("image/png", 5000), ("application/octet-stream", 5000), ("text/plain", 100)])
def test_what_gzip_is_no_gain_for_does_not_vary_by_it(content_type: str, size: int) -> None:
    got = asked(GZIP, page=represent(b"x" * size, content_type=content_type, last_modified=None))
    assert "content-encoding" not in got.headers
    assert "vary" not in got.headers
    assert "last-modified" not in got.headers


@pytest.mark.parametrize("content_type", ["application/atom+xml; charset=utf-8", "application/feed+json", "image/svg+xml", "text/css"])
def test_text_of_any_kind_is_compressed(content_type: str) -> None:
    assert asked(GZIP, page=represent(BODY, content_type=content_type, last_modified=None)).content == BODY


def test_a_thousand_who_ask_at_once_cost_one_compression() -> None:
    page = represent(BODY * 20, content_type="text/html", last_modified=None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, receive, send, page)

    async def ask_all() -> list[Answer]:
        return await asyncio.gather(*(ask(app, "/x", headers=[GZIP]) for _ in range(1000)))

    assert len({id(got.body) for got in asyncio.run(ask_all())}) == 1


def test_own_headers_take_the_place_of_those_that_every_reply_has() -> None:
    page = represent(
        BODY, content_type="text/html", last_modified=None, headers=((b"content-security-policy", b"default-src 'self'"), (b"x-own", b"1"))
    )
    for got in (asked(page=page), asked(("If-None-Match", page.etag), page=page)):
        assert got.headers["content-security-policy"] == "default-src 'self'"
        assert got.headers["x-own"] == "1"
        assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x=1", b"a\nb", b"a\rb", b"a\0b"])
def test_I4_no_header_makes_another(value: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        represent(BODY, content_type="text/html", last_modified=None, headers=((b"x-own", value),))
    with pytest.raises(ValueError, match="line end"):
        refused(301, headers=((b"location", value),))


# 304


@pytest.mark.parametrize("field", [PAGE.etag, f"W/{PAGE.etag}", f'"a", {PAGE.etag}', "*"])
def test_I5_who_has_this_version_gets_304_without_a_body(field: str) -> None:
    got = asked(("If-None-Match", field))
    assert got.status == 304
    assert got.headers == {
        "etag": PAGE.etag,
        "last-modified": MODIFIED_TEXT,
        "cache-control": "public, max-age=60",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "referrer-policy": "no-referrer",
    }


def test_I5_the_tag_is_that_of_the_coding_that_would_be_sent() -> None:
    coded = asked(GZIP).headers["etag"]
    assert asked(GZIP, ("If-None-Match", coded)).status == 304
    assert asked(GZIP, ("If-None-Match", coded)).headers["etag"] == coded
    assert asked(("If-None-Match", coded)).status == 200
    assert asked(GZIP, ("If-None-Match", PAGE.etag)).status == 200
    both = ("If-None-Match", f"{PAGE.etag}, {coded}")
    assert asked(both).headers["etag"] == PAGE.etag
    assert asked(GZIP, both).headers["etag"] == coded


@pytest.mark.parametrize("field", ['"other"', "junk", "", "x" * 100_000])
@pytest.mark.parametrize("since", [MODIFIED_TEXT, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_I5_if_none_match_beats_if_modified_since(field: str, since: str) -> None:
    assert asked(("If-None-Match", field), ("If-Modified-Since", since)).status == 200


def test_I5_a_matching_tag_beats_a_stale_date() -> None:
    assert asked(("If-None-Match", PAGE.etag), ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")).status == 304


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (MODIFIED_TEXT, 304),
        (formatdate(MODIFIED + 1, usegmt=True), 304),
        (formatdate(MODIFIED - 1, usegmt=True), 200),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 304),
        ("Sun Nov  6 08:49:37 1994", 304),
        ("junk", 200),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 304),
    ],
    ids=["equal", "newer", "older", "rfc850", "asctime", "junk", "far future"],
)
def test_I6_if_modified_since_alone(since: str, status: int) -> None:
    assert asked(("If-Modified-Since", since)).status == status


def test_I6_without_a_modification_time_the_date_is_ignored() -> None:
    page = represent(BODY, content_type="text/html", last_modified=None)
    assert asked(("If-Modified-Since", MODIFIED_TEXT), page=page).status == 200


def test_I6_two_versions_of_one_second_differ_in_their_tag() -> None:
    later = represent(BODY + b"!", content_type="text/html", last_modified=MODIFIED)
    assert asked(("If-None-Match", PAGE.etag), ("If-Modified-Since", MODIFIED_TEXT), page=later).status == 200


# methods


@pytest.mark.parametrize("headers", [(), (GZIP,), (("If-None-Match", "*"),), (("If-Modified-Since", "junk"),)])
def test_I7_HEAD_has_the_headers_of_GET(headers: tuple[tuple[str, str], ...]) -> None:
    page = represent(BODY, content_type="text/html", last_modified=MODIFIED)  # nothing of it is compressed yet
    head = asked(*headers, method="HEAD", page=page)
    got = asked(*headers, page=page)
    assert (head.status, head.headers) == (got.status, got.headers)


@pytest.mark.parametrize("headers", [(("Range", "bytes=0-9"),), (("Range", "bytes=0-9"), ("If-Range", PAGE.etag)), (("Range", "junk"),)])
def test_I7_ranges_are_not_served(headers: tuple[tuple[str, str], ...]) -> None:
    got = asked(*headers)
    assert (got.status, got.body) == (200, BODY)
    assert "content-range" not in got.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get"])
def test_I7_other_methods_are_refused(method: str) -> None:
    got = asked(("If-None-Match", "*"), method=method)
    assert got.status == 405
    assert got.headers["allow"] == "GET, HEAD"
    assert BODY not in got.body


# refusals


def test_I13_a_refusal_is_plain_text_and_locked_down() -> None:
    got = refused(404)
    assert got.body == b"404 Not Found\n"
    assert got.headers == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "14",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "referrer-policy": "no-referrer",
    }


def test_a_refusal_says_what_it_is_told_to() -> None:
    got = refused(301, headers=((b"location", b"https://example.org/"),), text="没有了\n")
    assert got.headers["location"] == "https://example.org/"
    assert got.body == "没有了\n".encode()
    assert refused(204).body == b""


def test_I7_a_refusal_of_HEAD_has_no_body() -> None:
    assert refused(404, method="HEAD").headers == refused(404).headers
