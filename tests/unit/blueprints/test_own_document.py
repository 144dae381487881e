"""The own OpenAPI document: valid, of the routes that there are, with the limits of the settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from assembly import create_app
from blueprints.own_document import own_document
from schemas.frames import AttachmentLimits, Limits
from schemas.settings import Settings
from schemas.turn import Locale

LIMITS = Limits(1234, 65536, AttachmentLimits(2, 999, ["image/jpeg", "image/png"]))


def document(locale: Locale = "en") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(own_document(LIMITS, locale)))
    return made


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_it_is_valid_openapi_3_1(locale: Locale) -> None:
    """By openapi-spec-validator, in both languages, and it says something in each of them."""
    OpenAPIV31SpecValidator(document(locale)).validate()
    said = document(locale)["paths"]["/api/chat"]["post"]["summary"]
    assert bool(re.search(r"[\u3400-\u9fff]", said)) == (locale == "zh")


def test_it_names_every_route_and_no_other(tmp_path: Path) -> None:
    """Method and path of every route under /api; HEAD and OPTIONS are sanic-ext's."""
    app = create_app(Settings(data_dir=tmp_path, openai_api_key=None), {})
    app.finalize()
    routes = {
        (method, "/" + re.sub(r"<(\w+):str>", r"{\1}", route.path))
        for route in app.router.routes
        for method in route.methods
        if route.path.startswith("api/") and method not in ("HEAD", "OPTIONS")
    }
    described = {
        (method.upper(), path)
        for path, item in document()["paths"].items()
        for method in item
        if method in ("get", "post", "delete", "put", "patch")
    }
    assert described == routes


def test_it_says_what_this_gateway_takes() -> None:
    """Limits of queries and attachments, the types of uploads."""
    made = document()
    query = made["components"]["schemas"]["Query"]["properties"]
    assert query["query"]["maxLength"] == 1234
    assert query["attachments"]["anyOf"][0]["maxItems"] == 2
    assert "999" in made["paths"]["/api/uploads"]["post"]["description"]


def test_every_refusal_is_an_error_frame() -> None:
    """Every operation says which codes it refuses with, under their statuses."""
    for path, item in document()["paths"].items():
        for method in ("get", "post", "delete"):
            for status, response in item.get(method, {}).get("responses", {}).items():
                if status >= "400":
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorFrame"}, (path, status)
                    assert re.fullmatch(r"`\w+`(, `\w+`)*", response["description"])
