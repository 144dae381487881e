"""One model answer, put together from the chunks of its stream; pure. Used by `answer_stream.py`. Next: `calls.py`."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any, Literal

from integrations.models.calls import MAX_ARGUMENT_CHARS, CallAssembler, PartialCall, is_cut_off, is_object
from integrations.models.chunks import Choice, Chunk, Delta, ProviderFault, fault_in, text_of
from integrations.models.markup import VisibleText
from schemas.model import ModelEnd
from schemas.tokens import count_tokens, first_tokens
from schemas.tool import ToolCall

FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]

# What providers say, in lower case, beside the protocol's own words. Whatever is not here means `stop`.
_FINISH: dict[str, FinishReason] = {
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "recitation": "content_filter",
    "refusal": "content_filter",
}
# Not an end but a failure: the answer before it is not whole.
_FAILED = frozenset({"error", "abort", "network_error", "insufficient_system_resource", "engine_overloaded"})

_CALL_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_ALPHABET = string.ascii_letters + string.digits
# No model reads or writes more in one step; and nothing that was written has fewer tokens than an eighth of our count.
_MAX_TOKENS = 10_000_000
_FEWEST = 8
_MAX_REASONING_CHARS = 100_000


def new_call_id() -> str:
    """Nine letters and digits: the one form that every provider takes back (some accept no other)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(9))


class Incomplete(Exception):
    """The stream ended before the answer did. `fault` is what the provider itself said about it, if it did."""

    def __init__(self, reason: str, fault: ProviderFault | None = None) -> None:
        self.fault = fault
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of an answer: text that had been held back, the calls, and how it ended."""

    text: str
    calls: tuple[ToolCall, ...]
    end: ModelEnd


class Answer:
    """Takes chunks in order, gives visible text as it comes and the rest at the end.

    `tool_names`: the tools that were offered. `taken_ids`: call ids that the conversation already uses; `new_id` makes
    one where the provider's own is missing, used, or not of a form that can be sent back. `asked_tokens`: our own count
    of what was asked. An answer of more than `max_tokens` (our count of text, reasoning and calls; 0: no limit) is cut
    there and ends with `length`. `keep_reasoning`: give the reasoning of an answer that has calls with its end.
    """

    def __init__(
        self,
        tool_names: Set[str] = frozenset(),
        taken_ids: Set[str] = frozenset(),
        new_id: Callable[[], str] = new_call_id,
        *,
        asked_tokens: int = 0,
        max_tokens: int = 0,
        keep_reasoning: bool = False,
    ) -> None:
        self._calls = CallAssembler(tool_names)
        self._visible = VisibleText()
        self._taken_ids = set(taken_ids)
        self._new_id = new_id
        self._finish = ""
        self._choice: Any = None
        self._half = ""  # the first half of a surrogate pair whose other half comes with the next piece
        self._input_tokens = 0
        self._output_tokens = 0
        self._asked_tokens = asked_tokens
        self._max_tokens = max_tokens
        self._counted = 0
        self._reasoning: list[str] | None = [] if keep_reasoning else None
        self.full = False

    @property
    def begun(self) -> bool:
        """Did the model write anything yet, be it reasoning?"""
        return self._counted > 0

    @property
    def finished(self) -> bool:
        """Did the provider say how the answer ended? What may still come is the usage."""
        return bool(self._finish) and self._finish not in _FAILED

    def add(self, chunk: Chunk) -> str:
        """The text that may be shown now. Raises `Incomplete` for an error object or a finish reason that is one."""
        if self.full:
            return ""
        fault = fault_in(chunk)
        if fault is not None:
            raise Incomplete(fault.message, fault)
        self._usage(chunk.usage)
        shown = "".join([self._add_choice(choice, chunk.mended) for choice in chunk.choices or () if choice])
        if self._finish in _FAILED:
            raise Incomplete(f"finish_reason {self._finish}")
        return shown

    def end(self, *, marked: bool) -> Completion:
        """The whole. `marked`: `[DONE]` was read. Raises `Incomplete` if neither that nor a finish reason came."""
        if not self._finish and not marked:
            raise Incomplete("the stream ended without finish_reason and without [DONE]")
        said = _FINISH.get(self._finish, "stop")
        calls, cut = self._complete_calls(said)
        reason: FinishReason = said
        if said != "content_filter":
            reason = "tool_calls" if calls else "length" if cut or said == "length" else "stop"
        text = self._visible.end(stopped=said != "length")
        reasoning = "".join(self._reasoning)[:_MAX_REASONING_CHARS] if self._reasoning and calls else ""
        input_tokens = _plausible(self._input_tokens, self._asked_tokens)
        output_tokens = _plausible(self._output_tokens, self._counted)
        return Completion(text, calls, ModelEnd(reason, input_tokens, output_tokens, _without_halves(reasoning)))

    def _add_choice(self, choice: Choice, mended: bool) -> str:
        if self._choice is None:
            self._choice = choice.index
        elif choice.index is not None and choice.index != self._choice:
            return ""  # a second answer that nobody asked for
        self._usage(choice.usage)
        if isinstance(choice.finish_reason, str) and choice.finish_reason:
            self._finish = choice.finish_reason.lower()
        delta = choice.delta if isinstance(choice.delta, Delta) else choice.message
        if not isinstance(delta, Delta):
            return ""
        thought = text_of(delta.reasoning_content) or text_of(delta.reasoning)
        if thought and self._reasoning is not None:
            self._reasoning.append(thought)
        self._counted += count_tokens(thought) + count_tokens(self._calls.add(delta.tool_calls))
        text = self._within_limit(text_of(delta.content) or text_of(delta.refusal))
        if not text:
            return ""
        if mended or self._half:
            text = self._whole_pairs(text)
        return self._visible.feed(text)

    def _within_limit(self, text: str) -> str:
        """`text`, counted; cut where the answer is full, and then this is its end."""
        counted = count_tokens(text)
        if self._max_tokens and self._counted + counted > self._max_tokens:
            self.full, self._finish = True, "length"
            text = first_tokens(text, self._max_tokens - self._counted) if self._counted < self._max_tokens else ""
            counted = count_tokens(text)
        self._counted += counted
        return text

    def _whole_pairs(self, text: str) -> str:
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _without_halves(text)

    def _usage(self, usage: Any) -> None:
        """The newest count wins: some providers tell it with every chunk."""
        if isinstance(usage, dict):
            self._input_tokens = _count(usage.get("prompt_tokens")) or self._input_tokens
            self._output_tokens = _count(usage.get("completion_tokens")) or self._output_tokens

    def _complete_calls(self, said: FinishReason) -> tuple[tuple[ToolCall, ...], bool]:
        """The calls whose arguments are whole, and whether one was not. A filtered answer has none."""
        if said == "content_filter":
            return (), False
        calls: list[ToolCall] = []
        cut = False
        for call in self._calls.calls:
            arguments = _arguments(call, cut_by_length=said == "length")
            if arguments is None:
                cut = True
            elif call.name or call.arguments.strip():
                calls.append(ToolCall(self._call_id(call), _without_halves(call.name), arguments))
        return tuple(calls), cut

    def _call_id(self, call: PartialCall) -> str:
        call_id = call.id
        while not _CALL_ID.fullmatch(call_id) or call_id in self._taken_ids:
            call_id = self._new_id()
        self._taken_ids.add(call_id)
        return call_id


def _arguments(call: PartialCall, *, cut_by_length: bool) -> str | None:
    """The arguments of a call, None if they are not all there. Text that is no JSON at all is the agent's to refuse."""
    if call.too_long:
        return _without_halves(call.arguments[: MAX_ARGUMENT_CHARS + 1])  # the toolset refuses it for its length
    text = call.arguments.strip()
    if text in ("", "null"):
        return None if cut_by_length else "{}"
    if is_object(text):
        return _without_halves(text)
    return None if cut_by_length or is_cut_off(text) else _without_halves(text)


def _without_halves(text: str) -> str:
    """`text` with surrogate pairs joined and half ones replaced, so that it can be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _plausible(told: int, counted: int) -> int:
    """The provider's count, or our own where that is missing or far below what there was."""
    return told if told >= max(1, counted // _FEWEST) else counted


def _count(value: Any) -> int:
    """A number of tokens, or 0 where it is absent or absurd."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_TOKENS else 0
