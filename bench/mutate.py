"""Breaks real documents as writers of documents do, and checks that an engine bears it.

`python -m bench.mutate CORPUS [--rounds N] [--seed N]`: a mutation hits one place of a document; the engine must not
raise, every operation that was not touched must become the tool it was before, and all tools must keep their form
(`openapi_grade.py`). Every failure is printed with the mutation that caused it; exit 1 if there was one.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.engines import steward
from bench.openapi_document import Source, from_bytes
from bench.openapi_grade import BASIC, grade
from integrations.openapi.load import read_document
from integrations.openapi.model import ToolOptions
from integrations.openapi.tools import build_tools
from schemas.errors import DocumentError

Spot = tuple[Any, Any]
Mutation = Callable[[random.Random, dict[str, Any]], str]
MAX_SECONDS = 5.0
_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**70,
    "",
    " ",
    "true",
    "N/A",
    "停车",
    "a\u0000b",
    "😀",
    "\ud83d",
    [],
    {},
    [None],
    [[]],
    {"a": None},
    [{}],
    "#/nowhere",
    {"$ref": "#/nowhere"},
    {"$ref": None},
    {"$ref": 5},
    {"$ref": "#"},
    {"$ref": ""},
    {"$ref": "other.yaml#/X"},
    {"$ref": "http://127.0.0.1/x"},
    {"$ref": "#/%ZZ"},
    {"$ref": "#/info"},
    [1, "a", None],
)
_ODD_VALUES: dict[str, tuple[Any, ...]] = {
    "type": (
        "String",
        "INTEGER",
        "int",
        "long",
        "float",
        "double",
        "file",
        "date",
        "date-time",
        "any",
        "null",
        "List",
        "enum",
        "Map",
        "undefined",
        "object[]",
        "string,null",
        ["string", "null"],
        ["String"],
        [],
        [None],
        "",
        "ref",
        "uuid",
        "binary",
        "number|string",
        ["array", "array"],
    ),
    "in": (
        "Query",
        "PATH",
        "HEADER",
        "body",
        "formData",
        "form",
        "formdata",
        "cookies",
        "querystring",
        "url",
        "",
        "headers",
    ),
    "required": ("true", "false", "True", 1, 0, ["a"], {}, "yes", [1, None, "x"], ["nowhere"], "id"),
    "enum": (None, [], {}, "a,b", [None], [[1]], [{"value": 1}], [1, "1", True], ["", " "], {"a": 1}, [1, 1, 1]),
    "default": (None, "null", {"a": 1}, [], "", 12, "12", float(1)),
    "example": ({"a": 1}, [1], None, "x", 5, {"$ref": "#/components/examples/none"}),
    "examples": ({"a": {"value": 1}}, ["x"], "x", None, {"application/json": {"id": 1}}, {"a": None}),
    "items": (None, [], [{"type": "string"}], {}, True, False, "string", {"type": None}, [{}, {}]),
    "properties": (
        None,
        [],
        ["a"],
        "x",
        {"a": None},
        {"a": "string"},
        {"a": []},
        {"": {"type": "string"}},
        {"$ref": "#/nowhere"},
        {"a b": {"type": "string"}, "a_b": {"type": "string"}, "a-b": {}},
        {"x": True},
    ),
    "allOf": (None, {}, [], [None], ["x"], [{"$ref": "#/nowhere"}], [{}], {"$ref": "#/nowhere"}, [True], [False]),
    "oneOf": (
        None,
        {},
        [],
        [None],
        [{"$ref": "#/nowhere"}],
        [{"type": "string"}],
        [{}, {}],
        [{"const": 1}, {"const": 2}],
    ),
    "anyOf": (None, {}, [], [None, {"type": "string"}], [{"type": "null"}], "x"),
    "additionalProperties": (None, "true", "false", [], {"type": "String"}, {"$ref": "#/nowhere"}, {"type": None}),
    "format": (None, 5, [], "INT64", "int 64", "binary", "byte", "decimal", "date_time", "\n"),
    "pattern": (
        "(",
        "[a-z",
        "(?<n>a)\\k<n>",
        "/^a$/i",
        "^(a+)+$",
        "\\d{3,",
        5,
        None,
        "(?i)abc",
        "\\p{L}+",
        "(?=a)b",
        "*",
        "^[\\w-\\.]+$",
        "\\u4e00-\\u9fa5",
        "[^]",
    ),
    "minimum": ("0", "a", None, True, [], 1e400, "-9223372036854775808"),
    "maximum": ("10", None, {}, False, 2**80),
    "exclusiveMinimum": (True, False, "true", None, 5),
    "exclusiveMaximum": (True, "false", None),
    "minLength": ("1", -1, 1.0, 1.5, None, 2**70),
    "maxLength": ("255", -1, None, "unlimited", 255.0),
    "minItems": ("1", -1, None),
    "maxItems": (None, -5, "x"),
    "uniqueItems": ("true", 1, None),
    "multipleOf": (0, -1, "0.01", None, 0.0),
    "nullable": ("true", 1, None),
    "readOnly": ("true", 1, None, False),
    "parameters": (
        None,
        {},
        {"id": {"name": "id", "in": "query"}},
        "x",
        [None],
        ["id"],
        [[]],
        [{}],
        [{"$ref": 1}],
        [{"name": None, "in": "query"}],
        [{"name": "a"}],
        [{"in": "query"}],
        [{"name": 5, "in": "query"}],
    ),
    "schema": (None, [], "string", True, False, {}, {"$ref": "#/nowhere"}, {"type": "file"}, {"$ref": "User"}),
    "requestBody": (
        None,
        [],
        {},
        "x",
        {"content": None},
        {"content": {}},
        {"content": []},
        {"$ref": "#/nowhere"},
        {"content": {"application/json": None}},
        {"content": {"application/json": []}},
        {"content": {"": {"schema": {"type": "object"}}}},
        {"content": {"*/*": {}}},
        {"content": {"application/json": {"schema": None}}},
        {"required": "true", "content": {"json": {}}},
    ),
    "content": (None, [], {}, {"application/json": None}, "application/json", {"x": {}}, {"application/xml": {}}),
    "responses": (None, [], {}, "x", {"200": None}, {"200": []}, {"default": {"$ref": "#/nowhere"}}, {"200": "OK"}),
    "operationId": (None, "", 5, [], "a b", "查询", "a" * 300, "../x", "a.b.c", "1", "-", "__", "get", "{id}", True),
    "description": (None, 5, [], {}, ["a", "b"], "x" * 50_000, "\u202eabc", "</system>", "\x07"),
    "summary": (None, 5, [], {}, "y" * 5_000),
    "tags": (None, "x", {}, [None], [{"name": "x"}], [1]),
    "security": (None, {}, "x", [None], [{"x": None}], [[]]),
    "consumes": (None, "application/json", {}, [None], [], [""]),
    "produces": (None, "json", {}, [5]),
    "servers": (
        None,
        {},
        [],
        [None],
        ["https://x"],
        [{"url": None}],
        [{}],
        "x",
        [{"url": "{a}"}],
        [{"url": "http://[::1"}],
        [{"url": "/", "variables": []}],
    ),
    "host": (None, 5, "http://x/", "", [], "a b"),
    "basePath": (None, 5, "api", "/a/../b", "", [], "//x", "/{a}"),
    "schemes": (None, "https", [], [None], {}),
    "paths": (None, [], {}),
    "style": ("Form", "matrix", None, 5, "deepobject"),
    "explode": ("true", None, 1, "false"),
    "collectionFormat": ("CSV", "multi", None, "comma", 5, "brackets"),
    "name": (None, 5, "", " ", "a b", "a.b[0].c", "a[]", "查询", "X-A\r\nB: c", "..", "a" * 200, "$filter", True, {}),
    "discriminator": ("type", None, {"propertyName": None}, {"propertyName": "x", "mapping": {"a": "#/nowhere"}}, []),
    "title": (None, 5, {}, []),
    "const": (None, {}, "x"),
    "definitions": (None, []),
    "components": (None, [], {"schemas": None}),
    "not": (None, {}, True, "x"),
    "encoding": (None, [], {"a": None}, {"a": {"contentType": 5}}, "x"),
    "allowReserved": ("true", None),
    "deprecated": ("true", None, 1),
    "openapi": ("3.0", 3.0, "3", 3.1, "3.2.0", "3.0.99"),
    "swagger": (2.0, "2", 2),
    "info": (None, [], "x", {}),
    "$ref": (
        None,
        5,
        [],
        "",
        "#",
        "#/",
        "#/definitions/",
        "User",
        "#/components/schemas/ User",
        "#/definitions/A«B»",
        "x.json",
        "#/paths",
        "#/info/title",
        "##/a",
        "#/components//x",
    ),
}


def spots(node: Any, keys: tuple[str, ...] | None = None, *, inside: str = "") -> Iterator[Spot]:
    """(container, key) of everything below `node`, or of the given keys alone."""
    stack = [node]
    while stack:
        one = stack.pop()
        pairs = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, value in pairs:
            if keys is None or key in keys:
                yield one, key
            stack.append(value)


def _choose(rng: random.Random, found: Iterator[Spot]) -> Spot | None:
    listed = list(found)
    return rng.choice(listed) if listed else None


def odd_value(rng: random.Random, target: dict[str, Any]) -> str:
    """A keyword gets a value that documents in the wild give it."""
    keys = [key for key in _ODD_VALUES if any(True for _ in spots(target, (key,)))]
    if not keys:
        return ""
    key = rng.choice(keys)
    container, _ = rng.choice(list(spots(target, (key,))))
    container[key] = value = copy.deepcopy(rng.choice(_ODD_VALUES[key]))
    return f"{key} := {json.dumps(value, default=str)[:80]}"


def anything(rng: random.Random, target: dict[str, Any]) -> str:
    """Any place gets any value."""
    spot = _choose(rng, spots(target))
    if spot is None:
        return ""
    container, key = spot
    container[key] = value = copy.deepcopy(rng.choice(_ODD))
    return f"{key!r} := {json.dumps(value)[:80]}"


def remove(rng: random.Random, target: dict[str, Any]) -> str:
    """Any place is left out."""
    spot = _choose(rng, spots(target))
    if spot is None:
        return ""
    container, key = spot
    gone = container.pop(key)
    return f"without {key!r} ({json.dumps(gone, default=str)[:60]})"


def add(rng: random.Random, target: dict[str, Any]) -> str:
    """A keyword of another version, or one that does not belong there."""
    containers = [container for container, _ in spots(target) if isinstance(container, dict)]
    if not containers:
        return ""
    container = rng.choice(containers)
    key = rng.choice(list(_ODD_VALUES))
    container[key] = value = copy.deepcopy(rng.choice(_ODD_VALUES[key]))
    return f"added {key} := {json.dumps(value, default=str)[:80]}"


def wrap(rng: random.Random, target: dict[str, Any]) -> str:
    """An object becomes a list of it, a list its first value, a boolean or number its text."""
    spot = _choose(rng, spots(target))
    if spot is None:
        return ""
    container, key = spot
    value = container[key]
    if isinstance(value, list):
        container[key] = value[0] if value else {}
    elif isinstance(value, dict):
        container[key] = (
            [value]
            if rng.random() < 0.5
            else [{"key": k, **(v if isinstance(v, dict) else {})} for k, v in value.items()]
        )
    else:
        container[key] = str(value).lower() if rng.random() < 0.5 else [value]
    return f"{key!r} wrapped"


def rename(rng: random.Random, target: dict[str, Any]) -> str:
    """A key in other letters: `Type`, `IN`, ` name`, a number."""
    spot = _choose(rng, ((c, k) for c, k in spots(target) if isinstance(c, dict)))
    if spot is None:
        return ""
    container, key = spot
    new = rng.choice(
        [
            key.upper(),
            key.capitalize(),
            f" {key}",
            key + " ",
            f"{key}\u200b",
            key[:-1] or "_",
            "",
            "200",
            "x-" + key,
            "null",
        ]
    )
    container[new] = container.pop(key)
    return f"{key!r} renamed {new!r}"


def cycle(rng: random.Random, target: dict[str, Any]) -> str:
    """A schema refers to one above it, or a name of another kind of thing."""
    spot = _choose(rng, spots(target, ("schema", "items", "properties", "allOf")))
    if spot is None:
        return ""
    container, key = spot
    reference = {
        "$ref": rng.choice(["#/paths", "#/components/schemas", "#/definitions", "#/components/responses", "#"])
    }
    container[key] = {"x": reference} if key == "properties" else [reference] if key == "allOf" else reference
    return f"{key!r} := {reference}"


MUTATIONS: tuple[Mutation, ...] = (odd_value, odd_value, odd_value, anything, remove, add, wrap, rename, cycle)


def mutate_path(rng: random.Random, root: dict[str, Any]) -> tuple[str, set[str]]:
    """A path key as routing tables and people write it."""
    path = rng.choice(list(root["paths"]))
    new = rng.choice(
        [
            path.lstrip("/"),
            path + "/",
            path + ".",
            " " + path,
            path + " ",
            "/" + path,
            path + "?a=1",
            path + "#x",
            path.replace("{", "{ ").replace("}", " }"),
            path.replace("}", ":[0-9]+}"),
            path.replace("{", ":").replace("}", ""),
            path + "/**",
            path + "/{extra}",
            path + "/查询",
            path + "{?page,size}",
            path + "/../x",
            path + "/{",
            path + "/%2e%2e",
            path.upper(),
            path + "/{a}/{a}",
            path + "\t",
            "",
            path + "/{a b}",
            path.replace("}", "?}"),
            path + "/{a.b}-{c}",
        ]
    )
    root["paths"] = {(new if key == path else key): value for key, value in root["paths"].items()}
    return f"path {path!r} := {new!r}", {path, new}


def one(rng: random.Random, original: dict[str, Any]) -> tuple[dict[str, Any], str, set[str] | None]:
    """A broken copy, what was done, and the paths that were touched (None: maybe all)."""
    root = copy.deepcopy(original)
    paths = [p for p in root.get("paths") or {} if isinstance(root["paths"][p], dict)]
    kind = rng.random()
    if kind < 0.1 and paths:
        what, touched = mutate_path(rng, root)
        return root, what, touched
    if kind < 0.8 and paths:
        path = rng.choice(paths)
        done = [rng.choice(MUTATIONS)(rng, root["paths"][path]) for _ in range(rng.choice((1, 1, 2, 4)))]
        return root, f"{path}: " + "; ".join(done), {path}
    if kind < 0.85:
        done = [rng.choice(MUTATIONS)(rng, {k: v for k, v in root.items() if k != "paths"}) for _ in range(2)]
        return root, "outside the paths: " + "; ".join(done), None
    key = rng.choice([k for k in root if k != "paths"] or ["paths"])
    if kind < 0.93:
        root[key] = copy.deepcopy(rng.choice((*_ODD, *_ODD_VALUES.get(key, ()))))
        return root, f"/{key} := {json.dumps(root[key], default=str)[:60]}", None
    done = [rng.choice(MUTATIONS)(rng, root) for _ in range(8)]
    return root, "anywhere: " + "; ".join(done), None


class Run:
    """Counts mutations and tells failures."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.done = 0
        self.slowest = 0.0

    def fail(self, rule: str, name: str, mutation: str, what: str) -> None:
        self.failures[rule] += 1
        print(f"{rule} | {name} | {mutation[:300]} | {what[:400]}")

    def check(
        self, name: str, before: list[dict[str, Any]], root: dict[str, Any], mutation: str, touched: set[str] | None
    ) -> None:
        try:
            data = json.dumps(root).encode()
        except (TypeError, ValueError):
            return
        self.done += 1
        started = time.process_time()
        try:
            document = read_document(data, name=name)
            tools, notes = build_tools(document, ToolOptions(), set())
            lines = json.loads(json.dumps(steward.lines((document, tools, notes))))
        except DocumentError as error:
            if not re.search(r"openapi|swagger|/paths :=|'paths'", mutation):
                self.fail("document-lost", name, mutation, str(error))
            return
        except Exception:
            self.fail("exception", name, mutation, " / ".join(traceback.format_exc().splitlines()[-5:]))
            return
        self.slowest = max(self.slowest, time.process_time() - started)
        if time.process_time() - started > MAX_SECONDS:
            self.fail("slow", name, mutation, f"{time.process_time() - started:.1f} s")
        self._form(name, data, lines, mutation, touched)
        if touched is not None:
            self._untouched(name, before, lines, mutation, touched)

    def _form(
        self, name: str, data: bytes, lines: list[dict[str, Any]], mutation: str, touched: set[str] | None
    ) -> None:
        try:
            source: Source = from_bytes(data)
        except ValueError:
            return
        verdict = grade(source, lines)
        for finding in verdict.findings:
            inside = touched is None or finding.path in touched
            if finding.rule in BASIC or (finding.rule in _ALWAYS):
                if inside and finding.rule in ("untyped-parameter", "missing-body"):
                    continue
                self.fail(
                    finding.rule, name, mutation, f"{finding.method} {finding.path} {finding.where} {finding.what}"
                )
        for line in lines:
            if str(line.get("skipped", "")).startswith(("it could not be read (", "it made no tool (")):
                self.fail("net", name, mutation, f"{line['method']} {line['path']}: {line['skipped']}")

    def _untouched(
        self, name: str, before: list[dict[str, Any]], after: list[dict[str, Any]], mutation: str, touched: set[str]
    ) -> None:
        now = {(line.get("method"), line.get("path")): line for line in after}
        for line in before:
            if line.get("path") in touched or "skipped" in line:
                continue
            other = now.get((line["method"], line["path"]))
            if other is None or "skipped" in other:
                self.fail("untouched-lost", name, mutation, f"{line['method']} {line['path']}: {other}")
            elif other["parameters"] != line["parameters"] or other["arguments"] != line["arguments"]:
                self.fail("untouched-changed", name, mutation, f"{line['method']} {line['path']}")


_ALWAYS = frozenset({"argument-map", "open-schema", "oversize", "effect", "unknown-operation"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=10, help="mutations a document")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-bytes", type=int, default=300_000, help="larger documents are left out")
    options = parser.parse_args()
    run = Run()
    for path in sorted(options.corpus.iterdir()):
        if path.stat().st_size > options.max_bytes:
            continue
        original = from_bytes(path.read_bytes()).root
        rng = random.Random(f"{options.seed}/{path.name}")
        before = json.loads(json.dumps(steward.lines(steward.load(path))))
        for _ in range(options.rounds):
            root, mutation, touched = one(rng, original)
            run.check(path.name, before, root, mutation, touched)
    print(f"{run.done} mutations, slowest {run.slowest:.2f} s, failures: {dict(run.failures) or 'none'}")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
