"""What one turn works with, and the budgets that end it. Read by every file that `loop.py` leads to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.links import MAX_HELD, LinkFilter
from agent.ports import Caller, Model, Toolset
from agent.stores import ApprovalStore
from schemas.conversation import Approval, Conversation
from schemas.deadline import Deadline
from schemas.messages import text
from schemas.observer import Observer
from schemas.office import Office
from schemas.tool import ToolResult, ToolSpec
from schemas.tracing import Span
from schemas.turn import Locale, Outcome, TextDelta, Usage
from schemas.upload import Upload


@dataclass(frozen=True, slots=True)
class Budgets:
    """The limits of a turn. The last of `max_steps` has no tools, so that it ends in an answer; so has the step after
    `max_turn_tokens` (asked and answered) are used up. The model writes `max_output_tokens` in all steps together at
    most; no step is offered more than `max_tools`, nor more than `max_tools_bytes` of them. Of the history it is shown
    about `max_history_tokens`. `link_hosts`: where links
    of an answer may lead."""

    turn_timeout_s: float
    max_steps: int
    max_tool_calls: int
    approval_ttl_s: float
    max_history_tokens: int
    max_tools: int = 40
    max_tools_bytes: int = 65536
    max_parallel_calls: int = 4
    max_turn_tokens: int = 300_000
    max_output_tokens: int = 32_000
    link_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """The resident's yes or no to one parked write, by its id and not in words."""

    approval_id: str
    approved: bool


@dataclass(slots=True)
class Turn:
    """What one turn works with. `clock` is the wall clock, asked in the estate's `zone`.

    `waited`: the query was sent while an earlier turn ran, so it cannot be an answer to what that turn showed.
    `answer`: the turn is one to a parked write, and `query` the word for it. `attachments` came with the query.
    `quota_used`: no model may be asked. `waiting` is what waited for a yes when the turn's steps began. `unsettled`:
    what to say if the turn is ended while a write is on its way; `partial`: what the step under way has said so far;
    `unsaved`: what came of a write could not be kept. `offer` is what its next step is offered (None before the first
    one), `wanted` what of it the model searched for (in so many `searches`) or called in this turn, latest first.
    `answered`: what reads of this turn gave, by the digest of the request. `links`: what the model's words pass.
    `spoken_at`: when the bubble got its first words, on the monotonic clock in seconds.
    """

    conversation: Conversation
    query: str
    locale: Locale
    caller: Caller
    toolset: Toolset
    model: Model
    approvals: ApprovalStore
    budgets: Budgets
    deadline: Deadline
    new_id: Callable[[], str]
    clock: Callable[[ZoneInfo], datetime]
    zone: ZoneInfo
    waited: bool = False
    answer: Answer | None = None
    attachments: Sequence[Upload] = ()
    quota_used: bool = False
    usage: Usage = field(default_factory=Usage)
    results: list[ToolResult] = field(default_factory=list)
    answered: dict[str, ToolResult] = field(default_factory=dict)
    spoken: bool = False
    waiting: Approval | None = None
    unsettled: str = ""
    partial: str = ""
    unsaved: bool = False
    offer: Sequence[ToolSpec] | None = None
    wanted: list[ToolSpec] = field(default_factory=list)
    searches: int = 0
    links: LinkFilter | None = None
    observer: Observer = field(default_factory=Observer)
    office: Office | None = None
    span: Span = field(default_factory=Span)
    spoken_at: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens used so far, asked and answered."""
        return self.usage.input_tokens + self.usage.output_tokens

    def say(self, sentence: str) -> TextDelta:
        """A sentence of the gateway for the bubble, without links: it may quote what an upstream wrote."""
        return self.show(self.new_links(len(sentence)).clean(sentence))

    def show(self, words: str) -> TextDelta:
        """Words without links for the bubble, on a line of their own if something stands there already."""
        delta = TextDelta(("\n\n" if self.spoken else "") + words)
        if not self.spoken:
            self.spoken, self.spoken_at = True, time.monotonic()
        return delta

    def new_links(self, max_held: int = MAX_HELD) -> LinkFilter:
        """The filter of one answer or sentence."""
        return LinkFilter(self.budgets.link_hosts, text("link.removed", self.locale), max(max_held, MAX_HELD))

    def outcome(self) -> Outcome:
        """`login_required` if that is all that came of the turn's calls, `success` otherwise."""
        refused = [result for result in self.results if result.error == "login_required"]
        return "login_required" if refused and not any(result.ok for result in self.results) else "success"
