"""Whom one upstream's TLS trusts, and the client certificate shown to it: from `upstreams.yaml` alone.

Neither SSL_CERT_FILE and SSL_CERT_DIR, which would let the environment choose who is trusted, nor SSLKEYLOGFILE, which
would write out the keys, is read. There is no switch that turns verification off.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi

from integrations.upstream.config import UpstreamSettings
from schemas.errors import ConfigurationError


def upstream_tls(settings: UpstreamSettings) -> ssl.SSLContext:
    """Verifies chain and host name, TLS 1.2 or newer. Raises `ConfigurationError` for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.base_url.startswith("http:"):
        # Never used; it knows no authority, so that it could only fail. Reading the system's takes 25 ms an upstream.
        return context
    try:
        _trust(context, settings.tls.ca_file)
        if settings.tls.client_cert is not None:
            context.load_cert_chain(settings.tls.client_cert, settings.tls.client_key)
    except OSError as error:
        raise ConfigurationError(f"the tls files of {settings.base_url} cannot be used: {error}") from None
    return context


def proxy_tls(settings: UpstreamSettings) -> ssl.SSLContext:
    """For an https proxy: the same authorities, no client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        _trust(context, settings.tls.ca_file)
    except OSError as error:
        raise ConfigurationError(f"the tls files of {settings.base_url} cannot be used: {error}") from None
    return context


def _trust(context: ssl.SSLContext, ca_file: str | None) -> None:
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
        return
    # The places compiled into OpenSSL; `SSLContext.load_default_certs` would ask the environment first.
    places = ssl.get_default_verify_paths()
    cafile = places.openssl_cafile if Path(places.openssl_cafile).is_file() else None
    capath = places.openssl_capath if Path(places.openssl_capath).is_dir() else None
    if cafile is None and capath is None:
        cafile = certifi.where()
    context.load_verify_locations(cafile=cafile, capath=capath)
