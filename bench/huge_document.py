"""An honest document of 20,000 operations and some 49 MB: what reading it costs; `python -m bench.huge_document`.

Prints the CPU and peak memory of each stage in a process of its own, up to a gateway's toolsets with all of its tools.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
OPERATIONS, SCHEMAS, BYTES = 20_000, 4_000, 49_000_000
_WORDS = re.findall(
    r"\w+",
    "account address agreement amount branch building card charge city code contract created currency customer date"
    " delivery discount district due email fee floor group house invoice item key label lease level meter name note"
    " number office order owner parcel parking payment period person phone plan price rate reading region repair report"
    " request room service state status street tariff tenant ticket total type unit user value",
)
# Models know others of their own group only, as the classes of one module do.
_GROUP = 16


def document(operations: int = OPERATIONS, size: int = BYTES) -> dict[str, Any]:
    """As generators write them: shared schemas that refer to each other, descriptions everywhere."""
    rng = random.Random(1)
    schemas = {f"Model{i}": _schema(rng, i) for i in range(SCHEMAS)}
    paths: dict[str, Any] = {}
    for number in range(operations // 4):
        one, other = rng.sample(_WORDS, 2)
        base = f"/{one}/{number}/{other}"
        paths[base] = {
            "get": _operation(rng, f"list{number}", []),
            "post": _operation(rng, f"make{number}", [], body=True),
        }
        paths[base + "/{id}"] = {
            "get": _operation(rng, f"get{number}", ["id"]),
            "put": _operation(rng, f"change{number}", ["id"], body=True),
        }
    root = {"openapi": "3.0.3", "info": {"title": "Huge", "version": "1"}, "paths": paths,
            "components": {"schemas": schemas}}  # fmt: skip
    missing = size - len(json.dumps(root))
    filler = " ".join(rng.choice(_WORDS) for _ in range(40))
    each = max(0, missing // operations)
    for item in paths.values():
        for operation in item.values():
            operation["description"] = (filler * (each // len(filler) + 1))[:each]
    return root


def _schema(rng: random.Random, number: int) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name in rng.sample(_WORDS, 12):
        kind = rng.choice(("string", "integer", "number", "boolean"))
        properties[name] = {"type": kind, "description": f"The {name} of it, as the system of record has it"}
    first = number - number % _GROUP
    if number > first:
        properties["parent"] = {"$ref": f"#/components/schemas/Model{rng.randrange(first, number)}"}
        items = {"$ref": f"#/components/schemas/Model{rng.randrange(first, number)}"}
        properties["parts"] = {"type": "array", "items": items}
    return {"type": "object", "required": list(properties)[:3], "properties": properties}


def _operation(rng: random.Random, name: str, in_path: list[str], *, body: bool = False) -> dict[str, Any]:
    def content() -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/Model{rng.randrange(SCHEMAS)}"}}}

    parameters = [{"name": p, "in": "path", "required": True, "schema": {"type": "integer"}} for p in in_path]
    parameters += [
        {"name": p, "in": "query", "description": f"Only those with this {p}", "schema": {"type": "string"}}
        for p in ([] if body else rng.sample(_WORDS, 5))
    ]
    found: dict[str, Any] = {
        "operationId": name, "summary": f"{name} {rng.choice(_WORDS)}", "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": content()}, "400": {"description": "wrong"}},
    }  # fmt: skip
    return found | ({"requestBody": {"required": True, "content": content()}} if body else {})


def stages(path: Path) -> None:
    """The child: each stage's CPU, printed as it ends."""
    from integrations.catalogue import load_catalogue
    from integrations.openapi.load import load_document
    from integrations.openapi.model import ToolOptions
    from integrations.openapi.tools import build_tools
    from integrations.toolset import CatalogueToolsets

    started = time.process_time()

    def say(what: str) -> None:
        nonlocal started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(f"| {what} | {time.process_time() - started:.1f} s | {peak:.0f} MB |", flush=True)
        started = time.process_time()

    loaded = load_document(path)
    say(f"read ({len(loaded.operations):,} operations)")
    tools, notes = build_tools(loaded, ToolOptions(), set())
    say(f"tools ({len(tools):,}; {len(notes)} notes)")
    del loaded, tools, notes
    settings = (
        f"upstreams:\n  huge: {{document: {path.name}, base_url: 'http://127.0.0.1:1', max_operations: 100000}}\n"
    )
    (path.parent / "upstreams.yaml").write_text(settings, encoding="utf-8")
    catalogue = load_catalogue(path.parent / "upstreams.yaml", {})
    say("a catalogue of it")
    CatalogueToolsets(catalogue)
    say("its toolsets, with the index of tool search")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--yaml", action="store_true", help="as YAML, a tenth of it")
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages is not None:
        stages(options.stages)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("huge.yaml" if options.yaml else "huge.json")
        if options.yaml:
            import yaml

            path.write_text(
                yaml.dump(document(OPERATIONS // 10, BYTES // 10), Dumper=yaml.CSafeDumper), encoding="utf-8"
            )
        else:
            path.write_text(json.dumps(document()), encoding="utf-8")
        print(
            f"{path.name}: {path.stat().st_size / 1e6:.1f} MB\n\n| stage | CPU | peak memory |\n|---|---|---|",
            flush=True,
        )
        return subprocess.run(
            [sys.executable, "-m", "bench.huge_document", "--stages", str(path)], cwd=PROJECT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
