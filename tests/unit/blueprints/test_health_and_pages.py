"""`/livez`, `/readyz` and the page, over HTTP on a real socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sanic import Sanic

from blueprints.health import health_blueprint
from blueprints.pages import pages_blueprint


@pytest.fixture
def app(tmp_path: Path) -> Sanic[Any, Any]:
    """Both blueprints, ready or not as `app.ctx.ready` says."""
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>物业</title>", "utf-8")
    made: Sanic[Any, Any] = Sanic(f"test-{tmp_path.name.replace('_', '-')}", configure_logging=False)
    made.ctx.ready = True
    made.blueprint(health_blueprint(lambda: {"ready": made.ctx.ready, "model": "embedded"}))
    made.blueprint(pages_blueprint(page))
    return made


def test_health_tells_running_and_ready_apart(app: Sanic[Any, Any], sanic_client: Callable[..., Any]) -> None:
    """`/livez` is 200 while the process runs; `/readyz` is 503 while it cannot answer."""
    client = sanic_client(app)
    assert client.get("/livez")[1].json == {"live": True}
    assert client.get("/readyz")[1].status == 200
    app.ctx.ready = False
    response = client.get("/readyz")[1]
    assert (response.status, response.json) == (503, {"ready": False, "model": "embedded"})


@pytest.mark.parametrize("path", ["/", "/test/websocket_test.html"])
def test_the_page_is_at_both_places(app: Sanic[Any, Any], sanic_client: Callable[..., Any], path: str) -> None:
    """As UTF-8, with a policy that lets it open sockets and load nothing."""
    response = sanic_client(app).get(path)[1]
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "物业" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
