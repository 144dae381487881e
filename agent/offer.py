"""Which tools a step offers: all of them or, where a model cannot be shown so many, those that the words need and
`search_tools`, which finds the others. `steps.py` asks for the offer, `toolcalls.py` for a search.

The words are ranked once in a turn. The offer begins alike from step to step and, with the tools that the conversation
has called before, from turn to turn, so that a provider's prompt cache can hold. It decides what a model sees and not
what it may do: a call of a tool that was not offered is checked like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import msgspec
import structlog

from agent.context import Budgets, Turn
from agent.conversation import called_tools, calls_of, view
from schemas.jsontext import to_json
from schemas.messages import text
from schemas.model import Message
from schemas.tool import SEARCH_TOOLS, ToolCall, ToolResult, ToolSpec

log = structlog.get_logger(__name__)

# What was asked for that is ranked: the latest words and the ones before them.
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
_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "Words of what the tool does", "minLength": 1, "maxLength": 300},
        "limit": {"type": "integer", "description": "How many at most", "minimum": 1, "maximum": _MAX_FOUND},
    },
    "required": ["query"],
    "additionalProperties": False,
}


class _Search(msgspec.Struct):
    """The arguments of `search_tools`, as its schema says; what models write instead of leaving `limit` out, too."""

    query: Annotated[str, msgspec.Meta(min_length=1)]
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None


def offered(turn: Turn) -> Sequence[ToolSpec]:
    """What a step of the turn may be offered: every tool, or `search_tools` and others, together at most `max_tools`
    of at most `max_tools_bytes`."""
    if turn.offer is None:
        specs = turn.toolset.specs()
        turn.offer = specs if _all_fit(specs, turn.budgets) else _chosen(turn, specs)
    return turn.offer


def is_search(turn: Turn, call: ToolCall) -> bool:
    """Whether the gateway itself answers the call."""
    return call.name == SEARCH_TOOLS and _is_choice(offered(turn))


def search(turn: Turn, call: ToolCall) -> ToolResult:
    """Answer `search_tools` and offer what was found from the next step on. Nothing is sent to an upstream."""
    turn.searches += 1
    if turn.searches > _MAX_SEARCHES:
        return ToolResult.failure("limit", text("search.limit", turn.locale))
    try:
        wanted = _search_of(call.arguments)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return ToolResult.failure("invalid_arguments", f'{error}; give {{"query": "words of what a tool does"}}')
    found = turn.toolset.find([wanted.query], min(wanted.limit or 10, _MAX_FOUND))
    _bring(turn, found)
    shown = [spec for spec in found if spec in turn.wanted]  # what there was room for
    log.info("tools_searched", found=len(shown))
    note = text("search.found" if shown else "search.nothing", turn.locale)
    return ToolResult({"ok": True, "data": [_described(spec) for spec in shown], "notes": [note]})


def note_call(turn: Turn, name: str) -> None:
    """A tool that was called stays offered in this turn, also one that the model knew without being offered it."""
    if _is_choice(offered(turn)):
        _bring(turn, [spec for spec in turn.toolset.specs() if spec.name == name])


def _is_choice(offer: Sequence[ToolSpec]) -> bool:
    return any(spec.name == SEARCH_TOOLS for spec in offer[:1])


def _bring(turn: Turn, specs: Sequence[ToolSpec]) -> None:
    """Offer `specs` (the best first), new ones at the end. Where there is no room, tools leave that nothing but the
    words had brought, the least needed first, then those that were wanted longest ago."""
    offer = offered(turn)
    most, most_bytes = _room(offer[0], turn.budgets)
    turn.wanted = _fitting([*specs, *turn.wanted], most // 2, most_bytes // 2)
    kept = {spec.name for spec in _fitting([*turn.wanted, *offer[1:]], most, most_bytes)}
    known = {spec.name for spec in offer}
    new = [spec for spec in turn.wanted if spec.name not in known]
    turn.offer = (offer[0], *(spec for spec in (*offer[1:], *new) if spec.name in kept))


def _chosen(turn: Turn, specs: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """`search_tools`, what the conversation has called so far, then what the words need, the best first."""
    about = ToolSpec(SEARCH_TOOLS, _ABOUT.format(count=len(specs)), _PARAMETERS, public=True)
    most, most_bytes = _room(about, turn.budgets)
    messages = view(turn.conversation, turn.budgets.max_history_tokens)
    names = called_tools(messages)
    if turn.waiting is not None:
        names.append(turn.waiting.tool)
    called = {spec.name: spec for spec in specs if spec.name in names}
    latest = _fitting((called[name] for name in reversed(names) if name in called), most // 2, most_bytes // 2)
    before = {name: called[name] for name in names if called.get(name) in latest}  # as they came: see above
    found = turn.toolset.find(list(_asked(messages))[-1 : -1 - _QUERIES : -1], most)
    more = turn.toolset.overview(_LEAST) if len(before) + len(found) < _LEAST else ()
    return (about, *_fitting([*before.values(), *found, *more], most, most_bytes))


def _asked(messages: Iterable[Message]) -> Iterator[str]:
    """What was asked for, in its order: the resident's own words and what a model searched for. The second ones may be
    of another language, the tools', so that a resident's next answer finds them as well."""
    for message in messages:
        if message["role"] == "user":
            yield str(message["content"])
        for name, arguments in calls_of(message):
            if name == SEARCH_TOOLS:
                try:
                    yield _search_of(arguments).query
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    continue  # it found nothing then either


def _search_of(arguments: str) -> _Search:
    return msgspec.json.decode(arguments[:_MAX_ARGUMENT_CHARS], type=_Search, strict=False)


def _all_fit(specs: Sequence[ToolSpec], budgets: Budgets) -> bool:
    return len(specs) <= budgets.max_tools and sum(map(_size, specs)) <= budgets.max_tools_bytes


def _room(about: ToolSpec, budgets: Budgets) -> tuple[int, int]:
    """How many tools, and how many bytes of them, there is room for beside `search_tools`."""
    return budgets.max_tools - 1, budgets.max_tools_bytes - _size(about)


def _fitting(specs: Iterable[ToolSpec], most: int, most_bytes: int) -> list[ToolSpec]:
    """The specs in their order, each once, as long as there is room; one that is too large for what is left is passed
    over."""
    kept: dict[str, ToolSpec] = {}
    for spec in specs:
        if len(kept) == most:
            break
        size = _size(spec) if spec.name not in kept else 0
        if spec.name not in kept and size <= most_bytes:
            kept[spec.name] = spec
            most_bytes -= size
    return list(kept.values())


def _size(spec: ToolSpec) -> int:
    """Bytes of the spec in a request, its own punctuation aside."""
    return len(to_json([spec.name, spec.description, spec.parameters]).encode())


def _described(spec: ToolSpec) -> dict[str, object]:
    required = spec.parameters.get("required")
    return {
        "name": spec.name,
        "summary": spec.description.partition("\n")[0][:_MAX_SUMMARY],
        "effect": spec.effect,
        "required": [str(name) for name in required][:_MAX_REQUIRED] if isinstance(required, list | tuple) else [],
    }
