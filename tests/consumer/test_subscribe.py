"""From what a person types to the feed that is meant; the network, the parser and the page are functions here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from feedmill.consumer.discover import FeedLink
from feedmill.consumer.subscribe import Found, find_feed, typed_addresses
from feedmill.errors import ConfigError, UpstreamError
from feedmill.upstream import Entry, Failed, FeedDocument, Fetched, FetchOutcome, NotModified, Validators

SITE = "https://example.org"
FEED = FeedDocument(version="rss20", title="Its  title", link=f"{SITE}/", entries=(Entry(mark="a" * 32),), known=("b",), dropped=3)


class Web:
    """A web of documents by address: a feed, links of a page, or a failure; what is not there answers 404."""

    def __init__(self, places: Mapping[str, FeedDocument | list[str] | FetchOutcome | UpstreamError]) -> None:
        self._places = dict(places)
        self.asked: list[str] = []

    async def fetch(self, url: str) -> FetchOutcome:
        self.asked.append(url)
        place = self._places.get(url)
        if place is None:
            return Failed(reason="404 Not Found", status=404)
        if isinstance(place, Fetched | NotModified | Failed):
            return place
        return Fetched(url=url, status=200, body=b"", headers={}, validators=Validators())

    async def read(self, fetched: Fetched) -> FeedDocument:
        place = self._places[fetched.url]
        if isinstance(place, FeedDocument):
            return place
        raise UpstreamError("not a feed: HTML")

    async def links(self, fetched: Fetched) -> tuple[FeedLink, ...]:
        place = self._places[fetched.url]
        if isinstance(place, UpstreamError):
            raise place
        return tuple(FeedLink(url, title=f"link {url[-1]}") for url in place) if isinstance(place, list) else ()

    def find(self, url: str) -> Found:
        return asyncio.run(find_feed(url, fetch=self.fetch, read=self.read, links=self.links))


def _moved(url: str, to: str) -> Fetched:
    return Fetched(url=url, status=200, body=b"", headers={}, validators=Validators(), moved_to=to)


def test_an_address_that_is_a_feed_is_the_feed() -> None:
    web = Web({f"{SITE}/rss": FEED})
    assert web.find(f" {SITE}/rss#top ") == Found(url=f"{SITE}/rss", title="Its title", link=f"{SITE}/", version="rss20", entries=5)
    assert web.asked == [f"{SITE}/rss"]


def test_the_first_link_of_a_page_that_reads_as_a_feed_is_taken_and_the_others_are_told() -> None:
    untitled = FeedDocument(version="atom10")
    web = Web({f"{SITE}/": [f"{SITE}/1", f"{SITE}/2", f"{SITE}/3"], f"{SITE}/2": untitled, f"{SITE}/3": FEED})
    found = web.find(f"{SITE}/")
    assert (found.url, found.title, found.version) == (f"{SITE}/2", "link 2", "atom10")
    assert [link.url for link in found.others] == [f"{SITE}/3"]
    assert web.asked == [f"{SITE}/", f"{SITE}/1", f"{SITE}/2"]


def test_at_most_five_links_are_tried_and_then_the_usual_places() -> None:
    links = [f"{SITE}/{number}" for number in range(9)]
    web = Web({f"{SITE}/": links, f"{SITE}/8": FEED, f"{SITE}/atom.xml": FEED})
    assert web.find(f"{SITE}/").url == f"{SITE}/atom.xml"
    assert web.asked[1:] == [*links[:5], f"{SITE}/feed", f"{SITE}/rss.xml", f"{SITE}/atom.xml"]


def test_no_address_is_tried_twice() -> None:
    web = Web({f"{SITE}/": [f"{SITE}/feed", f"{SITE}/feed"]})
    with pytest.raises(UpstreamError):
        web.find(f"{SITE}/")
    assert len(web.asked) == len(set(web.asked)) == 7


def test_an_address_that_moved_for_good_is_subscribed_to_where_it_is_now() -> None:
    new = f"{SITE}/new?x=${{HOME}}"
    web = Web({f"{SITE}/old": _moved(f"{SITE}/there", new), f"{SITE}/there": FEED})
    assert web.find(f"{SITE}/old").url == f"{SITE}/new?x=$%7BHOME%7D"


def test_an_address_that_moved_for_now_stays_as_it_was_typed() -> None:
    web = Web({f"{SITE}/old": _moved(f"{SITE}/there", ""), f"{SITE}/there": FEED})
    assert web.find(f"{SITE}/old").url == f"{SITE}/old"


def test_an_address_without_a_scheme_is_tried_with_https_and_then_with_http() -> None:
    web = Web({"http://example.org/blog": FEED})
    assert web.find("example.org/blog").url == "http://example.org/blog"
    assert web.asked == ["https://example.org/blog", "http://example.org/blog"]


def test_a_page_that_came_by_https_is_not_asked_for_by_http() -> None:
    web = Web({f"{SITE}/": [], f"{SITE}/feed": FEED})
    assert web.find("example.org").url == f"{SITE}/feed"
    assert not [url for url in web.asked if url.startswith("http://")]


@pytest.mark.parametrize(
    "outcome",
    [Failed(reason="wait", held_until=datetime(2024, 1, 1, tzinfo=UTC)), Failed(reason="wait", status=429)],
    ids=["held", "too many requests"],
)
def test_a_site_that_asks_to_be_left_alone_is_left_alone(outcome: Failed) -> None:
    web = Web({f"{SITE}/": [f"{SITE}/1", f"{SITE}/2"], f"{SITE}/1": outcome, f"{SITE}/2": FEED})
    with pytest.raises(UpstreamError, match="/1: wait"):
        web.find(f"{SITE}/")
    assert web.asked == [f"{SITE}/", f"{SITE}/1"]
    with pytest.raises(UpstreamError, match="wait"):
        Web({f"{SITE}/": outcome}).find("example.org")


def test_what_was_tried_is_told_with_what_each_said_and_without_secrets() -> None:
    web = Web({f"{SITE}/a": [f"https://user:secret@example.org/x?token=secret"]})  # noqa: F541
    with pytest.raises(UpstreamError) as raised:
        web.find(f"{SITE}/a")
    message = str(raised.value)
    assert f"{SITE}/a: not a feed: HTML; {SITE}/x?…: 404 Not Found; {SITE}/a/feed: 404 Not Found" in message
    assert message.endswith("look for the feed's own address on the site, and name that")
    assert "secret" not in message
    assert "\n" not in message


def test_an_address_that_does_not_answer_is_told_and_nothing_is_guessed() -> None:
    web = Web({})
    with pytest.raises(UpstreamError, match=r"https://example.org/: 404 Not Found; http://example.org/: 404 Not Found; check the address"):
        web.find("example.org")
    assert len(web.asked) == 2


def test_an_answer_without_a_document_is_no_feed() -> None:
    web = Web({f"{SITE}/": NotModified(url=f"{SITE}/", headers={}, validators=Validators())})
    with pytest.raises(UpstreamError, match="304"):
        web.find(f"{SITE}/")


def test_a_page_whose_links_cannot_be_read_still_has_its_usual_places() -> None:
    web = Web({f"{SITE}/": UpstreamError("it took too long"), f"{SITE}/rss.xml": FEED})
    assert web.find(f"{SITE}/").url == f"{SITE}/rss.xml"
    with pytest.raises(UpstreamError, match="it took too long"):
        Web({f"{SITE}/": UpstreamError("it took too long")}).find(f"{SITE}/")


@pytest.mark.parametrize(
    ("typed", "addresses"),
    [
        ("example.org", ("https://example.org/", "http://example.org/")),
        ("//example.org/a b", ("https://example.org/a%20b", "http://example.org/a%20b")),
        ("localhost:8000/feed", ("https://localhost:8000/feed", "http://localhost:8000/feed")),
        ("HTTP://Example.org/É", ("http://example.org/%C3%89",)),
        ("feed://example.org/x", ("http://example.org/x",)),
        ("feed:https://example.org/x", ("https://example.org/x",)),
        ("例子.cn", ("https://xn--fsqu00a.cn/", "http://xn--fsqu00a.cn/")),
    ],
)
def test_what_people_type_is_an_address(typed: str, addresses: tuple[str, ...]) -> None:
    assert typed_addresses(typed) == addresses


@pytest.mark.parametrize("typed", ["", "ftp://example.org/x", "file:///etc/passwd", "./list.opml", "https://", "a b.org", "javascript:x"])
def test_what_is_no_web_address_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="is no web address"):
        typed_addresses(typed)
