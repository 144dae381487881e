"""Judges what an engine made of one document, against the document itself (`openapi_document.py`).

The engine's output is a list of lines as `python app.py tools --json` prints them. Every `Finding` names its rule;
`BASIC` rules are those of "a complete tool", the others are stricter. `bench/README.md` explains each.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from bench.openapi_compare import MARK, Comparison
from bench.openapi_document import Body, Declaration, Declared, Source
from bench.openapi_schema import View, kind_of, references

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}\Z")
MAX_BYTES = 8_000
# Reserved by OpenAPI 3.1.1 §4.8.12 or by HTTP itself (RFC 9110): a gateway sets them, never a model.
RESERVED = frozenset({"accept", "authorization", "content-type", "cookie", "host", "content-length", "connection",
                      "transfer-encoding", "proxy-authorization"})  # fmt: skip
_SESSION = re.compile(r"sess|sid$|token|auth|csrf|jwt", re.I)
BASIC = frozenset({"missing-operation", "invalid-schema", "dangling-ref", "bad-name", "duplicate-name",
                   "missing-parameter", "untyped-parameter", "missing-body-property", "missing-body",
                   "two-tools"})  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One rule that a tool breaks. `where` is a place in the document or the tool."""

    rule: str
    method: str
    path: str
    where: str
    what: str


@dataclass
class Verdict:
    """Of one document: how many operations it declares, what became of them, and all findings."""

    version: str
    operations: int = 0
    tools: int = 0
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    complete: int = 0
    strictly: int = 0
    largest: int = 0
    findings: list[Finding] = field(default_factory=list)


def grade(source: Source, lines: list[dict[str, Any]]) -> Verdict:
    """The verdict over one document. `lines` are the engine's, without the document's name."""
    verdict = Verdict(source.version)
    tools: dict[tuple[str, str], list[dict[str, Any]]] = {}
    skipped: set[tuple[str, str]] = set()
    for line in lines:
        key = (str(line.get("method", "")).upper(), str(line.get("path", "")))
        if "skipped" in line:
            skipped.add(key)
            verdict.skipped.append((*key, str(line["skipped"])))
        else:
            tools.setdefault(key, []).append(line)
    names = Counter(tool.get("name") for listed in tools.values() for tool in listed)
    declared = list(source.operations())
    known = {operation.key for operation in declared}
    for operation in declared:
        findings = _operation(source, operation, tools.get(operation.key, []), operation.key in skipped, names)
        verdict.findings += findings
        done = operation.key in tools
        verdict.complete += done and not any(f.rule in BASIC for f in findings)
        verdict.strictly += done and not findings
    for key in (tools.keys() | skipped) - known:
        if not _tolerable(source, key):
            verdict.findings.append(Finding("unknown-operation", *key, "", "the document has no such operation"))
    verdict.operations, verdict.tools = len(declared), sum(len(listed) for listed in tools.values())
    verdict.largest = max((size(tool) for listed in tools.values() for tool in listed), default=0)
    return verdict


def size(tool: dict[str, Any]) -> int:
    """Bytes of name, description and parameters as compact JSON in UTF-8."""
    shown = {key: tool.get(key) for key in ("name", "description", "parameters")}
    return len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _tolerable(source: Source, key: tuple[str, str]) -> bool:
    """A method in capitals, an operation that is no object, a path item that is none: an engine may speak of them."""
    paths = source.root.get("paths")
    item = paths.get(key[1]) if isinstance(paths, dict) else None
    if not isinstance(item, dict):
        return key[1] in (paths if isinstance(paths, dict) else {})
    return "$ref" in item or any(str(k).lower() == key[0].lower() for k in item)


def _operation(
    source: Source, operation: Declaration, tools: list[dict[str, Any]], skipped: bool, names: Counter[Any]
) -> list[Finding]:
    judge = _Judge(source, operation)
    if not tools:
        if not skipped:
            judge.found("missing-operation", "", "neither a tool nor skipped")
        return judge.findings
    if len(tools) > 1 or skipped:
        judge.found("two-tools", "", "more than one line for one operation")
    tool = tools[0]
    name = tool.get("name")
    if not isinstance(name, str) or not NAME.match(name):
        judge.found("bad-name", "", repr(name))
    if names[name] > 1:
        judge.found("duplicate-name", "", repr(name))
    if size(tool) > MAX_BYTES:
        judge.found("oversize", "", f"{size(tool)} bytes")
    if operation.text and not str(tool.get("description") or "").strip():
        judge.found("description-lost", "", "the operation's own text")
    due = {"GET": "read", "HEAD": "read"}.get(operation.method, "write")
    if tool.get("effect") is not None and tool["effect"] != due and operation.method not in ("OPTIONS", "TRACE"):
        judge.found("effect", "", f"{tool['effect']} instead of {due}")
    judge.tool(tool)
    return judge.findings


class _Judge:
    """Compares one tool with its operation."""

    def __init__(self, source: Source, operation: Declaration) -> None:
        self.operation = operation
        self.document = View(source)
        self.findings: list[Finding] = []

    def found(self, rule: str, where: str, what: str) -> None:
        self.findings.append(Finding(rule, self.operation.method, self.operation.path, where, what))

    def tool(self, tool: dict[str, Any]) -> None:
        parameters, arguments = tool.get("parameters"), tool.get("arguments")
        if not isinstance(parameters, dict) or not isinstance(arguments, dict):
            self.found("invalid-schema", "", "no parameter schema or no argument map")
            return
        self._valid(parameters)
        self.shown = View(_tool_source(parameters))
        self.properties, self.required = self.shown.properties(parameters)
        self.marked = bool(MARK.search(str(tool.get("description") or "")))
        self.comparison = Comparison(self.document, self.shown, self.found, marked=self.marked)
        self._closed(parameters, arguments, strict="effect" in tool and tool["effect"] is not None)
        for declared in self.operation.parameters:
            self._parameter(declared, arguments)
        self._template(arguments)
        if self.operation.body is not None:
            self._body(self.operation.body, arguments)
        elif any(isinstance(a, dict) and a.get("in") == "body" for a in arguments.values()) and not self._odd_body():
            self.found("invented-argument", "", "a body argument, but the operation declares no body")

    def _odd_body(self) -> bool:
        """Where the declaration is broken, what an engine makes of it is its own affair."""
        return bool(self.operation.broken)

    def _valid(self, parameters: dict[str, Any]) -> None:
        """Draft 2020-12: the metaschema, then what a validator says that is really given the schema."""
        try:
            jsonschema_rs.meta.validate({"$schema": _DIALECT, **parameters})
        except Exception as error:
            self.found("invalid-schema", "", str(error).splitlines()[0][:200])
            return
        dangling = False
        source = _tool_source(parameters)
        for at, reference in references(parameters):
            _, good = source.follow({"$ref": reference})
            if not good:
                dangling = True
                self.found("dangling-ref", at, str(reference)[:120])
        if not dangling:
            try:
                jsonschema_rs.Draft202012Validator(parameters)
            except Exception as error:
                self.found("invalid-schema", "", str(error).splitlines()[0][:200])

    def _closed(self, parameters: dict[str, Any], arguments: dict[str, Any], *, strict: bool) -> None:
        """The argument map and the schema name the same arguments, and no two go to one place."""
        if set(arguments) != set(self.properties):
            self.found("argument-map", "", f"differ: {sorted(set(arguments) ^ set(self.properties))[:5]}")
        unknown = self.required - set(self.properties)
        if unknown:
            self.found("argument-map", "", f"required but no property: {sorted(unknown)[:5]}")
        places = Counter(json.dumps(place, sort_keys=True) for place in arguments.values())
        for place, count in places.items():
            if count > 1:
                self.found("argument-map", "", f"{count} arguments go to {place}")
        if strict and (parameters.get("type") != "object" or parameters.get("additionalProperties") is not False):
            self.found("open-schema", "", "not a closed object")

    def _parameter(self, declared: Declared, arguments: dict[str, Any]) -> None:
        same = declared.name.lower() if declared.location == "header" else declared.name
        if declared.location == "header" and same in RESERVED:
            return
        if declared.location == "cookie" and _SESSION.search(declared.name):
            return
        name = _argument(arguments, declared.location, same) or self._elsewhere(declared, arguments)
        if name is None or name not in self.properties:
            self.found("missing-parameter", declared.pointer, f"{declared.location} {declared.name}")
            return
        shown = self.properties[name]
        if not self.shown.says(shown):
            self.found("untyped-parameter", declared.pointer, f"{name}: {json.dumps(shown)[:100]}")
        place = arguments[name]["in"]
        if declared.required != (name in self.required) and place == declared.location:
            self.found("required", declared.pointer, f"{name} is {'' if declared.required else 'not '}required")
        self._described(declared.description, declared.name, shown, declared.pointer)
        if declared.schema is not None:
            self.comparison.compare(declared.schema, shown, name)

    def _elsewhere(self, declared: Declared, arguments: dict[str, Any]) -> str | None:
        """Where the declared location contradicts the path: `in: path` without a template, a template without it."""
        in_template = declared.name in _names(self.operation.path)
        if declared.location == "path" and not in_template:
            return _argument(arguments, "query", declared.name)
        return _argument(arguments, "path", declared.name) if in_template else None

    def _described(self, text: str, name: str, shown: Any, where: str) -> None:
        text = " ".join(re.sub(r"<[^>]*>", " ", text).split())
        if self.marked or len(text) < 3 or text.casefold() == name.casefold():
            return
        if not any(isinstance(n.get("description"), str) for n in self.shown.members(shown)):
            self.found("description-lost", where, f"{name}: {text[:60]}")

    def _template(self, arguments: dict[str, Any]) -> None:
        """A place of the path that no argument fills: no request can be made."""
        declared = {p.name for p in self.operation.parameters if p.location == "path"}
        for name in _names(self.operation.path) - declared:
            if _argument(arguments, "path", name) is None:
                self.found("template-unfilled", self.operation.pointer, name)

    def _body(self, body: Body, arguments: dict[str, Any]) -> None:
        whole = next((n for n, a in arguments.items() if _pointer(a) == ""), None)
        if whole is not None:
            self._whole_body(body, whole)
            return
        pointers = {_pointer(a): n for n, a in arguments.items() if _pointer(a) is not None}
        choice = _best(body)
        properties, required = self.document.properties(choice[1])
        writable = {n: s for n, s in properties.items() if not self.document.read_only(s)}
        if not pointers and not writable and (properties or choice[1] is not None):
            says = self.document.says(choice[1])
            if says and not properties and not _empty(self.document, choice[1]):
                self.found("missing-body", self.operation.pointer, f"{choice[0]}: no argument for the body")
        for name, schema in writable.items():
            pointer = "/" + name.replace("~", "~0").replace("/", "~1")
            if pointer not in pointers or pointers[pointer] not in self.properties:
                self.found("missing-body-property", self.operation.pointer, f"{name} ({choice[0]})")
                continue
            argument = pointers[pointer]
            due = body.required and name in required
            if due != (argument in self.required) and len(body.media) == 1:
                self.found("required", f"body {name}", f"{argument} is {'' if due else 'not '}required")
            self._described(str(self.document.keyword(schema, "description") or ""), name,
                            self.properties[argument], f"body {name}")  # fmt: skip
            self.comparison.compare(schema, self.properties[argument], argument)
        for media, schema in body.media:
            if (media, schema) == choice or "xml" in media:
                continue
            others, _ = self.document.properties(schema)
            for name, one in others.items():
                pointer = "/" + name.replace("~", "~0").replace("/", "~1")
                if name not in properties and pointer not in pointers and not self.document.read_only(one):
                    self.found("other-media-type", self.operation.pointer, f"{name} of {media}")
        extra = set(pointers) - {"/" + n.replace("~", "~0").replace("/", "~1") for _, s in body.media
                                 for n in self.document.properties(s)[0]}  # fmt: skip
        for spare in sorted(extra, key=str):
            self.found("invented-argument", self.operation.pointer, f"body {spare}")
        open_map = self.document.keyword(choice[1], "additionalProperties")
        if open_map not in (None, False) and properties:
            self.found("nested-lost", "body", "additionalProperties of the body")

    def _whole_body(self, body: Body, name: str) -> None:
        if name not in self.properties:
            self.found("missing-body", self.operation.pointer, "the whole body has no property")
            return
        if body.required != (name in self.required):
            self.found("required", "body", f"{name} is {'' if body.required else 'not '}required")
        schema = _best(body)[1]
        if schema is not None:
            self.comparison.compare(schema, self.properties[name], name)


_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _tool_source(parameters: dict[str, Any]) -> Source:
    source = Source(parameters)
    source.version = "3.1"
    return source


def _names(path: str) -> set[str]:
    """The names in a path's templates (also `{id:regex}` as springfox writes it, and RFC 6570's operators)."""
    found = re.findall(r"\{([^{}]+(?:\{[^{}]*\}[^{}]*)*)\}", path)
    routed = {re.split(r"[:?]", name)[0].lstrip("+#./;").rstrip("*").strip() for name in found if name[0] not in "?&"}
    return {name for name in routed if name}


def _argument(arguments: dict[str, Any], location: str, name: str) -> str | None:
    for argument, place in arguments.items():
        if not isinstance(place, dict) or place.get("in") != location:
            continue
        wire = str(place.get("name"))
        if (wire.lower() if location == "header" else wire) == name:
            return argument
    return None


def _pointer(place: Any) -> str | None:
    if not isinstance(place, dict) or place.get("in") != "body":
        return None
    pointer = place.get("pointer")
    return pointer if isinstance(pointer, str) else None


def _best(body: Body) -> tuple[str, Any]:
    """JSON before forms before the rest."""

    def rank(media: tuple[str, Any]) -> int:
        name = media[0].split(";")[0].strip().lower()
        if name == "application/json":
            return 0
        if name.endswith(("+json", "/json")):
            return 1
        if name == "application/x-www-form-urlencoded":
            return 2
        return 3 if name.startswith("multipart/") else 4

    return min(body.media, key=rank)


def _empty(view: View, schema: Any) -> bool:
    """An object of nothing: `{"type": "object", "properties": {}}` has no argument to give."""
    return view.kinds(schema) == {"object"} and isinstance(view.keyword(schema, "properties"), dict)


def rules(findings: list[Finding]) -> Iterator[tuple[str, int]]:
    """How often each rule is broken, most often first."""
    yield from Counter(finding.rule for finding in findings).most_common()


__all__ = ["BASIC", "Finding", "Verdict", "grade", "kind_of", "rules", "size"]
