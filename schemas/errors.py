"""The errors of Steward; `schemas/messages.py` has their sentences, `blueprints/` and `agent/` map them to frames.

StewardError
├── ConfigurationError          start-up: settings, upstreams.yaml (file, line, nearest valid key)
├── DocumentError               start-up: an OpenAPI document that does not load (document, pointer, reason)
├── FrameRefused                one client frame is refused (code, field)
├── ArgumentsInvalid            a model's arguments do not fit the tool's schema (argument, rule, hint)
├── RequestRefused              arguments are valid but would leave the operation's template
├── StoreUnavailable            what must be remembered cannot be written or read
├── UploadsFull                 no room for one more upload (retry_after_s)
└── ModelUnavailable            no usable answer from the model
    └── ModelInterrupted        the stream broke after text was shown
"""

from __future__ import annotations

from typing import Any, Literal

Code = Literal[
    "bad_request",
    "unsupported",
    "too_large",
    "rate_limited",
    "busy",
    "not_found",
    "login_required",
    "identity_mismatch",
    "approval_expired",
    "approval_used",
    "approval_changed",
    "model_unavailable",
    "turn_interrupted",
    "shutting_down",
    "internal",
]

RETRYABLE: frozenset[Code] = frozenset(
    {"rate_limited", "busy", "model_unavailable", "turn_interrupted", "shutting_down", "internal"}
)


class StewardError(Exception):
    """Root of everything raised on purpose."""


class ConfigurationError(StewardError):
    """A setting or a line of upstreams.yaml that cannot be used."""

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        self.file, self.line = file, line
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + message)


class DocumentError(StewardError):
    """A document that does not load as a whole. `pointer` is a JSON pointer into it (RFC 6901), or empty."""

    def __init__(self, document: str, reason: str, *, pointer: str = "") -> None:
        self.document, self.reason, self.pointer = document, reason, pointer
        super().__init__(f"{document}{'#' + pointer if pointer else ''}: {reason}")


class FrameRefused(StewardError):
    """A client frame that is refused: `code` of the protocol, `key` of a message with its `params`, maybe a `field`,
    maybe the time after which it would be taken."""

    def __init__(
        self, code: Code, key: str, *, field: str | None = None, retry_after_ms: int | None = None, **params: Any
    ) -> None:
        self.code, self.key, self.field, self.params = code, key, field, params
        self.retry_after_ms = retry_after_ms
        super().__init__(f"{code}: {key}")


class ArgumentsInvalid(StewardError):
    """Arguments that the tool's schema refuses; the message is for the model: argument, rule, a value that would do."""

    def __init__(self, message: str, *, argument: str = "") -> None:
        self.argument = argument
        super().__init__(message)


class RequestRefused(StewardError):
    """A request that must not be sent, whatever the schema allows (path segments, control characters, origin)."""


class StoreUnavailable(StewardError):
    """The store did not answer: locked beyond its patience, full, or gone. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UploadsFull(StewardError):
    """No room for one more upload; there is some after `retry_after_s` seconds at the latest."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"no room for another upload for {retry_after_s:.0f} s")


class ModelUnavailable(StewardError):
    """The model could not be reached or answered nothing usable. `reason` is for the log, never for a resident."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ModelInterrupted(ModelUnavailable):
    """The stream broke after text had already been shown: nothing is started again in silence."""
