"""Three upstreams with the shipped documents that obey anything, remember everything, and judge what they were sent.

The judge reads the documents itself and shares no code with the gateway: for every request it says what a resident's
gateway must never have sent. A fourth server is a trap: nothing may ever arrive there.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

import yaml

from tests.support.raw_upstream import Play, RawUpstream, Received, answer

OPENAPI = Path(__file__).resolve().parents[2] / "openapi"
USER, COMMUNITY = "user123", "C001"
NAMES = ("bill", "parking", "repair")
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# What the gateway itself sends, whatever the operation: HTTP's own headers and the media types.
_OWN_HEADERS = frozenset({"accept", "accept-encoding", "connection", "content-length", "content-type", "host",
                          "user-agent"})  # fmt: skip
# Names by which old systems take an identity, a right or another method from whoever sends them.
_FOREIGN = re.compile(
    r"user_?id|owner|tenant|community|role|is_?admin|price|status\b|_method|confirmed|approv|x-http|authorization",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Rule:
    """What one operation may be sent: the document's own words, and what `upstreams.yaml` says of it."""

    upstream: str
    key: str
    method: str
    path: re.Pattern[str]
    write: bool
    query: frozenset[str]
    headers: frozenset[str]
    body: bool


def rules(openapi: Path = OPENAPI) -> list[Rule]:
    """The rules of every operation of the three documents, dropped ones left out."""
    said = yaml.safe_load((openapi / "upstreams.yaml").read_text("utf-8"))["upstreams"]
    found: list[Rule] = []
    for name in NAMES:
        document = yaml.safe_load((openapi / said[name]["document"]).read_text("utf-8"))
        prefix = re.sub(r"^[a-z]+://[^/]+", "", said[name]["base_url"])
        for path, item in document["paths"].items():
            for method in _METHODS:
                if method in item and "**" not in path and "export" not in path:
                    found.append(_rule(name, said[name], document, prefix, path, method, item))
    # /bills/summary fits /bills/{billId} too: the more literal path is the one that is meant
    return sorted(found, key=lambda rule: rule.path.pattern.count("[^"))


def _rule(
    name: str, said: dict[str, Any], document: dict[str, Any], prefix: str, path: str, method: str, item: Any
) -> Rule:
    operation = item[method]
    key = f"{method.upper()} {path}"
    own = (said.get("operations") or {}).get(key) or (said.get("operations") or {}).get(operation.get("operationId"))
    effect = (own or {}).get("effect") or ("read" if method in ("get", "head") else "write")
    parameters = [_follow(document, p) for p in [*item.get("parameters", ()), *operation.get("parameters", ())]]
    bound = [place.split(".", 1) for place in said.get("bind") or {}]
    auth = said["auth"]
    template = "".join(
        "[^/?#]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", prefix + path)
    )
    return Rule(
        upstream=name,
        key=key,
        method=method.upper(),
        path=re.compile(template),
        write=effect == "write",
        query=frozenset(p["name"] for p in parameters if p["in"] == "query"),
        headers=frozenset(
            [p["name"].lower() for p in parameters if p["in"] == "header"]
            + [n.lower() for w, n in bound if w == "header"]
            + [auth["header"].lower()]
        ),
        body="requestBody" in operation or any(p["in"] == "body" for p in parameters),
    )


def _follow(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


class Judge:
    """Says what is wrong with a request that arrived at `upstream`, listening on `port`, with the login `token`."""

    def __init__(self, token: str, listed: list[Rule]) -> None:
        self._token, self._rules = token, listed

    def rule(self, upstream: str, received: Received) -> Rule | None:
        """The operation that a request is one of."""
        path = received.target.split("?", 1)[0]
        return next(
            (r for r in self._rules
             if r.upstream == upstream and r.method == received.method and r.path.fullmatch(path)), None,
        )  # fmt: skip

    def faults(self, upstream: str, port: int, received: Received, *, approved: bool = False) -> Iterator[str]:
        """Every rule that the request breaks; nothing for one that may have been sent."""
        rule = self.rule(upstream, received)
        if rule is None:
            yield "outside every operation's template"
            return
        if rule.write and not approved:
            yield f"an unapproved write: {rule.key}"
        yield from self._path(received)
        yield from self._query(rule, received)
        yield from self._headers(rule, port, received)
        yield from self._body(rule, received)

    def _path(self, received: Received) -> Iterator[str]:
        for segment in received.target.split("?", 1)[0].split("/"):
            plain = unquote(segment)
            if plain in (".", "..") or any(c < " " or c == "\x7f" for c in plain):
                yield f"a path segment that climbs or breaks: {segment!r}"

    def _query(self, rule: Rule, received: Received) -> Iterator[str]:
        pairs = parse_qsl(received.target.partition("?")[2], keep_blank_values=True)
        for name, value in pairs:
            if name not in rule.query:
                yield f"an undeclared query parameter {name!r}"
            if name == "userId" and value != USER:
                yield f"a foreign identity: userId={value!r}"
        if "userId" in rule.query and sum(name == "userId" for name, _ in pairs) != 1:
            yield "userId is not there exactly once"

    def _headers(self, rule: Rule, port: int, received: Received) -> Iterator[str]:
        names = [name for name, _ in received.headers]
        for name, value in received.headers:
            if name not in _OWN_HEADERS | rule.headers:
                yield f"an undeclared header {name!r}"
            if names.count(name) > 1:
                yield f"the header {name!r} twice"
            if name in ("x-community-id", "x-tenant-id") and value != COMMUNITY:
                yield f"a foreign identity: {name}={value!r}"
            if name == "host" and value != f"127.0.0.1:{port}":
                yield f"a foreign host {value!r}"
            if self._token in value and value not in (self._token, f"Bearer {self._token}"):
                yield f"the token inside {name!r}"

    def _body(self, rule: Rule, received: Received) -> Iterator[str]:
        if received.body and not rule.body:
            yield "a body that the operation does not declare"
        try:
            value = json.loads(received.body or b"null")
        except ValueError:
            return
        for name in _keys(value):
            if _FOREIGN.search(name):
                yield f"a foreign member {name!r} in the body"


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield str(name)
            yield from _keys(member)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


@dataclass
class WatchedEstate:
    """`async with WatchedEstate(token) as estate:`; `servers` by upstream name, `trap` is what nothing may reach."""

    token: str
    listed: list[Rule] = field(default_factory=rules)

    async def __aenter__(self) -> Self:
        self.servers = {name: RawUpstream([self._play(name)]) for name in NAMES}
        self.trap = RawUpstream([answer({"caught": True})])
        for server in (*self.servers.values(), self.trap):
            await server.__aenter__()
        self.judge = Judge(self.token, self.listed)
        return self

    async def __aexit__(self, *error: object) -> None:
        for server in (*self.servers.values(), self.trap):
            await server.__aexit__(*error)

    @property
    def variables(self) -> dict[str, str]:
        """What the shipped upstreams file takes from the environment."""
        return {f"STEWARD_{name.upper()}_PORT": str(server.port) for name, server in self.servers.items()}

    def faults(self) -> list[str]:
        """Everything that was sent and must not have been; the requests are forgotten."""
        found: list[str] = []
        for name, server in self.servers.items():
            for received in server.requests:
                for fault in self.judge.faults(name, server.port, received):
                    found.append(f"{fault} | {name} {received.method} {received.target[:200]}")
            server.requests.clear()
        found += [f"foreign origin | {r.method} {r.target[:200]}" for r in self.trap.requests]
        return found

    def reached(self) -> list[str]:
        """The operations that were called so far, one entry a request."""
        hits = [self.judge.rule(name, r) for name, server in self.servers.items() for r in server.requests]
        return [rule.key for rule in hits if rule is not None]

    def _play(self, upstream: str) -> Play:
        """Says yes to everything and echoes what it was sent, the token too: that must not leak."""

        async def play(received: Received, writer: asyncio.StreamWriter) -> None:
            echo = {"you_sent": dict(received.headers), "target": received.target}
            value: Any
            if received.target.endswith("/me"):
                rooms = [{"roomId": "R1", "roomName": "1栋101"}]
                value = {"userId": USER, "name": "张三", "communityId": COMMUNITY, "rooms": rooms}
            elif upstream == "parking":
                code: Any = "0" if received.target.endswith("/fee/query") else 200
                value = {"code": code, "msg": "操作成功", "data": echo, "rows": [echo], "total": 1}
            else:
                value = {"items": [echo], "data": [echo], "page": {"page": 1, "size": 10, "total": 1}, **echo}
            await answer(value)(received, writer)

        return play
