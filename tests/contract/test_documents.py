"""The three shipped documents and `upstreams.yaml` against the estate that really answers: one truth, said twice."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema_rs
import pytest
import yaml

from demo.clock import SHANGHAI
from demo.estate import Estate, start_estate
from integrations.upstream.config import OperationSettings
from integrations.upstream.config_file import load_file

FOLDER = Path(__file__).parents[2] / "openapi"
DOCUMENTS = {name: yaml.safe_load((FOLDER / name).read_text("utf-8")) for name in ("bill.yaml", "repair.yaml")} | {
    "parking.json": json.loads((FOLDER / "parking.json").read_text("utf-8"))
}
FILES = {"bill": "bill.yaml", "parking": "parking.json", "repair": "repair.yaml"}
BASE_PATHS = {"bill": "/bill-api/v1", "parking": "/prod-api", "repair": "/repair-api/v2"}
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
PUBLIC = {("parking", "freeUsingGET"), ("repair", "listRepairTypes")}
ONE_TOKEN = "your-token-here"
HEADERS = {
    "bill": {"Authorization": f"Bearer {ONE_TOKEN}", "X-Community-Id": "C001"},
    "parking": {"X-Access-Token": ONE_TOKEN, "X-Tenant-Id": "C001"},
    "repair": {"satoken": ONE_TOKEN},
}
# Reads that need more than their path: what is sent. `{...}` in a path is filled from `ids`.
QUERIES: dict[str, dict[str, Any]] = {
    "listBills": {"params": {"feeType": "PROPERTY", "periodFrom": "2026-01", "size": 50}},
    "listPayments": {"params": {"from": "2026-01-01", "limit": 5}},
    "listUsingGET_3": {"params": {"pageSize": 50, "params[beginTime]": "2026-01-01 00:00:00"}},
    "statUsingGET": {"json": {"month": "2026-11"}},
    "queryFeeUsingPOST": {"json": {"data": {"carNumber": "粤BD06688"}}},
    "listRepairs": {"params": [("status", "DONE"), ("status", "PROCESSING"), ("limit", 50)]},
}
READS = [
    ("bill", "listBills"),
    ("bill", "getArrearsSummary"),
    ("bill", "getBill"),
    ("bill", "listPayments"),
    ("bill", "getCurrentResident"),
    ("parking", "listUsingGET_3"),
    ("parking", "getInfoUsingGET_1"),
    ("parking", "statUsingGET"),
    ("parking", "queryFeeUsingPOST"),
    ("parking", "freeUsingGET"),
    ("repair", "listRepairTypes"),
    ("repair", "listRepairs"),
    ("repair", "getRepair"),
    ("repair", "listRepairEvents"),
]


def operations(upstream: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of a document, in its order."""
    for path, item in DOCUMENTS[FILES[upstream]]["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


ALL = [
    pytest.param(upstream, method, path, operation, id=f"{upstream} {method} {path}")
    for upstream in FILES
    for method, path, operation in operations(upstream)
]


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    """An estate on free ports whose clock stands still on 22 November 2026."""
    started = await start_estate(tmp_path, clock=lambda: datetime(2026, 11, 22, 9, 30, tzinfo=SHANGHAI))
    yield started
    await started.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials of its own."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def url_of(estate: Estate, upstream: str, path: str) -> str:
    """Where the estate serves a path of the document."""
    return f"http://127.0.0.1:{estate.ports[list(FILES).index(upstream)]}{BASE_PATHS[upstream]}{path}"


def ids_of(estate: Estate) -> dict[str, str]:
    """One real id of user123 for each path parameter."""
    database = estate.core.database
    (bill,) = database.rows("SELECT bill_id FROM bills WHERE user_id = 'user123' LIMIT 1")
    (record,) = database.rows("SELECT record_id FROM parking_records WHERE user_id = 'user123' LIMIT 1")
    (repair,) = database.rows("SELECT no FROM repairs WHERE user_id = 'user123' AND fee_cents > 0 LIMIT 1")
    return {"billId": bill["bill_id"], "recordId": record["record_id"], "repairId": repair["no"], "**": "any/thing"}


async def read(estate: Estate, http: httpx.AsyncClient, upstream: str, operation_id: str) -> httpx.Response:
    """The answer to one read, with real arguments."""
    ((method, path),) = [(m, p) for m, p, o in operations(upstream) if o["operationId"] == operation_id]
    url = url_of(estate, upstream, path.format_map(ids_of(estate)))
    return await http.request(method, url, headers=HEADERS[upstream], **QUERIES.get(operation_id, {}))


def success_schema(upstream: str, operation_id: str) -> Any:
    """The schema of the 200 answer, self-contained and of Draft 2020-12."""
    document = DOCUMENTS[FILES[upstream]]
    ((_, _, operation),) = [found for found in operations(upstream) if found[2]["operationId"] == operation_id]
    answer = operation["responses"]["200"]
    schema = answer["schema"] if "schema" in answer else answer["content"]["application/json"]["schema"]
    root = {key: document[key] for key in ("components", "definitions") if key in document}
    return as_2020_12({**schema, **root})


def as_2020_12(node: Any) -> Any:
    """A schema of 2.0 or 3.0 as one of 2020-12: `nullable` becomes a type, references are percent-encoded.

    springfox says of a map with values of any kind that they are all objects; that one lie is not held against it."""
    if isinstance(node, list):
        return [as_2020_12(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: as_2020_12(value) for key, value in node.items()}
    if made.pop("nullable", False) is True:
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("$ref"), str):
        made["$ref"] = quote(made["$ref"], safe="#/")
    if made.get("additionalProperties") == {"type": "object"}:
        del made["additionalProperties"]
    for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        if made.get(keyword) is False:
            del made[keyword]
    return made


def decoded(response: httpx.Response) -> Any:
    """The JSON of an answer, in the character set that it declares."""
    charset = response.headers["content-type"].partition("charset=")[2] or "utf-8"
    return json.loads(response.content.decode(charset))


@pytest.mark.parametrize(("upstream", "method", "path", "operation"), ALL)
async def test_every_operation_of_the_documents_is_routed(
    estate: Estate, http: httpx.AsyncClient, upstream: str, method: str, path: str, operation: dict[str, Any]
) -> None:
    """What the document calls an operation, the estate's request log calls the same."""
    concrete = re.sub(r"\{(\w+)\}|\*\*", lambda m: str(ids_of(estate)[m[1] or m[0]]), path)
    await http.request(method, url_of(estate, upstream, concrete))
    (entry,) = estate.core.requests.entries()
    assert entry["operation"] == operation["operationId"]


@pytest.mark.parametrize(("upstream", "method", "path", "operation"), ALL)
async def test_exactly_the_operations_with_empty_security_answer_without_a_token(
    estate: Estate, http: httpx.AsyncClient, upstream: str, method: str, path: str, operation: dict[str, Any]
) -> None:
    """`security: []` stands on two operations, and only these two answer a stranger."""
    concrete = re.sub(r"\{(\w+)\}|\*\*", lambda m: str(ids_of(estate)[m[1] or m[0]]), path)
    response = await http.request(method, url_of(estate, upstream, concrete))
    body = None if method == "HEAD" else decoded(response)
    refused = response.status_code == 401 or (isinstance(body, dict) and body.get("code") == 401)
    public = (upstream, operation["operationId"]) in PUBLIC
    assert (operation.get("security") == []) == public
    assert refused == (not public and method != "HEAD")


@pytest.mark.parametrize(("upstream", "operation_id"), READS)
async def test_the_answer_of_every_read_is_what_the_document_says(
    estate: Estate, http: httpx.AsyncClient, upstream: str, operation_id: str
) -> None:
    """200, valid by the schema of its 200, and not trivially so: no list of it is empty."""
    response = await read(estate, http, upstream, operation_id)
    assert response.status_code == 200, response.text
    body = decoded(response)
    validator = jsonschema_rs.Draft202012Validator(success_schema(upstream, operation_id), validate_formats=True)
    assert [error.message for error in validator.iter_errors(body)] == []
    lists = [body] if isinstance(body, list) else [body.get(key) for key in ("items", "rows", "data") if key in body]
    assert all(found for found in lists)


async def test_the_writes_of_the_repair_document_answer_as_it_says(estate: Estate, http: httpx.AsyncClient) -> None:
    """A created, a rescheduled and a cancelled order are `Repair`s."""
    repair = as_2020_12({"$ref": "#/components/schemas/Repair", "components": DOCUMENTS["repair.yaml"]["components"]})
    validator = jsonschema_rs.Draft202012Validator(repair)
    headers = HEADERS["repair"]
    order = {"targetType": "PUBLIC", "location": "大堂", "typeCode": "ELECTRIC", "description": "灯不亮"}
    created = await http.post(
        url_of(estate, "repair", "/repairs"), headers=headers, json={"order": order | {"appointment": None}}
    )
    url = url_of(estate, "repair", f"/repairs/{created.json()['no']}")
    moved = await http.patch(
        url,
        headers=headers | {"If-Match": "*", "Content-Type": "application/merge-patch+json"},
        content=json.dumps({"appointment": {"from": "2026-11-24T09:00:00+08:00", "to": "2026-11-24T12:00:00+08:00"}}),
    )
    cancelled = await http.post(f"{url}/cancel", headers=headers, json={"reason": "好了"})
    for response, status in ((created, 201), (moved, 200), (cancelled, 200)):
        assert response.status_code == status
        assert [error.message for error in validator.iter_errors(response.json())] == []


async def test_a_payment_answers_as_the_bill_document_says(estate: Estate, http: httpx.AsyncClient) -> None:
    """201 PaymentCreated for what is due; 422 with `expectedCents` otherwise, in the shape of Error."""
    components = DOCUMENTS["bill.yaml"]["components"]
    bills = decoded(
        await http.get(
            url_of(estate, "bill", "/bills"), headers=HEADERS["bill"], params={"status": "UNPAID", "feeType": "WATER"}
        )
    )["items"]
    url = url_of(estate, "bill", f"/bills/{bills[0]['billId']}/payments")
    body = {"channel": "WECHAT", "amountCents": 1}
    mismatch = await http.post(url, headers=HEADERS["bill"] | {"Idempotency-Key": "key-00000001"}, json=body)
    assert mismatch.status_code == 422
    body["amountCents"] = mismatch.json()["error"]["details"]["expectedCents"]
    created = await http.post(url, headers=HEADERS["bill"] | {"Idempotency-Key": "key-00000002"}, json=body)
    assert created.status_code == 201, created.text
    for response, name in ((mismatch, "Error"), (created, "PaymentCreated")):
        schema = as_2020_12({"$ref": f"#/components/schemas/{name}", "components": components})
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        assert [error.message for error in validator.iter_errors(response.json())] == []


async def test_an_invoice_is_a_pdf(estate: Estate, http: httpx.AsyncClient) -> None:
    """The one operation that answers with a file."""
    (paid,) = estate.core.database.rows(
        "SELECT bill_id FROM bills WHERE user_id = 'user123' AND paid_cents = amount_cents LIMIT 1"
    )
    response = await http.get(url_of(estate, "bill", f"/bills/{paid['bill_id']}/invoice"), headers=HEADERS["bill"])
    assert response.headers["content-type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")


def references(node: Any) -> Iterator[str]:
    """All `$ref`s of a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolves(document: Any, reference: str) -> bool:
    """True if a local reference points at something."""
    node = document
    for name in reference.removeprefix("#/").split("/"):
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True


@pytest.mark.parametrize("name", ["bill.yaml", "repair.yaml"])
def test_the_modern_documents_are_clean(name: str) -> None:
    """Unique operationIds, every reference resolves, every path parameter is declared, both languages everywhere."""
    document = DOCUMENTS[name]
    upstream = name.removesuffix(".yaml")
    found = [operation["operationId"] for _, _, operation in operations(upstream)]
    assert len(found) == len(set(found))
    assert [ref for ref in references(document) if not resolves(document, ref)] == []
    for _, path, operation in operations(upstream):
        declared = [*operation.get("parameters", []), *document["paths"][path].get("parameters", [])]
        names = {
            parameter["$ref"].split("/")[-1] if "$ref" in parameter else parameter["name"] for parameter in declared
        }
        lowered = {declared_name.lower() for declared_name in names}
        assert {wanted.lower() for wanted in re.findall(r"\{(\w+)\}", path)} <= lowered
        for text in (operation["summary"], operation["description"]):
            assert re.search(r"[\u4e00-\u9fff].* / .*[a-z]", text), text


def test_every_property_of_the_modern_answers_has_a_label_in_both_languages() -> None:
    """They are what residents read; the label is the title or the beginning of the description."""
    for name in ("bill.yaml", "repair.yaml"):
        schemas = DOCUMENTS[name]["components"]["schemas"]
        for schema_name, schema in schemas.items():
            for property_name, said in schema.get("properties", {}).items():
                if schema_name.endswith(("Problem", "Error")):
                    continue
                target = schemas[said["$ref"].split("/")[-1]] if "$ref" in said else said
                text = target.get("title") or target.get("description", "")
                assert re.search(r"[\u4e00-\u9fff].* / .*[A-Za-z]", text), f"{schema_name}.{property_name}"


def test_the_parking_document_has_the_defects_of_its_kind() -> None:
    """springfox as it is found: each defect that the engine must mend stands in the document, once and for all."""
    document = DOCUMENTS["parking.json"]
    by_path = {(method, path): operation for method, path, operation in operations("parking")}
    assert (document["host"], document["basePath"]) == ("parking.internal:8090", "/")
    assert document["securityDefinitions"] == {"": {"type": "apiKey", "name": "Authorization", "in": "header"}}
    assert [ref for ref in references(document) if not resolves(document, ref)] == ["#/definitions/Map"]
    found = [operation["operationId"] for operation in by_path.values()]
    assert [name for name in found if found.count(name) > 1] == ["payUsingPOST", "payUsingPOST"]
    one = by_path["GET", "/parking/record/{recordId}"]
    assert "recordId" not in [parameter["name"] for parameter in one["parameters"]]
    assert any(parameter["in"] == "body" for parameter in by_path["GET", "/parking/record/stat"]["parameters"])
    assert "schema" not in by_path["GET", "/parking/car/list"]["responses"]["200"]
    bean = {parameter["name"] for parameter in by_path["GET", "/parking/record/list"]["parameters"]}
    assert {"params[beginTime]", "params[endTime]", "searchValue", "createBy", "remark", "userId"} <= bean
    assert len([key for key in by_path if key[1] == "/parking/**"]) == 7
    assert {"统一返回«停车费用VO»", "通用请求«临停费用查询»", "统计查询 DTO"} <= set(document["definitions"])
    for operation in by_path.values():
        assert operation["produces"] == ["*/*"]
        assert set(operation["responses"]) == {"200", "201", "401", "403", "404"}


@pytest.mark.parametrize("upstream", list(FILES))
def test_upstreams_yaml_names_operations_that_exist(upstream: str) -> None:
    """Each key of `operations` is one operation of the document; every operation that writes has a text to confirm."""
    settings = load_file(FOLDER / "upstreams.yaml", {}).settings.upstreams[upstream]
    known: dict[str, int] = {}
    for method, path, operation in operations(upstream):
        for key in (operation["operationId"], f"{method} {path}"):
            known[key] = known.get(key, 0) + 1
    assert {key: known.get(key) for key in settings.operations} == dict.fromkeys(settings.operations, 1)
    for method, path, operation in operations(upstream):
        if path == "/parking/**":
            continue
        said = settings.operations.get(operation["operationId"]) or settings.operations.get(f"{method} {path}")
        effect = (said.effect if said else None) or ("read" if method == "GET" else "write")
        assert effect == "read" or (said is not None and said.confirm), f"{method} {path}"


def values_at(body: Any, path: str) -> list[Any]:
    """What stands at `rows[].payAmount` or, for a bare name, anywhere under that name."""
    if re.fullmatch(r"\w+", path):
        return list(under(body, path))
    nodes = [body]
    for name, rows in re.findall(r"(\w+)((?:\[\])?)", path):
        nodes = [node[name] for node in nodes if isinstance(node, dict) and name in node]
        nodes = [item for node in nodes for item in node] if rows else nodes
    return nodes


def under(node: Any, name: str) -> Iterator[Any]:
    """All values of members of that name, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from under(value, name)
    elif isinstance(node, list):
        for item in node:
            yield from under(item, name)


@pytest.mark.parametrize(("upstream", "operation_id"), READS)
async def test_what_upstreams_yaml_says_of_a_field_fits_the_real_answer(
    estate: Estate, http: httpx.AsyncClient, upstream: str, operation_id: str
) -> None:
    """Money, dates and labels name fields that really come; an enum has a word for each value that really comes."""
    settings = load_file(FOLDER / "upstreams.yaml", {}).settings.upstreams[upstream]
    said = settings.operations.get(operation_id, OperationSettings())
    body = decoded(await read(estate, http, upstream, operation_id))
    for path in (*said.money, *said.dates, *said.labels):
        assert values_at(body, path), f"{path} is not in the answer"
    for path, glosses in said.enums.items():
        assert {str(value) for value in values_at(body, path)} <= set(glosses)
