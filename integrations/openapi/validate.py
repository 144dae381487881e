"""Checks a model's arguments against a tool's schema, in words a model can act on; `upstream/request.py` is next.

JSON Schema 2020-12 by jsonschema-rs: nothing is fetched, patterns run in linear time. RFC 8259 is taken strictly: no
NaN, no duplicate names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import jsonschema_rs

from integrations.openapi.bodies import choose, offered
from integrations.openapi.model import Tool
from integrations.openapi.project import INTEGER_TEXT
from schemas.errors import ArgumentsInvalid
from schemas.jsontext import to_json

MAX_BYTES = 64 * 1024
_MAX_SHOWN = 300
# Not insisted on: legacy documents misuse these formats too freely. The others (date, uuid, email ...) are asserted.
_LOOSE_FORMATS = ("duration", "hostname", "idn-email", "idn-hostname", "iri", "iri-reference", "json-pointer",
                  "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template")  # fmt: skip
_LENIENT = {name: (lambda _text: True) for name in _LOOSE_FORMATS}
_EXAMPLES = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:00:00+08:00",
    "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "email": "name@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_HALF = "The arguments contain half of a surrogate pair; send whole characters."
_TYPE_EXAMPLES = {"string": '"text"', "integer": "1", "number": "1.5", "boolean": "true", "array": "[]", "object": "{}"}


class Validator:
    """Validators of many tools, each compiled on its first use. One per catalogue; safe to share between tasks."""

    def __init__(self) -> None:
        self._compiled: dict[int, tuple[Tool, jsonschema_rs.Draft202012Validator]] = {}

    def check(
        self, tool: Tool, arguments_json: str, *, inline_files: bool = False, max_bytes: int = MAX_BYTES
    ) -> dict[str, Any]:
        """The arguments as a dict, or `ArgumentsInvalid`. Numbers with a fraction come back as `Decimal`.

        With `inline_files` an object `{"$file": {...}}` may stand where the tool wants an upload id.
        """
        arguments = decode(arguments_json, max_bytes)
        compiled = self._validator(tool)
        judged = _without_files(arguments)
        if not inline_files and judged != arguments:
            raise ArgumentsInvalid("A file is given by the id of an upload, never by `$file`.")
        if not compiled.is_valid(judged):
            error = _telling(list(compiled.iter_errors(judged)))
            raise ArgumentsInvalid(_sentence(error, tool), argument=_argument(error))
        _one_media_type(tool, arguments)
        return arguments

    def _validator(self, tool: Tool) -> jsonschema_rs.Draft202012Validator:
        known = self._compiled.get(id(tool))
        if known is None:
            # The tool is kept beside its validator, so that its id cannot come to mean another one.
            known = self._compiled[id(tool)] = (tool, compile_schema(_with_integers(tool.parameters)))
        return known[1]


def _with_integers(schema: Any) -> Any:
    """The schema with integers accepted where a long id is shown as a text of digits: our decoder keeps every digit,
    and `upstream/declared.py` gives either form its declared type."""
    if isinstance(schema, list):
        return [_with_integers(member) for member in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: _with_integers(value) for key, value in schema.items()}
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if schema.get("pattern") == INTEGER_TEXT and "string" in kinds and "integer" not in kinds:
        found["type"] = [*kinds, "integer"]
        if isinstance(schema.get("enum"), list):
            texts = [text for text in schema["enum"] if isinstance(text, str)]
            found["enum"] = [*schema["enum"], *(int(text) for text in texts if re.fullmatch(r"-?[0-9]{1,100}", text))]
    return found


def validate_arguments(tool: Tool, arguments_json: str) -> dict[str, Any]:
    """One check without a cache: see `Validator.check`."""
    return Validator().check(tool, arguments_json)


def compile_schema(schema: Mapping[str, Any] | bool) -> jsonschema_rs.Draft202012Validator:
    """A validator of `schema`. Raises `ValueError` for a schema that is none."""
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(schema) if isinstance(schema, Mapping) else schema,
            formats=_LENIENT,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=4 << 20),
            offline=True,
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(f"the schema does not compile: {str(error)[:200]}") from error


def decode(arguments_json: str, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """A JSON object out of a model's text; an empty text is an empty object."""
    try:
        size = len(arguments_json.encode())
    except UnicodeEncodeError as error:
        raise ArgumentsInvalid(_HALF) from error
    if size > max_bytes:
        raise ArgumentsInvalid(f"The arguments are larger than {max_bytes} bytes; send less at once.")
    if not arguments_json.strip():
        return {}
    try:
        value = json.loads(
            arguments_json, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_duplicates
        )
    except RecursionError as error:
        raise ArgumentsInvalid("The arguments are nested too deeply; send a flatter object.") from error
    except ArgumentsInvalid:
        raise
    except ValueError as error:
        raise ArgumentsInvalid(f"The arguments are not JSON ({error}); send one JSON object.") from error
    if not isinstance(value, dict):
        raise ArgumentsInvalid(f'The arguments must be a JSON object such as {{"name": "value"}}, not {_shown(value)}.')
    if "\\ud" in arguments_json.lower():
        _no_surrogates(value)
    return value


def _no_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise ArgumentsInvalid(_HALF) from error


def _no_constant(name: str) -> Any:
    raise ArgumentsInvalid(f"{name} is no JSON number; send a finite number, or leave the argument out.")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ArgumentsInvalid(f"`{name}` is given twice; give it once.", argument=name)
        found[name] = value
    return found


def _without_files(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$file"}:
            return "file"
        return {name: _without_files(member) for name, member in value.items()}
    return [_without_files(member) for member in value] if isinstance(value, list) else value


def _one_media_type(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Arguments of several media types must fit one of them."""
    body = tool.operation.body
    choices = offered(body) if body is not None else ()
    if len(choices) < 2:
        return
    given = {
        tool.arguments[name].name
        for name in arguments
        if name in tool.arguments and tool.arguments[name].location == "body"
    }
    chosen = choose(choices, given) if given or (body is not None and body.required) else choices[0]
    if chosen is None:
        ways = "; or ".join(", ".join(c.shape.properties) for c in choices if c.shape is not None)
        raise ArgumentsInvalid(f"These arguments do not go together. Use one of these sets: {ways}.")
    missing = [n for n in chosen.shape.required if n not in given] if chosen.shape is not None and given else []
    visible = {a.name: name for name, a in tool.arguments.items() if a.location == "body"}
    missing = [visible[name] for name in missing if name in visible]
    if missing:
        raise ArgumentsInvalid(f"`{missing[0]}` is missing; it is needed with these arguments.", argument=missing[0])


def _telling(errors: list[jsonschema_rs.ValidationError]) -> jsonschema_rs.ValidationError:
    """The error to tell first: what is unknown or missing before what is wrong, the outer before the inner."""
    rank = {"additionalProperties": 0, "required": 1}
    return min(errors, key=lambda e: (len(e.instance_path), rank.get(e.kind.name, 2)))


def _argument(error: jsonschema_rs.ValidationError) -> str:
    path = list(error.instance_path)
    kind = error.kind
    if not path and isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return kind.property
    if not path and isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return str(kind.unexpected[0])
    return str(path[0]) if path else ""


def _sentence(error: jsonschema_rs.ValidationError, tool: Tool) -> str:
    kinds = jsonschema_rs.ValidationErrorKind
    kind, where = error.kind, _where(error.instance_path)
    if isinstance(kind, kinds.Required):
        inside = f" in {where}" if where else ""
        return f"`{kind.property}` is missing{inside}; it is required.{_hint(tool, error, kind.property)}"
    if isinstance(kind, (kinds.AdditionalProperties, kinds.UnevaluatedProperties)):
        names = ", ".join(f"`{name}`" for name in kind.unexpected[:5])
        known = ", ".join(tool.parameters.get("properties", {})) if not where else ""
        return f"{names} is not an argument{f' of {where}' if where else ''}." + (
            f" Known arguments: {known[:_MAX_SHOWN]}." if known else " Leave it out."
        )
    subject = where or "The arguments"
    given = _shown(error.instance)
    if isinstance(kind, kinds.Enum):
        return f"{subject} is {given}; it must be one of {_shown(kind.options)}."
    if isinstance(kind, kinds.Type):
        types = " or ".join(kind.types)
        example = _TYPE_EXAMPLES.get("integer" if "integer" in kind.types else kind.types[0], "null")
        return f"{subject} is {given}; it must be of type {types}, such as {example}."
    if isinstance(kind, kinds.Format):
        return f"{subject} is {given}; it must be a {kind.format}, such as {_EXAMPLES.get(kind.format, '')!r}."
    if isinstance(kind, kinds.Pattern):
        return f"{subject} is {given}; it must match the pattern {kind.pattern}.{_example_at(tool, error)}"
    if isinstance(kind, (kinds.OneOfNotValid, kinds.AnyOf)):
        return _closest(error, tool, subject)
    return f"{subject} is not accepted: {_plain(error.message)}.{_example_at(tool, error)}"


def _closest(error: jsonschema_rs.ValidationError, tool: Tool, subject: str) -> str:
    """The alternative that was meant: one whose constants fit, else the one with the fewest errors."""
    kind = error.kind
    branches: list[list[jsonschema_rs.ValidationError]] = getattr(kind, "context", [])
    told = [branch for branch in branches if branch]

    def distance(branch: list[jsonschema_rs.ValidationError]) -> tuple[int, int]:
        wrong = sum(e.kind.name in ("const", "enum", "type") for e in branch)
        return wrong, len(branch)

    if told:
        best = _telling(min(told, key=distance))
        return f"{subject} fits none of its {len(branches)} alternatives; the nearest one says: {_sentence(best, tool)}"
    return f"{subject} fits none of its alternatives; compare it with the schema."


def _where(path: Any) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return f"`{text}`" if text else ""


def _hint(tool: Tool, error: jsonschema_rs.ValidationError, name: str) -> str:
    if list(error.instance_path):
        return ""
    schema = tool.parameters.get("properties", {}).get(name)
    if not isinstance(schema, Mapping):
        return ""
    words = str(schema.get("description", ""))[:120]
    return (f" It is: {words}." if words else "") + _example(schema)


def _example_at(tool: Tool, error: jsonschema_rs.ValidationError) -> str:
    """An example of the argument that is wrong, where the error is about the argument itself or one of its items."""
    path = list(error.instance_path)
    schema: Any = tool.parameters.get("properties", {}).get(path[0]) if path else None
    for step in path[1:]:
        if not isinstance(schema, Mapping):
            return ""
        schema = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
    return _example(schema) if isinstance(schema, Mapping) else ""


def _example(schema: Mapping[str, Any]) -> str:
    for candidate in (*schema.get("examples", ()), *schema.get("enum", ())):
        if candidate is not None:
            return f" For example {_shown(candidate)}."
    return f" For example {_EXAMPLES[schema['format']]!r}." if schema.get("format") in _EXAMPLES else ""


def _shown(value: Any) -> str:
    text = to_json(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _plain(message: str) -> str:
    return message if len(message) <= _MAX_SHOWN else message[: _MAX_SHOWN - 1] + "…"
