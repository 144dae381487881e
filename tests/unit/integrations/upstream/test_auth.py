"""The credential is put where the upstream wants it, for its own origin alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from integrations.upstream.auth import CredentialUnfit, authorise, origin_of
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.request import BuiltRequest
from schemas.credential import Credential
from schemas.errors import RequestRefused

TOKEN = Credential("secret-token-1")


def settings(auth: Any = None, **more: Any) -> UpstreamSettings:
    said = {"document": "d", "base_url": "http://estate.test:8101/api", **more}
    return UpstreamSettings.model_validate(said if auth is None else {**said, "auth": auth})


def built(url: str = "http://estate.test:8101/api/things", *headers: tuple[str, str]) -> BuiltRequest:
    return BuiltRequest("GET", url, headers, None)


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (None, ("Authorization", "Bearer secret-token-1")),
        ({"header": "X-Access-Token"}, ("X-Access-Token", "secret-token-1")),
        ({"header": "Authorization", "prefix": ""}, ("Authorization", "secret-token-1")),
        ({"header": "Authorization", "prefix": "Token "}, ("Authorization", "Token secret-token-1")),
        ({"cookie": "SID"}, ("Cookie", "SID=secret-token-1")),
        ({"fixed": "own-key", "header": "X-Key"}, ("X-Key", "own-key")),
    ],
)
def test_each_place_for_a_credential(auth: Any, header: tuple[str, str]) -> None:
    """Header with any prefix, cookie, or a fixed key instead of the resident's token."""
    assert authorise(built(), settings(auth), TOKEN).headers == (header,)


def test_a_query_parameter_is_added_and_encoded() -> None:
    """A legacy upstream's token in the query stands behind what is there."""
    outgoing = authorise(built("http://estate.test:8101/a?b=1"), settings({"query": "token"}), Credential("a+b/c=12"))
    assert outgoing.url == "http://estate.test:8101/a?b=1&token=a%2Bb%2Fc%3D12"


def test_several_places_at_once() -> None:
    """A list puts the token and a fixed key into one request."""
    auth = [{"header": "satoken"}, {"fixed": "k1", "header": "X-App"}]
    assert authorise(built(), settings(auth), TOKEN).headers == (("satoken", "secret-token-1"), ("X-App", "k1"))


def test_an_argument_cannot_set_the_credential_s_header() -> None:
    """A35: whatever stood in that header before is gone, in any spelling; other cookies stay."""
    request = built("http://estate.test:8101/a", ("authorization", "Bearer other"), ("AUTHORIZATION", "x"))
    assert authorise(request, settings(), TOKEN).headers == (("Authorization", "Bearer secret-token-1"),)
    with_cookie = built("http://estate.test:8101/a", ("Cookie", "a=1"))
    assert authorise(with_cookie, settings({"cookie": "SID"}), TOKEN).headers == (
        ("Cookie", "a=1; SID=secret-token-1"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.test:8101/api",
        "https://estate.test:8101/api",
        "http://estate.test:8102/api",
        "http://estate.test/api",
        "http://estate.test:8101@evil.test/",
        "http://user@estate.test:8101/api",
        "//estate.test:8101/api",
        "http://estate.test.evil.test:8101/",
        "http://[::1",
    ],
)
def test_another_origin_never_gets_it(url: str) -> None:
    """Scheme, host and port must be the upstream's own, and no user may stand before the host."""
    with pytest.raises(RequestRefused):
        authorise(built(url), settings(), TOKEN)


def test_a_default_port_is_the_same_origin() -> None:
    """`http://h` and `http://h:80` are one origin (RFC 6454 §4)."""
    assert origin_of("http://Estate.test/a") == origin_of("http://estate.test:80")


def _jwt(**claims: Any) -> Credential:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Credential(f"eyJhbGciOiJub25lIn0.{payload}.c2ln")


def test_a_token_for_another_audience_is_not_sent() -> None:
    """A76: `audience` is compared with the token's aud or iss; a token that has none is not sent either."""
    expecting = settings(audience="estate")
    assert authorise(built(), expecting, _jwt(aud=["other", "estate"])).headers
    assert authorise(built(), expecting, _jwt(iss="estate")).headers
    for token in (_jwt(aud="other"), _jwt(), TOKEN, Credential("a.b.c"), Credential("e30.WzFd.x")):
        with pytest.raises(CredentialUnfit):
            authorise(built(), expecting, token)


def test_without_a_token_only_fixed_keys_are_sent() -> None:
    """A public operation gets no credential of anybody."""
    assert authorise(built(), settings(), None).headers == ()


def test_the_outgoing_request_hides_itself() -> None:
    """Its representation has neither headers nor URL nor body."""
    assert "secret" not in repr(authorise(built(), settings({"query": "t"}), TOKEN))
