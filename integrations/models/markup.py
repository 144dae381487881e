"""Hides what a model writes into its text but not for people: `<think>` blocks and tool calls as markup.

What is hidden is never executed: a call counts only as a tool call of the protocol. A tag that is part of a sentence
stays. Text goes through in pieces of any size; at most the beginning of a possible tag is held back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Reasoning is hidden only where reasoning models write it: before the first visible character of the answer.
_THOUGHTS = {"<think>": "</think>", "<thinking>": "</thinking>", "<thought>": "</thought>"}
# Calls as the templates of open models write them; without a closing tag, the rest of the answer belongs to the call.
_CALLS = {
    "<tool_call>": "</tool_call>",
    "<tool_calls>": "</tool_calls>",
    "<function_call>": "</function_call>",
    "<function_calls>": "</function_calls>",
    "<function=": "</function>",
    "<invoke name=": "</invoke>",
    "<minimax:tool_call>": "</minimax:tool_call>",
    "<|tool_call_begin|>": "<|tool_call_end|>",
    "<|tool_calls_section_begin|>": "<|tool_calls_section_end|>",
    "<｜tool▁calls▁begin｜>": "<｜tool▁calls▁end｜>",
    "<｜DSML｜function_calls>": "</｜DSML｜function_calls>",
    "<|python_tag|>": "",
    "[TOOL_CALLS]": "",
}
_TAGS = _THOUGHTS | _CALLS
_CANDIDATE = re.compile(r"[<\[]")
# A hidden block of more than this is not a sentence that happens to begin with a tag: its text is not kept.
_MAX_LITERAL = 2000


@dataclass(slots=True)
class _Block:
    opening: str
    closing: str
    kept: bool = True  # its text is still there, to be shown should it turn out to be a sentence


class VisibleText:
    """One answer's text on its way to the resident. White space before the first visible character is dropped."""

    __slots__ = ("_block", "_held", "_line_blank", "_shown")

    def __init__(self) -> None:
        self._held = ""
        self._block: _Block | None = None
        self._shown = False
        self._line_blank = True

    def feed(self, text: str) -> str:
        """What of the text so far may be shown now."""
        out: list[str] = []
        self._held += text
        while self._held and self._advance(out):
            pass
        return "".join(out)

    def end(self, *, stopped: bool) -> str:
        """The rest. An unclosed block is shown only if the model `stopped` by itself and it reads as prose."""
        out: list[str] = []
        block, held = self._block, self._held
        self._block, self._held = None, ""
        if block is None:
            self._emit(held, out)
        elif stopped and block.kept and block.closing and not _is_call(block.opening, held):
            self._emit(block.opening + held, out)
        return "".join(out)

    def _advance(self, out: list[str]) -> bool:
        """One step; False when more text is needed."""
        if self._block is not None:
            return self._skip(self._block)
        found = _CANDIDATE.search(self._held)
        if found is None:
            self._emit(self._held, out)
            self._held = ""
            return False
        self._emit(self._held[: found.start()], out)
        self._held = self._held[found.start() :]
        for opening, closing in _TAGS.items():
            if self._held.startswith(opening):
                return self._open(opening, closing, out)
        if any(opening.startswith(self._held) for opening in _TAGS):
            return False
        self._literal(1, out)
        return True

    def _open(self, opening: str, closing: str, out: list[str]) -> bool:
        body = self._held[len(opening) :]
        if opening in _THOUGHTS:
            hidden = not self._shown
        elif self._line_blank:
            hidden = True
        elif not body.lstrip():
            return False  # inside a line it depends on what follows
        else:
            hidden = _is_call(opening, body)
        if not hidden:
            self._literal(len(opening), out)
            return True
        self._block, self._held = _Block(opening, closing), body
        return True

    def _skip(self, block: _Block) -> bool:
        """Look for the end of a hidden block."""
        end = self._held.find(block.closing) if block.closing else -1
        if end >= 0:
            self._held, self._block = self._held[end + len(block.closing) :], None
            return True
        if len(self._held) > _MAX_LITERAL:
            block.kept = False
            self._held = self._held[-len(block.closing) :] if block.closing else ""
        return False

    def _literal(self, length: int, out: list[str]) -> None:
        self._emit(self._held[:length], out)
        self._held = self._held[length:]

    def _emit(self, text: str, out: list[str]) -> None:
        if not self._shown:
            text = text.lstrip()
        if not text:
            return
        self._shown = True
        out.append(text)
        last = text.rpartition("\n")
        self._line_blank = not last[2].strip() and (bool(last[1]) or self._line_blank)


def _is_call(opening: str, body: str) -> bool:
    """Does this read as a call (JSON or more markup follows at once) rather than as a sentence about the tag?"""
    return opening in _CALLS and (not opening.endswith((">", "]")) or body.lstrip()[:1] in ("{", "[", "<"))
