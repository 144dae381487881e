"""A document of more than a thousand operations, as large services publish them, and an upstream that serves it.

Made from a list of resources and the things that one does with them; summaries are Chinese and English.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NAMES = """
    仓库 repository, 分支 branch, 议题 issue, 拉取请求 pull-request, 里程碑 milestone, 标签 label, 评审 review,
    发布 release, 部署 deployment, 环境 environment, 工作流 workflow, 流水线 pipeline, 运行器 runner,
    制品 artifact, 密钥 secret, 变量 variable, 团队 team, 成员 member, 角色 role, 权限组 permission-group,
    邀请 invitation, 会话 session, 访问令牌 access-token, 签名密钥 signing-key, 客户 customer,
    订阅 subscription, 发票 invoice, 报价单 quote, 付款 payment, 退款 refund, 争议 dispute, 优惠券 coupon,
    价格 price, 产品 product, 税率 tax-rate, 结算单 payout, 转账 transfer, 余额流水 balance-transaction,
    银行账户 bank-account, 信用票据 credit-note, 订单 order, 购物车 cart, 发货 shipment, 退货 return-request,
    仓储 warehouse, 库存 stock-item, 供应商 supplier, 采购单 purchase-order, 联系人 contact, 商机 deal,
    任务 task, 会议 meeting, 通话 call, 备注 note, 邮件模板 email-template, 邮件活动 campaign, 文件夹 folder,
    文件 file, 评论 comment, 通知 notification, 网络钩子 webhook, 审计日志 audit-log, 报表 report,
    仪表盘 dashboard, 告警 alert, 值班表 on-call-schedule, 事故 incident, 服务 service, 监控 monitor,
    探针 probe, 备份 backup, 快照 snapshot
"""
RESOURCES = [tuple(pair.split()) for pair in _NAMES.replace("\n", " ").split(",")]
# name of the operation, method, rest of the path, Chinese and English summary
ACTIONS = [
    ("list", "get", "", "查询{zh}列表", "List {many}"),
    ("create", "post", "", "创建{zh}", "Create {a} {one}"),
    ("get", "get", "/{id}", "查看{zh}", "Get {a} {one}"),
    ("update", "patch", "/{id}", "修改{zh}", "Update {a} {one}"),
    ("delete", "delete", "/{id}", "删除{zh}", "Delete {a} {one}"),
    ("search", "get", "/search", "搜索{zh}", "Search {many} by text"),
    ("count", "get", "/count", "统计{zh}数量", "Count {many}"),
    ("archive", "post", "/{id}/archive", "归档{zh}", "Archive {a} {one}"),
    ("restore", "post", "/{id}/restore", "恢复已归档的{zh}", "Restore an archived {one}"),
    ("copy", "post", "/{id}/copy", "复制{zh}", "Copy {a} {one}"),
    ("history", "get", "/{id}/history", "查询{zh}的变更历史", "List the changes of {a} {one}"),
    ("watchers", "get", "/{id}/watchers", "查询{zh}的关注者", "List the people who watch {a} {one}"),
    ("watch", "put", "/{id}/watchers", "关注{zh}", "Watch {a} {one}"),
    ("export", "get", "/export", "导出{zh}", "Export {many} as a file"),
]


def large_document(resources: int = len(RESOURCES)) -> dict[str, Any]:
    """OpenAPI 3.0 with 14 operations for each of the first so many resources; 1,008 with all of them."""
    paths: dict[str, dict[str, Any]] = {}
    for chinese, english in RESOURCES[:resources]:
        one = english.replace("-", " ")
        many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}es" if one.endswith(("h", "x")) else f"{one}s"
        plural = many.replace(" ", "-")
        for action, method, rest, zh, en in ACTIONS:
            words = {"zh": chinese, "one": one, "many": many, "a": "an" if one[0] in "aeiou" else "a"}
            operation: dict[str, Any] = {
                "operationId": f"{plural}/{action}",
                "summary": f"{zh.format(**words)} / {en.format(**words)}",
                "tags": [plural],
                "parameters": _parameters(rest, action),
                "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {}}}}},
            }
            if method in ("post", "patch") and action in ("create", "update"):
                operation["requestBody"] = _body()
            paths.setdefault(f"/{plural}{rest}", {})[method] = operation
    return {"openapi": "3.0.3", "info": {"title": "工作台 / Workbench", "version": "1"}, "paths": paths}


def _parameters(rest: str, action: str) -> list[dict[str, Any]]:
    text = {"type": "string"}
    found: list[dict[str, Any]] = []
    if "{id}" in rest:
        about = "编号 / Number, such as K-12"
        found.append({"name": "id", "in": "path", "required": True, "schema": text, "description": about})
    if action == "search":
        found.append({"name": "text", "in": "query", "required": True, "schema": text, "description": "文字 / Text"})
    if action == "list":
        found.append({"name": "page", "in": "query", "schema": {"type": "integer"}, "description": "页码 / Page"})
    return found


def _body() -> dict[str, Any]:
    properties = {"title": {"type": "string", "description": "标题 / Title"}}
    schema = {"type": "object", "required": ["title"], "properties": properties}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


@dataclass
class ManyUpstream:
    """The running upstream: `requests` are method and path of what came, in its order."""

    port: int
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def many_upstream() -> Iterator[ManyUpstream]:
    """An upstream that answers every request with one record that names method and path."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            running.requests.append((self.command, self.path))
            record = {"title": f"{self.command} {self.path}", "state": "open"}
            body = json.dumps([record] if self.command == "GET" else record).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - as http.server asks for them

        def log_message(self, *args: Any) -> None:
            """Nothing: the test says what matters."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = ManyUpstream(int(server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
