"""The three residents of a new estate; `seed.py` and its parts build their data from them."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class SeedRoom:
    """A room and what its property bill is reckoned from; `arrears`: nobody has paid that bill for long."""

    room_id: str
    room_name: str
    area: Decimal
    arrears: bool = False


@dataclass(frozen=True)
class SeedResident:
    """A resident of the new estate; the first car has a month card, further ones pay by the hour."""

    user_id: str
    name: str
    phone: str
    community_id: str
    community_name: str
    rooms: tuple[SeedRoom, ...]
    cars: tuple[str, ...]


# The estate's own office: name, phone, hours, each in Chinese and English.
OFFICE = (
    "阳光花园物业服务中心 / the Sunshine Garden property office",
    "0755-5550-0100",
    "每天 8:00-20:00 / daily 8:00-20:00",
)

RESIDENTS = (
    SeedResident(
        user_id="user123",
        name="张三",
        phone="13800138000",
        community_id="C001",
        community_name="阳光花园",
        rooms=(SeedRoom("RM-3-2-501", "3栋2单元501", Decimal("89.50")),),
        cars=("粤B12345", "粤BD06688"),
    ),
    SeedResident(
        user_id="user456",
        name="李四",
        phone="13900139000",
        community_id="C002",
        community_name="翠湖苑",
        rooms=(SeedRoom("RM-7-1-1203", "7栋1单元1203", Decimal("118.20")),),
        cars=("粤A67Q21",),
    ),
    SeedResident(
        user_id="user789",
        name="王芳",
        phone="13700137000",
        community_id="C001",
        community_name="阳光花园",
        rooms=(
            SeedRoom("RM-5-1-802", "5栋1单元802", Decimal("76.00")),
            SeedRoom("RM-5-1-803", "5栋1单元803", Decimal("76.00")),
            SeedRoom("RM-1-3-102", "1栋3单元102", Decimal("142.80"), arrears=True),
        ),
        cars=("粤B7K990", "粤B5M316"),
    ),
)
