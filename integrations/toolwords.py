"""What a tool says of itself, as weighted terms by field; `toolsearch.py` ranks by them.

The terms are those of the embedded model (`models/embedded/text.py`): light English stems, pairs of Chinese characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.models.embedded.catalogue import EXAMPLES, verb_classes
from integrations.models.embedded.rank import verbs_of
from integrations.models.embedded.text import halves, terms
from integrations.upstream.target import Target
from schemas.tool import ToolSpec

Terms = Mapping[str, float]

# How much a term counts in each field of a tool.
FIELDS: Mapping[str, float] = {
    "name": 1.5,
    "summary": 3.0,
    "description": 1.0,
    "examples": 2.5,
    "tags": 1.0,
    "path": 1.5,
    "arguments": 0.5,
    "about": 0.3,
    "system": 0.3,
}
# Filler ("my", "like") decides among tools that other words have found.
_FILLER = 0.2
_WORD_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-.\[\]/]+")
_TEMPLATE = re.compile(r"\{[^}]*\}")
_MAX_DESCRIPTION, _MAX_ABOUT, _MAX_ONE, _MAX_ARGUMENTS, _MAX_DEPTH = 600, 800, 80, 60, 3
# A resident's query is read from both ends: what is wanted stands there, what is pasted between.
_MAX_QUERY = 1_000
_VERB = "#"


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
        said_there = terms(text, filler=_FILLER) if text else {}
        if said_there:
            found[field] = said_there
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


def tool_verbs(spec: ToolSpec) -> list[str]:
    """The classes of the tool's verbs as terms: 删除 and delete are one class, whatever language a document is in."""
    chinese, english = halves(spec.description.partition("\n")[0])
    return [_VERB + name for name in sorted(verb_classes(chinese, english, spec))]


def query_terms(text: str) -> tuple[dict[str, float], list[str]]:
    """The weighted terms of a query and the classes of its verbs. No terms where it is filler only."""
    if len(text) > _MAX_QUERY:
        text = f"{text[: _MAX_QUERY // 2]} {text[-_MAX_QUERY // 2 :]}"
    found = terms(_WORD_BREAKS.sub(" ", text), query=True, filler=_FILLER)
    if not any(weight > _FILLER for weight in found.values()):
        return {}, []
    return found, [_VERB + name for name in sorted(verbs_of(text))]


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
