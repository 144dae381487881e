"""Reads one document from disk into the plain form of `model.py`; `operations.py` walks it, `tools.py` is next."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from integrations.openapi.model import Document
from integrations.openapi.openapi3 import OpenApi3
from integrations.openapi.operations import Dialect, Reading, read_operations
from integrations.openapi.refs import References
from integrations.openapi.swagger2 import Swagger2
from integrations.openapi.text import Limits, Unreadable, parse, too_many_bytes
from schemas.errors import DocumentError

__all__ = ["Limits", "load_document", "read_document"]


def load_document(path: Path, *, name: str | None = None, limits: Limits | None = None) -> Document:
    """The document in the file `path` (Swagger 2.0, OpenAPI 3.0 or 3.1; YAML or JSON; UTF-8, a BOM is accepted).

    `name` is what notes and errors call it (default: the file's name). Raises `DocumentError` only for what cannot be
    read at all; everything smaller costs its operation at most and is a `Note`.
    """
    label, limits = name or path.name, limits or Limits()
    try:
        size = path.stat().st_size
        if size > limits.max_bytes:
            raise DocumentError(label, too_many_bytes(size, limits))
        data = path.read_bytes()
    except OSError as error:
        raise DocumentError(label, f"it cannot be opened ({error.strerror or error})") from error
    return read_document(data, name=label, limits=limits)


def read_document(data: bytes, *, name: str, limits: Limits | None = None) -> Document:
    """The same from bytes in memory."""
    try:
        root = parse(data, limits or Limits())
    except Unreadable as error:
        raise DocumentError(name, str(error)) from error
    if not isinstance(root, dict):
        raise DocumentError(name, "its top is not a mapping, so it is no OpenAPI document")
    version, family = _version(root, name)
    reading = Reading(name, root, References(root))
    dialect: Dialect = Swagger2(reading) if family == "2.0" else OpenApi3(reading, family)
    if family == "3.1" and not re.match(r"3\.1(\.|$)", version):
        reading.noticed("/openapi", f"version {version} is newer than 3.1; read as 3.1")
    servers = dialect.servers()
    operations = read_operations(reading, dialect)
    info = root.get("info")
    title = info.get("title") if isinstance(info, dict) else None
    return Document(
        name=name,
        version=version,
        title=title if isinstance(title, str) else name,
        digest=hashlib.sha256(data).hexdigest(),
        servers=servers,
        operations=operations,
        notes=tuple(reading.notes),
    )


def _version(root: dict[str, Any], name: str) -> tuple[str, str]:
    """The version as written, and the family that reads it: "2.0", "3.0" or "3.1"."""
    for key in ("openapi", "swagger"):
        written = root.get(key)
        if written is None:
            continue
        version = str(written).strip()
        if re.match(r"2(\.|$)", version):
            return version, "2.0"
        if re.match(r"3\.0(\.|$)|3$", version):
            return version, "3.0"
        if re.match(r"3\.\d", version):
            return version, "3.1"
        raise DocumentError(name, f"version {version[:40]!r} is none of 2.0, 3.0 and 3.1", pointer=f"/{key}")
    if "swaggerVersion" in root:
        raise DocumentError(name, "Swagger 1.x is too old; convert it to 2.0 or later", pointer="/swaggerVersion")
    if isinstance(root.get("paths"), dict):
        family = "3.1" if isinstance(root.get("components"), dict) or "servers" in root else "2.0"
        return family, family
    raise DocumentError(name, "it has neither `openapi` nor `swagger`, so it is no OpenAPI document")
