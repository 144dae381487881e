"""The pages: the residents' chat page at `/` with its files, and the tutorial's test page. Next: `site.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import file

from blueprints.site import Asset
from schemas.jsontext import to_json
from schemas.page import PageSettings

_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# The tutorial's page is one file with its own script and style; it may open sockets and nothing else.
_TUTORIAL_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src ws: wss:; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Scripts and styles are files of this server, and nothing is ever turned from text into code or markup but what
# DOMPurify has cleaned (Vue makes a policy of its own, which is used for static parts of templates: there are none).
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify vue"
)


def pages_blueprint(site: Mapping[str, Asset], page: PageSettings, tutorial: Path) -> Blueprint:
    """Serves the chat page `site`, what it is told (`web/page.json`), and the one-file page `tutorial`."""
    blueprint = Blueprint("pages")
    told = to_json(page)

    @blueprint.get("/", name="home")
    async def home(request: Request) -> HTTPResponse:
        return _answer(request, site[""], {"Content-Security-Policy": _PAGE_POLICY})

    @blueprint.get("/web/page.json", name="settings")
    async def settings(_: Request) -> HTTPResponse:
        headers = {**_SAFE, "Cache-Control": "no-cache"}
        return HTTPResponse(told, headers=headers, content_type="application/json")

    @blueprint.get("/web/<path:path>", name="files")
    async def files(request: Request, path: str) -> HTTPResponse:
        asset = site.get(f"web/{path}")
        if asset is None:
            return HTTPResponse("Not Found", 404, dict(_SAFE), content_type="text/plain; charset=utf-8")
        # a library that any front end may load; the page's own files are of no use elsewhere
        return _answer(request, asset, {"Access-Control-Allow-Origin": "*"})

    @blueprint.get("/test/websocket_test.html", name="tutorial")
    async def show(_: Request) -> HTTPResponse:
        headers = {**_SAFE, "Content-Security-Policy": _TUTORIAL_POLICY}
        return await file(tutorial, mime_type="text/html; charset=utf-8", headers=headers)

    return blueprint


def _answer(request: Request, asset: Asset, more: Mapping[str, str]) -> HTTPResponse:
    """The asset, compressed where the client takes that; 304 where it has it (RFC 9110, 13.1.2)."""
    headers = {**_SAFE, **more, "Cache-Control": asset.cache_control, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if asset.etag in known or "*" in known:
        return HTTPResponse(None, 304, headers)
    body = asset.body
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        body = asset.compressed
        # one tag for both: weak, since the bytes differ (8.8.3.3)
        headers |= {"Content-Encoding": "gzip", "ETag": f"W/{asset.etag}"}
    return HTTPResponse(body, headers=headers, content_type=asset.content_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether gzip is among the encodings of an `Accept-Encoding` (12.5.3), and not with a weight of zero."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
