"""upstreams.yaml: every key is read, every mistake names its line and the nearest valid key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from integrations.upstream.config import OperationSettings, UpstreamSettings, UpstreamsFile
from integrations.upstream.config_file import load_file
from integrations.upstream.config_schema import file_schema, keys, schema_text
from schemas.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parents[4]

WHOLE = """\
identity:
  operation: bill.whoAmI
  subject: userId
  fields: {community: communityId}
  match_path: userId
  cache_s: 30
upstreams:
  bill:
    document: bill.json
    base_url: http://127.0.0.1:${BILL_PORT:-8102}/prod-api
    title: 缴费 / Bills
    auth: [{header: X-Access-Token, prefix: ""}, {fixed: ${KEY}, header: X-Key}, {cookie: SID}, {query: token}]
    audience: estate
    bind: {header.X-Tenant-Id: identity.community, query.userId: identity.subject, query.pageNum: null}
    hide: [createBy]
    drop: ["GET /bill/**", "*export*"]
    max_operations: 7
    envelope:
      - {path: /fee, code: code, ok: ["0"], data: data, message: message}
      - {path: "*", code: code, ok: [200], empty: [404], data: [data, rows], total: total, message: msg}
    errors:
      login_required: {codes: [401], status: [401], redirect: true, html: true}
      forbidden: {codes: [403], status: [403]}
      business: {codes: [500, 601], text_500: true}
    encoding: {default: utf-8, fallback: gb18030}
    dates: {zone: Asia/Shanghai, format: "yyyy-MM-dd HH:mm:ss"}
    paging: {page: pageNum, size: pageSize, start: 1, max_size: 20, total: total, rows: rows}
    response: {max_bytes: 2097152, max_rows: 20, max_chars: 8000}
    timeouts: {connect_s: 2, attempt_s: 8}
    concurrency: {in_flight: 32, waiting: 32}
    retry: {attempts: 3, statuses: [429, 502, 503, 504]}
    breaker: {failures: 5, rate: 0.5, min_calls: 20, window_s: 10, open_s: 5, max_open_s: 8}
    tls: {ca_file: null, client_cert: null, client_key: null}
    proxy: null
    networks: null
    owner: null
    operations:
      unbind: {name: unbind_car, effect: write, confirm: "解绑 {carId}"}
      list: {money: {"rows[].pay": yuan}, enums: {state: {100300: 在场}}, labels: {pay: Fee}, dates: {at: epoch_ms}}
      make: {arguments: {type: object}, idempotency: {header: Idempotency-Key}, unless_executed: [429, 503]}
      pay: {reconcile: {operation: list, match: {billId: billId}}, description: 缴费, examples: [帮我缴费]}
"""


def load(tmp_path: Path, text: str, **environment: str) -> UpstreamsFile:
    path = tmp_path / "upstreams.yaml"
    path.write_text(text, encoding="utf-8")
    return load_file(path, environment).settings


def only(tmp_path: Path, lines: str) -> UpstreamSettings:
    return load(tmp_path, f"upstreams:\n  a:\n    document: a.json\n    base_url: http://h\n{lines}").upstreams["a"]


def test_every_key_is_understood(tmp_path: Path) -> None:
    """A file with every key loads, and each value arrives with its type."""
    bill = load(tmp_path, WHOLE, KEY="k:,{}#1").upstreams["bill"]
    assert bill.base_url == "http://127.0.0.1:8102/prod-api"
    assert [auth.effective_prefix for auth in bill.auth] == ["", "", "", ""]
    assert bill.auth[1].fixed is not None
    assert bill.auth[1].fixed.get_secret_value() == "k:,{}#1"
    assert bill.bindings()[("query", "pageNum")] is None
    assert not isinstance(bill.envelope, str)
    assert (bill.envelope[0].ok, bill.envelope[1].ok) == (["0"], [200])
    assert bill.envelope[0].data == ["data"]
    assert bill.operations["list"].enums == {"state": {"100300": "在场"}}


def test_three_lines_are_enough(tmp_path: Path) -> None:
    """An upstream with a document and a base URL gets the defaults: bearer token, automatic envelope."""
    settings = only(tmp_path, "")
    assert settings.auth[0].header == "Authorization"
    assert settings.auth[0].effective_prefix == "Bearer "
    assert settings.envelope == "auto"
    assert settings.needs_credential


def test_certificates_stand_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tls` files are relative to upstreams.yaml as documents are, wherever the process starts; a whole path stays."""
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    lines = "tls: {ca_file: certs/ca.pem, client_cert: /whole/own.pem}"
    text = f"upstreams: {{a: {{document: d, base_url: 'https://h', {lines}}}}}"
    (tmp_path / "etc" / "upstreams.yaml").write_text(text, encoding="utf-8")
    tls = load_file(Path("etc/upstreams.yaml"), {}).settings.upstreams["a"].tls
    assert (tls.ca_file, tls.client_cert, tls.client_key) == ("etc/certs/ca.pem", "/whole/own.pem", None)


def test_auth_none_needs_no_credential(tmp_path: Path) -> None:
    """`auth: none` sends no credential, and neither does a fixed key."""
    assert not only(tmp_path, "    auth: none\n").needs_credential
    assert not only(tmp_path, "    auth: {fixed: abc, header: X-Key}\n").needs_credential


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ("    titel: x\n", 5, "did you mean title?"),
        ("    envelope:\n      - {path: '*', cod: code}\n", 6, "did you mean code?"),
        ("    errors:\n      login_required:\n        code: [401]\n", 7, "did you mean codes?"),
        ("    operations:\n      pay:\n        idempotence: {header: K}\n", 7, "did you mean idempotency?"),
        ("    envelope: maybe\n", 5, "envelope"),
        ("    bind:\n      X-Tenant: identity.subject\n", 5, "LOCATION.NAME"),
        ("    auth: {header: A, cookie: B}\n", 5, "exactly one"),
        ("    dates: {zone: Mars/Base}\n", 5, "time zone"),
        ("    operations:\n      pay:\n        money:\n          amount: cents\n", 8, "'fen' or 'yuan'"),
        ("    encoding: {fallback: gb9999}\n", 5, "no known encoding"),
        ("    timeouts: {attempt_s: 0}\n", 5, "greater than 0"),
        ("    title: ${NOT_SET}\n", 5, "NOT_SET"),
        ("    title: a\n    title: b\n", 6, "stands twice"),
        ("    title: [a\n", 6, "not valid YAML"),
        ("    auth: bearer\n", 5, "a mapping such as"),
        ("    auth:\n      - {header: A}\n      - {cokie: A}\n", 7, "did you mean cookie?"),
        ("    envelope: {code: code}\n", 5, "'auto' or 'none' or a list"),
        ("    envelope:\n      - {path: x, ok: 200}\n", 6, "envelope.0.ok: a list"),
        ("    retry:\n      statuses:\n        - 429\n        - five\n", 8, "a whole number"),
        ("    operations:\n      pay:\n        enums:\n          state: [a]\n", 8, "enums.state: a mapping"),
        ("    operations:\n      pay:\n        reconcile: {operation: list}\n", 7, "the key match is missing"),
        ("    operations:\n      pay:\n        reconcile: {operation: list, match: {}}\n", 7, "at least 1 item"),
        ("    bind: {header.X: [1]}\n", 5, "true or false or a whole number or a text"),
        ("    encoding: {default: hex}\n", 5, "no known encoding"),
        ("    timeouts:\n      connect_s: ${NOT_SET}\n", 6, "write ${NOT_SET:-default}"),
    ],
)
def test_a_mistake_names_its_line_and_the_nearest_key(tmp_path: Path, lines: str, line: int, said: str) -> None:
    """The error has the file, the line of the key and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        only(tmp_path, lines)
    assert caught.value.line == line
    assert said in str(caught.value)
    assert "upstreams.yaml" in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    """An upstream without a document says which key is missing."""
    with pytest.raises(ConfigurationError, match="document is missing"):
        load(tmp_path, "upstreams:\n  a:\n    base_url: http://h\n")


@pytest.mark.parametrize("url", ["ftp://h", "http://user:secret@h", "http://h/?a=1", "http://h:99999", "h:80"])
def test_a_base_url_is_an_origin_with_a_path(tmp_path: Path, url: str) -> None:
    """Other schemes, users, queries and impossible ports are refused; the value is not repeated in the error."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"upstreams:\n  a:\n    document: d\n    base_url: {url}\n")
    assert "secret" not in str(caught.value)


def test_environment_values_are_texts_not_yaml(tmp_path: Path) -> None:
    """What the environment holds cannot add keys to the file."""
    settings = load(tmp_path, "upstreams:\n  a: {document: d, base_url: http://h, title: ${T}}\n", T="x, hide: [y]}")
    assert settings.upstreams["a"].title == "x, hide: [y]}"


def test_a_fixed_key_is_masked() -> None:
    """The representation of the settings does not tell a fixed key."""
    settings = UpstreamSettings.model_validate(
        {"document": "d", "base_url": "http://h", "auth": {"fixed": "very-secret-key", "header": "X"}}
    )
    assert "very-secret-key" not in repr(settings)
    assert "very-secret-key" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("{subject: u}", "either operation or jwt is needed"),
        ("{subject: u, jwt: {key_file: k, jwks_file: j}}", "either key_file or jwks_file"),
        ("{subject: u, jwt: {key_file: k, algorithms: [none]}}", "'HS512' is expected"),
        ("{subject: u, jwt: {key_file: k, algorithms: [HS256, RS256]}}", "cannot be mixed"),
        ("{subject: u, jwt: {key_fil: k}}", "did you mean key_file?"),
    ],
)
def test_an_identity_that_cannot_be_checked_is_a_mistake(tmp_path: Path, lines: str, said: str) -> None:
    """A16: no `none`, no secret beside key pairs, one source of keys (RFC 8725 §2.1, §3.1)."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"upstreams: {{}}\nidentity: {lines}\n")
    assert caught.value.line == 2
    assert said in str(caught.value)


def test_the_shipped_schema_is_the_models_own() -> None:
    """Editors get what the code reads; `python app.py check --schema > openapi/upstreams.schema.json` makes it anew."""
    shipped = PROJECT / "openapi" / "upstreams.schema.json"
    assert shipped.read_text(encoding="utf-8") == schema_text()
    first = (PROJECT / "openapi" / "upstreams.yaml").read_text(encoding="utf-8").partition("\n")[0]
    assert first == f"# yaml-language-server: $schema={shipped.name}"


def test_every_key_is_described() -> None:
    """What an editor shows beside a key is never empty, and no key of the models is missing in the list."""
    described = {path: text for path, _, text in keys()}
    assert [path for path, text in described.items() if not text] == []
    assert {"identity.jwt.jwks_file", "upstreams.NAME.envelope[].ok", "upstreams.NAME.auth.prefix"} <= set(described)
    assert {f"upstreams.NAME.{name}" for name in UpstreamSettings.model_fields} <= set(described)
    assert {f"upstreams.NAME.operations.NAME.{name}" for name in OperationSettings.model_fields} <= set(described)


@pytest.mark.parametrize("text", [WHOLE.replace("${KEY}", "k"), None])
def test_the_schema_accepts_what_the_models_accept(text: str | None) -> None:
    """The file with every key, and the shipped one, `${NAME}` not filled in."""
    found = (PROJECT / "openapi" / "upstreams.yaml").read_text(encoding="utf-8") if text is None else text
    held = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", found)
    tree = json.loads(json.dumps(yaml.safe_load(held)))
    jsonschema_rs.validator_for(file_schema()).validate(tree)


@pytest.mark.parametrize(
    ("entry", "valid"),
    [
        ({"auth": "none", "envelope": "none"}, True),
        ({"auth": {"header": "A"}, "timeouts": {"connect_s": "${T:-2}"}}, True),
        ({"auth": [{"header": "A"}, {"fixed": "${KEY}", "query": "k"}]}, True),
        ({"envelope": [{"data": "data"}, {"data": ["data", "rows"]}]}, True),
        ({"auth": "bearer"}, False),
        ({"envelope": "maybe"}, False),
        ({"titel": "x"}, False),
        ({"operations": {"pay": {"effect": "writes"}}}, False),
        ({"timeouts": {"connect_s": "soon"}}, False),
    ],
)
def test_the_schema_judges_as_the_models_do(entry: dict[str, Any], valid: bool) -> None:
    """What may be written alone, what the environment fills, and the mistakes that an editor underlines."""
    tree = {"upstreams": {"a": {"document": "a.json", "base_url": "http://h", **entry}}}
    assert jsonschema_rs.validator_for(file_schema()).is_valid(tree) is valid
