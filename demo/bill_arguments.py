"""Reads what a request to the bill upstream says, or refuses it; `bill.py` and `bill_payments.py` use it."""

from datetime import date

from sanic import HTTPResponse

from demo.bill_answers import refuse
from demo.core import Call, Handler


def community_checked(handler: Handler) -> Handler:
    """The handler behind a check of `X-Community-Id`: 400 without one, 403 COMMUNITY_MISMATCH for another."""

    async def checked(call: Call) -> HTTPResponse:
        community = call.request.headers.get("x-community-id", "").strip()
        if not community:
            raise refuse(call.request, 400, "INVALID_ARGUMENT", "header X-Community-Id is missing")
        if community != call.resident.community_id:
            raise refuse(call.request, 403, "COMMUNITY_MISMATCH", "您不是该小区的住户")
        return await handler(call)

    return checked


def choice_of(call: Call, name: str, allowed: tuple[str, ...]) -> str | None:
    """A query parameter that is one of a few words, or None where it is not sent."""
    value: str | None = call.request.args.get(name)
    if value is not None and value not in allowed:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", f"{name} must be one of {', '.join(allowed)}")
    return value


def whole_number(call: Call, name: str, *, default: int, smallest: int, largest: int) -> int:
    """A query parameter that is a whole number within bounds."""
    text = call.request.args.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and smallest <= int(text) <= largest:
        return int(text)
    raise refuse(call.request, 400, "INVALID_ARGUMENT", f"{name} must be a whole number of {smallest} to {largest}")


def day(call: Call, name: str) -> date | None:
    """A query parameter that is a date (RFC 3339 full-date)."""
    text = call.request.args.get(name)
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-01"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise refuse(call.request, 400, "INVALID_ARGUMENT", f"{name} must be a date as yyyy-MM-dd")
