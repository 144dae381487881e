"""Reads `docs/upstreams.md`: its configurations as files, its table of keys; `python -m tests.support.upstreams_page`
writes the table anew."""

from __future__ import annotations

import re
from pathlib import Path

from integrations.upstream.config_schema import keys

PAGE = Path(__file__).resolve().parents[2] / "docs" / "upstreams.md"
_TABLE = re.compile(r"(<!-- keys: begin[^\n]*-->\n)(.*?)(<!-- keys: end -->)", re.DOTALL)
_SECTION = re.compile(r"^### (.+?)\n(.*?)(?=^##)", re.DOTALL | re.MULTILINE)


def configurations() -> dict[str, str]:
    """The YAML block of each section that shows a whole system, by the section's title."""
    sections = _SECTION.findall(PAGE.read_text(encoding="utf-8"))
    return {title: re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0] for title, text in sections}


def table() -> str:
    """The table as the page has it."""
    found = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found[2]


def table_of_models() -> str:
    """The table as the models say it."""
    rows = ["", "| key | default | |", "|---|---|---|"]
    rows += [f"| `{path}` | {f'`{default}`' if default else ''} | {said} |" for path, default, said in keys()]
    return "\n".join(rows) + "\n\n"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(lambda found: found[1] + table_of_models() + found[3], page), encoding="utf-8")
