"""The parking upstream: legacy habits, HTTP 200 for errors, a raw token in `X-Access-Token`; `openapi/parking.json`.

Next: `parking_records.py` (records, statistics, spaces), `parking_cars.py` (cars), `parking_orders.py` (fees, month
cards), `parking_answers.py` (the envelopes)."""

from typing import Any

from sanic import HTTPResponse, Sanic

from demo.core import Call, Core, Handler, Upstream
from demo.parking_answers import ParkingDialect, tenant_checked, wrapped
from demo.parking_cars import bind_car, list_cars, unbind_car
from demo.parking_orders import RepeatGuard, pay_fee, query_fee, renew_month_card
from demo.parking_records import export_records, free_spaces, get_record, list_records, month_statistics

INDEX_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def install(app: Sanic[Any, Any], core: Core) -> None:
    """Adds the operations of `openapi/parking.json`; the document's `payUsingPOST` stands on two of them."""
    upstream = Upstream(app, core, name="parking", base_path="/prod-api", dialect=ParkingDialect())
    once = RepeatGuard().guarded
    of_a_tenant: list[tuple[str, str, str, Handler]] = [
        ("listUsingGET_3", "GET", "/parking/record/list", list_records),
        ("statUsingGET", "GET", "/parking/record/stat", month_statistics),
        ("exportUsingGET", "GET", "/parking/record/export", export_records),
        ("getInfoUsingGET_1", "GET", "/parking/record/<recordId:str>", get_record),
        ("queryFeeUsingPOST", "POST", "/parking/fee/query", query_fee),
        ("payUsingPOST", "POST", "/parking/fee/pay", once(pay_fee)),
        ("payUsingPOST", "POST", "/parking/monthCard/renew", once(renew_month_card)),
        ("listUsingGET_5", "GET", "/parking/car/list", list_cars),
        ("bindUsingPOST", "POST", "/parking/car/bind", bind_car),
        ("unbindUsingGET", "GET", "/parking/car/unbind", unbind_car),
    ]
    for operation, method, path, handler in of_a_tenant:
        upstream.add(operation, method, path, tenant_checked(handler))
    upstream.add("freeUsingGET", "GET", "/parking/space/free", free_spaces, public=True)
    for method in INDEX_METHODS:
        # The document's `/parking/**`: whatever nothing else answers.
        upstream.add(f"indexUsing{method}", method, "/parking/<rest:path>", tenant_checked(index))


async def index(_: Call) -> HTTPResponse:
    """What the catch-all route of the document says, whatever is asked."""
    return wrapped(msg="欢迎使用停车管理系统")
