"""`/livez`, `/readyz` and the pages, over HTTP on a real socket."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sanic import Sanic

from blueprints.health import health_blueprint
from blueprints.pages import pages_blueprint
from blueprints.site import FILES, load_site
from schemas.page import DemoLogin, PageSettings, Suggestions

WEB = Path(__file__).resolve().parents[3] / "web"
PAGE = PageSettings(
    name={"zh": "物业管家", "en": "Steward"},
    locale="zh",
    suggestions={"zh": [Suggestions("缴费", ["查账单"])], "en": []},
    demo=DemoLogin("user123", "t"),
)


@pytest.fixture
def app(tmp_path: Path) -> Sanic[Any, Any]:
    """Both blueprints, ready or not as `app.ctx.ready` says."""
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>物业</title>", "utf-8")
    made: Sanic[Any, Any] = Sanic(f"test-{tmp_path.name.replace('_', '-')}", configure_logging=False)
    made.ctx.ready = True
    made.blueprint(health_blueprint(lambda: {"ready": made.ctx.ready, "model": "embedded"}))
    made.blueprint(pages_blueprint(load_site(WEB), PAGE, page))
    return made


def test_health_tells_running_and_ready_apart(app: Sanic[Any, Any], sanic_client: Callable[..., Any]) -> None:
    """`/livez` is 200 while the process runs; `/readyz` is 503 while it cannot answer."""
    client = sanic_client(app)
    assert client.get("/livez")[1].json == {"live": True}
    assert client.get("/readyz")[1].status == 200
    app.ctx.ready = False
    response = client.get("/readyz")[1]
    assert (response.status, response.json) == (503, {"ready": False, "model": "embedded"})


def test_the_tutorials_page_is_where_the_tutorial_says(app: Sanic[Any, Any], sanic_client: Callable[..., Any]) -> None:
    """As UTF-8, with a policy that lets it open sockets and load nothing."""
    response = sanic_client(app).get("/test/websocket_test.html")[1]
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "物业" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_the_chat_page_has_a_strict_policy(app: Sanic[Any, Any], sanic_client: Callable[..., Any]) -> None:
    """Nothing inline, nothing evaluated, nothing from another host; no text becomes markup uncleaned."""
    response = sanic_client(app).get("/")[1]
    policy = response.headers["content-security-policy"]
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert f"{rule};" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"<script>|<style|style=|\son\w+=|https?://", response.text)


def test_every_file_that_the_page_names_is_served_for_ever(
    app: Sanic[Any, Any], sanic_client: Callable[..., Any]
) -> None:
    """Under an address with the digest of all files, with its media type."""
    client = sanic_client(app)
    named = re.findall(r'(?:href|src)="(web/[^"]+)"', client.get("/")[1].text)
    assert len(named) >= 6
    folder = re.match(r"web/[0-9a-f]{12}/", named[0])
    assert folder
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    for address in {*named, *(folder[0] + name for name in FILES)}:
        response = client.get(f"/{address}")[1]
        assert response.status == 200
        assert response.headers["content-type"] == types[Path(address).suffix]
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.content == (WEB / address.removeprefix(folder[0])).read_bytes()


def test_the_library_has_an_address_that_lasts(app: Sanic[Any, Any], sanic_client: Callable[..., Any]) -> None:
    """For front ends of other hosts, which may load it; it is asked for again, and 304 where it is known."""
    client = sanic_client(app)
    response = client.get("/web/steward-client.js", headers={"accept-encoding": "identity"})[1]
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in response.headers
    for tag in (response.headers["etag"], f"W/{response.headers['etag']}", f'"x", {response.headers["etag"]}', "*"):
        again = client.get("/web/steward-client.js", headers={"if-none-match": tag})[1]
        assert (again.status, again.content) == (304, b"")
    assert client.get("/web/steward-client.js", headers={"if-none-match": '"x"'})[1].status == 200


@pytest.mark.parametrize(
    ("accepted", "compressed"), [("gzip, br", True), ("br;q=1, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False)]
)
def test_gzip_where_the_client_takes_it(
    app: Sanic[Any, Any], sanic_client: Callable[..., Any], accepted: str, compressed: bool
) -> None:
    """RFC 9110, 12.5.3: not where its weight is zero."""
    response = sanic_client(app).get("/web/steward-client.js", headers={"accept-encoding": accepted})[1]
    assert (response.headers.get("content-encoding") == "gzip") is compressed
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.text == (WEB / "steward-client.js").read_text("utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "web/vendor/refresh.sh",
        "web/package.json",
        "web/page/main.js",
        "web/../app.py",
        "web/..%2fapp.py",
        "web/",
        "web/x",
    ],
)
def test_nothing_else_is_served(app: Sanic[Any, Any], sanic_client: Callable[..., Any], path: str) -> None:
    """What is not in the list is not found, whatever stands on the disk."""
    assert sanic_client(app).get(f"/{path}")[1].status == 404


def test_the_list_is_what_the_folder_holds() -> None:
    """Every script, style and picture below `web/` is in the list, but for those of `/docs`, which has a list of its
    own; and all of it is about 100 KB compressed."""
    found = {str(file.relative_to(WEB)) for file in WEB.rglob("*") if file.suffix in (".js", ".css", ".svg")}
    assert {name for name in found if not name.startswith("docs/")} == set(FILES)
    assert sum(len(gzip.compress((WEB / name).read_bytes(), 9)) for name in FILES) < 105_000


def test_what_the_page_is_told(app: Sanic[Any, Any], sanic_client: Callable[..., Any]) -> None:
    """Its name, questions to begin with, and the demo's login."""
    response = sanic_client(app).get("/web/page.json")[1]
    assert response.headers["content-type"] == "application/json"
    assert response.json == {
        "name": {"zh": "物业管家", "en": "Steward"},
        "locale": "zh",
        "suggestions": {"zh": [{"title": "缴费", "questions": ["查账单"]}], "en": []},
        "demo": {"user_id": "user123", "token": "t"},
    }
