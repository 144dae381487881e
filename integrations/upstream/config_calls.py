"""The keys of upstreams.yaml on how an upstream is called: credential, time, limits; `config.py` joins them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from integrations.upstream.config_part import Part, Status


class Auth(Part):
    """Where the credential (or a fixed key) is put. `prefix` is "Bearer " for the header Authorization, else ""."""

    header: str | None = Field(default=None, description="name of the header that carries it")
    cookie: str | None = Field(default=None, description="name of the cookie that carries it")
    query: str | None = Field(default=None, description="name of the query parameter that carries it (legacy)")
    prefix: str | None = Field(
        default=None, description='what stands before it; absent: "Bearer " in Authorization, nothing elsewhere'
    )
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


class Timeouts(Part):
    """Seconds. The deadline of the whole turn counts as well."""

    connect_s: float = Field(default=2, gt=0, description="for a connection")
    attempt_s: float = Field(default=8, gt=0, description="for one attempt, from connecting to the last byte")


class Concurrency(Part):
    """The bulkhead: what is beyond both numbers is refused at once."""

    in_flight: int = Field(default=32, ge=1, description="calls at the same time")
    waiting: int = Field(default=32, ge=0, description="calls that wait for a place")


class Retry(Part):
    """When a read is tried again. Writes: see `idempotency` and `unless_executed`."""

    attempts: int = Field(default=3, ge=1, le=10, description="attempts in all")
    statuses: list[Status] = Field(default=[429, 502, 503, 504], description="statuses that make a read try again")


class Breaker(Part):
    """The circuit breaker: an upstream that fails is left alone for a while."""

    failures: int = Field(default=5, ge=1, description="failures in a row that open it")
    rate: float = Field(default=0.5, gt=0, le=1, description="share of failing calls that opens it")
    min_calls: int = Field(default=20, ge=1, description="calls in the window before the share counts")
    window_s: float = Field(default=10, gt=0, description="seconds that the share is taken over")
    open_s: float = Field(default=5, gt=0, description="seconds that it stays open at first")
    max_open_s: float = Field(default=8, gt=0, description="seconds that it stays open at most")


class Tls(Part):
    """Certificates, as PEM files; like `document`, relative to upstreams.yaml."""

    ca_file: str | None = Field(
        default=None, description="authorities to trust in place of the system's; relative to this file"
    )
    client_cert: str | None = Field(default=None, description="the gateway's own certificate; relative to this file")
    client_key: str | None = Field(default=None, description="its key, if it is not in the same file")


class Idempotency(Part):
    """Where the key of a write goes."""

    header: str = Field(default="Idempotency-Key", description="header that carries the key, made by the gateway")


class Reconcile(Part):
    """A read that shows whether a write with an unknown outcome was done. The write itself is never sent again."""

    operation: str = Field(description="operationId or METHOD path of a read of the same upstream")
    match: Annotated[dict[str, str], Field(min_length=1)] = Field(
        description="field of a record in its answer: argument of the write; together they name the one write"
    )
    created: str | None = Field(
        default=None,
        description="field of a record that says when it was made; without it one that is named so, such as createTime",
    )
