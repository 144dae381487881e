"""`python app.py settings`: every setting with its meaning; `docs/configuration.md` is made of it."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.table import Table

from schemas.jsontext import to_json
from schemas.settings import PROJECT, Settings

_SECRET = "***"  # noqa: S105 - what stands in place of one


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` and `value` are as its variable would be written; a secret's value is never told."""

    variable: str
    default: str
    value: str
    bounds: str
    meaning: str
    is_set: bool


def listed(settings: Settings) -> Iterator[Setting]:
    """Every setting in the order of the model."""
    for name, info in Settings.model_fields.items():
        yield Setting(
            variable=str(info.validation_alias or f"STEWARD_{name.upper()}"),
            default=_written(info.get_default(call_default_factory=True)),
            value=_written(getattr(settings, name)),
            bounds=_bounds(info),
            meaning=info.description or "",
            is_set=name in settings.model_fields_set,
        )


def print_settings(settings: Settings, *, as_json: bool) -> None:
    """A table for people, or one object a line; those that the environment sets are marked."""
    if as_json:
        for one in listed(settings):
            print(to_json({name: getattr(one, name) for name in ("variable", "value", "default", "is_set", "meaning")}))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning")
    for one in listed(settings):
        table.add_row(("* " if one.is_set else "  ") + one.variable, one.value, one.meaning)
    console = Console()
    console.print(table)
    console.print("* set in the environment; all others are defaults")


def markdown() -> str:
    """The reference, from the model alone: no environment is read."""
    # only defaults: `construct` reads no variables
    rows = [
        f"| `{one.variable}` | {f'`{one.default}`' if one.default else ''} | {one.bounds} | {_cell(one.meaning)} |"
        for one in listed(Settings.model_construct())
    ]
    return "\n".join([*_HEAD, *rows]) + "\n"


_HEAD = (
    "# Configuration",
    "",
    "<!-- python app.py settings --markdown > docs/configuration.md; made from schemas/settings.py, not edited -->",
    "",
    "Environment variables, read once at the start; an empty one counts as unset. A mistake ends the start with a",
    "sentence that names the variable. `python app.py settings` shows those in force, without secrets. Which systems",
    "are called, and how, stands in [upstreams.yaml](upstreams.md).",
    "",
    "| variable | default | bounds | |",
    "|---|---|---|---|",
)


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return _SECRET if value.get_secret_value() else ""
        case bool():
            return str(value).lower()
        case list() | tuple() | set() | frozenset():
            return ",".join(sorted(map(str, value)))
    return str(value).replace(f"{PROJECT}/", "")


def _bounds(info: FieldInfo) -> str:
    """Limits and choices, in words."""
    said = [words for one in info.metadata if (words := _bound(one))]
    choices = _choices(info.annotation)
    if choices:
        said.append(" or ".join(f"`{one}`" for one in choices))
    return ", ".join(said)


def _bound(constraint: Any) -> str:
    for name, words in (("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}"), ("max_length", "{} characters at most")):
        if getattr(constraint, name, None) is not None:
            return words.format(getattr(constraint, name))
    pattern = getattr(constraint, "pattern", None)
    found = re.fullmatch(r"\^\((\w+(?:\|\w+)+)\)\$", str(pattern)) if pattern else None
    return " or ".join(f"`{one}`" for one in found[1].split("|")) if found else ""


def _choices(annotation: Any) -> tuple[str, ...]:
    if typing.get_origin(annotation) is typing.Literal:
        return tuple(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(one for part in typing.get_args(annotation) for one in _choices(part))
    return ()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
