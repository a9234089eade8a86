"""Finds the feed behind an address over the network: the same guarded client and the same cage as a sync."""

from __future__ import annotations

import asyncio

from feedmill.config import Config
from feedmill.consumer.cage import Cage
from feedmill.consumer.crossing import document_from_json
from feedmill.consumer.discover import FeedLink
from feedmill.consumer.fetch import Request as FetchRequest
from feedmill.consumer.fetching import READ_TASK
from feedmill.consumer.outbound import open_client
from feedmill.consumer.subscribe import Found, find_feed
from feedmill.consumer.surroundings import Surroundings
from feedmill.upstream import FeedDocument, Fetched

LINKS_TASK = "feedmill.consumer.discover:discover_task"


def look_up(config: Config, url: str, *, around: Surroundings | None = None) -> Found:
    """Return the feed that `url` is or leads to. Raises UpstreamError, which says what was tried."""
    return asyncio.run(_look_up(config, url, around or Surroundings()))


async def _look_up(config: Config, url: str, around: Surroundings) -> Found:
    async with open_client(config, around) as (client, _), Cage(size=1, limits=around.cage) as cage:

        async def read(fetched: Fetched) -> FeedDocument:
            return document_from_json(await cage.run(READ_TASK, _arguments(fetched), fetched.body))

        async def links(fetched: Fetched) -> tuple[FeedLink, ...]:
            found = await cage.run(LINKS_TASK, _arguments(fetched), fetched.body)
            return tuple(FeedLink(**link) for link in found)

        return await find_feed(url, fetch=lambda address: client.fetch(FetchRequest(url=address)), read=read, links=links)


def _arguments(fetched: Fetched) -> dict[str, object]:
    return {"url": fetched.url, "content_type": fetched.headers.get("content-type", ""), "is_complete": fetched.is_complete}
