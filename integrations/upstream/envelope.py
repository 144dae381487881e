"""Opens the envelope round a payload: which rule fits, whether its code says success, where payload and total are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from integrations.upstream.config import EnvelopeRule, UpstreamSettings
from integrations.upstream.fields import MISSING, look_up

Verdict = Literal["ok", "empty", "failed", "unreadable"]

# What `auto` takes for an envelope: a code or success flag, and nothing beside it but these.
_VOCABULARY = frozenset(
    re.findall(
        r"\w+",
        "code msg message data rows total success result errno errmsg error errors timestamp time ts traceid trace_id"
        " requestid request_id status path ok page pages size current count extra version locale",
    )
)
_AUTO_OK: list[bool | int | str] = [0, 200, "0", "200", "00000", "000000", "success", "SUCCESS", "ok", "OK", True]
_MESSAGES = ("detail", "message", "msg", "errmsg", "errorMessage", "error_description", "title")


@dataclass(frozen=True, slots=True)
class Opened:
    """`payload` and its dotted path in the body; for a failure the envelope's `code` and its `message` for people."""

    verdict: Verdict
    payload: Any = None
    prefix: str = ""
    code: Any = None
    message: str = ""
    total: Any = MISSING
    # True where a code in the body was judged; False where the HTTP status alone decides.
    judged: bool = False


def rule_for(settings: UpstreamSettings, path: str) -> EnvelopeRule | None:
    """The first configured rule whose glob matches the operation's path."""
    if isinstance(settings.envelope, str):
        return None
    return next((rule for rule in settings.envelope if fnmatchcase(path, rule.path)), None)


def open_envelope(body: Any, settings: UpstreamSettings, path: str) -> Opened:
    """The payload of a JSON body that came with a success status."""
    rule = rule_for(settings, path)
    if rule is None and settings.envelope == "auto":
        rule = _recognised(body)
    if rule is None:
        return Opened("ok", body)
    total = look_up(body, rule.total) if rule.total else MISSING
    if rule.code is None:
        payload, prefix = _payload(body, rule)
        return Opened("ok", payload, prefix, total=total)
    code = look_up(body, rule.code)
    if code is MISSING:
        return Opened("unreadable")
    message = _message_at(body, rule.message)
    if _same(code, rule.empty):
        return Opened("empty", None, code=code, message=message, judged=True)
    if not _same(code, rule.ok):
        return Opened("failed", None, code=code, message=message, judged=True)
    payload, prefix = _payload(body, rule)
    return Opened("ok", payload, prefix, code=code, message=message, total=total, judged=True)


def error_message(body: Any, settings: UpstreamSettings, path: str) -> str:
    """The sentence for people in the body of an error status, or "": the configured field, else the common places."""
    rule = rule_for(settings, path)
    if rule is not None and (found := _message_at(body, rule.message)):
        return found
    if not isinstance(body, Mapping):
        return ""
    inner = body.get("error")
    for place in (inner, body) if isinstance(inner, Mapping) else (body,):
        for name in _MESSAGES:
            if isinstance(place.get(name), str) and place[name].strip():
                return str(place[name]).strip()
    return ""


def liberal(code: Any, codes: list[bool | int | str]) -> bool:
    """True if a failure's code is among `codes`; here 401 and "401" are the same."""
    return not isinstance(code, bool) and any(str(code) == str(known) for known in codes if not isinstance(known, bool))


def _same(code: Any, codes: list[bool | int | str]) -> bool:
    """By type and value: True is not 1, "0" is not 0."""
    return any(type(code) is type(known) and code == known for known in codes)


def _payload(body: Any, rule: EnvelopeRule) -> tuple[Any, str]:
    for path in rule.data:
        found = look_up(body, path)
        if found is not MISSING:
            return found, path
    return (None, "") if rule.data else (body, "")


def _message_at(body: Any, path: str | None) -> str:
    if path is None:
        return ""
    found = look_up(body, path)
    return found.strip() if isinstance(found, str) else ""


def _recognised(body: Any) -> EnvelopeRule | None:
    """The common envelopes: `{code,msg,data}`, `{code,rows,total}`, `{success,result,message}`, `{errno,errmsg}`."""
    if not isinstance(body, Mapping) or not {str(key).lower() for key in body} <= _VOCABULARY:
        return None
    has_payload = any(name in body for name in ("data", "rows", "result"))
    message = next((name for name in ("msg", "message", "errmsg", "error") if isinstance(body.get(name), str)), None)
    code, ok = "", _AUTO_OK
    if isinstance(body.get("success"), bool) and (has_payload or message):
        code = "success"
    elif "errno" in body and (has_payload or message):
        code = "errno"
    elif isinstance(body.get("code"), int | str) and (has_payload or message):
        code = "code"
    else:
        return None
    total = "total" if "total" in body else None
    return EnvelopeRule(code=code, ok=ok, data=["data", "result", "rows"], total=total, message=message)
