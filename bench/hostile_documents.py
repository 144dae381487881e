"""What hostile documents cost: CPU and memory of each, read in a child process of its own with finite resources.

`python -m bench.hostile_documents [NAME-PART]` prints a table and exits 1 where one costs more than its budget or ends
its process. With `--measure FILE` it is the child: it reads one document as a gateway does and prints what it found.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
MAX_CPU_S, MAX_MEMORY = 2.0, 100_000_000
# What the child may have at all, whatever the document: it must end by itself long before.
CHILD_CPU_S, CHILD_ADDRESS_SPACE = 30, 2 * 1024**3


def measure(path: Path) -> dict[str, Any]:
    """The document through every stage that start-up and a first call have; CPU in s, memory in bytes over imports."""
    from integrations.openapi.advice import advise
    from integrations.openapi.labels import response_labels
    from integrations.openapi.load import load_document
    from integrations.openapi.model import ToolOptions
    from integrations.openapi.tools import build_tools
    from integrations.openapi.validate import compile_schema
    from schemas.errors import DocumentError

    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found: dict[str, Any] = {"tools": 0}
    try:
        document = load_document(path, name="d")
        tools, notes = build_tools(document, ToolOptions(), set())
        for tool in tools:
            compile_schema(tool.parameters)
            response_labels(tool.operation)
        found["advice"] = len(advise(document, tools))
        sizes = [len(json.dumps([t.name, t.description, t.parameters])) for t in tools]
        reasons = [note.reason for note in (*document.notes, *notes)]
        found |= {
            "tools": len(tools),
            "largest": max(sizes, default=0),
            "notes": len(reasons),
            "reasons": [reason[:300] for reason in dict.fromkeys(reasons)][:20],
            "net": [r for r in reasons if r.startswith(("it could not be read (", "it made no tool ("))][:5],
        }
    except DocumentError as error:
        found["error"] = error.reason
    found["cpu"] = time.process_time() - started
    found["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return found


def in_child(data: bytes) -> dict[str, Any]:
    """What `measure` says of a document, or how its process ended."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.yaml"
        path.write_bytes(data)
        ran = subprocess.run(
            [sys.executable, "-m", "bench.hostile_documents", "--measure", str(path)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    if ran.returncode != 0:
        last = ran.stderr.strip().splitlines()[-1:] or [""]
        return {"ended": f"exit code {ran.returncode} {last[0]}"}
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_ADDRESS_SPACE, CHILD_ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CHILD_CPU_S, CHILD_CPU_S))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", nargs="?", default="", help="only the attacks whose name has this part")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        _limit()
        print(json.dumps(measure(options.measure)))
        return 0
    from tests.support.hostile_documents import HOSTILE

    wrong = 0
    print("| attack | case | size | CPU | memory | what becomes of it |\n|---|---|---|---|---|---|")
    for attack in HOSTILE:
        if options.part not in attack.name:
            continue
        data = attack.make()
        found = in_child(data)
        cpu, memory = found.get("cpu", float("inf")), found.get("memory", float("inf"))
        said = found.get("ended") or found.get("error") or f"{found['tools']} tools, {found['notes']} notes"
        over = cpu > MAX_CPU_S or memory > MAX_MEMORY or bool(found.get("net")) or found.get("largest", 0) > 8_000
        over = over or bool(attack.refused) is not bool(found.get("error")) or found.get("tools") != attack.tools
        wrong += over
        mark = " **!**" if over else ""
        size = f"{len(data) / 1e6:.2f} MB"
        print(f"| {attack.name}{mark} | {attack.case} | {size} | {cpu:.2f} s | {memory / 1e6:.0f} MB | {said[:110]} |")
        sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
