"""The keys of upstreams.yaml on how answers are read, and on single operations; `config.py` joins them."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from integrations.upstream.config_calls import Idempotency, Reconcile
from integrations.upstream.config_part import Code, DateSource, MoneyUnit, Part, Status


def _text_keys(value: Any) -> Any:
    """Codes are often written without quotes: `{100300: 在场}` means the text "100300"."""
    if isinstance(value, Mapping):
        return {str(k).lower() if isinstance(k, bool) else str(k): v for k, v in value.items()}
    return value


def as_list(value: Any) -> Any:
    """What may be written alone where a list is meant."""
    return value if isinstance(value, list | tuple) else [value]


Glosses = Annotated[dict[str, str], BeforeValidator(_text_keys, json_schema_input_type=dict[str, str])]


class EnvelopeRule(Part):
    """What stands round a payload. Paths such as `error.message` start at the body."""

    path: str = Field(default="*", description="glob of the operation paths that the rule is for; the first one counts")
    code: str | None = Field(default=None, description="field of the code; without it the HTTP status alone decides")
    ok: list[Code] = Field(default=[200], description="codes of success, compared by type and value: 0 is not '0'")
    empty: list[Code] = Field(default=[], description="codes that mean: done, nothing there")
    data: Annotated[list[str], BeforeValidator(as_list, json_schema_input_type=str | list[str])] = Field(
        default=[], description="field of the payload, or several: the first that is there; without it the whole body"
    )
    total: str | None = Field(default=None, description="field of the number of all rows")
    message: str | None = Field(default=None, description="field of the sentence for people")


class LoginRequired(Part):
    """What means that the login is missing or has expired."""

    codes: list[Code] = Field(default=[401], description="codes in the envelope; 401 and '401' are the same here")
    status: list[Status] = Field(default=[401], description="HTTP statuses")
    redirect: bool = Field(default=True, description="a redirect to a login page means an expired login")
    html: bool = Field(default=True, description="a login page with status 200 does too")


class Forbidden(Part):
    """What means that this resident may not do it."""

    codes: list[Code] = Field(default=[403], description="codes in the envelope")
    status: list[Status] = Field(default=[403], description="HTTP statuses")


class Business(Part):
    """What the upstream refuses with a sentence for the resident."""

    codes: list[Code] | None = Field(
        default=None, description="codes whose message is for the resident; absent: all others"
    )
    text_500: bool = Field(default=False, description="a short plain text with HTTP 500 is for the resident")


class Errors(Part):
    """Which answers are which error."""

    login_required: LoginRequired = Field(default=LoginRequired(), description="the login is missing or has expired")
    forbidden: Forbidden = Field(default=Forbidden(), description="this resident may not do it")
    business: Business = Field(default=Business(), description="refused with a sentence for the resident")


class TextEncoding(Part):
    """How bytes become text where an answer does not say it."""

    default: str = Field(default="utf-8", description="tried first")
    fallback: str | None = Field(default="gb18030", description="tried next (it contains GBK and GB2312)")

    @field_validator("default", "fallback")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            "".encode(value)  # unlike `lookup` it refuses `hex` and `zip`, which make no text
            return codecs.lookup(value).name
        except (LookupError, ValueError) as error:
            raise ValueError(f"{value} is no known encoding, such as utf-8 or gb18030") from error


class Dates(Part):
    """How the upstream writes times, in answers and in arguments."""

    zone: str = Field(default="Asia/Shanghai", description="IANA time zone of times that name none")
    format: str | None = Field(
        default=None, description="pattern such as yyyy-MM-dd HH:mm:ss; without it times are RFC 3339"
    )

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

    page: str | None = Field(default=None, description="parameter of the page's number")
    size: str | None = Field(default=None, description="parameter of the page's size")
    start: int = Field(default=1, description="number of the first page")
    max_size: int | None = Field(default=None, ge=1, description="largest page that is asked for")
    total: str | None = Field(default=None, description="field of the number of all rows")
    rows: str | None = Field(default=None, description="field of the rows")


class ResponseCaps(Part):
    """How much of an answer is read and shown."""

    max_bytes: int = Field(default=2 * 1024 * 1024, ge=1024, description="bytes of a body; more is too much")
    max_rows: int = Field(default=20, ge=1, description="rows that are shown; the rest is told as a number")
    max_chars: int = Field(default=8000, ge=500, description="characters of JSON that are shown")


class OperationSettings(Part):
    """What is said of one operation. Field paths start at the body: `rows[].payAmount`; a bare name means any depth."""

    name: str | None = Field(
        default=None, pattern=r"^[a-zA-Z0-9_-]{1,64}$", description="the tool's name, as the model sees it"
    )
    description: str | None = Field(default=None, description="what it does, in place of the document's words")
    examples: list[str] = Field(default=[], description="what residents say when they need it")
    effect: Literal["read", "write"] | None = Field(
        default=None, description="write needs the resident's yes; absent: GET, HEAD and OPTIONS read, others write"
    )
    arguments: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of the body where the document has none"
    )
    confirm: str | None = Field(default=None, description="what a resident says yes to; {argument} is filled")
    money: dict[str, MoneyUnit] = Field(default={}, description="amounts by field: fen or yuan, shown as 元")
    enums: dict[str, Glosses] = Field(default={}, description="labels of codes by field")
    labels: dict[str, str] = Field(default={}, description="what residents read for a field's name")
    dates: dict[str, DateSource] = Field(default={}, description="times that are numbers, by field")
    idempotency: Idempotency | None = Field(
        default=None, description="the upstream honours a key: the write may be sent again with it"
    )
    unless_executed: list[Status] = Field(default=[], description="statuses that prove that a write was not done")
    reconcile: Reconcile | None = Field(default=None, description="how an unknown outcome of the write is looked up")
