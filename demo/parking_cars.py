"""The parking upstream's cars: a list without a documented schema, binding, and unbinding by a GET that writes."""

import secrets

from sanic import HTTPResponse

from demo.clock import plain
from demo.core import Call
from demo.parking_answers import BUSINESS, WARNING, read_object, read_plate, refuse, whole_number, wrapped

CAR_TYPES = ("1001", "1003")


async def list_cars(call: Call) -> HTTPResponse:
    """`data: [{carId, carNumber, bindTime}]`, the first bound first."""
    rows = call.database.rows("SELECT * FROM cars WHERE user_id = ? ORDER BY bind_time, car_id", call.resident.user_id)
    cars = [{"carId": row["car_id"], "carNumber": row["car_number"], "bindTime": row["bind_time"]} for row in rows]
    return wrapped(data=cars)


async def bind_car(call: Call) -> HTTPResponse:
    """Binds `{carNumber, carType}` to the resident; a plate that anybody has bound is refused."""
    body = read_object(call)
    plate = read_plate(body)
    car_type = body.get("carType")
    if car_type not in CAR_TYPES:
        raise refuse(WARNING, "车辆类型不正确，应为 1001（月租车）或 1003（临时车）")
    with call.database.transaction():
        if call.database.row("SELECT 1 FROM cars WHERE car_number = ?", plate) is not None:
            raise refuse(BUSINESS, "车牌已绑定")
        call.database.insert(
            "cars",
            car_id=_new_car_id(call),
            user_id=call.resident.user_id,
            community_id=call.resident.community_id,
            car_number=plate,
            car_type=car_type,
            bind_time=plain(call.now),
        )
    return wrapped(msg="绑定成功")


def _new_car_id(call: Call) -> int:
    """19 digits: the millisecond and randomness, so that the id of an unbound car is never another's."""
    return int(call.now.timestamp() * 1000) * 1_000_000 + secrets.randbelow(1_000_000)


async def unbind_car(call: Call) -> HTTPResponse:
    """Takes the car `?carId=` from the resident; somebody else's does not exist."""
    text = call.request.args.get("carId")
    if text is None:
        raise refuse(BUSINESS, "请求参数缺失，参数[carId]不能为空")
    car_id = whole_number(text, "carId")
    if not call.database.run("DELETE FROM cars WHERE car_id = ? AND user_id = ?", car_id, call.resident.user_id):
        raise refuse(BUSINESS, "车辆不存在或已解绑")
    return wrapped(msg="解绑成功")
