"""An upstream of somebody else: a document, an entry in upstreams.yaml, no code; the gateway answers from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.talk import talk

Start = Callable[..., Any]

DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "图书馆 / Library", "version": "1"},
    "servers": [{"url": "/api"}],
    "paths": {
        "/loans": {
            "get": {
                "operationId": "listLoans",
                "summary": "查询借阅的图书 / List borrowed books",
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "loans": {
                                            "type": "array",
                                            "items": {
                                                "type": "object",
                                                "properties": {
                                                    "title": {"type": "string", "description": "书名 / Title"},
                                                    "due": {
                                                        "type": "string",
                                                        "format": "date",
                                                        "description": "应还日期 / Due date",
                                                    },
                                                    "fine": {"type": "integer", "description": "罚款 / Fine"},
                                                },
                                            },
                                        }
                                    },
                                }
                            }
                        },
                    }
                },
            }
        }
    },
}
UPSTREAMS = """
upstreams:
  library:
    document: library.json
    base_url: http://127.0.0.1:{port}
    title: 图书馆系统 / Library system
    auth: {{header: X-Reader, prefix: ""}}
    operations:
      listLoans: {{money: {{"loans[].fine": fen}}, examples: [我借了哪些书]}}
"""


class _Library(BaseHTTPRequestHandler):
    """Answers `/api/loans` to the reader whose key it knows, 401 to anybody else."""

    def do_GET(self) -> None:
        known = self.headers.get("X-Reader") == "reader-7" and self.path == "/api/loans"
        loans = [
            {"title": "红楼梦", "due": "2026-12-01", "fine": 350},
            {"title": "西游记", "due": "2026-12-09", "fine": 0},
        ]
        body = json.dumps({"loans": loans} if known else {"message": "who are you"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture
def library() -> Iterator[int]:
    """The port of a running library."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Library) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


async def test_another_upstream_needs_a_document_and_an_entry(start: Start, tmp_path: Path, library: int) -> None:
    """Three lines and a document: the resident's loans are told with dates and fines; a stranger is asked to log in."""
    (tmp_path / "library.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    file = tmp_path / "upstreams.yaml"
    file.write_text(UPSTREAMS.format(port=library), encoding="utf-8")
    with start(STEWARD_UPSTREAMS=str(file)) as steward:
        async with talk(steward.ws, "anyone", "reader-7") as reader:
            reply = await reader.ask("我借了哪些书")
            assert reply.tools == ["listLoans"]
            assert "红楼梦" in reply.text
            assert "3.50" in reply.text
            assert "12月1日" in reply.text
        async with talk(steward.ws, "anyone", "reader-8") as stranger:
            refused = await stranger.ask("我借了哪些书")
            assert refused.outcome == "login_required"
            assert "图书馆系统" in refused.text
