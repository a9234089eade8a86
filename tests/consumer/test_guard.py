from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.configvalues import parse_network
from feedmill.consumer.guard import Guard, RefusedAddressError, port_refusal

STRICT = Guard([])

C2 = [
    *("10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.1", "192.0.0.170"),
    *("198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1"),
]
C3 = [
    *("::1", "::", "fe80::1", "fe80::1%lo", "fe80::1%2", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "ff0e::1"),
    *("2001:db8::1", "3fff::1", "3fff:fff::1", "5f00::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "4000::1"),
]
C4 = [
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808"),
    *("64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:808:808::1", "2001:0:53aa:64c:0:fbff:80ff:fffe", "2001:0:7f00:1::"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "100.63.255.255"]
PUBLIC += ["100.128.0.0", "192.0.1.1", "223.255.255.255", "198.17.255.255", "198.20.0.0", "2606:4700:4700::1111", "2a00:1450::1"]
PUBLIC += ["2001:4860:4860::8888", "2001:200::1", "2400:cb00::1", "2003::1", "3ffe::1"]


def addr_info(address: str, port: int) -> tuple[object, ...]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0) if ":" in address else (address, port))


@pytest.mark.parametrize("address", [*C2, *C3, *C4])
def test_C2_C3_C4_no_socket_is_made_for_what_is_not_globally_routable_unicast(address: str) -> None:
    assert address in STRICT.refusal(address, 443)
    with pytest.raises(RefusedAddressError):
        STRICT.socket_factory(addr_info(address, 443))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_next_to_the_refused_ones_pass(address: str) -> None:
    assert STRICT.refusal(address, 443) == ""
    assert STRICT.refusal(ip_address(address), 80) == ""
    STRICT.socket_factory(addr_info(address, 443)).close()  # a socket, not a connection


def test_a_refusal_says_what_the_address_is_and_what_can_permit_it() -> None:
    assert STRICT.refusal("10.0.0.1", 80) == "10.0.0.1 is a private address; sync.allow_networks can permit it"


def test_an_address_with_a_scope_in_its_socket_address_is_refused_even_where_its_network_is_allowed() -> None:
    guard = Guard([parse_network("fe80::/10")])
    with pytest.raises(RefusedAddressError):
        guard.socket_factory((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2)))
    assert guard.refusal("fe80::1%eth0", 80)
    assert guard.refusal("fe80::1", 80) == ""


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "１２７.0.0.1", "1.2.3.4.5", ":::"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert STRICT.refusal(text, 80)
    assert not STRICT.is_own(text, 80)


@given(st.ip_addresses())
def test_every_address_that_ipaddress_calls_private_is_refused(address: object) -> None:
    if not address.is_global:  # type: ignore[attr-defined]
        assert STRICT.refusal(address, 443)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "port", [0, 1, 22, 23, 25, 110, 143, 445, 587, 636, 3306, 3389, 5432, 6000, 6379, 6667, 9200, 11211, 27017, 65536, -1]
)
def test_C12_no_public_host_is_asked_on_a_port_that_is_not_the_webs(port: int) -> None:
    assert "sync.allow_networks" in port_refusal(port)
    assert STRICT.refusal("8.8.8.8", port)


@pytest.mark.parametrize("port", [80, 443, 591, 3000, 5000, 8000, 8008, 8080, 8081, 8443, 8888, 9000, 49152, 65535])
def test_C12_other_ports_pass(port: int) -> None:
    assert port_refusal(port) == STRICT.refusal("8.8.8.8", port) == ""


def test_C12_ports_are_free_inside_allowed_networks() -> None:
    guard = Guard([parse_network("192.168.1.0/24")])
    assert guard.refusal("192.168.1.7", 6379) == ""
    assert guard.refusal("192.168.2.7", 80)
    assert guard.refusal("8.8.8.8", 6379)


def test_C11_an_allowed_address_with_a_port_permits_exactly_that_pair() -> None:
    guard = Guard([parse_network("127.0.0.1:8085"), parse_network("[::1]:8086")])
    assert guard.refusal("127.0.0.1", 8085) == guard.refusal("::1", 8086) == ""
    assert guard.is_own("127.0.0.1", 8085)
    for address, port in [("127.0.0.1", 8086), ("127.0.0.2", 8085), ("::1", 8085), ("::ffff:127.0.0.1", 8085)]:
        assert guard.refusal(address, port)
        assert not guard.is_own(address, port)


def test_an_allowed_ipv4_network_permits_no_ipv6_address_that_embeds_it() -> None:
    guard = Guard([parse_network("127.0.0.0/8")])
    assert all(guard.refusal(address, 80) for address in C4)


def test_public_addresses_are_not_ones_own() -> None:
    assert not STRICT.is_own("8.8.8.8", 443)
    assert Guard([parse_network("8.8.8.0/24")]).is_own("8.8.8.8", 443)
