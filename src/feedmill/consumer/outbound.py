"""Opens the one client for every request that leaves this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from feedmill.config import Config
from feedmill.consumer.fetch import Client, Limits
from feedmill.consumer.guard import Guard
from feedmill.consumer.hosts import HostGate
from feedmill.consumer.surroundings import Surroundings
from feedmill.consumer.targets import UnfitAddressError
from feedmill.errors import ConfigError


@asynccontextmanager
async def open_client(config: Config, around: Surroundings) -> AsyncIterator[tuple[Client, HostGate]]:
    """Yield the one client for every request that leaves this machine, and the gate that keeps its manners."""
    gate = around.gate or HostGate(per_host=config.sync.per_host, spacing=config.sync.spacing, chance=around.chance, now=around.now)
    try:
        client = _client(config, around, gate)
    except UnfitAddressError as exc:
        raise ConfigError(f"sync.proxy: {exc}") from exc
    async with client:
        yield client, gate


def _client(config: Config, around: Surroundings, gate: HostGate) -> Client:
    return Client(
        guard=around.guard or Guard(config.sync.allow_networks),
        limits=around.limits or Limits(wire=config.sync.max_bytes, decoded=2 * config.sync.max_bytes),
        gate=gate,
        concurrency=config.sync.concurrency,
        proxy=config.sync.proxy,
        own_urls=(config.feeds_url,),
        resolver=around.resolver,
        now=around.now,
    )
