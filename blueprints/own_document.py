"""The own HTTP API as an OpenAPI 3.1 document: the schemas are those of the structs that requests are decoded with.

Its paths are written here beside each other; a test compares them with the routes. Shown by `docs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from blueprints.api import MAX_LISTED
from blueprints.http_errors import STATUSES
from blueprints.uploads import FIELD
from schemas import api, frames
from schemas.client_frames import MAX_TOKEN_CHARS, VERSION, Query
from schemas.errors import Code
from schemas.frames import Limits
from schemas.messages import text
from schemas.turn import Locale

_STRUCTS = (
    Query, api.ApprovalAnswer, api.TurnAccepted, api.ConversationList, api.ConversationHistory, api.UploadAnswer,
    api.CatalogueAnswer, frames.Chunk, frames.Status, frames.ErrorFrame, frames.ApprovalFrame, frames.Snapshot,
)  # fmt: skip
_EVENT_ID = "^[A-Za-z0-9_-]{1,128}:[0-9]{1,15}$"
_SCHEMA = "#/components/schemas/{name}"
_ALWAYS: tuple[Code, ...] = ("bad_request", "unsupported", "rate_limited", "busy", "internal")


def own_document(limits: Limits, locale: Locale, query: str = "你好") -> dict[str, Any]:
    """The document; `limits` are those of the settings, so that it says what this gateway takes; `query` is an example
    of one."""
    _, schemas = msgspec.json.schema_components(_STRUCTS, ref_template=_SCHEMA)
    fields = schemas["Query"]["properties"]
    fields["query"] |= {"minLength": 1, "maxLength": limits.max_query_chars, "pattern": r"[^\s\u001c-\u001f\u0085]"}
    fields["token"]["anyOf"][0] |= {"maxLength": MAX_TOKEN_CHARS, "pattern": "^[!-~]*$"}
    fields["attachments"]["anyOf"][0] |= {"maxItems": limits.attachments.max}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Steward", "version": str(VERSION), "description": text("docs.about", locale)},
        "servers": [{"url": "../.."}],
        "security": [{"resident": []}],
        "tags": [{"name": name} for name in ("turns", "uploads", "history", "catalogue")],
        "paths": {
            "/api/chat": {"post": _chat(locale, query)},
            "/api/approvals/{approval_id}": {"post": _approve(locale)},
            "/api/turns/{turn_id}/cancel": {"post": _cancel(locale)},
            "/api/uploads": {"post": _upload(limits, locale)},
            "/api/conversations": _conversations(locale),
            "/api/conversations/{conversation_id}": _conversation(locale),
            "/api/catalogue": {"get": _catalogue(locale)},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "resident": {"type": "http", "scheme": "bearer", "description": text("docs.token", locale)}
            },
        },
    }


def _chat(locale: Locale, query: str) -> dict[str, Any]:
    last = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": text("docs.last_event_id", locale),
        "schema": {"type": "string", "pattern": _EVENT_ID, "minLength": 3, "maxLength": 144},
        "example": "q8Zk:1",
    }
    return {
        "operationId": "chat",
        "tags": ["turns"],
        "summary": text("docs.chat", locale),
        "description": text("docs.stream", locale),
        "security": [{"resident": []}, {}],
        "parameters": [last],
        "requestBody": _body(Query, {"query": query, "client_msg_id": "7f9c2ba4"}),
        "responses": {"200": _events(locale)}
        | _refusals(locale, *_ALWAYS, "too_large", "not_found", "shutting_down", "identity_mismatch"),
    }


def _approve(locale: Locale) -> dict[str, Any]:
    codes: tuple[Code, ...] = ("login_required", "not_found", "too_large", "approval_expired", "approval_used")
    links = {"cancel": {"operationId": "cancel", "parameters": {"turn_id": "$response.body#/turn_id"}}}
    return {
        "operationId": "approve",
        "tags": ["turns"],
        "summary": text("docs.approve", locale),
        "description": text("docs.approve_how", locale),
        "parameters": [_id("approval_id")],
        "requestBody": _body(api.ApprovalAnswer, {"approved": True}),
        "responses": {"200": _events(locale), "202": _answer(api.TurnAccepted) | {"links": links}}
        | _refusals(locale, *_ALWAYS, *codes),
    }


def _cancel(locale: Locale) -> dict[str, Any]:
    return {
        "operationId": "cancel",
        "tags": ["turns"],
        "summary": text("docs.cancel", locale),
        "parameters": [_id("turn_id")],
        "responses": {"204": _EMPTY} | _refusals(locale, *_ALWAYS, "login_required", "not_found"),
    }


def _upload(limits: Limits, locale: Locale) -> dict[str, Any]:
    types = ", ".join(limits.attachments.types)
    form = {
        "type": "object",
        "required": [FIELD],
        "additionalProperties": False,
        "properties": {FIELD: {"type": "string", "contentMediaType": limits.attachments.types[0]}},
    }
    return {
        "operationId": "upload",
        "tags": ["uploads"],
        "summary": text("docs.upload", locale),
        "description": text("docs.upload_how", locale, types=types, max=limits.attachments.max_bytes),
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form, "encoding": {FIELD: {"contentType": types}}}},
        },
        "responses": {"201": _answer(api.UploadAnswer)} | _refusals(locale, *_ALWAYS, "login_required", "too_large"),
    }


def _conversations(locale: Locale) -> dict[str, Any]:
    refusals = _refusals(locale, *_ALWAYS, "login_required")
    first = {"conversation_id": "$response.body#/conversations/0/conversation_id"}
    links = {name: {"operationId": name, "parameters": first} for name in ("showConversation", "forgetConversation")}
    return {
        "get": {
            "operationId": "listConversations",
            "tags": ["history"],
            "summary": text("docs.conversations", locale, max=MAX_LISTED),
            "responses": {"200": _answer(api.ConversationList) | {"links": links}} | refusals,
        },
        "delete": {
            "operationId": "forgetAll",
            "tags": ["history"],
            "summary": text("docs.forget_all", locale),
            "responses": {"204": _EMPTY} | refusals,
        },
    }


def _conversation(locale: Locale) -> dict[str, Any]:
    refusals = _refusals(locale, *_ALWAYS, "login_required", "not_found")
    return {
        "parameters": [_id("conversation_id")],
        "get": {
            "operationId": "showConversation",
            "tags": ["history"],
            "summary": text("docs.conversation", locale),
            "responses": {"200": _answer(api.ConversationHistory)} | refusals,
        },
        "delete": {
            "operationId": "forgetConversation",
            "tags": ["history"],
            "summary": text("docs.forget", locale),
            "responses": {"204": _EMPTY} | refusals,
        },
    }


def _catalogue(locale: Locale) -> dict[str, Any]:
    return {
        "operationId": "catalogue",
        "tags": ["catalogue"],
        "summary": text("docs.catalogue", locale),
        "security": [],
        "responses": {"200": _answer(api.CatalogueAnswer)} | _refusals(locale, *_ALWAYS),
    }


_EMPTY: Mapping[str, Any] = {"description": "No Content"}


def _ref(struct: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _SCHEMA.format(name=struct.__name__)}


def _body(struct: type[msgspec.Struct], example: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _ref(struct), "example": dict(example)}}}


def _answer(struct: type[msgspec.Struct]) -> dict[str, Any]:
    about = (struct.__doc__ or "").partition(". ")[0].replace("\n", " ").strip()
    return {"description": about, "content": {"application/json": {"schema": _ref(struct)}}}


def _events(locale: Locale) -> dict[str, Any]:
    names = ("Chunk", "Status", "ApprovalFrame", "ErrorFrame", "Snapshot")
    example = 'id: q8Zk:1\ndata: {"type":"chunk","content":"…","is_final":false,"turn_id":"…","seq":1}\n\n'
    data = {"anyOf": [{"$ref": _SCHEMA.format(name=name)} for name in names] + [{"type": "object"}]}
    event = {
        "type": "object",
        "description": "One event (WHATWG HTML, 9.2.6)",
        "required": ["data"],
        "properties": {
            "id": {"type": "string", "pattern": _EVENT_ID},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
        },
    }
    return {
        "description": text("docs.events", locale, frames=", ".join(f"`{name}`" for name in names)),
        "content": {"text/event-stream": {"schema": event, "example": example}},
    }


def _id(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
    }


def _refusals(locale: Locale, *codes: Code) -> dict[str, Any]:
    """The statuses of these codes; each is an `error` frame outside any turn."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(STATUSES[code], []).append(code)
    content = {"application/json": {"schema": _ref(frames.ErrorFrame)}}
    return {
        str(status): {"description": ", ".join(f"`{code}`" for code in dict.fromkeys(found)), "content": content}
        for status, found in sorted(by_status.items())
    }
