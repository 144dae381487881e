"""Fills an empty estate: three residents (`people.py`) and a year of their bills, parking and repairs (`seed_*.py`).

The same day gives the same estate; all dates are relative to that day, so that the estate looks alive."""

import json
from datetime import date

from demo import seed_bills, seed_parking, seed_repairs
from demo.database import Database
from demo.people import RESIDENTS

ARREARS_BLOCK_CENTS = 300_000


def fill(database: Database, today: date) -> None:
    """Seeds everything or nothing; call it on an empty database only."""
    with database.transaction():
        for resident in RESIDENTS:
            rooms = [{"roomId": room.room_id, "roomName": room.room_name} for room in resident.rooms]
            database.insert(
                "residents",
                user_id=resident.user_id,
                name=resident.name,
                phone=resident.phone,
                community_id=resident.community_id,
                community_name=resident.community_name,
                rooms=json.dumps(rooms, ensure_ascii=False),
            )
        seed_bills.fill(database, RESIDENTS, today)
        seed_parking.fill(database, RESIDENTS, today)
        seed_repairs.fill(database, RESIDENTS, today)
