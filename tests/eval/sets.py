"""The evaluation sets: documents as tools, utterances with what they call for.

A folder is a domain: `document.yaml`, `develop.yaml` (the half to develop on) and `aside.yaml` (the half kept aside;
none for the first three and for what no tool serves). A domain is judged with the tools of the first three and of its
author's pair loaded together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
FIRST = ("bill", "parking", "repair")
PAIRS = (
    ("gym", "parcel"),
    ("canteen", "clinic"),
    ("access", "housekeeping"),
    ("library", "venue"),
    ("charging", "pets"),
)
DOMAINS = (*FIRST, "oos", *(domain for pair in PAIRS for domain in pair))
HALVES = ("develop", "aside")

Tool = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A dialogue of one or more turns: what is said, with what it calls for; `tag` says what is hard about it."""

    domain: str
    turns: Sequence[Mapping[str, Any]]
    tag: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document's tools in chat-completions form, and which of them write."""

    tools: Sequence[Tool]
    writes: frozenset[str]


def document(domain: str, language: str = "both") -> Document:
    """A domain's tools; `language` is both, zh or en: the half of the "中文 / English" texts that is kept."""
    spec = yaml.safe_load((HERE / domain / "document.yaml").read_text("utf-8"))
    tools, writes = [], set()
    for item in spec["paths"].values():
        for method, operation in item.items():
            properties, required = {}, []
            for parameter in operation.get("parameters", ()):
                about = _half(parameter.get("description", ""), language)
                properties[parameter["name"]] = {**parameter["schema"], "description": about}
                required += [parameter["name"]] if parameter.get("required") else []
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema", {})
            for name, schema in body.get("properties", {}).items():
                properties[name] = {**schema, "description": _half(schema.get("description", ""), language)}
            said = [_half(operation.get(key, ""), language) for key in ("summary", "description")]
            function = {
                "name": operation["operationId"],
                "description": "\n".join(said),
                "parameters": {
                    "type": "object",
                    "properties": properties,
                    "required": [*required, *body.get("required", ())],
                },
            }
            tools.append({"type": "function", "function": function})
            if method not in ("get", "head"):
                writes.add(operation["operationId"])
    return Document(tools, frozenset(writes))


def _half(text: str, language: str) -> str:
    chinese, separator, english = text.partition(" / ")
    return text if language == "both" or not separator else chinese if language == "zh" else english


def loaded(domain: str, have: Sequence[str]) -> list[str]:
    """The domains whose tools are loaded for one: the first three and its author's pair, as far as they are there."""
    pair = next((pair for pair in PAIRS if domain in pair), ())
    return [name for name in (*FIRST, *pair) if name in have]


def items(domain: str, half: str) -> Iterator[Item]:
    """The utterances of one half of a domain; none where the file is not there."""
    path = HERE / domain / f"{half}.yaml"
    for entry in yaml.safe_load(path.read_text("utf-8")) if path.exists() else ():
        yield Item(domain, entry.get("d") or [entry], entry.get("k", "plain"))


def documents(language: str = "both") -> dict[str, Document]:
    """Every document that is there, by domain."""
    return {d: document(d, language) for d in DOMAINS if (HERE / d / "document.yaml").exists()}
