"""The embedded estate: three upstreams as real HTTP servers on one SQLite file; it imports nothing of the gateway.

Read `estate.py` (three ports, start and stop) → `core.py` (how an operation is registered, logged, broken by a fault
and authenticated) → `bill.py`, `parking.py`, `repair.py` (the three dialects) → `database.py` and `seed.py`.

How an upstream module is written (`bill.py` is the model)
----------------------------------------------------------
`demo/bill.py`, `demo/parking.py` and `demo/repair.py` each have one function for `estate.py`::

    def install(app: Sanic, core: Core) -> None:
        upstream = Upstream(app, core, name="parking", base_path="/prod-api", dialect=ParkingDialect())
        upstream.add("listUsingGET_3", "GET", "/parking/record/list", list_records)
        upstream.add("getInfoUsingGET_1", "GET", "/parking/record/<recordId:str>", get_record)
        upstream.add("freeUsingGET", "GET", "/parking/space/free", free_spaces, public=True)

`upstream.add(operation, method, path, handler, *, public=False)` ties the route to its operationId: the request log and
the faults name it. Two routes may share one operationId (a defect of a document); a fault may also name `"METHOD path"`
with the path as registered. Paths are Sanic paths below `base_path`.

A handler is `async def handler(call: Call) -> HTTPResponse`. It does its work on the database without awaiting, so that
a client that leaves cannot cut it in half. It has

- `call.request` (Sanic's), `call.path["recordId"]` (path values, text), `call.now` (aware datetime, +08:00),
- `call.resident` (`Resident`: user_id, name, phone, community_id, community_name, rooms): who the token is. Every query
  filters by it. In a public operation nobody may be logged in: use `call.visitor` (`Resident | None`) there,
- `call.database`: `rows(sql, *values) -> list[sqlite3.Row]`, `row(sql, *values) -> sqlite3.Row | None`,
  `run(sql, *values) -> int`, `insert(table, **columns)`, and `with call.database.transaction():` round a write. The
  tables are in `database.py`; no handler opens the file itself,
- `call.core` for the rest (`core.clock`, `core.tokens`).

`raise Refused(response)` ends a handler with that answer from any depth (a transaction round it is rolled back).
`json_answer(body, status=200, content_type="application/json", headers=None)` makes a UTF-8 JSON answer.

A dialect is one small class (`dialect.Dialect` is the Protocol):

- `token(request) -> str | None`: the token as this upstream expects it (`X-Access-Token`, `satoken`, a bearer token),
- `unauthenticated(request) -> HTTPResponse`: no token, an expired one or garbage (also the fault `expired-token`),
- `failure(request, status, message) -> HTTPResponse`: 404, 405, 413, 429, 500 and 503 as this upstream says them,
- `unknown_code(request) -> HTTPResponse`: a code that no document names (the fault `unknown-code`).

Faults, the request log, the token check, unknown routes and crashes are done by `core.py`; a handler knows none of it.
The rows of the fault `big-page` are made from the handler's own answer.

Agreements on the data (`seed.py`): rooms of a resident are `resident.rooms` (`Room`: room_id, room_name); an arrears
block of a room repair holds when the room's bills that are past due add up to more than `seed.ARREARS_BLOCK_CENTS`
(`bills`: amount_cents + late_fee_cents - paid_cents > 0 and due_date < today); at first that is so for the third room
of `user789` only. `ulid.ulid(moment, randomness)` makes ULIDs, `tariff.parking_fee_cents(minutes)` and `duration_text`
reckon parking, `clock.iso` and `clock.plain` write times. Times are text: `parking_*` and `cars` as
`yyyy-MM-dd HH:mm:ss`, all others ISO 8601 with `+08:00`; money is in fen.
"""

# In the order of their ports. Here, so that whoever only names them does not load a web server.
UPSTREAMS = ("bill", "parking", "repair")
