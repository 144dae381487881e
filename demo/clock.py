"""The estate's time: one zone, one clock that is passed in; `core.py`, `seed.py` and the upstreams use it."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

# China has had one zone without summer time since 1991: a fixed offset needs no zone database on the machine.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

Clock = Callable[[], datetime]


def now() -> datetime:
    """The wall clock, aware, in the estate's zone."""
    return datetime.now(SHANGHAI)


def iso(moment: datetime) -> str:
    """`2026-11-22T09:30:00+08:00`: seconds, with the zone."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


def plain(moment: datetime) -> str:
    """`2026-11-22 09:30:00`: the legacy form without a zone."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
