"""Which addresses and ports a connection may be made to: globally routable unicast, web ports, and what the config allows.

Own tables: `ipaddress.is_global` lets multicast, 6to4 relays, fec0::/10 and 3fff::/20 pass (measured on Python 3.11).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from feedmill.configvalues import AllowedNetwork

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_WAY_OUT = "sync.allow_networks can permit it"

# The IANA special-purpose registries (RFC 6890 and its updates); the first network that holds an address names it.
_REFUSED: tuple[tuple[_Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an address of this machine"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared address of a provider's network"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "an address for protocols"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "an address of 6to4 relays"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an address of this machine"),
        ("::1/128", "a loopback address"),
        ("::ffff:0:0/96", "an IPv4 address inside an IPv6 address"),
        ("::ffff:0:0:0/96", "an IPv4 address inside an IPv6 address"),
        ("::/96", "an IPv4 address inside an IPv6 address"),
        ("64:ff9b::/96", "an IPv4 address inside an IPv6 address (NAT64)"),
        ("64:ff9b:1::/48", "an IPv4 address inside an IPv6 address (NAT64)"),
        ("2001::/32", "an IPv4 address inside an IPv6 address (Teredo)"),
        ("2001::/23", "an address for protocols"),
        ("2001:db8::/32", "an address for documentation"),
        ("2002::/16", "an IPv4 address inside an IPv6 address (6to4)"),
        ("3fff::/20", "an address for documentation"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
    )
)
#: All that IANA has ever handed out as IPv6 global unicast lies in here (RFC 4291 section 2.4).
_GLOBAL_IPV6 = IPv6Network("2000::/3")

# The "bad ports" of the WHATWG Fetch standard …
_NOT_WEB = (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 137 139 143 "
    "161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 "
    "4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080 "
    # … and databases, queues, caches and consoles that answer to a line of text.
    "445 873 1433 1521 2181 2375 2376 2379 2380 3306 3389 5432 5672 5900 5984 6379 6380 6443 9042 9092 9160 9200 9300 10250 11211 "
    "27017 27018 27019"
)
_REFUSED_PORTS = frozenset(int(port) for port in _NOT_WEB.split())


class RefusedAddressError(OSError):
    """A connection that the guard does not allow; the message says why and what can permit it."""


def port_refusal(port: int) -> str:
    """Return why no public host is asked on `port`; "" when it may be."""
    if 1 <= port <= 65535 and port not in _REFUSED_PORTS:
        return ""
    return f"port {port} is not one that web servers use; {_WAY_OUT}"


class Guard:
    """Judges the very address that is connected to, after name lookup, on every hop."""

    def __init__(self, allowed: Sequence[AllowedNetwork]) -> None:
        self._allowed = tuple(allowed)
        # Nothing else decides, and one address is judged three times for every request to it.
        self._verdict = lru_cache(maxsize=1024)(self._judge_address)

    def refusal(self, address: str | _Address, port: int) -> str:
        """Return why no connection to `address` and `port` is made, naming the way out; "" when one may be."""
        return self._verdict(address, port)[1]

    def is_own(self, address: str | _Address, port: int) -> bool:
        """Whether the config names this as one of the user's own: its network, or exactly this address and port."""
        return self._verdict(address, port)[0]

    def _judge_address(self, address: str | _Address, port: int) -> tuple[bool, str]:
        try:
            known = _read(address)
        except ValueError:
            return False, f"{address} is no IP address that can be used"
        is_own = any(
            known.version == allowed.network.version and known in allowed.network and allowed.port in (None, port)
            for allowed in self._allowed
        )
        return is_own, "" if is_own else _refusal(address, known, port)

    def socket_factory(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for `addr_info` (as of getaddrinfo). Raises RefusedAddressError before there is one.

        aiohttp asks here for every connection, those to IP literals too, which no resolver ever sees.
        """
        family, kind, protocol, _, place = addr_info
        if refusal := self._judge(place):
            raise RefusedAddressError(refusal)
        return socket.socket(family=family, type=kind, proto=protocol)

    def _judge(self, place: tuple[Any, ...]) -> str:
        if len(place) == 4 and place[3]:
            return f"{place[0]} has a scope of this machine's links"
        return self.refusal(place[0], place[1])


def _refusal(address: str | _Address, known: _Address, port: int) -> str:
    """Return why no public host is asked at an address; "" when it may be."""
    for network, what in _REFUSED:
        if known.version == network.version and known in network:
            return f"{address} is {what}; {_WAY_OUT}"
    if isinstance(known, IPv6Address) and known not in _GLOBAL_IPV6:
        return f"{address} is a reserved address; {_WAY_OUT}"
    return port_refusal(port)


def _read(address: str | _Address) -> _Address:
    """Return the address. Raises ValueError for what is none and for an IPv6 scope: `fe80::1%eth0` depends on this machine."""
    known = ip_address(address)
    if isinstance(known, IPv6Address) and known.scope_id is not None:
        raise ValueError("a scope")
    return known
