"""Names are resolved, checked and connected to once: DNS failures, rebinding, several addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import httpcore
import pytest

from integrations.upstream.auth import Outgoing
from integrations.upstream.client import CallFailed, UpstreamClient
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.networks import AddressRefused, Dialer
from integrations.upstream.retry import Repeatability
from schemas.deadline import Deadline
from tests.support.raw_upstream import RawUpstream, answer

OK = answer({"name": "a"})


class Names:
    """A resolver that answers from a script, the last entry again and again; `asked` are the names in order."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


async def call(names: Names, port: int, networks: list[str] | None = None, *, calls: int = 1) -> list[str]:
    """What becomes of calls to http://estate.test, one after the other: "ok" or the error."""

    async def at_once(_: float) -> None:
        return None

    url = f"http://estate.test:{port}"
    settings = UpstreamSettings.model_validate({"document": "d", "base_url": url, "networks": networks})
    client = UpstreamClient(settings, lookup=names, sleep=at_once)
    outcomes = []
    for _ in range(calls):
        try:
            outgoing = Outgoing("GET", f"{url}/a", (), None)
            await client.send(outgoing, Repeatability("read", "GET"), Deadline.after(5), keep=lambda _: False)
            outcomes.append("ok")
        except CallFailed as failed:
            outcomes.append(f"{failed.code} after {failed.attempts}")
    await client.close()
    return outcomes


async def test_a_name_that_cannot_be_resolved_is_asked_for_again() -> None:
    """F02: as refused, three attempts; the failure is not remembered, the very next call finds the upstream."""
    unknown = socket.gaierror(socket.EAI_NONAME, "unknown")
    async with RawUpstream([OK]) as upstream:
        names = Names(unknown, unknown, unknown, ["127.0.0.1"])
        assert await call(names, upstream.port, calls=2) == ["unavailable after 3", "ok"]
    assert len(names.asked) == 4


@pytest.mark.parametrize("error", [socket.gaierror(-2, "x"), OSError("x"), UnicodeError("label too long")])
async def test_every_failure_of_a_resolver_is_a_failed_connection(error: Exception) -> None:
    """F02: nothing was sent."""
    assert await call(Names(error), 1) == ["unavailable after 3"]


async def test_an_address_outside_the_networks_is_not_connected_to() -> None:
    """A74: one look, no retry, no connection; the host behind it never hears of us."""
    async with RawUpstream([OK]) as forbidden:
        assert await call(Names(["127.0.0.1"]), forbidden.port, ["10.0.0.0/8"]) == ["unavailable after 1"]
        assert forbidden.connections == 0


async def test_a_rebound_name_gains_nothing() -> None:
    """A74: allowed at the first look-up, inside at the second: what was checked is what is connected to, every time."""
    async with RawUpstream([answer({}, Connection="close")]) as upstream:
        names = Names(["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1"])
        outcomes = await call(names, upstream.port, ["127.0.0.0/8"], calls=3)
    assert outcomes == ["ok", "unavailable after 1", "ok"]
    assert len(names.asked) == 3


async def test_only_the_allowed_ones_of_several_addresses_are_tried() -> None:
    """A74: an allowed address beside a forbidden one."""
    async with RawUpstream([OK]) as upstream:
        names = Names(["169.254.169.254", "127.0.0.1"])
        assert await call(names, upstream.port, ["127.0.0.0/8"]) == ["ok"]


@pytest.mark.parametrize(
    ("address", "network", "allowed"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("::ffff:169.254.169.254", "10.0.0.0/8", False),
        ("::ffff:169.254.169.254", "::/0", False),
        ("fd00::1", "fd00::/8", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("fd00::1", "10.0.0.0/8", False),
    ],
)
def test_addresses_are_compared_in_their_own_family(address: str, network: str, allowed: bool) -> None:
    """RFC 4291 §2.5.5.2: an IPv4 address written as IPv6 is that IPv4 address; a zone (RFC 4007) is no part of it."""
    dialer = Dialer([network])
    if allowed:
        assert dialer._allowed("h", [address]) == [address]
    else:
        with pytest.raises(AddressRefused, match="not in its networks"):
            dialer._allowed("h", [address])


async def test_the_second_address_is_tried_where_the_first_refuses() -> None:
    """Nobody listens on 127.0.0.2; the upstream does on 127.0.0.1."""
    async with RawUpstream([OK]) as upstream:
        assert await call(Names(["127.0.0.2", "127.0.0.1"]), upstream.port) == ["ok"]


async def test_an_address_needs_no_resolver() -> None:
    """And it is checked all the same."""
    names = Names(OSError("not to be asked"))
    async with RawUpstream([OK]) as upstream:
        stream = await Dialer(None, names).connect_tcp("127.0.0.1", upstream.port, 5)
        await stream.aclose()
        with pytest.raises(AddressRefused):
            await Dialer(["10.0.0.0/8"], names).connect_tcp("127.0.0.1", upstream.port, 5)


async def test_callers_share_a_look_up_and_do_not_end_it_by_leaving() -> None:
    """A name server that does not answer holds one look-up, whoever waits and gives up; and its end breaks nothing."""
    asked, go_on = [], asyncio.Event()

    async def slow(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        await go_on.wait()
        raise OSError("no answer")

    dialer = Dialer(None, slow)
    waiting = [asyncio.create_task(dialer.connect_tcp("estate.test", 1, 5)) for _ in range(10)]
    with pytest.raises(httpcore.ConnectTimeout):
        await dialer.connect_tcp("estate.test", 1, 0.01)
    for task in waiting[:5]:
        task.cancel()
    await asyncio.gather(*waiting[:5], return_exceptions=True)
    assert asked == ["estate.test"]
    go_on.set()
    failures = await asyncio.gather(*waiting[5:], return_exceptions=True)
    assert {type(failure) for failure in failures} == {httpcore.ConnectError}
