"""Whose address counts: headers of strangers never, those of trusted proxies as far as they can be trusted (A75)."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.address import Addresses

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "192.168.1.5")))
XFF = Addresses(PROXIES)
RFC7239 = Addresses(PROXIES, "forwarded")


@given(value=st.text(max_size=60), peer=st.sampled_from(["203.0.113.9", "2001:db8::1", "192.168.1.6"]))
def test_a_stranger_is_his_own_address_whatever_he_writes(value: str, peer: str) -> None:
    """A75: without a trusted peer neither header is looked at."""
    own = XFF.client(peer, [])
    assert XFF.client(peer, [value]) == own
    assert RFC7239.client(peer, [value]) == own
    assert Addresses().client("10.0.0.1", [value]) == "10.0.0.1"


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([], "10.0.0.1"),
        (["198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1, 198.51.100.7, 10.9.9.9, 192.168.1.5"], "198.51.100.7"),
        (["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        (["198.51.100.7:1234"], "198.51.100.7"),
        (["[2001:db8:1:2:3::4]:1234"], "2001:db8:1:2::/64"),
        (["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1, unknown"], "10.0.0.1"),
        (["1.1.1.1, <script>, 10.0.0.3"], "10.0.0.3"),
        ([""], "10.0.0.1"),
        (["999.1.1.1"], "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_who_the_client_is(values: list[str], client: str) -> None:
    """A75: read from the right, through trusted proxies; what a client wrote to the left of its own address is not."""
    assert XFF.client("10.0.0.1", values) == client


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["for=198.51.100.7"], "198.51.100.7"),
        (["for=1.1.1.1, for=198.51.100.7;proto=https;by=10.0.0.1"], "198.51.100.7"),
        (['proto=https; For="[2001:db8:1:2:3::4]:4711"'], "2001:db8:1:2::/64"),
        (["for=_hidden"], "10.0.0.1"),
        (["198.51.100.7"], "10.0.0.1"),
        (["by=198.51.100.7"], "10.0.0.1"),
    ],
)
def test_forwarded_of_rfc_7239_is_read_where_it_is_configured(values: list[str], client: str) -> None:
    """A75: the standard's header, its quoted and bracketed forms."""
    assert RFC7239.client("10.0.0.1", values) == client


def test_one_customers_ipv6_addresses_are_one_client() -> None:
    """A10: a /64 is one customer's; its 2^64 addresses share one rate."""
    assert XFF.client("2001:db8:1:2::1", []) == XFF.client("2001:db8:1:2:ffff::9", [])


def test_a_unix_socket_has_no_address() -> None:
    """The peer of a Unix socket is nameless and no proxy."""
    assert XFF.client("", ["1.1.1.1"]) == ""
    assert not XFF.is_proxy("")
    assert XFF.is_proxy("10.1.2.3")
    assert not XFF.is_proxy("11.1.2.3")
