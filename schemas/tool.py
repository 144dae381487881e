"""Tools as the agent and its models see them: the offer, the call, what a call would do, the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Effect = Literal["read", "write"]

# The tool that finds the others where there are too many to be offered; answered by the gateway itself.
SEARCH_TOOLS = "search_tools"

# Every `error` a tool result can carry. `business` is the upstream's own refusal, in its own words.
ToolErrorCode = Literal[
    "approval_pending",
    "approval_required",
    "bad_upstream_response",
    "business",
    "forbidden",
    "invalid_arguments",
    "limit",
    "login_required",
    "not_found",
    "rate_limited",
    "timeout",
    "too_large",
    "unavailable",
    "unknown_outcome",
    "unknown_tool",
    "upstream_redirect",
    "upstream_tls",
]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as a model is offered it. `parameters` is a JSON Schema (Draft 2020-12) of type object.

    `effect` is not sent to a provider; the embedded model may weigh it (a write needs its verb). `public` tools
    answer a caller without a login too.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    effect: Effect = "read"
    public: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asked for. `arguments` is the JSON text as the model wrote it: not checked, not trusted."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One argument for display: what it is and what it says, in the resident's language."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A tool call that passed every check and would now be sent.

    `title` names the operation for people, `upstream` the system; `summary` and `arguments` are built from document and
    arguments, never by a model. `digest` covers the built request without credentials. `request` is the toolset's own
    and opaque to the agent.
    """

    call: ToolCall
    effect: Effect
    title: str
    upstream: str
    summary: str
    arguments: tuple[LabelledText, ...]
    digest: str
    request: object


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The outcome of a tool call in the JSON form that any model gets.

    `content` is `{"ok": true, "data": ..., "labels": {name: text}, "shown": n, "total": n, "next": {arguments of the
    next page}, "notes": [text]}` (all but `ok` optional) or `{"ok": false, "error": ToolErrorCode, "message": text}`.
    In `data` an amount is `{"value": "356.20", "unit": "元"}`, a coded value with a known label is
    `{"value": "UNPAID", "label": "未缴"}`, an integer beyond 2^53 is a string, a date-time is RFC 3339.
    `reconciled` (found, not_found, unknown) stands beside either where the outcome of a write was looked up afterwards.
    """

    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.content.get("ok") is True

    @property
    def error(self) -> str | None:
        return None if self.ok else str(self.content.get("error"))

    @classmethod
    def failure(cls, error: ToolErrorCode, message: str, **more: Any) -> ToolResult:
        """A refusal or failure with a sentence that a model can pass on."""
        return cls({"ok": False, "error": error, "message": message, **more})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential is, as the identity operation says.

    `subject` owns conversations and approvals. `path_id` is what `/ws/chat/{user_id}` must equal, or None where the
    path is a label. `facts` are the fields that a model may know (the configured ones that fill no bound parameter).
    """

    subject: str
    path_id: str | None
    facts: Mapping[str, Any]


IdentityState = Literal["verified", "anonymous", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands behind a toolset. `owner` names the owner of conversations and approvals without telling a token.

    verified: the identity operation answered, `owner` is its subject. anonymous: no token, `owner` is None.
    refused: the token was refused (wrong or expired), `owner` is None. unknown: the identity upstream did not
    answer (or none is configured), `owner` is a keyed digest of the token. `provisional` is that digest whatever the
    state: what he began while unknown is his once he is verified.
    """

    state: IdentityState
    owner: str | None
    identity: Identity | None = None
    provisional: str | None = None
