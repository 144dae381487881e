"""A year of bills and payments for `seed.py`; `bill.py` shows them.

Whatever the day: the bills of this month are open (one paid in part, the parking bill paid), one older bill is overdue,
all others are paid."""

import calendar
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from demo.clock import SHANGHAI, iso
from demo.database import Database
from demo.people import SeedResident, SeedRoom

MONTHS = 12
FIRST_BILL_ID = 2_624_710_177_366_999_063
BILL_ID_STEP = 1_048_583  # odd, so that ids differ in their last digits, which a float would lose
PROPERTY_PRICE = Decimal("2.8000")
WATER_PRICE, SEWAGE_PRICE = Decimal("3.4500"), Decimal("1.0000")
ELECTRIC_PRICE = Decimal("0.6836")
PARKING_PRICE = Decimal("300.0000")
LATE_RATE_PER_DAY = Decimal("0.0005")
OVERDUE_MONTHS_AGO = 2


@dataclass(frozen=True)
class Line:
    """One line of a bill; quantity and price in their own units, the amount in fen."""

    item_name: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def amount_cents(self) -> int:
        """Quantity times price, rounded half up to a fen."""
        return int((self.quantity * self.unit_price * 100).quantize(Decimal(1), ROUND_HALF_UP))


def fill(database: Database, residents: tuple[SeedResident, ...], today: date) -> None:
    """Adds the bills and payments of all residents."""
    number = 0
    for resident in residents:
        dice = random.Random(f"bills of {resident.user_id}")  # noqa: S311 - repeatable on purpose
        for place, room in enumerate(resident.rooms):
            for months_ago in range(MONTHS - 1, -1, -1):
                period = _month(today, months_ago)
                for fee_type, lines in _fees(room, dice, with_parking=place == 0):
                    _add_bill(database, resident, room, fee_type, period, months_ago, lines, today, number, dice)
                    number += 1


def _fees(room: SeedRoom, dice: random.Random, *, with_parking: bool) -> Iterator[tuple[str, list[Line]]]:
    yield "PROPERTY", [Line("物业管理费", room.area, PROPERTY_PRICE)]
    tons = Decimal(dice.randint(60, 180)) / 10
    yield "WATER", [Line("自来水费", tons, WATER_PRICE), Line("污水处理费", tons, SEWAGE_PRICE)]
    yield "ELECTRIC", [Line("居民用电", Decimal(dice.randint(900, 3200)) / 10, ELECTRIC_PRICE)]
    if with_parking:
        yield "PARKING_MONTHLY", [Line("车位月租费", Decimal(1), PARKING_PRICE)]


def _add_bill(
    database: Database,
    resident: SeedResident,
    room: SeedRoom,
    fee_type: str,
    period: date,
    months_ago: int,
    lines: list[Line],
    today: date,
    number: int,
    dice: random.Random,
) -> None:
    bill_id = FIRST_BILL_ID + number * BILL_ID_STEP
    amount = sum(line.amount_cents for line in lines)
    share = _share_paid(room, fee_type, months_ago)
    paid = int(amount * share)
    due = _month(period, -1).replace(day=15)
    issued = datetime.combine(period, time(0, 5), SHANGHAI)
    days_late = max(0, (today - due).days) if paid < amount else 0
    late_fee = int((amount * LATE_RATE_PER_DAY * days_late).quantize(Decimal(1), ROUND_HALF_UP))
    database.insert(
        "bills",
        bill_id=bill_id,
        bill_no=f"ZD{period:%Y%m}{number + 1:06d}",
        user_id=resident.user_id,
        community_id=resident.community_id,
        room_id=room.room_id,
        room_name=room.room_name,
        fee_type=fee_type,
        period=f"{period:%Y-%m}",
        amount_cents=amount,
        paid_cents=paid,
        late_fee_cents=late_fee,
        due_date=due.isoformat(),
        lines=json.dumps([_as_json(line) for line in lines], ensure_ascii=False),
        created_at=iso(issued),
    )
    if paid:
        _add_payment(database, resident.user_id, bill_id, paid, issued, number, today, dice)


def _share_paid(room: SeedRoom, fee_type: str, months_ago: int) -> Decimal:
    if room.arrears and fee_type == "PROPERTY":
        return Decimal(0)
    if months_ago == 0:
        return {"PARKING_MONTHLY": Decimal(1), "ELECTRIC": Decimal("0.5")}.get(fee_type, Decimal(0))
    if months_ago == OVERDUE_MONTHS_AGO and fee_type == "PROPERTY":
        return Decimal(0)
    return Decimal(1)


def _add_payment(
    database: Database,
    user_id: str,
    bill_id: int,
    cents: int,
    issued: datetime,
    number: int,
    today: date,
    dice: random.Random,
) -> None:
    started = issued + timedelta(days=dice.randint(3, 20), minutes=dice.randint(480, 1_320))
    if started.date() >= today:
        started = issued + timedelta(minutes=1)
    database.insert(
        "payments",
        payment_id=f"PAY{started:%Y%m%d}{number + 1:08d}",
        bill_id=bill_id,
        user_id=user_id,
        channel=dice.choice(["WECHAT", "ALIPAY"]),
        amount_cents=cents,
        status="SUCCESS",
        created_at=iso(started),
        paid_at=iso(started + timedelta(seconds=dice.randint(15, 90))),
    )


def _as_json(line: Line) -> dict[str, str | int]:
    return {
        "itemName": line.item_name,
        "quantity": f"{line.quantity:f}",
        "unitPrice": f"{line.unit_price:.4f}",
        "amountCents": line.amount_cents,
    }


def _month(day: date, months_ago: int) -> date:
    """The first day of the month that lies so many months before (negative: after) that of `day`."""
    months = day.year * 12 + day.month - 1 - months_ago
    return date(months // 12, months % 12 + 1, 1)


def last_day_of_month(day: date) -> date:
    """The last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
