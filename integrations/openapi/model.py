"""The plain intermediate form between a document and its tools; every OpenAPI version ends here. Data only.

`load.py` and its neighbours make it, `tools.py` turns operations into tools, `upstream/request.py` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.tool import Effect

Schema = Mapping[str, Any] | bool
Location = Literal["path", "query", "header", "cookie", "body"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the document, its variables filled with their defaults. `path` is its path alone ("" for none)."""

    url: str
    path: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """OpenAPI 3.1 §4.8.12, whatever version the document was. `media_type` is set for a content-typed parameter.

    `inner` are the delimiters of lists inside a list, from the outside in (Swagger 2.0 §Items Object).
    """

    name: str
    location: Literal["path", "query", "header", "cookie"]
    required: bool
    schema: Schema
    style: str
    explode: bool
    allow_reserved: bool = False
    media_type: str | None = None
    description: str = ""
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoding:
    """OpenAPI 3.1 §4.8.15; `inner` as in `Parameter`."""

    content_type: str | None = None
    style: str | None = None
    explode: bool | None = None
    allow_reserved: bool = False
    headers: Mapping[str, Any] = field(default_factory=dict)
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaType:
    """One entry of a `content` map."""

    name: str
    schema: Schema
    encoding: Mapping[str, Encoding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestBody:
    required: bool
    media_types: tuple[MediaType, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """`status` is "200", "2XX" or "default"."""

    status: str
    description: str
    media_types: tuple[MediaType, ...]
    headers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. Schemas are self-contained: a `$ref` left in one points into its own `$defs`.

    `key` is "METHOD /path" and unique in the document; `operation_id` is as written ("" if missing, maybe not unique).
    `servers` are those in force for it; `own_servers` says that path item or operation declared them (§4.8.9, §4.8.10).
    `public` is true where the operation explicitly asks for no security (`security: []` or with an empty requirement).
    """

    document: str
    key: str
    operation_id: str
    method: str
    path: str
    servers: tuple[Server, ...]
    summary: str
    description: str
    tags: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body: RequestBody | None
    responses: tuple[Response, ...]
    public: bool = False
    deprecated: bool = False
    own_servers: bool = False
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was mended, cut or left out. `pointer` is a JSON pointer into the document (RFC 6901).

    "skipped" is what could not be used, "dropped" what upstreams.yaml wants left out. `operation` is "METHOD /path",
    `operation_id` as written.
    """

    document: str
    pointer: str
    reason: str
    action: Literal["mended", "cut", "skipped", "dropped", "noticed"]
    operation: str = ""
    operation_id: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One loaded document. `digest` is the SHA-256 of its bytes."""

    name: str
    version: str
    title: str
    digest: str
    servers: tuple[Server, ...]
    operations: tuple[Operation, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """Where one argument of a tool goes: a parameter by its wire name, or a JSON pointer into the body ("" = whole)."""

    location: Location
    name: str = ""
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class OperationOptions:
    """What upstreams.yaml says of one operation, as far as the making of its tool goes."""

    name: str | None = None
    description: str | None = None
    examples: tuple[str, ...] = ()
    effect: Effect | None = None
    arguments: Schema | None = None


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """What upstreams.yaml says of a document, as far as the making of its tools goes.

    `hidden` are parameter (or top-level body property) names a model does not see; `bound` are (location, name) pairs
    that the gateway fills; `reserved_headers` are lower-case header names that the gateway sets itself (idempotency).
    `drop` holds globs on "METHOD /path" and operationIds. `operations` is keyed by operationId or "METHOD /path". Of
    more than `max_tools` the first ones are made.
    """

    hidden: frozenset[str] = frozenset()
    bound: frozenset[tuple[str, str]] = frozenset()
    reserved_headers: frozenset[str] = frozenset()
    drop: tuple[str, ...] = ()
    operations: Mapping[str, OperationOptions] = field(default_factory=dict)
    max_tools: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Tool:
    """A model-safe tool. `name` matches ^[a-zA-Z0-9_-]{1,64}$; `parameters` is a closed object schema (2020-12)."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    arguments: Mapping[str, Argument]
    operation: Operation
    effect: Effect
