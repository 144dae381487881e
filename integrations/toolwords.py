"""What a tool says of itself, as weighted terms by field; `toolsearch.py` ranks by them.

The terms are those of the embedded model (`models/embedded/text.py`): light English stems, pairs of Chinese characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from integrations.models.embedded.catalogue import EXAMPLES, verb_classes
from integrations.models.embedded.text import halves, terms
from integrations.models.embedded.verbs import verbs_of
from integrations.upstream.target import Target
from schemas.tool import ToolSpec

Terms = Mapping[str, float]

# How much a term counts in each field of a tool.
FIELDS: Mapping[str, float] = {
    "name": 1.5,
    "summary": 5.0,
    "description": 1.0,
    "examples": 2.5,
    "tags": 1.0,
    "path": 1.5,
    "arguments": 0.2,
    "about": 0.3,
    "system": 0.3,
    "verbs": 1.0,
}
# Filler (my, like, 查看) and the class of a verb decide among tools that other words have found.
_FILLER, _CLASS = 0.2, 0.5
# Says nothing (a and an say that one thing is meant): where few summaries have it, it would pass for a rare word.
_EMPTY = "the"
_WORD_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-.\[\]/]+")
_TEMPLATE = re.compile(r"\{[^}]*\}")
_MAX_DESCRIPTION, _MAX_ABOUT, _MAX_ONE, _MAX_ARGUMENTS, _MAX_DEPTH = 600, 800, 80, 60, 3
# A resident's query is read from both ends: what is wanted stands there, what is pasted between.
_MAX_QUERY = 1_000


def tool_terms(target: Target, spec: ToolSpec) -> dict[str, Terms]:
    """The terms of each field that has any. `spec` is the tool as a model is offered it."""
    operation = target.tool.operation
    said = EXAMPLES.search(spec.description)
    summary, _, more = (spec.description[: said.start()] if said else spec.description).partition("\n")
    arguments, about = _arguments(spec.parameters)
    texts = {
        "name": _words(spec.name),
        "summary": summary,
        "description": more[:_MAX_DESCRIPTION],
        "examples": said[1] if said else "",
        "tags": _words(" ".join(operation.tags)),
        "path": _words(_TEMPLATE.sub(" ", operation.path)),
        "arguments": arguments,
        "about": about,
        "system": f"{target.upstream.title('zh')} {target.upstream.title('en')}",
    }
    found: dict[str, Terms] = {}
    for field, text in texts.items():
        said_there = terms(text, filler=1.0) if text else {}
        if said_there:
            found[field] = said_there
    found["verbs"] = _classes(verb_classes(*halves(summary), spec))
    return found


def tool_group(target: Target) -> str:
    """What the tool is about, coarsely: its first tag, else the beginning of its path."""
    operation = target.tool.operation
    fixed = [part for part in operation.path.split("/") if part and "{" not in part]
    return f"{target.upstream.name} {operation.tags[0] if operation.tags else ' '.join(fixed[:1])}"


def tool_shown(target: Target, spec: ToolSpec) -> int:
    """How soon a tool is shown of its group: one with examples, then a look-up that needs no argument."""
    if EXAMPLES.search(spec.description):
        return 0
    return 1 if spec.effect == "read" and not spec.parameters.get("required") else 2


def query_terms(text: str) -> tuple[Terms, Terms]:
    """The weighted terms that a tool must share with a query, and those that only help to order what they find: its
    filler, and the classes of its verbs. 删除 and delete are one class, whatever language a document is in."""
    if len(text) > _MAX_QUERY:
        text = f"{text[: _MAX_QUERY // 2]} {text[-_MAX_QUERY // 2 :]}"
    text = _words(text)
    found = terms(text, query=True)
    helping = {term: _FILLER * weight for term, weight in terms(text, filler=1.0).items() if term not in found}
    helping.pop(_EMPTY, None)
    return found, helping | dict.fromkeys(_classes(verbs_of(text)), _CLASS)


def _classes(names: Iterable[str]) -> Terms:
    return {f"#{name}": 1.0 for name in sorted(names)}


def _words(name: str) -> str:
    """`listReposForOrg`, `repos/list-for-org` and `HTTPServer` as words."""
    return _WORD_BREAKS.sub(" ", name)


def _arguments(parameters: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the arguments, and the beginnings of what their schemas say of them."""
    names: list[str] = []
    about: list[str] = []
    for name, schema in _properties(parameters, 0):
        if len(names) == _MAX_ARGUMENTS:
            break
        names.append(_words(name))
        if isinstance(schema, Mapping):
            about.append(str(schema.get("description") or schema.get("title") or "")[:_MAX_ONE])
    return " ".join(names), " ".join(about)[:_MAX_ABOUT]


def _properties(schema: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Every property, the outer ones first where they stand; references are not followed."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    below = schema.get("properties")
    if isinstance(below, Mapping):
        for name, inner in below.items():
            yield str(name), inner
        for inner in below.values():
            yield from _properties(inner, depth + 1)
    if "items" in schema:
        yield from _properties(schema["items"], depth + 1)
    for word in ("oneOf", "anyOf", "allOf"):
        choices = schema.get(word)
        for choice in choices if isinstance(choices, list) else ():
            yield from _properties(choice, depth + 1)
