"""upstreams.yaml as pydantic models; `config_file.py` reads the file, `catalogue.py` joins the documents.

Every key is described in `docs/upstreams.md`; `config_schema.py` makes the JSON Schema for editors.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from integrations.upstream.config_answers import (
    Dates,
    EnvelopeRule,
    Errors,
    OperationSettings,
    Paging,
    ResponseCaps,
    TextEncoding,
    as_list,
)
from integrations.upstream.config_calls import Auth, Breaker, Concurrency, Retry, Timeouts, Tls
from integrations.upstream.config_part import Part, Scalar, nearest

__all__ = [
    "Auth",
    "EnvelopeRule",
    "Errors",
    "IdentitySettings",
    "JwtAlgorithm",
    "JwtSettings",
    "OperationSettings",
    "Paging",
    "Scalar",
    "TextEncoding",
    "UpstreamSettings",
    "UpstreamsFile",
    "identity_field",
    "nearest",
]

JwtAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"
]


class JwtSettings(Part):
    """Verifies a token here, without asking an upstream. No key is ever taken from the token or fetched."""

    key_file: str | None = Field(
        default=None, description="public key (PEM) or, for HS256/384/512, the secret; relative to this file"
    )
    jwks_file: str | None = Field(default=None, description="key set (RFC 7517 §5); the token's kid chooses the key")
    algorithms: list[JwtAlgorithm] = Field(
        default=["RS256"], min_length=1, description="the only algorithms that are accepted, of one family"
    )
    issuer: str | None = Field(default=None, description="iss that the token must have")
    audience: str | None = Field(
        default=None, description="aud that the token must have; without it a token with an aud is refused"
    )

    @model_validator(mode="after")
    def _one_source_one_family(self) -> Self:
        if (self.key_file is None) == (self.jwks_file is None):
            raise ValueError("either key_file or jwks_file is needed")
        # A public key must never be usable as the secret of an HS algorithm (RFC 8725 §2.1).
        if len({name.startswith("HS") for name in self.algorithms}) > 1:
            raise ValueError("algorithms with a shared secret (HS...) and with a key pair cannot be mixed")
        return self


class IdentitySettings(Part):
    """Who a token is: one operation of one upstream, asked with the token, or the token itself."""

    operation: str | None = Field(default=None, description="UPSTREAM.OPERATION, such as crm.getCurrentResident")
    jwt: JwtSettings | None = Field(default=None, description="the token is a JWT that is verified here")
    subject: str = Field(description="field of the answer (or claim) that owns conversations and approvals")
    fields: dict[str, str] = Field(default={}, description="names for `bind`, and the fields that they stand for")
    match_path: str | None = Field(default=None, description="field that /ws/chat/{user_id} must equal")
    cache_s: float = Field(default=60, ge=0, description="seconds that an answer is remembered")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.operation is None) == (self.jwt is None):
            raise ValueError("either operation or jwt is needed")
        return self


def _auth_list(value: Any) -> Any:
    return [] if value == "none" else as_list(value)


class UpstreamSettings(Part):
    """One upstream. Only `document` and `base_url` are needed."""

    document: str = Field(description="OpenAPI document (Swagger 2.0, OpenAPI 3.0 or 3.1), relative to this file")
    base_url: str = Field(
        description="the one origin ever used; with a path it replaces the path of the document's servers"
    )
    title: str | None = Field(default=None, description="what residents call it")
    auth: Annotated[
        list[Auth], BeforeValidator(_auth_list, json_schema_input_type=Literal["none"] | Auth | list[Auth])
    ] = Field(
        default=[Auth(header="Authorization")], description="where the resident's token goes; a list for several; none"
    )
    audience: str | None = Field(
        default=None, description="aud or iss that a token must have before it is sent here (a JWT, not verified)"
    )
    bind: dict[str, Scalar] = Field(
        default={}, description="LOCATION.NAME: identity.FIELD, identity.subject, a constant, or null for never sent"
    )
    hide: list[str] = Field(default=[], description="parameters that the model does not see, sent only if bound")
    drop: list[str] = Field(
        default=[], description="operations that become no tools: METHOD path, operationId, globs of both"
    )
    max_operations: int = Field(default=2_000, ge=1, description="operations that may become tools; the first ones")
    envelope: Literal["auto", "none"] | list[EnvelopeRule] = Field(
        default="auto", description="auto knows the common ones, none takes the body as it is; or rules"
    )
    errors: Errors = Field(default=Errors(), description="which answers are which error")
    encoding: TextEncoding = Field(default=TextEncoding(), description="of answers that do not name theirs")
    dates: Dates = Field(default=Dates(), description="how times are written, both ways")
    paging: Paging = Field(default=Paging(), description="names of the paging parameters, places of rows and total")
    response: ResponseCaps = Field(default=ResponseCaps(), description="how much of an answer is read and shown")
    timeouts: Timeouts = Field(default=Timeouts(), description="seconds")
    concurrency: Concurrency = Field(default=Concurrency(), description="calls at the same time")
    retry: Retry = Field(default=Retry(), description="when a read is tried again")
    breaker: Breaker = Field(default=Breaker(), description="when a failing upstream is left alone")
    tls: Tls = Field(default=Tls(), description="certificates")
    proxy: str | None = Field(
        default=None, description="URL of a forward proxy; the environment's proxies are never used"
    )
    networks: list[str] | None = Field(
        default=None, description="CIDRs that the resolved address must be in; absent: any"
    )
    owner: str | None = Field(
        default=None, description="field that must equal the identity's subject; other records are withheld"
    )
    operations: dict[str, OperationSettings] = Field(
        default={}, description="by operationId or, where that is missing or not unique, METHOD path"
    )

    @field_validator("base_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url must start with http:// or https:// and name a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must have no user, query or fragment")
        try:
            _ = parts.port
        except ValueError as error:
            raise ValueError("the port of base_url is no number up to 65535") from error
        return value.rstrip("/")

    @field_validator("networks")
    @classmethod
    def _cidrs(cls, value: list[str] | None) -> list[str] | None:
        for text in value or []:
            try:
                ipaddress.ip_network(text)
            except ValueError as error:
                raise ValueError(f"networks: {error}; write CIDRs, such as 10.0.0.0/8") from error
        return value

    @model_validator(mode="after")
    def _checked_address(self) -> Self:
        if self.networks is not None and self.proxy is not None:
            raise ValueError("networks and proxy exclude each other: behind a proxy, the proxy looks up the address")
        return self

    @field_validator("bind")
    @classmethod
    def _located(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        for key in value:
            location, _, name = key.partition(".")
            if location not in ("path", "query", "header", "cookie", "body") or not name:
                raise ValueError(f"{key}: write LOCATION.NAME, such as header.X-Tenant-Id or query.userId")
        return value

    @property
    def needs_credential(self) -> bool:
        """True where the resident's own token is sent."""
        return any(auth.fixed is None for auth in self.auth)

    def credential_places(self) -> set[tuple[str, str]]:
        """Where `auth` puts something, as (location, wire name)."""
        places = [(("header", a.header), ("query", a.query), ("cookie", a.cookie)) for a in self.auth]
        return {(location, name) for place in places for location, name in place if name is not None}

    def bindings(self) -> dict[tuple[str, str], Scalar]:
        """What `bind` says, by (location, wire name)."""
        return {(k.partition(".")[0], k.partition(".")[2]): v for k, v in self.bind.items()}


class UpstreamsFile(Part):
    """The whole file."""

    identity: IdentitySettings | None = Field(
        default=None, description="who a token is; without it every token owns only its own conversations"
    )
    upstreams: dict[str, UpstreamSettings] = Field(description="the systems that are called, by a name of yours")


def identity_field(value: Scalar) -> str | None:
    """The name after `identity.` if a bound value comes from the identity, else None."""
    return value.removeprefix("identity.") if isinstance(value, str) and value.startswith("identity.") else None
