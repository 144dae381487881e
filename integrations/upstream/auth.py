"""Adds the credential to a built request, for the upstream's own origin and no other; `client.py` sends what comes out.

One of the few files that reveal a credential.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.upstream.config import Auth, UpstreamSettings
from integrations.upstream.request import BuiltRequest
from schemas.credential import Credential
from schemas.errors import RequestRefused, StewardError

# RFC 6265 §4.1.1: cookie-octet.
_COOKIE_SAFE = "!#$&()*+-./:<=>?@[]^_`{|}~'"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CredentialUnfit(StewardError):
    """The token is not meant for this upstream (`audience`); it is not sent there."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request with its credential. Nothing of it but the method is ever shown."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(repr=False)


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL. Raises `RequestRefused` for one that names a user or no host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RequestRefused("the built URL cannot be read") from error
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise RequestRefused("the built URL is none of the upstream's")
    return scheme, parts.hostname.lower(), port or _DEFAULT_PORTS[scheme]


def authorise(built: BuiltRequest, settings: UpstreamSettings, credential: Credential | None) -> Outgoing:
    """`built` with what `auth` says: fixed keys always, the resident's token where there is one.

    Raises `RequestRefused` if the request leaves the upstream's origin, `CredentialUnfit` if `audience` forbids it.
    """
    if origin_of(built.url) != origin_of(settings.base_url):
        raise RequestRefused("the built URL leaves the upstream's origin")
    if credential is not None and settings.audience is not None and settings.needs_credential:
        _check_audience(credential.reveal(), settings.audience)
    url, headers = built.url, list(built.headers)
    for auth in settings.auth:
        if auth.fixed is not None:
            secret = auth.fixed.get_secret_value()
        elif credential is not None:
            secret = credential.reveal()
        else:
            continue
        url = _place(auth, auth.effective_prefix + secret, url, headers)
    return Outgoing(built.method, url, tuple(headers), built.body)


def fixed_keys(settings: UpstreamSettings) -> list[str]:
    """The gateway's own keys for this upstream, for the scrubber."""
    return [auth.fixed.get_secret_value() for auth in settings.auth if auth.fixed is not None]


def _place(auth: Auth, value: str, url: str, headers: list[tuple[str, str]]) -> str:
    if auth.header is not None:
        headers[:] = [pair for pair in headers if pair[0].lower() != (auth.header or "").lower()]
        headers.append((auth.header, value))
    elif auth.cookie is not None:
        others = [pair[1] for pair in headers if pair[0].lower() == "cookie"]
        headers[:] = [pair for pair in headers if pair[0].lower() != "cookie"]
        headers.append(("Cookie", "; ".join([*others, f"{auth.cookie}={quote(value, safe=_COOKIE_SAFE)}"])))
    elif auth.query is not None:
        pair = f"{quote(auth.query, safe='')}={quote(value, safe='')}"
        return f"{url}{'&' if '?' in url else '?'}{pair}"
    return url


def _check_audience(token: str, expected: str) -> None:
    """Looks into a JWT without trusting it: its `aud` or `iss` must name `expected` (RFC 7519 §4.1)."""
    claims = _claims(token)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected not in audiences and claims.get("iss") != expected:
        raise CredentialUnfit("the token is meant for another system")


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
