"""Opens the connections of one upstream: resolve its name, check `networks`, connect to exactly the checked address.

A name that resolves to another address a moment later (DNS rebinding) gains nothing: it is looked up once for each
connection, and what was looked up is what is connected to. TLS still verifies the name (`wire.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from integrations.upstream.socket_stream import SocketStream

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(httpcore.ConnectError):
    """The name resolves to nothing inside the upstream's `networks`; nothing was connected to."""


class Dialer(httpcore.AsyncNetworkBackend):
    """TCP connections to one host. `networks` are the allowed ones, None allows all; `lookup` is given by tests.

    A look-up under way is shared by all who wait for it, so that a name server that does not answer holds one thread,
    not all of them. Nothing is remembered after it, neither an address nor a failure (the system's resolver may).
    """

    def __init__(self, networks: Sequence[str] | None = None, lookup: Lookup | None = None) -> None:
        self._networks = None if networks is None else [ipaddress.ip_network(network) for network in networks]
        self._lookup = lookup or _system_lookup
        self._looking: dict[tuple[str, int], asyncio.Task[Sequence[str]]] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the engine's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the host's allowed addresses that takes one, within `timeout` seconds.

        Raises `httpcore.ConnectError`, `AddressRefused` or `httpcore.ConnectTimeout`.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = self._allowed(host, await self._addresses(host, port))
                failure: Exception | None = None
                for position, address in enumerate(addresses):
                    # Each address gets its share: one that swallows packets must not use up the time of the next.
                    share_s = None if timeout is None else timeout / (len(addresses) - position)
                    try:
                        return await _connected(address, port, share_s)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        failure = error
                raise failure or httpcore.ConnectError("the name has no address")
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no connection in time") from error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _allowed(self, host: str, addresses: Sequence[str]) -> Sequence[str]:
        if self._networks is None:
            return addresses
        allowed = [text for text in addresses if any(_inside(text, network) for network in self._networks)]
        if not allowed:
            raise AddressRefused(f"{host} resolves to {', '.join(addresses)}: not in its networks")
        return allowed

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if _is_address(host):
            return [host]
        task = self._looking.get((host, port))
        if task is None:
            task = asyncio.ensure_future(self._lookup(host, port))
            self._looking[host, port] = task
            task.add_done_callback(lambda done: self._looked((host, port), done))
        try:
            # Shielded: whoever stops waiting must not end it for the others.
            return await asyncio.shield(task)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the host's name cannot be resolved") from error

    def _looked(self, name: tuple[str, int], done: asyncio.Task[Sequence[str]]) -> None:
        del self._looking[name]
        if not done.cancelled():
            done.exception()  # nobody may be left to take it


async def _connected(address: str, port: int, within_s: float | None) -> SocketStream:
    try:
        async with asyncio.timeout(within_s):
            _, stream = await asyncio.get_running_loop().create_connection(SocketStream, address, port)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout("no connection in time") from error
    except OSError as error:
        raise httpcore.ConnectError("no connection") from error
    return stream


async def _system_lookup(host: str, port: int) -> Sequence[str]:
    """The addresses in the order of RFC 6724, each once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _inside(text: str, network: Network) -> bool:
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version == network.version and address in network
