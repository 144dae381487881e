"""Measures OpenAPI engines over a folder of real documents, side by side: `make bench-openapi CORPUS=DIR`.

Each engine runs in a child process of its own (`engines/`), all take each document in turn, and `openapi_grade.py`
judges what they make of it against the document itself. `README.md` beside this file explains every figure.
"""

from __future__ import annotations

import argparse
import json
import select
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import openapi_document, openapi_grade, openapi_wire

PROJECT = Path(__file__).resolve().parent.parent
WIRE_CASES = PROJECT / "tests/unit/integrations/upstream/wire_cases.yaml"
PEERS = ("fastmcp", "google_adk", "openapi_llm")
VERSIONS = ("2.0", "3.0", "3.1")
TIMEOUT_S = 120.0


class Engine:
    """One engine's child process. A document that it does not answer in time costs that document."""

    def __init__(self, python: Path, module: str, root: Path) -> None:
        self.command = [str(python), "-m", module]
        self.root = root
        self.import_cpu = 0.0
        self.name = module
        self.peak = 0
        self._start()

    def _start(self) -> None:
        self._child = subprocess.Popen(
            self.command, cwd=self.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._buffer = b""
        ready = self._read()
        self.name, self.import_cpu = ready["ready"], ready["import"]

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(job).encode() + b"\n")
            self._child.stdin.flush()
            return self._read()
        except (TimeoutError, BrokenPipeError, EOFError) as error:
            self._child.kill()
            self._child.wait()
            self._start()
            return {"error": f"no answer ({type(error).__name__})", "cpu": TIMEOUT_S}

    def _read(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        while b"\n" not in self._buffer:
            if not select.select([self._child.stdout], [], [], TIMEOUT_S)[0]:
                raise TimeoutError
            data = self._child.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            if not data:
                raise EOFError
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self.peak = self.ask({"memory": True}).get("bytes", 0)
        self._child.stdin.close()  # type: ignore[union-attr]
        self._child.wait(10)


@dataclass
class Figures:
    """What was measured of one engine."""

    name: str
    loaded: int = 0
    cpu: list[float] = field(default_factory=list)
    operations: Counter[str] = field(default_factory=Counter)
    complete: Counter[str] = field(default_factory=Counter)
    strictly: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    largest: int = 0
    oversize: int = 0
    wire: dict[str, str] = field(default_factory=dict)
    import_cpu: float = 0.0
    peak: int = 0

    def add(self, document: str, source: openapi_document.Source, answer: dict[str, Any]) -> None:
        """One document's answer."""
        self.cpu.append(answer.get("cpu", 0.0))
        if "error" in answer:
            self.operations[source.version] += sum(1 for _ in source.operations())
            self.findings.append(f"not-loaded | {document} | {answer['error']}")
            return
        self.loaded += 1
        verdict = openapi_grade.grade(source, answer["lines"])
        self.operations[verdict.version] += verdict.operations
        self.complete[verdict.version] += verdict.complete
        self.strictly[verdict.version] += verdict.strictly
        self.rules.update(finding.rule for finding in verdict.findings)
        self.largest = max(self.largest, verdict.largest)
        self.skipped += [f"skipped | {document} | {method} {path} | {why}" for method, path, why in verdict.skipped]
        self.findings += [
            f"{f.rule} | {document} | {f.method} {f.path} | {f.where} | {f.what}" for f in verdict.findings
        ]


def run_documents(engines: list[Engine], documents: list[Path], command: dict[str, Any]) -> tuple[list[Figures], int]:
    """All engines over all documents, in turn; the one that begins changes with every document.

    `command` holds, by document, what Steward's command printed: that is graded in place of its child's answer.
    """
    figures = [Figures(engine.name) for engine in engines]
    readable = 0
    for number, path in enumerate(documents):
        try:
            source = openapi_document.read(path)
        except openapi_document.Unreadable as error:
            print(f"{path.name}: left out, {error}", file=sys.stderr)
            continue
        readable += 1
        for turn in range(len(engines)):
            index = (number + turn) % len(engines)
            answer = engines[index].ask({"load": str(path)})
            if engines[index].name == "steward" and command:
                answer = {
                    "cpu": answer.get("cpu", 0.0),
                    **command.get(path.name, {"error": "the command said nothing"}),
                }
            figures[index].add(path.name, source, answer)
    return figures, readable


def run_wire(engines: list[Engine], figures: list[Figures], cases: list[dict[str, Any]]) -> None:
    """Every case through every engine: its tool, the case's arguments under the tool's names, the request."""
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            path = Path(folder) / f"case{number}.json"
            path.write_text(json.dumps(openapi_wire.document(case)), "utf-8")
            for engine, figure in zip(engines, figures, strict=True):
                figure.wire[case["name"]] = _wire_case(engine, case, path)


def _wire_case(engine: Engine, case: dict[str, Any], path: Path) -> str:
    """ "" where the request is right, else what is wrong."""
    loaded = engine.ask({"load": str(path)})
    tools = [line for line in loaded.get("lines", []) if "skipped" not in line]
    if not tools:
        return str(loaded.get("error") or loaded.get("lines") or "no tool")
    arguments = openapi_wire.arguments(tools[0], case.get("args") or {})
    answer = engine.ask(
        {"call": str(path), "tool": tools[0]["name"], "arguments": arguments, "base_url": case.get("base_url")}
    )
    if "error" in answer:
        return str(answer["error"])
    return "; ".join(openapi_wire.mistakes(case["expect"], answer["request"]))


def command_lines(python: Path, root: Path, documents: list[Path]) -> dict[str, Any]:
    """What `python app.py tools --json DOC...` prints, by document: {"lines"} or {"error"}; {} without --json."""
    ran = subprocess.run(
        [str(python), "app.py", "tools", "--json", *map(str, documents)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode == 2 and not ran.stdout:
        print("`app.py tools` knows no --json here: the engine's functions are graded instead.", file=sys.stderr)
        return {}
    found: dict[str, Any] = {}
    for text in ran.stdout.splitlines():
        line = json.loads(text)
        name = Path(line.pop("document", documents[0].name)).name
        if "error" in line:
            found[name] = {"error": line["error"]}
        else:
            found.setdefault(name, {"lines": []}).setdefault("lines", []).append(line)
    for path in documents:
        found.setdefault(path.name, {"lines": []})
    return found


def table(figures: list[Figures], readable: int) -> str:
    """The figures as Markdown."""
    rows: list[tuple[str, list[str]]] = [
        ("documents that load", [f"{_percent(f.loaded, readable)} ({f.loaded}/{readable})" for f in figures]),
    ]
    for version in VERSIONS:
        if any(f.operations[version] for f in figures):
            total = figures[0].operations[version]
            rows.append(
                (
                    f"complete tools, {version} ({total} operations)",
                    [_percent(f.complete[version], f.operations[version]) for f in figures],
                )
            )
    rows += [
        (
            "complete by the stricter rules",
            [_percent(sum(f.strictly.values()), sum(f.operations.values())) for f in figures],
        ),
        ("left out with a reason / silently", [f"{len(f.skipped)} / {f.rules['missing-operation']}" for f in figures]),
        (
            "invalid schemas / dangling refs",
            [f"{f.rules['invalid-schema']} / {f.rules['dangling-ref']}" for f in figures],
        ),
        ("bad / duplicate names", [f"{f.rules['bad-name']} / {f.rules['duplicate-name']}" for f in figures]),
        ("CPU, median per document", [f"{statistics.median(f.cpu) * 1000:.1f} ms" for f in figures]),
        ("CPU, all documents", [f"{sum(f.cpu):.1f} s" for f in figures]),
        ("CPU of its imports", [f"{f.import_cpu:.1f} s" for f in figures]),
        ("peak memory", [f"{f.peak / 1e6:.0f} MB" for f in figures]),
        ("largest tool", [f"{f.largest:,} B" for f in figures]),
        ("tools over 8,000 B", [str(f.rules["oversize"]) for f in figures]),
    ]
    if figures[0].wire:
        rows.append(
            (
                f"requests right ({len(figures[0].wire)} cases)",
                [str(sum(not w for w in f.wire.values())) for f in figures],
            )
        )
    head = "| | " + " | ".join(f.name for f in figures) + " |\n|---|" + "---|" * len(figures) + "\n"
    return head + "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in rows)


def _percent(part: int, whole: int) -> str:
    """Never 100 % where one is missing."""
    if not whole:
        return "-"
    return "100 %" if part == whole else f"{int(part / whole * 1000) / 10} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path, nargs="?", help="a folder of OpenAPI documents (JSON or YAML)")
    parser.add_argument("--wire", type=Path, default=WIRE_CASES, help="the request-serialisation cases")
    parser.add_argument(
        "--peers-python",
        type=Path,
        default=PROJECT / ".venv-bench/bin/python",
        help="the interpreter that has the other engines; without it Steward alone is measured",
    )
    parser.add_argument("--details", type=Path, help="write every finding into this file, one a line")
    parser.add_argument("--only-functions", action="store_true", help="grade the engine's functions, not the command")
    options = parser.parse_args()
    if options.corpus is None or not options.corpus.is_dir():
        print("Name a folder of OpenAPI documents: make bench-openapi CORPUS=DIR", file=sys.stderr)
        return 2
    documents = sorted(p for p in options.corpus.iterdir() if p.suffix.lower() in (".json", ".yaml", ".yml"))
    python = Path(sys.executable)
    command = {} if options.only_functions else command_lines(python, PROJECT, documents)
    engines = [Engine(python, "bench.engines.steward", PROJECT)]
    if options.peers_python.exists():
        for peer in PEERS:
            try:
                engines.append(Engine(options.peers_python, f"bench.engines.peer_{peer}", PROJECT))
            except EOFError:
                print(f"{peer} is not installed for {options.peers_python}", file=sys.stderr)
    figures, readable = run_documents(engines, documents, command)
    run_wire(engines, figures, openapi_wire.read_cases(options.wire))
    for engine, figure in zip(engines, figures, strict=True):
        engine.close()
        figure.import_cpu, figure.peak = engine.import_cpu, engine.peak
    print(table(figures, readable))
    _tell(figures[0])
    if options.details:
        _details(options.details, figures)
    return 0


def _tell(steward: Figures) -> None:
    """Under the table: what Steward left out, and the rules that it breaks."""
    for line in steward.skipped:
        print(line)
    for rule, count in steward.rules.most_common():
        print(f"{rule}: {count}")
    for case, wrong in steward.wire.items():
        if wrong:
            print(f"wire | {case} | {wrong}")


def _details(path: Path, figures: list[Figures]) -> None:
    lines = [
        f"{figure.name} | {line}"
        for figure in figures
        for line in (*figure.findings, *figure.skipped, *(f"wire | {c} | {w}" for c, w in figure.wire.items() if w))
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
