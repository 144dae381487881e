"""A scripted model, a scripted toolset and a connection that only remembers: what the agent's unit tests stand on."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.context import Budgets, Turn
from agent.loop import run_turn
from agent.ports import Model
from agent.quota import DailyTokens
from agent.running import Outside
from integrations.stores.memory_log import MemoryLog
from schemas.conversation import Approval, Conversation
from schemas.deadline import Deadline
from schemas.frames import Frame
from schemas.model import Message, ModelEnd, ModelRequest
from schemas.tool import Caller, LabelledText, PreparedCall, ToolCall, ToolResult, ToolSpec
from schemas.turn import Locale, TextDelta, TurnEvent
from tests.support.memory_stores import MemoryApprovals, MemoryConversations, MemoryTurns

ZONE = ZoneInfo("Asia/Shanghai")

# A piece of a model's step: text, a tool call, how it ends, an error to raise, something to wait for.
Piece = str | ToolCall | ModelEnd | Exception | asyncio.Event
Step = Sequence[Piece] | Callable[[ModelRequest], Sequence[Piece]]


def ids(prefix: str = "id") -> Callable[[], str]:
    """Makes id1, id2, ..."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


def clock(zone: ZoneInfo) -> datetime:
    """A wall clock that stands still."""
    return datetime(2025, 3, 14, 9, 26, tzinfo=zone)


class StoppedClock:
    """A clock of seconds that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedModel:
    """Plays one step of its script per call; after the script it says "end". `requests` is what it was asked. A step
    ends as its `ModelEnd` says, if it has one."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.requests: list[ModelRequest] = []

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]:
        self.requests.append(request)
        step = self._steps.pop(0) if self._steps else ["end"]
        called = False
        end: ModelEnd | None = None
        for piece in step(request) if callable(step) else step:
            match piece:
                case str():
                    yield TextDelta(piece)
                case ToolCall():
                    called = True
                    yield piece
                case asyncio.Event():
                    await piece.wait()
                case Exception():
                    raise piece
                case ModelEnd():
                    end = piece
        yield end or ModelEnd("tool_calls" if called else "stop", input_tokens=10, output_tokens=3)

    async def close(self) -> None:
        """Nothing to close."""


Answer = ToolResult | Callable[[PreparedCall], Awaitable[ToolResult]]


@dataclass
class FakeTool:
    """One tool. `refusal` is what `prepare` answers, `result` what `call` does; `version` goes into the digest; `about`
    is its description (else "does NAME"), `found` what a look-up of an earlier write finds."""

    effect: str = "read"
    result: Answer = field(default_factory=lambda: ToolResult({"ok": True, "data": {"n": 1}}))
    refusal: ToolResult | None = None
    version: int = 1
    about: str = ""
    public: bool = False
    found: ToolResult | None = None


@dataclass(eq=False)
class FakeToolset:
    """The tools of one caller; `sent` are the calls that went out, with their idempotency keys.

    `prepare_gate` holds every `prepare` up, `caller_gate` every `caller`.
    """

    tools: Mapping[str, FakeTool] = field(default_factory=dict)
    who: Caller = field(default_factory=lambda: Caller("verified", "anna"))
    token: str | None = None
    sent: list[tuple[str, str, str | None]] = field(default_factory=list)
    prepare_gate: asyncio.Event | None = None
    caller_gate: asyncio.Event | None = None
    caller_defect: Exception | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FakeToolset) and self.token == other.token

    __hash__ = None  # type: ignore[assignment]

    def specs(self) -> Sequence[ToolSpec]:
        return [
            ToolSpec(name, tool.about or f"does {name}", {"type": "object"}, public=tool.public)
            for name, tool in self.tools.items()
        ]

    def find(self, words: Sequence[str], limit: int) -> Sequence[ToolSpec]:
        """Those whose names stand among the words, in the order in which they stand there."""
        specs = {spec.name: spec for spec in self.specs()}
        said = dict.fromkeys(word for text in words for word in text.split())
        return [specs[word] for word in said if word in specs][:limit]

    def overview(self, limit: int) -> Sequence[ToolSpec]:
        return self.specs()[:limit]

    async def caller(self, deadline: Deadline) -> Caller:
        if self.caller_gate is not None:
            await self.caller_gate.wait()
        if self.caller_defect is not None:
            raise self.caller_defect
        return self.who

    async def prepare(self, call: ToolCall, locale: Locale, deadline: Deadline) -> PreparedCall | ToolResult:
        if self.prepare_gate is not None:
            await self.prepare_gate.wait()
        tool = self.tools.get(call.name)
        if tool is None:
            return ToolResult.failure("unknown_tool", f"no tool {call.name}")
        if tool.refusal is not None:
            return tool.refusal
        return PreparedCall(
            call=call,
            effect="write" if tool.effect == "write" else "read",
            title=f"title of {call.name}",
            upstream="the upstream",
            summary=f"summary of {call.name}",
            arguments=(LabelledText("arguments", call.arguments),),
            digest=f"{call.name}{call.arguments}{tool.version}",
            request=tool,
        )

    async def call(
        self, prepared: PreparedCall, locale: Locale, deadline: Deadline, idempotency_key: str | None = None
    ) -> ToolResult:
        self.sent.append((prepared.call.name, prepared.call.arguments, idempotency_key))
        answer = self.tools[prepared.call.name].result
        return answer if isinstance(answer, ToolResult) else await answer(prepared)

    async def look_up(self, prepared: PreparedCall, locale: Locale, deadline: Deadline, sent: datetime) -> ToolResult:
        tool = self.tools[prepared.call.name]
        return tool.found or ToolResult.failure("unknown_outcome", "nobody knows")


class FakeToolsets:
    """Toolsets by token, each with its own caller; "bad" cannot be a token; an unlisted one is refused."""

    def __init__(self, **by_token: FakeToolset) -> None:
        self.anonymous = FakeToolset(who=Caller("anonymous", None))
        self.by_token = by_token
        for token, toolset in by_token.items():
            toolset.token = token

    def for_token(self, token: str | None) -> FakeToolset:
        if token == "bad":
            raise ValueError("the token has a space")
        if token is None:
            return self.anonymous
        return self.by_token.get(token) or FakeToolset(who=Caller("refused", None), token=token)


class FakeConnection:
    """Remembers what it was told, in order."""

    def __init__(self) -> None:
        self.sent: list[Frame] = []
        self.followed: list[str] = []
        self.closed: list[tuple[int, str]] = []

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)

    def follow(self, conversation_id: str, after: int | None = None) -> None:
        if not self.followed or self.followed[-1] != conversation_id:
            self.followed.append(conversation_id)

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


def budgets(**changes: Any) -> Budgets:
    """Budgets that no test reaches unless it asks for smaller ones."""
    values: dict[str, Any] = {
        "turn_timeout_s": 60,
        "max_steps": 8,
        "max_tool_calls": 16,
        "approval_ttl_s": 300,
        "max_history_tokens": 24000,
    }
    return Budgets(**(values | changes))


def make_outside(model: Model, **parts: Any) -> Outside:
    """What a runner stands on: memory and clocks that stand still, unless a test brings its own."""
    values: dict[str, Any] = {
        "log": MemoryLog(1000, 100, new_epoch=ids("e")),
        "conversations": MemoryConversations(ids("c"), 100),
        "turns": MemoryTurns(1000, 86400),
        "approvals": MemoryApprovals(100),
        "budgets": budgets(),
        "new_id": ids("t"),
        "clock": clock,
        "zone": ZONE,
        "quota": DailyTokens(0),
    }
    return Outside(model=model, **(values | parts))


class Talk:
    """One conversation of one caller, a turn after another, without runner and log."""

    def __init__(self, *, owner: str | None = "anna", clock_s: Callable[[], float] | None = None) -> None:
        self.conversation = Conversation("c1", owner)
        self.approvals = MemoryApprovals(10)
        self.clock_s: Callable[[], float] = clock_s or StoppedClock()
        self.new_id = ids()
        self.turn: Turn | None = None

    def make(
        self, query: str, model: ScriptedModel, toolset: FakeToolset, *, waited: bool = False, **limits: Any
    ) -> Turn:
        allowed = budgets(**limits)
        self.turn = Turn(
            conversation=self.conversation,
            query=query,
            locale="en",
            caller=toolset.who,
            toolset=toolset,
            model=model,
            approvals=self.approvals,
            budgets=allowed,
            deadline=Deadline.after(allowed.turn_timeout_s, self.clock_s),
            new_id=self.new_id,
            clock=clock,
            zone=ZONE,
            waited=waited,
        )
        return self.turn

    async def say(
        self, query: str, model: ScriptedModel, toolset: FakeToolset, *, waited: bool = False, **limits: Any
    ) -> list[TurnEvent]:
        """The events of one turn."""
        return [event async for event in run_turn(self.make(query, model, toolset, waited=waited, **limits))]

    @property
    def waiting(self) -> Approval | None:
        """The write that waits for its yes."""
        return self.approvals.waiting(self.conversation.id)


def spoken(events: Iterable[TurnEvent]) -> str:
    """What stands in the bubble."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def tool_results(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The results in a history, as JSON values."""
    texts = [str(message["content"]) for message in messages if message["role"] == "tool"]
    return [json.loads(text.removeprefix("<data>").removesuffix("</data>")) for text in texts]


def well_formed(messages: Sequence[Message]) -> bool:
    """Whether a strict provider takes this history: the results of an assistant's calls follow it, each exactly once,
    before anything else, and there is no other result."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return False
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return False
        open_calls = [call["id"] for call in message.get("tool_calls") or ()]
        if message["role"] == "assistant" and not message["content"] and not open_calls:
            return False
    return not open_calls
