"""`python app.py init`: an entry for one more system in an upstreams file, beside what stands there already.

The text of the file is kept as it is, comments and all; the entry is added after the last one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from integrations.catalogue import Catalogue, load_catalogue
from integrations.openapi.load import Limits
from integrations.openapi.model import Document
from integrations.upstream.config_schema import schema_text
from schemas.errors import ConfigurationError
from schemas.jsontext import to_json

_SCHEMA = "upstreams.schema.json"
_HEAD = f"# yaml-language-server: $schema={_SCHEMA}\nupstreams:\n"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_DEFAULT_HEADER, _DEFAULT_PREFIX = "Authorization", "Bearer "


@dataclass(frozen=True, slots=True)
class Entry:
    """What is asked for. `header` carries the resident's token after `prefix`; `none` sends none."""

    name: str
    document: Path
    base_url: str
    header: str = _DEFAULT_HEADER
    prefix: str | None = None


def name_for(document: Path) -> str:
    """A name for the system by its document's: lower case letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", document.stem.lower()).lstrip("-0123456789").rstrip("-")
    return name[:64] or "system"


def server_of(document: Document) -> str:
    """The first server with a host that the document names; empty where it names none."""
    urls = (server.url for server in document.servers)
    return next((url.rstrip("/") for url in urls if re.match("https?://[^{}]+$", url, re.I)), "")


def add(file: Path, entry: Entry, environment: Mapping[str, str], limits: Limits) -> Catalogue:
    """Write the entry into `file`, which is made where it is missing; the catalogue with it.

    Nothing is written where the file would not load. Raises `ConfigurationError`.
    """
    if not _NAME.fullmatch(entry.name):
        raise ConfigurationError(
            f"{entry.name!r} is no name; one has letters, digits, - and _ and begins with a letter"
        )
    new = not file.exists()
    try:
        text = _HEAD if new else file.read_text(encoding="utf-8")
        made = _with_entry(text, file, entry)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.write_text(made, encoding="utf-8")
        try:
            load_catalogue(draft, environment, limits)
        except ConfigurationError as error:
            raise ConfigurationError(str(error).replace(str(draft), str(file))) from None
        finally:
            draft.unlink()
        file.write_text(made, encoding="utf-8")
        if new and not file.with_name(_SCHEMA).exists():
            file.with_name(_SCHEMA).write_text(schema_text(), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be written: {error}", file=str(file)) from error
    return load_catalogue(file, environment, limits)


def _with_entry(text: str, file: Path, entry: Entry) -> str:
    """`text` with the entry after the last one of `upstreams`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"not valid YAML: {error}", file=str(file)) from None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next(((key, value) for key, value in pairs if key.value == "upstreams"), None)
    lines = text.splitlines()
    if found is None:
        return "\n".join([*lines, "upstreams:", *_lines(entry, file, "  ")]) + "\n"
    key, value = found
    if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
        if any(one.value == entry.name for one, _ in value.value):
            raise ConfigurationError(
                f"there is an upstream {entry.name} already; choose another --name", file=str(file)
            )
        at, indent = value.end_mark.line + (value.end_mark.column > 0), " " * value.start_mark.column
        while at > 0 and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
            at -= 1  # what stands between belongs to what follows
        return "\n".join([*lines[:at], *_lines(entry, file, indent), *lines[at:]]) + "\n"
    if value.value:
        raise ConfigurationError("`upstreams` must be written as a block to add to it", file=str(file))
    at = key.start_mark.line
    return "\n".join([*lines[:at], "upstreams:", *_lines(entry, file, "  "), *lines[at + 1 :]]) + "\n"


def _lines(entry: Entry, file: Path, indent: str) -> list[str]:
    document = Path(os.path.relpath(entry.document.resolve(), file.parent.resolve()))
    lines = [f"{entry.name}:", f"  document: {to_json(document.as_posix())}", f"  base_url: {to_json(entry.base_url)}"]
    if entry.header.lower() == "none":
        lines.append("  auth: none")
    elif entry.header != _DEFAULT_HEADER or entry.prefix is not None:
        prefix = "" if entry.prefix is None else f", prefix: {to_json(entry.prefix)}"
        lines.append(f"  auth: {{header: {to_json(entry.header)}{prefix}}}")
    return [indent + line for line in lines]
