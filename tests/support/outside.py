"""A catalogue of a test's own over one small document, and the toolsets on it, against any base URL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from integrations.catalogue import Catalogue, load_catalogue
from integrations.toolset import CatalogueToolset, CatalogueToolsets
from schemas.deadline import Deadline
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import Locale

TOKEN = "canary-token-7f3a9c"


def _operation(operation_id: str, summary: str, **more: Any) -> dict[str, Any]:
    responses = {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object"}}}}}
    return {"operationId": operation_id, "summary": summary, "responses": responses, **more}


def _query(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}}


_NAMED = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "description": "名称 / Name"}},
}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Things", "version": "1"},
    "servers": [{"url": "/api"}],
    "security": [{"token": []}],
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/me": {"get": _operation("whoAmI", "我是谁 / Who am I")},
        "/things": {
            "get": _operation(
                "listThings",
                "查询物品 / List things",
                parameters=[_query("page", "integer"), _query("size", "integer"), _query("since", "string")],
            ),
            "post": _operation(
                "makeThing",
                "新建物品 / Make a thing",
                requestBody={"required": True, "content": {"application/json": {"schema": _NAMED}}},
            ),
        },
        "/things/{id}": {
            "get": _operation(
                "getThing",
                "查看物品 / Get a thing",
                parameters=[{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            )
        },
        "/kinds": {"get": _operation("listKinds", "查询种类 / List kinds", security=[])},
    },
}

IDENTITY = "identity: {operation: things.whoAmI, subject: userId, fields: {tenant: tenantId, name: name}}\n"


def write_catalogue(folder: Path, base_url: str, more: str = "", head: str = "", document: Any = None) -> Catalogue:
    """The catalogue of one upstream `things`. `more` are further lines of it (indented by four), `head` of the file."""
    (folder / "things.json").write_text(json.dumps(DOCUMENT if document is None else document), encoding="utf-8")
    text = f"{head}upstreams:\n  things:\n    document: things.json\n    base_url: {base_url}\n"
    (folder / "upstreams.yaml").write_text(f"{text}    title: 物品系统 / Things\n{more}", encoding="utf-8")
    return load_catalogue(folder / "upstreams.yaml", {})


@asynccontextmanager
async def outside(catalogue: Catalogue, token: str | None = TOKEN, **options: Any) -> AsyncIterator[CatalogueToolset]:
    """A caller's toolset whose retries do not wait."""

    async def at_once(_: float) -> None:
        return None

    toolsets = CatalogueToolsets(catalogue, **{"sleep": at_once, **options})
    try:
        yield toolsets.for_token(token)
    finally:
        await toolsets.close()


async def run(
    toolset: CatalogueToolset,
    tool: str,
    locale: Locale = "en",
    /,
    within_s: float = 10,
    key: str | None = None,
    **arguments: Any,
) -> ToolResult:
    """Prepare and call, as the agent does."""
    deadline = Deadline.after(within_s)
    prepared = await toolset.prepare(ToolCall("call-1", tool, json.dumps(arguments)), locale, deadline)
    if not isinstance(prepared, PreparedCall):
        return prepared
    return await toolset.call(prepared, locale, deadline, key)
