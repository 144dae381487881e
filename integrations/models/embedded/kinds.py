"""Which sort of words fill a value, told from its schema, its name and its description. Called by `schema.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from integrations.models.embedded.text import first_clause, halves
from integrations.openapi.project import FILE_HINT

Kind = Literal[
    "enum",
    "bool",
    "date",
    "datetime",
    "month",
    "window",
    "integer",
    "number",
    "code",
    "email",
    "phone",
    "plate",
    "place",
    "text",
    "file",
    "opaque",
]
_PLATE_EXAMPLE = re.compile(r"^[\u4e00-\u9fa5][A-Z][·・]?[A-Z0-9]{5,6}$")
PLACE = re.compile(r"位置|地点|地址|方位|哪里|location|address|\bwhere\b|place", re.I)
_DATE_WORDS = re.compile(r"日期|\bdate\b|yyyy-MM-dd", re.I)
_TIME_WORDS = re.compile(r"时间|\btime\b", re.I)


def kind_of(name: str, schema: Mapping[str, Any], about: str) -> Kind:
    """What sort of words fill a value of this schema."""
    sort, form = schema.get("type"), schema.get("format")
    if sort == "string" and FILE_HINT in about:
        return "file"
    pattern = str(schema.get("pattern") or "")
    if "enum" in schema or "const" in schema:
        return "enum" if isinstance(schema.get("enum", []), list) else "opaque"
    if sort == "boolean":
        return "bool"
    zh, en = halves(about)
    label = f"{zh} {en}"
    identifier = re.search(r"(Id|ID|No|_id|_no|Code)$|^(id|no|code)$", name) or re.search(r"编号|单号|号码$|序号", zh)
    if sort in ("integer", "number"):
        if (
            sort == "integer"
            and (identifier or schema.get("format") == "int64")
            and not re.search(r"金额|数量|amount|count|cents", label, re.I)
        ):
            return "code"
        return "integer" if sort == "integer" else "number"
    if sort not in ("string", None) or schema.get("contentMediaType") or form == "binary":
        return "opaque"
    if form == "email" or re.search(r"邮箱|e-?mail", label, re.I):
        return "email"
    if form == "date":
        return "date"
    if form == "date-time":
        return "datetime"
    return _kind_of_text(name, pattern, schema, label, zh, bool(identifier))


def _kind_of_text(name: str, pattern: str, schema: Mapping[str, Any], label: str, zh: str, identifier: bool) -> Kind:
    examples = (
        [str(e) for e in (schema.get("example"), *(schema.get("examples") or ())) if e is not None]
        if not isinstance(schema.get("examples"), (str, Mapping))
        else [str(schema.get("example"))]
    )
    if (
        re.fullmatch(r"\^?(\\d|\[0-9\])\{4\}-(\\d|\[0-9\]|\(0)[^ ]{0,30}?\$?", pattern)
        and "{2}" in pattern
        and pattern.count("-") - pattern.count("0-9") == 1
    ):
        return "month"
    if not pattern and re.search(r"yyyy-?mm(?!-?dd)", label, re.I):
        return "month"
    if not pattern and re.search(r"yyyy-mm-dd hh", label, re.I):
        return "datetime"
    if not pattern and (_DATE_WORDS.search(label) or (_TIME_WORDS.search(label) and re.search(r"[Tt]ime|date", name))):
        return "date" if _DATE_WORDS.search(label) else "datetime"
    if re.match(r"\^?\(?(1\\d|1\[|\\d\{11)", pattern) or re.search(r"手机|电话|phone|mobile", label, re.I):
        return "phone"
    if (
        re.search(r"\\u4e00|[\u4e00-\u9fa5]-", pattern)
        or any(_PLATE_EXAMPLE.match(e) for e in examples)
        or re.search(r"车牌|licen[cs]e plate", label, re.I)
    ):
        return "plate"
    if pattern or identifier or schema.get("format") in ("uuid", "ulid"):
        return "code"
    if schema.get("format") in ("uri", "uri-reference", "byte", "password"):
        return "opaque"
    return "place" if PLACE.search(first_clause(zh)) else "text"
