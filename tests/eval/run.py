"""Runs the embedded model over the evaluation sets and prints how much of them it gets right.

    python -m tests.eval.run [--half develop|aside] [--only gym,parcel] [--language both|zh|en]
        [--without-words] [-v]

Without `--half` and `--language`: both halves, and Chinese utterances over English-only documents too.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.eval.judge import Done, Verdict, judge, kind, named
from tests.eval.sets import DOMAINS, FIRST, HALVES, Item, documents, items, loaded

Complete = Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]], Mapping[str, Any]]
TODAY = "2026-03-18"
SYSTEM = (
    f"Today is {TODAY} (Wednesday). You are the assistant of a residential community. Call a tool only when all its"
    f" required parameters are known; otherwise ask for them. 今天是{TODAY}，星期三。"
)
_MOST_STEPS = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One turn with its verdict; `wrong_write` if a tool that writes was called and none such is right."""

    domain: str
    kind: str
    tag: str
    language: str
    expected: Mapping[str, Any]
    done: Done
    verdict: Verdict
    wrong_write: bool


def play(complete: Complete, item: Item, tools: Sequence[Mapping[str, Any]], times: list[float]) -> Iterator[Done]:
    """The item's turns one after the other; every call gets `{"ok": true}`. `times` gets the processor's seconds of
    each step."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}]
    for turn in item.turns:
        messages.append({"role": "user", "content": turn["t"]})
        calls: list[tuple[str, Mapping[str, Any]]] = []
        for _ in range(_MOST_STEPS):
            begun = time.thread_time()  # others on the machine are not counted
            message = complete(messages, tools)
            times.append(time.thread_time() - begun)
            messages.append({"role": "assistant", **{k: message[k] for k in ("content", "tool_calls") if k in message}})
            for call in message.get("tool_calls") or ():
                arguments = json.loads(call["function"]["arguments"])
                calls.append((call["function"]["name"], {k: v for k, v in arguments.items() if v not in (None, "")}))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": '{"ok": true}'})
            if not message.get("tool_calls"):
                break
        pending = message.get("x_pending")
        yield Done(calls, message.get("content") or "", pending["missing"] if pending else None)


def score(complete: Complete, half: str, language: str, only: Sequence[str]) -> tuple[list[Row], list[float]]:
    """Every turn of one half, judged, and the processor's seconds of every step."""
    have = documents(language)
    writes = frozenset(name for d in have.values() for name in d.writes)
    rows: list[Row] = []
    times: list[float] = []
    shared = {names: [t for n in names for t in have[n].tools] for names in {tuple(loaded(d, [*have])) for d in only}}
    for domain in only:
        tools = shared[tuple(loaded(domain, [*have]))]
        for item in items(domain, half):
            for turn, done in zip(item.turns, play(complete, item, tools, times), strict=True):
                wrong = any(name in writes and name not in named(turn) for name, _ in done.calls)
                said = language_of(turn["t"])
                rows.append(Row(domain, kind(turn), item.tag, said, turn, done, judge(turn, done), wrong))
    return rows, times


def language_of(text: str) -> str:
    """zh if it has Chinese beside a plate."""
    plain = re.sub(r"[\u4e00-\u9fff][A-Za-z][A-Za-z0-9·]{5,6}", "", text)
    return "zh" if re.search(r"[\u4e00-\u9fff]", plain) else "en"


def _share(rows: Sequence[Row], verdict: str, *kinds: str) -> str:
    counted = [row for row in rows if not kinds or row.kind in kinds]
    if not counted:
        return "    -"
    return f"{100 * sum(getattr(row.verdict, verdict) for row in counted) / len(counted):5.1f}"


def line(name: str, rows: Sequence[Row]) -> str:
    """One line of the table."""
    return (
        f"{name:22} n={len(rows):4}  all {_share(rows, 'operation')} {_share(rows, 'exact')}"
        f"  call {_share(rows, 'operation', 'call')} {_share(rows, 'exact', 'call')}"
        f"  several {_share(rows, 'exact', 'multi')}  ask {_share(rows, 'exact', 'ask')}"
        f"  refused {_share(rows, 'exact', 'none')}  wrong writes {sum(row.wrong_write for row in rows)}"
    )


def table(rows: Sequence[Row]) -> Iterator[str]:
    """By domain, language and tag, then the first three domains with what no tool serves, the others, and all."""
    for domain in dict.fromkeys(row.domain for row in rows):
        yield line(domain, [row for row in rows if row.domain == domain])
    for language in ("zh", "en"):
        yield line(f"language {language}", [row for row in rows if row.language == language])
    for tag in Counter(row.tag for row in rows):
        yield line(f"#{tag}", [row for row in rows if row.tag == tag])
    first = (*FIRST, "oos")
    yield line("first author", [row for row in rows if row.domain in first])
    yield line("other authors", [row for row in rows if row.domain not in first])
    yield line("all", rows)


def failures(rows: Sequence[Row]) -> Iterator[str]:
    """Every turn that is not exactly right, with what was wanted and what was done."""
    for row in rows:
        if not row.verdict.exact or row.wrong_write:
            wanted = {k: v for k, v in row.expected.items() if k not in ("t", "k")}
            yield f"[{row.domain}/{row.kind}/{row.tag}] {row.expected['t']}"
            yield f"    want {json.dumps(wanted, ensure_ascii=False)}"
            calls = json.dumps(row.done.calls, ensure_ascii=False) if row.done.calls else ""
            yield f"    got  {calls} missing={row.done.missing} {row.done.text[:120]!r}{' WRITE' * row.wrong_write}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--language", choices=("both", "zh", "en"))
    parser.add_argument("--only", default=",".join(DOMAINS))
    parser.add_argument("--without-words", action="store_true", help="as if the file of everyday words were not there")
    parser.add_argument("-v", "--verbose", action="store_true", help="every turn that is not exactly right")
    options = parser.parse_args()
    begun = time.perf_counter()
    from integrations.models.embedded import meaning  # the time to load it is part of the start-up
    from tests.support.eval import complete

    if options.without_words:
        meaning.FILE = meaning.FILE.with_name("none")
    meaning.words()
    started = time.perf_counter() - begun
    only = options.only.split(",")
    times: list[float] = []
    for half in [options.half] if options.half else HALVES:
        for language in [options.language] if options.language else ("both", "en"):
            rows, taken = score(complete, half, language, only)
            if not options.language and language == "en":
                rows = [row for row in rows if row.language == "zh" and row.domain != "oos"]
            times += taken
            if not rows:
                continue
            heading = {"both": "documents in both languages", "zh": "Chinese documents", "en": "English documents"}
            who = ", Chinese utterances" if language == "en" and not options.language else ""
            print(f"\n== {half}, {heading[language]}{who}; columns: operation right, exactly right")
            for text in (*(failures(rows) if options.verbose else ()), *table(rows)):
                print(text)
    times.sort()
    p50, p95 = (times[min(int(len(times) * share), len(times) - 1)] * 1e3 for share in (0.5, 0.95))
    print(f"\nstart-up {started:.2f} s; a step: p50 {p50:.1f} ms, p95 {p95:.1f} ms, n={len(times)}")


if __name__ == "__main__":
    main()
