"""docs/asyncapi.yaml is AsyncAPI 3.0 and says of every frame what the code says, field by field."""

from __future__ import annotations

import dataclasses
import json
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import jsonschema_rs
import msgspec
import pytest

from schemas import client_frames, display, frames
from schemas.client_frames import decode_frame
from schemas.errors import RETRYABLE, Code
from schemas.settings import Settings
from schemas.turn import Outcome, Usage
from tests.support.frames import TO_CLIENT, TO_SERVER, BadFrame, check_frame, document

VENDOR = Path(__file__).resolve().parents[2] / "vendor" / "asyncapi" / "asyncapi-3.0.0.json"
FRAMES: dict[str, type[msgspec.Struct]] = {
    "query": client_frames.Query,
    "hello": client_frames.Hello,
    "approve": client_frames.Approve,
    "cancel": client_frames.Cancel,
    "feedback": client_frames.Feedback,
    "ping": client_frames.Ping,
    "chunk": frames.Chunk,
    "status": frames.Status,
    "error": frames.ErrorFrame,
    "ready": frames.Ready,
    "snapshot": frames.Snapshot,
    "approval": frames.ApprovalFrame,
    "data": frames.Data,
    "pong": frames.Pong,
}
PARTS: dict[str, type[msgspec.Struct]] = {
    "status_data": frames.StatusData,
    "argument": frames.Argument,
    "approval_card": frames.ApprovalCard,
    "limits": frames.Limits,
    "column": display.Column,
    "cell": display.Cell,
    "table": display.Table,
    "field": display.Field,
    "card": display.Card,
    "series": display.Series,
    "chart": display.Chart,
}
# Which of the three fields that every server frame may have this one has: always, sometimes, never (rules 1 and 2).
ENVELOPE = {"conversation_id", "turn_id", "seq"}
ALWAYS = {
    "chunk": ENVELOPE - {"seq"},
    "status": ENVELOPE - {"seq"},
    "approval": ENVELOPE,
    "data": ENVELOPE,
    "ready": {"conversation_id", "seq"},
    "snapshot": {"conversation_id", "seq"},
}
NEVER = {"pong": ENVELOPE}


def schema(name: str) -> dict[str, Any]:
    found = document()["components"]["schemas"][name]
    assert isinstance(found, dict)
    return found


# ---- one normal form for the document's schemas and for Python's types: a set of alternatives ----------------------

Form = frozenset[str]


def form(alternatives: list[Any]) -> Form:
    found = {json.dumps(one, sort_keys=True) for one in alternatives}
    if json.dumps({"type": "number"}) in found:
        found.discard(json.dumps({"type": "integer"}))
    return frozenset(found)


def of_document(node: dict[str, Any]) -> Form:
    """What a schema of the document admits; objects by the name of the struct that they are, or their members'."""
    reference = str(node.get("$ref", "")).rpartition("/")[2]
    if reference in PARTS:
        return form([{"struct": reference}])
    if reference:
        return of_document(schema(reference))
    if "anyOf" in node:
        return frozenset().union(*map(of_document, node["anyOf"]))
    if "const" in node or "enum" in node:
        values = [node["const"]] if "const" in node else node["enum"]
        plain = sorted((value for value in values if value is not None), key=str)
        return form([{"enum": plain}] + ([{"type": "null"}] if None in values else []))
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return form([_of_kind(kind, node) for kind in kinds])


def _of_kind(kind: str, node: dict[str, Any]) -> Any:
    match kind:
        case "array":
            return {"items": sorted(of_document(node["items"]))}
        case "object" if "properties" in node:
            return {"members": {name: sorted(of_document(member)) for name, member in node["properties"].items()}}
        case "object":
            return {"values": sorted(of_document(node["additionalProperties"]))}
        case "null":
            return {"type": "null"}
    bounds = {"string": ("minLength", "maxLength"), "integer": ("minimum", "exclusiveMaximum")}.get(kind, ())
    return {"type": kind} | {name: node[name] for name in bounds if name in node}


def of_type(kind: Any, *, omitted: bool = False) -> Form:
    """What a Python type admits on the wire. `omitted`: None is not sent."""
    if get_origin(kind) in (types.UnionType, Union):
        members = [member for member in get_args(kind) if not (omitted and member is types.NoneType)]
        return form([json.loads(one) for member in members for one in of_type(member)])
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        name = next((name for name, struct in PARTS.items() if struct is kind), None)
        if name is not None:
            return form([{"struct": name}])
        return form([{"members": {one.encode_name: sorted(of_type(one.type)) for one in msgspec.structs.fields(kind)}}])
    if get_origin(kind) is Literal:
        return form([{"enum": sorted(get_args(kind), key=str)}])
    if get_origin(kind) is list:
        return form([{"items": sorted(of_type(get_args(kind)[0]))}])
    if get_origin(kind) is dict:
        return form([{"values": sorted(of_type(get_args(kind)[1]))}])
    plain = msgspec.json.schema(kind)
    return frozenset().union(*(form([one]) for one in plain.get("anyOf", [plain])))


def members(name: str) -> dict[str, Form]:
    return {field: of_document(node) for field, node in schema(name)["properties"].items()}


@pytest.mark.parametrize(("name", "struct"), (FRAMES | PARTS).items(), ids=(FRAMES | PARTS).keys())
def test_every_frame_has_the_fields_of_its_type(name: str, struct: type[msgspec.Struct]) -> None:
    """Names, kinds, choices and bounds; what must be there; None is sent by clients alone."""
    config = struct.__struct_config__
    expected = {
        field.encode_name: of_type(field.type, omitted=config.omit_defaults) for field in msgspec.structs.fields(struct)
    }
    required = {field.encode_name for field in msgspec.structs.fields(struct) if field.required}
    if name in TO_CLIENT:
        expected["type"] = form([{"enum": [config.tag]}])
        required |= {"type"} | ALWAYS.get(name, set())
        expected = {field: kind for field, kind in expected.items() if field not in NEVER.get(name, set())}
    elif name in TO_SERVER:
        expected["type"] = form([{"enum": [name]}])
        required |= set() if name == "query" else {"type"}
    if name == "status_data":  # the document says which counts there are, the type that they are numbers
        counts = {field.name: sorted(of_type(int)) for field in dataclasses.fields(Usage)}
        expected["usage"] = form([{"members": counts}])
        assert set(schema("usage")["required"]) == set(counts)
    assert members(name) == expected
    assert set(schema(name)["required"]) == required


def test_every_frame_is_in_the_document_and_no_other() -> None:
    """Messages, the channel's list, and the frames of the code in both directions."""
    assert set(document()["components"]["messages"]) == set(FRAMES) == {*TO_CLIENT, *TO_SERVER}
    assert set(document()["channels"]["chat"]["messages"]) == set(FRAMES)
    assert {struct for name, struct in FRAMES.items() if name in TO_CLIENT} == set(get_args(frames.Frame))
    assert {struct for name, struct in FRAMES.items() if name in TO_SERVER} == set(get_args(client_frames.ClientFrame))
    for operation in document()["operations"].values():
        wanted = TO_CLIENT if operation["action"] == "send" else TO_SERVER
        assert {reference["$ref"].rpartition("/")[2] for reference in operation["messages"]} <= set(wanted)


def test_codes_and_outcomes_are_the_codes_own() -> None:
    """The table of codes says of each whether it may succeed later, as the error frames do."""
    assert set(schema("code")["enum"]) == set(get_args(Code)) == set(document()["x-codes"])
    assert set(schema("outcome")["enum"]) == set(get_args(Outcome))
    assert {code for code, row in document()["x-codes"].items() if row["retryable"]} == set(RETRYABLE)
    closing = {str(row["close"]) for row in document()["x-codes"].values() if "close" in row}
    assert closing <= set(document()["x-close-codes"])
    for code, row in document()["x-close-codes"].items():
        if code.startswith("4"):
            assert row["reconnect"] is (code < "4500")


def test_limits_are_the_defaults_of_the_settings() -> None:
    """Every limit of the document names a setting and has its default."""
    told = document()["x-limits"]
    known = {
        f"STEWARD_{name.upper()}": list(field.default)
        if isinstance(field.default, frozenset | tuple)
        else field.default
        for name, field in Settings.model_fields.items()
    }
    assert told == {name: known.get(name, "no such setting") for name in told}
    assert len(told) >= 26


def test_the_document_is_asyncapi_3() -> None:
    """By the official JSON Schema of AsyncAPI 3.0.0, which refuses what is none."""
    official = jsonschema_rs.validator_for(json.loads(VENDOR.read_text(encoding="utf-8")))
    found = json.loads(json.dumps(document()))
    assert [f"{error.instance_path}: {error.message}" for error in official.iter_errors(found)] == []
    assert not official.is_valid({**found, "asyncapi": "3.1.0"})
    assert not official.is_valid({**found, "operations": {"ask": {"action": "shout"}}})


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [str(node["$ref"])] if "$ref" in node else [one for value in node.values() for one in references(value)]
    return [one for item in node for one in references(item)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere() -> None:
    """Inside the document alone."""
    found = references(document())
    assert len(found) > 50
    for reference in found:
        node: Any = document()
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


EXAMPLES = [
    pytest.param(name, example["payload"], id=f"{name}-{example.get('name', number)}")
    for name, message in document()["components"]["messages"].items()
    for number, example in enumerate(message["examples"])
]


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_every_example_is_a_frame(name: str, payload: dict[str, Any]) -> None:
    """Valid by the document; one of a client's is taken by the server, too."""
    text = json.dumps(payload, ensure_ascii=False)
    if name in TO_SERVER:
        check_frame("to_server", text)
        assert isinstance(decode_frame(text, max_query_chars=4000), FRAMES[name])
    else:
        assert check_frame("to_client", text)["type"] == name


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_a_field_that_the_document_does_not_have_is_refused(name: str, payload: dict[str, Any]) -> None:
    """So a new field of the server's reaches the document before it passes a test."""
    direction: Literal["to_server", "to_client"] = "to_server" if name in TO_SERVER else "to_client"
    with pytest.raises(BadFrame):
        check_frame(direction, json.dumps({**payload, "new_field": 1}))
