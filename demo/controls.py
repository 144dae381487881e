"""The controls on every port of the estate: login, the request log, faults; and a page to be redirected to."""

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from demo.breakage import LOGIN_PAGE
from demo.core import Core, find_resident, json_answer
from demo.faults import FaultError
from demo.tokens import LIFETIME_S


def install(app: Sanic[Any, Any], core: Core, upstream: str) -> None:
    """Adds `/demo/login`, `/demo/requests`, `/demo/faults` and `/login` to the application of one upstream."""

    async def login(request: Request) -> HTTPResponse:
        body = _object(request)
        user_id, expires_in_s = body.get("user_id"), body.get("expires_in_s", LIFETIME_S)
        if not isinstance(user_id, str) or find_resident(core.database, user_id) is None:
            return _mistake("user_id must be one of the estate's residents: user123, user456, user789", 404)
        if not isinstance(expires_in_s, int) or isinstance(expires_in_s, bool) or expires_in_s > LIFETIME_S:
            return _mistake(f"expires_in_s must be a whole number of at most {LIFETIME_S}")
        return json_answer({"token": core.tokens.issue(user_id, expires_in_s)})

    async def show_requests(_: Request) -> HTTPResponse:
        return json_answer(core.requests.entries())

    async def clear_requests(_: Request) -> HTTPResponse:
        core.requests.clear()
        return HTTPResponse(status=204)

    async def add_fault(request: Request) -> HTTPResponse:
        body = _object(request)
        try:
            core.faults.add(body.get("upstream"), body.get("operation"), body.get("fault"), body.get("times"))
        except FaultError as error:
            return _mistake(str(error))
        return HTTPResponse(status=204)

    async def clear_faults(_: Request) -> HTTPResponse:
        core.faults.clear()
        return HTTPResponse(status=204)

    async def login_page(request: Request) -> HTTPResponse:
        # A client that follows a login redirect shows in the log.
        core.requests.add(upstream, None, request)
        return HTTPResponse(LOGIN_PAGE, content_type="text/html;charset=UTF-8")

    app.add_route(login, "/demo/login", methods=["POST"], name="demo_login")
    app.add_route(show_requests, "/demo/requests", methods=["GET"], name="demo_requests")
    app.add_route(clear_requests, "/demo/requests", methods=["DELETE"], name="demo_requests_clear")
    app.add_route(add_fault, "/demo/faults", methods=["POST"], name="demo_faults")
    app.add_route(clear_faults, "/demo/faults", methods=["DELETE"], name="demo_faults_clear")
    app.add_route(login_page, "/login", methods=["GET"], name="login_page")


def _object(request: Request) -> dict[str, Any]:
    """The JSON object of the body; an empty one where there is none (each control then says what it misses)."""
    try:
        body = request.load_json()
    except Exception:  # Sanic wraps whatever its JSON module raises
        return {}
    return body if isinstance(body, dict) else {}


def _mistake(message: str, status: int = 400) -> HTTPResponse:
    return json_answer({"error": message}, status)
