"""The embedded model over documents it has never seen: `python -m bench.embedded_fuzz CORPUS [--seed 1]`.

The operations of every document in the folder become tools (at most 40 at a time, in an order of chance). Sentences
made by chance of the document's own words, dates, numbers and everyday words are said to them, two turns each. Counts
what must never be: an exception, arguments that the tool's own schema refuses, two answers to the same messages. Ends
with 1 if any was.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from integrations.models.embedded.model import Answer, EmbeddedModel
from integrations.openapi.load import load_document
from integrations.openapi.model import ToolOptions
from integrations.openapi.tools import build_tools
from schemas.tool import ToolSpec

_SYSTEM = "Today is 2026-03-18 (Wednesday). Reply in {language}."
_SAID = [
    "查一下",
    "帮我取消",
    "我要预约",
    "改成后天",
    "不对，是三份",
    "明天下午三点",
    "LN204519",
    "八八零零五六七八",
    "张伟",
    "给我来两份",
    "算了",
    "都可以",
    "周五上午九点到十一点",
    "cancel",
    "book",
    "show my",
    "please",
    "two of them",
    "tomorrow at 6 pm",
    "until the 30th",
    "Emily Chen",
    "13912345678",
    "a@b.cn",
    "yes",
    "never mind",
    "next",
    "什么",
    "吗",
    "and",
    "还有",
    "，",
    "?",
    "𠀀",
    "\x00",
    "99999999999999999999",
    "-1",
    "3.5",
    "京A12345",
    "3号楼2单元501",
]


def specs_of(path: Path) -> list[ToolSpec]:
    """A document's operations as tools; none where it cannot be read."""
    try:
        tools, _ = build_tools(load_document(path), ToolOptions(), set())
    except Exception:  # a hostile document is the loader's own matter
        return []
    return [ToolSpec(t.name, t.description, dict(t.parameters), effect=t.effect) for t in tools]


def sentence(rng: random.Random, tools: Sequence[ToolSpec]) -> str:
    """Words of one tool's own description and schema among everyday ones."""
    tool = rng.choice(tools)
    own = re.findall(
        r"[A-Za-z]+|[\u4e00-\u9fff]{1,4}", f"{tool.description} {json.dumps(tool.parameters, ensure_ascii=False)}"
    )
    words = rng.sample(own, min(len(own), rng.randint(0, 5))) + rng.sample(_SAID, rng.randint(1, 5))
    rng.shuffle(words)
    return rng.choice(("", " ")).join(words)


def _refuse(uri: str) -> Any:
    raise ValueError(uri)


def faults(answer: Answer, again: Answer, tools: Sequence[ToolSpec]) -> Iterator[str]:
    """What is wrong with one step."""
    if (answer.text, answer.calls) != (again.text, again.calls):
        yield "another answer to the same messages"
    by_name = {tool.name: tool for tool in tools}
    for call in answer.calls:
        validator = jsonschema_rs.validator_for(dict(by_name[call.name].parameters), retriever=_refuse)
        if not validator.is_valid(json.loads(call.arguments)):
            yield f"arguments that {call.name} refuses: {call.arguments}"


def converse(rng: random.Random, tools: Sequence[ToolSpec], counted: Counter[str], times: list[float]) -> Iterator[str]:
    model, other = EmbeddedModel(pace_s=0), EmbeddedModel(pace_s=0)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": _SYSTEM.format(language=rng.choice(("Chinese", "English")))}
    ]
    for _ in range(2):
        messages.append({"role": "user", "content": sentence(rng, tools)})
        begun = time.thread_time()
        try:
            answer = model.answer(messages, tools)
            times.append(time.thread_time() - begun)
            again = other.answer(messages, tools)
        except Exception as fault:  # what this program is to find
            yield f"{type(fault).__name__}: {fault} after {messages[-1]['content']!r}"
            return
        counted["steps"] += 1
        counted["calls"] += len(answer.calls)
        counted["asks"] += answer.pending is not None
        yield from faults(answer, again, tools)
        calls = [{"id": c.id, "function": {"name": c.name, "arguments": c.arguments}} for c in answer.calls]
        messages.append({"role": "assistant", "content": answer.text, "tool_calls": calls})
        messages += [
            {"role": "tool", "tool_call_id": c.id, "content": '{"ok": true, "data": []}'} for c in answer.calls
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=3, help="conversations for each document")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counted: Counter[str] = Counter()
    times: list[float] = []
    found: list[str] = []
    for path in sorted(p for p in options.corpus.rglob("*") if p.suffix in (".json", ".yaml", ".yml")):
        specs = specs_of(path)
        counted["documents"] += bool(specs)
        for _ in range(options.each if specs else 0):
            tools = rng.sample(specs, min(len(specs), 40))
            found += [f"{path.name}: {fault}" for fault in converse(rng, tools, counted, times)]
    print(", ".join(f"{count} {name}" for name, count in counted.items()), f"; {len(found)} faults")
    times.sort()
    print(f"a step with its tools made ready: p50 {times[len(times) // 2] * 1e3:.1f} ms, most {times[-1] * 1e3:.0f} ms")
    print("\n".join(found[:50]))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
