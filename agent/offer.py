"""Which tools a step offers: all of them or, where a model cannot be shown so many, those that the words need and
`search_tools`, which finds the others. `steps.py` asks for the offer, `toolcalls.py` for a search.

The words are ranked once in a turn. The offer begins alike from step to step and, with the tools that the conversation
has called before, from turn to turn, so that a provider's prompt cache can hold. It decides what a model sees and not
what it may do: a call of a tool that was not offered is checked like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import structlog

from agent.context import Turn
from agent.conversation import called_tools, said_by_resident, view
from schemas.messages import text
from schemas.tool import SEARCH_TOOLS, ToolCall, ToolResult, ToolSpec

log = structlog.get_logger(__name__)

# The resident's words that are ranked: these and the ones before them.
_QUERIES = 8
# Where the words find fewer tools than this, some that show what there is are offered beside them.
_LEAST = 12
_MAX_SEARCHES, _MAX_FOUND, _MAX_ARGUMENT_CHARS = 8, 20, 4_000
_MAX_SUMMARY, _MAX_REQUIRED = 160, 12
_ABOUT = (
    "Find tools that are not offered now. The estate's systems have {count} tools; those that seem to be needed are "
    "offered, the others are found here by the words of their descriptions, in their language. Search before saying "
    "that something cannot be done. What is found can be called from the next step on."
)


class _Search(msgspec.Struct):
    """The arguments of `search_tools`, as its schema says."""

    query: Annotated[str, msgspec.Meta(min_length=1)]
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10


def offered(turn: Turn) -> Sequence[ToolSpec]:
    """What a step of the turn may be offered: at most `max_tools`, `search_tools` first where that is not all."""
    most = turn.budgets.max_tools
    if turn.offer is None:
        specs = turn.toolset.specs()
        turn.offer = list(specs if len(specs) <= most else _chosen(turn, specs))
    if not turn.found:
        return turn.offer
    names = {spec.name for spec in turn.offer}
    more = [spec for spec in turn.found if spec.name not in names]
    kept = {SEARCH_TOOLS, *called_tools(turn.conversation.messages), *(spec.name for spec in turn.found)}
    spare = [spec.name for spec in turn.offer if spec.name not in kept]  # the best ones first
    dropped = set(spare[max(0, len(spare) - max(0, len(turn.offer) + len(more) - most)) :])
    return [*(spec for spec in turn.offer if spec.name not in dropped), *more][:most]


def is_search(turn: Turn, call: ToolCall) -> bool:
    """Whether the gateway itself answers the call."""
    return call.name == SEARCH_TOOLS and len(turn.toolset.specs()) > turn.budgets.max_tools


def search(turn: Turn, call: ToolCall) -> ToolResult:
    """Answer `search_tools` and offer what was found from the next step on. Nothing is sent to an upstream."""
    turn.searches += 1
    if turn.searches > _MAX_SEARCHES:
        return ToolResult.failure("limit", text("search.limit", turn.locale))
    try:
        wanted = msgspec.json.decode(call.arguments[:_MAX_ARGUMENT_CHARS], type=_Search, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return ToolResult.failure("invalid_arguments", f'{error}; give {{"query": "words of what a tool does"}}')
    found = turn.toolset.find([wanted.query], min(wanted.limit, _MAX_FOUND))
    for spec in reversed(found):  # the best one last: the last ones stay if there is no room for all
        _bring(turn, spec)
    log.info("tools_searched", found=len(found))
    note = text("search.found" if found else "search.nothing", turn.locale)
    return ToolResult({"ok": True, "data": [_described(spec) for spec in found], "notes": [note]})


def note_call(turn: Turn, name: str) -> None:
    """A tool that was called stays offered in this turn, also one that the model knew without being offered it."""
    if turn.offer is None or any(spec.name == name for spec in (*turn.offer, *turn.found)):
        return
    for spec in turn.toolset.specs():
        if spec.name == name:
            _bring(turn, spec)


def _bring(turn: Turn, spec: ToolSpec) -> None:
    turn.found = [*(other for other in turn.found if other.name != spec.name), spec]
    turn.found = turn.found[-max(1, turn.budgets.max_tools // 2) :]


def _chosen(turn: Turn, specs: Sequence[ToolSpec]) -> list[ToolSpec]:
    """`search_tools`, what the conversation has called so far, then what the words need, the best first."""
    room = turn.budgets.max_tools - 1
    messages = view(turn.conversation, turn.budgets.max_history_chars)
    names = called_tools(messages)
    waiting = turn.approvals.pending(turn.conversation.id, turn.conversation.owner)
    if waiting is not None:
        names.append(waiting.tool)
    known = {spec.name: spec for spec in specs if spec.name in names}
    latest = list(dict.fromkeys(name for name in reversed(names) if name in known))[: room // 2]
    chosen = {name: known[name] for name in names if name in latest}
    words = said_by_resident(messages)[::-1][:_QUERIES]
    for spec in turn.toolset.find(words, room):
        chosen.setdefault(spec.name, spec)
    for spec in turn.toolset.overview(_LEAST):
        if len(chosen) < _LEAST:
            chosen.setdefault(spec.name, spec)
    return [_search_tools(len(specs)), *list(chosen.values())[:room]]


def _search_tools(count: int) -> ToolSpec:
    properties = {
        "query": {"type": "string", "description": "Words of what the tool does", "minLength": 1, "maxLength": 300},
        "limit": {"type": "integer", "description": "How many at most", "minimum": 1, "maximum": _MAX_FOUND},
    }
    parameters = {"type": "object", "properties": properties, "required": ["query"], "additionalProperties": False}
    return ToolSpec(SEARCH_TOOLS, _ABOUT.format(count=count), parameters, public=True)


def _described(spec: ToolSpec) -> dict[str, object]:
    required = spec.parameters.get("required")
    return {
        "name": spec.name,
        "summary": spec.description.partition("\n")[0][:_MAX_SUMMARY],
        "effect": spec.effect,
        "required": [str(name) for name in required][:_MAX_REQUIRED] if isinstance(required, list | tuple) else [],
    }
