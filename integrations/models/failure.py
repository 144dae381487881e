"""Why one attempt at a model failed, and whether another may be made. Used by `openai_chat.py`.

Nothing here keeps an exception of the transport: those hold the request with its `Authorization` header.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from integrations.models.chunks import ProviderFault

_KEY_LIKE = re.compile(r"\b(?:sk|pk|key|gsk|xai)-[\w*-]{4,}|(?<=Bearer )\S+")
_MAX_REASON = 500

# Words of error objects that are about the account, not about this request.
_ACCOUNT = frozenset(
    {
        "invalid_api_key",
        "invalidapikey",
        "authentication_error",
        "authenticationerror",
        "permission_denied",
        "permission_error",
        "insufficient_quota",
        "insufficient_balance",
        "billing_not_active",
        "account_deactivated",
        "arrearage",
    }
)
# Words about the request itself: the same request would fail again.
_REQUEST = frozenset(
    {"invalid_request_error", "bad_request", "context_length_exceeded", "model_not_found", "not_found_error"}
)


class ModelFailure(Exception):
    """One attempt failed. `reason` is for the log and holds no secret.

    `retry`: another attempt may succeed, after `retry_after_s` if the provider said so. `refused`: key, quota or
    permission; somebody has to act.
    """

    def __init__(
        self, reason: str, *, retry: bool = False, refused: bool = False, retry_after_s: float | None = None
    ) -> None:
        self.reason, self.retry, self.refused, self.retry_after_s = reason, retry, refused, retry_after_s
        super().__init__(reason)


def scrubber(*secrets: str) -> Callable[[str], str]:
    """A function that takes `secrets` and whatever looks like a key out of a text. Its repr does not tell them."""
    hidden = [secret for secret in secrets if secret]

    def scrub(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "***")
        return _KEY_LIKE.sub("***", text)[:_MAX_REASON]

    return scrub


def from_status(status: int, body: bytes, headers: Mapping[str, str], scrub: Callable[[str], str]) -> ModelFailure:
    """A refusal with this status and body instead of a stream."""
    said = body.decode("utf-8", "replace").strip()
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        value = None
    fault = value.get("error", value) if isinstance(value, dict) else None
    word = ""
    if isinstance(fault, dict):
        said = fault["message"] if isinstance(fault.get("message"), str) and fault["message"] else said
        word = next((one for one in (fault.get("code"), fault.get("type")) if isinstance(one, str) and one), "")
    elif isinstance(fault, str) and fault:
        said = fault
    reason = scrub(f"HTTP {status}: {said}" if said else f"HTTP {status}")
    return _by_status(status, reason, word, retry_after_s(headers))


def from_fault(fault: ProviderFault, scrub: Callable[[str], str]) -> ModelFailure:
    """An error object inside a stream that began with 200."""
    reason = scrub(f"error in the stream: {fault.code} {fault.message}")
    status = int(fault.code) if fault.code.isdecimal() and len(fault.code) == 3 else 500
    return _by_status(status, reason, fault.code, None)


def _by_status(status: int, reason: str, word: str, after_s: float | None) -> ModelFailure:
    word = word.lower().replace(" ", "_")
    if status in (401, 402, 403) or word in _ACCOUNT:
        return ModelFailure(reason, refused=True)
    retry = word not in _REQUEST and (status in (408, 409, 425, 429) or status >= 500)
    return ModelFailure(reason, retry=retry, retry_after_s=after_s if retry else None)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3: seconds or a date), None if not told."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) / scale
        except ValueError:
            continue
        return max(0.0, seconds) if seconds == seconds else None
    try:
        at = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
