"""Cars and a year of parking records and orders for `seed.py`; the parking upstream shows them.

Whatever the day: the first car of each resident is inside since yesterday evening; so is user123's second one, which
pays by the hour; one older stay waits to be paid later, one was paid and the car has not left yet."""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from demo.clock import SHANGHAI, plain
from demo.database import Database
from demo.people import SeedResident
from demo.seed_bills import last_day_of_month
from demo.tariff import parking_fee_cents

FIRST_RECORD_ID = 1_987_654_321_012_345_679
RECORD_ID_STEP = 1_048_583
FIRST_CAR_ID = 30_017
MONTH_CARD, TEMPORARY = "1001", "1003"
INSIDE, PAID, OUT, PAY_LATER = "100300", "100400", "100500", "100600"
PARKS = {"C001": ("P001", "阳光花园地下车库"), "C002": ("P101", "翠湖苑地下车库")}
DAYS = 360


@dataclass(frozen=True)
class Car:
    """A seeded car with its owner."""

    number: str
    car_type: str
    owner: SeedResident


def fill(database: Database, residents: tuple[SeedResident, ...], today: date) -> None:
    """Adds the cars, records and orders of all residents."""
    cars = [
        Car(number, MONTH_CARD if place == 0 else TEMPORARY, resident)
        for resident in residents
        for place, number in enumerate(resident.cars)
    ]
    record_id = FIRST_RECORD_ID
    for place, car in enumerate(cars):
        _add_car(database, car, FIRST_CAR_ID + place, today)
        for arrived, left, state in _stays(car, today):
            _add_record(database, car, record_id, arrived, left, state)
            record_id += RECORD_ID_STEP


def _add_car(database: Database, car: Car, car_id: int, today: date) -> None:
    bound = datetime.combine(today - timedelta(days=DAYS + car_id % 100), time(10, 24, 6), SHANGHAI)
    database.insert(
        "cars",
        car_id=car_id,
        user_id=car.owner.user_id,
        community_id=car.owner.community_id,
        car_number=car.number,
        car_type=car.car_type,
        bind_time=plain(bound),
        month_until=last_day_of_month(today).isoformat() if car.car_type == MONTH_CARD else None,
    )


def _stays(car: Car, today: date) -> list[tuple[datetime, datetime | None, str]]:
    """Stays from the oldest to the newest; they do not overlap and all begin before `today`."""
    dice = random.Random(f"stays of {car.number}")  # noqa: S311 - repeatable on purpose
    month_card = car.car_type == MONTH_CARD
    stays: list[tuple[datetime, datetime | None, str]] = []
    days_ago = DAYS - dice.randint(0, 3)
    while days_ago >= 3:
        arrived = _moment(today, days_ago, dice.randint(7 * 60, 19 * 60), dice.randint(0, 59))
        minutes = dice.randint(600, 1_100) if month_card else dice.randint(20, 420)
        stays.append((arrived, arrived + timedelta(minutes=minutes, seconds=dice.randint(0, 59)), OUT))
        days_ago -= dice.randint(4, 8) if month_card else dice.randint(9, 20)
    if month_card:
        stays.append((_moment(today, 1, 18 * 60 + 42, 31), None, INSIDE))
    elif car.owner.user_id == "user123":
        arrived, left, _ = stays[-1]
        stays[-1] = (arrived, left, PAY_LATER)
        stays.append((_moment(today, 1, 20 * 60 + 5, 12), None, INSIDE))
    else:
        stays.append((_moment(today, 1, 21 * 60 + 15, 48), None, PAID))
    return stays


def _add_record(
    database: Database, car: Car, record_id: int, arrived: datetime, left: datetime | None, state: str
) -> None:
    temporary = car.car_type == TEMPORARY
    # A car that was paid for before it left paid for the first three hours.
    minutes = int((left - arrived).total_seconds() // 60) if left else (180 if state == PAID else 0)
    cents = parking_fee_cents(minutes) if temporary else 0
    park_id, park_name = PARKS[car.owner.community_id]
    database.insert(
        "parking_records",
        record_id=record_id,
        user_id=car.owner.user_id,
        community_id=car.owner.community_id,
        car_number=car.number,
        park_id=park_id,
        park_name=park_name,
        in_time=plain(arrived),
        out_time=plain(left) if left else None,
        state=state,
        car_type=car.car_type,
        pay_amount_cents=cents,
    )
    if cents and state in (OUT, PAID):
        paid_at = left or arrived + timedelta(minutes=minutes)
        _add_order(database, car, record_id, minutes, cents, paid_at)


def _add_order(database: Database, car: Car, record_id: int, minutes: int, cents: int, paid_at: datetime) -> None:
    database.insert(
        "parking_orders",
        order_no=f"TC{paid_at:%Y%m%d%H%M%S}{record_id % 10_000:04d}",
        user_id=car.owner.user_id,
        community_id=car.owner.community_id,
        kind="FEE",
        car_number=car.number,
        record_id=record_id,
        minutes=minutes,
        amount_cents=cents,
        state="PAID",
        created_at=plain(paid_at),
    )


def _moment(today: date, days_ago: int, minutes: int, seconds: int) -> datetime:
    start = datetime.combine(today - timedelta(days=days_ago), time(0), SHANGHAI)
    return start + timedelta(minutes=minutes, seconds=seconds)
