"""The repair upstream: modern, with problem+json, uploads and ETags, its token in `satoken`; `openapi/repair.yaml`.

Next: `repair_orders.py` (create, list, show), `repair_changes.py` (reschedule, cancel, rate), `repair_photos.py`,
`repair_validation.py` (what a request may say), `repair_answers.py` (how things are said)."""

from typing import Any

from sanic import Sanic

from demo.core import Core, Handler, Upstream
from demo.repair_answers import BASE_PATH, RepairDialect
from demo.repair_changes import cancel_repair, rate_repair, reschedule_repair
from demo.repair_orders import create_repair, get_repair, list_repair_events, list_repair_types, list_repairs
from demo.repair_photos import add_repair_photos, get_photo


def install(app: Sanic[Any, Any], core: Core) -> None:
    """Adds the operations of `openapi/repair.yaml`, and the address that the links to photos point to."""
    upstream = Upstream(app, core, name="repair", base_path=BASE_PATH, dialect=RepairDialect())
    upstream.add("listRepairTypes", "GET", "/repair-types", list_repair_types, public=True)
    one = "/repairs/<repairId:str>"
    operations: list[tuple[str, str, str, Handler]] = [
        ("createRepair", "POST", "/repairs", create_repair),
        ("listRepairs", "GET", "/repairs", list_repairs),
        ("getRepair", "GET", one, get_repair),
        ("rescheduleRepair", "PATCH", one, reschedule_repair),
        ("listRepairEvents", "GET", f"{one}/events", list_repair_events),
        ("addRepairPhotos", "POST", f"{one}/photos", add_repair_photos),
        ("cancelRepair", "POST", f"{one}/cancel", cancel_repair),
        ("rateRepair", "POST", f"{one}/rating", rate_repair),
        ("getPhoto", "GET", "/photos/<photoId:str>", get_photo),
    ]
    for operation, method, path, handler in operations:
        upstream.add(operation, method, path, handler)
