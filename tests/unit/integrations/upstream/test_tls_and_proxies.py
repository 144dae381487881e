"""TLS, client certificates and proxies, against real servers: whom the credential is shown, and whom not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from integrations.upstream.tls import upstream_tls
from schemas.errors import ConfigurationError
from tests.support.outside import TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer, raw
from tests.support.tls import Door, ForwardProxy, authority, ca_file, client_file, demanding_context, server_context
from tests.unit.integrations.upstream.test_auth import settings

OK = answer({"name": "a"})
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


def trusting(folder: Path, more: str = "") -> str:
    return f"    tls: {{ca_file: {ca_file(folder)}{more}}}\n"


async def test_a_certificate_of_the_named_authority_is_accepted(tmp_path: Path) -> None:
    """`tls.ca_file`: the call succeeds, the credential arrives, the connection is kept for the next call."""
    async with (
        RawUpstream([OK], tls=server_context("localhost"), host="localhost") as upstream,
        outside(write_catalogue(tmp_path, upstream.url, trusting(tmp_path))) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7")).ok
        assert (await run(toolset, "makeThing", name="x")).ok
    assert upstream.connections == 1
    assert {received.header("authorization") for received in upstream.requests} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("wrong", ["host", "authority", "expired", "self-signed"])
async def test_a_wrong_certificate_fails_closed(tmp_path: Path, wrong: str) -> None:
    """F04, A73: wrong host, unknown or own authority, expired: one attempt, no byte of a request, an alarm."""
    contexts = {
        "host": lambda: server_context("other.test"),
        "authority": lambda: server_context("localhost", by=trustme.CA()),
        "expired": lambda: server_context("localhost", expired=True),
        "self-signed": lambda: server_context("localhost", by=trustme.CA(organization_name="localhost")),
    }
    async with (
        RawUpstream([OK], tls=contexts[wrong](), host="localhost") as upstream,
        outside(write_catalogue(tmp_path, upstream.url, trusting(tmp_path))) as toolset,
    ):
        with capture_logs() as events:
            results = [await run(toolset, "getThing", id="7"), await run(toolset, "makeThing", name="x")]
    assert [result.error for result in results] == ["upstream_tls", "upstream_tls"]
    assert "secure connection" in results[0].content["message"]
    assert upstream.requests == []
    assert [(event["log_level"], event["attempts"]) for event in events] == [("error", 1), ("error", 1)]


async def test_a_failed_handshake_stays_one_however_often(tmp_path: Path) -> None:
    """F04: it does not open the breaker, behind which the alarm would become an outage."""
    async with (
        RawUpstream([OK], tls=server_context("other.test"), host="localhost") as upstream,
        outside(write_catalogue(tmp_path, upstream.url, trusting(tmp_path))) as toolset,
    ):
        errors = {(await run(toolset, "getThing", id="7")).error for _ in range(8)}
    assert errors == {"upstream_tls"}


async def test_a_connection_that_ends_in_the_handshake_is_an_outage(tmp_path: Path) -> None:
    """F01: no TLS was spoken and nothing was sent; any method is tried again."""
    async with (
        RawUpstream([OK], greeting=raw(b"", close=True)) as upstream,
        outside(write_catalogue(tmp_path, upstream.url.replace("http:", "https:"))) as toolset,
    ):
        assert (await run(toolset, "makeThing", name="x")).error == "unavailable"
    assert upstream.connections == 3


@pytest.mark.parametrize("tls13", [True, False])
async def test_a_client_certificate_is_shown(tmp_path: Path, tls13: bool) -> None:
    """`tls.client_cert`: an upstream that demands one lets the gateway in, in TLS 1.2 and 1.3."""
    more = trusting(tmp_path, f", client_cert: {client_file(tmp_path)}")
    async with (
        RawUpstream([OK], tls=demanding_context("localhost", tls13=tls13), host="localhost") as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        assert (await run(toolset, "makeThing", name="x")).ok
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("tls13", [True, False])
@pytest.mark.parametrize("shown", [False, True])
async def test_without_the_right_client_certificate_a_write_was_not_done(
    tmp_path: Path, tls13: bool, shown: bool
) -> None:
    """F04: in TLS 1.3 the refusal comes after the request was sent (RFC 8446 §4.4.2.4); it was never read all the same,
    so that the write's outcome is not unknown."""
    more = trusting(tmp_path, f", client_cert: {client_file(tmp_path, trustme.CA())}" if shown else "")
    with Door(demanding_context("localhost", tls13=tls13)) as door:
        async with outside(write_catalogue(tmp_path, f"https://localhost:{door.port}", more)) as toolset:
            assert (await run(toolset, "makeThing", name="x")).error == "upstream_tls"
    assert door.let_in == 0


def test_the_environment_does_not_choose_whom_to_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A72: SSL_CERT_FILE and SSL_CERT_DIR add no authority, SSLKEYLOGFILE gets no keys."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(tmp_path)))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    own = authority().cert_pem.bytes()
    context = upstream_tls(settings(base_url="https://estate.test"))
    assert ssl.PEM_cert_to_DER_cert(own.decode()) not in context.get_ca_certs(binary_form=True)
    assert context.keylog_filename is None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_the_environment_s_authority_is_not_trusted_on_the_wire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A72: the upstream's certificate is by an authority that only SSL_CERT_FILE names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(tmp_path)))
    async with (
        RawUpstream([OK], tls=server_context("localhost"), host="localhost") as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7")).error == "upstream_tls"


async def test_a_tunnel_through_a_proxy_of_the_configuration(tmp_path: Path) -> None:
    """`proxy` with https: the proxy sees CONNECT with its own login, and neither the target nor the credential."""
    async with (
        RawUpstream([OK], tls=server_context("localhost"), host="localhost") as upstream,
        ForwardProxy(("127.0.0.1", upstream.port)) as proxy,
    ):
        more = trusting(tmp_path) + f"    proxy: http://gate:s3cret@127.0.0.1:{proxy.port}\n"
        async with outside(write_catalogue(tmp_path, upstream.url, more)) as toolset:
            assert (await run(toolset, "getThing", id="a/b")).ok
            assert (await run(toolset, "makeThing", name="x")).ok
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT localhost:{upstream.port} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic Z2F0ZTpzM2NyZXQ=" in head
    assert TOKEN not in head
    assert [received.target for received in upstream.requests] == ["/api/things/a%2Fb", "/api/things"]
    assert not any(received.header("proxy-authorization") for received in upstream.requests)


async def test_plain_http_goes_to_the_proxy_with_its_whole_url(tmp_path: Path) -> None:
    """RFC 9112 §3.2.2: absolute form, percent-encoding as it was built."""
    async with ForwardProxy(("", 0)) as proxy:
        more = f"    proxy: http://127.0.0.1:{proxy.port}\n"
        async with outside(write_catalogue(tmp_path, "http://estate.test:8101", more)) as toolset:
            assert (await run(toolset, "getThing", id="a/b%2e")).ok
    assert proxy.heads[0].startswith("GET http://estate.test:8101/api/things/a%2Fb%252e HTTP/1.1\r\n")


async def test_a_proxy_that_refuses_the_tunnel_has_seen_nothing_of_the_request(tmp_path: Path) -> None:
    """CONNECT was sent, the request was not: a write is tried again and then unavailable, not unknown."""
    async with ForwardProxy(("", 0), refusal=REFUSED) as proxy:
        more = f"    proxy: http://127.0.0.1:{proxy.port}\n"
        async with outside(write_catalogue(tmp_path, "https://estate.test", more)) as toolset:
            assert (await run(toolset, "makeThing", name="x")).error == "unavailable"
    assert [head.split(" ")[0] for head in proxy.heads] == ["CONNECT"] * 3


async def test_the_upstream_s_certificate_is_verified_through_a_tunnel(tmp_path: Path) -> None:
    """A73, F04: a proxy that leads elsewhere is told by the certificate."""
    async with (
        RawUpstream([OK], tls=server_context("other.test")) as elsewhere,
        ForwardProxy(("127.0.0.1", elsewhere.port)) as proxy,
    ):
        more = trusting(tmp_path) + f"    proxy: http://127.0.0.1:{proxy.port}\n"
        async with outside(write_catalogue(tmp_path, "https://estate.test", more)) as toolset:
            assert (await run(toolset, "makeThing", name="x")).error == "upstream_tls"
    assert elsewhere.requests == []


@pytest.mark.parametrize("proxy", ["socks5://h:1", "ftp://h", "nonsense"])
async def test_a_proxy_that_cannot_be_used_is_a_mistake_of_the_configuration(tmp_path: Path, proxy: str) -> None:
    """Said at start-up, not at the first call."""
    with pytest.raises(ConfigurationError, match="proxy"):
        async with outside(write_catalogue(tmp_path, "http://h", f"    proxy: {proxy}\n")):
            pass
