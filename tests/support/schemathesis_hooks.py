"""What an OpenAPI document cannot say of the own API: how a photo begins, and that only a named query is resumed.

Loaded by schemathesis (`SCHEMATHESIS_HOOKS`) in `tests/contract/test_http_api.py`.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies

schemathesis.openapi.media_type("image/jpeg", strategies.binary(max_size=200).map(lambda rest: b"\xff\xd8\xff" + rest))


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """`Last-Event-ID` needs `client_msg_id`: without one a query would be asked twice, which is refused."""
    if case.headers.get("Last-Event-ID") == "0":  # its coverage phase begins with it, whatever the pattern says
        case.headers["Last-Event-ID"] = "q8Zk:1"
    if "Last-Event-ID" in case.headers and isinstance(case.body, dict) and case.body.get("client_msg_id") is None:
        case.body["client_msg_id"] = "named"
    return case
