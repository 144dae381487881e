"""The address that a client is known by: its connection's own, or what a trusted proxy says. Next: `limits.py`.

Anybody can send `X-Forwarded-For` or `Forwarded` (RFC 7239). It counts only from `STEWARD_TRUSTED_PROXIES`, and is read
from its right end, where the proxy nearest to us wrote, as far as the addresses there are trusted proxies themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

Network = IPv4Network | IPv6Network
ForwardedHeader = Literal["x-forwarded-for", "forwarded"]

_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^;\s]*))', re.IGNORECASE)
_NODE = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9a-fA-F:.]+)")
_MAX_HOPS = 32


@dataclass(frozen=True, slots=True)
class Addresses:
    """Whom to believe. `header` is the one that the proxies set: a client may send the other one through them."""

    trusted: Sequence[Network] = ()
    header: ForwardedHeader = "x-forwarded-for"

    def is_proxy(self, peer: str) -> bool:
        """Whether a connection from `peer` is one of a trusted proxy."""
        address = _parse(peer)
        return address is not None and self._trusts(address)

    def client(self, peer: str, values: Sequence[str]) -> str:
        """The client's address as a key: IPv4 whole, of IPv6 the /64 that one customer has. `peer` is the other end of
        the connection (empty for a Unix socket), `values` the values of the header, in their order."""
        address = _parse(peer)
        if address is None:
            return peer
        if self._trusts(address):
            hops = ",".join(values).split(",")
            for hop in reversed(hops[-_MAX_HOPS:]):
                named = _parse(_for(hop) if self.header == "forwarded" else hop)
                if named is None:
                    break  # not an address: all that is known is who passed it on
                address = named
                if not self._trusts(address):
                    break
        return _key(address)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.trusted)


def _for(element: str) -> str:
    found = _FOR.search(element)
    return (found[1] or found[2] or "") if found else ""


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    node = _NODE.fullmatch(text.strip())
    if node is None:
        return None
    try:
        address = ip_address(node[1] or node[2] or node[3])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _key(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
