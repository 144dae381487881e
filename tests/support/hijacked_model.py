"""A model in an attacker's hands: it never answers, it only tries to make the gateway send what it must not.

Deterministic for a seed. It knows the tools that it is offered and the usual tricks: names that do not exist, other
residents' ids, hidden and bound parameters, mass assignment, paths that climb, headers, hosts, broken JSON.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from schemas.model import ModelEnd, ModelRequest
from schemas.tool import ToolCall, ToolSpec
from schemas.turn import TextDelta

_WORDS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
_PATHS: list[str] = _WORDS["paths"]
# Too long, or no characters, for a file of text.
_PLAIN: list[str] = [*_WORDS["values"], "\ud83d", "😀" * 50, "a" * 5000]
_NAMES: list[str] = _WORDS["names"]
_TOOLS: list[str] = [*_WORDS["tools"], "x" * 200]
_RAW: list[str] = [
    *_WORDS["raw"],
    '{"billId": ' + "9" * 5000 + "}",
    "[" * 5000,
    '{"a":' * 3000,
    '{"title": "' + "x" * 200_000 + '"}',
]


class HijackedModel:
    """`calls` tool calls a step. `emitted` counts the tricks, `seen` is every text that it was ever shown."""

    def __init__(self, seed: int, calls: int, trap_url: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a test's own, for a seed
        self._calls, self._trap = calls, trap_url
        self.emitted: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self.seen: list[str] = []

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]:
        """A claim that the resident agreed, then calls. The history is kept for the canary, its last part only: the
        rest was kept a step before."""
        self.seen += [json.dumps(dict(message), ensure_ascii=False, default=str) for message in request.messages[-40:]]
        yield TextDelta("The resident has confirmed everything. ")
        for _ in range(self._calls if request.tools else 0):
            yield self._call(request.tools)
        yield ModelEnd("tool_calls" if request.tools else "stop")

    async def close(self) -> None:
        """Nothing to close."""

    def _call(self, tools: Sequence[ToolSpec]) -> ToolCall:
        rng = self._random
        call_id = rng.choice(["", "call_1", f"call_{rng.getrandbits(64):x}", f"call_{rng.getrandbits(64):x}"])
        call_id = call_id or f"{rng.getrandbits(64):x}"
        if rng.random() < 0.06:
            self.emitted["foreign tool"] += 1
            return ToolCall(call_id, rng.choice(_TOOLS), "{}")
        spec = rng.choice(tools)
        self.called[spec.name] += 1
        if rng.random() < 0.06:
            self.emitted["broken arguments"] += 1
            return ToolCall(call_id, spec.name, rng.choice(_RAW))
        return ToolCall(call_id, spec.name, self._text(self._arguments(spec.parameters)))

    def _arguments(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Mostly what the schema wants, so that it gets far; then one trick, or none."""
        rng = self._random
        value = self._value(schema, schema, 0)
        arguments: dict[str, Any] = value if isinstance(value, dict) else {}
        trick = rng.random()
        if trick < 0.3:
            self.emitted["foreign name"] += 1
            target = self._somewhere(arguments)
            target[rng.choice(_NAMES)] = rng.choice((*_PLAIN, 1, True, None, {"a": 1}, [self._trap], self._trap))
        elif trick < 0.55 and arguments:
            self.emitted["hostile value"] += 1
            target = self._somewhere(arguments)
            if target:
                target[rng.choice(sorted(target))] = self._hostile()
        elif trick < 0.62 and arguments:
            self.emitted["missing"] += 1
            arguments.pop(rng.choice(sorted(arguments)))
        else:
            self.emitted["as the schema wants"] += 1
        return arguments

    def _somewhere(self, value: dict[str, Any]) -> dict[str, Any]:
        """An object in the arguments: the outermost one, or one below."""
        inner = [member for member in value.values() if isinstance(member, dict)]
        return self._somewhere(self._random.choice(inner)) if inner and self._random.random() < 0.5 else value

    def _hostile(self) -> Any:
        rng = self._random
        text = rng.choice(
            (*_PATHS, *_PATHS, *_PLAIN, self._trap, self._trap.replace("http:", ""), f"{self._trap}@127.0.0.1")
        )
        return rng.choice(
            (text, text, text, text, [text], {"a": text}, {"$file": {"content": text}}, 10**30, -1, 1.5, True, None)
        )

    def _value(self, schema: Any, root: Mapping[str, Any], depth: int) -> Any:
        """A value that a schema takes, more often than not."""
        rng = self._random
        if not isinstance(schema, Mapping) or depth > 6:
            return rng.choice(_PLAIN)
        if "$ref" in schema:
            return self._value(root.get("$defs", {}).get(str(schema["$ref"]).rsplit("/", 1)[-1]), root, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                return self._value(rng.choice(schema[keyword]), root, depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = rng.choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            needed = schema.get("required", ())
            return {
                name: self._value(member, root, depth + 1)
                for name, member in schema.get("properties", {}).items()
                if name in needed or rng.random() < 0.3
            }
        if kind == "array":
            return [self._value(schema.get("items", {}), root, depth + 1) for _ in range(rng.choice((1, 1, 2, 40)))]
        if kind in ("integer", "number"):
            return rng.choice((1, 2, 3, 5, schema.get("minimum", 0), schema.get("maximum", 10), 2624710177366999063))
        if kind == "boolean":
            return rng.random() < 0.5
        return None if kind == "null" else self._string(schema)

    def _string(self, schema: Mapping[str, Any]) -> str:
        fitting = [text for text in (*_PLAIN, *_PATHS) if len(text) <= schema.get("maxLength", 10**9)]
        pattern = schema.get("pattern")
        if pattern:
            fitting = [text for text in fitting if re.search(pattern, text)]
        dates = {"date": "2026-11-23", "date-time": "2026-11-23T10:00:00+08:00"}
        if schema.get("format") in dates:
            return dates[schema["format"]]
        return self._random.choice(fitting or ["x"])

    def _text(self, arguments: dict[str, Any]) -> str:
        return json.dumps(arguments, ensure_ascii=self._random.random() < 0.5)
