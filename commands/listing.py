"""`python app.py tools`: the tools of the catalogue, and what did not become one and why."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.catalogue import load_catalogue
from schemas.settings import Settings


def print_catalogue(settings: Settings, environment: Mapping[str, str]) -> None:
    """One line a tool (name, effect, operation), then one line a note."""
    catalogue = load_catalogue(settings.upstreams, environment)
    for name, bound in sorted(catalogue.tools.items()):
        operation = bound.tool.operation
        print(f"{name:<34} {bound.tool.effect:<6} {operation.document} {operation.key}")
    for note in catalogue.notes:
        print(f"{note.action:<8} {note.document}#{note.pointer} {note.operation}: {note.reason}")
