"""`python app.py check`: a report on documents or on the whole catalogue, for engineers and the documents' writers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands.addresses import advise_addresses
from integrations.catalogue import Catalogue
from integrations.openapi.advice import Advice, advise
from integrations.openapi.load import Limits, load_document
from integrations.openapi.model import Document, Note, Tool, ToolOptions
from integrations.openapi.tools import build_tools
from integrations.upstream.target import Target
from schemas.errors import DocumentError
from schemas.jsontext import to_json

_SHOWN = 8
# What a note's action means to a reader, in the order of the report.
_HEADINGS = {
    "skipped": "LEFT OUT: cannot be used",
    "dropped": "left out as upstreams.yaml says",
    "mended": "mended",
    "cut": "shortened for the model",
    "noticed": "noteworthy",
}
_ADVICE = {
    "summary": "summaries a model can choose by",
    "arguments": "arguments without a description",
    "enums": "codes without a meaning",
    "size": "large tools",
    "effect": "read or write?",
    "answer": "answers without a schema",
    "money": "amounts without a unit",
    "alike": "tools that say the same of themselves",
    "addresses": "arguments that are addresses",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one document; `error` is set where it did not load, and then the rest is empty.

    `settled` are the rules of advice that upstreams.yaml has answered, by operation key.
    """

    name: str
    document: Document | None
    tools: tuple[Tool, ...]
    notes: tuple[Note, ...]
    error: DocumentError | None = None
    settled: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether something cannot be used against the will of whoever configured it."""
        return self.error is not None or any(note.action == "skipped" for note in self.notes)


def of_documents(paths: Sequence[Path], limits: Limits | None = None) -> Iterator[Report]:
    """A report on each document as it is, without upstreams.yaml."""
    for path in paths:
        try:
            document = load_document(path, limits=limits)
        except DocumentError as error:
            yield Report(str(path), None, (), (), error)
            continue
        tools, notes = build_tools(document, ToolOptions(), set())
        yield Report(str(path), document, tuple(tools), (*document.notes, *notes))


def of_catalogue(catalogue: Catalogue) -> Iterator[Report]:
    """A report on each upstream as upstreams.yaml shapes it, and on the file itself."""
    for name, notes in catalogue.reports.items():
        upstream = catalogue.upstreams.get(name)
        if name in catalogue.failures:
            yield Report(name, None, (), (), catalogue.failures[name])
        elif upstream is not None:
            targets = catalogue.tools_of(name)
            settled = {target.tool.operation.key: _settled(target) for target in targets}
            yield Report(name, upstream.document, tuple(t.tool for t in targets), notes, settled=settled)
        elif notes:
            yield Report("upstreams.yaml", None, (), notes)


def _settled(target: Target) -> set[str]:
    """The rules of advice that upstreams.yaml answers for an operation."""
    said = target.settings
    given = {"summary": said.description, "effect": said.effect, "money": said.money}
    return {rule for rule, value in given.items() if value}


def print_reports(reports: Iterable[Report], *, every: bool, as_json: bool) -> int:
    """Print each report as it comes; the exit code: 1 where one of them has errors."""
    code = 0
    for report in reports:
        code = 1 if report.failed else code
        lines = _json_lines(report) if as_json else _lines(report, every)
        print("\n".join(lines), flush=True)
    return code


def _json_lines(report: Report) -> Iterator[str]:
    """One summary object, then one object a finding."""
    if report.error is not None:
        yield to_json({"document": report.name, "error": str(report.error)})
        return
    summary: dict[str, Any] = {"document": report.name, "failed": report.failed, "tools": len(report.tools)}
    if report.document is not None:
        summary |= {
            "version": report.document.version,
            "title": report.document.title,
            "sha256": report.document.digest,
        }
    yield to_json(summary)
    for note in report.notes:
        found = {"kind": note.action, "pointer": note.pointer, "operation": note.operation, "text": note.reason}
        yield to_json({"document": report.name, **found})
    for advice in _advice(report):
        place = {"pointer": advice.pointer, "operation": advice.operation, "text": advice.text}
        yield to_json({"document": report.name, "kind": "advice", "rule": advice.rule, **place})


def _advice(report: Report) -> list[Advice]:
    found = advise(report.document, report.tools) if report.document is not None else []
    found += advise_addresses(report.tools)
    return [one for one in found if one.rule not in report.settled.get(one.operation, ())]


def _lines(report: Report, every: bool) -> Iterator[str]:
    if report.error is not None:
        yield f"{report.name}\n  DOES NOT LOAD: {report.error.reason}"
        if report.error.pointer:
            yield f"  at #{report.error.pointer}"
        yield ""
        return
    document = report.document
    yield report.name
    if document is not None:
        yield f"  {document.title}, OpenAPI {document.version}, sha256 {document.digest}"
        writes = sum(tool.effect == "write" for tool in report.tools)
        yield f"  {len(report.tools)} tools ({len(report.tools) - writes} read, {writes} write)"
    for action, heading in _HEADINGS.items():
        notes = [note for note in report.notes if note.action == action]
        yield from _section(heading, [_said(n.operation, n.pointer, n.reason) for n in notes], every)
    advice = _advice(report)
    if advice:
        yield "  What the document's writer should improve for a model:"
    for rule, heading in _ADVICE.items():
        said = [_said(one.operation, "", one.text) for one in advice if one.rule == rule]
        yield from _section(heading, said, every)
    yield ""


def _said(operation: str, pointer: str, reason: str) -> str:
    if not operation:
        return f"#{pointer}: {reason}" if pointer else reason
    inside = pointer.partition("/paths/")[2].split("/", 2)[2:]
    return f"{operation}{' at ' + inside[0] if inside else ''}: {reason}"


def _section(heading: str, lines: Sequence[str], every: bool) -> Iterator[str]:
    if not lines:
        return
    yield f"  {heading} ({len(lines)})"
    shown = lines if every else lines[:_SHOWN]
    yield from (f"    {line}" for line in shown)
    if len(shown) < len(lines):
        yield f"    … and {len(lines) - len(shown)} more (--all)"
