"""The keys of upstreams.yaml as pydantic models; `config_file.py` reads the file, `catalogue.py` joins the documents.

Every key is described in `docs/upstreams.md`; the JSON Schema for editors is `UpstreamsFile.model_json_schema()`.
"""

from __future__ import annotations

import codecs
import difflib
import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

Scalar = bool | int | str | None
Code = bool | int | str
Status = Annotated[int, Field(ge=100, le=599)]
DateSource = Literal["epoch_s", "epoch_ms"]
MoneyUnit = Literal["fen", "yuan"]


def _text_keys(value: Any) -> Any:
    """Codes are often written without quotes: `{100300: 在场}` means the text "100300"."""
    if isinstance(value, Mapping):
        return {str(k).lower() if isinstance(k, bool) else str(k): v for k, v in value.items()}
    return value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Glosses = Annotated[dict[str, str], BeforeValidator(_text_keys)]


def nearest(word: str, known: list[str]) -> str:
    """ " — did you mean X?" for the closest known word, or the known ones if none is close."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f" — did you mean {close[0]}?"
    return f"; known here: {', '.join(sorted(known)[:20])}" if known else ""


class Part(BaseModel):
    """Any mapping of the file: unknown keys are refused with the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), list(cls.model_fields))
                    raise PydanticCustomError("unknown_key", "unknown key {key}{hint}", {"key": str(key), "hint": hint})
        return data


class Jwt(Part):
    """Keys for verifying tokens here. Not effective yet."""

    key_file: str | None = None
    jwks_file: str | None = None
    algorithms: list[str] = ["RS256"]
    issuer: str | None = None
    audience: str | None = None


class IdentitySettings(Part):
    """Who a token is: one operation of one upstream, asked with the token."""

    operation: str | None = Field(default=None, description="UPSTREAM.OPERATION, such as crm.getCurrentResident")
    jwt: Jwt | None = None
    subject: str = Field(description="field of its result that owns conversations and approvals")
    fields: dict[str, str] = Field(default={}, description="names for `bind`, and the fields that they stand for")
    match_path: str | None = Field(default=None, description="field that /ws/chat/{user_id} must equal")
    cache_s: float = Field(default=60, ge=0)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.operation is None) == (self.jwt is None):
            raise ValueError("either operation or jwt is needed")
        return self


class Auth(Part):
    """Where the credential (or a fixed key) is put. `prefix` is "Bearer " for the header Authorization, else ""."""

    header: str | None = None
    cookie: str | None = None
    query: str | None = None
    prefix: str | None = None
    fixed: SecretStr | None = Field(
        default=None, description="a key of the gateway's own; the resident's token is not used"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.header, self.cookie, self.query)) != 1:
            raise ValueError("exactly one of header, cookie and query is needed")
        if self.fixed is not None and not self.fixed.get_secret_value():
            raise ValueError("the fixed key is empty")
        return self

    @property
    def effective_prefix(self) -> str:
        if self.prefix is not None:
            return self.prefix
        return "Bearer " if (self.header or "").lower() == "authorization" and self.fixed is None else ""


class EnvelopeRule(Part):
    """What stands round a payload. Paths such as `error.message` start at the body."""

    path: str = "*"
    code: str | None = Field(default=None, description="field of the code; without it the HTTP status alone decides")
    ok: list[Code] = [200]
    empty: list[Code] = Field(default=[], description="codes that mean: done, nothing there")
    data: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        default=[], description="fields of the payload, first wins"
    )
    total: str | None = None
    message: str | None = None


class LoginRequired(Part):
    codes: list[Code] = [401]
    status: list[Status] = [401]
    redirect: bool = Field(default=True, description="a redirect to a login page means an expired login")
    html: bool = Field(default=True, description="a login page with status 200 does too")


class Forbidden(Part):
    codes: list[Code] = [403]
    status: list[Status] = [403]


class Business(Part):
    codes: list[Code] | None = Field(
        default=None, description="codes whose message is for the resident; absent: all others"
    )
    text_500: bool = Field(default=False, description="a short plain text with HTTP 500 is for the resident")


class Errors(Part):
    login_required: LoginRequired = LoginRequired()
    forbidden: Forbidden = Forbidden()
    business: Business = Business()


class TextEncoding(Part):
    default: str = "utf-8"
    fallback: str | None = "gb18030"

    @field_validator("default", "fallback")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            return value if value is None else codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(f"{value} is no known encoding, such as utf-8 or gb18030") from error


class Dates(Part):
    """`format` is a pattern such as `yyyy-MM-dd HH:mm:ss`, read and written in `zone`."""

    zone: str = "Asia/Shanghai"
    format: str | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value} is no IANA time zone") from error
        return value


class Paging(Part):
    """Wire names of the paging parameters, and where rows and total stand in the body."""

    page: str | None = None
    size: str | None = None
    start: int = 1
    max_size: int | None = Field(default=None, ge=1)
    total: str | None = None
    rows: str | None = None


class ResponseCaps(Part):
    max_bytes: int = Field(default=2 * 1024 * 1024, ge=1024)
    max_rows: int = Field(default=20, ge=1)
    max_chars: int = Field(default=8000, ge=500)


class Timeouts(Part):
    connect_s: float = Field(default=2, gt=0)
    attempt_s: float = Field(default=8, gt=0)


class Concurrency(Part):
    in_flight: int = Field(default=32, ge=1)
    waiting: int = Field(default=32, ge=0)


class Retry(Part):
    attempts: int = Field(default=3, ge=1, le=10)
    statuses: list[Status] = [429, 502, 503, 504]


class Breaker(Part):
    failures: int = Field(default=5, ge=1)
    rate: float = Field(default=0.5, gt=0, le=1)
    min_calls: int = Field(default=20, ge=1)
    window_s: float = Field(default=10, gt=0)
    open_s: float = Field(default=5, gt=0)
    max_open_s: float = Field(default=8, gt=0)


class Tls(Part):
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


class Idempotency(Part):
    header: str = "Idempotency-Key"


class Reconcile(Part):
    operation: str
    match: dict[str, str] = {}


class OperationSettings(Part):
    """What is said of one operation. Field paths start at the body: `rows[].payAmount`; a bare name means any depth."""

    name: str | None = Field(default=None, pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    examples: list[str] = []
    effect: Literal["read", "write"] | None = None
    arguments: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of the body where the document has none"
    )
    confirm: str | None = Field(default=None, description="what a resident says yes to; {argument} is filled")
    money: dict[str, MoneyUnit] = {}
    enums: dict[str, Glosses] = {}
    labels: dict[str, str] = {}
    dates: dict[str, DateSource] = {}
    idempotency: Idempotency | None = None
    unless_executed: list[Status] = Field(default=[], description="statuses that prove that a write was not done")
    reconcile: Reconcile | None = None


class UpstreamSettings(Part):
    """One upstream. Only `document` and `base_url` are needed."""

    document: str
    base_url: str
    title: str | None = None
    auth: Annotated[list[Auth], BeforeValidator(lambda v: [] if v == "none" else _as_list(v))] = [
        Auth(header="Authorization")
    ]
    audience: str | None = None
    bind: dict[str, Scalar] = {}
    hide: list[str] = []
    drop: list[str] = []
    max_operations: int = Field(default=20_000, ge=1, description="operations that may become tools; the first ones")
    envelope: Literal["auto", "none"] | list[EnvelopeRule] = "auto"
    errors: Errors = Errors()
    encoding: TextEncoding = TextEncoding()
    dates: Dates = Dates()
    paging: Paging = Paging()
    response: ResponseCaps = ResponseCaps()
    timeouts: Timeouts = Timeouts()
    concurrency: Concurrency = Concurrency()
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    tls: Tls = Tls()
    proxy: str | None = None
    networks: list[str] | None = None
    owner: str | None = None
    operations: dict[str, OperationSettings] = {}

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
    identity: IdentitySettings | None = None
    upstreams: dict[str, UpstreamSettings]


def identity_field(value: Scalar) -> str | None:
    """The name after `identity.` if a bound value comes from the identity, else None."""
    return value.removeprefix("identity.") if isinstance(value, str) and value.startswith("identity.") else None
