"""`/docs`: the own HTTP API and each upstream's document shown by Swagger UI, the WebSocket by the AsyncAPI component.

All of it comes from here, and the pages' policy lets them reach no other host. Why these are not sanic-ext's pages says
ADR 15. Next: `own_document.py`, `asyncapi.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import file, redirect

from blueprints.asyncapi import resolved
from blueprints.http_errors import language
from schemas.jsontext import to_json
from schemas.turn import Locale

# Swagger UI and the AsyncAPI component set style attributes and have pictures in their styles; nothing else is given.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}
OWN = "steward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What is shown. `own` and `understood` make OpenAPI documents, `titles` names the upstreams; `asyncapi` is the
    file."""

    own: Callable[[Locale], Mapping[str, Any]]
    understood: Callable[[str, Locale], Mapping[str, Any]]
    titles: Callable[[Locale], Mapping[str, str]]
    asyncapi: Path
    locale: Locale


def docs_blueprint(pages: Path, documents: Documents) -> Blueprint:
    """`pages` is the folder of the pages with what they load; only what is in it now is ever served."""
    blueprint = Blueprint("docs", url_prefix="/docs", strict_slashes=True)
    files = {
        path.relative_to(pages).as_posix(): path
        for path in sorted(pages.rglob("*"))
        if path.suffix in (".js", ".css") and path.is_file()
    }

    @cache
    def written(name: str, locale: Locale) -> str:
        """One document as text. A name of our own cannot be an upstream's: it is asked first."""
        return to_json(documents.own(locale) if name == OWN else documents.understood(name, locale))

    @blueprint.get("", name="bare")
    async def bare(request: Request) -> HTTPResponse:
        return redirect(f"{request.path.rpartition('/')[2]}/")

    @blueprint.get("/", name="home")
    async def home(_: Request) -> HTTPResponse:
        return await _file(pages / "index.html")

    @blueprint.get("/websocket", name="websocket")
    async def websocket(_: Request) -> HTTPResponse:
        return await _file(pages / "websocket.html")

    @blueprint.get("/documents.json", name="documents")
    async def listed(request: Request) -> HTTPResponse:
        locale = language(request, documents.locale)
        named = [{"name": "Steward", "url": f"openapi/{OWN}.json"}]
        named += [
            {"name": f"{title} ({name})", "url": f"openapi/{quote(name, safe='')}.json"}
            for name, title in documents.titles(locale).items()
            if name != OWN
        ]
        return _json(to_json(named))

    @blueprint.get("/openapi/<file_name:str>", name="openapi")
    async def openapi(request: Request, file_name: str) -> HTTPResponse:
        locale, name = language(request, documents.locale), unquote(file_name).removesuffix(".json")
        if name != OWN and name not in documents.titles(locale):
            return _json("{}", 404)
        # a large one takes a while to be written, once
        return _json(await asyncio.to_thread(written, name, locale))

    @blueprint.get("/asyncapi.json", name="asyncapi_resolved")
    async def asyncapi(_: Request) -> HTTPResponse:
        return _json(protocol(documents.asyncapi))

    @blueprint.get("/asyncapi.yaml", name="asyncapi")
    async def asyncapi_file(_: Request) -> HTTPResponse:
        return await file(documents.asyncapi, mime_type="application/yaml", headers=dict(_HEADERS))

    @blueprint.get("/<name:path>", name="file")
    async def asset(_: Request, name: str) -> HTTPResponse:
        return await _file(files[name]) if name in files else _json("{}", 404)

    return blueprint


@cache
def protocol(path: Path) -> str:
    """The resolved WebSocket document as text."""
    return to_json(resolved(path.read_text(encoding="utf-8")))


async def _file(path: Path) -> HTTPResponse:
    return await file(path, mime_type=_TYPES[path.suffix], headers=dict(_HEADERS))


def _json(text: str, status: int = 200) -> HTTPResponse:
    headers = {**_HEADERS, "Vary": "Accept-Language"}
    return HTTPResponse(text, status, headers, content_type="application/json")
