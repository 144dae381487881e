"""How well and how fast the ranking finds the right operation among many; run as
`python -m bench.toolsearch CORPUS [--misses]`, where CORPUS is a folder of OpenAPI documents.

Reads the queries of `toolsearch.yaml` beside it and prints, for each catalogue and language, in how many of them a
right operation is the first, among the first 5, 10, 20 and 40, what the 40 tools weigh (median and most), the time to
build the index and the time of a query.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from integrations.catalogue import Catalogue, load_catalogue
from integrations.models.embedded.text import HAN, terms
from integrations.toolsearch import Indexed, ToolIndex
from integrations.toolset import CatalogueToolsets
from schemas.jsontext import to_json

QUERIES = Path(__file__).with_suffix(".yaml")
SHIPPED = Path(__file__).resolve().parent.parent / "openapi"
WITHIN = (1, 5, 10, 20, 40)


def catalogue_of(documents: Sequence[str], corpus: Path) -> Catalogue:
    """One catalogue of several documents; "shipped" stands for the project's own with what its file says of them."""
    upstreams: dict[str, Any] = {}
    for number, name in enumerate(documents):
        if name == "shipped":
            shipped = yaml.safe_load((SHIPPED / "upstreams.yaml").read_text(encoding="utf-8"))["upstreams"]
            for own, settings in shipped.items():
                kept = {key: settings[key] for key in ("title", "operations", "drop", "hide") if key in settings}
                where = {"document": str(SHIPPED / settings["document"]), "base_url": "http://127.0.0.1:1"}
                upstreams[own] = kept | where
        else:
            upstreams[f"u{number}"] = {"document": str(corpus / name), "base_url": "http://127.0.0.1:1"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upstreams.yaml"
        path.write_text(json.dumps({"upstreams": upstreams}), encoding="utf-8")
        return load_catalogue(path, {})


@dataclass(frozen=True)
class Measured:
    """One query: its catalogue and language, the place of the first right tool (from 0; None: not among the first 40)
    and the bytes of the tools that were found, as JSON."""

    catalogue: str
    query: str
    place: int | None
    size: int

    @property
    def language(self) -> str:
        return "zh" if HAN.search(self.query) else "en"


def measure(name: str, said: Mapping[str, Any], corpus: Path) -> list[Measured]:
    """Ask a catalogue all its queries and print its row."""
    catalogue = catalogue_of(said["documents"], corpus)
    keys = {target.tool.name: target.tool.operation.key for target in catalogue.tools.values()}
    started = time.perf_counter()
    toolset = CatalogueToolsets(catalogue).for_token(None)
    index_s = time.perf_counter() - started
    measured: list[Measured] = []
    spent = 0.0
    for case in said["queries"]:
        unknown = set(case["right"]) - set(keys.values())
        if unknown:
            raise SystemExit(f"{name}: no document has {sorted(unknown)}")
        started = time.perf_counter()
        found = toolset.find([case["query"]], max(WITHIN))
        spent += time.perf_counter() - started
        places = [place for place, spec in enumerate(found) if keys[spec.name] in case["right"]]
        size = sum(len(to_json([spec.name, spec.description, spec.parameters]).encode()) for spec in found)
        measured.append(Measured(name, case["query"], places[0] if places else None, size))
    times = f"{index_s:>6.2f}s{spent / len(measured) * 1000:>6.2f}ms"
    print(f"{name:<14}{len(keys):>6}{_row(measured)}{times}")
    return measured


def _row(measured: Sequence[Measured]) -> str:
    """The number of queries, the share that is right among the first so many, the bytes of 40 tools."""
    hits = [sum(m.place is not None and m.place < k for m in measured) / len(measured) for k in WITHIN]
    sizes = sorted(m.size for m in measured)
    weight = f"{sizes[len(sizes) // 2] / 1000:>8.0f}{sizes[-1] / 1000:>6.0f}"
    return f"{len(measured):>9}" + "".join(f"{share:>7.0%}" for share in hits) + weight


def main() -> None:
    """Print the table; with --misses also the queries whose operation is not among the first 10."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    head = "".join(f"{f'@{k}':>7}" for k in WITHIN)
    print(f"{'catalogue':<14}{'tools':>6}{'queries':>9}{head}{'KB of 40':>9}{'most':>5}  index   query")
    measured: list[Measured] = []
    for name, said in yaml.safe_load(QUERIES.read_text(encoding="utf-8"))["catalogues"].items():
        measured += measure(name, said, options.corpus)
    for language in ("en", "zh"):
        print(f"{language:<14}{'':>6}{_row([m for m in measured if m.language == language])}")
    print(f"{'all':<14}{'':>6}{_row(measured)}")
    if options.misses:
        for miss in (m for m in measured if m.place is None or m.place >= 10):
            print(f"{miss.catalogue}: {miss.query} ({'not found' if miss.place is None else miss.place + 1})")
    _large()


def _large() -> None:
    """Time and memory of 20,000 tools with invented words."""
    text = "{} {} of the {} with its {} and {} by number {}"
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("an", "el", "or", "un") for c in ("", "ta", "mik", "oso")]
    tools = [
        Indexed(
            f"tool{n}",
            {
                "summary": terms(text.format(*(words[(n * step) % len(words)] for step in (1, 7, 11, 13, 17)), n)),
                "description": terms(" ".join(words[(n * 31 + i * 5) % len(words)] for i in range(60))),
            },
            words[n % 40],
        )
        for n in range(20_000)
    ]
    tracemalloc.start()
    started = time.perf_counter()
    index = ToolIndex(tools)
    built = time.perf_counter() - started
    size = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    started = time.perf_counter()
    for number in range(50):
        index.rank(f"{words[number]} of {words[number + 3]} by {words[number + 9]}", 40)
    query_ms = (time.perf_counter() - started) * 20
    print(f"20,000 tools: index {built:.1f} s (while memory is traced), {size:.0f} MB, a query {query_ms:.1f} ms")


if __name__ == "__main__":
    main()
